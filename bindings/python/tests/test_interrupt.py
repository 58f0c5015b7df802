"""Ctrl-C during a send, in programs of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import unittest
from typing import Any, Tuple

import support
import wxsub
from support import TEMPLATE, message, sim


@unittest.skipUnless(os.name == "posix", "signals as POSIX has them")
class CtrlC(support.SimCase):
    def interrupt(self, source: str, **settings: Any) -> Tuple[float, str]:
        """Runs a program, and SIGINTs it 0.3 s after it said "sending". How long after that it said "interrupted", and
        what it said last."""
        child = subprocess.Popen(
            support.command(source, settings),
            env=support.child_env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background has SIGINT ignored, and all its children with it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert child.stdout and child.stderr
        self.assertEqual(child.stdout.readline(), "sending\n")
        time.sleep(0.3)
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.stdout.readline(), "interrupted\n")
        took = time.monotonic() - began
        # communicate() would pass over what came together with the last line.
        said, errors = child.stdout.read(), child.stderr.read()
        self.assertEqual((child.wait(timeout=30), errors), (0, ""))
        child.stdout.close()
        child.stderr.close()
        return took, said.strip()

    def ready(self, **fault: Any) -> Tuple[Any, Any]:
        """Settings and a message whose send runs into the fault; the token is there already."""
        with wxsub.Client(support.settings(self.store, timeout_ms=8000)) as client:
            client.send(message(self.player(client)))
            openid = self.player(client)
        self.trouble(openid, **fault)
        return support.settings(self.store, timeout_ms=8000), message(openid)

    def test_a_stalled_send_is_left_at_once(self) -> None:
        config, body = self.ready(kind="stall")
        began = time.monotonic()
        took, _ = self.interrupt(
            """
            with wxsub.Client(settings["config"]) as client:
                print("sending", flush=True)
                try:
                    client.send(settings["message"])
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
            """,
            config=config,
            message=body,
        )
        self.assertLess(took, 0.5)
        self.assertLess(time.monotonic() - began, 20, "the exit waited for the send")

    def test_leaving_the_with_block_does_not_wait_either(self) -> None:
        config, body = self.ready(kind="stall")
        took, _ = self.interrupt(
            """
            try:
                with wxsub.Client(settings["config"]) as client:
                    client.set_log(lambda level, text: None, wxsub.LogLevel.DEBUG)
                    print("sending", flush=True)
                    client.send(settings["message"])
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            """,
            config=config,
            message=body,
        )
        self.assertLess(took, 0.5)

    def test_a_client_that_is_never_closed(self) -> None:
        config, body = self.ready(kind="stall")
        began = time.monotonic()
        took, _ = self.interrupt(
            """
            client = wxsub.Client(settings["config"])
            client.set_log(lambda level, text: None, wxsub.LogLevel.DEBUG)
            print("sending", flush=True)
            try:
                client.send(settings["message"])
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            """,
            config=config,
            message=body,
        )
        self.assertLess(took, 0.5)
        self.assertLess(time.monotonic() - began, 20, "the exit waited for the send")

    def test_the_unit_comes_back(self) -> None:
        config, body = self.ready(kind="stall")
        self.interrupt(
            """
            try:
                with wxsub.Client(settings["config"]) as client:
                    print("sending", flush=True)
                    client.send(settings["message"])
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            """,
            config=config,
            message=body,
        )
        with wxsub.Client(config) as client:
            self.assertEqual(client.quota(body["touser"], TEMPLATE), 1)

    def test_with_a_key_asking_again_is_safe(self) -> None:
        config, body = self.ready(kind="delay", delay_ms=1500)
        took, said = self.interrupt(
            """
            with wxsub.Client(settings["config"]) as client:
                print("sending", flush=True)
                try:
                    client.send(settings["message"], key="once")
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                result = client.send(settings["message"], key="once")
                print(result.status.name, result.replayed, result.remaining)
            """,
            config=config,
            message=body,
        )
        self.assertLess(took, 0.5)
        self.assertEqual(said, "OK True 0")
        self.assertEqual(len(sim("deliveries", openid=body["touser"])), 1)

    def test_a_report_that_waits_for_the_store_is_left_too(self) -> None:
        """Another process holds the store's lock; only another process may open the file."""
        took, _ = self.interrupt(
            """
            import subprocess
            hold = "import sqlite3, sys; s = sqlite3.connect(sys.argv[1], isolation_level=None); "
            hold += "s.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
            client = wxsub.Client(settings["config"])
            client.report("o", "T", wxsub.Answer.ACCEPT)
            command = [sys.executable, "-c", hold, settings["config"]["store"]]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
                holder.stdout.readline()
                print("sending", flush=True)
                try:
                    client.report("o", "T", wxsub.Answer.ACCEPT)
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
            client.close()
            """,
            config=support.settings(self.store, timeout_ms=8000),
        )
        self.assertLess(took, 0.5)

    def test_a_poll_that_waits_is_left_at_once(self) -> None:
        took, said = self.interrupt(
            """
            with wxsub.Client(settings["config"]) as client:
                print("sending", flush=True)
                try:
                    client.poll(wait=60)
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                client.submit_report("o", "T", 1)
                print(len(client.poll(wait=60)))
            """,
            config=support.offline_settings(),
        )
        self.assertLess(took, 0.5)
        self.assertEqual(said, "1")

    def test_results_that_come_while_a_poll_is_left_are_not_lost(self) -> None:
        """Every few milliseconds a signal breaks off a poll or an iteration; each ticket still has its one result."""
        run = support.run_python(
            """
            import random, signal
            class Alarm(Exception):
                pass
            def ring(*_):
                raise Alarm()
            signal.signal(signal.SIGALRM, ring)
            random.seed(7)
            client = wxsub.Client(settings["config"])
            tickets, got, alarms = set(), [], 0
            def report():
                for n in range(300):
                    tickets.add(client.submit_report(f"o{n % 20}", "T", 1))
                    time.sleep(0.002)
            reports = threading.Thread(target=report)
            reports.start()
            until = time.monotonic() + 30
            while (reports.is_alive() or len(got) < len(tickets)) and time.monotonic() < until:
                taken = []
                try:
                    try:
                        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.02))
                        taken = client.poll(random.choice([1, 3, 64]), wait=random.choice([0, 0.1]))
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                except Alarm:
                    alarms += 1
                got.extend(result.ticket for result in taken)
            print(len(got), sorted(got) == sorted(tickets), alarms > 20)
            """,
            config=support.offline_settings(durability="normal"),
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "300 True True\n"))

    def test_a_signal_while_results_are_handed_out_loses_none(self) -> None:
        """At any of Python's instructions a signal handler may raise: what was taken is there for the next poll."""
        run = support.run_python(
            """
            import random, signal
            from wxsub._inbox import Inbox
            class Alarm(Exception):
                pass
            def ring(*_):
                raise Alarm()
            signal.signal(signal.SIGALRM, ring)
            random.seed(7)
            wrong, alarms = 0, 0
            for _ in range(5000):
                inbox, got = Inbox(), []
                inbox._taken.extend(range(64))
                while inbox._taken:
                    taken = []
                    try:
                        try:
                            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-5))
                            taken = inbox._hand_out(random.choice([1, 3, 64]))
                        finally:
                            signal.setitimer(signal.ITIMER_REAL, 0)
                    except Alarm:
                        alarms += 1
                    got.extend(taken)
                wrong += got != list(range(64))
            print(wrong, alarms > 20)
            """
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "0 True\n"))

    def test_a_shutdown_is_left_and_goes_on(self) -> None:
        config, body = self.ready(kind="delay", delay_ms=1500)
        took, said = self.interrupt(
            """
            with wxsub.Client(settings["config"]) as client:
                client.submit(settings["message"])
                print("sending", flush=True)
                try:
                    client.shutdown(10)
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                print([result.status.name for result in client.results()])
            """,
            config=config,
            message=body,
        )
        self.assertLess(took, 0.5)
        self.assertEqual(said, "['OK']")

    def test_asyncio_is_left_at_once(self) -> None:
        for way in ("reader", "thread"):
            config, body = self.ready(kind="stall")
            began = time.monotonic()
            took, said = self.interrupt(
                """
                import asyncio
                if settings["way"] == "thread":
                    def refuse(self):
                        raise wxsub.InternalError(wxsub.Result(wxsub.Status.INTERNAL))
                    wxsub.Client.poll_handle = refuse
                async def main():
                    with wxsub.Client(settings["config"]) as client:
                        async with wxsub.AsyncClient(client) as game:
                            print("sending", flush=True)
                            await game.submit(settings["message"])
                try:
                    asyncio.run(main())
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                """,
                config=config,
                message=body,
                way=way,
            )
            self.assertLess(took, 0.8, way)
            self.assertLess(time.monotonic() - began, 20, "the exit waited for the send")
            self.assertEqual(said, "")

    def test_another_signal_handler_runs_at_once_and_the_send_goes_on(self) -> None:
        config, body = self.ready(kind="delay", delay_ms=1200)
        took, said = self.interrupt(
            """
            import signal
            signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
            with wxsub.Client(settings["config"]) as client:
                print("sending", flush=True)
                print(client.send(settings["message"]).status.name)
            """,
            config=config,
            message=body,
        )
        self.assertLess(took, 0.5)
        self.assertEqual(said, "OK")


if __name__ == "__main__":
    unittest.main()
