"""How good is a model, in numbers: classification, language. Needs NumPy only.

Conventions everywhere: truth first, prediction second; rows of a confusion matrix are the true
classes; an empty denominator gives 0.0 (as ``zero_division=0`` does in scikit-learn).
"""

from aigc_course.metrics.calibration import expected_calibration_error, reliability
from aigc_course.metrics.confusion import accuracy, confusion_matrix
from aigc_course.metrics.curves import (
    average_precision,
    best_f1_threshold,
    precision_recall_curve,
)
from aigc_course.metrics.entities import Entity, entities, entity_prf, entity_report
from aigc_course.metrics.intervals import Interval, bootstrap, wilson
from aigc_course.metrics.language import bits_per_byte
from aigc_course.metrics.precision_recall import PRF, classification_report, precision_recall_f1
from aigc_course.metrics.words import word_counts, word_prf, word_recall

__all__ = [
    "PRF",
    "Entity",
    "Interval",
    "accuracy",
    "average_precision",
    "best_f1_threshold",
    "bits_per_byte",
    "bootstrap",
    "classification_report",
    "confusion_matrix",
    "entities",
    "entity_prf",
    "entity_report",
    "expected_calibration_error",
    "precision_recall_curve",
    "precision_recall_f1",
    "reliability",
    "wilson",
    "word_counts",
    "word_prf",
    "word_recall",
]
