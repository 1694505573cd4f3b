"""What ``aigc update`` says a new version brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aigc_course.classroom.workspace.delivery import deliver
from aigc_course.classroom.workspace.what_is_new import what_is_new
from tests.classroom.workspace.test_delivery import ONE, course


def book(**cells: str) -> bytes:
    """A notebook; ``ex_03_2`` is the answer cell of exercise 03.2, ``check_03_2`` its check."""
    made = []
    for name, source in cells.items():
        id = name.replace("_", "-")
        graded = id.startswith(("ex-", "check-", "open-"))
        nbgrader = {"grade_id": id, "solution": not id.startswith("check-")}
        made.append(
            {"id": id, "source": source, "metadata": {"nbgrader": nbgrader} if graded else {}}
        )
    return json.dumps({"cells": made}).encode()


OLD = {"intro": "a", "ex_03_2": "stub", "check_03_2": "check", "end": "z"}


@pytest.mark.parametrize(
    ("new", "untouched", "touched"),
    [
        ({}, "", ""),
        ({"ex_03_10": "stub", "ex_03_6": "stub"}, "新练习 03.6、03.10", "新练习 03.6、03.10"),
        ({"open_03_q1": "?"}, "新练习 03.q1", "新练习 03.q1"),
        ({"head": "### 练习 03.2 新说法"}, "改了练习 03.2", "改了练习 03.2"),
        ({"ex_03_2": "better stub"}, "改了练习 03.2", ""),  # one's own answer differs anyway
        ({"check_03_2": "other"}, "改了练习 03.2", "改了练习 03.2"),
        ({"intro": "b", "more": "c"}, "其余改了 1 格、新增 1 格", "其余改了 1 格、新增 1 格"),
        ({"end": None}, "其余去掉 1 格", ""),  # may be one's own cell
        ({"ex_03_2": None, "check_03_2": None}, "去掉练习 03.2", ""),
    ],
)
def test_a_change_in_words(new: dict[str, str], untouched: str, touched: str) -> None:
    cells = {name: text for name, text in {**OLD, **new}.items() if text is not None}
    assert what_is_new(book(**OLD), book(**cells), touched=False) == untouched
    assert what_is_new(book(**OLD), book(**cells), touched=True) == touched


@pytest.mark.parametrize("odd", [b"", b"{", b"[]", b'{"cells": 3}', b'{"cells": [{}]}', b"\xff"])
def test_what_is_no_notebook_says_nothing(odd: bytes) -> None:
    assert what_is_new(odd, book(**OLD), touched=True) == ""
    assert what_is_new(b"[" * 100_000, book(**OLD), touched=True) == ""


def test_a_delivery_tells_the_news(tmp_path: Path) -> None:
    old, new = book(**OLD).decode(), book(**OLD, ex_03_6="stub").decode()
    assert [change.news for change in deliver(tmp_path, course(one=old))] == ["", ""]
    (change,) = deliver(tmp_path, course(one=new))
    assert (change.kind, change.news) == ("updated", "新练习 03.6")
    (tmp_path / ONE).write_text(book(**{**OLD, "ex_03_2": "my answer"}).decode())
    (change,) = deliver(tmp_path, course(one=book(**OLD, ex_03_7="stub").decode()))
    assert (change.kind, change.news) == ("beside", "新练习 03.7")
