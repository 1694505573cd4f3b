"""What is typed after ``aigc grade``: where the submissions are, which of them, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.grading.late_rules import LatePolicy
from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.submission.collect import Layout
from aigc_course.errors import UserError

__all__ = ["GradeOptions", "Selection"]


@dataclass(frozen=True)
class GradeOptions:
    """What is to be graded, and how.

    Attributes:
        submitted: folder or ZIP of what was handed in.
        assignment: its name; "" if the course has only one.
        course: the course folder; None to find it from ``submitted``.
        roll: the class roll, a CSV.
        workers: local processes; 0 for one a processor.
        scheduler: address of a Dask scheduler instead.
        seed: of the hidden cases; None for the assignment's own secret one.
        only: ``student``, ``student/exercise`` or ``exercise``: grade these, though they are done.
        again: grade all, though they are done.
        layout: how the folder is laid out.
        unconfined: run answers without confinement.
    """

    submitted: Path
    assignment: str = ""
    course: Path | None = None
    roll: Path | None = None
    workers: int = 0
    scheduler: str = ""
    seed: int | None = None
    only: tuple[str, ...] = ()
    again: bool = False
    limits: LimitOptions = field(default_factory=LimitOptions)
    late: LatePolicy = field(default_factory=LatePolicy)
    layout: Layout = "auto"
    unconfined: bool = False


class Selection:
    """What ``--only`` names: students, exercises, or one exercise of one student.

    Args:
        words: ``student``, ``student/exercise`` or ``exercise``.
        assignment: what was asked.
        students: who has handed in.

    Raises:
        UserError: nobody and nothing of that name.
    """

    def __init__(self, words: tuple[str, ...], assignment: Assignment, students: list[str]) -> None:
        self.students: dict[str, list[str]] = {}
        self.everyone: list[str] = []
        asked = {ex.id for book in assignment.notebooks for ex in book.exercises}
        for word in words:
            student, _, exercise = word.rpartition("/") if "/" in word else (word, "", "")
            if not exercise and word not in students and re.fullmatch(r"\d\d\.\d+", word):
                student, exercise = "", word
            if exercise and exercise not in asked:
                raise UserError(
                    f"作业 {assignment.name} 里没有练习 {exercise}",
                    f"有：{'、'.join(sorted(asked))}",
                )
            if student and student not in students:
                raise UserError(f"没有 {student} 的提交", "核对 --only 里的学号")
            if student:
                self.students.setdefault(student, [])
                self.students[student] += [exercise] if exercise else []
                if not exercise:
                    self.students[student] = [""]
            else:
                self.everyone.append(exercise)

    def __bool__(self) -> bool:
        return bool(self.students or self.everyone)

    def of(self, student: str) -> list[str] | None:
        """Exercises to grade anew; [] for all of them; None if the student was not named."""
        if student not in self.students and not self.everyone:
            return None
        named = self.students.get(student, [])
        return [] if "" in named else list(dict.fromkeys([*named, *self.everyone]))
