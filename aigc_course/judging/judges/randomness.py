"""Steps for answers that draw random numbers, and sizes to draw cases from."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from aigc_course.judging.describe import describe, plain
from aigc_course.judging.result import Step

__all__ = ["mean_is", "rate_is", "sizes"]


def sizes(rng: np.random.Generator, n: int, low: int = 2, high: int = 8) -> list[int]:
    """``n`` different sizes in [low, high): no two axes of a case can be mistaken for each other.

    Example:
        >>> B, D_in, D_out = sizes(np.random.default_rng(0), 3)
        >>> len({B, D_in, D_out})
        3
    """
    return [int(size) for size in rng.choice(np.arange(low, high), size=n, replace=False)]


def mean_is(
    samples: Any,
    mean: float,
    sd: float,
    label: str,
    hint: str = "",
    *,
    false_alarm: float = 1e-6,
    weight: float = 1.0,
) -> Step:
    """Is the mean of independent ``samples`` what it should be? A two-sided z-test.

    ``z = (x̄ − mean) · √n / sd`` is standard normal for a right answer (exactly for normal
    samples, by the central limit theorem otherwise), so ``|z| > z*`` with
    ``z* = Φ⁻¹(1 − false_alarm / 2)`` happens to a right answer once in ``1 / false_alarm`` runs:
    ``z* = 4.89`` for one in a million. A mean that is off by ``d`` is found out with probability
    ``Φ(d·√n / sd − z*)``: take ``n ≥ ((z* + 4)·sd / d)²`` samples to miss it less than once in
    30,000 runs.

    Args:
        samples: independent draws, any shape.
        mean: what they should average to.
        sd: standard deviation of one draw of a right answer.
        false_alarm: probability that a right answer fails.

    Example:
        >>> draws = np.random.default_rng(0).normal(2.0, 1.0, size=10_000)
        >>> mean_is(draws, 2.0, 1.0, "均值").ok, mean_is(draws, 2.1, 1.0, "均值").ok
        (True, False)
    """
    values = np.asarray(plain(samples), dtype=float).ravel()
    if values.size == 0:
        return Step(False, label, hint, f"{label}：一个样本也没有", weight)
    z = (float(values.mean()) - mean) * math.sqrt(values.size) / sd
    ok = bool(abs(z) <= _z_limit(false_alarm))  # False for NaN too
    detail = "" if ok else _off(label, z, values.size)
    return Step(ok, label, hint, detail, weight, "" if ok else describe(plain(samples)))


def rate_is(
    hits: Any,
    rate: float,
    label: str,
    hint: str = "",
    *,
    false_alarm: float = 1e-6,
    weight: float = 1.0,
) -> Step:
    """Do independent yes-or-no ``hits`` come true with probability ``rate``?

    :func:`mean_is` with ``sd = √(rate·(1 − rate))``; the normal approximation of the error rate
    needs ``n·rate·(1 − rate)`` of at least about 100.

    Example:
        >>> rate_is(np.arange(1000) % 4 == 0, 0.25, "丢掉的比例").ok
        True
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate: got {rate}, wanted a number between 0 and 1")
    sd = math.sqrt(rate * (1 - rate))
    values = np.asarray(plain(hits), dtype=float)
    return mean_is(values, rate, sd, label, hint, false_alarm=false_alarm, weight=weight)


def _z_limit(false_alarm: float) -> float:
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm: got {false_alarm}, wanted a probability like 1e-6")
    return NormalDist().inv_cdf(1 - false_alarm / 2)


def _off(label: str, z: float, n: int) -> str:
    if not math.isfinite(z):
        return f"{label}：样本里有 nan 或 inf"
    side = "偏大" if z > 0 else "偏小"
    return f"{label}{side}：{n} 个样本的平均离应有的值 {abs(z):.1f} 个标准误，不是运气"
