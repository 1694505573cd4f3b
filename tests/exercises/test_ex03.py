"""Chapter 03: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aigc_course.exercises import check, ex03, judge
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def neuron_by_chain(w, x, b, y):
    z = w * x + b
    s = math.tanh(z / 2) / 2 + 0.5
    upstream = -2 * (y - z * s)
    slope = math.exp(-z) / (1 + math.exp(-z)) ** 2
    dz = upstream * s + upstream * z * slope
    return [dz * x, dz * w, dz]


def neuron_as_array(w, x, b, y):
    z = np.dot(w, x) + b
    h = z / (1 + np.exp(-z))
    s = h / z
    return 2 * (h - y) * (h + s * (1 - h)) * np.array([x, w, 1.0])  # SiLU's slope by its own value


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
    out, n = np.zeros(logits.shape), max(1, sum(c >= 0 for c in y))
    for i, (row, c) in enumerate(zip(logits, y, strict=True)):
        if c < 0:
            continue
        p = np.exp(row - row.max())
        p /= p.sum()
        p[c] -= 1
        out[i] = p / n
    return out


def ce_by_logarithm(logits, y):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    weight = (y != -1) / max(np.count_nonzero(y != -1), 1)
    return (np.exp(log_p) - np.eye(logits.shape[1])[y]) * weight[:, None]


def ce_of_the_labelled(logits, y):
    out = np.zeros_like(logits)
    rows = np.flatnonzero(y + 1)
    if rows.size:
        z = logits[rows] - logits[rows].max(axis=1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        p[np.arange(rows.size), y[rows]] -= 1
        out[rows] = p / rows.size
    return out


def check_in_place_and_back(f, x, grad, eps=1e-5):
    v, n = x.copy(), np.empty(x.shape)
    for i in np.ndindex(*x.shape):
        kept = v[i]
        v[i] = kept + eps
        up = f(v)
        v[i] = kept - eps
        n[i] = (up - f(v)) / (2 * eps)
        v[i] = kept
    size = math.sqrt((grad**2).sum()) + math.sqrt((n**2).sum())
    gap = np.abs(grad - n)
    where = max(np.ndindex(*x.shape), key=lambda i: gap[i])
    return (math.sqrt((gap**2).sum()) / size if size else 0), where


def check_by_identity(f, x, grad, eps=1e-5):
    steps = eps * np.eye(x.size).reshape(x.size, *x.shape)
    n = np.array([(f(x + s) - f(x - s)) / eps / 2 for s in steps])
    off = n - grad.flatten()
    k = int(np.argmax(off**2))
    below = np.linalg.norm(n) + np.linalg.norm(grad)
    where = tuple(int(i) for i in np.unravel_index(k, x.shape))
    return [np.linalg.norm(off) / max(below, 1e-300), where]


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


def residual_by_samples(dy, x, W1, W2):
    dx, dW1, dW2 = dy.copy(), np.zeros(W1.shape), np.zeros(W2.shape)
    for i, (g, v) in enumerate(zip(dy, x, strict=True)):
        z = W1 @ v
        dz = np.where(z > 0, W2.T @ g, 0.0)
        dx[i] += W1.T @ dz
        dW1 += np.outer(dz, v)
        dW2 += np.outer(g, z * (z > 0))
    return dx, dW1, dW2


def residual_by_einsum(dy, x, W1, W2):
    z = np.einsum("bd,hd->bh", x, W1)
    dz = np.einsum("bd,dh->bh", dy, W2) * np.heaviside(z, 0)
    dx = np.einsum("bh,hd->bd", dz, W1)
    dx = np.add(dx, dy)
    return [dx, np.einsum("bh,bd->hd", dz, x), np.einsum("bd,bh->dh", dy, np.clip(z, 0, None))]


def growth_in_halves(d_in, d_out, std, slope):
    positive, negative = 0.5, 0.5 * slope * slope
    return np.array([d_in, d_out]) * np.square(std) * (positive + negative)


def growth_as_dictionary_values(d_in, d_out, std, slope):
    kept = np.mean([1.0, slope**2])
    return [np.float64(d * std * std * kept) for d in (d_in, d_out)]


def rewrite_from_the_right(layers):
    out = [(W.copy(), b.copy()) for W, b in layers]
    for k in range(len(out) - 1, 0, -1):
        W, b = out[k]
        out[k] = (W * 2, b - W @ np.ones(W.shape[1]))
    for k in range(len(out) - 1):
        W, b = out[k]
        out[k] = (W * 2, b * 2)
    return out


def rewrite_upside_down(layers):
    """σ(−2z) is 1 − σ(2z): every hidden unit the other way round, the same outputs."""
    out = []
    for k, (W, b) in enumerate(layers):
        if k > 0:
            W, b = -2 * W, b + W.sum(axis=1)
        if k < len(layers) - 1:
            W, b = -2 * W, -2 * b
        out.append([W, b])
    return tuple(out)


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
    ("03.4", ce_of_the_labelled),
    ("03.5", check_in_place_and_back),
    ("03.5", check_by_identity),
    ("03.6", mlp_of_parts),
    ("03.6", mlp_by_samples),
    ("03.7", residual_by_samples),
    ("03.7", residual_by_einsum),
    ("03.8", growth_in_halves),
    ("03.8", growth_as_dictionary_values),
    ("03.9", rewrite_from_the_right),
    ("03.9", rewrite_upside_down),
]


# --- typical mistakes --------------------------------------------------------------------------


def neuron(w, x, b, y, *, direct=1.0, bent=1.0, slope=None, up=None):
    z = w * x + b
    s = 1 / (1 + np.exp(-z))
    up = 2 * (z * s - y) if up is None else up
    dz = up * (direct * s + bent * z * (s * (1 - s) if slope is None else slope(s)))
    return dz * x, dz * w, dz


def neuron_direct_only(w, x, b, y):
    return neuron(w, x, b, y, bent=0)


def neuron_bent_only(w, x, b, y):
    return neuron(w, x, b, y, direct=0)


def neuron_product(w, x, b, y):
    z = w * x + b
    s = 1 / (1 + np.exp(-z))
    dz = 2 * (z * s - y) * s * z * s * (1 - s)
    return dz * x, dz * w, dz


def neuron_of_the_text(w, x, b, y):
    s = 1 / (1 + np.exp(-(w * x + b)))
    dz = 2 * (s - y) * s * (1 - s)
    return dz * x, dz * w, dz


def neuron_no_upstream(w, x, b, y):
    return neuron(w, x, b, y, up=1.0)


def neuron_wrong_slope(w, x, b, y):
    return neuron(w, x, b, y, slope=lambda s: s * (1 + s))


def neuron_no_z(w, x, b, y):
    z = w * x + b
    return neuron(w, x, b, y, bent=1 / z)


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


def neuron_by_differences(w, x, b, y, h=1e-5):
    def loss(w, x, b):
        z = w * x + b
        return (z / (1 + np.exp(-z)) - y) ** 2

    return (
        (loss(w + h, x, b) - loss(w - h, x, b)) / (2 * h),
        (loss(w, x + h, b) - loss(w, x - h, b)) / (2 * h),
        (loss(w, x, b + h) - loss(w, x, b - h)) / (2 * h),
    )


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


def linear_order(dy, x, W):
    dx, dW, db = ex03.linear_backward(dy, x, W)
    return dW, db, dx


def linear_in_float32(dy, x, W):
    small = (a.astype(np.float32) for a in (dy, x, W))
    return tuple(g.astype(float) for g in ex03.linear_backward(*small))


def gelu_by_differences(dy, x, h=1e-5):
    def gelu(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    return dy * (gelu(x + h) - gelu(x - h)) / (2 * h)


def gelu_plus(dy, x):
    t, du = gelu_parts(x)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 + t**2) * du)


def gelu_two_over_pi(dy, x):
    c = 2 / np.pi
    t = np.tanh(c * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 0.134145 * x**2))


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


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ce(logits, y, *, divide=None, blank=True, last=False, p=None):
    p = softmax(logits) if p is None else p
    known = y >= 0
    hot = np.eye(logits.shape[1])[y] * (known[:, None] | last)
    d = (p - hot) * (known[:, None] | (not blank))
    return d / (max(known.sum(), 1) if divide is None else divide)


def ce_no_mean(logits, y):
    return ce(logits, y, divide=1)


def ce_sign(logits, y):
    return -ce(logits, y)


def ce_no_onehot(logits, y):
    return softmax(logits) / len(y)


def ce_columns(logits, y):
    p = softmax(logits)
    p[:, y] -= 1
    return p / len(y)


def ce_rows_taken(logits, y):
    p = softmax(logits)
    p[y] -= 1
    return p / len(y)


def ce_diagonal(logits, y):
    p = softmax(logits)
    return p * (1 - p) / len(y)


def ce_of_p(logits, y):
    return -np.eye(logits.shape[1])[y] / softmax(logits) / len(y)


def ce_overflow(logits, y):
    e = np.exp(logits)
    return ce(logits, y, p=e / e.sum(axis=1, keepdims=True))


def ce_by_all_rows(logits, y):
    return ce(logits, y, divide=len(y))


def ce_last_class(logits, y):
    d = softmax(logits)
    d[np.arange(len(y)), y] -= 1
    return d / len(y)


def ce_not_blank(logits, y):
    return ce(logits, y, blank=False)


def ce_drops_rows(logits, y):
    known = y >= 0
    return ce(logits[known], y[known])


def ce_zero_by_zero(logits, y):
    with np.errstate(invalid="ignore"):
        return ce(logits, y, divide=np.float64((y >= 0).sum()))


def ce_in_place(logits, y):
    logits -= logits.max(axis=1, keepdims=True)
    return ex03.softmax_ce_backward(logits, y)


def ce_by_classes(logits, y):
    return ex03.softmax_ce_backward(logits, y) * len(y) / logits.shape[1]


def central(f, x, eps=1e-5, below=2.0):
    n = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        n[i] = (f(x + step) - f(x - step)) / (below * eps)
    return n


def verdict(grad, n, *, error=None, where=None):
    norm = np.linalg.norm
    below = norm(grad) + norm(n)
    far = np.unravel_index(np.abs(grad - n).argmax(), n.shape) if where is None else where
    return (norm(grad - n) / below if below else 0.0) if error is None else error, far


def num_absolute(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    return verdict(grad, n, error=np.linalg.norm(grad - n))


def num_one_norm(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    return verdict(grad, n, error=np.linalg.norm(grad - n) / np.linalg.norm(n))


def num_largest(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    error = np.abs(grad - n).max() / (np.abs(grad).max() + np.abs(n).max())
    return verdict(grad, n, error=error)


def num_squares(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    error = ((grad - n) ** 2).sum() / ((grad**2).sum() + (n**2).sum())
    return verdict(grad, n, error=error)


def num_one_sided(f, x, grad, eps=1e-5):
    n = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        n[i] = (f(x + step) - f(x)) / eps
    return verdict(grad, n)


def num_no_two(f, x, grad, eps=1e-5):
    return verdict(grad, central(f, x, eps, below=1.0))


def num_sign(f, x, grad, eps=1e-5):
    return verdict(grad, -central(f, x, eps))


def num_all_at_once(f, x, grad, eps=1e-5):
    return verdict(grad, np.full(x.shape, (f(x + eps) - f(x - eps)) / (2 * eps)))


def num_one_number(f, x, grad, eps=1e-5):
    n = (f(x + eps) - f(x - eps)) / (2 * eps)
    return np.linalg.norm(grad - n) / (np.linalg.norm(grad) + abs(n)), (0,) * x.ndim


def num_dirty(f, x, grad, eps=1e-5):
    right = ex03.gradient_check(f, x, grad, eps)
    x += eps
    return right


def num_fixed(f, x, grad, eps=1e-5):
    return ex03.gradient_check(f, x, grad, 1e-5)


def num_flat(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    return verdict(grad, n, where=int(np.abs(grad - n).argmax()))


def num_listed(f, x, grad, eps=1e-5):
    error, where = ex03.gradient_check(f, x, grad, eps)
    return error, list(where)


def num_signed(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    return verdict(grad, n, where=np.unravel_index((grad - n).argmax(), n.shape))


def num_of_gradient(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    return verdict(grad, n, where=np.unravel_index(np.abs(grad).argmax(), n.shape))


def num_zero_by_zero(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    with np.errstate(invalid="ignore"):
        error = np.linalg.norm(grad - n) / (np.linalg.norm(grad) + np.linalg.norm(n))
    return verdict(grad, n, error=error)


def num_two_dimensions(f, x, grad, eps=1e-5):
    n = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            step = np.zeros(x.shape)
            step[i, j] = eps
            n[i, j] = (f(x + step) - f(x - step)) / (2 * eps)
    return verdict(grad, n)


def residual_given(dy, x, W1, W2, *, mask="dz", alias=True):
    z = x @ W1.T
    h = np.maximum(z, 0)
    dz = dy @ W2
    dz = dz * {"dz": dz > 0, "z": z > 0, "none": True, "h": h, "other": z <= 0}[mask]
    dW1 = dz.T @ x
    dx = dy if alias else dy.copy()
    dx += dz @ W1
    return dx, dW1, dy.T @ h


def residual_one_of_two(dy, x, W1, W2):
    return residual_given(dy, x, W1, W2, mask="z")


def residual_aliased_late(dy, x, W1, W2):
    _, dW1, dW2 = ex03.residual_backward(dy, x, W1, W2)
    dx = dy
    dx += ((dy @ W2) * (x @ W1.T > 0)) @ W1
    return dx, dW1, dW2


def residual_other_of_two(dy, x, W1, W2):
    return residual_given(dy, x, W1, W2, alias=False)


def residual_no_relu(dy, x, W1, W2):
    return residual_given(dy, x, W1, W2, mask="none", alias=False)


def residual_value_as_slope(dy, x, W1, W2):
    return residual_given(dy, x, W1, W2, mask="h", alias=False)


def residual_turned(dy, x, W1, W2):
    return residual_given(dy, x, W1, W2, mask="other", alias=False)


def residual_no_skip(dy, x, W1, W2):
    dx, dW1, dW2 = ex03.residual_backward(dy, x, W1, W2)
    return dx - dy, dW1, dW2


def residual_skip_through_relu(dy, x, W1, W2):
    dx, dW1, dW2 = ex03.residual_backward(dy, x, W1, W2)
    return dx - dy + np.maximum(dy, 0), dW1, dW2


def residual_z_for_h(dy, x, W1, W2):
    dx, dW1, _ = ex03.residual_backward(dy, x, W1, W2)
    return dx, dW1, dy.T @ (x @ W1.T)


def residual_order(dy, x, W1, W2):
    dx, dW1, dW2 = ex03.residual_backward(dy, x, W1, W2)
    return dW1, dW2, dx


def grown(kept, power=2):
    def growth(d_in, d_out, std, slope):
        return d_in * std**power * kept(slope), d_out * std**power * kept(slope)

    return growth


def growth_swapped(d_in, d_out, std, slope):
    return ex03.growth_per_layer(d_in, d_out, std, slope)[::-1]


def growth_forward_twice(d_in, d_out, std, slope):
    return (ex03.growth_per_layer(d_in, d_out, std, slope)[0],) * 2


def growth_of_sizes(d_in, d_out, std, slope):
    return tuple(np.sqrt(ex03.growth_per_layer(d_in, d_out, std, slope)))


def rewritten(**slip):
    return lambda layers: ex03._slipped(layers, **slip)


def rewrite_columns(layers):
    out = ex03.tanh_to_sigmoid(layers)
    return [(W, b + W.sum(axis=1) / 2 - W.sum() / 2 / len(b)) for W, b in out]


def rewrite_in_place(layers):
    out = ex03.tanh_to_sigmoid(layers)
    for (W, b), (V, c) in zip(layers, out, strict=True):
        W[...], b[...] = V, c
    return layers


def rewrite_without_last(layers):
    return ex03.tanh_to_sigmoid(layers)[: max(len(layers) - 1, 1)]


def mlp_variant(x, y, params, *, mask="z1", inner="h", scale=1.0):
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    z2 = h @ params["W2"].T + params["b2"]
    loss, _ = ex03.mlp_backward(x, y, params)
    dz2 = ex03.softmax_ce_backward(z2, y) * scale
    dh = dz2 @ params["W2"]
    dz1 = dh * {"z1": z1 > 0, "none": 1.0, "dh": dh > 0, "value": z1, "turned": z1 <= 0}[mask]
    return loss, {
        "W1": dz1.T @ x,
        "b1": dz1.sum(axis=0),
        "W2": dz2.T @ (h if inner == "h" else z1),
        "b2": dz2.sum(axis=0),
    }


def mlp_no_relu(x, y, params):
    return mlp_variant(x, y, params, mask="none")


def mlp_mask_turned(x, y, params):
    return mlp_variant(x, y, params, mask="turned")


def mlp_relu_at_the_end(x, y, params):
    z2 = np.maximum(x @ params["W1"].T + params["b1"], 0) @ params["W2"].T + params["b2"]
    z2 = np.maximum(z2, 0)
    p = softmax(z2)
    return -np.log(p[np.arange(len(y)), y]).mean(), ex03.mlp_backward(x, y, params)[1]


def mlp_half_masked(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    _, open_grads = mlp_variant(x, y, params, mask="none")
    return loss, grads | {"W1": open_grads["W1"]}


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


def mlp_naive_loss(x, y, params):
    _, grads = ex03.mlp_backward(x, y, params)
    h = np.maximum(x @ params["W1"].T + params["b1"], 0)
    p = softmax(h @ params["W2"].T + params["b2"])
    return -np.log(p[np.arange(len(y)), y]).mean(), grads


def mlp_minus(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    return loss, {name: -g for name, g in grads.items()}


def neuron_cached(w, x, b, y, kept={}):  # noqa: B006
    s = kept.setdefault("s", 1 / (1 + np.exp(-(w * x + b))))
    z = w * x + b
    dz = 2 * (z * s - y) * (s + z * s * (1 - s))
    return dz * x, dz * w, dz


def linear_last_sample(dy, x, W):
    return dy @ W, np.outer(dy[-1], x[-1]), dy.sum(axis=0)


def gelu_rigid(dy, x):
    _ = x.shape[1]
    return ex03.gelu_backward(dy, x)


def ce_of_seen_classes(logits, y):
    known = y >= 0
    d = softmax(logits) * known[:, None]
    if known.any():
        d[known] -= np.eye(y.max() + 1)[y[known]]
    return d / max(known.sum(), 1)


def ce_squeezed(logits, y):
    return np.squeeze(ex03.softmax_ce_backward(logits, y))


def num_forgets(f, x, grad, eps=1e-5):
    error, where = ex03.gradient_check(f, x, grad, eps)
    return error if np.any(grad) else 0.0, where


def num_flat_function(f, x, grad, eps=1e-5):
    error, where = ex03.gradient_check(f, x, grad, eps)
    return error if np.any(central(f, x, eps)) else 0.0, where


def num_threshold(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    below = np.linalg.norm(grad) + np.linalg.norm(n)
    return verdict(grad, n, error=np.linalg.norm(grad - n) / (below + 1e-8))


def num_relative_where(f, x, grad, eps=1e-5):
    n = central(f, x, eps)
    ratio = np.abs(grad - n) / (np.abs(grad) + np.abs(n) + 1e-30)
    return verdict(grad, n, where=np.unravel_index(ratio.argmax(), n.shape))


def mlp_closed_at_zero(x, y, params):
    z1 = x @ params["W1"].T + params["b1"]
    loss, grads = ex03.mlp_backward(x, y, params)
    h = np.maximum(z1, 0)
    dz2 = ex03.softmax_ce_backward(h @ params["W2"].T + params["b2"], y)
    dz1 = (dz2 @ params["W2"]) * (z1 >= 0)
    return loss, grads | {"b1": dz1.sum(axis=0), "W1": dz1.T @ x}


def mlp_of_seen_classes(x, y, params):
    z2 = np.maximum(x @ params["W1"].T + params["b1"], 0) @ params["W2"].T
    _ = z2 - np.eye(y.max() + 1)[y]
    return ex03.mlp_backward(x, y, params)


def mlp_squeezed(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    return loss, {name: np.squeeze(g) if len(x) == 1 else g for name, g in grads.items()} | (
        {"b1": grads["b1"][0]} if len(x) == 1 else {}
    )


def mlp_accumulates(x, y, params, total={}):  # noqa: B006
    loss, grads = mlp_by_samples(x, y, params)
    for name, g in grads.items():
        before = total.get(name)
        total[name] = g if before is None or before.shape != g.shape else before + g
    return loss, dict(total)


def residual_open_at_zero(dy, x, W1, W2):
    z = x @ W1.T
    dz = (dy @ W2) * (z >= 0)
    return dy + dz @ W1, dz.T @ x, dy.T @ np.maximum(z, 0)


def growth_or(d_in, d_out, std, slope):
    return ex03.growth_per_layer(d_in, d_out, std, slope or 0.01)


WRONG = [
    Wrong("03.1", "direct only", neuron_direct_only, "z 还经过 σ", 0),
    Wrong("03.1", "bent only", neuron_bent_only, "z 还直接乘", 0),
    Wrong("03.1", "product", neuron_product, "不是相乘", 0),
    Wrong("03.1", "the text's", neuron_of_the_text, "这是 h = σ(z) 的梯度", 0),
    Wrong("03.1", "no upstream", neuron_no_upstream, "漏了上游", 0),
    Wrong("03.1", "wrong slope", neuron_wrong_slope, "σ 自己的导数是 σ(1−σ)", 0),
    Wrong("03.1", "no z", neuron_no_z, "漏了一个因子", 0),
    Wrong("03.1", "no two", neuron_no_two, "平方的导数是 2(h−y)", 0),
    Wrong("03.1", "sign", neuron_sign, "符号反了", 0),
    Wrong("03.1", "swapped", neuron_swapped, "次序是", 0),
    Wrong("03.1", "bare b", neuron_bare_b, "还要乘上游", 0),
    Wrong("03.1", "two values", neuron_two_values, "按这个次序", 0),
    Wrong("03.1", "differences", neuron_by_differences, "数值差分", 0),
    Wrong("03.2", "transposed", linear_transposed, "dW 转置了", 35),
    Wrong("03.2", "no sum", linear_no_sum, "沿批的方向", 47),
    Wrong("03.2", "mean", linear_mean, "db 是相加", 47),
    Wrong("03.2", "mean dw", linear_mean_dw, "dW 是各样本相加", 35),
    Wrong("03.2", "wrong axis", linear_wrong_axis, "求和的方向错了", 47),
    Wrong("03.2", "dx transposed", linear_dx_transposed, "前向里 W 转置过", 35),
    Wrong("03.2", "no batch", linear_no_batch, "外积", 35),
    Wrong("03.2", "order", linear_order, "次序是", 0),
    Wrong("03.2", "float32", linear_in_float32, "float32", 0),
    Wrong("03.2", "in place", linear_in_place, "被原地修改", 88),
    Wrong("03.3", "no upstream", gelu_no_upstream, "没有乘上游", 0),
    Wrong("03.3", "half", gelu_half, "tanh(u) 也随 x 变", 0),
    Wrong("03.3", "no inner", gelu_no_inner, "漏了里层的 du/dx", 0),
    Wrong("03.3", "no square", gelu_no_square, "忘了平方", 0),
    Wrong("03.3", "plus", gelu_plus, "号写成了加", 0),
    Wrong("03.3", "no three", gelu_no_three, "里层少了 3", 0),
    Wrong("03.3", "as relu", gelu_as_relu, "这是 ReLU 的反向", 0),
    Wrong("03.3", "exact", gelu_exact, "erf 形式", 0),
    Wrong("03.3", "differences", gelu_by_differences, "数值差分", 0),
    Wrong("03.3", "two over pi", gelu_two_over_pi, "也不是 2/π", 0),
    Wrong("03.3", "in place", gelu_in_place, "dy 被原地修改", 86),
    Wrong("03.4", "no mean", ce_no_mean, "也要除以样本数", 0),
    Wrong("03.4", "sign", ce_sign, "符号反了", 0),
    Wrong("03.4", "no onehot", ce_no_onehot, "漏了减去 one-hot", 0),
    Wrong("03.4", "columns", ce_columns, "减的是整列", 0),
    Wrong("03.4", "rows", ce_rows_taken, "减的是第 y 行", 0),
    Wrong("03.4", "diagonal", ce_diagonal, "雅可比的对角线", 0),
    Wrong("03.4", "of p", ce_of_p, "还没有穿过 softmax", 0),
    Wrong("03.4", "by classes", ce_by_classes, "不是类别数 K", 0),
    Wrong("03.4", "all rows", ce_by_all_rows, "没有标签的行不算样本", 25),
    Wrong("03.4", "last class", ce_last_class, "减在最后一类上", 25),
    Wrong("03.4", "not blank", ce_not_blank, "梯度整行是 0", 25),
    Wrong("03.4", "drops rows", ce_drops_rows, "也占一行", 25),
    Wrong("03.4", "zero by zero", ce_zero_by_zero, "别拿 0 去除", 62),
    Wrong("03.4", "overflow", ce_overflow, "exp 溢出了", 69),
    Wrong("03.4", "in place", ce_in_place, "被原地修改", 94),
    Wrong("03.5", "absolute", num_absolute, "这是绝对误差", 0),
    Wrong("03.5", "one norm", num_one_norm, "不是其中一个", 0),
    Wrong("03.5", "largest", num_largest, "不是最大值", 0),
    Wrong("03.5", "squares", num_squares, "范数要开平方", 0),
    Wrong("03.5", "one sided", num_one_sided, "这是单侧差分", 48),
    Wrong("03.5", "no two", num_no_two, "n 大了一倍", 0),
    Wrong("03.5", "sign", num_sign, "n 的符号反了", 0),
    Wrong("03.5", "all at once", num_all_at_once, "每次只动一个", 0),
    Wrong("03.5", "dirty", num_dirty, "被原地修改", 38),
    Wrong("03.5", "fixed", num_fixed, "没有用到参数 eps", 48),
    Wrong("03.5", "flat", num_flat, "变回下标", 10),
    Wrong("03.5", "listed", num_listed, "变成元组", 10),
    Wrong("03.5", "signed", num_signed, "先取绝对值", 10),
    Wrong("03.5", "of the gradient", num_of_gradient, "不是梯度自己最大", 10),
    Wrong("03.5", "two dimensions", num_two_dimensions, "任何形状", 67),
    Wrong("03.5", "zero by zero", num_zero_by_zero, "这时误差就是 0", 95),
    Wrong("03.6", "no relu", mlp_no_relu, "没有穿过 ReLU", 50),
    Wrong("03.6", "mask of gradient", mlp_mask_of_gradient, "看前向的 z1", 50),
    Wrong("03.6", "mask turned", mlp_mask_turned, "开关反了", 50),
    Wrong("03.6", "relu at the end", mlp_relu_at_the_end, "z2 不过 ReLU", 0),
    Wrong("03.6", "half masked", mlp_half_masked, "W1 的梯度也要用", 65),
    Wrong("03.6", "value as slope", mlp_value_as_slope, "0 或 1", 50),
    Wrong("03.6", "z1 for h", mlp_z1_for_h, "用了 ReLU 之前的 z1", 35),
    Wrong("03.6", "sum", mlp_sum, "大了 B 倍", 20),
    Wrong("03.6", "missing key", mlp_missing_key, "键与 params 相同", 20),
    Wrong("03.6", "updates", mlp_updates, "不更新参数", 90),
    Wrong("03.6", "naive loss", mlp_naive_loss, "log-sum-exp", 80),
    Wrong("03.6", "minus", mlp_minus, "dz2 是 p − y", 20),
    Wrong("03.7", "as given", residual_given, "不看梯度的正负", 0),
    Wrong("03.7", "one of two", residual_one_of_two, "已经不是原来的 dy", 40),
    Wrong("03.7", "aliased late", residual_aliased_late, "同一块内存", 75),
    Wrong("03.7", "no relu", residual_no_relu, "没有穿过 ReLU", 0),
    Wrong("03.7", "value as slope", residual_value_as_slope, "0 或 1", 0),
    Wrong("03.7", "turned", residual_turned, "开关反了", 0),
    Wrong("03.7", "no skip", residual_no_skip, "漏了直通", 20),
    Wrong("03.7", "skip through relu", residual_skip_through_relu, "直通的那条路没有 ReLU", 20),
    Wrong("03.7", "z for h", residual_z_for_h, "不是 z", 40),
    Wrong("03.7", "order", residual_order, "次序是", 0),
    Wrong("03.8", "no half", grown(lambda a: 1 + a**2), "别忘了 ½", 0),
    Wrong("03.8", "no square", grown(lambda a: (1 + a) / 2), "slope 也要平方", 0),
    Wrong("03.8", "of relu", grown(lambda a: 0.5), "这是 ReLU 的", 0),
    Wrong("03.8", "square of mean", grown(lambda a: ((1 + a) / 2) ** 2), "先平方再平均", 0),
    Wrong("03.8", "linear", grown(lambda a: 1.0), "漏了 f", 0),
    Wrong("03.8", "std", grown(lambda a: (1 + a**2) / 2, power=1), "方差是 std 的平方", 0),
    Wrong("03.8", "swapped", growth_swapped, "次序是", 0),
    Wrong("03.8", "forward twice", growth_forward_twice, "d_in 与 d_out 换了", 33),
    Wrong("03.8", "of sizes", growth_of_sizes, "不必开方", 0),
    Wrong("03.9", "as it was", lambda layers: list(layers), "网络没有改", 0),
    Wrong("03.9", "no shift", rewritten(shift=0), "少了平移", 0),
    Wrong("03.9", "sign", rewritten(shift=-1), "平移的符号反了", 0),
    Wrong("03.9", "not larger", rewritten(inner=1, bias=1), "少了放大", 0),
    Wrong("03.9", "bias", rewritten(bias=1), "偏置也要乘 2", 0),
    Wrong("03.9", "inside", rewritten(inside=1), "W 还要乘这个 2", 0),
    Wrong("03.9", "last", rewritten(last=2), "末层后面没有激活", 0),
    Wrong("03.9", "first", rewritten(everywhere=True), "首层进来的是 x", 0),
    Wrong("03.9", "columns", rewrite_columns, "输出不等", 0),
    Wrong("03.9", "fewer", rewrite_without_last, "(W, b)", 0),
    Wrong("03.9", "in place", rewrite_in_place, "被原地修改", 90),
]
WRONG += [
    Wrong("03.2", "last sample", linear_last_sample, "最后一个样本", 35),
    Wrong("03.3", "rigid", gelu_rigid, "维数写死了", 71),
    Wrong("03.4", "seen classes", ce_of_seen_classes, "K 从 logits.shape 取", 63),
    Wrong("03.4", "squeezed", ce_squeezed, "(1, K)", 69),
    Wrong("03.5", "forgets", num_forgets, "两个梯度都是 0 时误差才是 0", 84),
    Wrong("03.5", "threshold", num_threshold, "与梯度的单位无关", 84),
    Wrong("03.5", "relative where", num_relative_where, "不除以梯度", 84),
    Wrong("03.6", "at zero", mlp_closed_at_zero, "z1 恰为 0", 80),
    Wrong("03.6", "seen classes", mlp_of_seen_classes, "K 从 W2 的形状取", 80),
    Wrong("03.6", "squeezed", mlp_squeezed, "一批可以只有一行", 80),
    Wrong("03.7", "at zero", residual_open_at_zero, "z 恰为 0", 75),
    Wrong("03.8", "or", growth_or, "slope = 0 也是一个值", 66),
]
# --- kinds that the inputs must tell apart, and the word for each -------------------------------


def ce_maximum_from_zero(logits, y):
    known = y >= 0
    e = np.exp(logits - np.max(logits, axis=1, keepdims=True, initial=0))
    d = e / e.sum(axis=1, keepdims=True)
    d[known, y[known]] -= 1
    d[~known] = 0
    return d / max(known.sum(), 1)


def ce_labelled_first(logits, y):
    n = int((y >= 0).sum())
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(n), y[:n]] -= 1
    d[n:] = 0
    return d / max(n, 1)


def ce_through_minus_one_over_p(logits, y):
    out, n = np.zeros(logits.shape), max((y >= 0).sum(), 1)
    with np.errstate(all="ignore"):
        for i, c in enumerate(y):
            if c >= 0:
                e = np.exp(logits[i] - logits[i].max())
                p = e / e.sum()
                dp = np.zeros(len(p))
                dp[c] = -1 / p[c]
                out[i] = (np.diag(p) - np.outer(p, p)).T @ dp / n
    return out


def ce_column_maximum(logits, y):
    known = y >= 0
    e = np.exp(logits - logits.max(axis=0))
    d = e / e.sum(axis=1, keepdims=True)
    d[known, y[known]] -= 1
    d[~known] = 0
    return d / max(known.sum(), 1)


def differences(f, x, eps=1e-5):
    n = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        n[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return n


def check_where_of_none(f, x, grad, eps=1e-5):
    worst, where = 0.0, None
    n = differences(f, x, eps)
    for i in np.ndindex(x.shape):
        if abs(grad[i] - n[i]) > worst:
            worst, where = abs(grad[i] - n[i]), i
    whole = np.linalg.norm(grad) + np.linalg.norm(n)
    return (np.linalg.norm(grad - n) / whole if whole else 0.0), where


def check_flattens(f, x, grad, eps=1e-5):
    error, where = ex03.gradient_check(f, x, grad, eps)
    return (0.0 if error < 1e-7 else error), where


def check_tiny_constant(f, x, grad, eps=1e-5):
    n = differences(f, x, eps)
    error = np.linalg.norm(grad - n) / (np.linalg.norm(grad) + np.linalg.norm(n) + 1e-20)
    return error, np.unravel_index(np.abs(grad - n).argmax(), x.shape)


def check_precedence(f, x, grad, eps=1e-5):
    n = differences(f, x, eps) * eps**2
    whole = np.linalg.norm(grad) + np.linalg.norm(n)
    error = np.linalg.norm(grad - n) / whole if whole else 0.0
    return error, np.unravel_index(np.abs(grad - n).argmax(), x.shape)


def check_largest_ratio(f, x, grad, eps=1e-5):
    n = differences(f, x, eps)
    error = np.max(np.abs(grad - n) / np.maximum(np.abs(grad) + np.abs(n), 1e-300))
    return error, np.unravel_index(np.abs(grad - n).argmax(), x.shape)


def mlp_maximum_from_zero(x, y, params):
    _, grads = ex03.mlp_backward(x, y, params)
    z2 = np.maximum(x @ params["W1"].T + params["b1"], 0) @ params["W2"].T + params["b2"]
    m = np.max(z2, axis=1, initial=0)
    with np.errstate(divide="ignore"):
        lse = m + np.log(np.exp(z2 - m[:, None]).sum(axis=1))
    return np.mean(lse - z2[np.arange(len(y)), y]), grads


def mlp_squeezes(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    return loss, {name: np.squeeze(grad) for name, grad in grads.items()}


def mlp_mask_in_h(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    z1 = x @ params["W1"].T + params["b1"]
    z2 = np.maximum(z1, 0) @ params["W2"].T + params["b2"]
    return loss, grads | {"W2": ex03.softmax_ce_backward(z2, y).T @ (z1 > 0)}


def gelu_short(dy, x):
    c = 0.7978845608
    t = np.tanh(c * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2))


def linear_outer_not_summed(dy, x, W):
    return dy @ W, np.einsum("bo,bi->boi", dy, x), dy.sum(axis=0)


def residual_in_place(dy, x, W1, W2):
    dx, dW1, dW2 = ex03.residual_backward(dy, x, W1, W2)
    dy[:] = dx
    return dx, dW1, dW2


def residual_masked_by_y(dy, x, W1, W2):
    after = x + np.maximum(x @ W1.T, 0) @ W2.T
    return ex03.residual_backward(dy * (after > 0), x, W1, W2)


def growth_no_std(d_in, d_out, std, slope):
    return ex03.growth_per_layer(d_in, d_out, np.sqrt(2 / d_in), slope)


def growth_swapped(d_in, d_out, std, slope):
    return ex03.growth_per_layer(d_out, d_in, std, slope)


def rewrite_two_columns(layers):
    pairs = ex03.tanh_to_sigmoid(layers)
    return [W for W, _ in pairs], [b for _, b in pairs]


def rewrite_shift_not_doubled(layers):
    out = []
    for k, (W, b) in enumerate(layers):
        shift = W.sum(axis=1)
        if k < len(layers) - 1:
            W, b = 2 * W, 2 * b
        out.append((2 * W, b - shift) if k > 0 else (W, b))
    return out


WRONG += [
    Wrong("03.2", "not summed", linear_outer_not_summed, "沿批相加", (0, 99)),
    Wrong("03.3", "short constant", gelu_short, "常数抄短", 0),
    Wrong("03.4", "maximum from 0", ce_maximum_from_zero, "从 0 起找的", (0, 99)),
    Wrong("03.4", "labelled first", ce_labelled_first, "不一定排在最后", (0, 99)),
    Wrong("03.4", "1/p", ce_through_minus_one_over_p, "−1/p 是 −inf", (0, 99)),
    Wrong("03.4", "column maximum", ce_column_maximum, "每列的最大值", 0),
    Wrong("03.5", "where of None", check_where_of_none, "总有一处差得最远", (0, 99)),
    Wrong("03.5", "flattens", check_flattens, "很小的误差也照公式报", (0, 99)),
    Wrong("03.5", "precedence", check_precedence, "分母要括号", 0),
    Wrong("03.5", "largest ratio", check_largest_ratio, "相除再取最大", 0),
    Wrong("03.6", "maximum from 0", mlp_maximum_from_zero, "从 0 起找", (0, 99)),
    Wrong("03.6", "squeezes", mlp_squeezes, "别用 squeeze", (0, 99)),
    Wrong("03.6", "mask in h", mlp_mask_in_h, "h 已经变成 0 和 1", (0, 99)),
    Wrong("03.7", "masked by y", residual_masked_by_y, "后面没有 ReLU", 0),
    Wrong("03.8", "no std", growth_no_std, "没有用到参数 std", 0),
    Wrong("03.9", "two columns", rewrite_two_columns, "所有 W 一列", 0),
    Wrong("03.9", "shift not doubled", rewrite_shift_not_doubled, "中间的层", (0, 99)),
]

# --- what only further inputs tell: another step, another point, the call after -----------------


def neuron_of_minus_z(w, x, b, y):
    z = w * x + b
    s = 1 / (1 + np.exp(z))
    dz = 2 * (z * s - y) * (s + z * s * (1 - s))
    return dz * x, dz * w, dz


def linear_into_buffers(dy, x, W, kept={}):  # noqa: B006
    dW, db = kept.setdefault(W.shape, (np.empty(W.shape), np.empty(len(W))))
    np.matmul(dy.T, x, out=dW)
    np.sum(dy, axis=0, out=db)
    return dy @ W, dW, db


def gelu_flat_outside(dy, x):
    return np.where(abs(x) > 5, dy * (x > 0), ex03.gelu_backward(dy, x))


def ce_maximum_of_sizes(logits, y):
    known = y >= 0
    e = np.exp(logits - abs(logits).max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[known, y[known]] -= 1
    d[~known] = 0
    return d / max(known.sum(), 1)


def check_of_float32(f, x, grad, eps=1e-5):
    return verdict(grad, differences(f, x.astype(np.float32).astype(float), eps))


def check_other_step(f, x, grad, eps=1e-3):
    return verdict(grad, differences(f, x, eps))


def check_of_five_points(f, x, grad, eps=1e-5):
    near, wide = differences(f, x, eps), differences(f, x, 2 * eps)
    return verdict(grad, (4 * near - wide) / 3)


def check_small_is_none(f, x, grad, eps=1e-5):
    error, where = ex03.gradient_check(f, x, grad, eps)
    return error if error >= 1e-9 else 0.0, where


def check_yes_or_no(f, x, grad, eps=1e-5):
    error, where = ex03.gradient_check(f, x, grad, eps)
    return error < 1e-7, where


def check_grad_and_back(f, x, grad, eps=1e-5):
    n = differences(f, x, eps)
    found = ex03.gradient_check(f, x, grad, eps)
    grad -= n
    grad += n
    return found


def mlp_shifts_labels(x, y, params):
    y -= y.min()
    return ex03.mlp_backward(x, y, params)


def mlp_maximum_not_added(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    h = np.maximum(x @ params["W1"].T + params["b1"], 0)
    return loss - (h @ params["W2"].T + params["b2"]).max(axis=1).mean(), grads


def mlp_one_dictionary(x, y, params, grads={}):  # noqa: B006
    loss, found = ex03.mlp_backward(x, y, params)
    grads.update(found)
    return loss, grads


def residual_cuts_x(dy, x, W1, W2):
    z = x @ W1.T
    np.maximum(x, 0, out=x)
    dz = (dy @ W2) * (z > 0)
    return dy + dz @ W1, dz.T @ x, dy.T @ np.maximum(z, 0)


def growth_whole(d_in, d_out, std, slope):
    return d_in * std**2 * (1 + slope**2) // 2, d_out * std**2 * (1 + slope**2) // 2


def growth_remembered(d_in, d_out, std, slope, kept={}):  # noqa: B006
    factor = kept.setdefault(std, std**2 * (1 + slope**2) / 2)
    return d_in * factor, d_out * factor


def rewrite_in_array(layers):
    return np.array(ex03.tanh_to_sigmoid(layers), dtype=object)


WRONG += [
    Wrong("03.1", "of minus z", neuron_of_minus_z, "σ(−z)", 0),
    Wrong("03.3", "flat outside", gelu_flat_outside, "还没有到", (0, 99)),
    Wrong("03.5", "other step", check_other_step, "不写 eps 时步长是 1e-5", (0, 99)),
    Wrong("03.5", "yes or no", check_yes_or_no, "error 是误差本身", 0),
    Wrong("03.6", "maximum not added", mlp_maximum_not_added, "m 没有加回来", 0),
    Wrong("03.7", "cuts x", residual_cuts_x, "x 被原地修改", 0),
    Wrong("03.8", "whole", growth_whole, "整除", 0),
    Wrong("03.9", "in an array", rewrite_in_array, "装不下", (0, 99)),
]

# one hint serves several slips of the same kind
SAME_HINT: list[Wrong] = [
    Wrong("03.8", "swapped", growth_swapped, "数错了项", 0),
    Wrong("03.5", "tiny constant", check_tiny_constant, "与梯度的单位无关", (0, 99)),
    Wrong("03.7", "in place", residual_in_place, "同一块内存", (0, 99)),
    Wrong("03.7", "other of two", residual_other_of_two, "不看梯度的正负", 0),
    Wrong("03.5", "flat function", num_flat_function, "两个梯度都是 0 时误差才是 0", 84),
    Wrong("03.2", "in place, dy", linear_scales_dy, "被原地修改", 88),
    Wrong("03.5", "five points", check_of_five_points, "不是两点的中心差分", (0, 99)),
    Wrong("03.5", "grad and back", check_grad_and_back, "舍入不会还原", (0, 99)),
    Wrong("03.6", "shifts labels", mlp_shifts_labels, "y 照原样用", (0, 99)),
    Wrong("03.4", "maximum of sizes", ce_maximum_of_sizes, "先取绝对值", (0, 99)),
    Wrong("03.5", "one number", num_one_number, "每次只动一个", 0),
    Wrong("03.5", "of float32", check_of_float32, "x 始终是 float64", (0, 99)),
    Wrong("03.5", "small is none", check_small_is_none, "很小的误差也照公式报", (0, 99)),
]


# --- what differs only where one seldom looks -----------------------------------------------------


def neuron_two_h(w, x, b, y):
    z = w * x + b
    s = 1 / (1 + np.exp(-z))
    dz = (2 * z * s - y) * (s + z * s * (1 - s))
    return dz * x, dz * w, dz


def neuron_z_for_s(w, x, b, y):
    z = w * x + b
    s = 1 / (1 + np.exp(-z))
    dz = 2 * (z * s - y) * (z + s * (1 - s))
    return dz * x, dz * w, dz


def neuron_cut(w, x, b, y):
    z = min(max(w * x + b, -7), 7)
    s = 1 / (1 + np.exp(-z))
    dz = 2 * (z * s - y) * (s + z * s * (1 - s))
    return dz * x, dz * w, dz


def gelu_of_u_squared(dy, x):
    c = np.sqrt(2 / np.pi)
    u, du = c * (x + 0.044715 * x**3), c * (1 + 3 * 0.044715 * x**2)
    return dy * (0.5 * (1 + np.tanh(u)) + 0.5 * x * (1 - u**2) * du)


def gelu_du_on_both(dy, x):
    c = np.sqrt(2 / np.pi)
    t, du = np.tanh(c * (x + 0.044715 * x**3)), c * (1 + 3 * 0.044715 * x**2)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2)) * du


def gelu_into_a_copy(dy, x):
    out = np.zeros_like(x)
    flat = out.reshape(-1)
    flat[:] = ex03.gelu_backward(dy, x).reshape(-1)
    return out


def ce_small_is_none(logits, y):
    known, right = y >= 0, ex03.softmax_ce_backward(logits, y)
    return np.where(np.abs(right) < 1e-6 / max(known.sum(), 1), 0, right)


def ce_cut_p(logits, y):
    known = y >= 0
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = np.clip(e / e.sum(axis=1, keepdims=True), 1e-3, 1)
    p[known, y[known]] -= 1
    p[~known] = 0
    return p / max(known.sum(), 1)


def ce_breaks(logits, y):
    right, out = ex03.softmax_ce_backward(logits, y), np.zeros(logits.shape)
    for i in range(len(y)):
        if y[i] < 0:
            break
        out[i] = right[i]
    return out


def ce_nan_rows(logits, y):
    return np.where(y[:, None] < 0, np.nan, ex03.softmax_ce_backward(logits, y))


def ce_none(logits, y):
    return ex03.softmax_ce_backward(logits, y) if (y >= 0).any() else None


def check_left_moved(f, x, grad, eps=1e-5):
    w, n = x.copy(), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        w[i] += eps
        up = f(w)
        w[i] -= 2 * eps
        n[i] = (up - f(w)) / (2 * eps)
    return verdict(grad, n)


def check_through_a_copy(f, x, grad, eps=1e-5):
    flat, n = x.ravel(), np.zeros(x.size)
    for i, old in enumerate(flat.tolist()):
        flat[i] = old + eps
        up = f(x)
        flat[i] = old - eps
        n[i] = (up - f(x)) / (2 * eps)
        flat[i] = old
    return verdict(grad, n.reshape(x.shape))


def mlp_cut_p(x, y, params):
    loss, grads = ex03.mlp_backward(x, y, params)
    h = np.maximum(x @ params["W1"].T + params["b1"], 0)
    z = h @ params["W2"].T + params["b2"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    d = np.clip(e / e.sum(axis=1, keepdims=True), 1e-3, 1 - 1e-3)
    d[np.arange(len(y)), y] -= 1
    return loss, grads | {"b2": d.mean(axis=0)}


def rewrite_of_two(layers):
    (W, b), (V, c) = layers
    return [(2 * W, 2 * b), (2 * V, c - V.sum(axis=1))]


def rewrite_last_by_shape(layers):
    out = []
    for k, (W, b) in enumerate(layers):
        if k:
            W, b = 2 * W, b - W.sum(axis=1)
        if W.shape != layers[-1][0].shape:
            W, b = 2 * W, 2 * b
        out.append((W, b))
    return out


WRONG += [
    Wrong(
        "03.1",
        "arrays",
        lambda *given: tuple(np.array([one]) for one in ex03.neuron_backward(*given)),
        "不是一个元素的数组",
        0,
    ),
    Wrong("03.1", "2h − y", neuron_two_h, "2 乘的是整个", 0),
    Wrong("03.1", "z for its share", neuron_z_for_s, "直接的那条路给的是 σ(z)", 0),
    Wrong("03.1", "z cut", neuron_cut, "z、σ(z) 不裁剪", 62),
    Wrong("03.3", "1 − u²", gelu_of_u_squared, "平方的是 tanh u", 0),
    Wrong("03.3", "du on both", gelu_du_on_both, "只乘在第二项上", 0),
    Wrong("03.3", "into a copy", gelu_into_a_copy, "转置来的", 71),
    Wrong("03.4", "cut p", ce_cut_p, "exp 的参数也不设下限", 69),
    Wrong(
        "03.4",
        "cut logits",
        lambda z, y: ex03.softmax_ce_backward(np.clip(z, -500, 500), y),
        "logits 被夹住了",
        69,
    ),
    Wrong("03.4", "breaks", ce_breaks, "continue，不是 break", 25),
    Wrong("03.4", "nan", ce_nan_rows, "整行是 0，不是 nan", 25),
    Wrong("03.5", "left moved", check_left_moved, "从原样的 x 动起", 84),
    Wrong("03.5", "through a copy", check_through_a_copy, "转置来的", 95),
    Wrong("03.6", "cut p", mlp_cut_p, "p 被裁剪（clip）或置 0", 20),
    Wrong("03.9", "of two layers", rewrite_of_two, "由 len(layers) 定", 20),
    Wrong("03.9", "last by its shape", rewrite_last_by_shape, "要看排第几", 90),
]
SAME_HINT += [
    Wrong("03.4", "small is none", ce_small_is_none, "只对上前几位", 69),
    Wrong("03.4", "None", ce_none, "也要 (B, K) 的数组", 63),
]

globals().update(
    questions(
        "03",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"03.5": ["nearly"]},  # its error is worked out by differences
    )
)


@pytest.mark.parametrize(
    ("number", "answer"),
    [("03.1", neuron_cached), ("03.6", mlp_accumulates), ("03.8", growth_remembered)],
)
def test_what_stays_between_calls_is_told(number, answer):
    """It stays between seeds as well, so it is asked once."""
    result = check(number, answer, noted=False)
    assert result.status == "failed"
    assert "上一次调用" in result.wrong.hint


@pytest.mark.parametrize(
    ("number", "answer"), [("03.2", linear_into_buffers), ("03.6", mlp_one_dictionary)]
)
def test_what_was_returned_is_not_written_over(number, answer):
    """Told in the notebook, where the lesson keeps it; the gradebook gets copies."""
    result = judge(number, answer)
    assert result.status == "failed"
    assert "每次都造新的" in result.wrong.hint


def test_the_last_layer_is_not_known_by_its_arrays():
    # in this process only: arrays that are one object here may arrive as several in another
    def answer(layers):
        out = []
        for k, (W, b) in enumerate(layers):
            if k:
                W, b = 2 * W, b - W.sum(axis=1)
            if layers[k][0] is not layers[-1][0]:
                W, b = 2 * W, 2 * b
            out.append((W, b))
        return out

    wrong = judge("03.9", answer).wrong
    assert wrong is not None and "是不是同一个数组" in wrong.hint and "同一对" in wrong.label


def test_what_can_be_gone_through_only_once_is_no_list():
    def answer(layers):
        return iter(rewrite_from_the_right(layers))

    assert "只能走一遍" in check("03.9", answer, noted=False).wrong.hint


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
    ((F.silu(w * a + b) - target) ** 2).backward()
    got = ex03.neuron_backward(0.7, -1.3, 0.2, 0.4)
    np.testing.assert_allclose(got, [w.grad.item(), a.grad.item(), b.grad.item()], rtol=1e-6)
