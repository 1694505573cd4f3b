"""What NumPy's and Python's errors mean: each is raised here, so a new version's words are seen."""

import math

import numpy as np
import pytest

from aigc_course.judging import core
from aigc_course.judging.core import check, exercise
from aigc_course.judging.glosses import gloss

A, B = np.ones((2, 3)), np.ones((4, 5))


def unbound():
    k += 1  # noqa: F821
    return k


def forgets():
    return None


def two(a, b):
    return a, b


def integers():
    a = np.arange(3)
    a += 0.5


def reads_only():
    np.broadcast_to(1.0, (2, 2))[0, 0] = 2


CASES = {
    "broadcast": (lambda: A + B, "形状 (2,3) 与 (4,5) 不能逐元素相算"),
    "put in place": (lambda: np.ones(3).__setitem__(slice(None), np.ones(4)), "两边的 .shape"),
    "matmul": (lambda: A @ B, "这里是 3 与 4"),
    "dot": (lambda: np.dot(A, B), "(2,3) 与 (4,5) 接不上"),
    "matmul of a number": (lambda: A @ 2.0, "数与数组相乘用 *"),
    "math of an array": (lambda: math.exp(A), "只认一个数"),
    "float of an array": (lambda: float(A), "只认一个数"),
    "truth": (lambda: 1 if A > 0 else 0, "np.where"),
    "max of Python": (lambda: max(A, A), "np.where"),
    "called array": (lambda: A(0), "方括号 a[i]"),
    "called number": (lambda: A[0, 0](3), "乘号漏写了"),
    "index": (lambda: A[2], "第 0 维只有 2 个，下标到 1 为止，却取了 2"),
    "np.max": (lambda: np.max(A, A), "np.maximum(a, b)"),
    "axis": (lambda: np.ones(3).sum(axis=1), "没有 axis=1"),
    "too many": (lambda: np.ones(3)[0, 0], "少了一维"),
    "ragged": (lambda: np.array([[1.0], [2.0, 3.0]], dtype=float), "一样长"),
    "sequence": (lambda: np.ones(3).__setitem__(0, [1, 2]), "只能放一个数"),
    "None": (lambda: forgets() + 1, "忘了 return"),
    "None indexed": (lambda: forgets()[0], "忘了 return"),
    "unbound": (unbound, "k 在这个函数里被赋值"),
    "missing": (lambda: two(1), "少给了参数 'b'"),
    "too many given": (lambda: two(1, 2, 3), "给了 3 个参数，只收 2 个"),
    "unexpected": (lambda: two(1, c=2), "没有叫 c 的参数"),
    "float index": (lambda: A[np.array([0.0])], "下标要整数"),
    "mask": (lambda: A[np.ones(3, bool)], "真假数组"),
    "reshape": (lambda: A.reshape(4, 2), "6 个元素排不成 (4,2)"),
    "into integers": (integers, "放不下小数"),
    "read only": (reads_only, "copy"),
    "attribute": (lambda: A.sise, "没有叫 sise 的属性"),
    "list index": (lambda: [1, 2][2], "0 到 n − 1"),
    "unpack few": (lambda: [a for a, b in [(1,)]], "左边有 2 个名字，右边只有 1 项"),
    "unpack many": (lambda: [a for a, b in [(1, 2, 3)]], "左边只有 2 个名字"),
    "lists": (lambda: [1.0] - [2.0], "np.array"),
    "by 0": (lambda: 1 / 0, "除以了 0"),
    "name": (lambda: nothing_called_so, "拼写"),  # noqa: F821
}


@pytest.mark.parametrize("case", CASES)
def test_each_error_has_its_meaning(case):
    call, words = CASES[case]
    with pytest.raises(Exception) as caught:
        call()
    error = f"{type(caught.value).__name__}: {caught.value}"
    assert words in gloss(error), f"{error}\n{gloss(error)}"


def test_an_error_of_another_kind_has_none():
    assert gloss("KeyError: 'W1'") == gloss("ValueError: 学习率要大于 0") == ""


def test_the_learners_outermost_line_and_the_failing_input_are_shown(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", "乘", points=1, asks="f(x)", reference=lambda x: x)
    def judge_f(answer, rng):
        answer(np.ones((2, 2)))
        answer(np.full((3, 5), 7.0))
        yield core.Step(True, "x")

    def deepest(x):
        return x @ x

    def deeper(x):
        return deepest(x)

    def deep(x):
        return deeper(x)

    def f(x):
        y = deep(x)
        x[:] = -1.0
        return y

    result = check("98.1", f)
    text, page = str(result), result._repr_html_()
    assert "y = deep(x)" in text and "return x @ x" in text and "return deeper(x)" not in text
    assert "这里是 5 与 3" in text
    assert "(3, 5)" in page and "7 7" in page and "-1 -1" not in page


@pytest.mark.parametrize(
    ("shapes", "says", "not_says"),
    [
        ("(5,3) (5,)", "缺了最后一维", ".T"),
        ("(2,3) (3,2)", "转置", "keepdims"),
        ("(8,4) (8,3)", "倒数第 1 维对不上", "keepdims"),
        ("(8,4) (3,)", "先看哪一边的长短", "keepdims"),
    ],
)
def test_shapes_that_do_not_fit_are_told_apart(shapes, says, not_says):
    text = f"ValueError: operands could not be broadcast together with shapes {shapes} "
    assert says in gloss(text) and not_says not in gloss(text)
