#!/usr/bin/env python3
"""Moves what announces templates behind all the rest of a capture.

    templateslast.py < pcap-stream > pcap-stream

Of a pcap stream as nfrecv writes it: each NetFlow v9 or IPFIX datagram with a set of templates, those of options
first. Ends with 3, and writes nothing, where an id is defined in two ways: then the order means something.
"""
import struct
import sys

OPTIONS, TEMPLATES, OTHER = 0, 1, 2


def payload(packet):
    """Source address and port, and what the UDP datagram holds; None if it is a fragment or no UDP."""
    if packet[0] >> 4 == 4:
        head = 4 * (packet[0] & 15)
        whole = struct.unpack(">H", packet[6:8])[0] & 0x3fff == 0
        protocol, source = packet[9], packet[12:16]
    else:
        head, whole, protocol, source = 40, True, packet[6], packet[8:24]
    if protocol != 17 or not whole:
        return None
    return source, packet[head:head + 2], packet[head + 8:]


def sets(data):
    version = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 0
    if version not in (9, 10):
        return
    at = 20 if version == 9 else 16
    while at + 4 <= len(data):
        number, length = struct.unpack(">HH", data[at:at + 4])
        if length < 4:
            return
        yield version, number, data[at + 4:at + length]
        at += length


def definitions(version, options, body):
    """(id, definition) of each template in a set."""
    while len(body) >= (6 if options else 4):
        number, count = struct.unpack(">HH", body[:4])
        if number < 256:
            return
        if version == 9 and options:
            end = 6 + count + struct.unpack(">H", body[4:6])[0]
        elif version == 9:
            end = 4 + 4 * count
        else:
            end = 6 if options and count else 4
            for _ in range(count):
                end += 8 if end < len(body) and body[end] & 0x80 else 4
        yield number, (options, body[:end])
        body = body[end:]


def main():
    stream = sys.stdin.buffer.read()
    known, parts, at = {}, ([], [], []), 24
    while at + 16 <= len(stream):
        end = at + 16 + struct.unpack("<I", stream[at + 8:at + 12])[0]
        kind, found = OTHER, payload(stream[at + 16:end])
        source, port, data = found or (b"", b"", b"")
        for version, number, body in sets(data):
            options = number == (1 if version == 9 else 3)
            if not options and number != (0 if version == 9 else 2):
                continue
            kind = min(kind, OPTIONS if options else TEMPLATES)
            domain = data[16:20] if version == 9 else data[12:16]
            for template, definition in definitions(version, options, body):
                if known.setdefault((source, version, domain, template), definition) != definition:
                    sys.exit(3)
        parts[kind].append(stream[at:end])
        at = end
    sys.stdout.buffer.write(stream[:24] + b"".join(parts[OTHER] + parts[OPTIONS] + parts[TEMPLATES]))


main()
