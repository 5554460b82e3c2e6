# shellcheck shell=bash
# Private database servers for tests: `load servers` after `load helpers`.
#
# Each lives in a folder of its own, listens on a unix socket there and on a free port of 127.0.0.1, and
# is ended by its process id. Servers that refuse to be run by root are run by an account that their
# package has made.

# The newest PostgreSQL's programs, or nothing.
postgres_bin() {
	if command -v pg_ctl >/dev/null; then
		dirname "$(readlink -f "$(command -v pg_ctl)")"
	else
		find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -name pg_ctl -printf '%h\n' 2>/dev/null |
			sort -V | tail -1
	fi
}

# need_postgres: skips, saying so, where there is none.
need_postgres() {
	[ -n "$(postgres_bin)" ] || skip "PostgreSQL's server is not installed"
}

# has_timescale: whether PostgreSQL has the extension.
has_timescale() {
	local bin
	bin=$(postgres_bin)
	[ -n "$bin" ] && { [ -f "${bin%/bin}/share/extension/timescaledb.control" ] ||
		[ -f "/usr/share/postgresql/$(basename "${bin%/bin}")/extension/timescaledb.control" ]; }
}

# need_timescale: skips, saying so, where PostgreSQL or the extension is not installed.
need_timescale() {
	need_postgres
	has_timescale || skip "PostgreSQL's extension timescaledb is not installed"
}

# as USER COMMAND...: by that account where we are root, else by ourselves.
as() {
	local user=$1
	shift
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid "$user" --regid "$user" --init-groups "$@"
	else
		"$@"
	fi
}

# start_postgres [OPTION...]: sets up and starts one in $BATS_FILE_TMPDIR/pg or, in a test,
# $BATS_TEST_TMPDIR/pg; sets PGHOST (the socket's folder), PGPORT, PGUSER, PGDATABASE, pg_port (of TCP).
start_postgres() {
	pg_dir=$(mktemp -d "${TMPDIR:-/tmp}/pg.XXXXXX")
	pg_options=("$@")
	[ "$(id -u)" != 0 ] || chown postgres: "$pg_dir"
	pg_port=$(free_tcp_port)
	PGHOST=$pg_dir PGPORT=$pg_port PGUSER=goflow PGDATABASE=goflow
	export PGHOST PGPORT PGUSER PGDATABASE pg_dir pg_port
	unset PGPASSWORD SQL_PASSWORD
	(cd "$pg_dir" && as postgres "$(postgres_bin)/initdb" -D "$pg_dir/data" -U admin --auth=trust -E UTF8 \
		--locale=C --no-sync >"$pg_dir/initdb.log" 2>&1) || fail "initdb: $(cat "$pg_dir/initdb.log")"
	run_postgres || return 1
	psql -U admin -d postgres -qc "CREATE ROLE goflow LOGIN" -c "CREATE DATABASE goflow OWNER goflow"
}

# run_postgres: starts the one that was made (again); a test's descriptor 9 is not the server's.
run_postgres() {
	local option arguments="-k $pg_dir -p $pg_port -c listen_addresses=127.0.0.1 -c fsync=off"
	for option in ${pg_options[@]+"${pg_options[@]}"}; do
		arguments+=" -c $option"
	done
	(cd "$pg_dir" && as postgres "$(postgres_bin)/pg_ctl" -D "$pg_dir/data" -w -t 60 -s \
		-l "$pg_dir/log" -o "$arguments" start 3>&- 9>&- >"$pg_dir/ctl.log" 2>&1) ||
		fail "PostgreSQL does not start: $(tail -n 5 "$pg_dir/log" "$pg_dir/ctl.log")"
}

# The server's process id.
postgres_pid() {
	head -1 "$pg_dir/data/postmaster.pid"
}

# end_postgres [MODE]: fast, or immediate, which is as good as a crash; the folder stays.
end_postgres() {
	(cd "$pg_dir" && as postgres "$(postgres_bin)/pg_ctl" -D "$pg_dir/data" -m "${1:-fast}" -w -t 60 stop >/dev/null 2>&1)
}

# remove_postgres: ends it and removes the folder.
remove_postgres() {
	[ -n "${pg_dir:-}" ] || return 0
	end_postgres immediate || true
	rm -rf "$pg_dir"
}

# new_database NAME [EXTENSION]: an empty one of the role goflow's; PGDATABASE becomes it.
new_database() {
	psql -U admin -d postgres -qc "CREATE DATABASE $1 OWNER goflow"
	[ $# -lt 2 ] || psql -U admin -d "$1" -qc "SET client_min_messages = error; CREATE EXTENSION $2"
	PGDATABASE=$1
}

# ask_pg SQL: the answer, fields with | between them.
ask_pg() {
	psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

# MariaDB ---------------------------------------------------------------------------------------

mariadbd_path() {
	command -v mariadbd || ls /usr/sbin/mariadbd 2>/dev/null
}

# need_mariadb: skips, saying so, where there is none.
need_mariadb() {
	[ -n "$(mariadbd_path)" ] || skip "MariaDB's server is not installed"
}

# start_mariadb [OPTION...]: sets up and starts one in a folder of its own; sets my_dir, my_port, MYSQL_UNIX_PORT (which the
# library and the client take for granted), SQL_USERNAME goflow without a password, and SQL_DB goflow.
start_mariadb() {
	my_dir=$(mktemp -d "${TMPDIR:-/tmp}/my.XXXXXX")
	my_options=("$@")
	my_user=$(id -un)
	if [ "$my_user" = root ]; then
		my_user=mysql
		getent passwd mysql >/dev/null || my_user=nobody
		chown "$my_user" "$my_dir"
	fi
	my_port=$(free_tcp_port)
	MYSQL_UNIX_PORT=$my_dir/sock SQL_USERNAME=goflow SQL_DB=goflow
	export MYSQL_UNIX_PORT SQL_USERNAME SQL_DB my_dir my_port my_user
	unset SQL_PASSWORD MYSQL_PWD SQL_SERVER
	mariadb-install-db --no-defaults --datadir="$my_dir/data" --user="$my_user" --auth-root-authentication-method=normal \
		--tmpdir="$my_dir" --skip-test-db >"$my_dir/install.log" 2>&1 || fail "mariadb-install-db: $(tail -5 "$my_dir/install.log")"
	run_mariadb || return 1
	mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -e "CREATE DATABASE goflow; CREATE USER goflow@localhost;
		GRANT ALL ON *.* TO goflow@localhost WITH GRANT OPTION; CREATE USER goflow@'127.0.0.1'; GRANT ALL ON *.* TO goflow@'127.0.0.1'"
}

# run_mariadb: starts the one that was made (again), and waits for it.
run_mariadb() {
	"$(mariadbd_path)" --no-defaults --datadir="$my_dir/data" --user="$my_user" --socket="$MYSQL_UNIX_PORT" --port="$my_port" \
		--bind-address=127.0.0.1 --tmpdir="$my_dir" --pid-file="$my_dir/pid" --innodb-flush-log-at-trx-commit=2 --skip-name-resolve \
		${my_options[@]+"${my_options[@]}"} >>"$my_dir/log" 2>&1 3>&- 9>&- &
	wait_for 60 mariadb_answers || fail "MariaDB does not start: $(tail -5 "$my_dir/log")"
}

mariadb_answers() {
	[ -s "$my_dir/pid" ] && mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -e "SELECT 1"
}

# end_mariadb [SIGNAL]: TERM, or KILL; the folder stays.
end_mariadb() {
	local server
	server=$(cat "$my_dir/pid" 2>/dev/null) || return 0
	kill "-${1:-TERM}" "$server" 2>/dev/null || return 0
	wait_for 60 ended "$server"
	rm -f "$my_dir/pid"
}

# remove_mariadb: ends it and removes the folder.
remove_mariadb() {
	[ -n "${my_dir:-}" ] || return 0
	end_mariadb KILL
	rm -rf "$my_dir"
}

# new_mariadb_database NAME: an empty one; SQL_DB becomes it.
new_mariadb_database() {
	SQL_DB=$1
	mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -e "CREATE DATABASE $1"
}

# ask_my SQL: the answer, fields with tabs between them.
ask_my() {
	mariadb --no-defaults --default-character-set=utf8mb4 -S "$MYSQL_UNIX_PORT" -u goflow --batch --skip-column-names --raw "$SQL_DB" -e "$1"
}

# A TCP port of 127.0.0.1 that nobody has just now.
free_tcp_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# Clients that stand in the way -------------------------------------------------------------------

# session NAME CLIENT...: a client of a server, which `tell` gives statements
session() {
	local name=$1
	shift
	mkfifo "$name.sql"
	background "$@" <>"$name.sql" >"$name.out" 2>&1 9>&-
}

# session_pg NAME, session_my NAME: of the administrator's
session_pg() { session "$1" psql -U admin -XAtq; }
session_my() { session "$1" mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u root -N --unbuffered "$SQL_DB"; }

# tell NAME STATEMENTS
tell() { echo "$2" >"$1.sql"; }

# answered NAME LINE: whether it has, with such a line
answered() { grep -qx "$2" "$1.out"; }
