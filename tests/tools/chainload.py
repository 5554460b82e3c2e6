#!/usr/bin/env python3
"""chainload.py STREAM KILLS COMMAND...: feeds a saved flow stream to a sink over a unix stream socket, and reads its
acknowledgements, as nfsrc-kafka or a spool does.

It starts the sink, sends it whole frames, and kills it with -9 KILLS times, each time after a few more
acknowledgements; the next one gets only the frames that were not acknowledged. Prints frames sent, sinks started, and the
last sequence acknowledged. Fails if acknowledgements go back, or the last one does not come.
Python's standard library only."""
import select
import socket
import struct
import subprocess
import sys

MARK = b"\x8eNFS"


def frames_of(path):
    """(stream id in hex, sequence or None for schema frames, bytes) of each frame."""
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        assert data[at:at + 4] == MARK, "no frame at %d" % at
        kind, length = data[at + 5], struct.unpack("<I", data[at + 8:at + 12])[0]
        end = at + 52 + length + 4
        sequence = struct.unpack("<Q", data[at + 40:at + 48])[0] if kind != 2 else None
        yield data[at + 24:at + 40].hex(), sequence, data[at:end]
        at = end


class Feeder:
    def __init__(self, frames, command):
        self.frames, self.command = frames, command
        self.acked, self.sent, self.started = -1, 0, 0

    def take_acks(self, text):
        """Whole lines of acknowledgements; returns the rest."""
        *lines, rest = text.split(b"\n")
        for line in lines:
            word, stream, sequence = line.decode().split(" ")
            assert word == "ack" and stream == self.frames[0][0], line
            assert int(sequence) > self.acked, "acknowledged %s after %d" % (sequence, self.acked)
            self.acked = int(sequence)
        return rest

    def run_once(self, stop_after):
        """One life of the sink: to the end, or killed after `stop_after` acknowledged frames."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        sink = subprocess.Popen(self.command, stdin=its)
        its.close()
        self.started += 1
        begun = self.acked
        todo = b"".join(f for _, n, f in self.frames if n is None or n > self.acked)
        self.sent += sum(1 for _, n, _ in self.frames if n is not None and n > self.acked)
        ours.setblocking(False)
        text, closing = b"", False
        while True:
            readable, writable, _ = select.select([ours], [ours] if todo else [], [], 30)
            assert readable or writable, "nothing for 30 seconds"
            if writable:
                todo = todo[ours.send(todo[:65536]):]
            if not todo and not closing:
                ours.shutdown(socket.SHUT_WR)
                closing = True
            if readable:
                got = ours.recv(65536)
                text = self.take_acks(text + got)
                if stop_after is not None and self.acked - begun >= stop_after:
                    sink.kill()
                    sink.wait()
                    return None
                if not got:
                    return sink.wait()


def main():
    frames = list(frames_of(sys.argv[1]))
    last = max(n for _, n, _ in frames if n is not None)
    feeder = Feeder(frames, sys.argv[3:])
    for _ in range(int(sys.argv[2])):
        feeder.run_once(3)
    code = feeder.run_once(None)
    assert feeder.acked == last, "acknowledged %d of %d" % (feeder.acked, last)
    print("sent=%d started=%d acked=%d exit=%d" % (feeder.sent, feeder.started, feeder.acked, code))


if __name__ == "__main__":
    main()
