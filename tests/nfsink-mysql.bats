#!/usr/bin/env bats
# nfsink-mysql against a real MariaDB: what it stores is read back, and what goes wrong is real.

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

sink() { nfsink-mysql --aggregates off "$@" 2>>err; }

count() { ask_my "SELECT count(*) FROM ${1:-goflow_records}"; }

stored() { [ "$(count)" -ge "$1" ]; }

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

# counted COUNTER...: their values in the last totals of ./err
counted() { for c; do total err "$c"; done | paste -sd ' '; }

@test "nfsink-mysql: sFlow's counters, only when asked, equal to the JSON line, and not twice" {
	nfrecv -r "$GOFLOW_EXAMPLES/pmacct-sflow.pcap" 2>/dev/null | nfdecode --counters >frames 2>/dev/null
	nfjson <frames 2>/dev/null >lines
	sink <frames
	same '180 0 5' "$(counted stored counters_stored other_lines)"
	same 0 "$(ask_my "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '$SQL_DB' AND TABLE_NAME LIKE '%counters%'")"
	ask_my 'DROP TABLE goflow_records, goflow_ledger'
	sink --counters on <frames
	same '180 5 0' "$(counted stored counters_stored other_lines)"
	jq -cS 'select(.type) | [(.received[0:26] | sub("T"; " ")), .exporter, .agent, .obs_point, .sequence, .counters]' lines >expected
	ask_my "SELECT JSON_ARRAY(received, INET6_NTOA(exporter), INET6_NTOA(agent), obs_point, sequence, JSON_COMPACT(counters))
		FROM goflow_counters ORDER BY received" | jq -cS . | cmp - expected
	sink --counters on <frames
	same '180 0' "$(counted duplicate counters_stored)"
	sink --counters on --table other_records <lines
	same '180 5' "$(counted stored counters_stored)"
	same 0 "$(ask_my 'SELECT COUNT(*) FROM (SELECT * FROM goflow_counters EXCEPT SELECT * FROM other_counters) d')"
}

@test "nfsink-mysql: counters that are refused are counted, the others stored; old ones go; a table that does not fit is told" {
	cat >lines <<-'LINES'
		{"type":"counters","received":"2020-01-01T00:00:00Z","obs_point":18446744073709551615,"counters":{"a":18446744073709551615}}
		{"type":"counters","received":"2020-01-01T00:00:00Z","counters":{"a":"no"}}
		{"type":"counters","received":"2300-01-01T00:00:00.123456789Z","agent":"2001:db8::1","counters":{"a":"it's \\ 'so"}}
		{"type":"counters","counters":{}}
	LINES
	sink --counters on </dev/null
	ask_my "ALTER TABLE goflow_counters ADD CONSTRAINT no CHECK (JSON_VALUE(counters, '$.a') <> 'no')"
	run sink --counters on <lines
	same 1 "$status"
	same '2 2' "$(counted counters_stored counters_refused)"
	same '18446744073709551615 {"a":18446744073709551615}' "$(ask_my "SELECT CONCAT(obs_point, ' ', counters) FROM goflow_counters WHERE agent IS NULL")"
	sink --counters on --max-age 30 </dev/null
	same "2300-01-01 00:00:00.123456 2001:db8::1 it's \\ 'so" \
		"$(ask_my "SELECT CONCAT(received, ' ', INET6_NTOA(agent), ' ', HEX(JSON_VALUE(counters, '$.a'))) FROM goflow_counters" | python3 -c 'import sys; *a, h = sys.stdin.read().split(); print(*a, bytes.fromhex(h).decode())')"
	ask_my 'ALTER TABLE goflow_counters DROP COLUMN obs_point'
	run sink --counters on <lines
	same 78 "$status"
}
