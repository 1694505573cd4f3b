"""How much of a learner's Python ran during some calls: lines, calls, items of a ``map``, depth.

Measured and not read off the source, so a loop is a loop however it is written, and a right answer
is not refused for a word in it. Only the standard library is imported, because the process in
which a submitted answer runs counts, too.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any

from aigc_course.judging.forbidden.names import is_own

__all__ = ["Work", "WorkCounter"]

#: Python's loops in the clothes of one call.
_LOOPS_OF_NUMPY = {
    "vectorize.__call__": "np.vectorize",
    "apply_along_axis": "np.apply_along_axis",
    "apply_over_axes": "np.apply_over_axes",
}
_FEW = 10
_LOOPS_IN_C = {"frompyfunc": "np.frompyfunc", "fromiter": "np.fromiter"}


@dataclass
class Work:
    """What was counted.

    Attributes:
        steps: lines of the learner's that ran, calls that they made, items mapped or filtered.
        depth: how many calls of one function were open at the same time.
        recursive: the name of that function.
        line: where most steps were made; 0 if no line ran more than a few times.
        loops: NumPy's names for a loop in Python that were called.
        raised: whether the limit of recursion was raised.
    """

    steps: int = 0
    depth: int = 0
    recursive: str = ""
    line: int = 0
    loops: tuple[str, ...] = ()
    raised: bool = False

    def as_list(self) -> list[Any]:
        return [list(x) if isinstance(x, tuple) else x for x in asdict(self).values()]

    @classmethod
    def of(cls, values: Any) -> Work:
        """From what :meth:`as_list` made, in whatever state it comes back."""
        try:
            steps, depth, recursive, line, loops, raised = values
            names = tuple(str(one)[:40] for one in loops)
            return cls(int(steps), int(depth), str(recursive)[:80], int(line), names, bool(raised))
        except (TypeError, ValueError):
            return cls()


class WorkCounter:
    """Counts while it is open, in this thread; what watched before goes on watching.

    Example:
        >>> with WorkCounter() as counter:
        ...     _ = list(map(abs, range(50)))
        >>> counter.work().steps >= 50
        True
    """

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}
        self._calls = self._mapped = 0
        self._open: dict[CodeType, int] = {}
        self._deepest: dict[CodeType, int] = {}
        self._loops: list[str] = []
        self._raised = False

    def __enter__(self) -> WorkCounter:
        self._limit = sys.getrecursionlimit()
        self._profile, self._trace = sys.getprofile(), sys.gettrace()
        self._map, self._filter = builtins.map, builtins.filter
        setattr(builtins, "map", self._counted(self._map))  # noqa: B010
        setattr(builtins, "filter", self._counted(self._filter))  # noqa: B010
        sys.setprofile(self._on)
        sys.settrace(self._on_frame)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        setattr(builtins, "map", self._map)  # noqa: B010
        setattr(builtins, "filter", self._filter)  # noqa: B010
        self._raised = self._raised or sys.getrecursionlimit() > self._limit
        if self._raised:
            sys.setrecursionlimit(self._limit)

    def work(self) -> Work:
        """What has been counted so far."""
        line = max(self._lines, key=lambda one: self._lines[one], default=0)
        line = line if self._lines.get(line, 0) > _FEW else 0
        deepest = max(self._deepest, key=lambda one: self._deepest[one], default=None)
        return Work(
            sum(self._lines.values()) + self._calls + self._mapped,
            0 if deepest is None else self._deepest[deepest],
            "" if deepest is None else deepest.co_name,
            line,
            tuple(dict.fromkeys(self._loops)),
            self._raised,
        )

    def _counted(self, kind: Any) -> Callable[..., Any]:
        def counted(function: Any, *iterables: Any) -> Iterator[Any]:
            for item in kind(function, *iterables):
                self._mapped += 1
                yield item

        return counted

    def _on_frame(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._on_line if is_own(frame.f_code.co_filename) else None

    def _on_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self._lines[frame.f_lineno] = self._lines.get(frame.f_lineno, 0) + 1
        return self._on_line

    def _on(self, frame: FrameType, event: Any, arg: Any) -> None:
        if self._profile is not None:
            self._profile(frame, event, arg)
        code = frame.f_code
        if event == "c_call":
            if is_own(code.co_filename):
                self._calls += 1
                name = getattr(arg, "__name__", "")
                if name in _LOOPS_IN_C:
                    self._loops.append(_LOOPS_IN_C[name])
        elif event in ("call", "return"):
            if is_own(code.co_filename):
                now = self._open.get(code, 0) + (1 if event == "call" else -1)
                self._open[code] = now
                if now > self._deepest.get(code, 0):
                    self._deepest[code] = now
                self._calls += event == "call"
            elif event == "call" and code.co_qualname in _LOOPS_OF_NUMPY:
                self._loops.append(_LOOPS_OF_NUMPY[code.co_qualname])
