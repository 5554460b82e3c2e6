#!/usr/bin/env bats
# nfctl: loss, watch, check, drain and log-level, of real stages by themselves and under goflow.

load helpers
load servers

setup() {
	goflow_setup
	need_command python3 jq sqlite3
	cd "$BATS_TEST_TMPDIR" || return
	port=$(free_port)
}

# pipeline: nfrecv | nfdecode | nfsink-sqlite by themselves, on $port
pipeline() {
	background bash -c "nfrecv -l 127.0.0.1:$port $* 2>recv.err | nfdecode 2>decode.err |
		nfsink-sqlite -d flows.sqlite --linger 50ms 2>sink.err"
	shell=$pid
	wait_for 10 bound "$port"
	wait_for 10 part nfsink-sqlite
	recv=$(part nfrecv) decode=$(part nfdecode) sink=$(part nfsink-sqlite)
}

part() { pgrep -P "$shell" -x "$1"; }

daemon() {
	cat >config.yml <<-END
		api: 127.0.0.1:$(free_tcp_port)
		backends: {local: {type: sqlite, config: {file: flows.sqlite, linger: 50ms}}}
		frontends: {netflow: {config: {bindaddr: 127.0.0.1, bindport: $port}, backend: local}}
	END
	background goflow -c config.yml 2>err
	goflow=$pid
	wait_for 10 grep -q ' running' err
}

flows() { python3 "$TOOLS/flowload.py" 127.0.0.1 "$port" "$@" >/dev/null; }
stored() { [ "$(sqlite3 'file:flows.sqlite?mode=ro' 'SELECT count(*) FROM goflow_records' 2>/dev/null)" -ge "$1" ]; }

@test "nfctl loss: the way of every datagram and record, of stages by themselves" {
	pipeline
	flows 300
	wait_for 10 stored 300
	nfctl loss --json >ledger.json
	same '[10,10,300]' "$(jq -c '[.pipelines[0].stages[].ledger.in]' ledger.json)"
	same '[0,0,0]' "$(jq -c '[.pipelines[0].stages[].between]' ledger.json)"
	same true "$(jq .adds_up ledger.json)"
	run nfctl loss
	[[ $output == *"The ledger adds up."* ]] || fail "$output"
	[ "$(grep -c '^nf' <<<"$output")" -eq 3 ]
}

@test "nfctl loss: of goflow's pipelines, with what a stage that was killed took with it" {
	daemon
	flows 300
	wait_for 10 stored 300
	kill -STOP "$(pgrep -P "$goflow" -x nfdecode)"
	flows 3000 --first 301
	written() { [ "$(nfctl -i 10ms status --json | jq '[.stages[] | select(.program == "nfrecv") | .counters.written][0]')" = 110 ]; }
	wait_for 10 written
	kill -KILL "$(pgrep -P "$goflow" -x nfdecode)"
	flows 300 --first 3301
	again() { nfctl loss --json | jq -e '.pipelines[0].stages[1] | .ledger.in == 20 and .between == 100'; }
	wait_for 10 again
	run nfctl loss
	grep -qE '^nfdecode +100 +20 ' <<<"$output" || fail "$output"
	same 0 "$status"
}

@test "nfctl check: OK, and what makes it a warning, critical and unknown" {
	run nfctl check
	same 3 "$status" "$output"
	[[ $output == "GOFLOW UNKNOWN - "* ]] || fail "$output"
	pipeline
	flows 3000
	wait_for 10 stored 3000
	run nfctl check
	same 0 "$status" "$output"
	[[ $output == "GOFLOW OK - loss 0%, "*"| loss=0%;0.05;0.1;0;100 lag="* ]] || fail "$output"
	background python3 -c 'import os, sqlite3, time
c = sqlite3.connect("flows.sqlite", timeout=10, isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
open("locked", "w")
while not os.path.exists("free"):
    time.sleep(0.05)'
	wait_for 10 test -e locked
	flows 300 --first 3001
	lagging() { nfctl check --max-lag "$1" >checked; [ $? -eq "$2" ]; }
	wait_for 10 lagging 500ms 2
	grep -q '^GOFLOW CRITICAL' checked
	wait_for 10 lagging 1h 0
	touch free
	wait_for 10 stored 3300
	run nfctl check --max-loss 2
	same 64 "$status" "$output"
}

@test "nfctl check: what was lost is a share of what came, and with -i of what came in that time" {
	pipeline --ring 256K
	kill -STOP "$decode"
	flows 60000 --rate 100000
	dropped() { [ "$(nfctl -i 10ms status --json 2>/dev/null | jq '[.stages[] | select(.program == "nfrecv") | .counters.ring_full][0]')" -gt 0 ]; }
	wait_for 10 dropped
	kill -CONT "$decode"
	all_answer() { nfctl check --max-loss 100% >checked; [ $? -le 1 ]; }
	wait_for 10 all_answer
	run nfctl check
	same 2 "$status" "$output"
	run nfctl check -i 100ms
	same 0 "$status" "$output"
}

@test "nfctl watch: a line an interval, as text and as JSON" {
	pipeline
	background nfctl watch -i 100ms --json >watched
	flows 3000 --rate 6000
	wait_for 10 stored 3000
	moved() { jq -s -e 'any(.[]; .received > 0) and any(.[]; .stored > 0) and all(.[]; .lost == 0)' watched; }
	wait_for 10 moved
	run bash -c 'nfctl watch -i 50ms | head -n 2'
	same 2 "$(grep -cE '^20[0-9-]+T[0-9:.]+Z received=[0-9]+/s stored=[0-9]+/s lost=0 waiting=0 lag=[0-9.]+s stages=3$' <<<"$output")" "$output"
}

@test "nfctl drain: the stages at the front end, and those behind them when they have read all; goflow as a whole" {
	pipeline
	flows 3000
	run nfctl drain
	same 0 "$status" "$output"
	same "nfrecv $recv: drain" "$output"
	wait "$shell"
	stored 3000
	run nfctl drain
	same 69 "$status" "$output"
	rm flows.sqlite
	port=$(free_port)
	daemon
	flows 300
	run nfctl drain
	[[ $output == "goflow $goflow: drain" ]] || fail "$output"
	wait "$goflow"
	stored 300
}

@test "nfctl log-level: of all stages, and of one" {
	pipeline
	run nfctl log-level debug
	same 0 "$status" "$output"
	same 3 "$(grep -c ': log-level debug$' <<<"$output")" "$output"
	run nfctl log-level warn nfsink-sqlite
	same "nfsink-sqlite $sink: log-level warn" "$output"
	run nfctl log-level info "nfrecv.$recv"
	same "nfrecv $recv: log-level info" "$output"
	run nfctl log-level loud
	same 64 "$status" "$output"
	run nfctl log-level debug nothing
	same 69 "$status" "$output"
	run nfctl log-level
	same 64 "$status" "$output"
	kill -TERM "$recv"
	wait "$shell"
	[ ! -s sink.err ] || fail "it said less than a warning: $(cat sink.err)"
}
