"""The small records a check is made of: one judged step, and an answer's being stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Status", "Step", "Stopped"]

Status = Literal[
    "passed", "failed", "unanswered", "error", "timeout", "memory", "crashed", "refused"
]


class Stopped(BaseException):
    """An answer was stopped from outside: it ran too long, took too much, died or was refused.

    Not an ``Exception``, so that no ``except Exception`` of an answer or a judge swallows it.

    Attributes:
        status: what became of the answer, one of ``timeout memory crashed refused``.
        message: why, for the learner.
    """

    def __init__(self, status: Status = "timeout", message: str = "") -> None:
        super().__init__(message)
        self.status: Status = status
        self.message = message


@dataclass(frozen=True)
class Step:
    """One judged point: did it hold, what is it called, and what to look at if it did not.

    Attributes:
        ok: whether it held.
        label: what was looked at.
        hint: the likely mistake.
        detail: what is wrong, in one line; reaches feedback pages, so never an expected value.
        weight: share of the exercise's points.
        got: what the answer gave, described in small; shown in the notebook only.
        wanted: what was expected of its type, shape or range; never a value.
    """

    ok: bool
    label: str
    hint: str = ""
    detail: str = ""
    weight: float = 1.0
    got: str = ""
    wanted: str = ""
