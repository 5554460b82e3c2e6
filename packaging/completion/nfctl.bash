# shellcheck shell=bash
# bash completion for nfctl

_nfctl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="status exporters templates top loss watch check drain log-level"
	COMPREPLY=()
	case $before in
	--log) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word") ;;
	--socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	-i | --interval | --max-loss | --max-lag) ;;
	log-level) mapfile -t COMPREPLY < <(compgen -W "error warn info debug" -- "$word") ;;
	drain | error | warn | info | debug)
		mapfile -t COMPREPLY < <(compgen -W "$(nfctl -i 1ms --json status 2>/dev/null |
			sed -n 's/^ *"program": "\(.*\)",*$/\1/p' | sort -u)" -- "$word")
		;;
	*)
		case $word in
		-*) mapfile -t COMPREPLY < <(compgen -W "$(nfctl --help | grep -oE -- '--[a-z-]+')" -- "$word") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
		esac
		;;
	esac
}

complete -F _nfctl nfctl
