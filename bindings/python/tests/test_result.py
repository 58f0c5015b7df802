"""Results, enums and exceptions, without a client."""

from __future__ import annotations

import copy
import pickle
import unittest

import support  # noqa: F401  (puts the package on the path)
import wxsub
from wxsub import Flags, LogLevel, Quota, Result, Retry, Status, errors
from wxsub._native import new_result
from wxsub.result import from_raw


class Numbers(unittest.TestCase):
    def test_unknown_numbers_are_no_error(self) -> None:
        for kind in (Status, Retry, Quota, LogLevel):
            unknown = kind(12345)
            self.assertEqual(unknown, 12345)
            self.assertIsInstance(unknown, kind)
            self.assertNotIn(unknown, list(kind))
            self.assertIn("12345", repr(unknown))
            self.assertEqual(pickle.loads(pickle.dumps(unknown)), unknown)
            self.assertEqual(hash(unknown), hash(kind(12345)))
        self.assertEqual(int(Flags(1 | 1 << 20)), 1 | 1 << 20)
        with self.assertRaises(ValueError):
            Status("OK")  # type: ignore[arg-type]

    def test_log_levels_in_the_words_of_logging(self) -> None:
        self.assertEqual([level.logging_level for level in list(LogLevel)[1:]], [40, 30, 20, 10])


class Results(unittest.TestCase):
    def test_a_struct_becomes_a_result(self) -> None:
        raw = new_result()
        raw.status, raw.errcode, raw.http_status, raw.retry, raw.quota = 23, 45011, 200, 1, 2
        raw.remaining, raw.msgid, raw.ticket, raw.tag = 3, 2400000000000000001, 2**64 - 1, 2**63
        raw.attempts, raw.elapsed_ms, raw.retry_after_ms, raw.flags = 3, 4, 1500, 1
        raw.template_id, raw.key, raw.message = b"T", "键".encode(), "满了 \U0001f600".encode() + b"\xe4"
        result = from_raw(raw)
        self.assertEqual(
            result,
            Result(
                status=Status.BUSY,
                message="满了 \U0001f600\ufffd",
                errcode=45011,
                http_status=200,
                retry=Retry.LATER,
                quota=Quota.RETURNED,
                remaining=3,
                msgid=2400000000000000001,
                ticket=2**64 - 1,
                tag=2**63,
                attempts=3,
                elapsed_ms=4,
                retry_after_ms=1500,
                flags=Flags.REPLAYED,
                template_id="T",
                key="键",
            ),
        )
        self.assertTrue(result.replayed)
        self.assertFalse(result.ok)
        self.assertEqual(result.retry_after, 1.5)
        raw.remaining = -1
        self.assertIsNone(from_raw(raw).remaining)
        self.assertEqual(result.remaining, 3)


class Errors(unittest.TestCase):
    def test_every_status_has_its_exception(self) -> None:
        self.assertTrue(errors.check(Result(Status.OK)).ok)
        for status in [*Status, Status(77)]:
            if status is Status.OK:
                continue
            with self.assertRaises(wxsub.WxsubError) as caught:
                errors.check(Result(status, "why", retry_after_ms=250))
            error = caught.exception
            self.assertEqual((error.status, str(error), error.retry_after), (status, "why", 0.25))
            internal = status in (Status.PANIC, Status.INTERNAL) or status == 77
            self.assertEqual(isinstance(error, wxsub.InternalError), internal, status)

    def test_an_exception_survives_a_pickle_and_a_copy(self) -> None:
        for error in (wxsub.NoQuota(Result(Status.NO_QUOTA, "why")), wxsub.InternalError(Result(Status(77)))):
            for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
                self.assertIs(type(other), type(error))
                self.assertEqual(other.result, error.result)

    def test_without_a_message_the_status_speaks(self) -> None:
        self.assertEqual(str(wxsub.Busy(Result(Status.BUSY))), "WXSUB_E_BUSY")


if __name__ == "__main__":
    unittest.main()
