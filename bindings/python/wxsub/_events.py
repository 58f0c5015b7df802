"""What WeChat pushes to the host's own HTTP endpoint."""

from __future__ import annotations

import ctypes
from ctypes import byref
from typing import Any, Callable, Optional, Union

from ._arguments import encoded
from ._native import lib, new_result
from .errors import InvalidArgument, check
from .result import EventReply, Result, Status, from_raw


class EventReceiver:
    """The methods for an address to which WeChat pushes."""

    def _call(self, function: Callable[..., int], *arguments: Any) -> int:
        """Makes a native call."""
        raise NotImplementedError

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

        :returns: the message as WeChat wrote it, XML or JSON. In plain mode it may be anybody's: nothing signs
            it, so deliver goods by encrypted pushes only.
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


def _request(query: Union[str, bytes], body: bytes) -> Optional[bytes]:
    """The query string of a pushed request, whose body must be bytes."""
    text = query if isinstance(query, bytes) else encoded("query", query)
    if text and b"\0" in text:
        raise InvalidArgument(Result(Status.ARG, "query holds a NUL character"))
    if not isinstance(body, bytes):
        raise TypeError(f"body must be bytes, not {type(body).__name__}")
    return text
