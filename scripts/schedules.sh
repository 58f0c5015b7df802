#!/usr/bin/env bash
# What waits, under a checker that chooses which thread goes on: a wake-up that is lost is a deadlock there (src/sync.rs).
# WXSUB_SCHEDULES=N makes it N times as many orders.
set -euo pipefail
cd "$(dirname "$0")/.."

exec cargo test --quiet --profile world --features schedules --lib -- --nocapture schedules:: sync::
