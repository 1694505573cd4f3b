"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import check_sizes
from ..ops.matmul import linear
from ..tensor import Tensor
from . import init
from .module import Module, Parameter

__all__ = ["Linear"]


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
        check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        self.register_parameter("bias", Parameter(np.empty(out_features, dtype)) if bias else None)
        init.fan_in_uniform_(self.weight, self.bias, generator)

    def forward(self, x: Any) -> Tensor:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
