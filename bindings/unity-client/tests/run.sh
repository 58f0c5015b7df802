#!/bin/sh
# Compiles the package against a stub of WeChat's SDK and runs its tests with Mono. Installs nothing.
# Needs mcs and mono (Debian: apt-get install mono-mcs mono-runtime).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
package=$(dirname "$here")
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every file that Unity would import has its .meta, and no two have the same id.
lonely=$(cd "$package" && find . -mindepth 1 ! -name '*.meta' ! -name '.*' ! -path '*~*' | while read -r f; do test -f "$f.meta" || echo "$f"; done)
test -z "$lonely" || { echo "without .meta: $lonely" >&2; exit 1; }
twins=$(cd "$package/.." && find csharp unity-client -name '*.meta' -exec grep -h '^guid:' {} + | sort | uniq -d)
test -z "$twins" || { echo "in two .meta files: $twins" >&2; exit 1; }

flags="-langversion:7.2 -warn:4 -warnaserror"
# The stub names FakePhone, so one assembly holds both; -doc with -warnaserror: everything public is documented.
mcs $flags -nowarn:0649,0169,1591 -r:System.Core.dll -target:library -out:"$work/Wx.dll" "$here"/stub/*.cs "$here/FakePhone.cs"
mcs $flags -r:System.Core.dll -r:"$work/Wx.dll" -target:library -doc:"$work/doc.xml" -out:"$work/Package.dll" "$package"/Runtime/*.cs
mcs $flags -nowarn:0649,0169 -r:System.Core.dll -out:"$work/Tests.exe" "$package"/Runtime/*.cs "$here"/*.cs "$here"/stub/*.cs
mono --debug "$work/Tests.exe"
