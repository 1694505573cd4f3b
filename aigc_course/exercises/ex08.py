"""Chapter 08, text_pipeline: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    exercise,
    hints,
    sizes,
    value,
)

__all__ = ["moving_average", "standardise", "top_k"]


# --- the library's versions --------------------------------------------------------------------


def standardise(x: Array) -> Array:
    """Each column with mean 0 and standard deviation 1; a constant column becomes 0.

    Args:
        x: (N, D).

    Example:
        >>> standardise(np.array([[0.0, 5.0], [2.0, 5.0]])).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    centred = x - x.mean(axis=0)
    std = x.std(axis=0)  # (D,)
    return centred / np.where(std > 0, std, 1)


def moving_average(x: Array, k: int) -> Array:
    """The mean of each ``k`` neighbours, (N - k + 1,).

    Args:
        x: (N,), at least ``k`` of them.
        k: width of the window.

    Example:
        >>> moving_average(np.array([1.0, 2.0, 6.0]), 2).tolist()
        [1.5, 4.0]
    """
    total = np.concatenate([[0.0], np.cumsum(x)])  # (N + 1,)
    return (total[k:] - total[:-k]) / k


def top_k(scores: Array, k: int) -> Array:
    """Where the ``k`` largest scores are, the largest first; of equal ones the earlier first.

    Example:
        >>> top_k(np.array([3, 9, 9, 1]), 2).tolist()
        [1, 2]
    """
    return np.argsort(-scores, kind="stable")[:k]


# --- the judges --------------------------------------------------------------------------------


@exercise("08.1", "逐列标准化", points=2, asks="standardise(x) -> 与 x 同形")
@hints(
    "每一列各有自己的均值和标准差：沿哪个轴求？",
    "axis=0 把 N 行合成一行，得到 (D,)；它与 (N, D) 相减会自动广播。",
    "减去 x.mean(axis=0)，再除以 x.std(axis=0)；标准差是 0 的那一列改为除以 1。",
)
def judge_standardise(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, standardise)
    N, D = sizes(rng, 2, 4, 9)
    x = rng.normal(3, 2, size=(N, D)) * rng.uniform(1, 3, size=D)
    centred = x - x.mean(axis=0)
    rows = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    traps = {
        "整张表用了同一个均值：每一列减自己的，沿 axis=0": (x - x.mean()) / x.std(),
        "沿 axis=1 是每一行的均值，要的是每一列的": rows,
        "减了均值，还没有除以标准差": centred,
        "除的是方差，标准差是它的平方根": centred / x.var(axis=0),
        "标准差里除以 N，不是 N - 1：ddof 用默认的 0": centred / x.std(axis=0, ddof=1),
    }
    yield value(*call(x), "z", "每一列减均值、除标准差", traps, form="结果与 x 同形")
    flat = x.copy()
    flat[:, 0] = 3.0
    yield value(*call(flat), "有一列全都相等", "标准差是 0 时除以 1：那一列是 0，不是 nan")
    yield call.untouched(weight=0.5)


@exercise("08.2", "滑动平均", points=2, asks="moving_average(x, k) -> (N - k + 1,)")
@hints(
    "第 i 个窗口是 x[i] 到 x[i + k - 1]，一共有几个完整的窗口？",
    "累积和的前面补一个 0，相隔 k 的两个累积和之差，就是一个窗口的和。",
    "total 是补了 0 的累积和；结果是 total[k:] 减 total[:-k]，再除以 k。",
)
def judge_moving_average(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, moving_average)
    N, k = int(rng.integers(9, 15)), int(rng.integers(3, 6))
    x = rng.normal(2, 1, size=N)
    windows = np.array([x[i : i + k] for i in range(N - k + 1)])
    traps = {
        "是窗口的和，还没有除以 k": windows.sum(axis=1),
        "窗口里取了中位数，要的是平均": np.median(windows, axis=1),
        "除以了 N，一个窗口只有 k 个数": windows.sum(axis=1) / N,
        "少了第一个窗口：累积和前面要补一个 0": windows[1:].mean(axis=1),
        "两端补了 0：只要完整的窗口": np.convolve(x, np.ones(k) / k),
    }
    yield value(*call(x, k), "平均", "第 i 个是 x[i] 到 x[i + k - 1] 的平均", traps,
                form="N 个数里，宽 k 的完整窗口有 N - k + 1 个")  # fmt: skip
    yield value(*call(x, 1), "k = 1", "宽 1 的窗口，平均就是它自己")
    yield value(*call(x, N), "k = N", "只有一个窗口：结果是一个数的数组，是全体的平均")
    yield call.untouched(weight=0.5)


@exercise("08.3", "前几名", points=2, asks="top_k(scores, k) -> (k,) 的整数数组")
@hints(
    "要的是位置，不是分数；大的在前。",
    "np.argsort 从小到大排，给出的是位置；怎样让它从大到小，又不打乱并列的次序？",
    '对 -scores 用 kind="stable" 的 argsort，取前 k 个。',
)
def judge_top_k(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, top_k)
    N, k = int(rng.integers(8, 13)), int(rng.integers(3, 5))
    best = rng.permutation(N)
    best[:3] = np.sort(best[:3])[[1, 0, 2]]  # neither in order of place nor in the reverse
    scores = np.zeros(N)
    scores[best] = 20.0 + np.arange(N, 0, -1)
    traps = {
        "要的是位置，不是分数：用 argsort，不用 sort": scores[best[:k]],
        "这是最小的几个：argsort 从小到大排": best[::-1][:k],
        "次序反了：大的在前": best[:k][::-1],
        "位置排过序了：要按分数从大到小": np.sort(best[:k]),
    }
    yield value(*call(scores, k), "位置", "最大的 k 个分数的位置，大的在前", traps,
                form="正好 k 个位置")  # fmt: skip
    equal = np.repeat([1.0, 7.0, 4.0], [2, 4, 3])
    equal[int(rng.integers(6, 9))] = 9.0
    yield value(*call(equal, 4), "有并列", "分数相同时，位置靠前的在前：倒过来的 argsort 会弄反")
    yield again(call, rng.permutation(scores), k)
    yield call.untouched(weight=0.5)
