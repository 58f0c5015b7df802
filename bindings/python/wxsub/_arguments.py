"""Arguments as the library takes them: text, JSON, times and numbers, checked where ctypes would not."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, Mapping, Optional, Union

from .errors import InvalidArgument
from .result import Answer, Result, Status

#: A JSON object as a mapping, or as text, which is passed on untouched.
Json = Union[Mapping[str, Any], str]

#: A point in time: a :class:`datetime.datetime` with a time zone, or Unix milliseconds.
When = Union[datetime, int]

#: What a message does that finds another one waiting with its key: that one stays, or this one takes its place.
OnConflict = Literal["keep", "replace"]

#: What becomes of a stored message that was maybe sent: it ends so, or it is sent again, maybe twice.
OnUnknown = Literal["report", "resend"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> object:
    """What JSON has no word for: paths, and mappings that are no dict."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def body_of(message: Json) -> Optional[bytes]:
    return encoded("message", message if isinstance(message, str) else to_json(message))


def options_of(**given: Any) -> Optional[bytes]:
    """Those that are not None."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return encoded("options", to_json(chosen)) if chosen else None


def unix_ms(name: str, when: Optional[When]) -> Optional[int]:
    if not isinstance(when, datetime):
        return when
    if when.tzinfo is None or when.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone: datetime.now(timezone.utc), or .astimezone()")
    return (when - _EPOCH) // timedelta(milliseconds=1)


def encoded(name: str, text: Optional[str]) -> Optional[bytes]:
    """Text as the library takes it. It judges itself what is no UTF-8 (lone surrogates); a NUL it could not see."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be str, not {type(text).__name__}")
    if "\0" in text:
        raise InvalidArgument(Result(Status.ARG, f"{name} holds a NUL character"))
    return text.encode("utf-8", "surrogatepass")


def number_of_answer(answer: Union[Answer, int, str]) -> int:
    """The number of an answer, which may be in WeChat's own word."""
    if not isinstance(answer, str):
        return fits("answer", answer, -(2**31), 2**31 - 1)
    word = "accept" if answer.startswith("accept") else answer
    if word not in ("accept", "reject", "ban", "filter"):
        what = "pass an Answer, or WeChat's word: accept, reject, ban, filter"
        raise InvalidArgument(Result(Status.ARG, f"answer is {answer!r}; {what}"))
    return Answer[word.upper()]


def fits(name: str, number: int, low: int, high: int) -> int:
    """The number itself; ctypes would cut off what does not fit."""
    if not isinstance(number, int):
        raise TypeError(f"{name} must be int, not {type(number).__name__}")
    if not low <= number <= high:
        raise InvalidArgument(Result(Status.ARG, f"{name} is {number}; it must be from {low} to {high}"))
    return number
