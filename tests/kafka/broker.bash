# shellcheck shell=bash
# A private Apache Kafka for tests: `load kafka/broker` after `load helpers` and `load servers`.
#
# One process in KRaft mode, in a folder of its own, on free ports of 127.0.0.1: plain, TLS, and TLS with a login. Its
# jars come from Maven Central once, into the build folder. It takes seconds to start, so a file starts it once, in
# setup_file, and each test takes topics of its own.

# Where the jars are kept: GOFLOW_KAFKA_JARS, or beside the programs under test.
kafka_jars() {
	echo "${GOFLOW_KAFKA_JARS:-${GOFLOW_BIN%/bin}/kafka-jars}"
}

# fetch_kafka: has the jars fetched, if they are not there; several files may do so at once.
fetch_kafka() {
	local jars made
	jars=$(kafka_jars)
	[ ! -e "$jars/.whole" ] || return 0
	command -v java >/dev/null && command -v mvn >/dev/null || return 1
	mkdir -p "$jars"
	(
		flock 8
		[ ! -e "$jars/.whole" ] || exit 0
		made=$(mktemp -d "${TMPDIR:-/tmp}/mvn.XXXXXX")
		cp "$GOFLOW_ROOT/tests/kafka/pom.xml" "$made"
		cd "$made" && timeout 300 mvn -q -B dependency:copy-dependencies -DincludeScope=runtime \
			-DoutputDirectory="$jars" >"$jars/mvn.log" 2>&1 </dev/null && touch "$jars/.whole"
		rm -rf "$made"
		[ -e "$jars/.whole" ]
	) 8>"$jars/.lock"
}

# need_kafka: skips, saying what is missing.
need_kafka() {
	need_command java kcat openssl keytool
	[ -e "$(kafka_jars)/.whole" ] || skip "Apache Kafka's jars are not here: Maven or Maven Central is missing"
}

# has_kafka: whether a broker can be started; for setup_file, which cannot skip.
has_kafka() {
	command -v java >/dev/null && command -v kcat >/dev/null && command -v openssl >/dev/null &&
		command -v keytool >/dev/null && fetch_kafka
}

# A program of Kafka's, in place of this shell: its main class and arguments.
kafka_java() {
	exec java -Xms64m -Xmx"${kafka_heap:-384m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
		-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Djava.security.egd=file:/dev/urandom \
		${kafka_jaas:+-Djava.security.auth.login.config="$kafka_jaas"} -cp "$(kafka_jars)/*" "$@"
}

# An authority, the broker's certificate and a client's, in $kafka_dir/tls; the password of the stores is no secret.
kafka_certificates() {
	local tls=$kafka_dir/tls name
	mkdir "$tls"
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=tests' authority" -keyout "$tls/ca.key" \
		-out "$tls/ca.pem" 2>/dev/null
	for name in broker client; do
		openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$tls/$name.key" -out "$tls/$name.csr" 2>/dev/null
		openssl x509 -req -in "$tls/$name.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 30 \
			-extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$tls/$name.pem" 2>/dev/null
	done
	openssl pkcs12 -export -in "$tls/broker.pem" -inkey "$tls/broker.key" -certfile "$tls/ca.pem" -name broker \
		-passout pass:changeit -out "$tls/broker.p12"
	keytool -importcert -noprompt -alias ca -file "$tls/ca.pem" -keystore "$tls/trust.p12" -storetype PKCS12 \
		-storepass changeit >/dev/null 2>&1
	[ -s "$tls/trust.p12" ] && [ -s "$tls/broker.p12" ]
}

kafka_properties() {
	local login=org.apache.kafka.common.security
	cat <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$kafka_control
		controller.listener.names=CONTROLLER
		inter.broker.listener.name=PLAINTEXT
		listeners=PLAINTEXT://127.0.0.1:$kafka_port,SSL://127.0.0.1:$kafka_ssl,SASL_SSL://127.0.0.1:$kafka_sasl,CONTROLLER://127.0.0.1:$kafka_control
		advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port,SSL://127.0.0.1:$kafka_ssl,SASL_SSL://127.0.0.1:$kafka_sasl
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
		ssl.keystore.location=$kafka_dir/tls/broker.p12
		ssl.keystore.type=PKCS12
		ssl.keystore.password=changeit
		ssl.truststore.location=$kafka_dir/tls/trust.p12
		ssl.truststore.type=PKCS12
		ssl.truststore.password=changeit
		listener.name.ssl.ssl.client.auth=required
		sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
		listener.name.sasl_ssl.plain.sasl.jaas.config=$login.plain.PlainLoginModule required user_goflow="flow secret";
		listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$login.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
		listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$login.scram.ScramLoginModule required;
		listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$login.scram.ScramLoginModule required;
		log.dirs=$kafka_dir/data
		num.partitions=1
		auto.create.topics.enable=false
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		group.initial.rebalance.delay.ms=0
		broker.session.timeout.ms=3000
		broker.heartbeat.interval.ms=500
		num.network.threads=2
		num.io.threads=2
		log.cleaner.enable=false
		log.retention.ms=-1
		log.message.timestamp.after.max.ms=3600000
	END
	printf '%s\n' "$@"
}

# start_kafka [PROPERTY=VALUE...]: sets up and starts one; sets kafka_dir, kafka_port (plain), kafka_ssl and kafka_sasl
# (user goflow, password "flow secret", by SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN), and KAFKA_SERVER.
start_kafka() {
	kafka_dir=$(mktemp -d "${TMPDIR:-/tmp}/kf.XXXXXX")
	kafka_port=$(free_tcp_port) kafka_ssl=$(free_tcp_port) kafka_sasl=$(free_tcp_port) kafka_control=$(free_tcp_port)
	KAFKA_SERVER=127.0.0.1:$kafka_port
	export kafka_dir kafka_port kafka_ssl kafka_sasl kafka_control KAFKA_SERVER
	unset KAFKA_TOPIC SSL SSL_VERIFY SASL_USER SASL_PASSWORD
	kafka_certificates || fail "the certificates cannot be made"
	kafka_properties "$@" >"$kafka_dir/server.properties"
	format_kafka || return 1
	run_kafka
}

# format_kafka: makes the storage, with the user in it.
format_kafka() {
	(kafka_java kafka.tools.StorageTool format -t Z29mbG93LXRlc3RzLTAwMQ -c "$kafka_dir/server.properties" \
		--add-scram 'SCRAM-SHA-256=[name=goflow,password=flow secret]' \
		--add-scram 'SCRAM-SHA-512=[name=goflow,password=flow secret]' >"$kafka_dir/format.log" 2>&1) ||
		fail "Kafka's storage: $(tail -5 "$kafka_dir/format.log")"
}

# run_kafka: starts the one that was made (again), and waits until it answers; the descriptors that tests use are not its.
run_kafka() {
	kafka_java kafka.Kafka "$kafka_dir/server.properties" >>"$kafka_dir/log" 2>&1 </dev/null 3>&- 8>&- 9>&- &
	echo $! >"$kafka_dir/pid"
	wait_for 90 kafka_answers || fail "Kafka does not start: $(tail -20 "$kafka_dir/log")"
}

kafka_answers() {
	kcat -b "127.0.0.1:$kafka_port" -L -m 2
}

# end_kafka [SIGNAL]: TERM, or KILL; the folder stays.
end_kafka() {
	local server
	server=$(cat "$kafka_dir/pid" 2>/dev/null) || return 0
	kill -CONT "$server" 2>/dev/null || true
	kill "-${1:-TERM}" "$server" 2>/dev/null || return 0
	wait_for 60 ended "$server"
	rm -f "$kafka_dir/pid"
}

# freeze_kafka, thaw_kafka: the process stands still, its connections open.
freeze_kafka() { kill -STOP "$(cat "$kafka_dir/pid")"; }
thaw_kafka() { kill -CONT "$(cat "$kafka_dir/pid")"; }

# remove_kafka: ends it and removes the folder.
remove_kafka() {
	[ -n "${kafka_dir:-}" ] || return 0
	end_kafka KILL
	rm -rf "$kafka_dir"
}

# kafka_topics ARGUMENT...: Kafka's own tool, as: --create --topic NAME --partitions 3
kafka_topics() {
	(kafka_heap=128m kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$kafka_port" "$@")
}

# taken TOPIC [KCAT OPTION...]: all messages of a topic, as they are.
taken() {
	local topic=$1
	shift
	kcat -C -q -b "127.0.0.1:$kafka_port" -t "$topic" -o beginning -e "$@"
}

# holds TOPIC COUNT: whether the topic has so many messages, or more. For wait_for.
holds() {
	[ "$(taken "$1" -f '.' | wc -c)" -ge "$2" ]
}
