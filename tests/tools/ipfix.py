#!/usr/bin/env python3
"""A capture of IPFIX or NetFlow v9 datagrams on standard output, for tests: each line of standard input is one, as JSON:

    {"version": 10, "fields": [[ID, LENGTH], [ID, LENGTH, PEN], ...], "records": [[VALUE, ...], ...]}

A template of these fields, and a data set by it; the version is 10 unless it is said. A VALUE is a number, an address or MAC address, {"text": ".."} (filled up
with NULs), or {"hex": ".."}; a LENGTH of 65535 is variable.
"""
import ipaddress
import json
import struct
import sys


def value(v, length):
    if isinstance(v, int):
        return v.to_bytes(length, "big")
    if isinstance(v, dict):
        data = bytes.fromhex(v["hex"]) if "hex" in v else v["text"].encode()
    elif v.count(":") == 5 and "::" not in v:
        data = bytes.fromhex(v.replace(":", ""))
    else:
        data = ipaddress.ip_address(v).packed
    return bytes([len(data)]) + data if length == 65535 else data.ljust(length, b"\0")


def specifier(field):
    if len(field) == 2:
        return struct.pack(">HH", *field)
    return struct.pack(">HHI", field[0] | 0x8000, field[1], field[2])


def a_set(set_id, data):
    return struct.pack(">HH", set_id, 4 + len(data)) + data


def message(d, sequence):
    template = struct.pack(">HH", 256, len(d["fields"])) + b"".join(specifier(f) for f in d["fields"])
    data = b"".join(value(v, f[1]) for r in d["records"] for v, f in zip(r, d["fields"]))
    if d.get("version") == 9:
        return struct.pack(">HHIIII", 9, 2, 5000, 1700000000, sequence, 7) + a_set(0, template) + a_set(256, data)
    body = a_set(2, template) + a_set(256, data)
    return struct.pack(">HHIII", 10, 16 + len(body), 1700000000, sequence, 7) + body


out = sys.stdout.buffer
out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
sent = 0
for line in sys.stdin:
    d = json.loads(line)
    payload = message(d, sent)
    sent += len(d["records"])
    udp = struct.pack(">HHHH", 2000, 4739, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    out.write(struct.pack("<IIII", 1700000001, 0, len(ip) + len(udp), len(ip) + len(udp)) + ip + udp)
