"""Precision, recall and F1, for each class or averaged.

Precision TP/(TP+FP) runs down a column of the confusion matrix ("of all I called a coat, how many
are coats"); recall TP/(TP+FN) runs along a row ("of all coats, how many did I find").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from aigc_course.metrics.confusion import confusion_matrix

Average = Literal["macro", "micro", "weighted", "binary"] | None


class PRF(NamedTuple):
    """Precision, recall and F1: floats, or arrays of shape (K,) with ``average=None``."""

    precision: float | np.ndarray
    recall: float | np.ndarray
    f1: float | np.ndarray


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom > 0)


def precision_recall_f1(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    average: Average = "macro",
    *,
    n_classes: int | None = None,
    positive: int = 1,
) -> PRF:
    """Precision, recall and F1 = 2TP / (2TP + FP + FN).

    Args:
        y_true: true classes, shape (N,).
        y_pred: predicted classes, shape (N,).
        average: ``"macro"`` (plain mean over classes), ``"micro"`` (counts pooled; equals accuracy
            when every sample has one class), ``"weighted"`` (mean weighted by true counts),
            ``"binary"`` (class ``positive`` alone) or ``None`` (every class).
        n_classes: K; one more than the largest label seen when not given. A class that never
            occurs counts as 0 in the macro mean.
        positive: the class meant by ``"binary"``.

    Returns:
        ``PRF(precision, recall, f1)``. Macro F1 is the mean of the F1s, not the F1 of the means.

    Raises:
        ValueError: unknown ``average``, or labels that do not fit.

    Example:
        >>> precision_recall_f1([0, 0, 0, 1], [0, 0, 1, 1], average="binary").recall
        1.0
        >>> precision_recall_f1([0, 0, 0, 1], [0, 0, 1, 1], average=None).precision
        array([1. , 0.5])
    """
    if average not in ("macro", "micro", "weighted", "binary", None):
        raise ValueError(
            f"average: got {average!r}, wanted 'macro', 'micro', 'weighted', 'binary' or None"
        )
    if average == "binary" and n_classes is None:
        n_classes = max(int(np.max(y_true)), int(np.max(y_pred)), positive) + 1
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    hit, row, column = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    if average == "micro":
        hit, row, column = (np.atleast_1d(v.sum()) for v in (hit, row, column))
    each = (_ratio(hit, column), _ratio(hit, row), _ratio(2 * hit, row + column))
    if average is None:
        return PRF(*each)
    if average == "binary":
        return PRF(*(float(v[positive]) for v in each))
    if average == "weighted":
        return PRF(*(float(np.average(v, weights=row)) for v in each))
    return PRF(*(float(v.mean()) for v in each))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def classification_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    digits: int = 3,
) -> str:
    """A text table: precision, recall, F1 and support of every class, then the averages.

    Args:
        y_true: true classes, shape (N,).
        y_pred: predicted classes, shape (N,).
        names: K class names; their numbers when not given. Chinese names stay aligned.
        digits: decimals.

    Raises:
        ValueError: fewer names than classes, or labels that do not fit.

    Example:
        >>> print(classification_report([0, 0, 0, 1], [0, 0, 1, 1], ["裙", "鞋"], digits=2))
                  精确率  召回率      F1    样本
        裙          1.00    0.67    0.80       3
        鞋          0.50    1.00    0.67       1
        宏平均      0.75    0.83    0.73       4
        微平均      0.75    0.75    0.75       4
    """
    k = None if names is None else len(names)
    matrix = confusion_matrix(y_true, y_pred, k)
    k = len(matrix)
    names = [str(i) for i in range(k)] if names is None else list(names)
    each = precision_recall_f1(y_true, y_pred, None, n_classes=k)
    columns = np.stack([each.precision, each.recall, each.f1], axis=1)  # (K, 3)
    rows = [(*columns[i], int(matrix[i].sum())) for i in range(k)]
    for average in ("macro", "micro"):
        rows.append((*precision_recall_f1(y_true, y_pred, average, n_classes=k), matrix.sum()))
    heads = ["精确率", "召回率", "F1", "样本"]
    left = [*names, "宏平均", "微平均"]
    first = max(8, *(_width(name) for name in left))
    wide = max(8, digits + 5)
    lines = [" " * first + "".join(" " * (wide - _width(h)) + h for h in heads)]
    for name, row in zip(left, rows, strict=True):
        numbers = "".join(f"{value:{wide}.{digits}f}" for value in row[:3])
        lines.append(name + " " * (first - _width(name)) + numbers + f"{row[3]:{wide}d}")
    return "\n".join(lines)
