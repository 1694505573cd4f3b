"""The classifier of texts: filling and neighbours change nothing, by hand it is the same."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from aigc_course.models.rnn import Recurrent, RecurrentConfig
from aigc_course.models.sentiment import Sentiment, SentimentConfig

SMALL = SentimentConfig(vocabulary=9, embedding=4, hidden=3)
POOLS, KINDS = ["last", "mean", "max"], ["rnn", "lstm", "gru"]


def made(config, seed=0):
    torch.manual_seed(seed)
    return Sentiment(config)


def batch(lengths, T):
    x = torch.zeros(len(lengths), T, dtype=torch.int64)
    for b, n in enumerate(lengths):
        x[b, :n] = torch.randint(1, 9, (n,))
    return x, torch.tensor(lengths)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(POOLS),
    st.sampled_from(KINDS),
    st.booleans(),
    st.lists(st.integers(0, 5), min_size=1, max_size=5),
    st.integers(0, 3),
)
def test_neither_filling_nor_neighbours_change_a_text(pool, kind, both, lengths, more):
    model = made(replace(SMALL, pool=pool, kind=kind, bidirectional=both, layers=2)).eval()
    x, n = batch(lengths, max(lengths))
    together = model(x, n)
    wider = model(F.pad(x, (0, more)), n)
    alone = torch.cat([model(x[b : b + 1, : n[b]], n[b : b + 1]) for b in range(len(n))])
    assert torch.allclose(together, wider, atol=1e-6)
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("kind", KINDS)
def test_with_our_own_network_inside_it_is_the_same(pool, kind):
    config = replace(SMALL, pool=pool, kind=kind)
    model = made(config).eval()
    ours = Recurrent(RecurrentConfig(kind, 4, 3, bidirectional=True))
    ours.load_state_dict(model.body.state_dict())
    x, n = batch([4, 1, 3], 4)
    y, end = ours(model.embedding(x), n)
    there = (torch.arange(4) < n[:, None])[:, :, None]
    pooled = {
        "last": torch.cat([end[0][0], end[0][1]], dim=1),
        "mean": y.sum(1) / n[:, None],
        "max": y.masked_fill(~there, -torch.inf).amax(1),
    }[pool]
    assert torch.allclose(model(x, n), model.head(pooled).squeeze(1), atol=1e-6)


def test_filling_gets_no_gradient_and_every_word_does():
    model = made(replace(SMALL, pool="mean", dropout=0.0))
    x, n = batch([2, 3], 4)
    vectors = model.embedding(x).detach().requires_grad_()
    model.read(vectors, n).sum().backward()
    there = torch.arange(4) < n[:, None]
    assert (vectors.grad.abs().sum(-1) > 0).equal(there)


def test_a_text_without_words_says_nothing():
    model = made(SMALL).eval()
    bias = model.head.bias.item()
    assert model(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 0])).tolist() == [bias] * 2
    assert model(torch.zeros(1, 0, dtype=torch.int64), torch.tensor([0])).tolist() == [bias]
    assert model(torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0).long()).shape == (0,)
    model.train()
    loss = F.binary_cross_entropy_with_logits(
        model(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 0])), torch.ones(2)
    )
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_words_are_dropped_in_training_only():
    model = made(replace(SMALL, word_dropout=0.9, dropout=0.0))
    x, n = batch([5], 5)
    unknown = torch.ones_like(x)
    seen = {round(model(x, n).item(), 5) for _ in range(30)}
    assert len(seen) > 1 and round(model(unknown, n).item(), 5) in seen
    model.eval()
    assert model(x, n).item() == model(x, n).item()


def test_it_learns_what_one_word_says():
    model = made(replace(SMALL, dropout=0.0))
    x, n = batch([4] * 64, 4)
    y = (x == 5).any(1).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x, n), y).backward()
        optimizer.step()
    assert ((model.eval()(x, n) > 0) == (y > 0)).float().mean() > 0.97


@pytest.mark.parametrize(
    "wrong",
    [{"vocabulary": 1}, {"embedding": 0}, {"pool": "sum"}, {"word_dropout": 1.0}, {"kind": "x"}],
)
def test_a_configuration_that_makes_no_model_is_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        replace(SMALL, **wrong)


@pytest.mark.parametrize(
    ("x", "lengths", "said"),
    [
        (torch.ones(3).long(), torch.ones(3).long(), r"\(B, T\)"),
        (torch.ones(2, 3).long(), torch.tensor([1]), "2 numbers"),
        (torch.ones(2, 3).long(), torch.tensor([1, 4]), "from 0 to 3"),
        (torch.ones(2, 3).long(), torch.tensor([-1, 1]), "from 0 to 3"),
    ],
)
def test_bad_input_is_told(x, lengths, said):
    with pytest.raises(ValueError, match=said):
        made(SMALL)(x, lengths)
