"""Exceptions of the engine and the sentences that explain a shape mistake.

NumPy says *operands could not be broadcast together*. These helpers add what a learner needs next:
which operation, which axis, and what to write instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Shape = tuple[int, ...]


class ShapeError(ValueError, RuntimeError):
    """Shapes that do not fit. A ``ValueError`` as in NumPy and a ``RuntimeError`` as in PyTorch.

    Example:
        >>> issubclass(ShapeError, ValueError) and issubclass(ShapeError, RuntimeError)
        True
    """


def broadcast_error(name: str, a: Shape, b: Shape) -> Exception | None:
    """The error for two shapes that do not broadcast, or None when they do.

    Example:
        >>> print(broadcast_error("add", (3, 4), (3,)))
        add: shapes (3, 4) and (3,) do not broadcast: counted from the right, axis -1 has 4 \
against 3. Each pair of axes must be equal or 1; for one value per row write b.reshape(3, 1).
        >>> broadcast_error("add", (3, 4), (4,)) is None
        True
    """
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        pass
    else:
        return None
    where = next(
        i for i in range(1, min(len(a), len(b)) + 1) if a[-i] != b[-i] and 1 not in (a[-i], b[-i])
    )
    text = (
        f"{name}: shapes {a} and {b} do not broadcast: counted from the right, axis -{where} has "
        f"{a[-where]} against {b[-where]}. Each pair of axes must be equal or 1"
    )
    for label, short, long in (("b", b, a), ("a", a, b)):
        if len(short) == 1 and len(long) == 2 and short[0] == long[0]:
            return ShapeError(
                f"{text}; for one value per row write {label}.reshape({short[0]}, 1)."
            )
    if len(a) == len(b) == 2 and a == b[::-1]:
        return ShapeError(f"{text}; one of the two looks transposed: try b.T.")
    return ShapeError(f"{text}; use reshape, unsqueeze or expand to line the axes up.")


def matmul_error(name: str, a: Shape, b: Shape) -> Exception:
    """The error for two shapes that cannot be multiplied as matrices.

    Example:
        >>> print(matmul_error("matmul", (2, 3), (5, 3)))
        matmul: shapes (2, 3) and (5, 3) do not fit: the last axis of a (3) must equal the \
second-to-last axis of b (5). b.mT has shape (3, 5) and would fit.
    """
    if not a or not b:
        return ShapeError(
            f"{name}: shapes {a} and {b}: a 0-dimensional tensor cannot be a matrix; use * instead."
        )
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[-1]
    if inner_a == inner_b:
        return ShapeError(
            f"{name}: shapes {a} and {b}: the matrices fit ({inner_a} = {inner_b}) but the batch "
            "axes "
            f"{a[:-2]} and {b[:-2]} do not broadcast; make each pair equal or 1 with unsqueeze."
        )
    which = "the second-to-last axis" if len(b) > 1 else "the only axis"
    text = (
        f"{name}: shapes {a} and {b} do not fit: the last axis of a ({inner_a}) must equal "
        f"{which} of b ({inner_b})."
    )
    if len(b) > 1 and b[-1] == inner_a:
        return ShapeError(f"{text} b.mT has shape {(*b[:-2], b[-1], b[-2])} and would fit.")
    if len(a) > 1 and a[-2] == inner_b:
        return ShapeError(f"{text} a.mT has shape {(*a[:-2], a[-1], a[-2])} and would fit.")
    return ShapeError(f"{text} Check which axis is the feature axis, and reshape or transpose.")


def check_axis(name: str, dim: int, ndim: int) -> int:
    """``dim`` as a non-negative axis; negative counts from the end.

    Raises:
        IndexError: there is no such axis.

    Example:
        >>> check_axis("sum", -1, 3)
        2
    """
    if not isinstance(dim, int | np.integer) or isinstance(dim, bool):
        raise TypeError(f"{name}: dim is {dim!r}, wanted an integer such as 0 or -1")
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(
            f"{name}: dim {dim} is out of range for a tensor of {ndim} dimensions; "
            f"wanted {-limit} to {limit - 1}"
        )
    return int(dim) % limit


def check_sizes(name: str, **sizes: Any) -> None:
    """Raise unless every size is a positive integer.

    Raises:
        ValueError: one is not; the message names it.

    Example:
        >>> check_sizes("Linear", in_features=3, out_features=0)
        Traceback (most recent call last):
        ValueError: Linear: out_features is 0, wanted a positive integer
    """
    for label, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name}: {label} is {value!r}, wanted a positive integer")
