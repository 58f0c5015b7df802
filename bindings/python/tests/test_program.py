"""``python -m wxsub`` is the operator's program."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path

import support
import wxsub
from wxsub import __main__ as start


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """``python -m wxsub`` with these variables more."""
    return subprocess.run(
        [sys.executable, "-m", "wxsub", *arguments],
        env={**support.child_env(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Program(unittest.TestCase):
    """What it hands on, and what it says without one."""

    @unittest.skipUnless(os.name == "posix", "the program is a script here")
    def test_arguments_and_exit_code_are_handed_on(self) -> None:
        script = Path(self.enterFolder()) / "program"
        script.write_text('#!/bin/sh\necho "$@"\nexit 41\n', encoding="utf-8")
        script.chmod(0o755)
        done = run("send", "a b", "--key", "体力", WXSUB_PROGRAM=str(script))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (41, "send a b --key 体力\n", ""))

    def test_a_program_that_is_not_there_is_named(self) -> None:
        gone = str(Path(self.enterFolder()) / "gone")
        done = run("version", WXSUB_PROGRAM=gone)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, f"wxsub: {gone}: No such file or directory\n")

    @unittest.skipIf(start.program() is None, "no program was built")
    def test_it_is_of_this_version(self) -> None:
        done = run("version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith(f"wxsub {wxsub.__version__}, library "), done.stdout)
        self.assertGreaterEqual(wxsub.abi(), 2)

    def enterFolder(self) -> str:
        """A folder that vanishes."""
        import tempfile

        folder = tempfile.TemporaryDirectory(prefix="wxsub-")
        self.addCleanup(folder.cleanup)
        return folder.name


if __name__ == "__main__":
    unittest.main()
