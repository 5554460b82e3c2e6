#!/usr/bin/env python3
"""A capture of sFlow datagrams on standard output, for tests: each line of standard input is one datagram, as JSON.

    {"agent": "192.0.2.7", "sub": 0, "seq": 1, "cut": 4, "count": 3, "samples": [SAMPLE, ...]}

A SAMPLE is {"format": 1, 3, 5 or any, "head": [numbers], "longer": 4, "records": [[FORMAT, PART, ...], ...]}: its head is
what stands in front of the number of records; "longer" octets more are told than there are, and stand there; "hex"
stands in place of all that. A PART of a record is a number (4 octets), an address, {"hex": "00.."} (opaque, fixed),
{"data": "00.."} (opaque, with its length) or {"text": ".."} (the same). "cut" cuts octets from the datagram's end,
"count" is the number of samples that is told.
"""
import ipaddress
import json
import struct
import sys


def opaque(data):
    return data + bytes(-len(data) % 4)


def address(text):
    a = ipaddress.ip_address(text)
    return struct.pack(">I", 1 if a.version == 4 else 2) + a.packed


def part(p):
    if isinstance(p, int):
        return struct.pack(">I", p)
    if isinstance(p, str):
        return address(p)
    if "hex" in p:
        return opaque(bytes.fromhex(p["hex"]))
    data = p["text"].encode() if "text" in p else bytes.fromhex(p["data"])
    return struct.pack(">I", len(data)) + opaque(data)


def record(r):
    data = b"".join(part(p) for p in r[1:])
    return struct.pack(">II", r[0], len(data)) + data


def sample(s):
    if "hex" in s:
        data = bytes.fromhex(s["hex"])
    else:
        records = [record(r) for r in s.get("records", [])]
        data = b"".join(struct.pack(">I", n) for n in s["head"] + [len(records)]) + b"".join(records)
    data += bytes(s.get("longer", 0))
    return struct.pack(">II", s["format"], len(data)) + data


def datagram(d):
    samples = [sample(s) for s in d["samples"]]
    head = struct.pack(">I", d.get("version", 5)) + address(d.get("agent", "192.0.2.7"))
    head += struct.pack(">IIII", d.get("sub", 0), d.get("seq", 1), 5000, d.get("count", len(samples)))
    data = head + b"".join(samples)
    return data[:len(data) - d.get("cut", 0)]


out = sys.stdout.buffer
out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
for n, line in enumerate(sys.stdin):
    payload = datagram(json.loads(line))
    udp = struct.pack(">HHHH", 40000, 6343, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    out.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip) + len(udp), len(ip) + len(udp)) + ip + udp)
