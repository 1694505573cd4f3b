"""Gradients as return values instead of in ``.grad``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .autograd import run_backward
from .tensor import Tensor, result


def grad(
    outputs: Tensor,
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """d(outputs)/d(input) for each input, as ``torch.autograd.grad``; no ``.grad`` is changed.

    Args:
        inputs: leaves or results in between.
        grad_outputs: weight of every output element; 1 for a single element.
        allow_unused: give None for an input that outputs do not depend on, instead of raising.

    Example:
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> grad((x * x).sum(), x)
        (tensor([2., 4.]),)
    """
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, tensor in enumerate(wanted):
        if not tensor.requires_grad:
            raise RuntimeError(f"inputs[{i}]: does not require a gradient; set requires_grad=True")
    arrays = run_backward([outputs], [outputs._seed(grad_outputs)], retain_graph, result, wanted)
    assert arrays is not None
    if not allow_unused:
        for i, array in enumerate(arrays):
            if array is None:
                raise RuntimeError(
                    f"inputs[{i}]: the output does not depend on it; pass allow_unused=True to "
                    "get None"
                )
    return tuple(None if a is None else result(a) for a in arrays)
