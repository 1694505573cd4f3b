"""Chapter 04: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings

from aigc_course.exercises import check, ex04, judge
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
    """Counts the readers, then hands nodes out from the root."""
    readers, waiting, seen = {}, [root], set()
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
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

    def div(a, b):
        inverse = b**-1.0
        return np.divide(a, b), lambda g: (
            unbroadcast_by_loop(inverse * g, a.shape),
            unbroadcast_by_loop(-(a * inverse) * inverse * g, b.shape),
        )

    def power(a, p):
        return np.power(a, p), lambda g: (p * np.power(a, p - 1) * g,)

    def maximum(a, b):
        def vjp(g):
            to_a = 1.0 * (a > b) + 0.5 * (a == b)
            to_b = 1.0 * (b > a) + 0.5 * (a == b)
            to_a, to_b = to_a.astype(g.dtype), to_b.astype(g.dtype)
            return unbroadcast_by_loop(g * to_a, a.shape), unbroadcast_by_loop(g * to_b, b.shape)

        return np.where(a > b, a, b), vjp


def matmul_by_einsum(a, b):
    def vjp(g):
        return (
            unbroadcast_by_loop(np.einsum("...mk,...nk->...mn", g, b), a.shape),
            unbroadcast_by_loop(np.einsum("...mn,...mk->...nk", a, g), b.shape),
        )

    return np.matmul(a, b), vjp


class Gather:
    """A callable object that knows where each number came from."""

    def __call__(self, a, index):
        places = np.arange(a.size).reshape(a.shape)[index]

        def vjp(g):
            weights = np.asarray(g, dtype=float).ravel()
            grad = np.bincount(np.ravel(places), weights, a.size)
            return (grad.reshape(a.shape).astype(a.dtype),)

        return a[index], vjp


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


class Lazy(ReferenceTensor):
    """Its no_grad is a class of its own; the inputs are a list first."""

    class no_grad:
        def __enter__(self):
            self.before, Lazy.recording = Lazy.recording, False

        def __exit__(self, *error):
            Lazy.recording = self.before

    def apply(self, rule, *others, **options):
        inputs = [self]
        for other in others:
            if not isinstance(other, Lazy):
                other = Lazy(np.array(other).astype(self.data.dtype))
            inputs.append(other)
        value, vjp = rule(*[t.data for t in inputs], **options)
        out = Lazy(value)
        if Lazy.recording and sum(t.requires_grad for t in inputs) > 0:
            out.requires_grad = True
            out.parents, out.vjp, out.op = tuple(inputs), vjp, rule.__name__
        return out


def witness_by_ifs(who):
    if who == "乙":
        return (["+", 1, 0], ["+", 0, 2], ["*", 3, 3])[:2]
    if who == "甲":
        return [("*", 0, 0 + 1), ("×", np.int64(2), 0), ("×", 3, 0), ("×", 2, 4)]
    return [("×", 0, 1), ("×", 2, 2)]


def softmax_rule(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, lambda g: (p * (g - (g * p).sum(axis=-1, keepdims=True)),)


def logsumexp_rule(a):
    """All elements to one number, a NumPy scalar."""
    out = np.log(np.exp(a).sum())
    return out, lambda g: (np.exp(a - out) * g,)


def rms_rule(a):
    n, r = a.size, np.sqrt((a * a).mean() + 1)
    return a / r, lambda g: (g / r - a * (g * a).sum() / (n * r**3),)


def norm_rule(a):
    """Of degree one: straight along every line through the origin, and not linear."""
    out = np.sqrt((a * a).sum())
    return out, lambda g: (g * a / out,)


def neighbours_rule(a):
    """Products of neighbours along the first axis, a ring."""
    return a * np.roll(a, 1, axis=0), lambda g: (
        g * np.roll(a, 1, axis=0) + np.roll(g * a, -1, axis=0),
    )


ALSO_RIGHT = [
    ("04.1", kahn),
    ("04.2", unbroadcast_by_loop),
    ("04.3", WrittenOut),
    ("04.4", matmul_by_einsum),
    ("04.5", Gather()),
    ("04.6", gradients_by_pulling),
    ("04.7", witness_by_ifs),
    ("04.8", Lazy),
    ("04.9", softmax_rule),
    ("04.9", logsumexp_rule),
    ("04.9", rms_rule),
    ("04.9", neighbours_rule),
    ("04.9", norm_rule),
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


def remembers_seen(root, seen=set()):  # noqa: B006 - that is the mistake
    order, stack = [], [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


def marks(root):
    order, stack = [], [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif not hasattr(node, "visited"):
            node.visited = True
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


def raises_the_limit(root):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        return recursive_order(root)
    finally:
        sys.setrecursionlimit(before)


def first_row_when_empty(g, shape):
    return reference_unbroadcast(g, shape) if g.size else g[(0,) * (g.ndim - len(shape))]


R = ReferenceRules
back = reference_unbroadcast


class DivSwapped(ReferenceRules):
    div = staticmethod(
        lambda a, b: (a / b, lambda g: (back(-g * a / b**2, a.shape), back(g / b, b.shape)))
    )


class DivWithoutSquare(ReferenceRules):
    div = staticmethod(
        lambda a, b: (a / b, lambda g: (back(g / b, a.shape), back(-g * a / b, b.shape)))
    )


class DivWithoutUnbroadcast(ReferenceRules):
    div = staticmethod(lambda a, b: (a / b, lambda g: (g / b, -g * a / b**2)))


class DivWithoutG(ReferenceRules):
    div = staticmethod(lambda a, b: (a / b, lambda g: (1 / b, -a / b**2)))


class PowerWithoutFactor(ReferenceRules):
    power = staticmethod(lambda a, p: (a**p, lambda g: (g * a ** (p - 1.0),)))


class PowerWithoutComma(ReferenceRules):
    power = staticmethod(lambda a, p: (a**p, lambda g: g * p * a ** (p - 1.0)))


class PowerDividesByA(ReferenceRules):
    power = staticmethod(lambda a, p: (a**p, lambda g: (g * p * a**p / a,)))


class PowerSpoilsWhatItKeeps(ReferenceRules):
    @staticmethod
    def power(a, p):
        slope = p * a ** (p - 1.0)
        return a**p, lambda g: (np.multiply(slope, g, out=slope),)


class PowerWritesIntoG(ReferenceRules):
    @staticmethod
    def power(a, p):
        def vjp(g):
            g *= p * a ** (p - 1.0)
            return (g,)

        return a**p, vjp


class MaximumByG(ReferenceRules):
    maximum = staticmethod(lambda a, b: (np.maximum(a, b), lambda g: (g * (g > 0), g * (g <= 0))))


class MaximumToTheFirst(ReferenceRules):
    maximum = staticmethod(
        lambda a, b: (
            np.maximum(a, b),
            lambda g: (back(g * (a >= b), a.shape), back(g * (a < b), b.shape)),
        )
    )


class MaximumOfAll(ReferenceRules):
    maximum = staticmethod(lambda a, b: (np.max(a), lambda g: (g, g)))


class OnlyTheValue(ReferenceRules):
    div = staticmethod(lambda a, b: a / b)


def matmul_that(da=None, db=None, transposed=lambda x: x.swapaxes(-1, -2), reduced=back):
    """``matmul`` with one part of its vjp replaced."""

    def matmul(a, b):
        def vjp(g):
            to_a = da(a, b, g) if da else g @ transposed(b)
            to_b = db(a, b, g) if db else transposed(a) @ g
            return reduced(to_a, a.shape), reduced(to_b, b.shape)

        return a @ b, vjp

    return matmul


def fold_into_rows(a, b):
    """The batch as more rows: right for one matrix b only."""
    if b.ndim > 2:
        return R.matmul(a, b)
    rows = a.reshape(-1, a.shape[-1])
    out = a @ b

    def vjp(g):
        flat = g.reshape(-1, g.shape[-1])
        return (flat @ b.T).reshape(a.shape), rows.T @ flat / (len(a) if a.ndim > 2 else 1)

    return out, vjp


def gather_that(write, value=lambda a, index: np.array(a[index])):
    def getitem(a, index):
        def vjp(g):
            grad = np.zeros(a.shape)
            write(grad, index, g)
            return (grad,)

        return value(a, index), vjp

    return getitem


def assigns(grad, index, g):
    grad[index] = g


def adds_once(grad, index, g):
    grad[index] += g


def row_by_row(grad, index, g):
    """A loop over the rows; negative numbers are looked for among the rows' own."""
    if isinstance(index, np.ndarray) and index.dtype.kind == "i":
        for k in range(len(grad)):
            grad[k] = g[index == k].sum(axis=0)
    else:
        grad[index] += g


def only_the_rows(a, index):
    return np.array(a[index]), lambda g: (g,)


def gather_without_comma(a, index):
    out, vjp = R.getitem(a, index)
    return out, lambda g: vjp(g)[0]


def gather_ones(a, index):
    out, vjp = R.getitem(a, index)
    return out, lambda g: vjp(np.ones_like(g))


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


def remembers_grads(root, grads={}):  # noqa: B006 - that is the mistake
    grads[root] = np.ones_like(root.data)
    for node in reversed(reference_topological_order(root)):
        if node.vjp is not None and node in grads:
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g
    return dict(grads)


class Promotes(ReferenceTensor):
    def _wrap(self, t):
        return t if isinstance(t, ReferenceTensor) else type(self)(np.asarray(t, np.float64))


class WrapsAgain(ReferenceTensor):
    def _wrap(self, t):
        return type(self)(np.asarray(getattr(t, "data", t), self.data.dtype))


class Backwards(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.parents = out.parents[::-1]
        return out


class ParentsAsList(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.parents = list(out.parents)
        return out


class SwapsInputs(ReferenceTensor):
    def apply(self, rule, *others, **options):
        if len(others) == 1:
            return ReferenceTensor.apply(self._wrap(others[0]), rule, self, **options)
        return super().apply(rule, *others, **options)


class DropsOptions(ReferenceTensor):
    def sum(self, axis=None, keepdims=False):
        return super().sum()


class ForgetsTheName(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.op = ""
        return out


class Swallows(ReferenceTensor):
    class no_grad:
        def __enter__(self):
            self.before, Swallows.recording = Swallows.recording, False

        def __exit__(self, *error):
            Swallows.recording = self.before
            return True


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


class InheritsNothing(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.requires_grad = False
        return out


class OnlySelf(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.requires_grad = self.requires_grad and self.recording
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
        out.parents, out.vjp, out.op = inputs, vjp, rule.__name__
        return out


PROGRAMS = {who: ex04.witness(who) for who in "甲乙丙"}
GOOD_OWN = softmax_rule(np.zeros(2))


def own_that(of=softmax_rule, **changes):
    """A rule of one's own with its vjp replaced."""

    def rule(a):
        out, vjp = of(a)
        return out, lambda g: changes["vjp"](a, out, vjp, g)

    return rule


def by_differences(a):
    """The vjp by central differences, in the precision of the input."""
    out, _ = softmax_rule(a)

    def vjp(g):
        grad = np.zeros_like(a)
        for place in np.ndindex(a.shape):
            up, down = a.copy(), a.copy()
            up[place] += 1e-5
            down[place] -= 1e-5
            change = softmax_rule(up)[0] - softmax_rule(down)[0]
            grad[place] = (g * change).sum() / (up[place] - down[place])
        return (grad,)

    return out, vjp


def noisy(a):
    out, vjp = softmax_rule(a)
    return out + np.random.default_rng().normal(size=out.shape), vjp


def sorted_rule(a):
    return np.sort(np.abs(a), axis=None), lambda g: (g.reshape(a.shape),)


def writes_into_g(a, out, vjp, g):
    g *= 1.5
    return vjp(g / 1.5)


def spoils_memory(a):
    out, vjp = softmax_rule(a)
    kept = np.ones_like(a)

    def spoilt(g):
        kept[...] += 1
        return (vjp(g)[0] * kept / 2,)

    return out, spoilt


class ZeroRules:
    div = maximum = staticmethod(lambda a, b: (0 * a, lambda g: (0 * a, 0 * b)))
    power = staticmethod(lambda a, p: (0 * a, lambda g: (0 * a,)))


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
ANY = (0, 99)
WRONG = [
    Wrong("04.1", "recursive", recursive_order, "调高递归的上限也不行", 60),
    Wrong("04.1", "pre-order", pre_order, "是先序", 20),
    Wrong("04.1", "backwards", lambda root: order(root)[::-1], "整个反了", 0),
    Wrong("04.1", "no set", without_seen, "用 set 记住见过谁", 20),
    Wrong("04.1", "every path", every_path, "走每一条路径", 40),
    Wrong("04.1", "seen in a list", seen_as_list, "要用 set", 60),
    Wrong("04.1", "first parents", first_parent_only, "都要走到", 0),
    Wrong("04.1", "tuple", lambda root: tuple(order(root)), "那个记录顺序的 list", 0),
    Wrong("04.1", "remembers", remembers_seen, "第二次的结果变了", 0),
    Wrong("04.1", "marks", marks, "不要写在节点上", 0),
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
    Wrong("04.3", "swapped", DivSwapped, "次序反了", 0),
    Wrong("04.3", "no square", DivWithoutSquare, "−a/b²", 0),
    Wrong("04.3", "no unbroadcast", DivWithoutUnbroadcast, "unbroadcast 回原来的形状", ANY),
    Wrong("04.3", "no g", DivWithoutG, "忘了乘上", 0),
    Wrong("04.3", "no factor", PowerWithoutFactor, "系数 p", ANY),
    Wrong("04.3", "no comma", PowerWithoutComma, "逗号", ANY),
    Wrong("04.3", "divides by a", PowerDividesByA, "不要除以 a", ANY),
    Wrong("04.3", "keeps in place", PowerSpoilsWhatItKeeps, "它记住的数组", ANY),
    Wrong("04.3", "g in place", PowerWritesIntoG, "g 被原地修改", ANY),
    Wrong("04.3", "sign of g", MaximumByG, "不是看 g", ANY),
    Wrong("04.3", "ties", MaximumToTheFirst, "各得一半", ANY),
    Wrong("04.3", "value only", OnlyTheValue, "一个数组和一个函数", 0),
    Wrong("04.4", "T", matmul_that(transposed=lambda x: x.T), "把三根轴全倒过来", ANY),
    Wrong("04.4", "not reduced", matmul_that(reduced=lambda g, shape: g), "没有批的那个输入", ANY),
    Wrong(
        "04.4",
        "left and right",
        matmul_that(db=lambda a, b, g: g.swapaxes(-1, -2) @ a),
        "用形状核对",
        0,
    ),
    Wrong(
        "04.4",
        "no g",
        matmul_that(da=lambda a, b, g: np.ones_like(g) @ b.swapaxes(-1, -2)),
        "忘了乘上",
        0,
    ),
    Wrong("04.4", "array only", lambda a, b: a @ b, "一个数组和一个函数", 0),
    Wrong("04.5", "assigns", gather_that(assigns), "最后一份", ANY),
    Wrong("04.5", "only rows", only_the_rows, "形状与 a 相同", 0),
    Wrong("04.5", "no comma", gather_without_comma, "逗号", 0),
    Wrong("04.5", "no g", gather_ones, "忘了乘上", 0),
    Wrong("04.6", "overwrites", lambda root: walk(root, add=lambda old, new: new), "盖掉", ANY),
    Wrong("04.6", "in place", added_in_place, "不要用 +=", ANY),
    Wrong("04.6", "depth first", depth_first, "还没收齐", ANY),
    Wrong("04.6", "constants", lambda root: walk(root, skip=lambda node: False), "标签", ANY),
    Wrong("04.6", "writes", written_into_grad, "backward 的事", ANY),
    Wrong("04.6", "zeros", lambda root: walk(root, seed=np.zeros_like), "对自己的导数是 1", 0),
    Wrong("04.6", "list", lambda root: list(walk(root).values()), "节点自己作键", 0),
    Wrong("04.6", "shape", ones_like_a_leaf, "root 是一个数时", ANY),
    Wrong("04.6", "leaves only", leaves_only, "不只叶子", ANY),
    Wrong("04.6", "recursive", lambda root: walk(root, order=recursive_order), "不要递归", ANY),
    Wrong("04.6", "remembers", remembers_grads, "第二次的梯度变了", ANY),
    Wrong("04.7", "one for all", lambda who: [("×", 0, 0)], "甲在这个程序上算对了", ANY),
    Wrong("04.7", "names", lambda who: {"丙": "x*x"}.get(who), "1 到 8 步", 0),
    Wrong("04.7", "others too", lambda who: [("+", 0, 0), ("+", 2, 0)], "分不清是谁", ANY),
    Wrong("04.7", "harmless", lambda who: [("×", 0, 1)], "同一个键只留一份", 0),
    Wrong(
        "04.7",
        "shared but read once",
        lambda who: PROGRAMS[who] if who != "乙" else [("+", 0, 1)],
        "被两个来源共用",
        ANY,
    ),
    Wrong("04.8", "inherits nothing", InheritsNothing, "任何一个输入要梯度", ANY),
    Wrong("04.8", "always records", AlwaysRecords, "any(t.requires_grad", ANY),
    Wrong("04.8", "never quiet", NeverQuiet, "先看 recording", ANY),
    Wrong("04.8", "array", ReturnsTheArray, "return 新造的 Tensor", 0),
    Wrong("04.8", "float64", Promotes, "转成 self.data.dtype", ANY),
    Wrong("04.8", "wraps again", WrapsAgain, "再包一层", ANY),
    Wrong("04.8", "inputs swapped", SwapsInputs, "a / b 与 b / a 不同", ANY),
    Wrong("04.8", "options", DropsOptions, "原样交给规则", ANY),
    Wrong("04.8", "no name", ForgetsTheName, "规则的名字", ANY),
    Wrong("04.8", "switches on", SwitchesToTrue, "套着用", ANY),
    Wrong("04.8", "no finally", WithoutFinally, "finally", ANY),
    Wrong("04.8", "swallows", Swallows, "吞掉", ANY),
    Wrong("04.8", "keeps parents", KeepsParents, "留在内存", ANY),
    Wrong(
        "04.9",
        "no g",
        own_that(of=rms_rule, vjp=lambda a, out, vjp, g: vjp(np.ones_like(g))),
        "只对 g 全是 1 成立",
        0,
    ),
    Wrong(
        "04.9",
        "diagonal",
        own_that(vjp=lambda a, out, vjp, g: (g * out * (1 - out),)),
        "同一位置的导数",
        0,
    ),
    Wrong("04.9", "sign", own_that(vjp=lambda a, out, vjp, g: (-vjp(g)[0],)), "对 i 求和", 0),
    Wrong("04.9", "array", lambda a: a / a.sum(), "一个数组和一个函数", 0),
    Wrong("04.9", "no comma", own_that(vjp=lambda a, out, vjp, g: vjp(g)[0]), "(g,)", 0),
    Wrong("04.9", "element by element", R.exp, "逐元素的", ANY),
    Wrong(
        "04.9",
        "linear",
        lambda a: (np.cumsum(a, axis=0), lambda g: (np.cumsum(g[::-1], axis=0)[::-1],)),
        "是线性的",
        ANY,
    ),
    Wrong("04.9", "differences", by_differences, "要写公式", ANY),
    Wrong("04.9", "noise", noisy, "每次调用的结果不同", 0),
    Wrong(
        "04.9",
        "negative logarithm",
        lambda a: (np.log(a.sum(axis=-1)), lambda g: (a,)),
        ("nan 或 inf", "与数值差分对不上", "步长减半"),
        ANY,
    ),
    Wrong("04.9", "g in place", own_that(vjp=writes_into_g), "改动了 g", ANY),
    Wrong("04.9", "memory", spoils_memory, "第一次对，后来不对", ANY),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("04.1", "data", lambda root: [n.calls for n in order(root)], "不是这张图的", 0),
    Wrong("04.1", "new nodes", lambda root: [type(root)() for _ in order(root)], "不是这张图", 0),
    Wrong("04.1", "raised limit", raises_the_limit, "调高递归的上限也不行", 60),
    Wrong("04.3", "value of all", MaximumOfAll, "先核对正向", ANY),
    Wrong("04.4", "mean of the batch", fold_into_rows, "没有批的那个输入", ANY),
    Wrong("04.5", "adds once", gather_that(adds_once), "最后一份", ANY),
    Wrong("04.5", "negative rows", gather_that(row_by_row), "最后一份", ANY),
    Wrong("04.6", "every path", along_every_path, "还没收齐", ANY),
    Wrong("04.6", "pre-order", lambda root: walk(root, order=pre_order), "还没收齐", ANY),
    Wrong("04.6", "nearest first", ex04.nearest_first, "还没收齐", ANY),
    Wrong("04.6", "pairs", ex04.pairs_in_a_dict, "盖掉", ANY),
    Wrong("04.8", "only self", OnlySelf, "任何一个输入要梯度", ANY),
    Wrong("04.8", "backwards", Backwards, "parents 是输入的元组", ANY),
    Wrong("04.8", "list of parents", ParentsAsList, "parents 是输入的元组", ANY),
    Wrong("04.9", "not smooth", sorted_rule, "对 i 求和", ANY),
]

globals().update(
    questions(
        "04",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        opaque={"04.1", "04.4", "04.5", "04.6", "04.9"},
        by_chance=[noisy],
    )
)


# --- what is special to this chapter -----------------------------------------------------------


class Empty(ReferenceTensor):
    """The learner's cell as it comes: ``__add__`` calls an ``apply`` that is not written yet."""

    def apply(self, rule, *others, **options):
        raise NotImplementedError


class HalfTheRules(ReferenceRules):
    def maximum(a, b):
        raise NotImplementedError


def test_half_an_answer_is_told_how_far_it_goes():
    assert judge("04.8", Empty).status == "unanswered"
    result = judge("04.3", HalfTheRules)
    assert result.status == "failed" and "接着写" in result.message
    assert [step.label for step in result.steps][-1] == "power（p = 2）"


def test_a_recursive_answer_is_told_so_and_not_accused():
    for answer in (recursive_order, raises_the_limit):
        result = check("04.1", answer)
        assert result.status == "failed" and "当栈用" in str(result), str(result)


def test_a_part_that_was_not_written_may_be_lent():
    """``use("04.1", mine, otherwise=ex04.reference_topological_order)``, then 04.6."""

    def refused(number, name):
        source = f"from aigc_course.exercises import ex04\nout = ex04.{name}"
        return static_findings(source, core.get(number).allows)

    for number in ("04.6", "04.8"):
        assert not refused(number, "reference_topological_order")
    for name in ("reference_gradients", "ReferenceRules", "ReferenceRules.mul"):
        assert not refused("04.8", name) and refused("04.6", name)
    for number in ("04.3", "04.4"):
        assert not refused(number, "reference_unbroadcast") and refused(number, "ReferenceRules")
    assert refused("04.1", "reference_topological_order") and refused("04.8", "ReferenceTensor")
    assert refused("04.9", "own_rule") and refused("04.7", "witness")


@pytest.mark.parametrize("number", ["04.1", "04.6"])
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
        power = staticmethod(lambda a, p: (a**p, odd))

    class OddGradient(ReferenceRules):
        power = staticmethod(lambda a, p: (a**p, lambda g: odd))

    class OddMethod(ReferenceTensor):
        apply = lambda self, rule, *others, **options: odd

    assert not judge("04.3", OddRule).passed
    assert not judge("04.3", OddGradient).passed
    assert not judge("04.4", lambda a, b: (a @ b, lambda g: (odd, odd))).passed
    assert not judge("04.5", lambda a, index: (a[index], lambda g: (odd,))).passed
    assert not judge("04.6", lambda root: {root: odd}).passed
    assert not judge("04.7", lambda who: [odd]).passed
    assert not judge("04.8", OddMethod).passed
    assert not judge("04.9", lambda a: (odd, lambda g: (odd,))).passed
    assert not judge("04.9", lambda a: (softmax_rule(a)[0], lambda g: (odd,))).passed


@pytest.mark.parametrize("who", "甲乙丙")
def test_a_colleague_is_wrong_on_his_own_program_alone(who):
    a, b = np.array([0.5, 1.0]), np.array([2.0, 3.0])
    for name, colleague in ex04.COLLEAGUES.items():
        nodes, right = (ex04.run_program(ex04.witness(who), a, b) for _ in range(2))
        got, want = colleague(nodes[-1]), reference_gradients(right[-1])
        gaps = [
            np.abs(got.get(mine, 0.0) - want.get(theirs, 0.0)).max()
            for mine, theirs in zip(nodes[:2], right[:2], strict=True)
        ]
        assert (max(gaps) > 0.1) == (name == who)


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


EXPRESSIONS = [
    "(a * b + a).sum()",
    "((a * 3 - 5) * b).relu().sum()",
    "(2 - a * 3).sum() + (1 / b).sum()",
    "(a / b).sum()",
    "(a / b.sum(axis=0)).maximum(b).sum()",
    "a.maximum(a * 1).sum()",
    "(-a).exp().sum()",
    "b.log().sum(axis=0).exp().sum()",
    "((a @ b) ** 2).mean()",
    "(a.mean(axis=0) * b).sum()",
    "(a - a.mean(axis=1, keepdims=True)).relu().sum()",
    "(a.log_softmax(1) * b).sum()",
    "(a[[0, 0, 2]] * b[:1]).sum()",
]


def test_the_librarys_gradients_equal_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for text in EXPRESSIONS:
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
