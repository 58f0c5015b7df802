#!/usr/bin/env bash
# Tests what packaging/python/build.sh made, in dist/python/: what can be told of each wheel without running it; that pip
# takes the right one; the package's whole test suite against the installed wheel, in a fresh environment outside the
# repository and with the simulator of dist/; and the sdist, with cargo, without, and with a library from elsewhere.
#
#   packaging/python/test.sh [--no-sdist-build]     # all but the build of the sdist, which takes minutes
#
# The wheel for aarch64 runs under qemu. Those for musl and Windows are only looked at: there is no Python to run them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. scripts/dist/python.sh
. scripts/dist/simulator.sh
. scripts/dist/arm64.sh

build_sdist=1
[ "${1:-}" != --no-sdist-build ] || build_sdist=0

need file:file binutils:readelf
shopt -s nullglob
wheels=(dist/python/*.whl)
[ ${#wheels[@]} -gt 0 ] || { echo "wxsub: no wheels in dist/python: packaging/python/build.sh makes them" >&2; exit 1; }
case "${wheels[*]}" in *win_amd64*) need binutils-mingw-w64-x86-64:x86_64-w64-mingw32-objdump ;; esac
tools build 'setuptools>=77' auditwheel mypy
version=$(version)
repository=$PWD
work=$(mktemp -d)
trap 'stop_simulator; rm -rf "$work"' EXIT
unset WXSUB_LIBRARY PYTHONPATH

echo "wxsub: the wheels, from outside"
"$python" packaging/python/wheel_check.py "${wheels[@]}"
for wheel in "${wheels[@]}"; do
  case $wheel in
    *-manylinux_2_17_x86_64*) tag=manylinux_2_17_x86_64 ;;
    *-manylinux_2_17_aarch64*) tag=manylinux_2_17_aarch64 ;;
    *-musllinux_1_2_x86_64*) tag=musllinux_1_2_x86_64 ;;
    *) continue ;;
  esac
  # It looks for the C library on this machine, so it cannot judge musl: wheel_check.py has seen that nothing else is needed.
  if [ "$tag" != musllinux_1_2_x86_64 ]; then
    shown=$("$python" -m auditwheel show "$wheel")
    # It may find that an older C library would do, too.
    if ! grep -qE "\"(${tag}|manylinux_2_[5-9]_.*|manylinux_2_1[0-6]_.*)\"" <<<"$shown"; then
      printf 'wxsub: auditwheel does not agree on %s:\n%s\n' "$tag" "$shown" >&2
      exit 1
    fi
    echo "ok      auditwheel: $tag"
  fi
  "$python" -m pip download --quiet --no-deps --no-index --find-links dist/python --only-binary=:all: \
    --platform "$tag" --dest "$work/chosen-$tag" wxsub
  [ -f "$work/chosen-$tag/$(basename "$wheel")" ] || { echo "wxsub: pip on $tag does not take $wheel" >&2; exit 1; }
  echo "ok      pip takes it on $tag"
done

has_native || exit 0

# environment NAME: a fresh one, outside the repository. Sets `there`.
environment() {
  there=$work/$1
  "$python" -m venv "$there"
}

# A copy of the tests whose folder above is not the package: what they import is what is installed.
mkdir -p "$work/copy/bindings/python"
cp -r bindings/python/tests "$work/copy/bindings/python/"
cp -r examples include "$work/copy/"
mkdir "$work/empty"
start_simulator
unset WXSUB_SIMULATOR # the wheel has its own

# suite FOLDER: the test suite in this environment.
suite() {
  local where
  where=$(cd "$work" && "$1/bin/python" -c 'import wxsub; print(wxsub._native.lib._name)')
  case $where in "$1"/lib/*/site-packages/wxsub/*) ;; *) echo "wxsub: the library is $where" >&2; exit 1 ;; esac
  (cd "$work" && "$1/bin/python" -W error::ResourceWarning -m unittest discover -s "$work/copy/bindings/python/tests")
  # The console script, and as a module, in an empty folder.
  (
    cd "$work/empty"
    "$1/bin/wxsub" version
    WXSUB_API_BASE=$sim WXSUB_STORE=:memory: "$1/bin/python" -m wxsub check
    if WXSUB_LIBRARY=/nowhere/libwxsub.so "$1/bin/python" -c 'import wxsub' 2>"$work/said"; then exit 1; fi
    grep -q 'ImportError: wxsub: .*/nowhere/libwxsub.so' "$work/said"
    [ -z "$(ls -A)" ] || { echo "wxsub: files were left behind: $(ls -A)" >&2; exit 1; }
  )
}

echo "wxsub: the wheel, installed"
environment wheel
"$there/bin/python" -m pip install --quiet --no-index --find-links dist/python --only-binary=:all: wxsub
suite "$there"
# Its types, as a game's own code sees them.
mypy=("$python" -m mypy --strict --cache-dir "$work/mypy" --python-executable "$there/bin/python")
(cd "$work" && "${mypy[@]}" -p wxsub && "${mypy[@]}" "$work/copy/examples/python/main.py")

case "${wheels[*]}" in
  *manylinux_2_17_aarch64*)
    echo "wxsub: the wheel for aarch64, with Debian's Python for it, under qemu"
    arm64_python "$work/arm64"
    "$python" -m pip install --quiet --disable-pip-version-check --no-index --find-links dist/python --no-deps \
      --only-binary=:all: --platform manylinux_2_17_aarch64 --target "$work/arm64/packages/" wxsub
    (
      cd "$work/empty"
      "$work/arm64/python" -c 'import platform; print(platform.machine())' | grep -q '^aarch64$'
      "$work/arm64/python" -m wxsub version
      WXSUB_API_BASE=$sim WXSUB_STORE=:memory: "$work/arm64/python" -m wxsub check
      # What counts milliseconds, or starts many processes, is left to the real machine.
      cd "$work/copy/bindings/python/tests"
      "$work/arm64/python" -m unittest \
        test_loading test_header test_result test_client test_account test_events test_log test_outbox
    )
    ;;
esac

echo "wxsub: the sdist, without cargo"
sdist=$repository/dist/python/wxsub-$version.tar.gz
library=$PWD/dist/prefix/wxsub-$version-x86_64-linux-gnu/lib/libwxsub.so

# install_sdist [NAME=VALUE…]: into a fresh environment, with what pip needs there already, and this beside it.
install_sdist() {
  environment "sdist-$1"
  shift
  "$there/bin/python" -m pip install --quiet --disable-pip-version-check 'setuptools>=77'
  env "$@" "$there/bin/python" -m pip install --quiet --no-build-isolation --no-index --no-cache-dir "$sdist"
}

no_cargo="PATH=$work/no-cargo"
mkdir "$work/no-cargo"
if install_sdist bare "$no_cargo" >"$work/said" 2>&1; then echo "wxsub: it was built without cargo?" >&2; exit 1; fi
grep -q 'install Rust 1.89 or newer' "$work/said" || { cat "$work/said" >&2; exit 1; }
! grep -q Traceback "$work/said" || { cat "$work/said" >&2; exit 1; }
echo "ok      says what to do"
if install_sdist wrong "$no_cargo" WXSUB_LIBRARY=/nowhere/libwxsub.so >"$work/said" 2>&1; then exit 1; fi
grep -q 'WXSUB_LIBRARY names /nowhere/libwxsub.so, which is no file' "$work/said" || { cat "$work/said" >&2; exit 1; }
echo "ok      refuses a library that is not there"
install_sdist given "$no_cargo" "WXSUB_LIBRARY=$library"
(cd "$work" && "$there/bin/python" -c 'import wxsub; print(wxsub._native.lib._name)' | grep "^$there/lib/.*/wxsub/libwxsub.so$")
if "$there/bin/wxsub" version 2>"$work/said"; then echo "wxsub: a program from nowhere?" >&2; exit 1; fi
grep -q 'built without the operator.s program' "$work/said" || { cat "$work/said" >&2; exit 1; }
echo "ok      takes a library from elsewhere in"
install_sdist system "$no_cargo" WXSUB_LIBRARY=libwxsub.so.1
mkdir "$work/system"
cp "$library" "$work/system/libwxsub.so.1"
(cd "$work" && LD_LIBRARY_PATH=$work/system "$there/bin/python" -c 'import wxsub; print(wxsub._native.lib._name)' |
  grep '^libwxsub.so.1$')
echo "ok      leaves it to the system's loader"

if [ "$build_sdist" = 1 ]; then
  echo "wxsub: the sdist, with cargo (some minutes the first time)"
  need_rust
  need build-essential:cc
  install_sdist built "CARGO_TARGET_DIR=$target_folder/sdist"
  suite "$there"
fi
echo "wxsub: the Python package is well"
