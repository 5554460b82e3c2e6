#!/usr/bin/env python3
"""flowload.py HOST PORT RECORDS [--rate RECORDS_A_SECOND] [--exporters N] [--first NUMBER]

Sends NetFlow v5 datagrams of 30 flow records each. Every record has a number of its own, as in_bytes, from --first (1)
on, so that a database can be asked which of them arrived, and how often. With several exporters the datagrams come
from 127.2.0.1, 127.2.0.2, ... in turn, each with its own sequence. Prints how many records were sent; SIGTERM ends it
early."""
import argparse
import signal
import socket
import struct
import sys
import time

RECORDS = 30

options = argparse.ArgumentParser(usage=__doc__)
options.add_argument("host")
options.add_argument("port", type=int)
options.add_argument("records", type=int)
options.add_argument("--rate", type=float, default=30000)
options.add_argument("--exporters", type=int, default=1)
options.add_argument("--first", type=int, default=1)
o = options.parse_args()


class Exporter:
    def __init__(self, number):
        self.sequence = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.2.%d.%d" % (number // 250, number % 250 + 1), 0))

    def send(self, first, count):
        now = time.time()
        header = struct.pack(">HHIIIIBBH", 5, count, 1000000, int(now), int(now % 1 * 1e9), self.sequence, 0, 0, 0)
        body = b"".join(
            struct.pack(">4s4s4sHHIIIIHHBBBBHHBBH", bytes((10, 0, n >> 8 & 255, n & 255)), bytes((192, 0, 2, 1)),
                        b"\0\0\0\0", 1, 2, 1, n, 990000, 999000, 1024 + n % 60000, 443, 0, 16, 6, 0, 0, 0, 0, 0, 0)
            for n in range(first, first + count))
        self.socket.sendto(header + body, (o.host, o.port))
        self.sequence += count


def ended(*_):
    raise SystemExit


signal.signal(signal.SIGTERM, ended)
exporters = [Exporter(i) for i in range(o.exporters)]
began, sent, turn = time.monotonic(), 0, 0
try:
    while sent < o.records:
        count = min(RECORDS, o.records - sent)
        exporters[turn % len(exporters)].send(o.first + sent, count)
        sent += count
        turn += 1
        ahead = began + sent / o.rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
finally:
    print(sent)
    sys.stdout.flush()
