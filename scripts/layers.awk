# Who may include whom. Reads sources, prints each #include that crosses a border, and fails if any does.
#
#   awk -f scripts/layers.awk FILE.c FILE.h...
#
# The arrows go one way: programs -> sink, decode -> stream, record -> fields, cursor. Borders are
# regular expressions over the including file, the included file, and what is wrong with it.

function border(from, to, why)
{
	n++
	borders_from[n] = "^(" from ")$"
	borders_to[n] = "^(" to ")$"
	borders_why[n] = why
}

BEGIN {
	decoding = "lib/(cursor|packet|defrag|template|plan|exporter|sampling|message|netflow[0-9a-z_]*|" \
		"ipfix[a-z_]*|sflow[a-z_]*|decode|record|fields|elements[a-z_]*)\\.[ch]"
	protocols = "lib/(packet|defrag|pcapio|template|plan|exporter|sampling|message|netflow[0-9a-z_]*|" \
		"ipfix[a-z_]*|sflow[a-z_]*|decode)\\.h"
	forms = "lib/(record|fields|schema|elements[a-z_]*|jsontext|jsonl[a-z_]*|proto[a-z0-9_]*|stream[a-z_]*)\\.[ch]"
	loops = "lib/(log|opt|stats[a-z_]*|stage|sink[a-z_]*|input|net)\\.h"

	border("lib/.*", "(nf|goflow|tests|bench)[^/]*/.*", "lib knows no program")
	border(decoding, loops, "decoding is a function of (state, datagram): no log, no I/O")
	border(decoding, "lib/(stream|jsonl|pcapio)[a-z_]*\\.h", "a decoder knows no form of output")
	border(decoding, "(unistd|time|fcntl|poll|signal)\\.h|sys/.*", "decoding has no clock and no I/O")
	border(forms, loops, "a form of records has no log and no loop")
	border(forms, protocols, "a form of records knows no protocol")
	border("lib/(sink[a-z_]*|input)\\.[ch]", protocols, "a sink knows no protocol")
	border("nfsink-[a-z]*/.*", protocols, "a sink knows no protocol")
	border("(lib|goflow|nfdecode|nfctl|nfsink-[a-z]*)/.*", "pcap(/pcap)?\\.h", "only nfrecv uses libpcap")
	border("(lib|goflow|nfrecv|nfdecode|nfctl)/.*", "sqlite3\\.h", "only nfsink-sqlite uses SQLite")
	border("(lib/[^ey][a-z0-9_]*\\.[ch]|nf[a-z-]*/.*)", "yaml\\.h", "only goflow and lib/yamlread read YAML")
}

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
	file = FILENAME
	sub(/^\.\//, "", file)
	included = $0
	sub(/^[^"<]*["<]/, "", included)
	sub(/[">].*$/, "", included)

	for (i = 1; i <= n; i++)
		if (file ~ borders_from[i] && included ~ borders_to[i])
			wrong(borders_why[i])
	folder = file
	sub(/\/.*/, "", folder)
	if ($0 ~ /"/ && included !~ /\//)
		wrong("paths begin at the root of the sources")
	if (folder ~ /^(nf|goflow)/ && included ~ /^(nf|goflow|tests)[^\/]*\// && index(included, folder "/") != 1)
		wrong("no program includes another's file")
}

function wrong(why)
{
	printf "%s:%d: includes %s: %s\n", file, FNR, included, why
	bad = 1
}

END {
	exit bad
}
