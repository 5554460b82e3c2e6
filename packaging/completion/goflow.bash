# shellcheck shell=bash
# bash completion for goflow

_goflow() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local commands
	commands=$(goflow help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
	COMPREPLY=()
	case $before in
	-c | --config) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--log) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word") ;;
	help)
		mapfile -t COMPREPLY < <(compgen -W "$commands config $(goflow help config |
			sed -n 's/^[A-Za-z].*[.]\{0,1\}\b\([A-Za-z_]*\)$/\1/p')" -- "$word")
		;;
	*)
		if [ "$COMP_CWORD" -eq 1 ] && [[ $word != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
		elif [[ $word == -* ]]; then
			case $command in
			-*) command=--help ;;
			esac
			mapfile -t COMPREPLY < <(compgen -W "$(goflow "$command" --help | grep -oE -- '--[a-z-]+')" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		fi
		;;
	esac
}

complete -F _goflow goflow
