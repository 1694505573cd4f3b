"""The learning rate of each step: a straight rise, then half a cosine down.

At first the optimiser's averages rest on a few batches and point nearly anywhere, so the steps are
kept small (warm-up: Goyal et al., 2017). Then the rate falls along a cosine (Loshchilov and Hutter:
SGDR, 2017), slowly while there is far to go and slowly again at the end.
"""

from __future__ import annotations

import math

__all__ = ["warmup_cosine"]


def warmup_cosine(step: int, steps: int, warmup: int = 0, final: float = 0.0) -> float:
    """What the highest learning rate is multiplied with in step ``step``, counted from 0.

    A function of the step alone: nothing has to be stored to go on after a stop.

    Args:
        step: from 0 on; from ``steps`` on the factor stays ``final``.
        steps: of the whole training.
        warmup: steps of the rise, 1/(warmup + 1) in the first; step ``warmup`` has the full rate.
        final: share of the highest rate that is left after the last step, 0 to 1.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> [round(warmup_cosine(step, steps=8, warmup=3), 2) for step in range(9)]
        [0.25, 0.5, 0.75, 1.0, 0.9, 0.65, 0.35, 0.1, 0.0]
    """
    if step < 0:
        raise ValueError(f"step: got {step}, wanted 0 or more")
    if not 0 <= warmup < steps:
        raise ValueError(
            f"warmup, steps: got {warmup}, {steps}, wanted 0 or more and fewer than all steps"
        )
    if not 0 <= final <= 1:
        raise ValueError(f"final: got {final}, wanted a share from 0 to 1")
    if step < warmup:
        return (step + 1) / (warmup + 1)
    part = min(1.0, (step - warmup) / (steps - warmup))
    return final + (1 - final) * (1 + math.cos(math.pi * part)) / 2
