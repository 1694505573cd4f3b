"""Steps for arrays and numbers: the right form first, then the right values.

An answer may return anything: a ragged list, text, an object that agrees with every comparison.
Only what NumPy makes an array of real numbers of is compared. PyTorch tensors are read as arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.judging.describe import describe, of, plain
from aigc_course.judging.result import Step

__all__ = ["Traps", "array", "dtype", "gradient", "parts", "shape_of", "value"]

Array = NDArray[Any]
Traps = Mapping[str, Any]  # hint -> the wrong value that earns it, or a list of several


def value(
    got: Any,
    want: Any,
    label: str,
    hint: str = "",
    traps: Traps | None = None,
    *,
    form: str | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    dtype: Any = None,
    within: tuple[float, float] | None = None,
    weight: float = 1.0,
) -> Step:
    """Is it the right value? Form, then ``|got − want| ≤ atol + rtol·|want|``, NaN never equal.

    The form is judged first, so a broadcast cannot pass by accident. Infinities must agree exactly.

    The default tolerance fits float64. A sum of n numbers in another order differs by about
    n · 1.1e-16 relative to the sum of their sizes, so 1e-6 leaves room for millions of terms and
    for some cancellation, and still tells a wrong formula from a right one: forgetting one of a
    thousand terms shows as 1e-3. ``atol`` matters only for values that should be 0. For float32
    (unit 6e-8) take ``rtol=1e-4, atol=1e-6``; for something estimated by differences take the
    error of the estimate, see :func:`gradient`.

    Args:
        got: what the answer gave: an array, nested lists, a number, a PyTorch tensor. An object
            with its own ``.data`` (a learner's Tensor) is not unwrapped: pass ``t.data``.
        want: the right values.
        label: name of the quantity.
        hint: for a mistake that is none of the ``traps``.
        traps: what typical mistakes give: ``{hint: wrong value}``, or a list of wrong values that
            earn the same hint. The first that equals ``got`` is told.
        form: hint for a wrong shape; ``hint`` if not given.
        rtol, atol: tolerances.
        dtype: also ask for this dtype, such as ``"float32"`` or ``np.int64``.
        within: range that the values are known to lie in, such as ``(0, 1)``; the learner is
            told when theirs are outside.
        weight: share of the points.

    Example:
        >>> value([1.0, 2.0], [1.0, 2.5], "y").detail
        'y 有 1/2 个值不对'
        >>> value([1.0, 2.0], [2.0, 4.0], "y", "再核对", {"少了 2": [np.array([1.0, 2.0])]}).hint
        '少了 2'
    """
    want = np.asarray(plain(want), dtype=float)
    step = _form(got, want.shape, label, hint if form is None else form)
    if not step.ok:
        return replace(step, weight=weight)
    if dtype is not None:
        step = _dtype(plain(got), dtype, label, hint, weight)
        if not step.ok:
            return replace(step, given=got)
    given, got = got, np.asarray(plain(got), dtype=float)
    with np.errstate(invalid="ignore"):
        near = np.isfinite(want) & (np.abs(got - want) <= atol + rtol * np.abs(want))
        wrong = ~(near | (got == want))
    if not wrong.any():
        return Step(True, of(label, "的值"), weight=weight)
    bad = f"{int(wrong.sum())}/{wrong.size}" if wrong.size > 1 else ""
    detail = of(label, f"有 {bad} 个值不对" if bad else "的值不对")
    if not np.isfinite(got).all() and np.isfinite(want).all():
        detail = of(label, f"里出现了 {'nan' if np.isnan(got).any() else 'inf'}")
    expected = f"形状 {want.shape}" if want.shape else "一个数"
    if within is not None:
        low, high = within
        expected += f"，范围 [{low:g}, {high:g}]"
        outside = int(((got < low - atol) | (got > high + atol)).sum())
        if outside and np.isfinite(got).all():
            detail += f"，其中 {outside} 个不在 [{low:g}, {high:g}] 里"
    hint = _trapped(got, traps or {}, max(rtol, 1e-6), max(atol, 1e-9)) or hint
    shown = describe(plain(given))  # as it came: not what has been made of it to compare
    return Step(False, of(label, "的值"), hint, detail, weight, shown, expected, given)


def _trapped(got: Array, traps: Traps, rtol: float, atol: float) -> str:
    """The hint of the first typical mistake that gives exactly ``got``; "" if there is none."""
    for hint, wrongs in traps.items():
        for wrong in wrongs if isinstance(wrongs, list) else [wrongs]:
            trap = np.asarray(wrong, dtype=float)
            if got.shape == trap.shape and np.allclose(got, trap, rtol, atol, equal_nan=True):
                return hint
    return ""


def array(
    got: Any, shape: tuple[int, ...], label: str, hint: str = ""
) -> Generator[Step, None, Array]:
    """Yield the step "is it an array of this shape", then return it as a float64 array.

    Example:
        >>> def judge():
        ...     a = yield from array([[1, 2]], (1, 2), "a")
        ...     print(a.dtype, a.shape)
        >>> [step.ok for step in judge()]
        float64 (1, 2)
        [True]
    """
    step = _form(got, shape, label, hint)
    yield step
    if not step.ok:  # for a judge that goes on after a wrong step
        return np.full(shape, np.nan)
    return np.asarray(plain(got), dtype=float)


def parts(
    got: Any, n: int, names: str, label: str = "", hint: str = ""
) -> Generator[Step, None, Sequence[Any]]:
    """Yield the step "are there ``n`` parts", then return them.

    Args:
        names: what they are, for the hint: ``"dx, dW, db"``.
        label, hint: instead of the usual ones.
    """
    given, got = got, plain(got)
    ok = isinstance(got, tuple | list) or (isinstance(got, np.ndarray) and got.ndim > 0)
    count = len(got) if ok else -1
    came = f"得到 {count} 个" if ok else "得到的不是元组"
    if isinstance(got, np.ndarray):  # most often one of the parts, not rows of as many
        came = f"得到的是一个数组，形状 {got.shape}"
    detail = "" if count == n else came
    hint = hint or f"要返回 {names}，按这个次序"
    label = label or f"返回 {n} 个量"
    yield Step(count == n, label, hint, detail, 0.0, given=given)
    return got if count == n else [None] * n


def shape_of(got: Any) -> tuple[int, ...] | None:
    """Shape of ``got`` as an array; None for what makes no array of real numbers.

    Example:
        >>> shape_of([[1, 2], [3, 4]]), shape_of(2.5), shape_of([[1], [2, 3]]), shape_of("12")
        ((2, 2), (), None, None)
    """
    real = _real(got)
    return None if real is None else real.shape


def _real(got: Any) -> Array | None:
    # text, complex numbers and objects are turned away: float("0.5") would let an answer pass
    # with text, and an object could compute its own comparison
    try:
        found = np.asarray(plain(got))
    except Exception:
        return None
    return found if found.dtype.kind in "biuf" else None


def _form(got: Any, shape: tuple[int, ...], label: str, hint: str) -> Step:
    """Is ``got`` made of real numbers, in this ``shape``? Earns nothing by itself."""
    real, asked, wanted = _real(got), of(label, "的形状"), f"形状 {tuple(shape)}"
    if got is None:  # no hint: what it warns of has not happened
        detail = of(label, "是 None：忘了 return？")
        return Step(False, asked, "", detail, 0.0, "None", wanted)
    if real is None:
        detail = of(label, f"不是{'实数的数组' if shape else '一个实数'}")
        # a ragged list may well be the mistake that the hint names; a generator or a text is not
        said = hint if isinstance(plain(got), list | tuple | np.ndarray) else ""
        return Step(
            False, asked, said, detail, 0.0, describe(got), wanted if shape else "一个数", got
        )
    if real.shape == tuple(shape):
        return Step(True, asked, hint, weight=0.0)
    detail = of(label, f"的形状是 {real.shape}，应为 {tuple(shape)}")
    return Step(False, asked, hint, detail, 0.0, describe(plain(got)), wanted, got)


def dtype(got: Any, wanted: Any, label: str, hint: str = "", *, weight: float = 0.0) -> Step:
    """Is ``got`` an array of the dtype ``wanted``? ``"float"``/``"int"`` mean any width.

    Example:
        >>> dtype(np.zeros(2, dtype=np.float32), "float64", "x").detail
        'x 的 dtype 是 float32，应为 float64'
        >>> dtype(np.zeros(2, dtype=np.int8), "int", "y").ok
        True
    """
    return _dtype(plain(got), wanted, label, hint, weight)


def _dtype(value: Any, wanted: Any, label: str, hint: str, weight: float) -> Step:
    got = np.asarray(value).dtype
    families = {"float": "f", "int": "iu", "bool": "b", "complex": "c"}
    if isinstance(wanted, str) and wanted in families:
        ok, name = got.kind in families[wanted], wanted
    else:
        ok, name = got == np.dtype(wanted), np.dtype(wanted).name
    detail = "" if ok else of(label, f"的 dtype 是 {got.name}，应为 {name}")
    got_text = "" if ok else describe(value)
    return Step(ok, of(label, "的 dtype"), hint, detail, weight, got_text, f"dtype {name}")


def gradient(
    fn: Callable[[np.ndarray], Any],
    x: Any,
    grad: Any,
    label: str,
    hint: str = "",
    *,
    step: float = 1e-5,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    weight: float = 1.0,
) -> Step:
    """Is ``grad`` the gradient of the scalar function ``fn`` at ``x``, by central differences?

    ``(f(x + h) − f(x − h)) / 2h`` is off by ``h²/6·f‴`` from cutting the series and by about
    ``1e-16·|f|/h`` from rounding. With ``h = 1e-5`` both are near 1e-11 for ``f`` and ``f‴`` of
    ordinary size (1e-10 and 1e-8 for a thousand times that), well inside the tolerance; a
    one-sided difference or float32 is not. The step is scaled by ``max(1, |x|)``. ``fn`` is
    called twice for each entry of ``x``, with a fresh float64 array.

    At a kink (ReLU at 0) the two sides disagree and no claim can be judged: draw ``x`` away
    from kinks.

    Example:
        >>> gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0]), [3.0, 12.0], "dx").ok
        True
        >>> gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0]), [1.0, 4.0], "dx").ok
        False
    """
    x = np.array(x, dtype=float)
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        h = step * max(1.0, abs(float(x[index])))
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        # the step as it was really taken, after rounding
        taken = float(up[index] - down[index])
        numeric[index] = (float(plain(fn(up))) - float(plain(fn(down)))) / taken
    hint = hint or "与中心差分 (f(x+h) − f(x−h)) / 2h 对不上"
    return value(grad, numeric, label, hint, rtol=rtol, atol=atol, weight=weight)
