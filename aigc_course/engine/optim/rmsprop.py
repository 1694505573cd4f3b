"""RMSprop: divide by a running mean of the gradient's size (Tieleman & Hinton, 2012)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """s ← α·s + (1 - α)·g²; θ ← θ - lr·g / (√s + eps).

    Args:
        alpha: how much of the running mean is kept.
        weight_decay: λ of L2 regularisation: g ← g + λ·θ.
        momentum: apply momentum to the divided gradient.
        centered: subtract the squared mean gradient from s: divide by the spread, not the size.

    Example:
        >>> w = Tensor([1.0], requires_grad=True)
        >>> optimizer = RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward(); optimizer.step(); w.data.round(3).tolist()
        [0.8999999761581421]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
                "momentum": momentum, "centered": centered,
            },
        )  # fmt: skip

    def _update(self, p: Tensor, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, alpha, eps = float(group["lr"]), float(group["alpha"]), float(group["eps"])
        decay, mu = float(group["weight_decay"]), float(group["momentum"])
        if not state:
            state["square_avg"] = np.zeros_like(p._data)
            if mu:
                state["momentum_buffer"] = np.zeros_like(p._data)
            if group["centered"]:
                state["grad_avg"] = np.zeros_like(p._data)
        v_all = state.get("momentum_buffer", grad)
        mean_all = state.get("grad_avg", grad)
        blocks = self._blocks(p._data, grad, state["square_avg"], v_all, mean_all)
        for w, g, square, v, mean, s, t in blocks:
            if decay:
                np.multiply(w, decay, out=t)
                g = np.add(g, t, out=t)
            square *= alpha
            np.multiply(g, g, out=s)
            s *= 1 - alpha
            square += s
            if group["centered"]:
                np.subtract(g, mean, out=s)
                s *= 1 - alpha
                mean += s
                np.multiply(mean, mean, out=s)
                np.subtract(square, s, out=s)
                np.sqrt(s, out=s)
            else:
                np.sqrt(square, out=s)
            s += eps
            np.divide(g, s, out=s)
            if mu:
                v *= mu
                v += s
                np.multiply(v, lr, out=s)
            else:
                s *= lr
            w -= s
