"""Notebook 04's judges: right answers pass, each typical mistake is told apart from the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.exercises import ex04, judge
from aigc_course.exercises.ex04 import (
    ReferenceRules,
    ReferenceTensor,
    reference_gradients,
    reference_topological_order,
    reference_unbroadcast,
)
from aigc_course.judging import core
from tests.support.harness import (
    assert_hints_lead_without_telling,
    assert_keeps_its_secrets,
    assert_passes,
    assert_survives,
    assert_worth_nothing,
    earned,
    know_nothings,
    notebook_answer,
    notebook_source,
    odd_values,
)
from tests.support.loopback import assert_same_remotely

SEEDS = range(20)
NUMBERS = ["04.1", "04.2", "04.3", "04.4", "04.5"]

# --- right answers, written the way the lesson writes them ------------------------------------


def topological_order(root):
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


def unbroadcast(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


class Tensor:
    recording = True
    __array_ufunc__ = None

    def __init__(self, data, requires_grad=False):
        data = np.asarray(data)
        self.data = data if data.dtype.kind == "f" else data.astype(np.float64)
        self.requires_grad, self.grad = requires_grad, None
        self.parents, self.vjp = (), None

    @classmethod
    @contextmanager
    def no_grad(cls):
        before, cls.recording = cls.recording, False
        try:
            yield
        finally:
            cls.recording = before

    def wrap(self, other):
        return other if isinstance(other, Tensor) else Tensor(np.asarray(other, self.data.dtype))

    def apply(self, rule, *others, **options):
        inputs = (self, *(self.wrap(t) for t in others))
        value, vjp = rule(*(t.data for t in inputs), **options)
        out = type(self)(value)
        if type(self).recording and any(t.requires_grad for t in inputs):
            out.requires_grad, out.parents, out.vjp = True, inputs, vjp
        return out

    def accumulate(self, g):
        self.grad = np.array(g) if self.grad is None else self.grad + g

    def backward(self):
        if self.data.size != 1:
            raise ValueError("not a scalar")
        for node, g in reference_gradients(self).items():
            if not node.parents:
                node.accumulate(g)

    def __add__(self, other):
        return self.apply(ReferenceRules.add, other)

    def __mul__(self, other):
        return self.apply(ReferenceRules.mul, other)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __pow__(self, p):
        return self.apply(ReferenceRules.power, p=p)

    def __truediv__(self, other):
        return self * other**-1.0

    def __rtruediv__(self, other):
        return self**-1.0 * other

    def __matmul__(self, other):
        return self.apply(ReferenceRules.matmul, other)

    def sum(self, axis=None, keepdims=False):
        return self.apply(ReferenceRules.sum, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def exp(self):
        return self.apply(ReferenceRules.exp)

    def log(self):
        return self.apply(ReferenceRules.log)

    def relu(self):
        return self.apply(ReferenceRules.relu)

    def log_softmax(self, axis):
        z = self - self.data.max(axis=axis, keepdims=True)
        return z - z.exp().sum(axis, keepdims=True).log()


RIGHT = [
    ("04.1", topological_order),
    ("04.1", reference_topological_order),
    ("04.2", unbroadcast),
    ("04.2", reference_unbroadcast),
    ("04.3", ReferenceRules),
    ("04.4", reference_gradients),
    ("04.5", Tensor),
    ("04.5", ReferenceTensor),
]


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers_pass(number: str, answer: Any) -> None:
    assert_passes(number, answer, range(5))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_notebooks_own_solution_passes(number: str) -> None:
    assert_passes(number, notebook_answer(number), [None, *SEEDS])


def kahn(root):
    """Counts the readers, then hands nodes out from the root; keeps marks on the nodes."""
    readers, waiting = {}, [root]
    while waiting:
        node = waiting.pop()
        if not hasattr(node, "mark"):
            node.mark = True
            waiting += node.parents
            for parent in node.parents:
                readers[parent] = readers.get(parent, 0) + 1
    order, ready = [], [root]
    while ready:
        order.append(ready.pop(0))
        for parent in order[-1].parents:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    order.reverse()
    return order


def unbroadcast_by_loop(g, shape):
    while g.ndim > len(shape):
        g = np.add.reduce(g)
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


class WrittenOut:
    """The rules, each with what is at hand instead of the shortest call."""

    def mul(a, b):
        return np.multiply(a, b), lambda g: (
            unbroadcast_by_loop(b * g, a.shape),
            unbroadcast_by_loop(a * g, b.shape),
        )

    def power(a, p):
        return np.power(a, p), lambda g: (p * np.power(a, p - 1) * g,)

    def log(a):
        return np.log(a), lambda g: (a**-1.0 * g,)

    def relu(a):
        keep = np.where(a > 0, 1.0, 0.0)
        return a * keep, lambda g: (keep * g,)

    def matmul(a, b):
        back = lambda g: [np.einsum("mk,nk->mn", g, b), np.einsum("mn,mk->nk", a, g)]
        return np.einsum("mn,nk->mk", a, b), lambda g: tuple(back(g))

    def sum(a, axis=None, keepdims=False):
        back = lambda g: (np.ones_like(a) * g.reshape(a.sum(axis=axis, keepdims=True).shape),)
        return np.sum(a, axis, keepdims=keepdims), back


def gradients_by_pulling(root):
    """Every node's gradient is zero to begin with; those without any are left out at the end."""
    order = topological_order(root)
    grads = {node: np.zeros(node.data.shape) for node in order}
    grads[root] = np.ones(root.data.shape)
    for node in order[::-1]:
        if node.vjp:
            back = node.vjp(grads[node])
            for parent, g in zip(node.parents, back, strict=True):
                grads[parent] = np.add(grads[parent], g)
    return {node: g for node, g in grads.items() if node.requires_grad}


class Lazy(Tensor):
    """Never copies, never adds in place; its no_grad is a class of its own."""

    def accumulate(self, g):
        self.grad = g if self.grad is None else self.grad + g

    class no_grad:
        def __enter__(self):
            self.before, Tensor.recording = Lazy.recording, False
            Lazy.recording = False

        def __exit__(self, *error):
            Lazy.recording = Tensor.recording = self.before

    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.history = rule
        return out

    def log_softmax(self, axis):
        top = Tensor(self.data.max(axis=axis, keepdims=True))
        z = self - top
        return z - z.exp().sum(axis=axis, keepdims=True).log()


VARIANTS = {
    "04.1": kahn,
    "04.2": unbroadcast_by_loop,
    "04.3": WrittenOut,
    "04.4": gradients_by_pulling,
    "04.5": Lazy,
}


@pytest.mark.parametrize("number", NUMBERS)
def test_no_seed_turns_a_right_variant_away(number: str) -> None:
    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def passes(seed: int) -> None:
        assert_passes(number, VARIANTS[number], [seed])

    passes()


# --- wrong answers ----------------------------------------------------------------------------


def recursive_order(root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


def pre_order(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(node.parents)
    return order[::-1]


def without_seen(root):
    order, stack = [], [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


def every_path(root):
    return list(dict.fromkeys(without_seen(root)))


def seen_as_list(root):
    order, seen, stack = [], [], [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.append(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


def first_parent_only(root):
    order = []
    while True:
        order.append(root)
        if not root.parents:
            return order[::-1]
        root = root.parents[0]


def clears_its_input(g, shape):
    out = np.array(unbroadcast(g, shape))
    g[...] = 0
    return out


def keeps_axes_of_one(g, shape):
    while g.ndim > len(shape) and g.shape[0] > 1:
        g = g.sum(axis=0)
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


class MulWithoutSwap(ReferenceRules):
    mul = staticmethod(lambda a, b: (a * b, lambda g: (g * a, g * b)))


class MulWithoutUnbroadcast(ReferenceRules):
    mul = staticmethod(lambda a, b: (a * b, lambda g: (g * b, g * a)))


class PowerWithoutFactor(ReferenceRules):
    power = staticmethod(lambda a, p: (a**p, lambda g: (g * a ** (p - 1.0),)))


class LogWithoutG(ReferenceRules):
    log = staticmethod(lambda a: (np.log(a), lambda g: (1 / a,)))


class LogWithoutComma(ReferenceRules):
    log = staticmethod(lambda a: (np.log(a), lambda g: g / a))


class ReluByG(ReferenceRules):
    relu = staticmethod(lambda a: (np.maximum(a, 0), lambda g: (g * (g > 0),)))


class ReluInPlace(ReferenceRules):
    @staticmethod
    def relu(a):
        out = np.maximum(a, 0)

        def vjp(g):
            g *= a > 0
            return (g,)

        return out, vjp


class MatmulWithoutTranspose(ReferenceRules):
    matmul = staticmethod(lambda a, b: (a @ b, lambda g: (g @ b.T, g.T @ a)))


class SumWithoutExpand(ReferenceRules):
    @staticmethod
    def sum(a, axis=None, keepdims=False):
        value = a.sum(axis=axis, keepdims=keepdims)
        if axis is None:
            return value, lambda g: (np.full(a.shape, g),)
        return value, lambda g: (g,)


class SumAlwaysExpands(ReferenceRules):
    @staticmethod
    def sum(a, axis=None, keepdims=False):
        def vjp(g):
            if axis is not None:
                g = np.expand_dims(g, axis)
            return (np.broadcast_to(g, np.broadcast_shapes(g.shape, a.shape)),)

        return a.sum(axis=axis, keepdims=keepdims), vjp


class MulUnbroadcastsOne(ReferenceRules):
    mul = staticmethod(
        lambda a, b: (a * b, lambda g: (g * b, reference_unbroadcast(g * a, b.shape)))
    )


class PowerDividesByA(ReferenceRules):
    power = staticmethod(lambda a, p: (a**p, lambda g: (g * p * a**p / a,)))


class ReluKeepsZero(ReferenceRules):
    relu = staticmethod(lambda a: (np.maximum(a, 0), lambda g: (g * (a >= 0),)))


class OnlyTheValue(ReferenceRules):
    mul = staticmethod(lambda a, b: a * b)


def walk(
    root,
    add=lambda old, new: old + new,
    skip=lambda node: not node.requires_grad,
    order=reference_topological_order,
    seed=np.ones_like,
):
    """Gradients with one step of the algorithm replaced."""
    grads = {root: seed(root.data)}
    for node in reversed(order(root)):
        if node.vjp is None or node not in grads:
            continue
        for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
            if not skip(parent):
                grads[parent] = add(grads[parent], g) if parent in grads else g
    return grads


def added_in_place(root):
    def add(old, new):
        old += new
        return old

    return walk(root, add=add)


def depth_first(root):
    grads = {root: np.ones_like(root.data)}

    def visit(node):
        if node.vjp is not None:
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g
                    visit(parent)

    visit(root)
    return grads


def along_every_path(root):
    """Right values, but the work of one visit for each path."""
    grads: dict[Any, np.ndarray] = {}

    def visit(node, g):
        grads[node] = grads[node] + g if node in grads else g
        if node.vjp is not None:
            for parent, back in zip(node.parents, node.vjp(g), strict=True):
                if parent.requires_grad:
                    visit(parent, back)

    visit(root, np.ones_like(root.data))
    return grads


def ones_like_a_leaf(root):
    leaf = reference_topological_order(root)[0]
    return walk(root, seed=lambda data: np.ones_like(leaf.data))


def written_into_grad(root):
    grads = walk(root)
    for node, g in grads.items():
        node.grad = g
    return grads


class NoNumpyPriority(Tensor):
    __array_ufunc__ = np.ndarray.__array_ufunc__

    def wrap(self, other):
        return Tensor.wrap(self, other)


class Promotes(Tensor):
    def wrap(self, other):
        return other if isinstance(other, Tensor) else Tensor(np.asarray(other, np.float64))


class Overwrites(Tensor):
    def accumulate(self, g):
        self.grad = np.array(g)


class SharesGrad(Tensor):
    def accumulate(self, g):
        if self.grad is None:
            self.grad = g
        else:
            self.grad += g


class KeepsEverything(Tensor):
    def backward(self):
        if self.data.size != 1:
            raise ValueError("not a scalar")
        for node, g in reference_gradients(self).items():
            node.accumulate(g)


class TakesAnyShape(Tensor):
    def backward(self):
        for node, g in reference_gradients(self).items():
            if not node.parents:
                node.accumulate(g)


class SwitchesToTrue(Tensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        cls.recording = False
        try:
            yield
        finally:
            cls.recording = True


class WithoutFinally(Tensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        before, cls.recording = cls.recording, False
        yield
        cls.recording = before


class LogSoftmaxOverRows(Tensor):
    def log_softmax(self, axis):
        return super().log_softmax(1)


class MeanOfAll(Tensor):
    def mean(self, axis=None, keepdims=False):
        return self.sum(axis, keepdims) * (1 / self.data.size)


class Recursive(Tensor):
    def backward(self):
        if self.data.size != 1:
            raise ValueError("not a scalar")
        grads = {self: np.ones_like(self.data)}
        for node in reversed(recursive_order(self)):
            if node.vjp is None:
                if node in grads:
                    node.accumulate(grads[node])
                continue
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g


class KeepsIntegers(Tensor):
    def __init__(self, data, requires_grad=False):
        super().__init__(data, requires_grad)
        self.data = np.asarray(data)


class InheritsNothing(Tensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.requires_grad = False
        return out


class AlwaysRecords(Tensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.requires_grad = type(self).recording
        return out


class NeverQuiet(Tensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        yield


class ReturnsTheArray(Tensor):
    def apply(self, rule, *others, **options):
        return super().apply(rule, *others, **options).data


class KeepsParents(Tensor):
    def apply(self, rule, *others, **options):
        inputs = (self, *(self.wrap(t) for t in others))
        value, vjp = rule(*(t.data for t in inputs), **options)
        out = type(self)(value)
        out.requires_grad = type(self).recording and any(t.requires_grad for t in inputs)
        out.parents, out.vjp = inputs, vjp
        return out


class MeanByOutput(Tensor):
    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (1 / total.data.size)


class Overflows(Tensor):
    def log_softmax(self, axis):
        return self - self.exp().sum(axis, keepdims=True).log()


class SubtractsBackwards(Tensor):
    def __rsub__(self, other):
        return self - other


class HalfDone:
    """What the learner's cell holds after the first method only: nothing but ``__add__``."""

    __add__ = lambda self, other: self.apply(ReferenceRules.add, other)
    __init__ = Tensor.__init__
    apply = Tensor.apply
    wrap = Tensor.wrap
    recording = True


class Empty:
    """The learner's cell as it comes: ``__add__`` calls an ``apply`` that is not written yet."""

    __add__ = lambda self, other: self.apply(ReferenceRules.add, other)
    __init__ = Tensor.__init__

    def apply(self, rule, *others, **options):
        raise NotImplementedError


WRONG: dict[str, list[tuple[Any, str]]] = {
    "04.1": [
        (recursive_order, "当栈用"),
        (pre_order, "是先序"),
        (lambda root: topological_order(root)[::-1], "整个反了"),
        (without_seen, "用 set 记住见过谁"),
        (every_path, "走每一条路径"),
        (seen_as_list, "要用 set"),
        (first_parent_only, "都要走到"),
        (lambda root: tuple(topological_order(root)), "只有一个节点|list"),
        (lambda root: [n.data for n in topological_order(root)], "只有一个节点|不是节点"),
        (lambda root: [type(root)() for _ in topological_order(root)], "只有一个节点"),
    ],
    "04.2": [
        (clears_its_input, "原地修改"),
        (keeps_axes_of_one, "哪怕长度是 1"),
        (lambda g, shape: g, "都在最前面"),
        (lambda g, shape: g.sum(axis=0) if g.ndim > len(shape) else g, "几根由"),
        (
            lambda g, shape: g.sum(axis=tuple(range(g.ndim - len(shape)))),
            "keepdims=True",
        ),
        (
            lambda g, shape: unbroadcast(g, shape) * (max(np.prod(shape), 1) / g.size),
            "不是取平均",
        ),
        (
            lambda g, shape: (
                g.sum(axis=tuple(i for i, n in enumerate(g.shape) if n not in shape))
                if g.ndim > len(shape)
                else unbroadcast(g, shape)
            ),
            "从右往左对齐",
        ),
        (
            lambda g, shape: g.sum(axis=tuple(range(g.ndim - len(shape)))).sum(
                axis=shape.index(1) if 1 in shape else (), keepdims=True
            ),
            "不只一根",
        ),
        (
            lambda g, shape: (
                g
                if g.shape == shape
                else g[(0,) * (g.ndim - len(shape))][tuple(slice(0, n) for n in shape)]
            ),
            "所有份",
        ),
    ],
    "04.3": [
        (MulWithoutSwap, "∂(ab)/∂a = b"),
        (MulWithoutUnbroadcast, "unbroadcast 回原来的形状"),
        (PowerWithoutFactor, "系数 p"),
        (LogWithoutG, "忘了乘上"),
        (LogWithoutComma, "逗号"),
        (ReluByG, "不是 g 的"),
        (ReluInPlace, "原地修改"),
        (MatmulWithoutTranspose, "谁转置"),
        (SumWithoutExpand, "np.expand_dims 放回去"),
        (SumAlwaysExpands, "不要再 expand_dims"),
        (OnlyTheValue, "一个数组和一个函数"),
        (MulUnbroadcastsOne, "unbroadcast 回原来的形状"),
        (PowerDividesByA, "不要除以 a"),
        (ReluKeepsZero, "不是 a >= 0"),
    ],
    "04.4": [
        (lambda root: walk(root, add=lambda old, new: new), "盖掉"),
        (added_in_place, "不要用 +="),
        (depth_first, "还没收齐"),
        (along_every_path, "还没收齐"),
        (lambda root: walk(root, order=lambda r: pre_order(r)), "还没收齐"),
        (lambda root: walk(root, skip=lambda node: False), "常数（数据、标签）"),
        (written_into_grad, "backward 的事"),
        (lambda root: walk(root, seed=np.zeros_like), "对自己的导数是 1"),
        (lambda root: list(walk(root).values()), "节点自己作键"),
        (ones_like_a_leaf, "np.ones_like"),
        (
            lambda root: {n: g for n, g in walk(root).items() if n is root or not n._parents},
            "不只叶子",
        ),
        (lambda root: walk(root, order=recursive_order), "不要递归"),
    ],
    "04.5": [
        (HalfDone, "每种运算一行"),
        (KeepsIntegers, "整数换成 float64"),
        (InheritsNothing, "任何一个输入要梯度"),
        (AlwaysRecords, "any(t.requires_grad"),
        (NeverQuiet, "先看 recording"),
        (ReturnsTheArray, "return 新造的 Tensor"),
        (Promotes, "转成 self.data.dtype"),
        (NoNumpyPriority, "__array_ufunc__"),
        (Overwrites, "是累加"),
        (SharesGrad, "只读视图"),
        (KeepsEverything, "用完就丢"),
        (TakesAnyShape, "从一个数出发"),
        (SwitchesToTrue, "套着用"),
        (WithoutFinally, "finally"),
        (KeepsParents, "留在内存"),
        (SubtractsBackwards, "__rsub__"),
        (MeanByOutput, "mean 的分母"),
        (Overflows, "exp(1000)"),
        (MeanOfAll, "mean 的分母"),
        (LogSoftmaxOverRows, "沿 axis 求和"),
        (Recursive, "不要递归"),
    ],
}


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [(number, answer, said) for number, cases in WRONG.items() for answer, said in cases],
)
def test_wrong_answers_get_their_own_hint(number: str, answer: Any, said: str) -> None:
    for seed in range(3):
        result = judge(number, answer, seed=seed)
        assert result.status == "failed", f"seed {seed}: {result}"
        last = result.steps[-1]
        told = f"{last.label} {last.hint} {last.detail}"
        assert any(part in told for part in said.split("|")), f"seed {seed}: {told}"


@pytest.mark.parametrize("number", ["04.1", "04.2", "04.3", "04.4", "04.5"])
def test_a_stub_is_unanswered(number: str) -> None:
    def function(*args, **kwargs):
        raise NotImplementedError

    class Stub:
        def __init__(self, *args, **kwargs):
            raise NotImplementedError

        mul = power = log = relu = matmul = sum = staticmethod(function)

    stub: Callable = {"04.3": Stub, "04.5": Stub}.get(number, function)
    assert judge(number, stub).status == "unanswered"
    assert judge(number, None).status == "unanswered"
    assert judge("04.5", Empty).status == "unanswered"


def test_half_an_answer_is_told_how_far_it_goes() -> None:
    class Half(ReferenceRules):
        @staticmethod
        def matmul(a, b):
            raise NotImplementedError

    result = judge("04.3", Half)
    assert result.status == "failed"
    assert [step.ok for step in result.steps].count(False) == 1
    assert "接着写" in result.steps[-1].hint


# --- what is said, what is earned, where the answer lives ---------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
def test_there_are_hints_that_lead_without_telling(number: str) -> None:
    assert_hints_lead_without_telling(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_the_lesson_uses_is_forbidden(number: str) -> None:
    from aigc_course.judging.forbidden import CallMonitor, static_findings

    exercise, answer = core.get(number), notebook_answer(number)
    assert static_findings(notebook_source(number), exercise.allows) == []
    with CallMonitor(exercise.allows, judge=exercise.judge.__code__) as monitor:
        assert judge(number, answer).passed
    assert monitor.findings == []


def test_a_part_that_was_not_written_may_be_lent() -> None:
    """``use("04.1", mine, otherwise=ex04.reference_topological_order)``, then 04.4."""
    from aigc_course.judging.forbidden import static_findings

    lent = "from aigc_course.exercises import ex04\norder = ex04.reference_topological_order\n"
    source = lent + "def gradients(root):\n    return order(root)\n"
    assert static_findings(source, core.get("04.4").allows) == []
    assert static_findings(source, core.get("04.1").allows) != []


@pytest.mark.parametrize("number", NUMBERS)
def test_failed_results_keep_their_secrets(number: str) -> None:
    if number == "04.2":  # the others take or return what has no numbers of its own
        for answer, _ in WRONG[number]:
            assert_keeps_its_secrets(number, answer)
    for answer, _ in WRONG[number]:  # nothing but counts of elements may depend on the numbers
        text = str(judge(number, answer, seed=1))
        assert not re.search(r"\d\.\d\d", text), text


@pytest.mark.parametrize("number", ["04.1", "04.2", "04.4"])
def test_answers_that_know_nothing_earn_nothing(number: str) -> None:
    nothing = know_nothings(core.get(number).reference)
    nothing |= {"empty": lambda *args: [], "only itself": lambda root, *rest: [root]}
    nothing |= {"only the root": lambda root, *rest: {root: np.ones(3)} if not rest else None}
    assert_worth_nothing(number, nothing)


class ZeroRules:
    mul = matmul = staticmethod(lambda a, b: (0 * a, lambda g: (0 * a, 0 * b)))
    power = staticmethod(lambda a, p: (0 * a, lambda g: (0 * a,)))
    log = relu = staticmethod(lambda a: (0 * a, lambda g: (0 * a,)))
    sum = staticmethod(lambda a, axis=None, keepdims=False: (a, lambda g: (a,)))


SHARES = [
    ("04.1", recursive_order, 0.5, 0.7),
    ("04.1", without_seen, 0.1, 0.3),
    ("04.1", seen_as_list, 0.5, 0.7),
    ("04.2", lambda g, shape: g.sum(axis=tuple(range(g.ndim - len(shape)))), 0.3, 0.6),
    ("04.3", ZeroRules, 0.0, 0.0),
    ("04.3", MulUnbroadcastsOne, 0.6, 0.9),
    ("04.3", ReluKeepsZero, 0.7, 0.95),
    ("04.4", added_in_place, 0.3, 0.6),
    ("04.4", written_into_grad, 0.7, 0.95),
    ("04.4", lambda root: walk(root, order=recursive_order), 0.7, 0.95),
    ("04.5", Overflows, 0.6, 0.9),
    ("04.5", Recursive, 0.8, 0.95),
    ("04.5", SharesGrad, 0.2, 0.5),
]


@pytest.mark.parametrize(("number", "answer", "low", "high"), SHARES)
def test_the_nearer_the_more(number: str, answer: Any, low: float, high: float) -> None:
    for seed in range(2):
        assert low <= earned(number, answer, seed) <= high


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", NUMBERS)
def test_odd_results_are_wrong_and_no_more(number: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(odd_values())
    def survives(value: Any) -> None:
        assert_survives(number, value)
        if number == "04.2":
            assert_survives(number, value, leaf=0)
        if number == "04.3":
            odd = type(
                "Odd", (ReferenceRules,), {"log": staticmethod(lambda a: (np.log(a), value))}
            )
            assert not judge(number, odd).passed
            back = staticmethod(lambda a: (np.log(a), lambda g: value))
            assert not judge(number, type("Odd", (ReferenceRules,), {"log": back})).passed
        if number == "04.4":
            assert not judge(number, lambda root: {root: value}).passed
        if number == "04.5":
            odd = type("Odd", (Tensor,), {"exp": lambda self: value})
            assert not judge(number, odd).passed

    survives()


ACROSS = [
    *RIGHT,
    *VARIANTS.items(),
    *((number, answer) for number, cases in WRONG.items() for answer, _ in cases),
]


@pytest.mark.parametrize(("number", "answer"), ACROSS)
def test_the_judge_says_the_same_of_an_answer_far_away(number: str, answer: Any) -> None:
    assert_same_remotely(number, answer)


def test_reference_order_agrees_with_the_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        order = reference_topological_order(ex04._graph(rng, 30))
        place = {node: i for i, node in enumerate(order)}
        assert all(place[p] < place[node] for node in order for p in node.parents)
