"""Lesson 15, section 8: reviews whose label the model doubts most, and what a reader says of them.

python experiments/15_flagged.py
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.text.cleaning import forms
from aigc_course.text.duplicates import clusters, near_duplicates
from aigc_course.text.vocabulary import Vocabulary
from aigc_course.training.recipes import sentiment

TITLE = "模型最不信的 50 个标签，与随机的 50 个：人读过以后（第 15 章）"
ABOUT = """\
问的是：模型最不信的标签里，有多少真的标错了；随便抽的里又有多少。
语料是 `data.reviews()` 的三份合起来，近似重复的连成组，按组分成五份；
轮流用四份训练 `sentiment.Config()`（种子 0 到 4，词表只由那四份数，用最后一轮的权重），
给剩下的一份打分，所以每条评论都由没见过它的模型判过。`drawn` 是 `flagged`：
|P(好评) − 标签| 最大的 50 条，按这个差从大到小；或 `random`：随机的 50 条，用作对照。

`index` 是评论在 `data.reviews().raw` 里的行号，`label` 是语料的标签（1 好评，0 差评），
`p_good` 是折外的 P(好评)。`verdict` 是人读过以后的判断：
`wrong` 标签错了，文字明明是另一边；`piece` 文字是另一边，但看得出只是一条长评论里的一段
（编号、“优点”、“先说好的”之类），整条的标签未必错；`unclear` 读不出：褒贬都有、不是评价、文字残缺；
`right` 标签没错。只有一个人读了一遍，读时看得见标签与概率，
所以不是盲评，也没有量过两人之间的一致。判断写在脚本里的 `READ`。"""
FOLDS, EACH = 5, 50
READ = {  # by the row of the source; what is not named is "right"
    "wrong": """
        30994 31342 20701 17182 18382 18188 17269 21464 16924 18663 22072 18147 18469 30193
        17254 18421 18441 17411 22044 17934 31417 18055 16562 16755 16685 18190 17161 16808
        12370 2746
    """,
    "piece": """
        34130 26611 21145 18810 20092 29547 19226 19652 19663 19666 2578
    """,
    "unclear": """
        20869 20492 20967 17534 20159 18181 18919 2974 19314 19517 5139 16931
    """,
}
VERDICTS = {int(row): verdict for verdict, rows in READ.items() for row in rows.split()}


@lru_cache(maxsize=1)
def out_of_fold() -> tuple[Any, Any, Any, list[str]]:
    """Source row, label, P(good) by a model that has not seen it, and text, of every review."""
    corpus = data.reviews()
    parts = [corpus.train, corpus.val, corpus.test]
    texts = [text for part in parts for text in part.x]
    y = np.concatenate([part.y for part in parts])
    index = np.concatenate([part.index for part in parts])
    plain = [forms(text) for text in texts]
    group = clusters(len(plain), near_duplicates(plain, 0.7))
    names = np.random.default_rng(0).permutation(np.unique(group))
    fold_of = dict(zip(names.tolist(), (np.arange(len(names)) % FOLDS).tolist(), strict=True))
    fold = np.array([fold_of[one] for one in group.tolist()])
    cut = [sentiment.words(text) for text in texts]
    p = np.empty(len(texts))
    for k in range(FOLDS):
        train, rest = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        known = Vocabulary.count(cut[row] for row in train)
        x = [known.ids(row) for row in cut]
        model = sentiment.fitted(
            sentiment.Config(seed=k), [x[row] for row in train], y[train], words_known=len(known)
        )
        p[rest] = 1 / (1 + np.exp(-sentiment.logits(model, [x[row] for row in rest])))
    return index, y, p, texts


def rows_of(kind: str) -> Any:
    """Places of the reviews that are read: the most doubted, or drawn at random."""
    _, y, p, _ = out_of_fold()
    if kind == "flagged":
        return np.argsort(-np.abs(p - y), kind="stable")[:EACH]
    return np.random.default_rng(1).choice(len(y), EACH, replace=False)


POINTS = [
    {"drawn": kind, "rank": rank, "seed": 0}
    for kind in ("flagged", "random")
    for rank in range(1, EACH + 1)
]


def measure(drawn: str, rank: int, seed: int) -> dict[str, Any]:
    """One review: where it is in the source, its label, the model's word and the reader's."""
    index, y, p, _ = out_of_fold()
    row = rows_of(drawn)[rank - 1]
    return {
        "index": int(index[row]),
        "label": int(y[row]),
        "p_good": round(float(p[row]), 3),
        "verdict": VERDICTS.get(int(index[row]), "right"),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
