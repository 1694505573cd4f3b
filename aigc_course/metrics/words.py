"""Segmentation: precision, recall and F1 of words, and recall of words of one sort.

>>> word_prf([["研究", "生命"]], [["研究生", "命"]])
PRF(precision=0.0, recall=0.0, f1=0.0)

A word counts if both its ends are right. A word that occurs elsewhere in the sentence is another.

Reference:
    Sproat and Emerson: The First International Chinese Word Segmentation Bakeoff, 2003.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_course.metrics.precision_recall import PRF

__all__ = ["spans", "word_counts", "word_prf", "word_recall"]

Lines = Sequence[Sequence[str]]


def spans(words: Sequence[str]) -> list[tuple[int, int]]:
    """Where each word begins and ends.

    Example:
        >>> spans(["研究", "生命"])
        [(0, 2), (2, 4)]
    """
    out, start = [], 0
    for word in words:
        out.append((start, start + len(word)))
        start += len(word)
    return out


def word_counts(truth: Lines, guess: Lines) -> NDArray[np.int64]:
    """Of each line how many words are right, how many were said, how many there are: (N, 3).

    Sums of the rows give precision and recall; rows drawn with replacement give intervals.

    Raises:
        ValueError: another number of lines, or lines of another text.
    """
    if len(truth) != len(guess):
        raise ValueError(f"truth, guess: got {len(truth)} and {len(guess)} lines, wanted as many")
    rows = []
    for n, (wanted, got) in enumerate(zip(truth, guess, strict=True)):
        _same_text(wanted, got, n)
        there, said = set(spans(wanted)), set(spans(got))
        rows.append((len(there & said), len(got), len(wanted)))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def word_prf(truth: Lines, guess: Lines) -> PRF:
    """Precision, recall and F1 of the words of all lines together.

    Example:
        >>> word_prf([["他", "来", "了"]], [["他", "来了"]])
        PRF(precision=0.5, recall=0.3333333333333333, f1=0.4)
    """
    right, said, there = (int(n) for n in word_counts(truth, guess).sum(axis=0))
    return PRF(
        right / said if said else 0.0,
        right / there if there else 0.0,
        2 * right / (said + there) if said + there else 0.0,
    )


def word_recall(truth: Lines, guess: Lines, which: Callable[[str], bool]) -> tuple[int, int]:
    """Of the true words for which ``which`` holds: how many are right, and how many there are.

    Example:
        >>> word_recall([["小", "花边饺"]], [["小", "花边", "饺"]], lambda word: len(word) > 1)
        (0, 1)
    """
    word_counts(truth, guess)  # the lines fit
    right = there = 0
    for wanted, got in zip(truth, guess, strict=True):
        said = set(spans(got))
        for word, span in zip(wanted, spans(wanted), strict=True):
            if which(word):
                there += 1
                right += span in said
    return right, there


def _same_text(wanted: Sequence[str], got: Sequence[str], n: int) -> None:
    if "".join(wanted) != "".join(got):
        raise ValueError(
            f"truth, guess: line {n} reads {''.join(wanted)[:20]!r} and {''.join(got)[:20]!r}; "
            "wanted the same text, cut differently"
        )
    if not all((*wanted, *got)):
        raise ValueError(f"truth, guess: line {n} holds an empty word")
