# shellcheck shell=bash
# What every *.bats file starts with: `load helpers`.
#
# It puts the programs on PATH and gives each test its own folder of sockets. A file that has a
# setup or teardown of its own calls goflow_setup or goflow_teardown in it.

GOFLOW_ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
GOFLOW_BIN=${GOFLOW_BIN:-$GOFLOW_ROOT/build/bin}
GOFLOW_TOOLS=${GOFLOW_TOOLS:-${GOFLOW_BIN%/bin}/tests/tools} # programs made of tests/tools/*.c
GOFLOW_EXAMPLES=$GOFLOW_ROOT/examples
export GOFLOW_ROOT GOFLOW_BIN GOFLOW_TOOLS GOFLOW_EXAMPLES
PATH=$GOFLOW_BIN:$GOFLOW_TOOLS:$PATH
TOOLS=$GOFLOW_ROOT/tests/tools # scripts

# Ids of streams, for tests that look for them.
ID=000102030405060708090a0b0c0d0e0f
OTHER_ID=0f0e0d0c0b0a09080706050403020100
export TOOLS ID OTHER_ID

setup() { goflow_setup; }
teardown() { goflow_teardown; }

# Its own run folder for each test; the path is kept short, since a socket's holds 107 bytes.
goflow_setup() {
	GOFLOW_RUNDIR=$(mktemp -d "${TMPDIR:-/tmp}/gf.XXXXXX")
	export GOFLOW_RUNDIR
}

# Ends what `background` started, with its children, and removes the run folder.
goflow_teardown() {
	if [ -f "$BATS_TEST_TMPDIR/.pids" ]; then
		local started
		while read -r started; do
			end_tree "$started"
		done <"$BATS_TEST_TMPDIR/.pids"
	fi
	[ -z "${GOFLOW_RUNDIR:-}" ] || rm -rf "$GOFLOW_RUNDIR"
}

# background PROGRAM ARGUMENT...: starts it, to be ended with the test; $pid is its process id.
# Redirections are the caller's:  background nfrecv -l 127.0.0.1:$port >out 2>err
# A shell lets what it starts behind it ignore SIGINT and read nothing; here neither is so.
background() {
	env --default-signal=INT,QUIT "$@" <&0 3>&- &
	pid=$!
	echo "$pid" >>"$BATS_TEST_TMPDIR/.pids"
}

# end_tree PID: kills a process and its descendants. What has ended already is no error.
end_tree() {
	local child
	cat "/proc/$1/task/"*"/children" 2>/dev/null | tr ' ' '\n' | while read -r child; do
		end_tree "$child"
	done
	kill -KILL "$1" 2>/dev/null || true
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails, saying so, at the deadline.
wait_for() {
	local seconds=$1 deadline=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			fail "still not so after $seconds s: $*"
			return 1
		fi
		sleep 0.02
	done
}

# ended PID: true when the process has gone (or is a zombie that waits for us). For wait_for.
ended() {
	! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"
}

# free_port: prints a UDP port that nothing on this machine has bound, another one at each call.
free_port() {
	local port hex given=$BATS_TEST_TMPDIR/.ports
	touch "$given"
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		hex=$(printf ':%04X ' "$port")
		if ! grep -qs "$hex" /proc/net/udp /proc/net/udp6 && ! grep -qx "$port" "$given"; then
			echo "$port" | tee -a "$given"
			return 0
		fi
	done
}

# bound PORT: true when a UDP socket of this machine is bound to it. For wait_for.
bound() {
	grep -qsi "$(printf ':%04X ' "$1")" /proc/net/udp /proc/net/udp6
}

# fail TEXT...: ends the test as failed, with a reason.
fail() {
	echo "$*" >&2
	return 1
}

# same EXPECTED FOUND [WHAT]: fails, showing both, unless they are equal.
same() {
	[ "$1" = "$2" ] || fail "${3:-not the same}: expected '$1', found '$2'"
}

# total FILE KEY: the value of KEY in the last totals line of a log; 0 where it is not listed.
total() {
	awk -v key="$2" '/^[a-z]+ [^ ]+: totals / {
		value = 0
		for (i = 4; i <= NF; i++)
			if (index($i, key "=") == 1)
				value = substr($i, length(key) + 2)
	} END { print value + 0 == value ? value : 0 }' "$1"
}

# need_shared: skips the test where the team's captures are not beside the source folder.
need_shared() {
	GOFLOW_CAPTURES=$GOFLOW_ROOT/../shared/captures
	[ -d "$GOFLOW_CAPTURES" ] || skip "../shared/captures is not here"
}

# need_command NAME...: skips the test where a program that it needs is not installed.
need_command() {
	local name
	for name; do
		command -v "$name" >/dev/null || skip "$name is not installed"
	done
}

# sanitized: true when the programs under test were built with SAN=.
sanitized() {
	[ -n "${GOFLOW_SAN:-}" ]
}

# stream [LOOPS [STREAM-ID]]: a saved flow stream of a real exporter's capture, ./stream, and $records, how many it holds
stream() {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" --loop "${1:-1}" 2>/dev/null |
		nfdecode --stream-id "${2:-$ID}" >stream 2>stream.err
	records=$(total stream.err written)
	[ "$records" -gt 0 ]
}

# said PATTERN [FILE]: whether there is such a line in ./err
said() { grep -q "$1" "${2:-err}"; }

# of_stage PROGRAM JQ: an expression over the status of the stage of that program
of_stage() { nfctl status --json | jq -r "first(.stages[] | select(.program == \"$1\")) | $2"; }

# fed COMMAND...: in the background, its standard input what is written to descriptor 9; $sunk is its process id
fed() {
	rm -f in
	mkfifo in
	exec 7<>in # so that neither of the ends waits for the other
	background "$@" <in 2>err 7>&-
	# shellcheck disable=SC2034 # for the test
	sunk=$pid
	exec 9>in 7>&-
}

# begun COMMAND...: a sink, which is fed and has stored ./first, of $first records. Needs `stored`.
begun() {
	stream 10 "$OTHER_ID"
	first=$records
	mv stream first
	fed "$@"
	cat first >&9
	wait_for 20 stored "$first"
}

# outlasted PID ROWS: that sink is waited for, has stored all, and said once that it could not and once that it can again. Needs
# `count`.
outlasted() {
	wait_for 60 ended "$1"
	wait "$1" || fail "exit $?: $(cat err)"
	same "$2" "$(count)" "rows"
	same 1 "$(grep -c 'cannot store' err)" "complaints"
	same 1 "$(grep -c 'storing again' err)" "ends of an outage"
}

# peak PID: the most memory that the process has had, in KiB
peak() { awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"; }
