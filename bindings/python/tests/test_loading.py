"""Finding the library, and refusing a wrong one."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import unittest
from typing import Any

import support
import wxsub
from wxsub import _native


class Function:
    """Stands for a ctypes function."""

    restype: Any = None
    argtypes: Any = None

    def __init__(self, answer: int = 0) -> None:
        self.answer = answer

    def __call__(self, *_: Any) -> int:
        return self.answer


class Library:
    """Stands for a library with an ABI number and every function that we know."""

    def __init__(self, abi: int) -> None:
        for name in _native.SIGNATURES:
            setattr(self, name, Function())
        self.wxsub_abi = Function(abi)


def declare(library: Any) -> None:
    _native._declare(library, "./libwxsub.so")


def import_with(library: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "import wxsub"],
        env={**support.child_env(), "WXSUB_LIBRARY": library},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Loading(unittest.TestCase):
    def test_the_library_tells_its_version(self) -> None:
        self.assertRegex(wxsub.version(), r"^\d+\.\d+\.\d+\S* \(sqlite 3\.\d+.*\)$")
        self.assertGreaterEqual(_native.lib.wxsub_abi(), wxsub.ABI)

    def test_the_gil_is_free_during_calls(self) -> None:
        self.assertNotIsInstance(_native.lib, ctypes.PyDLL)

    def test_an_older_library_is_refused_and_a_newer_one_taken(self) -> None:
        with self.assertRaisesRegex(ImportError, r"libwxsub\.so has ABI 1, this package needs 2"):
            declare(Library(wxsub.ABI - 1))
        declare(Library(wxsub.ABI))
        declare(Library(wxsub.ABI + 5))

    @unittest.skipUnless(sys.platform == "linux", "names a library of Linux")
    def test_another_library_is_refused(self) -> None:
        run = import_with("libc.so.6")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, "ImportError: wxsub: .* is not a wxsub library")

    def test_a_missing_library_says_what_to_do(self) -> None:
        run = import_with("/nowhere/libwxsub.so")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, "ImportError: wxsub: .*Set WXSUB_LIBRARY.*/nowhere/libwxsub.so")

    def test_the_environment_comes_first_then_the_package(self) -> None:
        before = os.environ.get("WXSUB_LIBRARY")
        self.addCleanup(lambda: os.environ.pop("WXSUB_LIBRARY") if before is None else None)
        self.addCleanup(lambda: os.environ.update(WXSUB_LIBRARY=before or ""))
        os.environ["WXSUB_LIBRARY"] = "/somewhere/libwxsub.so"
        self.assertEqual(_native._place(), ["/somewhere/libwxsub.so"])
        del os.environ["WXSUB_LIBRARY"]
        self.assertTrue(all(name.endswith(_native._NAMES[0]) or name in _native._NAMES for name in _native._place()))


if __name__ == "__main__":
    unittest.main()
