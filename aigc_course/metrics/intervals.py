"""How sure is a measured number: intervals from the sample itself.

>>> hits = np.array([1] * 90 + [0] * 10)
>>> bootstrap(np.mean, hits, seed=0)
Interval(value=0.9, low=0.84, high=0.96)
>>> wilson(90, 100)
Interval(value=0.9, low=0.82563..., high=0.94477...)

Both speak of the sample: had others been drawn from the same source, how far off would the number
be? They do not know of another training run, of another source, or of a choice made on this sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Interval", "bootstrap", "wilson"]


class Interval(NamedTuple):
    """A measured value, and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(
    metric: Callable[..., Any],
    *columns: ArrayLike,
    level: float = 0.95,
    resamples: int = 2000,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Interval:
    """The percentile interval of any metric: draw rows with replacement, measure, do it again.

    Args:
        metric: of as many arrays as ``columns``, one number.
        columns: N entries each, the rows that belong together: truth, prediction, score. Two
            models measured on the same rows are one metric of three columns,
            ``lambda y, a, b: accuracy(y, a) - accuracy(y, b)``: paired, and therefore narrow.
        level: share of such intervals that are to hold the true value.
        resamples: how often rows are drawn. With 2,000 the ends move by about a sixtieth of
            the interval's width from seed to seed.
        groups: (N,) what belongs together, as all reviews of one shop: drawn as one, since they
            are not independent. Every row for itself by default.
        seed: of the draws.

    Returns:
        The metric of all rows as they are, and the interval's ends. Draws for which the metric is
        NaN are left out.

    Raises:
        ValueError: fewer than two rows or groups, columns of different lengths, a level outside
            (0, 1), fewer than 100 resamples, or a metric that is no number: of all rows, or of
            every draw; or that is infinite for a draw.

    Reference:
        Efron and Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13.

    Example:
        >>> y, a, b = np.array([[1] * 100, [1] * 95 + [0] * 5, [1] * 90 + [0] * 10])
        >>> bootstrap(lambda y, a, b: np.mean(a == y) - np.mean(b == y), y, a, b)
        Interval(value=0.0499..., low=0.0100..., high=0.0999...)
    """
    arrays = [np.asarray(column) for column in columns]
    lengths = {len(array) if array.ndim else -1 for array in arrays}
    if len(lengths) != 1 or min(lengths) < 1:
        raise ValueError(
            f"columns: got {len(arrays)} of shapes {[array.shape for array in arrays]}, "
            "wanted at least one, all with the same number of rows, and that not 0"
        )
    if not 0 < level < 1:
        raise ValueError(f"level: got {level}, wanted a share between 0 and 1, as 0.95")
    if resamples < 100:
        raise ValueError(f"resamples: got {resamples}, wanted at least 100")
    rows = lengths.pop()
    members = _members(groups, rows)
    units = rows if members is None else len(members)
    if units < 2:  # every draw would be the same, and the interval without width
        what = "columns: got 1 row" if members is None else "groups: got 1"
        raise ValueError(f"{what}, wanted at least 2 to draw from")
    value = float(metric(*arrays))
    if not np.isfinite(value):
        raise ValueError(f"metric: got {value} for all rows, wanted a number")
    rng = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    for k in range(resamples):
        if members is None:
            chosen = rng.integers(rows, size=rows)
        else:
            picks = rng.integers(len(members), size=len(members))
            chosen = np.concatenate([members[pick] for pick in picks])
        drawn[k] = metric(*(array[chosen] for array in arrays))
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.isinf(drawn).any():
        got = "an infinite value for some draws" if len(drawn) else "NaN for every draw"
        raise ValueError(f"metric: got {got}, wanted a number")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def _members(groups: ArrayLike | None, rows: int) -> list[NDArray[np.int64]] | None:
    """The rows of each group."""
    if groups is None:
        return None
    array = np.asarray(groups)
    if array.shape != (rows,):
        raise ValueError(f"groups: got shape {array.shape}, wanted ({rows},)")
    _, which = np.unique(array, return_inverse=True)
    order = np.argsort(which, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(which[order])) + 1)


def wilson(hits: int, trials: int, level: float = 0.95) -> Interval:
    """The interval of a share that was counted: accuracy, recall, precision of one class.

    It stays inside 0 … 1 and has width also for 0 of N, which p ± 2√(p(1−p)/N) does not.

    Args:
        hits: how many of them.
        trials: N.
        level: share of such intervals that are to hold the true share.

    Raises:
        ValueError: no trials, more hits than trials, or a level outside (0, 1).

    Reference:
        Wilson: Probable Inference, the Law of Succession, and Statistical Inference, 1927.

    Example:
        >>> wilson(0, 50)
        Interval(value=0.0, low=0.0, high=0.0713...)
    """
    from statistics import NormalDist

    if trials < 1 or not 0 <= hits <= trials:
        raise ValueError(f"hits, trials: got {hits} of {trials}, wanted 0 … trials of at least 1")
    if not 0 < level < 1:
        raise ValueError(f"level: got {level}, wanted a share between 0 and 1, as 0.95")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = hits / trials
    middle = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(p * (1 - p) / trials + (z / (2 * trials)) ** 2)
    # of 0 and of N the end is the share itself, which rounding would put beside it
    low = float(middle - half) if hits > 0 else 0.0
    high = float(middle + half) if hits < trials else 1.0
    return Interval(p, max(0.0, low), min(1.0, high))
