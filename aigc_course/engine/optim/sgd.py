"""Stochastic gradient descent, with momentum and Nesterov's form of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor
from .optimizer import Optimizer


class SGD(Optimizer):
    """θ ← θ - lr·g; with momentum v ← μ·v + g and θ ← θ - lr·v.

    On the whole data set this is plain gradient descent. With ``nesterov`` the step is
    lr·(g + μ·v): the gradient corrects the step already taken (Sutskever et al., 2013).

    Args:
        lr: learning rate.
        momentum: μ, the share of the last step that is kept.
        dampening: the gradient enters v with factor 1 - dampening.
        weight_decay: λ of L2 regularisation: g ← g + λ·θ.
        nesterov: use Nesterov momentum; needs momentum > 0 and no dampening.

    Example:
        >>> w = Tensor([1.0], requires_grad=True)
        >>> optimizer = SGD([w], lr=0.1)
        >>> (w * w).sum().backward(); optimizer.step(); w.data.round(3).tolist()
        [0.800000011920929]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"nesterov: got momentum {momentum} and dampening {dampening}, wanted momentum > "
                "0 and dampening 0"
            )
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "dampening": dampening,
                "weight_decay": weight_decay, "nesterov": nesterov,
            },
        )  # fmt: skip

    def _update(self, p: Tensor, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, mu, decay = float(group["lr"]), float(group["momentum"]), float(group["weight_decay"])
        keep = 1 - float(group["dampening"])
        first = mu != 0 and "momentum_buffer" not in state
        if first:
            state["momentum_buffer"] = np.zeros_like(p._data)
        v_all = state["momentum_buffer"] if mu else grad  # unused without momentum
        for w, g, v, s, t in self._blocks(p._data, grad, v_all):
            if decay:
                np.multiply(w, decay, out=t)
                g = np.add(g, t, out=t)
            if mu:
                if first:
                    v[...] = g
                else:
                    np.multiply(v, mu, out=v)
                    v += g if keep == 1 else np.multiply(g, keep, out=s)
                if group["nesterov"]:
                    np.multiply(v, mu, out=s)
                    g = np.add(g, s, out=s)
                else:
                    g = v
            np.multiply(g, lr, out=s)
            w -= s
