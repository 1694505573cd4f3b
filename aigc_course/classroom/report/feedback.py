"""One page for each student: their answers, what was found, and what to look at next.

A page holds only what the student may see: their own answers, the steps' labels and hints, marks
and comments. Seeds, cases, expected values and other students are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.record import AskedNotebook, Assignment
from aigc_course.classroom.marks import ExerciseMark, NotebookMark
from aigc_course.classroom.report.files import put
from aigc_course.classroom.report.pages import render
from aigc_course.classroom.report.standing import ManualMark, Manuals, Standing, folder_problem
from aigc_course.classroom.report.words import EXERCISE_STATUS, SUBMISSION_STATUS, truncate

__all__ = ["feedback_page", "write_pages"]

_ADVICE = {
    "time limit": "有的答案在时限内没有算完：先看是不是有不会停的循环。",
    "memory limit": "有的答案用的内存超过了上限。",
    "crashed": "运行答案的进程中途没有了。",
    "refused": "有的答案直接调用了题目不许用的实现。",
    "damaged file": "文件打不开，没有批改。这不是零分，请联系老师重交。",
    "wrong file": "交上来的不是这次作业的笔记本，没有批改。这不是零分，请联系老师重交。",
    "partly answered": "还有没作答的题。",
}


@dataclass(frozen=True)
class _Block:
    """One exercise on the page."""

    id: str
    title: str
    status: str
    word: str
    sign: str
    score: float | None
    points: float
    by_hand: bool
    mark: ExerciseMark | None
    message: str
    comment: str


def feedback_page(assignment: Assignment, line: Standing, manual: Manuals | None = None) -> str:
    """The HTML of one student's page."""
    manual = manual or {}
    mark = line.mark
    marked = {book.name: book for book in mark.notebooks} if mark else {}
    books = [_book(asked, marked.get(asked.name), line, manual) for asked in assignment.notebooks]
    written = sum(q.points for book in assignment.notebooks for q in book.open)
    return render(
        "feedback.html.j2",
        assignment=assignment,
        line=line,
        mark=mark,
        word=SUBMISSION_STATUS[line.status],
        advice=_ADVICE.get(line.status, ""),
        most=assignment.max_score + written,
        books=books,
        earned=_earned(line),
    )


def _earned(line: Standing) -> float | None:
    """Points for exercises before the late penalty."""
    scores = [score for score in line.exercises.values() if score is not None]
    return sum(scores) if scores else None


def _book(
    asked: AskedNotebook, mark: NotebookMark | None, line: Standing, manual: Manuals
) -> dict[str, Any]:
    judged = {ex.id: ex for ex in mark.exercises} if mark else {}
    answers = {answer.id: answer for answer in mark.open} if mark else {}
    blocks = []
    for ex in asked.exercises:
        found = judged.get(ex.id)
        status = found.status if found else "ungraded"
        by_hand = manual.get((line.student, ex.check_cell), ManualMark())
        remark = manual.get((line.student, ex.answer_cell), ManualMark()).comment
        blocks.append(
            _Block(
                ex.id,
                ex.title,
                status,
                EXERCISE_STATUS[status],
                {"passed": "✓", "unanswered": "○", "ungraded": "…"}.get(status, "✗"),
                line.exercises.get(ex.id),
                ex.points,
                by_hand.score is not None,
                found,
                truncate(found.message, chars=3_000, lines=40)[0] if found else "",
                truncate(remark, chars=5_000, lines=100)[0],
            )
        )
    questions = []
    for question in asked.open:
        answer = answers.get(question.id)
        text, note = truncate(answer.source if answer and answer.answered else "", width=5_000)
        remark = manual.get((line.student, question.cell), ManualMark()).comment
        questions.append(
            {
                "id": question.id,
                "points": question.points,
                "score": line.open.get(question.id),
                "read": answer is not None,
                "answered": bool(answer and answer.answered),
                "text": text,
                "note": note,
                "comment": truncate(remark, chars=5_000, lines=100)[0],
            }
        )
    return {
        "name": asked.name,
        "reason": mark.reason if mark else "",
        "status": mark.status if mark else "",
        "blocks": blocks,
        "questions": questions,
    }


def write_pages(
    root: Path,
    assignment: Assignment,
    lines: Iterable[Standing],
    manual: Manuals | None = None,
) -> list[Path]:
    """Write ``feedback/<student>/<assignment>/`` for everybody who handed something in.

    The page is there as ``index.html`` and under each notebook's name: ``nbgrader
    release_feedback`` carries every ``*.html`` to the exchange, and ``fetch_feedback`` asks there
    for ``<notebook>.html``. Beside it lie the two files that the exchange wants.

    Returns:
        The ``index.html`` of each student.
    """
    from aigc_course.classroom.report.gradebook import carry_exchange_files
    from aigc_course.classroom.report.nbgrader_database import course_directory

    course = course_directory(root)
    written = []
    for line in lines:
        if line.mark is None or line.status == "missing" or folder_problem(line.student):
            continue

        def folder(kind: str, student: str = line.student) -> Path:
            return Path(course.format_path(kind, student, assignment.name))

        target = folder(course.feedback_directory)
        html = feedback_page(assignment, line, manual)
        for book in assignment.notebooks:
            put(target / f"{book.name}.html", html)
        written.append(put(target / "index.html", html))
        # the same secret as beside the autograded notebook, if there is one
        graded, submitted = folder(course.autograded_directory), folder(course.submitted_directory)
        source = graded if (graded / "submission_secret.txt").is_file() else submitted
        carry_exchange_files(source, target)
    return written
