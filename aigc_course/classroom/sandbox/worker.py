"""The answer's end: runs the learner's statements and calls what they define.

Everything in this process belongs to the learner as soon as the first statement has run. It holds
inputs, never an expected value; nothing it says is believed, it is only compared.
"""

from __future__ import annotations

import builtins
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
    Gone,
    NotDefined,
    Peer,
    Refused,
    TooLate,
    TooMuch,
    describe,
)
from aigc_course.judging import handed

handed.import_all()  # before any answer runs

_RESERVE = 8 << 20  # bytes kept back for telling the judge that memory has run out

_UFUNC_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "true_divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "power": operator.pow,
    "matmul": operator.matmul,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
_OPERATORS = {
    name: getattr(operator, name)
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"),
        *("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "invert", "abs", "index"),
        *("getitem", "setitem", "delitem", "contains"),
    )
} | {"len": len, "bool": bool, "float": float, "int": int, "complex": complex, "iter": list}


class Given:
    """Stands for a function or object of the judge; every use of it is asked back."""

    __slots__ = ("_ask", "_number")

    def __init__(self, ask: Callable[..., Any], number: int) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("call", self._number, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", self._number, name, value)

    def __float__(self) -> float:
        return float(self._ask("get", self._number, "__float__")())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._ask("get", self._number, "__array__")(), dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)


class Inside:
    """Serves the judge's questions in the answer's process.

    Args:
        sock: connection to the judge.
        tripwire: makes a context manager whose ``findings`` name forbidden calls, or None.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        frame: int,
        tripwire: Callable[[], Any] | None = None,
    ) -> None:
        self.peer = Peer(sock, self.serve, frame=frame)
        self.peer.describe = self.describe
        self.tripwire = tripwire
        self.watching = False
        self.reserve = mmap.mmap(-1, _RESERVE)  # takes address space, no memory
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        self.sent: dict[int, int] = {}
        self.next = 0
        self.files: set[str] = set()
        self.copies: dict[int, tuple[int, Any]] = {}  # by id: the judge's number, the copy
        self.coder = Coder(self.keep, self.mine, self.stand_in, self.number_of, paste=self.paste)

    # --- objects -----------------------------------------------------------------------------

    def keep(self, value: Any) -> tuple[int, Any]:
        number = self.numbers.get(id(value))
        if number is None:
            number = self.next = self.next + 1
            self.objects[number] = value
            self.numbers[id(value)] = number
        self.sent[number] = self.sent.get(number, 0) + 1
        about = [type(value).__name__[:80], callable(value), isinstance(value, type)]
        return number, about

    def mine(self, number: int) -> Any:
        if number not in self.objects:
            raise Malformed("an object that was never handed out")
        return self.objects[number]

    def stand_in(self, number: int, about: Any) -> Given:
        return Given(self.ask, number)

    def number_of(self, value: Any) -> int | None:
        if type(value) is Given:
            return object.__getattribute__(value, "_number")
        return self.copies.get(id(value), (None,))[0]

    def paste(self, name: str, numbers: list[int], description: Any) -> Any:
        copier = handed.copier_of(name)
        if copier is None:
            raise Malformed(f"a copy of an unknown class {name}")
        copies = copier.unpack(description)
        for number, copy in zip(numbers, copies, strict=True):
            self.copies[id(copy)] = number, copy
        return copies[-1]

    def ask(self, operation: str, number: int, *arguments: Any) -> Any:
        trees = [self.coder.encode(a) for a in arguments]
        return self.coder.decode(self.peer.ask(operation, number, *trees))

    def drop(self, dropped: list[Any]) -> None:
        for number, seen in dropped:
            if self.sent.get(number) == seen:
                self.numbers.pop(id(self.objects.pop(number, None)), None)
                self.sent.pop(number, None)

    # --- questions ---------------------------------------------------------------------------

    def serve(self, operation: str, arguments: list[Any]) -> Any:
        dropped, *rest = arguments
        self.drop(dropped)
        return getattr(self, f"do_{operation}")(*rest)

    def watched(self, call: Callable[[], Any]) -> Any:
        """The value of ``call()``, unless it reached for something this exercise forbids."""
        if self.tripwire is None or self.watching:
            return call()
        wire = self.tripwire()
        self.watching = True
        try:
            with wire:
                value = call()
        except BaseException:
            if not wire.findings:
                raise
        finally:
            self.watching = False
        if wire.findings:
            raise Refused("；".join(wire.findings[:3]))
        return value

    def do_define(self, chunks: list[Any], name: str) -> Any:
        random.seed(0)
        np.random.seed(0)
        self.copies.clear()  # the judge has forgotten their originals
        space: dict[str, Any] = {
            "__name__": "__main__",
            "__builtins__": builtins,
            "get_ipython": lambda: _Silent(),
            "display": lambda *args, **kwargs: None,
        }
        main = ModuleType("__main__")
        main.__dict__.update(space)
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
            self.watched(partial(exec, code, main.__dict__))
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
        call, args, kwargs = self.mine(number), self.coder.decode(args), self.coder.decode(kwargs)
        before = codec.pack(self.coder.encode((args, kwargs)))
        value = self.coder.encode(self.watched(lambda: call(*args, **kwargs)))
        after = self.coder.encode((args, kwargs))
        return [value, after if codec.pack(after) != before else None]

    def do_get(self, number: Any, name: str) -> Any:
        return self.coder.encode(self.watched(lambda: getattr(self.mine(number), name)))

    def do_set(self, number: Any, name: str, value: Any) -> Any:
        setattr(self.mine(number), name, self.coder.decode(value))

    def do_op(self, name: str, *operands: Any) -> Any:
        values = [self.coder.decode(o) for o in operands]
        call = _OPERATORS[name]
        return self.coder.encode(self.watched(lambda: call(*values)))

    def do_ufunc(self, name: str, method: str, inputs: Any, kwargs: Any) -> Any:
        values, named = self.coder.decode(inputs), self.coder.decode(kwargs)
        plain = _UFUNC_OPERATORS.get(name) if method == "__call__" and len(values) == 2 else None
        call = plain if plain and not named else getattr(getattr(np, name), method)
        return self.coder.encode(self.watched(lambda: call(*values, **named)))

    def do_array(self, number: Any) -> Any:
        return self.coder.encode(np.asarray(self.mine(number)))

    def do_isinstance(self, value: Any, number: Any) -> bool:
        return isinstance(self.coder.decode(value), self.mine(number))

    def do_enter(self, number: Any) -> Any:
        return self.coder.encode(self.mine(number).__enter__())

    def do_exit(self, number: Any, error: str) -> bool:
        kind = getattr(builtins, error, Exception) if error else None
        raised = kind() if kind else None
        return bool(self.mine(number).__exit__(kind, raised, None))

    # --- errors ------------------------------------------------------------------------------

    def describe(self, error: BaseException) -> list[Any]:
        if isinstance(error, MemoryError):
            self.reserve.close()  # room to say so
            traceback.clear_frames(error.__traceback__)  # what fills the memory may hang on them
        lines = []
        frames: list[traceback.FrameSummary] = []
        if isinstance(error, SyntaxError) and error.filename in self.files:
            lines.append(f"第 {error.lineno} 行：{(error.text or '').strip()}")
        else:
            try:
                frames = traceback.extract_tb(error.__traceback__)
            except Exception:
                frames = []
        for frame in frames:
            if frame.filename in self.files:
                lines.append(f"第 {frame.lineno} 行：{(frame.line or '').strip()}")
        name, text, _ = describe(error)
        if isinstance(error, SyntaxError):
            text = str(error.msg)
        shown = type(error).__name__
        return [name, text, [*lines[-3:], f"{shown}: {text}" if text else shown]]


class _Silent:
    """What ``get_ipython()`` gives: takes every magic and does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def serve(sock: socket.socket, **settings: Any) -> None:
    """Serve one judge until it hangs up."""
    try:
        Inside(sock, **settings).peer.run()
    except (Gone, Malformed, TooLate, TooMuch, Unsendable):
        return
