#!/usr/bin/env bash
# Builds the library and the operator's program for this machine and installs them: PREFIX=/usr/local DESTDIR= scripts/install.sh
#
# Builds as whoever calls it, and copies with sudo when the place is not theirs. With DESTDIR (for those who make
# packages) the files land below that folder, and the linker's cache is left alone.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
. scripts/packages.sh

prefix=${PREFIX:-/usr/local}
destination=${DESTDIR:-}$prefix
need_rust
need build-essential:cc binutils:objcopy
case $(rustc -vV | sed -n 's/^host: //p') in
  *-linux-gnu) target=$(uname -m)-linux-gnu ;;
  *) echo "wxsub: this installs on Linux with glibc only" >&2; exit 1 ;;
esac

echo "wxsub: building the library and the operator's program (some minutes the first time)"
built=${CARGO_TARGET_DIR:-target}/release
cargo build --quiet --release --lib
# Not together: cargo would give the library the features that the program's dependencies want.
cargo build --quiet --release -p wxsub-cli

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packaging/prefix/build.sh "$target" "$built/libwxsub.so" "$built/libwxsub.a" "$built/wxsub" "$work/prefix"

as_root=()
existing=$destination
while [ ! -e "$existing" ]; do existing=$(dirname "$existing"); done
if [ ! -w "$existing" ]; then as_root=(sudo); fi
"${as_root[@]}" install -d "$destination"
# New files beside the old ones, then in their place: a server that runs keeps the library that it has mapped.
"${as_root[@]}" cp -dR --remove-destination "$work/prefix/." "$destination/"
if [ -z "${DESTDIR:-}" ] && { [ "$(id -u)" -eq 0 ] || [ ${#as_root[@]} -gt 0 ]; }; then
  "${as_root[@]}" ldconfig
fi
echo "wxsub: installed into $destination"
