"""Activation functions as modules, for use in ``Sequential``."""

from __future__ import annotations

from typing import Any

from ..ops import activation as act
from ..tensor import Tensor
from .module import Module

__all__ = [
    "ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus",
    "Tanh",
]  # fmt: skip


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Any) -> Tensor:
        return act.relu(x)


class LeakyReLU(Module):
    """x where x > 0, negative_slope·x elsewhere."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        return act.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x where x > 0, alpha·(eˣ - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Any) -> Tensor:
        return act.elu(x, self.alpha)


class GELU(Module):
    """x·Φ(x); ``approximate="tanh"`` for the fast form."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return act.gelu(x, self.approximate)


class SiLU(Module):
    """x·sigmoid(x)"""

    def forward(self, x: Any) -> Tensor:
        return act.silu(x)


class Tanh(Module):
    """tanh x"""

    def forward(self, x: Any) -> Tensor:
        return act.tanh(x)


class Sigmoid(Module):
    """1/(1 + e⁻ˣ)"""

    def forward(self, x: Any) -> Tensor:
        return act.sigmoid(x)


class Softplus(Module):
    """ln(1 + eˣ)"""

    def forward(self, x: Any) -> Tensor:
        return act.softplus(x)


class Softmax(Module):
    """Softmax along ``dim``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return act.softmax(x, self.dim)


class LogSoftmax(Module):
    """ln softmax along ``dim``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return act.log_softmax(x, self.dim)
