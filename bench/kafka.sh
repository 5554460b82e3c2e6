#!/bin/bash
# kafka.sh [FLOWS [ROUNDS]]: nfsink-kafka in each format beside librdkafka with the same messages ready in memory, in turn, on a
# private broker that it starts and removes; and the octets that the broker stores. GOFLOW_BIN and BENCH_BIN name the folders of
# programs, FORMATS the formats, if not all. Prints thousands of records, and of messages, a second.
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

# stored TOPIC: octets of its log
stored() {
	find "$kafka_dir/data/$1-0" -name '*.log' -printf '%s\n' | awk '{ n += $1 } END { print n }'
}

line() {
	awk -v name="$1" -v n="$2" -v s="$3" 'BEGIN { printf "%-44s %7.2f s %9.1f k/s\n", name, s, n / s / 1000 }'
}

# ours FORMAT TOPIC [OPTION...]
ours() {
	local format=$1 to=$2 begun=$EPOCHREALTIME
	shift 2
	KAFKA_TOPIC=$to nfsink-kafka --format "$format" -r "$work/stream" "$@" 2>"$work/err" || { cat "$work/err" >&2 && exit 1; }
	line "nfsink-kafka $format $*" "$FLOWS" "$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
}

"$BENCH_BIN/gen" v9 "$FLOWS" 1 "$work/pcap" >/dev/null
nfrecv -r "$work/pcap" 2>/dev/null | nfdecode >"$work/stream" 2>/dev/null
rm "$work/pcap"
fetch_kafka || { echo "Java, Maven or Maven Central is missing" >&2 && exit 1; }
start_kafka log.segment.bytes=1073741824
for format in ${FORMATS:-json binary protobuf protobuf-goflow2}; do
	topic "$format"
	ours "$format" "$format" --connections 1
	echo "    octets a record in the topic: $(awk -v n="$(stored "$format")" -v r="$FLOWS" 'BEGIN { printf "%.1f", n / r }')"
	for ((round = 0; round < ROUNDS; round++)); do
		for n in 1 2; do
			topic "$format-$round-$n"
			ours "$format" "$format-$round-$n" --connections $n
		done
		topic "load-$format-$round"
		read -r seconds messages < <("$BENCH_BIN/kafkaload" "$KAFKA_SERVER" "$format" "load-$format-$round")
		line "librdkafka alone, the same $messages messages" "$FLOWS" "$seconds"
	done
done
