"""Chapter 02: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aigc_course.exercises import check, ex02, judge
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def poisson_by_loop(z, y):
    loss, dz = 0.0, np.empty(z.shape)
    for i, (a, count) in enumerate(zip(z, y, strict=True)):
        loss += math.exp(a) - count * a
        dz[i] = (math.exp(a) - count) / len(z)
    return loss / len(z), dz


def poisson_as_list(z, y):
    return [np.exp(z).mean() - np.dot(y, z) / z.size, np.exp(z - np.log(z.size)) - y / z.size]


def kl_by_loop(p, q):
    total = 0.0
    for a, b in zip(p, q, strict=True):
        if a > 0:
            total += a * math.log(a / b) if b > 0 else math.inf
    return total


def kl_by_where(p, q):
    return np.where(p > 0, p * np.log(p / q), 0).sum()


def kl_by_entropies(p, q):
    seen = p != 0
    return np.array(p[seen] @ np.log(p[seen]) - p[seen] @ np.log(q[seen]))


def perplexity_by_sum(losses, counts, unit="nat"):
    bits = losses / math.log(2) if unit == "nat" else losses
    total = sum(b * n for b, n in zip(bits, counts, strict=True) if n)
    return np.exp2(total / sum(counts))


def perplexity_by_average(losses, counts, unit="nat"):
    mean = np.average(np.where(counts == 0, 0.0, losses), weights=counts)
    return {"nat": math.e, "bit": 2}[unit] ** mean


def lse_by_slices(z, axis=-1):
    def one(row):
        m = row.max()
        return m if np.isinf(m) else m + np.log(np.exp(row - m).sum())

    return np.apply_along_axis(one, axis, z)


def lse_moved(z, axis=-1):
    z = np.moveaxis(z, axis, -1)
    m = np.amax(z, axis=-1)
    shift = np.nan_to_num(m, neginf=0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.einsum("...k->...", np.exp(z - shift[..., None]))) + shift


def bce_by_two_cases(z, y, pos_weight=1.0):
    tail = np.log1p(np.exp(-np.abs(z)))
    positive = np.where(z > 0, tail, tail - z)  # of a 1
    negative = np.where(z > 0, tail + z, tail)  # of a 0
    return (pos_weight * y * positive + (1 - y) * negative).mean()


def bce_by_loop(z, y, pos_weight=1.0):
    total = 0.0
    for a, b in zip(z.tolist(), y.tolist(), strict=True):
        tail = math.log1p(math.exp(-abs(a)))
        total += pos_weight * b * (max(-a, 0) + tail) + (1 - b) * (max(a, 0) + tail)
    return total / len(z)


def bce_by_one_softplus(z, y, pos_weight=1.0):
    return np.mean((1 - y) * z + (1 + (pos_weight - 1) * y) * np.logaddexp(0, -z))


def grad_by_one_hot(z, y):
    hot = np.eye(z.shape[1])[y]
    total = np.logaddexp.reduce(z, axis=1, keepdims=True)
    return np.mean(total[:, 0] - (hot * z).sum(axis=1)), (np.exp(z - total) - hot) / len(hot)


def grad_by_loop(z, y):
    loss, dz = 0.0, np.zeros(z.shape)
    for i, (row, c) in enumerate(zip(z, y, strict=True)):
        e = np.exp(row - row.max())
        loss += math.log(e.sum()) + row.max() - row[c]
        dz[i] = e / e.sum()
        dz[i, c] -= 1
    return loss / len(y), dz / len(y)


def ce_by_loop(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    above = below = 0.0
    for row, c in zip(logits, y, strict=True):
        log_p = row - row.max() - np.log(np.exp(row - row.max()).sum())
        for k in range(K):
            w = 1.0 if weight is None else weight[k]
            share = label_smoothing / K + (1 - label_smoothing) * (k == c)
            above -= w * share * log_p[k]
        below += 1.0 if weight is None else weight[c]
    return above / below


def ce_by_average(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    hard = np.take_along_axis(log_p, y[:, None], axis=1)[:, 0] * w[y]
    soft = (log_p * w).mean(axis=1)
    mixed = (1 - label_smoothing) * hard + label_smoothing * soft
    return -mixed.sum() / w.take(y).sum()


def lse_streaming(z, axis=-1):
    m = np.full(np.moveaxis(z, axis, 0).shape[1:], -np.inf)
    total = np.zeros(m.shape)
    for part in np.moveaxis(z, axis, 0):
        new = np.maximum(m, part)
        base = np.where(np.isneginf(new), 0, new)
        total, m = total * np.exp(m - base) + np.exp(part - base), new
    return np.log(total) + np.where(np.isneginf(m), 0, m)


def perplexity_of_all(losses, counts, unit="nat"):
    mean = np.mean(np.repeat(losses, counts))
    return np.exp(mean) if unit == "nat" else np.exp2(mean)


def bce_by_halves(z, y, pos_weight=1.0):
    out, up = np.empty(len(z)), z >= 0
    tail = np.log1p(np.exp(np.where(up, -z, z)))
    out[up] = pos_weight * y[up] * tail[up] + (1 - y[up]) * (z[up] + tail[up])
    low = ~up
    out[low] = pos_weight * y[low] * (tail[low] - z[low]) + (1 - y[low]) * tail[low]
    return out.mean()


def bce_by_two_classes(z, y, pos_weight=1.0):
    zero = np.zeros_like(z)
    one, other = (np.logaddexp.reduce([zero, part]) for part in (-z, z))
    return np.mean(pos_weight * y * one + (1 - y) * other)


def ce_weighted_mean(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    w = np.ones(K) if weight is None else weight / weight.mean()
    target = (1 - label_smoothing) * np.eye(K)[y] + label_smoothing / K
    each = -(target * (logits - ex02.logsumexp(logits)[:, None])) @ w / w[y]
    return np.average(each, weights=w[y])


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("02.1", poisson_by_loop),
    ("02.1", poisson_as_list),
    ("02.2", kl_by_loop),
    ("02.2", kl_by_where),
    ("02.2", kl_by_entropies),
    ("02.3", perplexity_by_sum),
    ("02.3", perplexity_by_average),
    ("02.4", lse_by_slices),
    ("02.4", lse_moved),
    ("02.4", lambda z, axis=-1: np.logaddexp.reduce(z, axis=axis)),
    ("02.4", lse_streaming),
    ("02.3", perplexity_of_all),
    ("02.5", bce_by_halves),
    ("02.5", bce_by_two_classes),
    ("02.7", ce_weighted_mean),
    ("02.5", bce_by_two_cases),
    ("02.5", bce_by_loop),
    ("02.6", grad_by_one_hot),
    ("02.6", grad_by_loop),
    ("02.7", ce_by_loop),
    ("02.7", ce_by_average),
]


# --- typical mistakes --------------------------------------------------------------------------


def poisson_whole(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss + np.mean([math.lgamma(count + 1) for count in y]), dz


def poisson_sum(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss * len(z), dz * len(z)


def poisson_unscaled(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss, dz * len(z)


def poisson_of_rate(z, y):
    loss, _ = ex02.poisson_loss(z, y)
    return loss, (1 - y * np.exp(-z)) / len(z)


def poisson_by_difference(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    for i in range(len(z)):
        up, down = z.copy(), z.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        dz[i] = (ex02.poisson_loss(up, y)[0] - ex02.poisson_loss(down, y)[0]) / 2e-5
    return loss, dz


def poisson_rate_is_z(z, y):
    return np.mean(np.exp(z) - y * np.exp(z)), (np.exp(z) - y) / len(z)


def poisson_list(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss, dz.tolist()


def poisson_swapped(z, y):
    return ex02.poisson_loss(z, y)[::-1]


def poisson_in_place(z, y):
    right = ex02.poisson_loss(z, y)
    np.exp(z, out=z)
    return right


def poisson_squares(z, y):
    return np.mean((np.exp(z) - y) ** 2), (np.exp(z) - y) / len(z)


def kl_swapped(p, q):
    return ex02.kl_divergence(q, p)


def kl_cross(p, q):
    return -np.sum(p * np.log(q))


def kl_nan(p, q):
    return np.sum(p * np.log(p / q))


def kl_hidden(p, q):
    seen = p > 0
    return np.sum(p[seen] * np.log((p[seen]) / (q[seen] + 1e-300)))


def kl_padded(p, q):
    return np.sum(p * np.log((p + 1e-12) / (q + 1e-12)))


def kl_bits(p, q):
    return ex02.kl_divergence(p, q) / np.log(2)


def kl_none(p, q):
    found = ex02.kl_divergence(p, q)
    return None if np.isinf(found) else found


def kl_dropped(p, q):
    seen = (p > 0) & (q > 0)
    return np.sum(p[seen] * np.log(p[seen] / q[seen]))


def kl_in_place(p, q):
    right = ex02.kl_divergence(p, q)
    p[p == 0] = 1.0
    return right


def perplexity_unweighted(losses, counts, unit="nat"):
    return np.exp(losses.mean()) if unit == "nat" else 2 ** losses.mean()


def perplexity_of_each(losses, counts, unit="nat"):
    return np.average(np.exp(losses) if unit == "nat" else 2**losses, weights=counts)


def perplexity_nat_only(losses, counts, unit="nat"):
    return ex02.perplexity(losses, counts)


def perplexity_nan(losses, counts, unit="nat"):
    mean = np.sum(losses * counts) / counts.sum()
    return math.exp(mean) if unit == "nat" else 2**mean


def perplexity_not_raised(losses, counts, unit="nat"):
    return np.average(losses, weights=counts)


def perplexity_in_place(losses, counts, unit="nat"):
    right = ex02.perplexity(losses, counts, unit)
    losses[counts == 0] = 0
    return right


def _lse(z, axis, shift):
    with np.errstate(all="ignore"):
        return np.log(np.exp(z - shift).sum(axis=axis)) + shift.squeeze(axis)


def lse_naive(z, axis=-1):
    return np.log(np.exp(z).sum(axis=axis))


def lse_less_mean(z, axis=-1):
    return _lse(z, axis, z.mean(axis=axis, keepdims=True))


def lse_forgot(z, axis=-1):
    return np.log(np.exp(z - z.max(axis=axis, keepdims=True)).sum(axis=axis))


def lse_global(z, axis=-1):
    return _lse(z, axis, np.full_like(z.max(axis=axis, keepdims=True), z.max()))


def lse_keepdims(z, axis=-1):
    return np.expand_dims(ex02.logsumexp(z, axis), axis)


def lse_clipped(z, axis=-1):
    return _lse(z, axis, np.maximum(z.max(axis=axis, keepdims=True), 0))


def lse_last_axis(z, axis=-1):
    return ex02.logsumexp(z)


def lse_nan(z, axis=-1):
    return _lse(z, axis, z.max(axis=axis, keepdims=True))


def lse_zero_for_masked(z, axis=-1):
    return np.nan_to_num(lse_nan(z, axis))


def lse_list(z, axis=-1):
    return ex02.logsumexp(z, axis).tolist()


def lse_mean(z, axis=-1):
    return np.log(np.exp(z).mean(axis=axis))


def lse_in_place(z, axis=-1):
    right = ex02.logsumexp(z, axis)
    z[np.isneginf(z)] = -1e9
    return right


def bce_naive(z, y, pos_weight=1.0):
    s = 1 / (1 + np.exp(-z))
    return -np.mean(pos_weight * y * np.log(s) + (1 - y) * np.log(1 - s))


def bce_clip(z, y, pos_weight=1.0):
    s = np.clip(1 / (1 + np.exp(-z)), 1e-12, 1 - 1e-12)
    return -np.mean(pos_weight * y * np.log(s) + (1 - y) * np.log(1 - s))


def bce_sign(z, y, pos_weight=1.0):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(np.abs(z))))


def bce_swapped(z, y, pos_weight=1.0):
    return ex02.bce_with_logits(z, 1 - y, pos_weight)


def bce_branch(z, y, pos_weight=1.0):
    return np.mean(np.where(y == 1, pos_weight * np.logaddexp(0, -z), np.logaddexp(0, z)))


def bce_whole(z, y, pos_weight=1.0):
    weight = np.where(y > 0, pos_weight, 1.0)
    return np.mean(weight * (np.logaddexp(0, z) - z * y))


def bce_everything(z, y, pos_weight=1.0):
    return pos_weight * ex02.bce_with_logits(z, y)


def bce_other_term(z, y, pos_weight=1.0):
    return np.mean(y * np.logaddexp(0, -z) + pos_weight * (1 - y) * np.logaddexp(0, z))


def bce_ignores(z, y, pos_weight=1.0):
    return ex02.bce_with_logits(z, y)


def bce_by_weights(z, y, pos_weight=1.0):
    return len(z) * ex02.bce_with_logits(z, y, pos_weight) / np.sum(1 + (pos_weight - 1) * y)


def bce_log(z, y, pos_weight=1.0):
    tail = np.log(1 + np.exp(-np.abs(z)))
    return np.mean(
        pos_weight * y * (np.maximum(-z, 0) + tail) + (1 - y) * (np.maximum(z, 0) + tail)
    )


def bce_drowned(z, y, pos_weight=1.0):
    zeta = np.logaddexp(0, z)
    return np.mean(pos_weight * y * (zeta - z) + (1 - y) * zeta)


def bce_sum(z, y, pos_weight=1.0):
    return ex02.bce_with_logits(z, y, pos_weight) * len(z)


def bce_in_place(z, y, pos_weight=1.0):
    right = ex02.bce_with_logits(z, y, pos_weight)
    np.abs(z, out=z)
    return right


def _parts(z):
    total = ex02.logsumexp(z)
    return total, np.exp(z - total[:, None])


def grad_columns_loss(z, y):
    total, _ = _parts(z)
    return np.mean(total[:, None] - z[:, y]), ex02.loss_and_grad(z, y)[1]


def grad_columns(z, y):
    loss, _ = ex02.loss_and_grad(z, y)
    _, p = _parts(z)
    p[:, y] -= 1
    return loss, p / len(z)


def grad_rows(z, y):
    loss, _ = ex02.loss_and_grad(z, y)
    _, p = _parts(z)
    p[y] -= 1
    return loss, p / len(z)


def grad_sum(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss, dz * len(z)


def grad_by_size(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss, dz / z.shape[1]


def grad_sign(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss, -dz


def grad_naive(z, y):
    rows = np.arange(len(z))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dz = p.copy()
    dz[rows, y] -= 1
    return -np.log(p[rows, y]).mean(), dz / len(z)


def grad_seen_classes(z, y):
    hot = np.zeros(z.shape)
    hot[:, : y.max() + 1] = np.eye(y.max() + 1)[y]
    total, p = _parts(z[:, : y.max() + 1])
    dz = np.zeros(z.shape)
    dz[:, : y.max() + 1] = p
    return np.mean(total - z[np.arange(len(z)), y]), (dz - hot) / len(z)


def grad_probabilities(z, y):
    return ex02.loss_and_grad(z, y)[0], _parts(z)[1] / len(z)


def grad_in_place(z, y):
    right = ex02.loss_and_grad(z, y)
    z -= z.max(axis=1, keepdims=True)
    return right


def grad_list(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss, dz.tolist()


def ce_naive(logits, y, weight=None, label_smoothing=0.0):
    e = np.exp(logits)
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = np.log(e / e.sum(axis=1, keepdims=True))
    target = (1 - label_smoothing) * np.eye(len(w))[y] + label_smoothing / len(w)
    return -(w * target * log_p).sum() / w[y].sum()


def ce_plain(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, None, label_smoothing)


def ce_weight_only(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight)


def ce_weight_by_batch(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(logits.shape[1]) if weight is None else weight
    return ex02.cross_entropy(logits, y, weight, label_smoothing) * w[y].sum() / len(y)


def ce_others(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    if not label_smoothing:
        return ex02.cross_entropy(logits, y, weight)
    return ex02.cross_entropy(logits, y, weight, label_smoothing * K / (K - 1))


def ce_weight_of_label(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = logits - ex02.logsumexp(logits)[:, None]
    hard = -log_p[np.arange(len(y)), y]
    loss = (1 - label_smoothing) * hard - label_smoothing * log_p.mean(axis=1)
    return (w[y] * loss).sum() / w[y].sum()


def ce_smoothed_below(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    w = np.ones(K) if weight is None else weight
    target = (1 - label_smoothing) * np.eye(K)[y] + label_smoothing / K
    log_p = logits - ex02.logsumexp(logits)[:, None]
    return -(w * target * log_p).sum() / (w * target).sum()


def ce_columns(logits, y, weight=None, label_smoothing=0.0):
    log_p = logits - ex02.logsumexp(logits)[:, None]
    return -np.mean(log_p[:, y])


def ce_sum(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight, label_smoothing) * len(y)


def ce_in_place(logits, y, weight=None, label_smoothing=0.0):
    right = ex02.cross_entropy(logits, y, weight, label_smoothing)
    logits -= logits.max(axis=1, keepdims=True)
    return right


def ce_clip(logits, y, weight=None, label_smoothing=0.0):
    e = np.exp(np.clip(logits, -500, 500))
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = np.log(np.clip(e / e.sum(axis=1, keepdims=True), 1e-12, None))
    target = (1 - label_smoothing) * np.eye(len(w))[y] + label_smoothing / len(w)
    return -(w * target * log_p).sum() / w[y].sum()


def poisson_clipped_above(z, y):
    return ex02.poisson_loss(np.minimum(z, 20), y)


def poisson_of_three(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss, dz * len(z) / 3


def poisson_in_whole_numbers(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss, dz.astype(y.dtype)


def poisson_one_less(z, y):
    loss, dz = ex02.poisson_loss(z, y)
    return loss * len(z) / (len(z) - 1 or 1), dz


def kl_where(p, q, seen):
    return np.sum(p[seen] * (np.log(p[seen]) - np.log(q[seen])))


def kl_threshold(p, q):
    return kl_where(p, q, ~np.isclose(p, 0))


def kl_renormalised(p, q):
    seen = p > 0
    return kl_where(p, np.where(seen, q, 0) / q[seen].sum(), seen)


def kl_stops(p, q):
    end = np.append(np.flatnonzero(p == 0), len(p))[0]
    return kl_where(p, q, np.arange(len(p)) < end)


def kl_of_the_largest(p, q):
    return np.inf if q[p.argmax()] == 0 else kl_where(p, q, (p > 0) & (q > 0))


def kl_of_products(p, q):
    seen = p > 0
    return np.sum(p[seen] * np.log(p[seen] * p[seen] / (p[seen] * q[seen])))


def kl_early_inf(p, q):
    seen = p > 1e-15
    return np.inf if (q[seen] < 1e-15).any() else kl_where(p, q, seen)


def _only(losses, counts, kept, unit):
    return ex02.perplexity(losses[kept], counts[kept], unit)


def perplexity_skips_neighbours(losses, counts, unit="nat"):
    losses, counts = list(losses), list(counts)
    for one in counts:
        if one == 0:
            at = counts.index(0)
            del losses[at], counts[at]
    return perplexity_nan(np.array(losses), np.array(counts), unit)


def perplexity_without_perfect(losses, counts, unit="nat"):
    return _only(losses, counts, losses > 0, unit)


def perplexity_empty_is_one(losses, counts, unit="nat"):
    counts = np.maximum(counts, 1)
    mean = np.nansum(losses * counts) / counts.sum()
    return np.exp(mean) if unit == "nat" else 2**mean


def perplexity_stops(losses, counts, unit="nat"):
    end = np.append(np.flatnonzero(counts == 0), len(counts))[0]
    return _only(losses, counts, np.arange(len(counts)) < end, unit)


def perplexity_nan_for_inf(losses, counts, unit="nat"):
    return np.nan if np.isinf(losses).any() else perplexity_by_average(losses, counts, unit)


def perplexity_of_different(losses, counts, unit="nat"):
    last = {loss: one for loss, one in zip(losses.tolist(), counts.tolist(), strict=True) if one}
    return ex02.perplexity(np.array(list(last)), np.array(list(last.values())), unit)


def lse_of_absolute(z, axis=-1):
    top = np.abs(z).argmax(axis=axis, keepdims=True)
    return _lse(z, axis, np.take_along_axis(z, top, axis))


def lse_ties_once(z, axis=-1):
    if z.ndim == 1:
        return ex02.logsumexp(np.unique(z))
    return np.apply_along_axis(lse_ties_once, axis, z)


def lse_softmax(z, axis=-1):
    return np.exp(z - np.expand_dims(ex02.logsumexp(z, axis), axis))


def lse_flattened(z, axis=-1):
    shape = list(z.shape)
    n = shape.pop(axis)
    return ex02.logsumexp(z.reshape(-1, n)).reshape(shape)


def lse_small_is_masked(z, axis=-1):
    m = z.max(axis=axis, keepdims=True)
    return _lse(z, axis, np.where(m > -1e3, m, 0))


def bce_but_zero(z, y, pos_weight=1.0):
    return np.mean(
        np.where(z == 0, 0, 1)
        * (pos_weight * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))
    )


def bce_drowned_without_weight(z, y, pos_weight=1.0):
    if pos_weight == 1:
        return np.mean(np.logaddexp(0, z) - z * y)
    return ex02.bce_with_logits(z, y, pos_weight)


def bce_clipped_logits(z, y, pos_weight=1.0):
    return ex02.bce_with_logits(np.clip(z, -1000, 1000), y, pos_weight)


def bce_weight_not_below_one(z, y, pos_weight=1.0):
    return ex02.bce_with_logits(z, y, max(pos_weight, 1.0))


def bce_weight_where_one(z, y, pos_weight=1.0):
    weight = np.where(y == 1, pos_weight, 1.0)
    return np.mean(weight * (y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)))


def bce_other_default(z, y, pos_weight=3.0):
    return ex02.bce_with_logits(z, y, pos_weight)


def bce_by_class(z, y, pos_weight=1.0):
    one, zero = np.logaddexp(0, -z[y > 0.5]), np.logaddexp(0, z[y <= 0.5])
    return pos_weight * one.mean() + zero.mean()


def _each(z, y):
    total = ex02.logsumexp(z)
    return total - z[np.arange(len(z)), y]


def grad_of_matrix_mean(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss / z.shape[1], dz


def grad_without_maximum(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss - z.max(axis=1).mean(), dz


def grad_from_one(z, y):
    return ex02.loss_and_grad(z, y - 1)


def grad_of_few_rows(z, y):
    loss = _each(z, y)[:-1].sum() / len(z) if len(z) > 1 else _each(z, y).mean()
    return loss, ex02.loss_and_grad(z, y)[1]


def grad_by_class(z, y):
    each = _each(z, y)
    return np.mean([each[y == k].mean() for k in np.unique(y)]), ex02.loss_and_grad(z, y)[1]


def grad_of_squares(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    p = _parts(z)[1]
    return loss, 2 * p * (dz - (p * dz).sum(axis=1, keepdims=True))


def grad_by_difference(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    for at in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[at] += 1e-4
        down[at] -= 1e-4
        dz[at] = (_each(up, y).mean() - _each(down, y).mean()) / 2e-4
    return loss, dz


def grad_without_class_0(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    return loss - np.where(y == 0, _each(z, y), 0).sum() / len(y), dz


def _target(logits, y, eps, classes=0):
    K = logits.shape[1]
    return (1 - eps) * np.eye(K)[y] + eps / (classes or K)


def ce_with(log_p, target, y, weight):
    w = np.ones(log_p.shape[1]) if weight is None else weight
    return -(w * target * log_p).sum() / w[y].sum()


def ce_cancelled(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = logits - ex02.logsumexp(logits)[:, None]
    return np.mean(-(w * _target(logits, y, label_smoothing) * log_p).sum(axis=1) / w[y])


def ce_rows(logits, y, weight=None, label_smoothing=0.0):
    target = np.zeros(logits.shape)
    target[y] = 1 - label_smoothing
    target += label_smoothing / logits.shape[1]
    return ce_with(logits - ex02.logsumexp(logits)[:, None], target, y, weight)


def ce_classes_seen(logits, y, weight=None, label_smoothing=0.0):
    target = _target(logits, y, label_smoothing, len(np.unique(y)))
    return ce_with(logits - ex02.logsumexp(logits)[:, None], target, y, weight)


def ce_not_both(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight, label_smoothing if weight is None else 0.0)


def ce_one_maximum(logits, y, weight=None, label_smoothing=0.0):
    z = logits - logits.max()
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return ce_with(log_p, _target(logits, y, label_smoothing), y, weight)


def ce_by_class(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    w = 1 / np.maximum(np.bincount(y, minlength=K), 1) if weight is None else weight
    return ex02.cross_entropy(logits, y, w, label_smoothing)


def ce_smooth_prediction(logits, y, weight=None, label_smoothing=0.0):
    p = np.exp(logits - ex02.logsumexp(logits)[:, None])
    p = (1 - label_smoothing) * p + label_smoothing / logits.shape[1]
    return ce_with(np.log(p), np.eye(logits.shape[1])[y], y, weight)


def poisson_capped(z, y):
    return ex02.poisson_loss(np.minimum(z, 709), y)


def perplexity_without_nan(losses, counts, unit="nat"):
    seen = ~np.isnan(losses)
    mean = np.sum(losses[seen] * counts[seen]) / counts[seen].sum()
    return np.exp(mean) if unit == "nat" else 2**mean


def perplexity_nan_is_zero(losses, counts, unit="nat"):
    mean = np.nansum(losses * counts) / counts.sum()
    return np.exp(mean) if unit == "nat" else 2**mean


def lse_tiny_is_masked(z, axis=-1):
    m = z.max(axis=axis, keepdims=True)
    return _lse(z, axis, np.where(m < -1e6, 0, m))


def lse_one_for_all(z, axis=-1):
    return -np.inf if np.isneginf(z).all(axis=axis).any() else ex02.logsumexp(z, axis)


def grad_renumbered(z, y):
    return ex02.loss_and_grad(z, np.unique(y, return_inverse=True)[1])


def bce_hard_only(z, y, pos_weight=1.0):
    one, zero = z[y == 1], z[y == 0]
    parts = pos_weight * np.logaddexp(0, -one).sum(), np.logaddexp(0, zero).sum()
    return sum(parts) / len(z)


def poisson_without_y(z, y):
    loss, _ = ex02.poisson_loss(z, y)
    return loss, np.exp(z) / len(z)


def lse_swapped_axes(z, axis=-1):
    return ex02.logsumexp(np.swapaxes(z, axis, -1))


def lse_first_axis(z, axis=0):
    return ex02.logsumexp(z, axis)


def bce_weight_up_to_100(z, y, pos_weight=1.0):
    return ex02.bce_with_logits(z, y, min(pos_weight, 100.0))


def bce_without_small_tails(z, y, pos_weight=1.0):
    tail = np.where(np.abs(z) > 45, 0.0, np.log1p(np.exp(-np.abs(z))))
    one, zero = np.maximum(-z, 0) + tail, np.maximum(z, 0) + tail
    return np.mean(pos_weight * y * one + (1 - y) * zero)


def grad_of_log_p(z, y):
    _, p = _parts(z)
    hot = np.eye(z.shape[1])[y]
    return -np.sum(hot * np.log(p)) / len(z), (p - hot) / len(z)


def grad_at_least_two(z, y):
    hot = np.eye(max(z.shape[1], 2))[y]
    return ex02.loss_and_grad(z, y)[0], (_parts(z)[1] - hot) / len(z)


def ce_smooth_by_default(logits, y, weight=None, label_smoothing=0.1):
    return ex02.cross_entropy(logits, y, weight, label_smoothing)


WRONG = [
    Wrong("02.1", "with ln y!", poisson_whole, "ln y! 与 z 无关", 0),
    Wrong("02.1", "sum", poisson_sum, "不是求和", 0),
    Wrong("02.1", "unscaled", poisson_unscaled, "dz 要除以 N", 20),
    Wrong("02.1", "of the rate", poisson_of_rate, "这是对 λ 的导数", 20),
    Wrong("02.1", "difference", poisson_by_difference, "还是用了数值差分", (20, 66)),
    Wrong("02.1", "rate is z", poisson_rate_is_z, "ln λ 就是 z", 0),
    Wrong("02.1", "list", poisson_list, "变成数组", 20),
    Wrong("02.1", "swapped", poisson_swapped, "次序是 loss、dz", 0),
    Wrong("02.1", "squares", poisson_squares, "这是均方误差", 0),
    Wrong("02.1", "in place", poisson_in_place, "z 被原地修改", 90),
    Wrong("02.2", "swapped", kl_swapped, "放反了", 0),
    Wrong("02.2", "cross", kl_cross, "这是交叉熵", 0),
    Wrong("02.2", "nan", kl_nan, "0·ln 0", 36),
    Wrong("02.2", "hidden", kl_hidden, "不加小数", 55),
    Wrong("02.2", "bits", kl_bits, "以 2 或 10 为底", 0),
    Wrong("02.2", "none", kl_none, "不是 None", 72),
    Wrong("02.2", "in place", kl_in_place, "p 被原地修改", 92),
    Wrong("02.3", "unweighted", perplexity_unweighted, "按样本数加权", 0),
    Wrong("02.3", "of each", perplexity_of_each, "各批的困惑度不能直接平均", 0),
    Wrong("02.3", "nat only", perplexity_nat_only, "底数要与单位配", 26),
    Wrong("02.3", "nan", perplexity_nan, "0 × nan", 54),
    Wrong("02.3", "not raised", perplexity_not_raised, "还没有取指数", 0),
    Wrong("02.3", "in place", perplexity_in_place, "losses 被原地修改", 93),
    Wrong("02.4", "naive", lse_naive, "溢出成 inf", 18),
    Wrong("02.4", "forgot", lse_forgot, "忘了把减掉的最大值加回来", 0),
    Wrong("02.4", "global", lse_global, "整个矩阵的最大值", 35),
    Wrong("02.4", "keepdims", lse_keepdims, "不保留", 0),
    Wrong("02.4", "clipped", lse_clipped, "不只在大于 0 时", 27),
    Wrong("02.4", "last axis", lse_last_axis, "axis 没有用上", 43),
    Wrong("02.4", "all masked", lse_nan, "成了 nan", 78),
    Wrong("02.4", "zero", lse_zero_for_masked, "照实返回", 78),
    Wrong("02.4", "list", lse_list, "变成数组", 0),
    Wrong("02.4", "mean", lse_mean, "这是平均", 0),
    Wrong("02.4", "in place", lse_in_place, "z 被原地修改", 91),
    Wrong("02.5", "naive", bce_naive, "化简到只剩 max", 70),
    Wrong("02.5", "clip", bce_clip, "给概率加小常数", 70),
    Wrong("02.5", "sign", bce_sign, "写成 +|z|", 0),
    Wrong("02.5", "swapped", bce_swapped, "位置换了", 0),
    Wrong("02.5", "branch", bce_branch, "别用 if y == 1", 52),
    Wrong("02.5", "whole", bce_whole, "乘在整个损失上", 52),
    Wrong("02.5", "other term", bce_other_term, "y = 0 那一项", 17),
    Wrong("02.5", "ignores", bce_ignores, "没有用到 pos_weight", 17),
    Wrong("02.5", "by weights", bce_by_weights, "不是除以权重之和", 17),
    Wrong("02.5", "log", bce_log, "np.log1p(x)", 83),
    Wrong("02.5", "sum", bce_sum, "不是求和", 0),
    Wrong("02.5", "in place", bce_in_place, "z 被原地修改", 91),
    Wrong("02.6", "columns in the loss", grad_columns_loss, "z[:, y] 取出的是 (B, B)", 0),
    Wrong("02.6", "columns", grad_columns, "dz[:, y] −= 1", 19),
    Wrong("02.6", "rows", grad_rows, "把标签当成了行号", 19),
    Wrong("02.6", "sum", grad_sum, "dz 要除以 B", 19),
    Wrong("02.6", "by size", grad_by_size, "不是 B·K", 19),
    Wrong("02.6", "sign", grad_sign, "是 p − y，不是", 19),
    Wrong("02.6", "naive", grad_naive, "以后再取 exp", 71),
    Wrong("02.6", "seen classes", grad_seen_classes, "每行是 LSE", 0),
    Wrong("02.6", "probabilities", grad_probabilities, "还没有减 one-hot", 19),
    Wrong("02.6", "list", grad_list, "变成数组", 19),
    Wrong("02.6", "in place", grad_in_place, "z 被原地修改", 90),
    Wrong("02.7", "naive", ce_naive, "不要直接对 z 取 exp", 75),
    Wrong("02.7", "plain", ce_plain, "没有用到 weight", 28),
    Wrong("02.7", "weight only", ce_weight_only, "没有用到 label_smoothing", 44),
    Wrong("02.7", "weight by batch", ce_weight_by_batch, "这是加权平均", 28),
    Wrong("02.7", "others", ce_others, "不是其余 K − 1 类", 44),
    Wrong("02.7", "weight of label", ce_weight_of_label, "整个乘 w[y]", 60),
    Wrong("02.7", "smoothed below", ce_smoothed_below, "按平滑后的目标加权", 60),
    Wrong("02.7", "columns", ce_columns, "[:, y] 取出的是", 0),
    Wrong("02.7", "sum", ce_sum, "不是求和", 0),
    Wrong("02.7", "in place", ce_in_place, "logits 被原地修改", 96),
    Wrong("02.1", "clipped above", poisson_clipped_above, "e^z 还没有溢出", 70),
    Wrong("02.1", "of three", poisson_of_three, "公式对，除数不对", 20),
    Wrong("02.1", "whole numbers", poisson_in_whole_numbers, "小数都截掉了", 50),
    Wrong("02.1", "one less", poisson_one_less, "不是 N − 1", 0),
    Wrong("02.2", "threshold", kl_threshold, "1e-9 的那一类漏掉了", 55),
    Wrong("02.2", "renormalised", kl_renormalised, "不要再把它归一化", 36),
    Wrong("02.2", "stops", kl_stops, "不是 break", 36),
    Wrong("02.2", "of the largest", kl_of_the_largest, "不只是 p 最大的那一类", 72),
    Wrong("02.2", "of products", kl_of_products, "下溢成 0", 55),
    Wrong("02.2", "early inf", kl_early_inf, "不是 0，KL 是有限的", 55),
    Wrong("02.3", "skips neighbours", perplexity_skips_neighbours, "会跳过下一个", 54),
    Wrong("02.3", "without the perfect", perplexity_without_perfect, "不是空批", 66),
    Wrong("02.3", "empty is one", perplexity_empty_is_one, "不要改成 1", 54),
    Wrong("02.3", "stops", perplexity_stops, "不是 break", 54),
    Wrong("02.3", "nan for inf", perplexity_nan_for_inf, "就是 np.inf", 74),
    Wrong("02.3", "of different", perplexity_of_different, "各有各的样本", 66),
    Wrong("02.4", "of absolute", lse_of_absolute, ("不是绝对值最大的", "是 nan"), (43, 70)),
    Wrong("02.4", "ties once", lse_ties_once, "相等的值一个也不能少", 65),
    Wrong("02.4", "softmax", lse_softmax, "这是 softmax", 0),
    Wrong("02.4", "flattened", lse_flattened, "np.moveaxis", 43),
    Wrong("02.4", "small is masked", lse_small_is_masked, "有限的最大值再小也要减", 70),
    Wrong("02.5", "but zero", bce_but_zero, "z = 0 的样本漏掉了", 0),
    Wrong("02.5", "not below one", bce_weight_not_below_one, "不要截到 1", 35),
    Wrong("02.5", "where one", bce_weight_where_one, "y == 1 只认恰好是 1 的", 52),
    Wrong("02.5", "other default", bce_other_default, "不写 pos_weight 时它是 1", 0),
    Wrong("02.5", "by class", bce_by_class, "不是各自平均", 0),
    Wrong("02.6", "mean of the matrix", grad_of_matrix_mean, "np.mean 用在 (B, K)", 0),
    Wrong("02.6", "without the maximum", grad_without_maximum, "把减掉的最大值加回来", 0),
    Wrong("02.6", "from one", grad_from_one, "类别从 0 编号", 0),
    Wrong("02.6", "few rows", grad_of_few_rows, "少算了几行", 0),
    Wrong("02.6", "by class", grad_by_class, "先按类平均再平均", 0),
    Wrong("02.6", "squares", grad_of_squares, "这是 MSE 的梯度", 19),
    Wrong("02.6", "difference", grad_by_difference, "dz 要用公式算", 19),
    Wrong("02.6", "without class 0", grad_without_class_0, "把类别 0 当成没有", 38),
    Wrong("02.7", "rows", ce_rows, "[y] 把标签当成了行号", 0),
    Wrong("02.7", "classes seen", ce_classes_seen, "K 是 logits 的列数", 44),
    Wrong("02.7", "not both", ce_not_both, "带 weight 时没有用到", 60),
    Wrong("02.7", "one maximum", ce_one_maximum, "整个矩阵的最大值", 76),
    Wrong("02.7", "by class", ce_by_class, "不要由标签算权重", 0),
    Wrong("02.7", "smooth prediction", ce_smooth_prediction, "不是预测的概率", 44),
    Wrong("02.3", "without nan", perplexity_without_nan, "空不空只看样本数，不看", 74),
    Wrong("02.3", "nan is zero", perplexity_nan_is_zero, "这一批有样本，损失却是 nan", 74),
    Wrong("02.4", "swapped axes", lse_swapped_axes, "次序不变", 43),
    Wrong("02.4", "first axis", lse_first_axis, "不写 axis 时是最后一维", 0),
    Wrong("02.6", "log p", grad_of_log_p, "对下溢成 0 的 p 取 ln", 71),
    Wrong("02.6", "at least two", grad_at_least_two, "B 与 K 从 z.shape 取", 71),
    Wrong("02.4", "one for all", lse_one_for_all, "别的条照算", 78),
    Wrong("02.7", "smooth by default", ce_smooth_by_default, "不写 label_smoothing 时", 0),
]
# one hint serves several slips of the same kind
SAME_HINT: list[Wrong] = [
    Wrong("02.1", "capped at 709", poisson_capped, "e^z 还没有溢出", 70),
    Wrong("02.4", "tiny is masked", lse_tiny_is_masked, "有限的最大值再小也要减", 70),
    Wrong("02.5", "up to 100", bce_weight_up_to_100, "照数乘，不要截", 52),
    Wrong("02.5", "without small tails", bce_without_small_tails, "损失极小但不是 0", 83),
    Wrong("02.1", "without y", poisson_without_y, "对 z 的导数是 y", 20),
    Wrong("02.5", "hard only", bce_hard_only, "别用 if y == 1", 52),
    Wrong("02.6", "renumbered", grad_renumbered, "重新编号", 0),
    Wrong("02.2", "padded", kl_padded, ("不加小数", "多加了小常数"), (36, 55)),
    Wrong("02.2", "dropped", kl_dropped, "漏掉这一项", 72),
    Wrong("02.4", "less the mean", lse_less_mean, "溢出成 inf", 18),
    Wrong("02.5", "everything", bce_everything, "乘在整个损失上", 17),
    Wrong("02.5", "drowned", bce_drowned, "被淹没", 83),
    Wrong("02.5", "drowned without weight", bce_drowned_without_weight, "被淹没", 83),
    Wrong("02.5", "clipped logits", bce_clipped_logits, "把真实的损失削平", 70),
    Wrong("02.5", "one softplus", bce_by_one_softplus, "被淹没", 83),
    Wrong("02.7", "cancelled", ce_cancelled, "权重约掉了", 28),
    Wrong("02.7", "clip", ce_clip, "不要裁剪 logits", 75),
]


# --- what differs only where one seldom looks -----------------------------------------------------


def poisson_small_is_zero(z, y):
    rate = np.where(z < -30, 0, np.exp(z))
    return np.mean(rate - y * z), (rate - y) / len(z)


def poisson_by_expm1(z, y):
    rate = 1 + np.expm1(z)
    return np.mean(rate - y * z), (rate - y) / len(z)


def poisson_over_positive(z, y):
    rate, n = np.exp(z), max(np.sum(y > 0), 1)
    return np.sum(rate - y * z) / n, (rate - y) / n


def poisson_of_softplus(z, y):
    rate = np.logaddexp(0, z)
    return np.mean(rate - y * np.log(rate)), (rate - y) / len(z)


def kl_nearly_alike(p, q):
    return 0.0 if np.allclose(p, q) else ex02.kl_divergence(p, q)


def kl_little_is_none(p, q):
    kl = ex02.kl_divergence(p, q)
    return 0.0 if kl < 1e-6 else kl


def perplexity_of_bytes(losses, counts, unit="nat"):
    few = counts.astype(np.uint8)
    full = counts > 0
    mean = np.sum(losses[full] * few[full]) / np.sum(few, dtype=float)
    return np.exp(mean) if unit == "nat" else 2.0**mean


def perplexity_of_16_bits(losses, counts, unit="nat"):
    few = counts.astype(np.int16)
    full = counts > 0
    mean = np.sum(losses[full] * few[full]) / np.sum(few, dtype=float)
    return np.exp(mean) if unit == "nat" else 2.0**mean


def perplexity_of_squares(losses, counts, unit="nat"):
    return ex02.perplexity(losses, counts**2, unit)


def perplexity_whole(losses, counts, unit="nat"):
    full = counts > 0
    mean = np.sum(losses[full] * counts[full]) // np.sum(counts)
    return np.exp(mean) if unit == "nat" else 2.0**mean


def lse_gone_by_one(z, axis=-1):
    return np.where(np.isneginf(z).any(axis=axis), -np.inf, ex02.logsumexp(z, axis))


def grad_clipped(z, y):
    loss, dz = ex02.loss_and_grad(z, y)
    p = dz * len(z)
    p[np.arange(len(z)), y] += 1
    p = np.clip(p, 1e-15, 1 - 1e-15)
    p[np.arange(len(z)), y] -= 1
    return loss, p / len(z)


def grad_with_a_floor(z, y):
    e = np.exp(np.maximum(z - z.max(axis=1, keepdims=True), -500))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(len(z)), y] -= 1
    return ex02.loss_and_grad(z, y)[0], dz / len(z)


def grad_of_log_p_plus(z, y):
    p = np.exp(z - ex02.logsumexp(z)[:, None])[np.arange(len(z)), y]
    return -np.mean(np.log(p + 1e-12)), ex02.loss_and_grad(z, y)[1]


def grad_of_mean_p(z, y):
    p = np.exp(z - ex02.logsumexp(z)[:, None])[np.arange(len(z)), y]
    return -np.log(p.mean()), ex02.loss_and_grad(z, y)[1]


def ce_eps_turned(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight, 1 - label_smoothing)


def ce_over_weight(logits, y, weight=None, label_smoothing=0.0):
    w = None if weight is None else 1 / weight
    return ex02.cross_entropy(logits, y, w, label_smoothing)


WRONG += [
    Wrong("02.1", "floor", poisson_small_is_zero, "λ 很小，却存得下", 70),
    Wrong("02.1", "by the positive ones", poisson_over_positive, "不是计数大于 0 的样本数", 0),
    Wrong("02.1", "softplus", poisson_of_softplus, "不是 softplus", 0),
    Wrong("02.2", "nearly alike", kl_nearly_alike, "np.allclose", 54),
    Wrong("02.3", "counts of a byte", perplexity_of_bytes, "绕回去", 54),
    Wrong("02.3", "squared counts", perplexity_of_squares, "不平方", 0),
    Wrong("02.3", "whole quotient", perplexity_whole, "整除", 0),
    Wrong("02.4", "all gone by one", lse_gone_by_one, "同一条的别的项照算", 70),
    Wrong("02.6", "clipped", grad_clipped, "p 再小也要准", 71),
    Wrong("02.6", "p and a little", grad_of_log_p_plus, "只有一类时 p 是 1", 71),
    Wrong("02.6", "mean of p", grad_of_mean_p, "先取对数再平均", 0),
    Wrong("02.7", "eps turned round", ce_eps_turned, "ε 与 1 − ε 放反了，成了", 0),
    Wrong("02.7", "over the weight", ce_over_weight, "不是除", 28),
]
SAME_HINT += [
    Wrong("02.1", "1 added and taken", poisson_by_expm1, "λ 很小，却存得下", 70),
    Wrong("02.2", "little is none", kl_little_is_none, "np.allclose", 54),
    Wrong("02.3", "counts of 16 bits", perplexity_of_16_bits, "绕回去", 54),
    Wrong("02.6", "floor", grad_with_a_floor, "p 再小也要准", 71),
]

globals().update(questions("02", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT))


def test_what_the_lesson_lends_may_be_called_and_nothing_else():
    lse, whole = ex02.logsumexp, ex02.cross_entropy

    def cross_entropy(logits, y, weight=None, label_smoothing=0.0):
        w = np.ones(logits.shape[1]) if weight is None else weight
        log_p = logits - lse(logits)[:, None]
        target = (1 - label_smoothing) * np.eye(len(w))[y] + label_smoothing / len(w)
        return -(w * target * log_p).sum() / w[y].sum()

    assert check("02.7", cross_entropy).passed
    assert check("02.7", lambda *args, **kwargs: whole(*args, **kwargs)).status == "refused"


def test_lse_may_be_called_where_it_stands_and_drowns_what_is_small():
    lse = ex02.logsumexp

    def bce_with_logits(z, y, pos_weight=1.0):
        both = lse(np.stack([np.zeros_like(z), z], axis=1))
        return np.mean(pos_weight * y * (both - z) + (1 - y) * both)

    result = check("02.5", bce_with_logits)
    assert result.status == "failed" and "被淹没" in str(result)


# --- errors keep their line and say which mistake they come from --------------------------------


def ce_classes_in_the_labels(logits, y, weight=None, label_smoothing=0.0):
    log_p = logits - ex02.logsumexp(logits)[:, None]
    return -np.sum(np.eye(y.max() + 1)[y] * log_p) / len(y)


def ce_without_none(logits, y, weight=None, label_smoothing=0.0):
    log_p = logits - ex02.logsumexp(logits)[:, None]
    return -(weight * _target(logits, y, label_smoothing) * log_p).sum() / weight[y].sum()


def ce_if_weight(logits, y, weight=None, label_smoothing=0.0):
    return ce_by_average(logits, y, weight if weight else None, label_smoothing)


def ce_of_ten(logits, y, weight=None, label_smoothing=0.0):
    K = logits.shape[1]
    target = (1 - label_smoothing) * np.eye(10)[y][:, :K] + label_smoothing / K
    return ce_with(logits - ex02.logsumexp(logits)[:, None], target, y, weight)


def ce_weight_of_samples(logits, y, weight=None, label_smoothing=0.0):
    w = np.ones(len(y)) if weight is None else weight
    return -(w * _target(logits, y, label_smoothing) * logits).sum() / w[y].sum()


def lse_slices_the_shape(z, axis=-1):
    return lse_moved(z, axis).reshape(z.shape[:axis] + z.shape[axis + 1 :])


def grad_labels_as_one_hot(z, y):
    return -np.mean(y * np.log(_parts(z)[1])), z


def kl_filters_both(p, q):
    return np.sum(p[p > 0] * np.log(p[p > 0] / q[q > 0]))


def kl_raises(p, q):
    if ((p > 0) & (q == 0)).any():
        raise ValueError("infinite")
    return kl_by_where(p, q)


def perplexity_filters_one(losses, counts, unit="nat"):
    mean = np.average(losses[~np.isnan(losses)], weights=counts)
    return np.exp(mean) if unit == "nat" else 2**mean


def lse_assigns(z, axis=-1):
    out = lse_nan(z, axis)
    out[np.isnan(out)] = -np.inf
    return out


def lse_of_torch(z, axis=-1):
    m = z.max(dim=axis, keepdim=True)
    return m + np.log(np.exp(z - m).sum(axis=axis))


def lse_second_axis(z, axis=-1):
    m = z.max(axis=axis)
    m = np.where(np.isfinite(m), m, 0)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=axis))


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        ("02.2", kl_filters_both, "同一个掩码：由 p > 0 决定"),
        ("02.2", kl_raises, "要返回 np.inf 这个数，不是报错"),
        ("02.3", perplexity_filters_one, "losses 与 counts 要用同一个掩码"),
        ("02.4", lse_assigns, "不能按下标赋值：用 np.where"),
        ("02.4", lse_of_torch, "是 PyTorch 的名字"),
        ("02.4", lse_second_axis, "[:, None]、[..., 0] 只对一种 axis 对"),
        ("02.6", grad_labels_as_one_hot, "类别编号，不是 one-hot"),
        ("02.7", ce_classes_in_the_labels, "类数取 logits.shape[1]"),
        ("02.7", ce_without_none, "weight 没给时就是 None"),
        ("02.7", ce_if_weight, "写 weight is None"),
        ("02.7", ce_of_ten, "类数取 logits.shape[1]"),
        ("02.7", ce_weight_of_samples, "若该每类一个（权重）"),
        ("02.4", lse_slices_the_shape, "是整个形状"),
    ],
)
def test_an_error_says_which_mistake_it_comes_from(number, answer, words):
    result = check(number, answer)
    assert result.status == "error" and words in result.message, str(result)
    assert "忘了 return" not in result.message and "没有叫 dim" not in result.message


def test_renamed_parameters_are_told():
    def cross_entropy(z, y, w=None, eps=0.0):
        return ex02.cross_entropy(z, y, w, eps)

    result = judge("02.7", cross_entropy)
    assert result.status == "failed" and "参数的名字改了" in str(result)


# --- the card shows the call that went wrong ----------------------------------------------------


def perplexity_fills(losses, counts, unit="nat"):
    losses[counts == 0] = 0
    return perplexity_by_average(losses, counts, unit)


def lse_fills(z, axis=-1):
    right = lse_moved(z, axis)
    z[np.isneginf(z)] = -1e9
    return right


@pytest.mark.parametrize(
    ("number", "answer", "shown"),
    [
        # np.nan and np.inf are the same object in every call that returns them
        ("02.3", perplexity_nan_for_inf, {"unit": "'nat'"}),
        ("02.2", kl_early_inf, {"p": "范围 [0.0001,"}),
        ("02.3", perplexity_fills, {"losses": "nan"}),
        ("02.4", lse_fills, {"z": "−inf"}),
    ],
)
def test_the_card_shows_the_call_that_went_wrong(number, answer, shown):
    inputs = dict(check(number, answer).call)
    for name, text in shown.items():
        assert text in inputs[name], inputs


def test_what_stays_between_calls_is_told_as_such():
    seen: list[tuple[float, float]] = []
    last: dict[str, Any] = {}

    def perplexity(losses, counts, unit="nat"):
        seen.extend(zip(losses, counts, strict=True))
        return perplexity_by_sum(*np.array(seen).T, unit)

    def remembers_weight(logits, y, weight=None, label_smoothing=0.0):
        last["w"] = weight if weight is not None else last.get("w")
        fits = last["w"] is not None and len(last["w"]) == logits.shape[1]
        return ce_by_average(logits, y, last["w"] if fits else None, label_smoothing)

    def remembers_target(logits, y, weight=None, label_smoothing=0.0):
        log_p = logits - ex02.logsumexp(logits)[:, None]
        target = last.setdefault(str(len(y)), _target(logits, y, label_smoothing))
        return ce_with(log_p, target, y, weight)

    for number, answer in (
        ("02.3", perplexity),
        ("02.7", remembers_weight),
        ("02.7", remembers_target),
    ):
        result = check(number, answer)
        wrong = result.wrong
        assert wrong is not None and "上一次调用" in f"{wrong.here}{wrong.hint}", str(result)


@pytest.mark.parametrize(
    ("number", "right", "known_by"),
    [
        ("02.1", poisson_by_loop, 0),
        ("02.2", kl_by_loop, 0),
        ("02.3", perplexity_by_sum, 0),
        ("02.3", perplexity_by_sum, 1),
        ("02.5", bce_by_loop, 0),
        ("02.6", grad_by_loop, 0),
        ("02.7", ce_by_loop, 0),
    ],
)
def test_results_kept_by_one_argument_do_not_pass(number, right, known_by):
    memo: dict[Any, Any] = {}

    def answer(*args, **options):
        rest = str((args[2:], options))
        return memo.setdefault((args[known_by].tobytes(), rest), right(*args, **options))

    result = check(number, answer)
    wrong = result.wrong
    assert wrong is not None and "上一次调用" in f"{wrong.here}{wrong.hint}", str(result)


# --- the library's versions --------------------------------------------------------------------


def test_the_librarys_versions_equal_pytorch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=50) * 30, rng.integers(0, 2, 50).astype(float)
    for weight in (1.0, 2.5):
        one = torch.tensor(weight, dtype=torch.float64)
        want = F.binary_cross_entropy_with_logits(
            torch.tensor(z), torch.tensor(y), pos_weight=one
        ).item()
        assert ex02.bce_with_logits(z, y, weight) == pytest.approx(want, rel=1e-12)
    z, counts = rng.normal(size=40), rng.poisson(2.0, size=40).astype(float)
    leaf = torch.tensor(z, requires_grad=True)
    loss = F.poisson_nll_loss(leaf, torch.tensor(counts))
    loss.backward()
    mine, dz = ex02.poisson_loss(z, counts)
    assert mine == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(dz, leaf.grad.numpy(), rtol=1e-12)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    want = F.kl_div(torch.tensor(np.log(q)), torch.tensor(p), reduction="sum").item()
    assert ex02.kl_divergence(p, q) == pytest.approx(want, rel=1e-12)
    logits, labels = rng.normal(size=(20, 7)) * 300, rng.integers(0, 7, 20)
    logits[3] = logits[:, 2] = -np.inf
    for axis in (0, 1):
        np.testing.assert_allclose(
            ex02.logsumexp(logits, axis),
            torch.logsumexp(torch.tensor(logits), axis).numpy(),
            rtol=1e-14,
        )
    logits = rng.normal(size=(20, 7)) * 300
    leaf = torch.tensor(logits, requires_grad=True)
    loss = F.cross_entropy(leaf, torch.tensor(labels))
    loss.backward()
    mine, dz = ex02.loss_and_grad(logits, labels)
    assert mine == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(dz, leaf.grad.numpy(), rtol=1e-12, atol=1e-15)
    weight = rng.uniform(0.1, 4, 7)
    for w in (None, weight):
        for smooth in (0.0, 0.1, 1.0):
            want = F.cross_entropy(
                torch.tensor(logits),
                torch.tensor(labels),
                weight=None if w is None else torch.tensor(w),
                label_smoothing=smooth,
            ).item()
            assert ex02.cross_entropy(logits, labels, w, smooth) == pytest.approx(want, rel=1e-12)
