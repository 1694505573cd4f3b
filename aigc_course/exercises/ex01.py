"""Chapter 01, forward propagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, permutations, product
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
    agree,
    array,
    attempt,
    exercise,
    hints,
    one_by_one,
    parts,
    shape_of,
    sizes,
    that,
    value,
)

__all__ = ["absorb", "hat", "linear_forward", "mlp_forward", "sigmoid", "softmax", "widest"]


# --- the library's versions --------------------------------------------------------------------


def sigmoid(z: Array) -> Array:
    """Logistic function, element by element, without overflow and exact in both tails.

    Args:
        z: any shape.

    Returns:
        Same shape as ``z``, values in [0, 1].

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    z = np.asarray(z, dtype=float)
    e = np.exp(-np.abs(z))  # the argument is never positive, so nothing overflows
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def softmax(z: Array) -> Array:
    """Softmax of each row of ``z`` (Bridle, 1990), shifted by the row's maximum.

    Args:
        z: scores, (B, K).

    Returns:
        Probabilities, (B, K); each row sums to 1.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
        [[0.5, 0.5]]
    """
    z = np.asarray(z)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def linear_forward(x: Array, W: Array, b: Array) -> Array:
    """One linear layer for a batch: ``x W^T + b``.

    Args:
        x: (B, D_in).
        W: (D_out, D_in).
        b: (D_out,).

    Returns:
        (B, D_out).

    Example:
        >>> linear_forward(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([5.0])).tolist()
        [[16.0]]
    """
    return x @ W.T + b


def absorb(W: Array, b: Array, m: Array, s: Array) -> tuple[Array, Array]:
    """One linear layer for ``(x − m) / s`` followed by the layer ``(W, b)``.

    Args:
        W: (D_out, D_in).
        b: (D_out,).
        m, s: (D_in,).

    Returns:
        ``(W2, b2)``, in the shapes of ``W`` and ``b``.

    Example:
        >>> W2, b2 = absorb(np.array([[6.0]]), np.array([1.0]), np.array([5.0]), np.array([2.0]))
        >>> W2.tolist(), b2.tolist()
        ([[3.0]], [-14.0])
    """
    W2 = W / s
    return W2, b - W2 @ m


def mlp_forward(x: Array, layers: Sequence[tuple[Array, Array]]) -> Array:
    """Multilayer perceptron: ReLU after every layer but the last.

    Args:
        x: (B, D).
        layers: one ``(W, b)`` a layer, shapes (D_out, D_in) and (D_out,).

    Returns:
        Scores of the last layer, (B, K), without an activation.

    Example:
        >>> layers = [(np.array([[1.0], [-1.0]]), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
        >>> mlp_forward(np.array([[-3.0], [2.0]]), layers).tolist()
        [[3.0], [2.0]]
    """
    for k, (W, b) in enumerate(layers):
        x = linear_forward(x, W, b)
        if k < len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def widest(budget: int, d_in: int, d_out: int, depth: int) -> int:
    """The largest width of ``depth`` equal hidden layers within a budget of parameters.

    Args:
        budget: weights and biases that there may be in all.
        d_in, d_out: inputs and outputs.
        depth: hidden layers, 1 at least.

    Returns:
        The width, 0 if not even width 1 fits.

    Example:
        >>> widest(235_146, 784, 10, depth=1), widest(20, 3, 2, 2), widest(19, 3, 2, 2)
        (295, 2, 1)
    """
    width = 0
    while _parameters([d_in, *[width + 1] * depth, d_out]) <= budget:
        width += 1
    return width


def _parameters(widths: Sequence[int]) -> int:
    return sum((i + 1) * o for i, o in pairwise(widths))


def hat(left: float, peak: float, right: float) -> tuple[Array, Array, Array, Array]:
    """Weights of a one-hidden-layer ReLU network that draws a triangle of height 1.

    Args:
        left, peak, right: where the triangle starts, has its tip and ends; left < peak < right.

    Returns:
        ``W1 (3, 1), b1 (3,), W2 (1, 3), b2 (1,)``.

    Example:
        >>> W1, b1, W2, b2 = hat(0.0, 1.0, 3.0)
        >>> x = np.array([[-1.0], [0.5], [1.0], [2.0], [9.0]])
        >>> mlp_forward(x, [(W1, b1), (W2, b2)]).ravel().tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1 = np.ones((3, 1))
    b1 = -np.array([left, peak, right], dtype=float)
    return W1, b1, np.array([[up, -up - down, down]]), np.zeros(1)


# --- the judges --------------------------------------------------------------------------------

# of a call like an earlier one that went well: what differs between the two is the reason
_MISFIT = (ValueError, TypeError, IndexError)


# what the statements of 01.1 and 01.2 ask for, and the lesson's last comparison with PyTorch
_CLOSE: Any = {"rtol": 1e-10, "atol": 0.0}


def _is(got: Any, want: Array) -> bool:
    """Is it this array, up to rounding?"""
    return shape_of(got) == want.shape and np.allclose(np.asarray(got, float), want, 1e-9, 1e-12)


def _same_number_again(got: Array) -> bool:
    """Did several different inputs give one and the same number, which is not 0?"""
    some = got[np.isfinite(got) & (got > 0)]
    return np.unique(some).size < some.size


@exercise("01.1", "不会溢出的 sigmoid", points=2)
@hints(
    "exp 的参数是很大的正数时才溢出。能不能让它永远不为正？",
    "两种写法，一种在 z ≥ 0 时安全，一种在 z < 0 时安全；各自安全的那一边，exp 的参数是几？",
    "令 e = exp(−|z|)：分母两支都是 1 + e，分子在 z ≥ 0 时是 1、否则是 e，用 np.where 选。",
)
def judge_sigmoid(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, sigmoid)
    form = "逐元素计算，形状与 z 相同：别求和，摊平了要变回来"
    hint = "σ(0) = 0.5，σ(2) 约 0.88，σ(−2) 约 0.12：在纸上各验一个"

    def traps(z: Array) -> dict[str, Any]:
        return {
            "σ 随 z 增大而增大，来的却是 σ(−z)：exp 里的符号反了，或 np.where 的两支写反了": (
                sigmoid(-z)
            ),
            "负的 z 也得到大于 0.5 的数：两边不对称，σ(−2) 应是 1 − σ(2)，约 0.12": sigmoid(
                np.abs(z)
            ),
            "正的 z 也得到小于 0.5 的数：两边不对称，σ(2) 应是 1 − σ(−2)，约 0.88": sigmoid(
                -np.abs(z)
            ),
            "z = 0 时应是 0.5：z > 0 与 z < 0 两种情况都漏了它": [
                np.where(z == 0, 0.0, sigmoid(z)),
                np.where(z == 0, 1.0, sigmoid(z)),
            ],
            "这是 tanh，从 −1 到 1：σ 从 0 到 1": np.tanh(z),
            "底数是 2：要 e 的多少次方，np.exp、np.logaddexp": sigmoid(z * np.log(2)),
            "这是几段直线拼的近似（hard sigmoid）：σ 处处是弯的，要用 exp": [
                np.clip(slope * z + 0.5, 0, 1) for slope in (0.2, 0.25, 1 / 6)
            ],
            "z < 0 处得到的正好是 exp(z)：漏了分母 1 + exp(z)": np.where(
                z < 0, np.exp(z), sigmoid(z)
            ),
        }

    z = np.abs(rng.normal(size=7)) * [2, -2, 2, 0, -2, 2, -2]
    got, want = call(z)
    if isinstance(got, np.ndarray) and got.dtype.kind in "iub":
        hint = "结果是整数数组，小数都被截掉了：建数组时要浮点的"
    yield value(got, want, "普通大小的 z", hint, traps(z), form=form, **_CLOSE)
    z = rng.normal(size=(4, 5)) * 2
    z[1, 2] = 0.0
    why = "一维的 z 对，(4, 5) 的报错：这时 z[i] 是一整行，不是一个数；np.exp 不论几维都逐元素"
    got, want = yield from attempt(lambda: call(z), "两维的 z", dict.fromkeys(_MISFIT, why))
    yield value(got, want, "两维的 z", hint, traps(z), form=form, weight=2, **_CLOSE)
    turned = (rng.normal(size=(2, 3)) * 2).T
    why = (
        "前面的对，转置来的（z = a.T）不对：它在内存里不按行排，ravel、reshape(-1) 得到的是复制，"
        "写进去改不到原来的；逐元素的运算不用摊平"
    )
    yield value(answer(turned.copy("F")), sigmoid(turned), "转置来的 z", why, weight=0, **_CLOSE)
    right = rng.uniform(720, 1000, size=6)
    yield value(
        *call(right),
        "很大的正 z",
        "z 很大时 σ 就是 1",
        {"得到 0，应是 1：inf/inf 的 nan 被换成了 0，或两种写法用反了边": np.zeros(6)},
        nonfinite="z 很大时 exp(z) 是 inf，inf/inf 是 nan：让 exp 的参数永远不为正",
        **_CLOSE,
    )
    clipped = "几个不同的 z 得到同一个数：z 或结果被夹住了，或加了一个小常数；真值还要小得多"
    left = rng.uniform([45, 120, 300, 505, 600, 660], [65, 140, 320, 525, 620, 680])
    left = -left.reshape(2, 1, 3)
    got, want = call(left)
    got = yield from array(got, left.shape, "左尾的相对精度", form)
    hint = "z 很负时 σ(z) 与 exp(z) 几乎相等：与它比一比，差了几倍？"
    if _same_number_again(got):
        hint = clipped
    elif np.any(got == 0):
        hint = (
            "得到 0，真值很小，却存得下：哪一步让两个差不多的数相消了（1 + tanh、1 − σ 都会），"
            "还是左尾直接置了 0？"
        )
    yield value(got, want, "左尾的相对精度", hint, **_CLOSE)
    # so small that float64 keeps only some of the digits; then too small for it
    far = rng.uniform([712, 715, 723, 731, 760], [713, 721, 729, 737, 1000])
    far = np.append(far, [740.0, 742.5, 744.0, 746.0])  # no two of which give one number
    got, want = call(-rng.permutation(far))
    got = yield from array(got, far.shape, "exp(−z) 会溢出的 z", form)
    hint = "z 到 −745 都存得下一个正数，再往左不远真值小得存不下，才是 0"
    yield that(not _same_number_again(got), "exp(−z) 会溢出的 z 分得开", clipped)
    if np.any((got == 0) & (want > 0)):
        hint = (
            "得到 0，真值很小，却还存得下：exp(−z) 在 z ≤ −710 时溢出成 inf，再取倒数就成了 0"
            "（或者左尾直接置了 0）。让 exp 的参数永远不为正"
        )
    yield value(got, want, "exp(−z) 会溢出的 z", hint, rtol=1e-2, atol=5e-324)
    both = rng.permutation([-850.0, -715.0, -30.0, -1.0, 0.0, 1.0, 30.0, 715.0, 850.0])
    hint = (
        "一个数组里左右两头都有时不对：用哪种写法要逐个元素选，"
        "不能看了 z.min()、z.mean() 或第一个数，就整个数组用同一种"
    )
    yield value(*call(both), "左右两头都有的 z", hint, form=form, rtol=1e-10, atol=1e-323)
    why = "z 可以是 0 维的，如 np.array(-100.0)：它没有长度，也没有行；逐元素的运算对它一样行"
    one = np.array(-rng.uniform(90, 110))
    got, want = yield from attempt(lambda: call(one), "0 维的 z", dict.fromkeys(_MISFIT, why))
    yield value(got, want, "0 维的 z", why, form=why, weight=0.5, **_CLOSE)
    yield call.untouched(weight=0.5)


def _softmax_slips(z: Array, want: Array) -> dict[str, Any]:
    """What typical mistakes give for a square batch of ordinary scores."""
    m = z.max(axis=1, keepdims=True)
    whole, shifted = np.exp(z), np.exp(z - m)

    def normed(e: Array) -> Array:
        return e / e.sum(axis=1, keepdims=True)

    return {
        "除错了行：(B,) 从最后一维对到列上，第 k 列除的是第 k 行的和；求和时 keepdims=True": [
            e / e.sum(axis=1) for e in (whole, shifted, np.exp(z - z.max(axis=1)))
        ],
        "同一行减了不同的数，概率就变了：每行只减这一行的最大值，最大值也要留成 (B, 1)": [
            normed(np.exp(z - z.max(axis=1))),
            normed(np.exp(z - z.max(axis=0))),
        ],
        "每行的和不是 1，是 exp(最大值)：只有分母减了最大值，分子也要减同一个": (
            whole / shifted.sum(axis=1, keepdims=True)
        ),
        "每行的和不是 1，是 exp(−最大值)：只有分子减了最大值，分母也要减同一个": (
            shifted / whole.sum(axis=1, keepdims=True)
        ),
        "每行的和大于 1：分母少加了一类": [
            shifted / shifted[:, part].sum(axis=1, keepdims=True)
            for part in (slice(None, -1), slice(1, None))
        ],
        "每行的数都在，次序不对：第 k 个概率要留在第 k 个分数的位置": [
            np.sort(want, axis=1),
            np.sort(want, axis=1)[:, ::-1],
            want[:, ::-1],
        ],
        "底数是 2：要 e 的多少次方，np.exp": normed(np.exp2(z)),
        "分数除以和不是 softmax：先取 exp": z / z.sum(axis=1, keepdims=True),
        "返回的是概率的对数：最后还要取 exp": np.log(want),
        "只准到小数点后几位：别四舍五入": [np.round(want, k) for k in range(2, 9)],
    }


@exercise("01.2", "错在哪两处", points=3)
@hints(
    "打印 e.sum(axis=1) 的形状：(3, 3) 除以 (3,)，NumPy 从最后一维对齐，除的是哪个数？",
    "第三行的分数比第一行大一千。减去的最大值是谁的？第一行减完还剩什么？",
    "最大值与和都沿 axis=1 求，并且都用 keepdims=True 留住那一维，这样才是各减各的、各除各的。",
)
def judge_softmax(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, softmax)
    # square first: a sum over the wrong axis still runs here, so the hint can name it; not 3 by 3,
    # which is the lesson's example
    n = int(rng.integers(4, 6))
    z = rng.normal(size=(n, n)) * 2
    form = "输出与输入同形 (B, K)：每行的结果都要收下，求和时 keepdims=True"
    try:
        got, want = call(z)
    except (ValueError, IndexError) as error:
        three = rng.normal(size=(3, 3))
        with contextlib.suppress(Exception):
            if _is(answer(three.copy()), softmax(three)):
                hint = f"3 × 3 的一批对，({n}, {n}) 的报错：3 写死在里面了，大小取自 z.shape"
                with contextlib.suppress(Exception):
                    call(z)  # so that the card shows this call
                yield that(False, "别的大小", hint, f"{type(error).__name__}: {error}"[:160])
        raise
    got = yield from array(got, (n, n), "softmax(z)", form)
    rows, columns = got.sum(axis=1), got.sum(axis=0)
    hint = "数都对，行列对调了：一行一个样本，转置着算的，最后要转回来"
    yield that(not _is(got, want.T), "行列没有对调", hint)
    by_columns = np.allclose(columns, 1) and not np.allclose(rows, 1)
    yield that(not by_columns, "归一化的方向", "每一列和为 1，应是每一行：沿 axis=1 求和")
    hint = "整个矩阵的和为 1，应是每一行各自为 1：sum 少了 axis=1"
    yield that(not np.isclose(got.sum(), 1), "归一化的范围", hint)
    empty = np.flatnonzero((got == 0).all(axis=1))
    off = rows - 1
    if 0 < empty.size < n:
        hint = f"第 {empty[0] + 1} 行全是 0，共 {n} 行：循环漏了它"
    elif np.all(off < 0) and np.all(off > -0.02):
        hint = "每行的和接近 1，又都小一点：分母里别加小常数"
    elif not np.allclose(off, 0):
        hint = f"每行的和应是 1，第 1 行是 {rows[0]:.6g}：除的要是同一行的和"
    else:
        hint = "每行的和是 1，数却不对：取 exp 之前，同一行都减同一个数，不是除，也不夹住"
    slips = _softmax_slips(z, want)
    yield value(got, want, "概率", hint, slips, weight=2, **_CLOSE)
    B, K = (int(size) for size in rng.permutation([k for k in range(2, 8) if k != n])[:2])
    label = f"B={B}, K={K}"
    hint = (
        f"({n}, {n}) 的一批对，({B}, {K}) 的不对：大小写死了，或有东西从上一次调用留了下来；"
        "每次都从这次的 z 算，最大值与和是 (B, 1)"
    )
    wide = rng.normal(size=(B, K)) * 2
    got, want = yield from attempt(lambda: call(wide), label, dict.fromkeys(_MISFIT, hint))
    yield value(got, want, label, hint, form=form, weight=0.5, **_CLOSE)
    hint = "一批只有一个样本时也是 (1, K)：别用 squeeze，结果的形状照着 z"
    single = rng.normal(size=(1, K + 1))
    got, want = yield from attempt(lambda: call(single), "B=1", dict.fromkeys(_MISFIT, hint))
    yield value(got, want, "B=1", hint, form=hint, weight=0.5, **_CLOSE)

    def mixed_up(row: Array) -> Array:
        """Rows with the same gaps, each in an order of its own."""
        return rng.permuted(np.tile(row, (3, 1)), axis=1) + rng.normal(size=(3, 1))

    gaps = [0.0, -4.0, -110.0, -350.0, -600.0, -706.0, -720.0, -1000.0]
    got, want = call(mixed_up(np.array(gaps)))
    got = yield from array(got, want.shape, "很小的概率", form)
    hint = "很小的概率也要准，看的是相对误差：它们之比应正好是 exp(分数之差)"
    if any(_same_number_again(row) for row in got):
        hint = "分数不同，概率却一样：分数或很小的概率被夹住了（clip）"
    elif np.any((got == 0) & (want > 0)):
        hint = (
            "很小的概率成了 0，真值却存得下：哪一步溢出了、置了 0、四舍五入了，还是用 1 减出来的？"
        )
    nonfinite = "exp 溢出成了 inf，或分母成了 0：先减去这一行的最大值（不是绝对值最大的）"
    label = "很小的概率"
    yield value(got, want, label, hint, rtol=1e-10, atol=5e-324, nonfinite=nonfinite)

    flat = {
        "整行成了 0：分母溢出成了 inf，或 nan 被换成了 0；先减这一行的最大值": np.zeros((3, 5)),
    }
    # far from the row's mean too, and in other columns in each row: only its maximum will do
    big = rng.normal(size=(3, 5)) + 1000.0
    order = rng.permutation(5)
    for row in range(3):
        big[row, order[[row, row + 1]]] += 2500.0
    high = "分数到 1000，exp 就溢出：先减去这一行的最大值"
    hint = f"{high}（最大值不一定在第一个或最后一个）"
    yield value(*call(big), "分数很大时", hint, flat, **_CLOSE)
    low = rng.permuted(rng.normal(size=(3, 5)) - 1000.0, axis=1)
    hint = (
        "分数全在 −1000 附近时，exp 全成了 0，0/0 是 nan：负的分数也要先减这一行的最大值，"
        "不是大了才减，也不是减绝对值的最大"
    )
    yield value(*call(low), "分数很小时", hint, flat, **_CLOSE)
    mixed = rng.normal(size=(3, 5)) + rng.permutation([-2000.0, 0.0, 2000.0])[:, None]
    hint = "各行大小悬殊时有一行成了 0/0：要减每行自己的最大值，不是整个矩阵的，也不是别的行的"
    yield value(*call(mixed), "各行大小悬殊时", hint, weight=0.5, **_CLOSE)
    yield call.untouched(weight=0.5)


def _form_of_bias(got: Any, W: Array, b2: Array) -> str:
    """What a bias of a wrong shape is likely to be."""
    shape = shape_of(got)
    if shape == () and b2.size > 1:
        return "只剩一个数：每个神经元各有一个偏置，循环里要收集，别只留最后一个"
    if shape == ():
        return "只有一个神经元时也是一维的 (1,)：别用 squeeze，也别取成一个数"
    if shape == (b2.size, 1):
        return "b2 与 b 同形，是一维的 (D_out,)，不是一列"
    square = W.shape[0] == W.shape[1]  # where a column and a row may have been broadcast, too
    if shape == W.shape and not (square and _is(np.diag(got), b2)):
        return "每个神经元那一行还没有加起来：b2 的第 i 个要减去 Σ_j W2[i, j]·m_j，是一个数"
    return "b2 与 b 同形，(D_out,)：每个神经元一个数"


def _wrong_scale(got: Any, W: Array, s: Array) -> str:
    """What every column of the weights was divided by in place of ``s``; "" if nothing known."""
    if shape_of(got) != W.shape:
        return ""
    with np.errstate(all="ignore"):
        by = W / np.asarray(got, float)
    if not np.allclose(by, by[0], rtol=1e-6):
        return ""
    more = by[0] - s
    near = 0 < more.min() <= more.max() < 0.02 and np.allclose(more, more[0], 1e-3, 1e-13)
    if near:
        return "每一列除的都比 s 略大：s 上加了小常数（如 1e-5），题目里没有"
    off = np.flatnonzero(~np.isclose(by[0], s))
    if 0 < off.size < s.size and s[off].max() < 0.01:
        return f"只有 s = {s[off[0]]:.2g} 的那一列不对：s 再小也照样除，别设下限"
    return ""


@exercise("01.3", "把预处理吃进第一层", points=2)
@hints(
    "把 (x − m)/s 代进 Wx̃ + b，拆开括号：哪些项乘着 x，哪些是常数？",
    "x 的第 j 个数前面的系数是 W 的第 j 列除以 s 的第 j 个数；W 是 (D_out, D_in)，s 怎样对齐？",
    "先得到新的 W；常数项是 b 减去新 W 与 m 的积，因为减去的 m 也除过 s。",
)
def judge_absorb(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, absorb)
    # square first: every wrong broadcast still runs here, so the hint can name it
    n = int(rng.integers(3, 6))
    for k, (D_out, D_in) in enumerate(((n, n), sizes(rng, 2), (1, n), (n - 1, n))):
        W, b = rng.normal(size=(D_out, D_in)), rng.normal(size=D_out)
        m, s = rng.normal(size=D_in) + 2, rng.uniform(0.3, 0.8, size=D_in)
        share = 1.0 if k < 3 else 0.0
        if k < 3:  # then none of them stands out
            s[rng.permutation(D_in)[:2]] = rng.uniform([2e-4, 20], [9e-4, 50])
        got, (W2, b2) = call(W, b, m, s)
        got = yield from parts(got, 2, "W2, b2", want=(W2, b2))
        square = D_out == D_in
        traps: dict[str, Any] = {
            "乘了 s：x 先除以 s 再进层，系数里也是除": W * s,
            "W 没有变：x 前面的系数里要有 1/s": W,
            "m 是从 x 里减的，不是从 W 里减的": [(W - m) / s, W - m],
            "每个输入有自己的 s：第 j 列除以 s 的第 j 个": [W / s.mean(), W / s[0]],
            "s 就是要除的那个数：不开方，也不平方": [W / np.sqrt(s), W / s**2],
        }
        if square:
            traps |= {
                "s 对到了行上：它属于输入，W 的每一列除以一个 s": W / s[:, None],
                "转置了：W2 与 W 同形，行还是神经元": [W2.T, W.T / s],
            }
        form = "W2 与 W 同形，(D_out, D_in)"
        hint = _wrong_scale(got[0], W, s) or (
            "W2[i, j] 是 x_j 前面的系数：拿 W[i, j]·(x_j − m_j)/s_j 拆开，与 W2 的一格对一对"
        )
        yield value(got[0], W2, "W2", hint, traps, form=form, weight=share)
        traps = {
            "b 也要变：m 那一项是常数，归到偏置里": b,
            "m 也除过 s：要乘新的 W2，不是原来的 W": [b - W @ m, b + W @ m],
            "符号反了：x 减去 m，常数项是减": b + W2 @ m,
            "多除了一次 s": b - W2 @ (m / s),
            "b 不除以 s，也不乘：它在标准化之后才加上": [-W2 @ m, W2 @ m],
            "漏了权重：减去的不是 Σ m_j/s_j，第 i 个神经元要减 Σ_j W2[i, j]·m_j": [
                b - (m / s).sum(),
                b - (m / s).mean(),
                b - m.sum(),
            ],
            "只减了一个输入的那一项：要对 j 累加": [b - W2[:, j] * m[j] for j in (0, -1)],
            "每个神经元减了同一个数：第 i 个只用 W2 的第 i 行，沿 j（axis=1）求和": b
            - (W2 @ m).sum(),
        }
        if square:
            traps["加错了方向：第 i 个偏置用 W2 的第 i 行，沿 j（axis=1）求和，不是按列"] = [
                b - m @ W2,
                b - m @ W,
                b - (W2 * m).sum(axis=0),
            ]
            traps["b 在标准化之后才加，不要跟着除以 s"] = [(b - W @ m) / s, b / s - W2 @ m]
            traps["逐元素相减了：m 属于输入，b 属于输出，先用 W2 把 m 变到输出那一边"] = [
                b - m / s,
                b - m,
            ]
        form = _form_of_bias(got[1], W, b2)
        hint = "验一点：x = m 时标准化的输入全是 0，W2 @ m + b2 应正好是 b"
        yield value(got[1], b2, "b2", hint, traps, form=form, weight=2 * share)
    yield again(call, W + 1, b - 1, m[::-1], s[::-1])
    yield call.untouched(weight=0.5)


def _layers(rng: Rng, x: Array, widths: Sequence[int]) -> list[tuple[Array, Array]]:
    """Random layers after which every unit is below 0 for some rows of ``x``, above for others.

    So a ReLU too many or too few always shows.
    """
    layers = []
    for d_in, d_out in pairwise(widths):
        W = rng.normal(size=(d_out, d_in))
        z = x @ W.T
        b = -z.mean(axis=0) if len(x) > 1 else rng.normal(size=d_out)
        layers.append((W, b))
        x = np.maximum(z + b, 0)
    return layers


def _with_relus(x: Array, layers: list[tuple[Array, Array]], where: Sequence[str]) -> Array:
    """The layers, with a ReLU before layer k where ``where[k]`` is "1", and after the last."""
    for (W, b), before in zip(layers, where, strict=False):
        x = linear_forward(np.maximum(x, 0) if before == "1" else x, W, b)
    return np.maximum(x, 0) if where[-1] == "1" else x


def _with_another(
    x: Array, layers: list[tuple[Array, Array]], act: Callable[[Array], Array]
) -> Array:
    for W, b in layers[:-1]:
        x = act(linear_forward(x, W, b))
    return linear_forward(x, *layers[-1])


def _why_it_does_not_fit(answer: Answer, rng: Rng) -> str:
    """Why layers cannot be chained, told by nets of one width throughout; "" if unclear."""
    n = 5
    x = rng.normal(size=(n + 3, n))
    layers = _layers(rng, x, [n] * 4)
    last = layers[-1]
    for depth in (2, 3):
        try:
            got = answer(x.copy(), [(W.copy(), b.copy()) for W, b in layers[-depth:]])
        except Exception:  # whatever it is, the first error is the one to be told
            continue
        z = linear_forward(x, *layers[-2])
        _, *others = permutations(layers[-depth:])
        if any(_is(got, mlp_forward(x, order)) for order in others):
            return "各层的次序不对：先用 layers[0]，照列表往后走，最后一层是列表的最后一个"
        if _is(got, linear_forward(x, *last)) or (
            depth == 3 and _is(got, linear_forward(np.maximum(z, 0), *last))
        ):
            return "第 2 层拿到的还是最初的 x：上一层的输出要成为下一层的输入"
        if depth == 2 and _is(got, linear_forward(z.max(axis=0), *last)):
            return (
                "np.max(a, 0) 是沿第 0 轴取最大，少了一维；逐个与 0 比较取大的是 np.maximum(a, 0)"
            )
    return ""


def _form_of_scores(got: Any, B: int, H: int, K: int) -> str:
    """What scores of a wrong form are likely to be."""
    if isinstance(got, list | tuple):
        return f"要一个数组，来的是 {len(got)} 项的列表：只返回最后一层的分数"
    shape = shape_of(got)
    if shape == (K, B):
        return "行列对调了：一行一个样本，样本排成列来算的，最后要转回来"
    if shape == (K,):
        return "只剩一个样本的分数：x 有 B 行，每一行都要算，不是 x[0]"
    if shape == (B, H):
        return "停在了隐藏层的宽度：return 在循环之外吗？最后一步用的是最后一个 (W, b) 吗？"
    return "输出是最后一层的分数 (B, K)：B 个样本，K 是最后一个 W 的行数"


@exercise("01.4", "任意层数的 MLP 前向", points=4)
@hints(
    "一个循环走过 layers：这一层的输出，就是下一层的输入。",
    "每层先做线性变换；后面还有层的话才接 ReLU，最后一层的分数原样返回。",
    "循环时用 enumerate 记下这是第几层，与 len(layers) − 1 比一比，就知道是不是最后一层。",
)
def judge_mlp_forward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, mlp_forward)
    B, D, H, K = int(rng.integers(8, 11)), *sizes(rng, 3, 3, 7)
    x = rng.normal(size=(B, D))
    layers = _layers(rng, x, [D, H, H, K])
    label = f"三层 {D} → {H} → {H} → {K} 的输出"
    try:
        got, want = call(x, layers)
    except ValueError as error:
        hint = _why_it_does_not_fit(answer, rng)
        with contextlib.suppress(Exception):
            call(x, layers)  # so that the card shows this call
        if hint:
            yield that(False, label, hint, f"{type(error).__name__}: {error}"[:160])
        raise
    got = yield from array(got, (B, K), label, _form_of_scores(got, B, H, K))
    hint = "每一行和为 1：这里要分数 (logits)，softmax 留给损失函数"
    yield that(not np.allclose(got.sum(axis=1), 1), "分数而不是概率", hint)
    # ReLU before layer 0, before layer 1, before layer 2, after the last: every other choice
    placed = {"".join(where): _with_relus(x, layers, where) for where in product("01", repeat=4)}
    late = np.maximum(x @ layers[0][0].T, 0) + layers[0][1]
    late = np.maximum(late @ layers[1][0].T, 0) + layers[1][1]
    traps = {
        "层与层之间没有 ReLU：三层并成了一层": placed["0000"],
        "最后一层后面不加 ReLU：分数可以为负": placed["0111"],
        "输入 x 先被 ReLU 了一次：顺序是先线性、后 ReLU": [placed["1110"], placed["1111"]],
        "有一层后面漏了 ReLU：除最后一层外，每层都接": [placed["0100"], placed["0010"]],
        "b 加在了 ReLU 之后：它属于线性那一步，先加 b，再 ReLU": [
            linear_forward(late, *layers[2]),
            np.maximum(late @ layers[2][0].T, 0) + layers[2][1],
        ],
    }
    for why, act in {
        "隐藏层之后接的不是 ReLU：ReLU 是 max(0, z)，负的一律成 0": (
            np.abs,
            np.tanh,
            sigmoid,
            lambda z: np.maximum(z, 0.01 * z),
            lambda z: np.maximum(z, 0.1 * z),
            lambda z: -np.minimum(z, 0),
        ),
    }.items():
        traps[why] = [_with_another(x, layers, one) for one in act]
    traps["有的层没有加 b：每一层都要加，最后一层也要"] = [
        mlp_forward(x, [(W, k * b) for (W, b), k in zip(layers, kept, strict=True)])
        for kept in product((0, 1), repeat=3)
        if not all(kept)
    ]
    others = [got for where, got in placed.items() if where != "0110"]
    traps["ReLU 放错了地方：除最后一层外，每层线性之后接一次"] = others
    hint = "逐层打印，与 linear_forward 的比：第 k 层用第 k 个 (W, b)，输入是上一层 ReLU 之后的输出"
    step = value(got, want, label, hint, traps, weight=2)
    hint = (
        "layers 里的数组被改动了（如 b += …，或写进 W），后面的样本用的就是改过的："
        "写成新数组，b = b + …"
    )
    kept = call.untouched("layers", label="没有改动 layers", hint=hint)
    yield step if step.ok or kept.ok else kept
    fresh = rng.normal(size=(B, D))
    yield again(call, fresh, _layers(rng, fresh, [D, H, H, K]))
    single = _layers(rng, x, [D, K])
    try:
        got, want = call(x, single)
    except (ValueError, IndexError, TypeError) as error:
        hint = "只有一层时，它既是第一层又是最后一层：线性做一次，不接 ReLU，别再做第二遍"
        if isinstance(error, IndexError) or "unpack" in str(error):
            hint = "只有一层时报错了：层数由 layers 的长度决定，别写死成三层"
        yield that(False, f"只有一层 {D} → {K}", hint, f"{type(error).__name__}: {error}"[:160])
        return
    hint = "只有一层时就是一个线性层，没有 ReLU：它是最后一层"
    yield value(got, want, f"只有一层 {D} → {K}", hint)
    label = f"五层 {D} → {H} → {H} → {H} → {H} → {K}"
    five = call(x, _layers(rng, x, [D, H, H, H, H, K]))
    hint = "三层对，五层不对：层数要由 layers 的长度决定，不能写死"
    yield value(*five, label, hint)
    label = f"四层 {D} → {K} → {H} → {K} → {K}，有的隐藏层与最后一层一样宽"
    hint = "认最后一层要看它排第几，不看宽度、形状或数值：别的层可以与它一样"
    yield value(*call(x, _layers(rng, x, [D, K, H, K, K])), label, hint, weight=0.5)
    hint = "B 或 K 是 1 时输出也是二维的 (B, K)：别用 squeeze"
    one = rng.normal(size=(1, D))
    label = f"一个样本，{D} → {H} → 1"
    yield value(*call(one, _layers(rng, one, [D, H, 1])), label, hint, form=hint, weight=0.5)
    pictures = rng.integers(0, 256, size=(B, D)).astype(np.uint8)
    hint = "x 是整数（uint8）时不对：中途的数组别照着 x 的类型建，小数会被截掉"
    whole = _layers(rng, pictures, [D, H, H, K])
    traps = {"整数的 x 被除了 255：原样用，缩放不归它管": mlp_forward(pictures / 255, whole)}
    yield value(*call(pictures, whole), "整数的 x", hint, traps, weight=0.5)
    yield call.untouched("x", weight=0.25)
    hint = "layers 或其中的数组被修改了：不要 pop，也不要原地写"
    yield call.untouched("layers", label="没有改动 layers", hint=hint, weight=0.25)
    # the very same arrays three times, as where one layer is used again: a Caller would copy them
    square = rng.normal(size=(B, K))
    shared = _layers(rng, square, [K, K]) * 3
    want = mlp_forward(square, shared)
    hint = "同一个 (W, b) 用了三次：认最后一层要看它排第几，不看是不是同一个数组"
    label = f"三层 {K} → {K} → {K} → {K}，用的是同一个 (W, b)"
    yield value(answer(square.copy(), shared), want, label, hint, weight=0.5)


def _counts(H: Array, d_in: int, d_out: int, depth: int) -> dict[str, Array]:
    """Wrong numbers of parameters of a net with ``depth`` hidden layers, by what is wrong."""
    i, o, L = d_in, d_out, depth
    right = (i + 1) * H + (L - 1) * (H + 1) * H + (H + 1) * o
    return {
        "隐藏层之间是 depth − 1 层，多数了一层": right + (H + 1) * H,
        "隐藏层之间是 depth − 1 层，少数了一层：depth 只数隐藏层": right - (H + 1) * H,
        "只算了一个隐藏层：层数由 depth 决定": (i + 1) * H + (H + 1) * o,
        "总当成两个隐藏层：层数由 depth 决定": (i + 1) * H + (H + 1) * H + (H + 1) * o,
        "没有算偏置：每个隐藏神经元、每个输出各一个": i * H + (L - 1) * H * H + H * o,
        "隐藏层的偏置漏了：每个隐藏神经元一个": i * H + (L - 1) * H * H + (H + 1) * o,
        "隐藏层之间的那几层漏了偏置：每层的每个神经元都有一个": right - (L - 1) * H,
        "输出层的偏置漏了：每个输出一个": right - o,
        "漏了输出层：最后一个隐藏层到输出，也有权重和偏置": right - (H + 1) * o,
        "漏了第一层：输入到第一个隐藏层，也有权重和偏置": right - (i + 1) * H,
        "预算是参数的个数，不是字节：别乘 4": 4 * right,
        "每层只算了一个偏置：每个神经元、每个输出各一个": right - L * H - o + L + 1,
        "偏置的个数数反了：与这一层的输出一样多，不是输入": right - o + i,
        "隐藏层之间的 H×H 只数成了 H 个": (i + 1) * H + (L - 1) * 2 * H + (H + 1) * o,
        "第二个隐藏层起，输入就是 H 个，不再是 d_in 个": L * (i + 1) * H + (H + 1) * o,
        "输入、输出写成了 784、10：用参数 d_in、d_out": (
            785 * H + (L - 1) * (H + 1) * H + (H + 1) * 10
        ),
        "预算是参数的个数，拿去比的像是 FLOP：一个权重算了两次": (
            2 * (i * H + (L - 1) * H * H + H * o)
        ),
    }


def _widest_traps(cases: Sequence[tuple[int, int, int, int]], want: Array) -> dict[str, Any]:
    """What typical mistakes give in all the cases."""
    H = np.arange(1, 2500)
    rights = [_parameters_of(H, *rest) for _, *rest in cases]
    nearest = [int(np.abs(n - case[0]).argmin()) + 1 for n, case in zip(rights, cases, strict=True)]
    roots = []  # of a H² + b H + c = 0, with the budget for the number of parameters
    for budget, d_in, d_out, depth in cases:
        a, b, c = depth - 1, d_in + d_out + depth, d_out - budget
        roots.append((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a) if a else -c / b)
    traps: dict[str, Any] = {
        "这是参数的个数：要返回的是宽度": np.array(
            [n[k - 1] for n, k in zip(rights, want, strict=True)]
        ),
        "得到的宽度大了 1：那个宽度已经超过预算": want + 1,
        "得到的宽度小了 1：还能再宽": want - 1,
        "向下取整，不是四舍五入：超过了预算的宽度放不下": [np.rint(roots), np.array(nearest)],
        "得到的是到这次为止最大的一个：变量在两次调用间留着（全局变量、默认参数）": (
            np.maximum.accumulate(want)
        ),
    }
    some = np.arange(1, 5001)
    short = [_parameters_of(some, *rest).astype(np.int16) for _, *rest in cases]
    fit = [some[n <= case[0]].max(initial=0) for n, case in zip(short, cases, strict=True)]
    traps["参数的个数在 16 位整数里绕回去了：用 Python 的整数，或 int64"] = np.array(fit)
    wrongs = [_counts(H, *rest) for _, *rest in cases]
    for why in wrongs[0]:
        fit = [n[why] <= case[0] for n, case in zip(wrongs, cases, strict=True)]
        traps[why] = np.array([int(one.sum()) for one in fit])
    return traps


def _parameters_of(H: Array, d_in: int, d_out: int, depth: int) -> Array:
    return (d_in + 1) * H + (depth - 1) * (H + 1) * H + (H + 1) * d_out


def _sum_done(got: Any, case: tuple[int, int, int, int]) -> str:
    """The sum that a wrong width leads to, done for the learner."""
    budget, *rest = case
    if shape_of(got) != () or float(np.asarray(got)) != int(np.asarray(got)):
        return ""
    H = int(np.asarray(got))
    if not 0 <= H <= 10**6:
        return ""
    needs, more = (_parameters([rest[0], *[h] * rest[2], rest[1]]) for h in (H, H + 1))
    if H and needs > budget:
        return f"宽 {H:,} 要 {needs:,} 个参数，预算 {budget:,} 放不下"
    if more <= budget:
        return f"宽 {H + 1:,} 只要 {more:,} 个参数，预算 {budget:,} 还放得下"
    return ""


# inputs, outputs, depth and width where the budget is just used up and NumPy's roots come out
# a little below the width: those of np.roots, then those of np.polynomial
_ROOTS = (
    *((20, 5, 4, 10), (20, 5, 2, 33), (20, 5, 3, 33), (33, 3, 4, 23), (50, 10, 7, 52)),
    *((20, 10, 3, 34), (33, 10, 4, 42), (50, 5, 7, 13), (20, 5, 4, 44), (20, 3, 4, 14)),
    *((20, 10, 5, 32), (33, 10, 4, 14), (20, 10, 4, 50), (20, 10, 4, 30), (50, 5, 4, 10)),
    *((33, 3, 7, 25), (33, 10, 3, 35), (50, 5, 7, 46)),
)


@exercise("01.5", "预算有限，最多能有多宽", points=3)
@hints(
    "先写出宽度是 H 时的参数个数：第一层、中间各层、最后一层，各有多少权重、多少偏置？",
    "depth 个隐藏层之间只有 depth − 1 个 H×H 的层；每个隐藏神经元和每个输出各有一个偏置。",
    "从 1 起一个个试：参数个数随 H 只增不减，第一次超过预算时，上一个就是。",
)
def judge_widest(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, widest)

    def drawn() -> tuple[list[Any], list[Any], Array]:
        """Cases with room to spare, cases without, and the widths that are right for both."""
        spare: list[Any] = []
        exact: list[Any] = []
        widths: list[int] = []
        for depth in rng.permutation(np.repeat([1, 2, 4, 7], 3)):
            d_in, d_out, L = (*(int(n) for n in rng.integers([20, 3], [60, 15])), int(depth))
            H = int(rng.integers(12, 50))
            params, above = (_parameters([d_in, *[h] * L, d_out]) for h in (H, H + 1))
            more, hidden = above - params, L * (H + 1)
            # what is missing for one wider: little, or just what a mistake leaves out
            short = [1, 0.3 * more, 0.6 * more, hidden + d_out, hidden, hidden + d_out - L - 1]
            lacks = min(max(1, int(short[len(spare) % 6])), more)
            spare.append((above - lacks, d_in, d_out, L))
            exact.append((params, d_in, d_out, L))
            widths.append(H)
        return spare, exact, np.array(widths)

    for _ in range(60):  # cases that tell all the mistakes apart
        cases, exact, want = drawn()
        traps = _widest_traps(cases, want)
        known: dict[tuple[int, ...], str] = {tuple(want.tolist()): ""}
        for why, wrong in traps.items():
            for one in wrong if isinstance(wrong, list) else [wrong]:
                known[tuple(one.tolist())] = known.get(tuple(one.tolist()), why)
        if all(
            known[tuple(one.tolist())] == why
            for why, wrong in traps.items()
            for one in (wrong if isinstance(wrong, list) else [wrong])
        ):
            break
    line = "depth = 1 时没有 H² 那一项，是一次方程：二次的求根公式除以了 0"
    got = []
    for case in cases:
        told: dict[type[Exception], str] = {ZeroDivisionError: line} if case[3] == 1 else {}
        H, _ = yield from attempt(partial(call, *case), "宽度", told)
        got.append(H)
    if all(shape_of(one) == () for one in got):
        down = np.array([float(one) for one in got])
        if np.array_equal(np.floor(down), want) and not np.array_equal(down, want):
            hint = "宽度是整数：把解向下取整，返回 int"
            yield that(False, "是整数", hint, f"第 1 个不是整数的是 {down[down != want][0]:.6g}")
    k = next((k for k, H in enumerate(want) if not agree(got[k], H)), 0)
    done = _sum_done(got[k], cases[k])
    if all(shape_of(one) == () for one in got):
        # a count without the layers between the hidden ones runs away where there is one layer
        name = "隐藏层之间是 depth − 1 层，少数了一层：depth 只数隐藏层"
        alone = np.array([case[3] == 1 for case in cases])
        traps[name] = np.where(alone, np.asarray(got, float), traps[name])
    hint = "把得到的 H 代回去数参数：它应不超过预算，H + 1 应超过"
    hint = f"{done}：先在纸上数 H = 1 的参数，再看每个宽度是不是都试到了" if done else hint
    if done:
        traps = {f"{why}（{done}）": wrong for why, wrong in traps.items()}
    hint_of_text = "来的是文字：返回这个数本身，不用 str(…)，也不用 f-string"
    yield that(not any(isinstance(one, str) for one in got), "是数", hint_of_text)
    form = "只返回宽度，一个整数"
    yield one_by_one(call, cases, got, want, "宽度", hint, traps, form=form, weight=2)
    yield that(
        all(isinstance(H, int | np.integer) and not isinstance(H, bool) for H in got),
        "是整数",
        "宽度要是整数：range(H) 要能用",
    )
    budget, d_in, d_out, depth = cases[0]
    yield again(call, budget, 2 * d_in, d_out, depth, label="同样的预算，输入更多")
    yield again(call, budget, d_in, d_out, 2 * depth, label="同样的预算，更多层")
    # rounding of the roots shows in a few of these only
    exact += [
        (_parameters([d_in, *[H] * L, d_out]), d_in, d_out, L) for d_in, d_out, L, H in _ROOTS
    ]
    want = np.append(want, [H for *_, H in _ROOTS])
    less = ((20, 5, 2, 200), (20, 5, 4, 90), (30, 7, 7, 300), (700, 7, 1, 60))
    one_less = [
        (_parameters([d_in, *[H] * L, d_out]) - 1, d_in, d_out, L) for d_in, d_out, L, H in less
    ]
    below = [H - 1 for *_, H in less]
    got = [call(*case)[0] for case in [*exact, *one_less]]
    traps = {
        "恰好等于预算也算不超过：比较用 <=；若是开方求的 H，小心舍入": np.append(
            want - 1, [199, 89, 299, 59]
        )
    }
    want = np.append(want, below)
    hint = (
        "预算恰好用完、或只差 1 个时不对：若用开方、np.roots 求 H，小心舍入，"
        "把 H 与 H + 1 代回去核对"
    )
    label = "恰好用完与只差 1 个时的宽度"
    yield one_by_one(call, [*exact, *one_less], got, want, label, hint, traps)
    wide = [
        (int(rng.integers(3 * H, 3 * H + 3)) + 1, 1, 1, 1)
        for H in rng.integers([1500, 3000], [2500, 4500])
    ]
    wide.append((15_001, 1, 1, 1))  # the bound of the statement, and just enough for it
    want = np.array([(case[0] - 1) // 3 for case in wide])
    hint = "宽度要几千时，一层层调用自己超过了 Python 的限度：改成循环"
    got = []
    for case in wide:
        H, _ = yield from attempt(partial(call, *case), "很宽时", {RecursionError: hint})
        got.append(H)
    hint, traps = "宽度要几千时不对", {}
    if all(shape_of(one) == () for one in got):
        top = int(max(np.asarray(one, float) for one in got))
        traps[f"最大只到 {top:,}：要试的范围太小，H 可以到 5,000"] = np.minimum(want, top)
        if top == 4999:
            hint = "5,000 自己也可能是答案：range(1, 5000) 只到 4,999，二分的上端也要取得到"
            traps = {}
    none = "来的是 None：5,000 也放得下时，循环走完了，还没有走到 return"
    yield that(all(H is not None for H in got), "很宽时有返回", none)
    yield one_by_one(call, wide, got, want, "很宽时的宽度", hint, traps, weight=0.5)
    close = (_parameters([20, 4000, 4000, 4000, 5]) - 1, 20, 5, 3)
    hint = "很宽、又只差 1 个时不对：开方求的 H 用了 float32，或加了小数？把 H + 1 代回去核对"
    got = [call(*close)[0]]
    yield one_by_one(call, [close], got, np.array([3999]), "很宽、只差 1 个时", hint, weight=0)
    poor = [(1, 30, 4, 1), (38, 30, 4, 1), (2, 30, 4, 3), (int(rng.integers(3, 20)), 30, 4, 3)]
    hint = "连宽度 1 都放不下时返回 0"
    got = []
    for case in poor:
        why = f"{hint}：一个合适的也没有时，max(…) 没有可选的，下标也没有可取的"
        H, _ = yield from attempt(
            partial(call, *case), "放不下时的宽度", dict.fromkeys(_MISFIT, why)
        )
        got.append(H)
    yield that(all(H is not None for H in got), "放不下时有返回", f"{hint}，来的是 None")
    want = np.zeros(4, dtype=int)
    yield one_by_one(call, poor, got, want, "放不下时的宽度", hint, weight=0.5)


def _why_not_there(
    positions: Array, kinks: Array, nets: Sequence[list[tuple[Array, Array]]], whole: bool
) -> str:
    """What put the kinks elsewhere: two arrays, a row each hat."""
    left, peak, right = positions.T
    scales = np.stack([W[:, 0] for (W, _), _ in nets])
    offsets = np.stack([b for (_, b), _ in nets])

    def are(*where: Array) -> bool:
        return np.allclose(kinks, np.sort(np.stack(where, axis=1), axis=1), atol=1e-9)

    if np.any(scales == 0):
        return "W1 里有 0：那个神经元对 x 没有反应，也就没有拐点"
    if are(-left, -peak, -right):
        return "拐点落在了 −left、−peak、−right：w·x + b = 0 处才拐，w = 1 时 b = −位置，符号反了"
    if are(np.abs(left), np.abs(peak), np.abs(right)):
        return "left 为负时拐点跑到了 −left：w = 1 时 b = −位置，不是 −|位置|"
    if are(left, (left + right) / 2, right):
        return "最高点在 left 与 right 正中：要在 peak，左右两坡不一定一样宽"
    if are(0 * left, peak, right):
        return "左边的拐点总在 0：left 不一定是 0，用参数"
    if are(left, peak, peak + right):
        return "right 是位置，不是坡的宽度：右坡从 peak 到 right"
    if whole:
        return "拐点都落在整数上：b1 是整数数组，小数被截掉了"
    if np.allclose(np.sort(-offsets, axis=1), positions) and not np.allclose(scales, 1):
        return "拐点在 −b/w：W1 里那一个乘了几，b1 里的也要乘几"
    off = np.abs(kinks - positions).max(axis=0) > 1e-9
    names = [name for k, name in enumerate(("left", "peak", "right")) if off[k]]
    return (
        f"{'、'.join(names)} 处没有拐点：每个神经元在 w·x + b = 0 处拐，即 x = −b/w；三个各管一处"
    )


def _why_not_exact(off: float, arrays: Sequence[Any]) -> str:
    """For a hat that is nearly right: where the digits went; "" if it is not nearly right."""
    if not 0 < off < 1e-3:
        return ""
    digit = f"只差在小数点后第 {int(np.ceil(-np.log10(off)))} 位"
    if any(getattr(one, "dtype", None) in (np.float32, np.float16) for one in arrays):
        return f"{digit}：数组是 float32，用 float64"
    shown = np.asarray(arrays[2], float)
    if any(np.allclose(shown, np.round(shown, k), rtol=0, atol=1e-14) for k in range(2, 8)):
        return f"{digit}：斜率被四舍五入了，别用 round"
    return f"{digit}：分母里加了小常数，或中途用了 float32、四舍五入？"


@exercise("01.6", "用三个 ReLU 搭一顶帽子", points=4)
@hints(
    "每个 ReLU 只在一处拐弯。帽子有三个拐点：left、peak、right，正好一个神经元管一个。",
    "第一层让三个神经元分别在 x 超过 left、peak、right 后才大于 0；"
    "第二层的权重就是每个拐点处斜率的变化。",
    "斜率依次是 0、1/(peak − left)、−1/(right − peak)、0；"
    "相邻两个相减，得到三个变化，它们的和是 0。",
)
def judge_hat(answer: Answer, rng: Rng) -> Steps:
    positions, nets, results = [], [], []
    names = ("W1", "b1", "W2", "b2")
    shapes = {"W1": (3, 1), "b1": (3,), "W2": (1, 3), "b2": (1,)}
    # to the left of 0, across it, to the right; now one slope is the steeper, now the other
    starts = rng.uniform([-6, -1.4, 0.2], [-4.5, -0.6, 2])
    wide, narrow = rng.uniform(1.5, 3, size=3), rng.uniform(0.4, 0.9, size=3)
    asked_for: list[tuple[float, float, float]] = []
    for k in rng.permutation(3):
        left = float(starts[k])
        peak = left + float(wide[k] if k == 1 else narrow[k])
        asked_for.append((left, peak, peak + float(narrow[k] if k == 1 else wide[k])))
    left, up, down = (int(n) for n in rng.integers([-3, 2, 5], [0, 5, 8]))
    asked_for.append((left, left + up, left + up + down))  # whole numbers, whose slopes are not
    for left, peak, right in asked_for:
        got = answer(left, peak, right)
        results.append(got)
        got = yield from parts(got, 4, "W1, b1, W2, b2")
        came = [shape_of(one) for one in got]
        if came != list(shapes.values()) and sorted(map(str, came)) == sorted(
            map(str, shapes.values())
        ):
            hint = "四个都在，次序不对：W1, b1, W2, b2"
            if came[1::2] == [(3,), (1,)]:
                hint = "W1 要 (3, 1)、W2 要 (1, 3)，来的正相反：W 是 (D_out, D_in)，一行一个神经元"
            yield that(False, "返回的次序", hint, given=results[-1])
        b1 = yield from array(got[1], (3,), "b1", "三个隐藏神经元：b1 是一维的 (3,)")
        W1 = yield from array(got[0], (3, 1), "W1", "输入只有一个数、隐藏三个：W1 是 (3, 1)")
        W2 = yield from array(got[2], (1, 3), "W2", "隐藏三个、输出只有一个数：W2 是 (1, 3)")
        b2 = yield from array(got[3], (1,), "b2", "输出只有一个数：b2 是 (1,)")
        positions.append((left, peak, right))
        nets.append([(W1, b1), (W2, b2)])
    first = yield from parts(answer(*positions[0]), 4, "W1, b1, W2, b2")
    before = [nets[0][0][0], nets[0][0][1], nets[0][1][0], nets[0][1][1]]
    for name, one, other in zip(names, first, before, strict=True):
        same = shape_of(one) == other.shape and np.array_equal(
            np.asarray(one, float), other, equal_nan=True
        )
        hint = (
            f"同样的 left、peak、right，{name} 却与第一次的不同："
            "它在两次调用间留着（默认参数、全局变量），每次要新建"
        )
        yield that(same, "同样的输入再问一次", hint)

    def drawn(k: int, *at: float) -> Array:
        """What the hat ``k`` draws at these places."""
        return mlp_forward(np.array(at)[:, None], nets[k])[:, 0]

    def asked(
        label: str,
        places: Callable[[float, float, float], Sequence[float]],
        want: Sequence[float],
        why: Callable[[int, Array], str],
        weight: float,
    ) -> Step:
        """One question to each of the hats; the card shows the first that is wrong."""
        for k, where in enumerate(positions):
            got = drawn(k, *places(*where))
            step = value(got, np.array(want), label, atol=1e-10)
            if not step.ok:
                off = float(np.nan_to_num(np.abs(got - want), nan=np.inf).max())
                hint = _why_not_exact(off, results[k]) or why(k, got)
                return replace(step, hint=hint, given=results[k], weight=weight)
        return Step(True, f"{label}的高度", weight=weight)

    where = np.array(positions)
    with np.errstate(all="ignore"):
        kinks = np.sort([-b / W[:, 0] for (W, b), _ in nets], axis=1)
    off = np.abs(kinks - where)
    k = next((k for k in range(len(off)) if not np.all(off[k] < 1e-9)), None)
    hint = ""
    if k is not None:
        integer = all(np.asarray(one[1]).dtype.kind in "iu" for one in results)
        worst = float(np.nan_to_num(off[k], nan=np.inf).max())
        hint = _why_not_exact(worst, results[k]) or _why_not_there(where, kinks, nets, integer)
    yield that(k is None, "拐点的位置", hint, given=None if k is None else results[k])

    def left_of(k: int, got: Array) -> str:
        if np.all(nets[k][0][0] > 0):
            return "帽子左边不是 0：那里三个 ReLU 都是 0，留下的就是 b2"
        return "帽子左边不是 0：朝左的 ReLU 在那里还亮着，几个斜率要正好抵消，再看 b2"

    yield asked("left 左边", lambda a, p, b: (a - 5, a - 1, a), [0, 0, 0], left_of, 0)

    def tip(k: int, got: Array) -> str:
        a, p, b = positions[k]
        up, down, height = p - a, b - p, float(got[0])
        after = float(drawn(k, p + 0.01 * down)[0] - height) / (0.01 * down)
        if np.isclose(height, up / down):
            return "左右两坡的斜率对调了：左坡的宽是 peak − left"
        if np.isclose(height, up * up):
            return "斜率是高除以宽：1 / (peak − left)，不是 peak − left"
        copied = all(np.array_equal(net[1][0], nets[0][1][0]) for net in nets)
        if copied and np.isclose(height, up) and np.isclose(after, -1):
            return "斜率照抄了例子里的 1：例子的坡宽正好是 1，这里要走完 peak − left 才升到 1"
        if all(np.array_equal(W, np.round(W)) for W, _ in nets[k]):
            return "斜率只剩整数：用了整除 //，或 W2 建成了整数数组？"
        return "帽尖的高度要是 1：从 left 升到 peak，左坡的斜率是 1 / (peak − left)"

    yield asked("帽尖", lambda a, p, b: (p,), [1], tip, 1)

    def slopes(k: int, got: Array) -> str:
        a, p, b = positions[k]
        after = 2 * float(got[1] - 1) / (b - p)
        if np.isclose(after, -1 / (p - a)):
            return "右坡与左坡一样陡：帽子不一定左右对称，右坡的斜率是 −1 / (right − peak)"
        if not np.isclose(got[0], 0.5):
            return "左坡不直：left 与 peak 之间不该再有拐弯"
        way = "还在往上" if after > 0 else "成了平的" if after == 0 else "往下，快慢不对"
        return (
            f"过了 peak，帽子{way}：右坡的宽是 right − peak；"
            "W2 里放的是每个拐点处斜率**改变**多少，peak 处从左坡变成右坡"
        )

    yield asked(
        "两坡的中点与 right 处",
        lambda a, p, b: ((a + p) / 2, (p + b) / 2, b),
        [0.5, 0.5, 0],
        slopes,
        1.5,
    )
    hint = "过了 right 没有拉平：三个斜率变化加起来要是 0，right 处从右坡变回 0"
    yield asked("right 右边", lambda a, p, b: (b + 1, b + 50), [0, 0], lambda k, got: hint, 1)
