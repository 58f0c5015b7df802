"""Submitting from asyncio: ``await`` gives the result, and nothing blocks the loop."""

from __future__ import annotations

import asyncio
import os
import threading
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Type, Union

from ._arguments import Json, OnConflict, OnUnknown, When
from .client import Client
from .errors import ClosedError, InternalError, check
from .result import Answer, Result, Retry, Status

#: How many results are handed out between two looks at the rest of the loop.
_BATCH = 256
#: How long the thread waits that polls where there is no descriptor to wait for.
_SLICE = 0.2


class AsyncClient:
    """Awaits what a :class:`Client` submits, in one event loop::

        with wxsub.Client(...) as client:
            async with wxsub.AsyncClient(client, others=print) as game:
                sent = await game.submit({"touser": openid, "template_id": template, "data": {...}})

    Every method belongs to the loop's thread; the client itself may be used from anywhere. While this is on, nobody
    else may poll the client. On Linux the loop watches a descriptor; elsewhere a thread polls.

    A task that is cancelled while it waits leaves its message alone, which may still be sent. So do leaving the
    ``async with`` and closing the client: who waits then gets :class:`MaybeSent`. (After :meth:`Client.shutdown` every
    message has its verdict.)

    :param others: gets, in the loop, the results that nobody awaits: outcomes of durable messages, results of what the
        client itself submitted, and those of cancelled tasks. What it raises goes to the loop's exception handler.
    """

    def __init__(self, client: Client, others: Optional[Callable[[Result], object]] = None) -> None:
        self._client = client
        self._others = others
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._open: Dict[int, asyncio.Future[Result]] = {}
        self._handle = -1
        self._thread: Optional[threading.Thread] = None
        self._leaving = False

    async def submit(
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
    ) -> Result:
        """Submits a message, see :meth:`Client.submit`, and waits: it was sent, or, if durable, it is stored.

        :raises QueueFull: too many wait.
        :raises WxsubError: the subclass for any other verdict, see :meth:`Client.send`.
        """
        self._check_inside()
        ticket = self._client.submit(
            message,
            key=key,
            tag=tag,
            timeout=timeout,
            rules=rules,
            durable=durable,
            deliver_at=deliver_at,
            expires_at=expires_at,
            on_conflict=on_conflict,
            on_unknown=on_unknown,
        )
        return check(await self._result_of(ticket))

    async def submit_report(
        self,
        openid: str,
        template_id: Optional[str],
        answer: Union[Answer, int, str],
        key: Optional[str] = None,
        *,
        tag: int = 0,
    ) -> Result:
        """Reports an answer, see :meth:`Client.submit_report`, and waits until it is on disk.

        :raises QueueFull: too many wait.
        :raises StoreError: report again; with ``retry`` :attr:`Retry.UNSAFE` (Redis) it may have been counted, and only the
            same ``key`` makes that safe. Else nothing was changed.
        """
        self._check_inside()
        return check(await self._result_of(self._client.submit_report(openid, template_id, answer, key, tag=tag)))

    @property
    def waiting(self) -> int:
        """How many results are awaited, or were by tasks that are cancelled."""
        return len(self._open)

    async def __aenter__(self) -> AsyncClient:
        if self._loop is not None:
            raise RuntimeError("an AsyncClient can be entered once")
        self._loop = asyncio.get_running_loop()
        if not self._watch(self._loop):
            self._thread = threading.Thread(target=self._poll, name="wxsub-poll", daemon=True)
            self._thread.start()
        self._client._at_close[id(self)] = self._client_closed
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        assert self._loop is not None
        self._leaving = True
        self._client._at_close.pop(id(self), None)
        self._watch_no_more()
        try:
            if self._thread is not None:
                await self._loop.run_in_executor(None, self._thread.join)
        finally:
            self._end_all()

    def _check_inside(self) -> None:
        if self._loop is None or self._leaving:
            raise RuntimeError("an AsyncClient works within its `async with` only")

    async def _result_of(self, ticket: int) -> Result:
        # No other thread hands out results: it cannot have come yet.
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._open[ticket] = future
        return await future

    def _watch(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Has the loop wait for results; False where it cannot."""
        try:
            # A descriptor of our own: the loop must not watch one that another thread may close.
            self._handle = os.dup(self._client.poll_handle())
        except InternalError:
            return False
        try:
            loop.add_reader(self._handle, self._take)
        except NotImplementedError:
            os.close(self._handle)
            self._handle = -1
            return False
        return True

    def _watch_no_more(self) -> None:
        if self._handle >= 0:
            assert self._loop is not None
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1

    def _take(self) -> None:
        try:
            results = self._client.poll(_BATCH)
        except ClosedError:
            self._end_with_client()
        else:
            self._hand_out(results)

    def _poll(self) -> None:
        """In a thread of its own."""
        assert self._loop is not None
        while not self._leaving:
            try:
                results = self._client.poll(_BATCH, _SLICE)
            except ClosedError:
                return
            if results:
                self._in_loop(self._hand_out, results)

    def _hand_out(self, results: List[Result]) -> None:
        for result in results:
            future = self._open.pop(result.ticket, None)
            if future is not None and not future.done():
                future.set_result(result)
            elif self._others is not None:
                self._tell(self._others, result)

    def _tell(self, others: Callable[[Result], object], result: Result) -> None:
        try:
            others(result)
        except Exception as error:
            assert self._loop is not None
            self._loop.call_exception_handler({"message": "wxsub: others() raised", "exception": error})

    def _client_closed(self) -> None:
        """In the thread that closes it."""
        self._in_loop(self._end_with_client)

    def _end_with_client(self) -> None:
        # A closed client's descriptor is ready for ever.
        self._watch_no_more()
        self._end_all()

    def _in_loop(self, function: Callable[..., object], *arguments: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody waits
            pass

    def _end_all(self) -> None:
        if self._client.closed:
            why = "the client was closed before the result came: it may have been sent"
        else:
            why = "its AsyncClient was left before the result came: it may have been sent, or still be"
        for ticket, future in list(self._open.items()):
            if not future.done():
                future.set_result(Result(Status.UNKNOWN, why, retry=Retry.UNSAFE, ticket=ticket))
        self._open.clear()
