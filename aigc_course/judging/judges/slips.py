"""What a wrong array is of the right one: its negative, twice it, its transpose, its logarithm.

Slips that every exercise knows, told where none of its own ``traps`` fits. A slip is told only if
it explains every entry to nine digits, and never where the right value would make it ambiguous: a
symmetric matrix says nothing about a transpose, nor a count of 2 beside 1 about a forgotten mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SURE", "imprecise", "slip", "slip_of_shape"]

Array = NDArray[Any]

SURE = 1e-9
BY_ROUNDING = 1e-5  # relative to the largest value: a right formula, too few digits
LARGEST = 10_000  # factor


def slip(got: Array, want: Array) -> str:
    """What ``got`` is of ``want``, two float64 arrays of one shape; "" if none of these.

    Example:
        >>> slip(np.array([-1.5, 2.5]), np.array([1.5, -2.5]))
        '每个值都正好差一个负号'
        >>> slip(np.array([2.25, 3.75]), np.array([0.75, 1.25]))
        '每个值都正好是应有的 3 倍：该求和还是求平均？'
    """
    if not (np.isfinite(got).all() and np.isfinite(want).all()):
        return ""
    if not (np.any(want) and np.any(got)):
        return ""
    every = "每个值都" if want.size > 1 else ""
    if _near(got, -want):
        return f"{every}正好差一个负号"
    if want.ndim == 2 and want.shape[0] == want.shape[1] and _near(got, want.T):
        return "这是应有的矩阵的转置"
    if np.array_equal(want, np.rint(want)):
        return ""  # of whole numbers many are multiples or powers of others by chance
    told = _factor(got, want, every)
    if told:
        return told
    shown = "每个值" if want.size > 1 else "它"
    with np.errstate(all="ignore"):
        if _near(got, np.exp(want)):
            return f"{shown}正好是应有的值的 exp：少取了一次对数，还是多取了一次 exp？"
        if np.all(want > 0):
            if _near(got, np.log(want)):
                return f"{shown}正好是应有的值的对数：多取了一次对数，还是少取了一次 exp？"
            if _near(got, want**2):
                return f"{shown}正好是应有的值的平方：忘了开方，还是多平方了一次？"
            if _near(got, np.sqrt(want)):
                return f"{shown}正好是应有的值的平方根：多开了一次方，还是忘了平方？"
        if np.all((want >= 0) & (want <= 1)) and _near(got, 1 - want):
            return f"{shown}正好是 1 减去应有的值"
    return ""


def _factor(got: Array, want: Array, every: str) -> str:
    """The same whole number, or one over it, between all of ``got`` and ``want``."""
    k = int(np.abs(want).argmax())
    with np.errstate(all="ignore"):
        ratio = float(got.flat[k] / want.flat[k])
    if not math.isfinite(ratio) or ratio == 0 or not _near(got, ratio * want):
        return ""
    sign, size = "−" if ratio < 0 else "", abs(ratio)
    n = round(max(size, 1 / size))
    if n < 2 or n > LARGEST or abs(max(size, 1 / size) - n) > SURE * n:
        return ""
    times = f"{sign}{n} 倍" if size > 1 else f"{sign}1/{n}"
    why = "" if n == 2 else "：该求和还是求平均？"
    return f"{every}正好是应有的 {times}{why}"


def slip_of_shape(got: Array, want: Array) -> str:
    """Why ``got`` may have another shape than ``want``; "" if it cannot be said for sure.

    Example:
        >>> slip_of_shape(np.zeros((4, 4)), np.zeros(4))
        '(4, 4) 是 (4, 1) 与 (4,) 广播出来的：两边的形状要先变得一样'
        >>> slip_of_shape(np.array([[1.0], [2.0]]), np.array([[1.0, 2.0]]))
        '这是应有的矩阵的转置'
    """
    if got.ndim == 2 and want.shape == got.T.shape and _near(got.T, want):
        return "这是应有的矩阵的转置"
    B = want.shape[0] if want.ndim else 0
    square = B > 1 and got.shape == (B, B) and want.shape in ((B,), (B, 1))
    if square and _near(np.diag(got), want.reshape(B)):
        return f"({B}, {B}) 是 ({B}, 1) 与 ({B},) 广播出来的：两边的形状要先变得一样"
    return ""


def imprecise(got: Array, want: Array, came: Any) -> tuple[str, str]:
    """For the right formula with too few digits: what is so, and what it may come from.

    Args:
        got, want: float64, of one shape.
        came: the dtype of what the answer gave.

    Returns:
        Two empty texts for values that are plainly different.

    Example:
        >>> imprecise(np.array([0.1, 0.3]) + 1e-8, np.array([0.1, 0.3]), np.dtype(float))[0]
        '只准到 7 位有效数字'
    """
    if not (np.isfinite(got).all() and np.isfinite(want).all()):
        return "", ""
    scale, off = float(np.abs(want).max(initial=0.0)), float(np.abs(got - want).max(initial=0.0))
    if scale == 0 or off == 0 or off > BY_ROUNDING * scale:
        return "", ""
    if np.any((np.abs(got - want) > 1e-3 * np.abs(want)) & (want != 0)):
        return "", ""  # small ones that are quite wrong, beside large ones
    digits = min(12, int(-math.log10(off / scale)))
    detail = f"只准到 {digits} 位有效数字"
    with np.errstate(over="ignore"):
        single = got.astype(np.float32).astype(float)
    if came == np.float32 or came == np.float16 or (_any_digits(want) and np.all(single == got)):
        return detail, "这是 float32 的精度：结果或中途的量用了 float32？用 float64 算"
    error = got - want
    one_sided = want.size >= 4 and (np.all(error > 0) or np.all(error < 0))
    if one_sided:
        return (
            detail,
            "位数不够，而且全都偏向同一边：公式里多加了一个小常数（如 + 1e-8），还是用了数值差分？",
        )
    places = next((k for k in range(1, 11) if _rounded(got, k) and not _rounded(want, k)), 0)
    if places:
        return detail, f"结果四舍五入到了 {places} 位小数：中途和最后都不要 round"
    return (
        detail,
        "位数不够：中途用了 float32，多加了小常数（如 + 1e-8），还是用了数值差分？",
    )


def _rounded(values: Array, places: int) -> bool:
    return np.array_equal(np.round(values, places), values)


def _any_digits(want: Array) -> bool:
    """Whether float32 could not have held the right values anyway."""
    with np.errstate(over="ignore"):
        return not np.array_equal(want.astype(np.float32).astype(float), want)


def _near(a: Array, b: Array) -> bool:
    if a.shape != b.shape or not np.isfinite(b).all():
        return False
    scale = float(np.abs(b).max(initial=0.0))
    return bool(np.all(np.abs(a - b) <= SURE * np.abs(b) + 1e-12 * scale))
