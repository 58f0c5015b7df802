"""Many threads on one client."""

from __future__ import annotations

import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import List

import support
import wxsub
from support import TEMPLATE, message
from wxsub import Answer, Status


class Threads(support.SimCase):
    def test_no_count_is_lost_or_spent_twice(self) -> None:
        client = self.client(timeout_ms=20000)
        openid = self.player(client, 4)
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: client.try_send(message(openid)), range(8)))
        statuses = sorted(result.status for result in results)
        self.assertEqual(statuses, [Status.OK] * 4 + [Status.NO_QUOTA] * 4)
        self.assertEqual(len(self.delivered(openid)), 4)
        self.assertEqual(client.quota(openid, TEMPLATE), 0)

    def test_reports_from_many_threads_all_count(self) -> None:
        client = self.client()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.report("o", "T", Answer.ACCEPT), range(80)))
        self.assertEqual(client.quota("o", "T"), 80)

    def test_others_go_on_while_one_send_waits(self) -> None:
        client = self.client()
        client.send(message(self.player(client)))
        openid = self.player(client)
        self.trouble(openid, "delay", delay_ms=700)
        began = time.monotonic()
        slow = threading.Thread(target=client.try_send, args=(message(openid),))
        slow.start()
        time.sleep(0.1)
        other = self.player(client)
        client.send(message(other))
        self.assertLess(time.monotonic() - began, 0.6)
        self.assertTrue(slow.is_alive())
        slow.join()
        self.assertGreaterEqual(time.monotonic() - began, 0.7)

    def test_closing_ends_what_runs(self) -> None:
        client = self.client(timeout_ms=30000)
        client.send(message(self.player(client)))
        players = [self.player(client) for _ in range(4)]
        for openid in players:
            self.trouble(openid, "stall")
        results: List[wxsub.Result] = []
        threads = [
            threading.Thread(target=lambda o=openid: results.append(client.try_send(message(o)))) for openid in players
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        began = time.monotonic()
        client.close()
        for thread in threads:
            thread.join(10)
        self.assertLess(time.monotonic() - began, 4)
        self.assertEqual([result.status for result in results], [Status.UNKNOWN] * 4)
        with self.assertRaises(wxsub.ClosedError):
            client.send(message("o"))

    def test_clients_open_and_close_at_once_on_one_store(self) -> None:
        def one(number: int) -> int:
            with wxsub.Client(support.settings(self.store)) as client:
                client.report("o", "T", Answer.ACCEPT, key=str(number))
                return client.quota("o", "T")

        with ThreadPoolExecutor(6) as pool:
            counts = list(pool.map(one, range(18)))
        self.assertEqual(max(counts), 18)


if __name__ == "__main__":
    unittest.main()
