"""Chapter 06, training a classifier: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course import engine
from aigc_course.exercises.core import Step, close, exercise, shape, that, untouched

Array = NDArray[Any]

__all__ = ["batches", "scores_from_matrix", "stratified_split", "train_epoch"]


# --- the library's versions --------------------------------------------------------------------


def stratified_split(y: Array, fraction: float, rng: np.random.Generator) -> tuple[Array, Array]:
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


def batches(
    x: Array, y: Array, batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[Array, Array]]:
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
    rng: np.random.Generator,
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


def _labels(rng: np.random.Generator, n: int, k: int) -> Array:
    """``n`` labels out of ``k`` unevenly filled classes, every class at least six times."""
    y = np.concatenate([np.repeat(np.arange(k), 6), rng.integers(0, 2, size=n - 6 * k)])
    return rng.permutation(y)


@exercise(
    "06.1",
    title="按类别分层切分",
    points=2,
    asks="stratified_split(y, fraction, rng) -> train_rows, val_rows",
)
def _judge_split(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    k = int(rng.integers(3, 6))
    y = _labels(rng, n=int(rng.integers(60, 90)), k=k)
    n, fraction, seed, before = len(y), 0.3, int(rng.integers(1, 10**6)), y.copy()
    got = answer(y, fraction, np.random.default_rng(seed))
    yield untouched(before, y, "y")
    yield that(
        isinstance(got, tuple | list) and len(got) == 2,
        "返回两个数组",
        hint="应写成 return train_rows, val_rows",
    )
    train, val = (np.asarray(part) for part in got)
    numbers = train.ndim == val.ndim == 1 and train.dtype.kind == val.dtype.kind == "i"
    yield that(
        numbers,
        "返回的是行号（一维整数数组）",
        hint="要的是行号，不是标签，也不是布尔掩码：np.flatnonzero(掩码) 把掩码变成行号",
    )
    yield that(
        not np.isin(train, val).any(),
        "训练与验证没有公共的行",
        hint="同一行进了两份：验证集成了背过的题。先定好验证的行，训练取它的补集",
    )
    together = np.sort(np.concatenate([train, val]))
    yield that(
        np.array_equal(together, np.arange(n)),
        "每一行都恰好进了一份",
        hint=f"共 {n} 行，你的两份合起来 {len(together)} 行，去重后 {len(np.unique(together))} 行",
    )
    counts, wanted = np.bincount(y[val], minlength=k), np.round(fraction * np.bincount(y))
    yield that(
        np.abs(counts - wanted).max() <= 1,
        "验证集里每一类的份额",
        hint="整体抽签不保证每一类都按比例：对每个类别分别抽",
    )
    again = answer(y, fraction, np.random.default_rng(seed))
    yield that(
        np.array_equal(np.sort(again[1]), np.sort(val)),
        "同一个种子给出同一种切分",
        hint="随机数要从参数 rng 来，不要用 np.random 的全局函数",
    )
    others = [set(np.asarray(answer(y, fraction, np.random.default_rng(seed + i))[1]).tolist())
              for i in range(1, 5)]  # fmt: skip
    yield that(
        any(other != set(val.tolist()) for other in others),
        "换一个种子，切分就变",
        hint="每次都取每一类开头的那几行：数据若排过序，验证集就有偏。先 rng.permutation",
    )


@exercise(
    "06.2",
    title="把数据切成批",
    points=2,
    asks="batches(x, y, batch_size, rng)，逐个 yield (xb, yb)",
)
def _judge_batches(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    size = int(rng.integers(4, 8))
    n = size * int(rng.integers(4, 7)) + int(rng.integers(1, size))
    ids = rng.permutation(10 * n)[:n]  # each row carries its own number
    x, y = np.stack([ids, -ids], axis=1).astype(np.float32), ids.copy()
    x0, y0, seed = x.copy(), y.copy(), int(rng.integers(10**6))
    stream = np.random.default_rng(seed)
    first = answer(x, y, size, stream)
    yield that(first is not None, "返回了可以逐个取的批", hint="函数里要有 yield（或返回列表）")
    first = list(first)
    yield untouched(x0, x, "x")
    yield untouched(y0, y, "y")
    yield that(
        all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in first) and len(first) > 0,
        "每一批是一对 (xb, yb)",
        hint="yield xb, yb",
    )
    sizes = [len(xb) for xb, _ in first]
    total = sum(sizes)
    yield that(
        total != n - n % size,
        "最后不满的一批也要",
        hint=f"最后 {n % size} 行不见了：range 的终点用 N，不用 N - batch_size",
    )
    yield that(
        total == n and max(sizes) <= size and len(sizes) == -(-n // size),
        "批数与批大小",
        hint=f"{n} 行按 {size} 行一批，应有 {-(-n // size)} 批；得到 {len(sizes)} 批共 {total} 行",
    )
    xs = np.concatenate([np.asarray(xb) for xb, _ in first])
    ys = np.concatenate([np.asarray(yb) for _, yb in first])
    yield shape(xs, x.shape, "所有 xb 接起来")
    yield that(
        np.array_equal(np.sort(ys), np.sort(y)) and np.array_equal(np.sort(xs[:, 0]), np.sort(ids)),
        "每一行恰好出现一次",
        hint="有的行重复、有的行没有：应是不放回地抽，用 rng.permutation，不用 rng.integers",
    )
    yield that(
        np.array_equal(xs[:, 0], ys),
        "图和标签仍是一对",
        hint="x 和 y 各打乱了一次，图和标签对不上号：用同一个 order 去取两者",
    )
    yield that(
        not np.array_equal(ys, y),
        "打乱了顺序",
        hint="顺序和输入一样：没有打乱",
    )
    second = np.concatenate([np.asarray(yb) for _, yb in answer(x, y, size, stream)])
    yield that(
        not np.array_equal(second, ys),
        "每一轮的顺序都不同",
        hint="接着用同一个 rng，第二轮却和第一轮一样：函数里不要自己另建固定种子的生成器",
    )
    again = [yb for _, yb in answer(x, y, size, np.random.default_rng(seed))]
    yield that(
        np.array_equal(np.concatenate(again), ys),
        "同一个种子给出同样的批",
        hint="随机数要从参数 rng 来，不要用 np.random 的全局函数",
    )
    order = np.random.default_rng(seed).permutation(n)
    yield that(
        np.array_equal(ys, y[order]),
        "顺序取自 rng.permutation(N)",
        hint="打乱是对的，但不是约定的 order = rng.permutation(N)：后面要与课程库逐位比较",
    )


class _Spy:
    """A linear classifier (float64, no bias) that remembers what it was shown, and in what mode."""

    def __init__(self, weight: Array) -> None:
        self.weight = engine.Tensor(weight.copy(), requires_grad=True)  # (K, D)
        self.training = False
        self.seen: list[tuple[Array, bool]] = []
        self.answers: list[Array] = []
        self.losses: list[float] = []

    def train(self, mode: bool = True) -> _Spy:
        self.training = bool(mode)
        return self

    def eval(self) -> _Spy:
        return self.train(False)

    def parameters(self) -> Iterator[Any]:
        yield self.weight

    def zero_grad(self) -> None:
        self.weight.grad = None

    def __call__(self, x: Any) -> Any:
        x = x if isinstance(x, engine.Tensor) else engine.Tensor(np.asarray(x))
        self.seen.append((np.array(x.data, dtype=float), self.training))
        return x @ self.weight.transpose(0, 1)

    def loss(self, logits: Any, y: Any) -> Any:
        y = np.asarray(y.data if isinstance(y, engine.Tensor) else y).astype(np.int64)
        self.answers.append(y)
        value = engine.functional.cross_entropy(logits, y)
        self.losses.append(float(value.item()))
        return value


def _replay(
    weight: Array, batches_seen: list[tuple[Array, Array]], lr: float, keep: float
) -> Array:
    """Softmax regression by hand on the batches seen; ``keep`` = 1 never clears the gradient."""
    w, g = weight.copy(), np.zeros_like(weight)
    for x, y in batches_seen:
        z = x @ w.T
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        g = keep * g + p.T @ x / len(y)
        w = w - lr * g
    return w


@exercise(
    "06.3",
    title="训练一轮",
    points=3,
    asks="train_epoch(model, x, y, optimizer, loss_fn, batch_size, rng) -> 平均损失",
)
def _judge_epoch(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    size, k, lr = 5, 3, 0.3
    n = 4 * size + 2  # the last batch is short, so that means of means differ from the mean
    x = np.concatenate([rng.normal(size=(n, 3)), np.arange(n)[:, None] / n], axis=1)
    y = rng.integers(k, size=n)
    weight = rng.normal(size=(k, 4))
    spy = _Spy(weight)
    optimizer = engine.optim.SGD([spy.weight], lr=lr)
    got = answer(spy, x, y, optimizer, spy.loss, size, np.random.default_rng(int(rng.integers(99))))
    yield that(
        len(spy.seen) > 0 and len(spy.answers) > 0,
        "算了前向和损失",
        hint="每一批：logits = model(engine.tensor(xb))，再 loss = loss_fn(logits, yb)",
    )
    rows = np.concatenate([np.round(xb[:, 3] * n).astype(int) for xb, _ in spy.seen])
    yield that(
        np.array_equal(np.sort(rows), np.arange(n)),
        "每个样本恰好用一次",
        hint=f"一轮应看完 {n} 个样本各一次，你用了 {len(rows)} 个：最后不满的一批也要",
    )
    labels = np.concatenate(spy.answers)
    yield that(
        np.array_equal(labels, y[rows]),
        "图和标签仍是一对",
        hint="送进损失的标签和送进网络的样本对不上号：xb 与 yb 要取自同一批",
    )
    yield that(
        not np.array_equal(rows, np.arange(n)),
        "打乱了顺序",
        hint="顺序和输入一样：用 batches(x, y, batch_size, rng)",
    )
    yield that(
        all(mode for _, mode in spy.seen),
        "训练时处在训练模式",
        hint="模型进来时可能正处在评估模式：开头先 model.train()，否则 dropout 一类的层不工作",
    )
    end = np.asarray(spy.weight.data)
    yield that(
        not np.array_equal(end, weight),
        "参数动了",
        hint="一轮之后参数和开始时一模一样：少了 loss.backward() 或 optimizer.step()",
    )
    pairs = [(xb, yb) for (xb, _), yb in zip(spy.seen, spy.answers, strict=True)]
    yield that(
        not np.allclose(end, _replay(weight, pairs, lr, keep=1.0), rtol=1e-6),
        "每一步只用这一批的梯度",
        hint="梯度一批一批累加起来了：每次 backward 之前要 optimizer.zero_grad()",
    )
    yield close(
        end,
        _replay(weight, pairs, lr, keep=0.0),
        "一轮之后的参数",
        hint="每一批恰好走一步：zero_grad → backward → step，step 在循环里面",
        rtol=1e-6,
    )
    yield that(
        isinstance(got, float | int | np.floating),
        "返回一个数",
        hint="返回 Python 的 float：loss.item() 取出数值。返回 Tensor 会把整张计算图留在内存里",
    )
    sizes = np.array([len(yb) for yb in spy.answers])
    losses = np.array(spy.losses[: len(sizes)])
    if not np.isclose(losses.mean(), losses @ sizes / n, rtol=1e-9):
        yield that(
            not np.isclose(got, losses.mean(), rtol=1e-6),
            "平均按样本算",
            hint="把每批的损失直接平均了：最后一批样本少，却与别的批同权。乘上批的大小，最后除以 N",
        )
    yield close(
        got, losses @ sizes / n, "平均损失", hint="各批损失 × 该批样本数，相加，除以 N", rtol=1e-6
    )


@exercise(
    "06.4",
    title="混淆矩阵",
    points=2,
    asks="confusion_matrix(y_true, y_pred, n_classes) -> (K, K)",
)
def _judge_confusion(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    k = int(rng.integers(4, 7))
    # class k-1 is never predicted and class k-2 never occurs: the matrix must still be (K, K)
    y_true = rng.choice([*range(k - 2), k - 1], size=60)
    y_pred = np.where(rng.random(60) < 0.6, np.minimum(y_true, k - 3), rng.integers(k - 1, size=60))
    y_true[0], y_pred[0] = k - 1, 0
    before = y_true.copy()
    matrix = answer(y_true, y_pred, k)
    yield untouched(before, y_true, "y_true")
    yield shape(matrix, (k, k), "混淆矩阵", hint="有的类可能一次也没出现：大小由 n_classes 定")
    matrix = np.asarray(matrix)
    want = np.zeros((k, k), dtype=int)
    np.add.at(want, (y_true, y_pred), 1)
    yield that(
        not np.array_equal(matrix, np.minimum(want, 1)),
        "同一格的次数要累加",
        hint="每一格最多是 1：M[y_true, y_pred] += 1 遇到重复的下标只加一次；用循环或 np.add.at",
    )
    yield that(
        abs(matrix.sum() - len(y_true)) < 1e-9,
        "所有格加起来等于样本数",
        hint=f"共 {len(y_true)} 个样本，矩阵各格之和是 {matrix.sum():g}：要的是次数，不是比例",
    )
    yield that(
        not np.array_equal(matrix, want.T),
        "行是真实类别",
        hint="行列反了：第 i 行是真实类别 i，第 j 列是预测类别 j",
    )
    yield close(matrix, want, "混淆矩阵", hint="M[i, j] = 真实为 i、预测为 j 的样本数")


@exercise(
    "06.5",
    title="精确率、召回率、F1",
    points=4,
    asks="scores_from_matrix(matrix) -> precision, recall, f1, macro_f1, micro_f1",
)
def _judge_scores(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    k = int(rng.integers(3, 6))
    matrix = rng.integers(1, 9, size=(k, k)) + np.diag(rng.integers(5, 40, size=k))
    precision, recall, f1, macro, micro = scores_from_matrix(matrix)
    before = matrix.copy()
    got = answer(matrix)
    yield untouched(before, matrix, "matrix")
    yield that(
        isinstance(got, tuple | list) and len(got) == 5,
        "返回五样东西",
        hint="return precision, recall, f1, macro_f1, micro_f1",
    )
    for value, label in zip(got[:3], ("precision", "recall", "f1"), strict=True):
        yield shape(value, (k,), label, hint="每一类一个数")
    p, r = np.asarray(got[0], float), np.asarray(got[1], float)
    yield that(
        not (np.allclose(p, recall) and np.allclose(r, precision)),
        "精确率与召回率没有对调",
        hint="两者对调了：精确率的分母是一列之和（预测成这一类的），召回率的分母是一行之和（真是这一类的）",
    )
    yield close(p, precision, "precision", hint="对角线 ÷ 列和：matrix.sum(axis=0)")
    yield close(r, recall, "recall", hint="对角线 ÷ 行和：matrix.sum(axis=1)")
    yield that(
        not np.allclose(got[2], (precision + recall) / 2),
        "F1 是调和平均",
        hint="你算的是算术平均；F1 = 2PR / (P + R)，两者之一很低时 F1 也低",
    )
    yield close(got[2], f1, "f1", hint="F1 = 2PR / (P + R) = 2TP / (行和 + 列和)")
    of_means = 2 * precision.mean() * recall.mean() / (precision.mean() + recall.mean())
    if not np.isclose(of_means, macro, rtol=1e-9):
        yield that(
            not np.isclose(got[3], of_means, rtol=1e-10),
            "宏 F1 是各类 F1 的平均",
            hint="先把 P、R 各自平均再算 F1，是另一个数：先算每一类的 F1，再平均",
        )
    yield close(got[3], macro, "macro_f1", hint="每一类的 F1 相加，除以 K")
    yield close(got[4], micro, "micro_f1", hint="合起来数：对角线之和 ÷ 总数，即准确率")
    empty = matrix.copy()
    empty[:, -1] = 0  # the last class is never predicted
    empty[-1, 0] += 1
    edge = answer(empty)
    ok = all(np.isfinite(np.asarray(v, float)).all() for v in edge)
    yield that(
        ok,
        "没有一个样本被预测成某类时",
        hint="列和为 0 时出现了 0/0：约定这时精确率与 F1 为 0，用 np.divide(..., where=分母 > 0)",
    )
    for value, want, label in zip(
        edge,
        scores_from_matrix(empty),
        ("precision", "recall", "f1", "macro_f1", "micro_f1"),
        strict=True,
    ):
        yield close(value, want, f"{label}（有一类从未被预测）", hint="那一类的精确率与 F1 记作 0")
