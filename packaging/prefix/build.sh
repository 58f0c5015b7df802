#!/usr/bin/env bash
# packaging/prefix/build.sh TARGET SHARED_LIB STATIC_LIB PROGRAM DESTINATION [THIRD_PARTY_LICENSES]
#
# Lays out an install prefix in the folder DESTINATION (which must not exist) from what cargo has built:
#   TARGET      x86_64-linux-gnu, aarch64-linux-gnu, x86_64-linux-musl, x86_64-windows-gnu
#   SHARED_LIB  libwxsub.so or wxsub.dll
#   STATIC_LIB  cargo's libwxsub.a; "-": none, as always on Windows
#   PROGRAM     the operator's program, wxsub or wxsub.exe; "-": none
# The prefix may be moved afterwards: its pkg-config and CMake files find everything relative to themselves.
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/packages.sh"

[ $# -eq 5 ] || [ $# -eq 6 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
target=$1 shared=$2 static=$3 program=$4 prefix=$5 licenses=${6:-}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
[ ! -e "$prefix" ] || { echo "wxsub: $prefix is there already" >&2; exit 1; }

case $target in
  *-linux-*) system=Linux libs="-lpthread -ldl -lm" ;;
  *-windows-gnu) system=Windows libs="" ;;
  *) echo "wxsub: $target is none of the targets" >&2; exit 2 ;;
esac
case $target in
  x86_64-*) processors="x86_64|AMD64|amd64" ;;
  aarch64-*) processors="aarch64|arm64|ARM64" ;;
  *) echo "wxsub: $target is none of the targets" >&2; exit 2 ;;
esac

fill() { # TEMPLATE FILE
  sed -e "s/@VERSION@/$version/g" -e "s/@LIBS_PRIVATE@/$libs/g" -e "s/@SYSTEM@/$system/g" \
    -e "s/@PROCESSOR_REGEX@/$processors/g" -e 's/ *$//' "$1" >"$2"
}

install -d "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/wxsub" "$prefix/share/doc/wxsub"
install -m 644 "$root"/include/wxsub.h "$root"/include/wxsub{,_simulator}.hpp "$prefix/include/"
[ "$program" = - ] || install -D -m 755 -t "$prefix/bin" "$program"

if [ "$system" = Linux ]; then
  install -m 755 "$shared" "$prefix/lib/libwxsub.so.$version"
  ln -s "libwxsub.so.$version" "$prefix/lib/libwxsub.so.1"
  ln -s libwxsub.so.1 "$prefix/lib/libwxsub.so"
  if [ "$static" != - ]; then
    "$root/scripts/dist/archive.sh" "$static" "$prefix/lib/libwxsub.a"
    fill "$root/packaging/prefix/pkgconfig/wxsub-static.pc.in" "$prefix/lib/pkgconfig/wxsub-static.pc"
  fi
else
  [ "$static" = - ] || { echo "wxsub: there is no static archive for Windows" >&2; exit 2; }
  need binutils:objdump binutils-mingw-w64-x86-64:x86_64-w64-mingw32-dlltool llvm:llvm-dlltool
  install -D -m 755 "$shared" "$prefix/bin/wxsub.dll"
  {
    echo "LIBRARY wxsub.dll"
    echo "EXPORTS"
    x86_64-w64-mingw32-objdump -p "$shared" | sed -n 's/^\t\[ *[0-9]*\].* \(wxsub_[a-z0-9_]*\)$/    \1/p' | sort -u
  } >"$prefix/lib/wxsub.def"
  [ "$(wc -l <"$prefix/lib/wxsub.def")" -gt 2 ] || { echo "wxsub: $shared exports no wxsub_*" >&2; exit 1; }
  # GNU's for MinGW; Microsoft's linker wants the short form, which LLVM writes.
  x86_64-w64-mingw32-dlltool -d "$prefix/lib/wxsub.def" -D wxsub.dll -l "$prefix/lib/libwxsub.dll.a"
  llvm-dlltool -m i386:x86-64 -d "$prefix/lib/wxsub.def" -l "$prefix/lib/wxsub.lib"
fi

fill "$root/packaging/prefix/pkgconfig/wxsub.pc.in" "$prefix/lib/pkgconfig/wxsub.pc"
install -m 644 "$root/packaging/prefix/cmake/wxsub-config.cmake" "$prefix/lib/cmake/wxsub/"
fill "$root/packaging/prefix/cmake/wxsub-config-version.cmake.in" "$prefix/lib/cmake/wxsub/wxsub-config-version.cmake"
for document in README.md README.zh-CN.md SECURITY.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do
  install -m 644 "$root/$document" "$prefix/share/doc/wxsub/"
done
cp -R "$root/docs" "$prefix/share/doc/wxsub/"
if [ -n "$licenses" ]; then
  install -m 644 "$licenses" "$prefix/share/doc/wxsub/THIRD-PARTY-LICENSES.txt"
fi
