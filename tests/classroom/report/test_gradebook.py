"""nbgrader's gradebook: our marks in it, a person's marks kept, nothing a zero by accident."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from aigc_course.classroom.marks import NotebookMark, OpenAnswer, StepMark
from aigc_course.classroom.report import gradebook, manual_marks
from aigc_course.classroom.report.standing import standings
from aigc_course.classroom.submission.roll import Person
from aigc_course.errors import UserError
from tests.support import report_class as rc

BOOK = "03_backprop"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory):
    """A course whose gradebook knows the assignment and nobody yet: seconds to make, so once."""
    root = tmp_path_factory.mktemp("prepared")
    assignment = rc.course(root, (BOOK,), due="2026-03-14T23:59:00+08:00")
    gradebook.write_gradebook(root, assignment, [])
    return root, assignment


@pytest.fixture
def place(prepared, tmp_path: Path):
    root, assignment = prepared
    return shutil.copytree(root, tmp_path / "课程"), assignment


def scores(root: Path, student: str) -> dict[str, tuple]:
    """cell -> (auto, manual, extra, needs manual grade)."""
    with sqlite3.connect(root / "gradebook.db") as db:
        rows = db.execute(
            "SELECT c.name, g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade"
            " FROM grade g JOIN base_cell c ON c.id = g.cell_id"
            " JOIN submitted_notebook n ON n.id = g.notebook_id"
            " JOIN submitted_assignment a ON a.id = n.assignment_id WHERE a.student_id = ?",
            (student,),
        ).fetchall()
    db.close()
    return {name: (auto, manual, extra, bool(needs)) for name, auto, manual, extra, needs in rows}


def change(root: Path, sql: str, *values) -> None:
    with sqlite3.connect(root / "gradebook.db") as db:
        db.execute(sql, values)
    db.close()


def by_hand(root: Path, student: str, cell: str, score: float, comment: str = "") -> None:
    """What formgrader does when a person types a mark and a comment."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "aigc") as book:
        grade = book.find_grade(cell, BOOK, "ps1", student)
        grade.manual_score, grade.needs_manual_grade = score, False
        if comment:
            book.find_comment(cell, BOOK, "ps1", student).manual_comment = comment
        book.db.commit()


def autograded(root: Path, student: str) -> dict[str, dict]:
    path = root / "autograded" / student / "ps1" / f"{BOOK}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = {c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in cells}
    return {key: cell for key, cell in found.items() if key}


def wrong(assignment, student: str, **more):
    """03.2 failed with a hint, 03.3 not graded, 03.4 empty, the rest passed; question answered."""
    known = rc.solutions(assignment)
    (book,) = assignment.notebooks
    kinds = {"03.2": "failed", "03.3": "ungraded", "03.4": "unanswered"}
    steps = (StepMark(True, "dW 的形状"), StepMark(False, "db 的值", "要相加", "3/4 个值不对"))
    exercises = tuple(
        rc.exercise(
            ex,
            kinds.get(ex.id, "passed"),
            {"03.2": "def linear_backward():\n    0", "03.4": ""}.get(ex.id, known[ex.id]),
            **({"steps": steps, "score": 1.0} if ex.id == "03.2" else {}),
        )
        for ex in book.exercises
    )
    text = more.pop("text", "**因为**")
    answers = tuple(OpenAnswer(q.id, q.cell, q.points, text, bool(text)) for q in book.open)
    return rc.submission(
        assignment, student, [NotebookMark(BOOK, "graded", "", exercises, answers)], **more
    )


def test_scores_comments_and_notebook(place):
    root, assignment = place
    rc.submitted(root, assignment, [wrong(assignment, "s1")])
    done = gradebook.write_gradebook(root, assignment, [wrong(assignment, "s1")])
    assert (done.submissions, done.by_hand, done.skipped) == (1, 2, ())
    got = scores(root, "s1")
    assert got["check-03-1"] == (2.0, None, None, False)
    assert got["check-03-2"] == (1.0, None, None, False)
    assert got["check-03-3"] == (None, None, None, True)  # not a zero: a person has to look
    assert got["check-03-4"] == (0.0, None, None, False)
    assert got["open-03-q1"] == (None, None, None, True)
    cells = autograded(root, "s1")
    released = json.loads((root / "release" / "ps1" / f"{BOOK}.ipynb").read_text(encoding="utf-8"))
    assert [c["metadata"] for c in released["cells"] if "nbgrader" in c["metadata"]] == [
        c["metadata"] for c in cells.values()
    ]
    assert cells["ex-03-2"]["source"] == "def linear_backward():\n    0"
    assert "还没作答" in cells["ex-03-4"]["source"]  # the stub stays
    (output,) = cells["check-03-2"]["outputs"]
    assert (
        output["name"] == "stdout" and "✗ db 的值" in output["text"] and "1/3 分" in output["text"]
    )
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "aigc") as book:
        assert "要相加" in book.find_comment("ex-03-2", BOOK, "ps1", "s1").comment
        assert book.find_comment("ex-03-4", BOOK, "ps1", "s1").comment == "没有作答。"
        assert book.find_assignment("ps1").course_id == "aigc"
        assert book.find_submission("ps1", "s1").total_seconds_late == 0


def test_nbgraders_own_validation_accepts_the_notebook(place):
    import nbformat

    root, assignment = place
    gradebook.write_gradebook(root, assignment, [wrong(assignment, "s1")])
    path = root / "autograded" / "s1" / "ps1" / f"{BOOK}.ipynb"
    nbformat.validate(nbformat.read(path, as_version=4))


def test_a_second_run_changes_nothing(place):
    root, assignment = place
    marks = [wrong(assignment, "s1"), rc.perfect(assignment, "s2")]
    gradebook.write_gradebook(root, assignment, marks, [Person("s1", "李雷"), Person("s3")])
    files = {p: p.stat().st_mtime_ns for p in (root / "autograded").rglob("*") if p.is_file()}
    before = {s: scores(root, s) for s in ("s1", "s2", "s3")}
    gradebook.write_gradebook(root, assignment, marks, [Person("s1", "李雷"), Person("s3")])
    assert {s: scores(root, s) for s in ("s1", "s2", "s3")} == before
    assert {
        p: p.stat().st_mtime_ns for p in (root / "autograded").rglob("*") if p.is_file()
    } == files
    assert before["s3"] == {}  # nothing handed in: no submission


def test_what_a_person_did_is_kept(place):
    root, assignment = place
    mark = wrong(assignment, "s1")
    gradebook.write_gradebook(root, assignment, [mark])
    by_hand(root, "s1", "open-03-q1", 4.0, "第二点缺理由")
    by_hand(root, "s1", "check-03-2", 2.5)
    by_hand(root, "s1", "check-03-3", 3.0)
    gradebook.write_gradebook(root, assignment, [mark])
    got = scores(root, "s1")
    assert got["open-03-q1"] == (None, 4.0, None, False)
    assert got["check-03-2"] == (1.0, 2.5, None, False)
    manual = manual_marks.read_manual(root, assignment)
    assert manual["s1", "open-03-q1"].score == 4.0
    assert manual["s1", "open-03-q1"].comment == "第二点缺理由"
    assert manual["s1", "check-03-1"].score is None
    (line,) = standings(assignment, [mark], manual=manual)
    assert line.waiting == () and line.exercises["03.2"] == 2.5 and line.exercises["03.3"] == 3.0
    assert line.total == sum(line.exercises.values()) + 4.0  # type: ignore[arg-type]


def test_another_look_is_asked_for_when_what_was_marked_changes(place):
    root, assignment = place
    gradebook.write_gradebook(root, assignment, [wrong(assignment, "s1")])
    for cell, score in (("open-03-q1", 4.0), ("check-03-2", 2.5), ("check-03-3", 3.0)):
        by_hand(root, "s1", cell, score)
    gradebook.write_gradebook(root, assignment, [wrong(assignment, "s1", text="改过的回答")])
    got = scores(root, "s1")
    assert got["open-03-q1"] == (None, 4.0, None, True)
    assert not got["check-03-2"][3] and not got["check-03-3"][3]
    gradebook.write_gradebook(root, assignment, [rc.perfect(assignment, "s1")])
    got = scores(root, "s1")
    assert got["check-03-2"] == (3.0, 2.5, None, True) and got["check-03-3"] == (
        3.0,
        3.0,
        None,
        True,
    )


def test_extra_credit_counts(place):
    root, assignment = place
    mark = rc.perfect(assignment, "s1", "写了")
    gradebook.write_gradebook(root, assignment, [mark])
    change(root, "UPDATE grade SET extra_credit = 1.5 WHERE auto_score = 4")  # 03.6
    manual = manual_marks.read_manual(root, assignment)
    (line,) = standings(assignment, [mark], manual=manual)
    assert line.exercises["03.6"] == 5.5


def test_lateness_costs_points_in_the_gradebook(place):
    root, assignment = place
    mark = rc.perfect(assignment, "s1", "写了", status="late", late_seconds=4000.0, penalty=0.25)
    folder = root / "submitted" / "s1" / "ps1"
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text("2026-03-14 17:05:40 UTC", encoding="utf-8")
    gradebook.write_gradebook(root, assignment, [mark])
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "aigc") as book:
        submission = book.find_submission("ps1", "s1")
        assert submission.score - submission.late_submission_penalty == mark.score == 19.5
        assert submission.total_seconds_late == 4000
    gradebook.write_gradebook(root, assignment, [replace(mark, penalty=0.0)])
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "aigc") as book:
        assert book.find_submission("ps1", "s1").late_submission_penalty == 0


@pytest.mark.parametrize("status", ["damaged file", "wrong file"])
def test_a_file_that_could_not_be_read_waits_for_a_person(place, status):
    root, assignment = place
    mark = rc.submission(assignment, "s1", [], status, reason="不是 JSON")
    gradebook.write_gradebook(root, assignment, [mark])
    assert {got[0] for got in scores(root, "s1").values()} == {None}
    assert all(got[3] for got in scores(root, "s1").values())
    assert "没能批改" in autograded(root, "s1")["check-03-1"]["outputs"][0]["text"]


def test_an_empty_answer_to_an_open_question_is_a_zero(place):
    root, assignment = place
    gradebook.write_gradebook(root, assignment, [wrong(assignment, "s1", text="")])
    assert scores(root, "s1")["open-03-q1"] == (0.0, None, None, False)


def test_markup_of_students_does_not_reach_formgrader(place):
    root, assignment = place
    evil = "<img src=x onerror=alert(1)>\n\n[x](javascript:alert(1))"
    mark = wrong(assignment, "s1", text=evil, name="<script>alert(1)</script>")
    gradebook.write_gradebook(root, assignment, [mark])
    from nbconvert.filters import markdown2html

    html = markdown2html(autograded(root, "s1")["open-03-q1"]["source"])
    assert "<img" not in html and 'href="javascript' not in html
    with sqlite3.connect(root / "gradebook.db") as db:
        ((name,),) = db.execute("SELECT last_name FROM student").fetchall()
    db.close()
    assert "<" not in name


def test_ids_that_lead_elsewhere_are_left_out(place):
    root, assignment = place
    marks = [rc.perfect(assignment, "../../x"), rc.perfect(assignment, "s1")]
    done = gradebook.write_gradebook(root, assignment, marks, [Person("../y")])
    assert done.submissions == 1 and done.skipped[0][0] == "../../x"
    assert scores(root, "../../x") == {} and not (root.parent / "x").exists()


def test_a_locked_gradebook_is_waited_for_and_told(place):
    root, assignment = place
    marks = [wrong(assignment, "s1")]
    gradebook.write_gradebook(root, assignment, marks)
    by_hand(root, "s1", "open-03-q1", 4.0)
    before = scores(root, "s1")
    other = sqlite3.connect(root / "gradebook.db", isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"成绩册正被别的程序写着.*再来一次"):
            gradebook.write_gradebook(
                root, assignment, [*marks, rc.perfect(assignment, "s2")], wait=0.2
            )
    finally:
        other.close()
    assert scores(root, "s1") == before and scores(root, "s2") == {}
    gradebook.write_gradebook(root, assignment, [*marks, rc.perfect(assignment, "s2")])
    assert scores(root, "s1") == before and scores(root, "s2")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda root: (root / "gradebook.db").write_bytes(b"not a database" * 999), "文件坏了"),
        (lambda root: (root / "release" / "ps1" / f"{BOOK}.ipynb").unlink(), "不在了"),
        (lambda root: (root / "release/ps1" / f"{BOOK}.ipynb").write_text("{"), "读不出来"),
        (lambda root: (root / "nbgrader_config.py").write_text("c ="), "nbgrader_config.py"),
    ],
)
def test_what_is_broken_is_named(place, damage, told):
    root, assignment = place
    damage(root)
    with pytest.raises(UserError, match=told):
        gradebook.write_gradebook(root, assignment, [rc.perfect(assignment, "s1")])


def test_another_release_under_the_same_name_is_refused(place):
    root, assignment = place
    gradebook.write_gradebook(root, assignment, [rc.perfect(assignment, "s1")])
    path = root / "release" / "ps1" / f"{BOOK}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "check-03-6":
            cell["metadata"]["nbgrader"]["grade_id"] = "check-03-7"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    before = scores(root, "s1")
    with pytest.raises(UserError, match="和成绩册里的不一样"):
        gradebook.write_gradebook(root, assignment, [rc.perfect(assignment, "s1")])
    assert scores(root, "s1") == before


def test_the_students_names_typed_in_formgrader_stay(place):
    root, assignment = place
    gradebook.write_gradebook(root, assignment, [], [Person("s1", "Ada Lovelace", "a@e.edu")])
    change(root, "UPDATE student SET last_name = 'Byron'")
    gradebook.write_gradebook(root, assignment, [], [Person("s1", "Ada Lovelace", "a@e.edu")])
    with sqlite3.connect(root / "gradebook.db") as db:
        rows = db.execute("SELECT first_name, last_name, email FROM student").fetchall()
    db.close()
    assert rows == [("Ada", "Byron", "a@e.edu")]


def test_export_leaves_blank_what_has_no_mark(place, monkeypatch):
    root, assignment = place
    marks = [rc.perfect(assignment, "s1", "写了"), wrong(assignment, "s2")]
    gradebook.write_gradebook(root, assignment, marks, [Person("s3")])
    by_hand(root, "s1", "open-03-q1", 5.0)
    from nbgrader.api import Gradebook

    from aigc_course.classroom.report.exporter import BlankNotZero

    to = root / "out.csv"
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "aigc") as book:
        BlankNotZero(to=str(to)).export(book)
    rows = [line.split(",") for line in to.read_text(encoding="utf-8-sig").splitlines()]
    found = {row[3]: (row[9], row[11]) for row in rows[1:]}
    assert found == {
        "s1": ("31", "graded"),
        "s2": ("", "needs manual grade"),
        "s3": ("", "missing"),
    }


def test_nothing_to_read_before_there_is_a_gradebook(place):
    root, assignment = place
    (root / "gradebook.db").unlink()
    assert manual_marks.read_manual(root, assignment) == {}
    assert not (root / "gradebook.db").exists()
