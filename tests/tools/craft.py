#!/usr/bin/env python3
"""A capture of crafted datagrams on standard output, for tests of what exporters do otherwise than others.

    craft.py [--from ADDRESS] CASE

Each case is a function below, whose name is the case's with _ for -; its first line says what it holds.
"""
import argparse
import ipaddress
import struct
import sys

EXPORTED = 1700000000
BOOTED = 3600  # seconds before


class Exporter:
    """One exporter's datagrams in their order, as a capture of raw IP."""

    def __init__(self, address):
        self.address = ipaddress.ip_address(address).packed
        self.packets = []

    def send(self, payload, port=2000):
        udp = struct.pack(">HHHH", port, 4739, 8 + len(payload), 0) + payload
        if len(self.address) == 4:
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, self.address, bytes((198, 51, 100, 1)))
        else:
            ip = struct.pack(">IHBB16s16s", 6 << 28, len(udp), 17, 64, self.address, bytes(15) + b"\1")
        self.packets.append(ip + udp)

    def v5(self, *records, sampling=0, uptime=BOOTED * 1000, at=EXPORTED):
        header = struct.pack(">HHIIIIBBH", 5, len(records), uptime, at, 0, len(self.packets), 0, 0, sampling)
        self.send(header + b"".join(records))

    def v9(self, *sets, domain=7, uptime=BOOTED * 1000, at=EXPORTED, port=2000, behind=b""):
        header = struct.pack(">HHIIII", 9, len(sets), uptime, at, len(self.packets), domain)
        self.send(header + b"".join(sets) + behind, port)

    def ipfix(self, *sets, domain=7, sequence=0, at=EXPORTED, port=2000):
        body = b"".join(sets)
        self.send(struct.pack(">HHIII", 10, 16 + len(body), at, sequence, domain) + body, port)

    def write(self, out):
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))
        for n, packet in enumerate(self.packets):
            out.write(struct.pack("<IIII", EXPORTED + 1, n, len(packet), len(packet)) + packet)


def number(value, length=4, order="big"):
    return value.to_bytes(length, order)


def text(value, length):
    return value.encode().ljust(length, b"\0")


def a_set(set_id, contents):
    return struct.pack(">HH", set_id, 4 + len(contents)) + contents


def template(template_id, *fields, set_id=0):
    """A set with one template; set 0 is NetFlow v9's, 2 IPFIX's."""
    specifiers = b"".join(struct.pack(">HH", *f) for f in fields)
    return a_set(set_id, struct.pack(">HH", template_id, len(fields)) + specifiers)


def options9(template_id, scopes, *fields):
    specifiers = b"".join(struct.pack(">HH", *f) for f in (*scopes, *fields))
    return a_set(1, struct.pack(">HHH", template_id, 4 * len(scopes), 4 * len(fields)) + specifiers)


def options10(template_id, scopes, *fields):
    specifiers = b"".join(struct.pack(">HH", *f) for f in (*scopes, *fields))
    return a_set(3, struct.pack(">HHH", template_id, len(scopes) + len(fields), len(scopes)) + specifiers)


def v5_record(src, in_if=1, out_if=2, pkts=10, octets=1000, first=BOOTED * 1000 - 2000, last=BOOTED * 1000 - 1000):
    return struct.pack(">4s4s4sHHIIIIHHBBBBHHBBH", ipaddress.ip_address(src).packed, bytes((10, 9, 9, 9)), bytes(4), in_if, out_if,
                       pkts, octets, first, last, 1024, 53, 0, 0x1b, 17, 0, 0, 0, 24, 24, 0)


# source address, interfaces, packets, octets
FLOW = ((8, 4), (10, 4), (14, 4), (2, 4), (1, 4))


def flow(src, in_if=1, out_if=2, pkts=10, octets=1000):
    return ipaddress.ip_address(src).packed + struct.pack(">IIII", in_if, out_if, pkts, octets)


def plain_v5(e):
    """One record, by interfaces 1 and 2, whose header says no sampling rate."""
    e.v5(v5_record("10.0.0.1"))


def plain_v9(e):
    """One record, by interfaces 1 and 2, of an exporter that says nothing of itself."""
    e.v9(template(256, *FLOW), a_set(256, flow("10.0.0.1")))


def plain_ipfix(e):
    """The same in IPFIX."""
    e.ipfix(template(256, *FLOW, set_id=2), a_set(256, flow("10.0.0.1")))


def sampled_v5(e):
    """One record whose header says 1 in 100, by mode 1."""
    e.v5(v5_record("10.0.0.1"), sampling=0x4000 | 100)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="address", default="192.0.2.1")
    parser.add_argument("case")
    arguments = parser.parse_args()
    exporter = Exporter(arguments.address)
    globals()[arguments.case.replace("-", "_")](exporter)
    exporter.write(sys.stdout.buffer)


main()
