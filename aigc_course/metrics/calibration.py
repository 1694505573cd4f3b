"""Does "90 % sure" mean right nine times in ten?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Reliability(NamedTuple):
    """One row a bin, all of shape (n_bins,); empty bins have counts 0 and NaN means."""

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray


def reliability(confidence: ArrayLike, correct: ArrayLike, n_bins: int = 10) -> Reliability:
    """Group predictions by confidence and compare it with how often they were right.

    Args:
        confidence: the probability given to the predicted class, shape (N,), in [0, 1].
        correct: whether that prediction was right, shape (N,), bool or 0/1.
        n_bins: bins of equal width over [0, 1]; each holds its right edge.

    Raises:
        ValueError: shapes differ, nothing given, or a confidence outside [0, 1].

    Example:
        >>> reliability([0.95, 0.9, 0.2], [1, 0, 0], n_bins=2).counts
        array([1, 2])
    """
    p, right = np.asarray(confidence, float), np.asarray(correct, float)
    if p.ndim != 1 or p.shape != right.shape or p.size == 0:
        raise ValueError(
            f"confidence and correct: got shapes {p.shape} and {right.shape}, "
            "wanted the same (N,) with N ≥ 1"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("confidence: got values outside [0, 1], wanted probabilities (softmax)")
    if n_bins < 1:
        raise ValueError(f"n_bins: got {n_bins}, wanted at least 1")
    index = np.clip(np.ceil(p * n_bins).astype(int) - 1, 0, n_bins - 1)
    count = np.bincount(index, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        mean_p = np.bincount(index, p, n_bins) / count
        mean_right = np.bincount(index, right, n_bins) / count
    return Reliability(mean_p, mean_right, count)


def expected_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, n_bins: int = 10
) -> float:
    """Mean gap between confidence and accuracy over the bins, weighted by their counts.

    Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015 (two
    classes); for the largest of K probabilities Guo et al., On Calibration of Modern Neural
    Networks, ICML 2017.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0]), 2)
        0.15
    """
    bins = reliability(confidence, correct, n_bins)
    used = bins.counts > 0
    gaps = np.abs(bins.confidence[used] - bins.accuracy[used])
    return float(np.average(gaps, weights=bins.counts[used]))
