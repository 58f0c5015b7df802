"""The example program does what it says."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from typing import List

import support
from support import TEMPLATE

EXAMPLE = support.CHECKOUT / "examples" / "python" / "main.py"


def run(*more: str, secret: str = support.SECRET) -> "subprocess.CompletedProcess[str]":
    """Runs the example."""
    arguments: List[str] = [sys.executable, str(EXAMPLE), "--appid", support.APPID, *more]
    env = {**support.child_env(), "GAME_SECRET": secret, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*arguments, "--secret-env", "GAME_SECRET"],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@unittest.skipUnless(os.path.isfile(EXAMPLE), "not in a checkout: no example")
class Example(support.SimCase):
    def test_the_whole_path(self) -> None:
        openid = self.player()
        done = run("--api-base", support.SIM, "--openid", openid, "--template-id", TEMPLATE, "--store", self.store)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [line.split(":")[0] for line in done.stdout.splitlines()]
        self.assertEqual(lines, ["accepted", "sent", "count", "turned down"])
        self.assertIn("count 1", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^count: +0$")
        self.assertEqual(len(self.delivered(openid)), 1)

    def test_whether_it_will_work(self) -> None:
        done = run("--api-base", support.SIM, "--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^WXSUB_OK: store: writable; network: reached; credentials: right; templates: ")
        done = run("--api-base", support.SIM, "--check", secret="wrong")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, '^WXSUB_E_AUTH: .*"secret"')

    def test_what_goes_wrong_is_said(self) -> None:
        openid = self.player()
        where = ["--api-base", support.SIM, "--openid", openid, "--template-id", TEMPLATE]
        done = run(*where, secret="wrong")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^WXSUB_E_AUTH: ")
        done = run(*where, secret="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("GAME_SECRET", done.stderr)
        done = run("--openid", openid)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--template-id", done.stderr)


if __name__ == "__main__":
    unittest.main()
