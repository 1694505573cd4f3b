"""The dropout layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.dropout import dropout
from ..tensor import Tensor
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training each number becomes 0 with probability p, the rest grows by 1/(1 - p).

    Example:
        >>> Dropout(0.5).eval()(Tensor([1.0, 2.0]))
        tensor([1., 2.])
    """

    def __init__(self, p: float = 0.5, *, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is {p}, wanted a probability from 0 to 1")
        self.p, self.generator = p, generator

    def forward(self, x: Any) -> Tensor:
        return dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"
