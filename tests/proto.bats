#!/usr/bin/env bats
# Records as protobuf messages, read by protobuf's own decoder.

load helpers

PROTO=${GOFLOW_BIN%/bin}/proto

setup() {
	goflow_setup
	need_command protoc jq
	# Debian's module is of Debian's Python, which need not be the first.
	for python in python3 /usr/bin/python3; do
		"$python" -c 'import google.protobuf' 2>/dev/null && break
	done
	"$python" -c 'import google.protobuf' 2>/dev/null || skip "python3-protobuf is not installed"
	cd "$BATS_TEST_TMPDIR" || return
	protoc -I"$PROTO" --python_out=. goflow.proto goflow2.proto
}

# agree NAME: the messages of the flow stream `flows`, of both kinds, say what its JSON lines say
agree() {
	reframe -j <flows >lines
	reframe -p <flows >own
	reframe -2 <flows >goflow2
	for form in own goflow2; do
		run "$python" "$TOOLS/protodiff.py" . "$form" "$form" lines
		[ "$status" -eq 0 ] || fail "$1: $output"
		same "$(wc -l <lines)" "$output" "$1: $form"
	done
	[ -s lines ]
}

@test "protobuf: messages of each example capture say what its JSON lines say" {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >flows 2>/dev/null
		agree "$capture"
	done
}

@test "protobuf: messages of the shared captures say what their JSON lines say" {
	need_shared
	for capture in "$GOFLOW_CAPTURES"/{real,exporters,crafted}/*.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode >flows 2>/dev/null
		[ ! -s flows ] || [ "$(reframe -j <flows | wc -l)" -eq 0 ] || agree "$capture"
	done
}

@test "protobuf: extremes, bytes that are not UTF-8 and unclaimed elements arrive" {
	cat >extremes <<'END'
{"last_switched":"2554-07-21T23:34:33.709551615Z","first_switched":"1970-01-01T00:00:00Z","received":"2026-01-02T03:04:05.678Z","export_time":"2026-01-02T03:04:05.678901Z"}
{"version":105,"exporter":"::","src_ip":"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff","in_bytes":18446744073709551615,"obs_point":18446744073709551615,"in_pkts":9007199254740993}
{"version":5,"obs_domain":7,"src_port":0,"dst_port":65535,"src_as":4294967295,"in_bytes":0,"out_bytes":9,"out_pkts":9,"ip_flags":255,"ttl_min":255}
{"version":9,"obs_domain":7,"src_ip":"::ffff:192.0.2.1","dst_ip":"2001:db8::1","src_mac":"ff:fe:fd:fc:fb:fa","post_dst_mac":"00:00:00:00:00:01"}
{"version":10,"ip_version":6,"src_ip":"192.0.2.1","app_name":"a\ufffd","app_name_hex":"61ff","user_name":"","time_source":"received"}
{"ether_type":2054,"ip_version":4,"ttl":1,"ttl_min":2,"extra":{"en12345:id7":[{"hex":"00ff"},{"hex":""}],"en9:id12235":{"hex":"80"}}}
{"ip_version":4,"src_ip":"2001:db8::1"}
END
	reframe <extremes >flows
	same 7 "$(reframe -j <flows | wc -l)"
	agree extremes
}

@test "protobuf: numbers and types of goflow.proto that consumers were built with have not changed" {
	while read -r line; do
		grep -qxF "  $line" "$PROTO/goflow.proto" || fail "goflow.proto has no longer: $line"
	done <"$BATS_TEST_DIRNAME/proto.pinned"
	[ "$(wc -l <"$BATS_TEST_DIRNAME/proto.pinned")" -gt 100 ]
}
