#!/usr/bin/env bats
# Structured data (RFC 6313): lists come out as nested JSON, bounded, and survive both forms of the stream and a database.

load helpers

setup() {
	goflow_setup
	need_command python3 jq
	cd "$BATS_TEST_TMPDIR" || return
}

# lists TEMPLATES VALUES: decodes a record of a source address and of these values of lists, to ./lines
lists() {
	local fields='[8,4]' kind
	for kind in $(jq -r '.[] | keys[0]' <<<"$2"); do
		case $kind in
		subTemplateList) fields+=',[292,65535]' ;;
		subTemplateMultiList) fields+=',[293,65535]' ;;
		*) fields+=',[291,65535]' ;;
		esac
	done
	jq -nc --argjson t "$1" --argjson v "$2" --argjson f "[$fields]" --argjson w "${3:-[]}" \
		'{templates: $t, withheld: $w, fields: $f, records: [["10.0.0.1"] + $v]}' | python3 "$TOOLS/ipfix.py" >lists.pcap
	nfdecode -j <lists.pcap >lines 2>err
}

# is JQ EXPECTED: of the record
is() { same "$2" "$(jq -c "$1" lines)" "$1"; }

T='{"257":[[8,4],[1,8]],"258":[[96,65535],[291,65535]]}'

@test "lists: a basicList, of fixed and of variable length, and of an enterprise" {
	lists '{}' '[{"basicList":[3,[1,4],[1,2,3]]}]'
	is .extra.basicList.value '{"semantic":"allOf","element":"octetDeltaCount","values":[1,2,3]}'
	is .extra.basicList.hex '"0300010004000000010000000200000003"'
	lists '{}' '[{"basicList":[4,[82,65535],[{"text":"eth0"},{"text":""}]]}]'
	is .extra.basicList.value '{"semantic":"ordered","element":"interfaceName","values":["eth0",""]}'
	lists '{}' '[{"basicList":[255,[7,2,64512],[1]]}]'
	is .extra.basicList.value '{"semantic":"undefined","element":"en64512:id7","values":[{"hex":"0001"}]}'
	lists '{}' '[{"basicList":[9,[1,4],[]]}]'
	is .extra.basicList.value '{"semantic":9,"element":"octetDeltaCount","values":[]}'
}

@test "lists: records by templates, which go with the record" {
	lists "$T" '[{"subTemplateList":[0,257,[["192.0.2.1",7],["192.0.2.2",8]]]}]'
	is .extra.subTemplateList.value \
		'{"semantic":"noneOf","template":257,"records":[{"sourceIPv4Address":"192.0.2.1","octetDeltaCount":7},{"sourceIPv4Address":"192.0.2.2","octetDeltaCount":8}]}'
	is '.extra | keys' '["subTemplateList","template257"]'
	is .extra.template257 '{"hex":"0008000400010008"}'
	is .src_ip '"10.0.0.1"' # a list fills no field of the record
}

@test "lists: lists in lists, and a list of several templates" {
	lists "$T" '[{"subTemplateMultiList":[1,[[258,[[{"text":"web"},{"basicList":[2,[82,65535],[{"text":"a"}]]}]]],[257,[["192.0.2.1",7]]]]]}]'
	is .extra.subTemplateMultiList.value \
		'{"semantic":"exactlyOneOf","lists":[{"template":258,"records":[{"applicationName":"web","basicList":{"semantic":"oneOrMoreOf","element":"interfaceName","values":["a"]}}]},{"template":257,"records":[{"sourceIPv4Address":"192.0.2.1","octetDeltaCount":7}]}]}'
}

@test "lists: an element that is in a record more than once becomes an array" {
	lists '{"257":[[1,1],[8,4],[1,1],[2,1],[1,1]]}' '[{"subTemplateList":[3,257,[[1,"192.0.2.1",2,9,3]]]}]'
	is '.extra.subTemplateList.value.records' \
		'[{"octetDeltaCount":[1,2,3],"sourceIPv4Address":"192.0.2.1","packetDeltaCount":9}]'
}

@test "lists: by a template that was not announced, the bytes" {
	lists "$T" '[{"subTemplateList":[3,257,[["192.0.2.1",7]]]}]' '["257"]'
	is .extra '{"subTemplateList":{"value":{"semantic":"allOf","template":257,"hex":"c00002010000000000000007"},"hex":"030101c00002010000000000000007"}}'
}

@test "lists: what breaks off has no value, and its bytes stay" {
	lists "$T" '[{"subTemplateList":[3,257,[["192.0.2.1",7]]]}]'
	local whole bytes
	whole=$(jq -r .extra.subTemplateList.hex lines)
	for ((bytes = 2; bytes < ${#whole}; bytes += 2)); do
		jq -nc --arg h "${whole::bytes}" --argjson t "$T" \
			'{templates: $t, fields: [[8,4],[292,65535]], records: [["10.0.0.1", {hex: $h}]]}'
	done | python3 "$TOOLS/ipfix.py" | nfdecode -j >lines 2>err
	# of its 15 octets the first three are a list of no records
	same 14 "$(wc -l <lines)"
	same 1 "$(jq -c 'select(.extra.subTemplateList.value) | .extra.subTemplateList.hex' lines | grep -cx '"030101"')"
	same 1 "$(jq -c 'select(.extra.subTemplateList.value)' lines | wc -l)"
	same 14 "$(jq -r .extra.subTemplateList.hex lines | awk 'length($0) / 2 == NR' | wc -l)"
}

@test "lists: they nest eight deep; what lies deeper is bytes" {
	local v='{"basicList":[3,[1,1],[7]]}' n
	for ((n = 0; n < 8; n++)); do v='{"basicList":[3,[291,65535],['$v']]}'; done
	lists '{}' "[$v]"
	is '[.. | .semantic? // empty] | length' 8
	is '[.. | .values? // empty | .[0] | select(.hex)] | length' 1
	nfdecode <lists.pcap 2>err | nfjson 2>err >back
	same "$(<lines)" "$(<back)"
}

@test "lists: a list of a megabyte of JSON has its bytes alone, and so a bound" {
	lists '{}' "[{\"basicList\":[3,[7,1,64512],[$(seq -s, 0 255 | sed 's/.*/&,&,&,&,&,&,&,&/')]]}]"
	is '.extra.basicList.value.values | length' 2048
	# records of one octet, of an element with a long name
	for n in 20000 60000; do
		python3 -c "print('{\"templates\":{\"257\":[[480,1]]},\"fields\":[[8,4],[292,65535]],\"records\":[[\"10.0.0.1\",{\"hex\":\"030101' + '07' * $n + '\"}]]}')" |
			python3 "$TOOLS/ipfix.py" | nfdecode -j >lines 2>err
		is '.extra.subTemplateList | [(.hex | length), (.value.records | length)]' "[$((2 * n + 6)),$((n == 20000 ? n : 0))]"
	done
}

@test "lists: JSON lines, the binary stream and SQLite keep them" {
	lists "$T" '[{"subTemplateMultiList":[1,[[258,[[{"text":"web"},{"basicList":[2,[82,65535],[{"text":"a"}]]}]]],[257,[["192.0.2.1",7]]]]]}]'
	nfdecode <lists.pcap 2>err | nfjson >back 2>err
	same "$(<lines)" "$(<back)"
	nfdecode <lists.pcap 2>err | nfsink-sqlite -d flows.db 2>err
	nfsink-sqlite -d flows.db <lines 2>err
	same "$(jq -cS .extra lines lines)" "$(sqlite3 flows.db 'SELECT extra FROM goflow_records' | jq -cS .)"
}

@test "lists: templates are found again by a run that reads the state of another" {
	jq -nc --argjson t "$T" '{templates: $t, fields: [[8,4]], records: []}' | python3 "$TOOLS/ipfix.py" | nfdecode -j --state state >/dev/null 2>err
	jq -nc --argjson t "$T" '{templates: $t, withheld: ["257"], fields: [[8,4],[292,65535]], records: [["10.0.0.1", {subTemplateList: [3,257,[["192.0.2.1",7]]]}]]}' |
		python3 "$TOOLS/ipfix.py" | nfdecode -j --state state >lines 2>err
	is .extra.subTemplateList.value.records '[{"sourceIPv4Address":"192.0.2.1","octetDeltaCount":7}]'
}
