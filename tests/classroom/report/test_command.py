"""``aigc report`` from marks on disk to every file it writes."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aigc_course.classroom.report.run import ReportOptions, find_assignment, write_reports
from aigc_course.classroom.store import Store
from aigc_course.cli.main import app
from aigc_course.errors import UserError
from tests.support import report_class as rc


@pytest.fixture
def place(tmp_path: Path) -> Path:
    assignment = rc.course(tmp_path, ("03_backprop",))
    marks = [
        rc.perfect(assignment, "s1", "写了"),
        rc.submission(assignment, "s2", [], "wrong file"),
    ]
    rc.submitted(tmp_path, assignment, marks)
    with Store(tmp_path) as store:
        for mark in marks:
            store.put(mark)
    (tmp_path / "名单.csv").write_text("学号,姓名\ns1,李雷\ns2,韩梅梅\ns3,Zoë\n", encoding="utf-8")
    return tmp_path


def test_the_command_writes_everything(place: Path):
    arguments = ["report", "ps1", "--course", str(place), "--roll", str(place / "名单.csv")]
    more = ["--lms", "moodle", "--only-exercises", "--publish", "zip"]
    result = CliRunner().invoke(app, arguments + more, catch_exceptions=False)
    assert result.exit_code == 0
    assert "3 人：已批改 1，交错文件 1，没交 1" in result.output
    table = (place / "reports" / "ps1-grades.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(r["学号"], r["状态"], r["练习得分"]) for r in rows] == [
        ("s1", "已批改", "26"), ("s2", "交错文件", ""), ("s3", "没交", ""),
    ]  # fmt: skip
    assert "s1" in (place / "reports" / "ps1-moodle.csv").read_text(encoding="utf-8")
    assert "韩梅梅" not in (place / "feedback/s1/ps1/index.html").read_text(encoding="utf-8")
    assert not (place / "feedback" / "s3").exists()
    assert (place / "gradebook.db").is_file() and (place / "reports" / "ps1.html").is_file()
    with zipfile.ZipFile(place / "reports" / "ps1-feedback.zip") as archive:
        assert archive.namelist() == ["ps1/s1.html", "ps1/s2.html"]


def test_without_the_gradebook_none_is_made(place: Path):
    list(write_reports(place, None, None, ReportOptions(gradebook=False)))
    assert not (place / "gradebook.db").exists() and not (place / "autograded").exists()
    assert (place / "reports" / "ps1.html").is_file()


def test_twice_gives_the_same_files(place: Path):
    list(write_reports(place, "ps1", None, ReportOptions(publish="zip")))
    made = [
        p for kind in ("reports", "feedback", "autograded") for p in (place / kind).rglob("*.*")
    ]
    before = {path: path.read_bytes() for path in made}
    list(write_reports(place, "ps1", None, ReportOptions(publish="zip")))
    assert {path: path.read_bytes() for path in made} == before


def test_which_assignment(place: Path):
    assert find_assignment(place, None).name == "ps1"
    with pytest.raises(UserError, match="没有叫 ps9 的作业"):
        find_assignment(place, "ps9")
    (place / "source" / "ps2").mkdir()
    text = (place / "source/ps1/assignment.json").read_text(encoding="utf-8")
    (place / "source/ps2/assignment.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="ps1、ps2"):
        find_assignment(place, None)
    with pytest.raises(UserError, match="没有发布过的作业"):
        find_assignment(place / "feedback", None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--lms", "blackboard"], "--lms 只能是"),
        (["--publish", "mail"], "--publish 只能是"),
        (["--lms-export", "x.csv"], "没写是哪一种"),
        (["--roll", "no.csv"], "名单不在"),
        (["--publish", "exchange", "--no-gradebook"], "交换文件夹"),
    ],
)
def test_wrong_options(place: Path, arguments, told, monkeypatch):
    if "exchange" in arguments:  # whatever this machine has
        from nbgrader.apps.api import NbGraderAPI

        monkeypatch.setattr(NbGraderAPI, "exchange_is_functional", False)
    with pytest.raises(UserError, match=told):
        CliRunner().invoke(
            app, ["report", "ps1", "--course", str(place), *arguments], catch_exceptions=False
        )


def test_nothing_graded_yet(tmp_path: Path):
    rc.course(tmp_path, ("03_backprop",))
    with pytest.raises(UserError, match="还没有评过的提交"):
        list(write_reports(tmp_path, "ps1"))


def test_help_is_chinese_with_examples():
    result = CliRunner().invoke(app, ["report", "--help"])
    assert result.exit_code == 0 and "aigc report ps1 --publish zip" in result.output


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # nbgrader leaves files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_feedback_goes_through_nbgraders_exchange(place: Path, tmp_path: Path):
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    with (place / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"c.Exchange.root = {str(exchange)!r}\n")
    secret = "s3cret" * 4
    (place / "submitted/s1/ps1/submission_secret.txt").write_text(secret, encoding="utf-8")
    lines = list(write_reports(place, "ps1", None, ReportOptions(publish="exchange")))
    assert "交换文件夹" in lines[-1]
    from nbgrader.utils import notebook_hash

    name = notebook_hash(secret=secret, notebook_id="03_backprop")  # what fetch_feedback asks for
    sent = exchange / "aigc" / "feedback" / f"{name}.html"
    assert sent.read_bytes() == (place / "feedback/s1/ps1/index.html").read_bytes()
