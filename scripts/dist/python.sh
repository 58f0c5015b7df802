# Sourced by wheels.sh and test-wheels.sh: a virtual environment with the tools, made once, below target/.

# tools PACKAGE…: sets `python` to an interpreter that has these packages.
tools() {
  need python3:python3
  python3 -c 'import ensurepip' 2>/dev/null || need python3-venv:no-such-program
  local folder=$PWD/target/dist-tools
  python=$folder/bin/python
  "$python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$folder"
  "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

# version: that of the release, from Cargo.toml.
version() {
  sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1
}
