#!/usr/bin/env bash
# scripts/dist/test-archive.sh: the static archive of x86_64-linux-gnu, and the shared library, in a host with a SQLite of
# its own (Debian's): each keeps its own, in every order of linking.
set -euo pipefail
. "$(dirname "$0")/targets.sh"
. "$root/scripts/packages.sh"
need build-essential:cc
theirs=/usr/lib/x86_64-linux-gnu/libsqlite3.a
[ -e "$theirs" ] || need libsqlite3-dev:no-such-program

prefix=$(prefix_of x86_64-linux-gnu)
ours=$prefix/lib/libwxsub.a
[ -e "$ours" ] || { echo "wxsub: no $ours: scripts/dist.sh x86_64-linux-gnu makes it" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -std=c99 -Wall -Wextra -Werror "-I$prefix/include" -c "$root/tests/hosts/dist/foreign_sqlite.c" -o "$work/host.o"

passed=0 failed=0
order() { # WHAT WORD...
  local what=$1
  shift
  rm -rf "$work/files"
  mkdir "$work/files"
  if gcc "$@" -lpthread -ldl -lm -o "$work/host" >"$work/said" 2>&1 &&
    WXSUB_TMP=$work/files LD_LIBRARY_PATH=$prefix/lib "$work/host" >"$work/said" 2>&1; then
    passed=$((passed + 1))
    echo "  $what: $(head -n 1 "$work/said")"
  else
    failed=$((failed + 1))
    echo "  $what: FAILED" >&2
    tail -n 20 "$work/said" >&2
  fi
}

host=$work/host.o object=$work/sqlite3.o
ld -r --whole-archive "$theirs" -o "$object"
order "their archive, ours" "$host" "$theirs" "$ours"
order "our archive, theirs" "$host" "$ours" "$theirs"
order "their archive, ours, the host last" "$theirs" "$ours" "$host" "$theirs" "$ours"
order "their object, our archive" "$host" "$object" "$ours"
order "our archive, their object" "$host" "$ours" "$object"
order "their object, our archive, the host last" "$object" "$ours" "$host" "$ours"
order "their shared library, our archive" "$host" -lsqlite3 "$ours"
order "our archive, their shared library" "$host" "$ours" -lsqlite3
order "all of both, theirs first" "$host" -Wl,--whole-archive "$theirs" "$ours" -Wl,--no-whole-archive
order "all of both, ours first" "$host" -Wl,--whole-archive "$ours" "$theirs" -Wl,--no-whole-archive
order "a group of both" "$host" -Wl,--start-group "$ours" "$theirs" -Wl,--end-group
order "their archive, ours, all exported" -rdynamic "$host" "$theirs" "$ours"
order "our shared library, their archive" "$host" "-L$prefix/lib" -l:libwxsub.so "$theirs"
order "our shared library, their object, all exported" -rdynamic "$host" "-L$prefix/lib" -l:libwxsub.so "$object"
order "our shared library, theirs" "$host" "-L$prefix/lib" -l:libwxsub.so -lsqlite3
order "their shared library, ours" "$host" -lsqlite3 "-L$prefix/lib" -l:libwxsub.so
echo "wxsub: SQLites side by side: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
