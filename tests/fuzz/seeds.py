#!/usr/bin/env python3
"""Makes the corpora beside it anew, out of examples/ and the tests' own captures.

    tests/fuzz/seeds.py    from the root of the sources, with the programs on PATH
"""
import pathlib
import struct
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
tools = root / "tests" / "tools"
LINKTYPES = [101, 1, 0, 108, 113, 276, 228, 229]  # the order of packet.c


def save(target, name, data):
    folder = root / "tests" / "fuzz" / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def packets(capture):
    """The link type, and the frames of a little-endian pcap file."""
    frames, at = [], 24
    while at + 16 <= len(capture):
        length = struct.unpack("<I", capture[at + 8:at + 12])[0]
        frames.append(capture[at + 16:at + 16 + length])
        at += 16 + length
    return struct.unpack("<I", capture[20:24])[0], frames


def run(*command, data=b""):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


for path in sorted((root / "examples").glob("*.pcap")):
    # as nfrecv writes them: IPv4 without options, UDP
    datagrams = [f[28:] for f in packets(run("nfrecv", "-r", str(path)))[1] if f[0] == 0x45]
    rows = b"".join(struct.pack(">HBB", len(d), 1, 1 + i % 2) + d for i, d in enumerate(datagrams[:4]))
    save("decode", path.stem, rows)
    flows = run("nfdecode", data=run("nfrecv", "-r", str(path)))
    with tempfile.TemporaryDirectory() as folder:
        state = pathlib.Path(folder) / "state"
        run("nfdecode", "--state", str(state), data=run("nfrecv", "-r", str(path)))
        save("state", path.stem, state.read_bytes())
    message = run("reframe", "-p", data=flows)
    save("proto", path.stem, message[2:2 + (message[0] & 0x7f) + (message[1] << 7)])  # the first, without its length

for case in "interface-domains", "application-names", "sampling-interfaces":
    with tempfile.TemporaryDirectory() as folder:
        state = pathlib.Path(folder) / "state"
        run("nfdecode", "--state", str(state), data=run(sys.executable, str(tools / "craft.py"), case))
        save("state", case, state.read_bytes())

for form in "le-us", "le-ns", "be-us", "be-ns":
    save("pcapio", form, run(sys.executable, str(tools / "exports.py"), form, "2"))
save("stream", "three-records",
     run("nfdecode", "--stream-id", "00" * 16, data=run(sys.executable, str(tools / "exports.py"), "le-ns", "3")))

with tempfile.TemporaryDirectory() as folder:
    for kind in "ether", "vlan", "qinq", "raw", "null", "loop", "sll", "sll2", "fragments", "overlapping":
        file = pathlib.Path(folder) / kind
        run(sys.executable, str(tools / "frames.py"), kind, str(file))
        linktype, frames = packets(file.read_bytes())
        rows = b"".join(struct.pack(">HB", len(f), LINKTYPES.index(linktype)) + f for f in frames[:12])
        save("packet", kind, rows[:8192])
