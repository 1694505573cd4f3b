"""Layers that keep the numbers inside a network at a good size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError, check_sizes
from ..ops.normalisation import batch_norm, layer_norm
from ..tensor import Tensor, as_tensor
from .module import Module, Parameter, buffer

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


class _BatchNorm(Module):
    """What both kinds share.

    Args:
        num_features: C.
        momentum: how far the running mean and variance move towards those of a batch; None for
            the plain mean over all batches so far.
        affine: multiply by a weight (C,) and add a bias (C,), both trained.
        track_running_stats: keep the running ones; without them every batch uses its own.
    """

    _newer_names = ("num_batches_tracked",)
    wanted: str
    dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        check_sizes(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        for name, value in (("weight", np.ones), ("bias", np.zeros)):
            parameter = Parameter(value(num_features, dtype)) if affine else None
            self.register_parameter(name, parameter)
        tracked = track_running_stats
        self.register_buffer(
            "running_mean", buffer(np.zeros(num_features, dtype)) if tracked else None
        )
        self.register_buffer(
            "running_var", buffer(np.ones(num_features, dtype)) if tracked else None
        )
        self.register_buffer("num_batches_tracked", buffer(np.int64(0)) if tracked else None)

    def forward(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if x.ndim not in self.dims:
            raise ShapeError(
                f"{type(self).__name__}: input has shape {x.shape}, wanted {self.wanted}"
            )
        use_batch = self.training or self.running_mean is None
        tracked = self.num_batches_tracked
        # the n-th value moves a plain mean by 1/n
        share = 1 / (1 + (int(tracked.item()) if tracked is not None else 0))
        out = batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, use_batch,
            share if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        if self.training and tracked is not None:
            tracked._data += 1
        return out

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Normalise each of C features over the batch: (N, C) or (N, C, T) (Ioffe & Szegedy, 2015).

    Example:
        >>> layer = BatchNorm1d(2)
        >>> layer(np.array([[1, 10], [3, 30]], np.float32)).detach().numpy().round(2).tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
    """

    wanted, dims = "(N, C) or (N, C, T)", (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each of C channels over batch and image: (N, C, H, W)."""

    wanted, dims = "(N, C, H, W)", (4,)


class LayerNorm(Module):
    """Normalise each sample over its last axes (Ba et al., 2016).

    Example:
        >>> LayerNorm(4)(np.zeros((2, 3, 4), np.float32)).shape
        (2, 3, 4)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.normalized_shape, self.eps = shape, eps
        self.register_parameter(
            "weight", Parameter(np.ones(shape, dtype)) if elementwise_affine else None
        )
        self.register_parameter(
            "bias", Parameter(np.zeros(shape, dtype)) if elementwise_affine and bias else None
        )

    def forward(self, x: Any) -> Tensor:
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"
