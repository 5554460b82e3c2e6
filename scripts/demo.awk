# What the demo shows: one part of it for each run, of tab-separated rows on standard input.
#
#   awk -F '\t' -v part=NAME -v width=80 -v bold= -v dim= -v colour= -v good= -v bad= -v plain= \
#       -v steps='. - = #' -v block='#' -v dash=- -f demo.awk
#
# Text of several bytes a character (block, dash, steps) is repeated, never padded or measured.

function commas(n,  digits, rest)
{
	digits = sprintf("%.0f", n)
	while (length(digits) > 3) {
		rest = "," substr(digits, length(digits) - 2) rest
		digits = substr(digits, 1, length(digits) - 3)
	}
	return digits rest
}

function bytes(n,  units, u)
{
	split("B kB MB GB TB PB", units, " ")
	for (u = 1; n >= 999.5 && u < 6; u++)
		n /= 1000
	return sprintf(u > 1 && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[u])
}

function times(text, n,  out)
{
	while (n-- > 0)
		out = out text
	return out
}

function bar(n, most, columns,  filled)
{
	filled = most > 0 ? int(n / most * columns + 0.5) : 0
	return colour times(block, filled > 0 ? filled : 1) plain
}

function heading(text)
{
	printf "\n%s%s%s %s%s%s\n", bold, text, plain, dim, times(dash, width - 1 - length(text)), plain
}

function protocol_name(version)
{
	return version == 10 ? "IPFIX" : version == 105 ? "sFlow v5" : "NetFlow v" version
}

function port_name(protocol, port)
{
	return (protocol == 6 ? "tcp" : "udp") "/" port (port in service ? " (" service[port] ")" : "")
}

# Fills set[WORD1 SUBSEP WORD2] from pairs of words.
function pairs(text, set,  words, n, i)
{
	n = split(text, words, " ")
	for (i = 1; i < n; i += 2)
		set[words[i], words[i + 1]] = 1
}

BEGIN {
	columns = 60 # of the time series
	row = "%s%-15s %-10s %9s %10s %10s %9s %s%9s%s\n" # of the ledger
	n = split("22 ssh 25 smtp 53 dns 80 http 110 pop3 123 ntp 143 imap 161 snmp 179 bgp 389 ldap 443 https " \
		"445 smb 514 syslog 853 dns-tls 993 imaps 1194 openvpn 1812 radius 3306 mysql 3389 rdp " \
		"5060 sip 5201 iperf 5432 postgresql 6379 redis 8080 http 8443 https", words, " ")
	for (i = 1; i < n; i += 2)
		service[words[i]] = words[i + 1]

	if (part == "protocols") {
		heading("Protocols")
		printf "%s%-24s %7s %7s %9s %9s%s\n", dim, "protocol", "sources", "flows", "packets", "bytes", plain
	} else if (part == "talkers") {
		heading("Top talkers")
		printf "%s%-32s %7s %9s %9s%s\n", dim, "source", "flows", "packets", "bytes", plain
	} else if (part == "ports") {
		heading("Top ports")
		printf "%s%-32s %7s %9s %9s%s\n", dim, "port", "flows", "packets", "bytes", plain
	} else if (part == "ledger") {
		heading("Ledger")
		printf row, dim, "stage", "unit", "in", "passed on", "set aside", "waiting", "", "lost", plain
		takes["nfrecv"] = takes["nfdecode"] = "received"
		takes["nfsink-sqlite"] = "read"
		pairs("nfrecv written nfdecode decoded nfsink-sqlite stored", passes)
		pairs("nfrecv filtered nfrecv not_ip nfrecv not_udp nfrecv joined nfdecode joined " \
			"nfsink-sqlite duplicate", leaves)
		pairs("nfrecv in_ring nfrecv fragments_waiting nfdecode waiting nfdecode fragments_waiting " \
			"nfsink-sqlite waiting", waits)
	}
}

# datagrams, flows, packets, bytes, captures, exporters, milliseconds
part == "summary" {
	printf "\n%s%s datagrams, %s flows, %s%s in %s packets\n", bold, commas($1), commas($2), bytes($4), plain, commas($3)
	printf "%sfrom %d captures of real exporters, stored in %.2f s%s\n", dim, $5, $6 / 1000, plain
}

# version, sources, flows, packets, bytes
part == "protocols" {
	if (NR == 1)
		most = $5
	printf "%-24s %7s %7s %9s %9s  %s\n", protocol_name($1), commas($2), commas($3), commas($4), bytes($5), \
		bar($5, most, 18)
}

# address, flows, packets, bytes
part == "talkers" {
	if (NR == 1)
		most = $4
	printf "%-32s %7s %9s %9s  %s\n", $1, commas($2), commas($3), bytes($4), bar($4, most, 18)
}

# protocol, port, flows, packets, bytes
part == "ports" {
	if (NR == 1)
		most = $5
	printf "%-32s %7s %9s %9s  %s\n", port_name($1, $2), commas($3), commas($4), bytes($5), bar($5, most, 18)
}

# first packet and last packet as unix time, bytes, both times as text
part == "times" {
	from[NR] = $1
	to[NR] = $2 > $1 ? $2 : $1
	moved[NR] = $3
	if (NR == 1 || $1 < begin) {
		begin = $1
		first = $4
	}
	if (NR == 1 || $2 > end) {
		end = $2
		last = substr($5, 12, 8)
	}
}

# "cause", counter of a way to fail | "stored", rows in the table | stage, its totals line.
# in = passed on + set aside + waiting + lost.
part == "ledger" && $1 == "cause" { cause[$2] = 1 }
part == "ledger" && $1 == "stored" { stored = $2 }
part == "ledger" && $1 in takes {
	stage = $1
	n = split($2, words, " ")
	for (i = 1; i <= n; i++) {
		equals = index(words[i], "=")
		key = substr(words[i], 1, equals - 1)
		value = substr(words[i], equals + 1)
		total[stage, key] = value
		if ((stage, key) in passes)
			passed[stage] += value
		else if ((stage, key) in leaves)
			aside[stage] += value
		else if ((stage, key) in waits)
			waiting[stage] += value
		else if (key in cause && value > 0)
			causes = causes "  " stage ": " key "=" value
	}
	taken = total[stage, takes[stage]]
	lost = taken - passed[stage] - aside[stage] - waiting[stage]
	if (lost || waiting[stage])
		short = 1
	printf row, "", stage, total[stage, "unit"], commas(taken), commas(passed[stage]), commas(aside[stage]), \
		commas(waiting[stage]), lost ? bad : "", commas(lost), plain
}

END {
	if (part == "times")
		draw_times()
	else if (part == "ledger")
		exit judge()
}

# A flow's bytes are spread evenly over its duration.
function draw_times(  span, i, c, c1, c2, sum, most, line, n, step)
{
	span = end - begin
	if (span < 1)
		span = 1
	for (i = 1; i <= NR; i++) {
		c1 = int((from[i] - begin) / span * (columns - 1))
		c2 = int((to[i] - begin) / span * (columns - 1))
		for (c = c1; c <= c2; c++)
			sum[c] += moved[i] / (c2 - c1 + 1)
	}
	for (c = 0; c < columns; c++)
		if (sum[c] > most)
			most = sum[c]
	n = split(steps, step, " ")
	for (c = 0; c < columns; c++)
		line = line (sum[c] > 0 ? step[1 + int(sum[c] / most * (n - 1) + 0.5)] : " ")
	heading("Bytes over time")
	printf "%s%s%s  at most %s\n", colour, line, plain, bytes(most)
	printf "%s%s%s%s  in %.3g s%s\n", dim, first, times(" ", columns - length(first) - length(last)), last, \
		span / columns, plain
}

# Returns the exit status: 0 if the stages agree with each other.
function judge()
{
	if (passed["nfrecv"] != total["nfdecode", "received"] || \
			total["nfdecode", "flows"] != total["nfsink-sqlite", "read"] || stored != passed["nfsink-sqlite"]) {
		printf "%sThe stages do not agree: see what each of them said in its log.%s\n", bad, plain
		return 1
	}
	if (short)
		printf "%sAll is accounted for.%s Not passed on:%s\n", good, plain, causes
	else
		printf "%sNothing is missing: each stage took in what the one before it passed on.%s\n", good, plain
	return 0
}
