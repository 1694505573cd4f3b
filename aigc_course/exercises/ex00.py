"""Chapter 00, welcome: three small exercises, and the library's version of each.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

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
    shape_of,
    sizes,
    that,
    value,
)

__all__ = ["garments", "mean_image", "nearest"]


# --- the library's versions --------------------------------------------------------------------


def mean_image(images: Array) -> Array:
    """The average picture.

    Args:
        images: (N, H, W), any number type.

    Returns:
        (H, W), float64: each pixel averaged over the N pictures.

    Example:
        >>> mean_image(np.array([[[0, 200]], [[100, 255]]], dtype=np.uint8)).tolist()
        [[50.0, 227.5]]
    """
    return np.asarray(images).mean(axis=0)


def garments(mean: Array, components: Array, std: Array, eps: Array) -> Array:
    """Pictures from Gaussian coefficients: ``mean + (eps · std) components``, clipped to [0, 1].

    Args:
        mean: (D,).
        components: (d, D), one direction a row.
        std: (d,), standard deviation along each direction.
        eps: (M, d), standard normal numbers.

    Returns:
        (M, D).

    Example:
        >>> garments(np.full(2, 0.5), np.eye(2), np.array([0.1, 0.2]), np.array([[1, -1]])).tolist()
        [[0.6, 0.3]]
    """
    return np.clip(mean + (eps * std) @ components, 0.0, 1.0)


def nearest(samples: Array, train: Array) -> Array:
    """Euclidean distance from each sample to the nearest training picture.

    Args:
        samples: (M, D).
        train: (N, D).

    Returns:
        (M,).

    Example:
        >>> nearest(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [6.0, 8.0]])).tolist()
        [5.0]
    """
    square = (samples**2).sum(1)[:, None] - 2 * samples @ train.T + (train**2).sum(1)
    return np.sqrt(np.maximum(square.min(axis=1), 0.0))  # rounding may dip below 0 for copies


# --- the judges --------------------------------------------------------------------------------


@exercise("00.1", "平均图", points=1)
@hints(
    "平均图与一张图一样大：每个像素，是所有图同一位置上的平均。哪一维该消失？",
    "images 是 (N, H, W)，第几张图由第 0 维决定：沿这一维求平均，剩下 (H, W)。",
    "数组自带 mean，用参数 axis 说明沿哪一维；它在浮点数里累加，uint8 不会绕回去。",
)
def judge_mean_image(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, mean_image)
    N, H, W = sizes(rng, 3, 4, 12)
    images = rng.integers(0, 256, size=(N, H, W), dtype=np.uint8)
    got, want = call(images)
    yield that(got is not None, "有返回值", "算出来了，但函数没有把它交出来：最后一行加 return")
    hint = "得到一个数：mean() 把所有像素一起平均了，要 axis=0"
    yield that(shape_of(got) != (), "是一张图", hint)
    hint = "得到每张图的平均亮度 (N,)：应沿“第几张”这一维平均，axis=0"
    yield that(shape_of(got) != (N,), "沿哪一维平均", hint)
    got = yield from array(got, (H, W), "平均图", "(N, H, W) 沿第 0 维平均，剩下 (H, W)")
    wrapped = images.sum(axis=0, dtype=np.uint8) / N
    hint = "像素和在 uint8 里绕回去了（255 + 1 = 0）：先转成浮点数再加，或直接用 mean"
    yield that(not np.allclose(got, wrapped), "没有溢出", hint)
    hint = "每个像素：N 张图同一位置的值相加，除以 N"
    yield value(got, want, "平均图（取整之前）", hint, rtol=0, atol=1)
    cut = "小数部分没了：用 / 而不是 //，结果也不要转回整数"
    yield that(not np.array_equal(got, np.rint(got)), "没有取整", cut)
    yield value(got, want, "平均图", hint, rtol=1e-6)
    yield call.untouched(weight=0.5)


@exercise("00.2", "从高斯里抽新衣服", points=2)
@hints(
    "一张新图是平均图加上几个方向的组合；eps 说每个方向走几个标准差。",
    "先让 eps 的每一列乘上那个方向的标准差，得到系数 (M, d)，再用矩阵乘法去乘方向 (d, D)。",
    "新图 = 平均图 + (系数 · 标准差) 与方向的矩阵积，最后用 np.clip 把像素夹在 0 与 1 之间。",
)
def judge_garments(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, garments)
    d, M, D = 3, int(rng.integers(4, 7)), int(rng.integers(7, 11))
    mean = rng.uniform(0.4, 0.6, size=D)
    components = np.linalg.qr(rng.normal(size=(D, D)))[0][:d]
    # 0.6 + √3 · 3 · 0.05 < 1: nothing leaves [0, 1], so clipping cannot hide a slip
    std = rng.uniform(0.02, 0.05, size=d)
    eps = np.clip(rng.normal(size=(M, d)), -3, 3)
    got, want = call(mean, components, std, eps)
    got = yield from array(
        got, (M, D), "图", "eps (M, d) 乘 components (d, D) 得 (M, D)，一行一张图"
    )
    move, unscaled = want - mean, mean + eps @ components
    traps = {
        "没有加 mean：抽到的只是与平均图的差": [move, np.clip(move, 0, 1)],
        "没有乘 std：各个方向的起伏大小不同": [unscaled, np.clip(unscaled, 0, 1)],
        "乘成了方差：eps 要乘标准差 std，不是 std 的平方": mean + (eps * std**2) @ components,
    }
    yield value(got, want, "图", "平均图，加上每个方向乘以（系数 × 标准差）", traps, weight=2)
    # far along each direction and as far back: some pixels above 1, some below 0
    wide = call(mean, components, std * 40, np.concatenate([eps, -eps]))
    yield value(*wide, "夹到 [0, 1]", "有像素跑到了 [0, 1] 之外：最后用 np.clip 夹住")
    yield call.untouched(weight=0.5)


@exercise("00.3", "最近的训练图有多远", points=3)
@hints(
    "先只想一张新图：它与每张训练图各有一个距离，要的是其中最小的那个。",
    "距离是“逐像素相减、平方、求和、开方”。一张张循环即可；要快就用展开式，先得到 (M, N) 的平方。",
    "展开式：新图的平方和 (M, 1)，减 2 倍的矩阵积 (M, N)，加训练图的平方和 (N,)；"
    "沿 N 取最小，把舍入出来的负数抬到 0，再开方。",
)
def judge_nearest(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, nearest)
    M, N, D = sizes(rng, 3, 4, 12)
    samples, train = rng.uniform(size=(M, D)), rng.uniform(size=(N, D))
    got, _ = call(samples, train)
    hint = "得到了每张训练图一个数：min 沿 train 那一维取"
    yield that(shape_of(got) != (N,), "每张新图一个数", hint)
    got = yield from array(got, (M,), "距离", "每张新图一个距离，形状 (M,)")
    differences = samples[:, None] - train
    distance = np.sqrt((differences**2).sum(-1))
    want = distance.min(axis=1)
    traps = {
        "得到的是编号：要 min，不是 argmin": distance.argmin(axis=1),
        "得到的是距离的平方：最后开方": want**2,
        "要最近的一张，不是平均距离": distance.mean(axis=1),
        "得到的是最远的一张：要 min": distance.max(axis=1),
        "绝对值之和是另一种距离：差的平方和再开方": np.abs(differences).sum(-1).min(axis=1),
    }
    hint = "对每张新图：与每张训练图求差，平方，求和，开方，取最小"
    yield value(got, want, "距离", hint, traps, weight=2)
    # many copies of many pixels: without the floor, rounding makes some square negative
    album = rng.uniform(size=(60, 50))
    got, _ = call(album[rng.permutation(60)], album)
    hint = "抄来的图距离应为 0：出现 nan 是舍入误差让平方和略小于 0，开方前用 np.maximum(…, 0)"
    yield value(got, np.zeros(60), "抄来的图", hint, atol=1e-6)
    yield call.untouched(weight=0.5)
