#!/usr/bin/env bats
# What exporters do otherwise than others: for each quirk a capture of its kind, which comes out right, and is counted under the
# quirk's name. Those that no datagram shows for sure are set by an exporters file.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	need_command python3 jq
}

teardown() {
	exec 7>&-
	goflow_teardown
}

craft() { python3 "$TOOLS/craft.py" "$@"; }

# decoded CASE [OPTION...]: its records in ./out, and what is told of its exporter in ./exporter
decoded() {
	local case=$1
	shift
	rm -f in
	mkfifo in
	background bash -c 'exec nfdecode -j "$@" <in >out 2>err' _ "$@"
	exec 7>in
	craft "$case" >in.pcap
	cat in.pcap >&7
	wait_for 20 received "$(tcpdump -r in.pcap 2>/dev/null | wc -l)" || fail "$case: $(cat err)"
	nfctl -j -i 1ms exporters | jq '.exporters[0]' >exporter
	exec 7>&-
	wait "$pid"
	same 0 "$(total err gap)" "$case: ledger"
}

received() { [ "$(of_stage nfdecode .counters.received)" = "$1" ]; }

# gives CASE QUIRKS JQ EXPECTED...: what an expression says of each record, in order; and the quirks that were met, as JSON
gives() {
	local case=$1 quirks=$2 what=$3
	shift 3
	decoded "$case" "${options[@]}"
	jq -r "$what" out >found
	printf '%s\n' "$@" | diff - found || fail "$case: records"
	same "$quirks" "$(jq -cS .quirks exporter)" "$case: quirks"
}

options=()

file() { cat >exporters.yml && options=(--exporters exporters.yml); }

flow='"\(.first_switched) \(.last_switched)"'
rate='"\(.sampling_rate) \(.sampling_source)"'

@test "quirks: uptimes in seconds, by two headers, or by the file" {
	gives uptime-in-seconds '{"uptime-in-seconds":1}' "$flow" "2023-11-14T22:13:50Z 2023-11-14T22:14:00Z"
	gives uptime-in-seconds-once '{}' "$flow" "2023-11-14T22:13:19.970Z 2023-11-14T22:13:19.980Z"
	file <<<'192.0.2.1: {quirks: [uptime-in-seconds]}'
	gives uptime-in-seconds-once '{"uptime-in-seconds":1}' "$flow" "2023-11-14T22:12:50Z 2023-11-14T22:13:00Z"
	gives uptime-in-seconds-v5 '{"uptime-in-seconds":1}' "$flow" "2023-11-14T22:12:50Z 2023-11-14T22:13:00Z"
	gives sampled-v5 '{"sampling-mode":1,"uptime-in-seconds":1}' "$rate" "100 header"
}

@test "quirks: sampling intervals with the lowest byte first, where no other rate is plausible, or by the file" {
	gives little-endian-sampling '{"little-endian-sampling":2}' "$rate" "1000 record" "5 record"
	gives little-endian-sampling-options '{"little-endian-sampling":1}' "$rate" "1000 options"
	gives little-endian-sampling-unclear '{}' "$rate" "65536 record"
	file <<<'192.0.2.0/24: {quirks: [little-endian-sampling]}'
	gives little-endian-sampling-unclear '{"little-endian-sampling":1}' "$rate" "256 record"
	gives little-endian-sampling-v5 '{"little-endian-sampling":1}' "$rate" "100 header"
}

@test "quirks: 23 and 24 are what left, or the opposite direction by the file" {
	counters='"\(.in_bytes) \(.in_pkts), \(.out_bytes) \(.out_pkts), \(.rev_bytes) \(.rev_pkts)"'
	gives out-is-reverse '{}' "$counters" "1000 10, 2000 20, null null"
	file <<<'192.0.2.1: {quirks: [out-is-reverse]}'
	gives out-is-reverse '{"out-is-reverse":1}' "$counters" "1000 10, null null, 2000 20"
	gives initiator-counters '{"initiator-counters":1,"out-is-reverse":0}' "$counters" "1000 10, null null, 2000 20"
}

@test "quirks: samplers that are none, that are 0, and that nobody announced" {
	gives bad-sampler '{"bad-sampler":1}' "$rate" "20 options"
	gives sampler-zero '{"sampler-zero":1}' "$rate" "5000 options"
	gives sampler-unknown '{"sampler-unknown":1}' "$rate" "null unknown"
	gives sampling-template '{"template-sampling":1}' "$rate" "256 options" "null unknown"
	gives sampling-interfaces '{"interface-sampling":2}' "$rate" "100 options" "200 options" "null unknown"
	gives sampled-v5 '{"sampling-mode":1}' "$rate" "100 header"
}

@test "quirks: uptimes that are newer than the header, that have wrapped, of 8 octets, and by an option record" {
	gives flow-after-header '{"flow-after-header":1}' "$flow" "2023-11-14T22:13:19.960Z 2023-11-14T22:13:20.160Z"
	gives uptime-wrapped '{"uptime-wrapped":1}' "$flow" "2023-11-14T22:13:15.000Z 2023-11-14T22:13:17.000Z"
	gives long-uptime '{"long-uptime":1}' "$flow" "2023-11-14T22:13:18.000Z 2023-11-14T22:13:19.000Z"
	gives uptime-base '{"uptime-base":1}' "$flow" "2023-11-14T22:13:18.000Z 2023-11-14T22:13:19.000Z"
	gives uptime-base-at-once '{"uptime-base":1}' "$flow" "2023-11-14T22:13:18.000Z 2023-11-14T22:13:19.000Z"
	gives uptime-base-in-records '{}' "$flow" "2023-11-14T21:13:22.000Z 2023-11-14T21:13:23.000Z" \
		"2023-11-14T21:13:24.000Z 2023-11-14T21:13:26.000Z" "null 2023-11-14T22:13:20Z"
}

@test "quirks: ICMP types in ports" {
	icmp='"\(.protocol) \(.icmp_type) \(.icmp_code)"'
	gives icmp-in-port '{"icmp-in-port":3}' "$icmp" "1 3 1" "1 8 0" "58 129 0" "1 null null" "17 null null"
	gives icmp-said '{}' "$icmp" "1 11 0"
}

@test "quirks: padding of sets, templates and datagrams" {
	gives long-padding '{"long-padding":1}' '"\(.src_ip) \(.in_bytes)"' "10.0.0.1 1000"
	gives template-padding '{"template-padding":3}' '"\(.src_ip) \(.in_bytes) \(.sampling_rate)"' "10.0.0.1 100 30" "10.0.0.2 200 30"
	gives datagram-padding '{"datagram-padding":1}' '"\(.src_ip) \(.in_bytes)"' "10.0.0.1 1000"
}

@test "quirks: templates with fields of no length, the same ones twice, of variable length in v9, of both families, of odd lengths" {
	gives empty-fields '{"empty-fields":2}' '"\(.src_ip) \(.in_bytes) \(.sampling_rate)"' "10.0.0.1 100 70"
	gives repeated-elements '{"repeated-elements":1}' '[.extra.interfaceName[].value] | join(" ")' "eth0 bond1"
	gives variable-v9 '{"variable-v9":1}' '"\(.app_name) \(.in_bytes)"' "https 100"
	gives both-families '{"both-families":1}' .src_ip 10.0.0.1 2001:db8::1
	gives odd-option-length '{"odd-option-length":1}' .sampling_rate 90
	gives template-redefined '{"template-redefined":2}' '"\(.src_ip) \(.in_bytes)"' "10.0.0.1 1000" "10.0.0.2 100"
}

@test "quirks: counters that can not be are kept, and counted" {
	gives doubtful-counters '{"implausible-bytes":1,"zero-packets":1}' '"\(.in_pkts) \(.in_bytes)"' "1 2000000000" "0 1000" "0 0" "2 131070"
}

@test "quirks: what enterprises say by elements of their own" {
	gives forwarding-exception '{"forwarding-exception":2}' .fwd_status 64 128
	gives nat-by-times '{"nat-by-times":2}' '"\(.nat_event) \(.nat_subscriber)"' '1 LSN-Host@10.0.0.1' '2 LSN-Host@10.0.0.1'
}

@test "quirks: sFlow with MAC addresses that are not padded, and samples that are longer than their records" {
	gives unpadded-mac '{"unpadded-mac":1}' '"\(.src_mac) \(.dst_mac) \(.ether_type) \(.in_bytes)"' "02:00:00:00:00:01 02:00:00:00:00:02 2048 90"
	gives long-sample '{"long-sample":1}' '"\(.src_vlan) \(.dst_vlan)"' "30 40"
}

@test "quirks: nfctl shows those that were met and those that the file has, with the exporter's name" {
	file <<<'192.0.2.1: {name: edge-1, quirks: [out-is-reverse]}'
	decoded little-endian-sampling "${options[@]}"
	same '"edge-1" {"little-endian-sampling":2,"out-is-reverse":0}' "$(jq -cS '.name, .quirks' exporter | paste -sd ' ')"
	mkfifo again
	background nfdecode -j "${options[@]}" <>again >out 2>err
	craft little-endian-sampling >again
	wait_for 20 received 1
	nfctl -i 1ms exporters >table
	grep -q '^192.0.2.1 .* edge-1 *little-endian-sampling,out-is-reverse$' table || fail "$(cat table)"
}

@test "quirks: each has a name in nfdecode(1), and a case here" {
	sed -nE 's/^Q\([A-Z_0-9]+, "([^"]+)".*/\1/p' "$GOFLOW_ROOT/lib/quirks.def" >names
	[ "$(wc -l <names)" -gt 20 ]
	while read -r name; do
		grep -q "^\.It Cm $name\$" "$GOFLOW_ROOT/nfdecode/nfdecode.1" || fail "nfdecode(1) has no $name"
		grep -q "\"$name\":[1-9]" "$BATS_TEST_FILENAME" || fail "no case meets $name"
	done <names
}
