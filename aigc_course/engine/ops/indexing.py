"""Picking elements out, and putting them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError, check_axis
from ..tensor import Tensor, as_tensor, record, wants_grad
from .common import unbroadcast


def _plain(index: Any) -> tuple[Any, bool]:
    """The index for NumPy, and whether it could pick one element twice (fancy indexing)."""
    parts = index if isinstance(index, tuple) else (index,)
    made, fancy = [], False
    for part in parts:
        if isinstance(part, Tensor):
            part = part._data
        elif isinstance(part, list | tuple | range):
            part = np.asarray(part) if len(part) else np.zeros(0, np.int64)
        if isinstance(part, np.ndarray) and (part.ndim or part.dtype.kind == "b"):
            if part.dtype.kind not in "iub":
                raise IndexError(
                    f"index: got a {part.dtype} array, wanted integers (places) or bool (a mask); "
                    "convert with .long()"
                )
            fancy = fancy or part.dtype.kind != "b"  # a mask never picks twice
        made.append(part)
    return tuple(made) if isinstance(index, tuple) else made[0], fancy


def _explain(a: Tensor, index: Any, error: Exception) -> Exception:
    return IndexError(f"index: {error} (tensor of shape {a.shape})")


def get_item(a: Tensor, index: Any) -> Tensor:
    """a[index]. The gradient goes back to the places picked; picked twice, added twice."""
    plain, fancy = _plain(index)
    try:
        out = a._data[plain]
    except IndexError as error:
        raise _explain(a, index, error) from None
    if not isinstance(out, np.ndarray):  # one element: NumPy copies it, the dots make it a view
        out = a._data[(*(plain if isinstance(plain, tuple) else (plain,)), ...)]
    shape = a._data.shape

    def backward(g: Array) -> tuple[Array]:
        grad = np.zeros(shape, g.dtype)
        if fancy:
            scatter_add(grad, plain, g)
        else:
            grad[plain] = g
        return (grad,)

    return record(out, "index", (a,), backward, fresh=True, view_of=a)


def scatter_add(into: Array, index: Any, values: Array) -> None:
    """into[index] += values, with every repeated index counted."""
    if isinstance(index, np.ndarray) and into.ndim > 1 and index.size > 32:
        add_rows(into, index.reshape(-1), values.reshape(index.size, *into.shape[1:]))
    else:
        np.add.at(into, index, values)


def add_rows(into: Array, rows: Array, values: Array) -> None:
    """Add values[i] to into[rows[i]]: sort by row, sum each run, then one plain assignment.

    About ten times faster than ``np.add.at`` on whole rows.
    """
    if not len(rows):
        return
    rows = rows.astype(np.intp, copy=False)  # a uint8 index cannot be compared with 300 rows
    rows = np.where(rows < 0, rows + len(into), rows)
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    into[rows[starts]] += np.add.reduceat(values[order], starts, axis=0)


def set_item(a: Tensor, index: Any, value: Any) -> None:
    """a[index] = value, not recorded."""
    plain, _ = _plain(index)
    data = value._data if isinstance(value, Tensor) else value
    try:
        a._data[plain] = data
    except IndexError as error:
        raise _explain(a, index, error) from None
    except ValueError as error:
        if not a._data.flags.writeable:
            raise RuntimeError(
                "index: the memory of this tensor is read-only (an expanded view or a frozen "
                "array); write to t.clone() instead"
            ) from None
        raise ShapeError(
            f"index: a value of shape {np.shape(data)} does not fit into the places of shape "
            f"{a._data[plain].shape}"
        ) from error
    a._version[0] += 1


def with_item(a: Tensor, index: Any, value: Any) -> Tensor:
    """A new tensor equal to ``a`` with a[index] = value, recorded."""
    plain, _ = _plain(index)
    new = Tensor(a._data)
    set_item(new, index, value)
    need_value = wants_grad(value)
    shape = value._data.shape if need_value else ()

    def backward(g: Array) -> tuple[Array | None, ...]:
        rest = g.copy()
        rest[plain] = 0
        if not need_value:
            return rest, None
        picked = g[plain]
        extra = max(len(shape) - picked.ndim, 0)  # leading axes of size 1 fit in everywhere
        return rest, unbroadcast(picked, shape[extra:]).reshape(shape)

    return record(new._data, "set_index", (a, value), backward)


def gather(a: Any, dim: int, index: Any) -> Tensor:
    """out[i][j] = a[i][index[i][j]] for dim=1, and so on.

    Example:
        >>> gather(Tensor([[1, 2], [3, 4]]), 1, Tensor([[1], [0]])).tolist()
        [[2], [3]]
    """
    a = as_tensor(a)
    axis = check_axis("gather", dim, a.ndim)
    places = as_tensor(index)._data
    if places.ndim != a.ndim:
        raise ShapeError(
            f"gather: index has {places.ndim} dimensions, the tensor {a.ndim}; wanted the same"
        )
    # torch lets the index be smaller along the other axes
    grid = list(np.ogrid[tuple(slice(n) for n in places.shape)])
    grid[axis] = places
    where = tuple(grid)
    try:
        out = a._data[where]
    except IndexError as error:
        raise _explain(a, index, error) from None
    shape = a._data.shape

    def backward(g: Array) -> tuple[Array]:
        grad = np.zeros(shape, g.dtype)
        np.add.at(grad, where, g)
        return (grad,)

    return record(out, "gather", (a,), backward, fresh=True)


def embedding(index: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of ``weight`` (V, C) picked by an integer tensor of any shape (...): (..., C)."""
    places = as_tensor(index)._data
    if places.dtype.kind not in "iu":
        raise TypeError(f"embedding: got {places.dtype} indices, wanted integers; use .long()")
    size = len(weight)
    if places.size and (places.min() < 0 or places.max() >= size):
        bad = int(places.min() if places.min() < 0 else places.max())
        raise IndexError(
            f"embedding: index {bad} is outside the table of {size} rows; wanted 0 to {size - 1}. "
            "Was the vocabulary built on other text?"
        )
    shape = weight._data.shape

    def backward(g: Array) -> tuple[Array]:
        grad = np.zeros(shape, g.dtype)
        add_rows(grad, places.reshape(-1), g.reshape(-1, shape[1]))
        if padding_idx is not None:
            grad[padding_idx] = 0
        return (grad,)

    return record(weight._data[places], "embedding", (weight,), backward, fresh=True)
