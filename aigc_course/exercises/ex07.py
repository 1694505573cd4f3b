"""Chapter 07, regularisation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    again,
    array,
    attempt,
    exercise,
    hints,
    independent,
    no_recursion,
    parts,
    rate_is,
    same_again,
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
    hint = "a 可以是任意形状：不假定有几维，逐元素算"
    got, want = yield from attempt(lambda: call(a, l1, l2), "w", {IndexError: hint})
    traps = {
        "小数没有了：结果是整数数组": np.trunc(want),
        "l2 没有起作用：这是只有 L1 的软阈值": soft,
        "l1 没有起作用：这是只有 L2 的解": a / (1 + l2),
        "先缩小再减 l1，次序反了：把 w > 0 的方程重解一遍": (
            np.sign(a) * np.maximum(np.abs(a) / (1 + l2) - l1, 0)
        ),
        "阈值就是 l1，不再除以 1 + l2：减完以后，整个只除一次": (
            np.sign(a) * np.maximum(np.abs(a) - l1 / (1 + l2), 0) / (1 + l2)
        ),
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
        "留下的也要减去 l1：小的清成 0、大的不减，是硬阈值": [
            np.where(np.abs(a) > l1, a / (1 + l2), 0),
            np.where(np.abs(a) > l1, a, 0),
        ],
    }
    form = "每个 a 一个 w，同形"
    w = yield from array(got, a.shape, "w", form)
    yield that(np.isfinite(w).all(), "w 由数组成", "出现了 nan：a = 0 处的 a/|a| 是 0/0")
    near = np.abs(a) <= l1
    if np.allclose(w, want, atol=1e-6):
        hint = "|a| ≤ l1 的地方要恰好是 0，不能只是很小"
        yield that(np.all(w[near] == 0), "恰好为 0 的地方", hint)
    yield value(got, want, "w", _wrong_part(w, want, a, l1), traps, form=form)
    yield again(call, rng.permutation(a), l1, l2)
    edge = np.array([l1, -l1, 2 * l1, l1 + 1e-13, -l1 - 1e-13])
    got, want = call(edge, l1, l2)
    w = yield from array(got, edge.shape, "|a| 在 l1 上下", form)
    hint = "|a| 比 l1 大一点（这里大 10⁻¹³），w 就不是 0：只有 |a| ≤ l1 才清成 0"
    yield that(np.all(w[3:] != 0), "|a| 略大于 l1", hint, given=got)
    hint = "|a| = l1 时 w 是 0；再大多少，就从多少算起"
    yield value(got, want, "|a| 在 l1 上下", hint, weight=0.5, atol=1e-12)
    for kind, (one, two) in {"l2 = 0": (l1, 0.0), "l1 = 0": (0.0, l2)}.items():
        got, want = call(a, one, two)
        yield value(got, want, f"{kind} 时", "一种强度为 0，就剩另一种", weight=0.5)
    solid = rng.normal(size=tuple(sizes(rng, 3)))
    got, want = call(solid, l1, l2)
    yield value(got, want, "三维的 a", "a 可以是任意形状：逐元素算", weight=0.5)
    yield call.untouched(weight=0.5)


def _wrong_part(w: Array, want: Array, a: Array, l1: float) -> str:
    """Which of the three cases is wrong, for a mistake that has no name."""
    wrong = ~np.isclose(w, want, rtol=1e-6, atol=1e-9)
    inside = np.abs(a) <= l1
    if not wrong[~inside].any():
        return "|a| > l1 的都对；|a| ≤ l1 的要恰好是 0：分情形写，不是一步步走近"
    if not wrong[a > 0].any():
        return "a 为正的都对，为负的不对：w < 0 时 |w| 的导数是 −1，把那个方程重解一遍"
    if not wrong[a < 0].any():
        return "a 为负的都对，为正的不对：w > 0 时 |w| 的导数是 1，把那个方程重解一遍"
    if np.median(np.abs(w - want)) < 0.02:
        return "处处只差一点：在网格上逐点试、走很多步，都只能走近；这里要从方程解出的式子"
    return "手算一个来比：a = 4、l1 = 1、l2 = 0.5，w > 0 时令 w − 4 + 1 + 0.5w = 0，w 是 2"


@exercise("07.2", "随机失活", points=3, asks="dropout(x, p, training, rng) -> y, mask")
@hints(
    "训练时每个元素各掷一次骰子，留下的要放大，使平均值不变；评估时什么也不做。",
    "rng.random(x.shape) 给每个元素一个 [0, 1) 的均匀随机数，小于 p 的丢掉；留下的除以 1 − p。",
    "mask = (rng.random(x.shape) >= p) / (1 − p)，y 是 x 乘 mask；"
    "training 为假时原样返回 x 和全 1 的 mask。",
)
def judge_dropout(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, dropout)
    # not a tenth, and far from 0.5: there p and 1 − p cannot be told apart
    p = float(rng.choice([0.15, 0.25, 0.35, 0.65, 0.75, 0.85]) + rng.uniform(-0.01, 0.01))
    size = 120, 80
    x = rng.uniform(0.5, 1.5, size=size) * rng.choice([-1.0, 1.0], size=size)
    seed = int(rng.integers(10**6))

    def drop(x: Array, p: float, training: bool = True, plus: int = 0) -> Any:
        return call(x, p, training, np.random.default_rng(seed + plus))[0]

    def both(
        got: Any, shape: tuple[int, ...], when: str
    ) -> Generator[Step, None, tuple[Array, Array]]:
        y, mask = yield from parts(
            got,
            2,
            "y, mask",
            label=f"{when}返回 y 与 mask".strip(),
            hint="训练、评估都 return y, mask",
        )
        y = yield from array(y, shape, f"{when}y", "x 可以是任意形状：y 与 x 同形")
        hint = "每个元素独立地决定去留，mask 与 x 同形"
        mask = yield from array(mask, shape, f"{when}mask", hint)
        return y, mask

    any_shape = "x 可以是任意形状，一根轴、三根轴都行：用 x.shape，不写死 x.shape[1] 或有几根轴"
    shaped: dict[type[Exception], str] = dict.fromkeys((IndexError, ValueError), any_shape)

    def drops(p: float, share: float) -> bool:
        again = drop(x, p)
        return bool(rate_is(np.asarray(again[1]) == 0, share, "").ok)

    got = drop(x, p)
    yield call.untouched("x", label="没有改动输入 x")
    y, mask = yield from both(got, size, "")
    few = len(np.unique(y)) <= 2 < len(np.unique(mask))
    yield that(not few, "先 y，后 mask", "两个返回值对调了", given=got)
    hint = "出现了 nan 或 inf：丢掉的元素是 0，留下的是有限的数"
    yield that(np.isfinite([y, mask]).all(), "y 与 mask 由数组成", hint, given=got)
    gone, kept = y == 0, y != 0
    hint = "y 与 mask 为 0 的位置不同：随机数只抽一次，mask 存下来，乘 x 和返回用同一个"
    yield that(np.array_equal(gone, mask == 0), "y 与 mask 丢的是同一些", hint, given=got)
    hint = "丢掉的份额约为 1 − p：比较号反了，p 是丢掉的概率，不是留下的"
    turned = rate_is(gone, 1 - p, "").ok and drops(0.44, 0.56)
    yield that(not turned, "p 是丢掉的概率", hint, given=got)
    lag = _together(gone)
    hint = f"在展平的 x 里，相隔 {lag} 的两个元素总是同去同留：一个随机数只给一个元素用"
    if lag and (lag == 1 or lag % size[1] == 0):  # a row's neighbours, or one column
        alike = gone.mean(axis=1 if lag == 1 else 0)
        if np.all((alike == 0) | (alike == 1)):
            hint = "整行或整列一起丢了：随机数的形状要与 x 相同"
    if lag:  # of few draws, the share misses p by chance
        yield that(False, "每个元素独立", hint, given=got)
    share = f"p 是 {p:.1%}，你丢掉了 {gone.mean():.1%}"
    hint = f"{share}：每个元素用自己的一个 [0, 1) 上的均匀随机数与 p 比"
    for tenths in (math.floor, math.ceil, round):
        tenth, other = tenths(10 * p) / 10, tenths(4.4) / 10
        if rate_is(gone, tenth, "").ok and not rate_is(gone, p, "").ok and drops(0.44, other):
            hint = f"{share}：p 或随机数被取整到了一位小数；拿 [0, 1) 上的均匀随机数直接与 p 比"
    if not gone.any():
        hint += "；training=True 时一个也没有丢"
        if (np.asarray(drop(x, p, False)[1]) == 0).any():
            hint += "，False 时却丢了：两支写反了"
    step = rate_is(gone, p, "丢掉的份额")
    yield that(step.ok, "丢掉的份额约为 p", hint, step.detail, given=got)
    yield that(not lag, "每个元素独立", weight=1.0)
    hint = "留下的没有除以 1 − p：训练时总量变小，评估时就对不上"
    yield that(not np.allclose(y[kept], x[kept]), "留下的要放大", hint, given=got)
    traps = {
        "除以了 p；期望是 (1 − p)·x·倍数，要等于 x，倍数就是 1/(1 − p)": x * kept / p,
        "倍数由 p 定，是 1/(1 − p)；不用这一次碰巧留下的份额": x * kept / kept.mean(),
        "除以 √(1 − p) 保住的是平方的平均；要保住的是平均": x * kept / math.sqrt(1 - p),
        "1 + p 只是 1/(1 − p) 在 p 很小时的近似": x * kept * (1 + p),
    }
    hint = f"这里 p 是 {p:.1%}：留下的应是 x / (1 − p)，丢掉的是 0"
    yield value(y, x * kept / (1 - p), "留下的元素", hint, traps)
    hint = "要 y = x * mask：mask 里含放大的倍数，反向传播才能写成 dx = dy * mask"
    yield value(mask, kept / (1 - p), "mask", hint, weight=0.5)
    turned_p = np.asarray(drop(x, 1 - p)[1])
    hint = "倍数总是 1/(1 − p)，p 小于 0.5 还是大于 0.5 都一样"
    yield value(turned_p, (turned_p != 0) / p, "换一个 p 时的 mask", hint, weight=0.0)
    stream = np.random.default_rng(seed)
    first, second = (call(x, p, True, stream)[0][1] for _ in range(2))
    hint = "rng 没有往前走：抽完又设回了原处，或是从它的副本里抽的"
    if np.array_equal(first, second):
        if np.array_equal(np.ravel(drop(x.ravel(), p, plus=1)[1]), np.ravel(first)):
            hint = "掩码与 rng 无关：函数里不要自己另建固定种子的生成器"
        elif np.array_equal(drop(x, p, plus=1)[1], first):
            hint = "掩码被存下来再用了（可变的默认参数、全局变量）：同样的形状也要重新抽"
    label = "每次前向抽新的掩码"
    yield that(not np.array_equal(first, second), label, f"两次调用的掩码相同。{hint}")
    hint = "随机数要从参数 rng 来，不要用 np.random 的全局函数"
    yield that(np.array_equal(first, mask), "同一个种子给出同样的掩码", hint)
    ask = partial(call, np.ones(6), p, True, stream)
    yield from attempt(ask, "x 只有一根轴", shaped)
    counts = {int(np.count_nonzero(ask()[0][1])) for _ in range(60)}
    hint = "6 个元素抽了 60 次，每次丢掉的个数都一样：各掷各的骰子，个数是碰运气，不预先定好"
    yield that(len(counts) > 1, "丢几个也是随机的", hint)
    rate, many = 0.004, np.ones((300, 100))
    few_gone = np.asarray(drop(many, rate)[1]) == 0
    step = rate_is(few_gone, rate, "丢掉的份额", false_alarm=1e-8)
    hint = (
        f"p = {rate}，30,000 个元素你丢掉了 {few_gone.sum()} 个："
        "[0, 1) 上的均匀随机数直接与 p 比，两边都不取整"
    )
    yield that(step.ok, "p 很小时", hint)
    some = np.maximum(rng.normal(size=(60, 40)), 0)
    got = drop(some, p)
    y, mask = yield from both(got, some.shape, "x 里有 0 时的")
    hint = "x 为 0 的地方，mask 照样有 0 有倍数：它只从随机数来，不从 y 倒推（y / x、y != 0）"
    ok = bool(np.all((mask == 0) | np.isclose(mask, 1 / (1 - p))))
    ok = ok and rate_is(mask == 0, p, "").ok
    yield that(ok, "x 里有 0 时的 mask", hint, given=got)
    quiet, ones = yield from parts(
        drop(x, p, False),
        2,
        "y, mask",
        label="评估时返回 y 与 mask",
        hint="评估时也 return y, mask",
    )
    hint = "training=False 时原样返回：不丢、也不再乘 1 − p（已在训练时放大）"
    yield value(quiet, x, "评估时的 y", hint)
    hint = "评估时 mask 全为 1，也是与 x 同形的数组"
    yield value(ones, np.ones(size), "评估时的 mask", hint, none=hint, weight=0.0)
    hint = "p = 0 什么都不丢：用 rng.random(...) >= p 判断留下"
    yield value(drop(x, 0.0)[0], x, "p = 0 时的 y", hint, weight=0.0)
    solid = rng.normal(size=(6, 7, 8))
    got = yield from attempt(partial(drop, solid, p), "三维的 x", shaped)
    y, mask = yield from both(got, solid.shape, "三维的 x：")
    alike = rate_is(mask == 0, p, "").ok and np.all((mask == 0) | np.isclose(mask, 1 / (1 - p)))
    hint = "三根轴时也照样丢、照样放大：x 可以是任意形状，不按几根轴另写规则"
    yield that(bool(alike), "三维的 x：丢掉的份额", hint)
    hint = "x 可以是任意形状：y 总是 x * mask"
    yield value(y, solid * mask, "三维的 x：y", hint, weight=0.0)


def _together(gone: Array) -> int:
    """The distance at which entries share their fate most, laid out flat; 0 if none do.

    The correlation at each distance times √n is about standard normal for independent entries.
    """
    flat = gone.ravel() - gone.mean()
    if not flat.any():
        return 0
    power = np.abs(np.fft.rfft(flat)) ** 2
    like = (
        np.fft.irfft(power, flat.size)[1 : flat.size // 2 + 1]
        * math.sqrt(flat.size)
        / (flat @ flat)
    )
    above = np.flatnonzero(like > max(7.0, 0.8 * like.max()))
    return int(above[0]) + 1 if above.size else 0


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
            "没有用到 K：ε 分给全部 K 类，每类 ε/K": (
                [math.log((1 - eps / 2) / (eps / 2)), math.log((1 - eps) / eps)] if K > 2 else []
            ),
            "gap 是与另外某一类相比，不是与其余各类的总和、也不是与全部 logit 的平均相比": [
                math.log(right / (1 - right)),
                gap * (K - 1) / K,
            ],
        }
        hint = "p = q 时 z_真 − z_别 = ln(q_真/q_别)；K = 2、ε = 0.5 时 q 是 3/4、1/4，gap 是 ln 3"
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
    for eps in (float(rng.uniform(0.01, 0.05)), 1e-6, 1e-12):
        label = f"ε = {eps:.2g} 时"
        hint = "ε 很小但不是 0 时，最低点很远，仍是 p = q 的那一点：解出来；只有 ε = 0 另给"
        got, (gap, floor) = call(K, eps)
        g, f = yield from parts(got, 2, "gap, floor", f"{label}的返回值")
        if shape_of(g) == () and math.isfinite(float(g)):
            hint += "。算的途中不丢位数：概率不取整，不加小常数，不截断"
        yield value(g, gap, f"{label}的 gap", hint, weight=0)
        loose: dict[str, Any] = (
            {"rtol": 1e-3, "atol": 0.0} if eps == 1e-12 else {}
        )  # 1 − ε has lost digits
        yield value(f, floor, f"{label}的 floor", hint, weight=0, **loose)
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


def _stops(
    losses: Sequence[float],
    patience: float,
    max_steps: int,
    *,
    new: Callable[[float, float], bool] = lambda loss, low: loss < low,
    waits: Callable[[float, float], bool] = lambda loss, low: True,
    more: int = 0,
    late: int = 0,
    reset: bool = True,
    start: bool = True,
    previous: bool = False,
    halt: bool = False,
    seen_as: Callable[[float], float] = lambda loss: loss,
) -> tuple[int, int]:
    """Best step and number of steps of a descent over these losses, with a mistake made in it.

    Args:
        new, waits: of the loss and the lowest one: whether it is a new low, else a step waited.
        more: steps waited beyond ``patience``.
        late: how many steps ago the w was made whose loss is measured.
        reset: whether a new low ends the waiting.
        start: whether the start is measured.
        previous: whether the waiting goes by the loss before instead of the lowest one.
        halt: whether nan ends it.
        seen_as: what a loss is made into.
    """
    last = low = seen_as(losses[0]) if start else math.inf
    best = waited = step = 0
    while step < max_steps and waited < patience + more:
        step += 1
        loss = seen_as(losses[min(max(step - late, 0), len(losses) - 1)])
        if halt and math.isnan(loss):
            break
        if new(loss, low):
            best, low = step, loss
            waited = 0 if reset and not previous else waited
        elif not previous:
            waited += bool(waits(loss, low))
        if previous:
            waited = 0 if loss < last else waited + 1
        last = loss
    return best, step


def _window(losses: Sequence[float], patience: int, max_steps: int) -> tuple[int, int]:
    """The same, by Python's ``min`` of the last losses and of those before them."""
    seen = [losses[0]]
    while len(seen) <= max_steps:
        if len(seen) > patience and min(seen[-patience:]) >= min(seen[:-patience]):
            break
        seen.append(losses[min(len(seen), len(losses) - 1)])
    return next((k for k, loss in enumerate(seen) if loss == min(seen)), 0), len(seen) - 1


def _argmin(losses: Sequence[float], patience: int, max_steps: int) -> tuple[int, int]:
    best, steps = _stops(losses, patience, max_steps)
    odd = [k for k in range(1, steps + 1) if math.isnan(losses[min(k, len(losses) - 1)])]
    return (odd[0] if odd else best), steps


def _counted_from_0(losses: Sequence[float], patience: int, max_steps: int) -> tuple[int, int]:
    best, steps = _stops(losses, patience, max_steps)
    return max(best - 1, 0), max(steps - 1, 0)


def _peeks(losses: Sequence[float], patience: int, max_steps: int) -> tuple[int, int]:
    """The lowest of the whole path, and ``patience`` steps more."""
    best, _ = _stops(losses, math.inf, max_steps)
    return best, min(best + patience, max_steps)


def _recent(last: int, losses: Sequence[float], patience: int, max_steps: int) -> tuple[int, int]:
    """Where a loss below the ``last`` ones ends the waiting."""
    seen, waited = [losses[0]], 0
    while len(seen) <= max_steps and waited < patience:
        loss = losses[min(len(seen), len(losses) - 1)]
        waited = 0 if loss < min(seen[-last:]) else waited + 1
        seen.append(loss)
    return _stops(seen, math.inf, len(seen) - 1)[0], len(seen) - 1


def _longer(by: float, from_step: int, *case: Any) -> tuple[int, int]:
    """Where each new low from some step on lengthens the patience."""
    losses, patience, max_steps = case
    best, low, step = 0, losses[0], 0
    while step < max_steps and step - best < patience:
        step += 1
        loss = losses[min(step, len(losses) - 1)]
        if loss < low:
            patience = patience * 2 if by == math.inf else patience + by * (step > from_step)
            best, low = step, loss
    return best, step


def _rolling(
    last: int, first: int, losses: Sequence[float], patience: int, max_steps: int
) -> tuple[int, int]:
    """The same over the means of the last few losses, of those from step ``first`` on."""
    path = [*losses, *[losses[-1]] * max(0, max_steps + 1 - len(losses))]
    means = [*path[:first]]
    for k in range(first, len(path)):
        some = path[max(first, k - last + 1) : k + 1]
        means.append(sum(some) / len(some))
    return _stops(means, patience, max_steps)


def _less(by: float) -> Callable[..., tuple[int, int]]:
    return partial(_stops, new=lambda loss, low: loss < low - by)


_STOPPING: dict[str, list[Callable[..., tuple[int, int]]]] = {  # told if they explain every case
    "best_step 与 steps 对调了：先 best_step，后 steps": [
        lambda *case: _stops(*case)[::-1],
    ],
    "steps 是一共走了几步，不是最低的那一步": [lambda *case: (_stops(*case)[0],) * 2],
    "一步也没有降下来：w 要往梯度的反方向走，每走一步量新的 w": [
        lambda losses, patience, max_steps: (0, min(patience, max_steps)),
    ],
    "多走了一步：连续 patience 步没有新低就停，数到 patience 就停，不等超过它": [
        partial(_stops, more=1)
    ],
    "少走了一步：连续 patience 步没有新低才停": [partial(_stops, more=-1)],
    "步号差了 1：起点是第 0 步，走完第一步是第 1 步；steps 是走了几步，不是循环的下标": [
        _counted_from_0
    ],
    "best_step 多了 1：起点是第 0 步，走完第一步是第 1 步": [
        lambda *case: (_stops(*case)[0] + 1, _stops(*case)[1]),
    ],
    "steps 多了 1：起点是第 0 步，不算走了一步": [
        lambda *case: (_stops(*case)[0], _stops(*case)[1] + 1),
    ],
    "量的是走这一步之前的 w：先更新 w，再量 val_loss(w)": [partial(_stops, late=1)],
    "没有用到 patience：连续 patience 步没有新低就停": [
        lambda losses, patience, max_steps: _stops(losses, math.inf, max_steps),
        lambda losses, patience, max_steps: (_stops(losses, math.inf, max_steps)[0], max_steps),
    ],
    "停了以后就不再走，后面更低的也看不见：边走边量边数，不是走完全程再找最低": [_peeks],
    "要与历史最低比，不是与最近几步的最低比": [partial(_recent, n) for n in range(2, 16)],
    "patience 不变：有了新低，等待从头数起，不是加长": [
        *(partial(_longer, 1, n) for n in range(13)),
        partial(_longer, math.inf, 0),
    ],
    "比的是这一步的损失，不是最近几步的平均": [
        partial(_rolling, n, first) for n in range(2, 6) for first in (0, 1)
    ],
    "走了 max_steps + 1 步：步数小于 max_steps 才走下一步": [
        lambda losses, patience, max_steps: _stops(losses, patience, max_steps + 1),
    ],
    "有过新低，等待要从头数起；没有新低的步数不能一直累加": [partial(_stops, reset=False)],
    "要与历史最低比，不是与上一步比": [
        partial(_stops, previous=True),
        partial(_stops, new=lambda loss, low: loss < low, previous=True, start=False),
    ],
    "起点也要量：它是第 0 步，可能就是最好的": [partial(_stops, start=False)],
    "打平不算新低：改进是严格小于": [partial(_stops, new=lambda loss, low: loss <= low)],
    "打平的一步也是“没有新低”的一步：不是新低就加 1，用 else，不另写条件": [
        partial(_stops, waits=lambda loss, low: loss > low),
        partial(_stops, waits=lambda loss, low: not loss <= low),
    ],
    "只低一点点也是新低：要的是 loss < 最低，不加容差（min_delta、np.isclose）": [
        *(_less(10.0**-k) for k in range(1, 12)),
        partial(_stops, new=lambda loss, low: loss < low and not np.isclose(loss, low)),
        partial(_stops, new=lambda loss, low: loss < low and not math.isclose(loss, low)),
    ],
    "nan 被当成了新低：拿 nan 比大小总是假，判断要写成 loss < 最低，不写 not loss >= 最低": [
        partial(_stops, new=lambda loss, low: not loss >= low),
    ],
    "nan 的一步也是“没有新低”的一步：不是新低就加 1，用 else，不用 elif loss >= 最低": [
        partial(_stops, waits=lambda loss, low: loss >= low),
    ],
    "遇到 nan 就停了：它只是一步没有新低，还要等满 patience": [partial(_stops, halt=True)],
    "nan 被当成了最低（np.argmin 遇到 nan 就选它；换成 0 也是）：它不算新低": [
        partial(_stops, seen_as=lambda loss: 0.0 if math.isnan(loss) else loss),
        _argmin,
    ],
    "min() 碰到 nan，结果看次序：边走边与最低的比，nan 比大小总是假": [_window],
}


class _Walk:
    """Gradient and losses of a descent whose validation losses are these, step by step.

    Attributes:
        furthest: the last step at which it was asked for either.
        uneven: whether a loss was asked for between two steps.
    """

    def __init__(self, losses: Sequence[float], start: Array, lr: float) -> None:
        self._losses, self._start, self._lr = losses, start, lr
        self.furthest, self.uneven = 0, False

    def _place(self, w: Any) -> float:
        place = float((np.asarray(w) - self._start).mean()) / self._lr
        self.furthest = max(self.furthest, round(place) if math.isfinite(place) else 0)
        return place

    def gradient(self, w: Array) -> Array:
        self._place(w)
        return -np.ones_like(self._start)

    def val_loss(self, w: Array) -> float:
        place = self._place(w)
        k = round(place)
        self.uneven |= abs(place - k) > 1e-6
        return float(self._losses[min(max(k, 0), len(self._losses) - 1)])

    @property
    def both(self) -> tuple[Any, Any]:
        """``gradient, val_loss``"""
        return (lambda w: self.gradient(w)), (lambda w: self.val_loss(w))


def _descents(rng: Rng) -> Iterator[tuple[Any, int, int, str, str, Any, float]]:
    """``losses, patience, max_steps, label, hint, size, weight`` of what is asked for."""
    patience, low = int(rng.integers(3, 6)), int(rng.integers(6, 9))  # low: later than patience
    fall, rise = np.linspace(2.0, 1.0, low + 1), np.linspace(1.1, 1.6, 12)
    first = float(rng.uniform(0.5, 3.0)) * np.concatenate([fall, rise])
    hint = (
        f"起点是第 0 步，第 {low} 步最低，以后一路升，patience={patience}：再走 {patience} 步就停"
    )
    yield first, patience, 50, "先降后升", hint, 4, 1.0
    hint = "max_steps 步走完就停，哪怕验证损失还在降；最后一步走完也要量"
    yield np.linspace(9, 1, 40), 3, int(rng.integers(5, 9)), "max_steps 先到", hint, 4, 1.0
    wave = [2.0, 1.0, 1.2, 1.1, 0.9, 1.0, 1.1, 0.8, *rise]
    hint = "没有新低的几步，w 照样往前走；再有新低，等待从头数起：patience 数的是连续的步数"
    yield wave, 3, 50, "有几次新低", hint, 4, 1.0
    slow = [1.0, 0.4, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, *rise]
    hint = "第 1 步最低，后来冲高、慢慢回落，都没有低过它：要与历史最低比"
    yield slow, 3, 50, "冲高之后慢慢回落", hint, 4, 1.0
    wait = int(rng.integers(2, 5))
    lower = [1.0, 0.4, *np.linspace(0.9, 0.6, wait), 0.2, 0.1, *rise]
    hint = (
        f"第 1 步最低，再等满 {wait} 步就停；停了以后不再走，后面更低的也看不见："
        "边走边量边数，不是走完全程再找最低"
    )
    yield lower, wait, 20, "停了以后还有更低的", hint, 4, 0.0
    wait, low = int(rng.integers(60, 70)), int(rng.integers(14, 18))
    late = [*np.linspace(2.0, 1.0, low + 1), *np.linspace(1.9, 1.1, 90), *rise]
    hint = (
        f"第 {low} 步最低，冲高以后慢慢回落，patience={wait}：一直与历史最低比，"
        "不是与最近几步比；patience 也不变"
    )
    yield late, wait, 120, "patience 很长", hint, 4, 0.0
    tie = [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    hint = "第 1 步以后一直打平：打平不算新低，要计入等待"
    yield tie, 2, 50, "打平", hint, 4, 1.0
    hint = "每步只降一点点，也是新低"
    yield [1.0, *(0.5 * (1 - 1e-12 * np.arange(7))), *rise], 3, 50, "每步只降一点点", hint, 4, 1.0
    hint = "第 1 步以后都是 nan：每一步都不算新低，等满 patience 步才停"
    yield [1.0, 0.5, *[math.nan] * 5], 3, 50, "走到 nan", hint, 4, 1.0
    hint = "第 2 步是 nan，第 3 步又有新低，再升一步、然后都是 nan：nan 不妨碍后来的新低"
    yield [1.0, 0.6, math.nan, 0.5, 0.7, *[math.nan] * 5], 3, 50, "中间有 nan", hint, 4, 1.0
    yield np.linspace(9, 1, 40), 3, 0, "max_steps = 0", "一步不走，返回起点、0、0", 4, 1.0
    hint = "损失可以很大：起点的损失就是最初的最低，不另设上限"
    yield 1e12 * np.array([3.0, 2.0, *rise]), 2, 50, "损失很大", hint, 4, 1.0
    hint = "从起点就没有降过：起点算第 0 步，它就是最好的"
    yield 1e6 * np.linspace(1, 2, 30), 2, 50, "一路升", hint, (2, 3), 1.0


def _pair(got: Any) -> tuple[int, int] | None:
    """Best step and steps of a result; None if it is not made of three things and two integers."""
    if not isinstance(got, tuple | list) or len(got) != 3:
        return None
    if shape_of(got[1]) != () or shape_of(got[2]) != ():
        return None
    best, steps = float(got[1]), float(got[2])
    return (int(best), int(steps)) if best.is_integer() and steps.is_integer() else None


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
    lr = float(rng.uniform(0.1, 0.5))
    cases = list(_descents(rng))

    def ask(case: Any) -> Any:
        losses, patience, max_steps, _, _, size, _ = case
        start = rng.normal(size=size)
        walk = _Walk(losses, start, lr)
        got = call(start, *walk.both, lr, patience, max_steps)[0]
        best, steps = _stops(losses, patience, max_steps)
        return walk, start, got, (start + lr * best, best, steps)

    def mistake() -> str:
        """What explains every case that an answer is asked, if there is such a thing."""
        try:
            gave = [_pair(ask(case)[2]) for case in cases]
        except Exception:
            return ""
        for why, rules in _STOPPING.items():
            for rule in rules:
                if all(pair == rule(*case[:3]) for pair, case in zip(gave, cases, strict=True)):
                    return why
        return ""

    even = (
        "走的一步不是 lr · gradient(w)：每一步都是 w − lr·gradient(w)，lr 不变，"
        "梯度不归一化、不截断、不加动量"
    )

    def told(case: Any) -> Steps:
        *_, label, hint, _, weight = case
        walk, start, got, (want_w, want_step, want_n) = ask(case)
        w, step, n = yield from parts(got, 3, "best_w, best_step, steps", label + "：返回值")
        w = yield from array(w, np.shape(start), label + "：best_w", "best_w 与 w 同形")
        pair = _pair(got)
        if pair is not None and pair != (want_step, want_n):
            hint = mistake() or (even if walk.uneven else hint)
            _, start, got, _ = ask(case)  # the last call is the one that is shown
            _, step, n = got
        if pair is None:
            hint = "best_step 与 steps 都是步数，是整数"
        form = "steps 是一个数"
        yield value(n, want_n, label + "：steps", hint, form=form, weight=0)
        yield value(step, want_step, label + "：best_step", hint, weight=0)
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
        hint = even if walk.uneven else "best_step 那一步的 w"
        yield value(w, want_w, label + "：best_w", hint, traps, weight=weight)
        hint = "停了以后就不再走：结果对，可是走过了头；边走边数，等满 patience 步就停"
        detail = f"走了 {want_n} 步就该停，gradient 或 val_loss 问到了第 {walk.furthest} 步"
        yield that(walk.furthest <= want_n + 1, label + "：停了就不再走", hint, detail, given=got)

    losses, patience, max_steps, *_ = cases[0]
    start = rng.normal(size=4)
    yield same_again(call, start, *_Walk(losses, start, lr).both, lr, patience, max_steps)
    yield from told(cases[0])
    yield call.untouched("w", label="没有改动起点 w")
    hint = "一步一层地调用自己：max_steps 可达两万，Python 约一千层就停；写成循环"
    yield no_recursion(
        answer, lambda: answer(start, *_Walk(losses, start, lr).both, lr, 30, 60), hint=hint
    )
    for case in cases[1:]:
        yield from told(case)
    got, _ = call(start, lambda w: 0 * w, lambda w: 1.0, lr, 3, 50)
    _, _, n = yield from parts(got, 3, "best_w, best_step, steps", "梯度是 0 时：返回值")
    hint = "只有两种停法：连续 patience 步没有新低、走满 max_steps；梯度是 0 也接着走"
    yield value(n, 3, "梯度是 0 时：steps", hint, weight=0)
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
        "少乘了 h：从 h/(h + λ) = 1 − (1 − αh)ᵗ 解 λ": q / (1 - q),
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
        "这是 h + λ，还要减去 h": h / (1 - q),
        "这是留下的份额 1 − (1 − αh)ᵗ，不是 λ": 1 - q,
        "1/(αt) − h/2 只是 αh 很小、t 很大时的头两项；题目要的是恰好相等": [
            1 / (lr * steps) - h / 2,
            np.maximum(1 / (lr * steps) - h / 2, 0),
        ],
    }
    hint = (
        "令 h/(h + λ) = 1 − (1 − αh)ᵗ，解出 λ；手算：α = 0.5、h = 1、t = 2 时两边都是 3/4，λ 是 1/3"
    )
    found = shape_of(got) == want.shape
    right = np.isclose(np.asarray(got, float), want) if found else np.zeros(6, dtype=bool)
    if 3 <= right.sum() < 6:
        hint = "公式是对的，多数值都对；不对的那些另走了一条路：只有 h = 0 才换成极限"
    yield value(got, want, "λ", hint, traps, form="每个 h 一个 λ，同形", weight=2)
    some = np.array([0.0, 0.5 / lr])
    got, want = call(some, lr, steps)
    traps = {
        "h = 0 处返回了 0：那里是 0/0，要取 h → 0 的极限": np.where(some > 0, want, 0),
        "h → 0 的极限里还有步数 t：(1 − αh)ᵗ ≈ 1 − αth": np.where(some > 0, want, 1 / lr),
        "h → 0 的极限里还有学习率 α：(1 − αh)ᵗ ≈ 1 − αth": np.where(some > 0, want, 1 / steps),
        "h → 0 的极限是 1/(αt)，不是 αt": np.where(some > 0, want, lr * steps),
    }
    nonfinite = "h = 0 处是 0/0：取 h → 0 的极限，单独给"
    hint = "h = 0 处取 h → 0 的极限：(1 − αh)ᵗ ≈ 1 − αth，代进去，h 约掉"
    form = "每个 h 一个 λ，同形，h = 0 的也占一格"
    yield value(
        got, want, "有 h = 0 时", hint, traps, form=form, nonfinite=nonfinite, weight=1, rtol=1e-4
    )
    hint = "h = 0 处就是极限，单独给：用很小的数代替 0 去代公式，只剩几位是准的"
    exact = np.isclose(got[0], want[0], rtol=3e-8, atol=0)
    yield that(exact, "h = 0 处就是极限", hint, given=got)
    hint = "h 很小但不是 0 时照公式算，不换成极限：只有 h = 0 才是极限"
    for rate, t in ((lr, steps), (20.0, 1000)):  # a small αh, and a small h
        small = rng.permutation(10.0 ** -np.arange(2, 8)) / rate
        got, want = call(small, rate, t)
        traps = {hint: [np.where(small <= cut, 1 / (rate * t), want) for cut in small]}
        yield value(got, want, f"h 很小、α = {rate:.3g} 时", hint, traps, weight=0, rtol=3e-8)
    got, want = call(h[::-1].copy(), lr / 2, steps)
    yield value(got, want, "换一组 h 与 α", "每次调用都从这一次的 h、lr、steps 算", weight=0.5)
    got, want = call(rng.uniform(0.1, 0.5, size=(2, 3)) / lr, lr, 1)
    yield value(got, want, "只走一步，h 是二维的", "t = 1，h 可以是任意形状", weight=0.5)
    got, want = call(np.zeros(3), lr, steps)
    hint = "全是 0 时每个都是极限"
    yield value(got, want, "全是 0", hint, weight=0.5, rtol=1e-4)
    got, want = call(np.array([0.95, 0.0, 0.9]) / lr, lr, 1000)
    hint = "走 1,000 步，αh 接近 1：(1 − αh)ᵗ 几乎是 0，λ 也几乎是 0；先别取它的倒数，会成 inf/inf"
    yield value(got, want, "走得很久时", hint, nonfinite=hint, weight=0, rtol=1e-4)
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
    classes = rng.permutation([rng.integers(-9, 0), *rng.permutation(60)[: K - 1]])
    if np.all(np.diff(classes) > 0):
        classes = classes[::-1].copy()  # never sorted
    counts = rng.permutation(np.arange(3, 60))[:K]
    y = rng.permutation(np.repeat(classes, counts))
    label = "标签"
    hint = "类别不一定是 0 到 K − 1：对 classes 里的每个值数 y 里有几个"
    got, want = yield from attempt(
        lambda: call(y, classes), label, {IndexError: hint, ValueError: hint}
    )
    yield call.untouched("classes", label="没有改动 classes")
    yield call.untouched("y", label="没有改动 y")
    form = "classes 里每一类一个权重，形状 (K,)；类别不一定是 0 到 K − 1"
    keyed = "要 (K,) 的数组，次序与 classes 一致；字典没有次序，接下来也不能按位置取"
    yield that(not isinstance(got, dict), "返回数组", keyed, given=got)
    w = yield from array(got, (K,), "权重", form)
    N = len(y)
    ordered = want[np.argsort(classes)]
    traps = {
        "权重的次序要与 classes 一致；np.unique 按大小排过序": ordered,
        "与张数成正比了：样本越少，权重要越大": [counts / N, counts / counts.sum() * K],
        "小数没有了：整除 //，或结果是整数数组（如 np.zeros_like(classes)）": want // 1,
        "每一类多数了 1 个：n_k 就是个数；没有样本的类另外给 0": N / (K * (counts + 1)),
        "与 1/√n 成正比：各类的总分量还不相等": N / np.sqrt(counts) / np.sqrt(counts).sum(),
    }
    hint = "各类的 w_k·n_k 相等，全体样本的权重平均为 1；三个样本 A、A、B 时是 0.75、1.5"
    places = (
        "数都在，位置不对：第 k 个权重属于 classes[k]。不按 y 里出现的先后，也不按大小；"
        "排过序的要放回去（argsort 的逆，不是再取一次）"
    )
    if np.allclose(np.sort(w), np.sort(want)):
        hint = places
    elif w.all() and np.allclose(w / want, w[0] / want[0]):
        hint = "比例对了，尺度不对：全体样本的权重平均要是 1"
    elif np.any((w == 0) & (want > 0)):
        hint = (
            "有样本的类得到了 0：样本数到别的格子里去了。classes 次序任意、也不连续，"
            "不能当下标，也不能二分查找；对每一类数 y == 它"
        )
    yield value(w, want, "权重", hint, traps)
    yield again(call, rng.permutation(np.repeat(classes, rng.permutation(counts))), classes)
    more = np.insert(classes, int(rng.integers(0, K)), classes.min() - 1)
    label = "有一类没有样本时"
    hint = "没有样本的类权重是 0；当心除以 0"
    got, want = yield from attempt(lambda: call(y, more), label, {ZeroDivisionError: hint})
    w = yield from array(got, (K + 1,), label + "的权重", "没有样本的类也占一格")
    yield that(np.isfinite(w).all(), "没有 inf 与 nan", "出现了 inf 或 nan：没有样本的类权重是 0")
    traps = {"这样全体样本的权重平均不到 1：没有样本的类不该分走一份": want * K / (K + 1)}
    hint = "没有样本的类权重是 0" if w[want == 0].any() else "两个条件都只管出现的类"
    if np.allclose(np.sort(w), np.sort(want)):
        hint = places
    yield value(w, want, label, hint, traps)
    got, want = call(rng.permutation(np.repeat(classes, counts + 280)), classes)
    hint = "一类的样本可以有几百个、几万个：计数用普通的 int，一个字节只到 255"
    yield value(got, want, "每一类几百个样本时", hint, weight=0.0)
    moved = dict(zip(classes.tolist(), np.roll(classes, 1).tolist(), strict=True))
    got, want = call(np.array([moved[v] for v in y.tolist()]), classes)
    yield value(got, want, "换一份标签", "每次调用都重新数 y", weight=0.5)
    for few, label in ((y[y == classes[0]], "只有一类出现时"), (y[:1], "N = 1 时")):
        got, want = call(few, classes)
        yield value(got, want, label, "只有一类时，它的每个样本权重是 1，别的类是 0", weight=0.25)
    yield call.untouched(weight=0.5)


def _accuracy(y: Array, score: Array, t: float) -> float:
    return float(np.mean((score >= t) == y))


def _rare_class(rng: Rng) -> tuple[Array, Array]:
    """Labels of a rare class and their logits: other rules pick others, none the best by F1."""
    for _ in range(2000):
        n = int(rng.integers(150, 220))
        y = rng.permutation(np.repeat([1, 0], [n // 12, n - n // 12]))
        score = 0.7 * (rng.normal(size=n) + 1.6 * y - 6.5)  # all below 0
        score[np.flatnonzero(y == 0)[0]] = score.max() + 0.1  # the highest is a negative
        tried, hit, k = _downwards(y, score)
        f1 = dict(zip(tried, 2 * hit / (k + hit[-1]), strict=True))
        others = [t for pick in _PICKING.values() for t in pick(y, score)]
        apart = len(set(others)) == len(others)
        if apart and max(f1[t] for t in others) < max(f1.values()) - 1e-3:
            break
    return y, score


def _downwards(y: Array, score: Array) -> tuple[list[float], Array, Array]:
    """The scores, all different, from the highest on; the 1s and the samples down to each."""
    order = np.argsort(-score)
    return score[order].tolist(), np.cumsum(y[order]), np.arange(1, len(y) + 1)


def _highest(of: Callable[..., Array], y: Array, score: Array) -> list[float]:
    """The scores that are best by a measure of the hits, the samples told to be 1, the 1s, all."""
    tried, hit, k = _downwards(y, score)
    values = of(hit, k, hit[-1], len(y))
    return [t for t, v in zip(tried, values, strict=True) if v > values.max() - 1e-12]


def _first_fall(y: Array, score: Array) -> list[float]:
    """Where one stops who tries the scores downwards until F1 falls."""
    tried, hit, k = _downwards(y, score)
    falls = np.append(np.diff(hit / (k + hit[-1])) < 0, True)
    return [tried[int(np.argmax(falls))]]


# thresholds that are the best by something else: told if so twice
_PICKING: dict[str, Callable[[Array, Array], list[float]]] = {
    "这个阈值使准确率最高，F1 却不是：少数类上两者的最优点不同": partial(
        _highest, lambda hit, k, ones, n: (2 * hit - k) / n
    ),
    "这个阈值使召回率 − 误报率最高，F1 却不是": partial(
        _highest, lambda hit, k, ones, n: hit / ones - (k - hit) / (n - ones)
    ),
    "这个阈值使精确率 × 召回率最高，F1 却不是": partial(
        _highest, lambda hit, k, ones, n: hit * hit / (k * ones)
    ),
    # where F1 falls for the first time on the way up
    "这是真为 1 的样本里最低的分数，召回率是 1；再往上 F1 会降，降了还会再升：要试完": (
        lambda y, score: [float(score[y == 1].min())]
    ),
    "F1 一降就停了：降了还会再升，要把每一个分数试完": _first_fall,
}


def _rates(y: Array, score: Array, t: float) -> tuple[float, float]:
    """Precision and recall."""
    hit = float(((y == 1) & (score >= t)).sum())
    return hit / max(1.0, float((score >= t).sum())), hit / float((y == 1).sum())


_SORTED = "score 排了序，y_true 没有跟着排：两个数组要用同一个次序"
# what else may have been returned as F1: told if so twice
_NOT_F1: dict[str, Callable[[Array, Array, float], list[float]]] = {
    "你的阈值配的是 score > t；约定是 score >= t": lambda y, s, t: [_f1(y, s > t)],
    "比较号反了：score >= t 判为 1，不是小于 t": lambda y, s, t: [_f1(y, s < t), _f1(y, s <= t)],
    _SORTED: (lambda y, s, t: [_f1(y, np.sort(s) >= t), _f1(y, np.sort(s)[::-1] >= t)]),
    "返回的是准确率": lambda y, s, t: [_accuracy(y, s, t)],
    "F1 的分母是判为 1 的个数加真是 1 的个数，分子有 2": (
        lambda y, s, t: [_f1(y, s >= t) / 2, 2 * _f1(y, s >= t)]
    ),
    "F1 是精确率 P 与召回率 R 的调和平均 2PR/(P + R)，不是 (P + R)/2 或 √(PR)": (
        lambda y, s, t: [sum(_rates(y, s, t)) / 2, math.sqrt(math.prod(_rates(y, s, t)))]
    ),
    "返回的是精确率或召回率，不是 F1": lambda y, s, t: list(_rates(y, s, t)),
    "返回的是召回率 − 误报率，不是 F1": (
        lambda y, s, t: [_rates(y, s, t)[1] - float((s[y == 0] >= t).mean())]
    ),
    "返回的是精确率 × 召回率，不是 F1": lambda y, s, t: [math.prod(_rates(y, s, t))],
    "这是两类的 F1 的平均（macro）：只要 1 这一类的 F1": (
        lambda y, s, t: [(_f1(y, s >= t) + _f1(1 - y, s < t)) / 2]
    ),
    "F1 取整了：返回算出来的数，不要 round": (
        lambda y, s, t: [round(_f1(y, s >= t), digits) for digits in range(1, 6)]
    ),
}


def _picks(
    pick: Callable[[Array, Array], list[float]], y: Array, score: Array, t: float, f1: float
) -> bool:
    return t in pick(y, score)


def _returns(
    values: Callable[[Array, Array, float], list[float]],
    y: Array,
    score: Array,
    t: float,
    f1: float,
) -> bool:
    return bool(np.isclose(values(y, score, t), f1).any())


@exercise(
    "07.7",
    "按 F1 选阈值",
    points=3,
    asks="best_threshold(y_true, score) -> threshold, f1",
    allows=["aigc_course.metrics.*"],
)
@hints(
    "阈值从一个分数往下挪，没挪到下一个分数之前，判断一个也不变：哪些阈值才值得试？",
    "把出现过的每个分数都当一次阈值，各算一次 F1，留下最高的。",
    "命中数是「判为 1 而且真是 1」的个数；F1 等于 2·命中 / (判为 1 的个数 + 真是 1 的个数)。",
)
def judge_best_threshold(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, best_threshold)
    y, score = _rare_class(rng)
    again_with = int(rng.integers(10**9))
    label = "第一次调用"
    hint = (
        "一个也没判为 1 时精确率是 0/0，命中 0 个时 2PR/(P + R) 是 0/0："
        "用 2·命中/(判为 1 + 真是 1) 就没有这个问题"
    )
    got, (_, best) = yield from attempt(lambda: call(y, score), label, {ZeroDivisionError: hint})
    yield call.untouched("y_true", label="没有改动输入 y_true")
    yield call.untouched("score", label="没有改动输入 score")
    names = "threshold, f1"
    t, f1 = yield from parts(got, 2, names, label="返回阈值与 F1", hint=f"return {names}")
    ok = shape_of(t) == shape_of(f1) == ()
    hint = f"return {names}：两个浮点数"
    if t is None:
        hint = "阈值还是 None，一个候选也没有试到：score 可以全是负的，候选从 score 里来"
    yield that(ok, "阈值与 F1 各是一个数", hint, given=got)
    t, f1 = float(t), float(f1)
    real = _f1(y, score >= t)
    swapped = f1 < 0 < t and np.isclose(_f1(y, score >= f1), t)
    yield that(not swapped, "先阈值，后 F1", "两个返回值对调了", given=got)
    hint = (
        "F1 是 nan：命中 0 个时 P = R = 0，2PR/(P + R) 是 0/0，而 argmax 会选中 nan；那里 F1 记 0"
    )
    yield that(not math.isnan(f1), "F1 是一个数", hint, given=got)
    hint = "一个候选也没有试过？score 可以全是负的，候选要从 score 里来"
    if np.isclose(f1, 100 * real):
        hint = "F1 在 0 与 1 之间，不是百分数：不乘 100"
    elif f1 > 1:
        hint = "命中数多了：只数判为 1 而且真是 1 的"
    yield that(0 <= f1 <= 1 + 1e-9, "F1 在 0 到 1 之间", hint, given=got)
    hint = "没有一个分数够得着这个阈值：score 可以全是负的，候选要从 score 里来"
    if t >= 0 and t.is_integer() and np.isclose(f1, best):
        hint = f"返回的阈值是整数 {t:g}，像是下标：要那个位置上的分数"
    elif 0 < t < 1 and np.isclose(score, math.log(t / (1 - t))).any():
        hint = "阈值要在 score 原来的刻度上：不要先过 sigmoid"
    yield that(bool(np.any(score >= t)), "阈值落在分数的范围里", hint, given=got)

    def twice(holds: Callable[[Array, Array, float, float], bool]) -> bool:
        """Whether it holds here and for other labels and scores."""
        if not holds(y, score, t, f1):
            return False
        other = _rare_class(np.random.default_rng(again_with))
        try:
            pair = call(*other)[0]
            return holds(*other, float(pair[0]), float(pair[1]))
        except Exception:
            return False

    rounding = "阈值取整了：取整之后，score >= t 判出来的就不一样；返回 score 里的原值"
    near = [round(s, digits) for s in score.tolist() for digits in (0, 1, 2, 3, 4)]
    near += [float(whole(s)) for s in score.tolist() for whole in (math.floor, math.ceil)]
    rounded = t not in score and t in near

    def why_not_f1() -> str:
        if rounded and np.isclose(f1, best):
            return rounding
        for why, values in _NOT_F1.items():
            if twice(partial(_returns, values)):
                return why
        return "返回的 F1 与返回的阈值对不上：按 score >= t 判，数一遍 2·命中/(判为 1 + 真是 1)"

    def why_not_best() -> str:
        if t not in score:
            if rounded:
                return rounding
            return "还有一个阈值 F1 更高：格子会漏掉它，把 score 里每一个不同的值都试一遍"
        for why, pick in _PICKING.items():
            if twice(partial(_picks, pick)):
                return why
        if twice(partial(_returns, _NOT_F1[_SORTED])):
            return _SORTED  # its F1 is right here by chance
        return "阈值是 score 里的一个值，但还有别的分数作阈值 F1 更高：把每一个不同的分数都试完"

    matches = bool(np.isclose(f1, real, rtol=1e-9))
    at_best = real > best - 1e-9
    yield from independent(
        that(matches, "F1 是这个阈值的 F1", "" if matches else why_not_f1(), weight=1.0, given=got),
        that(at_best, "没有更好的阈值了", "" if at_best else why_not_best(), weight=2.0, given=got),
    )
    only = np.linspace(-3.0, 4.0, 6)
    easy = ((only == only.max()).astype(int), only)
    call(*easy)
    later = call(y, score)[0]
    same = all(np.isclose(float(a), b) for a, b in zip(later, (t, f1), strict=True))
    hint = (
        "换一组输入再问同样的问题，答的是上一组的：有东西从上一次调用留了下来"
        "（默认参数如 best=[]、全局变量、对象的属性）"
    )
    yield that(same, "隔一次调用，再问一遍", hint)
    tied = "分数相同的样本同进同出：F1 要按 score >= t 这条规则算，不能从排序后的中间切开"
    lowest = "全是正类时，最低的那个分数作阈值 F1 为 1：它也是候选"
    highest = "只有最高分是正类时，最高的那个分数作阈值 F1 为 1：它也是候选"
    at, _ = best_threshold(y, score)
    close = "有些分数挨得很近，格子（等距、分位数）与容差都分不开：候选从 score 里来，直接比"
    fine = "分数到第 6 位小数才不同：阈值取整、候选取整、画格子都会错过，用 score 里的原值"
    deep = "1 占多数时，最好的阈值很靠下：每一个不同的分数都要试，不能只试最高的一些"
    ranks = rng.permutation(206)  # the only best cut lies between two percentiles
    most = rng.permutation(np.repeat([1, 0], [270, 50]))
    for truth, given, label, hint in (
        (y, (score - at) ** 7, "分数疏密不匀时", close),
        ((ranks >= 202).astype(int), ranks - 99.5, "206 个不同的分数", close),
        (y, 1e-6 * score - 3.1234567, "分数挨得很近时", fine),
        (most, rng.normal(size=320) + 1.5 * most, "1 占多数时", deep),
        (y, np.round(score), "有相同的分数时", tied),
        (np.ones(5, dtype=int), np.linspace(-0.2, 40.0, 5), "全是正类时", lowest),
        (*easy, "只有最高分是正类时", highest),
        (np.array([0, 1, 0, 1, 0]), np.zeros(5), "分数全都一样时", tied),
    ):
        got, (_, best) = call(truth, given)
        t, f1 = yield from parts(got, 2, names, label + "的返回值")
        yield that(shape_of(t) == shape_of(f1) == (), label + "的返回值", "两个浮点数")
        real = _f1(truth, given >= float(t))
        ok = real > best - 1e-9 and bool(np.isclose(float(f1), real))
        if hint is tied and np.isclose(float(f1), real):
            hint = "有相同的分数时，还有一个阈值 F1 更高：每一个不同的分数都要试"
        if real > best - 1e-9 and any(round(real, digits) == float(f1) for digits in range(1, 6)):
            hint = "F1 取整了：返回算出来的数，不要 round"
        elif real > best - 1e-9 and hint is not tied:
            hint = "返回的 F1 与返回的阈值对不上：按 score >= t 判，再数一遍"
        yield that(ok, label, hint, given=got)
