"""Steps for answers whose result is one number a case: many cases, one of them on the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.judging.judges.arrays import shape_of, value
from aigc_course.judging.result import Step

__all__ = ["agree", "one_by_one"]


def agree(got: Any, want: Any) -> bool:
    """Are these exactly the same numbers, in the same shape?

    Example:
        >>> agree([3, 1.0], np.array([3, 1])), agree([3, None], np.array([3, 1]))
        (True, False)
    """
    want = np.asarray(want)
    return shape_of(got) == want.shape and np.array_equal(np.asarray(got, dtype=float), want)


def one_by_one(
    call: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    got: Sequence[Any],
    want: Sequence[int] | NDArray[Any],
    label: str,
    hint: str,
    traps: Mapping[str, Any] | None = None,
    *,
    form: str = "要的是一个整数",
    weight: float = 1.0,
) -> Step:
    """Is it the right whole number in each of the cases?

    One case alone hardly ever tells two mistakes apart, so a typical mistake is known by what it
    gives in all of them. The card shows one call: the answer is asked the first wrong case again,
    so that it is the last call, whose inputs the card shows.

    Args:
        call: asks the answer, such as a :class:`~aigc_course.judging.caller.Caller`.
        cases: the arguments of each call.
        got: what the answer gave, one a case.
        want: the right whole numbers.
        traps: ``{hint: wrong numbers of all cases}``, or a list of several that earn the hint.
        form: hint for what is not one number.

    Example:
        >>> want, plus_one = [3, 5], {"数到了下一个": np.array([4, 6])}
        >>> step = one_by_one(lambda x: x, [(4,), (6,)], [4, 6], want, "个数", "再数一遍", plus_one)
        >>> step.ok, step.hint
        (False, '数到了下一个')
    """
    k = next((k for k, right in enumerate(want) if not agree(got[k], right)), None)
    if k is None:
        return value(got[0], int(want[0]), label, weight=weight)
    told = hint
    for why, wrongs in (traps or {}).items():
        if any(agree(got, wrong) for wrong in (wrongs if isinstance(wrongs, list) else [wrongs])):
            told = why
            break
    call(*cases[k])
    return value(got[k], int(want[k]), label, told, form=form, rtol=0, atol=0, weight=weight)
