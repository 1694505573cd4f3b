"""What happens to precision and recall when the threshold moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aigc_course.metrics._labels import binary_scores


def precision_recall_curve(
    y_true: ArrayLike, scores: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of "positive when score ≥ threshold" at every distinct score.

    Args:
        y_true: 0 or 1, shape (N,).
        scores: higher means more likely positive, shape (N,); probabilities or raw scores.

    Returns:
        ``precision, recall, thresholds`` of shapes (M + 1,), (M + 1,), (M,), thresholds rising. As
        in scikit-learn the last point (precision 1, recall 0) belongs to no threshold.

    Raises:
        ValueError: other labels than 0 and 1, no positive sample, or scores that do not fit.

    Example:
        >>> precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])[2]
        array([0.1 , 0.35, 0.4 , 0.8 ])
    """
    true, values = binary_scores(y_true, scores)
    positives = int(true.sum())
    if positives == 0:
        raise ValueError("y_true: got no positive sample, wanted at least one to speak of recall")
    order = np.argsort(-values, kind="stable")
    true, values = true[order], values[order]
    # equal scores cross the threshold together: only the last of each run is a point
    last = np.append(np.flatnonzero(np.diff(values)), values.size - 1)
    hit = np.cumsum(true)[last]
    precision, recall = hit / (last + 1), hit / positives
    return (
        np.append(precision[::-1], 1.0),
        np.append(recall[::-1], 0.0),
        values[last][::-1],
    )


def average_precision(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Area under the precision–recall steps, Σ (R_k − R_{k+1}) P_k; 1.0 is perfect ranking.

    A useless score gives about the share of positives, not 0.5.

    Example:
        >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 3)
        0.833
    """
    precision, recall, _ = precision_recall_curve(y_true, scores)
    return float(-np.sum(np.diff(recall) * precision[:-1]))


def best_f1_threshold(y_true: ArrayLike, scores: ArrayLike) -> tuple[float, float]:
    """The threshold with the highest F1, and that F1. Choose it on validation data only.

    Returns:
        ``(threshold, f1)``; "positive when score ≥ threshold". Among equals the highest threshold.

    Example:
        >>> threshold, f1 = best_f1_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> round(threshold, 2), round(f1, 2)
        (0.35, 0.8)
    """
    precision, recall, thresholds = precision_recall_curve(y_true, scores)
    total = precision[:-1] + recall[:-1]
    f1 = np.divide(
        2 * precision[:-1] * recall[:-1], total, out=np.zeros(total.size), where=total > 0
    )
    best = f1.size - 1 - int(np.argmax(f1[::-1]))
    return float(thresholds[best]), float(f1[best])
