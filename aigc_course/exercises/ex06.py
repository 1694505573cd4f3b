"""Chapter 06, training a classifier: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from aigc_course import engine
from aigc_course.judging.handed import exposes
from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    array,
    exercise,
    hints,
    parts,
    shape_of,
    that,
    value,
)

__all__ = ["batches", "confusion_matrix", "scores_from_matrix", "stratified_split", "train_epoch"]


# --- the library's versions --------------------------------------------------------------------


def stratified_split(y: Array, fraction: float, rng: Rng) -> tuple[Array, Array]:
    """Row numbers of a training and a validation part that keep every class's share.

    Args:
        y: classes, (N,).
        fraction: share of each class that goes to validation, rounded to whole rows.
        rng: source of randomness.

    Returns:
        ``train_rows, val_rows``: disjoint, together 0 … N-1.

    Example:
        >>> y = np.array([0, 1] * 10)
        >>> train, val = stratified_split(y, 0.2, np.random.default_rng(0))
        >>> len(train), np.bincount(y[val]).tolist()
        (16, [2, 2])
    """
    chosen = np.zeros(len(y), dtype=bool)
    for k in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == k))
        chosen[rows[: round(fraction * len(rows))]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def batches(x: Array, y: Array, batch_size: int, rng: Rng) -> Iterator[tuple[Array, Array]]:
    """All rows once, in random order, ``batch_size`` at a time; the short last batch is kept.

    Example:
        >>> x = np.arange(5)
        >>> [len(a) for a, b in batches(x, x, 2, np.random.default_rng(0))]
        [2, 2, 1]
    """
    order = rng.permutation(len(x))
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        yield x[rows], y[rows]


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
    for xb, yb in batches(x, y, batch_size, rng):
        loss = loss_fn(model(engine.tensor(xb)), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.item()) * len(yb)
    return total / len(y)


def confusion_matrix(y_true: Array, y_pred: Array, n_classes: int) -> Array:
    """Counts (K, K): row i, column j holds the samples of class i that were taken for class j.

    Example:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(matrix, (y_true, y_pred), 1)
    return matrix


def scores_from_matrix(matrix: Array) -> tuple[Array, Array, Array, float, float]:
    """Precision, recall and F1 of each class, then macro and micro F1, from a confusion matrix.

    Args:
        matrix: counts, (K, K), rows true, columns predicted.

    Example:
        >>> scores_from_matrix(np.array([[3, 1], [0, 2]]))[1].tolist()
        [0.75, 1.0]
    """

    def ratio(a: Array, b: Array) -> Array:
        return np.divide(a, b, out=np.zeros(len(a)), where=b > 0)

    hit, row, column = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = ratio(2 * hit, row + column)
    return ratio(hit, column), ratio(hit, row), f1, float(f1.mean()), float(hit.sum() / row.sum())


# --- the judges --------------------------------------------------------------------------------

_FROM_RNG = "随机数要从参数 rng 来，不要用 np.random 的全局函数"


def _labels(rng: Rng, k: int, fraction: float) -> Array:
    """Labels of ``k`` unevenly filled classes, at least three.

    In one class ``fraction`` asks for a little less than a whole number of rows, in another for
    a little more, so that neither cutting off nor rounding up gives what rounding gives.
    """
    sizes = np.arange(6, 40)
    left = (fraction * sizes) % 1
    below, above = sizes[(left > 0.55) & (left < 0.95)], sizes[(left > 0.05) & (left < 0.45)]
    others = rng.choice(sizes, size=k - 2)
    counts = rng.permutation([rng.choice(below), rng.choice(above), *others])
    return rng.permutation(np.repeat(np.arange(k), counts))


@exercise(
    "06.1",
    "按类别分层切分",
    points=2,
    asks="stratified_split(y, fraction, rng) -> train_rows, val_rows",
)
@hints(
    "整体抽签保不住每一类的比例：要对每个类别分别抽。",
    "对每个类别：np.flatnonzero(y == k) 是它的行号，用 rng.permutation 打乱，"
    "取前 round(fraction × 张数) 个进验证；训练是其余的行。",
    "先建一个全 False 的掩码 chosen，逐类把抽中的行记成 True；"
    "最后 np.flatnonzero(~chosen) 是训练，np.flatnonzero(chosen) 是验证。",
)
def judge_stratified_split(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, stratified_split)
    k, fraction = int(rng.integers(3, 6)), float(rng.choice([0.15, 0.2, 0.3, 0.35]))
    y = _labels(rng, k, fraction)
    n, seed = len(y), int(rng.integers(1, 10**6))

    def split(seed: int) -> Any:
        return call(y, fraction, np.random.default_rng(seed))[0]

    got = split(seed)
    yield call.untouched("y", label="没有改动输入 y")
    names = "train_rows, val_rows"
    got = yield from parts(got, 2, names, "返回两个数组", f"应写成 return {names}")
    train, val = map(np.asarray, got)
    numbers = train.ndim == val.ndim == 1 and {train.dtype.kind, val.dtype.kind} <= {"i", "u"}
    hint = "要的是行号，不是标签，也不是布尔掩码：np.flatnonzero(掩码) 把掩码变成行号"
    yield that(numbers, "返回的是行号（一维整数数组）", hint)
    hint = "同一行进了两份：验证集成了背过的题。先定好验证的行，训练取它的补集"
    yield that(not np.isin(train, val).any(), "训练与验证没有公共的行", hint)
    both = np.sort(np.concatenate([train, val]))
    lost, twice = len(np.setdiff1d(np.arange(n), both)), len(both) - len(np.unique(both))
    hint = f"两份合起来应是 0 … N-1 各一次：你漏了 {lost} 行，有 {twice} 行重复"
    yield that(np.array_equal(both, np.arange(n)), "每一行都恰好进了一份", hint)
    val, *others = (np.sort(rows) for rows in [val, *(split(seed + i)[1] for i in range(1, 5))])
    # a draw from all rows together comes near now and then, but not to the same counts each time
    counts = np.array([np.bincount(y[rows], minlength=k) for rows in [val, *others]])
    off = np.abs(counts - fraction * np.bincount(y)).max()
    even = off <= 1.5 and bool((counts == counts[0]).all())
    hint = "整体抽签不保证每一类都按比例：对每个类别分别抽"
    yield that(even, "验证集里每一类的份额", hint, weight=1.0)
    yield that(np.array_equal(np.sort(split(seed)[1]), val), "同一个种子给出同一种切分", _FROM_RNG)
    moves = any(not np.array_equal(rows, val) for rows in others)
    hint = "每次都取每一类开头的那几行：数据若排过序，验证集就有偏。先 rng.permutation"
    yield that(moves, "换一个种子，切分就变", hint, weight=1.0)
    hint = "差一张：每一类进验证的张数是 round(fraction × 张数)，不是舍去小数，也不是进一"
    # a half may go either way
    yield that(off <= 0.5 + 1e-9, "每一类的张数四舍五入", hint, weight=0.5)


@exercise(
    "06.2", "把数据切成批", points=2, asks="batches(x, y, batch_size, rng)，逐个 yield (xb, yb)"
)
@hints(
    "先定一个顺序，再按这个顺序一段一段地取；图和标签用同一个顺序，才不会错位。",
    "顺序是 order = rng.permutation(N)；从 0 起每隔 batch_size 取一段 order，切片到头会自己变短。",
    "对 range(0, N, batch_size) 里的每个起点：rows 是 order 的那一段，"
    "用它同时取 x 和 y，一对一对地 yield。",
)
def judge_batches(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, batches)
    size = int(rng.integers(4, 8))
    n = size * int(rng.integers(4, 7)) + int(rng.integers(1, size))
    ids = rng.permutation(10 * n)[:n]  # each row carries its own number
    x, seed = np.stack([ids, -ids], axis=1).astype(np.float32), int(rng.integers(10**6))
    stream = np.random.default_rng(seed)
    first, want = call(x, ids, size, stream)
    yield that(first is not None, "返回了可以逐个取的批", "函数里要有 yield（或返回列表）")
    first = list(islice(first, n + 1))  # more batches than rows are wrong anyway
    yield call.untouched("x", label="没有改动输入 x")
    yield call.untouched("y", label="没有改动输入 y")
    pairs = all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in first)
    yield that(pairs and len(first) > 0, "每一批是一对 (xb, yb)", "yield xb, yb")
    sizes = [len(xb) for xb, _ in first]
    total, full = sum(sizes), n // size
    right = sizes[:full] == [size] * full and max(sizes) <= size
    counted = f"{n} 行按 {size} 行一批，应有 {-(-n // size)} 批；得到 {len(sizes)} 批共 {total} 行"
    yield that(right, "每批 batch_size 行", counted)

    def labels(batches: Iterable[Any]) -> Array:
        return np.concatenate([np.asarray(yb) for _, yb in islice(batches, n)])

    xs = np.concatenate([np.asarray(xb) for xb, _ in first])
    xs = yield from array(xs, (total, 2), "所有 xb 接起来")
    ys = yield from array(labels(first), (total,), "所有 yb 接起来")
    known = bool(np.isin(ys, ids).all() and np.isin(xs[:, 0], ids).all())
    once = known and len(np.unique(ys)) == len(np.unique(xs[:, 0])) == total
    hint = "有的行重复、有的行没有：应是不放回地抽，用 rng.permutation，不用 rng.integers"
    yield that(once, "没有一行出现两次", hint, weight=0.5)
    paired = np.array_equal(xs, np.stack([ys, -ys], axis=1))
    hint = "x 和 y 各打乱了一次，图和标签对不上号：用同一个 order 去取两者"
    yield that(paired, "图和标签仍是一对", hint, weight=0.5)
    mixed = not np.array_equal(ys, ids[:total])
    yield that(mixed, "打乱了顺序", "顺序和输入一样：没有打乱", weight=0.5)
    second = labels(call(x, ids, size, stream)[0])
    hint = "接着用同一个 rng，第二轮却和第一轮一样：函数里不要自己另建固定种子的生成器"
    yield that(not np.array_equal(second, ys), "每一轮的顺序都不同", hint)
    again = labels(call(x, ids, size, np.random.default_rng(seed))[0])
    yield that(np.array_equal(again, ys), "同一个种子给出同样的批", _FROM_RNG, weight=0.5)
    dropped = f"最后 {n % size} 行不见了：range 的终点用 N，不用 N - batch_size"
    hint = dropped if total == n - n % size else counted
    whole = sizes == [size] * full + [n % size]
    yield that(whole, "最后不满的一批也要", hint, weight=0.5)
    hint = "打乱是对的，但不是约定的 order = rng.permutation(N)：后面要与课程库逐位比较"
    agreed = np.array_equal(ys, labels(want))
    yield that(agreed, "顺序取自 rng.permutation(N)", hint, weight=0.5)


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
        self.eval()

    def forward(self, x: Any) -> Any:
        x = _numbers(x)
        self.seen.append(x)
        self.modes.append(self.training)
        return engine.functional.linear(engine.Tensor(x), self.weight)

    def loss(self, logits: Any, y: Any) -> Any:
        y = _numbers(y).astype(np.int64)
        self.answers.append(y)
        loss = engine.functional.cross_entropy(logits, y)
        self.losses.append(float(loss.item()))
        return loss


def _replay(weight: Array, spy: _Spy, lr: float, keep: float) -> Array:
    """Softmax regression by hand on the batches seen; ``keep`` = 1 never clears the gradient."""
    w, g = weight.copy(), np.zeros_like(weight)
    for x, y in zip(spy.seen, spy.answers, strict=True):
        p = engine.softmax(engine.Tensor(x @ w.T), dim=1).numpy()
        g = keep * g + (p - np.eye(len(w))[y]).T @ x / len(y)
        w = w - lr * g
    return w


@exercise(
    "06.3",
    "训练一轮",
    points=3,
    asks="train_epoch(model, x, y, optimizer, loss_fn, batch_size, rng) -> 平均损失",
    allows=["aigc_course.engine.*", "!aigc_course.engine.fit", batches],
)
@hints(
    "循环里就是上面那五步：前向、损失、清梯度、反向、走一步；批用你写的 batches 来取。",
    "循环之前把模型放进训练模式。每一批算完损失以后，依次 zero_grad、backward、step。"
    "损失用 .item() 取出数值再累加，累加前乘上这一批的样本数。",
    "每批：logits 是 model(engine.tensor(xb))，损失是 loss_fn(logits, yb)；"
    "清梯度、反向、走一步；总和加上损失的数值 × 这批的样本数，最后除以 N。",
)
def judge_train_epoch(answer: Answer, rng: Rng) -> Steps:
    size, k, lr = 5, 3, 0.3
    n = 4 * size + 2  # the last batch is short, so that means of means differ from the mean
    x = np.concatenate([rng.normal(size=(n, 3)), np.arange(n)[:, None] / n], axis=1)
    y = rng.integers(k, size=n)
    weight, seed = rng.normal(size=(k, 4)), int(rng.integers(99))

    def epoch(x: Array, y: Array, spy: _Spy, seed: int) -> Any:
        optimizer = engine.optim.SGD([spy.weight], lr=lr)
        return answer(spy, x, y, optimizer, spy.loss, size, np.random.default_rng(seed))

    call = Caller(epoch)  # the library's version would go on training the same model

    def run(seed: int) -> tuple[_Spy, Any, Array]:
        spy = _Spy(weight)
        got, _ = call(x=x, y=y, spy=spy, seed=seed)
        rows = [row for xb in spy.seen for row in np.round(xb[:, 3] * n)]
        return spy, got, np.array(rows, dtype=int)

    spy, got, rows = run(seed)
    yield call.untouched("x", label="没有改动输入 x")
    yield call.untouched("y", label="没有改动输入 y")
    hint = "每一批：logits = model(engine.tensor(xb))，再 loss = loss_fn(logits, yb)"
    yield that(len(spy.seen) > 0 and len(spy.answers) > 0, "算了前向和损失", hint)
    hint = f"一轮应看完 {n} 个样本各一次，你用了 {len(rows)} 个：最后不满的一批也要"
    yield that(np.array_equal(np.sort(rows), np.arange(n)), "每个样本恰好用一次", hint)
    sizes = np.array([len(yb) for yb in spy.answers])
    together = [len(xb) for xb in spy.seen] == sizes.tolist()
    paired = together and np.array_equal(np.concatenate(spy.answers), y[rows])
    hint = "送进损失的标签和送进网络的样本对不上号：xb 与 yb 要取自同一批"
    yield that(paired, "图和标签仍是一对", hint)
    hint = f"{n} 个样本每批 {size} 个，应有 {-(-n // size)} 批；你送了 {len(sizes)} 批"
    yield that(sizes.max() <= size and len(sizes) == -(-n // size), "按批走", hint)
    hint = "顺序和输入一样：用 batches(x, y, batch_size, rng)"
    yield that(not np.array_equal(rows, np.arange(n)), "打乱了顺序", hint)
    end = np.asarray(spy.weight.data)
    hint = "一轮之后参数和开始时一模一样：少了 loss.backward() 或 optimizer.step()"
    yield that(not np.array_equal(end, weight), "参数动了", hint, weight=0.5)
    piled = np.allclose(end, _replay(weight, spy, lr, keep=1.0), rtol=1e-6)
    hint = "梯度一批一批累加起来了：每次 backward 之前要 optimizer.zero_grad()"
    yield that(not piled, "每一步只用这一批的梯度", hint)
    hint = "每一批恰好走一步：zero_grad → backward → step，step 在循环里面"
    yield value(end, _replay(weight, spy, lr, keep=0.0), "一轮之后的参数", hint)
    hint = "模型进来时可能正处在评估模式：开头先 model.train()，否则 dropout 一类的层不工作"
    yield that(all(spy.modes), "训练时处在训练模式", hint, weight=0.5)
    number = isinstance(got, float | int | np.floating) and not isinstance(got, bool)
    hint = "返回 Python 的 float：loss.item() 取出数值。返回 Tensor 会把整张计算图留在内存里"
    yield that(number, "返回一个数", hint)
    losses = np.array(spy.losses)
    mean, unweighted = losses @ sizes / n, losses.mean()
    if not np.isclose(unweighted, mean, rtol=1e-9):
        hint = "把每批的损失直接平均了：最后一批样本少，却与别的批同权。乘上批的大小，最后除以 N"
        yield that(not np.isclose(got, unweighted, rtol=1e-6), "平均按样本算", hint)
    yield value(got, mean, "平均损失", "各批损失 × 该批样本数，相加，除以 N")
    moves = any(not np.array_equal(rows, run(seed + i)[2]) for i in (1, 2))
    hint = "顺序与传进来的 rng 无关：把 rng 交给 batches，不要自己另建固定种子的生成器"
    yield that(moves, "换一个 rng，顺序就变", hint)
    yield that(np.array_equal(rows, run(seed)[2]), "同样的 rng，同样的顺序", _FROM_RNG)


@exercise(
    "06.4", "混淆矩阵", points=2, asks="confusion_matrix(y_true, y_pred, n_classes) -> (K, K)"
)
@hints(
    "从一个全 0 的 (K, K) 开始，一个样本一个样本地数。",
    "每个样本给一格加 1：行是它的真实类别，列是预测的类别。"
    "花式下标的 += 遇到重复只加一次，用循环或 np.add.at。",
    "对 zip(y_true, y_pred) 里的每一对 (t, p)，matrix[t, p] 加 1；大小由 n_classes 定。",
)
def judge_confusion_matrix(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, confusion_matrix)
    k, n = int(rng.integers(4, 7)), 60
    # class k-1 is never predicted and class k-2 never occurs: the matrix must still be (K, K)
    y_true = rng.choice([*range(k - 2), k - 1], size=n)
    y_pred = np.where(rng.random(n) < 0.6, np.minimum(y_true, k - 3), rng.integers(k - 1, size=n))
    y_true[0], y_pred[0] = k - 1, 0
    got, want = call(y_true, y_pred, k)
    yield call.untouched("y_true", label="没有改动输入 y_true")
    yield call.untouched("y_pred", label="没有改动输入 y_pred")
    hint = "有的类可能一次也没出现：大小由 n_classes 定"
    matrix = yield from array(got, (k, k), "混淆矩阵", hint)
    yield that(np.isfinite(matrix).all(), "每格一个数", "每一格是次数，一个整数")
    hint = "每一格最多是 1：M[y_true, y_pred] += 1 遇到重复的下标只加一次；用循环或 np.add.at"
    yield that(not np.array_equal(matrix, np.minimum(want, 1)), "同一格的次数要累加", hint)
    total = matrix.sum()
    hint = f"共 {n} 个样本，矩阵各格之和是 {total:g}：要的是次数，不是比例"
    yield that(abs(total - n) < 1e-9, "所有格加起来等于样本数", hint)
    hint = "对角线上是判对的次数：真实与预测都是 i 的样本有几个"
    yield value(np.diag(matrix), np.diag(want), "对角线", hint)
    hint = "行列反了：第 i 行是真实类别 i，第 j 列是预测类别 j"
    yield that(not np.array_equal(matrix, want.T), "行是真实类别", hint)
    yield value(matrix, want, "混淆矩阵", "M[i, j] = 真实为 i、预测为 j 的样本数")


def _counts(rng: Rng, k: int) -> Array:
    """A confusion matrix in which no class has its precision equal to its recall.

    Where they are equal for all classes, a right answer looks like one that mixed them up.
    """
    while True:
        matrix = rng.integers(1, 9, size=(k, k)) + np.diag(rng.integers(5, 40, size=k))
        if (matrix.sum(axis=0) != matrix.sum(axis=1)).all():
            return np.asarray(matrix)


@exercise(
    "06.5",
    "精确率、召回率、F1",
    points=4,
    asks="scores_from_matrix(matrix) -> precision, recall, f1, macro_f1, micro_f1",
)
@hints(
    "三样东西就够：对角线（判对的）、每一行的和（真是这一类的）、每一列的和（判成这一类的）。",
    "精确率的分母是列和，召回率的分母是行和；F1 等于 2TP / (行和 + 列和)，省得再碰 0/0。"
    "宏 F1 平均各类的 F1，微 F1 是对角线之和除以总数。",
    "除法写成 np.divide(a, b, out=np.zeros(K), where=b > 0)：分母为 0 的那一项就留在 0。",
)
def judge_scores_from_matrix(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, scores_from_matrix)
    names = ("precision", "recall", "f1", "macro_f1", "micro_f1")
    k = int(rng.integers(3, 6))
    matrix = _counts(rng, k)
    got, (precision, recall, f1, macro, micro) = call(matrix)
    yield call.untouched("matrix", label="没有改动输入 matrix")
    listed = ", ".join(names)
    got = yield from parts(got, 5, listed, "返回五样东西", f"return {listed}")
    hint = "每一类一个数"
    p = yield from array(got[0], (k,), "precision", hint)
    r = yield from array(got[1], (k,), "recall", hint)
    f = yield from array(got[2], (k,), "f1", hint)
    numbers = all(shape_of(part) is not None for part in got)
    yield that(numbers, "五样都是数", "前三样是数组，后两样是数，不是文字")
    swapped = np.allclose(p, recall) and np.allclose(r, precision)
    hint = (
        "两者对调了：精确率的分母是一列之和（预测成这一类的），"
        "召回率的分母是一行之和（真是这一类的）"
    )
    yield that(not swapped, "精确率与召回率没有对调", hint)
    yield value(p, precision, "precision", "对角线 ÷ 列和：matrix.sum(axis=0)")
    yield value(r, recall, "recall", "对角线 ÷ 行和：matrix.sum(axis=1)")
    hint = "你算的是算术平均；F1 = 2PR / (P + R)，两者之一很低时 F1 也低"
    yield that(not np.allclose(f, (precision + recall) / 2), "F1 是调和平均", hint)
    yield value(f, f1, "f1", "F1 = 2PR / (P + R) = 2TP / (行和 + 列和)")
    of_means = 2 * precision.mean() * recall.mean() / (precision.mean() + recall.mean())
    if not np.isclose(of_means, macro, rtol=1e-9):
        hint = "先把 P、R 各自平均再算 F1，是另一个数：先算每一类的 F1，再平均"
        yield that(not np.isclose(got[3], of_means, rtol=1e-10), "宏 F1 是各类 F1 的平均", hint)
    yield value(got[3], macro, "macro_f1", "每一类的 F1 相加，除以 K")
    yield value(got[4], micro, "micro_f1", "合起来数：对角线之和 ÷ 总数，即准确率")
    never_said, never_there = matrix.copy(), matrix.copy()
    never_said[:, -1] = 0
    never_said[-1, 0] += 1
    never_there[:, 0] = never_there[0] = 0
    for table, which, where in (
        (never_said, "有一类从未被预测", "列和为 0"),
        (never_there, "有一类从未出现，也从未被预测", "行和、列和都为 0"),
    ):
        edge, wanted = call(table)
        finite = len(edge) == 5 and all(np.isfinite(np.asarray(v, float)).all() for v in edge)
        hint = f"{where} 时出现了 0/0：约定这一项记 0，用 np.divide(..., where=分母 > 0)"
        yield that(finite, which, hint)
        hint = "分母为 0 的那一项记作 0，类数 K 不变，别的照旧"
        for part, want, name in zip(edge, wanted, names, strict=True):
            yield value(part, want, f"{name}（{which}）", hint, weight=0.1)
