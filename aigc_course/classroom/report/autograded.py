"""``autograded/<student>/<ps>/<notebook>.ipynb`` as nbgrader's formgrader expects it.

The released notebook is the skeleton, so that nbgrader's metadata is intact whatever a student
did to it; only the answers are put in, and our result becomes the output of the check cells.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.record import AskedNotebook, Assignment
from aigc_course.classroom.marks import ExerciseMark, NotebookMark
from aigc_course.classroom.report.harmless import harmless_markdown
from aigc_course.classroom.report.words import (
    EXERCISE_STATUS,
    score_text,
    steps_in_short,
    truncate,
    visible,
)
from aigc_course.errors import UserError

__all__ = ["card", "comment", "fill", "skeleton", "sources"]


def skeleton(root: Path, assignment: Assignment, book: AskedNotebook) -> dict[str, Any]:
    """The notebook as released; raises UserError if it is not there any more."""
    path = root / "release" / assignment.name / f"{book.name}.ipynb"
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            cell["source"] = _text(cell)
    except FileNotFoundError:
        raise UserError(
            f"发布的笔记本不在了：{path}",
            f"从备份取回，或 aigc release {assignment.name} 再发布一次",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"读不出来：{path}（{type(error).__name__}）", "从备份取回") from error
    return notebook


def sources(root: Path, assignment: Assignment) -> dict[str, str]:
    """Exercise id -> the course's own solution, from ``source/``; what is missing is left out."""
    found = {}
    for book in assignment.notebooks:
        path = root / "source" / assignment.name / f"{book.name}.ipynb"
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        by_id = {_grade_id(cell): _text(cell) for cell in cells}
        for ex in book.exercises:
            if ex.answer_cell in by_id:
                found[ex.id] = by_id[ex.answer_cell]
    return found


def fill(empty: dict[str, Any], asked: AskedNotebook, mark: NotebookMark | None) -> dict[str, Any]:
    """A copy of the released notebook with a student's answers and our results in it."""
    notebook = copy.deepcopy(empty)
    cells = {_grade_id(cell): cell for cell in notebook["cells"]}
    judged = {ex.id: ex for ex in mark.exercises} if mark else {}
    written = {answer.id: answer for answer in mark.open} if mark else {}
    for ex in asked.exercises:
        result = judged.get(ex.id)
        if result and result.source.strip() and ex.answer_cell in cells:
            cells[ex.answer_cell]["source"] = _shown(result.source)
        if ex.check_cell in cells:
            why = mark.reason if mark else ""
            text = (
                card(result) if result else f"· 练习 {ex.id} {ex.title}：没能批改\n  {why}".rstrip()
            )
            cells[ex.check_cell]["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": text + "\n"}
            ]
    for question in asked.open:
        answer = written.get(question.id)
        if answer and answer.answered and question.cell in cells:
            cells[question.cell]["source"] = harmless_markdown(_shown(answer.source))
            # pictures pasted into the answer are not carried over
            cells[question.cell].pop("attachments", None)
    return notebook


def _shown(source: str) -> str:
    text, note = truncate(visible(source), chars=50_000, lines=2_000, width=2_000)
    return f"{text}\n# …（{note}）" if note else text


def card(mark: ExerciseMark) -> str:
    """The result as text, like the one the student saw in the notebook.

    Example:
        >>> print(card(ExerciseMark("03.2", "线性层", "unanswered", 0.0, 3.0)))
        · 练习 03.2 线性层：没有作答（0/3 分）
    """
    sign = {"passed": "✓", "unanswered": "·", "ungraded": "·"}.get(mark.status, "✗")
    score = (
        "待人工评"
        if mark.score is None
        else f"{score_text(mark.score)}/{score_text(mark.points)} 分"
    )
    rows = [f"{sign} 练习 {mark.id} {mark.title}：{EXERCISE_STATUS[mark.status]}（{score}）"]
    for step in steps_in_short(mark.steps):
        rows.append(f"  {'✓' if step.ok else '✗'} {step.label}")
        if not step.ok:
            rows += [f"    {text}" for text in (step.detail, step.hint) if text]
    rows += [f"  {row}" for row in mark.message.splitlines()]
    rows += [f"  备注：{note}" for note in mark.notes]
    return truncate(visible("\n".join(rows)), chars=4_000, lines=80)[0]


def comment(mark: ExerciseMark | None) -> str | None:
    """The comment beside an answer: what to look at next; None if there is nothing to say."""
    if mark is None:
        return None
    if mark.status == "unanswered":
        return "没有作答。"
    told = [text for step in mark.steps if not step.ok for text in (step.detail, step.hint) if text]
    told += mark.message.splitlines()
    return truncate(visible("\n".join(told)), chars=2_000, lines=40)[0] or None


def _grade_id(cell: dict[str, Any]) -> str:
    return str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", ""))


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
