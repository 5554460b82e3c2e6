#!/usr/bin/env python3
"""Makes the corpora beside it anew, out of examples/ and the tests' own captures.

    tests/fuzz/seeds.py    from the root of the sources, with the programs on PATH
"""
import json
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

for case in "interface-domains", "application-names", "sampling-interfaces", "common-properties", "many-interfaces":
    with tempfile.TemporaryDirectory() as folder:
        state = pathlib.Path(folder) / "state"
        run("nfdecode", "--state", str(state), data=run(sys.executable, str(tools / "craft.py"), case))
        save("state", case, state.read_bytes())

SFLOW = [  # datagrams for sflow.py
    {"samples": [{"format": 1, "head": [1, 3, 512, 9000, 0, 3, 4], "records": [
        [1001, 30, 2, 40, 0],
        [1002, "192.0.2.9", 24, 25],
        [1003, "2001:db8::9", 1, 2, 3, 2, 2, 2, 65000, 65001, 1, 1, 65010, 2, 4259840100, 65536, 150],
        [1, 1, 118, 4, {"data": "020000000002020000000001810060640800450000640001400040060000"
                                "0a0000010a00000204d20050000000010000000250100200"}]]},
                 {"format": 2, "head": [1, 3], "records": [[1, 3, 6, 0, 1000000000, 1, 3] + [0] * 15]}]},
    {"agent": "2001:db8::7", "samples": [
        {"format": 3, "head": [1, 0, 70000, 512, 9000, 0, 0, 3, 1, 258], "records": [
            [2, 90, {"hex": "020000000003"}, {"hex": "020000000004"}, 34525],
            [4, 80, 17, {"hex": "20010db8000000000000000000000001"}, {"hex": "20010db8000000000000000000000002"}, 53, 54, 0, 1],
            [1004, 106, {"text": "anna"}, 106, {"text": "bob the 2nd"}],
            [1006, "192.0.2.9", 2, 98308160, 65856, 1, 98312000],
            [1007, "192.0.2.10", "2001:db8::11"], [1020, 4000, 4001]]},
        {"format": 5, "head": [1, 0, 3, 0, 3, 0, 260], "longer": 4, "records": [
            [1, 7, 106, 0, {"data": "ff030021450000640001400040060000"}],
            [1023, 100, 47, {"hex": "c0000214"}, {"hex": "c0000215"}, 0, 0, 0, 0], [1030, 5000],
            [1012, 2, 2291138592, 2164260865], [1041, {"text": "acl_drops"}, {"text": "acl"}],
            [1014, {"text": "guests"}, {"hex": "020000000003"}, 4], [1043, 395812000, 1]]}]},
]
lines = "".join(json.dumps(d) + "\n" for d in SFLOW).encode()
datagrams = [f[28:] for f in packets(run(sys.executable, str(tools / "sflow.py"), data=lines))[1]]
save("decode", "sflow", b"".join(struct.pack(">HBB", len(d), 1, 1) + d for d in datagrams))

LISTS = {"templates": {"257": [[8, 4], [1, 1], [1, 1]], "258": [[96, 65535], [291, 65535]]},  # a datagram for ipfix.py
         "fields": [[8, 4], [291, 65535], [292, 65535], [293, 65535]], "records": [["10.0.0.1", {"basicList": [3, [1, 4], [1, 2]]},
             {"subTemplateList": [0, 257, [["192.0.2.1", 7, 8]]]},
             {"subTemplateMultiList": [1, [[258, [[{"text": "web"}, {"basicList": [2, [82, 65535], [{"text": "a"}]]}]]],
                                           [257, [["192.0.2.1", 7, 8]]]]]}]]}
capture = run(sys.executable, str(tools / "ipfix.py"), data=json.dumps(LISTS).encode())
datagram = packets(capture)[1][0][28:]
save("decode", "lists", struct.pack(">HBB", len(datagram), 1, 1) + datagram)
save("jsonl", "lists", run("nfdecode", "-j", data=capture))

for form in "le-us", "le-ns", "be-us", "be-ns":
    save("pcapio", form, run(sys.executable, str(tools / "exports.py"), form, "2"))
save("stream", "three-records",
     run("nfdecode", "--stream-id", "00" * 16, data=run(sys.executable, str(tools / "exports.py"), "le-ns", "3")))

TUNNELS = {  # what a packet begins with (the order of dissect.h), and the packet
    "gre-key": (1, "450000640000000040 2f0000c0000201c0000202 20006558 00000007 020000000002020000000001 0800"
                   "4500003c000000004011 0000c0000203c0000204 1388 0035 0028 0000"),
    "vxlan": (0, "020000000002020000000001 81000064 0800 4500006400000000 4011 0000 c0000201c0000202"
                 "1388 12b5 0050 0000 08000000 00000700 020000000004020000000003 86dd"
                 "60000000 0014 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002"
                 "01bbc000 00000001 00000002 50120400 00000000"),
    "geneve": (1, "4500006400000000 4011 0000 c0000201c0000202 1388 17c1 0050 0000 02006558 00000500 0102800111223344"
                  "020000000004020000000003 0800 4500003c00000000 4006 0000 c0000203c0000204 01bbc000 00000001"),
    "gtp": (1, "4500006400000000 4011 0000 c0000201c0000202 1388 0868 0050 0000 36ff0040 00000007 00010085 01000085"
               "0200000000000000 4500003c00000000 4001 0000 c0000203c0000204 08000000"),
    "eompls": (0, "020000000002020000000001 8847 00010040 000111ff 00000000 020000000004020000000003 0800"
                  "4500003c00000000 4006 0000 c0000203c0000204 01bbc000 00000001"),
    "srv6": (1, "60000000 0064 2b 40 20010db8000000000000000000000001 20010db8000000000000000000000002"
                "29020401 00000000 20010db8000000000000000000000002"
                "60000000 0020 3c 40 20010db8000000000000000000000003 20010db8000000000000000000000004"
                "2c00010400000000 0600000112345678 01bbc000 00000001"),
    "labels": (2, "00064040 00065040 000661ff 4500003c00002000 4084 0000 c0000203c0000204 01bbc000"),
    "transport": (3, "12b5 12b5 0040 0000"),
}
for name, (link, packet) in TUNNELS.items():
    save("dissect", name, bytes([link]) + bytes.fromhex(packet))
RECORDS = {
    "section-frame": ("312=0064", "409=0000", "315/v=" + TUNNELS["vxlan"][1]),
    "section-padded": ("410=0040", "313/128=" + TUNNELS["srv6"][1], "4=11", "314/v=" + TUNNELS["transport"][1]),
    "nested": ("27=" + "00" * 16, "4=04", "7=0000", "8=c0000201", "4=06", "7=01bb", "371/v=61"),
}
for name, elements in RECORDS.items():
    datagram = packets(run(sys.executable, str(tools / "sections.py"), *elements))[1][0][28:]
    save("decode", name, struct.pack(">HBB", len(datagram), 1, 1) + datagram)

with tempfile.TemporaryDirectory() as folder:
    for kind in "ether", "vlan", "qinq", "raw", "null", "loop", "sll", "sll2", "fragments", "overlapping":
        file = pathlib.Path(folder) / kind
        run(sys.executable, str(tools / "frames.py"), kind, str(file))
        linktype, frames = packets(file.read_bytes())
        rows = b"".join(struct.pack(">HB", len(f), LINKTYPES.index(linktype)) + f for f in frames[:12])
        save("packet", kind, rows[:8192])
