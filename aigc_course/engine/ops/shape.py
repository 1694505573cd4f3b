"""Operations that move elements without changing them. Their gradients move back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError, check_axis
from ..tensor import Tensor, as_tensor, record
from .common import promote, unbroadcast

__all__ = [
    "cat", "chunk", "concat", "concatenate", "flatten", "flip", "permute", "reshape", "split",
    "squeeze", "stack", "transpose", "tril", "triu", "unbind", "unsqueeze",
]  # fmt: skip


def reshape(a: Any, shape: Sequence[int]) -> Tensor:
    """The same elements in another shape; one entry may be -1 (worked out from the rest).

    Example:
        >>> reshape(Tensor([1, 2, 3, 4]), (2, -1)).tolist()
        [[1, 2], [3, 4]]
    """
    a = as_tensor(a)
    shape = tuple(shape)
    try:
        out = a._data.reshape(shape)
    except ValueError:
        raise ShapeError(
            f"reshape: shape {a.shape} has {a.numel()} elements, {shape} does not; the product of "
            "the sizes must stay the same, and one of them may be -1"
        ) from None
    old = a._data.shape
    return record(out, "reshape", (a,), lambda g: (g.reshape(old),), view_of=a)


def view(a: Tensor, shape: Sequence[int]) -> Tensor:
    """:func:`reshape` that refuses to copy."""
    shape = tuple(shape)
    try:
        np.reshape(a._data, shape, copy=False)
    except ValueError:
        if a._data.flags.c_contiguous:
            return reshape(a, shape)  # a wrong size: explained there
        raise ShapeError(
            f"view: shape {a.shape} cannot be seen as {shape} without copying, because the tensor "
            "was transposed, expanded or cut; use .reshape(...)"
        ) from None
    return reshape(a, shape)


def permute(a: Tensor, dims: Sequence[int]) -> Tensor:
    """Axes in another order: output axis i is input axis dims[i]."""
    order = tuple(check_axis("permute", d, a.ndim) for d in dims)
    if sorted(order) != list(range(a.ndim)):
        raise ShapeError(
            f"permute: dims {tuple(dims)} for shape {a.shape}: wanted each axis 0 to {a.ndim - 1} "
            "exactly once"
        )
    back = tuple(np.argsort(order)) if order else ()
    return record(
        a._data.transpose(order), "permute", (a,), lambda g: (g.transpose(back),), view_of=a
    )


def transpose(a: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes swapped."""
    i, j = check_axis("transpose", dim0, a.ndim), check_axis("transpose", dim1, a.ndim)
    if not a.ndim:
        return reshape(a, ())
    if a.ndim == 1 and dim0 != dim1:
        raise ShapeError(f"mT: got shape {a.shape}, wanted at least 2 dimensions; use unsqueeze(0)")
    return record(
        a._data.swapaxes(i, j), "transpose", (a,), lambda g: (g.swapaxes(i, j),), view_of=a
    )


def movedim(a: Tensor, source: int, destination: int) -> Tensor:
    """One axis moved to another place, the rest in order."""
    i, j = check_axis("movedim", source, a.ndim), check_axis("movedim", destination, a.ndim)
    return record(
        np.moveaxis(a._data, i, j), "movedim", (a,), lambda g: (np.moveaxis(g, j, i),), view_of=a
    )


def squeeze(a: Tensor, dim: Any = None) -> Tensor:
    """Axes of size 1 taken out: all, or those named (a named axis of another size stays)."""
    if dim is None:
        axes = {i for i, n in enumerate(a.shape) if n == 1}
    else:
        listed = dim if isinstance(dim, tuple | list) else (dim,)
        axes = {check_axis("squeeze", d, a.ndim) for d in listed}
    return reshape(a, tuple(n for i, n in enumerate(a.shape) if n != 1 or i not in axes))


def unsqueeze(a: Tensor, dim: int) -> Tensor:
    """A new axis of size 1 at place ``dim``."""
    axis = check_axis("unsqueeze", dim, a.ndim + 1)
    return reshape(a, (*a.shape[:axis], 1, *a.shape[axis:]))


def expand(a: Tensor, shape: Sequence[int]) -> Tensor:
    """Axes of size 1 repeated without copying; -1 keeps a size."""
    wanted = list(shape)
    extra = len(wanted) - a.ndim
    for i, n in enumerate(wanted):
        if n == -1 and i >= extra:
            wanted[i] = a.shape[i - extra]
    try:
        out = np.broadcast_to(a._data, tuple(wanted))
    except ValueError:
        raise ShapeError(
            f"expand: shape {a.shape} does not expand to {tuple(shape)}: counted from the right, "
            "each axis must be equal or 1 (only axes of size 1 can be repeated)"
        ) from None
    old = a._data.shape
    return record(out, "expand", (a,), lambda g: (unbroadcast(g, old),), view_of=a)


def repeat(a: Tensor, sizes: Sequence[int]) -> Tensor:
    """The tensor tiled ``sizes[i]`` times along axis i."""
    sizes = tuple(sizes)
    if len(sizes) < a.ndim:
        raise ShapeError(
            f"repeat: got {len(sizes)} sizes {sizes} for shape {a.shape}, wanted at least {a.ndim}"
        )
    shape = (1,) * (len(sizes) - a.ndim) + a.shape

    def backward(g: Array) -> tuple[Array]:
        pairs = [n for pair in zip(sizes, shape, strict=True) for n in pair]
        return (g.reshape(pairs).sum(axis=tuple(range(0, len(pairs), 2))).reshape(a._data.shape),)

    return record(np.tile(a._data, sizes), "repeat", (a,), backward)


def flatten(a: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes start_dim to end_dim (included) made one."""
    if not a.ndim:
        return reshape(a, (1,))
    i, j = check_axis("flatten", start_dim, a.ndim), check_axis("flatten", end_dim, a.ndim)
    if i > j:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    size = int(np.prod(a.shape[i : j + 1]))
    return reshape(a, (*a.shape[:i], size, *a.shape[j + 1 :]))


def unflatten(a: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis split into several."""
    i = check_axis("unflatten", dim, a.ndim)
    sizes = list(sizes)
    if sizes.count(-1) == 1:
        known = int(np.prod([n for n in sizes if n != -1]))
        sizes[sizes.index(-1)] = a.shape[i] // max(known, 1)
    return reshape(a, (*a.shape[:i], *sizes, *a.shape[i + 1 :]))


def flip(a: Tensor, dims: Sequence[int]) -> Tensor:
    """The order of elements reversed along ``dims``."""
    axes = tuple(check_axis("flip", d, a.ndim) for d in dims)
    return record(np.flip(a._data, axes).copy(), "flip", (a,), lambda g: (np.flip(g, axes),))


def tril(a: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two axes, the rest 0."""
    return record(
        np.tril(a._data, diagonal), "tril", (a,), lambda g: (np.tril(g, diagonal),), fresh=True
    )


def triu(a: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two axes, the rest 0."""
    return record(
        np.triu(a._data, diagonal), "triu", (a,), lambda g: (np.triu(g, diagonal),), fresh=True
    )


def _same_dtype(name: str, tensors: Sequence[Any]) -> tuple[list[Tensor], list[Array]]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, tuple | list):
        raise TypeError(f"{name}: got {type(tensors).__name__}, wanted a list or tuple of tensors")
    if not tensors:
        raise ValueError(f"{name}: got an empty list, wanted at least one tensor")
    made = [as_tensor(t) for t in tensors]
    dtype = made[0]._data
    for t in made[1:]:
        dtype = np.empty(t.shape and (0,), promote(dtype, t._data))
    return made, [t._data.astype(dtype.dtype, copy=False) for t in made]


def cat(tensors: Sequence[Any], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors joined along an existing axis.

    Example:
        >>> cat([Tensor([1, 2]), Tensor([3])]).tolist()
        [1, 2, 3]
    """
    made, arrays = _same_dtype("cat", tensors)
    place = check_axis("cat", dim if axis is None else axis, made[0].ndim)
    try:
        out = np.concatenate(arrays, axis=place)
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in made)
        raise ShapeError(
            f"cat: shapes {shapes} cannot be joined along dim {place}: all other sizes must be "
            "equal. For a new axis use stack"
        ) from None
    ends = np.cumsum([x.shape[place] for x in arrays])[:-1]
    return record(out, "cat", tuple(made), lambda g: tuple(np.split(g, ends, axis=place)))


concat = concatenate = cat


def stack(tensors: Sequence[Any], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors of one shape joined along a new axis.

    Example:
        >>> stack([Tensor([1, 2]), Tensor([3, 4])], dim=1).tolist()
        [[1, 3], [2, 4]]
    """
    made, arrays = _same_dtype("stack", tensors)
    place = check_axis("stack", dim if axis is None else axis, made[0].ndim + 1)
    try:
        out = np.stack(arrays, axis=place)
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in made)
        raise ShapeError(
            f"stack: shapes {shapes}: all must be equal; to join unequal ones use cat"
        ) from None
    return record(out, "stack", tuple(made), lambda g: tuple(np.moveaxis(g, place, 0)))


def split(a: Tensor, sizes: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed."""
    axis = check_axis("split", dim, a.ndim)
    total = a.shape[axis]
    if isinstance(sizes, int):
        if sizes < 1:
            raise ValueError(f"split: got size {sizes}, wanted at least 1")
        lengths = [min(sizes, total - i) for i in range(0, total, sizes)] or [0]
    else:
        lengths = list(sizes)
        if sum(lengths) != total:
            raise ShapeError(
                f"split: sizes {lengths} add up to {sum(lengths)}, dim {dim} of {a.shape} has "
                f"{total}"
            )
    pieces, start = [], 0
    for n in lengths:
        pieces.append(a[(slice(None),) * axis + (slice(start, start + n),)])
        start += n
    return tuple(pieces)


def chunk(a: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of nearly equal size."""
    total = a.shape[check_axis("chunk", dim, a.ndim)]
    return split(a, max(1, -(-total // chunks)), dim)


def unbind(a: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``dim``, without that axis."""
    axis = check_axis("unbind", dim, a.ndim)
    return tuple(a[(slice(None),) * axis + (i,)] for i in range(a.shape[axis]))


def pad(a: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Elements added around the last axes.

    Args:
        pad: (left, right) of the last axis, then of the one before, and so on; negative cuts off.
        mode: only ``"constant"``.

    Example:
        >>> pad(Tensor([[1, 2]]), (1, 0, 0, 1)).tolist()
        [[0, 1, 2], [0, 0, 0]]
    """
    a = as_tensor(a)
    if mode != "constant":
        raise NotImplementedError(f'pad: mode {mode!r}, wanted "constant"')
    if len(pad) % 2 or len(pad) > 2 * a.ndim:
        raise ShapeError(
            f"pad: got {tuple(pad)} for shape {a.shape}, wanted a pair (left, right) for each of "
            f"at most {a.ndim} axes, the last axis first"
        )
    pairs = [(0, 0)] * (a.ndim - len(pad) // 2)
    pairs += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    shape = tuple(n + lo + hi for n, (lo, hi) in zip(a.shape, pairs, strict=True))
    if any(n < 0 for n in shape):
        raise ShapeError(f"pad: {tuple(pad)} cuts more from {a.shape} than there is")
    inner = tuple(
        slice(max(lo, 0), n - max(hi, 0)) for n, (lo, hi) in zip(shape, pairs, strict=True)
    )
    kept = tuple(
        slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(a.shape, pairs, strict=True)
    )
    out = np.full(shape, value, a.dtype)
    out[inner] = a._data[kept]

    def backward(g: Array) -> tuple[Array]:
        grad = np.zeros(a._data.shape, g.dtype)
        grad[kept] = g[inner]
        return (grad,)

    return record(out, "pad", (a,), backward, fresh=True)
