"""Native calls that do not hold off Ctrl-C.

Python runs its signal handlers in the main thread, and only between two of its own instructions: a native call there
would put off KeyboardInterrupt until it ends. A log callback during such a call would even swallow it. So the main
thread lets another thread make the call, and waits in Python.
"""

from __future__ import annotations

import _thread
import threading
from queue import SimpleQueue
from typing import Any, Callable, List, Optional

#: How long one wait lasts at most: some platforms (Windows) don't break off a wait for a signal.
SLICE = 0.05


class _Call:
    """A call, what came of it, and a lock that is held until it has ended."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.result: Any = None
        self.error: Optional[BaseException] = None
        self.done = threading.Lock()
        self.done.acquire()

    def make(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.error = error


class _Worker:
    """A thread that makes one call after the other, to its end, whoever waits for it or not."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[_Call] = SimpleQueue()
        # Not threading.Thread: a signal in the middle of its start() leaves a thread that complains on stderr.
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        while True:
            call = self.calls.get()
            call.make()
            _idle.append(self)
            call.done.release()
            del call  # and with it the client, which could not be collected else


#: Workers that wait for a call. More than one only after a call was left alone by a signal.
_idle: List[_Worker] = []


def run(function: Callable[[], Any]) -> Any:
    """Makes the call and waits for it. In the main thread a signal breaks off the wait; the call then goes on alone."""
    if threading.current_thread() is not threading.main_thread():
        return function()
    try:
        worker = _idle.pop() if _idle else _Worker()
    except RuntimeError:  # the interpreter is exiting, or there are too many threads
        return function()
    call = _Call(function)
    worker.calls.put(call)
    while not call.done.acquire(timeout=SLICE):
        pass
    if call.error is not None:
        raise call.error
    return call.result


def forget() -> None:
    """In a forked child: the threads are the parent's."""
    _idle.clear()
