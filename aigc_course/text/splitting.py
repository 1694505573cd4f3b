"""Train, validation and test without a leak: texts that are nearly the same stay together.

>>> from aigc_course.text.splitting import leaks, split
>>> texts = ["房间很干净下次还来", "房间很干净，下次还来！", "早餐难吃", "位置好找"]
>>> parts = split(texts, groups=[0, 0, 2, 3], shares={"train": 0.5, "test": 0.5})
>>> parts[0] == parts[1], leaks(texts, parts)
(True, [])
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence

from aigc_course.text.cleaning import forms
from aigc_course.text.duplicates import Pair, near_duplicates

__all__ = ["check_shares", "leaks", "part_of", "split"]


def split(
    texts: Sequence[str],
    groups: Sequence[Hashable],
    shares: Mapping[str, float],
    seed: int = 0,
) -> list[str]:
    """The part of each text: all of a group in one part, each part in expectation its share.

    Where a group goes is decided by a hash of its least text and the seed alone. So the order of
    the rows does not matter, and when rows are added later, those that were there stay in their
    part (unless an added one joins two groups, or becomes its group's least).

    Args:
        texts: N texts.
        groups: N marks, equal for texts that belong together, such as
            :func:`~aigc_course.text.duplicates.clusters` gives.
        shares: of each part, more than 0, together 1; in the order in which they are cut.
        seed: another seed is another split.

    Returns:
        N names of parts.

    Raises:
        ValueError: lengths differ, or the shares are not positive or do not add up to 1.

    Example:
        >>> texts = [str(k) for k in range(1000)]
        >>> parts = split(texts, range(1000), {"train": 0.8, "val": 0.1, "test": 0.1})
        >>> [parts.count(name) for name in ("train", "val", "test")]
        [792, 100, 108]
    """
    if len(texts) != len(groups):
        raise ValueError(f"groups: got {len(groups)}, wanted one for each of {len(texts)} texts")
    check_shares(shares)
    least: dict[Hashable, str] = {}
    for text, group in zip(texts, groups, strict=True):
        least[group] = min(least.get(group, text), text)
    parts = {group: part_of(text, shares, seed) for group, text in least.items()}
    return [parts[group] for group in groups]


def check_shares(shares: Mapping[str, float]) -> None:
    """Raises ValueError if the shares are not all above 0, or are not 1 together."""
    if any(share <= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"shares: got {dict(shares)}, wanted all above 0 and 1 together")


def part_of(text: str, shares: Mapping[str, float], seed: int = 0) -> str:
    """The part of a group whose least text is ``text``; see :func:`split`.

    Example:
        >>> part_of("春眠不觉晓", {"train": 0.8, "test": 0.2})
        'train'
    """
    digest = hashlib.blake2b(f"{seed}\n{text}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    for name, share in shares.items():
        place -= share
        if place < 0:
            return name
    return name  # the shares' sum falls short of 1 by rounding


def leaks(
    texts: Sequence[str], parts: Sequence[str], threshold: float = 0.8, n: int = 3
) -> list[Pair]:
    """Pairs in different parts whose texts are nearly the same; what a good split has none of.

    Compared as :func:`~aigc_course.text.cleaning.forms`, so punctuation hides nothing.

    Args:
        texts, parts: N each.
        threshold, n: as for :func:`~aigc_course.text.duplicates.near_duplicates`.

    Example:
        >>> leaks(["房间很干净下次还来", "房间很干净，下次还来！"], ["train", "test"])
        [Pair(first=0, second=1, jaccard=1.0)]
    """
    if len(texts) != len(parts):
        raise ValueError(f"parts: got {len(parts)}, wanted one for each of {len(texts)} texts")
    pairs = near_duplicates([forms(text) for text in texts], threshold, n)
    return [pair for pair in pairs if parts[pair.first] != parts[pair.second]]
