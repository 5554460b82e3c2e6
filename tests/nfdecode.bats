#!/usr/bin/env bats
# nfdecode: the whole program, from a pcap stream to records.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	need_command python3
}

exports() { python3 "$TOOLS/exports.py" "$@"; }

# The input stays open: nfdecode reads a named pipe that this shell holds as descriptor 7.
#   with_open_input OPTION...: starts nfdecode with `out` and `err` as its outputs.
with_open_input() {
	mkfifo in
	background bash -c 'exec nfdecode "$@" <in >out 2>err' _ "$@" # which opens its end while this shell does
	exec 7>in
}

running() { ! ended "$pid" || fail "it has ended"; }
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

@test "nfdecode: JSON lines say what was sent" {
	exports le-ns 2 | nfdecode -j >out 2>err
	same 2 "$(wc -l <out)"
	expected='{"received":"2023-11-14T22:13:21.125456789Z","export_time":"2023-11-14T22:13:20Z","exporter":"192.0.2.1",'
	expected+='"exporter_port":2000,"version":10,"obs_domain":7,"template_id":256,"sequence":1,'
	expected+='"sampling_source":"unknown","last_switched":"2023-11-14T22:13:20Z","time_source":"export_time",'
	expected+='"src_ip":"10.0.0.1","src_port":1002,"in_bytes":18446744073709551614,"user_name":"user 2"}'
	same "$expected" "$(tail -n 1 out)"
	same 3 "$(total err received)"
	same 3 "$(total err decoded)"
	same 2 "$(total err written)"
	same 0 "$(total err waiting)"
}

@test "nfdecode: both byte orders, micro- and nanoseconds" {
	for form in le-us le-ns be-us be-ns; do
		exports "$form" | nfdecode -j >"$form.json" 2>err
		same 3 "$(wc -l <"$form.json")" "$form"
	done
	cmp le-us.json be-us.json
	cmp le-ns.json be-ns.json
	same 2023-11-14T22:13:21.124456789Z "$(head -n 1 le-ns.json | jq -r .received)"
	same 2023-11-14T22:13:21.124456Z "$(head -n 1 le-us.json | jq -r .received)"
	cmp <(jq -c 'del(.received)' le-us.json) <(jq -c 'del(.received)' le-ns.json)
}

@test "nfdecode: tcpdump -w - gives the same records as nfrecv" {
	need_command tcpdump
	# tcpdump tells microseconds; sFlow's records have no other time
	local without='if .time_source == "received" then del(.last_switched) else . end | del(.received)'
	for file in "$GOFLOW_EXAMPLES"/*.pcap; do
		tcpdump -r "$file" -w - 2>/dev/null | nfdecode -j 2>err | jq -c "$without" >by-tcpdump
		nfrecv -r "$file" 2>/dev/null | nfdecode -j 2>/dev/null | jq -c "$without" >by-nfrecv
		cmp by-tcpdump by-nfrecv
		[ -s by-tcpdump ] || fail "$file: no records"
		same "$(total err flows)" "$(wc -l <by-tcpdump)" "$file"
	done
}

@test "nfdecode: a stream is binary on a pipe, and lines on a terminal" {
	exports >in.pcap
	same 8e4e4653 "$(nfdecode <in.pcap 2>/dev/null | head -c 4 | od -An -tx1 | tr -d ' ')"
	need_command script
	script -qec 'nfdecode 2>/dev/null <in.pcap' typescript >/dev/null
	run grep -c '^{"received":.*"user_name":"user [123]"}' typescript
	same 3 "$output"
}

@test "nfdecode: while the input stays open, what was decoded is there at once" {
	with_open_input -j
	exports le-ns 3 >&7
	# the deadline is far off, so that a busy machine does not matter; 200 ms is the intent
	wait_for 10 lines out 3
	running
	exec 7>&-
	wait "$pid"
	same 3 "$(wc -l <out)"
}

@test "nfdecode: binary frames do not wait for the end either" {
	with_open_input
	exports le-ns 3 >&7
	wait_for 10 test -s out
	running
	exec 7>&-
	wait "$pid"
}

@test "nfdecode: SIGTERM writes out what was read" {
	# a stream with a number is not cut by time, so that nothing is written before
	with_open_input --stream-id 000102030405060708090a0b0c0d0e0f --stats sock
	exports le-ns 3 >&7
	wait_for 10 flows_are 3
	same 0 "$(wc -c <out)"
	kill -TERM "$pid"
	exec 7>&-
	wait "$pid"
	same 3 "$(total err written)"
	[ -s out ]
}

# flows_are N: what the stats socket says. For wait_for.
flows_are() { [ "$(ask sock status | jq .counters.flows)" = "$1" ]; }

# The same signal twice may arrive as one. For wait_for.
signal_again() {
	kill -TERM "$pid"
	ended "$pid"
}

ask() { # SOCKET REQUEST
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
while chunk := s.recv(65536):
    sys.stdout.write(chunk.decode())' "$@"
}

@test "nfdecode: a second signal, or a drain that takes too long, is an end with losses" {
	with_open_input --stats sock
	wait_for 10 test -S sock
	kill -TERM "$pid"
	kill -TERM "$pid"
	status=0
	wait_for 10 signal_again
	wait "$pid" || status=$?
	same 1 "$status"
	grep -q '^error nfdecode: stopped before the input ended' err
}

@test "nfdecode: a reader that goes away is an error while the input flows, and none with a file" {
	exports le-ns 20000 >in.pcap
	set +o pipefail
	nfdecode -j <in.pcap 2>err | head -n 1 >out
	same "0 0" "${PIPESTATUS[*]}"
	same "" "$(cat err)"
	same 1 "$(wc -l <out)"

	exports le-ns 20000 | nfdecode -j 2>err | head -n 1 >out
	status=${PIPESTATUS[1]}
	same 1 "$status"
	grep -q '^error nfdecode: .*unwritten=[1-9]' err
	grep -q '^info nfdecode: totals ' err
	same 1 "$(wc -l <out)"
}

@test "nfdecode: an input that ends inside a packet is told, and its whole packets are decoded" {
	exports >in.pcap
	size=$(stat -c %s in.pcap)
	for cut in 1 40 75; do
		head -c $((size - cut)) in.pcap | (
			status=0
			nfdecode -j >out 2>err || status=$?
			same 1 $status
		)
		same 2 "$(wc -l <out)"
		grep -q '^warn nfdecode: .*bytes=' err
		[ "$(total err torn_bytes)" -gt 0 ]
	done
}

@test "nfdecode: what is no pcap stream is refused in clear words" {
	for text in 'this is no pcap stream, but text' '{"src_port":1}'; do
		run --separate-stderr nfdecode <<<"$text"
		same 74 "$status"
		same "" "$output"
		[[ $stderr == *"not a pcap stream"* ]] || fail "$stderr"
	done
	# in the middle of one, what came before has been decoded
	(exports && head -c 1000 /dev/zero | tr '\0' '\377') >in.pcap
	run nfdecode -j <in.pcap
	same 74 "$status"
	[[ $output == *"user 3"* && $output == *"offset="* ]] || fail "$output"
}

@test "nfdecode: an empty input is an empty output" {
	nfdecode </dev/null >out 2>err || status=$?
	same "" "$(cat out)"
	same 0 "$(total err received)"
}

@test "nfdecode: wrong use" {
	for options in --nonsense operand "--stream-id 12" "--stream-id 0001020304050607080910111213141g" "--state-max 1" \
		"--log yaml" --stats; do
		# shellcheck disable=SC2086 # words they are
		run nfdecode $options </dev/null
		same 64 "$status" "$options"
		[ -n "$output" ]
	done
	run nfdecode --help
	same 0 "$status"
	for option in --json --explain --stream-id --state-max --stats; do
		[[ $output == *"$option"* ]] || fail "$option is not in the help"
		grep -q -- "-${option#--}" "$GOFLOW_ROOT/nfdecode/nfdecode.1" || fail "$option: not in the manual"
	done
}

@test "nfdecode: a terminal as input is wrong use" {
	need_command script
	run script -qec 'nfdecode; echo ended with $?' /dev/null
	[[ $output == *"ended with 64"* ]] || fail "$output"
}

@test "nfdecode: the same input under the same stream id makes the same bytes" {
	exports le-ns 20000 >in.pcap
	id=00112233445566778899aabbccddeeff
	nfdecode --stream-id $id <in.pcap >first 2>/dev/null
	# in pieces, with pauses that would cut frames by time
	(
		head -c 5000 in.pcap
		sleep 0.3
		tail -c +5001 in.pcap
	) | nfdecode --stream-id $id >second 2>/dev/null
	cmp first second
	same $id "$(head -c 40 first | tail -c 16 | od -An -tx1 | tr -d ' \n')"
	nfdecode <in.pcap >third 2>/dev/null
	if cmp -s first third; then fail "a random stream id is the same"; fi
	[ "$(stat -c %s first)" -gt 100000 ]
}

@test "nfdecode --explain: header, set, template, fields, values, and where they go" {
	exports le-ns 1 | nfdecode --explain >out 2>err
	while read -r words; do
		tr -s ' ' <out | grep -qF -- "$words" || fail "not there: $words"
	done <<-END
		packet 2 2023-11-14T22:13:21.124456789Z 192.0.2.1 port 2000 > 192.0.2.2 port 4739 41 octets
		2 0029 length 41
		4 6553f100 exportTime 1700000000
		12 00000007 observationDomainId 7
		16 set 2, 24 octets: templates
		20 template 256: 4 fields, at least 15 octets a record
		1. sourceIPv4Address length 4 -> src_ip
		4. userName length variable -> user_name
		16 set 256, 25 octets: data
		20 flow record by template 256
		20 0a000001 sourceIPv4Address "10.0.0.1" -> src_ip
		24 03e9 sourceTransportPort 1001 -> src_port
		26 ffffffffffffffff octetDeltaCount 18446744073709551615 -> in_bytes
		35 757365722031 userName "user 1" -> user_name
		= decoded
	END
	same 1 "$(total err flows)"
}

@test "nfdecode --explain: what is wrong, and where" {
	exports le-ns 1 >in.pcap
	# the data set's length: the low byte at 18 of the last datagram of 41 octets
	size=$(stat -c %s in.pcap)
	printf '\377' | dd of=in.pcap bs=1 seek=$((size - 41 + 19)) conv=notrunc status=none
	nfdecode --explain <in.pcap >out 2>err
	grep -q '^ *16  ! a set.s length is impossible' out
	grep -q '= undecodable (bad_set)' out
	same 1 "$(total err bad_set)"
	same 1 "$(total err decoded)"
}

@test "nfdecode: the stats socket answers while the output is blocked" {
	mkfifo out_pipe
	exports le-ns 50000 >in.pcap
	background bash -c 'exec nfdecode -j --stats sock <in.pcap >out_pipe 2>err'
	exec 8<out_pipe # a reader that does not read
	wait_for 10 test -S sock
	# more than one pipe holds is decoded, and the rest waits
	wait_for 20 stuck
	running
	ask sock status >status.json
	same '"nfdecode"' "$(jq .program status.json)"
	same true "$(jq '.counters | .unwritten > 0 and .flows == .written + .unwritten' status.json)"
	same true "$(jq '.ledger | .in == .out + .waiting + ([.lost[]] | add // 0)' status.json)"
	ask sock exporters >exporters.json
	same '"192.0.2.1"' "$(jq '.exporters[0].address' exporters.json)"
	same '[10]' "$(jq -c '.exporters[0].versions' exporters.json)"
	ask sock templates >templates.json
	same '["sourceIPv4Address","sourceTransportPort","octetDeltaCount","userName"]' \
		"$(jq -c '[.templates[0].fields[].name]' templates.json)"
	cat <&8 >out
	exec 8<&-
	wait "$pid"
	same 50000 "$(wc -l <out)"
	same 50000 "$(total err written)"
}

# True when nothing has been written between two looks.
stuck() {
	local before after
	before=$(ask sock status | jq .counters.received) || return
	after=$(ask sock status | jq .counters.received) || return
	[ "$before" -gt 1000 ] && [ "$before" = "$after" ]
}

@test "nfdecode: data that waits for a template is in the ledger" {
	exports le-ns 3 | python3 -c '
import struct, sys
d = sys.stdin.buffer.read()
length = struct.unpack("<I", d[32:36])[0]
sys.stdout.buffer.write(d[:24] + d[40 + length:])' >in.pcap
	nfdecode -j <in.pcap >out 2>err
	same "" "$(cat out)"
	same 3 "$(total err received)"
	same 0 "$(total err decoded)"
	same 3 "$(total err waiting)"
	# and comes out when the template does
	(cat in.pcap && exports le-ns 0 | tail -c +25) | nfdecode -j >out 2>err
	same "1001 1002 1003" "$(jq -r .src_port out | paste -sd ' ')"
	same 0 "$(total err waiting)"
	same 4 "$(total err decoded)"
}

@test "nfdecode: bounded state holds under a flood of observation domains" {
	exports le-ns 1 | python3 -c '
import struct, sys
d = sys.stdin.buffer.read()
length = struct.unpack("<I", d[32:36])[0]
first = d[24:40 + length]
out = sys.stdout.buffer
out.write(d[:24])
for domain in range(20000):
    out.write(first[:16 + 28 + 12] + struct.pack(">I", domain) + first[16 + 28 + 16:])' >in.pcap
	nfdecode --state-max 1M <in.pcap >out 2>err
	same 20000 "$(total err decoded)"
	[ "$(total err state_bytes)" -le 1048576 ]
	[ "$(total err evicted)" -gt 10000 ]
}
