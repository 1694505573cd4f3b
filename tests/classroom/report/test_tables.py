"""Tables: a row for everybody, blank instead of zero, no formulas, what Canvas and Moodle read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.classroom.assignment.record import (
    AskedExercise,
    AskedNotebook,
    AskedOpen,
    Assignment,
)
from aigc_course.classroom.marks import NotebookMark, OpenAnswer, SubmissionMark
from aigc_course.classroom.report import tables
from aigc_course.classroom.report.standing import ManualMark, folder_problem, standings
from aigc_course.classroom.submission.roll import Person
from aigc_course.errors import UserError
from tests.support import report_class as rc

EX = AskedExercise("03.1", "甲", 2.0, "ex-03-1", "check-03-1", "f", "")
TWO = AskedExercise("03.2", "乙", 3.0, "ex-03-2", "check-03-2", "g", "")
ASK = AskedOpen("03.q1", 5.0, "open-03-q1", "", "评分要点", "")
PS1 = Assignment("ps1", (AskedNotebook("03_backprop", "03", (EX, TWO), (ASK,)),))


def handed(
    student: str, *, answered: bool = True, second: str = "passed", **more
) -> SubmissionMark:
    exercises = (rc.exercise(EX), rc.exercise(TWO, second))
    answers = (OpenAnswer("03.q1", "open-03-q1", 5.0, "写了", answered),)
    return rc.submission(
        PS1, student, [NotebookMark("03_backprop", "graded", "", exercises, answers)], **more
    )


def as_dicts(rows: list) -> list[dict[str, str]]:
    return [dict(zip(rows[0], [tables.safe_cell(c) for c in row], strict=True)) for row in rows[1:]]


def test_everybody_has_a_row_and_none_is_blank():
    roll = [Person("s1", "李雷"), Person("s2", "韩梅梅"), Person("s3")]
    damaged = rc.submission(PS1, "s2", [], "damaged file", reason="不是 JSON")
    lines = standings(PS1, [handed("s1"), damaged, handed("guest")], roll, handed_in={"s3", "s4"})
    rows = as_dicts(tables.grades(PS1, lines))
    assert [row["学号"] for row in rows] == ["s1", "s2", "s3", "guest", "s4"]
    assert [row["状态"] for row in rows] == ["已批改", "文件损坏", "还没批改", "已批改", "还没批改"]
    assert [row["练习得分"] for row in rows] == ["5", "", "", "5", ""]
    assert [row["03.1（2 分）"] for row in rows] == ["2", "", "", "2", ""]
    assert rows[1]["说明"] == "不是 JSON" and rows[1]["总分"] == ""
    assert [row["在名册上"] for row in rows] == ["是", "是", "是", "否", "否"]


def test_an_exercise_that_was_not_graded_is_named_and_not_zero():
    (line,) = standings(PS1, [handed("s1", second="ungraded", answered=False)])
    (row,) = as_dicts(tables.grades(PS1, [line]))
    assert row["03.2（3 分）"] == "" and row["还缺"] == "03.2" and row["练习得分"] == "2"
    assert row["03.q1（5 分，人工）"] == "0"  # left empty: that is a zero


def test_marks_by_hand_count():
    manual = {
        ("s1", "open-03-q1"): ManualMark(4.0),
        ("s2", "check-03-2"): ManualMark(3.0),
        ("s3", "check-03-1"): ManualMark(1.0),
    }
    damaged = rc.submission(PS1, "s3", [], "damaged file")
    marks = [handed("s1"), handed("s2", second="ungraded", penalty=0.2, late_seconds=9), damaged]
    one, two, three = standings(PS1, marks, manual=manual)
    assert (one.judged, one.total, one.waiting) == (5.0, 9.0, ())
    assert two.judged == 4.0 and two.waiting == ("03.q1",)  # (2 + 3) · 0.8
    assert three.judged == 1.0 and "03.2" in three.waiting


@pytest.mark.parametrize("bad", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1", "＠x"])
def test_formulas_are_neutralised_wherever_a_student_can_write(bad):
    marks = [handed(bad, name=bad, reason=bad)]
    rows = tables.grades(PS1, standings(PS1, marks, [Person(bad, bad, bad, bad)]))
    for cell in map(tables.safe_cell, rows[1]):
        assert not cell.strip() or cell.strip()[0] not in "=+-@＝＋－＠" or cell[0] == "'"
        assert "\t" not in cell and "\r" not in cell
    assert tables.safe_cell(bad).startswith("'") or tables.safe_cell(bad) == ""


@given(st.text(max_size=40))
def test_any_text_is_one_harmless_cell(text):
    cell = tables.safe_cell(text)
    (row,) = csv.reader(io.StringIO(cell_line([cell])))
    assert row == [cell] and "\n" not in cell
    assert not cell or cell[0] not in "=+-@\t\r"


def cell_line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def test_grades_csv_opens_in_excel_with_its_chinese(tmp_path: Path):
    path = tables.write_csv(tmp_path / "新" / "g.csv", [["姓名"], ['نورا, "李"']])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert rows == [["姓名"], ['نورا, "李"']]
    assert [p.name for p in path.parent.iterdir()] == ["g.csv"]  # no temporary file left


def test_canvas_columns_and_no_empty_grade():
    roll = [Person("s1", "李雷", "s1@e.edu", "一班"), Person("s2", "韩梅梅")]
    lines = standings(PS1, [handed("s1")], roll)
    rows, left = tables.lms_table("canvas", PS1, lines, with_open=False)
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "ps1"]
    assert "Points Possible" in str(rows[1][0]) and rows[1][-1] == 5.0
    assert rows[2:] == [["李雷", "", "s1", "s1@e.edu", "一班", 5.0]] and left == ["s2"]
    rows, left = tables.lms_table("canvas", PS1, lines)  # the open question waits
    assert len(rows) == 2 and left == ["s1", "s2"]


def test_moodle_columns_and_comment():
    lines = standings(PS1, [handed("s1", answered=False, penalty=0.2, late_seconds=7200)])
    rows, left = tables.lms_table("moodle", PS1, lines)
    row = dict(zip(rows[0], rows[1], strict=True))
    assert (row["ID number"], row["Grade"], row["Maximum grade"]) == ("s1", 4.0, 10.0)
    assert "03.1 甲 2/2 通过" in row["Feedback comments"] and "扣去 20%" in row["Feedback comments"]
    assert not left


def test_an_export_is_filled_in_and_otherwise_kept(tmp_path: Path):
    export = tmp_path / "canvas.csv"
    export.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,hw0 (11),ps1 (12)\n"
        "    Points Possible,,,,,3,5\n李雷,901,s1,lei,A,2,1\n韩梅梅,902,s2,mei,A,3,4\n",
        encoding="utf-8-sig",
    )
    lines = standings(PS1, [handed("s1")], [Person("s1"), Person("s2"), Person("s3")])
    table, left = tables.lms_filled("canvas", PS1, lines, export, with_open=False)
    assert table[2] == ["李雷", "901", "s1", "lei", "A", "2", 5.0]
    assert table[3][-1] == "4" and left == ["s2", "s3"]  # what Canvas had stays
    sheet = tmp_path / "moodle.csv"
    sheet.write_text(
        "Identifier,Full name,Email address,Grade,Last modified (grade),Feedback comments\n"
        "Participant 7,李雷,S1@e.edu,,-,\n",
        encoding="utf-8",
    )
    lines = standings(PS1, [handed("s1")], [Person("s1", "李雷", "s1@e.edu")])
    table, left = tables.lms_filled("moodle", PS1, lines, sheet, with_open=False)
    assert table[1][0] == "Participant 7" and table[1][3] == 5.0 and "甲" in table[1][5]
    with pytest.raises(UserError, match="没有要填的那一列"):
        tables.lms_filled("canvas", PS1, lines, sheet)


@pytest.mark.parametrize("id", ["../../x", "a/b", "a\\b", "..", "", " s1", "a\nb", "<b>", "x" * 90])
def test_ids_that_are_no_folder(id):
    assert folder_problem(id)


def test_empty_class_and_empty_assignment():
    assert len(tables.grades(PS1, [])) == 1
    assert standings(Assignment("ps0", ()), []) == []
    assert tables.lms_table("canvas", PS1, [])[1] == []
