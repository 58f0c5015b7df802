"""Every status but OK as an exception. Each carries the whole :class:`~wxsub.Result`."""

from __future__ import annotations

from typing import Dict, Type

from .result import Result, Status


class WxsubError(Exception):
    """Something did not end in OK. ``str()`` says what happened and what to do; :attr:`result` has the facts."""

    #: The library's answer.
    result: Result

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return self.result.message or self.result.status.c_name

    @property
    def status(self) -> Status:
        """The verdict."""
        return self.result.status

    @property
    def retry_after(self) -> float:
        """With :attr:`wxsub.Retry.LATER`: seconds to wait before the same call again."""
        return self.result.retry_after


class InvalidArgument(WxsubError, ValueError):
    """The call is wrong. Nothing was done."""


class ConfigError(WxsubError, ValueError):
    """The configuration is wrong; the message names the key."""


class MessageError(WxsubError, ValueError):
    """The message breaks a template rule, here or at WeChat: fix it, don't retry."""


class ClosedError(WxsubError):
    """The client is closed."""


class ForkedError(ClosedError):
    """Used in a forked child: make the client after the fork, in the process that sends."""


class NotAllowed(WxsubError):
    """The player allows no (more) message of this template: ask them again. Nothing was delivered."""


class NoQuota(NotAllowed):
    """The count is 0. WeChat was not called."""


class Refused(NotAllowed):
    """WeChat says that the player does not allow it; the count is 0 now."""


class NotSent(WxsubError):
    """Surely not sent; of a call that sends nothing: failed for now. The same call may work after
    :attr:`~WxsubError.retry_after` seconds."""


class Busy(NotSent):
    """WeChat or this player is busy or over a limit, after the library's own retries."""


class QueueFull(Busy):
    """Too much was submitted that has no polled result yet: poll, and submit again in the next tick."""


class ConnectError(NotSent):
    """WeChat cannot be reached."""


class StoreError(NotSent):
    """The quota store failed: disk full, locked too long, not ours. Nothing was changed, unless ``result.retry`` is
    :attr:`Retry.UNSAFE` (Redis): then it is not known, and a call again is safe only with the same ``key``."""


class Cancelled(NotSent):
    """It was taken back, or the client was closed, before the request left."""


class Expired(WxsubError):
    """Its ``expires_at`` passed before it could be sent."""


class NotFound(WxsubError):
    """No message of this player waits with this key."""


class TooLate(WxsubError):
    """The message with this key is being sent, or was sent or maybe sent."""


class Skipped(WxsubError):
    """A rule of the configuration kept it from being sent: a cap, quiet hours, a budget, a mute."""


class MaybeSent(WxsubError):
    """The request left and no readable answer came. Call again only if twice is better than never."""


class AuthError(WxsubError):
    """appid, secret, token or IP list: an operator must act, and the message says how."""


class Banned(WxsubError):
    """The capability or the template is banned by the platform."""


class WeChatError(WxsubError):
    """WeChat answered with another error: see ``result.errcode``."""


class SignatureError(WxsubError):
    """A pushed event is not WeChat's: answer HTTP 403. Nothing was changed."""


class InternalError(WxsubError):
    """A bug of the library's, or a status that this package is too old to know."""


_ERRORS: Dict[Status, Type[WxsubError]] = {
    Status.ARG: InvalidArgument,
    Status.CONFIG: ConfigError,
    Status.MESSAGE: MessageError,
    Status.STATE: ClosedError,
    Status.FORKED: ForkedError,
    Status.NO_QUOTA: NoQuota,
    Status.REFUSED: Refused,
    Status.QUEUE_FULL: QueueFull,
    Status.BUSY: Busy,
    Status.AUTH: AuthError,
    Status.BANNED: Banned,
    Status.WECHAT: WeChatError,
    Status.SIGNATURE: SignatureError,
    Status.EXPIRED: Expired,
    Status.NOT_FOUND: NotFound,
    Status.TOO_LATE: TooLate,
    Status.SKIPPED: Skipped,
    Status.CONNECT: ConnectError,
    Status.UNKNOWN: MaybeSent,
    Status.CANCELLED: Cancelled,
    Status.STORE: StoreError,
}


def check(result: Result) -> Result:
    """The result itself when it is OK.

    :raises WxsubError: the subclass for its status otherwise.
    """
    if result.ok:
        return result
    raise _ERRORS.get(result.status, InternalError)(result)


def check_status(function: str, status: int) -> None:
    """The same for functions that answer with a bare number."""
    known = Status(status)
    check(Result(known, f"{function}: {known.c_name}"))
