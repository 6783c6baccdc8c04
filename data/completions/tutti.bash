# shellcheck shell=bash
# Completion of tutti(1) for bash.
_tutti() {
    local cur prev words cword
    _init_completion -s || return

    local commands='play pause resume stop next volume seek status stats top watch'
    local common='--runtime-dir --control --audio --help'
    case $prev in
    --runtime-dir)
        _filedir -d
        return
        ;;
    --control | --audio | --out)
        _filedir
        return
        ;;
    --channel | --volume | --position | --delay)
        return
        ;;
    esac

    local i command=
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        --runtime-dir | --control | --audio) ((i++)) ;;
        -*) ;;
        *)
            command=${words[i]}
            break
            ;;
        esac
    done

    local own
    case $command in
    '')
        mapfile -t COMPREPLY < <(compgen -W "$commands $common --version" -- "$cur")
        return
        ;;
    play) own='--channel --volume --position --out --next --realtime --wait --private' ;;
    pause | resume | stop | next | volume | seek | watch) own='--channel' ;;
    status) own='--channel --json' ;;
    stats) own='--json' ;;
    top) own='--delay' ;;
    *) own= ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$own $common" -- "$cur")
    elif [[ $command == play ]]; then
        _filedir
    fi
} && complete -F _tutti tutti
