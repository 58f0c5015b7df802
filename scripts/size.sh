#!/usr/bin/env bash
# What the Redis store adds to the shared library: builds it for release with and without it, and tells the sizes.
# scripts/size.sh; a few minutes the first time. Builds below target/size, so that target/release stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_rust
need build-essential:cc
folder=${CARGO_TARGET_DIR:-target}/size
size_of() { # CARGO_FEATURE_FLAG...
  cargo build --quiet --release --lib --target-dir "$folder" "$@"
  stat -c %s "$folder/release/libwxsub.so"
}
with=$(size_of)
without=$(size_of --no-default-features)
echo "libwxsub.so with Redis:    $with bytes"
echo "libwxsub.so without Redis: $without bytes"
echo "Redis adds:                $((with - without)) bytes"
