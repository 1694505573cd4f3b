"""Convolution, pooling and batch normalisation from their formulas, and what a stack of them sees.

Shapes: B batch, C channels, H and W height and width, k the kernel's side, L = H_out · W_out
places the kernel stops at. What deep learning calls convolution is cross-correlation: the kernel
is not turned round.

>>> import torch
>>> x = torch.arange(16.0).reshape(1, 1, 4, 4)
>>> kernel = torch.tensor([[[[-1.0, 1.0]]]])  # right neighbour minus the pixel itself
>>> convolve(x, kernel).unique()
tensor([1.])

Convolution is a matrix product: :func:`im2col` writes each place's pixels into a column, the
kernels are the rows of a matrix. Its gradient needs :func:`col2im`, which adds up where places
overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "Convolution",
    "Normalised",
    "View",
    "col2im",
    "convolve",
    "im2col",
    "max_pool",
    "normalise",
    "normalise_gradient",
    "output_size",
    "views",
]


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """How many places a kernel stops at along one side: ⌊(size + 2·padding − kernel)/stride⌋ + 1.

    Raises:
        ValueError: a kernel that does not fit, a stride below 1, a negative padding.

    Example:
        >>> output_size(28, 3, stride=2, padding=1)
        14
    """
    if stride < 1 or padding < 0:
        raise ValueError(f"stride, padding: got {stride}, {padding}, wanted at least 1 and 0")
    if not 1 <= kernel <= size + 2 * padding:
        raise ValueError(
            f"kernel: got {kernel}, wanted 1 to {size + 2 * padding}, "
            f"the side {size} with {padding} more at both ends"
        )
    return (size + 2 * padding - kernel) // stride + 1


def im2col(x: Tensor, kernel: tuple[int, int], stride: int = 1, padding: int = 0) -> Tensor:
    """The pixels under the kernel at each place, as columns: (B, C·kH·kW, L).

    Rows run over channels first, then down, then across, as in ``torch.nn.functional.unfold``;
    columns run over the places line by line. The padding is zeros.

    Args:
        x: (B, C, H, W).
        kernel: height and width.
        stride, padding: the same along both sides.

    Raises:
        ValueError: not four dimensions, or as :func:`output_size`.

    Example:
        >>> im2col(torch.arange(9.0).reshape(1, 1, 3, 3), (2, 2))[0].tolist()
        [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]
    """
    batch, channels, height, width = _shape(x)
    high = output_size(height, kernel[0], stride, padding)
    wide = output_size(width, kernel[1], stride, padding)
    padded = x.new_zeros(batch, channels, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    columns = x.new_empty(batch, channels, *kernel, high, wide)
    for i in range(kernel[0]):  # as many rounds as a kernel has numbers, not as there are places
        for j in range(kernel[1]):
            columns[:, :, i, j] = padded[
                :, :, i : i + stride * high : stride, j : j + stride * wide : stride
            ]  # (B, C, H_out, W_out)
    return columns.reshape(batch, channels * kernel[0] * kernel[1], high * wide)


def col2im(
    columns: Tensor,
    size: tuple[int, int, int, int],
    kernel: tuple[int, int],
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """The adjoint of :func:`im2col`: each pixel gets the sum of its copies, (B, C, H, W).

    Args:
        columns: (B, C·kH·kW, L).
        size: (B, C, H, W) of the images.
        kernel, stride, padding: as in :func:`im2col`.

    Raises:
        ValueError: columns that :func:`im2col` does not make from images of this size.

    Example:
        >>> x = torch.ones(1, 1, 3, 3)
        >>> col2im(im2col(x, (2, 2)), (1, 1, 3, 3), (2, 2))[0, 0].tolist()
        [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    batch, channels, height, width = size
    high = output_size(height, kernel[0], stride, padding)
    wide = output_size(width, kernel[1], stride, padding)
    wanted = (batch, channels * kernel[0] * kernel[1], high * wide)
    if columns.shape != wanted:
        raise ValueError(f"columns: got {tuple(columns.shape)}, wanted {wanted}")
    parts = columns.reshape(batch, channels, *kernel, high, wide)
    padded = columns.new_zeros(batch, channels, height + 2 * padding, width + 2 * padding)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            padded[:, :, i : i + stride * high : stride, j : j + stride * wide : stride] += parts[
                :, :, i, j
            ]
    return padded[:, :, padding : padding + height, padding : padding + width]


class Convolution(torch.autograd.Function):
    """y = W · im2col(x) + b, and its three gradients.

    With Y (B, C_out, L), W (C_out, C_in·k·k), X = im2col(x): ∂L/∂W = Σ_B ∂L/∂Y Xᵀ,
    ∂L/∂X = Wᵀ ∂L/∂Y, and col2im takes that back to the pixels. :func:`convolve` calls it.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        out, _, kernel_height, kernel_width = weight.shape
        kernel = (kernel_height, kernel_width)
        columns = im2col(x, kernel, stride, padding)  # (B, C_in·k·k, L)
        y = weight.reshape(out, -1) @ columns  # (B, C_out, L)
        if bias is not None:
            y = y + bias[:, None]
        ctx.save_for_backward(columns, weight)
        ctx.size, ctx.kernel, ctx.stride, ctx.padding = tuple(x.shape), kernel, stride, padding
        high = output_size(x.shape[2], kernel[0], stride, padding)
        wide = output_size(x.shape[3], kernel[1], stride, padding)
        return y.reshape(len(x), out, high, wide)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
        columns, weight = ctx.saved_tensors
        dy = dy.flatten(2)  # (B, C_out, L)
        dx = dw = db = None
        if ctx.needs_input_grad[0]:
            back = weight.reshape(len(weight), -1).T @ dy  # (B, C_in·k·k, L)
            dx = col2im(back, ctx.size, ctx.kernel, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            dw = (dy @ columns.mT).sum(dim=0).reshape(weight.shape)
        if ctx.needs_input_grad[2]:
            db = dy.sum(dim=(0, 2))
        return dx, dw, db, None, None


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """As ``torch.nn.functional.conv2d``: (B, C_in, H, W) to (B, C_out, H_out, W_out).

    Args:
        x: (B, C_in, H, W).
        weight: (C_out, C_in, kH, kW).
        bias: (C_out,), or none.
        stride, padding: the same along both sides.

    Raises:
        ValueError: shapes that do not fit together.

    Example:
        >>> convolve(torch.ones(1, 2, 3, 3), torch.ones(1, 2, 3, 3), padding=1)[0, 0].tolist()
        [[8.0, 12.0, 8.0], [12.0, 18.0, 12.0], [8.0, 12.0, 8.0]]
    """
    channels = _shape(x)[1]
    if weight.ndim != 4 or weight.shape[1] != channels:
        raise ValueError(
            f"weight: got {tuple(weight.shape)}, wanted (C_out, {channels}, kH, kW) for x "
            f"{tuple(x.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias: got {tuple(bias.shape)}, wanted ({len(weight)},)")
    y: Tensor = Convolution.apply(x, weight, bias, stride, padding)
    return y


def max_pool(x: Tensor, kernel: int, stride: int | None = None) -> Tensor:
    """The largest pixel of each window; the gradient goes to it alone, the first where several are.

    Args:
        x: (B, C, H, W).
        kernel: the window's side.
        stride: the kernel's where it is not given. What is left over at the edge is dropped.

    Example:
        >>> max_pool(torch.tensor([[[[1.0, 5.0, 2.0], [3.0, 4.0, 9.0]]]]), 2).tolist()
        [[[[5.0]]]]
    """
    stride = kernel if stride is None else stride
    batch, channels, height, width = _shape(x)
    high, wide = output_size(height, kernel, stride), output_size(width, kernel, stride)
    columns = im2col(x, (kernel, kernel), stride).reshape(batch, channels, kernel**2, high * wide)
    first = columns.argmax(dim=2, keepdim=True)  # (B, C, 1, L)
    return columns.gather(2, first).reshape(batch, channels, high, wide)


# --- batch normalisation -----------------------------------------------------------------------


@dataclass(frozen=True)
class Normalised:
    """What :func:`normalise` gives, and what its gradient needs.

    Attributes:
        y: γ x̂ + β, (B, C, H, W).
        x_hat: x with mean 0 and variance 1 in every channel, (B, C, H, W).
        scale: 1/√(σ² + ε), (C,).
        mean, var: the running statistics afterwards, (C,).
    """

    y: Tensor
    x_hat: Tensor
    scale: Tensor
    mean: Tensor
    var: Tensor


def normalise(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Normalised:
    """Batch normalisation (Ioffe and Szegedy, 2015) of each channel.

    In training each channel is normalised by its own mean and variance over the batch and all
    places, M = B·H·W numbers (variance by 1/M), and the running statistics move a little towards
    them (the running variance towards that by 1/(M − 1)). Otherwise the running statistics are
    used, and a picture's answer no longer depends on its neighbours.

    Args:
        x: (B, C, H, W).
        gamma, beta: (C,).
        mean, var: running statistics, (C,); they are not changed.
        training: which of the two.
        momentum: the share of the new in the running statistics.
        eps: added to the variance.

    Raises:
        ValueError: not (B, C, H, W), or one number a channel in training.

    Example:
        >>> x = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
        >>> zero, one = torch.zeros(1), torch.ones(1)
        >>> out = normalise(x, one, zero, zero, one, training=True, eps=0.0)
        >>> out.y.flatten().tolist(), round(out.mean.item(), 4), round(out.var.item(), 4)
        ([-1.0, 1.0], 0.2, 1.1)
    """
    batch, _, height, width = _shape(x)
    count = batch * height * width
    used_mean, used_var = mean, var
    if training:
        if count < 2:
            raise ValueError(f"x: got {tuple(x.shape)}, wanted more than one number a channel")
        used_mean = x.mean(dim=(0, 2, 3))
        used_var = x.var(dim=(0, 2, 3), correction=0)
        mean = (1 - momentum) * mean + momentum * used_mean.detach()
        var = (1 - momentum) * var + momentum * used_var.detach() * count / (count - 1)
    scale = (used_var + eps).rsqrt()  # (C,)
    x_hat = (x - _wide(used_mean)) * _wide(scale)
    return Normalised(_wide(gamma) * x_hat + _wide(beta), x_hat, scale, mean, var)


def normalise_gradient(
    dy: Tensor, x_hat: Tensor, scale: Tensor, gamma: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """∂L/∂x, ∂L/∂γ, ∂L/∂β of :func:`normalise` in training.

    A channel's mean and variance depend on all its M numbers; what comes out is
    dx = γ·scale·(dy − mean(dy) − x̂·mean(dy·x̂)): the part of dy that would move the mean or the
    variance is taken away.

    Args:
        dy: (B, C, H, W).
        x_hat, scale: from :func:`normalise`.
        gamma: (C,).

    Example:
        >>> x = torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)
        >>> zero, one = torch.zeros(1), torch.ones(1)
        >>> out = normalise(x, one, zero, zero, one, training=True)
        >>> dx, _, _ = normalise_gradient(torch.ones_like(x), out.x_hat, out.scale, one)
        >>> dx.abs().max().item() < 1e-6  # pushing all up alike changes nothing
        True
    """
    d_beta = dy.sum(dim=(0, 2, 3))
    d_gamma = (dy * x_hat).sum(dim=(0, 2, 3))
    count = dy.numel() // dy.shape[1]
    dx = _wide(gamma * scale) * (dy - _wide(d_beta) / count - x_hat * _wide(d_gamma) / count)
    return dx, d_gamma, d_beta


# --- what a stack sees -------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What one number of a layer's output sees of the input, along one side.

    Attributes:
        size: how many numbers the layer puts out.
        field: how many input pixels one of them depends on: the receptive field.
        jump: how many pixels two neighbours' fields are apart.
        start: the first pixel of the first one's field; negative where it is padding.
    """

    size: int
    field: int
    jump: int
    start: int


def views(layers: Sequence[tuple[int, int, int]], size: int) -> list[View]:
    """The receptive field after each of a stack of convolutions or poolings.

    A layer looks at k of its predecessor's numbers, which are ``jump`` pixels apart, so the field
    grows by (k − 1)·jump; the stride multiplies the jump (Araujo, Norris and Sim, 2019).

    Args:
        layers: (kernel, stride, padding) of each.
        size: the input's side.

    Example:
        >>> [(v.size, v.field, v.jump) for v in views([(3, 1, 1), (2, 2, 0), (3, 1, 1)], 28)]
        [(28, 3, 1), (14, 4, 2), (14, 8, 2)]
    """
    found, view = [], View(size, 1, 1, 0)
    for kernel, stride, padding in layers:
        view = View(
            output_size(view.size, kernel, stride, padding),
            view.field + (kernel - 1) * view.jump,
            view.jump * stride,
            view.start - padding * view.jump,
        )
        found.append(view)
    return found


def _shape(x: Tensor) -> tuple[int, int, int, int]:
    if x.ndim != 4:
        raise ValueError(
            f"x: got {tuple(x.shape)}, wanted (B, C, H, W); grey images (B, H, W) need x[:, None]"
        )
    batch, channels, height, width = x.shape
    return batch, channels, height, width


def _wide(one_a_channel: Tensor) -> Tensor:
    """(C,) to (1, C, 1, 1)."""
    return one_a_channel[None, :, None, None]
