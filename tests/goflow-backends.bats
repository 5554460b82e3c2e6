#!/usr/bin/env bats
# goflow on the first goflow's configuration, with each backend's real server: flows that are sent are read back there.

load helpers
load servers
load kafka/broker

setup_file() {
	[ -z "$(postgres_bin)" ] || start_postgres
	[ -z "$(mariadbd_path)" ] || start_mariadb
	! has_kafka || start_kafka
}

teardown_file() {
	remove_postgres
	remove_mariadb
	remove_kafka
}

setup() {
	goflow_setup
	need_command python3
	cd "$BATS_TEST_TMPDIR" || return
	port=$(free_port) api=$(free_tcp_port)
	# what is in the first goflow's file, with addresses that are here
	sed "s/192.0.2.10/127.0.0.1/; s/2055/$port/; s/8880/$api/" "$GOFLOW_ROOT/tests/config/first-goflow.yml" >config.yml
}

# daemon [BACKEND]: started, with flows for that backend; $goflow
daemon() {
	sed -i "s/backend: rdssql/backend: ${1:-rdssql}/" config.yml
	background goflow -c config.yml >out 2>err
	goflow=$pid
	wait_for 10 grep -q ' running' err
	python3 "$TOOLS/flowload.py" 127.0.0.1 "$port" 300 >/dev/null
}

stored_my() { [ "$(ask_my 'SELECT count(*) FROM goflow_records')" = 300 ]; }
stored_pg() { [ "$(ask_pg 'SELECT count(*) FROM goflow_records')" = 300 ]; }
stored_here() { [ "$(sqlite3 'file:here.sqlite?mode=ro' 'SELECT count(*) FROM goflow_records' 2>/dev/null)" = 300 ]; }

# drained BACKEND: told to end, goflow does so with 0, and all is in that backend
drained() {
	local code=0
	kill -TERM "$goflow"
	wait "$goflow" || code=$?
	same 0 "$code" "goflow's exit code: $(tail -n 20 err)"
	grep -q "totals pipeline=netflow backend=$1 records=300 stored=300 lost=0 not_read=0" err || fail "$(tail -n 5 err)"
}

@test "goflow: type mysql" {
	need_mariadb
	new_mariadb_database daemon
	sed -i "s/your-sql-server.com/127.0.0.1/; s/your-sql-username/goflow/; s/your-database-name/daemon/; /SQL_DB/a\\      port: $my_port" \
		config.yml
	daemon rdssql
	wait_for 20 stored_my
	same 300 "$(ask_my 'SELECT count(DISTINCT in_bytes) FROM goflow_flows')"
	drained rdssql
}

@test "goflow: type timescale, and a password that comes by the environment" {
	need_postgres
	new_database daemon
	sed -i "s/type: mysql/type: timescale/; s/your-sql-server.com/${PGHOST//\//\\/}/; s/your-sql-username/goflow/
		s/your-database-name/daemon/; /SQL_DB/a\\      port: $PGPORT" config.yml
	export SQL_PASSWORD="not 'used' by a server that trusts"
	(unset PGHOST PGPORT PGUSER PGDATABASE && daemon rdssql && echo "$goflow" >goflow.pid)
	goflow=$(cat goflow.pid)
	wait_for 20 stored_pg
	same 300 "$(ask_pg 'SELECT count(DISTINCT in_bytes) FROM goflow_records')"
	! grep -q "not 'used'" err || fail "the password is in the log"
	for each in $(pgrep -P "$goflow"); do
		! tr '\0' ' ' <"/proc/$each/cmdline" | grep -q "not 'used'" || fail "the password is in an argument list"
	done
	kill -TERM "$goflow"
	wait_for 20 ended "$goflow"
	grep -q "totals pipeline=netflow backend=rdssql records=300 stored=300 lost=0 not_read=0" err
}

@test "goflow: type kafka" {
	need_kafka
	sed -i "s/kafka.example.net:9093/127.0.0.1:$kafka_port/; s/KAFKA_TOPIC: flows/KAFKA_TOPIC: daemon/; s/SSL: true/SSL: false/
		/SASL_USER/d; /KAFKA_TOPIC/a\\      create_topic: 1:1" config.yml
	unset KAFKA_SERVER
	daemon kafka
	wait_for 30 holds daemon 300
	same 300 "$(taken daemon | jq -s 'map(.in_bytes) | unique | length')"
	drained kafka
}

@test "goflow: type dump" {
	daemon dumper
	lines() { [ "$(wc -l <out)" = 300 ]; }
	wait_for 10 lines
	same 300 "$(jq -s 'map(.in_bytes) | unique | length' out)"
	drained dumper
}

@test "goflow: a database that is away at start holds up nothing else, and gets its flows when it comes" {
	need_mariadb
	need_command sqlite3
	new_mariadb_database late
	sed -i "s/your-sql-server.com/127.0.0.1/; s/your-sql-username/goflow/; s/your-database-name/late/; /SQL_DB/a\\      port: $my_port" config.yml
	sed -i "s/backend: rdssql/backends: [rdssql, here]/; /^frontends/i\\  here: {type: sqlite, config: {file: here.sqlite, linger: 50ms}}" config.yml
	kill -STOP "$(cat "$my_dir/pid")"
	daemon
	wait_for 10 stored_here
	kill -CONT "$(cat "$my_dir/pid")"
	wait_for 20 stored_my
	drained rdssql
}

@test "goflow migrate: the first goflow's table in MariaDB" {
	need_mariadb
	new_mariadb_database old
	sed -i "s/your-sql-server.com/127.0.0.1/; s/your-sql-username/goflow/; s/your-database-name/old/; /SQL_DB/a\\      port: $my_port" config.yml
	ask_my "CREATE TABLE goflow_records (last_switched datetime NOT NULL, src_ip int unsigned NOT NULL, src_port smallint unsigned,
		dst_ip int unsigned NOT NULL, dst_port smallint unsigned, in_bytes int unsigned, in_pkts int unsigned, protocol tinyint unsigned,
		src_ipv6 varbinary(16), dst_ipv6 varbinary(16));
		INSERT INTO goflow_records SELECT '2020-01-01' + INTERVAL seq SECOND, 3221225985, 53, 3221225986, 1000, seq, 1, 17, NULL, NULL FROM seq_1_to_100"
	run goflow migrate -c config.yml
	same 0 "$status" "$output"
	[[ $output == *"rdssql: done"* && $output == *"kafka: the first goflow had no table"* ]] || fail "$output"
	same "192.0.2.1	100" "$(ask_my 'SELECT src_ip, in_bytes FROM goflow_flows WHERE in_bytes = 100')"
}
