"""Which rows make up each batch, so that a stopped training goes on with the very next one.

The order of an epoch is drawn from the seed and the number of the epoch and from nothing else.
The place in the data is therefore two numbers, epoch and batch; no order has to be stored and no
batch read again to get back there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batches", "order"]

Rows = NDArray[np.int64]


def order(rows: int, seed: int, epoch: int) -> Rows:
    """The rows 0 … ``rows`` − 1 as they are shuffled in ``epoch``: (N,).

    Example:
        >>> order(5, seed=0, epoch=0), order(5, seed=0, epoch=1)
        (array([3, 0, 2, 1, 4]), array([1, 0, 3, 4, 2]))
    """
    # RandomState: NumPy promises its stream for good, that of a Generator may change with a version
    source = np.random.MT19937(np.random.SeedSequence([seed, epoch]))
    return np.random.RandomState(source).permutation(rows).astype(np.int64)


class Batches(Iterator[Rows]):
    """Row numbers of one batch after the other, epoch after epoch, without end.

    Args:
        rows: N, how many rows the data has.
        size: B, rows in a batch; the last of an epoch holds what is left.
        seed: of the orders, not negative.
        shuffle: whether each epoch has an order of its own; otherwise 0 … N − 1.

    Attributes:
        epoch: the epoch that the next batch belongs to, from 0.
        batch: the number of the next batch in it, from 0.

    Raises:
        ValueError: no rows, a size below 1 or a negative seed.

    Example:
        >>> batches = Batches(5, size=2, seed=0)
        >>> [next(batches).tolist() for _ in range(4)]
        [[3, 0], [2, 1], [4], [1, 0]]
        >>> place = batches.state_dict()
        >>> place
        {'epoch': 1, 'batch': 1}
        >>> other = Batches(5, size=2, seed=0)
        >>> other.load_state_dict(place)
        >>> next(other).tolist() == next(batches).tolist() == [3, 4]
        True
    """

    def __init__(self, rows: int, size: int, seed: int = 0, shuffle: bool = True) -> None:
        if rows < 1:
            raise ValueError(f"rows: got {rows}, wanted at least one; is the training set empty?")
        if size < 1:
            raise ValueError(f"size: got {size}, wanted at least 1 row a batch")
        if seed < 0:
            raise ValueError(f"seed: got {seed}, wanted 0 or more")
        self.rows, self.size, self.seed, self.shuffle = rows, size, seed, shuffle
        self.epoch = self.batch = 0
        self._drawn: tuple[int, Rows] | None = None  # an epoch and its order

    @property
    def in_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-self.rows // self.size)

    def __next__(self) -> Rows:
        if self._drawn is None or self._drawn[0] != self.epoch:
            drawn = (
                order(self.rows, self.seed, self.epoch) if self.shuffle else np.arange(self.rows)
            )
            self._drawn = self.epoch, drawn
        start = self.batch * self.size
        chosen = self._drawn[1][start : start + self.size]
        self.batch += 1
        if self.batch == self.in_epoch:
            self.epoch, self.batch = self.epoch + 1, 0
        return chosen

    def state_dict(self) -> dict[str, int]:
        """The place: with it and the same arguments the same batches follow."""
        return {"epoch": self.epoch, "batch": self.batch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go to a place.

        Raises:
            ValueError: an epoch of this data has no such batch.
        """
        epoch, batch = state["epoch"], state["batch"]
        if epoch < 0 or not 0 <= batch < self.in_epoch:
            raise ValueError(
                f"state: got epoch {epoch}, batch {batch}, wanted a batch from 0 to "
                f"{self.in_epoch - 1}; was it stored with other data or another batch size?"
            )
        self.epoch, self.batch = epoch, batch
