"""A host that carries the requests itself."""

from __future__ import annotations

import gc
import threading
import time
import unittest
import urllib.request
import weakref
from typing import Any, List, Set

import support
import wxsub
from support import TEMPLATE, message
from wxsub import HttpEnd, HttpReply, HttpRequest, Quota, Retry, Status, _transport


def carry(request: HttpRequest) -> HttpReply:
    """As the library itself would."""
    headers = {"content-type": request.content_type} if request.content_type else {}
    made = urllib.request.Request(request.url, request.body or None, headers, method=request.method)
    with support._direct.open(made, timeout=request.timeout) as answer:
        return HttpReply.answered(answer.status, answer.read())


def is_send(request: HttpRequest) -> bool:
    return "message/subscribe/send" in request.url


class Transports(support.SimCase):
    def setUp(self) -> None:
        super().setUp()
        self.before = len(_transport._transports)
        self.addCleanup(self.nothing_is_kept)

    def nothing_is_kept(self) -> None:
        end = time.monotonic() + 5
        while len(_transport._transports) > self.before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(len(_transport._transports), self.before, "a transport was kept")
        self.assertEqual(_transport._calls, {})

    def answered(self, answer: Any) -> wxsub.Result:
        """What becomes of a send for which the transport returns this, or what this returns."""

        def transport(request: HttpRequest) -> Any:
            if not is_send(request):
                return carry(request)
            return answer(request) if callable(answer) else answer

        with self.client(max_attempts=1, timeout_ms=3000) as client:
            openid = self.player(client)
            client.set_transport(transport)
            result = client.try_send(message(openid))
            self.assertEqual(client.quota(openid, TEMPLATE), 0 if result.quota is Quota.CLEARED else 1)
            return result

    def test_it_carries_all_requests_and_never_in_the_main_thread(self) -> None:
        client = self.client(timeout_ms=4000)
        openid = self.player(client, 2)
        seen: List[HttpRequest] = []
        threads: Set[threading.Thread] = set()

        def transport(request: HttpRequest) -> HttpReply:
            seen.append(request)
            threads.add(threading.current_thread())
            return carry(request)

        client.set_transport(transport)
        sent = client.send(message(openid, "体力已满"))
        self.assertEqual((sent.http_status, sent.attempts), (200, 1))
        send = seen[-1]
        self.assertEqual((send.method, send.content_type), ("POST", "application/json"))
        self.assertIn("体力已满".encode(), send.body)
        self.assertTrue(0 < send.timeout <= 4)
        self.assertTrue(is_send(send) and "access_token=" in send.url)
        self.assertNotIn("access_token", repr(send))
        self.assertFalse([request for request in seen if support.SECRET in repr(request)])
        self.assertNotIn(threading.main_thread(), threads)

        calls = len(seen)
        client.set_transport(None)
        client.send(message(openid))
        self.assertEqual((len(seen), len(self.delivered(openid))), (calls, 2))

    def test_what_it_says_decides(self) -> None:
        refused = self.answered(HttpReply.answered(200, b'{"errcode":43101,"errmsg":"user refuse to accept the msg"}'))
        self.assertEqual((refused.status, refused.errcode), (Status.REFUSED, 43101))
        busy = self.answered(HttpReply.answered(503, b'{"errcode":-1,"errmsg":"system error"}'))
        self.assertEqual((busy.status, busy.http_status), (Status.BUSY, 503))
        away = self.answered(HttpReply.not_sent("no route 到"))
        self.assertEqual((away.status, away.retry), (Status.CONNECT, Retry.LATER))
        self.assertIn("no route 到", away.message)
        maybe = self.answered(HttpReply.maybe_sent("cut off"))
        self.assertEqual((maybe.status, maybe.retry), (Status.UNKNOWN, Retry.UNSAFE))
        self.assertIn("cut off", maybe.message)
        self.assertIs(self.answered(HttpReply.answered(200, b"")).status, Status.UNKNOWN)
        self.assertIs(self.answered(HttpReply.not_sent("\0\ud800" + "字" * 200)).status, Status.CONNECT)

    def test_what_it_raises_or_should_not_return_is_a_maybe_without_secrets(self) -> None:
        class Trouble(Exception):
            pass

        def raises(request: HttpRequest) -> HttpReply:
            raise Trouble(request.url)

        def leaves(request: HttpRequest) -> HttpReply:
            raise SystemExit(request.url)

        for answer, said in (
            (raises, "Trouble"),
            (leaves, "SystemExit"),
            (None, "NoneType"),
            ((200, b"{}"), "tuple"),
            (HttpReply.answered(200, "{}"), "TypeError"),  # type: ignore[arg-type]
            (HttpReply.answered("200", b"{}"), "TypeError"),  # type: ignore[arg-type]
            (HttpReply.answered(200, b" " * (2**20 + 1)), "longer"),
            (HttpReply(HttpEnd.MAYBE_SENT, why=7), "AttributeError"),  # type: ignore[arg-type]
        ):
            result = self.answered(answer)
            self.assertEqual((result.status, result.retry), (Status.UNKNOWN, Retry.UNSAFE), said)
            self.assertIn(said, result.message)
            self.assertNotIn("access_token", result.message)

    def test_a_token_in_its_words_is_struck_out(self) -> None:
        tokens: List[str] = []

        def quotes(request: HttpRequest) -> HttpReply:
            tokens.append(request.url.split("access_token=")[1])
            return HttpReply.not_sent("failed: " + request.url)

        result = self.answered(quotes)
        self.assertIn("failed: ", result.message)
        self.assertGreater(len(tokens[0]), 10)
        self.assertNotIn(tokens[0], result.message)

    def test_it_goes_when_it_is_needed_no_more(self) -> None:
        class Carrier:
            def __call__(self, request: HttpRequest) -> HttpReply:
                return HttpReply.not_sent("")

        gone: List[weakref.ref[Carrier]] = []

        def new() -> Carrier:
            carrier = Carrier()
            gone.append(weakref.ref(carrier))
            return carrier

        client = self.client()
        client.set_transport(new())
        gc.collect()
        self.assertIsNotNone(gone[0]())
        client.set_transport(new())
        gc.collect()
        self.assertIsNone(gone[0]())
        client.close()
        self.nothing_is_kept()
        gc.collect()
        self.assertIsNone(gone[1]())
        with self.assertRaises(wxsub.ClosedError):
            client.set_transport(new())
        gc.collect()
        self.assertIsNone(gone[2]())

    def test_many_at_once(self) -> None:
        client = self.client(workers=4)
        client.set_transport(carry)
        players = [self.player(client) for _ in range(20)]
        for openid in players:
            client.submit(message(openid))
        self.assertEqual(client.shutdown(60), 0)
        self.assertEqual([result.status for result in client.results()], [Status.OK] * 20)

    def test_it_may_use_its_client_and_close_it(self) -> None:
        client = self.client(timeout_ms=3000)
        openid = self.player(client)
        counts: List[int] = []

        def transport(request: HttpRequest) -> HttpReply:
            counts.append(client.quota(openid, TEMPLATE))
            client.close()
            return HttpReply.not_sent("closed")

        client.set_transport(transport)
        result = client.try_send(message(openid))
        self.assertIn(result.status, (Status.CANCELLED, Status.CONNECT))
        self.assertTrue(counts and client.closed)


if __name__ == "__main__":
    unittest.main()
