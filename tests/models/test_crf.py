"""Conditional random fields: sums and best rows against all rows, and against pytorch-crf."""

from itertools import pairwise, product

import pytest
import torch
import torchcrf
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.models.crf import CRF, CRFConfig, forbidden_steps


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def drawn(config, seed):
    torch.manual_seed(seed)
    crf = CRF(config)
    with torch.no_grad():
        for weight in crf.parameters():
            weight.normal_()
    return crf


@st.composite
def cases(draw):
    B, T, K = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    crf = drawn(CRFConfig(K), draw(st.integers(0, 999)))
    lengths = torch.tensor(draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    return crf, 2 * torch.randn(B, T, K), torch.randint(0, K, (B, T)), lengths


@torch.no_grad()
def score(crf, scores, row):
    steps = sum(float(crf.step[i, j]) for i, j in pairwise(row))
    own = sum(float(scores[t, k]) for t, k in enumerate(row))
    return float(crf.start[row[0]]) + steps + own + float(crf.end[row[-1]])


@given(cases())
def test_the_sum_and_the_best_row_of_all(case):
    crf, scores, tags, lengths = case
    sums, best = crf.log_sum(scores, lengths), crf.decode(scores, lengths)
    total = 0.0
    for b, n in enumerate(lengths.tolist()):
        rows = list(product(range(scores.shape[2]), repeat=n))
        every = torch.tensor([score(crf, scores[b], row) for row in rows])
        torch.testing.assert_close(sums[b].detach(), torch.logsumexp(every, 0))
        assert len(best[b]) == n
        assert score(crf, scores[b], best[b].tolist()) == pytest.approx(float(every.max()))
        total += float(sums[b].detach()) - score(crf, scores[b], tags[b, :n].tolist())
    assert crf.loss(scores, tags, lengths).item() == pytest.approx(total / len(scores))


@given(cases())
def test_loss_gradients_and_tags_are_those_of_pytorch_crf(case):
    crf, scores, tags, lengths = case
    oracle = torchcrf.CRF(scores.shape[2], batch_first=True)
    with torch.no_grad():
        oracle.start_transitions.copy_(crf.start)
        oracle.end_transitions.copy_(crf.end)
        oracle.transitions.copy_(crf.step)
    mask = torch.arange(scores.shape[1]) < lengths[:, None]
    one, other = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    ours = crf.loss(one, tags, lengths)
    theirs = -oracle(other, tags, mask=mask, reduction="mean")
    torch.testing.assert_close(ours, theirs)
    ours.backward()
    theirs.backward()
    torch.testing.assert_close(one.grad, other.grad)
    torch.testing.assert_close(crf.start.grad, oracle.start_transitions.grad)
    torch.testing.assert_close(crf.end.grad, oracle.end_transitions.grad)
    steps = oracle.transitions.grad  # None where no row has a step
    torch.testing.assert_close(
        crf.step.grad, torch.zeros_like(crf.step) if steps is None else steps
    )
    assert [row.tolist() for row in crf.decode(scores, lengths)] == oracle.decode(scores, mask)


@given(cases())
def test_what_stands_behind_a_row_has_no_part_in_it(case):
    crf, scores, tags, lengths = case
    behind = torch.arange(scores.shape[1]) >= lengths[:, None]
    other, wild = scores.clone(), tags.clone()
    other[behind] = 1e6
    wild[behind] = -100
    torch.testing.assert_close(crf.loss(scores, tags, lengths), crf.loss(other, wild, lengths))


def test_steps_that_are_forbidden_are_never_taken():
    names = ["O", "B-nr", "I-nr", "B-ns", "I-ns"]
    config = forbidden_steps(names)
    assert set(config.forbidden) == {(0, 2), (0, 4), (1, 4), (2, 4), (3, 2), (4, 2)}
    crf = drawn(config, 0)
    for seed in range(50):
        torch.manual_seed(seed)
        for row in crf.decode(5 * torch.randn(3, 8, 5)):
            tags = [names[k] for k in row]
            assert not tags[0].startswith("I-")
            for one, other in pairwise(tags):
                assert not other.startswith("I-") or one[2:] == other[2:]


def test_forbidden_rows_have_no_share_in_the_sum():
    crf = drawn(CRFConfig(2, forbidden=((0, 1),), never_last=(0,)), 3)
    scores = torch.randn(1, 3, 2)
    rows = [(1, 1, 1)]  # what begins with 0 stays 0, and ends in 0
    every = torch.tensor([score(crf, scores[0], row) for row in rows])
    torch.testing.assert_close(crf.log_sum(scores)[0], torch.logsumexp(every, 0))
    loss = crf.loss(scores, torch.ones(1, 3, dtype=torch.int64))
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-9)
    assert all(torch.isfinite(weight.grad).all() for weight in crf.parameters())


@pytest.mark.parametrize("row", [[1, 0, 0], [0, 0, 1], [0, 1, 2], [2, 2, 0]])
def test_a_row_of_tags_that_is_forbidden_is_named(row):
    """Its loss would be 1e38 or, a few of them added up, infinite: told as a learning rate."""
    crf = CRF(CRFConfig(3, forbidden=((0, 1),), never_first=(1,), never_last=(2,)))
    scores, fine = torch.zeros(2, 4, 3), [2, 1, 1, 0]
    lengths = torch.tensor([4, 3])
    allowed = row == [2, 2, 0]
    tags = torch.tensor([fine, [*row, 1]])  # behind the end of the second: not looked at
    if allowed:
        assert 0 < crf.loss(scores, tags, lengths) < 9
        return
    with pytest.raises(ValueError, match=rf"got \[{', '.join(map(str, row))}\] in row 1.*forbids"):
        crf.loss(scores, tags, lengths)


def test_scores_in_bfloat16_are_added_up_exactly():
    crf = drawn(CRFConfig(3), 0).float()
    scores = (5 + 3 * torch.randn(4, 60, 3)).bfloat16()
    tags = torch.randint(0, 3, (4, 60))
    torch.testing.assert_close(crf.loss(scores, tags), crf.loss(scores.float(), tags))


def test_probabilities_of_all_rows_add_up_to_one():
    crf = drawn(CRFConfig(3), 1)
    scores = torch.randn(1, 4, 3).expand(81, 4, 3)
    tags = torch.tensor(list(product(range(3), repeat=4)))
    logs = [-crf.loss(scores[k : k + 1], tags[k : k + 1]) for k in range(81)]
    assert torch.stack(logs).exp().sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda crf: crf.loss(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=int)),
        lambda crf: crf.loss(torch.zeros(2, 3), torch.zeros(2, 3, dtype=int)),
        lambda crf: crf.loss(torch.zeros(2, 0, 3), torch.zeros(2, 0, dtype=int)),
        lambda crf: crf.loss(torch.zeros(2, 4, 3), torch.zeros(2, 3, dtype=int)),
        lambda crf: crf.loss(torch.zeros(2, 4, 3), torch.full((2, 4), 3)),
        lambda crf: crf.loss(torch.zeros(2, 4, 3), torch.full((2, 4), -1)),
        lambda crf: crf.loss(torch.zeros(0, 4, 3), torch.zeros(0, 4, dtype=int)),
        lambda crf: crf.decode(torch.zeros(2, 4, 3), torch.tensor([0, 4])),
        lambda crf: crf.decode(torch.zeros(2, 4, 3), torch.tensor([5, 4])),
        lambda crf: crf.decode(torch.zeros(2, 4, 3), torch.tensor([4])),
        lambda crf: CRFConfig(0),
        lambda crf: CRFConfig(2, forbidden=((0, 2),)),
        lambda crf: CRFConfig(2, never_first=(-1,)),
    ],
)
def test_what_does_not_fit(call):
    with pytest.raises(ValueError, match="got"):
        call(CRF(CRFConfig(3)))
