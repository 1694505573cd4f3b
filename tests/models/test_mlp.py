"""The multilayer perceptron: in the engine and in PyTorch the same numbers, gradients included."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from aigc_course import data, engine
from aigc_course.models.mlp import MLP, MLPConfig, from_engine, to_engine
from aigc_course.training.checkpoint import load_weights

SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=5)


def engine_net(sizes, seed=0, dropout=0.0):
    g = np.random.default_rng(seed)
    layers = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        layers.append(engine.Linear(a, b, generator=g, dtype=np.float64))
        if i < len(sizes) - 2:
            layers += [engine.ReLU(), *([engine.Dropout(dropout)] if dropout else [])]
    return engine.Sequential(*layers)


@given(SIZES, st.integers(1, 7), st.integers(0, 99))
def test_loss_and_every_gradient_are_those_of_the_engine(sizes, B, seed):
    g = np.random.default_rng(seed)
    net = engine_net(sizes, seed)
    model = from_engine(net)
    assert model.config == MLPConfig(sizes[0], tuple(sizes[1:-1]), sizes[-1])
    x, y = g.normal(size=(B, sizes[0])), g.integers(sizes[-1], size=B)
    ours, theirs = engine.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss = engine.functional.cross_entropy(net(ours), y)
    loss.backward()
    other = F.cross_entropy(model(theirs), torch.from_numpy(y))
    other.backward()
    np.testing.assert_allclose(loss.item(), other.item(), rtol=1e-12)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), atol=1e-12)
    grads = dict(model.named_parameters())
    assert [name for name, _ in net.named_parameters()] == list(grads)
    for name, weight in net.named_parameters():
        np.testing.assert_allclose(weight.grad.numpy(), grads[name].grad.numpy(), atol=1e-12)


@given(SIZES, st.sampled_from([0.0, 0.25]), st.sampled_from([torch.float32, torch.float64]))
def test_there_and_back_is_the_same_network(sizes, dropout, dtype):
    if len(sizes) == 2:
        dropout = 0.0  # no hidden layer, nothing to drop
    config = MLPConfig(sizes[0], tuple(sizes[1:-1]), sizes[-1], dropout)
    model = MLP(config).to(dtype).eval()
    net = to_engine(model)
    again = from_engine(net)
    assert again.config == config and not again.training and not net.training
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value) and value.dtype == dtype
    x = torch.rand(3, sizes[0], dtype=dtype)
    ours = net(engine.Tensor(x.numpy())).detach().numpy()
    np.testing.assert_allclose(ours, model(x).detach().numpy(), atol=1e-5)


def test_what_is_copied_is_not_shared():
    net = engine_net([3, 2])
    model = from_engine(net)
    before = net.state_dict()["0.weight"].numpy().copy()
    with torch.no_grad():
        model.get_parameter("0.weight").zero_()
    np.testing.assert_array_equal(net.state_dict()["0.weight"].numpy(), before)
    with torch.no_grad():
        model.get_parameter("0.weight").fill_(3)
    other = to_engine(model)
    with torch.no_grad():
        model.get_parameter("0.weight").zero_()
    assert (other.state_dict()["0.weight"].numpy() == 3).all()


def test_the_shipped_checkpoint_is_read_by_both():
    model = MLP()
    load_weights(data.checkpoint("mlp"), model)
    net = to_engine(model)
    stored = engine.load(data.checkpoint("mlp"))
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), np.asarray(stored[name].data))
    fm = data.fashion_mnist()
    x = data.as_float(fm.test.x[:500])
    with torch.no_grad():
        guess = model.eval()(torch.from_numpy(x)).argmax(1).numpy()
    assert np.mean(guess == fm.test.y[:500]) > 0.85


def test_dropout_stands_after_each_hidden_layer_and_only_there():
    model = MLP(MLPConfig(4, (5, 6), 3, dropout=0.5))
    kinds = [type(layer).__name__ for layer in model.children()]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]


@pytest.mark.parametrize(
    "wrong", [{"inputs": 0}, {"hidden": (4, 0)}, {"classes": 0}, {"dropout": 1.0}]
)
def test_a_configuration_that_makes_no_network_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MLPConfig(**wrong)


@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, 2, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="flatten"):
        MLP(MLPConfig(4, (3,), 2))(torch.zeros(shape))


def test_pixels_are_refused():
    with pytest.raises(ValueError, match="255"):
        MLP(MLPConfig(4, (3,), 2))(torch.zeros(1, 4, dtype=torch.uint8))


@pytest.mark.parametrize(
    "net",
    [
        engine.Sequential(engine.Linear(3, 3), engine.Tanh(), engine.Linear(3, 2)),
        engine.Sequential(engine.Linear(3, 3), engine.Linear(3, 2)),
        engine.Sequential(engine.Linear(3, 3, bias=False)),
        engine.Sequential(engine.Linear(3, 3), engine.ReLU()),
        engine.Sequential(),
    ],
)
def test_another_network_of_the_engine_is_refused(net):
    with pytest.raises(ValueError, match="net: got"):
        from_engine(net)


def test_numbers_that_numpy_has_not_are_refused():
    with pytest.raises(ValueError, match="bfloat16"):
        to_engine(MLP(MLPConfig(4, (3,), 2)).bfloat16())
