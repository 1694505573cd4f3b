"""Sums, means, extremes: many elements to one, along chosen axes.

Every function takes PyTorch's ``dim``/``keepdim``; NumPy's ``axis``/``keepdims`` mean the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError, check_axis
from ..tensor import Extremum, Tensor, as_tensor, record, result
from .common import floating

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "logsumexp", "max", "mean",
    "min", "norm", "std", "sum", "var",
]  # fmt: skip

Axes = tuple[int, ...]


def _axes(name: str, a: Tensor, dim: Any, keepdim: bool, kw: dict[str, Any]) -> tuple[Axes, bool]:
    """Sorted axes to reduce over (all when dim is None) and whether they stay as size 1."""
    if kw:
        if "axis" in kw:
            dim = kw.pop("axis")
        if "keepdims" in kw:
            keepdim = kw.pop("keepdims")
        if "unbiased" in kw:
            kw.pop("unbiased")
        if kw:
            raise TypeError(f"{name}: unexpected argument {next(iter(kw))!r}; wanted dim, keepdim")
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(a.ndim)), keepdim
    listed = dim if isinstance(dim, tuple | list) else (dim,)
    axes = tuple(sorted(check_axis(name, d, a.ndim) for d in listed))
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{name}: dim {dim} names an axis twice for shape {a.shape}")
    return (axes if a.ndim else ()), keepdim


def _widen(g: Array, shape: tuple[int, ...], axes: Axes) -> Array:
    """The gradient of a reduced tensor with its reduced axes back as size 1."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return np.reshape(g, kept)


def sum(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Sum over ``dim``. Every summand gets the gradient of the sum.

    Example:
        >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
        tensor([4., 6.])
    """
    a = as_tensor(a)
    axes, keep = _axes("sum", a, dim, keepdim, kw)
    shape = a._data.shape

    def backward(g: Array) -> tuple[Array]:
        return (np.broadcast_to(_widen(g, shape, axes), shape),)

    return record(a._data.sum(axis=axes, keepdims=keep), "sum", (a,), backward)


def mean(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Mean over ``dim``; nan when there is nothing to average."""
    a = as_tensor(a)
    axes, keep = _axes("mean", a, dim, keepdim, kw)
    _only_float("mean", a)
    shape = a._data.shape
    n = _count(shape, axes)
    total = a._data.sum(axis=axes, keepdims=keep)

    def backward(g: Array) -> tuple[Array]:
        return (np.broadcast_to(_widen(g / n if n else g, shape, axes), shape),)

    return record(total / n if n else total * np.nan, "mean", (a,), backward)


def var(a: Any, dim: Any = None, correction: float = 1, keepdim: bool = False, **kw: Any) -> Tensor:
    """Σ (a - mean)² / (n - correction) over ``dim``; correction=1 as in PyTorch, 0 as in NumPy."""
    a = as_tensor(a)
    correction = _correction(correction, kw)
    axes, keep = _axes("var", a, dim, keepdim, kw)
    centred, out, divisor = _variance("var", a, axes, correction, keep)

    def backward(g: Array) -> tuple[Array]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return (_widen(g, centred.shape, axes) * centred * (2 / divisor),)

    return record(out, "var", (a,), backward, saved=(a,), fresh=True)


def std(a: Any, dim: Any = None, correction: float = 1, keepdim: bool = False, **kw: Any) -> Tensor:
    """Square root of :func:`var`; where it is 0 the gradient is taken as 0."""
    a = as_tensor(a)
    correction = _correction(correction, kw)
    axes, keep = _axes("std", a, dim, keepdim, kw)
    centred, variance, divisor = _variance("std", a, axes, correction, keep)
    y = np.asarray(np.sqrt(variance))

    def backward(g: Array) -> tuple[Array]:
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(y == 0, 0, g / (y * divisor)).astype(y.dtype, copy=False)
        return (_widen(slope, centred.shape, axes) * centred,)

    return record(y, "std", (a,), backward, saved=(a,), saves_output=True, fresh=True)


def _correction(correction: float, kw: dict[str, Any]) -> float:
    return int(kw["unbiased"]) if "unbiased" in kw else correction


def _variance(
    name: str, a: Tensor, axes: Axes, correction: float, keep: bool
) -> tuple[Array, Any, Any]:
    _only_float(name, a)
    x = a._data
    n = _count(x.shape, axes)
    divisor = x.dtype.type(n - correction if n > correction else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = x - x.sum(axis=axes, keepdims=True) / x.dtype.type(n)
        return centred, np.square(centred).sum(axis=axes, keepdims=keep) / divisor, divisor


def amax(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Largest element over ``dim``; equal largest ones share the gradient evenly."""
    return _extreme("amax", np.max, as_tensor(a), dim, keepdim, kw)


def amin(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Smallest element over ``dim``; equal smallest ones share the gradient evenly."""
    return _extreme("amin", np.min, as_tensor(a), dim, keepdim, kw)


def _extreme(name: str, choose: Any, a: Tensor, dim: Any, keepdim: bool, kw: Any) -> Tensor:
    axes, keep = _axes(name, a, dim, keepdim, kw)
    x = a._data
    _not_empty(name, x, axes)
    top = choose(x, axis=axes, keepdims=True)

    def backward(g: Array) -> tuple[Array]:
        winners = x == top
        share = _widen(g, x.shape, axes) / winners.sum(axis=axes, keepdims=True).astype(x.dtype)
        return (winners * share,)

    out = top if keep else np.squeeze(top, axis=axes)
    return record(out, name, (a,), backward, saved=(a,), fresh=True)


def max(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Any:
    """Largest element; with ``dim`` a pair (values, indices), as in PyTorch.

    Over everything, equal largest elements share the gradient; along ``dim`` the first gets it.

    Example:
        >>> values, indices = max(Tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        >>> values, indices
        (tensor([5., 7.]), tensor([1, 0]))
    """
    return _max_or_min("max", a, dim, keepdim, kw)


def min(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Any:
    """Smallest element; with ``dim`` a pair (values, indices). See :func:`max`."""
    return _max_or_min("min", a, dim, keepdim, kw)


def _max_or_min(name: str, a: Any, dim: Any, keepdim: bool, kw: dict[str, Any]) -> Any:
    a = as_tensor(a)
    dim = kw.pop("axis", dim)
    if isinstance(dim, Tensor):
        raise TypeError(
            f"{name}: got a tensor as dim; for the {name} of two tensors use {name}imum"
        )
    if dim is None or isinstance(dim, tuple | list):
        return _extreme(name, np.max if name == "max" else np.min, a, dim, keepdim, kw)
    (axis,), keep = _axes(name, a, dim, keepdim, kw) if a.ndim else ((0,), False)
    x = a._data if a.ndim else a._data.reshape(1)
    _not_empty(name, x, (axis,))
    index = np.expand_dims((np.argmax if name == "max" else np.argmin)(x, axis=axis), axis)
    values = np.take_along_axis(x, index, axis)
    shape = a._data.shape

    def backward(g: Array) -> tuple[Array]:
        grad = np.zeros(x.shape, x.dtype)
        np.put_along_axis(grad, index, np.reshape(g, index.shape), axis)
        return (grad.reshape(shape),)

    out_shape = values.shape if keep else np.squeeze(values, axis).shape
    out = record(values.reshape(out_shape), name, (a,), backward, saved=(index,), fresh=True)
    return Extremum(out, result(index.reshape(out_shape)))


def argmax(a: Any, dim: int | None = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Place of the largest element (the first of equals), counted along ``dim`` or flat."""
    return _place("argmax", np.argmax, a, dim, keepdim, kw)


def argmin(a: Any, dim: int | None = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Place of the smallest element (the first of equals), counted along ``dim`` or flat."""
    return _place("argmin", np.argmin, a, dim, keepdim, kw)


def _place(name: str, find: Any, a: Any, dim: Any, keepdim: bool, kw: dict[str, Any]) -> Tensor:
    a = as_tensor(a)
    dim, keepdim = kw.pop("axis", dim), kw.pop("keepdims", keepdim)
    if dim is not None and a.ndim:
        dim = check_axis(name, dim, a.ndim)
    _not_empty(name, a._data, (dim,) if dim is not None else tuple(range(a.ndim)))
    return result(find(a._data, axis=dim if a.ndim else None, keepdims=keepdim))


def logsumexp(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """ln Σ e^a over ``dim`` without overflow. Its gradient is the softmax.

    Example:
        >>> logsumexp(Tensor([1000.0, 1000.0]), dim=0).item()
        1000.6931762695312
    """
    a = as_tensor(a)
    axes, keep = _axes("logsumexp", a, dim, keepdim, kw)
    x = floating("logsumexp", a)
    top = x.max(axis=axes, keepdims=True, initial=-np.inf)
    top[~np.isfinite(top)] = 0  # all -inf (or nothing at all): ln 0 = -inf, not nan
    with np.errstate(divide="ignore"):
        full = np.log(np.exp(x - top).sum(axis=axes, keepdims=True)) + top
    y = np.asarray(full if keep else np.squeeze(full, axis=axes))

    def backward(g: Array) -> tuple[Array]:
        return (_widen(g, x.shape, axes) * np.exp(x - full),)

    return record(y, "logsumexp", (a,), backward, saved=(a,), saves_output=True, fresh=True)


def norm(a: Any, p: float = 2, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """(Σ |a|ᵖ)^(1/p) over ``dim`` for p = 1, 2 or inf; at a = 0 the gradient is taken as 0."""
    a = as_tensor(a)
    axes, keep = _axes("norm", a, dim, keepdim, kw)
    _only_float("norm", a)
    x = a._data
    if p == 1:
        return sum(abs(a), axes, keep)
    if p == np.inf:
        return amax(abs(a), axes, keep)
    if p != 2:
        raise ValueError(f"norm: p is {p!r}, wanted 1, 2 or float('inf')")
    y = np.asarray(np.sqrt(np.square(x).sum(axis=axes, keepdims=keep)))

    def backward(g: Array) -> tuple[Array]:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(y == 0, 0, g / y).astype(x.dtype, copy=False)
        return (_widen(share, x.shape, axes) * x,)

    return record(y, "norm", (a,), backward, saved=(a,), saves_output=True, fresh=True)


def cumsum(a: Any, dim: int) -> Tensor:
    """Running sum along ``dim``."""
    a = as_tensor(a)
    axis = check_axis("cumsum", dim, a.ndim)

    def backward(g: Array) -> tuple[Array]:
        if not g.ndim:
            return (g,)
        return (np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis),)

    out = np.cumsum(a._data, axis=axis) if a.ndim else a._data.copy()
    return record(out, "cumsum", (a,), backward)


def all(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Whether every element is true."""
    a = as_tensor(a)
    axes, keep = _axes("all", a, dim, keepdim, kw)
    return result(np.all(a._data, axis=axes, keepdims=keep))


def any(a: Any, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
    """Whether some element is true."""
    a = as_tensor(a)
    axes, keep = _axes("any", a, dim, keepdim, kw)
    return result(np.any(a._data, axis=axes, keepdims=keep))


def _count(shape: tuple[int, ...], axes: Axes) -> int:
    n = 1
    for axis in axes:
        n *= shape[axis]
    return n


def _only_float(name: str, a: Tensor) -> None:
    if a._data.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: got {a.dtype}, wanted a float tensor (the result is not a whole number); "
            f"write t.float().{name}()"
        )


def _not_empty(name: str, x: Array, axes: Axes) -> None:
    if _count(x.shape, axes) == 0:
        raise ShapeError(
            f"{name}: shape {x.shape} has no element along dim {axes}, and nothing has no {name}; "
            "check that the batch is not empty"
        )
