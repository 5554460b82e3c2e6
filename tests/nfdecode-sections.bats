#!/usr/bin/env bats
# Parts of packets in IPFIX records (elements 313 to 316): what is in them fills fields, what the exporter says itself wins,
# and nfdecode --inner chooses the inner packet of a tunnel. So it does of records that have the elements of two IP headers.

load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	need_command python3 jq
	ETHER="020000000002 020000000001"
	IP="45 b8 05dc 0007 4000 40 06 0000 c0000201 c0000202" # 1500 octets
	TCP="01bb c000 00000001 00000002 50 12 1000 0000 0000"
	IP6="6000 0000 00c8 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002" # 240 octets
	VXLAN="45 00 05dc 0007 4000 40 11 0000 c6336401 c6336402 1388 12b5 05c8 0000 08000000 00000700"
	FRAME="$ETHER 8100 a0e7 0800 $IP $TCP"
}

# sections [--inner] ELEMENT=HEX...: the record of these elements, in ./out
sections() {
	local options=()
	[ "$1" != --inner ] || { options=(--inner) && shift; }
	python3 "$TOOLS/sections.py" "$@" | nfdecode -j "${options[@]}" >out 2>err || fail "$(cat err)"
	same 1 "$(wc -l <out)" records
	same 0 "$(total err undecodable)"
}

# has JQ...: the record fulfils it
has() { jq -e "$*" out >/dev/null || fail "not so: $*: $(cat out)"; }

# lacks FIELD...: none of them is there
lacks() {
	for field; do
		has "has(\"$field\") | not"
	done
}

@test "sections: a frame of variable length, its size, and no counters" {
	sections 10=00000005 312=05ee 315/v="$FRAME"
	has '.in_if == 5 and .src_mac == "02:00:00:00:00:01" and .dst_mac == "02:00:00:00:00:02" and .src_vlan == 231'
	has '.vlan_priority == 5 and .src_ip == "192.0.2.1" and .dst_ip == "192.0.2.2" and .protocol == 6 and .tos == 184'
	has '.src_port == 443 and .dst_port == 49152 and .tcp_flags == 18 and .ttl == 64 and .ip_version == 4'
	has '.in_pkts == 1 and .in_bytes == 1500 and .l2_bytes == 1518 and .frame_size == 1518'
	has '.extra.dataLinkFrameSection.hex | length == 116'
	sections 315/v="$ETHER 86dd $IP6 $TCP"
	has '.src_ip == "2001:db8::1" and .dst_port == 49152 and .in_bytes == 240 and .in_pkts == 1'
	lacks l2_bytes frame_size
}

@test "sections: --explain shows the record that came of one" {
	python3 "$TOOLS/sections.py" 10=00000005 315/v="$FRAME" | nfdecode --explain >text 2>err
	grep -Eq '^ +[0-9]+  020000000002.* dataLinkFrameSection ' text
	grep '^ *-> {' text | sed 's/^ *-> //' >out
	has '.in_if == 5 and .src_ip == "192.0.2.1" and .in_pkts == 1'
	python3 "$TOOLS/sections.py" 10=00000005 | nfdecode --explain >text 2>err
	! grep -q '^ *-> {' text || fail "$(cat text)"
}

@test "sections: what is not IP has the length of its frame" {
	sections 312=0040 315/v="$ETHER 0806 0001080006040001"
	has '.ether_type == 2054 and .in_bytes == 64 and .l2_bytes == 64 and .in_pkts == 1'
	lacks src_ip protocol ip_version
	sections 315/v="$ETHER 0806 0001080006040001"
	has '.in_pkts == 1'
	lacks in_bytes
}

@test "sections: what the exporter says itself wins" {
	sections 8=0a000001 12=0a000002 5=03 1=00000000000003e8 2=0000000000000009 56=0a0000000001 58=0064 315/v="$FRAME"
	has '.src_ip == "10.0.0.1" and .dst_ip == "10.0.0.2" and .tos == 3 and .in_bytes == 1000 and .in_pkts == 9'
	has '.src_mac == "0a:00:00:00:00:01" and .dst_mac == "02:00:00:00:00:02" and .src_vlan == 100 and .dst_port == 49152'
	lacks l2_bytes
	sections 23=00000000000003e8 315/v="$FRAME" # any counter tells that it is no single packet
	has '.out_bytes == 1000 and .src_port == 443'
	lacks in_bytes in_pkts
}

@test "sections: an IP header, its payload, and a label stack, each and together" {
	sections 313/v="$IP $TCP"
	has '.src_ip == "192.0.2.1" and .src_port == 443 and .in_bytes == 1500 and .in_pkts == 1'
	lacks src_mac ether_type
	sections 313/v="$IP6"
	has '.dst_ip == "2001:db8::2" and .protocol == 6 and .in_bytes == 240'
	lacks src_port
	sections 4=06 314/v="$TCP"
	has '.protocol == 6 and .dst_port == 49152 and .tcp_seq == 1 and .in_pkts == 1'
	lacks src_ip in_bytes
	sections 314/v="$TCP"
	lacks protocol dst_port
	sections 316/v="00010640 000111fa" 314/v="$TCP" 313/v="$IP"
	has '.mpls_label_1 == 16 and .mpls_label_2 == 17 and .mpls_exp == 3 and .mpls_ttl == 64'
	has '.src_ip == "192.0.2.1" and .src_port == 443 and .tcp_ack == 2 and .in_bytes == 1500 and .in_pkts == 1'
}

@test "sections: a frame that is not of Ethernet, or does not begin with its first octet, is left alone" {
	for elements in 408=0002 409=0004; do
		sections "$elements" 315/v="$FRAME"
		has '.in_pkts == 1 and (.extra | has("dataLinkFrameSection"))'
		lacks src_ip src_mac src_vlan
	done
	sections 408=0001 409=0000 315/v="$FRAME"
	has '.src_ip == "192.0.2.1" and .src_port == 443'
}

@test "sections: padding of a fixed length is no part of the packet" {
	sections 315/200="$ETHER 0800 ${IP/05dc/0014}" # 20 octets: the header alone
	has '.src_ip == "192.0.2.1" and .protocol == 6 and .in_bytes == 20'
	lacks src_port
	sections 410=0022 315/200="$ETHER 0800 $IP"
	has '.src_ip == "192.0.2.1" and .in_bytes == 1500'
	lacks src_port
	sections 410=0026 315/200="$ETHER 0800 $IP 01bb c000"
	has '.src_port == 443'
	lacks tcp_flags tcp_seq
}

@test "sections: of a tunnel the outermost packet is the flow, or with --inner the innermost" {
	both='.tunnel == "vxlan" and .tunnel_id == 7 and .l2_segment == 72057594037927943 and .outer_src_ip == "198.51.100.1"
		and .outer_dst_port == 4789 and .inner_src_ip == "192.0.2.1" and .inner_dst_port == 49152 and .inner_protocol == 6'
	frame="0a0000000002 0a0000000001 0800 $VXLAN $FRAME"
	sections 315/v="$frame"
	has "$both"
	has '.src_ip == "198.51.100.1" and .dst_port == 4789 and .protocol == 17 and .src_mac == "0a:00:00:00:00:01"'
	sections --inner 315/v="$frame"
	has "$both"
	has '.src_ip == "192.0.2.1" and .dst_port == 49152 and .protocol == 6 and .tcp_flags == 18 and .src_mac == "0a:00:00:00:00:01"'
	lacks src_vlan
	# no more of it was captured than the outer headers: they are what there is
	sections --inner 315/v="${frame:0:100}"
	has '.src_ip == "198.51.100.1" and .protocol == 17'
	lacks inner_src_ip outer_src_ip
	# where the exporter says whose flow it is, that is not mixed with another's ports
	sections --inner 8=c6336401 12=c6336402 315/v="$frame"
	has "$both"
	has '.src_ip == "198.51.100.1" and .dst_port == 4789 and .protocol == 17'
}

# shellcheck disable=SC2086 # $two is a list
@test "nested: elements that are there again are of the inner header" {
	two="27=20010db8000000000000000000000001 28=20010db8000000000000000000000002 7=0000 11=0000 4=04 5=00 6=0000 1=000005dc
		2=00000001 8=c0000201 12=c0000202 7=01bb 11=c000 4=06 5=b8 6=0012"
	both='.outer_src_ip == "2001:db8::1" and .outer_dst_ip == "2001:db8::2" and .outer_protocol == 4 and .outer_src_port == 0
		and .inner_src_ip == "192.0.2.1" and .inner_dst_ip == "192.0.2.2" and .inner_protocol == 6 and .inner_src_port == 443
		and .inner_dst_port == 49152 and .in_bytes == 1500'
	sections $two
	has "$both"
	has '.src_ip == "2001:db8::1" and .dst_ip == "2001:db8::2" and .protocol == 4 and .dst_port == 0 and .tos == 0 and .tcp_flags == 0'
	sections --inner $two
	has "$both"
	has '.src_ip == "192.0.2.1" and .dst_ip == "192.0.2.2" and .protocol == 6 and .dst_port == 49152 and .tos == 184 and .tcp_flags == 18'
	# the same where a length varies
	sections --inner $two 371/v=61
	has "$both"
	has '.src_port == 443 and .user_name == "a"'
	# addresses of two families are not two headers
	sections 27=00000000000000000000000000000000 28=00000000000000000000000000000000 8=c0000201 12=c0000202 4=06
	has '.src_ip == "192.0.2.1" and .protocol == 6'
	lacks outer_src_ip inner_src_ip
}
