"""Chapter 00: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from aigc_course.exercises import ex00, judge, registered

RIGHT: dict[str, Callable[..., Any]] = {
    "00.1": ex00.mean_image,
    "00.2": ex00.garments,
    "00.3": ex00.nearest,
}


def garments_one_by_one(mean, components, std, eps):
    out = []
    for row in eps:
        picture = mean.copy()
        for e, s, u in zip(row, std, components, strict=True):
            picture += e * s * u
        out.append(np.minimum(np.maximum(picture, 0), 1))
    return np.array(out)


def nearest_by_loop(samples, train):
    return [min(float(np.linalg.norm(s - t)) for t in train) for s in samples]


ALSO_RIGHT: dict[str, Callable[..., Any]] = {
    "00.1": lambda images: sum(image.astype(float) for image in images) / len(images),
    "00.2": garments_one_by_one,
    "00.3": nearest_by_loop,
}


def pairs(samples, train):
    return np.sqrt(((samples[:, None] - train) ** 2).sum(-1))


def expanded_without_floor(samples, train):
    square = (samples**2).sum(1)[:, None] - 2 * samples @ train.T + (train**2).sum(1)
    return np.sqrt(square.min(axis=1) - 1e-15)


WRONG: list[tuple[str, str, Callable[..., Any], str]] = [
    ("00.1", "no return", lambda images: None, "加 return"),
    ("00.1", "one number", lambda images: images.mean(), "所有像素一起平均"),
    ("00.1", "brightness", lambda images: images.mean(axis=(1, 2)), "平均亮度"),
    ("00.1", "wrong axis", lambda images: images.mean(axis=1), "剩下 (H, W)"),
    ("00.1", "wraps", lambda images: images.sum(0, dtype=np.uint8) / len(images), "绕回去了"),
    ("00.1", "floor", lambda images: images.sum(0, dtype=int) // len(images), "小数部分没了"),
    ("00.1", "median", lambda images: np.median(images, axis=0), "除以 N"),
    ("00.2", "no mean", lambda m, U, s, e: (e * s) @ U, "没有加 mean"),
    ("00.2", "no std", lambda m, U, s, e: np.clip(m + e @ U, 0, 1), "没有乘 std"),
    ("00.2", "no std, no clip", lambda m, U, s, e: m + e @ U, "没有乘 std"),
    ("00.2", "variance", lambda m, U, s, e: np.clip(m + (e * s**2) @ U, 0, 1), "乘成了方差"),
    ("00.2", "no clip", lambda m, U, s, e: m + (e * s) @ U, "np.clip"),
    ("00.2", "only one", lambda m, U, s, e: np.clip(m + (e[0] * s) @ U, 0, 1), "一行一张图"),
    ("00.3", "squared", lambda S, T: ((S[:, None] - T) ** 2).sum(-1).min(1), "最后开方"),
    ("00.3", "index", lambda S, T: pairs(S, T).argmin(1), "不是 argmin"),
    ("00.3", "other axis", lambda S, T: pairs(S, T).min(0), "每张训练图一个数"),
    ("00.3", "mean", lambda S, T: pairs(S, T).mean(1), "不是平均距离"),
    ("00.3", "manhattan", lambda S, T: np.abs(S[:, None] - T).sum(-1).min(1), "绝对值之和"),
    ("00.3", "nan", expanded_without_floor, "np.maximum"),
]


def test_every_exercise_is_tested():
    ids = {ex.id for ex in registered("00")}
    assert ids == set(RIGHT) == {number for number, *_ in WRONG}
    for number in ids:
        assert len({hint for n, _, _, hint in WRONG if n == number}) >= 3


@pytest.mark.parametrize("number", RIGHT)
@pytest.mark.parametrize("answers", [RIGHT, ALSO_RIGHT], ids=["library", "another way"])
def test_right_answers_pass_whatever_the_seed(number, answers):
    for seed in range(20):
        result = judge(number, answers[number], seed=seed)
        assert result.passed, str(result)


@pytest.mark.parametrize(
    ("number", "name", "answer", "hint"), WRONG, ids=[f"{n} {name}" for n, name, *_ in WRONG]
)
def test_each_mistake_gets_its_own_hint(number, name, answer, hint):
    for seed in range(5):
        result = judge(number, answer, seed=seed)
        assert result.status == "failed", str(result)
        assert hint in result.steps[-1].hint, str(result)


@pytest.mark.parametrize("number", RIGHT)
def test_open_exercises_are_unanswered(number):
    def stub(*args):
        raise NotImplementedError

    assert judge(number, None).status == "unanswered"
    assert judge(number, stub).status == "unanswered"


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
