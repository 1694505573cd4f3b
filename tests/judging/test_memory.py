"""What an answer carries from call to call is found by taking it away, and named."""

import numpy as np
import pytest

from aigc_course.judging import core
from aigc_course.judging.caller import Caller
from aigc_course.judging.core import check, exercise
from aigc_course.judging.judges import value
from aigc_course.judging.memory import Memory


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", "平均", points=1, asks="mean(x) -> m", reference=mean)
    def judge_mean(answer, rng):
        call = Caller(answer, mean)
        for n in (3, 5, 4):
            got, want = call(rng.normal(size=n) + 2)
            yield value(got, want, f"{n} 个数的平均", "先求和，再除以个数")
        yield call.untouched()


def mean(x):
    return float(np.mean(x))


TOTAL: list[float] = []
CALLS = 0


def in_a_default(x, seen=[]):  # noqa: B006
    seen.extend(x)
    return float(np.mean(seen))


def in_a_global(x):
    TOTAL.extend(x)
    return float(np.mean(TOTAL))


def in_a_number(x):
    global CALLS
    CALLS += 1
    return float(np.mean(x)) * CALLS


def on_itself(x):
    on_itself.first = getattr(on_itself, "first", len(x))
    return float(np.sum(x)) / on_itself.first


def keeps_the_first(x, memory={}):  # noqa: B006
    memory.setdefault("m", np.ones(len(x)) / len(x))
    return float(memory["m"] @ x)  # another length: a raw error


def closed_over():
    n = 0

    def inner(x):
        nonlocal n
        n += len(x)
        return float(np.sum(x)) / n

    return inner


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (in_a_default, "默认参数 seen"),
        (in_a_global, "全局变量 TOTAL"),
        (in_a_number, "全局变量 CALLS"),
        (on_itself, "记在函数自己身上的 first"),
        (keeps_the_first, "默认参数 memory"),
        (closed_over(), "外层函数的变量 n"),
    ],
)
def test_what_stays_is_named(answer, told):
    page = check("98.1", answer)._repr_html_()
    assert told in page and "单独这样调用，结果不同" in page


def counts_only(x, calls=[]):  # noqa: B006
    calls.append(len(x))
    return float(np.sum(x))  # wrong, and not because of what it keeps


def keeps_uneven_rows(x, rows=[]):  # noqa: B006
    rows.append(list(x))
    return float(np.sum(x))


def changes_nothing(x):
    return float(np.sum(x))


@pytest.mark.parametrize("answer", [counts_only, keeps_uneven_rows, changes_nothing])
def test_what_makes_no_difference_is_not_blamed(answer):
    page = check("98.1", answer)._repr_html_()
    assert "留着上一次" not in page and "先求和，再除以个数" in page


def test_afterwards_everything_is_as_the_answer_left_it():
    seen: list[int] = [7]

    def f(x):
        seen.append(x)
        return sum(seen)

    memory = Memory(f)
    assert f(1) == 8 and memory.blame((1,), {}, 9) and seen == [7, 1]


def test_each_infinity_is_its_own_call():
    @exercise("98.2", "倒数", points=1, asks="inverse(x) -> y")
    def judge_inverse(answer, rng):
        first = answer(3.0)
        answer(0.0)
        yield value(first, 1 / 3, "3 的倒数", "1/x")

    page = check("98.2", lambda x: np.inf)._repr_html_()
    assert "<code>3</code>" in page and "是 inf" in page


def test_the_call_that_changed_its_input_is_shown():
    def halves_long_ones(x):
        m = float(np.mean(x))
        if len(x) == 5:
            x /= 2
        return m

    page = check("98.1", halves_long_ones)._repr_html_()
    assert "数组 (5,)" in page and "数组 (4,)" not in page


def test_what_a_returned_rule_gives_belongs_to_the_call_that_made_it():
    @exercise("98.3", "平方", points=1, asks="square(x) -> y, vjp")
    def judge_square(answer, rng):
        rules = [answer(x)[1] for x in (np.array([3.5]), np.array([7.5]))]
        yield value(rules[0](np.ones(1)), np.array([7.0]), "梯度", "2x")

    page = check("98.3", lambda x: (x**2, lambda g: g * x))._repr_html_()
    assert "数组 (1,) float64：3.5" in page and "7.5" not in page
