"""fork, garbage collection and the interpreter's exit, in programs of their own: they must end well and say nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unittest
from typing import Any

import support
from support import message


class Exit(support.Case):
    def ends_well(self, source: str, said: str = "", **settings: Any) -> None:
        run = support.run_python(source, **settings)
        self.assertEqual((run.returncode, run.stderr, run.stdout.strip()), (0, "", said))

    def test_a_client_that_is_never_closed(self) -> None:
        self.ends_well("client = wxsub.Client(settings['config'])", config=support.offline_settings())

    def test_a_client_that_is_never_closed_and_logs(self) -> None:
        self.ends_well(
            """
            client = wxsub.Client(settings["config"])
            client.set_log(lambda level, text: None, wxsub.LogLevel.DEBUG)
            client.report("o", "T", 1)
            """,
            config=support.offline_settings(store=self.store),
        )

    def test_a_client_in_a_cycle_is_closed_by_the_collector(self) -> None:
        self.ends_well(
            """
            import gc
            from wxsub import _log, client as module
            gc.disable()
            client = wxsub.Client(settings["config"])
            client.set_log(lambda level, text: None)
            client.myself = client
            del client
            print(len(module._open_clients), len(_log._logs))
            gc.collect()
            print(len(module._open_clients), len(_log._logs))
            """,
            "1 1\n0 0",
            config=support.offline_settings(),
        )

    def test_a_client_kept_by_a_module_that_dies_late(self) -> None:
        self.ends_well(
            """
            sys.late = wxsub.Client(settings["config"])
            sys.late.itself = sys.late
            threading.late = [sys.late]
            """,
            config=support.offline_settings(),
        )

    def test_a_failed_opening_leaves_nothing_to_close(self) -> None:
        self.ends_well(
            """
            try:
                wxsub.Client(nonsense=1)
            except wxsub.ConfigError:
                print("refused")
            """,
            "refused",
        )

    def test_exit_handlers_before_and_after_ours(self) -> None:
        self.ends_well(
            """
            import atexit, importlib
            client = wxsub.Client(settings["config"])
            atexit.register(lambda: print("after", client.report("o", "T", 1).remaining))
            """,
            "after 1",
            config=support.offline_settings(),
        )
        head = f"import atexit, json, sys\nsettings = json.loads({json.dumps(support.offline_settings())!r})\n"
        source = """
import atexit
def late():
    import wxsub
    try:
        client.quota("o", "T")
    except wxsub.ClosedError:
        print("closed")
    sys.later = wxsub.Client(settings)
    sys.later.itself = sys.later
    print(sys.later.report("o", "T", 1).remaining)
    try:
        sys.later.send({"touser": "o", "template_id": "T", "data": {"thing1": "x"}})
    except wxsub.ConnectError:
        print("not connected")
atexit.register(late)
import wxsub
client = wxsub.Client(settings)
"""
        run = subprocess.run(
            [sys.executable, "-c", head + source],
            env=support.child_env(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(run.stdout.split("\n")[:2], ["closed", "1"])

    def test_a_thread_that_waits_for_results(self) -> None:
        for daemon in (True, False):
            self.ends_well(
                """
                client = wxsub.Client(settings["config"])
                def wait():
                    for result in client.results():
                        print(result.remaining, flush=True)
                threading.Thread(target=wait, daemon=settings["daemon"]).start()
                client.submit_report("o", "T", 1)
                time.sleep(0.5)
                if not settings["daemon"]:
                    client.close()
                """,
                "1",
                config=support.offline_settings(),
                daemon=daemon,
            )

    def test_a_transport_that_is_still_called(self) -> None:
        """The exit waits as long as it was told that it may take."""
        self.ends_well(
            """
            client = wxsub.Client(settings["config"])
            def slow(request):
                print("called", flush=True)
                time.sleep(2)
                print("done", flush=True)
                return wxsub.HttpReply.not_sent("too slow")
            client.set_transport(slow)
            client.report("o", "T", 1)
            client.submit({"touser": "o", "template_id": "T", "data": {"thing1": "x"}})
            time.sleep(0.3)
            print("leaving", flush=True)
            """,
            "called\nleaving\ndone",
            config=support.offline_settings(timeout_ms=3000, templates="off"),
        )

    def test_a_transport_that_takes_its_time_to_go(self) -> None:
        """The library lets go of it in a thread of its own, after the call; Python waits for that, too."""
        self.ends_well(
            """
            class Slow:
                def __call__(self, request):
                    time.sleep(2.5)
                    return wxsub.HttpReply.not_sent("too slow")
                def __del__(self):
                    time.sleep(0.5)
                    print("gone", flush=True)
            client = wxsub.Client(settings["config"])
            client.set_transport(Slow())
            client.report("o", "T", 1)
            client.submit({"touser": "o", "template_id": "T", "data": {"thing1": "x"}})
            time.sleep(0.3)
            """,
            "gone",
            config=support.offline_settings(timeout_ms=3000, templates="off"),
        )

    def test_sys_exit_in_a_with_block(self) -> None:
        self.ends_well(
            """
            with wxsub.Client(settings["config"]) as client:
                client.report("o", "T", 1)
                sys.exit(0)
            """,
            config=support.offline_settings(),
        )


class ExitWhileSending(support.SimCase):
    def test_daemon_threads_that_send_and_log(self) -> None:
        with self.client() as client:
            client.send(message(self.player(client)))
            players = [self.player(client) for _ in range(4)]
        for openid in players[:2]:
            self.trouble(openid, "stall")
        for openid in players[2:]:
            self.trouble(openid, "delay", delay_ms=400)
        began = time.monotonic()
        run = support.run_python(
            """
            client = wxsub.Client(settings["config"])
            client.set_log(lambda level, text: None, wxsub.LogLevel.DEBUG)
            for body in settings["messages"]:
                threading.Thread(target=client.try_send, args=(body,), daemon=True).start()
            time.sleep(0.2)
            print("leaving")
            """,
            config=support.settings(self.store, timeout_ms=20000),
            messages=[message(openid) for openid in players],
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "leaving\n"))
        self.assertLess(time.monotonic() - began, 6)

    def test_threads_of_a_pool_finish_first(self) -> None:
        with self.client() as client:
            openid = self.player(client)
        run = support.run_python(
            """
            from concurrent.futures import ThreadPoolExecutor
            client = wxsub.Client(settings["config"])
            ThreadPoolExecutor(1).submit(lambda: print(client.send(settings["message"]).status.name))
            """,
            config=support.settings(self.store),
            message=message(openid),
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "OK\n"))


@unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
class Fork(support.Case):
    def test_a_child_gets_a_clear_error_and_the_parent_goes_on(self) -> None:
        run = support.run_python(
            """
            client = wxsub.Client(settings["config"])
            client.set_log(lambda level, text: None, wxsub.LogLevel.DEBUG)
            client.report("o", "T", 1)
            pid = os.fork()
            if pid == 0:
                calls = [
                    lambda: client.report("o", "T", 1),
                    lambda: client.report_json("o", {"T": "accept"}),
                    lambda: client.quota("o", "T"),
                    lambda: client.send({"touser": "o", "template_id": "T", "data": {}}),
                    lambda: client.handle_event("signature=x"),
                    lambda: client.login("code"),
                    lambda: client.set_log(print),
                    lambda: client.set_token("T", 1),
                    lambda: client.submit({"touser": "o"}),
                    lambda: client.submit_report("o", "T", 1),
                    lambda: client.poll(wait=60),
                    lambda: list(client.results()),
                    lambda: client.poll_handle(),
                    lambda: client.cancel("o", "k"),
                    lambda: client.lookup("o", "k"),
                    lambda: client.shutdown(),
                    lambda: client.stats(),
                    lambda: client.set_transport(print),
                    lambda: wxsub.Client(settings["config"]),
                ]
                for call in calls:
                    try:
                        call()
                        print("no error")
                    except wxsub.ForkedError as error:
                        assert str(error)
                client.close()
                del client
                print("child", flush=True)
                sys.exit(0)
            _, status = os.waitpid(pid, 0)
            print("parent", status, client.report("o", "T", 1).remaining)
            """,
            config=support.offline_settings(store=self.store),
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "child\nparent 0 2\n"))

    def test_a_client_made_after_the_fork_works(self) -> None:
        run = support.run_python(
            """
            with wxsub.Client(settings["config"]) as early:
                early.report("o", "T", 1)
            for number in range(3):
                if os.fork() == 0:
                    with wxsub.Client(settings["config"]) as client:
                        client.report("o", "T", 1)
                    os._exit(0)
            print([os.wait()[1] for _ in range(3)])
            with wxsub.Client(settings["config"]) as client:
                print(client.quota("o", "T"))
            """,
            config=support.offline_settings(store=self.store),
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "[0, 0, 0]\n4\n"))

    def test_multiprocessing_with_fork(self) -> None:
        run = support.run_python(
            """
            import multiprocessing
            def work():
                try:
                    client.quota("o", "T")
                except wxsub.ForkedError:
                    print("forked", flush=True)
            client = wxsub.Client(settings["config"])
            process = multiprocessing.get_context("fork").Process(target=work)
            process.start()
            process.join()
            print(process.exitcode)
            """,
            config=support.offline_settings(store=self.store),
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "forked\n0\n"))


class ForkWhileBusy(support.SimCase):
    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
    def test_children_of_a_busy_process_never_hang(self) -> None:
        run = support.run_python(
            """
            client = wxsub.Client(settings["config"])
            client.set_log(lambda level, text: None, wxsub.LogLevel.DEBUG)
            stop = threading.Event()
            def busy():
                while not stop.is_set():
                    client.report("o", "T", 1)
                    client.quota("o", "T")
            threads = [threading.Thread(target=busy) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    try:
                        client.quota("o", "T")
                    except wxsub.ForkedError:
                        os._exit(7)
                    os._exit(1)
                assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
            stop.set()
            for thread in threads:
                thread.join()
            print("done")
            """,
            config=support.settings(self.store, durability="normal"),
        )
        self.assertEqual((run.returncode, run.stderr, run.stdout), (0, "", "done\n"))


if __name__ == "__main__":
    unittest.main()
