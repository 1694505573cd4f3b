"""Questions about what an answer does: state that stays, loops, recursion, independent parts."""

import socket
import sys

import numpy as np
import pytest

from aigc_course import metrics
from aigc_course.classroom.sandbox.rpc import Refused
from aigc_course.classroom.sandbox.worker import AnswerServer
from aigc_course.judging import core
from aigc_course.judging.core import exercise, judge
from aigc_course.judging.forbidden import CallMonitor
from aigc_course.judging.judges import (
    again,
    independent,
    measured,
    no_python_loop,
    no_recursion,
    same_again,
    that,
    truthy,
)
from aigc_course.judging.vocabulary import Caller
from tests.support.loopback import proxied

# --- state ----------------------------------------------------------------------------------------

SEEN: list[float] = []
COUNT = 0


def by_default(x, seen=[]):  # noqa: B006
    seen.append(x)
    return float(np.sum(seen))


def by_global_list(x):
    SEEN.append(x)
    return float(np.sum(SEEN))


def by_global_number(x):
    global COUNT
    COUNT += 1
    return x * COUNT


def by_own_attribute(x):
    by_own_attribute.calls = getattr(by_own_attribute, "calls", 0) + 1
    return x * by_own_attribute.calls


class Memory:
    total = 0.0


def by_class(x):
    Memory.total += x
    return Memory.total


def by_closure():
    total = 0.0

    def answer(x):
        nonlocal total
        total += x
        return total

    return answer


def double(x):
    return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (by_default, "默认参数 seen"),
        (by_global_list, "全局变量 SEEN"),
        (by_global_number, "全局变量 COUNT"),
        (by_own_attribute, "记在函数自己身上的 calls"),
        (by_class, "Memory.total 是类的属性"),
        (by_closure(), "外层函数的变量 total"),
    ],
)
def test_state_that_stays_is_found_and_named(answer, words):
    SEEN.clear()
    step = same_again(Caller(answer, double), 1.5)
    assert not step.ok and "第二次的结果与第一次不同" in step.detail
    assert words in step.here and "默认参数" in step.hint
    call = Caller(answer, double)
    call(0.5)
    assert not again(call, 2.5).ok


def test_a_mark_on_an_input_is_found():
    class Node:
        pass

    def marks(node):
        new = not hasattr(node, "seen")
        node.seen = True
        return int(new)

    step = same_again(Caller(marks), Node())
    assert not step.ok and "seen 这个标记" in step.here


def test_what_keeps_nothing_passes():
    def fine(x, table={"a": 2.0}):  # noqa: B006
        return {"y": x * table["a"], "n": [len(x)]}

    call = Caller(fine, fine)
    assert same_again(call, np.arange(3.0)).ok and again(call, np.arange(4.0)).ok


def test_an_answer_that_changes_its_result_later_is_compared_as_it_was():
    buffer = np.zeros(2)

    def fills(x):
        buffer[:] += x
        return buffer

    assert not same_again(Caller(fills), 1.0).ok


# --- loops ----------------------------------------------------------------------------------------


def by_for(x):
    total = 0.0
    for v in x:
        total = total + v
    return total


def by_while(x):
    k = 0
    while k < len(x):
        k += 1
    return k


def by_recursion(x):
    return x[0] + (by_recursion(x[1:]) if len(x) > 1 else 0)


LOOPS = {
    "for": by_for,
    "while": by_while,
    "recursion": by_recursion,
    "list": lambda x: [v * 2 for v in x],
    "dict": lambda x: {k: v for k, v in enumerate(x)},
    "generator": lambda x: sum(v * 2 for v in x),
    "map of a function": lambda x: list(map(lambda v: v * 2, x)),
    "map of a built-in": lambda x: list(map(float, x)),
    "filter": lambda x: list(filter(None, x)),
    "vectorize": lambda x: np.vectorize(lambda v: v * 2)(x),
    "vectorize a built-in": lambda x: np.vectorize(abs)(x),
    "apply_along_axis": lambda x: np.apply_along_axis(np.sum, 1, x[:, None]),
    "frompyfunc": lambda x: np.frompyfunc(abs, 1, 1)(x),
}
WHOLE = {
    "sum": lambda x: x.sum(),
    "einsum": lambda x: np.einsum("i,i->", x, x),
    "layers": lambda x: [x * k for k in range(3)],
    "shape by map": lambda x: tuple(map(int, x[None].shape)),
    "branches": lambda x: x.mean() if len(x) > 20 else x.sum() / len(x),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_a_loop_however_it_is_written(name):
    answer = LOOPS[name]
    step = no_python_loop(answer, lambda n: answer(np.arange(1.0, n + 1)))
    assert not step.ok and step.detail
    with proxied(answer) as far:  # as in grading
        there = no_python_loop(far, lambda n: far(np.arange(1.0, n + 1)))
        assert (there.ok, there.detail) == (step.ok, step.detail)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_arrays_pass(name):
    answer = WHOLE[name]
    assert no_python_loop(answer, lambda n: answer(np.arange(1.0, n + 1))).ok
    with proxied(answer) as far:
        assert no_python_loop(far, lambda n: far(np.arange(1.0, n + 1))).ok


def test_counting_leaves_everything_as_it_was():
    before = sys.getprofile(), sys.gettrace(), map, filter
    value, work = measured(by_for, lambda: by_for([1.0, 2.0]))
    assert value == 3.0 and work.steps > 3
    with pytest.raises(ZeroDivisionError):
        measured(by_for, lambda: 1 / 0)
    assert (sys.getprofile(), sys.gettrace(), map, filter) == before


def test_a_watched_answer_is_counted_in_its_process_and_goes_on_being_watched():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = AnswerServer(theirs, frame=1 << 20, monitor=CallMonitor)
        server.do_measure(True)
        server.monitored(lambda: by_for(np.ones(100)))
        assert server.do_measure(False)[0] >= 200 and server.do_measure(False) is None
        server.do_measure(True)
        with pytest.raises(Refused):
            server.monitored(lambda: metrics.accuracy([1], [1]))


# --- recursion ------------------------------------------------------------------------------------


def chain(n):
    nested = []
    for _ in range(n):
        nested = [nested]
    return nested


def depth_by_recursion(nested):
    return 1 + depth_by_recursion(nested[0]) if nested else 0


def depth_with_a_raised_limit(nested):
    sys.setrecursionlimit(50_000)
    return depth_by_recursion(nested)


def depth_by_inner(nested):
    def go(one):
        return 1 + go(one[0]) if one else 0

    return go(nested)


def depth_by_generator(nested):
    def walk(one):
        yield one
        if one:
            yield from walk(one[0])

    return sum(1 for _ in walk(nested)) - 1


def depth_by_stack(nested):
    depth = 0
    while nested:
        nested, depth = nested[0], depth + 1
    return depth


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (depth_by_recursion, "depth_by_recursion"),
        (depth_with_a_raised_limit, "depth_by_recursion"),
        (depth_by_inner, "go"),
        (depth_by_generator, "walk"),
    ],
)
def test_recursion_is_named(answer, name):
    limit = sys.getrecursionlimit()
    step = no_recursion(answer, lambda: answer(chain(60)))
    assert not step.ok and f"{name} 同时有" in step.detail and "栈" in step.hint
    assert ("调高递归的限度" in step.detail) == (answer is depth_with_a_raised_limit)
    assert sys.getrecursionlimit() == limit
    assert no_recursion(depth_by_stack, lambda: depth_by_stack(chain(60))).ok


def test_recursion_that_hits_the_limit_is_recursion():
    step = no_recursion(depth_by_recursion, lambda: depth_by_recursion(chain(5000)))
    assert not step.ok and "RecursionError" in step.detail


def test_recursion_is_found_in_another_process():
    with proxied(depth_by_recursion) as far:
        assert not no_recursion(far, lambda: far(chain(15)), deeper_than=5).ok
    with proxied(depth_by_stack) as far:
        assert no_recursion(far, lambda: far(chain(15)), deeper_than=5).ok


# --- yes and no -----------------------------------------------------------------------------------


@pytest.mark.parametrize("no", [None, False, np.False_, 0, np.array(False), 0.0])
def test_not_yet_may_be_said_in_many_ways(no):
    assert truthy(no, False, "还早").ok
    step = truthy(no, True, "该停了", "提示")
    assert not step.ok and step.hint == "提示" and "该是 True" in step.detail


@pytest.mark.parametrize("yes", [True, np.True_, 1, np.array(True)])
def test_so_may_yes(yes):
    assert truthy(yes, True, "该停了").ok and not truthy(yes, False, "还早").ok


@pytest.mark.parametrize("odd", ["", "no", [], np.zeros(0), np.ones(3), 3, object()])
def test_what_is_neither_is_told(odd):
    step = truthy(odd, False, "还早")
    assert not step.ok and "要 True 或 False" in step.detail


# --- independent parts ----------------------------------------------------------------------------


@pytest.fixture
def six(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", "六问", points=3, asks="f(k)", reference=lambda k: k)
    def judge_six(answer, rng):
        def question(k):
            yield that(isinstance(answer(k), int), f"第 {k} 问的类型")
            yield that(answer(k) == k, f"第 {k} 问", "想想", weight=1.0)

        yield from independent(*(question(k) for k in range(6)))

    return "98.1"


def test_each_of_independent_parts_counts(six):
    result = judge(six, lambda k: k + 1 if k == 0 else k)
    assert result.score == 2.5 and "对了 5 问" in str(result) and "第 0 问" in str(result)
    assert "得 2.5/3 分" in result._repr_html_()
    assert judge(six, lambda k: k).passed and judge(six, lambda k: -1).score == 0
    assert "对了 3 问" in str(judge(six, lambda k: k if k % 2 else None))


def test_an_error_in_one_part_leaves_the_others(six):
    result = judge(six, lambda k: 1 // k * 0 + k)
    assert result.status == "error" and "ZeroDivisionError" in str(result)
    assert result.score == 2.5

    def begun(k):
        if k:
            raise NotImplementedError
        return k

    assert judge(six, begun).score == 0.5
