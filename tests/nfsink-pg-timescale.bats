#!/usr/bin/env bats
# nfsink-pg on a real TimescaleDB. Skipped by name where PostgreSQL has no such extension.

load helpers
load servers

setup_file() {
	! has_timescale || start_postgres shared_preload_libraries=timescaledb timescaledb.telemetry_level=off
}

teardown_file() {
	remove_postgres
}

setup() {
	goflow_setup
	need_timescale
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
	export PGTZ=UTC
	new_database "t$BATS_TEST_NUMBER" timescaledb
}

sink() { nfsink-pg "$@" 2>>err; }

count() { ask_pg "SELECT count(*) FROM goflow_records"; }

# lines DAY COUNT: records of the day so many from today, a second apart
lines() {
	jq -nc --arg day "$(date -u -d "$1 days" +%Y-%m-%d)" --argjson n "$2" 'range($n) | . as $i | {
		received: "\($day)T00:30:00Z", last_switched: (("\($day)T00:00:00Z" | fromdate) + $i % 1700 | todate),
		exporter: "192.0.2.\($i % 2)", src_port: (1000 + $i % 3), dst_port: 53, protocol: 17, in_if: 1, out_if: 2,
		in_bytes: 100, in_pkts: 1, sampling_rate: 10}'
}

chunks() {
	ask_pg "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'goflow_records'"
}

@test "nfsink-pg timescale: every field of every capture comes back from compressed rows as it is in JSON" {
	: >stream && : >lines
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >>stream 2>/dev/null
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j >>lines 2>/dev/null
	done
	sink --fields all --time-window 0 <stream
	ask_pg 'SELECT row_to_json(t) FROM goflow_records t' >rows
	run python3 "$TOOLS/sqldiff.py" lines rows
	[ "$status" -eq 0 ] || fail "$output"
	grep -q "rows are compressed as they come in" err || fail "$(cat err)"
	same 0 "$(ask_pg "SELECT count(*) FROM ONLY goflow_records")"
	[ "$(ask_pg "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'goflow_records' AND is_compressed")" -gt 0 ]
}

@test "nfsink-pg timescale: --direct-compress off stores rows that are not compressed" {
	lines 0 3000 | sink --direct-compress off
	same 3000 "$(count)"
	same 0 "$(ask_pg "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'goflow_records' AND is_compressed")"
}

@test "nfsink-pg timescale: what prevents direct compression is seen and said" {
	lines 0 10 | sink
	ask_pg "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER t BEFORE INSERT ON goflow_records FOR EACH ROW EXECUTE FUNCTION nothing()"
	lines 0 3000 | sink
	same 3010 "$(count)"
	grep -q "the server did not compress rows" err || fail "$(cat err)"
}

@test "nfsink-pg timescale: where it cannot be seen whether rows are compressed, they are stored all the same" {
	psql -U admin -qc "REVOKE EXECUTE ON FUNCTION pg_stat_get_xact_tuples_inserted(oid) FROM PUBLIC"
	lines 0 3000 | sink --retry 5s || fail "$(cat err)"
	same 3000 "$(count)"
	same 3000 "$(total err stored)"
	same 0 "$(total err retries)"
	! grep "direct compression" err || fail "$(cat err)"
}

@test "nfsink-pg timescale: aggregates are what the records give, live, and of replayed old captures" {
	{ lines 0 3000 && lines -40 2000; } | sink
	for unit in minute hour day; do
		for sums in goflow_$unit goflow_${unit}_port goflow_${unit}_if; do
			same "2000|200000|2000000" "$(ask_pg "SELECT sum(flows), sum(bytes), sum(est_bytes) FROM $sums WHERE bucket < now() - interval '30 days'")" "$sums"
			same "5000|500000" "$(ask_pg "SELECT sum(flows), sum(bytes) FROM $sums")" "$sums"
		done
	done
	same 0 "$(ask_pg "SELECT count(*) FROM goflow_dirty WHERE since < now() - interval '2 days'")"
	same "" "$(ask_pg "SELECT time_bucket('1 hour', last_switched), protocol, least(src_port, dst_port), sum(in_bytes), count(*) FROM goflow_records GROUP BY 1, 2, 3 EXCEPT SELECT bucket, protocol, port, bytes, flows FROM goflow_hour_port")"
}

@test "nfsink-pg timescale: --max-age and --max-size drop chunks" {
	for d in 0 -1 -5 -9; do lines $d 2000; done | sink
	same 4 "$(chunks)"
	sink --max-age 6 </dev/null
	same 3 "$(chunks)"
	same 6000 "$(count)"
	size=$(ask_pg "SELECT hypertable_size('goflow_records')")
	lines -1 200000 | sink --max-size $((size > 1048576 ? size : 1048576)) --direct-compress off
	[ "$(chunks)" -lt 3 ] || fail "$(chunks) chunks"
}

@test "nfsink-pg timescale: sums per minute go by chunks, with the records; hours and days stay" {
	for d in -99 -30 -9 0; do lines $d 1700; done | sink
	sink --max-age 20 </dev/null
	for sums in "" _port _if; do
		same "t" "$(ask_pg "SELECT min(bucket) > now() - interval '90 days' FROM goflow_minute$sums")" "minute$sums"
		for unit in hour day; do
			same "6800|680000" "$(ask_pg "SELECT sum(flows), sum(bytes) FROM goflow_$unit$sums")" "$unit$sums"
		done
	done
	sink --max-size 1G </dev/null
	ask_pg "CALL refresh_continuous_aggregate('goflow_hour', now() - interval '1 day', now())"
	lines -9 1700 | sink --max-age 20
	same "8500" "$(ask_pg "SELECT sum(flows) FROM goflow_hour")"
	same "8500" "$(ask_pg "SELECT sum(flows) FROM goflow_day")"
	! grep failed err || fail "$(cat err)"
}

@test "nfsink-pg timescale: a long range that is noted is refreshed, from --max-age on" {
	# not yesterday: two hours are left to the policies, which at night is a part of it
	for d in {-30..-2}; do lines "$d" 60; done | sink
	ask_pg "INSERT INTO goflow_dirty (since, until) VALUES (current_date - 100, current_date); UPDATE goflow_records SET in_bytes = 7"
	sink --max-age 50 </dev/null
	same 12180 "$(ask_pg "SELECT sum(bytes) FROM goflow_day")"
	same 0 "$(ask_pg "SELECT count(*) FROM goflow_dirty")"
}

@test "nfsink-pg timescale: --chunk-interval, and policies for compression and aggregates" {
	lines 0 1700 | sink --chunk-interval 10m --compress-after 2h
	same 3 "$(chunks)"
	same 1 "$(ask_pg "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name = 'goflow_records' AND config->>'compress_after' = '02:00:00'")"
	same 9 "$(ask_pg "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_refresh_continuous_aggregate'")"
}

@test "nfsink-pg timescale: the first goflow's hypertable is taken over" {
	ask_pg "CREATE TABLE goflow_records (last_switched timestamptz NOT NULL, src_ip inet, dst_ip inet, src_ipv6 inet, dst_ipv6 inet,
		src_port integer NOT NULL, dst_port integer NOT NULL, protocol integer NOT NULL, in_bytes bigint NOT NULL, in_pkts bigint NOT NULL);
		SELECT create_hypertable('goflow_records', 'last_switched');
		INSERT INTO goflow_records VALUES (now() - interval '1 day', '192.0.2.1', '192.0.2.2', '::', '::', 1, 2, 6, 100, 1)" >/dev/null
	lines 0 2000 | sink
	same 2001 "$(count)"
	same 2001 "$(ask_pg "SELECT sum(flows) FROM goflow_day")"
	grep -q 'table "goflow_records" is not compressed; to switch that on: ALTER TABLE' err || fail "$(cat err)"
	mend=$(sed -n 's/.*to switch that on: //p' err)
	ask_pg "$mend" >/dev/null
	lines 0 2000 | sink
	grep -q "rows are compressed as they come in" err || fail "$(cat err)"
}

@test "nfsink-pg timescale: a stream that arrives again and rival writers store each record once" {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" --loop 200 2>/dev/null | nfdecode --stream-id "$ID" >stream 2>stream.err
	records=$(total stream.err written)
	for i in 1 2; do
		nfsink-pg --batch $((1500 + i * 170)) <stream 2>err$i &
		pids="${pids:-} $!"
	done
	for pid in $pids; do
		wait "$pid" || fail "$(cat err?)"
	done
	same "$records" "$(count)"
}

@test "nfsink-pg timescale: a forged time of 2106 makes no chunk; late rows of chunks that went leave their sums alone" {
	{ lines -9 2000 && lines 0 10 && echo '{"received":"2026-11-20T10:00:00Z","last_switched":"2106-02-07T06:28:15Z","in_bytes":1}'; } | sink
	same 1 "$(total err retimed)"
	same 0 "$(ask_pg "SELECT count(*) FROM timescaledb_information.chunks WHERE range_end > '2100-01-01Z'")"
	sink --max-age 6 </dev/null
	{ lines -9 20 && lines 0 10; } | sink --max-age 6
	same "2000|200000" "$(ask_pg "SELECT flows, bytes FROM goflow_day WHERE bucket = '$(date -u -d '-9 days' +%Y-%m-%d)'")"
}
