"""Random changes that keep an image's class: shift, flip, erase, noise.

All work on whole batches at once, on ``uint8`` and ``float32`` alike, leave their input
unchanged, return the input's dtype, and take their randomness from a generator only.
Images are (N, H, W); pixels that come into view are 0, the background of Fashion-MNIST.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_noise", "horizontal_flip", "random_erase", "random_shift"]

Images = NDArray[Any]  # uint8 or float32, (N, H, W)


def random_shift(x: Images, max_shift: int, rng: np.random.Generator) -> Images:
    """Move each image by whole pixels, up to ``max_shift`` each way, filling with 0.

    Args:
        x: images, (N, H, W).
        max_shift: largest move in pixels, both axes; 0 changes nothing.
        rng: source of randomness.

    Returns:
        New array like ``x``.

    Example:
        >>> x = np.array([[[1, 2], [3, 4]]], dtype=np.uint8)
        >>> random_shift(x, 1, np.random.default_rng(3)).tolist()
        [[[0, 0], [2, 0]]]
    """
    x = _images(x)
    _generator(rng)
    n, height, width = x.shape
    if not 0 <= max_shift < min(height, width):
        raise ValueError(
            f"max_shift: got {max_shift}, wanted 0 to {min(height, width) - 1} for "
            f"{height} × {width} images"
        )
    padded = np.pad(x, ((0, 0), (max_shift, max_shift), (max_shift, max_shift)))
    # (N, 2 max_shift + 1, 2 max_shift + 1, H, W): every possible window, without a copy.
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = rng.integers(-max_shift, max_shift + 1, size=(2, n))
    return windows[np.arange(n), max_shift - down, max_shift - right].copy()


def horizontal_flip(x: Images, rng: np.random.Generator, p: float = 0.5) -> Images:
    """Mirror each image left to right with probability ``p``.

    Example:
        >>> x = np.array([[[1, 2, 3]]], dtype=np.uint8)
        >>> horizontal_flip(x, np.random.default_rng(0), p=1.0).tolist()
        [[[3, 2, 1]]]
    """
    x = _images(x)
    _generator(rng)
    _probability(p)
    out = x.copy()
    flip = rng.random(len(x)) < p
    out[flip] = out[flip, :, ::-1]
    return out


def random_erase(
    x: Images,
    rng: np.random.Generator,
    p: float = 0.5,
    size: tuple[int, int] = (4, 12),
    fill: float = 0,
) -> Images:
    """Blank a random rectangle in each image with probability ``p``.

    Args:
        x: images, (N, H, W).
        rng: source of randomness.
        p: share of images that lose a rectangle.
        size: smallest and largest side of the rectangle, pixels, drawn for each side.
        fill: value written into it, in the units of ``x``.

    Reference:
        Zhong et al.: Random Erasing Data Augmentation, 2017 (arXiv:1708.04896).

    Example:
        >>> x = np.ones((1, 4, 4), dtype=np.float32)
        >>> int(random_erase(x, np.random.default_rng(0), p=1.0, size=(2, 2)).sum())
        12
    """
    x = _images(x)
    _generator(rng)
    _probability(p)
    n, height, width = x.shape
    low, high = size
    if not 1 <= low <= high <= min(height, width):
        raise ValueError(
            f"size: got {size}, wanted 1 ≤ smallest ≤ largest ≤ {min(height, width)} pixels"
        )
    sides = rng.integers(low, high + 1, size=(2, n))
    top = rng.integers(0, height - sides[0] + 1)
    left = rng.integers(0, width - sides[1] + 1)
    chosen: NDArray[np.bool_] = np.less(rng.random(n), p)
    row, column = np.arange(height), np.arange(width)
    rows: NDArray[np.bool_] = (row >= top[:, None]) & (row < (top + sides[0])[:, None])  # (N, H)
    columns: NDArray[np.bool_] = (column >= left[:, None]) & (
        column < (left + sides[1])[:, None]
    )  # (N, W)
    hole = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return np.where(hole, x.dtype.type(fill), x)


def add_noise(x: Images, std: float, rng: np.random.Generator) -> Images:
    """Add Gaussian noise and cut to the valid range.

    Args:
        x: images; ``uint8`` in 0 … 255 or ``float32`` in [0, 1].
        std: standard deviation in units of the full range: 0.1 is a tenth of white, whatever
            the dtype.
        rng: source of randomness.

    Example:
        >>> x = np.full((1, 2, 2), 128, dtype=np.uint8)
        >>> add_noise(x, 0.0, np.random.default_rng(0)).tolist()
        [[[128, 128], [128, 128]]]
    """
    x = _images(x)
    _generator(rng)
    if not std >= 0:
        raise ValueError(f"std: got {std}, wanted 0 or more, as a share of the full range")
    noise = rng.standard_normal(x.shape, dtype=np.float32) * np.float32(std)
    if x.dtype == np.uint8:
        return np.clip(np.rint(x + 255 * noise), 0, 255).astype(np.uint8)
    return np.clip(x + noise, 0, 1)


def _images(x: Images) -> Images:
    x = np.asarray(x)
    if x.dtype not in (np.uint8, np.float32):
        raise TypeError(f"x: got {x.dtype}, wanted uint8 or float32 images")
    if x.ndim != 3:
        raise ValueError(
            f"x: got shape {x.shape}, wanted (N, H, W); flat rows need x.reshape(-1, 28, 28)"
        )
    return x


def _generator(rng: np.random.Generator) -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng: got {type(rng).__name__}, wanted a NumPy generator, e.g. default_rng(0)"
        )


def _probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"p: got {p}, wanted a probability from 0 to 1")
