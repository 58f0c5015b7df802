#!/usr/bin/env bash
# Tests what scripts/dist.sh made, from dist/ and not from the build: the files themselves, C and C++ programs where they
# will run (here, under qemu, with musl's loader, under Wine), the archive beside other SQLites, an empty machine, and the
# packages of other languages. Installs what it needs (as root, or with sudo).
#
#   scripts/dist-test.sh             # all targets
#   scripts/dist-test.sh TARGET…     # these only
set -euo pipefail
. "$(dirname "$0")/dist/targets.sh"
cd "$root"
. scripts/packages.sh
. scripts/dist/host.sh

targets=("$@")
[ $# -gt 0 ] || targets=("${all_targets[@]}")
for target in "${targets[@]}"; do triple_of "$target" >/dev/null; done
has_native=0
if [[ " ${targets[*]} " = *" x86_64-linux-gnu "* ]]; then has_native=1; fi

scratch=$(mktemp -d)
target=none
trap 'end_host; rm -rf "$scratch"' EXIT
results=() failed=0
part() { # WHAT COMMAND...
  local what=$1 start=$SECONDS
  shift
  echo "wxsub: $what"
  if "$@"; then
    results+=("passed: $what, $((SECONDS - start)) s")
  else
    results+=("FAILED: $what")
    failed=$((failed + 1))
  fi
}

part "files" scripts/dist/test-files.sh "${targets[@]}"
for name in "${targets[@]}"; do
  part "$name: C programs" scripts/dist/test-programs.sh "$name"
  # Its programs get the target's own simulator, too.
  host "$name" "$scratch/$name"
  part "$name: CMake and pkg-config" env -u WXSUB_TOOL packaging/prefix/test.sh "$prefix" "$simulator"
  end_host
done
if [ "$has_native" = 1 ]; then
  part "SQLites side by side" scripts/dist/test-archive.sh
  part "an empty machine" scripts/dist/test-empty.sh
  part "Conan" packaging/conan/test.sh
fi
# Packages of other languages: those that dist.sh made.
for package in python nuget unity; do
  part "$package" "packaging/$package/test.sh"
done

printf 'wxsub: %s\n' "${results[@]}"
echo "$((${#results[@]} - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
