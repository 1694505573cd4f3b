"""Muon: momentum whose matrix is made orthogonal before the step.

Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor
from .optimizer import Optimizer

__all__ = ["Muon", "newton_schulz"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan et al.: the steepest at 0, not exact at 1


def newton_schulz(
    matrix: Array,
    steps: int = 5,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: float = 1e-7,
) -> Array:
    """U S' Vᵀ of the matrix U S Vᵀ, all singular values brought near 1; products only, no SVD.

    Each step maps every singular value σ to aσ + bσ³ + cσ⁵ and leaves U and V as they are. With the
    default coefficients five steps bring all that were above about 0.01 of the norm to 0.68 … 1.13.

    Args:
        matrix: (A, B)

    Returns:
        (A, B)

    Example:
        >>> out = newton_schulz(np.array([[3.0, 0.0], [0.0, -0.5]]))
        >>> np.all(abs(abs(np.linalg.svd(out)[1]) - 1) < 0.35)
        np.True_
    """
    a, b, c = (matrix.dtype.type(k) for k in coefficients)
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix  # the smaller Gram matrix
    x = x / max(np.linalg.norm(x), eps)  # Frobenius, so no singular value is above 1
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Muon(Optimizer):
    """m ← μ·m + (1-μ)·g; θ ← θ·(1 - lr·λ) - lr·√max(1, A/B)·orthogonal(m), for matrices (A, B).

    Only for matrices: biases, embeddings and the output layer are usually left to AdamW.

    Args:
        weight_decay: λ, apart from the gradient as in AdamW.
        momentum: μ.
        nesterov: make (1-μ)·g + μ·m orthogonal instead of m.
        ns_coefficients, ns_steps, eps: of :func:`newton_schulz`.
        adjust_lr_fn: None or "original" for the factor above; "match_rms_adamw" for
            0.2·√max(A, B), with which an update is as large as one of AdamW (Liu et al., 2025).

    Raises:
        ValueError: a parameter that is no matrix.

    Example:
        >>> w = Tensor(np.eye(2), requires_grad=True)
        >>> optimizer = Muon([w], lr=0.1, weight_decay=0.0)
        >>> (5 * w).sum().backward(); optimizer.step(); bool(w.data[0, 0] < 1)
        True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"adjust_lr_fn: got {adjust_lr_fn!r}, wanted None, 'original' or 'match_rms_adamw'"
            )
        super().__init__(
            params,
            {
                "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
                "ns_coefficients": tuple(ns_coefficients), "eps": eps, "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )  # fmt: skip

    def add_param_group(self, group: dict[str, Any]) -> None:
        super().add_param_group(group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                raise ValueError(
                    f"params: got shape {p.shape}, wanted matrices; give the rest to AdamW"
                )

    def _update(self, p: Tensor, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["momentum_buffer"] = np.zeros_like(p._data)
        lr, mu = float(group["lr"]), float(group["momentum"])
        m = state["momentum_buffer"]
        m *= mu
        m += (1 - mu) * grad
        ahead = (1 - mu) * grad + mu * m if group["nesterov"] else m
        direction = newton_schulz(ahead, group["ns_steps"], group["ns_coefficients"], group["eps"])
        rows, columns = p.shape
        scale = math.sqrt(max(1.0, rows / max(columns, 1)))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        p._data *= 1 - lr * float(group["weight_decay"])
        p._data -= p.dtype.type(lr * scale) * direction
