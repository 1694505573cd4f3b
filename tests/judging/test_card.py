"""The card: what it shows, what it never shows, and that nothing of an answer becomes markup."""

import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from aigc_course.judging import core
from aigc_course.judging.caller import Caller
from aigc_course.judging.card import as_html, one_line
from aigc_course.judging.core import check, exercise, judge
from aigc_course.judging.describe import describe
from aigc_course.judging.judges import array, that, value
from aigc_course.judging.result import Result, Step


@pytest.mark.parametrize("module", ["aigc_course.judging.card", "aigc_course.progress"])
def test_showing_and_noting_a_result_needs_no_judge(module):
    code = f"import sys, {module}; sys.exit('aigc_course.judging.core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class Plain(HTMLParser):
    """Checks that tags are balanced and gathers the text and the tags."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.words = [], set(), []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", "行<b>和", points=3, asks="rows(x, axis) -> <y>", reference=right)
    def judge_rows(answer, rng):
        x = rng.normal(size=(2, 3))
        y = answer(x, axis=1)
        for k in range(5):
            yield that(True, f"第 {k} 件小事")
        yield from array(y, (2,), "y", "沿 axis=1 加")
        yield value(y, x.sum(axis=1), "y", "是加，不是乘 <b>")


def right(x, axis):
    return x.sum(axis=axis)


def product(x, axis):
    return x.prod(axis=axis)


def html(answer):
    return check("98.1", answer)._repr_html_()


def test_a_pass_is_short_and_folds_its_steps():
    page = Plain(html(right))
    assert "✓" in page.text and "通过，3/3 分" in page.text and "7 项检查" in page.text
    assert "details" in page.tags and "table" not in page.tags


def test_a_wrong_answer_shows_input_output_and_what_was_wanted():
    page = Plain(html(product))
    assert "✗" in page.text and "还差一点，得 0/3 分" in page.text
    assert "输入 x" in page.text and "数组 (2, 3) float64" in page.text
    assert "输入 axis" in page.text
    assert "得到" in page.text and "应为" not in page.text  # its form is what it should be
    assert "是加，不是乘 <b>" in page.text and "前 6 项都对" in page.text


@pytest.mark.parametrize(("score", "told"), [(1.25, "1.25"), (0.75, "0.75"), (4 / 3, "1.33")])
def test_points_are_told_to_the_hundredth_as_in_the_gradebook(score, told):
    result = Result("98.1", "和", 3, "total", "failed", score=score)
    assert f"得 {told}/3 分" in as_html(result)


def test_a_wrong_form_shows_what_was_wanted():
    page = Plain(html(lambda x, axis: x))
    assert "得到" in page.text and "应为" in page.text and "形状 (2,)" in page.text


def test_no_expected_value_is_shown():
    seen = []

    def wrong(x, axis):
        seen.append(x.sum(axis=1))
        return x.max(axis=1)

    page = html(wrong)
    for number in seen[0]:
        assert f"{number:.4g}" not in page and f"{number:.3f}" not in page


def test_the_input_is_shown_as_it_came_though_the_answer_changed_it():
    def spoils(x, axis):
        x[:] = 77.0
        return x.prod(axis=1)

    page = html(spoils)
    assert "输入 x" in page and "77 77" not in page.split("得到")[0]


class Nasty:
    __name__ = "<script>"

    def __repr__(self):
        return "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, axis: "<script>alert(1)</script>",
        lambda x, axis: Nasty(),
        lambda x, axis: {"<script>": 1},
        lambda x, axis: 1 / 0 if x is None else {}["<script>"],
        type("<script>", (), {})(),
    ],
)
def test_everything_is_escaped(answer):
    page = html(answer)
    assert "<script" not in page
    assert Plain(page).tags <= {"div", "b", "code", "table", "tr", "td", "details", "summary", "br"}


@pytest.mark.parametrize("answer", [right, product, None, lambda x, axis: object()])
def test_it_is_the_same_every_time(answer):
    assert html(answer) == html(answer)
    assert "0x" not in html(answer)


def test_unanswered_is_kind_and_says_what_to_write():
    page = Plain(html(None))
    assert "还没作答" in page.text and "rows(x, axis) -> <y>" in page.text and "✗" not in page.text


def test_a_try_is_partly_right():
    result = judge("98.1", lambda x, axis: np.full(2, np.nan))
    assert result.score == 0.0 and "得到" in as_html(result)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("timeout", "超时"),
        ("memory", "内存超限"),
        ("crashed", "进程中断"),
        ("refused", "用了不许用的函数"),
    ],
)
def test_being_stopped_has_its_own_title(status, words):
    steps = (Step(True, "第一步"),)
    result = core.get("98.1").result(status, steps, "原因 <i>", 1.5)
    assert str(result).startswith(f"✗ 练习 98.1 行<b>和：{words}")
    page = Plain(result._repr_html_())
    assert words in page.text and "原因 <i>" in page.text and "1.5/3 分" in page.text
    assert one_line(result) == f"✗ 练习 98.1 行<b>和：{words}（原因 <i>）"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([1, np.nan]), "数组 (2,) float64，有 nan：1 nan"),
        (np.arange(20), "数组 (20,) int64，范围 [0, 19]：0 1 2 3 4 5 6 7 …"),
        (np.zeros((0, 3)), "数组 (0, 3) float64，空"),
        (np.float32(1.5), "1.5（float32）"),
        (None, "None"),
        (True, "True"),
        (1 / 3, "0.3333"),
        ([1, 2], "列表，2 项：1；2"),
        ({"W": np.ones(1)}, "字典，1 项：'W': 数组 (1,) float64：1"),
        (Nasty(), "Nasty"),
        (10**400, "int"),
        (np.array(["a"]), "数组 (1,) str32"),
        (int, "类 int"),
        (len, "函数 len"),
    ],
)  # fmt: skip
def test_values_in_small(value, words):
    assert describe(value) == words


def test_a_value_that_fails_to_describe_itself_does_not_spoil_the_card():
    class Odd(dict):
        def items(self):
            raise ValueError

    assert describe(Odd(a=1)) == "Odd"
    assert len(describe(["x" * 1000] * 50)) < 300


def test_a_title_is_escaped_as_well():
    page = html(product)
    assert "行&lt;b&gt;和" in page and "行<b>和" not in page
    assert "行&lt;b&gt;和" in html(None) and "行&lt;b&gt;和" in html(right)


def test_the_names_of_the_inputs_do_not_wrap():
    assert "white-space:nowrap" in html(product).partition("输入 x")[0]


def test_only_lines_of_code_look_like_code():
    steps = (Step(True, "第一步"),)
    stopped = core.get("98.1").result("timeout", steps, "跑了 10 秒还没完", 0.0)
    assert "<code>跑了" not in stopped._repr_html_()
    failed = core.get("98.1").result("error", steps, "第 2 行：x + y", 0.0)
    assert "<code>第 2 行：x + y</code>" in failed._repr_html_()


# --- what check adds --------------------------------------------------------------------------


def test_the_call_that_went_wrong_is_shown_and_not_the_last():
    @exercise("98.2", "两次", points=1, asks="twice(x)", reference=lambda x: x * 2)
    def judge_twice(answer, rng):
        first, second = answer(np.array([1.0, 5.0])), answer(np.array([3.0, 7.0]))
        yield value(first, [2.0, 10.0], "第一次")
        yield value(second, [6.0, 14.0], "第二次")

    def wrong(x):
        return x + 4 if x[0] == 1 else 2 * x

    text = Plain(check("98.2", wrong)._repr_html_()).text
    assert "1 5" in text and "5 9" in text and "3 7" not in text


def test_the_call_is_found_by_a_part_of_its_result():
    from aigc_course.judging.call_recorder import Recorder

    def f(k):
        inner = [k + 0.5]
        loop = [{"W": inner}, k]
        loop.append(loop)
        return loop

    recorder = Recorder(f)
    first, second = recorder.spy(1), recorder.spy(2)
    assert recorder.show(first[0]["W"])[0] == (("k", "1"),)
    assert recorder.show(second[0])[0] == (("k", "2"),)
    assert recorder.show(object()) == ((), "") and recorder.show(None)[0] == (("k", "2"),)


@pytest.mark.parametrize("size", [3, 100_000])
def test_an_input_is_shown_as_it_was_before_the_answer_changed_it(size):
    @exercise("98.2", "平方", points=1, asks="f(x)", reference=lambda x: x * x)
    def judge_f(answer, rng):
        call = Caller(answer, lambda x: x * x)
        call(np.full(size, 3.0))
        yield call.untouched()

    def in_place(x):
        x *= x
        return x

    text = Plain(check("98.2", in_place)._repr_html_()).text
    assert f"输入 x 数组 ({size},) float64，范围 [3, 3]" in " ".join(text.split())


def test_what_came_is_shown_as_it_came():
    @exercise("98.2", "数", points=1, asks="f()", reference=lambda: 2.0)
    def judge_f(answer, rng):
        yield value(answer(), 2.0, "y")

    assert "<code>3</code>" in check("98.2", lambda: 3)._repr_html_()
    assert "3（float64）" in check("98.2", lambda: np.float64(3))._repr_html_()
    assert "3（0 维数组，float64）" in check("98.2", lambda: np.array(3.0))._repr_html_()


def test_a_card_says_what_comes_next():
    from aigc_course.judging import catalogue

    ids = [asked.id for asked in catalogue.exercises("01")]
    ex = core.get("98.1")
    passed = ex.result("passed")
    first = core.Exercise(ids[0], "题", 1, "f", judge_rows)
    last = core.Exercise(ids[-1], "题", 1, "f", judge_rows)
    assert ids[1] in core._onward(first, passed)
    assert "progress.show()" in core._onward(last, passed)
    assert f'hint("{ids[0]}")' in core._onward(first, ex.result("failed"))


def judge_rows(answer, rng):
    yield that(True, "x")


@pytest.mark.parametrize("number", ["98.1", 98.1, " 98.1 "])
def test_a_number_may_be_written_as_one_likes(number):
    assert core.find(number)[0].id == "98.1"


@pytest.mark.parametrize("number", ["98.77", "77.1", "abc", None, 1])
def test_a_number_that_no_exercise_has_is_told_in_chinese(number):
    from aigc_course.judging.help import hint, solution

    for answer in (check(number, right), hint(number), solution(number)):
        assert "没有练习" in str(answer) and "没有练习" in answer._repr_html_()
    assert core.use(number, 1, otherwise=2) == 2


def test_a_printing_answer_does_not_flood_the_notebook(capsys):
    def prints(x, axis):
        for k in range(100_000):
            print("第", k, "行")
        return x.sum(axis=axis)

    assert check("98.1", prints).passed
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) < 30 and "没有显示" in printed
    print("后面的照常")
    assert capsys.readouterr().out == "后面的照常\n"


def test_an_answer_that_did_not_end_is_not_waited_for_again(monkeypatch):
    calls = []

    def endless(x, axis):
        calls.append(1)
        while True:
            pass

    limited = core.get("98.1")
    monkeypatch.setitem(core._registry, "98.1", core.replace(limited, limit=0.2))
    assert check("98.1", endless).status == "timeout"
    assert core.use("98.1", endless, otherwise=right) is right
    assert len(calls) == 1


CELLS = ["def f(x):\n  return x", "print()", "def f(x):\n  return (x", "class f:\n  1 / 0"]
STALE = f"""
from IPython.core.interactiveshell import InteractiveShell
from aigc_course.judging.stale import stale

shell = InteractiveShell.instance()
for cell in {[*CELLS, CELLS[0] + "  # again"]}:
    shell.run_cell(cell, store_history=True)
    print(">", stale(shell.user_ns["f"]))
"""


def test_a_function_from_before_a_cell_that_failed_is_named():
    run = [sys.executable, "-c", STALE]
    done = subprocess.run(run, capture_output=True, encoding="utf-8", check=True)
    said = [line[2:] for line in done.stdout.splitlines() if line.startswith("> ")]
    assert said[0] == said[1] == said[4] == ""
    assert "上一次的 f" in said[2] and "第 3 次运行" in said[2]
    assert "第 4 次运行" in said[3]
