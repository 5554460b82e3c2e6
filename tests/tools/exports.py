#!/usr/bin/env python3
"""A capture of IPFIX datagrams on standard output, for tests.

    exports.py [FORM [COUNT [FIRST]]]

FORM is one of le-us, le-ns, be-us, be-ns (byte order, resolution; le-ns by default). The first of its 1 + COUNT
datagrams brings the template; each of the others has one flow, with source port 1000 + its number, from FIRST (1) on.
"""
import struct
import sys

form = sys.argv[1] if len(sys.argv) > 1 else "le-ns"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 3
start = int(sys.argv[3]) if len(sys.argv) > 3 else 1
order, unit = form.split("-")
order = {"le": "<", "be": ">"}[order]
magic, per_second = {"us": (0xA1B2C3D4, 10**6), "ns": (0xA1B23C4D, 10**9)}[unit]

EXPORTED = 1700000000
ELEMENTS = ((8, 4), (7, 2), (1, 8), (371, 65535))


def message(number, sets):
    return struct.pack(">HHIII", 10, 16 + len(sets), EXPORTED, max(0, number - 1), 7) + sets


def packet(number, payload):
    udp = struct.pack(">HHHH", 2000, 4739, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    fraction = (number * 1000 + 123456) % 10**6 * per_second // 10**6 + (per_second == 10**9) * 789
    length = len(ip) + len(udp)
    return struct.pack(order + "IIII", EXPORTED + 1, fraction, length, length) + ip + udp


template = struct.pack(">HH", 256, len(ELEMENTS)) + b"".join(struct.pack(">HH", *e) for e in ELEMENTS)
out = sys.stdout.buffer
out.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, 101))
out.write(packet(0, message(0, struct.pack(">HH", 2, 4 + len(template)) + template)))
for n in range(start, start + count):
    user = b"user %d" % n
    record = struct.pack(">4sHQB", bytes((10, 0, 0, 1)), (1000 + n) % 65536, 2**64 - n, len(user)) + user
    out.write(packet(n, message(n, struct.pack(">HH", 256, 4 + len(record)) + record)))
