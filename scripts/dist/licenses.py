#!/usr/bin/env python3
"""scripts/dist/licenses.py TRIPLE...: prints the licences of everything that is compiled into the library, the
operator's program and the simulator.

The crates are those that cargo links for these targets; their texts are the files that came with them. A crate without
such a file (unless under Apache-2.0, whose text is the same for all), or under a licence that is not known to suit us, is
an error: someone must look at it.
"""

import html.parser
import json
import pathlib
import re
import subprocess
import sys

# Permissive ones, which ask for no more than this very list. A crate may be used under any of its alternatives.
SUITABLE = {
    "MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0",
    "Unlicense", "CDLA-Permissive-2.0", "0BSD", "BSL-1.0",
}
NAMES = ("licen", "copying", "copyright", "notice", "unlicense")

C_PARTS = """\
SQLite (compiled into the library by libsqlite3-sys): in the public domain, see https://sqlite.org/copyright.html.

Linux: LLVM's libunwind is linked in (Apache-2.0 WITH LLVM-exception), and a few helpers of Zig's compiler_rt:
MIT, Copyright (c) Zig contributors.

Windows: parts of libgcc are linked in (GPL-3.0-or-later WITH GCC-exception-3.1, which lets programs be under any terms),
and start-up code and import libraries of MinGW-w64 (public domain, or Zope Public License 2.1), and winpthreads:
MIT, Copyright (c) 2011 mingw-w64 project; BSD-3-Clause, Copyright (c) 2015 Intel Corporation.
"""


def metadata(triple):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", triple]
    return json.loads(subprocess.check_output(command))


def linked(data, start):
    """The packages that end up in a build of the package `start`, without build scripts' and tests' own needs."""
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    waiting, found = [start], {}
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        if any("proc-macro" in target["kind"] for target in packages[here]["targets"]):
            continue  # it runs in the compiler, and so does all that it needs
        found[here] = packages[here]
        for dependency in nodes[here]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def suits(expression):
    """Whether a licence expression is met by suitable ones: AND needs all, OR one, as in SPDX."""
    words = re.findall(r"\(|\)|AND|OR|[^\s()]+(?: WITH [^\s()]+)?", (expression or "").replace("/", " OR "))
    position = 0

    def one():
        nonlocal position
        word = words[position]
        position += 1
        if word != "(":
            return word in SUITABLE
        value = either()
        position += 1
        return value

    def both():
        nonlocal position
        value = one()
        while position < len(words) and words[position] == "AND":
            position += 1
            value = one() and value
        return value

    def either():
        nonlocal position
        value = both()
        while position < len(words) and words[position] == "OR":
            position += 1
            value = both() or value
        return value

    return bool(words) and either()


def texts(package):
    """The licence files of a package; for one without any, Apache's text, if that is among its alternatives."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [f for f in sorted(folder.iterdir()) if f.is_file() and f.name.lower().startswith(NAMES)]
    if not files and "Apache-2.0" in re.split(r" OR |/", package["license"] or ""):
        files = [pathlib.Path(__file__).parents[2] / "LICENSE-APACHE"]
    return [f.read_text("utf-8", "replace").replace("\r\n", "\n").strip() for f in files]


class Plain(html.parser.HTMLParser):
    """The text of a page."""

    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)


def standard_library():
    sysroot = subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip()
    page = pathlib.Path(sysroot, "share/doc/rust/COPYRIGHT-library.html")
    plain = Plain()
    plain.feed(page.read_text("utf-8"))
    text = "\n".join(line.rstrip() for line in "".join(plain.parts).splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def console():
    """What the operator's program hands to the browser, and its licence."""
    vendor = pathlib.Path(__file__).parents[2] / "tools/wxsub/console/vendor"
    return "uPlot (in the operator's program)", (vendor / "LICENSE").read_text("utf-8").strip()


def main(triples):
    crates, in_library, faults = {}, set(), []
    for triple in triples:
        data = metadata(triple)
        for member in data["workspace_members"]:
            found = linked(data, member)
            ours = set(data["workspace_members"])
            crates.update({key: package for key, package in found.items() if key not in ours})
            if found[member]["name"] == "wxsub":
                in_library |= set(found)
    of_text = {}
    for key, package in sorted(crates.items(), key=lambda item: (item[1]["name"], item[1]["version"])):
        name = f"{package['name']} {package['version']}"
        if not suits(package["license"]):
            faults.append(f"{name}: is {package['license']} a licence that suits us?")
        found = texts(package)
        if not found:
            faults.append(f"{name}: its package holds no licence file")
        for text in found:
            of_text.setdefault(text, []).append(name)
    name, text = console()
    of_text.setdefault(text, []).append(name)
    if faults or not crates:
        sys.exit("\n".join(faults) or "no crates found")

    rule = "=" * 100
    print("wxsub itself is licensed under MIT or Apache-2.0, at your choice. These are in its binaries, too.\n")
    for title, wanted in (("The library", True), ("The operator's program and the simulator, beside those", False)):
        print(f"{title}:")
        for key, package in sorted(crates.items(), key=lambda item: (item[1]["name"], item[1]["version"])):
            if (key in in_library) is wanted:
                print(f"  {package['name']} {package['version']}: {package['license']}  {package['repository'] or ''}")
        print()
    print(C_PARTS)
    for text, names in of_text.items():
        print(f"{rule}\n{', '.join(names)}\n{rule}\n\n{text}\n")
    print(f"{rule}\nRust's standard library\n{rule}\n\n{standard_library()}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
