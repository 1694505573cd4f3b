"""Chapter 07: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_course import metrics
from aigc_course.exercises import ex07
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def shrink_by_cases(a, l1, l2):
    w = np.zeros(np.shape(a))
    for index, v in np.ndenumerate(a):
        if v > l1:
            w[index] = (v - l1) / (1 + l2)
        elif v < -l1:
            w[index] = (v + l1) / (1 + l2)
    return w


def shrink_by_clip(a, l1, l2):
    return (a - np.clip(a, -l1, l1)) / (1 + l2)


def dropout_by_assignment(x, p, training, rng):
    mask = np.ones(x.shape)
    if training:
        mask[rng.random(x.shape) < p] = 0
        mask /= 1 - p
    return x * mask, mask


def dropout_by_choice(x, p, training, rng):
    if not training:
        return x.copy(), np.ones(x.shape)
    mask = rng.choice([0.0, 1 / (1 - p)], size=x.shape, p=[p, 1 - p])
    return mask * x, mask


def dropout_by_binomial(x, p, training, rng):
    mask = rng.binomial(1, 1 - p, size=np.shape(x)) / (1 - p) if training else np.ones_like(x)
    return x * mask, mask


def floor_by_arrays(K, eps):
    if not eps:
        return [np.inf, 0]
    q = np.full(K, eps / K)
    q[0] += 1 - eps
    return [np.log(q[0]) - np.log(q[1]), np.sum(-q * np.log(q))]


def floor_by_logits(K, eps):
    if eps == 0:
        return float("inf"), 0.0
    gap = math.log1p(K * (1 - eps) / eps)
    log_sum = math.log(math.exp(gap) + K - 1)
    return gap, log_sum - gap * (1 - eps + eps / K)


def descend_by_for(w, gradient, val_loss, lr, patience, max_steps):
    w = np.array(w)
    best, low, when, waited, done = np.array(w), val_loss(w), 0, 0, 0
    for step in range(1, max_steps + 1):
        w -= lr * gradient(w)
        done, loss = step, val_loss(w)
        if loss < low:
            best, low, when, waited = w.copy(), loss, step, 0
        else:
            waited += 1
        if waited == patience:
            break
    return [best, when, done]


def descend_with_history(w, gradient, val_loss, lr, patience, max_steps):
    path, losses = [w], [val_loss(w)]
    while len(path) <= max_steps:
        path.append(path[-1] - lr * np.asarray(gradient(path[-1])))
        losses.append(val_loss(path[-1]))
        best = int(np.nanargmin(losses))
        if len(path) - 1 - best >= patience:
            break
    best = int(np.nanargmin(losses))
    return path[best], np.int64(best), len(path) - 1


def equivalent_by_loop(h, lr, steps):
    lam = np.empty(h.shape)
    for index, v in np.ndenumerate(h):
        kept = 1 - (1 - lr * v) ** steps
        lam[index] = v / kept - v if kept > 0 else 1 / (lr * steps)
    return lam


def equivalent_by_expm1(h, lr, steps):
    kept = -np.expm1(steps * np.log1p(-lr * np.where(h > 0, h, 0.1)))
    return np.where(h > 0, h * (1 - kept) / kept, 1 / lr / steps)


def weights_by_class(y, classes):
    present = set(y.tolist())
    K = sum(int(c) in present for c in classes)
    return np.array([len(y) / K / np.sum(y == c) if np.any(y == c) else 0 for c in classes])


def weights_by_unique(y, classes):
    names, counts = np.unique(y, return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    raw = np.array([1 / found[c] if c in found else 0.0 for c in classes.tolist()])
    each = np.array([raw[list(classes).index(v)] for v in y])
    return raw / each.mean()


def threshold_by_sorting(y_true, score):
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(y_true[order])
    f1 = 2 * hits / (np.arange(1, len(score) + 1) + y_true.sum())
    last = np.append(np.diff(score[order]) != 0, True)  # of those that are equal
    k = np.flatnonzero(last)[np.argmax(f1[last])]
    return score[order][k], f1[k]


def threshold_as_array(y_true, score):
    return np.array(max((ex07._f1(y_true, score >= t), t) for t in score)[::-1])


def threshold_from_the_curve(y_true, score):
    precision, recall, cuts = metrics.precision_recall_curve(y_true, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    k = int(np.argmax(f1[:-1]))
    return cuts[k], f1[k]


def threshold_between(y_true, score):
    values = np.unique(score)
    cuts = [values[0] - 1, *(values[:-1] + values[1:]) / 2]
    return max(((c, ex07._f1(y_true, score >= c)) for c in cuts), key=lambda pair: pair[1])


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("07.1", shrink_by_cases),
    ("07.1", shrink_by_clip),
    ("07.2", dropout_by_assignment),
    ("07.2", dropout_by_choice),
    ("07.2", dropout_by_binomial),
    ("07.3", floor_by_arrays),
    ("07.3", floor_by_logits),
    ("07.4", descend_by_for),
    ("07.4", descend_with_history),
    ("07.5", equivalent_by_loop),
    ("07.5", equivalent_by_expm1),
    ("07.6", weights_by_class),
    ("07.6", weights_by_unique),
    ("07.7", threshold_by_sorting),
    ("07.7", threshold_as_array),
    ("07.7", threshold_between),
    ("07.7", threshold_from_the_curve),
]


# --- typical mistakes --------------------------------------------------------------------------


def soft(a, t):
    return np.sign(a) * np.maximum(np.abs(a) - t, 0)


def shrink_by_grid(a, l1, l2):
    grid = np.linspace(-4, 4, 4000)
    cost = 0.5 * (grid - a[..., None]) ** 2 + l1 * abs(grid) + 0.5 * l2 * grid**2
    return grid[cost.argmin(axis=-1)]


def shrink_nearly_zero(a, l1, l2):
    w = ex07.shrink(a, l1, l2)
    return np.where(w == 0, 1e-9, w)


def shrink_two_axes(a, l1, l2):
    return ex07.shrink(a, l1, l2) if np.ndim(a) < 3 else np.sum(ex07.shrink(a, l1, l2), axis=0)


def shrink_in_place(a, l1, l2):
    a[...] = ex07.shrink(a, l1, l2)
    return a


def drop(
    keep=lambda u, p: u >= p,
    scale=lambda p: 1 / (1 - p),
    evaluate=lambda x, p: x,
    shape=lambda x: x.shape,
):
    def answer(x, p, training, rng):
        if not training:
            return evaluate(x, p), np.ones_like(x)
        mask = keep(rng.random(shape(x)), p) * scale(p) * np.ones_like(x)
        return x * mask, mask

    return answer


drop_keeps_p = drop(lambda u, p: u < p)
drop_not_scaled = drop(scale=lambda p: 1.0)
drop_by_p = drop(scale=lambda p: 1 / p)
drop_rows = drop(shape=lambda x: (x.shape[0], 1))
drop_columns = drop(shape=lambda x: x.shape[1:])
drop_too_many = drop(lambda u, p: u >= 1.2 * p)
drop_nothing = drop(lambda u, p: u >= 0, scale=lambda p: 1.0)
drop_by_inf = drop(lambda u, p: np.where(u >= p, 1.0, -np.inf))
drop_scales_later = drop(evaluate=lambda x, p: x * (1 - p))


def drop_always(x, p, training, rng):
    return ex07.dropout(x, p, True, rng)


def drop_global(x, p, training, rng):
    return ex07.dropout(x, p, training, np.random.default_rng())


def drop_fixed_seed(x, p, training, rng):
    return ex07.dropout(x, p, training, np.random.default_rng(0))


def drop_flat_mask(x, p, training, rng):
    y, mask = ex07.dropout(x, p, training, rng)
    return y, (mask > 0).astype(float)


def drop_no_mask_later(x, p, training, rng):
    return ex07.dropout(x, p, training, rng) if training else (x, 0 * x)


def drop_in_place(x, p, training, rng):
    _, mask = ex07.dropout(x, p, training, rng)
    x *= mask
    return x, mask


def suspect(x, p, training, rng):
    """The colleague's version that the lesson prints."""
    if not training:
        return x * (1 - p), np.ones_like(x)
    mask = (rng.random(x.shape[1:]) >= p) / p * np.ones_like(x)
    x *= mask
    return x, mask


def suspect_without(*cured):
    def answer(x, p, training, rng):
        if not training:
            return (x if "evaluation" in cured else x * (1 - p)), np.ones_like(x)
        size = x.shape if "rows" in cured else x.shape[1:]
        mask = (rng.random(size) >= p) / ((1 - p) if "scale" in cured else p) * np.ones_like(x)
        return x * mask, mask

    return answer


def floors(right=lambda K, e: 1 - e + e / K, other=lambda K, e: e / K, times=lambda K: K - 1):
    def answer(K, eps):
        if eps == 0:
            return math.inf, 0.0
        p, q = right(K, eps), other(K, eps)
        floor = -times(K) * q * math.log(q) - (p * math.log(p) if p > 0 else 0.0)
        return math.log(p / q) if p > 0 else 0.0, floor

    return answer


floor_textbook = floors(lambda K, e: 1 - e, lambda K, e: e / (K - 1))
floor_one_other = floors(times=lambda K: 1)
floor_all = floors(times=lambda K: K)


def floor_swapped(K, eps):
    return ex07.smoothed_floor(K, eps)[::-1]


def floor_ratio(K, eps):
    gap, floor = ex07.smoothed_floor(K, eps)
    return -gap, floor


def floor_bits(K, eps):
    gap, floor = ex07.smoothed_floor(K, eps)
    return gap, floor / math.log(2)


def floor_only_right(K, eps):
    gap, _ = ex07.smoothed_floor(K, eps)
    return gap, -math.log(1 - eps + eps / K)


def floor_no_zero(K, eps):
    right, other = 1 - eps + eps / K, eps / K
    return math.log(right / other), -right * math.log(right) - (K - 1) * other * math.log(other)


def floor_big_zero(K, eps):
    return ex07.smoothed_floor(K, max(eps, 1e-9))


def descends(copy=True, strict=True, patience_of=lambda p: p, sign=-1.0, reset=True, start=True):
    def answer(w, gradient, val_loss, lr, patience, max_steps):
        w = w.copy()
        best, low = (w.copy() if copy else w), (val_loss(w) if start else math.inf)
        when = waited = step = 0
        while step < max_steps and waited < patience_of(patience):
            w += sign * lr * gradient(w)
            step, loss = step + 1, val_loss(w)
            if loss < low or (not strict and loss == low):
                best, low, when = (w.copy() if copy else w), loss, step
                waited = 0 if reset else waited
            else:
                waited += 1
        return best, when, step

    return answer


def descend_in_place(w, gradient, val_loss, lr, patience, max_steps):
    best, when, step = ex07.descend(w, gradient, val_loss, lr, patience, max_steps)
    w -= lr
    return best, when, step


def descend_previous(w, gradient, val_loss, lr, patience, max_steps):
    last, best, low, when, waited, step = val_loss(w), w, val_loss(w), 0, 0, 0
    while step < max_steps and waited < patience:
        w, step = w - lr * gradient(w), step + 1
        loss = val_loss(w)
        waited = 0 if loss < last else waited + 1
        last = loss
        if loss < low:
            best, low, when = w, loss, step
    return best, when, step


def descend_not_nan(w, gradient, val_loss, lr, patience, max_steps):
    best, low, when, step = w, val_loss(w), 0, 0
    while step < max_steps and step - when < patience:
        w, step = w - lr * gradient(w), step + 1
        loss = val_loss(w)
        if not loss >= low:
            best, low, when = w, loss, step
    return best, when, step


def descend_swapped(*args):
    best, when, step = ex07.descend(*args)
    return best, step, when


def descend_from_one(*args):
    best, when, step = ex07.descend(*args)
    return best, when + 1, step


def descend_never_ends(w, gradient, val_loss, lr, patience, max_steps):
    return ex07.descend(w, gradient, val_loss, lr, patience, 50)


def descend_fixed_gradient(w, gradient, val_loss, lr, patience, max_steps):
    g = gradient(w)
    return ex07.descend(w, lambda w: g, val_loss, lr, patience, max_steps)


def eq(form):
    def answer(h, lr, steps):
        q = (1 - lr * h) ** steps
        with np.errstate(all="ignore"):
            lam = form(h, q, lr, steps)
        return np.where(h > 0, lam, 1 / (lr * steps))

    return answer


eq_reversed = eq(lambda h, q, lr, t: h * (1 - q) / q)
eq_no_h = eq(lambda h, q, lr, t: q / (1 - q))
eq_limit = eq(lambda h, q, lr, t: 1 / (lr * t) + 0 * h)
eq_flow = eq(lambda h, q, lr, t: h / np.expm1(lr * h * t))
eq_late = eq(lambda h, q, lr, t: h * q * (1 - lr * h) / (1 - q * (1 - lr * h)))
eq_sum = eq(lambda h, q, lr, t: h / (1 - q))
eq_negative = eq(lambda h, q, lr, t: h - h / (1 - q))


def eq_nan(h, lr, steps):
    q = (1 - lr * h) ** steps
    with np.errstate(all="ignore"):
        return h * q / (1 - q)


def eq_zero(h, lr, steps):
    return np.nan_to_num(eq_nan(h, lr, steps))


def eq_in_place(h, lr, steps):
    h[...] = ex07.equivalent_l2(h, lr, steps)
    return h


def eq_flat(h, lr, steps):
    return ex07.equivalent_l2(h.ravel(), lr, steps)


def counted(y, classes):
    return (y[:, None] == classes).sum(axis=0)


def weights_proportional(y, classes):
    return counted(y, classes) / len(y)


def weights_not_scaled(y, classes):
    return 1 / np.maximum(counted(y, classes), 1)


def weights_root(y, classes):
    w = 1 / np.sqrt(np.maximum(counted(y, classes), 1))
    return len(y) * w / np.sqrt(counted(y, classes)).sum()


def weights_textbook(y, classes):
    count = counted(y, classes)
    return np.divide(len(y), len(classes) * count, out=np.zeros(len(count)), where=count > 0)


def weights_bincount(y, classes):
    return len(y) / (len(classes) * np.bincount(y, minlength=len(classes)))


def weights_sorted(y, classes):
    return ex07.balanced_weights(y, np.sort(classes))


def weights_inf(y, classes):
    count = counted(y, classes)
    with np.errstate(all="ignore"):
        return len(y) / ((count > 0).sum() * count)


def weights_too_short(y, classes):
    count = counted(y, classes)
    return ex07.balanced_weights(y, classes[count > 0])


def weights_one_for_absent(y, classes):
    w = ex07.balanced_weights(y, classes)
    return np.where(w > 0, w, 1.0)


def weights_a_sample(y, classes):
    w = ex07.balanced_weights(y, classes)
    return np.array([w[list(classes).index(v)] for v in y])


def weights_in_place(y, classes):
    w = ex07.balanced_weights(y, classes)
    y.sort()
    return w


def threshold_half(y_true, score):
    return 0.5, ex07._f1(y_true, score >= 0.5)


def threshold_by_accuracy(y_true, score):
    t = max(np.unique(score), key=lambda c: (np.mean((score >= c) == y_true), c))
    return t, ex07._f1(y_true, score >= t)


def threshold_strict(y_true, score):
    values = [score.min() - 1, *np.unique(score)[:-1]]
    t = max(values, key=lambda c: ex07._f1(y_true, score > c))
    return t, ex07._f1(y_true, score > t)


def threshold_index(y_true, score):
    values = np.unique(score)
    k = int(np.argmax([ex07._f1(y_true, score >= c) for c in values]))
    return k, ex07._f1(y_true, score >= values[k])


def threshold_grid(y_true, score):
    values = np.linspace(score.min(), score.max(), 11)
    return max(((c, ex07._f1(y_true, score >= c)) for c in values), key=lambda pair: pair[1])


def threshold_by_recall(y_true, score):
    t = score[y_true == 1].min()
    return t, ex07._f1(y_true, score >= t)


def threshold_splits_ties(y_true, score):
    order = np.lexsort((-y_true, -score))
    f1 = 2 * np.cumsum(y_true[order]) / (np.arange(1, len(score) + 1) + y_true.sum())
    k = int(np.argmax(f1))
    return score[order][k], f1[k]


def threshold_not_the_lowest(y_true, score):
    return ex07.best_threshold(y_true, np.maximum(score, np.unique(score)[:2].max()))


def threshold_not_the_highest(y_true, score):
    return ex07.best_threshold(y_true, np.minimum(score, np.unique(score)[-2:].min()))


def threshold_with_accuracy(y_true, score):
    t, _ = ex07.best_threshold(y_true, score)
    return t, float(np.mean((score >= t) == y_true))


def threshold_without_two(y_true, score):
    t, f1 = ex07.best_threshold(y_true, score)
    return t, f1 / 2


def threshold_in_place(y_true, score):
    best = ex07.best_threshold(y_true, score)
    score.sort()
    return best


def threshold_divides(y_true, score):
    found = []
    for t in np.linspace(0, 1, 11).tolist():
        guess = [s >= t for s in score.tolist()]
        hit = sum(g and y == 1 for g, y in zip(guess, y_true.tolist(), strict=True))
        p, r = hit / sum(guess), hit / int(y_true.sum())
        found.append((t, 2 * p * r / (p + r)))
    return max(found, key=lambda pair: pair[1])


WRONG = [
    Wrong("07.1", "no l2", lambda a, l1, l2: soft(a, l1), "l2 没有起作用", 0),
    Wrong("07.1", "no l1", lambda a, l1, l2: a / (1 + l2), "l1 没有起作用", 0),
    Wrong("07.1", "order", lambda a, l1, l2: soft(a / (1 + l2), l1), "次序反了", 0),
    Wrong("07.1", "twice", lambda a, l1, l2: soft(a, l1) / (1 + 2 * l2), "没有 2", 0),
    Wrong("07.1", "added", lambda a, l1, l2: soft(a, l1 + l2), "不能加在一起", 0),
    Wrong("07.1", "first order", lambda a, l1, l2: soft(a, l1) * (1 - l2), "近似", 0),
    Wrong("07.1", "abs", lambda a, l1, l2: abs(soft(a, l1)) / (1 + l2), "符号丢了", 0),
    Wrong("07.1", "past 0", lambda a, l1, l2: (a - l1 * np.sign(a)) / (1 + l2), "不会越过去", 0),
    Wrong("07.1", "half", lambda a, l1, l2: np.maximum(a - l1, 0) / (1 + l2), "为负的一半", 0),
    Wrong("07.1", "grid", shrink_by_grid, "各令导数为 0", 0),
    Wrong("07.1", "nearly 0", shrink_nearly_zero, "恰好是 0", 0),
    Wrong("07.1", "sums an axis", shrink_two_axes, "任意形状", 57),
    Wrong("07.1", "in place", shrink_in_place, "a 被原地修改", 86),
    Wrong("07.2", "keeps p", drop_keeps_p, "比较号反了", 0),
    Wrong("07.2", "not scaled", drop_not_scaled, "没有除以 1 − p", 29),
    Wrong("07.2", "divides by p", drop_by_p, "除以了 p", 29),
    Wrong("07.2", "whole rows", drop_rows, "整行或整列", 0),
    Wrong("07.2", "scales at evaluation", drop_scales_later, "原样返回", 71),
    Wrong("07.2", "the colleague's", suspect, "x 被原地修改", 0),
    Wrong("07.2", "too many", drop_too_many, "均匀随机数与 p 比", 0),
    Wrong("07.2", "inf", drop_by_inf, "出现了 nan 或 inf", 0),
    Wrong("07.2", "global generator", drop_global, "np.random 的全局函数", 71),
    Wrong("07.2", "mask at evaluation", drop_no_mask_later, "评估时 mask 全为 1", 78),
    Wrong("07.2", "only y", lambda *args: ex07.dropout(*args)[0], "return y, mask", 0),
    Wrong("07.2", "fixed seed", drop_fixed_seed, "另建固定种子", 71),
    Wrong("07.2", "mask of 0 and 1", drop_flat_mask, "dx = dy * mask", 57),
    Wrong("07.3", "textbook", floor_textbook, "也分到", 0),
    Wrong("07.3", "one other", floor_one_other, "K − 1 类", 10),
    Wrong("07.3", "all K", floor_all, "不是 K 类", 10),
    Wrong("07.3", "swapped", floor_swapped, "先 gap，后 floor", 0),
    Wrong("07.3", "ratio", floor_ratio, "比反了", 0),
    Wrong("07.3", "bits", floor_bits, "自然对数", 10),
    Wrong("07.3", "only the right one", floor_only_right, "只是其中一项", 10),
    Wrong("07.3", "no case for 0", floor_no_zero, "普通的交叉熵", 80),
    Wrong("07.4", "aliased", descends(copy=False), "没有复制", 0),
    Wrong("07.4", "uphill", descends(sign=1.0), "反方向走", 0),
    Wrong("07.4", "ties", descends(strict=False), "打平不算新低", 42),
    Wrong("07.4", "late", descends(patience_of=lambda p: p + 1), "连续 patience 步", 0),
    Wrong("07.4", "never reset", descends(reset=False), "不能一直累加", 21),
    Wrong("07.4", "previous", descend_previous, "不是与上一步比", 32),
    Wrong("07.4", "nan", descend_not_nan, "nan 不算新低", 53),
    Wrong("07.4", "swapped", descend_swapped, "对调了", 0),
    Wrong("07.4", "from one", descend_from_one, "起点是第 0 步", 0),
    Wrong("07.4", "in place", descend_in_place, "w 被原地修改", 11),
    Wrong("07.4", "no end", descend_never_ends, "max_steps 步走完就停", 11),
    Wrong("07.4", "start not measured", descends(start=False), "起点算第 0 步", 74),
    Wrong("07.4", "one gradient", descend_fixed_gradient, "重新算梯度", 84),
    Wrong("07.5", "reversed", eq_reversed, "分子分母反了", 0),
    Wrong("07.5", "no h", eq_no_h, "少乘了 h", 0),
    Wrong("07.5", "limit", eq_limit, "只是 h → 0 的极限", 0),
    Wrong("07.5", "flow", eq_flow, "无穷小", 0),
    Wrong("07.5", "late", eq_late, "步数差了 1", 0),
    Wrong("07.5", "sum", eq_sum, "还要减去 h", 0),
    Wrong("07.5", "negative", eq_negative, "正负号", 0),
    Wrong("07.5", "nan", eq_nan, "0/0", 40),
    Wrong("07.5", "in place", eq_in_place, "h 被原地修改", 90),
    Wrong("07.5", "flat", eq_flat, "任意形状", 70),
    Wrong("07.6", "proportional", weights_proportional, "成正比", 0),
    Wrong("07.6", "not scaled", weights_not_scaled, "尺度不对", 0),
    Wrong("07.6", "root", weights_root, "1/√n", 0),
    Wrong("07.6", "textbook", weights_textbook, "不到 1", 29),
    Wrong("07.6", "bincount", weights_bincount, "不一定是 0 到", 0),
    Wrong("07.6", "sorted", weights_sorted, "np.unique 按大小", 0),
    Wrong("07.6", "inf", weights_inf, "出现了 inf", 29),
    Wrong("07.6", "too short", weights_too_short, "也占一格", 29),
    Wrong("07.6", "in place", weights_in_place, "y 被原地修改", 86),
    Wrong("07.7", "half", threshold_half, "够得着", 0),
    Wrong("07.7", "accuracy", threshold_by_accuracy, "最优点不同", 0),
    Wrong("07.7", "strict", threshold_strict, "score > t", 0),
    Wrong("07.7", "recall", threshold_by_recall, "F1 更高", 0),
    Wrong("07.7", "splits ties", threshold_splits_ties, "同进同出", 75),
    Wrong("07.7", "not the lowest", threshold_not_the_lowest, "最低的那个分数", 75),
    Wrong("07.7", "not the highest", threshold_not_the_highest, "最高的那个分数", 75),
    Wrong("07.7", "with accuracy", threshold_with_accuracy, "返回的是准确率", 67),
    Wrong("07.7", "without 2", threshold_without_two, "分子有 2", 67),
    Wrong("07.7", "in place", threshold_in_place, "score 被原地修改", 0),
    Wrong("07.7", "divides by 0", threshold_divides, "0/0", 0),
]

SAME_HINT = [
    Wrong("07.2", "columns", drop_columns, "整行或整列", 0),
    Wrong("07.2", "nothing", drop_nothing, "均匀随机数与 p 比", 0),
    Wrong("07.2", "trains always", drop_always, "原样返回", 71),
    Wrong("07.2", "in place", drop_in_place, "x 被原地修改", 0),
    Wrong("07.2", "1 of 4 cured", suspect_without(), "整行或整列", 0),
    Wrong("07.2", "2 of 4 cured", suspect_without("rows"), "除以了 p", 29),
    Wrong("07.2", "3 of 4 cured", suspect_without("rows", "scale"), "原样返回", 71),
    Wrong("07.3", "0 is nearly 0", floor_big_zero, "普通的交叉熵", 80),
    Wrong("07.5", "0 is 0", eq_zero, "0/0", 40),
    Wrong("07.6", "a sample", weights_a_sample, "形状 (K,)", 0),
    Wrong("07.6", "1 for absent", weights_one_for_absent, "没有样本的类权重是 0", 29),
    Wrong("07.7", "index", threshold_index, "够得着", 0),
    Wrong("07.7", "grid", threshold_grid, "格子会漏掉", (0, 75)),
]

globals().update(
    questions(
        "07", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT, by_chance=[drop_global]
    )
)
