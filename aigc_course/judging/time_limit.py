"""A time limit for code that we do not control: ``with time_limit(10): …``.

Works on every system and in every thread, without signals: a watchdog thread asks the
interpreter to raise an exception in the thread that is being watched
(``PyThreadState_SetAsyncExc``). The interpreter does so between two bytecodes, so a loop in
Python ends at once; one long call into C ends when it returns, and the message says so.

The races, and what keeps them from doing harm:

- *The block ends while the watchdog fires.* Firing and ending hold one lock, and ending waits
  for an exception that was asked for and not yet raised.
- *The exception arrives while the block is being ended.* Ending is repeated.
- *It arrives before the first line of ending.* It leaves the ``with`` statement as any timeout
  does; as the block's frames are gone, the watchdog never fires again.
- *The answer swallows it* (``except:`` in a loop). Fired again every half second, as long as a
  frame that was running then is still on the stack.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from types import FrameType, TracebackType

from aigc_course.judging.forbidden import is_own
from aigc_course.judging.result import Stopped

__all__ = ["time_limit"]

AGAIN_SECONDS = 0.5
LATE_SECONDS = 1.0

# One lock for all limits: the interpreter has room for one asked-for exception a thread.
_gate = threading.Lock()
_open: dict[int, list[time_limit]] = {}


class _Expired(Stopped):
    """Raised in the watched thread; each limit has its own subclass, to know its own."""


def _ask(thread: int, error: type[BaseException]) -> None:
    """Raise ``error`` in ``thread`` as soon as it runs Python code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


def _frames(thread: int, below: FrameType) -> list[FrameType] | None:
    """Frames of ``thread``, innermost first, down to ``below``; None if that has returned."""
    frame = sys._current_frames().get(thread)
    found = []
    while frame is not None and frame is not below:
        found.append(frame)
        frame = frame.f_back
    return None if frame is None else found


class time_limit:
    """End the block with ``Stopped("timeout", …)`` when it has run for ``seconds``.

    Can be nested, and used in any thread; the inner limit does not lengthen the outer one.
    ``KeyboardInterrupt`` and every other exception pass through untouched.

    Example:
        >>> try:
        ...     with time_limit(0.01):
        ...         while True:
        ...             pass
        ... except Stopped as stopped:
        ...     stopped.status
        'timeout'
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"seconds: got {seconds!r}, wanted a positive number")
        self.seconds = seconds
        self._error: type[_Expired] = type("_Expired", (_Expired,), {})

    def __enter__(self) -> time_limit:
        self._thread = threading.get_ident()
        self._outside: FrameType | None = sys._getframe(1)
        self._done = threading.Event()
        self._active = True
        self._armed = False
        self._fired_at = 0.0
        self._line = 0
        with _gate:
            _open.setdefault(self._thread, []).append(self)
        threading.Thread(target=self._watch, name="time_limit", daemon=True).start()
        self._armed = True  # last: an exception in here would leave the block without its end
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        interrupted: BaseException | None = None
        while True:
            try:
                self._end()
                break
            except self._error:
                continue  # it arrived just now: end again
            except BaseException as other:  # Ctrl-C: end first, then let it through
                interrupted = other
        if interrupted is not None:
            raise interrupted
        expired = kind is not None and issubclass(kind, self._error)
        if expired or (kind is None and self._fired_at):
            raise Stopped("timeout", self._message()) from None

    def _end(self) -> None:
        """From here on nothing is asked for any more, and nothing asked for is still to come."""
        with _gate:
            self._active = False
            self._outside = None
            self._done.set()
            outer = _open.get(self._thread, [])
            if self in outer:
                outer.remove(self)
            if not outer:
                _open.pop(self._thread, None)
        if self._fired_at:
            self._drain()
            with _gate:  # theirs may have been pushed aside by ours
                for limit in outer:
                    if limit._fired_at:
                        _ask(limit._thread, limit._error)

    def _drain(self) -> None:
        """Let an exception that may still be on its way arrive here.

        A request could be taken back instead, but CPython 3.11 then leaves a flag up that makes
        it hang as soon as a profile function is set. So ask once more, and wait for it.
        """
        try:
            _ask(self._thread, self._error)
            for _ in range(1_000_000):  # arrives on the first or second round
                pass
        except self._error:
            pass

    def _watch(self) -> None:
        wait = self.seconds
        caught: set[int] = set()
        held: list[FrameType] = []  # keeps the ids in ``caught`` from being used again
        while not self._done.wait(wait):
            wait = AGAIN_SECONDS
            with _gate:
                if not self._active or self._outside is None:
                    return
                if not self._armed:
                    continue
                frames = _frames(self._thread, self._outside)
                if frames is None:
                    return
                if self._fired_at and not any(id(frame) in caught for frame in frames):
                    return
                if not self._fired_at:
                    self._fired_at = time.monotonic()
                    self._line = self._own_line(frames)
                caught, held = {id(frame) for frame in frames}, frames
                _ask(self._thread, self._error)
        held.clear()

    def _own_line(self, frames: list[FrameType]) -> int:
        """Line of the learner's that is running, as the cell numbers it; 0 if there is none."""
        own = (frame.f_lineno for frame in frames if is_own(frame.f_code.co_filename))
        return next(own, 0)

    def _message(self) -> str:
        line = f"，停在第 {self._line} 行" if self._line else ""
        text = f"跑了 {self.seconds:g} 秒还没完{line}：是不是有停不下来的循环？"
        late = time.monotonic() - self._fired_at if self._fired_at else 0.0
        if late > LATE_SECONDS:
            text += (
                f"\n那一行里的一次调用中途停不下来，又等了 {late:.0f} 秒才等到它做完："
                "在等待（sleep），还是规模太大了？"
            )
        return text
