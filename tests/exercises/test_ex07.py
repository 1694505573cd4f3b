"""Chapter 07: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aigc_course import metrics
from aigc_course.exercises import ex07, judge
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


def dropout_one_by_one(x, p, training, rng):
    mask = np.ones(x.shape)
    if training:
        for index in np.ndindex(*x.shape):
            mask[index] = 0.0 if rng.random() < p else 1 / (1 - p)
    return mask * x, mask


def descend_by_generator(w, gradient, val_loss, lr, patience, max_steps):
    def path(w):
        while True:
            yield w
            w = w - lr * gradient(w)

    low = None
    for step, here in enumerate(path(w)):
        loss = val_loss(here)
        if low is None or loss < low[0]:
            low = loss, here.copy(), step
        if step >= max_steps or step - low[2] >= patience:
            return low[1], low[2], step


def equivalent_by_a_sum(h, lr, steps):
    kept = 1 - lr * h
    walked = sum(kept**k for k in range(steps))
    return kept**steps / (lr * walked)


def threshold_of_the_positives(y_true, score):
    return max(((t, ex07._f1(y_true, score >= t)) for t in score[y_true == 1]), key=lambda p: p[1])


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
    ("07.2", dropout_one_by_one),
    ("07.3", floor_by_arrays),
    ("07.3", floor_by_logits),
    ("07.4", descend_by_for),
    ("07.4", descend_with_history),
    ("07.4", descend_by_generator),
    ("07.5", equivalent_by_loop),
    ("07.5", equivalent_by_a_sum),
    ("07.5", equivalent_by_expm1),
    ("07.6", weights_by_class),
    ("07.6", weights_by_unique),
    ("07.7", threshold_by_sorting),
    ("07.7", threshold_as_array),
    ("07.7", threshold_between),
    ("07.7", threshold_of_the_positives),
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


def shrink_hard(a, l1, l2):
    return np.where(np.abs(a) > l1, a / (1 + l2), 0.0)


def shrink_wrong_below(a, l1, l2):
    return np.where(a > l1, (a - l1) / (1 + l2), np.where(a < -l1, (a - l1) / (1 + l2), 0.0))


def shrink_wrong_above(a, l1, l2):
    return -shrink_wrong_below(-a, l1, l2)


def shrink_walks(a, l1, l2):
    w = np.array(a)
    for _ in range(300):
        w = w - 0.1 * (w - a + l1 * np.sign(w) + l2 * w)
    return w


def shrink_clears(a, l1, l2):
    w = ex07.shrink(a, l1, l2)
    return np.where(np.abs(w) < 1e-3, 0.0, w)


def shrink_clears_tiny(a, l1, l2):
    w = ex07.shrink(a, l1, l2)
    return np.where(np.isclose(w, 0), 0.0, w)


def shrink_by_rows(a, l1, l2):
    w = np.zeros(a.shape)
    for j in range(a.shape[1]):
        w[:, j] = ex07.shrink(a[:, j], l1, l2)
    return w


def shrink_whole(a, l1, l2):
    w = np.zeros(a.shape, dtype=int)
    w[...] = ex07.shrink(a, l1, l2)
    return w


def shrink_remembers():
    def answer(a, l1, l2, out=[]):  # noqa: B006
        out.extend(ex07.shrink(a, l1, l2).ravel())
        return np.array(out[: a.size]).reshape(a.shape)

    return answer


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


drop_in_tenths = drop(lambda u, p: np.floor(10 * u) >= 10 * p)
drop_in_hundredths = drop(lambda u, p: np.floor(100 * u) >= 100 * p)
drop_keeps_squares = drop(scale=lambda p: 1 / math.sqrt(1 - p))
drop_by_the_larger = drop(scale=lambda p: 1 / max(p, 1 - p))
drop_first_order = drop(scale=lambda p: 1 + p)


def drop_normal(x, p, training, rng):
    if not training:
        return x, np.ones_like(x)
    mask = (rng.normal(size=x.shape) >= p) / (1 - p)
    return x * mask, mask


def drop_exactly(x, p, training, rng):
    if not training:
        return x, np.ones_like(x)
    mask = np.full(x.size, 1 / (1 - p))
    mask[rng.permutation(x.size)[: round(p * x.size)]] = 0
    return x * mask.reshape(x.shape), mask.reshape(x.shape)


def drop_shared(x, p, training, rng):
    if not training:
        return x, np.ones_like(x)
    half = rng.random((x.size + 1) // 2)
    mask = (np.concatenate([half, half])[: x.size].reshape(x.shape) >= p) / (1 - p)
    return x * mask, mask


def drop_mask_from_y(x, p, training, rng):
    y, mask = ex07.dropout(x, p, training, rng)
    return (y, y / x) if training else (y, mask)


def drop_mask_where_y(x, p, training, rng):
    y, mask = ex07.dropout(x, p, training, rng)
    return (y, np.where(y != 0, 1 / (1 - p), 0.0)) if training else (y, mask)


def drop_two_draws(x, p, training, rng):
    y, _ = ex07.dropout(x, p, training, rng)
    return y, ex07.dropout(x, p, training, rng)[1]


def drop_by_share(x, p, training, rng):
    _, mask = ex07.dropout(x, p, training, rng)
    mask = mask / mask.mean() if training else mask
    return x * mask, mask


def drop_kept_mask():
    def answer(x, p, training, rng, known={}):  # noqa: B006
        if not training:
            return x, np.ones_like(x)
        if (x.shape, p) not in known:
            known[x.shape, p] = ex07.dropout(x, p, True, rng)[1]
        return x * known[x.shape, p], known[x.shape, p]

    return answer


def drop_rewinds(x, p, training, rng):
    state = rng.bit_generator.state
    result = ex07.dropout(x, p, training, rng)
    rng.bit_generator.state = state
    return result


def drop_none_later(x, p, training, rng):
    return ex07.dropout(x, p, training, rng) if training else (x, None)


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
    return ex07.smoothed_floor(K, max(eps, 1e-15))


def floor_small_is_0(K, eps):
    return (math.inf, 0.0) if eps < 1e-3 else ex07.smoothed_floor(K, eps)


def floor_tiny_is_0(K, eps):
    return (math.inf, 0.0) if np.isclose(eps, 0) else ex07.smoothed_floor(K, eps)


def floor_by_walking(K, eps):
    if eps == 0:
        return math.inf, 0.0
    q, z = np.full(K, eps / K), np.zeros(K)
    q[0] += 1 - eps
    for _ in range(2000):
        p = np.exp(z) / np.exp(z).sum()
        z -= 2.0 * (p - q)
    return z[0] - z[1], -(q * np.log(p)).sum()


def floor_from_the_mean(K, eps):
    gap, floor = ex07.smoothed_floor(K, eps)
    return gap * (K - 1) / K, floor


def floor_without_k(K, eps):
    return ex07.smoothed_floor(2, eps)


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


def descend_by_rules(new=lambda loss, low: loss < low, waits=lambda loss, low: True, **more):
    """A descent with other rules for what is a new low, what is waited for, what ends it."""

    def answer(w, gradient, val_loss, lr, patience, max_steps):
        best, low, when, waited, step = w, val_loss(w), 0, 0, 0
        while step < max_steps and waited < patience:
            old = w
            w, step = w - lr * gradient(w), step + 1
            loss = more.get("seen", lambda loss: loss)(val_loss(old if "old" in more else w))
            if "halt" in more and math.isnan(loss):
                break
            if new(loss, low):
                best, low, when, waited = w, loss, step, 0
            elif waits(loss, low):
                waited += 1
        return best, when, step

    return answer


descend_tolerates = descend_by_rules(new=lambda loss, low: loss < low - 1e-4)
descend_is_close = descend_by_rules(new=lambda loss, low: loss < low and not np.isclose(loss, low))
descend_waits_above = descend_by_rules(waits=lambda loss, low: loss > low)
descend_waits_not_for_nan = descend_by_rules(waits=lambda loss, low: loss >= low)
descend_ends_at_nan = descend_by_rules(halt=True)
descend_nan_is_0 = descend_by_rules(seen=lambda loss: 0.0 if math.isnan(loss) else loss)
descend_measures_before = descend_by_rules(old=True)


descend_caps = descend_by_rules(seen=lambda loss: min(loss, 1e9))


def descend_ends_where_flat(w, gradient, val_loss, lr, patience, max_steps):
    best, low, when, step = w, val_loss(w), 0, 0
    while step < max_steps and step - when < patience and np.any(gradient(w)):
        w, step = w - lr * gradient(w), step + 1
        loss = val_loss(w)
        if loss < low:
            best, low, when = w, loss, step
    return best, when, step


def descend_goes_back(w, gradient, val_loss, lr, patience, max_steps):
    best, low, when, step = w, val_loss(w), 0, 0
    while step < max_steps and step - when < patience:
        w, step = best - lr * gradient(best), step + 1
        loss = val_loss(w)
        if loss < low:
            best, low, when = w, loss, step
    return best, when, step


def descend_steps_from_one(*args):
    best, when, step = ex07.descend(*args)
    return best, when, step + 1


def descend_gives_the_loss(w, gradient, val_loss, lr, patience, max_steps):
    best, _, step = ex07.descend(w, gradient, val_loss, lr, patience, max_steps)
    return best, val_loss(best), step


def descend_argmin(w, gradient, val_loss, lr, patience, max_steps):
    losses, path = [val_loss(w)], [w]
    waited = 0
    while waited < patience and len(path) <= max_steps:
        path.append(path[-1] - lr * gradient(path[-1]))
        losses.append(val_loss(path[-1]))
        waited = 0 if losses[-1] < np.nanmin(losses[:-1]) else waited + 1
    best = int(np.argmin(losses))
    return path[best], best, len(path) - 1


def descend_window(w, gradient, val_loss, lr, patience, max_steps):
    losses, path = [val_loss(w)], [w]
    while len(path) <= max_steps:
        if len(losses) > patience and min(losses[-patience:]) >= min(losses[:-patience]):
            break
        path.append(path[-1] - lr * gradient(path[-1]))
        losses.append(val_loss(path[-1]))
    best = losses.index(min(losses))
    return path[best], best, len(path) - 1


def descend_recursively(w, gradient, val_loss, lr, patience, max_steps):
    def go(w, step, best, low, when):
        if step >= max_steps or step - when >= patience:
            return best, when, step
        w, step = w - lr * gradient(w), step + 1
        loss = val_loss(w)
        return go(w, step, w, loss, step) if loss < low else go(w, step, best, low, when)

    return go(w, 0, w, val_loss(w), 0)


def descend_remembers():
    def answer(w, gradient, val_loss, lr, patience, max_steps, losses=[]):  # noqa: B006
        best, when, step = w, 0, 0
        losses.append(val_loss(w))
        while step < max_steps and step - when < patience:
            w, step = w - lr * gradient(w), step + 1
            loss = val_loss(w)
            if loss < min(losses):
                best, when = w, step
            losses.append(loss)
        return best, when, step

    return answer


def descend_counts_from_0(*args):
    best, when, step = ex07.descend(*args)
    return best, max(when - 1, 0), max(step - 1, 0)


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


def eq_small_is_0(h, lr, steps):
    return np.where(h < 1e-3, 1 / (lr * steps), ex07.equivalent_l2(h, lr, steps))


def eq_tiny_is_0(h, lr, steps):
    return np.where(np.isclose(h, 0), 1 / (lr * steps), ex07.equivalent_l2(h, lr, steps))


def eq_nearly_0(h, lr, steps):
    return ex07.equivalent_l2(np.maximum(h, 1e-9), lr, steps) * (1 + 1e-7 * (h == 0))


def eq_no_steps_in_limit(h, lr, steps):
    return np.where(h == 0, 1 / lr, ex07.equivalent_l2(h, lr, steps))


def eq_first_is_limit(h, lr, steps):
    lam = ex07.equivalent_l2(h, lr, steps)
    lam.flat[0] = 1 / (lr * steps)
    return lam


def eq_overflows(h, lr, steps):
    with np.errstate(all="ignore"):
        up = (1 / (1 - lr * h)) ** steps
        return np.where(h == 0, 1 / (lr * steps), h / up / (up / up - 1 / up))


eq_share = eq(lambda h, q, lr, t: 1 - q)
eq_two_terms = eq(lambda h, q, lr, t: 1 / (lr * t) - h / 2)


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


def weights_offset(y, classes):
    n = np.bincount(y - y.min(), minlength=classes.max() - y.min() + 1)[classes - y.min()]
    return np.divide(len(y), (n > 0).sum() * n, out=np.zeros(len(n)), where=n > 0)


def weights_1_for_1(y, classes):
    return np.ones(len(classes)) if len(y) == 1 else ex07.balanced_weights(y, classes)


def weights_of_all_labels(y, classes):
    return ex07.balanced_weights(y, classes) * len(classes) / (y.max() + 1)


def weights_by_searching(y, classes):
    n = np.bincount(np.searchsorted(classes, y), minlength=len(classes))[: len(classes)]
    return np.divide(len(y), (n > 0).sum() * n, out=np.zeros(len(n)), where=n > 0)


def weights_one_more(y, classes):
    return len(y) / (len(classes) * (counted(y, classes) + 1))


def weights_whole(y, classes):
    w = np.zeros_like(classes)
    w[:] = ex07.balanced_weights(y, classes)
    return w


def weights_by_name(y, classes):
    return dict(zip(classes.tolist(), ex07.balanced_weights(y, classes).tolist(), strict=True))


def weights_remember():
    def answer(y, classes, n={}):  # noqa: B006
        for v in y.tolist():
            n[v] = n.get(v, 0) + 1
        there = [c for c in classes.tolist() if n.get(c)]
        return np.array(
            [len(y) / (len(there) * n[c]) if n.get(c) else 0.0 for c in classes.tolist()]
        )

    return answer


def weights_sort_classes(y, classes):
    classes.sort()
    return ex07.balanced_weights(y, classes)


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


def threshold_of(measure):
    """The threshold that is best by another measure, and that measure."""

    def answer(y_true, score):
        with np.errstate(all="ignore"):
            values = [float(measure(y_true, score, t)) for t in np.unique(score)]
        k = int(np.argmax(values))
        return np.unique(score)[k], values[k]

    return answer


def precision(y, score, t):
    return np.sum((y == 1) & (score >= t)) / np.sum(score >= t)


def recall(y, score, t):
    return np.sum((y == 1) & (score >= t)) / np.sum(y == 1)


threshold_by_mean = threshold_of(lambda y, s, t: (precision(y, s, t) + recall(y, s, t)) / 2)
threshold_macro = threshold_of(lambda y, s, t: (ex07._f1(y, s >= t) + ex07._f1(1 - y, s < t)) / 2)
threshold_below = threshold_of(lambda y, s, t: ex07._f1(y, s < t) if np.any(s < t) else 0)
threshold_score_sorted = threshold_of(lambda y, s, t: ex07._f1(y, np.sort(s) >= t))
threshold_nan = threshold_of(
    lambda y, s, t: (
        2 * precision(y, s, t) * recall(y, s, t) / (precision(y, s, t) + recall(y, s, t))
    )
)


def threshold_by_product(y_true, score):
    t = max(np.unique(score), key=lambda t: math.prod(ex07._rates(y_true, score, t)))
    return t, ex07._f1(y_true, score >= t)


def threshold_first_fall(y_true, score):
    tried = np.unique(score)[::-1]
    f1 = [ex07._f1(y_true, score >= t) for t in tried]
    k = next((k for k in range(1, len(f1)) if f1[k] < f1[k - 1]), len(f1)) - 1
    return tried[k], f1[k]


def threshold_percentiles(y_true, score):
    tried = [*np.percentile(score, range(101)), *score[np.diff(score, prepend=-99) == 0]]
    return max(((t, ex07._f1(y_true, score >= t)) for t in tried), key=lambda pair: pair[1])


def threshold_tolerates(y_true, score):
    tried = ((t, ex07._f1(y_true, score >= t - 1e-6)) for t in np.unique(score))
    return max(tried, key=lambda pair: pair[1])


def threshold_all_hits(y_true, score):
    t, _ = ex07.best_threshold(y_true, score)
    guess = score >= t
    return t, 2 * np.sum(guess == y_true) / (guess.sum() + y_true.sum())


def threshold_youden(y_true, score):
    t = max(
        np.unique(score),
        key=lambda t: np.mean(score[y_true == 1] >= t) - np.mean(score[y_true == 0] >= t),
    )
    return t, ex07._f1(y_true, score >= t)


def threshold_sigmoid(y_true, score):
    return ex07.best_threshold(y_true, 1 / (1 + np.exp(-score)))


def threshold_not_negative(y_true, score):
    best = 0.0, -1.0
    for t in np.unique(score[score >= 0]):
        best = max(best, (t, ex07._f1(y_true, score >= t)), key=lambda pair: pair[1])
    return best


def threshold_rounded(y_true, score):
    t, f1 = ex07.best_threshold(y_true, score)
    return round(t, 2), f1


def threshold_f1_rounded(y_true, score):
    t, f1 = ex07.best_threshold(y_true, score)
    return t, round(f1, 2)


def threshold_highest_50(y_true, score):
    tried = np.unique(score)[::-1][:50]
    return max(((t, ex07._f1(y_true, score >= t)) for t in tried), key=lambda pair: pair[1])


def threshold_remembers():
    def answer(y_true, score, best=[None, -1.0]):  # noqa: B006
        for t in np.unique(score):
            f1 = ex07._f1(y_true, score >= t)
            if f1 > best[1]:
                best[:] = t, f1
        return tuple(best)

    return answer


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


def shrink_threshold_divided(a, l1, l2):
    return np.sign(a) * np.maximum(np.abs(a) - l1 / (1 + l2), 0) / (1 + l2)


def drop_exchanged(x, p, training, rng):
    return ex07.dropout(x, p, not training, rng)


def drop_in_two_axes(x, p, training, rng):
    if not training:
        return x, np.ones_like(x)
    mask = (rng.random((x.shape[0], x.shape[1])) >= p) / (1 - p)
    return x * mask, mask


def drop_in_two_axes_at_most(x, p, training, rng):
    if x.ndim > 2:
        return x, np.ones_like(x)
    return ex07.dropout(x, p, training, rng)


def weights_in_bytes(y, classes):
    count = (y[:, None] == classes).sum(axis=0, dtype=np.uint8)
    there = count > 0
    return np.divide(len(y), there.sum() * count, out=np.zeros(len(count)), where=there)


def threshold_among_100(y_true, score):
    tried = np.unique(score)[-100:]
    return max(((float(t), ex07._f1(y_true, score >= t)) for t in tried), key=lambda pair: pair[1])


def floor_rounded(K, eps):
    if eps == 0:
        return math.inf, 0.0
    right = round(1 - eps + eps / K, 10)
    other = (1 - right) / (K - 1)
    return math.log(right / max(other, 1e-300)), ex07.smoothed_floor(K, eps)[1]


def descend_over_all(w, gradient, val_loss, lr, patience, max_steps):
    """Walks to the end, then looks for the lowest, and makes up the steps."""
    path = [w.copy()]
    for _ in range(max_steps):
        path.append(path[-1] - lr * gradient(path[-1]))
    best = int(np.nanargmin([val_loss(v) for v in path]))
    return path[best], best, min(best + patience, max_steps)


def descend_looking_ahead(w, gradient, val_loss, lr, patience, max_steps):
    """Steps on after the end, and gives what is right."""
    found = ex07.descend(w, gradient, val_loss, lr, patience, max_steps)
    for _ in range(max_steps):
        w = w - lr * gradient(w)
    return found


def descend_in_place_of_all(last):
    """Compares with the lowest of the last losses."""

    def answer(w, gradient, val_loss, lr, patience, max_steps):
        best, seen, when, waited, step = w, [val_loss(w)], 0, 0, 0
        while step < max_steps and waited < patience:
            w, step = w - lr * gradient(w), step + 1
            loss = val_loss(w)
            waited = 0 if loss < min(seen[-last:]) else waited + 1
            if loss < min(seen):
                best, when = w, step
            seen.append(loss)
        return best, when, step

    return answer


def descend_more_patiently(w, gradient, val_loss, lr, patience, max_steps):
    best, low, when, step = w, val_loss(w), 0, 0
    while step < max_steps and step - when < patience:
        w, step = w - lr * gradient(w), step + 1
        loss = val_loss(w)
        if loss < low:
            patience += step > 10
            best, low, when = w, loss, step
    return best, when, step


def descend_by_unit_steps(w, gradient, val_loss, lr, patience, max_steps):
    def unit(w):
        g = gradient(w)
        return g / np.linalg.norm(g)

    return ex07.descend(w, unit, val_loss, lr, patience, max_steps)


def descend_by_means(w, gradient, val_loss, lr, patience, max_steps):
    losses = []

    def mean(w):
        losses.append(val_loss(w))
        return sum(losses[-3:]) / len(losses[-3:])

    return ex07.descend(w, gradient, mean, lr, patience, max_steps)


def weights_as_they_come(y, classes):
    first = list(dict.fromkeys(y.tolist()))
    rest = [c for c in classes.tolist() if c not in first]
    return ex07.balanced_weights(y, np.array(first + rest))


def threshold_above_0(y_true, score):
    best = None, -1.0
    for t in np.unique(score):
        if t > 0 and (f1 := ex07._f1(y_true, score >= t)) > best[1]:
            best = t, f1
    return best


def threshold_in_percent(y_true, score):
    t, f1 = ex07.best_threshold(y_true, score)
    return t, 100 * f1


def threshold_as_int(y_true, score):
    t, f1 = ex07.best_threshold(y_true, score)
    return int(t), f1


ANY = (0, 99)
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
    Wrong("07.1", "grid", shrink_by_grid, "处处只差一点", 0),
    Wrong("07.1", "hard", shrink_hard, "硬阈值", 0),
    Wrong("07.1", "wrong below", shrink_wrong_below, "为正的都对，为负的不对", 0),
    Wrong("07.1", "wrong above", shrink_wrong_above, "为负的都对，为正的不对", 0),
    Wrong("07.1", "walks", shrink_walks, "不是一步步走近", 0),
    Wrong("07.1", "clears", shrink_clears, "大 10⁻¹³", 29),
    Wrong("07.1", "nearly 0", shrink_nearly_zero, "恰好是 0", 0),
    Wrong("07.1", "whole numbers", shrink_whole, "整数数组", 0),
    Wrong("07.1", "by rows", shrink_by_rows, "不假定有几维", 0),
    Wrong("07.1", "sums an axis", shrink_two_axes, "任意形状", 71),
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
    Wrong("07.2", "in tenths", drop_in_tenths, "一位小数", 0),
    Wrong("07.2", "in hundredths", drop_in_hundredths, "两边都不取整", 71),
    Wrong("07.2", "keeps squares", drop_keeps_squares, "平方的平均", 29),
    Wrong("07.2", "the larger", drop_by_the_larger, ("大于 0.5 都", "除以了 p"), (29, 71)),
    Wrong("07.2", "1 + p", drop_first_order, "近似", 29),
    Wrong("07.2", "exactly", drop_exactly, "个数都一样", 71),
    Wrong("07.2", "shared", drop_shared, "同去同留", 0),
    Wrong("07.2", "mask from y", drop_mask_from_y, "倒推", 71),
    Wrong("07.2", "two draws", drop_two_draws, "只抽一次", 0),
    Wrong("07.2", "by share", drop_by_share, "碰巧留下的份额", 29),
    Wrong("07.2", "rewinds", drop_rewinds, "没有往前走", 71),
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
    Wrong("07.3", "small is 0", floor_small_is_0, "ε 很小但不是 0", 60),
    Wrong("07.3", "from the mean", floor_from_the_mean, "全部 logit 的平均", 0),
    Wrong("07.3", "without K", floor_without_k, "没有用到 K", 0),
    Wrong("07.4", "aliased", descends(copy=False), "没有复制", 0),
    Wrong(
        "07.4",
        "steps is best",
        lambda *a: (ex07.descend(*a)[0], *(ex07.descend(*a)[1],) * 2),
        "不是最低的那一步",
        0,
    ),
    Wrong("07.4", "uphill", descends(sign=1.0), "反方向走", 0),
    Wrong("07.4", "ties", descends(strict=False), "打平不算新低", 32),
    Wrong("07.4", "late", descends(patience_of=lambda p: p + 1), "多走了一步", 0),
    Wrong("07.4", "never reset", descends(reset=False), "不能一直累加", 16),
    Wrong("07.4", "previous", descend_previous, "不是与上一步比", 24),
    Wrong("07.4", "nan", descend_not_nan, "nan 被当成了新低", 48),
    Wrong("07.4", "swapped", descend_swapped, "对调了", 0),
    Wrong("07.4", "from one", descend_from_one, "起点是第 0 步", 0),
    Wrong("07.4", "in place", descend_in_place, "w 被原地修改", 8),
    Wrong("07.4", "no end", descend_never_ends, "max_steps 步走完就停", 8),
    Wrong("07.4", "start not measured", descends(start=False), "起点也要量", 80),
    Wrong("07.4", "one gradient", descend_fixed_gradient, "重新算梯度", 88),
    Wrong("07.4", "tolerates", descend_tolerates, "不加容差", 40),
    Wrong("07.4", "waits above", descend_waits_above, "打平的一步也是", 32),
    Wrong("07.4", "nan not waited", descend_waits_not_for_nan, "nan 的一步也是", 48),
    Wrong("07.4", "ends at nan", descend_ends_at_nan, "遇到 nan 就停了", 48),
    Wrong("07.4", "nan is 0", descend_nan_is_0, "换成 0 也是", 48),
    Wrong("07.4", "flat", descend_ends_where_flat, "梯度是 0 也接着走", 88),
    Wrong("07.4", "caps", descend_caps, "不另设上限", 72),
    Wrong("07.4", "goes back", descend_goes_back, "w 照样往前走", 16),
    Wrong("07.4", "counts the start", descend_steps_from_one, "steps 多了 1", 0),
    Wrong("07.4", "gives the loss", descend_gives_the_loss, "是整数", 0),
    Wrong("07.4", "window", descend_window, "min() 碰到 nan", 48),
    Wrong("07.4", "measures before", descend_measures_before, "走这一步之前的 w", 0),
    Wrong("07.4", "counts from 0", descend_counts_from_0, "循环的下标", 0),
    Wrong("07.4", "recursively", descend_recursively, "写成循环", 8),
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
    Wrong("07.5", "small is 0", eq_small_is_0, "只有 h = 0 才是极限", 60),
    Wrong("07.5", "nearly 0", eq_nearly_0, "代替 0", 60),
    Wrong("07.5", "no steps in the limit", eq_no_steps_in_limit, "还有步数 t", 40),
    Wrong("07.5", "the first", eq_first_is_limit, "另走了一条路", 0),
    Wrong("07.5", "overflows", eq_overflows, "inf/inf", 90),
    Wrong("07.5", "share", eq_share, "留下的份额", 0),
    Wrong("07.5", "two terms", eq_two_terms, "头两项", 0),
    Wrong("07.6", "proportional", weights_proportional, "成正比", 0),
    Wrong("07.6", "not scaled", weights_not_scaled, "尺度不对", 0),
    Wrong("07.6", "root", weights_root, "1/√n", 0),
    Wrong("07.6", "textbook", weights_textbook, "不到 1", 29),
    Wrong("07.6", "bincount", weights_bincount, "不一定是 0 到", 0),
    Wrong("07.6", "sorted", weights_sorted, "np.unique 按大小", 0),
    Wrong("07.6", "inf", weights_inf, "出现了 inf", 29),
    Wrong("07.6", "too short", weights_too_short, "也占一格", 29),
    Wrong("07.6", "1 for 1", weights_1_for_1, "别的类是 0", 79),
    Wrong("07.6", "in place", weights_in_place, "y 被原地修改", 0),
    Wrong("07.6", "sorts classes", weights_sort_classes, "classes 被原地修改", 0),
    Wrong("07.6", "searches", weights_by_searching, "别的格子", 0),
    Wrong("07.6", "one more", weights_one_more, "多数了 1 个", 0),
    Wrong("07.6", "whole", weights_whole, "小数没有了", 0),
    Wrong("07.6", "by name", weights_by_name, "字典没有次序", 0),
    Wrong("07.7", "half", threshold_half, "够得着", 0),
    Wrong("07.7", "accuracy", threshold_by_accuracy, "最优点不同", 33),
    Wrong("07.7", "strict", threshold_strict, "score > t", 0),
    Wrong("07.7", "recall", threshold_by_recall, "召回率是 1", 33),
    Wrong("07.7", "splits ties", threshold_splits_ties, "同进同出", 75),
    Wrong("07.7", "not the lowest", threshold_not_the_lowest, "最低的那个分数", 75),
    Wrong("07.7", "not the highest", threshold_not_the_highest, ("最高的那个分数", "还有一个"), 75),
    Wrong("07.7", "with accuracy", threshold_with_accuracy, "返回的是准确率", 67),
    Wrong("07.7", "without 2", threshold_without_two, "分子有 2", 67),
    Wrong("07.7", "in place", threshold_in_place, "score 被原地修改", 0),
    Wrong("07.7", "divides by 0", threshold_divides, "0/0", 0),
    Wrong("07.7", "nan", threshold_nan, "argmax 会选中 nan", 0),
    Wrong("07.7", "mean of two", threshold_by_mean, "调和平均", 0),
    Wrong("07.7", "macro", threshold_macro, "macro", (0, 67)),
    Wrong("07.7", "below", threshold_below, "比较号反了", 0),
    Wrong("07.7", "score sorted", threshold_score_sorted, "没有跟着排", (0, 33)),
    Wrong("07.7", "Youden", threshold_youden, "误报率", 33),
    Wrong("07.7", "product", threshold_by_product, "精确率 × 召回率", 33),
    Wrong("07.7", "first fall", threshold_first_fall, "一降就停了", 33),
    Wrong("07.7", "all hits", threshold_all_hits, "命中数多了", 0),
    Wrong("07.7", "tolerates", threshold_tolerates, "容差", (0, 75)),
    Wrong("07.7", "sigmoid", threshold_sigmoid, "sigmoid", 0),
    Wrong("07.7", "not negative", threshold_not_negative, "一个候选也没有试过", 0),
    Wrong("07.7", "rounded", threshold_rounded, ("阈值取整了", "阈值取整、"), (0, 75)),
    Wrong("07.7", "F1 rounded", threshold_f1_rounded, "F1 取整了", (67, 75)),
    Wrong("07.7", "highest 50", threshold_highest_50, "1 占多数", 75),
    Wrong("07.7", "index", threshold_index, "像是下标", 0),
    Wrong("07.1", "threshold divided", shrink_threshold_divided, "不再除以 1 + l2", 0),
    Wrong("07.2", "exchanged", drop_exchanged, "两支写反了", 0),
    Wrong("07.2", "two axes", drop_in_two_axes, "写死 x.shape[1]", 71),
    Wrong("07.2", "two axes at most", drop_in_two_axes_at_most, "不按几根轴", ANY),
    Wrong("07.6", "bytes", weights_in_bytes, "只到 255", ANY),
    Wrong("07.3", "rounded", floor_rounded, "不丢位数", ANY),
    Wrong("07.4", "over all", descend_over_all, ("更低的也看不见", "走过了头"), ANY),
    Wrong("07.4", "recent", descend_in_place_of_all(10), "最近几步的最低", ANY),
    Wrong("07.4", "more patient", descend_more_patiently, "patience 不变", ANY),
    Wrong("07.4", "unit steps", descend_by_unit_steps, "不归一化", 0),
    Wrong("07.4", "means", descend_by_means, "最近几步的平均", 0),
    Wrong("07.6", "as they come", weights_as_they_come, "数都在，位置不对", 0),
    Wrong("07.7", "above 0", threshold_above_0, "阈值还是 None", 0),
    Wrong("07.7", "percent", threshold_in_percent, "不是百分数", 0),
]

SAME_HINT = [
    Wrong("07.1", "clears tiny", shrink_clears_tiny, "大 10⁻¹³", 29),
    Wrong("07.2", "columns", drop_columns, "整行或整列", 0),
    Wrong("07.2", "nothing", drop_nothing, "均匀随机数与 p 比", 0),
    Wrong("07.2", "normal", drop_normal, "均匀随机数", (0, 71)),
    Wrong("07.2", "no mask at all later", drop_none_later, "评估时 mask 全为 1", 78),
    Wrong("07.2", "trains always", drop_always, "原样返回", 71),
    Wrong("07.2", "in place", drop_in_place, "x 被原地修改", 0),
    Wrong("07.2", "1 of 4 cured", suspect_without(), "整行或整列", 0),
    Wrong("07.2", "2 of 4 cured", suspect_without("rows"), "除以了 p", 29),
    Wrong("07.2", "3 of 4 cured", suspect_without("rows", "scale"), "原样返回", 71),
    Wrong("07.2", "mask where y", drop_mask_where_y, "不从 y 倒推", 71),
    Wrong("07.3", "tiny is 0", floor_tiny_is_0, "ε 很小但不是 0", 60),
    Wrong("07.3", "by walking", floor_by_walking, "最低点很远", 60),
    Wrong("07.3", "0 is nearly 0", floor_big_zero, "普通的交叉熵", 80),
    Wrong("07.4", "argmin", descend_argmin, "nan 被当成了最低", 48),
    Wrong("07.5", "tiny is 0", eq_tiny_is_0, "只有 h = 0 才是极限", 60),
    Wrong("07.6", "offset", weights_offset, "没有样本的类权重是 0", 29),
    Wrong("07.6", "all labels", weights_of_all_labels, "尺度不对", 0),
    Wrong("07.7", "percentiles", threshold_percentiles, "格子", (0, 75)),
    Wrong("07.5", "0 is 0", eq_zero, "0/0", 40),
    Wrong("07.6", "a sample", weights_a_sample, "形状 (K,)", 0),
    Wrong("07.6", "1 for absent", weights_one_for_absent, "没有样本的类权重是 0", 29),
    Wrong("07.7", "grid", threshold_grid, "格子会漏掉", (0, 75)),
    Wrong("07.4", "close is equal", descend_is_close, "不加容差", 40),
    Wrong("07.4", "walks on", descend_looking_ahead, "走过了头", ANY),
    Wrong("07.4", "recent 50", descend_in_place_of_all(50), "最近几步", ANY),
    Wrong("07.7", "whole number", threshold_as_int, "阈值取整了", ANY),
    Wrong("07.7", "among 100", threshold_among_100, ("试完", "只试最高的"), ANY),
]

globals().update(
    questions(
        "07", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT, by_chance=[drop_global]
    )
)

# answers in which something stays between two calls: made anew for every question
REMEMBERS = [
    ("07.1", shrink_remembers, "默认参数 out 留着上一次"),
    ("07.2", drop_kept_mask, "掩码被存下来再用了"),
    ("07.4", descend_remembers, "默认参数 losses 留着上一次"),
    ("07.6", weights_remember, "默认参数 n"),
    ("07.7", threshold_remembers, "从上一次调用留了下来"),
]


@pytest.mark.parametrize(("number", "make", "words"), REMEMBERS)
def test_what_stays_between_two_calls_is_told_as_such(number, make, words):
    for seed in range(8):
        assert words in str(judge(number, make(), seed=seed)), seed
