"""Lesson 10, section 10: bits per byte by size of the vocabulary and order of the n-gram model.

python experiments/10_sizes.py
"""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.models.ngram import NGram
from aigc_course.text.bpe import BPE

TITLE = "词表大小、n 元的阶数与每字节比特，唐诗与评论（第 10 章）"
ABOUT = """\
问的是：同一种语言模型，词元的词表多大，留出文本上每个字节要花几个比特；模型看得见前面几个
词元，答案会不会变。每个种子从训练集里不放回地抽 10,700 首诗或 6,000 条评论（都约一百万字节），
在上面训练 BPE（GPT-4 的切分，一个特殊词元收尾），大词表训练一次，小的取它前面的合并；再在同样的
文本上数一个 Kneser–Ney 平滑的 n 元模型（n 阶看前面 n − 1 个词元），折扣 D 各阶相同。对每一格
（语料、V、n、种子），D 在 GRID 里按验证集选，在测试集上报告；两份都没有参与训练。

`corpus`、`size`（V，连特殊词元在内）、`order`（n）、`seed` 是设置；`discount` 是选中的 D，
`val_bits`、`test_bits` 是每字节比特（每篇收尾的特殊词元的比特算在分子里，字节数只数正文），
`test_tokens` 是测试集编出的词元数（不算收尾的），`test_bytes` 是测试集的 UTF-8 字节数。"""

SIZES = [257, 512, 1024, 2048, 4096, 8192, 16384]
ORDERS = list(range(1, 9))
DRAWN = {"唐诗": 10_700, "评论": 6_000}
GRID = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
END = "<|endoftext|>"
POINTS = [
    {"corpus": corpus, "size": size, "order": order, "seed": seed}
    for corpus in ("唐诗", "评论")
    for seed in range(5)
    for size in SIZES
    for order in ORDERS
]


@lru_cache(maxsize=2)
def texts(corpus: str) -> dict[str, list[str]]:
    """Training, validation and test texts."""
    if corpus == "唐诗":
        poems = data.tang_jueju()
        return {
            part: [str(poem) for poem in getattr(poems, part)] for part in ("train", "val", "test")
        }
    reviews = data.reviews()
    return {part: list(getattr(reviews, part).x) for part in ("train", "val", "test")}


def drawn(corpus: str, seed: int) -> list[str]:
    """The training texts of a seed, in the corpus's order."""
    every = texts(corpus)["train"]
    rows = np.random.default_rng(seed).permutation(len(every))[: DRAWN[corpus]]
    return [every[k] for k in np.sort(rows)]


@lru_cache(maxsize=1)
def largest(corpus: str, seed: int) -> BPE:
    return BPE.train(drawn(corpus, seed), max(SIZES), specials=[END])


def first(bpe: BPE, size: int) -> BPE:
    """The tokenizer of ``size`` tokens that training would have given on the way."""
    return BPE(bpe.tokens[:size], bpe.merges[: size - 257], bpe.specials, bpe.pattern)


@lru_cache(maxsize=1)
def scores(corpus: str, size: int, seed: int) -> list[dict[str, Any]]:
    """A row for each order."""
    bpe = first(largest(corpus, seed), size)
    assert len(bpe) == size
    parts = texts(corpus)
    model = NGram.fit(
        [bpe.encode(text) for text in drawn(corpus, seed)], size, order=max(ORDERS), end=0
    )
    ids = {part: [bpe.encode(text) for text in parts[part]] for part in ("val", "test")}
    count = {part: sum(len(text.encode()) for text in parts[part]) for part in ids}
    bits = {  # (D, order)
        part: np.array(
            [model.table(ids[part], orders=ORDERS, discount=d).sum(axis=1) for d in GRID]
        )
        / math.log(2)
        / count[part]
        for part in ids
    }
    rows = []
    for k in range(len(ORDERS)):
        d = int(bits["val"][:, k].argmin())
        rows.append(
            {
                "discount": GRID[d],
                "val_bits": round(float(bits["val"][d, k]), 4),
                "test_bits": round(float(bits["test"][d, k]), 4),
                "test_tokens": sum(map(len, ids["test"])),
                "test_bytes": count["test"],
            }
        )
    return rows


def measure(corpus: str, size: int, order: int, seed: int) -> dict[str, float]:
    """The test texts choose nothing."""
    return scores(corpus, size, seed)[order - 1]


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("jueju",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
