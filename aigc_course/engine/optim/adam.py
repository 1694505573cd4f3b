"""Adam and AdamW: momentum and scaling together, corrected for their start at zero.

Papers: Kingma & Ba, 2015; Loshchilov & Hutter, 2019 (AdamW).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor
from .optimizer import Optimizer


class Adam(Optimizer):
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; θ ← θ - lr·m̂ / (√v̂ + eps).

    m̂ = m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ) undo the bias of averages that started at zero.

    Args:
        betas: (β₁, β₂).
        weight_decay: λ of L2 regularisation, added to the gradient (and so scaled like it).
        amsgrad: divide by the largest v̂ so far (Reddi et al., 2018).

    Example:
        >>> w = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adam([w], lr=0.1)
        >>> (w * w).sum().backward(); optimizer.step(); w.data.round(3).tolist()
        [0.8999999761581421]
    """

    _decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        if len(betas) != 2 or not all(0 <= b < 1 for b in betas):
            raise ValueError(
                f"betas: got {betas}, wanted two numbers from 0 up to, not including, 1"
            )
        super().__init__(
            params,
            {
                "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
                "amsgrad": amsgrad,
            },
        )  # fmt: skip

    def _update(self, p: Tensor, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["step"] = 0
            state["exp_avg"] = np.zeros_like(p._data)
            state["exp_avg_sq"] = np.zeros_like(p._data)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = np.zeros_like(p._data)
        state["step"] += 1
        (b1, b2), t = group["betas"], state["step"]
        lr, decay, eps = float(group["lr"]), float(group["weight_decay"]), float(group["eps"])
        # Bias correction: m̂ = m / (1-β₁ᵗ) and v̂ = v / (1-β₂ᵗ). Both factors are the same for every
        # weight, so they are taken out of the arrays:
        #   lr·m̂ / (√v̂ + eps)  =  lr·√(1-β₂ᵗ)/(1-β₁ᵗ) · m / (√v + eps·√(1-β₂ᵗ))
        root = math.sqrt(1 - b2**t)
        step, small = lr * root / (1 - b1**t), eps * root
        top_all = state.get("max_exp_avg_sq", grad)  # unused without amsgrad
        blocks = self._blocks(p._data, grad, state["exp_avg"], state["exp_avg_sq"], top_all)
        for w, g, m, v, top, s, r in blocks:
            if decay and self._decoupled:
                w *= 1 - lr * decay
            elif decay:
                np.multiply(w, decay, out=r)
                g = np.add(g, r, out=r)
            # m ← β₁·m + (1-β₁)·g
            m *= b1
            np.multiply(g, 1 - b1, out=s)
            m += s
            # v ← β₂·v + (1-β₂)·g²
            v *= b2
            np.multiply(g, g, out=s)
            s *= 1 - b2
            v += s
            if group["amsgrad"]:
                v = np.maximum(top, v, out=top)
            # θ ← θ - lr·m̂ / (√v̂ + eps)
            np.sqrt(v, out=s)
            s += small
            np.divide(m, s, out=s)
            s *= step
            w -= s


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: θ ← θ·(1 - lr·λ) first, then Adam's step.

    Example:
        >>> w = Tensor([1.0], requires_grad=True)
        >>> AdamW([w], lr=0.1).defaults["weight_decay"]
        0.01
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
