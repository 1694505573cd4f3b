"""Reverse-mode automatic differentiation: the graph and the walk back through it.

Every operation on tensors that require a gradient leaves a :class:`Node`. A node knows one thing:
given the gradient of the loss with respect to its output, what are the gradients with respect to
its inputs (a vector-Jacobian product). Backward visits the nodes from the newest to the oldest,
so a node is asked only when all gradients flowing into it have been added up. The walk is a loop,
not a recursion, so its depth is limited by memory alone.

Paper: Baydin et al., *Automatic Differentiation in Machine Learning: a Survey*, 2018.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor

Array = np.ndarray[Any, Any]
Backward = Callable[[Array], "tuple[Array | None, ...]"]
F = TypeVar("F", bound=Callable[..., Any])

_clock = count()  # creation order of nodes; older nodes have smaller numbers


class Node:
    """One operation in the computational graph.

    Attributes:
        name: the operation, such as ``"matmul"``.
        inputs: for every input the node that made it, the leaf tensor itself, or None (constant).
        backward: gradient of the output -> gradients of the inputs; None once it has been freed.
        saved: (version cell, version, shape) of every tensor whose values ``backward`` needs.
        fresh: the arrays ``backward`` returns are newly made and shared with nobody.
        shape, dtype: of the output.
    """

    __slots__ = (
        "__weakref__",
        "backward",
        "dtype",
        "frees",
        "fresh",
        "hooks",
        "inputs",
        "name",
        "order",
        "retains",
        "saved",
        "shape",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        inputs: tuple[Node | Tensor | None, ...],
        backward: Backward,
        saved: tuple[tuple[list[int], int, tuple[int, ...]], ...],
        frees: bool,
        fresh: bool,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.saved = saved
        self.frees = frees
        self.fresh = fresh
        self.shape = shape
        self.dtype = dtype
        self.order = next(_clock)
        self.hooks: dict[int, Callable[[Tensor], Tensor | None]] | None = None
        self.retains: weakref.ref[Tensor] | None = None

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def check_versions(self) -> None:
        """Raise when a tensor that ``backward`` needs has been overwritten since."""
        for cell, version, shape in self.saved:
            if cell[0] != version:
                raise RuntimeError(
                    f"{self.name}: a tensor of shape {shape} that its gradient needs was changed "
                    f"by an in-place operation (it is at version {cell[0]}, version {version} was "
                    "saved). "
                    "Write y = y + 1 instead of y += 1, clone() the tensor before changing it, or "
                    "call backward() before the change."
                )


# --- grad mode -------------------------------------------------------------------------------


class _Mode(threading.local):
    enabled: bool = True


_mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded now.

    Example:
        >>> is_grad_enabled()
        True
    """
    return _mode.enabled


class set_grad_enabled:
    """Switch recording on or off, for a ``with`` block or a decorated function.

    Example:
        >>> with set_grad_enabled(False):
        ...     is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        self._wanted = bool(mode)
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_mode.enabled)
        _mode.enabled = self._wanted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        _mode.enabled = self._before.pop()

    def __call__(self, function: F) -> F:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(self._wanted):
                return function(*args, **kwargs)

        return cast(F, wrapped)


class no_grad(set_grad_enabled):
    """Do not record: for evaluation, and for changing parameters by hand.

    Works as a context (``with no_grad():``) and as a decorator (``@no_grad()``).

    Example:
        >>> from aigc_course import engine
        >>> w = engine.ones(2, requires_grad=True)
        >>> with no_grad():
        ...     y = w * 2
        >>> y.requires_grad
        False
    """

    def __new__(cls, function: F | None = None) -> Any:
        # torch also allows the bare form ``@no_grad`` without parentheses
        self = super().__new__(cls)
        if function is not None:
            set_grad_enabled.__init__(self, False)
            return self(function)
        return self

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):
    """Record again inside a ``no_grad`` block."""

    def __init__(self) -> None:
        super().__init__(True)


class HookHandle:
    """Returned by ``register_hook``; call :meth:`remove` to take the hook off again."""

    _numbers = count()

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._key = next(HookHandle._numbers)
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


# --- backward --------------------------------------------------------------------------------


def topological_order(roots: Iterable[Node | Tensor]) -> list[Node]:
    """All nodes that the roots depend on, each before the nodes of its inputs.

    An input always exists before the operation that uses it, so sorting by age is enough.
    """
    seen: set[Node] = set()
    stack = [root for root in roots if isinstance(root, Node)]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        stack.extend(edge for edge in node.inputs if edge.__class__ is Node)
    return sorted(seen, key=lambda node: -node.order)


class _Gradients:
    """Gradients on their way, by node or leaf, summed in place only where the buffer is ours."""

    __slots__ = ("arrays", "owned")

    def __init__(self) -> None:
        self.arrays: dict[Any, Array] = {}
        self.owned: set[int] = set()  # ids of targets whose array nobody else can see

    def add(self, target: Any, grad: Array, fresh: bool) -> None:
        if grad.dtype is not target.dtype and grad.dtype != target.dtype:
            grad, fresh = grad.astype(target.dtype), True
        key = id(target)
        old = self.arrays.get(target)
        if old is None:
            self.arrays[target] = grad
            if fresh and grad.__class__ is np.ndarray:
                self.owned.add(key)
        elif key in self.owned:
            np.add(old, grad, out=old)
        else:
            total = np.add(old, grad)
            self.arrays[target] = total
            if total.__class__ is np.ndarray:  # a 0-d sum is an immutable NumPy scalar
                self.owned.add(key)

    def take(self, target: Any) -> tuple[Array | None, bool]:
        owned = id(target) in self.owned
        self.owned.discard(id(target))
        return self.arrays.pop(target, None), owned


def _run_hooks(
    hooks: dict[int, Callable[[Tensor], Tensor | None]],
    grad: Array,
    wrap: Callable[[Array], Tensor],
) -> Array:
    for hook in list(hooks.values()):
        changed = hook(wrap(np.array(grad)))  # a copy: a hook may write into what it is given
        if changed is not None:
            array = np.asarray(getattr(changed, "_data", changed), dtype=grad.dtype)
            if array.shape != grad.shape:
                raise RuntimeError(
                    f"hook: returned a gradient of shape {array.shape}, wanted {grad.shape}; "
                    "return None to leave the gradient as it is"
                )
            grad = array
    return grad


def run_backward(
    roots: Sequence[Tensor],
    seeds: Sequence[Array],
    retain_graph: bool,
    wrap: Callable[[Array], Tensor],
    inputs: Sequence[Tensor] | None = None,
) -> list[Array | None] | None:
    """Send ``seeds`` back from ``roots``.

    With ``inputs`` the gradients of exactly these are returned and no ``.grad`` is touched;
    without, the gradient of every leaf reached is added to its ``.grad``.
    """
    flowing = _Gradients()
    starts: list[Node | Tensor] = []
    for root, seed in zip(roots, seeds, strict=True):
        start = root.grad_fn if root.grad_fn is not None else root
        starts.append(start)
        flowing.add(start, seed, False)
    order = topological_order(starts)
    for node in order:
        if node.backward is None:
            raise RuntimeError(
                f"{node.name}: backward through this graph a second time, but what it needs was "
                "freed "
                "after the first. Compute the loss again, or call backward(retain_graph=True) the "
                "first time."
            )
        node.check_versions()
    wanted: dict[Node | Tensor, Array | None] = {}
    for tensor in inputs or ():
        wanted[tensor.grad_fn if tensor.grad_fn is not None else tensor] = None

    for node in order:
        grad, _ = flowing.take(node)
        if grad is None:
            continue
        if node.hooks:
            grad = _run_hooks(node.hooks, grad, wrap)
        if node in wanted:
            wanted[node] = np.array(grad)
        if node.retains is not None and inputs is None:
            tensor_or_none = node.retains()
            if tensor_or_none is not None:
                _accumulate(tensor_or_none, grad, False, wrap)
        assert node.backward is not None
        for edge, part in zip(node.inputs, node.backward(grad), strict=True):
            if edge is not None and part is not None:
                flowing.add(edge, part, node.fresh)
        if node.frees and not retain_graph:
            node.backward = None  # lets go of the saved arrays as early as possible
            node.saved = ()

    for leaf in list(flowing.arrays):
        grad, owned = flowing.take(leaf)
        assert grad is not None
        if leaf._hooks:
            grad, owned = _run_hooks(leaf._hooks, grad, wrap), False
        if inputs is None:
            _accumulate(leaf, grad, owned, wrap)
        elif leaf in wanted:
            wanted[leaf] = np.array(grad)
    if inputs is None:
        return None
    return [wanted[t.grad_fn if t.grad_fn is not None else t] for t in inputs]


def _accumulate(leaf: Tensor, grad: Array, owned: bool, wrap: Callable[[Array], Tensor]) -> None:
    old = leaf._grad
    if old is None:
        leaf._grad = wrap(grad if owned and grad.flags.owndata else np.array(grad))
    elif old._data.flags.writeable:
        np.add(old._data, grad, out=old._data)
        old._version[0] += 1
    else:
        leaf._grad = wrap(np.asarray(old._data + grad))
