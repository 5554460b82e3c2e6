#!/bin/bash
# start.sh [ROUNDS]: milliseconds from the start of goflow to the first flow in its SQLite file, with datagrams sent all the
# while, ROUNDS times (10). GOFLOW_BIN names the folder of programs.
set -eu
ROUNDS=${1:-10}
here=$(cd "$(dirname "$0")/.." && pwd)
PATH=${GOFLOW_BIN:-$here/build/bin}:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/start.XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
export GOFLOW_RUNDIR=$work/run
cat >"$work/config.yml" <<-END
	api: 127.0.0.1:28880
	backends: {local: {type: sqlite, config: {file: $work/flows.sqlite, linger: 10ms}}}
	frontends: {netflow: {config: {bindaddr: 127.0.0.1, bindport: 28055}, backend: local}}
END
stored() { [ "$(sqlite3 "file:$work/flows.sqlite?mode=ro" 'SELECT count(*) > 0 FROM goflow_records' 2>/dev/null)" = 1 ]; }
python3 "$here/tests/tools/flowload.py" 127.0.0.1 28055 100000000 --rate 3000 >/dev/null 2>&1 &
for ((round = 0; round < ROUNDS; round++)); do
	rm -f "$work"/flows.sqlite*
	begun=$EPOCHREALTIME
	goflow -c "$work/config.yml" 2>"$work/err" &
	goflow=$!
	until stored; do sleep 0.01; done
	awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f ms\n", 1000 * (b - a) }'
	kill "$goflow"
	wait "$goflow"
done
