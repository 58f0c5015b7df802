# Sourced by the other scripts of this folder: what we build for, and where the builds lie.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
all_targets=(x86_64-linux-gnu aarch64-linux-gnu x86_64-linux-musl x86_64-windows-gnu)

target_folder=${CARGO_TARGET_DIR:-target}
case $target_folder in /*) ;; *) target_folder=$root/$target_folder ;; esac
# Cargo's folders, one a target, and what was unpacked to build with.
build=$target_folder/dist
tools=$build/tools
# What users get.
dist=$root/dist

is_target() {
  case " ${all_targets[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

triple_of() { # Rust's name for a target
  case $1 in
    x86_64-linux-gnu) echo x86_64-unknown-linux-gnu ;;
    aarch64-linux-gnu) echo aarch64-unknown-linux-gnu ;;
    x86_64-linux-musl) echo x86_64-unknown-linux-musl ;;
    x86_64-windows-gnu) echo x86_64-pc-windows-gnu ;;
    *) echo "wxsub: $1 is none of: ${all_targets[*]}" >&2; return 1 ;;
  esac
}

prefix_of() { echo "$dist/prefix/wxsub-$version-$1"; }

# What cargo made for a target, before it is laid out: built_FILE TARGET
built_folder() { echo "$build/$1/$(triple_of "$1")/release"; }
built_library() {
  case $1 in *-windows-*) echo "$(built_folder "$1")/wxsub.dll" ;; *) echo "$(built_folder "$1")/libwxsub.so" ;; esac
}
program_ending() { case $1 in *-windows-*) echo .exe ;; esac; }
