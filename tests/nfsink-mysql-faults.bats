#!/usr/bin/env bats
# nfsink-mysql when its server is lost, frozen, read-only, locked or hostile, and what it keeps up over time.

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
	new_mariadb_database "f$BATS_TEST_NUMBER"
}

# own_server [OPTION...]: one for this test alone, that may be stopped
own_server() {
	start_mariadb "$@"
	own=yes
}

teardown() {
	goflow_teardown
	[ -z "${small:-}" ] || umount -l "$small"
	[ -z "${own:-}" ] || remove_mariadb
}

count() { ask_my "SELECT count(*) FROM ${1:-${table:-goflow_records}}"; }

as_root() { mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -N "$@"; }

stored() { [ "$(count)" -eq "$1" ]; }

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
	outlasted "$sunk" "$records"
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
	outlasted "$sunk" "$records"
}

@test "nfsink-mysql: a table that another holds locked is said once and waited for" {
	stream
	nfsink-mysql </dev/null 2>err
	session_my holder
	tell holder "LOCK TABLES goflow_records WRITE; SELECT 'locked';"
	wait_for 10 answered holder locked
	background nfsink-mysql <stream 2>err
	sunk=$pid
	wait_for 30 said "cannot store"
	tell holder "UNLOCK TABLES;"
	outlasted "$sunk" "$records"
}

# waits BEGINNING: whether a statement that begins so waits for a row's lock. The tables of information_schema are made anew at
# times only; this report always is.
waits() { as_root --raw -e "SHOW ENGINE INNODB STATUS" | grep -A4 '^LOCK WAIT' | grep -qF "$1"; }

@test "nfsink-mysql: the victim of a deadlock is stored at the next attempt" {
	stream 20
	nfsink-mysql --aggregates off <stream 2>err
	first=$(ask_my "SELECT min(first) FROM goflow_ledger")
	last=$(ask_my "SELECT max(last) FROM goflow_ledger")
	[ "$first" -lt "$last" ]
	ask_my "TRUNCATE goflow_records; TRUNCATE goflow_ledger; CREATE TABLE weight (n int)"
	claim="INSERT INTO goflow_ledger VALUES (x'$ID'"
	# the gate has the last frame's key: the sink waits there, holding the first one's, before it inserts a row
	session_my gate
	tell gate "START TRANSACTION; $claim, $last, $last, now()); SELECT 'shut';"
	wait_for 10 answered gate shut
	background nfsink-mysql --aggregates off --connections 1 <stream 2>err
	sunk=$pid
	wait_for 10 waits 'INSERT IGNORE INTO'
	# of two transactions the server ends the one that has changed less
	session_my rival
	tell rival "START TRANSACTION; INSERT INTO weight SELECT seq FROM seq_1_to_20000; SELECT * FROM goflow_records FOR UPDATE; SELECT 'locked';"
	wait_for 10 answered rival locked
	tell rival "$claim, $first, $first, now()); SELECT 'claimed'; ROLLBACK;"
	wait_for 10 waits "$claim"
	tell gate "ROLLBACK;"
	wait_for 20 said "cannot store.*Deadlock found.*1213"
	wait_for 10 answered rival claimed
	outlasted "$sunk" "$records"
}

# waits_for_table PATTERN: whether a statement like that waits for a table's lock
waits_for_table() {
	[ "$(as_root -e "SELECT count(*) FROM information_schema.PROCESSLIST WHERE db = '$SQL_DB' AND
		state = 'Waiting for table metadata lock' AND info LIKE '$1'")" -gt 0 ]
}

@test "nfsink-mysql: a table that is dropped under it is made again, and what had not been stored is stored once" {
	begun nfsink-mysql --linger 100ms --aggregates off --connections 1
	stream 100
	session_my holder
	tell holder "LOCK TABLES goflow_records WRITE; SELECT 'locked';"
	wait_for 10 answered holder locked
	cat stream >&9 &
	writer=$!
	wait_for 10 waits_for_table 'INSERT INTO %goflow_records%'
	tell holder "DROP TABLE goflow_records; UNLOCK TABLES;"
	wait "$writer"
	exec 9>&-
	outlasted "$sunk" "$records"
	same 2 "$(grep -c 'table made' err)" "tables made"
}

@test "nfsink-mysql: a full disk is said once and waited for; when there is room again, all is stored once" {
	[ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
	mount -t tmpfs -o size=96m none "$my_dir/data/$SQL_DB" 2>/dev/null || skip "a small file system cannot be mounted here"
	small=$my_dir/data/$SQL_DB
	chown "$my_user" "$small"
	for method in bulk load; do
		table=goflow_$method
		begun nfsink-mysql --linger 100ms --aggregates off --batch 5000 --method "$method" --table "$table"
		stream 100
		dd if=/dev/zero of="$small/ballast" bs=4k 2>/dev/null || true # until it is full
		cat stream >&9 &
		writer=$!
		wait_for 20 said "cannot store.*'$table' is full (error 1114)"
		lag=$(of_stage nfsink-mysql .lag_ms)
		lags() { [ "$(of_stage nfsink-mysql .lag_ms)" -gt "$lag" ]; }
		wait_for 10 lags
		[ "$(of_stage nfsink-mysql .counters.waiting)" -gt 0 ] || fail "nothing is in hand"
		rm "$small/ballast"
		wait "$writer"
		exec 9>&-
		outlasted "$sunk" $((first + records))
		ask_my "DROP TABLE $table, ${table}_ledger"
	done
}

@test "nfsink-mysql: in an outage, with its input kept full, it takes less than 64 MiB" {
	! sanitized || skip "built with a sanitizer"
	own_server
	begun nfsink-mysql --linger 100ms
	stream 200
	kill -STOP "$(cat "$my_dir/pid")"
	cat stream >&9 &
	writer=$!
	full() { [ "$(of_stage nfsink-mysql .counters.waiting)" -ge 60000 ] && ! ended "$writer"; } # three batches: it reads no more
	wait_for 30 full
	[ "$(peak "$sunk")" -lt 65536 ] || fail "$(peak "$sunk") KiB while the server is frozen"
	end_mariadb KILL
	wait_for 30 said "cannot store"
	full
	[ "$(peak "$sunk")" -lt 65536 ] || fail "$(peak "$sunk") KiB while the server is away"
	run_mariadb
	wait "$writer"
	[ "$(peak "$sunk")" -lt 65536 ] || fail "$(peak "$sunk") KiB when it caught up"
	exec 9>&-
	outlasted "$sunk" $((first + records))
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
