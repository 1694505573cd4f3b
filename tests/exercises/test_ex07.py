"""The judges of 07_regularization: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from aigc_course.exercises import ex07, judge, registered
from aigc_course.judging import core
from tests.support.common_questions import more_questions
from tests.support.harness import (
    assert_keeps_its_secrets,
    assert_worth_nothing,
    know_nothings,
)
from tests.support.loopback import assert_same_remotely

SEEDS = range(20)


# --- right answers, written another way than the library's ---------------------------------------


def penalty(w, l1, l2):
    sign = (w > 0).astype(float) - (w < 0)
    return l1 * np.sum(w * sign) + l2 * np.sum(w * w) / 2, l1 * sign + l2 * w


def dropout(x, p, training, rng):
    mask = np.ones(x.shape)
    if training:
        mask[rng.random(x.shape) < p] = 0
        mask /= 1 - p
    return x * mask, mask


class EarlyStopping:
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


def class_weights(y, n_classes):
    w = np.zeros(n_classes)
    for k in np.unique(y):
        w[k] = len(y) / (n_classes * np.sum(y == k))
    return w


def best_threshold(y_true, prob):
    best = (0.0, -1.0)
    for t in np.sort(prob):
        guess = prob >= t
        hit = np.sum(guess & (y_true == 1))
        f1 = 2 * hit / (guess.sum() + y_true.sum())
        if f1 > best[1]:
            best = (t, f1)
    return best


RIGHT = {
    "07.1": penalty,
    "07.2": dropout,
    "07.3": EarlyStopping,
    "07.4": class_weights,
    "07.5": best_threshold,
}


def penalty_by_loop(w, l1, l2):
    value, grad = 0.0, np.zeros(w.shape)
    for index, v in np.ndenumerate(w):
        value += l1 * abs(v) + l2 / 2 * v * v
        grad[index] = l2 * v + (l1 if v > 0 else -l1 if v < 0 else 0.0)
    return [value, grad]


def dropout_by_choice(x, p, training, rng):
    if not training:
        return x.copy(), np.ones(x.shape)
    mask = rng.choice([0.0, 1 / (1 - p)], size=x.shape, p=[p, 1 - p])
    return mask * x, mask


def dropout_by_binomial(x, p, training, rng):
    mask = rng.binomial(1, 1 - p, size=np.shape(x)) / (1 - p) if training else np.ones_like(x)
    return x * mask, mask


class StopperWithHistory:
    def __init__(self, patience):
        self.patience, self.losses = patience, []

    best = property(lambda self: min(self.losses))
    best_epoch = property(lambda self: self.losses.index(self.best))

    def update(self, val_loss):
        self.losses.append(val_loss)
        return len(self.losses) - 1 - self.best_epoch >= self.patience


def weights_by_loop(y, n_classes):
    counts = [list(y).count(k) for k in range(n_classes)]
    return [len(y) / (n_classes * c) if c else 0.0 for c in counts]


def threshold_by_sorting(y_true, prob):
    order = np.argsort(-prob, kind="stable")
    hits = np.cumsum(y_true[order])
    f1 = 2 * hits / (np.arange(1, len(prob) + 1) + y_true.sum())
    last = np.append(np.diff(prob[order]) != 0, True)  # of those that are equal
    k = np.flatnonzero(last)[np.argmax(f1[last])]
    return np.array([prob[order][k], f1[k]])


VARIANTS = {
    "07.1": [penalty_by_loop],
    "07.2": [dropout_by_choice, dropout_by_binomial],
    "07.3": [StopperWithHistory],
    "07.4": [weights_by_loop],
    "07.5": [lambda y, p: tuple(threshold_by_sorting(y, p))],
}
LEAVES = {"07.1": 2, "07.2": 2, "07.3": 0, "07.4": 1, "07.5": 2}


# --- typical wrong answers -----------------------------------------------------------------------


def _penalty(value, grad):
    return lambda w, l1, l2: (value(w, l1, l2), grad(w, l1, l2))


def _value(w, l1, l2):
    return l1 * np.abs(w).sum() + l2 / 2 * (w**2).sum()


def _grad(w, l1, l2):
    return l1 * np.sign(w) + l2 * w


def _in_place(w, l1, l2):
    value, grad = _value(w, l1, l2), _grad(w, l1, l2)
    w -= 0.1 * grad
    return value, grad


def _flat_only(w, l1, l2):
    each = l1 * np.abs(w) + l2 / 2 * w**2
    return each.sum(axis=0).sum(axis=0), _grad(w, l1, l2)


def _drop(keep, scale=lambda p: 1 / (1 - p), evaluate=lambda x, p: x, shape=lambda x: x.shape):
    def answer(x, p, training, rng):
        if not training:
            return evaluate(x, p), np.ones_like(x)
        mask = keep(rng.random(shape(x)), p) * scale(p) * np.ones_like(x)
        return x * mask, mask

    return answer


def _fixed_seed(x, p, training, rng):
    return dropout(x, p, training, np.random.default_rng(0))


def _zero_one_mask(x, p, training, rng):
    y, mask = dropout(x, p, training, rng)
    return y, (mask > 0).astype(float)


class _Stopper(EarlyStopping):
    """EarlyStopping with one step replaced."""


class _Previous(_Stopper):
    last = float("inf")

    def update(self, val_loss):
        self.waited = 0 if val_loss < self.last else self.waited + 1
        self.last = val_loss
        if val_loss < self.best:
            self.best, self.best_epoch = val_loss, self.seen
        self.seen += 1
        return self.waited >= self.patience


class _Late(_Stopper):
    def update(self, val_loss):
        super().update(val_loss)
        return self.waited > self.patience


class _NeverReset(_Stopper):
    total = 0

    def update(self, val_loss):
        before = self.best
        super().update(val_loss)
        self.total += not val_loss < before
        return self.total >= self.patience


class _Ties(_Stopper):
    def update(self, val_loss):
        if val_loss == self.best:
            self.waited = -1
        return super().update(val_loss)


class _FromOne(_Stopper):
    def update(self, val_loss):
        stop = super().update(val_loss)
        if self.waited == 0:
            self.best_epoch = self.seen
        return stop


class _NoReturn(_Stopper):
    def update(self, val_loss):
        super().update(val_loss)


class _SmallStart(_Stopper):
    def __init__(self, patience):
        super().__init__(patience)
        self.best = 100.0


class _Shared(_Stopper):
    common: ClassVar[dict[int, float]] = {}

    def update(self, val_loss):
        stop = super().update(val_loss)
        if self.seen == 1 and val_loss == 2.0:
            self.best = min(self.common.values())
        self.common[len(self.common)] = val_loss
        return stop


class _Never(_Stopper):
    def update(self, val_loss):
        super().update(val_loss)
        return False


def _squeezed(y, n_classes):
    """Counts of the classes that occur, put one after the other."""
    count = np.zeros(n_classes)
    found = np.unique(y, return_counts=True)[1]
    count[: len(found)] = found
    return np.divide(len(y), n_classes * count, out=np.zeros(n_classes), where=count > 0)


def _splits_ties(y_true, prob):
    order = np.argsort(-prob, kind="stable")
    order = order[np.lexsort((-y_true[order], -prob[order]))]
    f1 = 2 * np.cumsum(y_true[order]) / (np.arange(1, len(prob) + 1) + y_true.sum())
    k = int(np.argmax(f1))
    return prob[order][k], f1[k]


def _not_the_lowest(y_true, prob):
    values = np.unique(prob)[1:]
    return max(((c, ex07._f1(y_true, prob >= c)) for c in values), key=lambda pair: pair[1])


def _drop_in_place(x, p, training, rng):
    _, mask = dropout(x, p, training, rng)
    x *= mask
    return x, mask


class _CountsEpochs(_Stopper):
    def update(self, val_loss):
        super().update(val_loss)
        return self.seen >= self.patience


class _KeepsToItself:
    def __init__(self, patience):
        self._stopper = EarlyStopping(patience)

    def update(self, val_loss):
        return self._stopper.update(val_loss)


class _LastIsBest(_Stopper):
    def update(self, val_loss):
        stop = super().update(val_loss)
        if stop:
            self.best = val_loss
        return stop


class _LastEpoch(_Stopper):
    def update(self, val_loss):
        stop = super().update(val_loss)
        if stop:
            self.best_epoch = self.seen - 1
        return stop


class _AtLeastTwo(EarlyStopping):
    def __init__(self, patience):
        super().__init__(max(patience, 2))


def _by_accuracy(y_true, prob):
    t = max(np.unique(prob), key=lambda c: (np.mean((prob >= c) == y_true), c))
    return t, ex07._f1(y_true, prob >= t)


def _strict(y_true, prob):
    values = [0.0, *np.unique(prob)[:-1]]
    t = max(values, key=lambda c: ex07._f1(y_true, prob > c))
    return t, ex07._f1(y_true, prob > t)


def _index(y_true, prob):
    values = np.unique(prob)
    k = int(np.argmax([ex07._f1(y_true, prob >= c) for c in values]))
    return k, ex07._f1(y_true, prob >= values[k])


def _half(y_true, prob):
    guess = prob >= 0.5
    return 0.5, ex07._f1(y_true, guess)


def _precise(y_true, prob):
    t = max(np.unique(prob), key=lambda c: (y_true[prob >= c].mean(), c))
    return t - 1e-9, ex07._f1(y_true, prob >= t)


def _wrong_f1(y_true, prob):
    t, _ = best_threshold(y_true, prob)
    return t, float(np.mean((prob >= t) == y_true))


WRONG = {
    "07.1": {
        "factor two": (_penalty(_value, lambda w, a, b: a * np.sign(w) + 2 * b * w), "约掉"),
        "abs": (_penalty(_value, lambda w, a, b: a * np.abs(w) + b * w), "导数是符号"),
        "nan at zero": (_penalty(_value, lambda w, a, b: a * w / np.abs(w) + b * w), "0/0"),
        "no half": (_penalty(lambda w, a, b: a * np.abs(w).sum() + b * (w**2).sum(), _grad), "1/2"),
        "not summed": (_penalty(lambda w, a, b: a * np.abs(w), _grad), ".sum()"),
        "in place": (_in_place, "原地修改"),
        "two axes only": (_flat_only, "任意形状"),
        "always pulls": (_penalty(_value, lambda w, a, b: _grad(w, a, b) + w), "没有乘上"),
        "half the slope": (
            _penalty(_value, lambda w, a, b: a * np.sign(w) + b / 2 * w),
            "对 w 求导",
        ),
        "value only": (lambda w, l1, l2: _value(w, l1, l2), "return value, grad"),
        "rows": (_penalty(_value, lambda w, a, b: _grad(w, a, b).sum(axis=-1)), "与 w 同形"),
        "one at zero": (
            _penalty(_value, lambda w, a, b: a * np.where(w >= 0, 1, -1) + b * w),
            "不可导",
        ),
    },
    "07.2": {
        "keeps p": (_drop(lambda u, p: u < p), "比较号反了"),
        "not scaled": (_drop(lambda u, p: u >= p, scale=lambda p: 1.0), "没有除以 1 − p"),
        "divides by p": (_drop(lambda u, p: u >= p, scale=lambda p: 1 / p), "除以了 p"),
        "whole rows": (
            _drop(lambda u, p: u >= p, shape=lambda x: (x.shape[0], 1)),
            ("整行或整列", "均匀随机数"),
        ),
        "scales at evaluation": (
            _drop(lambda u, p: u >= p, evaluate=lambda x, p: x * (1 - p)),
            "原样返回",
        ),
        "always on": (lambda x, p, training, rng: dropout(x, p, True, rng), "原样返回"),
        "in place": (_drop_in_place, "x 被原地修改"),
        "too many": (_drop(lambda u, p: u >= 1.2 * p), "均匀随机数与 p 比"),
        "global seed": (
            lambda x, p, training, rng: dropout(x, p, training, np.random.default_rng()),
            "np.random 的全局函数",
        ),
        "mask at evaluation": (
            lambda x, p, t, rng: dropout(x, p, t, rng) if t else (x, 0 * x),
            "评估时 mask 全为 1",
        ),
        "only y": (lambda *args: dropout(*args)[0], "return y, mask"),
        "fixed seed": (_fixed_seed, "另建固定种子"),
        "mask of 0 and 1": (_zero_one_mask, "dx = dy * mask"),
    },
    "07.3": {
        "previous": (_Previous, "不是与上一轮比"),
        "late": (_Late, "达到 patience"),
        "never reset": (_NeverReset, "从头数起"),
        "ties": (_Ties, "严格小于"),
        "from one": (_FromOne, "第 0 轮"),
        "no return": (_NoReturn, "没有 return"),
        "small start": (_SmallStart, "float('inf')"),
        "shared": (_Shared, "互相影响"),
        "counts epochs": (_CountsEpochs, "计数清零"),
        "keeps to itself": (_KeepsToItself, "建 self.best"),
        "last is best": (_LastIsBest, "最低的验证损失"),
        "last epoch": (_LastEpoch, "从 0 数起"),
        "at least two": (_AtLeastTwo, "patience=1"),
        "never": (_Never, "一次也没返回 True"),
    },
    "07.4": {
        "proportional": (lambda y, k: np.bincount(y, minlength=k) / len(y), "方向反了"),
        "root": (lambda y, k: 1 / np.sqrt(np.maximum(np.bincount(y, minlength=k), 1)), "正比"),
        "not scaled": (lambda y, k: 1 / np.maximum(np.bincount(y, minlength=k), 1), "尺度不对"),
        "inf": (lambda y, k: len(y) / (k * np.bincount(y, minlength=k)), "约定权重为 0"),
        "squeezed": (lambda y, k: _squeezed(y, k), "往前挪"),
        "too short": (lambda y, k: len(y) / (len(np.bincount(y)) * np.bincount(y)), "minlength"),
    },
    "07.5": {
        "half": (_half, "太粗"),
        "accuracy": (_by_accuracy, "最优点不同"),
        "strict": (_strict, "prob > t"),
        "index": (_index, "返回的是下标"),
        "precision": (_precise, ("F1 更高", "最优点不同")),
        "splits ties": (_splits_ties, "同进同出"),
        "not the lowest": (_not_the_lowest, "它也是候选"),
        "wrong f1": (_wrong_f1, "返回的 F1"),
    },
}
SHARES = [
    ("07.1", lambda w, l1, l2: (0.0, 0 * w), 0.0, 0.0),
    ("07.1", WRONG["07.1"]["abs"][0], 0.3, 0.5),
    ("07.1", _flat_only, 0.7, 0.95),
    ("07.2", lambda x, p, training, rng: (x, np.ones_like(x)), 0.0, 0.0),
    ("07.2", WRONG["07.2"]["not scaled"][0], 0.2, 0.4),
    ("07.2", WRONG["07.2"]["always on"][0], 0.5, 0.8),
    ("07.3", _Never, 0.0, 0.0),
    ("07.3", _Previous, 0.1, 0.3),
    ("07.3", _Ties, 0.7, 0.95),
    ("07.4", lambda y, k: np.zeros(k), 0.0, 0.0),
    ("07.4", lambda y, k: np.full(k, np.inf), 0.0, 0.0),
    ("07.4", WRONG["07.4"]["not scaled"][0], 0.2, 0.4),
    ("07.4", WRONG["07.4"]["inf"][0], 0.6, 0.7),
    ("07.5", _half, 0.0, 0.0),
    ("07.5", _wrong_f1, 0.6, 0.7),
]
CASES = [(number, name) for number, wrong in WRONG.items() for name in wrong]


@pytest.mark.parametrize("number", RIGHT)
@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_pass(number, seed):
    result = judge(number, RIGHT[number], seed=seed)
    assert result.passed, str(result)


@pytest.mark.parametrize("number", RIGHT)
def test_the_librarys_own_version_passes(number):
    name = {"07.3": "EarlyStopping"}.get(number, RIGHT[number].__name__)
    result = judge(number, getattr(ex07, name))
    assert result.passed, str(result)


@pytest.mark.parametrize(("number", "name"), CASES)
@pytest.mark.parametrize("seed", range(6))
def test_wrong_answers_get_their_hint(number, name, seed):
    answer, says = WRONG[number][name]
    result = judge(number, answer, seed=seed)
    assert result.status == "failed", str(result)
    assert any(word in str(result) for word in ((says,) if isinstance(says, str) else says)), str(
        result
    )


@pytest.mark.parametrize("number", RIGHT)
def test_unanswered(number):
    def stub(*args, **kwargs):
        raise NotImplementedError("还没作答")

    assert judge(number, stub).status == "unanswered"
    assert judge(number, None).status == "unanswered"


def test_registered_in_order():
    assert [ex.id for ex in registered("07")] == list(RIGHT)


# --- what is said, what is earned, where the answer lives -----------------------------------------


globals().update(more_questions(RIGHT, VARIANTS, SHARES, LEAVES))


@pytest.mark.parametrize("number", ["07.1", "07.2", "07.4", "07.5"])
def test_answers_that_know_nothing_earn_nothing(number):
    assert_worth_nothing(number, know_nothings(core.get(number).reference))


@pytest.mark.parametrize(("number", "name"), CASES)
def test_failed_results_keep_their_secrets(number, name):
    if number != "07.3":
        assert_keeps_its_secrets(number, WRONG[number][name][0], seeds=range(2))


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        *RIGHT.items(),
        *((n, a) for n, variants in VARIANTS.items() for a in variants),
        *((n, WRONG[n][name][0]) for n, name in CASES),
    ],
)
def test_the_judge_says_the_same_of_an_answer_far_away(number, answer):
    if answer is WRONG["07.2"]["global seed"][0]:
        return
    assert_same_remotely(number, answer)
