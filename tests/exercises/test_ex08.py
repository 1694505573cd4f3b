"""The judges of 08_text_pipeline: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np

from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def column_by_column(x):
    out = []
    for column in x.T:
        mean = sum(column) / len(column)
        std = (sum((column - mean) ** 2) / len(column)) ** 0.5
        out.append([(v - mean) / (std or 1.0) for v in column])
    return np.array(out).T


def one_by_one(scores, k):
    left, places = list(scores), []
    for _ in range(k):
        places.append(left.index(max(left)))
        left[places[-1]] = -np.inf
    return np.array(places)


ALSO_RIGHT = [
    ("08.1", column_by_column),
    ("08.1", lambda x: np.nan_to_num((x - x.mean(0)) / x.std(0))),
    ("08.2", lambda x, k: np.array([sum(x[i : i + k]) / k for i in range(len(x) - k + 1)])),
    ("08.2", lambda x, k: np.convolve(x, np.ones(k) / k, mode="valid")),
    ("08.3", one_by_one),
    ("08.3", lambda s, k: np.array(sorted(range(len(s)), key=lambda i: -s[i])[:k])),
]


# --- typical mistakes --------------------------------------------------------------------------


def centred(x):
    return x - x.mean(axis=0)


def standardised_in_place(x):
    x -= x.mean(axis=0)
    std = x.std(axis=0)
    return x / np.where(std > 0, std, 1)


def means(x, k):
    return np.convolve(x, np.ones(k) / k, mode="valid")


def mean_in_place(x, k):
    out = means(x, k)
    x -= x.mean()
    return out


def top(scores, k):
    return np.argsort(-scores, kind="stable")[:k]


def top_in_place(scores, k):
    out = top(scores, k)
    scores.sort()
    return out


# number, name, answer, words of its hint, percent of the points
WRONG = [
    Wrong("08.1", "whole table", lambda x: (x - x.mean()) / x.std(), "用了同一个均值", 0),
    Wrong("08.1", "rows", lambda x: centred(x.T).T / x.std(1, keepdims=True), "每一行的均值", 0),
    Wrong("08.1", "no std", centred, "还没有除以标准差", 0),
    Wrong("08.1", "variance", lambda x: centred(x) / x.var(0), "除的是方差", 0),
    Wrong("08.1", "N - 1", lambda x: centred(x) / x.std(0, ddof=1), "不是 N - 1", 0),
    Wrong("08.1", "one column", lambda x: centred(x)[:, 0], "与 x 同形", 0),
    Wrong("08.1", "nan", lambda x: centred(x) / x.std(0), "不是 nan", 40),
    Wrong("08.1", "in place", standardised_in_place, "x 被原地修改", 80),
    Wrong("08.2", "sum", lambda x, k: means(x, k) * k, "还没有除以 k", 0),
    Wrong("08.2", "over N", lambda x, k: means(x, k) * k / len(x), "除以了 N", 0),
    Wrong("08.2", "no zero", lambda x, k: means(x, k)[1:], "N - k + 1 个", 0),
    Wrong("08.2", "a number", lambda x, k: means(x, k).squeeze()[()], "是一个数的数组", 57),
    Wrong("08.2", "in place", mean_in_place, "x 被原地修改", 86),
    Wrong("08.3", "scores", lambda s, k: s[top(s, k)], "不是分数", 0),
    Wrong("08.3", "smallest", lambda s, k: np.argsort(s)[:k], "最小的几个", 0),
    Wrong("08.3", "backwards", lambda s, k: top(s, k)[::-1], "次序反了", 0),
    Wrong("08.3", "by place", lambda s, k: np.sort(top(s, k)), "位置排过序了", 0),
    Wrong("08.3", "all of them", lambda s, k: top(s, len(s)), "正好 k 个位置", 0),
    Wrong("08.3", "ties", lambda s, k: np.argsort(s, kind="stable")[::-1][:k], "靠前的在前", 40),
    Wrong("08.3", "in place", top_in_place, "scores 被原地修改", 80),
]

globals().update(questions("08", also_right=ALSO_RIGHT, wrong=WRONG))
