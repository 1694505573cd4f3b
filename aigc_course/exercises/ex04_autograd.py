"""The library's version of chapter 04: a reverse-mode engine in NumPy, in the lesson's parts.

``ex04`` judges by them and lends them to a learner whose own part is still open. The engine that
later lessons go on with is ``aigc_course.engine``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import Array

__all__ = [
    "ReferenceRules",
    "ReferenceTensor",
    "reference_gradients",
    "reference_topological_order",
    "reference_unbroadcast",
]

Vjp = Callable[[Array], tuple[Array, ...]]


def reference_topological_order(root: Any) -> list[Any]:
    """All nodes behind ``root``, each once, parents before the nodes computed from them.

    Counts how often each node is read, then hands nodes out from the root down (Kahn, 1962).

    Args:
        root: a node; it and all nodes behind it have ``.parents``.

    Example:
        >>> x = ReferenceTensor(3.0, requires_grad=True)
        >>> [node.op for node in reference_topological_order((x * x).exp())]
        ['', 'mul', 'exp']
    """
    readers: dict[Any, int] = {root: 0}
    waiting = [root]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in readers:
                waiting.append(parent)
            readers[parent] = readers.get(parent, 0) + 1
    order, ready = [], [root]
    while ready:
        order.append(ready.pop())
        for parent in order[-1].parents:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    return order[::-1]


def reference_unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum ``g`` over the axes along which an array of ``shape`` was broadcast to ``g.shape``.

    Args:
        g: gradient of the broadcast array.
        shape: of the array before; ``()`` for a number.

    Returns:
        Gradient of the array before, of ``shape``.

    Example:
        >>> reference_unbroadcast(np.ones((4, 3)), (3,)).tolist()
        [4.0, 4.0, 4.0]
    """
    padded = (1,) * (g.ndim - len(shape)) + tuple(shape)
    copied = tuple(np.flatnonzero(np.not_equal(g.shape, padded)))
    return np.asarray(g.sum(axis=copied, keepdims=True).reshape(shape))


class ReferenceRules:
    """Each rule: arrays in, ``(value, vjp)`` out.

    ``vjp(g)``, with ``g`` of the value's shape, gives one gradient for each array, of its shape.

    Example:
        >>> out, vjp = ReferenceRules.mul(np.array([1.0, 2.0]), np.array(3.0))
        >>> out.tolist(), [grad.tolist() for grad in vjp(np.ones(2))]
        ([3.0, 6.0], [[3.0, 3.0], 3.0])
    """

    @staticmethod
    def add(a: Array, b: Array) -> tuple[Array, Vjp]:
        back = reference_unbroadcast
        return a + b, lambda g: (back(g, a.shape), back(g, b.shape))

    @staticmethod
    def mul(a: Array, b: Array) -> tuple[Array, Vjp]:
        back = reference_unbroadcast
        return a * b, lambda g: (back(g * b, a.shape), back(g * a, b.shape))

    @staticmethod
    def div(a: Array, b: Array) -> tuple[Array, Vjp]:
        back = reference_unbroadcast
        return a / b, lambda g: (back(g / b, a.shape), back(-g * a / b**2, b.shape))

    @staticmethod
    def power(a: Array, p: float) -> tuple[Array, Vjp]:
        return a**p, lambda g: (g * p * a ** (p - 1.0),)

    @staticmethod
    def maximum(a: Array, b: Array) -> tuple[Array, Vjp]:
        share = np.where(a == b, 0.5, a > b).astype(np.result_type(a, b))
        back = reference_unbroadcast
        return np.maximum(a, b), lambda g: (
            back(g * share, a.shape),
            back(g * (1 - share), b.shape),
        )

    @staticmethod
    def exp(a: Array) -> tuple[Array, Vjp]:
        out = np.exp(a)
        return out, lambda g: (g * out,)

    @staticmethod
    def log(a: Array) -> tuple[Array, Vjp]:
        return np.log(a), lambda g: (g / a,)

    @staticmethod
    def relu(a: Array) -> tuple[Array, Vjp]:
        return np.maximum(a, 0), lambda g: (g * (a > 0),)

    @staticmethod
    def transpose(a: Array) -> tuple[Array, Vjp]:
        return a.T, lambda g: (g.T,)

    @staticmethod
    def sum(a: Array, axis: int | None = None, keepdims: bool = False) -> tuple[Array, Vjp]:
        kept = a.sum(axis=axis, keepdims=True).shape
        return a.sum(axis=axis, keepdims=keepdims), lambda g: (
            np.broadcast_to(np.reshape(g, kept), a.shape),
        )

    @staticmethod
    def matmul(a: Array, b: Array) -> tuple[Array, Vjp]:
        back = reference_unbroadcast
        return a @ b, lambda g: (
            back(g @ b.swapaxes(-1, -2), a.shape),
            back(a.swapaxes(-1, -2) @ g, b.shape),
        )

    @staticmethod
    def getitem(a: Array, index: Any) -> tuple[Array, Vjp]:
        def vjp(g: Array) -> tuple[Array, ...]:
            grad = np.zeros(a.shape, np.asarray(g).dtype)
            np.add.at(grad, index, g)  # a place that was read twice gets both gradients
            return (grad,)

        return np.array(a[index]), vjp


def reference_gradients(root: Any) -> dict[Any, Array]:
    """Gradient of ``root`` with respect to every node behind it that wants one.

    Args:
        root: a node with ``.data``, ``.parents``, ``.vjp`` (None for a leaf), ``.requires_grad``.

    Returns:
        Node -> array of the shape of its data; 1 everywhere for ``root`` itself, whatever it
        wants.

    Example:
        >>> x = ReferenceTensor(3.0, requires_grad=True)
        >>> float(reference_gradients(x * x)[x])
        6.0
    """
    grads = {root: np.ones_like(root.data)}
    for node in reversed(reference_topological_order(root)):
        if node.vjp is not None and node in grads:
            for parent, g in zip(node.parents, node.vjp(grads[node]), strict=True):
                if parent.requires_grad:
                    grads[parent] = grads[parent] + g if parent in grads else g
    return grads


def _by(name: str, **fixed: Any) -> Any:
    """A method that applies the rule of that name."""

    def method(self: ReferenceTensor, *others: Any) -> ReferenceTensor:
        return self.apply(getattr(ReferenceRules, name), *others, **fixed)

    return method


class ReferenceTensor:
    """An array with its history; after ``backward()`` the leaves' gradients are in ``.grad``.

    Example:
        >>> x = ReferenceTensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward(); x.grad.tolist()
        [2.0, 4.0]
    """

    recording = True
    __array_ufunc__ = None  # ndarray * tensor is left to __rmul__

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        data = np.asarray(data)
        self.data: Array = data if data.dtype.kind == "f" else data.astype(np.float64)
        self.requires_grad, self.op = requires_grad, ""
        self.grad: Array | None = None
        self.parents: tuple[ReferenceTensor, ...] = ()
        self.vjp: Vjp | None = None

    @classmethod
    @contextmanager
    def no_grad(cls) -> Iterator[None]:
        """``with ReferenceTensor.no_grad():`` nothing is recorded."""
        before, cls.recording = cls.recording, False
        try:
            yield
        finally:
            cls.recording = before

    def apply(self, rule: Callable[..., Any], *others: Any, **options: Any) -> ReferenceTensor:
        """The result of a rule, with where it came from if any input wants a gradient."""
        inputs = (self, *map(self._wrap, others))
        result, vjp = rule(*(t.data for t in inputs), **options)
        out = type(self)(result)
        if self.recording and any(t.requires_grad for t in inputs):
            out.requires_grad, out.op = True, rule.__name__
            out.parents, out.vjp = inputs, vjp
        return out

    def _wrap(self, t: Any) -> ReferenceTensor:
        known = isinstance(t, ReferenceTensor)
        return t if known else type(self)(np.asarray(t, self.data.dtype))

    def backward(self) -> None:
        """Add the gradients to ``.grad`` of the leaves.

        Raises:
            ValueError: the tensor is not one number.
        """
        if self.data.size != 1:
            raise ValueError(f"backward starts from one number, the shape is {self.data.shape}")
        for node, g in reference_gradients(self).items():
            if not node.parents:
                node.grad = np.array(g) if node.grad is None else node.grad + g

    __add__ = __radd__ = _by("add")
    __mul__ = __rmul__ = _by("mul")
    __matmul__, __truediv__ = _by("matmul"), _by("div")
    exp, log, relu, maximum = _by("exp"), _by("log"), _by("relu"), _by("maximum")
    T = property(_by("transpose"))

    def __pow__(self, p: float) -> ReferenceTensor:
        return self.apply(ReferenceRules.power, p=p)

    def __getitem__(self, index: Any) -> ReferenceTensor:
        return self.apply(ReferenceRules.getitem, index=index)

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1.0 * other

    def sum(self, axis: int | None = None, keepdims: bool = False) -> ReferenceTensor:
        return self.apply(ReferenceRules.sum, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> Any:
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def log_softmax(self, axis: int) -> Any:
        z = self - self.data.max(axis=axis, keepdims=True)
        return z - z.exp().sum(axis, keepdims=True).log()
