"""How an answer is judged: kindly, exactly, and without ever stopping a notebook."""

import numpy as np
import pytest

from aigc_course.exercises import core
from aigc_course.exercises.core import (
    check,
    close,
    exercise,
    get,
    judge,
    shape,
    that,
    untouched,
    use,
)


@pytest.fixture
def doubling(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("99.1", title="加倍", points=2, asks="double(x) -> 2x")
    def double(answer, rng):
        x = rng.normal(size=(2, 3))
        before = x.copy()
        y = answer(x)
        yield shape(y, (2, 3), "y", hint="少了一次转置？")
        yield close(y, 2 * before, "y", hint="是乘 2，不是平方")
        yield untouched(before, x, "x")

    return "99.1"


def test_right(doubling):
    result = check(doubling, lambda x: 2 * x)
    assert (
        result.passed
        and result.score == 2
        and "✓ 练习 99.1 加倍：通过（3 项检查，2 分）" in str(result)
    )


def in_place(x):
    x *= 2
    return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: 2 * x.T, "y 的形状是 (3, 2)，应为 (2, 3)"),
        (lambda x: 2 * x.T, "少了一次转置"),
        (lambda x: x**2, "是乘 2，不是平方"),
        (lambda x: None, "忘了 return"),
        (lambda x: 2 * x * np.nan, "出现了 nan"),
        (lambda x: 2 * x / 0, "出现了 inf"),
        (in_place, "被原地修改"),
        (lambda x: 2 * np.nonsense, "AttributeError"),
        (lambda x: {}[1], "KeyError"),
    ],
)
def test_wrong_answers_are_told_what_is_wrong(doubling, answer, words):
    result = check(doubling, answer)
    assert not result.passed and result.score == 0
    assert words in str(result)


def test_the_learners_own_line_is_shown_and_ours_is_not(doubling):
    def double(x):
        return x + undefined_name  # noqa: F821

    text = str(check(doubling, double))
    assert "x + undefined_name" in text and "NameError" in text
    assert "core.py" not in text and "ex.judge" not in text


def test_an_answer_of_the_wrong_form_is_told_the_form(doubling):
    text = str(check(doubling, lambda x: {"y": object()}))
    assert "✗" in text

    @exercise("99.2", title="两个", points=1, asks="two(x) -> a, b")
    def two(answer, rng):
        a, b = answer(1)
        yield that(a == b, "相等")

    text = str(check("99.2", lambda x: None))
    assert "返回的东西形式不对：要的是 two(x) -> a, b" in text and "TypeError" in text


def test_no_expected_value_is_revealed(doubling):
    seen = []
    text = str(check(doubling, lambda x: seen.append(x.copy()) or x))
    assert not any(f"{2 * v:.3f}" in text for v in seen[0].ravel())


def stub(x):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [stub, None, ...])
def test_unanswered_is_said_kindly(doubling, answer):
    result = check(doubling, answer)
    assert result.status == "unanswered" and "还没作答" in str(result)
    assert "double(x) -> 2x" in str(result)


def test_cases_are_the_same_for_learners_and_change_with_the_seed(doubling):
    seen = []

    def answer(x):
        seen.append(x.copy())
        return 2 * x

    for seed in (None, None, 1, 2):
        assert judge(doubling, answer, seed=seed).passed
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[2], seen[3])


def test_use_goes_on_with_whichever_works(doubling, capsys):
    def mine(x):
        return x + x

    assert use(doubling, mine, otherwise=np.abs) is mine
    assert "往下用你写的 mine" in capsys.readouterr().out
    assert use(doubling, stub, otherwise=np.abs) is np.abs
    assert "还没通过" in capsys.readouterr().out


def test_close_needs_the_shape_too():
    assert not close(np.ones((3, 1)), np.ones((3, 3)), "a").ok
    assert close(np.array([1, np.inf]), np.array([1, np.inf]), "a").ok
    assert not close(np.array([np.nan]), np.array([np.nan]), "a").ok
    assert close(1.0 + 1e-9, 1.0, "a").ok and not close(1.001, 1.0, "a").ok
    assert that(np.True_, "x").ok is True


def test_unknown_and_doubled_ids_are_named(doubling):
    with pytest.raises(KeyError, match="99.1"):
        get("99.7")
    with pytest.raises(ValueError, match="wanted 'NN.k'"):
        exercise("9.1", title="", points=1, asks="")(lambda a, r: iter(()))
