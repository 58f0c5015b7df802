#!/usr/bin/env bash
# One whole round, without a WeChat account: builds the library and the simulator, and runs the C++ example against it. Then
# it can be played from a player's phone, in a browser, with the Python example server:
#
#   scripts/demo.sh             # the phone too, where this is a terminal on a desktop
#   scripts/demo.sh --phone     # the phone in any case: its address is printed, Ctrl-C ends it
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

phone=
case "${1:-}" in
  --phone) phone=1 ;;
  "") if [ -t 0 ] && [ -t 1 ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then phone=1; fi ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

need_rust
need build-essential:g++ curl:curl
echo "wxsub: building the library and the WeChat simulator (a few minutes the first time)"
cargo build --quiet --lib
cargo build --quiet -p wxsub-simulator

work=$(mktemp -d)
simulator= server=
end() {
  local process
  for process in $server $simulator; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

listening() { # FILE: the address that a program printed first
  local url _
  for _ in $(seq 300); do
    url=$(sed -n 's/^listening on \(http:[^ ]*\)$/\1/p' "$1")
    if [ -n "$url" ]; then echo "$url"; return; fi
    sleep 0.1
  done
  echo "wxsub: no answer from what should write $1" >&2
  return 1
}

echo "wxsub: compiling examples/cpp/main.cpp"
target=$PWD/${CARGO_TARGET_DIR:-target}/debug
case "${CARGO_TARGET_DIR:-}" in /*) target=$CARGO_TARGET_DIR/debug ;; esac
g++ -std=c++11 -Iinclude examples/cpp/main.cpp -o "$work/example" -L"$target" -lwxsub -Wl,-rpath,"$target"

"$target/wxsub-simulator" >"$work/simulator.log" &
simulator=$!
url=$(listening "$work/simulator.log")
echo "wxsub: the simulator listens on $url"
curl -fsS "$url/sim/grant" -d '{"openid":"o-player","template_id":"sim-activity"}' >/dev/null

echo
WXSUB_SECRET=simulator-secret "$work/example" --api-base "$url" --appid wx0000000000000000 \
  --openid o-player --template-id sim-activity --store "$work/wxsub.db"

echo
echo "What the simulated WeChat delivered to the player's phone:"
curl -fsS "$url/sim/deliveries"
echo
[ -n "$phone" ] || exit 0

echo
echo "wxsub: starting the game's server, examples/python/server.py"
scripts/server.sh python "$target" --prepare
WXSUB_SECRET=simulator-secret scripts/server.sh python "$target" --appid wx0000000000000000 --api-base "$url" \
  --store "$work/game.db" --port 0 >"$work/server.log" &
server=$!
game=$(listening "$work/server.log")
address="$url/phone?server=$game"
echo
echo "  The phone:  $address"
echo
echo "  Tap \"体力满了提醒我\" (\"Tell me when it is full\"), allow, and pick fruit until the stamina is used up: the message comes"
echo "  three seconds later. Ctrl-C ends it. What the game's server says:"
echo
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
  xdg-open "$address" >/dev/null 2>&1 &
fi
tail -n +2 -f --pid "$server" "$work/server.log" &
wait "$server"
