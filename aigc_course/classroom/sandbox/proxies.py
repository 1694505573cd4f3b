"""The judge's end: stand-ins for what lives in the answer's process.

A stand-in can be called, read, written, indexed, iterated, added and compared; each of these is
asked of the other process and comes back as plain data or as another stand-in. A judge therefore
needs not know where an answer lives.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from aigc_course.classroom.sandbox import codec
from aigc_course.classroom.sandbox.codec import Coder, Malformed, Unsendable
from aigc_course.classroom.sandbox.rpc import Gone, Peer, Refused, TooLate, TooMuch
from aigc_course.judging import handed
from aigc_course.judging.core import Stopped


class Session:
    """One conversation with an answer's process.

    Args:
        sock: connection to :class:`~aigc_course.classroom.sandbox.worker.Inside`.
        seconds: for all that is asked until :meth:`start` is called again.
        ended: called once when the conversation breaks off; returns why, as ``Stopped``.
    """

    def __init__(
        self,
        sock: Any,
        *,
        seconds: float,
        frame: int,
        traffic: int,
        ended: Callable[[str], Stopped] | None = None,
    ) -> None:
        self.peer = Peer(sock, self._serve, frame=frame, traffic=traffic, trusted=False)
        self.seconds, self.traffic = seconds, traffic
        self.ended = ended
        self.alive = True
        self.coder = Coder(self._keep, self._mine, self._stand_in, _number_of, copy=self._copy)
        self.handles: WeakValueDictionary[int, Handle] = WeakValueDictionary()
        self.seen: dict[int, int] = {}
        self.dropped: list[list[int]] = []
        self.handed: dict[int, Any] = {}
        self.handed_numbers: dict[int, int] = {}
        self.counter = itertools.count(1)
        self.start()

    def start(self) -> None:
        """Begin the time and the traffic of the next exercise."""
        self.peer.deadline = time.monotonic() + self.seconds
        self.peer.left = self.traffic

    def define(self, chunks: list[tuple[str, str, int]], name: str) -> Any:
        """Run the learner's statements; what they call ``name``, as a value or a stand-in.

        Raises:
            NotDefined: they do not define it.
            Stopped: they ran too long, took too much or died.
            Exception: an error of theirs, with ``own_lines``.
        """
        # a function handed over for one exercise must not come back as the answer to the next
        self.handed.clear()
        self.handed_numbers.clear()
        return self.decode(self.ask("define", [list(c) for c in chunks], name))

    def ask(self, operation: str, *arguments: Any) -> Any:
        """Ask the answer's process; every way of not answering becomes ``Stopped``."""
        if not self.alive:
            raise self._stop("crashed", "这份答案的进程已经结束")
        dropped, self.dropped = self.dropped, []
        try:
            return self.peer.ask(operation, dropped, *arguments)
        except Refused as error:
            raise Stopped("refused", str(error)) from None
        except MemoryError:
            raise self._stop("memory", "内存超限：数组比需要的大得多？") from None
        except TooLate:
            raise self._stop("timeout", f"{self.seconds:g} 秒还没有算完") from None
        except TooMuch:
            raise self._stop("memory", "交出来的数据太大") from None
        except Malformed:
            raise self._stop("crashed", "交出来的东西读不懂") from None
        except Gone:
            raise self._stop("crashed", "运行它的进程中途没了") from None

    def _stop(self, status: Any, message: str) -> Stopped:
        self.alive = False
        stopped = self.ended(status) if self.ended else Stopped(status)
        return Stopped(stopped.status, stopped.message or message)

    def decode(self, tree: Any) -> Any:
        try:
            return self.coder.decode(tree)
        except Malformed:
            raise self._stop("crashed", "交出来的东西读不懂") from None

    # --- what is asked of the answer -----------------------------------------------------------

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        encoded = self.coder.encode(args), self.coder.encode(kwargs)
        reply = self.ask("call", number, *encoded)
        if type(reply) is not list or len(reply) != 2:
            raise self._stop("crashed", "交出来的东西读不懂")
        value, changed = reply
        if changed is not None:
            self._write_back(args, kwargs, self.decode(changed))
        return self.decode(value)

    def _write_back(self, args: tuple[Any, ...], kwargs: dict[str, Any], after: Any) -> None:
        try:
            new_args, new_kwargs = after
            for old, new in zip(args, new_args, strict=True):
                codec.merge(old, new)
            for name in kwargs:
                codec.merge(kwargs[name], new_kwargs[name])
        except (TypeError, ValueError, KeyError):
            raise self._stop("crashed", "交出来的东西读不懂") from None

    # --- what the answer asks ------------------------------------------------------------------

    def _serve(self, operation: str, arguments: list[Any]) -> Any:
        number, *rest = arguments
        target = self._mine(number)
        if operation == "call":
            args, kwargs = self.decode(rest[0]), self.decode(rest[1])
            if type(args) is not tuple or type(kwargs) is not dict:
                raise Malformed("arguments that are none")
            self._may(target, "__call__")
            return self.coder.encode(target(*args, **kwargs))
        if operation == "get":
            return self.coder.encode(getattr(target, self._may(target, rest[0])))
        if operation == "set":
            setattr(target, self._may(target, rest[0], write=True), self.decode(rest[1]))
            return None
        raise Malformed("a question nobody answers")

    @staticmethod
    def _may(target: Any, name: Any, write: bool = False) -> str:
        """``name``, if the class of ``target`` declares it; no other is looked up."""
        declared = handed.exposed(target) or handed.Exposed(frozenset())
        if type(name) is str and name in (declared.writable if write else declared.readable):
            return name
        raise AttributeError(f"{type(target).__name__} 没有交出 {str(name)[:50]}")

    # --- objects -------------------------------------------------------------------------------

    def _keep(self, value: Any) -> tuple[int, Any]:
        if handed.exposed(value) is None:
            raise Unsendable(f"a judge cannot hand over a {type(value).__name__}")
        return self._number(value), None

    def _number(self, value: Any) -> int:
        # a bound method is a new object each time it is read: kept alive by ``handed``
        number = self.handed_numbers.get(id(value))
        if number is None:
            number = next(self.counter)
            self.handed[number] = value
            self.handed_numbers[id(value)] = number
        return number

    def _copy(self, value: Any) -> tuple[str, list[int], Any] | None:
        copier = handed.copier_of(type(value))
        if copier is None:
            return None
        originals, description = copier.pack(value)
        return copier.name, [self._number(original) for original in originals], description

    def _mine(self, number: Any) -> Any:
        if type(number) is not int or number not in self.handed:
            raise Malformed("an object that was never handed over")
        return self.handed[number]

    def _stand_in(self, number: int, about: Any) -> Any:
        self.seen[number] = self.seen.get(number, 0) + 1
        old = self.handles.get(number)
        if old is not None:
            return old
        try:
            name, is_callable, is_class = about
            kind = ClassHandle if is_class else CallableHandle if is_callable else Handle
        except (TypeError, ValueError):
            raise Malformed("an object that is none") from None
        handle = kind(self, number, str(name)[:80])
        self.handles[number] = handle
        return handle


def _number_of(value: Any) -> int | None:
    return object.__getattribute__(value, "_number") if isinstance(value, Handle) else None


class Handle:
    """Stands for an object that stays in the answer's process."""

    _session: Session
    _number: int
    _name: str

    def __init__(self, session: Session, number: int, name: str) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_name", name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array_"):  # NumPy's probing; __array__ itself is defined below
            raise AttributeError(name)
        session = self._session
        return session.decode(session.ask("get", self._number, name))

    def __setattr__(self, name: str, value: Any) -> None:
        session = self._session
        session.ask("set", self._number, name, session.coder.encode(value))

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __hash__(self) -> int:
        return hash(self._number)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        value = self._session.decode(self._session.ask("array", self._number))
        return np.asarray(value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        session = self._session
        trees = session.coder.encode(inputs), session.coder.encode(kwargs)
        return session.decode(session.ask("ufunc", ufunc.__name__, method, *trees))

    def __enter__(self) -> Any:
        return self._session.decode(self._session.ask("enter", self._number))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is not None and not issubclass(kind, Exception):
            return False  # Stopped and its like: nobody is there to be told
        name = "" if kind is None else kind.__name__
        return bool(self._session.ask("exit", self._number, name))

    def __iter__(self) -> Iterator[Any]:
        return iter(_op(self, "iter", self))

    def __del__(self) -> None:
        session = self._session
        session.dropped.append([self._number, session.seen.pop(self._number, 0)])


def _op(handle: Handle, name: str, *operands: Any) -> Any:
    session = handle._session
    return session.decode(session.ask("op", name, *(session.coder.encode(o) for o in operands)))


def _add_operators() -> None:
    """Every operator on a stand-in, asked in the order in which it was written."""

    def forward(name: str) -> Callable[..., Any]:
        return lambda self, *others: _op(self, name, self, *others)

    def reflected(name: str) -> Callable[..., Any]:
        return lambda self, other: _op(self, name, other, self)

    both_ways = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for name in (*both_ways, "and", "or", "xor"):
        asked = name + "_" if name in ("and", "or") else name
        setattr(Handle, f"__{name}__", forward(asked))
        setattr(Handle, f"__r{name}__", reflected(asked))
    one_way = ("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "invert", "abs", "index")
    containers = ("len", "getitem", "setitem", "delitem", "contains")
    for name in (*one_way, *containers, "bool", "float", "int"):
        setattr(Handle, f"__{name}__", forward(name))


_add_operators()


class CallableHandle(Handle):
    """Stands for a function or another object that can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.call(self._number, args, kwargs)


class ClassHandle(CallableHandle):
    """Stands for a class: ``isinstance(x, handle)`` asks the answer's process."""

    def __instancecheck__(self, value: Any) -> bool:
        if not isinstance(value, Handle):
            return False
        session = self._session
        return bool(session.ask("isinstance", session.coder.encode(value), self._number))
