#!/usr/bin/env python3
"""udpsend.py CAPTURE HOST PORT [--pps N]: sends the UDP payloads of a pcap file, in their order.

Each exporter of the capture gets a loopback address of its own (127.1.0.1, 127.1.0.2, ...) where HOST is IPv4,
and every datagram keeps its source port. Prints how many were sent. Python's standard library only."""
import argparse
import socket
import struct
import time


def datagrams(path):
    """(source address, source port, payload) of each UDP packet of an Ethernet or raw IP capture."""
    data = open(path, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack(order + "I", data[20:24])[0]
    at = 24
    while at < len(data):
        caplen = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        frame = data[at + 16:at + 16 + caplen]
        at += 16 + caplen
        ip = frame
        if link == 1:
            skip = 14
            while frame[skip - 2:skip] in (b"\x81\x00", b"\x88\xa8"):
                skip += 4
            ip = frame[skip:]
        if ip[0] >> 4 == 4 and ip[9] == 17:
            source, udp = ip[12:16], ip[(ip[0] & 15) * 4:]
        elif ip[0] >> 4 == 6 and ip[6] == 17:
            source, udp = ip[8:24], ip[40:]
        else:
            continue
        port, _, length = struct.unpack(">HHH", udp[:6])
        yield source, port, udp[8:length]


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("capture")
    options.add_argument("host")
    options.add_argument("port", type=int)
    options.add_argument("--pps", type=float, default=5000)
    o = options.parse_args()
    family = socket.AF_INET6 if ":" in o.host else socket.AF_INET
    sockets, addresses, sent = {}, {}, 0
    for source, port, payload in datagrams(o.capture):
        if (source, port) not in sockets:
            s = socket.socket(family, socket.SOCK_DGRAM)
            own = "::1"
            if family == socket.AF_INET:
                own = addresses.setdefault(source, "127.1.0.%d" % (len(addresses) + 1))
            s.bind((own, port))
            sockets[source, port] = s
        sockets[source, port].sendto(payload, (o.host, o.port))
        sent += 1
        time.sleep(1 / o.pps)
    print(sent)


if __name__ == "__main__":
    main()
