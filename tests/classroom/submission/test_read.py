"""Answers are found in whatever a learner hands in, and nothing of it is run on the way."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_course.authoring.student import student_version
from aigc_course.classroom.assignment.from_notebook import asked_notebook
from aigc_course.classroom.assignment.record import (
    AskedExercise,
    AskedNotebook,
    AskedOpen,
    fingerprint,
)
from aigc_course.classroom.submission.notebook_file import Damaged, WrongFile
from aigc_course.classroom.submission.read import SubmittedAnswer, read_submission
from aigc_course.classroom.workspace.lessons import notebooks_source
from aigc_course.exercises import judge
from aigc_course.judging import catalogue

STUB = '    # 在这里写你的代码\n    raise NotImplementedError("还没作答")'
LESSON = "import math\n\ndef f(x):\n    return 'lesson'"


def asked(name: str, number: int, solution: str) -> AskedExercise:
    return AskedExercise(
        f"03.{number}",
        "",
        2,
        f"ex-03-{number}",
        f"check-03-{number}",
        name,
        f'def {name}(x):\n    """文档"""\n{STUB}',
        solution,
    )


ASKED = AskedNotebook(
    "03_test",
    "03",
    (asked("f", 1, "def f(x):\n    return x + 1"), asked("g", 2, "def g(x):\n    return f(x) * 2")),
    (AskedOpen("03.q1", 5, "open-03-q1", "为什么", "因为", "（在这里写你的回答）"),),
    (fingerprint(LESSON),),
)
F, G = "def f(x):\n    return x + 10", "def g(x):\n    return f(x) * 2"


def cell(source: Any, id: str = "", kind: str = "code", **more: Any) -> dict[str, Any]:
    return {
        "cell_type": kind,
        "metadata": {},
        "source": source,
        **({"id": id} if id else {}),
        **more,
    }


def pack(*cells: Any, **more: Any) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": cells, **more}).encode()


def read(*cells: Any) -> dict[str, SubmittedAnswer]:
    return read_submission(pack(*cells), ASKED).answers


def run(answer: SubmittedAnswer) -> Any:
    space: dict[str, Any] = {"__name__": "__main__"}
    for chunk in answer.program:
        exec(compile("\n" * (chunk.first_line - 1) + chunk.source, chunk.filename, "exec"), space)
    return space[answer.name]


FULL = [
    cell("setup = 1", "setup"),
    cell(F, "ex-03-1"),
    cell('check("03.1", f)', "check-03-1"),
    cell(G, "ex-03-2"),
    cell('check("03.2", g)', "check-03-2"),
    cell("我的回答", "open-03-q1", "markdown"),
]


# --- the course's own notebooks ---------------------------------------------------------------


@functools.cache
def course(chapter: str) -> tuple[Any, Any, AskedNotebook]:
    path = next(notebooks_source().glob(f"{chapter}_*.ipynb"))
    source = nbformat.read(path, as_version=4)
    for each in source.cells:
        if each.cell_type == "code":
            each.outputs = []
    student = student_version(source)
    return source, student, asked_notebook(path.stem, source, student)


@pytest.mark.parametrize("chapter", catalogue.chapters())
def test_solutions_of_the_course(chapter):
    source, student, wanted = course(chapter)
    done = read_submission(nbformat.writes(source).encode(), wanted)
    assert len(done.answers) >= 3 and not done.notes
    for id, answer in done.answers.items():
        assert answer.found and not answer.stub and not answer.notes
        assert judge(id, run(answer)).passed, id
        text = "\n".join(chunk.source for chunk in answer.program)
        for unwanted in ("fashion_mnist", "check(", "use(", "plt", "print(", "runtime."):
            assert not re.search(rf"\b{re.escape(unwanted)}", text), (id, unwanted)
    assert [q.answered for q in done.open] == [True]
    blank = read_submission(nbformat.writes(student).encode(), wanted)
    assert all(a.stub and a.found and not a.error for a in blank.answers.values())
    assert [q.answered for q in blank.open] == [False] and not blank.notes


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_order_of_cells_with_or_without_ids(data):
    source, _, wanted = course("03")  # 04 extends its classes from cell to cell: order counts
    cells = [c for c in source.cells if c.cell_type == "code"]
    shuffled = data.draw(st.permutations(cells))
    bare = [cell(c.source, "" if data.draw(st.booleans()) else c.id) for c in shuffled]
    read = read_submission(pack(*bare), wanted)
    for id, answer in read.answers.items():
        assert answer.found and not answer.stub, id
        assert judge(id, run(answer)).passed, id


# --- finding answers --------------------------------------------------------------------------


def test_plain():
    got = read(*FULL)
    assert run(got["03.1"])(1) == 11 and run(got["03.2"])(1) == 22
    assert got["03.2"].needs == ("03.1",)
    assert got["03.2"].program[0].filename == "<练习 03.1>"
    assert got["03.1"].source == F


def test_moved_to_another_cell():
    got = read(cell(ASKED.exercises[0].starter, "ex-03-1"), cell("a = 1\n" + F, "mine"))
    assert run(got["03.1"])(1) == 11 and "按名字" in got["03.1"].notes[0]
    assert not got["03.2"].found


def test_own_cell_wins_over_a_later_one():
    assert run(read(*FULL, cell("def f(x):\n    return 99"))["03.1"])(1) == 11


def test_last_of_several_wins_when_the_own_cell_is_gone():
    later = cell("def f(x):\n    return 99")
    assert run(read(cell(F), later)["03.1"])(1) == 99


def test_what_the_lesson_defines_is_no_answer():
    got = read(cell(ASKED.exercises[0].starter, "ex-03-1"), cell(LESSON, "lesson"))["03.1"]
    assert got.stub


@pytest.mark.parametrize(
    "source",
    [
        "f = lambda x: x + 10",
        "f, h = (lambda x: x + 10), 2",
        "(f := lambda x: x + 10)",
        "if True:\n    def f(x):\n        return x + 10",
        "try:\n    def f(x):\n        return x + 10\nexcept Exception:\n    pass",
        "for k in range(3):\n    def f(x):\n        return x + 10",
        "def h(x):\n    return x + 10\nf = h",
        "    def f(x):\n        return x + 10",
        "%time\ndef f(x):\n    return x + 10\n!ls\nf?",
        "%%time\ndef f(x):\n    return x + 10",
        "%%capture out\ndef f(x):\n    return x + 10",
        "def f(x):\r\n\treturn x + 10\r\n",
        "def f(x):\0\n    return x + 10  # \ud800",
        ["def f(x):\n", "    return x + 10"],
        "class f(int):\n    def __new__(cls, x):\n        return x + 10",
        "from functools import partial\nf = partial(int.__add__, 10)",
        "async def g(x): pass\nstep = 10\ndef f(x):\n    return x + step",
    ],
)
@pytest.mark.parametrize("id", ["ex-03-1", ""])
def test_ways_to_define(source, id):
    got = read(cell(source, id), cell("check('03.1', f)"))["03.1"]
    assert got.found and not got.stub and not got.error and run(got)(1) == 11


def test_other_cell_magics_are_not_python():
    assert read(cell("%%bash\n" + F, "ex-03-1"), cell("x = 1", "check-03-1"))["03.1"].program == ()


def test_retyped_and_duplicated_cells():
    got = read(cell(F, "ex-03-1", "markdown"), cell(ASKED.exercises[1].starter, "ex-03-2"))
    assert run(got["03.1"])(1) == 11 and "markdown" in got["03.1"].notes[0]
    twice = read(cell(ASKED.exercises[0].starter, "ex-03-1"), cell(F, "ex-03-1"))["03.1"]
    assert run(twice)(1) == 11


@pytest.mark.parametrize(
    "source",
    [
        ASKED.exercises[0].starter,
        'def f(x):\n    """改过的文档"""\n    # 注释\n    raise NotImplementedError("还没作答")',
        "def f(x):\n  raise   NotImplementedError",
    ],
)
def test_stub(source):
    assert read(cell(source, "ex-03-1"))["03.1"].stub


def test_stub_with_a_method_added_is_an_answer():
    assert not read(cell(ASKED.exercises[0].starter + "\nf.x = 3", "ex-03-1"))["03.1"].stub


def test_stub_of_an_earlier_release():
    old = AskedNotebook("03_test", "03", (asked("f", 1, ""),), ())
    new = AskedExercise("03.1", "", 2, "ex-03-1", "check-03-1", "f", "def f(x, y):\n    return ...")
    data = pack(cell("class f:\n    y = 1", "ex-03-1"))
    new_book = AskedNotebook("03_test", "03", (new,), ())
    was = AskedExercise("03.1", "", 2, "ex-03-1", "check-03-1", "f", "class f:\n    y = 1")
    assert not read_submission(data, new_book, older=[old]).answers["03.1"].stub
    older = AskedNotebook("03_test", "03", (was,), ())
    assert read_submission(data, new_book, older=[older]).answers["03.1"].stub


def test_syntax_error_stays_with_its_exercise():
    got = read(
        cell("def f(x):\n    return (", "ex-03-1"), cell("def g(x):\n    return 2", "ex-03-2")
    )
    assert got["03.1"].error.startswith("第 2 行")
    with pytest.raises(SyntaxError):
        run(got["03.1"])
    assert run(got["03.2"])(1) == 2


def test_builds_on_an_unanswered_exercise():
    got = read(cell(ASKED.exercises[0].starter, "ex-03-1"), cell(G, "ex-03-2"))
    assert run(got["03.2"])(1) == 4 and got["03.2"].program[0].filename == "<参考 03.1>"


def test_builds_on_a_wrong_exercise():
    submitted = read_submission(pack(*FULL), ASKED)
    assert run(submitted.answer("03.2", without=["03.1"]))(1) == 4
    assert run(submitted.answer("03.2"))(1) == 22
    assert run(submitted.answer("03.1", without=["03.1"]))(1) == 11


def test_left_over_stub_is_noted():
    got = read(cell(F + "\n    raise NotImplementedError", "ex-03-1"))["03.1"]
    assert not got.stub and any("NotImplementedError" in note for note in got.notes)


def test_edited_and_missing_checks_are_noted():
    edited = [*FULL[:2], cell("check('03.1', lambda x: 1)", "check-03-1"), *FULL[3:4]]
    notes = read_submission(pack(*edited), ASKED).notes
    assert notes == ("03.1 的检查格被改过", "03.2 的检查格不在")


def test_open_questions():
    assert read_submission(pack(*FULL), ASKED).open[0].answered
    blank = cell(" （在这里写你的回答）\n", "open-03-q1", "markdown")
    assert not read_submission(pack(*FULL[:5], blank), ASKED).open[0].answered
    marked = cell("答", "x", "markdown")
    marked["metadata"] = {"nbgrader": {"grade_id": "open-03-q1"}}
    assert read_submission(pack(*FULL[:5], marked), ASKED).open[0].source == "答"


def test_format_3():
    old = {
        "nbformat": 3,
        "worksheets": [{"cells": [{"cell_type": "code", "input": F.splitlines(True)}]}],
    }
    got = read_submission(json.dumps(old).encode(), ASKED)
    assert run(got.answers["03.1"])(1) == 11 and "nbformat 3" in got.notes[-1]


def test_nothing_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read(cell("open('x', 'w')\nraise SystemExit\ndef f(x, y=open('z', 'w')):\n    pass", "ex-03-1"))
    assert not list(tmp_path.iterdir())


# --- what cannot be read ----------------------------------------------------------------------

NOTEBOOK = pack(*FULL)
BROKEN = {
    "empty": (b"", "空"),
    "blank": (b"\xef\xbb\xbf  \n", "空"),
    "nulls": (b"\0" * 100, "空"),
    "cut off": (NOTEBOOK[:-9], "JSON"),
    "gbk": ("答案".encode("gbk"), "UTF-8"),
    "deep": (b"[" * 100_000, "嵌套"),
    "deeper": (b'{"cells":' * 50_000, "嵌套"),
    "number": (b'{"cells": [], "x": ' + b"9" * 9999 + b"}", "数"),
    "brackets": (b'{"cells": [' + b"[]," * 1_000_000 + b"0]}", "结构"),
    "cells": (b'{"cells": {}}', "cells"),
    "cell": (b'{"cells": [3]}', "单元格"),
    "source": (b'{"cells": [{"source": 5}]}', "文本"),
    "mixed": (b'{"cells": [{"source": ["a", 5]}]}', "文本"),
    "many": (pack(*[{}] * 5001), "上限"),
    "large": (b" " * (20 * 2**20 + 1), "上限"),
    "code": (pack(*[cell("a = 1\n" * 10_000)] * 9), "上限"),
    "statements": (pack(cell("a\n" * 4000, "ex-03-1")), "语句"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damaged(name):
    data, reason = BROKEN[name]
    with pytest.raises(Damaged, match=reason):
        read_submission(data, ASKED)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1, 2]", "不是笔记本"),
        (b'{"a": 1}', "不是笔记本"),
        (b"PK\x03\x04xyz", "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><p>", "HTML"),
        (pack(), "没有"),
        (pack(cell("x = 1", "ex-05-1")), "第 05 章"),
        (pack(*FULL, metadata={"kernelspec": {"language": "R"}}), "R"),
        (pack(*FULL, metadata={"language_info": {"name": "julia"}}), "julia"),
    ],
)
def test_wrong_file(data, reason):
    with pytest.raises(WrongFile, match=reason):
        read_submission(data, ASKED)


@pytest.mark.parametrize(
    "odd",
    [
        pack(*FULL, metadata={"kernelspec": {"language": None, "name": 3}}),
        pack(*FULL, metadata=[1]),
        b"\xef\xbb\xbf" + NOTEBOOK,
        NOTEBOOK.replace(b'"nbformat": 4', b'"nbformat": NaN'),
        NOTEBOOK.replace(b'"nbformat": 4', b'"nbformat": 1e999, "nbformat": 4'),
        pack(*[{**c, "metadata": {"nbgrader": 5}, "outputs": None} for c in FULL]),
    ],
)
def test_oddities_that_do_not_matter(odd):
    assert run(read_submission(odd, ASKED).answers["03.2"])(1) == 22


BOMBS = {
    "minus": "-" * 60_000 + "1",
    "plus": "+".join("1" * 30_000),
    "brackets": "(" * 30_000 + ")" * 30_000,
    "attributes": "a" + ".b" * 30_000,
    "elif": "if a:\n  pass\n" + "elif a:0\n" * 6900,  # Python 3.13 reads 5500
    "lambda": "lambda:" * 9000 + "1",
    "long": "a = 1\n" * 20_000,
    "blanks": " " * 60_000 + "x y\n!ls",
}


@pytest.mark.parametrize("name", BOMBS)
def test_code_made_to_break_the_parser(name):
    got = read(cell(BOMBS[name] + "\n" + F, "ex-03-1"), cell("def g(x):\n    return 2", "ex-03-2"))
    assert got["03.1"].error and run(got["03.2"])(1) == 2


def test_an_answer_started_over_in_a_new_cell_above_the_check_is_the_one_that_was_checked():
    cells = [*FULL[:2], cell("def f(x):\n    return x + 20"), *FULL[2:]]
    answer = read(*cells)["03.1"]
    assert run(answer)(1) == 21
    assert any("又写了一次" in note for note in answer.notes)
    # below the check it is an afterthought that the check never saw
    later = [*FULL[:3], cell("def f(x):\n    return x + 20"), *FULL[3:]]
    assert run(read(*later)["03.1"])(1) == 11
    # a new cell may build on the old one
    wrapped = [*FULL[:2], cell("old = f\ndef f(x):\n    return old(x) + 1"), *FULL[2:]]
    assert run(read(*wrapped)["03.1"])(1) == 12
