#!/usr/bin/env bats
# nfdecode: records of both directions, of NAT and of firewalls, from generated datagrams.

load helpers

setup() {
	goflow_setup
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
}

# ipfix OPTION...: decodes the datagrams of standard input, one a line (tests/tools/ipfix.py), to ./lines
ipfix() {
	python3 "$TOOLS/ipfix.py" >ipfix.pcap
	nfdecode -j "$@" <ipfix.pcap >lines 2>err
}

# one FIELD:VALUE...: a datagram of one record; FIELD is ID/LENGTH or PEN.ID/LENGTH, VALUE as JSON
one() {
	local each fields='' values='' field pen
	for each; do
		field=${each%%:*} pen=
		[[ $field != *.* ]] || pen=,${field%.*} field=${field#*.}
		fields+=,[${field/\//,}$pen]
		values+=,${each#*:}
	done
	echo "{\"fields\":[${fields:1}],\"records\":[[${values:1}]]}"
}

# v9: the same as NetFlow v9, whose elements beyond 32767 are of no enterprise
v9() { sed 's/^{/{"version":9,/' | ipfix; }

# is JQ EXPECTED [N]: of the N-th record, of which the first one is 0
is() { same "$2" "$(jq -sc ".[${3:-0}] | $1" lines)" "$1 of record ${3:-0}"; }

BOTH=(8/4:'"10.0.0.1"' 12/4:'"10.0.0.2"' 7/2:1234 11/2:80 4/1:6 10/4:3 14/4:4 16/4:64501 17/4:64502 9/1:24 13/1:25
	56/6:'"02:00:00:00:00:01"' 80/6:'"02:00:00:00:00:02"' 58/2:100 59/2:200 234/4:7 235/4:8 61/1:0 239/1:1
	5/1:8 6/2:24 1/8:1000 2/8:10 192/1:63)

@test "biflow: what is of the opposite direction is in fields of its own" {
	one "${BOTH[@]}" 29305.1/8:2000 29305.2/8:20 29305.5/1:16 29305.6/2:18 29305.152/8:1699999999000 29305.157/8:0 | ipfix
	same 1 "$(wc -l <lines)"
	is '[.in_bytes, .in_pkts, .tos, .tcp_flags, .rev_bytes, .rev_pkts, .rev_tos, .rev_tcp_flags]' '[1000,10,8,24,2000,20,16,18]'
	is '[.rev_first_switched, .rev_last_switched, (.extra | keys)]' '["2023-11-14T22:13:19.000Z",null,["reverseFlowEndNanoseconds"]]' # an NTP time of 0 is none
}

@test "biflow: --split-biflow makes a record of each direction, with source and destination exchanged" {
	one "${BOTH[@]}" 29305.1/8:2000 29305.2/8:20 29305.5/1:16 29305.6/2:18 34/4:10 | ipfix --split-biflow --scale
	same 2 "$(wc -l <lines)"
	same 2 "$(total err flows)"
	is '[.in_bytes, .in_pkts, .tos, .tcp_flags, .ttl, .in_bytes_scaled, .rev_bytes, .rev_pkts, .rev_tos, .rev_tcp_flags]' \
		'[1000,10,8,24,63,10000,null,null,null,null]'
	is '[.src_ip, .dst_ip, .src_port, .dst_port, .in_if, .out_if, .direction, .biflow_direction]' \
		'["10.0.0.1","10.0.0.2",1234,80,3,4,0,1]'
	is '[.in_bytes, .in_pkts, .tos, .tcp_flags, .ttl, .in_bytes_scaled, .in_pkts_scaled, .rev_bytes]' '[2000,20,16,18,null,20000,200,null]' 1
	is '[.src_ip, .dst_ip, .src_port, .dst_port, .protocol, .direction, .biflow_direction]' '["10.0.0.2","10.0.0.1",80,1234,6,1,2]' 1
	is '[.in_if, .out_if, .src_as, .dst_as, .src_mask, .dst_mask, .src_vlan, .dst_vlan, .vrf_in, .vrf_out]' \
		'[4,3,64502,64501,25,24,200,100,8,7]' 1
	is '[.src_mac, .dst_mac, .sampling_rate]' '["02:00:00:00:00:02","02:00:00:00:00:01",10]' 1
	# the same records by the stream
	nfdecode --split-biflow --scale <ipfix.pcap 2>/dev/null | reframe -j >again
	cmp lines again
}

@test "biflow: each direction has its own times, or those of both" {
	one "${BOTH[@]}" 152/8:1699999990000 153/8:1699999995000 29305.1/8:2000 29305.152/8:1699999991000 | ipfix --split-biflow
	is '[.first_switched, .last_switched, .rev_first_switched]' '["2023-11-14T22:13:10.000Z","2023-11-14T22:13:15.000Z",null]'
	is '[.first_switched, .last_switched, .rev_first_switched]' '["2023-11-14T22:13:11.000Z","2023-11-14T22:13:15.000Z",null]' 1
	one "${BOTH[@]}" 152/8:1699999990000 29305.1/8:2000 29305.157/8:16612216050000000000 | ipfix --split-biflow
	is '[.last_switched, .time_source]' '["2023-11-14T22:13:10.000Z","first_switched"]'
	is '[.first_switched, .time_source, .last_switched[:7], .rev_last_switched]' \
		'["2023-11-14T22:13:10.000Z","last_switched","2022-07",null]' 1
}

@test "biflow: what one direction alone has changes sides; what is not told is left out" {
	one 8/4:'"10.0.0.1"' 1/8:1000 6/2:24 5/1:8 23/8:900 29305.1/8:2000 | ipfix --split-biflow
	is '[.src_ip, .dst_ip, .in_bytes, .in_pkts, .tcp_flags, .tos, .out_bytes]' '["10.0.0.1",null,1000,null,24,8,900]'
	is '[.src_ip, .dst_ip, .in_bytes, .in_pkts, .tcp_flags, .tos, .out_bytes]' '[null,"10.0.0.1",2000,null,null,null,null]' 1
}

@test "biflow: a record without an opposite direction stays one" {
	one "${BOTH[@]}" 29305.1/8:0 29305.2/8:0 | ipfix --split-biflow
	same 1 "$(wc -l <lines)"
	is '[.in_bytes, .rev_bytes]' '[1000,null]'
	one "${BOTH[@]}" | ipfix --split-biflow
	same 1 "$(wc -l <lines)"
}

@test "biflow: counters of initiator and responder, and totals where there are no deltas" {
	one 8/4:'"10.0.0.1"' 12/4:'"10.0.0.2"' 231/8:100 298/8:1 232/8:200 299/8:2 | ipfix
	is '[.in_bytes, .in_pkts, .rev_bytes, .rev_pkts]' '[100,1,200,2]'
	ipfix --split-biflow < <(one 8/4:'"10.0.0.1"' 12/4:'"10.0.0.2"' 231/8:100 298/8:1 232/8:200 299/8:2)
	is '[.src_ip, .in_bytes, .in_pkts]' '["10.0.0.2",200,2]' 1
	one 85/8:300 86/8:3 29305.85/8:400 29305.86/8:4 | ipfix
	is '[.in_bytes, .in_pkts, .rev_bytes, .rev_pkts, .extra]' '[300,3,400,4,null]'
	one 1/8:5 85/8:300 | ipfix
	is '[.in_bytes, .extra.octetTotalCount.value]' '[5,300]'
}

@test "NAT events: a record without counters is a record" {
	one 323/8:1699999999123 230/1:4 8/4:'"10.0.0.1"' 225/4:'"192.0.2.10"' 226/4:'"192.0.2.11"' 7/2:1000 227/2:2000 228/2:443 4/1:6 \
		229/1:1 283/4:9 284/8:'{"text":"pool"}' 234/4:3 | ipfix
	is '[.nat_event, .src_ip, .xlate_src_ip, .xlate_dst_ip, .src_port, .xlate_src_port, .xlate_dst_port]' \
		'[4,"10.0.0.1","192.0.2.10","192.0.2.11",1000,2000,443]'
	is '[.nat_realm, .nat_pool_id, .nat_pool_name, .vrf_in, .in_bytes, .in_pkts]' '[1,9,"pool",3,null,null]'
	is '[.event_time, .last_switched, .time_source]' '["2023-11-14T22:13:19.123Z","2023-11-14T22:13:19.123Z","event_time"]'
	one 27/16:'"2001:db8::1"' 281/16:'"2001:db8::2"' 282/16:'"2001:db8::3"' 230/1:6 | ipfix
	is '[.src_ip, .xlate_src_ip, .xlate_dst_ip]' '["2001:db8::1","2001:db8::2","2001:db8::3"]'
	one 8/4:'"10.0.0.1"' 225/4:'"192.0.2.10"' 361/2:1024 362/2:1087 363/2:1 364/2:64 230/1:16 | ipfix
	is '[.port_block_start, .port_block_end, .port_block_step, .port_block_size, .nat_event]' '[1024,1087,1,64,16]'
}

@test "Cisco ASA: events with their access lists, and those of 8.4" {
	one 148/4:77 8/4:'"10.0.0.1"' 225/4:'"192.0.2.10"' 227/2:2000 233/1:3 33002/2:1001 323/8:1699999999123 \
		33000/12:'{"hex":"0102030405060708090a0b0c"}' 33001/12:'{"hex":"000000000000000000000000"}' \
		40000/20:'{"text":"anna"}' 231/4:10 232/4:20 | v9
	is '[.flow_id, .fw_event, .fw_ext_event, .user_name, .in_bytes, .rev_bytes, .xlate_src_ip]' '[77,3,1001,"anna",10,20,"192.0.2.10"]'
	is '.extra.INGRESS_ACL_ID' '{"hex":"0102030405060708090a0b0c"}'
	one 8/4:'"10.0.0.1"' 40001/4:'"192.0.2.10"' 40002/4:'"192.0.2.11"' 40003/2:2000 40004/2:443 40005/1:2 | v9
	is '[.xlate_src_ip, .xlate_dst_ip, .xlate_src_port, .xlate_dst_port, .fw_event]' '["192.0.2.10","192.0.2.11",2000,443,2]'
}

@test "Nokia: a NAT log's event is told by the time that it has alone" {
	one 637.91/2:11 637.93/65535:'{"text":"LSN-Host@10.0.0.1"}' 225/4:'"192.0.2.10"' 152/8:1699999999000 361/2:1024 362/2:1087 | ipfix
	is '[.nat_event, .nat_subscriber, .xlate_src_ip, .port_block_start, .first_switched]' \
		'[1,"LSN-Host@10.0.0.1","192.0.2.10",1024,"2023-11-14T22:13:19.000Z"]'
	is '.extra.aluInsideServiceId.value' 11
	one 637.93/65535:'{"text":"LSN-Host@10.0.0.1"}' 153/8:1699999999000 | ipfix
	is '.nat_event' 2
	one 637.93/65535:'{"text":"LSN-Host@10.0.0.1"}' 153/8:1699999999000 230/1:5 | ipfix
	is '.nat_event' 5
	one 225/4:'"192.0.2.10"' 153/8:1699999999000 | ipfix
	is '.nat_event' null
}

@test "Juniper: commonPropertiesId tells whether a packet was forwarded" {
	properties() { one 2636.137/4:67108864 2636.137/2:"$1" 8/4:'"10.0.0.1"' | ipfix; }
	properties $((2 << 10))
	is '.fwd_status' 64
	properties $((2 << 10 | 194))
	is '.fwd_status' 128
	properties $((3 << 10 | 194))
	is '.fwd_status' null
	one 2636.137/2:$((2 << 10 | 194)) 89/1:66 | ipfix
	is '.fwd_status' 66
}
