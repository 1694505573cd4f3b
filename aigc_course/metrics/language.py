"""How well does a language model predict text, whatever its tokens are?"""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["bits_per_byte"]


def bits_per_byte(nats: float, texts: Iterable[str]) -> float:
    """Bits for each UTF-8 byte of ``texts``: comparable between models of any vocabulary.

    Args:
        nats: the sum of −ln p over all tokens of all texts, those that end a text included.
        texts: what was predicted; only these bytes are counted, no special tokens.

    Raises:
        ValueError: the texts hold no byte, or ``nats`` is negative or NaN.

    Example:
        >>> bits_per_byte(12 * math.log(2), ["春风"])
        2.0
    """
    size = sum(len(text.encode()) for text in texts)
    if size == 0:
        raise ValueError("texts: got no byte at all, wanted at least one")
    if not nats >= 0:
        raise ValueError(f"nats: got {nats}, wanted a sum of −ln p, not below 0")
    return float(nats) / math.log(2) / size
