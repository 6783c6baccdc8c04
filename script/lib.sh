# shellcheck shell=bash
# What the programs in script/ share. Sourced, never run.

TUTTI_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian's own Python: one from pyenv or conda would lack Debian's pytest and numpy.
# shellcheck disable=SC2034 # used by the programs that source this file
PYTHON=/usr/bin/python3

say() {
    printf '== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Prints the comment at the head of the program that was called: how it is used.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# How many jobs ninja may run: all cores, unless JOBS says otherwise.
jobs_wanted() {
    printf '%s\n' "${JOBS:-$(nproc)}"
}

# Prints the path of a Node.js that the client can use, 20 or newer; fails when there is none.
find_node() {
    local node
    for node in "$(command -v node || true)" "$TUTTI_ROOT/build-node/node_modules/node/bin/node"; do
        if [ -x "$node" ] && [ "$("$node" -p 'parseInt(process.versions.node)')" -ge 20 ]; then
            printf '%s\n' "$node"
            return 0
        fi
    done
    return 1
}

# Prints the path of the yt-dlp that script/setup fetched, else of one in PATH; fails when there is none.
find_yt_dlp() {
    local own=$TUTTI_ROOT/build-yt-dlp/bin/yt-dlp
    if [ -x "$own" ]; then
        printf '%s\n' "$own"
    else
        command -v yt-dlp
    fi
}

# build_in DIR [meson options...]: makes sure that DIR is configured with the options given, and builds.
# Options that an earlier call gave stay, so that script/build and script/test can share a directory.
build_in() {
    local dir=$TUTTI_ROOT/$1 option
    shift
    local known=$dir/results/options new=()
    for option in "$@"; do
        if ! grep -qsxF -e "$option" "$known"; then new+=("$option"); fi
    done
    if [ ! -f "$dir/build.ninja" ]; then
        quietly meson setup "$dir" "$TUTTI_ROOT" "$@"
        new=("$@")
    elif [ ${#new[@]} -gt 0 ]; then
        quietly meson configure "$dir" "${new[@]}"
    fi
    mkdir -p "$dir/results"
    if [ ${#new[@]} -gt 0 ]; then printf '%s\n' "${new[@]}" >>"$known"; fi
    # Configuring anew, where files of meson's have changed, is talkative.
    quietly ninja -C "$dir" build.ninja
    # On a terminal ninja shows by itself how far it is.
    if [ -t 1 ]; then
        ninja -C "$dir" -j "$(jobs_wanted)"
    else
        ninja -C "$dir" -j "$(jobs_wanted)" | tenths
    fi
}

# Passes on what ninja has to say, and of its steps a line every tenth of the way.
tenths() {
    awk '
        /^\[[0-9]+\/[0-9]+\]/ {
            split(substr($1, 2), n, /[\/\]]/)
            tenth = int(10 * n[1] / n[2])
            if (tenth > told) { printf "== built %d of %d\n", n[1], n[2]; fflush() }
            told = tenth > told ? tenth : told
            next
        }
        /^ninja: (Entering directory|no work to do)/ { next }
        { print; fflush() }'
}

# Runs a command whose output matters only when it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || {
        printf '%s\n' "$output" | tail -n 40 >&2
        die "'$1 $2' failed; the reason stands above"
    }
}
