#!/usr/bin/env bats
# Two collectors, a topic of three partitions on a real Apache Kafka, three writers, one PostgreSQL; collectors and writers
# are killed with -9 at random, by default 6 times, and as often as `make torture KILLS=50 SEED=7` says.

load helpers
load servers
load kafka/broker

setup_file() {
	! has_kafka || [ -z "$(postgres_bin)" ] || { start_kafka && start_postgres; }
}

teardown_file() {
	remove_postgres
	remove_kafka
}

setup() {
	goflow_setup
	need_kafka
	need_postgres
	need_command python3 psql
	cd "$BATS_TEST_TMPDIR" || return
}

# stream_of NAME ID COUNT FIRST: flows whose users are numbered, in frames of 100
stream_of() {
	python3 "$TOOLS/exports.py" le-ns "$3" "$4" | nfdecode --stream-id "$2" 2>>decode.err | reframe -n 100 >"$1"
}

@test "nfsrc-kafka: collectors and writers killed at random: each record of every frame that was finished is there once" {
	export KAFKA_TOPIC=torture
	new_database torture
	kills=${GOFLOW_KILLS:-6} seed=${GOFLOW_SEED:-$RANDOM}
	half=$((kills * 2000))
	stream_of one "$ID" "$half" 1
	stream_of two "$OTHER_ID" "$half" $((half + 1))
	nfsink-kafka --create-topic 3:1 </dev/null 2>topic.err
	run timeout 900 python3 "$TOOLS/torture.py" "$kills" "$seed" one two
	echo "seed $seed: $output" | tee -a "${GOFLOW_TORTURE_LOG:-/dev/null}"
	[ "$status" -eq 0 ] || fail "$output; $(tail -n 5 ./*.err)"
	same "$((2 * half))|$((2 * half))" "$(ask_pg 'SELECT count(*), count(DISTINCT user_name) FROM goflow_records')" \
		"records, and different ones"
	grep -q "records=$((2 * half))" <<<"$output"
}
