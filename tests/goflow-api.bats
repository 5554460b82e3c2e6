#!/usr/bin/env bats
# goflow's API: what it says of live pipelines, that metrics are what Prometheus takes, who may ask what (each way in
# which a web page could try to command goflow), its limits, and goflow status.

load helpers
load servers
load api

json='Content-Type: application/json'
body='{"Server": "http://grafana.invalid", "ApiKey": "key", "Directory": "0"}'

# For wait_for: all that was sent is stored; metrics have this line; so many slow clients were closed.
# shellcheck disable=SC2317 # not reached by name alone
stored() { expect 200 /status && answers '.backends[0] | .up and .stored > 0 and .waiting == 0'; }
measured() { expect 200 /metrics && grep -qxF "$1" body; }
cut_off() { [ "$(grep -c closed slow.out)" -ge "$1" ]; }

bearer() { echo "Authorization: Bearer $token"; }

@test "status of a live pipeline: the first goflow's Msg, a line a backend, and the whole state beside it" {
	start_api
	start_flow
	send_flows
	wait_for 15 stored
	answers '.healthy and .adds_up and .state == "3 stages running"'
	answers '.Msg | test("^db \\(sqlite\\): running, [1-9][0-9]* stored, 0 waiting, 0 lost.*\n$")'
	answers '[.stages[].program] == ["nfrecv", "nfdecode", "nfsink-sqlite"]'
	answers '(.stages | all(has("rates"))) and (.links | length == 2)'
	answers '.stages | all(has("help") | not)'
	expect 200 /exporters
	answers '.exporters[0] | .address == "127.1.0.1" and .flows > 0 and .lost_records == 0'
	expect 200 /templates
	answers '.templates | length > 0'
	expect 200 /healthz
	answers .healthy
}

@test "many clients cost one survey a second" {
	start_api
	start_flow
	local i surveys
	for i in {1..40}; do
		expect 200 /status
	done
	kill -TERM "$api"
	wait_for 10 ended "$api"
	same 40 "$(total api.err answered)" answered
	surveys=$(total api.err surveys)
	[ "$surveys" -le $((SECONDS + 2)) ] || fail "$surveys surveys in $SECONDS s"
}

@test "healthz: 503 where nothing runs, where a stage hangs, and where the supervisor waits to start one" {
	start_api
	expect 503 /healthz
	answers '.Msg == "no stage is running"'
	start_flow
	wait_for 10 expect 200 /healthz
	echo '{"healthy": false, "draining": false, "pipelines": []}' >supervisor.json
	start_supervisor
	wait_for 10 expect 503 /healthz
	echo '{"healthy": true, "draining": false, "pipelines": []}' >supervisor.json
	wait_for 10 expect 200 /healthz
	echo '{"healthy": true, "draining": true, "pipelines": []}' >supervisor.json
	wait_for 10 expect 503 /healthz
	answers '.Msg == "goflow is draining"'
	echo '{"healthy": true, "draining": false, "pipelines": []}' >supervisor.json
	wait_for 10 expect 200 /healthz
	kill -STOP "$(basename "$(echo "$GOFLOW_RUNDIR"/nfdecode.*.sock)" .sock | cut -d. -f2)"
	wait_for 15 expect 503 /healthz
	answers '.Msg == "1 of 3 stages do not answer"'
}

@test "metrics: Prometheus' own checker finds nothing, and they say what status says" {
	start_api
	start_flow
	send_flows
	stored() { expect 200 /status && answers '.backends[0] | .stored > 0 and .waiting == 0'; }
	wait_for 15 stored
	local flows
	flows=$(jq '.backends[0].stored' body)
	wait_for 15 measured "goflow_exporter_flows_total{exporter=\"127.1.0.1\"} $flows"
	grep -qi '^content-type: text/plain; version=0.0.4' head
	grep -qx "goflow_stage_out_total{program=\"nfsink-sqlite\",pipeline=\"netflow\",backend=\"db\"} $flows" body
	grep -qx 'goflow_healthy 1' body
	same "" "$(grep -v '^#' body | cut -d' ' -f1 | sort | uniq -d)" "series twice"
	need_command promtool
	promtool check metrics <body
}

@test "metrics: a supervisor's counts outlive a restart, and hostile names are escaped" {
	start_api
	start_flow
	cat >supervisor.json <<-'END'
		{"healthy": true, "counters": {"restarts": 3}, "ledger": {"in": 0, "out": 0, "waiting": 0, "lost": {}}, "pipelines": [
		{"name": "a\"b\\c\nd", "state": "running", "stages": [
			{"program": "nfrecv", "state": "waiting", "starts": 4, "counters": {"received": 7, "ring_full": 2},
			 "ledger": {"unit": "datagrams", "in": 7, "out": 5, "waiting": 0, "lost": {"ring_full": 2}}}]}]}
	END
	start_supervisor
	labels='{program="nfrecv",pipeline="a\"b\\c\nd",backend=""'
	wait_for 10 measured "goflow_stage_up$labels} 0"
	grep -qxF "goflow_stage_starts_total$labels} 4" body
	grep -qxF "goflow_stage_lost_total$labels,cause=\"ring_full\"} 2" body
	grep -qxF "goflow_stage_other$labels,counter=\"received\"} 7" body
	grep -qx 'goflow_stage_other{program="goflow",pipeline="",backend="",counter="restarts"} 3' body
	need_command promtool
	promtool check metrics <body
}

@test "metrics: exporters beyond a thousand are one, and their sum is right" {
	start_api
	cat >stage.py <<-'END'
		import json, socket, sys
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen(16)
		while True:
		    client, _ = listener.accept()
		    answer = {"program": "nfdecode", "pid": 7, "uptime_ms": 5}
		    if client.recv(300) == b"exporters\n":
		        answer["exporters"] = [{"address": f"10.0.{i >> 8}.{i & 255}", "flows": 2} for i in range(1500)]
		    client.sendall(json.dumps(answer).encode())
		    client.close()
	END
	background python3 stage.py "$GOFLOW_RUNDIR/nfdecode.1.sock"
	wait_for 5 test -S "$GOFLOW_RUNDIR/nfdecode.1.sock"
	wait_for 10 measured 'goflow_exporters 1500'
	same 1001 "$(grep -c '^goflow_exporter_flows_total{' body)" series
	grep -qx 'goflow_exporter_flows_total{exporter="other"} 1000' body
}

@test "what changes something or carries a secret needs the token, on loopback too" {
	start_api
	local path
	for path in /grafana /drain /log-level; do
		expect 401 "$path" -H "$json" -d "$body"
		answers '.error == "token" and .Msg != ""'
		grep -qi '^www-authenticate: bearer' head
		expect 401 "$path" -H "$json" -d "$body" -H "Authorization: Bearer ${token%?}"
		expect 401 "$path" -H "$json" -d "$body" -H "Authorization: Bearer ${token}0"
		expect 401 "$path" -H "$json" -d "$body" -H "Authorization: Bearer ${token%?}x"
		expect 401 "$path" -H "$json" -d "$body" -H "Authorization: Bearer "
		expect 401 "$path" -H "$json" -d "$body" -H "Authorization: Basic $token"
		expect 401 "$path" -H "$json" -d "$body" -H "Authorization: $token"
	done
	expect 401 /config
	expect 200 /config -H "$(bearer)"
	expect 200 /config -H "authorization: bearer $token"
	answers '.api.bindport.value == '"$port"
	expect 200 /grafana -H "$json" -d "$body" -H "$(bearer)"
	for path in / /status /exporters /templates /metrics; do
		expect 200 "$path"
	done
}

@test "secrets are neither in /config, nor in the log" {
	start_api 'api_token: s3cr3t-of-the-api'
	token=s3cr3t-of-the-api
	[ ! -e "$GOFLOW_RUNDIR/api-token" ] || fail "a token was made though one is configured"
	expect 200 /config -H "$(bearer)"
	answers '.api_token.value == "********"'
	expect 200 /grafana -H "$json" -d "${body/key/grafanas-key}" -H "$(bearer)"
	expect 502 /grafana -H "$json" -d "${body/key/wrong}" -H "$(bearer)"
	absent -e s3cr3t -e grafanas-key body api.err
}

@test "the token: made once, for this user alone, and kept; a file that others may read is refused" {
	start_api
	local first=$token
	same 600 "$(stat -c %a "$GOFLOW_RUNDIR/api-token")" mode
	[[ $token =~ ^[0-9a-f]{64}$ ]]
	kill -TERM "$api"
	wait_for 10 ended "$api"
	start_api
	same "$first" "$token" "token after a restart"
	kill -TERM "$api"
	wait_for 10 ended "$api"
	chmod 644 "$GOFLOW_RUNDIR/api-token"
	run timeout 10 apiserve config.yml
	same 74 "$status"
	[[ $output == *"others may read or write it"* ]]
	rm "$GOFLOW_RUNDIR/api-token"
	echo stolen >elsewhere
	chmod 600 elsewhere
	ln -s "$PWD/elsewhere" "$GOFLOW_RUNDIR/api-token"
	run timeout 10 apiserve config.yml
	same 74 "$status"
}

@test "a name that was made to point here is refused: Host" {
	start_api
	local host
	for host in evil.example "evil.example:$port" "127.0.0.1:1" "127.0.0.1.evil.example" "localhost.evil.example:$port" \
		"127.0.0.1:$port@evil" "[::1]:1" "localhost:${port}0"; do
		expect 403 /status -H "Host: $host"
		answers '.error == "host"'
	done
	for host in localhost "localhost:$port" 127.0.0.1 "LOCALHOST:$port" "[::1]:$port" "[::1]"; do
		expect 200 /status -H "Host: $host"
	done
	expect 403 / -H 'Host: evil.example'
	expect 403 /grafana -H 'Host: evil.example' -H "$json" -H "$(bearer)" -d "$body"
}

@test "another site's page is refused: Origin, and whatever is said twice" {
	start_api
	local origin
	for origin in null http://evil.example "https://127.0.0.1:$port" "http://127.0.0.1:1" "http://localhost:$port" \
		"http://127.0.0.1:$port.evil.example" "file://"; do
		expect 403 /status -H "Origin: $origin"
		answers '.error == "origin"'
		expect 403 /grafana -H "Origin: $origin" -H "$json" -H "$(bearer)" -d "$body"
	done
	expect 200 /status -H "Origin: $url"
	expect 200 /grafana -H "Origin: $url" -H "$json" -H "$(bearer)" -d "$body"
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n' >&5
	grep -q '^HTTP/1.1 400 ' <&5
	expect 400 /status -H "Origin: $url" -H "Origin: http://evil.example"
	expect 400 /config -H "$(bearer)" -H 'Authorization: Bearer x'
	expect 405 /status -X OPTIONS
	absent -i access-control head
}

@test "a body is JSON and says so" {
	start_api
	local type
	for type in text/plain application/x-www-form-urlencoded multipart/form-data application/jsonx 'text/plain; application/json'; do
		expect 415 /grafana -H "Content-Type: $type" -H "$(bearer)" -d "$body"
		answers '.error == "content-type"'
	done
	expect 415 /grafana -H 'Content-Type:' -H "$(bearer)" -d "$body"
	expect 415 /drain -X POST -H "$(bearer)"
	expect 200 /grafana -H 'Content-Type: application/json; charset=utf-8' -H "$(bearer)" -d "$body"
	for type in '' '{' '[]' '"x"' '{"Server": 1}' '{"Server": "x"}' '{"Server": "", "ApiKey": "k", "Directory": "0"}' \
		'{"Server": "x", "Server": "y", "ApiKey": "k", "Directory": "0"}' "$body x" "$(head -c 60000 /dev/zero | tr '\0' '[')"; do
		expect 400 /grafana -H "$json" -H "$(bearer)" -d "$type"
		answers '.error == "json" or .error == "field"'
	done
}

@test "404, 405 with Allow, HEAD" {
	start_api
	expect 404 /nothing
	answers '.error == "path"'
	expect 404 /status/
	expect 404 /../etc/passwd --path-as-is
	expect 405 /status -X POST -d x
	grep -qi '^allow: GET, HEAD' head
	expect 405 /grafana
	grep -qi '^allow: POST' head
	expect 405 /status -X DELETE
	expect 200 /status -I
	grep -qi '^content-type: application/json' head
}

@test "every answer has the headers that keep it where it is" {
	start_api
	local path
	for path in / /status /healthz /nothing /config /metrics; do
		ask "$path"
		grep -qi "^content-security-policy: default-src 'none'" head
		grep -qi '^x-content-type-options: nosniff' head
		grep -qi '^cache-control: no-store' head
		grep -qi '^x-frame-options: deny' head
	done
	expect 200 /
	local nonce
	nonce=$(sed -n "s/.*script-src 'nonce-\([0-9a-f]*\)'.*/\1/p" head)
	[ "${#nonce}" -eq 32 ] && same 2 "$(grep -c "nonce=\"$nonce\"" body)" "nonces in the page"
	ask /
	absent "$nonce" head body
	absent -E '(src|href)="?(http|//)' body
}

@test "off loopback everything but the empty page needs the token" {
	api_address=0.0.0.0
	start_api
	local path
	for path in /status /healthz /exporters /templates /metrics /config /nothing; do
		expect 401 "$path"
		expect 401 "$path" -H "Host: 127.0.0.1"
	done
	expect 401 /status -X POST -d x
	expect 200 /
	expect 200 /status -H "$(bearer)"
	expect 200 /status -H "$(bearer)" -H 'Host: goflow.example'
	expect 403 /status -H "$(bearer)" -H 'Host: goflow.example' -H 'Origin: http://evil.example'
	run goflow status -c config.yml
	same 0 "$status" "$output"
	[[ $output == "goflow "*"no stage is running"* ]]
}

@test "limits: a long body, an endless one, a long head" {
	start_api
	head -c 65536 /dev/zero | tr '\0' ' ' >long
	printf ' ' >>long
	expect 413 /grafana -H "$json" -H "$(bearer)" --data-binary @long
	answers '.error == "body"'
	expect 413 /grafana -H "$json" -H "$(bearer)" -H 'Transfer-Encoding: chunked' --data-binary @long
	head -c 65536 /dev/zero | tr '\0' ' ' >long
	expect 400 /grafana -H "$json" -H "$(bearer)" --data-binary @long
	expect 413 /grafana -H "$json" -H "$(bearer)" -H 'Content-Length: 9999999999' -H 'Expect:' -d x
	head -c 2000000 /dev/zero >long
	ask /grafana -H "$json" -H "$(bearer)" -H 'Transfer-Encoding: chunked' --data-binary @long
	[ "$code" != 200 ]
	ask /status -H "X: $(head -c 70000 /dev/zero | tr '\0' x)"
	[ "$code" != 200 ]
	expect 200 /status
}

# Opens COUNT connections that send half a head, a byte a second, and stay; says so, and then when each was closed.
slow_clients() {
	background python3 -c '
import socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
clients = []
for _ in range(count):
    clients.append(socket.create_connection(("127.0.0.1", port)))
    clients[-1].sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\nX: ")
print("open", flush=True)
begun = time.monotonic()
while clients and time.monotonic() - begun < 25:
    for c in list(clients):
        try:
            c.sendall(b"x")
            c.settimeout(0.001)
            if not c.recv(100):
                raise ConnectionError
        except TimeoutError:
            pass
        except OSError:
            clients.remove(c)
            print("closed", flush=True)
    time.sleep(0.5)
' "$port" "$1" >slow.out 2>slow.err
	wait_for 10 grep -q open slow.out
}

@test "clients that are slow do not hold up others, and are cut off; no more than 64 are served at once" {
	start_api
	slow_clients 40
	expect 200 /status
	slow_clients 30
	wait_for 30 expect 200 /status -m 1
	wait_for 30 cut_off 30
	expect 200 /status
}

@test "POST /grafana waits for its end, one at a time, while others are answered" {
	start_api
	local begun first
	background curl -s -m 20 -o first -w '%{http_code}\n' -H "$json" -H "$(bearer)" \
		-d "${body/\"0\"/\"2000\"}" "$url/grafana" >first.code
	first=$pid
	wait_for 5 grep -q 'configuring Grafana' api.err
	begun=$(date +%s%N)
	expect 200 /status
	expect 409 /grafana -H "$json" -H "$(bearer)" -d "$body"
	answers '.error == "busy"'
	[ $(($(date +%s%N) - begun)) -lt 1500000000 ] || fail "held up"
	wait_for 10 ended "$first"
	same 200 "$(cat first.code)"
	jq -e '.ok and .Msg == "Grafana is configured" and .report.directory == "2000"' first
	expect 502 /grafana -H "$json" -H "$(bearer)" -d "${body/key/wrong}"
	answers '(.ok | not) and .error == "grafana"'
}

@test "an end while Grafana is being configured: the client is told, no process is left, exit 0" {
	start_api
	background curl -s -m 20 -o first -w '%{http_code}\n' -H "$json" -H "$(bearer)" \
		-d "${body/\"0\"/\"60000\"}" "$url/grafana" >first.code
	local first=$pid worker
	wait_for 5 grep -q 'configuring Grafana' api.err
	worker=$(cat "/proc/$api/task/$api/children")
	[ -n "$worker" ]
	kill -TERM "$api"
	wait_for 10 ended "$first"
	same 503 "$(cat first.code)"
	wait_for 10 ended "$api"
	wait "$api"
	# shellcheck disable=SC2086
	wait_for 5 ended $worker
}

@test "drain is passed on to the supervisor, and log-level to all" {
	start_api
	expect 503 /drain -X POST -H "$json" -H "$(bearer)" -d '{}'
	answers '.error == "supervisor"'
	echo '{"healthy": true, "pipelines": []}' >supervisor.json
	start_supervisor
	wait_for 10 expect 200 /drain -X POST -H "$json" -H "$(bearer)"
	answers '.did == "drain"'
	expect 200 /log-level -H "$json" -H "$(bearer)" -d '{"Level": "debug"}'
	answers '.stages == 0' # of real ones, which goflow-daemon.bats has
	local level
	for level in '{"Level": "loud"}' '{"Level": "debug\nstatus"}' '{"Level": 1}' '{}'; do
		expect 400 /log-level -H "$json" -H "$(bearer)" -d "$level"
	done
}

@test "goflow status: for people, as JSON, and clear words when goflow is not running" {
	start_api
	start_flow
	wait_for 10 expect 200 /healthz
	run goflow status -c config.yml
	same 0 "$status" "$output"
	[[ $output == *"3 stages running"* && $output == *"db (sqlite): running, 0 stored"* && $output == *"nfdecode netflow"* ]]
	goflow status -c config.yml -j | jq -e .healthy
	kill -TERM "$api"
	wait_for 10 ended "$api"
	run goflow status -c config.yml
	same 69 "$status"
	[[ $output == "error goflow: goflow is not running"*"$url" ]]
	run goflow status -c nothing.yml
	same 78 "$status"
	run goflow status word
	same 64 "$status"
	background python3 -m http.server --bind 127.0.0.1 "$port" >server.out 2>&1
	wait_for 10 curl -s -o /dev/null "$url"
	run goflow status -c config.yml
	same 69 "$status"
	[[ $output == *"is not goflow"* ]]
}

@test "an address that is taken is said" {
	start_api
	run timeout 10 apiserve config.yml
	same 74 "$status"
	[[ $output == *"Address already in use"* ]]
}
