#!/usr/bin/env bats
# goflow prune and goflow migrate: what the configuration allows is what is left.

load helpers

setup() {
	goflow_setup
	need_command sqlite3
	cd "$BATS_TEST_TMPDIR" || return
	cat >config.yml <<-END
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite}}
		  topic: {type: kafka, config: {KAFKA_SERVER: "127.0.0.1:1", KAFKA_TOPIC: flows}}
		  lines: {type: dump}
		frontends:
		  netflow: {backends: [local, topic, lines]}
	END
}

count() { sqlite3 flows.sqlite 'SELECT count(*) FROM goflow_records'; }

@test "goflow prune: what is too old goes, and other backends say why nothing does" {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" 2>/dev/null | nfdecode 2>/dev/null | nfsink-sqlite -d flows.sqlite 2>/dev/null
	[ "$(count)" -gt 100 ]
	sqlite3 flows.sqlite "UPDATE goflow_records SET last_switched = CAST(strftime('%s', 'now', '-2 days') AS INTEGER) * 1000000000
		WHERE rowid % 2; UPDATE goflow_records SET last_switched = CAST(strftime('%s', 'now') AS INTEGER) * 1000000000 WHERE rowid % 2 = 0"
	local kept
	kept=$(sqlite3 flows.sqlite 'SELECT count(*) FROM goflow_records WHERE rowid % 2 = 0')
	run goflow prune -c config.yml
	same 0 "$status" "$output"
	[[ $output == *"local: neither utilities.max_age nor max_size is set"* ]] || fail "$output"
	[ "$(count)" -gt "$kept" ]
	echo 'utilities: {max_age: 1}' >>config.yml
	run goflow prune -c config.yml
	same 0 "$status" "$output"
	[[ $output == *"local: done"* && $output == *"topic: the topic's own retention applies"* && $output == *"lines: lines are not removed"* ]] ||
		fail "$output"
	same "$kept" "$(count)"
}

@test "goflow prune: a backend that cannot be reached is said, and the exit code is its sink's" {
	echo 'utilities: {max_age: 1}' >>config.yml
	echo not a database, and long enough to be taken for one by mistake >flows.sqlite
	run goflow prune -c config.yml
	same 78 "$status" "$output"
	[[ $output == *"local: failed, exit 78"* ]] || fail "$output"
}

@test "goflow migrate: backends that need none say so" {
	run goflow migrate -c config.yml
	same 0 "$status" "$output"
	same 3 "$(grep -c 'the first goflow had no table' <<<"$output")" "$output"
}
