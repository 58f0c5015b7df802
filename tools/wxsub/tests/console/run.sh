#!/usr/bin/env bash
# The operator's console in headless Chromium, beside a game server in Python. Needs Node 18 or newer with npm, Chromium,
# Python 3, the program, and the library for Python (WXSUB_LIBRARY):
#
#   tests/console/run.sh PROGRAM       e.g. ../../target/debug/wxsub
#
# Environment:
#   WXSUB_SHOTS      keep the screenshots in this folder
#   WXSUB_CHROMIUM   default /usr/bin/chromium
set -euo pipefail
WXSUB_PROGRAM=$(realpath "${1:?usage: run.sh PROGRAM, the one for operators}")
export WXSUB_PROGRAM WXSUB_LIBRARY=${WXSUB_LIBRARY:-$(dirname "$WXSUB_PROGRAM")/libwxsub.so}
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
# One browser at a time.
for file in *.test.mjs; do
  node --test "$file"
done
