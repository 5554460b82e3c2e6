#!/usr/bin/env bats
# nfsink-mysql when its server is lost, frozen, read-only, locked or hostile, and what it keeps up over time.

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
	new_mariadb_database "f$BATS_TEST_NUMBER"
}

# own_server [OPTION...]: one for this test alone, that may be stopped
own_server() {
	start_mariadb "$@"
	own=yes
}

teardown() {
	goflow_teardown
	[ -z "${own:-}" ] || remove_mariadb
}

stream() {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" --loop "${1:-1}" 2>/dev/null |
		nfdecode --stream-id $ID >stream 2>stream.err
	records=$(total stream.err written)
	[ "$records" -gt 0 ]
}

count() { ask_my "SELECT count(*) FROM ${1:-goflow_records}"; }

as_root() { mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -N "$@"; }

said() { grep -q "$1" err; }

# ends PID: the sink is waited for, and has stored all
ends() {
	wait "$1" || fail "exit $?: $(cat err)"
	same "$records" "$(count)"
	same 1 "$(grep -c 'cannot store' err)" "complaints"
	said "storing again" || fail "$(cat err)"
}

@test "nfsink-mysql: a COMMIT whose answer is lost is not done again" {
	stream 200
	background python3 "$TOOLS/cutcommit.py" "$MYSQL_UNIX_PORT" "$BATS_TEST_TMPDIR/cut" 3
	wait_for 10 test -S cut
	nfsink-mysql -S "$BATS_TEST_TMPDIR/cut" <stream 2>err || fail "$(cat err)"
	[ "$(total err retries)" -ge 3 ] || fail "nothing was cut: $(cat err)"
	[ "$(total err duplicate)" -gt 0 ] || fail "no COMMIT was done: $(cat err)"
	same "$records" "$(count)"
}

@test "nfsink-mysql: a server that stays frozen is given up after half a minute, and loses nothing" {
	own_server
	stream 200
	nfsink-mysql </dev/null 2>err
	kill -STOP "$(cat "$my_dir/pid")"
	background nfsink-mysql <stream 2>err
	sunk=$pid
	wait_for 60 said "cannot store"
	kill -CONT "$(cat "$my_dir/pid")"
	ends "$sunk"
}

@test "nfsink-mysql: a read-only server is said once and waited for" {
	own_server
	as_root -e "REVOKE ALL, GRANT OPTION FROM goflow@localhost; GRANT ALL ON goflow.* TO goflow@localhost"
	stream
	as_root -e "SET GLOBAL read_only = 1"
	background nfsink-mysql <stream 2>err
	sunk=$pid
	wait_for 20 said "read-only"
	as_root -e "SET GLOBAL read_only = 0"
	ends "$sunk"
}

# holder: a client whose statements come from descriptor 8
holder() {
	mkfifo statements
	mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -N --unbuffered "$SQL_DB" <statements >answers 2>&1 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/.pids"
	exec 8>statements
}

answered() { grep -qx "$1" answers; }

@test "nfsink-mysql: a table that another holds locked is said once and waited for" {
	stream
	nfsink-mysql </dev/null 2>err
	holder
	echo "LOCK TABLES goflow_records WRITE; SELECT 'locked';" >&8
	wait_for 10 answered locked
	background nfsink-mysql <stream 2>err 8>&-
	sunk=$pid
	wait_for 30 said "cannot store"
	exec 8>&-
	ends "$sunk"
}

@test "nfsink-mysql: a server that asks for a file is given none" {
	echo secret >secret
	background python3 "$TOOLS/askfile.py" "$BATS_TEST_TMPDIR/secret" >asked
	wait_for 10 test -s asked
	run nfsink-mysql -H 127.0.0.1 -P "$(head -1 asked)" --ssl-mode off --retry 300ms </dev/null
	same 69 "$status"
	[[ $output == *"asked for a file that was not offered"* ]] || fail "$output"
	wait_for 10 grep -q given asked
	same "given " "$(grep given asked | sort -u)" # nothing came behind the word
}

@test "nfsink-mysql: TLS is required, verified, or refused as --ssl-mode says" {
	need_command openssl
	mkdir keys
	openssl req -x509 -newkey rsa:2048 -nodes -keyout keys/ca.key -out keys/ca.pem -subj /CN=ca -days 2 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -keyout keys/server.key -out server.csr -subj /CN=127.0.0.1 2>/dev/null
	echo subjectAltName=IP:127.0.0.1 >names
	openssl x509 -req -in server.csr -CA keys/ca.pem -CAkey keys/ca.key -CAcreateserial -out keys/server.pem -days 2 \
		-extfile names 2>/dev/null
	run nfsink-mysql -H 127.0.0.1 -P "$my_port" --ssl-mode required --retry 300ms </dev/null
	[[ $status == 69 && $output == *"offers no TLS"* ]] || fail "$output"
	secrets=$(mktemp -d "${TMPDIR:-/tmp}/gf.XXXXXX")
	cp keys/* "$secrets"
	chmod -R a+rX "$secrets"
	own_server --ssl-cert="$secrets/server.pem" --ssl-key="$secrets/server.key" --ssl-ca="$secrets/ca.pem"
	rm -rf "$secrets"
	for mode in off preferred required "verify --ssl-ca keys/ca.pem"; do
		# shellcheck disable=SC2086
		nfsink-mysql -H 127.0.0.1 -P "$my_port" --ssl-mode $mode --retry 300ms </dev/null 2>err || fail "$mode: $(cat err)"
	done
	run nfsink-mysql -H 127.0.0.1 -P "$my_port" --ssl-mode verify --retry 300ms </dev/null
	[[ $status == 69 && $output == *certificate* ]] || fail "$output"
}

@test "nfsink-mysql: a method that the server does not allow ends it with 78" {
	own_server --local-infile=0
	run nfsink-mysql --method load </dev/null
	[[ $status == 78 && $output == *"local_infile is off"* ]] || fail "$status $output"
}

@test "nfsink-mysql: the rights that the SETUP page grants are enough" {
	stream
	grants=$(sed -n 's/^    \(GRANT SELECT, INSERT.*\) ON flows.*/\1/p' "$GOFLOW_ROOT/docs/SETUP-mysql.md")
	[ -n "$grants" ]
	as_root -e "CREATE USER least@localhost; $grants ON $SQL_DB.* TO least@localhost"
	SQL_USERNAME=least nfsink-mysql --max-age 2 --max-size 100M <stream 2>err || fail "$(cat err)"
	! said "failed" || fail "$(cat err)"
	same "$records" "$(count goflow_flows)"
	ask_my "DROP TABLE goflow_records; CREATE TABLE goflow_records (last_switched datetime, src_ip int unsigned, in_bytes int);
		INSERT INTO goflow_records VALUES ('2020-01-01', 1, 2)"
	SQL_USERNAME=least nfsink-mysql --migrate 2>err || fail "$(cat err)"
	same 1 "$(count)"
}

# days COUNT ROWS: lines of the last days, so many each
days() {
	local d
	for ((d = $1 - 1; d >= 0; d--)); do
		jq -nc --arg day "$(date -u -d "-$d days" +%Y-%m-%d)" --argjson rows "$2" 'range($rows) | {received: "\($day)T00:00:00Z",
			last_switched: (("\($day)T00:00:00Z" | fromdate) + . % 60 | todate), src_ip: "192.0.2.\(. % 200)", in_bytes: 100, in_pkts: 1}'
	done
}

@test "nfsink-mysql: --max-size drops the oldest days, and never today; without partitions it deletes the oldest rows" {
	days 5 20000 >lines
	nfsink-mysql --aggregates off <lines 2>err
	same 100000 "$(count)"
	nfsink-mysql --aggregates off --max-size 8M </dev/null 2>err
	left=$(count)
	[ "$left" -ge 20000 ] && [ "$left" -lt 100000 ] || fail "$left rows are left"
	same 0 "$((left % 20000))" "rows of a day that is not whole"
	nfsink-mysql --aggregates off --max-size 1M </dev/null 2>err
	same 20000 "$(count)"
	said "today alone is larger" || fail "$(cat err)"
	ask_my "ALTER TABLE goflow_records REMOVE PARTITIONING"
	nfsink-mysql --aggregates off --max-size 1M </dev/null 2>err
	left=$(count)
	[ "$left" -gt 2000 ] && [ "$left" -lt 18000 ] || fail "$left rows are left"
}

@test "nfsink-mysql: what comes late for a day that was pruned does not take the place of its sums" {
	days 5 1000 >lines
	nfsink-mysql <lines 2>err
	nfsink-mysql --max-age 2 </dev/null 2>err
	[ "$(count)" -lt 5000 ]
	head -1 lines >late
	nfsink-mysql --max-age 2 <late 2>err
	same "5000 500000" "$(ask_my "SELECT concat(sum(flows), ' ', sum(bytes)) FROM goflow_hour")"
	same 0 "$(count goflow_dirty)"
}

@test "nfsink-mysql: rows that were migrated are in the aggregates, NULLs and all" {
	ask_my "CREATE TABLE goflow_records (last_switched datetime, src_ip int unsigned, src_port int, dst_port int, protocol int,
		in_bytes bigint, in_pkts bigint);
		INSERT INTO goflow_records SELECT '2020-01-01' + INTERVAL seq SECOND, seq, 53, 1000, 17, 2, 1 FROM seq_1_to_30000;
		INSERT INTO goflow_records VALUES (NULL, 1, 2, 3, 4, 5, 6)"
	nfsink-mysql --migrate 2>err || fail "$(cat err)"
	same 30001 "$(count)"
	nfsink-mysql </dev/null 2>err
	for unit in minute hour day; do
		same "30000 60000" "$(ask_my "SELECT concat(sum(flows), ' ', sum(bytes)) FROM goflow_${unit}_port")" "$unit"
	done
}
