#!/usr/bin/env bash
# Runs an example server of a game, after installing below target/ what it needs:
#
#   scripts/server.sh python|cpp LIBRARY_FOLDER [ARGUMENT...]    # LIBRARY_FOLDER holds libwxsub.so: target/debug
#
# The arguments are the server's own; the secret is in WXSUB_SECRET. --prepare in their place only installs and compiles.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/packages.sh"
[ $# -ge 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kind=$1 library=$(cd "$2" && pwd)
shift 2
made=${CARGO_TARGET_DIR:-$root/target}/servers
mkdir -p "$made"

case $kind in
  python)
    requirements=$root/examples/python/requirements.txt
    if ! cmp -s "$requirements" "$made/python/requirements.txt"; then
      need python3:python3
      python3 -c 'import ensurepip' 2>/dev/null || need python3-venv:no-such-program
      rm -rf "$made/python"
      python3 -m venv "$made/python"
      "$made/python/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
      cp "$requirements" "$made/python/"
    fi
    export PYTHONPATH=$root/bindings/python WXSUB_LIBRARY=$library/libwxsub.so PYTHONDONTWRITEBYTECODE=1
    command=("$made/python/bin/python" "$root/examples/python/server.py")
    ;;
  cpp)
    need build-essential:g++
    [ -e /usr/include/httplib.h ] || need libcpp-httplib-dev:no-such-program
    [ -e /usr/include/nlohmann/json.hpp ] || need nlohmann-json3-dev:no-such-program
    program=$made/cpp-server
    for source in "$root"/examples/cpp/{server.cpp,game.hpp} "$root"/include/wxsub.h{,pp}; do
      [ "$program" -nt "$source" ] || rm -f "$program"
    done
    if [ ! -e "$program" ]; then
      g++ -std=c++17 -I"$root/include" "$root/examples/cpp/server.cpp" -o "$program" -L"$library" -lwxsub -lcpp-httplib -lpthread
    fi
    export LD_LIBRARY_PATH=$library
    command=("$program")
    ;;
  *) echo "wxsub: there is no example server in $kind" >&2; exit 2 ;;
esac
[ "${1:-}" != --prepare ] || exit 0
exec "${command[@]}" "$@"
