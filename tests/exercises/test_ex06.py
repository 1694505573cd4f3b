"""Chapter 06: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import brentq, root_scalar
from scipy.sparse import coo_matrix

from aigc_course import engine
from aigc_course.exercises import ex06, get
from aigc_course.judging.forbidden import static_findings
from tests.support.common_questions import questions
from tests.support.harness import Wrong, assert_hint, assert_survives, odd_values

# --- other right answers -----------------------------------------------------------------------


def take_batches(x, y, batch_size, rng):
    return engine.batches(x, y, batch_size, rng)


def split_with(pick):
    """A split whose validation rows are ``pick(rows of one class, fraction, rng)``."""

    def answer(y, fraction, rng):
        val = [pick(np.flatnonzero(y == k), fraction, rng) for k in set(y.tolist())]
        val = np.concatenate(val)
        return np.setdiff1d(np.arange(len(y)), val), val

    return answer


def split_by_sorting(y, fraction, rng):
    key = rng.random(len(y))
    val = []
    for k in set(y.tolist()):
        rows = [i for i in np.argsort(key) if y[i] == k]
        val += rows[: int(np.floor(fraction * len(rows) + 0.5))]
    train = sorted(set(range(len(y))) - set(val))
    return [np.array(train), np.array(val, dtype=int)]


def validate(cut=None, columns=None, rest=None, labels=None, fold_size=0):
    """Cross-validation; each part can be changed.

    Args:
        cut: of (N, k, rng), the folds.
        columns: of (select, x, y, the rows of the other folds), the columns.
        rest: of (N, fold), the rows to train on.
        labels: of (y, rows).
    """

    def answer(x, y, k, rng, select, fit):
        out = [0] * len(x)
        for fold in (cut or folds_by_position)(len(x), k, rng):
            others = (rest or folds_others)(len(x), fold)
            kept = (columns or columns_of_rest)(select, x, y, others)
            predict = fit(x[np.ix_(others, kept)], (labels or labels_of_rows)(y, others))
            for i in fold:
                out[i] = predict(x[[i]][:, kept])[0]
        return out

    return answer


def validate_exchanged(x, y, k, rng, select, fit):
    out = np.empty(len(x), dtype=y.dtype)
    for fold in folds_by_position(len(x), k, rng):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        kept = select(x[fold], y[fold])
        out[rest] = fit(x[fold][:, kept], y[fold])(x[rest][:, kept])
    return out


def folds_by_position(n, k, rng):
    order = rng.permutation(n)
    return [order[i::k] for i in range(k)]


def folds_others(n, fold):
    return [i for i in range(n) if i not in set(fold.tolist())]


def columns_of_rest(select, x, y, others):
    return select(x[others], y[others])


def labels_of_rows(y, rows):
    return y[rows]


def validate_selecting_first(x, y, k, rng, select, fit):
    """All selections, then all models, then all answers."""
    fold_of = rng.permutation(np.arange(len(x)) % k)
    kept = [select(x[fold_of != j], y[fold_of != j]) for j in range(k)]
    models = [fit(x[fold_of != j][:, kept[j]], y[fold_of != j]) for j in range(k)]
    out = np.zeros(len(x))
    for j, predict in enumerate(models):
        out[fold_of == j] = predict(x[fold_of == j][:, kept[j]])
    return out


def batches_by_split(x, y, batch_size, rng):
    order = rng.permutation(len(y))
    parts = np.split(order, range(batch_size, len(y), batch_size))
    return [(x[rows], y[rows]) for rows in parts]


def batches_by_yield(x, y, batch_size, rng):
    rows = list(rng.permutation(len(x)))
    while rows:
        now, rows = rows[:batch_size], rows[batch_size:]
        yield [x[now], y[now]]


def epoch_step_first(model, x, y, optimizer, loss_fn, batch_size, rng):
    """Clears the gradients before the forward pass, sums in NumPy, leaves by ``eval``."""
    model.train()
    order = rng.permutation(len(x))
    losses, sizes = [], []
    for rows in np.array_split(order, range(batch_size, len(x), batch_size)):
        optimizer.zero_grad()
        output = model(engine.tensor(x[rows]))
        loss = loss_fn(output, y[rows])
        losses.append(float(loss.item()))
        sizes.append(len(rows))
        loss.backward()
        optimizer.step()
    model.eval()
    return np.dot(losses, sizes) / np.sum(sizes)


def epoch_on_arrays(model, x, y, optimizer, loss_fn, batch_size, rng):
    """The model takes arrays too; the loss read with ``float``."""
    model.training = True
    total = 0.0
    for xb, yb in batches_by_yield(x, y, batch_size, rng):
        loss = loss_fn(model(xb), engine.tensor(yb))
        model.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss) * len(xb)
    return total / len(x)


def epoch_adding_tensors(model, x, y, optimizer, loss_fn, batch_size, rng):
    """Reckons with the losses as tensors, and reads the number at the end."""
    model.train()
    total = 0
    for xb, yb in batches_by_split(x, y, batch_size, rng):
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        total = total + np.float64(len(xb)) * loss.detach() / len(x)
    return total.item()


def confusion_by_counting(y_true, y_pred, classes):
    return np.array([[np.sum((y_true == i) & (y_pred == j)) for j in classes] for i in classes])


def confusion_by_bincount(y_true, y_pred, classes):
    place = np.vectorize(list(classes).index)
    k = len(classes)
    return np.bincount(k * place(y_true) + place(y_pred), minlength=k * k).reshape(k, k) / 1.0


def scores_by_loop(matrix):
    k = len(matrix)
    p, r, f = np.zeros(k), np.zeros(k), np.zeros(k)
    for i in range(k):
        tp = matrix[i, i]
        if matrix[:, i].sum():
            p[i] = tp / matrix[:, i].sum()
        if matrix[i].sum():
            r[i] = tp / matrix[i].sum()
        if p[i] + r[i]:
            f[i] = 2 * p[i] * r[i] / (p[i] + r[i])
    a, b = p.mean(), r.mean()
    return p, r, f, f.mean(), 2 * a * b / (a + b) if a + b else 0


def scores_with_guard(matrix):
    hit = np.diag(matrix).astype(float)
    column, row = matrix.sum(0), matrix.sum(1)
    precision, recall = hit / np.maximum(column, 1), hit / np.maximum(row, 1)

    def f1(p, r):
        return np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1), 0)

    f = f1(precision, recall)
    return [precision, recall, f, np.mean(f), f1(precision.mean(), recall.mean())]


def disagree_by_search(n):
    steps = range(0, n + 1, max(1, n // 12))
    tables = [np.array([[i, n - i], [n - j, j]]) for i in (*steps, n) for j in (*steps, 1)]
    mean, of_means = np.array([ex06.scores_from_matrix(m)[3:] for m in tables]).T
    margin = np.minimum(mean[:, None] - mean, of_means - of_means[:, None])
    a, b = np.unravel_index(margin.argmax(), margin.shape)
    return tables[a].tolist(), tables[b].tolist()


def wilson_by_roots(hits, n, z=1.96):
    p = hits / n
    return np.sort(np.roots([1 + z**2 / n, -(2 * p + z**2 / n), p**2]).real)


def wilson_by_brentq(hits, n, z=1.96):
    share = hits / n

    def off(p):
        return (share - p) ** 2 * n - z * z * p * (1 - p)

    if hits == 0:
        return 0.0, brentq(off, 1e-9, 1, xtol=1e-12)
    if hits == n:
        return brentq(off, 0, 1 - 1e-9, xtol=1e-12), 1.0
    return brentq(off, 0, share, xtol=1e-12), brentq(off, share, 1, xtol=1e-12)


def wilson_by_root_scalar(hits, n, z=1.96):
    share = hits / n

    def end(outside):
        def off(p):
            return (share - p) ** 2 * n - z * z * p * (1 - p)

        inside = min(max(share, 1e-9), 1 - 1e-9)
        if off(inside) * off(outside) >= 0:
            return outside
        return root_scalar(off, bracket=(inside, outside), xtol=1e-12).root

    return end(0.0), end(1.0)


def confusion_by_sparse(y_true, y_pred, classes):
    i, j = ([classes.index(v) for v in labels] for labels in (y_true, y_pred))
    ones = np.ones(len(i), dtype=int)
    return coo_matrix((ones, (i, j)), shape=(len(classes),) * 2).toarray()


def wilson_by_bisection(hits, n, z=1.96):
    share = hits / n

    def end(inside, outside):
        for _ in range(100):
            p = (inside + outside) / 2
            near = (share - p) ** 2 * n <= z * z * p * (1 - p)
            inside, outside = (p, outside) if near else (inside, p)
        return inside

    return end(share, 0.0), end(share, 1.0)


ALSO_RIGHT = [
    ("06.1", split_with(lambda rows, f, rng: rng.choice(rows, round(f * len(rows)), False))),
    ("06.1", split_by_sorting),
    ("06.2", validate()),
    ("06.2", validate_selecting_first),
    ("06.3", epoch_step_first),
    ("06.3", epoch_on_arrays),
    ("06.3", epoch_adding_tensors),
    ("06.4", confusion_by_counting),
    ("06.4", confusion_by_bincount),
    ("06.4", confusion_by_sparse),
    ("06.5", scores_by_loop),
    ("06.5", scores_with_guard),
    ("06.6", disagree_by_search),
    ("06.6", lambda n: (0.5 * n * np.ones((2, 2)) if n % 2 == 0 else ex06.disagree(n)[0],
                        np.array([[1, n - 1], [0, n]]))),
    ("06.7", wilson_by_roots),
    ("06.7", wilson_by_bisection),
    ("06.7", wilson_by_brentq),
    ("06.7", wilson_by_root_scalar),
    ("06.7", lambda hits, n, z=1.96: np.array(ex06.wilson(hits, n, z))),
]  # fmt: skip


# --- typical mistakes --------------------------------------------------------------------------


def split_then(change):
    """The right rows, changed."""
    return lambda y, fraction, rng: change(*ex06.stratified_split(y, fraction, rng))


def cut_off(rows, fraction, rng):
    return rng.choice(rows, int(fraction * len(rows)), False)


def first_rows(rows, fraction, rng):
    return rows[: round(fraction * len(rows))]


def stretch(rows, fraction, rng):
    return np.roll(rows, int(rng.integers(len(rows))))[: round(fraction * len(rows))]


def at_even_distances(rows, fraction, rng):
    count = round(fraction * len(rows))
    return np.roll(rows, int(rng.integers(len(rows))))[:: max(1, len(rows) // max(count, 1))][
        :count
    ]


def at_least_one(rows, fraction, rng):
    return rng.permutation(rows)[: max(1, round(fraction * len(rows)))]


def spread_out(rows, fraction, rng):
    """Every row has the same chance, but few sets of rows have any."""
    count = round(fraction * len(rows))
    places = np.arange(count) * len(rows) // max(count, 1) + rng.integers(len(rows))
    return rows[places % len(rows)]


def split_by_slices(y, fraction, rng):
    """Takes the last n rows of each class, with n = 0 all of them."""
    train, val = [], []
    for k in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == k))
        n = round(fraction * len(rows))
        train.append(rows[:-n])
        val.append(rows[-n:])
    return np.concatenate(train), np.concatenate(val)


def split_skipping_small(y, fraction, rng):
    train, val = ex06.stratified_split(y, fraction, rng)
    return train[np.isin(y[train], y[val])], val


def split_refusing_small(y, fraction, rng):
    if np.unique(y, return_counts=True)[1].min() < 2:
        raise ValueError("a class of one row")
    return ex06.stratified_split(y, fraction, rng)


def split_shuffling_one(y, fraction, rng):
    """Only the first class is shuffled."""
    val = [np.flatnonzero(y == k) for k in np.unique(y)]
    val[0] = rng.permutation(val[0])
    val = np.concatenate([rows[: round(fraction * len(rows))] for rows in val])
    return np.setdiff1d(np.arange(len(y)), val), val


def split_evenly(y, fraction, rng):
    val = [rng.permutation(np.flatnonzero(y == k))[:3] for k in np.unique(y)]
    val = np.concatenate(val)
    return np.setdiff1d(np.arange(len(y)), val), val


def split_counting_from_0(y, fraction, rng):
    val = [np.flatnonzero(y == k) for k in range(len(np.unique(y)))]
    val = [rng.permutation(rows)[: round(fraction * len(rows))] for rows in val]
    val = np.concatenate(val).astype(int)
    return np.setdiff1d(np.arange(len(y)), val), val


def split_up_to_the_largest(y, fraction, rng):
    val = [rng.permutation(np.flatnonzero(y == k)) for k in range(y.max() + 1)]
    val = np.concatenate([rows[: round(fraction * len(rows))] for rows in val])
    return np.setdiff1d(np.arange(len(y)), val), val


def split_from_0_up(y, fraction, rng):
    train, val = ex06.stratified_split(y, fraction, rng)
    return train[y[train] >= 0], val[y[val] >= 0]


def split_sorted(y, fraction, rng):
    by_class = np.argsort(y, kind="stable")
    return by_class[18:], by_class[:18]


def split_from_all_rows(y, fraction, rng):
    order = rng.permutation(len(y))
    k = round(fraction * len(y))
    return order[k:], order[:k]


def split_by_chance(y, fraction, rng):
    return ex06.stratified_split(y, fraction, np.random.default_rng())


def split_shuffling_labels(y, fraction, rng):
    rng.shuffle(y)
    return ex06.stratified_split(y, fraction, rng)


def split_of_a_fifth(y, fraction, rng):
    return ex06.stratified_split(y, 0.2, rng)


def split_labels(y, fraction, rng):
    train, val = ex06.stratified_split(y, fraction, rng)
    return y[train], y[val]


def split_listing(y, fraction, rng):
    """Lists made arrays: an empty one is of floats."""
    train, val = ex06.stratified_split(y, fraction, rng)
    return np.array(train.tolist()), np.array(val.tolist())


def split_carrying_over(y, fraction, rng):
    """What is cut off in one class goes to the next one."""
    val, want = [], 0.0
    for k in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == k))
        want += fraction * len(rows)
        val.extend(rows[: round(want) - len(val)])
    return np.setdiff1d(np.arange(len(y)), val), np.array(val, dtype=int)


def split_with_replacement(y, fraction, rng):
    chosen = np.zeros(len(y), dtype=bool)
    for k in np.unique(y):
        rows = np.flatnonzero(y == k)
        chosen[rng.choice(rows, round(fraction * len(rows)))] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def split_by_coins(y, fraction, rng):
    chosen = rng.random(len(y)) < fraction
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def never_the_last(rows, fraction, rng):
    return rng.permutation(rows[:-1])[: round(fraction * len(rows))]


def the_first_and_another(rows, fraction, rng):
    count = round(fraction * len(rows))
    return np.append(
        rows[: max(count - 1, 0)], rng.permutation(rows[max(count - 1, 0) :])[: count > 0]
    )


def split_masks(train, val):
    rows = np.arange(len(train) + len(val))
    return np.isin(rows, train), np.isin(rows, val)


def colleague(x, y, k, rng, select, fit):
    """As it stands in the lesson: three faults."""
    columns = select(x, y)
    size = len(x) // k
    out = np.zeros(len(x), dtype=y.dtype)
    for i in range(k):
        fold = np.arange(i * size, (i + 1) * size)
        rest = np.setdiff1d(np.arange(len(x)), fold)
        predict = fit(x[rest][:, columns], y[rest])
        out[fold] = predict(x[fold][:, columns])
    return out


def in_a_row(n, k, rng):
    return np.array_split(np.arange(n), k)


def last_takes_all(n, k, rng):
    order = rng.permutation(n)
    return np.split(order, [n // k * i for i in range(1, k)])


def rounded_up(n, k, rng):
    order, size = rng.permutation(n), -(-n // k)
    return [order[i : i + size] for i in range(0, n, size)]


def shuffled_each_time(n, k, rng):
    return [np.array_split(rng.permutation(n), k)[i] for i in range(k)]


def listed_by_fold(x, y, k, rng, select, fit):
    out = validate(cut=folds_by_position)(x, y, k, rng, select, fit)
    return [np.array(part) for part in np.array_split(out, k)]


def in_a_byte(x, y, k, rng, select, fit):
    return np.array(validate()(x, y, k, rng, select, fit)).astype(np.int8)


def folds_of_fixed_seed(n, k, rng):
    return folds_by_position(n, k, np.random.default_rng(0))


def folds_by_chance(n, k, rng):
    return folds_by_position(n, k, np.random.default_rng())


validate_by_chance = validate(cut=folds_by_chance)


def folds_twice(n, k, rng):
    order = rng.permutation(n)
    return [order[i * (n // k) : (i + 1) * (n // k) + (i < k - 1 or n % k)] for i in range(k)]


def select_once(x, y, k, rng, select, fit):
    kept = select(x, y)
    return validate(columns=lambda *_: kept)(x, y, k, rng, select, fit)


def fit_once(x, y, k, rng, select, fit):
    kept = select(x, y)
    return fit(x[:, kept], y)(x[:, kept])


def sees_all(select, x, y, others):
    return select(x, y)


def selects_twice(select, x, y, others):
    select(x[others], y[others])
    return select(x[others], y[others])


def columns_sorted_later(x, y, k, rng, select, fit):
    """Sorted columns for the model, unsorted ones when it is asked."""
    out = np.zeros(len(x))
    for fold in folds_by_position(len(x), k, rng):
        others = folds_others(len(x), fold)
        kept = select(x[others], y[others])
        predict = fit(x[others][:, np.sort(kept)], y[others])
        out[fold] = predict(x[fold][:, np.sort(kept)[::-1]])
    return out


def in_fold_order(x, y, k, rng, select, fit):
    out = []
    for fold in folds_by_position(len(x), k, rng):
        others = folds_others(len(x), fold)
        kept = select(x[others], y[others])
        out.extend(fit(x[others][:, kept], y[others])(x[fold][:, kept]))
    return np.array(out)


def validate_to_bool(x, y, k, rng, select, fit):
    return validate()(x, y, k, rng, select, fit) == y


def validate_large(x, y, k, rng, select, fit):
    """One fold for all rows when there are as many folds as rows."""
    return (fit_once if k == len(x) else validate())(x, y, k, rng, select, fit)


def validate_scaled(x, y, k, rng, select, fit):
    return validate()((x - x.mean(axis=0)) / x.std(axis=0), y, k, rng, select, fit)


def cut_by(orders):
    """Batches of the rows that ``orders(N, rng)`` gives for x and for y."""

    def answer(x, y, batch_size, rng):
        a, b = orders(len(x), rng)
        for i in range(0, len(x), batch_size):
            yield x[a[i : i + batch_size]], y[b[i : i + batch_size]]

    return answer


two_orders = cut_by(lambda n, rng: (rng.permutation(n), rng.permutation(n)))
in_order = cut_by(lambda n, rng: (np.arange(n),) * 2)
with_replacement = cut_by(lambda n, rng: (rng.integers(n, size=n),) * 2)
another_order = cut_by(lambda n, rng: (np.argsort(rng.random(n)),) * 2)


def as_float32(x, y, batch_size, rng):
    return take_batches(x.astype(np.float32), y, batch_size, rng)


def without_one(x, y, batch_size, rng):
    return [pair for pair in take_batches(x, y, batch_size, rng) if len(pair[1]) > 1]


def one_batch_more(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    for i in range(len(x) // batch_size + 1):
        rows = order[i * batch_size : (i + 1) * batch_size]
        yield x[rows], y[rows]


def drop_last(x, y, batch_size, rng):
    return [pair for pair in take_batches(x, y, batch_size, rng) if len(pair[1]) == batch_size]


def own_seed(x, y, batch_size, rng):
    return take_batches(x, y, batch_size, np.random.default_rng(0))


def batches_by_chance(x, y, batch_size, rng):
    return take_batches(x, y, batch_size, np.random.default_rng())


def second_pass(x, y, batch_size, rng):
    sum(len(yb) for _, yb in take_batches(x, y, batch_size, rng))
    return take_batches(x, y, batch_size, rng)


def scaled_down(x, y, batch_size, rng):
    return take_batches(x / 255, y, batch_size, rng)


def shuffling_x(x, y, batch_size, rng):
    rng.shuffle(x)
    yield from take_batches(x, y, batch_size, rng)


def shuffling_y(x, y, batch_size, rng):
    rng.shuffle(y)
    yield from take_batches(x, y, batch_size, rng)


def one_batch(x, y, batch_size, rng):
    return take_batches(x, y, len(x), rng)


def blocks(x, y, batch_size, rng):
    parts = list(engine.batches(x, y, batch_size, shuffle=False))
    return [parts[i] for i in rng.permutation(len(parts))] if len(parts) > 1 else parts


def mean_loss(losses, sizes):
    return float(np.average([loss.item() for loss in losses], weights=sizes))


def epoch(*, zero=True, backward=True, step=True, mode=True, mean=mean_loss, cut=take_batches):
    def answer(model, x, y, optimizer, loss_fn, batch_size, rng):
        if mode:
            model.train()
        losses, sizes = [], []
        for xb, yb in cut(x, y, batch_size, rng):
            losses.append(loss_fn(model(engine.tensor(xb)), yb))
            sizes.append(len(yb))
            if zero:
                optimizer.zero_grad()
            if backward:
                losses[-1].backward()
            if step:
                optimizer.step()
        return mean(losses, sizes)

    return answer


epoch_by_chance = epoch(cut=batches_by_chance)


def summed(losses):
    return float(sum(loss.item() for loss in losses))


def epoch_twice_forward(model, x, y, optimizer, loss_fn, batch_size, rng):
    loss = epoch()(model, x, y, optimizer, loss_fn, batch_size, rng)
    model(engine.tensor(x))
    return loss


def epoch_halving_logits(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    total = 0.0
    for xb, yb in take_batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)) * 0.5, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
    return total / len(y)


def epoch_with_loss(change):
    """Goes back from the loss as ``change(loss, size of the batch)`` makes it."""

    def answer(model, x, y, optimizer, loss_fn, batch_size, rng):
        model.train()
        total = 0.0
        for xb, yb in take_batches(x, y, batch_size, rng):
            loss = loss_fn(model(engine.tensor(xb)), yb)
            optimizer.zero_grad()
            change(loss, len(yb)).backward()
            optimizer.step()
            total += loss.item() * len(yb)
        return total / len(y)

    return answer


def epoch_stepping_twice(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    total = 0.0
    for xb, yb in take_batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        optimizer.step()
        total += loss.item() * len(yb)
    return total / len(y)


def epoch_of_cross_entropy(model, x, y, optimizer, loss_fn, batch_size, rng):
    return epoch()(model, x, y, optimizer, engine.functional.cross_entropy, batch_size, rng)


def epoch_remembering():
    """The mean of all losses since it was made."""
    kept = [], []

    def mean(losses, sizes):
        kept[0].extend(losses)
        kept[1].extend(sizes)
        return mean_loss(*kept)

    return epoch(mean=mean)


def epoch_step_after_loop(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for xb, yb in take_batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        loss.backward()
        total += loss.item() * len(yb)
    optimizer.step()
    return total / len(y)


def confusion_changed(change):
    return lambda y_true, y_pred, classes: change(ex06.confusion_matrix(y_true, y_pred, classes))


def confusion_fancy_index(y_true, y_pred, classes):
    return np.minimum(ex06.confusion_matrix(y_true, y_pred, classes), 1)


def confusion_of_those_seen(y_true, y_pred, classes):
    return confusion_by_counting(y_true, y_pred, np.unique(y_true))


def confusion_searched(y_true, y_pred, classes):
    """As if the classes were in order."""
    k = len(classes)
    matrix = np.zeros((k, k), dtype=int)
    np.add.at(matrix, (np.searchsorted(classes, y_true), np.searchsorted(classes, y_pred)), 1)
    return matrix


def confusion_short(y_true, y_pred, classes):
    """Counts up to the last cell that is not empty."""
    k, place = len(classes), np.vectorize(list(classes).index)
    return np.bincount(k * place(y_true) + place(y_pred)).reshape(k, k)


def confusion_of_one_row(y_true, y_pred, classes):
    matrix = [[0] * len(classes)] * len(classes)
    for t, p in zip(y_true, y_pred, strict=True):
        matrix[classes.index(t)][classes.index(p)] += 1
    return np.array(matrix)


def confusion_of_raw_labels(y_true, y_pred, classes):
    k = len(classes)
    return np.bincount(y_true * k + y_pred, minlength=k * k).reshape(k, k)


def confusion_in_turn(y_true, y_pred, classes):
    """A place just given is taken for a label."""
    true, pred = y_true.copy(), y_pred.copy()
    for i, label in enumerate(classes):
        true[true == label] = i
        pred[pred == label] = i
    return confusion_by_counting(true, pred, range(len(classes)))


def confusion_from_the_end(y_true, y_pred, classes):
    """Labels below 0 count from the end."""
    matrix = np.zeros((max(classes) + 1,) * 2, dtype=int)
    np.add.at(matrix, (y_true, y_pred), 1)
    return matrix[np.ix_(classes, classes)]


def confusion_in_order(y_true, y_pred, classes):
    return confusion_by_counting(y_true, y_pred, np.sort(classes))


def confusion_of_others(y_true, y_pred, classes):
    matrix = ex06.confusion_matrix(y_true, y_pred, classes)
    return np.roll(matrix, 1, axis=1)


def confusion_without_a_guess(y_true, y_pred, classes):
    matrix = ex06.confusion_matrix(y_true, y_pred, classes)
    return np.where(matrix.sum(axis=0) > 0, matrix, np.nan)


def confusion_marking(which):
    def answer(*args):
        matrix = ex06.confusion_matrix(*args)
        args[which][args[0] != args[1]] = -1
        return matrix

    return answer


def confusion_remembered():
    """The result of the last samples of the same number."""
    known = {}

    def answer(y_true, y_pred, classes):
        matrix = ex06.confusion_matrix(y_true, y_pred, classes)
        return (
            known.pop(len(y_true), None)
            if len(y_true) in known
            else known.setdefault(len(y_true), matrix)
        )

    return answer


def confusion_many_only(y_true, y_pred, classes):
    matrix = ex06.confusion_matrix(y_true, y_pred, classes)
    return matrix if len(y_true) > 1 else np.zeros_like(matrix)


def scores_with(part, change):
    """The right scores, but for one."""

    def answer(matrix):
        got = list(ex06.scores_from_matrix(matrix))
        got[part] = change(got, matrix)
        return tuple(got)

    return answer


def scores_swapped(matrix):
    precision, recall, *rest = ex06.scores_from_matrix(matrix)
    return recall, precision, *rest


def scores_unguarded(least):
    """Divides by row sums as they are, and by column sums of at least ``least``."""

    def answer(matrix):
        hit, row, column = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        p, r = hit / np.maximum(column, least), hit / row
        f1 = np.where(p + r > 0, 2 * p * r / np.maximum(p + r, 1e-12), 0)
        a, b = p.mean(), r.mean()
        return p, r, f1, f1.mean(), 2 * a * b / (a + b)

    return answer


def scores_looking_at(which):
    """Both divisions look whether the sums of one kind are empty."""

    def answer(matrix):
        hit, row, column = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        there = (column, row)[which] > 0

        def ratio(a, b):
            with np.errstate(all="ignore"):
                return np.divide(a, b, out=np.zeros(len(a)), where=there)

        p, r = ratio(hit, column), ratio(hit, row)
        f1 = np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1), 0)
        a, b = p.mean(), r.mean()
        return p, r, f1, f1.mean(), 2 * a * b / (a + b) if a + b else 0.0

    return answer


def scores_in_python(matrix):
    """Numbers of Python, which know no nan; the recall is looked after by the column."""
    rows = matrix.tolist()
    p, r, k = [], [], len(rows)
    for i in range(k):
        column = sum(row[i] for row in rows)
        p.append(rows[i][i] / column if column else 0.0)
        r.append(rows[i][i] / sum(rows[i]) if column else 0.0)
    _, _, f1, mean, _ = ex06.scores_from_matrix(matrix)
    a, b = np.mean(p), np.mean(r)
    return np.array(p), np.array(r), f1, mean, 2 * a * b / (a + b) if a + b else 0.0


def scores_remembered():
    """The result of the last matrix that began as this one does."""
    known = {}
    return lambda matrix: known.setdefault(
        (matrix.shape, *matrix[0, :2].tolist()), ex06.scores_from_matrix(matrix)
    )


def f1_over_1(matrix):
    p, r, *_, of_means = ex06.scores_from_matrix(matrix)
    f1 = 2 * p * r / np.maximum(p + r, 1)
    return p, r, f1, f1.mean(), of_means


def f1_with_epsilon(matrix):
    p, r, *_, of_means = ex06.scores_from_matrix(matrix)
    f1 = 2 * p * r / (p + r + 1e-12)
    return p, r, f1, f1.mean(), of_means


def scores_in_place(matrix):
    right = ex06.scores_from_matrix(matrix)
    np.fill_diagonal(matrix, 0)
    return right


def scores_listed(matrix):
    p, r, *rest = ex06.scores_from_matrix(matrix)
    return p.tolist(), r, *rest


def scores_last_unguarded(matrix):
    p, r, f, mean, _ = ex06.scores_from_matrix(matrix)
    with np.errstate(all="ignore"):
        return p, r, f, mean, 2 * p.mean() * r.mean() / (p.mean() + r.mean())


def share(got, m):
    return m.diagonal() / m.sum()


arithmetic = scores_with(2, lambda got, m: (got[0] + got[1]) / 2)
geometric = scores_with(2, lambda got, m: np.sqrt(got[0] * got[1]))
macros_swapped = scores_with(3, lambda got, m: got[4])
weighted = scores_with(3, lambda got, m: float(np.average(got[2], weights=m.sum(axis=1))))
micro = scores_with(3, lambda got, m: np.trace(m) / m.sum())
same_twice = scores_with(4, lambda got, m: got[3])
mean_of_means = scores_with(4, lambda got, m: (got[0].mean() + got[1].mean()) / 2)
skips_empty = scores_with(3, lambda got, m: got[2][m.sum(axis=0) + m.sum(axis=1) > 0].mean())
added_one = scores_with(0, lambda got, m: np.diag(m) / (m.sum(axis=0) + 1))
f1_unguarded = scores_with(2, lambda got, m: np.where(got[0] + got[1] > 0, got[2], np.nan))
one_for_empty = scores_with(0, lambda got, m: np.where(m.sum(axis=0) > 0, got[0], 1.0))


def tables(change):
    return lambda n: change(*ex06.disagree(n))


def disagree_copied(n):
    """The tables of n = 100, whatever n is."""
    return ex06.disagree(100)


def disagree_even(n):
    return np.full((2, 2), n / 2), ex06.disagree(n)[1]


def disagree_halves(n):
    return np.full((2, 2), n // 2), ex06.disagree(n)[1]


def disagree_once():
    made = []
    return lambda n: made or made.extend(ex06.disagree(n)) or made


def disagree_little(n):
    a = np.array([[n // 2, n - n // 2], [n - 3 * n // 5, 3 * n // 5]])
    return a, np.array([[n, 0], [n - n // 5, n // 5]])


def wald(hits, n, z=1.96):
    p = hits / n
    half = z * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


def clipped(hits, n, z=1.96):
    return tuple(np.clip(wald(hits, n, z), 0, 1))


def plus_four(hits, n, z=1.96):
    return wald(hits + z * z / 2, n + z * z, z)


def wilson_without_denominator(hits, n, z=1.96):
    return tuple(end * (1 + z * z / n) for end in ex06.wilson(hits, n, z))


def wilson_with_one_sd(hits, n, z=1.96):
    low, high = ex06.wilson(hits, n, z)
    return (low + high) / 2 - (high - low) / 2 / z, (low + high) / 2 + (high - low) / 2 / z


def wilson_halved_early(hits, n, z=1.96):
    return tuple(end + 3e-5 for end in ex06.wilson(hits, n, z))


def wilson_remembered():
    known = {}
    return lambda hits, n, z=1.96: known.setdefault((hits, n), ex06.wilson(hits, n, z))


def wilson_from(middle, half):
    """The ends of the formula, of p, n, z and d = 1 + z²/n."""

    def answer(hits, n, z=1.96):
        p, d = hits / n, 1 + z * z / n
        m, h = middle(p, n, z, d), half(p, n, z, d)
        return m - h, m + h

    return answer


def wilson_of_hits(hits, n, z=1.96):
    d = 1 + z * z / n
    m, inside = hits + z * z / (2 * n), hits * (1 - hits) / n + z * z / (4 * n * n)
    return (m - z * abs(inside) ** 0.5) / d, (m + z * abs(inside) ** 0.5) / d


def middle(p, n, z, d):
    return (p + z * z / (2 * n)) / d


def half(p, n, z, d):
    return z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d


def half_of_4n(p, n, z, d):
    return z * np.sqrt(p * (1 - p) / n + z * z / (4 * n)) / d


def half_without_root(p, n, z, d):
    return z * (p * (1 - p) / n + z * z / (4 * n * n)) / d


def half_with_fewer(p, n, z, d):
    return z * np.sqrt(p * (1 - p) / max(n - 1, 1) + z * z / (4 * n * n)) / d


def half_odd(p, n, z, d):
    return 1.3 * half(p, n, z, d)


def wilson_by_grid(hits, n, z=1.96):
    p = np.linspace(0, 1, 978)
    p = p[abs(hits / n - p) <= z * np.sqrt(p * (1 - p) / n)]
    return p.min(), p.max()


def wilson_but_at_0(hits, n, z=1.96):
    return ex06.wilson(hits, n, z) if hits else (0.0, 0.0)


def wilson_then(change):
    return lambda hits, n, z=1.96: change(*ex06.wilson(hits, n, z))


def select_of_the_fold(x, y, k, rng, select, fit):
    out = np.empty(len(x), dtype=y.dtype)
    for fold in np.array_split(rng.permutation(len(x)), k):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        columns = select(x[fold], y[fold])
        out[fold] = fit(x[rest][:, columns], y[rest])(x[fold][:, columns])
    return out


def predicts_all(x, y, k, rng, select, fit):
    out = np.empty(len(x), dtype=y.dtype)
    for fold in np.array_split(rng.permutation(len(x)), k):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        columns = select(x[rest], y[rest])
        out[fold] = fit(x[rest][:, columns], y[rest])(x[:, columns])[fold]
    return out


def rows_paired_with_columns(x, y, k, rng, select, fit):
    out = np.empty(len(x), dtype=y.dtype)
    for fold in np.array_split(rng.permutation(len(x)), k):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        columns = select(x[rest], y[rest])
        out[fold] = fit(x[rest, columns], y[rest])(x[fold][:, columns])
    return out


def majority_of_lone_rows(x, y, k, rng, select, fit):
    out = np.empty(len(x), dtype=y.dtype)
    for fold in np.array_split(rng.permutation(len(x)), k):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        columns = select(x[rest], y[rest])
        predict = fit(x[rest][:, columns], y[rest])
        out[fold] = y[rest][0] if len(fold) == 1 else predict(x[fold][:, columns])
    return out


def epoch_stepping_once(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    total = 0.0
    for xb, yb in take_batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        optimizer.zero_grad()
        loss.backward()
        total += loss.item() * len(yb)
    optimizer.step()
    return total / len(x)


def epoch_stepping_now_and_then(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    total = 0.0
    for k, (xb, yb) in enumerate(take_batches(x, y, batch_size, rng)):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        optimizer.zero_grad()
        loss.backward()
        if k % 2 == 0:
            optimizer.step()
        total += loss.item() * len(yb)
    return total / len(x)


def scores_with_epsilon(epsilon):
    def answer(matrix):
        hit, row, column = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        p, r = hit / (column + epsilon), hit / (row + epsilon)
        f = 2 * p * r / (p + r + epsilon)
        P, R = p.mean(), r.mean()
        return p, r, f, f.mean(), 2 * P * R / (P + R + epsilon)

    return answer


def disagree_in_words(n):
    return tuple(table.astype(str) for table in ex06.disagree(n))


def wilson_outside(hits, n, z=1.96):
    low, high = ex06.wilson(hits, n, z)
    return low - 1e-9, high + 1e-9


ANY = (0, 99)
WRONG = [
    Wrong("06.1", "from all rows", split_from_all_rows, "对每个类别分别抽", 0),
    Wrong("06.1", "overlap", split_then(lambda t, v: (np.append(t, v), v)), "背过的题", 0),
    Wrong("06.1", "cut off", split_with(cut_off), "差一张", 53),
    Wrong("06.1", "from 0", split_counting_from_0, "用 np.unique(y) 问", 0),
    Wrong("06.1", "up to the largest", split_up_to_the_largest, "一张也没有进验证", 0),
    Wrong("06.1", "from 0 up", split_from_0_up, "标签都是负数", 0),
    Wrong("06.1", "shuffles y", split_shuffling_labels, "y 被原地修改", 0),
    Wrong("06.1", "loses rows", split_then(lambda t, v: (t[1:], v)), "漏了 1 行", 0),
    Wrong("06.1", "lists", split_then(lambda t, v: (t.tolist(), v.tolist())), "现在是列表", 0),
    Wrong(
        "06.1", "one row twice", split_then(lambda t, v: (np.append(t, t[0]), v)), "有 1 行重复", 0
    ),
    Wrong("06.1", "own seed", split_by_chance, "全局函数", 27),
    Wrong("06.1", "turned", split_then(lambda t, v: (v, t)), "两份对调了", 0),
    Wrong("06.1", "as many of each", split_evenly, "一样多张", 0),
    Wrong("06.1", "even distances", split_with(at_even_distances), "每隔几行取一张", 67),
    Wrong("06.1", "first rows", split_with(first_rows), "排过序", 27),
    Wrong("06.1", "masks", split_then(split_masks), "np.flatnonzero", 0),
    Wrong("06.1", "one at least", split_with(at_least_one), "硬塞一张", 80),
    Wrong("06.1", "slices", split_by_slices, "rows[-0:]", 80),
    Wrong("06.1", "skips small classes", split_skipping_small, "不是跳过", 80),
    Wrong("06.1", "shuffles one class", split_shuffling_one, "各自打乱", 53),
    Wrong("06.1", "fixed share", split_of_a_fifth, "却不是 fraction", 0),
    Wrong("06.1", "labels", split_labels, "是不是放了标签", 0),
    Wrong("06.1", "float when empty", split_listing, "默认是小数", 93),
    Wrong("06.1", "carried over", split_carrying_over, ("不带到下一类", "差一张"), (53, 80)),
    Wrong("06.1", "with replacement", split_with_replacement, "只少不多", 0),
    Wrong("06.1", "columns", split_then(lambda t, v: (t[:, None], v[:, None])), "给的是二维", 0),
    Wrong("06.1", "one array", split_then(lambda t, v: np.append(t, v)), "train_rows, val_rows", 0),
    Wrong("06.2", "colleague", colleague, "没有轮到", 0),
    Wrong("06.2", "in a row", validate(cut=in_a_row), "连着的一段行", 13),
    Wrong("06.2", "last fold large", validate(cut=last_takes_all), "最多差 1", 13),
    Wrong("06.2", "rounded up", validate(cut=rounded_up), "最后就不够分", 13),
    Wrong("06.2", "shuffled each time", validate(cut=shuffled_each_time), "只打乱一次", 0),
    Wrong("06.2", "listed by fold", listed_by_fold, "折的列表", 0),
    Wrong("06.2", "a byte", in_a_byte, "int8", 63),
    Wrong("06.2", "selects once", select_once, "这就是泄漏", 25),
    Wrong("06.2", "one model", fit_once, "就要训练", 13),
    Wrong("06.2", "fixed seed", validate(cut=folds_of_fixed_seed), "还是那几折", 87),
    Wrong("06.2", "by chance", validate_by_chance, "全局函数", 87),
    Wrong("06.2", "row in two folds", validate(cut=folds_twice), "各折不能相交", 13),
    Wrong("06.2", "parts exchanged", validate_exchanged, "对调了", 13),
    Wrong("06.2", "trains on all", validate(rest=lambda n, f: np.arange(n)), "取它的补集", 25),
    Wrong("06.2", "labels of others", validate(labels=lambda y, r: y[: len(r)]), "对不上号", 0),
    Wrong("06.2", "columns turned", columns_sorted_later, "次序相同", 50),
    Wrong("06.2", "k below N only", validate_large, "就要训练 6 次", 87),
    Wrong("06.2", "in fold order", in_fold_order, "换成原来的行号", 63),
    Wrong("06.2", "selects twice", validate(columns=selects_twice), "只调用 select 一次", 25),
    Wrong("06.2", "right or wrong", validate_to_bool, "不是判得对不对", 63),
    Wrong("06.2", "scaled", validate_scaled, "先做了标准化", 0),
    Wrong("06.3", "no zero_grad", epoch(zero=False), "累加起来了", 13),
    Wrong("06.3", "no step", epoch(step=False), "一模一样", 0),
    Wrong("06.3", "no train mode", epoch(mode=False), "model.train()", 37),
    Wrong("06.3", "mean of batches", epoch(mean=lambda a, b: mean_loss(a, None)), "同权", 50),
    Wrong("06.3", "a tensor", epoch(mean=lambda a, b: a[-1]), "loss.item()", 50),
    Wrong("06.3", "last batch", epoch(mean=lambda a, b: a[-1].item()), "最后一批的损失", 50),
    Wrong("06.3", "total", epoch(mean=lambda a, b: mean_loss(a, b) * sum(b)), "还没有除以 N", 50),
    Wrong("06.3", "drops the last batch", epoch(cut=drop_last), "不满的一批", 0),
    Wrong("06.3", "labels of other rows", epoch(cut=two_orders), "取自同一批", 0),
    Wrong("06.3", "not shuffled", epoch(cut=in_order), "顺序和输入一样", 0),
    Wrong("06.3", "blocks", epoch(cut=blocks), "还是连号", 0),
    Wrong("06.3", "another order", epoch(cut=another_order), "逐位比较", 87),
    Wrong("06.3", "own seed", epoch(cut=own_seed), "自己另建固定种子", 87),
    Wrong("06.3", "by chance", epoch_by_chance, "全局的随机数", 87),
    Wrong("06.3", "not times len", epoch(mean=lambda a, b: summed(a) / sum(b)), "没有先把", 50),
    Wrong(
        "06.3", "times B", epoch(mean=lambda a, b: b[0] * summed(a) / sum(b)), "不是 batch_size", 50
    ),
    Wrong("06.3", "twice forward", epoch_twice_forward, "只前向一次", 0),
    Wrong("06.3", "one large batch", epoch(cut=one_batch), "你送了 1 批", 0),
    Wrong("06.3", "shuffles x", epoch(cut=shuffling_x), "x 被原地修改", 0),
    Wrong("06.3", "shuffles y", epoch(cut=shuffling_y), "y 被原地修改", 0),
    Wrong("06.3", "batches twice", epoch(cut=second_pass), "取了不止一遍", 87),
    Wrong("06.3", "scaled", epoch(cut=scaled_down), "不是 x 里的原数", 0),
    Wrong("06.3", "divided again", epoch_with_loss(lambda a, n: a / n), "又除了一次", 13),
    Wrong("06.3", "times the size", epoch_with_loss(lambda a, n: a * n), "又乘了样本数", 13),
    Wrong("06.3", "half the loss", epoch_with_loss(lambda a, n: a * 0.5), "各恰好一次；", 13),
    Wrong("06.3", "halves the logits", epoch_halving_logits, "别先算一遍", 13),
    Wrong("06.3", "two steps", epoch_stepping_twice, "走了两步", 13),
    Wrong("06.3", "does nothing", lambda *args: 0.0, "loss_fn(logits, yb)", 0),
    Wrong("06.3", "with replacement", epoch(cut=with_replacement), "不放回", 0),
    Wrong("06.3", "float32", epoch(cut=as_float32), "差在后几位", 75),
    Wrong("06.3", "no batch of one", epoch(cut=without_one), "一个样本的批也要", 87),
    Wrong("06.3", "step after the loop", epoch_step_after_loop, "step 要在循环里面", 13),
    Wrong("06.4", "transposed", lambda t, p, c: ex06.confusion_matrix(p, t, c), "行列反了", 40),
    Wrong("06.4", "fancy index", confusion_fancy_index, "只加一次", 0),
    Wrong("06.4", "size from the data", confusion_of_those_seen, "大小由 classes 定", 0),
    Wrong("06.4", "searched", confusion_searched, "np.searchsorted 只认", 0),
    Wrong("06.4", "short", confusion_short, "minlength", 0),
    Wrong("06.4", "one row", confusion_of_one_row, "同一个列表", 0),
    Wrong("06.4", "other classes", confusion_of_others, "对角线是判对的次数", 0),
    Wrong("06.4", "symmetric", confusion_changed(lambda m: (m + m.T) / 2), "真实为 classes[i]", 40),
    Wrong("06.4", "marks y_true", confusion_marking(0), "y_true 被原地修改", 0),
    Wrong("06.4", "marks y_pred", confusion_marking(1), "y_pred 被原地修改", 0),
    Wrong("06.4", "shares", confusion_changed(lambda m: m / m.sum()), "不除以什么", 0),
    Wrong("06.4", "nan", confusion_without_a_guess, "一个整数", 0),
    Wrong("06.4", "list", confusion_changed(lambda m: m.tolist()), "返回 NumPy 数组", 0),
    Wrong("06.4", "bytes", confusion_changed(lambda m: m.astype(np.uint8)), "溢出了", 0),
    Wrong("06.4", "bool", confusion_changed(lambda m: m > 0), "只装得下真假", 0),
    Wrong("06.4", "truth twice", lambda t, p, c: ex06.confusion_matrix(t, t, c), "要用预测", 0),
    Wrong("06.4", "places in turn", confusion_in_turn, "逐个原地", 90),
    Wrong("06.4", "remembered", confusion_remembered(), "没有跟着变", 80),
    Wrong("06.4", "many only", confusion_many_only, "一个样本也是", 90),
    Wrong("06.5", "in place", scores_in_place, "matrix 被原地修改", 0),
    Wrong("06.5", "swapped", scores_swapped, "对调了", 0),
    Wrong("06.5", "arithmetic mean", arithmetic, "两者之一很低时", 28),
    Wrong("06.5", "geometric mean", geometric, "几何平均", 28),
    Wrong("06.5", "macros swapped", macros_swapped, "它排最后", 43),
    Wrong("06.5", "weighted", weighted, "按张数加权", 43),
    Wrong("06.5", "micro", micro, "就是准确率", 43),
    Wrong("06.5", "same twice", same_twice, "与前一个数相同", 57),
    Wrong("06.5", "mean of means", mean_of_means, "还差套 F1 的公式", 57),
    Wrong("06.5", "nan", scores_unguarded(0), "precision 里出现了 0/0：列和", 72),
    Wrong("06.5", "share of all", scores_with(0, share), "不是总数", 0),
    Wrong("06.5", "columns twice", scores_with(1, lambda got, m: got[0]), "都除以了列和", 14),
    Wrong("06.5", "half", scores_with(2, lambda got, m: got[2] / 2), "少乘了 2", 28),
    Wrong("06.5", "skips empty classes", skips_empty, "K 不变", 89),
    Wrong("06.5", "nan in empty rows", scores_unguarded(1), "recall 里出现了 0/0：行和为 0", 78),
    Wrong("06.5", "nan at the end", scores_last_unguarded, "P 与 R 的平均之和为 0", 92),
    Wrong("06.5", "in Python", scores_in_python, "除以了 0", 78),
    Wrong("06.5", "remembered", scores_remembered(), "与第一张表的结果相同", 72),
    Wrong("06.5", "one more", added_one, "多加了 1", 0),
    Wrong("06.5", "F1 unguarded", f1_unguarded, "f1 里出现了 0/0", 72),
    Wrong("06.5", "at least 1", f1_over_1, "比 1 小", (28, 71)),
    Wrong("06.5", "a little more", f1_with_epsilon, "不另加小常数", 71),
    Wrong("06.5", "four", lambda m: ex06.scores_from_matrix(m)[:4], "return precision", 0),
    Wrong("06.5", "lists", scores_listed, "现在是列表", 0),
    Wrong("06.5", "a word", scores_with(4, lambda got, m: "0.5"), "不是一个实数", 57),
    Wrong("06.6", "copied", disagree_copied, "同一份测试集", 0),
    Wrong("06.6", "swapped", tables(lambda a, b: (b, a)), "对调了", 0),
    Wrong("06.6", "transposed", tables(lambda a, b: (a.T, b.T)), "列和是", 0),
    Wrong("06.6", "equal", tables(lambda a, b: (b, b)), "名次相同", 0),
    Wrong("06.6", "little", disagree_little, "不到 0.05", 0),
    Wrong("06.6", "shares", tables(lambda a, b: (a / a.sum(), b / b.sum())), "不小于 0 的整数", 0),
    Wrong("06.6", "one", tables(lambda a, b: b), "return A, B", 0),
    Wrong("06.7", "wald", wald, "要解方程", 0),
    Wrong("06.7", "turned", wilson_then(lambda a, b: (b, a)), "先小后大", 0),
    Wrong("06.7", "plus four", plus_four, "加几张再套", 0),
    Wrong("06.7", "no denominator", wilson_without_denominator, "p² 的系数不是 1", 0),
    Wrong("06.7", "no z", wilson_with_one_sd, "少乘了 z", 0),
    Wrong("06.7", "grid", wilson_by_grid, "网格太粗", 0),
    Wrong("06.7", "4n", wilson_from(middle, half_of_4n), "n 也要平方", 0),
    Wrong("06.7", "no root", wilson_from(middle, half_without_root), "根号没有开", 0),
    Wrong("06.7", "n - 1", wilson_from(middle, half_with_fewer), "不是 n − 1", 0),
    Wrong(
        "06.7",
        "d in the root only",
        wilson_from(lambda p, n, z, d: d * middle(p, n, z, d), half),
        "中点也要除",
        0,
    ),
    Wrong(
        "06.7",
        "d in the middle only",
        wilson_from(middle, lambda p, n, z, d: d * half(p, n, z, d)),
        "根号那一项也要除",
        0,
    ),
    Wrong(
        "06.7",
        "z in the middle",
        wilson_from(lambda p, n, z, d: (p + z / 2 / n) / d, half),
        "z 也要平方",
        0,
    ),
    Wrong("06.7", "another width", wilson_from(middle, half_odd), "中点对，宽度不对", 0),
    Wrong(
        "06.7",
        "another middle",
        wilson_from(lambda p, n, z, d: p - 0.05, half),
        "宽度对，中点不对",
        0,
    ),
    Wrong("06.7", "hits for a share", wilson_of_hits, "p̂ 是 hits / n", 0),
    Wrong("06.7", "neither", wilson_from(lambda p, n, z, d: p - 0.05, half_odd), "代回去", 0),
    Wrong(
        "06.7",
        "whole division",
        lambda hits, n, z=1.96: ex06.wilson(hits // n * n, n, z),
        "整除",
        0,
    ),
    Wrong("06.7", "1 - low", wilson_then(lambda a, b: (a, 1 - a)), "low 对，high 不对", 10),
    Wrong("06.7", "middle", wilson_then(lambda a, b: ((a + b) / 2, (b - a) / 2)), "中点和半宽", 0),
    Wrong("06.7", "percent", wilson_then(lambda a, b: (100 * a, 100 * b)), "不是百分数", 0),
    Wrong("06.7", "own rule at 0", wilson_but_at_0, "宽度成了 0", 47),
    Wrong("06.7", "fixed z", lambda hits, n, z=1.96: ex06.wilson(hits, n), "写死了", 21),
    Wrong("06.2", "select of the fold", select_of_the_fold, "正是要判的那一折", 25),
    Wrong("06.2", "predicts all", predicts_all, "都判了全部的行", 13),
    Wrong("06.2", "pairs", rows_paired_with_columns, "一个对一个地配", 0),
    Wrong("06.2", "lone rows", majority_of_lone_rows, "不另写规则", 87),
    Wrong("06.3", "every second", epoch_stepping_now_and_then, "只变了 3 次", 13),
    Wrong("06.5", "small epsilon", scores_with_epsilon(1e-6), "小常数（如", 0),
    Wrong("06.6", "words", disagree_in_words, "格里是文字", 0),
    Wrong(
        "06.7",
        "another z",
        lambda hits, n, z=1.96: ex06.wilson(hits, n, z + 0.04),
        "代回去，z 都是",
        0,
    ),
    Wrong("06.7", "outside", wilson_outside, "不要再往外让一点", ANY),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("06.6", "even n only", disagree_even, "不小于 0 的整数", 33),
    Wrong("06.1", "stretch", split_with(stretch), "从某处起连着取", 67),
    Wrong("06.1", "spread out", split_with(spread_out), "每隔几行", 67),
    Wrong("06.1", "never the last row", split_with(never_the_last), "都有取法轮不到", 67),
    Wrong("06.1", "the first and another", split_with(the_first_and_another), "轮不到", 67),
    Wrong("06.1", "by coins", split_by_coins, "张数先定好", 0),
    Wrong("06.1", "sorted by class", split_sorted, "", 0),
    Wrong("06.2", "sees all labels", validate(columns=sees_all), "这就是泄漏", 25),
    Wrong("06.3", "an empty batch", epoch(cut=one_batch_more), "没有空的批", 87),
    Wrong("06.3", "no backward", epoch(backward=False), "一模一样", 0),
    Wrong("06.3", "returns nothing", epoch(mean=lambda a, b: None), "loss.item()", 50),
    Wrong("06.4", "in order", confusion_in_order, "次序不对", 0),
    Wrong("06.4", "even", confusion_changed(lambda m: np.full(m.shape, m.mean())), "对角线是", 0),
    Wrong("06.4", "raw labels", confusion_of_raw_labels, "标签先换成位置", 0),
    Wrong(
        "06.4",
        "from the end",
        confusion_from_the_end,
        ("倒数第一个", "各格之和是", "对角线是"),
        (0, 90),
    ),
    Wrong("06.5", "one for empty", one_for_empty, "记作 0", 72),
    Wrong("06.5", "column for both", scores_looking_at(0), "recall 里出现了 0/0", 78),
    Wrong("06.5", "row for both", scores_looking_at(1), "precision", 72),
    Wrong("06.6", "halves", disagree_halves, "加起来少 1", 33),
    Wrong("06.6", "made once", disagree_once(), "表还是原来的", 33),
    Wrong("06.7", "halved too early", wilson_halved_early, "二分停早了", 0),
    Wrong("06.7", "remembered", wilson_remembered(), "记着上一次的结果", 21),
    Wrong("06.7", "clipped", clipped, "要解方程", 0),
    Wrong("06.3", "one step", epoch_stepping_once, "只走了 1 步", 13),
    Wrong("06.5", "tiny epsilon", scores_with_epsilon(1e-12), "不另加小常数", ANY),
]

globals().update(
    questions(
        "06",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"06.7": ["nearly"]},  # a search for the ends is a right answer
        opaque=["06.2", "06.3", "06.6"],  # what they return is not all that is judged
        by_chance=[split_by_chance, validate_by_chance, epoch_by_chance],
        loads=["aigc_course.engine"],
    )
)


@pytest.mark.filterwarnings("ignore")
@given(odd_values())
@settings(max_examples=25, deadline=None)
def test_no_odd_loss_passes_or_breaks_the_judge(loss):
    assert_survives("06.3", loss, leaf=0)


def test_a_draw_from_all_rows_is_found_out_when_it_comes_near_the_shares():
    from_all_rows = next(mistake for mistake in WRONG if mistake.answer is split_from_all_rows)
    assert_hint(from_all_rows, seeds=[195, 583, 676])


def test_classes_of_one_row_may_not_be_refused():
    # not among the others: the number of the line that raises may be that of a row
    assert_hint(Wrong("06.1", "refuses small classes", split_refusing_small, "也要切", 80))


def test_another_loss_is_told_from_no_loss():
    # not among the others: the function of the course takes no tensor of another process
    assert_hint(Wrong("06.3", "another loss", epoch_of_cross_entropy, "一次也没有调用", 0))


def test_losses_of_earlier_epochs_are_found_out():
    for seed in (None, 0, 1, 2):
        wrong = Wrong("06.3", "remembers losses", epoch_remembering(), "前一轮的损失", 75)
        assert_hint(wrong, seeds=[seed])


def test_the_scores_are_told_apart_whatever_the_seed():
    for seed in range(3_000):
        matrix = ex06._counts(np.random.default_rng(seed), 3)
        precision, recall, f1, mean, of_means = ex06.scores_from_matrix(matrix)
        assert not np.isclose(precision, recall).any()
        assert not np.allclose(f1, (precision + recall) / 2)
        assert abs(mean - of_means) > 1e-3


def test_fit_does_not_do_the_exercise():
    source = "def train_epoch(m, x, y, o, f, b, r):\n    return engine.fit(m, (x, y), None, o)\n"
    source = "from aigc_course import engine\n" + source
    assert static_findings(source, get("06.3").allows) != []


# --- the library's versions --------------------------------------------------------------------


def test_train_epoch_agrees_with_fit():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(53, 4)), rng.integers(3, size=53)
    nets = [engine.Linear(4, 3, generator=np.random.default_rng(1)).double() for _ in range(2)]
    first, second = (engine.Adam(net.parameters(), lr=0.1) for net in nets)
    entropy, order = engine.functional.cross_entropy, np.random.default_rng(2)
    mine = [ex06.train_epoch(nets[0], x, y, first, entropy, 10, order) for _ in range(3)]
    history = engine.fit(
        nets[1], (x, y), (x, y), second,
        loss=entropy, epochs=3, batch_size=10, rng=np.random.default_rng(2),
    )  # fmt: skip
    np.testing.assert_allclose(mine, history.train_loss, rtol=1e-12)
    np.testing.assert_array_equal(nets[0].weight.data, nets[1].weight.data)
