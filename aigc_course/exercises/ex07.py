"""Chapter 07, regularisation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.judging.core import Step, exercise
from aigc_course.judging.returned import close, shape, shape_of, that, untouched

Array = NDArray[Any]

__all__ = ["EarlyStopping", "best_threshold", "class_weights", "dropout", "penalty"]


# --- the library's versions --------------------------------------------------------------------


def penalty(w: Array, l1: float, l2: float) -> tuple[float, Array]:
    """R = l1·Σ|w| + l2/2·Σw² and its gradient (0 as the subgradient of |w| at 0).

    Args:
        w: any shape.
        l1, l2: strengths, ≥ 0.

    Returns:
        The value, and the gradient with the shape of ``w``.

    Example:
        >>> value, grad = penalty(np.array([2.0, -1.0, 0.0]), l1=0.1, l2=1.0)
        >>> round(value, 2), grad.round(2).tolist()
        (2.8, [2.1, -1.1, 0.0])
    """
    value = l1 * np.abs(w).sum() + 0.5 * l2 * (w**2).sum()
    return float(value), l1 * np.sign(w) + l2 * w


def dropout(x: Array, p: float, training: bool, rng: np.random.Generator) -> tuple[Array, Array]:
    """Inverted dropout: each entry is 0 with probability ``p``, else divided by 1 − p.

    Args:
        x: any shape.
        p: share to drop, 0 ≤ p < 1.
        training: outside training nothing is dropped.
        rng: source of randomness.

    Returns:
        ``y, mask`` with ``y = x * mask``; ``mask`` holds 0 and 1/(1 − p), or only 1.

    Reference:
        Srivastava et al., JMLR 2014.

    Example:
        >>> y, mask = dropout(np.ones((2, 3)), 0.5, True, np.random.default_rng(0))
        >>> mask.tolist()
        [[2.0, 0.0, 0.0], [0.0, 2.0, 2.0]]
    """
    if not training:
        return x, np.ones_like(x)
    mask = (rng.random(x.shape) >= p) / (1 - p)
    return x * mask, mask


class EarlyStopping:
    """Stop when the validation loss has not improved for ``patience`` epochs in a row.

    Reference:
        Prechelt, Early Stopping — But When?, 1998.

    Example:
        >>> stopper = EarlyStopping(patience=2)
        >>> [stopper.update(loss) for loss in (1.0, 0.8, 0.9, 0.85)], stopper.best_epoch
        ([False, False, False, True], 1)
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = math.inf
        self.best_epoch = -1
        self.epoch = -1

    def update(self, val_loss: float) -> bool:
        """Take one epoch's validation loss; True when it is time to stop."""
        self.epoch += 1
        if val_loss < self.best:
            self.best, self.best_epoch = val_loss, self.epoch
        return self.epoch - self.best_epoch >= self.patience


def class_weights(y: Array, n_classes: int) -> Array:
    """Weights N / (K n_k), so that every class pulls equally; 0 for a class without samples.

    Args:
        y: classes, (N,).
        n_classes: K.

    Returns:
        (K,) weights; over the samples of the classes that occur they average to (classes that
        occur) / K, which is 1 when none is missing.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2).round(3).tolist()
        [0.667, 2.0]
    """
    count = np.bincount(y, minlength=n_classes)
    return np.divide(len(y), n_classes * count, out=np.zeros(n_classes), where=count > 0)


def best_threshold(y_true: Array, prob: Array) -> tuple[float, float]:
    """The threshold t for which "positive when prob ≥ t" has the highest F1, and that F1.

    Args:
        y_true: 0 or 1, (N,), at least one 1.
        prob: scores, (N,).

    Example:
        >>> t, f1 = best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        >>> round(float(t), 2), round(f1, 2)
        (0.35, 0.8)
    """
    return max(
        ((float(t), _f1(y_true, prob >= t)) for t in np.unique(prob)), key=lambda pair: pair[1]
    )


def _f1(y_true: Array, y_pred: Array) -> float:
    hit = float(((y_true == 1) & y_pred).sum())
    return 2 * hit / float((y_true == 1).sum() + y_pred.sum())


# --- the judges --------------------------------------------------------------------------------


@exercise(
    "07.1",
    title="L1 与 L2 惩罚及其梯度",
    points=2,
    asks="penalty(w, l1, l2) -> value, grad",
    reference=penalty,
    hints=(
        "两项各自算好再相加：值是一个数，梯度与 w 同形。",
        "½w² 的导数是 w；|w| 的导数是符号，w = 0 处取 0，np.sign 正好如此。",
        "值：l1 乘绝对值之和，加上 ½·l2 乘平方和；梯度：l1 乘 np.sign(w)，加上 l2 乘 w。",
    ),
)
def _judge_penalty(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    w = rng.normal(size=(4, 5))
    w[0, :2] = 0.0
    l1, l2 = (float(strength) for strength in rng.uniform(0.1, 0.9, size=2))
    before = w.copy()
    got = answer(w, l1, l2)
    yield untouched(before, w, "w")
    w.flags.writeable = False  # what is right is worked out from it
    yield that(
        isinstance(got, tuple | list) and len(got) == 2,
        "返回值与梯度两样东西",
        hint="return value, grad",
    )
    value, grad = got
    yield that(np.ndim(value) == 0, "惩罚是一个数", hint="把所有权重的惩罚加起来：.sum()")
    yield shape(grad, w.shape, "grad", hint="每个权重一个梯度，与 w 同形")
    grad = np.asarray(grad, float)
    yield that(
        np.isfinite(grad).all(),
        "权重为 0 处的梯度",
        hint="出现了 nan：w/|w| 在 0 处是 0/0，用 np.sign",
    )
    _, zero = answer(w, 0.0, 0.0)
    yield that(not np.any(zero), "两个强度都是 0 时没有惩罚", hint="梯度里有一项没有乘上 l1 或 l2")
    only2, g2 = answer(w, 0.0, l2)
    yield that(
        not np.allclose(g2, 2 * l2 * w),
        "L2 的系数",
        hint="约定是 l2/2·Σw²：求导时 2 与 1/2 约掉，梯度是 l2·w",
    )
    yield close(g2, l2 * w, "L2 的梯度", hint="(l2/2)·w² 对 w 求导")
    yield close(only2, 0.5 * l2 * (w**2).sum(), "L2 的值", hint="l2/2·Σw²，别忘了 1/2")
    only1, g1 = answer(w, l1, 0.0)
    yield that(
        not np.allclose(g1, l1 * np.abs(w)),
        "L1 的梯度不是绝对值",
        hint="|w| 的导数是符号：正的为 +1，负的为 −1，大小与 |w| 无关",
    )
    at_zero = np.asarray(g1)[0, :2]
    yield that(
        np.allclose(at_zero, 0),
        "w = 0 处取 0",
        hint="|w| 在 0 处不可导，约定取次梯度 0；np.sign(0) 正好是 0",
    )
    yield close(g1, l1 * np.sign(w), "L1 的梯度", hint="l1·sign(w)")
    yield close(only1, l1 * np.abs(w).sum(), "L1 的值", hint="l1·Σ|w|")
    both = penalty(before, l1, l2)
    yield close(value, both[0], "两者相加的值", hint="两项相加", weight=0.5)
    yield close(grad, both[1], "两者相加的梯度", hint="两项相加", weight=0.5)
    for size in ((7,), (2, 3, 4)):
        w = rng.normal(size=size)
        value, grad = answer(w.copy(), l1, l2)
        both = penalty(w, l1, l2)
        hint = "w 可以是任意形状：对所有元素求和，不要指定 axis"
        yield close(value, both[0], f"形状 {size} 的值", hint=hint, weight=0.0)
        yield close(grad, both[1], f"形状 {size} 的梯度", hint=hint, weight=0.0)


@exercise(
    "07.2",
    title="随机失活",
    points=3,
    asks="dropout(x, p, training, rng) -> y, mask",
    reference=dropout,
    hints=(
        "训练时每个元素各掷一次骰子，留下的要放大，使平均值不变；评估时什么也不做。",
        "rng.random(x.shape) 给每个元素一个 [0, 1) 的均匀随机数，小于 p 的丢掉；留下的除以 1 − p。",
        "mask = (rng.random(x.shape) >= p) / (1 − p)，y 是 x 乘 mask；"
        "training 为假时原样返回 x 和全 1 的 mask。",
    ),
)
def _judge_dropout(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    p = float(rng.choice([0.2, 0.3, 0.7, 0.8]))  # not 0.5: there p and 1 − p cannot be told apart
    rows, columns = 120, 80
    x = rng.uniform(0.5, 1.5, size=(rows, columns)) * rng.choice([-1.0, 1.0], size=(rows, columns))
    before, n, seed = x.copy(), x.size, int(rng.integers(10**6))
    got = answer(x, p, True, np.random.default_rng(seed))
    yield untouched(before, x, "x")
    x.flags.writeable = False  # what is right is worked out from it
    yield that(
        isinstance(got, tuple | list) and len(got) == 2, "返回 y 与 mask", hint="return y, mask"
    )
    y, mask = got
    yield shape(y, x.shape, "y")
    yield shape(mask, x.shape, "mask", hint="每个元素独立地决定去留，mask 与 x 同形")
    numbers = shape_of(y) is not None and shape_of(mask) is not None
    yield that(numbers, "y 与 mask 由数组成", hint="返回数组 y 与 mask，里面是浮点数")
    y, mask = np.asarray(y, float), np.asarray(mask, float)
    dropped = float((y == 0).mean())
    five_sigma = 5 * math.sqrt(p * (1 - p) / n)
    yield that(
        not abs(dropped - (1 - p)) < five_sigma,
        "p 是丢掉的概率",
        hint="丢掉的份额约为 1 − p：比较号反了，p 是丢掉的概率，不是留下的",
    )
    yield that(
        abs(dropped - p) < five_sigma,
        "丢掉的份额约为 p",
        hint=f"p = {p}，你丢掉了 {dropped:.1%}：每个元素用自己的一个均匀随机数与 p 比",
    )
    by_row, by_column = (y == 0).mean(axis=1), (y == 0).mean(axis=0)
    one = math.sqrt(p * (1 - p))
    yield that(
        by_row.std() < 2.5 * one / math.sqrt(columns)
        and by_column.std() < 2.5 * one / math.sqrt(rows),
        "每个元素独立",
        hint="整行或整列一起丢了：随机数的形状要与 x 相同",
        weight=1.0,
    )
    kept = y[y != 0]
    yield that(
        not np.allclose(kept, x[y != 0]),
        "留下的要放大",
        hint="留下的没有除以 1 − p：训练时总量变小，评估时就对不上",
    )
    yield that(
        not np.allclose(kept, x[y != 0] / p),
        "放大的倍数",
        hint="除以了 p；期望是 (1 − p)·x·倍数，要等于 x，倍数就是 1/(1 − p)",
    )
    yield close(kept, x[y != 0] / (1 - p), "留下的元素", hint="留下的应是 x / (1 − p)")
    yield close(
        mask,
        np.where(y == 0, 0, 1 / (1 - p)),
        "mask",
        hint="要 y = x * mask：mask 里含放大的倍数，反向传播才能写成 dx = dy * mask",
        weight=0.5,
    )
    stream = np.random.default_rng(seed)
    first, second = answer(x, p, True, stream)[1], answer(x, p, True, stream)[1]
    yield that(
        not np.array_equal(first, second),
        "每次前向抽新的掩码",
        hint="两次调用的掩码相同：函数里不要自己另建固定种子的生成器",
    )
    yield that(
        np.array_equal(first, mask),
        "同一个种子给出同样的掩码",
        hint="随机数要从参数 rng 来，不要用 np.random 的全局函数",
    )
    quiet, ones = answer(x, p, False, np.random.default_rng(seed))
    yield close(
        quiet,
        x,
        "评估时的 y",
        hint="training=False 时原样返回：不丢、也不再乘 1 − p（已在训练时放大）",
    )
    hint = "评估时 mask 全为 1"
    yield close(ones, np.ones_like(x), "评估时的 mask", hint=hint, weight=0.0)
    nothing = answer(x, 0.0, True, np.random.default_rng(seed))[0]
    hint = "p = 0 什么都不丢：用 rng.random(...) >= p 判断留下"
    yield close(nothing, x, "p = 0 时的 y", hint=hint, weight=0.0)
    small = rng.normal(size=(2, 3, 4))
    got = answer(small.copy(), p, True, np.random.default_rng(seed))
    yield shape(got[0], small.shape, "三维的 x：y", hint="x 可以是任意形状：用 x.shape")
    hint = "x 可以是任意形状：y 总是 x * mask"
    yield close(got[0], small * np.asarray(got[1], float), "三维的 x：y", hint=hint, weight=0.0)


@exercise(
    "07.3",
    title="早停",
    points=3,
    asks="class EarlyStopping(patience)，update(val_loss) -> 该停了吗；best、best_epoch",
    reference=EarlyStopping,
    hints=(
        "要记住两件事：到现在为止的最低损失，它是第几轮。还要知道现在是第几轮。",
        "update 先把轮数加 1；比历史最低还低，就更新 best 与 best_epoch；"
        "最后看已经有多少轮没有新低。",
        "__init__ 里 best 从 float('inf') 起、best_epoch 与 epoch 从 −1 起；"
        "update 返回 epoch − best_epoch >= patience。",
    ),
)
def _judge_early_stopping(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    def run(losses: Sequence[float] | Array, patience: int) -> tuple[Any, list[Any]]:
        stopper, said = answer(patience), []
        for loss in losses:
            said.append(stopper.update(float(loss)))
            if said[-1]:
                break
        return stopper, said

    falling = np.sort(rng.uniform(0.3, 2.0, size=8))[::-1]
    stopper, said = run(falling, 2)
    yield that(
        all(isinstance(s, bool | np.bool_) for s in said),
        "update 返回 True 或 False",
        hint="最后一行 return 一个比较的结果；没有 return 就是 None",
    )
    yield that(
        not any(said), "一直在降就不停", hint="损失每轮都在降，你却停了：出现新低时要把计数清零"
    )
    patience = int(rng.integers(2, 5))
    flat = [1.0, 0.5, *np.sort(rng.uniform(0.6, 0.9, size=patience + 4))]
    stopper, said = run(flat, patience)
    yield that(
        len(said) != len(flat),
        "不再改进时会停",
        hint=f"最低点之后 {patience + 4} 轮都没有改进（patience={patience}），一次也没返回 True",
    )
    yield that(
        len(said) - 2 == patience,
        "恰好等 patience 轮",
        hint=f"patience={patience}，最低点之后过了 {len(said) - 2} 轮才停或就停了："
        "连续没有改进的轮数达到 patience 时返回 True",
        weight=1.0,
    )
    # slowly coming down again after a bad epoch, never below the best: this is no improvement
    creeping = [1.0, 0.4, 0.9, *(0.9 - 0.05 * np.arange(1, 6))]
    stopper, said = run(creeping, 3)
    yield that(
        len(said) == 5,
        "与最好的一轮比",
        hint="冲高之后慢慢回落但没有破最低，不算改进：要与历史最低比，不是与上一轮比",
        weight=1.0,
    )
    scale, lead = float(rng.uniform(0.5, 3.0)), int(rng.integers(0, 4))
    wave = [*np.linspace(2.0, 1.1, lead), 1.0, 0.8, 0.85, 0.86, 0.7, 0.75, 0.76, 0.6]
    lowest = len(wave) - 1
    wave = [scale * loss for loss in (*wave, 0.65, 0.66, 0.67, 0.5)]
    stopper, said = run(wave, 3)
    yield that(
        len(said) == lowest + 4,
        "计数是连续的",
        hint="中间有过新低，等待的轮数应从头数起；把没改进的轮数一直累加就停早了",
        weight=1.0,
    )
    yield that(
        hasattr(stopper, "best") and hasattr(stopper, "best_epoch"),
        "记下 best 与 best_epoch",
        hint="在 __init__ 里建 self.best 与 self.best_epoch，update 里更新",
    )
    yield close(stopper.best, scale * 0.6, "best", hint="到目前为止最低的验证损失", weight=0.5)
    best_epoch = stopper.best_epoch
    yield that(
        best_epoch != lowest + 1,
        "best_epoch 从 0 数起",
        hint="第一次 update 是第 0 轮，与 Python 的下标一致",
    )
    hint = "出现最低验证损失的那一轮，从 0 数起"
    yield that(best_epoch == lowest, "best_epoch", hint=hint, weight=0.5)
    stopper, said = run([0.5, 0.5, 0.5, 0.5], 2)
    hint = "损失一动不动时也要停：改进是严格小于"
    yield that(len(said) == 3, "打平不算改进", hint=hint, weight=0.5)
    stopper, said = run(1e6 * falling, 2)
    hint = "best 的初值要比任何损失都大：float('inf')"
    yield that(not any(said), "损失很大时也一样", hint=hint)
    stopper, said = run([1.0, 0.5, 0.7, 0.6], 1)
    hint = "patience=1：一轮没有新低就停"
    yield that(len(said) == 3, "patience=1", hint=hint)
    one, other = answer(2), answer(2)
    for loss in (0.5, 0.6):
        one.update(loss)
    other.update(2.0)
    ok = one.best_epoch == other.best_epoch == 0 and other.best == 2.0
    hint = "两个 EarlyStopping 互相影响了：状态要存在 self 上，不要存在类或全局变量里"
    yield that(ok, "各管各的", hint=hint)


@exercise(
    "07.4",
    title="类别权重",
    points=2,
    asks="class_weights(y, n_classes) -> (K,)",
    reference=class_weights,
    hints=(
        "先数每一类有几个样本；样本越少，权重越大。",
        "np.bincount(y, minlength=n_classes) 给出 n_k，没有样本的类也占一格；w_k = N / (K·n_k)。",
        "没有样本的类要避开除以 0：np.divide(N, K·n_k, out=np.zeros(K), where=n_k > 0)。",
    ),
)
def _judge_class_weights(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    k = int(rng.integers(3, 6))
    counts = rng.permutation([3, *rng.integers(20, 90, size=k - 1)])
    y = rng.permutation(np.repeat(np.arange(k), counts))
    before = y.copy()
    w = answer(y, k)
    yield untouched(before, y, "y")
    y.flags.writeable = False  # what is right is worked out from it
    yield shape(w, (k,), "权重", hint="每一类一个权重")
    yield that(shape_of(w) is not None, "权重是数", hint="返回浮点数组，每一类一个数")
    w = np.asarray(w, float)
    share = counts / counts.sum()
    ratio = w / w[0]
    yield that(
        not np.allclose(ratio, share / share[0]),
        "少的类权重大",
        hint="权重与张数成正比了：方向反了，样本越少权重越大",
    )
    yield that(
        bool((w > 0).all())
        and np.isfinite(w).all()
        and np.allclose(w * counts, (w * counts)[0], rtol=1e-6),
        "各类的总分量相等",
        hint="权重 × 张数应对每一类都一样：权重与 1/n_k 成正比",
        weight=1.0,
    )
    yield that(
        np.isclose((w * counts).sum(), counts.sum()),
        "按样本平均是 1",
        hint="比例对了，尺度不对：除以 K 再乘 N，使全体样本的权重平均为 1，学习率才不用跟着改",
    )
    yield close(w, class_weights(y, k), "权重", hint="w_k = N / (K·n_k)")
    absent = answer(y, k + 1)
    yield shape(
        absent, (k + 1,), "有一类没有样本时的权重", hint="np.bincount(y, minlength=n_classes)"
    )
    yield that(
        np.isfinite(np.asarray(absent, float)).all(),
        "有一类没有样本时",
        hint="出现了 inf 或 nan：没有样本的类除以 0，约定权重为 0",
    )
    hint = "那一类记 0，K 仍是 n_classes"
    yield close(absent, class_weights(y, k + 1), "有一类没有样本时的权重", hint=hint)
    gap = y + (y >= int(rng.integers(1, k)))  # a class in the middle is missing
    hint = "缺的类可能在中间：第 k 个权重属于类别 k，np.unique 会把后面的类往前挪"
    got = answer(gap.copy(), k + 1)
    yield shape(got, (k + 1,), "中间一类没有样本时的权重", hint=hint)
    yield close(got, class_weights(gap, k + 1), "中间一类没有样本时的权重", hint, weight=0.0)


def _rare_class(rng: np.random.Generator) -> tuple[Array, Array]:
    """Labels of a rare class and small scores, for which accuracy and F1 want other thresholds."""
    for _ in range(50):
        n = int(rng.integers(150, 220))
        y = rng.permutation(np.repeat([1, 0], [n // 12, n - n // 12]))
        # even the rare samples' own scores lie far below 0.5 and close together
        prob = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.6 * y - 5.5)))
        candidates = np.unique(prob)[::-1]  # among equals the highest threshold
        right = [float(np.mean((prob >= c) == y)) for c in candidates]
        most_right = candidates[int(np.argmax(right))]
        if _f1(y, prob >= most_right) < best_threshold(y, prob)[1] - 1e-6:
            break
    return y, prob


@exercise(
    "07.5",
    title="按 F1 选阈值",
    points=3,
    asks="best_threshold(y_true, prob) -> threshold, f1",
    reference=best_threshold,
    hints=(
        "只有 prob 里出现过的值会让判断改变，所以把它们每一个都当阈值试一遍就够了。",
        "对 np.unique(prob) 里的每个 t：prob >= t 的判为 1，算 F1，记住最高的 F1 和它的 t。",
        "命中数是「判为 1 而且真是 1」的个数；F1 等于 2·命中 / (判为 1 的个数 + 真是 1 的个数)。",
    ),
)
def _judge_threshold(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    y, prob = _rare_class(rng)
    y0, p0 = y.copy(), prob.copy()
    got = answer(y, prob)
    yield untouched(y0, y, "y_true")
    yield untouched(p0, prob, "prob")
    yield that(
        isinstance(got, tuple | list) and len(got) == 2,
        "返回阈值与 F1",
        hint="return threshold, f1",
    )
    numbers = shape_of(got[0]) == shape_of(got[1]) == ()
    yield that(numbers, "阈值与 F1 各是一个数", hint="return threshold, f1：两个浮点数")
    t, f1 = float(got[0]), float(got[1])
    yield that(
        -0.01 <= t <= 1.01,
        "阈值是一个概率",
        hint="阈值在 0 到 1 之外：返回的是下标？用 candidates[argmax]",
    )
    real, best = _f1(y, prob >= t) if (prob >= t).any() else 0.0, best_threshold(y, prob)[1]
    accuracy = max(float(np.mean((prob >= c) == y)) for c in np.unique(prob))
    at_t = float(np.mean((prob >= t) == y))
    yield that(
        np.isclose(real, best) or not np.isclose(20 * t, round(20 * t)),
        "候选取自数据",
        hint="稀有类的概率普遍很小，0.5 或 0.1、0.2、… 这样的格子太粗：候选取 prob 里的每个值",
    )
    strict = _f1(y, prob > t) if (prob > t).any() else 0.0
    yield that(
        not (np.isclose(strict, best) and not np.isclose(real, best)),
        "大于等于",
        hint="你的阈值配的是 prob > t；约定是 prob >= t",
    )
    yield that(
        np.isclose(real, best) or not np.isclose(at_t, accuracy),
        "按 F1 选，不按准确率选",
        hint="这个阈值使准确率最高，F1 却不是：少数类上两者的最优点不同",
    )
    yield that(
        real > best - 1e-9,
        "没有更好的阈值了",
        hint="还有一个阈值 F1 更高：把 prob 里每一个不同的值都当阈值试一遍",
        weight=2.0,
    )
    yield close(f1, real, "f1", hint="返回的 F1 应是「prob >= 阈值」这条规则在这些样本上的 F1")
    tied = np.round(prob / prob.max(), 1)
    t, f1 = (float(value) for value in answer(y.copy(), tied.copy()))
    real = _f1(y, tied >= t) if (tied >= t).any() else 0.0
    ok = real > best_threshold(y, tied)[1] - 1e-9 and np.isclose(f1, real)
    hint = "概率相同的样本同进同出：F1 要按 prob >= t 这条规则算，不能从排序后的中间切开"
    yield that(ok, "有相同的概率时", hint=hint)
    y = np.ones(5, dtype=int)
    t, f1 = (float(value) for value in answer(y, np.linspace(0.2, 0.9, 5)))
    ok = t <= 0.2 and np.isclose(f1, 1.0)
    hint = "全是正类时，最低的那个概率作阈值 F1 为 1：它也是候选"
    yield that(ok, "全是正类时", hint=hint)
