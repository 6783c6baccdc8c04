# shellcheck shell=bash
# Completion of tuttid(8) for bash.
_tuttid() {
    # shellcheck disable=SC2034 # all four are set by _init_completion
    local cur prev words cword
    _init_completion -s || return

    case $prev in
    --runtime-dir | --media-root)
        _filedir -d
        return
        ;;
    --config | --control | --audio | --yt-dlp)
        _filedir
        return
        ;;
    --log-level)
        mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$cur")
        return
        ;;
    --log-format)
        mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
        return
        ;;
    --socket-group)
        mapfile -t COMPREPLY < <(compgen -g -- "$cur")
        return
        ;;
    --allow-host | --voice-host)
        _known_hosts_real -- "$cur"
        return
        ;;
    --max-workers | --warm-workers | --worker-idle | --client-grace | --buffer | --bitrate | \
        --complexity | --http-proxy | --extract-proxy | --connect-timeout | --stall-timeout | \
        --give-up | --extract-jobs | --extract-timeout)
        return
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W '
        --config --runtime-dir --control --audio --socket-group --max-workers --warm-workers
        --worker-idle --client-grace --buffer --bitrate --complexity --media-root
        --allow-private-hosts --allow-host --voice-host --http-proxy --extract-proxy --connect-timeout
        --stall-timeout --give-up --yt-dlp --extract-jobs --extract-timeout
        --require-sandbox --log-level --log-format --version --help' -- "$cur")
} && complete -F _tuttid tuttid
