"""The judges of 05_optimizers: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest

from aigc_course.exercises import judge, registered
from aigc_course.judging import core
from tests.support.common_questions import more_questions
from tests.support.harness import (
    assert_keeps_its_secrets,
    assert_worth_nothing,
    know_nothings,
)
from tests.support.loopback import assert_same_remotely

SEEDS = range(20)


# --- right answers -------------------------------------------------------------------------------


def epoch_batches(n, batch_size, rng):
    order = rng.permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def momentum_step(w, g, v, lr, mu, nesterov=False):
    v = mu * v + g
    return w - lr * (g + mu * v if nesterov else v), v


def adam_step(w, g, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return w - lr * m_hat / (np.sqrt(s_hat) + eps), m, s


def decay_step(w, g, m, s, t, lr, weight_decay, decoupled):
    if decoupled:
        w = w * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * w
    return adam_step(w, g, m, s, t, lr)


def warmup_cosine(t, total, warmup, peak, floor=0.0):
    if t < warmup:
        return peak * (t + 1) / warmup
    u = min(1.0, (t - warmup) / (total - warmup))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * u))


RIGHT = {
    "05.1": epoch_batches,
    "05.2": momentum_step,
    "05.3": adam_step,
    "05.4": decay_step,
    "05.5": warmup_cosine,
}


def batches_by_yield(n, batch_size, rng):
    left = list(range(n))
    rng.shuffle(left)
    while left:
        yield left[:batch_size]
        left = left[batch_size:]


def batches_by_split(n, batch_size, rng):
    order = np.argsort(rng.random(n))
    return tuple(np.split(order, range(batch_size, n, batch_size)))


def momentum_in_a_list(w, g, v, lr, mu, nesterov=False):
    v_new = g + v * mu
    w_new = w - v_new * lr
    if nesterov:
        w_new = w - lr * g - lr * mu * v_new
    return [w_new, v_new]


def adam_as_pytorch(w, g, m, s, t, lr, beta1, beta2, eps):
    m, s = m + (g - m) * (1 - beta1), s * beta2 + g * g * (1 - beta2)
    root = np.sqrt(s) / np.sqrt(1 - beta2**t) + eps
    return w - lr / (1 - beta1**t) * m / root, m, s


def decay_as_pytorch(w, g, m, s, t, lr, weight_decay, decoupled):
    if decoupled:
        w, m, s = adam_as_pytorch(w - lr * weight_decay * w, g, m, s, t, lr, 0.9, 0.999, 1e-8)
    else:
        w, m, s = adam_as_pytorch(w, g + w * weight_decay, m, s, t, lr, 0.9, 0.999, 1e-8)
    return w, m, s


def schedule_by_numpy(t, total, warmup, peak, floor=0.0):
    rising = peak * (t + 1) / max(warmup, 1)
    u = np.clip((t - warmup) / (total - warmup), 0, 1)
    return np.where(t < warmup, rising, floor + (peak - floor) * np.cos(np.pi * u / 2) ** 2)


VARIANTS = {
    "05.1": [batches_by_yield, batches_by_split],
    "05.2": [momentum_in_a_list],
    "05.3": [adam_as_pytorch],
    "05.4": [decay_as_pytorch],
    "05.5": [schedule_by_numpy],
}
LEAVES = {"05.1": 7, "05.2": 2, "05.3": 3, "05.4": 3, "05.5": 1}


# --- typical wrong answers -----------------------------------------------------------------------


def _cut(order, size):
    return [order[i : i + size] for i in range(0, len(order), size)]


def _drop_last(n, b, rng):
    return [x for x in epoch_batches(n, b, rng) if len(x) == b]


def _shuffled_blocks(n, b, rng):
    """Only the full blocks change places; the rest stays last, so that the sizes are right."""
    blocks = _cut(np.arange(n), b)
    return [blocks[i] for i in rng.permutation(len(blocks) - 1)] + blocks[-1:]


def _momentum(new_v, step):
    def answer(w, g, v, lr, mu, nesterov=False):
        after = new_v(g, v, lr, mu)
        return step(w, g, v, after, lr, mu, nesterov), after

    return answer


def _right_v(g, v, lr, mu):
    return mu * v + g


def _right_w(w, g, v, new, lr, mu, nesterov):
    return w - lr * (g + mu * new if nesterov else new)


def _momentum_in_place(w, g, v, lr, mu, nesterov=False):
    v *= mu
    v += g
    return w - lr * (g + mu * v if nesterov else v), v


def _adam(update, store=lambda m, s, *_: (m, s), b=lambda b1, b2: (b1, b2), square=True):
    def answer(w, g, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        b1, b2 = b(beta1, beta2)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * (g**2 if square else g)
        new = w - lr * update(m, s, t, b1, b2, eps)
        return new, *store(m, s, t, b1, b2)

    return answer


def _right_update(m, s, t, b1, b2, eps):
    return m / (1 - b1**t) / (np.sqrt(np.abs(s) / (1 - b2**t)) + eps)


def _corrected(m, s, t, b1, b2):
    return m / (1 - b1**t), s / (1 - b2**t)


def _forgets_state(w, g, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """Right for one step with any state, but starts from zero again when the step is late."""
    if t > 5:
        m, s = np.zeros_like(m), np.zeros_like(s)
    return adam_step(w, g, m, s, t, lr, beta1, beta2, eps)


def _decay(l2=None, w_after=None):
    def answer(w, g, m, s, t, lr, weight_decay, decoupled):
        if not decoupled:
            return (
                l2(w, g, m, s, t, lr, weight_decay)
                if l2
                else decay_step(w, g, m, s, t, lr, weight_decay, False)
            )
        return w_after(w, g, m, s, t, lr, weight_decay)

    return answer


def _adamw(w, g, m, s, t, lr, wd):
    return decay_step(w, g, m, s, t, lr, wd, True)


def _l2(w, g, m, s, t, lr, wd):
    return decay_step(w, g, m, s, t, lr, wd, False)


def _no_decay(w, g, m, s, t, lr, wd):
    return adam_step(w, g, m, s, t, lr)


def _without_lr(w, g, m, s, t, lr, wd):
    return adam_step(w * (1 - wd), g, m, s, t, lr)


def _after(w, g, m, s, t, lr, wd):
    new, m, s = adam_step(w, g, m, s, t, lr)
    return new * (1 - lr * wd), m, s


def _twice(w, g, m, s, t, lr, wd):
    return adam_step(w * (1 - lr * wd), g + wd * w, m, s, t, lr)


def _schedule(up=None, down=None):
    def answer(t, total, warmup, peak, floor=0.0):
        if t < warmup:
            return up(t, warmup, peak) if up else peak * (t + 1) / warmup
        u = min(1.0, (t - warmup) / (total - warmup))
        if down:
            return down(t, total, u, peak, floor)
        return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * u))

    return answer


def _rebound(t, total, warmup, peak, floor=0.0):
    if t < warmup:
        return peak * (t + 1) / warmup
    u = (t - warmup) / (total - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * u))


def _rolled(n, b, rng):
    """The order of the data, begun somewhere else."""
    return _cut(np.roll(np.arange(n), int(rng.integers(1, n))), b)


def _copied_rng(n, b, rng):
    return epoch_batches(n, b, copy.deepcopy(rng))


def _swapped(*args):
    w, v = momentum_step(*args)
    return v, w


def _g_in_place(w, g, v, lr, mu, nesterov=False):
    g += mu * v
    return w - lr * g, g


def _no_zero_warmup(t, total, warmup, peak, floor=0.0):
    u = min(1.0, (t - warmup) / (total - warmup))
    low = peak * (t + 1) / warmup
    return low if t < warmup else floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * u))


def _in_place(step, k):
    """``step``, which also changes its argument number ``k``."""

    def answer(*args):
        out = step(*args)
        args[k][...] += 1
        return out

    return answer


def _restarts_v(w, g, v, lr, mu, nesterov=False):
    w, v = momentum_step(w, g, v, lr, mu, nesterov)
    return w, g if nesterov else v


def _l2_without_state(w, g, m, s, t, lr, wd):
    return _l2(w, g, m, s, t, lr, wd)[0], *adam_step(w, g, m, s, t, lr)[1:]


def _adamw_with_l2_state(w, g, m, s, t, lr, wd):
    return _adamw(w, g, m, s, t, lr, wd)[0], *_l2(w, g, m, s, t, lr, wd)[1:]


def _other_floor(t, total, warmup, peak, floor=0.001):
    return warmup_cosine(t, total, warmup, peak, floor)


WRONG: dict[str, list[tuple[str, Callable]]] = {
    "05.1": [
        ("最后不满一批", _drop_last),
        ("有放回", lambda n, b, rng: _cut(rng.integers(n, size=n), b)),
        ("没有打乱", lambda n, b, rng: _cut(np.arange(n), b)),
        ("array_split", lambda n, b, rng: np.array_split(rng.permutation(n), -(-n // b))),
        ("批内还是连号", _shuffled_blocks),
        ("从传进来的 rng 取", lambda n, b, rng: _cut(np.random.permutation(n), b)),
        ("固定种子", lambda n, b, rng: epoch_batches(n, b, np.random.default_rng(0))),
        ("从中间切开", _rolled),
        ("不要复制", _copied_rng),
        ("整数数组", lambda n, b, rng: [x / 1.0 for x in epoch_batches(n, b, rng)]),
    ],
    "05.2": [
        ("加权和，不是加权平均", _momentum(lambda g, v, lr, mu: mu * v + (1 - mu) * g, _right_w)),
        (
            "PyTorch 的写法",
            _momentum(lambda g, v, lr, mu: mu * v - lr * g, lambda w, g, v, n, *_: w + n),
        ),
        ("符号反了", _momentum(_right_v, lambda w, g, v, n, lr, mu, nag: w + lr * n)),
        ("用了旧的 v", _momentum(_right_v, lambda w, g, v, n, lr, mu, nag: w - lr * v)),
        ("与 nesterov=False 一样", _momentum(_right_v, lambda w, g, v, n, lr, *_: w - lr * n)),
        (
            "底子是当前梯度",
            _momentum(
                _right_v,
                lambda w, g, v, n, lr, mu, nag: w - lr * (n + mu * n if nag else n),
            ),
        ),
        ("原地修改", _momentum_in_place),
        ("g 被原地修改", _g_in_place),
        ("w 被原地修改", _in_place(momentum_step, 0)),
        ("v 的更新不变", _restarts_v),
        ("一共 2 个", lambda *args: momentum_step(*args)[0]),
        ("对调了", _swapped),
    ],
    "05.3": [
        ("没有做偏差修正", _adam(lambda m, s, t, b1, b2, eps: m / (np.sqrt(s) + eps))),
        (
            "ε 加在根号外面",
            _adam(lambda m, s, t, b1, b2, e: m / (1 - b1**t) / np.sqrt(s / (1 - b2**t) + e)),
        ),
        (
            "忘了开平方",
            _adam(lambda m, s, t, b1, b2, e: m / (1 - b1**t) / (s / (1 - b2**t) + e)),
        ),
        ("存下来的 m 不能是修正过的", _adam(_right_update, store=_corrected)),
        ("β1 与 β2 用反了", _adam(_right_update, b=lambda b1, b2: (b2, b1))),
        ("平均的是 g 的平方", _adam(_right_update, square=False)),
        (
            "t 从 1 数起",
            _adam(lambda m, s, t, b1, b2, e: _right_update(m, s, t + 1, b1, b2, e)),
        ),
        ("状态没有正确地传下去", _forgets_state),
        ("m 被原地修改", _in_place(adam_step, 2)),
        ("s 被原地修改", _in_place(adam_step, 3)),
        ("一共 3 个", lambda *args: adam_step(*args)[:2]),
    ],
    "05.4": [
        ("衰减不该经过 m 和 s", _decay(None, _l2)),
        ("衰减要乘学习率", _decay(None, _without_lr)),
        ("衰减的是旧的 w", _decay(None, _after)),
        ("衰减做了两次", _decay(None, _twice)),
        ("decoupled=False 时衰减没有起作用", _decay(_no_decay, _adamw)),
        ("两个分支写反了", _decay(_adamw, _l2)),
        ("也要进 m 和 s", _decay(_l2_without_state, _adamw)),
        ("只有损失的梯度", _decay(None, _adamw_with_l2_state)),
        ("g 被原地修改", _in_place(decay_step, 1)),
    ],
    "05.5": [
        ("这一步就白走了", _schedule(up=lambda t, warmup, peak: peak * t / warmup)),
        ("热身还没做", _schedule(up=lambda t, warmup, peak: peak)),
        (
            "从热身结束处算起",
            _schedule(
                down=lambda t, T, u, p, f: f + (p - f) * 0.5 * (1 + math.cos(math.pi * t / T))
            ),
        ),
        (
            "停在 floor，不是 0",
            _schedule(down=lambda t, T, u, p, f: p * 0.5 * (1 + math.cos(math.pi * u))),
        ),
        (
            "压到 0 和 1 之间",
            _schedule(down=lambda t, T, u, p, f: f + (p - f) * math.cos(math.pi * u)),
        ),
        ("线性下降", _schedule(down=lambda t, T, u, p, f: f + (p - f) * (1 - u))),
        ("用 min 截住进度", _rebound),
        ("当心除以 0", _no_zero_warmup),
        ("floor 默认是 0.0", _other_floor),
    ],
}


SHARES = [
    ("05.1", _drop_last, 0.7, 0.8),
    ("05.1", WRONG["05.1"][2][1], 0.2, 0.3),  # in order
    ("05.1", WRONG["05.1"][1][1], 0.0, 0.0),  # with replacement
    ("05.2", lambda w, g, v, lr, mu, nesterov=False: (w, v), 0.0, 0.0),
    ("05.2", lambda w, g, v, lr, mu, nesterov=False: momentum_step(w, g, v, lr, mu), 0.5, 0.7),
    ("05.3", WRONG["05.3"][0][1], 0.3, 0.5),  # without correction
    ("05.3", lambda w, g, m, s, *rest: (w, m, s), 0.0, 0.0),
    ("05.4", WRONG["05.4"][0][1], 0.5, 0.5),  # always L2
    ("05.4", _decay(_no_decay, _adamw), 0.0, 0.0),
    ("05.5", _rebound, 0.6, 0.8),
    ("05.5", lambda t, total, warmup, peak, floor=0.0: peak, 0.0, 0.0),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("number", RIGHT)
def test_right_answer_passes(number, seed):
    result = judge(number, RIGHT[number], seed=seed)
    assert result.status == "passed", str(result)


@pytest.mark.parametrize("seed", [None, 0, 1, 2, 3])
@pytest.mark.parametrize(
    ("number", "hint", "answer"), [(n, h, a) for n, cases in WRONG.items() for h, a in cases]
)
def test_typical_mistake_gets_its_own_hint(number, hint, answer, seed):
    result = judge(number, answer, seed=seed)
    assert result.status == "failed", str(result)
    failed = [step for step in result.steps if not step.ok]
    assert len(failed) == 1
    assert hint in failed[0].hint + failed[0].detail, str(result)


@pytest.mark.parametrize("number", WRONG)
def test_hints_are_distinct(number):
    hints = [
        next((s.label, s.hint, s.detail) for s in judge(number, answer, seed=0).steps if not s.ok)
        for _, answer in WRONG[number]
    ]
    assert len(set(hints)) == len(hints) >= 3


def _stub(*args, **kwargs):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [None, ..., _stub])
@pytest.mark.parametrize("number", RIGHT)
def test_unanswered(number, answer):
    assert judge(number, answer).status == "unanswered"


@pytest.mark.parametrize("number", RIGHT)
def test_forgotten_return_is_a_hint_not_a_crash(number):
    result = judge(number, lambda *args, **kwargs: None)
    assert result.status == "failed", str(result)


def test_a_generator_of_batches_is_as_good_as_a_list():
    assert judge("05.1", lambda n, b, rng: iter(epoch_batches(n, b, rng))).passed


def test_all_five_are_registered():
    assert [ex.id for ex in registered("05")] == sorted(RIGHT)


# --- what is said, what is earned, where the answer lives -----------------------------------------


globals().update(more_questions(RIGHT, VARIANTS, SHARES, LEAVES))


@pytest.mark.parametrize("number", RIGHT)
def test_answers_that_know_nothing_earn_nothing(number):
    assert_worth_nothing(number, know_nothings(core.get(number).reference))


@pytest.mark.parametrize(
    ("number", "answer"), [(n, a) for n, cases in WRONG.items() for _, a in cases]
)
def test_failed_results_keep_their_secrets(number, answer):
    assert_keeps_its_secrets(number, answer, seeds=range(2))


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        *RIGHT.items(),
        *((n, a) for n, variants in VARIANTS.items() for a in variants),
        *((n, a) for n, cases in WRONG.items() for _, a in cases),
    ],
)
def test_the_judge_says_the_same_of_an_answer_far_away(number, answer):
    assert_same_remotely(number, answer)
