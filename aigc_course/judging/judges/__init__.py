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
    independent,
    methods,
    parameters,
    raises,
    that,
    truthy,
)
from aigc_course.judging.judges.cases import agree, one_by_one
from aigc_course.judging.judges.randomness import mean_is, rate_is, sizes
from aigc_course.judging.judges.state import again, same_again
from aigc_course.judging.judges.words import choice, number, text
from aigc_course.judging.judges.work import measured, no_python_loop, no_recursion

__all__ = [
    "Traps",
    "again",
    "agree",
    "array",
    "as_one",
    "attempt",
    "choice",
    "dtype",
    "gradient",
    "independent",
    "mean_is",
    "measured",
    "methods",
    "no_python_loop",
    "no_recursion",
    "number",
    "one_by_one",
    "parameters",
    "parts",
    "raises",
    "rate_is",
    "same_again",
    "shape_of",
    "sizes",
    "text",
    "that",
    "truthy",
    "value",
]
