#!/usr/bin/env bats
# nfjson: the lines are those of nfdecode -j, whatever form they came in, and what is missing is counted.

load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
}

# lines: what nfdecode writes of the same capture
lines() { nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" --loop "${1:-1}" 2>/dev/null | nfdecode -j 2>/dev/null; }

@test "nfjson: lines of every capture are those of nfdecode, from frames and from lines" {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j >expected 2>/dev/null
		nfrecv -r "$capture" 2>/dev/null | nfdecode >stream 2>/dev/null
		nfjson <stream >found 2>err
		cmp expected found || fail "$capture: frames"
		nfjson -r expected >found 2>err
		cmp expected found || fail "$capture: lines"
		same "$(wc -l <expected)" "$(total err written)" "$capture"
	done
}

@test "nfjson: lines are appended to a file, and are there as soon as they were read" {
	stream 3
	mkfifo in
	exec 7<>in
	background nfjson -o out <in 2>err 7>&-
	cat stream >&7
	complete() { [ "$(wc -l <out)" -eq "$1" ]; }
	wait_for 10 complete "$records"
	exec 7>&-
	wait "$pid"
	nfjson -o out <stream 2>err
	same $((2 * records)) "$(wc -l <out)"
	same "-rw-r-----" "$(stat -c %A out)"
}

@test "nfjson: a reader that has had enough is no error for a file, and is one for a pipe" {
	stream 100
	nfjson -r stream 2>err | head -n 1 >out
	same "0 0" "${PIPESTATUS[*]}" "exit codes"
	[ ! -s err ]
	run bash -c 'set -o pipefail; cat stream | nfjson 2>err | head -n 1 >out'
	same 1 "$status" "exit code"
	grep -q 'the reader has gone away unwritten=[1-9]' err
	same 0 "$(total err gap)"
}

@test "nfjson: damage is counted, and what stands around it is written" {
	stream 60
	reframe -n 100 <stream >small
	{
		head -c 60000 small
		tail -c +60100 small
	} >damaged
	run bash -c 'nfjson <damaged >out 2>err'
	same 1 "$status" "exit code"
	[ "$(total err damaged_frames)" -ge 1 ]
	same "$(wc -l <out)" "$(total err written)"
	[ "$(wc -l <out)" -ge $((records - 300)) ]
}

@test "nfjson: a full disk, a missing file and a wrong option are said with their exit codes" {
	stream
	run nfjson -r stream -o /dev/full
	same 74 "$status" full
	[[ $output == *"/dev/full: No space left on device"*unwritten=$records* ]] || fail "$output"
	run nfjson -r nothing
	same 74 "$status" missing
	[[ $output == *"nothing: No such file"* ]] || fail "$output"
	run nfjson stream
	same 64 "$status" operand
}

@test "nfjson: a file that ends inside a line gets whole lines behind it, and that is said" {
	stream 3
	printf '{"received":1,"in_by' >out
	nfjson -o out <stream 2>err
	same $((records + 1)) "$(wc -l <out)"
	same "$records" "$(tail -n +2 out | jq -s length)"
	grep -q 'out: its last line is torn offset=20' err
}
