"""Computational graphs: the layout's promises, on random graphs, and the drawing."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch, PathPatch

from aigc_course import plots
from aigc_course.plots.graphs import _Plan
from aigc_course.plots.layout import _never_falling, layered_layout


@pytest.fixture(autouse=True)
def style():
    plots.use_style()
    yield
    plt.close("all")


@st.composite
def dags(draw):
    n = draw(st.integers(1, 14))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=24)) if pairs else []
    order = draw(st.permutations(range(n)))
    return [order[i] for i in range(n)], edges


@given(dags())
def test_edges_go_right_and_boxes_do_not_touch(graph):
    nodes, edges = graph
    sizes = {node: 0.5 + 0.1 * (node % 3) for node in nodes}
    found = layered_layout(sizes, edges, gap=0.3, lane=0.16)
    assert all(found.layer[a] < found.layer[b] for a, b in edges)
    for column in set(found.layer.values()):
        here = sorted((found.y[n], sizes[n]) for n in nodes if found.layer[n] == column)
        for (y0, s0), (y1, s1) in itertools.pairwise(here):
            assert y1 - y0 >= (s0 + s1) / 2 + 0.3 - 1e-6


@given(dags())
def test_long_edges_pass_between_boxes(graph):
    nodes, edges = graph
    sizes = dict.fromkeys(nodes, 0.6)
    found = layered_layout(sizes, edges)
    for (source, target), route in zip(edges, found.routes, strict=True):
        assert [c for c, _ in route] == list(range(found.layer[source] + 1, found.layer[target]))
        for column, y in route:
            for node in nodes:
                if found.layer[node] == column:
                    assert abs(found.y[node] - y) > 0.3


def test_same_graph_same_layout():
    edges = [(0, 2), (1, 2), (2, 4), (3, 4), (0, 4)]
    first = layered_layout(dict.fromkeys(range(5), 1.0), edges)
    again = layered_layout(dict.fromkeys(range(5), 1.0), edges)
    assert first.y == again.y and first.routes == again.routes


def test_parameters_stand_next_to_their_use():
    edges = [("x", "a"), ("a", "b"), ("b", "c"), ("w", "t"), ("t", "c")]
    found = layered_layout(dict.fromkeys("xabcwt", 1.0), edges)
    assert found.layer["t"] == found.layer["c"] - 1 and found.layer["w"] == found.layer["t"] - 1
    assert not any(found.routes)


def test_a_tree_has_no_crossing():
    edges = [("a", "e"), ("b", "f"), ("c", "e"), ("d", "f"), ("e", "g"), ("f", "g")]
    y = layered_layout(dict.fromkeys("abcdefg", 1.0), edges).y
    upper = ("a", "c") if y["e"] > y["f"] else ("b", "d")
    lower = {"a", "b", "c", "d"} - set(upper)
    assert min(y[n] for n in upper) > max(y[n] for n in lower)


def test_a_chain_is_straight():
    y = layered_layout(dict.fromkeys(range(5), 1.0), [(i, i + 1) for i in range(4)]).y
    assert np.ptp(list(y.values())) < 1e-9


def test_cycle_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        layered_layout({1: 1.0, 2: 1.0}, [(1, 2), (2, 1)])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12))
def test_never_falling_is_the_projection(values):
    values = np.array(values)
    fitted = _never_falling(values)
    assert (np.diff(fitted) >= -1e-9).all() and np.isclose(fitted.sum(), values.sum())
    for cut in range(1, len(values)):  # moving any tail up or down does not come closer
        for step in (0.01, -0.01):
            moved = fitted + step * (np.arange(len(values)) >= cut)
            if (np.diff(moved) >= 0).all():
                assert ((moved - values) ** 2).sum() >= ((fitted - values) ** 2).sum() - 1e-9


def net(depth):
    """A plain network of ``depth`` layers as a graph: 5 nodes a layer."""
    nodes, edges, last = [plots.GraphNode("x", "x", "leaf", "(B, 784)")], [], "x"
    for k in range(depth):
        names = [f"{kind}{k}" for kind in ("W", "b", "mm", "add", "relu")]
        kinds = ["param", "param", "op", "op", "op"]
        nodes += [
            plots.GraphNode(n, n, kind, "(B, 256)") for n, kind in zip(names, kinds, strict=True)
        ]
        w, b, mm, add, relu = names
        edges += [(last, mm), (w, mm), (mm, add), (b, add), (add, relu)]
        last = relu
    return nodes, edges


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_boxes_texts_and_arrows(depth):
    nodes, edges = net(depth)
    fig = plots.graph(nodes, edges, title="网络", legend=True)
    ax = fig.axes[0]
    fig.draw_without_rendering()
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == len(nodes)
    assert sum(isinstance(p, PathPatch) for p in ax.patches) == len(edges)
    assert len(ax.texts) == 2 * len(nodes)
    frames = [box.get_window_extent() for box in boxes]
    for i, frame in enumerate(frames):
        assert not any(frame.overlaps(other) for other in frames[i + 1 :])
    for number, text in enumerate(ax.texts):
        inner, outer = text.get_window_extent(), frames[number // 2]
        assert outer.x0 < inner.x0 and inner.x1 < outer.x1, f"{text.get_text()} leaves its box"
    smallest = min(text.get_fontsize() for text in ax.texts)
    assert smallest >= 5.5, "readable up to forty nodes"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["数据", "参数", "运算"]


def test_long_chains_turn_down_unless_told():
    nodes, edges = net(8)
    tall = plots.graph(nodes, edges)
    assert tall.get_figheight() > tall.get_figwidth()
    wide = plots.graph(nodes, edges, direction="right")
    assert wide.get_figheight() < wide.get_figwidth() <= 10.01


@pytest.mark.parametrize("down", [False, True])
def test_arrows_do_not_cross_boxes(down):
    nodes, edges = net(3)
    edges = [*edges, ("x", "relu2"), ("relu0", "relu2"), ("x", "add1")]
    plan = _Plan({node.id: node for node in nodes}, edges, down)
    for link, route in zip(edges, plan.routes, strict=True):
        for (x0, y0), (x1, y1) in itertools.pairwise(route):
            for share in np.linspace(0, 1, 15):
                x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
                for key, (cx, cy) in plan.center.items():
                    if key in link:
                        continue
                    width, height = plan.size[key]
                    assert abs(x - cx) > width / 2 - 0.02 or abs(y - cy) > height / 2 - 0.02


def test_used_twice_gives_two_arrows_that_do_not_coincide():
    plan = _Plan(
        {n.id: n for n in map(lambda i: plots.GraphNode(i, "x"), (1, 2))}, [(1, 2)] * 2, False
    )
    assert plan.routes[0][-1] != plan.routes[1][-1]


def test_nodes_may_be_mappings_or_objects():
    nodes = [{"id": 1, "label": "x", "kind": "leaf"}, SimpleNamespace(id=2, label="y", note="2")]
    fig = plots.graph(nodes, [(1, 2)])
    assert sorted(t.get_text() for t in fig.axes[0].texts) == ["2", "x", "y"]
    assert len(plots.graph(iter(nodes), iter([(1, 2)])).axes[0].texts) == 3


@pytest.mark.parametrize(
    "nodes, edges, match",
    [
        ([], [], "nodes: got none"),
        ([{"id": 1, "label": "x"}] * 2, [], "more than once"),
        ([{"id": 1, "label": "x"}], [(1, 3)], r"edges: got 3 in \(1, 3\)"),
        ([{"id": 1, "label": "x", "colour": 1}], [], "got keys"),
        ([{"id": 1, "label": "x", "kind": "round"}], [], "kind: got 'round'"),
        ([object()], [], "nodes: got object"),
    ],
)
def test_bad_graphs(nodes, edges, match):
    with pytest.raises(ValueError, match=match):
        plots.graph(nodes, edges)
    with pytest.raises(ValueError, match="direction"):
        plots.graph([plots.GraphNode(1, "x")], [], direction="up")


def test_a_node_still_answers_to_its_old_name():
    assert plots.Node is plots.GraphNode
