"""Marks as CSV: for people and spreadsheets, for Canvas, for Moodle."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.report.files import put
from aigc_course.classroom.report.standing import Standing
from aigc_course.classroom.report.words import (
    EXERCISE_STATUS,
    SUBMISSION_STATUS,
    duration_text,
    score_text,
    single_line,
)
from aigc_course.errors import UserError

__all__ = ["Lms", "grades", "lms_filled", "lms_table", "safe_cell", "write_csv"]

Lms = Literal["canvas", "moodle"]
Cell = str | float | int | None

# https://owasp.org/www-community/attacks/CSV_Injection; the full-width forms are read as formulas
# by spreadsheets set to Chinese or Japanese
_FORMULA = re.compile(r"^\s*[=+\-@\t\r\n＝＋－＠]")


def safe_cell(value: Cell) -> str:
    """The text of one cell. No text that somebody else chose becomes a formula.

    Example:
        >>> safe_cell('=HYPERLINK("http://x")'), safe_cell(-1.5), safe_cell(None)
        ('\\'=HYPERLINK("http://x")', '-1.5', '')
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return score_text(value)
    return ("'" if _FORMULA.match(value) else "") + single_line(value, 2000)


def grades(assignment: Assignment, lines: Sequence[Standing]) -> list[list[Cell]]:
    """The instructor's table: header and one row a student. A blank score means "not graded"."""
    asked = [ex for book in assignment.notebooks for ex in book.exercises]
    questions = [q for book in assignment.notebooks for q in book.open]
    written = sum(q.points for q in questions)
    header: list[Cell] = ["学号", "姓名", "邮箱", "分组", "在名册上", "状态"]
    header += ["总分", "满分", "还缺", "练习得分", "练习满分"]
    header += ["迟交", "迟交秒数", "迟交扣去的比例"]
    header += [f"{ex.id}（{score_text(ex.points)} 分）" for ex in asked]
    header += [f"{q.id}（{score_text(q.points)} 分，人工）" for q in questions]
    header += ["说明"]
    rows = [header]
    for line in lines:
        mark = line.mark
        late = mark.late_seconds if mark else 0.0
        rows.append(
            [
                line.student,
                line.name,
                line.person.email if line.person else "",
                line.person.section if line.person else "",
                "是" if line.person else "否",
                SUBMISSION_STATUS[line.status],
                line.total,
                assignment.max_score + written,
                "、".join(line.waiting),
                line.judged,
                assignment.max_score,
                duration_text(late) if late > 0 else "",
                round(late) if late > 0 else None,
                mark.penalty if mark and mark.penalty else None,
                *(line.exercises.get(ex.id) for ex in asked),
                *(line.open.get(q.id) for q in questions),
                _reason(line),
            ]
        )
    return rows


def _reason(line: Standing) -> str:
    """Why the status is what it is, notebook by notebook."""
    if line.mark is None:
        return ""
    books = [f"{book.name}：{book.reason}" for book in line.mark.notebooks if book.reason]
    return line.mark.reason or "；".join(books)


def lms_table(
    lms: Lms, assignment: Assignment, lines: Sequence[Standing], *, with_open: bool = True
) -> tuple[list[list[Cell]], list[str]]:
    """A table to be imported by a learning management system, and who is left out of it.

    Whoever has no final mark is left out instead of being sent with an empty cell: Canvas takes
    an empty cell as the wish to remove a mark it already has.

    Args:
        lms: which system.
        assignment: what was asked.
        lines: the class.
        with_open: count the open questions; then who still waits for a mark by hand is left out.
    """
    out: list[list[Cell]] = []
    points = _points(assignment, with_open)
    left = []
    if lms == "canvas":
        # Columns as the gradebook's importer reads them: Student, ID and Section are required,
        # an unknown ID falls back to SIS User ID, then SIS Login ID; the assignment is
        # "title (id)" or, for one not there yet, its title:
        # https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb
        # https://community.canvaslms.com/t5/Instructor-Guide/How-do-I-import-grades-in-the-Gradebook/ta-p/807
        out.append(["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment.name])
        out.append(["    Points Possible", "", "", "", "", points])
    else:
        # Grades > Import > CSV file maps by "ID number" or "Email address":
        # https://docs.moodle.org/en/Grade_import. The names are those of Moodle's own exports;
        # an assignment's offline worksheet also wants its "Identifier", which only Moodle
        # knows: fill in the downloaded sheet with lms_filled (mod/assign/feedback/offline).
        out.append(["Full name", "ID number", "Email address", "Grade", "Maximum grade"])
        out[0].append("Feedback comments")
    for line in lines:
        score = _final(line, with_open)
        if score is None:
            left.append(line.student)
            continue
        email = line.person.email if line.person else ""
        section = line.person.section if line.person else ""
        name = line.name or line.student
        if lms == "canvas":
            out.append([name, "", line.student, email, section, score])
        else:
            out.append([name, line.student, email, score, points, _comment(line)])
    return out, left


def lms_filled(
    lms: Lms,
    assignment: Assignment,
    lines: Sequence[Standing],
    exported: Path,
    *,
    with_open: bool = True,
) -> tuple[list[list[Cell]], list[str]]:
    """The table that Canvas or Moodle exported itself, its own ids kept, our marks filled in.

    Returns:
        The table, and the students who were not found in it or have no final mark.

    Raises:
        UserError: the file is not such an export.
    """
    try:
        text = exported.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"读不出来：{exported}", "用 LMS 导出的、UTF-8 的 CSV") from error
    table: list[list[Cell]] = [list(row) for row in csv.reader(io.StringIO(text))]
    header = [str(cell) for cell in table[0]] if table else []
    title = re.escape(assignment.name)
    if lms == "canvas":
        grade = _column(header, rf"^{title}( \(\d+\))?$", exported)
        keys = [_column(header, rf"^{name}$", exported, must=False) for name in _CANVAS_KEYS]
        comment = -1
    else:
        grade = _column(header, r"^(Grade|成绩|分数)$", exported)
        keys = [_column(header, rf"^({name})$", exported, must=False) for name in _MOODLE_KEYS]
        comment = _column(header, r"^(Feedback comments|反馈评语|评语反馈)$", exported, must=False)
    rows: dict[str, list[Cell]] = {}
    for row in table[1:]:
        row += [""] * (len(header) - len(row))
        for key in keys:
            if key >= 0 and str(row[key]).strip():
                rows.setdefault(str(row[key]).strip().casefold(), row)
    left = []
    for line in lines:
        score = _final(line, with_open)
        email = line.person.email if line.person else ""
        found = rows.get(line.student.casefold()) or rows.get(email.casefold() or "\0")
        if score is None or found is None:
            left.append(line.student)
            continue
        found[grade] = score
        if comment >= 0:
            found[comment] = _comment(line)
    return table, left


_CANVAS_KEYS = ("SIS User ID", "SIS Login ID", "ID")
_MOODLE_KEYS = ("ID number|学号|ID号", "Username|用户名", "Email address|电子邮件地址|Email地址")


def _column(header: Sequence[str], pattern: str, file: Path, *, must: bool = True) -> int:
    for k, name in enumerate(header):
        if re.match(pattern, name.strip()):
            return k
    if must:
        have = "、".join(header[:12])
        raise UserError(
            f"{file.name} 里没有要填的那一列（有：{have}）", "从 LMS 里这次作业重新导出"
        )
    return -1


def _points(assignment: Assignment, with_open: bool) -> float:
    questions = sum(q.points for book in assignment.notebooks for q in book.open)
    return assignment.max_score + (questions if with_open else 0)


def _final(line: Standing, with_open: bool) -> float | None:
    """The mark if it is the last word, else None."""
    if with_open:
        return None if line.waiting else line.total
    return None if any(score is None for score in line.exercises.values()) else line.judged


def _comment(line: Standing) -> str:
    """A summary without a word the student chose: the systems show it as HTML."""
    if line.mark is None:
        return ""
    parts = []
    for book in line.mark.notebooks:
        for ex in book.exercises:
            score = line.exercises.get(ex.id)
            got = f"{score_text(score)}/{score_text(ex.points)}"
            parts.append(f"{ex.id} {ex.title} {got} {EXERCISE_STATUS[ex.status]}")
    if line.mark.penalty:
        late = duration_text(line.mark.late_seconds)
        parts.append(f"迟交 {late}，扣去 {score_text(100 * line.mark.penalty)}%")
    return "；".join(parts)


def write_csv(path: Path, rows: Sequence[Sequence[Cell]], *, bom: bool = True) -> Path:
    """Write ``rows`` as a whole or not at all.

    Args:
        path: the folder is made if need be.
        rows: header first.
        bom: mark the file as UTF-8, without which Excel garbles Chinese. Importers want none.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([safe_cell(c) for c in row] for row in rows)
    return put(path, text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
