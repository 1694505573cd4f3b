"""Arithmetic and functions that act on each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor, as_tensor, record, result, wants_grad
from .common import FLOAT, explained, floating, operands, unbroadcast
from .special import erf_array

__all__ = [
    "abs", "clip", "cos", "erf", "exp", "log", "log1p", "masked_fill", "maximum", "minimum",
    "sign", "sin", "sqrt", "square", "where",
]  # fmt: skip

# --- two operands ----------------------------------------------------------------------------


def _combine(name: str, function: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    try:
        return function(x, y)
    except ValueError as error:
        raise explained(name, x, y, error) from None


def _apply(name: str, function: Callable[[Any, Any], Any], a: Any, b: Any) -> tuple[Any, Any, Any]:
    """The operands in one dtype (Python numbers as they are), and ``function`` of them."""
    x, y = operands(name, a, b)
    return x, y, _combine(name, function, x, y)


def add(a: Any, b: Any) -> Tensor:
    """a + b. Both get the output's gradient: d(a+b)/da = d(a+b)/db = 1."""
    x, y, out = _apply("add", np.add, a, b)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        return (
            unbroadcast(g, shape_a) if need_a else None,
            unbroadcast(g, shape_b) if need_b else None,
        )

    return record(out, "add", (a, b), backward)


def sub(a: Any, b: Any) -> Tensor:
    """a - b. d/da = 1, d/db = -1."""
    x, y, out = _apply("sub", np.subtract, a, b)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        return (
            unbroadcast(g, shape_a) if need_a else None,
            -unbroadcast(g, shape_b) if need_b else None,
        )

    return record(out, "sub", (a, b), backward)


def mul(a: Any, b: Any) -> Tensor:
    """a * b. d/da = b, d/db = a."""
    x, y, out = _apply("mul", np.multiply, a, b)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        return (
            unbroadcast(g * y, shape_a) if need_a else None,
            unbroadcast(g * x, shape_b) if need_b else None,
        )

    saved = (_kept(b, need_a), _kept(a, need_b))
    return record(out, "mul", (a, b), backward, saved=saved, fresh=True)


def div(a: Any, b: Any) -> Tensor:
    """a / b. d/da = 1/b, d/db = -a/b²."""
    x, y = operands("div", a, b)
    if np.result_type(x, y).kind != "f":  # int / int is float32, not NumPy's float64
        x, y = np.asarray(x, FLOAT), np.asarray(y, FLOAT)
    out = _combine("div", np.divide, x, y)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        part = g / y
        return (
            unbroadcast(part, shape_a) if need_a else None,
            -unbroadcast(part * (x / y), shape_b) if need_b else None,
        )

    saved = (_kept(b, need_a or need_b), _kept(a, need_b))
    return record(out, "div", (a, b), backward, saved=saved, fresh=True)


def pow(a: Any, b: Any) -> Tensor:
    """a ** b. d/da = b·a^(b-1), d/db = a^b·ln a."""
    x, y, out = _apply("pow", _power, a, b)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        grad_a = grad_b = None
        if need_a:
            if not isinstance(y, np.ndarray):  # a plain number
                slope = 2 * x if y == 2 else y * np.power(x, y - 1) if y else np.zeros_like(x)
            else:
                slope = np.where(y == 0, 0, y * np.power(x, y - 1)).astype(out.dtype, copy=False)
            grad_a = unbroadcast(g * slope, shape_a)
        if need_b:
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = np.where((np.asarray(x) == 0) & (y >= 0), 0, out * np.log(x))
            grad_b = unbroadcast(g * slope.astype(out.dtype, copy=False), shape_b)
        return grad_a, grad_b

    saved = (_kept(a, need_a or need_b), _kept(b, need_a or need_b))
    return record(out, "pow", (a, b), backward, saved=saved, saves_output=need_b, fresh=True)


def _power(x: Any, y: Any) -> Any:
    return np.square(x) if y.__class__ is int and y == 2 else np.power(x, y)


def maximum(a: Any, b: Any) -> Tensor:
    """The larger of each pair; at a tie both get half of the gradient."""
    return _extremum("maximum", np.maximum, np.greater, a, b)


def minimum(a: Any, b: Any) -> Tensor:
    """The smaller of each pair; at a tie both get half of the gradient."""
    return _extremum("minimum", np.minimum, np.less, a, b)


def _extremum(name: str, choose: np.ufunc, wins: np.ufunc, a: Any, b: Any) -> Tensor:
    x, y, out = _apply(name, choose, a, b)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        tie = np.equal(x, y) * (g * 0.5)  # split evenly, as PyTorch does
        return (
            unbroadcast(np.where(wins(x, y), g, tie), shape_a) if need_a else None,
            unbroadcast(np.where(wins(y, x), g, tie), shape_b) if need_b else None,
        )

    return record(out, name, (a, b), backward, saved=(a, b), fresh=True)


def floor_divide(a: Any, b: Any) -> Tensor:
    """⌊a / b⌋, without gradient (it is flat almost everywhere)."""
    return result(_apply("floor_divide", np.floor_divide, a, b)[2])


def remainder(a: Any, b: Any) -> Tensor:
    """a - ⌊a/b⌋·b, with the sign of b. d/da = 1, d/db = -⌊a/b⌋."""
    x, y, out = _apply("remainder", np.remainder, a, b)
    need_a, need_b = wants_grad(a), wants_grad(b)
    shape_a, shape_b = np.shape(x), np.shape(y)

    def backward(g: Array) -> tuple[Array | None, ...]:
        return (
            unbroadcast(g, shape_a) if need_a else None,
            -unbroadcast(g * np.floor_divide(x, y), shape_b) if need_b else None,
        )

    return record(out, "remainder", (a, b), backward, saved=(a, b) if need_b else ())


def compare(name: str, ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """Comparison or bitwise operation; the result has no gradient."""
    if b is None or isinstance(b, str):
        return NotImplemented
    return result(_apply(name, ufunc, a, b)[2])


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """a where ``condition`` holds, b elsewhere; each gets the gradient of the places it filled."""
    chosen = np.asarray(condition._data if isinstance(condition, Tensor) else condition)
    if chosen.dtype.kind != "b":
        raise TypeError(
            f"where: condition is {chosen.dtype}, wanted bool; write a comparison such as x > 0"
        )
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = as_tensor(a)
    x, y = operands("where", a, b)
    like = x if isinstance(x, np.ndarray) else y
    x, y = np.asarray(x, like.dtype), np.asarray(y, like.dtype)
    try:
        out = np.where(chosen, x, y)
    except ValueError as error:
        raise (
            explained("where (a, b)", x, y, error)
            if explained("where", x, y, error) is not error
            else explained("where (condition, a)", chosen, x, error)
            if explained("where", chosen, x, error) is not error
            else explained("where (condition, b)", chosen, y, error)
        ) from None
    need_a, need_b = wants_grad(a), wants_grad(b)
    zero = out.dtype.type(0)

    def backward(g: Array) -> tuple[Array | None, ...]:
        return (
            unbroadcast(np.where(chosen, g, zero), x.shape) if need_a else None,
            unbroadcast(np.where(chosen, zero, g), y.shape) if need_b else None,
        )

    return record(out, "where", (a, b), backward, saved=(chosen, condition), fresh=True)


def masked_fill(a: Tensor, mask: Any, value: float) -> Tensor:
    """``value`` where ``mask``, ``a`` elsewhere.

    Example:
        >>> masked_fill(Tensor([1.0, 2.0]), Tensor([True, False]), -1.0)
        tensor([-1.,  2.])
    """
    return where(mask, value, a)


def clip(a: Any, min: Any = None, max: Any = None) -> Tensor:
    """Limit to [min, max], numbers or tensors that broadcast; ``max`` wins where they cross.

    The gradient passes where the value was inside, ends included; elsewhere it goes to the bound.

    Example:
        >>> clip(Tensor([1.0, 2.0, 3.0]), min=2.0)
        tensor([2., 2., 3.])
    """
    if min is None and max is None:
        raise ValueError("clip: got neither min nor max, wanted at least one of them")
    a = as_tensor(a)
    x, low, high = a._data, None, None
    if min is not None:
        x, low = operands("clip", a, min)
    if max is not None:
        x, high = operands("clip", result(x), max)
    low = None if low is None else np.asarray(low, x.dtype)
    high = None if high is None else np.asarray(high, x.dtype)
    try:
        out = np.clip(x, low, high)
    except ValueError as error:
        for bound in (low, high):
            if bound is not None:
                raise explained("clip", x, bound, error) from None
        raise
    need_a, need_low, need_high = wants_grad(a), wants_grad(min), wants_grad(max)

    def backward(g: Array) -> tuple[Array | None, ...]:
        zero = g.dtype.type(0)
        above_low = np.True_ if low is None else x >= low
        below_high = np.True_ if high is None else x <= high
        grad_a = grad_low = grad_high = None
        if need_a:
            grad_a = unbroadcast(np.where(above_low & below_high, g, zero), x.shape)
        if need_low and low is not None:
            chosen = x < low if high is None else (x < low) & (low < high)
            grad_low = unbroadcast(np.where(chosen, g, zero), low.shape)
        if need_high and high is not None:
            chosen = x > high if low is None else (x > high) | (low > high)
            grad_high = unbroadcast(np.where(chosen, g, zero), high.shape)
        return grad_a, grad_low, grad_high

    return record(out, "clip", (a, min, max), backward, saved=(a, min, max), fresh=True)


# --- one operand -----------------------------------------------------------------------------


def neg(a: Tensor) -> Tensor:
    """-a"""
    return record(np.negative(a._data), "neg", (a,), lambda g: (-g,), fresh=True)


def abs(a: Any) -> Tensor:
    """|a|. The gradient is the sign, and 0 at 0."""
    a = as_tensor(a)
    x = a._data
    return record(np.abs(x), "abs", (a,), lambda g: (g * np.sign(x),), saved=(a,), fresh=True)


def sqrt(a: Any) -> Tensor:
    """√a. d/da = 1/(2√a), which is infinite at 0."""
    return _saving_output("sqrt", np.sqrt, lambda g, y: g / (2 * y), a)


def rsqrt(a: Any) -> Tensor:
    """1/√a. d/da = -½ a^(-3/2)."""
    return _saving_output("rsqrt", lambda x: 1 / np.sqrt(x), lambda g, y: g * (-0.5 * y * y * y), a)


def exp(a: Any) -> Tensor:
    """eᵃ, which is its own derivative."""
    return _saving_output("exp", np.exp, lambda g, y: g * y, a)


def expm1(a: Any) -> Tensor:
    """eᵃ - 1, exact for small a."""
    return _saving_output("expm1", np.expm1, lambda g, y: g * (y + 1), a)


def square(a: Any) -> Tensor:
    """a²"""
    return _saving_input("square", np.square, lambda g, x: g * (2 * x), a)


def log(a: Any) -> Tensor:
    """ln a. d/da = 1/a."""
    return _saving_input("log", np.log, lambda g, x: g / x, a)


def log1p(a: Any) -> Tensor:
    """ln(1 + a), exact for small a."""
    return _saving_input("log1p", np.log1p, lambda g, x: g / (1 + x), a)


def sin(a: Any) -> Tensor:
    return _saving_input("sin", np.sin, lambda g, x: g * np.cos(x), a)


def cos(a: Any) -> Tensor:
    return _saving_input("cos", np.cos, lambda g, x: g * -np.sin(x), a)


def erf(a: Any) -> Tensor:
    """Error function 2/√π ∫₀ᵃ e^(-t²) dt."""
    return _saving_input(
        "erf", erf_array, lambda g, x: g * (2 / np.pi**0.5 * np.exp(-x * x)).astype(x.dtype), a
    )


def sign(a: Any) -> Tensor:
    """-1, 0 or 1. The gradient is 0."""
    return _flat("sign", np.sign, a)


def round(a: Any) -> Tensor:
    """The nearest whole number, halves to even. The gradient is 0."""
    return _flat("round", np.rint, a)


def floor(a: Any) -> Tensor:
    """The next whole number below. The gradient is 0."""
    return _flat("floor", np.floor, a)


def clone(a: Tensor, order: Any = "K") -> Tensor:
    """A copy; the gradient passes unchanged."""
    return record(a._data.copy(order), "clone", (a,), lambda g: (g,))


def cast(a: Tensor, dtype: Any) -> Tensor:
    """``a`` as another dtype; the gradient is converted back on its way."""
    wanted = np.dtype(dtype)
    if wanted == a._data.dtype:
        return a
    if wanted.kind not in "buif":
        raise TypeError(f"to: got dtype {wanted}, wanted bool, an integer or a float dtype")
    out = a._data.astype(wanted)
    if wanted.kind != "f":
        return result(out)
    return record(out, "cast", (a,), lambda g: (g,))


def _kept(x: Any, needed: bool) -> Any:
    return x if needed and isinstance(x, Tensor | np.ndarray) else None


def _saving_input(
    name: str, function: Callable[[Any], Any], slope: Callable[[Array, Array], Array], a: Any
) -> Tensor:
    a = as_tensor(a)
    x = floating(name, a)
    return record(function(x), name, (a,), lambda g: (slope(g, x),), saved=(a,), fresh=True)


def _saving_output(
    name: str, function: Callable[[Any], Any], slope: Callable[[Array, Array], Array], a: Any
) -> Tensor:
    a = as_tensor(a)
    y = np.asarray(function(floating(name, a)))
    return record(y, name, (a,), lambda g: (slope(g, y),), saves_output=True, fresh=True)


def _flat(name: str, function: Callable[[Any], Any], a: Any) -> Tensor:
    a = as_tensor(a)
    return record(function(a._data), name, (a,), lambda g: (np.zeros_like(g),), fresh=True)
