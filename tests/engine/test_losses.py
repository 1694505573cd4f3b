"""Every loss against PyTorch, with all its options."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course import engine
from aigc_course.engine import functional as F
from aigc_course.engine import nn
from tests.engine.oracle import arrays, close, same

REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["MSELoss", "L1Loss", "HuberLoss", "BCEWithLogitsLoss", "BCELoss"])
def test_elementwise_losses(name, reduction, dtype):
    z, y = arrays(1, (4, 3), (4, 3), dtype=dtype)
    if name.startswith("BCE"):
        y = (y > 0).astype(dtype) * 0.8 + np.asarray(0.1, dtype)
        y = y.astype(dtype)
    if name == "BCELoss":
        z = (1 / (1 + np.exp(-z))).astype(dtype)
    mine, other = (
        getattr(nn, name)(reduction=reduction),
        getattr(torch.nn, name)(reduction=reduction),
    )
    same(lambda p: mine(p, engine.tensor(y)), lambda p: other(p, torch.tensor(y)), [z])


def test_targets_have_gradients_too():
    z, y = arrays(2, (4, 3), (4, 3))
    for name in ("MSELoss", "L1Loss", "HuberLoss"):
        same(getattr(nn, name)(), getattr(torch.nn, name)(), [z, y])
    same(nn.BCEWithLogitsLoss(), torch.nn.BCEWithLogitsLoss(), [z, 1 / (1 + np.exp(-y))])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_bce_with_weights(reduction):
    z, y, w, p = arrays(3, (4, 3), (4, 3), (4, 3), (3,))
    y, w, p = (y > 0).astype(float), np.abs(w), np.abs(p)
    mine = nn.BCEWithLogitsLoss(engine.tensor(w), reduction, pos_weight=engine.tensor(p))
    other = torch.nn.BCEWithLogitsLoss(
        torch.tensor(w), reduction=reduction, pos_weight=torch.tensor(p)
    )
    same(lambda t: mine(t, engine.tensor(y)), lambda t: other(t, torch.tensor(y)), [z])


def test_bce_of_huge_logits_is_finite():
    z = engine.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    y = engine.tensor([1.0, 0.0, 0.0, 1.0])
    with np.errstate(all="raise", under="ignore"):
        loss = F.binary_cross_entropy_with_logits(z, y, reduction="none")
        loss.sum().backward()
    assert loss.tolist() == [0.0, 0.0, 1e4, 1e4]
    assert z.grad.tolist() == [0.0, 0.0, 1.0, -1.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3), (2, 4, 3, 2)])
def test_cross_entropy(shape, ignored, weighted, smoothing, reduction, dtype):
    z, w = arrays(4, shape, (4,), dtype=dtype)
    w = np.abs(w) + np.asarray(0.1, dtype)
    y = np.random.default_rng(0).integers(0, 4, shape[:1] + shape[2:])
    if ignored:
        y.reshape(-1)[::3] = -100
    mine = nn.CrossEntropyLoss(
        engine.tensor(w) if weighted else None, reduction=reduction, label_smoothing=smoothing
    )
    other = torch.nn.CrossEntropyLoss(
        torch.tensor(w) if weighted else None, reduction=reduction, label_smoothing=smoothing
    )
    same(lambda t: mine(t, y), lambda t: other(t, torch.tensor(y)), [z * 3])
    if not smoothing:
        nll = nn.NLLLoss(engine.tensor(w) if weighted else None, reduction=reduction)
        torch_nll = torch.nn.NLLLoss(torch.tensor(w) if weighted else None, reduction=reduction)
        same(lambda t: nll(t, y), lambda t: torch_nll(t, torch.tensor(y)), [z])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bad", [-np.inf, np.inf, np.nan])
def test_what_an_ignored_row_holds_has_no_say(bad, smoothing, reduction):
    y = np.array([0, -100, -100])
    z = engine.tensor([[1.0, 0.0], [bad, bad], [bad, 0.0]], requires_grad=True)
    clean = engine.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    for logits in (z, clean):
        loss = F.cross_entropy(logits, y, reduction=reduction, label_smoothing=smoothing)
        loss.sum().backward()
        logp = F.nll_loss(logits, y, reduction=reduction)
        assert np.isfinite(logp.detach().numpy()).all()
    if not smoothing and reduction == "mean":
        assert loss.item() == pytest.approx(0.313262, abs=1e-6)
    assert z.grad.tolist() == clean.grad.tolist() and z.grad.tolist()[1:] == [[0, 0], [0, 0]]
    torchs = torch.nn.functional.cross_entropy(
        torch.tensor(z.detach().numpy()), torch.tensor(y), reduction=reduction,
        label_smoothing=smoothing,
    )  # fmt: skip
    assert loss.tolist() == pytest.approx(torchs.tolist())


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_when_every_row_is_ignored(name, reduction):
    y = np.array([-100, -100])
    same(
        lambda t: getattr(F, name)(t, y, reduction=reduction),
        lambda t: getattr(TF, name)(t, torch.tensor(y), reduction=reduction),
        arrays(9, (2, 3)),
    )


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy",
                                  "binary_cross_entropy_with_logits", "cross_entropy"])  # fmt: skip
def test_an_empty_batch_has_torchs_answer(name):
    for reduction in REDUCTIONS:
        same(
            lambda t, r=reduction: getattr(F, name)(t, engine.zeros(0, 3), reduction=r),
            lambda t, r=reduction: getattr(TF, name)(t, torch.zeros(0, 3), reduction=r),
            [np.zeros((0, 3), np.float32)],
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradients_of_targets_and_weights(reduction):
    z, y, p, w = arrays(10, (4, 3), (4, 3), (3,), (3,))
    z, y = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-y))
    same(
        lambda a, b: F.binary_cross_entropy(a, b, reduction=reduction),
        lambda a, b: TF.binary_cross_entropy(a, b, reduction=reduction),
        [z, y],
    )
    same(
        lambda a, b, c: F.cross_entropy(a, b, c, reduction=reduction),
        lambda a, b, c: TF.cross_entropy(a, b, c, reduction=reduction),
        [z, y, w],
    )

    def by_hand(logits, target, positive):  # torch refuses a gradient for pos_weight
        rest = torch.nn.functional.softplus(-logits)
        loss = (1 - target) * (logits + rest) + positive * target * rest
        return {"mean": loss.mean(), "sum": loss.sum(), "none": loss}[reduction]

    same(
        lambda a, b, c: F.binary_cross_entropy_with_logits(a, b, None, reduction, c),
        by_hand,
        [z, y, p],
    )


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_a_gradient_that_is_not_worked_out_is_refused(name):
    weight = engine.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"weight requires a gradient.*weight\.detach\(\)"):
        getattr(F, name)(engine.zeros(2, 3), [0, 1], weight=weight)


def test_cross_entropy_of_one_sample_and_of_none():
    same(lambda t: F.cross_entropy(t, 2), lambda t: torch.nn.functional.cross_entropy(
        t, torch.tensor(2)), arrays(5, (4,)))  # fmt: skip
    empty = F.cross_entropy(engine.zeros(0, 3, requires_grad=True), np.zeros(0, np.int64))
    assert np.isnan(empty.item())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_soft_targets(reduction, weighted, smoothing):
    z, q, w = arrays(6, (5, 4), (5, 4), (4,))
    q = np.exp(q) / np.exp(q).sum(1, keepdims=True)
    w = np.abs(w)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    same(
        lambda t: F.cross_entropy(
            t, engine.tensor(q), weight=engine.tensor(w) if weighted else None, **options
        ),
        lambda t: torch.nn.functional.cross_entropy(
            t, torch.tensor(q), weight=torch.tensor(w) if weighted else None, **options
        ),
        [z],
    )


def test_cross_entropy_of_huge_logits_is_finite():
    z = engine.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        loss = F.cross_entropy(z, [0, 0], reduction="none")
        loss.sum().backward()
    assert loss.tolist() == [0.0, 2e4]
    assert z.grad.tolist() == [[0.0, 0.0], [-1.0, 1.0]]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8), st.integers(1, 6), st.floats(0, 1), st.sampled_from(REDUCTIONS), st.data()
)
def test_cross_entropy_of_any_batch(n, k, smoothing, reduction, data):
    y = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)))
    same(
        lambda t: F.cross_entropy(t, y, reduction=reduction, label_smoothing=smoothing),
        lambda t: torch.nn.functional.cross_entropy(
            t, torch.tensor(y), reduction=reduction, label_smoothing=smoothing
        ),
        arrays(7, (n, k)),
    )


def test_fused_cross_entropy_equals_its_parts():
    z, y = arrays(8, (6, 5))[0], np.array([0, 4, 2, 2, 1, 3])
    a, b = engine.tensor(z, requires_grad=True), engine.tensor(z, requires_grad=True)
    F.cross_entropy(a, y).backward()
    F.nll_loss(F.log_softmax(b, 1), y).backward()
    close(a.grad, b.grad.numpy(), "float64")
