"""Where to put the nodes of a directed acyclic graph: layers from left to right.

The method of Sugiyama, Tagawa and Toda (1981) in its plainest form: give every node a layer, cut
long edges into steps of one layer, order each layer to reduce crossings, then choose heights.
Pure geometry: nothing here draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Layout", "layered_layout"]

Key = Hashable
SWEEPS = 24


@dataclass(frozen=True)
class _Lane:
    """The place where a long edge passes through a column."""

    edge: int
    column: int


class Layout:
    """Result of :func:`layered_layout`.

    Attributes:
        layer: node → column, 0 on the left.
        y: node → height of its centre, in the units of the sizes given.
        routes: for each edge, in order, the heights at which it passes the columns between its
            ends, as a list of (column, y).
    """

    def __init__(self) -> None:
        self.layer: dict[Key, int] = {}
        self.y: dict[Key, float] = {}
        self.routes: list[list[tuple[int, float]]] = []


def layered_layout(
    heights: dict[Key, float],
    edges: Sequence[tuple[Key, Key]],
    gap: float = 0.3,
    lane: float = 0.16,
) -> Layout:
    """Place nodes so that every edge goes right and none passes over a node.

    Args:
        heights: node → height of its box.
        edges: pairs (source, target) of nodes; the same pair may come twice.
        gap: free space between boxes of one column.
        lane: height kept free for an edge that passes through a column.

    Raises:
        ValueError: the edges make a cycle.

    Example:
        >>> found = layered_layout({"a": 1, "b": 1, "c": 1}, [("a", "b"), ("b", "c"), ("a", "c")])
        >>> found.layer, len(found.routes[2])
        ({'a': 0, 'b': 1, 'c': 2}, 1)
    """
    out = Layout()
    out.layer = _layers(list(heights), edges)
    columns: list[list[Key]] = [[] for _ in range(max(out.layer.values(), default=-1) + 1)]
    size = dict(heights)
    layer = dict(out.layer)
    links: list[tuple[Key, Key]] = []
    chains: list[list[Key]] = []
    for number, (source, target) in enumerate(edges):
        chain: list[Key] = []
        for column in range(layer[source] + 1, layer[target]):
            chain.append(_Lane(number, column))
            layer[chain[-1]] = column
            size[chain[-1]] = lane
        chains.append(chain)
        steps = [source, *chain, target]
        links.extend(pairwise(steps))
    before: dict[Key, list[Key]] = {key: [] for key in layer}
    after: dict[Key, list[Key]] = {key: [] for key in layer}
    for source, target in links:
        after[source].append(target)
        before[target].append(source)
    for key in _from_the_end(list(heights), before, after):
        columns[layer[key]].append(key)
    _reduce_crossings(columns, before, after)
    height = _heights(columns, before, after, size, gap)
    out.y = {key: height[key] for key in heights}
    out.routes = [[(layer[key], height[key]) for key in chain] for chain in chains]
    return out


def _layers(nodes: list[Key], edges: Sequence[tuple[Key, Key]]) -> dict[Key, int]:
    """Longest path from the left; then what can move right without longer edges does.

    So a parameter stands next to where it is used and not in the first column.
    """
    incoming: dict[Key, int] = dict.fromkeys(nodes, 0)
    outgoing: dict[Key, list[Key]] = {key: [] for key in nodes}
    for source, target in edges:
        incoming[target] += 1
        outgoing[source].append(target)
    layer = dict.fromkeys(nodes, 0)
    ready = [key for key in nodes if not incoming[key]]
    fans_in = dict(incoming)
    order: list[Key] = []
    while ready:
        key = ready.pop()
        order.append(key)
        for target in outgoing[key]:
            layer[target] = max(layer[target], layer[key] + 1)
            incoming[target] -= 1
            if not incoming[target]:
                ready.append(target)
    if len(order) < len(nodes):
        stuck = [key for key in nodes if incoming[key]]
        raise ValueError(f"edges: got a cycle through {stuck[:5]}, wanted a graph without cycles")
    for key in reversed(order):
        if outgoing[key] and fans_in[key] <= len(outgoing[key]):
            layer[key] = min(layer[target] for target in outgoing[key]) - 1
    return layer


def _from_the_end(
    nodes: list[Key], before: dict[Key, list[Key]], after: dict[Key, list[Key]]
) -> list[Key]:
    """Keys in the order a walk back from the results meets them: a tree gets no crossing."""
    order: dict[Key, None] = {}
    for last in [key for key in nodes if not after[key]]:
        stack = [last]
        while stack:
            key = stack.pop()
            if key not in order:
                order[key] = None
                stack.extend(reversed(before[key]))
    return list(order)


def _crossings(column: list[Key], place: dict[Key, int], near: dict[Key, list[Key]]) -> int:
    ends = [end for key in column for end in sorted(place[other] for other in near[key])]
    return sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])


def _reduce_crossings(
    columns: list[list[Key]], before: dict[Key, list[Key]], after: dict[Key, list[Key]]
) -> None:
    """Barycentre sweeps in both directions; the best order seen is kept."""

    def places() -> dict[Key, int]:
        return {key: i for column in columns for i, key in enumerate(column)}

    def total() -> int:
        place = places()
        return sum(_crossings(column, place, before) for column in columns[1:])

    best, kept = total(), [list(column) for column in columns]
    for sweep in range(SWEEPS):
        if not best:
            break
        forward = sweep % 2 == 0
        near = before if forward else after
        for index in range(len(columns)) if forward else reversed(range(len(columns))):
            place = places()
            columns[index].sort(
                key=lambda key: (
                    np.mean([place[other] for other in near[key]]) if near[key] else place[key]
                )
            )
        found = total()
        if found < best:
            best, kept = found, [list(column) for column in columns]
    columns[:] = kept


def _heights(
    columns: list[list[Key]],
    before: dict[Key, list[Key]],
    after: dict[Key, list[Key]],
    size: dict[Key, float],
    gap: float,
) -> dict[Key, float]:
    """Pull every node to the mean of its neighbours as far as order and spacing allow."""
    y: dict[Key, float] = {}
    offsets: list[np.ndarray] = []  # of each node's centre below the column's top, when packed
    for column in columns:
        sizes = np.array([size[key] for key in column])
        steps = (sizes[1:] + sizes[:-1]) / 2 + np.where(sizes[1:] + sizes[:-1] > 0, gap, 0)
        offset = np.concatenate([[0.0], np.cumsum(steps)])
        offsets.append(offset)
        for key, place in zip(column, offset - offset[-1] / 2, strict=True):
            y[key] = -float(place)
    for sweep in range(SWEEPS):
        order = range(len(columns)) if sweep % 2 == 0 else reversed(range(len(columns)))
        for index in order:
            column = columns[index]
            wish = np.array([_pull(key, before[key] + after[key], y) for key in column])
            # With v = -y - offset, "in order and far enough apart" is "v never falls".
            fitted = _never_falling(-wish - offsets[index])
            for key, value in zip(column, -(fitted + offsets[index]), strict=True):
                y[key] = float(value)
    return y


def _pull(key: Key, near: list[Key], y: dict[Key, float]) -> float:
    """Mean height of the neighbours; lanes pull each other hardest, so long edges run straight."""
    if not near:
        return y[key]
    weights = [
        (3.0 if _is_lane(key) else 1.0) * (3.0 if _is_lane(other) else 1.0) for other in near
    ]
    return float(np.average([y[other] for other in near], weights=weights))


def _is_lane(key: Key) -> bool:
    return isinstance(key, _Lane)


def _never_falling(values: np.ndarray) -> np.ndarray:
    """Closest non-decreasing sequence in least squares (pool adjacent violators)."""
    blocks: list[list[float]] = []  # [mean, count]
    for value in values:
        blocks.append([float(value), 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            low, n = blocks[-1]
            blocks[-1] = [(low * n + mean * count) / (n + count), n + count]
    return np.concatenate([np.full(int(count), mean) for mean, count in blocks])
