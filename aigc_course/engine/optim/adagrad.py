"""Adagrad: small steps where gradients have been large (Duchi et al., 2011)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """s ← s + g²; θ ← θ - lr·g / (√s + eps).

    Args:
        lr: learning rate, divided by 1 + (step - 1)·lr_decay.
        weight_decay: λ of L2 regularisation: g ← g + λ·θ.
        initial_accumulator_value: s at the start.

    Example:
        >>> w = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward(); optimizer.step(); w.data.round(3).tolist()
        [0.8999999761581421]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value, "eps": eps,
            },
        )  # fmt: skip

    def _update(self, p: Tensor, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["step"] = 0
            state["sum"] = np.full_like(p._data, group["initial_accumulator_value"])
        state["step"] += 1
        lr = float(group["lr"]) / (1 + (state["step"] - 1) * group["lr_decay"])
        decay, eps = float(group["weight_decay"]), float(group["eps"])
        for w, g, total, s, t in self._blocks(p._data, grad, state["sum"]):
            if decay:
                np.multiply(w, decay, out=t)
                g = np.add(g, t, out=t)
            np.multiply(g, g, out=s)
            total += s
            np.sqrt(total, out=s)
            s += eps
            np.divide(g, s, out=s)
            s *= lr
            w -= s
