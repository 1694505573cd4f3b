"""Pooling: one number for each window of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError
from ..tensor import Tensor, as_tensor, record
from .conv import crop_image, output_sizes, pad_image, pair, window


def _prepare(name: str, x: Tensor, kernel: Any, stride: Any, padding: Any) -> tuple[Any, ...]:
    if x.ndim != 4:
        raise ShapeError(f"{name}: input has shape {x.shape}, wanted (B, C, H, W) or (C, H, W)")
    size = pair("kernel_size", kernel)
    steps = size if stride is None else pair("stride", stride)
    pads = pair("padding", padding)
    if pads[0] > size[0] // 2 or pads[1] > size[1] // 2:
        raise ValueError(f"{name}: padding is {pads}, wanted at most half the kernel size {size}")
    out = output_sizes(name, x.shape[2:], size, steps, pads, (1, 1))
    places = [window(i, j, out, steps, (1, 1)) for i in range(size[0]) for j in range(size[1])]
    return size, pads, out, places


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """The largest number in each window: (B, C, H, W) -> (B, C, OH, OW).

    The gradient goes to the place that was largest (the first of equals). ``stride`` is the
    kernel size when not given; padding counts as -inf.

    Example:
        >>> max_pool2d(Tensor([[[[1.0, 5.0], [3.0, 2.0]]]]), 2).item()
        5.0
    """
    x = as_tensor(x)
    if x.ndim == 3:
        return max_pool2d(x.unsqueeze(0), kernel_size, stride, padding).squeeze(0)
    _, pads, _, places = _prepare("max_pool2d", x, kernel_size, stride, padding)
    dtype = x._data.dtype
    lowest = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind != "b" else False
    padded = pad_image(x._data, pads, lowest)  # (C, B, H', W')
    best = padded[places[0]].copy()  # (C, B, OH, OW)
    winner = np.zeros(best.shape, np.uint8 if len(places) < 256 else np.int32)
    for k, place in enumerate(places[1:], 1):
        candidate = padded[place]
        better = candidate > best
        np.maximum(best, candidate, out=best)  # unlike a copy where better, this passes nan on
        winner[better] = k
    shape = padded.shape

    def backward(g: Array) -> tuple[Array]:
        gt = g.transpose(1, 0, 2, 3)  # (C, B, OH, OW)
        total = np.zeros(shape, g.dtype)
        for k, place in enumerate(places):
            total[place] += gt * (winner == k)
        return (crop_image(total, pads, x.shape[2:]),)

    return record(
        best.transpose(1, 0, 2, 3), "max_pool2d", (x,), backward, saved=(winner,), fresh=True
    )


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
) -> Tensor:
    """The mean of each window: (B, C, H, W) -> (B, C, OH, OW).

    Args:
        count_include_pad: whether padding zeros count in the mean.

    Raises:
        TypeError: x is not float.

    Example:
        >>> avg_pool2d(Tensor([[[[1.0, 5.0], [3.0, 3.0]]]]), 2).item()
        3.0
    """
    x = as_tensor(x)
    if x.ndim == 3:
        pooled = avg_pool2d(x.unsqueeze(0), kernel_size, stride, padding, count_include_pad)
        return pooled.squeeze(0)
    if x._data.dtype.kind != "f":
        raise TypeError(f"avg_pool2d: input is {x.dtype}, wanted float numbers; use .float()")
    size, pads, out, places = _prepare("avg_pool2d", x, kernel_size, stride, padding)
    padded = pad_image(x._data, pads)  # (C, B, H', W')
    total = np.zeros((*padded.shape[:2], *out), padded.dtype)  # (C, B, OH, OW)
    for place in places:
        total += padded[place]
    if count_include_pad or pads == (0, 0):
        divisor: Any = padded.dtype.type(size[0] * size[1])
    else:
        ones = pad_image(np.ones((1, 1, *x.shape[2:]), padded.dtype), pads)
        divisor = np.add.reduce([ones[place] for place in places])  # (1, 1, OH, OW)
    total /= divisor
    shape = padded.shape

    def backward(g: Array) -> tuple[Array]:
        share = g.transpose(1, 0, 2, 3) / divisor
        grad = np.zeros(shape, g.dtype)
        for place in places:
            grad[place] += share
        return (crop_image(grad, pads, x.shape[2:]),)

    return record(total.transpose(1, 0, 2, 3), "avg_pool2d", (x,), backward, fresh=True)
