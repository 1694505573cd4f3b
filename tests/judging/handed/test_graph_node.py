"""Graphs that cross between a judge and an answer: same structure, same identities, same counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.judging.handed import copier_of
from aigc_course.judging.handed.graph_node import (
    MARKED,
    MAX_CALLS,
    MAX_DEPTH,
    SEALED,
    GraphNode,
    TooDeep,
    TooManyVisits,
)

COPIER = copier_of(GraphNode)


def _repeated(n):
    return lambda g: (g,) * n


@st.composite
def graphs(draw: st.DrawFn) -> GraphNode:
    """A random graph: shared parents, a parent twice, leaves, constants, shared budgets."""
    budgets = [[draw(st.integers(0, 99))] for _ in range(draw(st.integers(1, 3)))]
    nodes: list[GraphNode] = []
    for _ in range(draw(st.integers(1, 12))):
        parents = draw(st.lists(st.sampled_from(nodes), max_size=3)) if nodes else []
        rule = draw(st.sampled_from(["none", "scale", "vjp"])) if parents else "none"
        if rule == "scale":
            parents = parents[:1]
        nodes.append(
            GraphNode(
                *parents,
                data=draw(st.lists(st.floats(-9, 9), max_size=3)),
                scale=draw(st.floats(-9, 9)) if rule == "scale" else None,
                vjp=_repeated(len(parents)) if rule == "vjp" else None,
                requires_grad=draw(st.booleans()),
                budget=draw(st.sampled_from(budgets)),
                sealed=draw(st.booleans()),
            )
        )
    return nodes[-1]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_the_graph_that_arrives_is_the_graph_that_was_sent(root: GraphNode) -> None:
    before = root._budget[0]
    originals, records = COPIER.pack(root)
    copies = COPIER.unpack(records)
    assert root._budget[0] == before, "packing must not spend the answer's reads"
    assert originals[-1] is root
    assert len(copies) == len(originals) == len({id(n) for n in originals})
    mate = {id(old): new for old, new in zip(originals, copies, strict=True)}
    for old, new in zip(originals, copies, strict=True):
        assert len(old._parents) == len(new._parents)
        for mine, theirs in zip(old._parents, new._parents, strict=True):
            assert mate[id(mine)] is theirs
        np.testing.assert_array_equal(old.data, new.data)
        assert old.requires_grad == new.requires_grad
        assert (old.vjp is None) == (new.vjp is None)
        assert old._budget[0] == new._budget[0]
        assert old._sealed == new._sealed
        if new.vjp is not None:
            for mine, theirs in zip(old.vjp(np.ones(2)), new.vjp(np.ones(2)), strict=True):
                np.testing.assert_array_equal(mine, theirs)
    for one in originals:
        for two in originals:
            shared = mate[id(one)]._budget is mate[id(two)]._budget
            assert (one._budget is two._budget) == shared


def test_long_chains_need_no_recursion() -> None:
    node = GraphNode()
    for _ in range(20_000):
        node = GraphNode(node, scale=1.0)
    _, records = COPIER.pack(node)
    assert len(COPIER.unpack(records)) == 20_001


def test_calls_are_counted_where_the_graph_was_made() -> None:
    leaf = GraphNode(data=np.ones(2))
    root = GraphNode(leaf, leaf, vjp=lambda g: (g, 2 * g))
    _, records = COPIER.pack(root)
    copy = COPIER.unpack(records)[-1]
    for _ in range(MAX_CALLS):
        copy.vjp(np.ones(2))
    assert root.calls == MAX_CALLS
    with pytest.raises(TooManyVisits):
        copy.vjp(np.ones(2))


def test_equal_gradients_arrive_as_one_array() -> None:
    """So that adding to one of them in place spoils the other, as it does without crossing."""
    leaf = GraphNode(data=np.ones(2))
    _, records = COPIER.pack(GraphNode(leaf, leaf, vjp=lambda g: (g.copy(), g.copy())))
    copy = COPIER.unpack(records)[-1]
    g = np.ones(2)
    first, second = copy.vjp(g)
    assert first is second is g


def test_reads_and_comparisons_run_out() -> None:
    node = GraphNode(GraphNode(), budget=[3])
    for _ in range(2):
        node.parents
    assert (node == node) is True
    with pytest.raises(TooManyVisits):
        node.parents


def test_a_sealed_node_refuses_a_gradient_on_either_side() -> None:
    originals, records = COPIER.pack(GraphNode(sealed=True))
    for node in (originals[-1], COPIER.unpack(records)[-1]):
        with pytest.raises(AttributeError, match=SEALED):
            node.grad = np.ones(1)
        assert node.grad is None


def test_a_node_takes_no_marks() -> None:
    originals, records = COPIER.pack(GraphNode())
    for node in (originals[-1], COPIER.unpack(records)[-1]):
        with pytest.raises(AttributeError, match=MARKED):
            node.visited = True
        node.grad = 1.0
        assert node.grad == 1.0


def test_recursion_is_noticed_before_the_interpreter_gives_up() -> None:
    node = GraphNode()

    def dive(levels: int) -> int:
        return dive(levels - 1) if levels else len(node.parents)

    assert dive(100) == 0
    with pytest.raises(TooDeep):
        dive(MAX_DEPTH)
