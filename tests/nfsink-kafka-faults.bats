#!/usr/bin/env bats
# nfsink-kafka when its broker is killed, frozen, or away, and when the topic goes.

load helpers
load servers
load kafka/broker

setup_file() {
	! has_kafka || start_kafka
}

teardown_file() {
	remove_kafka
}

setup() {
	goflow_setup
	need_kafka
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
	KAFKA_TOPIC=f$BATS_TEST_NUMBER
	export KAFKA_TOPIC
	[ -e "$kafka_dir/pid" ] || run_kafka # a test before may have ended badly
}

teardown() {
	goflow_teardown
	thaw_kafka 2>/dev/null || true
}

# halves: the stream in two files, cut between frames
halves() {
	reframe -j <stream >half.lines
	head -n $((records / 2)) half.lines | reframe >half1
	tail -n +$((records / 2 + 1)) half.lines | reframe >half2
}

# go_on: the second half, in the background, since the sink may read no more for a while
go_on() {
	cat half2 >&9 &
	feeder=$!
	echo $feeder >>"$BATS_TEST_TMPDIR/.pids"
}

# ends: the sink has stored all, having complained once
ends() {
	wait "$feeder"
	exec 9>&-
	wait "$sunk" || fail "exit $?: $(cat err)"
	same "$records" "$(total err stored)"
	same 1 "$(grep -c 'cannot store' err)" "complaints"
	said "storing again" || fail "$(cat err)"
}

# whole: the topic has each record once
whole() {
	taken "$KAFKA_TOPIC" | sort >back
	cmp lines back
}

# stream_and_lines [LOOPS [STREAM-ID]]: ./stream, $records, and the records as JSON, ./lines
stream_and_lines() {
	stream "$@"
	reframe -j <stream | sort >lines
}

@test "nfsink-kafka: a broker that is killed and started again mid-stream loses and doubles nothing" {
	stream_and_lines 60
	halves
	fed nfsink-kafka --create-topic 2:1 --batch 500 --linger 50ms
	cat half1 >&9
	wait_for 30 holds "$KAFKA_TOPIC" 1000
	end_kafka KILL
	go_on
	wait_for 30 said "cannot store"
	run_kafka
	ends
	whole
}

@test "nfsink-kafka: a broker that is frozen mid-stream and goes on loses and doubles nothing" {
	stream_and_lines 60
	halves
	fed nfsink-kafka --create-topic 2:1 --batch 500 --linger 50ms
	cat half1 >&9
	wait_for 30 holds "$KAFKA_TOPIC" 1000
	freeze_kafka
	go_on
	wait_for 30 said "cannot store"
	thaw_kafka
	ends
	whole
}

@test "nfsink-kafka: frames in flight in a broker that is killed, or frozen, arrive whole and once" {
	stream_and_lines 60
	halves
	for fault in killed frozen; do
		export KAFKA_TOPIC=f$fault
		fed nfsink-kafka --format binary --create-topic 2:1 --batch 500 --linger 50ms
		cat half1 >&9
		wait_for 30 holds "$KAFKA_TOPIC" 2
		if [ $fault = killed ]; then end_kafka KILL; else freeze_kafka; fi
		go_on
		wait_for 30 said "cannot store"
		if [ $fault = killed ]; then run_kafka; else thaw_kafka; fi
		ends
		taken "$KAFKA_TOPIC" -D '' | reframe -j | sort >back
		cmp lines back
	done
}

@test "nfsink-kafka: without a broker it says so once, waits, and gives up after --retry" {
	stream_and_lines
	KAFKA_SERVER='' KAFKA_TOPIC='' run nfsink-kafka -b 127.0.0.1:1 --retry 2s <stream
	same 69 "$status"
	same 1 "$(grep -c 'trying again' <<<"$output")" "complaints"
	[[ $output == *"all brokers are down"*"refused"* ]] || fail "$output"
}

@test "nfsink-kafka: on SIGTERM with the broker away, what is left is counted and not acknowledged" {
	stream_and_lines 10
	fed nfsink-kafka --create-topic 1:1 --batch 100 --linger 50ms
	wait_for 20 test -s err
	end_kafka KILL
	cat stream >&9
	wait_for 30 said "cannot store"
	kill -TERM "$sunk"
	exec 9>&-
	status=0
	wait_for 15 ended "$sunk"
	wait "$sunk" || status=$?
	same 1 "$status"
	same "$records" "$(($(total err stored) + $(total err not_stored)))"
	[ "$(total err not_stored)" -gt 0 ] || fail "$(cat err)"
	run_kafka
}

@test "nfsink-kafka: a topic that is deleted mid-stream is waited for, or made again by --create-topic" {
	stream_and_lines 10
	halves
	fed nfsink-kafka --create-topic 1:1 --linger 50ms -X topic.metadata.propagation.max.ms=1000 -X topic.metadata.refresh.interval.ms=1000
	cat half1 >&9
	wait_for 30 holds "$KAFKA_TOPIC" $((records / 2))
	kafka_topics --delete --topic "$KAFKA_TOPIC" >/dev/null
	gone() { kcat -b "$KAFKA_SERVER" -L -t "$KAFKA_TOPIC" | grep -q "Unknown topic"; }
	wait_for 20 gone
	cat half2 >&9
	wait_for 60 said "topic made.*"
	exec 9>&-
	wait "$sunk" || fail "exit $?: $(cat err)"
	same "$records" "$(total err stored)"
	same "$((records - records / 2))" "$(taken "$KAFKA_TOPIC" | wc -l)"
}

@test "nfsink-kafka: frames that were acknowledged are in the topic, whatever is killed" {
	stream_and_lines 100
	python3 "$TOOLS/chainload.py" stream 4 nfsink-kafka --create-topic 2:1 --batch 300 --linger 20ms --retry 60s 2>err2 >fed &
	feeder=$!
	echo $feeder >>"$BATS_TEST_TMPDIR/.pids"
	wait_for 30 holds "$KAFKA_TOPIC" 1000
	end_kafka KILL
	run_kafka
	wait "$feeder" || fail "$(cat fed err2)"
	taken "$KAFKA_TOPIC" | sort -u >back
	cmp <(sort -u lines) back
}
