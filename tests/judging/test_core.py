"""How an answer is judged: kindly, exactly, and without ever stopping a notebook."""

import ctypes
import re
import sys
import threading
import types
from functools import partial

import numpy as np
import pytest

from aigc_course import exercises
from aigc_course.authoring import solutions
from aigc_course.exercises import hint, solution
from aigc_course.judging import core
from aigc_course.judging import help as help_
from aigc_course.judging.core import (
    check,
    exercise,
    get,
    hints,
    judge,
    use,
)
from aigc_course.judging.vocabulary import Caller, array, attempt, that, value


@pytest.fixture
def doubling(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", title="加倍", points=2, asks="double(x) -> 2x")
    def double(answer, rng):
        call = Caller(answer, lambda x: 2 * x)
        y, want = call(rng.normal(size=(2, 3)))
        yield from array(y, (2, 3), "y", "少了一次转置？")
        yield value(y, want, "y", "是乘 2，不是平方")
        yield call.untouched()

    return "98.1"


def test_right(doubling):
    result = check(doubling, lambda x: 2 * x)
    assert (
        result.passed
        and result.score == 2
        and "✓ 练习 98.1 加倍：通过（3 项检查，2 分）" in str(result)
    )


def in_place(x):
    x *= 2
    return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: 2 * x.T, "形状是 (3, 2)，应为 (2, 3)"),
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

    @exercise("98.2", title="两个", points=1, asks="two(x) -> a, b")
    def two(answer, rng):
        a, b = answer(1)
        yield that(a == b, "相等")

    text = str(check("98.2", lambda x: None))
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


def test_value_needs_the_shape_too():
    assert not value(np.ones((3, 1)), np.ones((3, 3)), "a").ok
    assert value(np.array([1, np.inf]), np.array([1, np.inf]), "a").ok
    assert not value(np.array([np.nan]), np.array([np.nan]), "a").ok
    assert value(1.0 + 1e-9, 1.0, "a").ok and not value(1.001, 1.0, "a").ok
    assert that(np.True_, "x").ok is True


def test_unknown_and_doubled_ids_are_named(doubling):
    with pytest.raises(KeyError, match="98.1"):
        get("98.7")
    with pytest.raises(ValueError, match="wanted 'NN.k'"):
        exercise("9.1", title="", points=1, asks="")(lambda a, r: iter(()))


def test_what_an_exercise_leaves_out_is_told_from_its_reference(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    def scale(x: float, k: int = 2, *more: float, bias: bool = False) -> float:
        return k * x

    def judge_scale(answer, rng):
        yield that(True, "")

    named = {"scale": scale, "judge_scale": judge_scale}
    judge_scale = types.FunctionType(judge_scale.__code__, named, "judge_scale")
    judge_scale.__module__ = scale.__module__
    exercise("98.1", "倍", points=1)(judge_scale)
    assert get("98.1").reference is scale
    assert get("98.1").asks == "scale(x, k=2, *more, bias=False)"
    exercise("98.1", "倍", points=1, reference=abs, asks="k", allows=[scale, "x.*"])(judge_scale)
    assert get("98.1").reference is abs and get("98.1").asks == "k"
    assert get("98.1").allows == (f"{__name__}.{scale.__qualname__}", "x.*")
    named["scale"] = value  # a namesake that this module only imports is none
    with pytest.raises(ValueError, match="98.1: say what it asks"):
        exercise("98.1", "倍", points=1)(judge_scale)


def test_hints_stand_below_the_exercise(doubling):
    with pytest.raises(ValueError, match="write it below @exercise"):
        hints("一")(get(doubling).judge)


# --- points -----------------------------------------------------------------------------------


@pytest.fixture
def three_parts(doubling):
    @exercise(
        "98.3", title="三步", points=3, asks="f(k)", reference=lambda k: k * np.ones(1), limit=20
    )
    def parts(answer, rng):
        for k in (1, 2, 3):
            given = np.ones(1)
            yield that(True, f"小事 {k}")
            yield value(answer(k), k * given, f"第 {k} 个")
        yield that(not getattr(answer, "spoilt", False), "x")

    return "98.3"


@pytest.mark.parametrize(("good", "score"), [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)])
def test_points_follow_the_weight_of_what_held(three_parts, good, score):
    result = judge(three_parts, lambda k: np.ones(1) * (k if k <= good else -1))
    assert result.score == score and result.passed == (good == 3)


def test_wrong_only_in_a_step_without_weight_is_not_full_marks(three_parts):
    def answer(k):
        return k * np.ones(1)

    answer.spoilt = True
    result = judge(three_parts, answer)
    assert result.status == "failed" and result.score == 2.25


def test_errors_and_stops_keep_what_was_earned(three_parts):
    def breaks(error):
        def answer(k):
            if k == 3:
                raise error
            return k * np.ones(1)

        return answer

    result = judge(three_parts, breaks(ZeroDivisionError("x")))
    assert (result.status, result.score) == ("error", 2.0)
    result = judge(three_parts, breaks(core.Stopped("memory", "超了")))
    assert (result.status, result.score, result.message) == ("memory", 2.0, "超了")
    result = judge(three_parts, breaks(core.Stopped("refused", "用了")))
    assert (result.status, result.score) == ("refused", 0.0)
    result = judge(three_parts, breaks(NotImplementedError()))
    assert (result.status, result.score) == ("failed", 2.0) and "接着写" in str(result)
    result = judge(three_parts, breaks(SystemExit(3)))
    assert (result.status, result.score) == ("error", 2.0)
    with pytest.raises(KeyboardInterrupt):
        judge(three_parts, breaks(KeyboardInterrupt()))


def test_a_reference_that_fails_is_our_error(doubling):
    @exercise("98.4", title="坏", points=1, asks="f()", reference=lambda: 1)
    def bad(answer, rng):
        yield value(1, 1, "先")
        yield value(answer(), 2, "y")

    with pytest.raises(RuntimeError, match="98.4: its own reference"):
        judge("98.4", lambda: 3)


def test_lines_of_a_remote_answer_are_used(doubling):
    def answer(x):
        error = ValueError("远")
        error.own_lines = ["第 7 行：return x +", "ValueError: 远"]
        raise error

    text = str(check(doubling, answer))
    assert "第 7 行：return x +" in text and "own_lines" not in text
    assert text.count("ValueError: 远") == 1


# --- in nbgrader, in the learner's folder -----------------------------------------------------


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_nbgrader_sees_an_error_when_it_did_not_pass(doubling, monkeypatch, mode):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    assert check(doubling, lambda x: 2 * x).passed
    for answer in (None, stub, lambda x: x):
        with pytest.raises(AssertionError, match="98.1 加倍") as caught:
            check(doubling, answer)
        assert "\n" not in str(caught.value)


def test_every_check_is_noted(doubling, monkeypatch):
    seen = []
    monkeypatch.setattr(core.progress, "record_result", seen.append)
    result = check(doubling, lambda x: x)
    assert [(one.id, one.status, one.steps) for one in seen] == [
        (result.id, result.status, result.steps)
    ]
    use(doubling, None, otherwise=None)
    judge(doubling, lambda x: x)
    assert len(seen) == 1


# --- stuck ------------------------------------------------------------------------------------


@pytest.fixture
def helped(doubling, monkeypatch):
    monkeypatch.setattr(help_, "_seen", {})
    noted = []
    for name in ("record_hint", "record_solution"):
        monkeypatch.setattr(
            help_.progress, name, lambda *what, name=name: noted.append((name, *what))
        )

    @exercise("03.2", "题", points=1, asks="f")
    @hints("一", "二", "三")
    def judge_f(answer, rng):
        yield from ()

    return noted


def test_hints_go_on_one_by_one(helped):
    texts = [str(hint("03.2")) for _ in range(4)]
    assert [text.split("提示 ")[1][:3] for text in texts] == ["1/3", "2/3", "3/3", "3/3"]
    assert "一" in texts[0] and "二" not in texts[0] and "最后一条" in texts[2]
    assert "提示 2/3" in str(hint("03.2", 2)) and "没有第 4 条" in str(hint("03.2", 4))
    assert ("record_hint", "03.2", 2) in helped
    assert "没有另写提示" in str(hint("98.1"))
    assert "<div" in hint("03.2")._repr_html_()


def test_hints_remember_the_folder(helped, monkeypatch):
    monkeypatch.setattr(help_.progress, "hints_seen", lambda id: 1)
    assert "提示 2/3" in str(hint("03.2"))


def test_the_solution_is_shown_only_when_asked_for_twice(helped, monkeypatch):
    hint("03.2")
    first = str(solution("03.2"))
    assert '确定要看就运行 solution("03.2", sure=True)' in first and "1/3" in first
    assert ("record_solution", "03.2") not in helped
    shown = solution("03.2", sure=True)
    assert "def linear_backward" in shown.text and "### BEGIN" not in shown.text
    assert "dy.T @ x" in shown.text and ("record_solution", "03.2") in helped
    monkeypatch.setenv("AIGC_NO_SOLUTIONS", "1")
    assert "现在不能看" in str(solution("03.2", sure=True))


def test_no_solution_without_source(helped, monkeypatch):
    monkeypatch.setattr(solutions, "source_notebooks", lambda: None)
    assert "找不到" in str(solution("03.2", sure=True))


# --- the guide --------------------------------------------------------------------------------


def test_the_guides_example_works_as_written(repository, monkeypatch, tmp_path):
    monkeypatch.setattr(core, "_registry", {})
    guide = (repository / "docs" / "exercises.md").read_text(encoding="utf-8")
    module_text, test_text = re.findall(r"```python\n(.*?)```", guide, re.S)
    module = types.ModuleType("aigc_course.exercises.ex98")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(exercises, "ex98", module, raising=False)
    path = tmp_path / "ex98.py"
    path.write_text(module_text, encoding="utf-8")
    exec(compile(module_text, path, "exec"), vars(module))
    tests = {"__name__": "test_ex98"}
    exec(compile(test_text, "test_ex98.py", "exec"), tests)
    # there is neither a notebook 98 nor an installed module
    needs_more = re.compile("lesson|notebook|lead_without|another_process|is_loaded")
    asked = [n for n in tests if n.startswith("test_") and not needs_more.search(n)]
    assert len(asked) == 10
    for name in asked:
        for arguments in _arguments(tests[name]):
            tests[name](**arguments)
    assert "提示 1/3" in str(hint("98.1"))


def _arguments(test):
    """What pytest would call a parametrized test with."""
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize":
            names, values = mark.args
            several = isinstance(names, tuple)
            return [dict(zip(names, v, strict=True)) if several else {names: v} for v in values]
    return [{}]


def test_an_interruption_between_two_steps_leaves_no_setting_behind(monkeypatch):
    """At the jump back after ``step.ok``, where Python 3.13 passes by every ``with``."""
    monkeypatch.setattr(core, "_registry", {})
    ask = ctypes.pythonapi.PyThreadState_SetAsyncExc

    class Interrupting:  # no bytecode runs between the request, in C alone, and the jump
        _as_parameter_ = 0  # ctypes passes the object on as one argument more
        thread, error = ctypes.c_ulong(threading.get_ident()), ctypes.py_object(KeyboardInterrupt)
        ok = property(partial(ask, thread, error))

    @exercise("98.2", title="两步", points=1, asks="f()")
    def judge_two(answer, rng):
        yield Interrupting()
        yield Interrupting()

    before = np.geterr()
    with pytest.raises(KeyboardInterrupt):
        core.judge("98.2", int)
    assert np.geterr() == before


def test_endless_recursion_is_an_error_not_an_accusation(doubling):
    def endless(x):
        return endless(x) + 1

    result = check(doubling, endless)
    assert result.status == "error"
    assert "RecursionError" in str(result) and "缺了终止的条件" in str(result)
    assert "setprofile" not in str(result)


def test_the_tripwire_taken_off_is_still_noticed(doubling):
    def sly(x):
        list(map(sys.setprofile, [None]))
        return 2 * x

    assert check(doubling, sly).status == "refused"


def test_what_has_not_happened_is_not_hinted_at(doubling):
    text = str(check(doubling, lambda x: None))
    assert "忘了 return" in text and "转置" not in text


def test_steps_that_are_alike_are_listed_once(doubling):
    @exercise("98.3", title="三次", points=1, asks="f(x)")
    def thrice(answer, rng):
        for _ in range(3):
            yield that(True, "返回 2 个量")
        yield that(answer(1) == 2, "值")

    text = str(check("98.3", lambda x: x))
    assert text.count("返回 2 个量") == 1 and "✗ 值" in text


def test_every_line_of_a_note_is_indented(doubling):
    first, *rest = str(hint(doubling)).splitlines()
    assert first.startswith("练习 98.1") and rest and all(line[:2] == "  " for line in rest)
    lines = str(help_.Note("题", "一\n二")).splitlines()
    assert lines == ["题", "  一", "  二"]


# --- what ends the watch by itself, and what is left behind ---------------------------------------


def counting_down(n):
    return counting_down(n - 1) if n else 0


@pytest.fixture
def with_a_hint_for_recursion(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", title="深", points=1, asks="f(n)", reference=lambda n: 0)
    def judge_deep(answer, rng):
        errors = {RecursionError: "改用循环", MemoryError: "数组太大了"}
        yield that((yield from attempt(lambda: answer(5000), "很深的输入", errors)) == 0, "值")

    return "98.1"


def test_an_error_with_a_hint_of_its_own_still_shows_the_learners_line(with_a_hint_for_recursion):
    result = check(with_a_hint_for_recursion, out_of_memory)
    assert result.wrong.hint == "数组太大了"
    assert "raise MemoryError" in result.message and "行：" in result.message


def out_of_memory(n):
    raise MemoryError


def swallows(n):
    try:
        return counting_down(n)
    except RecursionError:
        return 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [(counting_down, "改用循环"), (out_of_memory, "数组太大了"), (swallows, "✗ 值")],
)
def test_the_exercises_own_hint_wins(with_a_hint_for_recursion, answer, words):
    result = check(with_a_hint_for_recursion, answer)
    assert result.status == "failed" and words in str(result)
    assert "setprofile" not in str(result)


def test_an_interruption_that_is_swallowed_is_not_tampering(with_a_hint_for_recursion):
    def interrupted(n):
        sys.getprofile()  # the monitor's own hook is interrupted, as by Ctrl-C
        try:
            hook = sys.getprofile()
            hook.__self__._codes = None  # an error gets into it
            (lambda: 0)()
        except BaseException:
            hook.__self__._codes = {}
        return 1

    result = check(with_a_hint_for_recursion, interrupted)
    assert result.status == "failed" and "setprofile" not in str(result)


def test_a_raised_limit_of_recursion_is_put_back(with_a_hint_for_recursion):
    before = sys.getrecursionlimit()

    def raises_it(n):
        sys.setrecursionlimit(20_000)
        return counting_down(n)

    assert check(with_a_hint_for_recursion, raises_it).passed
    assert sys.getrecursionlimit() == before
    sys.setrecursionlimit(20_000)  # as a line outside the function does
    try:
        assert "改用循环" in str(check(with_a_hint_for_recursion, counting_down))
        assert sys.getrecursionlimit() == 20_000
    finally:
        sys.setrecursionlimit(before)


# --- demonstrations, library functions, calls that cannot be stopped ------------------------------


def test_a_demonstration_is_not_the_learners_attempt(doubling, monkeypatch):
    noted = []
    monkeypatch.setattr(core.progress, "record_result", noted.append)
    assert not check(doubling, lambda x: x, noted=False).passed and noted == []
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert not check(doubling, lambda x: x, noted=False).passed
    monkeypatch.delenv("NBGRADER_EXECUTION")
    check(doubling, lambda x: x)
    assert len(noted) == 1


def test_a_ufunc_of_scipy_is_a_librarys(doubling):
    special = pytest.importorskip("scipy.special")
    rel_entr, module = special.rel_entr, special
    assert check(doubling, lambda x: rel_entr(x, x)).status != "refused"  # a lambda has no source

    def by_name(x):
        return rel_entr(x, x)

    def by_module(x):
        return module.rel_entr(x, x)

    def by_numpy(x):
        return np.multiply(2, x)

    for answer in (by_name, by_module):
        result = check(doubling, answer)
        assert result.status == "refused" and "scipy.special.rel_entr" in str(result)
    assert check(doubling, special.rel_entr).status == "refused"
    assert check(doubling, by_numpy).passed


@pytest.mark.parametrize("told", [True, False])
def test_an_interruption_ends_with_a_card_only_if_the_learner_was_told_to(
    doubling, monkeypatch, told
):
    def interrupted(seconds, function, waiting):
        if told:
            waiting("跑了 10 秒还没完")
        raise KeyboardInterrupt

    monkeypatch.setattr(core, "run_with_timeout", interrupted)
    if told:
        result = check(doubling, lambda x: x)
        assert result.status == "timeout" and "被中断了" in str(result)
    else:
        with pytest.raises(KeyboardInterrupt):
            check(doubling, lambda x: x)
