"""Activation functions, written so that no input overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import check_axis
from ..tensor import Tensor, as_tensor, record
from .common import floating
from .special import erf_array


def relu(a: Any) -> Tensor:
    """max(a, 0). The gradient passes where a > 0.

    Example:
        >>> relu(Tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    a = as_tensor(a)
    y = np.maximum(a._data, 0)
    return record(y, "relu", (a,), lambda g: (g * (y > 0),), saves_output=True, fresh=True)


def leaky_relu(a: Any, negative_slope: float = 0.01) -> Tensor:
    """a where a > 0, negative_slope·a elsewhere."""
    a = as_tensor(a)
    x = floating("leaky_relu", a)

    def backward(g: Array) -> tuple[Array]:
        return (np.where(x > 0, g, g * negative_slope),)

    out = np.where(x > 0, x, x * negative_slope)
    return record(out, "leaky_relu", (a,), backward, saved=(a,), fresh=True)


def elu(a: Any, alpha: float = 1.0) -> Tensor:
    """a where a > 0, alpha·(eᵃ - 1) elsewhere (Clevert et al., 2015)."""
    a = as_tensor(a)
    x = floating("elu", a)
    low = alpha * np.expm1(np.minimum(x, 0))

    def backward(g: Array) -> tuple[Array]:
        return (np.where(x > 0, g, g * (low + alpha)),)

    return record(np.where(x > 0, x, low), "elu", (a,), backward, saved=(a,), fresh=True)


def sigmoid_array(x: Array) -> Array:
    """1/(1 + e⁻ˣ), with the exponential always of a negative number."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid(a: Any) -> Tensor:
    """1/(1 + e⁻ᵃ). With y the output, d/da = y(1 - y)."""
    a = as_tensor(a)
    y = sigmoid_array(floating("sigmoid", a))
    return record(y, "sigmoid", (a,), lambda g: (g * (y * (1 - y)),), saves_output=True, fresh=True)


def logsigmoid(a: Any) -> Tensor:
    """ln sigmoid(a) without overflow. d/da = sigmoid(-a)."""
    a = as_tensor(a)
    x = floating("logsigmoid", a)
    out = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    return record(
        out, "logsigmoid", (a,), lambda g: (g * sigmoid_array(-x),), saved=(a,), fresh=True
    )


def softplus(a: Any) -> Tensor:
    """ln(1 + eᵃ) without overflow. d/da = sigmoid(a)."""
    a = as_tensor(a)
    x = floating("softplus", a)
    out = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return record(out, "softplus", (a,), lambda g: (g * sigmoid_array(x),), saved=(a,), fresh=True)


def tanh(a: Any) -> Tensor:
    """tanh a. With y the output, d/da = 1 - y²."""
    a = as_tensor(a)
    y = np.asarray(np.tanh(floating("tanh", a)))
    return record(y, "tanh", (a,), lambda g: (g * (1 - y * y),), saves_output=True, fresh=True)


def silu(a: Any) -> Tensor:
    """a·sigmoid(a), also called swish."""
    a = as_tensor(a)
    x = floating("silu", a)
    s = sigmoid_array(x)
    return record(
        x * s, "silu", (a,), lambda g: (g * (s * (1 + x * (1 - s))),), saved=(a,), fresh=True
    )


def gelu(a: Any, approximate: str = "none") -> Tensor:
    """a·Φ(a), Φ the normal distribution function (Hendrycks & Gimpel, 2016).

    Args:
        approximate: ``"none"`` with the exact Φ, ``"tanh"`` with the paper's fast form.

    Example:
        >>> [round(v, 4) for v in gelu(Tensor([-1.0, 0.0, 1.0])).tolist()]
        [-0.1587, 0.0, 0.8413]
    """
    a = as_tensor(a)
    x = floating("gelu", a)
    if approximate == "none":
        below = 0.5 * (1 + erf_array(x * 0.5**0.5))  # Φ(x)

        def backward(g: Array) -> tuple[Array]:
            density = np.exp(-0.5 * x * x) * float((2 * np.pi) ** -0.5)
            return (g * (below + x * density),)

        return record(x * below, "gelu", (a,), backward, saved=(a,), fresh=True)
    if approximate != "tanh":
        raise ValueError(f'approximate: got {approximate!r}, wanted "none" or "tanh"')
    k, c = float((2 / np.pi) ** 0.5), 0.044715
    t = np.tanh(k * (x + c * (x * x * x)))

    def backward_tanh(g: Array) -> tuple[Array]:
        inner = k * (1 + 3 * c * (x * x))
        return (g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner),)

    return record(0.5 * x * (1 + t), "gelu", (a,), backward_tanh, saved=(a,), fresh=True)


def softmax_array(x: Array, axis: int) -> Array:
    """Softmax of an array; the largest element is taken away first, so e^x never overflows."""
    y = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    y /= y.sum(axis=axis, keepdims=True)
    return y


def softmax(a: Any, dim: int) -> Tensor:
    """e^aᵢ / Σⱼ e^aⱼ along ``dim``. With y the output, the gradient is y·(g - Σ g·y).

    Example:
        >>> softmax(Tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
        tensor([[0.5, 0.5],
                [1. , 0. ]])
    """
    a = as_tensor(a)
    axis = check_axis("softmax", dim, a.ndim)
    x = floating("softmax", a)
    y = np.ones_like(x) if x.ndim == 0 else softmax_array(x, axis)

    def backward(g: Array) -> tuple[Array]:
        if y.ndim == 0:
            return (np.zeros_like(y),)
        gy = g * y
        gy -= y * gy.sum(axis=axis, keepdims=True)
        return (gy,)

    return record(y, "softmax", (a,), backward, saves_output=True, fresh=True)


def log_softmax_array(x: Array, axis: int) -> Array:
    """ln softmax of an array, as x - max - ln Σ e^(x - max): no overflow and no ln 0."""
    y = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
    return y


def log_softmax(a: Any, dim: int) -> Tensor:
    """ln softmax along ``dim``. The gradient is g - softmax·Σ g."""
    a = as_tensor(a)
    axis = check_axis("log_softmax", dim, a.ndim)
    x = floating("log_softmax", a)
    y = np.zeros_like(x) if x.ndim == 0 else log_softmax_array(x, axis)

    def backward(g: Array) -> tuple[Array]:
        if y.ndim == 0:
            return (np.zeros_like(y),)
        return (g - np.exp(y) * g.sum(axis=axis, keepdims=True),)

    return record(y, "log_softmax", (a,), backward, saves_output=True, fresh=True)
