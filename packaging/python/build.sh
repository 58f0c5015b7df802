#!/usr/bin/env bash
# The Python package: a wheel for each target, with that target's library and program of dist/prefix/ inside, and the
# sdist, with the Rust sources inside. They go to dist/python/.
#
#   packaging/python/build.sh            # every target
#   packaging/python/build.sh TARGET…    # these only, such as x86_64-linux-gnu, and the sdist
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. scripts/dist/python.sh

declare -A platform=(
  # The second name is the first one's, for a pip older than 20.3.
  [x86_64-linux-gnu]=manylinux_2_17_x86_64.manylinux2014_x86_64
  [aarch64-linux-gnu]=manylinux_2_17_aarch64.manylinux2014_aarch64
  [x86_64-linux-musl]=musllinux_1_2_x86_64
  [x86_64-windows-gnu]=win_amd64
)
targets=("$@")
[ $# -gt 0 ] || targets=(x86_64-linux-gnu aarch64-linux-gnu x86_64-linux-musl x86_64-windows-gnu)

need git:git
tools build 'setuptools>=77'
version=$(version)
out=$PWD/dist/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
rm -f "$out"/*.whl "$out"/*.tar.gz
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
unset WXSUB_LIBRARY

# copy FOLDER FILE…: files of the repository, as they are in the work tree.
copy() {
  local to=$1
  shift
  mkdir -p "$to"
  git ls-files -z -- "$@" | tar -c --null --files-from=- | tar -x -C "$to"
}

package=$work/bindings/python
copy "$work" bindings/python LICENSE-MIT LICENSE-APACHE
mv "$work"/LICENSE-* "$package/"
licences=dist/THIRD-PARTY-LICENSES.txt
[ -f "$licences" ] || { echo "wxsub: no $licences: scripts/dist.sh writes it" >&2; exit 1; }
cp "$licences" "$package/LICENSE-THIRD-PARTY.txt"

for target in "${targets[@]}"; do
  prefix=dist/prefix/wxsub-$version-$target
  case $target in
    *-windows-*) library=bin/wxsub.dll name=wxsub.dll program=wxsub.exe ;;
    *) library=lib/libwxsub.so name=libwxsub.so program=wxsub ;;
  esac
  [ -n "${platform[$target]:-}" ] || { echo "wxsub: no wheel is known for $target" >&2; exit 2; }
  for file in "$library" "bin/$program"; do
    [ -f "$prefix/$file" ] || { echo "wxsub: no $prefix/$file: scripts/dist.sh builds it" >&2; exit 1; }
  done
  echo "wxsub: wheel for $target"
  rm -rf "$work/one"
  cp -r "$package" "$work/one"
  install -m 755 "$prefix/$library" "$work/one/wxsub/$name"
  install -D -m 755 "$prefix/bin/$program" "$work/one/wxsub/bin/$program"
  "$python" -m build --quiet --no-isolation --wheel --outdir "$out" \
    "-C--build-option=--plat-name=${platform[$target]}" "$work/one"
done

echo "wxsub: sdist"
copy "$package/rust" Cargo.toml Cargo.lock build.rs cbindgen.toml src include benches tools/simulator tools/wxsub game/dist
"$python" -m build --quiet --no-isolation --sdist --outdir "$out" "$package"
ls -l "$out"
