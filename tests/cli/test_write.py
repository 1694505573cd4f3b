"""``aigc answers`` and ``aigc notebooks`` as commands."""

import json

import nbformat
import pytest
from typer.testing import CliRunner

from aigc_course.authoring.answers import checked_expressions
from aigc_course.authoring.text import from_text
from aigc_course.cli.main import app
from aigc_course.errors import UserError
from aigc_course.places import source_notebooks

NAME = checked_expressions(source_notebooks() / "00_welcome.ipynb")["00.1"]
FAR = "    far = ((images - images.mean(axis=0)) ** 2).sum(axis=(1, 2))\n"
GOOD = f"def {NAME}(images):\n{FAR}    return far.argmin(), far.argmax()\n"
BAD = f"def {NAME}(images):\n{FAR}    return far.argmax(), far.argmin()\n"


def aigc(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def written(tmp_path, *answers):
    path = tmp_path / "答案 1.py"
    path.write_text(f"ANSWERS = {list(answers)!r}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([("00.1", "right", "a", GOOD), ("00.1", "wrong", "b", BAD)], 0),
        ([("00.1", "right", "a", BAD)], 1),
        ([("00.1", "wrong", "a", GOOD)], 1),
        ([("00.1", "wrong", "a", "oops")], 1),
    ],
)
def test_answers_ends_with_1_if_any_was_misjudged(tmp_path, answers, code):
    done = aigc("answers", written(tmp_path, *answers), "--seeds", 1)
    assert done.exit_code == code, done.output
    assert "误判为错" in done.output and "抓住了" in done.output


def test_answers_writes_json_and_keeps_to_one_exercise(tmp_path):
    path = written(tmp_path, ("00.1", "wrong", "b", BAD), ("00.2", "right", "c", "x = 1"))
    out = tmp_path / "结果.json"
    done = aigc("answers", path, "--only", "00.1", "--brief", "--json", out, "--seeds", 0)
    assert done.exit_code == 0, done.output
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert row["answer"]["id"] == "00.1" and row["seeds"] == [] and row["card"]
    assert row["card"] not in done.output


def test_answers_to_nothing(tmp_path):
    done = aigc("answers", written(tmp_path, ("00.1", "wrong", "b", BAD)), "--only", "00.3")
    assert isinstance(done.exception, UserError) and "文件里有：00.1" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["77", "--check"], "没有第 77 章 → 现有：00、01"),
        (["01", "02", "--text"], "一次只处理一章 → 写明章号"),
    ],
)
def test_what_notebooks_cannot_do_is_told_with_its_cure(words, said):
    done = aigc("notebooks", *words)
    assert isinstance(done.exception, UserError) and said in str(done.exception)


def test_apply_leaves_code_that_only_draws_folded(tmp_path, monkeypatch):
    book = tmp_path / "01_x.ipynb"
    nbformat.write(from_text("%%% md head\n# 一\n"), book)
    monkeypatch.setattr("aigc_course.cli.write._folder", lambda: tmp_path)
    text = tmp_path / "新.txt"
    text.write_text("%%% md head\n# 一\n\n%%% code draw tags=figure\n1\n", encoding="utf-8")
    assert aigc("notebooks", "01", "--apply", text).exit_code == 0
    cells = nbformat.read(book, as_version=4).cells
    assert cells[1].metadata == {"tags": ["figure"], "jupyter": {"source_hidden": True}}
