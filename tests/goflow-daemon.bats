#!/usr/bin/env bats
# goflow, the daemon: pipelines that are kept up, and what happens to flows meanwhile. The stages are the real ones.

load helpers
load servers
load daemon

setup() { daemon_setup; }

@test "goflow: flows that are sent arrive in the database, and it ends with 0 when told to" {
	one_backend
	daemon -c config.yml
	load_flows 3000
	wait_for 10 stored 3000
	drained
	same 3000 "$(sqlite3 flows.sqlite 'SELECT count(DISTINCT in_bytes) FROM goflow_records')"
	grep -q 'totals pipeline=netflow received=100 kernel_drops=0 lost=0 not_read=0' err
	grep -q 'totals pipeline=netflow backend=local records=3000 stored=3000 lost=0 not_read=0' err
}

taken_twice() { [ "$(grep -c 'the new configuration is taken' err)" -eq 2 ]; }

@test "goflow: a reload takes what has changed in the files of exporters and of elements" {
	one_backend
	printf '%s\n' "exporters: $PWD/exporters.yml" "elements: $PWD/elements.yml" >>config.yml
	echo 'elements: [{pen: 0, id: 4, name: protocolTwice, type: unsigned8, field: direction}]' >elements.yml
	echo '127.0.0.0/8: {name: edge-1, sampling: 1000}' >exporters.yml
	daemon -c config.yml
	load_flows 300
	wait_for 10 stored 300
	echo '127.0.0.0/8: {name: edge-one, sampling: 1000}' >exporters.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q 'the new configuration is taken' err
	load_flows 600
	wait_for 10 stored 900
	sed -i 's/direction/flow_end_reason/' elements.yml
	kill -HUP "$goflow"
	wait_for 10 taken_twice
	load_flows 100
	wait_for 10 stored 1000
	echo '127.0.0.0/8: {name: }' >exporters.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q 'exporters.yml:1:.*found nothing, expected a name' err
	wait_for 10 grep -q 'is not taken' err
	drained
	same "edge-1|300|0 edge-one|600|0 edge-one|100|1" "$(sqlite3 flows.sqlite 'SELECT exporter_name, count(*), direction IS NULL AND
		flow_end_reason = protocol FROM goflow_records GROUP BY 1, 3 ORDER BY min(rowid)' | paste -sd ' ')"
}

@test "goflow: inner makes the innermost packet of a tunnel the flow" {
	python3 "$TOOLS/sections.py" "313/v=45 00 0064 0007 0000 40 04 0000 c6336401 c6336402
		45 00 0050 0007 0000 40 06 0000 c0000201 c0000202" >tunnel.pcap
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		inner: on
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite}}
		frontends:
		  capture: {type: pcap, config: {file: tunnel.pcap}, backend: local}
	END
	goflow -c config.yml 2>err
	same "192.0.2.1|80|6" "$(sqlite3 flows.sqlite 'SELECT src_ip, in_bytes, protocol FROM goflow_records')"
}

@test "goflow: elements of one's own fill the fields that their file says" {
	python3 "$TOOLS/craft.py" own-elements >own.pcap
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		elements: $PWD/elements.yml
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite}}
		frontends:
		  old: {type: pcap, config: {file: $PWD/own.pcap}, backend: local}
	END
	cat >elements.yml <<-END
		elements:
		  - {pen: 12345, id: 1, name: acmeCount, type: unsigned32}
		  - {pen: 12345, id: 2, name: acmeUser, type: string, field: user_name}
	END
	run goflow -c config.yml
	[ "$status" -eq 0 ] || fail "$output"
	same "alice 77" "$(sqlite3 flows.sqlite "SELECT user_name || ' ' || (extra ->> '$.acmeCount.value') FROM goflow_records")"
}

@test "goflow: a frontend for sFlow" {
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite, linger: 50ms}}
		frontends:
		  sflow: {config: {bindaddr: 127.0.0.1, bindport: $port}, backend: local}
	END
	daemon -c config.yml
	python3 "$TOOLS/sflow.py" >sflow.pcap <<-'END'
		{"samples":[{"format":1,"head":[1,3,512,9000,0,3,4],"records":[[3,76,6,{"hex":"0a000003"},{"hex":"0a000004"},1000,2000,2,8]]}]}
	END
	python3 "$TOOLS/udpsend.py" sflow.pcap 127.0.0.1 "$port"
	wait_for 10 stored 1
	same '10.0.0.3|2000|76|512' "$(sqlite3 flows.sqlite 'SELECT src_ip, dst_port, in_bytes, sampling_rate FROM goflow_records')"
	drained
}

@test "goflow: counters of a capture, to a backend that wants them and to one that does not" {
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite, counters: on}}
		  other: {type: sqlite, config: {file: other.sqlite}}
		frontends:
		  old: {type: pcap, config: {file: $GOFLOW_EXAMPLES/pmacct-sflow.pcap, counters: on}, backends: [local, other]}
	END
	run goflow -c config.yml
	[ "$status" -eq 0 ] || fail "$output"
	same '180 5' "$(count) $(sqlite3 flows.sqlite 'SELECT count(*) FROM goflow_counters')"
	same '180 0' "$(sqlite3 other.sqlite "SELECT (SELECT count(*) FROM goflow_records), count(*) FROM sqlite_master WHERE name = 'goflow_counters'" | tr '|' ' ')"
}

@test "goflow: what was received when it is told to end is stored before it ends" {
	one_backend
	daemon -c config.yml
	load_flows 60000 --rate 200000
	drained
	same 60000 "$(count)"
}

@test "goflow: a capture is read once, and then it ends" {
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite}}
		frontends:
		  old: {type: pcap, config: {file: $GOFLOW_EXAMPLES/softflowd-v9.pcap}, backend: local}
	END
	run goflow -c config.yml
	[ "$status" -eq 0 ] || fail "$output"
	same "$(nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" 2>/dev/null | nfdecode -j 2>/dev/null | wc -l)" "$(count)"
}

@test "goflow: a capture whose stages are killed is read again, and each record is stored once" {
	python3 "$TOOLS/exports.py" le-ns 200000 >big.pcap
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite, batch: 1000}}
		frontends:
		  old: {type: pcap, config: {file: big.pcap}, backend: local}
		columns: all
	END
	daemon -c config.yml
	wait_for 10 stored 1
	kill -KILL "$(stages nfsink-sqlite)"
	wait_for 10 grep -q 'program=nfsink-sqlite' err
	wait_for 10 runs nfdecode 1
	kill -KILL "$(stages nfdecode)"
	wait "$goflow" || fail "exit code $?: $(tail -n 20 err)"
	grep -q 'program=nfdecode .*signal 9' err
	same 200000 "$(count)"
	same 200000 "$(sqlite3 flows.sqlite 'SELECT count(DISTINCT user_name) FROM goflow_records')"
}

@test "goflow: each stage that is killed is started again, and flows go on" {
	one_backend
	daemon -c config.yml
	local at=1
	for program in nfsink-sqlite nfdecode nfrecv nfsink-sqlite; do
		load_flows 300 --first "$at" >/dev/null
		at=$((at + 300))
		wait_for 10 stored "$((at - 1))"
		killed "$program"
	done
	load_flows 300 --first "$at"
	wait_for 10 stored "$((at + 299))"
	same 5 "$(doc .counters.restarts)" "restarts: nfdecode ends with its nfrecv"
	same 1500 "$(doc '.pipelines[0].stages[2].ledger.out')" "what all sinks together stored"
	drained
	same 1500 "$(count)"
}

@test "goflow: what comes while nfrecv is away waits in the kernel" {
	one_backend
	daemon -c config.yml
	load_flows 300
	wait_for 10 stored 300
	kill -STOP "$goflow"
	kill -KILL "$(stages nfrecv)"
	load_flows 3000 --first 301
	kill -CONT "$goflow"
	wait_for 10 stored 3300
	drained
}

@test "goflow: what nfdecode has not read when it is killed is all that is lost, and it is counted" {
	one_backend
	daemon -c config.yml
	kill -STOP "$(stages nfdecode)"
	load_flows 30000
	killed nfdecode
	load_flows 300 --first 30001
	wait_for 10 grep -q 'waiting for the next one' err
	drained
	local lost
	lost=$(sed -n 's/.*totals pipeline=netflow received=1010 kernel_drops=0 lost=\([0-9]*\) not_read=\([0-9]*\) .*/\1 + \2/p' err)
	same "$((30300 - 30 * (lost)))" "$(count)" "records, with $lost datagrams lost"
	[ "$((lost))" -gt 0 ]
}

@test "goflow: killed with -9, its stages end" {
	one_backend 'workers: 2'
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 2
	local all
	all=$(pgrep -P "$goflow")
	same 7 "$(wc -w <<<"$all")" "stages, and the API's process"
	kill -KILL "$goflow"
	for each in $all; do
		wait_for 10 ended "$each"
	done
}

@test "goflow: several workers share a port, and an exporter stays with one of them" {
	one_backend 'workers: 3'
	daemon -c config.yml
	load_flows 9000 --exporters 30
	wait_for 10 stored 9000
	same '["netflow.1","netflow.2","netflow.3"]' "$(doc '[.pipelines[].name] | sort' | jq -c .)"
	same 0 "$(nfctl exporters --json | jq '[.exporters[] | .address] | length - (unique | length)')" "exporters with two workers"
	[ "$(doc '[.pipelines[].stages[0].ledger.in] | min')" -gt 0 ] || fail "a worker got nothing"
	drained
	same 9000 "$(count)"
}

two_backends() {
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  one: {type: sqlite, config: {file: one.sqlite, linger: 50ms}}
		  two: {type: sqlite, config: {file: two.sqlite, linger: 50ms}}
		frontends:
		  netflow:
		    config: {bindaddr: 127.0.0.1, bindport: $port}
		    backends: [one, two]
	END
}

@test "goflow: two backends get all, and one that stands still does not hold up the other" {
	two_backends
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 2
	kill -STOP "$(stages nfsink-sqlite | tail -n 1)"
	load_flows 3000
	wait_for 10 stored 3000 one.sqlite
	same 0 "$(count two.sqlite)"
	kill -CONT "$(stages nfsink-sqlite | tail -n 1)"
	wait_for 10 stored 3000 two.sqlite
	drained
}

@test "goflow: a new configuration changes what it changes, and nothing else" {
	local other
	other=$(free_port)
	two_backends
	sed -i 's/backends: \[one, two\]/backend: one/' config.yml
	cat >>config.yml <<-END
		  other: {type: netflow, config: {bindaddr: 127.0.0.1, bindport: $other}, backend: two}
	END
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 2
	local kept
	kept=$(doc '[.pipelines[] | select(.name == "netflow").stages[].pid]' | jq -c .)
	load_flows 300
	sed -i 's/two.sqlite/three.sqlite/' config.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q 'the new configuration is taken' err
	wait_for 10 grep -q 'backend' <(doc '.pipelines')
	same "$kept" "$(doc '[.pipelines[] | select(.name == "netflow").stages[].pid]' | jq -c .)" "stages that were to stay"
	python3 "$TOOLS/flowload.py" 127.0.0.1 "$other" 300
	wait_for 10 stored 300 three.sqlite
	drained
	same 300 "$(count one.sqlite)"
}

@test "goflow: nothing is lost when a pipeline gives way to another on the same port" {
	one_backend
	daemon -c config.yml
	load_flows 30000 --rate 15000 >sent &
	local load=$!
	for ring in 1M 2M 3M; do
		wait_for 10 stored 1
		one_backend "ring: $ring"
		kill -HUP "$goflow"
		wait_for 10 eval "[ \$(grep -c 'the new configuration is taken' err) -eq ${ring%M} ]"
	done
	wait "$load"
	wait_for 20 stored 30000
	drained
	same 30000 "$(sqlite3 flows.sqlite 'SELECT count(DISTINCT in_bytes) FROM goflow_records')"
}

@test "goflow: a new configuration with an error in it is refused, and the old one goes on" {
	one_backend
	daemon -c config.yml
	sed -i 's/backend: local/backend: lokal/' config.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q 'is not taken' err
	grep -q 'config.yml:7:.*lokal' err
	load_flows 300
	wait_for 10 stored 300
	same 1 "$(doc .counters.reloads_refused)"
	drained
}

@test "goflow: a port that another process has is said at start, with the frontend's name" {
	one_backend
	background nfrecv -l "127.0.0.1:$port" >/dev/null 2>&1
	wait_for 10 bound "$port"
	run goflow -c config.yml
	same 74 "$status" "exit code"
	[[ $output == *"frontends.netflow: address 127.0.0.1 port $port cannot be listened on"* ]] || fail "$output"
}

@test "goflow: a service manager is told, and passes sockets" {
	need_command systemd-socket-activate
	one_backend
	python3 - >told <<-'END' &
		import socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("notify")
		while True:
		    text = s.recv(4096).decode()
		    print(text, flush=True)
		    if "STOPPING" in text:
		        break
	END
	local listener=$!
	wait_for 10 test -S notify
	background env NOTIFY_SOCKET="$PWD/notify" WATCHDOG_USEC=200000 systemd-socket-activate -E NOTIFY_SOCKET -E GOFLOW_RUNDIR \
		-E WATCHDOG_USEC -E PATH --datagram \
		-l "127.0.0.1:$port" "$GOFLOW_BIN/goflow" -c config.yml 2>err
	goflow=$pid
	wait_for 10 bound "$port"
	load_flows 300
	wait_for 10 grep -q READY=1 told
	wait_for 10 stored 300
	grep -q 'listening port=.* passed=1' err
	barked() { [ "$(grep -c WATCHDOG=1 told)" -ge 3 ]; }
	wait_for 10 barked
	kill -HUP "$goflow"
	wait_for 10 grep -q RELOADING=1 told
	again() { [ "$(grep -c READY=1 told)" -eq 2 ]; }
	wait_for 10 again
	drained
	wait "$listener"
}

@test "goflow: a drain that a second signal cuts short ends at once, and says so" {
	one_backend
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 1
	kill -STOP "$(stages nfsink-sqlite)"
	load_flows 300
	kill -TERM "$goflow"
	wait_for 10 grep -q draining err
	kill -TERM "$goflow"
	wait_for 10 grep -q 'cut short' err
	local code=0
	kill -TERM "$goflow"
	wait "$goflow" || code=$?
	same 1 "$code" "exit code"
}

@test "goflow: each stage has only the environment that it needs" {
	one_backend
	export SQL_PASSWORD=not-for-everyone SASL_PASSWORD=nor-this
	daemon -c config.yml
	wait_for 10 runs nfsink-sqlite 1
	for each in $(pgrep -P "$goflow" '^nf'); do
		! tr '\0' '\n' <"/proc/$each/environ" | grep -q PASSWORD || fail "$(cat "/proc/$each/comm") knows a password"
	done
	drained
}

@test "goflow: its API answers, is started again when it is killed, and tells stages their level" {
	need_command curl
	one_backend
	daemon -c config.yml
	local url=http://127.0.0.1:$api
	answers() { curl -sf "$url/status" | jq -e "$1"; }
	wait_for 10 answers '.Msg != null'
	killed_api() { [ "$(pgrep -P "$goflow" -x goflow-api)" != "$1" ] && answers '.Msg != null'; }
	local old
	old=$(pgrep -P "$goflow" -x goflow-api)
	kill -KILL "$old"
	wait_for 10 killed_api "$old"
	same 3 "$(curl -sf -X POST -H 'Content-Type: application/json' -H "Authorization: Bearer $(cat "$GOFLOW_RUNDIR/api-token")" \
		-d '{"Level": "debug"}' "$url/log-level" | jq '.stages - 1')" "stages that were told, beside goflow"
	kill -KILL "$(stages nfdecode)"
	wait_for 10 grep -q 'debug goflow: started pipeline=netflow program=nfdecode' err
	same 200 "$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d '{}' \
		-H "Authorization: Bearer $(cat "$GOFLOW_RUNDIR/api-token")" "$url/drain")"
	local code=0
	wait "$goflow" || code=$?
	same 0 "$code" "exit code"
}

@test "goflow: data is decoded at once after a restart, since templates are kept" {
	one_backend
	daemon -c config.yml
	python3 "$TOOLS/exports.py" le-ns 10 >first.pcap
	python3 "$TOOLS/udpsend.py" first.pcap 127.0.0.1 "$port"
	wait_for 10 stored 10
	kill -TERM "$goflow"
	wait "$goflow"
	daemon -c config.yml
	# the same exporter, without its template
	python3 - first.pcap rest.pcap <<-'END'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		skip = 24 + 16 + struct.unpack("<I", data[32:36])[0]
		open(sys.argv[2], "wb").write(data[:24] + data[skip:])
	END
	python3 "$TOOLS/udpsend.py" rest.pcap 127.0.0.1 "$port"
	wait_for 10 stored 20
	drained
}

@test "goflow: what the kernel drops while there is no nfrecv is counted" {
	one_backend 'rcvbuf: 64K'
	daemon -c config.yml
	load_flows 300 >/dev/null
	wait_for 10 stored 300
	kill -STOP "$goflow"
	kill -KILL "$(stages nfrecv)"
	load_flows 30000 --first 301 --rate 1000000 >/dev/null
	kill -CONT "$goflow"
	load_flows 300 --first 30301 >/dev/null
	wait_for 10 sqlite3 -readonly flows.sqlite 'SELECT 1 / count(*) FROM goflow_records WHERE in_bytes >= 30301'
	drained
	local drops
	drops=$(sed -n 's/.*totals pipeline=netflow received=[0-9]* kernel_drops=\([0-9]*\) lost=0 not_read=0 .*/\1/p' err)
	[ "$drops" -gt 0 ]
	same "$((30600 - 30 * drops))" "$(count)"
}

@test "goflow: a new configuration whose port is taken changes nothing, the API's address neither" {
	need_command curl
	one_backend
	daemon -c config.yml
	local taken other
	taken=$(free_port) other=$(free_tcp_port)
	background nfrecv -l "127.0.0.1:$taken" >/dev/null 2>&1
	wait_for 10 bound "$taken"
	sed -i "s/bindport: $port/bindport: $taken/; s/127.0.0.1:$api/127.0.0.1:$other/" config.yml
	kill -HUP "$goflow"
	wait_for 10 grep -q 'is not taken' err
	load_flows 300
	wait_for 10 stored 300
	curl -sf "http://127.0.0.1:$api/status" >status
	! curl -sf "http://127.0.0.1:$other/status" || fail "it answers at the new address"
	drained
}
