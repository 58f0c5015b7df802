#!/usr/bin/env bash
# Builds all that users get into dist/, on Debian 12 for x86_64, after installing what that takes (as root, or with sudo):
#
#   scripts/dist.sh             # everything
#   scripts/dist.sh TARGET…     # these only: x86_64-linux-gnu aarch64-linux-gnu x86_64-linux-musl x86_64-windows-gnu
#
# For each target an archive whose one folder is an install prefix, and that folder itself in dist/prefix/; the simulator of
# WeChat in dist/simulator/; the packages of other languages; the licences of others' work in it; checksums. The first run
# takes half an hour on two cores and 5 GB in target/dist/. scripts/dist-test.sh tests what is there.
set -euo pipefail
umask 022
. "$(dirname "$0")/dist/targets.sh"
cd "$root"
. scripts/packages.sh

targets=("$@")
[ $# -gt 0 ] || targets=("${all_targets[@]}")
triples=()
for target in "${targets[@]}"; do triples+=("$(triple_of "$target")"); done

need_rust
need python3:python3 build-essential:cc binutils:readelf zip:zip
rm -rf "$dist"
mkdir -p "$dist/prefix" "$dist/simulator"

echo "wxsub: collecting the licences of what is linked in"
python3 scripts/dist/licenses.py "${triples[@]}" >"$dist/THIRD-PARTY-LICENSES.txt"

# What Redis adds is told by dist-test.sh, so there must be a library without it.
if grep -q '^redis = ' Cargo.toml && [[ " ${targets[*]} " = *" x86_64-linux-gnu "* ]]; then
  echo "wxsub: building for x86_64-linux-gnu without Redis"
  scripts/dist/library.sh x86_64-linux-gnu --no-default-features
  install -D -m 755 "$(built_library x86_64-linux-gnu)" "$dist/without-redis/libwxsub.so.$version"
fi

for target in "${targets[@]}"; do
  echo "wxsub: building for $target"
  scripts/dist/library.sh "$target"
  name=wxsub-$version-$target
  case $target in
    *-windows-*) static=- ;;
    *) static=$(built_folder "$target")/libwxsub.a ;;
  esac
  ending=$(program_ending "$target")
  packaging/prefix/build.sh "$target" "$(built_library "$target")" "$static" "$(built_folder "$target")/wxsub$ending" \
    "$(prefix_of "$target")" "$dist/THIRD-PARTY-LICENSES.txt"
  install -D -m 755 "$(built_folder "$target")/wxsub-simulator$ending" "$dist/simulator/$target/wxsub-simulator$ending"
  case $target in
    *-windows-*) (cd "$dist/prefix" && zip -qr -X "$dist/$name.zip" "$name") ;;
    *) tar -C "$dist/prefix" --owner=0 --group=0 --numeric-owner --sort=name -czf "$dist/$name.tar.gz" "$name" ;;
  esac
done

# Packages of other languages, made of the prefixes.
for package in python nuget unity; do
  "packaging/$package/build.sh" "${targets[@]}"
done

# Of what users download; a prefix is in its archive.
(cd "$dist" && find . -type f ! -path './prefix/*' ! -path './without-redis/*' ! -name SHA256SUMS -printf '%P\n' |
  LC_ALL=C sort | xargs -d '\n' sha256sum >"$dist/.sums" && mv .sums SHA256SUMS)
echo "wxsub: built into $dist:"
(cd "$dist" && du -h --apparent-size -- *.tar.gz *.zip 2>/dev/null || true)
