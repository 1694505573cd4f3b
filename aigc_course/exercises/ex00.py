"""Chapter 00, welcome: four small exercises, and the library's version of each.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    agree,
    array,
    exercise,
    hints,
    one_by_one,
    parts,
    sizes,
    that,
    value,
)

__all__ = ["disguise", "garments", "likeness", "normalise", "sharpness", "typical"]


# --- the library's versions --------------------------------------------------------------------


def typical(images: Array) -> tuple[int, int]:
    """Which picture lies nearest to the average picture, and which farthest from it.

    Args:
        images: (N, H, W), any number type.

    Returns:
        ``(near, far)``: two row numbers, by Euclidean distance.

    Example:
        >>> typical(np.array([[[0, 9]], [[4, 9]], [[200, 9]]], dtype=np.uint8))
        (1, 2)
    """
    far = ((images - images.mean(axis=0)) ** 2).sum(axis=(1, 2))
    return int(far.argmin()), int(far.argmax())


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


def normalise(images: Array) -> Array:
    """Each picture without its brightness and contrast: mean 0, length 1.

    The inner product of two rows is then the correlation of the two pictures.

    Args:
        images: (M, D), any number type.

    Returns:
        (M, D), float; a row of zeros for a picture of a single shade.

    Example:
        >>> a, b = normalise(np.array([[0.0, 1.0, 3.0], [10.0, 12.0, 16.0]]))
        >>> bool(np.allclose(a, b)), round(float(a @ b), 6)
        (True, 1.0)
    """
    centred = images - images.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 1e-12, length, 1.0)


def likeness(samples: Array, train: Array) -> Array:
    """How like its nearest training picture each sample is, whatever was done to it.

    The correlation of 26 × 26 windows, the largest over one pixel's shift in every direction, over
    mirroring, and over all training pictures; brightness and contrast have no say.

    Args:
        samples: (M, 784).
        train: (N, 784).

    Returns:
        (M,), at most 1.

    Example:
        >>> shirt = np.random.default_rng(0).uniform(size=(1, 28, 28))
        >>> moved = np.roll(shirt[:, :, ::-1], 1, axis=2) * 0.5
        >>> round(float(likeness(moved.reshape(1, 784), shirt.reshape(1, 784))[0]), 3)
        1.0
    """
    inner = normalise(train.reshape(-1, 28, 28)[:, 1:27, 1:27].reshape(len(train), 676))
    best = np.full(len(samples), -1.0)
    for pictures in (samples.reshape(-1, 28, 28), samples.reshape(-1, 28, 28)[:, :, ::-1]):
        for dy in range(3):
            for dx in range(3):
                window = pictures[:, dy : dy + 26, dx : dx + 26].reshape(len(samples), 676)
                best = np.maximum(best, (normalise(window) @ inner.T).max(axis=1))
    return best


def sharpness(images: Array) -> float:
    """Mean size of the step from a pixel to its neighbours, to the right and below.

    Example:
        >>> sharpness(np.array([[[0.0, 1.0], [0.0, 1.0]]]))
        0.5
    """
    right, below = np.abs(np.diff(images, axis=-1)), np.abs(np.diff(images, axis=-2))
    return float(np.concatenate([right.ravel(), below.ravel()]).mean())


def disguise(image: Array) -> Array:
    """The same garment, moved so that :func:`likeness` no longer knows it: a quarter turn.

    Args:
        image: (28, 28).

    Returns:
        (28, 28), the same pixels elsewhere.

    Example:
        >>> disguise(np.arange(784).reshape(28, 28))[0, :3].tolist()
        [27, 55, 83]
    """
    return np.rot90(image)


# --- the judges --------------------------------------------------------------------------------


def _album(rng: Rng) -> Array:
    """Pictures in which every other measure of distance chooses another nearest or farthest one."""
    plain, bright = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    H, W = sizes(rng, 2, 5, 11)
    cloth, noise = rng.uniform(30, 160, size=(H, W)), rng.normal(size=(plain + bright, H, W)) * 20
    centre = cloth + 80 * bright / (plain + bright)  # near the average of all of them
    even = centre + rng.choice([-22, 22], size=(H, W))  # nearest by squares
    even[rng.integers(H), rng.integers(W)] += 60  # not by the largest difference
    few = centre + 110 * (rng.permutation(H * W).reshape(H, W) < H * W / 8)  # by absolute values
    negative = cloth.min() + cloth.max() - cloth  # farthest, of ordinary brightness
    shifted = cloth + noise + np.repeat([0, 80], [plain, bright])[:, None, None]
    images = np.concatenate([shifted, [even, few, negative]])
    images = np.clip(images[rng.permutation(len(images))], 0, 255).astype(np.uint8)
    squares = _squares(images)
    by_largest = squares.max(axis=(1, 2)).argmin() == squares.sum(axis=(1, 2)).argmin()
    return _album(rng) if by_largest else images


def _squares(images: Array) -> Array:
    return (images - images.mean(axis=0)) ** 2


@exercise("00.1", "最典型的一张，最离群的一张", points=1)
@hints(
    "先要一张平均图：它与一张图一样大，每个像素是所有图同一位置上的平均。哪一维该消失？",
    "images 减去 (H, W) 的平均图会逐张相减；平方以后，一张图该剩下几个数？",
    "平方和沿后两维求，得到 (N,)；argmin、argmax 给出最小、最大的是第几个。",
)
def judge_typical(answer: Answer, rng: Rng) -> Steps:
    cases = [_album(rng) for _ in range(6)]
    call = Caller(answer, typical)
    near, far = [], []
    for images in cases:
        got = yield from parts(call(images)[0], 2, "near, far 两个下标")
        near.append(got[0])
        far.append(got[1])

    def pick(measure: Callable[[Array], Array]) -> list[Array]:
        """What another measure of distance, (N, H, W) -> (N,), would have chosen: near, far."""
        by = [measure(images.astype(float)) for images in cases]
        return [np.array([d.argmin() for d in by]), np.array([d.argmax() for d in by])]

    wrongs = {
        "正负相消，比的成了每张图的平均亮度：逐像素相减以后要先平方，再求和": pick(
            lambda x: x.mean(axis=(1, 2))
        ),
        "减的是一个数：mean() 少了 axis=0，得不到平均图": pick(
            lambda x: ((x - x.mean()) ** 2).sum(axis=(1, 2))
        ),
        "绝对值之和是另一种距离：欧氏距离用平方": pick(
            lambda x: np.abs(x - x.mean(axis=0)).sum(axis=(1, 2))
        ),
        "平方在 uint8 里绕回去了：先变成浮点数": pick(
            lambda x: ((x.astype(np.uint8) - x.mean(axis=0).astype(np.uint8)) ** 2).sum(
                axis=(1, 2), dtype=float
            )
        ),
        "减的是每张图自己的平均亮度：要减平均图": pick(
            lambda x: ((x - x.mean(axis=(1, 2), keepdims=True)) ** 2).sum(axis=(1, 2))
        ),
        "只看了差得最多的那个像素：欧氏距离要把平方都加起来": pick(
            lambda x: np.abs(x - x.mean(axis=0)).max(axis=(1, 2))
        ),
        "用的是中位数图：平均图是同一位置上的平均": pick(
            lambda x: ((x - np.median(x, axis=0)) ** 2).sum(axis=(1, 2))
        ),
    }
    first, last = pick(lambda x: _squares(x).sum(axis=(1, 2)))
    hint = "对每张图求它与平均图的平方距离，再问最小的、最大的各是第几张"
    distances = [_squares(images).sum(axis=(1, 2)) for images in cases]
    at: dict[str, Any] = {
        "编号从 0 数起：多了 1": first + 1,
        "这是距离，不是编号：要 argmin，不是 min": [
            np.array([d.min() for d in distances]),
            np.array([np.sqrt(d.min()) for d in distances]),
        ],
        "平方和要沿后两维求，只剩 N 个数；现在的编号数的不是图": [
            np.array([_squares(images).sum(axis=axis).argmin() for images in cases])
            for axis in (0, 1, 2)
        ]
        + [np.array([_squares(images).argmin() for images in cases])],
    }
    # measures may agree on the nearest: the one that agrees on the farthest too comes first
    both = sorted(wrongs.items(), key=lambda wrong: not agree(far, wrong[1][1]))
    traps = at | {why: wrong[0] for why, wrong in both}
    if agree(far, first):
        traps = {"两个下标的次序反了：先最近，后最远": last} | traps
    asked, form = [(images,) for images in cases], "要的是一个整数下标"
    yield one_by_one(call, asked, near, first, "near", hint, traps, form=form)
    traps = {why: wrong[1] for why, wrong in wrongs.items()}
    yield one_by_one(call, asked, far, last, "far", hint, traps, form=form)
    whole = all(isinstance(k, int | np.integer) and not isinstance(k, bool) for k in near + far)
    yield that(whole, "能当下标用", "下标要是整数：images[near] 要能取出那张图")
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
        "除以了 std：要的是乘": np.clip(mean + (eps / std) @ components, 0, 1),
        "开了方：std 已经是标准差，直接乘": mean + (eps * np.sqrt(std)) @ components,
        "减成了负的：平均图加上各个方向": mean - move,
        "先夹了再加 mean：夹的应是加完以后的像素": mean + np.clip(move, 0, 1),
        "把范围拉伸到了 [0, 1]：要的是夹住，中间的值不动": (want - want.min()) / np.ptp(want),
    }
    yield value(got, want, "图", "平均图，加上每个方向乘以（系数 × 标准差）", traps, weight=2)
    other = rng.uniform(0.4, 0.6, size=D), components, std[::-1], eps[::-1]
    yield again(call, *other)
    # far along each direction and as far back: some pixels above 1, some below 0
    wide = call(mean, components, std * 40, np.concatenate([eps, -eps]))
    yield value(*wide, "夹到 [0, 1]", "有像素跑到了 [0, 1] 之外：最后用 np.clip 夹住")
    yield value(
        *call(mean, components, std, eps[:1]), "只抽一张", "M = 1 时也是 (1, D)", weight=0.5
    )
    yield call.untouched(weight=0.5)


@exercise("00.3", "不怕调亮的样子", points=2)
@hints(
    "b 让所有像素一起升降，a 让起伏一起放大。减去什么，b 就没了？除以什么，a 就没了？",
    "每张图减自己的平均；两张图的内积要成为相关系数，每一行的长度（平方和开方）就该是几？",
    "减去各行自己的均值，再除以各行自己的长度，都要 keepdims=True；长度是 0 的那一行别除。",
)
def judge_normalise(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, normalise)
    M, D = sizes(rng, 2, 4, 12)
    x = rng.uniform(size=(M, D)) * rng.uniform(0.2, 1, size=(M, 1)) + rng.uniform(size=(M, 1))
    got, want = call(x)
    got = yield from array(got, (M, D), "结果", "一行还是一行：(M, D) 进，(M, D) 出")
    centred, columns = x - x.mean(axis=1, keepdims=True), x - x.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    traps = {
        "除以了标准差：内积成了相关系数的 D 倍。要除以长度": [
            centred / x.std(axis=1, keepdims=True),
            centred / x.std(axis=1, ddof=1, keepdims=True),
        ],
        "减了均值，还没有除：a 变大，结果也变大": centred,
        "没有减去这一行的均值：加上 b，结果就变了": [
            x / np.linalg.norm(x, axis=1, keepdims=True),
            x / length,
        ],
        "减的是各像素在所有图上的均值：每张图要减自己的": [
            columns / np.linalg.norm(columns, axis=1, keepdims=True),
            columns / np.linalg.norm(columns, axis=0),
            columns / x.std(axis=0),
        ],
        "减的是所有图、所有像素的均值：每张图要减自己的": [
            (x - x.mean()) / np.linalg.norm(x - x.mean(), axis=1, keepdims=True),
            (x - x.mean()) / x.std(),
        ],
        "除的是整个数组的长度：每一行除以自己的": centred / np.linalg.norm(centred),
        "除以最大值或极差，a、b 也没了，但内积不是相关系数": [
            (x - low) / (high - low),
            centred / (high - low),
            centred / np.abs(centred).max(axis=1, keepdims=True),
        ],
        "除以了长度的平方：少了一次开方": centred / length**2,
        "除以了绝对值之和：内积要成为相关系数，除的是平方和的平方根": centred
        / np.abs(centred).sum(axis=1, keepdims=True),
    }
    hint = "两条都要满足：a·v + b 与 v 的结果相同；两行的内积是两张图的相关系数"
    yield value(got, want, "结果", hint, traps, weight=2)
    got, want = call(x[::-1] ** 2)
    hint = "第一组对，换一组同样大小的就不对：有东西从上一次调用留了下来？"
    yield value(got, want, "换一组图的结果", hint, weight=0)
    shades = np.array([0.0, 0.5, 1.0])[rng.permutation(3), None] + np.zeros((3, 8))
    flat = np.concatenate([rng.uniform(size=(2, 8)), shades])[rng.permutation(5)]
    hint = "一色的图减去均值全是 0，长度也是 0：0/0 是 nan，这一行要全 0"
    yield value(*call(flat), "一色的图", hint, weight=0.5)
    pixels = rng.integers(0, 256, size=(3, 30), dtype=np.uint8)
    hint = "0–255 的整数也要行：先减出小数来，平方不要在 uint8 里算"
    yield value(*call(pixels), "uint8 的图", hint, weight=0.5)
    yield call.untouched(weight=0.5)


def _garment(rng: Rng) -> Array:
    """A picture like no mirror image or turn of itself: a slanting body, a sleeve, smooth cloth."""
    rows, columns = np.mgrid[:28, :28]
    lean, left = rng.uniform(-0.25, 0.25), rng.uniform(5, 7)
    body = (columns > left + lean * rows / 2) & (columns < left + 11 + lean * rows) & (rows > 2)
    sleeve = (rows > 4) & (rows < 11) & (columns > 14)
    dots = rng.uniform(size=(30, 30))
    nine = [dots[i : i + 28, j : j + 28] for i in range(3) for j in range(3)]
    cloth = np.mean(nine, axis=0)
    shade = 0.25 + 0.75 * (cloth - cloth.min()) / np.ptp(cloth)
    return np.where((body | sleeve) & (rows < 26) & (columns > 1) & (columns < 26), shade, 0.0)


@exercise("00.4", "骗过它", points=2)
@hints(
    "likeness 试过哪些变换？它没有试的那些里，有没有一种只是把像素换个位置？",
    "它只会左右翻、只会挪一个像素。上下翻、转九十度、多挪几格，它都没有试。",
    "切片能翻转，np.rot90 能转，np.roll 能挪；挑一种，返回 (28, 28)。",
)
def judge_disguise(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, disguise)
    for _ in range(3):
        image = _garment(rng)
        got, _want = call(image)
        got = yield from array(got, (28, 28), "换过的图", "还是一张 28×28 的图")
        same = np.array_equal(np.sort(got.ravel()), np.sort(image.ravel()))
        hint = "像素的值变了：只许换位置，784 个数一个不能多、一个不能少、一个不能改"
        yield that(same, "只换了位置", hint)
        ratio = sharpness(got[None]) / sharpness(image[None])
        hint = "相邻像素的差变得太大：打碎了，看不出是衣服"
        yield that(ratio < 1.2, "没有打碎", hint, f"锐度是原来的 {ratio:.2f} 倍")
        hint = "相邻像素的差变得太小：像素排了队，看不出是衣服"
        yield that(ratio > 0.8, "没有排队", hint, f"锐度是原来的 {ratio:.2f} 倍")
        score = float(likeness(got.reshape(1, 784), image.reshape(1, 784))[0])
        hint = "还是被认了出来：不动、挪一个像素、左右翻，它都试过"
        yield that(score < 0.95, "没有被认出来", hint, f"与原图的像是 {score:.0%}", weight=1)
    yield call.untouched(weight=0.5)
