"""Notebook 04's judges: right answers pass, each typical mistake is told apart from the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from aigc_course.exercises import ex04, judge
from aigc_course.exercises.ex04 import (
    ReferenceRules,
    reference_gradients,
    reference_topological_order,
    reference_unbroadcast,
)

SEEDS = range(20)

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
]


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers_pass(number: str, answer: Any) -> None:
    for seed in SEEDS:
        result = judge(number, answer, seed=seed)
        assert result.passed, f"seed {seed}\n{result}"


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
    ],
    "04.2": [
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
    ],
    "04.5": [
        (HalfDone, "每种运算一行"),
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
    ],
}


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [(number, answer, said) for number, cases in WRONG.items() for answer, said in cases],
)
def test_wrong_answers_get_their_own_hint(number: str, answer: Any, said: str) -> None:
    for seed in range(5):
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


def test_hints_do_not_give_expected_values_away() -> None:
    """The text of a failed step is the same whatever the hidden numbers were."""
    texts = {str(judge("04.4", lambda root: walk(root, add=lambda a, b: b), seed=s)) for s in SEEDS}
    assert len(texts) == 1


def test_reference_order_agrees_with_the_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        order = reference_topological_order(ex04._graph(rng, 30))
        place = {node: i for i, node in enumerate(order)}
        assert all(place[p] < place[node] for node in order for p in node.parents)
