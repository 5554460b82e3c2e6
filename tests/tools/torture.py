#!/usr/bin/env python3
"""torture.py KILLS SEED STREAM STREAM: two collectors, three writers, and a killer.

Each STREAM is fed, frame by frame, to an nfsink-kafka over a unix stream socket, as a spool would: a frame is sent
again until it is acknowledged, to another nfsink-kafka when the one before was killed. Three members of a group
(nfsrc-kafka with its nfsink-pg) take the topic's messages into a database, and are started again when they end. At
random moments, KILLS times, one of these processes is killed with -9; frames are released as the kills go on. When all
frames are acknowledged it waits until `psql` counts as many records as the streams hold, or more, and ends the writers.

KAFKA_SERVER, KAFKA_TOPIC and libpq's variables say where all this is. Prints what was killed. Python's standard library
only."""
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

MARK = b"\x8eNFS"
PATIENCE = 120
COLLECTOR = ["nfsink-kafka", "--format", "binary", "--batch", "300", "--linger", "20ms", "--retry", "forever"]
WRITER = ["nfsrc-kafka", "--format", "binary", "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500", "--",
          "nfsink-pg", "--aggregates", "off", "--fields", "all", "--batch", "700", "--linger", "50ms",
          "--retry", "forever"]

kills, seed = int(sys.argv[1]), int(sys.argv[2])
progress = 0  # kills so far
ending = threading.Event()
failures = []


def frames_of(path):
    """(sequence or None for schema frames, records, bytes) of each frame."""
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        assert data[at:at + 4] == MARK, "no frame at %d" % at
        kind, length, records = data[at + 5], *struct.unpack("<II", data[at + 8:at + 16])
        end = at + 52 + length + 4
        sequence = struct.unpack("<Q", data[at + 40:at + 48])[0]
        yield (None, 0, data[at:end]) if kind == 2 else (sequence, records, data[at:end])
        at = end


class Role(threading.Thread):
    """Something that runs again and again, as processes that may be killed."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name, self.process = name, None

    def run(self):
        try:
            self.work()
        except Exception as e:
            failures.append("%s: %r" % (self.name, e))

    def victims(self):
        """Process ids: of the one that was started, and its children."""
        p = self.process
        if not p or p.poll() is not None:
            return []
        try:
            children = open("/proc/%d/task/%d/children" % (p.pid, p.pid)).read().split()
        except OSError:
            children = []
        return [p.pid] + [int(c) for c in children]


class Collector(Role):
    def __init__(self, name, path):
        super().__init__(name)
        self.frames = list(frames_of(path))
        self.acked, self.starts = -1, 0
        self.last = max(n for n, _, _ in self.frames if n is not None)

    def released(self):
        return len(self.frames) * (progress + 1) // (kills + 1)

    def work(self):
        log = open("%s.err" % self.name, "ab")
        while self.acked < self.last and not ending.is_set():
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.process = subprocess.Popen(COLLECTOR, stdin=its, stdout=subprocess.DEVNULL, stderr=log)
            its.close()
            self.starts += 1
            self.feed(ours)
            ours.close()
            self.process.wait()

    def feed(self, sink):
        """Until the sink has gone, or has acknowledged all."""
        sink.setblocking(False)
        at, rest, text = 0, b"", b""
        while self.acked < self.last:
            while not rest and at < self.released():
                number, _, frame = self.frames[at]
                at += 1
                if number is None or number > self.acked:
                    rest = frame
            readable, writable, _ = select.select([sink], [sink] if rest else [], [], 0.1)
            try:
                if writable:
                    rest = rest[sink.send(rest[:65536]):]
                got = sink.recv(65536) if readable else None
            except OSError:
                return
            if got == b"":
                return
            *lines, text = (text + (got or b"")).split(b"\n")
            for line in lines:
                number = int(line.split()[2])
                assert number > self.acked, "acknowledged %d after %d" % (number, self.acked)
                self.acked = number
        sink.shutdown(socket.SHUT_WR)


class Writer(Role):
    def work(self):
        log = open("%s.err" % self.name, "ab")
        while not ending.is_set():
            self.process = subprocess.Popen(WRITER, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
            self.process.wait()


def stored():
    out = subprocess.run(["psql", "-XAtc", "SELECT count(*) FROM goflow_records"], capture_output=True, text=True)
    return int(out.stdout) if out.returncode == 0 else 0


def until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if failures or time.monotonic() > deadline:
            sys.exit("; ".join(failures) or "still not so after %d s: %s" % (PATIENCE, what))
        time.sleep(0.1)


def kill_some(roles, chance):
    global progress
    tally = {}
    while progress < kills:
        time.sleep(chance.uniform(0.05, 1.5))
        role = chance.choice(roles)
        victims = role.victims()
        if not victims:
            continue
        victim = chance.choice(victims)
        try:
            name = open("/proc/%d/comm" % victim).read().strip()
            os.kill(victim, signal.SIGKILL)
        except OSError:
            continue
        tally[name] = tally.get(name, 0) + 1
        progress += 1
    return tally


def end(roles):
    """Stops all of them, gently, and those that do not listen after half a minute at once."""
    ending.set()
    for force in (signal.SIGTERM, signal.SIGKILL):
        for role in roles:
            for victim in role.victims()[:1]:
                os.kill(victim, force)
        for role in roles:
            role.join(30)


def main():
    collectors = [Collector("collector%d" % i, path) for i, path in enumerate(sys.argv[3:])]
    writers = [Writer("writer%d" % i) for i in range(3)]
    for role in collectors + writers:
        role.start()
    try:
        tally = kill_some(collectors + writers, random.Random(seed))
        until("all frames are acknowledged", lambda: all(c.acked == c.last for c in collectors))
        records = sum(n for c in collectors for _, n, _ in c.frames)
        until("%d records are stored" % records, lambda: stored() >= records)
    finally:
        end(collectors + writers)
    print("seed=%d killed=%s collectors_started=%d records=%d" % (
        seed, ",".join("%s:%d" % i for i in sorted(tally.items())), sum(c.starts for c in collectors), records))


main()
