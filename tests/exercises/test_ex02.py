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


def huber_by_smaller_part(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    near = np.minimum(r, delta)
    return np.mean(0.5 * near**2 + delta * (r - near))


def huber_by_loop(y_hat, y, delta=1.0):
    total = 0.0
    for a, b in zip(y_hat, y, strict=True):
        r = abs(a - b)
        total += r * r / 2 if r < delta else delta * r - delta * delta / 2
    return total / len(y)


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


def lse_by_rows(z):
    rows = [row.max() + math.log(sum(math.exp(v - row.max()) for v in row)) for row in z]
    return np.array(rows)


def lse_by_einsum(z):
    m = np.amax(z, axis=1)
    return np.log(np.einsum("bk->b", np.exp((z.T - m).T))) + m


def bce_by_two_cases(z, y):
    tail = np.log1p(np.exp(-np.abs(z)))
    positive = np.where(z > 0, tail, tail - z)  # of a 1
    negative = np.where(z > 0, tail + z, tail)  # of a 0
    return (y * positive + (1 - y) * negative).mean()


def bce_by_loop(z, y):
    terms = [(max(a, 0) - a * b) + math.log1p(math.exp(-abs(a))) for a, b in zip(z, y, strict=True)]
    return math.fsum(terms) / len(terms)


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
    ("02.1", huber_by_smaller_part),
    ("02.1", huber_by_loop),
    ("02.2", kl_by_loop),
    ("02.2", kl_by_where),
    ("02.2", kl_by_entropies),
    ("02.3", lse_by_rows),
    ("02.3", lse_by_einsum),
    ("02.3", lambda z: np.logaddexp.reduce(z, axis=1)),
    ("02.4", bce_by_two_cases),
    ("02.4", bce_by_loop),
    ("02.4", lambda z, y: np.mean(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))),
    ("02.5", ce_by_loop),
    ("02.5", ce_by_average),
]


# --- typical mistakes --------------------------------------------------------------------------


def huber_gap(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    return np.mean(np.where(r <= delta, 0.5 * r**2, delta * r))


def huber_no_half(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    return np.mean(np.where(r <= delta, r**2, delta * (r - 0.5 * delta)))


def huber_signed(y_hat, y, delta=1.0):
    r = y_hat - y
    return np.mean(np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta)))


def huber_fixed(y_hat, y, delta=1.0):
    return ex02.huber_loss(y_hat, y, 1.0)


def huber_sum(y_hat, y, delta=1.0):
    return ex02.huber_loss(y_hat, y, delta) * len(y)


def huber_each(y_hat, y, delta=1.0):
    r = np.abs(y_hat - y)
    return np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))


def huber_in_place(y_hat, y, delta=1.0):
    y_hat -= y
    return ex02.huber_loss(y_hat, np.zeros_like(y), delta)


def kl_swapped(p, q):
    return ex02.kl_divergence(q, p)


def kl_cross(p, q):
    return -np.sum(p * np.log(q))


def kl_nan(p, q):
    return np.sum(p * np.log(p / q))


def kl_hidden(p, q):
    seen = p > 0
    return np.sum(p[seen] * np.log((p[seen]) / (q[seen] + 1e-300)))


def kl_bits(p, q):
    return ex02.kl_divergence(p, q) / np.log(2)


def lse_naive(z):
    return np.log(np.exp(z).sum(axis=1))


def lse_less_mean(z):
    m = z.mean(axis=1)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))


def lse_forgot(z):
    m = z.max(axis=1, keepdims=True)
    return np.log(np.exp(z - m).sum(axis=1))


def lse_global(z):
    m = z.max()
    return m + np.log(np.exp(z - m).sum(axis=1))


def lse_keepdims(z):
    return ex02.logsumexp(z)[:, None]


def lse_clipped(z):
    m = np.maximum(z.max(axis=1), 0)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))


def bce_naive(z, y):
    s = 1 / (1 + np.exp(-z))
    return -np.mean(y * np.log(s) + (1 - y) * np.log(1 - s))


def bce_clip(z, y):
    s = np.clip(1 / (1 + np.exp(-z)), 1e-12, 1 - 1e-12)
    return -np.mean(y * np.log(s) + (1 - y) * np.log(1 - s))


def bce_sign(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(np.abs(z))))


def bce_swapped(z, y):
    return ex02.bce_with_logits(z, 1 - y)


def bce_branch(z, y):
    return np.mean(np.where(y == 1, np.logaddexp(0, -z), np.logaddexp(0, z)))


def bce_log(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z))))


def bce_sum(z, y):
    return ex02.bce_with_logits(z, y) * len(z)


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


def ce_sum(logits, y, weight=None, label_smoothing=0.0):
    return ex02.cross_entropy(logits, y, weight, label_smoothing) * len(y)


def lse_in_place(z):
    m = z.max(axis=1)
    z -= m[:, None]
    return m + np.log(np.exp(z).sum(axis=1))


def bce_in_place(z, y):
    right = ex02.bce_with_logits(z, y)
    np.abs(z, out=z)
    return right


def kl_in_place(p, q):
    right = ex02.kl_divergence(p, q)
    p[p == 0] = 1.0
    return right


def ce_in_place(logits, y, weight=None, label_smoothing=0.0):
    right = ex02.cross_entropy(logits, y, weight, label_smoothing)
    logits -= logits.max(axis=1, keepdims=True)
    return right


def huber_smooth_l1(y_hat, y, delta=1.0):
    return ex02.huber_loss(y_hat, y, delta) / delta


def ce_clip(logits, y, weight=None, label_smoothing=0.0):
    e = np.exp(np.clip(logits, -500, 500))
    w = np.ones(logits.shape[1]) if weight is None else weight
    log_p = np.log(np.clip(e / e.sum(axis=1, keepdims=True), 1e-12, None))
    target = (1 - label_smoothing) * np.eye(len(w))[y] + label_smoothing / len(w)
    return -(w * target * log_p).sum() / w[y].sum()


def lse_mean(z):
    return np.log(np.exp(z).mean(axis=1))


WRONG = [
    Wrong("02.1", "gap", huber_gap, "没接上：直线那一段要减去", 16),
    Wrong("02.1", "no half", huber_no_half, "少了 1/2", 0),
    Wrong("02.1", "signed", huber_signed, "误差的绝对值：很大的负误差", 16),
    Wrong("02.1", "fixed", huber_fixed, "写死成 1", 50),
    Wrong("02.1", "sum", huber_sum, "不是求和", 0),
    Wrong("02.1", "each", huber_each, "少了求平均", 0),
    Wrong("02.1", "in place", huber_in_place, "被原地修改", 84),
    Wrong("02.2", "swapped", kl_swapped, "放反了", 0),
    Wrong("02.2", "cross", kl_cross, "这是交叉熵", 0),
    Wrong("02.2", "nan", kl_nan, "0·ln 0", 44),
    Wrong("02.2", "hidden", kl_hidden, "别用 +1e-12", 66),
    Wrong("02.2", "bits", kl_bits, "以 2 为底", 0),
    Wrong("02.3", "naive", lse_naive, "溢出成 inf", 50),
    Wrong("02.3", "forgot", lse_forgot, "忘了把减掉的最大值加回来", 0),
    Wrong("02.3", "global", lse_global, "整个矩阵的最大值", 75),
    Wrong("02.3", "keepdims", lse_keepdims, "不保留那一维", 0),
    Wrong("02.3", "clipped", lse_clipped, "只在大于 0 时减", 63),
    Wrong("02.4", "naive", bce_naive, "化简到只剩 z", 63),
    Wrong("02.4", "clip", bce_clip, "裁剪概率", 63),
    Wrong("02.4", "sign", bce_sign, "写成 +|z|", 0),
    Wrong("02.4", "swapped", bce_swapped, "位置换了", 0),
    Wrong("02.4", "branch", bce_branch, "别用 if y == 1", 50),
    Wrong("02.4", "log", bce_log, "np.log1p(x)", 75),
    Wrong("02.4", "sum", bce_sum, "不是求和", 0),
    Wrong("02.5", "naive", ce_naive, "不要先算 softmax", 76),
    Wrong("02.5", "plain", ce_plain, "没有用到 weight", 28),
    Wrong("02.5", "weight only", ce_weight_only, "没有用到 label_smoothing", 48),
    Wrong("02.5", "weight by batch", ce_weight_by_batch, "这是加权平均", 28),
    Wrong("02.5", "others", ce_others, "不是其余 K − 1 类", 48),
    Wrong("02.5", "weight of label", ce_weight_of_label, "乘它自己的 weight[k]", 67),
    Wrong("02.5", "sum", ce_sum, "不是求和", 0),
    Wrong("02.1", "smooth l1", huber_smooth_l1, "smooth L1", 50),
    Wrong("02.2", "in place", kl_in_place, "p 被原地修改", 89),
    Wrong("02.3", "mean", lse_mean, "这是平均", 0),
    Wrong("02.3", "in place", lse_in_place, "z 被原地修改", 87),
    Wrong("02.4", "in place", bce_in_place, "z 被原地修改", 87),
    Wrong("02.5", "in place", ce_in_place, "logits 被原地修改", 95),
]
# one hint serves several slips of the same kind
SAME_HINT: list[Wrong] = [
    Wrong("02.3", "less the mean", lse_less_mean, "溢出成 inf", 50),
    Wrong("02.5", "clip", ce_clip, "不要先算 softmax", 76),
]


globals().update(questions("02", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT))


def test_what_the_lesson_lends_may_be_called_and_nothing_else():
    lse, whole = ex02.logsumexp, ex02.cross_entropy

    def cross_entropy(logits, y, weight=None, label_smoothing=0.0):
        w = np.ones(logits.shape[1]) if weight is None else weight
        log_p = logits - lse(logits)[:, None]
        target = (1 - label_smoothing) * np.eye(len(w))[y] + label_smoothing / len(w)
        return -(w * target * log_p).sum() / w[y].sum()

    assert check("02.5", cross_entropy).passed
    assert check("02.5", lambda *args, **kwargs: whole(*args, **kwargs)).status == "refused"


# --- the library's versions --------------------------------------------------------------------


def test_the_librarys_versions_equal_pytorch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=50) * 30, rng.integers(0, 2, 50).astype(float)
    want = F.binary_cross_entropy_with_logits(torch.tensor(z), torch.tensor(y)).item()
    assert ex02.bce_with_logits(z, y) == pytest.approx(want, rel=1e-12)
    a, b = rng.normal(size=50) * 3, rng.normal(size=50)
    want = F.huber_loss(torch.tensor(a), torch.tensor(b), delta=0.7).item()
    assert ex02.huber_loss(a, b, 0.7) == pytest.approx(want, rel=1e-12)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    want = F.kl_div(torch.tensor(np.log(q)), torch.tensor(p), reduction="sum").item()
    assert ex02.kl_divergence(p, q) == pytest.approx(want, rel=1e-12)
    logits, labels = rng.normal(size=(20, 7)) * 300, rng.integers(0, 7, 20)
    np.testing.assert_allclose(
        ex02.logsumexp(logits),
        torch.logsumexp(torch.tensor(logits), 1).numpy(),
        rtol=1e-14,
    )
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
