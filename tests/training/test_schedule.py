"""Warm-up and cosine: the same rates as PyTorch's and the engine's schedulers give."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, SequentialLR

from aigc_course.engine import SGD, Tensor
from aigc_course.engine.optim import lr_scheduler as engine_lr
from aigc_course.training.schedule import warmup_cosine


def cases():
    return st.integers(2, 60).flatmap(
        lambda steps: st.tuples(
            st.just(steps), st.integers(1, steps - 1), st.floats(0, 1), st.floats(1e-4, 10)
        )
    )


def rates(optimizer, scheduler, steps):
    found = []
    for _ in range(steps):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


@given(cases())
def test_the_rates_of_pytorch(case):
    steps, warmup, final, lr = case
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    rise = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    fall = CosineAnnealingLR(optimizer, T_max=steps - warmup, eta_min=final * lr)
    oracle = SequentialLR(optimizer, [rise, fall], [warmup])
    ours = [lr * warmup_cosine(k, steps, warmup, final) for k in range(steps)]
    assert ours == pytest.approx(rates(optimizer, oracle, steps), rel=1e-9, abs=1e-12)


@given(cases())
def test_the_rates_of_the_engine(case):
    steps, warmup, final, lr = case
    optimizer = SGD([Tensor([0.0], requires_grad=True)], lr=lr)
    rise = engine_lr.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    fall = engine_lr.CosineAnnealingLR(optimizer, T_max=steps - warmup, eta_min=final * lr)
    oracle = engine_lr.SequentialLR(optimizer, [rise, fall], [warmup])
    ours = [lr * warmup_cosine(k, steps, warmup, final) for k in range(steps)]
    assert ours == pytest.approx(rates(optimizer, oracle, steps), rel=1e-9, abs=1e-12)


def test_it_can_be_given_to_pytorch():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    plan = LambdaLR(optimizer, lambda k: warmup_cosine(k, 9, 2, 0.1))
    assert rates(optimizer, plan, 9) == [0.5 * warmup_cosine(k, 9, 2, 0.1) for k in range(9)]


@given(cases())
def test_it_rises_then_falls_and_stays_at_the_end(case):
    steps, warmup, final, _ = case
    factors = [warmup_cosine(k, steps, warmup, final) for k in range(steps + 3)]
    assert factors[warmup] == 1 and factors[steps:] == pytest.approx([final] * 3)
    assert all(a < b for a, b in pairwise(factors[: warmup + 1]))
    assert all(a >= b for a, b in pairwise(factors[warmup:]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((-1, 5), "step: got -1"),
        ((0, 5, 5), "warmup, steps: got 5, 5"),
        ((0, 5, -1), "warmup, steps: got -1, 5"),
        ((0, 0), "warmup, steps: got 0, 0"),
        ((0, 5, 0, 1.5), "final: got 1.5"),
    ],
)
def test_what_cannot_be_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        warmup_cosine(*arguments)
