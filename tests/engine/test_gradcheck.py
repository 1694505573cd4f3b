"""Numerical gradients of everything, and a gradcheck that does find faults."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_course import engine
from aigc_course.engine import functional as F
from aigc_course.engine import nn
from aigc_course.engine.tensor import record
from tests.engine.oracle import arrays

Y = np.array([0, 2, 1])
CHECKS = {
    "arithmetic": (lambda a, b: a * b + a / (b * b + 1) - b**3 + 2**a, [(2, 3), (3,)]),
    "pow": (lambda a, b: (a * a + 1) ** b, [(2, 3), (2, 3)]),
    "extremes": (lambda a, b: engine.maximum(a, b) * engine.minimum(a, b), [(2, 3), (3,)]),
    "where": (lambda a, b: engine.where(a > b, a * 2, b), [(2, 3), (3,)]),
    "abs, clip": (lambda a: a.abs().clip(0.2, 0.9), [(4, 3)]),
    "exp, log": (lambda a: (a.exp() + 1).log() * a.exp().log1p() * a.expm1(), [(3, 2)]),
    "sqrt": (lambda a: (a * a + 1).sqrt() * (a * a + 1).rsqrt() * a.square(), [(3, 2)]),
    "sin, cos, erf": (lambda a: a.sin() * a.cos() * a.erf(), [(3, 2)]),
    "activations": (
        lambda a: F.gelu(a) + F.silu(a) + F.elu(a) + F.softplus(a) + F.logsigmoid(a),
        [(3, 2)],
    ),
    "activations 2": (lambda a: a.tanh() * a.sigmoid() + F.gelu(a, "tanh") + a.relu(), [(3, 2)]),
    "leaky": (lambda a: F.leaky_relu(a, 0.3), [(3, 2)]),
    "softmax": (lambda a: F.softmax(a, 1) * F.log_softmax(a, 0), [(3, 4)]),
    "logsumexp": (lambda a: a.logsumexp((0, 2)), [(2, 3, 2)]),
    "var, std": (lambda a: a.var(1) * a.std(1, correction=0) * a.mean(1), [(3, 4)]),
    "max, min": (lambda a: a.max(1)[0] * a.amin(1) + a.max(), [(3, 4)]),
    "norm, cumsum": (
        lambda a: a.norm(2, 1) * a.cumsum(0)[-1].sum() + F.normalize(a)[:, 0],
        [(3, 4)],
    ),
    "matmul": (lambda a, b: a @ b, [(2, 3, 4), (4, 2)]),
    "matmul batched": (lambda a, b: a @ b, [(2, 1, 3, 4), (3, 4, 2)]),
    "linear": (F.linear, [(2, 3, 4), (5, 4), (5,)]),
    "shape": (lambda a: a.reshape(3, 4).mT.flip(0).repeat(2, 1).tril().pow(2), [(2, 6)]),
    "cat, stack": (
        lambda a, b: engine.cat([engine.stack([a, b]), engine.stack([b, b])], 1) ** 2,
        [(2, 2), (2, 2)],
    ),
    "split, pad": (lambda a: F.pad(a.split(2, 1)[0] ** 2, (1, -1, 2, 0)), [(2, 4)]),
    "expand": (lambda a: a.unsqueeze(1).expand(2, 3, 4).permute(2, 0, 1) ** 2, [(2, 4)]),
    "index": (lambda a: a[[0, 1, 0]] * a[1:, None][0] + a[a > 0].sum(), [(2, 3)]),
    "gather": (lambda a: a.gather(1, engine.tensor([[0, 0], [2, 1]])) ** 2, [(2, 3)]),
    "embedding": (lambda w: F.embedding(np.array([[0, 1], [1, 1]]), w) ** 2, [(3, 2)]),
    "conv": (
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1, dilation=(1, 2)),
        [(2, 2, 5, 5), (4, 2, 3, 2), (4,)],
    ),
    "conv groups": (
        lambda x, w, b: F.conv2d(x, w, b, groups=2),
        [(1, 2, 4, 4), (4, 1, 3, 3), (4,)],
    ),
    "pool": (lambda x: F.max_pool2d(x, 3, 2, 1) * F.avg_pool2d(x, 3, 2, 1), [(1, 2, 5, 5)]),
    "layer norm": (lambda x, w, b: F.layer_norm(x, (2, 3), w, b), [(2, 2, 3), (2, 3), (2, 3)]),
    "batch norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        [(4, 3, 2), (3,), (3,)],
    ),
    "mse, huber": (
        lambda a, b: F.mse_loss(a, b) + F.huber_loss(a * 3, b) + F.l1_loss(a, b),
        [(4, 3), (4, 3)],
    ),
    "bce": (
        lambda a, b: F.binary_cross_entropy_with_logits(
            a, b.sigmoid(), pos_weight=engine.tensor([3.0, 1.0])
        ),
        [(4, 2), (4, 2)],
    ),
    "bce prob": (lambda a: F.binary_cross_entropy(a.sigmoid(), np.eye(2)), [(2, 2)]),
    "cross entropy": (
        lambda z: F.cross_entropy(z, Y, weight=[1.0, 2.0, 3.0], label_smoothing=0.1),
        [(3, 3)],
    ),
    "cross entropy soft": (lambda z, q: F.cross_entropy(z, F.softmax(q, 1)), [(3, 3), (3, 3)]),
    "nll": (lambda z: F.nll_loss(z, Y, reduction="none"), [(3, 3)]),
    "in place": (lambda a, b: _in_place(a, b), [(3,), (3,)]),
    "dropout": (lambda a: F.dropout(a, 0.5, generator=np.random.default_rng(0)), [(4, 4)]),
}


def _in_place(a, b):
    y = a * 2
    y += b
    y[0] = b[1] ** 2
    return y * a


@pytest.mark.parametrize("name", CHECKS)
def test_gradients_match_differences(name):
    function, shapes = CHECKS[name]
    inputs = [engine.tensor(x, requires_grad=True) for x in arrays(1, *shapes)]
    assert engine.gradcheck(function, inputs)


def test_layers_match_differences():
    layers = [
        (nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 2)), (5, 3)),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh(), nn.Flatten()),
            (2, 1, 4, 4),
        ),
    ]
    for layer, shape in layers:
        layer.double()
        x = engine.tensor(arrays(2, shape)[0], requires_grad=True)
        assert engine.gradcheck(layer, x)


def wrong_square(a):
    return record(a._data**2, "wrong", (a,), lambda g: (g * a._data,), saved=(a,))


def test_a_wrong_gradient_is_found_and_named():
    x = engine.tensor(np.array([[1.0, 2.0]]), requires_grad=True)
    with pytest.raises(engine.GradcheckError, match=r"inputs\[0\]: 2 of 2 .* \(0, 0\)"):
        engine.gradcheck(wrong_square, x)
    assert engine.gradcheck(wrong_square, x, raise_exception=False) is False
    assert x.grad is None and x.tolist() == [[1.0, 2.0]]


def test_what_gradcheck_refuses():
    with pytest.raises(ValueError, match="float64"):
        engine.gradcheck(lambda t: t, engine.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="none requires"):
        engine.gradcheck(lambda t: t, engine.ones(2))
    with pytest.raises(ValueError, match="does not depend"):
        engine.gradcheck(lambda t: t.detach(), engine.ones(2, dtype="float64", requires_grad=True))
