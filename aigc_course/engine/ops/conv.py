"""Convolution as one matrix product (im2col; Chellapilla et al., 2006).

Every window of the image is copied into a column; the kernels are the rows of a matrix; their
product is the convolution. The columns are ordered (C, KH, KW, B, OH, OW), so that forward and
both gradients are one large product each, without any transposed copy.

Shapes: B batch, C input channels, O output channels, G groups, H and W image, KH and KW kernel,
OH and OW output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError
from ..tensor import Tensor, as_tensor, record
from .common import is_same_float

Pair = tuple[int, int]


def pair(name: str, value: Any) -> Pair:
    """One number for both directions, or (vertical, horizontal).

    Example:
        >>> pair("stride", 2), pair("stride", (1, 2))
        ((2, 2), (1, 2))
    """
    made = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(made) != 2 or not all(isinstance(v, int | np.integer) for v in made):
        raise TypeError(f"{name}: got {value!r}, wanted an integer or a pair of integers")
    return int(made[0]), int(made[1])


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """⌊(size + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1

    Example:
        >>> output_size(28, kernel=3, stride=2, padding=1)
        14
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def output_sizes(
    name: str, image: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Pair:
    """Height and width of the output; raises when the window is larger than the image."""
    for label, values, least in (
        ("kernel_size", kernel, 1), ("stride", stride, 1), ("padding", padding, 0),
        ("dilation", dilation, 1),
    ):  # fmt: skip
        if min(values) < least:
            raise ValueError(f"{name}: {label} is {values}, wanted at least {least}")
    made = tuple(
        output_size(*each) for each in zip(image, kernel, stride, padding, dilation, strict=True)
    )
    if min(made) < 1:
        raise ShapeError(
            f"{name}: a window of {kernel} (dilation {dilation}) does not fit into an image of "
            f"{tuple(image)} with padding {padding}; use a smaller kernel or more padding"
        )
    return made  # type: ignore[return-value]


def pad_image(x: Array, padding: Pair, value: float = 0.0) -> Array:
    """(B, C, H, W) -> (C, B, H + 2p, W + 2q): channels first, so that each is one block."""
    (p, q), (b, c, h, w) = padding, x.shape
    if not p and not q:
        return x.transpose(1, 0, 2, 3)
    out = np.zeros((c, b, h + 2 * p, w + 2 * q), x.dtype)
    if value:
        out.fill(value)
    out[:, :, p : p + h, q : q + w] = x.transpose(1, 0, 2, 3)
    return out


def crop_image(padded: Array, padding: Pair, image: tuple[int, ...]) -> Array:
    """The way back of :func:`pad_image`: (C, B, H + 2p, W + 2q) -> (B, C, H, W)."""
    (p, q), (h, w) = padding, image
    return padded[:, :, p : p + h, q : q + w].transpose(1, 0, 2, 3)


def window(i: int, j: int, out: Pair, stride: Pair, dilation: Pair) -> tuple[Any, ...]:
    """The slice of a padded image that kernel position (i, j) meets, for all outputs at once."""
    top, left = i * dilation[0], j * dilation[1]
    return (
        ...,
        slice(top, top + stride[0] * (out[0] - 1) + 1, stride[0]),
        slice(left, left + stride[1] * (out[1] - 1) + 1, stride[1]),
    )


def conv2d(
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """2-d cross-correlation, as deep-learning libraries call convolution.

    Args:
        x: (B, C, H, W), or (C, H, W) for one image
        weight: (O, C / groups, KH, KW)
        bias: (O,)
        stride, padding, dilation: an integer or (vertical, horizontal)
        groups: input and output channels are split into so many independent convolutions.

    Returns:
        (B, O, OH, OW); see :func:`output_size`.

    Example:
        >>> image = as_tensor(np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3))
        >>> conv2d(image, as_tensor(np.ones((1, 1, 2, 2), np.float32))).tolist()
        [[[[8.0, 12.0], [20.0, 24.0]]]]
    """
    x = as_tensor(x)
    if x.ndim == 3:
        return conv2d(x.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    data, w = x._data, weight._data
    _check_conv(data, w, groups)
    steps, pads, gaps = pair("stride", stride), pair("padding", padding), pair("dilation", dilation)
    b, c, _, _ = data.shape
    o, c_group, kh, kw = w.shape
    out = output_sizes("conv2d", data.shape[2:], (kh, kw), steps, pads, gaps)
    size = b * out[0] * out[1]

    padded = pad_image(data, pads)  # (C, B, H', W')
    columns = np.empty((c, kh, kw, b, *out), data.dtype)
    for i in range(kh):
        for j in range(kw):
            columns[:, i, j] = padded[window(i, j, out, steps, gaps)]
    cols = columns.reshape(groups, c_group * kh * kw, size)  # (G, K, B·OH·OW)
    rows = w.reshape(groups, o // groups, c_group * kh * kw)  # (G, O/G, K)
    y = np.matmul(rows, cols).reshape(o, b, *out)
    if bias is not None:
        if bias._data.shape != (o,):
            raise ShapeError(f"conv2d: bias has shape {bias.shape}, wanted ({o},)")
        y += bias._data[:, None, None, None]
    need_x, need_w = x.requires_grad, weight.requires_grad
    need_b = bias is not None and bias.requires_grad
    padded_shape = padded.shape

    def backward(g: Array) -> tuple[Array | None, ...]:
        g2 = g.transpose(1, 0, 2, 3).reshape(groups, o // groups, size)  # (G, O/G, B·OH·OW)
        grad_x = grad_w = grad_b = None
        if need_w:
            grad_w = np.matmul(g2, cols.swapaxes(1, 2)).reshape(w.shape)
        if need_b:
            grad_b = g2.reshape(o, size).sum(axis=1)
        if need_x:
            back = np.matmul(rows.swapaxes(1, 2), g2).reshape(c, kh, kw, b, *out)
            total = np.zeros(padded_shape, g.dtype)
            for i in range(kh):
                for j in range(kw):
                    total[window(i, j, out, steps, gaps)] += back[:, i, j]
            grad_x = crop_image(total, pads, data.shape[2:])
        return grad_x, grad_w, grad_b

    saved = (weight if need_x else None, x if need_w else None)
    return record(
        y.transpose(1, 0, 2, 3), "conv2d", (x, weight, bias), backward, saved=saved, fresh=True
    )


def _check_conv(x: Array, w: Array, groups: int) -> None:
    if x.ndim != 4:
        raise ShapeError(
            f"conv2d: input has shape {x.shape}, wanted (B, C, H, W); for images without a channel "
            "axis write x.unsqueeze(1)"
        )
    if w.ndim != 4:
        raise ShapeError(f"conv2d: weight has shape {w.shape}, wanted (O, C / groups, KH, KW)")
    if groups < 1 or x.shape[1] % groups or w.shape[0] % groups:
        raise ShapeError(
            f"conv2d: groups is {groups}, wanted a divisor of both the {x.shape[1]} input and the "
            f"{w.shape[0]} output channels"
        )
    if x.shape[1] != w.shape[1] * groups:
        raise ShapeError(
            f"conv2d: input of shape {x.shape} has {x.shape[1]} channels (axis 1), weight of shape "
            f"{w.shape} wants {w.shape[1] * groups}; is the channel axis last? then x.permute(0, "
            "3, 1, 2)"
        )
    is_same_float("conv2d (input, weight)", x, w)
