"""Lesson 15, section 1: the linear model that has to be beaten, tuned on validation.

python experiments/15_linear.py
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.training.recipes.sentiment import words

TITLE = "TF-IDF 加逻辑回归：单位、片段长、C（第 15 章）"
ABOUT = """\
问的是：TF-IDF 加逻辑回归在这份评论上最好能到多少。语料是 `data.reviews()` 的训练、验证两份，
近似重复的评论在同一份里。`unit` 是片段的单位：字，或 jieba 词典切出的词；
`longest` 是片段最长几个单位（从 1 到 `longest` 都用），至少出现两次，1 + log 计数；
`C` 是正则强度的倒数，求解器的容差取 1e-6。

没有随机性，所以只有一个种子。`train`、`val` 是准确率，`features` 是片段的种数。测试集没有参与：
这张表只用来挑设置。"""

RATES = [0.3, 1, 3, 10, 30]
POINTS = [
    {"unit": unit, "longest": longest, "C": C, "seed": 0}
    for unit in ("char", "word")
    for longest in ((1, 2, 3) if unit == "char" else (1, 2))
    for C in RATES
]


def vectorizer(unit: str, longest: int) -> TfidfVectorizer:
    """TF-IDF of pieces of characters, or of words."""
    common: dict[str, Any] = {"ngram_range": (1, longest), "min_df": 2, "sublinear_tf": True}
    if unit == "char":
        return TfidfVectorizer(analyzer="char", **common)
    return TfidfVectorizer(tokenizer=words, token_pattern=None, lowercase=False, **common)


@lru_cache(maxsize=1)
def features(unit: str, longest: int) -> tuple[Any, Any]:
    """TF-IDF of the training and of the validation reviews."""
    corpus = data.reviews()
    tfidf = vectorizer(unit, longest)
    return tfidf.fit_transform(corpus.train.x), tfidf.transform(corpus.val.x)


def measure(unit: str, longest: int, C: float, seed: int) -> dict[str, float]:
    """Fit one model."""
    corpus = data.reviews()
    train, val = features(unit, longest)
    model = LogisticRegression(C=C, tol=1e-6, max_iter=5000).fit(train, corpus.train.y)
    return {
        "train": round(float(model.score(train, corpus.train.y)), 4),
        "val": round(float(model.score(val, corpus.val.y)), 4),
        "features": train.shape[1],
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
