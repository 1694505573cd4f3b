"""The tagger: neighbours and filling change nothing, a field keeps its tags lawful, it learns."""

from dataclasses import replace
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.metrics import entities
from aigc_course.models.tagger import Tagger, TaggerConfig

SMALL = TaggerConfig(
    vocabulary=9, tags=("O", "B-nr", "I-nr", "B-ns", "I-ns"), embedding=4, hidden=3, dropout=0.0
)


def made(config, seed=0):
    torch.manual_seed(seed)
    return Tagger(config)


def batch(lengths, T):
    x = torch.zeros(len(lengths), T, dtype=torch.int64)
    for b, n in enumerate(lengths):
        x[b, :n] = torch.randint(1, 9, (n,))
    return x, torch.tensor(lengths)


@settings(max_examples=30, deadline=None)
@given(st.booleans(), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 3))
def test_a_row_is_tagged_and_scored_for_itself(crf, lengths, more):
    model = made(replace(SMALL, crf=crf)).eval()
    x, n = batch(lengths, max(lengths) + more)
    tags = torch.randint(0, 5, x.shape)
    tags[tags == 2] = 0  # no inside, which a field might forbid
    tags[tags == 4] = 0
    alone = [
        (model.loss(x[b : b + 1, :k], tags[b : b + 1, :k], n[b : b + 1]), k)
        for b, k in enumerate(lengths)
    ]
    mean = torch.stack([loss for loss, _ in alone]).mean()
    assert torch.allclose(model.loss(x, tags, n), mean, atol=1e-5)
    rows = [model.tag(x[b : b + 1, :k], n[b : b + 1])[0] for b, k in enumerate(lengths)]
    assert model.tag(x, n) == rows


@pytest.mark.parametrize("seed", range(20))
def test_with_a_field_no_inside_stands_alone(seed):
    model = made(SMALL, seed).eval()
    x, n = batch([6, 4], 6)
    for row in model.tag(x, n):
        assert entities(row) == entities(row, strict=False)


@pytest.mark.parametrize("crf", [True, False])
def test_the_loss_is_minus_the_log_of_a_probability(crf):
    model = made(replace(SMALL, crf=crf)).double().eval()
    x, n = batch([3], 3)
    lawful = {(k, j) for k in range(5) for j in (0, 1, 3)} | {(1, 2), (2, 2), (3, 4), (4, 4)}
    rows = [
        torch.tensor([row])
        for row in product(range(5), repeat=3)
        if not crf or (row[0] not in (2, 4) and lawful.issuperset(pairwise(row)))
    ]
    p = torch.stack([torch.exp(-model.loss(x, row, n)) for row in rows])
    assert p.sum().item() == pytest.approx(1)
    best = rows[int(p.argmax())][0].tolist()
    assert model.tag(x, n) == [[SMALL.tags[k] for k in best]]


def test_it_learns_names_from_examples():
    model = made(replace(SMALL, hidden=16, embedding=8))
    x, n = batch([6] * 64, 6)
    tags = torch.zeros_like(x)
    tags[x == 5] = 1  # 5 begins a name; 6 after 5 goes on with it
    tags[:, 1:][(x[:, 1:] == 6) & (x[:, :-1] == 5)] = 2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        model.loss(x, tags, n).backward()
        optimizer.step()
    wanted = [[SMALL.tags[k] for k in row] for row in tags.tolist()]
    found = model.eval().tag(x, n)
    assert sum(a == b for a, b in zip(found, wanted, strict=True)) >= 62


@pytest.mark.parametrize(
    "wrong",
    [{"vocabulary": 1}, {"hidden": 0}, {"tags": ()}, {"tags": ("O", "O")}, {"dropout": 1.0}],
)
def test_a_configuration_that_makes_no_tagger_is_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        replace(SMALL, **wrong)


@pytest.mark.parametrize(
    ("x", "lengths"),
    [
        (torch.ones(3).long(), torch.ones(3).long()),
        (torch.ones(2, 3).long(), torch.tensor([0, 3])),
        (torch.ones(2, 3).long(), torch.tensor([4, 3])),
        (torch.ones(2, 3).long(), torch.tensor([3])),
        (torch.ones(0, 3).long(), torch.ones(0).long()),
    ],
)
def test_an_empty_sentence_and_other_shapes_are_told(x, lengths):
    with pytest.raises(ValueError, match=r"wanted \(B, T\)"):
        made(SMALL)(x, lengths)
