"""The client: passes on what players answered and what WeChat pushes, asks how many messages they allow, sends."""

from __future__ import annotations

import atexit
import ctypes
import json
import math
import os
import threading
import weakref
from ctypes import byref
from types import TracebackType
from typing import Any, Callable, Dict, List, Mapping, Optional, Type, Union

from . import _background, _log
from ._log import Log
from ._native import DestroyFn, LogFn, RawResult, lib, new_identity, new_result
from .errors import InvalidArgument, check
from .result import Answer, EventReply, Identity, LogLevel, Result, Status, from_raw, identity_from_raw

#: A JSON object as a mapping, or as text, which is passed on untouched.
Json = Union[Mapping[str, Any], str]

#: :meth:`Client.report_json` returns at most so many results.
MAX_RESULTS = 4096


class Client:
    """One appid, one store of counts. Safe to use from any number of threads at once.

    Configuration is the library's (see README or ``wxsub.h``): a mapping, keywords, both (keywords win), or JSON text::

        with wxsub.Client(appid="wx...", secret=os.environ["WXSUB_SECRET"], store="wxsub.db") as client:
            client.report("OPENID", "TEMPLATE", wxsub.Answer.ACCEPT)
            client.send({"touser": "OPENID", "template_id": "TEMPLATE", "data": {"thing1": "Your crops are ripe"}})

    Close it, best with ``with``; what is still open is closed when the interpreter exits.

    In the main thread Ctrl-C (and what any signal handler raises) gets through at once, and the native call goes on
    behind it to its end. With a ``key`` a report or a send can be repeated safely then.

    After ``os.fork()`` a client does not work in the child, nor can another be made there
    (:class:`~wxsub.ForkedError`): a prefork server makes its client in the workers, after the fork.

    :raises ConfigError: a key or value is wrong; the message names each.
    :raises StoreError: the store file cannot be used; it is not touched.
    """

    _handle: Optional[int] = None
    _closed = True

    def __init__(self, config: Optional[Json] = None, **settings: Any) -> None:
        if isinstance(config, str) and settings:
            raise TypeError("Client: configuration as JSON text and as keywords at once; use a mapping")
        text = config if isinstance(config, str) else _json({**(config or {}), **settings})
        handle, why = ctypes.c_void_p(), new_result()
        lib.wxsub_init(_bytes("config", text), byref(handle), byref(why))
        check(from_raw(why))
        self._handle = handle.value
        self._closed = False
        _open_clients[id(self)] = weakref.ref(self)

    # What players answered.

    def report(
        self, openid: str, template_id: Optional[str], answer: Union[Answer, int], key: Optional[str] = None
    ) -> Result:
        """Tells what a player answered for one template. When it returns, the answer is on disk.

        :param template_id: None with :attr:`Answer.REJECT`: every template of this player.
        :param key: an id of this one answer. A second report with it within 24 hours changes nothing, and its result is
            ``replayed``. Give one whenever your own retry could repeat the call.
        :returns: ``remaining`` is the count now.
        :raises StoreError: nothing was changed: report again.
        """
        out = new_result()
        self._call(
            lib.wxsub_report,
            _bytes("openid", openid),
            _bytes("template_id", template_id),
            _fits("answer", answer, -(2**31), 2**31 - 1),
            _bytes("key", key),
            byref(out),
        )
        return check(from_raw(out))

    def report_json(self, openid: str, obj: Json, key: Optional[str] = None) -> List[Result]:
        """Tells what a player's game client got from WeChat, untouched: the object of ``wx.requestSubscribeMessage``,
        ``wx.requestSubscribeSystemMessage`` or ``wx.getSetting({withSubscriptions: true})``.

        :param key: as in :meth:`report`, for each template of its own.
        :returns: one result per template or system type, in the object's own order, at most :data:`MAX_RESULTS`. An
            entry with an unknown word has :attr:`Status.ARG` and changed nothing; the others were applied.
        :raises InvalidArgument: the object was not understood. Nothing was changed.
        :raises StoreError: nothing was changed: report again.
        """
        text = _bytes("obj", obj if isinstance(obj, str) else _json(obj))
        # Calling again with more room would report again. No object has more entries than colons.
        capacity = min(text.count(b":") + 1 if text else 1, MAX_RESULTS)
        results = (RawResult * capacity)()
        results[0].struct_size = ctypes.sizeof(RawResult)
        count = ctypes.c_size_t()
        status = self._call(
            lib.wxsub_report_json,
            _bytes("openid", openid),
            text,
            _bytes("key", key),
            results,
            capacity,
            byref(count),
        )
        if status != Status.OK:
            check(from_raw(results[0]))
        return [from_raw(result) for result in results[: min(count.value, capacity)]]

    def handle_event(self, query: Union[str, bytes], body: bytes = b"") -> EventReply:
        """Verifies and applies what WeChat pushed to the host's own HTTP endpoint; the configuration needs ``event``.

        Popup answers, refusals in the settings and results of sends go into the count, each once, however often WeChat
        pushes it. Everything else is left alone. May wait up to 4 seconds for a send to the same player that runs.

        :param query: the request's raw query string, undecoded.
        :param body: its raw body; empty for the check of the address (a GET).
        :returns: send back its ``reply``, with HTTP 200.
        :raises SignatureError: not WeChat's: answer 403. Nothing was changed.
        :raises NotSent: (:class:`StoreError`, :class:`Busy`) answer 500, so that WeChat pushes again.
        :raises ConfigError: no ``event`` in the configuration.
        """
        text = query if isinstance(query, bytes) else _bytes("query", query)
        if text and b"\0" in text:
            raise InvalidArgument(Result(Status.ARG, "query holds a NUL character"))
        if not isinstance(body, bytes):
            raise TypeError(f"body must be bytes, not {type(body).__name__}")
        # A reply is "success", or a part of the query.
        capacity = max(len(text or b""), 64)
        reply, length, out = ctypes.create_string_buffer(capacity), ctypes.c_size_t(), new_result()
        self._call(lib.wxsub_handle_event, text, body, len(body), reply, capacity, byref(length), byref(out))
        result = check(from_raw(out))
        return EventReply(reply.raw[: length.value].decode("utf-8", "replace"), result)

    # What they allow.

    def quota(self, openid: str, template_id: str) -> int:
        """How many messages this player still allows from this template; for a system type 1 (on) or 0.

        A unit held by a send that runs is not counted.
        """
        remaining, why = ctypes.c_int64(), new_result()
        self._call(
            lib.wxsub_quota,
            _bytes("openid", openid),
            _bytes("template_id", template_id),
            byref(remaining),
            byref(why),
        )
        check(from_raw(why))
        return remaining.value

    # Sending.

    def send(
        self,
        message: Json,
        *,
        key: Optional[str] = None,
        tag: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> Result:
        """Sends one message and waits for the verdict. When it returns, the message was sent.

        When Ctrl-C breaks off the wait, the message may still be sent. With a ``key`` the caller can ask again safely.

        :param message: WeChat's own request body: ``touser``, ``template_id``, ``data`` and, optionally, ``page``,
            ``miniprogram_state``, ``lang``. Values in ``data`` may be ``{"value": "..."}``, text, or numbers.
        :param key: idempotency: the same key for this player again, within 24 hours, sends nothing if the first was
            sent or may have been, and answers as the first did, ``replayed``.
        :param tag: your own number, echoed.
        :param timeout: seconds, for this send instead of the configured ``timeout_ms``.
        :raises NotAllowed: (:class:`NoQuota`, :class:`Refused`) ask the player again.
        :raises MessageError: fix the text or the ids; the message names the field.
        :raises NotSent: (:class:`Busy`, :class:`ConnectError`, :class:`StoreError`) surely not sent: call again after
            its ``retry_after`` seconds.
        :raises MaybeSent: call again only if twice is better than never.
        :raises AuthError: tell an operator.
        :raises WxsubError: any other verdict.
        """
        return check(self.try_send(message, key=key, tag=tag, timeout=timeout))

    def try_send(
        self,
        message: Json,
        *,
        key: Optional[str] = None,
        tag: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> Result:
        """As :meth:`send`, but every verdict of the library is returned, none raised: look at ``result.status``."""
        body = _bytes("message", message if isinstance(message, str) else _json(message))
        given = {"key": key, "tag": tag, "timeout_ms": None if timeout is None else math.ceil(timeout * 1000)}
        chosen = {name: value for name, value in given.items() if value is not None}
        options = _bytes("options", _json(chosen)) if chosen else None
        out = new_result()
        self._call(lib.wxsub_send, body, options, byref(out))
        return from_raw(out)

    def set_token(self, token: str, expires_in: int) -> None:
        """Hands in an access token, for a client with ``token="external"``. It takes effect at once.

        :param expires_in: seconds that it is still good for.
        :raises InvalidArgument: ``expires_in`` is 0, or the client gets its own tokens.
        """
        seconds = _fits("expires_in", expires_in, 0, 2**32 - 1)
        status = self._call(lib.wxsub_set_token, _bytes("token", token), seconds)
        _check_status("wxsub_set_token", status)

    # The account.

    def login(self, code: str) -> Identity:
        """Asks WeChat who a login code (``wx.login`` in the game) belongs to. A code is good once.

        :raises WeChatError: the code is invalid, used, or blocked (``result.errcode`` 40029, 40163, 40226): let the
            game call ``wx.login`` again.
        :raises Busy: again after its ``retry_after`` seconds.
        :raises ConnectError: no answer; the code may be used up.
        :raises AuthError: appid or secret: tell an operator.
        :raises ConfigError: no ``secret`` in the configuration.
        """
        out, why = new_identity(), new_result()
        self._call(lib.wxsub_login, _bytes("code", code), byref(out), byref(why))
        check(from_raw(why))
        return identity_from_raw(out)

    def check(self) -> Result:
        """Tells an operator in words whether it will work: store, network, clock, appid, secret, IP (and which one to
        allow), templates. Sends nothing.

        :returns: every verdict, none is raised. ``message`` tells all, and ``status`` is that of the first thing that is
            wrong. The log (:attr:`LogLevel.INFO`) has the whole text, should it be longer than a message.
        """
        out = new_result()
        self._call(lib.wxsub_check, byref(out))
        return from_raw(out)

    # Its life.

    def set_log(self, log: Optional[Log], level: Union[LogLevel, int] = LogLevel.INFO) -> None:
        """Sets where log lines go: ``log(level, text)``; without it they go nowhere. None turns logging off.

        It is called from any thread but the main one, also from several at once; what it raises is swallowed. It must
        not wait for a thread that is in a call to the client. Lines hold no secrets. With :mod:`logging`::

            client.set_log(lambda level, text: logging.getLogger("wxsub").log(level.logging_level, text))
        """
        highest = _fits("level", level, -(2**31), 2**31 - 1)
        if log is None:
            status = self._call(lib.wxsub_set_log, LogFn(), None, DestroyFn(), highest)
        else:
            status = self._call(_log.install, log, highest)
        _check_status("wxsub_set_log", status)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    def close(self, wait: bool = True) -> None:
        """Closes the client; closing it again does nothing. New calls raise :class:`ClosedError` at once; those that
        run may finish, but after about a second they are interrupted and end as :class:`Cancelled` or
        :class:`MaybeSent`.

        :param wait: False: return at once; the closing goes on behind it, and the interpreter's exit waits for it.
        """
        if self._closed:
            return
        if wait and threading.current_thread() is not threading.main_thread():
            self._close_here()
            return
        # Not a daemon: the interpreter's exit waits for it, so that nothing is logged into a dead one.
        closing = threading.Thread(target=self._close_here, name="wxsub-close")
        try:
            closing.start()
        except RuntimeError:  # the interpreter is exiting, or there are too many threads
            self._close_here()
            return
        self._closed = True
        while wait and closing.is_alive():
            closing.join(_background.SLICE)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Closes the client; on Ctrl-C without waiting for the send that it broke off."""
        self.close(wait=not isinstance(error, KeyboardInterrupt))

    def __del__(self) -> None:
        # Everything open is closed before the interpreter takes its modules apart; after that there is no `lib`.
        if not self._closed and lib is not None:
            self._close_here()

    def __repr__(self) -> str:
        return f"<wxsub.Client {'closed' if self._closed else 'open'} at {id(self):#x}>"

    def _call(self, function: Callable[..., int], *arguments: Any) -> int:
        """Makes a native call, which holds this client and all that it was given: it may outlive the wait for it."""
        return int(_background.run(lambda: function(self._handle, *arguments)))

    def _close_here(self) -> None:
        """In this thread."""
        self._closed = True
        _open_clients.pop(id(self), None)
        lib.wxsub_free(self._handle)

    def _forget(self) -> None:
        """In a forked child: the client is the parent's. The library answers every call that it is forked."""
        self._handle = None
        self._closed = True


#: Every open client, by its id().
_open_clients: Dict[int, weakref.ReferenceType[Client]] = {}


def _living() -> List[Client]:
    return [client for client in (ref() for ref in list(_open_clients.values())) if client is not None]


def _at_exit() -> None:
    """Closes what is open while Python can still be called back: a native thread may be logging."""
    for client in _living():
        lib.wxsub_set_log(client._handle, LogFn(), None, DestroyFn(), LogLevel.OFF)
        client._close_here()


def _in_child() -> None:
    for client in _living():
        client._forget()
    _open_clients.clear()
    _log.forget()
    _background.forget()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def version() -> str:
    """The native library's version and that of the SQLite in it: ``"0.1.0 (sqlite 3.x)"``."""
    text: bytes = lib.wxsub_version()
    return text.decode()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> object:
    """What JSON has no word for: paths, and mappings that are no dict."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _bytes(name: str, text: Optional[str]) -> Optional[bytes]:
    """Text as the library takes it. It judges itself what is no UTF-8 (lone surrogates); a NUL it could not see."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be str, not {type(text).__name__}")
    if "\0" in text:
        raise InvalidArgument(Result(Status.ARG, f"{name} holds a NUL character"))
    return text.encode("utf-8", "surrogatepass")


def _fits(name: str, number: int, low: int, high: int) -> int:
    """The number itself; ctypes would cut off what does not fit."""
    if not low <= number <= high:
        raise InvalidArgument(Result(Status.ARG, f"{name} is {number}; it must be from {low} to {high}"))
    return number


def _check_status(function: str, status: int) -> None:
    """For functions that answer with a bare number."""
    known = Status(status)
    check(Result(known, f"{function}: {known.c_name}"))
