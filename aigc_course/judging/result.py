"""The plain records a check is made of: a judged step, the result, an answer's being stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Result", "Status", "Step", "Stopped"]

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
        given: what the answer returned, as it is; finds the call that went wrong. Never shown.
        here: a hint that says more than ``hint``, known only where the answer lives in this
            process; shown in its place in the notebook.
        error: what the answer raised, for its own lines in the traceback.
    """

    ok: bool
    label: str
    hint: str = ""
    detail: str = ""
    weight: float = 1.0
    got: str = ""
    wanted: str = ""
    given: Any = field(default=None, repr=False, compare=False)
    here: str = field(default="", repr=False, compare=False)
    error: BaseException | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Result:
    """What a check found out, in plain values.

    Attributes:
        id, title, points, asks: of the exercise.
        status: how it ended.
        steps: what was judged, up to the first wrong step.
        message: lines for the learner: their own line of a traceback, the limit that was hit.
        score: points earned, at most ``points``.
        call: the arguments of the call that went wrong, name and description; only from ``check``.
        returned: what that call returned, described.
        aside: what to know before reading the rest; only from ``check``.
        onward: what to do next; only from ``check``.
    """

    id: str
    title: str
    points: int
    asks: str
    status: Status
    steps: tuple[Step, ...] = ()
    message: str = ""
    score: float = 0.0
    call: tuple[tuple[str, str], ...] = ()
    returned: str = ""
    aside: str = ""
    onward: str = ""

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    @property
    def wrong(self) -> Step | None:
        """The step that did not hold, if there is one."""
        return next((step for step in self.steps if not step.ok), None)
