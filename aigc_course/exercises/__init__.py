"""What each exercise asks and how an answer is judged: one module a notebook (``ex03.py``, …).

In a notebook only two names are needed::

    check("03.2", linear_backward)                        # is my answer right, and if not, why?
    Tensor = use("04.5", Tensor, otherwise=engine.Tensor) # go on with mine if it passes
"""

from aigc_course.exercises.core import (
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

__all__ = [
    "Exercise",
    "Result",
    "Step",
    "check",
    "exercise",
    "get",
    "judge",
    "registered",
    "use",
]
