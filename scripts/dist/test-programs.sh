#!/usr/bin/env bash
# scripts/dist/test-programs.sh TARGET [NAME...]: the programs of tests/hosts/dist and tests/hosts/c, compiled for the
# target against its prefix in dist/, each against the target's own simulator: here, under qemu or Wine, with musl's loader.
# NAMEs are some of tests/hosts/c; all that the target can run by default.
set -euo pipefail
. "$(dirname "$0")/targets.sh"
. "$root/scripts/packages.sh"
. "$root/scripts/dist/host.sh"

[ $# -ge 1 ] && is_target "$1" || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
scratch=$(mktemp -d)
target=$1
trap 'end_host; rm -rf "$scratch"' EXIT
shift
host "$target" "$scratch"
cd "$root"
passed=0 failed=0

told() { # NAME STATUS: and what it said is in $work/said
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
    echo "  $target: $1: $(tail -n 1 "$work/said" | tr -d '\r')"
  else
    failed=$((failed + 1))
    echo "  $target: $1: FAILED ($2)" >&2
    tail -n 40 "$work/said" >&2
  fi
}

restart() {
  local status=0
  compile_c tests/hosts/dist/restart.c restart
  start_simulator
  run_program restart before >"$work/said" 2>&1 || status=$?
  # Killed by itself, not failed: 128 + SIGKILL, of which Windows keeps a byte.
  if [ "$status" -ne 137 ]; then told "restart before" 1; return; fi
  status=0
  run_program restart after >"$work/said" 2>&1 || status=$?
  told "init, report, send, submit, poll, killed, restarted, https" "$status"
}

share() {
  local status=0 number pids=()
  for number in 1 2 3; do
    run_program restart share >"$work/said.$number" 2>&1 &
    pids+=($!)
  done
  for number in 1 2 3; do
    wait "${pids[number - 1]}" || { status=1; cp "$work/said.$number" "$work/said"; }
  done
  if [ "$status" -eq 0 ]; then run_program restart shared 3 >"$work/said" 2>&1 || status=$?; fi
  told "three processes on one store" "$status"
}

# A host of each version's header.
old_host() {
  local status version
  for version in 1 2; do
    status=0
    compile_c "tests/contract/abi/host-v$version.c" "host-v$version"
    start_simulator
    run_program "host-v$version" >"$work/said" 2>&1 || status=$?
    told "a host of version $version" "$status"
  done
}

# Microsoft's linker is not to be had here; GNU's reads its import libraries, too.
import_library() {
  local status=0 libs=("$prefix/lib/wxsub.lib" -static -lpthread -lws2_32)
  compile_c tests/hosts/c/layout.c layout
  run_program layout >"$work/said" 2>&1 || status=$?
  told "linked with wxsub.lib" "$status"
}

# The clock counts on an idle machine only, so it is the best of many that must keep to the limit, and the median is told.
unload() {
  local status=0 round
  compile_c tests/hosts/dist/unload.c unload -Wno-pedantic
  case $target in
    *-windows-*) WXSUB_LIBRARY=$(seen_path "$work/programs/wxsub.dll") ;;
    *) WXSUB_LIBRARY=$prefix/lib/libwxsub.so ;;
  esac
  export WXSUB_LIBRARY WXSUB_STORE
  WXSUB_STORE=$(seen_path "$work/files/restart.db")
  [ -e "$work/files/restart.db" ] || { echo "no store" >"$work/said"; told "unload" 1; return; }
  : >"$work/times"
  for round in $(seq 15); do
    run_program unload >"$work/said" 2>&1 || status=$?
    cat "$work/said" >>"$work/times"
  done
  if [ "$status" -eq 0 ]; then
    tr -d '\r' <"$work/times" | sed -n 's/^load_ms \([0-9.]*\) init_ms \([0-9.]*\)$/\1 \2/p' |
      awk '{print $1 + $2, $1, $2}' | sort -n >"$work/sorted"
    awk '{all[NR] = $0} END {
      split(all[1], best); split(all[int((NR + 1) / 2)], middle)
      printf "loading and wxsub_init on an existing store: median %.1f ms (%.1f + %.1f), best %.1f ms of %d\n",
        middle[1], middle[2], middle[3], best[1], NR
      exit !(NR == 15 && best[1] < limit) }' limit="$([ -z "$EMULATOR" ] && echo 10 || echo 1000)" \
      "$work/sorted" >"$work/said" || status=1
  fi
  told "unload" "$status"
}

# Those that the target can run. `panics` needs a debug build, whose bugs are planted.
programs() {
  local source
  for source in tests/hosts/c/*.c; do
    case $source in */panics.c) continue ;; esac
    if [ "$ending" = .exe ]; then
      # All about fork, signals, or Linux' /proc.
      case $source in */fork.c | */processes.c | */quiet.c | */rounds.c | */unload.c) continue ;; esac
    fi
    # It executes itself, which qemu can do only where the kernel knows of it. Other programs fork under qemu, too.
    if [ "$target" = aarch64-linux-gnu ] && [ "$source" = tests/hosts/c/fork.c ]; then continue; fi
    # mallinfo2 is glibc's.
    if [ "$target" = x86_64-linux-musl ] && grep -q 'mallinfo' "$source"; then continue; fi
    basename -s .c "$source"
  done
}

if [ $# -eq 0 ]; then
  restart
  share
  if [ "$ending" = .exe ]; then import_library; fi
  unload
  old_host
  # shellcheck disable=SC2046 # several words
  set -- $(programs)
fi
for name in "$@"; do
  status=0
  compile_c "tests/hosts/c/$name.c" "$name"
  start_simulator
  export WXSUB_LIBRARY=$prefix/lib/libwxsub.so
  run_program "$name" >"$work/said" 2>&1 || status=$?
  told "$name" "$status"
done
echo "wxsub: $target: programs: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
