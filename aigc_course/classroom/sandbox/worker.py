"""The answer's end: runs the learner's statements and calls what they define.

Everything in this process belongs to the learner as soon as the first statement has run. It holds
inputs, never an expected value; nothing it says is believed, it is only compared.
"""

from __future__ import annotations

import builtins
import contextlib
import itertools
import linecache
import mmap
import operator
import random
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from aigc_course.classroom.sandbox import codec
from aigc_course.classroom.sandbox.codec import Coder, Malformed, Unsendable
from aigc_course.classroom.sandbox.rpc import (
    ConnectionLost,
    DeadlineExceeded,
    NotDefined,
    Refused,
    RpcConnection,
    TrafficExceeded,
    describe_error,
)
from aigc_course.judging import handed
from aigc_course.judging.forbidden import WorkCounter

handed.import_all()  # before any answer runs

_RESERVE = 8 << 20  # bytes kept back for telling the judge that memory has run out

_OPERATORS = {
    name: getattr(operator, name)
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"),
        *("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "invert", "abs", "index"),
        *("getitem", "setitem", "delitem", "contains"),
    )
} | {"len": len, "bool": bool, "float": float, "int": int, "complex": complex, "iter": list}
#: NumPy's names for them, where they differ.
_UFUNCS = {
    **{"subtract": "sub", "multiply": "mul", "divide": "truediv", "true_divide": "truediv"},
    **{"floor_divide": "floordiv", "remainder": "mod", "power": "pow", "equal": "eq"},
    **{"not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt"},
    "greater_equal": "ge",
}


class JudgeProxy:
    """Stands for a function or object of the judge; every use of it is a request to the judge."""

    __slots__ = ("_number", "_request")
    __array_ufunc__ = None  # ``array * proxy`` is asked of the proxy

    def __init__(self, request: Callable[..., Any], number: int) -> None:
        object.__setattr__(self, "_request", request)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._request("call", self._number, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._request("get", self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._request("set", self._number, name, value)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.__getattr__("__array__")(), dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JudgeProxy) and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)


def _forward_operators() -> None:
    """Operators on a proxy are methods of the judge's object, open if its class exposes them."""

    def forward(name: str) -> Callable[..., Any]:
        return lambda self, *operands: self.__getattr__(name)(*operands)

    both_ways = ("add", "sub", "mul", "truediv", "pow", "matmul")
    for name in (*both_ways, *(f"r{name}" for name in both_ways), "neg", "float"):
        setattr(JudgeProxy, f"__{name}__", forward(f"__{name}__"))


_forward_operators()


class _AnswerCoder(Coder):
    """Keeps the answer's objects by number, and knows those of the judge."""

    def __init__(self, request: Callable[..., Any]) -> None:
        self.request = request
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}  # by id
        self.sent: dict[int, int] = {}  # how often, by number
        self.copies: dict[int, tuple[int, Any]] = {}  # by id: the judge's number, the copy
        self.counter = itertools.count(1)

    def export(self, value: Any) -> tuple[int, Any]:
        number = self.numbers.get(id(value))
        if number is None:
            number = next(self.counter)
            self.objects[number] = value
            self.numbers[id(value)] = number
        self.sent[number] = self.sent.get(number, 0) + 1
        return number, [type(value).__name__[:80], callable(value), isinstance(value, type)]

    def resolve(self, number: int) -> Any:
        return self.objects[number] if number in self.objects else super().resolve(number)

    def proxy(self, number: int, about: Any) -> JudgeProxy:
        return JudgeProxy(self.request, number)

    def number_of(self, value: Any) -> int | None:
        if type(value) is JudgeProxy:
            return value._number
        return self.copies.get(id(value), (None,))[0]

    def paste(self, name: str, numbers: list[int], description: Any) -> Any:
        copier = handed.copier_of(name)
        if copier is None:
            raise Malformed(f"a copy of an unknown class {name}")
        # what was handed over before is what it was then: an answer may have changed it
        known = {number: copy for number, copy in self.copies.values()}
        if known.keys() >= set(numbers):
            return known[numbers[-1]]
        copies = copier.unpack(description)
        for number, copy in zip(numbers, copies, strict=True):
            self.copies[id(copy)] = number, copy
        return copies[-1]

    def drop(self, dropped: list[Any]) -> None:
        """Forget objects of which the judge has dropped all that it had seen."""
        for number, seen in dropped:
            if self.sent.get(number) == seen:
                self.numbers.pop(id(self.objects.pop(number, None)), None)
                self.sent.pop(number, None)


class AnswerServer:
    """Serves the judge's requests in the answer's process.

    Args:
        sock: connection to the judge.
        frame: largest message taken in, in bytes.
        monitor: makes a context manager whose ``findings`` name forbidden calls, or None.
    """

    def __init__(
        self, sock: socket.socket, *, frame: int, monitor: Callable[[], Any] | None = None
    ) -> None:
        self.connection = RpcConnection(sock, self.serve, describe=self.describe, frame=frame)
        self.coder = _AnswerCoder(self.request)
        self.monitor = monitor
        self.is_monitored = False
        self.counter: WorkCounter | None = None
        self.is_counted = False
        self.reserve = mmap.mmap(-1, _RESERVE)  # takes address space, no memory
        self.files: set[str] = set()

    def request(self, operation: str, number: int, *arguments: Any) -> Any:
        trees = [self.coder.encode(a) for a in arguments]
        return self.coder.decode(self.connection.request(operation, number, *trees))

    # --- requests ----------------------------------------------------------------------------

    def serve(self, operation: str, arguments: list[Any]) -> Any:
        dropped, *rest = arguments
        self.coder.drop(dropped)
        return getattr(self, f"do_{operation}")(*rest)

    def monitored(self, call: Callable[[], Any]) -> Any:
        """The value of ``call()``, unless it reached for something this exercise forbids."""
        call = self.counted(call)  # within the monitor: what is counted is passed on to it
        if self.monitor is None or self.is_monitored:
            return call()
        monitor = self.monitor()
        self.is_monitored = True
        try:
            with monitor:
                value = call()
        except BaseException:
            if not monitor.findings:
                raise
        finally:
            self.is_monitored = False
        if monitor.findings:
            raise Refused("；".join(monitor.findings[:3]))
        return value

    def counted(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """``call``, or one whose work is counted while the judge wants that."""
        counter = self.counter
        if counter is None or self.is_counted:
            return call

        def counting() -> Any:
            self.is_counted = True
            try:
                with counter:
                    return call()
            finally:
                self.is_counted = False

        return counting

    def do_define(self, chunks: list[Any], name: str) -> Any:
        random.seed(0)
        np.random.seed(0)
        self.coder.copies.clear()  # the judge has forgotten their originals
        main = ModuleType("__main__")
        main.__dict__.update(
            __builtins__=builtins,
            get_ipython=lambda: _SilentShell(),
            display=lambda *args, **kwargs: None,
        )
        sys.modules["__main__"] = main  # dataclasses and typing look their module up
        for source, filename, first_line in chunks:
            text = "\n" * (first_line - 1) + source
            linecache.cache[filename] = (
                len(text),
                None,
                self._joined(filename, text).splitlines(keepends=True),
                filename,
            )
            self.files.add(filename)
            code = compile(text, filename, "exec", dont_inherit=True)
            self.monitored(partial(exec, code, main.__dict__))
        if name not in main.__dict__:
            raise NotDefined(name)
        return self.coder.encode(main.__dict__[name])

    def _joined(self, filename: str, text: str) -> str:
        """Several chunks may come from one cell: keep the lines of those before."""
        old = linecache.cache.get(filename)
        if old is None or filename not in self.files:
            return text
        before: list[str] = list(old[2])  # type: ignore[misc]
        lines = text.splitlines(keepends=True)
        for k, line in enumerate(before):
            if k < len(lines) and not lines[k].strip():
                lines[k] = line
        return "".join(lines)

    def do_call(self, number: Any, args: Any, kwargs: Any) -> Any:
        call = self.coder.resolve(number)
        args, kwargs = self.coder.decode(args), self.coder.decode(kwargs)
        before = codec.pack(self.coder.encode((args, kwargs)))
        value = self.coder.encode(self.monitored(lambda: call(*args, **kwargs)))
        after = self.coder.encode((args, kwargs))
        return [value, after if codec.pack(after) != before else None]

    def do_get(self, number: Any, name: str) -> Any:
        return self.coder.encode(self.monitored(lambda: getattr(self.coder.resolve(number), name)))

    def do_set(self, number: Any, name: str, value: Any) -> Any:
        setattr(self.coder.resolve(number), name, self.coder.decode(value))

    def do_op(self, name: str, *operands: Any) -> Any:
        values = [self.coder.decode(o) for o in operands]
        call = _OPERATORS[name]
        return self.coder.encode(self.monitored(lambda: call(*values)))

    def do_ufunc(self, name: str, method: str, inputs: Any, kwargs: Any) -> Any:
        values, named = self.coder.decode(inputs), self.coder.decode(kwargs)
        call = getattr(getattr(np, name), method)
        if method == "__call__" and len(values) == 2 and not named:  # as Python asks the operands
            call = _OPERATORS.get(_UFUNCS.get(name, name), call)
        return self.coder.encode(self.monitored(lambda: call(*values, **named)))

    def do_array(self, number: Any) -> Any:
        return self.coder.encode(np.asarray(self.coder.resolve(number)))

    def do_isinstance(self, value: Any, number: Any) -> bool:
        return isinstance(self.coder.decode(value), self.coder.resolve(number))

    def do_enter(self, number: Any) -> Any:
        return self.coder.encode(self.coder.resolve(number).__enter__())

    def do_exit(self, number: Any, error: str) -> bool:
        kind = getattr(builtins, error, Exception) if error else None
        raised = kind() if kind else None
        return bool(self.coder.resolve(number).__exit__(kind, raised, None))

    def do_measure(self, begin: bool) -> list[Any] | None:
        """Begin to count how much Python the answer runs, or end it and say how much it was."""
        counter, self.counter = self.counter, WorkCounter() if begin else None
        return None if begin or counter is None else counter.work().as_list()

    # --- errors ------------------------------------------------------------------------------

    def describe(self, error: BaseException) -> list[Any]:
        if isinstance(error, MemoryError):
            self.reserve.close()  # enough to say so
            traceback.clear_frames(error.__traceback__)  # what fills the memory may hang on them
        lines: list[str] = []
        if isinstance(error, SyntaxError) and error.filename in self.files:
            lines = [f"第 {error.lineno} 行：{(error.text or '').strip()}"]
        else:
            with contextlib.suppress(Exception):
                lines = [
                    f"第 {frame.lineno} 行：{(frame.line or '').strip()}"
                    for frame in traceback.extract_tb(error.__traceback__)
                    if frame.filename in self.files
                ]
        name, text, _ = describe_error(error)
        if isinstance(error, SyntaxError):
            text = str(error.msg)
        shown = type(error).__name__
        if len(lines) > 3:  # where it was called from, and where it happened
            lines = [lines[0], *lines[-2:]]
        return [name, text, [*lines, f"{shown}: {text}" if text else shown]]


class _SilentShell:
    """What ``get_ipython()`` gives: takes every magic and does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def serve(sock: socket.socket, **settings: Any) -> None:
    """Serve one judge until it closes the connection; see :class:`AnswerServer`."""
    try:
        AnswerServer(sock, **settings).connection.run()
    except (ConnectionLost, Malformed, DeadlineExceeded, TrafficExceeded, Unsendable):
        return
