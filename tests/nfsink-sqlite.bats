#!/usr/bin/env bats
# nfsink-sqlite: what it stores is read back from the file; what goes wrong is real.

load helpers

setup() {
	goflow_setup
	need_command sqlite3 python3
	DB=$BATS_TEST_TMPDIR/flows.sqlite
	cd "$BATS_TEST_TMPDIR" || return
}

ask() { sqlite3 "$DB" "$1"; }

sink() { nfsink-sqlite -d "$DB" "$@" 2>>"$BATS_TEST_TMPDIR/err"; }

stored() { [ "$(ask 'SELECT count(*) FROM goflow_records')" -ge "$1" ]; }

@test "nfsink-sqlite: every field of every capture comes back as it is in JSON" {
	for capture in "$GOFLOW_EXAMPLES"/*.pcap; do
		rm -f "$DB"*
		nfrecv -r "$capture" 2>/dev/null | nfdecode 2>/dev/null | sink --fields all
		nfrecv -r "$capture" 2>/dev/null | nfdecode -j 2>/dev/null >lines
		run python3 "$TOOLS/rowdiff.py" lines "$DB"
		[ "$status" -eq 0 ] || fail "$capture: $output"
	done
	[[ $output == rows=[1-9]* ]]
}

@test "nfsink-sqlite: random values of every field come back as they were, through both forms of records" {
	for seed in 1 2 3; do
		rm -f "$DB"*
		samples "$seed" 400 >records
		nfjson <records >lines 2>/dev/null
		recdiff records lines
		sink --fields all --time-window 0,0 <records
		run python3 "$TOOLS/rowdiff.py" lines "$DB"
		[ "$status" -eq 0 ] || fail "seed $seed: $output"
		rm -f "$DB"*
		sink --fields all --time-window 0,0 <lines
		run python3 "$TOOLS/rowdiff.py" lines "$DB"
		[ "$status" -eq 0 ] || fail "seed $seed, from lines: $output"
	done
	[[ $output == rows=400\ values=[1-9]* ]]
}

@test "nfsink-sqlite: JSON lines give the same rows as frames do" {
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-ipfix.pcap" 2>/dev/null | nfdecode -j 2>/dev/null >lines
	sink --fields all <lines
	python3 "$TOOLS/rowdiff.py" lines "$DB"
	grep -q "stored again" err || fail "it does not say that lines have no numbers"
}

@test "nfsink-sqlite: extremes: 2^64 - 1, the year 2106, IPv6, text that is not UTF-8, absent fields" {
	cat >lines <<-'LINES'
		{"last_switched":"2106-02-07T06:28:15.999999999Z","in_bytes":18446744073709551615,"in_pkts":9223372036854775807,"src_ip":"2001:db8::ffff","dst_ip":"255.255.255.255","app_name":"caf\ufffd","app_name_hex":"636166e9","src_mac":"ff:ff:ff:ff:ff:ff"}
		{"last_switched":"1970-01-01T00:00:00Z","in_bytes":0}
		{"last_switched":"2023-11-14T22:13:20.123Z","rev_bytes":9223372036854775808,"extra":{"en99999:id7":{"hex":"00ff"}}}
		{"last_switched":"2300-01-01T00:00:00.5Z","in_bytes":18446744073709551614}
	LINES
	sink --fields all <lines
	same "4294967295999999999|9223372036854775807|9223372036854775807|2001:db8::ffff|255.255.255.255|ff:ff:ff:ff:ff:ff" \
		"$(ask 'SELECT last_switched, in_bytes, in_pkts, src_ip, dst_ip, src_mac FROM goflow_records WHERE rowid = 1')"
	same "636166EFBFBD" "$(ask 'SELECT hex(app_name) FROM goflow_records WHERE rowid = 1')"
	same '{"in_bytes":18446744073709551615,"app_name_hex":"636166e9"}' \
		"$(ask 'SELECT extra FROM goflow_records WHERE rowid = 1')"
	same "0|0|1|1" "$(ask 'SELECT last_switched, in_bytes, src_ip IS NULL, extra IS NULL FROM goflow_records WHERE rowid = 2')"
	same '{"rev_bytes":9223372036854775808,"en99999:id7":{"hex":"00ff"}}' \
		"$(ask 'SELECT extra FROM goflow_records WHERE rowid = 3')"
	same '9223372036854775807|{"last_switched":"2300-01-01T00:00:00.500Z","in_bytes":18446744073709551614}' \
		"$(ask 'SELECT last_switched, extra FROM goflow_records WHERE rowid = 4')"
	same 4 "$(total err saturated)"
	same "2023-11-14T22:13:20.123Z" "$(ask 'SELECT last_switched FROM goflow_records_text WHERE in_bytes IS NULL')"
}

@test "nfsink-sqlite: a table is extended, never altered otherwise" {
	stream
	sink --fields src_ip,dst_ip --extra off <stream
	same "last_switched src_ip dst_ip" "$(ask "SELECT group_concat(name, ' ') FROM pragma_table_info('goflow_records')")"
	ask "DELETE FROM goflow_ledger; ALTER TABLE goflow_records ADD COLUMN mine TEXT DEFAULT 'kept'"
	sink <stream
	same "$((2 * records))" "$(ask "SELECT count(*) FROM goflow_records WHERE mine = 'kept'")"
	same "$records" "$(ask 'SELECT count(in_bytes) FROM goflow_records')"
	# the view shows all that the table has, whichever of it the last run filled
	sink --fields src_ip --extra off <stream
	same "$records" "$(ask 'SELECT count(in_bytes) FROM goflow_records_text')"
	# another name of the same type fits
	rm "$DB"*
	ask 'CREATE TABLE goflow_records (last_switched BIGINT, src_ip VARCHAR(45))'
	sink <stream
	same "$records" "$(ask 'SELECT count(src_ip) FROM goflow_records')"
}

@test "nfsink-sqlite: a column that does not fit, and a file that is no database, end it with 78 in words" {
	stream
	ask 'CREATE TABLE goflow_records (last_switched TEXT)'
	run nfsink-sqlite -d "$DB" <stream
	same 78 "$status"
	[[ $output == *"column last_switched"*"found type TEXT, expected INTEGER"* ]] || fail "$output"
	same 0 "$(ask 'SELECT count(*) FROM goflow_records')"
	head -c 8192 /dev/urandom >noise
	run nfsink-sqlite -d noise <stream
	same 78 "$status"
	[[ $output == *"noise"*"not a database"* ]] || fail "$output"
}

@test "nfsink-sqlite: a stream that arrives again is not stored again, in any order of its frames" {
	stream 60
	sink <stream
	sink <stream
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
	same "$records" "$(total err duplicate)"
	same 1 "$(ask 'SELECT count(*) FROM goflow_ledger')" "rows of the ledger"
	# a sink that has only every other frame gets the others
	rm "$DB"*
	python3 - <<-'PY'
		import struct
		data, at, frames = open("stream", "rb").read(), 0, []
		while at < len(data):
		    end = at + 56 + struct.unpack("<I", data[at + 8:at + 12])[0]
		    if data[at + 5] == 1:
		        frames.append(data[at:end])
		    at = end
		assert len(frames) >= 5, len(frames)
		open("even", "wb").write(b"".join(frames[::2]))
		open("reversed", "wb").write(b"".join(frames[::-1]))
	PY
	run sink <even
	run sink <reversed
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
	same 1 "$(ask 'SELECT count(*) FROM goflow_ledger')" "rows of the ledger"
}

# sink_on_pipe ARGUMENT...: a sink in the background, $sunk, whose input is held open as descriptor 4
sink_on_pipe() {
	rm -f pipe
	mkfifo pipe
	exec 4<>pipe
	background nfsink-sqlite -d "$DB" "$@" <pipe 2>err 4>&-
	sunk=$pid
}

@test "nfsink-sqlite: killed with -9 in the middle, then the same stream again: each record once" {
	stream 200
	size=$(stat -c %s stream)
	for quarter in 1 2 3; do
		before=$(ask 'SELECT count(*) FROM goflow_records' 2>/dev/null || echo 0)
		sink_on_pipe --batch 2000 --linger 60s
		background head -c $((size * quarter / 4)) stream >pipe 4>&-
		wait_for 20 stored $((before + 1))
		kill -KILL "$sunk" "$pid"
		exec 4>&-
	done
	left=$(ask 'SELECT count(*) FROM goflow_records')
	[ "$left" -gt 0 ] && [ "$left" -lt "$records" ] || fail "$left of $records were stored before"
	sink <stream
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
	same "$left" "$(total err duplicate)" "duplicates"
}

@test "nfsink-sqlite: acknowledges what is committed; a chain-loader that kills it loses and doubles nothing" {
	stream 200
	run python3 "$TOOLS/chainload.py" stream 3 nfsink-sqlite -d "$DB" --batch 1000
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"started=4"*"exit=0"* ]] || fail "$output"
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
}

@test "nfsink-sqlite: a locked file is said once, waited for, and loses nothing" {
	stream
	ask 'CREATE TABLE other (x)'
	mkfifo release
	python3 - "$DB" 3>&- <<-'PY' &
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1], isolation_level=None)
		db.execute("BEGIN EXCLUSIVE")
		open("locked", "w").close()
		open("release").read()
		db.execute("COMMIT")
	PY
	echo $! >>"$BATS_TEST_TMPDIR/.pids"
	wait_for 10 test -e locked
	background nfsink-sqlite -d "$DB" <stream 2>err
	wait_for 10 grep -q "database is locked" err
	: >release
	wait "$pid"
	same 1 "$(grep -c 'cannot store' err)" "complaints"
	grep -q "storing again" err || fail "$(cat err)"
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
}

@test "nfsink-sqlite: --retry gives up with 69 and says how much was not stored" {
	stream
	sink_on_pipe --linger 50ms --retry 1s
	cat stream >&4
	wait_for 10 stored "$records"
	mkfifo release
	python3 - "$DB" 3>&- 4>&- <<-'PY' &
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1], isolation_level=None)
		db.execute("BEGIN IMMEDIATE")
		open("locked", "w").close()
		open("release").read()
	PY
	holder=$!
	echo "$holder" >>"$BATS_TEST_TMPDIR/.pids"
	wait_for 10 test -e locked
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-ipfix.pcap" 2>/dev/null | nfdecode 2>second.err >second
	cat second >&4
	code=0
	wait "$sunk" || code=$?
	exec 4>&-
	: >release
	wait "$holder"
	same 69 "$code" "exit status"
	grep -q "database is locked" err || fail "$(cat err)"
	same "$(total second.err written)" "$(total err not_stored)" "not_stored"
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
}

@test "nfsink-sqlite: what the schema never allows ends it with 78 at once" {
	stream
	ask 'CREATE VIEW goflow_records AS SELECT 1 AS x'
	run nfsink-sqlite -d "$DB" --retry 3s <stream
	same 78 "$status"
	rm "$DB"
	ask 'CREATE TABLE goflow_ledger (other)'
	run nfsink-sqlite -d "$DB" --retry 3s <stream
	same 78 "$status"
	[[ $output == *"$DB"* ]] || fail "$output"
}

@test "nfsink-sqlite: a full disk is said once; when there is room again, all is stored" {
	[ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
	stream 100
	mkdir small
	mount -t tmpfs -o size=3m none small 2>/dev/null || skip "a small file system cannot be mounted here"
	dd if=/dev/zero of=small/ballast bs=1M count=2 2>/dev/null
	background nfsink-sqlite -d small/flows.sqlite --batch 5000 <stream 2>err
	sunk=$pid
	wait_for 20 grep -q "full" err
	rm small/ballast
	mount -o remount,size=200m small
	code=0
	wait "$sunk" || code=$?
	found=$(sqlite3 small/flows.sqlite 'SELECT count(*) FROM goflow_records')
	umount small
	same 0 "$code" "exit status"
	same 1 "$(grep -c 'cannot store' err)" "complaints"
	same "$records" "$found"
}

@test "nfsink-sqlite: a malformed line is named with its number, counted, and passed over" {
	printf '%s\n' '{"in_bytes":1}' '{"in_bytes":' '{"in_bytes":2}' 'nonsense' '{"in_bytes":-1}' '{"in_bytes":3}' >lines
	run nfsink-sqlite -d "$DB" <lines
	same 1 "$status"
	[[ $output == *"line=2"* && $output == *"bad_lines=3"* ]] || fail "$output"
	same "1 2 3" "$(ask "SELECT group_concat(in_bytes, ' ') FROM goflow_records")"
}

@test "nfsink-sqlite: a damaged frame is counted, and the others are stored" {
	stream 60
	python3 - <<-'PY'
		data = bytearray(open("stream", "rb").read())
		data[len(data) // 2] ^= 1
		open("damaged", "wb").write(data)
	PY
	run nfsink-sqlite -d "$DB" <damaged
	same 1 "$status"
	[[ $output == *"damaged_frames=1"* ]] || fail "$output"
	[ "$(ask 'SELECT count(*) FROM goflow_records')" -gt $((records / 2)) ]
}

@test "nfsink-sqlite: a row that a constraint refuses is counted; the others are stored" {
	ask 'CREATE TABLE goflow_records (last_switched INTEGER, in_bytes INTEGER CHECK (in_bytes < 100))'
	printf '%s\n' '{"in_bytes":1}' '{"in_bytes":100}' '{"in_bytes":3}' >lines
	run nfsink-sqlite -d "$DB" --fields in_bytes <lines
	same 1 "$status"
	[[ $output == *"refused=1"* ]] || fail "$output"
	same "1 3" "$(ask "SELECT group_concat(in_bytes, ' ') FROM goflow_records")"
}

@test "nfsink-sqlite: two sinks on one file both store all" {
	stream 30
	nfrecv -r "$GOFLOW_EXAMPLES/softflowd-ipfix.pcap" --loop 30 2>/dev/null | nfdecode 2>other.err >other
	more=$(total other.err written)
	nfsink-sqlite -d "$DB" --batch 1000 <stream 2>err1 3>&- &
	first=$!
	nfsink-sqlite -d "$DB" --batch 1000 <other 2>err2 3>&-
	wait "$first"
	same "$((records + more))" "$(ask 'SELECT count(*) FROM goflow_records')"
}

@test "nfsink-sqlite: --max-age and --max-size delete rows, and the file shrinks" {
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	printf '%s\n' '{"last_switched":"2001-01-01T00:00:00Z","in_bytes":1}' "{\"last_switched\":\"$now\",\"in_bytes\":2}" >lines
	sink --max-age 30 <lines
	same 2 "$(ask 'SELECT in_bytes FROM goflow_records')"
	rm "$DB"*
	stream 150
	sink --max-size 1M <stream
	left=$(ask 'SELECT count(*) FROM goflow_records')
	[ "$left" -gt 0 ] && [ "$left" -lt "$records" ] || fail "$left of $records are left"
	ask 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	[ "$(stat -c %s "$DB")" -le $((1100 * 1024)) ] || fail "the file holds $(stat -c %s "$DB") bytes"
}

reading() { nfctl status --json | grep -q "\"read\": $records"; }

@test "nfsink-sqlite: SIGTERM lets it read to the end of its input and store all" {
	stream
	sink_on_pipe --linger 60s
	cat stream >&4
	wait_for 10 reading
	same 0 "$(ask 'SELECT count(*) FROM goflow_records')"
	kill "$sunk"
	exec 4>&-
	wait "$sunk"
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
}

@test "nfsink-sqlite: SIGTERM while the input stays open: what was read is stored, and it is said" {
	stream
	sink_on_pipe --linger 60s
	cat stream >&4
	wait_for 10 reading
	kill "$sunk"
	code=0
	wait "$sunk" || code=$?
	exec 4>&-
	same 1 "$code" "exit status"
	grep -q "stopped before the input ended not_stored=0" err || fail "$(cat err)"
	same "$records" "$(ask 'SELECT count(*) FROM goflow_records')"
}

@test "nfsink-sqlite: stores after --linger while the input stays open" {
	stream
	sink_on_pipe --linger 100ms
	cat stream >&4
	wait_for 10 stored "$records"
	exec 4>&-
	wait "$sunk"
}

# counted COUNTER...: their values in the last totals of ./err
counted() { for c; do total err "$c"; done | paste -sd ' '; }

@test "nfsink-sqlite: sFlow's counters, only when asked, equal to the JSON line, and not twice" {
	nfrecv -r "$GOFLOW_EXAMPLES/pmacct-sflow.pcap" >pcap 2>/dev/null
	nfdecode --counters <pcap >frames 2>/dev/null
	nfjson <frames 2>/dev/null >lines
	sink <frames
	same '180 0 5' "$(counted stored counters_stored other_lines)"
	same 0 "$(ask "SELECT count(*) FROM sqlite_master WHERE name LIKE '%counters%'")"
	rm "$DB"*
	sink --counters on <frames
	same '180 5 0' "$(counted stored counters_stored other_lines)"
	jq -c 'select(.type) | [.exporter, .agent, .obs_point, .sequence, .counters]' lines >expected
	ask 'SELECT json_array(exporter, agent, obs_point, sequence, json(counters)) FROM goflow_counters' | cmp - expected
	same "$(jq -r 'select(.type) | .received' lines | head -n 1)" \
		"$(ask "SELECT strftime('%Y-%m-%dT%H:%M:%S', received / 1000000000, 'unixepoch') || printf('.%09dZ', received % 1000000000) FROM goflow_counters LIMIT 1")"
	sink --counters on <frames
	same '180 0' "$(counted duplicate counters_stored)"
	same 2 "$(ask 'SELECT last - first + 1 FROM goflow_ledger')"
	sink --counters on --table other_records <lines
	same '180 5' "$(counted stored counters_stored)"
	same 0 "$(ask 'SELECT count(*) FROM (SELECT * FROM goflow_counters EXCEPT SELECT * FROM other_counters)')"
}

@test "nfsink-sqlite: counters that make no sense, or that a constraint refuses, are counted; old ones go" {
	cat >lines <<-'LINES'
		{"type":"counters","received":"2020-01-01T00:00:00Z","obs_point":18446744073709551615,"counters":{"a":18446744073709551615}}
		{"type":"counters","received":"2020-01-01T00:00:00Z","counters":{"a":}}
		{"type":"counters","received":"2020-01-01T00:00:00Z"}
		{"type":"counters","received":"2300-01-01T00:00:00Z","sequence":7,"counters":{}}
		{"type":"counters","counters":{}}
		{"last_switched":"2020-01-01T00:00:00Z","in_bytes":1}
	LINES
	run sink --counters on --time-window 0 <lines
	same 1 "$status"
	same '1 2 3' "$(counted stored counters_stored counters_refused)"
	same '9223372036854775807|{"a":18446744073709551615}' "$(ask 'SELECT obs_point, counters FROM goflow_counters LIMIT 1')"
	ask 'CREATE TRIGGER no BEFORE INSERT ON goflow_counters WHEN NEW.sequence = 7 BEGIN SELECT RAISE(ABORT, "no"); END'
	sink --counters on --max-age 30 --time-window 0 <lines || true
	same '1 1 4' "$(counted stored counters_stored counters_refused)"
	same '7' "$(ask 'SELECT sequence FROM goflow_counters')"
}

@test "nfsink-sqlite: wrong use ends with 64 and says what was found and expected" {
	for wrong in "--table 1x" "--table a;b" "--table sqlite_x" "--fields nosuch" "--index nosuch" "--extra maybe" "--counters 1x" \
		"--max-age 0" "--max-size 5" "--batch 0" "--retry soon" "operand"; do
		# shellcheck disable=SC2086
		run nfsink-sqlite -d "$DB" $wrong </dev/null
		same 64 "$status" "$wrong"
		[[ $output == *"expected"* || $output == *"none is taken"* ]] || fail "$wrong: $output"
	done
	[ ! -e "$DB" ]
}
