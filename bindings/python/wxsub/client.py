"""The client: passes on what players answered and what WeChat pushes, asks how many messages they allow, sends."""

from __future__ import annotations

import atexit
import ctypes
import json
import math
import os
import threading
import weakref
from asyncio import CancelledError
from ctypes import byref
from types import TracebackType
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Type, Union

from . import _background, _exit, _log, _transport
from ._admin import Operator
from ._arguments import Json, body_of, encoded, fits, number_of_answer, options_of, to_json
from ._events import EventReceiver
from ._inbox import Inbox
from ._log import Log
from ._native import DestroyFn, HttpFn, LogFn, RawResult, lib, new_identity, new_result, new_stats
from ._submitting import Submitter
from ._transport import Transport
from .errors import check, check_status
from .result import Answer, Identity, LogLevel, Result, Status, from_raw, identity_from_raw
from .stats import Stats, stats_from_raw

#: More than any plan for the 64 templates of a request.
_REPLY = 65536

#: How many results :meth:`Client.report_json` returns at most.
MAX_RESULTS = 4096

#: Room for a reply of :meth:`Client.admin`: every one fits into 64 KiB; with more a page has all the rows it was asked for.
ADMIN_REPLY = 256 * 1024


class Client(Submitter, EventReceiver, Operator):
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
    _shut_down = False

    def __init__(self, config: Optional[Json] = None, **settings: Any) -> None:
        if isinstance(config, str) and settings:
            raise TypeError("Client: configuration as JSON text and as keywords at once; use a mapping")
        text = config if isinstance(config, str) else to_json({**(config or {}), **settings})
        handle, why = ctypes.c_void_p(), new_result()
        lib.wxsub_init(encoded("config", text), byref(handle), byref(why))
        check(from_raw(why))
        self._handle = handle.value
        self._closed = False
        self._inbox = Inbox()
        #: What to call when it is closed, in the thread that closes it.
        self._at_close: Dict[int, Callable[[], None]] = {}
        _open_clients[id(self)] = weakref.ref(self)

    # What players answered.

    def report(
        self, openid: str, template_id: Optional[str], answer: Union[Answer, int, str], key: Optional[str] = None
    ) -> Result:
        """Tells what a player answered for one template. When it returns, the answer is on disk.

        :param template_id: None with :attr:`Answer.REJECT`: every template of this player.
        :param answer: an :class:`Answer`, or WeChat's word: ``"accept"`` (and what begins so), ``"reject"``, ``"ban"``,
            ``"filter"``.
        :param key: an id of this one answer. A second report with it within 24 hours changes nothing, and its result is
            ``replayed``. Give one whenever your own retry could repeat the call.
        :returns: ``remaining`` is the count now.
        :raises StoreError: report again; with ``retry`` :attr:`Retry.UNSAFE` (Redis) it may have been counted, and only the
            same ``key`` makes that safe. Else nothing was changed.
        """
        out = new_result()
        self._call(
            lib.wxsub_report,
            encoded("openid", openid),
            encoded("template_id", template_id),
            number_of_answer(answer),
            encoded("key", key),
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
        :raises StoreError: report again; with ``retry`` :attr:`Retry.UNSAFE` (Redis) it may have been counted, and only the
            same ``key`` makes that safe. Else nothing was changed.
        """
        text = encoded("obj", obj if isinstance(obj, str) else to_json(obj))
        # Calling again with more room would report again. No object has more entries than colons.
        capacity = min(text.count(b":") + 1 if text else 1, MAX_RESULTS)
        results = (RawResult * capacity)()
        results[0].struct_size = ctypes.sizeof(RawResult)
        count = ctypes.c_size_t()
        status = self._call(
            lib.wxsub_report_json,
            encoded("openid", openid),
            text,
            encoded("key", key),
            results,
            capacity,
            byref(count),
        )
        if status != Status.OK:
            check(from_raw(results[0]))
        return [from_raw(result) for result in results[: min(count.value, capacity)]]

    # For operators.

    def admin(self, request: Json) -> Dict[str, Any]:
        """Answers an operator's question about the ledger, such as ``{"do": "players"}``. ``wxsub.h`` has every request and
        reply at ``wxsub_admin``; the game itself needs nothing of it.

        :raises InvalidArgument: the request is not understood; the message has the nearest known word.
        :raises StoreError: the ledger can't be read now.
        """
        text = encoded("request", request if isinstance(request, str) else to_json(request))
        reply, length, why = ctypes.create_string_buffer(ADMIN_REPLY), ctypes.c_size_t(), new_result()
        self._call(lib.wxsub_admin, text, reply, ADMIN_REPLY, byref(length), byref(why))
        check(from_raw(why))
        answer: Dict[str, Any] = json.loads(ctypes.string_at(reply, length.value))
        return answer

    # What they allow.

    def quota(self, openid: str, template_id: str) -> int:
        """How many messages this player still allows from this template; for a system type 1 (on) or 0.

        A unit held by a send that runs is not counted.
        """
        remaining, why = ctypes.c_int64(), new_result()
        self._call(
            lib.wxsub_quota,
            encoded("openid", openid),
            encoded("template_id", template_id),
            byref(remaining),
            byref(why),
        )
        check(from_raw(why))
        return remaining.value

    def ask(
        self, openid: str, templates: Sequence[Union[str, Mapping[str, Any]]], *, most: Optional[int] = None
    ) -> Dict[str, Any]:
        """Which templates to ask this player for now. Fetch it at login and after each answer, for the game's next tap.

        :param templates: in order of worth, 1 to 64: ids, or ``{"id": ..., "keep": ...}`` with the count that is enough
            (3 by default).
        :param most: how many are asked for at once; 3 by default.
        :returns: ``{"ask": [ID, ...], "counts": {ID: N}, "why": {ID: "ask", "stocked", "refused" or "banned"}}``; ``ask``
            may be empty: better not now.
        """
        listed = [{"id": one} if isinstance(one, str) else dict(one) for one in templates]
        request = json.dumps({"templates": listed, "most": most}, ensure_ascii=False)
        reply, length, why = ctypes.create_string_buffer(_REPLY), ctypes.c_size_t(), new_result()
        self._call(
            lib.wxsub_ask,
            encoded("openid", openid),
            encoded("request", request),
            reply,
            _REPLY,
            byref(length),
            byref(why),
        )
        check(from_raw(why))
        plan: Dict[str, Any] = json.loads(reply.raw[: length.value])
        return plan

    # Sending.

    def send(
        self,
        message: Json,
        *,
        key: Optional[str] = None,
        tag: Optional[int] = None,
        timeout: Optional[float] = None,
        rules: bool = False,
    ) -> Result:
        """Sends one message and waits for the verdict. When it returns, the message was sent.

        When Ctrl-C breaks off the wait, the message may still be sent. With a ``key`` the caller can ask again safely.

        :param message: WeChat's own request body: ``touser``, ``template_id``, ``data`` and, optionally, ``page``,
            ``miniprogram_state``, ``lang``. Values in ``data`` may be ``{"value": "..."}``, text, or numbers.
        :param key: idempotency: the same key for this player again, within 24 hours, sends nothing if the first was
            sent or may have been, and answers as the first did, ``replayed``.
        :param tag: your own number, echoed.
        :param timeout: seconds, for this send instead of the configured ``timeout_ms``.
        :param rules: the configured rules bind it.
        :raises Skipped: a rule keeps it back.
        :raises NotAllowed: (:class:`NoQuota`, :class:`Refused`) ask the player again.
        :raises MessageError: fix the text or the ids; the message names the field.
        :raises NotSent: (:class:`Busy`, :class:`ConnectError`, :class:`StoreError`) surely not sent: call again after
            its ``retry_after`` seconds.
        :raises MaybeSent: call again only if twice is better than never.
        :raises AuthError: tell an operator.
        :raises WxsubError: any other verdict.
        """
        return check(self.try_send(message, key=key, tag=tag, timeout=timeout, rules=rules))

    def try_send(
        self,
        message: Json,
        *,
        key: Optional[str] = None,
        tag: Optional[int] = None,
        timeout: Optional[float] = None,
        rules: bool = False,
    ) -> Result:
        """As :meth:`send`, but every verdict of the library is returned, none raised: look at ``result.status``."""
        options = options_of(
            key=key,
            tag=tag,
            timeout_ms=None if timeout is None else math.ceil(timeout * 1000),
            rules=rules or None,
        )
        out = new_result()
        self._call(lib.wxsub_send, body_of(message), options, byref(out))
        return from_raw(out)

    def set_token(self, token: str, expires_in: int) -> None:
        """Hands in an access token, for a client with ``token="external"``. It takes effect at once.

        :param expires_in: seconds that it is still good for.
        :raises InvalidArgument: ``expires_in`` is 0, or the client gets its own tokens.
        """
        seconds = fits("expires_in", expires_in, 0, 2**32 - 1)
        status = self._call(lib.wxsub_set_token, encoded("token", token), seconds)
        check_status("wxsub_set_token", status)

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
        self._call(lib.wxsub_login, encoded("code", code), byref(out), byref(why))
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

    def stats(self) -> Stats:
        """What was done since the client was opened, and what waits now. Still works after :meth:`shutdown`."""
        raw = new_stats()
        check_status("wxsub_get_stats", self._call(lib.wxsub_get_stats, byref(raw)))
        return stats_from_raw(raw)

    # Its life.

    def set_log(self, log: Optional[Log], level: Union[LogLevel, int] = LogLevel.INFO) -> None:
        """Sets where log lines go: ``log(level, text)``; without it they go nowhere. None turns logging off.

        It is called from any thread but the main one, also from several at once; what it raises is swallowed. It must
        not wait for a thread that is in a call to the client. Lines hold no secrets. With :mod:`logging`::

            client.set_log(lambda level, text: logging.getLogger("wxsub").log(level.logging_level, text))
        """
        highest = fits("level", level, -(2**31), 2**31 - 1)
        if log is None:
            status = self._call(lib.wxsub_set_log, LogFn(), None, DestroyFn(), highest)
        else:
            status = self._call(_log.install, log, highest)
        check_status("wxsub_set_log", status)

    def set_transport(self, transport: Optional[Transport]) -> None:
        """Has a function of the host's carry all requests to WeChat from now on; None: the library does again.

        It makes one request, once, without following redirects, and says whether it left. It is called from any thread
        but the main one, also from several at once. What it raises counts as :meth:`HttpReply.maybe_sent`: return
        :meth:`HttpReply.not_sent` when surely nothing left. ::

            def carry(request):
                try:
                    answer = session.request(
                        request.method, request.url, data=request.body, timeout=request.timeout,
                        headers={"content-type": request.content_type}, allow_redirects=False)
                except requests.ConnectTimeout:
                    return wxsub.HttpReply.not_sent("no connection")
                return wxsub.HttpReply.answered(answer.status_code, answer.content)
        """
        if transport is None:
            status = self._call(lib.wxsub_set_transport, HttpFn(), None, DestroyFn())
        else:
            status = self._call(_transport.install, transport)
        check_status("wxsub_set_transport", status)

    def shutdown(self, drain: float = 5.0) -> int:
        """Ends the client's work before :meth:`close`: takes in nothing more, lets what was submitted and what runs
        end, then interrupts it. Every ticket gets its result; take what is left with :meth:`poll` or :meth:`results`.
        Messages in the store stay for the next start.

        :param drain: seconds that it may take.
        :returns: how many tickets and calls did not end in time.
        """
        drain_ms = fits("drain", math.ceil(min(drain, 2**32) * 1000), 0, 2**32 - 1)
        unfinished = ctypes.c_size_t()
        check_status("wxsub_shutdown", self._call(self._shut_down_here, drain_ms, unfinished))
        return unfinished.value

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
        """Closes the client; on Ctrl-C, and when a task is cancelled, without waiting for what runs."""
        self.close(wait=not isinstance(error, (KeyboardInterrupt, CancelledError)))

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
        for tell in list(self._at_close.values()):
            tell()

    def _shut_down_here(self, handle: Optional[int], drain_ms: int, unfinished: ctypes.c_size_t) -> int:
        """To its end, whoever waits for it."""
        status = int(lib.wxsub_shutdown(handle, drain_ms, byref(unfinished)))
        self._shut_down = status == Status.OK
        return status

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
    _exit.wait()


def _in_child() -> None:
    for client in _living():
        client._forget()
    _open_clients.clear()
    _log.forget()
    _transport.forget()
    _background.forget()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def version() -> str:
    """The native library's version and that of the SQLite in it: ``"0.1.0 (sqlite 3.x)"``."""
    text: bytes = lib.wxsub_version()
    return text.decode()


def abi() -> int:
    """The native library's ABI number: at least the one that this package was written against."""
    return int(lib.wxsub_abi())
