# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of helpers
#
# The daemon and its real stages: `load daemon`, behind helpers and servers.

# daemon_setup: for setup; $port and $api are free
daemon_setup() {
	goflow_setup
	need_command python3
	need_command sqlite3
	cd "$BATS_TEST_TMPDIR" || return
	port=$(free_port) api=$(free_tcp_port)
}

# one_backend [LINES]: config.yml of a frontend on $port and an SQLite file, with further lines in the frontend's config
one_backend() {
	cat >config.yml <<-END
		api: 127.0.0.1:$api
		backends:
		  local: {type: sqlite, config: {file: flows.sqlite, linger: 50ms}}
		frontends:
		  netflow:
		    config: {bindaddr: 127.0.0.1, bindport: $port${1:+, $1}}
		    backend: local
	END
}

# daemon [OPTION...]: started, and its sockets are bound; $goflow is its process id
daemon() {
	background goflow "$@" 2>err # which sets pid
	goflow=$pid
	wait_for 10 grep -q ' running' err
}

# drained: told to end, it does so by itself, and with 0
drained() {
	local code=0
	kill -TERM "$goflow"
	wait "$goflow" || code=$?
	same 0 "$code" "goflow's exit code: $(tail -n 20 err)"
}

# stages PROGRAM: the process ids of the daemon's stages of that name
stages() { pgrep -P "$goflow" -x "$1"; }

stage_count() { stages "$1" | wc -l; }

runs() { [ "$(stage_count "$1")" -eq "$2" ]; }

count() { sqlite3 "file:${1:-flows.sqlite}?mode=ro" 'SELECT count(*) FROM goflow_records' 2>/dev/null || echo 0; }

stored() { [ "$(count "${2:-flows.sqlite}")" -ge "$1" ]; }

load_flows() { python3 "$TOOLS/flowload.py" 127.0.0.1 "$port" "$@"; }

# doc JQ: of the daemon's own status
doc() { nfctl -i 10ms status --json | jq "[.stages[] | select(.program == \"goflow\")][0] | $1"; }

# killed PROGRAM: with -9, and another one is there
killed() {
	local old
	old=$(stages "$1" | head -n 1)
	kill -KILL "$old"
	wait_for 10 another "$1" "$old"
}

another() { [ "$(stages "$1" | grep -cvx "$2")" -ge 1 ] && [ "$(doc '[.pipelines[].stages[].state] | all(. == "running")')" = true ]; }
