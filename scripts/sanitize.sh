#!/usr/bin/env bash
# The C programs under AddressSanitizer with UBSan and under valgrind, the concurrent tests under ThreadSanitizer.
# scripts/sanitize.sh [address] [valgrind] [thread]; all three by default. Half an hour and 6 GB for the first time; not
# part of the test command, which runs some of the C programs under valgrind.
#
# Debian or Ubuntu, x86_64. "address" needs a nightly compiler; "thread" takes Debian's newer compiler and its source,
# since std must be built with the sanitizer too and rustup may not be able to fetch it. WXSUB_SANITIZE_TARGET is where
# everything is built (default: target/sanitize).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
. scripts/compiler.sh

need_rust
build=${WXSUB_SANITIZE_TARGET:-$PWD/target/sanitize}
triple=x86_64-unknown-linux-gnu
results=()
failed=0
mkdir -p "$build"
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$scratch"' EXIT

need_clang() {
  need clang:clang llvm:llvm-symbolizer
  local runtime
  runtime=$(clang -print-file-name=libclang_rt.asan-x86_64.a)
  [ -e "$runtime" ] || need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev:no-program-of-that-name"
}

simulator() {
  cargo build --quiet -p wxsub-simulator --target-dir "$build/plain"
}

# Runs a program against a simulator of its own: run_program NAME LIBRARY_FOLDER COMMAND...
run_program() {
  local name=$1 library=$2 url="" status=0 simulator_pid
  shift 2
  local folder="$scratch/run"
  rm -rf "$folder"
  mkdir -p "$folder/files"
  : >"$folder/simulator"
  "$build/plain/debug/wxsub-simulator" >"$folder/simulator" &
  simulator_pid=$!
  for _ in $(seq 200); do
    url=$(sed -n 's/^listening on \(http:.*\)$/\1/p' "$folder/simulator")
    [ -n "$url" ] && break
    sleep 0.05
  done
  local start=$SECONDS
  WXSUB_SIM=$url WXSUB_APPID=wx0000000000000000 WXSUB_SECRET=simulator-secret WXSUB_TMP="$folder/files" \
    WXSUB_LIBRARY="$library/libwxsub.so" LD_LIBRARY_PATH="$library" \
    timeout 3600 "$@" >"$folder/output" 2>&1 || status=$?
  kill "$simulator_pid"
  wait "$simulator_pid" 2>/dev/null || true
  if [ "$status" -eq 0 ]; then
    echo "  $name: clean, $((SECONDS - start)) s"
  else
    failed=1
    echo "  $name: FAILED ($status)"
    tail -n 60 "$folder/output"
  fi
  return "$status"
}

# compile NAME LIBRARY_FOLDER COMPILER FLAG...
compile() {
  local name=$1 library=$2 compiler=$3
  shift 3
  local source=tests/hosts/c/$name.c own
  own=$(sed -n '1s|^// flags: ||p' "$source")
  # shellcheck disable=SC2086 # several flags
  "$compiler" $own -std=c99 -Wall -Wextra -Wpedantic -Werror -Wshadow -g "$@" -Iinclude "$source" -o "$scratch/$name" \
    -L"$library" -lwxsub -lpthread -Wl,-rpath,"$library"
}

programs() {
  basename -s .c -a tests/hosts/c/*.c
}

summary() { # NAME GOOD ALL
  results+=("$1: $2 of $3 clean")
}

# Rust, SQLite's and ring's C, and the programs, all instrumented; UBSan for the programs' own C.
address() {
  echo "wxsub: AddressSanitizer and UndefinedBehaviorSanitizer"
  need_clang
  if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "wxsub: this needs a nightly compiler: rustup toolchain install nightly" >&2
    failed=1
    return
  fi
  simulator
  CC=clang CFLAGS=-fsanitize=address RUSTFLAGS=-Zsanitizer=address \
    cargo +nightly build --quiet --lib --target "$triple" --target-dir "$build/address"
  local library=$build/address/$triple/debug name good=0 all=0
  export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  for name in $(programs); do
    all=$((all + 1))
    compile "$name" "$library" clang -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
    WXSUB_TOOL=address run_program "$name" "$library" "$scratch/$name" && good=$((good + 1))
  done
  unset ASAN_OPTIONS UBSAN_OPTIONS
  summary "AddressSanitizer and UBSan, C programs" "$good" "$all"
}

# All but those whose children, after a fork, hold what their parents had, which valgrind takes for leaks.
under_valgrind() {
  echo "wxsub: valgrind"
  need valgrind:valgrind build-essential:cc
  simulator
  cargo build --quiet --lib --target-dir "$build/plain"
  local library=$build/plain/debug name good=0 all=0
  for name in $(programs); do
    case $name in fork | processes) continue ;; esac
    all=$((all + 1))
    compile "$name" "$library" cc
    WXSUB_TOOL=valgrind run_program "$name" "$library" \
      valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
      --fair-sched=yes --max-threads=4000 --num-callers=40 "$scratch/$name" && good=$((good + 1))
  done
  summary "valgrind, C programs" "$good" "$all"
}

# The tests whose threads share a client, and the C programs, with std instrumented too. SQLite's C is not: its readers
# of the WAL index race with the writer by design.
thread() {
  echo "wxsub: ThreadSanitizer"
  need_clang
  debian_rust "$build/debian-rust"
  # The sanitizer's runtime is not in Debian's package.
  cp "$(rustc --print target-libdir)"/librustc-*_rt.tsan.a \
    "$build/debian-rust/usr/lib/rustlib/$triple/lib/librustc-stable_rt.tsan.a"
  simulator
  export TSAN_OPTIONS="second_deadlock_stack=1 die_after_fork=0 suppressions=$PWD/scripts/thread.supp"
  local run=(env RUSTC="$build/debian-rust/rustc" RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread
    cargo test --quiet -Zbuild-std --target "$triple" --target-dir "$build/thread")
  local good=0
  # Everything with threads of its own in the unit tests; the pure rooms have none.
  "${run[@]}" --lib -- --test-threads=2 client:: store:: log:: token:: ffi:: worker:: && good=$((good + 1)) || failed=1
  "${run[@]}" --test it -- --test-threads=1 holds:: && good=$((good + 1)) || failed=1
  "${run[@]}" --test it -- --test-threads=1 token:: && good=$((good + 1)) || failed=1
  summary "ThreadSanitizer, Rust tests" "$good" 3

  # clang's own runtime may be too old for the library, so the programs get the one that came with the Rust compiler.
  local library=$build/thread/$triple/debug/deps name all=0 runtime
  runtime=$(echo "$build"/debian-rust/usr/lib/rustlib/$triple/lib/librustc-*_rt.tsan.a)
  good=0
  for name in $(programs); do
    all=$((all + 1))
    compile "$name" "$library" clang -fsanitize=thread -fno-sanitize-link-runtime -Wl,--whole-archive "$runtime" \
      -Wl,--no-whole-archive -Wl,--export-dynamic -lm -ldl -lrt
    WXSUB_TOOL=thread run_program "$name" "$library" "$scratch/$name" && good=$((good + 1))
  done
  unset TSAN_OPTIONS
  summary "ThreadSanitizer, C programs" "$good" "$all"
}

[ $# -gt 0 ] || set -- address valgrind thread
for what in "$@"; do
  case $what in
    address) address ;;
    valgrind) under_valgrind ;;
    thread) thread ;;
    *)
      echo "usage: scripts/sanitize.sh [address] [valgrind] [thread]" >&2
      exit 2
      ;;
  esac
done
printf 'wxsub: %s\n' "${results[@]}"
exit $failed
