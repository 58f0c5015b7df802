#!/usr/bin/env bash
# scripts/dist/library.sh TARGET [CARGO_FEATURE_FLAG...]: cross-builds the library, the operator's program and the
# simulator for one target.
#
# Linux: cargo-zigbuild, whose linker knows the symbols of old glibcs (2.17: CentOS 7) and of musl. Windows: MinGW. Where
# rustup's own standard library is not for the target, Debian's newer compiler builds one from its source.
set -euo pipefail
. "$(dirname "$0")/targets.sh"
. "$root/scripts/packages.sh"
. "$root/scripts/compiler.sh"
. "$root/scripts/dist/zig.sh"

[ $# -ge 1 ] && is_target "$1" || { echo "usage: scripts/dist/library.sh TARGET [FLAG...], of: ${all_targets[*]}" >&2; exit 2; }
target=$1
shift
triple=$(triple_of "$target")
need_rust
mkdir -p "$tools"

own_std() {
  debian_rust "$tools/rust"
  export RUSTC=$tools/rust/rustc RUSTC_BOOTSTRAP=1
  with+=(-Zbuild-std=std,panic_unwind)
  flags+=" --remap-path-prefix=$tools/rust/usr/lib/rustlib/src/rust=/rust"
}

# No path of this machine in what we ship.
flags="--remap-path-prefix=$root=/wxsub --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=/crates"
with=()
need build-essential:cc
case $target in
  x86_64-linux-gnu)
    need_zig
    command=zigbuild triple=$triple.2.17
    ;;
  aarch64-linux-gnu)
    need_zig
    own_std
    command=zigbuild triple=$triple.2.17
    # Some machines set a linker of their own, which knows nothing of old glibcs.
    unset CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER
    ;;
  x86_64-linux-musl)
    need_zig
    own_std
    command=zigbuild
    # A shared library needs musl's shared libc.
    flags+=" -Ctarget-feature=-crt-static"
    ;;
  x86_64-windows-gnu)
    need gcc-mingw-w64-x86-64-posix:x86_64-w64-mingw32-gcc-posix
    own_std
    command=build
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-posix
    ;;
esac

cd "$root" # .cargo/config.toml says how SQLite is built
# Not together: cargo would give the library the features that the simulator's dependencies want.
for what in "-p wxsub --lib $*" "-p wxsub-simulator --bins" "-p wxsub-cli --bins"; do
  # shellcheck disable=SC2086 # several words
  RUSTFLAGS="$flags" CARGO_TARGET_DIR=$build/$target \
    nice cargo "$command" --release --locked --target "$triple" "${with[@]}" $what
done
