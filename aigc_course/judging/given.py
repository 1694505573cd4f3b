"""What a judge hands to an answer as an object, rather than as numbers: graphs of nodes.

Loaded by judges, and by the process in which an answer runs apart from its judge, so nothing
but the standard library and NumPy is imported here. Graphs travel between the two as plain
data: :func:`pack` on the judge's side, :func:`unpack` on the answer's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["SEALED", "Node", "TooManyVisits", "pack", "unpack"]

Array = np.ndarray
Vjp = Callable[[Array], tuple[Array, ...]]

SEALED = "gradients 只算不写：.grad 不能在这里改"
MAX_CALLS = 500  # of one node's vjp; a right answer needs one


class TooManyVisits(Exception):
    """An answer walks every path instead of every node; stopped before it takes for ever."""

    travels_as = "TooManyVisits"  # keeps its name from one process to the other and back


class Node:
    """A node of a graph made by a judge: parents to read, reads counted.

    Attributes:
        parents: the nodes this one was computed from, in the order of the operands.
        vjp: gradient of the result -> one gradient for each parent; None for a leaf.
        data, requires_grad, grad: as of a tensor.
        calls: how often ``vjp`` was called.

    Args:
        scale: for a node with one parent, makes it ``scale`` times the parent; such a rule
            has nothing to hide and travels with the graph, so that walking a long chain
            of them does not go back and forth between two processes.
        budget: reads and comparisons left, shared by the nodes given the same list.
        sealed: ``node.grad = …`` raises AttributeError, here as in another process.
    """

    def __init__(
        self,
        *parents: Node,
        data: Any = 0.0,
        vjp: Vjp | None = None,
        scale: float | None = None,
        requires_grad: bool = True,
        budget: list[int] | None = None,
        sealed: bool = False,
    ) -> None:
        self._parents = parents
        self._scale = scale
        self._budget = [1_000_000] if budget is None else budget
        self.data = np.asarray(data, dtype=float)
        self.requires_grad = requires_grad
        self._grad: Any = None
        self._sealed = sealed
        self.calls = 0
        if scale is not None:
            vjp = _times(scale)
        self.vjp = None if vjp is None else self._counted(vjp)

    def _counted(self, vjp: Vjp) -> Vjp:
        def counted(g: Array) -> tuple[Array, ...]:
            self.calls += 1
            if self.calls > MAX_CALLS:
                raise TooManyVisits
            return vjp(g)

        return counted

    def _spend(self) -> None:
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise TooManyVisits

    @property
    def parents(self) -> tuple[Node, ...]:
        self._spend()
        return self._parents

    @property
    def grad(self) -> Any:
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if self._sealed:
            raise AttributeError(SEALED)
        self._grad = value

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        # ``node in some_list`` compares node by node; ``node in some_set`` hardly ever gets here
        self._spend()
        return self is other


def _times(scale: float) -> Vjp:
    return lambda g: (g * scale,)


def pack(root: Node) -> tuple[list[dict[str, Any]], list[Node]]:
    """The graph behind ``root`` as plain data, and its nodes in the same order.

    Parents come before the nodes computed from them; ``root`` is last. Reads are not counted.

    Returns:
        One dict a node: ``parents`` (indices), ``data`` (array), ``requires_grad``,
        ``has_vjp``, ``scale`` (a number or None), ``budget`` (index of the group that shares
        a count), ``left`` (what is left of that count), ``sealed``.

    Example:
        >>> x = Node(data=2.0); y = Node(x, x, data=4.0, vjp=lambda g: (2 * g, 2 * g))
        >>> dicts, nodes = pack(y)
        >>> [d["parents"] for d in dicts], [d["has_vjp"] for d in dicts], nodes[-1] is y
        ([[], [0, 0]], [False, True], True)
    """
    # keyed by id: looking nodes up by themselves could spend their budget in __eq__
    place: dict[int, int] = {}
    entered: set[int] = set()
    nodes: list[Node] = []
    stack = [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            place[id(node)] = len(nodes)
            nodes.append(node)
        elif id(node) not in entered:
            entered.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent in node._parents)
    groups: dict[int, int] = {}
    dicts = [
        {
            "parents": [place[id(parent)] for parent in node._parents],
            "data": node.data,
            "requires_grad": node.requires_grad,
            "has_vjp": node.vjp is not None,
            "scale": node._scale,
            "budget": groups.setdefault(id(node._budget), len(groups)),
            "left": node._budget[0],
            "sealed": node._sealed,
        }
        for node in nodes
    ]
    return dicts, nodes


def unpack(
    dicts: Sequence[dict[str, Any]], call_vjp: Callable[[int, Array], Sequence[Array]]
) -> list[Node]:
    """The nodes that :func:`pack` described, in the same order.

    Args:
        call_vjp: ``call_vjp(index, g)`` asks the judge's own node for its gradients.

    Example:
        >>> x = Node(data=2.0); y = Node(x, data=6.0, scale=3.0)
        >>> dicts, originals = pack(y)
        >>> root = unpack(dicts, lambda i, g: originals[i].vjp(g))[-1]
        >>> [float(d) for d in root.vjp(1.0)]
        [3.0]
    """
    budgets: dict[int, list[int]] = {}
    nodes: list[Node] = []
    for index, one in enumerate(dicts):
        remote = one["has_vjp"] and one["scale"] is None
        nodes.append(
            Node(
                *(nodes[parent] for parent in one["parents"]),
                data=one["data"],
                vjp=_remote(call_vjp, index) if remote else None,
                scale=one["scale"],
                requires_grad=one["requires_grad"],
                budget=budgets.setdefault(one["budget"], [one["left"]]),
                sealed=one["sealed"],
            )
        )
    return nodes


def _remote(call_vjp: Callable[[int, Array], Sequence[Array]], index: int) -> Vjp:
    """Equal gradients are one array, as they are where a rule returns ``g, g``.

    Arrays that crossed between processes are all separate; without this, an answer that adds
    to a shared gradient in place would go unnoticed.
    """

    def vjp(g: Array) -> tuple[Array, ...]:
        known: list[Array] = [g]
        back: list[Array] = []
        for value in call_vjp(index, g):
            same = next((old for old in known if np.array_equal(old, value)), value)
            known.append(same)
            back.append(same)
        return tuple(back)

    return vjp
