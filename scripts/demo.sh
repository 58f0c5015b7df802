#!/usr/bin/env bash
# One whole round, without a WeChat account: builds the library and the simulator, and runs the C++ example against it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_rust
need build-essential:g++ curl:curl
echo "wxsub: building the library and the WeChat simulator (a few minutes the first time)"
cargo build --quiet --lib
cargo build --quiet -p wxsub-simulator

work=$(mktemp -d)
simulator=
trap 'test -z "$simulator" || kill "$simulator" 2>/dev/null; rm -rf "$work"' EXIT

echo "wxsub: compiling examples/cpp/main.cpp"
target=$PWD/${CARGO_TARGET_DIR:-target}/debug
case "${CARGO_TARGET_DIR:-}" in /*) target=$CARGO_TARGET_DIR/debug ;; esac
g++ -std=c++11 -Iinclude examples/cpp/main.cpp -o "$work/example" -L"$target" -lwxsub -Wl,-rpath,"$target"

"$target/wxsub-simulator" >"$work/simulator.log" &
simulator=$!
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on \(http:[^ ]*\)$/\1/p' "$work/simulator.log")
  test -n "$url" && break
  sleep 0.1
done
test -n "${url:-}" || { echo "wxsub: the simulator did not start" >&2; exit 1; }
echo "wxsub: the simulator listens on $url"
curl -fsS "$url/sim/grant" -d '{"openid":"o-player","template_id":"sim-activity"}' >/dev/null

echo
WXSUB_SECRET=simulator-secret "$work/example" --api-base "$url" --appid wx0000000000000000 \
  --openid o-player --template-id sim-activity --store "$work/wxsub.db"

echo
echo "What the simulated WeChat delivered to the player's phone:"
curl -fsS "$url/sim/deliveries"
echo
