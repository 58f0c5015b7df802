#!/usr/bin/env bash
# Fuzzes the C functions, each target of fuzz/ for so many seconds (default 60): scripts/fuzz.sh [SECONDS [TARGET ...]].
# Needs a nightly compiler; installs cargo-fuzz. What it learns stays in fuzz/corpus, what it finds in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_rust
need build-essential:g++
if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "wxsub: fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2
  exit 1
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz

seconds=${1:-60}
shift $(($# > 0))
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(config message answers ask admin event calls wechat redis record)

failed=0
for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target"
  # LeakSanitizer finds a thread by its number. Once the kernel gives the numbers of ended threads to new ones, it does
  # not see what those hold and takes it for leaks; these targets get there within minutes, with their threads for every
  # client. libFuzzer's option alone leaves the check at the exit. tests/hosts/c/rounds.c watches for leaks over thousands of
  # clients.
  leaks=1
  case $target in wechat | calls | config | redis) leaks=0 ;; esac
  log=$(mktemp)
  echo "wxsub: fuzzing $target for $seconds s"
  if ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=$leaks" \
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=25 -max_len=2048 -detect_leaks="$leaks" \
    -print_final_stats=1 -verbosity=1 >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    places=$(sed -n 's/^#[0-9]*[[:space:]]*DONE *cov: \([0-9]*\).*/\1/p' "$log")
    echo "  $runs runs, $places places reached, nothing found"
  else
    failed=1
    tail -n 60 "$log"
  fi
  rm -f "$log"
done
exit $failed
