#!/bin/bash
# servers.sh [FLOWS [ROUNDS]]: nfsink-pg and nfsink-mysql beside the loader of each server, with the same rows into the same table, in
# turn, on private servers that it starts and removes; then beside one INSERT a flow, and with a B-tree on the time.
# GOFLOW_BIN and BENCH_BIN name the folders of programs. Prints seconds and thousands of rows a second.
#
# The table has its partitions beforehand and aggregates are off: what is measured is storing alone.
set -eu
FLOWS=${1:-1000000}
ROUNDS=${2:-3}
INSERTS=5000 # of one row each
BATCH=20000  # rows of a transaction, as the sinks have by default
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

# took NAME ROWS SECONDS: a line of the table
took() {
	awk -v name="$1" -v rows="$2" -v s="$3" 'BEGIN { printf "%-40s %7.2f s %8.1f k/s\n", name, s, rows / s / 1000 }'
}

# seconds NAME ROWS COMMAND...: how long it took
seconds() {
	local name=$1 rows=$2 begun=$EPOCHREALTIME
	shift 2
	"$@" >/dev/null 2>"$work/err" || { cat "$work/err" >&2 && return 1; }
	took "$name" "$rows" "$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
}

postgres() {
	local round n
	start_postgres shared_buffers=512MB max_wal_size=4GB
	nfsink-pg --aggregates off </dev/null 2>/dev/null
	for n in 2025-12-31:2026-01-01 2026-01-01:2026-01-02; do # the days of gen's captures
		ask_pg "CREATE TABLE \"goflow_records_p$(tr -d - <<<"${n%:*}")\" PARTITION OF goflow_records FOR VALUES FROM ('${n%:*}') TO ('${n#*:}')"
	done
	nfsink-pg --aggregates off <"$work/stream" 2>/dev/null
	columns=$(ask_pg "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'goflow_records'::regclass AND attnum > 0")
	ask_pg "\\copy (SELECT $columns FROM goflow_records) TO '$work/rows' (FORMAT binary)" >/dev/null
	for ((round = 0; round < ROUNDS; round++)); do
		empty_pg
		seconds 'psql copy, binary' "$FLOWS" copy_rows
		for n in 1 2; do
			empty_pg
			seconds "nfsink-pg --connections $n" "$FLOWS" nfsink-pg --aggregates off --connections $n -r "$work/stream"
		done
	done
	index_of_time
	pg_dump --data-only --inserts --load-via-partition-root -t 'goflow_records*' | grep '^INSERT' | sed "${INSERTS}q" >"$work/inserts"
	empty_pg
	seconds 'psql, one INSERT a flow' "$INSERTS" psql -qf "$work/inserts"
	rm "$work/rows"
}

empty_pg() {
	ask_pg "TRUNCATE goflow_records, goflow_ledger"
}

copy_rows() {
	psql -qc "\\copy goflow_records ($columns) FROM '$work/rows' (FORMAT binary)"
}

# What an index on the time costs, and how large it grows.
index_of_time() {
	local round kind
	for ((round = 0; round < ROUNDS; round++)); do
		for kind in 'brin (last_switched) WITH (pages_per_range = 32)' 'btree (last_switched)'; do
			empty_pg
			ask_pg "DROP INDEX goflow_records_time; CREATE INDEX goflow_records_time ON goflow_records USING $kind"
			seconds "psql copy, ${kind% WITH*}" "$FLOWS" copy_rows
			echo "    index of $(ask_pg "SELECT sum(pg_relation_size(indexrelid)) ::bigint / 1024 FROM pg_index WHERE indrelid IN
				(SELECT inhrelid FROM pg_inherits WHERE inhparent = 'goflow_records'::regclass)") KiB"
		done
	done
}

mariadb_() {
	local round n method
	start_mariadb --innodb-buffer-pool-size=1G --innodb-log-file-size=1G --secure-file-priv=
	nfsink-mysql --aggregates off <"$work/stream" 2>/dev/null # which makes the partitions
	ask_my "CREATE TABLE loaded LIKE goflow_records; CREATE TABLE source AS SELECT * FROM goflow_records"
	mkdir -m 777 "$work/out"
	ask_my "SELECT * FROM goflow_records INTO OUTFILE '$work/out/rows' CHARACTER SET binary"
	for ((round = 0; round < ROUNDS; round++)); do
		ask_my "TRUNCATE loaded"
		seconds 'LOAD DATA LOCAL' "$FLOWS" mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u goflow --local-infile=1 "$SQL_DB" \
			-e "LOAD DATA LOCAL INFILE '$work/out/rows' INTO TABLE loaded CHARACTER SET binary"
		ask_my "TRUNCATE loaded"
		took 'bulk binding of prepared rows' "$FLOWS" "$("$BENCH_BIN/bindload" "$SQL_DB" source loaded $BATCH)"
		for method in bulk load insert; do
			for n in 1 2; do
				ask_my "TRUNCATE goflow_records; TRUNCATE goflow_ledger"
				seconds "nfsink-mysql --method $method --connections $n" "$FLOWS" nfsink-mysql --aggregates off --method $method \
					--connections $n -r "$work/stream"
			done
		done
	done
	mariadb-dump --no-defaults -S "$MYSQL_UNIX_PORT" -u goflow --no-create-info --skip-extended-insert --skip-add-locks \
		--skip-disable-keys --hex-blob --where "TRUE LIMIT $INSERTS" "$SQL_DB" source | sed "s/\`source\`/\`goflow_records\`/" | grep -a '^INSERT' >"$work/inserts"
	ask_my "TRUNCATE goflow_records"
	seconds 'mariadb, one INSERT a flow' "$INSERTS" mariadb --no-defaults -S "$MYSQL_UNIX_PORT" -u goflow "$SQL_DB" -e "source $work/inserts"
}

"$BENCH_BIN/gen" v9 "$FLOWS" 1 "$work/pcap" >/dev/null
nfrecv -r "$work/pcap" 2>/dev/null | nfdecode >"$work/stream" 2>/dev/null
rm "$work/pcap"
postgres
mariadb_
