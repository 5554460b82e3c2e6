#!/bin/bash
# kafka.sh [FLOWS [ROUNDS]]: nfsink-kafka in each format beside librdkafka with the same messages ready in memory, in
# turn, on a private broker that it starts and removes; and the octets that the broker stores. binary, being fast, gets four
# times as many flows. GOFLOW_BIN and BENCH_BIN name the folders of programs, FORMATS the formats, if not all. Prints for each
# run the seconds and thousands of records a second, and then the median of the rounds' ratios.
set -eu
FLOWS=${1:-500000}
ROUNDS=${2:-3}
here=$(cd "$(dirname "$0")/.." && pwd)
GOFLOW_BIN=${GOFLOW_BIN:-$here/build/bin}
PATH=$GOFLOW_BIN:$PATH
BENCH_BIN=${BENCH_BIN:-$here/build/bench}
# shellcheck source=tests/helpers.bash
. "$here/tests/helpers.bash"
# shellcheck source=tests/servers.bash
. "$here/tests/servers.bash"
# shellcheck source=tests/kafka/broker.bash
. "$here/tests/kafka/broker.bash"

work=$(mktemp -d "${TMPDIR:-/dev/shm}/bench.XXXXXX")
trap 'remove_kafka; rm -rf "$work"' EXIT

# topic NAME: an empty one of one partition
topic() {
	KAFKA_TOPIC=$1 nfsink-kafka --create-topic 1:1 </dev/null 2>"$work/err"
}

# forget PATTERN: removes topics
forget() {
	kafka_topics --delete --topic "$1" >"$work/err" 2>&1
}

# stored TOPIC: octets of its log
stored() {
	find "$kafka_dir/data/$1-0" -name '*.log' -printf '%s\n' | awk '{ n += $1 } END { print n }'
}

# line NAME SECONDS
line() {
	awk -v name="$1" -v n="$flows" -v s="$2" 'BEGIN { printf "%-44s %7.2f s %9.1f k/s\n", name, s, n / s / 1000 }'
}

# ours TOPIC CONNECTIONS: sets seconds
ours() {
	local begun=$EPOCHREALTIME
	KAFKA_TOPIC=$1 nfsink-kafka --format "$format" --connections "$2" -r "$work/stream" 2>"$work/err" ||
		{ cat "$work/err" >&2 && exit 1; }
	seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
}

# theirs TOPIC: the same with librdkafka alone, and the same number of messages, or it is no comparison; sets seconds
theirs() {
	local messages
	read -r seconds messages < <("$BENCH_BIN/kafkaload" "$KAFKA_SERVER" "$format" "$1")
	[ "$messages" = "$count" ] || { echo "$messages messages of $count" >&2 && exit 1; }
}

# ratio CONNECTIONS: keeps the rate of nfsink-kafka, whose seconds are given first, in librdkafka's
ratio() {
	awk -v ours="$2" -v theirs="$3" 'BEGIN { printf "%.2f\n", theirs / ours }' >>"$work/ratios-$1"
}

# median CONNECTIONS
median() {
	sort -n "$work/ratios-$1" | awk -v n="$1" '{ r[NR] = $1 }
		END { printf "    %s connection(s): %.2f of librdkafka alone, median of %d (%.2f to %.2f)\n", n,
			(r[int((NR + 1) / 2)] + r[int(NR / 2) + 1]) / 2, NR, r[1], r[NR] }'
	rm "$work/ratios-$1"
}

# round NUMBER: one and two connections and librdkafka, one after the other
round() {
	local n took=()
	for n in 1 2; do
		topic "round-$1-$n"
		ours "round-$1-$n" $n
		took[n]=$seconds
		line "nfsink-kafka $format, $n connection(s)" "$seconds"
	done
	topic "round-$1-load"
	theirs "round-$1-load"
	line "librdkafka alone, the same $count messages" "$seconds"
	for n in 1 2; do
		ratio $n "${took[n]}" "$seconds"
	done
	forget 'round-.*'
}

# flow_stream FLOWS
flow_stream() {
	"$BENCH_BIN/gen" v9 "$1" 1 "$work/pcap" >/dev/null
	nfrecv -r "$work/pcap" 2>/dev/null | nfdecode >"$work/stream" 2>/dev/null
	rm "$work/pcap"
}

fetch_kafka || { echo "Java, Maven or Maven Central is missing" >&2 && exit 1; }
# The flows' times are long past: by default the broker would remove what is stored while it is being read.
start_kafka log.segment.bytes=1073741824 log.retention.ms=-1 log.segment.delete.delay.ms=0
for format in ${FORMATS:-json binary protobuf protobuf-goflow2}; do
	flows=$FLOWS
	[ "$format" != binary ] || flows=$((4 * FLOWS))
	flow_stream "$flows"
	topic "$format"
	ours "$format" 1 # the messages for librdkafka, and the broker's warming up: not measured
	count=$flows
	[ "$format" != binary ] || count=$(sed -n 's/.* frames=\([0-9]*\).*/\1/p' "$work/err")
	echo "$format: octets a record in the topic: $(awk -v n="$(stored "$format")" -v r="$flows" 'BEGIN { printf "%.1f", n / r }')"
	for ((i = 0; i < ROUNDS; i++)); do
		round $i
	done
	median 1
	median 2
	forget "$format"
done
