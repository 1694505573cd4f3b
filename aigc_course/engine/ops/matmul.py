"""Matrix products: the one place where nearly all the time goes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError, matmul_error
from ..tensor import Tensor, as_tensor, record, wants_grad
from .common import is_same_float, unbroadcast


def matmul(a: Any, b: Any) -> Tensor:
    """a @ b over the last two axes, the others broadcast: (..., N, K) @ (..., K, M) -> (..., N, M).

    A 1-d ``a`` counts as a row, a 1-d ``b`` as a column; the extra axis is taken off again.
    With g the gradient of the product, the gradients are g @ bᵀ and aᵀ @ g.

    Raises:
        ShapeError: the inner sizes differ.
        RuntimeError: float32 with float64, or integers with floats.

    Example:
        >>> matmul(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]))
        tensor([[11.]])
    """
    a, b = as_tensor(a), as_tensor(b)
    x, y = a._data, b._data
    is_same_float("matmul", x, y)
    try:
        out = _product(x, y)
    except ValueError:
        raise matmul_error("matmul", x.shape, y.shape) from None
    need_a, need_b = wants_grad(a), wants_grad(b)

    def backward(g: Array) -> tuple[Array | None, ...]:
        left = x[None] if x.ndim == 1 else x  # (..., N, K)
        right = y[:, None] if y.ndim == 1 else y  # (..., K, M)
        if y.ndim == 1:
            g = np.expand_dims(g, -1)
        if x.ndim == 1:
            g = np.expand_dims(g, -2)
        grad_a = grad_b = None
        if need_a:
            grad_a = _product(g, right.swapaxes(-1, -2))
            grad_a = unbroadcast(grad_a, left.shape).reshape(x.shape)
        if need_b:
            if y.ndim <= 2 and left.ndim > 2:  # one matrix for all: one product, no sum after it
                n = math.prod(left.shape[:-1])
                grad_b = left.reshape(n, left.shape[-1]).T @ g.reshape(n, g.shape[-1])
            else:
                grad_b = unbroadcast(left.swapaxes(-1, -2) @ g, right.shape)
            grad_b = grad_b.reshape(y.shape)
        return grad_a, grad_b

    saved = (b if need_a else None, a if need_b else None)
    return record(out, "matmul", (a, b), backward, saved=saved, fresh=True)


def _product(x: Array, y: Array) -> Array:
    if x.ndim > 2 and y.ndim == 2 and x.flags.c_contiguous and x.shape[-1] == y.shape[0]:
        flat = (
            x.reshape(math.prod(x.shape[:-1]), x.shape[-1]) @ y
        )  # one large product instead of many small ones
        return flat.reshape(*x.shape[:-1], y.shape[1])
    return np.matmul(x, y)


def linear(x: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weightᵀ + bias as one operation: (..., D_in) -> (..., D_out).

    Args:
        x: (..., D_in)
        weight: (D_out, D_in), one row per output, as in PyTorch
        bias: (D_out,)

    With g the output's gradient: dx = g W, dW = gᵀ x, db = Σ g over the batch.

    Example:
        >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([0.5]))
        tensor([[11.5]])
    """
    x = as_tensor(x)
    data, w = x._data, weight._data
    if data.ndim == 0 or w.ndim != 2 or data.shape[-1] != w.shape[1]:
        raise _linear_error(data.shape, w.shape)
    is_same_float("linear (input, weight)", data, w)
    n = math.prod(data.shape[:-1])
    flat = data.reshape(n, w.shape[1])  # (N, D_in)
    y = np.matmul(flat, w.T)  # (N, D_out)
    if bias is not None:
        if bias._data.shape != (w.shape[0],):
            raise ShapeError(f"linear: bias has shape {bias.shape}, wanted ({w.shape[0]},)")
        y += bias._data
    need_x, need_w = x.requires_grad, weight.requires_grad
    need_b = bias is not None and bias.requires_grad

    def backward(g: Array) -> tuple[Array | None, ...]:
        g2 = g.reshape(n, w.shape[0])  # (N, D_out)
        return (
            np.matmul(g2, w).reshape(data.shape) if need_x else None,
            np.matmul(g2.T, flat) if need_w else None,
            g2.sum(axis=0) if need_b else None,
        )

    out = y.reshape(*data.shape[:-1], w.shape[0]) if data.ndim != 2 else y
    saved = (weight if need_x else None, x if need_w else None)
    return record(out, "linear", (x, weight, bias), backward, saved=saved, fresh=True)


def _linear_error(x: tuple[int, ...], w: tuple[int, ...]) -> Exception:
    if len(w) != 2:
        return ShapeError(f"linear: weight has shape {w}, wanted 2 dimensions (D_out, D_in)")
    text = f"linear: input of shape {x} and weight of shape {w}: wanted an input (..., {w[1]})"
    if len(x) > 2 and int(np.prod(x[1:])) == w[1]:
        return ShapeError(
            f"{text}; each sample has {w[1]} numbers spread over {x[1:]}: flatten it first "
            "(nn.Flatten() or x.flatten(1))"
        )
    return ShapeError(f"{text}; check the layer's in_features or the input's last axis")
