"""What binary operations share: a common dtype, and gradients that undo broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import broadcast_error
from ..tensor import Tensor, as_tensor

FLOAT = np.dtype(np.float32)  # dtype of Python floats and of int / int
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum ``grad`` over the axes along which an operand of ``shape`` was repeated.

    An operand that broadcasting used n times gets n gradients, and gradients add up.

    Example:
        >>> unbroadcast(np.ones((4, 3)), (3,)).tolist()
        [4.0, 4.0, 4.0]
    """
    if grad.shape == shape:
        return grad
    extra = grad.ndim - len(shape)
    if extra:
        grad = grad.sum(axis=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and grad.shape[i] != 1)
    return grad.sum(axis=axes, keepdims=True) if axes else grad


def floating(name: str, x: Tensor) -> Array:
    """The array of ``x``; integers become float32, as in PyTorch's ``exp``, ``sqrt``, ..."""
    data = x._data
    return data if data.dtype.kind == "f" else data.astype(FLOAT)


def promote(x: Array, y: Array) -> np.dtype[Any]:
    """dtype of an operation on two arrays, by PyTorch's rule.

    float beats integer beats bool; within a kind, a 0-dimensional operand has no say. So neither
    an int64 label nor a NumPy float64 scalar turns a float32 network into a float64 one.
    """
    rank_x, rank_y = _RANK[x.dtype.kind], _RANK[y.dtype.kind]
    if rank_x != rank_y:
        return x.dtype if rank_x > rank_y else y.dtype
    if (x.ndim == 0) != (y.ndim == 0):
        return y.dtype if x.ndim == 0 else x.dtype
    return np.promote_types(x.dtype, y.dtype)


def operands(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Arrays of two operands in one dtype; Python numbers stay as they are."""
    if isinstance(a, Tensor):
        x = a._data
        if isinstance(b, Tensor):
            y = b._data
            if x.dtype is y.dtype:
                return x, y
        elif isinstance(b, int | float):
            return _with_number(x, b)
        else:
            y = _foreign(name, b)
    elif isinstance(a, int | float) and isinstance(b, Tensor):
        y, x = _with_number(b._data, a)
        return x, y
    else:
        x = _foreign(name, a)
        y = b._data if isinstance(b, Tensor) else _foreign(name, b)
    dtype = promote(x, y)
    return x.astype(dtype, copy=False), y.astype(dtype, copy=False)


def _with_number(x: Array, number: float) -> tuple[Array, Any]:
    if x.dtype.kind != "f" and isinstance(number, float):
        x = x.astype(FLOAT)
    # a NumPy scalar has a dtype of its own, which would win; a Python number has none
    return x, number.item() if isinstance(number, np.generic) else number


def _foreign(name: str, value: Any) -> Array:
    if isinstance(value, np.ndarray | np.generic | list | tuple | int | float):
        return as_tensor(value)._data
    raise TypeError(
        f"{name}: got {type(value).__name__} as an operand, wanted a Tensor, a number or an array"
    )


def explained(name: str, x: Any, y: Any, error: Exception) -> Exception:
    """``error`` from NumPy, or a clearer one when the shapes are to blame."""
    return broadcast_error(name, np.shape(x), np.shape(y)) or error


def is_same_float(name: str, x: Array, y: Array) -> None:
    """Matrix products do not mix dtypes: raise unless both are the same."""
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"{name}: got {x.dtype} and {y.dtype}, wanted one dtype for both; convert one of them "
            "with .float() (float32) or .double() (float64), or astype before making the tensor"
        )
