"""Marks into nbgrader's gradebook, through nbgrader's own classes.

After this, nbgrader's formgrader shows every answer with our result beside it, asks for a mark by
hand where one is needed, and ``nbgrader export`` and ``release_feedback`` work on.

What nbgrader makes of a cell without any score is 0, in its sums as in its CSV. So a cell that
could not be graded is left without one and flagged for grading by hand, and
:mod:`aigc_course.classroom.report.exporter` leaves its sum blank.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.marks import ExerciseMark, NotebookMark, SubmissionMark
from aigc_course.classroom.report import autograded
from aigc_course.classroom.report.files import put, small_text
from aigc_course.classroom.report.nbgrader_database import (
    course_directory,
    database_url,
    open_gradebook,
)
from aigc_course.classroom.report.standing import folder_problem
from aigc_course.classroom.report.words import visible
from aigc_course.classroom.submission.roll import Person
from aigc_course.errors import UserError

__all__ = ["Written", "carry_exchange_files", "write_gradebook"]


@dataclass(frozen=True)
class Written:
    """What :func:`write_gradebook` did.

    Attributes:
        submissions: how many are in the gradebook now.
        by_hand: cells that wait for a mark by hand.
        skipped: (student, why) of those that were left out.
    """

    submissions: int
    by_hand: int
    skipped: tuple[tuple[str, str], ...] = ()


def write_gradebook(
    root: Path,
    assignment: Assignment,
    marks: Iterable[SubmissionMark],
    roll: Sequence[Person] = (),
    *,
    wait: float = 30.0,
) -> Written:
    """Bring ``gradebook.db`` and ``autograded/`` up to date with ``marks``.

    May be run any number of times. What was done by hand in formgrader stays: marks, extra
    credit, comments, flags. Where the machine's mark or the answer under such a mark changes,
    formgrader asks for another look.

    Args:
        root: the course's folder.
        assignment: what was released.
        marks: from grading; who is missing gets no submission.
        roll: everybody here becomes known to the gradebook.
        wait: seconds to wait for a gradebook that another program holds.

    Raises:
        UserError: the gradebook is held, damaged, of another release, or cannot be written.
    """
    course = course_directory(root)
    empty = {
        book.name: autograded.skeleton(root, assignment, book) for book in assignment.notebooks
    }
    submissions, by_hand = 0, 0
    skipped: list[tuple[str, str]] = []
    with open_gradebook(course, wait) as gradebook:
        _register(gradebook, assignment, empty, database_url(course, wait))
        cells = _cells(gradebook, assignment)
        for person in roll:
            if not folder_problem(person.id):
                _student(gradebook, person.id, person.name, person.email)
        gradebook.db.commit()
        for mark in marks:
            if mark.status == "missing":
                continue
            if why := folder_problem(mark.student):
                skipped.append((mark.student, why))
                continue
            _student(gradebook, mark.student, mark.name, "")
            by_hand += _submission(gradebook, course, assignment, mark, empty, cells)
            submissions += 1
    return Written(submissions, by_hand, tuple(skipped))


def _register(
    gradebook: Any, assignment: Assignment, empty: dict[str, dict[str, Any]], url: str
) -> None:
    """Make the assignment and its cells known, as ``nbgrader generate_assignment`` does."""
    import nbformat
    from nbgrader.api import MissingEntry
    from nbgrader.preprocessors import SaveCells

    due = assignment.due_at
    gradebook.update_or_create_assignment(
        assignment.name, **({"duedate": due.isoformat()} if due else {})
    )
    for name, raw in empty.items():
        settings = [cell.get("metadata", {}).get("nbgrader", {}) for cell in raw["cells"]]
        points = {s["grade_id"]: float(s["points"]) for s in settings if s.get("grade")}
        saved = {
            s["grade_id"] for s in settings if any(map(s.get, ("grade", "solution", "locked")))
        }
        try:
            known = gradebook.find_notebook(name, assignment.name)
            if {cell.name: cell.max_score for cell in known.grade_cells} == points and {
                cell.name for cell in known.source_cells
            } == saved:
                continue
        except MissingEntry:
            pass
        gradebook.db.commit()  # the next line writes through a connection of its own
        where = {"notebook": name, "assignment": assignment.name, "db_url": url}
        try:
            SaveCells().preprocess(nbformat.from_dict(raw), {"nbgrader": where})
        except RuntimeError as error:
            raise UserError(
                f"{assignment.name} 的题目和成绩册里的不一样，而成绩册里已有提交（{name}）",
                "改了题就换一个作业名重新 release；或备份后 nbgrader db assignment remove",
            ) from error
        gradebook.db.expire_all()


def _cells(gradebook: Any, assignment: Assignment) -> dict[str, str]:
    """The gradebook's own key of a cell -> nbgrader's cell id."""
    return {
        cell.id: cell.name
        for book in assignment.notebooks
        for cell in gradebook.find_notebook(book.name, assignment.name)._base_cells
    }


_FAMILY_FIRST = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_FULL_WIDTH = str.maketrans('<>&"', "＜＞＆＂")


def _student(gradebook: Any, id: str, name: str, email: str) -> None:
    from nbgrader.api import MissingEntry

    try:
        student = gradebook.find_student(id)
    except MissingEntry:
        student = gradebook.add_student(id)
    # formgrader writes names into its page unescaped; what a person typed there stays
    clean = visible(name).translate(_FULL_WIDTH).strip()[:120]
    if clean and not student.last_name and not student.first_name:
        first, _, last = clean.rpartition(" ")
        if _FAMILY_FIRST.search(clean):  # 佐藤 花子: what comes last is not the family's name
            first, last = "", clean
        student.last_name, student.first_name = last, first
    if email and not student.email:
        student.email = email


def _submission(
    gradebook: Any,
    course: Any,
    assignment: Assignment,
    mark: SubmissionMark,
    empty: dict[str, dict[str, Any]],
    cells: dict[str, str],
) -> int:
    """One student's submission: database first, then the files; cells left to a person."""
    submitted = Path(course.format_path(course.submitted_directory, mark.student, assignment.name))
    graded = Path(course.format_path(course.autograded_directory, mark.student, assignment.name))
    stamp = small_text(submitted / "timestamp.txt")
    books = {book.name: book for book in mark.notebooks}
    filled = {
        book.name: autograded.fill(empty[book.name], book, books.get(book.name))
        for book in assignment.notebooks
    }
    # formgrader takes a submission for graded only if both times are the same, so no other
    # time may be put here than nbgrader reads from the file
    with gradebook.db.no_autoflush:  # nbgrader builds the rows before it adds them
        gradebook.update_or_create_submission(
            assignment.name, mark.student, timestamp=_time(stamp, submitted)
        )
    submission = gradebook.find_submission(assignment.name, mark.student)
    by_hand = 0
    for notebook in submission.notebooks:
        if notebook.name not in filled:
            continue
        asked = next(book for book in assignment.notebooks if book.name == notebook.name)
        before = _written_before(graded / f"{notebook.name}.ipynb")
        now = _answers(filled[notebook.name])
        changed = {cell for cell in now if cell in before and before[cell] != now[cell]}
        by_hand += _grades(notebook, asked, books.get(notebook.name), cells, changed)
        earned = sum(
            _effective(grade) for grade in notebook.grades if cells[grade.cell_id] in _checks(asked)
        )
        penalty = round(earned * mark.penalty, 2)
        notebook.late_submission_penalty = penalty if penalty > 0 else None
    gradebook.db.commit()
    for name, notebook in filled.items():
        text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        put(graded / f"{name}.ipynb", text)
    carry_exchange_files(submitted, graded)
    return by_hand


def _checks(asked: Any) -> set[str]:
    return {ex.check_cell for ex in asked.exercises}


def _effective(grade: Any) -> float:
    score = grade.manual_score if grade.manual_score is not None else grade.auto_score
    return float((score or 0.0) + (grade.extra_credit or 0.0))


def _grades(
    notebook: Any,
    asked: Any,
    mark: NotebookMark | None,
    cells: dict[str, str],
    changed: set[str],
) -> int:
    """Scores and comments of one notebook; how many of its cells wait for a person."""
    judged: dict[str, ExerciseMark] = {ex.id: ex for ex in mark.exercises} if mark else {}
    by_check = {ex.check_cell: judged.get(ex.id) for ex in asked.exercises}
    answer_of = {ex.check_cell: ex.answer_cell for ex in asked.exercises}
    by_answer = {ex.answer_cell: judged.get(ex.id) for ex in asked.exercises}
    empty = {answer.cell for answer in mark.open if not answer.answered} if mark else set()
    if mark and mark.status == "missing":
        empty = {question.cell for question in asked.open}
    waiting = 0
    for grade in notebook.grades:
        cell = cells[grade.cell_id]
        if cell in by_check:
            result = by_check[cell]
            score = result.score if result else None
            looked_at = answer_of[cell]
        else:
            score, looked_at = (0.0 if cell in empty else None), cell
        if grade.manual_score is None:
            grade.needs_manual_grade = score is None
        elif score != grade.auto_score or looked_at in changed:
            grade.needs_manual_grade = True  # a mark by hand, but for something else than before
        grade.auto_score = score
        waiting += bool(grade.needs_manual_grade)
    for remark in notebook.comments:
        cell = cells[remark.cell_id]
        if cell in by_answer:
            remark.auto_comment = autograded.comment(by_answer[cell])
        else:
            remark.auto_comment = "没有作答。" if cell in empty else None
    return waiting


def _time(stamp: str, folder: Path) -> Any:
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(stamp) if stamp else None
    except (ValueError, OverflowError, TypeError):
        raise UserError(
            f"交作业的时间读不懂：{folder / 'timestamp.txt'}",
            "改成 2026-01-31 09:30:00 UTC 这样，或删掉这个文件",
        ) from None


def _written_before(path: Path) -> dict[str, str]:
    try:
        return _answers(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _answers(notebook: dict[str, Any]) -> dict[str, str]:
    found = {}
    for cell in notebook["cells"]:
        settings = cell.get("metadata", {}).get("nbgrader", {})
        if settings.get("solution"):
            source = cell["source"]
            found[settings["grade_id"]] = source if isinstance(source, str) else "".join(source)
    return found


def carry_exchange_files(submitted: Path, target: Path) -> None:
    """``timestamp.txt`` and ``submission_secret.txt``, which nbgrader's exchange asks for.

    ``nbgrader release_feedback`` stops for the whole class at the first student without them, so
    who did not hand in through the exchange gets stand-ins.
    """
    for name in ("timestamp.txt", "submission_secret.txt"):
        text = small_text(submitted / name)
        if not text and (target / name).is_file():
            continue
        if not text and name == "submission_secret.txt":
            text = secrets.token_hex(32)
        put(target / name, text)
