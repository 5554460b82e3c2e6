#!/usr/bin/env python3
"""A capture of IPFIX or NetFlow v9 datagrams on standard output, for tests: each line of standard input is one, as JSON:

    {"version": 10, "fields": [[ID, LENGTH], [ID, LENGTH, PEN], ...], "records": [[VALUE, ...], ...]}

A template of these fields, and a data set by it; the version is 10 unless it is said. "templates": {"ID": FIELDS} are announced in
front of it, but for those of "withheld": ["ID"]. A VALUE is a number, an address or MAC address, {"text": ".."} (filled up
with NULs), or {"hex": ".."}; a LENGTH of 65535 is variable. Lists (RFC 6313), where SEMANTIC is a number:

    {"basicList": [SEMANTIC, [ID, LENGTH], [VALUE, ...]]}
    {"subTemplateList": [SEMANTIC, TEMPLATE-ID, [[VALUE, ...], ...]]}
    {"subTemplateMultiList": [SEMANTIC, [[TEMPLATE-ID, [[VALUE, ...], ...]], ...]]}
"""
import ipaddress
import json
import struct
import sys


templates = {}  # of the line in hand, by id


def records(rows, fields):
    return b"".join(value(v, f[1]) for row in rows for v, f in zip(row, fields))


def a_list(kind, v):
    if kind == "basicList":
        return bytes([v[0]]) + specifier(v[1]) + records([[each] for each in v[2]], [v[1]])
    if kind == "subTemplateList":
        return struct.pack(">BH", v[0], v[1]) + records(v[2], templates[str(v[1])])
    parts = [(t, records(rows, templates[str(t)])) for t, rows in v[1]]
    return bytes([v[0]]) + b"".join(struct.pack(">HH", t, 4 + len(p)) + p for t, p in parts)


def octets(v):
    kind, what = next(iter(v.items()))
    if kind == "hex":
        return bytes.fromhex(what)
    return what.encode() if kind == "text" else a_list(kind, what)


def value(v, length):
    if isinstance(v, int):
        return v.to_bytes(length, "big")
    if isinstance(v, dict):
        data = octets(v)
    elif v.count(":") == 5 and "::" not in v:
        data = bytes.fromhex(v.replace(":", ""))
    else:
        data = ipaddress.ip_address(v).packed
    if length != 65535:
        return data.ljust(length, b"\0")
    return (bytes([len(data)]) if len(data) < 255 else struct.pack(">BH", 255, len(data))) + data


def specifier(field):
    if len(field) == 2:
        return struct.pack(">HH", *field)
    return struct.pack(">HHI", field[0] | 0x8000, field[1], field[2])


def a_set(set_id, data):
    return struct.pack(">HH", set_id, 4 + len(data)) + data


def message(d, sequence):
    templates.clear()
    templates.update({**d.get("templates", {}), "256": d["fields"]})
    announced = {i: t for i, t in templates.items() if i not in d.get("withheld", [])}
    template = b"".join(struct.pack(">HH", int(i), len(t)) + b"".join(specifier(f) for f in t) for i, t in announced.items())
    data = records(d["records"], d["fields"])
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
