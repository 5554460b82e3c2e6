#!/usr/bin/env bats
# The dashboards of grafana_db: every query, with the macros expanded as Grafana's datasources do, runs on a real
# server filled from a capture, returns rows, and is planned without chunks or partitions outside its range; every
# file is a Dashboard of @grafana/schema to a strict compiler (skipped by name where npm cannot bring that).

load helpers
load servers

setup_file() {
	! has_timescale || local timescale=(shared_preload_libraries=timescaledb timescaledb.telemetry_level=off)
	[ -z "$(postgres_bin)" ] || start_postgres ${timescale[@]+"${timescale[@]}"}
	[ -z "$(mariadbd_path)" ] || start_mariadb
}

teardown_file() {
	remove_postgres
	remove_mariadb
}

setup() {
	goflow_setup
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
	export PGTZ=UTC DASHBOARDS=$GOFLOW_ROOT/grafana_db
	now=$(date +%s)
	mkdir sql
}

# lines: the flows of captures by many exporters, at several hours of today and on days before, as JSON
lines() {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j 2>/dev/null
	done | jq -c --argjson now "$now" '
		def whole: sub("\\.[0-9]+"; "") | fromdate;
		. as $r | (60, 1800, 7200, 86400, 259200, 1728000, 6912000) as $ago |
		(if $ago == 60 then . else .sequence += 1000000 end) |
		($r.received | whole) as $sent |
		.received = ($now - $ago | todate) |
		.last_switched = (($r.last_switched | whole) - $sent + $now - $ago | todate) | del(.first_switched, .export_time)'
}

# fill SINK: with those, and with a numbered stream, which the ledger knows
fill() {
	lines | "$1" 2>err || fail "$(cat err)" || return
	stream && "$1" <stream 2>err || fail "$(cat err)"
}

# each VARIANT SECONDS COMMAND: runs the command on every query of the dashboards for the last so many seconds
each() {
	local kind=$1 span=$2 command=$3 query
	shift 3
	rm -f sql/*
	python3 "$TOOLS/grafanasql.py" "$kind" $((now - span)) "$now" sql "$@"
	for query in sql/*.sql; do
		"$command" "$query" || fail "$query, $span s: $(cat "$query")" || return
	done
}

# run_all VARIANT COMMAND FILE...: over ranges from which the records, sums per minute, per hour and per day are read
run_all() {
	local kind=$1 command=$2 span
	shift 2
	for span in 3600 21600 345600 7776000 34560000; do
		outside_of "$kind" "$span"
		each "$kind" "$span" "$command" exporter='192.0.2.2|192.0.2.6' "$@" || return
		each "$kind" "$span" "$command" exporter='192.0.2.2|192.0.2.6' src_port=80,443,1-79 dst_port=1024-65535 \
			src_ip=203.0.113.0/25 dst_ip=198.51.100.0/24 "$@" || return
	done
}

# What must not be read of a range: a name a line
outside_of() {
	case $1 in
	timescale) ask_pg "SELECT chunk_name FROM timescaledb_information.chunks WHERE range_end <= to_timestamp($now - $2)" ;;
	pg) ask_pg "SELECT relname FROM pg_class WHERE relname ~ '^goflow_records_p[0-9]{8}$'
		AND relname < 'goflow_records_p' || to_char(to_timestamp($now - $2), 'YYYYMMDD')" ;;
	mysql) ask_my "SELECT PARTITION_NAME FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE()
		AND TABLE_NAME = 'goflow_records' AND PARTITION_NAME LIKE 'p%' AND PARTITION_NAME < DATE_FORMAT(FROM_UNIXTIME($now - $2), 'p%Y%m%d')" ;;
	esac >outside
}

postgres_query() {
	psql -XAtq -v ON_ERROR_STOP=1 -f "$1" >rows || return
	[ -s rows ] || fail "no row" || return
	{ echo "EXPLAIN" && cat "$1"; } >explain.sql
	psql -XAtq -v ON_ERROR_STOP=1 -f explain.sql >plan || return
	grep -oE "_hyper_[0-9]+_[0-9]+_chunk|goflow_records_p[0-9]+" plan | sort -u >named
	! grep -Fxf outside named
}

mysql_query() {
	ask_my "$(cat "$1")" >rows || return
	[ -s rows ] || fail "no row" || return
	ask_my "EXPLAIN PARTITIONS $(cat "$1")" >plan || return
	cut -f 4 plan | tr ',' '\n' | sort -u >named
	! grep -Fxf outside named
}

@test "grafana dashboards: each query gives rows and reads no chunk outside its range, on TimescaleDB" {
	need_timescale
	new_database timescale timescaledb
	fill nfsink-pg
	run_all timescale postgres_query "$DASHBOARDS"/*.json
	outside_of timescale 3600
	[ "$(wc -l <outside)" -gt 5 ] || fail "there is nothing outside"
}

@test "grafana dashboards: each query gives rows and reads no partition outside its range, on PostgreSQL" {
	need_postgres
	new_database plain
	fill nfsink-pg
	run_all pg postgres_query "$DASHBOARDS"/*.json
	outside_of pg 3600
	[ "$(wc -l <outside)" -ge 4 ] || fail "there is nothing outside"
}

@test "grafana dashboards: each query gives rows and reads no partition outside its range, on MariaDB" {
	need_mariadb
	new_mariadb_database flows
	fill nfsink-mysql
	run_all mysql mysql_query "$DASHBOARDS"/mysql/*.json
	outside_of mysql 3600
	[ "$(wc -l <outside)" -gt 1 ] || fail "there is nothing outside"
}
