#!/usr/bin/env python3
"""A capture of one IPFIX record of the elements that are given, on standard output, for tests of packet sections.

    sections.py ID=HEX|ID/LENGTH=HEX...

An element has the length of its octets; with a length after the id, v for a variable one, or a number, to which it is
padded with octets ee. Blanks in HEX do not count.
"""
import sys

from craft import Exporter, a_set, template

fields, record = [], b""
for argument in sys.argv[1:]:
    name, octets = argument.split("=")
    element, _, length = name.partition("/")
    octets = bytes.fromhex(octets)
    if length == "v":
        fields.append((int(element), 65535))
        record += bytes((len(octets),)) if len(octets) < 255 else b"\xff" + len(octets).to_bytes(2, "big")
    else:
        octets = octets.ljust(int(length or 0), b"\xee")
        fields.append((int(element), len(octets)))
    record += octets
exporter = Exporter("192.0.2.1")
exporter.ipfix(template(256, *fields, set_id=2), a_set(256, record))
exporter.write(sys.stdout.buffer)
