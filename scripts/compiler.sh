# Sourced by the other scripts: `debian_rust FOLDER` unpacks Debian's newer compiler there, not installed, with its own
# source: std is built from it for targets (or with sanitizers) that rustup may not be able to fetch. FOLDER/rustc runs it.

debian_rust() {
  local root=$1 packages archive
  [ -x "$root/rustc" ] && return
  # A machine that never asked Debian has no list of packages to download from.
  apt-cache show rustc-web >/dev/null 2>&1 || as_root apt-get update -qq
  packages=(rustc-web rust-web-src libstd-rust-web-dev)
  packages+=($(apt-cache depends rustc-web libstd-rust-web-dev |
    sed -n 's/^ *Depends: \(libstd-rust-web-[0-9].*\)$/\1/p' | sort -u))
  packages+=($(apt-cache depends "${packages[@]}" | sed -n 's/^ *Depends: \(libllvm[0-9]*\)$/\1/p' | sort -u))
  echo "wxsub: unpacking Debian's newer Rust compiler: ${packages[*]}"
  rm -rf "$root"
  mkdir -p "$root/packages"
  (cd "$root/packages" && apt-get download -qq "${packages[@]}")
  for archive in "$root"/packages/*.deb; do dpkg-deb -x "$archive" "$root"; done
  rm -r "$root/packages"
  cat >"$root/rustc" <<END
#!/bin/sh
export LD_LIBRARY_PATH=\$(echo $root/usr/lib/x86_64-linux-gnu $root/usr/lib/llvm-*/lib | tr ' ' ':')
exec $root/usr/bin/rustc "\$@"
END
  chmod +x "$root/rustc"
}
