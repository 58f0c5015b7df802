"""The simulator as a game's own tests use it: it starts, is told what to do, and never outlives who started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from typing import List
from unittest import mock

import support
import wxsub
from support import TEMPLATE, Case, message
from wxsub import _program, simulator


def is_there() -> bool:
    """Whether the program can be found here."""
    try:
        return Path(simulator.find()[0]).is_file()
    except FileNotFoundError:
        return False


def listens(url: str) -> bool:
    """Whether anybody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=5).close()
    except OSError:
        return False
    return True


def gone(url: str) -> bool:
    """Whether it stops listening, before long."""
    end = time.monotonic() + 20
    while listens(url):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@unittest.skipUnless(is_there(), "no simulator here: WXSUB_SIMULATOR")
class Started(Case):
    def test_a_whole_round(self) -> None:
        with wxsub.Simulator() as wechat:
            self.assertRegex(wechat.url, r"^http://127\.0\.0\.1:\d+$")
            with wxsub.Client(wechat.settings, store=self.store) as client:
                self.assertEqual(wechat.grant("o-alice", TEMPLATE), 1)
                client.report("o-alice", TEMPLATE, "accept")
                self.assertTrue(client.send(message("o-alice")).ok)
            self.assertEqual([one["template_id"] for one in wechat.deliveries("o-alice")], [TEMPLATE])
            self.assertEqual((wechat.deliveries("o-bob"), len(wechat.deliveries())), ([], 1))
            with self.assertRaises(urllib.error.HTTPError):
                wechat.control("no-such-control", {})
        self.assertTrue(gone(wechat.url))
        wechat.stop()

    def test_two_do_not_know_each_other(self) -> None:
        with wxsub.Simulator(grants=3) as one, wxsub.Simulator() as other:
            self.assertNotEqual(one.url, other.url)
            one.grant("o-alice", TEMPLATE)
            counts = [wechat.control("remaining", openid="o-alice", template_id=TEMPLATE) for wechat in (one, other)]
            self.assertEqual([count["remaining"] for count in counts], [4, 0])

    def test_it_ends_when_its_host_is_killed(self) -> None:
        source = """
            wechat = wxsub.Simulator()
            print(wechat.url, flush=True)
            time.sleep(600)
            """
        host = subprocess.Popen(support.command(source, {}), env=support.child_env(), stdout=subprocess.PIPE, text=True)
        assert host.stdout
        url = host.stdout.readline().strip()
        self.assertTrue(listens(url), url)
        host.kill()
        host.communicate()
        self.assertTrue(gone(url), "it outlives its host")

    def test_a_host_that_forgets_it_leaves_nothing_behind(self) -> None:
        done = support.run_python("wechat = wxsub.Simulator(); print(wechat.url)")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(gone(done.stdout.strip()))

    def test_only_this_machine_and_no_other_site(self) -> None:
        with wxsub.Simulator() as wechat:
            for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                request = urllib.request.Request(f"{wechat.url}/sim/account", headers=headers)
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    simulator._direct.open(request, timeout=10)
                self.assertEqual(refused.exception.code, 403, headers)
            port = int(wechat.url.rsplit(":", 1)[1])
            for address in own_addresses():
                with self.assertRaises(OSError, msg=address):
                    socket.create_connection((address, port), timeout=2)

    def test_what_keeps_it_from_starting_is_told(self) -> None:
        with self.assertRaises(FileNotFoundError):
            wxsub.Simulator(program="/no/such/simulator")
        with wxsub.Simulator() as wechat, self.assertRaisesRegex(RuntimeError, "did not start"):
            wxsub.Simulator(port=int(wechat.url.rsplit(":", 1)[1]))
        with self.assertRaisesRegex(RuntimeError, "did not start"):
            wxsub.Simulator(templates="/no/such/templates.json")

    @unittest.skipIf(_program.program() is None, "no program was built")
    def test_as_a_command(self) -> None:
        command: List[str] = [sys.executable, "-m", "wxsub", "simulator", "--port", "0", "--exit-with-stdin"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        ran = subprocess.Popen(command, env=support.child_env(), text=True, **pipes)  # type: ignore[call-overload]
        line = ran.stdout.readline()
        self.assertRegex(line, r"^listening on http://127\.0\.0\.1:\d+$")
        ran.communicate()
        self.assertEqual(ran.returncode, 0)
        self.assertTrue(gone(line.split()[-1]))

    @unittest.skipIf(sys.platform == "win32", "signals")
    def test_the_terminal_s_interrupt_is_not_its(self) -> None:
        source = """
            import signal
            # A shell that runs the tests in the background has it ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            wechat = wxsub.Simulator()
            try:
                print("ready", flush=True)
                time.sleep(600)
            except KeyboardInterrupt:
                print(wechat.control("account")["appid"])
            """
        host = subprocess.Popen(
            support.command(source, {}), env=support.child_env(), stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert host.stdout
        self.assertEqual(host.stdout.readline(), "ready\n")
        os.killpg(host.pid, signal.SIGINT)
        self.assertEqual(host.communicate(timeout=60)[0], support.APPID + "\n")


class Missing(unittest.TestCase):
    def test_it_is_said_where_it_was_looked_for(self) -> None:
        nowhere = {"PATH": "", "WXSUB_SIMULATOR": ""}
        with mock.patch.dict(os.environ, nowhere), mock.patch.object(simulator, "operators_program", lambda: None):
            with self.assertRaisesRegex(FileNotFoundError, "WXSUB_SIMULATOR"):
                simulator.find()
            with mock.patch.object(simulator, "operators_program", lambda: Path("/there/wxsub")):
                self.assertEqual(simulator.find(), ["/there/wxsub", "simulator"])


def own_addresses() -> List[str]:
    """Of this machine, but for loopback."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        return []
    return [address for address in found if not address.startswith("127.")]


if __name__ == "__main__":
    unittest.main()
