#!/usr/bin/env bats
# What is installed, how the shell completes it, the units of systemd, and the release's install.sh.

load helpers

setup() {
	goflow_setup
	cd "$BATS_TEST_TMPDIR" || return
}

# install_into FOLDER [PREFIX]: what was built, by make
install_into() {
	need_command make
	make -C "$GOFLOW_ROOT" BUILD="${GOFLOW_BIN%/bin}" DESTDIR="$PWD/$1" PREFIX="${2:-/usr/local}" install >make.out 2>&1 ||
		fail "$(tail -n 5 make.out)"
}

@test "make install puts everything there, and make uninstall leaves nothing" {
	install_into root
	for file in bin/goflow bin/nfctl share/man/man1/goflow.1 share/man/man5/goflow.yml.5 share/goflow/grafana_db/Overview.json \
		share/doc/goflow/config_example.yml lib/systemd/system/goflow.service share/bash-completion/completions/nfctl; do
		[ -s "root/usr/local/$file" ] || fail "$file is missing"
	done
	grep -q '^ExecStart=/usr/local/bin/goflow ' root/usr/local/lib/systemd/system/goflow.service
	run env -i PATH="$PWD/root/usr/local/bin:/usr/bin:/bin" goflow version
	same "goflow $(sed -n 's/.*GOFLOW_VERSION "\(.*\)"/\1/p' "$GOFLOW_ROOT/lib/base.h")" "$output"
	make -C "$GOFLOW_ROOT" BUILD="${GOFLOW_BIN%/bin}" DESTDIR="$PWD/root" uninstall >/dev/null
	same "" "$(find root -type f)" "files that stay"
}

@test "install.sh of the release installs, names what is missing, and removes what it installed" {
	install_into goflow /
	cp "$GOFLOW_ROOT/packaging/install.sh" goflow
	cp "$GOFLOW_ROOT/packaging/goflow.service" goflow/lib/systemd/system
	run env DESTDIR="$PWD/root" PREFIX=/opt/goflow goflow/install.sh
	same 0 "$status" "$output"
	run env -i "$PWD/root/opt/goflow/bin/goflow" version
	same 0 "$status" "$output"
	grep -q '^ExecStart=/opt/goflow/bin/goflow ' root/opt/goflow/lib/systemd/system/goflow.service
	run env DESTDIR="$PWD/root" PREFIX=/opt/goflow goflow/install.sh -u
	same "" "$(find root -type f)" "files that stay"
	mkdir fake
	printf '#!/bin/sh\necho "	libyaml-0.so.2 => not found"\n' >fake/ldd
	chmod +x fake/ldd
	run env PATH="$PWD/fake:$PATH" DESTDIR="$PWD/root" goflow/install.sh
	same 1 "$status" "$output"
	[[ $output == *"apt install libyaml-0-2"* ]] || fail "$output"
	same "" "$(find root -type f)" "files that were installed all the same"
}

@test "systemd takes the units, and finds little to be exposed" {
	need_command systemd-analyze
	mkdir units
	sed "s,@BINDIR@/goflow,$GOFLOW_BIN/goflow," "$GOFLOW_ROOT/packaging/goflow.service" | grep -v ^Documentation >units/goflow.service
	grep -v ^Documentation "$GOFLOW_ROOT/packaging/goflow.socket" >units/goflow.socket
	run systemd-analyze verify units/goflow.service units/goflow.socket
	same "0 " "$status $output"
	run systemd-analyze security --offline=true --threshold=20 units/goflow.service
	[ "$status" -eq 0 ] || fail "$(tail -n 1 <<<"$output")"
}

# completed WORD...: what bash offers for the last one
completed() {
	bash -c 'source "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); "_$1" && printf "%s\n" "${COMPREPLY[@]}" | tr "\n" " "' \
		- "$GOFLOW_ROOT/packaging/completion/$1.bash" "$@"
}

@test "bash completes commands, options and stages" {
	same "status " "$(completed nfctl sta)"
	same "--max-loss --max-lag " "$(completed nfctl check --max)"
	same "warn " "$(completed nfctl log-level w)"
	same "check-config configure-grafana " "$(completed goflow c)"
	same "prune " "$(completed goflow pr)"
	same "--json " "$(completed goflow check-config --js)"
	same "text json " "$(completed goflow --log '')"
	background bash -c "nfrecv -l 127.0.0.1:$(free_port) 2>recv.err | nfdecode >/dev/null 2>&1"
	running() { [ -n "$(completed nfctl drain nfdec)" ]; }
	wait_for 10 running
	same "nfdecode " "$(completed nfctl drain nfdec)"
}

@test "zsh's completions name the commands that there are" {
	for command in status exporters templates top loss watch check drain log-level; do
		grep -q "'$command:" "$GOFLOW_ROOT/packaging/completion/_nfctl" || fail "$command is missing"
	done
	need_command zsh
	zsh -n "$GOFLOW_ROOT/packaging/completion/_nfctl"
	zsh -n "$GOFLOW_ROOT/packaging/completion/_goflow"
}
