"""``aigc progress`` as a learner meets it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from aigc_course.cli.main import app
from aigc_course.errors import UserError
from aigc_course.progress import record, store
from aigc_course.progress.store import Event, database

EVENTS = [
    Event("01.1", "check", "failed", 1, 2, title="a", at="2026-11-20T08:00:00.000+00:00"),
    Event("01.1", "check", "passed", 2, 2, title="a", at="2026-11-20T08:09:00.000+00:00"),
    Event("01.2", "hint", level=1, at="2026-11-20T08:10:00.000+00:00"),
    Event("01.3", "solution", at="2026-11-20T08:11:00.000+00:00"),
    Event("01.3", "check", "passed", 2, 2, title="c", at="2026-11-20T08:12:00.000+00:00"),
    Event("01.9", "check", "passed", 1, 1, title="[b]旧[/b]", at="2026-11-20T08:12:00.000+00:00"),
]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "我的 课程"
    (made / ".aigc").mkdir(parents=True)
    (made / ".aigc" / "state.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(made)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("AIGC_PROGRESS", raising=False)
    monkeypatch.setattr(record, "_waiting", {})
    monkeypatch.setattr(record, "_told", set())
    return made


@pytest.fixture
def folder(empty: Path) -> Path:
    store.append(empty, EVENTS)
    return empty


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["progress", *words], input=answer)


def said(*words: str, answer: str | None = None) -> str:
    done = run(*words, answer=answer)
    assert done.exit_code == 0, done.output
    return done.output


def trouble(*words: str) -> str:
    """The single line of an expected failure."""
    error = run(*words).exception
    assert isinstance(error, UserError), error
    assert "\n" not in str(error)
    return str(error)


def row(output: str, start: str) -> list[str]:
    (line,) = [line for line in output.splitlines() if line.strip().startswith(start)]
    return line.split()


def test_all_chapters(folder: Path) -> None:
    output = said()
    assert row(output, "01")[1:8] == ["前向传播", "2/6", "4/18", "4", "1", "12", "分钟"]
    assert row(output, "02")[-4:] == ["–"] * 4
    assert "通过 2/" in output and "分，用时 12 分钟" in output


def test_one_chapter_exercise_by_exercise(folder: Path) -> None:
    for words in (("1",), ("01",), ("01", str(folder)), (str(folder), "01")):
        output = said(*words)
        assert "✓ 01.1" in output and "… 01.2" in output and "◇ 01.3" in output
        assert "看过解答后通过" in output and "· 01.4" in output
        assert "[b]旧[/b]" in output  # as it is written, not as markup
        assert "通过 2/6 道，4/18 分，用时 12 分钟" in output


def test_nothing_yet_is_no_error(empty: Path) -> None:
    assert "还没有学习记录" in said()
    assert not database(empty).exists()
    assert "· 01.1" in said("01")


def test_switched_off_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_PROGRESS", "0")
    output = said()
    assert "AIGC_PROGRESS=0" in output and "2/6" in output


def test_help_explains_the_time(empty: Path) -> None:
    output = said("--help")
    assert "不超过20分钟" in "".join(output.split()) and "aigc progress 03" in output


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["99"], "没有第 99 章 → 现有：00、01"),
        (["1", "2"], "多出来的参数：2"),
        (["a", "b"], "多出来的参数：b"),
        (["nowhere"], "不是学习文件夹"),
        (["--export", "a.xlsx"], "文件名以 .csv 或 .json 结尾"),
        (["--export", "no/a.csv"], "没有文件夹 no"),
        (["--export", "a.csv", "--delete"], "不能一起用"),
    ],
)
def test_expected_failures_are_one_line(folder: Path, words: list[str], cause: str) -> None:
    assert cause in trouble(*words)


def test_export(folder: Path) -> None:
    assert f"已导出 {len(EVENTS)} 条记录" in said("--export", "进度.csv")
    assert (folder / "进度.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    said("--export", "p.json")
    assert len(json.loads((folder / "p.json").read_text(encoding="utf-8"))["events"]) == len(EVENTS)
    assert "已经有了，不覆盖" in trouble("--export", "p.json")


def test_delete_asks_first(folder: Path) -> None:
    asked = said("--delete", answer="n\n")
    assert f"{len(EVENTS)} 条学习记录" in asked and "没有删" in asked
    assert len(store.read(folder)) == len(EVENTS)
    assert "已删掉" in said("--delete", answer="y\n")
    assert store.read(folder) == []


def test_delete_without_asking(folder: Path) -> None:
    said("--delete", "--yes")
    assert store.read(folder) == []
    database(folder).unlink()
    assert "没有学习记录，不用删" in said("--delete")


def test_a_later_format_is_told(folder: Path) -> None:
    with closing(sqlite3.connect(database(folder))) as db:
        db.execute("PRAGMA user_version = 9")
    assert "更新版本的课程写的" in trouble()
    assert "更新版本的课程写的" in trouble("--export", "a.csv")
    assert not (folder / "a.csv").exists()
    said("--delete", "--yes")
    assert not database(folder).exists()


def test_a_damaged_file_is_kept_and_told(folder: Path) -> None:
    database(folder).write_bytes(b"damaged" * 300)
    output = said()
    assert "progress.damaged-" in output and "还没有学习记录" in output
    assert len(list((folder / ".aigc").glob("progress.damaged-*.db"))) == 1


def test_a_locked_file_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect
    with closing(sqlite3.connect(database(folder), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(
            store.sqlite3, "connect", lambda path, **more: real(path, **more | {"timeout": 0.01})
        )
        assert "关掉正占用它的程序" in trouble()
        assert "关掉正占用它的程序" in trouble("--delete", "--yes")
