"""What a step can ask: values, forms, errors, methods, randomness, text, numbers, choices.

Each takes what the answer gave, what is right, a label and a hint, and makes one
:class:`~aigc_course.judging.result.Step`. Typical mistakes are ``traps={hint: wrong value}``. What
the learner reads of the right answer is its shape, its type, and a range where the author gives
one: never a value. What an answer gave may come from a process of its own, so nothing is ever
called on it but the conversion to a NumPy array.
"""

from aigc_course.judging.judges.arrays import Traps, array, dtype, gradient, parts, shape_of, value
from aigc_course.judging.judges.behaviour import (
    as_one,
    attempt,
    methods,
    parameters,
    raises,
    that,
)
from aigc_course.judging.judges.randomness import mean_is, rate_is, sizes
from aigc_course.judging.judges.words import choice, number, text

__all__ = [
    "Traps",
    "array",
    "as_one",
    "attempt",
    "choice",
    "dtype",
    "gradient",
    "mean_is",
    "methods",
    "number",
    "parameters",
    "parts",
    "raises",
    "rate_is",
    "shape_of",
    "sizes",
    "text",
    "that",
    "value",
]
