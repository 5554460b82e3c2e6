#!/usr/bin/env bats
# nfsink-pg's upkeep on a real PostgreSQL: partitions, aggregates, retention, the ledger.

load helpers
load servers

setup_file() {
	[ -z "$(postgres_bin)" ] || start_postgres
}

teardown_file() {
	remove_postgres
}

setup() {
	goflow_setup
	need_postgres
	cd "$BATS_TEST_TMPDIR" || return
	export PGTZ=UTC
	new_database "t$BATS_TEST_NUMBER"
}

sink() { nfsink-pg "$@" 2>>err; }

count() { ask_pg "SELECT count(*) FROM ${1:-goflow_records}"; }

# day N: the date so many days from today, in UTC
day() { date -u -d "$1 days" +%Y-%m-%d; }

# lines DAY COUNT [BYTES]: records of that day, a second apart
lines() {
	jq -nc --arg day "$(day "$1")" --argjson n "$2" --argjson bytes "${3:-100}" 'range($n) | . as $i | {
		received: "\($day)T12:00:00Z", last_switched: (("\($day)T11:00:00Z" | fromdate) + $i | todate),
		exporter: "192.0.2.\($i % 2)", src_port: (1000 + $i % 3), dst_port: 53, protocol: 17, in_if: 1, out_if: 2,
		in_bytes: $bytes, in_pkts: 1, sampling_rate: 10}'
}

partitions() {
	ask_pg "SELECT string_agg(right(relname, 8), ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^goflow_records_p[0-9]{8}\$' AND relkind = 'r'"
}

# agree: every aggregate is what the records give
agree() {
	for unit in minute hour day; do
		same "" "$(ask_pg "(SELECT bucket, bytes, pkts, flows, est_bytes FROM goflow_$unit EXCEPT SELECT date_trunc('$unit', last_switched), sum(in_bytes), sum(in_pkts), count(*), sum(in_bytes * sampling_rate) FROM goflow_records GROUP BY 1)
			UNION ALL (SELECT date_trunc('$unit', last_switched), sum(in_bytes), sum(in_pkts), count(*), sum(in_bytes * sampling_rate) FROM goflow_records GROUP BY 1 EXCEPT SELECT bucket, bytes, pkts, flows, est_bytes FROM goflow_$unit)")" "$unit"
		same "" "$(ask_pg "SELECT date_trunc('$unit', last_switched), protocol, least(src_port, dst_port), sum(in_bytes), count(*) FROM goflow_records GROUP BY 1, 2, 3 EXCEPT SELECT bucket, protocol, port, bytes, flows FROM goflow_${unit}_port")" "${unit}_port"
		same "" "$(ask_pg "SELECT date_trunc('$unit', last_switched), exporter, in_if, out_if, sum(in_bytes), count(*) FROM goflow_records GROUP BY 1, 2, 3, 4 EXCEPT SELECT bucket, exporter, in_if, out_if, bytes, flows FROM goflow_${unit}_if")" "${unit}_if"
	done
}

@test "nfsink-pg upkeep: partitions are made ahead, rows of other days get theirs, the catch-all is emptied" {
	sink </dev/null
	same "$(for d in -1 0 1 2 3; do date -u -d "$d days" +%Y%m%d; done | paste -sd' ')" "$(partitions)"
	{ lines -40 10 && lines 0 10 && lines -100 5; } | sink
	same 25 "$(count)"
	same 0 "$(count goflow_records_other)"
	same 5 "$(count "goflow_records_p$(date -u -d '-100 days' +%Y%m%d)")"
	same 10 "$(count "goflow_records_p$(date -u -d '-40 days' +%Y%m%d)")"
}

@test "nfsink-pg upkeep: aggregates are what the records give, after live, late and replayed rows" {
	{ lines 0 300 && lines -40 100; } | sink
	agree
	same 2 "$(count goflow_hour)"
	# more minutes in a batch than are noted one by one
	lines -7 9000 | sink
	agree
	{ lines 0 50 7 && lines -3 20; } | sink
	agree
	same 0 "$(count goflow_dirty)"
	same 9470 "$(ask_pg "SELECT sum(flows) FROM goflow_day")"
}

@test "nfsink-pg upkeep: --max-age drops partitions whole, and --max-size the oldest" {
	for d in 0 -1 -5 -9; do lines $d 2000; done | sink
	sink --max-age 6 </dev/null
	same 6000 "$(count)"
	[[ $(partitions) != *$(date -u -d '-9 days' +%Y%m%d)* ]]
	grep -q "partition dropped name=goflow_records_p$(date -u -d '-9 days' +%Y%m%d)" err
	for d in -2 -3 -4; do lines $d 20000; done | sink
	before=$(ask_pg "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'goflow_records'::regclass")
	sink --max-size $((before / 2)) </dev/null
	after=$(ask_pg "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'goflow_records'::regclass")
	[ "$after" -le $((before / 2)) ] || fail "$before bytes became $after: $(cat err; partitions)"
	same 2000 "$(count "goflow_records_p$(date -u +%Y%m%d)")"
	[[ $(partitions) != *$(date -u -d '-5 days' +%Y%m%d)* ]]
}

@test "nfsink-pg upkeep: a table without partitions stays so, and is pruned some rows at a time" {
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz NOT NULL)"
	{ lines -20 12000 && lines 0 100; } | sink --max-age 10
	same 100 "$(count)"
	same "" "$(partitions)"
}

@test "nfsink-pg upkeep: --max-size of a table without partitions deletes what is too much, once" {
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz NOT NULL)"
	{ lines -2 20000 && lines -1 20000; } | sink --aggregates off
	ask_pg "ANALYZE goflow_records"
	size=$(ask_pg "SELECT pg_total_relation_size('goflow_records')")
	sink --aggregates off --max-size $((size / 2)) </dev/null
	left=$(count)
	[ "$left" -gt 15000 ] && [ "$left" -lt 25000 ] || fail "$left rows are left"
	same 20000 "$(ask_pg "SELECT greatest(20000, count(*)) FROM goflow_records WHERE last_switched >= '$(day -1)'")"
	ask_pg "VACUUM ANALYZE goflow_records" # leaves the file as large as it was, or nearly
	sink --aggregates off --max-size $((size / 2)) </dev/null
	[ "$(count)" -gt $((left - 1000)) ] || fail "$left rows became $(count)"
}

@test "nfsink-pg upkeep: a table without partitions is pruned while inserting goes on" {
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz NOT NULL, src_port integer);
		INSERT INTO goflow_records SELECT now() - interval '20 days' FROM generate_series(1, 300000)"
	mkfifo in
	nfsink-pg --aggregates off --max-age 10 --linger 10ms --batch 100 <in 2>err &
	pid=$!
	exec 9>in
	old() { ask_pg "SELECT count(*) FROM goflow_records WHERE src_port IS NULL"; }
	sent=0
	some_more() {
		lines 0 200 >&9
		sent=$((sent + 200))
		[ "$(old)" -eq 0 ]
	}
	wait_for 60 some_more
	exec 9>&-
	wait $pid || fail "$(cat err)"
	same "$sent" "$(count)"
	same 0 "$(total err retries)"
}

@test "nfsink-pg upkeep: of a day that comes in while it runs, the rest goes to its own partition at once" {
	sink </dev/null
	mkfifo in
	nfsink-pg --linger 10ms <in 2>err &
	pid=$!
	exec 9>in
	lines -40 10 >&9
	moved() { same 10 "$(count "goflow_records_p$(date -u -d '-40 days' +%Y%m%d)")"; }
	wait_for 20 moved
	same 0 "$(count goflow_records_other)"
	exec 9>&-
	wait $pid || fail "$(cat err)"
}

@test "nfsink-pg upkeep: late rows of a day whose partition went leave its sums alone" {
	{ lines -9 300 && lines 0 10; } | sink
	sink --max-age 6 </dev/null
	same 10 "$(count)"
	{ lines -9 20 && lines 0 10; } | sink --max-age 6
	same 300 "$(ask_pg "SELECT flows FROM goflow_day WHERE bucket = '$(day -9)'")"
	same 20 "$(ask_pg "SELECT flows FROM goflow_day WHERE bucket = '$(day 0)'")"
	same 0 "$(count goflow_dirty)"
}

# oldest TABLE: the first day of it, counted from today
oldest() { ask_pg "SELECT min(bucket)::date - current_date FROM $1"; }

@test "nfsink-pg upkeep: sums per minute go with the records, by --max-age and --max-size; hours and days stay" {
	for d in 0 -3 -5 -9; do lines $d 3000; done | sink
	same -9 "$(oldest goflow_minute)"
	sink --max-age 6 </dev/null
	for sums in "" _port _if; do
		same -5 "$(oldest goflow_minute$sums)" "minute$sums"
		same 9000 "$(ask_pg "SELECT sum(flows) FROM goflow_minute$sums")" "minute$sums"
		same "12000|1200000" "$(ask_pg "SELECT sum(flows), sum(bytes) FROM goflow_hour$sums")" "hour$sums"
		same 12000 "$(ask_pg "SELECT sum(flows) FROM goflow_day$sums")" "day$sums"
	done
	ask_pg "INSERT INTO goflow_minute SELECT now() - interval '400 days' + k * interval '1 minute', 1, 1, 1, 1, 1 FROM generate_series(1, 12000) AS k"
	sink --max-size 1G </dev/null
	same -5 "$(oldest goflow_minute)"
	ask_pg "DROP TABLE goflow_records_p$(date -u -d '-5 days' +%Y%m%d)"
	sink --max-size 1G </dev/null
	same -3 "$(oldest goflow_minute)"
	same 12000 "$(ask_pg "SELECT sum(flows) FROM goflow_hour")"
	! grep failed err || fail "$(cat err)"
}

@test "nfsink-pg upkeep: minutes of a long range are summed again a day at a time" {
	for d in {-30..-1}; do lines "$d" 60; done | sink
	ask_pg "DELETE FROM goflow_minute; DELETE FROM goflow_hour; DELETE FROM goflow_day;
		INSERT INTO goflow_dirty (since, until) VALUES (current_date - 400, current_date);
		ALTER TABLE goflow_day ADD CONSTRAINT late CHECK (flows < 0 OR bucket < '$(day -10)')"
	sink </dev/null || true
	grep -q "upkeep failed" err || fail "$(cat err)"
	same 20 "$(count goflow_day)"
	same "$(day -10)" "$(ask_pg "SELECT since::date FROM goflow_dirty")"
	ask_pg "ALTER TABLE goflow_day DROP CONSTRAINT late"
	sink </dev/null
	agree
	same 0 "$(count goflow_dirty)"
}

@test "nfsink-pg upkeep: a range that begins before --max-age is summed again from there on" {
	for d in 0 -3; do lines "$d" 60; done | sink
	ask_pg "UPDATE goflow_minute SET flows = flows + 1; INSERT INTO goflow_dirty (since, until) VALUES (current_date - 400, current_date + 1)"
	sink --max-age 6 </dev/null
	same 120 "$(ask_pg "SELECT sum(flows) FROM goflow_minute")"
}

@test "nfsink-pg upkeep: the ledger becomes ranges, and old streams are forgotten" {
	for k in 1 2 3; do
		nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v5.pcap" --loop 3 2>/dev/null | nfdecode --stream-id 0${k}0102030405060708090a0b0c0d0e0f 2>/dev/null
	done >streams
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" --loop 100 2>/dev/null | nfdecode --stream-id "$ID" 2>/dev/null >stream
	cat streams stream | sink --batch 100
	same 4 "$(count goflow_ledger)"
	[ "$(ask_pg "SELECT max(last - first) FROM goflow_ledger")" -gt 5 ]
	ask_pg "UPDATE goflow_ledger SET at = now() - interval '31 days' WHERE last > first"
	sink </dev/null
	same 3 "$(count goflow_ledger)"
	sink --ledger-keep 1h <stream
	same "$(total err read)" "$(total err stored)"
}

@test "nfsink-pg upkeep: columns that aggregates need and are not chosen leave those out" {
	lines 0 10 | sink --fields src_ip,in_bytes
	same 10 "$(count)"
	same 0 "$(ask_pg "SELECT count(*) FROM pg_class WHERE relname = 'goflow_minute'")"
}

@test "nfsink-pg upkeep: several sinks started at once make one schema, one after the other" {
	session_pg holder
	tell holder "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('goflow goflow_records', 0)); SELECT 'locked';"
	wait_for 10 answered holder locked
	for k in 1 2 3 4; do
		lines 0 100 | nfsink-pg --batch 10 2>err$k &
		pids="${pids:-} $!"
	done
	waiting() { [ "$(ask_pg "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")" -ge 4 ]; }
	wait_for 10 waiting
	same "" "$(ask_pg "SELECT relname FROM pg_class WHERE relname LIKE 'goflow%'")" "while another holds the lock"
	tell holder "ROLLBACK;"
	for pid in $pids; do
		wait "$pid" || fail "$(cat err?)"
	done
	same 400 "$(count)"
	same 1 "$(cat err? | grep -c 'table "goflow_records" made')"
}
