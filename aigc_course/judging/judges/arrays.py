"""Steps for arrays and numbers: the right form first, then the right values.

An answer may return anything: a ragged list, text, an object that agrees with every comparison.
Only what NumPy makes an array of real numbers of is compared. PyTorch tensors are read as arrays.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.judging.describe import describe, of, plain
from aigc_course.judging.judges.slips import SURE, imprecise, slip, slip_of_shape
from aigc_course.judging.result import Step

__all__ = ["Traps", "array", "as_it_came", "dtype", "gradient", "parts", "shape_of", "value"]

Array = NDArray[Any]
Traps = Mapping[str, Any]  # hint -> the wrong value that earns it, or a list of several


RTOL, ATOL = 1e-9, 1e-12  # of float64
RTOL_SINGLE, ATOL_SINGLE = 1e-4, 1e-6  # where the right values are float32


def value(
    got: Any,
    want: Any,
    label: str,
    hint: str = "",
    traps: Traps | None = None,
    *,
    form: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: Any = None,
    within: tuple[float, float] | None = None,
    weight: float = 1.0,
    lists: bool = False,
    small: bool = False,
    nonfinite: str = "",
    none: str = "",
) -> Step:
    """Is it the right value? Form, then ``|got − want| ≤ atol + rtol·|want|``, NaN never equal.

    The form is judged first, so a broadcast cannot pass by accident. Infinities must agree exactly.

    The default tolerance fits float64: ``rtol`` 1e-9, ``atol`` 1e-12 times the largest value (or
    times 1). A sum of n numbers in another order differs by about n · 1.1e-16 relative to the
    sum of their sizes, so there is room for a million terms and for some cancellation, while
    ``+ 1e-8``, a detour over float32 and a difference quotient show, and are told. Where ``want``
    is float32, because the inputs were, it is 1e-4 and 1e-6; for something estimated by
    differences take the error of the estimate, see :func:`gradient`.

    Args:
        got: what the answer gave: an array, a number, a PyTorch tensor. An object with its own
            ``.data`` (a learner's Tensor) is not unwrapped: pass ``t.data``.
        want: the right values.
        label: name of the quantity.
        hint: for a mistake that is none of the ``traps``. A slip that is known everywhere (a
            sign, a factor, a transpose, a logarithm) is told besides, too few digits instead.
        traps: what typical mistakes give: ``{hint: wrong value}``, or a list of wrong values that
            earn the same hint. The first that equals ``got`` is told.
        form: hint for a wrong shape; ``hint`` if not given.
        rtol, atol: tolerances.
        dtype: also ask for this dtype, such as ``"float32"`` or ``np.int64``.
        within: range that the values are known to lie in, such as ``(0, 1)``; the learner is
            told when theirs are outside.
        weight: share of the points.
        lists: lists and tuples will do where ``want`` has axes; also where the judge itself has
            put numbers into one.
        small: whole numbers of 8 or 16 bits will do where ``want`` holds whole numbers.
        nonfinite: hint where nan or inf came and ``want`` has none.
        none: hint for None, where it is not a forgotten ``return``.

    Example:
        >>> want = np.array([1.1, 2.5])
        >>> value(np.array([1.1, 2.0]), want, "y").detail
        '有 1/2 个值不对，在 [1]'
        >>> value(2 * want, want, "y").detail
        '有 2/2 个值不对：每个值都正好是应有的 2 倍'
        >>> value(want**3, want, "y", "再核对", {"是平方，不是立方": [want**3]}).hint
        '是平方，不是立方'
    """
    right = np.asarray(plain(want))
    single, counts = right.dtype == np.float32, right.dtype.kind in "iu"
    want = np.asarray(right, dtype=float)
    if rtol is None:
        rtol = RTOL_SINGLE if single else RTOL
    if atol is None:
        scale = float(np.abs(want[np.isfinite(want)]).max(initial=1.0))
        atol = ATOL_SINGLE if single else ATOL * scale
    came = as_it_came(got)
    step = _form(
        came, want.shape, label, hint if form is None else form, lists, counts and not small, none
    )
    if not step.ok:
        if came is not None and shape_of(came) != want.shape:
            real = _real(came)
            slipped = "" if real is None else slip_of_shape(np.asarray(real, float), want)
            step = replace(step, detail=f"{step.detail}：{slipped}" if slipped else step.detail)
        return replace(step, weight=weight)
    if dtype is not None:
        step = _dtype(plain(came), dtype, label, hint, weight)
        if not step.ok:
            return replace(step, given=came)
    got = np.asarray(plain(got), dtype=float)
    with np.errstate(invalid="ignore"):
        near = np.isfinite(want) & (np.abs(got - want) <= atol + rtol * np.abs(want))
        wrong = ~(near | (got == want))
    if not wrong.any():
        return Step(True, of(label, "的值"), weight=weight)
    detail = f"有 {int(wrong.sum())}/{wrong.size} 个值不对" if wrong.size > 1 else "值不对"
    detail += _where(got, want, wrong)
    odd = not np.isfinite(got).all() and bool(np.isfinite(want).all())
    if odd:
        detail = f"里面出现了 {_odd(got)}" if got.shape else f"是 {_odd(got)}"
        hint = nonfinite or hint
    expected = ""  # the form is right, and the values are never shown
    if within is not None:
        low, high = within
        expected = f"都在范围 [{low:g}, {high:g}] 里"
        outside = int(((got < low - atol) | (got > high + atol)).sum())
        if outside and np.isfinite(got).all():
            detail += f"，其中 {outside} 个不在 [{low:g}, {high:g}] 里"
    digits, few = imprecise(got, want, np.asarray(plain(came)).dtype)
    if digits:  # the usual tolerance of traps could not tell them from what is right
        told = _trapped(got, traps or {}, SURE, 0.0)
        detail, told = (detail, told) if told else (digits, few)
    else:
        told = _trapped(got, traps or {}, max(rtol, 1e-6), max(atol, 1e-9))
        also = "" if told else slip(got, want)
        detail = f"{detail}：{also}" if also else detail
    shown = describe(plain(came))  # as it came: not what has been made of it to compare
    return Step(False, label, told or hint, detail, weight, shown, expected, came)


def _where(got: Array, want: Array, wrong: Array) -> str:
    """Where the worst of the wrong values stands; "" if all are wrong, or there is only one."""
    if wrong.all():
        return ""
    with np.errstate(invalid="ignore"):
        off = np.where(wrong, np.abs(got - want), -1.0)
    off[wrong & ~np.isfinite(off)] = np.inf
    place = ", ".join(map(str, np.unravel_index(int(off.argmax()), off.shape)))
    return f"，在 [{place}]" if wrong.sum() == 1 else f"，差得最多的在 [{place}]"


def _odd(got: Array) -> str:
    """Which of nan, inf and −inf there is; nan first, since it makes the others."""
    return "nan" if np.isnan(got).any() else "inf" if (got == np.inf).any() else "−inf"


def _trapped(got: Array, traps: Traps, rtol: float, atol: float) -> str:
    """The hint of the first typical mistake that gives exactly ``got``; "" if there is none."""
    for hint, wrongs in traps.items():
        for wrong in wrongs if isinstance(wrongs, list) else [wrongs]:
            trap = np.asarray(wrong, dtype=float)
            if got.shape == trap.shape and np.allclose(got, trap, rtol, atol, equal_nan=True):
                return hint
    return ""


def array(
    got: Any,
    shape: tuple[int, ...],
    label: str,
    hint: str = "",
    *,
    lists: bool = False,
    counts: bool = False,
) -> Generator[Step, None, Array]:
    """Yield the step "is it an array of this shape", then return it as a float64 array.

    Args:
        lists: a list or a tuple will do as well.
        counts: the numbers count something: no type that ends at 127, 255 or 65,535.

    Example:
        >>> def judge():
        ...     a = yield from array(np.array([[1, 2]]), (1, 2), "a")
        ...     print(a.dtype, a.shape)
        >>> [step.ok for step in judge()]
        float64 (1, 2)
        [True]
    """
    came = as_it_came(got)
    step = _form(came, shape, label, hint, lists, counts)
    yield step
    if not step.ok:  # for a judge that goes on after a wrong step
        return np.full(shape, np.nan)
    made = np.array(plain(came), dtype=float)
    _remember(made, came)
    return made


_came: dict[int, tuple[weakref.ref[Array], Any]] = {}  # by id of what was made of it


def _remember(made: Array, came: Any) -> None:
    number = id(made)
    _came[number] = weakref.ref(made, lambda _: _came.pop(number, None)), came


def as_it_came(value: Any) -> Any:
    """What an answer gave, for what :func:`array` has made of it; else ``value`` itself."""
    known = _came.get(id(value))
    return known[1] if known is not None and known[0]() is value else value


def parts(
    got: Any, n: int, names: str, label: str = "", hint: str = "", *, want: Any = None
) -> Generator[Step, None, Sequence[Any]]:
    """Yield the step "are there ``n`` parts", then return them.

    Args:
        names: what they are, for the hint: ``"dx, dW, db"``.
        label, hint: instead of the usual ones.
        want: the right parts; then parts in another order are told apart from wrong ones.

    Example:
        >>> want = (np.array([1.5, 2.0]), np.array([3.0, 0.5]))
        >>> [step.hint for step in parts(want[::-1], 2, "dx, dW", want=want)]
        ['次序是 dx、dW：dx 的位置上来的是 dW']
    """
    given, got = got, plain(got)
    ok = isinstance(got, tuple | list) or (isinstance(got, np.ndarray) and got.ndim > 0)
    count = len(got) if ok else -1
    came = f"得到 {count} 个" if ok else "得到的不是元组"
    if isinstance(got, np.ndarray):  # most often one of the parts, not rows of as many
        came = f"得到的是一个数组，形状 {got.shape}"
    if got is None:
        came = "得到的是 None：忘了 return？"
    detail = "" if count == n else came
    hint = hint or f"要返回 {names}，按这个次序"
    label = label or f"返回 {n} 个量"
    swapped = _swapped(got, want, names) if count == n and want is not None else ""
    if swapped:
        yield Step(False, "返回的次序", swapped, "", 0.0, describe(given), names, given)
        return got
    yield Step(count == n, label, hint, detail, 0.0, given=given)
    return got if count == n else [None] * n


def _swapped(got: Sequence[Any], want: Sequence[Any], names: str) -> str:
    """Says so if a part stands where another one belongs."""
    called = [name.strip() for name in names.replace("、", ",").split(",")]
    if len(called) != len(want):
        called = [f"第 {k} 个量" for k in range(1, len(want) + 1)]
    right = [np.asarray(plain(one)) for one in want]
    came = [_real(one) for one in got]
    if any(one.dtype.kind not in "biuf" for one in right):
        return ""

    def is_(one: Array | None, other: Array) -> bool:
        if one is None or one.shape != other.shape:
            return False
        return bool(np.allclose(one, other, rtol=1e-7, atol=1e-12, equal_nan=True))

    for i, one in enumerate(came):
        if is_(one, right[i]):
            continue
        for j, other in enumerate(right):
            if j != i and np.any(other) and is_(one, other) and not is_(came[j], other):
                return f"次序是 {'、'.join(called)}：{called[i]} 的位置上来的是 {called[j]}"
    return ""


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


def _form(
    got: Any,
    shape: tuple[int, ...],
    label: str,
    hint: str,
    lists: bool = False,
    counts: bool = False,
    none: str = "",
) -> Step:
    """Is ``got`` made of real numbers, in this ``shape``? Earns nothing by itself."""
    real, wanted = _real(got), f"形状 {tuple(shape)}"
    if got is None:  # no hint: what it warns of has not happened
        detail = "得到 None" if none else "得到 None：忘了 return？"
        return Step(False, label, none, detail, 0.0, "None", wanted)
    if real is None:
        detail = "不是实数的数组" if shape else "不是一个实数"
        # a ragged list may well be the mistake that the hint names; a generator or a text is not
        said = hint if isinstance(plain(got), list | tuple | np.ndarray) else ""
        return Step(
            False, label, said, detail, 0.0, describe(got), wanted if shape else "一个数", got
        )
    if real.shape != tuple(shape):
        detail = f"形状是 {real.shape}，应为 {tuple(shape)}"
        return Step(False, label, hint, detail, 0.0, describe(plain(got)), wanted, got)
    if shape and not lists and isinstance(got, list | tuple):
        detail = f"要 NumPy 数组，来的是 {type(got).__name__}"
        advice = "最后用 np.array(…) 变成数组：接下来的计算要它的形状，列表相加是接长"
        return Step(False, label, advice, detail, 0.0, describe(got), wanted, got)
    if counts and real.dtype.kind in "iu" and real.dtype.itemsize < 4:
        top = np.iinfo(real.dtype).max
        detail = f"整数的类型是 {real.dtype.name}，最大只到 {top}"
        advice = "再加一点就绕回去了：计数和类别用普通的整数（int64）"
        return Step(False, label, advice, detail, 0.0, describe(plain(got)), "整数，int64", got)
    return Step(True, of(label, "的形状"), hint, weight=0.0)


def dtype(got: Any, wanted: Any, label: str, hint: str = "", *, weight: float = 0.0) -> Step:
    """Is ``got`` an array of the dtype ``wanted``? ``"float"``/``"int"`` mean any width.

    Example:
        >>> dtype(np.zeros(2, dtype=np.float32), "float64", "x").detail
        'dtype 是 float32，应为 float64'
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
    detail = "" if ok else f"dtype 是 {got.name}，应为 {name}"
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
        >>> x = np.array([1.0, 2.0])
        >>> gradient(lambda x: (x**3).sum(), x, 3 * x**2, "dx").ok
        True
        >>> gradient(lambda x: (x**3).sum(), x, x**2, "dx").ok
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
