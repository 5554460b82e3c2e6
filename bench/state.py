#!/usr/bin/env python3
"""What `make bench-state` runs: nfdecode with many exporters of many templates, all equal, and all different.

Each exporter announces its templates, and when all have done so sends one record by each of them, twice. Prints how
many records came out of those sent, what was forgotten, the state's own bytes, peak memory and speed."""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile

EXPORTERS, TEMPLATES, PER_DATAGRAM, ROUNDS = int(sys.argv[1]), int(sys.argv[2]), 16, 2
# 20 fields, as a router's template has them: id, octets
FIELDS = [(8, 4), (12, 4), (15, 4), (10, 4), (14, 4), (2, 8), (1, 8), (152, 8), (153, 8), (7, 2), (11, 2), (6, 2), (4, 1),
          (5, 1), (16, 4), (17, 4), (9, 1), (13, 1), (61, 1), (136, 1)]
RECORD = bytes(sum(length for _, length in FIELDS))


def packet(exporter, sequence, sets):
    """An IPFIX message in UDP, IPv4 and a packet header of pcap."""
    body = struct.pack(">HHIII", 10, 16 + len(sets), 1767225600, sequence, 0) + sets
    udp = struct.pack(">HHHH", 4739, 2055, 8 + len(body), 0) + body
    source = struct.pack(">I", 0x0a000000 + exporter)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + bytes((198, 51, 100, 1)) + udp
    return struct.pack("<IIII", 1767225600, 0, len(ip), len(ip)) + ip


def template(number, exporter):
    """All exporters', or one that no other has: the last element is of an enterprise of its own."""
    fields = b"".join(struct.pack(">HH", *f) for f in FIELDS[:-1])
    fields += struct.pack(">HHI", 0x8000 | 1, 1, 100000 + exporter) if exporter else struct.pack(">HH", *FIELDS[-1])
    return struct.pack(">HH", 256 + number, len(FIELDS)) + fields


def write(file, different):
    numbers = [range(i, min(i + PER_DATAGRAM, TEMPLATES)) for i in range(0, TEMPLATES, PER_DATAGRAM)]
    file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 101))
    for exporter in range(1, EXPORTERS + 1):
        for some in numbers:
            templates = b"".join(template(n, exporter if different else 0) for n in some)
            file.write(packet(exporter, 0, struct.pack(">HH", 2, 4 + len(templates)) + templates))
    data = [b"".join(struct.pack(">HH", 256 + n, 4 + len(RECORD)) + RECORD for n in some) for some in numbers]
    for turn in range(ROUNDS):
        for exporter in range(1, EXPORTERS + 1):
            for some, sets in zip(numbers, data):
                file.write(packet(exporter, turn * TEMPLATES + some[0], sets))


def total(text, key):
    found = re.search(rf"\b{key}=(\d+)", text)
    return int(found.group(1)) if found else 0


def main():
    print(f"{EXPORTERS} exporters of {TEMPLATES} templates of {len(FIELDS)} fields, {ROUNDS} records by each")
    print(f"{'definitions':<12}{'records':>10}{'of':>10}{'templates':>11}{'evicted':>9}{'state MiB':>11}{'peak MiB':>10}"
          f"{'M flows/s':>11}", flush=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for kind in "equal", "different":
            stream, log = os.path.join(folder, "stream"), os.path.join(folder, "log")
            with open(stream, "wb") as file:
                write(file, kind == "different")
            with open(stream, "rb") as file:
                said = subprocess.run([os.path.join(os.environ["BENCH_BIN"], "measure"), "/dev/null", log,
                                       os.path.join(os.environ["GOFLOW_BIN"], "nfdecode")],
                                      stdin=file, stdout=subprocess.PIPE, check=True)
            used = json.loads(said.stdout)["stages"][0]
            with open(log) as file:
                text = file.read()
            flows, sent = total(text, "flows"), ROUNDS * EXPORTERS * TEMPLATES
            print(f"{kind:<12}{flows:>10}{sent:>10}{total(text, 'templates'):>11}{total(text, 'templates_evicted'):>9}"
                  f"{total(text, 'state_bytes') / 2**20:>11.1f}{used['rss_kib'] / 1024:>10.1f}"
                  f"{flows / used['cpu'] / 1e6:>11.2f}", flush=True)
            if used["status"] != 0 or (kind == "equal" and flows != sent):
                sys.exit(f"state.py: {text}")


main()
