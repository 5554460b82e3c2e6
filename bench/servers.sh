#!/bin/bash
# servers.sh [FLOWS [ROUNDS]]: nfsink-pg and nfsink-mysql beside the loader of each server, with the same rows into the same table, in
# turn, on private servers that it starts and removes. GOFLOW_BIN and BENCH_BIN name the folders of programs. Prints seconds.
#
# The table has its partitions beforehand and aggregates are off: what is measured is storing alone.
set -eu
FLOWS=${1:-1000000}
ROUNDS=${2:-3}
here=$(cd "$(dirname "$0")/.." && pwd)
PATH=${GOFLOW_BIN:-$here/build/bin}:$PATH
BENCH_BIN=${BENCH_BIN:-$here/build/bench}
# shellcheck source=tests/helpers.bash
. "$here/tests/helpers.bash"
# shellcheck source=tests/servers.bash
. "$here/tests/servers.bash"

work=$(mktemp -d "${TMPDIR:-/dev/shm}/bench.XXXXXX")
chmod 755 "$work"
trap 'remove_postgres; remove_mariadb; rm -rf "$work"' EXIT

# seconds NAME COMMAND...: how long it took
seconds() {
	local name=$1 begun=$EPOCHREALTIME
	shift
	"$@" >/dev/null 2>"$work/err" || { cat "$work/err" >&2 && return 1; }
	awk -v a="$begun" -v b="$EPOCHREALTIME" -v name="$name" 'BEGIN { printf "%-40s %6.2f s\n", name, b - a }'
}

postgres() {
	local columns round n
	start_postgres shared_buffers=512MB max_wal_size=4GB
	nfsink-pg --aggregates off </dev/null 2>/dev/null
	for n in 2025-12-31:2026-01-01 2026-01-01:2026-01-02; do # the days of gen's captures
		ask_pg "CREATE TABLE \"goflow_records_p$(tr -d - <<<"${n%:*}")\" PARTITION OF goflow_records FOR VALUES FROM ('${n%:*}') TO ('${n#*:}')"
	done
	nfsink-pg --aggregates off <"$work/stream" 2>/dev/null
	columns=$(ask_pg "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'goflow_records'::regclass AND attnum > 0")
	ask_pg "\\copy (SELECT $columns FROM goflow_records) TO '$work/rows' (FORMAT binary)" >/dev/null
	for ((round = 0; round < ROUNDS; round++)); do
		ask_pg "TRUNCATE goflow_records, goflow_ledger"
		seconds 'psql copy, binary' psql -qc "\\copy goflow_records ($columns) FROM '$work/rows' (FORMAT binary)"
		for n in 1 2; do
			ask_pg "TRUNCATE goflow_records, goflow_ledger"
			seconds "nfsink-pg --connections $n" nfsink-pg --aggregates off --connections $n -r "$work/stream"
		done
	done
	rm "$work/rows"
}

mariadb_() {
	local round n method
	start_mariadb --innodb-buffer-pool-size=1G --innodb-log-file-size=1G --secure-file-priv=
	nfsink-mysql --aggregates off <"$work/stream" 2>/dev/null # which makes the partitions
	ask_my "CREATE TABLE loaded LIKE goflow_records"
	mkdir -m 777 "$work/out"
	ask_my "SELECT * FROM goflow_records INTO OUTFILE '$work/out/rows' CHARACTER SET binary"
	for ((round = 0; round < ROUNDS; round++)); do
		ask_my "TRUNCATE loaded"
		seconds 'LOAD DATA LOCAL' mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u goflow --local-infile=1 "$SQL_DB" \
			-e "LOAD DATA LOCAL INFILE '$work/out/rows' INTO TABLE loaded CHARACTER SET binary"
		for method in bulk load insert; do
			for n in 1 2; do
				ask_my "TRUNCATE goflow_records; TRUNCATE goflow_ledger"
				seconds "nfsink-mysql --method $method --connections $n" nfsink-mysql --aggregates off --method $method \
					--connections $n -r "$work/stream"
			done
		done
	done
}

"$BENCH_BIN/gen" v9 "$FLOWS" 1 "$work/pcap" >/dev/null
nfrecv -r "$work/pcap" 2>/dev/null | nfdecode >"$work/stream" 2>/dev/null
rm "$work/pcap"
postgres
mariadb_
