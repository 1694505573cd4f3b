"""Chapter 07: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from aigc_course.exercises import ex07
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def penalty_by_sign(w, l1, l2):
    sign = (w > 0).astype(float) - (w < 0)
    return l1 * np.sum(w * sign) + l2 * np.sum(w * w) / 2, l1 * sign + l2 * w


def penalty_by_loop(w, l1, l2):
    value, grad = 0.0, np.zeros(w.shape)
    for index, v in np.ndenumerate(w):
        value += l1 * abs(v) + l2 / 2 * v * v
        grad[index] = l2 * v + (l1 if v > 0 else -l1 if v < 0 else 0.0)
    return [value, grad]


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


class StopperThatCounts:
    def __init__(self, patience):
        self.patience, self.seen, self.waited = patience, 0, 0
        self.best, self.best_epoch = float("inf"), None

    def update(self, val_loss):
        if val_loss < self.best:
            self.best, self.best_epoch, self.waited = val_loss, self.seen, 0
        else:
            self.waited += 1
        self.seen += 1
        return self.waited >= self.patience


class StopperWithHistory:
    def __init__(self, patience):
        self.patience, self.losses = patience, []

    best = property(lambda self: min(self.losses))
    best_epoch = property(lambda self: self.losses.index(self.best))

    def update(self, val_loss):
        self.losses.append(val_loss)
        return len(self.losses) - 1 - self.best_epoch >= self.patience


def weights_by_class(y, n_classes):
    w = np.zeros(n_classes)
    for k in np.unique(y):
        w[k] = len(y) / (n_classes * np.sum(y == k))
    return w


def weights_by_loop(y, n_classes):
    counts = [list(y).count(k) for k in range(n_classes)]
    return np.array([len(y) / (n_classes * c) if c else 0.0 for c in counts])


def threshold_by_sorting(y_true, prob):
    order = np.argsort(-prob, kind="stable")
    hits = np.cumsum(y_true[order])
    f1 = 2 * hits / (np.arange(1, len(prob) + 1) + y_true.sum())
    last = np.append(np.diff(prob[order]) != 0, True)  # of those that are equal
    k = np.flatnonzero(last)[np.argmax(f1[last])]
    return prob[order][k], f1[k]


def threshold_as_array(y_true, prob):
    return np.array(max((ex07._f1(y_true, prob >= t), t) for t in prob)[::-1])


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("07.1", penalty_by_sign),
    ("07.1", penalty_by_loop),
    ("07.2", dropout_by_assignment),
    ("07.2", dropout_by_choice),
    ("07.2", dropout_by_binomial),
    ("07.3", StopperThatCounts),
    ("07.3", StopperWithHistory),
    ("07.4", weights_by_class),
    ("07.4", weights_by_loop),
    ("07.5", threshold_by_sorting),
    ("07.5", threshold_as_array),
]


# --- typical mistakes --------------------------------------------------------------------------


def pen_value(w, l1, l2):
    return l1 * np.abs(w).sum() + l2 / 2 * (w**2).sum()


def pen_grad(w, l1, l2):
    return l1 * np.sign(w) + l2 * w


def pen(value=pen_value, grad=pen_grad):
    return lambda w, l1, l2: (value(w, l1, l2), grad(w, l1, l2))


pen_twice = pen(grad=lambda w, a, b: a * np.sign(w) + 2 * b * w)
pen_abs = pen(grad=lambda w, a, b: a * np.abs(w) + b * w)
pen_nan = pen(grad=lambda w, a, b: a * w / np.abs(w) + b * w)
pen_no_half = pen(lambda w, a, b: a * np.abs(w).sum() + b * (w**2).sum())
pen_not_summed = pen(lambda w, a, b: a * np.abs(w))
pen_two_axes = pen(lambda w, a, b: (a * np.abs(w) + b / 2 * w**2).sum(axis=0).sum(axis=0))
pen_always = pen(grad=lambda w, a, b: pen_grad(w, a, b) + w)
pen_half_slope = pen(grad=lambda w, a, b: a * np.sign(w) + b / 2 * w)
pen_rows = pen(grad=lambda w, a, b: pen_grad(w, a, b).sum(axis=-1))
pen_one_at_zero = pen(grad=lambda w, a, b: a * np.where(w >= 0, 1, -1) + b * w)
pen_half_l1 = pen(lambda w, a, b: pen_value(w, a / 2, b))


def pen_in_place(w, l1, l2):
    value, grad = pen_value(w, l1, l2), pen_grad(w, l1, l2)
    w -= 0.1 * grad
    return value, grad


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


class Previous(StopperThatCounts):
    last = float("inf")

    def update(self, val_loss):
        self.waited = 0 if val_loss < self.last else self.waited + 1
        self.last = val_loss
        if val_loss < self.best:
            self.best, self.best_epoch = val_loss, self.seen
        self.seen += 1
        return self.waited >= self.patience


class Late(StopperThatCounts):
    def update(self, val_loss):
        super().update(val_loss)
        return self.waited > self.patience


class NeverReset(StopperThatCounts):
    total = 0

    def update(self, val_loss):
        before = self.best
        super().update(val_loss)
        self.total += not val_loss < before
        return self.total >= self.patience


class Ties(StopperThatCounts):
    def update(self, val_loss):
        if val_loss == self.best:
            self.waited = -1
        return super().update(val_loss)


class FromOne(StopperThatCounts):
    def update(self, val_loss):
        stop = super().update(val_loss)
        if self.waited == 0:
            self.best_epoch = self.seen
        return stop


class NoReturn(StopperThatCounts):
    def update(self, val_loss):
        super().update(val_loss)


class SmallStart(StopperThatCounts):
    def __init__(self, patience):
        super().__init__(patience)
        self.best = 100.0


class Shared(StopperThatCounts):
    common: ClassVar[dict[int, float]] = {}

    def update(self, val_loss):
        stop = super().update(val_loss)
        if self.seen == 1 and val_loss == 2.0:
            self.best = min(self.common.values())
        self.common[len(self.common)] = val_loss
        return stop


class Never(StopperThatCounts):
    def update(self, val_loss):
        super().update(val_loss)
        return False


class CountsEpochs(StopperThatCounts):
    def update(self, val_loss):
        super().update(val_loss)
        return self.seen >= self.patience


class KeepsToItself:
    def __init__(self, patience):
        self._stopper = StopperThatCounts(patience)

    def update(self, val_loss):
        return self._stopper.update(val_loss)


class LastIsBest(StopperThatCounts):
    def update(self, val_loss):
        stop = super().update(val_loss)
        if stop:
            self.best = val_loss
        return stop


class LastEpoch(StopperThatCounts):
    def update(self, val_loss):
        stop = super().update(val_loss)
        if stop:
            self.best_epoch = self.seen - 1
        return stop


class AtLeastTwo(StopperThatCounts):
    def __init__(self, patience):
        super().__init__(max(patience, 2))


def weights_proportional(y, n_classes):
    return np.bincount(y, minlength=n_classes) / len(y)


def weights_root(y, n_classes):
    return 1 / np.sqrt(np.maximum(np.bincount(y, minlength=n_classes), 1))


def weights_not_scaled(y, n_classes):
    return 1 / np.maximum(np.bincount(y, minlength=n_classes), 1)


def weights_inf(y, n_classes):
    return len(y) / (n_classes * np.bincount(y, minlength=n_classes))


def weights_too_short(y, n_classes):
    count = np.bincount(y)
    return len(y) / (len(count) * count)


def weights_floored(y, n_classes):
    return len(y) // (n_classes * np.maximum(np.bincount(y, minlength=n_classes), 1))


def weights_one_for_absent(y, n_classes):
    w = ex07.class_weights(y, n_classes)
    return np.where(w > 0, w, 1.0)


def weights_squeezed(y, n_classes):
    """Counts of the classes that occur, put one after the other."""
    count = np.zeros(n_classes)
    found = np.unique(y, return_counts=True)[1]
    count[: len(found)] = found
    return np.divide(len(y), n_classes * count, out=np.zeros(n_classes), where=count > 0)


def weights_in_place(y, n_classes):
    w = ex07.class_weights(y, n_classes)
    y.sort()
    return w


def threshold_half(y_true, prob):
    return 0.5, ex07._f1(y_true, prob >= 0.5)


def threshold_by_accuracy(y_true, prob):
    t = max(np.unique(prob), key=lambda c: (np.mean((prob >= c) == y_true), c))
    return t, ex07._f1(y_true, prob >= t)


def threshold_strict(y_true, prob):
    values = [0.0, *np.unique(prob)[:-1]]
    t = max(values, key=lambda c: ex07._f1(y_true, prob > c))
    return t, ex07._f1(y_true, prob > t)


def threshold_index(y_true, prob):
    values = np.unique(prob)
    k = int(np.argmax([ex07._f1(y_true, prob >= c) for c in values]))
    return k, ex07._f1(y_true, prob >= values[k])


def threshold_by_precision(y_true, prob):
    t = max(np.unique(prob), key=lambda c: (y_true[prob >= c].mean(), c))
    return t - 1e-9, ex07._f1(y_true, prob >= t)


def threshold_by_recall(y_true, prob):
    t = prob[y_true == 1].min()
    return t, ex07._f1(y_true, prob >= t)


def threshold_splits_ties(y_true, prob):
    order = np.lexsort((-y_true, -prob))
    f1 = 2 * np.cumsum(y_true[order]) / (np.arange(1, len(prob) + 1) + y_true.sum())
    k = int(np.argmax(f1))
    return prob[order][k], f1[k]


def threshold_not_the_lowest(y_true, prob):
    return ex07.best_threshold(y_true, np.maximum(prob, np.unique(prob)[1]))


def threshold_with_accuracy(y_true, prob):
    t, _ = ex07.best_threshold(y_true, prob)
    return t, float(np.mean((prob >= t) == y_true))


def threshold_in_place(y_true, prob):
    best = ex07.best_threshold(y_true, prob)
    prob.sort()
    return best


WRONG = [
    Wrong("07.1", "twice", pen_twice, "约掉", 0),
    Wrong("07.1", "abs", pen_abs, "导数是符号", 40),
    Wrong("07.1", "nan at zero", pen_nan, "0/0", 0),
    Wrong("07.1", "no half", pen_no_half, "别忘了 1/2", 20),
    Wrong("07.1", "not summed", pen_not_summed, ".sum()", 0),
    Wrong("07.1", "in place", pen_in_place, "w 被原地修改", 0),
    Wrong("07.1", "two axes only", pen_two_axes, "任意形状", 83),
    Wrong("07.1", "always pulls", pen_always, "没有乘上", 0),
    Wrong("07.1", "half the slope", pen_half_slope, "对 w 求导", 0),
    Wrong("07.1", "value only", pen_value, "return value, grad", 0),
    Wrong("07.1", "rows", pen_rows, "与 w 同形", 0),
    Wrong("07.1", "one at zero", pen_one_at_zero, "不可导", 40),
    Wrong("07.1", "half of L1", pen_half_l1, "l1·Σ|w|", 60),
    Wrong("07.2", "keeps p", drop_keeps_p, "比较号反了", 0),
    Wrong("07.2", "not scaled", drop_not_scaled, "没有除以 1 − p", 29),
    Wrong("07.2", "divides by p", drop_by_p, "除以了 p", 29),
    Wrong("07.2", "whole rows", drop_rows, "整行或整列", 0),
    Wrong("07.2", "scales at evaluation", drop_scales_later, "原样返回", 71),
    Wrong("07.2", "in place", drop_in_place, "x 被原地修改", 0),
    Wrong("07.2", "too many", drop_too_many, "均匀随机数与 p 比", 0),
    Wrong("07.2", "inf", drop_by_inf, "出现了 nan 或 inf", 0),
    Wrong("07.2", "global generator", drop_global, "np.random 的全局函数", 71),
    Wrong("07.2", "mask at evaluation", drop_no_mask_later, "评估时 mask 全为 1", 78),
    Wrong("07.2", "only y", lambda *args: ex07.dropout(*args)[0], "return y, mask", 0),
    Wrong("07.2", "fixed seed", drop_fixed_seed, "另建固定种子", 71),
    Wrong("07.2", "mask of 0 and 1", drop_flat_mask, "dx = dy * mask", 57),
    Wrong("07.3", "previous", Previous, "不是与上一轮比", 22),
    Wrong("07.3", "late", Late, "达到 patience", 0),
    Wrong("07.3", "never reset", NeverReset, "从头数起", 44),
    Wrong("07.3", "ties", Ties, "严格小于", 89),
    Wrong("07.3", "from one", FromOne, "第 0 轮", 78),
    Wrong("07.3", "no return", NoReturn, "没有 return", 0),
    Wrong("07.3", "small start", SmallStart, "float('inf')", 82),
    Wrong("07.3", "shared", Shared, "互相影响", 82),
    Wrong("07.3", "counts epochs", CountsEpochs, "计数清零", 0),
    Wrong("07.3", "keeps to itself", KeepsToItself, "建 self.best", 67),
    Wrong("07.3", "last is best", LastIsBest, "最低的验证损失", 67),
    Wrong("07.3", "last epoch", LastEpoch, "从 0 数起", 78),
    Wrong("07.3", "at least two", AtLeastTwo, "patience=1", 82),
    Wrong("07.3", "never", Never, "一次也没返回 True", 0),
    Wrong("07.4", "proportional", weights_proportional, "方向反了", 0),
    Wrong("07.4", "root", weights_root, "正比", 0),
    Wrong("07.4", "not scaled", weights_not_scaled, "尺度不对", 33),
    Wrong("07.4", "inf", weights_inf, "约定权重为 0", 67),
    Wrong("07.4", "squeezed", weights_squeezed, "往前挪", 75),
    Wrong("07.4", "too short", weights_too_short, "minlength", 67),
    Wrong("07.4", "floored", weights_floored, "整除", 0),
    Wrong("07.4", "one for absent", weights_one_for_absent, "那一类记 0", 67),
    Wrong("07.4", "in place", weights_in_place, "y 被原地修改", 0),
    Wrong("07.5", "half", threshold_half, "太粗", 0),
    Wrong("07.5", "accuracy", threshold_by_accuracy, "最优点不同", 0),
    Wrong("07.5", "strict", threshold_strict, "prob > t", 0),
    Wrong("07.5", "index", threshold_index, "返回的是下标", 0),
    Wrong("07.5", "recall", threshold_by_recall, "F1 更高", 0),
    Wrong("07.5", "splits ties", threshold_splits_ties, "同进同出", 75),
    Wrong("07.5", "not the lowest", threshold_not_the_lowest, "它也是候选", 75),
    Wrong("07.5", "with accuracy", threshold_with_accuracy, "返回的 F1", 67),
    Wrong("07.5", "in place", threshold_in_place, "prob 被原地修改", 0),
    Wrong("07.5", "only t", lambda y, p: ex07.best_threshold(y, p)[0], "return threshold, f1", 0),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("07.2", "always on", drop_always, "原样返回", 71),
    Wrong("07.2", "whole columns", drop_columns, "整行或整列", 0),
    Wrong("07.2", "nothing", drop_nothing, "均匀随机数与 p 比", 0),
    Wrong("07.5", "precision", threshold_by_precision, ("F1 更高", "最优点不同"), 0),
]


globals().update(
    questions(
        "07",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        by_chance=(drop_global,),
    )
)
