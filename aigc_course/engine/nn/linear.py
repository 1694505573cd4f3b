"""The fully connected layer, and layers that only change shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops.matmul import linear
from ..tensor import Tensor, as_tensor
from . import init
from .module import Module, Parameter


def positive(layer: str, **sizes: Any) -> None:
    """Raise unless every size is a positive integer."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{layer}: {name} is {value!r}, wanted a positive integer")


class Linear(Module):
    """y = x Wᵀ + b: (..., in_features) -> (..., out_features).

    Weight (out_features, in_features) and bias (out_features,) start uniform on ±1/√in_features,
    as in PyTorch.

    Example:
        >>> layer = Linear(3, 2, generator=np.random.default_rng(0))
        >>> layer(np.ones((5, 3), np.float32)).shape
        (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        generator: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        bound = 1 / math.sqrt(in_features)
        init.uniform_(self.weight, -bound, bound, generator)
        self.bias = Parameter(np.empty(out_features, dtype)) if bias else None
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound, generator)
        else:
            self.register_parameter("bias", None)

    def forward(self, x: Any) -> Tensor:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Flatten(Module):
    """(B, ...) -> (B, all the rest as one axis)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis split into several."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).unflatten(self.dim, self.unflattened_size)


class Identity(Module):
    """Gives back what it gets."""

    def forward(self, x: Any) -> Any:
        return x
