"""The PyTorch exercise: judged here and from afar."""

import pytest
import torch

from aigc_course.exercises import ex99, judge
from tests.support.harness import assert_unanswered
from tests.support.loopback import proxied


def unscaled(q, k, v):
    return torch.softmax(q @ k.mT, -1) @ v


def over_queries(q, k, v):
    return torch.softmax(q @ k.mT / k.shape[-1] ** 0.5, 1) @ v


def unstable(q, k, v):
    e = (q @ k.mT / k.shape[-1] ** 0.5).exp()
    return e / e.sum(-1, keepdim=True) @ v


def spoils(q, k, v):
    q /= k.shape[-1] ** 0.5
    return torch.softmax(q @ k.mT, -1) @ v


def by_loops(q, k, v):
    out = []
    for b in range(len(q)):
        w = torch.stack([(row * k[b]).sum(1) for row in q[b]]) / k.shape[-1] ** 0.5
        out.append(w.softmax(1) @ v[b])
    return torch.stack(out)


@pytest.mark.parametrize("answer", [ex99.attention, by_loops])
def test_right_answers_pass_here_and_from_afar(answer):
    for seed in (None, *range(10)):
        assert judge("99.1", answer, seed).passed
    with proxied(answer) as there:
        assert judge("99.1", there, 3).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (unscaled, "没有除以"),
        (over_queries, "方向错了"),
        (unstable, "溢出"),
        (spoils, "原地修改"),
        (lambda q, k, v: (q @ k.mT) @ v, "softmax("),
    ],
)
def test_each_mistake_gets_its_own_hint(answer, hint):
    for seed in range(5):
        assert hint in str(judge("99.1", answer, seed))
    with proxied(answer) as there:
        assert hint in str(judge("99.1", there, 1))


def test_unanswered():
    assert_unanswered("99.1")
