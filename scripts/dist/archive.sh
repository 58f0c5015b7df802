#!/usr/bin/env bash
# scripts/dist/archive.sh IN OUT: makes of cargo's libwxsub.a an archive for hosts. ELF only.
#
# cargo's shows the symbols of the SQLite and the ring in it. Beside a host's own SQLite, a linker silently takes
# whichever comes first, for both. In the archive that this makes, only wxsub_* can be seen from outside.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/packages.sh"

[ $# -eq 2 ] || { echo "usage: scripts/dist/archive.sh IN OUT" >&2; exit 2; }
in=$1 out=$2

need binutils:readelf
case $(readelf -h "$in" 2>/dev/null | sed -n 's/^ *Machine: *//p' | sort -u) in
  *X86-64) machine=x86_64-linux-gnu package=binutils ;;
  AArch64) machine=aarch64-linux-gnu package=binutils-aarch64-linux-gnu ;;
  *) echo "wxsub: $in holds neither x86-64 nor AArch64 objects" >&2; exit 1 ;;
esac
tool() { # Debian's names; without a prefix elsewhere, as on a machine of that very kind
  if command -v "$machine-$1" >/dev/null 2>&1; then echo "$machine-$1"; else echo "$1"; fi
}
if [ "$machine" != "$(uname -m)-linux-gnu" ]; then need "$package:$machine-ld"; else need "$package:ld"; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Not nm: its plugin sees nothing in an object that holds LLVM's bitcode, too.
readelf -sW "$in" 2>/dev/null | sed -n 's/^.* FUNC *GLOBAL .* \(wxsub_[a-z0-9_]*\)$/\1/p' | sort -u >"$work/keep"
[ -s "$work/keep" ] || { echo "wxsub: $in has no wxsub_* functions" >&2; exit 1; }

# One object with what the functions need. Groups are dissolved: of two Rust libraries in one host the linker would take
# one's unwinding routine for both, and nobody else can see ours any more.
undefined=()
while read -r name; do undefined+=(-u "$name"); done <"$work/keep"
"$(tool ld)" -r --gc-sections --force-group-allocation "${undefined[@]}" "$in" -o "$work/whole.o"
# Without the bitcode: ar has that plugin, too, and aborts. Unneeded symbols are more than ballast: weak ones that the
# linker has dropped the uses of come back as strong ones, and another Rust library's weak ones are then missing.
"$(tool objcopy)" --remove-section=.llvmbc --remove-section=.llvmcmd --strip-unneeded \
  --keep-global-symbols="$work/keep" "$work/whole.o" "$work/wxsub.o"
rm -f "$work/libwxsub.a"
(cd "$work" && "$(tool ar)" rcsD libwxsub.a wxsub.o)
install -m 644 "$work/libwxsub.a" "$out"
