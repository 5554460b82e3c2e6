#!/usr/bin/env bats
# nfsrc-kafka between a real Apache Kafka and a real PostgreSQL: what nfsink-kafka wrote to a topic is in the table once,
# whoever is killed.

# shellcheck disable=SC2030,SC2031,SC2154 # topics are exported test by test; pid is set by background
load helpers
load servers
load kafka/broker

setup_file() {
	! has_kafka || start_kafka
	[ -z "$(postgres_bin)" ] || start_postgres
}

teardown_file() {
	remove_kafka
	remove_postgres
}

setup() {
	goflow_setup
	need_kafka
	need_postgres
	need_command python3 jq psql
	cd "$BATS_TEST_TMPDIR" || return
	KAFKA_TOPIC=s$BATS_TEST_NUMBER
	export KAFKA_TOPIC
	new_database "s$BATS_TEST_NUMBER"
}

# own_broker: one for this test alone, that may be killed
own_broker() {
	start_kafka
	own=yes
}

teardown() {
	goflow_teardown
	[ -z "${own:-}" ] || remove_kafka
}

# fill FORMAT PARTITIONS < STREAM: a topic of it
fill() { nfsink-kafka --connections 1 --format "$1" --create-topic "$2:1" 2>>fill.err || fail "$(cat fill.err)"; }

# source_to ERR FORMAT [OPTION...]: a member that stores, in the background; $pid
source_to() {
	local err=$1 format=$2
	shift 2
	background nfsrc-kafka --format "$format" "$@" -- nfsink-pg --aggregates off --fields all --time-window 0 --linger 100ms \
		--batch 700 2>>"$err"
}

count() { ask_pg "SELECT count(*) FROM goflow_records"; }
stored() { [ "$(count)" -ge "$1" ]; }
# status NAME: of the kafka object of the one member that runs
status_of() { nfctl status --json | jq -s "first(.. | objects | .kafka // empty) | $1"; }
is_read() { [ "$(status_of .lag)" = 0 ] && [ "$(status_of '.partitions | length')" = "${1:-1}" ]; }

is_committed() { [ "$(status_of ".partitions[0] | .end - .committed")" = 0 ]; }

# is_gone: the topic
is_gone() { kcat -L -J -b "$KAFKA_SERVER" | jq -e --arg t "$KAFKA_TOPIC" 'all(.topics[]; .topic != $t)'; }

# stop PID [EXIT]: asks it to end, and looks how it did
stop() {
	local code=0
	kill -TERM "$1"
	wait "$1" || code=$?
	same "${2:-0}" "$code" "exit"
}

# whole: each record is there once
whole() {
	ask_pg 'SELECT row_to_json(t) FROM goflow_records t' >rows
	run python3 "$TOOLS/sqldiff.py" lines rows
	[ "$status" -eq 0 ] || fail "$output"
}

# stream_and_lines [LOOPS [STREAM-ID]]: ./stream, $records, and the records as JSON, ./lines
stream_and_lines() {
	stream "$@"
	reframe -j <stream >lines
}

@test "nfsrc-kafka: each format comes back from three partitions as the records that they were" {
	stream_and_lines 20
	for format in json protobuf binary; do
		KAFKA_TOPIC=$KAFKA_TOPIC-$format fill "$format" 3 <stream
		ask_pg 'DROP TABLE IF EXISTS goflow_records, goflow_ledger'
		KAFKA_TOPIC=$KAFKA_TOPIC-$format source_to "$format" "$format"
		wait_for 30 stored "$records"
		wait_for 10 is_read 3
		stop "$pid"
		whole || fail "$format"
		same "$records" "$(total "$format" records)" "$format"
		same 0 "$(total "$format" returned)" "$format"
		same 0 "$(total "$format" gap)" "$format"
	done
}

@test "nfsrc-kafka: without a sink the stream goes to standard output, and what was written is committed" {
	stream_and_lines 20
	fill binary 1 <stream
	background nfsrc-kafka --format binary >out 2>err
	wait_for 20 is_read
	wait_for 20 is_committed
	stop "$pid"
	recdiff stream out || fail "not the same records"
	background nfsrc-kafka --format binary >again 2>err
	wait_for 20 is_read
	stop "$pid"
	[ ! -s again ] || fail "it was read again"
	KAFKA_TOPIC=$KAFKA_TOPIC-j fill json 2 <stream
	KAFKA_TOPIC=$KAFKA_TOPIC-j background nfsrc-kafka >out 2>err
	wait_for 20 is_read 2
	stop "$pid"
	cmp <(sort lines) <(reframe -j <out | sort) || fail "json"
	python3 "$GOFLOW_EXAMPLES/read_stream.py" <out >other || fail "the stream is not as goflow-stream(5) has it"
	same "$records" "$(wc -l <other)"
}

@test "nfsrc-kafka: members and sinks that are killed with -9 lose and double nothing, in both formats" {
	stream_and_lines 120
	for format in json binary; do
		KAFKA_TOPIC=$KAFKA_TOPIC-$format
		export KAFKA_TOPIC
		fill "$format" 3 <stream
		ask_pg 'DROP TABLE IF EXISTS goflow_records, goflow_ledger'
		for part in 1 2 3 4; do
			source_to "err$part" "$format" -g "g-$format" -X session.timeout.ms=6000
			wait_for 40 stored "$((records * part / 6))"
			if [ $((part % 2)) = 0 ]; then
				kill -KILL "$pid"
				wait "$pid" || true
			else
				sink=$(cat "/proc/$pid/task/$pid/children")
				kill -KILL "${sink% }"
				code=0
				wait "$pid" || code=$?
				same 137 "$code" "the sink's end is passed on"
				said "the sink ended" "err$part"
			fi
		done
		source_to last "$format" -g "g-$format"
		wait_for 120 stored "$records" || fail "$format: $(tail -n 20 last)"
		wait_for 60 is_read 3
		stop "$pid"
		whole || fail "$format"
		KAFKA_TOPIC=${KAFKA_TOPIC%-*}
	done
}

@test "nfsrc-kafka: members that come, leave and are killed share the partitions, and each record is there once" {
	stream_and_lines 200
	fill json 3 </dev/null
	source_to err1 json -X session.timeout.ms=6000
	first=$pid
	nfsink-kafka --format json <stream 2>fill.err &
	filler=$!
	wait_for 40 stored 1
	source_to err2 json -X session.timeout.ms=6000
	second=$pid
	source_to err3 json -X session.timeout.ms=6000
	third=$pid
	wait_for 40 said "partitions come" err2
	wait_for 40 said "partitions come" err3
	stop "$first"
	kill -KILL "$third"
	wait "$third" || true
	source_to err4 json
	fourth=$pid
	wait "$filler"
	wait_for 60 stored "$records"
	wait_for 60 said "partitions come" err4
	stop "$second"
	stop "$fourth"
	whole
}

@test "nfsrc-kafka: json offsets that are read again by another group are not doubled; another epoch is another stream" {
	stream_and_lines 10
	fill json 2 <stream
	for run in "-g one" "-g two" "-g three --epoch second"; do
		# shellcheck disable=SC2086 # options
		source_to err json $run
		wait_for 30 is_read 2
		stop "$pid"
		[ "$run" != "-g two" ] || whole
	done
	same "$((2 * records))" "$(count)"
}

@test "nfsrc-kafka: a topic that is made anew under a member ends it with 78, which names --epoch" {
	stream_and_lines 5
	fill json 1 <stream
	source_to err json
	wait_for 30 is_read
	kafka_topics --delete --topic "$KAFKA_TOPIC"
	wait_for 30 is_gone
	head -1 lines | fill json 1
	code=0
	wait_for 60 ended "$pid"
	wait "$pid" || code=$?
	same 78 "$code"
	said "offsets go backwards.*--epoch"
	whole
}

@test "nfsrc-kafka: offsets of the group that are set back are read again, and not doubled" {
	stream_and_lines
	fill json 1 <stream
	source_to err json
	wait_for 30 is_read
	stop "$pid"
	(kafka_heap=128m kafka_java org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$KAFKA_SERVER" --group goflow \
		--topic "$KAFKA_TOPIC" --reset-offsets --to-offset 3 --execute) >reset.log
	source_to again json
	wait_for 30 is_read
	stop "$pid"
	same "$((records - 3))" "$(total again records)"
	same "$records" "$(count)"
}

@test "nfsrc-kafka: damaged messages are counted by cause, said and passed over" {
	stream_and_lines 3
	fill json 1 <lines
	printf '{"last_switched":\n{}x\n' | kcat -P -b "$KAFKA_SERVER" -t "$KAFKA_TOPIC"
	echo "key:" | kcat -P -b "$KAFKA_SERVER" -t "$KAFKA_TOPIC" -K: -Z
	fill json 1 <lines
	source_to err json
	wait_for 30 is_read
	stop "$pid" 1
	same "$((2 * records)) 2 1" "$(count) $(total err bad_line) $(total err empty)"
	said "message passed over.*partition=0 offset=$records"
	KAFKA_TOPIC=$KAFKA_TOPIC-b
	fill binary 1 <stream
	head -c 3000 stream >torn
	kcat -P -b "$KAFKA_SERVER" -t "$KAFKA_TOPIC" torn
	cat stream stream >twice
	kcat -P -b "$KAFKA_SERVER" -t "$KAFKA_TOPIC" twice
	sed 's/./X/2500' <torn >spoilt
	kcat -P -b "$KAFKA_SERVER" -t "$KAFKA_TOPIC" spoilt
	stream_and_lines 1 "${ID//0/f}"
	fill binary 1 <stream
	ask_pg 'DROP TABLE goflow_records, goflow_ledger'
	source_to err2 binary
	wait_for 30 is_read
	stop "$pid" 1
	same "3" "$(total err2 damaged_frame)"
	same "$((4 * records))" "$(count)"
}

@test "nfsrc-kafka: what the sink cannot store is not committed, and its exit status is passed on" {
	stream_and_lines 3
	fill json 1 <stream
	code=0
	nfsrc-kafka -- nfsink-pg -d "host=$BATS_TEST_TMPDIR port=1" --retry 4s 2>err || code=$?
	same 69 "$code"
	[ "$(total err read)" -gt 0 ] || fail "nothing was read: $(cat err)"
	same 0 "$(total err acknowledged)"
	code=0
	nfsrc-kafka -- no-such-sink 2>err || code=$?
	same 127 "$code"
	source_to err json
	wait_for 30 stored "$records"
	stop "$pid"
	whole
}

@test "nfsrc-kafka: a sink whose database is frozen is not overfed, and nothing is lost" {
	stream_and_lines 100
	fill json 2 <stream
	source_to err json
	wait_for 30 stored 1
	backends=$(ask_pg "SELECT pid FROM pg_stat_activity WHERE application_name = 'nfsink-pg' AND datname = current_database()")
	# shellcheck disable=SC2086 # one word each
	kill -STOP $backends
	waits() { [ "$(nfctl status --json | jq -s 'first(.. | objects | select(has("repeated")) | .waiting)')" -gt 0 ]; }
	wait_for 20 waits
	# shellcheck disable=SC2086
	kill -CONT $backends
	wait_for 30 stored "$records"
	wait_for 30 is_read 2
	stop "$pid"
	whole
}

@test "nfsrc-kafka: options that are wrong are named" {
	for wrong in "--format xml" "--from middle" "-X nonsense" "-X sasl.password=hush" "operand"; do
		# shellcheck disable=SC2086
		run nfsrc-kafka $wrong
		[ "$status" -eq 64 ] || fail "$wrong: $status $output"
		[[ $output != *hush* ]] || fail "$output"
	done
	KAFKA_TOPIC=no-such-topic run timeout 30 nfsrc-kafka
	[[ $status == 78 && $output == *"no-such-topic does not exist"* ]] || fail "$status $output"
}

@test "nfsrc-kafka: a broker that is killed and comes back is waited for, and nothing is lost or doubled" {
	own_broker
	stream_and_lines 60
	fill json 2 <stream
	source_to err json
	wait_for 30 stored 1
	end_kafka KILL
	run_kafka
	wait_for 60 stored "$records"
	wait_for 60 is_read 2
	stop "$pid"
	whole
	grep -q 'brokers' err || fail "that the brokers were away is not said: $(cat err)"
}

@test "nfsrc-kafka: a broker that stands still for a while, mid-stream, is waited for" {
	own_broker
	stream_and_lines 60
	fill json 2 <stream
	source_to err json
	wait_for 30 stored 1
	freeze_kafka
	local before
	before=$(count)
	# what was fetched before is stored meanwhile; then nothing more comes for as long as GOFLOW_FREEZE says
	sleep "${GOFLOW_FREEZE:-5}"
	thaw_kafka
	wait_for 90 stored "$records"
	[ "$before" -gt 0 ]
	wait_for 60 is_read 2
	stop "$pid"
	whole
}

@test "nfsrc-kafka: by SASL over TLS; and a password that is wrong is said, and never shown" {
	stream_and_lines 5
	fill json 1 <stream
	export SSL=1 SASL_USER=goflow SASL_PASSWORD="flow secret" KAFKA_SERVER=localhost:$kafka_sasl
	source_to err json -X ssl.ca.location="$kafka_dir/tls/ca.pem" -X sasl.mechanisms=SCRAM-SHA-512
	wait_for 30 stored "$records"
	stop "$pid"
	whole
	SASL_PASSWORD=wrong-and-private source_to wrong json -X ssl.ca.location="$kafka_dir/tls/ca.pem" -X sasl.mechanisms=SCRAM-SHA-512
	wait_for 30 grep -qi 'authentication' wrong
	kill -TERM "$pid"
	wait "$pid" || true
	! grep -q private wrong || fail "the password is shown: $(cat wrong)"
}

@test "nfsrc-kafka: messages that Kafka removed before they were read are counted and said" {
	stream_and_lines 5
	fill json 1 <stream
	source_to err json
	wait_for 30 stored "$records"
	wait_for 10 is_committed
	stop "$pid"
	fill json 1 <stream
	printf '{"partitions": [{"topic": "%s", "partition": 0, "offset": %d}], "version": 1}' "$KAFKA_TOPIC" $((records + 100)) >cut.json
	(kafka_heap=128m kafka_java org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$KAFKA_SERVER" \
		--offset-json-file cut.json >cut.out 2>&1) || fail "$(cat cut.out)"
	source_to again json
	wait_for 30 grep -q 'messages were removed before they were read partition=0 messages=100' again
	wait_for 30 stored $((2 * records - 100))
	stop "$pid" 1
	same 100 "$(total again removed)"
}
