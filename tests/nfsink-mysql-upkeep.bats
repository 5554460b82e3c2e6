#!/usr/bin/env bats
# nfsink-mysql's upkeep on a real MariaDB: partitions, aggregates, retention, the ledger.

load helpers
load servers

setup_file() {
	[ -z "$(mariadbd_path)" ] || start_mariadb
}

teardown_file() {
	remove_mariadb
}

setup() {
	goflow_setup
	need_mariadb
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
	new_mariadb_database "u$BATS_TEST_NUMBER"
}

sink() { nfsink-mysql --aggregates off "$@" 2>>err; }

count() { ask_my "SELECT count(*) FROM ${1:-goflow_records}"; }

stored() { [ "$(count)" -ge "$1" ]; }

# holder: a reader that has begun, so that the server keeps what is deleted
holder() {
	session_my holder
	tell holder "START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT count(*) FROM goflow_records; SELECT 'begun';"
	wait_for 10 answered holder begun
}

# lines DAY COUNT: records of that many days from today, a second apart
lines() {
	jq -nc --arg day "$(date -u -d "$1 days" +%Y-%m-%d)" --argjson n "$2" 'range($n) | . as $i | {received: "\($day)T12:00:00Z",
		last_switched: (("\($day)T01:00:00Z" | fromdate) + $i | todate), exporter: "192.0.2.\($i % 2)", src_port: (1000 + $i % 3),
		dst_port: 53, protocol: 17, in_if: 1, out_if: 2, in_bytes: 100, in_pkts: 1}'
}

# in_partition DAY: how many rows the partition of that day holds
in_partition() { ask_my "SELECT count(*) FROM goflow_records PARTITION (p$(date -u -d "$1 days" +%Y%m%d))"; }

partitions() {
	ask_my "SELECT count(*) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '$SQL_DB' AND TABLE_NAME = 'goflow_records'"
}

# oldest TABLE: the first day of it, counted from today
oldest() { ask_my "SELECT TO_DAYS(MIN(bucket)) - TO_DAYS(UTC_DATE()) FROM $1"; }

@test "nfsink-mysql upkeep: partitions, --max-age, and aggregates that are what the records give" {
	for d in 0 -1 -5 -40; do
		jq -nc --arg day "$(date -u -d "$d days" +%Y-%m-%d)" 'range(3000) | . as $i | {received: "\($day)T12:00:00Z",
			last_switched: (("\($day)T11:00:00Z" | fromdate) + $i % 900 | todate), exporter: "192.0.2.\($i % 2)", src_port: (1000 + $i % 3),
			dst_port: 53, protocol: 17, in_if: 1, out_if: 2, in_bytes: 100, in_pkts: 1, sampling_rate: 10}'
	done >lines
	nfsink-mysql <lines 2>err
	same 12000 "$(count)"
	for unit in minute hour day; do
		for sums in "" _port _if; do
			same "12000	1200000	12000000" "$(ask_my "SELECT sum(flows), sum(bytes), sum(est_bytes) FROM goflow_$unit$sums")" "$unit$sums"
		done
	done
	same "" "$(ask_my "SELECT DATE_FORMAT(last_switched, '%Y-%m-%d %H:%i:00') m, protocol, LEAST(src_port, dst_port) p, sum(in_bytes), count(*) FROM goflow_records GROUP BY m, protocol, p
		EXCEPT SELECT DATE_FORMAT(bucket, '%Y-%m-%d %H:%i:00'), protocol, port, bytes, flows FROM goflow_minute_port")"
	nfsink-mysql --max-age 3 </dev/null 2>>err
	same 6000 "$(count)"
	[ "$(ask_my "SELECT count(*) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '$SQL_DB' AND TABLE_NAME = 'goflow_records' AND PARTITION_NAME IS NOT NULL")" -ge 5 ]
}

@test "nfsink-mysql upkeep: rows of days gone by come into partitions of these days at once, a few forged times make none" {
	sink </dev/null
	mkfifo in
	sink --batch 1000 --linger 10ms <in &
	pid=$!
	exec 9>in
	before=$(partitions)
	for d in -100 -99 -97 -100 -40; do lines $d 1000; done >&9
	wait_for 20 stored 5000
	same 2000 "$(in_partition -100)"
	same 1000 "$(in_partition -99)"
	same 1000 "$(in_partition -97)"
	same 1000 "$(in_partition -40)"
	same 0 "$(ask_my "SELECT count(*) FROM goflow_records PARTITION (\`old\`)")"
	same $((before + 7)) "$(partitions)" "four days and three gaps"
	{
		for d in {200..240}; do lines "-$d" 20; done
		lines 0 1000
	} >&9
	wait_for 20 stored 6820
	same $((before + 7)) "$(partitions)" "after forged times"
	same 820 "$(ask_my "SELECT count(*) FROM goflow_records PARTITION (\`old\`)")"
	exec 9>&-
	wait $pid || fail "$(cat err)"
	same 6820 "$(count)"
	same 0 "$(total err retries)"
	same 6820 "$(total err stored)"
}

@test "nfsink-mysql upkeep: where a reader is in the way of a partition, rows are stored without it, and it is made later" {
	sink </dev/null
	holder
	mkfifo in
	sink --connections 1 --batch 1000 --linger 300ms <in &
	pid=$!
	exec 9>in
	lines -50 1000 >&9
	wait_for 30 stored 1000
	said "go to a partition of many days" || fail "$(cat err)"
	tell holder "COMMIT;"
	made() { lines -50 200 >&9 && [ "$(in_partition -50)" -ge 1200 ]; }
	wait_for 30 made
	exec 9>&-
	wait $pid || fail "$(cat err)"
	same "$(count)" "$(in_partition -50)"
	same "$(count)" "$(total err stored)"
	same 0 "$(total err retries)"
}

@test "nfsink-mysql upkeep: a partition of many days that holds many rows is not split, and refused rows are kept once" {
	sink </dev/null
	ask_my "INSERT INTO goflow_records (last_switched) SELECT '2015-06-01' + INTERVAL seq SECOND FROM seq_1_to_2000100;
		ALTER TABLE goflow_records ADD CONSTRAINT no_thousand CHECK (src_port IS NULL OR src_port <> 1000)"
	before=$(partitions)
	lines -50 1000 | sink --reject refused.json || same 1 $?
	same "$before" "$(partitions)"
	same 334 "$(wc -l <refused.json)"
	same 2000766 "$(count)"
	ask_my "DELETE FROM goflow_records"
	lines -50 1000 | sink --reject more.json || same 1 $?
	same 666 "$(in_partition -50)"
	same 334 "$(wc -l <more.json)"
}

@test "nfsink-mysql upkeep: status tells rows a second, sizes, and the oldest and newest row" {
	mkfifo in
	sink --batch 500 --linger 10ms <in &
	pid=$!
	exec 9>in
	status_is() { nfctl status --json | jq -es "first(.. | objects | .mysql // empty) | $1" >/dev/null; }
	flowing() { lines 0 1000 >&9 && status_is '.rows_per_second > 0 and .table_bytes > 0 and .index_bytes > 0'; }
	wait_for 20 flowing
	status_is ".oldest == \"$(date -u +%Y-%m-%d)T01:00:00.000000Z\" and .newest > .oldest and .layout == \"partitions\"" ||
		fail "$(nfctl status --json)"
	exec 9>&-
	wait $pid || fail "$(cat err)"
}

@test "nfsink-mysql upkeep: sums per minute go with the records, by --max-age and --max-size; hours and days stay" {
	for d in 0 -3 -5 -9; do lines "$d" 3000; done >all
	nfsink-mysql <all 2>err
	same -9 "$(oldest goflow_minute)"
	nfsink-mysql --max-age 6 </dev/null 2>>err
	for sums in "" _port _if; do
		same -5 "$(oldest goflow_minute$sums)" "minute$sums"
		same "9000" "$(ask_my "SELECT sum(flows) FROM goflow_minute$sums")" "minute$sums"
		same "12000 1200000" "$(ask_my "SELECT concat(sum(flows), ' ', sum(bytes)) FROM goflow_hour$sums")" "hour$sums"
		same "12000" "$(ask_my "SELECT sum(flows) FROM goflow_day$sums")" "day$sums"
	done
	# without partitions, where the hour that the age cuts in two is summed again
	ask_my "ALTER TABLE goflow_records REMOVE PARTITIONING"
	ask_my "INSERT INTO goflow_minute SELECT UTC_TIMESTAMP() - INTERVAL 400 DAY + INTERVAL seq MINUTE, 1, 1, 1, 1, 1 FROM seq_1_to_5000"
	nfsink-mysql --max-age 4 </dev/null 2>>err
	same -3 "$(oldest goflow_minute)"
	same 6000 "$(count)"
	same 12000 "$(ask_my "SELECT sum(flows) FROM goflow_hour")"
	same 0 "$(ask_my "SELECT count(*) FROM goflow_minute WHERE bucket < UTC_TIMESTAMP() - INTERVAL 5 DAY")"
	ask_my "DELETE FROM goflow_records WHERE last_switched < UTC_DATE()"
	nfsink-mysql --max-size 1G </dev/null 2>>err
	same 0 "$(oldest goflow_minute)"
	same 12000 "$(ask_my "SELECT sum(flows) FROM goflow_hour")"
	! said failed || fail "$(cat err)"
}

@test "nfsink-mysql upkeep: minutes of a long range are summed again a day at a time" {
	for d in {-30..-1}; do lines "$d" 60; done >all
	nfsink-mysql <all 2>err
	for unit in minute hour day; do
		ask_my "DELETE FROM goflow_$unit"
	done
	ask_my "INSERT INTO goflow_dirty (since, until) VALUES (UTC_DATE() - INTERVAL 400 DAY, UTC_DATE());
		ALTER TABLE goflow_day ADD CONSTRAINT late CHECK (flows < 0 OR bucket < '$(date -u -d '-10 days' +%Y-%m-%d)')"
	nfsink-mysql </dev/null 2>>err || true
	said "upkeep failed" || fail "$(cat err)"
	same 20 "$(count goflow_day)"
	same "$(date -u -d '-10 days' +%Y-%m-%d) 00:00:00" "$(ask_my "SELECT since FROM goflow_dirty")"
	ask_my "ALTER TABLE goflow_day DROP CONSTRAINT late"
	nfsink-mysql </dev/null 2>err
	same 30 "$(count goflow_day)"
	same 1800 "$(ask_my "SELECT sum(flows) FROM goflow_hour")"
	same 0 "$(count goflow_dirty)"
}

@test "nfsink-mysql upkeep: --max-size of a table without partitions deletes what is too much, once" {
	sink </dev/null
	ask_my "ALTER TABLE goflow_records REMOVE PARTITIONING"
	for d in -2 -1; do lines "$d" 30000; done | sink
	ask_my "ANALYZE TABLE goflow_records" >/dev/null
	size=$(ask_my "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = '$SQL_DB' AND TABLE_NAME = 'goflow_records'")
	holder
	sink --max-size $((size / 2)) </dev/null
	left=$(count)
	[ "$left" -gt 20000 ] && [ "$left" -lt 40000 ] || fail "$left rows are left"
	same 0 "$(ask_my "SELECT count(*) FROM goflow_records WHERE last_switched < UTC_DATE() - INTERVAL 2 DAY")"
	sink --max-size $((size / 2)) </dev/null # what was deleted has not left the file yet
	[ "$(count)" -gt $((left - 1500)) ] || fail "$left rows became $(count)"
}

@test "nfsink-mysql upkeep: a table without partitions is pruned while inserting goes on" {
	ask_my "CREATE TABLE goflow_records (last_switched datetime(6) NOT NULL, src_port smallint unsigned, KEY (last_switched));
		INSERT INTO goflow_records SELECT UTC_TIMESTAMP() - INTERVAL 20 DAY, NULL FROM seq_1_to_300000"
	mkfifo in
	sink --max-age 10 --linger 10ms --batch 100 <in &
	pid=$!
	exec 9>in
	old() { ask_my "SELECT count(*) FROM goflow_records WHERE src_port IS NULL"; }
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

@test "nfsink-mysql upkeep: the ledger becomes ranges, and old streams are forgotten" {
	for k in 1 2 3; do
		nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v5.pcap" --loop 3 2>/dev/null | nfdecode --stream-id 0${k}0102030405060708090a0b0c0d0e0f 2>/dev/null
	done >streams
	stream 100
	cat streams stream | sink --batch 100
	same 4 "$(count goflow_ledger)"
	[ "$(ask_my "SELECT max(last - first) FROM goflow_ledger")" -gt 5 ]
	ask_my "UPDATE goflow_ledger SET at = UTC_TIMESTAMP() - INTERVAL 31 DAY WHERE last > first"
	sink </dev/null
	same 3 "$(count goflow_ledger)"
	sink --ledger-keep 1h <stream
	same "$records" "$(total err stored)"
}

@test "nfsink-mysql upkeep: several sinks started at once make one schema, one after the other" {
	session_my holder
	tell holder "SELECT GET_LOCK(CONCAT('goflow:', MD5(CONCAT(DATABASE(), '.goflow_records'))), 0) + 41;"
	wait_for 10 answered holder 42
	for k in 1 2 3 4; do
		lines 0 100 | nfsink-mysql --batch 10 2>err$k &
		pids="${pids:-} $!"
	done
	waiting() { [ "$(ask_my "SELECT count(*) FROM information_schema.PROCESSLIST WHERE db = '$SQL_DB' AND state = 'User lock'")" -ge 4 ]; }
	wait_for 10 waiting
	same "" "$(ask_my "SHOW TABLES")" "while another holds the lock"
	tell holder "DO RELEASE_ALL_LOCKS();"
	for pid in $pids; do
		wait "$pid" || fail "$(cat err?)"
	done
	same 400 "$(count)"
	same 1 "$(cat err? | grep -c 'table made')"
}
