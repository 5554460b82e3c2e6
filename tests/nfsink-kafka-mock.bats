#!/usr/bin/env bats
# nfsink-kafka on librdkafka's mock cluster: errors that a real broker cannot be brought to, and what there is to test where no
# Apache Kafka can be had. TLS, logins, --create-topic and refusals by size are tested in nfsink-kafka.bats alone.

load helpers

setup() {
	goflow_setup
	need_command kcat
	cd "$BATS_TEST_TMPDIR" || return
	unset KAFKA_SERVER KAFKA_TOPIC SSL SSL_VERIFY SASL_USER SASL_PASSWORD
	mkfifo commands
	exec 8<>commands
	background mockkafka <commands >answers 8>&-
	tell topic flows 2
	server=$(head -1 answers)
}

# tell COMMAND...: the mock cluster has done it
tell() {
	told=$((${told:-0} + 1))
	echo "$*" >&8
	wait_for 20 obeyed
}

obeyed() { [ "$(grep -cx "done" answers)" -ge "$told" ]; }

sink() { nfsink-kafka -b "$server" -t flows "$@" <stream 2>err; }

# whole: the topic has each record once
whole() {
	kcat -C -q -b "$server" -t flows -o beginning -e | sort >back
	cmp lines back
}

# stream_and_lines [LOOPS [STREAM-ID]]: ./stream, $records, and the records as JSON, ./lines
stream_and_lines() {
	stream "${1:-20}"
	reframe -j <stream | sort >lines
}

@test "nfsink-kafka, mock cluster: each record of the captures is in the topic once, with stream and number" {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode
	done >stream 2>/dev/null
	reframe -j <stream | sort >lines
	sink || fail "$(cat err)"
	whole
	same 0 "$(kcat -C -q -b "$server" -t flows -o beginning -e -f '%h\n' | grep -cv '^stream=[0-9a-f]\{32\},sequence=[0-9]*$')"
	tell topic frames 1
	sink --connections 1 -t frames --format binary || fail "$(cat err)"
	kcat -C -q -b "$server" -t frames -o beginning -e -D '' >back
	recdiff stream back
}

@test "nfsink-kafka, mock cluster: errors that pass are the library's, and nothing is said of them" {
	stream_and_lines
	for error in 6 7 19; do # no leader any more, timed out, not enough replicas
		tell produce $error 1
	done
	sink || fail "$(cat err)"
	! said "cannot store" || fail "$(cat err)"
	whole
}

@test "nfsink-kafka, mock cluster: an idempotent producer that fails for good is replaced, and loses nothing" {
	stream_and_lines
	tell produce 45 1 # out of order sequence number
	sink --retry 20s || fail "$(cat err)"
	said "has to begin anew" || fail "$(cat err)"
	said "storing again" || fail "$(cat err)"
	whole
	same "$records" "$(total err stored)"
}

@test "nfsink-kafka, mock cluster: without the right to write it says so once, waits, and goes on" {
	stream_and_lines
	tell produce 29 6
	sink --retry 20s || fail "$(cat err)"
	same 1 "$(grep -c "cannot store.*authorization" err)" "complaints"
	whole
}

@test "nfsink-kafka, mock cluster: of messages that were refused together, those that are good alone are delivered" {
	stream_and_lines
	tell produce 87 1 # invalid record
	sink --connections 1 || fail "$(cat err)"
	said "one by one" || fail "$(cat err)"
	whole
	same "$records 0" "$(total err stored) $(total err refused)"
}

@test "nfsink-kafka, mock cluster: a broker that goes away and comes back loses and doubles nothing" {
	stream_and_lines 5
	tell down
	background nfsink-kafka -b "$server" -t flows --retry 60s <stream 2>err 8>&-
	wait_for 20 said "cannot store"
	tell up
	wait "$!" || fail "$(cat err)"
	same 1 "$(grep -c 'cannot store' err)" "complaints"
	whole
}
