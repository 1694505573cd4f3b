"""All that one needs to write an exercise; ``docs/exercises.md`` has a table and an example.

A judge in this language::

    @exercise("03.2", "线性层的反向传播", points=3, asks="linear_backward(dy, x, W) -> dx, dW, db")
    @hints("先写下形状：梯度与它对应的量同形。", …)
    def judge_linear_backward(answer: Answer, rng: Rng) -> Steps:
        call = Caller(answer, linear_backward)
        B, D_in, D_out = sizes(rng, 3)
        x, W, dy = (rng.normal(size=s) for s in ((B, D_in), (D_out, D_in), (B, D_out)))
        got, want = call(dy, x, W)
        dx, dW, db = yield from parts(got, 3, "dx, dW, db")
        traps = {"db 是相加，不是平均": dy.mean(axis=0)}
        yield value(db, want[2], "db", "db[j] = Σ_i dy[i, j]", traps, form="沿 axis=0 相加")
        yield value(dW, want[1], "dW", "dW[j, k] = Σ_i dy[i, j]·x[i, k]")
        yield value(dx, want[0], "dx", "dx[i, k] = Σ_j dy[i, j]·W[j, k]")
        yield call.untouched(weight=0.5)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.judging.caller import Caller
from aigc_course.judging.core import exercise, hints
from aigc_course.judging.judges import (
    again,
    agree,
    array,
    as_one,
    attempt,
    choice,
    dtype,
    gradient,
    independent,
    mean_is,
    measured,
    methods,
    no_python_loop,
    no_recursion,
    number,
    one_by_one,
    parameters,
    parts,
    raises,
    rate_is,
    same_again,
    shape_of,
    sizes,
    text,
    that,
    truthy,
    value,
)
from aigc_course.judging.result import Step

__all__ = [
    "Answer",
    "Array",
    "Caller",
    "Rng",
    "Step",
    "Steps",
    "again",
    "agree",
    "array",
    "as_one",
    "attempt",
    "choice",
    "dtype",
    "exercise",
    "gradient",
    "hints",
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

Answer = Any  # what the learner wrote, or a stand-in for it that lives in another process
Array = NDArray[Any]
Rng = np.random.Generator
Steps = Iterator[Step]
