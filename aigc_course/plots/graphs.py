"""Computational graphs: boxes from left to right, each with its shape and gradient."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch, PathPatch, Polygon
from matplotlib.path import Path as Curve

from aigc_course.plots.display import figure_and_axes, finish
from aigc_course.plots.layout import layered_layout
from aigc_course.plots.style import COLORS, INK, tint

__all__ = ["GraphNode", "Node", "graph"]

KINDS: dict[
    str, tuple[str, Any, str, str, float]
] = {  # kind: (Chinese name, fill, edge, line style, corner radius in inches)
    "leaf": ("数据", "#FFFFFF", "#595959", "-", 0.02),
    "param": ("参数", tint(COLORS[3], 0.3), COLORS[3], "-", 0.02),
    "op": ("运算", tint(COLORS[0], 0.13), COLORS[0], "-", 0.16),
    "output": ("输出", tint(COLORS[2], 0.25), COLORS[2], "-", 0.02),
}
_WIDEST = 10.0  # inches; wider graphs are scaled down
_SMALLEST_SCALE = 0.72  # below it a graph runs down the page instead
_TITLE, _SMALL = 10.0, 8.0  # points
_PAD = 0.09  # inches between text and box


@dataclass(frozen=True)
class GraphNode:
    """One box of a computational graph.

    Attributes:
        id: anything hashable, unique; edges refer to it.
        label: first line: ``"x"``, ``"×"``, ``"ReLU"``; ``$…$`` is allowed.
        kind: ``"leaf"`` (data), ``"param"``, ``"op"`` or ``"output"``.
        note: second line, small: shape or value.
        grad: third line, small, in the accent colour: gradient.
    """

    id: Hashable
    label: str
    kind: str = "op"
    note: str = ""
    grad: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: got {self.kind!r}, wanted one of {', '.join(KINDS)}")


Node = GraphNode  # its name before; engine.autograd has a Node, too. Learners' copies still use it


def graph(
    nodes: Iterable[GraphNode | Mapping[str, Any] | Any],
    edges: Iterable[tuple[Hashable, Hashable]],
    ax: Axes | None = None,
    *,
    title: str | None = None,
    legend: bool = False,
    direction: str | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw a computational graph, inputs on the left and the result on the right.

    Args:
        nodes: :class:`GraphNode`, or dictionaries or objects with the same fields.
        edges: pairs (source id, target id), from operand to result. The same pair twice
            (``x * x``) gives two arrows.
        ax: draw here instead of into a new figure; the graph is scaled to fit.
        title: text.
        legend: name the kinds of boxes below the graph.
        direction: ``"right"`` or ``"down"``. When not given, right, unless the text of a long
            chain would then be too small to read.
        figsize: size in inches of a new figure; from the graph when not given.

    Raises:
        ValueError: no nodes, an id that comes twice or is unknown, a cycle.

    Example:
        >>> fig = graph(
        ...     [GraphNode("w", "w", "param"), GraphNode("x", "x", "leaf"), GraphNode("y", "×")],
        ...     [("w", "y"), ("x", "y")],
        ... )
        >>> sorted(text.get_text() for text in fig.axes[0].texts)
        ['w', 'x', '×']
    """
    boxes: dict[Hashable, GraphNode] = {}
    for node in map(_node, nodes):
        if node.id in boxes:
            raise ValueError(f"nodes: got the id {node.id!r} more than once, wanted unique ids")
        boxes[node.id] = node
    if not boxes:
        raise ValueError("nodes: got none, wanted at least one")
    links = [(source, target) for source, target in edges]
    for link in links:
        for end in link:
            if end not in boxes:
                raise ValueError(f"edges: got {end!r} in {link!r}, wanted ids among the nodes")
    if direction not in (None, "right", "down"):
        raise ValueError(f"direction: got {direction!r}, wanted 'right' or 'down'")
    plan = _Plan(boxes, links, direction == "down")
    if direction is None and ax is None and plan.width > _WIDEST / _SMALLEST_SCALE:
        plan = _Plan(boxes, links, down=True)

    above, below = (0.4 if title else 0.0), (0.4 if legend else 0.0)
    if ax is None:
        scale = min(1.0, _WIDEST / (plan.width + 0.2))
        natural = ((plan.width + 0.2) * scale, (plan.height + 0.1) * scale + above + below)
        fig = plt.figure(figsize=figsize or natural, layout="constrained")
        ax = fig.add_subplot()
        room = (fig.get_figwidth() - 0.1, fig.get_figheight() - above - below - 0.05)
    else:
        fig, ax = figure_and_axes(ax)
        part = ax.get_position()
        room = (part.width * fig.get_figwidth(), part.height * fig.get_figheight())
    scale = min(1.0, room[0] / plan.width, room[1] / plan.height)
    ax.set_xlim(plan.left, plan.left + plan.width)
    ax.set_ylim(plan.bottom, plan.bottom + plan.height)
    ax.set_aspect("equal")
    ax.set_axis_off()
    for points in plan.routes:
        _arrow(ax, points, scale, plan.down)
    for key, node in boxes.items():
        _box(ax, node, plan.center[key], plan.size[key], scale)
    if legend:
        _legend(ax, boxes)
    finish(ax, title=title)
    return fig


class _Plan:
    """Where everything goes, in inches at full size.

    The layout thinks in (along, across): along the arrows, and across them with the first input
    highest. ``down`` turns that by a quarter.
    """

    def __init__(
        self,
        boxes: Mapping[Hashable, GraphNode],
        links: list[tuple[Hashable, Hashable]],
        down: bool,
    ) -> None:
        self.down = down
        self.size = {key: _box_size(node) for key, node in boxes.items()}
        across = {key: size[0 if down else 1] for key, size in self.size.items()}
        along = {key: size[1 if down else 0] for key, size in self.size.items()}
        places = layered_layout(across, links, gap=0.26 if down else 0.3)
        layer = places.layer
        count = max(layer.values()) + 1
        depth = [max(along[key] for key in boxes if layer[key] == c) for c in range(count)]
        between = 0.3 if down else 0.42
        starts = [sum(depth[:c]) + between * c for c in range(count)]
        ends = [start + size for start, size in zip(starts, depth, strict=True)]
        middle = {key: ((starts[c] + ends[c]) / 2, places.y[key]) for key, c in layer.items()}
        self.center = {key: self._turn(at) for key, at in middle.items()}
        port = _ports(links, places.routes, middle, across)
        self.routes = []
        for number, (source, target) in enumerate(links):
            (u, v), (u1, _) = middle[source], middle[target]
            points = [(u + along[source] / 2, v), (ends[layer[source]], v)]
            for column, height in places.routes[number]:
                points += [(starts[column], height), (ends[column], height)]
            points += [(starts[layer[target]], port[number])]
            points += [(u1 - along[target] / 2, port[number])]
            self.routes.append([self._turn(point) for point in points])
        self._measure()

    def _turn(self, point: tuple[float, float]) -> tuple[float, float]:
        return (-point[1], -point[0]) if self.down else point

    def _measure(self) -> None:
        margin = 0.12
        xs = [point[0] for route in self.routes for point in route]
        ys = [point[1] for route in self.routes for point in route]
        for key, (x, y) in self.center.items():
            width, height = self.size[key]
            xs += [x - width / 2, x + width / 2]
            ys += [y - height / 2, y + height / 2]
        self.left, self.bottom = min(xs) - margin, min(ys) - margin
        self.width = max(xs) + margin - self.left
        self.height = max(ys) + margin - self.bottom


def _ports(
    links: list[tuple[Hashable, Hashable]],
    routes: list[list[tuple[int, float]]],
    middle: Mapping[Hashable, tuple[float, float]],
    across: Mapping[Hashable, float],
) -> dict[int, float]:
    """Where across its target's side each edge arrives: side by side, in the order they come."""
    incoming: dict[Hashable, list[int]] = {}
    for number, (_, target) in enumerate(links):
        incoming.setdefault(target, []).append(number)
    port = {}
    for target, numbers in incoming.items():
        comes_from = {n: routes[n][-1][1] if routes[n] else middle[links[n][0]][1] for n in numbers}
        reach = min(0.55 * across[target], 0.22 * len(numbers))
        for i, number in enumerate(sorted(numbers, key=lambda n: -comes_from[n])):
            port[number] = middle[target][1] + reach * (0.5 - (i + 0.5) / len(numbers))
    return port


def _legend(ax: Axes, boxes: Mapping[Hashable, GraphNode]) -> None:
    present = [kind for kind in KINDS if any(node.kind == kind for node in boxes.values())]
    ax.legend(
        handles=[
            Patch(facecolor=KINDS[k][1], edgecolor=KINDS[k][2], label=KINDS[k][0]) for k in present
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(present),
        handlelength=1.4,
    )


def _node(raw: Any) -> GraphNode:
    if isinstance(raw, GraphNode):
        return raw
    fields = ("id", "label", "kind", "note", "grad")
    if isinstance(raw, Mapping):
        unknown = set(raw) - set(fields)
        if unknown or not {"id", "label"} <= set(raw):
            raise ValueError(f"nodes: got keys {sorted(raw)}, wanted id, label, kind, note, grad")
        return GraphNode(**raw)
    if not hasattr(raw, "id") or not hasattr(raw, "label"):
        raise ValueError(
            f"nodes: got {type(raw).__name__}, wanted GraphNode, a mapping or the like"
        )
    return GraphNode(**{name: getattr(raw, name) for name in fields if hasattr(raw, name)})


def _em(text: str) -> float:
    """Estimated width of ``text`` in multiples of the font size."""
    plain = text.replace("$", "").replace("\\", "").replace("{", "").replace("}", "")
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.6 for c in plain)


def _lines(node: GraphNode) -> list[tuple[str, float, str]]:
    """(text, size in points, colour) from top to bottom."""
    lines = [(node.label, _TITLE, INK)]
    lines += [(line, _SMALL, "#595959") for line in node.note.splitlines()]
    lines += [(line, _SMALL, "#A84A00") for line in node.grad.splitlines()]
    return lines


def _box_size(node: GraphNode) -> tuple[float, float]:
    lines = _lines(node)
    width = max(_em(text) * points / 72 for text, points, _ in lines)
    height = sum(1.4 * points / 72 for _, points, _ in lines)
    return max(width + 2 * _PAD, 0.36), max(height + 1.1 * _PAD, 0.3)


def _arrow(ax: Axes, points: list[tuple[float, float]], scale: float, down: bool) -> None:
    """A line that is straight inside columns and bends between them, with a head at its end."""
    color = "#7A7A7A"
    head = 0.085
    (x, y), before = points[-1], points[-2]
    stop = (x, y + 0.6 * head) if down else (x - 0.6 * head, y)
    # The last straight piece may be shorter than the head: never turn back.
    points = [*points[:-1], stop]
    points[-2] = (
        (before[0], max(before[1], stop[1])) if down else (min(before[0], stop[0]), before[1])
    )
    vertices, codes = [points[0]], [Curve.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        if np.isclose(x0, x1) or np.isclose(y0, y1):
            vertices.append((x1, y1))
            codes.append(Curve.LINETO)
            continue
        if down:
            middle = (y0 + y1) / 2
            vertices += [(x0, middle), (x1, middle), (x1, y1)]
        else:
            middle = (x0 + x1) / 2
            vertices += [(middle, y0), (middle, y1), (x1, y1)]
        codes += [Curve.CURVE4] * 3
    width = 1.1 * max(scale, 0.6)
    ax.add_patch(PathPatch(Curve(vertices, codes), fill=False, ec=color, lw=width, zorder=1))
    wide = 0.45 * head
    tip = (
        [(x, y), (x - wide, y + head), (x + wide, y + head)]
        if down
        else [(x, y), (x - head, y + wide), (x - head, y - wide)]
    )
    ax.add_patch(Polygon(tip, closed=True, fc=color, ec="none", zorder=1))


def _box(
    ax: Axes, node: GraphNode, at: tuple[float, float], size: tuple[float, float], scale: float
) -> None:
    _, fill, edge, line, corner = KINDS[node.kind]
    (x, y), (width, height) = at, size
    corner = min(corner, height / 2, width / 2)
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2 + corner, y - height / 2 + corner),
            width - 2 * corner,
            height - 2 * corner,
            boxstyle=f"round,pad={corner}",
            fc=fill,
            ec=edge,
            lw=(2.2 if node.kind == "output" else 1.2) * max(scale, 0.6),
            linestyle=line,
            zorder=2,
        )
    )
    lines = _lines(node)
    top = y + sum(1.4 * points / 72 for _, points, _ in lines) / 2
    for text, points, color in lines:
        step = 1.4 * points / 72
        ax.text(
            x,
            top - step / 2,
            text,
            ha="center",
            va="center_baseline",
            fontsize=points * scale,
            color=color,
            zorder=3,
        )
        top -= step
