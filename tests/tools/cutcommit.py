#!/usr/bin/env python3
"""cutcommit.py SERVER LISTEN TIMES: between a client and a PostgreSQL or MariaDB server, on unix sockets. When the client has
sent a COMMIT of a batch, waits for the server to answer it, throws the answer away and cuts the connection; TIMES times, then no more.
Python's standard library only."""
import os
import select
import socket
import sys
import threading

left = int(sys.argv[3])
lock = threading.Lock()


def relay(client):
    global left
    server = socket.socket(socket.AF_UNIX)
    server.connect(sys.argv[1])
    cutting = stores = False
    while True:
        for ready in select.select([client, server], [], [])[0]:
            data = ready.recv(65536)
            if ready is server and cutting and (stores or b"COMMIT\0" in data):
                data = b""
            stores |= ready is client and b"INSERT IGNORE" in data  # MariaDB: a packet a statement
            commits = b"COMMIT\0" in data and b"goflow_dirty" in data or stores and data[4:] == b"\x03COMMIT"
            if ready is client and commits:
                with lock:
                    cutting, left = left > 0, left - (left > 0)
            if not data:
                client.close()
                server.close()
                return
            (server if ready is client else client).sendall(data)


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[2] + ".new")
    listener.listen(16)
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    while True:
        threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
