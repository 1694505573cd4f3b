"""A vocabulary: tokens and their numbers, and rows of numbers of one length.

>>> words = Vocabulary.count([["春", "眠"], ["春", "晓"]], min_count=1)
>>> words.ids(["春", "夏"]), words.tokens_of([2, 1])
([2, 1], ['春', '<未知>'])
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_course.errors import UserError
from aigc_course.files import write_atomically

__all__ = ["PAD", "UNKNOWN", "Vocabulary", "padded"]

PAD, UNKNOWN = "<补>", "<未知>"
_FORMAT = 1


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in the order of their numbers.

    Attributes:
        tokens: V different tokens; the first two stand for filling and for the unknown.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.tokens[:2] != (PAD, UNKNOWN) or len(set(self.tokens)) < len(self.tokens):
            raise ValueError(
                f"tokens: got {list(self.tokens[:3])} …, {len(self.tokens)} of which "
                f"{len(set(self.tokens))} differ; wanted {PAD}, {UNKNOWN} first and each once"
            )

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} tokens)"

    def __contains__(self, token: str) -> bool:
        return token in self._id

    @cached_property
    def _id(self) -> dict[str, int]:
        return {token: k for k, token in enumerate(self.tokens)}

    @classmethod
    def count(
        cls,
        rows: Iterable[Iterable[str]],
        *,
        min_count: int = 2,
        size: int | None = None,
        specials: Sequence[str] = (),
    ) -> Vocabulary:
        """The tokens that occur often enough, the most frequent first, equals in their own order.

        Count the training rows only: a token that is known from the test set is a leak.

        Args:
            rows: of tokens.
            min_count: how often a token must occur.
            size: the most tokens there may be, filling, unknown and specials included.
            specials: more tokens that get a number without occurring, after the first two.

        Raises:
            ValueError: ``min_count`` is less than 1, or ``size`` leaves no room for the specials.
        """
        first = (PAD, UNKNOWN, *specials)
        if min_count < 1 or (size is not None and size < len(first)):
            raise ValueError(
                f"min_count, size: got {min_count}, {size}, wanted at least 1 and {len(first)}"
            )
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(row)
        often = [token for token, count in counts.items() if count >= min_count]
        often = sorted(set(often) - set(first), key=lambda token: (-counts[token], token))
        return cls((*first, *often)[:size])

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The number of each token, that of the unknown for one that is not there."""
        get = self._id.get
        return [get(token, 1) for token in tokens]

    def tokens_of(self, ids: Iterable[int]) -> list[str]:
        """The token of each number.

        Raises:
            ValueError: a number is not in the vocabulary.
        """
        out = []
        for one in ids:
            if not 0 <= one < len(self.tokens):
                raise ValueError(f"ids: got {one}, wanted 0 to {len(self.tokens) - 1}")
            out.append(self.tokens[one])
        return out

    def known_share(self, rows: Iterable[Iterable[str]]) -> float:
        """Share of the tokens of ``rows`` that are in the vocabulary; nan without any token.

        Example:
            >>> Vocabulary((PAD, UNKNOWN, "春")).known_share([["春", "晓"], ["春", "春"]])
            0.75
        """
        there = [token in self._id for row in rows for token in row]
        return sum(there) / len(there) if there else float("nan")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary as JSON, as a whole or not at all."""
        found = {"format": _FORMAT, "tokens": self.tokens}
        write_atomically(path, json.dumps(found, ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what :meth:`save` has written.

        Raises:
            UserError: the file is missing, cut short, of a newer course or no vocabulary.
        """
        path = Path(path)
        try:
            found = json.loads(path.read_bytes().decode())
        except FileNotFoundError as error:
            raise UserError(f"没有文件 {path}", "先建一个词表再存，或看看路径") from error
        except OSError as error:
            raise UserError(
                f"读不了 {path}（{error.strerror}）", "看看是不是文件夹、有没有权限"
            ) from error
        except ValueError as error:
            raise UserError(f"{path} 不是完整的 JSON", "文件可能只写了一半：重新存一次") from error
        if (
            isinstance(found, dict)
            and isinstance(found.get("format"), int)
            and found["format"] > _FORMAT
        ):
            raise UserError(f"{path} 是更新的课程存的（格式 {found['format']}）", "先更新课程")
        tokens = found.get("tokens") if isinstance(found, dict) else None
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise UserError(f"{path} 里没有词表", "它要是 Vocabulary.save 存的")
        try:
            return cls(tuple(tokens))
        except ValueError as error:
            raise UserError(f"{path} 里的词表不对（{error}）", "重新存一次") from error


def padded(
    rows: Sequence[Sequence[int]], length: int | None = None, fill: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of numbers as one array, filled up at the end, and how long each was.

    Args:
        rows: B rows of any length.
        length: T; longer rows lose their end. That of the longest row by default.
        fill: what stands after a row's end.

    Returns:
        int64 (B, T), and the lengths (B,), each at most T.

    Raises:
        ValueError: ``length`` is less than 1.

    Example:
        >>> padded([[3, 4, 5], [6]])
        (array([[3, 4, 5],
               [6, 0, 0]]), array([3, 1]))
    """
    if length is not None and length < 1:
        raise ValueError(f"length: got {length}, wanted at least 1")
    longest = max(map(len, rows), default=0)
    T = longest if length is None else length
    out = np.full((len(rows), T), fill, dtype=np.int64)
    lengths = np.array([min(len(row), T) for row in rows], dtype=np.int64)
    for b, row in enumerate(rows):
        out[b, : lengths[b]] = row[:T]
    return out, lengths
