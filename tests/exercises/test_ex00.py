"""Chapter 00: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aigc_course.exercises import ex00, registered
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


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


def nearest_by_loop(samples, train):
    return np.array([min(float(np.linalg.norm(s - t)) for t in train) for s in samples])


def nearest_by_einsum(samples, train):
    d = samples[:, None] - train[None]
    return np.sort(np.sqrt(np.einsum("mnd,mnd->mn", d, d)), axis=1)[:, 0]


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("00.1", lambda images: sum(image.astype(float) for image in images) / len(images)),
    ("00.1", lambda images: images.astype(np.float32).mean(axis=0)),
    ("00.1", lambda images: np.einsum("nhw->hw", images.astype(float)) / images.shape[0]),
    ("00.1", lambda images: np.mean(images, axis=0)),
    ("00.2", garments_one_by_one),
    ("00.2", garments_by_diagonal),
    ("00.2", lambda m, U, s, e: np.clip(np.einsum("md,d,dk->mk", e, s, U) + m, 0, 1)),
    ("00.3", nearest_by_loop),
    ("00.3", nearest_by_einsum),
    ("00.3", lambda S, T: np.linalg.norm(S[:, None] - T, axis=2).min(axis=1)),
]


# --- typical mistakes --------------------------------------------------------------------------


def garments_in_place(mean, components, std, eps):
    eps *= std
    return np.clip(mean + eps @ components, 0, 1)


def pairs(samples, train):
    return np.sqrt(((samples[:, None] - train) ** 2).sum(-1))


def expanded_without_floor(samples, train):
    square = (samples**2).sum(1)[:, None] - 2 * samples @ train.T + (train**2).sum(1)
    return np.sqrt(square.min(axis=1))


def nearest_in_place(samples, train):
    train -= samples[0]
    return pairs(samples - samples[0], train).min(axis=1)


WRONG = [
    Wrong("00.1", "no return", lambda images: None, "加 return", 0),
    Wrong("00.1", "one number", lambda images: images.mean(), "所有像素一起平均", 0),
    Wrong("00.1", "brightness", lambda images: images.mean(axis=(1, 2)), "平均亮度", 0),
    Wrong("00.1", "wrong axis", lambda images: images.mean(axis=1), "剩下 (H, W)", 0),
    Wrong("00.1", "wraps", lambda im: im.sum(0, dtype=np.uint8) / len(im), "绕回去了", 0),
    Wrong("00.1", "median", lambda images: np.median(images, axis=0), "除以 N", 0),
    Wrong("00.1", "floor", lambda im: im.sum(0, dtype=int) // len(im), "小数部分没了", 40),
    Wrong("00.2", "only one", lambda m, U, s, e: m + (e[0] * s) @ U, "一行一张图", 0),
    Wrong("00.2", "no mean", lambda m, U, s, e: (e * s) @ U, "没有加 mean", 0),
    Wrong("00.2", "no std", lambda m, U, s, e: np.clip(m + e @ U, 0, 1), "没有乘 std", 0),
    Wrong("00.2", "variance", lambda m, U, s, e: np.clip(m + e * s**2 @ U, 0, 1), "乘成了方差", 0),
    Wrong("00.2", "no clip", lambda m, U, s, e: m + (e * s) @ U, "np.clip", 57),
    Wrong("00.2", "in place", garments_in_place, "eps 被原地修改", 86),
    Wrong("00.3", "other axis", lambda S, T: pairs(S, T).min(0), "每张训练图一个数", 0),
    Wrong("00.3", "squared", lambda S, T: pairs(S, T).min(1) ** 2, "最后开方", 0),
    Wrong("00.3", "index", lambda S, T: pairs(S, T).argmin(1), "不是 argmin", 0),
    Wrong("00.3", "mean", lambda S, T: pairs(S, T).mean(1), "不是平均距离", 0),
    Wrong("00.3", "farthest", lambda S, T: pairs(S, T).max(1), "最远", 0),
    Wrong("00.3", "manhattan", lambda S, T: abs(S[:, None] - T).sum(-1).min(1), "绝对值之和", 0),
    Wrong("00.3", "nan", expanded_without_floor, "np.maximum", 57),
    Wrong("00.3", "in place", nearest_in_place, "train 被原地修改", 86),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("00.2", "no std, no clip", lambda m, U, s, e: m + e @ U, "没有乘 std", 0),
    Wrong("00.2", "no mean, clip", lambda m, U, s, e: np.clip((e * s) @ U, 0, 1), "没有加 mean", 0),
    Wrong("00.2", "clip above", lambda m, U, s, e: np.minimum(m + (e * s) @ U, 1), "np.clip", 57),
    Wrong("00.2", "clip below", lambda m, U, s, e: np.maximum(m + (e * s) @ U, 0), "np.clip", 57),
    Wrong("00.1", "rounded", lambda images: np.rint(images.mean(axis=0)), "小数部分没了", 40),
]


globals().update(
    questions(
        "00",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"00.1": ["float32", "nearly", "stale"], "00.2": ["stale"], "00.3": ["stale"]},
    )
)


# --- the library's versions --------------------------------------------------------------------


def test_nearest_equals_scikit_learn():
    rng = np.random.default_rng(0)
    samples, train = rng.uniform(size=(20, 30)), rng.uniform(size=(50, 30))
    wanted = NearestNeighbors(n_neighbors=1).fit(train).kneighbors(samples)[0][:, 0]
    np.testing.assert_allclose(ex00.nearest(samples, train), wanted, rtol=1e-10)


def test_garments_have_the_covariance_they_were_given():
    rng = np.random.default_rng(0)
    components = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    std = np.array([0.05, 0.02])
    x = ex00.garments(np.full(6, 0.5), components, std, rng.normal(size=(200_000, 2)))
    wanted = components.T @ np.diag(std**2) @ components
    np.testing.assert_allclose(np.cov(x.T), wanted, atol=3e-5)


def test_the_references_are_what_the_lesson_goes_on_with():
    references = [exercise.reference for exercise in registered("00")]
    assert references == [ex00.mean_image, ex00.garments, ex00.nearest]
