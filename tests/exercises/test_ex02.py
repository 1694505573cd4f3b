"""Chapter 02: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aigc_course.exercises import check, ex02
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


WRONG = [
    Wrong("02.1", "with ln y!", poisson_whole, "ln y! 与 z 无关", 0),
    Wrong("02.1", "sum", poisson_sum, "不是求和", 0),
    Wrong("02.1", "unscaled", poisson_unscaled, "dz 要除以 N", 22),
    Wrong("02.1", "of the rate", poisson_of_rate, "这是对 λ 的导数", 22),
    Wrong("02.1", "difference", poisson_by_difference, "还是用了数值差分", (20, 66)),
    Wrong("02.1", "rate is z", poisson_rate_is_z, "ln λ 就是 z", 0),
    Wrong("02.1", "list", poisson_list, "变成数组", 22),
    Wrong("02.1", "swapped", poisson_swapped, "次序是 loss、dz", 0),
    Wrong("02.1", "squares", poisson_squares, "这是均方误差", 0),
    Wrong("02.1", "in place", poisson_in_place, "z 被原地修改", 88),
    Wrong("02.2", "swapped", kl_swapped, "放反了", 0),
    Wrong("02.2", "cross", kl_cross, "这是交叉熵", 0),
    Wrong("02.2", "nan", kl_nan, "0·ln 0", 36),
    Wrong("02.2", "hidden", kl_hidden, "位数不够", 55),
    Wrong("02.2", "bits", kl_bits, "以 2 或 10 为底", 0),
    Wrong("02.2", "none", kl_none, "不是 None", 72),
    Wrong("02.2", "in place", kl_in_place, "p 被原地修改", 92),
    Wrong("02.3", "unweighted", perplexity_unweighted, "按样本数加权", 0),
    Wrong("02.3", "of each", perplexity_of_each, "各批的困惑度不能直接平均", 0),
    Wrong("02.3", "nat only", perplexity_nat_only, "底数要与单位配", 28),
    Wrong("02.3", "nan", perplexity_nan, "0 × nan", 57),
    Wrong("02.3", "not raised", perplexity_not_raised, "还没有取指数", 0),
    Wrong("02.3", "in place", perplexity_in_place, "losses 被原地修改", 93),
    Wrong("02.4", "naive", lse_naive, "溢出成 inf", 18),
    Wrong("02.4", "forgot", lse_forgot, "忘了把减掉的最大值加回来", 0),
    Wrong("02.4", "global", lse_global, "整个矩阵的最大值", 36),
    Wrong("02.4", "keepdims", lse_keepdims, "不保留", 0),
    Wrong("02.4", "clipped", lse_clipped, "只在大于 0 时减", 27),
    Wrong("02.4", "last axis", lse_last_axis, "axis 没有用上", 45),
    Wrong("02.4", "all masked", lse_nan, "成了 nan", 77),
    Wrong("02.4", "zero", lse_zero_for_masked, "照实返回", 77),
    Wrong("02.4", "list", lse_list, "变成数组", 0),
    Wrong("02.4", "mean", lse_mean, "这是平均", 0),
    Wrong("02.4", "in place", lse_in_place, "z 被原地修改", 90),
    Wrong("02.5", "naive", bce_naive, "化简到只剩 max", 63),
    Wrong("02.5", "clip", bce_clip, "裁剪概率", 63),
    Wrong("02.5", "sign", bce_sign, "写成 +|z|", 0),
    Wrong("02.5", "swapped", bce_swapped, "位置换了", 0),
    Wrong("02.5", "branch", bce_branch, "别用 if y == 1", 42),
    Wrong("02.5", "whole", bce_whole, "乘在整个损失上", 42),
    Wrong("02.5", "other term", bce_other_term, "y = 0 那一项", 21),
    Wrong("02.5", "ignores", bce_ignores, "没有用到 pos_weight", 21),
    Wrong("02.5", "by weights", bce_by_weights, "不是除以权重之和", 21),
    Wrong("02.5", "log", bce_log, "np.log1p(x)", 80),
    Wrong("02.5", "sum", bce_sum, "不是求和", 0),
    Wrong("02.5", "in place", bce_in_place, "z 被原地修改", 90),
    Wrong("02.6", "columns in the loss", grad_columns_loss, "z[:, y] 取出的是 (B, B)", 0),
    Wrong("02.6", "columns", grad_columns, "dz[:, y] −= 1", 20),
    Wrong("02.6", "rows", grad_rows, "把标签当成了行号", 20),
    Wrong("02.6", "sum", grad_sum, "dz 要除以 B", 20),
    Wrong("02.6", "by size", grad_by_size, "不是 B·K", 20),
    Wrong("02.6", "sign", grad_sign, "是 p − y，不是", 20),
    Wrong("02.6", "naive", grad_naive, "以后再取 exp", 70),
    Wrong("02.6", "seen classes", grad_seen_classes, "每行是 LSE", 0),
    Wrong("02.6", "probabilities", grad_probabilities, "还没有减 one-hot", 20),
    Wrong("02.6", "list", grad_list, "变成数组", 20),
    Wrong("02.6", "in place", grad_in_place, "z 被原地修改", 89),
    Wrong("02.7", "naive", ce_naive, "不要先算 softmax", 75),
    Wrong("02.7", "plain", ce_plain, "没有用到 weight", 25),
    Wrong("02.7", "weight only", ce_weight_only, "没有用到 label_smoothing", 41),
    Wrong("02.7", "weight by batch", ce_weight_by_batch, "这是加权平均", 25),
    Wrong("02.7", "others", ce_others, "不是其余 K − 1 类", 41),
    Wrong("02.7", "weight of label", ce_weight_of_label, "整个乘 w[y]", 58),
    Wrong("02.7", "smoothed below", ce_smoothed_below, "按平滑后的目标加权", 58),
    Wrong("02.7", "columns", ce_columns, "log_p[:, y]", 0),
    Wrong("02.7", "sum", ce_sum, "不是求和", 0),
    Wrong("02.7", "in place", ce_in_place, "logits 被原地修改", 96),
]
# one hint serves several slips of the same kind
SAME_HINT: list[Wrong] = [
    Wrong("02.2", "padded", kl_padded, "不要设门槛", 55),
    Wrong("02.2", "dropped", kl_dropped, "漏掉这一项", 72),
    Wrong("02.4", "less the mean", lse_less_mean, "溢出成 inf", 18),
    Wrong("02.5", "everything", bce_everything, "乘在整个损失上", 21),
    Wrong("02.5", "drowned", bce_drowned, "被淹没", 80),
    Wrong("02.5", "one softplus", bce_by_one_softplus, "被淹没", 80),
    Wrong("02.7", "clip", ce_clip, "不要先算 softmax", 75),
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
