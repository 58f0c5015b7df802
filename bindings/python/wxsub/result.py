"""What the library answers: :class:`Result`, the names of the numbers in it, and what some calls give beside it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any, Optional, Type, TypeVar

from ._native import RawIdentity, RawResult, lib

_E = TypeVar("_E", bound="_Open")


class _Open(IntEnum):
    """Numbers that a newer library may add to: one without a name here becomes a member of its own."""

    @classmethod
    def _missing_(cls: Type[_E], value: Any) -> Optional[_E]:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"_{value}"
        member._value_ = value
        return member

    def __reduce_ex__(self, protocol: Any) -> Any:
        """By value: some versions of Python pickle by name, which a number without one does not have."""
        return self.__class__, (int(self),)


class Status(_Open):
    """The verdict in one word (``WXSUB_OK``, ``WXSUB_E_*``). Treat a number without a name as an internal error."""

    #: Done.
    OK = 0
    #: The call is wrong. Nothing was done.
    ARG = 1
    #: The configuration is wrong; the message names the key.
    CONFIG = 2
    #: The message breaks a template rule, here or at WeChat: fix it, don't retry.
    MESSAGE = 3
    #: The client is closed.
    STATE = 4
    #: Used in a forked child: make the client after the fork, in the process that sends.
    FORKED = 5
    #: The count is 0: nothing was sent, WeChat was not called. The player must accept again.
    NO_QUOTA = 20
    #: WeChat says that the player does not allow it; the count is cleared.
    REFUSED = 21
    #: The queue is full: try again next tick.
    QUEUE_FULL = 22
    #: WeChat or this player is busy or over a limit, after the library's own retries.
    BUSY = 23
    #: appid, secret, token or IP list: an operator must act.
    AUTH = 24
    #: The capability or the template is banned.
    BANNED = 25
    #: Any other errcode of WeChat's.
    WECHAT = 26
    #: A pushed event is not WeChat's.
    SIGNATURE = 27
    #: Failed before the request left: surely not sent.
    CONNECT = 40
    #: The request left and no readable answer came: maybe sent.
    UNKNOWN = 41
    #: Cancelled or shut down before sending.
    CANCELLED = 42
    #: Its ``expires_at`` passed before it could be sent.
    EXPIRED = 43
    #: No such key.
    NOT_FOUND = 44
    #: Already being sent, or sent.
    TOO_LATE = 45
    #: A rule of the configuration kept it from being sent.
    SKIPPED = 46
    #: The quota store failed. Nothing was changed, unless :attr:`Result.retry` is ``UNSAFE``.
    STORE = 60
    #: A bug of the library's, caught; the client still works.
    PANIC = 61
    #: Anything else of the library's.
    INTERNAL = 62

    @property
    def c_name(self) -> str:
        """The constant's name in C, such as ``"WXSUB_E_NO_QUOTA"``, as the library gives it."""
        name: bytes = lib.wxsub_status_name(int(self))
        return name.decode()


class Retry(_Open):
    """Whether the same call again makes sense (``WXSUB_RETRY_*``)."""

    #: It would end the same way.
    NEVER = 0
    #: Nothing was sent; it may work later, not before :attr:`Result.retry_after`.
    LATER = 1
    #: It may have been sent; again may be twice.
    UNSAFE = 2


class Quota(_Open):
    """What became of the player's count (``WXSUB_QUOTA_*``)."""

    #: Not touched.
    UNTOUCHED = 0
    #: One unit was spent.
    SPENT = 1
    #: A unit was held and given back.
    RETURNED = 2
    #: The player allows nothing (more).
    CLEARED = 3
    #: One more message is allowed, or a system type was switched on.
    GRANTED = 4


class Answer(IntEnum):
    """What a player answered for one template."""

    #: One more message from this template.
    ACCEPT = 1
    #: The count goes to 0.
    REJECT = 2
    #: The platform's doing: changes nothing.
    BAN = 3
    #: The platform's doing: changes nothing.
    FILTER = 4


class Flags(IntFlag):
    """Facts about a result, or'ed."""

    #: An earlier call's answer, found by its key. This call changed nothing.
    REPLAYED = 1
    #: A durable message is on disk; its verdict comes later.
    STORED = 2
    #: The late verdict of a durable message.
    OUTCOME = 4
    #: A pushed message of another kind than subscribe events: the answer is the host's.
    NOT_OURS = 8


class LogLevel(_Open):
    """How much to log (``WXSUB_LOG_*``)."""

    #: Nothing at all.
    OFF = 0
    #: An operator must act.
    ERROR = 1
    #: Something went wrong and was dealt with.
    WARN = 2
    #: Once-in-a-while facts, such as the store's path or a new token.
    INFO = 3
    #: Every send and every report.
    DEBUG = 4

    @property
    def logging_level(self) -> int:
        """The same level in the words of Python's :mod:`logging`."""
        return _LOGGING.get(self, logging.DEBUG)


_LOGGING = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARN: logging.WARNING,
    LogLevel.INFO: logging.INFO,
}


@dataclass(frozen=True)
class Result:
    """What became of one report or one message (``wxsub_result``)."""

    #: The verdict.
    status: Status
    #: What happened and what to do, in a sentence. No secrets.
    message: str = ""
    #: WeChat's; 0 when WeChat did not answer with one.
    errcode: int = 0
    #: 0 when there was no answer.
    http_status: int = 0
    #: Whether the same call again makes sense.
    retry: Retry = Retry.NEVER
    #: What became of the player's count.
    quota: Quota = Quota.UNTOUCHED
    #: The count left for this player and template; None when not known.
    remaining: Optional[int] = None
    #: WeChat's message id; 0 none.
    msgid: int = 0
    #: Of what was submitted; 0 otherwise, and for an :attr:`outcome`.
    ticket: int = 0
    #: The caller's own number, echoed.
    tag: int = 0
    #: HTTP requests made for the send itself.
    attempts: int = 0
    #: How long the call took.
    elapsed_ms: int = 0
    #: With :attr:`Retry.LATER`: how many milliseconds to wait at least.
    retry_after_ms: int = 0
    #: Facts, or'ed.
    flags: Flags = Flags(0)
    #: Empty when none (or when the result is about all templates); cut if longer than 63 bytes.
    template_id: str = ""
    #: The idempotency key; empty when none; cut if longer than 63 bytes.
    key: str = ""

    @property
    def ok(self) -> bool:
        """Done: :attr:`Status.OK`."""
        return self.status == Status.OK

    @property
    def replayed(self) -> bool:
        """An earlier call's answer, found by its key. This call changed nothing."""
        return bool(self.flags & Flags.REPLAYED)

    @property
    def stored(self) -> bool:
        """A durable message is on disk; its verdict comes later, as an :attr:`outcome`."""
        return bool(self.flags & Flags.STORED)

    @property
    def outcome(self) -> bool:
        """The late verdict of a durable message."""
        return bool(self.flags & Flags.OUTCOME)

    @property
    def not_ours(self) -> bool:
        """:attr:`Flags.NOT_OURS`."""
        return bool(self.flags & Flags.NOT_OURS)

    @property
    def retry_after(self) -> float:
        """:attr:`retry_after_ms` in seconds, as :func:`time.sleep` takes it."""
        return self.retry_after_ms / 1000


@dataclass(frozen=True)
class EventReply:
    """What became of a pushed event."""

    #: What the host sends back as the response's body, with HTTP 200. Empty when the result is ``not_ours``: then the
    #: answer is the host's own, see :meth:`Client.open_event`.
    reply: str
    #: With one part in the event: what it did (``template_id``, ``quota``, ``remaining``), ``replayed`` if it came
    #: before.
    result: Result


@dataclass(frozen=True)
class Identity:
    """Who a player is (``wxsub_identity``)."""

    #: The player's id in this game.
    openid: str
    #: The player's id among all apps of the same owner; empty when WeChat gives none.
    unionid: str
    #: Signs what the player's client sends. It must not leave the server; ``repr()`` does not show it.
    session_key: str = field(repr=False)


def from_raw(raw: RawResult) -> Result:
    """The library's struct as a :class:`Result`, which shares no memory with it."""
    return Result(
        status=Status(raw.status),
        message=_text(raw.message),
        errcode=raw.errcode,
        http_status=raw.http_status,
        retry=Retry(raw.retry),
        quota=Quota(raw.quota),
        remaining=raw.remaining if raw.remaining >= 0 else None,
        msgid=raw.msgid,
        ticket=raw.ticket,
        tag=raw.tag,
        attempts=raw.attempts,
        elapsed_ms=raw.elapsed_ms,
        retry_after_ms=raw.retry_after_ms,
        flags=Flags(raw.flags),
        template_id=_text(raw.template_id),
        key=_text(raw.key),
    )


def identity_from_raw(raw: RawIdentity) -> Identity:
    """The library's struct as an :class:`Identity`, which shares no memory with it."""
    return Identity(_text(raw.openid), _text(raw.unionid), _text(raw.session_key))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
