"""Lesson 15, section 6: LSTM and TF-IDF at two amounts of data, and with the order destroyed.

python experiments/15_compare.py
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.text.vocabulary import Vocabulary
from aigc_course.training.recipes import sentiment

TITLE = "LSTM 与 TF-IDF：数据多少，词序在不在（第 15 章）"
ABOUT = """\
问的是：在同一份切分上 LSTM 比 TF-IDF 加逻辑回归高还是低多少；差别随训练数据怎样变；
词序打乱以后各剩多少。语料是 `data.reviews()`，近似重复的评论在同一份里。
`model` 是 `lstm`（`sentiment.Config()`，就是检查点的设置）或 `tfidf`（一到三字的片段，C = 10，
由 `15_linear` 在验证集上挑的）；`share` 是用了训练集的几分之几，由种子抽；
`order` 是 `kept`，或 `shuffled`：每条评论的词在训练、验证、测试里都打乱，再接回去。
词表、片段表都只由所用的训练行数出。两边的设置都只在全部数据、原来的词序上挑过，别处没有重调。

LSTM 每轮在验证集上量一次，留最好的一轮。`val`、`test` 是准确率；`test` 没有参与任何选择。
`tfidf` 在 `share` = 1、词序不变时没有随机性，五个种子相同。"""

POINTS = [
    {"model": model, "share": share, "order": order, "seed": seed}
    for seed in range(5)
    for share, order in ((1.0, "kept"), (0.25, "kept"), (0.25, "shuffled"))
    for model in ("lstm", "tfidf")
]
LONGEST, C = 3, 10.0


@lru_cache(maxsize=1)
def texts(order: str, seed: int) -> dict[str, list[tuple[str, ...]]]:
    """The words of each part, in their order or in another."""
    corpus, rng = data.reviews(), np.random.default_rng(seed)
    cut = {n: [sentiment.words(t) for t in getattr(corpus, n).x] for n in ("train", "val", "test")}
    if order == "kept":
        return cut
    return {
        n: [tuple(row[k] for k in rng.permutation(len(row))) for row in rows]
        for n, rows in cut.items()
    }


def chosen(share: float, seed: int, rows: int) -> Any:
    """Which training rows are used, in order."""
    drawn = np.random.default_rng(seed).permutation(rows)[: round(share * rows)]
    return np.sort(drawn)


def by_tfidf(cut: dict[str, list[tuple[str, ...]]], y: Any, rows: Sequence[int]) -> dict[str, Any]:
    """Scores of the validation and test texts."""
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, LONGEST), min_df=2, sublinear_tf=True)
    joined = {name: ["".join(row) for row in part] for name, part in cut.items()}
    train = tfidf.fit_transform([joined["train"][k] for k in rows])
    model = LogisticRegression(C=C, tol=1e-6, max_iter=5000).fit(train, y[rows])
    return {n: model.decision_function(tfidf.transform(joined[n])) for n in ("val", "test")}


def by_lstm(
    cut: dict[str, list[tuple[str, ...]]], y: Any, y_val: Any, rows: Sequence[int], seed: int
) -> dict[str, Any]:
    """Scores of the validation and test texts."""
    known = Vocabulary.count(cut["train"][k] for k in rows)
    x = {name: [known.ids(row) for row in part] for name, part in cut.items()}
    model = sentiment.fitted(
        sentiment.Config(seed=seed),
        [x["train"][k] for k in rows],
        y[rows],
        (x["val"], y_val),
        words_known=len(known),
    )
    return {n: sentiment.logits(model, x[n]) for n in ("val", "test")}


@cache
def scores(model: str, share: float, order: str, seed: int) -> dict[str, Any]:
    """Scores of the validation and test texts: above 0 is good."""
    corpus = data.reviews()
    cut = texts(order, seed if order == "shuffled" else 0)
    rows = chosen(share, seed, len(corpus.train))
    if model == "tfidf":
        return by_tfidf(cut, corpus.train.y, rows)
    return by_lstm(cut, corpus.train.y, corpus.val.y, rows, seed)


def measure(model: str, share: float, order: str, seed: int) -> dict[str, float]:
    """Train one model."""
    corpus = data.reviews()
    alike = model == "tfidf" and share == 1 and order == "kept"
    found = scores(model, share, order, 0 if alike else seed)
    return {
        name: round(float(np.mean((found[name] > 0) == getattr(corpus, name).y)), 4)
        for name in ("val", "test")
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
