"""The computational graph as plain nodes and edges, for drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .autograd import Node, topological_order
from .tensor import Tensor


@dataclass(frozen=True)
class TracedNode:
    """One box of the picture.

    Attributes:
        id: number of the node; inputs have smaller numbers than what is computed from them.
        label: name of the operation or of the tensor.
        kind: ``"param"`` (a leaf that requires a gradient), ``"op"`` or ``"output"``.
        shape: of the tensor that leaves the node.
    """

    id: int
    label: str
    kind: str
    shape: tuple[int, ...]

    @property
    def note(self) -> str:
        """The shape as text, for the second line of a box."""
        return str(self.shape)


class Graph(NamedTuple):
    """Nodes in order of computation, and edges (id of the input, id of the operation)."""

    nodes: list[TracedNode]
    edges: list[tuple[int, int]]


def trace(output: Tensor, names: Mapping[str, Tensor] | None = None) -> Graph:
    """The graph that ``output`` was computed by; draw it with ``plots.graph(*trace(loss))``.

    Constants (tensors that require no gradient) are not part of the graph that backward walks, and
    so do not appear.

    Args:
        names: label -> tensor, for leaves and for results in between; for a network
            ``dict(model.named_parameters())``. Unnamed leaves are called x1, x2, ...

    Example:
        >>> w = Tensor([2.0], requires_grad=True)
        >>> graph = trace((w * 3).sum(), names={"w": w})
        >>> [node.label for node in graph.nodes], graph.edges
        (['w', 'mul', 'sum'], [(0, 1), (1, 2)])
    """
    called: dict[Node | Tensor, str] = {}
    for name, tensor in (names or {}).items():
        called[tensor.grad_fn if tensor.grad_fn is not None else tensor] = name
    nodes: list[TracedNode] = []
    edges: list[tuple[int, int]] = []
    ids: dict[Node | Tensor, int] = {}
    unnamed = 0
    last = output.grad_fn
    if last is None:
        return Graph([TracedNode(0, called.get(output, "x1"), "param", output.shape)], [])
    for node in reversed(topological_order([last])):
        for source in node.inputs:
            if isinstance(source, Tensor) and source not in ids:
                if source not in called:
                    unnamed += 1
                    called[source] = f"x{unnamed}"
                ids[source] = len(nodes)
                nodes.append(TracedNode(len(nodes), called[source], "param", source.shape))
        label = node.name if node not in called else f"{called[node]} = {node.name}"
        ids[node] = len(nodes)
        nodes.append(TracedNode(len(nodes), label, "output" if node is last else "op", node.shape))
        edges += [(ids[source], ids[node]) for source in node.inputs if source is not None]
    return Graph(nodes, edges)
