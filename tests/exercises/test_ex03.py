"""Chapter 03: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aigc_course.exercises import check, ex03
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def neuron_by_chain(w, x, b, y):
    z = w * x + b
    s = math.tanh(z / 2) / 2 + 0.5
    upstream = -2 * (y - s)
    slope = math.exp(-z) / (1 + math.exp(-z)) ** 2
    return [upstream * slope * x, upstream * slope * w, upstream * slope]


def neuron_as_array(w, x, b, y):
    s = 1 / (1 + np.exp(-np.dot(w, x) - b))
    return 2 * (s - y) * (s - s**2) * np.array([x, w, 1.0])


def linear_by_loops(dy, x, W):
    dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(W.shape[0])
    for i in range(x.shape[0]):
        for j in range(W.shape[0]):
            db[j] += dy[i, j]
            for k in range(W.shape[1]):
                dW[j, k] += dy[i, j] * x[i, k]
                dx[i, k] += dy[i, j] * W[j, k]
    return dx, dW, db


def linear_by_einsum(dy, x, W):
    return [np.einsum("bo,oi->bi", dy, W), np.einsum("bo,bi->oi", dy, x), np.einsum("bo->o", dy)]


def linear_by_transposes(dy, x, W):
    return (W.T @ dy.T).T, sum(np.outer(g, v) for g, v in zip(dy, x, strict=True)), dy.T.sum(1)


def gelu_by_complex_step(dy, x):
    v = x + 1e-30j
    return dy * (0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3)))).imag / 1e-30


def gelu_by_sigmoid(dy, x):
    """½(1 + tanh u) is σ(2u)."""
    c = 2 * np.sqrt(2 / np.pi)
    s = 1 / (1 + np.exp(-c * (x + 0.044715 * x**3)))
    return (s + x * s * (1 - s) * c * (1 + 0.134145 * x**2)) * dy


def ce_by_rows(logits, y):
    out = []
    for row, c in zip(logits, y, strict=True):
        p = np.exp(row - row.max())
        p /= p.sum()
        p[c] -= 1
        out.append(p / len(y))
    return np.array(out)


def ce_by_logarithm(logits, y):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return (np.exp(log_p) - np.eye(logits.shape[1])[y]) / logits.shape[0]


def ce_by_jacobian(logits, y):
    out = np.zeros(logits.shape)
    for i, (row, c) in enumerate(zip(logits, y, strict=True)):
        p = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
        if p[c] > 1e-200:
            out[i] = (np.diag(p) - np.outer(p, p)) @ (-np.eye(len(p))[c] / p[c])
        else:
            out[i] = p - np.eye(len(p))[c]
    return out / len(y)


def num_in_place_and_back(f, x, eps=1e-5):
    v = x.copy()
    grad = np.empty(x.shape)
    for i in np.ndindex(*x.shape):
        kept = v[i]
        v[i] = kept + eps
        up = f(v)
        v[i] = kept - eps
        grad[i] = (up - f(v)) / (2 * eps)
        v[i] = kept
    return grad


def num_by_identity(f, x, eps=1e-5):
    steps = eps * np.eye(x.size).reshape(x.size, *x.shape)
    ups, downs = [f(x + s) for s in steps], [f(x - s) for s in steps]
    return (np.subtract(ups, downs) / eps / 2).reshape(x.shape)


def mlp_of_parts(x, y, params):
    z1 = np.einsum("bd,hd->bh", x, params["W1"]) + params["b1"]
    h = z1 * (z1 > 0)
    z2 = h @ params["W2"].T + params["b2"]
    log_p = z2 - np.logaddexp.reduce(z2, axis=1, keepdims=True)
    dh, dW2, db2 = ex03.linear_backward(ex03.softmax_ce_backward(z2, y), h, params["W2"])
    dz1 = np.where(z1 > 0, dh, 0)
    grads = dict(b2=db2, W2=dW2, b1=dz1.sum(0), W1=(x.T @ dz1).T)
    return -log_p[np.arange(len(y)), y].mean(), grads


def mlp_by_samples(x, y, params):
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    loss, grads = 0.0, {name: np.zeros(value.shape) for name, value in params.items()}
    for v, c in zip(x, y, strict=True):
        z1 = W1 @ v + b1
        h = np.maximum(z1, 0)
        z2 = W2 @ h + b2
        m = z2.max()
        loss += m + math.log(np.exp(z2 - m).sum()) - z2[c]
        d2 = np.exp(z2 - m) / np.exp(z2 - m).sum()
        d2[c] -= 1
        d1 = (W2.T @ d2) * (z1 > 0)
        for name, g in dict(W1=np.outer(d1, v), b1=d1, W2=np.outer(d2, h), b2=d2).items():
            grads[name] += g / len(y)
    return [loss / len(y), grads]


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("03.1", neuron_by_chain),
    ("03.1", neuron_as_array),
    ("03.2", linear_by_loops),
    ("03.2", linear_by_einsum),
    ("03.2", linear_by_transposes),
    ("03.3", gelu_by_complex_step),
    ("03.3", gelu_by_sigmoid),
    ("03.4", ce_by_rows),
    ("03.4", ce_by_logarithm),
    ("03.4", ce_by_jacobian),
    ("03.5", num_in_place_and_back),
    ("03.5", num_by_identity),
    ("03.6", mlp_of_parts),
    ("03.6", mlp_by_samples),
]


# --- typical mistakes --------------------------------------------------------------------------


def sigma(w, x, b):
    return 1 / (1 + np.exp(-(w * x + b)))


def neuron_no_slope(w, x, b, y):
    dz = 2 * (sigma(w, x, b) - y)
    return dz * x, dz * w, dz


def neuron_no_two(w, x, b, y):
    return tuple(g / 2 for g in ex03.neuron_backward(w, x, b, y))


def neuron_sign(w, x, b, y):
    return tuple(-g for g in ex03.neuron_backward(w, x, b, y))


def neuron_swapped(w, x, b, y):
    dw, dx, db = ex03.neuron_backward(w, x, b, y)
    return dx, dw, db


def neuron_bare_b(w, x, b, y):
    dw, dx, _ = ex03.neuron_backward(w, x, b, y)
    return dw, dx, 1.0


def neuron_two_values(w, x, b, y):
    return ex03.neuron_backward(w, x, b, y)[:2]


def linear_transposed(dy, x, W):
    return dy @ W, x.T @ dy, dy.sum(axis=0)


def linear_no_sum(dy, x, W):
    return dy @ W, dy.T @ x, dy


def linear_mean(dy, x, W):
    return dy @ W, dy.T @ x, dy.mean(axis=0)


def linear_mean_dw(dy, x, W):
    return dy @ W, dy.T @ x / len(x), dy.sum(axis=0)


def linear_wrong_axis(dy, x, W):
    return dy @ W, dy.T @ x, dy.sum(axis=1)


def linear_dx_transposed(dy, x, W):
    return dy @ W.T, dy.T @ x, dy.sum(axis=0)


def linear_no_batch(dy, x, W):
    return dy @ W, dy @ x, dy.sum(axis=0)


def linear_in_place(dy, x, W):
    dx, dW, db = ex03.linear_backward(dy, x, W)
    x -= 1.0
    return dx, dW, db


def gelu_parts(x):
    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return t, np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)


def gelu_no_upstream(dy, x):
    return ex03.gelu_backward(np.ones_like(dy), x)


def gelu_half(dy, x):
    return dy * 0.5 * (1 + gelu_parts(x)[0])


def gelu_no_inner(dy, x):
    t, _ = gelu_parts(x)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2))


def gelu_no_square(dy, x):
    t, du = gelu_parts(x)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t) * du)


def gelu_no_three(dy, x):
    t, _ = gelu_parts(x)
    du = np.sqrt(2 / np.pi) * (1 + 0.044715 * x**2)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du)


def gelu_as_relu(dy, x):
    return dy * (x > 0)


def ce_no_mean(logits, y):
    return ex03.softmax_ce_backward(logits, y) * len(y)


def ce_sign(logits, y):
    return -ex03.softmax_ce_backward(logits, y)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ce_no_onehot(logits, y):
    return softmax(logits) / len(y)


def ce_diagonal(logits, y):
    p = softmax(logits)
    return p * (1 - p) / len(y)


def ce_of_p(logits, y):
    return -np.eye(logits.shape[1])[y] / softmax(logits) / len(y)


def ce_overflow(logits, y):
    e = np.exp(logits)
    return (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[y]) / len(y)


def ce_in_place(logits, y):
    logits -= logits.max(axis=1, keepdims=True)
    return ex03.softmax_ce_backward(logits, y)


def num_one_sided(f, x, eps=1e-5):
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        grad[i] = (f(x + step) - f(x)) / eps
    return grad


def num_no_two(f, x, eps=1e-5):
    return 2 * ex03.numerical_gradient(f, x, eps)


def num_all_at_once(f, x, eps=1e-5):
    return np.full(x.shape, (f(x + eps) - f(x - eps)) / (2 * eps))


def num_dirty(f, x, eps=1e-5):
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += eps
        up = f(x)
        x[i] -= 2 * eps
        grad[i] = (up - f(x)) / (2 * eps)
    return grad


def num_fixed(f, x, eps=1e-5):
    return ex03.numerical_gradient(f, x, 1e-5)


def num_flat(f, x, eps=1e-5):
    return ex03.numerical_gradient(f, x, eps).ravel()


def mlp_variant(x, y, params, *, mask="z1", inner="h", scale=1.0):
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    z2 = h @ params["W2"].T + params["b2"]
    loss, _ = ex03.mlp_backward(x, y, params)
    dz2 = ex03.softmax_ce_backward(z2, y) * scale
    dh = dz2 @ params["W2"]
    dz1 = dh * {"z1": z1 > 0, "none": 1.0, "dh": dh > 0, "value": z1}[mask]
    return loss, {
        "W1": dz1.T @ x,
        "b1": dz1.sum(axis=0),
        "W2": dz2.T @ (h if inner == "h" else z1),
        "b2": dz2.sum(axis=0),
    }


def mlp_no_relu(x, y, params):
    return mlp_variant(x, y, params, mask="none")


def mlp_mask_of_gradient(x, y, params):
    return mlp_variant(x, y, params, mask="dh")


def mlp_value_as_slope(x, y, params):
    return mlp_variant(x, y, params, mask="value")


def mlp_z1_for_h(x, y, params):
    return mlp_variant(x, y, params, inner="z1")


def mlp_sum(x, y, params):
    return mlp_variant(x, y, params, scale=len(y))


def mlp_missing_key(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    return loss, {"W1": grads["W1"], "W2": grads["W2"]}


def mlp_updates(x, y, params):
    result = ex03.mlp_backward(x, y, params)
    for name, grad in result[1].items():
        params[name] -= 0.1 * grad
    return result


def linear_scales_dy(dy, x, W):
    right = ex03.linear_backward(dy, x, W)
    dy /= len(dy) + 1
    return right


def gelu_exact(dy, x):
    erf = np.vectorize(math.erf)
    bell = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return dy * (0.5 * (1 + erf(x / np.sqrt(2))) + x * bell)


def gelu_in_place(dy, x):
    right = ex03.gelu_backward(dy, x)
    dy *= right
    return right


def ce_by_classes(logits, y):
    return ex03.softmax_ce_backward(logits, y) * len(y) / logits.shape[1]


def mlp_naive_loss(x, y, params):
    _, grads = ex03.mlp_backward(x, y, params)
    h = np.maximum(x @ params["W1"].T + params["b1"], 0)
    p = softmax(h @ params["W2"].T + params["b2"])
    return -np.log(p[np.arange(len(y)), y]).mean(), grads


def mlp_minus(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    return loss, {name: -g for name, g in grads.items()}


WRONG = [
    Wrong("03.1", "no slope", neuron_no_slope, "σ(1−σ)", 0),
    Wrong("03.1", "no two", neuron_no_two, "少了 2", 0),
    Wrong("03.1", "sign", neuron_sign, "符号反了", 0),
    Wrong("03.1", "swapped", neuron_swapped, "dw 与 dx 换了位置", 50),
    Wrong("03.1", "bare b", neuron_bare_b, "还要乘上游", 0),
    Wrong("03.1", "two values", neuron_two_values, "按这个次序", 0),
    Wrong("03.2", "transposed", linear_transposed, "dW 转置了", 12),
    Wrong("03.2", "no sum", linear_no_sum, "沿批的方向", 0),
    Wrong("03.2", "mean", linear_mean, "db 是相加", 0),
    Wrong("03.2", "mean dw", linear_mean_dw, "dW 是各样本相加", 12),
    Wrong("03.2", "wrong axis", linear_wrong_axis, "求和的方向错了", 0),
    Wrong("03.2", "dx transposed", linear_dx_transposed, "反向是 dy @ W", 35),
    Wrong("03.2", "no batch", linear_no_batch, "外积", 12),
    Wrong("03.2", "in place", linear_in_place, "被原地修改", 88),
    Wrong("03.3", "no upstream", gelu_no_upstream, "没有乘上游", 0),
    Wrong("03.3", "half", gelu_half, "乘法法则少了一半", 0),
    Wrong("03.3", "no inner", gelu_no_inner, "漏了里层", 0),
    Wrong("03.3", "no square", gelu_no_square, "忘了平方", 0),
    Wrong("03.3", "no three", gelu_no_three, "里层少了 3", 0),
    Wrong("03.3", "as relu", gelu_as_relu, "这是 ReLU 的反向", 0),
    Wrong("03.4", "no mean", ce_no_mean, "也要除以 B", 0),
    Wrong("03.4", "sign", ce_sign, "符号反了", 0),
    Wrong("03.4", "no onehot", ce_no_onehot, "漏了减去 one-hot", 0),
    Wrong("03.4", "diagonal", ce_diagonal, "雅可比的对角线", 0),
    Wrong("03.4", "of p", ce_of_p, "还没有穿过 softmax", 0),
    Wrong("03.4", "overflow", ce_overflow, "exp 溢出了", 57),
    Wrong("03.4", "in place", ce_in_place, "被原地修改", 86),
    Wrong("03.5", "one sided", num_one_sided, "这是单侧差分", 63),
    Wrong("03.5", "no two", num_no_two, "分母是 2·eps", 0),
    Wrong("03.5", "all at once", num_all_at_once, "每次只动一个元素", 0),
    Wrong("03.5", "dirty", num_dirty, "被原地修改", 50),
    Wrong("03.5", "fixed", num_fixed, "没有用到参数 eps", 63),
    Wrong("03.5", "flat", num_flat, "x 不一定是一维", 0),
    Wrong("03.6", "no relu", mlp_no_relu, "没有穿过 ReLU", 50),
    Wrong("03.6", "mask of gradient", mlp_mask_of_gradient, "看前向的 z1", 50),
    Wrong("03.6", "value as slope", mlp_value_as_slope, "0 或 1", 50),
    Wrong("03.6", "z1 for h", mlp_z1_for_h, "用了 ReLU 之前的 z1", 35),
    Wrong("03.6", "sum", mlp_sum, "大了 B 倍", 20),
    Wrong("03.6", "missing key", mlp_missing_key, "键与 params 相同", 20),
    Wrong("03.6", "updates", mlp_updates, "不更新参数", 90),
    Wrong("03.3", "exact", gelu_exact, "erf 形式", 0),
    Wrong("03.3", "in place", gelu_in_place, "dy 被原地修改", 86),
    Wrong("03.4", "by classes", ce_by_classes, "不是类别数 K", 0),
    Wrong("03.6", "naive loss", mlp_naive_loss, "log-sum-exp", 80),
    Wrong("03.6", "minus", mlp_minus, "dz2 是 p − y", 20),
]
# one hint serves several slips of the same kind
SAME_HINT: list[Wrong] = [
    Wrong("03.2", "in place, dy", linear_scales_dy, "被原地修改", 88),
]


globals().update(
    questions(
        "03",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"03.2": ["stale"], "03.3": ["stale"], "03.5": ["stale"]},
    )
)


def test_what_the_lesson_lends_may_be_called_and_nothing_else():
    whole = ex03.mlp_backward
    assert check("03.6", mlp_of_parts).passed
    assert check("03.6", lambda x, y, params: whole(x, y, params)).status == "refused"


# --- the library's versions --------------------------------------------------------------------


def test_the_librarys_versions_equal_pytorch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    rng = np.random.default_rng(0)

    def leaf(a):
        return torch.tensor(a, requires_grad=True)

    x, dy = rng.normal(size=(9, 4)) * 3, rng.normal(size=(9, 4))
    t = leaf(x)
    F.gelu(t, approximate="tanh").backward(torch.tensor(dy))
    np.testing.assert_allclose(ex03.gelu_backward(dy, x), t.grad.numpy(), rtol=1e-10, atol=1e-14)

    params = {
        "W1": rng.normal(size=(5, 4)),
        "b1": rng.normal(size=5),
        "W2": rng.normal(size=(3, 5)),
        "b2": rng.normal(size=3),
    }
    y = rng.integers(0, 3, size=9)
    loss, grads = ex03.mlp_backward(x, y, params)
    p = {name: leaf(value) for name, value in params.items()}
    h = torch.relu(F.linear(torch.tensor(x), p["W1"], p["b1"]))
    want = F.cross_entropy(F.linear(h, p["W2"], p["b2"]), torch.tensor(y))
    want.backward()
    assert loss == pytest.approx(want.item(), rel=1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, p[name].grad.numpy(), rtol=1e-10, atol=1e-14)

    w, a, b, target = leaf(0.7), leaf(-1.3), leaf(0.2), 0.4
    ((torch.sigmoid(w * a + b) - target) ** 2).backward()
    got = ex03.neuron_backward(0.7, -1.3, 0.2, 0.4)
    np.testing.assert_allclose(got, [w.grad.item(), a.grad.item(), b.grad.item()], rtol=1e-6)
