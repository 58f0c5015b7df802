"""Log lines."""

from __future__ import annotations

import logging
import threading
import time
import unittest
from typing import List, Set, Tuple

import support
import wxsub
from support import message
from wxsub import Answer, LogLevel, _log

Lines = List[Tuple[LogLevel, str]]


class Logging(support.Case):
    def setUp(self) -> None:
        super().setUp()
        self.before = len(_log._logs)
        self.addCleanup(self.nothing_is_kept)

    def nothing_is_kept(self) -> None:
        """A client that is closed by its own log function lets go of it a little later."""
        end = time.monotonic() + 5
        while len(_log._logs) > self.before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(len(_log._logs), self.before, "a log function was kept")

    def test_lines_of_the_opening_come_at_once(self) -> None:
        with wxsub.Client(support.offline_settings(store=self.store)) as client:
            lines: Lines = []
            client.set_log(lambda level, text: lines.append((level, text)))
            self.assertTrue(any(self.store in text and level == LogLevel.INFO for level, text in lines), lines)

    def test_levels_off_and_another(self) -> None:
        with wxsub.Client(support.offline_settings()) as client:
            first: Lines = []
            second: Lines = []
            client.set_log(lambda level, text: first.append((level, text)), LogLevel.DEBUG)
            client.report("o", "T", Answer.ACCEPT)
            self.assertTrue(any(level == LogLevel.DEBUG for level, _ in first), first)
            client.set_log(lambda level, text: second.append((level, text)), LogLevel.ERROR)
            self.assertEqual(len(_log._logs), self.before + 1)
            seen = len(first)
            client.report("o", "T", Answer.ACCEPT)
            self.assertEqual((len(first), second), (seen, []))
            client.set_log(None)
            self.assertEqual(len(_log._logs), self.before)
            client.report("o", "T", Answer.ACCEPT)

    def test_what_a_log_function_raises_is_swallowed(self) -> None:
        with wxsub.Client(support.offline_settings()) as client:
            calls: List[int] = []

            def broken(level: LogLevel, text: str) -> None:
                calls.append(1)
                raise RuntimeError(text)

            client.set_log(broken, LogLevel.DEBUG)
            self.assertEqual(client.report("o", "T", Answer.ACCEPT).remaining, 1)
            self.assertTrue(calls)

    def test_it_never_runs_in_the_main_thread(self) -> None:
        """A signal handler would run in it, and what that raises be lost."""
        with wxsub.Client(support.offline_settings()) as client:
            threads: Set[threading.Thread] = set()
            client.set_log(lambda level, text: threads.add(threading.current_thread()), LogLevel.DEBUG)
            client.report("o", "T", Answer.ACCEPT)
            client.report_json("o", {"T": "accept"})
            client.try_send(support.message("o"))
        self.assertTrue(threads)
        self.assertNotIn(threading.main_thread(), threads)

    def test_a_log_function_may_call_its_client_and_close_it(self) -> None:
        with wxsub.Client(support.offline_settings()) as client:
            counts: List[int] = []
            client.set_log(lambda level, text: counts.append(client.quota("o", "T")), LogLevel.DEBUG)
            client.report("o", "T", Answer.ACCEPT)
            self.assertTrue(counts)
            client.set_log(lambda level, text: client.close(), LogLevel.DEBUG)
            try:
                client.report("o", "T", Answer.ACCEPT)
            except (wxsub.ClosedError, wxsub.StoreError, wxsub.Cancelled):
                pass
            self.assertTrue(client.closed)

    def test_with_pythons_logging(self) -> None:
        with wxsub.Client(support.offline_settings()) as client:
            logger = logging.getLogger("wxsub.test")
            with self.assertLogs(logger, logging.DEBUG) as caught:
                client.set_log(lambda level, text: logger.log(level.logging_level, text), LogLevel.DEBUG)
                client.report("o", "T", Answer.ACCEPT)
            self.assertTrue(caught.records)


class FromManyThreads(support.SimCase):
    def test_lines_come_from_every_thread_and_hold_no_secret(self) -> None:
        client = self.client()
        lines: Lines = []
        client.set_log(lambda level, text: lines.append((level, text)), LogLevel.DEBUG)
        players = [self.player(client) for _ in range(8)]
        threads = [threading.Thread(target=client.send, args=(message(openid),)) for openid in players]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreaterEqual(len(lines), 16)
        self.assertFalse([text for _, text in lines if support.SECRET in text or "access_token=" in text])
        self.assertFalse([text for _, text in lines if "\n" in text])


if __name__ == "__main__":
    unittest.main()
