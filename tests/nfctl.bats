#!/usr/bin/env bats
# nfctl: that it finds all stages, adds up what they say, and survives whatever a socket answers.

load helpers

# A stage that answers everything with TEXT, in which @N becomes N times how often that was asked:
# fake_stage NAME TEXT.
fake_stage() {
	need_command python3
	local socket=$GOFLOW_RUNDIR/$1.1.sock
	background python3 -c '
import collections, os, re, socket, sys
asked = collections.Counter()
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen(16)
os.rename(sys.argv[1] + ".new", sys.argv[1])  # it is there once it answers
while True:
    client, _ = listener.accept()
    request = client.recv(300)
    asked[request] += 1
    text = re.sub("@([0-9]+)", lambda m: str(int(m[1]) * asked[request]), sys.argv[2])
    try:
        client.sendall(text.encode("utf-8", "surrogateescape"))
    except OSError:
        pass
    client.close()
' "$socket" "$2"
	wait_for 5 test -S "$socket"
}

# send PORT HEX: one datagram to loopback.
send() {
	local text
	text=$(tr -d '[:space:]' <<<"$2" | sed 's/../\\x&/g')
	printf '%b' "$text" | dd bs=65536 iflag=fullblock status=none >"/dev/udp/127.0.0.1/$1"
}

# NetFlow 9, source 7: a template 256 (octets, packets: 4 bytes each; source address), two records of it.
v9='0009 0003 00000001 65000000 00000001 00000007
    0000 0014 0100 0003 0001 0004 0002 0004 0008 0004
    0100 001c 00000064 00000002 c6336401 000000c8 00000003 c6336402'
# NetFlow 5 with one record.
v5="0005 0001 00000001 65000000 00000000 00000000 00 00 0000
    $(printf '%096d' 0)"
unknown='004d 0000 0000'

# Starts nfrecv | nfdecode | nfsink-sqlite on $port, and waits until all can be asked.
start_pipeline() {
	port=$(free_port)
	background bash -c "nfrecv -l 127.0.0.1:$port 2>'$BATS_TEST_TMPDIR/recv' |
		nfdecode 2>'$BATS_TEST_TMPDIR/decode' |
		nfsink-sqlite -d '$BATS_TEST_TMPDIR/flows.db' 2>'$BATS_TEST_TMPDIR/sink'"
	wait_for 10 bound "$port"
	wait_for 10 sockets 3
}

sockets() {
	[ "$(find "$GOFLOW_RUNDIR" -name '*.sock' | wc -l)" -eq "$1" ]
}

# The pid of a stage, from its socket's name.
pid_of() {
	local socket
	socket=$(echo "$GOFLOW_RUNDIR/$1".*.sock)
	socket=${socket%.sock}
	echo "${socket##*.}"
}

status() {
	nfctl -j -i 20ms status
}

# status_is JQ-EXPRESSION: for wait_for.
status_is() {
	status | jq -e "$1"
}

traffic() {
	send "$port" "$v9"
	send "$port" "$v5"
	send "$port" "$unknown"
	wait_for 10 status_is '.stages[2].ledger | .out == 3 and .waiting == 0'
}

@test "no stage is running: says where it looked, and exits 69" {
	run nfctl status
	same 69 "$status"
	same "error nfctl: no stage is running: no socket in $GOFLOW_RUNDIR" "$output"
	run nfctl top
	same 69 "$status"
}

@test "wrong use exits 64" {
	local words
	for words in "" "stats" "status top" "-x status" "-i 0 status" "-i x status" "-j top"; do
		# shellcheck disable=SC2086
		run nfctl $words
		same 64 "$status" "nfctl $words"
	done
}

@test "top needs a terminal" {
	fake_stage nftest '{"program":"nftest","pid":1}'
	run nfctl top
	same 64 "$status"
	[[ $output == *"needs a terminal"* ]]
}

@test "status of a pipeline: every stage in order, and the ledger adds up" {
	start_pipeline
	traffic
	run nfctl -i 20ms status
	same 0 "$status"
	[[ ${lines[0]} == STAGE* ]]
	[[ ${lines[1]} == nfrecv* ]]
	[[ ${lines[2]} == nfdecode* ]]
	[[ ${lines[3]} == nfsink-sqlite* ]]
	[[ $output == *": 3 datagrams in = 2 out + 0 waiting + 1 lost (version 1): adds up"* ]]
	[[ $output == *": 3 datagrams passed on, 3 read: adds up"* ]]
	[[ $output == *": 3 records passed on, 3 read: adds up"* ]]
	same "The ledger adds up." "${lines[-1]}"
	status_is '.adds_up and (.links | length) == 2 and ([.stages[].gap] | unique) == [0]'
	status_is '.stages[0].ledger | .in == 3 and .out == 3'
	status_is '.stages[1].lag_ms < 60000'
	run nfctl -v -i 20ms status
	[[ $output == *"COUNTER"*"MEANING"* ]]
	[[ $output == *"version"*" 1 "* ]]
}

@test "exporters of a pipeline: receiver and decoder put together" {
	start_pipeline
	traffic
	run nfctl -i 20ms exporters
	same 0 "$status"
	[[ ${lines[0]} == EXPORTER* ]]
	[[ ${lines[1]} == "127.0.0.1 "*5,9* ]]
	same 2 "${#lines[@]}"
	nfctl -j -i 20ms exporters | jq -e '.exporters | length == 1 and (.[0] |
		.address == "127.0.0.1" and .versions == [5, 9] and .received == 3 and .flows == 3 and
		.templates == 1 and .undecodable.version == 1 and (.last_seen | length) >= 20)'
}

@test "templates of a pipeline, with the names of their fields" {
	start_pipeline
	traffic
	run nfctl templates
	same 0 "$status"
	[[ ${lines[0]} == EXPORTER* ]]
	[[ ${lines[1]} == "127.0.0.1 "* ]]
	[[ ${lines[1]} == *" 256 "*" data "* ]]
	[[ $output != *octetDeltaCount* ]]
	run nfctl -v templates
	[[ ${lines[1]} == *"octetDeltaCount/4 packetDeltaCount/4 sourceIPv4Address/4"* ]]
	nfctl -j templates | jq -e '.templates == [.templates[0]] and (.templates[0] | .version == 9 and
		.domain == 7 and .id == 256 and .options == false and .record_length == 12 and
		.records == 2 and .fields[0] == {"name": "octetDeltaCount", "pen": 0, "id": 1, "length": 4})'
}

@test "totals lines tell the same ledger as the sockets did" {
	start_pipeline
	traffic
	local recv decode sink
	recv=$(pid_of nfrecv) decode=$(pid_of nfdecode) sink=$(pid_of nfsink-sqlite)
	kill -TERM "$recv"
	wait_for 10 ended "$recv"
	wait_for 10 ended "$decode"
	wait_for 10 ended "$sink"
	same 3 "$(total "$BATS_TEST_TMPDIR/decode" received)"
	same 2 "$(total "$BATS_TEST_TMPDIR/decode" decoded)"
	same 1 "$(total "$BATS_TEST_TMPDIR/decode" version)"
	same 3 "$(total "$BATS_TEST_TMPDIR/decode" written)"
	same 0 "$(total "$BATS_TEST_TMPDIR/decode" gap)"
	sockets 0
}

@test "one stage alone by --socket" {
	start_pipeline
	run nfctl -j -i 20ms --socket "$(echo "$GOFLOW_RUNDIR"/nfdecode.*.sock)" status
	same 0 "$status"
	jq -e '[.stages[].program] == ["nfdecode"]' <<<"$output"
	run nfctl --socket "$GOFLOW_RUNDIR/none.sock" status
	same 69 "$status"
	[[ $output == *"none.sock: No such file"* ]]
}

@test "a stage that hangs is named, and the others are shown" {
	start_pipeline
	local decode
	decode=$(pid_of nfdecode)
	kill -STOP "$decode"
	run nfctl -i 20ms status
	kill -CONT "$decode"
	same 0 "$status"
	[[ $output == *"nfdecode.$decode.sock: it does not answer"* ]]
	[[ ${lines[1]} == nfrecv* ]]
}

@test "a killed stage's socket is named, and the next one of its kind clears it away" {
	start_pipeline
	local old
	old=$GOFLOW_RUNDIR/nfdecode.$(pid_of nfdecode).sock
	kill -KILL "$(pid_of nfdecode)"
	wait_for 10 sockets 1
	run nfctl status
	same 69 "$status"
	[[ $output == *"$old: no stage serves it: left by one that was killed"* ]]
	start_pipeline
	[ ! -e "$old" ]
}

@test "a ledger that does not add up is said to" {
	fake_stage nftest '{"program":"nftest","pid":1,"uptime_ms":5,"ledger":{"unit":"datagrams","in":10,"out":5,
		"waiting":1,"lost":{"bad":2}}}'
	run nfctl -i 1ms status
	same 0 "$status"
	[[ $output == *"10 datagrams in = 5 out + 1 waiting + 2 lost (bad 2): does NOT add up, 2 missing"* ]]
	same "The ledger does NOT add up." "${lines[-1]}"
	run status
	jq -e '.adds_up == false and .stages[0].gap == 2' <<<"$output"
}

@test "a reader that read more than its writer passed on is said to" {
	fake_stage a '{"program":"a","pid":1,"uptime_ms":5,"output":"1:2",
		"ledger":{"unit":"datagrams","in":3,"out":3,"waiting":0,"lost":{},"made":70}}'
	fake_stage b '{"program":"b","pid":2,"uptime_ms":5,"input":"1:2",
		"ledger":{"unit":"records","in":71,"out":71,"waiting":0,"lost":{}}}'
	run nfctl -i 1ms status
	[[ $output == *"a 1 -> b 2: 70 records passed on, 71 read: does NOT add up, 1 too many"* ]]
	status_is '.adds_up == false'
}

@test "rates are made of two samples, and of the stage's own clock" {
	fake_stage nftest '{"program":"nftest","pid":1,"uptime_ms":@2000,"lag_ms":1500,
		"ledger":{"unit":"datagrams","in":@1000,"out":@900,"waiting":@100,"lost":{}},
		"exporters":[{"address":"192.0.2.1","flows":@300},{"address":"192.0.2.2","flows":@3000}]}'
	fake_stage other '{"program":"other","pid":2,"uptime_ms":@1000,"exporters":[{"address":"192.0.2.2","flows":@50}]}'
	status_is '.stages[0].rates == {"in": 500.0, "out": 450.0}'
	run nfctl -i 1ms status
	[[ ${lines[1]} == "nftest "*" 500 "*" 450 "*" 1.5s "* ]]
	nfctl -j -i 1ms exporters | jq -e '[.exporters[] | .flows_per_s] == [150.0, 1550.0]'
	run nfctl -i 1ms exporters
	[[ ${lines[2]} == "192.0.2.2 "*" 1.55k "* ]]
}

@test "control characters from a socket do not reach the terminal" {
	fake_stage nftest '{"program":"nf\u001b[2Jtest","pid":1,"uptime_ms":5,
		"ledger":{"unit":"data\u0007grams","in":1,"out":0,"waiting":0,"lost":{"ba\u009bd":1}},
		"counters":{"a\u001b[1mb":1},"help":{"a\u001b[1mb":"\u001b]0;x\u0007"},
		"exporters":[{"address":"192.0.2.1\u001b[31m","versions":[9],"flows":1,"sampling_rate":1,
			"sampling_source":"\u001bc","last_seen":"\u001b"}],
		"templates":[{"exporter":"\u001b[H","fields":[{"name":"\u001b[A"}]}]}'
	local command
	for command in status exporters templates "-j status" "-j exporters" "-j templates"; do
		# shellcheck disable=SC2086
		nfctl -v -i 1ms $command >"$BATS_TEST_TMPDIR/out" 2>&1
		! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]\|\xc2\x9b' "$BATS_TEST_TMPDIR/out" ||
			fail "nfctl $command prints a control character"
	done
}

@test "whatever a socket answers, nfctl goes on" {
	fake_stage empty ''
	fake_stage text 'hello'
	fake_stage torn '{"program":"x"'
	fake_stage array '[1,2,3]'
	fake_stage odd '{"program":5,"pid":"x","uptime_ms":-4,"ledger":[],"counters":7,"lag_ms":"y",
		"exporters":[1,null,{"address":3,"flows":"n","versions":{},"undecodable":[]},{"versions":["x",9]}],
		"templates":[7,{"fields":{"a":1}},{"fields":[3]}]}'
	fake_stage huge '{"program":"huge","pid":99999999999999999999999}'
	echo x >"$GOFLOW_RUNDIR/file.9.sock"
	local command
	for command in status exporters templates "-j status" "-j exporters" "-j templates" "-v status" "-v templates"; do
		# shellcheck disable=SC2086
		run nfctl -i 1ms $command
		same 0 "$status" "nfctl $command"
	done
	run nfctl -i 1ms status
	[[ $output == *"empty.1.sock: it closed without an answer"* ]]
	[[ $output == *"torn.1.sock: its answer is not a JSON object"* ]]
}

@test "a full disk is told" {
	fake_stage nftest '{"program":"nftest","pid":1}'
	run bash -c 'nfctl -i 1ms status >/dev/full'
	same 74 "$status"
}

# In a terminal of its own: tmux with a server of this test's.
terminal() {
	tmux -S "$BATS_TEST_TMPDIR/tmux" "$@"
}

pane_has() {
	terminal capture-pane -p | grep -q -- "$1"
}

@test "top fits 80 by 24, follows a new size, stages that come and go, and restores the terminal" {
	need_command tmux
	start_pipeline
	traffic
	terminal -f /dev/null new-session -d -x 80 -y 24 -c "$BATS_TEST_TMPDIR" \
		"PS1='\$ ' GOFLOW_RUNDIR='$GOFLOW_RUNDIR' bash --norc --noprofile"
	terminal send-keys 'stty -g >before; nfctl -i 50ms top; echo "left=$?"; stty -g >after' Enter
	wait_for 10 pane_has '^nfctl top .* 3 stages'
	wait_for 10 pane_has '^127.0.0.1 '
	pane_has 'The ledger adds up'
	pane_has '^Lost by nfdecode .*version 1'
	pane_has '^nfsink-sqlite '
	terminal resize-window -x 50 -y 10
	wait_for 10 pane_has '^nfctl top'
	kill -TERM "$(pid_of nfrecv)"
	wait_for 10 pane_has 'no stage is running'
	terminal resize-window -x 80 -y 24
	start_pipeline
	wait_for 10 pane_has '3 stages'
	terminal send-keys q
	wait_for 10 pane_has 'left=0'
	wait_for 10 test -s "$BATS_TEST_TMPDIR/after"
	same "$(cat "$BATS_TEST_TMPDIR/before")" "$(cat "$BATS_TEST_TMPDIR/after")"
	terminal kill-server
}
