"""Random silence (Srivastava et al., 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rng import pick
from ..tensor import Tensor, as_tensor, record


def dropout(
    a: Any,
    p: float = 0.5,
    training: bool = True,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set each element to 0 with probability p and scale the rest by 1/(1 - p).

    Example:
        >>> dropout(Tensor([1.0, 2.0]), p=0.5, training=False)
        tensor([1., 2.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}, wanted a probability from 0 to 1")
    a = as_tensor(a)
    if not training or p == 0:
        return a
    dtype = a._data.dtype
    if p == 1:
        mask = np.zeros(a._data.shape, dtype)
    else:
        draws = pick(generator).random(a._data.shape, dtype=np.float32)
        mask = (draws >= p).astype(dtype)
        mask *= dtype.type(1 / (1 - p))
    return record(a._data * mask, "dropout", (a,), lambda g: (g * mask,), saved=(mask,), fresh=True)
