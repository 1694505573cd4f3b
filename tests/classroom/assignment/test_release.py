"""``aigc release``: nbgrader takes what it makes; nothing is lost when something goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from aigc_course.classroom.assignment import nbgrader_course
from aigc_course.classroom.assignment import release as module
from aigc_course.classroom.assignment.options import check_name, choose_notebooks, parse_due
from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.assignment.release import ReleaseOptions, release
from aigc_course.cli.main import app
from aigc_course.errors import UserError

KNOWN = ["00_welcome", "01_forward", "02_losses", "03_backprop"]


def nbgrader(root: Path, *words: str) -> str:
    folder = str(Path(sys.executable).parent)
    env = {**os.environ, "PATH": os.pathsep.join([folder, os.environ["PATH"]])}
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("课程") / "我的 班"
    order = ReleaseOptions(
        "ps1", root, "00,1", points="01.1=3.5,00.*=2", due="2036-12-01 23:59+08:00"
    )
    return root, release(order)


@pytest.fixture
def course(made, tmp_path):
    """A copy of the released course, to be changed."""
    import shutil

    root = tmp_path / "班"
    shutil.copytree(made[0], root)
    return root


def hand_in(root: Path, student: str = "s1") -> None:
    folder = root / "submitted" / student / "ps1"
    folder.mkdir(parents=True)
    for path in (root / "release" / "ps1").glob("*.ipynb"):
        (folder / path.name).write_bytes(path.read_bytes())


# --- a release --------------------------------------------------------------------------------


def test_what_is_asked(made):
    root, done = made
    loaded = Assignment.load(root, "ps1")
    assert loaded == done.assignment and done.first and not done.notes and not done.changes
    assert [book.name for book in loaded.notebooks] == ["00_welcome", "01_forward"]
    points = {ex.id: ex.points for book in loaded.notebooks for ex in book.exercises}
    assert points["01.1"] == 3.5 and points["00.3"] == 2 and points["01.2"] == 3
    assert loaded.notebooks[0].open[0].points == 2 and "答案" in loaded.notebooks[1].open[0].rubric
    ex = loaded.notebooks[1].exercises[0]
    assert ex.title and ex.defines == "sigmoid" and "NotImplementedError" in ex.starter
    assert "SOLUTION" in ex.solution
    assert loaded.due_at == datetime.fromisoformat("2036-12-01T23:59:00+08:00")


def test_no_solution_leaves_the_course_folder(made):
    root, done = made
    assert sorted(p.name for p in (root / "release/ps1").iterdir()) == [
        "00_welcome.ipynb",
        "01_forward.ipynb",
    ]
    public = [root / "source/ps1/assignment.json", *(root / "release/ps1").iterdir()]
    texts = [path.read_text(encoding="utf-8") for path in public]
    with zipfile.ZipFile(done.bundle) as bundle:
        texts += [bundle.read(name).decode() for name in bundle.namelist()]
    secrets = ["### BEGIN SOLUTION"]
    for book in done.assignment.notebooks:
        for ex in book.exercises:
            region = ex.solution.split("### BEGIN SOLUTION")[1].split("### END")[0].strip()
            secrets.append(max(region.splitlines(), key=len).strip())
        secrets += [question.rubric.splitlines()[-1] for question in book.open]
    secrets = [s for s in secrets if len(s) > 30 or s.startswith("#")]  # short ones are common
    assert len(secrets) >= 6
    for text in texts:
        assert not [s for s in secrets if json.dumps(s, ensure_ascii=False)[1:-1] in text]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_solutions_are_for_the_owners_eyes(made):
    root, _ = made
    assert (root / ".aigc" / "assignments").stat().st_mode & 0o077 == 0


def test_the_bundle(made):
    _, done = made
    with zipfile.ZipFile(done.bundle) as bundle:
        assert bundle.namelist() == [
            "ps1/00_welcome.ipynb",
            "ps1/01_forward.ipynb",
            "ps1/说明.txt",
        ]
        note = bundle.read("ps1/说明.txt").decode()
        assert "2036-12-01 23:59 +08:00" in note and "01_forward.ipynb" in note
        student = nbformat.reads(bundle.read("ps1/01_forward.ipynb").decode(), 4)
    assert all(not c.get("outputs") for c in student.cells)


def test_releasing_again_changes_no_byte(course):
    before = {p: p.read_bytes() for p in course.rglob("*") if p.suffix in (".ipynb", ".zip")}
    done = release(ReleaseOptions("ps1", course))
    assert not done.first and not done.changes and not done.notes
    assert {p: p.read_bytes() for p in before} == before
    assert not (course / "source/ps1/.releases").exists()


@pytest.mark.slow
def test_nbgrader_goes_on_from_there(course, tmp_path):
    assert "ps1" in nbgrader(course, "db", "assignment", "list")
    nbgrader(course, "generate_assignment", "ps1", "--force")
    assert not (course / "release/ps1/assignment.json").exists()
    exchange = f"--Exchange.root={tmp_path / 'exchange'}"
    nbgrader(course, "release_assignment", "ps1", exchange)
    assert "aigc ps1" in nbgrader(course, "list", exchange)


def test_the_gradebook(made):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{made[0] / 'gradebook.db'}") as book:
        assignment = book.find_assignment("ps1")
        assert assignment.duedate == datetime(2036, 12, 1, 15, 59)  # UTC
        cell = book.find_grade_cell("check-01-1", "01_forward", "ps1")
        assert cell.max_score == 3.5
        assert {n.name for n in assignment.notebooks} == {"00_welcome", "01_forward"}


# --- releasing again --------------------------------------------------------------------------


def test_differences_are_told_and_the_old_release_is_kept(course):
    done = release(ReleaseOptions("ps1", course, points="01.2=9", due="none"))
    assert done.changes == ("截止：2036-12-01 23:59 +08:00 → 没有", "01.2：3 → 9 分")
    (earlier,) = Assignment.earlier(course, "ps1")
    assert earlier.due and earlier.notebooks[1].exercises[1].points == 3
    assert Assignment.load(course, "ps1").notebooks[1].exercises[0].points == 3.5


def test_refuses_once_somebody_handed_in(course):
    hand_in(course)
    before = (course / "release/ps1.zip").read_bytes()
    with pytest.raises(UserError, match="1 人交了.*01.2：3 → 9"):
        release(ReleaseOptions("ps1", course, points="01.2=9"))
    assert (course / "release/ps1.zip").read_bytes() == before
    assert Assignment.load(course, "ps1").notebooks[1].exercises[1].points == 3
    assert release(ReleaseOptions("ps1", course, due="2036-12-02")).changes  # a due time may move
    assert release(ReleaseOptions("ps1", course, points="01.2=9", force=True)).changes


def test_a_notebook_taken_out_is_kept_aside(course):
    done = release(ReleaseOptions("ps1", course, "01"))
    assert "去掉 00_welcome" in done.changes
    assert [p.name for p in (course / "release/ps1").iterdir()] == ["01_forward.ipynb"]
    assert list((course / ".aigc/assignments").glob("ps1.*/00_welcome.ipynb"))


def test_the_instructors_edits_stay(course):
    path = course / "source/ps1/01_forward.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[0].source += "\n\n老师加的话"
    nbformat.write(notebook, path)
    done = release(ReleaseOptions("ps1", course))
    assert "--refresh" in done.notes[0]
    assert "老师加的话" in (course / "release/ps1/01_forward.ipynb").read_text(encoding="utf-8")
    done = release(ReleaseOptions("ps1", course, refresh=True))
    assert "老师加的话" not in (course / "release/ps1/01_forward.ipynb").read_text(encoding="utf-8")
    (kept,) = (course / ".aigc/assignments").glob("ps1.*/01_forward.ipynb")
    assert "老师加的话" in kept.read_text(encoding="utf-8")


def test_without_open_questions(course):
    done = release(ReleaseOptions("ps1", course, open=False))
    assert all(not book.open for book in done.assignment.notebooks)
    assert "open-01-q1" not in (course / "release/ps1/01_forward.ipynb").read_text("utf-8")


# --- failures ---------------------------------------------------------------------------------


class Crash(BaseException):
    pass


@pytest.mark.parametrize("at", ["_write_sources", "_student_version", "_as_released", "_bundle"])
def test_a_crash_is_mended_by_running_it_again(course, monkeypatch, at):
    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(module, at, crash)
        with pytest.raises(Crash):
            release(ReleaseOptions("ps1", course, points="01.2=9"))
    assert Assignment.load(course, "ps1").name == "ps1"  # readable in between
    done = release(ReleaseOptions("ps1", course, points="01.2=9"))
    assert done.assignment.notebooks[1].exercises[1].points == 9
    assert Assignment.load(course, "ps1") == done.assignment


def test_when_nbgrader_fails_the_student_version_stays(course, monkeypatch):
    before = (course / "release/ps1/01_forward.ipynb").read_bytes()

    def broken(self, name, **_):
        return {"success": False, "log": "x\nValueError: 坏了\n", "error": ""}

    from nbgrader.apps.api import NbGraderAPI

    monkeypatch.setattr(NbGraderAPI, "generate_assignment", broken)
    with pytest.raises(UserError, match="坏了"):
        release(ReleaseOptions("ps1", course, points="01.2=9"))
    assert (course / "release/ps1/01_forward.ipynb").read_bytes() == before
    assert "坏了" in (course / ".aigc/nbgrader.log").read_text(encoding="utf-8")


def test_a_full_or_read_only_disk(course, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_bundle", full)
    with pytest.raises(UserError, match="磁盘已满"):
        release(ReleaseOptions("ps1", course))
    target = course / "文件"
    target.write_text("x")
    with pytest.raises(UserError):
        release(ReleaseOptions("ps1", target / "班", "00"))


def test_an_own_configuration_counts(course):
    config = course / "nbgrader_config.py"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text + '\nc.ClearSolutions.code_stub = {"python": "# 空\\nraise NotImplementedError()"}\n',
        encoding="utf-8",
    )
    done = release(ReleaseOptions("ps1", course))
    assert "# 空" in done.assignment.notebooks[0].exercises[0].starter
    config.write_text("1 / 0", encoding="utf-8")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        release(ReleaseOptions("ps1", course))


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (ReleaseOptions("a/b", Path("x"), "1"), "作业名"),
        (ReleaseOptions("a+b", Path("x"), "1"), "作业名"),
        (ReleaseOptions("a b", Path("x"), "1"), "作业名"),
        (ReleaseOptions("", Path("x"), "1"), "作业名"),
        (ReleaseOptions("..", Path("x"), "1"), "作业名"),
        (ReleaseOptions("nul", Path("x"), "1"), "作业名"),
        (ReleaseOptions("ps9", Path("x")), "没有写哪些笔记本"),
        (ReleaseOptions("ps9", Path("x"), "99"), "没有笔记本 99"),
        (ReleaseOptions("ps9", Path("x"), "01_foward"), "是不是 01_forward"),
        (ReleaseOptions("ps9", Path("x"), "01", points="01.77=1"), "没有题 01.77 → 是不是 01"),
        (ReleaseOptions("ps9", Path("x"), "01", points="01.1=-1"), "分值不能是 -1"),
        (ReleaseOptions("ps9", Path("x"), "01", points="01.1=nan"), "分值不能是 nan"),
        (ReleaseOptions("ps9", Path("x"), "01", points="01.1"), "看不懂分值"),
        (ReleaseOptions("ps9", Path("x"), "01", due="明天"), "看不懂截止时间"),
        (ReleaseOptions("ps9", Path("a[1]"), "01"), "带 "),
        (ReleaseOptions("ps9", Path(module.__file__).parents[3], "01"), "课程自己的文件夹"),
    ],
)
def test_orders_that_cannot_be(tmp_path, order, text):
    place = order.course if order.course.is_absolute() else tmp_path / order.course
    with pytest.raises(UserError, match=".*".join(text.split(" → "))) as caught:
        release(replace(order, course=place))
    assert text.split(" → ")[0] in str(caught.value)
    assert not list(place.glob("source/*/*")) or place.name != "x"


def test_names_and_numbers():
    assert check_name("作业1") == "作业1"
    assert choose_notebooks("03_backprop.ipynb, 1，0", KNOWN) == [KNOWN[0], KNOWN[1], KNOWN[3]]
    assert parse_due("2026-12-01").hour == 23
    assert parse_due("2026/12/01 8：30".replace(" 8", " 08")).minute == 30
    assert parse_due("2026-12-01 23:59").tzinfo is not None


def test_a_due_time_in_the_past_is_noted(course):
    done = release(ReleaseOptions("ps1", course, due="2020-01-01 00:00+00:00"))
    assert "已经过去" in done.notes[0]


def test_the_command(made, course):
    words = ["release", "ps1", "--points", "01.1=4", "--course", str(course)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "与上次不同：01.1：3.5 → 4 分" in done.output and "ps1.zip" in done.output


def test_assignments_of_before_rubrics_were_kept_apart(course):
    path = course / "source/ps1/assignment.json"
    (course / ".aigc/assignments/ps1.json").unlink()
    loaded = Assignment.load(course, "ps1")
    assert loaded.notebooks[0].exercises[0].solution == ""
    path.write_text(json.dumps({"name": "ps1"}), encoding="utf-8")
    with pytest.raises(UserError, match="读不出来"):
        Assignment.load(course, "ps1")
    with pytest.raises(UserError, match="没有叫 ps7"):
        Assignment.load(course, "ps7")


def test_programs_of_this_python_are_found(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with nbgrader_course.tools_on_path():
        assert os.environ["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert os.environ["PATH"] == "/nowhere"
