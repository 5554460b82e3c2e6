#!/usr/bin/env bats
# nfdecode: sFlow version 5, sample by sample and record by record, from generated datagrams; those of real agents are in
# captures.bats.

load helpers

setup() {
	goflow_setup
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
}

# sflow: decodes datagrams, one a line of standard input (tests/tools/sflow.py); records are in ./lines
sflow() {
	python3 "$TOOLS/sflow.py" >sflow.pcap
	nfdecode -j "$@" <sflow.pcap >lines 2>err
}

flows() { [ "$(nfctl --socket stats.sock exporters --json 2>/dev/null | jq '.exporters[0].flows')" = "$1" ]; }

# served FLOWS [OPTION...]: the same, and what nfctl tells of exporters once there are so many flows, in ./told
served() {
	local expected=$1
	shift
	python3 "$TOOLS/sflow.py" >sflow.pcap
	mkfifo in
	exec 7<>in
	background nfdecode --stats stats.sock "$@" <in >out 2>err 7>&-
	cat sflow.pcap >&7
	wait_for 10 flows "$expected"
	nfctl --socket stats.sock exporters --json >told
	exec 7>&-
	wait "$pid"
}

# packet RECORD...: a flow sample with these records, as JSON: of interface 3 to 4, 1 in 512
packet() {
	local IFS=,
	echo "{\"format\":1,\"head\":[1,3,512,9000,0,3,4],\"records\":[$*]}"
}

# datagram SAMPLE...
datagram() {
	local IFS=,
	echo "{\"samples\":[$*]}"
}

# is JQ EXPECTED: of the only record
is() { same "$2" "$(jq -c "$1" lines)" "$1"; }

# a TCP packet from 10.0.0.1 port 1234 to 10.0.0.2 port 80, behind Ethernet, and the record of it
ETHERNET=020000000002020000000001
IPV4=450000640001400040060000 # and the addresses
TCP=04d20050000000010000000250100200
FRAME=${ETHERNET}0800${IPV4}0a0000010a000002${TCP}
RAW="[1,1,118,4,{\"data\":\"$FRAME\"}]"

@test "sFlow: a sampled header: the frame's octets, one packet, the rate, the interfaces" {
	datagram "$(packet "$RAW")" | sflow
	is '[.version, .exporter, .agent, .obs_domain, .sequence, .template_id]' '[105,"192.0.2.1","192.0.2.7",0,1,null]'
	is '[.in_bytes, .in_pkts, .frame_size, .sampling_rate, .sampling_source, .in_if, .out_if]' '[118,1,118,512,"record",3,4]'
	is '[.src_ip, .dst_ip, .src_port, .dst_port, .protocol, .tcp_flags]' '["10.0.0.1","10.0.0.2",1234,80,6,16]'
	is '[.src_mac, .dst_mac, .ether_type]' '["02:00:00:00:00:01","02:00:00:00:00:02",2048]'
	is '[.export_time, .time_source, .last_switched == .received]' '[null,"received",true]'
	datagram "$(packet "[1,11,104,0,{\"data\":\"${IPV4}0a0000010a000002$TCP\"}]")" | sflow
	is '[.src_ip, .dst_port, .src_mac, .in_bytes]' '["10.0.0.1",80,null,104]'
	datagram "$(packet "[1,99,104,0,{\"data\":\"0102\"}]")" | sflow
	is '[.src_ip, .in_bytes]' '[null,104]'
}

@test "sFlow: an agent by IPv6, or by none; a rate of 0 is none" {
	echo '{"agent":"2001:db8::7","sub":9,"samples":[{"format":1,"head":[1,3,0,9000,0,3,4],"records":[]}]}' | sflow
	is '[.agent, .obs_domain, .sampling_rate, .sampling_source, .in_bytes, .in_pkts]' '["2001:db8::7",9,null,"unknown",null,1]'
}

@test "sFlow: an expanded sample, and interfaces that are none" {
	expanded() { datagram "{\"format\":3,\"head\":[1,0,70000,512,9000,0,$1],\"records\":[$RAW]}" | sflow; }
	expanded 0,70000,0,70001
	is '[.in_if, .out_if, .fwd_status]' '[70000,70001,null]'
	expanded 0,1073741823,2,5
	is '[.in_if, .out_if, .fwd_status]' '[null,null,null]'
	datagram "{\"format\":1,\"head\":[1,3,512,9000,0,4,1073741823],\"records\":[]}" | sflow # 0x3fffffff: not known
	is '[.in_if, .out_if, .fwd_status]' '[4,null,null]'
	expanded 0,0,1,258
	is '[.in_if, .out_if, .fwd_status, .drop_reason]' '[0,null,130,258]'
	datagram "{\"format\":1,\"head\":[1,3,512,9000,0,1073741823,1073741830],\"records\":[]}" | sflow
	is '[.in_if, .out_if, .fwd_status, .drop_reason]' '[null,null,131,6]'
}

@test "sFlow: a packet that was dropped, with its reason" {
	datagram "{\"format\":5,\"head\":[1,0,3,0,3,0,260],\"records\":[$RAW]}" | sflow
	is '[.in_if, .out_if, .fwd_status, .drop_reason, .sampling_rate, .sampling_source]' '[3,null,139,260,null,"unknown"]'
	is '[.in_pkts, .in_bytes, .dropped_pkts, .dropped_bytes]' '[1,118,1,118]'
}

@test "sFlow: Ethernet, IPv4 and IPv6 where there is no header, which they complete and do not overrule" {
	datagram "$(packet '[2,90,{"hex":"020000000003"},{"hex":"020000000004"},34525]')" | sflow
	is '[.src_mac, .dst_mac, .ether_type, .in_bytes]' '["02:00:00:00:00:03","02:00:00:00:00:04",34525,90]'
	local ip4='[3,76,6,{"hex":"0a000003"},{"hex":"0a000004"},1000,2000,2,8]'
	datagram "$(packet "$ip4")" | sflow
	is '[.src_ip, .dst_ip, .ip_version, .protocol, .src_port, .dst_port, .tcp_flags, .tos, .in_bytes]' \
		'["10.0.0.3","10.0.0.4",4,6,1000,2000,2,8,76]'
	datagram "$(packet '[4,80,17,{"hex":"20010db8000000000000000000000001"},{"hex":"20010db8000000000000000000000002"},53,54,0,1]')" | sflow
	is '[.src_ip, .dst_ip, .ip_version, .protocol, .src_port, .dst_port, .tcp_flags, .tos]' '["2001:db8::1","2001:db8::2",6,17,53,54,null,1]'
	datagram "$(packet '[3,28,1,{"hex":"0a000003"},{"hex":"0a000004"},8,0,0,0]')" | sflow
	is '[.protocol, .src_port]' '[1,null]'
	datagram "$(packet "$RAW" '[2,90,{"hex":"020000000003"},{"hex":"020000000004"},34525]' "$ip4")" | sflow
	is '[.src_mac, .src_ip, .in_bytes]' '["02:00:00:00:00:01","10.0.0.1",118]'
}

@test "sFlow: switch, router, gateway, user, NAT, MPLS, VLAN tunnel, VNI, tunnels" {
	datagram "$(packet '[1001,30,2,40,0]')" | sflow
	is '[.src_vlan, .vlan_priority, .dst_vlan]' '[30,2,40]'
	datagram "$(packet '[1001,4294967295,4294967295,40,4294967295]')" | sflow
	is '[.src_vlan, .vlan_priority, .dst_vlan]' '[null,null,40]'
	datagram "$(packet '[1002,"192.0.2.9",24,25]')" | sflow
	is '[.next_hop, .src_mask, .dst_mask]' '["192.0.2.9",24,25]'
	datagram "$(packet '[1002,"2001:db8::9",64,48]')" | sflow
	is '[.next_hop, .src_mask, .dst_mask]' '["2001:db8::9",64,48]'
	datagram "$(packet '[1003,"192.0.2.9",64500,64501,64502,2,2,2,65000,65001,1,2,65010,65011,2,4259840100,65536,150]')" | sflow
	is '[.bgp_next_hop, .router_as, .src_as, .prev_as, .next_as, .dst_as]' '["192.0.2.9",64500,64501,64502,65000,65011]'
	is '[.as_path, .communities, .local_pref]' '["65000 65001 {65010 65011}","65000:100 1:0",150]'
	datagram "$(packet '[1003,"192.0.2.9",64500,64501,64502,0,0,4294967295]')" | sflow
	is '[.src_as, .next_as, .dst_as, .as_path, .communities, .local_pref]' '[64501,null,null,null,null,null]'
	datagram "$(packet '[1004,106,{"text":"anna"},106,{"text":"bob the 2nd"}]')" | sflow
	is '[.user_name, .dst_user_name]' '["anna","bob the 2nd"]'
	datagram "$(packet '[1007,"192.0.2.10","192.0.2.11"]' '[1020,4000,4001]')" | sflow
	is '[.xlate_src_ip, .xlate_dst_ip, .xlate_src_port, .xlate_dst_port]' '["192.0.2.10","192.0.2.11",4000,4001]'
	datagram "$(packet '[1006,"192.0.2.9",2,98308160,65856,1,98312000]')" | sflow
	is '[.mpls_label_1, .mpls_label_2, .mpls_label_3, .next_hop]' '[24001,16,null,"192.0.2.9"]'
	datagram "$(packet '[1012,2,2291138592,2164260865]')" | sflow
	is '[.src_vlan, .src_cvlan]' '[32,1]'
	datagram "$(packet '[1030,5000]')" | sflow
	grep -q "\"l2_segment\":$(((1 << 56) + 5000))[,}]" lines # jq's numbers have 53 bits
	datagram "$(packet '[1023,100,47,{"hex":"c0000214"},{"hex":"c0000215"},0,0,0,0]')" | sflow
	is '[.outer_src_ip, .outer_dst_ip, .outer_protocol]' '["192.0.2.20","192.0.2.21",47]'
}

@test "sFlow: the sampled header comes first wherever it stands among the records" {
	local ip4='[3,76,17,{"hex":"0a000003"},{"hex":"0a000004"},1000,2000,0,8]'
	datagram "$(packet "$ip4" '[1023,100,47,{"hex":"c0000214"},{"hex":"c0000215"},0,0,0,0]' "$RAW")" | sflow
	is '[.src_ip, .src_port, .protocol, .in_bytes, .outer_src_ip]' '["10.0.0.1",1234,6,118,"192.0.2.20"]'
	is '[.inner_src_ip, .inner_dst_ip, .inner_protocol, .inner_src_port, .inner_dst_port]' '["10.0.0.1","10.0.0.2",6,1234,80]'
	# of several the first
	datagram "$(packet "$RAW" "[1,11,70,0,{\"data\":\"${IPV4}0a0000090a000008$TCP\"}]")" | sflow
	is '[.src_ip, .in_bytes]' '["10.0.0.1",118]'
}

@test "sFlow: a sampled header that is shorter than it says gives what is there" {
	datagram "$(packet "[1,1,118,4,128,{\"hex\":\"$FRAME\"}]")" | sflow
	is '[.src_ip, .dst_port, .tcp_flags]' '["10.0.0.1",80,16]'
	datagram "$(packet '[1,1,118,4,128]')" | sflow
	is '[.src_ip, .in_bytes]' '[null,118]'
}

@test "sFlow: headers of PPP, with and without its address, control and upper half" {
	for front in ff030021 0021 ff0321 21; do
		for protocol in 7 14; do
			datagram "$(packet "[1,$protocol,106,0,{\"data\":\"$front${IPV4}0a0000010a000002$TCP\"}]")" | sflow
			is '[.src_ip, .dst_port, .in_bytes]' '["10.0.0.1",80,106]'
		done
	done
	datagram "$(packet '[1,7,106,0,{"data":"ff03"}]')" "$(packet '[1,7,106,0,{"data":"c021"}]')" | sflow
	same '106 106' "$(jq -r .in_bytes lines | paste -sd ' ')"
}

@test "sFlow: the data source is the observation point, and an interface tells the direction" {
	datagram "$(packet "$RAW")" | sflow
	is '[.obs_point, .direction]' '[3,0]'
	datagram "{\"format\":1,\"head\":[1,4,512,9000,0,3,4],\"records\":[$RAW]}" | sflow
	is '[.obs_point, .direction]' '[4,1]'
	datagram "{\"format\":1,\"head\":[1,3,512,9000,0,3,3],\"records\":[$RAW]}" | sflow
	is '[.obs_point, .direction]' '[3,null]'
	# VLAN 3, entPhysicalEntry 3
	datagram "{\"format\":1,\"head\":[1,16777219,512,9000,0,3,4],\"records\":[$RAW]}" | sflow
	is '[.obs_point, .direction]' '[4294967299,null]'
	datagram "{\"format\":3,\"head\":[1,2,3,512,9000,0,0,3,0,4],\"records\":[$RAW]}" | sflow
	is '[.obs_point, .direction]' '[8589934595,null]'
	datagram "{\"format\":3,\"head\":[1,0,70000,512,9000,0,0,3,0,70000],\"records\":[$RAW]}" | sflow
	is '[.obs_point, .direction]' '[70000,1]'
}

@test "sFlow: VLAN tags that were stripped stand before the one in the frame, and behind what the switch says" {
	local tagged="[1,1,118,4,{\"data\":\"${ETHERNET}810060640800${IPV4}0a0000010a000002${TCP}\"}]"
	datagram "$(packet '[1012,1,2291178188]' "$tagged")" | sflow
	is '[.src_vlan, .src_cvlan, .vlan_priority]' '[2764,100,4]'
	datagram "$(packet '[1012,3,2291138592,2164260865,2164260866]' "$tagged")" | sflow
	is '[.src_vlan, .src_cvlan]' '[32,1]'
	datagram "$(packet '[1001,30,2,40,0]' '[1012,1,2291138592]' "$tagged")" | sflow
	is '[.src_vlan, .src_cvlan, .vlan_priority]' '[30,null,3]'
}

@test "sFlow: tunnels of layer 2, 802.11, queues and delays, time stamps" {
	datagram "$(packet '[1021,90,{"hex":"020000000003"},{"hex":"020000000004"},2048]' '[1022,90,{"hex":"020000000005"},{"hex":"020000000006"},2048]' "$RAW")" | sflow
	is '[.post_src_mac, .post_dst_mac, .src_mac]' '["02:00:00:00:00:03","02:00:00:00:00:04","02:00:00:00:00:01"]'
	datagram "$(packet '[1014,{"text":"guests"},{"hex":"020000000003"},4,36,0,54000000,0,0,0]')" | sflow
	is .wlan_ssid '"guests"'
	datagram "$(packet '[1036,7]' '[1040,150000]' '[1039,4200000000]' "$RAW")" | sflow
	is '[.egress_queue, .queue_depth, .transit_delay]' '[7,150000,4200000000]'
	datagram "$(packet "[1043,$((1700000000123456789 >> 32)),$((1700000000123456789 & 4294967295))]" "$RAW")" | sflow
	is '[.event_time, .last_switched, .time_source]' '["2023-11-14T22:13:20.123456789Z","2023-11-14T22:13:20.123456789Z","event_time"]'
}

@test "sFlow: dropped packets with the names that the exporter has for why" {
	dropped() { datagram "{\"format\":5,\"head\":[1,0,3,0,3,0,$1],\"records\":[$2]}" | sflow; }
	dropped 258 '[1041,{"text":"acl_drops"},{"text":"ingress_flow_action_drop"}]'
	is '[.drop_name, .fwd_status, .direction, .obs_point]' '["ingress_flow_action_drop",130,0,3]'
	dropped 335 '[1042,{"text":"ip_rpfilter"}],[1038,{"text":"ip_rcv_finish_core"}]'
	is '[.drop_name, .fwd_status, .drop_reason]' '["ip_rpfilter",140,335]'
	dropped 70000 '[1038,{"text":"ip_rcv"}]'
	is '[.drop_name, .fwd_status, .drop_reason]' '["ip_rcv",128,null]'
}

@test "sFlow: what an application did is not a packet" {
	datagram "$(packet '[2206,1,1001,{"text":"/"},{"text":"example.org"}]')" | sflow
	is '[.in_pkts, .in_bytes, .sampling_rate]' '[null,null,512]'
}

@test "sFlow: records that are not known stay with the flow record, up to 64" {
	datagram "$(packet '[5000,1]' '[1005,1,{"text":"/"},{"text":"h"}]' '[5000,2]' "$RAW" '[4097,3]' '[5000]')" "$(packet "$RAW")" | sflow
	same '{"sflow1:id904":[{"hex":"00000001"},{"hex":"00000002"},{"hex":""}],"sflow0:id1005":{"hex":"00000001000000012f0000000000000168000000"},"sflow1:id1":{"hex":"00000003"}}' \
		"$(head -n 1 lines | jq -c .extra)"
	same null "$(tail -n 1 lines | jq -c .extra)"
	nfdecode <sflow.pcap 2>/dev/null | reframe -j | reframe | reframe -j >again
	cmp lines again
	# shellcheck disable=SC2046
	datagram "$(packet $(for i in {1..70}; do echo "[$((5000 + i)),$i]"; done) "$RAW")" | sflow
	is '[(.extra | length), .in_bytes]' '[64,118]'
}

@test "sFlow: a path and communities that are too long end in ... and not within a number" {
	python3 - >many.json <<-'END'
		import json
		path = [1003, "192.0.2.9", 1, 2, 3, 1, 2, 300] + [4200000000 + i for i in range(300)] + [90] + [65000 << 16 | i for i in range(90)] + [7]
		print(json.dumps({"samples": [{"format": 1, "head": [1, 3, 512, 9000, 0, 3, 4], "records": [path]}]}))
	END
	sflow <many.json
	is '[.dst_as, .local_pref, (.as_path | length) <= 1003, (.as_path | endswith(" ..."))]' '[4200000299,7,true,true]'
	is '.as_path | rtrimstr(" ...") | split(" ") | all(tonumber > 4199999999)' true
	is '.communities | split(" ") | length' 90
}

@test "sFlow: what follows a sample or record whose length is too long, or that is not known, is decoded" {
	datagram "$(packet "$RAW" | sed 's/"format":1/"longer":4,"format":1/')" '{"format":4100,"hex":"00000001"}' \
		'{"format":2,"head":[1,3]}' "$(packet '[5000,1,2,3]' "$RAW")" | sflow
	same '118 118' "$(jq -r .in_bytes lines | paste -sd ' ')"
	same 1 "$(total err decoded)"
}

@test "sFlow: what is cut or contradicts itself is counted, and what stands before it is written" {
	{
		datagram "$(packet "$RAW")" "$(packet "$RAW")" | sed 's/^{/{"cut":40,/'
		datagram "$(packet "$RAW")" | sed 's/^{/{"count":2,"seq":2,/'
		echo '{"version":4,"samples":[]}'
		echo '{"seq":3,"samples":[{"format":1,"hex":"0000000100000003"}]}'
		datagram "$(packet "$RAW")" | sed 's/^{/{"seq":4,/'
	} | sflow
	same 3 "$(wc -l <lines)"
	same '1 1 1 1 1' "$(for c in decoded bad_set bad_header version bad_record; do total err "$c"; done | paste -sd ' ')"
}

@test "sFlow: a record that is cut leaves out what it cannot tell, and keeps the rest" {
	datagram "$(packet '[1002,"192.0.2.9",24]' '[1001,30]' '[1003,"192.0.2.9",1,2,3,1,2,5,65000]' "$RAW")" | sflow
	is '[.next_hop, .src_mask, .src_vlan, .as_path, .router_as, .src_ip]' '[null,null,null,null,1,"10.0.0.1"]'
	datagram '{"format":1,"head":[1,3,512,9000,0,3,4,1,1,400],"records":[]}' | sflow
	same 1 "$(total err bad_record)"
}

@test "sFlow: lost datagrams are told by exporter, agent and sub-agent, and records are estimated" {
	for seq in 1 2 5 6; do
		datagram "$(packet "$RAW")" "$(packet "$RAW")" | sed "s/^{/{\"seq\":$seq,/"
		datagram "$(packet "$RAW")" | sed "s/^{/{\"seq\":$((100 + seq)),\"sub\":1,/"
	done | served 12
	same '[[105],4,6]' "$(jq -c '.exporters[0] | [.versions, .lost_datagrams, .lost_records]' told)"
}

@test "sFlow: --explain tells each value of each record with its offset" {
	datagram "$(packet "$RAW" '[1001,30,2,40,0]')" | python3 "$TOOLS/sflow.py" | nfdecode --explain >text 2>err
	grep -Eq '^ +4  00000001 +agent_address_type +1$' text
	grep -Eq '^ +28  set 1, [0-9]+ octets: flow sample$' text
	grep -Eq '^ +44  00000200 +sampling_rate +512$' text
	grep -Eq '^ +[0-9]+  0000001e +src_vlan +30$' text
	grep -q -- '-> {"received".*"src_ip":"10.0.0.1"' text
}

@test "sFlow: names by the exporters file, and scaled counters" {
	printf '192.0.2.1: {name: leaf1, interfaces: {3: xe-0/0/3}}\n' >exporters.yml
	datagram "$(packet "$RAW")" | sflow --exporters exporters.yml --scale
	is '[.exporter_name, .in_if_name, .out_if_name, .in_bytes_scaled, .in_pkts_scaled]' '["leaf1","xe-0/0/3",null,60416,512]'
	nfdecode --exporters exporters.yml --scale <sflow.pcap 2>/dev/null | reframe -j >again
	cmp lines again
}

# a sample of counters: of interface 3, whose unknown protocols are not counted, and of a host
COUNTERS='{"format":2,"head":[9,3],"records":[[1,3,6,0,1000000000,1,3,1,5,10,20,30,4,5,4294967295,4294967295,4294967295,11,21,31,6,7,0],[2,1,2,3],[2003,1,2]]}'

@test "sFlow: counter samples are passed over and counted, or lines of their own with --counters" {
	datagram "$COUNTERS" "$(packet "$RAW")" '{"format":4,"head":[9,0,70000],"records":[[1001,100,200,4294967295,0,4096,0,1024]]}' | sflow
	same 1 "$(wc -l <lines)"
	same '1 2 1' "$(for c in decoded counter_samples written; do total err "$c"; done | paste -sd ' ')"
	nfdecode -j --counters <sflow.pcap >lines 2>err
	same '"counters" null "counters"' "$(jq -c .type lines | paste -sd ' ')"
	same '1 2 1' "$(for c in decoded counter_samples written; do total err "$c"; done | paste -sd ' ')"
	same '["192.0.2.7",105,0,3]' "$(jq -c 'select(.type) | [.agent, .version, .obs_domain, .obs_point]' lines | head -n 1)"
	jq -c 'select(.type) | .counters' lines >counters
	same '[3,1000000000,4294967301,10,null,null,7]' \
		"$(jq -c '.if_counters | select(.) | [.ifIndex, .ifSpeed, .ifInOctets, .ifInUcastPkts, .ifInUnknownProtos, .ifOutOctets, .ifOutErrors]' counters)"
	same '[{"dot3StatsAlignmentErrors":1,"dot3StatsFCSErrors":2,"dot3StatsSingleCollisionFrames":3},"0000000100000002"]' \
		"$(jq -c 'select(.if_counters) | [.ethernet_counters, ."0:2003"]' counters)"
	same '{"processor":{"5s_cpu":100,"1m_cpu":200,"total_memory":4096,"free_memory":1024}}' "$(tail -n 1 counters)"
}

@test "sFlow: lines of counters are no flow records, and asked for beside --explain they are refused" {
	datagram "$COUNTERS" "$(packet "$RAW")" | sflow --counters
	nfsink-sqlite -d flows.sqlite <lines 2>err
	same '1 1' "$(total err stored) $(total err other_lines)"
	run nfdecode --explain --counters <sflow.pcap
	same 64 "$status"
}

@test "sFlow: counters in the flow stream: frames of their own, whose lines are those of -j, through every reader" {
	nfrecv -r "$GOFLOW_EXAMPLES/pmacct-sflow.pcap" >pcap 2>/dev/null
	nfdecode -j --counters <pcap 2>/dev/null | grep '^{"type"' >expected
	nfdecode --counters --stream-id "$ID" <pcap >frames 2>err
	same '5 180 5' "$(wc -l <expected) $(total err written) $(total err counter_samples)"
	nfjson <frames 2>err | grep '^{"type"' | cmp - expected
	same '180 5' "$(total err written) $(total err counters)"
	python3 "$GOFLOW_EXAMPLES/read_stream.py" <frames | grep '^{"type"' | cmp - expected
	nftee copy <frames 2>/dev/null
	cmp copy frames
	nfjson <frames 2>/dev/null | reframe | nfjson 2>/dev/null >again
	nfjson <frames 2>/dev/null | cmp - again
	nfdecode <pcap 2>/dev/null | nfjson 2>err | grep -c '^{"type"' | grep -qx 0
}

@test "sFlow: a damaged frame of counters is counted, and costs no records" {
	nfrecv -r "$GOFLOW_EXAMPLES/pmacct-sflow.pcap" 2>/dev/null | nfdecode --counters 2>/dev/null >frames
	sed 's/"type":"counters"/"type":"Counters"/' <frames >damaged
	run nfjson <damaged
	same 1 "$status"
	same '180 0 1 0' "$(for c in written counters damaged_frames damaged_records; do total <(echo "$output") "$c"; done | paste -sd ' ')"
}

@test "sFlow: counters that are cut, or tell of more than there is" {
	datagram '{"format":2,"head":[9,3],"records":[[1,3,6]]}' '{"format":2,"hex":"000000090000000300000009"}' \
		'{"format":2,"hex":"0000000900000003000000090000000100000fff"}' '{"format":2,"hex":"00000009"}' | sflow --counters
	same '{"if_counters":{"ifIndex":3,"ifType":6}} {} {}' "$(jq -c .counters lines | paste -sd ' ')"
	same 4 "$(total err counter_samples)"
}

@test "sFlow: sequence numbers are kept between runs" {
	for seq in 1 2 5 6; do
		datagram "$(packet "$RAW")" | sed "s/^{/{\"seq\":$seq,/"
	done >datagrams
	head -n 2 datagrams | sflow --state state
	tail -n 2 datagrams | served 2 --state state
	same '[2,2]' "$(jq -c '.exporters[0] | [.lost_datagrams, .lost_records]' told)"
}
