#!/usr/bin/env python3
"""A synthetic packet trace of one site, for make_captures.sh.

  traffic.py SITE SECONDS FILE    writes FILE, a pcap of Ethernet frames; the same SITE, the same trace

A site has a few dozen clients, IPv4 and IPv6, in the prefixes that are kept for documentation (RFC 5737,
RFC 3849). They talk to servers that all sites share: web, video over QUIC, mail, names, time, a backup that
runs for a while, and somebody scans ports.
"""

import ipaddress
import random
import struct
import sys

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

WEB, WEB6 = "203.0.113.80", "2001:db8:80::443"
VIDEO, VIDEO6 = "203.0.113.44", "2001:db8:44::443"
MAIL = "203.0.113.25"
NAMES, NAMES6 = "203.0.113.53", "2001:db8:53::53"
CLOCK = "203.0.113.123"
BACKUP = "203.0.113.22"
SCANNER = "203.0.113.66"


class Trace:
    def __init__(self, site, seconds):
        self.random = random.Random(site)
        self.seconds = seconds
        self.frames = []  # (time, bytes)
        self.clients = [f"198.51.100.{site * 30 + n}" for n in range(1, 25)]
        self.clients6 = [f"2001:db8:{site:x}::{n:x}" for n in range(0x11, 0x1b)]
        self.ident = 0

    def frame(self, when, src, dst, protocol, segment, tos=0, vlan=None):
        """One packet; what falls behind the end of the trace is not sent."""
        if when >= self.seconds:
            return
        a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        self.ident = (self.ident + 1) & 0xFFFF
        if a.version == 4:
            header = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(segment), self.ident, 0x4000, 64,
                                 protocol, 0, a.packed, b.packed)
            header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        else:
            header = struct.pack("!IHBB16s16s", 6 << 28 | tos << 20, len(segment), protocol, 64, a.packed, b.packed)
        tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
        link = mac(dst) + mac(src) + tag + struct.pack("!H", 0x0800 if a.version == 4 else 0x86DD)
        self.frames.append((when, link + header + segment))

    def tcp(self, when, src, dst, sport, dport, flags, size=0, **how):
        self.frame(when, src, dst, TCP,
                   struct.pack("!HHIIBBHHH", sport, dport, 1, 1, 5 << 4, flags, 64240, 0, 0) + bytes(size), **how)

    def udp(self, when, src, dst, sport, dport, size, **how):
        self.frame(when, src, dst, UDP, struct.pack("!HHHH", sport, dport, 8 + size, 0) + bytes(size), **how)

    def port(self):
        return self.random.randrange(32768, 61000)

    def session(self, when, client, server, dport, requests, response, pause, **how):
        """TCP from SYN to FIN: so many requests, each with so many full packets of response."""
        sport = self.port()
        there = lambda t, flags, size=0: self.tcp(t, client, server, sport, dport, flags, size, **how)
        back = lambda t, flags, size=0: self.tcp(t, server, client, dport, sport, flags, size, **how)
        there(when, SYN)
        back(when + 0.01, SYN | ACK)
        there(when + 0.02, ACK)
        when += 0.03
        for _ in range(requests):
            there(when, PSH | ACK, self.random.randrange(120, 900))
            for n in range(response):
                when += 0.004
                back(when, ACK, 1400 if n < response - 1 else self.random.randrange(100, 1400))
                if n % 2:
                    there(when + 0.001, ACK)
            when += self.random.expovariate(1 / pause)
        there(when, FIN | ACK)
        back(when + 0.01, FIN | ACK)

    def web(self, when):
        client = self.random.choice(self.clients)
        vlan = 100 if self.random.random() < 0.3 else None
        self.session(when, client, WEB, self.random.choice((443, 443, 443, 80)), self.random.randrange(1, 5),
                     self.random.randrange(2, 25), 0.5, vlan=vlan)

    def web6(self, when):
        self.session(when, self.random.choice(self.clients6), WEB6, 443, self.random.randrange(1, 5),
                     self.random.randrange(2, 25), 0.5)

    def video(self, when):
        client, server = self.random.choice(((self.random.choice(self.clients), VIDEO),
                                             (self.random.choice(self.clients6), VIDEO6)))
        sport, end = self.port(), when + self.random.uniform(10, 40)
        while when < end:
            self.udp(when, client, server, sport, 443, 40)
            for n in range(12):
                self.udp(when + 0.005 * (n + 1), server, client, 443, sport, 1252, tos=0x28)
            when += 1

    def lookup(self, when):
        client, server = self.random.choice(((self.random.choice(self.clients), NAMES),
                                             (self.random.choice(self.clients6), NAMES6)))
        sport = self.port()
        self.udp(when, client, server, sport, 53, self.random.randrange(28, 60))
        self.udp(when + 0.02, server, client, 53, sport, self.random.randrange(80, 420))

    def mail(self, when):
        self.session(when, self.random.choice(self.clients), MAIL, 25, self.random.randrange(4, 9), 1, 0.2, vlan=200)

    def clock(self, when):
        client = self.random.choice(self.clients)
        self.udp(when, client, CLOCK, 123, 123, 48, tos=0xB8)
        self.udp(when + 0.03, CLOCK, client, 123, 123, 48, tos=0xB8)

    def ping(self, when):
        client, server, protocol, ask, answer = self.random.choice((
            (self.random.choice(self.clients), WEB, ICMP, 8, 0),
            (self.random.choice(self.clients6), WEB6, ICMP6, 128, 129)))
        for n in range(5):
            for src, dst, kind, later in ((client, server, ask, 0), (server, client, answer, 0.01)):
                self.frame(when + n + later, src, dst, protocol, struct.pack("!BBHHH", kind, 0, 0, 7, n) + bytes(56))

    def backup(self):
        """A third of the way in, for a quarter of the time: what a time series shows."""
        client, sport = self.clients[0], self.port()
        when, end = self.seconds / 3, self.seconds * 7 / 12
        self.tcp(when, client, BACKUP, sport, 22, SYN, vlan=200, tos=0x08)
        while when < end:
            for n in range(6):
                self.tcp(when + 0.002 * (n + 1), client, BACKUP, sport, 22, ACK | PSH, 1448, vlan=200, tos=0x08)
            self.tcp(when + 0.015, BACKUP, client, 22, sport, ACK, vlan=200, tos=0x08)
            when += 0.1

    def scan(self):
        when, victim = self.seconds * 3 / 4, self.clients[5]
        for dport in (21, 22, 23, 25, 80, 110, 139, 143, 443, 445, 1433, 3306, 3389, 5432, 5900, 6379, 8080, 8443):
            sport = self.port()
            self.tcp(when, SCANNER, victim, sport, dport, SYN)
            self.tcp(when + 0.001, victim, SCANNER, dport, sport, RST | ACK)
            when += 0.05

    def make(self):
        for each, rate in ((self.web, 0.5), (self.web6, 0.2), (self.video, 0.04), (self.lookup, 0.35), (self.mail, 0.06),
                           (self.clock, 0.06), (self.ping, 0.04)):
            when = self.random.expovariate(rate)
            while when < self.seconds:
                each(when)
                when += self.random.expovariate(rate)
        self.backup()
        self.scan()
        self.frames.sort(key=lambda f: f[0])


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def mac(address):
    """A locally administered one, made of the address."""
    return b"\x02\x00" + ipaddress.ip_address(address).packed[-4:]


def write(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for when, data in frames:
            f.write(struct.pack("<IIII", int(when), int(when % 1 * 1000000), len(data), len(data)) + data)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    trace = Trace(int(sys.argv[1]), int(sys.argv[2]))
    trace.make()
    write(sys.argv[3], trace.frames)
    print(f"{len(trace.frames)} packets, {sum(len(f) for _, f in trace.frames)} bytes")


if __name__ == "__main__":
    main()
