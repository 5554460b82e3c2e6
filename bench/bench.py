#!/usr/bin/env python3
"""What `make bench` runs: goflow beside nfdump, and beside a plain loader into SQLite. Python's standard library only.

Captures are made by gen, seeded; all files lie on memory-backed storage, and are removed at the end. The two sides of
a comparison run in turn, round after round, after a first one that does not count; what is compared are the medians of
flows per second of CPU, user and system, of all processes of a side together. After every run, the sums of
records, bytes and packets that came out are checked against the generator's."""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

BIN = os.environ["GOFLOW_BIN"]
TOOLS = os.environ["BENCH_BIN"]
NFDUMP_BIN = os.environ.get("NFDUMP_BIN", "")
MEMORY = "/dev/shm"
SEED = 1
NFDUMP_LEAST = (1, 7, 8)
MIB = 1024  # KiB

# How many times the other side's speed it is to be.
TARGET_DECODE = {"v5": 0.7, "v9": 1.5, "ipfix": 1.5}
TARGET_JSON = 4
TARGET_SQLITE = 0.9
# Peak memory is to be less than 32 MiB and what a stage is allowed to hold: the ring, which a file does not need; the
# decoder's state and what waits for templates.
BOUND = {"nfrecv": 32 * MIB, "nfdecode": (32 + 64 + 4) * MIB, "nfsink-sqlite": 32 * MIB}


def tool(name):
    return os.path.join(TOOLS, name)


def program(name):
    return os.path.join(BIN, name)


class Wrong(Exception):
    pass


class Bench:
    def __init__(self, folder, flows, rounds):
        self.folder, self.flows, self.rounds = folder, flows, rounds
        self.rss = {}       # program: KiB, the most of all runs
        self.misses = 0
        self.truth = {}     # capture: what gen said

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def capture(self, kind, flows=None):
        flows = flows or self.flows
        path = self.path(f"{kind}-{flows}.pcap")
        if path not in self.truth:
            said = subprocess.run([tool("gen"), kind, str(flows), str(SEED), path], check=True, stdout=subprocess.PIPE)
            self.truth[path] = json.loads(said.stdout)
        return path

    def drop(self, *paths):
        for path in paths:
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)

    def measure(self, output, *stages, source="/dev/null"):
        """Runs a pipeline, which reads the source; the CPU seconds of all of it."""
        words = []
        for stage in stages:
            words += (["|"] if words else []) + stage
        log = self.path("log")
        with open(source, "rb") as stdin:
            done = subprocess.run([tool("measure"), output, log, *words], check=True, stdin=stdin, stdout=subprocess.PIPE)
        said = json.loads(done.stdout)
        for stage, used in zip(stages, said["stages"]):
            name = os.path.basename(stage[0])
            if used["status"] != 0:
                with open(log, errors="replace") as f:
                    raise Wrong(f"{name} ended with {used['status']}:\n{f.read()[-2000:]}")
            self.rss[name] = max(self.rss.get(name, 0), used["rss_kib"])
        return sum(s["cpu"] for s in said["stages"])

    def check(self, capture, who, sums):
        truth = self.truth[capture]
        for key in ("records", "bytes", "packets"):
            if sums[key] != truth[key]:
                raise Wrong(f"{who} of {os.path.basename(capture)}: {key} {sums[key]}, but {truth[key]} were sent")

    def compare(self, capture, ours, theirs):
        """Medians of flows per second of CPU: ours, theirs, and of the rounds' ratios."""
        ours(), theirs and theirs()
        a, b = [], []
        for _ in range(self.rounds):
            a.append(ours())
            if theirs:
                b.append(theirs())
        flows = self.truth[capture]["records"]
        speed = lambda cpu: flows / statistics.median(cpu)
        return speed(a), speed(b) if b else None

    def row(self, what, speeds, target):
        ours, theirs = speeds
        line = f"{what:<34} {ours / 1e6:8.2f}"
        if theirs:
            ratio = ours / theirs
            line += f" {theirs / 1e6:8.2f} {ratio:8.2f}"
            if target:
                holds = ratio >= target
                self.misses += not holds
                line += f" {target:8.2f}  {'holds' if holds else 'MISSED'}"
        print(line, flush=True)

    # One run of each side; returns CPU seconds.

    def goflow(self, capture, output, *options):
        cpu = self.measure(output, [program("nfrecv"), "-r", capture], [program("nfdecode"), *options])
        self.check(capture, "nfdecode", sums_of(output))
        self.drop(output)
        return cpu

    def nfcapd(self, capture, folder):
        self.drop(folder)
        os.mkdir(folder)
        cpu = self.measure("/dev/null", [nfdump_program("nfcapd"), "-f", capture, "-w", folder])
        self.check(capture, "nfcapd", nfdump_sums(only_file(folder)))
        return cpu

    def nfdump_json(self, capture, file):
        return self.lines(capture, ndjson_sums, "/dev/null", [nfdump_program("nfdump"), "-r", file, "-o", "ndjson"])

    def lines(self, capture, sums, source, command):
        """A writer of lines is timed into nothing: storing them costs the kernel more than making them. What it
        writes is checked in a run of its own."""
        output = self.path("lines")
        self.measure(output, command, source=source)
        self.check(capture, os.path.basename(command[0]), sums(output))
        self.drop(output)
        return self.measure("/dev/null", command, source=source)

    def loaded(self, capture, database, *command):
        self.drop(database, database + "-wal", database + "-shm")
        cpu = self.measure("/dev/null", list(command))
        self.check(capture, os.path.basename(command[0]), database_sums(database))
        return cpu

    # The parts.

    def decode(self, kinds, theirs):
        print(heading("Into binary: nfrecv -r F | nfdecode > /dev/shm/...", "nfcapd -f F" if theirs else ""))
        for kind in kinds:
            f = self.capture(kind)
            ours = lambda: self.goflow(f, self.path("flows.bin"))
            other = lambda: self.nfcapd(f, self.path("nfcapd"))
            self.row(kind, self.compare(f, ours, theirs and other), TARGET_DECODE.get(kind))

    def json(self, kinds, theirs):
        print(heading("JSON lines: nfdecode -j < F > /dev/null", "nfdump -o ndjson" if theirs else ""))
        for kind in kinds:
            f = self.capture(kind, max(1, self.flows // 4))
            file = None
            if theirs:
                self.nfcapd(f, self.path("nfcapd"))
                file = only_file(self.path("nfcapd"))
            ours = lambda: self.lines(f, sums_of, f, [program("nfdecode"), "-j"])
            other = lambda: self.nfdump_json(f, file)
            self.row(kind, self.compare(f, ours, theirs and other), TARGET_JSON)

    def sqlite(self, kinds, _):
        print(heading("Into SQLite: nfsink-sqlite", "plainload"))
        for kind in kinds:
            f = self.capture(kind, max(1, self.flows // 4))
            stream, rows, schema = self.path("flows.bin"), self.path("rows"), self.path("schema.sql")
            database, plain = self.path("flows.db"), self.path("plain.db")
            self.measure(stream, [program("nfrecv"), "-r", f], [program("nfdecode")])
            sink = [program("nfsink-sqlite"), "-r", stream, "-d", database]
            self.loaded(f, database, *sink)
            write_schema(database, schema)
            self.measure("/dev/null", [tool("rows"), stream, database, rows])
            ours = lambda: self.loaded(f, database, *sink)
            other = lambda: self.loaded(f, plain, tool("plainload"), schema, rows, plain)
            self.row(kind, self.compare(f, ours, other), TARGET_SQLITE)
            self.drop(stream, rows, database, plain)

    def memory(self, kinds, _):
        """Peak memory of all runs until now; a file ten times smaller tells whether it grows."""
        most, self.rss = self.rss, {}
        for kind in kinds:
            f = self.capture(kind, max(1, self.flows // 10))
            self.goflow(f, self.path("flows.bin"))
            self.goflow(f, self.path("flows.json"), "-j")
        small, self.rss = self.rss, most
        print(f"\n{'Peak memory, MiB':<34} {'most':>8} {'1/10':>8} {'bound':>8}")
        for name, bound in BOUND.items():
            if name in most:
                holds = most[name] < bound
                self.misses += not holds
                smaller = f"{small[name] / MIB:8.1f}" if name in small else f"{'':8}"
                print(f"{name:<34} {most[name] / MIB:8.1f} {smaller} {bound // MIB:8}  {'holds' if holds else 'MISSED'}")


def heading(ours, theirs):
    return f"\n{ours}{' beside ' + theirs if theirs else ''}\n{'million flows per CPU second':<34} {'ours':>8}" + (
        f" {'theirs':>8} {'ratio':>8} {'target':>8}" if theirs else "")


def sums_of(path):
    with open(path, "rb") as f:
        return json.loads(subprocess.run([tool("sum")], stdin=f, check=True, stdout=subprocess.PIPE).stdout)


def nfdump_program(name):
    return shutil.which(name, path=NFDUMP_BIN or None)


def nfdump_sums(file):
    said = subprocess.run([nfdump_program("nfdump"), "-r", file, "-I"], check=True, stdout=subprocess.PIPE, text=True)
    values = dict(re.findall(r"^(\w+): (\d+)$", said.stdout, re.M))
    return {"records": int(values["Flows"]), "bytes": int(values["Bytes"]), "packets": int(values["Packets"])}


def ndjson_sums(path):
    pattern = re.compile(rb'"in_packets":(\d+),"in_bytes":(\d+)')
    records = packets = octets = 0
    with open(path, "rb") as f:
        for line in f:
            found = pattern.search(line)
            records += 1
            packets += int(found[1])
            octets += int(found[2])
    return {"records": records, "bytes": octets, "packets": packets}


def database_sums(path):
    sql = "SELECT count(*), sum(in_bytes), sum(in_pkts) FROM goflow_records"
    said = subprocess.run(["sqlite3", "-batch", path, sql], check=True, stdout=subprocess.PIPE, text=True)
    records, octets, packets = said.stdout.strip().split("|")
    return {"records": int(records), "bytes": int(octets), "packets": int(packets)}


def write_schema(database, path):
    """Tables and indexes as the sink makes them, for the plain loader."""
    with open(path, "w") as f:
        subprocess.run(["sqlite3", "-batch", database, ".schema --nosys"], check=True, stdout=f)


def only_file(folder):
    """nfcapd names its file after the time of day; a run across the end of a slot makes two."""
    names = sorted(n for n in os.listdir(folder) if n.startswith("nfcapd.2"))
    if len(names) != 1:
        raise Wrong(f"nfcapd wrote {len(names)} files")
    return os.path.join(folder, names[0])


def nfdump_missing():
    """Why there is nothing to compare with, or None."""
    for name in ("nfcapd", "nfdump"):
        if not nfdump_program(name):
            return f"{name} is not {'in ' + NFDUMP_BIN if NFDUMP_BIN else 'on PATH'}"
    said = subprocess.run([nfdump_program("nfdump"), "-V"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said.stdout)
    if not found or tuple(map(int, found.groups())) < NFDUMP_LEAST:
        return f"nfdump is older than {'.'.join(map(str, NFDUMP_LEAST))}: {said.stdout.strip()}"
    said = subprocess.run([nfdump_program("nfcapd"), "-h"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "-f pcapfile" not in said.stdout:
        return "nfcapd reads no pcap files: it is to be built with --enable-readpcap"
    return None


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*: (.*)$", f.read(), re.M)
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def main():
    parts = ("decode", "json", "sqlite", "memory")
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--flows", type=int, default=2000000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--kinds", nargs="+", default=["v5", "v9", "ipfix", "mix"], choices=["v5", "v9", "ipfix", "mix"])
    options.add_argument("--parts", nargs="+", default=parts, choices=parts)
    o = options.parse_args()

    missing = nfdump_missing()
    print(machine())
    print(f"{o.flows} flows a capture (JSON and SQLite: a quarter), seed {SEED}, medians of {o.rounds} rounds after a warm-up")
    if missing:
        print(f"Without nfdump: {missing}. Build {'.'.join(map(str, NFDUMP_LEAST))} or later with --enable-readpcap and name its "
              "folder in NFDUMP_BIN.")
    with tempfile.TemporaryDirectory(prefix="goflow-bench.", dir=MEMORY) as folder:
        bench = Bench(folder, o.flows, o.rounds)
        try:
            for part in parts:
                if part in o.parts:
                    getattr(bench, part)(o.kinds, not missing)
        except Wrong as e:
            sys.exit(f"\nbench: {e}")
    print(f"\n{bench.misses} targets missed" if bench.misses else "\nAll targets hold.")


if __name__ == "__main__":
    main()
