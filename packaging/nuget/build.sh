#!/usr/bin/env bash
# The NuGet package Wxsub: the wrapper for .NET Standard 2.0, and the library of each target of dist/prefix/ under
# runtimes/. Without a .NET SDK: Mono's compiler makes the assembly, and Cecil moves its references from Mono's own
# libraries to "netstandard". It goes to dist/nuget/.
#
#   packaging/nuget/build.sh            # every target
#   packaging/nuget/build.sh TARGET…    # these only, such as x86_64-linux-gnu
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. scripts/dist/python.sh

declare -A runtime=(
  [x86_64-linux-gnu]=linux-x64
  [aarch64-linux-gnu]=linux-arm64
  [x86_64-linux-musl]=linux-musl-x64
  [x86_64-windows-gnu]=win-x64
)
targets=("$@")
[ $# -gt 0 ] || targets=(x86_64-linux-gnu aarch64-linux-gnu x86_64-linux-musl x86_64-windows-gnu)

need mono-mcs:mcs mono-runtime:mono python3:python3
cecil=$(echo /usr/lib/mono/gac/Mono.Cecil/0.11.*/Mono.Cecil.dll)
standard=/usr/lib/mono/4.7.2-api/Facades/netstandard.dll
[ -f "$cecil" ] || need libmono-cecil-private-cil:no-such-program
[ -f "$standard" ] || need mono-devel:no-such-program
cecil=$(echo /usr/lib/mono/gac/Mono.Cecil/0.11.*/Mono.Cecil.dll)

version=$(version)
out=$PWD/dist/nuget
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! grep -q "<Version>$version</Version>" bindings/csharp/Wxsub.csproj; then
  echo "wxsub: bindings/csharp/Wxsub.csproj is not of version $version" >&2
  exit 1
fi

package=$work/package
mkdir -p "$package/lib/netstandard2.0" "$out"
for target in "${targets[@]}"; do
  prefix=dist/prefix/wxsub-$version-$target
  case $target in
    *-windows-*) library=bin/wxsub.dll name=wxsub.dll program=wxsub.exe ;;
    *) library=lib/libwxsub.so name=libwxsub.so program=wxsub ;;
  esac
  [ -n "${runtime[$target]:-}" ] || { echo "wxsub: .NET has no name for $target here" >&2; exit 2; }
  [ -f "$prefix/$library" ] || { echo "wxsub: no $prefix/$library: scripts/dist.sh builds it" >&2; exit 1; }
  install -D -m 755 "$prefix/$library" "$package/runtimes/${runtime[$target]}/native/$name"
  # Not below runtimes/: what is there goes into every server's own folder. Wxsub.Simulator looks here.
  install -D -m 755 "$prefix/bin/$program" "$package/tools/${runtime[$target]}/$program"
done

echo "wxsub: compiling the wrapper for .NET Standard 2.0"
cp "$cecil" "$work/Mono.Cecil.dll"
mcs -langversion:7.2 -warnaserror -r:"$work/Mono.Cecil.dll" -r:System.Core.dll -out:"$work/Retarget.exe" \
  packaging/nuget/Retarget.cs
sed "s/@VERSION@/$version/" packaging/nuget/AssemblyInfo.cs.in >"$work/AssemblyInfo.cs"
mkdir "$work/mono"
mcs -langversion:7.2 -warn:4 -warnaserror -optimize -target:library \
  -doc:"$package/lib/netstandard2.0/Wxsub.xml" -out:"$work/mono/Wxsub.dll" \
  "$work/AssemblyInfo.cs" bindings/csharp/Runtime/*.cs
mono "$work/Retarget.exe" "$work/mono/Wxsub.dll" "$standard" "$package/lib/netstandard2.0/Wxsub.dll"

cp bindings/csharp/README.md LICENSE-MIT LICENSE-APACHE "$package/"
licences=dist/THIRD-PARTY-LICENSES.txt
[ -f "$licences" ] || { echo "wxsub: no $licences: scripts/dist.sh writes it" >&2; exit 1; }
cp "$licences" "$package/"
rm -f "$out"/*.nupkg
python3 packaging/nuget/pack.py bindings/csharp/Wxsub.csproj "$package" "$out/Wxsub.$version.nupkg"
ls -l "$out"
