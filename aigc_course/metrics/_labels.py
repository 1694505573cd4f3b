"""Checks of arguments that the metrics share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def labels(value: ArrayLike, name: str) -> np.ndarray:
    """``value`` as an int64 array of shape (N,), N ≥ 1, all entries ≥ 0.

    Raises:
        ValueError: wrong number of axes, empty, not whole numbers, or negative.
    """
    array = np.asarray(value)
    if array.ndim != 1:
        extra = (
            "; scores or one-hot rows must become class numbers first: argmax(axis=1)"
            if array.ndim == 2
            else ""
        )
        raise ValueError(f"{name}: got shape {array.shape}, wanted (N,) class numbers{extra}")
    if array.size == 0:
        raise ValueError(f"{name}: got no labels, wanted at least one")
    whole = array.dtype.kind in "biu" or (
        array.dtype.kind == "f" and np.array_equal(array, np.round(array))
    )
    if not whole:
        raise ValueError(
            f"{name}: got dtype {array.dtype}, wanted whole class numbers; "
            "turn probabilities into classes first (argmax, or a threshold)"
        )
    array = array.astype(np.int64)
    if array.min() < 0:
        raise ValueError(f"{name}: got {array.min()}, wanted class numbers from 0 up")
    return array


def pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both label arrays, checked to be equally long."""
    true, pred = labels(y_true, "y_true"), labels(y_pred, "y_pred")
    if true.shape != pred.shape:
        raise ValueError(
            f"y_true and y_pred: got {true.size} and {pred.size} labels, wanted equally many"
        )
    return true, pred


def binary_scores(y_true: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """0/1 labels and finite scores of one length, for threshold curves.

    Raises:
        ValueError: labels other than 0 and 1, scores of another shape, or NaN/inf scores.
    """
    true = labels(y_true, "y_true")
    if true.max() > 1:
        raise ValueError(
            f"y_true: got class {true.max()}, wanted 0 and 1 only; use (y == k).astype(int)"
        )
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != true.shape:
        raise ValueError(
            f"scores: got shape {values.shape}, wanted {true.shape}: one score a sample"
        )
    if not np.isfinite(values).all():
        raise ValueError("scores: got NaN or inf, wanted finite numbers; look at the model first")
    return true, values
