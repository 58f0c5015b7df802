#!/usr/bin/env bash
# The Unity package, as a tarball for "Add package from tarball": the wrapper's sources, and the libraries of dist/prefix/
# with their import settings. It goes to dist/unity/.
#
#   packaging/unity/build.sh            # every target that Unity's editor and its dedicated servers have
#   packaging/unity/build.sh TARGET…    # these only, such as x86_64-linux-gnu; what Unity does not have is left out
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. scripts/dist/python.sh

targets=("$@")
[ $# -gt 0 ] || targets=(x86_64-linux-gnu x86_64-windows-gnu)
case "${targets[*]}" in
  *x86_64-linux-gnu* | *x86_64-windows-gnu*) ;;
  *) echo "wxsub: no package for Unity: it has no servers on ${targets[*]}"; exit 0 ;;
esac

need git:git python3:python3
version=$(version)
out=$PWD/dist/unity
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! grep -q "\"version\": \"$version\"" bindings/csharp/package.json; then
  echo "wxsub: bindings/csharp/package.json is not of version $version" >&2
  exit 1
fi

package=$work/package
mkdir -p "$package" "$out"
# What package.json names: its files, and itself.
(
  cd bindings/csharp
  python3 -c 'import json; print("\n".join(json.load(open("package.json"))["files"] + ["package.json"]))' |
    xargs git ls-files -z -- | tar -c --null --files-from=- | tar -x -C "$package"
)
for target in "${targets[@]}"; do
  prefix=dist/prefix/wxsub-$version-$target
  case $target in
    x86_64-linux-gnu) library=lib/libwxsub.so folder=Linux name=libwxsub.so program=wxsub ;;
    x86_64-windows-gnu) library=bin/wxsub.dll folder=Windows name=wxsub.dll program=wxsub.exe ;;
    *) echo "wxsub: Unity has no servers on $target"; continue ;;
  esac
  [ -f "$prefix/$library" ] || { echo "wxsub: no $prefix/$library: scripts/dist.sh builds it" >&2; exit 1; }
  install -D -m 644 "$prefix/$library" "$package/Runtime/Plugins/$folder/x86_64/$name"
  # Unity neither imports nor ships a folder that ends in "~"; Wxsub.Simulator starts it in the editor.
  install -D -m 755 "$prefix/bin/$program" "$package/Program~/$folder/$program"
done
licences=dist/THIRD-PARTY-LICENSES.txt
[ -f "$licences" ] || { echo "wxsub: no $licences: scripts/dist.sh writes it" >&2; exit 1; }
cp LICENSE-MIT LICENSE-APACHE "$licences" "$package/"
sh bindings/csharp/tests/meta.sh "$package"

rm -f "$out"/*.tgz
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -c package |
  gzip -n >"$out/com.wxsub.wxsub-$version.tgz"
ls -l "$out"
