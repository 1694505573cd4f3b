"""What grading finds out: plain records that travel between processes and machines as JSON.

``SubmissionMark`` holds one ``NotebookMark`` for each notebook of the assignment, which holds one
``ExerciseMark`` for each exercise. ``None`` as a score means "not graded", never zero.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SubmissionStatus = Literal[
    "graded",
    "late",
    "partly answered",
    "time limit",
    "memory limit",
    "crashed",
    "refused",
    "damaged file",
    "wrong file",
    "missing",
]
ExerciseStatus = Literal[
    "passed",
    "failed",
    "unanswered",
    "error",
    "timeout",
    "memory",
    "crashed",
    "refused",
    "ungraded",
]


@dataclass(frozen=True)
class StepMark:
    """One judged step as the student may see it: no inputs, no expected values."""

    ok: bool
    label: str
    hint: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ExerciseMark:
    """One exercise of one student.

    Attributes:
        id: such as ``"03.2"``.
        title: of the exercise.
        status: ``ungraded`` if the judging itself failed; then ``score`` is None.
        score: points earned, at most ``points``.
        points: what the assignment gives for it.
        steps: what was judged, up to the first wrong one.
        message: one or more lines for the student (their own line of a traceback, the limit hit).
        source: the student's answer as they wrote it; never run again, shown escaped.
        seconds: how long judging took.
        notes: for the instructor: matched by name, duplicated cell, edited check cell, …
    """

    id: str
    title: str
    status: ExerciseStatus
    score: float | None
    points: float
    steps: tuple[StepMark, ...] = ()
    message: str = ""
    source: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenAnswer:
    """An open question: marked by hand.

    Attributes:
        id: such as ``"03.q1"``.
        cell: the cell's nbgrader id, such as ``"open-03-q1"``.
        answered: whether it differs from the stub.
    """

    id: str
    cell: str
    points: float
    source: str
    answered: bool


@dataclass(frozen=True)
class NotebookMark:
    """One notebook of one student. ``name`` has no suffix: ``"03_backprop"``."""

    name: str
    status: SubmissionStatus
    reason: str = ""
    exercises: tuple[ExerciseMark, ...] = ()
    open: tuple[OpenAnswer, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmissionMark:
    """One student's assignment.

    Attributes:
        student: id on the roll, or the folder's name.
        status: the first that applies of: missing, wrong file, damaged file, refused, time limit,
            memory limit, crashed, partly answered, late, graded.
        score: points for the exercises after the late penalty; None when nothing could be graded.
        max_score: points of all exercises (open questions are not in it).
        late_seconds: after the due time; 0 when in time.
        penalty: share taken off for lateness, 0 to 1.
        digest: checksum of what was handed in; with ``seed`` and ``assignment_digest`` it decides
            whether a result is still good.
    """

    student: str
    assignment: str
    status: SubmissionStatus
    score: float | None
    max_score: float
    reason: str = ""
    notebooks: tuple[NotebookMark, ...] = ()
    late_seconds: float = 0.0
    penalty: float = 0.0
    digest: str = ""
    assignment_digest: str = ""
    seed: int = 0
    seconds: float = 0.0
    name: str = field(default="")  # the person's name from the roll, for display

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> SubmissionMark:
        """The inverse of :meth:`to_json`.

        Example:
            >>> mark = SubmissionMark("s1", "ps1", "missing", None, 5.0)
            >>> SubmissionMark.from_json(mark.to_json()) == mark
            True
        """
        raw: dict[str, Any] = json.loads(text)
        notebooks = []
        for book in raw.pop("notebooks"):
            exercises = tuple(
                ExerciseMark(
                    **{
                        **ex,
                        "steps": tuple(StepMark(**step) for step in ex["steps"]),
                        "notes": tuple(ex["notes"]),
                    }
                )
                for ex in book.pop("exercises")
            )
            answers = tuple(OpenAnswer(**answer) for answer in book.pop("open"))
            notes = tuple(book.pop("notes"))
            notebooks.append(NotebookMark(**book, exercises=exercises, open=answers, notes=notes))
        return SubmissionMark(**raw, notebooks=tuple(notebooks))
