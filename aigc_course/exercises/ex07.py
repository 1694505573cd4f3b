"""Chapter 07, regularisation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    array,
    attempt,
    exercise,
    hints,
    parts,
    rate_is,
    shape_of,
    sizes,
    that,
    value,
)

__all__ = [
    "balanced_weights",
    "best_threshold",
    "descend",
    "dropout",
    "equivalent_l2",
    "shrink",
    "smoothed_floor",
]


# --- the library's versions --------------------------------------------------------------------


def shrink(a: Array, l1: float, l2: float) -> Array:
    """The minimum of ½(w − a)² + l1·|w| + ½·l2·w², entry by entry.

    Args:
        a: any shape.
        l1, l2: strengths, ≥ 0.

    Returns:
        The minimising w, with the shape of ``a``; 0 exactly where |a| ≤ l1.

    Reference:
        Zou, Hastie: Regularization and variable selection via the elastic net, JRSS B 2005.

    Example:
        >>> shrink(np.array([2.0, -1.0, 0.3]), 0.5, 1.0).round(2).tolist()
        [0.75, -0.25, 0.0]
    """
    return np.sign(a) * np.maximum(np.abs(a) - l1, 0.0) / (1 + l2)


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


def smoothed_floor(K: int, eps: float) -> tuple[float, float]:
    """Where training with smoothed labels leads to: the gap of the logits, and the lowest loss.

    Args:
        K: classes, ≥ 2; the target is (1 − eps)·one-hot + eps/K.
        eps: 0 to 1.

    Returns:
        The right class's logit minus any other's at the minimum (inf for ``eps`` = 0), and the
        cross-entropy there, in nats.

    Reference:
        Szegedy et al.: Rethinking the Inception architecture, 2016 (arXiv:1512.00567).

    Example:
        >>> gap, floor = smoothed_floor(4, 0.4)
        >>> round(gap, 3), round(floor, 3)
        (1.946, 0.94)
    """
    if eps == 0:
        return math.inf, 0.0
    right, other = 1 - eps + eps / K, eps / K
    floor = -right * math.log(right) - (K - 1) * other * math.log(other)
    return math.log(right / other), floor


def descend(
    w: Array,
    gradient: Callable[[Array], Array],
    val_loss: Callable[[Array], float],
    lr: float,
    patience: int,
    max_steps: int,
) -> tuple[Array, int, int]:
    """Gradient descent that stops when the validation loss has had no new low for a while.

    Args:
        w: where to start, any shape; step 0.
        gradient, val_loss: of w.
        patience: stop after so many steps in a row without a new low (an equal loss is none).
        max_steps: stop then anyway; may be 0.

    Returns:
        The w of the lowest validation loss, which step that was, and how many steps were walked.

    Reference:
        Prechelt, Early Stopping — But When?, 1998.

    Example:
        >>> descend(np.zeros(1), lambda w: w - 3, lambda w: abs(w[0] - 2), 0.5, 1, 9)
        (array([2.25]), 2, 3)
    """
    best, best_loss, best_step, step = w.copy(), val_loss(w), 0, 0
    while step < max_steps and step - best_step < patience:
        w, step = w - lr * gradient(w), step + 1
        loss = val_loss(w)
        if loss < best_loss:
            best, best_loss, best_step = w.copy(), loss, step
    return best, best_step, step


def equivalent_l2(h: Array, lr: float, steps: int) -> Array:
    """The L2 strength of each direction that stops where gradient descent from 0 has come to.

    Args:
        h: curvatures, any shape, 0 ≤ lr·h < 1.
        lr: of the gradient descent.
        steps: how many, ≥ 1.

    Returns:
        λ with h/(h + λ) = 1 − (1 − lr·h)^steps; its limit 1/(lr·steps) where h is 0.

    Example:
        >>> equivalent_l2(np.array([0.0, 1.0]), 0.1, 10).round(3).tolist()
        [1.0, 0.535]
    """
    left = steps * np.log1p(-lr * np.asarray(h))  # log of (1 - lr h)^steps
    flat = np.full(np.shape(h), 1 / (lr * steps))
    return np.divide(h * np.exp(left), -np.expm1(left), out=flat, where=np.asarray(h) > 0)


def balanced_weights(y: Array, classes: Array) -> Array:
    """A weight a class: equal pull of the classes that occur, mean 1 over the samples.

    Args:
        y: labels, (N,), each one of ``classes``.
        classes: the different labels there may be, (K,), in any order.

    Returns:
        (K,) weights in the order of ``classes``; 0 for a class without samples.

    Example:
        >>> balanced_weights(np.array([7, 7, 7, -2]), np.array([7, 5, -2])).round(3).tolist()
        [0.667, 0.0, 2.0]
    """
    count = (np.asarray(y)[:, None] == np.asarray(classes)).sum(axis=0)
    there = count > 0
    return np.divide(len(y), there.sum() * count, out=np.zeros(len(count)), where=there)


def best_threshold(y_true: Array, score: Array) -> tuple[float, float]:
    """The threshold t for which "positive when score ≥ t" has the highest F1, and that F1.

    Args:
        y_true: 0 or 1, (N,), at least one 1.
        score: any real numbers, (N,).

    Example:
        >>> t, f1 = best_threshold(np.array([0, 0, 1, 1]), np.array([-2.1, -0.4, -0.5, 1.8]))
        >>> round(float(t), 2), round(f1, 2)
        (-0.5, 0.8)
    """
    return max(
        ((float(t), _f1(y_true, score >= t)) for t in np.unique(score)), key=lambda pair: pair[1]
    )


def _f1(y_true: Array, y_pred: Array) -> float:
    hit = float(((y_true == 1) & y_pred).sum())
    return 2 * hit / float((y_true == 1).sum() + y_pred.sum())


# --- the judges --------------------------------------------------------------------------------


@exercise("07.1", "两种惩罚一起上", points=3, asks="shrink(a, l1, l2) -> w")
@hints(
    "照正文分三种情形：w > 0、w < 0、w = 0，只是导数里多了一项 l2·w。",
    "w > 0 时导数是 w − a + l1 + l2·w，令它为 0，解出 w，再问它何时真的大于 0。",
    "先软阈值，再缩小：阈值是 l1，缩小的倍数是 1 + l2。",
)
def judge_shrink(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, shrink)
    l1, l2 = (float(v) for v in rng.uniform(0.4, 0.8, size=2))
    a = np.append(rng.uniform(1.0, 3.0, size=6) * rng.choice([-1, 1], size=6), [0.3, -0.2, 0.0])
    a[0] = abs(a[0])
    a[1] = -abs(a[1])
    soft = np.sign(a) * np.maximum(np.abs(a) - l1, 0)
    got, want = call(a, l1, l2)
    traps = {
        "l2 没有起作用：这是只有 L1 的软阈值": soft,
        "l1 没有起作用：这是只有 L2 的解": a / (1 + l2),
        "先缩小再减 l1，次序反了：把 w > 0 的方程重解一遍": [
            np.sign(a) * np.maximum(np.abs(a) / (1 + l2) - l1, 0),
            np.sign(a) * np.maximum(np.abs(a) - l1 / (1 + l2), 0) / (1 + l2),
        ],
        "½w² 的导数是 w，½ 已经约掉；|w| 的导数是 ±1，没有 ½": [
            soft / (1 + l2 / 2),
            np.sign(a) * np.maximum(np.abs(a) - l1 / 2, 0) / (1 + l2),
        ],
        "l1 与 l2 用反了": np.sign(a) * np.maximum(np.abs(a) - l2, 0) / (1 + l1),
        "这是从 w = a 走一步，不是最小点": a - l1 * np.sign(a) - l2 * a,
        "惩罚把 w 往 0 拉，不是往外推": np.sign(a) * (np.abs(a) + l1) / (1 + l2),
        "惩罚是 ½·l2·w²，求导后是 l2·w，没有 2": soft / (1 + 2 * l2),
        "L2 不平移，只按比例缩小：l1 与 l2 不能加在一起当阈值": [
            np.sign(a) * np.maximum(np.abs(a) - l1 - l2, 0),
            np.sign(a) * np.maximum(np.abs(a) - l1 - l2, 0) / (1 + l2),
        ],
        "除以 1 + l2，不是乘 1 − l2：那只是 l2 很小时的近似": soft * (1 - l2),
        "这是缩小之后多乘了一次，不是最小点": soft * (1 + l2),
        "符号丢了：a 是负的，w 也是负的": np.abs(soft) / (1 + l2),
        "|a| ≤ l1 时两边都推向 0，w 停在 0，不会越过去": [
            (a - l1 * np.sign(a)) / (1 + l2),
            (a - l1) / (1 + l2),
        ],
        "a 为负的一半也要算：w < 0 时解出的是另一个式子": np.maximum(a - l1, 0) / (1 + l2),
    }
    form = "每个 a 一个 w，同形"
    w = yield from array(got, a.shape, "w", form)
    yield that(np.isfinite(w).all(), "w 由数组成", "出现了 nan：a = 0 处的 a/|a| 是 0/0")
    close = np.allclose(w, want, atol=1e-6)
    hint = "|a| ≤ l1 的地方要恰好是 0，不能只是很小"
    yield that(not close or bool(np.all(w[6:] == 0)), "恰好为 0 的地方", hint)
    yield value(got, want, "w", "对 w > 0、w < 0 各令导数为 0", traps, form=form)
    for kind, (one, two) in {"l2 = 0": (l1, 0.0), "l1 = 0": (0.0, l2)}.items():
        got, want = call(a, one, two)
        yield value(got, want, f"{kind} 时", "一种强度为 0，就剩另一种", weight=0.5)
    solid = rng.normal(size=tuple(sizes(rng, 3)))
    got, want = call(solid, l1, l2)
    yield value(got, want, "三维的 a", "a 可以是任意形状：逐元素算", weight=0.5)
    got, want = call(np.array([l1, -l1, 2 * l1]), l1, l2)
    yield value(got, want, "|a| 恰好等于 l1", "|a| = l1 时 w 是 0", weight=0.5, atol=1e-12)
    yield call.untouched(weight=0.5)


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
    few = len(np.unique(y)) <= 2 < len(np.unique(mask))
    yield that(not few, "先 y，后 mask", "两个返回值对调了")
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


@exercise("07.3", "标签平滑学到哪里为止", points=3, asks="smoothed_floor(K, eps) -> gap, floor")
@hints(
    "交叉熵 −Σ qₖ ln pₖ 在 p = q 时最小（第 02 章）。先写出 q：真实类别一个数，其余每类一个数。",
    "p = q 时 logit 之差等于 ln(p_真/p_别)；损失的最小值就是 q 自己的熵，别忘了其余的 K − 1 类。",
    "q 在真实类别上是 1 − ε + ε/K，别处各是 ε/K；gap 是两者之比的对数，floor 是 −Σ q ln q；"
    "ε = 0 时两个数单独给。",
)
def judge_smoothed_floor(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, smoothed_floor)

    def entropy(right: float, other: float, times: float) -> float:
        return -right * math.log(right) - times * other * math.log(other)

    label = "ε 不是 0 时"
    zero: dict[type[Exception], str] = {ZeroDivisionError: "出现了除以 0：这里 ε 与 K 都不是 0"}
    for K in [*sizes(rng, 2, 3, 30), 2]:
        eps = float(rng.uniform(0.15, 0.45))
        got, (gap, floor) = yield from attempt(partial(call, K, eps), label, zero)
        g, f = yield from parts(got, 2, "gap, floor", label="返回 gap 与 floor")
        right, rest = 1 - eps + eps / K, eps / K
        traps: dict[str, Any] = {
            "两个返回值对调了：先 gap，后 floor": floor,
            "真实类别也分到 ε/K：q 是 (1 − ε)·独热 + ε/K，不是 1 − ε": [
                math.log((1 - eps) / rest),
                math.log((1 - eps) * (K - 1) / eps),
            ],
            "比反了：真实类别的 logit 更高，gap 是正的": -gap,
            "gap 是 logit 之差，等于概率之比的对数；现在返回的是比本身": right / rest,
            "gap 是 logit 之差，不是概率之差": right - rest,
            "对数用自然对数": math.log2(right / rest),
            "类数是参数 K，不总是 10": math.log(1 + 10 * (1 - eps) / eps),
            "gap 是与另外某一类相比，不是与其余各类的总和相比": math.log(right / (1 - right)),
        }
        hint = "p = q 时 z_真 − z_别 = ln(q_真/q_别)"
        yield value(g, gap, "gap", hint, traps, form="gap 是一个数", weight=0.5)
        traps = {
            "其余有 K − 1 类，每类都要算": [entropy(right, rest, 1)] if K > 2 else [],
            "其余有 K − 1 类，不是 K 类": entropy(right, rest, K),
            "真实类别也分到 ε/K：q 是 (1 − ε)·独热 + ε/K，不是 1 − ε": [
                entropy(1 - eps, eps / (K - 1), K - 1),
                entropy(1 - eps, rest, K - 1),
            ],
            "少了其余各类的那几项：−Σ 要对全部 K 类求和": [-right * math.log(right)],
            "目标不是独热：−ln p_真 只是其中一项": -math.log(right),
            "符号：熵不小于 0": -floor,
            "平滑之后，损失降不到 0：目标 q 自己有熵": 0.0,
            "对数用自然对数": floor / math.log(2),
        }
        hint = "p = q 时的交叉熵：−Σ qₖ ln qₖ，对全部 K 类求和"
        yield value(f, floor, "floor", hint, traps, form="floor 是一个数", weight=0.5)
    K = int(rng.integers(3, 12))
    got, (gap, floor) = call(K, 1.0)
    g, f = yield from parts(got, 2, "gap, floor", "ε = 1 时的返回值")
    hint = "ε = 1 时 q 处处是 1/K：谁也不比谁高"
    yield value(g, gap, "ε = 1 时的 gap", hint, atol=1e-12, weight=0.5)
    yield value(f, floor, "ε = 1 时的 floor", "ε = 1 时 q 是均匀的，熵最大", weight=0.5)
    label = "ε = 0 时"
    hint = "ε = 0 就是普通的交叉熵：没有最小点，题目写明了两个数各是什么"
    got, (gap, floor) = yield from attempt(
        lambda: call(K, 0.0), label, {ZeroDivisionError: hint, ValueError: hint}
    )
    g, f = yield from parts(got, 2, "gap, floor", "ε = 0 时的返回值")
    yield that(shape_of(g) == () and float(g) == gap, label + "的 gap", hint, weight=0.5)
    yield value(f, floor, label + "的 floor", hint, atol=1e-12, weight=0.5)


def _walk(losses: Sequence[float], start: Array, lr: float) -> tuple[Any, Any]:
    """``gradient, val_loss`` of a descent whose validation losses are these, step by step."""

    def gradient(w: Array) -> Array:
        return -np.ones_like(start)

    def val_loss(w: Array) -> float:
        k = round(float((np.asarray(w) - start).mean()) / lr)
        return float(losses[min(max(k, 0), len(losses) - 1)])

    return gradient, val_loss


@exercise(
    "07.4",
    "带早停的梯度下降",
    points=3,
    asks="descend(w, gradient, val_loss, lr, patience, max_steps) -> best_w, best_step, steps",
)
@hints(
    "记住四样：现在的 w、最低的验证损失、那时的 w、那是第几步。起点算第 0 步，也要量。",
    "走一步，量一次；比历史最低还低才换。best_w 若与 w 是同一个数组，w 原地一改它就跟着变。",
    "循环的条件是 步数 < max_steps 且 步数 − best_step < patience；"
    "w = w − lr·gradient(w) 写成新数组，best_w 存 w.copy()。",
)
def judge_descend(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, descend)
    lr, patience = float(rng.uniform(0.1, 0.5)), int(rng.integers(3, 6))
    low = int(rng.integers(6, 9))  # later than patience
    fall, rise = np.linspace(2.0, 1.0, low + 1), np.linspace(1.1, 1.6, 12)
    scale = float(rng.uniform(0.5, 3.0))

    def case(losses: Any, patience: int, max_steps: int, size: Any = 4) -> Any:
        start = rng.normal(size=size)
        got, want = call(start, *_walk(losses, start, lr), lr, patience, max_steps)
        return start, got, want

    def told(
        losses: Any, patience: int, max_steps: int, label: str, hint: str, size: Any = 4
    ) -> Steps:
        start, got, (want_w, want_step, want_n) = case(losses, patience, max_steps, size)
        w, step, n = yield from parts(got, 3, "best_w, best_step, steps", label + "：返回值")
        w = yield from array(w, np.shape(start), label + "：best_w", "best_w 与 w 同形")
        traps: dict[str, Any] = {
            "best_step 与 steps 对调了：先 best_step，后 steps": (
                [want_step] if want_n != want_step and np.ndim(step) == 0 and step == want_n else []
            ),
            "一步也没有降下来：w 要往梯度的反方向走": (
                [patience] if want_step > patience and want_n != patience and step == 0 else []
            ),
        }
        form = "steps 是一个数"
        yield value(n, want_n, label + "：steps", hint, traps, form=form, weight=0)
        traps = {
            "差了 1：起点是第 0 步；走完一步要量新的 w，最后一步走完也要量": [
                want_step + 1,
                want_step - 1,
            ]
        }
        hint = f"best_step 是验证损失最低的那一步的号。{hint}"
        yield value(step, want_step, label + "：best_step", hint, traps, weight=0)
        traps = {
            "best_w 是停下时的 w，不是验证损失最低的那一份：存的时候没有复制，后来跟着变了？": (
                [start + lr * want_n] if want_n != want_step else []
            ),
            "差了一步：先更新 w，量的是更新之后的 w，存的也是这一份": [
                start + lr * (want_step - 1),
                start + lr * (want_step + 1),
            ],
            "w 要往梯度的反方向走": [start - lr * want_step] if want_step else [],
        }
        yield value(w, want_w, label + "：best_w", "best_step 那一步的 w", traps)

    first = scale * np.concatenate([fall, rise])
    hint = f"先降到第 {low} 步，再一路升，patience={patience}：连续 patience 步没有新低就停"
    yield from told(first, patience, 50, "先降后升", hint)
    yield call.untouched("w", label="没有改动起点 w")
    hint = "max_steps 步走完就停，哪怕验证损失还在降；最后一步走完也要量"
    yield from told(np.linspace(9, 1, 40), 3, int(rng.integers(5, 9)), "max_steps 先到", hint)
    wave = [2.0, 1.0, 1.2, 1.1, 0.9, 1.0, 1.1, 0.8, *rise]
    hint = "中间有过新低，等待要从头数起；没有新低的步数不能一直累加"
    yield from told(wave, 3, 50, "有几次新低", hint)
    slow = [1.0, 0.4, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, *rise]
    yield from told(slow, 3, 50, "冲高之后慢慢回落", "要与历史最低比，不是与上一步比")
    tie = [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    yield from told(tie, 2, 50, "打平", "打平不算新低：改进是严格小于")
    nan = [1.0, 0.5, math.nan, math.nan, math.nan, math.nan, math.nan]
    hint = "nan 不算新低：拿 nan 比大小总是假，判断要写成 loss < best"
    yield from told(nan, 3, 50, "走到 nan", hint)
    yield from told(np.linspace(9, 1, 40), 3, 0, "max_steps = 0", "一步不走，返回起点")
    hint = "从起点就没有降过：起点算第 0 步，它就是最好的"
    yield from told(1e6 * np.linspace(1, 2, 30), 2, 50, "一路升，损失很大", hint, (2, 3))
    start, target = rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    got, want = call(
        start, lambda w: w - target, lambda w: float(((w - 0.5 * target) ** 2).sum()), 0.2, 2, 60
    )
    w, _, n = yield from parts(got, 3, "best_w, best_step, steps")
    hint = "每一步在新的 w 处重新算梯度"
    yield value(n, want[2], "抛物面上：steps", hint, weight=0.5)
    yield value(w, want[0], "抛物面上：best_w", hint, weight=0.5)
    yield call.untouched("w", weight=0.5)


@exercise("07.5", "早停相当于多强的 L2", points=4, asks="equivalent_l2(h, lr, steps) -> lam")
@hints(
    "正文有两条式子，各说一个方向上还剩下几成。令它们相等，解出 λ。",
    "记 q = (1 − αh)ᵗ，h/(h + λ) = 1 − q；h = 0 时两边都是 0，要取 h → 0 的极限。",
    "λ = h·q/(1 − q)；h 很小时 q ≈ 1 − αth，代进去，h 约掉。",
)
def judge_equivalent_l2(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, equivalent_l2)
    lr, steps = float(rng.uniform(0.05, 0.3)), int(rng.integers(5, 20))
    h = rng.uniform(0.1, 0.9, size=6) / lr / steps * 3
    h = np.minimum(h, 0.9 / lr)
    got, want = call(h, lr, steps)
    q = (1 - lr * h) ** steps
    flow, late, early = (
        np.exp(-lr * h * steps),
        (1 - lr * h) ** (steps + 1),
        (1 - lr * h) ** (steps - 1),
    )
    traps = {
        "分子分母反了：剩下的路越少，相当的 λ 越小": h * (1 - q) / q,
        "少乘了 h：从 h/(h + λ) = 1 − q 解 λ": q / (1 - q),
        "1/(αt) 只是 h → 0 的极限；每个方向各不相同": np.full(6, 1 / (lr * steps)),
        "e^(−αht) 是步子无穷小时的近似；题目要的是恰好相等": h * flow / (1 - flow),
        "步数差了 1：走 t 步，乘 t 次 (1 − αh)": [
            h * late / (1 - late),
            h * early / (1 - early),
        ],
        "正负号：λ 不小于 0": -want,
        "(1 − αh) 的 t 次方，不是 1 − αht": h * (1 - lr * h * steps) / (lr * h * steps),
        "这是剩下的份额 (1 − αh)ᵗ，不是 λ": q,
        "每步乘 1 − αh，不是 1 − h": h * (1 - h) ** steps / (1 - (1 - h) ** steps),
        "步数没有用上": h * (1 - lr * h) / (lr * h),
        "h/(1 − q) 是 h + λ，还要减去 h": h / (1 - q),
    }
    hint = "令 h/(h + λ) = 1 − (1 − αh)ᵗ，解出 λ"
    yield value(got, want, "λ", hint, traps, form="每个 h 一个 λ，同形", weight=2)
    got, want = call(np.array([0.0, 0.5 / lr]), lr, steps)
    hint = "h = 0 时是 0/0：取 h → 0 的极限，不是 0，也不是 nan"
    yield value(got, want, "有 h = 0 时", hint, weight=1, rtol=1e-4)
    got, want = call(h[::-1].copy(), lr / 2, steps)
    yield value(got, want, "换一组 h 与 α", "每次调用都从这一次的 h、lr、steps 算", weight=0.5)
    got, want = call(rng.uniform(0.1, 0.5, size=(2, 3)) / lr, lr, 1)
    yield value(got, want, "只走一步，h 是二维的", "t = 1，h 可以是任意形状", weight=0.5)
    got, want = call(np.zeros(3), lr, steps)
    yield value(got, want, "全是 0", hint, weight=0.5, rtol=1e-4)
    yield call.untouched(weight=0.5)


@exercise("07.6", "类别权重", points=3, asks="balanced_weights(y, classes) -> (K,)")
@hints(
    "第一个条件：w_k·n_k 对每个出现的类都一样，记作 c。第二个条件定出 c。",
    "样本权重的平均是 (1/N)·Σ w_k·n_k，求和里只有出现的类：有几个？",
    "出现的类有 K′ 个，w_k 是 N / (K′·n_k)；n_k 对 classes 里的每个值数一次 y == 它。",
)
def judge_balanced_weights(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, balanced_weights)
    K = int(rng.integers(3, 6))
    classes = rng.permutation(np.arange(-9, 60))[:K]
    if np.all(np.diff(classes) > 0):
        classes = classes[::-1].copy()  # never sorted
    counts = rng.permutation(np.arange(3, 60))[:K]
    y = rng.permutation(np.repeat(classes, counts))
    label = "标签"
    hint = "类别不一定是 0 到 K − 1：对 classes 里的每个值数 y 里有几个"
    got, want = yield from attempt(
        lambda: call(y, classes), label, {IndexError: hint, ValueError: hint}
    )
    form = "classes 里每一类一个权重，形状 (K,)；类别不一定是 0 到 K − 1"
    w = yield from array(got, (K,), "权重", form)
    N = len(y)
    ordered = want[np.argsort(classes)]
    traps = {
        "权重的次序要与 classes 一致；np.unique 按大小排过序": ordered,
        "与张数成正比了：样本越少，权重要越大": [counts / N, counts / counts.sum() * K],
        "比例对了，尺度不对：全体样本的权重平均要是 1": [
            1 / counts,
            N / counts,
            want / want.sum(),
            want * K,
            want / want.sum() * K,
            counts.max() / counts,
        ],
        "整除 // 丢了小数": want // 1,
        "与 1/√n 成正比：各类的总分量还不相等": N / np.sqrt(counts) / np.sqrt(counts).sum(),
    }
    yield value(w, want, "权重", "各类的 w_k·n_k 相等，全体样本的权重平均为 1", traps)
    more = np.insert(classes, int(rng.integers(0, K)), 99)
    label = "有一类没有样本时"
    hint = "没有样本的类权重是 0；当心除以 0"
    got, want = yield from attempt(lambda: call(y, more), label, {ZeroDivisionError: hint})
    w = yield from array(got, (K + 1,), label + "的权重", "没有样本的类也占一格")
    yield that(np.isfinite(w).all(), label, "出现了 inf 或 nan：没有样本的类权重是 0")
    traps = {
        "这样全体样本的权重平均不到 1：没有样本的类不该分走一份": want * K / (K + 1),
        "没有样本的类权重是 0": [np.where(want > 0, want, v) for v in (1.0, N / K, N)],
    }
    yield value(w, want, label, "两个条件都只管出现的类", traps)
    moved = dict(zip(classes.tolist(), np.roll(classes, 1).tolist(), strict=True))
    got, want = call(np.array([moved[v] for v in y.tolist()]), classes)
    yield value(got, want, "换一份标签", "每次调用都重新数 y", weight=0.5)
    got, want = call(y[y == classes[0]], classes)
    yield value(got, want, "只有一类出现时", "只有一类时，它的每个样本权重是 1", weight=0.5)
    yield call.untouched(weight=0.5)


def _accuracy(y: Array, score: Array, t: float) -> float:
    return float(np.mean((score >= t) == y))


def _rare_class(rng: Rng) -> tuple[Array, Array]:
    """Labels of a rare class and their logits, for which accuracy and F1 want other thresholds."""
    for _ in range(50):
        n = int(rng.integers(150, 220))
        y = rng.permutation(np.repeat([1, 0], [n // 12, n - n // 12]))
        score = 0.7 * (rng.normal(size=n) + 1.6 * y - 6.5)  # all below 0
        score[np.flatnonzero(y == 0)[0]] = score.max() + 0.1  # the highest is a negative
        most_right = max(np.unique(score)[::-1], key=lambda t: _accuracy(y, score, t))
        if _f1(y, score >= most_right) < best_threshold(y, score)[1] - 1e-6:
            break
    return y, score


@exercise(
    "07.7",
    "按 F1 选阈值",
    points=3,
    asks="best_threshold(y_true, score) -> threshold, f1",
    allows=["aigc_course.metrics.*"],
)
@hints(
    "阈值从一个分数挪到下一个分数之前，判断一个也不变：哪些阈值才值得试？",
    "把出现过的每个分数都当一次阈值，各算一次 F1，留下最高的。",
    "命中数是「判为 1 而且真是 1」的个数；F1 等于 2·命中 / (判为 1 的个数 + 真是 1 的个数)。",
)
def judge_best_threshold(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, best_threshold)
    y, score = _rare_class(rng)
    label = "第一次调用"
    hint = "一个也没判为 1 时精确率是 0/0：用 2·命中/(判为 1 + 真是 1) 就没有这个问题"
    got, (_, best) = yield from attempt(lambda: call(y, score), label, {ZeroDivisionError: hint})
    yield call.untouched("y_true", label="没有改动输入 y_true")
    yield call.untouched("score", label="没有改动输入 score")
    names = "threshold, f1"
    t, f1 = yield from parts(got, 2, names, label="返回阈值与 F1", hint=f"return {names}")
    ok = shape_of(t) == shape_of(f1) == ()
    yield that(ok, "阈值与 F1 各是一个数", f"return {names}：两个浮点数")
    t = float(t)
    real = _f1(y, score >= t)
    swapped = np.isclose(_f1(y, score >= float(f1)), t) and not np.isclose(real, float(f1))
    yield that(not swapped, "先阈值，后 F1", "两个返回值对调了")
    found = np.isclose(real, best)
    none = found or np.any(score >= t)
    hint = "没有一个分数够得着这个阈值：分数可以全是负的，候选要从 score 里来（返回的是下标？）"
    yield that(bool(none), "阈值落在分数的范围里", hint)
    hint = "你的阈值配的是 score > t；约定是 score >= t"
    yield that(bool(found or not np.isclose(_f1(y, score > t), best)), "大于等于", hint)
    most = max(_accuracy(y, score, c) for c in score)
    hint = "这个阈值使准确率最高，F1 却不是：少数类上两者的最优点不同"
    ok = found or not np.isclose(_accuracy(y, score, t), most)
    yield that(bool(ok), "按 F1 选，不按准确率选", hint)
    hint = "还有一个阈值 F1 更高：格子会漏掉它，把 score 里每一个不同的值都试一遍"
    yield that(real > best - 1e-9, "没有更好的阈值了", hint, weight=2.0)
    traps = {
        "返回的是准确率": _accuracy(y, score, t),
        "F1 的分母是判为 1 的个数加真是 1 的个数，分子有 2": [real / 2, 2 * real],
    }
    hint = "返回的 F1 应是「score >= 阈值」这条规则在这些样本上的 F1"
    yield value(f1, real, "f1", hint, traps)
    tied = "分数相同的样本同进同出：F1 要按 score >= t 这条规则算，不能从排序后的中间切开"
    lowest = "全是正类时，最低的那个分数作阈值 F1 为 1：它也是候选"
    highest = "只有最高分是正类时，最高的那个分数作阈值 F1 为 1：它也是候选"
    only = np.linspace(-3.0, 4.0, 6)
    at, _ = best_threshold(y, score)
    close = "有些分数挨得很近，等距的格子会漏掉：候选要从 score 里来"
    for truth, given, label, hint in (
        (y, (score - at) ** 7, "分数疏密不匀时", close),
        (y, np.round(score), "有相同的分数时", tied),
        (np.ones(5, dtype=int), np.linspace(-0.2, 40.0, 5), "全是正类时", lowest),
        ((only == only.max()).astype(int), only, "只有最高分是正类时", highest),
        (np.array([0, 1, 0, 1, 0]), np.zeros(5), "分数全都一样时", tied),
    ):
        got, (_, best) = call(truth, given)
        t, f1 = yield from parts(got, 2, names, label + "的返回值")
        yield that(shape_of(t) == shape_of(f1) == (), label + "的返回值", "两个浮点数")
        real = _f1(truth, given >= float(t))
        yield that(real > best - 1e-9 and bool(np.isclose(float(f1), real)), label, hint)
