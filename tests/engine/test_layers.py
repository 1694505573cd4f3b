"""Convolution, pooling, normalisation, dropout and whole layers against PyTorch."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aigc_course import engine
from aigc_course.engine import functional as F
from aigc_course.engine import nn
from tests.engine.oracle import arrays, close, same

CONVS = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"stride": (2, 1), "padding": (0, 2)},
    {"dilation": 2, "padding": 2},
    {"dilation": (1, 2), "stride": 2, "padding": 1},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", CONVS)
def test_conv2d(options, dtype):
    inputs = arrays(1, (2, 3, 7, 6), (4, 3, 3, 2), (4,), dtype=dtype)
    same(lambda *a: F.conv2d(*a, **options), lambda *a: TF.conv2d(*a, **options), inputs)
    same(lambda *a: F.conv2d(*a, **options), lambda *a: TF.conv2d(*a, **options), inputs[:2])


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_conv2d_in_groups(groups):
    inputs = arrays(2, (2, 4, 5, 5), (8, 4 // groups, 3, 3), (8,))
    same(
        lambda *a: F.conv2d(*a, padding=1, groups=groups),
        lambda *a: TF.conv2d(*a, padding=1, groups=groups),
        inputs,
    )


def test_conv2d_of_one_image_and_of_an_empty_batch():
    w, b = arrays(3, (4, 3, 3, 3), (4,))
    same(F.conv2d, TF.conv2d, [*arrays(4, (3, 5, 6)), w, b])
    same(F.conv2d, TF.conv2d, [*arrays(4, (0, 3, 5, 6)), w, b])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7),
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2),
)  # fmt: skip
def test_conv2d_of_any_size(b, c, o, h, w, kh, kw, stride, padding, dilation):
    assume(h + 2 * padding > dilation * (kh - 1) and w + 2 * padding > dilation * (kw - 1))
    same(
        lambda *a: F.conv2d(*a, stride=stride, padding=padding, dilation=dilation),
        lambda *a: TF.conv2d(*a, stride=stride, padding=padding, dilation=dilation),
        arrays(5, (b, c, h, w), (o, c, kh, kw), (o,)),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)},
    ],
)
def test_pooling(options, dtype):
    (x,) = arrays(6, (2, 3, 7, 6), dtype=dtype)
    for ours, theirs in ((F.max_pool2d, TF.max_pool2d), (F.avg_pool2d, TF.avg_pool2d)):
        same(lambda t, f=ours: f(t, **options), lambda t, f=theirs: f(t, **options), [x])
        same(lambda t, f=ours: f(t, **options), lambda t, f=theirs: f(t, **options), [x[0]])
    same(
        lambda t: F.avg_pool2d(t, **options, count_include_pad=False),
        lambda t: TF.avg_pool2d(t, **options, count_include_pad=False),
        [x],
    )


def test_max_pool_gives_a_tie_to_the_first_and_passes_nan_on():
    x = np.zeros((1, 1, 4, 4))
    same(lambda t: F.max_pool2d(t, 2), lambda t: TF.max_pool2d(t, 2), [x])
    x[0, 0, 1, 1] = np.nan
    assert F.max_pool2d(engine.tensor(x), 2).isnan().tolist() == [[[[True, False], [False] * 2]]]


# --- normalisation ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "tail"), [((3, 4), (4,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4))]
)
def test_layer_norm(shape, tail, dtype):
    inputs = arrays(7, shape, tail, tail, dtype=dtype)
    same(
        lambda x, w, b: F.layer_norm(x, tail, w, b),
        lambda x, w, b: TF.layer_norm(x, tail, w, b),
        inputs,
    )
    same(lambda x: F.layer_norm(x, tail), lambda x: TF.layer_norm(x, tail), inputs[:1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (nn.BatchNorm1d, torch.nn.BatchNorm1d, (6, 3)),
        (nn.BatchNorm1d, torch.nn.BatchNorm1d, (4, 3, 5)),
        (nn.BatchNorm2d, torch.nn.BatchNorm2d, (4, 3, 5, 2)),
    ],
)
def test_batch_norm_trains_and_evaluates_as_torchs(ours, theirs, shape, dtype):
    mine, other = ours(3, dtype=dtype), theirs(3, dtype=getattr(torch, dtype))
    w, b = arrays(8, (3,), (3,), dtype=dtype)
    mine.weight.data[...], mine.bias.data[...] = w, b
    with torch.no_grad():
        other.weight.copy_(torch.tensor(w))
        other.bias.copy_(torch.tensor(b))
    for seed in range(3):
        same(mine, other, arrays(seed, shape, dtype=dtype))
    for name in ("weight", "bias"):
        close(getattr(mine, name).grad, getattr(other, name).grad, dtype, name)
    state = other.state_dict()
    assert list(mine.state_dict()) == list(state)
    for name, value in mine.state_dict().items():
        close(value, state[name], dtype, name)
    same(mine.eval(), other.eval(), arrays(9, shape, dtype=dtype))


def test_batch_norm_without_affine_or_running_stats():
    for options in ({"affine": False}, {"track_running_stats": False}):
        mine, other = nn.BatchNorm1d(3, **options), torch.nn.BatchNorm1d(3, **options)
        assert list(mine.state_dict()) == list(other.state_dict())
        same(mine, other, arrays(10, (5, 3), dtype="float32"))
        same(mine.eval(), other.eval(), arrays(10, (5, 3), dtype="float32"))


@pytest.mark.parametrize("momentum", [None, 0.0, 0.3])
def test_batch_norm_momentum(momentum):
    mine = nn.BatchNorm1d(3, momentum=momentum)
    other = torch.nn.BatchNorm1d(3, momentum=momentum)
    for seed in range(4):
        same(mine, other, arrays(seed, (5, 3), dtype="float32"))
    for name, value in mine.state_dict().items():
        close(value, other.state_dict()[name], "float32", name)
    same(mine.eval(), other.eval(), arrays(9, (5, 3), dtype="float32"))


def test_batch_norm_takes_weights_from_before_it_counted_batches():
    old = {"0.running_mean": [1.0, 2.0], "0.running_var": [3.0, 4.0], "0.weight": [1.0, 1.0],
           "0.bias": [0.0, 0.0]}  # fmt: skip
    mine, other = nn.Sequential(nn.BatchNorm1d(2)), torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    mine.load_state_dict({k: np.array(v) for k, v in old.items()})
    other.load_state_dict({k: torch.tensor(v) for k, v in old.items()})
    counted = {"0.num_batches_tracked": np.array([7])}  # and when it was a list of one number
    for state in ({}, counted):
        mine.load_state_dict({k: np.array(v) for k, v in (old | state).items()})
        other.load_state_dict({k: torch.tensor(v) for k, v in (old | state).items()})
        for name, value in mine.state_dict().items():
            close(value, other.state_dict()[name], "float32", name)
    with pytest.raises(RuntimeError, match=r"missing: 0\.bias"):
        mine.load_state_dict({k: np.array(v) for k, v in old.items() if k != "0.bias"})


@pytest.mark.parametrize(
    "call",
    [
        lambda x: nn.BatchNorm1d(2)(x),
        lambda x: nn.LayerNorm(2)(x),
        lambda x: F.avg_pool2d(x.reshape(1, 1, 2, 2), 2),
    ],
)
def test_whole_numbers_are_refused_where_a_mean_is_taken(call):
    with pytest.raises(TypeError, match=r"input is int64, wanted float numbers; use \.float\(\)"):
        call(engine.tensor([[1, 2], [3, 4]]))


@pytest.mark.parametrize("shape", [(2, 1, 5, 5), (1, 2, 3, 4), (0, 1, 4, 4)])
def test_max_pooling_of_whole_numbers_and_odd_sizes(shape):
    x = np.random.default_rng(0).integers(-9, 0, shape)
    for options in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}):
        same(
            lambda t, o=options: F.max_pool2d(t, **o),
            lambda t, o=options: TF.max_pool2d(t, **o),
            [x],
        )
        same(
            lambda t, o=options: F.avg_pool2d(t, **o), lambda t, o=options: TF.avg_pool2d(t, **o),
            [x.astype(float)],
        )  # fmt: skip


# --- dropout ---------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_masks_the_gradient():
    x = engine.ones(200, 200, requires_grad=True)
    y = F.dropout(x, 0.25, generator=np.random.default_rng(0))
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.75) < 0.01
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.75, rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    layer = nn.Dropout(0.5)
    assert layer.eval()(x) is x
    assert not F.dropout(x, 1.0).detach().numpy().any()
    engine.manual_seed(1)
    a = layer.train()(x).detach().numpy()
    engine.manual_seed(1)
    assert (layer(x).detach().numpy() == a).all()


# --- modules ---------------------------------------------------------------------------------


def pairs_of_networks():
    def build(lib, extra):
        return lib.Sequential(
            lib.Conv2d(1, 4, 3, padding=1), lib.BatchNorm2d(4), lib.ReLU(), lib.MaxPool2d(2),
            lib.Conv2d(4, 6, 3, stride=2, bias=False), lib.GELU(), lib.AvgPool2d(2),
            lib.Flatten(), lib.Linear(6, 8), lib.LayerNorm(8), lib.Tanh(), lib.Dropout(0.0),
            lib.Linear(8, 5, bias=False), lib.Sigmoid(),
        )  # fmt: skip

    return build(nn, None), build(torch.nn, None)


def test_weights_move_over_by_name_both_ways():
    mine, other = pairs_of_networks()
    (x,) = arrays(11, (3, 1, 12, 12), dtype="float32")
    mine.load_state_dict(other.state_dict())
    same(mine, other, [x])
    for (name, a), (_, b) in zip(mine.named_parameters(), other.named_parameters(), strict=True):
        close(a.grad, b.grad, "float32", name)
    fresh, _ = pairs_of_networks()
    other.load_state_dict(
        {k: torch.from_numpy(v.numpy().copy()) for k, v in fresh.state_dict().items()}
    )
    same(fresh, other, [x])


def test_embedding_and_every_activation_module():
    mine, other = nn.Embedding(7, 3, padding_idx=2), torch.nn.Embedding(7, 3, padding_idx=2)
    assert not mine.weight.data[2].any()
    mine.load_state_dict(other.state_dict())
    index = np.array([[1, 2, 6], [6, 6, 0]])
    mine(index).sum().backward()
    other(torch.tensor(index)).sum().backward()
    close(mine.weight.grad, other.weight.grad, "float32")
    for name in ("ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softplus"):
        same(getattr(nn, name)(), getattr(torch.nn, name)(), arrays(12, (3, 4)))
    for name in ("Softmax", "LogSoftmax"):
        same(getattr(nn, name)(dim=1), getattr(torch.nn, name)(dim=1), arrays(12, (3, 4)))


def test_initial_weights_have_torchs_range_and_follow_the_generator():
    a = nn.Linear(400, 300, generator=np.random.default_rng(5))
    b = nn.Linear(400, 300, generator=np.random.default_rng(5))
    assert (a.weight.data == b.weight.data).all() and (a.bias.data == b.bias.data).all()
    assert a.weight.dtype == np.float32
    assert abs(a.weight.data.max() - 0.05) < 1e-4 and abs(a.weight.data.min() + 0.05) < 1e-4
    engine.manual_seed(3)
    c = nn.Conv2d(3, 2, 3)
    engine.manual_seed(3)
    assert (nn.Conv2d(3, 2, 3).weight.data == c.weight.data).all()
    assert np.abs(c.weight.data).max() <= 1 / 27**0.5
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        nn.Linear(2, 2, generator=0)


INITS = {
    "uniform_": lambda m, t: m.uniform_(t, -0.3, 0.7),
    "normal_": lambda m, t: m.normal_(t, 1.0, 0.5),
    "trunc_normal_": lambda m, t: m.trunc_normal_(t, 0.0, 1.0, -1.0, 1.0),
    "xavier_uniform_": lambda m, t: m.xavier_uniform_(t, gain=2.0),
    "xavier_normal_": lambda m, t: m.xavier_normal_(t),
    "kaiming_uniform_": lambda m, t: m.kaiming_uniform_(t, nonlinearity="relu"),
    "kaiming_normal_": lambda m, t: m.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
    "constant_": lambda m, t: m.constant_(t, 0.25),
    "zeros_": lambda m, t: m.zeros_(t),
    "ones_": lambda m, t: m.ones_(t),
}


@pytest.mark.parametrize("name", INITS)
def test_init_has_torchs_distribution(name):
    engine.manual_seed(0)
    torch.manual_seed(0)
    mine, other = engine.empty(120, 40, 3, 3), torch.empty(120, 40, 3, 3)
    assert INITS[name](nn.init, mine) is mine
    INITS[name](torch.nn.init, other)
    for measure in (np.mean, np.std, np.min, np.max):
        a, b = float(measure(mine.data)), float(measure(other.numpy()))
        loose = 0.35 if measure in (np.min, np.max) and "normal" in name else 0.02
        assert abs(a - b) <= loose * max(1e-3, float(other.abs().max())), measure.__name__


def test_orthogonal_rows_and_gains():
    for shape in ((3, 5), (5, 3)):
        w = nn.init.orthogonal_(engine.empty(*shape, dtype=np.float64), gain=2.0).data
        product = w @ w.T if shape[0] < shape[1] else w.T @ w
        np.testing.assert_allclose(product, 4 * np.eye(3), atol=1e-12)
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))


def test_module_registers_walks_and_prints():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
            self.scale = nn.Parameter([2.0])
            self.shared = self.heads["a"]
            self.register_buffer("mean", engine.zeros(2))

        def forward(self, x):
            for layer in self.body:
                x = layer(x)
            return self.heads["a"](x) * self.scale

    net = Net()
    names = [name for name, _ in net.named_parameters()]
    assert names[0] == "scale" and "body.1.weight" in names and len(names) == 7
    assert "mean" in net.state_dict() and sum(1 for _ in net.modules()) == 6
    assert "(body): ModuleList(" in repr(net) and "in_features=2" in repr(net)
    assert net(np.ones((3, 2), np.float32)).shape == (3, 1)
    net.eval()
    assert not net.body[0].training
    seen = []
    handle = net.body[0].register_forward_hook(lambda m, args, out: seen.append(out.shape))
    net(engine.ones(3, 2))
    handle.remove()
    net(engine.ones(3, 2))
    assert seen == [(3, 2)]
    net.double()
    assert net.scale.dtype == np.float64 and net.mean.dtype == np.float64
    net.apply(lambda m: setattr(m, "touched", True))
    assert net.body[1].touched
    net.requires_grad_(False)
    assert not net(engine.ones(1, 2, dtype=np.float64)).requires_grad
    del net.heads
    assert "heads.a.weight" not in net.state_dict()


def test_module_copies_and_pickles():
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    net(engine.ones(1, 3)).sum().backward()
    twin = copy.deepcopy(net)
    twin[0].weight.data[...] = 0
    assert net[0].weight.data.any() and (twin[0].weight.grad.data == net[0].weight.grad.data).all()
    back = pickle.loads(pickle.dumps(net))
    assert (back[0].weight.data == net[0].weight.data).all() and back[0].weight.requires_grad


def test_load_state_dict_is_all_or_nothing():
    net = nn.Linear(3, 2)
    before = net.weight.data.copy()
    with pytest.raises(RuntimeError, match=r"missing: bias; unknown: b; weight: got \(2, 4\)"):
        net.load_state_dict({"weight": np.zeros((2, 4)), "b": np.zeros(2)})
    assert (net.weight.data == before).all()
    net.load_state_dict({"weight": np.zeros((2, 3))}, strict=False)
    assert not net.weight.data.any() and net.weight.dtype == np.float32


def test_sequential_is_a_list():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).append(nn.Linear(3, 1))
    assert len(net) == 3 and isinstance(net[1], nn.ReLU) and len(net[1:]) == 2
    assert [type(m).__name__ for m in net] == ["Linear", "ReLU", "Linear"]
    named = nn.Sequential({"first": nn.Linear(2, 2)})
    assert list(named.state_dict()) == ["first.weight", "first.bias"]


# --- clipping --------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
@pytest.mark.parametrize("limit", [0.1, 100.0])
def test_clip_grad_norm(norm_type, limit):
    grads = arrays(13, (3, 4), (5,), dtype="float32")
    mine = [engine.zeros(*g.shape, requires_grad=True) for g in grads]
    other = [torch.zeros(*g.shape, requires_grad=True) for g in grads]
    for p, q, g in zip(mine, other, grads, strict=True):
        p.grad, q.grad = engine.tensor(g), torch.tensor(g)
    a = nn.utils.clip_grad_norm_(mine, limit, norm_type)
    b = torch.nn.utils.clip_grad_norm_(other, limit, norm_type)
    assert a.item() == pytest.approx(b.item(), rel=1e-5)
    for p, q in zip(mine, other, strict=True):
        close(p.grad, q.grad, "float32")
    nn.utils.clip_grad_value_(mine, 0.05)
    torch.nn.utils.clip_grad_value_(other, 0.05)
    for p, q in zip(mine, other, strict=True):
        close(p.grad, q.grad, "float32")


def test_parameters_to_vector_and_back():
    net = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(net.parameters())
    nn.utils.vector_to_parameters(vector * 2, net.parameters())
    np.testing.assert_allclose(
        nn.utils.parameters_to_vector(net.parameters()).data, vector.data * 2
    )
