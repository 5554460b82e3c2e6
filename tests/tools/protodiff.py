"""protodiff: what protobuf messages say, against the JSON lines of the same records.

  protodiff.py FOLDER own|goflow2 MESSAGES LINES

FOLDER has what protoc --python_out made; MESSAGES are length-delimited. The decoder is protobuf's own. Prints how
many records agreed; fails at the first that does not."""
import calendar
import ipaddress
import json
import pathlib
import re
import sys
import time

from google.protobuf.internal.decoder import _DecodeVarint32

FIELDS = (pathlib.Path(__file__).resolve().parents[2] / "lib" / "fields.def").read_text()


def of_kind(kind):
    return set(re.findall(r"^F\((\w+), " + kind + ",", FIELDS, re.M))


IPS, TIMES, MACS, TEXTS, WORDS = map(of_kind, ("IP", "TIME", "MAC", "TEXT", "WORD"))
NUMBERS = {(f, w): int(v) for f, v, w in re.findall(r'^W\((\w+), (\d+), "([^"]+)"\)', FIELDS, re.M)}


def messages(data, kind):
    at = 0
    while at < len(data):
        length, at = _DecodeVarint32(data, at)
        message = kind()
        assert message.ParseFromString(data[at : at + length]) == length
        at += length
        yield message


def nanoseconds(text):
    """The instant, and how many fractional digits it is written with."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int(fraction.ljust(9, "0")), len(fraction)


def address(text):
    return ipaddress.ip_address(text).packed


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def value(line, key):
    """What the message has for a member of the line."""
    if key in TEXTS:
        return bytes.fromhex(line[key + "_hex"]) if key + "_hex" in line else line[key].encode()
    if key in WORDS:
        return NUMBERS[key, line[key]]
    if key in IPS:
        return address(line[key])
    if key in MACS:
        return mac(line[key])
    if key in TIMES:
        return nanoseconds(line[key])[0]
    return line[key]


def extras(line):
    """The bytes of the elements that no field claims, in the order of the line."""
    found = []
    for named in line.get("extra", {}).values():
        found += [bytes.fromhex(x["hex"]) for x in (named if isinstance(named, list) else [named])]
    return found


def own(line):
    expected = {}
    for key in line:
        if key == "extra" or (key.endswith("_hex") and key[:-4] in TEXTS):
            continue
        expected[key] = value(line, key)
        if key in TIMES and nanoseconds(line[key])[1] < 9:
            expected[key + "_digits"] = nanoseconds(line[key])[1]
    return expected


def found_own(message):
    return {field.name: v for field, v in message.ListFields() if field.name != "extra"}


def first(line, *keys):
    return next((value(line, k) for k in keys if k in line), 0)


def goflow2(line):
    """FlowMessage by the table of goflow2.proto, without what is 0 or empty."""
    same = """next_hop src_as dst_as in_if out_if src_port dst_port tcp_flags icmp_type icmp_code
        src_vlan dst_vlan bgp_next_hop sampling_rate""".split()
    other = {"sequence_num": "sequence", "src_addr": "src_ip", "dst_addr": "dst_ip",
             "next_hop_as": "next_as", "src_net": "src_mask", "dst_net": "dst_mask", "proto": "protocol",
             "ip_tos": "tos", "forwarding_status": "fwd_status", "vlan_id": "src_vlan", "fragment_id": "frag_id",
             "fragment_offset": "frag_offset", "ipv6_flow_label": "flow_label", "time_received_ns": "received",
             "time_flow_end_ns": "last_switched"}
    m = {k: first(line, k) for k in same} | {k: first(line, v) for k, v in other.items()}
    version = line.get("version", 0)
    m["type"] = {1: 2, 5: 2, 7: 2, 9: 3, 10: 4, 105: 1}.get(version, 0)
    m["sampler_address"] = first(line, "agent", "exporter")
    m["bytes"] = first(line, "in_bytes", "out_bytes")
    m["packets"] = first(line, "in_pkts", "out_pkts")
    m["ip_ttl"] = first(line, "ttl", "ttl_min")
    m["ip_flags"] = first(line, "ip_flags") >> 5
    m["time_flow_start_ns"] = first(line, "first_switched", "last_switched")
    m["observation_point_id"] = first(line, "obs_point") & 0xFFFFFFFF
    m["observation_domain_id"] = line.get("obs_domain", 0) if version >= 9 else 0
    for side in ("src", "dst"):
        m[side + "_mac"] = int.from_bytes(first(line, side + "_mac", f"post_{side}_mac") or b"", "big")
    text = line.get("src_ip", line.get("dst_ip"))
    by_address = (0x86DD if ":" in text else 0x800) if text else 0
    m["etype"] = line.get("ether_type", {4: 0x800, 6: 0x86DD}.get(line.get("ip_version"), by_address))
    return {k: v for k, v in m.items() if v}


def main():
    folder, form, data, lines = sys.argv[1:]
    sys.path.insert(0, folder)
    if form == "own":
        from goflow_pb2 import FlowRecord as kind
    else:
        from goflow2_pb2 import FlowMessage as kind
    count = 0
    with open(data, "rb") as f, open(lines, encoding="utf-8") as g:
        decoded = messages(f.read(), kind)
        for text in g:
            message = next(decoded, None)
            line = json.loads(text)
            expected = own(line) if form == "own" else goflow2(line)
            if message is None or found_own(message) != expected:
                sys.exit(f"record {count}: {message}\nexpected {expected}\nof {text}")
            if form == "own" and sorted(x.value for x in message.extra) != sorted(extras(line)):
                sys.exit(f"record {count}: extras differ: {message}\nof {text}")
            count += 1
        if next(decoded, None) is not None:
            sys.exit("more messages than lines")
    print(count)


main()
