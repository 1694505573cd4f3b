"""What all optimisers share: parameter groups, state, and updates in cache-sized blocks.

A step touches every parameter several times (read the gradient, update two averages, divide, …).
Done over whole matrices each pass goes through main memory; done block by block the numbers stay
in the processor's cache between passes. Scratch arrays are allocated once and reused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..autograd import Array, no_grad
from ..tensor import Tensor, result

BLOCK = 1 << 15  # elements a block: six float32 arrays of this size take 768 KiB, an L2 cache


class Optimizer:
    """Base of all optimisers.

    Args:
        params: the parameters, or a list of groups ``{"params": ..., "lr": ...}`` with options
            of their own.
        defaults: options of groups that do not set them.

    Raises:
        TypeError: a single tensor, or something that is not a tensor.
        ValueError: no parameters, one given twice, or an option out of range.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("params: got a single tensor, wanted a list; write [w] or [w, b]")
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        self._scratch: dict[np.dtype[Any], list[Array]] = {}
        listed = list(params)
        if not listed:
            raise ValueError(
                "params: got an empty list, wanted at least one parameter; was the model's "
                "iterator model.parameters() already used up?"
            )
        groups = listed if isinstance(listed[0], dict) else [{"params": listed}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Train more parameters, with their own options."""
        group = {**self.defaults, **group}
        params = group["params"]
        group["params"] = [params] if isinstance(params, Tensor) else list(params)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(f"params: got {type(p).__name__}, wanted tensors")
            if not p.is_leaf:
                raise ValueError(
                    "params: got the result of an operation, wanted leaf tensors; make it with "
                    "requires_grad=True instead of computing it"
                )
            if id(p) in known:
                raise ValueError("params: the same parameter was given twice")
            known.add(id(p))
        for name in ("lr", "momentum", "weight_decay", "eps", "alpha", "lr_decay"):
            if name in group and not group[name] >= 0:
                raise ValueError(f"{name}: got {group[name]}, wanted a number from 0 up")
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the last step, before the next backward."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.zero_()

    def step(self, closure: Any = None) -> Any:
        """Change every parameter that has a gradient. ``closure`` computes the loss anew."""
        loss = closure() if closure is not None else None
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p._grad is not None:
                        self._update(p, p._grad._data, self.state.setdefault(p, {}), group)
                        p._version[0] += 1
        return loss

    def _update(self, p: Tensor, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _blocks(self, *arrays: Array) -> Iterator[list[Array]]:
        """The same stretch of each array in turn, followed by two scratch arrays of its size."""
        first = arrays[0]
        if not first.flags.c_contiguous or not first.flags.writeable:
            # rare: a parameter made from a transposed array; one block, in its own layout
            yield [*arrays, np.empty_like(first), np.empty_like(first)]
            return
        flat = [a.reshape(-1) for a in arrays]
        scratch = self._scratch.get(first.dtype)
        if scratch is None:
            scratch = [np.empty(BLOCK, first.dtype) for _ in range(2)]
            self._scratch[first.dtype] = scratch
        size = first.size
        if size <= BLOCK:
            yield [*flat, scratch[0][:size], scratch[1][:size]]
            return
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            n = stop - start
            yield [*[a[start:stop] for a in flat], scratch[0][:n], scratch[1][:n]]

    # --- storing -------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and options; parameters are referred to by their number, as in PyTorch."""
        number = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {
                number[id(p)]: {
                    k: result(v.copy()) if isinstance(v, np.ndarray) else v for k, v in s.items()
                }
                for p, s in self.state.items()
            },
            "param_groups": [
                {**g, "params": [number[id(p)] for p in g["params"]]} for g in self.param_groups
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave, for the same parameters in the same order."""
        groups = state["param_groups"]
        sizes = [len(g["params"]) for g in groups]
        own = [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise ValueError(f"state: has groups of {sizes} parameters, this optimiser has {own}")
        for mine, given in zip(self.param_groups, groups, strict=True):
            mine.update({k: v for k, v in given.items() if k != "params"})
        params = [p for g in self.param_groups for p in g["params"]]
        self.state = {}
        for i, values in state["state"].items():
            p = params[int(i)]
            self.state[p] = {
                k: np.array(v._data if isinstance(v, Tensor) else v, dtype=p.dtype)
                if isinstance(v, Tensor | np.ndarray)
                else v
                for k, v in values.items()
            }

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.param_groups[0].items() if k != "params")
        return f"{type(self).__name__}({options})"
