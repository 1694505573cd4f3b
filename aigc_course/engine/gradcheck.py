"""Compare the gradients of backward with numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd import Array, enable_grad, no_grad, run_backward
from .tensor import Tensor, result


class GradcheckError(RuntimeError):
    """A gradient of backward differs from the numerical one."""


def numerical_gradient(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], which: int, weight: Array, eps: float
) -> Array:
    """d(Σ weight·function(inputs))/d(inputs[which]) by central differences.

    (f(x + eps) - f(x - eps)) / (2·eps) for each element: two evaluations each, error O(eps²).
    """
    x = inputs[which]._data
    grad = np.zeros_like(x)
    with no_grad():
        for place in np.ndindex(x.shape):
            kept = x[place]
            values = []
            for moved in (kept + eps, kept - eps):
                x[place] = moved
                values.append(float((function(*inputs)._data * weight).sum()))
            x[place] = kept
            grad[place] = (values[0] - values[1]) / (2 * eps)
    return grad


def gradcheck(
    function: Callable[..., Tensor],
    inputs: Tensor | Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether backward agrees with central differences for every input that requires a gradient.

    The output is weighted with random numbers first, so that errors cannot cancel in a sum.

    Args:
        function: of the inputs, to one tensor; must give the same result each time.
        inputs: float64 tensors (differences in float32 are too rough); others are passed on.

    Returns:
        True; on a difference False, or with ``raise_exception`` an error that names the place.

    Raises:
        GradcheckError: the gradients differ.
        ValueError: no input requires a gradient, or one is not float64.

    Example:
        >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
        >>> gradcheck(lambda t: (t ** 3).sum(), x)
        True
    """
    given: list[Any] = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ValueError("inputs: none requires a gradient, wanted at least one that does")
    for i in checked:
        if given[i].dtype != np.float64:
            raise ValueError(
                f"inputs[{i}]: got {given[i].dtype}, wanted float64: with 7 digits the "
                "difference of two nearly equal numbers is mostly rounding; use .double()"
            )
    # own memory: an input may be a view, or read-only
    for i in checked:
        given[i] = Tensor(given[i]._data.copy(), requires_grad=True)
    with enable_grad():
        out = function(*given)
    if not isinstance(out, Tensor):
        raise TypeError(f"function: returned {type(out).__name__}, wanted one tensor")
    if not out.requires_grad:
        raise ValueError(
            "function: its output does not depend on an input that requires a gradient"
        )
    weight = np.random.default_rng(0).uniform(0.5, 1.5, out.shape).astype(out.dtype)
    grads = run_backward([out], [weight], False, result, [given[i] for i in checked])
    assert grads is not None
    for i, grad in zip(checked, grads, strict=True):
        expected = numerical_gradient(function, given, i, weight, eps)
        got = np.zeros_like(expected) if grad is None else grad
        wrong = ~np.isclose(got, expected, rtol=rtol, atol=atol)
        if wrong.any():
            if not raise_exception:
                return False
            place = tuple(int(k) for k in np.argwhere(wrong)[0])
            raise GradcheckError(
                f"inputs[{i}]: {int(wrong.sum())} of {wrong.size} gradients differ; the first at "
                f"{place}: backward says {float(got[place]):.6g}, the difference quotient "
                f"{float(expected[place]):.6g}"
            )
    return True
