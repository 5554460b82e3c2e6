#!/usr/bin/env bats
# nfsink-pg when its server's disk is full, when it is read-only, locked or frozen, when a transaction is the victim
# of a deadlock, and over TLS. What else a server does is in nfsink-pg.bats.

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
	need_command jq
	cd "$BATS_TEST_TMPDIR" || return
	new_database "f$BATS_TEST_NUMBER"
}

# own_server: one for this test alone, that may be stopped, filled or reconfigured
own_server() {
	start_postgres
	own=yes
}

teardown() {
	goflow_teardown
	# shellcheck disable=SC2086 # one word each
	[ -z "${frozen:-}" ] || kill -CONT $frozen 2>/dev/null || true # of which none may be left
	[ -z "${own:-}" ] || end_postgres immediate || true
	[ -z "${small:-}" ] || umount "$small"
	[ -z "${own:-}" ] || remove_postgres
}

count() { ask_pg "SELECT count(*) FROM goflow_records"; }

stored() { [ "$(count)" -eq "$1" ]; }

# waits PATTERN: whether a statement like that waits for a lock; of others' sessions only the administrator sees it
waits() {
	[ "$(psql -U admin -XAtqc "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND wait_event_type = 'Lock' AND query LIKE \$\$$1\$\$")" -gt 0 ]
}

@test "nfsink-pg: a full disk is said once and waited for; when there is room again, all is stored once" {
	[ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
	own_server
	mkdir "$pg_dir/small"
	mount -t tmpfs -o size=32m none "$pg_dir/small" 2>/dev/null || skip "a small file system cannot be mounted here"
	small=$pg_dir/small
	chown postgres: "$small"
	psql -U admin -qc "CREATE TABLESPACE small LOCATION '$small'" -c "GRANT CREATE ON TABLESPACE small TO goflow" \
		-c "ALTER DATABASE goflow SET default_tablespace = small"
	begun nfsink-pg --aggregates off --batch 5000
	stream 200
	dd if=/dev/zero of="$small/ballast" bs=4k 2>/dev/null || true # until it is full
	cat stream >&9 &
	writer=$!
	wait_for 20 said "cannot store.*No space left on device"
	lag=$(of_stage nfsink-pg .lag_ms)
	lags() { [ "$(of_stage nfsink-pg .lag_ms)" -gt "$lag" ]; }
	wait_for 10 lags
	[ "$(of_stage nfsink-pg .counters.waiting)" -gt 0 ] || fail "nothing is in hand"
	same "$first" "$(count)"
	rm "$small/ballast"
	wait "$writer"
	exec 9>&-
	outlasted "$sunk" $((first + records))
}

@test "nfsink-pg: the victim of a deadlock is stored at the next attempt" {
	stream 20
	nfsink-pg --aggregates off <stream 2>err
	first=$(ask_pg "SELECT min(first) FROM goflow_ledger")
	last=$(ask_pg "SELECT max(last) FROM goflow_ledger")
	[ "$first" -lt "$last" ]
	ask_pg "TRUNCATE goflow_records, goflow_ledger"
	claim="INSERT INTO goflow_ledger VALUES ('$ID'"
	# the gate has the last frame's key: the sink waits there, holding the first one's, before it takes the table
	session_pg gate
	tell gate "BEGIN; $claim, $last, $last, now()); SELECT 'shut';"
	wait_for 10 answered gate shut
	background nfsink-pg --aggregates off --connections 1 <stream 2>err
	sunk=$pid
	wait_for 10 waits 'BEGIN; INSERT INTO "goflow_ledger"%'
	session_pg rival
	tell rival "SET deadlock_timeout = '10min'; BEGIN; LOCK TABLE goflow_records IN SHARE MODE; SELECT 'locked';"
	wait_for 10 answered rival locked
	tell rival "$claim, $first, $first, now()); SELECT 'claimed'; ROLLBACK;"
	wait_for 10 waits "$claim%"
	tell gate "ROLLBACK;"
	wait_for 20 said "cannot store.*deadlock detected"
	wait_for 10 answered rival claimed
	outlasted "$sunk" "$records"
}

@test "nfsink-pg: a locked table is said once and waited for" {
	stream 20
	nfsink-pg --aggregates off </dev/null 2>err
	session_pg holder
	tell holder "BEGIN; LOCK TABLE goflow_records IN ACCESS EXCLUSIVE MODE; SELECT 'locked';"
	wait_for 10 answered holder locked
	background nfsink-pg --aggregates off <stream 2>err
	sunk=$pid
	wait_for 30 said "cannot store.*lock timeout"
	tell holder "ROLLBACK;"
	outlasted "$sunk" "$records"
}

@test "nfsink-pg: a server that becomes read-only is said once and waited for" {
	own_server
	begun nfsink-pg --aggregates off --batch 5000
	stream 100
	psql -U admin -qc "ALTER SYSTEM SET default_transaction_read_only = on" -c "SELECT pg_reload_conf()" >/dev/null
	read_only() { [ "$(ask_pg "SHOW default_transaction_read_only")" = "$1" ]; }
	wait_for 10 read_only on
	cat stream >&9 &
	writer=$!
	wait_for 20 said "cannot store.*read-only transaction"
	same "$first" "$(count)"
	psql -U admin -qc "ALTER SYSTEM RESET default_transaction_read_only" -c "SELECT pg_reload_conf()" >/dev/null
	wait "$writer"
	exec 9>&-
	outlasted "$sunk" $((first + records))
}

@test "nfsink-pg: a table that is dropped under it is made again, and what had not been stored is stored once" {
	begun nfsink-pg --aggregates off --connections 1
	stream 100
	session_pg holder
	tell holder "BEGIN; LOCK TABLE goflow_records IN ACCESS EXCLUSIVE MODE; SELECT 'locked';"
	wait_for 10 answered holder locked
	cat stream >&9 &
	writer=$!
	wait_for 10 waits '%COPY "goflow_records"%'
	tell holder "DROP TABLE goflow_records; COMMIT;"
	wait "$writer"
	exec 9>&-
	outlasted "$sunk" "$records"
	grep -q 'table "goflow_records" made' err || fail "$(cat err)"
}

# certificates: of two authorities, of which ca has signed the server's for the name localhost; in ./keys
certificates() {
	local ca
	mkdir keys
	for ca in ca other; do
		openssl req -x509 -newkey rsa:2048 -nodes -keyout "keys/$ca.key" -out "keys/$ca.pem" -subj "/CN=$ca" -days 2 2>/dev/null
	done
	openssl req -newkey rsa:2048 -nodes -keyout keys/server.key -out keys/server.csr -subj /CN=localhost 2>/dev/null
	echo subjectAltName=DNS:localhost >keys/names
	openssl x509 -req -in keys/server.csr -CA keys/ca.pem -CAkey keys/ca.key -CAcreateserial -out keys/server.pem -days 2 \
		-extfile keys/names 2>/dev/null
}

# refused WHAT OPTION...: with these options of the connection it cannot store, exits with 69, and says why
refused() {
	local what=$1
	shift
	run nfsink-pg --retry 300ms -d "host=localhost hostaddr=127.0.0.1 dbname=goflow $*" </dev/null
	same 69 "$status" "exit status with $*"
	[[ $output == *"$what"* ]] || fail "$*: $output"
}

@test "nfsink-pg: TLS is required and verified as sslmode says, and refused where the server wants it" {
	need_command openssl
	own_server
	certificates
	refused "does not support SSL" sslmode=require
	install -m 600 -o "$(stat -c %U "$pg_dir/data")" keys/server.key keys/server.pem "$pg_dir/data"
	printf '%s\n' "local all all trust" "hostssl all all 127.0.0.1/32 trust" >"$pg_dir/data/pg_hba.conf"
	psql -U admin -qc "ALTER SYSTEM SET ssl_cert_file = 'server.pem'" -c "ALTER SYSTEM SET ssl_key_file = 'server.key'" \
		-c "ALTER SYSTEM SET ssl = on"
	end_postgres
	run_postgres
	stream 1
	for mode in sslmode=require "sslmode=verify-full sslrootcert=keys/ca.pem"; do
		nfsink-pg --aggregates off -d "host=localhost hostaddr=127.0.0.1 dbname=goflow $mode" <stream 2>err || fail "$mode: $(cat err)"
		same "$records" "$(count)" "rows with $mode"
	done
	refused "certificate verify failed" sslmode=verify-full sslrootcert=keys/other.pem
	run nfsink-pg --retry 300ms -d "host=127.0.0.1 dbname=goflow sslmode=verify-full sslrootcert=keys/ca.pem" </dev/null
	[[ $status == 69 && $output == *"does not match host name"* ]] || fail "another name: $status $output"
	refused "no encryption" sslmode=disable
	fed nfsink-pg --aggregates off -d "host=localhost hostaddr=127.0.0.1 dbname=goflow sslmode=verify-full sslrootcert=keys/ca.pem"
	encrypted() {
		[ "$(ask_pg "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'nfsink-pg'")" = t ]
	}
	wait_for 20 encrypted
	exec 9>&-
	wait "$sunk" || fail "exit $?: $(cat err)"
}

# server_processes: the postmaster and its children
server_processes() {
	local postmaster
	postmaster=$(postgres_pid)
	echo "$postmaster" "$(cat "/proc/$postmaster/task/$postmaster/children")"
}

gone() {
	local process
	for process; do
		[ ! -e "/proc/$process" ] || return 1
	done
}

@test "nfsink-pg: in an outage, with its input kept full, it takes less than 64 MiB" {
	! sanitized || skip "built with a sanitizer"
	own_server
	begun nfsink-pg
	stream 200
	frozen=$(server_processes)
	# shellcheck disable=SC2086 # one word each
	kill -STOP $frozen
	cat stream >&9 &
	writer=$!
	full() { [ "$(of_stage nfsink-pg .counters.waiting)" -ge 60000 ] && ! ended "$writer"; } # three batches: it reads no more
	wait_for 30 full
	[ "$(peak "$sunk")" -lt 65536 ] || fail "$(peak "$sunk") KiB while the server is frozen"
	# shellcheck disable=SC2086
	kill -KILL $frozen
	wait_for 30 said "cannot store"
	full
	[ "$(peak "$sunk")" -lt 65536 ] || fail "$(peak "$sunk") KiB while the server is away"
	# shellcheck disable=SC2086
	wait_for 10 gone $frozen
	frozen=
	run_postgres
	wait "$writer"
	[ "$(peak "$sunk")" -lt 65536 ] || fail "$(peak "$sunk") KiB when it caught up"
	exec 9>&-
	outlasted "$sunk" $((first + records))
}
