"""The class page: its numbers against NumPy's, and every odd class there can be."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.marks import NotebookMark, StepMark
from aigc_course.classroom.report import classpage, items
from aigc_course.classroom.report.standing import standings
from aigc_course.classroom.submission.roll import Person
from tests.classroom.report.test_feedback import EVIL, TAGS, Seen, hostile
from tests.classroom.report.test_tables import EX, PS1, TWO, handed
from tests.support import report_class as rc


def scored(student: str, first: float | None, second: float | None):
    marks = (
        rc.exercise(EX, "ungraded" if first is None else "failed", score=first),
        rc.exercise(TWO, "ungraded" if second is None else "failed", score=second),
    )
    return rc.submission(PS1, student, [NotebookMark("03_backprop", "graded", "", marks)])


def test_item_numbers_agree_with_numpy():
    rng = np.random.default_rng(0)
    skill = rng.random(40)
    first = np.round(2 * np.clip(skill + rng.normal(0, 0.2, 40), 0, 1), 2)
    second = np.round(3 * np.clip(skill + rng.normal(0, 0.3, 40), 0, 1), 2)
    marks = [scored(f"s{k:02}", *pair) for k, pair in enumerate(zip(first, second, strict=True))]
    one, two = items.analyse(PS1, standings(PS1, marks))
    order = np.argsort(first + second, kind="stable")
    for item, x, rest, points in ((one, first, second, 2), (two, second, first, 3)):
        assert item.ease == pytest.approx(np.mean(x) / points)
        assert item.correlation == pytest.approx(np.corrcoef(x, rest)[0, 1])
        gap = np.mean(x[order[-11:]]) - np.mean(x[order[:11]])  # 27 % of 40
        assert item.discrimination == pytest.approx(gap / points)


def test_what_was_not_graded_is_left_out_of_the_means():
    lines = standings(PS1, [scored("a", 2, None), scored("b", 0, 3)])
    one, two = items.analyse(PS1, lines)
    assert (one.ease, one.seen) == (0.5, 2)
    assert (two.ease, two.seen, two.ungraded) == (1.0, 1, ("a",))


def test_too_few_students_are_not_told_apart():
    lines = standings(PS1, [scored(f"s{k}", k % 3, 1) for k in range(19)])
    assert not items.enough(lines)
    assert "人太少" in classpage.class_page(PS1, lines)
    lines = standings(PS1, [scored(f"s{k}", k % 3, 1) for k in range(20)])
    assert items.enough(lines)
    row = re.search(r"03\.1.*?</tr>", classpage.class_page(PS1, lines), re.DOTALL)
    assert row and "人太少" not in row[0] and "—" in row[0]  # the other exercise never varies


def test_wrong_answers_are_grouped_by_step_and_hint():
    def wrong(student, source, hint):
        steps = (StepMark(True, "形状"), StepMark(False, "值", hint))
        ex = rc.exercise(EX, "failed", source, steps=steps)
        return rc.submission(PS1, student, [NotebookMark("03_backprop", "graded", "", (ex,))])

    marks = [
        wrong("a", "def f(x):\n    return x.mean()", "要相加"),
        wrong("b", "def f(data):\n    return data.mean()  # 平均", "要相加"),
        wrong("c", "def f(x):\n    return np.mean(x)", "要相加"),
        wrong("d", "def f(x):\n    return -x", "符号反了"),
    ]
    ways = items.wrong_answers(PS1, standings(PS1, marks))["03.1"]
    assert [(way.hint, way.students) for way in ways] == [
        ("要相加", ("a", "b", "c")), ("符号反了", ("d",)),
    ]  # fmt: skip
    assert ways[0].example == "def v0(v1):\n    return v0.mean()"


def odd_classes() -> dict[str, tuple[Assignment, list, list]]:
    roll = [Person(f"s{k}", "李雷") for k in range(3)]
    return {
        "nobody": (PS1, [], []),
        "no exercises": (Assignment("ps0", ()), roll, []),
        "one": (PS1, [], [handed("s0")]),
        "all missing": (PS1, roll, []),
        "all perfect": (PS1, [], [handed(f"s{k}") for k in range(30)]),
        "all zero": (PS1, [], [scored(f"s{k}", 0.0, 0.0) for k in range(30)]),
        "all damaged": (PS1, [], [rc.submission(PS1, s, [], "damaged file") for s in "abc"]),
        "all ungraded": (PS1, [], [scored(f"s{k}", None, None) for k in range(3)]),
        "worthless": (
            Assignment("ps1", tuple(
                replace(b, exercises=tuple(replace(e, points=0.0) for e in b.exercises))
                for b in PS1.notebooks
            )), [], [handed("s0")],
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", odd_classes())
def test_odd_classes(kind):
    assignment, roll, marks = odd_classes()[kind]
    html = classpage.class_page(assignment, standings(assignment, marks, roll))
    assert "nan" not in Seen(html).text.casefold() and "None" not in Seen(html).text
    assert "相似不等于抄袭" in html


def test_every_string_of_a_student_is_escaped_here_too():
    mark = hostile(EVIL)
    lines = standings(PS1, [mark, replace(mark, student=EVIL)], [Person("s1", EVIL)])
    seen = Seen(classpage.class_page(PS1, lines))
    assert seen.tags <= TAGS | {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "i",
    }
    assert not any(name.startswith("on") for name in seen.attributes)
    assert "\u202e" not in seen.text


def test_statuses_and_gaps_are_all_on_the_page(tmp_path):
    assignment = rc.course(tmp_path)
    roll, marks = rc.class_of_30(assignment)
    path = classpage.write_page(tmp_path, assignment, standings(assignment, marks, roll))
    text = re.sub(r"\s+", " ", Seen(path.read_text(encoding="utf-8")).text)
    for word in (
        "已批改",
        "迟交",
        "没答完",
        "超时",
        "内存超限",
        "进程中断",
        "用了禁用函数",
        "文件损坏",
        "交错文件",
        "没交",
    ):
        assert word in text
    assert (
        "不是 JSON" in text and "褚一鸣" not in text.split("没能评出来的")[1].split("写法相近")[0]
    )
    assert 'role="img" aria-label="练习得分的分布' in path.read_text(encoding="utf-8")
