"""The judges of 06_train_mlp: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_course import engine
from aigc_course.exercises import ex06, judge, registered
from aigc_course.judging import core
from aigc_course.judging.forbidden import static_findings
from tests.support.common_questions import more_questions
from tests.support.harness import (
    assert_keeps_its_secrets,
    assert_worth_nothing,
    know_nothings,
)
from tests.support.loopback import assert_same_remotely

SEEDS = range(20)


# --- right answers, written another way than the library's ---------------------------------------


def stratified_split(y, fraction, rng):
    val = [
        rng.choice(np.flatnonzero(y == k), size=round(fraction * np.sum(y == k)), replace=False)
        for k in range(y.max() + 1)
    ]
    val = np.concatenate(val)
    return np.setdiff1d(np.arange(len(y)), val), val


def batches(x, y, batch_size, rng):
    order = rng.permutation(len(y))
    parts = np.split(order, range(batch_size, len(y), batch_size))
    return [(x[rows], y[rows]) for rows in parts]


def train_epoch(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    losses = []
    for xb, yb in batches(x, y, batch_size, rng):
        optimizer.zero_grad()
        loss = loss_fn(model(engine.tensor(xb)), yb)
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(yb)
    return float(np.mean(losses))


def confusion_matrix(y_true, y_pred, n_classes):
    rows = [[np.sum((y_true == i) & (y_pred == j)) for j in range(n_classes)]
            for i in range(n_classes)]  # fmt: skip
    return np.array(rows)


def scores(matrix):
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


RIGHT = {
    "06.1": stratified_split,
    "06.2": batches,
    "06.3": train_epoch,
    "06.4": confusion_matrix,
    "06.5": scores,
}


def split_by_sorting(y, fraction, rng):
    key = rng.random(len(y))
    val = []
    for k in set(y.tolist()):
        rows = [i for i in np.argsort(key) if y[i] == k]
        val += rows[: int(np.floor(fraction * len(rows) + 0.5))]
    train = sorted(set(range(len(y))) - set(val))
    return [train, val]


def batches_by_yield(x, y, batch_size, rng):
    rows = list(rng.permutation(len(x)))
    while rows:
        now, rows = rows[:batch_size], rows[batch_size:]
        yield [x[now], y[now]]


def train_epoch_step_first(model, x, y, optimizer, loss_fn, batch_size, rng):
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


def train_epoch_on_arrays(model, x, y, optimizer, loss_fn, batch_size, rng):
    """The model takes arrays too; the loss read with ``float``."""
    model.train()
    total = 0.0
    for xb, yb in batches(x, y, batch_size, rng):
        loss = loss_fn(model(xb), engine.tensor(yb))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss) * len(xb)
    return total / len(x)


def train_epoch_adding_tensors(model, x, y, optimizer, loss_fn, batch_size, rng):
    """Reckons with the losses as tensors, and reads the number at the end."""
    model.train()
    total = 0
    for xb, yb in batches(x, y, batch_size, rng):
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        total = total + np.float64(len(xb)) * loss.detach() / len(x)
    return total.item()


def confusion_by_bincount(y_true, y_pred, n_classes):
    flat = np.bincount(n_classes * y_true + y_pred, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes).astype(float)


def scores_with_guard(matrix):
    hit = np.diag(matrix).astype(float)
    column, row = matrix.sum(0), matrix.sum(1)
    precision, recall = hit / np.maximum(column, 1), hit / np.maximum(row, 1)
    both = precision + recall
    f1 = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1), 0)
    return [precision.tolist(), recall, f1, np.mean(f1), hit.sum() / np.sum(matrix)]


VARIANTS = {
    "06.1": [split_by_sorting],
    "06.2": [batches_by_yield],
    "06.3": [train_epoch_step_first, train_epoch_on_arrays, train_epoch_adding_tensors],
    "06.4": [confusion_by_bincount],
    "06.5": [scores_with_guard],
}
LEAVES = {"06.1": 2, "06.2": 0, "06.3": 1, "06.4": 1, "06.5": 5}


# --- typical wrong answers -----------------------------------------------------------------------


def _not_stratified(y, fraction, rng):
    by_class = np.argsort(y, kind="stable")
    return by_class[18:], by_class[:18]


def _from_all_rows(y, fraction, rng):
    order = rng.permutation(len(y))
    k = round(fraction * len(y))
    return order[k:], order[:k]


def _cut_off(y, fraction, rng):
    val = [
        rng.choice(np.flatnonzero(y == k), size=int(fraction * np.sum(y == k)), replace=False)
        for k in range(y.max() + 1)
    ]
    val = np.concatenate(val)
    return np.setdiff1d(np.arange(len(y)), val), val


def _overlapping(y, fraction, rng):
    _, val = stratified_split(y, fraction, rng)
    return np.arange(len(y)), val


def _loses_rows(y, fraction, rng):
    train, val = stratified_split(y, fraction, rng)
    return train[1:], val


def _global_seed(y, fraction, rng):
    return stratified_split(y, fraction, np.random.default_rng())


def _first_rows(y, fraction, rng):
    val = [np.flatnonzero(y == k)[: round(fraction * np.sum(y == k))] for k in range(y.max() + 1)]
    val = np.concatenate(val)
    return np.setdiff1d(np.arange(len(y)), val), val


def _masks(y, fraction, rng):
    train, val = stratified_split(y, fraction, rng)
    return np.isin(np.arange(len(y)), train), np.isin(np.arange(len(y)), val)


def _drop_last(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    for start in range(0, len(x) - batch_size + 1, batch_size):
        yield x[order[start : start + batch_size]], y[order[start : start + batch_size]]


def _two_orders(x, y, batch_size, rng):
    a, b = rng.permutation(len(x)), rng.permutation(len(x))
    for i in range(0, len(x), batch_size):
        yield x[a[i : i + batch_size]], y[b[i : i + batch_size]]


def _in_order(x, y, batch_size, rng):
    for i in range(0, len(x), batch_size):
        yield x[i : i + batch_size], y[i : i + batch_size]


def _with_replacement(x, y, batch_size, rng):
    for i in range(0, len(x), batch_size):
        rows = rng.integers(len(x), size=min(batch_size, len(x) - i))
        yield x[rows], y[rows]


def _own_seed(x, y, batch_size, rng):
    return batches(x, y, batch_size, np.random.default_rng(0))


def _in_place(x, y, batch_size, rng):
    rng.shuffle(x)
    yield from batches(x, y, batch_size, rng)


def _other_order(x, y, batch_size, rng):
    order = np.argsort(rng.random(len(x)))
    for i in range(0, len(x), batch_size):
        yield x[order[i : i + batch_size]], y[order[i : i + batch_size]]


def _global_batches(x, y, batch_size, rng):
    return batches(x, y, batch_size, np.random.default_rng())


def _one_batch(x, y, batch_size, rng):
    return batches(x, y, len(x), rng)


def _epoch(*, zero=True, backward=True, step=True, mode=True, mean="samples", cut=batches):
    def answer(model, x, y, optimizer, loss_fn, batch_size, rng):
        if mode:
            model.train()
        values, sizes = [], []
        for xb, yb in cut(x, y, batch_size, rng):
            loss = loss_fn(model(engine.tensor(xb)), yb)
            if zero:
                optimizer.zero_grad()
            if backward:
                loss.backward()
            if step:
                optimizer.step()
            values.append(loss if mean == "tensor" else loss.item())
            sizes.append(len(yb))
        if mean == "batches":
            return float(np.mean(values))
        if mean == "tensor":
            return values[-1]
        if mean == "none":
            return None
        return float(np.average(values, weights=sizes))

    return answer


def _step_after_loop(model, x, y, optimizer, loss_fn, batch_size, rng):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for xb, yb in batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        loss.backward()
        total += loss.item() * len(yb)
    optimizer.step()
    return total / len(y)


def _fancy_plus_one(y_true, y_pred, n_classes):
    matrix = np.zeros((n_classes, n_classes), int)
    matrix[y_true, y_pred] += 1
    return matrix


def _from_data(y_true, y_pred, n_classes):
    k = len(np.unique(y_true))
    return confusion_matrix(y_true, y_pred, k)


def _scores(change):
    def answer(matrix):
        got = list(scores(matrix))
        change(got, matrix)
        return tuple(got)

    return answer


def _swap(got, matrix):
    got[0], got[1] = got[1], got[0]


def _arithmetic(got, matrix):
    got[2] = (got[0] + got[1]) / 2


def _f1_of_means(got, matrix):
    p, r = got[0].mean(), got[1].mean()
    got[3] = 2 * p * r / (p + r)


def _weighted(got, matrix):
    got[3] = float(np.average(got[2], weights=matrix.sum(axis=1)))


def _macro_for_micro(got, matrix):
    got[4] = got[3]


def _nan_rows(matrix):
    hit = np.diag(matrix)
    p = hit / np.maximum(matrix.sum(axis=0), 1)
    r = hit / matrix.sum(axis=1)
    f = np.where(p + r > 0, 2 * p * r / np.maximum(p + r, 1e-12), 0)
    return p, r, f, f.mean(), hit.sum() / matrix.sum()


def _nan(matrix):
    hit = np.diag(matrix)
    p, r = hit / matrix.sum(axis=0), hit / matrix.sum(axis=1)
    f = 2 * p * r / (p + r)
    return p, r, f, f.mean(), hit.sum() / matrix.sum()


def _shuffles_labels(y, fraction, rng):
    rng.shuffle(y)
    return stratified_split(y, fraction, rng)


def _even_parts(x, y, batch_size, rng):
    parts = -(-len(x) // batch_size)
    for rows in np.array_split(rng.permutation(len(x)), parts + 1):
        yield x[rows], y[rows]


def _only_x(x, y, batch_size, rng):
    return [xb for xb, _ in batches(x, y, batch_size, rng)]


def _total(*args):
    return train_epoch(*args) * len(args[1])


def _loss_only(model, x, y, optimizer, loss_fn, batch_size, rng):
    return 0.0


def _symmetric(y_true, y_pred, n_classes):
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    return (matrix + matrix.T) / 2


def _marks_its_input(y_true, y_pred, n_classes):
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    y_pred[y_true != y_pred] = -1
    return matrix


def _rows_twice(got, matrix):
    got[0] = got[1]


def _columns_twice(got, matrix):
    got[1] = got[0]


def _half_f1(got, matrix):
    got[2] = got[2] / 2


def _skips_empty(got, matrix):
    there = matrix.sum(axis=0) + matrix.sum(axis=1) > 0
    got[3] = got[2][there].mean()


def _ones_for_empty(got, matrix):
    got[0][matrix.sum(axis=0) == 0] = 1.0


WRONG = {
    "06.1": {
        "not stratified": (_not_stratified, "对每个类别分别抽"),
        "overlap": (_overlapping, "背过的题"),
        "from all rows": (_from_all_rows, "对每个类别分别抽"),
        "cut off": (_cut_off, "差一张"),
        "shuffles y": (_shuffles_labels, "y 被原地修改"),
        "loses rows": (_loses_rows, "去重后"),
        "global seed": (_global_seed, "全局函数"),
        "first rows": (_first_rows, "排过序"),
        "masks": (_masks, "np.flatnonzero"),
        "one array": (lambda y, f, rng: stratified_split(y, f, rng)[0], "train_rows, val_rows"),
    },
    "06.2": {
        "drop last": (_drop_last, "不用 N - batch_size"),
        "two orders": (_two_orders, "对不上号"),
        "in order": (_in_order, "没有打乱"),
        "with replacement": (_with_replacement, "不放回"),
        "own seed": (_own_seed, "另建固定种子"),
        "in place": (_in_place, "原地修改"),
        "another order": (_other_order, "逐位比较"),
        "the global seed": (_global_batches, "np.random 的全局函数"),
        "even parts": (_even_parts, "行一批"),
        "only x": (_only_x, "yield xb, yb"),
        "no yield": (lambda x, y, b, rng: None, "yield"),
    },
    "06.3": {
        "no zero_grad": (_epoch(zero=False), "累加起来了"),
        "no step": (_epoch(step=False), "一模一样"),
        "no backward": (_epoch(backward=False), "一模一样"),
        "no train mode": (_epoch(mode=False), "model.train()"),
        "mean of batches": (_epoch(mean="batches"), "同权"),
        "returns a tensor": (_epoch(mean="tensor"), "loss.item()"),
        "returns nothing": (_epoch(mean="none"), "loss.item()"),
        "drops the last batch": (_epoch(cut=_drop_last), "不满的一批"),
        "labels of other rows": (_epoch(cut=_two_orders), "取自同一批"),
        "not shuffled": (_epoch(cut=_in_order), "顺序和输入一样"),
        "its own seed": (_epoch(cut=_own_seed), "自己另建固定种子"),
        "the global seed": (_epoch(cut=_global_batches), "np.random 的全局函数"),
        "one large batch": (_epoch(cut=_one_batch), "应有"),
        "in place": (_epoch(cut=_in_place), "原地修改"),
        "total": (_total, "除以 N"),
        "does nothing": (_loss_only, "loss_fn(logits, yb)"),
        "step after the loop": (_step_after_loop, "step 在循环里面"),
    },
    "06.4": {
        "transposed": (lambda t, p, k: confusion_matrix(p, t, k), "行列反了"),
        "fancy index": (_fancy_plus_one, "只加一次"),
        "size from the data": (_from_data, "由 n_classes 定"),
        "other classes": (lambda t, p, k: confusion_matrix(t, (p + 1) % k, k), "对角线上"),
        "symmetric": (_symmetric, "真实为 i、预测为 j"),
        "marks its input": (_marks_its_input, "y_pred 被原地修改"),
        "shares": (lambda t, p, k: confusion_matrix(t, p, k) / len(t), "不是比例"),
    },
    "06.5": {
        "swapped": (_scores(_swap), "对调了"),
        "arithmetic mean": (_scores(_arithmetic), "调和"),
        "f1 of means": (_scores(_f1_of_means), "先算每一类的 F1"),
        "weighted": (_scores(_weighted), "除以 K"),
        "macro for micro": (_scores(_macro_for_micro), "对角线之和"),
        "nan": (_nan, "0/0"),
        "rows twice": (_scores(_rows_twice), "÷ 列和"),
        "columns twice": (_scores(_columns_twice), "÷ 行和"),
        "half": (_scores(_half_f1), "2TP"),
        "skips empty classes": (_scores(_skips_empty), "K 不变"),
        "one for empty": (_scores(_ones_for_empty), "记作 0"),
        "nan in empty rows": (_nan_rows, "行和、列和都为 0"),
        "four things": (lambda m: scores(m)[:4], "micro_f1"),
    },
}
SHARES = [
    ("06.1", _from_all_rows, 0.0, 0.0),
    ("06.1", _first_rows, 0.3, 0.5),
    ("06.1", _cut_off, 0.7, 0.9),
    ("06.2", _drop_last, 0.6, 0.7),
    ("06.2", _in_order, 0.3, 0.4),
    ("06.2", _other_order, 0.8, 0.9),
    ("06.2", _with_replacement, 0.0, 0.0),
    ("06.3", _epoch(step=False), 0.0, 0.0),
    ("06.3", _epoch(zero=False), 0.1, 0.2),
    ("06.3", _epoch(mode=False), 0.4, 0.6),
    ("06.3", _epoch(mean="batches"), 0.6, 0.7),
    ("06.4", lambda t, p, k: confusion_matrix(p, t, k), 0.5, 0.5),
    ("06.4", lambda t, p, k: np.full((k, k), len(t) / k**2), 0.0, 0.0),
    ("06.5", _scores(_macro_for_micro), 0.5, 0.7),
    ("06.5", _nan, 0.8, 0.9),
]
CASES = [(number, name) for number, wrong in WRONG.items() for name in wrong]


@pytest.mark.parametrize("number", RIGHT)
@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_pass(number, seed):
    result = judge(number, RIGHT[number], seed=seed)
    assert result.passed, str(result)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("06.1", "stratified_split"),
        ("06.2", "batches"),
        ("06.3", "train_epoch"),
        ("06.5", "scores_from_matrix"),
    ],
)
def test_the_librarys_own_version_passes(number, name):
    result = judge(number, getattr(ex06, name))
    assert result.passed, str(result)


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


@pytest.mark.parametrize(("number", "name"), CASES)
@pytest.mark.parametrize("seed", range(6))
def test_wrong_answers_get_their_hint(number, name, seed):
    answer, says = WRONG[number][name]
    result = judge(number, answer, seed=seed)
    assert result.status == "failed", str(result)
    assert says in str(result), str(result)


@pytest.mark.parametrize("number", RIGHT)
def test_unanswered(number):
    def stub(*args, **kwargs):
        raise NotImplementedError("还没作答")

    assert judge(number, stub).status == "unanswered"
    assert judge(number, None).status == "unanswered"


def test_registered_in_order():
    assert [ex.id for ex in registered("06")] == list(RIGHT)


# --- what is said, what is earned, where the answer lives -----------------------------------------


globals().update(more_questions(RIGHT, VARIANTS, SHARES, LEAVES))


@pytest.mark.parametrize("number", ["06.1", "06.2", "06.4", "06.5"])
def test_answers_that_know_nothing_earn_nothing(number):
    assert_worth_nothing(number, know_nothings(core.get(number).reference))


def test_precision_and_recall_are_told_apart_whatever_the_seed():
    for seed in range(3_000):
        matrix = ex06._counts(np.random.default_rng(seed), 3)
        precision, recall, f1, *_ = ex06.scores_from_matrix(matrix)
        assert not np.isclose(precision, recall).any()
        assert not np.allclose(f1, (precision + recall) / 2)


def test_fit_does_not_do_the_exercise():
    source = "def train_epoch(m, x, y, o, f, b, r):\n    return engine.fit(m, (x, y), None, o)\n"
    source = "from aigc_course import engine\n" + source
    assert static_findings(source, core.get("06.3").allows) != []


@pytest.mark.parametrize(("number", "name"), CASES)
def test_failed_results_keep_their_secrets(number, name):
    if number != "06.3":  # what it returns is one loss, and it may not be called twice on a model
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
    by_chance = (_global_seed, _global_batches, WRONG["06.3"]["the global seed"][0])
    if answer not in by_chance:
        assert_same_remotely(number, answer)
