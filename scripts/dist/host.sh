# Sourced by the tests of dist/, after targets.sh and packages.sh: `host TARGET FOLDER` sets
#   prefix        the install prefix that is tested
#   CC, CXX       compilers for the target (exported)
#   EMULATOR      what its programs are run by, words (exported)
#   EXTRA_DLL     a file that must lie beside its programs (exported)
#   flags, libs   arrays for the compiler of a C program that is linked with the shared library
#   simulator     a program of this machine that runs the target's simulator
# and the functions compile_c, run_program, seen_path and start_simulator work for it. FOLDER is for files.

. "$root/scripts/dist/zig.sh"

host() {
  target=$1 work=$2 prefix=$(prefix_of "$1") ending=$(program_ending "$1")
  [ -d "$prefix" ] || { echo "wxsub: no $prefix: scripts/dist.sh $target makes it" >&2; exit 1; }
  export CC CXX EMULATOR="" EXTRA_DLL="" WXSUB_TOOL
  unset WXSUB_TOOL
  flags=(-std=c99 -Wall -Wextra -Wpedantic -Werror -Wshadow "-I$prefix/include")
  libs=("-L$prefix/lib" -lwxsub -lpthread -ldl "-Wl,-rpath,$prefix/lib")
  case $target in
    x86_64-linux-gnu)
      need build-essential:c++
      CC=gcc CXX=g++
      ;;
    aarch64-linux-gnu)
      need gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc g++-aarch64-linux-gnu:aarch64-linux-gnu-g++ \
        qemu-user-static:qemu-aarch64-static
      CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++
      EMULATOR="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
      # All that takes its time gets more of it.
      export WXSUB_TOOL=qemu
      ;;
    x86_64-linux-musl)
      [ -e /lib/ld-musl-x86_64.so.1 ] || need musl:no-such-program
      need_zig
      mkdir -p "$work"
      local language
      for language in cc c++; do
        # As gcc does: an unwinder for the archive, which zig links into no program of C, and no sanitizer, whose runtime wants a
        # newer musl.
        printf '#!/bin/sh\ncase " $* " in *libwxsub.a* | *" -lwxsub "*) set -- "$@" -lunwind ;; esac\n' >"$work/zig-$language"
        printf 'exec %q -m ziglang %s -target x86_64-linux-musl -fno-sanitize=undefined "$@"\n' "$tools/zig/bin/python3" "$language" \
          >>"$work/zig-$language"
        chmod +x "$work/zig-$language"
      done
      CC=$work/zig-cc CXX=$work/zig-c++
      ;;
    x86_64-windows-gnu)
      need gcc-mingw-w64-x86-64-posix:x86_64-w64-mingw32-gcc-posix g++-mingw-w64-x86-64-posix:x86_64-w64-mingw32-g++-posix \
        wine:wine wine64:/usr/lib/wine/wine64
      CC=x86_64-w64-mingw32-gcc-posix CXX=x86_64-w64-mingw32-g++-posix EMULATOR=wine
      flags=(-std=gnu99 -Wall -Wextra -Werror -Wshadow "-I$prefix/include")
      # The programs carry MinGW's own libraries; wxsub is the DLL all the same.
      libs=("$prefix/lib/libwxsub.dll.a" -static -lpthread -lws2_32)
      export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
      mkdir -p "$work"
      wine wineboot --init >/dev/null 2>&1
      if [ ! -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]; then
        EXTRA_DLL=$work/bcryptprimitives.dll
        "$CC" -shared -o "$EXTRA_DLL" "$root/tests/hosts/dist/bcryptprimitives.c" -ladvapi32
      fi
      export WXSUB_TOOL=wine
      ;;
  esac
  mkdir -p "$work/programs" "$work/simulator"
  if [ "$ending" = .exe ]; then
    cp "$prefix/bin/wxsub.dll" "$work/programs/"
    if [ -n "$EXTRA_DLL" ]; then cp "$EXTRA_DLL" "$work/programs/"; fi
    if [ -n "$EXTRA_DLL" ]; then cp "$EXTRA_DLL" "$work/simulator/"; fi
  fi
  cp "$dist/simulator/$target/wxsub-simulator$ending" "$work/simulator/"
  simulator=$work/wxsub-simulator
  printf '#!/bin/sh\nexec %s %q "$@"\n' "$EMULATOR" "$work/simulator/wxsub-simulator$ending" >"$simulator"
  chmod +x "$simulator"
}

# Ends what a host needed to run: Wine's server would live on for a while.
end_host() {
  stop_simulator
  if [ "$target" = x86_64-windows-gnu ]; then wineserver -k >/dev/null 2>&1 || true; fi
  # What follows is compiled for this machine.
  unset CC CXX
}

compile_c() { # SOURCE NAME [FLAG...]: into $work/programs/NAME
  local source=$1 name=$2 own
  shift 2
  own=$(sed -n '1s|^// flags: ||p' "$source")
  # shellcheck disable=SC2086 # several flags
  "$CC" $own "${flags[@]}" "$@" "$source" -o "$work/programs/$name$ending" "${libs[@]}"
}

seen_path() { # a path as the target's programs see it
  case $target in *-windows-*) echo "Z:$1" ;; *) echo "$1" ;; esac
}

run_program() { # NAME [ARGUMENT...], of $work/programs
  local program=$work/programs/$1$ending
  shift
  # shellcheck disable=SC2086 # the emulator has arguments
  timeout 900 $EMULATOR "$program" "$@"
}

simulator_pid=""
start_simulator() { # sets WXSUB_SIM, WXSUB_HTTPS, WXSUB_CA and the account, and a fresh folder for files
  local said=$work/simulator.said _
  : >"$said"
  stop_simulator
  rm -rf "$work/files" "$work/ca.pem"
  mkdir -p "$work/files"
  "$simulator" --ca-out "$(seen_path "$work/ca.pem")" >"$said" 2>"$work/simulator.errors" &
  simulator_pid=$!
  for _ in $(seq 600); do
    grep -q '^listening on https:' "$said" && break
    sleep 0.05
  done
  export WXSUB_SIM WXSUB_HTTPS WXSUB_CA WXSUB_TMP WXSUB_APPID=wx0000000000000000 WXSUB_SECRET=simulator-secret
  WXSUB_SIM=$(sed -n 's/^listening on \(http:[^ \r]*\).*/\1/p' "$said")
  WXSUB_HTTPS=$(sed -n 's/^listening on \(https:[^ \r]*\).*/\1/p' "$said")
  WXSUB_CA=$(seen_path "$work/ca.pem")
  WXSUB_TMP=$(seen_path "$work/files")
  [ -n "$WXSUB_HTTPS" ] || { echo "wxsub: the simulator did not start:" >&2; cat "$work/simulator.errors" >&2; exit 1; }
}

stop_simulator() {
  [ -n "$simulator_pid" ] || return 0
  kill "$simulator_pid" 2>/dev/null || true
  wait "$simulator_pid" 2>/dev/null || true
  simulator_pid=""
}
