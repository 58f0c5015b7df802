"""What can be told of a wheel without running it: python wheel_check.py WHEEL…

Every file is the one that RECORD names, the tags are those of the file name, and there is exactly one library and one
program, for the machine and the C library that the tags promise, which need nothing but the system's libraries.
"""

import base64
import csv
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

GLIBC = r"lib(c|m|pthread|dl|rt)\.so\.\d|ld-linux-\S+"
MUSL = r"libc\.so|libc\.musl-x86_64\.so\.1|ld-musl-\S+"
WINDOWS = r"(?i)(api-ms-win-\S+|kernel32|ntdll|ws2_32|bcrypt\w*|msvcrt|advapi32|userenv|crypt32|ncrypt|secur32|iphlpapi|user32|ucrtbase)\.dll"

#: By platform tag: the library's name, what `file` says of it, and the libraries that it may need.
EXPECTED = {
    "manylinux_2_17_x86_64": ("libwxsub.so", "ELF 64-bit LSB shared object, x86-64", GLIBC),
    "manylinux_2_17_aarch64": ("libwxsub.so", "ELF 64-bit LSB shared object, ARM aarch64", GLIBC),
    "musllinux_1_2_x86_64": ("libwxsub.so", "ELF 64-bit LSB shared object, x86-64", MUSL),
    "win_amd64": ("wxsub.dll", r"PE32\+ executable.*x86-64", WINDOWS),
}


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(library: Path) -> "list[str]":
    """The libraries that it names."""
    if library.suffix in (".dll", ".exe"):
        return re.findall(r"DLL Name: (\S+)", said("x86_64-w64-mingw32-objdump", "-p", str(library)))
    return re.findall(r"\(NEEDED\).*\[(.*)\]", said("readelf", "-dW", str(library)))


def exported(library: Path) -> "list[str]":
    """The names that it shows."""
    if library.suffix == ".dll":
        table = said("x86_64-w64-mingw32-objdump", "-p", str(library)).partition("[Ordinal/Name Pointer] Table")[2]
        return re.findall(r"(?m)^\s*\[ *\d+\].* (\w+)$", table)
    fields = [line.split() for line in said("readelf", "--dyn-syms", "-W", str(library)).splitlines()]
    return [f[7].split("@")[0] for f in fields if len(f) > 7 and f[4] in ("GLOBAL", "WEAK") and f[6].isdigit()]


def check_record(wheel: zipfile.ZipFile, info: str) -> None:
    rows = list(csv.reader(wheel.read(f"{info}/RECORD").decode().splitlines()))
    files = {name for name in wheel.namelist() if not name.endswith("/")}
    assert {row[0] for row in rows} == files, "RECORD lists the files"
    for name, digest, size in rows:
        if name == f"{info}/RECORD":
            continue
        body = wheel.read(name)
        actual = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        assert (digest, int(size)) == (f"sha256={actual}", len(body)), f"{name} is what RECORD says"


def check(path: Path) -> None:
    name, version, tags = re.fullmatch(r"(\w+)-([^-]+)-(py3-none-[^-]+)\.whl", path.name).groups()
    platforms = tags[len("py3-none-") :].split(".")
    library_name, kind, may_need = EXPECTED[platforms[0]]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path) as wheel:
        assert wheel.testzip() is None
        check_record(wheel, info)
        facts = wheel.read(f"{info}/WHEEL").decode()
        assert "Root-Is-Purelib: false" in facts, facts
        assert re.findall(r"(?m)^Tag: (\S+)$", facts) == [f"py3-none-{p}" for p in platforms], facts
        assert "wxsub = wxsub.__main__:main" in wheel.read(f"{info}/entry_points.txt").decode()
        names = wheel.namelist()
        libraries = [n for n in names if n.endswith((".so", ".dll", ".dylib")) or ".so." in n]
        assert libraries == [f"wxsub/{library_name}"], libraries
        for wanted in ("wxsub/py.typed", "wxsub/__main__.py"):
            assert wanted in names, wanted
        for licence in ("MIT", "APACHE", "THIRD-PARTY.txt"):
            assert f"{info}/licenses/LICENSE-{licence}" in names, licence
        with tempfile.TemporaryDirectory() as folder:
            needs, shown = check_library(Path(wheel.extract(libraries[0], folder)), kind, may_need)
            check_program(wheel, folder, kind, may_need)
    print(f"ok      {path.name}: {len(shown)} functions, needs {' '.join(sorted(set(needs), key=str.lower))}")


def check_library(library: Path, kind: str, may_need: str) -> "tuple[list[str], list[str]]":
    """:returns: what it needs, and what it shows."""
    is_one = said("file", "-b", str(library))
    assert re.search(kind, is_one), is_one
    needs, shown = needed(library), exported(library)
    foreign = [name for name in needs if not re.fullmatch(may_need, name)]
    assert not foreign, f"needs {foreign}"
    assert "wxsub_init" in shown, shown
    foreign = [name for name in shown if not name.startswith("wxsub_")]
    assert not foreign, f"shows {foreign}"
    return needs, shown


def check_program(wheel: zipfile.ZipFile, folder: str, kind: str, may_need: str) -> None:
    """The operator's program, which is executable once it is installed."""
    (name,) = [n for n in wheel.namelist() if n.startswith("wxsub/bin/")]
    windows = "PE32" in kind
    assert name == ("wxsub/bin/wxsub.exe" if windows else "wxsub/bin/wxsub"), name
    assert wheel.getinfo(name).external_attr >> 16 & 0o111 == 0o111, "it is executable"
    program = Path(wheel.extract(name, folder))
    is_one = said("file", "-b", str(program))
    assert re.search(kind.replace("shared object", "(shared object|pie executable|executable)"), is_one), is_one
    foreign = [name for name in needed(program) if not re.fullmatch(may_need, name)]
    assert not foreign, f"the program needs {foreign}"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        check(Path(argument))
