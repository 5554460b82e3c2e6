#!/bin/bash
# sizes.sh [FLOWS]: octets that a flow takes in each database, with the sinks' own tables, columns and indexes, aggregates off; the
# write-ahead log of PostgreSQL; and in TimescaleDB, where it is installed, what segments by exporter cost or save, by batch.
# On private servers that it starts and removes. GOFLOW_BIN and BENCH_BIN name the folders of programs.
set -eu
FLOWS=${1:-1000000}
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

# line NAME OCTETS [WAL]
line() {
	awk -v name="$1" -v n="$2" -v wal="${3:-}" -v flows="$FLOWS" 'BEGIN {
		printf "%-58s %7.1f", name, n / flows
		if (wal != "") printf "   and %6.1f of write-ahead log", wal / flows
		print "" }'
}

wal() { ask_pg "SELECT pg_current_wal_lsn() - '0/0'"; }

# into_pg NAME SIZE-SQL COMMAND...: of a new database
into_pg() {
	local name=$1 size=$2 before
	shift 2
	before=$(wal)
	"$@" --aggregates off -r "$work/$kind" 2>"$work/err" || { cat "$work/err" >&2 && exit 1; }
	line "$name" "$(ask_pg "$size")" $(($(wal) - before))
}

PLAIN="SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'goflow_records'::regclass"
HYPER="SELECT hypertable_size('goflow_records')"

made=0

# compressed BATCH [SEGMENT]: in a new database, by exporter or as told
compressed() {
	new_database "c$((made += 1))" timescaledb
	nfsink-pg --aggregates off </dev/null 2>/dev/null
	[ $# -lt 2 ] || ask_pg "SET client_min_messages = warning; ALTER TABLE goflow_records SET (timescaledb.compress_segmentby = '$2')"
	into_pg "TimescaleDB, direct, batches of $1, segments ${2-exporter}" "$HYPER" nfsink-pg --batch "$1"
}

for kind in v9 mix; do
	"$BENCH_BIN/gen" "$kind" "$FLOWS" 1 "$work/pcap" >/dev/null
	nfrecv -r "$work/pcap" 2>/dev/null | nfdecode >"$work/$kind" 2>/dev/null
done
rm "$work/pcap"
has_timescale && library=shared_preload_libraries=timescaledb
start_postgres max_wal_size=4GB ${library:+"$library"}
start_mariadb --innodb-buffer-pool-size=1G
for kind in v9 mix; do
	echo "Octets a flow, $FLOWS of gen's $kind"
	new_database "p$kind"
	into_pg 'PostgreSQL' "$PLAIN" nfsink-pg
	new_mariadb_database "m$kind"
	nfsink-mysql --aggregates off -r "$work/$kind" 2>"$work/err"
	ask_my "ANALYZE TABLE goflow_records" >/dev/null
	line 'MariaDB' "$(ask_my "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = '$SQL_DB' AND TABLE_NAME = 'goflow_records'")"
	[ -n "${library:-}" ] || continue
	new_database "u$kind" timescaledb
	into_pg 'TimescaleDB, not compressed' "$HYPER" nfsink-pg --direct-compress off
	ask_pg "SELECT count(compress_chunk(c)) FROM show_chunks('goflow_records') c" >/dev/null
	line 'TimescaleDB, compressed later' "$(ask_pg "$HYPER")"
	for batch in 5000 20000 100000; do
		compressed $batch
		compressed $batch ''
	done
done
