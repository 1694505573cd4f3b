"""Layers that compute nothing: they change the shape, or pass on what they get."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor, as_tensor
from .module import Module

__all__ = ["Flatten", "Identity", "Unflatten"]


class Flatten(Module):
    """(B, ...) -> (B, all the rest as one axis).

    Example:
        >>> Flatten()(Tensor([[[1.0, 2.0], [3.0, 4.0]]])).shape
        (1, 4)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis split into several."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).unflatten(self.dim, self.unflattened_size)


class Identity(Module):
    """Gives back what it gets."""

    def forward(self, x: Any) -> Any:
        return x
