"""Chapter 07, regularisation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    rate_is,
    shape_of,
    that,
    value,
)

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
    total = l1 * np.abs(w).sum() + 0.5 * l2 * (w**2).sum()
    return float(total), l1 * np.sign(w) + l2 * w


def dropout(x: Array, p: float, training: bool, rng: Rng) -> tuple[Array, Array]:
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


@exercise("07.1", "L1 与 L2 惩罚及其梯度", points=2, asks="penalty(w, l1, l2) -> value, grad")
@hints(
    "两项各自算好再相加：值是一个数，梯度与 w 同形。",
    "½w² 的导数是 w；|w| 的导数是符号，w = 0 处取 0，np.sign 正好如此。",
    "值：l1 乘绝对值之和，加上 ½·l2 乘平方和；梯度：l1 乘 np.sign(w)，加上 l2 乘 w。",
)
def judge_penalty(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, penalty)
    w = rng.normal(size=(4, 5))
    w[0, :2] = 0.0
    l1, l2 = rng.uniform(0.1, 0.9, size=2).tolist()
    got, (both, both_grad) = call(w, l1, l2)
    yield call.untouched("w", label="没有改动输入 w")
    names, label = "value, grad", "返回值与梯度两样东西"
    total, grad = yield from parts(got, 2, names, label=label, hint=f"return {names}")
    yield that(np.ndim(total) == 0, "惩罚是一个数", "把所有权重的惩罚加起来：.sum()")
    grad = yield from array(grad, w.shape, "grad", "每个权重一个梯度，与 w 同形")
    hint = "出现了 nan：w/|w| 在 0 处是 0/0，用 np.sign"
    yield that(np.isfinite(grad).all(), "权重为 0 处的梯度", hint)
    (_, zero), _ = call(w, 0.0, 0.0)
    yield that(not np.any(zero), "两个强度都是 0 时没有惩罚", "梯度里有一项没有乘上 l1 或 l2")
    (only2, grad2), (want, want_grad) = call(w, 0.0, l2)
    hint = "约定是 l2/2·Σw²：求导时 2 与 1/2 约掉，梯度是 l2·w"
    yield that(not np.allclose(grad2, 2 * l2 * w), "L2 的系数", hint)
    yield value(grad2, want_grad, "L2 的梯度", "(l2/2)·w² 对 w 求导")
    yield value(only2, want, "L2 的值", "l2/2·Σw²，别忘了 1/2")
    (only1, grad1), (want, want_grad) = call(w, l1, 0.0)
    hint = "|w| 的导数是符号：正的为 +1，负的为 −1，大小与 |w| 无关"
    yield that(not np.allclose(grad1, l1 * np.abs(w)), "L1 的梯度不是绝对值", hint)
    hint = "|w| 在 0 处不可导，约定取次梯度 0；np.sign(0) 正好是 0"
    yield that(np.allclose(np.asarray(grad1)[0, :2], 0), "w = 0 处取 0", hint)
    yield value(grad1, want_grad, "L1 的梯度", "l1·sign(w)")
    yield value(only1, want, "L1 的值", "l1·Σ|w|")
    yield value(total, both, "两者相加的值", "两项相加", weight=0.5)
    yield value(grad, both_grad, "两者相加的梯度", "两项相加", weight=0.5)
    hint = "w 可以是任意形状：对所有元素求和，不要指定 axis"
    for size in ((7,), (2, 3, 4)):
        (total, grad), (want, want_grad) = call(rng.normal(size=size), l1, l2)
        yield value(total, want, f"形状 {size} 的值", hint, weight=0.0)
        yield value(grad, want_grad, f"形状 {size} 的梯度", hint, weight=0.0)


@exercise("07.2", "随机失活", points=3, asks="dropout(x, p, training, rng) -> y, mask")
@hints(
    "训练时每个元素各掷一次骰子，留下的要放大，使平均值不变；评估时什么也不做。",
    "rng.random(x.shape) 给每个元素一个 [0, 1) 的均匀随机数，小于 p 的丢掉；留下的除以 1 − p。",
    "mask = (rng.random(x.shape) >= p) / (1 − p)，y 是 x 乘 mask；"
    "training 为假时原样返回 x 和全 1 的 mask。",
)
def judge_dropout(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, dropout)
    p = float(rng.choice([0.2, 0.3, 0.7, 0.8]))  # not 0.5: there p and 1 − p cannot be told apart
    rows, columns = size = 120, 80
    x = rng.uniform(0.5, 1.5, size=size) * rng.choice([-1.0, 1.0], size=size)
    seed = int(rng.integers(10**6))

    def drop(x: Array, p: float, training: bool) -> Any:
        return call(x, p, training, np.random.default_rng(seed))[0]

    got = drop(x, p, True)
    yield call.untouched("x", label="没有改动输入 x")
    y, mask = yield from parts(got, 2, "y, mask", label="返回 y 与 mask", hint="return y, mask")
    y = yield from array(y, size, "y")
    mask = yield from array(mask, size, "mask", "每个元素独立地决定去留，mask 与 x 同形")
    hint = "出现了 nan 或 inf：丢掉的元素是 0，留下的是有限的数"
    yield that(np.isfinite([y, mask]).all(), "y 与 mask 由数组成", hint)
    gone, kept = y == 0, y != 0
    hint = "丢掉的份额约为 1 − p：比较号反了，p 是丢掉的概率，不是留下的"
    yield that(not rate_is(gone, 1 - p, "").ok, "p 是丢掉的概率", hint)
    sd = math.sqrt(p * (1 - p))
    by_row, by_column = gone.mean(axis=1).std(), gone.mean(axis=0).std()
    single = by_row < 2.5 * sd / math.sqrt(columns) and by_column < 2.5 * sd / math.sqrt(rows)
    together = "整行或整列一起丢了：随机数的形状要与 x 相同"
    share = f"p = {p}，你丢掉了 {gone.mean():.1%}：每个元素用自己的一个均匀随机数与 p 比"
    hint = share if single else together  # few rows: their share misses p by chance
    yield rate_is(gone, p, "丢掉的份额约为 p", hint, weight=0.0)
    yield that(single, "每个元素独立", together, weight=1.0)
    hint = "留下的没有除以 1 − p：训练时总量变小，评估时就对不上"
    yield that(not np.allclose(y[kept], x[kept]), "留下的要放大", hint)
    hint = "除以了 p；期望是 (1 − p)·x·倍数，要等于 x，倍数就是 1/(1 − p)"
    yield that(not np.allclose(y[kept], x[kept] / p), "放大的倍数", hint)
    yield value(y[kept], x[kept] / (1 - p), "留下的元素", "留下的应是 x / (1 − p)")
    hint = "要 y = x * mask：mask 里含放大的倍数，反向传播才能写成 dx = dy * mask"
    yield value(mask, kept / (1 - p), "mask", hint, weight=0.5)
    stream = np.random.default_rng(seed)
    first, second = (call(x, p, True, stream)[0][1] for _ in range(2))
    hint = "两次调用的掩码相同：函数里不要自己另建固定种子的生成器"
    yield that(not np.array_equal(first, second), "每次前向抽新的掩码", hint)
    hint = "随机数要从参数 rng 来，不要用 np.random 的全局函数"
    yield that(np.array_equal(first, mask), "同一个种子给出同样的掩码", hint)
    quiet, ones = drop(x, p, False)
    hint = "training=False 时原样返回：不丢、也不再乘 1 − p（已在训练时放大）"
    yield value(quiet, x, "评估时的 y", hint)
    yield value(ones, np.ones(size), "评估时的 mask", "评估时 mask 全为 1", weight=0.0)
    hint = "p = 0 什么都不丢：用 rng.random(...) >= p 判断留下"
    yield value(drop(x, 0.0, True)[0], x, "p = 0 时的 y", hint, weight=0.0)
    solid = rng.normal(size=(2, 3, 4))
    y, mask = drop(solid, p, True)
    y = yield from array(y, solid.shape, "三维的 x：y", "x 可以是任意形状：用 x.shape")
    hint = "x 可以是任意形状：y 总是 x * mask"
    yield value(y, solid * np.asarray(mask, float), "三维的 x：y", hint, weight=0.0)


@exercise(
    "07.3",
    "早停",
    points=3,
    asks="class EarlyStopping(patience)，update(val_loss) -> 该停了吗；best、best_epoch",
    reference=EarlyStopping,
)
@hints(
    "要记住两件事：到现在为止的最低损失，它是第几轮。还要知道现在是第几轮。",
    "update 先把轮数加 1；比历史最低还低，就更新 best 与 best_epoch；最后看已经有多少轮没有新低。",
    "__init__ 里 best 从 float('inf') 起、best_epoch 与 epoch 从 −1 起；"
    "update 返回 epoch − best_epoch >= patience。",
)
def judge_early_stopping(answer: Answer, rng: Rng) -> Steps:
    def run(losses: Sequence[float] | Array, patience: int) -> tuple[Any, int]:
        """The stopper, and after how many epochs it stopped: 0 if it never did."""
        stopper = answer(patience)
        ended = (n for n, loss in enumerate(losses, 1) if stopper.update(float(loss)))
        return stopper, next(ended, 0)

    falling = np.sort(rng.uniform(0.3, 2.0, size=8))[::-1]
    stopper = answer(2)
    said = [stopper.update(loss) for loss in falling.tolist()]
    hint = "最后一行 return 一个比较的结果；没有 return 就是 None"
    yield that(all(isinstance(s, bool | np.bool_) for s in said), "update 返回 True 或 False", hint)
    hint = "损失每轮都在降，你却停了：出现新低时要把计数清零"
    yield that(not any(said), "一直在降就不停", hint)
    patience = int(rng.integers(2, 5))
    flat = [1.0, 0.5, *np.sort(rng.uniform(0.6, 0.9, size=patience + 4))]
    _, n = run(flat, patience)
    hint = f"最低点之后 {patience + 4} 轮都没有改进（patience={patience}），一次也没返回 True"
    yield that(n > 0, "不再改进时会停", hint)
    hint = (
        f"patience={patience}，最低点之后过了 {n - 2} 轮才停或就停了："
        "连续没有改进的轮数达到 patience 时返回 True"
    )
    yield that(n - 2 == patience, "恰好等 patience 轮", hint, weight=1.0)
    # slowly coming down again after a bad epoch, never below the best: this is no improvement
    _, n = run([1.0, 0.4, 0.9, *(0.9 - 0.05 * np.arange(1, 6))], 3)
    hint = "冲高之后慢慢回落但没有破最低，不算改进：要与历史最低比，不是与上一轮比"
    yield that(n == 5, "与最好的一轮比", hint, weight=1.0)
    scale, lead = float(rng.uniform(0.5, 3.0)), int(rng.integers(0, 4))
    wave = [*np.linspace(2.0, 1.1, lead), 1.0, 0.8, 0.85, 0.86, 0.7, 0.75, 0.76, 0.6]
    lowest = len(wave) - 1
    stopper, n = run([scale * loss for loss in (*wave, 0.65, 0.66, 0.67, 0.5)], 3)
    hint = "中间有过新低，等待的轮数应从头数起；把没改进的轮数一直累加就停早了"
    yield that(n == lowest + 4, "计数是连续的", hint, weight=1.0)
    ok = hasattr(stopper, "best") and hasattr(stopper, "best_epoch")
    hint = "在 __init__ 里建 self.best 与 self.best_epoch，update 里更新"
    yield that(ok, "记下 best 与 best_epoch", hint)
    yield value(stopper.best, scale * 0.6, "best", "到目前为止最低的验证损失", weight=0.5)
    hint = "第一次 update 是第 0 轮，与 Python 的下标一致"
    yield that(stopper.best_epoch != lowest + 1, "best_epoch 从 0 数起", hint)
    hint = "出现最低验证损失的那一轮，从 0 数起"
    yield that(stopper.best_epoch == lowest, "best_epoch", hint, weight=0.5)
    _, n = run([0.5] * 4, 2)
    yield that(n == 3, "打平不算改进", "损失一动不动时也要停：改进是严格小于", weight=0.5)
    _, n = run(1e6 * falling, 2)
    yield that(n == 0, "损失很大时也一样", "best 的初值要比任何损失都大：float('inf')")
    _, n = run([1.0, 0.5, 0.7, 0.6], 1)
    yield that(n == 3, "patience=1", "patience=1：一轮没有新低就停")
    one, other = answer(2), answer(2)
    for loss in (0.5, 0.6):
        one.update(loss)
    other.update(2.0)
    ok = one.best_epoch == other.best_epoch == 0 and other.best == 2.0
    hint = "两个 EarlyStopping 互相影响了：状态要存在 self 上，不要存在类或全局变量里"
    yield that(ok, "各管各的", hint)


@exercise("07.4", "类别权重", points=2, asks="class_weights(y, n_classes) -> (K,)")
@hints(
    "先数每一类有几个样本；样本越少，权重越大。",
    "np.bincount(y, minlength=n_classes) 给出 n_k，没有样本的类也占一格；w_k = N / (K·n_k)。",
    "没有样本的类要避开除以 0：np.divide(N, K·n_k, out=np.zeros(K), where=n_k > 0)。",
)
def judge_class_weights(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, class_weights)
    K = int(rng.integers(3, 6))
    counts = rng.permutation([3, *rng.integers(20, 90, size=K - 1)])
    y = rng.permutation(np.repeat(np.arange(K), counts))
    got, want = call(y, K)
    yield call.untouched("y", label="没有改动输入 y")
    w = yield from array(got, (K,), "权重", "每一类一个权重")
    hint = "每一类都有样本，权重都是正的浮点数：除法写成整除 // 了？"
    yield that(np.isfinite(w).all() and (w > 0).all(), "权重是数", hint)
    hint = "权重与张数成正比了：方向反了，样本越少权重越大"
    yield that(not np.allclose(w / w[0], counts / counts[0]), "少的类权重大", hint)
    pull = w * counts
    hint = "权重 × 张数应对每一类都一样：权重与 1/n_k 成正比"
    yield that(np.allclose(pull, pull[0], rtol=1e-6), "各类的总分量相等", hint, weight=1.0)
    hint = "比例对了，尺度不对：除以 K 再乘 N，使全体样本的权重平均为 1，学习率才不用跟着改"
    yield that(np.isclose(pull.sum(), len(y)), "按样本平均是 1", hint)
    yield value(w, want, "权重", "w_k = N / (K·n_k)")
    got, want = call(y, K + 1)
    label = "有一类没有样本时的权重"
    w = yield from array(got, (K + 1,), label, "np.bincount(y, minlength=n_classes)")
    hint = "出现了 inf 或 nan：没有样本的类除以 0，约定权重为 0"
    yield that(np.isfinite(w).all(), "有一类没有样本时", hint)
    yield value(w, want, label, "那一类记 0，K 仍是 n_classes")
    gap = y + (y >= int(rng.integers(1, K)))  # a class in the middle is missing
    got, want = call(gap, K + 1)
    hint = "缺的类可能在中间：第 k 个权重属于类别 k，np.unique 会把后面的类往前挪"
    w = yield from array(got, (K + 1,), "中间一类没有样本时的权重", hint)
    yield value(w, want, "中间一类没有样本时的权重", hint, weight=0.0)


def _accuracy(y: Array, prob: Array, t: float) -> float:
    return float(np.mean((prob >= t) == y))


def _rare_class(rng: Rng) -> tuple[Array, Array]:
    """Labels of a rare class and small scores, for which accuracy and F1 want other thresholds."""
    for _ in range(50):
        n = int(rng.integers(150, 220))
        y = rng.permutation(np.repeat([1, 0], [n // 12, n - n // 12]))
        # even the rare samples' own scores lie far below 0.5 and close together
        prob = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.6 * y - 5.5)))
        # among equals the highest threshold
        most_right = max(np.unique(prob)[::-1], key=lambda t: _accuracy(y, prob, t))
        if _f1(y, prob >= most_right) < best_threshold(y, prob)[1] - 1e-6:
            break
    return y, prob


@exercise("07.5", "按 F1 选阈值", points=3, asks="best_threshold(y_true, prob) -> threshold, f1")
@hints(
    "只有 prob 里出现过的值会让判断改变，所以把它们每一个都当阈值试一遍就够了。",
    "对 np.unique(prob) 里的每个 t：prob >= t 的判为 1，算 F1，记住最高的 F1 和它的 t。",
    "命中数是「判为 1 而且真是 1」的个数；F1 等于 2·命中 / (判为 1 的个数 + 真是 1 的个数)。",
)
def judge_best_threshold(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, best_threshold)
    y, prob = _rare_class(rng)
    got, (_, best) = call(y, prob)
    yield call.untouched("y_true", label="没有改动输入 y_true")
    yield call.untouched("prob", label="没有改动输入 prob")
    names = "threshold, f1"
    t, f1 = yield from parts(got, 2, names, label="返回阈值与 F1", hint=f"return {names}")
    ok = shape_of(t) == shape_of(f1) == ()
    yield that(ok, "阈值与 F1 各是一个数", f"return {names}：两个浮点数")
    t = float(t)
    hint = "阈值在 0 到 1 之外：返回的是下标？用 candidates[argmax]"
    yield that(-0.01 <= t <= 1.01, "阈值是一个概率", hint)
    real = _f1(y, prob >= t)
    found = np.isclose(real, best)
    hint = "稀有类的概率普遍很小，0.5 或 0.1、0.2、… 这样的格子太粗：候选取 prob 里的每个值"
    yield that(found or not np.isclose(20 * t, round(20 * t)), "候选取自数据", hint)
    hint = "你的阈值配的是 prob > t；约定是 prob >= t"
    yield that(found or not np.isclose(_f1(y, prob > t), best), "大于等于", hint)
    most = max(_accuracy(y, prob, c) for c in prob)
    hint = "这个阈值使准确率最高，F1 却不是：少数类上两者的最优点不同"
    ok = found or not np.isclose(_accuracy(y, prob, t), most)
    yield that(ok, "按 F1 选，不按准确率选", hint)
    hint = "还有一个阈值 F1 更高：把 prob 里每一个不同的值都当阈值试一遍"
    yield that(real > best - 1e-9, "没有更好的阈值了", hint, weight=2.0)
    yield value(f1, real, "f1", "返回的 F1 应是「prob >= 阈值」这条规则在这些样本上的 F1")
    tied = "概率相同的样本同进同出：F1 要按 prob >= t 这条规则算，不能从排序后的中间切开"
    lowest = "全是正类时，最低的那个概率作阈值 F1 为 1：它也是候选"
    for truth, score, label, hint in (
        (y, np.round(prob / prob.max(), 1), "有相同的概率时", tied),
        (np.ones(5, dtype=int), np.linspace(0.2, 0.9, 5), "全是正类时", lowest),
    ):
        (t, f1), (_, best) = call(truth, score)
        real = _f1(truth, score >= float(t))
        yield that(real > best - 1e-9 and np.isclose(float(f1), real), label, hint)
