"""Chapter 06, training a classifier: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import ceil, comb, sqrt
from typing import Any

import numpy as np

from aigc_course import engine
from aigc_course.judging.handed import exposes
from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    array,
    as_one,
    attempt,
    exercise,
    hints,
    parts,
    shape_of,
    that,
    value,
)

__all__ = [
    "confusion_matrix",
    "cross_validate",
    "disagree",
    "scores_from_matrix",
    "stratified_split",
    "train_epoch",
    "wilson",
]


# --- the library's versions --------------------------------------------------------------------


def stratified_split(y: Array, fraction: float, rng: Rng) -> tuple[Array, Array]:
    """Row numbers of a training and a validation part that keep every class's share.

    Args:
        y: classes, (N,), any whole numbers.
        fraction: share of each class that goes to validation, rounded to whole rows.
        rng: source of randomness.

    Returns:
        ``train_rows, val_rows``: disjoint, together 0 … N-1.

    Example:
        >>> y = np.array([7, 3] * 10)
        >>> train, val = stratified_split(y, 0.2, np.random.default_rng(0))
        >>> len(train), sorted(y[val].tolist())
        (16, [3, 3, 7, 7])
    """
    chosen = np.zeros(len(y), dtype=bool)
    for k in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == k))
        chosen[rows[: round(fraction * len(rows))]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def cross_validate(
    x: Array,
    y: Array,
    k: int,
    rng: Rng,
    select: Callable[[Array, Array], Array],
    fit: Callable[[Array, Array], Callable[[Array], Array]],
) -> Array:
    """For each row, the answer of a model that has seen neither the row nor its label.

    Args:
        x, y: (N, D) and (N,).
        select: of (x, y), numbers of the columns to keep.
        fit: of (x, y), a function that gives labels (n,) for rows (n, d).

    Returns:
        Predicted labels, (N,), in the order of the rows.

    Example:
        >>> x, y = np.eye(5), np.array([3, 3, 8, 3, 3])
        >>> first_two = lambda x, y: np.arange(2)
        >>> commonest = lambda x, y: lambda rows: np.full(len(rows), np.bincount(y).argmax())
        >>> cross_validate(x, y, 2, np.random.default_rng(0), first_two, commonest).tolist()
        [3, 3, 3, 3, 3]
    """
    out = np.empty(len(x), dtype=y.dtype)
    order = rng.permutation(len(x))
    for fold in np.array_split(order, k):
        rest = np.setdiff1d(order, fold)
        columns = select(x[rest], y[rest])
        predict = fit(x[rest][:, columns], y[rest])
        out[fold] = predict(x[fold][:, columns])
    return out


def train_epoch(
    model: Any,
    x: Array,
    y: Array,
    optimizer: Any,
    loss_fn: Callable[[Any, Any], Any],
    batch_size: int,
    rng: Rng,
) -> float:
    """One pass over the data; returns the mean loss a sample (each batch before its own step)."""
    model.train()
    total = 0.0
    for xb, yb in engine.batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.item()) * len(yb)
    return total / len(y)


def confusion_matrix(y_true: Array, y_pred: Array, classes: Any) -> Array:
    """Counts (K, K): row i, column j holds the samples of class i that were taken for class j.

    Args:
        y_true, y_pred: (N,)
        classes: the K labels in the order of the rows and columns.

    Example:
        >>> confusion_matrix(np.array([4, 4, 2]), np.array([4, 2, 2]), [4, 2]).tolist()
        [[1, 1], [0, 1]]
    """
    place = {int(label): i for i, label in enumerate(classes)}
    matrix = np.zeros((len(place), len(place)), dtype=int)
    for t, p in zip(y_true, y_pred, strict=True):
        matrix[place[int(t)], place[int(p)]] += 1
    return matrix


def scores_from_matrix(matrix: Array) -> tuple[Array, Array, Array, float, float]:
    """Precision, recall and F1 of each class, then both macro F1s, from a confusion matrix.

    Args:
        matrix: counts, (K, K), rows true, columns predicted.

    Returns:
        precision, recall, f1 of shape (K,); the mean of the F1s; the F1 of the mean precision and
        the mean recall. A fraction with an empty denominator is 0.

    Example:
        >>> scores_from_matrix(np.array([[3, 1], [0, 2]]))[1].tolist()
        [0.75, 1.0]
    """

    def ratio(a: Array, b: Array) -> Array:
        return np.divide(a, b, out=np.zeros(np.shape(a)), where=b > 0)

    hit, row, column = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall, f1 = ratio(hit, column), ratio(hit, row), ratio(2 * hit, row + column)
    p, r = precision.mean(), recall.mean()
    return precision, recall, f1, float(f1.mean()), float(ratio(2 * p * r, p + r))


def disagree(n: int) -> tuple[Array, Array]:
    """Two tables of the same test set, n samples of each of two classes: the two macro F1s rank
    them in opposite orders, by 0.05 at least.

    Example:
        >>> a, b = disagree(100)
        >>> [[round(s, 2) for s in scores_from_matrix(m)[3:]] for m in (a, b)]
        [[0.5, 0.5], [0.34, 0.6]]
    """
    half = (n + 1) // 2
    return np.array([[half, n - half], [n - half, half]]), np.array([[n, 0], [n - 1, 1]])


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """All p for which the observed share is at most z standard deviations away (Wilson 1927).

    Args:
        hits, n: so many of so many were right; n ≥ 1.

    Returns:
        ``low, high``: the roots of (n + z²)p² − (2·hits + z²)p + hits²/n.

    Example:
        >>> [round(p, 3) for p in wilson(10, 10)]
        [0.722, 1.0]
    """
    middle, half = hits + z * z / 2, z * sqrt(hits * (n - hits) / n + z * z / 4)
    return (middle - half) / (n + z * z), (middle + half) / (n + z * z)


# --- the judges --------------------------------------------------------------------------------

_FROM_RNG = "随机数要从参数 rng 来，不要用 np.random 的全局函数"


def _names(rng: Rng, k: int) -> Array:
    """k labels that are not 0 … k−1: gaps, no order, one below 0."""
    labels = rng.choice(np.arange(k, 50), size=k, replace=False)
    labels[int(rng.integers(k))] = -int(rng.integers(1, 9))
    return labels


def _labels(rng: Rng, k: int, fraction: float) -> Array:
    """Labels of ``k`` unevenly filled classes, at least four.

    In a small and in a larger class ``fraction`` asks for a little less than a whole number of
    rows, in another for a little more, so that neither cutting off nor rounding up gives what
    rounding gives; one is large enough that a random choice from it looks like one.
    """
    sizes = np.arange(ceil(1 / fraction), 40)  # not one class is cut off to nothing
    left = (fraction * sizes) % 1
    below, above = sizes[(left > 0.55) & (left < 0.95)], sizes[(left > 0.05) & (left < 0.45)]
    few, many = below[below <= 20], below[below > 20]
    others = [260, *rng.choice(sizes, size=k - 4)]  # more rows than a byte can number
    counts = rng.permutation([rng.choice(few), rng.choice(many), rng.choice(above), *others])
    return rng.permutation(np.repeat(_names(rng, k), counts))


def _drawn_together(answer: Answer, seed: int) -> Array:
    """Of a class of five rows, of which two validate: how often each two did in 300 splits."""
    y = np.tile([8, 3], 5)
    together = np.zeros((5, 5), dtype=int)
    for i in range(300):
        val = answer(y.copy(), 0.4, np.random.default_rng(seed + i))[1]
        drawn = np.isin(np.arange(0, 10, 2), val)
        together += np.outer(drawn, drawn)
    return together


def _judge_small_classes(call: Caller, rng: Rng) -> Steps:
    """Classes of which less than half a row is asked for: they stay in training as they are."""
    # 0.2 of each: 4, 0.2, 0.4, 0.4, 0.6; what is cut off must not be carried to the next class
    names, counts = _names(rng, 5), np.array([20, 1, 2, 2, 3])
    y = rng.permutation(np.repeat(names, counts))
    said = "有一类只有一两行"
    got = yield from attempt(
        lambda: call(y, 0.2, np.random.default_rng(int(rng.integers(10**6))))[0],
        said,
        {ValueError: "这里有一类只有 1 行，也要切：题面没有说每类至少几行，0.2 × 1 四舍五入是 0"},
    )
    got = yield from parts(got, 2, "train_rows, val_rows", f"返回两个数组（{said}）", "")
    train, val = (np.asarray(rows).ravel() for rows in got)
    in_train, in_val = ((y[np.isin(np.arange(len(y)), r)][:, None] == names).sum(0) for r in got)
    hint = "每一类自己的 fraction × 张数四舍五入，不带到下一类：1、2、2、3 行的类各进 0、0、0、1 行"
    if len(train) + len(val) < len(y):
        hint = "有的行两份里都没有：一类四舍五入后是 0 张时，它的行要全部留在训练里，不是跳过"
    elif in_val[2] == 2 and in_train[2] == 0:
        hint = "有 2 行的一类全进了验证：张数是 0 时，rows[-0:] 是全部的行，rows[:-0] 是空的"
    elif in_val[1] == in_val[2] == in_val[3] == 1:
        hint = "0.2 × 2 四舍五入是 0：这样的类一张也不进验证，不要硬塞一张"
    good = in_val.tolist() == [4, 0, 0, 0, 1] and len(train) + len(val) == len(y)
    detail = "20、1、2、2、3 行的类，fraction = 0.2，进验证的各 "
    yield that(good, said, hint, detail + "、".join(map(str, in_val)) + " 行", weight=0.5)
    got = call(np.repeat(names[1:4], 2), 0.2, np.random.default_rng(0))[0]
    got = yield from parts(got, 2, "train_rows, val_rows", "返回两个数组（没有一行进验证）", "")
    train, val = map(np.asarray, got)
    whole = val.size == 0 and np.array_equal(np.sort(train, axis=None), np.arange(6))
    hint = "三类都只有 2 行：0.2 × 2 四舍五入是 0，全部留在训练"
    yield that(whole, "没有一行进验证", hint)
    hint = f"空的一份也要是一维整数数组，现在是 {val.dtype} {val.shape}：np.array([]) 里默认是小数"
    fits = val.dtype.kind in "iu" and val.ndim == 1
    yield that(fits, "空的一份也是整数数组", hint, weight=0.25)


@exercise(
    "06.1",
    "按类别分层切分",
    points=2,
    asks="stratified_split(y, fraction, rng) -> train_rows, val_rows",
)
@hints(
    "整体抽签保不住每一类的比例：要对每个类别分别抽。",
    "有哪些类别由 np.unique(y) 说了算。对每个类别：np.flatnonzero(y == k) 是它的行号，"
    "用 rng.permutation 打乱，取前 round(fraction × 张数) 个进验证；训练是其余的行。",
    "先建一个全 False 的掩码 chosen，逐类把抽中的行记成 True；"
    "最后 np.flatnonzero(~chosen) 是训练，np.flatnonzero(chosen) 是验证。",
)
def judge_stratified_split(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, stratified_split)
    k, fraction = int(rng.integers(4, 7)), float(rng.choice([0.15, 0.25, 0.35]))
    y = _labels(rng, k, fraction)
    n, seed = len(y), int(rng.integers(1, 10**6))

    def split(seed: int) -> Any:
        return call(y, fraction, np.random.default_rng(seed))[0]

    got = split(seed)
    yield call.untouched("y", label="没有改动输入 y")
    names = "train_rows, val_rows"
    got = yield from parts(got, 2, names, "返回两个数组", f"应写成 return {names}")
    listed = any(isinstance(rows, list | tuple) for rows in got)
    yield that(not listed, "两份都是数组", "行号要放进 NumPy 数组，现在是列表：套一层 np.array(…)")
    train, val = map(np.asarray, got)
    hint = "验证的一份是空的：标签不一定是 0 … K−1，有哪些类用 np.unique(y) 问"
    yield that(val.size > 0, "验证集里有样本", hint)
    numbers = train.ndim == val.ndim == 1 and {train.dtype.kind, val.dtype.kind} <= {"i", "u"}
    hint = "要的是行号，不是布尔掩码：np.flatnonzero(掩码) 把掩码变成行号"
    if "f" in {train.dtype.kind, val.dtype.kind}:
        hint = "行号要是整数，现在是小数：这样的数组不能拿去取行"
    elif "b" not in {train.dtype.kind, val.dtype.kind}:
        hint = f"每份要是一维，现在有 {max(train.ndim, val.ndim)} 维：np.argwhere 给的是二维"
    yield that(numbers, "返回的是行号（一维整数）", hint)
    ends = [int(end(rows)) for rows in (train, val) if rows.size for end in (np.min, np.max)]
    inside = min(ends) >= 0 and max(ends) < n
    hint = "行号在 0 与 N−1 之间，现在有的不在：是不是放了标签？"
    yield that(inside, "行号在 0 与 N−1 之间", hint)
    hint = "验证里有的行出现了不止一次：抽的时候不放回；“这一类里的第几张”也不是行号"
    yield that(len(np.unique(val)) == len(val), "验证的行各不相同", hint)
    hint = "同一行进了两份：验证集成了背过的题。先定好验证的行，训练取它的补集"
    yield that(not np.isin(train, val).any(), "训练与验证没有公共的行", hint)
    hint = f"大的一份在后面：两份对调了（return {names}），或把 fraction 当成了训练的份额"
    yield that(len(val) < len(train), "先训练，后验证", hint)
    both = np.sort(np.concatenate([train, val]))
    lost, twice = len(np.setdiff1d(np.arange(n), both)), len(both) - len(np.unique(both))
    hint = f"两份合起来应是 0 … N−1 各一次：漏了 {lost} 行，有 {twice} 行重复"
    if lost and (y[np.setdiff1d(np.arange(n), both)] < 0).all():
        hint = f"漏了 {lost} 行，标签都是负数：有哪些类用 np.unique(y) 问，不从 0 数起"
    yield that(np.array_equal(both, np.arange(n)), "每一行都恰好进了一份", hint)
    val, *others = (np.sort(rows) for rows in [val, *(split(seed + i)[1] for i in range(1, 5))])
    # a draw from all rows together comes near now and then, but not to the same counts each time
    classes, sizes = np.unique(y, return_counts=True)
    counts = np.array([(y[rows][:, None] == classes).sum(axis=0) for rows in [val, *others]])
    hint = f"标签是 {classes.tolist()}：有的类一张也没有进验证。类别用 np.unique(y) 问，不从 0 数"
    yield that(counts.sum(axis=0).min() > 0, "每一类都进了验证", hint)
    off = np.abs(counts - fraction * sizes)
    even = off.max() <= 1.5 and bool((counts == counts[0]).all())
    i, j = np.unravel_index(off.argmax(), off.shape)
    told = f"标签 {classes[j]} 的类有 {sizes[j]} 行，fraction × {sizes[j]} = "
    told += f"{fraction * sizes[j]:.4g}，进验证的是 {counts[i, j]} 行"
    hint = "要对每个类别分别抽，张数先定好；类里的“第几张”还要换成行号"
    if (counts == np.minimum(sizes, counts.max())).all():
        hint = "每一类抽了一样多张：该按各类自己的张数取 fraction"
    elif (abs(counts - sizes * (counts.sum() / len(counts) / n)) <= 1).all():
        hint = "各类抽的份额相同，却不是 fraction：参数用上了吗，有没有写成固定的数？"
    elif (counts <= fraction * sizes + 0.5).all():
        hint = "各类只少不多：放回抽样，重复的行只算一次；要不放回"
    yield that(even, "验证集里每一类的份额", hint, told, weight=1.0)
    yield that(np.array_equal(np.sort(split(seed)[1]), val), "同一个种子给出同一种切分", _FROM_RNG)
    moves = any(not np.array_equal(rows, val) for rows in others)
    hint = (
        "换了 rng，抽到的还是那几行：每一类先用传进来的 rng 打乱，也不把结果记在函数外面"
        "（默认参数、全局变量）。总取开头几行，数据若排过序，验证集就有偏"
    )
    yield that(moves, "换一个种子，切分就变", hint, weight=1.0)
    stuck = [
        int(label)
        for label, size, count in zip(classes, sizes, counts[0], strict=True)
        if comb(int(size), int(count)) > 100  # the same five times: once in 10⁸
        and all(np.array_equal(val[y[val] == label], r[y[r] == label]) for r in others)
    ]
    hint = f"标签是 {stuck} 的类，换了 rng 抽到的还是那几行：每一类的行都要各自打乱"
    yield that(not stuck, "每一类都打乱", hint)
    hint = "差一张：每一类进验证的张数是 fraction × 张数四舍五入，不是舍去小数，也不是进一"
    # a half may go either way
    yield that(off.max() <= 0.5 + 1e-9, "每一类的张数四舍五入", hint, told, weight=0.5)
    together = _drawn_together(answer, seed)
    pairs = together[np.triu_indices(5, 1)]
    uneven = ((pairs - 30) ** 2 / 30).sum()  # χ² of 9 degrees: above 65 once in 10¹⁰
    hint = (
        "每一种取法机会要相同：打乱这一类的全部行号再取。"
        "少打乱几行、从某处起连着取、每隔几行取一张，都有取法轮不到"
    )
    shares = "、".join(f"{times / 300:.0%}" for times in np.diag(together))
    detail = f"一类 5 行取 2 行，切三百次：各行进验证的 {shares}，"
    detail += f"同进的两行最多 {pairs.max() / 300:.0%}，最少 {pairs.min() / 300:.0%}"
    yield that(uneven < 65, "类里的行随机抽", hint, detail, weight=0.5)
    yield from _judge_small_classes(call, rng)


def _unlisted(got: Any) -> Any:
    """Lists as an array, where either will do."""
    try:
        return np.array(got) if isinstance(got, list | tuple) else got
    except ValueError:  # ragged
        return got


class _Folds:
    """Stands in for ``select`` and ``fit``, and remembers which rows each was shown.

    Every number of x occurs once in it, so each tells its row and its column.
    """

    def __init__(self, x: Array, y: Array, columns: list[Array]) -> None:
        self._place = {float(v): at for at, v in np.ndenumerate(x)}
        self._y, self._columns = y, columns
        self.selects: list[Array] = []  # rows
        self.fits: list[tuple[Array, Array]] = []  # rows and columns
        self.asked: list[tuple[int, Array, Array]] = []  # number of the fit, rows and columns
        self.unknown = self.flat = self.torn = self.mismatched = False

    def _trace(self, x: Any) -> tuple[Array, Array]:
        x = np.asarray(x, dtype=float)
        if x.size == 0:
            return np.arange(0), np.arange(0)
        found = [[self._place.get(float(v), (-1, -1)) for v in row] for row in np.atleast_2d(x)]
        at: Array = np.array(found).reshape(len(found), -1, 2)
        rows, columns = at[:, 0, 0], at[0, :, 1]
        whole = (at[:, :, 0] == rows[:, None]).all() and (at[:, :, 1] == columns).all()
        self.flat |= x.ndim != 2
        self.unknown |= bool((at < 0).any())
        self.torn |= not whole
        return rows, columns

    def _labelled(self, rows: Array, y: Any) -> None:
        y = np.asarray(y)
        self.mismatched |= not np.array_equal(y, self._y[rows])

    def select(self, x: Any, y: Any) -> Array:
        rows, _ = self._trace(x)
        self._labelled(rows, y)
        self.selects.append(rows)
        return self._columns[len(self.selects) % len(self._columns)].copy()

    def fit(self, x: Any, y: Any) -> Callable[[Any], Array]:
        rows, columns = self._trace(x)
        self._labelled(rows, y)
        self.fits.append((rows, columns))
        number = len(self.fits)

        def predict(x: Any) -> Array:
            rows, columns = self._trace(x)
            self.asked.append((number - 1, rows, columns))
            return 1000 * number + rows  # tells the model and the row

        return predict

    def fold(self, number: int) -> list[int]:
        """The rows that the model of this number was asked about."""
        return sorted(int(r) for j, rows, _ in self.asked if j == number for r in rows)

    def folds(self, k: int) -> set[tuple[int, ...]]:
        return {tuple(self.fold(number)) for number in range(k)}

    def judge(self, got: Any, k: int) -> Steps:
        """What an answer has returned and done, for k folds."""
        n = len(self._y)
        in_folds = isinstance(got, list | tuple) and len(got) == k
        in_folds = in_folds and all(isinstance(part, np.ndarray | list) for part in got)
        hint = f"返回的是 {k} 折的列表：要一个长 {n} 的数组，第 i 个属于第 i 行"
        yield that(not in_folds, "每一行一个预测", hint)
        out = yield from array(_unlisted(got), (n,), "返回值", "每一行一个预测")
        hint = "predict = fit(…)，再 predict(行)"
        if self.fits or n < 2 * k:
            hint += f"。{n} 行分 {k} 折，每一折都要 predict，只有一行的折也一样，不另写规则"
        yield that(len(self.asked) > 0, "用了 fit 给出的 predict", hint)
        hint = "交给 select、fit、predict 的要是 x 里的整行，或整行里的几列"
        if self.flat:
            hint = "交给 select、fit、predict 的 x 要是二维，只有一行时也是：(1, 列数)"
        elif self.unknown:
            hint = (
                "交出去的有 x 里没有的数：先做了标准化，或补了一列？题面要交原数；"
                "用全部的行算平均，还会把要判的行漏进训练"
            )
        whole = not (self.flat or self.unknown or self.torn)
        yield that(whole, "交出去的是 x 里的行", hint)
        hint = "标签与行对不上号：x 和 y 要用同一组行号去取，标签也不改"
        yield that(not self.mismatched, "行与标签是一对", hint)
        times = np.bincount(np.concatenate([rows for _, rows, _ in self.asked]), minlength=n)
        hint = f"{n} 行分 {k} 折，{(times == 0).sum()} 行没有轮到：除不尽时余下的也要进某一折"
        silent = set(range(len(self.fits))) - {number for number, _, _ in self.asked}
        if silent and len(self.fits) == k:
            hint = (
                f"{k} 折里有 {len(silent)} 折没有 predict：只有一行的折也要交给 predict，不另写规则"
            )
        if times.max() > 1:
            hint = (
                f"{(times == 0).sum()} 行没有轮到，{(times > 1).sum()} 行轮到不止一次："
                "次序只打乱一次，放在循环外面"
            )
        yield that(times.min() > 0, "每一行都轮到", hint, weight=0.5)
        hint = "有的行轮到不止一次：各折不能相交，predict 只判这一折的行"
        if (times == k - 1).all():
            hint = f"每一行轮到 {k - 1} 次：训练的行和要判的行对调了，predict 只判这一折的行"
        elif (times == k).all():
            hint = "每一折的 predict 都判了全部的行：先取这一折的行 x[fold]，再交给 predict"
        yield that(times.max() == 1, "每一行只轮到一次", hint)
        hint = f"分成 {k} 折就要训练 {k} 次；现在 fit 了 {len(self.fits)} 次"
        yield that(len(self.fits) == k, "每一折训练一次", hint)
        folds = [self.fold(number) for number in range(k)]
        sizes = [len(fold) for fold in folds]
        hint = "各折的大小最多差 1：除不尽时，余下的几行分给几折，每折多一行"
        usual = max(set(sizes), key=sizes.count)
        if sizes.count(usual) == k - 1:
            hint += "，不要全堆在一折里" if sum(sizes) > usual * k else "；每折都进一，最后就不够分"
        yield that(max(sizes) - min(sizes) <= 1, "各折一样大", hint, f"各折 {sizes} 行")
        if k < n:
            neighbours = sum(int((np.diff(fold) == 1).sum()) for fold in folds) / n
            hint = "每一折是连着的一段行：数据若按类排过序，训练的行里就没有要判的类。先打乱"
            yield that(neighbours < 0.6, "折是打乱了再切的", hint, weight=0.5)
        rests = [set(range(n)) - set(fold) for fold in folds]
        trained = [set(rows.tolist()) for rows, _ in self.fits]
        seen = any(rows - rest for rows, rest in zip(trained, rests, strict=True))
        yield that(not seen, "模型没见过要判的行", "训练的行里有这一折的行：训练取它的补集")
        yield that(trained == rests, "训练用了其余各折", "fit 没有用上其余的全部行")
        shown = [set(rows.tolist()) for rows in self.selects]
        hint = "select 一次也没有调用：挑列也在循环里，每一折一次"
        yield that(len(shown) > 0, "用了 select", hint)
        often = len(shown) > k and all(any(rows <= rest for rest in rests) for rows in shown)
        hint = f"每一折只调用 select 一次；{k} 折里现在调用了 {len(shown)} 次"
        yield that(not often, "每一折挑一次列", hint)
        leak = len(shown) != k or any(a - b for a, b in zip(shown, rests, strict=True))
        hint = (
            "select 看过要判的那一折的标签，这就是泄漏：挑列也是训练，"
            "要放进循环，每一折只用训练的行重挑一次"
        )
        if shown == [set(fold) for fold in folds]:
            hint = "select 看的正是要判的那一折 x[fold]、y[fold]：要交给它其余的行 x[rest]、y[rest]"
        yield that(not leak, "挑列没有看到要判的行", hint, weight=1.0)
        yield that(shown == rests, "挑列用了其余各折", "select 没有用上其余的全部行")
        wanted = [self._columns[(j + 1) % len(self._columns)] for j in range(k)]
        kept = all(set(c) == set(w) for (_, c), w in zip(self.fits, wanted, strict=True))
        alike = all(np.array_equal(c, self.fits[j][1]) for j, _, c in self.asked)
        hint = "训练与预测要用这一折自己挑出的列，一列不多，两边的次序相同"
        yield that(kept and alike, "用的是这一折挑出的列", hint, weight=0.5)
        want = np.empty(n)
        for number, rows, _ in self.asked:
            want[rows] = 1000 * (number + 1) + rows
        hint = "第 i 个要是给第 i 行的那一个，不是折里别的行的：out[这一折的行号] = predict(…)"
        kind = np.asarray(_unlisted(got)).dtype
        if np.array_equal(np.sort(out), np.sort(want)):
            hint = (
                "预测一个不少，只是位置不对：第 i 个要属于第 i 行，out[这一折的行号] = predict(…)。"
                "接起来的用 out[order] = … 放回，[order] 取数是再打乱一次；"
                "先打乱了 x 和 y 的，折里的号要换成原来的行号"
            )
        elif kind.kind == "b":
            hint = "返回的是 bool：要 predict 给的标签，不是判得对不对，也不存进 bool 数组"
        elif kind.name != "float64" and np.array_equal(want.astype(kind).astype(float), out):
            hint = f"结果数组的类型是 {kind}，装不下 predict 给的标签：用 dtype=y.dtype"
        yield value(out, want, "预测", hint)


def _to_the_first_fault(steps: Steps) -> list[Step]:
    found = []
    for step in steps:
        found.append(step)
        if not step.ok:
            break
    return found


@exercise(
    "06.2",
    "找错：没有泄漏的交叉验证",
    points=3,
    asks="cross_validate(x, y, k, rng, select, fit) -> (N,) 个预测",
)
@hints(
    "对每一处输入问一句：这一行的标签，在给它打分的模型造出来之前，有没有被谁看过？",
    "select 看标签，所以它也是训练的一部分。折要从打乱的行号里切，切完不能剩。",
    "对 np.array_split(rng.permutation(N), k) 里的每一折：其余的行交给 select，得到列；"
    "同样的行、这些列交给 fit；折里的行、同样的列交给 predict，结果放回这些行的位置。",
)
def judge_cross_validate(answer: Answer, rng: Rng) -> Steps:
    def validate(x: Array, y: Array, k: int, spy: _Folds, seed: int) -> Any:
        return answer(x, y, k, np.random.default_rng(seed), spy.select, spy.fit)

    call = Caller(validate)
    names, seed = _names(rng, 3), int(rng.integers(10**6))

    def case(n: int) -> tuple[Array, Array, list[Array]]:
        x = rng.normal(size=(n, 5)).astype(np.float32).astype(float)
        return x, rng.choice(names, size=n), [rng.permutation(5)[:3] for _ in range(7)]

    def run(x: Array, y: Array, columns: list[Array], k: int, seed: int) -> tuple[Any, _Folds]:
        spy = _Folds(x, y, columns)
        return call(x=x, y=y, k=k, spy=spy, seed=seed)[0], spy

    def paired(error: Exception) -> str:
        if "shape mismatch" not in str(error):
            return ""
        return "x[行, 列] 把两组下标一个对一个地配：先取行，再取列，x[rest][:, columns]"

    k = int(rng.integers(4, 7))
    # two at least are left over, and so few that rounding up every fold starves the last one
    main = case(8 * k + int(rng.integers(2, k - 1)))
    ask = partial(run, *main, k, seed)
    got, spy = yield from attempt(ask, "取行与列", {IndexError: paired})
    yield call.untouched("x", label="没有改动输入 x")
    yield call.untouched("y", label="没有改动输入 y")
    yield from spy.judge(got, k)
    folds = spy.folds(k)
    hint = "换一个 rng，折还是那几折：用传进来的 rng 打乱，折也不记在默认参数或函数外面"
    moves = any(run(*main, k, seed + i)[1].folds(k) != folds for i in (1, 2))
    yield that(moves, "换一个 rng，折就变", hint)
    yield that(run(*main, k, seed)[1].folds(k) == folds, "同样的 rng，同样的折", _FROM_RNG)
    steps = []
    for n in (6, 9):  # nine rows in six folds: with two rows each there would be but five
        got, spy = run(*case(n), 6, seed)
        steps += _to_the_first_fault(spy.judge(got, 6))
    yield as_one("行少的时候：6 行、9 行分 6 折", steps, weight=0.5)


def _numbers(x: Any) -> Array:
    """The array in a tensor of the engine or in a stand-in for one, or the array itself."""
    return np.array(x if isinstance(x, np.ndarray | list) else x.data, dtype=float)


# what an answer in another process may do with what the judge of 06.3 hands to it
exposes(
    *("data", "grad", "requires_grad", "shape", "dtype", "backward", "detach", "item", "numpy"),
    *("__float__", "__array__", "__add__", "__radd__", "__sub__", "__rsub__", "__mul__"),
    *("__rmul__", "__truediv__", "__rtruediv__", "__neg__", "__pow__", "__matmul__"),
    writable=("data", "grad", "requires_grad"),
)(engine.Tensor)
exposes("step", "zero_grad")(engine.optim.SGD)


@exposes(
    *("train", "eval", "training", "parameters", "zero_grad", "__call__"), writable=["training"]
)
class _Spy(engine.nn.Module):
    """A linear classifier (float64, no bias) that remembers what it was shown, and in what mode."""

    def __init__(self, weight: Array) -> None:
        super().__init__()
        self.weight = engine.nn.Parameter(weight.copy())  # (K, D)
        self.modes: list[bool] = []
        self.seen: list[Array] = []
        self.answers: list[Array] = []
        self.losses: list[float] = []
        self.logits: list[Array] = []
        self.weights: list[Array] = []  # at each forward pass
        self.raw = True  # what the loss was given is what came out of the network
        self.eval()

    def forward(self, x: Any) -> Any:
        x = _numbers(x)
        self.seen.append(x)
        self.modes.append(self.training)
        self.weights.append(np.array(self.weight.data))
        logits = engine.functional.linear(engine.Tensor(x), self.weight)
        self.logits.append(np.array(logits.data))
        return logits

    def loss(self, logits: Any, y: Any) -> Any:
        y = _numbers(y).astype(np.int64)
        self.answers.append(y)
        self.raw &= any(np.array_equal(_numbers(logits), one) for one in self.logits)
        loss = engine.functional.cross_entropy(logits, y)
        self.losses.append(float(loss.item()))
        return loss


def _replay(
    weight: Array,
    spy: _Spy,
    lr: float,
    *,
    keep: bool = False,
    once: bool = False,
    last: bool = False,
    times: Callable[[int], float] = lambda size: 1.0,
) -> Array:
    """Softmax regression by hand on the batches seen.

    Args:
        keep: never clears the gradient.
        once: takes the only step at the end, with the sum of the gradients.
        last: takes the only step at the end, with the gradient of the last batch.
        times: of the size of a batch, a factor of its loss.
    """
    w, g = weight.copy(), np.zeros_like(weight)
    for x, y in zip(spy.seen, spy.answers, strict=True):
        p = engine.softmax(engine.Tensor(x @ w.T), dim=1).numpy()
        g = (keep or once) * g + times(len(y)) * (p - np.eye(len(w))[y]).T @ x / len(y)
        w = w if once or last else w - lr * g
    return w - lr * g if once or last else w


@exercise(
    "06.3",
    "找错：训练一轮",
    points=3,
    asks="train_epoch(model, x, y, optimizer, loss_fn, batch_size, rng) -> 平均损失",
    allows=["aigc_course.engine.*", "!aigc_course.engine.fit"],
)
@hints(
    "循环里就是上面那五步：前向、损失、清梯度、反向、走一步；批用 engine.batches 来取。",
    "循环之前把模型放进训练模式。每一批算完损失以后，依次 zero_grad、backward、step。"
    "损失用 .item() 取出数值再累加，累加前乘上这一批的样本数。",
    "每批：logits 是 model(engine.tensor(xb))，损失是 loss_fn(logits, yb)；"
    "清梯度、反向、走一步；总和加上损失的数值 × 这批的样本数，最后除以 N。",
)
def judge_train_epoch(answer: Answer, rng: Rng) -> Steps:
    size, k, lr = int(rng.integers(5, 8)), int(rng.integers(3, 6)), 0.3
    n = 4 * size + 2  # the last batch is short, so that means of means differ from the mean
    x = np.concatenate([rng.normal(size=(n, 3)), np.arange(n)[:, None] / n], axis=1)
    y = rng.integers(k, size=n)
    weight, seed = rng.normal(size=(k, 4)), int(rng.integers(99))

    def epoch(x: Array, y: Array, spy: _Spy, seed: int) -> Any:
        optimizer = engine.optim.SGD([spy.weight], lr=lr)
        return answer(spy, x, y, optimizer, spy.loss, size, np.random.default_rng(seed))

    call = Caller(epoch)  # the library's version would go on training the same model

    def run(seed: int, m: int = n) -> tuple[_Spy, Any, Array]:
        spy = _Spy(weight)
        got, _ = call(x=x[:m], y=y[:m], spy=spy, seed=seed)
        rows = [row for xb in spy.seen for row in np.round(np.atleast_2d(xb)[:, 3] * n)]
        return spy, got, np.array(rows, dtype=int)

    spy, got, rows = run(seed)
    yield call.untouched("x", label="没有改动输入 x")
    yield call.untouched("y", label="没有改动输入 y")
    hint = "每一批：logits = model(engine.tensor(xb))，再 loss = loss_fn(logits, yb)"
    if len(spy.seen) > 0:
        hint = "loss_fn 一次也没有调用：损失由参数 loss_fn 算，不写死成某一个函数"
    yield that(len(spy.seen) > 0 and len(spy.answers) > 0, "算了前向和损失", hint)
    shown = np.concatenate([np.atleast_2d(xb) for xb in spy.seen])
    known = (abs(shown[:, None] - x).max(axis=2) < 1e-5).any(axis=1)
    hint = "送进网络的不是 x 里的原数：除过、减过什么？缩放在函数外面做"
    yield that(bool(known.all()), "送进网络的是 x 里的行", hint)
    hint = f"一轮应看完 {n} 个样本各一次，你用了 {len(rows)} 个：最后不满的一批也要"
    if len(rows) >= n and (unused := n - len(np.unique(rows))):
        hint = f"共 {n} 个样本，{unused} 个没有用到，有的用了不止一次：打乱后依次取，不放回"
    elif len(rows) > n:
        hint = f"共 {n} 个样本，网络看了 {len(rows)} 个：一轮只取一遍批，每一批只前向一次"
    elif len(spy.answers) == 1 and len(rows) < n:
        hint = f"只走了一批（{len(rows)} 个样本）就返回了：return 是不是缩进到了循环里面？"
    yield that(np.array_equal(np.sort(rows), np.arange(n)), "每个样本恰好用一次", hint)
    sizes = np.array([len(yb) for yb in spy.answers])
    together = [len(xb) for xb in spy.seen] == sizes.tolist()
    paired = together and np.array_equal(np.concatenate(spy.answers), y[rows])
    hint = "送进损失的标签和送进网络的样本对不上号：xb 与 yb 要取自同一批"
    yield that(paired, "图和标签仍是一对", hint)
    hint = f"{n} 个样本每批 {size} 个，应有 {-(-n // size)} 批；你送了 {len(sizes)} 批"
    yield that(sizes.max() <= size and len(sizes) == -(-n // size), "按批走", hint)
    hint = "顺序和输入一样：用 engine.batches(x, y, batch_size, rng)"
    yield that(not np.array_equal(rows, np.arange(n)), "打乱了顺序", hint)
    hint = "大半的行还是连号：要打乱的是全部的行，不是批的先后，也不是换个起点"
    yield that((abs(np.diff(rows)) != 1).mean() > 0.5, "行是打乱的", hint)
    end = np.asarray(spy.weight.data)
    hint = (
        "一轮之后参数和开始时一模一样：少了 loss.backward() 或 optimizer.step()，"
        "或者次序不对：该是 zero_grad、backward、step"
    )
    yield that(not np.array_equal(end, weight), "参数动了", hint, weight=0.5)
    piled = np.allclose(end, _replay(weight, spy, lr, keep=True), rtol=1e-6)
    hint = "梯度一批一批累加起来了：每次 backward 之前要 optimizer.zero_grad()"
    yield that(not piled, "每一步只用这一批的梯度", hint)
    hint = "每一批依次 zero_grad、backward、step，各恰好一次；backward 的就是 loss_fn 给的损失"
    if not spy.raw:
        hint = "交给 loss_fn 的不是网络给的 logits：softmax、取对数都在 loss_fn 里，别先算一遍"
    path = [*spy.weights, end]
    changes = sum(not np.array_equal(a, b) for a, b in pairwise(path))
    if changes < len(sizes):
        hint = f"{len(sizes)} 批，参数只变了 {changes} 次：每一批都要 zero_grad、backward、step"
    twice = _replay(weight, spy, 2 * lr)
    traps = {
        "loss 已是这一批的平均，backward 之前又除了一次样本数": [
            _replay(weight, spy, lr, times=lambda size: 1 / size),
            _replay(weight, spy, lr, times=lambda size: 1 / n),
        ],
        "loss 已是这一批的平均，backward 之前又乘了样本数": [
            _replay(weight, spy, lr, times=lambda size: size),
            _replay(weight, spy, lr, times=lambda size: size / n),
        ],
        f"{len(sizes)} 批只走了 1 步：step 要在循环里面，每一批一步": [
            _replay(weight, spy, lr, once=True),
            _replay(weight, spy, lr, last=True),
        ],
        "每一批走了两步，或 backward 了两次：各恰好一次": twice,
    }
    yield value(end, _replay(weight, spy, lr), "一轮之后的参数", hint, traps)
    hint = (
        "模型进来时可能正处在评估模式：循环之前先调用 model.train()（漏了括号就没有调用），"
        "否则 dropout 一类的层不工作"
    )
    yield that(all(spy.modes), "训练时处在训练模式", hint, weight=0.5)
    number = isinstance(got, float | int | np.floating) and not isinstance(got, bool)
    hint = "返回 Python 的 float：loss.item() 取出数值，不带计算图"
    if got is None:
        hint = "忘了 return：要返回平均损失，一个 float（用 loss.item() 累加）"
    elif isinstance(got, str | list | tuple):
        hint = "要返回一个数：平均损失，Python 的 float（用 loss.item() 累加）"
    yield that(number, "返回一个数", hint)
    losses = np.array(spy.losses)
    mean, unweighted = losses @ sizes / n, losses.mean()
    if not np.isclose(unweighted, mean, rtol=1e-9):
        hint = "把每批的损失直接平均了：最后一批样本少，却与别的批同权。乘上批的大小，最后除以 N"
        yield that(not np.isclose(got, unweighted, rtol=1e-6), "平均按样本算", hint)
    traps = {
        "只是最后一批的损失：每一批都要加进来": losses[-1],
        "各批按样本数加起来了，还没有除以 N": losses @ sizes,
        "各批的损失加起来了：乘上批的大小，最后除以 N": losses.sum(),
        "除以了 N，却没有先把每批的损失乘上它的样本数": losses.sum() / n,
        "最后一批不满：乘的是这一批的样本数 len(yb)，不是 batch_size": losses.sum() * size / n,
        "除以了批数：各批已经乘过样本数，该除以 N": losses @ sizes / len(sizes),
        "四舍五入了：留下全部小数": [round(float(mean), places) for places in (2, 3, 4, 6)],
    }
    hint = "各批损失 × 该批样本数，相加，除以 N；总和每次调用都从 0 开始"
    yield value(got, mean, "平均损失", hint, traps)
    hint = "送进网络的数与 x 差在后几位：换成了 float32，还是四舍五入了？原样送进去"
    yield that(np.array_equal(shown, x[rows]), "送进网络的是原数", hint)
    later = [run(seed + i) for i in (1, 2)]
    spy, got, _ = later[0]
    mean = np.array(spy.losses) @ np.array([len(yb) for yb in spy.answers]) / n
    hint = "混进了前一轮的损失：总和在函数里从 0 开始，不记在默认参数或全局变量里"
    yield value(got, mean, "再训练一轮，平均损失", hint, weight=0.5)
    steps = []
    for m in (4 * size, 4 * size + 1):  # no batch is short; the last one has one sample
        spy, got, seen = run(seed, m)
        sizes = np.array([len(yb) for yb in spy.answers])
        hint = f"{m} 个样本每批 {size} 个，你的各批 {sizes.tolist()}：没有空的批，一个样本的批也要"
        fits = np.array_equal(np.sort(seen), np.arange(m)) and bool(sizes.all())
        end = np.asarray(spy.weight.data)
        steps += [
            that(fits, "每个样本恰好用一次", hint),
            value(end, _replay(weight, spy, lr), "一轮之后的参数", hint),
            value(got, np.array(spy.losses) @ sizes / m, "平均损失", hint),
        ]
    yield as_one("N 除得尽、余一个样本的时候", steps, weight=0.0)
    moves = any(not np.array_equal(rows, others) for _, _, others in later)
    hint = "顺序与传进来的 rng 无关：把 rng 交给 engine.batches，不要自己另建固定种子的生成器"
    yield that(moves, "换一个 rng，顺序就变", hint)
    hint = "同样的 rng，两次的顺序不同：把 rng 交给 engine.batches，不要用全局的随机数"
    yield that(np.array_equal(rows, run(seed)[2]), "同样的 rng，同样的顺序", hint)
    theirs, orders = np.random.default_rng(seed), []
    for _ in range(3):
        pairs = engine.batches(np.arange(n), y, size, theirs)
        orders.append(np.concatenate([xb for xb, _ in pairs]))
    hint = "打乱了，但不是 engine.batches 的次序：后面要与 engine.fit 逐位比较，批请由它来取"
    if any(np.array_equal(rows, order) for order in orders[1:]):
        hint = "engine.batches 取了不止一遍：每取一遍就换一个次序，一轮只取一遍"
    agreed = np.array_equal(rows, orders[0])
    yield that(agreed, "次序与 engine.batches 相同", hint, weight=0.5)


@exercise(
    "06.4",
    "混淆矩阵",
    points=2,
    asks="confusion_matrix(y_true, y_pred, classes) -> (K, K)",
    allows=["scipy.sparse.*"],
)
@hints(
    "从一个全 0 的 (K, K) 开始，一个样本一个样本地数；先弄清每个标签站第几行。",
    "{标签: 它在 classes 里的位置} 是一个字典。每个样本给一格加 1：行由真实类别定，列由预测定。"
    "花式下标的 += 遇到重复只加一次，用循环或 np.add.at。",
    "place 把标签变成位置；对 zip(y_true, y_pred) 里的每一对 (t, p)，"
    "matrix[place[t], place[p]] 加 1。",
)
def judge_confusion_matrix(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, confusion_matrix)
    k, n = int(rng.integers(4, 7)), 700
    classes = _names(rng, k)
    while (np.diff(classes) > 0).all():  # not in order
        classes = rng.permutation(classes)
    # place k-1 is never predicted and place k-2 never occurs: the matrix must still be (K, K)
    true = rng.choice([*range(k - 2), k - 1], size=n)
    pred = np.where(rng.random(n) < 0.6, np.minimum(true, k - 3), rng.integers(k - 1, size=n))
    true[0], pred[0] = k - 1, 0
    true[1:300] = pred[1:300] = 0  # more than a byte holds
    counted = "np.bincount 要 0 … K·K−1 的号：标签先换成位置；minlength=K * K 补上没有样本的格"
    got, want = yield from attempt(
        lambda: call(classes[true], classes[pred], classes.tolist()),
        "标签换成位置",
        {
            IndexError: "下标越界：标签不是行号，先换成它在 classes 里的位置，大小由 classes 定。"
            "np.searchsorted 只认从小到大排好的 classes",
            KeyError: "找不到这个标签的位置：行与列由 classes 定，不由出现过的标签定",
            ValueError: lambda e: counted if {"reshape", "negative"} & {*str(e).split()} else "",
        },
    )
    yield call.untouched("y_true", label="没有改动输入 y_true")
    yield call.untouched("y_pred", label="没有改动输入 y_pred")
    yield call.untouched("classes", label="没有改动输入 classes")
    hint = "大小由 classes 定：有的类可能一次也没出现，标签也不一定是 0 … K−1"
    listed = "返回 NumPy 数组：后面要对它用 .sum(axis=1)"
    yield that(not isinstance(got, list | tuple), "是数组", listed)
    matrix = yield from array(got, (k, k), "混淆矩阵", hint)
    yield that(np.isfinite(matrix).all(), "每格一个数", "每一格是次数，一个整数")
    hint = "每一格最多是 1：写的是 = 1？M[行的数组, 列的数组] += 1 遇到重复的下标也只加一次；"
    hint += "循环里一个一个 += 1，或用 np.add.at"
    if isinstance(got, np.ndarray) and got.dtype == bool:
        hint = "数组的类型是 bool，只装得下真假：计数用 int"
    yield that(not np.array_equal(matrix, np.minimum(want, 1)), "同一格的次数要累加", hint)
    hint = "有一格超过 255 就溢出了：计数用普通的 int，不用一个字节"
    small = np.array_equal(matrix, np.asarray(want).astype(np.uint8))
    small |= np.array_equal(matrix, np.asarray(want).astype(np.int8))
    yield that(not small, "计数放得下", hint)
    total = matrix.sum()
    hint = f"共 {n} 个样本，矩阵各格之和是 {total:g}：每个样本恰好给一格加 1，不除以什么"
    diagonal, counted = np.trace(want), (matrix == np.round(matrix)).all()
    for sum_of, said in (
        (1, "只数了一个样本：return 是不是缩进到了循环里面？"),
        (n - 1, f"共 {n} 个样本，只数了 {n - 1} 个：头或尾漏了一个"),
        (diagonal, "只数了判对的：判错的也各进一格，在对角线之外"),
        (n - diagonal, "只数了判错的：判对的也各进一格，在对角线上"),
    ):
        hint = said if counted and total == sum_of else hint
    if total == k * n and (matrix == matrix[0]).all():
        hint = "每一行都相同：[[0] * K] * K 里的 K 行是同一个列表，改一行就改了每一行"
    yield that(abs(total - n) < 1e-9, "所有格加起来等于样本数", hint)
    hint = f"第 i 行、第 i 列属于 classes[i]，classes = {classes.tolist()}；对角线是判对的次数。"
    if np.array_equal(np.sort(matrix, axis=None), np.sort(want, axis=None)):
        hint += "数都在，次序不对：按 classes 的次序站，不按大小，也不按出现的先后"
    elif (matrix == np.diag(np.diag(matrix))).all():
        hint += "你的只有对角线上有数：行用真实类别，列要用预测"
    else:
        hint += "核对标签换成的位置：np.searchsorted 只认排好的 classes，减去最小值也不是位置"
    right = np.array_equal(np.diag(matrix), np.diag(want))
    yield that(right, "对角线", hint, weight=1.0)
    hint = "行列反了：行由真实类别定，列由预测定"
    yield that(not np.array_equal(matrix, want.T), "行是真实类别", hint)
    hint = "M[i, j] = 真实为 classes[i]、预测为 classes[j] 的样本数"
    yield value(matrix, want, "混淆矩阵", hint)
    got, want = call(classes[pred[::-1]], classes[true[::-1]], classes.tolist())
    hint = "换一批同样长的样本，结果没有跟着变：不要在函数外面或默认参数里记东西"
    yield value(got, want, "再给一批样本", hint, weight=0.25)
    few = rng.permutation([[1, -1, 0], [-1, 1, 0], [1, 0, -1]])[0]
    got, want = call(np.tile(few, 9), rng.permutation(np.tile(few, 9)), few.tolist())
    hint = f"classes = {few.tolist()} 时不对：标签不能逐个原地换成位置（换成的 0 又被当成标签 0），"
    hint += "也不能直接当下标（−1 是倒数第一个）"
    yield value(got, want, "标签像位置的时候", hint, weight=0.0)
    one, two = classes[-2:]
    got, want = call(np.array([one]), np.array([two]), classes.tolist())
    yield value(got, want, "只有一个样本时", "一个样本也是一张 (K, K) 的表", weight=0.25)


def _counts(rng: Rng, k: int) -> Array:
    """A confusion matrix in which no class has its precision equal to its recall.

    Where they are equal for all classes, a right answer looks like one that mixed them up.
    """
    while True:
        matrix = rng.integers(1, 9, size=(k, k)) + np.diag(rng.integers(5, 40, size=k))
        matrix[0] *= 3  # the two macro F1s must differ
        if (matrix.sum(axis=0) != matrix.sum(axis=1)).all():
            mean, of_means = scores_from_matrix(matrix)[3:]
            if abs(mean - of_means) > 1e-3:
                return np.asarray(matrix)


@exercise(
    "06.5",
    "精确率、召回率与两种宏 F1",
    points=4,
    asks="scores_from_matrix(matrix) -> precision, recall, f1, mean_of_f1, f1_of_means",
)
@hints(
    "三样东西就够：对角线（判对的）、每一行的和（真是这一类的）、每一列的和（判成这一类的）。",
    "精确率的分母是列和，召回率的分母是行和；F1 等于 2TP / (行和 + 列和)，省得再碰 0/0。"
    "两个宏 F1 只差先后：先算 F1 再平均，或先平均 P 与 R 再算 F1。",
    "除法写成 np.divide(a, b, out=np.zeros(K), where=b > 0)：分母为 0 的那一项就留在 0。"
    "最后一个数的分母 P + R 也可能是 0。",
)
def judge_scores_from_matrix(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, scores_from_matrix)
    names = ("precision", "recall", "f1", "mean_of_f1", "f1_of_means")
    k = int(rng.integers(3, 7))
    matrix = _counts(rng, k)
    got, (precision, recall, f1, mean, of_means) = call(matrix)
    yield call.untouched("matrix", label="没有改动输入 matrix")
    listed = ", ".join(names)
    got = yield from parts(got, 5, listed, "返回五样东西", f"return {listed}")
    p, r, f = got[:3]
    arrays = not any(isinstance(part, list | tuple) for part in (p, r, f))
    yield that(arrays, "前三样是数组", "precision、recall、f1 要是 NumPy 数组，现在是列表")
    swapped = "两者对调了：精确率的分母是一列之和（判成它的），召回率的分母是一行之和（真是它的）"
    of_all = np.diag(matrix) / matrix.sum()
    small_number = "分母里多加了一个小常数（如 + 1e-8）：不加，只在分母是 0 时才另作规定"
    traps = {
        swapped: recall,
        "分母是这一类自己的列和，不是总数": of_all,
        f"这是 F1：次序是 {listed}": f1,
        "四舍五入了：留下全部小数": [np.round(precision, places) for places in (2, 3, 4, 6)],
        "不是百分数：都在 0 与 1 之间": 100 * precision,
        "小数部分没有了：用了整除 //，还是写进了整数数组？": np.floor(precision),
        "分母多加了 1：只有分母为 0 时才另作规定": np.diag(matrix) / (matrix.sum(axis=0) + 1),
        small_number: [np.diag(matrix) / (matrix.sum(axis=0) + 10.0**-e) for e in range(3, 9)],
    }
    hint = "对角线 ÷ 列和：matrix.sum(axis=0)"
    yield value(p, precision, "precision", hint, traps, form="每一类一个数")
    traps = {"两处都除以了列和：召回率的分母是行和": precision}
    traps |= {"分母是这一类自己的行和，不是总数": of_all}
    added = np.diag(matrix) / (matrix.sum(axis=1) + 1)
    traps |= {"分母多加了 1：只有分母为 0 时才另作规定": added}
    rows = matrix.sum(axis=1)
    traps |= {small_number: [np.diag(matrix) / (rows + 10.0**-e) for e in range(3, 9)]}
    hint = "对角线 ÷ 行和：matrix.sum(axis=1)"
    yield value(r, recall, "recall", hint, traps, form="每一类一个数")
    hint = "你算的是算术平均；F1 = 2PR / (P + R)，两者之一很低时 F1 也低"
    traps = {hint: (precision + recall) / 2, "少乘了 2：F1 = 2PR / (P + R)": f1 / 2}
    traps |= {"这是 P 与 R 的几何平均，F1 是调和平均": np.sqrt(precision * recall)}
    traps |= {"这是 P 与 R 的积：还要乘 2，除以 P + R": precision * recall}
    small = "P + R 可以比 1 小，除的还是它自己：np.maximum(…, 1) 只对整数的计数管用"
    traps |= {small: 2 * precision * recall / np.maximum(precision + recall, 1)}
    hint = "F1 = 2PR / (P + R) = 2TP / (行和 + 列和)"
    yield value(f, f1, "f1", hint, traps, form="每一类一个数")
    micro = np.trace(matrix) / matrix.sum()
    weighted = float(np.average(f1, weights=matrix.sum(axis=1)))
    traps = {
        "这是平均的 F1，它排最后；这一个是各类先算 F1，再平均": of_means,
        "这是各类 F1 的中位数，要平均": float(np.median(f1)),
        "这是最高的一类，要平均": float(f1.max()),
        "这是微平均，也就是准确率": micro,
        "这是按张数加权的平均；宏平均里每一类同权": weighted,
    }
    yield value(got[3], mean, "mean_of_f1", "每一类的 F1 相加，除以 K", traps)
    traps = {
        "与前一个数相同：这一个要先把 P 与 R 各自平均，再套 F1 的公式": mean,
        "这是 P 的平均与 R 的平均的算术平均，还差套 F1 的公式": (precision + recall).mean() / 2,
        "这是微平均，也就是准确率": micro,
        "少乘了 2：2PR / (P + R)": of_means / 2,
        small: 2 * precision.mean() * recall.mean(),
    }
    hint = "先把 K 个 P、K 个 R 各自平均，再 2PR / (P + R)"
    yield value(got[4], of_means, "f1_of_means", hint, traps)
    first = (precision, recall, f1, mean, of_means)
    never_said, never_true, never_there, all_wrong = (matrix.copy() for _ in range(4))
    never_said[:, -1] = 0
    never_said[-1, 0] += 1
    never_true[1] = 0
    never_there[:, 0] = never_there[0] = 0
    np.fill_diagonal(all_wrong, 0)
    exact = "全判对时每个分数正好是 1：分母里不另加小常数，只在它是 0 时才另作规定"
    for table, which, hint, rtol in (
        (np.array([[2, 8], [9, 1]]), "几乎全判错", small, 1e-9),
        (np.eye(2, dtype=int), "全判对", exact, 1e-14),
    ):
        got, wanted = call(table)
        got = yield from parts(got, 5, listed, f"返回五样东西（{which}）", f"return {listed}")
        steps = [
            value(part, want, f"{name}（{which}）", hint, rtol=rtol, atol=0)
            for part, want, name in zip(got, wanted, names, strict=True)
        ]
        if hint is exact:  # too few digits come from nothing else here
            steps = [step if step.ok else replace(step, hint=hint) for step in steps]
        yield as_one(which, steps, weight=0.0)
    empty = (
        "列和",
        "行和",
        "行和 + 列和（即 P + R）",
        "K 个 F1 中某一个的分母",
        "P 与 R 的平均之和",
    )
    for table, which in (
        (never_said, "有一类从未被预测"),
        (never_true, "有一类从未出现，却被预测过"),
        (never_there, "有一类从未出现，也从未被预测"),
        (all_wrong, "一个也没判对"),
    ):
        division: dict[type[Exception], str] = {
            ZeroDivisionError: f"{which}时除以了 0：每一个除法各看自己的分母"
        }
        edge, wanted = yield from attempt(partial(call, table), which, division)
        edge = yield from parts(edge, 5, listed, f"返回五样东西（{which}）", f"return {listed}")
        bad = [i for i, v in enumerate(edge) if not np.isfinite(np.asarray(v, float)).all()]
        hint = ""
        if bad:
            hint = (
                f"{names[bad[0]]} 里出现了 0/0：{empty[bad[0]]}为 0，约定这一项记 0。"
                "每一个除法各看自己的分母：np.divide(..., where=这个分母 > 0)"
            )
        yield that(not bad, which, hint)
        hint = "分母为 0 的那一项记作 0（where 要看这一项自己的分母），类数 K 不变，别的照旧"
        same = "与第一张表的结果相同：不要把结果记在默认参数或函数外面"
        for part, want, name, old in zip(edge, wanted, names, first, strict=True):
            traps = {} if np.allclose(want, old) else {same: old}
            yield value(part, want, f"{name}（{which}）", hint, traps, weight=0.1)


@exercise("06.6", "找一对让两种宏 F1 吵架的表", points=3, asks="disagree(n) -> A, B")
@hints(
    "什么样的分类器，P 的平均与 R 的平均都不低，F1 的平均却低？",
    "一类的 P 高、R 极低，它的 F1 几乎是 0；另一类的 R 高、P 只有一半上下："
    "两个平均都过得去，F1 的平均却被前一类拖下去。"
    "这样的偏心表作 B；两类对称的平庸表作 A，它的两种宏 F1 相等。",
    "n = 100 时，B 几乎什么都判成第 0 类，只有一张例外而且判对；A 的四格差不多各占一半。",
)
def judge_disagree(answer: Answer, rng: Rng) -> Steps:
    before = 0
    for n in (20, 2 * int(rng.integers(11, 25)) + 1, int(rng.integers(150, 300))):
        tables = yield from parts(answer(n), 2, "A, B", "返回两张表")
        form = "A 与 B 各是一张 2 × 2 的表：return A, B"
        if any(np.asarray(_unlisted(table)).dtype.kind in "US" for table in tables):
            form = "表的形状对，格里是文字（str）：每一格要整数"
        a = yield from array(_unlisted(tables[0]), (2, 2), "A", form)
        b = yield from array(_unlisted(tables[1]), (2, 2), "B", form)
        both = np.stack([a, b])
        yours = "；".join(
            f"{name} = [{', '.join(f'[{m[0]:g}, {m[1]:g}]' for m in table)}]，"
            f"行和 {'、'.join(f'{total:g}' for total in table.sum(axis=1))}"
            for name, table in zip("AB", both, strict=True)
        )
        yours = f"n = {n}：你的 {yours}"
        whole = bool((both == np.round(both)).all() and (both >= 0).all())
        yield that(whole, "格里是次数", "混淆矩阵的每一格是不小于 0 的整数", yours)
        hint = f"两张表来自同一份测试集，每一类 {n} 张：每一行之和应是 n"
        if (both.sum(axis=1) == n).all():
            hint = f"列和是 {n}，行和不是：行是真实类别，每一行之和应是 n"
        elif (both.sum(axis=2) == before).all():
            hint = f"n 从 {before} 换成了 {n}，表还是原来的：每次按 n 重新造"
        elif n % 2 and (both.sum(axis=2) >= n - 1).all():
            hint = f"n = {n} 是奇数，两个 n // 2 加起来少 1：一半用 n // 2，另一半用 n − n // 2"
        before = n
        yield that((both.sum(axis=2) == n).all(), f"n = {n}：每一行之和是 n", hint, yours)
        (mean_a, of_a), (mean_b, of_b) = (scores_from_matrix(m)[3:] for m in (a, b))
        said = (
            f"{yours}；A {mean_a:.3f} 与 {of_a:.3f}，B {mean_b:.3f} 与 {of_b:.3f}"
            "（先是 F1 的平均，再是平均的 F1）"
        )
        hint = "两种宏 F1 给出的名次相同：A 要在 F1 的平均上赢，在平均的 F1 上输"
        if mean_b - mean_a >= 0.05 and of_a - of_b >= 0.05:
            hint = "名次确实相反，只是 A 与 B 对调了：A 是 F1 的平均更高的那一张"
        elif mean_a > mean_b and of_b > of_a:
            hint = "名次相反，可差得不到 0.05：把偏心的那张弄得更偏，或挪一挪对称的那张"
        ok = mean_a - mean_b >= 0.05 - 1e-9 and of_b - of_a >= 0.05 - 1e-9
        yield that(ok, f"n = {n}：名次相反", hint, said, weight=1.0)


def _slips(hits: int, n: int, z: float) -> dict[str, Any]:
    """What slips in the formula of the roots make of the lower end."""
    p, zz = hits / n, z * z
    d, c = 1 + zz / n, p + zz / (2 * n)
    under = p * (1 - p) / n + zz / (4 * n * n)
    root = z * sqrt(under)
    fewer = max(n - 1, 1)
    corrected = [
        zz - 1 / n + 4 * hits * (1 - p) + 4 * p - 2,
        zz - 2 - 1 / n + 4 * p * (n - hits + 1),
    ]
    traps = {
        "根号里只含 z 与 n 的那一项，n 也要平方": (c - z * sqrt(p * (1 - p) / n + zz / (4 * n)))
        / d,
        "根号那一项除以了 p² 的系数，中点也要除": c - root / d,
        "中点除以了 p² 的系数，根号那一项也要除": c / d - root,
        "根号没有开：± 后面是判别式的平方根": c / d - z * under / d,
        "中点里的 z 也要平方，它由 p 与 p² 的系数定": [
            (p + z / (2 * n)) / d - root / d,
            (p + z / (2 * n)) / (1 + z / n) - root / d,
            (p + z / (2 * n) - root) / (1 + z / n),
        ],
        "不等式里除的是 n，不是 n − 1": [
            (c - z * sqrt(p * (1 - p) / fewer + zz / (4 * n * n))) / d,
            (p + zz / (2 * fewer) - z * sqrt(p * (1 - p) / fewer + zz / (4 * fewer * fewer)))
            / (1 + zz / fewer),
        ],
        "不要再加连续性修正：就是这个方程的两个根": [
            (c - root) / d - 0.5 / n,
            *((2 * hits + zz - 1 - z * sqrt(max(u, 0))) / (2 * (n + zz)) for u in corrected),
        ],
    }
    # some keep the ends between 0 and 1
    return {hint: _clipped(wrong) for hint, wrong in traps.items()}


def _clipped(wrong: Any) -> list[float]:
    values = wrong if isinstance(wrong, list) else [wrong]
    return [*values, *(max(0.0, v) for v in values if v < -1e-3)]


def _diagnosis(ends: Any, hits: int, n: int, z: float) -> tuple[str, dict[str, Any]]:
    """What two wrong ends have right, and what the first becomes in the inequality.

    Returns:
        A hint for either end, and what is certain whatever the value: a trap for ``low``.
    """
    if any(shape_of(end) != () for end in ends):
        return "每一端是一个数", {}
    (a, b), (low, high) = map(float, ends), wilson(hits, n, z)
    p = hits / n

    def near(u: float, v: float) -> bool:
        return abs(u - v) <= 1e-6

    if 0 < a < 1 and 0 < b < 1:
        one, other = (abs(p - end) / sqrt(end * (1 - end) / n) for end in (a, b))
        if abs(one - other) < 1e-6 * one:  # the equation of another z
            told = f"方程解对了，z 不对：把你的两端代回去，z 都是 {one:.6g}，不是参数给的 {z:.6g}"
            return told, {told: a}
    if max(abs(a - low), abs(b - high)) < 5e-3:
        told = "两端都只差一点：网格太粗、二分停早了，或只迭代了一两步？误差不超过 10⁻⁶"
        return told, {told: a}
    if near(a, low) or near(b, high):
        good, bad = ("low", "high") if near(a, low) else ("high", "low")
        told = f"{good} 对，{bad} 不对：它是同一个方程的另一个根，离 p̂ 的远近与 {good} 的不同"
        return told, {}
    if near(a + b, low + high):
        return (
            "中点对，宽度不对：核对判别式。开方了吗？根号里的两项各除以 n 还是 n²？"
            "整个根也要除以 p² 的系数",
            {},
        )
    if near(b - a, high - low):
        return "宽度对，中点不对：中点由 p 的系数定。z 平方了吗？除以 p² 的系数了吗？", {}
    if hits % n and all(map(near, (a, b), wilson(0, n, z))):
        return "", {"这是一个也没对时的区间：hits / n 写成整除 // 就成了 0": a}
    hint = "中点和宽度都不对：把不等式两边平方，整理成 p 的二次方程，再看各项的系数"
    if 0 <= a <= 1:
        left, right = abs(p - a), z * sqrt(a * (1 - a) / n)
        hint += f"。把你的 low 代回去：左边 {left:.4f}，右边 {right:.4f}，是端点就该相等"
    else:
        hint += "。端点在 0 到 1 之间；p̂ 是 hits / n"
    return hint, {}


@exercise(
    "06.7",
    "Wilson 区间",
    points=2,
    asks="wilson(hits, n, z=1.96) -> low, high",
    allows=["scipy.optimize.*", "scipy._RichResult.*"],  # what root_scalar gives
)
@hints(
    "两端是取等号的 p：把不等式两边平方，就没有根号和绝对值了。",
    "平方后是 p 的一元二次方程，把 p²、p、常数三项的系数各自合并，再用求根公式（np.roots 也行）。",
    "(p̂ − p)² = z² p(1 − p)/n 乘开移项：p² 的系数是 1 + z²/n，p 的系数是 −(2p̂ + z²/n)，"
    "常数项是 p̂²。小根是 low，大根是 high。",
)
def judge_wilson(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, wilson)
    n, z = int(rng.integers(20, 60)), float(rng.uniform(1.2, 1.7) + rng.integers(2))  # not 1.96
    hits = int(rng.integers(n // 2 + 3, n - 3))
    for case, said in (
        ((hits, n), ""),
        ((hits, n, z), "（z 由参数给）"),
        ((0, n), "（一个也没对）"),
        ((n, n), "（全对）"),
        ((1, 1), "（只有一张）"),
    ):
        (h, m), level = case[:2], (*case, 1.96)[2]
        got, (low, high) = call(*case)
        ends = yield from parts(got, 2, "low, high", "返回两端")
        p, zz = h / m, level**2
        wide = level * sqrt(p * (1 - p) / m)
        half, middle = (high - low) / 2, (high + low) / 2
        four = (h + zz / 2) / (m + zz)
        four_wide = level * sqrt(four * (1 - four) / (m + zz))
        plain = "这是 p̂ ± z√(p̂(1−p̂)/n)：根号里要的是未知的 p，不是 p̂，要解方程"
        # two more right and two more wrong
        naive = (h + 2) / (m + 4) - level * sqrt((h + 2) * (m - h + 2) / (m + 4) ** 3)
        traps = {
            "两端对调了：先小后大": high,
            plain: [p - wide, max(0.0, p - wide)],
            "返回的是中点和半宽，要两端": middle,
            "不是百分数：p 在 0 与 1 之间": 100 * low,
            "这是“加几张再套常见公式”的近似：中点差不多，宽度不是。直接取方程的两个根": [
                four - four_wide,
                naive,
            ],
            "标准差的根号里少除了 n": p - level * sqrt(p * (1 - p)),
            "求根公式的分母漏了：p² 的系数不是 1": low * (1 + zz / m),
            "± 后面那一项少乘了 z": middle - half / level,
            "只有几位小数：四舍五入了，还是网格只有这么细？误差不超过 10⁻⁶": [
                round(low, places) for places in (2, 3, 4, 5)
            ],
            "这是张数，要的是比例": m * low,
            "数成了判错的张数": 1 - high,
            "z 的大小不对：不等式里的 z 已经是标准差的倍数，不平方，也不折半": [
                wilson(h, m, other)[0] for other in (level**2, level / 2)
            ],
            "根号里漏了一项：判别式展开以后，除了 p̂(1−p̂)/n 还有只含 z 与 n 的一项": (
                middle - level / (1 + zz / m) * sqrt(p * (1 - p) / m)
            ),
            "中点不是 p̂：两个根的中点由 p 的系数定": p - half,
        } | _slips(h, m, level)
        hint, sure = _diagnosis(ends, h, m, level)
        traps = traps | sure  # a formula that is told, before a small difference
        if p in (0, 1):  # where some write a rule of their own
            hint = "这种情形不用另写规则：还是同一个方程的两个根"
            plain = "宽度成了 0：一个也没对、全对时，说得通的 p 也不止一个，照样解方程"
            traps = {plain: p}
        if p > 0:
            fixed = wilson(h, m)[0]
            told = "换了 z，结果还是 1.96 的：写死了 1.96，还是记着上一次的结果？"
            traps = ({told: fixed} if level != 1.96 else {}) | traps
            yield value(ends[0], low, f"low{said}", hint, traps, atol=1e-6, weight=0.5)
        else:  # the wrong interval is [0, 0]: its other end tells
            yield value(ends[0], low, f"low{said}", "p̂ = 0 时下端是 0", atol=1e-6, weight=0.25)
        traps = {plain: [p + wide, min(1.0, p + wide)], "返回的是中点和半宽，要两端": half}
        if p == 1:
            traps = {}
        yield value(ends[1], high, f"high{said}", hint, traps, atol=1e-6, weight=0.5)
        inside = float(ends[0]) >= -1e-10 and float(ends[1]) <= 1 + 1e-10
        hint = "p 在 0 与 1 之间，两端也是：方程的根不会出去，不要再往外让一点"
        yield that(inside, f"两端在 0 与 1 之间{said}", hint, weight=0.0, given=got)
