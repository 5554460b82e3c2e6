#!/usr/bin/env bats
# What exporters tell in option records, joined into their flow records: names of interfaces, VRFs and applications, and
# sampling rates by every way that they are announced.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	need_command python3 jq
}

craft() { python3 "$TOOLS/craft.py" "$@"; }

# gives CASE JQ EXPECTED...: what an expression says of each record of a case, in order
gives() {
	local case=$1 what=$2
	shift 2
	craft "$case" >in.pcap
	nfdecode -j <in.pcap 2>err | jq -r "$what" >found
	same 0 "$(total err gap)" "$case: ledger"
	printf '%s\n' "$@" | diff - found || fail "$case"
}

@test "options: interfaces have names, by whatever way their table is keyed" {
	for case in interface-names interface-scope interface-egress; do
		gives "$case" '"\(.in_if_name) \(.out_if_name)"' "Gi0/0/1 Gi0/0/2"
	done
	gives interface-ipfix '"\(.in_if_name), \(.out_if_name)"' "eth0, a longer name of an interface"
	gives interface-descriptions '"\(.in_if_name), \(.out_if_name)"' "port 1, port 2"
}

@test "options: names count from when they are announced, by domain, else for the whole exporter" {
	gives interface-renamed '"\(.in_if_name) \(.out_if_name)"' "null null" "Gi0/0/1 Gi0/0/2" "Te0/0/1 Te0/0/2"
	gives interface-elsewhere '"\(.in_if_name) \(.out_if_name)"' "Gi6/1 Gi6/2"
	gives interface-domains '"\(.in_if_name) \(.out_if_name)"' "Gi7/1 Gi7/2"
}

@test "options: VRFs and applications have names" {
	gives vrf-names '"\(.vrf_in) \(.vrf_in_name), \(.vrf_out) \(.vrf_out_name)"' "5 red, 6 blue"
	gives application-names '"\(.app_id) \(.app_name)"' "218104261 https" "218104262 only described" "218104263 null"
}

@test "options: each of 200 interfaces has a rate of its own, by which a record came in, or else left" {
	gives many-interfaces .sampling_rate $(seq 1001 1200) $(seq 1001 1200)
	same '["options"]' "$(nfdecode -j <in.pcap 2>err | jq -sc 'map(.sampling_source) | unique')"
}

@test "options: properties that records share, and refer to (RFC 5473), are theirs" {
	gives common-properties '"\(.src_ip) \(.src_as) \(.in_if) \(.sampling_rate)"' "10.0.0.5 64501 9 100" "10.0.0.6 64502 9 200" \
		"10.0.0.7 null 9 null" "10.0.0.56 64502 2 200" "10.0.1.5 null 9 null" "10.0.2.5 null 9 null"
	nfdecode -j <in.pcap 2>err | jq -c 'select(.src_ip | test("0.56?$")).extra | [.informationElementId.value, .commonPropertiesId]' >found
	diff - found <<-'END'
		[77,{"value":5,"hex":"00000005"}]
		[77,[{"value":5,"hex":"05"},{"value":6,"hex":"06"}]]
	END
	same "$(nfdecode -j <in.pcap 2>err)" "$(nfdecode <in.pcap 2>err | nfjson 2>err)"
}

@test "options: what is announced counts before the user's file, which names what is not" {
	cat >exporters.yml <<-END
		192.0.2.1: {sampling: 7, interfaces: {1: "of the file", 3: x}}
	END
	craft interface-names | nfdecode -j --exporters exporters.yml 2>err | jq -r '"\(.in_if_name) \(.sampling_rate)"' >found
	same "Gi0/0/1 7" "$(cat found)"
	craft plain-v9 | nfdecode -j --exporters exporters.yml 2>err | jq -r '"\(.in_if_name) \(.out_if_name)"' >found
	same "of the file null" "$(cat found)"
	craft sampling-34 | nfdecode -j --exporters exporters.yml 2>err | jq -r '"\(.sampling_rate) \(.sampling_source)"' >found
	same "34 options" "$(cat found)"
}

@test "options: sampling rates, by every way to announce one" {
	rate='"\(.sampling_rate) \(.sampling_source)"'
	gives sampling-34 "$rate" "34 options"
	gives sampling-34-alone "$rate" "340 options"
	gives sampling-305 "$rate" "305 options"
	gives sampling-309 "$rate" "309 options"
	gives sampling-one "$rate" "1 options"
	gives sampling-elsewhere "$rate" "66 options"
	gives sampling-samplers "$rate" "1000 options" "2000 options" "null unknown"
	gives sampling-selectors "$rate" "302 options"
	gives sampling-interfaces "$rate" "100 options" "200 options" "null unknown"
	gives sampling-template "$rate" "256 options" "null unknown"
	gives sampling-in-records "$rate" "50 record"
	gives sampled-v5 "$rate" "100 header"
	gives plain-v5 "$rate" "null unknown"
	gives plain-v9 "$rate" "null unknown"
}

@test "scale: counters times the rate stand beside the raw ones, as large as can be, and not at all where no rate is known" {
	numbers() { grep -oE '"(in_(bytes|pkts)(_scaled)?)":[0-9]+|\}$' out | sed -E 's/.*://' | tr '\n' ' ' | sed 's/ } */\n/g'; }
	craft sampling-counters >in.pcap
	nfdecode -j --scale <in.pcap 2>err >out
	same "$(printf '%s\n' "1500 2 1500000 2000" "1500 2 1500 2" "9223372036854775808 4611686018427387904 18446744073709551615 13835058055282163712" \
		"1500 2")" "$(numbers)"
	nfdecode -j <in.pcap 2>err | jq -es 'length == 4 and all(.[]; has("in_bytes_scaled") or has("in_pkts_scaled") | not)'
	craft sampled-v5 | nfdecode -j --scale 2>err | jq -es 'length == 1 and .[0].in_bytes_scaled == 100000 and .[0].in_pkts_scaled == 1000'
	craft sampling-34 | nfdecode -j --scale 2>err | jq -es 'length == 1 and .[0].in_bytes_scaled == 34000 and .[0].in_pkts_scaled == 340'
	echo '192.0.2.1: {sampling: 10}' >exporters.yml
	craft plain-ipfix | nfdecode -j --scale --exporters exporters.yml 2>err | jq -es 'length == 1 and .[0].in_bytes_scaled == 10000'
}

@test "options: names and rates are kept by --state, wherever the input is cut" {
	need_command tcpdump
	for case in interface-domains vrf-names application-names sampling-samplers sampling-interfaces sampling-template \
		common-properties; do
		craft "$case" >in.pcap
		nfdecode -j <in.pcap 2>/dev/null >whole
		for ((cut = 1; cut < $(tcpdump -r in.pcap 2>/dev/null | wc -l); cut++)); do
			rm -f state
			tcpdump -r in.pcap -c "$cut" -w - 2>/dev/null | nfdecode -j --state state 2>err >parts
			python3 - "$cut" <<-'END' | nfdecode -j --state state 2>>err >>parts
				import struct, sys
				data, at, out = open("in.pcap", "rb").read(), 24, sys.stdout.buffer
				for _ in range(int(sys.argv[1])):
				    at += 16 + struct.unpack("<I", data[at + 8:at + 12])[0]
				out.write(data[:24] + data[at:])
			END
			diff <(jq -c 'del(.received)' whole) <(jq -c 'del(.received)' parts) || fail "$case, cut at $cut: $(cat err)"
		done
	done
}
