"""``nbgrader export`` without zeros that nobody gave.

nbgrader's own exporter writes 0 for a student without a submission and adds 0 for a cell without
a score. This one leaves the scores blank there and says why::

    nbgrader export --exporter=aigc_course.classroom.report.exporter.BlankNotZero
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry
from nbgrader.plugins.export import ExportPlugin

from aigc_course.classroom.report.tables import Cell, write_csv

__all__ = ["BlankNotZero"]

COLUMNS = [
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score", "status"),
]


class BlankNotZero(ExportPlugin):
    """The columns of nbgrader's exporter and ``status``: graded, missing, needs manual grade."""

    def export(self, gradebook: Any) -> None:
        """Write ``grades.csv``, or the file named by ``--to``."""
        rows: list[list[Cell]] = [[*COLUMNS]]
        for assignment in gradebook.assignments:
            if self.assignment and assignment.name not in map(str, self.assignment):
                continue
            for student in gradebook.students:
                if self.student and student.id not in map(str, self.student):
                    continue
                rows.append(_row(gradebook, assignment, student))
        write_csv(Path(self.to or "grades.csv"), rows)


def _row(gradebook: Any, assignment: Any, student: Any) -> list[Cell]:
    raw: Cell = None
    penalty: Cell = None
    score: Cell = None
    timestamp, status = "", "missing"
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        pass
    else:
        timestamp, status = str(submission.timestamp or ""), "needs manual grade"
        if not submission.needs_manual_grade:
            raw, penalty, status = submission.score, submission.late_submission_penalty, "graded"
            score = max(0.0, submission.score - submission.late_submission_penalty)
    who: list[Cell] = [student.id, student.last_name, student.first_name, student.email]
    due = str(assignment.duedate or "")
    return [
        assignment.name,
        due,
        timestamp,
        *who,
        raw,
        penalty,
        score,
        assignment.max_score,
        status,
    ]
