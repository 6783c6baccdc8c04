#!/bin/sh
# keep_conf.sh SOURCE DIR: installs the configuration, but never over one that is there: it may have been
# edited. A newer one goes beside it. Called by `meson install`, which sets the MESON_… variables.
set -eu
place=${MESON_INSTALL_DESTDIR_PREFIX%"$MESON_INSTALL_PREFIX"}$2
name=$(basename "$1")
[ -z "${MESON_INSTALL_DRY_RUN:-}" ] || exit 0

if [ -e "$place/$name" ] && cmp -s "$1" "$place/$name"; then exit 0; fi
if [ -e "$place/$name" ]; then
    echo "$place/$name is kept; the one of this version is $name.new beside it"
    name=$name.new
fi
mkdir -p "$place"
install -m 644 "$1" "$place/$name"
