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

# How many jobs ninja may run: all cores, unless JOBS says otherwise.
jobs_wanted() {
    printf '%s\n' "${JOBS:-$(nproc)}"
}

# build_in DIR [meson setup options...]: configures DIR once, with the options given, then builds.
# Options changed since are brought up to date without starting over.
build_in() {
    local dir=$TUTTI_ROOT/$1
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$TUTTI_ROOT" "$@" >"$dir.log" 2>&1 || {
            tail -n 40 "$dir.log" >&2
            rm -f "$dir.log"
            die "meson could not configure $(basename "$dir")"
        }
        rm -f "$dir.log"
    fi
    ninja -C "$dir" -j "$(jobs_wanted)" --quiet
}
