"""Chapter 04: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial

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
    return {node: g for node, g in grads.items() if node.requires_grad or node is root}


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


def smooth_norm_rule(a):
    """Bends within a millionth of 0, and is smooth."""
    out = np.sqrt((a * a).sum() + 1e-12)
    return out, lambda g: (g * a / out,)


def variance_rule(a):
    """Does not change at all where there is only one entry."""
    c = a - a.mean(axis=-1, keepdims=True)
    return (c**2).mean(axis=-1), lambda g: (2 * g[..., None] * c / a.shape[-1],)


def layer_norm_rule(a):
    """Steep where all entries are equal."""
    c = a - a.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)
    y, mean = c * s, lambda x: x.mean(axis=-1, keepdims=True)
    return y, lambda g: (s * (g - mean(g) - y * mean(g * y)),)


def steep_rule(a):
    """Flat over most of where it is asked."""
    t = np.tanh(8 * a)
    total = t.sum(-1, keepdims=True)
    return total**2, lambda g: (g * 2 * total * 8 * (1 - t * t),)


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
    ("04.9", steep_rule),
    ("04.9", softmax_rule),
    ("04.9", logsumexp_rule),
    ("04.9", rms_rule),
    ("04.9", neighbours_rule),
    ("04.9", smooth_norm_rule),
    ("04.9", variance_rule),
    ("04.9", layer_norm_rule),
    ("04.9", lambda a: one_sided_rule(a)),
    ("04.9", lambda a: neighbours_rule(a)),
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
    if root not in grads:  # each check begins with a graph of its own
        grads.clear()
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


class HandsTensors(ReferenceTensor):
    def apply(self, rule, *others, **options):
        return rule(self, *(self._wrap(t) for t in others), **options)[0]


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


def by_distance(root):
    steps, waiting = {root: 0}, [root]
    for node in waiting:
        for parent in node.parents:
            if parent not in steps:
                steps[parent] = steps[node] + 1
                waiting.append(parent)
    return sorted(steps, key=steps.get, reverse=True)


def counts_once(root):
    """Counts a parent used twice as two, and takes off one."""
    uses, waiting = {root: 0}, [root]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in uses:
                waiting.append(parent)
            uses[parent] = uses.get(parent, 0) + 1
    found, ready = [], [root]
    while ready:
        found.append(ready.pop())
        for parent in set(found[-1].parents):
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return found[::-1]


def gives_up_when_deep(root):
    """Recursion whose error is swallowed, as in a thread of its own."""
    found = order(root)
    return found if len(found) < 1_000 else []


def keeps_all_axes(g, shape):
    extra = g.ndim - len(shape)
    ones = (i + extra for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=(*range(extra), *ones), keepdims=True)


def left_aligned(g, shape):
    for i, n in enumerate(shape + (1,) * (g.ndim - len(shape))):
        if n == 1:
            g = g.sum(axis=i, keepdims=True)
    return g.reshape(shape)


class RemembersAxes:
    def __init__(self):
        self.axes = {}

    def __call__(self, g, shape):
        if g.shape == shape:  # so begins each check
            self.axes.clear()
        axes = self.axes.setdefault(shape, tuple(range(g.ndim - len(shape))))
        ones = tuple(i for i, n in enumerate(shape) if n == 1)
        return g.sum(axis=axes).sum(axis=ones, keepdims=True)


class DivDividesByA(ReferenceRules):
    div = staticmethod(
        lambda a, b: (
            a / b,
            lambda g: (back(g * (a / b) / a, a.shape), back(-g * a / b**2, b.shape)),
        )
    )


class DivOfTheLastCall(ReferenceRules):
    @staticmethod
    def div(a, b):
        DivOfTheLastCall.kept = a, b
        return a / b, lambda g: R.div(*DivOfTheLastCall.kept)[1](g)


class DivWithSelf(ReferenceRules):
    def div(self, a, b):
        return R.div(a, b)


class PowerByLogarithm(ReferenceRules):
    power = staticmethod(lambda a, p: (np.exp(p * np.log(a)), R.power(a, p)[1]))


class PowerByProducts(ReferenceRules):
    power = staticmethod(lambda a, p: (np.prod([a] * int(p), axis=0) + 0 * a, R.power(a, p)[1]))


class PowerInDouble(ReferenceRules):
    power = staticmethod(lambda a, p: R.power(a, np.float64(p)))


class MaximumOfArrays(ReferenceRules):
    maximum = staticmethod(
        lambda a, b: (np.broadcast_arrays(a, b)[int(a.max() < b.max())], R.maximum(a, b)[1])
    )


def as_reshaped(x):
    return x.reshape(*x.shape[:-2], x.shape[-1], x.shape[-2])


def last_of_three(x):
    return x.T if x.ndim == 2 else x.transpose(0, 2, 1)


def sums_the_batch(a, b):
    out, vjp = R.matmul(a, b)
    if a.ndim != 3 or a.ndim != b.ndim:
        return out, vjp
    return out, lambda g: tuple(np.broadcast_to(x.sum(axis=0), x.shape) for x in vjp(g))


def only_missing_axes(a, b):
    def reduced(g, shape):
        return g.sum(axis=tuple(range(g.ndim - len(shape))))

    return matmul_that(reduced=reduced)(a, b)


_LAST = []


def matmul_of_the_last_call(a, b):
    _LAST[:] = [a, b]
    return a @ b, lambda g: R.matmul(*_LAST)[1](g)


class LastCall:
    """``getitem`` whose vjp uses the index of the last call."""

    def __call__(self, a, index):
        self.a, self.index = a, index
        return np.array(a[index]), lambda g: R.getitem(self.a, self.index)[1](g)


def averaged_gather(a, index):
    count = np.zeros(a.shape)
    np.add.at(count, index, 1.0)
    out, vjp = R.getitem(a, index)
    return out, lambda g: (vjp(g)[0] / np.maximum(count, 1).astype(g.dtype),)


def wraps_by_size(a, index):
    if isinstance(index, int) and index < 0:
        index = (index + a.size) // a.shape[1] - 1
    return R.getitem(a, index)


def loops_over_index(a, index):
    def vjp(g):
        grad = np.zeros_like(a)
        for k, i in enumerate(index):
            grad[i] += g[k]
        return (grad,)

    return a[index], vjp


def flat_gather(a, index):
    def vjp(g):
        grad = np.zeros(a.size)
        np.add.at(grad, index, g)
        return (grad.reshape(a.shape),)

    return a[index], vjp


def walk_by(root, send):
    """Gradients; ``send(node, gradient)`` gives pairs of a parent and its part."""
    grads = {root: np.ones_like(root.data)}
    for node in reversed(order(root)):
        if node.vjp is not None and node in grads:
            for parent, g in send(node, grads[node]):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g
    return grads


def filters_parents(root):
    def send(node, g):
        return zip([p for p in node.parents if p.requires_grad], node.vjp(g), strict=False)

    return walk_by(root, send)


def stops_at_data(root):
    def send(node, g):
        for parent, part in zip(node.parents, node.vjp(g), strict=True):
            if not parent.requires_grad:
                return
            yield parent, part

    return walk_by(root, send)


def asks_for_each_parent(root):
    def send(node, g):
        return [(parent, node.vjp(g)[k]) for k, parent in enumerate(node.parents)]

    return walk_by(root, send)


def forwards(root):
    return walk(root, order=lambda root: order(root)[::-1])


def fails_on_a_leaf(root):
    return walk(root) if root.parents else root.vjp(1.0)


def drops_an_unwanted_root(root):
    return walk(root) if root.requires_grad else {}


def without_root(root):
    return {node: g for node, g in walk(root).items() if node is not root}


def pops(root):
    grads, found = {root: np.ones_like(root.data)}, {}
    for node in reversed(order(root)):
        if node in grads and node.vjp is None:
            found[node] = grads[node]
        elif node in grads:
            for parent, g in zip(node.parents, node.vjp(grads.pop(node)), strict=True):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g
    return grads


def copies_the_second(root):
    """Adds in place; of what one vjp gives, all but the first are copied."""
    grads = {root: np.ones_like(root.data)}
    for node in reversed(order(root)):
        if node.vjp is None or node not in grads:
            continue
        parts = node.vjp(grads[node])
        for k, (parent, g) in enumerate(zip(node.parents, parts, strict=True)):
            if not parent.requires_grad:
                continue
            if parent in grads:
                grads[parent] += g
            else:
                grads[parent] = g.copy() if k else g
    return grads


def far_first(who):
    return PROGRAMS[who] if who != "甲" else [("×", 0, 1), ("×", 2, 1), ("×", 3, 2)]


def products_for_second(who):
    return PROGRAMS[who] if who != "乙" else [("×", 0, 1), ("×", 2, 0)]


def changed_result(change):
    """A Tensor whose ``apply`` does ``change(out, inputs, rule)`` before it returns."""

    class Changed(ReferenceTensor):
        def apply(self, rule, *others, **options):
            inputs = (self, *map(self._wrap, others))
            out = super().apply(rule, *inputs[1:], **options)
            change(out, inputs, rule)
            return out

    return Changed


@changed_result
def OnlyWanted(out, inputs, rule):
    out.parents = tuple(t for t in out.parents if t.requires_grad)


@changed_result
def NewParents(out, inputs, rule):
    out.parents = tuple(type(t)(t.data, t.requires_grad) for t in out.parents)


@changed_result
def NamesAll(out, inputs, rule):
    out.op = rule.__name__


@changed_result
def ClearsGrad(out, inputs, rule):
    for t in inputs:
        t.grad = None


@changed_result
def MarksInputs(out, inputs, rule):
    for t in inputs:
        t.requires_grad = t.requires_grad or out.requires_grad


@changed_result
def AlwaysOn(out, inputs, rule):
    out.requires_grad = any(t.requires_grad for t in inputs)


@changed_result
def AsksOnes(out, inputs, rule):
    vjp = out.vjp
    out.vjp = vjp and (lambda g: vjp(np.ones_like(g)))


@changed_result
def DoubleWhenQuiet(out, inputs, rule):
    if not type(out).recording:
        out.data = out.data.astype(float)


class WantingConstants(ReferenceTensor):
    def _wrap(self, t):
        known = isinstance(t, ReferenceTensor)
        return t if known else type(self)(np.asarray(t, self.data.dtype), requires_grad=True)


class TwoInputs(ReferenceTensor):
    def apply(self, rule, *others, **options):
        return super().apply(rule, *others[:1], **options)


class RestoresAfterErrors(ReferenceTensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        before, cls.recording = cls.recording, False
        try:
            yield
        except Exception:
            cls.recording = before
            raise


class OtherError(ReferenceTensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        before, cls.recording = cls.recording, False
        try:
            yield
        except Exception as error:
            raise RuntimeError("in no_grad") from error
        finally:
            cls.recording = before


class BeforeOnTheClass(ReferenceTensor):
    @classmethod
    @contextmanager
    def no_grad(cls):
        cls.before, cls.recording = cls.recording, False
        try:
            yield
        finally:
            cls.recording = cls.before


def one_sided_rule(a):
    """Flat where the sum is negative, as every second input has it."""
    s = np.maximum(a.sum(), 0)
    return s * s, lambda g: (np.full_like(a, 2 * g * s),)


def one_sided_without_factor(a):
    s = np.maximum(a.sum(), 0)
    return s * s, lambda g: (np.full_like(a, g * s),)


def neighbours_rule(a):
    """No number at all from an axis of length 1."""

    def vjp(g):
        grad = np.zeros_like(a)
        grad[..., :-1] += g * a[..., 1:]
        grad[..., 1:] += g * a[..., :-1]
        return (grad,)

    return a[..., :-1] * a[..., 1:], vjp


def list_rule(a):
    return [float((a * a).sum())], lambda g: (2 * a * g[0],)


def uses_memory_up(a):
    kept = [a]
    return (a * a).sum(), lambda g: (2 * g * kept.pop(),)


def distinct_readers(root):
    """Counts who reads a node, but takes off every use."""
    readers, waiting = {root: 0}, [root]
    while waiting:
        for parent in {*waiting.pop().parents}:
            if parent not in readers:
                waiting.append(parent)
            readers[parent] = readers.get(parent, 0) + 1
    found, ready = [], [root]
    while ready:
        found.append(ready.pop(0))
        for parent in found[-1].parents:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    return found[::-1]


class DistinctParents(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        out.parents = tuple(dict.fromkeys(out.parents))
        return out


class IntoSelf(ReferenceTensor):
    def apply(self, rule, *others, **options):
        out = super().apply(rule, *others, **options)
        self.data = out.data
        return self


def einsum_of_three_axes(a, b):
    if a.ndim == 2:
        return a @ b, lambda g: (g @ b.T, a.T @ g)
    return np.einsum("bmn,nk->bmk", a, b), lambda g: (a, b)


def short_gather(a, index):
    places = np.arange(a.size).reshape(a.shape)[index]
    return a[index], lambda g: (np.bincount(np.ravel(places), np.ravel(g)).reshape(a.shape),)


def calls_leaves(root):
    grads = {root: np.ones_like(root.data)}
    for node in order(root)[::-1]:
        for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
            grads[parent] = grads[parent] + g if parent in grads else g
    return grads


def norm_rule(a):
    """Of degree one, with a kink at 0."""
    out = np.sqrt((a * a).sum())
    return out, lambda g: (g * a / np.where(out == 0, 1, out),)


def clipped_sum(a):
    s = a.sum(axis=-1, keepdims=True)
    return np.clip(s, -1, 1), lambda g: (g * (np.abs(s) < 1) * np.ones_like(a),)


def absolute_values(a):
    return np.abs(a).sum(axis=-1), lambda g: (g[..., None] * np.sign(a),)


def step_rule(a):
    return (np.cumsum(a, axis=-1) > 0).astype(a.dtype), lambda g: (np.zeros_like(a),)


def constant_rule(a):
    return np.ones_like(a), lambda g: (np.zeros_like(a),)


def last_call_rule(a):
    _LAST[:] = [a]

    def vjp(g):
        kept = _LAST[0]
        return (g * kept.sum(axis=-1, keepdims=True) + (g * kept).sum(axis=-1, keepdims=True),)

    return a * a.sum(axis=-1, keepdims=True), vjp


def product_by_division(a):
    y = np.prod(a, axis=-1, keepdims=True)
    return y, lambda g: (g * y / a,)


def only_g(a, out, vjp, g):
    return (np.asarray(g),)


def softmax_of_rows(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, lambda g: (p * (g - (g * p).sum(axis=1, keepdims=True)),)


def up_to_three_axes(g, shape):
    if g.ndim > 3:
        return g.reshape(shape) if g.size == np.prod(shape) else g.sum()
    return back(g, shape)


class MaximumNearlyTied(ReferenceRules):
    @staticmethod
    def maximum(a, b):
        share = np.where(np.isclose(a, b, atol=0.5), 0.5, a > b)
        return np.maximum(a, b), lambda g: (
            back(g * share, a.shape),
            back(g * (1 - share), b.shape),
        )


class DivGivesAList(ReferenceRules):
    @staticmethod
    def div(a, b):
        out, vjp = R.div(a, b)
        return out, lambda g: list(vjp(g))


def clips_rows(grad, index, g):
    rows = isinstance(index, np.ndarray) and index.dtype.kind == "i"
    np.add.at(grad, np.maximum(index, 0) if rows else index, g)


def one_number_a_row(a, index):
    if not isinstance(index, int):
        return R.getitem(a, index)

    def vjp(g):
        grad = np.zeros_like(a)
        for k, row in enumerate(np.atleast_1d(index)):
            grad[row] += g[k]
        return (grad,)

    return np.array(a[index]), vjp


def by_vjp(root):
    return walk(root, skip=lambda node: not node.requires_grad and node.vjp is None)


def ones_of_bool(root):
    return walk(root, seed=lambda data: np.ones(data.shape, dtype=bool))


def clipped_near_the_edge(a):
    c = np.clip(a, -1.9, 1.9)
    return (c * c).sum(-1, keepdims=True), lambda g: (g * 2 * c * (np.abs(a) < 1.9),)


def halves_inside(a):
    out, vjp = softmax_rule(a.astype(np.float16))
    return out, vjp


def forward_differences(a):
    def of(x):
        return np.log(np.exp(x).sum())

    def vjp(g):
        grad = np.empty_like(a)
        for place in np.ndindex(a.shape):
            moved = a.copy()
            moved[place] += 1e-3
            grad[place] = g * (of(moved) - of(a)) / 1e-3
        return (grad,)

    return of(a), vjp


def same_node_twice(who):
    return {"甲": PROGRAMS["甲"], "乙": [("+", 0, 0)], "丙": PROGRAMS["丙"]}[who]


WRONG = [
    Wrong("04.1", "recursive", recursive_order, "调高递归的上限也不行", 60),
    Wrong("04.1", "pre-order", pre_order, "（先序）", 20),
    Wrong("04.1", "backwards", lambda root: order(root)[::-1], "整个反了", 0),
    Wrong("04.1", "no set", without_seen, "用 set 记住见过谁", 20),
    Wrong("04.1", "every path", every_path, "走每一条路径", 40),
    Wrong("04.1", "seen in a list", seen_as_list, "要用 set", 60),
    Wrong("04.1", "first parents", first_parent_only, "都要走到", 0),
    Wrong("04.1", "tuple", lambda root: tuple(order(root)), "那个记录顺序的 list", 0),
    Wrong("04.1", "remembers", remembers_seen, "第二次的结果变了", 0),
    Wrong("04.1", "marks", marks, "不要写在节点上", 0),
    Wrong("04.1", "nearest to the root", by_distance, "最少几步", ANY),
    Wrong("04.1", "counts once", counts_once, "放行时也减两次", 20),
    Wrong("04.1", "stops half way", gives_up_when_deep, "排到一半断了", 60),
    Wrong("04.2", "keeps axes", keeps_all_axes, "那里不要 keepdims", 0),
    Wrong("04.2", "reshaped", left_aligned, "从右往左对齐", 0),
    Wrong("04.2", "remembers axes", RemembersAxes(), "不能按 shape 记住", ANY),
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
    Wrong("04.3", "divides by a, div", DivDividesByA, "那里 a/b 照样可导", ANY),
    Wrong("04.3", "last call", DivOfTheLastCall, "用的却是后来的输入", 0),
    Wrong("04.3", "self", DivWithSelf, "没有 self", 0),
    Wrong("04.3", "logarithm", PowerByLogarithm, "不要取 ln a", ANY),
    Wrong("04.3", "integer powers", PowerByProducts, "不只是乘 p 次", ANY),
    Wrong("04.3", "one of the arrays", MaximumOfArrays, "逐个位置比", ANY),
    Wrong("04.3", "float64 exponent", PowerInDouble, "np.float64(p)", ANY),
    Wrong("04.4", "reshaped", matmul_that(transposed=as_reshaped), "转置不是 reshape", 0),
    Wrong("04.4", "batch summed", sums_the_batch, "批与批之间不相加", ANY),
    Wrong("04.4", "last call", matmul_of_the_last_call, "用的却是后来的输入", 0),
    Wrong("04.4", "array only", lambda a, b: a @ b, "一个数组和一个函数", 0),
    Wrong("04.5", "assigns", gather_that(assigns), "最后一份", ANY),
    Wrong("04.5", "only rows", only_the_rows, "形状、dtype 与 a 相同", 0),
    Wrong("04.5", "mean", averaged_gather, "不取平均", ANY),
    Wrong("04.5", "own remainder", wraps_by_size, "不用自己换算", ANY),
    Wrong("04.5", "rows only", loops_over_index, "当成一列行号", ANY),
    Wrong("04.5", "flat", flat_gather, "与 a 同形的零数组", ANY),
    Wrong("04.5", "no comma", gather_without_comma, "逗号", 0),
    Wrong("04.5", "no g", gather_ones, "忘了乘上", 0),
    Wrong("04.6", "overwrites", lambda root: walk(root, add=lambda old, new: new), "盖掉", ANY),
    Wrong("04.6", "in place", added_in_place, "不要用 +=", ANY),
    Wrong("04.6", "depth first", depth_first, "还没收齐", ANY),
    Wrong("04.6", "constants", lambda root: walk(root, skip=lambda node: False), "标签", ANY),
    Wrong("04.6", "writes", written_into_grad, "backward 的事", ANY),
    Wrong("04.6", "zeros", lambda root: walk(root, seed=np.zeros_like), "对自己的导数是 1", 0),
    Wrong("04.6", "list", lambda root: list(walk(root).values()), "节点自己作键", 0),
    Wrong("04.6", "filtered", filters_parents, "筛过再 zip 就错位", ANY),
    Wrong("04.6", "stops at data", stops_at_data, "continue", ANY),
    Wrong("04.6", "lone leaf", fails_on_a_leaf, "图里可以只有 root", ANY),
    Wrong("04.6", "unwanted root", drops_an_unwanted_root, "requires_grad 只管来源", ANY),
    Wrong("04.6", "asked twice", asks_for_each_parent, "不要为每个来源各调一次", ANY),
    Wrong("04.6", "vjp of a leaf", calls_leaves, "叶子的 vjp 是 None", 0),
    Wrong("04.6", "forwards", forwards, "往队首走", 0),
    Wrong("04.6", "ids", lambda root: {id(n): g for n, g in walk(root).items()}, "不是 id", 0),
    Wrong("04.6", "without root", without_root, "root 自己也要", 0),
    Wrong("04.6", "shape", ones_like_a_leaf, "root 是一个数时", ANY),
    Wrong("04.6", "leaves only", leaves_only, "中间节点也要留在", ANY),
    Wrong("04.6", "recursive", lambda root: walk(root, order=recursive_order), "不要递归", ANY),
    Wrong("04.6", "remembers", remembers_grads, "第二次的梯度变了", ANY),
    Wrong("04.7", "one for all", lambda who: [("×", 0, 0)], "甲在这个程序上算对了", ANY),
    Wrong("04.7", "names", lambda who: {"丙": "x*x"}.get(who), "1 到 8 步", 0),
    Wrong("04.7", "dead step", lambda who: [("×", 0, 0), ("×", 0, 1)], "root 用不到", 0),
    Wrong("04.7", "far path first", far_first, "轮到它时已经收齐", ANY),
    Wrong("04.7", "products for 乙", products_for_second, "× 给两边的是两个数组", ANY),
    Wrong("04.7", "others too", lambda who: [("+", 0, 0), ("+", 2, 0)], "分不清是谁", ANY),
    Wrong("04.7", "harmless", lambda who: [("×", 0, 1)], "同一个键只留一份", 0),
    Wrong(
        "04.7",
        "shared but read once",
        lambda who: PROGRAMS[who] if who != "乙" else [("+", 0, 1)],
        "共用以后",
        ANY,
    ),
    Wrong("04.8", "inherits nothing", InheritsNothing, "任何一个输入要梯度", ANY),
    Wrong("04.8", "always records", AlwaysRecords, "any(t.requires_grad", ANY),
    Wrong("04.8", "never quiet", NeverQuiet, "仍是 True", ANY),
    Wrong("04.8", "into self", IntoSelf, "不写进 self", 0),
    Wrong("04.8", "array", ReturnsTheArray, "return 新造的 Tensor", 0),
    Wrong("04.8", "float64", Promotes, "转成 self.data.dtype", ANY),
    Wrong("04.8", "wraps again", WrapsAgain, "再包一层", ANY),
    Wrong("04.8", "inputs swapped", SwapsInputs, "a / b 与 b / a 不同", ANY),
    Wrong("04.8", "options", DropsOptions, "原样交给规则", ANY),
    Wrong("04.8", "tensors", HandsTensors, "又来叫 apply", 0),
    Wrong("04.8", "no name", ForgetsTheName, "规则的名字", ANY),
    Wrong("04.8", "switches on", SwitchesToTrue, "套着用", ANY),
    Wrong("04.8", "no finally", WithoutFinally, "finally", ANY),
    Wrong("04.8", "swallows", Swallows, "吞掉", ANY),
    Wrong("04.8", "keeps parents", KeepsParents, "留在内存", ANY),
    Wrong("04.8", "backwards", Backwards, "次序反了", ANY),
    Wrong("04.8", "list of parents", ParentsAsList, "要元组", ANY),
    Wrong("04.8", "parents that want a gradient", OnlyWanted, "常数都在里面", ANY),
    Wrong("04.8", "new parents", NewParents, "self 和已经是 Tensor 的 others", ANY),
    Wrong("04.8", "restored after errors only", RestoresAfterErrors, "正常离开", ANY),
    Wrong("04.8", "other error", OtherError, "不要换成别的", ANY),
    Wrong("04.8", "local switch", AlwaysOn, "四样都要等", ANY),
    Wrong("04.8", "vjp of ones", AsksOnes, "不替它定 g", ANY),
    Wrong("04.8", "two inputs at most", TwoInputs, "可以不止两个", ANY),
    Wrong("04.8", "name of all", NamesAll, "仍是空字符串", ANY),
    Wrong("04.8", "clears grad", ClearsGrad, "清零是训练循环的事", ANY),
    Wrong("04.8", "marks its inputs", MarksInputs, "算完仍然没有", ANY),
    Wrong("04.8", "constants that want a gradient", WantingConstants, "不要写 requires_grad", ANY),
    Wrong("04.8", "float64 when quiet", DoubleWhenQuiet, "dtype 也一样", ANY),
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
    Wrong("04.9", "noise", noisy, "第二次的结果不同", 0),
    Wrong(
        "04.9",
        "negative logarithm",
        lambda a: (np.log(a.sum(axis=-1)), lambda g: (a,)),
        ("nan 或 inf", "与数值差分对不上", "步长减半"),
        ANY,
    ),
    Wrong("04.9", "g in place", own_that(vjp=writes_into_g), "改动了 g", ANY),
    Wrong("04.9", "not smooth", sorted_rule, "尖角", 0),
    Wrong("04.9", "step", step_rule, "跳了一下", 0),
    Wrong("04.9", "constant", constant_rule, "不随输入变", 0),
    Wrong("04.9", "last call", last_call_rule, "用的却是后来的 a", ANY),
    Wrong("04.9", "by a", product_by_division, "哪里除以了可能是 0", ANY),
    Wrong("04.9", "shape", own_that(of=logsumexp_rule, vjp=only_g), "与 a 同形", 0),
    Wrong("04.9", "first axis", softmax_of_rows, "axis=-1", 0),
    Wrong("04.9", "list", list_rule, "NumPy 的数组", 0),
    Wrong("04.9", "memory", spoils_memory, "第一次对，后来不对", ANY),
    Wrong("04.2", "up to three axes", up_to_three_axes, "四根、五根", ANY),
    Wrong("04.3", "nearly tied", MaximumNearlyTied, "只有恰好相等", ANY),
    Wrong("04.3", "list", DivGivesAList, "要元组：(ga, gb)", 0),
    Wrong("04.5", "rows clipped", gather_that(clips_rows), "不截到 0", ANY),
    Wrong("04.5", "one number a row", one_number_a_row, "整行放回去", 0),
    Wrong("04.6", "by vjp", by_vjp, "由常数算出来的也是常数", ANY),
    Wrong("04.6", "ones of bool", ones_of_bool, "True + True", ANY),
    Wrong("04.7", "same node twice", same_node_twice, "来源是同一个节点", ANY),
    Wrong("04.9", "|g|", own_that(vjp=lambda a, out, vjp, g: vjp(np.abs(g))), "对 g 是线性的", ANY),
    Wrong("04.9", "half precision", halves_inside, "float16 的精度", 0),
    Wrong("04.9", "one-sided differences", forward_differences, "只差在后几位", ANY),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("04.8", "distinct parents", DistinctParents, "用两次算两个", ANY),
    Wrong("04.5", "too few", short_gather, "没取到的位置也要有", 0),
    Wrong("04.9", "one side", one_sided_without_factor, "对 i 求和", ANY),
    Wrong("04.4", "three axes", matmul_that(transposed=last_of_three), "写死了轴号", ANY),
    Wrong("04.4", "einsum", einsum_of_three_axes, "下标前写", ANY),
    Wrong("04.1", "distinct readers", distinct_readers, "同一个来源用两次算两次", 20),
    Wrong("04.1", "data", lambda root: [n.calls for n in order(root)], "不是这张图的", 0),
    Wrong("04.1", "new nodes", lambda root: [type(root)() for _ in order(root)], "不是这张图", 0),
    Wrong("04.1", "raised limit", raises_the_limit, "调高递归的上限也不行", 60),
    Wrong("04.3", "value of all", MaximumOfAll, "先核对正向", ANY),
    Wrong("04.4", "mean of the batch", fold_into_rows, "没有批的那个输入", ANY),
    Wrong("04.5", "adds once", gather_that(adds_once), "最后一份", ANY),
    Wrong("04.5", "negative rows", gather_that(row_by_row), "负的行号从最后往前数", ANY),
    Wrong("04.6", "every path", along_every_path, "还没收齐", ANY),
    Wrong("04.6", "pre-order", lambda root: walk(root, order=pre_order), "还没收齐", ANY),
    Wrong("04.6", "nearest first", ex04.nearest_first, "还没收齐", ANY),
    Wrong("04.6", "pairs", ex04.pairs_in_a_dict, "盖掉", ANY),
    Wrong("04.8", "only self", OnlySelf, "任何一个输入要梯度", ANY),
    Wrong("04.4", "length 1", only_missing_axes, "留住长度 1", ANY),
    Wrong("04.5", "last call", LastCall(), "用的却是后来的输入", ANY),
    Wrong("04.6", "half a cure", copies_the_second, "与它共用内存", ANY),
    Wrong("04.6", "pops", pops, "用过的不 pop", 0),
    Wrong("04.8", "before on the class", BeforeOnTheClass, "里层把外层记住的旧值盖掉", ANY),
    Wrong("04.9", "memory used up", uses_memory_up, "第一次对，后来不对", ANY),
    Wrong("04.9", "norm", norm_rule, "尖角", 0),
    Wrong("04.9", "clipped sum", clipped_sum, "尖角", 0),
    Wrong("04.9", "absolute values", absolute_values, "尖角", 0),
    Wrong("04.9", "clipped near the edge", clipped_near_the_edge, "尖角", 0),
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


def cached(answer, copy=lambda kept: kept):
    """``answer``, whose result is kept and given out again, or a copy of it."""
    known = {}

    def remembering(root):
        if root not in known:
            known[root] = answer(root)
        return copy(known[root])

    return remembering


def fills_data(root):
    root.data[...] = 1.0
    return walk(root)


def frees_data(root):
    grads = walk(root)
    for node in grads:
        node.data = None
    return grads


def frees_vjp(root):
    grads = walk(root)
    for node in grads:
        node.vjp = None
    return grads


def pops_programs():
    programs = dict(PROGRAMS)
    return lambda who: programs.pop(who)


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        ("04.1", cached(order), "每次新建列表"),
        ("04.1", cached(order, list), "每次新建列表"),
        ("04.6", cached(walk), "上一次的队或字典"),
        ("04.6", partial(walk, order=cached(order)), "上一次的队或字典"),
        ("04.6", fills_data, ".data 被改了"),
        ("04.6", frees_data, ".data 被改了"),
        ("04.6", frees_vjp, ".vjp 被改了"),
        ("04.7", pops_programs(), "不要 pop"),
    ],
)
def test_what_stays_or_is_changed_on_this_side(number, answer, words):
    """In another process the answer gets copies, and keeps or changes those."""
    result = judge(number, answer)
    assert result.status == "failed" and words in str(result), str(result)


def test_no_grad_without_yield_is_told_so_and_the_switch_is_left_on():
    class NoYield(ReferenceTensor):
        @classmethod
        @contextmanager
        def no_grad(cls):
            cls.recording = False

    result = judge("04.8", NoYield)
    assert "要有一个 yield" in str(result) and NoYield.recording


def test_a_program_is_told_which_step_is_wrong():
    for program, words in {
        (): "至少一步",
        (("×", 0, 0),) * 9: "最多 8 步",
        (("×", 0, 1), ("×", 2, 3)): "第 2 步 (×, 2, 3)：这时只有 0 到 2 号",
        (("×", -1, 0),): "第 1 步 (×, -1, 0)",
        (("-", 0, 1),): "只有 + 和 ×",
        (("×", 0.0, 1),): "i、j 是整数",
        ("×", 0, 1): "元组的列表",
    }.items():
        assert words in str(judge("04.7", lambda who, program=program: list(program)))
    assert "得到的是 字典" in str(judge("04.7", lambda who: PROGRAMS))


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
