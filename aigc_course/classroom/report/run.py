"""``aigc report`` from beginning to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aigc_course.classroom.assignment.record import FILE, Assignment
from aigc_course.classroom.report import classpage, feedback, gradebook, manual_marks, tables
from aigc_course.classroom.report.standing import Standing, folder_problem, standings
from aigc_course.classroom.report.words import SUBMISSION_STATUS
from aigc_course.classroom.submission.roll import read_roll
from aigc_course.errors import UserError

__all__ = ["ReportOptions", "find_assignment", "write_reports"]


@dataclass(frozen=True)
class ReportOptions:
    """Options of ``aigc report``."""

    lms: str | None = None
    lms_export: Path | None = None
    with_open: bool = True
    gradebook: bool = True
    publish: str | None = None


def find_assignment(root: Path, name: str | None) -> Assignment:
    """The assignment called ``name``, or the only one there is.

    Raises:
        UserError: there is none, or there are several to choose from.
    """
    if name is None:
        names = sorted(path.parent.name for path in root.glob(f"source/*/{FILE}"))
        if not names:
            raise UserError(f"{root.resolve()} 里没有发布过的作业", "换到课程文件夹，或加 --course")
        if len(names) > 1:
            raise UserError(
                f"有几次作业：{'、'.join(names)}", f"写明是哪一次：aigc report {names[0]}"
            )
        name = names[0]
    return Assignment.load(root, name)


def write_reports(
    root: Path,
    name: str | None = None,
    roll: Path | None = None,
    options: ReportOptions | None = None,
) -> Iterator[str]:
    """Do what ``options`` says; yields a line for the instructor after each step."""
    from aigc_course.classroom.store import Store

    options = options or ReportOptions()
    assignment = find_assignment(root, name)
    people = read_roll(roll).people if roll else ()
    with Store(root) as store:
        marks = store.marks(assignment.name)
    handed_in = {
        path.parent.name
        for path in root.glob(f"submitted/*/{assignment.name}")
        if not folder_problem(path.parent.name)
    }
    if not marks and not people and not handed_in:
        raise UserError(
            f"{assignment.name} 还没有评过的提交", "先 aigc grade，或用 --roll 给出名单"
        )
    if options.gradebook:
        written = gradebook.write_gradebook(root, assignment, marks, people)
        rest = f"，{written.by_hand} 格等人工批阅（formgrader）" if written.by_hand else ""
        yield f"成绩册：{written.submissions} 份提交{rest}"
        for student, why in written.skipped:
            yield f"! 没有写进成绩册：{tables.safe_cell(student)}（{why}）"
    manual = manual_marks.read_manual(root, assignment)
    lines = standings(assignment, marks, people, manual, handed_in)
    counts = Counter(line.status for line in lines)
    words = [f"{SUBMISSION_STATUS[s]} {counts[s]}" for s in SUBMISSION_STATUS if counts[s]]
    yield f"{len(lines)} 人：{'，'.join(words)}"
    reports = root / "reports"
    table = tables.grades(assignment, lines)
    yield f"成绩表：{tables.write_csv(reports / f'{assignment.name}-grades.csv', table)}"
    if options.lms:
        yield from _lms(reports, assignment, lines, options)
    pages = feedback.write_pages(root, assignment, lines, manual)
    yield f"反馈页：{len(pages)} 页，在 {root / 'feedback'}"
    yield f"全班页：{classpage.write_page(root, assignment, lines)}"
    if options.publish:
        from aigc_course.classroom.report import publish

        if options.publish == "zip":
            yield f"反馈包：{publish.to_zip(root, assignment.name, pages)}"
        else:
            publish.to_exchange(root, assignment.name)
            yield "反馈已发到交换文件夹，学生用 nbgrader fetch_feedback 取"


def _lms(
    reports: Path, assignment: Assignment, lines: list[Standing], options: ReportOptions
) -> Iterator[str]:
    lms = cast(tables.Lms, options.lms)
    if options.lms_export:
        table, left = tables.lms_filled(
            lms, assignment, lines, options.lms_export, with_open=options.with_open
        )
    else:
        table, left = tables.lms_table(lms, assignment, lines, with_open=options.with_open)
    path = tables.write_csv(reports / f"{assignment.name}-{lms}.csv", table, bom=False)
    yield f"给 {lms.capitalize()} 的表：{path}"
    if left:
        some = "、".join(tables.safe_cell(s) for s in left[:5])
        more = f" 等 {len(left)} 人" if len(left) > 5 else ""
        yield f"  没有写进去（没有最后的分数，或表里没有这个人）：{some}{more}"
