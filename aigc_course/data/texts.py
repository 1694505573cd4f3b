"""Labelled texts: what a loader gives, and how to take parts of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Texts"]


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts and labels that belong together.

    Attributes:
        x: N texts.
        y: class of each text, ``int64`` (N,), 0 … K-1.
        index: position of each text in the source, ``int64`` (N,).
    """

    x: tuple[str, ...]
    y: NDArray[np.int64]
    index: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.index):
            raise ValueError(
                f"x, y, index: got {len(self.x)}, {len(self.y)}, {len(self.index)} rows, "
                "wanted the same number in each"
            )
        for array in (self.y, self.index):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"Texts({len(self):,} texts, {np.bincount(self.y).tolist()} of each class)"

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Texts:
        """The texts of ``rows``: numbers in any order, or a mask.

        Example:
            >>> texts = Texts(("好", "坏"), np.array([1, 0]), np.array([0, 1]))
            >>> texts.take(np.array([False, True])).x
            ('坏',)
        """
        rows = np.arange(len(self))[rows]
        return Texts(tuple(self.x[k] for k in rows), self.y[rows], self.index[rows])
