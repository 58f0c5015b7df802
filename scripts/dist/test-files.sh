#!/usr/bin/env bash
# scripts/dist/test-files.sh TARGET...: what can be told of the files in dist/ without running them. Exports, imports,
# names, flags, size, and that nothing of the machine that built them is in them.
set -euo pipefail
. "$(dirname "$0")/targets.sh"
. "$root/scripts/packages.sh"
need binutils:readelf unzip:unzip

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 passed=0
check() { # WHAT CONDITION...
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "  $target: FAILED: $what" >&2; fi
}
same() { # WHAT FILE FILE: same lines
  check "$1" diff -u "$2" "$3"
}

# What the header declares is the list.
sed -e '/^\/\/\//d' -e '/typedef/d' -e '/(\*/d' "$root/include/wxsub.h" |
  sed -n 's/^.*[ *]\(wxsub_[a-z0-9_]*\)(.*$/\1/p' | LC_ALL=C sort -u >"$work/declared"
[ "$(wc -l <"$work/declared")" -ge 20 ] || { echo "wxsub: the header's functions were not found" >&2; exit 1; }

no_newer_than() { # VERSION FILE: GLIBC symbols
  local highest
  highest=$({ readelf -VW "$2"; } | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
  [ -n "$highest" ] || { echo "    it needs no version of glibc at all?" >&2; return 1; }
  echo "  $target: $(basename "$2") needs glibc $highest"
  [ "$(printf '%s\n' "$highest" "$1" | sort -V | tail -n 1)" = "$1" ]
}
only() { # FILE WORD...: each line of it is one of the words
  local file=$1 line good=0
  shift
  while read -r line; do
    case " $* " in *" $line "*) ;; *) echo "    $line" >&2; good=1 ;; esac
  done <"$file"
  return $good
}
holds_nothing_of_ours() { # FILE...: no path of this machine
  local found=0 place
  for place in "$root/" "${CARGO_HOME:-$HOME/.cargo}/" "$tools/"; do
    if grep -aoF -m 1 -- "$place" "$@" >&2; then found=1; fi
  done
  return $found
}

linux() {
  local library=$prefix/lib/libwxsub.so.$version allowed
  readelf -dW "$library" >"$work/dynamic"
  check "SONAME" grep -q 'soname: \[libwxsub.so.1\]' "$work/dynamic"
  check "never unmapped" grep -q 'Flags:.*NODELETE' "$work/dynamic"
  check "all relocations before the start" grep -q 'Flags:.*NOW' "$work/dynamic"
  check "no search path" sh -c '! grep -qE "RPATH|RUNPATH|TEXTREL" "$1"' - "$work/dynamic"
  check "no executable stack" sh -c 'readelf -lW "$1" | grep -q "GNU_STACK.* RW "' - "$library"
  check "links" sh -c '[ "$(readlink "$1/libwxsub.so")" = libwxsub.so.1 ] && [ "$(readlink "$1/libwxsub.so.1")" = "$2" ]' \
    - "$prefix/lib" "libwxsub.so.$version"

  readelf --dyn-syms -W "$library" | awk '$7 != "UND" && $5 != "LOCAL" && $8 != "" && NR > 3 {sub(/@.*/, "", $8); print $8}' |
    LC_ALL=C sort -u >"$work/exported"
  same "exports are the header's functions" "$work/declared" "$work/exported"

  sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic" >"$work/needed"
  case $target in
    *-musl) allowed="libc.so" ;;
    *) allowed="libc.so.6 libpthread.so.0 libdl.so.2 libm.so.6 librt.so.1 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1" ;;
  esac
  # shellcheck disable=SC2086 # several words
  check "needs the system's libraries only" only "$work/needed" $allowed
  check "needs libc" test -s "$work/needed"
  case $target in
    *-gnu)
      check "glibc 2.17" no_newer_than 2.17 "$library"
      check "glibc 2.17 for the program" no_newer_than 2.17 "$prefix/bin/wxsub"
      check "glibc 2.17 for the simulator" no_newer_than 2.17 "$dist/simulator/$target/wxsub-simulator"
      ;;
  esac
  check "stripped" sh -c '! readelf -SW "$1" | grep -qE "\.symtab|\.debug_"' - "$library"

  readelf -sW "$prefix/lib/libwxsub.a" 2>/dev/null |
    awk '($5 == "GLOBAL" || $5 == "WEAK") && $7 != "UND" && $8 != "" {print $8}' | LC_ALL=C sort -u >"$work/shown"
  same "the archive shows the header's functions only" "$work/declared" "$work/shown"
  check "the archive has its own SQLite" sh -c 'readelf -sW "$1" 2>/dev/null | grep -q "LOCAL .* sqlite3_step$"' \
    - "$prefix/lib/libwxsub.a"
  readelf -dW "$prefix/bin/wxsub" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$work/needed"
  # shellcheck disable=SC2086 # several words
  check "the program needs the system's libraries only" only "$work/needed" $allowed
  check "nothing of this machine" holds_nothing_of_ours "$library" "$prefix/lib/libwxsub.a" "$prefix/bin/wxsub" \
    "$dist/simulator/$target/wxsub-simulator"
}

# Windows' own since 10, and the C library that every Windows has.
windows_dlls="kernel32.dll ntdll.dll ws2_32.dll bcrypt.dll bcryptprimitives.dll advapi32.dll userenv.dll msvcrt.dll \
api-ms-win-core-synch-l1-2-0.dll crypt32.dll ncrypt.dll secur32.dll"

windows() {
  local library=$prefix/bin/wxsub.dll file
  need binutils-mingw-w64-x86-64:x86_64-w64-mingw32-objdump
  for file in "$library" "$prefix/bin/wxsub.exe" "$dist/simulator/$target/wxsub-simulator.exe"; do
    x86_64-w64-mingw32-objdump -p "$file" >"$work/headers"
    sed -n 's/^\tDLL Name: //p' "$work/headers" | tr '[:upper:]' '[:lower:]' | sort -u >"$work/needed"
    check "$(basename "$file") needs Windows' own DLLs only" only "$work/needed" $windows_dlls
    check "$(basename "$file"): any address, no executable data" \
      sh -c 'grep -q DYNAMIC_BASE "$1" && grep -q NX_COMPAT "$1" && grep -q HIGH_ENTROPY_VA "$1"' - "$work/headers"
  done
  x86_64-w64-mingw32-objdump -p "$library" >"$work/headers"
  sed -n 's/^\t\[ *[0-9]*\] \(+base\[ *[0-9]*\] \)\?[0-9a-f ]*\([A-Za-z_][A-Za-z0-9_]*\)$/\2/p' "$work/headers" |
    LC_ALL=C sort -u >"$work/exported"
  same "exports are the header's functions" "$work/declared" "$work/exported"
  sed -n 's/^ *\(wxsub_[a-z0-9_]*\)\r*$/\1/p' "$prefix/lib/wxsub.def" | LC_ALL=C sort -u >"$work/def"
  same "wxsub.def lists the header's functions" "$work/declared" "$work/def"
  for file in libwxsub.dll.a wxsub.lib; do
    x86_64-w64-mingw32-nm "$prefix/lib/$file" 2>/dev/null | sed -n 's/^.* T \(wxsub_[a-z0-9_]*\)$/\1/p' | LC_ALL=C sort -u \
      >"$work/imports"
    same "$file has the header's functions" "$work/declared" "$work/imports"
    check "$file names wxsub.dll" grep -aq 'wxsub\.dll' "$prefix/lib/$file"
  done
  check "stripped" sh -c '! x86_64-w64-mingw32-objdump -h "$1" | grep -q "\.debug_"' - "$library"
  check "nothing of this machine" holds_nothing_of_ours "$library" "$prefix/bin/wxsub.exe" \
    "$dist/simulator/$target/wxsub-simulator.exe"
}

size() {
  local library=$prefix/lib/libwxsub.so.$version bare
  bare=$dist/without-redis/libwxsub.so.$version
  [ -e "$bare" ] || bare=$library
  # docs/performance.md tells the goal, which is missed.
  echo "  $target: $(stat -c %s "$bare") bytes without Redis"
  check "at most 5.5 MiB without Redis" [ "$(stat -c %s "$bare")" -le $((11 << 19)) ]
  if [ "$bare" != "$library" ]; then
    echo "  $target: $(stat -c %s "$library") bytes with Redis, which adds $(($(stat -c %s "$library") - $(stat -c %s "$bare")))"
  fi
}

packed() {
  local name=wxsub-$version-$target file
  mkdir -p "$work/unpacked"
  case $target in
    *-windows-*) file=$dist/$name.zip && unzip -q "$file" -d "$work/unpacked" ;;
    *) file=$dist/$name.tar.gz && tar -xzf "$file" -C "$work/unpacked" ;;
  esac
  check "one folder in $(basename "$file")" [ "$(ls "$work/unpacked")" = "$name" ]
  check "$(basename "$file") is the prefix" diff -r --no-dereference "$prefix" "$work/unpacked/$name"
  check "its checksum" sh -c 'cd "$1" && grep " $2\$" SHA256SUMS | sha256sum -c --quiet -' - "$dist" "$(basename "$file")"
  check "licences of others" grep -q 'SQLite' "$prefix/share/doc/wxsub/THIRD-PARTY-LICENSES.txt"
  rm -rf "$work/unpacked"
}

[ $# -gt 0 ] || set -- "${all_targets[@]}"
for target in "$@"; do
  is_target "$target" || { echo "wxsub: $target is none of: ${all_targets[*]}" >&2; exit 2; }
  prefix=$(prefix_of "$target")
  [ -d "$prefix" ] || { echo "wxsub: no $prefix: scripts/dist.sh $target makes it" >&2; exit 1; }
  case $target in *-windows-*) windows ;; *) linux ;; esac
  if [ "$target" = x86_64-linux-gnu ]; then size; fi
  packed
done
echo "wxsub: files: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
