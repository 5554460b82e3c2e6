# shellcheck shell=bash
# Private database servers for tests: `load servers` after `load helpers`.
#
# Each lives in a folder of its own, listens on a unix socket there and on a free port of 127.0.0.1, and
# is ended by its process id. Servers that refuse to be run by root are run by an account that their
# package has made.

# The newest PostgreSQL's programs, or nothing.
postgres_bin() {
	if command -v pg_ctl >/dev/null; then
		dirname "$(command -v pg_ctl)"
	else
		find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -name pg_ctl -printf '%h\n' 2>/dev/null |
			sort -V | tail -1
	fi
}

# need_postgres: skips, saying so, where there is none.
need_postgres() {
	[ -n "$(postgres_bin)" ] || skip "PostgreSQL's server is not installed"
}

# need_timescale: skips where PostgreSQL has no such extension.
need_timescale() {
	need_postgres
	[ -f "$("$(postgres_bin)/pg_config" --sharedir 2>/dev/null)/extension/timescaledb.control" ] ||
		skip "the extension timescaledb is not installed"
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

# run_postgres: starts the one that was made (again).
run_postgres() {
	local option arguments="-k $pg_dir -p $pg_port -c listen_addresses=127.0.0.1 -c fsync=off"
	for option in ${pg_options[@]+"${pg_options[@]}"}; do
		arguments+=" -c $option"
	done
	(cd "$pg_dir" && as postgres "$(postgres_bin)/pg_ctl" -D "$pg_dir/data" -w -t 60 -s \
		-l "$pg_dir/log" -o "$arguments" start 3>&- >"$pg_dir/ctl.log" 2>&1) ||
		fail "PostgreSQL does not start: $(tail -5 "$pg_dir/log" "$pg_dir/ctl.log")"
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

# A TCP port of 127.0.0.1 that nobody has just now.
free_tcp_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
