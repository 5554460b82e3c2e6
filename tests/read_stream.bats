#!/usr/bin/env bats
# examples/read_stream.py, written after goflow-stream(5), against what nfdecode writes.

load helpers

setup() {
	goflow_setup
	need_command python3
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || skip "python3 is older than 3.10"
}

# decode FILE FORM...: the records of a capture, on standard output.
decode() {
	nfrecv -r "$1" 2>"$BATS_TEST_TMPDIR/nfrecv.log" |
		nfdecode "${@:2}" 2>"$BATS_TEST_TMPDIR/nfdecode.log"
}

# same_records EXPECTED FOUND: fails unless both hold the same lines, each with the same keys in the
# same order and the same values. The reader in Python knows no names of elements: of these their
# bytes are compared.
same_records() {
	python3 - "$1" "$2" <<-'END'
		import itertools, json, sys

		def load(line):
		    record = json.loads(line) if line else {}
		    extra = record.pop("extra", {})
		    uses = [use if isinstance(use, list) else [use] for use in extra.values()]
		    return list(record.items()), [[x["hex"] for x in use] for use in uses]

		pairs = itertools.zip_longest(*map(open, sys.argv[1:3]))
		for number, (expected, found) in enumerate(pairs, 1):
		    if load(expected) != load(found):
		        sys.exit(f"line {number}:\n expected {expected} found    {found}")
	END
}

@test "the reader in Python prints what nfdecode -j prints, over every capture of examples/" {
	local capture records=0
	for capture in "$GOFLOW_EXAMPLES"/*.pcap*; do
		[ -e "$capture" ] || continue
		decode "$capture" -j >"$BATS_TEST_TMPDIR/expected"
		decode "$capture" | "$GOFLOW_EXAMPLES/read_stream.py" >"$BATS_TEST_TMPDIR/found"
		same_records "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/found" ||
			fail "$capture"
		records=$((records + $(wc -l <"$BATS_TEST_TMPDIR/found")))
	done
	[ "$records" -gt 0 ] || fail "no records in any capture of examples/"
}

@test "a reader that joins late, or meets damage, loses no more than that frame" {
	local capture
	capture=$(find "$GOFLOW_EXAMPLES" -name '*.pcap*' -size +1k | sort | head -n 1)
	cd "$BATS_TEST_TMPDIR" || return
	decode "$capture" >stream
	"$GOFLOW_EXAMPLES/read_stream.py" <stream >whole
	# rubbish in front, and the beginning of a frame that never ends between two streams
	{ printf 'rubbish\216NFS and more'; cat stream; head -c 100 stream; cat stream; } |
		"$GOFLOW_EXAMPLES/read_stream.py" >found
	cat whole whole >expected
	cmp expected found
	# a flipped bit in the last byte of the stream, the sum of its last frame
	python3 -c 'import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[:-1] + bytes([d[-1] ^ 1]))' \
		<stream | "$GOFLOW_EXAMPLES/read_stream.py" >found
	head -c "$(stat -c %s found)" whole | cmp - found
	[ "$(wc -l <found)" -lt "$(wc -l <whole)" ]
}
