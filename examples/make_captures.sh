#!/bin/bash
# Makes the captures of this folder: what real exporters say about synthetic traffic (traffic.py).
#
#   sudo examples/make_captures.sh [NAME...]
#
# Each exporter gets a network namespace of its own, in which there is nothing but its loopback interface: it
# watches the traffic that tcpreplay puts there at its own pace, and exports to a collector address where
# tcpdump listens. Takes about four minutes. Needs root, and
# apt-get install softflowd pmacct fprobe tcpreplay tcpdump tshark python3 iproute2
#
# expected.tsv holds what tshark, which shares no code with us, finds in each capture.
set -eu

SECONDS_OF_TRAFFIC=${SECONDS_OF_TRAFFIC:-180}
COLLECTOR=192.0.2.254 PORT=2055
NAMES="softflowd-v5 softflowd-v9 softflowd-ipfix softflowd-ipfix-biflow pmacct-v9 pmacct-ipfix-sampled fprobe-v5 pmacct-sflow"

here=$(cd "$(dirname "$0")" && pwd)

# The number of an exporter: of its address (192.0.2.N), and, modulo 8, of its site in traffic.py.
number() {
	case $1 in
	softflowd-v5) echo 1 ;;
	softflowd-v9) echo 2 ;;
	softflowd-ipfix) echo 3 ;;
	softflowd-ipfix-biflow) echo 4 ;;
	pmacct-v9) echo 5 ;;
	pmacct-ipfix-sampled) echo 6 ;;
	fprobe-v5) echo 7 ;;
	pmacct-sflow) echo 8 ;;
	*) echo "no such capture: $1" >&2 && return 64 ;;
	esac
}

softflowd_timeouts="-t tcp=15 -t tcp.rst=4 -t tcp.fin=4 -t udp=15 -t icmp=10 -t general=15 -t maxlife=60 -t expint=5"

# Becomes the exporter NAME.
exporter() {
	case $1 in
	softflowd-v5) set -- -v 5 ;;
	softflowd-v9) set -- -v 9 -6 ;;
	softflowd-ipfix) set -- -v 10 -6 -A milli ;;
	softflowd-ipfix-biflow) set -- -v 10 -6 -b -T vlan -A micro ;;
	fprobe-v5) exec fprobe -i lo -l 2 -p -s 1 -d 10 -e 60 -f "ip and not udp port $PORT" $COLLECTOR:$PORT ;;
	pmacct-*)
		pmacct_config "$1" >pmacct.conf
		exec pmacctd -f pmacct.conf
		;;
	esac
	# shellcheck disable=SC2086 # words they are
	exec softflowd -i lo -N -C 65535 -d -n $COLLECTOR:$PORT -p softflowd.pid -c softflowd.ctl $softflowd_timeouts "$@" \
		"not udp port $PORT"
}

pmacct_config() {
	cat <<-END
		daemonize: false
		pcap_interface: lo
		pcap_filter: not udp port $PORT
	END
	if [ "$1" = pmacct-sflow ]; then
		printf '%s\n' 'plugins: sfprobe' "sfprobe_receiver: $COLLECTOR:$PORT" 'sfprobe_agentip: 192.0.2.8' 'sampling_rate: 40'
		return
	fi
	cat <<-END
		plugins: nfprobe
		nfprobe_receiver: $COLLECTOR:$PORT
		nfprobe_timeouts: tcp=15:tcp.rst=4:tcp.fin=4:udp=15:icmp=10:general=15:maxlife=60:expint=5
		aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, vlan, src_mac, dst_mac, in_iface
	END
	case $1 in
	pmacct-v9) echo "nfprobe_version: 9" ;;
	pmacct-ipfix-sampled) printf 'nfprobe_version: 10\nsampling_rate: 10\n' ;;
	esac
}

# Takes what comes to the collector's address, so that exporters meet no closed port.
drain() {
	exec python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$COLLECTOR', $PORT))
while True: s.recv(65536)"
}

# until_so COMMAND...: waits for it to succeed, for ten seconds.
until_so() {
	local tries=500
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "not so: $*" >&2 && return 1; }
		sleep 0.02
	done
}

# The file has not grown for twelve seconds: longer than fprobe's timeout.
quiet() {
	local size
	size=$(stat -c %s "$1")
	sleep 12
	[ "$(stat -c %s "$1")" -eq "$size" ]
}

# One capture, in a namespace and a folder of its own.
one() {
	local name=$1 n drain dump probe
	n=$(number "$name")
	ip link set lo up
	ip address add "192.0.2.$n/32" dev lo
	ip address add "$COLLECTOR/32" dev lo
	ip route replace local "$COLLECTOR" dev lo table local src "192.0.2.$n"
	python3 "$here/traffic.py" $((n % 8)) "$SECONDS_OF_TRAFFIC" traffic.pcap

	drain &
	drain=$!
	tcpdump -i lo -n -U -w "$name.pcap" "udp dst port $PORT and dst host $COLLECTOR" 2>tcpdump.log &
	dump=$!
	until_so grep -q '^tcpdump: listening' tcpdump.log
	(exporter "$name") >exporter.log 2>&1 &
	probe=$!
	until_so grep -q . /proc/net/packet
	until_so awk 'NR > 2 { found = 1 } END { exit !found }' /proc/net/packet # tcpdump's socket and the exporter's
	sleep 1

	tcpreplay -q -i lo traffic.pcap >tcpreplay.log 2>&1
	# Each has its own way to be told to export what it still knows, and end; fprobe has none.
	[ "$name" != fprobe-v5 ] || until_so quiet "$name.pcap"
	case $name in
	softflowd-*) softflowctl -c softflowd.ctl shutdown >>exporter.log ;;
	pmacct-*) kill -INT "$probe" ;;
	*) kill -TERM "$probe" ;;
	esac
	until_so quiet "$name.pcap"
	kill -TERM "$dump" "$drain"
	wait
}

# What tshark finds: datagrams, records, and the sums of bytes and packets, both directions of biflows
# together. It takes the count in v9's header for a limit on sets, where softflowd counts without templates;
# so it is shown copies in which the count is no limit.
expect() {
	local name=$1 copy=$2
	python3 - "$here/$name.pcap" "$copy" <<-'END'
		import struct, sys
		data = bytearray(open(sys.argv[1], "rb").read())
		at = 24
		while at < len(data):
		    length, = struct.unpack_from("<I", data, at + 8)
		    payload = at + 16 + 14 + 20 + 8
		    if data[payload:payload + 2] == b"\0\x09":
		        data[payload + 2:payload + 4] = b"\xff\xff"
		    at += 16 + length
		open(sys.argv[2], "wb").write(data)
	END
	case $name in
	# each sample has one header, which counts as one packet: its protocol is 1, Ethernet
	*sflow) set -- sflow -e sflow_245.vlan.in -e cflow.srcaddrv6 -e sflow_245.header.frame_length -e sflow_245.header_protocol ;;
	*) set -- cflow -e cflow.srcaddr -e cflow.srcaddrv6 -e cflow.octets -e cflow.packets ;;
	esac
	tshark -r "$copy" -d "udp.port==$PORT,$1" -T fields -E occurrence=a -E aggregator=, -E separator=/t "${@:2}" 2>/dev/null |
		awk -F '\t' -v OFS='\t' -v name="$name.pcap" '
		function add(list,  values, n, i, sum) {
			for (i = n = split(list, values, ","); i > 0; i--)
				sum += values[i]
			return sum
		}
		{ records += split($1, unused, ",") + split($2, unused, ","); bytes += add($3); packets += add($4) }
		END { print name, NR, records, bytes, packets }'
}

if [ "${1:-}" = --one ]; then
	one "$2"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086 # words they are
[ $# -gt 0 ] || set -- $NAMES
for name; do
	number "$name" >/dev/null
	mkdir "$work/$name"
	(cd "$work/$name" && exec unshare -n "$here/make_captures.sh" --one "$name") &
done
wait
for name; do
	cp "$work/$name/$name.pcap" "$here/"
done
{
	printf 'capture\tdatagrams\trecords\tbytes\tpackets\n'
	for name in $NAMES; do
		[ ! -e "$here/$name.pcap" ] || expect "$name" "$work/copy.pcap"
	done
} >"$here/expected.tsv"
cat "$here/expected.tsv"
