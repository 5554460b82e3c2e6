#!/usr/bin/env bats
# goflow under load while stages are killed, the configuration changes and its database is restarted: nothing is stored
# twice, what is missing was counted, and the supervisor does not grow. 20 seconds, or as `make soak SECONDS=900 SEED=7` says.

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
	need_command python3 sqlite3
	cd "$BATS_TEST_TMPDIR" || return
	new_database soak
}

# field NAME: the sum of a key over the totals lines of goflow that begin as given
field() { grep "goflow: totals pipeline=netflow $1" err | grep -oE "\b$2=[0-9]+" | awk -F= '{ n += $2 } END { print n + 0 }'; }

@test "goflow: under load and mishaps nothing is doubled, what is missing is counted, and nothing grows" {
	local port seconds=${GOFLOW_SECONDS:-20} seed=${GOFLOW_SEED:-$RANDOM}
	port=$(free_port)
	cat >config.yml <<-END
		api: 127.0.0.1:$(free_tcp_port)
		backends:
		  pg: {type: postgres, config: {SQL_SERVER: $PGHOST, port: $PGPORT, SQL_USERNAME: goflow, SQL_DB: soak, batch: 5000, aggregates: off}}
		  lite: {type: sqlite, config: {file: $PWD/soak.sqlite, batch: 5000}}
		frontends:
		  netflow: {config: {bindaddr: 127.0.0.1, bindport: $port}, backends: [pg, lite]}
	END
	declare -p pg_dir PGHOST PGPORT pg_port >pg.sh
	cat >restart.sh <<-END
		. $GOFLOW_ROOT/tests/helpers.bash
		. $GOFLOW_ROOT/tests/servers.bash
		. $PWD/pg.sh
		end_postgres immediate
		run_postgres
	END
	background goflow -c config.yml 2>err
	local goflow=$pid code=0
	wait_for 10 grep -q ' running' err
	both() { [ "$(pgrep -P "$goflow" '^nf' | wc -l)" -eq 5 ]; }
	wait_for 10 both
	run timeout $((seconds * 2 + 120)) python3 "$TOOLS/soak.py" "$seconds" "$seed" "$port" "$goflow" config.yml bash restart.sh
	echo "$output" | tee -a "${GOFLOW_SOAK_LOG:-/dev/null}"
	[ "$status" -eq 0 ] || fail "$(tail -n 20 err)"
	sent=$(sed -n 's/.*sent=\([0-9]*\).*/\1/p' <<<"$output") kib=$(sed -n 's/.*grown_kib=\(-*[0-9]*\).*/\1/p' <<<"$output")
	[[ $output =~ grown_fds=(0|-1)" " ]]
	[ "$kib" -lt 1024 ]
	kill -TERM "$goflow"
	wait "$goflow" || code=$?
	same 0 "$code" "exit code"
	ledger pg "$(ask_pg 'SELECT count(*) FROM goflow_records')" "$(ask_pg 'SELECT count(DISTINCT in_bytes) FROM goflow_records')"
	ledger lite "$(sqlite3 soak.sqlite 'SELECT count(*) FROM goflow_records')" \
		"$(sqlite3 soak.sqlite 'SELECT count(DISTINCT in_bytes) FROM goflow_records')"
}

# ledger BACKEND ROWS DISTINCT: of what was $sent the rows are what the losses that were counted leave
ledger() {
	local datagrams records stored rows=$2
	datagrams=$(($(field received kernel_drops) + $(field received lost) + $(field received not_read) + $(field received undecodable)))
	records=$(($(field "backend=$1" lost) + $(field "backend=$1" not_read)))
	stored=$(field "backend=$1" stored)
	echo "$1: sent=$sent rows=$rows stored=$stored lost: datagrams=$datagrams records=$records" | tee -a "${GOFLOW_SOAK_LOG:-/dev/null}"
	same "$3" "$rows" "$1: different records, and rows"
	[ "$rows" -ge "$stored" ] || fail "$1: more is counted as stored than is"
	[ "$((sent - rows))" -le $((30 * datagrams + records)) ] || fail "$1: more is missing than was counted as lost"
	[ "$rows" -gt $((sent / 2)) ] || fail "$1: too little is there"
}
