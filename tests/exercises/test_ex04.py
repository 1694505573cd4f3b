"""Chapter 04: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings

from aigc_course.exercises import ex04, judge
from aigc_course.exercises.ex04_autograd import (
    ReferenceRules,
    ReferenceTensor,
    reference_gradients,
    reference_topological_order,
    reference_unbroadcast,
)
from aigc_course.judging import core
from aigc_course.judging.forbidden import static_findings
from tests.support.common_questions import questions
from tests.support.harness import Wrong, assert_worth_nothing, odd_values

# --- other right answers -----------------------------------------------------------------------


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
    order = reference_topological_order(root)
    grads = {node: np.zeros(node.data.shape) for node in order}
    grads[root] = np.ones(root.data.shape)
    for node in order[::-1]:
        if node.vjp:
            back = node.vjp(grads[node])
            for parent, g in zip(node.parents, back, strict=True):
                grads[parent] = np.add(grads[parent], g)
    return {node: g for node, g in grads.items() if node.requires_grad}


def backward_that(
    writes=lambda old, g: np.array(g) if old is None else old + g,
    into=lambda node: not node.parents,
    scalar_only=True,
    gradients=reference_gradients,
):
    """``backward`` with one part of it replaced."""

    def backward(self):
        if scalar_only and self.data.size != 1:
            raise ValueError("not a scalar")
        for node, g in gradients(self).items():
            if into(node):
                node.grad = writes(node.grad, g)

    return backward


class Lazy(ReferenceTensor):
    """Never copies, never adds in place; its no_grad is a class of its own."""

    backward = backward_that(writes=lambda old, g: g if old is None else old + g)

    class no_grad:
        def __enter__(self):
            self.before, Lazy.recording = Lazy.recording, False

        def __exit__(self, *error):
            Lazy.recording = self.before

    def log_softmax(self, axis):
        z = self - Lazy(self.data.max(axis=axis, keepdims=True))
        return z - z.exp().sum(axis=axis, keepdims=True).log()


ALSO_RIGHT = [
    ("04.1", kahn),
    ("04.2", unbroadcast_by_loop),
    ("04.3", WrittenOut),
    ("04.4", gradients_by_pulling),
    ("04.5", Lazy),
]


# --- wrong answers -----------------------------------------------------------------------------


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
    out = np.array(reference_unbroadcast(g, shape))
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


class SumCountsFromTheFront(ReferenceRules):
    @staticmethod
    def sum(a, axis=None, keepdims=False):
        value, vjp = ReferenceRules.sum(a, axis, keepdims)
        return value, vjp if axis is None or axis >= 0 else lambda g: (g,)


class LogSpoilsWhatItKeeps(ReferenceRules):
    @staticmethod
    def log(a):
        slope = 1 / a
        return np.log(a), lambda g: (np.multiply(slope, g, out=slope),)


class ReluSpoilsItsInput(ReferenceRules):
    relu = staticmethod(lambda a: (np.maximum(a, 0, out=a), lambda g: (g * (a > 0),)))


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
    grads = {}

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


class NoNumpyPriority(ReferenceTensor):
    __array_ufunc__ = np.ndarray.__array_ufunc__


class Promotes(ReferenceTensor):
    def _wrap(self, t):
        return t if isinstance(t, ReferenceTensor) else type(self)(np.asarray(t, np.float64))


class Overwrites(ReferenceTensor):
    backward = backward_that(writes=lambda old, g: np.array(g))


class SharesGrad(ReferenceTensor):
    backward = backward_that(writes=lambda old, g: g if old is None else np.add(old, g, out=old))


class KeepsEverything(ReferenceTensor):
    backward = backward_that(into=lambda node: True)


class TakesAnyShape(ReferenceTensor):
    backward = backward_that(scalar_only=False)


class Recursive(ReferenceTensor):
    backward = backward_that(gradients=lambda root: walk(root, order=recursive_order))


class SwitchesToTrue(ReferenceTensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        cls.recording = False
        try:
            yield
        finally:
            cls.recording = True


class WithoutFinally(ReferenceTensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        before, cls.recording = cls.recording, False
        yield
        cls.recording = before


class LogSoftmaxOverRows(ReferenceTensor):
    def log_softmax(self, axis):
        return super().log_softmax(1)


class MeanOfAll(ReferenceTensor):
    def mean(self, axis=None, keepdims=False):
        return self.sum(axis, keepdims) * (1 / self.data.size)


class KeepsIntegers(ReferenceTensor):
    def __init__(self, data, requires_grad=False):
        super().__init__(data, requires_grad)
        self.data = np.asarray(data)


class InheritsNothing(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.requires_grad = False
        return out


class AlwaysRecords(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.requires_grad = type(self).recording
        return out


class NeverQuiet(ReferenceTensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        yield


class ReturnsTheArray(ReferenceTensor):
    def apply(self, rule, *others, **options):
        return super().apply(rule, *others, **options).data


class KeepsParents(ReferenceTensor):
    def apply(self, rule, *others, **options):
        inputs = (self, *(self._wrap(t) for t in others))
        value, vjp = rule(*(t.data for t in inputs), **options)
        out = type(self)(value)
        out.requires_grad = type(self).recording and any(t.requires_grad for t in inputs)
        out.parents, out.vjp = inputs, vjp
        return out


class MeanByOutput(ReferenceTensor):
    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (1 / total.data.size)


class Overflows(ReferenceTensor):
    def log_softmax(self, axis):
        return self - self.exp().sum(axis, keepdims=True).log()


class DividesByData(ReferenceTensor):
    def __truediv__(self, other):
        return self * getattr(other, "data", other) ** -1.0


class LogSoftmaxOfData(ReferenceTensor):
    def log_softmax(self, axis):
        z = self - self.data.max(axis=axis, keepdims=True)
        return z - np.log(np.exp(z.data).sum(axis=axis, keepdims=True))


class SubtractsBackwards(ReferenceTensor):
    def __rsub__(self, other):
        return self - other


class HalfDone:
    """What the learner's cell holds after the first method only: nothing but ``__add__``."""

    recording = True
    __add__ = ReferenceTensor.__add__
    __init__ = ReferenceTensor.__init__
    apply = ReferenceTensor.apply
    _wrap = lambda self, t: t if isinstance(t, HalfDone) else HalfDone(t)


class ZeroRules:
    mul = matmul = staticmethod(lambda a, b: (0 * a, lambda g: (0 * a, 0 * b)))
    power = staticmethod(lambda a, p: (0 * a, lambda g: (0 * a,)))
    log = relu = staticmethod(lambda a: (0 * a, lambda g: (0 * a,)))
    sum = staticmethod(lambda a, axis=None, keepdims=False: (a, lambda g: (a,)))


def leaves_only(root):
    return {n: g for n, g in walk(root).items() if n is root or not n._parents}


def all_extra_axes(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def first_copy(g, shape):
    first = g[(0,) * (g.ndim - len(shape))]
    return first[tuple(slice(0, n) for n in shape)]


def axes_by_length(g, shape):
    if g.ndim == len(shape):
        return reference_unbroadcast(g, shape)
    return g.sum(axis=tuple(i for i, n in enumerate(g.shape) if n not in shape))


def only_one_axis(g, shape):
    return all_extra_axes(g, shape).sum(axis=shape.index(1) if 1 in shape else (), keepdims=True)


def first_axis_only(g, shape):
    return g.sum(axis=0) if g.ndim > len(shape) else g


def mean_of_copies(g, shape):
    right = reference_unbroadcast(g, shape)
    return right * (right.size / g.size)


order = reference_topological_order
WRONG = [
    Wrong("04.1", "recursive", recursive_order, "当栈用", 60),
    Wrong("04.1", "pre-order", pre_order, "是先序", 20),
    Wrong("04.1", "backwards", lambda root: order(root)[::-1], "整个反了", 0),
    Wrong("04.1", "no set", without_seen, "用 set 记住见过谁", 20),
    Wrong("04.1", "every path", every_path, "走每一条路径", 40),
    Wrong("04.1", "seen in a list", seen_as_list, "要用 set", 60),
    Wrong("04.1", "first parents", first_parent_only, "都要走到", 0),
    Wrong("04.1", "tuple", lambda root: tuple(order(root)), "那个记录顺序的 list", 0),
    Wrong("04.2", "in place", clears_its_input, "原地修改", 0),
    Wrong("04.2", "axis of 1", keeps_axes_of_one, "哪怕长度是 1", 84),
    Wrong("04.2", "as it came", lambda g, shape: g, "都在最前面", 0),
    Wrong("04.2", "first axis", first_axis_only, "几根由", 20),
    Wrong("04.2", "not stretched", all_extra_axes, "keepdims=True", 40),
    Wrong("04.2", "mean", mean_of_copies, "不是取平均", 0),
    Wrong("04.2", "by length", axes_by_length, "从右往左对齐", 20),
    Wrong("04.2", "one axis", only_one_axis, "不只一根", 60),
    Wrong("04.2", "one copy", first_copy, "所有份", 0),
    Wrong("04.3", "zeros", ZeroRules, "先核对正向", 0),
    Wrong("04.3", "no swap", MulWithoutSwap, "∂(ab)/∂a = b", 0),
    Wrong("04.3", "one unbroadcast", MulUnbroadcastsOne, "unbroadcast 回原来的形状", 67),
    Wrong("04.3", "no factor", PowerWithoutFactor, "系数 p", 10),
    Wrong("04.3", "no g", LogWithoutG, "忘了乘上", 20),
    Wrong("04.3", "no comma", LogWithoutComma, "逗号", 20),
    Wrong("04.3", "sign of g", ReluByG, "不是 g 的", 31),
    Wrong("04.3", "in place", ReluInPlace, "g 被原地修改", 31),
    Wrong("04.3", "keeps in place", LogSpoilsWhatItKeeps, "它记住的数组", 20),
    Wrong("04.3", "input in place", ReluSpoilsItsInput, "a 被原地修改", 31),
    Wrong("04.3", "no transpose", MatmulWithoutTranspose, "谁转置", 41),
    Wrong("04.3", "axis lost", SumWithoutExpand, "np.expand_dims 放回去", 84),
    Wrong("04.3", "axis twice", SumAlwaysExpands, "不要再 expand_dims", 95),
    Wrong("04.3", "value only", OnlyTheValue, "一个数组和一个函数", 0),
    Wrong("04.3", "divides by a", PowerDividesByA, "不要除以 a", 77),
    Wrong("04.3", "keeps zero", ReluKeepsZero, "不是 a >= 0", 82),
    Wrong("04.4", "overwrites", lambda root: walk(root, add=lambda old, new: new), "盖掉", 13),
    Wrong("04.4", "in place", added_in_place, "不要用 +=", 33),
    Wrong("04.4", "depth first", depth_first, "还没收齐", 47),
    Wrong("04.4", "constants", lambda root: walk(root, skip=lambda node: False), "标签", 73),
    Wrong("04.4", "writes", written_into_grad, "backward 的事", 87),
    Wrong("04.4", "zeros", lambda root: walk(root, seed=np.zeros_like), "对自己的导数是 1", 0),
    Wrong("04.4", "list", lambda root: list(walk(root).values()), "节点自己作键", 0),
    Wrong("04.4", "shape", ones_like_a_leaf, "np.ones_like", 27),
    Wrong("04.4", "leaves only", leaves_only, "不只叶子", 60),
    Wrong("04.4", "recursive", lambda root: walk(root, order=recursive_order), "不要递归", 93),
    Wrong("04.5", "half", HalfDone, "每种运算一行", 8),
    Wrong("04.5", "integers", KeepsIntegers, "整数换成 float64", 8),
    Wrong("04.5", "inherits nothing", InheritsNothing, "任何一个输入要梯度", 8),
    Wrong("04.5", "always records", AlwaysRecords, "any(t.requires_grad", 8),
    Wrong("04.5", "never quiet", NeverQuiet, "先看 recording", 8),
    Wrong("04.5", "array", ReturnsTheArray, "return 新造的 Tensor", 0),
    Wrong("04.5", "float64", Promotes, "转成 self.data.dtype", 23),
    Wrong("04.5", "NumPy first", NoNumpyPriority, "__array_ufunc__", 23),
    Wrong("04.5", "overwrites", Overwrites, "是累加", 31),
    Wrong("04.5", "shares", SharesGrad, "只读视图", 38),
    Wrong("04.5", "keeps all", KeepsEverything, "用完就丢", 38),
    Wrong("04.5", "any shape", TakesAnyShape, "从一个数出发", 38),
    Wrong("04.5", "switches on", SwitchesToTrue, "套着用", 8),
    Wrong("04.5", "no finally", WithoutFinally, "finally", 8),
    Wrong("04.5", "keeps parents", KeepsParents, "留在内存", 8),
    Wrong("04.5", "rsub", SubtractsBackwards, "__rsub__", 46),
    Wrong("04.5", "divisor", DividesByData, ("a / b = a * b**-1", "没有传到"), 50),
    Wrong("04.5", "mean by output", MeanByOutput, "mean 的分母", 65),
    Wrong("04.5", "overflows", Overflows, "exp(1000)", 85),
    Wrong("04.5", "axis", LogSoftmaxOverRows, "沿 axis 求和", 81),
    Wrong("04.5", "recursive", Recursive, "不要递归", 92),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("04.1", "data", lambda root: [n.data for n in order(root)], "不是这张图的", 0),
    Wrong("04.1", "new nodes", lambda root: [type(root)() for _ in order(root)], "不是这张图", 0),
    Wrong("04.3", "negative axis", SumCountsFromTheFront, "np.expand_dims 放回去", 90),
    Wrong("04.3", "no unbroadcast", MulWithoutUnbroadcast, "unbroadcast 回原来的形状", 62),
    Wrong("04.4", "every path", along_every_path, "还没收齐", 60),
    Wrong("04.4", "pre-order", lambda root: walk(root, order=pre_order), "还没收齐", 60),
    Wrong("04.5", "constant divisor", LogSoftmaxOfData, "沿 axis 求和", 77),
    Wrong("04.5", "mean of all", MeanOfAll, "mean 的分母", 69),
]

globals().update(
    questions(
        "04",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        opaque={"04.1", "04.4"},
        let_pass={"04.2": ["float32", "stale"]},
    )
)


# --- what is special to this chapter -----------------------------------------------------------


class Empty(HalfDone):
    """The learner's cell as it comes: ``__add__`` calls an ``apply`` that is not written yet."""

    def apply(self, rule, *others, **options):
        raise NotImplementedError


class HalfTheRules(ReferenceRules):
    def matmul(a, b):
        raise NotImplementedError


def test_half_an_answer_is_told_how_far_it_goes():
    assert judge("04.5", Empty).status == "unanswered"
    result = judge("04.3", HalfTheRules)
    assert result.status == "failed" and "接着写" in result.message
    assert [step.label for step in result.steps][-1] == "relu"


def test_a_part_that_was_not_written_may_be_lent():
    """``use("04.1", mine, otherwise=ex04.reference_topological_order)``, then 04.4."""

    def refused(number, name):
        source = f"from aigc_course.exercises import ex04\nout = ex04.{name}"
        return static_findings(source, core.get(number).allows)

    for number in ("04.4", "04.5"):
        assert not refused(number, "reference_topological_order")
    for name in ("reference_gradients", "ReferenceRules", "ReferenceRules.mul"):
        assert not refused("04.5", name) and refused("04.4", name)
    assert not refused("04.3", "reference_unbroadcast") and refused("04.3", "ReferenceRules")
    assert refused("04.1", "reference_topological_order") and refused("04.5", "ReferenceTensor")


@pytest.mark.parametrize("number", ["04.1", "04.4"])
def test_answers_about_nodes_that_know_nothing_earn_nothing(number):
    nothing = {
        "no return": lambda root: None,
        "empty": lambda root: [],
        "only itself": lambda root: [root],
        "no gradients": lambda root: {},
        "only the root": lambda root: {root: np.ones_like(root.data)},
        "noise": lambda root: {n: np.random.default_rng().normal() for n in order(root)},
    }
    assert_worth_nothing(number, nothing)


@pytest.mark.filterwarnings("ignore")
@given(odd=odd_values())
@settings(max_examples=25, deadline=None)
def test_no_odd_part_of_a_right_answer_passes(odd):
    class OddRule(ReferenceRules):
        log = staticmethod(lambda a: (np.log(a), odd))

    class OddGradient(ReferenceRules):
        log = staticmethod(lambda a: (np.log(a), lambda g: odd))

    class OddMethod(ReferenceTensor):
        exp = lambda self: odd

    assert not judge("04.3", OddRule).passed
    assert not judge("04.3", OddGradient).passed
    assert not judge("04.4", lambda root: {root: odd}).passed
    assert not judge("04.5", OddMethod).passed


# --- the library's version ---------------------------------------------------------------------


def test_the_librarys_order_is_one():
    x = ReferenceTensor(1.0, requires_grad=True)
    nodes, rng = [x], np.random.default_rng(0)
    for _ in range(60):
        i, j = rng.integers(len(nodes), size=2)
        nodes.append(nodes[i] * nodes[j] if i % 2 else nodes[i] + nodes[-1])
    found = order(nodes[-1])
    place = {node: i for i, node in enumerate(found)}
    assert len(place) == len(found) and found[-1] is nodes[-1]
    assert all(place[parent] < place[node] for node in found for parent in node.parents)


def test_the_librarys_gradients_equal_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for text in ex04._EXPRESSIONS:
        a = rng.uniform(0.3, 2.0, size=(3, 4))
        b = rng.uniform(0.3, 2.0, size=(4, 2) if "@" in text else (3, 4))
        mine = [ReferenceTensor(x, requires_grad=True) for x in (a, b)]
        theirs = [torch.tensor(x, requires_grad=True) for x in (a, b)]
        got, want = (eval(text, dict(zip("ab", pair, strict=True))) for pair in (mine, theirs))
        assert got.data == pytest.approx(want.item(), rel=1e-12), text
        got.backward()
        want.backward()
        for x, y in zip(mine, theirs, strict=True):
            assert (x.grad is None) == (y.grad is None), text
            if x.grad is not None:
                np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=1e-10, atol=1e-14)
