"""The judges of 06_train_mlp: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_course import engine
from aigc_course.exercises import ex06, judge, registered

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


# --- typical wrong answers -----------------------------------------------------------------------


def _not_stratified(y, fraction, rng):
    by_class = np.argsort(y, kind="stable")
    return by_class[18:], by_class[:18]


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


def _nan(matrix):
    hit = np.diag(matrix)
    p, r = hit / matrix.sum(axis=0), hit / matrix.sum(axis=1)
    f = 2 * p * r / (p + r)
    return p, r, f, f.mean(), hit.sum() / matrix.sum()


WRONG = {
    "06.1": {
        "not stratified": (_not_stratified, "对每个类别分别抽"),
        "overlap": (_overlapping, "背过的题"),
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
        "step after the loop": (_step_after_loop, "step 在循环里面"),
    },
    "06.4": {
        "transposed": (lambda t, p, k: confusion_matrix(p, t, k), "行列反了"),
        "fancy index": (_fancy_plus_one, "只加一次"),
        "size from the data": (_from_data, "由 n_classes 定"),
        "shares": (lambda t, p, k: confusion_matrix(t, p, k) / len(t), "不是比例"),
    },
    "06.5": {
        "swapped": (_scores(_swap), "对调了"),
        "arithmetic mean": (_scores(_arithmetic), "调和"),
        "f1 of means": (_scores(_f1_of_means), "先算每一类的 F1"),
        "weighted": (_scores(_weighted), "除以 K"),
        "macro for micro": (_scores(_macro_for_micro), "对角线之和"),
        "nan": (_nan, "0/0"),
        "four things": (lambda m: scores(m)[:4], "micro_f1"),
    },
}
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
