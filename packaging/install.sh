#!/bin/sh
# Installs what this folder holds: PREFIX (/usr/local), DESTDIR for a package; -u removes it again.
set -eu
cd "$(dirname "$0")"
prefix=${DESTDIR:-}${PREFIX:-/usr/local}

# What each program is linked with and is not here, with the Debian package that has it.
missing() {
	for program in bin/*; do
		ldd "$program" 2>/dev/null | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p'
	done | sort -u
}

package_of() {
	case $1 in
	libpcap*) echo libpcap0.8 ;;
	libpq*) echo libpq5 ;;
	libmariadb*) echo libmariadb3 ;;
	librdkafka*) echo librdkafka1 ;;
	libprotobuf-c*) echo libprotobuf-c1 ;;
	libyaml*) echo libyaml-0-2 ;;
	libjansson*) echo libjansson4 ;;
	libcurl*) echo libcurl4 ;;
	libsqlite3*) echo libsqlite3-0 ;;
	libmicrohttpd*) echo libmicrohttpd12 ;;
	libseccomp*) echo libseccomp2 ;;
	libcrypto*) echo libssl3 ;;
	*) echo "what holds $1" ;;
	esac
}

files() {
	find bin share lib -type f | sort
}

if [ "${1:-}" = -u ]; then
	files | while read -r file; do
		rm -f "$prefix/$file"
	done
	rm -rf "$prefix/share/goflow" "$prefix/share/doc/goflow"
	exit 0
fi
if [ $# -gt 0 ]; then
	echo "install.sh: found $1, expected nothing, or -u to remove what it installed" >&2
	exit 64
fi
lacking=$(missing)
if [ -n "$lacking" ]; then
	echo "install.sh: libraries are missing. On Debian:" >&2
	printf '    apt install' >&2
	for library in $lacking; do
		printf ' %s' "$(package_of "$library")" >&2
	done
	echo >&2
	exit 1
fi
files | while read -r file; do
	mode=644
	case $file in bin/*) mode=755 ;; esac
	mkdir -p "$prefix/$(dirname "$file")"
	install -m "$mode" "$file" "$prefix/$file"
done
sed "s,@BINDIR@,${PREFIX:-/usr/local}/bin," lib/systemd/system/goflow.service >"$prefix/lib/systemd/system/goflow.service"
echo "goflow is in $prefix. Its configuration belongs to /etc/goflow/config.yml:"
echo "    $prefix/share/doc/goflow/config_example.yml has every key of it."
