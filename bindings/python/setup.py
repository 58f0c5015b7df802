"""What pyproject.toml cannot say: the native library and the operator's program travel inside the package. The library
comes from the first of

1. the package's own folder, where ``packaging/python/build.sh`` puts one per platform;
2. ``WXSUB_LIBRARY``: a file is copied in; a bare name such as ``libwxsub.so.1`` stays outside and is left to the
   system's loader, here and when the package is imported;
3. cargo, from the Rust sources of the sdist or of the checkout.

The program comes from the package's own folder (``bin``), from ``WXSUB_PROGRAM``, or from cargo together with the library;
where the library came from elsewhere, there is none. An editable install carries none: the package looks into its checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional, Tuple

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
NAMES = {"win32": "wxsub.dll", "darwin": "libwxsub.dylib"}
NAME = NAMES.get(sys.platform, "libwxsub.so")

PROGRAM = "wxsub.exe" if sys.platform == "win32" else "wxsub"

NO_CARGO = """
wxsub: this is the source package, and it needs Rust to build its native library. One of:
  - install Rust 1.89 or newer (https://rustup.rs), so that cargo is on PATH, and a C compiler; then try again
  - install a wheel instead: there are some for Linux (x86_64, aarch64; glibc 2.17 or newer, x86_64 also musl) and
    Windows (x86_64), with the library inside
  - set WXSUB_LIBRARY to the path of a {name} of the same release, which is then put into the package
  - set WXSUB_LIBRARY={bare}, if that is installed where the system's loader finds it
"""


def carried() -> bool:
    """Whether a library is to be inside."""
    named = os.environ.get("WXSUB_LIBRARY")
    inside = any((HERE / "wxsub" / name).is_file() for name in [NAME, *NAMES.values()])
    return inside or not named or os.path.dirname(named) != ""


def sources() -> Optional[Path]:
    """The Rust sources: of an sdist, or the checkout around."""
    places = [HERE / "rust", HERE.parents[1]] if len(HERE.parents) > 1 else [HERE / "rust"]
    return next((place for place in places if (place / "Cargo.toml").is_file()), None)


def built(name: str, *what: str) -> Path:
    """What cargo makes; seconds when nothing changed, minutes the first time."""
    rust, cargo = sources(), shutil.which("cargo")
    if rust is None or cargo is None:
        sys.exit(NO_CARGO.format(name=NAME, bare=NAME if sys.platform == "win32" else NAME + ".1"))
    command = [cargo, "rustc", "--release", "--locked", *what, "--message-format", "json-render-diagnostics"]
    done = subprocess.run(command, cwd=rust, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit("wxsub: cargo could not build it; what it said is above")
    for line in done.stdout.splitlines():
        for file in json.loads(line).get("filenames") or []:
            if os.path.basename(file) == name:
                return Path(file)
    sys.exit(f"wxsub: cargo built no {name}")


class BuildPy(build_py):
    """Puts the library and the program beside the package's modules."""

    def run(self) -> None:
        super().run()
        if getattr(self, "editable_mode", False):
            return
        package = Path(self.build_lib) / "wxsub"
        self.add_program(package, with_cargo=self.add_library(package))

    def add_library(self, package: Path) -> bool:
        """:returns: whether cargo made it."""
        if not carried() or any((package / name).is_file() for name in [NAME, *NAMES.values()]):
            return False
        named = os.environ.get("WXSUB_LIBRARY")
        if named and not os.path.isfile(named):
            sys.exit(f"wxsub: WXSUB_LIBRARY names {named}, which is no file")
        shutil.copyfile(named or built(NAME, "--lib", "--crate-type", "cdylib"), package / NAME)
        return not named

    def add_program(self, package: Path, with_cargo: bool) -> None:
        """It stays executable: a wheel keeps the modes of its files."""
        there = [file for name in ("wxsub", "wxsub.exe") for file in [package / "bin" / name] if file.is_file()]
        named = os.environ.get("WXSUB_PROGRAM")
        if not there and (named or with_cargo):
            if named and not os.path.isfile(named):
                sys.exit(f"wxsub: WXSUB_PROGRAM names {named}, which is no file")
            there = [package / "bin" / PROGRAM]
            there[0].parent.mkdir(exist_ok=True)
            shutil.copyfile(named or built(PROGRAM, "-p", "wxsub-cli", "--bin", "wxsub"), there[0])
        for file in there:
            file.chmod(0o755)


class BdistWheel(bdist_wheel):
    """For every Python 3 of its platform: nothing in it is compiled against Python."""

    def get_tag(self) -> Tuple[str, str, str]:
        # A name that was given stays as it is: it may be several, with dots between.
        platform: str = self.plat_name if self.plat_name_supplied else super().get_tag()[2]
        return ("py3", "none", platform) if self.distribution.has_ext_modules() else super().get_tag()


class Binary(Distribution):
    """Not the same on every platform, unless the library stays outside."""

    def has_ext_modules(self) -> bool:
        return carried()


commands: Any = {"build_py": BuildPy, "bdist_wheel": BdistWheel}
setup(cmdclass=commands, distclass=Binary)
