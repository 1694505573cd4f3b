"""The engine's default source of random numbers, for layers that were given none of their own."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Restart the default generator; returns it.

    Raises:
        ValueError: ``seed`` is negative or not an integer.

    Example:
        >>> a = manual_seed(3).random()
        >>> a == manual_seed(3).random()
        True
    """
    global _generator
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed: got {seed!r}, wanted a non-negative integer such as 0 or 42")
    _generator = np.random.default_rng(int(seed))
    return _generator


def pick(generator: np.random.Generator | None) -> np.random.Generator:
    """``generator`` itself, or the default one when None.

    Raises:
        TypeError: something else was given, such as a plain seed.
    """
    if generator is None:
        return _generator
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"generator: got {type(generator).__name__}, wanted a numpy.random.Generator; "
            "make one with numpy.random.default_rng(seed)"
        )
    return generator
