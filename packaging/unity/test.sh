#!/usr/bin/env bash
# Tests the Unity package of dist/unity/ as far as that goes without Unity: its structure, that its scripts compile in the
# editor and in a dedicated server, each assembly by itself, and that they do what they should when Unity calls them
# (packaging/unity/test/ stands for Unity).
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. scripts/dist/python.sh
. scripts/dist/simulator.sh

need python3:python3 mono-mcs:mcs mono-runtime:mono
version=$(version)
tarball=$PWD/dist/unity/com.wxsub.wxsub-$version.tgz
if [ ! -f "$tarball" ]; then
  ls -d dist/prefix/wxsub-"$version"-x86_64-{linux,windows}-gnu >/dev/null 2>&1 || { echo "wxsub: no package for Unity"; exit 0; }
fi
[ -f "$tarball" ] || { echo "wxsub: no $tarball: packaging/unity/build.sh makes it" >&2; exit 1; }
work=$(mktemp -d)
trap 'stop_simulator; rm -rf "$work"' EXIT
tar -xzf "$tarball" -C "$work"
[ "$(ls "$work")" = package ] || { echo "wxsub: the tarball holds $(ls "$work")" >&2; exit 1; }
package=$work/package

echo "wxsub: the Unity package, from outside"
python3 packaging/unity/test/structure.py "$package"
python3 - "$package" <<'END'
import sys
from pathlib import Path
sys.path.insert(0, "packaging/unity/test")
import structure
# The checks can fail: a file without .meta, and one that has another's.
package = Path(sys.argv[1])
for name, text in (("lonely.txt", None), ("twin.txt", (package / "README.md.meta").read_text())):
    file, meta = package / name, package / (name + ".meta")
    file.write_text("")
    if text:
        meta.write_text(text)
    try:
        structure.metas(package)
    except AssertionError:
        pass
    else:
        sys.exit(f"wxsub: {name} was not found")
    for path in (file, meta):
        path.unlink(missing_ok=True)
END

stubs=packaging/unity/test
sample=$package/Samples~/Server
# Unity 2021.3 compiles C# 9; ours is 7.2.
compile() { mcs -langversion:7.2 -warn:4 -warnaserror -r:System.Core.dll "$@"; }

# unity NAME DEFINE…: as in a project with these defines, an assembly for each .asmdef.
unity() {
  local to=$work/$1 defines="-d:UNITY_5_3_OR_NEWER -d:UNITY_2021_3_OR_NEWER"
  shift
  for define in "$@"; do defines+=" -d:$define"; done
  mkdir "$to"
  compile -target:library -out:"$to/UnityEngine.dll" "$stubs/UnityEngine.cs"
  compile $defines -target:library -r:"$to/UnityEngine.dll" -out:"$to/Wxsub.dll" "$package"/Runtime/*.cs
  compile $defines -target:library -r:"$to/UnityEngine.dll" -r:"$to/Wxsub.dll" \
    -out:"$to/Wxsub.Samples.Server.dll" "$sample"/*.cs
}

echo "wxsub: a dedicated server"
unity server UNITY_SERVER UNITY_STANDALONE UNITY_STANDALONE_LINUX
echo "wxsub: the editor"
unity editor UNITY_EDITOR UNITY_STANDALONE UNITY_STANDALONE_LINUX
to=$work/editor
# The importer's stand-in has members of its own for the test.
compile -target:library -r:"$to/UnityEngine.dll" -out:"$to/UnityEditor.dll" "$stubs/UnityEditor.cs"
compile -d:UNITY_EDITOR -target:library -r:"$to/UnityEngine.dll" -r:"$to/UnityEditor.dll" -r:"$to/Wxsub.dll" \
  -out:"$to/Wxsub.Editor.dll" "$package"/Editor/*.cs
compile -d:WXSUB_STANDALONE -d:UNITY_EDITOR -target:library -r:"$to/UnityEngine.dll" -r:"$to/UnityEditor.dll" \
  -r:"$to/Wxsub.dll" -out:"$work/Wxsub.Editor.Standalone.dll" "$package"/Editor/*.cs
compile -r:"$to/UnityEngine.dll" -r:"$to/UnityEditor.dll" -r:"$to/Wxsub.dll" -r:"$to/Wxsub.Samples.Server.dll" \
  -out:"$to/Play.exe" "$stubs/Play.cs"
cp "$package/Runtime/Plugins/Linux/x86_64/libwxsub.so" "$to/"

has_native || exit 0
start_simulator
mkdir "$work/files"
unset LD_LIBRARY_PATH
LC_ALL=C.UTF-8 WXSUB_API_BASE=$sim WXSUB_TMP=$work/files mono "$to/Play.exe"
echo "wxsub: the Unity package is well, as far as that can be told without Unity"
