"""20 steps of every optimiser and 40 of every schedule, beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_course import engine
from aigc_course.engine import optim
from aigc_course.engine.optim import lr_scheduler
from tests.engine.oracle import arrays, close

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2},
    ),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
]
SHAPES = [(4, 3), (3,), (), (200, 200), (0,)]


MUON = [
    {"lr": 0.02},
    {"lr": 0.02, "nesterov": False, "momentum": 0.8, "weight_decay": 0.0},
    {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
]
MATRICES = [(4, 3), (3, 5), (6, 6), (1, 4)]


@pytest.mark.parametrize("options", MUON)
@pytest.mark.parametrize("exact", [True, False])
def test_twenty_steps_of_muon(options, exact, monkeypatch):
    """PyTorch makes its matrices orthogonal in bfloat16; kept in float64 they are the same."""
    if exact:
        monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    start, goal = arrays(1, *MATRICES, dtype="float64"), arrays(2, *MATRICES, dtype="float64")
    mine = [engine.tensor(s, requires_grad=True) for s in start]
    other = [torch.tensor(s, requires_grad=True) for s in start]
    a, b = optim.Muon(mine, **options), torch.optim.Muon(other, **options)
    for params, optimizer, lib in ((mine, a, engine), (other, b, torch)):
        for _ in range(20):
            optimizer.zero_grad()
            loss = 0
            for p, t in zip(params, goal, strict=True):
                loss = loss + ((p - lib.tensor(t)) ** 2).sum()
            loss.backward()
            optimizer.step()
    for p, q in zip(mine, other, strict=True):
        np.testing.assert_allclose(
            p.detach().numpy(), q.detach().numpy(), atol=1e-10 if exact else 0.1
        )


def test_muon_goes_on_exactly_and_keeps_the_type():
    start, pull = arrays(3, (3, 2), (3, 2), dtype="float32")

    def run(w, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (w * w * engine.tensor(pull)).sum().backward()
            optimizer.step()

    whole, half = (engine.tensor(start, requires_grad=True) for _ in range(2))
    run(whole, optim.Muon([whole], lr=0.1), 6)
    first, second = optim.Muon([half], lr=0.1), optim.Muon([half], lr=9.0)
    run(half, first, 3)
    second.load_state_dict(first.state_dict())
    run(half, second, 3)
    assert half.dtype == np.float32
    np.testing.assert_array_equal(half.detach().numpy(), whole.detach().numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_twenty_steps(name, options, dtype):
    start, goal = arrays(1, *SHAPES, dtype=dtype), arrays(2, *SHAPES, dtype=dtype)
    mine = [engine.tensor(s, requires_grad=True) for s in start]
    other = [torch.tensor(s, requires_grad=True) for s in start]
    a, b = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(other, **options)
    for i in range(20):
        for params, optimizer, lib in ((mine, a, engine), (other, b, torch)):
            optimizer.zero_grad()
            loss = 0
            for p, t in zip(params, goal, strict=True):
                target = lib.tensor(t)
                loss = loss + ((p - target).tanh() * (p - target)).sum() + (i % 3 - 1) * p.sum()
            loss.backward()
            optimizer.step()
    tolerance = (
        {"rtol": 2e-3, "atol": 2e-4} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-10}
    )
    for p, q in zip(mine, other, strict=True):
        assert p.dtype == np.dtype(dtype)
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), **tolerance)


def test_parameters_without_gradient_and_of_odd_layout_are_handled():
    idle = engine.ones(2, requires_grad=True)
    turned = engine.Tensor(np.ones((3, 4)).T.copy(order="F"), requires_grad=True)
    turned._data = np.asfortranarray(turned._data)
    optimizer = optim.Adam([idle, turned], lr=0.1)
    (turned * 2).sum().backward()
    optimizer.step()
    assert idle.tolist() == [1.0, 1.0]
    np.testing.assert_allclose(turned.detach().numpy(), 0.9, rtol=1e-6)


def test_groups_have_their_own_options():
    a, b = engine.ones(1, requires_grad=True), engine.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 1.0}], lr=0.1)
    (a + b).sum().backward()
    optimizer.step()
    assert a.item() == pytest.approx(0.9) and b.item() == pytest.approx(0.0)
    c = engine.ones(1, requires_grad=True)
    optimizer.add_param_group({"params": c, "lr": 0.5})
    assert len(optimizer.param_groups) == 3


def test_closure_and_zero_grad():
    w = engine.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1.0
    assert w.item() == pytest.approx(0.8)
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert w.grad is None


@pytest.mark.parametrize(("name", "options"), CASES)
def test_state_dict_resumes_exactly(name, options):
    def run(w, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (w * w * w).sum().backward()
            optimizer.step()

    start = arrays(3, (3, 2))[0]
    whole = engine.tensor(start, requires_grad=True)
    run(whole, getattr(optim, name)([whole], **options), 6)
    half = engine.tensor(start, requires_grad=True)
    first = getattr(optim, name)([half], **options)
    run(half, first, 3)
    second = getattr(optim, name)([half], lr=123.0)
    second.load_state_dict(first.state_dict())
    run(half, second, 3)
    np.testing.assert_array_equal(half.detach().numpy(), whole.detach().numpy())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: optim.SGD(w), TypeError, r"write \[w\]"),
        (lambda w: optim.SGD([]), ValueError, "empty list"),
        (lambda w: optim.SGD([w, w]), ValueError, "twice"),
        (lambda w: optim.SGD([w * 2]), ValueError, "leaf"),
        (lambda w: optim.SGD([3]), TypeError, "got int"),
        (lambda w: optim.SGD([w], lr=-1), ValueError, "lr: got -1"),
        (lambda w: optim.SGD([w], nesterov=True), ValueError, "momentum"),
        (lambda w: optim.Adam([w], betas=(1.0, 0.9)), ValueError, "betas"),
        (lambda w: optim.Muon([w]), ValueError, "wanted matrices"),
        (lambda w: optim.Muon([w], adjust_lr_fn="rms"), ValueError, "adjust_lr_fn"),
        (lambda w: lr_scheduler.StepLR([w], 1), TypeError, "wanted an Optimizer"),
    ],
)
def test_wrong_arguments_are_explained(make, error, words):
    with pytest.raises(error, match=words):
        make(engine.ones(2, requires_grad=True))


SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [5, 5, 20], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 6}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 8}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.2, "total_iters": 8}),
    ("PolynomialLR", {"total_iters": 12, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 41}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 41, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 40}),  # the step after the last batch too
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 40, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 50, "pct_start": 0.0}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 50, "pct_start": 1.0}),
]


def rates(lib, schedulers, make, steps=41):
    w = lib.tensor([1.0], requires_grad=True)
    v = lib.tensor([1.0], requires_grad=True)
    optimizer = lib.optim.SGD([{"params": [w]}, {"params": [v], "lr": 0.2}], lr=0.5)
    scheduler = make(schedulers, optimizer)
    out = []
    for t in range(steps):
        if t:
            optimizer.step()
            scheduler.step()
        out.append([g["lr"] for g in optimizer.param_groups])
    return np.array(out)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedule(name, options):
    def make(m, o):
        return getattr(m, name)(o, **options)

    torch_module = torch.optim.lr_scheduler
    np.testing.assert_allclose(
        rates(engine, lr_scheduler, make), rates(torch, torch_module, make), rtol=1e-9, atol=1e-12
    )


def plain(name, **options):
    optimizer = optim.SGD([engine.ones(1, requires_grad=True)], lr=0.5)
    return getattr(lr_scheduler, name)(optimizer, **options)


def test_one_cycle_ends_one_step_after_its_length():
    cycle = plain("OneCycleLR", max_lr=1.0, total_steps=3)
    for _ in range(3):
        cycle.step()
    with pytest.raises(ValueError, match="step 4 of 3; total_steps counts batches"):
        cycle.step()


@pytest.mark.parametrize("total_steps", [1, 2, 10])
def test_one_cycle_without_a_way_up_starts_at_the_top(total_steps):
    cycle = plain("OneCycleLR", max_lr=1.0, total_steps=total_steps, pct_start=1 / total_steps)
    if total_steps > 1:
        assert cycle.get_last_lr() == [1.0]
    for _ in range(total_steps - 1):
        cycle.step()
    assert cycle.get_last_lr() == pytest.approx([4e-6])


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("LinearLR", {"total_iters": 0}, "total_iters: got 0, wanted at least 1"),
        ("ConstantLR", {"total_iters": 0}, "total_iters: got 0"),
        ("PolynomialLR", {"total_iters": -1}, "total_iters: got -1"),
        ("StepLR", {"step_size": 0}, "step_size: got 0"),
        ("CosineAnnealingLR", {"T_max": 0}, "T_max: got 0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, "T_0: got 0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 0}, "T_mult: got 0"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 0}, "total_steps: got 0"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "pct_start": 2}, "pct_start: got 2"),
    ],
)
def test_a_schedule_of_no_length_is_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        plain(name, **options)


def test_a_plateau_is_no_part_of_a_sequence():
    optimizer = optim.SGD([engine.ones(1, requires_grad=True)], lr=0.5)
    parts = [lr_scheduler.ReduceLROnPlateau(optimizer), lr_scheduler.StepLR(optimizer, 1)]
    with pytest.raises(ValueError, match="needs a measure at each step"):
        lr_scheduler.SequentialLR(optimizer, parts, milestones=[1])


def test_sequential_schedule():
    def make(m, o):
        warm = m.LinearLR(o, start_factor=0.1, total_iters=5)
        return m.SequentialLR(o, [warm, m.CosineAnnealingLR(o, T_max=30)], milestones=[5])

    np.testing.assert_allclose(
        rates(engine, lr_scheduler, make), rates(torch, torch.optim.lr_scheduler, make), rtol=1e-9
    )


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_schedule(mode):
    values = [3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 0.5, 0.5, 0.5]
    out = []
    for lib, module in ((engine, lr_scheduler), (torch, torch.optim.lr_scheduler)):
        w = lib.tensor([1.0], requires_grad=True)
        optimizer = lib.optim.SGD([w], lr=0.5)
        options = {"factor": 0.5, "patience": 2, "cooldown": 1, "min_lr": 0.05}
        scheduler = module.ReduceLROnPlateau(optimizer, mode, **options)
        rows = []
        for value in values:
            scheduler.step(value)
            rows.append(optimizer.param_groups[0]["lr"])
        out.append(rows)
    assert out[0] == pytest.approx(out[1])


def test_schedule_state_resumes():
    w = engine.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler.step()
    other = lr_scheduler.ExponentialLR(optim.SGD([w], lr=1.0), 0.5)
    other.load_state_dict(scheduler.state_dict())
    assert other.get_last_lr() == [0.5]
    close(np.array(other.get_last_lr()), np.array([0.5]), "float64")
