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
	stream || return
	"$1" <stream 2>err || fail "$(cat err)"
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
		# records are what filters are asked of, whatever the range: the shortest and a long one do
		[ "$span" = 3600 ] || [ "$span" = 345600 ] || continue
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
	{ echo '\o rows' && cat "$1" && printf '\n;\n\\o plan\nEXPLAIN\n' && cat "$1" && printf '\n;\n'; } >both.sql
	psql -XAtq -v ON_ERROR_STOP=1 -f both.sql || return
	[ -s rows ] || fail "no row" || return
	grep -oE "_hyper_[0-9]+_[0-9]+_chunk|goflow_records_p[0-9]+" plan | sort -u >named
	! grep -Fxf outside named
}

mysql_query() {
	ask_my "$(cat "$1"); SELECT '-- the plan'; EXPLAIN PARTITIONS $(cat "$1")" >both || return
	sed '/^-- the plan$/,$d' both >rows
	sed '1,/^-- the plan$/d' both >plan
	[ -s rows ] || fail "no row" || return
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
	[ "$(wc -l <outside)" -ge 3 ] || fail "there is nothing outside"
}

@test "grafana dashboards: each query gives rows and reads no partition outside its range, on MariaDB" {
	need_mariadb
	new_mariadb_database flows
	fill nfsink-mysql
	run_all mysql mysql_query "$DASHBOARDS"/mysql/*.json
	outside_of mysql 3600
	[ "$(wc -l <outside)" -gt 1 ] || fail "there is nothing outside"
}

@test "grafana dashboards: each file is a Dashboard of @grafana/schema to a strict compiler, without a cast" {
	need_command npm npx
	mkdir schema && cd schema || return
	echo '{"private": true}' >package.json
	timeout 120 npm install --no-audit --no-fund --ignore-scripts --silent @grafana/schema typescript >npm.log 2>&1 ||
		skip "npm cannot bring @grafana/schema"
	local file n=0
	for file in "$DASHBOARDS"/*.json "$DASHBOARDS"/mysql/*.json; do
		n=$((n + 1))
		{ echo 'import type { Dashboard } from "@grafana/schema";' && echo 'export const board: Dashboard =' && cat "$file"; } >"board$n.ts"
	done
	run npx tsc --strict --noEmit --module nodenext --moduleResolution nodenext --target es2022 --types "" board*.ts
	[ "$status" -eq 0 ] || fail "$output"
	sed -i 's/"schemaVersion": 42/"schemaVersion": "42"/' board1.ts
	run npx tsc --strict --noEmit --module nodenext --moduleResolution nodenext --target es2022 --types "" board1.ts
	[ "$status" -ne 0 ] || fail "the compiler takes anything"
}

@test "grafana dashboards: no file names a datasource or a dashboard's number, and uids differ" {
	jq -es 'all(.[]; [.. | .datasource? | objects | .uid] | all(. == "${DS_GOFLOW}") and length > 1) and
		all(.[]; has("id") | not) and (map(.uid) | unique | length) == length' \
		"$DASHBOARDS"/*.json "$DASHBOARDS"/mysql/*.json >/dev/null
}

# configure-grafana, against a stand-in that knows the documented API and is strict about it: Grafana itself
# is not in Debian.

# grafana [FAULT]: the stand-in, in ./grafana; $url is its address
grafana() {
	rm -rf grafana && mkdir grafana && echo glsa_token-of-the-test >grafana/token
	[ "${1:-}" != redirect ] || echo 1 >grafana/elsewhere
	background python3 "$TOOLS/grafanaserver.py" grafana "$@" 2>grafana/err
	wait_for 10 test -s grafana/port
	url=http://127.0.0.1:$(cat grafana/port)
}

# config TYPE [LINE...]: ./config.yml with one such backend
config() {
	local type=$1 line
	shift
	{
		printf 'backends:\n  store:\n    type: %s\n    config:\n' "$type"
		for line in "$@"; do echo "      $line"; done
		printf 'frontends:\n  netflow:\n    backend: store\n'
	} >config.yml
}

configure() {
	GRAFANA_TOKEN=$(cat grafana/token) no_proxy=127.0.0.1 SQL_PASSWORD='very "secret"' run goflow configure-grafana -c config.yml "$@"
}

# in_state JQ: over what the stand-in keeps
in_state() { jq -r "$1" grafana/state.json; }

@test "configure-grafana: makes datasource, folder and dashboards of TimescaleDB, and a second run changes nothing" {
	grafana
	config timescale 'SQL_SERVER: db.example.net' 'SQL_USERNAME: reader' 'port: 5433'
	configure "$url/" "$DASHBOARDS"
	[ "$status" -eq 0 ] || fail "$output"
	same "grafana-postgresql-datasource db.example.net:5433 reader goflow goflow require true" \
		"$(in_state '.datasources.goflow | "\(.type) \(.url) \(.user) \(.database) \(.jsonData.database) \(.jsonData.sslmode) \(.jsonData.timescaledb)"')"
	same "$(find "$DASHBOARDS" -maxdepth 1 -name '*.json' | wc -l)" "$(in_state '.dashboards | length')"
	same "goflow goflow" "$(in_state '[.dashboards[] | "\(.meta.folderUid) \(.dashboard.templating.list[] | select(.name == "DS_GOFLOW") | .current.value)"] | unique | .[]')"
	same 'very "secret"' "$(jq -r 'select(.secureJsonData) | .secureJsonData.password' grafana/bodies)"
	cp grafana/state.json before && rm grafana/log
	configure "$url" "$DASHBOARDS"
	[ "$status" -eq 0 ] || fail "$output"
	! grep -vE '^GET .* 200$' grafana/log || fail "the second run wrote"
	same "$(jq -S . before)" "$(jq -S . grafana/state.json)"
	[[ $output != *secret* && $output != *glsa_* ]]
}

@test "configure-grafana: what differs is updated, and nothing else" {
	grafana
	config postgres 'SQL_SERVER: localhost' 'SQL_USERNAME: a'
	cp -r "$DASHBOARDS" boards
	configure "$url" boards
	config postgres 'SQL_SERVER: localhost' 'SQL_USERNAME: b' 'ssl_mode: verify'
	jq '.title = "another"' "$DASHBOARDS/TopN.json" >boards/TopN.json
	rm grafana/log
	configure "$url" boards
	[ "$status" -eq 0 ] || fail "$output"
	same "PUT /api/datasources/uid/goflow 200 POST /api/dashboards/db 200" "$(grep -v ^GET grafana/log | tr '\n' ' ' | sed 's/ $//')"
	same "b verify-full false another" "$(in_state '"\(.datasources.goflow.user) \(.datasources.goflow.jsonData | "\(.sslmode) \(.timescaledb)") \(.dashboards["goflow-topn"].dashboard.title)"')"
	[[ $output == *"dashboard TopN.json: updated"* && $output == *"dashboard ASN.json: unchanged"* ]]
}

@test "configure-grafana: MySQL gets a datasource of its own and the dashboards made for it" {
	grafana
	config mysql 'SQL_SERVER: db' 'SQL_USERNAME: u'
	configure "$url" "$DASHBOARDS"
	[ "$status" -eq 0 ] || fail "$output"
	same "mysql db:3306 +00:00" "$(in_state '.datasources["goflow-mysql"] | "\(.type) \(.url) \(.jsonData.timezone)"')"
	same "goflow-flow-search-mysql goflow-time-series-mysql goflow-topn-mysql" "$(in_state '.dashboards | keys | join(" ")')"
}

@test "configure-grafana: a datasource that has our name under another uid is taken over, and stays the default" {
	grafana named
	config postgres 'SQL_SERVER: db' 'SQL_USERNAME: u'
	configure "$url" "$DASHBOARDS"
	[ "$status" -eq 0 ] || fail "$output"
	same "P0THER db:5432 true" "$(in_state '.datasources[] | "\(.uid) \(.url) \(.isDefault)"')"
	same P0THER "$(in_state '[.dashboards[].dashboard.templating.list[] | select(.name == "DS_GOFLOW") | .current.value] | unique | .[]')"
}

@test "configure-grafana: certificates of the backend go along, and a database that Grafana does not reach is said" {
	grafana sick
	echo "-----BEGIN CERTIFICATE-----" >ca.pem
	config postgres 'SQL_SERVER: db' 'SQL_USERNAME: u' 'ssl_mode: verify' "ssl_ca: $PWD/ca.pem"
	configure "$url" "$DASHBOARDS"
	[ "$status" -eq 0 ] || fail "$output"
	same "-----BEGIN CERTIFICATE-----" "$(jq -r 'select(.secureJsonData) | .secureJsonData.tlsCACert' grafana/bodies)"
	[[ $output == *"Grafana does not reach the database: HTTP status 400: db query error"* ]] || fail "$output"
}

# refused CODE TEXT: how the last run ended and what it said, without a secret
refused() {
	[ "$status" -eq "$1" ] && [[ $output == *"$2"* ]] || fail "$status: $output" || return
	[[ $output != *glsa_* && $output != *secret\"* ]] || fail "a secret: $output"
}

@test "configure-grafana: each failure names what, file, status and message, and never the key or the password" {
	config postgres 'SQL_SERVER: db' 'SQL_USERNAME: u'
	grafana outdated
	configure "$url" "$DASHBOARDS"
	refused 69 "ASN.json: saving the dashboard: HTTP status 412: The dashboard has been changed by someone else"
	grafana conflict
	configure "$url" "$DASHBOARDS"
	refused 69 "making the folder \"goflow\": HTTP status 409: a folder with the same name"
	grafana echo
	configure "$url" "$DASHBOARDS"
	refused 69 "making the datasource: HTTP status 500"
	grafana html
	configure "$url" "$DASHBOARDS"
	refused 69 "the answer is not JSON"
	grafana redirect
	configure "$url" "$DASHBOARDS"
	refused 69 "HTTP status 302: a redirect, which is not followed"
	same 1 "$(wc -l <grafana/log)"
	grafana
	echo another >grafana/token
	configure "$url" "$DASHBOARDS"
	refused 69 "HTTP status 401: Invalid API key"
	configure http://127.0.0.1:1 "$DASHBOARDS"
	refused 69 "127.0.0.1:1"
}

@test "configure-grafana: what does not fit is said before anything is written" {
	grafana
	config postgres 'SQL_SERVER: db' 'SQL_USERNAME: u' 'table: mine'
	configure "$url" "$DASHBOARDS"
	refused 78 "stores into the table mine"
	config dump
	configure "$url" "$DASHBOARDS"
	refused 78 "no frontend uses an SQL server"
	configure -b store "$url" "$DASHBOARDS"
	refused 78 "backend store is no SQL server"
	configure -b other "$url" "$DASHBOARDS"
	refused 78 "there is no backend other"
	config postgres 'SQL_SERVER: db' 'SQL_USERNAME: u'
	configure "http://me:pass@127.0.0.1/" "$DASHBOARDS"
	refused 78 "the server's address"
	configure ftp://127.0.0.1/ "$DASHBOARDS"
	refused 78 "the server's address"
	mkdir empty bad && echo '{"title": 1' >bad/x.json
	configure "$url" empty
	refused 78 "there is no *.json"
	configure "$url" bad
	refused 78 "x.json: line 2"
	[ ! -e grafana/bodies ]
}

@test "configure-grafana: the key comes from the environment, from standard input, or, with a warning, as an operand" {
	grafana
	config postgres 'SQL_SERVER: db' 'SQL_USERNAME: u'
	export no_proxy=127.0.0.1
	goflow configure-grafana -c config.yml "$url" - "$DASHBOARDS" <grafana/token 2>err || fail "$(cat err)"
	! said "list of processes" || fail "$(cat err)"
	goflow configure-grafana -c config.yml "$url" "$(cat grafana/token)" "$DASHBOARDS" 2>err || fail "$(cat err)"
	said "the key is in the list of processes"
	run goflow configure-grafana -c config.yml "$url" "$DASHBOARDS"
	[ "$status" -eq 64 ] && [[ $output == *"expected GRAFANA_TOKEN"* ]] || fail "$output"
	run goflow configure-grafana -c config.yml "$url" - "$DASHBOARDS" </dev/null
	[ "$status" -eq 64 ] && [[ $output == *"no key on standard input"* ]] || fail "$output"
}

@test "grafana dashboards: prefixes and ports choose the same flows in MariaDB as in PostgreSQL" {
	need_postgres
	need_mariadb
	new_database choice
	new_mariadb_database choice
	lines >all
	nfsink-pg --aggregates off <all 2>err && nfsink-mysql --aggregates off <all 2>>err || fail "$(cat err)"
	mkdir pg my
	local src dst port last=""
	while read -r src dst port; do
		set -- $((now - 3600)) "$now"
		python3 "$TOOLS/grafanasql.py" pg "$@" pg src_ip="$src" dst_ip="$dst" src_port="$port" top=100000 "$DASHBOARDS/TopN.json"
		python3 "$TOOLS/grafanasql.py" mysql "$@" my src_ip="$src" dst_ip="$dst" src_port="$port" top=100000 "$DASHBOARDS/mysql/TopN.json"
		psql -XAtq -f pg/TopN.5.sql | cut -d '|' -f 1-5,7 | LC_ALL=C sort >pg.rows
		ask_my "$(cat my/TopN.5.sql)" | tr '\t' '|' | cut -d '|' -f 1-5,7 | sed 's/|NULL/|/g' | LC_ALL=C sort >my.rows
		[ -s pg.rows ] || fail "no row for $src $dst $port" || return
		diff pg.rows my.rows >differs || fail "$src $dst $port: $(head -5 differs)" || return
		[ "$last" != "$(wc -l <pg.rows)" ] || fail "$src $dst $port chooses what the one before did" || return
		last=$(wc -l <pg.rows)
	done <<-END
		0.0.0.0/0 0.0.0.0/0 1-65535
		203.0.113.0/26 198.51.100.0/25 80,443
		203.0.113.80/30 198.51.100.64/26 443
		2001:db8::/33 2001:db8::/29 443
	END
}

@test "configure-grafana: by the API of a running goflow, which goes on meanwhile" {
	need_command curl
	grafana
	config timescale 'SQL_SERVER: db.example.net' 'SQL_USERNAME: reader'
	local port api key
	key=$(cat grafana/token)
	export no_proxy=127.0.0.1
	port=$(free_port) api=$(free_tcp_port)
	sed -i '/^frontends/,$d' config.yml
	cat >>config.yml <<-END
		api: 127.0.0.1:$api
		frontends: {netflow: {config: {bindaddr: 127.0.0.1, bindport: $port}, backend: store}}
	END
	background goflow -c config.yml 2>goflow.err
	wait_for 10 grep -q 'serving url=' goflow.err
	jq -n --arg server "$url" --arg key "$key" --arg dir "$DASHBOARDS" '{Server: $server, ApiKey: $key, Directory: $dir}' >body.json
	curl -s -o answer.json -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d @body.json \
		-H "Authorization: Bearer $(cat "$GOFLOW_RUNDIR/api-token")" "http://127.0.0.1:$api/grafana" >code
	same 200 "$(cat code)" "$(cat answer.json)"
	same 7 "$(jq '.report.dashboards | length' answer.json)" dashboards
	same 401 "$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d @body.json "http://127.0.0.1:$api/grafana")"
}
