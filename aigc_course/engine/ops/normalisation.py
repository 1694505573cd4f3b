"""Normalisation as single operations, with the gradient worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError
from ..tensor import Tensor, as_tensor, record


def _normalise(
    name: str,
    x: Tensor,
    axes: tuple[int, ...],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    stats: tuple[Array, Array] | None = None,
) -> Tensor:
    """(x - mean)/√(var + eps)·weight + bias, mean and variance over ``axes`` unless given.

    ``weight`` and ``bias`` are (C,) and belong to axis 1 of x.

    With h the normalised value and gw = g·weight, the gradient through mean and variance is
    (gw - mean(gw) - h·mean(gw·h)) / √(var + eps) (Ioffe & Szegedy, 2015).
    """
    data = x._data
    shape = (1, data.shape[1]) + (1,) * (data.ndim - 2)
    n = int(np.prod([data.shape[i] for i in axes]))
    if stats is None:
        mean = data.mean(axis=axes, keepdims=True)  # (1, C, 1, ...) or (N, 1)
        h = data - mean
        var = np.square(h).mean(axis=axes, keepdims=True)
    else:
        mean, var = stats
        h = data - mean
    scale = 1 / np.sqrt(var + data.dtype.type(eps))
    h *= scale
    w = None if weight is None else weight._data.reshape(shape)
    out = h if w is None else h * w
    if bias is not None:
        out = out + bias._data.reshape(shape)
    need_x = x.requires_grad
    need_w = weight is not None and weight.requires_grad
    need_b = bias is not None and bias.requires_grad
    others = (0, *range(2, data.ndim))

    def backward(g: Array) -> tuple[Array | None, ...]:
        grad_x = grad_w = grad_b = None
        if need_w:
            grad_w = (g * h).sum(axis=others)
        if need_b:
            grad_b = g.sum(axis=others)
        if need_x:
            grad_x = g * scale if w is None else g * (w * scale)
            if stats is None:
                down = grad_x.sum(axis=axes, keepdims=True) / data.dtype.type(n)
                tilt = (grad_x * h).sum(axis=axes, keepdims=True) / data.dtype.type(n)
                grad_x -= down
                grad_x -= h * tilt
        return grad_x, grad_w, grad_b

    return record(
        np.array(out) if out is h else out,
        name,
        (x, weight, bias),
        backward,
        saved=(x, weight),
        fresh=True,
    )


def _only_float(name: str, x: Tensor) -> None:
    if x._data.dtype.kind != "f":
        raise TypeError(f"{name}: input is {x.dtype}, wanted float numbers; use .float()")


def layer_norm(
    x: Any,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each sample over its last axes (Ba et al., 2016).

    Args:
        x: (..., *normalized_shape)
        normalized_shape: sizes of the last axes, over which mean and variance are taken.
        weight, bias: of shape normalized_shape.

    Example:
        >>> layer_norm(Tensor([[1.0, 3.0]]), (2,)).numpy().round(3).tolist()
        [[-1.0, 1.0]]
    """
    x = as_tensor(x)
    _only_float("layer_norm", x)
    tail = tuple(normalized_shape)
    if not tail or x.shape[-len(tail) :] != tail:
        raise ShapeError(f"layer_norm: input has shape {x.shape}, wanted (..., {str(tail)[1:-1]})")
    for label, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != tail:
            raise ShapeError(f"layer_norm: {label} has shape {t.shape}, wanted {tail}")
    lead = x.shape[: x.ndim - len(tail)]
    rows = x if x.ndim == 2 else x.reshape((int(np.prod(lead)), int(np.prod(tail))))
    if len(tail) > 1:  # one sample is one row, however many axes it has
        weight = None if weight is None else weight.flatten()
        bias = None if bias is None else bias.flatten()
    out = _normalise("layer_norm", rows, (1,), weight, bias, eps)
    return out if x.ndim == 2 else out.reshape(x.shape)


def batch_norm(
    x: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over batch and places: (N, C) or (N, C, ...).

    Args:
        x: (N, C) or (N, C, ...), float
        running_mean, running_var, weight, bias: (C,)

    In training the batch's own mean and variance are used, and the running ones move towards them
    by ``momentum`` (with the unbiased variance, as in PyTorch); otherwise the running ones are
    used.

    Raises:
        ShapeError: sizes that do not fit; in training a single value per channel.
        TypeError: x is not float.
    """
    x = as_tensor(x)
    data = x._data
    _only_float("batch_norm", x)
    if data.ndim < 2:
        raise ShapeError(f"batch_norm: input has shape {x.shape}, wanted (N, C) or (N, C, ...)")
    c = data.shape[1]
    for label, t in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight),
        ("bias", bias),
    ):  # fmt: skip
        if t is not None and t.shape != (c,):
            raise ShapeError(
                f"batch_norm: input of shape {x.shape} has {c} channels (axis 1), {label} has "
                f"{t.shape[0] if t.ndim else 0}; set num_features={c}"
            )
    axes = (0, *range(2, data.ndim))
    if not training and running_mean is not None and running_var is not None:
        view = (1, c) + (1,) * (data.ndim - 2)
        stats = (running_mean._data.reshape(view), running_var._data.reshape(view))
        return _normalise("batch_norm", x, axes, weight, bias, eps, stats)
    n = data.size // c if c else 0
    if n <= 1 and training:
        raise ShapeError(
            f"batch_norm: shape {x.shape} gives {n} value per channel, wanted more than 1 in "
            "training (the variance of one value is 0); use a larger batch, one that leaves no "
            "single sample for the last batch of an epoch, or model.eval()"
        )
    if training and running_mean is not None and running_var is not None:
        for running, now in (
            (running_mean, data.mean(axis=axes)), (running_var, data.var(axis=axes, ddof=1))
        ):  # fmt: skip
            running._data *= 1 - momentum
            running._data += momentum * now
            running._version[0] += 1
    return _normalise("batch_norm", x, axes, weight, bias, eps)
