"""Recurrent networks: outputs, states and all gradients are those of PyTorch's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from aigc_course.models.rnn import Recurrent, RecurrentConfig

ORACLES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def pair(config, seed=0):
    torch.manual_seed(seed)
    ours = Recurrent(config)
    oracle = ORACLES[config.kind](
        config.inputs,
        config.hidden,
        config.layers,
        batch_first=True,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
    )
    oracle.load_state_dict(ours.state_dict())  # the same names and shapes
    return ours, oracle


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def same(ours, oracle, x, state, lengths=None):
    x1, x2 = (x.clone().requires_grad_() for _ in range(2))
    s1, s2 = (tuple(one.clone().requires_grad_() for one in state) for _ in range(2))
    y1, end1 = ours(x1, lengths, s1)
    begin = s2 if len(s2) == 2 else s2[0]
    if lengths is None:
        y2, end2 = oracle(x2, begin)
    else:
        packed = pack_padded_sequence(x2, lengths, batch_first=True, enforce_sorted=False)
        out, end2 = oracle(packed, begin)
        y2, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
    end2 = as_tuple(end2)
    torch.testing.assert_close(y1, y2)
    for one, other in zip(end1, end2, strict=True):
        torch.testing.assert_close(one, other)
    torch.manual_seed(1)
    weights = [torch.randn_like(one) for one in (y1, *end1)]
    for outputs, model in (((y1, *end1), ours), ((y2, *end2), oracle)):
        model.zero_grad()
        sum((w * one).sum() for w, one in zip(weights, outputs, strict=True)).backward()
    for one, other in zip((x1, *s1), (x2, *s2), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    theirs = dict(oracle.named_parameters())
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight.grad, theirs[name].grad)


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 4), st.integers(1, 5))


@pytest.mark.parametrize("kind", ORACLES)
@given(SHAPES, st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_values_and_gradients_are_those_of_pytorch(kind, shape, layers, bidirectional, seed):
    B, T, D, H = shape
    config = RecurrentConfig(kind, D, H, layers, bidirectional)
    ours, oracle = pair(config, seed)
    state = [torch.randn(layers * (1 + bidirectional), B, H) for _ in range(1 + (kind == "lstm"))]
    same(ours, oracle, torch.randn(B, T, D), state)


@pytest.mark.parametrize("kind", ORACLES)
@given(SHAPES, st.integers(1, 2), st.booleans(), st.data())
def test_rows_of_different_length_as_when_packed(kind, shape, layers, bidirectional, data):
    B, T, D, H = shape
    lengths = torch.tensor(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    ours, oracle = pair(RecurrentConfig(kind, D, H, layers, bidirectional))
    state = [torch.randn(layers * (1 + bidirectional), B, H) for _ in range(1 + (kind == "lstm"))]
    same(ours, oracle, torch.randn(B, T, D), state, lengths)


@pytest.mark.parametrize("kind", ORACLES)
def test_an_empty_row_gives_its_first_state_and_zeros(kind):
    model = Recurrent(RecurrentConfig(kind, 3, 4, bidirectional=True))
    x = torch.full((2, 5, 3), torch.nan)
    x[1] = 1.0
    y, end = model(x, torch.tensor([0, 5]))
    assert torch.equal(y[0], torch.zeros(5, 8)) and not y[1].isnan().any()
    assert all(torch.equal(one[:, 0], torch.zeros(2, 4)) for one in end)


@pytest.mark.parametrize("kind", ORACLES)
def test_what_stands_behind_a_row_has_no_part_in_it(kind):
    model = Recurrent(RecurrentConfig(kind, 2, 3, layers=2, bidirectional=True))
    x = torch.randn(2, 6, 2)
    other = x.clone()
    other[0, 2:] = 100.0
    lengths = torch.tensor([2, 6])
    for one, two in zip(model(x, lengths)[1], model(other, lengths)[1], strict=True):
        torch.testing.assert_close(one, two)
    torch.testing.assert_close(model(x, lengths)[0], model(other, lengths)[0])


def test_no_time_and_no_rows():
    model = Recurrent(RecurrentConfig("lstm", 2, 3))
    assert model(torch.zeros(2, 0, 2))[0].shape == (2, 0, 3)
    assert model(torch.zeros(0, 4, 2), torch.zeros(0, dtype=int))[0].shape == (0, 4, 3)


def test_dropout_between_layers_while_training_only():
    torch.manual_seed(0)
    model = Recurrent(RecurrentConfig("gru", 4, 8, layers=2, dropout=0.5))
    x = torch.randn(2, 3, 4)
    assert not torch.equal(model(x)[0], model(x)[0])
    model.eval()
    assert torch.equal(model(x)[0], model(x)[0])
    one = Recurrent(RecurrentConfig("gru", 4, 8, layers=1, dropout=0.5))
    assert torch.equal(one(x)[0], one(x)[0])


def test_in_pieces_as_at_once():
    model = Recurrent(RecurrentConfig("lstm", 2, 3, layers=2))
    x = torch.randn(2, 7, 2)
    whole, end = model(x)
    first, state = model(x[:, :3])
    second, last = model(x[:, 3:], state=state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(last, end)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "tanh"},
        {"inputs": 0},
        {"hidden": 0},
        {"layers": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
    ],
)
def test_configurations_that_are_none(options):
    with pytest.raises(ValueError, match="got"):
        RecurrentConfig(**{"kind": "rnn", "inputs": 2, "hidden": 3, **options})


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.zeros(2, 3),),
        (torch.zeros(2, 3, 5),),
        (torch.zeros(2, 3, 2), torch.tensor([1])),
        (torch.zeros(2, 3, 2), torch.tensor([1, 4])),
        (torch.zeros(2, 3, 2), torch.tensor([-1, 3])),
        (torch.zeros(2, 3, 2), None, (torch.zeros(1, 2, 4),)),
        (torch.zeros(2, 3, 2), None, (torch.zeros(1, 2, 4), torch.zeros(1, 2, 3))),
    ],
)
def test_inputs_that_do_not_fit(arguments):
    with pytest.raises(ValueError, match="got"):
        Recurrent(RecurrentConfig("lstm", 2, 4))(*arguments)
