"""Starting values of parameters, written in place.

Xavier: Glorot & Bengio, 2010. Kaiming (He): He et al., 2015. Orthogonal: Saxe et al., 2014.
Every function takes ``generator=``; without one the engine's default generator is used.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import ShapeError
from ..rng import pick
from ..tensor import Tensor

Generator = np.random.Generator


def _set(t: Tensor, values: np.ndarray) -> Tensor:
    t._data[...] = values
    t._version[0] += 1
    return t


def fans(t: Tensor) -> tuple[int, int]:
    """(inputs, outputs) of one unit: (D_in, D_out) of a matrix, times the window for a kernel.

    Example:
        >>> fans(Tensor([[1.0, 2.0, 3.0]]))
        (3, 1)
    """
    if t.ndim < 2:
        raise ShapeError(f"fans: got shape {t.shape}, wanted at least 2 dimensions (out, in, ...)")
    window = math.prod(t.shape[2:])
    return t.shape[1] * window, t.shape[0] * window


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much the weights must be widened to make up for what an activation takes away.

    Example:
        >>> round(calculate_gain("relu"), 4)
        1.4142
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    table = {
        "linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2),
        "selu": 0.75,
    }  # fmt: skip
    if nonlinearity not in table:
        raise ValueError(f"nonlinearity: got {nonlinearity!r}, wanted one of {', '.join(table)}")
    return table[nonlinearity]


def uniform_(
    t: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform on [a, b)."""
    return _set(t, pick(generator).uniform(a, b, t.shape))


def fan_in_uniform_(
    weight: Tensor, bias: Tensor | None, generator: Generator | None = None
) -> None:
    """Both uniform on ±1/√fan_in, fan_in the inputs of one unit: how PyTorch's layers start."""
    bound = 1 / math.sqrt(fans(weight)[0])
    uniform_(weight, -bound, bound, generator)
    if bias is not None:
        uniform_(bias, -bound, bound, generator)


def normal_(
    t: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Normal with this mean and standard deviation."""
    return _set(t, pick(generator).normal(mean, std, t.shape))


def trunc_normal_(
    t: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal, drawn again where it falls outside [a, b]."""
    rng = pick(generator)
    values = rng.normal(mean, std, t.shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = rng.normal(mean, std, int(outside.sum()))
    return _set(t, values)


def constant_(t: Tensor, value: float) -> Tensor:
    return _set(t, np.full(t.shape, value))


def zeros_(t: Tensor) -> Tensor:
    return constant_(t, 0.0)


def ones_(t: Tensor) -> Tensor:
    return constant_(t, 1.0)


def xavier_uniform_(t: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform with variance gain²·2/(fan_in + fan_out)."""
    bound = gain * math.sqrt(6 / max(sum(fans(t)), 1))
    return uniform_(t, -bound, bound, generator)


def xavier_normal_(t: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with variance gain²·2/(fan_in + fan_out)."""
    return normal_(t, 0.0, gain * math.sqrt(2 / max(sum(fans(t)), 1)), generator)


def _kaiming_std(t: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode: got {mode!r}, wanted "fan_in" or "fan_out"')
    fan = fans(t)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform_(
    t: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform with variance gain²/fan: keeps the size of signals through ReLU layers."""
    bound = math.sqrt(3) * _kaiming_std(t, a, mode, nonlinearity)
    return uniform_(t, -bound, bound, generator)


def kaiming_normal_(
    t: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with variance gain²/fan."""
    return normal_(t, 0.0, _kaiming_std(t, a, mode, nonlinearity), generator)


def orthogonal_(t: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Rows (or columns, if fewer) of length ``gain`` at right angles to each other."""
    if t.ndim < 2:
        raise ShapeError(f"orthogonal_: got shape {t.shape}, wanted at least 2 dimensions")
    rows, columns = t.shape[0], math.prod(t.shape[1:])
    draws = pick(generator).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(draws)
    q *= np.sign(np.diag(r))  # makes the draw uniform over all such matrices
    return _set(t, gain * (q if rows >= columns else q.T).reshape(t.shape))
