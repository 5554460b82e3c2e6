#!/usr/bin/env bats
# nfsink-mysql against a real MariaDB: what it stores is read back, and what goes wrong is real.

load helpers
load servers

TOOLS=$BATS_TEST_DIRNAME/tools
ID=000102030405060708090a0b0c0d0e0f

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
	new_mariadb_database "t$BATS_TEST_NUMBER"
}

# own_server [OPTION...]: one for this test alone, that may be killed
own_server() {
	start_mariadb "$@"
	own=yes
}

teardown() {
	goflow_teardown
	[ -z "${own:-}" ] || remove_mariadb
}

stream() {
	nfrecv -r "$GOFLOW_EXAMPLES/${2:-softflowd-v9}.pcap" --loop "${1:-1}" 2>/dev/null |
		nfdecode --stream-id $ID >stream 2>stream.err
	records=$(total stream.err written)
	[ "$records" -gt 0 ]
}

sink() { nfsink-mysql --aggregates off "$@" 2>>err; }

count() { ask_my "SELECT count(*) FROM ${1:-goflow_records}"; }

stored() { [ "$(count)" -ge "$1" ]; }

# holder: a reader that has begun, so that the server keeps what is deleted
holder() {
	mkfifo statements
	mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -N --unbuffered "$SQL_DB" <statements >answers 2>&1 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/.pids"
	exec 8>statements
	echo "START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT count(*) FROM goflow_records;" >&8
	wait_for 10 test -s answers
}

said() { grep -q "$1" err; }

# rows_as_json: each row of the view, with every column, as a JSON line
rows_as_json() {
	local columns
	columns=$(ask_my "SELECT GROUP_CONCAT('''', COLUMN_NAME, ''', ', IF(COLUMN_NAME = 'extra', 'JSON_COMPACT(extra)', CONCAT('\`', COLUMN_NAME, '\`')) ORDER BY ORDINAL_POSITION SEPARATOR ', ')
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '$SQL_DB' AND TABLE_NAME = 'goflow_flows'")
	ask_my "SELECT JSON_OBJECT($columns) FROM goflow_flows"
}

# compared METHOD STREAM LINES: the rows are the records
compared() {
	ask_my 'DROP TABLE IF EXISTS goflow_records, goflow_ledger; DROP VIEW IF EXISTS goflow_flows'
	sink --method "$1" --fields all --time-window 0 <"$2" || return
	rows_as_json >rows
	python3 "$TOOLS/sqldiff.py" "$3" rows
}

@test "nfsink-mysql: every field of every capture comes back as it is in JSON, by each method" {
	: >all && : >lines
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >>all 2>/dev/null
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j >>lines 2>/dev/null
	done
	for method in bulk load insert; do
		run compared $method all lines
		[ "$status" -eq 0 ] || fail "$method: $output $(cat err)"
	done
}

@test "nfsink-mysql: every field of the shared captures comes back as it is in JSON, by each method" {
	need_shared
	: >all && : >lines
	for capture in "$GOFLOW_CAPTURES"/*/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >>all 2>/dev/null || true
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j >>lines 2>/dev/null || true
	done
	for method in bulk load insert; do
		run compared $method all lines
		[ "$status" -eq 0 ] || fail "$method: ${output:0:2000} $(cat err)"
	done
}

@test "nfsink-mysql: extremes come back, by each method" {
	cat >lines <<-'LINES'
		{"last_switched":"2106-02-07T06:28:15.999999999Z","in_bytes":18446744073709551615,"in_pkts":9223372036854775807,"src_ip":"2001:db8::ffff","dst_ip":"255.255.255.255","app_name":"caf\ufffd","app_name_hex":"636166e9","src_mac":"ff:ff:ff:ff:ff:ff","src_port":65535,"in_if":4294967295,"protocol":255}
		{"last_switched":"1970-01-01T00:00:00Z","in_bytes":0,"src_ip":"::","dst_ip":"0.0.0.0"}
		{"last_switched":"2023-11-14T22:13:20.123Z","rev_bytes":9223372036854775808,"extra":{"en99999:id7":{"hex":"00ff"}}}
		{"last_switched":"2023-11-14T22:13:20.123456Z","app_name":"a\ufffdb","app_name_hex":"610062","user_name":"tab\tnewline\nquote'\"\\N","sampling_source":"options"}
	LINES
	for method in bulk load insert; do
		run compared $method lines lines
		[ "$status" -eq 0 ] || fail "$method: $output $(cat err)"
		same 0 "$(total err saturated)"
	done
}

@test "nfsink-mysql: a stream that arrives again, in any order, by one or more connections, is stored once" {
	stream 200
	head -c $(($(stat -c %s stream) / 2)) stream | sink --connections 4 --batch 500 || true # a torn frame
	half=$(count)
	[ "$half" -gt 0 ] && [ "$half" -lt "$records" ]
	cat stream stream | sink --connections 3 --batch 700
	same "$records" "$(count)"
	same "$((records + half))" "$(total err duplicate)"
	sink --connections 1 <stream
	same "$records" "$(total err duplicate)"
	same "$records" "$(count)"
	same 1 "$(count goflow_ledger)" "ranges in the ledger"
}

@test "nfsink-mysql: rival writers of one stream store each record once" {
	stream 200
	for i in 1 2 3; do
		nfsink-mysql --aggregates off --batch $((300 + i * 170)) <stream 2>err$i &
		pids="${pids:-} $!"
	done
	for pid in $pids; do
		wait "$pid" || fail "$(cat err?)"
	done
	same "$records" "$(count)"
}

@test "nfsink-mysql: acknowledges what is committed; a chain-loader that kills it loses and doubles nothing" {
	stream 200
	run python3 "$TOOLS/chainload.py" stream 3 nfsink-mysql --aggregates off --batch 700 --connections 3
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"started=4"*"exit=0"* ]] || fail "$output"
	same "$records" "$(count)"
}

@test "nfsink-mysql: rows that the server refuses are found, kept with the reason, and the rest stored, by each method" {
	stream
	sink <stream
	refused=$(ask_my "SELECT count(*) FROM goflow_records WHERE src_port = 53 OR dst_port = 53")
	[ "$refused" -gt 0 ]
	ask_my "ALTER TABLE goflow_records ADD CONSTRAINT no_dns CHECK (src_port <> 53 AND dst_port <> 53)" 2>/dev/null ||
		ask_my "DELETE FROM goflow_records; ALTER TABLE goflow_records ADD CONSTRAINT no_dns CHECK (src_port <> 53 AND dst_port <> 53)"
	for method in bulk load insert; do
		rm -f refused.json
		ask_my "DELETE FROM goflow_records; DELETE FROM goflow_ledger"
		run nfsink-mysql --aggregates off --method $method --reject refused.json <stream
		[ "$status" -eq 1 ] || fail "$method: exit $status $output"
		same "$((records - refused))" "$(count)" "$method"
		same "$refused" "$(wc -l <refused.json)" "$method"
	done
}

@test "nfsink-mysql: the first goflow's table ends it with 78, and --migrate moves its rows, killed in between or not" {
	ask_my "CREATE TABLE goflow_records (last_switched datetime NOT NULL, src_ip int unsigned NOT NULL, src_port smallint unsigned,
		dst_ip int unsigned NOT NULL, dst_port smallint unsigned, in_bytes int unsigned, in_pkts int unsigned, protocol tinyint unsigned,
		src_ipv6 varbinary(16), dst_ipv6 varbinary(16));
		INSERT INTO goflow_records SELECT '2020-01-01' + INTERVAL seq SECOND, 3221225985, 53, 3221225986, 1000, seq, 1, 17, NULL, NULL FROM seq_1_to_60000;
		INSERT INTO goflow_records VALUES ('2020-02-01', 0, 1, 0, 2, 3, 4, 6, INET6_ATON('2001:db8::1'), INET6_ATON('2001:db8::2'))"
	stream
	run nfsink-mysql --aggregates off <stream
	[ "$status" -eq 78 ] || fail "exit $status: $output"
	[[ $output == *"column last_switched"*"found type datetime, expected datetime(6)"*--migrate* ]] || fail "$output"
	nfsink-mysql --aggregates off --migrate 2>migrate.err &
	pid=$!
	wait_for 20 grep -q "rows copied" migrate.err
	kill -KILL $pid
	wait $pid || true
	nfsink-mysql --aggregates off --migrate 2>migrate.err || fail "$(cat migrate.err)"
	same 60001 "$(count)"
	same 60001 "$(count goflow_records_old)"
	same "192.0.2.1	192.0.2.2	53	60000" "$(ask_my "SELECT src_ip, dst_ip, src_port, in_bytes FROM goflow_flows WHERE in_bytes = 60000")"
	same "2001:db8::1	2001:db8::2" "$(ask_my "SELECT src_ip, dst_ip FROM goflow_flows WHERE protocol = 6")"
	sink <stream
	same "$((60001 + records))" "$(count)"
}

@test "nfsink-mysql: a server that dies, is away, and comes back loses and doubles nothing" {
	own_server
	stream 400
	mkfifo in
	sink --retry 60s --batch 1000 <in &
	pid=$!
	exec 9>in
	head -c $((half = $(stat -c %s stream) / 2)) stream >&9
	wait_for 20 stored 1
	end_mariadb KILL
	tail -c +$((half + 1)) stream >&9 &
	writer=$!
	wait_for 20 said "cannot store"
	run_mariadb
	wait "$writer"
	exec 9>&-
	wait $pid || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
	same 1 "$(grep -c "cannot store" err)"
}

@test "nfsink-mysql: a frozen server does not freeze the sink's answers" {
	own_server
	stream 400
	mkfifo in
	sink --batch 500 <in &
	pid=$!
	exec 9>in
	head -c $((half = $(stat -c %s stream) / 2)) stream >&9
	wait_for 20 stored 1
	kill -STOP "$(cat "$my_dir/pid")"
	tail -c +$((half + 1)) stream >&9 &
	writer=$!
	run timeout 5 nfctl status
	[[ $status == 0 && $output == *nfsink-mysql* ]] || fail "$output"
	kill -CONT "$(cat "$my_dir/pid")"
	wait "$writer"
	exec 9>&-
	wait $pid || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
}

@test "nfsink-mysql: cut connections, a read-only server, a dropped table: said, and nothing lost" {
	stream 200
	mkfifo in
	sink --batch 1000 <in &
	pid=$!
	exec 9>in
	head -c $((half = $(stat -c %s stream) / 2)) stream >&9
	wait_for 20 stored 1
	for id in $(ask_my "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '$SQL_DB' AND ID <> CONNECTION_ID()"); do
		ask_my "KILL $id" || true
	done
	tail -c +$((half + 1)) stream >&9
	exec 9>&-
	wait $pid || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
	ask_my "DROP TABLE goflow_records, goflow_ledger"
	sink <stream
	same "$records" "$(count)"
}

@test "nfsink-mysql: partitions, --max-age, and aggregates that are what the records give" {
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

@test "nfsink-mysql: rows of days gone by come into partitions of these days at once, a few forged times make none" {
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

@test "nfsink-mysql: where a reader is in the way of a partition, rows are stored without it, and it is made later" {
	sink </dev/null
	holder
	mkfifo in
	sink --connections 1 --batch 1000 --linger 300ms <in 8>&- &
	pid=$!
	exec 9>in
	lines -50 1000 >&9
	wait_for 30 stored 1000
	said "go to a partition of many days" || fail "$(cat err)"
	exec 8>&-
	made() { lines -50 200 >&9 && [ "$(in_partition -50)" -ge 1200 ]; }
	wait_for 30 made
	exec 9>&-
	wait $pid || fail "$(cat err)"
	same "$(count)" "$(in_partition -50)"
	same "$(count)" "$(total err stored)"
	same 0 "$(total err retries)"
}

@test "nfsink-mysql: a partition of many days that holds many rows is not split, and refused rows are kept once" {
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

@test "nfsink-mysql: status tells rows a second, sizes, and the oldest and newest row" {
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

# oldest TABLE: the first day of it, counted from today
oldest() { ask_my "SELECT TO_DAYS(MIN(bucket)) - TO_DAYS(UTC_DATE()) FROM $1"; }

@test "nfsink-mysql: sums per minute go with the records, by --max-age and --max-size; hours and days stay" {
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

@test "nfsink-mysql: minutes of a long range are summed again a day at a time" {
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

@test "nfsink-mysql: where TLS is required and there is none, nothing is sent; where there is, passwords work" {
	need_command openssl
	SQL_PASSWORD=wrong run nfsink-mysql -H 127.0.0.1 -P "$my_port" --ssl-mode required --retry 300ms </dev/null
	[[ $status == 69 && $output == *"the server offers no TLS"* && $output != *denied* ]] || fail "$output"
	keys=$(mktemp -d "${TMPDIR:-/tmp}/gf.XXXXXX")
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$keys/key" -out "$keys/cert" -subj /CN=127.0.0.1 -days 2 2>/dev/null
	chmod -R a+rX "$keys"
	own_server --ssl-cert="$keys/cert" --ssl-key="$keys/key"
	rm -rf "$keys"
	mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -e "CREATE USER tls@'127.0.0.1' IDENTIFIED BY 'hush' REQUIRE SSL; GRANT ALL ON goflow.* TO tls@'127.0.0.1'"
	SQL_PASSWORD=hush nfsink-mysql -u tls -H 127.0.0.1 -P "$my_port" --ssl-mode required --retry 300ms </dev/null 2>err || fail "$(cat err)"
	SQL_PASSWORD=wrong run nfsink-mysql -u tls -H 127.0.0.1 -P "$my_port" --ssl-mode required --retry 300ms </dev/null
	[[ $status == 69 && $output == *denied* ]] || fail "$output"
}

@test "nfsink-mysql: --max-size of a table without partitions deletes what is too much, once" {
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

@test "nfsink-mysql: a password is taken from the environment alone; no server ends it with 69" {
	stream
	ask_my "CREATE USER 'p$BATS_TEST_NUMBER'@localhost IDENTIFIED BY 'hush'; GRANT ALL ON t$BATS_TEST_NUMBER.* TO 'p$BATS_TEST_NUMBER'@localhost"
	SQL_PASSWORD=hush sink -u "p$BATS_TEST_NUMBER" <stream
	same "$records" "$(count)"
	SQL_PASSWORD=wrong run nfsink-mysql -u "p$BATS_TEST_NUMBER" --retry 300ms <stream
	[ "$status" -eq 69 ] || fail "exit $status: $output"
	[[ $output != *wrong* ]] || fail "$output"
}

@test "nfsink-mysql: valgrind finds nothing" {
	need_command valgrind
	! sanitized || skip "built with a sanitizer"
	stream
	for method in bulk load insert; do
		ask_my 'DROP TABLE IF EXISTS goflow_records, goflow_ledger'
		run valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite nfsink-mysql --method $method <stream
		[ "$status" -eq 0 ] || fail "$method: $output"
	done
}
