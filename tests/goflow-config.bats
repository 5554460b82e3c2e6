# goflow check-config, help and version: config.yml, the environment over it, and what is said of errors.
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	unset GOFLOW_CONFIG GOFLOW_API_TOKEN SQL_PASSWORD KAFKA_SERVER KAFKA_TOPIC SSL SSL_VERIFY SASL_USER SASL_PASSWORD
}

# The example with every setting that it only mentions, and a password that is looked for in what is printed.
full() {
	(umask 077 && echo correct-horse >password)
	echo '192.0.2.1: {name: edge-1, sampling: 1000}' >exporters.yml
	echo 'elements: [{pen: 12345, id: 7, name: acmeUser, type: string, field: user_name}]' >elements.yml
	sed -E "s/#([A-Za-z_.]+:)/\1/; s,/etc/goflow/sql-password,$PWD/password,; s,/etc/goflow/(exporters|elements),$PWD/\1,
		s/((SQL|SASL)_PASSWORD|api_token): .*/\1: correct-horse/" "$GOFLOW_ROOT/config_example.yml"
}

# check FILE: what check-config says, of a file in this folder; $status is its exit code.
check() { run goflow check-config -c "$1"; }

# A small good file, with what is given as a backend's config.
kafka() {
	printf 'backends:\n  k:\n    type: kafka\n    config:\n'
	printf '      %s\n' "$@"
	printf 'frontends:\n  netflow:\n    backend: k\n'
}

# value FILE PATH: {"value", "from", ...} of a key, as in .backends.k.config.SSL
value() { goflow check-config -j -c "$1" 2>/dev/null | jq -c "$2"; }

# says TEXT: it is one of the lines of the last run.
says() {
	[[ $'\n'$output$'\n' == *$'\n'"$1"$'\n'* ]] || fail "expected: $1"$'\n'"found: $output"
}

@test "the first goflow's file is taken as it is" {
	check "$GOFLOW_ROOT/tests/config/first-goflow.yml"
	same 0 "$status"
	same "$GOFLOW_ROOT/tests/config/first-goflow.yml: ok, 3 backends, 1 frontend" "$output"
	goflow check-config -j -c "$GOFLOW_ROOT/tests/config/first-goflow.yml" >found
	same '["mysql","dump","kafka"]' "$(jq -c '[.backends[].type.value]' found)"
	same '["your-sql-server.com","your-sql-username","your-database-name"]' \
		"$(jq -c '.backends.rdssql.config | [.SQL_SERVER, .SQL_USERNAME, .SQL_DB | .value]' found)"
	same '["kafka.example.net:9093","flows","flowuser",true,false]' "$(jq -c '.backends.kafka.config |
		[.KAFKA_SERVER, .KAFKA_TOPIC, .SASL_USER, .SSL, .SSL_VERIFY | .value]' found)"
	same '["192.0.2.10",2055]' "$(jq -c '.frontends.netflow.config | [.bindaddr, .bindport | .value]' found)"
	same '["rdssql"]' "$(jq -c .frontends.netflow.backends found)"
	same '["127.0.0.1",8880,180]' "$(jq -c '[.api.bindaddr, .api.bindport, .utilities.max_age | .value]' found)"
}

@test "the first goflow's placeholders, left in place, are said to be none of YAML, by line and column" {
	sed 's/kafka.example.net:9093/[your-server]:[listening-port]/' "$GOFLOW_ROOT/tests/config/first-goflow.yml" >c.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:14:34: found more behind a value, expected the end of the line, or quotes around it"
	sed 's/192.0.2.10/[local address]/; s/2055/[local port]/' "$GOFLOW_ROOT/tests/config/first-goflow.yml" >c.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:22:17: frontends.netflow.config.bindaddr: found a list, expected an IPv4 or IPv6 address"
	says "error goflow: c.yml:23:17: frontends.netflow.config.bindport: found a list, expected a number from 1 to 65535"
}

@test "the example is good, with and without what it only mentions, and has every key" {
	check "$GOFLOW_ROOT/config_example.yml"
	same "$GOFLOW_ROOT/config_example.yml: ok, 5 backends, 3 frontends" "$output"
	full >full.yml
	goflow check-config -c full.yml 2>warnings
	same 3 "$(wc -l <warnings)" "$(cat warnings)" # secrets
	# what stands there as a default is one
	goflow check-config -j -c "$GOFLOW_ROOT/config_example.yml" | jq -S '[paths(has("value")?) as $p |
		getpath($p) | select(.from == "default") | {path: ($p | join(".")), value}]' >defaults
	goflow check-config -j -c full.yml 2>/dev/null | jq -S '[paths(has("value")?) as $p |
		getpath($p) | select(.value != null) | {path: ($p | join(".")), value}]' >values
	jq -e '(length > 40)' defaults
	same "[]" "$(jq -c --slurpfile v values '[.[] as $d | select(all($v[0][]; . != $d) and
		any($v[0][]; .path == $d.path)) | $d]' defaults)"
	for key in $(goflow help config | sed -nE 's/^[A-Za-z.]*\b([A-Za-z_]+)$/\1/p' | grep -vx TEST_MODE | sort -u); do
		grep -qE "(^|[ #])$key:" "$GOFLOW_ROOT/config_example.yml" || fail "config_example.yml has no $key"
	done
}

@test "every key, with its default and variable, is in goflow.yml(5)" {
	page=$GOFLOW_ROOT/docs/man/goflow.yml.5
	goflow help config | sed -nE 's/^[A-Za-z.]*\b([A-Za-z_]+)$/\1/p' | sort -u >keys
	[ "$(wc -l <keys)" -gt 50 ] || fail "$(cat keys)"
	while read -r key; do
		grep -qE "^\.It Cm (.* , )?$key( ,|\$)" "$page" || fail "goflow.yml(5) has no $key"
	done <keys
	goflow help config | sed -n 's/^    environment: //p' | sort -u >variables
	while read -r name; do
		grep -q "^\.Ev $name" "$page" || fail "goflow.yml(5) has no $name"
	done <variables
}

@test "the environment wins over the file, and an empty variable is none" {
	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' 'SSL: true' 'SSL_VERIFY: true' 'SASL_USER: u' 'SASL_PASSWORD: p' >c.yml
	export KAFKA_SERVER=b:2 KAFKA_TOPIC=s SSL=false SSL_VERIFY=no SASL_USER=v SASL_PASSWORD=q
	for key in KAFKA_SERVER:b:2 KAFKA_TOPIC:s SASL_USER:v; do
		same "{\"value\":\"${key#*:}\",\"from\":\"environment\",\"variable\":\"${key%%:*}\"}" \
			"$(value c.yml ".backends.k.config.${key%%:*}")"
	done
	same false "$(value c.yml .backends.k.config.SSL.value)"
	same false "$(value c.yml .backends.k.config.SSL_VERIFY.value)"
	same '{"value":"********","from":"environment","variable":"SASL_PASSWORD"}' \
		"$(value c.yml .backends.k.config.SASL_PASSWORD)"
	export KAFKA_SERVER='' KAFKA_TOPIC='' SSL='' SSL_VERIFY='' SASL_USER='' SASL_PASSWORD=''
	same '"a:1"' "$(value c.yml .backends.k.config.KAFKA_SERVER.value)"
	same '{"value":true,"from":"file","line":7}' "$(value c.yml .backends.k.config.SSL)"
}

@test "the environment alone is enough for what is required" {
	printf 'backends: {k: {type: kafka}, d: {type: mysql}}\nfrontends: {netflow: {backends: [k, d]}}\n' >c.yml
	check c.yml
	same 78 "$status"
	says 'error goflow: c.yml:1:12: backends.k.config: found no KAFKA_TOPIC, expected text of at most 249 bytes: the topic'
	export KAFKA_SERVER=b:2 KAFKA_TOPIC=s SQL_PASSWORD=correct-horse GOFLOW_API_TOKEN=correct-horse
	check c.yml
	same "c.yml: ok, 2 backends, 1 frontend" "$output"
	same '"environment"' "$(value c.yml .backends.d.config.SQL_PASSWORD.from)"
	same '"environment"' "$(value c.yml .api_token.from)"
}

@test "a variable that does not fit is said once, without a place, and a secret's without its value" {
	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' | sed 's/^frontends/  l: {type: kafka, config: {KAFKA_SERVER: a, KAFKA_TOPIC: t}}\n&/' >c.yml
	SSL=maybe check c.yml
	same 78 "$status"
	same 'error goflow: c.yml: environment SSL: found "maybe", expected true or false' "$output"
	SASL_PASSWORD=$(printf 'correct-horse%.0s' {1..100}) check c.yml
	same "error goflow: c.yml: environment SASL_PASSWORD: found a value that is not shown, expected text of at most 1024 bytes" "$output"
}

@test "defaults are those of the manual, and ports those of the protocol" {
	printf 'backends: {d: {type: dump}}\nfrontends:\n  netflow: {backend: d}\n  ipfix: {backend: d}\n' >c.yml
	same '[2055,4739]' "$(value c.yml '[.frontends[].config.bindport.value]')"
	same '{"value":"::","from":"default"}' "$(value c.yml .frontends.netflow.config.bindaddr)"
	same '{"value":"127.0.0.1","from":"default"}' "$(value c.yml .api.bindaddr)"
	same '{"value":null,"from":"nowhere"}' "$(value c.yml .utilities.max_age)"
	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' >c.yml
	same '{"value":true,"from":"default"}' "$(value c.yml .backends.k.config.SSL)"
	same '{"value":true,"from":"default"}' "$(value c.yml .backends.k.config.SSL_VERIFY)"
}

@test "all errors are said at once, in the order of the file" {
	cat >c.yml <<-END
		backends:
		  rdssql:
		    type: mysq
		  k:
		    type: kafka
		    config:
		      KAFKA_SERVERS: a:9092
		      KAFKA_SERVER: a:9092
		      KAFKA_TOPIC: [t]
		      KAFKA_SERVER: b:9092
		      SSL: maybe
		      linger: 5 minutes
		      SQL_SERVER: q
		frontends:
		  netflow:
		    config: {bindaddr: 300.1.1.1, bindport: 99999}
		    backend: rdsql
		  ipfix:
		    bindport: 1
		    backends: [k, k]
		  more:
		    type: netflow
		    config: {bindport: 4739, bindaddr: 0.0.0.0}
		  flows:
		    backend: k
		  sflow:
		    backend: k
		utilities:
		  max_age: 0
		columns: [src_ip, dst_ipp]
	END
	check c.yml
	same 78 "$status"
	cat >expected <<-'END'
		error goflow: c.yml:3:11: backends.rdssql.type: found "mysq", expected mysql, timescale, postgres, kafka, sqlite or dump; mysql is near
		error goflow: c.yml:7:7: backends.k.config: found the key KAFKA_SERVERS, expected KAFKA_SERVER, which is near
		error goflow: c.yml:9:20: backends.k.config.KAFKA_TOPIC: found a list, expected text of at most 249 bytes
		error goflow: c.yml:10:7: backends.k.config: found the key KAFKA_SERVER again, expected it once: it stands on line 8 too
		error goflow: c.yml:11:12: backends.k.config.SSL: found "maybe", expected true or false
		error goflow: c.yml:12:15: backends.k.config.linger: found "5 minutes", expected a time from 0ms to 1h, such as 1.5s (units ms, s, m, h, d)
		error goflow: c.yml:13:7: backends.k.config: found the key SQL_SERVER, expected a key of this type; SQL_SERVER is one of mysql, timescale, postgres
		error goflow: c.yml:16:24: frontends.netflow.config.bindaddr: found "300.1.1.1", expected an IPv4 or IPv6 address
		error goflow: c.yml:16:45: frontends.netflow.config.bindport: found "99999", expected a number from 1 to 65535
		error goflow: c.yml:17:14: frontends.netflow: found the backend rdsql, expected one of those under backends; near is rdssql
		error goflow: c.yml:19:5: frontends.ipfix: found the key bindport, expected it under frontends.NAME.config, which its indentation says
		error goflow: c.yml:20:19: frontends.ipfix.backends: found k again, expected it once
		error goflow: c.yml:21:3: frontends.more: found no backend, expected backend: NAME
		error goflow: c.yml:23:24: frontends.more: found port 4739 of address 0.0.0.0, which frontends.ipfix on line 18 has, expected another port or address
		error goflow: c.yml:24:3: frontends.flows: found no type, expected one: netflow, ipfix, pcap or sflow; or one of these as the frontend's name
		error goflow: c.yml:29:12: utilities.max_age: found "0", expected a number from 1 to 36500
		error goflow: c.yml:30:10: columns: found "src_ip,dst_ipp", expected default or all, or names of fields, as in goflow-record(5); dst_ip is near
	END
	diff expected <(echo "$output")
}

@test "what stands before a place where it ceases to be YAML is checked all the same" {
	printf 'backends:\n  a:\n    typ: mysql\n  b\n    type: dump\n' >c.yml
	check c.yml
	same 78 "$status"
	says 'error goflow: c.yml:3:5: backends.a: found the key typ, expected type, which is near'
	says 'error goflow: c.yml:4:3: found a line without a colon, expected KEY: VALUE'
}

@test "a line without a colon is named, not the one behind it where that shows" {
	printf 'backends:\n  a:\n    type dump\n\n    config:\n' >c.yml
	check c.yml
	same 'error goflow: c.yml:3:5: found a line without a colon, expected KEY: VALUE' "$output"
	printf 'backends:\n  a:\n    type: dump\n      config:\n' >c.yml
	check c.yml
	same 'error goflow: c.yml:4:13: found a colon where no key can stand, expected a line that is indented as its neighbours, or quotes around a value with a colon' "$output"
}

# Generated from the example: misspelt keys, types, ranges, duplicates, indentation, colons, quotes, bytes.
@test "200 broken files: each ends with 78 and names the line, and none shows a secret" {
	full >full.yml
	goflow check-config -c full.yml 2>/dev/null
	mkdir broken
	python3 "$GOFLOW_ROOT/tests/tools/badconfigs.py" full.yml broken 200 5 >index
	same 200 "$(wc -l <index)"
	while IFS=$'\t' read -r n line way; do
		check "broken/$n.yml"
		same 78 "$status" "$way in $n: $output"
		grep -q "^error goflow: broken/$n.yml:$line:[1-9][0-9]*: .*found .* expected " <<<"$output" ||
			fail "$way: no error names line $line of broken/$n.yml: $output"
		grep -qv "^\(error\|warn\) goflow: broken/$n.yml:" <<<"$output" && fail "$way in $n: $output"
		[[ $output != *correct-horse* ]] || fail "$way in $n shows a secret: $output"
	done <index
}

@test "aliases and merge keys are taken, and bounded" {
	cp "$GOFLOW_ROOT/tests/fuzz/corpus/config/aliases" c.yml
	same '["db","other","db","flows",5432]' "$(value c.yml '.backends | [.a.config.SQL_SERVER, .a.config.SQL_DB,
		.c.config.SQL_SERVER, .c.config.SQL_DB, .c.config.port | .value]')"
	for file in laughs cycles deep; do
		run timeout 10 goflow check-config -c "$GOFLOW_ROOT/tests/fuzz/corpus/config/$file"
		same 78 "$status" "$file: $output"
	done
	# a million keys through aliases
	{
		echo 'x-a: &a {a: 1, b: 2, c: 3}'
		printf 'backends: {'
		printf '%s: &%s {<<: [%s]}, ' b b "$(printf '*a,%.0s' {1..200})" c c "$(printf '*b,%.0s' {1..200})" \
			d d "$(printf '*c,%.0s' {1..200})"
		echo '}'
	} >c.yml
	run timeout 10 goflow check-config -c c.yml
	same 78 "$status"
	[[ $output == *"found more than 65536 keys, with aliases, expected fewer"* ]] || fail "$output"
}

@test "the file of exporters is read too, and what is wrong with it is said at the key that names it" {
	kafka 'KAFKA_SERVER: k:9092' 'KAFKA_TOPIC: flows' >c.yml
	echo "exporters: $PWD/exporters.yml" >>c.yml
	printf '192.0.2.1:\n  sampling: often\n' >exporters.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:10:12: exporters: $PWD/exporters.yml:2:13: 192.0.2.1.sampling: found \"often\", expected a whole number from 1 to 4294967295"
	rm exporters.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:10:12: exporters: $PWD/exporters.yml: No such file or directory"
	echo '192.0.2.1: {sampling: 1000}' >exporters.yml
	check c.yml
	same 0 "$status" "$output"
}

@test "the file of elements is read too, and what is wrong with it is said at the key that names it" {
	kafka 'KAFKA_SERVER: k:9092' 'KAFKA_TOPIC: flows' >c.yml
	echo "elements: $PWD/elements.yml" >>c.yml
	echo 'elements: [{pen: 1, id: 1, name: a, type: text}]' >elements.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:10:11: elements: $PWD/elements.yml:1:43: type: found \"text\", expected a type of RFC 7012, as unsigned32, string, octetArray, ipv4Address or dateTimeMilliseconds"
	rm elements.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:10:11: elements: $PWD/elements.yml: No such file or directory"
	echo 'elements: [{pen: 1, id: 1, name: a, type: string}]' >elements.yml
	check c.yml
	same 0 "$status" "$output"
}

@test "a file that is missing, a folder, unreadable, empty, huge, no UTF-8 or two documents" {
	check missing.yml
	same 78 "$status"
	same "error goflow: missing.yml: No such file or directory" "$output"
	check .
	same 78 "$status"
	same "error goflow: .: Is a directory" "$output"
	: >c.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:1:1: found no backends, expected at least one"
	says "error goflow: c.yml:1:1: found no frontends, expected at least one"
	truncate -s 100M c.yml
	check c.yml
	same 78 "$status"
	same "error goflow: c.yml: found more than 262144 bytes, expected fewer" "$output"
	printf 'api: 127.0.0.1:8880\nlog:\n  form: t\xe9xt\n' >c.yml
	check c.yml
	same 78 "$status"
	same "error goflow: c.yml:3:10: found the byte 0xe9, expected UTF-8" "$output"
	printf '\xff\xfea\0p\0' >c.yml
	check c.yml
	same "error goflow: c.yml:1:1: found the byte 0xff, expected UTF-8" "$output"
	{ cat "$GOFLOW_ROOT/tests/config/first-goflow.yml"; printf -- '---\napi: x\n'; } >c.yml
	check c.yml
	same "error goflow: c.yml:29:1: found a second document, expected one" "$output"
	printf -- '- a\n- b\n' >c.yml
	check c.yml
	same "error goflow: c.yml:1:1: the file: found a list, expected KEY: VALUE lines" "$output"
	[ "$(id -u)" -ne 0 ] || return 0 # root may read anything
	printf 'api: x\n' >c.yml
	chmod 0 c.yml
	check c.yml
	same "error goflow: c.yml: Permission denied" "$output"
}

@test "which file: -c, then GOFLOW_CONFIG, then ./config.yml" {
	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' | tee config.yml one.yml >two.yml
	run goflow check-config
	same "config.yml: ok, 1 backend, 1 frontend" "$output"
	GOFLOW_CONFIG=one.yml run goflow check-config
	same "one.yml: ok, 1 backend, 1 frontend" "$output"
	GOFLOW_CONFIG=one.yml run goflow check-config --config two.yml
	same "two.yml: ok, 1 backend, 1 frontend" "$output"
	GOFLOW_CONFIG='' run goflow check-config
	same "config.yml: ok, 1 backend, 1 frontend" "$output"
	rm config.yml
	[ -e /etc/goflow/config.yml ] && skip "/etc/goflow/config.yml is there"
	run goflow check-config
	same 78 "$status"
	same "error goflow: /etc/goflow/config.yml: No such file or directory" "$output"
}

@test "a secret is in the file, in a file of its own, or in the environment, and is never printed" {
	full >c.yml
	run goflow check-config -v -j -c c.yml
	same 0 "$status"
	[[ $output != *correct-horse* ]] || fail "$output"
	[[ $output == *"SQL_PASSWORD: a secret stands in this file; better SQL_PASSWORD in the environment"* ]] || fail "$output"
	same '{"value":"********","from":"secret file","line":52}' "$(value c.yml .backends.timescale.config.SQL_PASSWORD)"
	SQL_PASSWORD=other same '"environment"' "$(SQL_PASSWORD=other value c.yml .backends.timescale.config.SQL_PASSWORD.from)"

	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' 'password_file: secret' 'sasl.oauthbearer.client.secret: correct-horse' >c.yml
	check c.yml
	same "error goflow: c.yml:7:22: secret: No such file or directory, expected a file with one line, the secret" "$output"
	: >secret
	check c.yml
	same "error goflow: c.yml:7:22: secret: found what is not one line of 1 to 1024 bytes, expected a file with one line, the secret" "$output"
	printf 'correct\nhorse\n' >secret
	check c.yml
	same 78 "$status"
	echo correct-horse >secret
	chmod 644 secret
	check c.yml
	says "warn goflow: c.yml:7:22: secret: other users may read or write it; better mode 0600"
	same 0 "$status"
	run goflow check-config -j -c c.yml
	[[ $output == *sasl.oauthbearer.client.secret* && $output != *correct-horse* ]] || fail "$output"
	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' 'password_file: secret' 'SASL_PASSWORD: correct-horse' >c.yml
	check c.yml
	same 78 "$status"
	says "error goflow: c.yml:7:22: backends.k.config.password_file: found a file with a secret that stands on line 8 too, expected one of them"
}

@test "two frontends on one port: only where their addresses meet" {
	two() {
		printf 'backends: {d: {type: dump}}\nfrontends:\n'
		printf "  netflow: {config: {bindaddr: '%s', bindport: 9999}, backend: d}\n" "$1"
		printf "  ipfix: {config: {bindaddr: '%s', bindport: 9999}, backend: d}\n" "$2"
	}
	for pair in '127.0.0.1 127.0.0.2' '0.0.0.0 ::1' '::1 ::2'; do
		two "${pair% *}" "${pair#* }" >c.yml
		check c.yml
		same 0 "$status" "$pair: $output"
	done
	for pair in '127.0.0.1 127.0.0.1' '0.0.0.0 127.0.0.1' ':: 127.0.0.1' '127.0.0.1 ::' '::1 0:0::1'; do
		two "${pair% *}" "${pair#* }" >c.yml
		check c.yml
		same 78 "$status" "$pair: $output"
		[[ $output == *"c.yml:4:"*"found port 9999"*"on line 3 has"* ]] || fail "$pair: $output"
	done
}

@test "the API's address in its forms" {
	api() {
		kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' >c.yml
		printf '%s\n' "$1" >>c.yml
		value c.yml '[.api.bindaddr.value, .api.bindport.value]'
	}
	same '["127.0.0.1",8880]' "$(api '')"
	same '["192.0.2.1",80]' "$(api 'api: 192.0.2.1:80')"
	same '["::1",8880]' "$(api 'api: "[::1]:8880"')"
	same '["::",8880]' "$(api 'api: :8880')"
	same '["127.0.0.1",8881]' "$(api 'api: localhost:8881')"
	same '["::1",8880]' "$(api 'api: {bindaddr: "::1"}')"
	same '' "$(api 'api: 8880')"
}

@test "a Kafka backend takes every format that nfsink-kafka has" {
	sed -nE 's/^\t\{\.name = "([^"]+)".*/\1/p' "$GOFLOW_ROOT/nfsink-kafka/format.c" >formats
	[ "$(wc -l <formats)" -gt 2 ] || fail "$(cat formats)"
	while read -r format; do
		kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' "format: $format" >c.yml
		check c.yml
		same 0 "$status" "$output"
	done <formats
}

@test "what the first goflow took and has no meaning any more is said" {
	kafka 'KAFKA_SERVER: a:1' 'KAFKA_TOPIC: t' 'TEST_MODE: true' >c.yml
	check c.yml
	same 0 "$status"
	says "warn goflow: c.yml:7:7: backends.k.config.TEST_MODE: it has no meaning any more; leave it out"
}

@test "help lists the commands, explains one, a key, and all keys; version" {
	run goflow help
	same 0 "$status"
	for command in check-config help version; do
		[[ $output == *"  $command "* ]] || fail "$output"
	done
	same "$output" "$(goflow --help)"
	run goflow help check-config
	[[ $status -eq 0 && $output == *"--config FILE"* ]] || fail "$output"
	run goflow help SSL_VERIFY
	same "backends.NAME.config.SSL_VERIFY
    whether the broker's certificate is verified
    of kafka
    takes true or false
    default: true
    environment: SSL_VERIFY" "$output"
	run goflow help nothing
	same 64 "$status"
	same "goflow 0.1.0" "$(goflow version)"
	run goflow frobnicate
	same 64 "$status"
	same 'error goflow: found frobnicate, expected a command; "goflow help" lists them' "$output"
	run goflow check-config operand
	same 64 "$status"
}

@test "what takes libyaml long is refused at once" {
	python3 -c "print('[' * 200000)" >brackets.yml
	python3 -c "print('x-a:\n' + ''.join(f'- &a{i} x\n' for i in range(15000)))" >anchors.yml
	run timeout 10 goflow check-config -c brackets.yml
	same "error goflow: brackets.yml:1:33: found more than 32 brackets within each other, expected fewer" "$output"
	run timeout 10 goflow check-config -c anchors.yml
	same "error goflow: anchors.yml:258:3: found more than 256 anchors, expected fewer" "$output"
}

@test "a frontend with a worker's name is refused" {
	printf 'backends: {d: {type: dump}}\nfrontends:\n' >c.yml
	printf '  f: {type: netflow, config: {bindport: 1111, workers: 2}, backend: d}\n' >>c.yml
	printf '  f.3: {type: netflow, config: {bindport: 1113}, backend: d}\n' >>c.yml
	check c.yml
	same 0 "$status" "$output"
	printf '  f.2: {type: netflow, config: {bindport: 1112}, backend: d}\n' >>c.yml
	check c.yml
	same 78 "$status" "$output"
	[[ $output == *"c.yml:5:3: frontends.f.2: found the name that worker 2 of frontends.f on line 3 has, expected another" ]] || fail "$output"
}
