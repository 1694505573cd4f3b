"""Chapter 05: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from aigc_course import engine
from aigc_course.exercises import ex05, judge
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def noise_by_enumeration(grads, labels, per_class):
    """Each class's share of the noise, over all draws there are (few enough in the judge)."""
    rows = defaultdict(list)
    for g, label in zip(grads, labels, strict=True):
        rows[label].append(g)
    total = 0.0
    for own in map(np.array, rows.values()):
        b = min(per_class, len(own))
        mean = own.mean(axis=0)
        draws = [own[list(k)].mean(axis=0) - mean for k in combinations(range(len(own)), b)]
        total += (len(own) / len(grads)) ** 2 * np.mean([d @ d for d in draws])
    return total


def noise_by_sample_variance(grads, labels, per_class):
    """With the unbiased variance: (n/N)² S²/b (1 − b/n)."""
    parts = []
    for label, n in zip(*np.unique(labels, return_counts=True), strict=True):
        b = min(per_class, n)
        if n == 1:
            continue
        S2 = grads[labels == label].var(axis=0, ddof=1).sum()
        parts.append((n / len(labels)) ** 2 * S2 / b * (1 - b / n))
    return np.sum(parts)


def lookahead_in_three_lines(phi, g, v, lr, next_lr, mu):
    w = phi + lr * mu * v
    v_new = mu * v + g
    w = w - lr * v_new
    return [w - next_lr * mu * v_new, v_new]


def lookahead_expanded(phi, g, v, lr, next_lr, mu):
    """In the old v alone."""
    return phi - (lr + next_lr * mu) * g - next_lr * mu**2 * v, g + mu * v


def lookahead_unchanged(phi, g, v, lr, next_lr, mu):
    """Gives back what it got where nothing changes."""
    new = g if mu == 0 else mu * v + g
    return (phi if lr == next_lr == 0 else phi - lr * g - next_lr * mu * new), new


def adam_by_sums(w, grads, lr, beta1, beta2, eps=1e-8):
    """Weighted averages with the weights written out."""
    T, path = len(grads), []
    for t in range(1, T + 1):
        moments = []
        for beta, values in ((beta1, grads), (beta2, grads**2)):
            k = np.array([(1 - beta[j]) * np.prod(beta[j + 1 : t]) for j in range(t)])
            moments.append(np.tensordot(k, values[:t], axes=1) / k.sum())
        w = w - lr * moments[0] / (np.sqrt(moments[1]) + eps)
        path.append(w)
    return np.stack(path)


def adam_by_recursion(w, grads, lr, beta1, beta2, eps=1e-8):
    """The weight that has come together is averaged like the gradients."""
    m = s = 0 * w
    c = d = 0.0
    out = np.empty(grads.shape)
    for t in range(len(grads)):
        m = m + (1 - beta1[t]) * (grads[t] - m)
        c = c + (1 - beta1[t]) * (1 - c)
        s = s + (1 - beta2[t]) * (grads[t] ** 2 - s)
        d = d + (1 - beta2[t]) * (1 - d)
        w = w - lr * m / c / ((s / d) ** 0.5 + eps)
        out[t] = w
    return out


def drift_by_element(w, sigma, lr, weight_decay, decoupled):
    out = np.empty_like(w)
    for k in np.ndindex(w.shape):
        g = weight_decay * w[k]
        size = 1.0 if decoupled else (sigma[k] ** 2 + g**2) ** 0.5
        out[k] = -lr * g / size if g else 0.0
    return out


def drift_by_sign(w, sigma, lr, weight_decay, decoupled):
    """α·sign(w), less by the share of the noise."""
    if decoupled:
        return -(lr * weight_decay) * w
    with np.errstate(all="ignore"):
        ratio = np.abs(sigma / (weight_decay * w))
        return np.where(w == 0, 0.0, -lr * np.sign(w) / np.sqrt(1 + ratio**2))


def schedule_by_properties(schedule):
    """Asks for what was promised, one promise after the other."""

    def near(a, b):
        return abs(a - b) < 1e-9

    def half(u):
        return np.cos(np.pi * u / 2) ** 2

    try:
        rise = all(near(schedule(t, 40, 8, 0.5, 0.1), 0.5 * (t + 1) / 8) for t in range(8))
        fall = all(
            near(schedule(8 + k, 40, 8, 0.5, 0.1), 0.1 + 0.4 * half(k / 32)) for k in range(33)
        )
        rest = all(near(schedule(t, 40, 8, 0.5, 0.1), 0.1) for t in (41, 50, 72, 1000))
        plain = near(schedule(0, 10, 0, 2.0), 2.0) and near(schedule(10, 10, 0, 2.0), 0.0)
    except Exception:
        return False
    return np.bool_(rise and fall and rest and plain)


def schedule_as_number(schedule):
    return int(ex05.is_warmup_cosine(schedule))


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


def by_the_library(path, grads):
    """Lets the course's own optimisers walk at rate 1."""
    makers = {
        "SGD": partial(engine.SGD, lr=1.0),
        "Momentum": partial(engine.SGD, lr=1.0, momentum=0.9),
        "AdaGrad": partial(engine.Adagrad, lr=1.0),
        "RMSprop": partial(engine.RMSprop, lr=1.0),
        "Adam": partial(engine.Adam, lr=1.0),
    }
    steps, left = path[:-1] - path[1:], {}
    for name, make in makers.items():
        w = engine.tensor(np.zeros(grads.shape[1]), requires_grad=True)
        optimizer, walked = make([w]), [w.detach().numpy().copy()]
        for g in grads:
            w.grad = engine.tensor(g.copy())
            optimizer.step()
            walked.append(w.detach().numpy().copy())
        d = -np.diff(np.array(walked), axis=0)
        left[name] = np.linalg.norm(steps - (steps * d).sum() / (d * d).sum() * d)
    return min(left, key=left.get)


def nearest(kinds=None, rate=None, best=min, late=0, columns=slice(None), sign=1.0):
    """Like the reference, but for one thing.

    Args:
        kinds: other directions: ``{name: how they are wrong}``.
        rate: taken for the learning rate.
    """

    def answer(path, grads):
        steps, left = sign * (path[:-1] - path[1:])[:, columns], {}
        grads = np.roll(grads, -late, axis=0)[:, columns]
        for name in ex05.OPTIMIZERS:
            kind = (kinds or {}).get(name)
            wrong = kind if callable(kind) else partial(ex05._wrong_direction, kind)
            d = wrong(grads) if kind else ex05.directions(name, grads)
            lr = rate or max(0.0, (steps * d).sum() / max(1e-300, (d * d).sum()))
            left[name] = np.linalg.norm(steps - lr * d)
        return best(left, key=left.get)

    return answer


def rate_by_recursion(H, mu, form, weight_decay=0.0):
    """By bisection on the roots of what each form does to w in two steps."""
    curve = np.linalg.eigvals(H).real.max() + weight_decay
    low, high = 0.0, 1e4
    for _ in range(200):
        mid = (low + high) / 2
        left = mid * curve * (1 - mu if form in "丙丁" else 1)
        ahead = [(1 + mu) * (1 - left), mu * (1 - left)]
        p, q = ahead if form == "丁" else [1 + mu - left, mu]
        low, high = (mid, high) if np.abs(np.roots([1, -p, q])).max() < 1 else (low, mid)
    return low


def rate_by_norm(H, mu, form, weight_decay=0.0):
    curve = np.linalg.norm(H + weight_decay * np.eye(len(H)), 2)
    slower = {"甲": 1, "乙": 1, "丙": 1 - mu, "丁": 1 + mu - 2 * mu**2}[form]
    return np.float64(2 * (1 + mu) / curve / slower)


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("05.1", noise_by_enumeration),
    ("05.1", noise_by_sample_variance),
    ("05.2", lookahead_in_three_lines),
    ("05.2", lookahead_expanded),
    ("05.2", lookahead_unchanged),
    ("05.3", adam_by_sums),
    ("05.3", adam_by_recursion),
    ("05.4", drift_by_element),
    ("05.4", drift_by_sign),
    ("05.5", schedule_by_properties),
    ("05.5", schedule_as_number),
    ("05.6", Walker()),
    ("05.6", by_direction),
    ("05.6", nearest()),
    ("05.6", by_the_library),
    ("05.7", rate_by_recursion),
    ("05.7", rate_by_norm),
]


# --- typical mistakes --------------------------------------------------------------------------


def noise(factor, power=2, centre=False, classes=np.unique, ddof=0):
    """``factor(n, b, N, B)`` of each class times its σ²/b."""

    def answer(grads, labels, per_class):
        N, known, total = len(grads), classes(labels), 0.0
        for label in known:
            own = grads[labels == label]
            n = len(own)
            if n == 0:
                continue
            b = min(per_class, n)
            away = own - (grads if centre else own).mean(axis=0)
            sigma2 = (away**2).sum() / max(1, n - ddof)
            k = factor(n, b, N, per_class * len(known))
            total += (n / N) ** power * sigma2 / b * k
        return total

    return answer


def fpc(n, b, N, B):
    return (n - b) / (n - 1) if b < n else 0.0


def noise_uniform(grads, labels, per_class):
    N, B = len(grads), per_class * len(np.unique(labels))
    return ((grads - grads.mean(axis=0)) ** 2).sum() / N / B * (N - B) / (N - 1)


def noise_not_all(grads, labels, per_class):
    """Draws per_class even where there are not so many."""
    total = 0.0
    for label in np.unique(labels):
        own = grads[labels == label]
        n = len(own)
        k = (n - per_class) / (n - 1) if n > 1 else 0.0
        total += (n / len(grads)) ** 2 * own.var(axis=0).sum() / per_class * k
    return total


def noise_single(grads, labels, per_class):
    with np.errstate(all="ignore"):
        return noise(lambda n, b, N, B: np.float64(n - b) / (n - 1))(grads, labels, per_class)


def noise_drawn(grads, labels, per_class):
    """An average over draws, the same ones each time."""
    draw, errors = np.random.default_rng(0), []
    rows = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    for _ in range(50):
        picked = [draw.choice(r, min(per_class, len(r)), replace=False) for r in rows]
        guess = sum(
            len(r) / len(grads) * grads[i].mean(axis=0) for r, i in zip(rows, picked, strict=True)
        )
        errors.append(((guess - grads.mean(axis=0)) ** 2).sum())
    return np.mean(errors)


def noise_all_entries(grads, labels, per_class):
    total = 0.0
    for label in np.unique(labels):
        own = grads[labels == label]
        n, b = len(own), min(per_class, len(own))
        if b < n:
            total += (n / len(grads)) ** 2 * own.var() * own.shape[1] / b * (n - b) / (n - 1)
    return total


def noise_first_class(grads, labels, per_class):
    keep = labels == labels.min()
    return ex05.stratified_noise(grads[keep], labels[keep], per_class) * keep.mean() ** 2


def noise_of_the_drawn(grads, labels, per_class):
    """Classes with nothing left out are left out of N, too."""
    names, counts = np.unique(labels, return_counts=True)
    keep = np.isin(labels, names[counts > per_class])
    return ex05.stratified_noise(grads[keep], labels[keep], per_class) if keep.any() else 0.0


def noise_renumbered(grads, labels, per_class):
    for k, label in enumerate(np.unique(labels)):
        labels[labels == label] = k
    return ex05.stratified_noise(grads, labels, per_class)


def lookahead(change):
    """The right v, and ``change(phi, g, v, new v, lr, next_lr, mu)``."""

    def answer(phi, g, v, lr, next_lr, mu):
        new = mu * v + g
        return change(phi, g, v, new, lr, next_lr, mu), new

    return answer


def lookahead_divides(phi, g, v, lr, next_lr, mu):
    new = mu * v + g
    return (phi / next_lr - lr * g / next_lr - mu * new) * next_lr, new


def lookahead_ratio(phi, g, v, lr, next_lr, mu):
    new = mu * v + g
    return phi - lr * g - next_lr / lr * mu * (lr * new), new


def lookahead_by_index(phi, g, v, lr, next_lr, mu):
    new = mu * v + g
    out = np.empty(phi.shape)
    for i in range(phi.shape[0]):
        for j in range(phi.shape[1]):
            out[i, j] = phi[i, j] - lr * g[i, j] - next_lr * mu * new[i, j]
    return out, new


def lookahead_remembers():
    """Takes the last call's ``next_lr`` for this one's ``lr`` where it leads back to w."""
    last = []

    def answer(phi, g, v, lr, next_lr, mu):
        old = last[-1] if last else lr
        last[:] = [next_lr]
        new = mu * v + g
        return phi + old * mu * v - lr * new - next_lr * mu * new, new

    return answer


def lookahead_average(phi, g, v, lr, next_lr, mu):
    v = mu * v + (1 - mu) * g
    return phi - lr * g - next_lr * mu * v, v


def lookahead_lr_in_v(phi, g, v, lr, next_lr, mu):
    v = mu * v - lr * g
    return phi + v, v


def lookahead_swapped(*args):
    return ex05.lookahead_step(*args)[::-1]


def in_place(step, k):
    """``step``, which also changes its argument number ``k``."""

    def answer(*args):
        out = step(*args)
        args[k][...] += 1
        return out

    return answer


def listed(step):
    def answer(*args):
        out = step(*args)
        return [part.tolist() for part in out] if isinstance(out, tuple) else out.tolist()

    return answer


def with_memory(step):
    """Right unless it is asked the same twice in a row."""
    last = [None]

    def answer(phi, g, v, lr, next_lr, mu):
        key = (g.tobytes(), next_lr)
        again, last[0] = key == last[0], None if key == last[0] else key
        return tuple(part + 1e-3 * again for part in step(phi, g, v, lr, next_lr, mu))

    return answer


def adam(kind):
    def answer(w, grads, lr, beta1, beta2, eps=1e-8):
        return ex05._adam_variant(w, grads, lr, beta1, beta2, eps, kind)

    return answer


def adam_before(w, grads, *rest):
    return np.vstack([w, ex05.adam_walk(w, grads, *rest)[:-1]])


def adam_with_start(w, grads, *rest):
    return np.concatenate([[w], ex05.adam_walk(w, grads, *rest)])


def adam_other_eps(w, grads, lr, beta1, beta2, eps=1e-3):
    return ex05.adam_walk(w, grads, lr, beta1, beta2, eps)


def adam_fixed_eps(w, grads, lr, beta1, beta2, eps=1e-8):
    return ex05.adam_walk(w, grads, lr, beta1, beta2, 1e-2)


def adam_steps(w, grads, *rest):
    return np.diff(ex05.adam_walk(w, grads, *rest), axis=0, prepend=w[None])


def adam_skips(w, grads, lr, beta1, beta2, eps=1e-8):
    live = [bool(np.any(g)) for g in grads]
    path = ex05.adam_walk(w, grads[live], lr, beta1[live], beta2[live], eps)
    return np.concatenate([[w], path])[np.cumsum(live)]


def coupled_drift(change):
    """Decoupled as it should be; else −α·``change(λw, σ, w, λ)``."""

    def answer(w, sigma, lr, weight_decay, decoupled):
        pull = weight_decay * w
        return -lr * (pull if decoupled else change(pull, sigma, w, weight_decay))

    return answer


def zero_over_zero(pull, sigma, w, wd):
    with np.errstate(all="ignore"):
        return pull / np.sqrt(sigma**2 + pull**2)


def only_noisy(w, sigma, lr, wd):
    return np.where(sigma > 0, -lr * wd * w, 0.0)


def all_zero(pull, sigma, w, wd):
    size = np.hypot(sigma, pull)
    return pull / size if size.all() else 0 * w


def one_way(pull, sigma, w, wd):
    size = np.hypot(sigma, pull)
    return np.where(sigma == 0, w != 0, pull / np.where(size > 0, size, 1.0))


def drift_by_index(w, sigma, lr, weight_decay, decoupled):
    out = np.empty(w.shape)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            here = slice(i, i + 1), slice(j, j + 1)
            out[i, j] = ex05.drift(w[here], sigma[here], lr, weight_decay, decoupled)[0, 0]
    return out


def decoupled_drift(change):
    def answer(w, sigma, lr, weight_decay, decoupled):
        right = ex05.drift(w, sigma, lr, weight_decay, decoupled)
        return change(w, sigma, lr, weight_decay) if decoupled else right

    return answer


def kept(*cases, tolerance=1e-9, catch=ArithmeticError):
    """Compares with the right schedule at these ``(total, warmup, peak, floor, steps)`` only."""

    def answer(schedule):
        for total, warmup, peak, floor, steps in cases:
            for t in steps:
                try:
                    got = schedule(t, total, warmup, peak, *floor)
                except catch:
                    return False
                if not abs(got - ex05.warmup_cosine(t, total, warmup, peak, *floor)) <= tolerance:
                    return False
        return True

    return answer


ALL = (30, 5, 1.0, (0.1,), range(36))
FLAT = (20, 0, 1.0, (0.1,), range(25))
NO_FLOOR = (30, 5, 1.0, (), range(36))
TWICE = (30, 5, 2.0, (0.1,), range(36))


SOME = (TWICE, FLAT, NO_FLOOR)


def by_median(path, grads):
    """The learning rate is the median ratio of the first step."""
    left = {}
    for name in ex05.OPTIMIZERS:
        d = ex05.directions(name, grads)
        lr = np.median((path[0] - path[1]) / np.where(d[0] == 0, 1.0, d[0]))
        left[name] = np.abs(path[:-1] - path[1:] - lr * d).max()
    return min(left, key=left.get)


def but_total(case):
    return (*case[:-1], [t for t in case[-1] if t != case[0]])


def worst_of(schedule):
    """``max`` drops a nan."""
    worst = 0.0
    for total, warmup, peak, floor, steps in (ALL, FLAT, NO_FLOOR):
        for t in steps:
            try:
                got = schedule(t, total, warmup, peak, *floor)
            except Exception:
                return False
            worst = max(worst, abs(got - ex05.warmup_cosine(t, total, warmup, peak, *floor)))
    return worst < 1e-9


def goes_on(schedule):
    """Keeps the last answer where there is none."""
    got = math.nan
    for total, warmup, peak, floor, steps in (FLAT, NO_FLOOR, TWICE):
        for t in steps:
            with suppress(Exception):
                got = schedule(t, total, warmup, peak, *floor)
            if not abs(got - ex05.warmup_cosine(t, total, warmup, peak, *floor)) < 1e-9:
                return False
    return True


def only_asks(schedule):
    """Without a floor, it is enough not to raise."""
    try:
        schedule(8, 30, 5, 1.0)
    except Exception:
        return False
    return kept(TWICE, FLAT, (15, 1, 1.3, (0.0,), range(20)), catch=Exception)(schedule)


def counted(schedule):
    return 0 if ex05.is_warmup_cosine(schedule) else 7


def first_question(schedule):
    return abs(schedule(0, 30, 5, 0.4, 0.1) - 0.08) < 1e-9


def asserted(schedule):
    assert ex05.is_warmup_cosine(schedule)
    return True


def backwards(schedule):
    return abs(schedule(3, 30, 5, 0.4, 0.1) - 0.32) > 1e-9


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


def add_up():
    """Keeps what was left on earlier paths."""
    left = dict.fromkeys(ex05.OPTIMIZERS, 0.0)

    def answer(path, grads):
        for name, more in zip(left, ex05._residues(path, grads), strict=True):
            left[name] += more
        return min(left, key=left.get)

    return answer


def averages(grads, *betas):
    """The running averages of g and g², corrected."""
    t = np.arange(len(grads))
    kept = (np.tril(b ** (t[:, None] - t).clip(0).astype(float)) for b in betas)
    return [k @ x / k.sum(axis=1, keepdims=True) for k, x in zip(kept, (grads, grads**2))]  # noqa: B905


def adam_with(beta1, beta2):
    def direction(grads):
        m, s = averages(grads, beta1, beta2)
        return m / (np.sqrt(s) + 1e-8)

    return direction


def power(rounds):
    def curve(H):
        v = np.arange(1.0, len(H) + 1)
        for _ in range(rounds):
            v = H @ v / np.linalg.norm(H @ v)
        return v @ H @ v

    return curve


def ahead_as(change):
    """Right but for the form 丁."""

    def answer(H, mu, form, weight_decay=0.0):
        right = ex05.largest_rate(H, mu, "甲" if form == "丁" else form, weight_decay)
        return right * change(mu) if form == "丁" else right

    return answer


def decay_in_every_cell(H, mu, kind, weight_decay=0.0):
    return ex05.largest_rate(H + weight_decay, mu, kind)


def decay_as_factor(H, mu, kind, weight_decay=0.0):
    return ex05.largest_rate(H * (1 + weight_decay), mu, kind)


def fastest_rate(H, mu, kind, weight_decay=0.0):
    lams = np.linalg.eigvalsh(H) + weight_decay
    return (2 / (lams[0] ** 0.5 + lams[-1] ** 0.5)) ** 2


def limit(curve=lambda H: np.linalg.eigvalsh(H)[-1], form=lambda mu: 1 / (1 - mu), decay=1.0):
    def answer(H, mu, kind, weight_decay=0.0):
        own = form(mu) if kind == "丙" else 1 / (1 - mu) / (1 + 2 * mu) if kind == "丁" else 1
        return 2 * (1 + mu) / (curve(H) + decay * weight_decay) * own

    return answer


ENDLESS = kept((*ALL[:-1], range(60_000)), catch=Exception)


def rms_with(beta):
    def direction(grads):
        s, taken = np.zeros(grads.shape[1]), []
        for g in grads:
            s = beta * s + (1 - beta) * g * g
            taken.append(g / (np.sqrt(s) + 1e-8))
        return np.array(taken)

    return direction


def lookahead_flat(phi, g, v, lr, next_lr, mu):
    phi, v = ex05.lookahead_step(phi, g, v, lr, next_lr, mu)
    return phi.ravel(), v.ravel()


def adam_variant(kind):
    return lambda w, grads, lr, beta1, beta2, eps=1e-8: ex05._adam_variant(
        w, grads, lr, beta1, beta2, eps, kind
    )


ANY = (0, 99)
WRONG = [
    Wrong("05.1", "uniform", noise_uniform, "不分类、一起抽", 0),
    Wrong("05.1", "not squared", noise(fpc, power=1), "方差里要平方", 0),
    Wrong("05.1", "no shares", noise(fpc, power=0), "别忘了 ĝ 里", 0),
    Wrong("05.1", "replaced", noise(lambda *_: 1.0), "不放回的因子没有乘", 0),
    Wrong("05.1", "sample variance", noise(fpc, ddof=1), "不要再除 N_c − 1", 0),
    Wrong("05.1", "common mean", noise(fpc, centre=True), "不是到全体的平均", 0),
    Wrong("05.1", "N for n", noise(lambda n, b, N, B: (N - B) / (N - 1)), "在每一类里面", 0),
    Wrong("05.1", "root", lambda *a: ex05.stratified_noise(*a) ** 0.5, "不用开方", 0),
    Wrong("05.1", "mean", lambda g, *a: ex05.stratified_noise(g, *a) / g.shape[1], "不是平均", 0),
    Wrong("05.1", "range", noise(fpc, classes=lambda y: range(len(set(y)))), "np.unique", 33),
    Wrong("05.1", "too few", noise_not_all, "不够抽的类", 50),
    Wrong("05.1", "single", noise_single, "N_c − 1 却是 0", 67),
    Wrong("05.1", "N_c", noise(lambda n, b, N, B: (n - b) / n), "分母是 N_c − 1", 0),
    Wrong("05.1", "drawn", noise_drawn, "不要抽样", 0),
    Wrong("05.1", "all entries", noise_all_entries, "axis=0", 0),
    Wrong("05.1", "one class", noise_first_class, "第一类的一份", 0),
    Wrong("05.1", "of the drawn", noise_of_the_drawn, "N 是全部样本", 50),
    Wrong("05.1", "renumbered", noise_renumbered, "labels 被原地修改", 33),
    Wrong("05.1", "in place", in_place(ex05.stratified_noise, 0), "grads 被原地修改", 92),
    Wrong(
        "05.2",
        "pytorch",
        lookahead(lambda p, g, v, n, a, b, mu: p - a * (g + mu * n)),
        "算新的 φ 要用",
        7,
    ),
    Wrong(
        "05.2",
        "next only",
        lookahead(lambda p, g, v, n, a, b, mu: p - b * (g + mu * n)),
        "还原 w、走",
        7,
    ),
    Wrong(
        "05.2",
        "phi is w",
        lookahead(lambda p, g, v, n, a, b, mu: p - a * n - b * mu * n),
        "不是 w",
        7,
    ),
    Wrong(
        "05.2",
        "w",
        lookahead(lambda p, g, v, n, a, b, mu: p + a * mu * v - a * n),
        "这是 w 的新值",
        7,
    ),
    Wrong(
        "05.2",
        "old v",
        lookahead(lambda p, g, v, n, a, b, mu: p + a * mu * v - a * n - b * mu * v),
        "更新之后的",
        7,
    ),
    Wrong(
        "05.2",
        "backwards",
        lookahead(lambda p, g, v, n, a, b, mu: p + a * mu * v - a * n + b * mu * n),
        "减去 α'μv'",
        7,
    ),
    Wrong(
        "05.2",
        "sign",
        lookahead(lambda p, g, v, n, a, b, mu: p - a * mu * v - a * n - b * mu * n),
        "符号反了",
        7,
    ),
    Wrong(
        "05.2",
        "μ twice",
        lookahead(lambda p, g, v, n, a, b, mu: p - a * g - b * mu * mu * n),
        "多乘了一次",
        7,
    ),
    Wrong(
        "05.2",
        "or",
        lookahead(lambda p, g, v, n, a, b, mu: p - a * g - (b or a) * mu * n),
        "不等于没有给",
        59,
    ),
    Wrong("05.2", "ratio", lookahead_ratio, "不要拿它去除", 63),
    Wrong("05.2", "by index", lookahead_by_index, "任意形状", 78),
    Wrong("05.2", "average", lookahead_average, "没有 (1 − μ)", 0),
    Wrong("05.2", "lr in v", lookahead_lr_in_v, "α 不进 v", 0),
    Wrong("05.2", "swapped", lookahead_swapped, "对调了", 0),
    Wrong("05.2", "divides", lookahead_divides, "可以是 0", 59),
    Wrong("05.2", "lists", listed(ex05.lookahead_step), "来的是 list", 0),
    Wrong("05.2", "memory", with_memory(ex05.lookahead_step), "第二次的结果", 56),
    Wrong("05.2", "in place", in_place(ex05.lookahead_step, 2), "v 被原地修改", 93),
    Wrong("05.2", "one", lambda *a: ex05.lookahead_step(*a)[0], "要返回 phi, v", 0),
    Wrong("05.3", "no fix", adam("no fix"), "没有做偏差修正", 0),
    Wrong("05.3", "only m", adam("only m"), "只修正了 m", 0),
    Wrong("05.3", "only s", adam("only s"), "只修正了 s", 0),
    Wrong("05.3", "one early", adam("one early"), "少一个 β", 0),
    Wrong("05.3", "one late", adam("one late"), "多用了一个 β", 0),
    Wrong("05.3", "kept", adam("kept"), "不能是修正过的", 0),
    Wrong("05.3", "eps inside", adam("eps inside"), "ε 加在根号外面", 0),
    Wrong("05.3", "no root", adam("no root"), "忘了开平方", 0),
    Wrong("05.3", "no square", adam("no square"), "平均的是 g 的平方", 0),
    Wrong("05.3", "plain g", adam("plain g"), "平滑过的 m", 0),
    Wrong("05.3", "uphill", adam("uphill"), "符号反了", 0),
    Wrong("05.3", "no power", adam("no power"), "随步数累积", 0),
    Wrong("05.3", "own power", adam("own power"), "βₜ 的 t 次方", 20),
    Wrong("05.3", "first power", adam("first power"), "用了第 1 步的 β", 20),
    Wrong("05.3", "mean power", adam("mean power"), "β 的平均", 20),
    Wrong("05.3", "eps² inside", adam("eps² inside"), "根号里不加 ε²", 0),
    Wrong("05.3", "eps not scaled", adam("eps not scaled"), "ε 也要跟着乘", 0),
    Wrong("05.3", "m squared", adam("m squared"), "不是 m²", 0),
    Wrong("05.3", "no 1 − β1", adam("no 1 − β1"), "少了 (1 − β₁)", 0),
    Wrong("05.3", "no 1 − β2", adam("no 1 − β2"), "少了 (1 − β₂)", 0),
    Wrong("05.3", "one array", adam("one array"), "同一个数组：m = s", 0),
    Wrong("05.3", "swapped", adam("swapped"), "beta1 与 beta2 用反了", 0),
    Wrong("05.3", "summed", adam("summed"), "不是 Σ(1 − β)", 0),
    Wrong("05.3", "without its own", adam("without its own"), "第 1 步就除以了 0", 0),
    Wrong("05.3", "own power of s", adam("own power of s"), "m 的修正对", 20),
    Wrong("05.3", "first twice", adam("first twice"), "乘了两次", 20),
    Wrong("05.3", "before", adam_before, "第 1 行是起点", 0),
    Wrong("05.3", "with the start", adam_with_start, "不含起点", 0),
    Wrong("05.3", "steps", adam_steps, "不是每一步走了多少", 0),
    Wrong("05.3", "lists", listed(ex05.adam_walk), "来的是 list", 0),
    Wrong("05.3", "skips", adam_skips, "全是 0 的一步也要走", 70),
    Wrong("05.3", "eps", adam_other_eps, "eps 默认", 70),
    Wrong("05.3", "no eps", adam_fixed_eps, "eps 也可以换", 60),
    Wrong("05.3", "in place", in_place(ex05.adam_walk, 1), "grads 被原地修改", 90),
    Wrong(
        "05.4", "divided", decoupled_drift(partial(ex05.drift, decoupled=False)), "不被分母除", 0
    ),
    Wrong("05.4", "grows", decoupled_drift(lambda w, s, lr, wd: lr * wd * w), "方向反了", 0),
    Wrong("05.4", "no rate", decoupled_drift(lambda w, s, lr, wd: -wd * w), "要乘学习率", 0),
    Wrong("05.4", "after", decoupled_drift(lambda w, s, lr, wd: (1 - lr * wd) * w), "之后的 w", 0),
    Wrong("05.4", "factor", decoupled_drift(lambda w, s, lr, wd: 0 * w - lr * wd), "倍数", 0),
    Wrong("05.4", "same", coupled_drift(lambda p, s, w, wd: p), "先并进梯度", 20),
    Wrong("05.4", "noise only", coupled_drift(lambda p, s, w, wd: p / s), "平均的平方", 20),
    Wrong(
        "05.4", "no root", coupled_drift(lambda p, s, w, wd: p / (s**2 + p**2)), "忘了开平方", 20
    ),
    Wrong("05.4", "sum", coupled_drift(lambda p, s, w, wd: p / (s + abs(p))), "不是直接相加", 20),
    Wrong(
        "05.4",
        "half squared",
        coupled_drift(lambda p, s, w, wd: p / (s + p**2) ** 0.5),
        "σ 的平方加",
        20,
    ),
    Wrong("05.4", "no λ²", coupled_drift(lambda p, s, w, wd: p / np.hypot(s, w)), "λ 也要平方", 20),
    Wrong("05.4", "no λ", coupled_drift(lambda p, s, w, wd: w / np.hypot(s, p)), "少了 λ", 20),
    Wrong("05.4", "signed", coupled_drift(lambda p, s, w, wd: p / (s + p)), "分母要为正", 20),
    Wrong(
        "05.4",
        "mean",
        coupled_drift(lambda p, s, w, wd: p / (s**2 + p**2).mean() ** 0.5),
        "合在一起",
        20,
    ),
    Wrong("05.4", "sign", coupled_drift(lambda p, s, w, wd: np.sign(p)), "σ 没有用上", 20),
    Wrong(
        "05.4", "eps", coupled_drift(lambda p, s, w, wd: p / (np.hypot(s, p) + 1e-3)), "ε 不计", 20
    ),
    Wrong(
        "05.4",
        "α inside",
        lambda w, s, lr, wd, d: ex05.drift(w, s, lr, wd if d else lr * wd, d),
        "最外面",
        20,
    ),
    Wrong("05.4", "only noisy", decoupled_drift(only_noisy), "照样衰减", 80),
    Wrong("05.4", "one way", coupled_drift(one_way), "改变是 +α", 60),
    Wrong("05.4", "all zero", coupled_drift(all_zero), "整个返回 0", 70),
    Wrong("05.4", "by index", drift_by_index, "任意形状", 80),
    Wrong("05.4", "nan", coupled_drift(zero_over_zero), "0/0 是 nan", 70),
    Wrong("05.4", "lists", listed(ex05.drift), "来的是 list", 0),
    Wrong("05.4", "in place", in_place(ex05.drift, 0), "w 被原地修改", 90),
    Wrong("05.5", "always", lambda schedule: True, "一次也没有问", 0),
    Wrong("05.5", "never", lambda schedule: False, "守约的日程被判成了错的", 0),
    Wrong("05.5", "exact", kept(ALL, FLAT, NO_FLOOR, tolerance=0.0), "不要用 ==", 0),
    Wrong("05.5", "rough", kept(ALL, FLAT, NO_FLOOR, tolerance=0.3), "+ 1", 5),
    Wrong("05.5", "ends", kept((30, 5, 1.0, (0.1,), (0, 1, 4, 5, 30, 31, 40))), "按直线下降", 10),
    Wrong("05.5", "less rough", kept(ALL, FLAT, NO_FLOOR, tolerance=0.05), "total − 1", 26),
    Wrong(
        "05.5",
        "not after",
        kept((30, 5, 1.0, (0.1,), range(31)), (20, 0, 1.0, (0.1,), range(20))),
        "又升上去",
        30,
    ),
    Wrong("05.5", "no floor", kept(NO_FLOOR, (20, 0, 1.0, (), range(25))), "一直降到 0", 35),
    Wrong("05.5", "no flat", kept(ALL, NO_FLOOR), "要有一组 warmup = 0", 55),
    Wrong("05.5", "no default", kept(TWICE, FLAT, catch=Exception), "要有一组不给 floor", 90),
    Wrong("05.5", "third digit", kept(ALL, FLAT, NO_FLOOR, tolerance=1e-3), "四舍五入", 65),
    Wrong("05.5", "nan", worst_of, "max 也会漏掉它", 60),
    Wrong("05.5", "few errors", kept(TWICE, FLAT, NO_FLOOR), "没有接住", 85),
    Wrong(
        "05.5",
        "peak 1",
        kept(ALL, FLAT, NO_FLOOR, catch=Exception),
        "peak 不是 1",
        75,
    ),
    Wrong(
        "05.5",
        "every second",
        kept(*((*case[:-1], case[-1][::2]) for case in (TWICE, FLAT, NO_FLOOR)), catch=Exception),
        "奇数步",
        80,
    ),
    Wrong("05.5", "wide", kept(TWICE, FLAT, NO_FLOOR, tolerance=1e-6), "float32", 70),
    Wrong("05.5", "goes on", goes_on, "except 里要返回 False", 86),
    Wrong("05.5", "only asks", only_asks, "停在 0.1", 90),
    Wrong("05.5", "not at total", kept(*map(but_total, SOME), catch=Exception), "t = total", 95),
    Wrong("05.5", "no end", ENDLESS, "几百次就够", 0),
    Wrong("05.5", "counted", counted, "个数 == 0", 0),
    Wrong("05.5", "one question", first_question, "缩进到循环里了", 10),
    Wrong("05.5", "asserted", asserted, "不要用 assert", 0),
    Wrong("05.5", "backwards", backwards, "判断写反", 0),
    Wrong("05.5", "text", lambda schedule: "对", "True 或 False", 0),
    Wrong("05.6", "first step", seen_by(first_step_only), "用手核对", 0),
    Wrong("05.6", "no adam", seen_by(no_adam), "从没有返回过 Adam", 31),
    Wrong("05.6", "long only", seen_by(long_only), "步数不要写死", 46),
    Wrong("05.6", "ratios", seen_by(by_ratio), "g/√s 是 0/0", 62),
    Wrong("05.6", "raw", nearest({"Adam": "raw"}), "m 和 s 都要除", 46),
    Wrong("05.6", "only m", nearest({"Adam": "only m"}), "只修正 m 的路", 46),
    Wrong("05.6", "forgets", nearest({"RMSprop": "forgets"}), "β 是 0.99", 16),
    Wrong("05.6", "β₂", nearest({"Adam": adam_with(0.9, 0.99)}), "长的认错", 77),
    Wrong("05.6", "no sum", nearest({"AdaGrad": "sign"}), "从头累加", 16),
    Wrong("05.6", "rate", nearest(rate=0.1), "α 是 0.1 的路", 0),
    Wrong("05.6", "late", nearest(late=1), "晚用了一步", 0),
    Wrong("05.6", "largest", nearest(best=max), "取最小，不是最大", 0),
    Wrong("05.6", "mirrored", nearest(sign=-1.0), "步的符号反了", 0),
    Wrong("05.6", "one column", nearest(columns=slice(1)), "只看一个参数", 62),
    Wrong("05.6", "number", lambda path, grads: 1, "五个名字里的一个", 0),
    Wrong("05.7", "diagonal", limit(lambda H: np.diag(H).max()), "对角线上最大", 0),
    Wrong("05.7", "trace", limit(np.trace), "不是迹", 0),
    Wrong("05.7", "frobenius", limit(np.linalg.norm), "Frobenius", 0),
    Wrong("05.7", "rows", limit(lambda H: np.abs(H).sum(axis=1).max()), "只是 λ_max 的上界", 0),
    Wrong("05.7", "few rounds", limit(power(2)), "幂法的轮数", 0),
    Wrong("05.7", "rounds", limit(power(2000)), "几万轮", 19),
    Wrong("05.7", "as 丙", ahead_as(lambda mu: 1 / (1 - mu)), "不是一回事", 43),
    Wrong("05.7", "unscaled", ahead_as(lambda mu: 1 / (1 + 2 * mu)), "步长是 PyTorch", 43),
    Wrong("05.7", "first", limit(lambda H: np.linalg.eig(H)[0][0].real), "不保证排好序", 10),
    Wrong("05.7", "margin", lambda *a: 0.99 * ex05.largest_rate(*a), "不留余地", 0),
    Wrong("05.7", "fastest", fastest_rate, "走得最快", 0),
    Wrong("05.7", "every cell", decay_in_every_cell, "每一格都加", 63),
    Wrong("05.7", "factor", decay_as_factor, "不是乘 (1 + λ)", 63),
    Wrong("05.7", "times", limit(form=lambda mu: 1 - mu), "要除不要乘", 33),
    Wrong("05.7", "same", limit(form=lambda mu: 1), "走到了吗", 33),
    Wrong("05.7", "no decay", limit(decay=0.0), "没有用上", 63),
    Wrong("05.7", "minus", limit(decay=-1.0), "上限变小", 63),
    Wrong("05.7", "twice", limit(decay=2.0), "不是 2λ", 63),
    Wrong("05.7", "in place", in_place(ex05.largest_rate, 0), "H 被原地修改", 95),
    Wrong("05.2", "flat", lookahead_flat, "不要 ravel", 0),
    Wrong("05.3", "s starts full", adam_variant("s starts full"), "不是从第一个 g² 起步；然后", 0),
    Wrong("05.3", "both start full", adam_variant("both start full"), "第一个 g、g² 起步", 0),
    Wrong("05.3", "β₂ for both", adam_variant("fix of s for both"), "修正用了 beta2 的", 0),
    Wrong("05.3", "β₁ for both", adam_variant("fix of m for both"), "修正用了 beta1 的", 0),
    Wrong("05.3", "product of 1 − β", adam_variant("product of 1 − β"), "不是 1 − β", 0),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("05.4", "up", coupled_drift(lambda p, s, w, wd: -p / np.hypot(s, p)), "方向反了", 20),
    Wrong("05.2", "in place, g", in_place(ex05.lookahead_step, 1), "g 被原地修改", 93),
    Wrong("05.3", "in place, w", in_place(ex05.adam_walk, 0), "w 被原地修改", 90),
    Wrong("05.5", "none", lambda schedule: None, "忘了 return", 0),
    Wrong("05.6", "no adaptive", seen_by(no_history), "用手核对", 16),
    Wrong("05.6", "median", by_median, "g/√s 是 0/0", 62),
    Wrong("05.3", "s starts full, m raw", adam_variant("s starts full, m raw"), "都要修正", 0),
    Wrong("05.6", "β 0.999", nearest({"RMSprop": rms_with(0.999)}), "长的认错", 77),
]


globals().update(
    questions(
        "05",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        by_chance={ENDLESS},  # 50,000 questions to another process are too many for a test
    )
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("number", "make", "words"),
    [("05.2", lookahead_remembers, "从上一次调用留了下来"), ("05.6", add_up, "再问一次")],
)
def test_what_is_kept_from_call_to_call_is_told(number, make, words, seed):
    assert words in judge(number, make(), seed=seed).wrong.hint


def by_pytorch(path, grads):
    """The library's optimizers with a learning rate of 1, and the nearest of them."""
    import torch

    def directions(kind, **options):
        w = torch.zeros(grads.shape[1], dtype=torch.float64, requires_grad=True)
        optimizer, taken = kind([w], lr=1.0, **options), []
        for g in grads:
            before, w.grad = w.detach().clone(), torch.tensor(np.array(g, dtype=float))
            optimizer.step()
            taken.append((before - w.detach()).numpy())
        return np.array(taken)

    moved, left = path[:-1] - path[1:], {}
    for name, kind, options in (
        ("SGD", torch.optim.SGD, {}),
        ("Momentum", torch.optim.SGD, {"momentum": 0.9}),
        ("AdaGrad", torch.optim.Adagrad, {}),
        ("RMSprop", torch.optim.RMSprop, {}),
        ("Adam", torch.optim.Adam, {}),
    ):
        d = directions(kind, **options)
        left[name] = ((moved - (moved * d).sum() / (d * d).sum() * d) ** 2).sum()
    return min(left, key=left.__getitem__)


@pytest.mark.slow
def test_pytorchs_optimizers_may_tell_who_has_walked():
    assert judge("05.6", by_pytorch, seed=1).passed
