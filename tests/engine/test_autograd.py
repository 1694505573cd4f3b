"""The graph: accumulation, freeing, hooks, in-place changes, deep chains, drawing."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
import torch

from aigc_course import engine
from aigc_course.engine import functional as F
from aigc_course.engine import graph
from tests.engine.oracle import arrays, close


def leaf(*values):
    return engine.tensor(list(values), requires_grad=True)


# --- accumulation and freeing ----------------------------------------------------------------


def test_gradients_add_up_over_calls_and_uses():
    w = leaf(2.0)
    (w * w + w).sum().backward()
    (w * 3).sum().backward()
    assert w.grad.item() == 2 * 2 + 1 + 3
    w.grad = None
    y = w * 2
    (y * y + y + y.exp() * 0).sum().backward()
    assert w.grad.item() == 2 * (2 * 4) + 2


def test_accumulation_never_writes_into_someone_elses_array():
    a, b = leaf(1.0, 1.0), leaf(1.0, 1.0)
    seed = engine.tensor([1.0, 2.0])
    (a + b).backward(seed)
    a.grad.data[...] = 100.0
    assert b.grad.tolist() == [1.0, 2.0] and seed.tolist() == [1.0, 2.0]
    (a + b + a).backward(seed)
    assert b.grad.tolist() == [2.0, 4.0] and seed.tolist() == [1.0, 2.0]
    x = engine.zeros(2, 3, requires_grad=True)
    y = x.reshape(3, 2)
    (y.sum() + y.sum() + y.mT.sum()).backward()
    assert (x.grad.numpy() == 3).all() and x.grad.data.flags.writeable


def test_a_diamond_is_walked_once_per_node():
    calls = []
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: calls.append(g.item()))
    (y * 3 + y * 4 + y * y).sum().backward()
    assert calls == [3 + 4 + 4] and x.grad.item() == 22


def test_second_backward_raises_unless_the_graph_is_kept():
    w = leaf(3.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert w.grad.item() == 12
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        loss.backward()
    assert w.grad.item() == 12, "a refused backward must not have changed anything"


def test_a_graph_that_saves_nothing_can_run_again_as_in_torch():
    for lib in (engine, torch):
        w = lib.tensor([1.0, 2.0], requires_grad=True)
        loss = (w.reshape(2, 1) + 1).sum()
        loss.backward()
        loss.backward()
        assert w.grad.tolist() == [2.0, 2.0]


def test_shared_part_is_freed_by_the_first_loss():
    w = leaf(1.0)
    shared = w.exp()
    (shared * 2).sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        (shared * 3).sum().backward()


def test_backward_lets_go_of_saved_arrays():
    w = leaf(0.0, 1.0, 2.0)
    y = w * 1.0
    big = y.exp()
    watch = weakref.ref(big)
    loss = big.sum()
    del big
    assert watch() is None, "the graph must not keep tensors alive, only the arrays it needs"
    loss.backward()
    assert loss.grad_fn.inputs[0].backward is None


def test_no_reference_cycles_are_left():
    gc.collect()
    gc.disable()
    try:
        w = engine.ones(3, 3, requires_grad=True)
        out = F.softmax(F.gelu(w @ w + 1).tanh().exp(), 1).sqrt().std()
        watch = weakref.ref(out)
        del out
        assert watch() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- modes -----------------------------------------------------------------------------------


def test_no_grad_as_context_and_decorator():
    w = leaf(1.0)
    with engine.no_grad():
        assert not (w * 2).requires_grad
        with engine.enable_grad():
            assert (w * 2).requires_grad
        assert not engine.is_grad_enabled()
    assert engine.is_grad_enabled()

    @engine.no_grad()
    def f():
        return (w * 2).requires_grad

    @engine.no_grad
    def g():
        return (w * 2).requires_grad

    assert f() is False and g() is False and f.__name__ == "f"
    with pytest.raises(ZeroDivisionError), engine.no_grad():
        raise ZeroDivisionError
    assert engine.is_grad_enabled()
    again = engine.no_grad()
    with again, again:
        pass
    assert engine.is_grad_enabled()


def test_grad_mode_belongs_to_its_thread():
    seen = []
    with engine.no_grad():
        thread = threading.Thread(target=lambda: seen.append(engine.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_detach_shares_memory_but_not_history():
    w = leaf(1.0, 2.0)
    d = w.detach()
    assert not d.requires_grad and np.shares_memory(d.data, w.data)
    (w * d).sum().backward()
    assert w.grad.tolist() == [1.0, 2.0]
    assert w.detach().numpy() is w.data and w.is_leaf and not (w * 1).is_leaf
    assert engine.tensor([2.5]).item() == 2.5


def test_grad_function_touches_no_grad_attribute():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    loss = (y * y).sum()
    gx, gy = engine.grad(loss, [x, y])
    assert gx.tolist() == [18.0, 64.0] and gy.tolist() == [6.0, 16.0]
    assert x.grad is None and w.grad is None
    unused = leaf(1.0)
    assert engine.grad((x * 2).sum(), [x, unused], allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="does not depend"):
        engine.grad((x * 2).sum(), unused)
    (x * w).sum().backward(inputs=[x])
    assert x.grad.tolist() == [3.0, 4.0] and w.grad is None


# --- hooks -----------------------------------------------------------------------------------


def test_hooks_see_the_whole_gradient_and_may_change_it():
    for lib in (engine, torch):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = x * 2
        seen = []
        x.register_hook(lambda g, s=seen: s.append(g.tolist()))
        handle = y.register_hook(lambda g: g * 10)
        (y + x * 3).sum().backward()
        assert seen == [[23.0, 23.0]] and x.grad.tolist() == [23.0, 23.0]
        handle.remove()
        x.grad = None
        y2 = x * 2
        y2.register_hook(lambda g: None)
        y2.sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_a_leafs_hook_changes_what_is_accumulated():
    for lib in (engine, torch):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        x.register_hook(lambda g: g * 10)
        (x * 2).sum().backward()
        (x * 3).sum().backward()
        assert x.grad.tolist() == [50.0, 50.0]
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g[:1])
    with pytest.raises(RuntimeError, match=r"hook: .*\(1,\), wanted \(2,\)"):
        x.sum().backward()


def test_hook_that_writes_into_its_argument_harms_nobody():
    a, b = leaf(1.0), leaf(1.0)

    def spoil(g):
        g.data[...] = 99.0

    a.register_hook(spoil)
    (a + b).sum().backward()
    assert a.grad.item() == 1.0 and b.grad.item() == 1.0


def test_retain_grad():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 8.0]
    z = x * 2
    z.sum().backward()
    with pytest.warns(UserWarning, match="retain_grad"):
        assert z.grad is None


# --- in-place --------------------------------------------------------------------------------


def test_in_place_on_a_leaf_is_refused_with_the_cure():
    w = leaf(1.0)
    for change in ("w += 1", "w -= 1", "w *= 2", "w /= 2", "w **= 2", "w[0] = 1", "w.zero_()"):
        with pytest.raises(RuntimeError, match="no_grad"):
            exec(change, {"w": w})
    with engine.no_grad():
        w += 1
        w[0] = w[0] * 2
    assert w.item() == 4.0 and w.is_leaf and w.requires_grad


SPOILERS = [
    lambda x: (x.exp(), lambda y: y.add_(1)),
    lambda x: (x.tanh(), lambda y: y.mul_(2)),
    lambda x: (x.sigmoid(), lambda y: y.__setitem__(0, 5.0)),
    lambda x: (x.softmax(0), lambda y: y.zero_()),
    lambda x: (x.relu(), lambda y: y.sub_(1)),
    lambda x: (x.sqrt(), lambda y: y.div_(2)),
]


@pytest.mark.parametrize("make", SPOILERS)
def test_changing_an_output_that_backward_needs_is_noticed(make):
    for lib in (engine, torch):
        y, change = make(lib.tensor([1.0, 2.0], requires_grad=True))
        change(y)
        with pytest.raises(RuntimeError, match=r"in-?place"):
            y.sum().backward()


def test_changing_an_input_that_backward_needs_is_noticed():
    for lib in (engine, torch):
        w = lib.tensor([1.0, 2.0], requires_grad=True)
        x = lib.tensor([3.0, 4.0])
        loss = (w * x).sum()
        x += 1
        with pytest.raises(RuntimeError, match=r"in-?place"):
            loss.backward()
        loss = (w * w).sum()
        with lib.no_grad():
            w -= 0.1
        with pytest.raises(RuntimeError, match=r"in-?place"):
            loss.backward()


def test_a_view_or_detached_twin_counts_as_the_same_memory():
    for spoil in (
        lambda y: y.detach().add_(1),
        lambda y: y.detach().reshape(2, 1).mul_(2),
        lambda y: y.detach()[0].fill_(3.0),
    ):
        y = leaf(1.0, 2.0).exp()
        spoil(y)
        with pytest.raises(RuntimeError, match="in-place"):
            y.sum().backward()


def test_optimiser_step_between_forward_and_backward_is_noticed():
    layer = engine.Linear(2, 2)
    x = engine.ones(1, 2, requires_grad=True)
    optimizer = engine.SGD(layer.parameters(), lr=0.1)
    layer(x).sum().backward()
    loss = layer(x).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"linear: a tensor of shape \(2, 2\)"):
        loss.backward()


def test_harmless_in_place_changes_have_torchs_gradients():
    def program(lib, x, w):
        y = x * 2
        y += w
        y *= 3
        y[0] = w[1] * 10
        y -= x
        y /= lib.tensor(3.0, dtype=lib.float64).pow_(2)
        z = lib.zeros(2, dtype=lib.float64)
        z[1] = (x * w).sum()
        z[0] = y.sum()
        y.clamp_(-50, 50)
        return (z * lib.tensor([1.0, 2.0], dtype=lib.float64)).sum() + y.sum()

    (x, w) = arrays(1, (3,), (3,))
    results = []
    for lib in (engine, torch):
        a, b = lib.tensor(x, requires_grad=True), lib.tensor(w, requires_grad=True)
        program(lib, a, b).backward()
        results.append((a.grad, b.grad))
    for mine, theirs in zip(*results, strict=True):
        close(mine, theirs, "float64")


def test_views_in_a_recorded_graph_cannot_be_changed_or_used_stale():
    y = leaf(1.0, 2.0) * 1
    view = y[:1]
    with pytest.raises(RuntimeError, match="clone"):
        view += 1
    y *= 2
    with pytest.raises(RuntimeError, match="Make the view again"):
        view.sum()
    assert y[:1].sum().item() == 2.0


def test_in_place_result_must_fit():
    t = engine.zeros(3)
    with pytest.raises(engine.ShapeError, match=r"result has shape \(2, 3\)"):
        t += engine.ones(2, 3)
    n = engine.tensor([1, 2])
    with pytest.raises(TypeError, match="does not fit into a int64"):
        n += 0.5
    wide = engine.zeros(1, 2).expand(3, 2)
    with pytest.raises(RuntimeError, match="read-only"):
        wide += 1
    with pytest.raises(RuntimeError, match="read-only"):
        wide[0] = 1
    t[...] = 2
    t.copy_(engine.tensor([1, 2, 3]))
    assert t.tolist() == [1.0, 2.0, 3.0] and t.dtype == np.float32


def test_views_share_memory_and_copies_do_not():
    source = np.zeros(3, np.float32)
    assert not np.shares_memory(engine.tensor(source).data, source)
    assert not np.shares_memory(engine.Tensor(source, requires_grad=True).data, source)
    assert np.shares_memory(engine.from_numpy(source).data, source)
    t = engine.zeros(2, 3)
    t[0] += 1
    t[1, 2] = 5
    t[0][0].fill_(7)
    assert t.tolist() == [[7.0, 1.0, 1.0], [0.0, 0.0, 5.0]]
    assert not np.shares_memory(t.clone().data, t.data)


# --- depth -----------------------------------------------------------------------------------


def test_a_chain_of_a_hundred_thousand_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0 + 0.0
    y.backward()
    assert x.grad.item() == 1.0
    del y
    gc.collect()


def test_a_deep_chain_is_dropped_without_backward():
    x = engine.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = (y * x).tanh()  # saves tensors, so that dropping it has something to recurse through
    del y
    gc.collect()
    deep = x
    for _ in range(50_000):
        deep = engine.cat([deep, x])[:1]
    deep.backward()
    assert np.isfinite(x.grad.item())


# --- drawing, copying, printing --------------------------------------------------------------


def test_trace_gives_nodes_in_order_and_edges():
    w, b = leaf(1.0, 2.0), leaf(0.5)
    h = w * 3 + b
    loss = (h * h).sum()
    nodes, edges = graph.trace(loss, names={"w": w, "h": h})
    labels = [n.label for n in nodes]
    assert labels == ["w", "mul", "x1", "h = add", "mul", "sum"]
    assert [n.kind for n in nodes] == ["param", "op", "param", "op", "op", "output"]
    assert edges == [(0, 1), (1, 3), (2, 3), (3, 4), (3, 4), (4, 5)]
    assert nodes[3].shape == (2,) and nodes[3].note == "(2,)"
    loss.backward()
    assert graph.trace(loss).edges == edges, "the graph can be drawn after backward too"
    assert graph.trace(w).edges == []
    assert len(graph.trace(loss + 0).nodes) == 7


def test_copy_and_pickle_of_leaves_only():
    w = leaf(1.0, 2.0)
    (w * w).sum().backward()
    twin = copy.deepcopy(w)
    assert twin.requires_grad and twin.grad.tolist() == [2.0, 4.0]
    twin.data[...] = 0
    assert w.tolist() == [1.0, 2.0]
    assert pickle.loads(pickle.dumps(w)).requires_grad
    for f in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match="leaf"):
            f(w * 2)


def test_text():
    assert repr(engine.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(engine.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(leaf(1.0)) == "tensor([1.], requires_grad=True)"
    assert repr(leaf(1.0) * 2) == "tensor([2.], grad_fn=<mul>)"
    assert repr(engine.tensor(np.ones(1))) == "tensor([1.], dtype=float64)"
    assert repr(engine.zeros(0, 3)) == "tensor([], shape=(0, 3))"
    assert f"{engine.tensor(1.23456):.2f}" == "1.23"


def test_it_behaves_like_a_number_or_list_where_it_should():
    t = engine.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2 and [row.tolist() for row in t] == [[1.0, 2.0], [3.0, 4.0]]
    assert t.numel() == 4 and t.size() == (2, 2) and t.size(0) == 2 and t.dim() == 2
    assert float(engine.tensor(2.5)) == 2.5 and int(engine.tensor(3)) == 3
    assert [10, 20, 30][engine.tensor(1)] == 20 and bool(engine.tensor(0.0)) is False
    assert (t == None) is False and (t != "x") is True  # noqa: E711
    assert (t == t).all() and not (t > 5).any() and ((t > 1) & (t < 4)).tolist()[0] == [False, True]
    assert (~(t > 1)).tolist() == [[True, False], [False, False]]
    assert hash(t) != hash(t.clone()) and (+t) is t and (t // 2).tolist()[1] == [1.0, 2.0]
    np.testing.assert_array_equal(np.asarray(t), t.data)
    np.testing.assert_allclose(t, t.data)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert t.isfinite().all() and not t.isinf().any()
