"""Without waiting: tickets and their results, and messages that wait in the queue or in the store."""

from __future__ import annotations

import ctypes
import math
from ctypes import byref
from typing import Any, Callable, Iterator, List, Optional, Union

from ._arguments import Json, OnConflict, OnUnknown, When, body_of, encoded, fits, number_of_answer, options_of, unix_ms
from ._inbox import SLICE, Inbox
from ._native import lib, new_result
from .errors import ClosedError, ForkedError, StoreError, check, check_status
from .result import Answer, Result, Status, from_raw
from .stats import Stats


class Submitter:
    """The methods that hand work over and take its results."""

    _handle: Optional[int]
    _inbox: Inbox
    _shut_down: bool

    def _call(self, function: Callable[..., int], *arguments: Any) -> int:
        """Makes a native call."""
        raise NotImplementedError

    def stats(self) -> Stats:
        """What was done since the client was opened, and what waits now."""
        raise NotImplementedError

    def submit(
        self,
        message: Json,
        *,
        key: Optional[str] = None,
        tag: Optional[int] = None,
        timeout: Optional[float] = None,
        rules: bool = False,
        durable: bool = False,
        deliver_at: Optional[When] = None,
        expires_at: Optional[When] = None,
        on_conflict: Optional[OnConflict] = None,
        on_unknown: Optional[OnUnknown] = None,
        notify: bool = True,
    ) -> int:
        """Takes a message in and returns at once; threads of the library send it. For a game loop.

        :param message: as for :meth:`send`; ``key``, ``tag``, ``timeout`` and ``rules`` too.
        :param durable: it is put into the store and survives a crash. Its result then says that it is ``stored`` (or
            why not), and its verdict comes later, as an ``outcome``, with your ``tag`` and ``key``. Failures that may
            pass are tried again until ``expires_at``.
        :param deliver_at: when to send it; implies ``durable``. Whichever process has the store open then does.
        :param expires_at: after that it ends as :attr:`Status.EXPIRED`; default: 24 hours after ``deliver_at``.
        :param on_conflict: with a key, when one that waits has it, too: ``"keep"`` that one (the default; the result is
            ``replayed``), or ``"replace"`` it.
        :param on_unknown: when it was maybe sent: ``"report"`` that (the default), or ``"resend"`` it, maybe twice.
        :param notify: False: neither result nor outcome is wanted; the ticket is 0.
        :returns: its ticket. Exactly one result of :meth:`poll` has it, whatever happens but :meth:`close`.
        :raises QueueFull: poll, and submit again in the next tick.
        :raises InvalidArgument: no JSON, no ``touser``, or a wrong option. Other faults come as the ticket's result.
        """
        options = options_of(
            key=key,
            tag=tag,
            timeout_ms=None if timeout is None else math.ceil(timeout * 1000),
            rules=rules or None,
            durable=durable or None,
            deliver_at=unix_ms("deliver_at", deliver_at),
            expires_at=unix_ms("expires_at", expires_at),
            on_conflict=on_conflict,
            on_unknown=on_unknown,
            notify=None if notify else False,
        )
        ticket, why = ctypes.c_uint64(), new_result()
        # Here and not behind: it never waits.
        lib.wxsub_submit(self._handle, body_of(message), options, byref(ticket), byref(why))
        check(from_raw(why))
        return ticket.value

    def submit_report(
        self,
        openid: str,
        template_id: Optional[str],
        answer: Union[Answer, int, str],
        key: Optional[str] = None,
        *,
        tag: int = 0,
    ) -> int:
        """As :meth:`report`, without waiting for the disk. The answer is on disk when the ticket's result is ``ok``.

        :param tag: your own number, echoed.
        :returns: its ticket.
        :raises QueueFull: poll, and report again in the next tick.
        """
        ticket, why = ctypes.c_uint64(), new_result()
        lib.wxsub_submit_report(
            self._handle,
            encoded("openid", openid),
            encoded("template_id", template_id),
            number_of_answer(answer),
            encoded("key", key),
            fits("tag", tag, 0, 2**64 - 1),
            byref(ticket),
            byref(why),
        )
        check(from_raw(why))
        return ticket.value

    def poll(self, limit: int = 64, wait: float = 0.0) -> List[Result]:
        """Takes finished results, of tickets and outcomes of durable messages. Still works after :meth:`shutdown`.

        When Ctrl-C breaks off the wait, nothing is lost: the next poll has what came meanwhile.

        :param limit: how many at most.
        :param wait: seconds to wait for the first.
        :returns: each result goes to one poll only; none: there was nothing.
        """
        return self._inbox.poll(self._handle, fits("limit", limit, 1, 2**31 - 1), wait)

    def results(self) -> Iterator[Result]:
        """Every result as it comes. Ends when the client is closed, or was shut down and all results were taken. ::

            for result in client.results():
                ...
        """
        ended = False
        while True:
            try:
                taken = self.poll(1, SLICE)
            except ForkedError:
                raise
            except ClosedError:
                return
            if taken:
                yield taken[0]
            elif ended:
                return
            else:
                ended = self._shut_down and self._is_idle()

    def poll_handle(self) -> int:
        """A descriptor for an event loop: readable while :meth:`poll` has something. Only wait for it: don't read,
        write or close it. It is the client's, and :meth:`close` ends it. (After a poll that Ctrl-C broke off, poll once
        before waiting for it.)

        :raises InternalError: not Linux: use :meth:`poll` with ``wait`` instead.
        """
        handle = ctypes.c_ssize_t()
        check_status("wxsub_poll_handle", lib.wxsub_poll_handle(self._handle, byref(handle)))
        return handle.value

    def cancel(self, openid: str, key: str) -> Result:
        """Takes a message back that was submitted with a key and waits, also in another process. When it returns, it is
        on disk that the message will not be sent. A ticket without a result gets :attr:`Status.CANCELLED`.

        :raises TooLate: it is being sent, or was sent or maybe sent.
        :raises NotFound: nothing waits with this key.
        """
        out = new_result()
        self._call(lib.wxsub_cancel, encoded("openid", openid), encoded("key", key), byref(out))
        return check(from_raw(out))

    def lookup(self, openid: str, key: str) -> Optional[Result]:
        """Tells what became of a message with a key, whichever process sent it, until 24 hours after its end.

        :returns: how it ended, ``replayed``, whatever the verdict; ``stored``: it waits in the store, for
            ``retry_after`` seconds more; :attr:`Status.BUSY`: it is in this process's queue or being sent; None: no
            message of this player has this key.
        """
        out = new_result()
        self._call(lib.wxsub_lookup, encoded("openid", openid), encoded("key", key), byref(out))
        result = from_raw(out)
        if result.status == Status.NOT_FOUND:
            return None
        return result if result.replayed or result.status == Status.BUSY else check(result)

    def _is_idle(self) -> bool:
        """Whether no more results are to come, after a shutdown."""
        try:
            stats = self.stats()
        except (ClosedError, StoreError):
            return True
        return stats.queued == 0 and stats.running == 0
