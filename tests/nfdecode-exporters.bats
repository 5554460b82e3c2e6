#!/usr/bin/env bats
# nfdecode --exporters: what a user's file says of exporters is in their records, where they do not say it themselves; and a
# file that is wrong is refused, with the place.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
	need_command python3 jq
}

craft() { python3 "$TOOLS/craft.py" "$@"; }

# decoded [--from ADDRESS] CASE: its records by ./exporters.yml, in ./out
decoded() { craft "$@" | nfdecode -j --exporters exporters.yml >out 2>err || fail "$(cat err)"; }

# has JQ...: every record of ./out fulfils it
has() { jq -es "length > 0 and all(.[]; $*)" out >/dev/null || fail "not so: $*: $(cat out)"; }

@test "exporters file: names, a static rate and interfaces, for each protocol" {
	cat >exporters.yml <<-END
		# by address
		192.0.2.1:
		  name: edge-1
		  sampling: 1000
		  interfaces:
		    1: ge-0/0/0
		    2: "to: the rest"
	END
	for case in plain-v5 plain-v9 plain-ipfix; do
		decoded "$case"
		has '.exporter_name == "edge-1" and .sampling_rate == 1000 and .sampling_source == "static"'
		has '.in_if_name == "ge-0/0/0" and .out_if_name == "to: the rest" and .in_if == 1 and .out_if == 2'
	done
	decoded --from 192.0.2.2 plain-v9
	has '.sampling_source == "unknown" and ([has("exporter_name", "sampling_rate", "in_if_name", "out_if_name")] | any | not)'
}

@test "exporters file: sFlow agents and their interfaces have names too" {
	need_shared
	echo '0.0.0.0/0: {name: agent, interfaces: {27: in, 28: out}}' >exporters.yml
	nfrecv -r "$GOFLOW_CAPTURES/real/akvorado-1140-sflow5.pcap" 2>/dev/null | nfdecode -j --exporters exporters.yml >out 2>err
	has '.exporter_name == "agent"'
	jq -es 'any(.[]; .in_if == 27 and .in_if_name == "in" and .out_if == 28 and .out_if_name == "out")' out >/dev/null
}

@test "exporters file: what an exporter says itself counts before the file" {
	echo '192.0.2.1: {sampling: 1000}' >exporters.yml
	decoded sampled-v5
	has '.sampling_rate == 100 and .sampling_source == "header"'
}

@test "exporters file: each property is that of the longest prefix which has it" {
	cat >exporters.yml <<-END
		0.0.0.0/0: {name: any, sampling: 1}
		10.0.0.0/8: {name: eight, sampling: 8, interfaces: {1: one, 2: two}}
		10.1.0.0/16: {sampling: 16, interfaces: {1: uno}}
		10.1.2.3: {name: host}
		2001:db8::/32: {name: six, sampling: 6}
		::1: {name: loopback}
		::/0: {interfaces: {1: any6}}
	END
	while read -r address name rate in_if out_if; do
		decoded --from "$address" plain-v9
		same "$name $rate $in_if $out_if" "$(jq -r '"\(.exporter_name) \(.sampling_rate) \(.in_if_name) \(.out_if_name)"' out)" "$address"
	done <<-END
		10.1.2.3 host 16 uno null
		10.1.2.4 eight 16 uno null
		10.2.0.1 eight 8 one two
		11.0.0.1 any 1 null null
		2001:db8:1::1 six 6 any6 null
		::1 loopback null any6 null
		::2 null null any6 null
	END
}

@test "exporters file: each thing that is wrong is said with its place, and nothing is decoded" {
	while IFS='|' read -r place what text; do
		printf '%b' "$text" >exporters.yml
		run -78 --separate-stderr nfdecode -j --exporters exporters.yml <<<""
		same "" "$output" "$text"
		# shellcheck disable=SC2154 # run sets it
		grep -qF "error nfdecode: exporters.yml:$place: $what" <<<"$stderr" || fail "$text: $stderr"
	done <<-'END'
		1:1|the file: found a list, expected a mapping of exporters|- 192.0.2.1\n
		2:1|found "192.0.2", expected an address, or a prefix|192.0.2.1: {}\n192.0.2: {}\n
		1:1|found "192.0.2.1/24", expected an address, or a prefix without bits behind its length|192.0.2.1/24: {}\n
		1:1|found "192.0.2.0/33", expected an address|192.0.2.0/33: {}\n
		1:12|192.0.2.1: found text, expected name, sampling|192.0.2.1: edge\n
		2:3|192.0.2.1: found "nmae", expected name, sampling, interfaces or quirks|192.0.2.1:\n  nmae: x\n
		2:8|192.0.2.1.name: found nothing, expected a name|192.0.2.1:\n  name: \n
		2:13|192.0.2.1.sampling: found "0", expected a whole number from 1|192.0.2.1:\n  sampling: 0\n
		2:13|192.0.2.1.sampling: found "1:5", expected a whole number|192.0.2.1:\n  sampling: "1:5"\n
		2:13|192.0.2.1.sampling: found "4294967296", expected a whole number|192.0.2.1:\n  sampling: 4294967296\n
		2:15|192.0.2.1.interfaces: found a list, expected a mapping|192.0.2.1:\n  interfaces: [x]\n
		3:5|192.0.2.1.interfaces: found "eth0", expected a whole number|192.0.2.1:\n  interfaces:\n    eth0: x\n
		4:1|192.0.2.1.interfaces: found 3 again, expected it once: it stands on line 3 too|192.0.2.1:\n  interfaces:\n    3: x\n    3: y\n
		2:12|192.0.2.1.quirks: found "no-such", expected one of uptime-in-seconds, |192.0.2.1:\n  quirks: [no-such]\n
		2:1|found 192.0.2.1 again, expected it once: it stands on line 1 too|192.0.2.1: {}\n192.0.2.1: {}\n
		3:3|192.0.2.1: found name again, expected it once|192.0.2.1:\n  name: x\n  name: y\n
		2:11|10.0.0.1: found an alias, expected name, sampling|10.0.0.2: &a {}\n10.0.0.1: *a\n
		2:1|found a second document, expected one|192.0.2.1: {}\n--- {}\n
		1:20|found no YAML: |192.0.2.1: {name: [}\n
		1:19|found no YAML: |192.0.2.1: {name: \xff}\n
	END
	run -78 --separate-stderr nfdecode -j --exporters nothing.yml <<<""
	[[ $stderr == *"nothing.yml: No such file or directory"* ]] || fail "$stderr"
	printf '10.0.0.1: {sampling: x}\n10.0.0.2: {sampling: y}\n' >exporters.yml
	run -78 --separate-stderr nfdecode -j --exporters exporters.yml <<<""
	same 2 "$(grep -c 'sampling: found' <<<"$stderr")" "all errors are said"
}

@test "exporters file: an empty one, and an exporter without properties, say nothing" {
	for text in '' '# nothing' '---' '192.0.2.1:' '192.0.2.1: {}' '192.0.2.1: {interfaces: , quirks: }'; do
		printf '%s\n' "$text" >exporters.yml
		decoded plain-v9
		has '.sampling_source == "unknown" and (has("exporter_name") | not)'
	done
}
