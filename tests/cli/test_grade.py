"""``aigc grade`` as an instructor meets it, with real sandboxes where they are to be had."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import Result
from typer.testing import CliRunner

from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.sandbox.sandbox import Sandbox
from aigc_course.classroom.store import Store
from aigc_course.cli import grading_screen
from aigc_course.cli.main import app
from aigc_course.errors import UserError
from tests.support.graded_class import RIGHT, RIGHT_BOOK, WRONG_BOOK, course, hand_in, notebook


@pytest.fixture
def confined() -> Iterator[None]:
    """Skips where answers cannot be confined; afterwards no child of ours is left."""
    reason = Sandbox.available()
    if reason:
        pytest.skip(reason)
    me = psutil.Process()
    before = set(me.children(recursive=True))
    yield
    left = [p for p in me.children(recursive=True) if p not in before]
    _, alive = psutil.wait_procs(left, timeout=10)
    assert [p for p in alive if "resource_tracker" not in " ".join(p.cmdline())] == []


def aigc(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["grade", *map(str, arguments)], env={"COLUMNS": "100"})


def marks(root: Path) -> dict[str, SubmissionMark]:
    with Store(root) as store:
        return {mark.student: mark for mark in store.marks("ps1")}


def inside(line: str) -> bytes:
    """An answer to 03.1 that does ``line`` before it computes."""
    return notebook({**RIGHT, "03.1": RIGHT["03.1"].replace("dz = 2", f"{line}\n    dz = 2")})


def test_a_class_of_every_kind_ends_with_every_status(tmp_path: Path, confined: None) -> None:
    softmax = "import torch\ndef linear_backward(dy, x, W):\n    return torch.softmax(dy, 1)\n"
    submitted = course(
        tmp_path,
        {
            "right": RIGHT_BOOK,
            "wrong": WRONG_BOOK,
            "partly": notebook({"03.1": RIGHT["03.1"]}),
            "endless": inside("while True: pass"),
            "leaves": inside("import os; os._exit(0)"),
            "greedy": inside("import numpy; numpy.ones((300_000, 100_000))"),
            "library": notebook({**RIGHT, "03.2": softmax}),
            "broken": b"{",
            "other": b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
            "late": RIGHT_BOOK,
        },
    )
    stamp = submitted / "late/ps1/timestamp.txt"
    stamp.write_text("2026-11-01 16:30:00 UTC", encoding="utf-8")
    roll = tmp_path / "名单.csv"
    roll.write_text("学号,姓名\nright,张三\nabsent,李四\n", encoding="utf-8")
    done = aigc(
        submitted,
        "--roll",
        roll,
        "--workers",
        "2",
        "--limits",
        "seconds=1",
        "--late",
        "per_day=10%",
    )
    assert done.exit_code == 0, done.output
    got = marks(tmp_path)
    assert {student: (mark.status, mark.score) for student, mark in got.items()} == {
        "right": ("graded", 10.0),
        "wrong": ("graded", got["wrong"].score),
        "partly": ("partly answered", 4.0),
        "endless": ("time limit", 6.0),
        "leaves": ("crashed", 6.0),
        "greedy": ("memory limit", 6.0),
        "library": ("refused", 4.0),
        "broken": ("damaged file", None),
        "other": ("wrong file", None),
        "late": ("late", 9.0),
        "absent": ("missing", None),
    }
    assert 4.0 <= (got["wrong"].score or 0) < 10.0
    for word in ("已批改 2", "迟交 1", "超时 1", "用了禁用函数 1"):
        assert word in done.output
    assert re.search(r"没交 +│ +1", done.output)
    assert "不在名单上，也批改了（9）" in done.output
    again = aigc(submitted, "--roll", roll, "--limits", "seconds=1")
    assert "10 份以前批改过，没有变" in again.output
    assert "要批改" not in again.output


def test_confined_answers_do_not_see_the_course(tmp_path: Path, confined: None) -> None:
    # 03.1 is right only if it can read something it must not see
    seen = f"open({str(tmp_path / 'source/ps1/assignment.json')!r}).read()"
    submitted = course(tmp_path, {"reader": inside(seen)})
    assert aigc(submitted).exit_code == 0
    (book,) = marks(tmp_path)["reader"].notebooks
    assert book.exercises[0].status == "error"
    assert "FileNotFoundError" in book.exercises[0].message


@pytest.mark.parametrize(
    "words",
    [
        ["--workers", "0"],
        ["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"],
        ["--again", "--only", "s1"],
        ["--layout", "heap"],
        ["--limits", "speed=1"],
        ["--late", "never"],
        ["--seed", "-1"],
        ["--seed", "x"],
    ],
)
def test_bad_use_is_exit_code_2_and_grades_nothing(tmp_path: Path, words: list[str]) -> None:
    submitted = course(tmp_path, {"s1": RIGHT_BOOK})
    assert aigc(submitted, *words).exit_code == 2
    assert not (tmp_path / ".aigc/grades.db").exists()


def test_expected_failures_are_user_errors(tmp_path: Path) -> None:
    done = aigc(tmp_path / "none")
    assert isinstance(done.exception, UserError)
    hand_in(tmp_path / "submitted", "s1", RIGHT_BOOK)
    assert isinstance(aigc(tmp_path / "submitted").exception, UserError)


def test_our_own_failure_is_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aigc_course.classroom.grading import whole_class

    summary = whole_class.Summary("ps1", tmp_path, Counter({"crashed": 1}), ungraded=["s1 03.1"])
    summary.log = tmp_path / "grade.log"
    monkeypatch.setattr(whole_class, "grade_class", lambda order, watcher: summary)
    done = aigc(tmp_path, "--unconfined")
    assert done.exit_code == 1
    assert "没有成绩的（1）：s1 03.1" in done.output
    assert "grade.log" in done.output
    assert "没有隔离" in done.output


def test_ctrl_c_says_that_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aigc_course.classroom.grading import whole_class

    def stopped(order: object, watcher: grading_screen.Plain) -> None:
        watcher.start(5, Counter())
        watcher.step(SubmissionMark("s1", "ps1", "graded", 1.0, 1.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(whole_class, "grade_class", stopped)
    done = aigc(tmp_path)
    assert done.exit_code == 130
    assert "这次批改的 1 份都在" in done.output


def test_progress_lines_are_few_whatever_the_class(capsys: pytest.CaptureFixture[str]) -> None:
    for size in (1, 7, 1000):
        with grading_screen.Plain() as screen:
            screen.start(size, Counter())
            for k in range(size):
                status = "late" if k % 2 else "graded"
                screen.step(SubmissionMark(f"s{k}", "ps1", status, 1.0, 1.0))
        lines = capsys.readouterr().out.splitlines()
        assert 2 <= len(lines) <= 12
        assert lines[-1].startswith(f"{size}/{size}")
    assert lines[-1].endswith("已批改 500 · 迟交 500")


def test_the_bar_shows_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    with grading_screen.Live() as screen:
        screen.start(2, Counter({"graded": 3}))
        screen.note("名单不是 UTF-8 [bold]")
        screen.step(SubmissionMark("s1", "ps1", "refused", 0.0, 1.0))
        screen.step(SubmissionMark("s2", "ps1", "graded", 1.0, 1.0))
    out = capsys.readouterr().out
    assert "已批改 1 · 用了禁用函数 1" in out
    assert "[bold]" in out


def test_help_has_examples() -> None:
    done = aigc("--help")
    assert done.exit_code == 0
    assert "aigc grade submitted/ --roll 名单.csv" in done.output
