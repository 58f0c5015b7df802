"""Messages in the store: sent at their time, cancelled, replaced, looked up."""

from __future__ import annotations

import time
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any

import support
import wxsub
from support import message
from wxsub import Result, Status
from wxsub._arguments import unix_ms


def soon(**delta: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(**delta)


def take(client: wxsub.Client) -> Result:
    """The next result."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for result in client.poll(1, wait=1):
            return result
    raise AssertionError("no result came")


class Outbox(support.SimCase):
    def stored(self, client: wxsub.Client, openid: str, **options: Any) -> Result:
        """Submits a message; its ticket's result."""
        ticket = client.submit(message(openid), **options)
        result = take(client)
        self.assertEqual(result.ticket, ticket)
        return result

    def found(self, client: wxsub.Client, openid: str, key: str) -> Result:
        """What lookup tells of a key that there is."""
        result = client.lookup(openid, key)
        assert result is not None
        return result

    def test_sent_at_its_time(self) -> None:
        client = self.client()
        openid = self.player(client)
        due = soon(seconds=1.2)
        stored = self.stored(client, openid, key="k", tag=9, deliver_at=due, expires_at=due + timedelta(hours=1))
        self.assertEqual((stored.ok, stored.stored, stored.outcome, stored.tag), (True, True, False, 9))
        waits = self.found(client, openid, "k")
        self.assertEqual((waits.ok, waits.stored, waits.replayed, waits.tag), (True, True, False, 9))
        self.assertTrue(0 < waits.retry_after <= 1.2)
        self.assertEqual(client.stats().outbox_waiting, 1)
        self.assertEqual(self.delivered(openid), [])

        sent = take(client)
        self.assertGreaterEqual(datetime.now(timezone.utc), due - timedelta(milliseconds=1))
        self.assertEqual((sent.ok, sent.outcome, sent.ticket, sent.tag, sent.key), (True, True, 0, 9, "k"))
        self.assertEqual([d["msgid"] for d in self.delivered(openid)], [sent.msgid])
        ended = self.found(client, openid, "k")
        self.assertEqual((ended.ok, ended.replayed, ended.msgid), (True, True, sent.msgid))
        self.assertIsNone(client.lookup(openid, "other"))
        with self.assertRaises(wxsub.InvalidArgument):
            client.lookup(openid, "")

    def test_another_client_sends_what_this_one_stored(self) -> None:
        with self.client() as client:
            openid = self.player(client)
            self.stored(client, openid, deliver_at=soon(milliseconds=700), tag=3)
        sent = take(self.client())
        self.assertEqual((sent.ok, sent.outcome, sent.tag), (True, True, 3))
        self.assertEqual(len(self.delivered(openid)), 1)

    def test_cancel_keep_and_replace(self) -> None:
        client = self.client()
        openid = self.player(client, 3)
        later = int(time.time() * 1000) + 3_600_000
        self.stored(client, openid, key="k", tag=1, deliver_at=later)
        kept = self.stored(client, openid, key="k", tag=2, durable=True, on_conflict="keep")
        self.assertEqual((kept.ok, kept.stored, kept.replayed), (True, True, True))
        self.assertEqual(client.cancel(openid, "k").tag, 1)
        with self.assertRaises(wxsub.NotFound):
            client.cancel(openid, "k")
        self.assertEqual(self.found(client, openid, "k").status, Status.CANCELLED)

        self.stored(client, openid, key="k", tag=3, deliver_at=later)
        replaced = self.stored(client, openid, key="k", tag=4, durable=True, on_conflict="replace")
        self.assertEqual((replaced.ok, replaced.stored, replaced.replayed), (True, True, False))
        sent = take(client)
        self.assertEqual((sent.ok, sent.outcome, sent.tag), (True, True, 4))
        with self.assertRaises(wxsub.TooLate):
            client.cancel(openid, "k")
        self.assertEqual(len(self.delivered(openid)), 1)

    def test_cancelled_in_the_queue(self) -> None:
        client = self.client(workers=1, timeout_ms=20000)
        openid = self.player(client, 2)
        self.trouble(openid, "delay", delay_ms=700)
        first = client.submit(message(openid), key="first")
        second = client.submit(message(openid), key="second", tag=6)
        self.assertEqual(self.found(client, openid, "second").status, Status.BUSY)
        self.assertEqual(client.cancel(openid, "second").tag, 6)
        told = take(client)
        self.assertEqual((told.ticket, told.status), (second, Status.CANCELLED))
        sent = take(client)
        self.assertEqual((sent.ticket, sent.ok), (first, True))
        self.assertEqual(len(self.delivered(openid)), 1)

    def test_too_late_refused_or_maybe(self) -> None:
        client = self.client(timeout_ms=1000)
        openid = self.player(client)
        late = self.stored(client, openid, durable=True, expires_at=soon(seconds=-1))
        self.assertEqual((late.status, late.stored), (Status.EXPIRED, False))
        for on_unknown, status, deliveries in (("report", Status.UNKNOWN, 0), ("resend", Status.OK, 1)):
            openid = self.player(client)
            self.trouble(openid, "garbage", text="?")
            self.stored(client, openid, durable=True, key="k", on_unknown=on_unknown)
            self.assertEqual(take(client).status, status)
            self.assertEqual(len(self.delivered(openid)), deliveries)
            self.assertEqual(self.found(client, openid, "k").status, status)


class Times(support.Case):
    def test_times_that_are_none(self) -> None:
        client = self.offline()
        for naive in (datetime.now(), datetime(2030, 1, 1)):
            with self.assertRaisesRegex(ValueError, "deliver_at must have a time zone"):
                client.submit(message("o"), deliver_at=naive)
            with self.assertRaisesRegex(ValueError, "expires_at must have a time zone"):
                client.submit(message("o"), durable=True, expires_at=naive)
        with self.assertRaisesRegex(wxsub.InvalidArgument, "in seconds"):
            client.submit(message("o"), deliver_at=int(time.time()))
        with self.assertRaises(wxsub.InvalidArgument):
            client.submit(message("o"), deliver_at=time.time() * 1000)  # type: ignore[arg-type]
        with self.assertRaisesRegex(wxsub.InvalidArgument, "is not after"):
            client.submit(message("o"), deliver_at=soon(hours=1), expires_at=soon(hours=1) - timedelta(minutes=1))

    def test_every_time_zone_means_the_same(self) -> None:
        due = datetime(2033, 5, 18, 3, 33, 20, 7999, timezone.utc)
        for when in (due, due.astimezone(timezone(timedelta(hours=8))), due.astimezone(), 2_000_000_000_007):
            self.assertEqual(unix_ms("deliver_at", when), 2_000_000_000_007)
        client = self.offline(templates="off")
        body = {"touser": "o", "template_id": "T", "data": {"thing1": "x"}}
        client.submit(body, key="k", deliver_at=soon(days=10).astimezone(timezone(timedelta(hours=-9))))
        self.assertTrue(take(client).stored)
        waits = client.lookup("o", "k")
        assert waits is not None
        self.assertTrue(10 * 86400 - 60 < waits.retry_after <= 10 * 86400)


if __name__ == "__main__":
    unittest.main()
