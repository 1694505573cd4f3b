"""Which texts to keep: measures of a text, bounds for them, and a sieve that tells what it drops.

>>> from aigc_course.text.quality import Bound, Sieve, han_share, length
>>> sieve = Sieve([Bound(length, 4, 200), Bound(han_share, 0.5)])
>>> [sieve.keeps(text) for text in ("房间很干净，下次还来", "好", "http 404 not found")]
[True, False, False]
>>> {name: count.dropped for name, count in sieve.counts.items()}
{'length': 1, 'han_share': 1}
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aigc_course.text.cleaning import HAN, forms

__all__ = [
    "Bound",
    "Dropped",
    "Sieve",
    "bits_per_character",
    "han_share",
    "length",
    "repeated_share",
    "sign_share",
]

_HAN = re.compile(f"[{HAN}]")
EXAMPLES = 3


def length(text: str) -> float:
    """Characters, blanks not counted.

    Example:
        >>> length("春 眠")
        2.0
    """
    return float(len(text) - sum(map(str.isspace, text)))


def han_share(text: str) -> float:
    """Share of Chinese characters among all that are no blank; 0 of an empty text.

    Example:
        >>> han_share("春眠ab")
        0.5
    """
    return len(_HAN.findall(text)) / (length(text) or 1.0)


def sign_share(text: str) -> float:
    """Share of what is neither letter nor digit among all that is no blank; 0 of an empty text.

    Example:
        >>> sign_share("好！！！")
        0.75
    """
    signs = sum(not c.isalnum() and not c.isspace() for c in text)
    return signs / (length(text) or 1.0)


def repeated_share(text: str, n: int = 4) -> float:
    """Share of runs of ``n`` characters that have stood in the text before; 0 if it is short.

    Counted on :func:`~aigc_course.text.cleaning.forms`, so that blanks and signs between do not
    hide it. Ordinary prose of up to 200 characters stays below 0.1.

    Example:
        >>> repeated_share("好好学习，好好学习。好好学习！"), repeated_share("春眠不觉晓")
        (0.5555555555555556, 0.0)
    """
    if n < 1:
        raise ValueError(f"n: got {n}, wanted at least 1")
    plain = forms(text)
    runs = len(plain) - n + 1
    if runs < 2:
        return 0.0
    return 1 - len({plain[k : k + n] for k in range(runs)}) / runs


def bits_per_character(text: str) -> float:
    """Entropy of the text's own characters, −Σ p log₂ p; 0 of an empty text.

    Low where few characters make up the text (啊啊啊啊嗯), at most log₂ of its length.

    Example:
        >>> bits_per_character("啊啊啊啊"), bits_per_character("春眠不觉")
        (0.0, 2.0)
    """
    counts = Counter(forms(text))
    total = counts.total()
    if not total:
        return 0.0
    return -sum(m / total * math.log2(m / total) for m in counts.values()) + 0.0


@dataclass(frozen=True)
class Bound:
    """Keeps a text if ``low ≤ measure(text) ≤ high``.

    Attributes:
        measure: from text to number.
        low, high: both included.
        name: in the counts; the measure's own by default.
    """

    measure: Callable[[str], float]
    low: float = -math.inf
    high: float = math.inf
    name: str = ""

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"bound: got {self.low} to {self.high}, wanted low ≤ high")
        if not self.name:
            object.__setattr__(self, "name", self.measure.__name__)

    def holds(self, text: str) -> bool:
        """Whether the measure is within the bounds; nan is not."""
        return self.low <= self.measure(text) <= self.high


@dataclass
class Dropped:
    """What one bound has dropped so far: how many texts, and the first few with their measure."""

    dropped: int = 0
    examples: list[tuple[str, float]] = field(default_factory=list)

    def __iadd__(self, later: Dropped) -> Dropped:
        """Add the count of texts that came after."""
        self.dropped += later.dropped
        self.examples = (self.examples + later.examples)[:EXAMPLES]
        return self


class Sieve:
    """Several bounds; a text is dropped by the first that does not hold.

    Args:
        bounds: in the order in which they are asked.

    Attributes:
        seen, kept: texts so far.
        counts: by the bound's name.

    Raises:
        ValueError: two bounds have the same name.
    """

    def __init__(self, bounds: Sequence[Bound]) -> None:
        self.bounds = tuple(bounds)
        self.seen = self.kept = 0
        self.counts = {bound.name: Dropped() for bound in self.bounds}
        if len(self.counts) < len(self.bounds):
            raise ValueError("bounds: two have the same name; give one of them another")

    def keeps(self, text: str) -> bool:
        """Whether all bounds hold; counted."""
        self.seen += 1
        for bound in self.bounds:
            if not bound.holds(text):
                count = self.counts[bound.name]
                count.dropped += 1
                if len(count.examples) < EXAMPLES:
                    count.examples.append((text[:60], bound.measure(text)))
                return False
        self.kept += 1
        return True
