#!/usr/bin/env python3
"""Reads the flow stream, goflow-stream(5), and prints its records as JSON lines, goflow-record(5)."""
import datetime, functools, io, ipaddress, json, struct, sys

WORDS = {"time_source": ["last_switched", "first_switched", "event_time", "export_time", "received"],
         "sampling_source": ["unknown", "header", "record", "options", "static"]}
TABLE = range(256)
for _ in range(8):
    TABLE = [c >> 1 ^ (c & 1) * 0x82F63B78 for c in TABLE]

def crc(data):
    return ~functools.reduce(lambda c, b: TABLE[(c ^ b) & 255] ^ c >> 8, data, 0xFFFFFFFF) & 0xFFFFFFFF

def frames(stream):
    """The kind, schema hash and payload of each frame whose sums hold."""
    data = chunk = b" "
    while chunk:
        chunk = stream.read1(1 << 20)
        data += chunk
        while (at := data.find(b"\x8eNFS")) >= 0 and len(data) >= at + 52:
            version, kind, length, schema, check = struct.unpack_from("<4xBBxxI4xQ24xI", data, at)
            payload, end = data[at + 52:at + 52 + length], data[at + 52 + length:][:4]
            if crc(data[at:at + 48]) != check or version != 1:
                data = data[at + 1:]
            elif len(end) < 4 and chunk:
                break
            elif len(end) < 4 or crc(payload) != int.from_bytes(end, "little"):
                data = data[at + 52:]
            else:
                yield kind, schema, io.BytesIO(payload)
                data = data[at + 52 + length + 4:]

def number(f, size):
    return int.from_bytes(f.read(size), "little")

def column(f):
    _, kind, name = number(f, 2), number(f, 1), f.read(number(f, 1))
    return name.decode(), kind

def time(ns, digits):
    second = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return f"{second:%Y-%m-%dT%H:%M:%S}" + f".{ns % 10**9:09}"[:digits and digits + 1] + "Z"

def value(f, kind):
    match kind:
        case 5: return str(ipaddress.ip_address(f.read(number(f, 1))))
        case 6: return f.read(6).hex(":")
        case 7: return time(number(f, 8), number(f, 1))
        case 8: return f.read(number(f, 2))
    return number(f, {1: 1, 2: 2, 3: 4, 4: 8, 9: 1}[kind])

def records(f, schema):
    """The values by name and the extras of each record; values in the order of the schema."""
    shared = {}
    while head := number(f, 4):
        bits = sum(number(f, 8) << 64 * w for w in range(4) if head >> 28 + w & 1)
        values = {name: value(f, kind) for i, (name, kind) in enumerate(schema) if bits >> i & 1}
        extras = [(number(f, 4), number(f, 2), f.read(number(f, 2)))
                  for _ in range(number(f, 2) if head >> 25 & 1 else 0)]
        if head >> 24 & 1:
            shared = values
        else:
            both = {**shared, **values}
            yield {name: both[name] for name, _ in schema if name in both}, extras

def as_json(values, extras):
    line = {}
    for name, found in values.items():
        line[name] = dict(enumerate(WORDS.get(name, []), 1)).get(found, found)
        if isinstance(found, bytes):
            text = found.decode("utf-8", "surrogateescape")
            line[name] = "".join("\ufffd" if c == "\0" or "\udc80" <= c <= "\udcff" else c for c in text)
            if line[name] != text:
                line[name + "_hex"] = found.hex()
    for pen, element, found in extras:
        line.setdefault("extra", {}).setdefault(f"en{pen}:id{element}", []).append({"hex": found.hex()})
    return json.dumps(line)

schemas = {}
for kind, schema, payload in frames(sys.stdin.buffer):
    if kind == 2:
        schemas[schema] = [column(payload) for _ in range(number(payload, 2))]
    elif kind == 1 and schema in schemas:
        for values, extras in records(payload, schemas[schema]):
            print(as_json(values, extras))
    elif kind == 3: # lines of counters, as they are
        print(payload.read().decode(), end="")
