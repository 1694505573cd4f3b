"""The text part beside its peers, in one run on one thread each.

    python benchmarks/text.py                  # all tasks, some minutes
    python benchmarks/text.py bpe --poems 10000 --merges 512
    python benchmarks/text.py --json           # the same as JSON

Tasks: training a byte-pair encoding (beside ``tokenizers``, and beside counting all pairs anew
after each merge, over distinct words as in the textbook and over all pieces as in minbpe), encoding
with it, cutting into words (beside jieba), signatures for near duplicates (beside datasketch).
Before a time is shown, the results are compared. Times are of the processor, in seconds.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy and tokenizers are loaded
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402
from itertools import pairwise  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import datasketch  # noqa: E402
import jieba  # noqa: E402
import tokenizers  # noqa: E402
from tokenizers import models, pre_tokenizers, trainers  # noqa: E402

from aigc_course import data  # noqa: E402
from aigc_course.text.bpe import BPE, BYTES, PATTERNS, _cut  # noqa: E402
from aigc_course.text.duplicates import MinHash, shingles  # noqa: E402
from aigc_course.text.segmentation import Segmenter  # noqa: E402


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


# --- byte-pair encoding ------------------------------------------------------------------------


def peer(texts: list[str], size: int) -> Any:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(tokenizers.Regex(PATTERNS["gpt4"]), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, level])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def counting_anew(texts: list[str], size: int, distinct: bool) -> list[tuple[int, int]]:
    """Merges by counting every pair of every row after each merge."""
    id_of = {token: k for k, token in enumerate(BYTES)}
    pieces = [piece.encode() for text in texts for piece in _cut(text, "gpt4")]
    counted = Counter(pieces).items() if distinct else [(piece, 1) for piece in pieces]
    rows = [([id_of[bytes([byte])] for byte in piece], count) for piece, count in counted]
    merges: list[tuple[int, int]] = []
    while 256 + len(merges) < size:
        counts: Counter[tuple[int, int]] = Counter()
        for row, count in rows:
            for pair in pairwise(row):
                counts[pair] += count
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        new = 256 + len(merges)
        merges.append(best)
        for row, _ in rows:
            k = 0
            while k < len(row) - 1:
                if row[k] == best[0] and row[k + 1] == best[1]:
                    row[k : k + 2] = [new]
                k += 1
    return merges


def bpe(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    poems = data.jueju().train
    texts = [str(poem) for poem in poems[: arguments.poems]]
    size = 256 + arguments.merges
    ours, tokenizer = timed(lambda: BPE.train(texts, size))
    rows = [{"task": f"BPE, {len(texts):,} poems, {arguments.merges} merges", "ours": ours}]
    seconds, theirs = timed(lambda: peer(texts, size))
    shown = tokenizer.to_json()["model"]["merges"]
    assert shown == json.loads(theirs.to_str())["model"]["merges"]
    rows.append({"task": "  tokenizers (Rust)", "peer": seconds, "ratio": seconds / ours})
    for name, distinct in (("textbook: distinct words", True), ("minbpe's way: all pieces", False)):
        seconds, merges = timed(lambda distinct=distinct: counting_anew(texts, size, distinct))
        assert tuple(merges) == tokenizer.merges
        rows.append({"task": f"  counting anew, {name}", "peer": seconds, "ratio": seconds / ours})
    whole = [str(poem) for poem in poems]
    ours, large = timed(lambda: BPE.train(whole, 8192))
    rows.append({"task": f"BPE, all {len(whole):,} poems, vocabulary 8,192", "ours": ours})
    seconds, theirs = timed(lambda: peer(whole, 8192))
    assert large.to_json()["model"]["merges"] == json.loads(theirs.to_str())["model"]["merges"]
    rows.append({"task": "  tokenizers (Rust)", "peer": seconds, "ratio": seconds / ours})
    some = whole[:20_000]
    ours, mine = timed(lambda: [large.encode(text) for text in some])
    seconds, other = timed(lambda: [theirs.encode(text).ids for text in some])
    assert mine == other
    rows.append({"task": f"encoding {len(some):,} poems", "ours": ours})
    rows.append({"task": "  tokenizers (Rust)", "peer": seconds, "ratio": seconds / ours})
    return rows


# --- words -------------------------------------------------------------------------------------


def words(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    ours = Segmenter.jieba()
    ours.cut("先查一次字典")
    paper = data.newspaper()
    corpora = {
        "reviews": list(data.reviews().train.x),
        "newspaper": ["".join(word for word, _ in row) for row in paper.train],
        "poems": [str(poem) for poem in data.tang_jueju().train],
    }
    rows = []
    for name, texts in corpora.items():
        mine_s, mine = timed(lambda texts=texts: [ours.cut(text) for text in texts])
        theirs_s, theirs = timed(lambda texts=texts: [jieba.lcut(text) for text in texts])
        assert mine == theirs
        length = sum(map(len, texts))
        rows.append({"task": f"words of {name}, {length:,} characters", "ours": mine_s})
        rows.append({"task": "  jieba", "peer": theirs_s, "ratio": theirs_s / mine_s})
    return rows


# --- duplicates --------------------------------------------------------------------------------


def duplicates(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    texts = ["".join(poem.lines) for poem in data.tang_jueju().train]
    ours, _ = timed(lambda: MinHash(128)(texts))

    def theirs() -> None:
        for text in texts:
            sketch = datasketch.MinHash(128)
            sketch.update_batch([one.encode() for one in shingles(text)])

    seconds, _ = timed(theirs)
    return [
        {"task": f"128 MinHashes of {len(texts):,} poems", "ours": ours},
        {"task": "  datasketch", "peer": seconds, "ratio": seconds / ours},
    ]


TASKS = {"bpe": bpe, "words": words, "duplicates": duplicates}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="*", help=", ".join(TASKS), default=[])
    parser.add_argument("--poems", type=int, default=4_000, help="for counting anew")
    parser.add_argument("--merges", type=int, default=256, help="for counting anew")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"unknown task {', '.join(sorted(unknown))}; known: {', '.join(TASKS)}")
    rows = [row for name in arguments.tasks or TASKS for row in TASKS[name](arguments)]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'':58} {'ours s':>8} {'peer s':>8} {'peer / ours':>12}")
    for row in rows:
        cells = [f"{row[key]:.2f}" if key in row else "" for key in ("ours", "peer", "ratio")]
        print(f"{row['task']:58} {cells[0]:>8} {cells[1]:>8} {cells[2]:>12}")
    print(f"NumPy {np.__version__}, tokenizers {tokenizers.__version__}, jieba {jieba.__version__}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
