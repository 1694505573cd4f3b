"""Chapter 05: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_course.exercises import ex05
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


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


def adam_as_pytorch(w, g, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, s = m + (g - m) * (1 - beta1), s * beta2 + g * g * (1 - beta2)
    root = np.sqrt(s) / np.sqrt(1 - beta2**t) + eps
    return w - lr / (1 - beta1**t) * m / root, m, s


def decay_as_pytorch(w, g, m, s, t, lr, weight_decay, decoupled):
    if decoupled:
        return adam_as_pytorch(w - lr * weight_decay * w, g, m, s, t, lr, 0.9, 0.999, 1e-8)
    return adam_as_pytorch(w, g + w * weight_decay, m, s, t, lr, 0.9, 0.999, 1e-8)


class Walker:
    """Replays each optimiser and compares the ratios that are defined."""

    def __call__(self, path, grads):
        steps = path[:-1] - path[1:]
        for name in ("Adam", "RMSprop", "AdaGrad", "Momentum", "SGD"):
            d = ex05.directions(name, grads)
            used = np.abs(d) > 1e-9 * np.abs(d).max()
            ratio = steps[used] / d[used]
            if np.ptp(ratio) < 1e-6 * abs(ratio).max():
                return name
        return "SGD"


def by_direction(path, grads):
    """The cosine between the whole path's steps and the whole of each optimiser's."""
    steps = np.diff(path, axis=0).ravel()
    found = {}
    for name in ex05.OPTIMIZERS:
        d = ex05.directions(name, grads).ravel()
        found[name] = steps @ d / (np.linalg.norm(steps) * np.linalg.norm(d))
    return min(found, key=found.get)


def rate_by_recursion(H, mu, form, weight_decay=0.0):
    """The eigenvalue, by the power method; the limit, by bisection on the roots."""
    v = np.ones(len(H)) + 0.01 * np.arange(len(H))
    for _ in range(5000):
        v = H @ v
        v = v / np.linalg.norm(v)
    curve = v @ H @ v + weight_decay
    own = (1 - mu) if form == "丙" else 1
    low, high = 0.0, 1e4
    for _ in range(200):
        mid = (low + high) / 2
        stable = np.abs(np.roots([1, -(1 + mu - own * mid * curve), mu])).max() < 1
        low, high = (mid, high) if stable else (low, mid)
    return low


def rate_by_norm(H, mu, form, weight_decay=0.0):
    curve = np.linalg.norm(H + weight_decay * np.eye(len(H)), 2)
    return np.float64({"甲": 1, "乙": 1, "丙": 1 / (1 - mu)}[form] * 2 * (1 + mu) / curve)


def schedule_by_numpy(t, total, warmup, peak, floor=0.0):
    rising = peak * (t + 1) / max(warmup, 1)
    u = np.clip((t - warmup) / (total - warmup), 0, 1)
    return np.where(t < warmup, rising, floor + (peak - floor) * np.cos(np.pi * u / 2) ** 2)


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("05.1", batches_by_yield),
    ("05.1", batches_by_split),
    ("05.1", lambda n, b, rng: iter(ex05.epoch_batches(n, b, rng))),
    ("05.2", momentum_in_a_list),
    ("05.3", adam_as_pytorch),
    ("05.4", decay_as_pytorch),
    ("05.5", schedule_by_numpy),
    ("05.6", Walker()),
    ("05.6", by_direction),
    ("05.7", rate_by_recursion),
    ("05.7", rate_by_norm),
]


# --- typical mistakes --------------------------------------------------------------------------


def cut(order, size):
    return [order[i : i + size] for i in range(0, len(order), size)]


def batches_full_only(n, b, rng):
    return [x for x in ex05.epoch_batches(n, b, rng) if len(x) == b]


def batches_shuffled_blocks(n, b, rng):
    """Only the full blocks change places; the rest stays last, so that the sizes are right."""
    blocks = cut(np.arange(n), b)
    return [blocks[i] for i in rng.permutation(len(blocks) - 1)] + blocks[-1:]


def batches_even(n, b, rng):
    return np.array_split(rng.permutation(n), -(-n // b))


def batches_of_fixed_seed(n, b, rng):
    return ex05.epoch_batches(n, b, np.random.default_rng(0))


def batches_real(n, b, rng):
    return [x / 1.0 for x in ex05.epoch_batches(n, b, rng)]


def batches_global_rng(n, b, rng):
    return cut(np.random.permutation(n), b)


def batches_rolled(n, b, rng):
    """The order of the data, begun somewhere else."""
    return cut(np.roll(np.arange(n), int(rng.integers(1, n))), b)


def batches_of_copied_rng(n, b, rng):
    return ex05.epoch_batches(n, b, copy.deepcopy(rng))


def momentum(step):
    """The right v, then ``step(w, g, old v, new v, lr, mu, nesterov)``."""

    def answer(w, g, v, lr, mu, nesterov=False):
        after = mu * v + g
        return step(w, g, v, after, lr, mu, nesterov), after

    return answer


def v_twice(w, g, v, new, lr, mu, nesterov):
    return w - lr * (new + mu * new * nesterov)


def momentum_average(w, g, v, lr, mu, nesterov=False):
    v = mu * v + (1 - mu) * g
    return w - lr * (g + mu * v if nesterov else v), v


def momentum_lr_in_v(w, g, v, lr, mu, nesterov=False):
    v = mu * v - lr * g
    return w + v, v


def momentum_in_place(w, g, v, lr, mu, nesterov=False):
    v *= mu
    v += g
    return w - lr * (g + mu * v if nesterov else v), v


def momentum_in_g(w, g, v, lr, mu, nesterov=False):
    now = g.copy()
    g += mu * v
    return w - lr * (now + mu * g if nesterov else g), g


def momentum_swapped(*args):
    return ex05.momentum_step(*args)[::-1]


def momentum_restarts(w, g, v, lr, mu, nesterov=False):
    w, v = ex05.momentum_step(w, g, v, lr, mu, nesterov)
    return w, g if nesterov else v


def nesterov_in_place(w, g, v, lr, mu, nesterov=False):
    return (momentum_in_place if nesterov else ex05.momentum_step)(w, g, v, lr, mu, nesterov)


def in_place(step, k):
    """``step``, which also changes its argument number ``k``."""

    def answer(*args):
        out = step(*args)
        args[k][...] += 1
        return out

    return answer


def right_move(m, s, t, b1, b2, eps):
    return m / (1 - b1**t) / (np.sqrt(np.abs(s) / (1 - b2**t)) + eps)


def adam(move=right_move, store=lambda m, s, *_: (m, s), power=2):
    """``move(m, s, t, beta1, beta2, eps)`` with what ``store`` returns kept."""

    def answer(w, g, m, s, t, lr, b1=0.9, b2=0.999, eps=1e-8):
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g**power
        return w - lr * move(m, s, t, b1, b2, eps), *store(m, s, t, b1, b2)

    return answer


def adam_no_correction(m, s, t, b1, b2, eps):
    return m / (np.sqrt(s) + eps)


def adam_eps_inside(m, s, t, b1, b2, eps):
    return m / (1 - b1**t) / np.sqrt(s / (1 - b2**t) + eps)


def adam_no_root(m, s, t, b1, b2, eps):
    return m / (1 - b1**t) / (s / (1 - b2**t) + eps)


def adam_one_late(m, s, t, b1, b2, eps):
    return right_move(m, s, t + 1, b1, b2, eps)


def corrected(m, s, t, b1, b2):
    return m / (1 - b1**t), s / (1 - b2**t)


def adam_betas_swapped(w, g, m, s, t, lr, beta1, beta2, eps):
    return ex05.adam_step(w, g, m, s, t, lr, beta2, beta1, eps)


def adam_forgets(w, g, m, s, t, lr, *rest):
    """Right for one step with any state, but starts from zero again when the step is late."""
    late = t > 5
    return ex05.adam_step(w, g, m * (not late), s * (not late), t, lr, *rest)


def adam_in_place_at_first(w, g, m, s, t, *rest):
    return (in_place(ex05.adam_step, 2) if t == 1 else ex05.adam_step)(w, g, m, s, t, *rest)


def adamw(w, g, m, s, t, lr, wd):
    return ex05.decay_step(w, g, m, s, t, lr, wd, True)


def l2(w, g, m, s, t, lr, wd):
    return ex05.decay_step(w, g, m, s, t, lr, wd, False)


def decay(coupled=l2, decoupled=adamw):
    """One function for each of the two branches."""
    return lambda *args: (decoupled if args[-1] else coupled)(*args[:-1])


def no_decay(w, g, m, s, t, lr, wd):
    return ex05.adam_step(w, g, m, s, t, lr)


def decay_without_lr(w, g, m, s, t, lr, wd):
    return ex05.adam_step(w * (1 - wd), g, m, s, t, lr)


def decay_after(w, g, m, s, t, lr, wd):
    new, m, s = ex05.adam_step(w, g, m, s, t, lr)
    return new * (1 - lr * wd), m, s


def decay_twice(w, g, m, s, t, lr, wd):
    return ex05.adam_step(w * (1 - lr * wd), g + wd * w, m, s, t, lr)


def decay_in_place(w, g, m, s, t, lr, wd):
    w *= 1 - lr * wd
    return ex05.adam_step(w, g, m, s, t, lr)


def l2_without_state(w, g, m, s, t, lr, wd):
    return l2(w, g, m, s, t, lr, wd)[0], *ex05.adam_step(w, g, m, s, t, lr)[1:]


def adamw_with_l2_state(w, g, m, s, t, lr, wd):
    return adamw(w, g, m, s, t, lr, wd)[0], *l2(w, g, m, s, t, lr, wd)[1:]


def half_cosine(u):
    return 0.5 * (1 + math.cos(math.pi * u))


def rising(up):
    """``up(t, warmup, peak)`` for the first part."""

    def answer(t, total, warmup, peak, floor=0.0):
        right = ex05.warmup_cosine(t, total, warmup, peak, floor)
        return up(t, warmup, peak) if t < warmup else right

    return answer


def falling(down):
    """``down(progress, peak, floor)`` for the second part."""

    def answer(t, total, warmup, peak, floor=0.0):
        if t < warmup:
            return peak * (t + 1) / warmup
        return down(min(1.0, (t - warmup) / (total - warmup)), peak, floor)

    return answer


def twice_as_deep(u, p, f):
    return f + (p - f) * math.cos(math.pi * u)


def schedule_from_start(t, total, warmup, peak, floor=0.0):
    if t < warmup:
        return peak * (t + 1) / warmup
    return floor + (peak - floor) * half_cosine(min(1.0, t / total))


def schedule_rebounds(t, total, warmup, peak, floor=0.0):
    if t < warmup:
        return peak * (t + 1) / warmup
    return floor + (peak - floor) * half_cosine((t - warmup) / (total - warmup))


def schedule_no_zero(t, total, warmup, peak, floor=0.0):
    low = peak * (t + 1) / warmup
    return low if t < warmup else ex05.warmup_cosine(t, total, warmup, peak, floor)


def schedule_other_floor(t, total, warmup, peak, floor=0.001):
    return ex05.warmup_cosine(t, total, warmup, peak, floor)


def no_empty_check(n, b, rng):
    order = rng.permutation(n)
    return [order[i * b : (i + 1) * b] for i in range(n // b + 1)]


def bytes_only(n, b, rng):
    return [x.astype(np.uint8) for x in ex05.epoch_batches(n, b, rng)]


def needs_a_full_batch(n, b, rng):
    return ex05.epoch_batches(n, b, rng) if n > b else []


def listed(step):
    return lambda *args: [part.tolist() for part in step(*args)]


def with_memory(step):
    """Right as long as it has not seen the same gradient before."""
    seen = set()

    def answer(w, g, *rest, **options):
        out = step(w, g, *rest, **options)
        key = (g.tobytes(), *(float(x) for x in rest if np.ndim(x) == 0))
        if key in seen:
            seen.clear()  # the next judgement begins anew
            return tuple(part + 1e-3 for part in out)
        seen.add(key)
        return out

    return answer


def adam_only(m_fixed, s_fixed):
    def move(m, s, t, b1, b2, eps):
        m = m / (1 - b1**t) if m_fixed else m
        return m / (np.sqrt(s / (1 - b2**t) if s_fixed else s) + eps)

    return adam(move)


def adam_power(m, s, t, b1, b2, eps):
    return m / (1 - b1) / (np.sqrt(s / (1 - b2)) + eps)


def adam_uphill(m, s, t, b1, b2, eps):
    return -right_move(m, s, t, b1, b2, eps)


def seen_by(test):
    """``test`` looks at ``ratio`` of the first step to the gradient, and the rest."""

    def answer(path, grads):
        with np.errstate(all="ignore"):
            return test(path[:-1] - path[1:], grads)

    return answer


def first_step_only(steps, grads):
    ratio = steps[0] / grads[0]
    return "SGD" if np.ptp(ratio) < 1e-9 * abs(ratio).max() else "Adam"


def no_history(steps, grads):
    """Tells SGD from Momentum, and all others alike."""
    ratio = steps / grads
    if np.ptp(ratio) < 1e-8 * abs(ratio).max():
        return "SGD"
    v = ex05.directions("Momentum", grads)
    ratio = steps / v
    return "Momentum" if np.ptp(ratio) < 1e-8 * abs(ratio).max() else "AdaGrad"


def by_ratio(steps, grads):
    """Right where no gradient is 0."""
    for name in ex05.OPTIMIZERS:
        ratio = steps / ex05.directions(name, grads)
        if np.ptp(ratio) < 1e-6 * abs(ratio).max():
            return name
    return "SGD"


def no_adam(steps, grads):
    names = ("SGD", "Momentum", "AdaGrad", "RMSprop")
    left = []
    for name in names:
        d = ex05.directions(name, grads)
        left.append(np.linalg.norm(steps - (steps * d).sum() / (d * d).sum() * d))
    return names[int(np.argmin(left))]


def long_only(steps, grads):
    return (
        ex05.which_optimizer(np.vstack([np.zeros(grads.shape[1]), -steps.cumsum(0)]), grads)
        if (grads.size > 3)
        else "SGD"
    )


def limit(curve=lambda H: np.linalg.eigvalsh(H)[-1], form=lambda mu: 1 / (1 - mu), decay=1.0):
    def answer(H, mu, kind, weight_decay=0.0):
        own = form(mu) if kind == "丙" else 1
        return 2 * (1 + mu) / (curve(H) + decay * weight_decay) * own

    return answer


WRONG = [
    Wrong("05.1", "empty batch", no_empty_check, "不该多一个空批", 80),
    Wrong("05.1", "small n", needs_a_full_batch, "唯一的一批", 90),
    Wrong("05.2", "lists", listed(ex05.momentum_step), "现在是列表", 0),
    Wrong("05.2", "memory", with_memory(ex05.momentum_step), "同样的输入，第二次", 44),
    Wrong("05.3", "memory", with_memory(ex05.adam_step), "同样的输入，第二次", 67),
    Wrong("05.4", "memory", with_memory(ex05.decay_step), "同样的输入，第二次", 40),
    Wrong("05.3", "lists", listed(ex05.adam_step), "现在是列表", 0),
    Wrong("05.3", "only m", adam_only(True, False), "只修正了 m", 33),
    Wrong("05.3", "only s", adam_only(False, True), "只修正了 s", 33),
    Wrong("05.3", "no power", adam(adam_power), "β 的 t 次方", 33),
    Wrong("05.3", "uphill", adam(adam_uphill), "符号反了", 33),
    Wrong("05.6", "first step", seen_by(first_step_only), "v 从 0 起步", 0),
    Wrong("05.6", "no adaptive", seen_by(no_history), "s 每步打折", 18),
    Wrong("05.6", "no adam", seen_by(no_adam), "±α", 36),
    Wrong("05.6", "long only", seen_by(long_only), "三步时也要认得", 55),
    Wrong("05.6", "ratios", seen_by(by_ratio), "0/0 是 nan", 73),
    Wrong("05.6", "number", lambda path, grads: 1, "五个名字里的一个", 0),
    Wrong("05.7", "diagonal", limit(lambda H: np.diag(H).max()), "对角线上最大", 0),
    Wrong("05.7", "trace", limit(np.trace), "不是迹", 0),
    Wrong("05.7", "frobenius", limit(np.linalg.norm), "Frobenius", 0),
    Wrong("05.7", "times", limit(form=lambda mu: 1 - mu), "要除不要乘", 29),
    Wrong("05.7", "same", limit(form=lambda mu: 1), "丙与甲不同", 29),
    Wrong("05.7", "no decay", limit(decay=0.0), "没有用上", 57),
    Wrong("05.7", "minus", limit(decay=-1.0), "上限变小", 57),
    Wrong("05.7", "twice", limit(decay=2.0), "不是 2λ", 57),
    Wrong("05.1", "full only", batches_full_only, "最后不满一批", 60),
    Wrong("05.1", "replaced", lambda n, b, rng: cut(rng.integers(n, size=n), b), "有放回", 0),
    Wrong("05.1", "in order", lambda n, b, rng: cut(np.arange(n), b), "没有打乱", 20),
    Wrong("05.1", "even", batches_even, "array_split", 0),
    Wrong("05.1", "shuffled blocks", batches_shuffled_blocks, "批内还是连号", 20),
    Wrong("05.1", "global rng", batches_global_rng, "从传进来的 rng 取", 20),
    Wrong("05.1", "fixed", batches_of_fixed_seed, "固定种子", 20),
    Wrong("05.1", "rolled", batches_rolled, "从中间切开", 20),
    Wrong("05.1", "copied rng", batches_of_copied_rng, "不要复制", 20),
    Wrong("05.1", "real", batches_real, "整数数组", 0),
    Wrong("05.2", "average", momentum_average, "加权和，不是加权平均", 0),
    Wrong("05.2", "lr in v", momentum_lr_in_v, "PyTorch 的写法", 0),
    Wrong("05.2", "sign", momentum(lambda w, g, v, n, lr, *_: w + lr * n), "符号反了", 22),
    Wrong("05.2", "old v", momentum(lambda w, g, v, n, lr, *_: w - lr * v), "用了旧的 v", 22),
    Wrong("05.2", "plain", momentum(lambda w, g, v, n, lr, *_: w - lr * n), "False 一样", 56),
    Wrong("05.2", "v and more v", momentum(v_twice), "底子是当前梯度", 56),
    Wrong("05.2", "in place", momentum_in_place, "v 被原地修改", 89),
    Wrong("05.2", "in place, g", momentum_in_g, "g 被原地修改", 89),
    Wrong("05.2", "in place, w", in_place(ex05.momentum_step, 0), "w 被原地修改", 89),
    Wrong("05.2", "restarts v", momentum_restarts, "v 的更新不变", 78),
    Wrong("05.2", "no v", lambda *args: ex05.momentum_step(*args)[0], "要返回 w, v", 0),
    Wrong("05.2", "swapped", momentum_swapped, "对调了", 0),
    Wrong("05.2", "stays", lambda w, g, v, *_: (w, v), "μ × 旧 v + 梯度", 0),
    Wrong("05.3", "no correction", adam(adam_no_correction), "没有做偏差修正", 33),
    Wrong("05.3", "eps inside", adam(adam_eps_inside), "ε 加在根号外面", 33),
    Wrong("05.3", "no root", adam(adam_no_root), "忘了开平方", 33),
    Wrong("05.3", "stores corrected", adam(store=corrected), "存下来的 m 不能是修正过的", 0),
    Wrong("05.3", "betas swapped", adam_betas_swapped, "β1 与 β2 用反了", 0),
    Wrong("05.3", "no square", adam(power=1), "平均的是 g 的平方", 17),
    Wrong("05.3", "one late", adam(adam_one_late), "t 从 1 数起", 33),
    Wrong("05.3", "forgets", adam_forgets, "状态没有正确地传下去", 75),
    Wrong("05.3", "in place, m", in_place(ex05.adam_step, 2), "m 被原地修改", 92),
    Wrong("05.3", "in place, s", in_place(ex05.adam_step, 3), "s 被原地修改", 92),
    Wrong("05.3", "no s", lambda *args: ex05.adam_step(*args)[:2], "要返回 w, m, s", 0),
    Wrong("05.3", "stays", lambda w, g, m, s, *_: (w, m, s), "m 是梯度的指数滑动平均", 0),
    Wrong("05.4", "always l2", decay(l2, l2), "衰减不该经过 m 和 s", 50),
    Wrong("05.4", "without lr", decay(l2, decay_without_lr), "衰减要乘学习率", 50),
    Wrong("05.4", "after", decay(l2, decay_after), "衰减的是旧的 w", 50),
    Wrong("05.4", "twice", decay(l2, decay_twice), "衰减做了两次", 50),
    Wrong("05.4", "no l2", decay(no_decay), "decoupled=False 时衰减没有起作用", 0),
    Wrong("05.4", "branches swapped", decay(adamw, l2), "两个分支写反了", 0),
    Wrong("05.4", "l2 without state", decay(l2_without_state), "也要进 m 和 s", 20),
    Wrong("05.4", "adamw with state", decay(l2, adamw_with_l2_state), "只有损失的梯度", 70),
    Wrong("05.4", "in place, g", in_place(ex05.decay_step, 1), "g 被原地修改", 90),
    Wrong("05.4", "in place, later", decay(l2, decay_in_place), "w 被原地修改", 90),
    Wrong("05.5", "zero first", rising(lambda t, warmup, p: p * t / warmup), "就白走了", 0),
    Wrong("05.5", "no warmup", rising(lambda t, warmup, p: p), "热身还没做", 0),
    Wrong("05.5", "from the start", schedule_from_start, "从热身结束处算起", 22),
    Wrong("05.5", "no floor", falling(lambda u, p, f: p * half_cosine(u)), "停在 floor", 22),
    Wrong("05.5", "no half", falling(twice_as_deep), "压到 0 和 1 之间", 22),
    Wrong("05.5", "linear", falling(lambda u, p, f: f + (p - f) * (1 - u)), "线性下降", 22),
    Wrong("05.5", "rebounds", schedule_rebounds, "用 min 截住进度", 67),
    Wrong("05.5", "no zero", schedule_no_zero, "当心除以 0", 89),
    Wrong("05.5", "other floor", schedule_other_floor, "floor 默认是 0.0", 67),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("05.2", "in place, nesterov", nesterov_in_place, "v 被原地修改", 89),
    Wrong("05.3", "in place, first", adam_in_place_at_first, "m 被原地修改", 92),
    Wrong("05.5", "constant", lambda t, total, warmup, peak, floor=0.0: peak, "热身还没做", 0),
]


globals().update(
    questions(
        "05",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        let_pass={"05.1": ["list"], "05.2": ["stale"]},
        same_hint=SAME_HINT,
        by_chance=(batches_global_rng,),
    )
)
