"""A host's own way to WeChat: requests from native threads into Python, and the answers back.

As for log lines, the library gets two functions that live as long as this module, and a number.
"""

from __future__ import annotations

import ctypes
import itertools
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Callable, Dict, Optional

from ._native import DestroyFn, HttpFn, RawHttpRequest, RawHttpResponse, lib


class HttpEnd(IntEnum):
    """Whether a request left (``WXSUB_HTTP_*``)."""

    #: An answer came, whatever its status.
    ANSWERED = 0
    #: No byte of the request left, surely.
    NOT_SENT = 1
    #: The request left, or may have, and no whole answer came.
    MAYBE_SENT = 2


@dataclass(frozen=True)
class HttpRequest:
    """A request that a host's transport is to make (``wxsub_http_request``). ``repr()`` shows no secrets."""

    #: ``"POST"`` or ``"GET"``.
    method: str
    #: The whole URL. It holds the access token or the secret: never log it.
    url: str = field(repr=False)
    #: The Content-Type of the body; None without one.
    content_type: Optional[str]
    #: The body; empty without one. It may hold the secret: never log it.
    body: bytes = field(repr=False)
    #: Seconds after which to give up.
    timeout: float


@dataclass(frozen=True)
class HttpReply:
    """What became of a request. Made by :meth:`answered`, :meth:`not_sent` or :meth:`maybe_sent`."""

    #: Whether the request left.
    end: HttpEnd
    #: The answer's HTTP status.
    status: int = 0
    #: The answer's body.
    body: bytes = field(default=b"", repr=False)
    #: Without an answer: why, for an operator.
    why: str = ""

    @staticmethod
    def answered(status: int, body: bytes) -> HttpReply:
        """An answer came, whatever its status."""
        return HttpReply(HttpEnd.ANSWERED, status=status, body=body)

    @staticmethod
    def not_sent(why: str) -> HttpReply:
        """No byte of the request left, surely. ``why`` without the URL."""
        return HttpReply(HttpEnd.NOT_SENT, why=why)

    @staticmethod
    def maybe_sent(why: str) -> HttpReply:
        """The request left, or may have, and no whole answer came. ``why`` without the URL."""
        return HttpReply(HttpEnd.MAYBE_SENT, why=why)


#: What :meth:`wxsub.Client.set_transport` takes.
Transport = Callable[[HttpRequest], HttpReply]

_transports: Dict[int, Transport] = {}
#: Calls that run, and until when each was told to end.
_calls: Dict[int, float] = {}
_numbers = itertools.count(1)


def forget() -> None:
    """In a forked child: the library never calls again."""
    _transports.clear()
    _calls.clear()


def latest_end() -> float:
    """Until when the calls that run were told to end, on the monotonic clock; 0 when none runs."""
    return max(list(_calls.values()), default=0.0)


def is_held() -> bool:
    """Whether the library still has a transport."""
    return bool(_transports)


def install(client: Optional[int], transport: Transport) -> int:
    """``wxsub_set_transport``; the library calls :data:`DROP` when it needs ``transport`` no more, also when it did not
    take it."""
    number = next(_numbers)
    _transports[number] = transport
    return int(lib.wxsub_set_transport(client, CALL, number, DROP))


def _call(number: Optional[int], request: Any, response: Any) -> int:
    call = next(_numbers)
    try:
        raw: RawHttpRequest = request[0]
        _calls[call] = time.monotonic() + raw.timeout_ms / 1000
        return _answer(_transports[number or 0](_read(raw)), response[0])
    except BaseException as error:
        # Not its text, which may hold the URL.
        return _no_answer(HttpEnd.MAYBE_SENT, f"the transport raised {type(error).__name__}", response[0])
    finally:
        _calls.pop(call, None)


def _read(raw: RawHttpRequest) -> HttpRequest:
    return HttpRequest(
        method=raw.method.decode(),
        url=raw.url.decode("utf-8", "surrogateescape"),
        content_type=None if raw.content_type is None else raw.content_type.decode(),
        body=ctypes.string_at(raw.body, raw.body_len) if raw.body_len else b"",
        timeout=raw.timeout_ms / 1000,
    )


def _answer(reply: HttpReply, response: RawHttpResponse) -> int:
    if not isinstance(reply, HttpReply):
        return _no_answer(HttpEnd.MAYBE_SENT, f"the transport returned {type(reply).__name__}, no HttpReply", response)
    if reply.end != HttpEnd.ANSWERED:
        return _no_answer(reply.end, reply.why, response)
    if len(reply.body) > response.body_capacity:
        return _no_answer(HttpEnd.MAYBE_SENT, "the answer is longer than wxsub takes", response)
    ctypes.memmove(response.body, bytes(reply.body), len(reply.body))
    response.http_status = reply.status
    response.body_len = len(reply.body)
    return HttpEnd.ANSWERED


def _no_answer(end: HttpEnd, why: str, response: RawHttpResponse) -> int:
    response.message = why.encode("utf-8", "replace").split(b"\0")[0][: RawHttpResponse.message.size - 1]
    return end


def _drop(number: Optional[int]) -> None:
    _transports.pop(number or 0, None)


#: ``wxsub_http_fn`` for every client.
CALL = HttpFn(_call)
#: ``wxsub_destroy_fn`` for every client.
DROP = DestroyFn(_drop)
