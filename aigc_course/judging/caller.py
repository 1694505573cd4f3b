"""Calls of an answer on copies, so that it can be asked afterwards whether the inputs were kept."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_course.judging.describe import plain
from aigc_course.judging.result import Step

__all__ = ["Caller"]


@dataclass(frozen=True)
class _Argument:
    name: str
    before: Any
    after: Any  # the copy that the answer was given
    call: int  # the how manyth


class Caller:
    """Calls an answer and its reference with the same arguments: ``got, want = call(x, W)``.

    Arrays, PyTorch tensors, lists, tuples and dictionaries are copied for each of the two, so
    neither sees what the other does to them, and the judge's own stay as they are. Everything
    else is handed to the answer as it is; the reference gets a copy of a generator of random
    numbers, in the state it had before.

    Args:
        answer: what the learner wrote.
        reference: what is right; without it ``want`` is None.

    Example:
        >>> def double(x):
        ...     x *= 2
        ...     return x
        >>> call = Caller(double, lambda x: 2 * x)
        >>> x = np.array([1.0, 2.0])
        >>> got, want = call(x)
        >>> got, want, x
        (array([2., 4.]), array([2., 4.]), array([1., 2.]))
        >>> call.untouched().hint
        'x 被原地修改了：先 copy，或写成新数组'
    """

    def __init__(self, answer: Callable[..., Any], reference: Callable[..., Any] | None = None):
        self.answer = answer
        self._reference = reference
        self._arguments: list[_Argument] = []
        self._results: list[Any] = []  # of each call; None where it ended in an error

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        given, its = _copied((args, kwargs)), _copied((args, kwargs), streams=True)
        after = self._named(*given)
        for name, before in self._named(*_copied((args, kwargs))).items():
            self._arguments.append(_Argument(name, before, after[name], len(self._results)))
        self._results.append(None)
        got = self._results[-1] = self.answer(*given[0], **given[1])
        return got, None if self._reference is None else self._reference(*its[0], **its[1])

    def untouched(
        self, *names: str, label: str = "没有改动输入", hint: str = "", weight: float = 0.0
    ) -> Step:
        """One step: were the arguments of all calls so far left as they came?

        Args:
            names: of the arguments to look at; all if none is named.
            label, hint: instead of the usual ones.

        Raises:
            ValueError: no call had an argument of that name.
        """
        unknown = set(names) - {argument.name for argument in self._arguments}
        if unknown:
            raise ValueError(f"untouched: no call had an argument named {sorted(unknown)}")
        for argument in self._arguments:
            if names and argument.name not in names:
                continue
            if not _same(argument.before, argument.after):
                hint = hint or f"{argument.name} 被原地修改了：先 copy，或写成新数组"
                return Step(False, label, hint, "", weight, given=self._results[argument.call])
        return Step(True, label, weight=weight)

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by the names that the reference gives them."""
        if self._reference is None:  # not the answer's: it may live in another process
            return {f"第 {k} 个输入": value for k, value in enumerate(args, 1)} | kwargs
        return dict(inspect.signature(self._reference).bind(*args, **kwargs).arguments)


def _copied(value: Any, *, streams: bool = False) -> Any:
    kind = type(value)
    if kind is tuple or kind is list:
        return kind(_copied(one, streams=streams) for one in value)
    if kind is dict:
        return {key: _copied(one, streams=streams) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value) if streams else value
    if callable(getattr(kind, "detach", None)) and callable(getattr(kind, "clone", None)):
        return value.detach().clone().requires_grad_(value.requires_grad)  # a PyTorch tensor
    return value


def _same(before: Any, after: Any) -> bool:
    kind = type(before)
    if kind is tuple or kind is list:
        same_length = type(after) is kind and len(before) == len(after)
        return same_length and all(map(_same, before, after))
    if kind is dict:
        same_keys = type(after) is dict and before.keys() == after.keys()
        return same_keys and all(_same(one, after[key]) for key, one in before.items())
    one, other = plain(before), plain(after)
    if isinstance(one, np.ndarray):
        if not isinstance(other, np.ndarray) or other.dtype != one.dtype:
            return False
        # as a plain array: no comparison of an answer's own is called
        return np.array_equal(one, np.asarray(other), equal_nan=one.dtype.kind in "fc")
    if isinstance(one, bool | int | float | str | None):
        return type(other) is type(one) and (one == other or one != one)
    return True
