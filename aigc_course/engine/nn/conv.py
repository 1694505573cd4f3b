"""The convolution layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import check_sizes
from ..ops.conv import conv2d, pair
from ..tensor import Tensor
from . import init
from .module import Module, Parameter

__all__ = ["Conv2d"]


class Conv2d(Module):
    """2-d convolution: (B, in_channels, H, W) -> (B, out_channels, OH, OW).

    Weight (out_channels, in_channels / groups, KH, KW) and bias (out_channels,) start uniform on
    ±1/√fan_in, as in PyTorch. ``padding="same"`` keeps H and W (stride 1).

    Example:
        >>> Conv2d(1, 8, 3, padding=1)(np.zeros((2, 1, 28, 28), np.float32)).shape
        (2, 8, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        check_sizes("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups is {groups}, wanted a divisor of in_channels {in_channels} and "
                f"out_channels {out_channels}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = pair("kernel_size", kernel_size)
        check_sizes("Conv2d", kernel_height=self.kernel_size[0], kernel_width=self.kernel_size[1])
        self.stride, self.dilation = pair("stride", stride), pair("dilation", dilation)
        if padding == "same":
            if self.stride != (1, 1) or any(
                d * (k - 1) % 2 for k, d in zip(self.kernel_size, self.dilation, strict=True)
            ):
                raise ValueError('Conv2d: padding="same" needs stride 1 and an odd kernel size')
            padding = tuple(
                d * (k - 1) // 2 for k, d in zip(self.kernel_size, self.dilation, strict=True)
            )
        elif padding == "valid":
            padding = 0
        self.padding = pair("padding", padding)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(np.empty(shape, dtype))
        self.register_parameter("bias", Parameter(np.empty(out_channels, dtype)) if bias else None)
        init.fan_in_uniform_(self.weight, self.bias, generator)

    def forward(self, x: Any) -> Tensor:
        return conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}"
        )
