"""New tensors: constant, counted and random ones. float32 unless told otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rng import pick
from .tensor import Tensor, _sequence, result

__all__ = [
    "arange", "empty", "eye", "full", "full_like", "linspace", "ones", "ones_like", "rand",
    "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros", "zeros_like",
]  # fmt: skip

Generator = np.random.Generator


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of ``data``; lists of floats become float32, arrays keep their dtype.

    Example:
        >>> tensor([1.0, 2.0]).dtype.name, tensor([1, 2]).dtype.name
        ('float32', 'int64')
    """
    return Tensor(data, requires_grad=requires_grad, dtype=dtype)


def _made(array: Any, requires_grad: bool) -> Tensor:
    out = result(array)
    return out.requires_grad_() if requires_grad else out


def zeros(*shape: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """All 0. ``zeros(2, 3)`` and ``zeros((2, 3))`` are the same."""
    return _made(np.zeros(_sequence(shape), dtype), requires_grad)


def ones(*shape: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """All 1."""
    return _made(np.ones(_sequence(shape), dtype), requires_grad)


def empty(*shape: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Whatever the memory held."""
    return _made(np.empty(_sequence(shape), dtype), requires_grad)


def full(shape: Any, value: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """All ``value``."""
    made = Tensor(value, dtype=dtype)
    return _made(np.full(shape, made._data), requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = np.float32) -> Tensor:
    """1 on the diagonal."""
    return result(np.eye(n, m, dtype=dtype))


def arange(*bounds: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """start, start + step, ... below stop; int64 for ints, float32 when a float is among them.

    Example:
        >>> arange(1, 7, 2)
        tensor([1, 3, 5])
    """
    if dtype is None:
        dtype = np.float32 if any(isinstance(b, float) for b in bounds) else np.int64
    return _made(np.arange(*bounds).astype(dtype), requires_grad)


def linspace(
    start: float, end: float, steps: int, dtype: Any = np.float32, requires_grad: bool = False
) -> Tensor:
    """``steps`` numbers at equal distances, ends included."""
    return _made(np.linspace(start, end, steps).astype(dtype), requires_grad)


def rand(
    *shape: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform on [0, 1)."""
    return _made(pick(generator).random(_sequence(shape), dtype=np.dtype(dtype)), requires_grad)


def randn(
    *shape: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal."""
    draws = pick(generator).standard_normal(_sequence(shape), dtype=np.dtype(dtype))
    return _made(draws, requires_grad)


def randint(low: int, high: int, shape: Any, generator: Generator | None = None) -> Tensor:
    """int64, uniform on low … high - 1."""
    return result(pick(generator).integers(low, high, size=shape))


def randperm(n: int, generator: Generator | None = None) -> Tensor:
    """The numbers 0 … n-1 in random order."""
    return result(pick(generator).permutation(n))


def zeros_like(a: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return _made(np.zeros(a.shape, dtype or a.dtype), requires_grad)


def ones_like(a: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return _made(np.ones(a.shape, dtype or a.dtype), requires_grad)


def full_like(a: Tensor, value: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return _made(np.full(a.shape, value, dtype or a.dtype), requires_grad)


def rand_like(a: Tensor, generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    return rand(a.shape, generator=generator, dtype=a.dtype, requires_grad=requires_grad)


def randn_like(
    a: Tensor, generator: Generator | None = None, requires_grad: bool = False
) -> Tensor:
    return randn(a.shape, generator=generator, dtype=a.dtype, requires_grad=requires_grad)
