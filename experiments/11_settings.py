"""Lesson 11, sections 4 and 9: skip-gram on quatrains, one setting changed at a time.

python experiments/11_settings.py
"""

from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.text.analogies import (
    CHARACTER_CLASSES,
    CHARACTER_RELATIONS,
    analogy_accuracy,
    neighbour_purity,
    triple_accuracy,
    triples,
)
from aigc_course.text.embeddings import Embedding, SkipGramConfig, skip_gram
from aigc_course.text.vocabulary import Vocabulary

TITLE = "skip-gram 在唐诗上：降采样、抽样的幂与种子（第 11 章）"
ABOUT = """\
问的是：同一批唐诗，skip-gram 只改一处，字的向量变多少；换一个种子，又变多少。每个种子从唐人绝句的
训练集里抽四分之一，按字，一首一行，次数不到 5 的字去掉。50 维，窗口 5，负样本 5，3 轮，
学习率 0.05，都没有调。种子决定抽哪些诗、初始的数和一切抽样。

`sample`（降采样的 t，1 是不丢字）、`power`（抽负样本的幂）、`seed` 是设置，`words` 是留下几种字。
`triples` 是三元组的准确率（课程库的字类名单，碰巧是 0.5），`asked` 是问了几组，
`purity` 是 5 个近邻里同类的份额，
`chance` 是随机的近邻有多少；`analogies`、`plain` 是反义类比的准确率与只看 c 的近邻的准确率。
`same_low`、`same_mid`、`same_high` 是全部训练诗里 50–99、200–399、1000 次以上的字
（各最多 150 个），前 10 个近邻里有多少与下一个种子的相同。
`level_low`、`level_high` 是 50–99、1000 次以上的字，
前 10 个近邻的次数的几何平均。"""

SHARE, CONFIG = 0.25, {"size": 50, "epochs": 3, "rate": 0.05}
CHANGES = [{}, {"sample": 1.0}, {"power": 0.0}, {"power": 1.0}]
SEEDS = range(5)
POINTS = [{"sample": 1e-3, "power": 0.75, **c, "seed": seed} for c in CHANGES for seed in SEEDS]
BANDS = {"low": (50, 100), "mid": (200, 400), "high": (1000, 10**9)}


@lru_cache(maxsize=1)
def corpus():
    """Each poem as one row, and how often each character occurs."""
    poems = ["".join(poem.lines) for poem in data.tang_jueju().train]
    return poems, Counter(c for poem in poems for c in poem)


@lru_cache(maxsize=6)
def vectors(sample, power, seed):
    """What is learnt from the quarter that the seed draws."""
    poems, _ = corpus()
    drawn = np.random.default_rng([11, seed]).permutation(len(poems))[: round(SHARE * len(poems))]
    rows = [poems[k] for k in np.sort(drawn)]
    config = SkipGramConfig(sample=sample, power=max(power, 1e-9), **CONFIG)  # 0 is refused
    return skip_gram(rows, Vocabulary.count(rows, min_count=5), config, seed=seed)


def near(embedding: Embedding, words, k=10):
    """The k nearest words of each that has a vector."""
    return {w: [one for one, _ in embedding.nearest(w, k)] for w in words if w in embedding}


def measure(sample, power, seed):
    """Train, and ask the lists; the neighbours of the next seed are learnt too, and kept."""
    _, counts = corpus()
    embedding = vectors(sample, power, seed)
    other = vectors(sample, power, (seed + 1) % len(SEEDS))
    found = triple_accuracy(embedding, triples(CHARACTER_CLASSES, counts))
    purity = neighbour_purity(embedding, CHARACTER_CLASSES)
    analogies = analogy_accuracy(embedding, CHARACTER_RELATIONS)
    row = {
        "words": len(embedding.vocabulary) - 2,
        "triples": found.value,
        "asked": found.asked,
        "purity": purity.value,
        "chance": purity.chance,
        "analogies": analogies.value,
        "plain": analogies.without_offset,
    }
    for name, (low, high) in BANDS.items():
        words = sorted(w for w in counts if low <= counts[w] < high)[:150]
        mine, theirs = near(embedding, words), near(other, words)
        row[f"same_{name}"] = float(
            np.mean([len({*mine[w]} & {*theirs[w]}) / 10 for w in mine if w in theirs])
        )
        levels = [np.log(counts[n]) for w in mine for n in mine[w]]
        if name != "mid":
            row[f"level_{name}"] = round(float(np.exp(np.mean(levels))), 1)
    return {
        name: value if isinstance(value, int) else round(value, 4) for name, value in row.items()
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("jueju",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
