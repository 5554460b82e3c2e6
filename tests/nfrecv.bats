#!/usr/bin/env bats
# nfrecv: files of every kind, receiving, and what it does when something goes wrong.

load helpers

frames() { # KIND: writes $BATS_TEST_TMPDIR/KIND.pcap
	need_command python3
	python3 "$TOOLS/frames.py" "$1" "$BATS_TEST_TMPDIR/$1.pcap"
}

explained() { # the sequence numbers that nfdecode finds, in order
	nfdecode --explain 2>/dev/null | awk '$3 == "flow_sequence" { printf "%s ", $4 }'
}

# send PORT TEXT [HOST]: one datagram
send() {
	python3 - "$@" <<'PY'
import socket, sys
host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(eval(sys.argv[2]), (host, int(sys.argv[1])))
PY
}

# packets FILE: how many packets of a pcap stream have been written so far
packets() {
	python3 - "$1" <<'PY'
import struct, sys
d = open(sys.argv[1], "rb").read()
at, n = 24, 0
while at + 16 <= len(d):
    at += 16 + struct.unpack("<I", d[at + 8:at + 12])[0]
    n += at <= len(d)
print(n)
PY
}
has_packets() { [ "$(packets "$1")" -ge "$2" ]; }

@test "nfrecv: every link type, VLANs, both byte orders, pcapng, padding" {
	for kind in ether vlan qinq raw null loop sll sll2 nano big-endian pcapng padded; do
		frames $kind
		nfrecv -r "$BATS_TEST_TMPDIR/$kind.pcap" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
		same "0 1 " "$(explained <"$BATS_TEST_TMPDIR/out")" "$kind"
		same 2 "$(total "$BATS_TEST_TMPDIR/err" written)" "$kind"
	done
}

@test "nfrecv: standard input, and several files in order" {
	frames ether
	frames seconds
	run bash -c 'nfrecv -r - -r "$2" <"$1" 2>/dev/null | nfdecode --explain 2>/dev/null | grep -c flow_sequence' _ \
		"$BATS_TEST_TMPDIR/ether.pcap" "$BATS_TEST_TMPDIR/seconds.pcap"
	same 6 "$output"
}

@test "nfrecv: a pipe that pauses: what came goes out, and a signal ends it" {
	frames ether
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	background nfrecv -r - <>"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	cat "$BATS_TEST_TMPDIR/ether.pcap" >"$BATS_TEST_TMPDIR/pipe"
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 2
	kill "$pid"
	code=0
	wait "$pid" || code=$?
	same 0 "$code" "exit status"
	same 2 "$(total "$BATS_TEST_TMPDIR/err" written)"
	! grep error "$BATS_TEST_TMPDIR/err" || fail "an error was said"
}

@test "nfrecv: a link type that is not supported is named, and its packets are counted" {
	frames ether
	# 147 is the first of those for private use
	{ head -c 20 "$BATS_TEST_TMPDIR/ether.pcap"; printf '\223\0\0\0'; tail -c +25 "$BATS_TEST_TMPDIR/ether.pcap"; } \
		>"$BATS_TEST_TMPDIR/odd.pcap"
	nfrecv -r "$BATS_TEST_TMPDIR/odd.pcap" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || true
	grep -q "odd.pcap.*link type" "$BATS_TEST_TMPDIR/err" || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	same 2 "$(total "$BATS_TEST_TMPDIR/err" linktype)"
	same 0 "$(total "$BATS_TEST_TMPDIR/err" gap)" "ledger"
}

@test "nfrecv: fragments of IPv4 and IPv6, in any order, become whole datagrams" {
	frames fragments
	nfrecv -r "$BATS_TEST_TMPDIR/fragments.pcap" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	same "0 1 2 " "$(explained <"$BATS_TEST_TMPDIR/out")"
	same 9 "$(total "$BATS_TEST_TMPDIR/err" received)"
	same 6 "$(total "$BATS_TEST_TMPDIR/err" joined)"
	# the payload of 3,000 octets is as it was sent
	need_command tcpdump
	tcpdump -nr "$BATS_TEST_TMPDIR/out" 2>/dev/null | grep -q 'length 3000'
}

@test "nfrecv: IPv4 and UDP over IPv6 have right checksums" {
	need_command tcpdump
	frames fragments
	nfrecv -r "$BATS_TEST_TMPDIR/fragments.pcap" >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	run tcpdump -nvvr "$BATS_TEST_TMPDIR/out"
	[[ $output == *"udp sum ok"* ]] || fail "no checksum was checked: $output"
	[[ $output != *"bad"* ]] || fail "$output"
}

@test "nfrecv: overlapping fragments are given up, and counted" {
	frames overlapping
	nfrecv -r "$BATS_TEST_TMPDIR/overlapping.pcap" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	same "1 " "$(explained <"$BATS_TEST_TMPDIR/out")"
	[ "$(total "$BATS_TEST_TMPDIR/err" fragments)" -gt 0 ]
	same 0 "$(total "$BATS_TEST_TMPDIR/err" gap)" "ledger"
}

@test "nfrecv: a packet that stays incomplete waits, and the ledger says so" {
	frames incomplete
	nfrecv -r "$BATS_TEST_TMPDIR/incomplete.pcap" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	same "1 " "$(explained <"$BATS_TEST_TMPDIR/out")"
	same 1 "$(total "$BATS_TEST_TMPDIR/err" fragments_waiting)"
	same 0 "$(total "$BATS_TEST_TMPDIR/err" gap)" "ledger"
}

@test "nfrecv: what is not UDP is left out and counted; a filter takes its part" {
	frames mixed
	nfrecv -r "$BATS_TEST_TMPDIR/mixed.pcap" -f 'udp port 2055' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	same "0 " "$(explained <"$BATS_TEST_TMPDIR/out")"
	for count in received=4 written=1 filtered=1 not_udp=1 not_ip=1 gap=0; do
		same "${count#*=}" "$(total "$BATS_TEST_TMPDIR/err" "${count%=*}")" "$count"
	done
}

@test "nfrecv: a filter sees through VLANs; one on the link layer is refused" {
	frames vlan
	nfrecv -r "$BATS_TEST_TMPDIR/vlan.pcap" -f 'ip6 and udp port 2055' >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	same "1 " "$(explained <"$BATS_TEST_TMPDIR/out")"
	run bash -c 'nfrecv -r "$1" -f "ether host 1:2:3:4:5:6" | cat; exit ${PIPESTATUS[0]}' _ "$BATS_TEST_TMPDIR/vlan.pcap"
	same 64 "$status"
	[[ $output == *"option --filter"* ]] || fail "$output"
}

@test "nfrecv: --loop replays again" {
	frames ether
	nfrecv -r "$BATS_TEST_TMPDIR/ether.pcap" --loop 3 >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	same "0 1 0 1 0 1 " "$(explained <"$BATS_TEST_TMPDIR/out")"
}

@test "nfrecv: --speed 1 keeps the pace of a capture of 3 seconds, --speed 10 is ten times as fast" {
	frames seconds
	started=$(date +%s%N)
	nfrecv -r "$BATS_TEST_TMPDIR/seconds.pcap" --speed 1 2>/dev/null | cat >/dev/null
	took=$((($(date +%s%N) - started) / 1000000))
	[ $took -ge 3000 ] && [ $took -lt 4500 ] || fail "took $took ms"
	started=$(date +%s%N)
	nfrecv -r "$BATS_TEST_TMPDIR/seconds.pcap" --speed 10 2>/dev/null | cat >/dev/null
	took=$((($(date +%s%N) - started) / 1000000))
	[ $took -ge 300 ] && [ $took -lt 1500 ] || fail "took $took ms"
}

@test "nfrecv: a file that is missing, or no capture, or torn, ends with 74 and says which" {
	run bash -c 'nfrecv -r /nowhere/x.pcap | cat; exit ${PIPESTATUS[0]}'
	same 74 "$status"
	[[ $output == *"/nowhere/x.pcap"* ]] || fail "$output"
	frames seconds
	head -c 150 "$BATS_TEST_TMPDIR/seconds.pcap" >"$BATS_TEST_TMPDIR/torn.pcap"
	run bash -c 'nfrecv -r "$1" | cat >/dev/null; exit ${PIPESTATUS[0]}' _ "$BATS_TEST_TMPDIR/torn.pcap"
	same 74 "$status"
	[[ $output == *"torn.pcap"* && $output == *"truncated"* ]] || fail "$output"
}

@test "nfrecv: wrong use ends with 64 and says what was found and expected" {
	frames ether
	for wrong in "-l nowhere" "-l ::1:2055" "-l 1.2.3.4:70000" "--speed 0" "--speed x" "--loop -1" "--ring 1" \
		"-l :2055 -r x" "operand"; do
		run bash -c "nfrecv $wrong </dev/null | cat; exit \${PIPESTATUS[0]}"
		same 64 "$status" "$wrong"
		[[ $output == *"expected"* || $output == *"none is taken"* ]] || fail "$wrong: $output"
	done
}

@test "nfrecv: a reader that goes away ends a replay silently with 0" {
	frames ether
	run bash -c 'nfrecv -r "$1" --loop 0 | head -c 100 >/dev/null; exit ${PIPESTATUS[0]}' _ "$BATS_TEST_TMPDIR/ether.pcap"
	same 0 "$status"
	same "" "$output"
}

@test "nfrecv: receives IPv4 and IPv6 on one socket, with addresses, ports and kernel times" {
	need_command python3 jq
	port=$(free_port)
	background nfrecv -l "[::]:$port" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_for 5 bound "$port"
	send "$port" 'b"one"'
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 1
	send "$port" 'b"two"' ::1
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 2
	kill "$pid"
	wait "$pid"
	run nfdecode --explain <"$BATS_TEST_TMPDIR/out"
	[[ $output == *"127.0.0.1 port "*" > 127.0.0.1 port $port  3 octets"* ]] || fail "$output"
	[[ $output == *"::1 port "*" > ::1 port $port  3 octets"* ]] || fail "$output"
	[[ $output == *"$(date -u +%Y-%m-%dT)"* ]] || fail "no time of today: $output"
	same 2 "$(total "$BATS_TEST_TMPDIR/err" written)"
}

@test "nfrecv: the largest datagrams of IPv4 and IPv6 arrive whole" {
	need_command python3
	port=$(free_port)
	background nfrecv -l "[::]:$port" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_for 5 bound "$port"
	send "$port" 'bytes(65507)'
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 1
	send "$port" 'bytes(65527)' ::1
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 2
	kill "$pid"
	wait "$pid"
	run nfdecode --explain <"$BATS_TEST_TMPDIR/out"
	[[ $output == *"65507 octets"* && $output == *"65527 octets"* ]] || fail "$output"
}

@test "nfrecv: a slow reader loses nothing that fits the ring; what does not is counted by exporter" {
	need_command python3 jq
	port=$(free_port)
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 4<>"$BATS_TEST_TMPDIR/pipe" # held open, and read by nobody yet
	background nfrecv -l "127.0.0.1:$port" --ring 256K >&4 2>"$BATS_TEST_TMPDIR/err"
	wait_for 5 bound "$port"
	python3 - "$port" <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(4000):
    s.sendto(bytes(1000), ("127.0.0.1", int(sys.argv[1])))
    if i % 50 == 0:
        time.sleep(0.001)
PY
	received() { nfctl exporters --json | jq -e '[.. | objects | select(.address? == "127.0.0.1") | .received] | max == 4000'; }
	wait_for 10 received
	run nfctl exporters --json
	dropped=$(jq '[.. | objects | select(.address? == "127.0.0.1") | .ring_full] | max' <<<"$output")
	# the pipe holds up to 1 MiB, the ring 256 KiB: far less than 4,000 datagrams
	[ "$dropped" -gt 1000 ] && [ "$dropped" -lt 3900 ] || fail "dropped $dropped"
	cat "$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
	reader=$!
	kill "$pid"
	code=0
	wait "$pid" || code=$?
	same 1 "$code" "exit status"
	exec 4>&- # the reader's end of input
	same 4000 "$(($(total "$BATS_TEST_TMPDIR/err" written) + $(total "$BATS_TEST_TMPDIR/err" ring_full)))"
	same "$dropped" "$(total "$BATS_TEST_TMPDIR/err" ring_full)"
	wait "$reader"
	same "$(total "$BATS_TEST_TMPDIR/err" written)" "$(packets "$BATS_TEST_TMPDIR/out")"
}

@test "nfrecv: SIGTERM takes what the kernel holds and writes it out" {
	need_command python3
	port=$(free_port)
	background nfrecv -l "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_for 5 bound "$port"
	kill -STOP "$pid"
	python3 - "$port" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(100):
    s.sendto(b"%d" % i, ("127.0.0.1", int(sys.argv[1])))
PY
	kill -TERM "$pid"
	kill -CONT "$pid"
	wait "$pid"
	same 100 "$(packets "$BATS_TEST_TMPDIR/out")"
}

@test "nfrecv: what the kernel drops is counted, to the last, beside the ledger" {
	need_command python3
	port=$(free_port)
	background nfrecv -l "127.0.0.1:$port" --rcvbuf 64K >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_for 5 bound "$port"
	kill -STOP "$pid"
	wait_for 5 grep -q '^State:.T' "/proc/$pid/status"
	python3 - "$port" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(500):
    s.sendto(bytes(1000), ("127.0.0.1", int(sys.argv[1])))
PY
	kill -TERM "$pid"
	kill -CONT "$pid"
	wait "$pid"
	drops=$(total "$BATS_TEST_TMPDIR/err" kernel_drops)
	[ "$drops" -gt 0 ] || fail "the kernel dropped nothing: $(cat "$BATS_TEST_TMPDIR/err")"
	same 500 "$((drops + $(total "$BATS_TEST_TMPDIR/err" received)))"
	same 0 "$(total "$BATS_TEST_TMPDIR/err" gap)" "ledger"
	grep -q "warn nfrecv: the kernel dropped" "$BATS_TEST_TMPDIR/err" || fail "no warning"
}

@test "nfrecv: a reader that goes away while receiving ends it with 1 and words" {
	need_command python3
	port=$(free_port)
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	head -c 1 "$BATS_TEST_TMPDIR/pipe" >/dev/null 3>&- & # a reader that takes one byte and goes
	background nfrecv -l "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err"
	code=0
	wait "$pid" || code=$?
	same 1 "$code"
	grep -q "the reader has gone away" "$BATS_TEST_TMPDIR/err" || fail "$(cat "$BATS_TEST_TMPDIR/err")"
}

@test "nfrecv: takes the sockets that a service manager passes, with what they hold" {
	need_command python3
	port=$(free_port)
	python3 - "$port" "$BATS_TEST_TMPDIR/out" 3>&- 2>"$BATS_TEST_TMPDIR/err" <<'PY' &
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c.sendto(b"before", ("127.0.0.1", int(sys.argv[1])))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.dup2(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT), 1)
os.execvpe("nfrecv", ["nfrecv"], dict(os.environ, LISTEN_FDS="1", LISTEN_PID=str(os.getpid())))
PY
	started=$!
	echo $started >>"$BATS_TEST_TMPDIR/.pids"
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 1
	send "$port" 'b"after"'
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 2
	kill "$started"
	wait "$started"
	same 2 "$(total "$BATS_TEST_TMPDIR/err" written)"
}

@test "nfrecv: joins a multicast group" {
	need_command python3
	port=$(free_port)
	background nfrecv -l "239.192.0.77%lo:$port" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	wait_for 5 bound "$port"
	python3 - "$port" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
s.sendto(b"group", ("239.192.0.77", int(sys.argv[1])))
PY
	wait_for 5 has_packets "$BATS_TEST_TMPDIR/out" 1
}

@test "nfrecv: an address in use, and a terminal, are refused in words" {
	port=$(free_port)
	background nfrecv -l "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	wait_for 5 bound "$port"
	run bash -c 'nfrecv -l 127.0.0.1:$1 | cat; exit ${PIPESTATUS[0]}' _ "$port"
	same 74 "$status"
	[[ $output == *"$port"* && $output == *"in use"* ]] || fail "$output"
	need_command script
	run script -qec 'nfrecv -l 127.0.0.1:0' /dev/null
	same 64 "$status"
	[[ $output == *"is a terminal"* ]] || fail "$output"
}
