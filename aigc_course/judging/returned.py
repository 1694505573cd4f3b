"""What an answer gave back, looked at before anything is computed with it.

An answer may return anything: a ragged list, text, an object that agrees with every comparison.
Here it becomes a float64 array of the shape asked for, or a failed step that says why not::

    got = yield from array(answer(x.copy()), (4, 3), "dx", hint="dx 与 x 同形")
    yield value(got, right, "dx", "dx = dy · W", [(-right, "符号反了")])
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.judging.describe import describe, plain
from aigc_course.judging.judges import close, of, shape
from aigc_course.judging.result import Step

Array = NDArray[Any]
Traps = Sequence[tuple[Any, str]]  # what a typical mistake gives, and the hint for it

__all__ = ["array", "kept", "likely", "parts", "shape_of", "value"]


def shape_of(result: Any) -> tuple[int, ...] | None:
    """Shape of ``result`` as an array; None for what makes no array of real numbers.

    Example:
        >>> shape_of([[1, 2], [3, 4]]), shape_of(2.5), shape_of([[1], [2, 3]]), shape_of("12")
        ((2, 2), (), None, None)
    """
    real = _real(result)
    return None if real is None else real.shape


def _real(result: Any) -> Array | None:
    # text, complex numbers and objects are turned away: float("0.5") would let an answer pass
    # with text, and an object could compute its own comparison
    try:
        found = np.asarray(plain(result))
    except Exception:
        return None
    return found if found.dtype.kind in "biuf" else None


def _form(result: Any, wanted: tuple[int, ...], label: str, hint: str) -> Step:
    """One step: is ``result`` made of real numbers, in the shape ``wanted``?"""
    real = None if result is None else _real(result)
    if result is None or real is not None:
        return shape(real, wanted, label, hint)
    want = f"形状 {wanted}" if wanted else "一个数"
    detail = of(label, f"不是{'实数的数组' if wanted else '一个实数'}")
    # a ragged list may well be the mistake that the hint names; a generator or a text is not
    said = hint if isinstance(plain(result), list | tuple | np.ndarray) else ""
    return Step(False, of(label, "的形状"), said, detail, 0.0, describe(result), want)


def array(
    result: Any, wanted: tuple[int, ...], label: str, hint: str = ""
) -> Generator[Step, None, Array]:
    """Yield the step "has it the right shape", then return ``result`` as a float64 array.

    Example:
        >>> def judge():
        ...     a = yield from array([[1, 2]], (1, 2), "a")
        ...     print(a.dtype, a.shape)
        >>> [step.ok for step in judge()]
        float64 (1, 2)
        [True]
    """
    step = _form(result, wanted, label, hint)
    yield step
    if not step.ok:  # for a judge that goes on after a wrong step
        return np.full(wanted, np.nan)
    return np.asarray(plain(result), dtype=float)


def parts(result: Any, n: int, names: str) -> Generator[Step, None, Sequence[Any]]:
    """Yield the step "are there ``n`` parts", then return them.

    Args:
        names: what they are, for the hint: ``"dx, dW, db"``.
    """
    ok = isinstance(result, tuple | list) or (isinstance(result, np.ndarray) and result.ndim > 0)
    count = len(result) if ok else -1
    detail = "" if count == n else f"得到 {count} 个" if ok else "得到的不是元组"
    yield Step(count == n, f"返回 {n} 个量", f"要返回 {names}，按这个次序", detail, weight=0.0)
    return result if count == n else [None] * n


def likely(
    got: Any, traps: Traps, otherwise: str, *, rtol: float = 1e-6, atol: float = 1e-9
) -> str:
    """The hint of the typical mistake that gives exactly ``got``, else a general one.

    Example:
        >>> likely([2.0, 4.0], [([1.0, 2.0], "少了 2"), ([2.0, 4.0], "多了 2")], "再核对")
        '多了 2'
    """
    found = _real(got)
    if found is None:
        return otherwise
    for wrong, hint in traps:
        trap = np.asarray(wrong, dtype=float)
        if found.shape == trap.shape and np.allclose(
            found, trap, rtol=rtol, atol=atol, equal_nan=True
        ):
            return hint
    return otherwise


def value(
    result: Any,
    want: Any,
    label: str,
    hint: str,
    traps: Traps = (),
    *,
    shape_hint: str | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    weight: float = 1.0,
) -> Step:
    """One step: the right form and the right values, with the hint of the likely mistake.

    Args:
        hint: for a mistake that is none of the ``traps``.
        shape_hint: for a wrong shape; ``hint`` if None.
    """
    want = np.asarray(want, dtype=float)
    form = _form(result, want.shape, label, hint if shape_hint is None else shape_hint)
    if not form.ok:
        return replace(form, weight=weight)
    got = np.asarray(plain(result), dtype=float)
    return close(got, want, label, likely(got, traps, hint), rtol=rtol, atol=atol, weight=weight)


def kept(before: Sequence[Array], after: Sequence[Array], names: str, *, weight: float) -> Step:
    """One step: were the inputs left as they came?

    Args:
        names: of the inputs, separated by blanks.
    """
    for old, new, name in zip(before, after, names.split(), strict=True):
        if not np.array_equal(old, new, equal_nan=True):
            hint = f"{name} 被原地修改了：先 copy，或写成新数组"
            return Step(False, "没有改动输入", hint, weight=weight)
    return Step(True, "没有改动输入", weight=weight)
