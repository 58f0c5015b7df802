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
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Literal, Mapping, Optional, Type, Union

from . import _background, _exit, _log, _transport
from ._inbox import SLICE, Inbox
from ._log import Log
from ._native import DestroyFn, HttpFn, LogFn, RawResult, lib, new_identity, new_result, new_stats
from ._transport import Transport
from .errors import ClosedError, ForkedError, InvalidArgument, StoreError, check, check_status
from .result import Answer, EventReply, Identity, LogLevel, Result, Status, from_raw, identity_from_raw
from .stats import Stats, stats_from_raw

#: A JSON object as a mapping, or as text, which is passed on untouched.
Json = Union[Mapping[str, Any], str]

#: A point in time: a :class:`datetime.datetime` with a time zone, or Unix milliseconds.
When = Union[datetime, int]

#: What a message does that finds another one waiting with its key: that one stays, or this one takes its place.
OnConflict = Literal["keep", "replace"]

#: What becomes of a stored message that was maybe sent: it ends so, or it is sent again, maybe twice.
OnUnknown = Literal["report", "resend"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

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
    _shut_down = False

    def __init__(self, config: Optional[Json] = None, **settings: Any) -> None:
        if isinstance(config, str) and settings:
            raise TypeError("Client: configuration as JSON text and as keywords at once; use a mapping")
        text = config if isinstance(config, str) else _json({**(config or {}), **settings})
        handle, why = ctypes.c_void_p(), new_result()
        lib.wxsub_init(_bytes("config", text), byref(handle), byref(why))
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
        :raises StoreError: nothing was changed: report again.
        """
        out = new_result()
        self._call(
            lib.wxsub_report,
            _bytes("openid", openid),
            _bytes("template_id", template_id),
            _answer(answer),
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
        pushes it. May wait up to 4 seconds for a send to the same player that runs. What is about other things is the
        host's to answer: its result is ``not_ours`` and its reply empty.

        Without an ``aes_key`` nothing signs the bodies: then only accepts are taken, unless the configuration says
        ``trust_plain``.

        :param query: the request's raw query string, undecoded.
        :param body: its raw body; empty for the check of the address (a GET).
        :returns: send back its ``reply``, with HTTP 200.
        :raises SignatureError: not WeChat's: answer 403. Nothing was changed.
        :raises NotSent: (:class:`StoreError`, :class:`Busy`) answer 500, so that WeChat pushes again.
        :raises ConfigError: no ``event`` in the configuration.
        """
        text = _request(query, body)
        # A reply is "success", or a part of the query.
        capacity = max(len(text or b""), 64)
        reply, length, out = ctypes.create_string_buffer(capacity), ctypes.c_size_t(), new_result()
        self._call(lib.wxsub_handle_event, text, body, len(body), reply, capacity, byref(length), byref(out))
        result = check(from_raw(out))
        return EventReply(reply.raw[: length.value].decode("utf-8", "replace"), result)

    def open_event(self, query: Union[str, bytes], body: bytes) -> bytes:
        """Verifies and decrypts what WeChat pushed, of any kind, and applies nothing: for messages that are ``not_ours``.
        May be called before or after :meth:`handle_event`.

        :returns: the message as WeChat wrote it, XML or JSON. In plain mode it may be anybody's: nothing signs it.
        :raises SignatureError: not WeChat's: answer 403.
        :raises StoreError: answer 500, so that WeChat pushes again.
        :raises ConfigError: no ``event`` in the configuration.
        """
        text = _request(query, body)
        # A message is never longer than the body that carries it.
        capacity = len(body) + 1
        plain, length, why = ctypes.create_string_buffer(capacity), ctypes.c_size_t(), new_result()
        self._call(lib.wxsub_open_event, text, body, len(body), plain, capacity, byref(length), byref(why))
        check(from_raw(why))
        return plain.raw[: length.value]

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
        options = _options(key=key, tag=tag, timeout_ms=None if timeout is None else math.ceil(timeout * 1000))
        out = new_result()
        self._call(lib.wxsub_send, _body(message), options, byref(out))
        return from_raw(out)

    # Without waiting.

    def submit(
        self,
        message: Json,
        *,
        key: Optional[str] = None,
        tag: Optional[int] = None,
        timeout: Optional[float] = None,
        durable: bool = False,
        deliver_at: Optional[When] = None,
        expires_at: Optional[When] = None,
        on_conflict: Optional[OnConflict] = None,
        on_unknown: Optional[OnUnknown] = None,
        notify: bool = True,
    ) -> int:
        """Takes a message in and returns at once; threads of the library send it. For a game loop.

        :param message: as for :meth:`send`; ``key``, ``tag`` and ``timeout`` too.
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
        options = _options(
            key=key,
            tag=tag,
            timeout_ms=None if timeout is None else math.ceil(timeout * 1000),
            durable=durable or None,
            deliver_at=_unix_ms("deliver_at", deliver_at),
            expires_at=_unix_ms("expires_at", expires_at),
            on_conflict=on_conflict,
            on_unknown=on_unknown,
            notify=None if notify else False,
        )
        ticket, why = ctypes.c_uint64(), new_result()
        # Here and not behind: it never waits.
        lib.wxsub_submit(self._handle, _body(message), options, byref(ticket), byref(why))
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
            _bytes("openid", openid),
            _bytes("template_id", template_id),
            _answer(answer),
            _bytes("key", key),
            _fits("tag", tag, 0, 2**64 - 1),
            byref(ticket),
            byref(why),
        )
        check(from_raw(why))
        return ticket.value

    def poll(self, limit: int = 64, wait: float = 0.0) -> List[Result]:
        """Takes finished results, of tickets and outcomes of durable messages. Works on after :meth:`shutdown`.

        When Ctrl-C breaks off the wait, nothing is lost: the next poll has what came meanwhile.

        :param limit: takes so many at most.
        :param wait: waits so many seconds for the first.
        :returns: each result goes to one poll only; none: there was nothing.
        """
        return self._inbox.poll(self._handle, _fits("limit", limit, 1, 2**31 - 1), wait)

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
        self._call(lib.wxsub_cancel, _bytes("openid", openid), _bytes("key", key), byref(out))
        return check(from_raw(out))

    def lookup(self, openid: str, key: str) -> Optional[Result]:
        """Tells what became of a message with a key, whichever process sent it, until 24 hours after its end.

        :returns: how it ended, ``replayed``, whatever the verdict; ``stored``: it waits in the store, for
            ``retry_after`` seconds more; :attr:`Status.BUSY`: it is in this process's queue or being sent; None: no
            message of this player has this key.
        """
        out = new_result()
        self._call(lib.wxsub_lookup, _bytes("openid", openid), _bytes("key", key), byref(out))
        result = from_raw(out)
        if result.status == Status.NOT_FOUND:
            return None
        return result if result.replayed or result.status == Status.BUSY else check(result)

    def set_token(self, token: str, expires_in: int) -> None:
        """Hands in an access token, for a client with ``token="external"``. It takes effect at once.

        :param expires_in: seconds that it is still good for.
        :raises InvalidArgument: ``expires_in`` is 0, or the client gets its own tokens.
        """
        seconds = _fits("expires_in", expires_in, 0, 2**32 - 1)
        status = self._call(lib.wxsub_set_token, _bytes("token", token), seconds)
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

    def stats(self) -> Stats:
        """What was done since the client was opened, and what waits now. Works on after :meth:`shutdown`."""
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
        highest = _fits("level", level, -(2**31), 2**31 - 1)
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
        drain_ms = _fits("drain", math.ceil(min(drain, 2**32) * 1000), 0, 2**32 - 1)
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

    def _is_idle(self) -> bool:
        """Whether no more results are to come, after a shutdown."""
        try:
            stats = self.stats()
        except (ClosedError, StoreError):
            return True
        return stats.queued == 0 and stats.running == 0

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


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> object:
    """What JSON has no word for: paths, and mappings that are no dict."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _body(message: Json) -> Optional[bytes]:
    return _bytes("message", message if isinstance(message, str) else _json(message))


def _options(**given: Any) -> Optional[bytes]:
    """Those that are not None."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return _bytes("options", _json(chosen)) if chosen else None


def _unix_ms(name: str, when: Optional[When]) -> Optional[int]:
    if not isinstance(when, datetime):
        return when
    if when.tzinfo is None or when.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone: datetime.now(timezone.utc), or .astimezone()")
    return (when - _EPOCH) // timedelta(milliseconds=1)


def _bytes(name: str, text: Optional[str]) -> Optional[bytes]:
    """Text as the library takes it. It judges itself what is no UTF-8 (lone surrogates); a NUL it could not see."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be str, not {type(text).__name__}")
    if "\0" in text:
        raise InvalidArgument(Result(Status.ARG, f"{name} holds a NUL character"))
    return text.encode("utf-8", "surrogatepass")


def _request(query: Union[str, bytes], body: bytes) -> Optional[bytes]:
    """The query string of a pushed request, whose body must be bytes."""
    text = query if isinstance(query, bytes) else _bytes("query", query)
    if text and b"\0" in text:
        raise InvalidArgument(Result(Status.ARG, "query holds a NUL character"))
    if not isinstance(body, bytes):
        raise TypeError(f"body must be bytes, not {type(body).__name__}")
    return text


def _answer(answer: Union[Answer, int, str]) -> int:
    """The number of an answer, which may be in WeChat's own word."""
    if not isinstance(answer, str):
        return _fits("answer", answer, -(2**31), 2**31 - 1)
    word = "accept" if answer.startswith("accept") else answer
    if word not in ("accept", "reject", "ban", "filter"):
        what = "pass an Answer, or WeChat's word: accept, reject, ban, filter"
        raise InvalidArgument(Result(Status.ARG, f"answer is {answer!r}; {what}"))
    return Answer[word.upper()]


def _fits(name: str, number: int, low: int, high: int) -> int:
    """The number itself; ctypes would cut off what does not fit."""
    if not low <= number <= high:
        raise InvalidArgument(Result(Status.ARG, f"{name} is {number}; it must be from {low} to {high}"))
    return number
