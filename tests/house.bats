# The makefile, and what the other scripts promise.
load helpers

# A copy of the sources that may be changed, or the sources themselves made read-only.
setup_file() {
	tree=$BATS_FILE_TMPDIR/tree
	mkdir "$tree"
	(cd "$GOFLOW_ROOT" && tar -c --exclude=./build --exclude=./.git .) | tar -x -C "$tree"
	export tree
}

setup() {
	goflow_setup
	# Not what an outer make was told.
	unset MAKEFLAGS MAKELEVEL MFLAGS SAN BUILD CC CFLAGS CPPFLAGS T
	build=$BATS_TEST_TMPDIR/build
	cd "$tree" || return
}

quickly() { make -j2 BUILD="$build" CFLAGS=-O0 "$@"; }

@test "built in a read-only folder, elsewhere, by gcc; made again, nothing is done" {
	build=$BATS_FILE_TMPDIR/gcc
	chmod -R a-w "$tree"
	# Root may write anyway: the proof is that nothing new is there.
	before=$(find "$tree" | sort)
	quickly CC=gcc >/dev/null
	same "$before" "$(find "$tree" | sort)"
	chmod -R u+w "$tree"
	for program in nfrecv nfdecode nfsink-sqlite nfctl goflow; do
		"$build/bin/$program" --version
	done
	run quickly CC=gcc
	same "make: Nothing to be done for 'all'." "$output"

	run quickly CC=gcc CFLAGS=-O1 -n
	[[ $output == *"lib/err.c"* ]] || fail "other flags compile nothing again"
	touch -d '+5 seconds' lib/errors.def
	run quickly CC=gcc -n
	[[ $output == *" lib/err.c"* && $output != *" lib/crc32c.c"* ]] || fail "errors.def: $output"
}

@test "built by clang without a warning" {
	need_command clang
	run quickly CC=clang CPPFLAGS=-Werror
	[ "$status" -eq 0 ] || fail "$output"
}

@test "install puts programs, manuals and examples into place, uninstall takes them away" {
	build=$BATS_FILE_TMPDIR/gcc dest=$BATS_TEST_TMPDIR/dest
	quickly install CC=gcc DESTDIR="$dest" PREFIX=/opt/goflow >/dev/null
	for file in bin/nfrecv bin/nfdecode bin/nfsink-sqlite bin/nfctl bin/goflow share/man/man1/goflow.1 share/man/man5/goflow.yml.5 share/man/man1/nfrecv.1 \
		share/man/man1/nfdecode.1 share/man/man1/nfsink-sqlite.1 share/man/man1/nfctl.1 \
		share/man/man5/goflow-record.5 share/man/man5/goflow-stream.5 share/man/man7/goflow.7 \
		share/goflow/goflow.proto share/goflow/goflow2.proto \
		share/doc/goflow/README.md share/doc/goflow/architecture.md share/doc/goflow/examples/read_stream.py; do
		[ -s "$dest/opt/goflow/$file" ] || fail "not installed: $file"
	done
	[ -x "$dest/opt/goflow/bin/nfrecv" ]
	quickly uninstall CC=gcc DESTDIR="$dest" PREFIX=/opt/goflow >/dev/null
	same "" "$(find "$dest" -type f)"
}

@test "a missing package is named, with the command that brings it" {
	run make BUILD="$build" CPPFLAGS="-nostdinc -isystem $BATS_TEST_TMPDIR"
	[ "$status" -ne 0 ]
	[[ $output == *"missing: libpcap-dev"* ]] || fail "$output"
	[[ $output == *"apt-get install --no-install-recommends"*libjansson-dev*libpcap-dev*libsqlite3-dev* ]] || fail "$output"
	[[ $output != *"fatal error"* ]] || fail "the compiler was asked all the same: $output"

	run make BUILD="$build" CC=no-such-gcc
	[ "$status" -ne 0 ]
	[[ $output == *"missing: gcc"* && $output != *libpcap* ]] || fail "$output"
}

@test "programs are hardened" {
	need_command readelf
	sanitized && skip "built with sanitizers"
	for program in nfrecv nfdecode nfsink-sqlite nfctl goflow; do
		readelf -hW "$GOFLOW_BIN/$program" | grep -q 'Type: *DYN (Position-Independent'
		readelf -lW "$GOFLOW_BIN/$program" | grep -q GNU_RELRO
		readelf -dW "$GOFLOW_BIN/$program" | grep -q 'FLAGS_1.*NOW'
		readelf -lW "$GOFLOW_BIN/$program" | grep 'GNU_STACK' | grep -qv 'E '
		readelf --dyn-syms -W "$GOFLOW_BIN/$program" | grep -q __stack_chk_fail
	done
	readelf --dyn-syms -W "$GOFLOW_BIN/nfdecode" | grep -q '_chk@'
}

@test "clean removes what was built, and no other folder" {
	mkdir -p "$build" && touch "$build/mine"
	make BUILD="$build" clean
	[ -e "$build/mine" ]
	make BUILD="$build" "$build/lib/err.o" >/dev/null
	make BUILD="$build" clean
	[ ! -e "$build" ]
}

@test "layers: each border is held" {
	breach() {
		mkdir -p "$BATS_TEST_TMPDIR/$(dirname "$1")"
		printf '#include "%s"\n' "$2" >"$BATS_TEST_TMPDIR/$1"
		(cd "$BATS_TEST_TMPDIR" && awk -f "$tree/scripts/layers.awk" "$1") && fail "$1 may include $2"
		return 0
	}
	breach lib/ip.c nfrecv/ring.h
	breach lib/netflow9.c lib/log.h
	breach lib/decode.c sys/socket.h
	breach lib/ipfix.c lib/stream.h
	breach lib/stream.c lib/decode.h
	breach lib/sink.c lib/template.h
	breach nfsink-sqlite/rows.c lib/decode.h
	breach nfdecode/main.c nfrecv/ring.h
	breach nfdecode/main.c pcap/pcap.h
	breach nfrecv/main.c sqlite3.h
	breach nfdecode/main.c explain.h
	breach lib/opt.c goflow/config.h
	breach nfctl/main.c goflow/config.h
	breach goflow/main.c nfctl/survey.h
	breach nfdecode/main.c yaml.h
	awk -f scripts/layers.awk lib/*.[ch]
}

# A tree with one test file of each kind, run as the real one is.
@test "the runner counts each test, names skips with reasons, shows failures, and fails for them" {
	mkdir -p "$BATS_TEST_TMPDIR/t/tests/unit" "$BATS_TEST_TMPDIR/t/b/unit"
	cd "$BATS_TEST_TMPDIR/t"
	# bats would take a line that begins with @test for one of this file.
	printf '@test "%s" { %s; }\n' good true bad 'echo the reason; false' \
		absent 'skip "no such thing"' >tests/some.bats
	touch tests/unit/test_one.c
	printf '#!/bin/sh\nprintf "1..3\\nok 1 - a\\nok 2 - b\\n"; echo crashed; exit 3\n' >b/unit/test_one
	chmod +x b/unit/test_one
	runner() { env -i PATH=/usr/local/bin:/usr/bin:/bin "$tree/scripts/run-tests" "$PWD/b" all "$@"; } # an inner bats knows of no outer one
	run runner
	[ "$status" -eq 1 ]
	same "3 passed, 2 failed, 1 skipped" "${lines[-1]}"
	[[ $output == *"some.bats: absent: no such thing"* ]] || fail "$output"
	[[ $output == *"# the reason"* ]] || fail "$output"
	[[ $output == *"crashed"* && $output == *"test_one: 1 planned tests did not report"* ]] || fail "$output"

	run runner some
	same "1 passed, 1 failed, 1 skipped" "${lines[-1]}"
	run runner nothing
	[ "$status" -ne 0 ]
	same "0 passed, 0 failed, 0 skipped" "${lines[-1]}"
}

@test "the demo shows every stage's ledger, and nothing is missing in it" {
	sanitized && skip "the demo is of the plain programs"
	need_command sqlite3
	LC_ALL=C run scripts/demo "$BATS_TEST_TMPDIR/demo"
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"Top talkers"* && $output == *"Top ports"* && $output == *"Nothing is missing"* ]] || fail "$output"
	# The commands at its end name folders as long as they are.
	same "" "$(awk '/^Next/ { exit } length > 80' <<<"$output")" "wider than a terminal"
	# The totals shown are those of the table.
	stored=$(sqlite3 "$BATS_TEST_TMPDIR/demo/flows.db" 'SELECT count(*) FROM goflow_records')
	[[ ${output//,/} == *" $stored flows"* ]] || fail "$stored flows stored: $output"
}
