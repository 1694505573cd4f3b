"""A graph of nodes for an answer to walk: copied to it, so that it is walked at full speed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_course.judging.handed import copies, crosses

__all__ = ["MARKED", "SEALED", "GraphNode", "TooDeep", "TooManyVisits"]

Array = np.ndarray
Vjp = Callable[[Array], tuple[Array, ...]]

SEALED = "gradients 只算不写：.grad 不能在这里改"
MARKED = "不在节点上留记号：同一张图会再走一次"
MAX_DEPTH = 600  # frames; RecursionError would come at 1,000, or never with the limit raised
MAX_CALLS = 500  # of one node's vjp; a right answer needs one


@crosses
class TooManyVisits(Exception):
    """An answer walks every path instead of every node; stopped before it takes for ever."""


@crosses
class TooDeep(Exception):
    """An answer recurses; noticed before the interpreter gives up, or where it would not."""


class GraphNode:
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
        sealed: ``node.grad = …`` raises AttributeError, here as in another process; so does an
            attribute that nodes do not have, whether sealed or not.
    """

    __slots__ = (
        *("_parents", "_scale", "_budget", "_grad", "_sealed"),
        *("data", "requires_grad", "calls", "vjp", "__weakref__"),
    )

    def __init__(
        self,
        *parents: GraphNode,
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

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            object.__setattr__(self, name, value)
        except AttributeError:
            known = hasattr(type(self), name)  # then it has said itself what is wrong
            if known:
                raise
            raise AttributeError(MARKED) from None

    def _spend(self) -> None:
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise TooManyVisits
        try:
            sys._getframe(MAX_DEPTH)
        except ValueError:  # the stack is not that deep
            return
        raise TooDeep

    def in_words(self) -> str:
        """The graph behind this node, for a card. No read is counted.

        Example:
            >>> x = GraphNode(); y = GraphNode(x, scale=2.0)
            >>> GraphNode(y, x).in_words()
            '图，3 个节点：它 ← a, b；a ← b；b 是叶子'
        """
        nodes = _pack(self)[0][::-1]
        if len(nodes) > len(_LETTERS):
            return f"图，{len(nodes)} 个节点"
        if len(nodes) == 1:
            return "图，只有它自己，是叶子"
        name = {id(node): letter for node, letter in zip(nodes, _LETTERS, strict=False)}
        lines = [
            f"{name[id(node)]} ← {', '.join(name[id(one)] for one in node._parents)}"
            if node._parents
            else f"{name[id(node)]} 是叶子"
            for node in nodes
        ]
        return f"图，{len(nodes)} 个节点：{'；'.join(lines)}"

    @property
    def parents(self) -> tuple[GraphNode, ...]:
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


_LETTERS = ("它", *"abcdefg")


def _times(scale: float) -> Vjp:
    return lambda g: (g * scale,)


def _pack(root: GraphNode) -> tuple[list[GraphNode], list[tuple[Any, ...]]]:
    """The nodes behind ``root``, itself the last, and a record of each. No read is counted.

    Parents need not come before what is computed from them: that order is what 04.1 asks for,
    and an answer could call this function.

    A record: indices of the parents, ``data``, ``requires_grad``, ``scale``, ``vjp`` (None where
    ``scale`` says it), index of the group that shares a budget, what is left of it, ``sealed``.

    Example:
        >>> x = GraphNode(data=2.0); y = GraphNode(x, x, data=4.0, scale=None)
        >>> nodes, records = _pack(y)
        >>> [record[0] for record in records], nodes[-1] is y
        ([(), (0, 0)], True)
    """
    # keyed by id: looking nodes up by themselves could spend their budget in __eq__
    nodes, known = [root], {id(root)}
    for node in nodes:  # grows while it is walked
        new = {id(parent): parent for parent in node._parents if id(parent) not in known}
        nodes += new.values()
        known |= new.keys()
    nodes.reverse()
    place = {id(node): k for k, node in enumerate(nodes)}
    groups: dict[int, int] = {}
    return nodes, [
        (
            tuple(place[id(parent)] for parent in node._parents),
            node.data,
            node.requires_grad,
            node._scale,
            node.vjp if node._scale is None else None,
            groups.setdefault(id(node._budget), len(groups)),
            node._budget[0],
            node._sealed,
        )
        for node in nodes
    ]


def _unpack(records: list[tuple[Any, ...]]) -> list[GraphNode]:
    """The nodes that :func:`_pack` described, in the same order."""
    budgets: dict[int, list[int]] = {}
    nodes: list[GraphNode] = []
    for _, data, requires_grad, scale, vjp, group, left, sealed in records:
        nodes.append(
            GraphNode(
                data=data,
                vjp=None if vjp is None else _sharing(vjp),
                scale=scale,
                requires_grad=requires_grad,
                budget=budgets.setdefault(group, [left]),
                sealed=sealed,
            )
        )
    for node, (parents, *_) in zip(nodes, records, strict=True):
        node._parents = tuple(nodes[parent] for parent in parents)
    return nodes


def _sharing(vjp: Vjp) -> Vjp:
    """Equal gradients are one array, as they are where a rule returns ``g, g``.

    Arrays that crossed between processes are all separate; without this, an answer that adds
    to a shared gradient in place would go unnoticed.
    """

    def shared(g: Array) -> tuple[Array, ...]:
        known: list[Array] = [g]
        back: list[Array] = []
        for value in vjp(g):
            same = next((old for old in known if np.array_equal(old, value)), value)
            known.append(same)
            back.append(same)
        return tuple(back)

    return shared


copies(GraphNode, _pack, _unpack)
