"""The judge's end: proxies for what lives in the answer's process.

A proxy can be called, read, written, indexed, iterated, added and compared; each of these is a
request to the other process, and its result comes back as plain data or as another proxy. A judge
therefore needs not know where an answer lives.
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
from aigc_course.classroom.sandbox.rpc import (
    ConnectionLost,
    DeadlineExceeded,
    Refused,
    RpcConnection,
    TrafficExceeded,
)
from aigc_course.judging import handed
from aigc_course.judging.core import Stopped


class _JudgeCoder(Coder):
    """Keeps what a judge hands over by number, and makes proxies for the answer's objects."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}  # by id
        self.counter = itertools.count(1)
        self.proxies: WeakValueDictionary[int, Proxy] = WeakValueDictionary()
        self.seen: dict[int, int] = {}  # how often, by the answer's number
        self.dropped: list[list[int]] = []  # numbers no longer needed, and how often seen

    def export(self, value: Any) -> tuple[int, Any]:
        if handed.exposed(value) is None:
            raise Unsendable(f"a judge cannot hand over a {type(value).__name__}")
        return self._number(value), None

    def _number(self, value: Any) -> int:
        # a bound method is a new object each time it is read: kept alive by ``objects``
        number = self.numbers.get(id(value))
        if number is None:
            number = next(self.counter)
            self.objects[number] = value
            self.numbers[id(value)] = number
        return number

    def resolve(self, number: int) -> Any:
        return self.objects[number] if number in self.objects else super().resolve(number)

    def copy(self, value: Any) -> tuple[str, list[int], Any] | None:
        copier = handed.copier_of(type(value))
        if copier is None:
            return None
        originals, description = copier.pack(value)
        return copier.name, [self._number(original) for original in originals], description

    def proxy(self, number: int, about: Any) -> Proxy:
        self.seen[number] = self.seen.get(number, 0) + 1
        known = self.proxies.get(number)
        if known is not None:
            return known
        name, is_callable, is_class = about
        kind = ClassProxy if is_class else CallableProxy if is_callable else Proxy
        proxy = self.proxies[number] = kind(self.session, number, str(name)[:80])
        return proxy

    def number_of(self, value: Any) -> int | None:
        return object.__getattribute__(value, "_number") if isinstance(value, Proxy) else None

    def forget(self) -> None:
        """Forget what was handed over."""
        self.objects.clear()
        self.numbers.clear()


class Session:
    """One conversation with an answer's process.

    Args:
        sock: connection to :class:`~aigc_course.classroom.sandbox.worker.AnswerServer`.
        seconds: for all that is asked until :meth:`start` is called again.
        frame: largest message taken in, in bytes.
        traffic: all that may come in until :meth:`start` is called again, in bytes.
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
        self.connection = RpcConnection(sock, self._serve, frame=frame, trusted=False)
        self.seconds, self.traffic = seconds, traffic
        self.ended = ended
        self.alive = True
        self.coder = _JudgeCoder(self)
        self.start()

    def start(self) -> None:
        """Begin the time and the traffic of the next exercise."""
        self.connection.deadline = time.monotonic() + self.seconds
        self.connection.left = self.traffic

    def close(self) -> None:
        """End the conversation."""
        self.alive = False
        self.connection.sock.close()

    def define(self, chunks: list[tuple[str, str, int]], name: str) -> Any:
        """Run the learner's statements; what they call ``name``, as a value or a proxy.

        Raises:
            NotDefined: they do not define it.
            Stopped: they ran too long, took too much or died.
            Exception: an error of theirs, with ``own_lines``.
        """
        # a function handed over for one exercise must not come back as the answer to the next
        self.coder.forget()
        return self.evaluate("define", [list(c) for c in chunks], name)

    def request(self, operation: str, *arguments: Any) -> Any:
        """The answer's response, a tree; every way of not responding becomes ``Stopped``."""
        if not self.alive:
            raise self._stop("crashed", "这份答案的进程已经结束")
        dropped, self.coder.dropped = self.coder.dropped, []
        try:
            return self.connection.request(operation, dropped, *arguments)
        except Refused as error:
            raise Stopped("refused", str(error)) from None
        except MemoryError:
            raise self._stop("memory", "内存超限：数组比需要的大得多？") from None
        except DeadlineExceeded:
            raise self._stop("timeout", f"{self.seconds:g} 秒还没有算完") from None
        except TrafficExceeded:
            raise self._stop("memory", "交出来的数据太大") from None
        except Malformed:
            raise self._malformed() from None
        except ConnectionLost:
            raise self._stop("crashed", "运行它的进程中途没了") from None

    def evaluate(self, operation: str, *arguments: Any) -> Any:
        """The answer's response as a value."""
        return self.decode(self.request(operation, *arguments))

    def decode(self, tree: Any) -> Any:
        try:
            return self.coder.decode(tree)
        except Malformed:
            raise self._malformed() from None

    def _stop(self, status: Any, message: str) -> Stopped:
        self.alive = False
        stopped = self.ended(status) if self.ended else Stopped(status)
        return Stopped(stopped.status, stopped.message or message)

    def _malformed(self) -> Stopped:
        return self._stop("crashed", "交出来的东西读不懂")

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the answer's object; what it does to its arguments is done to ours."""
        response = self.request("call", number, self.coder.encode(args), self.coder.encode(kwargs))
        if type(response) is not list or len(response) != 2:
            raise self._malformed()
        value, changed = response
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
            raise self._malformed() from None

    # --- requests of the answer ----------------------------------------------------------------

    def _serve(self, operation: str, arguments: list[Any]) -> Any:
        number, *rest = arguments
        if type(number) is not int:
            raise Malformed("an object without a number")
        target = self.coder.resolve(number)
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
        raise Malformed("an unknown operation")

    @staticmethod
    def _may(target: Any, name: Any, write: bool = False) -> str:
        """``name``, if the class of ``target`` declares it; no other is looked up."""
        declared = handed.exposed(target) or handed.Exposed(frozenset())
        if type(name) is str and name in (declared.writable if write else declared.readable):
            return name
        raise AttributeError(f"{type(target).__name__} 没有交出 {str(name)[:50]}")


class Proxy:
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
        return self._session.evaluate("get", self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._session.request("set", self._number, name, self._session.coder.encode(value))

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __hash__(self) -> int:
        return hash(self._number)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._session.evaluate("array", self._number), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        encode = self._session.coder.encode
        return self._session.evaluate(
            "ufunc", ufunc.__name__, method, encode(inputs), encode(kwargs)
        )

    def __enter__(self) -> Any:
        return self._session.evaluate("enter", self._number)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is not None and not issubclass(kind, Exception):
            return False  # Stopped and its like: nobody is there to be told
        name = "" if kind is None else kind.__name__
        return bool(self._session.request("exit", self._number, name))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._operate("iter", self))

    def __del__(self) -> None:
        coder = self._session.coder
        coder.dropped.append([self._number, coder.seen.pop(self._number, 0)])

    def measured_(self, call: Callable[[], Any]) -> tuple[Any, Any]:
        """What ``call()`` returns, and how much Python ran in the answer's process meanwhile."""
        self._session.request("measure", True)
        try:
            value = call()
        except BaseException:
            if self._session.alive:
                self._session.request("measure", False)
            raise
        return value, self._session.request("measure", False)

    def _operate(self, name: str, *operands: Any) -> Any:
        encode = self._session.coder.encode
        return self._session.evaluate("op", name, *(encode(o) for o in operands))


def _add_operators() -> None:
    """Every operator on a proxy, requested in the order in which it was written."""

    def forward(name: str) -> Callable[..., Any]:
        return lambda self, *others: self._operate(name, self, *others)

    def reflected(name: str) -> Callable[..., Any]:
        return lambda self, other: self._operate(name, other, self)

    both_ways = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for name in (*both_ways, "and", "or", "xor"):
        asked = name + "_" if name in ("and", "or") else name
        setattr(Proxy, f"__{name}__", forward(asked))
        setattr(Proxy, f"__r{name}__", reflected(asked))
    one_way = ("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "invert", "abs", "index")
    containers = ("len", "getitem", "setitem", "delitem", "contains")
    for name in (*one_way, *containers, "bool", "float", "int"):
        setattr(Proxy, f"__{name}__", forward(name))


_add_operators()


class CallableProxy(Proxy):
    """Stands for a function or another object that can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.call(self._number, args, kwargs)


class ClassProxy(CallableProxy):
    """Stands for a class: ``isinstance(x, proxy)`` asks the answer's process."""

    def __instancecheck__(self, value: Any) -> bool:
        if not isinstance(value, Proxy):
            return False
        session = self._session
        return bool(session.request("isinstance", session.coder.encode(value), self._number))
