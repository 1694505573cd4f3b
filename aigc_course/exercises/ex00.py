"""Chapter 00, welcome: three small exercises, and the library's version of each.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.exercises.core import Step, close, exercise, shape, that, untouched

Array = NDArray[Any]

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


@exercise("00.1", title="平均图", points=1, asks="mean_image(images)")
def _mean_image(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    images = rng.integers(0, 256, size=(9, 5, 7), dtype=np.uint8)
    before = images.copy()
    got = answer(images)
    yield that(got is not None, "有返回值", "算出来了，但函数没有把它交出来：最后一行加 return")
    yield that(
        np.shape(got) != (), "是一张图", "得到一个数：mean() 把所有像素一起平均了，要 axis=0"
    )
    hint = "得到每张图的平均亮度 (N,)：应沿“第几张”这一维平均，axis=0"
    yield that(np.shape(got) != (9,), "沿哪一维平均", hint)
    yield shape(got, (5, 7), "平均图", hint="(N, H, W) 沿第 0 维平均，剩下 (H, W)")
    got = np.asarray(got, dtype=float)
    wrapped = before.sum(axis=0, dtype=np.uint8) / 9
    hint = "像素和在 uint8 里绕回去了（255 + 1 = 0）：先转成浮点数再加，或直接用 mean"
    yield that(not np.allclose(got, wrapped), "没有溢出", hint)
    hint = "小数部分没了：用 / 而不是 //，结果也不要转回整数"
    yield that(not np.array_equal(got, np.floor(mean_image(before))), "没有取整", hint)
    yield close(got, mean_image(before), "平均图", hint="每个像素：N 张图同一位置的值相加，除以 N")
    yield untouched(before, images, "images")


@exercise("00.2", title="从高斯里抽新衣服", points=2, asks="garments(mean, components, std, eps)")
def _garments(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    D, d, M = 6, 3, 4
    mean = rng.uniform(0.4, 0.6, size=D)
    components = np.linalg.qr(rng.normal(size=(D, D)))[0][:d]
    std = np.array(
        [0.03, 0.05, 0.02]
    )  # small: nothing leaves [0, 1], so clipping cannot hide a slip
    eps = rng.normal(size=(M, d))
    copies = [a.copy() for a in (mean, components, std, eps)]
    got = answer(mean, components, std, eps)
    yield shape(got, (M, D), "图", hint="eps (M, d) 乘 components (d, D) 得 (M, D)，一行一张图")
    got = np.asarray(got, dtype=float)
    move = (eps * std) @ components
    yield that(not np.allclose(got, move), "均值", "没有加 mean：抽到的只是与平均图的差")
    unscaled = np.allclose(got, np.clip(mean + eps @ components, 0, 1))
    unscaled = unscaled or np.allclose(got, mean + eps @ components)
    yield that(not unscaled, "标准差", "没有乘 std：各个方向的起伏大小不同")
    squared = np.allclose(got, mean + (eps * std**2) @ components)
    yield that(not squared, "标准差不是方差", "乘成了方差：eps 要乘标准差 std，不是 std 的平方")
    yield close(got, mean + move, "图", hint="mean + (eps * std) @ components")
    for before, after, name in zip(
        copies, (mean, components, std, eps), ("mean", "components", "std", "eps"), strict=True
    ):
        yield untouched(before, after, name)
    wide = garments(mean, components, std * 40, eps)
    hint = "有像素跑到了 [0, 1] 之外：最后用 np.clip 夹住"
    yield close(answer(mean, components, std * 40, eps), wide, "夹到 [0, 1]", hint=hint)


@exercise("00.3", title="最近的训练图有多远", points=3, asks="nearest(samples, train)")
def _nearest(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    samples, train = rng.uniform(size=(5, 8)), rng.uniform(size=(7, 8))
    copies = samples.copy(), train.copy()
    got = answer(samples, train)
    all_pairs = np.sqrt(((samples[:, None] - train) ** 2).sum(-1))
    by_train = np.shape(got) == (7,)
    yield that(not by_train, "每张新图一个数", "得到了每张训练图一个数：min 沿 train 那一维取")
    yield shape(got, (5,), "距离", hint="每张新图一个距离，形状 (M,)")
    got, right = np.asarray(got, dtype=float), all_pairs.min(axis=1)
    yield that(
        not np.allclose(got, all_pairs.argmin(axis=1)), "距离而不是编号", "要 min，不是 argmin"
    )
    yield that(not np.allclose(got, right**2), "开方", "得到的是距离的平方：最后开方")
    yield that(not np.allclose(got, all_pairs.mean(axis=1)), "最近", "要最近的一张，不是平均距离")
    manhattan = np.abs(samples[:, None] - train).sum(-1).min(axis=1)
    yield that(
        not np.allclose(got, manhattan), "欧氏距离", "绝对值之和是另一种距离：差的平方和再开方"
    )
    yield close(got, right, "距离", hint="对每张新图：与每张训练图求差，平方，求和，开方，取最小")
    yield untouched(copies[0], samples, "samples")
    yield untouched(copies[1], train, "train")
    copied = train[rng.permutation(7)[:3]]
    hint = "抄来的图距离应为 0：出现 nan 是舍入误差让平方和略小于 0，开方前用 np.maximum(…, 0)"
    yield close(answer(copied, train), np.zeros(3), "抄来的图", hint=hint, atol=1e-6)
