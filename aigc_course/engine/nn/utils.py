"""Keeping gradients in bounds, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..tensor import Tensor, result


def _with_grad(parameters: Any) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in listed if p._grad is not None]


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0
) -> Tensor:
    """Shrink all gradients by one factor so that their joint norm is at most ``max_norm``.

    Returns:
        The norm before (Pascanu et al., 2013).

    Example:
        >>> w = Tensor([0.0, 0.0], requires_grad=True)
        >>> w.grad = Tensor([3.0, 4.0])
        >>> clip_grad_norm_([w], max_norm=1.0).item(), w.grad.numpy().round(3).tolist()
        (5.0, [0.6000000238418579, 0.800000011920929])
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm: got {max_norm}, wanted a positive number")
    grads = [p._grad for p in _with_grad(parameters) if p._grad is not None]
    if not grads:
        return result(np.float32(0))
    if norm_type == math.inf:
        total = max(float(np.abs(g._data).max(initial=0)) for g in grads)
    elif norm_type == 2:
        total = math.sqrt(sum(float(np.vdot(g._data, g._data)) for g in grads))
    else:
        total = sum(float((np.abs(g._data) ** norm_type).sum()) for g in grads) ** (1 / norm_type)
    factor = max_norm / (total + 1e-6)
    if factor < 1 or math.isnan(factor):
        for g in grads:
            g._data[...] = g._data * g.dtype.type(factor)
            g._version[0] += 1
    return result(np.asarray(total, grads[0].dtype))


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit every element of every gradient to ±clip_value."""
    if not clip_value >= 0:
        raise ValueError(f"clip_value: got {clip_value}, wanted a number from 0 up")
    for p in _with_grad(parameters):
        assert p._grad is not None
        np.clip(p._grad._data, -clip_value, clip_value, out=p._grad._data)
        p._grad._version[0] += 1


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after the other, a copy without history."""
    return result(np.concatenate([p._data.ravel() for p in parameters]))


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """The opposite of :func:`parameters_to_vector`."""
    listed = list(parameters)
    if vector.shape != (sum(p.numel() for p in listed),):
        raise ShapeError(
            f"vector: got shape {vector.shape}, wanted ({sum(p.numel() for p in listed)},)"
        )
    start = 0
    for p in listed:
        p._data[...] = vector._data[start : start + p.numel()].reshape(p.shape)
        p._version[0] += 1
        start += p.numel()
