"""The judges of 07_regularization: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_course.exercises import ex07, judge, registered

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


class _Never(_Stopper):
    def update(self, val_loss):
        super().update(val_loss)
        return False


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
        "never": (_Never, "一次也没返回 True"),
    },
    "07.4": {
        "proportional": (lambda y, k: np.bincount(y, minlength=k) / len(y), "方向反了"),
        "root": (lambda y, k: 1 / np.sqrt(np.maximum(np.bincount(y, minlength=k), 1)), "正比"),
        "not scaled": (lambda y, k: 1 / np.maximum(np.bincount(y, minlength=k), 1), "尺度不对"),
        "inf": (lambda y, k: len(y) / (k * np.bincount(y, minlength=k)), "约定权重为 0"),
        "too short": (lambda y, k: len(y) / (len(np.bincount(y)) * np.bincount(y)), "minlength"),
    },
    "07.5": {
        "half": (_half, "太粗"),
        "accuracy": (_by_accuracy, "最优点不同"),
        "strict": (_strict, "prob > t"),
        "index": (_index, "返回的是下标"),
        "precision": (_precise, ("F1 更高", "最优点不同")),
        "wrong f1": (_wrong_f1, "返回的 F1"),
    },
}
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
