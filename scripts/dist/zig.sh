# Sourced by the other scripts of this folder: `need_zig` puts zig and cargo-zigbuild on PATH, in a folder of their own.

need_zig() {
  need python3:python3
  python3 -c 'import ensurepip' 2>/dev/null || need python3-venv:no-such-program
  if [ ! -x "$tools/zig/bin/cargo-zigbuild" ]; then
    echo "wxsub: installing zig and cargo-zigbuild with pip into $tools/zig"
    rm -rf "$tools/zig"
    mkdir -p "$tools"
    python3 -m venv "$tools/zig"
    "$tools/zig/bin/pip" install -q --disable-pip-version-check -r "$root/scripts/dist/requirements.txt"
  fi
  PATH=$tools/zig/bin:$PATH
}
