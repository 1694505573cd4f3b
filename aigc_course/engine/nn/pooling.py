"""Pooling layers."""

from __future__ import annotations

from typing import Any

from ..ops.pooling import avg_pool2d, max_pool2d
from ..tensor import Tensor
from .module import Module

__all__ = ["AvgPool2d", "MaxPool2d"]


class _Pool2d(Module):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """Largest number of each window: (B, C, H, W) -> (B, C, OH, OW).

    Example:
        >>> MaxPool2d(2)(Tensor([[[[1.0, 5.0], [3.0, 2.0]]]])).tolist()
        [[[[5.0]]]]
    """

    def forward(self, x: Any) -> Tensor:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """Mean of each window: (B, C, H, W) -> (B, C, OH, OW).

    Args:
        count_include_pad: whether padding zeros count in the mean.
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Tensor:
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.count_include_pad)
