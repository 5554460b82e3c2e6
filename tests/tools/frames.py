#!/usr/bin/env python3
"""frames.py KIND FILE: writes a small capture for the tests of nfrecv. Python's standard library only.

Its datagrams are NetFlow v5 headers without records, with the flow sequence 0, 1, 2, ..."""
import struct
import sys

SRC4, DST4 = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
SRC6, DST6 = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")


def payload(n, size=24):
    head = struct.pack(">HHIIIIBBH", 5, 0, 1000, 1700000000, 0, n, 0, 0, 0)
    return head + bytes((i * 7 + n) & 255 for i in range(size - 24))


def udp(data, sport=5000, dport=2055):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def ipv4(body, ident=1, flags=0, offset=0, protocol=17):
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), ident, flags << 13 | offset // 8, 64, protocol, 0) + SRC4 + DST4 + body


def ipv6(body, following=17):
    return struct.pack(">IHBB", 6 << 28, len(body), following, 64) + SRC6 + DST6 + body


def fragment6(body, ident, offset, more):
    return ipv6(struct.pack(">BBHI", 17, 0, offset | more, ident) + body, 44)


def pieces(data, size):
    return [(i, data[i:i + size], i + size < len(data)) for i in range(0, len(data), size)]


def fragments4(n, ident=77, size=3000):
    return [ipv4(p, ident, int(more), at) for at, p, more in pieces(udp(payload(n, size)), 1480)]


def fragments6(n, ident=77, size=3000):
    return [fragment6(p, ident, at, more) for at, p, more in pieces(udp(payload(n, size)), 1448)]


def ether(packet, tags=b""):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(12) + tags + kind + packet


def write(path, link, frames, order="<", magic=0xA1B2C3D4, step_s=0):
    with open(path, "wb") as out:
        out.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link))
        for i, f in enumerate(frames):
            out.write(struct.pack(order + "IIII", 1700000000 + i * step_s, 123456, len(f), len(f)) + f)


def block(kind, body):
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def pcapng(path, frames):
    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        out.write(block(1, struct.pack("<HHI", 1, 0, 262144)))
        for f in frames:
            t = 1700000000 * 1000000
            pad = bytes(-len(f) % 4)
            out.write(block(6, struct.pack("<IIIII", 0, t >> 32, t & 0xFFFFFFFF, len(f), len(f)) + f + pad))


def both(link=lambda p: p):
    return [link(ipv4(udp(payload(0)))), link(ipv6(udp(payload(1))))]


def family(order, value):
    return lambda p: struct.pack(order + "I", value(p)) + p


def sll(p):
    return bytes(14) + (b"\x86\xdd" if p[0] >> 4 == 6 else b"\x08\x00") + p


def sll2(p):
    return (b"\x86\xdd" if p[0] >> 4 == 6 else b"\x08\x00") + bytes(18) + p


KINDS = {
    "ether": lambda f: write(f, 1, both(ether)),
    "vlan": lambda f: write(f, 1, both(lambda p: ether(p, b"\x81\x00\x00\x05"))),
    "qinq": lambda f: write(f, 1, both(lambda p: ether(p, b"\x88\xa8\x00\x05\x81\x00\x00\x06"))),
    "raw": lambda f: write(f, 101, both()),
    "null": lambda f: write(f, 0, both(family("<", lambda p: 30 if p[0] >> 4 == 6 else 2))),
    "loop": lambda f: write(f, 108, both(family(">", lambda p: 24 if p[0] >> 4 == 6 else 2))),
    "sll": lambda f: write(f, 113, both(sll)),
    "sll2": lambda f: write(f, 276, both(sll2)),
    "nano": lambda f: write(f, 1, both(ether), magic=0xA1B23C4D),
    "big-endian": lambda f: write(f, 1, both(ether), order=">"),
    "pcapng": lambda f: pcapng(f, both(ether)),
    "padded": lambda f: write(f, 1, [ether(p) + bytes(30) for p in both()]),
    "seconds": lambda f: write(f, 1, [ether(ipv4(udp(payload(i)))) for i in range(4)], step_s=1),
    "fragments": lambda f: write(f, 101, fragments4(0)[::-1] + fragments6(1)[1:] + fragments6(1)[:1] + fragments4(2, 78)),
    "duplicate": lambda f: write(f, 101, [fragments4(0)[0]] + fragments4(0)),
    "overlapping": lambda f: write(f, 101, [fragments4(0)[0], ipv4(bytes(1480), 77, 1, 1472)] + fragments4(0)[1:] + [ipv4(udp(payload(1)))]),
    "incomplete": lambda f: write(f, 101, fragments4(0)[:1] + [ipv4(udp(payload(1)))]),
    "mixed": lambda f: write(f, 101, [ipv4(udp(payload(0))), ipv4(bytes(20), protocol=6), ipv4(udp(payload(1), dport=53)), b"\x00" * 20]),
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](sys.argv[2])
