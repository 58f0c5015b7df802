#!/usr/bin/env bash
# packaging/conan/test.sh [PREFIX SIMULATOR]; by default those of dist/ for x86_64-linux-gnu
#
# Conan packages the install prefix PREFIX (for this machine), as a shared library and as a static archive; a project that
# requires the package builds with CMake and with pkg-config, and sends a message to SIMULATOR. Conan comes from PyPI into
# a temporary folder, with a home and a cache of its own there, and asks no remote.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/packages.sh"

if [ $# -eq 0 ]; then
  set -- "$root"/dist/prefix/wxsub-*-x86_64-linux-gnu "$root/dist/simulator/x86_64-linux-gnu/wxsub-simulator"
fi
[ $# -eq 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
prefix=$(cd "$1" && pwd) simulator=$(realpath "$2")
need build-essential:c++ cmake:cmake make:make pkg-config:pkg-config curl:curl python3:python3
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv:no-such-program

work=$(mktemp -d)
simulator_pid=
trap 'test -z "$simulator_pid" || kill "$simulator_pid" 2>/dev/null; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "conan>=2,<3"
export CONAN_HOME=$work/home
conan() {
  "$work/venv/bin/conan" "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; echo "wxsub: conan $* failed" >&2; exit 1; }
}
echo "wxsub: $("$work/venv/bin/conan" --version)"
conan profile detect
conan remote disable '*'

"$simulator" >"$work/simulator.log" &
simulator_pid=$!
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on \(http:[^ ]*\)$/\1/p' "$work/simulator.log")
  test -n "$url" && break
  sleep 0.1
done
test -n "${url:-}" || { echo "wxsub: the simulator did not start" >&2; exit 1; }

version=$(sed -n 's/^set(PACKAGE_VERSION "\(.*\)")$/\1/p' "$prefix/lib/cmake/wxsub/wxsub-config-version.cmake" | head -n 1)
# Only what Conan has packaged may be found afterwards.
cp -a "$prefix" "$work/prefix"
cp -r "$root/packaging/conan" "$work/recipe"
for shared in True False; do
  conan create "$work/recipe" --version "$version" -c "user.wxsub:prefix=$work/prefix" -o "wxsub/*:shared=$shared"
  grep -q "wxsub $version.*: count 1" "$work/said" || { cat "$work/said" >&2; exit 1; }
done
rm -r "$work/prefix" "$work/recipe"

round() { # PROGRAM WHAT
  local player=o-$2 arrived
  curl -fsS "$url/sim/grant" -d "{\"openid\":\"$player\",\"template_id\":\"sim-activity\"}" >/dev/null
  (. "$folder/conanrun.sh" && WXSUB_SECRET=simulator-secret "$1" --api-base "$url" --appid wx0000000000000000 \
    --openid "$player" --template-id sim-activity --store "$1.db") >"$work/said" 2>&1 ||
    { cat "$work/said" >&2; echo "wxsub: $1 failed" >&2; exit 1; }
  arrived=$(curl -fsS "$url/sim/deliveries?openid=$player" | grep -o '"msgid":' | wc -l)
  [ "$arrived" -eq 1 ] || { echo "wxsub: $1: $arrived messages arrived, not 1" >&2; exit 1; }
  echo "  $2: sent"
}

for linkage in shared static; do
  folder=$work/$linkage shared=False
  [ "$linkage" = static ] || shared=True
  cp -r "$root/tests/hosts/packages" "$folder"
  for kind in cmake make; do
    cp "$root/examples/c/main.c" "$folder/$kind/c.c"
    cp "$root/examples/cpp/main.cpp" "$folder/$kind/cpp.cpp"
  done
  conan install --requires="wxsub/$version" -o "wxsub/*:shared=$shared" -of "$folder" \
    -g CMakeDeps -g CMakeToolchain -g PkgConfigDeps -g VirtualRunEnv
  {
    cmake -S "$folder/cmake" -B "$folder/build" -DCMAKE_TOOLCHAIN_FILE="$folder/conan_toolchain.cmake" \
      -DCMAKE_BUILD_TYPE=Release -DWANTED_COMPONENTS="$linkage"
    cmake --build "$folder/build"
    PKG_CONFIG_LIBDIR=$folder make -C "$folder/make" "$linkage"
  } >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
  for language in c cpp; do
    round "$folder/build/$language-$linkage" "cmake-$language-$linkage"
    round "$folder/make/$language-$linkage" "pkg-config-$language-$linkage"
  done
done
# A prefix for another system than the settings say is no package.
if "$work/venv/bin/conan" create "$root/packaging/conan" --version "$version" -c "user.wxsub:prefix=$prefix" -s os=Windows \
  --test-folder= >"$work/said" 2>&1 || ! grep -q "is for Linux" "$work/said"; then
  cat "$work/said" >&2
  echo "wxsub: Conan should have turned down a prefix for another system" >&2
  exit 1
fi
echo "wxsub: Conan: both packages were built against, and sent messages"
