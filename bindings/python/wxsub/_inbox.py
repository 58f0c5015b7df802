"""Results on their way from the library to the host.

The library gives each result out once. A signal may break off the wait for it in the main thread just when it comes: it
is kept here then, for the next poll.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from ctypes import byref
from itertools import repeat, starmap
from typing import Deque, List, Optional

from . import _background
from ._native import RawResult, lib
from .errors import check_status
from .result import Result, Status, from_raw

#: How long one native wait lasts at most: what it takes after it was left alone is handed out so much later.
SLICE = 0.2
#: How many results one native call takes at most.
BATCH = 256


class Inbox:
    """The results of one client. Any number of threads may poll at once."""

    def __init__(self) -> None:
        self._taken: Deque[Result] = deque()

    def poll(self, client: Optional[int], limit: int, wait: float) -> List[Result]:
        """Up to ``limit`` results; waits up to ``wait`` seconds for the first.

        :raises WxsubError: the client is closed, or the parent's.
        """
        until = time.monotonic() + wait
        last = False
        while True:
            results = self._hand_out(limit)
            if results or last:
                return results
            left = max(until - time.monotonic(), 0)
            last = left <= SLICE
            wait_ms = int(min(left, SLICE) * 1000)
            status = _background.run(lambda: self._take(client, limit, wait_ms))
            if status != Status.OK:
                results = self._hand_out(limit)
                if not results:
                    check_status("wxsub_poll", status)
                return results

    def _take(self, client: Optional[int], limit: int, wait_ms: int) -> int:
        """Never in the main thread, where a signal could come between the native call and the keeping."""
        raw = (RawResult * min(limit, BATCH))()
        raw[0].struct_size = ctypes.sizeof(RawResult)
        while limit > 0:
            count = ctypes.c_size_t()
            status = int(lib.wxsub_poll(client, raw, min(limit, BATCH), wait_ms, byref(count)))
            self._taken.extend(from_raw(result) for result in raw[: count.value])
            if status != Status.OK or count.value < BATCH:
                return status
            limit -= count.value
            wait_ms = 0
        return Status.OK

    def _hand_out(self, limit: int) -> List[Result]:
        results: List[Result] = []
        try:
            # One native call: a signal between taking a result and keeping it would lose it.
            results.extend(starmap(self._taken.popleft, repeat((), limit)))
        except IndexError:  # no more
            pass
        except BaseException:
            self._taken.extendleft(reversed(results))
            raise
        return results
