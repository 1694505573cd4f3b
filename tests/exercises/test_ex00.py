"""Chapter 00: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_course.exercises import ex00, registered
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def typical_one_by_one(images):
    average = sum(image.astype(float) for image in images) / len(images)
    far = [np.linalg.norm(image - average) for image in images]
    return far.index(min(far)), far.index(max(far))


def typical_flat(images):
    flat = images.reshape(len(images), -1).astype(np.float32)
    order = np.argsort(np.einsum("nd,nd->n", flat - flat.mean(0), flat - flat.mean(0)))
    return [order[0], order[-1]]


def garments_one_by_one(mean, components, std, eps):
    out = []
    for row in eps:
        picture = mean.copy()
        for e, s, u in zip(row, std, components, strict=True):
            picture += e * s * u
        out.append(np.minimum(np.maximum(picture, 0), 1))
    return np.array(out)


def garments_by_diagonal(mean, components, std, eps):
    return (mean + eps @ np.diag(std) @ components).clip(0, 1)


def normalise_by_rows(images):
    out = np.zeros(images.shape)
    for k, image in enumerate(images):
        image = image - image.mean()
        if np.ptp(image) > 1e-12:
            out[k] = image / (image @ image) ** 0.5
    return out


def normalise_by_std(images):
    images = images.astype(float)
    spread = images.std(axis=1, keepdims=True) * images.shape[1] ** 0.5
    shifted = images - images.mean(axis=1, keepdims=True)
    many = np.ptp(images, axis=1, keepdims=True) > 0
    return np.divide(shifted, spread, out=np.zeros_like(shifted), where=many)


def normalise_in_float32_at_last(images):
    return ex00.normalise(images).astype(np.float32)


def sheared(image):
    return np.array([np.roll(row, i // 2) for i, row in enumerate(image)])


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("00.1", typical_one_by_one),
    ("00.1", typical_flat),
    ("00.2", garments_one_by_one),
    ("00.2", garments_by_diagonal),
    ("00.2", lambda m, U, s, e: np.clip(np.einsum("md,d,dk->mk", e, s, U) + m, 0, 1)),
    ("00.3", normalise_by_rows),
    ("00.3", normalise_by_std),
    ("00.2", lambda *given: ex00.garments(*given).astype(np.float32)),
    ("00.3", normalise_in_float32_at_last),
    ("00.4", sheared),
    ("00.4", lambda image: image.T.copy()),
    ("00.4", lambda image: np.rot90(image, -1)),
    (
        "00.4",
        lambda image: np.array([[image[27 - j, 27 - i] for j in range(28)] for i in range(28)]),
    ),
]


# --- typical mistakes --------------------------------------------------------------------------


def by(measure):
    """Chooses by another measure of distance, (N, H, W) -> (N,)."""

    def wrong(images):
        distance = measure(images)
        return int(distance.argmin()), int(distance.argmax())

    return wrong


def far_from(images, other):
    return ((images - other) ** 2).sum(axis=(1, 2))


def squares(images):
    return far_from(images, images.mean(axis=0))


def cosines(images):
    v = images.reshape(len(images), -1).astype(float)
    return v @ v.mean(0) / np.linalg.norm(v, axis=1) / np.linalg.norm(v.mean(0))


def typical_in_place(images):
    right = ex00.typical(images)
    images -= images.min()
    images[0, 0, 0] += 1
    return right


def typical_by_a_loop(images):
    near, far, best, worst = 0, 0, np.inf, 0
    for k, d in enumerate(squares(images)):
        if d < best:
            near, best = k, d
        elif d > worst:
            far, worst = k, d
    return near, far


def typical_from_the_nearest(images):
    near = ex00.typical(images)[0]
    return near, ((images.astype(float) - images[near]) ** 2).sum((1, 2)).argmax()


def ranked(near, far):
    def wrong(images):
        order = squares(images).argsort()
        return order[near], order[far]

    return wrong


def typical_28(images):
    flat = images.reshape(-1, 784).astype(float)
    return by(lambda x: ((x - x.mean(0)) ** 2).sum(1))(flat)


def typical_wrapped(images):
    return by(lambda x: ((x - x.mean(0).astype(np.uint8)) ** 2).sum(axis=(1, 2)))(images)


def garments_in_place(mean, components, std, eps):
    eps *= std
    return np.clip(mean + eps @ components, 0, 1)


def garments_drifting(mean, components, std, eps):
    x, out = mean.copy(), []
    for row in eps:
        x += (row * std) @ components
        out.append(np.clip(x, 0, 1))
    return np.array(out)


def garments_clipped_each_time(mean, components, std, eps):
    x = np.tile(mean, (len(eps), 1))
    for i in range(len(std)):
        x = np.clip(x + np.outer(eps[:, i] * std[i], components[i]), 0, 1)
    return x


def garments_one_row(which):
    def wrong(*given):
        right = ex00.garments(*given)
        return np.tile(right[which], (len(right), 1))

    return wrong


def centred(x):
    return x - x.mean(axis=1, keepdims=True)


def length(x):
    return np.linalg.norm(x, axis=1, keepdims=True)


def normalise_in_place(images):
    right = ex00.normalise(images)
    if images.dtype.kind == "f":
        images[:] = images[::-1]
    return right


def normalise_above(threshold):
    def wrong(x):
        return np.where(length(centred(x)) > threshold, ex00.normalise(x), 0)

    return wrong


def normalise_unless_zero(x):
    c = centred(x)
    return c / np.where(length(c) == 0, 1, length(c))


def normalise_all_or_none(x):
    return ex00.normalise(x) * (np.ptp(x, axis=1) > 0).all()


def normalise_into_integers(x):
    out = np.zeros_like(x)
    out[:] = ex00.normalise(x)
    return out


def normalise_wrapped(images):
    d = (images - images.mean(axis=1, keepdims=True).astype(images.dtype)).astype(float)
    d -= d.mean(axis=1, keepdims=True)
    return d / np.maximum(length(d), 1e-12)


def normalise_where(lively):
    """Rows of one colour told by another test: where it does not hold, zeros."""

    def wrong(x):
        return np.where(lively(x)[:, None], ex00.normalise(x), 0)

    return wrong


def normalise_squeezed(x):
    return np.squeeze(ex00.normalise(x))


def normalise_black_and_white_only(x):
    x = x.astype(float)
    known = (x == 0).all(axis=1) | (x == 1).all(axis=1)
    return np.where(known[:, None], 0, centred(x) / np.where(known, 1, length(centred(x)).T).T)


def garments_of_its_own(mean, components, std, eps):
    return ex00.garments(mean, components, std, np.random.default_rng(0).normal(size=eps.shape))


def upside_down_but_for_two(image):
    out = image[::-1].copy()
    out[0, 0], out[0, 1] = out[0, 1], out[0, 0]
    return out


def by_turns():
    turns = []

    def wrong(image):
        turns.append(1)
        return np.rot90(image, len(turns))

    return wrong


def without_the_edge(image):
    out = np.zeros((28, 28))
    out[:27, 1:] = np.rot90(image)[:27, 1:]
    return out


def half_read_back(image):
    out = image.copy()
    for i in range(28):
        out[i] = out[27 - i]
    return out


def the_one_before():
    kept = []

    def wrong(image):
        kept.append(np.rot90(image).copy())
        first = kept[0]
        if len(kept) == 2:
            kept.clear()
        return first

    return wrong


def turned_in_place(image):
    image[:] = np.rot90(image).copy()
    return image.copy()


WRONG = [
    Wrong("00.1", "brightness", by(lambda x: x.mean(axis=(1, 2))), "平均亮度", (0, 40)),
    Wrong(
        "00.1",
        "one number",
        by(lambda x: ((x - x.mean()) ** 2).sum((1, 2))),
        "少了 axis=0",
        (0, 40),
    ),
    Wrong("00.1", "manhattan", by(lambda x: abs(x - x.mean(0)).sum((1, 2))), "绝对值之和", (0, 40)),
    Wrong(
        "00.1", "median", by(lambda x: ((x - np.median(x, 0)) ** 2).sum((1, 2))), "中位数", (0, 40)
    ),
    Wrong("00.1", "wraps", typical_wrapped, "8 位整数里绕回去了", (0, 40)),
    Wrong("00.1", "angle", by(lambda x: 1 - cosines(x)), "夹角", (0, 40)),
    Wrong("00.1", "sum wraps", by(lambda x: far_from(x, sum(x) / len(x))), "sum(images)", (0, 40)),
    Wrong("00.1", "rounded down", by(lambda x: far_from(x, x.mean(0).astype(int))), "取整了", 0),
    Wrong("00.1", "twice", lambda x: ex00.typical(x)[:1] * 2, "同一个", 40),
    Wrong("00.1", "to the first", by(lambda x: far_from(x, x[0] * 1.0)), "第一张图", 0),
    Wrong("00.1", "elif", typical_by_a_loop, "elif", 40),
    Wrong("00.1", "from the nearest", typical_from_the_nearest, "离“最近的那张”", 40),
    Wrong("00.1", "no last", by(lambda x: squares(x)[:-1]), "最后一张没有比", (0, 40)),
    Wrong("00.1", "second", ranked(1, -1), "第二近", 0),
    Wrong("00.1", "28 × 28", typical_28, "写死了", 0),
    Wrong("00.1", "no first", by(lambda x: squares(x)[1:]), "第 0 张没有比", (0, 40)),
    Wrong("00.1", "shape", by(lambda x: far_from(x, x.mean((1, 2)))), "对不齐", 0),
    Wrong("00.1", "from 1", lambda x: tuple(k + 1 for k in ex00.typical(x)), "从 0 数起", 0),
    Wrong("00.1", "axis 0", by(lambda x: ((x - x.mean(0)) ** 2).sum(0)), "沿后两维", 0),
    Wrong("00.1", "own mean", by(lambda x: x.var(axis=(1, 2))), "每张图自己的平均", (0, 40)),
    Wrong("00.1", "largest", by(lambda x: abs(x - x.mean(0)).max((1, 2))), "差得最多", (0, 40)),
    Wrong("00.1", "swapped", lambda x: ex00.typical(x)[::-1], "次序反了", 0),
    Wrong("00.1", "distance", lambda x: (squares(x).min(), squares(x).max()), "不是编号", 0),
    Wrong("00.1", "only one", lambda x: ex00.typical(x)[0], "near, far 两个下标", 0),
    Wrong("00.1", "floats", lambda x: tuple(map(float, ex00.typical(x))), "下标要是整数", 80),
    Wrong("00.1", "in place", typical_in_place, "images 被原地修改", 80),
    Wrong("00.2", "only one", lambda m, U, s, e: m + (e[0] * s) @ U, "一行一张图", 0),
    Wrong("00.2", "no mean", lambda m, U, s, e: (e * s) @ U, "没有加 mean", 0),
    Wrong("00.2", "no std", lambda m, U, s, e: np.clip(m + e @ U, 0, 1), "没有乘 std", 0),
    Wrong("00.2", "variance", lambda m, U, s, e: np.clip(m + e * s**2 @ U, 0, 1), "乘成了方差", 0),
    Wrong("00.2", "divided", lambda m, U, s, e: np.clip(m + (e / s) @ U, 0, 1), "除以了 std", 0),
    Wrong("00.2", "root", lambda m, U, s, e: m + (e * s**0.5) @ U, "开了方", 0),
    Wrong("00.2", "minus", lambda m, U, s, e: m - (e * s) @ U, "减成了负的", 0),
    Wrong("00.2", "early clip", lambda m, U, s, e: m + np.clip(e * s @ U, 0, 1), "先夹了", 0),
    Wrong("00.2", "no clip", lambda m, U, s, e: m + (e * s) @ U, "返回新数组", 50),
    Wrong(
        "00.2",
        "clip above",
        lambda m, U, s, e: np.minimum(m + (e * s) @ U, 1),
        "小于 0 的没有夹",
        50,
    ),
    Wrong(
        "00.2",
        "clip below",
        lambda m, U, s, e: np.maximum(m + (e * s) @ U, 0),
        "大于 1 的没有夹",
        50,
    ),
    Wrong("00.2", "each time", garments_clipped_each_time, "每加一个方向", 50),
    Wrong("00.2", "drifts", garments_drifting, "一份复制", 0),
    Wrong("00.2", "last row", garments_one_row(-1), "最后一张", 0),
    Wrong("00.2", "first row", garments_one_row(0), "第 0 行", 0),
    Wrong("00.2", "late", lambda m, U, s, e: np.clip(m + (e @ U) * s, 0, 1), "乘晚了", 0),
    Wrong("00.2", "columns", lambda m, U, s, e: m + (e * s) @ U.T, "一列一个方向", 0),
    Wrong("00.2", "eps.T", lambda m, U, s, e: m + (e.T * s) @ U, "eps 转置了", 0),
    Wrong("00.2", "bytes", lambda *g: (255 * ex00.garments(*g)).astype(np.uint8), "0–1 的小数", 0),
    Wrong("00.2", "square", lambda *g: ex00.garments(*g).reshape(-1, 28, 28), "摊平", 0),
    Wrong(
        "00.2", "squeezed", lambda m, U, s, e: np.squeeze(ex00.garments(m, U, s, e)), "(1, D)", 75
    ),
    Wrong("00.2", "40", lambda m, U, s, e: ex00.garments(m, U[:40], s[:40], e[:, :40]), "写死", 25),
    Wrong("00.2", "own", garments_of_its_own, "换了 eps", 0),
    Wrong("00.2", "reversed", lambda m, U, s, e: ex00.garments(m, U, s[::-1], e), "拿两张试", 0),
    Wrong("00.2", "in place", garments_in_place, "eps 被原地修改", 88),
    Wrong("00.3", "by std", lambda x: centred(x) / x.std(axis=1, keepdims=True), "标准差", 0),
    Wrong("00.3", "centred", centred, "还没有除", 0),
    Wrong("00.3", "no mean", lambda x: x / length(x), "没有减去这一行", 0),
    Wrong("00.3", "columns", lambda x: (x - x.mean(0)) / length(x - x.mean(0)), "要减自己的", 0),
    Wrong("00.3", "all", lambda x: (x - x.mean()) / length(x - x.mean()), "所有图、所有像素", 0),
    Wrong("00.3", "one length", lambda x: centred(x) / np.linalg.norm(centred(x)), "整个数组", 0),
    Wrong("00.3", "range", lambda x: centred(x) / np.ptp(x, axis=1, keepdims=True), "极差", 0),
    Wrong("00.3", "no root", lambda x: centred(x) / length(centred(x)) ** 2, "少了一次开方", 0),
    Wrong("00.3", "nan", lambda x: centred(x) / length(centred(x)), "0/0 是 nan", 44),
    Wrong("00.3", "== 0", normalise_unless_zero, "== 0", 56),
    Wrong("00.3", "all or none", normalise_all_or_none, "逐行判断", 44),
    Wrong("00.3", "threshold", normalise_above(1e-2), "门槛太高", 67),
    Wrong("00.3", "early length", lambda x: centred(x) / length(x), "减均值以前", 0),
    Wrong(
        "00.3", "at least 1", lambda x: centred(x) / np.maximum(length(centred(x)), 1), "垫高", 0
    ),
    Wrong("00.3", "factor", lambda x: 0.3 * ex00.normalise(x), "第 1 条成立；第 2 条不成立", 0),
    Wrong("00.3", "unchanged", lambda x: x.astype(float), "第 1 条就不成立", 0),
    Wrong("00.3", "sign", lambda x: abs(ex00.normalise(x)), "正负号", 0),
    Wrong("00.3", "negative", lambda x: -ex00.normalise(x), "正负号反了", 0),
    Wrong("00.3", "order", lambda x: ex00.normalise(x)[:, ::-1], "次序变了", 0),
    Wrong("00.3", "round", lambda x: np.round(ex00.normalise(x), 6), "四舍五入", 0),
    Wrong("00.3", "integers", normalise_into_integers, "整数类型", 89),
    Wrong("00.3", "wraps", normalise_wrapped, "整数也要行", 89),
    Wrong(
        "00.3", "two pixels", normalise_where(lambda x: x[:, 0] != x[:, -1]), "每个像素都相等", 44
    ),
    Wrong("00.3", "squeezed", normalise_squeezed, "不要 squeeze", 89),
    Wrong("00.3", "in place", normalise_in_place, "images 被原地修改", 78),
    Wrong("00.4", "nothing", lambda image: image.copy(), "这就是原图", 0),
    Wrong("00.4", "upside down", lambda image: image[::-1], "平移或翻转", 40),
    Wrong("00.4", "negative", lambda image: 1 - image, "像素的值变了", 0),
    Wrong("00.4", "edge", without_the_edge, "补上来的是 0", 0),
    Wrong("00.4", "half", half_read_back, "不止一次", 0),
    Wrong("00.4", "first picture", the_one_before(), "前面那次的图", 0),
    Wrong("00.4", "integers", lambda image: np.rot90(image).astype(np.uint8), "整数", 0),
    Wrong("00.4", "by turns", by_turns(), "有时骗不过", 0),
    Wrong(
        "00.4", "snow", lambda image: np.random.default_rng(0).permuted(image, axis=None), "打碎", 0
    ),
    Wrong("00.4", "queue", lambda image: np.sort(image.ravel()).reshape(28, 28), "排了队", 0),
    Wrong("00.4", "mirrored", lambda image: image[:, ::-1], "还是被认了出来", 0),
    Wrong("00.4", "flat", lambda image: np.rot90(image).ravel(), "28×28", 0),
    Wrong("00.4", "in place", turned_in_place, "image 被原地修改", 80),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("00.1", "rounded", by(lambda x: far_from(x, np.rint(x.mean(0)))), "取整了", (0, 40)),
    Wrong("00.1", "no square", by(lambda x: (x - x.mean(0)).sum((1, 2))), "正负相消", (0, 40)),
    Wrong("00.2", "no std, no clip", lambda m, U, s, e: m + e @ U, "没有乘 std", 0),
    Wrong("00.2", "no mean, clip", lambda m, U, s, e: np.clip((e * s) @ U, 0, 1), "没有加 mean", 0),
    Wrong("00.4", "rolled", lambda image: np.roll(image, (4, 5), (0, 1)), "平移或翻转", 40),
    Wrong("00.4", "half a turn", lambda image: np.rot90(image, 2), "平移或翻转", 40),
    Wrong("00.4", "one pixel", lambda image: np.roll(image, 1, axis=1), "还是被认了出来", 0),
    Wrong("00.1", "not all", by(lambda x: far_from(x, x[:-1].mean(0))), "平均图不准", (0, 40)),
    Wrong(
        "00.3",
        "own mean",
        normalise_where(lambda x: ~np.isclose(x[:, 0], x.mean(1))),
        "逐行判断",
        44,
    ),
    Wrong(
        "00.3", "half white", normalise_where(lambda x: np.median(x, 1) > x.min(1)), "逐行判断", 44
    ),
    Wrong("00.3", "black and white", normalise_black_and_white_only, "0/0 是 nan", 44),
    Wrong("00.3", "float32", lambda x: ex00.normalise(x.astype(np.float32)), "float32 里 1e-8", 56),
    Wrong("00.3", "1e-4", normalise_above(1e-4), "门槛太高", 67),
    Wrong("00.4", "rolled flat", lambda image: np.roll(image, 15), "平移或翻转", 40),
    Wrong("00.4", "85", lambda image: np.roll(image[::-1], 85), "平移或翻转", 40),
    Wrong("00.4", "but for two", upside_down_but_for_two, "平移或翻转", 40),
    Wrong("00.4", "darker", lambda image: np.clip(image * 1.1, 0, 1)[::-1], "像素的值变了", 0),
]


# --- what differs only where one seldom looks -----------------------------------------------------


def typical_of_all_pairs(images):
    v = images.reshape(len(images), -1).astype(float)
    total = np.array([np.linalg.norm(v - one, axis=1).sum() for one in v])
    return int(total.argmin()), int(total.argmax())


def garments_of_forty(mean, components, std, eps):
    x = np.tile(mean, (len(eps), 1))
    for i in range(40):
        x += eps[:, i : i + 1] * std[i] * components[i]
    return np.clip(x, 0, 1)


def normalise_spread_above(images):
    x = images - images.mean(axis=1, keepdims=True)
    spread = x.std(axis=1, keepdims=True)
    many = spread > 1e-6
    return np.where(many, x / np.where(many, spread, 1) / np.sqrt(images.shape[1]), 0)


def normalise_all_at_once(images):
    x = images - images.mean()
    return x / np.linalg.norm(x)


WRONG += [
    Wrong(
        "00.1",
        "standardised",
        by(lambda x: (((x - x.mean(axis=0)) / x.std(axis=0)) ** 2).sum((1, 2))),
        "先除以了自己的标准差",
        0,
    ),
    Wrong(
        "00.1",
        "row by row",
        by(lambda x: np.linalg.norm(x - x.mean(axis=0), axis=2).sum(axis=1)),
        "各行、各列分别开了方",
        0,
    ),
    Wrong(
        "00.1",
        "spread of the difference",
        by(lambda x: (x - x.mean(axis=0)).std(axis=(1, 2))),
        "差又减去了它自己的均值",
        0,
    ),
    Wrong(
        "00.1",
        "fourth powers",
        by(lambda x: ((x - x.mean(axis=0)) ** 4).sum(axis=(1, 2))),
        "不是三次方、四次方",
        0,
    ),
    Wrong("00.1", "to all pictures", typical_of_all_pairs, "与各张图的距离之和", 0),
    Wrong("00.2", "of forty directions", garments_of_forty, "由 len(std) 定", 0),
    Wrong(
        "00.2",
        "float16",
        lambda m, U, s, e: ex00.garments(m, U, s, e).astype(np.float16),
        "只有三位准",
        0,
    ),
    Wrong(
        "00.2",
        "of 256 greys",
        lambda m, U, s, e: np.round(ex00.garments(m, U, s, e) * 255) / 255,
        "只剩 255 级",
        0,
    ),
    Wrong(
        "00.2", "sigmoid", lambda m, U, s, e: 1 / (1 + np.exp(-m - (e * s) @ U)), "不是 sigmoid", 0
    ),
    Wrong(
        "00.2",
        "eps cut",
        lambda m, U, s, e: ex00.garments(m, U, s, np.clip(e, -2, 2)),
        "eps 照给的用",
        0,
    ),
    Wrong(
        "00.2",
        "longer directions",
        lambda m, U, s, e: ex00.garments(m, U / abs(U).max(axis=1, keepdims=True), s, e),
        "不再放大",
        0,
    ),
    Wrong("00.3", "one mean and one length", normalise_all_at_once, "只调亮其中几张", 0),
    Wrong(
        "00.3", "negative ones gone", lambda x: np.maximum(ex00.normalise(x), 0), "负的也要留着", 0
    ),
]
SAME_HINT += [
    Wrong("00.3", "threshold of the spread", normalise_spread_above, "门槛太高", 66),
]

globals().update(
    questions(
        "00",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"00.2": ["float32"], "00.3": ["float32"]},  # what follows needs no more digits
    )
)


# --- the library's versions --------------------------------------------------------------------


def test_rows_multiply_to_the_correlation():
    x = np.random.default_rng(0).uniform(size=(5, 40))
    rows = ex00.normalise(x)
    np.testing.assert_allclose(rows @ rows.T, np.corrcoef(x), rtol=1e-10)


def test_likeness_knows_a_copy_moved_darkened_and_mirrored_and_nothing_more():
    train = np.random.default_rng(1).uniform(size=(6, 28, 28))
    flat = train.reshape(6, 784)
    for copied in (
        flat,
        np.roll(train, (1, -1), axis=(1, 2)),
        train[:, :, ::-1] * 0.7 + 0.1,
        np.roll(train[:, :, ::-1], (-1, 1), axis=(1, 2)),
    ):
        np.testing.assert_allclose(ex00.likeness(copied.reshape(6, 784), flat), 1.0, rtol=1e-10)
    for other in (np.roll(train, 3, axis=1), train[:, ::-1], np.rot90(train, axes=(1, 2))):
        assert ex00.likeness(other.reshape(6, 784), flat).max() < 0.3


def test_garments_have_the_covariance_they_were_given():
    rng = np.random.default_rng(0)
    components = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    std = np.array([0.05, 0.02])
    x = ex00.garments(np.full(6, 0.5), components, std, rng.normal(size=(200_000, 2)))
    wanted = components.T @ np.diag(std**2) @ components
    np.testing.assert_allclose(np.cov(x.T), wanted, atol=3e-5)


def test_the_references_are_what_the_lesson_goes_on_with():
    references = [exercise.reference for exercise in registered("00")]
    assert references == [ex00.typical, ex00.garments, ex00.normalise, ex00.disguise]
