#!/usr/bin/env bats
# nfsink-kafka against a real Apache Kafka: kcat, which shares no code of ours, reads back what it wrote.

load helpers
load servers
load kafka/broker

setup_file() {
	! has_kafka || start_kafka
}

teardown_file() {
	remove_kafka
}

setup() {
	goflow_setup
	need_kafka
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
	KAFKA_TOPIC=t$BATS_TEST_NUMBER
	export KAFKA_TOPIC
}

# sink OPTION...: into one partition, in order
sink() { nfsink-kafka --connections 1 --create-topic 1:1 "$@" 2>>err; }

# new_topic NAME PARTITIONS: an empty one
new_topic() {
	KAFKA_TOPIC=$1 nfsink-kafka --create-topic "$2:1" </dev/null 2>/dev/null
}

# decoded FORM OUTPUT CAPTURE...
decoded() {
	local form=$1 output=$2 capture
	shift 2
	: >"$output"
	for capture; do
		nfrecv -r "$capture" 2>/dev/null | nfdecode ${form:+"$form"} --stream-id "$(basename "$capture" | md5sum | cut -c-32)" >>"$output" 2>/dev/null
	done
}

# comes_back CAPTURE...: in each format
comes_back() {
	decoded "" all "$@" && decoded -j lines "$@"
	[ -s lines ]
	KAFKA_TOPIC=$KAFKA_TOPIC-j sink <all || fail "json: $(cat err)"
	taken "$KAFKA_TOPIC-j" >back
	cmp lines back
	KAFKA_TOPIC=$KAFKA_TOPIC-b sink --format binary <all || fail "binary: $(cat err)"
	taken "$KAFKA_TOPIC-b" -D '' >back
	run recdiff all back
	[ "$status" -eq 0 ] || fail "binary: $output"
	# what these bytes say is tested with protobuf's own decoder in proto.bats
	KAFKA_TOPIC=$KAFKA_TOPIC-p sink --format protobuf-delimited <all || fail "protobuf: $(cat err)"
	cmp <(reframe -p <all) <(taken "$KAFKA_TOPIC-p" -D '')
	KAFKA_TOPIC=$KAFKA_TOPIC-g sink --format protobuf-goflow2-delimited <all || fail "protobuf-goflow2: $(cat err)"
	cmp <(reframe -2 <all) <(taken "$KAFKA_TOPIC-g" -D '')
	for format in protobuf protobuf-goflow2; do # the same messages, without their lengths
		KAFKA_TOPIC=$KAFKA_TOPIC-$format sink --format $format <all || fail "$format: $(cat err)"
	done
	cmp <(taken "$KAFKA_TOPIC-protobuf" -f '%S\n') <(taken "$KAFKA_TOPIC-p" -f '%S\n' | awk '{ print $1 - ($1 > 128 ? 2 : 1) }')
	same "$(taken "$KAFKA_TOPIC-g" -f '.' | wc -c)" "$(taken "$KAFKA_TOPIC-protobuf-goflow2" -f '.' | wc -c)"
	KAFKA_TOPIC=$KAFKA_TOPIC-f sink --format first-goflow <all || fail "first-goflow: $(cat err)"
	taken "$KAFKA_TOPIC-f" >back
	jq -c 'def four: if (. // ":" | contains(":")) then "" else . end; def six: if (. // "" | contains(":")) then . else "" end;
		{Src_ip: .src_ip | four, Dst_ip: .dst_ip | four, Src_port: (.src_port // 0), Dst_port: (.dst_port // 0),
		Protocol: (.protocol // 0), In_bytes: (.in_bytes // 0), In_packets: (.in_pkts // 0), Src_ip6: .src_ip | six,
		Dst_ip6: .dst_ip | six}' lines >expected
	# jq's numbers are exact up to 2^53 only
	python3 -c 'import json, sys; a, b = ([json.loads(l, parse_int=float) for l in open(f)] for f in sys.argv[1:]); sys.exit(a != b)' expected back
}

@test "nfsink-kafka: every capture comes back from the topic as it was, in each format" {
	comes_back "$GOFLOW_EXAMPLES"/*.pcap
}

@test "nfsink-kafka: every shared capture comes back from the topic as it was, in each format" {
	need_shared
	mapfile -t captures < <(find "$GOFLOW_CAPTURES" -name '*.pcap*' | sort)
	comes_back "${captures[@]}"
}

@test "nfsink-kafka: several connections and partitions hold each record once" {
	stream 100
	nfsink-kafka --create-topic 3:1 <stream 2>err || fail "$(cat err)"
	nfdecode -j --stream-id "$ID" < <(nfrecv -r "$GOFLOW_EXAMPLES/softflowd-v9.pcap" --loop 100 2>/dev/null) 2>/dev/null | sort >lines
	cmp lines <(taken "$KAFKA_TOPIC" | sort)
	same 3 "$(taken "$KAFKA_TOPIC" -f '%p\n' | sort -u | wc -l)" "partitions in use"
	same "$records" "$(total err stored)"
}

@test "nfsink-kafka: a message has the frame's stream and number, and the flow's end" {
	stream
	sink <stream || fail "$(cat err)"
	taken "$KAFKA_TOPIC" -f '%h %T %s\n' >got
	same "stream=$ID,sequence=0" "$(cut -d' ' -f1 got | sort -u)"
	cut -d' ' -f2 got >"times"
	cut -d' ' -f3- got | jq -r '.last_switched | (.[:19] + "Z" | fromdate) * 1000 + ((.[19:] | ltrimstr(".") | rtrimstr("Z")) + "000" | .[:3] | tonumber)' >ends
	cmp "times" ends
}

@test "nfsink-kafka: a clock that is astray does not reach the message's time" {
	cat >lines <<-'END'
		{"received":"2026-11-20T10:00:00.5Z","last_switched":"1970-01-02T00:00:00Z","time_source":"last_switched"}
		{"received":"2026-11-20T10:00:00.5Z","last_switched":"2026-11-20T11:00:01Z","time_source":"last_switched"}
		{"received":"2026-11-20T10:00:00.5Z","last_switched":"2026-11-20T09:00:00Z","time_source":"last_switched"}
	END
	sink <lines || fail "$(cat err)"
	same "1795168800500 1795168800500 1795165200000" "$(taken "$KAFKA_TOPIC" -f '%T\n' | paste -sd' ')"
	same "1970-01-02T00:00:00Z" "$(taken "$KAFKA_TOPIC" -c 1 | jq -r .last_switched)" # the record is as it was
	same "" "$(taken "$KAFKA_TOPIC" -f '%h\n' | sort -u)" "headers of lines that have no number"
}

@test "nfsink-kafka: the key is NULL, the exporter, or fields" {
	stream
	sink <stream || fail "$(cat err)"
	same -1 "$(taken "$KAFKA_TOPIC" -f '%K\n' | sort -u)"
	KAFKA_TOPIC=$KAFKA_TOPIC-e sink --key exporter <stream || fail "$(cat err)"
	taken "$KAFKA_TOPIC-e" -f '%k\n' >keys
	cmp keys <(taken "$KAFKA_TOPIC-e" | jq -r .exporter)
	KAFKA_TOPIC=$KAFKA_TOPIC-f sink --key src_ip,protocol,last_switched,time_source <stream || fail "$(cat err)"
	taken "$KAFKA_TOPIC-f" -f '%k\n' >keys
	cmp keys <(taken "$KAFKA_TOPIC-f" | jq -r '"\(.src_ip // ""),\(.protocol // ""),\(.last_switched),\(.time_source)"')
	echo '{"last_switched":"2026-11-20T10:00:00Z"}' | KAFKA_TOPIC=$KAFKA_TOPIC-n sink --key src_ip,src_mac
	same -1 "$(taken "$KAFKA_TOPIC-n" -f '%K')"
	run nfsink-kafka --key src_ip,no_such <stream
	[[ $status == 64 && $output == *"no_such"* ]] || fail "$output"
	run nfsink-kafka --format binary --key src_ip <stream
	[[ $status == 64 && $output == *"expected none or exporter"* ]] || fail "$output"
}

@test "nfsink-kafka: binary messages can each be read alone, and JSON lines get a stream of their own" {
	stream 100
	sink --format binary <stream || fail "$(cat err)"
	frames=$(total err frames)
	taken "$KAFKA_TOPIC" -f '%S %h\n' >got
	same "$frames" "$(wc -l <got)"
	same "$frames" "$(cut -d' ' -f2 got | sort -u | grep -c "^stream=$ID,sequence=")" "numbers"
	[ "$(cut -d' ' -f1 got | sort -n | tail -1)" -le 900000 ]
	kcat -C -q -b "$KAFKA_SERVER" -t "$KAFKA_TOPIC" -o 3 -c 1 -D '' >one
	run reframe -j <one
	[ "$status" -eq 0 ] && [ "${#lines[@]}" -gt 0 ] || fail "$output"
	reframe -j <stream >lines
	KAFKA_TOPIC=$KAFKA_TOPIC-l sink --format binary <lines || fail "$(cat err)"
	taken "$KAFKA_TOPIC-l" -D '' >back
	recdiff lines back
	nfsink-sqlite -d back.sqlite <back 2>back.err || fail "$(cat back.err)"
	same "$records 0" "$(total back.err stored) $(total back.err duplicate)"
}

@test "nfsink-kafka: a full queue holds the input up and loses nothing" {
	stream 40
	sink -X queue.buffering.max.messages=50 -X linger.ms=1 <stream || fail "$(cat err)"
	same "$records" "$(taken "$KAFKA_TOPIC" | wc -l)"
}

@test "nfsink-kafka: acknowledges what was delivered; a chain-loader that kills it loses nothing" {
	stream 200
	new_topic "$KAFKA_TOPIC" 2
	run python3 "$TOOLS/chainload.py" stream 3 nfsink-kafka --batch 700 --connections 3 --format binary
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"started=4"*"exit=0"* ]] || fail "$output"
	taken "$KAFKA_TOPIC" -D '' >back
	nfsink-sqlite -d back.sqlite <back 2>back.err || true # numbers go up and down with the partitions
	same "$records" "$(total back.err stored)"
}

@test "nfsink-kafka: a topic that is missing ends it with 78; --create-topic makes it, and leaves another alone" {
	stream
	run nfsink-kafka <stream
	[[ $status == 78 && $output == *"$KAFKA_TOPIC does not exist"*"--create-topic"* ]] || fail "$output"
	run kcat -b "$KAFKA_SERVER" -L -t "$KAFKA_TOPIC"
	[[ $output == *"Unknown topic"* ]] || fail "it was made: $output"
	nfsink-kafka --create-topic 3:1 <stream 2>err || fail "$(cat err)"
	grep -q "topic made" err
	nfsink-kafka --create-topic 5:1 <stream 2>err || fail "$(cat err)"
	! grep -q "topic made" err || fail "$(cat err)"
	[[ $(kcat -b "$KAFKA_SERVER" -L -t "$KAFKA_TOPIC") == *"with 3 partitions"* ]]
	KAFKA_TOPIC=$KAFKA_TOPIC-r run nfsink-kafka --create-topic 3:7 <stream
	[[ $status == 78 && $output == *"cannot be made"* ]] || fail "$output"
	KAFKA_TOPIC="not a name" run nfsink-kafka --create-topic 3:1 <stream
	[[ $status == 78 && $output == *"cannot be made"* ]] || fail "$output"
}

@test "nfsink-kafka: a message that is too large is refused, counted and kept; the others are delivered" {
	stream
	reframe -j <stream >lines
	big=$(head -c 60000 /dev/zero | tr '\0' x)
	sed -i "200s/^{/{\"user_name\":\"$big\",/" lines
	run nfsink-kafka --create-topic 1:1 --reject refused.json -X message.max.bytes=50000 <lines
	[ "$status" -eq 1 ] || fail "$status $output"
	same "$((records - 1))" "$(taken "$KAFKA_TOPIC" | wc -l)"
	same "$big" "$(jq -r .user_name refused.json)"
	[[ $(jq -r .reject_reason refused.json) == *"too large"* ]] || fail "$(cut -c-300 refused.json)"
}

@test "nfsink-kafka: what the broker finds too large is refused alone, however it was batched" {
	stream
	reframe -j <stream >lines
	big=$(head -c 9000 /dev/zero | tr '\0' x)
	sed -i "200s/^{/{\"user_name\":\"$big\",/" lines
	kafka_topics --create --topic "$KAFKA_TOPIC" --config max.message.bytes=5000 --config compression.type=uncompressed >/dev/null
	run nfsink-kafka --connections 1 --reject refused.json -X compression.codec=none <lines
	[ "$status" -eq 1 ] || fail "$status $output"
	[[ $output == *"one by one"* ]] || fail "$output"
	same "$((records - 1))" "$(taken "$KAFKA_TOPIC" | wc -l)"
	cmp <(sed 200d lines | sort) <(taken "$KAFKA_TOPIC" | sort)
	same "$big" "$(jq -r .user_name refused.json)"
}

@test "nfsink-kafka: status tells the topic, what was delivered, and refusals by cause" {
	stream
	reframe -j <stream >lines
	big=$(head -c 60000 /dev/zero | tr '\0' x)
	sed -i "200s/^{/{\"user_name\":\"$big\",/" lines
	mkfifo feed
	exec 8<>feed
	background nfsink-kafka --create-topic 1:1 -X message.max.bytes=50000 --linger 50ms <feed 2>err 8>&-
	cat lines >&8
	wait_for 20 holds "$KAFKA_TOPIC" "$((records - 1))"
	settled() {
		nfctl status --json | jq -s 'first(.. | objects | .kafka // empty)' >answer
		[ "$(jq .messages answer)" = "$((records - 1))" ]
	}
	wait_for 10 settled
	exec 8>&-
	same "$KAFKA_TOPIC json 1" "$(jq -r '"\(.topic) \(.format) \(.refused.MSG_SIZE_TOO_LARGE)"' answer)"
}

tls() { SSL=true KAFKA_SERVER=localhost:$kafka_ssl sink -X ssl.certificate.location="$kafka_dir/tls/client.pem" -X ssl.key.location="$kafka_dir/tls/client.key" "$@"; }

@test "nfsink-kafka: TLS, with the brokers' certificate checked and one of our own" {
	stream
	tls -X ssl.ca.location="$kafka_dir/tls/ca.pem" <stream || fail "$(cat err)"
	same "$records" "$(taken "$KAFKA_TOPIC" | wc -l)"
	: >err
	status=0
	tls --retry 1s <stream || status=$?
	[ "$status" = 69 ] && grep -qi "certificate verify failed" err || fail "no authority: $status $(cat err)"
	: >err
	SSL_VERIFY=false tls <stream || fail "$(cat err)"
	grep -q "SSL_VERIFY is off" err
	same "$((2 * records))" "$(taken "$KAFKA_TOPIC" | wc -l)"
	status=0
	SSL=yes KAFKA_SERVER=localhost:$kafka_ssl sink -X ssl.ca.location="$kafka_dir/tls/ca.pem" --retry 1s <stream || status=$?
	same 69 "$status" "without our certificate"
	SSL_VERIFY=perhaps run nfsink-kafka <stream
	[[ $status == 64 && $output == *"SSL_VERIFY"*"perhaps"* ]] || fail "$output"
}

@test "nfsink-kafka: SASL over TLS by SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN; a wrong password is never shown" {
	stream
	export SSL=1 SASL_USER=goflow SASL_PASSWORD="flow secret" KAFKA_SERVER=localhost:$kafka_sasl
	for mechanism in SCRAM-SHA-256 SCRAM-SHA-512 PLAIN; do
		KAFKA_TOPIC=$KAFKA_TOPIC-$mechanism sink -X ssl.ca.location="$kafka_dir/tls/ca.pem" -X sasl.mechanisms=$mechanism <stream ||
			fail "$mechanism: $(cat err)"
		same "$records" "$(taken "$KAFKA_TOPIC-$mechanism" | wc -l)" "$mechanism"
	done
	KAFKA_TOPIC=$KAFKA_TOPIC-PLAIN sink -X ssl.ca.location="$kafka_dir/tls/ca.pem" <stream || fail "PLAIN is the default: $(cat err)"
	SASL_PASSWORD=wrong-and-private run nfsink-kafka -vvv -X ssl.ca.location="$kafka_dir/tls/ca.pem" -X debug=security,broker \
		-X sasl.mechanisms=SCRAM-SHA-512 --retry 1s <stream
	[[ $status == 69 && ${output,,} == *authentication* ]] || fail "$status $output"
	[[ $output != *private* ]] || fail "the password is shown: $output"
}

@test "nfsink-kafka: secrets are not taken from the command line, and wrong options are named" {
	for property in sasl.password ssl.key.password ssl.key.pem ssl.keystore.password; do
		run nfsink-kafka -X "$property=hidden"
		[[ $status == 64 && $output == *"$property"*"environment"* && $output != *hidden* ]] || fail "$output"
	done
	run nfsink-kafka -X no.such.property=1
	[[ $status == 64 && $output == *"no.such.property"* ]] || fail "$output"
	run nfsink-kafka -X compression.codec=none,hidden
	[[ $status == 64 ]] || fail "$output"
	run nfsink-kafka -X sasl.password
	[[ $status == 64 && $output == *"NAME=VALUE"* ]] || fail "$output"
	run nfsink-kafka --format xml
	[[ $status == 64 && $output == *"json, binary, protobuf"* ]] || fail "$output"
	for wrong in 3 0:1 a:1 3: :1; do
		run nfsink-kafka --create-topic "$wrong"
		[ "$status" = 64 ] || fail "$wrong: $output"
	done
}

@test "nfsink-kafka: the environment names brokers and topic, and wins" {
	stream
	sink -b 127.0.0.1:1 -t another <stream || fail "$(cat err)"
	same "$records" "$(taken "$KAFKA_TOPIC" | wc -l)"
	grep -q "KAFKA_SERVER of the environment wins" err
}

@test "nfsink-kafka: binary by exporter: each message has records of one, and its address as key" {
	local port
	port=$(free_port)
	background bash -c "nfrecv -l 127.0.0.1:$port 2>recv.err | nfdecode --by-exporter >mixed 2>decode.err"
	wait_for 10 bound "$port"
	python3 "$TOOLS/flowload.py" 127.0.0.1 "$port" 3000 --exporters 3 >/dev/null
	pkill -TERM -P "$pid" nfrecv
	wait "$pid"
	same 3000 "$(total decode.err written)"
	KAFKA_TOPIC=$KAFKA_TOPIC-b sink --format binary --key exporter <mixed || fail "$(cat err)"
	same "127.2.0.1 127.2.0.2 127.2.0.3" "$(taken "$KAFKA_TOPIC-b" -f '%k\n' | sort -u | xargs)"
	taken "$KAFKA_TOPIC-b" -D '' -f '%s' >all
	same 3000 "$(nfjson <all 2>/dev/null | wc -l)"
	# a frame of several has no key, and that is said once
	reframe -n 1000 <mixed >joined
	KAFKA_TOPIC=$KAFKA_TOPIC-j sink --format binary --key exporter <joined || fail "$(cat err)"
	same 1 "$(grep -c 'several exporters' err)"
	same "" "$(taken "$KAFKA_TOPIC-j" -f '%k\n' | sort -u | xargs)"
}

@test "nfsink-kafka: SASL by OAUTHBEARER, with a token that nobody signed, as the test's broker takes it" {
	stream
	unset SASL_USER SASL_PASSWORD
	SSL=1 KAFKA_SERVER=localhost:$kafka_sasl sink -X ssl.ca.location="$kafka_dir/tls/ca.pem" -X security.protocol=sasl_ssl \
		-X sasl.mechanisms=OAUTHBEARER -X enable.sasl.oauthbearer.unsecure.jwt=true -X sasl.oauthbearer.config=principal=goflow \
		<stream || fail "$(cat err)"
	holds "$KAFKA_TOPIC" "$records"
}
