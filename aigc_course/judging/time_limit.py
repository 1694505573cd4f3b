"""A time limit for code that we do not control: ``run_with_timeout(10, function)``.

Works on every system and in every thread, without signals: a watchdog thread asks the
interpreter to raise an exception in the thread that is being watched. The interpreter does so
between two bytecodes, so a loop in Python ends at once; one long call into C ends when it
returns, and the message says so. Where such an exception could do harm:

- *After the call.* It is asked for in one step with looking whether the call has ended, and
  ending lets arrive what was asked for. Nothing is taken back instead: Python 3.11 then hangs
  as soon as a profile function is set.
- *In the frame that holds the limit.* It is a function's own and not that of a ``with`` block:
  Python 3.12 and 3.13 leave the jump back after a condition out of the exception table, and
  what arrives there passes by every handler of its frame, ``with`` and ``finally`` included.
- *In a lock or a wait.* What is written in Python can be left half done there (``Event.set``,
  ``Thread.start``), and under a profile function even ``with lock``.
- *In a thread that is just being started*: for a moment, Python 3.11 knows it by the number of
  the one that starts it. So nothing is asked for while a watchdog is being started.
- *In an import.* A module that is imported by halves stays so until the interpreter is restarted:
  what is left of it in ``sys.modules`` is not tied to its package any more. So the time of an
  import does not count, and nothing is asked for in one, for a minute at most.
- *Nowhere*, if swallowed, or pushed out by a nested limit's, as there is room for one a thread:
  it is asked for again every half second.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from aigc_course.judging.forbidden import is_own
from aigc_course.judging.result import Stopped

__all__ = ["run_with_timeout"]

T = TypeVar("T")

AGAIN_SECONDS = 0.5
LOOK_SECONDS = 0.2  # how often it is looked whether the thread is in an import
IMPORT_SECONDS = 60.0  # of imports that do not count
LATE_SECONDS = 1.0
WAITING_SECONDS = (
    2.0  # after which the learner is told how to stop what cannot be stopped from here
)

_IMPORTS = "<frozen importlib._bootstrap>"
_starting: dict[int, bool] = {}  # by thread: is it starting a watchdog?


class _Expired(Stopped):
    """Raised in the watched thread; each limit has its own subclass, to know its own."""

    status = "timeout"
    message = ""
    __init__ = BaseException.__init__  # nothing in Python may run inside the answer


class _Watchdog:
    """Raises :attr:`expired` in this thread, and again and again, until :attr:`frame` is None."""

    def __init__(
        self, seconds: float, frame: FrameType, waiting: Callable[[str], None] | None
    ) -> None:
        self.waiting = waiting
        self.expired: type[_Expired] = type("_Expired", (_Expired,), {})
        self.fired_at = 0.0
        self.frame: FrameType | None = frame
        self.begun, self.over = threading.Lock(), threading.Lock()
        self.begun.acquire()
        self.over.acquire()
        self.thread, self._seconds = threading.get_ident(), seconds

    def watch(self) -> None:
        self.begun.release()
        ask, error = ctypes.pythonapi.PyThreadState_SetAsyncExc, ctypes.py_object(self.expired)
        thread, left, spared = ctypes.c_ulong(self.thread), self._seconds, IMPORT_SECONDS
        while left > 0:
            before = time.monotonic()
            if self.over.acquire(timeout=min(left, LOOK_SECONDS)):
                return
            passed = time.monotonic() - before
            if spared > 0 and self._imports():
                spared -= passed
            else:
                left -= passed
        while self.frame is not None:
            if not self.fired_at:
                line = self._own_line()
                where = f"，停在第 {line} 行" if line else ""
                what = "还在 import" if self._imports() else "是不是有停不下来的循环"
                said = f"跑了 {self._seconds:g} 秒还没完{where}：{what}？"
                self.expired.message, self.fired_at = said, time.monotonic()
            held = spared > 0 and self._imports()
            spared -= AGAIN_SECONDS if held else 0
            if self.frame is not None and not held and not _starting[self.thread]:
                # the interpreter changes threads neither since the test nor in this call
                ask(thread, error)
            if self.waiting and time.monotonic() - self.fired_at > WAITING_SECONDS:
                tell, self.waiting = self.waiting, None
                tell(self.expired.message)
            if self.over.acquire(timeout=AGAIN_SECONDS):
                return

    def _imports(self) -> bool:
        """Is the thread importing something, within the call?"""
        frame = sys._current_frames().get(self.thread)
        while frame is not None and frame is not self.frame:
            code = frame.f_code
            if code.co_name == "_find_and_load" and code.co_filename == _IMPORTS:
                return True
            frame = frame.f_back
        return False

    def _own_line(self) -> int:
        """Line of the learner's that is running, as the cell numbers it; 0 if there is none."""
        frame = sys._current_frames().get(self.thread)
        while frame is not None and frame is not self.frame:
            if is_own(frame.f_code.co_filename):
                return frame.f_lineno
            frame = frame.f_back
        return 0


def run_with_timeout(
    seconds: float, function: Callable[[], T], waiting: Callable[[str], None] | None = None
) -> T:
    """``function()``, ended with ``Stopped("timeout", …)`` when it has run for ``seconds``.

    Can be nested, and used in any thread; the inner limit does not lengthen the outer one.
    ``KeyboardInterrupt`` and every other exception pass through untouched; an interruption after
    the time is up may be overtaken by what the watchdog has asked for.

    Args:
        seconds: the limit.
        function: what is run.
        waiting: called once with the message so far, in the watchdog's thread, when the time has
            been up for two seconds and the call is still running.

    Example:
        >>> run_with_timeout(60, lambda: 1 + 2)
        3
        >>> def forever():
        ...     while True:
        ...         pass
        >>> try:
        ...     run_with_timeout(0.01, forever)
        ... except Stopped as stopped:
        ...     stopped.status
        'timeout'
    """
    if not seconds > 0:
        raise ValueError(f"seconds: got {seconds!r}, wanted a positive number")
    watchdog = _Watchdog(seconds, sys._getframe(), waiting)
    try:
        try:
            _starting[watchdog.thread] = True
            _thread.start_new_thread(watchdog.watch, ())
            watchdog.begun.acquire(timeout=1)
            _starting[watchdog.thread] = False
            value = function()
        finally:
            # first, as an assignment cannot be hit: nothing more is asked for from here on
            watchdog.frame, _starting[watchdog.thread] = None, False
            try:  # noqa: SIM105  # contextlib.suppress could be hit itself
                watchdog.over.release()  # what is on its way arrives here, with the first call
            except watchdog.expired:
                pass
    except watchdog.expired:
        pass
    if not watchdog.fired_at:
        return value
    message, late = watchdog.expired.message, time.monotonic() - watchdog.fired_at
    if late > LATE_SECONDS:
        message += (
            f"\n那一行里的一次调用中途停不下来，又等了 {late:.0f} 秒它才结束（做完或被中断）："
            "在等待（sleep），还是规模太大了？"
        )
    raise Stopped("timeout", message)
