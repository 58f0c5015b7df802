#!/usr/bin/env bash
# scripts/dist/test-empty.sh: the commands of packaging/README.md, from the archive to a sent message, in a Debian that has
# a C compiler and nothing else: no Rust, no checkout, no pkg-config. Needs root (or sudo), for chroot.
set -euo pipefail
. "$(dirname "$0")/targets.sh"
. "$root/scripts/packages.sh"
need debootstrap:debootstrap

debian=$tools/empty-debian
if [ ! -e "$debian.done" ]; then
  # The archive that this machine itself installs from.
  mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME)' | awk '$2 == "bookworm" {print $1; exit}')
  echo "wxsub: installing an empty Debian with gcc into $debian"
  as_root rm -rf "$debian"
  mkdir -p "$tools"
  as_root debootstrap --variant=minbase --include=gcc,libc6-dev bookworm "$debian" "$mirror" >"$tools/debootstrap.log" 2>&1 ||
    { tail -n 20 "$tools/debootstrap.log" >&2; exit 1; }
  touch "$debian.done"
fi

block() { # LANGUAGE: the blocks of that language in the section on C, one after the other
  sed -n '/^## From there to a sent message, in C/,$p' "$root/packaging/README.md" |
    awk -v fence="\`\`\`$1" '$0 == fence {inside = 1; next} $0 == "```" {inside = 0} inside'
}

room=$(as_root mktemp -d "$debian/tmp/wxsub-XXXXXX")
trap 'as_root rm -rf "$room"' EXIT
as_root chown "$(id -u)" "$room"
cp "$dist/wxsub-$version-x86_64-linux-gnu.tar.gz" "$dist/simulator/x86_64-linux-gnu/wxsub-simulator" "$room/"
block c >"$room/guide.c"
{
  echo "set -eu"
  echo "cd /${room#"$debian"/}"
  block sh
} >"$room/commands.sh"
# The simulator needs a moment before the first call; a person does, too.
sed -i 's/^\(\.\/wxsub-simulator .*\)$/\1\ntrap "kill $!" EXIT\nuntil grep -q "^listening" simulator.log; do sleep 0.1; done/' \
  "$room/commands.sh"
as_root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin timeout 300 chroot "$debian" /bin/sh -c '
  for tool in rustc cargo python3 cmake pkg-config g++; do
    if command -v "$tool"; then echo "this Debian is not empty" >&2; exit 1; fi
  done
  exec sh '"/${room#"$debian"/}/commands.sh" >"$room/said" 2>&1 || { cat "$room/said" >&2; exit 1; }
# Twice: the second program, linked statically, has the same keys and finds what the first one did.
printf '%s\n' "count 1" "WXSUB_OK: sent, count 0" >"$room/wanted"
head -n 2 "$room/said" | diff -u "$room/wanted" - >&2
[ "$(grep -c '^WXSUB_OK: ' "$room/said")" -eq 2 ] || { cat "$room/said" >&2; exit 1; }
echo "wxsub: in an empty Debian: sent, with the shared library and with the archive: $(tr '\n' ';' <"$room/said")"
