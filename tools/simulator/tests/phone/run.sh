#!/usr/bin/env bash
# The phone in headless Chromium. Needs Node 18 or newer with npm, Chromium, what scripts/server.sh needs for the example
# servers, and the simulator program with the library beside it:
#
#   tests/phone/run.sh PROGRAM [FILE.test.mjs...]       e.g. ../../target/debug/wxsub-simulator
#
# Environment:
#   WXSUB_SHOTS      keep the screenshots in this folder
#   WXSUB_CHROMIUM   default /usr/bin/chromium
set -euo pipefail
WXSUB_SIMULATOR=$(realpath "${1:?usage: run.sh PROGRAM, the simulator}")
export WXSUB_SIMULATOR
shift
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
for kind in python cpp; do
  ../../../../scripts/server.sh "$kind" "$(dirname "$WXSUB_SIMULATOR")" --prepare
done
[ $# -gt 0 ] || set -- *.test.mjs
# One browser at a time.
for file in "$@"; do
  node --test "$file"
done
