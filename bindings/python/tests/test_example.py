"""The example programs do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from typing import List

import support
from support import TEMPLATE

EXAMPLES = support.CHECKOUT / "examples" / "python"


def run(*more: str, secret: str = support.SECRET, name: str = "main.py") -> "subprocess.CompletedProcess[str]":
    """Runs an example."""
    arguments: List[str] = [sys.executable, str(EXAMPLES / name), "--appid", support.APPID, *more]
    env = {**support.child_env(), "GAME_SECRET": secret, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*arguments, "--secret-env", "GAME_SECRET"],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@unittest.skipUnless(os.path.isdir(EXAMPLES), "not in a checkout: no examples")
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


@unittest.skipUnless(os.path.isdir(EXAMPLES), "not in a checkout: no examples")
class ScheduleExample(support.SimCase):
    def test_one_is_cancelled_one_is_replaced_and_the_rest_comes_in_time(self) -> None:
        players = [self.player() for _ in range(4)]
        where = ["--api-base", support.SIM, "--template-id", TEMPLATE, "--store", self.store, "--minutes", "0.03"]
        for openid in players:
            where += ["--openid", openid]
        done = run(*where, name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = [tuple(line.split(",")[0].split()) for line in done.stdout.splitlines()]
        first, second, third, fourth = players
        self.assertEqual(said[:4], [("scheduled:", openid) for openid in players])
        self.assertEqual(said[4:6], [("scheduled:", first), ("cancelled:", second)])
        self.assertEqual(said[6], ("outcome:", first))
        self.assertEqual(set(said[7:9]), {("outcome:", third), ("outcome:", fourth)})
        self.assertIn(f"looked up:   {second}, CANCELLED\n", done.stdout)
        self.assertEqual([len(self.delivered(openid)) for openid in players], [1, 0, 1, 1])
        self.assertRegex(done.stdout, r'(?m)^wxsub_messages_total{end="sent"} 3$')
        numbers = done.stdout[done.stdout.index("# TYPE") :].splitlines()
        for line in numbers:
            self.assertRegex(line, r'^(# TYPE wxsub_\w+ (counter|gauge)|wxsub_\w+({end="\w+"})? [\d.]+)$')
        for name in ("sent", "outbox_waiting", "token_calls", "lost_results", "expired"):
            self.assertIn(name, done.stdout)

    def test_whether_it_will_work(self) -> None:
        done = run("--api-base", support.SIM, "--check", "--store", self.store, name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^WXSUB_OK: store: writable; network: reached; credentials: right; templates: ")
        done = run("--api-base", support.SIM, "--check", "--store", self.store, secret="wrong", name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, '^WXSUB_E_AUTH: ')

    def test_what_goes_wrong_is_said(self) -> None:
        where = ["--api-base", support.SIM, "--template-id", TEMPLATE, "--store", self.store, "--minutes", "0.01"]
        for openid in (self.player(grants=0) for _ in range(3)):
            where += ["--openid", openid]
        done = run(*where, name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("WXSUB_E_REFUSED: ", done.stdout)
        self.assertIn('wxsub_messages_total{end="refused"} 2', done.stdout)
        done = run(*where, secret="", name="schedule.py")
        self.assertEqual(done.returncode, 1)
        self.assertIn("GAME_SECRET", done.stderr)
        done = run("--openid", "a", "--openid", "a", "--openid", "a", "--template-id", TEMPLATE, name="schedule.py")
        self.assertEqual(done.returncode, 2)
        self.assertIn("three players", done.stderr)


if __name__ == "__main__":
    unittest.main()
