"""Labelled data as arrays: the pair of images and labels, and how to take parts of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Split", "as_float", "hold_out", "subset"]


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels that belong together.

    Attributes:
        x: images, ``uint8`` (N, 28, 28), 0 = background, 255 = brightest.
        y: class of each image, ``int64`` (N,), 0 … K-1.
        index: position of each image in the source's own file, ``int64`` (N,).
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    index: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.index):
            raise ValueError(
                f"x, y, index: got {len(self.x)}, {len(self.y)}, {len(self.index)} rows, "
                "wanted the same number in each"
            )

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Split(x={self.x.dtype}{self.x.shape}, y={self.y.dtype}{self.y.shape})"


def as_float(x: NDArray[np.uint8], flatten: bool = True) -> NDArray[np.float32]:
    """Bytes 0 … 255 to ``float32`` in [0, 1].

    Args:
        x: images, ``uint8``, (N, 28, 28) or any (N, …).
        flatten: give (N, 784) rows for an MLP; ``False`` keeps the shape.

    Returns:
        A new array; ``x`` is not changed.

    Raises:
        TypeError: ``x`` is not ``uint8`` (dividing by 255 twice is a common silent mistake).

    Example:
        >>> as_float(np.array([[[0, 51], [102, 255]]], dtype=np.uint8)).tolist()
        [[0.0, 0.20000000298023224, 0.4000000059604645, 1.0]]
    """
    x = np.asarray(x)
    if x.dtype != np.uint8:
        raise TypeError(
            f"x: got {x.dtype}, wanted uint8 images as the loader gives them; "
            "were they converted already?"
        )
    out = np.divide(x, 255, dtype=np.float32)
    return out.reshape(len(x), -1) if flatten else out


def hold_out(y: NDArray[np.int64], per_class: int, seed: int) -> NDArray[np.bool_]:
    """Mark ``per_class`` rows of every class, chosen once and for all.

    Uses NumPy's legacy generator on purpose: its stream is frozen for ever, whereas that of
    ``default_rng`` may change between releases, and a split must not.

    Args:
        y: labels, (N,).
        per_class: rows to mark in each class.
        seed: fixes the choice.

    Returns:
        Boolean mask, (N,), true for the rows held out.

    Raises:
        ValueError: a class has fewer rows than ``per_class``.

    Example:
        >>> hold_out(np.array([0, 1, 0, 1, 0, 1]), per_class=1, seed=0).astype(int).tolist()
        [0, 0, 0, 0, 1, 1]
    """
    random = np.random.RandomState(seed)
    mask = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        if per_class > len(rows):
            raise ValueError(
                f"per_class: got {per_class}, wanted at most {len(rows)}, the size of class {label}"
            )
        mask[random.permutation(rows)[:per_class]] = True
    return mask


def subset(split: Split, n: int, rng: np.random.Generator, stratify: bool = True) -> Split:
    """A random part of ``split``, in random order.

    Args:
        split: where to draw from, N rows.
        n: how many rows, 1 … N.
        rng: source of randomness.
        stratify: keep each class's share (to within one row); otherwise draw freely.

    Returns:
        A new :class:`Split` of exactly ``n`` rows, none repeated.

    Raises:
        ValueError: ``n`` is out of range.
        TypeError: ``rng`` is not a NumPy generator.

    Example:
        >>> y = np.repeat(np.arange(2), 50)
        >>> whole = Split(np.zeros((100, 28, 28), np.uint8), y, np.arange(100))
        >>> np.bincount(subset(whole, 10, np.random.default_rng(0)).y).tolist()
        [5, 5]
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng: got {type(rng).__name__}, wanted a NumPy generator, e.g. default_rng(0)"
        )
    total = len(split)
    if not 1 <= n <= total:
        raise ValueError(f"n: got {n}, wanted 1 to {total}, the rows there are")
    if stratify:
        rows = rng.permutation(np.concatenate(_stratified_rows(split.y, n, rng)))
    else:
        rows = rng.choice(total, size=n, replace=False)
    return Split(split.x[rows], split.y[rows], split.index[rows])


def _stratified_rows(
    y: NDArray[np.int64], n: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    labels, counts = np.unique(y, return_counts=True)
    exact = counts * (n / len(y))
    take = np.floor(exact).astype(np.int64)
    # Largest remainders first; ties broken at random so that no class is always favoured.
    order = np.lexsort((rng.random(len(labels)), take - exact))
    take[order[: n - take.sum()]] += 1
    return [
        rng.choice(np.flatnonzero(y == label), size=k, replace=False)
        for label, k in zip(labels, take, strict=True)
    ]
