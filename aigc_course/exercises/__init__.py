"""What each exercise asks and how an answer is judged: one module a notebook (``ex03.py``, …).

In a notebook two names are needed::

    check("03.2", linear_backward)                        # is my answer right, and if not, why?
    Tensor = use("04.8", Tensor, otherwise=ex04.ReferenceTensor) # mine if it passes

and, for one who is stuck, ``hint("03.2")`` and ``solution("03.2")``.
"""

from aigc_course.judging.core import (
    Exercise,
    Result,
    Step,
    check,
    exercise,
    get,
    judge,
    registered,
    use,
)
from aigc_course.judging.help import hint, solution

__all__ = [
    "Exercise",
    "Result",
    "Step",
    "check",
    "exercise",
    "get",
    "hint",
    "judge",
    "registered",
    "solution",
    "use",
]
