"""The interpreter's exit, when all clients are closed: native threads must have left Python before it.

One that came for Python's lock later would be ended by Python, and the process with it.
"""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Optional

from . import _log, _transport

#: What the library calls.
_CALLED = tuple(function.__code__ for module in (_log, _transport) for function in (module._call, module._drop))
#: A little longer than the calls were told that they may take.
_MORE = 1.0


def wait() -> None:
    """Waits until the library has let go of all that is Python's, but not longer than it may take."""
    patience = time.monotonic() + _MORE
    while _log.is_held() or _transport.is_held() or _is_inside():
        patience = max(patience, _transport.latest_end() + _MORE)
        if time.monotonic() > patience:
            return
        time.sleep(0.01)


def _is_inside() -> bool:
    """Whether a thread is in a function that the library calls."""
    for frame in sys._current_frames().values():
        inner: Optional[FrameType] = frame
        while inner is not None:
            if inner.f_code in _CALLED:
                return True
            inner = inner.f_back
    return False
