"""Log lines from native threads into Python.

The library gets two functions that live as long as this module, and a number; never a closure that could be collected
while a native thread is about to call it.
"""

from __future__ import annotations

import itertools
from typing import Callable, Dict, Optional

from ._native import DestroyFn, LogFn, lib
from .result import LogLevel

#: What :meth:`wxsub.Client.set_log` takes.
Log = Callable[[LogLevel, str], object]

_logs: Dict[int, Log] = {}
_numbers = itertools.count(1)


def forget() -> None:
    """In a forked child: the library never calls again."""
    _logs.clear()


def is_held() -> bool:
    """Whether the library still has a log function."""
    return bool(_logs)


def _call(number: Optional[int], level: int, message: bytes) -> None:
    try:
        log = _logs.get(number or 0)
        if log is not None:
            log(LogLevel(level), message.decode("utf-8", "replace"))
    except BaseException:
        pass  # a log function's mistake is nobody else's trouble


def _drop(number: Optional[int]) -> None:
    _logs.pop(number or 0, None)


#: ``wxsub_log_fn`` for every client.
CALL = LogFn(_call)
#: ``wxsub_destroy_fn`` for every client.
DROP = DestroyFn(_drop)


def install(client: Optional[int], log: Log, level: int) -> int:
    """``wxsub_set_log``; the library calls :data:`DROP` when it needs ``log`` no more, also when it did not take it."""
    number = next(_numbers)
    _logs[number] = log
    return int(lib.wxsub_set_log(client, CALL, number, DROP, level))
