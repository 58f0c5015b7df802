#!/usr/bin/env bash
# The ledger's rules in a world by seed: processes that crash, answers that are lost, clocks that jump, and a WeChat that
# delays, refuses and pushes late (src/ledger/tests/world). Fresh seeds for so long (of CPU), or one seed again, told step by step.
# A seed that fails is shrunk; the last line of what it says is a test.
#
#   scripts/world.sh [SECONDS]      60 by default
#   scripts/world.sh --seed N
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --seed ]; then
  export WXSUB_WORLD_SEED=$2
else
  export WXSUB_WORLD_SECONDS=${1:-60}
fi
exec cargo test --quiet --profile world --features schedules --lib ledger::tests::world::history::every -- --nocapture
