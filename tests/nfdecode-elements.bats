#!/usr/bin/env bats
# nfdecode --elements: a user's own elements are named, typed and put into record fields as their file says, in JSON lines,
# in --explain and behind the flow stream; and a file that is wrong is refused, with the place.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	need_command python3 jq
}

craft() { python3 "$TOOLS/craft.py" "$@"; }

# elements LINE...: ./elements.yml, with a line for each element
elements() {
	echo 'elements:' >elements.yml
	printf '  - {%s}\n' "$@" >>elements.yml
}

# decoded CASE: its records by ./elements.yml, in ./out
decoded() { craft "$1" | nfdecode -j --elements elements.yml >out 2>err || fail "$(cat err)"; }

# has JQ...: every record of ./out fulfils it
has() { jq -es "length > 0 and all(.[]; $*)" out >/dev/null || fail "not so: $*: $(cat out)"; }

@test "elements file: names and types are those of the elements beside the fields" {
	elements 'pen: 12345, id: 1, name: acmeCount, type: unsigned32' 'pen: 12345, id: 2, name: acmeUser, type: string' \
		'pen: 12345, id: 4, name: acme_v6, type: ipv6Address' 'pen: 12345, id: 6, name: acmeTime, type: dateTimeMilliseconds'
	decoded own-elements
	has '.extra.acmeCount == {element: "en12345:id1", value: 77, hex: "0000004d"}'
	has '.extra.acmeUser.value == "alice" and .extra.acme_v6.value == "2001:db8::9"'
	has '.extra.acmeTime.value == "2023-11-14T22:13:20.250Z" and .extra["en12345:id3"] == {hex: "c0000209"}'
	has '.l2_segment == 72057594037928227 and .src_ip == "10.0.0.1"'
}

@test "elements file: nfjson and the sinks name them behind the flow stream too" {
	elements 'pen: 12345, id: 1, name: acmeCount, type: unsigned32'
	decoded own-elements
	craft own-elements | nfdecode --elements elements.yml >stream 2>err
	same "$(cat out)" "$(nfjson --elements elements.yml <stream 2>err)"
	same '{"hex":"0000004d"}' "$(nfjson <stream 2>err | jq -c '.extra["en12345:id1"]')"
	nfsink-sqlite -d flows.db --elements elements.yml <stream 2>err
	same 77 "$(sqlite3 flows.db "SELECT extra ->> '$.acmeCount.value' FROM goflow_records")"
	echo 'elements: [{}]' >elements.yml
	for program in nfjson nfsink-sqlite; do
		run -78 "$program" --elements elements.yml <stream
		[[ $output == *"elements.yml:1:"* ]] || fail "$output"
	done
}

@test "elements file: elements fill the fields that it names, of each kind, and are no extras then" {
	elements 'pen: 12345, id: 1, name: a, type: unsigned32, field: vrf_in' 'pen: 12345, id: 2, name: b, type: string, field: user_name' \
		'pen: 12345, id: 3, name: c, type: ipv4Address, field: xlate_src_ip' 'pen: 12345, id: 4, name: d, type: ipv6Address, field: dst_ip' \
		'pen: 12345, id: 5, name: e, type: macAddress, field: src_mac' \
		'pen: 12345, id: 6, name: f, type: dateTimeMilliseconds, field: last_switched'
	decoded own-elements
	has '.vrf_in == 77 and .user_name == "alice" and .xlate_src_ip == "192.0.2.9" and .dst_ip == "2001:db8::9"'
	has '.src_mac == "01:02:03:04:05:06" and .last_switched == "2023-11-14T22:13:20.250Z" and .time_source == "last_switched"'
	has '(.extra | keys) == ["en12345:id7"]'
}

@test "elements file: a range of bits fills a field, and the element stays whole beside it" {
	elements 'pen: 0, id: 351, name: vni, type: unsigned64, bits: [0, 23], field: src_vlan' \
		'pen: 12345, id: 7, name: flags, type: octetArray, bits: [28, 91], field: flow_id'
	decoded own-elements
	has '.src_vlan == 291 and .l2_segment == 72057594037928227' # the registry's own field keeps it too
	has '.flow_id == 1311768467463790321 and .extra.flags.hex == "0123456789abcdef0011aa55"'
}

@test "elements file: reduced and variable lengths give the same value; what does not fit its field stays an extra" {
	elements 'pen: 12345, id: 8, name: n, type: unsigned64, field: src_vlan'
	decoded reduced-elements
	same '[258,258,2,null,null]' "$(jq -sc 'map(.src_vlan)' out)" # of variable length integers are none
	same '[null,null,null,"","000102"]' "$(jq -sc 'map(.extra.n.hex)' out)"
	elements 'pen: 12345, id: 8, name: n, type: unsigned64, field: ttl'
	decoded reduced-elements
	same '[null,null,2,null,null]' "$(jq -sc 'map(.ttl)' out)"
	same '["0000000000000102","0102",null,"","000102"]' "$(jq -sc 'map(.extra.n.hex)' out)"
	elements 'pen: 12345, id: 8, name: n, type: octetArray, bits: [8, 11], field: ttl'
	decoded reduced-elements
	same '[1,1,null,null,1]' "$(jq -sc 'map(.ttl)' out)"
	same '["0000000000000102","0102","02","","000102"]' "$(jq -sc 'map(.extra.n.hex)' out)"
}

@test "elements file: of two that fill one field the first in the file counts, and both go before the registry's" {
	elements 'pen: 12345, id: 3, name: c, type: ipv4Address, field: src_ip' 'pen: 12345, id: 4, name: d, type: ipv6Address, field: src_ip'
	decoded own-elements
	has '.src_ip == "192.0.2.9" and .extra.d.value == "2001:db8::9" and .extra.sourceIPv4Address.value == "10.0.0.1"'
	elements 'pen: 12345, id: 4, name: d, type: ipv6Address, field: src_ip' 'pen: 12345, id: 3, name: c, type: ipv4Address, field: src_ip'
	decoded own-elements
	has '.src_ip == "2001:db8::9" and .extra.c.value == "192.0.2.9"'
}

@test "elements file: --explain names them and says which fields they fill" {
	elements 'pen: 12345, id: 2, name: acmeUser, type: string, field: user_name'
	craft own-elements | nfdecode --explain --elements elements.yml >out 2>err || fail "$(cat err)"
	grep -Eq ' 3\. acmeUser +length variable +-> user_name' out || fail "$(cat out)"
	grep -Eq 'acmeUser +"alice" +-> user_name' out || fail "$(cat out)"
}

@test "elements file: who reads the records without it keeps the elements, by stream and by JSON" {
	elements 'pen: 12345, id: 1, name: acmeCount, type: unsigned32' 'pen: 12345, id: 7, name: flags, type: octetArray'
	decoded own-elements
	nfjson <out >again 2>err || fail "$(cat err)"
	has '.extra.acmeCount.value == 77'
	same '{"hex":"0000004d"}' "$(jq -c '.extra["en12345:id1"]' again)"
	same '{"hex":"0123456789abcdef0011aa55"}' "$(jq -c '.extra["en12345:id7"]' again)"
	craft own-elements | nfdecode --elements elements.yml 2>err | nfjson >streamed 2>>err || fail "$(cat err)"
	same "$(cat again)" "$(cat streamed)"
}

@test "elements file: an element of the registry can fill another field beside its own" {
	elements 'pen: 0, id: 4, name: proto, type: unsigned8, field: ttl'
	decoded reduced-elements
	same '[null,null,null,6,6]' "$(jq -sc 'map(.ttl)' out)"
	same '[null,null,null,6,6]' "$(jq -sc 'map(.protocol)' out)"
}

@test "elements file: each thing that is wrong is said with its place, and nothing is decoded" {
	while IFS='|' read -r element place what; do
		elements "$element"
		craft own-elements >capture
		run nfdecode -j --elements elements.yml <capture
		same 78 "$status" "$element"
		same "error nfdecode: elements.yml:2:$place: $what" "$output"
	done <<-'END'
		pen: 1, id: 1, name: a, type: int|36|type: found "int", expected a type of RFC 7012, as unsigned32, string, octetArray, ipv4Address or dateTimeMilliseconds
		pen: 1, id: 1, name: a, type: string, field: user|51|field: found "user", expected a record field, as goflow-record(5) has them
		pen: 1, id: 1, name: a, type: string, field: src_port|51|field: found src_port, which takes no value of that type
		pen: 1, id: 1, name: a, type: signed8, field: ttl|52|field: found ttl, which takes no value of that type
		pen: 1, id: 1, name: a, type: string, bits: [0, 1], field: ttl|65|field: found ttl, which takes no value of that type by its bits
		pen: 1, id: 1, name: a, type: unsigned8, field: version|54|field: found version, which goflow itself fills, expected another
		pen: 1, id: 1, name: a, type: string, colour: red|44|found "colour", expected pen, id, name, type, field or bits
		pen: 1, id: 1, name: a, type: string, id: 2|44|id: found again, expected once
		pen: 1, id: 32768, name: a, type: string|18|id: found 32768, expected at most 32767 with a pen
		pen: 0, id: 65536, name: a, type: string|18|id: found "65536", expected a whole number from 0 to 65535
		pen: 4294967294, id: 1, name: a, type: string|11|pen: found "4294967294", expected a whole number from 0 to 4294967293
		pen: [1], id: 1, name: a, type: string|11|pen: found a list, expected a whole number
		pen: 1, id: 1, type: string|5|found no name, expected pen, id, name and type
		pen: 1, id: 1, name: "a b", type: string|27|name: found "a b", expected 1 to 64 letters, digits, "_" and "-"
		pen: 1, id: 1, name: octetDeltaCount, type: string|5|name: found "octetDeltaCount", expected one that can not be taken for that of pen 0 id 1
		pen: 1, id: 1, name: reverseOctetDeltaCount, type: string|5|name: found "reverseOctetDeltaCount", expected one that can not be taken for that of pen 29305 id 1
		pen: 1, id: 1, name: a, type: unsigned8, bits: [0, 8], field: ttl|53|bits: found 8, expected at most 7 for the type
		pen: 1, id: 1, name: a, type: unsigned8, bits: [3, 1], field: ttl|53|bits: found [3, 1], expected the lowest first, and 64 bits at most
		pen: 1, id: 1, name: a, type: unsigned8, bits: [3], field: ttl|53|bits: found a list of 1, expected a list of the lowest and the highest bit, as [0, 23]
		pen: 1, id: 1, name: a, type: unsigned8, bits: [0, 1]|53|bits: found no field, expected one that they fill
		pen: 1, id: 1, name: a, type: octetArray, bits: [0, 1024], field: ttl|58|bits: found "1024", expected a whole number from 0 to 1023
	END
}

@test "elements file: the same twice, another shape, no file" {
	elements 'pen: 1, id: 1, name: a, type: string' 'pen: 1, id: 1, name: b, type: string'
	run -78 nfdecode --elements elements.yml </dev/null
	same "error nfdecode: elements.yml:3:5: found pen 1 id 1 again, expected it once: it stands on line 2 too" "$output"
	elements 'pen: 1, id: 1, name: a, type: string' 'pen: 1, id: 2, name: a, type: string'
	run -78 nfdecode --elements elements.yml </dev/null
	same "error nfdecode: elements.yml:2:5: name: found \"a\", expected one that can not be taken for that of pen 1 id 2" "$output"
	echo 'fields: []' >elements.yml
	run -78 nfdecode --elements elements.yml </dev/null
	same 'error nfdecode: elements.yml:1:1: found "fields", expected elements' "$output"
	echo '- 7' >elements.yml
	run -78 nfdecode --elements elements.yml </dev/null
	same 'error nfdecode: elements.yml:1:1: the file: found a list, expected a mapping with the key elements' "$output"
	run -78 nfdecode --elements nothing.yml </dev/null
	same 'error nfdecode: nothing.yml: No such file or directory' "$output"
}
