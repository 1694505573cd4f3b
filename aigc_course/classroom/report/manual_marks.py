"""Marks and comments that a person gave in nbgrader's formgrader."""

from __future__ import annotations

from pathlib import Path

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.report.nbgrader_database import course_directory, open_gradebook
from aigc_course.classroom.report.standing import ManualMark

__all__ = ["has_gradebook", "read_manual"]


def has_gradebook(root: Path) -> bool:
    """Whether there is a gradebook that could hold marks given by hand."""
    url = str(course_directory(root).db_url)
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()


def read_manual(
    root: Path, assignment: Assignment, *, wait: float = 30.0
) -> dict[tuple[str, str], ManualMark]:
    """Marks and comments given by hand in formgrader: (student, cell) -> mark."""
    from nbgrader import api

    if not has_gradebook(root):
        return {}
    found: dict[tuple[str, str], ManualMark] = {}
    with open_gradebook(course_directory(root), wait) as gradebook:
        where = (api.Assignment.name == assignment.name,)
        grades = (
            gradebook.db.query(
                api.Student.id,
                api.BaseCell.name,
                api.Grade.manual_score,
                api.Grade.extra_credit,
                api.Grade.auto_score,
                api.Grade.needs_manual_grade,
            )
            .select_from(api.Grade)
            .join(api.BaseCell, api.BaseCell.id == api.Grade.cell_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == api.Grade.notebook_id)
            .join(
                api.SubmittedAssignment,
                api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id,
            )
            .join(api.Student, api.Student.id == api.SubmittedAssignment.student_id)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .filter(*where)
        )
        for student, cell, manual, extra, auto, waiting in grades:
            score = manual if manual is not None else (auto if extra else None)
            if score is not None:
                score += extra or 0.0
            found[student, cell] = ManualMark(score, "", bool(waiting))
        comments = (
            gradebook.db.query(api.Student.id, api.BaseCell.name, api.Comment.manual_comment)
            .select_from(api.Comment)
            .join(api.BaseCell, api.BaseCell.id == api.Comment.cell_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == api.Comment.notebook_id)
            .join(
                api.SubmittedAssignment,
                api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id,
            )
            .join(api.Student, api.Student.id == api.SubmittedAssignment.student_id)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .filter(*where, api.Comment.manual_comment.is_not(None))
        )
        for student, cell, text in comments:
            old = found.get((student, cell), ManualMark())
            found[student, cell] = ManualMark(old.score, text or "", old.waiting)
    return found
