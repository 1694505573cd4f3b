"""What an answer was called with, and what it returned: for the card of a wrong answer."""

from __future__ import annotations

import functools
import inspect
import math
from collections import deque
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from aigc_course.judging.describe import describe

__all__ = ["NOTHING", "Call", "Recorder"]

COPIED = 4096  # entries; of a bigger array only a description is kept of how it came
CALLS = 64  # of an answer that is called more often, the last ones are kept
NOTHING = object()


class _Told(str):
    """What a big array looked like."""


@dataclass
class Call:
    """One call of an answer: copies of what went in, and what came out."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    big: dict[int | str, _Told]  # by position or name: the big arrays, described before the call
    result: Any = NOTHING  # the very object
    shown: Any = NOTHING  # as it was when it came
    later: deque[Any] = field(default_factory=lambda: deque(maxlen=CALLS))  # see _of_its_own


class Recorder:
    """Stands between a judge and a plain function and remembers its calls.

    Example:
        >>> def double(x, times=2):
        ...     return times * x
        >>> recorder = Recorder(double)
        >>> first, second = recorder.spy(np.array([1.0, 2.0])), recorder.spy(3.0)
        >>> recorder.show(first)
        ((('x', '数组 (2,) float64，范围 [1, 2]：1 2'),), '数组 (2,) float64，范围 [2, 4]：2 4')
        >>> recorder.show(None)
        ((('x', '3'),), '6')
    """

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        self._calls: deque[Call] = deque(maxlen=CALLS)

        @functools.wraps(function)
        def spy(*args: Any, **kwargs: Any) -> Any:
            # copies: the function may change its input, and the input is what is to be shown
            given: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
            big = {name: _Told(describe(value)) for name, value in given if _is_big(value)}
            call = Call(_kept(args), _kept(kwargs), big)
            self._calls.append(call)
            result = _of_its_own(call, function(*args, **kwargs))
            call.result, call.shown = result, _kept(result)
            return result

        self.spy = spy

    def find(self, given: Any) -> Call | None:
        """The call that returned ``given``; the last one for None; None if there is none."""
        if given is None:
            return self._calls[-1] if self._calls else None
        # made of several calls: the inputs of one of them would mislead
        found = (
            call
            for call in reversed(self._calls)
            if any(_holds(came, given) for came in (call.result, *call.later))
        )
        return next(found, None)

    def show(self, given: Any) -> tuple[tuple[tuple[str, str], ...], str]:
        """The call that returned ``given``, or the last one: its arguments, and what it returned.

        Args:
            given: what a step found wrong: a call's result, or a part of it. None stands for
                a step that does not say, and for an error: the last call then.

        Returns:
            Name and description of each argument, and the result's description, which is empty
            if there was none. Nothing if no call returned ``given``.
        """
        call = self.find(given)
        if call is None:
            return (), ""
        args = [call.big.get(k, value) for k, value in enumerate(call.args)]
        kwargs = {name: call.big.get(name, value) for name, value in call.kwargs.items()}
        try:
            named = dict(inspect.signature(self._function).bind(*args, **kwargs).arguments)
        except (TypeError, ValueError):  # called with the wrong number of arguments
            named = {f"第 {k + 1} 个": arg for k, arg in enumerate(args)} | kwargs
        arguments = tuple(
            (name, str(value) if isinstance(value, _Told) else describe(value))
            for name, value in named.items()
        )
        return arguments, "" if call.shown is NOTHING else describe(call.shown)


def _of_its_own(call: Call, result: Any) -> Any:
    """``result`` as an object that no other call has returned, and what it returns in its turn.

    ``np.inf`` is always the same object; small whole numbers, None and the truth values, too, and
    cannot be told apart. A function that comes back, such as the rule for a gradient, belongs to
    the call that made it: what it returns is found there.
    """
    if type(result) is float or type(result) is np.float64:
        return type(result)(math.copysign(abs(result), result))
    if type(result) is tuple:
        return tuple(_of_its_own(call, part) for part in result)
    if isinstance(result, FunctionType):
        made = result

        @functools.wraps(made)
        def spy(*args: Any, **kwargs: Any) -> Any:
            later = made(*args, **kwargs)
            call.later.append(later)
            return later

        return spy
    return result


def _holds(result: Any, given: Any, depth: int = 2) -> bool:
    if result is given:
        return True
    inside = list(result.values()) if type(result) is dict else result
    if depth == 0 or type(inside) not in (tuple, list):  # a list may hold itself
        return False
    return any(_holds(part, given, depth - 1) for part in inside[:COPIED])


def _is_big(value: Any) -> bool:
    return type(value) is np.ndarray and value.size > COPIED


def _kept(value: Any, depth: int = 8) -> Any:
    kind = type(value)
    if kind is tuple or kind is list:
        if len(value) > COPIED or depth == 0:  # a list may hold itself
            return value
        return kind(_kept(one, depth - 1) for one in value)
    if kind is dict and depth:
        return {name: _kept(one, depth - 1) for name, one in value.items()}
    if kind is np.ndarray and not _is_big(value):
        return value.copy()
    return value
