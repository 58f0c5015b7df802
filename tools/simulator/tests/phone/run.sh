#!/usr/bin/env bash
# The phone in headless Chromium. Needs Node 18 or newer with npm, Chromium, and the simulator program:
#
#   tests/phone/run.sh PROGRAM       e.g. ../../target/debug/wxsub-simulator
#
# Environment:
#   WXSUB_SHOTS      keep the screenshots in this folder
#   WXSUB_CHROMIUM   default /usr/bin/chromium
set -euo pipefail
WXSUB_SIMULATOR=$(realpath "${1:?usage: run.sh PROGRAM, the simulator}")
export WXSUB_SIMULATOR
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
# One browser at a time.
for file in *.test.mjs; do
  node --test "$file"
done
