#!/usr/bin/env bats
# What nfrecv and nfdecode can still do once they have started. A library that is loaded into the real
# programs (tests/preload/attempts.c) tries, inside of them, what a program that was taken over would.

load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return 1
	! sanitized || skip "a sanitizer's report needs what is forbidden"
	attempts=${GOFLOW_BIN%/bin}/tests/preload/attempts.so
	touch attempt.victim
}

status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
confined() { [ "$(status_of "$1" Seccomp)" = 2 ]; }

# asks the running process $pid, which logs to the file, to try; then its answers are in it
attempt() {
	wait_for 10 confined "$pid"
	same 1 "$(status_of "$pid" NoNewPrivs)" NoNewPrivs
	kill -USR2 "$pid"
	wait_for 10 grep -q "attempt end" "$1"
}

# result FILE NAME: what came of an attempt
result() { sed -n "s/^attempt $2: //p" "$1"; }

# failed FILE NAME...: each of these was refused
failed() {
	local file=$1 name
	shift
	for name; do
		case $(result "$file" "$name") in
		EPERM | EACCES) ;;
		*) fail "$name: $(result "$file" "$name")" || return 1 ;;
		esac
	done
	[ -e attempt.victim ] && [ ! -e attempt.out ]
}

network="socket socket-unix connect listen sendto sendmsg"
programs="fork executable-memory kill execve"

@test "confine: a library that is loaded into a process which is not confined can do it all" {
	mkfifo in
	GOFLOW_CONFINE=no LD_PRELOAD=$attempts background nfdecode -j <>in >out 2>err
	wait_for 10 grep -q GOFLOW_CONFINE=no err
	same 0 "$(status_of "$pid" Seccomp)" Seccomp
	kill -USR2 "$pid"
	wait_for 10 grep -q "attempt end" err
	for name in open create socket connect fork executable-memory execve; do
		same ok "$(result err "$name")" "$name"
	done
}

@test "confine: nfrecv that receives opens nothing, connects to nothing, starts nothing" {
	port=$(free_port)
	LD_PRELOAD=$attempts background nfrecv -l "127.0.0.1:$port" > >(cat >out) 2>err
	wait_for 10 bound "$port"
	attempt err
	# shellcheck disable=SC2086
	failed err open open-device create unlink rename $network $programs
	# and it goes on: receives, answers, and takes its socket away
	nfctl status | grep -q nfrecv
	udpsend_one "$port"
	wait_for 10 test -s out
	kill -TERM "$pid"
	wait_for 10 ended "$pid"
	same 1 "$(total err received)"
	[ -z "$(ls "$GOFLOW_RUNDIR")" ]
}

udpsend_one() { python3 -c 'import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(sys.argv[1])))' "$1"; }

@test "confine: nfrecv that replays files reads these alone" {
	mkfifo in
	cp "$GOFLOW_EXAMPLES/fprobe-v5.pcap" first.pcap
	LD_PRELOAD=$attempts background nfrecv -r first.pcap -r - -r first.pcap <>in > >(cat >out) 2>err
	attempt err
	# shellcheck disable=SC2086
	failed err open open-device create unlink rename $network $programs
	cat first.pcap >in
	kill -TERM "$pid"
	wait_for 10 ended "$pid"
	same 0 "$(grep -c "cannot\|denied\|permitted" err)"
}

@test "confine: nfdecode opens nothing, connects to nothing, starts nothing" {
	mkfifo in
	LD_PRELOAD=$attempts background nfdecode -j <>in >out 2>err
	attempt err
	# shellcheck disable=SC2086
	failed err open open-device create unlink rename $network $programs
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" 2>/dev/null >in
	wait_for 10 test -s out
	nfctl status | grep -q nfdecode
	kill -TERM "$pid"
	wait_for 10 ended "$pid"
	[ -z "$(ls "$GOFLOW_RUNDIR")" ]
}
