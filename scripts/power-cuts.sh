#!/usr/bin/env bash
# What is promised through N power cuts: a process is recorded while it makes promises, and the tests look at what a disk
# may hold after a cut. 10000 take some twenty minutes. Needs Linux and cc. A failure tells its seed: WXSUB_POWER_SEED=SEED.
#
#   scripts/power-cuts.sh [N]
set -euo pipefail
cd "$(dirname "$0")/.."

export WXSUB_POWER_CUTS=${1:-10000}
cargo test --test it power:: -- --nocapture --test-threads=2
