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


SYSTEM, INTERFACE = (1, 4), (2, 4)  # scopes of NetFlow v9


def interface_table(e, domain=7, name="Gi0/0/%d", description="port %d", scopes=(SYSTEM,), fields=((10, 4), (82, 16), (83, 16))):
    rows = b""
    for index in 1, 2:
        values = {(1, 4): number(0), (2, 4): number(index), (10, 4): number(index), (14, 4): number(index),
                  (82, 16): text(name % index, 16), (83, 16): text(description % index, 16)}
        rows += b"".join(values[f] for f in (*scopes, *fields))
    e.v9(options9(300, scopes, *fields), a_set(300, rows), domain=domain)


def interface_names(e):
    """A table of interfaces with the scope System (Q35), and a flow."""
    interface_table(e)
    plain_v9(e)


def interface_scope(e):
    """The same with the interface as the scope."""
    interface_table(e, scopes=(INTERFACE,), fields=((82, 16), (83, 16)))
    plain_v9(e)


def interface_egress(e):
    """The same, the interface being an egress one."""
    interface_table(e, fields=((14, 4), (82, 16)))
    plain_v9(e)


def interface_descriptions(e):
    """Descriptions alone; the element of names is there and empty."""
    interface_table(e, name="%.0s")
    plain_v9(e)


def interface_renamed(e):
    """A flow before the names, one behind them, one after they have changed."""
    plain_v9(e)
    interface_table(e)
    plain_v9(e)
    interface_table(e, name="Te0/0/%d")
    plain_v9(e)


def interface_elsewhere(e):
    """The table comes from another observation domain than the flow."""
    interface_table(e, domain=6, name="Gi6/%d")
    plain_v9(e)


def interface_domains(e):
    """Each of two domains has a table of its own."""
    interface_table(e, domain=6, name="Gi6/%d")
    interface_table(e, domain=7, name="Gi7/%d")
    interface_table(e, domain=8, name="Gi8/%d")
    plain_v9(e)


def interface_ipfix(e):
    """Names of any length, in IPFIX, with the interface as the scope."""
    rows = b"".join(number(i) + bytes((len(n),)) + n for i, n in ((1, b"eth0"), (2, b"a longer name of an interface")))
    e.ipfix(options10(300, ((10, 4),), (82, 65535)), a_set(300, rows))
    e.ipfix(template(256, *FLOW, set_id=2), a_set(256, flow("10.0.0.1")), sequence=2)


def vrf_names(e):
    """A table of VRFs by their ingress id, one by the egress id, and a flow from the one to the other."""
    e.v9(options9(301, (SYSTEM,), (234, 4), (236, 8)), a_set(301, number(0) + number(5) + text("red", 8)),
         options9(302, (SYSTEM,), (235, 4), (236, 8)), a_set(302, number(0) + number(6) + text("blue", 8)))
    e.v9(template(257, (8, 4), (234, 4), (235, 4)), a_set(257, bytes((10, 0, 0, 1)) + number(5) + number(6)))


def application_names(e):
    """A table of applications (RFC 6759), and flows of one, of one with a description alone, and of one without a name."""
    known = 13 << 24 | 453
    e.v9(options9(303, (SYSTEM,), (95, 4), (96, 16), (94, 24)),
         a_set(303, number(0) + number(known) + text("https", 16) + text("secure web", 24) +
               number(0) + number(known + 1) + text("", 16) + text("only described", 24)))
    e.v9(template(258, (8, 4), (95, 4)), a_set(258, b"".join(bytes((10, 0, 0, n)) + number(known + n) for n in range(3))))


def sampled(e, *options, scopes=(SYSTEM,), values=b"", flows=None, domain=7):
    """Options that are announced for a flow which says nothing itself."""
    e.v9(options9(310, scopes, *options), a_set(310, values), domain=domain)
    (flows or plain_v9)(e)


def sampling_34(e):
    """Interval and algorithm."""
    sampled(e, (34, 4), (35, 1), values=number(0) + number(34) + b"\2")


def sampling_34_alone(e):
    """Interval without an algorithm (Q24)."""
    sampled(e, (34, 4), values=number(0) + number(340))


def sampling_305(e):
    """One packet, then a space of 304 (RFC 5477, 8.2)."""
    sampled(e, (305, 4), (306, 4), values=number(0) + number(1) + number(304))


def sampling_309(e):
    """Two of 618."""
    sampled(e, (304, 2), (309, 4), (310, 4), values=number(0) + number(3, 2) + number(2) + number(618))


def sampling_one(e):
    """Announced: each packet is seen."""
    sampled(e, (34, 4), values=number(0) + number(1))


def sampling_elsewhere(e):
    """Announced by another domain."""
    sampled(e, (34, 4), values=number(0) + number(66), domain=6)


def by_sampler(e, *ids, length=1):
    e.v9(template(259, (8, 4), (48, length)), a_set(259, b"".join(bytes((10, 0, 0, i)) + number(i, length) for i in ids)))


def sampling_samplers(e):
    """Two samplers (48, 49, 50), flows of both, and of a third."""
    sampled(e, (48, 1), (49, 1), (50, 4), values=b"".join(number(0) + bytes((i, 2)) + number(1000 * i) for i in (1, 2)),
            flows=lambda x: by_sampler(x, 1, 2, 3))


def sampling_selectors(e):
    """A selector of IPFIX (302, 304), by 305 and 306, and a flow of it."""
    e.ipfix(options10(311, ((302, 8),), (304, 2), (305, 4), (306, 4)), a_set(311, number(9, 8) + number(1, 2) + number(1) + number(301)))
    e.ipfix(template(260, (8, 4), (302, 8), set_id=2), a_set(260, bytes((10, 0, 0, 1)) + number(9, 8)), sequence=1)


def sampling_interfaces(e):
    """A rate for each of two interfaces; flows by the one, by the other, by neither."""
    sampled(e, (34, 4), scopes=(INTERFACE,), values=b"".join(number(i) + number(100 * i) for i in (1, 2)),
            flows=lambda x: x.v9(template(256, *FLOW), a_set(256, flow("10.0.0.1", 1, 9) + flow("10.0.0.2", 2, 9) + flow("10.0.0.3", 8, 9))))


def sampling_template(e):
    """A rate for template 256 alone, and flows of it and of 261."""
    sampled(e, (34, 4), scopes=((5, 2),), values=number(256, 2) + number(256))
    e.v9(template(261, *FLOW), a_set(261, flow("10.0.0.2")))


def sampling_in_records(e):
    """The pair 305 and 306 in the flow itself."""
    e.v9(template(262, (8, 4), (305, 4), (306, 4)), a_set(262, bytes((10, 0, 0, 1)) + number(2) + number(98)))


def sampling_counters(e):
    """Rates in the records: 1 in 1000, in 1, in so many that the product is too large for 64 bits, and none."""
    rows = b"".join(number(o, 8) + number(p, 8) + number(r) for o, p, r in
                    ((1500, 2, 1000), (1500, 2, 1), (2**63, 2**62, 3), (1500, 2, 0)))
    e.v9(template(263, (1, 8), (2, 8), (34, 4)), a_set(263, rows))


def enterprise(template_id, *fields):
    """A set with one template of IPFIX, whose fields are (pen, id, length)."""
    specifiers = b"".join(struct.pack(">HHI", 0x8000 | i, n, pen) if pen else struct.pack(">HH", i, n) for pen, i, n in fields)
    return a_set(2, struct.pack(">HH", template_id, len(fields)) + specifiers)


def own_elements(e):
    """Elements of an enterprise that nobody knows: a number, a name, an address, a MAC, a time, flags, and 351."""
    fields = ((0, 8, 4), (12345, 1, 4), (12345, 2, 65535), (12345, 3, 4), (12345, 4, 16), (12345, 5, 6), (12345, 6, 8),
              (12345, 7, 12), (0, 351, 8))
    row = (bytes((10, 0, 0, 1)) + number(77) + bytes((5,)) + b"alice" + bytes((192, 0, 2, 9)) +
           ipaddress.ip_address("2001:db8::9").packed + bytes(range(1, 7)) + number(EXPORTED * 1000 + 250, 8) +
           number(0x0123456789ABCDEF0011AA55, 12) + number(0x0100000000000123, 8))
    e.ipfix(enterprise(256, *fields), a_set(256, row))


def reduced_elements(e):
    """One element by 8, 2 and 1 octets, then a variable one of 0 and 3: by five templates."""
    for n, (length, value) in enumerate(((8, number(0x0102, 8)), (2, number(0x0102, 2)), (1, number(2, 1)))):
        e.ipfix(enterprise(256 + n, (12345, 8, length)), a_set(256 + n, value), sequence=n)
    e.ipfix(enterprise(260, (12345, 8, 65535), (0, 4, 1)), a_set(260, b"\0\6" + b"\3\0\1\2\6"), sequence=3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="address", default="192.0.2.1")
    parser.add_argument("case")
    arguments = parser.parse_args()
    exporter = Exporter(arguments.address)
    globals()[arguments.case.replace("-", "_")](exporter)
    exporter.write(sys.stdout.buffer)


main()
