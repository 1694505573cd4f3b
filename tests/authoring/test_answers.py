"""Unseen answers: the report says which ones the judge was wrong about, and why."""

import json
import os

import pytest

from aigc_course.authoring import answers as module
from aigc_course.authoring.answers import (
    Answer,
    as_json,
    as_text,
    checked_expressions,
    load,
    try_,
)
from aigc_course.errors import UserError
from aigc_course.places import source_notebooks

NOTEBOOKS = source_notebooks()
FAR = "far = ((images - images.mean(axis=0)) ** 2).sum(axis=(1, 2)); "
RIGHT = FAR + "return int(far.argmin()), int(far.argmax())"
TURNED = FAR + "return int(far.argmax()), int(far.argmin())"
NUMBERS = FAR + "return far.min(), far.max()"


@pytest.fixture(scope="module")
def name():
    """What lesson 00 hands to check("00.1", …)."""
    return checked_expressions(NOTEBOOKS / "00_welcome.ipynb")["00.1"]


def answer(name, body, right=False, label="an answer", prelude=""):
    source = f"def {name}(images):\n    {body}\n"
    return Answer("00.1", right, label, source, prelude)


def tried(*answers, seeds=2):
    return try_(answers, NOTEBOOKS, seeds)


# --- what is judged ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")), ids=lambda p: p.stem)
def test_the_expression_of_every_exercise_is_found(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    graded = [c["id"] for c in cells if c["cell_type"] == "code"
              and c["metadata"].get("nbgrader", {}).get("grade")]  # fmt: skip
    found = checked_expressions(path)
    assert {f"check-{id.replace('.', '-')}" for id in found} >= set(graded) and graded


def test_the_graded_cell_counts_for_more(tmp_path):
    def cell(source, grade=False):
        meta = {"nbgrader": {"grade": grade}}
        return {"cell_type": "code", "source": source, "metadata": meta}

    cells = [
        cell('check("09.1", early)\ncheck("09.1", again)'),
        cell('%matplotlib inline\ncheck(\n    "09.1",\n    lambda x: f(x, 2),\n)', grade=True),
        cell('result = check("09.2", g)'),
        cell("check(id, h)\nuncheck('09.3', i)"),
        {"cell_type": "markdown", "source": 'check("09.4", j)', "metadata": {}},
    ]
    path = tmp_path / "09_x.ipynb"
    path.write_text(json.dumps({"cells": cells}), "utf-8")
    assert checked_expressions(path) == {"09.1": "lambda x: f(x, 2)", "09.2": "g"}


# --- verdicts ----------------------------------------------------------------------------------


def test_right_answers_that_pass_and_wrong_ones_that_fail(name):
    good = answer(name, RIGHT, right=True)
    bad = answer(name, TURNED)
    one, two = tried(good, bad)
    assert (one.verdict, two.verdict) == ("as it should be",) * 2
    assert one.check.passed and all(seed.passed for seed in one.seeds) and len(one.seeds) == 2
    assert two.check.status == "failed" and not any(seed.passed for seed in two.seeds)
    assert "练习 00.1" in two.card and two.check.says
    assert two.card.count("\n") > 2 and "<" not in two.card and "&" not in two.card


def test_a_right_answer_that_fails_is_a_false_fail(name):
    (trial,) = tried(answer(name, TURNED, right=True))
    assert trial.verdict == "false fail"


def test_a_wrong_answer_that_passes_is_a_false_pass(name):
    (trial,) = tried(answer(name, RIGHT))
    assert trial.verdict == "false pass"


def test_a_librarys_function_is_caught_though_only_check_refuses_it(name):
    prelude = "from aigc_course.exercises.ex00 import typical as given"
    (trial,) = tried(answer(name, "return given(images)", prelude=prelude))
    assert trial.check.status == "refused" and trial.verdict == "as it should be"


def test_passing_for_one_seed_is_passing(name, monkeypatch):
    judge = module.judge
    monkeypatch.setattr(
        module,
        "judge",
        lambda id, given, seed: judge(id, lambda x: None if seed < 3 else given(x), seed),
    )
    monkeypatch.setattr(module, "check", lambda id, given: judge(id, lambda x: None))
    (trial,) = tried(answer(name, RIGHT), seeds=3)
    assert [seed.passed for seed in trial.seeds] == [False, False, True]
    assert trial.verdict == "false pass"
    (trial,) = tried(answer(name, RIGHT, right=True), seeds=3)
    assert trial.verdict == "false fail"


def test_each_judgement_gets_a_fresh_answer(name):
    source = f"seen = []\ndef {name}(images):\n    seen.append(1)\n    {RIGHT}\n"
    source += "assert not seen\n"
    (trial,) = tried(Answer("00.1", True, "counts its cells", source, "import math; math.tau"))
    assert trial.verdict == "as it should be"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def other(images):\n    return 0", "NameError"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_cell_that_does_not_run_has_not_been_caught(source, says):
    wrong, right = tried(Answer("00.1", False, "x", source), Answer("00.1", True, "y", source))
    assert wrong.verdict == "broken" and says in wrong.card
    assert right.verdict == "false fail"


def test_an_endless_answer_ends(name, monkeypatch):
    from dataclasses import replace

    exercise = module.get("00.1")
    monkeypatch.setattr(module, "get", lambda id: replace(exercise, limit=0.2))
    monkeypatch.setattr(module, "check", lambda id, given: module.judge(id, given))
    body = "while True:\n        pass"
    (trial,) = tried(answer(name, body), seeds=5)
    assert trial.verdict == "as it should be" and trial.check.status == "timeout"
    assert len(trial.seeds) == 1, "the other seeds would take as long"


def test_a_judge_that_raises_is_its_own_fault(name, monkeypatch):
    def raises(id, given, seed):
        raise RuntimeError("the reference does not pass")

    monkeypatch.setattr(module, "judge", raises)
    wrong, right = tried(
        answer(name, TURNED),
        answer(name, RIGHT, right=True),
    )
    assert wrong.verdict == right.verdict == "broken"
    assert "判题出错：RuntimeError: the reference" in wrong.seeds[0].says


def test_the_learners_own_line_is_quoted(name):
    (trial,) = tried(answer(name, "return images.mean(axis=7)"))
    assert trial.check.status == "error" and "images.mean(axis=7)" in trial.card


def test_nothing_is_printed_or_noted_in_anyones_progress(name, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_PROGRESS", "1")
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    (tmp_path / ".aigc").mkdir()
    (tmp_path / ".aigc" / "state.json").write_text("{}", "utf-8")
    monkeypatch.chdir(tmp_path)
    (trial,) = tried(answer(name, f"print('noise'); {TURNED}"))
    assert trial.verdict == "as it should be" and capsys.readouterr().out == ""
    assert [path.name for path in (tmp_path / ".aigc").iterdir()] == ["state.json"]
    assert os.environ["AIGC_PROGRESS"] == "1" and os.environ["NBGRADER_EXECUTION"] == "autograde"


def test_an_exercise_that_no_notebook_checks():
    with pytest.raises(UserError, match=r"没有练习 00\.9 → 这几章有：00\.1"):
        tried(Answer("00.9", True, "x", "x = 1"))


# --- files -------------------------------------------------------------------------------------


def written(tmp_path, text):
    path = tmp_path / "答 案.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_as_its_head_says(tmp_path):
    text = 'PRELUDE = "import math"\nANSWERS = [("00.1", "right", "题", "x = 1"),'
    text += ' ("00.1", "wrong", "b", "y")]\n'
    assert load(written(tmp_path, text)) == [
        Answer("00.1", True, "题", "x = 1", "import math"),
        Answer("00.1", False, "b", "y", "import math"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ANSWERS = [", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "没有 ANSWERS"),
        ("ANSWERS = ()", "没有 ANSWERS"),
        ("ANSWERS = []; PRELUDE = 3", "PRELUDE 不是文字"),
        ('ANSWERS = [("00.1", "right", "a", "b"), ("00.1", "good", "a", "b")]', "第 2 个"),
        ('ANSWERS = [("00.1", "right", "a")]', "第 1 个"),
        ('ANSWERS = [("00.1", "right", "a", len)]', "第 1 个"),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path, text, said):
    with pytest.raises(UserError, match=f"答 案.py.*{said}.* → ANSWERS = "):
        load(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="没有文件 .*nowhere.py"):
        load(tmp_path / "nowhere.py")


# --- reports -----------------------------------------------------------------------------------


def test_the_report(name):
    trials = tried(
        answer(name, RIGHT, right=True, label="fine"),
        answer(name, TURNED, right=True, label="turned away"),
        answer(name, RIGHT, label="slips through"),
        answer(name, NUMBERS, label="caught one"),
    )
    text = as_text(trials)
    for words in ("坏了：0 / 4", "误判为错：1 / 2", "误判为对：1 / 2", "抓住了：1 / 2"):
        assert f"== {words}" in text
    assert "turned away" in text and "slips through" in text and "fine" not in text.split("最慢")[0]
    assert "00.1 只有 2 个对的、2 个错的" in text
    caught = text.partition("抓住了")[2]
    assert "caught one：check failed" in caught and "种子通过 0/2" in caught
    assert "    def " in caught and "  | ✗ 练习 00.1" in caught
    brief = as_text(trials, brief=True)
    assert "抓住了：1 / 2" in brief and "caught one：check" not in brief
    rows = json.loads(as_json(trials))
    assert [row["verdict"] for row in rows] == [
        "as it should be", "false fail", "false pass", "as it should be"
    ]  # fmt: skip
    assert rows[3]["answer"]["label"] == "caught one" and len(rows[3]["seeds"]) == 2
    assert rows[3]["card"] == trials[3].card and rows[0]["points"] == module.get("00.1").points


def test_no_answers():
    assert "没有答案" in as_text([])
