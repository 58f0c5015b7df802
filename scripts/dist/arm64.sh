# Sourced by packaging/python/test.sh: Debian's Python for aarch64, unpacked into a folder and run by qemu. Nothing of it is
# installed, and the machine's own apt knows nothing of it.

# arm64_python FOLDER: makes it. FOLDER/python is then a program that runs it, and FOLDER/packages the place where it
# looks for packages.
arm64_python() {
  local folder=$1 deb
  need qemu-user-static:qemu-aarch64-static
  mkdir -p "$folder"/state/lists/partial "$folder"/cache/archives/partial "$folder/root"
  : >"$folder/status"
  cat >"$folder/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State "$folder/state";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
END
  APT_CONFIG=$folder/apt.conf apt-get update -qq
  APT_CONFIG=$folder/apt.conf apt-get install -y -qq --no-install-recommends --download-only \
    python3.11-minimal libpython3.11-stdlib ca-certificates >/dev/null
  for deb in "$folder"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$folder/root"; done
  rm -rf "$folder/cache" "$folder/state"
  cat >"$folder/python" <<END
#!/bin/sh
exec qemu-aarch64-static -L "$folder/root" "$folder/root/usr/bin/python3.11" "\$@"
END
  chmod +x "$folder/python"
  mkdir -p "$folder/root/usr/lib/python3/dist-packages"
  ln -s root/usr/lib/python3/dist-packages "$folder/packages"
  # A program that starts another Python starts it by qemu, too.
  echo "import sys; sys.executable = '$folder/python'" >"$folder/packages/qemu.pth"
}
