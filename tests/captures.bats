#!/usr/bin/env bats
# Captures of real exporters, end to end: what other decoders found in them, and what is the same by every way in.

load helpers

# what differs by the way that a datagram came in
BY_WAY="received exporter exporter_port"

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
}

# Cases of the shared captures that are not compared in full, each with its reason.
left_out() {
	case $1 in
	logstash-netscaler-dataB4tpl-ipfix) echo "data before its template is decoded here: more records than expected" ;;
	goflow2-nf5 | goflow2-cisco-nf9 | cesnet-example-flows-ipfix | goflow2-expanded-sflow5 | goflow2-icmp-vlan-sflow5)
		echo "exporter: the expectation names another invented exporter than the capture has" ;;
	akvorado-1140-sflow5)
		# "sFlow Version 5", section 5: 4294967295 stands for what is not known
		echo "unknown: VLAN 4294967295 is none" ;;
	esac
}

# keys CASE: the map of the shared captures to our fields, with those that have come since
keys() {
	jq --arg case "$1" '. + {agent: "agent", frame_length: "frame_size", ttl: "ttl", ip_version: "ip_version", flow_label: "flow_label",
		icmp6_type: "icmp_type", icmp6_code: "icmp_code", gw_as: "router_as", peer_as: "prev_as", sub_agent: "obs_domain"} +
		{inner_src_addr: "inner_src_ip", inner_dst_addr: "inner_dst_ip", inner_proto: "inner_protocol",
		inner_src_port: "inner_src_port", inner_dst_port: "inner_dst_port", outer_src_addr: "outer_src_ip",
		outer_dst_addr: "outer_dst_ip", outer_proto: "outer_protocol", outer_src_port: "outer_src_port",
		outer_dst_port: "outer_dst_port"} +
		# the frame in a section of an IPFIX record
		{l2_src_addr: "src_ip", l2_dst_addr: "dst_ip", l2_proto: "protocol", l2_src_port: "src_port", l2_dst_port: "dst_port",
		l2_tos: "tos", l2_ttl: "ttl", l2_tcp_flags: "tcp_flags", l2_ip_version: "ip_version", l2_ip_len: "in_bytes",
		l2_src_mac: "src_mac", l2_dst_mac: "dst_mac", l2_frame_size: "frame_size", l2_header_vlans: "vlans", mpls_labels: "labels"}' "$GOFLOW_CAPTURES/goflow.keymap.json" >map.json
}

# compared SET: every case of a set against its expectation; prints how many were, and fails on a difference
compared() {
	local expect case reason compared=0 extra
	for expect in "$GOFLOW_CAPTURES/$1"/*.expect.jsonl; do
		case=$(basename "$expect" .expect.jsonl)
		# where data comes from another port than its templates, those are found
		[ ! -e "${expect%.expect.jsonl}.expect-addrkey.jsonl" ] || expect=${expect%.expect.jsonl}.expect-addrkey.jsonl
		reason=$(left_out "$case")
		extra=()
		keys "$case"
		case $reason in
		data*) extra=(--allow-extra) ;;
		exporter*)
			jq '.exporter = null | .exporter_port = null' map.json >without
			mv without map.json ;;
		unknown*)
			jq -c 'with_entries(select(.value != 4294967295))' "$expect" >expected
			expect=$PWD/expected ;;
		esac
		[ -z "$reason" ] || echo "in part: $case: $reason" >&3
		nfrecv -r "$GOFLOW_CAPTURES/$1/$case.pcap" 2>/dev/null | nfdecode -j >"$case.jsonl" 2>err
		if grep -q l2_header_vlans "$expect"; then
			jq -c '.vlans = [.src_vlan, .src_cvlan | numbers]' "$case.jsonl" >listed
			mv listed "$case.jsonl"
		elif grep -q mpls_labels "$expect"; then # as many as the template has
			jq -c --slurpfile expected <(jq -c .mpls_labels "$expect") '.labels = ([.mpls_label_1, .mpls_label_2, .mpls_label_3,
				.mpls_label_4, .mpls_label_5, .mpls_label_6, (range(4) | null)] | map(. // 0))[:$expected[input_line_number - 1] | length]' \
				"$case.jsonl" >listed
			mv listed "$case.jsonl"
		fi
		run python3 "$GOFLOW_CAPTURES/compare.py" "$case.jsonl" "$expect" map.json "${extra[@]}"
		[ "$status" -eq 0 ] || fail "$case: $output"
		same 0 "$(total err gap)" "$case: ledger"
		compared=$((compared + 1))
	done
	[ "$compared" -gt 0 ]
	echo "$1: $compared cases compared" >&3
}

@test "captures: real ones of many vendors give what their expectations say" {
	need_shared
	need_command python3 jq
	compared real
}

@test "captures: those of other runs of real exporters give what their expectations say" {
	need_shared
	need_command python3 jq
	compared exporters
}

@test "captures: crafted edge cases give what their expectations say" {
	need_shared
	need_command python3 jq
	compared crafted
}

@test "captures: the exporters' own of examples/ give the records, octets and packets that another decoder counted" {
	need_command jq
	while read -r capture datagrams records bytes packets; do
		[ "$capture" != capture ] || continue
		nfrecv -r "$GOFLOW_EXAMPLES/$capture" 2>recv.err | nfdecode -j 2>err >lines
		same "$datagrams" "$(total err decoded)" "$capture: datagrams"
		same "$records" "$(wc -l <lines)" "$capture: records"
		same "$bytes" "$(jq -s 'map((.in_bytes // 0) + (.rev_bytes // 0)) | add' lines)" "$capture: octets"
		same "$packets" "$(jq -s 'map((.in_pkts // 0) + (.rev_pkts // 0)) | add' lines)" "$capture: packets"
	done <"$GOFLOW_EXAMPLES/expected.tsv"
	[ "$(wc -l <"$GOFLOW_EXAMPLES/expected.tsv")" -gt 5 ]
}

@test "captures: by file, by tcpdump and by live UDP the same records come out" {
	need_command tcpdump python3
	for capture in "$GOFLOW_EXAMPLES"/{softflowd-v9,pmacct-ipfix-sampled,fprobe-v5}.pcap; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode 2>/dev/null >by-file
		tcpdump -r "$capture" -w - 2>/dev/null | nfdecode 2>/dev/null >by-tcpdump
		recdiff by-file by-tcpdump received
		port=$(free_port)
		background nfrecv -l "127.0.0.1:$port" >live.pcap 2>live.err
		wait_for 5 bound "$port"
		sent=$(python3 "$TOOLS/udpsend.py" "$capture" 127.0.0.1 "$port")
		kill "$pid"
		wait "$pid"
		same "$sent" "$(total live.err written)"
		nfdecode <live.pcap 2>/dev/null >by-udp
		# shellcheck disable=SC2086
		recdiff by-file by-udp $BY_WAY
		# source ports are kept, and each exporter has an address of its own
		recdiff by-file by-udp received exporter
	done
}

@test "captures: binary to JSON to binary gives equal records, over every capture" {
	captures=("$GOFLOW_EXAMPLES"/*.pcap)
	[ ! -d "$GOFLOW_ROOT/../shared/captures" ] ||
		captures+=("$GOFLOW_ROOT"/../shared/captures/{real,exporters,crafted}/*.pcap)
	for capture in "${captures[@]}"; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode 2>/dev/null >binary
		reframe -j <binary >lines
		reframe <lines >again
		recdiff binary again || fail "$capture"
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j 2>/dev/null >direct
		cmp lines direct || fail "$capture: the lines of nfdecode -j differ"
	done
}

@test "captures: a bit turned over anywhere loses at most the frame that it is in, and is counted" {
	nfrecv -r "$GOFLOW_EXAMPLES/fprobe-v5.pcap" 2>/dev/null | nfdecode -j >lines 2>/dev/null
	head -n 120 lines | reframe -n 40 >stream
	bitflip stream
}

@test "captures: valgrind finds nothing in the stages" {
	need_command valgrind sqlite3
	! sanitized || skip "the programs are built with sanitizers"
	export GOFLOW_CONFINE=no # valgrind makes executable memory in the process
	check="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
	capture=$GOFLOW_EXAMPLES/softflowd-ipfix-biflow.pcap
	$check nfrecv -r "$capture" >stream.pcap 2>err || fail "$(cat err)"
	$check nfdecode <stream.pcap >stream 2>err || fail "$(cat err)"
	$check nfdecode -j <stream.pcap >lines 2>err || fail "$(cat err)"
	$check nfdecode --explain <stream.pcap >text 2>err || fail "$(cat err)"
	$check nfsink-sqlite -d flows.sqlite <stream 2>err || fail "$(cat err)"
	$check nfsink-sqlite -d flows.sqlite <lines 2>err || fail "$(cat err)"
}
