# Sourced by the scripts for Python, C# and Unity: what they share.

# Where cargo builds; tools lie there, too.
target_folder=${CARGO_TARGET_DIR:-target}
case $target_folder in /*) ;; *) target_folder=$PWD/$target_folder ;; esac

# tools PACKAGE…: sets `python` to an interpreter that has these packages, in a virtual environment that is made once.
tools() {
  need python3:python3
  python3 -c 'import ensurepip' 2>/dev/null || need python3-venv:no-such-program
  local folder=$target_folder/dist-tools
  python=$folder/bin/python
  "$python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$folder"
  "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

# version: that of the release, from Cargo.toml.
version() {
  sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1
}

# has_native: whether dist/ has what runs on this machine; says so if not.
has_native() {
  [ -e "dist/prefix/wxsub-$(version)-x86_64-linux-gnu/lib/libwxsub.so" ] && return
  echo "wxsub: there is no x86_64-linux-gnu in dist/: nothing is run"
  return 1
}
