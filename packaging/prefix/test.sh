#!/usr/bin/env bash
# packaging/prefix/test.sh PREFIX SIMULATOR
#
# Other people's projects find, build and run with the install prefix PREFIX after it was moved to a path with a space:
# CMake's find_package and make with pkg-config, the shared library and the static archive, C and C++, each program
# against SIMULATOR (the program of this machine, or the URL of one that runs). What PREFIX was built for is seen in its files. These may be set:
#   CC, CXX    compilers for PREFIX's target; for musl they must be, since Debian has no C++ compiler for it
#   EMULATOR   what runs its programs (qemu-aarch64-static -L ..., wine); "" for none
#   EXTRA_DLL  a file that Windows programs need beside them and Wine lacks
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/packages.sh"

[ $# -eq 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
prefix=$(cd "$1" && pwd) simulator=$2
need cmake:cmake make:make pkg-config:pkg-config curl:curl binutils:readelf

dynamic=$(readelf -hdW "$prefix/lib/libwxsub.so" 2>/dev/null || true)
linkages="shared static" system=Linux exe=""
case $dynamic in
  *AArch64*)
    need gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc g++-aarch64-linux-gnu:aarch64-linux-gnu-g++
    target=aarch64-linux-gnu processor=aarch64 cc=aarch64-linux-gnu-gcc cxx=aarch64-linux-gnu-g++
    emulator="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
    if [ "$(uname -m)" = aarch64 ]; then emulator=""; else need qemu-user-static:qemu-aarch64-static; fi
    ;;
  *X86-64*libc.so.6*)
    need build-essential:c++
    target=x86_64-linux-gnu processor=x86_64 cc=cc cxx=c++ emulator=""
    ;;
  *X86-64*) target=x86_64-linux-musl processor=x86_64 cc="" cxx="" emulator="" ;;
  *)
    [ -e "$prefix/bin/wxsub.dll" ] || { echo "wxsub: $prefix holds no library" >&2; exit 1; }
    need gcc-mingw-w64-x86-64-posix:x86_64-w64-mingw32-gcc-posix g++-mingw-w64-x86-64-posix:x86_64-w64-mingw32-g++-posix
    target=x86_64-windows-gnu processor=x86_64 cc=x86_64-w64-mingw32-gcc-posix cxx=x86_64-w64-mingw32-g++-posix
    emulator=wine linkages=shared system=Windows exe=.exe
    ;;
esac
export CC=${CC:-$cc} CXX=${CXX:-$cxx}
emulator=${EMULATOR-$emulator}
[ -n "$CC" ] && [ -n "$CXX" ] || { echo "wxsub: set CC and CXX for $target" >&2; exit 2; }

work=$(mktemp -d)
simulator_pid=
trap 'test -z "$simulator_pid" || kill "$simulator_pid" 2>/dev/null; rm -rf "$work"' EXIT

moved="$work/a moved prefix"
cp -a "$prefix" "$moved"
if grep -rl -e "$prefix" -e "$root" "$moved/lib/cmake" "$moved/lib/pkgconfig"; then
  echo "wxsub: the files above name the place where the prefix was" >&2
  exit 1
fi

case $simulator in
  http://*) url=$simulator ;;
  *)
    : >"$work/simulator.log"
    "$simulator" >"$work/simulator.log" &
    simulator_pid=$!
    for _ in $(seq 600); do
      url=$(sed -n 's/^listening on \(http:[^ ]*\)$/\1/p' "$work/simulator.log")
      test -n "$url" && break
      sleep 0.1
    done
    ;;
esac
test -n "${url:-}" || { echo "wxsub: the simulator did not start" >&2; exit 1; }

passed=0
run() { # PROGRAM WHAT: one whole round of an example, after which one message must have arrived
  local program=$1 what=$2 player="o-$passed" folder arrived
  folder=$(dirname "$program")
  curl -fsS "$url/sim/grant" -d "{\"openid\":\"$player\",\"template_id\":\"sim-activity\"}" >/dev/null
  if [ "$system" = Windows ]; then
    cp "$moved/bin/wxsub.dll" "$folder/"
    # Those of the compiler, which a C++ program of MinGW needs.
    local dll
    for dll in libstdc++-6.dll libgcc_s_seh-1.dll libwinpthread-1.dll; do
      cp "$("$CXX" -print-file-name="$dll")" "$folder/"
    done
    if [ -n "${EXTRA_DLL:-}" ]; then cp "$EXTRA_DLL" "$folder/"; fi
  fi
  # shellcheck disable=SC2086 # the emulator has arguments
  (cd "$folder" && WXSUB_SECRET=simulator-secret LD_LIBRARY_PATH="${3:-}" $emulator "$program" --api-base "$url" \
    --appid wx0000000000000000 --openid "$player" --template-id sim-activity --store "wxsub-$passed.db") >"$work/said" 2>&1 ||
    { echo "wxsub: $what failed:" >&2; cat "$work/said" >&2; exit 1; }
  arrived=$(curl -fsS "$url/sim/deliveries?openid=$player" | grep -o '"msgid":' | wc -l)
  [ "$arrived" -eq 1 ] || { echo "wxsub: $what: $arrived messages arrived, not 1" >&2; exit 1; }
  passed=$((passed + 1))
  echo "  $what: sent"
}

linked() { # PROGRAM shared|static: it needs the shared library, or does not
  local needs=static
  if [ "$system" = Windows ]; then
    if x86_64-w64-mingw32-objdump -p "$1" | grep 'DLL Name: wxsub.dll' >/dev/null; then needs=shared; fi
  else
    if readelf -dW "$1" | grep 'NEEDED.*\[libwxsub.so.1\]' >/dev/null; then needs=shared; fi
  fi
  [ "$needs" = "$2" ] || { echo "wxsub: $1 is linked with the $needs library" >&2; exit 1; }
}

project() { # NAME: a copy with the examples as its sources
  cp -r "$root/tests/hosts/packages/$1" "$work/$1 project"
  cp "$root/examples/c/main.c" "$work/$1 project/c.c"
  cp "$root/examples/cpp/main.cpp" "$work/$1 project/cpp.cpp"
}

echo "wxsub: $target with CMake $(cmake --version | sed -n '1s/.* //p')"
project cmake
cross=()
if [ "$target" != "$(uname -m)-linux-gnu" ]; then
  cross=(-DCMAKE_SYSTEM_NAME="$system" -DCMAKE_SYSTEM_PROCESSOR="$processor")
fi
configure() { # FOLDER COMPONENTS VERSION
  cmake -S "$work/cmake project" -B "$work/$1" -DCMAKE_PREFIX_PATH="$moved" "${cross[@]}" \
    -DWANTED_COMPONENTS="$2" -DWANTED_VERSION="$3" >"$work/said" 2>&1
}
configure "cmake build" "${linkages// /;}" 0.1 && cmake --build "$work/cmake build" >>"$work/said" 2>&1 ||
  { cat "$work/said" >&2; exit 1; }
grep -qF "in $moved/lib/cmake/wxsub" "$work/said" || { echo "wxsub: CMake found another wxsub" >&2; exit 1; }
for linkage in $linkages; do
  for language in c cpp; do
    linked "$work/cmake build/$language-$linkage$exe" "$linkage"
    run "$work/cmake build/$language-$linkage$exe" "CMake, $language, $linkage"
  done
done
refused() { # COMPONENTS VERSION TEXT
  if configure refused "$1" "$2" || ! grep -q "$3" "$work/said"; then
    echo "wxsub: find_package(wxsub $2 COMPONENTS $1) should have failed with \"$3\":" >&2
    cat "$work/said" >&2
    exit 1
  fi
  rm -rf "$work/refused"
}
refused shared 99 'requested version "99"'
refused sharde 0.1 'no component "sharde"'
cross=(-DCMAKE_SYSTEM_NAME=Generic -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY)
refused shared 0.1 "($system)"

echo "wxsub: $target with pkg-config $(pkg-config --version)"
project make
export PKG_CONFIG_LIBDIR="$moved/lib/pkgconfig"
version=$(pkg-config --modversion wxsub)
grep -qF "\"$version\"" "$moved/lib/cmake/wxsub/wxsub-config-version.cmake" ||
  { echo "wxsub: pkg-config says $version, CMake another" >&2; exit 1; }
# A program without any shared library suits musl alone: glibc's resolver wants its own beside it.
if [ "$target" = x86_64-linux-musl ]; then linkages="$linkages whole"; fi
for linkage in $linkages; do
  make -C "$work/make project" "$linkage" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
  for language in c cpp; do
    program="$work/make project/$language-$linkage"
    if [ "$system" = Windows ]; then mv "$program" "$program.exe" 2>/dev/null || true; fi
    linked "$program$exe" "${linkage/whole/static}"
    run "$program$exe" "pkg-config, $language, $linkage" "$moved/lib"
  done
done

# A program under qemu can't start another for the same processor.
if [ -e "$moved/bin/wxsub$exe" ] && case $emulator in *qemu*) false ;; esac; then
  # In bin/, where Windows finds the DLL.
  program="$moved/bin/own-test$exe" libraries=(-lwxsub -ldl -lpthread)
  if [ "$system" = Windows ]; then libraries=("$moved/lib/libwxsub.dll.a" -static); fi
  "$CXX" -std=c++11 -Wall -Wextra -Werror "-I$moved/include" "$root/tests/hosts/packages/simulator.cpp" -o "$program" \
    "-L$moved/lib" "${libraries[@]}"
  # shellcheck disable=SC2086 # the emulator has arguments
  said=$(cd "$work" && env -u WXSUB_SIMULATOR LD_LIBRARY_PATH="$moved/lib" $emulator "$program")
  case $said in "sent at http://127.0.0.1:"*) ;; *) echo "wxsub: the prefix's own simulator: $said" >&2; exit 1 ;; esac
  echo "  wxsub::Simulator of the prefix: ${said%%[[:cntrl:]]*}"
fi
echo "wxsub: $target: $passed programs found the prefix and sent a message"
