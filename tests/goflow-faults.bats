#!/usr/bin/env bats
# goflow: what it meets that it did not ask for: parents that ignore signals, too few descriptors, stages that die at
# bad times.

load helpers
load servers
load daemon

setup() { daemon_setup; }

# backends N: config.yml of a frontend on $port that writes to N SQLite files
backends() {
	local n list=
	{
		echo "api: 127.0.0.1:$api"
		echo 'backends:'
		for ((n = 1; n <= $1; n++)); do
			echo "  b$n: {type: sqlite, config: {file: b$n.sqlite, linger: 50ms}}"
			list+="b$n, "
		done
		echo 'frontends:'
		echo "  netflow: {config: {bindaddr: 127.0.0.1, bindport: $port}, backends: [${list%, }]}"
	} >config.yml
}

@test "goflow: 32 backends of one frontend all get all, and 33 are refused" {
	backends 33
	run goflow check-config -c config.yml
	same 78 "$status" "$output"
	[[ $output == *"config.yml:"*"found too many names, expected at most 32"* ]] || fail "$output"
	backends 32
	daemon -c config.yml
	wait_for 20 runs nfsink-sqlite 32
	load_flows 300
	for n in 1 17 32; do
		wait_for 20 stored 300 "b$n.sqlite"
	done
	drained
	for n in {1..32}; do
		same 300 "$(count "b$n.sqlite")" "backend $n"
	done
}

@test "goflow: with 96 descriptors allowed at first, 32 backends run all the same, and stages have that limit" {
	backends 32
	(
		ulimit -S -n 96
		exec "$GOFLOW_BIN/goflow" -c config.yml
	) 2>err 3>&- &
	goflow=$!
	pid=$goflow
	wait_for 10 grep -q ' running' err
	wait_for 20 runs nfsink-sqlite 32
	grep -q '^Max open files *96 ' "/proc/$(stages nfdecode)/limits"
	load_flows 300
	wait_for 20 stored 300 b32.sqlite
	drained
	! grep -q 'Too many open files' err || fail "$(grep -m 3 Too err)"
}

# ignoring SIGNAL COMMAND...: with that signal ignored from the start
ignoring() {
	python3 - "$@" <<-'END'
		import os, signal, sys
		signal.signal(getattr(signal, sys.argv[1]), signal.SIG_IGN)
		os.execvp(sys.argv[2], sys.argv[2:])
	END
}

@test "goflow: started with SIGCHLD ignored, it keeps its stages up and ends all the same" {
	one_backend
	background python3 -c 'import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp("goflow", ["goflow", "-c", "config.yml"])' 2>err
	goflow=$pid
	wait_for 10 grep -q ' running' err
	wait_for 10 runs nfdecode 1
	killed nfdecode
	load_flows 300
	wait_for 10 stored 300
	drained
	run ignoring SIGCHLD goflow prune -c config.yml
	same 0 "$status" "$output"
	sed -i 's/file: flows.sqlite/file: none\/flows.sqlite/; s/^backends/utilities: {max_age: 1}\nbackends/' config.yml
	run ignoring SIGCHLD goflow prune -c config.yml
	[ "$status" -ne 0 ] || fail "it said done: $output"
}

@test "goflow: started without standard error, nothing takes its place" {
	one_backend
	python3 -c 'import os
os.close(2)
os.execvp("goflow", ["goflow", "-c", "config.yml"])' 3>&- &
	goflow=$!
	wait_for 10 bound "$port"
	wait_for 10 runs nfsink-sqlite 1
	same /dev/null "$(readlink "/proc/$goflow/fd/2")"
	load_flows 300
	wait_for 10 stored 300
	kill -TERM "$goflow"
	wait "$goflow"
	same 300 "$(count)"
}

@test "a filter whose standard output is closed says so, and does not write to what it opens next" {
	run bash -c 'nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" 2>/dev/null | nfdecode -j >&- 2>decode.err'
	same 74 "$status" "$(cat decode.err)"
	grep -q 'Bad file descriptor' decode.err
}

# taken N: that many datagrams have been received
taken() { [ "$(doc '.pipelines[0].stages[0].ledger.in')" -eq "$1" ]; }

# newer PID: there is an nfrecv, and it is another one
newer() { runs nfrecv 1 && [ "$(stages nfrecv)" != "$1" ]; }

@test "goflow: an nfrecv that dies while nfdecode stands still is started at once, and what it gets is stored" {
	one_backend
	daemon -c config.yml
	load_flows 300
	wait_for 10 stored 300
	local decoder old
	decoder=$(stages nfdecode) old=$(stages nfrecv)
	kill -STOP "$decoder"
	load_flows 3000 --first 301
	wait_for 10 taken 110
	kill -KILL "$old"
	wait_for 10 newer "$old"
	load_flows 3000 --first 3301
	wait_for 10 taken 210
	kill -CONT "$decoder"
	wait_for 10 stored 6300
	load_flows 300 --first 6301
	wait_for 10 stored 6600
	drained
	same 6600 "$(count)"
}

@test "goflow: told to end while such a second nfrecv runs, it stores what that one has" {
	one_backend
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 1
	local decoder old
	decoder=$(stages nfdecode) old=$(stages nfrecv)
	kill -STOP "$decoder"
	kill -KILL "$old"
	wait_for 10 newer "$old"
	load_flows 3000
	wait_for 10 taken 100
	kill -TERM "$goflow"
	wait_for 10 runs nfrecv 0
	kill -CONT "$decoder"
	wait "$goflow" || fail "exit code $?: $(tail -n 5 err)"
	same 3000 "$(count)"
}

@test "goflow: a stage that dies in a drain leaves exit code 1" {
	one_backend
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 1
	local sink
	sink=$(stages nfsink-sqlite)
	kill -STOP "$sink"
	load_flows 300
	kill -TERM "$goflow"
	wait_for 10 runs nfdecode 0
	kill -KILL "$sink"
	local code=0
	wait "$goflow" || code=$?
	same 1 "$code" "exit code"
}

@test "goflow: a capture that is read again is counted once" {
	python3 "$TOOLS/exports.py" le-ns 100000 >big.pcap
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite, batch: 1000}}
		frontends:
		  old: {type: pcap, config: {file: big.pcap}, backend: local}
	END
	daemon -c config.yml
	wait_for 10 stored 1
	kill -KILL "$(stages nfdecode)"
	wait "$goflow" || fail "exit code $?: $(tail -n 5 err)"
	grep -q 'totals pipeline=old backend=local records=100000 stored=100000 lost=0 not_read=0' err
	same 100000 "$(count)"
}

@test "goflow: pipelines that dump to one standard output, or file, write whole lines" {
	local other
	other=$(free_port)
	for where in stdout file; do
		cat >config.yml <<-END
			api: 127.0.0.1:$api
			backends:
			  lines: {type: dump$([ "$where" = stdout ] || echo ', config: {file: lines.jsonl}')}
			frontends:
			  netflow: {config: {bindaddr: 127.0.0.1, bindport: $port, workers: 3}, backend: lines}
			  other: {type: netflow, config: {bindaddr: 127.0.0.1, bindport: $other}, backend: lines}
		END
		background bash -c 'goflow -c config.yml 2>err | { sleep 1; cat; } >out'
		wait_for 10 bound "$other"
		wait_for 10 grep -q ' running' err
		goflow=$(pgrep -P "$pid" -x goflow)
		load_flows 30000 --exporters 20 --rate 200000 >/dev/null &
		local load=$!
		python3 "$TOOLS/flowload.py" 127.0.0.1 "$other" 30000 --first 30001 --rate 200000 >/dev/null
		wait "$load"
		kill -TERM "$goflow"
		wait "$pid"
		[ "$where" = stdout ] || mv lines.jsonl out
		same 60000 "$(jq -r .in_bytes out | sort -u | wc -l)" "$where"
		same 60000 "$(wc -l <out)" "$where"
	done
}

@test "goflow: GOFLOW_CONFINE=no reaches the stages" {
	one_backend
	GOFLOW_CONFINE=no daemon -c config.yml
	wait_for 10 grep -q 'nfdecode: not confined: GOFLOW_CONFINE=no' err
	drained
}
