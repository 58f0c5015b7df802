#!/usr/bin/env bash
# Tests the game client's kit: behaviour, kills, build, size and types. Installs its development packages with npm ci.
# Needs Node 18 or newer with npm.
set -euo pipefail
cd "$(dirname "$0")"

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock
fi
node --test test/*.test.mjs
npx --no-install tsc -p test/types
echo "wxsub-client: types hold"
