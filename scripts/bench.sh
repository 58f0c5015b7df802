#!/usr/bin/env bash
# Benchmarks, before and after: builds this tree's benchmarks against an older checkout of the library too, and lets both
# take turns, so that other load on the machine affects both alike.
#   scripts/bench.sh [--before DIR] [--turns N] BENCHMARK [OPTION ...]      as in: scripts/bench.sh --before ../old send --threads 8,64
# Without --before only this tree is measured. A tree that has other names for the simulator's folder keeps them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

usage() { sed -n '4s/^# *//p' "$0" >&2; exit 2; }
before= turns=1
while [ $# -gt 0 ]; do
  case $1 in
    --before) before=$(cd "${2:?}" && pwd); shift 2 ;;
    --turns) turns=${2:?}; shift 2 ;;
    -*) usage ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || usage
bench=$1
shift
need_rust
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)

program() { # FOLDER: builds the benchmark there and tells its path
  (cd "$1" && cargo bench --quiet --bench "$bench" --no-run --message-format json --target-dir "$target") |
    sed -n "s/.*\"name\":\"$bench\".*\"executable\":\"\([^\"]*\)\".*/\1/p" | tail -n 1
}

# The older library with today's benchmarks: its tree but for what git ignores, our benches/, and our list of them.
old_tree() { # FOLDER
  local tree=$target/bench-before
  rm -rf "$tree"
  mkdir -p "$tree"
  (cd "$1" && git ls-files -z | xargs -0 tar -c) | tar -x -C "$tree"
  rm -rf "$tree/benches"
  cp -r benches "$tree/benches"
  awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^(#.*\n)*\[\[bench\]\]/' "$tree/Cargo.toml" >"$tree/Cargo.toml.new"
  awk 'BEGIN { RS = ""; ORS = "\n\n" } /\[\[bench\]\]/' Cargo.toml >>"$tree/Cargo.toml.new"
  mv "$tree/Cargo.toml.new" "$tree/Cargo.toml"
  echo "$tree"
}

after_program=$(program .)
[ -z "$before" ] || before_program=$(program "$(old_tree "$before")")
for ((turn = 1; turn <= turns; turn++)); do
  if [ -n "$before" ]; then
    echo "== before: $bench $*"
    "$before_program" "$@"
  fi
  echo "== now: $bench $*"
  "$after_program" "$@"
done
