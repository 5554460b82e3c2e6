#!/usr/bin/env bats
# nftee: copies are whole, and a reader that is slow, dead or stopped is the only one that misses anything.

load helpers

setup() {
	goflow_setup
	need_command python3
	cd "$BATS_TEST_TMPDIR" || return
}

# stuck NAME: a pipe that nobody reads, held open by descriptor 9
stuck() {
	mkfifo "$1"
	exec 9<>"$1"
}

copied() { cmp -s stream "$1"; }

@test "nftee: every output gets every byte" {
	stream 20
	nftee one two -b three <stream 2>err
	copied one && copied two && copied three
	same "$records" "$(total err read)"
	same "$records" "$(total err passed)"
}

# ends CODE PID: waited for, it ends so
ends() {
	local code=0
	wait "$2" || code=$?
	same "$1" "$code" "exit code"
}

@test "nftee: a reader that stands still holds up no other, and misses whole frames, which are counted" {
	stream 400
	stuck slow
	mkfifo input
	exec 8<>input
	background nftee --queue 4M slow fast <input 2>err 8>&- 9>&-
	tee=$pid
	python3 "$TOOLS/streamframes.py" stream first rest
	cat first >&8
	wait_for 20 cmp -s first fast
	background cat <slow >got 8>&- 9>&-
	reader=$pid
	exec 9>&-
	wait_for 20 grown got 4000000
	cat rest >&8 # the reader is there now, and needs a schema
	exec 8>&-
	ends 1 "$tee"
	wait "$reader"
	said "too slow: frames are dropped output=slow" || fail "$(cat err)"
	dropped=$(total err dropped)
	[ "$dropped" -gt 0 ]
	same "$records" "$((dropped + $(total err passed)))"
	run python3 "$TOOLS/streamframes.py" got
	[ "$status" -eq 0 ] || fail "$output"
	same "records=$((records - dropped)) torn=0" "$(cut -d' ' -f1,2 <<<"$output")"
	[[ $output == *gaps=[1-9]*\ without_schema=0 ]] || fail "$output"
}

grown() { [ "$(stat -c %s "$1")" -ge "$2" ]; }

@test "nftee: -b waits for its reader, and nothing is lost" {
	stream 400
	stuck slow
	background nftee --queue 4M -b slow fast <stream 2>err 9>&-
	tee=$pid
	wait_for 20 test -s fast
	! wait_for 1 copied fast || fail "it did not wait"
	background cat <slow >got 9>&-
	reader=$pid
	exec 9>&-
	ends 0 "$tee"
	wait "$reader"
	copied fast && copied got
	same "$records" "$(total err passed)"
}

@test "nftee: a reader that goes away is said once, and the others go on" {
	stream 400
	mkfifo gone
	background nftee --queue 4M gone kept <stream 2>err
	tee=$pid
	head -c 100 gone >/dev/null
	ends 1 "$tee"
	copied kept
	same 1 "$(grep -c 'the reader has gone away output=gone' err)"
	same "$records" "$(($(total err passed) + $(total err dropped)))"
}

@test "nftee: when all readers are gone it ends" {
	stream 400
	mkfifo gone
	mkfifo never
	exec 9<>never
	background bash -c "nftee gone <never 2>err" 9>&-
	tee=$pid
	: <gone
	ends 1 "$tee"
	exec 9>&-
	said "the reader has gone away"
}

@test "nftee: SIGTERM drains; a reader that takes nothing is given up after the deadline" {
	stream 400
	stuck slow
	background nftee --queue 4M slow fast <stream 2>err 9>&-
	tee=$pid
	wait_for 20 copied fast
	kill -TERM "$tee"
	ends 1 "$tee"
	said "stopped before all was written" || fail "$(cat err)"
	exec 9>&-
}

@test "nftee: what is damaged is passed over, counted, and not passed on" {
	stream 20
	{ cat stream && printf 'garbage' && head -c 5000 stream && cat stream; } >damaged
	nftee copy <damaged 2>err && fail "exit 0"
	[ "$(total err skipped_bytes)" -gt 7 ] # and what came of the torn frame
	same "$((2 * records))" "$(total err passed)"
	same 1 "$(total err damaged_frames)"
	run python3 "$TOOLS/streamframes.py" copy
	same "records=$(total err passed) torn=0" "$(cut -d' ' -f1,2 <<<"$output")"
}

@test "nftee: wrong use" {
	run nftee </dev/null
	same 64 "$status"
	[[ $output == *"no output"* ]] || fail "$output"
	run nftee /nonexistent/file </dev/null
	same 74 "$status"
	[[ $output == *"/nonexistent/file: No such file"* ]] || fail "$output"
	run nftee --queue 1K x </dev/null
	same 64 "$status"
}

@test "nftee: nfctl sees the tree of stages, and that it adds up" {
	port=$(free_port)
	background bash -c "nfrecv -l 127.0.0.1:$port 2>recv | nfdecode 2>decode |
		nftee >(nfsink-sqlite -d one.db 2>sink1) >(nfsink-sqlite -d two.db 2>sink2) 2>tee"
	wait_for 10 bound "$port"
	wait_for 10 five_stages
	run nfctl status
	[[ $output == *"The ledger adds up"* ]] || fail "$output"
	nfctl status --json >doc
	same "nfrecv nfdecode nftee nfsink-sqlite nfsink-sqlite" "$(jq -r '[.stages[].program] | join(" ")' doc)"
	same 4 "$(jq '.links | length' doc)"
	same 2 "$(jq '[.links[] | select(.from | test("nftee"))] | length' doc)"
}

five_stages() { [ "$(find "$GOFLOW_RUNDIR" -name '*.sock' | wc -l)" -eq 5 ]; }

@test "nftee: valgrind finds nothing" {
	need_command valgrind
	sanitized && skip "built with a sanitizer, which looks itself"
	stream 4
	valgrind -q --error-exitcode=9 --leak-check=full nftee one -b two <stream 2>err || fail "$(cat err)"
}
