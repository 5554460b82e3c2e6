#!/usr/bin/env bats
# nfsink-pg against a real PostgreSQL: what it stores is read back, and what goes wrong is real.

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
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
	new_database "t$BATS_TEST_NUMBER"
}

# own_server: one for this test alone, that may be killed
own_server() {
	start_postgres
	own=yes
}

teardown() {
	goflow_teardown
	[ -z "${own:-}" ] || remove_postgres
}

sink() { nfsink-pg --aggregates off "$@" 2>>err; }

count() { ask_pg "SELECT count(*) FROM goflow_records"; }

stored() { [ "$(count)" -ge "$1" ]; }

# compared STREAM LINES: the rows are the records
compared() {
	ask_pg 'DROP TABLE IF EXISTS goflow_records, goflow_ledger'
	sink --fields all --time-window 0 <"$1"
	ask_pg 'SELECT row_to_json(t) FROM goflow_records t' >rows
	python3 "$TOOLS/sqldiff.py" "$2" rows
}

@test "nfsink-pg: every field of every capture comes back as it is in JSON" {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >stream 2>/dev/null
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j >lines 2>/dev/null
		run compared stream lines
		[ "$status" -eq 0 ] || fail "$capture: $output"
	done
	[[ $output == *records=[1-9]* ]]
}

@test "nfsink-pg: every field of the shared captures comes back as it is in JSON" {
	need_shared
	: >all && : >lines
	for capture in "$GOFLOW_CAPTURES"/*/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >>all 2>/dev/null || true
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j >>lines 2>/dev/null || true
	done
	run compared all lines
	[ "$status" -eq 0 ] || fail "$output"
}

@test "nfsink-pg: JSON lines give the same rows; extremes are exact in extra" {
	cat >lines <<-'LINES'
		{"last_switched":"2106-02-07T06:28:15.999999999Z","in_bytes":18446744073709551615,"in_pkts":9223372036854775807,"src_ip":"2001:db8::ffff","dst_ip":"255.255.255.255","app_name":"caf\ufffd","app_name_hex":"636166e9","src_mac":"ff:ff:ff:ff:ff:ff","src_port":65535,"in_if":4294967295,"protocol":255}
		{"last_switched":"1970-01-01T00:00:00Z","in_bytes":0,"src_ip":"::","dst_ip":"0.0.0.0"}
		{"last_switched":"2023-11-14T22:13:20.123Z","rev_bytes":9223372036854775808,"extra":{"en99999:id7":{"hex":"00ff"}}}
		{"last_switched":"2023-11-14T22:13:20.123456Z","app_name":"a\ufffdb","app_name_hex":"610062","sampling_source":"options"}
	LINES
	run compared lines lines
	[ "$status" -eq 0 ] || fail "$output"
	same 2 "$(total err saturated)"
	same 9223372036854775807 "$(ask_pg "SELECT in_bytes FROM goflow_records WHERE protocol = 255")"
	grep -q "stored again" err || fail "it does not say that lines have no numbers"
}

@test "nfsink-pg: a stream that arrives again, in any order, by one or more connections, is stored once" {
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
	same 1 "$(ask_pg "SELECT count(*) FROM goflow_ledger")" "ranges in the ledger"
}

@test "nfsink-pg: rival writers of one stream store each record once" {
	stream 300
	for i in 1 2 3; do
		nfsink-pg --aggregates off --batch $((300 + i * 170)) <stream 2>err$i &
		pids="${pids:-} $!"
	done
	for pid in $pids; do
		wait "$pid"
	done
	same "$records" "$(count)"
	same "$((3 * records))" "$(($(total err1 stored) + $(total err2 stored) + $(total err3 stored) +
		$(total err1 duplicate) + $(total err2 duplicate) + $(total err3 duplicate)))"
}

@test "nfsink-pg: acknowledges what is committed; a chain-loader that kills it loses and doubles nothing" {
	stream 300
	run python3 "$TOOLS/chainload.py" stream 3 nfsink-pg --aggregates off --batch 700 --connections 3
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"started=4"*"exit=0"* ]] || fail "$output"
	same "$records" "$(count)"
}

@test "nfsink-pg: rows that the server refuses are found, kept with the reason, and the rest stored" {
	stream
	sink <stream
	refused=$(ask_pg "SELECT count(*) FROM goflow_records WHERE src_port = 53 OR dst_port = 53")
	[ "$refused" -gt 0 ]
	ask_pg "TRUNCATE goflow_records, goflow_ledger; ALTER TABLE goflow_records ADD CONSTRAINT no_dns CHECK (src_port <> 53 AND dst_port <> 53)"
	run nfsink-pg --aggregates off --reject refused.json <stream
	[ "$status" -eq 1 ] || fail "exit $status"
	same "$((records - refused))" "$(count)"
	same "$refused" "$(wc -l <refused.json)"
	same "$refused" "$(jq -r 'select(.src_port == 53 or .dst_port == 53) | .reject_reason' refused.json | grep -c no_dns)"
	ask_pg "ALTER TABLE goflow_records DROP CONSTRAINT no_dns"
	sink <refused.json
	same "$records" "$(count)"
}

@test "nfsink-pg: the first goflow's table is taken over, its rows and columns kept" {
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz NOT NULL, src_ip inet NOT NULL, dst_ip inet NOT NULL,
		src_ipv6 inet NOT NULL, dst_ipv6 inet NOT NULL, src_port integer NOT NULL, dst_port integer NOT NULL, protocol integer NOT NULL,
		in_bytes bigint NOT NULL, in_pkts bigint NOT NULL);
		INSERT INTO goflow_records VALUES ('2020-01-01Z', '192.0.2.1', '192.0.2.2', '::', '::', 1, 2, 6, 100, 1)"
	stream
	sink --aggregates on <stream
	same "$((records + 1))" "$(count)"
	same "$((records + 1))" "$(ask_pg "SELECT sum(flows) FROM goflow_day")"
	same "192.0.2.1|::|100" "$(ask_pg "SELECT src_ip, src_ipv6, in_bytes FROM goflow_records WHERE last_switched = '2020-01-01Z'")"
	same 17 "$(ask_pg "SELECT DISTINCT protocol FROM goflow_records WHERE protocol = 17")"
	grep -q 'column "exporter" added' err
	grep -q 'column "src_ipv6" of table "goflow_records" may be NULL now' err
}

@test "nfsink-pg: a column that does not fit ends it with 78 and the SQL that mends it; nothing is altered" {
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz, src_ip text, in_bytes bigint)"
	stream
	run nfsink-pg --aggregates off <stream
	[ "$status" -eq 78 ] || fail "exit $status"
	[[ $output == *"column src_ip of table goflow_records does not fit: found type text, expected inet"* ]] || fail "$output"
	same 3 "$(ask_pg "SELECT count(*) FROM information_schema.columns WHERE table_name = 'goflow_records'")"
	mend=$(sed -n 's/.*mend it by: \(ALTER TABLE .*\); or keep.*/\1/p' <<<"$output")
	ask_pg "$mend"
	sink <stream
	same "$records" "$(count)"
}

@test "nfsink-pg: a password in the connection string is refused with 64 and not repeated" {
	for conninfo in "host=h password=hush" "postgresql://u:hush@h/d" "sslpassword=hush" "host=h password=hush bad"; do
		run nfsink-pg -d "$conninfo" </dev/null
		[ "$status" -eq 64 ] || fail "$conninfo: exit $status"
		[[ $output != *hush* ]] || fail "$output"
	done
	[[ $output == *"--database"* ]]
	run nfsink-pg -d "host=h password=hush" </dev/null
	[[ $output == *SQL_PASSWORD*PGPASSWORD*passfile* ]] || fail "$output"
}

@test "nfsink-pg: a connection is told by libpq's environment, a string, a URL or a service, its password by the environment" {
	own_server
	stream
	psql -U admin -qc "ALTER ROLE goflow PASSWORD 'a secret'"
	printf '%s\n' "local all admin trust" "host all goflow 127.0.0.1/32 scram-sha-256" >"$pg_dir/data/pg_hba.conf"
	end_postgres
	run_postgres
	printf '%s\n' "[flows]" "host=127.0.0.1" "port=$PGPORT" "dbname=goflow" "user=goflow" >service
	stored_by() {
		psql -U admin -d goflow -qc "DROP TABLE IF EXISTS goflow_records, goflow_ledger"
		"$@" --aggregates off <stream 2>err || fail "$*: $(cat err)"
		same "$records" "$(psql -U admin -d goflow -XAtc 'SELECT count(*) FROM goflow_records')" "$*"
	}
	port=$PGPORT
	export SQL_PASSWORD="a secret" PGPASSWORD=another
	stored_by env PGHOST=127.0.0.1 nfsink-pg
	stored_by env -u PGDATABASE -u PGUSER nfsink-pg -d "host=127.0.0.1 port=$port dbname=goflow user=goflow"
	stored_by env -u PGDATABASE -u PGUSER nfsink-pg -d "postgresql://goflow@127.0.0.1:$port/goflow"
	stored_by env -u PGHOST -u PGPORT -u PGDATABASE -u PGUSER PGSERVICEFILE=service PGSERVICE=flows nfsink-pg
	unset SQL_PASSWORD
	stored_by env PGHOST=127.0.0.1 PGPASSWORD="a secret" nfsink-pg
	PGHOST=127.0.0.1 run nfsink-pg --retry 300ms </dev/null
	same 69 "$status" "with a wrong password"
	[[ $output == *"password authentication failed"* && $output != *another* ]] || fail "$output"
}

@test "nfsink-pg: a time too far from its receipt is replaced by it, and no partition is made for it" {
	cat >lines <<-LINES
		{"received":"2026-11-23T10:00:00Z","last_switched":"2106-02-07T06:28:15Z","src_port":1}
		{"received":"2026-11-23T10:00:00Z","last_switched":"2026-10-01T00:00:00Z","src_port":2}
		{"received":"2026-11-23T10:00:00Z","last_switched":"2026-11-23T09:59:59Z","src_port":3}
	LINES
	sink <lines
	same 2 "$(total err retimed)"
	same "1|2026-11-23 10:00:00+00|received
2|2026-11-23 10:00:00+00|received
3|2026-11-23 09:59:59+00|" "$(PGTZ=UTC ask_pg "SELECT src_port, last_switched, time_source FROM goflow_records ORDER BY 1")"
	same "" "$(ask_pg "SELECT relname FROM pg_class WHERE relname LIKE 'goflow_records_p21%'")"
}

@test "nfsink-pg: a server that dies, is away, and comes back loses and doubles nothing" {
	own_server
	stream 400
	mkfifo in
	sink --retry 60s --batch 1000 <in &
	pid=$!
	exec 9>in
	head -c $((half = $(stat -c %s stream) / 2)) stream >&9
	wait_for 20 stored 1
	end_postgres immediate
	tail -c +$((half + 1)) stream >&9 &
	writer=$!
	wait_for 20 said "cannot store"
	run_postgres
	wait "$writer"
	exec 9>&-
	wait $pid || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
	same 1 "$(grep -c "cannot store" err)"
	same 1 "$(grep -c "storing again" err)"
}

@test "nfsink-pg: a frozen server does not freeze the sink's answers" {
	own_server
	stream 400
	mkfifo in
	sink --batch 500 <in &
	pid=$!
	exec 9>in
	head -c $((half = $(stat -c %s stream) / 2)) stream >&9
	wait_for 20 stored 1
	backends=$(ask_pg "SELECT pid FROM pg_stat_activity WHERE application_name = 'nfsink-pg'")
	# shellcheck disable=SC2086 # one word each
	kill -STOP $backends
	tail -c +$((half + 1)) stream >&9 &
	writer=$!
	run timeout 5 nfctl status
	[[ $status == 0 && $output == *nfsink-pg* ]] || fail "$output"
	# shellcheck disable=SC2086
	kill -CONT $backends
	wait "$writer"
	exec 9>&-
	wait $pid || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
}

@test "nfsink-pg: connections that are cut, a locked, a read-only and a dropped table: said once, and nothing lost" {
	stream 300
	mkfifo in
	sink --batch 1000 --connections 2 <in &
	pid=$!
	exec 9>in
	head -c $((half = $(stat -c %s stream) / 2)) stream >&9
	wait_for 20 stored 1
	ask_pg "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nfsink-pg'" >/dev/null
	ask_pg "ALTER DATABASE t$BATS_TEST_NUMBER SET default_transaction_read_only = on"
	tail -c +$((half + 1)) stream >&9 &
	writer=$!
	wait_for 20 said "cannot store"
	PGOPTIONS="-c default_transaction_read_only=off" ask_pg "ALTER DATABASE t$BATS_TEST_NUMBER SET default_transaction_read_only = off"
	wait "$writer"
	exec 9>&-
	wait $pid || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
	ask_pg "DROP TABLE goflow_records, goflow_ledger"
	sink <stream
	same "$records" "$(count)"
}

@test "nfsink-pg: a COMMIT whose answer is lost is not done again" {
	stream 100
	python3 "$TOOLS/cutcommit.py" "$PGHOST/.s.PGSQL.$PGPORT" "$BATS_TEST_TMPDIR/.s.PGSQL.1" 3 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/.pids"
	wait_for 10 test -S "$BATS_TEST_TMPDIR/.s.PGSQL.1"
	sink -d "host=$BATS_TEST_TMPDIR port=1 dbname=t$BATS_TEST_NUMBER" --aggregates on --batch 500 --connections 1 <stream
	same "$records" "$(count)"
	[ "$(total err retries)" -ge 3 ] || fail "nothing was cut: $(cat err)"
	[ "$(total err duplicate)" -gt 0 ] || fail "no COMMIT was done: $(cat err)"
}

@test "nfsink-pg: no server: --retry gives up with 69 and says how much was not stored" {
	stream
	run nfsink-pg -d "host=$BATS_TEST_TMPDIR port=1" --retry 300ms <stream
	[ "$status" -eq 69 ] || fail "exit $status"
	[[ $output == *"cannot store"*"given up"* || $output == *"cannot store"*totals* ]] || fail "$output"
}

@test "nfsink-pg: status tells rows, sizes and times" {
	stream
	mkfifo in
	nfsink-pg <in 2>err &
	pid=$!
	exec 9>in
	cat stream >&9
	wait_for 20 stored "$records"
	figures() {
		[ "$(nfctl status --json | jq -s 'first(.. | objects | .postgresql // empty) | .table_bytes')" -gt 0 ]
	}
	wait_for 30 figures
	exec 9>&-
	wait $pid
}

@test "nfsink-pg: valgrind finds nothing" {
	need_command valgrind
	! sanitized || skip "built with a sanitizer"
	stream
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz NOT NULL, src_port integer CHECK (src_port <> 53))"
	run valgrind -q --error-exitcode=9 --leak-check=full nfsink-pg --reject refused <stream
	[ "$status" -le 1 ] || fail "$output"
}

# counted COUNTER...: their values in the last totals of ./err
counted() { for c; do total err "$c"; done | paste -sd ' '; }

@test "nfsink-pg: sFlow's counters, only when asked, equal to the JSON line, and not twice" {
	nfrecv -r "$GOFLOW_EXAMPLES/pmacct-sflow.pcap" 2>/dev/null | nfdecode --counters >frames 2>/dev/null
	nfjson <frames 2>/dev/null >lines
	sink <frames
	same '180 0 5' "$(counted stored counters_stored other_lines)"
	same '' "$(ask_pg "SELECT to_regclass('goflow_counters')")"
	ask_pg 'DROP TABLE goflow_records, goflow_ledger'
	sink --counters on <frames
	same '180 5 0' "$(counted stored counters_stored other_lines)"
	jq -cS 'select(.type) | [.received[0:26], .exporter, .agent, .obs_point, .sequence, .counters]' lines >expected
	ask_pg "SELECT json_build_array(to_char(received, 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), host(exporter), host(agent), obs_point, sequence, counters)
		FROM goflow_counters ORDER BY received" | jq -cS . | cmp - expected
	sink --counters on <frames
	same '180 0' "$(counted duplicate counters_stored)"
	sink --counters on --table other_records <lines
	same '180 5' "$(counted stored counters_stored)"
	same 0 "$(ask_pg 'SELECT count(*) FROM (SELECT * FROM goflow_counters EXCEPT SELECT * FROM other_counters) d')"
}

@test "nfsink-pg: counters that are refused are counted, the others stored; old ones go; a table that does not fit is told" {
	cat >lines <<-'LINES'
		{"type":"counters","received":"2020-01-01T00:00:00Z","obs_point":18446744073709551615,"counters":{"a":18446744073709551615}}
		{"type":"counters","received":"2020-01-01T00:00:00Z","counters":{"a":"it's \\ \u0000"}}
		{"type":"counters","received":"2300-01-01T00:00:00.123456789Z","agent":"2001:db8::1","counters":{"a":"it's \\ 'so"}}
		{"type":"counters","counters":{}}
	LINES
	run sink --counters on <lines
	same 1 "$status"
	same '2 2' "$(counted counters_stored counters_refused)"
	same '9223372036854775807 18446744073709551615' "$(ask_pg "SELECT obs_point || ' ' || (counters ->> 'a') FROM goflow_counters WHERE agent IS NULL")"
	sink --counters on --max-age 30 </dev/null
	same "2300-01-01 00:00:00.123456+00|2001:db8::1|it's \\ 'so" "$(ask_pg "SELECT received, agent, counters ->> 'a' FROM goflow_counters")"
	ask_pg 'ALTER TABLE goflow_counters DROP COLUMN obs_point'
	run sink --counters on <lines
	same 78 "$status"
}
