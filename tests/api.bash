# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables that tests use, and one of helpers
#
# goflow's API by itself (tests/tools/apiserve), and how to ask it: `load api`, behind helpers and servers.

# start_api [LINE...]: on $port of 127.0.0.1 at $url, with these lines more in its configuration, ./config.yml;
# $token is its token.
start_api() {
	need_command curl jq python3
	cd "$BATS_TEST_TMPDIR" || return 1
	port=$(free_tcp_port)
	url=http://127.0.0.1:$port
	{
		printf '%s\n' 'backends: {db: {type: sqlite, config: {file: flows.db}}}' \
			'frontends: {netflow: {config: {bindport: 2055}, backend: db}}' \
			"api: {bindaddr: ${api_address:-127.0.0.1}, bindport: $port}" "$@"
	} >config.yml
	background apiserve config.yml 2>api.err
	api=$pid
	wait_for 10 grep -q 'serving url=' api.err
	if [ -f "$GOFLOW_RUNDIR/api-token" ]; then
		token=$(cat "$GOFLOW_RUNDIR/api-token")
	fi
}

# ask PATH CURL-ARGUMENT...: $code is the status; the answer is in ./body, its head in ./head.
ask() {
	local path=$1
	shift
	code=$(curl -s -m 20 -o body -D head -w '%{http_code}' "$@" "$url$path") || code="curl $?"
}

# expect CODE PATH CURL-ARGUMENT...: asks, and fails unless the status is that.
expect() {
	local wanted=$1
	shift
	ask "$@"
	same "$wanted" "$code" "$*: $(cat body 2>&1)"
}

# answers JQ-EXPRESSION: whether it holds of the last answer.
answers() {
	jq -e "$1" body >/dev/null || fail "not so: $1 of $(cat body)"
}

# absent GREP-ARGUMENT...: fails where grep finds something.
absent() {
	if grep "$@"; then
		fail "there is: $*"
	fi
}

# start_flow: a pipeline nfrecv | nfdecode | nfsink-sqlite, whose backend is db, on UDP $udp.
start_flow() {
	udp=$(free_port)
	export GOFLOW_PIPELINE=netflow
	background bash -c "nfrecv -l 127.0.0.1:$udp 2>recv.err | nfdecode 2>decode.err |
		GOFLOW_BACKEND=db nfsink-sqlite -d flows.db 2>sink.err"
	wait_for 10 bound "$udp"
	wait_for 10 compgen -G "$GOFLOW_RUNDIR/nfsink-sqlite.*.sock"
}

# Sends a capture of one exporter, which is 127.1.0.1; another test may have that one's port just now.
send_flows() {
	wait_for 20 "$TOOLS/udpsend.py" "$GOFLOW_EXAMPLES/softflowd-v9.pcap" 127.0.0.1 "$udp"
}

# start_supervisor: answers as goflow's own socket does: to "status" with ./supervisor.json, to others with what was
# asked.
start_supervisor() {
	background python3 -c '
import json, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(16)
while True:
    client, _ = listener.accept()
    request = client.recv(300).decode().strip()
    answer = {"program": "goflow", "pid": 1}
    if request == "status":
        answer |= json.load(open("supervisor.json"))
    elif request in ("exporters", "templates"):
        answer["error"] = "this stage does not know the request"
    else:
        answer["did"] = request
    client.sendall(json.dumps(answer).encode())
    client.close()
' "$GOFLOW_RUNDIR/goflow.1.sock"
	wait_for 5 test -S "$GOFLOW_RUNDIR/goflow.1.sock"
}
