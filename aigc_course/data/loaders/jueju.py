"""Quatrains of the Tang and Song: 99,470 poems of four lines."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from aigc_course.data.manifest import item, require
from aigc_course.errors import DataError

__all__ = ["Poem", "Poems", "jueju"]


class Poem(NamedTuple):
    """One poem: four lines of five or of seven characters, without punctuation."""

    dynasty: str
    author: str
    title: str
    lines: tuple[str, str, str, str]

    def __str__(self) -> str:
        """The poem with the usual punctuation, one couplet a line."""
        a, b, c, d = self.lines
        return f"{a}，{b}。\n{c}，{d}。"


@dataclass(frozen=True, eq=False)
class Poems:
    """Poems in three parts; what is nearly the same is in one part.

    Attributes:
        train, val, test: about 90, 5 and 5 %.
    """

    train: tuple[Poem, ...]
    val: tuple[Poem, ...]
    test: tuple[Poem, ...]

    def __repr__(self) -> str:
        sizes = f"train={len(self.train):,}, val={len(self.val):,}, test={len(self.test):,}"
        return f"Poems({sizes})"


def jueju() -> Poems:
    """Load the quatrains, checked against their checksum, in three fixed parts.

    Returns:
        :class:`Poems`, in the source's order: Tang first.

    Raises:
        DataError: the file is missing or damaged; the message tells how to restore it.

    Example:
        >>> poems = jueju()
        >>> print(poems.train[0])
        四时运灰琯，一夕变冬春。
        送寒余雪尽，迎岁早梅新。
    """
    return _load(require("jueju"))


@lru_cache(maxsize=1)
def _load(path: Path) -> Poems:
    parts: dict[str, list[Poem]] = {"train": [], "val": [], "test": []}
    try:
        with lzma.open(path, "rt", encoding="utf-8", newline="\n") as file:
            for row in file:
                part, dynasty, author, title, text = row.rstrip("\n").split("\t")
                a, b, c, d = text.split("/")
                parts[part].append(Poem(dynasty, author, title, (a, b, c, d)))
    except (lzma.LZMAError, OSError, EOFError, ValueError, KeyError) as error:
        raise DataError(
            f"cannot read {path}: {error}; restore it with: {item('jueju').restore}"
        ) from error
    return Poems(*(tuple(parts[name]) for name in ("train", "val", "test")))
