"""The recurrent language model: causal, the same by hand and by PyTorch, and drawn as it scores."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from aigc_course.models.language import LanguageConfig, RecurrentLM, bits, sample

KINDS = ["rnn", "lstm", "gru"]
SMALL = LanguageConfig(vocabulary=7, embedding=3, hidden=4)


def made(config, seed=0):
    torch.manual_seed(seed)
    return RecurrentLM(config)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 3), st.booleans(), st.integers(1, 4))
def test_by_hand_and_by_pytorch_it_is_the_same(kind, layers, tied, T):
    config = replace(SMALL, kind=kind, layers=layers, tied=tied)
    fast, ours = made(config), made(replace(config, by_hand=True), seed=1)
    ours.load_state_dict(fast.state_dict())
    x = torch.randint(1, 7, (2, T))
    both = []
    for model in (fast, ours):
        scores, state = model(x)
        again, _ = model(x, state)
        loss = scores.square().mean() + again.square().mean()
        both.append((scores, *state, *torch.autograd.grad(loss, list(model.parameters()))))
    for a, b in zip(*both, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_later_changes_nothing_before(kind):
    model = made(replace(SMALL, kind=kind)).eval()
    x = torch.tensor([[1, 2, 3, 4]])
    other = torch.tensor([[1, 2, 6, 5]])
    a, b = model(x)[0], model(other)[0]
    assert torch.equal(a[:, :2], b[:, :2]) and not torch.allclose(a[:, 2], b[:, 2])


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_can_be_read_in_pieces(kind):
    model = made(replace(SMALL, kind=kind, layers=2)).eval()
    x = torch.randint(1, 7, (3, 6))
    whole, _ = model(x)
    first, state = model(x[:, :2])
    rest, _ = model(x[:, 2:], state)
    assert torch.allclose(torch.cat([first, rest], dim=1), whole, atol=1e-6)


def test_tied_weights_are_one_and_few():
    plain, tied = made(SMALL), made(replace(SMALL, tied=True))
    assert tied.scores.weight is tied.embedding.weight
    count = [sum(p.numel() for p in model.parameters()) for model in (plain, tied)]
    assert count[1] == count[0] - 7 * 4 + 4 * 3 + 3


def test_bits_are_those_of_the_probabilities_and_filling_has_none():
    model = made(SMALL).eval()
    x, y = torch.tensor([[1, 2, 0], [3, 4, 5]]), torch.tensor([[2, 6, 0], [4, 5, 6]])
    p = model(x)[0].softmax(-1).detach()
    wanted = [[-math.log2(p[b, t, y[b, t]]) * (y[b, t] > 0) for t in range(3)] for b in range(2)]
    assert torch.allclose(bits(model, x, y), torch.tensor(wanted), atol=1e-5)


def test_draws_follow_the_scores():
    model = made(SMALL)
    p = model.eval()(torch.tensor([[1]]))[0][0, -1].detach().clone()
    p[0] = -torch.inf
    rng = np.random.default_rng(0)
    for temperature in (1.0, 0.5):
        wanted = (p / temperature).softmax(0)
        drawn = [
            sample(model, [1], rng, end=6, longest=1, temperature=temperature)[1:]
            for _ in range(2000)
        ]
        for symbol in range(7):
            share = sum(d == ([] if symbol == 6 else [symbol]) for d in drawn) / 2000
            q = wanted[symbol].item()
            assert share == pytest.approx(q, abs=4 * math.sqrt(q * (1 - q) / 2000) + 1e-9)


def test_no_temperature_takes_the_likeliest_and_rows_end():
    model = made(SMALL).train()
    a = sample(model, [1, 2], np.random.default_rng(0), end=6, longest=9, temperature=0)
    b = sample(model, [1, 2], np.random.default_rng(1), end=6, longest=9, temperature=0)
    assert a == b and a[:2] == [1, 2] and len(a) <= 11 and 6 not in a[2:]
    assert model.training, "as it was"
    never = sample(model, [1], np.random.default_rng(0), end=6, longest=50, forbidden=(0, 3))
    assert 3 not in never and 0 not in never


def test_it_learns_a_row_by_heart():
    model = made(replace(SMALL, hidden=16, embedding=8))
    row = torch.tensor([[1, 2, 3, 2, 4, 5, 6]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(row[:, :-1])[0][0], row[0, 1:]).backward()
        optimizer.step()
    drawn = sample(model, [1], np.random.default_rng(0), end=6, temperature=0)
    assert drawn == [1, 2, 3, 2, 4, 5]


@pytest.mark.parametrize(
    "wrong", [{"vocabulary": 1}, {"embedding": 0}, {"hidden": 0}, {"kind": "x"}, {"dropout": 1.0}]
)
def test_a_configuration_that_makes_no_model_is_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        replace(SMALL, **wrong)


def test_bad_input_is_told():
    model = made(SMALL)
    with pytest.raises(ValueError, match=r"wanted \(B, T\)"):
        model(torch.tensor([1, 2]))
    for by_hand in (False, True):
        with pytest.raises(ValueError, match=r"got \(2, 0\), wanted .* T ≥ 1"):
            made(replace(SMALL, by_hand=by_hand))(torch.zeros(2, 0, dtype=torch.int64))
    with pytest.raises(ValueError, match="at least one symbol"):
        sample(model, [], np.random.default_rng(0), end=6)
    with pytest.raises(ValueError, match="0 or more"):
        sample(model, [1], np.random.default_rng(0), end=6, temperature=-1)
