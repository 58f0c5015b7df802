"""Submitting and polling: one result per ticket, whatever happens."""

from __future__ import annotations

import select
import sys
import threading
import time
import unittest
from typing import List

import support
import wxsub
from support import TEMPLATE, message, sim
from wxsub import Answer, Quota, Result, Status


def poll_all(client: wxsub.Client, wanted: int) -> List[Result]:
    """Polls until there are so many results, and a moment longer."""
    until = time.monotonic() + 60
    results: List[Result] = []
    while len(results) < wanted and time.monotonic() < until:
        results += client.poll(wait=0.2)
    return results + client.poll(wait=0.02)


class Submit(support.SimCase):
    def test_a_ticket_has_the_verdict_as_its_result(self) -> None:
        client = self.client()
        openid = self.player()
        reported = client.submit_report(openid, TEMPLATE, Answer.ACCEPT, key="tap", tag=2**64 - 1)
        submitted = client.submit(message(openid), key="mail", tag=7, timeout=4.5)
        self.assertGreater(submitted, reported)
        accepted, sent = poll_all(client, 2)
        self.assertEqual((accepted.ticket, accepted.quota, accepted.tag), (reported, Quota.GRANTED, 2**64 - 1))
        self.assertEqual((sent.ticket, sent.status, sent.quota, sent.tag), (submitted, Status.OK, Quota.SPENT, 7))
        self.assertEqual((accepted.key, sent.key), ("tap", "mail"))
        self.assertFalse(sent.stored or sent.outcome or sent.replayed)
        self.assertEqual([d["msgid"] for d in self.delivered(openid)], [sent.msgid])

    def test_a_verdict_is_a_result_and_raises_nothing(self) -> None:
        client = self.client()
        openid = self.player(client)
        sim("refuse", {"openid": openid, "template_id": TEMPLATE})
        client.submit(message(openid), tag=1)
        client.submit(message(openid), tag=2)
        client.submit({"touser": openid}, tag=3)
        refused, none, wrong = poll_all(client, 3)
        self.assertEqual((refused.tag, refused.errcode, refused.status), (1, 43101, Status.REFUSED))
        self.assertEqual((none.tag, none.status), (2, Status.NO_QUOTA))
        self.assertEqual((wrong.tag, wrong.status), (3, Status.ARG))

    def test_every_ticket_has_one_result_from_many_threads(self) -> None:
        client = self.client(workers=3, quota="observe", durability="normal")
        tickets: List[int] = []
        polled: List[int] = []
        done = threading.Event()

        def submit(number: int) -> None:
            for n in range(40):
                openid = f"o-crowd-{(number * 3 + n) % 10}"
                if n % 2:
                    tickets.append(client.submit_report(openid, TEMPLATE, Answer.ACCEPT))
                else:
                    tickets.append(client.submit(message(openid)))

        def poll() -> None:
            while not done.is_set() or len(polled) < len(tickets):
                polled.extend(result.ticket for result in client.poll(5, wait=0.05))

        submits = [threading.Thread(target=submit, args=(n,)) for n in range(3)]
        polls = [threading.Thread(target=poll) for _ in range(2)]
        for thread in submits + polls:
            thread.start()
        for thread in submits:
            thread.join()
        done.set()
        for thread in polls:
            thread.join(60)
        self.assertEqual(len(tickets), 120)
        self.assertEqual(sorted(polled), sorted(tickets))

    def test_without_notify_there_is_no_result(self) -> None:
        client = self.client()
        openid = self.player(client)
        self.assertEqual(client.submit(message(openid), notify=False), 0)
        until = time.monotonic() + 30
        while not self.delivered(openid) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(len(self.delivered(openid)), 1)
        self.assertEqual(client.poll(wait=0.1), [])


class Refused(support.Case):
    def test_what_is_wrong_has_no_ticket(self) -> None:
        client = self.offline()
        for wrong in ("", "{", "[]", "{}", '{"touser":""}', '{"touser":"o"}\0'):
            with self.assertRaises(wxsub.InvalidArgument, msg=wrong) as caught:
                client.submit(wrong)
            self.assertTrue(str(caught.exception))
        for options in (
            {"tag": -1},
            {"tag": 2**64},
            {"key": "k" * 513},
            {"timeout": -1.0},
            {"on_conflict": "replace"},
            {"on_unknown": "resend"},
            {"durable": True, "on_unknown": "drop"},
            {"deliver_at": 1_800_000_000},
        ):
            with self.assertRaises(wxsub.InvalidArgument, msg=options):
                client.submit(message("o"), **options)
        for tag in (-1, 2**64):
            with self.assertRaises(wxsub.InvalidArgument):
                client.submit_report("o", "T", Answer.ACCEPT, tag=tag)
        for openid, template, answer in (("", "T", 1), ("o", "", 1), ("o", None, 1), ("o", "T", 9), ("o\0", "T", 1)):
            with self.assertRaises(wxsub.InvalidArgument, msg=(openid, template, answer)):
                client.submit_report(openid, template, answer)
        for limit in (0, -1, 2**31):
            with self.assertRaises(wxsub.InvalidArgument):
                client.poll(limit)
        with self.assertRaises(TypeError):
            client.submit(message("o", count=object()))
        self.assertEqual(client.poll(wait=0.05), [])

    def test_a_full_queue_says_so(self) -> None:
        client = self.offline(queue_capacity=3)
        for _ in range(3):
            client.submit_report("o", "T", Answer.ACCEPT)
        with self.assertRaises(wxsub.QueueFull) as caught:
            client.submit_report("o", "T", Answer.ACCEPT)
        self.assertIsInstance(caught.exception, wxsub.NotSent)
        with self.assertRaises(wxsub.QueueFull):
            client.submit(message("o"))
        self.assertEqual(len(poll_all(client, 3)), 3)
        client.submit_report("o", "T", Answer.ACCEPT)
        self.assertEqual(poll_all(client, 1)[0].remaining, 4)


class Poll(support.Case):
    def test_it_waits_as_long_as_it_was_told(self) -> None:
        client = self.offline()
        began = time.monotonic()
        self.assertEqual(client.poll(), [])
        self.assertEqual(client.poll(wait=-1), [])
        self.assertLess(time.monotonic() - began, 0.2)
        self.assertEqual(client.poll(wait=0.5), [])
        self.assertGreaterEqual(time.monotonic() - began, 0.45)
        threading.Timer(0.3, client.submit_report, ("o", "T", Answer.ACCEPT)).start()
        began = time.monotonic()
        self.assertEqual(len(client.poll(wait=float("inf"))), 1)
        self.assertLess(time.monotonic() - began, 10)

    def test_it_takes_no_more_than_asked_for(self) -> None:
        client = self.offline(durability="normal")
        tickets = [client.submit_report("o", "T", Answer.ACCEPT) for _ in range(700)]
        until = time.monotonic() + 60
        while client.stats().results < 700 and time.monotonic() < until:
            time.sleep(0.01)
        got = [result.ticket for result in client.poll(1)]
        self.assertEqual(len(got), 1)
        got += [result.ticket for result in client.poll(600)]
        self.assertEqual(len(got), 601)
        got += [result.ticket for result in client.poll(600, wait=5)]
        self.assertEqual(got, tickets)

    def test_closing_ends_a_poll_that_waits(self) -> None:
        client = self.offline()
        threading.Timer(0.2, client.close).start()
        with self.assertRaises(wxsub.ClosedError):
            client.poll(wait=60)

    @unittest.skipUnless(sys.platform == "linux", "only Linux has the descriptor")
    def test_the_handle_is_ready_while_there_is_something(self) -> None:
        client = self.offline()
        handle = client.poll_handle()
        self.assertEqual(client.poll_handle(), handle)
        self.assertEqual(select.select([handle], [], [], 0)[0], [])
        client.submit_report("o", "T", Answer.ACCEPT)
        self.assertEqual(select.select([handle], [], [], 30)[0], [handle])
        self.assertEqual(len(client.poll()), 1)
        self.assertEqual(select.select([handle], [], [], 0)[0], [])


class Iterating(support.Case):
    def test_it_ends_after_a_shutdown_with_the_last_result(self) -> None:
        client = self.offline(durability="normal")
        tickets = [client.submit_report(f"o{n % 5}", "T", Answer.ACCEPT) for n in range(100)]
        threading.Timer(0.1, client.shutdown, (30,)).start()
        self.assertEqual(sorted(result.ticket for result in client.results()), tickets)
        self.assertEqual(list(client.results()), [])
        with self.assertRaises(wxsub.ClosedError):
            client.submit_report("o", "T", Answer.ACCEPT)

    def test_it_ends_when_the_client_is_closed(self) -> None:
        client = self.offline()
        threading.Timer(0.2, client.close).start()
        self.assertEqual(list(client.results()), [])
        self.assertEqual(list(client.results()), [])

    def test_leaving_it_loses_nothing(self) -> None:
        client = self.offline()
        tickets = [client.submit_report("o", "T", Answer.ACCEPT) for _ in range(10)]
        got: List[int] = []
        for _ in range(5):
            for result in client.results():
                got.append(result.ticket)
                if len(got) % 2 == 0:
                    break
        self.assertEqual(got, tickets)

    def test_several_share_the_results(self) -> None:
        client = self.offline(durability="normal")
        got: List[int] = []
        threads = [threading.Thread(target=lambda: got.extend(r.ticket for r in client.results())) for _ in range(3)]
        for thread in threads:
            thread.start()
        tickets = [client.submit_report(f"o{n % 7}", "T", Answer.ACCEPT) for n in range(90)]
        client.shutdown(30)
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        self.assertEqual(sorted(got), tickets)


class Ends(support.SimCase):
    def test_a_shutdown_lets_end_what_was_submitted(self) -> None:
        client = self.client(workers=2)
        players = [self.player() for _ in range(15)]
        for openid in players:
            client.submit_report(openid, TEMPLATE, Answer.ACCEPT)
            client.submit(message(openid))
        self.assertEqual(client.shutdown(60), 0)
        self.assertEqual([result.status for result in client.results()], [Status.OK] * 30)
        self.assertEqual(client.shutdown(), 0)
        self.assertEqual(client.stats().sent, 15)
        self.assertFalse(client.closed)
        with self.assertRaises(wxsub.ClosedError):
            client.quota("o", TEMPLATE)
        for drain in (-1, 2**32):
            with self.assertRaises(wxsub.InvalidArgument):
                client.shutdown(drain)

    def test_a_shutdown_interrupts_what_takes_too_long(self) -> None:
        client = self.client(workers=1, timeout_ms=60000)
        client.send(message(self.player(client)))
        players = [self.player(client) for _ in range(3)]
        self.trouble(players[0], "stall")
        tickets = [client.submit(message(openid)) for openid in players]
        until = time.monotonic() + 30
        while not sim("requests", openid=players[0]) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(client.shutdown(0.05), 3)
        results = {result.ticket: result.status for result in client.results()}
        self.assertEqual(results, dict(zip(tickets, [Status.UNKNOWN, Status.CANCELLED, Status.CANCELLED])))

    def test_the_iterator_waits_for_what_does_not_let_itself_be_interrupted(self) -> None:
        client = self.client(timeout_ms=20000)
        openid = self.player(client)
        called = threading.Event()

        def slow(request: wxsub.HttpRequest) -> wxsub.HttpReply:
            called.set()
            time.sleep(2)
            return wxsub.HttpReply.not_sent("at last")

        client.set_transport(slow)
        ticket = client.submit(message(openid))
        self.assertTrue(called.wait(30))
        self.assertEqual(client.shutdown(0), 1)
        self.assertEqual([result.ticket for result in client.results()], [ticket])

    def test_the_numbers(self) -> None:
        client = self.client()
        openid = self.player(client)
        client.send(message(openid), key="k")
        client.send(message(openid), key="k")
        client.submit(message(openid))
        poll_all(client, 1)
        stats = client.stats()
        self.assertEqual((stats.sent, stats.no_quota, stats.replayed, stats.reports), (1, 1, 1, 1))
        self.assertEqual((stats.token_calls, stats.refused, stats.queued, stats.results), (1, 0, 0, 0))
        self.assertEqual((stats.outbox_waiting, stats.lost_results), (0, 0))


if __name__ == "__main__":
    unittest.main()
