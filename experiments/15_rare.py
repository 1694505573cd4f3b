"""Lesson 15, section 9: few bad reviews among many good ones, and what helps.

python experiments/15_rare.py
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.exercises.ex15 import precision_at

TITLE = "差评只占 5%：重采样、类别权重、门限（第 15 章）"
ABOUT = """\
问的是：训练集里差评只占 5% 时，不处理、多抽差评、少抽好评、给差评加权，再加上在验证集上挑门限，
各到哪里。语料是 `data.reviews()`；训练集留下全部好评，差评由种子抽到占 5%。要找的是差评。
`arm`：`plain` 不处理；`over` 差评每条用 19 遍；`under` 好评抽到与差评一样多；
`weight` 差评的损失乘 19。分类器是一、二字片段的 TF-IDF 加逻辑回归：损失是凸的，求解器走到
容差 1e-6 为止，`steps` 是走了几步，所以每一臂都训练到收敛。`C` 是正则强度的倒数。

分数大于 0 就说差评（概率 0.5）。`auc` 是测试集上一条差评排在一条好评前面的比例，与门限、比例无关，
`val_auc` 是验证集上的。`recall`、`precision`、`f1` 用概率 0.5，`recall_t`、`precision_t`、`f1_t` 用
`threshold`：在验证集上使 F1 最大的门限。召回率与误报率各在一类里量，再按差评占 5% 换算成精确率。
`val_f1`、`val_f1_t` 是两个门限在验证集上的 F1。测试集没有参与选择。"""

SHARE = 0.05
ARMS = ("plain", "over", "under", "weight")
RATES = [1, 10, 100, 1000]
POINTS = [{"arm": arm, "C": C, "seed": seed} for seed in range(5) for arm in ARMS for C in RATES]


@lru_cache(maxsize=1)
def rare(seed: int) -> tuple[dict[str, Any], Any]:
    """TF-IDF by part, and labels of the rare training set: 1 is bad."""
    corpus, rng = data.reviews(), np.random.default_rng(seed)
    good, bad = (np.flatnonzero(corpus.train.y == k) for k in (1, 0))
    bad = rng.choice(bad, round(len(good) * SHARE / (1 - SHARE)), replace=False)
    rows = np.sort(np.concatenate([good, bad]))
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    x = {"train": tfidf.fit_transform([corpus.train.x[k] for k in rows])}
    x |= {name: tfidf.transform(getattr(corpus, name).x) for name in ("val", "test")}
    return x, 1 - corpus.train.y[rows]


def scores(arm: str, C: float, seed: int) -> tuple[dict[str, Any], int]:
    """Scores of the validation and test reviews, large is bad; and the solver's steps."""
    x, y = rare(seed)
    rng = np.random.default_rng(1000 + seed)
    good, bad = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    times = round(len(good) / len(bad))
    rows, used = x["train"], y
    if arm == "over":
        rows = vstack([rows[good], *[rows[bad]] * times])
        used = np.concatenate([y[good], np.repeat(1, times * len(bad))])
    elif arm == "under":
        kept = np.concatenate([rng.choice(good, len(bad), replace=False), bad])
        rows, used = rows[kept], y[kept]
    weights = {0: 1, 1: times} if arm == "weight" else None
    model = LogisticRegression(C=C, tol=1e-6, max_iter=10_000, class_weight=weights)
    model.fit(rows, used)
    found = {name: model.decision_function(x[name]) for name in ("val", "test")}
    return found, int(model.n_iter_[0])


def judged(is_bad: Any, score: Any, threshold: float) -> tuple[float, float, float]:
    """Recall, and precision and F1 where bad reviews are 5 %."""
    recall = float((score[is_bad == 1] >= threshold).mean())
    precision = precision_at(is_bad, score, threshold, SHARE)
    both = precision + recall
    return recall, precision, 2 * precision * recall / both if both else 0.0


def best_threshold(is_bad: Any, score: Any) -> float:
    """The threshold with the largest F1."""
    return float(max(np.unique(score).tolist(), key=lambda t: judged(is_bad, score, t)[2]))


def area(is_bad: Any, score: Any) -> float:
    """How often a bad review is ranked before a good one."""
    bad, good = score[is_bad == 1], np.sort(score[is_bad == 0])
    below = (np.searchsorted(good, bad, "left") + np.searchsorted(good, bad, "right")) / 2
    return float(below.mean() / len(good))


def measure(arm: str, C: float, seed: int) -> dict[str, float]:
    """Fit one model, choose its threshold, judge it."""
    corpus = data.reviews()
    found, steps = scores(arm, C, seed)
    bad = {name: 1 - getattr(corpus, name).y for name in ("val", "test")}
    threshold = best_threshold(bad["val"], found["val"])
    plain = judged(bad["test"], found["test"], 0.0)
    moved = judged(bad["test"], found["test"], threshold)
    values = {
        "val_auc": area(bad["val"], found["val"]),
        "auc": area(bad["test"], found["test"]),
        **dict(zip(("recall", "precision", "f1"), plain, strict=True)),
        "threshold": threshold,
        **dict(zip(("recall_t", "precision_t", "f1_t"), moved, strict=True)),
        "val_f1": judged(bad["val"], found["val"], 0.0)[2],
        "val_f1_t": judged(bad["val"], found["val"], threshold)[2],
    }
    return {name: round(value, 4) for name, value in values.items()} | {"steps": steps}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
