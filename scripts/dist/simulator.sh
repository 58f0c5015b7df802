# Sourced by the tests of dist/: a WeChat on loopback, of dist/simulator/, for as long as the script runs.

# start_simulator: sets `sim` to its address and exports what the test suites look at. `stop_simulator` ends it.
start_simulator() {
  local program=$PWD/dist/simulator/x86_64-linux-gnu/wxsub-simulator said
  [ -x "$program" ] || { echo "wxsub: no $program: scripts/dist.sh builds it" >&2; exit 1; }
  said=$(mktemp)
  "$program" >"$said" &
  simulator=$!
  for _ in $(seq 100); do
    sim=$(sed -n 's/^listening on \(http:[^ ]*\)$/\1/p' "$said")
    [ -z "$sim" ] || break
    sleep 0.1
  done
  rm -f "$said"
  [ -n "$sim" ] || { echo "wxsub: the simulator did not start" >&2; exit 1; }
  export WXSUB_SIM=$sim WXSUB_APPID=wx0000000000000000 WXSUB_SECRET=simulator-secret
  # For the suites that start one themselves.
  export WXSUB_SIMULATOR=$program
}

stop_simulator() {
  [ -z "${simulator:-}" ] || kill "$simulator" 2>/dev/null || true
  simulator=
}
