#!/usr/bin/env bats
# The bounds of nfdecode's memory, by their options: what a flood makes it forget, and what is counted.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return 1
}

# ipfix_stream LINE...: a pcap stream of IPFIX messages, one a line: "ADDRESS templates FIRST COUNT" announces templates
# of two fields, "ADDRESS data ID" sends a record; an address is a number
ipfix_stream() {
	python3 - "$@" <<'PY'
import struct, sys

def message(sets):
    return struct.pack(">HHIII", 10, 16 + len(sets), 1767225600, 0, 0) + sets

out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 101)
for number, line in enumerate(sys.argv[1:]):
    address, kind, first, *count = line.split()
    if kind == "data":
        body = struct.pack(">HHII", int(first), 12, 0x0a000001, int(first))
    else:
        ids = range(int(first), int(first) + int(count[0]))
        body = b"".join(struct.pack(">HHHHHH", i, 2, 8, 4, 1, 4) for i in ids)
        body = struct.pack(">HH", 2, 4 + len(body)) + body
    udp = struct.pack(">HHHH", 4739, 2055, 24 + len(body), 0) + message(body)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + struct.pack(">I", int(address)) + bytes(4)
    out += struct.pack("<IIII", 1767225600 + number, 0, len(ip + udp), len(ip + udp)) + ip + udp
sys.stdout.buffer.write(out)
PY
}

@test "nfdecode --exporter-max: a flood of templates forgets the exporter's own, the least recently used first" {
	need_command python3
	lines=("1 templates 256 1" "2 templates 256 1" "2 data 256")
	for ((first = 300; first < 6300; first += 100)); do
		lines+=("1 templates $first 100" "1 data 256")
	done
	ipfix_stream "${lines[@]}" "1 data 6299" "2 data 256" "1 data 300" >stream
	nfdecode -j --exporter-max 64K <stream 2>err >lines
	same 63 "$(wc -l <lines)" # all but the template that has gone
	same 1 "$(total err waiting)" waiting
	[ "$(total err templates_evicted)" -gt 5000 ]
	same "$(total err templates_evicted)" "$(total err exporter_max_hits)"
	same 0 "$(total err state_max_hits)" state_max_hits
	[ "$(total err state_bytes)" -lt 140000 ]
	nfdecode -j --exporter-max 8M <stream 2>err >lines
	same 64 "$(wc -l <lines)"
	same 0 "$(total err templates_evicted)" templates_evicted
}

@test "nfdecode --wait-bytes: what forged addresses make wait drives out one another, and none of who sent a record" {
	need_command python3
	lines=("1 templates 256 1" "1 data 256" "1 data 300")
	for ((address = 2; address < 1000; address++)); do
		lines+=("$address data 300")
	done
	ipfix_stream "${lines[@]}" "1 templates 300 1" "999 templates 300 1" "2 templates 300 1" >stream
	nfdecode -j --wait-bytes 64K <stream 2>err >lines
	[ "$(total err wait_bytes_hits)" -gt 500 ]
	same "0.0.0.1 256,0.0.0.1 300,0.0.3.231 300," "$(jq -r '"\(.exporter) \(.template_id)"' lines | tr '\n' ,)"
}

@test "nfdecode --wait-bytes: who has more than half of it waiting drives out its own" {
	need_command python3
	lines=("1 templates 256 1" "1 data 256" "2 templates 256 1" "2 data 256" "2 data 300")
	for ((id = 1000; id < 2000; id++)); do
		lines+=("1 data $id")
	done
	ipfix_stream "${lines[@]}" "2 templates 300 1" "1 templates 1000 1" "1 templates 1999 1" >stream
	nfdecode -j --wait-bytes 64K <stream 2>err >lines
	[ "$(total err wait_bytes_hits)" -gt 500 ]
	same "256 256 300 1999 " "$(jq -r .template_id lines | tr '\n' ' ')"
}

@test "nfdecode --state-max: forged addresses drive out one another, and none that sent a record" {
	need_command python3
	lines=("1 templates 256 1" "1 data 256")
	for ((address = 2; address < 3000; address++)); do
		lines+=("$address templates 256 1")
	done
	ipfix_stream "${lines[@]}" "1 data 256" "2999 data 256" "2 data 256" >stream
	nfdecode -j --state-max 1M <stream 2>err >lines
	same 3 "$(wc -l <lines)"
	same 1 "$(total err waiting)" waiting
	[ "$(total err evicted)" -gt 1500 ]
	[ "$(total err state_max_hits)" -gt 1500 ]
	[ "$(total err state_bytes)" -le $((1024 * 1024)) ]
}

@test "nfdecode --wait-bytes, --wait-time: bounds of what waits, whose hits are counted" {
	need_command python3
	lines=()
	for ((i = 0; i < 100; i++)); do
		lines+=("1 data 256")
	done
	ipfix_stream "${lines[@]}" "1 templates 256 1" >stream # one a second
	nfdecode -j <stream 2>err >lines
	same 100 "$(wc -l <lines)"
	nfdecode -j --wait-time 10s <stream 2>err >lines
	same 10 "$(wc -l <lines)"
	same 90 "$(total err wait_time_hits)" wait_time_hits
	same 90 "$(total err no_template)" no_template
	nfdecode -j --wait-bytes 8K <stream 2>err >lines
	[ "$(wc -l <lines)" -gt 10 ]
	same 100 "$(($(wc -l <lines) + $(total err wait_bytes_hits)))"
	nfdecode -j --wait-bytes 0 <stream 2>err >lines
	same 0 "$(wc -l <lines)"
	same 100 "$(total err no_template)" no_template
	run nfdecode --wait-bytes 40M <stream
	same 64 "$status"
	[[ $output == *"--wait-bytes: found 41943040, expected at most half of --state-max"* ]]
}

@test "nfdecode --template-lifetime: a template not announced for so long is forgotten, and its data waits" {
	need_command python3
	ipfix_stream "1 templates 256 1" "1 data 256" "1 data 256" "1 data 256" "1 templates 256 1" >stream
	nfdecode -j --template-lifetime 2s <stream 2>err >lines
	same 3 "$(wc -l <lines)"
	same 1 "$(total err templates_expired)" templates_expired
	same 0 "$(total err waiting)" waiting
	nfdecode -j <stream 2>err >lines
	same 0 "$(total err templates_expired)" templates_expired
}

# crowded NAMES PORT: one exporter that names so many interfaces, in few datagrams; its template comes from port PORT,
# its names from 2055
crowded() {
	python3 - "$@" <<'PY'
import struct, sys

def packet(port, body):
    message = struct.pack(">HHIII", 10, 16 + len(body), 1767225600, 0, 0) + body
    udp = struct.pack(">HHHH", port, 4739, 8 + len(message), 0) + message
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes(4))
    return struct.pack("<IIII", 1767225600, 0, len(ip + udp), len(ip + udp)) + ip + udp

out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 101)
template = struct.pack(">HHHHHHH", 256, 2, 1, 10, 4, 82, 64)
out += packet(int(sys.argv[2]), struct.pack(">HH", 3, 4 + len(template)) + template)
for first in range(0, int(sys.argv[1]), 500):
    names = b"".join(struct.pack(">I", i) + (b"Ethernet%d" % i).ljust(64, b"-") for i in range(first, first + 500))
    out += packet(2055, struct.pack(">HH", 256, 4 + 500 * 68) + names)
sys.stdout.buffer.write(out)
PY
}

@test "nfdecode --exporter-max, --state-max: names that a record brings do not drive out the template that it is read by" {
	need_command python3
	for port in 2055 2056; do
		crowded 2000 "$port" >stream
		nfdecode -j --exporter-max 64K <stream 2>err
		same 2000 "$(total err option_records)" "option_records with port $port"
		same 1 "$(total err templates)" "templates with port $port"
		same 0 "$(total err templates_evicted)" "templates_evicted with port $port"
		[ "$(total err exporter_max_hits)" -gt 100 ]
		[ "$(total err state_bytes)" -le 65536 ]
	done
	crowded 20000 2056 >stream
	nfdecode -j --state-max 1M --exporter-max 8M --wait-bytes 0 <stream 2>err
	same 20000 "$(total err option_records)" option_records
}

@test "nfdecode: what waits for thousands of templates is decoded in its order, and soon" {
	need_command python3 jq
	python3 - >stream <<'PY'
import struct, sys

def packet(body):
    message = struct.pack(">HHIII", 10, 16 + len(body), 1767225600, 0, 0) + body
    udp = struct.pack(">HHHH", 2055, 4739, 8 + len(message), 0) + message
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes(4))
    sys.stdout.buffer.write(struct.pack("<IIII", 1767225600, 0, len(ip + udp), len(ip + udp)) + ip + udp)

sys.stdout.buffer.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 101))
sets = [struct.pack(">HHI", 256 + i * 7919 % 8000, 8, i) for i in range(64000)]
for first in range(0, len(sets), 8000):
    packet(b"".join(sets[first:first + 8000]))
body = b"".join(struct.pack(">HHHH", 256 + i, 1, 1, 4) for i in range(8000))
packet(struct.pack(">HH", 2, 4 + len(body)) + body)
PY
	TIMEFORMAT=%U
	{ time nfdecode -j --wait-bytes 100M --state-max 200M --exporter-max 100M <stream 2>err >lines; } 2>spent
	same 64000 "$(wc -l <lines)"
	jq -n '[inputs.in_bytes] | . == [range(64000)]' <lines | grep -qx true
	jq -e '. < 4' <spent >/dev/null # seconds of a processor
}

# properties FIELDS IDS RECORDS: an option record with properties of so many fields, and flow records that refer to it
# so often
properties() {
	python3 - "$@" <<'PY'
import struct, sys

def packet(body):
    message = struct.pack(">HHIII", 10, 16 + len(body), 1767225600, 0, 0) + body
    udp = struct.pack(">HHHH", 2055, 4739, 8 + len(message), 0) + message
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes(4))
    sys.stdout.buffer.write(struct.pack("<IIII", 1767225600, 0, len(ip + udp), len(ip + udp)) + ip + udp)

def a_set(set_id, contents):
    return struct.pack(">HH", set_id, 4 + len(contents)) + contents

fields, ids, records = map(int, sys.argv[1:])
sys.stdout.buffer.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 101))
common, port, other = struct.pack(">HH", 137, 1), struct.pack(">HH", 7, 2), struct.pack(">HH", 900, 1)
packet(a_set(3, struct.pack(">HHH", 256, fields, 1) + common + port + other * (fields - 2)))
packet(a_set(2, struct.pack(">HH", 257, ids + 1) + common * ids + other))
packet(a_set(256, b"\5\0\x50" + bytes(fields - 2)))
packet(a_set(257, (b"\1" * (ids - 1) + b"\5\0") * records))
PY
}

@test "nfdecode: properties that records share are bounded in their fields, and in how many a record refers to" {
	need_command python3 jq
	properties 64 8 3 | nfdecode -j 2>err | jq -e '.src_port == 80' >is
	same 3 "$(wc -l <is)"
	properties 65 8 1 | nfdecode -j 2>err | jq -e '.src_port == null' >/dev/null
	properties 64 9 1 | nfdecode -j 2>err | jq -e '.src_port == null' >/dev/null
	properties 1000 2047 20 >stream
	TIMEFORMAT=%U
	{ time nfdecode -j <stream 2>err >lines; } 2>spent
	same 20 "$(wc -l <lines)"
	jq -e '. < 4' <spent >/dev/null # seconds of a processor
}

@test "nfdecode: what the bounds did shows in nfctl" {
	need_command python3 jq
	lines=("1 templates 256 1" "1 data 256")
	for ((first = 300; first < 2300; first += 100)); do
		lines+=("1 templates $first 100")
	done
	ipfix_stream "${lines[@]}" >stream
	mkfifo in
	background nfdecode --exporter-max 64K <>in >/dev/null 2>err
	cat stream >in
	evicted() { [ "$(nfctl -j exporters | jq '.exporters[0].templates_evicted')" -gt 1000 ]; }
	wait_for 10 evicted
	nfctl -j exporters | jq -e '.exporters[0] | .state_bytes <= 65536 and .templates > 100' >/dev/null
}
