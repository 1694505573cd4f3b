"""What an answer was last called with, and what it returned: for the card of a wrong answer."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import Any

import numpy as np

from aigc_course.judging.describe import describe

__all__ = ["Recorder"]

COPIED = 4096  # entries; a bigger array is shown as it is afterwards
_NOTHING = object()


class Recorder:
    """Stands between a judge and a plain function and remembers the last call.

    Example:
        >>> def double(x, times=2):
        ...     return times * x
        >>> recorder = Recorder(double)
        >>> recorder.spy(np.array([1.0, 2.0]))
        array([2., 4.])
        >>> recorder.arguments()
        (('x', '数组 (2,) float64，范围 [1, 2]：1 2'),)
        >>> recorder.returned()
        '数组 (2,) float64，范围 [2, 4]：2 4'
    """

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        self._args: tuple[Any, ...] | None = None
        self._kwargs: dict[str, Any] = {}
        self._result: Any = _NOTHING

        @functools.wraps(function)
        def spy(*args: Any, **kwargs: Any) -> Any:
            # copies: the function may change its input, and the input is what is to be shown
            self._args = tuple(_kept(arg) for arg in args)
            self._kwargs = {name: _kept(arg) for name, arg in kwargs.items()}
            self._result = _NOTHING
            self._result = function(*args, **kwargs)
            return self._result

        self.spy = spy

    def arguments(self) -> tuple[tuple[str, str], ...]:
        """Name and description of each argument of the last call."""
        if self._args is None:
            return ()
        try:
            bound = inspect.signature(self._function).bind(*self._args, **self._kwargs)
            named = dict(bound.arguments)
        except (TypeError, ValueError):  # called with the wrong number of arguments
            named = {f"第 {k + 1} 个": arg for k, arg in enumerate(self._args)} | self._kwargs
        return tuple((name, describe(value)) for name, value in named.items())

    def returned(self) -> str:
        """Description of what the last call returned; empty if it did not return."""
        return "" if self._result is _NOTHING else describe(self._result)


def _kept(value: Any) -> Any:
    if type(value) is np.ndarray and value.size <= COPIED:
        return value.copy()
    return value
