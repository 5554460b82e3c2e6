#!/usr/bin/env bats
# Captured datagrams, cut anywhere and changed in any octet, decode without a sanitizer's finding.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return 1
	flips=${GOFLOW_BIN%/bin}/san/tests/tools/flips # make check builds it
	! sanitized || flips=$GOFLOW_TOOLS/flips
	[ -x "$flips" ] || skip "built with sanitizers by make check alone"
}

# all_flips CAPTURE...: says how many changed datagrams were decoded
all_flips() {
	local capture sum=0
	for capture; do
		nfrecv -r "$capture" >stream.pcap 2>/dev/null
		run --separate-stderr "$flips" <stream.pcap
		# shellcheck disable=SC2154 # of run
		[ "$status" -eq 0 ] || fail "$capture: $stderr"
		sum=$((sum + output))
	done
	echo "$sum datagrams decoded" >&3
	[ "$sum" -gt $((100 * $#)) ]
}

@test "flips: every prefix and every changed octet of the exporters' own captures" {
	all_flips "$GOFLOW_EXAMPLES"/*.pcap
}

@test "flips: the same of the shared captures" {
	need_shared
	all_flips "$GOFLOW_CAPTURES"/*/*.pcap
}
