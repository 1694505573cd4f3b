"""Calls from a learner's line into what is forbidden, noted while an answer runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType, TracebackType
from typing import Any

from aigc_course.judging.forbidden.names import defined_as, describe, owner, public_name
from aigc_course.policy import COURSE, ROOTS, is_closed

__all__ = ["MONITOR_REMOVED", "CallMonitor"]

MONITOR_REMOVED = "改动了 sys.setprofile"  # while the answer ran, by a way that was not seen
_NEARLY = 0.7  # of the limit of recursion
_JUDGES = (f"{COURSE}.exercises.ex", f"{COURSE}.judging.")


class CallMonitor:
    """Notes every call from a learner's line into a forbidden function while it is open.

    The nearest caller that is not NumPy's or Python's own decides: if it is a learner's line the
    call counts, if it is a library's or the judge's it does not. Nothing is interrupted; look at
    :attr:`findings` afterwards. Any profile function that was set is put back.

    Args:
        allows: patterns of what may be called after all.
        judge: code of the judge, for a judge that is not part of the course.

    Example:
        >>> with CallMonitor() as monitor:
        ...     _ = sorted([3, 1, 2])
        >>> monitor.findings
        []
    """

    def __init__(self, allows: Sequence[str] = (), judge: CodeType | None = None) -> None:
        self.findings: list[str] = []
        self._allows = tuple(allows)
        self._judge = judge
        # by id, each with the object itself so that the id stays taken
        self._codes: dict[int, tuple[CodeType, str | None]] = {}
        self._watched: dict[type | str, bool] = {}  # classes and modules with built-ins
        self._broken = False  # by an error that got into the hook
        self._depth = self._deepest = self._limit = 0
        self._hook = self._on  # one object, so that it can be recognised

    def __enter__(self) -> CallMonitor:
        self._before, self._thread_before = sys.getprofile(), threading.getprofile()
        # a profiler written in C cannot be put back from here: better no monitor than no profile
        self._set = self._before is None or callable(self._before)
        self._limit, self._depth = sys.getrecursionlimit(), _depth_of(sys._getframe())
        self._deepest = self._depth
        if self._set:
            threading.setprofile(self._hook)
            sys.setprofile(self._hook)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if not self._set:
            return
        gone = sys.getprofile() is not self._hook
        if gone and kind is None and not self.findings and not self._gave_way():
            self.findings.append(MONITOR_REMOVED)
        sys.setprofile(self._before)
        threading.setprofile(self._thread_before)

    def _gave_way(self) -> bool:
        """Whether Python itself took the watch off, as it does when an error gets into it.

        That is so for a recursion with no room left to call it (the last call that was seen was
        then close to the limit), for memory that has run out, and for an interruption.
        """
        return self._broken or self._deepest > _NEARLY * min(self._limit, sys.getrecursionlimit())

    def _on(self, frame: FrameType, event: str, arg: Any) -> None:
        try:  # all in one function: it is called for each call that an answer makes
            if event == "call":
                self._depth += 1
                if self._depth > self._deepest:
                    self._deepest = self._depth
                code = frame.f_code
                known = self._codes.get(id(code))
                if known is None:
                    known = self._codes[id(code)] = (code, self._forbidden_code(frame))
                if known[1] is not None:
                    self._note(known[1], frame.f_back)
            elif event == "return":
                self._depth -= 1
            elif event == "c_call" and self._may_be_forbidden(arg):
                name = defined_as(arg)
                if name is not None and is_closed(*name, self._allows):
                    self._note(public_name(*name), frame)
        except BaseException:  # RecursionError, MemoryError, KeyboardInterrupt, the time limit
            self._broken = True
            raise

    def _may_be_forbidden(self, builtin: BuiltinFunctionType) -> bool:
        """Whether a built-in's home can hold anything forbidden; quick, for it is asked often."""
        of = getattr(builtin, "__self__", None)
        home: Any
        if of is None or isinstance(of, ModuleType):
            home = getattr(builtin, "__module__", None)
            if not isinstance(home, str):  # some extensions put the module itself there
                home = getattr(home, "__name__", "")
        else:
            home = of if isinstance(of, type) else type(of)
        watched = self._watched.get(home)
        if watched is None:
            module = home if isinstance(home, str) else home.__module__
            watched = self._watched[home] = str(module).partition(".")[0] in ROOTS
        return watched

    def _forbidden_code(self, frame: FrameType) -> str | None:
        """What Python code that begins to run is called, if it is forbidden."""
        module, code = str(frame.f_globals.get("__name__", "")), frame.f_code
        name = code.co_qualname
        if module.partition(".")[0] not in ROOTS or name.startswith("<"):  # "<module>": an import
            return None
        if owner(code.co_filename) == "own":
            return None
        method = code.co_varnames[: min(code.co_argcount, 1)] == ("self",) and "." in name
        if method and module.startswith(_JUDGES) and not name.endswith(".__init__"):
            return None  # of something the judge handed in
        return public_name(module, name) if is_closed(module, name, self._allows) else None

    def _note(self, name: str, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code is not self._judge:
            whose = owner(frame.f_code.co_filename)
            if whose == "own":
                finding = describe(frame.f_lineno, name)
                if finding not in self.findings and len(self.findings) < 20:
                    self.findings.append(finding)
            if whose != "through":
                return
            frame = frame.f_back


def _depth_of(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    return depth
