"""Chapter 00, welcome: four small exercises, and the library's version of each.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    agree,
    array,
    exercise,
    hints,
    one_by_one,
    parts,
    shape_of,
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


def _pictures(
    got: Any, want: Array, label: str, hint: str, traps: dict[str, Any] | None = None, **more: Any
) -> Step:
    """A step of :func:`value`; float32 will do: nothing that follows needs more digits."""
    if getattr(got, "dtype", None) == np.float32:
        more |= {"rtol": 1e-4, "atol": 1e-6}
    return value(got, want, label, hint, traps, **more)


def _alike(a: Any, b: Any) -> bool:
    return shape_of(a) == shape_of(b) is not None and bool(
        np.allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), rtol=1e-6, atol=1e-9)
    )


def _integers(came: Any) -> bool:
    return getattr(getattr(came, "dtype", None), "kind", "") in ("i", "u", "b")


def _squares(images: Array) -> Array:
    return (images - images.mean(axis=0)) ** 2


def _far_from(images: Array, other: Array) -> Array:
    return ((images - other) ** 2).sum(axis=(1, 2), dtype=float)


Measure = Callable[[Array], Array]  # (N, H, W) of uint8 -> distances (N,)
NOT_THE_DISTANCE: dict[str, list[Measure]] = {
    "正负相消，比的成了每张图的平均亮度：逐像素相减以后要先平方，再求和": [
        lambda x: x.mean(axis=(1, 2)),
        lambda x: (x - x.mean(axis=0)).sum(axis=(1, 2)) ** 2,
        lambda x: (x.mean(axis=(1, 2)) - x.mean()) ** 2,
    ],
    "减的是一个数：mean() 少了 axis=0，得不到平均图": [lambda x: _far_from(x, x.mean())],
    "绝对值之和是另一种距离：欧氏距离用平方": [
        lambda x: np.abs(x - x.mean(axis=0)).sum(axis=(1, 2))
    ],
    "在 8 位整数里绕回去了（uint8 只到 255，int8 只到 127）：先变成浮点数，再减、再平方": [
        lambda x: _far_from(x.astype(np.int8), x.mean(axis=0)),
        lambda x: ((x - x.mean(axis=0).astype(np.uint8)) ** 2).sum(axis=(1, 2), dtype=float),
        lambda x: ((x - x.mean(axis=0).round().astype(np.uint8)) ** 2).sum(
            axis=(1, 2), dtype=float
        ),
        lambda x: (_gap(x, x.mean(axis=0).round().astype(np.uint8)) ** 2).sum(
            axis=(1, 2), dtype=float
        ),
        lambda x: (_gap(x, x.mean(axis=0).astype(np.uint8)) ** 2).sum(axis=(1, 2), dtype=float),
    ],
    "平均图不对：sum(images) 在 uint8 里加，过了 255 就绕回去；用 images.mean(axis=0)": [
        lambda x: _far_from(x, x.sum(axis=0, dtype=np.uint8) / len(x))
    ],
    "平均图不准：取整了（astype(int)、np.round）、少算了一张，还是除的不是 N？": [
        lambda x: _far_from(x, np.floor(x.mean(axis=0))),
        lambda x: _far_from(x, np.rint(x.mean(axis=0))),
        lambda x: _far_from(x, x[:-1].mean(axis=0)),
        lambda x: _far_from(x, x[:10].mean(axis=0)),
    ],
    "每个像素先除以了自己的标准差（标准化）：那是加权的距离，欧氏距离直接相减、平方": [
        lambda x: (_squares(x) / x.var(axis=0)).sum(axis=(1, 2)),
        lambda x: (_squares(x) / x.std(axis=0)).sum(axis=(1, 2)),
    ],
    "各行、各列分别开了方再相加：一张图的平方全部加完，只开一次方": [
        lambda x: np.sqrt(_squares(x).sum(axis=2)).sum(axis=1),
        lambda x: np.sqrt(_squares(x).sum(axis=1)).sum(axis=1),
    ],
    "差又减去了它自己的均值（如用 std、var）：欧氏距离不减，整张的明暗也算在内": [
        lambda x: (x - x.mean(axis=0)).std(axis=(1, 2)),
    ],
    "是平方，不是三次方、四次方": [
        lambda x: (np.abs(x - x.mean(axis=0)) ** 3).sum(axis=(1, 2)),
        lambda x: (_squares(x) ** 2).sum(axis=(1, 2)),
    ],
    "比的是与各张图的距离之和：题目要的是与平均图一张的距离": [
        lambda x: np.sqrt(_between(x)).sum(axis=1),
    ],
    "减的是每张图自己的平均：平均图的形状是 (H, W)，是所有图同一位置上的平均，沿 axis=0 求": [
        lambda x: _far_from(x, x.mean(axis=(1, 2), keepdims=True)),
        lambda x: _far_from(x, x.mean(axis=1, keepdims=True)),
        lambda x: _far_from(x, x.mean(axis=2, keepdims=True)),
    ],
    "只看了差得最多的那个像素：欧氏距离要把平方都加起来": [
        lambda x: np.abs(x - x.mean(axis=0)).max(axis=(1, 2))
    ],
    "用的是中位数图：平均图是同一位置上的平均": [lambda x: _far_from(x, np.median(x, axis=0))],
    "减的是第一张图，不是平均图": [lambda x: _far_from(x.astype(float), x[0])],
    "减的是最后一张图，不是平均图": [lambda x: _far_from(x.astype(float), x[-1])],
    "比的是方向（夹角），不是距离：整张调亮的图，夹角不变，距离变了": [
        lambda x: 1 - _cosines(x.reshape(len(x), -1).astype(float))
    ],
    "ord=2 对矩阵是谱范数，不是平方和开方：去掉 ord，或自己平方、求和、开方": [
        lambda x: np.linalg.norm(x - x.mean(axis=0), ord=2, axis=(1, 2))
    ],
}


# with as many pictures as rows and columns these give a wrong value; else an error
OF_WRONG_SHAPE: list[Measure] = [
    lambda x: _far_from(x, x.mean(axis=(1, 2))),
    lambda x: _far_from(x, x.mean(axis=1)),
    lambda x: _far_from(x, x.mean(axis=2)),
]


def _between(images: Array) -> Array:
    """Squared distances of all pairs, (N, N)."""
    v = images.reshape(len(images), -1).astype(float)
    own = (v**2).sum(axis=1)
    return np.maximum(own[:, None] + own - 2 * v @ v.T, 0)


def _gap(a: Array, b: Array) -> Array:
    return np.maximum(a, b) - np.minimum(a, b)


def _cosines(v: Array) -> Array:
    mean = v.mean(axis=0)
    return v @ mean / np.linalg.norm(v, axis=1) / np.linalg.norm(mean)


def _both(distance: Array) -> tuple[int, int]:
    return int(distance.argmin()), int(distance.argmax())


def _elif(distance: Array) -> tuple[int, int]:
    """What a loop finds that asks for the farthest only where the nearest was not beaten."""
    near, far, best, worst = 0, 0, np.inf, 0.0
    for k, d in enumerate(distance):
        if d < best:
            near, best = k, d
        elif d > worst:
            far, worst = k, d
    return near, far


Whole = Callable[[Array], Array]


def _album(
    rng: Rng, size: tuple[int, int, int], at: tuple[int, int], whole: Whole | None = None
) -> Array:
    """Pictures in which every other measure of distance chooses another nearest or farthest one.

    Args:
        size: (N, H, W), ``N >= 20``.
        at: where the nearest and the farthest picture stand.
        whole: ``np.floor`` or ``np.rint``: another one is the nearest to the average so rounded.
    """
    N, H, W = size
    plain = round(0.7 * (N - 8))
    bright = N - 8 - plain
    while True:
        cloth = rng.uniform(30, 160, size=(H, W))
        centre = cloth + 80 * bright / N  # near the average of all of them
        shifted = cloth + 20 * rng.normal(size=(plain + bright, H, W))
        shifted[plain:] += 80
        signs = np.where(rng.permutation(H * W).reshape(H, W) < 0.75 * H * W, 22.0, -22.0)
        signs *= rng.uniform(0.9, 1.1, size=(H, W))
        signs[rng.integers(H)] *= 1.9  # more in one row and one column than elsewhere
        signs[:, rng.integers(W)] *= 1.9
        signs *= 22 / np.sqrt((signs**2).mean())
        signs[rng.integers(H), rng.integers(W)] += 60
        signs = signs if whole is np.floor else -signs
        smooth = centre + rng.choice([-30, 30], size=(H, W))  # nearest by the largest difference
        few = centre + 110 * (rng.permutation(H * W).reshape(H, W) < H * W / 8)  # by absolutes
        negative = cloth.min() + cloth.max() - cloth  # the farthest, of ordinary brightness
        pale = centre.mean() - 0.1 * (centre - centre.mean())  # nearest to one shade
        paler = centre.mean() + 40 + 0.02 * (centre - centre.mean())  # to its own shade
        others = np.concatenate([shifted, [pale, paler, smooth, few, negative]])
        mean = others.mean(axis=0)
        length = 0.97 * np.linalg.norm(negative - mean) / np.linalg.norm(signs)
        opposite = mean - length * signs  # farther than that from the nearest picture
        others = np.concatenate([others, [opposite]])
        others = np.clip(np.rint(others), 0, 255)
        mean = others.mean(axis=0)  # of all, once the next two stand on either side of it
        near = 0.0052 / np.sqrt(H * W) if whole is np.rint else 0.0045
        pair = np.rint([mean + (1 - near) * signs, mean - (1 + near) * signs])
        images = np.concatenate([pair, others])
        if images.min() < 0 or images.max() > 255:
            continue
        images = images.astype(np.uint8)
        near_at, far_at = at[0] % N, at[1] % N
        turned = rng.permutation(np.delete(np.arange(N), [0, N - 2])).tolist()
        for place, which in sorted([(near_at, 0), (far_at, N - 2)]):
            turned.insert(place, which)
        images = images[turned]
        if _told_apart(images, near_at, far_at, whole):
            return images


def _told_apart(images: Array, near: int, far: int, whole: Whole | None) -> bool:
    squares = _squares(images)
    distance = squares.sum(axis=(1, 2))
    second = distance.argsort()[1]
    by_parts = [squares.sum(axis=axis).max(axis=1).argmin() for axis in (1, 2)]
    rounded = _far_from(images, (whole or np.floor)(images.mean(axis=0))).argmin()
    return bool(
        _both(distance) == (near, far)
        and distance[second] > 1.0003 * distance[near]  # float32 can tell them apart
        and np.sort(distance)[-2] < 0.99 * distance[far]
        and rounded == (second if whole else near)
        and near not in by_parts  # the worst row or column is not the whole
        and _far_from(images.astype(float), images[near]).argmax() != far
    )


def _quiet_album(rng: Rng) -> Array:
    """Pictures with half of the pixels nearly alike in all: a measure that weighs them is told.

    The nearest differs in those only; others, a little farther off, differ in the other half, in
    one row, in one column, by one shade, or everywhere by as much: each is the nearest by another
    measure. The farthest differs by much in a few pixels, another one by less in all of them.
    """
    H, W = sizes(rng, 2, 5, 9)
    quiet = (rng.permutation(H * W) < H * W // 2).reshape(H, W)
    row = np.arange(H)[:, None] == rng.integers(H)
    column = np.arange(W) == rng.integers(W)
    while True:
        centre = rng.uniform(90, 160, size=(H, W))
        off = [(quiet, 1.0), (~quiet, 1.1), (row, 1.2), (column, 1.2), (quiet | True, 1.1)]
        signs = rng.choice([-1.0, 1.0], size=(5, H, W))
        near = [
            sign * np.sqrt(32 * H * W * more / np.broadcast_to(where, (H, W)).sum()) * where
            for sign, (where, more) in zip(signs, off, strict=True)
        ]
        wide = 60 * rng.choice([-1.0, 1.0], size=(H, W))
        end = np.where(centre > 127, 0, 255) - centre
        most = np.argsort(-np.abs(end), axis=None)
        reach = np.cumsum((end**2).flat[most])
        few = np.zeros((H, W))
        far = most[: 1 + int(np.searchsorted(reach, 1.1 * 3600 * H * W))]
        few.flat[far] = end.flat[far]
        special = np.array([*near, np.full((H, W), 6.4), wide, -wide, few])
        usual = np.clip(rng.normal(size=(16, H, W)), -2, 2) * np.where(quiet, 3, 30)
        usual -= (usual.sum(axis=0) + special.sum(axis=0)) / len(usual)
        images = np.rint(centre + np.concatenate([special, usual]))
        if images.min() < 0 or images.max() > 255:
            continue
        squares = _squares(images)
        found = [
            squares.sum(axis=(1, 2)),
            (squares / images.var(axis=0)).sum(axis=(1, 2)),
            np.sqrt(squares.sum(axis=2)).sum(axis=1),
            np.sqrt(squares.sum(axis=1)).sum(axis=1),
            (squares**2).sum(axis=(1, 2)),
            (images - images.mean(axis=0)).std(axis=(1, 2)),
        ]
        if [_both(one)[0] for one in found] == list(range(6)):
            cut = np.minimum(squares, 100.0**2).sum(axis=(1, 2))
            if found[0].argmax() == 8 and cut.argmax() != 8:
                return images[rng.permutation(len(images))].astype(np.uint8)


@exercise("00.1", "最典型的一张，最离群的一张", points=1)
@hints(
    "先要一张平均图：它与一张图一样大，每个像素是所有图同一位置上的平均。哪一维该消失？",
    "images 减去 (H, W) 的平均图会逐张相减；平方以后，一张图该剩下几个数？",
    "平方和沿后两维求，得到 (N,)；argmin、argmax 给出最小、最大的是第几个。",
)
def judge_typical(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, typical)
    # two cubes first: what is summed along a wrong axis, or kept from one call to the next, is a
    # wrong value there and not an error; and 28 × 28 may be taken for granted until the third
    cases = [
        _album(rng, (28, 28, 28), (9, 17), np.floor),
        _album(rng, (28, 28, 28), (21, 3)),
    ]
    placed = ((0, -1), (-1, 0), (4, 0), (0, 7), (5, -1), (-1, 6))
    for at, whole in zip(placed, (np.rint, None, np.floor) * 2, strict=True):
        H, W = sizes(rng, 2, 5, 11)
        cases.append(_album(rng, (int(rng.integers(20, 26)), H, W), at, whole))
    cases.append(_quiet_album(rng))
    near: list[Any] = []
    far: list[Any] = []
    error: ValueError | None = None
    for images in cases:
        try:
            got = call(images)[0]
        except ValueError as raised:
            error = raised
            break
        got = yield from parts(got, 2, "near, far 两个下标")
        near.append(got[0])
        far.append(got[1])
    seen = len(near)
    if error is not None and not seen:
        raise error
    first, last = np.array([typical(images) for images in cases[:seen]]).T
    told = _typical_mistake(near, far, cases[:seen], error is not None)
    right = agree(near, first) and agree(far, last)
    if error is not None and right:
        hint = "28×28 的图能算，换了大小就报错：形状里写死了 28 或 784？行数是 len(images)"
        yield that(False, "换一种大小的图", hint, "ValueError")
    if error is not None and not told:
        raise error
    hint = told or (
        "每张图与平均图 (H, W) 逐像素相减、平方、求和，得到 N 个数；"
        "再问最小的、最大的各在第几个。先打印这 N 个数，看是不是每张图一个，"
        "np.argmin、np.argmax 给出的是不是你返回的"
    )
    asked, form = [(images,) for images in cases[:seen]], "要的是一个整数下标"
    yield one_by_one(call, asked, near, first, "near", hint, form=form)
    yield one_by_one(call, asked, far, last, "far", hint, form=form)
    indices = all(isinstance(k, int | np.integer) and not isinstance(k, bool) for k in near + far)
    yield that(indices, "能当下标用", "下标要是整数：images[near] 要能取出那张图")
    yield call.untouched(weight=0.5)


def _typical_mistake(near: list[Any], far: list[Any], cases: list[Array], stopped: bool) -> str:
    """The mistake that gives both of these in every case; "" if there is none.

    Args:
        stopped: the next case ended in an error, which only some mistakes do.
    """

    def gives(pick: Callable[[Array], Any]) -> bool:
        wrong = np.array([pick(images) for images in cases], dtype=float)
        return agree(near, wrong[:, 0]) and agree(far, wrong[:, 1])

    start = cases[0].mean(axis=0)
    same = [x for x in cases if x.shape == cases[0].shape]
    n = len(same)
    for kept in ([_both(_far_from(x, start)) for x in same], [typical(cases[0])] * n):
        if n < 2 or not agree([*zip(near[:n], far[:n], strict=True)], kept):
            continue
        return (
            "第一组对，换一组同样大小的，用的还是第一组的平均图或结果："
            "可变的默认参数或全局变量留着上一次的内容，每次都要重新求"
        )
    if stopped:
        wrong_shape = any(gives(lambda x, m=m: _both(m(x))) for m in OF_WRONG_SHAPE)  # type: ignore[misc]
        return (
            "平均图的形状应是 (H, W)，沿 axis=0 求；沿别的维求出来的，"
            "换一种大小就对不齐，补 keepdims=True 也不对"
            if wrong_shape
            else ""
        )
    for why, measures in NOT_THE_DISTANCE.items():
        if any(gives(lambda x, m=measure: _both(m(x))) for measure in measures):  # type: ignore[misc]
            return why

    def distances(x: Array) -> Array:
        return np.asarray(_squares(x).sum(axis=(1, 2)))

    def ranked(x: Array, k: int, n: int) -> tuple[int, int]:
        order = distances(x).argsort()
        return int(order[k]), int(order[n])

    others: dict[str, list[Callable[[Array], Any]]] = {
        "两个下标的次序反了：先最近，后最远": [lambda x: typical(x)[::-1]],
        "两个下标是同一个：一个用 argmin，一个用 argmax": [
            lambda x: (typical(x)[0],) * 2,
            lambda x: (typical(x)[1],) * 2,
        ],
        "编号从 0 数起：多了 1": [lambda x: np.add(typical(x), 1)],
        "这是距离，不是编号：要 argmin，不是 min": [
            lambda x: (distances(x).min(), distances(x).max()),
            lambda x: np.sqrt((distances(x).min(), distances(x).max())),
        ],
        "平方和要沿后两维求，只剩 N 个数；现在的编号数的不是图": [
            lambda x, axis=axis: _both(_squares(x).sum(axis=axis))  # type: ignore[misc]
            for axis in (0, 1, 2, (0, 1), (0, 2), ())
        ],
        "near 是第二近的：排序以后最近的是 order[0]": [lambda x: ranked(x, 1, -1)],
        "far 是第二远的：排序以后最远的是 order[-1]": [lambda x: ranked(x, 0, -2)],
        "最后一张没有比：循环少走了一步": [lambda x: _both(distances(x)[:-1])],
        "第 0 张没有比：编号从 0 数起": [
            lambda x: _both(distances(x)[1:]),
            lambda x: np.add(_both(distances(x)[1:]), 1),
        ],
        "刷新了最近的那一张，就没有再同最远的比：两个 if 各问各的，不用 elif": [
            lambda x: _elif(distances(x))
        ],
        "far 量的是离“最近的那张”多远：要量离平均图多远": [
            lambda x: (
                typical(x)[0],
                int(_far_from(x.astype(float), x[typical(x)[0]]).argmax()),
            )
        ],
    }
    for why, picks in others.items():
        if any(gives(pick) for pick in picks):
            return why
    return ""


def _clipped(*pictures: Array) -> list[Array]:
    """Each as it is, and clipped."""
    return [*pictures, *(np.clip(one, 0, 1) for one in pictures)]


@exercise("00.2", "从高斯里抽新衣服", points=2)
@hints(
    "一张新图是平均图加上几个方向的组合；eps 说每个方向走几个标准差。",
    "先让 eps 的每一列乘上那个方向的标准差，得到系数 (M, d)，再用矩阵乘法去乘方向 (d, D)。",
    "新图 = 平均图 + (eps · 标准差) 与方向的矩阵积，最后用 np.clip 把像素夹在 0 与 1 之间。",
)
def judge_garments(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, garments)

    def draw(M: int, d: int, D: int) -> tuple[Array, Array, Array, Array]:
        # 0.6 + √5 · 3 · 0.05 < 1: nothing leaves [0, 1], so clipping cannot hide a slip
        components = np.linalg.qr(rng.normal(size=(D, d)))[0].T
        eps = np.clip(rng.normal(size=(M, d)), -3, 3)
        eps[0, 0], eps[-1, -1] = 2.9, -2.8  # what is cut off there is seen in any draw
        return rng.uniform(0.4, 0.6, size=D), components, rng.uniform(0.02, 0.05, size=d), eps

    # M = d = D first: what is transposed or multiplied too late is a wrong value, not an error
    n = 5
    mean, components, std, eps = draw(n, n, n)
    try:
        came, want = call(mean, components, std, eps)
    except IndexError as error:
        hint = "循环走过了头：有几个方向由 len(std) 定（不是写死的 40），有几张图由 len(eps) 定"
        yield that(False, "图", hint, f"IndexError: {error}"[:160])
        return
    except ValueError:  # of another size; or the pictures were made square
        came, want = call(*draw(3, 2, 784))
        form = "要的是 (M, D)，一行一张摊平的图：不必排成 28×28"
        if getattr(came, "shape", None) == (3, 28, 28):
            yield _pictures(came, want, "图", form)
        raise
    form = "eps (M, d) 乘 components (d, D) 得 (M, D)，一行一张图"
    form = _form_of_pictures(came, n, n, form)
    yield from array(came, (n, n), "图", form)
    if _integers(came):
        hint = "返回的是整数（0–255？）：要 0–1 的小数，不要乘 255，不要换类型"
        yield that(False, "像素是 0–1 的小数", hint, f"dtype 是 {came.dtype}", given=came)
    move, unscaled = want - mean, mean + eps @ components
    skipped = [mean + np.delete(eps * std, k, 1) @ np.delete(components, k, 0) for k in (-1, 0)]
    traps = {
        "没有加 mean：抽到的只是与平均图的差": _clipped(move),
        "没有乘 std：各个方向的起伏大小不同": _clipped(unscaled),
        "乘成了方差：eps 要乘标准差 std，不是 std 的平方": _clipped(
            mean + (eps * std**2) @ components
        ),
        "除以了 std：要的是乘": _clipped(mean + (eps / std) @ components),
        "开了方：std 已经是标准差，直接乘": _clipped(mean + (eps * np.sqrt(std)) @ components),
        "减成了负的：平均图加上各个方向": _clipped(mean - move),
        "先夹了再加 mean：夹的应是加完以后的像素": mean + np.clip(move, 0, 1),
        "把范围拉伸到了 [0, 1]：要的是夹住，中间的值不动": [
            (want - want.min()) / np.ptp(want),
            (want - want.min(1, keepdims=True)) / np.ptp(want, axis=1, keepdims=True),
        ],
        "后一张接在前一张上面加：每张从 mean 的一份复制重新开始（x = mean 不是复制）": (
            _clipped(mean + np.cumsum(move, axis=0))
        ),
        "每一行都是最后一张：存了 M 次的是同一个数组，每张要另建一个": np.tile(want[-1], (n, 1)),
        "每一行都是第一张：eps 只用了第 0 行": np.tile(want[0], (n, 1)),
        "少加了最后一个方向：循环要走满 d 个": _clipped(skipped[0]),
        "少加了第一个方向：循环从 0 走起": _clipped(skipped[1]),
        "偏离平均图的量只有应有的 1/d：各个方向要相加，不是求平均": _clipped(mean + move / n),
        "加的是一个数：要加整张平均图，不是 mean.mean()": _clipped(mean.mean() + move),
        "只有三位准：结果是 float16？用 float64": want.astype(np.float16),
        "像素只剩 255 级：不要四舍五入": [np.round(want * k) / k for k in (255, 256)],
        "用 np.clip 夹住，中间的值不动：不是 sigmoid": 1 / (1 + np.exp(-want)),
        "eps 照给的用：不夹住，不取绝对值，也不减去它的平均": [
            np.clip(mean + (e * std) @ components, 0, 1)
            for e in (
                *(np.clip(eps, -k, k) for k in (1, 1.5, 2, 2.5)),
                np.abs(eps),
                eps - eps.mean(axis=0),
                eps - eps.mean(axis=1, keepdims=True),
                eps - eps.mean(),
            )
        ],
        "components 照给的用：每一行已经是单位长，不再放大": _clipped(
            mean + (eps * std) @ (components / np.abs(components).max(axis=1, keepdims=True))
        ),
        "平均图加了不止一次：每张只加一次，在循环外面": [
            n * mean + move,
            (n + 1) * mean + move,
        ],
        "每个像素都是 0：数组建了没有填，还是 np.clip 的下限、上限写反了？": np.zeros((n, n)),
        "每个像素都是 1：平均图加了不止一次（要在循环外面加），还是 np.clip 写反了？": np.ones(
            (n, n)
        ),
        "std 乘到了 mean 上：它只乘系数 eps": [
            *_clipped(unscaled * std.mean(), mean * std.mean() + move),
            *_clipped(unscaled * std, mean * std + move, unscaled * std[:, None]),
        ],
        "std 乘晚了：一个方向一个数 (d,)，要在 @ 之前乘到 eps (M, d) 的列上": _clipped(
            mean + (eps @ components) * std,
            mean + (eps @ components) * std[:, None],
            mean + (eps * std[:, None]) @ components,
        ),
        "eps 转置了：它的第 m 行是第 m 张图，(M, d) 直接乘 (d, D)": _clipped(
            mean + (eps.T * std) @ components,
            mean + (eps * std).T @ components,
            mean + eps.T @ (std[:, None] * components),
        ),
        "components 用成了一列一个方向：它一行一个方向 (d, D)，不用转置": _clipped(
            mean + (eps * std) @ components.T
        ),
        "行列反了：要一行一张图，(M, D)": _clipped(want.T),
        "mean 加到了列上：(D,) 要与每一行对齐": _clipped(mean[:, None] + move),
    }
    step = _pictures(came, want, "图", "", traps)
    if not step.ok and not step.hint:
        hint = (
            "同样的输入，结果应当相同，换了 eps 就该变：用的不是给的 eps，而是自己另抽的随机数？"
            "（也可能有东西从上一次留了下来）"
        )
        once_more, other = (call(mean, components, std, e)[0] for e in (eps, eps / 2))
        if shape_of(once_more) == (n, n) and (_alike(once_more, came) == _alike(other, came)):
            yield that(False, "同样的输入，换过的 eps", hint, given=once_more)
    hint = (
        "一张图 = mean + Σ eps[m, i]·std[i]·components[i]。拿两张试：mean = [0.5, 0.5, 0.5]，"
        "components = [[1, 0, 0], [0, 0.6, 0.8]]，std = [0.1, 0.02]，eps = [[3, -1], [-1, 2]]，"
        "应得 [[0.8, 0.488, 0.484], [0.4, 0.524, 0.532]]"
    )
    yield _pictures(came, want, "图", hint, traps)
    came, want = call(*draw(n, n, n))
    hint = (
        "第一组对，换一组同样大小的就不对：有东西从上一次调用留了下来"
        "（可变的默认参数如 out=[]、全局变量），还是算法只在有些数上对？"
    )
    yield _pictures(came, want, "换一组输入", hint, weight=0)
    M, D = sizes(rng, 2, 6, 12)
    mean, components, std, eps = draw(M, 45, 40 + D)  # more directions than the lesson's 40
    eps[0, 0], eps[-1, -1] = 4.5, -4.5  # seldom, but possible
    came, want = call(mean, components, std, eps)
    usual = "M、d、D 各不相同时也是 (M, D)：形状里写死了一个数？"
    form = _form_of_pictures(came, M, 40 + D, usual)
    hint = "M = d = D 时对，各不相同就不对：哪里写死了一个数，或者 M、d、D 用混了？"
    traps = {
        "eps 照给的用，不夹住：正态随机数可以到 ±4 以外": [
            np.clip(mean + (np.clip(eps, -k, k) * std) @ components, 0, 1) for k in (3, 3.5, 4)
        ]
    }
    yield _pictures(came, want, "换一组大小", hint, traps, form=form)
    # far along each direction and as far back: some pixels above 1, some below 0
    mean, components, std, eps = draw(M, 3, D)
    far = mean, components, std * 40, np.concatenate([eps, -eps])
    came, want = call(*far)
    raw = far[0] + (far[3] * far[2]) @ far[1]
    stepwise = [np.tile(mean, (2 * M, 1)), np.tile(mean, (2 * M, 1))]
    for k in range(3):
        for which, i in enumerate((k, 2 - k)):
            term = np.outer(far[3][:, i] * far[2][i], components[i])
            stepwise[which] = np.clip(stepwise[which] + term, 0, 1)
    traps = {
        "还有像素在 [0, 1] 之外。np.clip(x, 0, 1) 返回新数组，x 自己不变：要把结果接住": raw,
        "大于 1 的没有夹：上限是 1": np.maximum(raw, 0),
        "小于 0 的没有夹：下限是 0": np.minimum(raw, 1),
        "每加一个方向就夹了一次：全部加完，只夹一次": stepwise,
        "负的像素翻成了正的：小于 0 的应是 0": [np.minimum(np.abs(raw), 1), np.abs(raw)],
        "先夹了再加 mean：夹的应是加完以后的像素": mean + np.clip(raw - mean, 0, 1),
        "把范围拉伸到了 [0, 1]：要的是夹住，中间的值不动": (raw - raw.min()) / np.ptp(raw),
        "出界的绕到了另一头（% 1）：要夹住": raw % 1,
    }
    hint = "夹的结果不对：小于 0 的应是 0，大于 1 的应是 1，中间的一个不动；全部加完再夹"
    yield _pictures(came, want, "夹到 [0, 1]", hint, traps)
    came, want = call(mean, components, std, eps[:1])
    hint = "只抽一张时值不对：M = 1 也照同一个公式"
    form = "M = 1 时也是 (1, D)，不要 squeeze"
    yield _pictures(came, want, "只抽一张", hint, form=form, weight=0.5)
    hint = "只抽一张、有像素出界时值不对：也要夹到 [0, 1]"
    for one in (eps[:1], -eps[:1]):
        yield _pictures(*call(mean, components, std * 40, one), "只抽一张，出界", hint, weight=0)
    yield call.untouched(weight=0.5)


def _form_of_pictures(came: Any, M: int, D: int, usual: str) -> str:
    """What to say of a wrong shape."""
    shape = shape_of(came)
    if shape in ((1, D), (D,)):
        return "只做了一张：return 写在了循环里面，还是只用了 eps 的一行？要 (M, D)，一行一张图"
    if shape == (D, M) and M != D:
        return "行列反了：要一行一张图，(M, D)"
    if shape is not None and len(shape) == 3:
        return "要的是 (M, D)，一行一张摊平的图：不必排成图"
    return usual


@exercise("00.3", "不怕调亮的样子", points=2)
@hints(
    "b 让所有像素一起升降，a 让起伏一起放大。减去什么，b 就没了？除以什么，a 就没了？",
    "每张图减自己的平均；两张图的内积要成为相关系数，每一行的长度（平方和开方）就该是几？",
    "减去各行自己的均值，再除以各行自己的长度，都要 keepdims=True；一色的那一行别除。",
)
def judge_normalise(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, normalise)
    M, D = sizes(rng, 2, 4, 12)
    unit = normalise(rng.uniform(size=(M, D)))
    # lengths below and above 1
    x = unit * rng.permutation(np.geomspace(0.4, 5, M))[:, None] + rng.uniform(1, 2, size=(M, 1))
    came, want = call(x)
    got = yield from array(came, (M, D), "结果", _form_of_rows(came, M, D))
    centred, columns = x - x.mean(axis=1, keepdims=True), x - x.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    traps = {
        "除以了标准差：长度成了 √D（ddof=1 是 √(D−1)），内积不是相关系数。要除以长度": [
            centred / x.std(axis=1, keepdims=True),
            centred / x.std(axis=1, ddof=1, keepdims=True),
        ],
        "减了均值，还没有除：a 变大，结果也变大": centred,
        "没有减去这一行的均值：加上 b，结果就变了": [
            x / np.linalg.norm(x, axis=1, keepdims=True),
            x / length,
        ],
        "长度是减均值以前求的，加上 b 它也跟着变：第 1 条不成立。先减均值，再求长度": (
            centred / np.linalg.norm(x, axis=1, keepdims=True)
        ),
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
        "长度不到 1 的行没有除以自己的长度：np.maximum(长度, 1) 把分母垫高了": (
            centred / np.maximum(length, 1)
        ),
        "第 1 条就不成立：每张图要减自己的均值，再除以自己的长度": [x, x / 255, x / x.max()],
        "比均值小的像素也成了正的：正负号要留着": np.abs(want),
        "比均值小的像素成了 0：减去均值以后有正有负，负的也要留着": [
            np.maximum(want, 0),
            np.maximum(want, 0) / np.linalg.norm(np.maximum(want, 0), axis=1, keepdims=True),
        ],
        "正负号反了：原来大的像素，写出来也要大": -want,
        "像素的次序变了：第 p 个数仍要是第 p 个像素的": [want[:, ::-1], np.sort(want, axis=1)],
        "结果四舍五入了：不要 round，原样返回": [np.round(want, k) for k in range(3, 9)],
    }
    step = _pictures(came, want, "结果", "", traps, weight=2)
    hint = ""
    if not step.ok and not step.hint:
        hint = yield from _which_condition(call, x, got, want)
    yield _pictures(came, want, "结果", hint, traps, weight=2)
    came, want = call(x[::-1, ::-1])
    hint = "第一组对，换一组同样大小的就不对：有东西从上一次调用留了下来？"
    yield _pictures(came, want, "换一组图的结果", hint, weight=0)
    yield from _one_colour(call, rng)
    # the same pictures, hardly to be seen: rows 0 and 1 differ from row 2 by a and b
    v = rng.uniform(size=676)
    dot = np.where(v == v.max(), 0.001 / 255, 0)  # no picture of 256 greys is fainter
    came, want = call(np.stack([dot, 0.001 * v, 0.5 + 0.001 * v, v]))
    hint = (
        "很淡的图不对：第 1 行是 0.001·v，第 2 行是 0.001·v + 0.5，第 3 行是 v，写出来应当相同。"
        "判断一色的门槛、给分母加的常数、中途的 float32，都会改动淡的图"
    )
    if shape_of(came) == want.shape and not np.any(came, axis=1).all():
        hint = "很淡的图成了全 0：它不是一色的。a = 0.001 也要与 v 写成同一行，判断一色的门槛太高"
    yield _pictures(came, want, "很淡的图", hint, weight=0.5)
    yield call.untouched(weight=0.5)
    pixels = rng.integers(0, 256, size=(1, 30), dtype=np.uint8)
    came, want = call(pixels)
    if _integers(came):
        hint = (
            "结果数组是整数类型，小数都截掉了：np.zeros_like(images) 跟着输入的类型，"
            "用 np.zeros(images.shape)"
        )
        yield that(False, "uint8 的图", hint, f"dtype 是 {came.dtype}", given=came)
    mean = pixels.mean(axis=1, keepdims=True)
    short = (pixels**2).sum(axis=1, keepdims=True) - 30 * mean**2
    wrapped = (pixels - mean) / np.sqrt(np.where(short > 1e-12, short, 1))
    traps = {
        "平方在 uint8 里绕回去了：先 images.astype(float)": [
            wrapped,
            np.where(short > 1e-12, wrapped, 0),
        ]
    }
    hint = "小数的图对，0–255 的整数不对，整数也要行：uint8 相减、平方都会绕回去，先变成浮点数"
    form = "只有一张图也是 (1, D)，不要 squeeze"
    yield _pictures(came, want, "一张 uint8 的图", hint, traps, form=form, weight=0.5)
    yield call.untouched(label="整数的图也没有改动", weight=0)


def _form_of_rows(came: Any, M: int, D: int) -> str:
    if shape_of(came) == (M, M):
        return "这是两两的相关系数 (M, M)：要的是每张图写成的一行，乘起来才是它"
    return "一行还是一行：(M, D) 进，(M, D) 出"


def _which_condition(call: Caller, x: Array, got: Array, want: Array) -> Generator[Step, None, str]:
    """Which of the two conditions does not hold; for the learner to go on with."""
    other = call(3 * x + 0.5)[0]
    if shape_of(other) != x.shape or not _alike(other, got):
        return (
            "第 1 条不成立：3·v + 0.5 与 v 写出来的行不同。"
            "减去的该随 b 变；除以的该随 a 变，加了常数就不成比例了"
        )
    some = np.arange(len(x))[:, None] % 2 == 0
    other = call(np.where(some, 3 * x + 0.5, x))[0]
    if shape_of(other) != x.shape or not _alike(other, got):
        return (
            "第 1 条不成立：只调亮其中几张，写出来的行就变了。"
            "减的、除的是所有图合起来的一个数：每张图用自己的（axis=1, keepdims=True）"
        )
    own = (got**2).sum(axis=1)
    if not np.allclose(own, 1, rtol=1e-6):
        k = int(np.abs(own - 1).argmax())
        return (
            f"第 1 条成立；第 2 条不成立：每一行与自己的内积应是 1，第 {k} 行是 {own[k]:.3g}。"
            "除数差了一个倍数：标准差（ddof=1？）、D、M、写死的 28，各在哪里？"
        )
    yield from ()
    if np.allclose(got @ got.T, want @ want.T, atol=1e-6):
        return "两条都成立，可是数与像素对不上：第 p 个数仍要是第 p 个像素的，原来大的也要大"
    return (
        "第 1 条成立，每行与自己的内积也是 1；可是两行的内积不是 np.corrcoef："
        "减的要是均值，不是中位数；减之前也不要把像素换成别的数"
    )


def _one_colour(call: Caller, rng: Rng) -> Steps:
    """Rows of one colour, also of colours whose average is not exactly the colour."""
    for D, colours in ((8, (0.5, 0.0, 1.0)), (30, (0.3, 0.1, 0.2, 0.7)), (676, (0.3, 0.1, 0.7))):
        lively = rng.uniform(size=(2, D))
        lively[0, [0, 1, -1]] = lively[0, 2:-1].mean()  # of one colour, to a test of few pixels
        lively[1, : D // 2 + 1] = 0
        flat = np.array(colours)[:, None] + np.zeros((len(colours), D))
        order = np.append(2, rng.permutation(np.delete(np.arange(2 + len(flat)), 2)))
        rows = np.concatenate([lively, flat])[order]  # the card shows the first
        came, want = call(rows)
        one_colour = order >= 2
        nonfinite = "一色的图减去均值全是 0，长度也是 0：0/0 是 nan，这一行要全 0"
        hint = "一色的那一行要全 0，别的行照常算：哪一行是一色的，逐行判断"
        form = "一色的行也要留着：(M, D) 进，(M, D) 出"
        if shape_of(came) == rows.shape and np.isfinite(came).all():
            got = np.asarray(came, dtype=float)
            gone = np.flatnonzero(~got.any(axis=1) & ~one_colour)
            if len(gone):
                hint = f"第 {gone[0]} 行不是一色的，也成了 0：一色是每个像素都相等，逐行判断"
            elif (
                D > 8
                and got[one_colour].any()
                and np.allclose(got[~one_colour], want[~one_colour], atol=1e-5)
            ):
                hint = (
                    "一色的行没有成 0：0.3 这样的颜色，平均算出来差 1e-17（float32 里 1e-8），"
                    "减完不恰好是 0，除以长度又放大了。不要问长度 == 0，问最大值等不等于最小值"
                )
        yield _pictures(
            came,
            want,
            f"一色的图，D = {D}",
            hint,
            form=form,
            nonfinite=nonfinite,
            weight=0.5 if D == 8 else 0.25,
        )


def _garment(rng: Rng) -> Array:
    """A picture like no mirror image or turn of itself: a slanting body, a sleeve, smooth cloth.

    The paper is not quite white: all 784 values differ, so that none can get lost unseen.
    """
    rows, columns = np.mgrid[:28, :28]
    lean, left = rng.uniform(-0.25, 0.25), rng.uniform(5, 7)
    body = (columns > left + lean * rows / 2) & (columns < left + 11 + lean * rows) & (rows > 2)
    sleeve = (rows > 4) & (rows < 11) & (columns > 14)
    dots = rng.uniform(size=(30, 30))
    nine = [dots[i : i + 28, j : j + 28] for i in range(3) for j in range(3)]
    cloth = np.mean(nine, axis=0)
    shade = 0.25 + 0.75 * (cloth - cloth.min()) / np.ptp(cloth)
    inside = (body | sleeve) & (rows < 26) & (columns > 1) & (columns < 26)
    return np.where(inside, shade, rng.uniform(0.001, 0.02, size=(28, 28)))


def _moved_or_flipped(got: Array, image: Array) -> str:
    """Which shift, with or without a mirror, put nine pixels in ten where they are; "" if none.

    A shift in both dimensions, or one of the flat picture. All values differ.
    """
    place, rank = np.arange(784), np.argsort(np.argsort(got, axis=None))
    flips = {
        "": image,
        "上下翻、": image[::-1],
        "左右翻、": image[:, ::-1],
        "转半圈、": image[::-1, ::-1],
    }
    for flip, flipped in flips.items():
        source = np.argsort(flipped, axis=None)[rank]
        flat, rows = (place - source) % 784, (place // 28 - source // 28) % 28
        both = 28 * rows + flat % 28
        if np.bincount(both).max() > 0.9 * 784:
            down, right = divmod(int(np.bincount(both).argmax()), 28)
            return f"{flip}下移 {down} 行、右移 {right} 列"
        if np.bincount(flat).max() > 0.9 * 784:
            return f"{flip}摊平后移 {int(np.bincount(flat).argmax())} 格"
    return ""


def _values_changed(came: Any, got: Array, image: Array, before: list[Array]) -> str:
    if any(np.array_equal(np.sort(got, axis=None), np.sort(one, axis=None)) for one in before):
        return (
            "第一张对，换一张就不对：返回的还是前面那次的图。"
            "可变的默认参数或全局变量留着上一次的内容"
        )
    if _integers(came):
        return "像素成了整数：它们是 0–1 的小数，转成整数就变了。不要换类型，只换位置"
    if np.isin(got, image).all():
        return (
            "有些像素出现了不止一次，另一些没了：放大、重复，还是边写边读同一个数组？"
            "每个值恰好用一次；右边读 image，写到另一个数组里"
        )
    if np.isin(got[got != 0], image).all():
        return "有像素丢了，补上来的是 0：循环少走了一行一列，或者出界的没有放回来"
    return "像素的值变了：只许换位置，784 个数一个不能多、一个不能少、一个不能改（换 dtype 也是改）"


@exercise("00.4", "骗过它", points=2)
@hints(
    "likeness 试过哪些变换？平移和翻转之外，还有什么办法只把像素换个位置，邻居仍是邻居？",
    "横的变成竖的，会怎样？让每一行各挪各的，挪得一行比一行多一点，又会怎样？",
    "np.rot90 或转置 .T；或者第 i 行用 np.roll 挪 i // 2 格。挑一种，返回 (28, 28)。",
)
def judge_disguise(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, disguise)
    pictures = [_garment(rng) for _ in range(6)]
    before: list[Array] = []
    moved: list[tuple[Any, Array, Array]] = []
    for image in pictures * 4:  # by chance, or every few calls, is not always
        came = call(image)[0]
        got = yield from array(came, (28, 28), "换过的图", "还是一张 28×28 的图")
        same = np.array_equal(np.sort(got, axis=None), np.sort(image, axis=None))
        hint = "" if same else _values_changed(came, got, image, before)
        lost = int((~np.isin(image, got)).sum())
        detail = f"原来的 784 个值里有 {lost} 个不见了" if lost else ""
        yield that(same, "第 1 条：只换了位置", hint, detail, given=came)
        before.append(image)
        moved.append((came, got, image))
    for came, got, image in moved:
        ratio = sharpness(got[None]) / sharpness(image[None])
        hint = "相邻像素的差变得太大：打碎了，看不出是衣服"
        if ratio < 1:
            hint = "相邻像素的差变得太小：像素按大小排了队，看不出是衣服"
        detail = f"锐度是原来的 {ratio:.2f} 倍"
        yield that(0.8 <= ratio <= 1.2, "第 2 条：锐度", hint, detail, given=came)
    scores = [likeness(got.reshape(1, 784), v.reshape(1, 784))[0] for _, got, v in moved]
    known = sum(score >= 0.95 for score in scores)
    for (came, got, image), score in zip(moved, scores, strict=True):
        hint = "还是被认了出来：不动、挪一个像素、左右翻，它都试过；只动一小部分也不够"
        if np.array_equal(got, image):
            hint = "这就是原图：没有 return 新的数组，还是换过去又换了回来？"
        if known < len(moved):
            hint = f"有时骗得过，有时骗不过（{len(moved)} 次里 {known} 次）：每次调用都要做到"
        detail = f"与原图的像是 {score:.0%}"
        yield that(bool(score < 0.95), "第 3 条：没有被认出来", hint, detail, given=came)
    yield that(True, "前三条，每次调用都做到", weight=1)
    for came, got, image in moved:
        hint = (
            "认不出，可九成以上的像素就是整张平移或翻转（转半圈是翻两次），上面已经试过：另想一个"
        )
        found = _moved_or_flipped(got, image)
        detail = f"就是整张{found}（移出去的从另一头回来）" if found else ""
        yield that(not found, "第 4 条：另想的办法", hint, detail, given=came)
    yield that(True, "四条都做到", weight=1)
    yield call.untouched(weight=0.5)
