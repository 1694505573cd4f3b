"""The confusion matrix, and accuracy as its diagonal."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aigc_course.metrics._labels import pair


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of samples whose class is right, between 0 and 1.

    Args:
        y_true: true classes, shape (N,).
        y_pred: predicted classes, shape (N,).

    Raises:
        ValueError: empty, of different lengths, or not class numbers.

    Example:
        >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
        0.75
    """
    true, pred = pair(y_true, y_pred)
    return float(np.mean(true == pred))


def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, n_classes: int | None = None
) -> np.ndarray:
    """Count every (true, predicted) pair.

    Args:
        y_true: true classes, shape (N,).
        y_pred: predicted classes, shape (N,).
        n_classes: K; one more than the largest label seen when not given.

    Returns:
        int64 array (K, K): row i, column j counts samples of class i predicted as j.

    Raises:
        ValueError: a label does not fit into ``n_classes``, or the arrays are not alike.

    Example:
        >>> confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2])
        array([[1, 0, 0],
               [0, 1, 0],
               [0, 1, 1]])
    """
    true, pred = pair(y_true, y_pred)
    largest = int(max(true.max(), pred.max()))
    k = largest + 1 if n_classes is None else int(n_classes)
    if largest >= k:
        raise ValueError(f"n_classes: got {k}, but label {largest} occurs; wanted ≥ {largest + 1}")
    # a pair (i, j) becomes the single number i·K + j, so that one bincount does all the counting
    return np.bincount(true * k + pred, minlength=k * k).reshape(k, k)
