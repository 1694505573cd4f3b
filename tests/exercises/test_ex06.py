"""Chapter 06: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from aigc_course import engine
from aigc_course.exercises import ex06, get
from aigc_course.judging.forbidden import static_findings
from tests.support.common_questions import questions
from tests.support.harness import Wrong, assert_hint, assert_survives, odd_values

# --- other right answers -----------------------------------------------------------------------


def split_with(pick):
    """A split whose validation rows are ``pick(rows of one class, fraction, rng)``."""

    def answer(y, fraction, rng):
        val = [pick(np.flatnonzero(y == k), fraction, rng) for k in range(y.max() + 1)]
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
    return [train, val]


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


def confusion_by_counting(y_true, y_pred, n_classes):
    classes = range(n_classes)
    return np.array([[np.sum((y_true == i) & (y_pred == j)) for j in classes] for i in classes])


def confusion_by_bincount(y_true, y_pred, n_classes):
    flat = np.bincount(n_classes * y_true + y_pred, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes).astype(float)


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
    return p, r, f, f.mean(), np.trace(matrix) / matrix.sum()


def scores_with_guard(matrix):
    hit = np.diag(matrix).astype(float)
    column, row = matrix.sum(0), matrix.sum(1)
    precision, recall = hit / np.maximum(column, 1), hit / np.maximum(row, 1)
    both = precision + recall
    f1 = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1), 0)
    return [precision, recall, f1, np.mean(f1), hit.sum() / np.sum(matrix)]


ALSO_RIGHT = [
    ("06.1", split_with(lambda rows, f, rng: rng.choice(rows, round(f * len(rows)), False))),
    ("06.1", split_by_sorting),
    ("06.2", batches_by_split),
    ("06.2", batches_by_yield),
    ("06.3", epoch_step_first),
    ("06.3", epoch_on_arrays),
    ("06.3", epoch_adding_tensors),
    ("06.4", confusion_by_counting),
    ("06.4", confusion_by_bincount),
    ("06.5", scores_by_loop),
    ("06.5", scores_with_guard),
]


# --- typical mistakes --------------------------------------------------------------------------


def split_then(change):
    """The right rows, changed."""
    return lambda y, fraction, rng: change(*ex06.stratified_split(y, fraction, rng))


def cut_off(rows, fraction, rng):
    return rng.choice(rows, int(fraction * len(rows)), False)


def first_rows(rows, fraction, rng):
    return rows[: round(fraction * len(rows))]


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


def split_masks(train, val):
    rows = np.arange(len(train) + len(val))
    return np.isin(rows, train), np.isin(rows, val)


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


def drop_last(x, y, batch_size, rng):
    return [pair for pair in ex06.batches(x, y, batch_size, rng) if len(pair[1]) == batch_size]


def own_seed(x, y, batch_size, rng):
    return ex06.batches(x, y, batch_size, np.random.default_rng(0))


def batches_by_chance(x, y, batch_size, rng):
    return ex06.batches(x, y, batch_size, np.random.default_rng())


def shuffling_x(x, y, batch_size, rng):
    rng.shuffle(x)
    yield from ex06.batches(x, y, batch_size, rng)


def shuffling_y(x, y, batch_size, rng):
    rng.shuffle(y)
    yield from ex06.batches(x, y, batch_size, rng)


def one_batch(x, y, batch_size, rng):
    return ex06.batches(x, y, len(x), rng)


def even_parts(x, y, batch_size, rng):
    parts = -(-len(x) // batch_size)
    for rows in np.array_split(rng.permutation(len(x)), parts + 1):
        yield x[rows], y[rows]


def only_x(x, y, batch_size, rng):
    return [xb for xb, _ in ex06.batches(x, y, batch_size, rng)]


def mean_loss(losses, sizes):
    return float(np.average([loss.item() for loss in losses], weights=sizes))


def epoch(*, zero=True, backward=True, step=True, mode=True, mean=mean_loss, cut=ex06.batches):
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


def epoch_step_after_loop(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for xb, yb in ex06.batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        loss.backward()
        total += loss.item() * len(yb)
    optimizer.step()
    return total / len(y)


def confusion_fancy_index(y_true, y_pred, n_classes):
    matrix = np.zeros((n_classes, n_classes), int)
    matrix[y_true, y_pred] += 1
    return matrix


def confusion_of_those_seen(y_true, y_pred, n_classes):
    return confusion_by_counting(y_true, y_pred, len(np.unique(y_true)))


def confusion_of_others(y_true, y_pred, n_classes):
    return ex06.confusion_matrix(y_true, (y_pred + 1) % n_classes, n_classes)


def confusion_symmetric(y_true, y_pred, n_classes):
    matrix = ex06.confusion_matrix(y_true, y_pred, n_classes)
    return (matrix + matrix.T) / 2


def confusion_without_a_guess(y_true, y_pred, n_classes):
    matrix = ex06.confusion_matrix(y_true, y_pred, n_classes)
    return np.where(matrix.sum(axis=0) > 0, matrix, np.nan)


def confusion_marking(which):
    def answer(*args):
        matrix = ex06.confusion_matrix(*args)
        args[which][args[0] != args[1]] = -1
        return matrix

    return answer


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
        return p, r, f1, f1.mean(), hit.sum() / matrix.sum()

    return answer


def scores_in_place(matrix):
    right = ex06.scores_from_matrix(matrix)
    np.fill_diagonal(matrix, 0)
    return right


arithmetic = scores_with(2, lambda got, m: (got[0] + got[1]) / 2)
f1_of_means = scores_with(
    3, lambda got, m: 2 * got[0].mean() * got[1].mean() / (got[0].mean() + got[1].mean())
)
weighted = scores_with(3, lambda got, m: float(np.average(got[2], weights=m.sum(axis=1))))
skips_empty = scores_with(3, lambda got, m: got[2][m.sum(axis=0) + m.sum(axis=1) > 0].mean())
one_for_empty = scores_with(0, lambda got, m: np.where(m.sum(axis=0) > 0, got[0], 1.0))

WRONG = [
    Wrong("06.1", "from all rows", split_from_all_rows, "对每个类别分别抽", 0),
    Wrong("06.1", "overlap", split_then(lambda t, v: (np.append(t, v), v)), "背过的题", 0),
    Wrong("06.1", "cut off", split_with(cut_off), "差一张", 80),
    Wrong("06.1", "shuffles y", split_shuffling_labels, "y 被原地修改", 0),
    Wrong("06.1", "loses rows", split_then(lambda t, v: (t[1:], v)), "漏了 1 行", 0),
    Wrong("06.1", "one row twice", split_then(lambda t, v: ([*t, t[0]], v)), "有 1 行重复", 0),
    Wrong("06.1", "own seed", split_by_chance, "全局函数", 40),
    Wrong("06.1", "first rows", split_with(first_rows), "排过序", 40),
    Wrong("06.1", "masks", split_then(split_masks), "np.flatnonzero", 0),
    Wrong("06.1", "one array", split_then(lambda t, v: t), "train_rows, val_rows", 0),
    Wrong("06.2", "drop last", drop_last, "不用 N - batch_size", 66),
    Wrong("06.2", "two orders", two_orders, "对不上号", 16),
    Wrong("06.2", "in order", in_order, "没有打乱", 34),
    Wrong("06.2", "with replacement", with_replacement, "不放回", 0),
    Wrong("06.2", "own seed", own_seed, "另建固定种子", 50),
    Wrong("06.2", "shuffles x", shuffling_x, "x 被原地修改", 0),
    Wrong("06.2", "shuffles y", shuffling_y, "y 被原地修改", 0),
    Wrong("06.2", "another order", another_order, "逐位比较", 84),
    Wrong("06.2", "by chance", batches_by_chance, "np.random 的全局函数", 50),
    Wrong("06.2", "even parts", even_parts, "行一批", 0),
    Wrong("06.2", "only x", only_x, "yield xb, yb", 0),
    Wrong("06.2", "no yield", lambda x, y, b, rng: None, "函数里要有 yield", 0),
    Wrong("06.3", "no zero_grad", epoch(zero=False), "累加起来了", 17),
    Wrong("06.3", "no step", epoch(step=False), "一模一样", 0),
    Wrong("06.3", "no train mode", epoch(mode=False), "model.train()", 50),
    Wrong("06.3", "mean of batches", epoch(mean=lambda a, b: mean_loss(a, None)), "同权", 67),
    Wrong("06.3", "a tensor", epoch(mean=lambda a, b: a[-1]), "loss.item()", 67),
    Wrong("06.3", "total", epoch(mean=lambda a, b: mean_loss(a, b) * sum(b)), "除以 N", 67),
    Wrong("06.3", "drops the last batch", epoch(cut=drop_last), "不满的一批", 0),
    Wrong("06.3", "labels of other rows", epoch(cut=two_orders), "取自同一批", 0),
    Wrong("06.3", "not shuffled", epoch(cut=in_order), "顺序和输入一样", 0),
    Wrong("06.3", "own seed", epoch(cut=own_seed), "自己另建固定种子", 75),
    Wrong("06.3", "by chance", epoch_by_chance, "np.random 的全局函数", 75),
    Wrong("06.3", "one large batch", epoch(cut=one_batch), "你送了 1 批", 0),
    Wrong("06.3", "shuffles x", epoch(cut=shuffling_x), "x 被原地修改", 0),
    Wrong("06.3", "shuffles y", epoch(cut=shuffling_y), "y 被原地修改", 0),
    Wrong("06.3", "does nothing", lambda *args: 0.0, "loss_fn(logits, yb)", 0),
    Wrong("06.3", "step after the loop", epoch_step_after_loop, "step 在循环里面", 17),
    Wrong("06.4", "transposed", lambda t, p, k: ex06.confusion_matrix(p, t, k), "行列反了", 50),
    Wrong("06.4", "fancy index", confusion_fancy_index, "只加一次", 0),
    Wrong("06.4", "size from the data", confusion_of_those_seen, "由 n_classes 定", 0),
    Wrong("06.4", "other classes", confusion_of_others, "对角线上", 0),
    Wrong("06.4", "symmetric", confusion_symmetric, "真实为 i、预测为 j", 50),
    Wrong("06.4", "marks y_true", confusion_marking(0), "y_true 被原地修改", 0),
    Wrong("06.4", "marks y_pred", confusion_marking(1), "y_pred 被原地修改", 0),
    Wrong("06.4", "shares", lambda t, p, k: ex06.confusion_matrix(t, p, k) / len(t), "不是比例", 0),
    Wrong("06.4", "nan", confusion_without_a_guess, "一个整数", 0),
    Wrong("06.5", "in place", scores_in_place, "matrix 被原地修改", 0),
    Wrong("06.5", "swapped", scores_swapped, "对调了", 0),
    Wrong("06.5", "arithmetic mean", arithmetic, "两者之一很低时", 33),
    Wrong("06.5", "f1 of means", f1_of_means, "先算每一类的 F1", 50),
    Wrong("06.5", "weighted", weighted, "除以 K", 50),
    Wrong("06.5", "macro for micro", scores_with(4, lambda got, m: got[3]), "对角线之和", 67),
    Wrong("06.5", "nan", scores_unguarded(0), "列和为 0 时出现了 0/0", 83),
    Wrong("06.5", "rows twice", scores_with(0, lambda got, m: got[1]), "÷ 列和", 0),
    Wrong("06.5", "columns twice", scores_with(1, lambda got, m: got[0]), "÷ 行和", 17),
    Wrong("06.5", "half", scores_with(2, lambda got, m: got[2] / 2), "2TP", 33),
    Wrong("06.5", "skips empty classes", skips_empty, "K 不变", 97),
    Wrong("06.5", "nan in empty rows", scores_unguarded(1), "行和、列和都为 0", 92),
    Wrong("06.5", "four", lambda m: ex06.scores_from_matrix(m)[:4], "return precision", 0),
    Wrong("06.5", "a word", scores_with(4, lambda got, m: "0.5"), "不是文字", 0),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("06.1", "sorted by class", split_sorted, "对每个类别分别抽", 0),
    Wrong("06.3", "no backward", epoch(backward=False), "一模一样", 0),
    Wrong("06.3", "returns nothing", epoch(mean=lambda a, b: None), "loss.item()", 67),
    Wrong("06.4", "even", lambda t, p, k: np.full((k, k), len(t) / k**2), "对角线上", 0),
    Wrong("06.5", "one for empty", one_for_empty, "记作 0", 83),
]

globals().update(
    questions(
        "06",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        let_pass={"06.1": ["list", "bytes"], "06.4": ["stale"]},
        same_hint=SAME_HINT,
        opaque=["06.3"],  # trains a model: what it returns is not all that it does
        by_chance=[split_by_chance, batches_by_chance, epoch_by_chance],
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


def test_precision_and_recall_are_told_apart_whatever_the_seed():
    for seed in range(3_000):
        matrix = ex06._counts(np.random.default_rng(seed), 3)
        precision, recall, f1, *_ = ex06.scores_from_matrix(matrix)
        assert not np.isclose(precision, recall).any()
        assert not np.allclose(f1, (precision + recall) / 2)


def test_fit_does_not_do_the_exercise():
    source = "def train_epoch(m, x, y, o, f, b, r):\n    return engine.fit(m, (x, y), None, o)\n"
    source = "from aigc_course import engine\n" + source
    assert static_findings(source, get("06.3").allows) != []


# --- the library's versions --------------------------------------------------------------------


def test_batches_agree_with_the_engine():
    x, y = np.arange(23.0).reshape(23, 1), np.arange(23)
    ours = ex06.batches(x, y, 5, np.random.default_rng(3))
    theirs = engine.batches(x, y, 5, rng=np.random.default_rng(3))
    for (a, b), (c, d) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


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
