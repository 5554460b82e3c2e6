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


def doubtful_counters(e):
    """A record of two gigabytes in a packet, one of octets without packets, one of neither, and one of the longest packets."""
    e.ipfix(template(256, *FLOW, set_id=2), a_set(256, flow("10.0.0.1", pkts=1, octets=2000000000) + flow("10.0.0.2", pkts=0) +
                                                  flow("10.0.0.3", pkts=0, octets=0) + flow("10.0.0.4", pkts=2, octets=131070)))


def many_interfaces(e):
    """Rates of 200 interfaces, 1 in 1000 and the interface's number, and a record by each, in at first, then out."""
    e.ipfix(options10(257, ((10, 4),), (34, 4)), template(256, *FLOW, set_id=2))
    e.ipfix(a_set(257, b"".join(struct.pack(">II", n, 1000 + n) for n in range(1, 201))))
    e.ipfix(a_set(256, b"".join(flow("10.0.0.1", in_if=n, out_if=999) for n in range(1, 201))), sequence=200)
    e.ipfix(a_set(256, b"".join(flow("10.0.0.2", in_if=999, out_if=n) for n in range(1, 201))), sequence=400)


# what records of applications share: an AS, an interface, an element without a field, and a sampling interval
SHARED = ((137, 8), (16, 4), (10, 4), (303, 2), (34, 4))
REFERRING = ((8, 4), (137, 4), (10, 4), (2, 4))


def shared(common, source_as, interface, probes, interval):
    return struct.pack(">QIIHI", common, source_as, interface, probes, interval)


def referring(src, common, interface, pkts):
    return ipaddress.ip_address(src).packed + struct.pack(">III", common, interface, pkts)


def common_properties(e):
    """Records that refer to properties 5 and 6, to 7, which nobody announced, and, by another template, to 5 and 6 both."""
    e.ipfix(options10(257, SHARED[:1], *SHARED[1:]), a_set(257, shared(5, 64501, 1, 77, 100) + shared(6, 64502, 2, 78, 200)),
            template(256, *REFERRING, set_id=2), template(258, (8, 4), (137, 1), (137, 1), set_id=2))
    e.ipfix(a_set(256, b"".join(referring("10.0.0.%d" % n, n, 9, 1) for n in (5, 6, 7))), sequence=2)
    e.ipfix(a_set(258, bytes((10, 0, 0, 56, 5, 6))), sequence=5)
    e.ipfix(options10(257, SHARED[:1], *SHARED[1:]), template(256, *REFERRING, set_id=2),
            a_set(256, referring("10.0.1.5", 5, 9, 1)), domain=8)  # which has announced no properties
    e.ipfix(options10(257, SHARED[:1], (17, 4), *SHARED[2:]), template(256, *REFERRING, set_id=2),
            a_set(256, referring("10.0.2.5", 5, 9, 1)), sequence=6)  # what it was announced by is another template now


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


# What exporters do otherwise: a case for each quirk of lib/quirks.def.

TIMES = ((8, 4), (22, 4), (21, 4))  # source address, uptimes of the first and last packet


def times(first, last, length=4):
    return bytes((10, 0, 0, 1)) + number(first, length) + number(last, length)


def uptime_in_seconds(e):
    """Two headers 60 s apart, whose uptimes are as far apart in seconds; the second has a flow that took 10 s."""
    e.v9(template(270, *TIMES), uptime=BOOTED)
    e.v9(a_set(270, times(BOOTED + 30, BOOTED + 40)), uptime=BOOTED + 60, at=EXPORTED + 60)


def uptime_in_seconds_once(e):
    """One header alone, by which nobody can tell."""
    e.v9(template(270, *TIMES), a_set(270, times(BOOTED - 30, BOOTED - 20)), uptime=BOOTED)


def uptime_in_seconds_v5(e):
    """The same in NetFlow v5."""
    e.v5(v5_record("10.0.0.1", first=BOOTED - 30, last=BOOTED - 20), uptime=BOOTED)


def little_endian_sampling(e):
    """Rates of 1000 and of 5, lowest byte first, in the records."""
    e.v9(template(271, (8, 4), (34, 4)), a_set(271, b"".join(bytes((10, 0, 0, 1)) + number(r, 4, "little") for r in (1000, 5))))


def little_endian_sampling_options(e):
    """A rate of 1000, lowest byte first, in an option record."""
    sampled(e, (34, 4), values=number(0) + number(1000, 4, "little"))


def little_endian_sampling_unclear(e):
    """A rate of 256, which is as plausible the other way round."""
    e.v9(template(271, (8, 4), (34, 4)), a_set(271, bytes((10, 0, 0, 1)) + number(256, 4, "little")))


def little_endian_sampling_v5(e):
    """A header's rate of 100, lowest byte first."""
    e.v5(v5_record("10.0.0.1"), sampling=100 << 8)


def out_is_reverse(e):
    """Counters of both directions in elements 1, 2, 23 and 24."""
    e.v9(template(272, (1, 4), (2, 4), (23, 4), (24, 4)), a_set(272, b"".join(number(n) for n in (1000, 10, 2000, 20))))


def bad_sampler(e):
    """A sampler of mode 31, one that is good, and a flow without a sampler."""
    e.v9(options9(310, (SYSTEM,), (48, 1), (49, 1), (50, 4)),
         a_set(310, number(0) + bytes((1, 31)) + number(1713) + number(0) + bytes((2, 1)) + number(20)))
    plain_v9(e)


def sampler_zero(e):
    """Flows of sampler 0, and an announcement of sampler 5."""
    sampled(e, (48, 1), (49, 1), (50, 4), values=number(0) + bytes((5, 2)) + number(5000), flows=lambda x: by_sampler(x, 0))


def sampler_unknown(e):
    """A flow of a sampler that is never announced."""
    by_sampler(e, 3)


def flow_after_header(e):
    """A flow that ended 160 ms after its header's uptime."""
    e.v9(template(270, *TIMES), a_set(270, times(BOOTED * 1000 - 40, BOOTED * 1000 + 160)))


def uptime_wrapped(e):
    """A flow that began 3 s and ended 1 s before the uptime began anew, which was 2 s ago."""
    e.v9(template(270, *TIMES), a_set(270, times(2**32 - 3000, 2**32 - 1000)), uptime=2000)


def long_uptime(e):
    """Uptimes of 8 octets."""
    e.v9(template(273, (8, 4), (22, 8), (21, 8)), a_set(273, times(BOOTED * 1000 - 2000, BOOTED * 1000 - 1000, 8)))


def uptime_base(e):
    """IPFIX with uptimes, whose base an option record tells."""
    e.ipfix(options10(312, ((149, 4),), (160, 8)), a_set(312, number(7) + number((EXPORTED - BOOTED) * 1000, 8)))
    e.ipfix(template(270, *TIMES, set_id=2), a_set(270, times(BOOTED * 1000 - 2000, BOOTED * 1000 - 1000)), sequence=1)


def uptime_base_at_once(e):
    """The same in one message."""
    e.ipfix(options10(312, ((149, 4),), (160, 8)), a_set(312, number(7) + number((EXPORTED - BOOTED) * 1000, 8)),
            template(270, *TIMES, set_id=2), a_set(270, times(BOOTED * 1000 - 2000, BOOTED * 1000 - 1000)))


def uptime_base_in_records(e):
    """Records of which each has its base itself, and a set behind them that has none."""
    base = EXPORTED - BOOTED
    e.ipfix(template(282, (8, 4), (22, 4), (21, 4), (160, 8), set_id=2), template(270, *TIMES, set_id=2),
            a_set(282, b"".join(times(1000 * n, 2000 * n) + number((base + n) * 1000, 8) for n in (1, 2))), a_set(270, times(1000, 2000)))


def icmp_in_port(e):
    """ICMP 3/1 in the destination port, 8/0 in the source port, ICMPv6 129/0, none in both ports, and UDP."""
    rows = b"".join(bytes((p,)) + number(s, 2) + number(d, 2) for p, s, d in
                    ((1, 0, 0x0301), (1, 0x0800, 0), (58, 0, 0x8100), (1, 0, 0), (17, 53, 0x0301)))
    e.v9(template(274, (4, 1), (7, 2), (11, 2)), a_set(274, rows))


def icmp_said(e):
    """An ICMP type of its own, beside ports that mean something else."""
    e.v9(template(275, (4, 1), (7, 2), (11, 2), (32, 2)), a_set(275, b"\1" + number(7, 2) + number(7, 2) + number(0x0b00, 2)))


def long_padding(e):
    """28 octets of padding behind a record of 60."""
    e.v9(template(276, *FLOW, (210, 40)), a_set(276, flow("10.0.0.1") + bytes(40 + 28)))


def template_padding(e):
    """8 octets of padding behind a template and behind an options template, and in IPFIX."""
    one = struct.pack(">HHHHHH", 256, 2, 8, 4, 1, 4) + bytes(8)
    two = struct.pack(">HHHHHHH", 300, 4, 4, 1, 4, 34, 4) + bytes(8)
    e.v9(a_set(0, one), a_set(1, two), a_set(300, number(0) + number(30)), a_set(256, bytes((10, 0, 0, 1)) + number(100)))
    e.ipfix(a_set(2, one), a_set(256, bytes((10, 0, 0, 2)) + number(200)))


def datagram_padding(e):
    """Filled up with zeros, as to a fixed size."""
    e.v9(template(256, *FLOW), a_set(256, flow("10.0.0.1")), behind=bytes(1000))


def empty_fields(e):
    """An options template whose scope has no length, and a template with a field that has none."""
    e.v9(options9(300, ((1, 0),), (34, 4)), a_set(300, number(70)))
    e.v9(template(277, (8, 4), (7, 0), (1, 4)), a_set(277, bytes((10, 0, 0, 1)) + number(100)))


def repeated_elements(e):
    """Two names of interfaces in a record."""
    e.ipfix(template(278, (8, 4), (82, 4), (82, 65535), set_id=2), a_set(278, bytes((10, 0, 0, 1)) + b"eth0" + b"\5bond1"))


def variable_v9(e):
    """A name of any length in NetFlow v9, as in IPFIX."""
    e.v9(template(279, (8, 4), (96, 65535), (1, 4)), a_set(279, bytes((10, 0, 0, 1)) + b"\5https" + number(100)))


def odd_option_length(e):
    """Option lengths of 9 octets for two fields, which take 8."""
    fields = struct.pack(">HHHHHHHHH", 300, 4, 9, 1, 4, 34, 4, 35, 1)
    e.v9(a_set(1, fields), a_set(300, number(0) + number(90) + b"\1"))
    plain_v9(e)


def template_redefined(e):
    """Template 256 of data, then of options, then of other data."""
    e.v9(template(256, *FLOW), a_set(256, flow("10.0.0.1")))
    e.v9(options9(256, (SYSTEM,), (34, 4)), a_set(256, number(0) + number(80)))
    e.v9(template(256, (8, 4), (1, 4)), a_set(256, bytes((10, 0, 0, 2)) + number(100)))


def both_families(e):
    """Addresses of both families, of which one is zero."""
    v4, v6 = bytes((10, 0, 0, 1)), ipaddress.ip_address("2001:db8::1").packed
    e.v9(template(280, (8, 4), (27, 16)), a_set(280, v4 + bytes(16) + bytes(4) + v6))


def initiator_counters(e):
    """Counters of initiator and responder in place of 1 and 2."""
    e.v9(template(281, (231, 4), (232, 4), (298, 4), (299, 4)), a_set(281, b"".join(number(n) for n in (1000, 2000, 10, 20))))


def enterprise(template_id, *fields):
    """A set with one template of IPFIX, whose fields are (pen, id, length)."""
    specifiers = b"".join(struct.pack(">HHI", 0x8000 | i, n, pen) if pen else struct.pack(">HH", i, n) for pen, i, n in fields)
    return a_set(2, struct.pack(">HH", template_id, len(fields)) + specifiers)


def forwarding_exception(e):
    """Two packets by Juniper's commonPropertiesId (Q38): one that was forwarded, one that was not."""
    rows = struct.pack(">4sH4sH", bytes((10, 0, 0, 1)), 2 << 10, bytes((10, 0, 0, 2)), 2 << 10 | 194)
    e.ipfix(enterprise(256, (0, 8, 4), (2636, 137, 2)), a_set(256, rows))


def nat_by_times(e):
    """A NAT log of Nokia's: a translation that begins, and one that ends."""
    subscriber = b"LSN-Host@10.0.0.1"
    for template_id, time in (256, 152), (257, 153):
        row = struct.pack(">QB", EXPORTED * 1000, len(subscriber)) + subscriber
        e.ipfix(enterprise(template_id, (0, time, 8), (637, 93, 65535)), a_set(template_id, row))


def sflow(e, record, behind=b""):
    """An sFlow datagram with one flow sample of one record, and what the sample holds behind that."""
    sample = b"".join(number(n) for n in (1, 3, 512, 9000, 0, 3, 4, 1)) + record + behind
    head = (5, 1, 0xc0000207, 0, 1, 5000, 1, 1, len(sample))
    e.send(b"".join(number(n) for n in head) + sample)


def unpadded_mac(e):
    """MAC addresses in sFlow as long as they are, without the padding to four octets."""
    macs = bytes((2, 0, 0, 0, 0, 1)) + bytes((2, 0, 0, 0, 0, 2))
    sflow(e, number(2) + number(20) + number(90) + macs + number(0x800))


def long_sample(e):
    """Four octets behind the last record of a sample of sFlow."""
    sflow(e, number(1001) + number(16) + number(30) + number(0) + number(40) + number(0), number(0))


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


if __name__ == "__main__":
    main()
