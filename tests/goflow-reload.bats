#!/usr/bin/env bats
# goflow: configurations that give way to others while flows come in: workers, addresses, levels. Nothing is lost by it.

load helpers
load servers
load daemon

setup() { daemon_setup; }

# reloads N: that many configurations have been taken since the start
reloads() { [ "$(grep -c 'the new configuration is taken' err)" -eq "$1" ]; }

pipelines() { doc '[.pipelines[].name] | sort' | jq -c .; }

are() { [ "$(pipelines)" = "$1" ]; }

@test "goflow: from 1 worker to 4, 2, 3 and 1 again while flows come in: none is lost, and all get some" {
	one_backend
	daemon -c config.yml
	load_flows 60000 --rate 12000 --exporters 40 >sent &
	local load=$! n=0
	for workers in 4 2 3 1; do
		one_backend "workers: $workers"
		wait_for 10 stored $((10000 * n + 1))
		kill -HUP "$goflow"
		n=$((n + 1))
		wait_for 10 reloads "$n"
		if [ "$workers" -gt 1 ]; then
			all_get() { [ "$(doc "[.pipelines[] | select(.state == \"running\").stages[0].ledger.in // 0] | [length, min > 0]" | jq -c .)" = "[$workers,true]" ]; }
			wait_for 10 all_get
		fi
	done
	wait "$load"
	wait_for 20 stored 60000
	wait_for 20 are '["netflow"]'
	drained
	same 60000 "$(sqlite3 flows.sqlite 'SELECT count(DISTINCT in_bytes) FROM goflow_records')"
	! grep -q 'kernel_drops=[1-9]' err || fail "$(grep totals err)"
}

@test "goflow: more workers leave those that are there as they are" {
	one_backend 'workers: 2'
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 2
	local kept
	kept=$(doc '[.pipelines[].stages[].pid] | sort' | jq -c .)
	one_backend 'workers: 3'
	kill -HUP "$goflow"
	wait_for 10 runs nfsink-sqlite 3
	same true "$(doc "[.pipelines[].stages[].pid] | contains($kept)")"
	drained
}

@test "goflow: a reload that is refused takes no datagrams away, though it asks for further sockets" {
	one_backend
	daemon -c config.yml
	local taken
	taken=$(free_port)
	background nfrecv -l "127.0.0.1:$taken" >/dev/null 2>&1
	wait_for 10 bound "$taken"
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite, linger: 50ms}}
		frontends:
		  ipfix: {config: {bindaddr: 127.0.0.1, bindport: $taken}, backend: local}
		  netflow: {config: {bindaddr: 127.0.0.1, bindport: $port, workers: 64}, backend: local}
	END
	load_flows 60000 --exporters 60 --rate 30000 >/dev/null &
	local load=$!
	for n in {1..40}; do
		kill -HUP "$goflow"
		wait_for 10 eval "[ \$(grep -c 'is not taken' err) -eq $n ]"
	done
	wait "$load"
	same '["netflow"]' "$(pipelines)"
	drained
	# what a busy machine has dropped was at least for this pipeline
	same 2000 "$(($(sed -n 's/.*totals pipeline=netflow received=\([0-9]*\) kernel_drops=\([0-9]*\) .*/\1 + \2/p' err)))"
}

@test "goflow: another address on a port of its own needs a restart, and that is said" {
	one_backend
	daemon -c config.yml
	sed -i "s/bindaddr: 127.0.0.1, bindport/bindaddr: 0.0.0.0, bindport/" config.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q 'is not taken' err
	grep -q "goflow itself listens on \[127.0.0.1\]:$port, for netflow: to move to \[0.0.0.0\]:$port, restart it" err
	sed -i "s/bindaddr: 0.0.0.0, bindport/bindaddr: 127.0.0.1, bindport/; s/^api: 127.0.0.1/api: 0.0.0.0/" config.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q "api: goflow itself listens on \[127.0.0.1\]:$api" err
	load_flows 300
	wait_for 10 stored 300
	drained
}

@test "goflow: three configurations within a moment: the last one waits for the nfrecv that still runs" {
	one_backend 'ring: 64M'
	daemon -c config.yml
	local old
	old=$(stages nfrecv)
	load_flows 300
	wait_for 10 stored 300
	kill -STOP "$old" # it can not end
	one_backend 'ring: 2M'
	kill -HUP "$goflow"
	wait_for 10 reloads 1
	one_backend 'ring: 3M'
	kill -HUP "$goflow"
	wait_for 10 reloads 2
	load_flows 3000 --first 301
	same "$old" "$(stages nfrecv)" "nfrecv of the first one alone"
	wait_for 10 are '["netflow","netflow"]'
	kill -CONT "$old"
	wait_for 10 stored 3300
	wait_for 10 are '["netflow"]'
	drained
	same 3300 "$(count)"
	! grep -q 'kernel_drops=[1-9]' err || fail "$(grep totals err)"
}

@test "goflow: a pipeline waits for the one whose socket it took, not for an older one that still drains" {
	one_backend 'ring: 64M'
	daemon -c config.yml
	load_flows 300
	wait_for 10 stored 300
	local sink second
	sink=$(stages nfsink-sqlite)
	kill -STOP "$sink" # so that the first one is there for long
	one_backend 'ring: 2M'
	kill -HUP "$goflow"
	wait_for 10 reloads 1
	takes_over() { runs nfrecv 1 && [ "$(doc '.pipelines[-1].stages[0].starts')" -eq 1 ]; }
	wait_for 10 takes_over
	second=$(stages nfrecv)
	kill -STOP "$second"
	one_backend 'ring: 3M'
	kill -HUP "$goflow"
	wait_for 10 reloads 2
	load_flows 3000 --first 301
	wait_for 10 are '["netflow","netflow","netflow"]'
	same "$second" "$(stages nfrecv)" "nfrecv of the second one alone"
	kill -CONT "$second" "$sink"
	wait_for 10 stored 3300
	wait_for 10 are '["netflow"]'
	drained
	same 3300 "$(count)"
}

@test "goflow: while a pipeline waits for the one before it, goflow is healthy" {
	one_backend 'ring: 64M'
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 1
	local old
	old=$(stages nfrecv)
	kill -STOP "$old"
	one_backend 'ring: 2M'
	kill -HUP "$goflow"
	wait_for 10 reloads 1
	same true "$(doc .healthy)"
	kill -CONT "$old"
	drained
}

@test "goflow: a log level that is all that is new reaches the stages that run" {
	one_backend
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 1
	local kept
	kept=$(pgrep -P "$goflow" '^nf')
	printf 'log: {level: error}\n' >>config.yml
	kill -HUP "$goflow"
	settled() { same "$kept" "$(pgrep -P "$goflow" '^nf')" stages && [ "$(doc .counters.reloads)" -eq 1 ]; }
	wait_for 10 settled
	drained
	grep -q ' goflow: running' err
	! grep -q ' nf[a-z-]*: totals' err || fail "a stage says more than errors: $(cat err)"
}
