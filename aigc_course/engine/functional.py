"""Everything as a plain function: ``import aigc_course.engine.functional as F``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import check_axis
from .ops.activation import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from .ops.conv import conv2d
from .ops.dropout import dropout
from .ops.indexing import embedding
from .ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
)
from .ops.matmul import linear
from .ops.normalisation import batch_norm, layer_norm
from .ops.pooling import avg_pool2d, max_pool2d
from .ops.shape import pad
from .tensor import Tensor, as_tensor, result


def one_hot(index: Any, num_classes: int = -1) -> Tensor:
    """Class numbers (...) as int64 vectors (..., K) with a single 1.

    Example:
        >>> one_hot(Tensor([0, 2])).tolist()
        [[1, 0, 0], [0, 0, 1]]
    """
    places = as_tensor(index)._data
    if places.dtype.kind not in "iu":
        raise TypeError(f"one_hot: got {places.dtype}, wanted integer classes; use .long()")
    k = int(places.max(initial=-1)) + 1 if num_classes == -1 else num_classes
    if places.size and (places.min() < 0 or places.max() >= k):
        raise IndexError(f"one_hot: classes run to {places.max()}, wanted 0 to {k - 1}")
    return result((places[..., None] == np.arange(k)).astype(np.int64))


def normalize(a: Tensor, p: float = 2, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Vectors along ``dim`` scaled to length 1."""
    check_axis("normalize", dim, a.ndim)
    return a / a.norm(p, dim, keepdim=True).clip(min=eps)


__all__ = [
    "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "conv2d", "cross_entropy", "dropout", "elu", "embedding", "gelu", "huber_loss", "l1_loss",
    "layer_norm", "leaky_relu", "linear", "log_softmax", "logsigmoid", "max_pool2d", "mse_loss",
    "nll_loss", "normalize", "one_hot", "pad", "relu", "sigmoid", "silu", "softmax", "softplus",
    "tanh",
]  # fmt: skip
