#!/usr/bin/env bats
# nfdecode --state: a run goes on where the one before it ended.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return 1
}

# cut_stream FILE N: the first N packets of a pcap stream into first.pcap, the others into second.pcap
cut_stream() {
	python3 - "$@" <<'PY'
import struct, sys
d = open(sys.argv[1], "rb").read()
at = 24
for _ in range(int(sys.argv[2])):
    at += 16 + struct.unpack("<I", d[at + 8:at + 12])[0]
open("first.pcap", "wb").write(d[:at])
open("second.pcap", "wb").write(d[:24] + d[at:])
PY
}

# templates_last FILE: the stream with its packets in the opposite order, into last.pcap
templates_last() {
	python3 - "$1" <<'PY'
import struct, sys
d = open(sys.argv[1], "rb").read()
at, packets = 24, []
while at < len(d):
    end = at + 16 + struct.unpack("<I", d[at + 8:at + 12])[0]
    packets.append(d[at:end])
    at = end
open("last.pcap", "wb").write(d[:24] + b"".join(reversed(packets)))
PY
}

# split_as_one STREAM: cut anywhere, with the state between, two runs write what one does, and account for all
split_as_one() {
	local packets at
	nfdecode -j <"$1" >whole 2>whole.err
	packets=$(total whole.err received)
	for at in 0 1 2 3 5 8 $((packets / 2)) $((packets - 1)); do
		[ "$at" -le "$packets" ] || continue
		rm -f s
		cut_stream "$1" "$at"
		nfdecode -j --state s <first.pcap >first 2>first.err
		nfdecode -j --state s <second.pcap >second 2>second.err
		cat first second | cmp whole - || fail "$1 cut at $at"
		! grep gap= first.err second.err || fail "$1 cut at $at"
		same "$(total first.err waiting)" "$(total second.err resumed)" "$1 cut at $at: resumed"
		same "$(total whole.err decoded)" \
			"$(($(total first.err decoded) + $(total second.err decoded)))" "$1 cut at $at: decoded"
	done
}

@test "nfdecode --state: any split of a capture into two runs gives the records of one" {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" >stream.pcap 2>/dev/null
		split_as_one stream.pcap
		templates_last stream.pcap
		split_as_one last.pcap
	done
}

# random_splits STREAM SEED COUNT: the same, cut at places by chance
random_splits() {
	local packets at place
	nfdecode -j <"$1" >whole 2>whole.err
	packets=$(total whole.err received)
	RANDOM=$2
	for ((place = 0; place < $3; place++)); do
		at=$((RANDOM % (packets + 1)))
		rm -f s
		cut_stream "$1" "$at"
		nfdecode -j --state s <first.pcap >first 2>first.err
		nfdecode -j --state s <second.pcap >second 2>second.err
		cat first second | cmp whole - || fail "$1 cut at $at"
	done
}

@test "nfdecode --state: any split of a shared capture into two runs gives the records of one" {
	need_shared
	local seed=0
	for capture in "$GOFLOW_CAPTURES"/*/*.pcap; do
		nfrecv -r "$capture" >"$(basename "$capture")" 2>/dev/null
		random_splits "$(basename "$capture")" $((++seed)) $((1 + seed % 2))
	done
}

# What option records tell of others, or of their times, holds for what comes behind them.
TOLD='del(.sampling_rate, .sampling_source, .first_switched, .last_switched, .time_source, .extra,
	.in_if_name, .out_if_name, .vrf_in_name, .vrf_out_name, .app_name)'

@test "nfdecode: with the templates behind all the rest of a capture the same records come out" {
	need_shared
	need_command python3 jq
	local captures=0 in_part=0 status
	for capture in "$GOFLOW_EXAMPLES"/*.pcap "$GOFLOW_CAPTURES"/*/*.pcap; do
		nfrecv -r "$capture" >stream.pcap 2>/dev/null
		status=0
		python3 "$TOOLS/templateslast.py" <stream.pcap >last.pcap || status=$?
		[ "$status" -ne 3 ] || continue # a definition is replaced: the order has a meaning
		[ "$status" -eq 0 ]
		nfdecode -j <stream.pcap 2>err >lines
		nfdecode -j <last.pcap 2>/dev/null >late
		captures=$((captures + 1))
		if [ "$(total err option_records)" -eq 0 ]; then
			cmp <(sort lines) <(sort late) || fail "$capture"
		elif ! cmp -s <(sort lines) <(sort late); then
			in_part=$((in_part + 1))
			cmp <(jq -c "$TOLD" lines | sort) <(jq -c "$TOLD" late | sort) || fail "$capture"
		fi
	done
	echo "$captures captures, $in_part of them but for what option records told" >&3
	[ "$captures" -gt 50 ] && [ "$in_part" -lt 8 ]
}

@test "nfdecode --state: a restart after a crash decodes from the first datagram" {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" >stream.pcap 2>/dev/null
	cut_stream stream.pcap 8 # before the exporter repeats its templates
	mv first.pcap stream.pcap
	cut_stream stream.pcap 5
	mkfifo in
	background nfdecode -j --state s <>in >out 2>err
	cat first.pcap >in
	wait_for 10 test -s s
	kill -KILL "$pid"
	wait_for 10 ended "$pid"
	[ ! -e s.new ]
	nfdecode -j --state s <second.pcap >second 2>second.err
	same 0 "$(total second.err waiting)" waiting
	[ "$(total second.err written)" -gt 0 ]
	nfdecode -j <second.pcap 2>without.err >/dev/null
	[ "$(total without.err waiting)" -gt 0 ] # which is what it would be without
}

@test "nfdecode --state: what was read back is not used twice if the run crashes" {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" >stream.pcap 2>/dev/null
	templates_last stream.pcap
	cut_stream last.pcap 5
	nfdecode -j --state s <first.pcap >first 2>first.err
	[ "$(total first.err waiting)" -gt 0 ]
	cp s whole
	mkfifo in
	background nfdecode -j --state s <>in >out 2>err
	replaced() { ! cmp s whole; }
	wait_for 10 replaced
	kill -KILL "$pid"
	wait_for 10 ended "$pid"
	nfdecode -j --state s <second.pcap >second 2>second.err
	same 0 "$(total second.err resumed)" resumed
}

@test "nfdecode --state: a file that is cut, damaged, of another kind or too large is refused in words" {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" >stream.pcap 2>/dev/null
	nfdecode -j --state good <stream.pcap >whole 2>/dev/null
	head -c 100 good >short
	: >empty
	printf 'X%.0s' {1..200} >foreign
	{ head -c 11 good; printf '\7'; tail -c +13 good; } >version
	{ head -c 200 good; printf '\377\377'; tail -c +203 good; } >changed
	truncate -s 1G large
	for kind in short empty foreign version changed large; do
		rm -f out
		run --separate-stderr nfdecode -j --state $kind <stream.pcap
		same 0 "$status" "$kind"
		# shellcheck disable=SC2154 # of run
		[[ $stderr == *"warn nfdecode: state $kind: "*"starting without it"* ]] || fail "$kind: $stderr"
		same "$(cat whole)" "$output" "$kind"
		# and replaced by a good one
		run --separate-stderr nfdecode -j --state $kind <stream.pcap
		[[ $stderr == *"state read back"* && $stderr != *warn* ]] || fail "$kind: $stderr"
	done
}

@test "nfdecode --state: a folder that is not there is said before anything is read" {
	run --separate-stderr nfdecode -j --state nowhere/s </dev/null
	same 74 "$status"
	[[ $stderr == *"state nowhere/s: its folder"* ]]
}

@test "nfdecode --state: it writes in that folder alone, from inside the confined process" {
	! sanitized || skip "a sanitizer's report needs what is forbidden"
	attempts=${GOFLOW_BIN%/bin}/tests/preload/attempts.so
	mkdir state
	touch attempt.victim
	mkfifo in
	GOFLOW_ATTEMPT_DIR=$PWD/state LD_PRELOAD=$attempts \
		background nfdecode -vv -j --state state/s <>in >out 2>err
	wait_for 10 grep -q "confined landlock=" err
	[[ $(cat err) != *landlock=0* ]] || skip "this kernel has no Landlock"
	kill -USR2 "$pid"
	wait_for 10 grep -q "attempt end" err
	for name in state-write state-rename state-unlink; do
		grep -qx "attempt $name: ok" err || fail "$(cat err)"
	done
	for name in open open-above open-device create unlink rename socket connect execve fork; do
		grep -qxE "attempt $name: (EPERM|EACCES)" err || fail "$(cat err)"
	done
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" 2>/dev/null >in
	wait_for 10 test -s state/s
}
