"""Losses as single operations: stable, and with the short gradient that the mathematics gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError
from ..tensor import Tensor, as_tensor, record, wants_grad
from . import elementwise as ew
from . import reduction as red
from .activation import log_softmax, sigmoid_array
from .common import unbroadcast

Reduction = str


def _reduce(name: str, loss: Tensor, reduction: str, weight: Any = None) -> Tensor:
    if weight is not None:
        loss = ew.mul(loss, as_tensor(weight))
    if reduction == "mean":
        return red.mean(loss)
    if reduction == "sum":
        return red.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f'{name}: reduction is {reduction!r}, wanted "mean", "sum" or "none"')


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ShapeError(
            f"{name}: prediction has shape {input.shape}, target {target.shape}; wanted equal "
            "shapes (broadcasting here would average over pairs that do not belong together). "
            "Write pred.squeeze(-1) or target.reshape(pred.shape)"
        )


def mse_loss(input: Any, target: Any, reduction: Reduction = "mean") -> Tensor:
    """(input - target)², averaged over all elements.

    Example:
        >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0])).item()
        2.0
    """
    input, target = as_tensor(input), as_tensor(target)
    _same_shape("mse_loss", input, target)
    return _reduce("mse_loss", ew.square(ew.sub(input, target)), reduction)


def l1_loss(input: Any, target: Any, reduction: Reduction = "mean") -> Tensor:
    """|input - target|, averaged over all elements."""
    input, target = as_tensor(input), as_tensor(target)
    _same_shape("l1_loss", input, target)
    return _reduce("l1_loss", ew.abs(ew.sub(input, target)), reduction)


def huber_loss(
    input: Any,
    target: Any,
    reduction: Reduction = "mean",
    delta: float = 1.0,
) -> Tensor:
    """½d² for |d| ≤ delta, delta·(|d| - ½delta) beyond; d = input - target (Huber, 1964)."""
    input, target = as_tensor(input), as_tensor(target)
    _same_shape("huber_loss", input, target)
    size = ew.abs(ew.sub(input, target))
    loss = ew.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta))
    return _reduce("huber_loss", loss, reduction)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: Reduction = "mean",
    pos_weight: Any = None,
) -> Tensor:
    """-[y·ln σ(z) + (1 - y)·ln(1 - σ(z))] for logits z and labels y in [0, 1].

    Computed as (1 - y)·z + (1 + (p - 1)·y)·ln(1 + e⁻ᶻ), which overflows for no z.

    Args:
        weight: factor of every element, broadcast.
        pos_weight: factor p of the positive term, broadcast; raises recall of a rare class.

    Example:
        >>> binary_cross_entropy_with_logits(Tensor([1000.0]), Tensor([1.0])).item()
        0.0
    """
    input, target = as_tensor(input), as_tensor(target)
    _same_shape("binary_cross_entropy_with_logits", input, target)
    if target.dtype.kind != "f":
        target = target.to(input.dtype)
    z, y = input._data, target._data
    dtype = np.promote_types(z.dtype, y.dtype)
    p = np.asarray(1 if pos_weight is None else as_tensor(pos_weight)._data, dtype)
    scale = 1 + (p - 1) * y  # factor of ln(1 + e⁻ᶻ)
    softplus = np.log1p(np.exp(-np.abs(z))) + np.maximum(-z, 0)  # ln(1 + e⁻ᶻ)
    need_y, need_p = wants_grad(target), wants_grad(pos_weight)

    def backward(g: Array) -> tuple[Array | None, ...]:
        grad_z = g * ((1 - y) - scale * sigmoid_array(-z))
        grad_y = g * ((p - 1) * softplus - z) if need_y else None
        grad_p = unbroadcast(g * y * softplus, p.shape) if need_p else None
        return grad_z, grad_y, grad_p

    loss = record(
        (1 - y) * z + scale * softplus,
        "bce_with_logits",
        (input, target, pos_weight),
        backward,
        saved=(input, target, pos_weight),
        fresh=True,
    )
    return _reduce("binary_cross_entropy_with_logits", loss, reduction, weight)


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """-[y·ln ŷ + (1 - y)·ln(1 - ŷ)] for probabilities; ln is cut off at -100, as in PyTorch."""
    input, target = as_tensor(input), as_tensor(target)
    _same_shape("binary_cross_entropy", input, target)
    target = target.to(input.dtype)
    x, y = input._data, target._data
    if x.size and (np.min(x) < 0 or np.max(x) > 1):
        raise ValueError(
            f"binary_cross_entropy: input runs from {np.min(x):.4g} to {np.max(x):.4g}, wanted "
            "probabilities in [0, 1]; for logits use binary_cross_entropy_with_logits"
        )

    with np.errstate(divide="ignore"):
        log_x, log_rest = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    need_y = wants_grad(target)

    def backward(g: Array) -> tuple[Array | None, ...]:
        grad_x = g * (x - y) / np.maximum((1 - x) * x, 1e-12).astype(x.dtype)
        return grad_x, g * (log_rest - log_x) if need_y else None

    out = -(y * log_x + (1 - y) * log_rest)
    loss = record(out, "bce", (input, target), backward, saved=(input, target), fresh=True)
    return _reduce("binary_cross_entropy", loss, reduction, weight)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """-input[i, target[i]] for log-probabilities (N, K) or (N, K, ...)."""
    input = as_tensor(input)
    rows, places, keep = _classes("nll_loss", input, target, ignore_index)
    k = rows.shape[1]
    weights = _constant("nll_loss", _class_weights("nll_loss", weight, k, rows.dtype))
    factor = weights[places] * keep  # (M,)
    index = np.arange(len(rows))
    out = -rows[index, places] * factor  # (M,)
    return _finish("nll_loss", input, rows, places, factor, out, reduction, _nll_grad)


def _nll_grad(rows: Array, places: Array, factor: Array) -> Array:
    grad = np.zeros_like(rows)
    grad[np.arange(len(rows)), places] = -factor
    return grad


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax and negative log-likelihood in one: -ln softmax(input)[target].

    With one-hot targets the gradient with respect to the logits is (softmax - onehot) / N.

    Args:
        input: logits (N, K), (K,) for one sample, or (N, K, ...) with one class per place.
        target: int classes (N,) or (N, ...); or float probabilities of the shape of ``input``.
        weight: (K,) factor of each class; the mean is then weighted too, as in PyTorch.
        ignore_index: targets of this value do not count.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: this share of the target is spread evenly over all classes
            (Szegedy et al., 2016).

    Raises:
        IndexError: a target is not in 0 … K-1.

    Example:
        >>> round(cross_entropy(Tensor([[0.0, 0.0]]), Tensor([1])).item(), 4)
        0.6931
    """
    input, target = as_tensor(input), as_tensor(target)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}, wanted 0 to 1")
    if target.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    rows, places, keep = _classes("cross_entropy", input, target, ignore_index)
    n, k = rows.shape
    index = np.arange(n)
    shifted = rows - rows.max(axis=1, keepdims=True, initial=-np.inf)  # (M, K)
    prob = np.exp(shifted)  # (M, K)
    total = prob.sum(axis=1, keepdims=True)  # (M, 1)
    logp = shifted
    logp -= np.log(total)
    prob /= total
    weights = _constant("cross_entropy", _class_weights("cross_entropy", weight, k, rows.dtype))
    counted = weights[places] * keep  # (M,): what the mean divides by
    hard = (1 - label_smoothing) * counted
    out = -logp[index, places] * hard  # (M,)
    soft = None
    if label_smoothing:
        soft = keep[:, None] * weights * rows.dtype.type(label_smoothing / k)  # (M, K)
        out = out - (logp * soft).sum(axis=1)

    def rows_grad(_rows: Array, _places: Array, _factor: Array) -> Array:
        # d(-Σ qₖ ln pₖ)/dz = p·Σq - q, with q the weighted target distribution
        mass = hard if soft is None else hard + soft.sum(axis=1)
        grad = prob * mass[:, None]
        grad[index, places] -= hard
        if soft is not None:
            grad -= soft
        return grad

    return _finish("cross_entropy", input, rows, places, counted, out, reduction, rows_grad)


def _soft_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Any,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    _same_shape("cross_entropy (class probabilities)", input, target)
    axis = 1 if input.ndim > 1 else 0
    k = input.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / k
    if weight is not None:
        weights = _class_weights("cross_entropy", weight, k, input.dtype)
        target = target * weights.reshape((k,) + (1,) * (input.ndim - axis - 1))
    loss = -red.sum(ew.mul(log_softmax(input, axis), target), axis)
    return _reduce("cross_entropy", loss, reduction)


def _classes(
    name: str,
    input: Tensor,
    target: Any,
    ignore_index: int,
) -> tuple[Array, Array, Array]:
    """Logits as rows (M, K), targets (M,), and which rows count (M,).

    Ignored rows and targets become 0: what a padded place holds, nan and -inf too, has no say.
    """
    y = as_tensor(target)._data
    x = input._data
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: input is {x.dtype}, wanted float logits")
    if y.dtype.kind not in "iu":
        raise TypeError(f"{name}: target is {y.dtype}, wanted integer classes; use .long()")
    if x.ndim == 0:
        raise ShapeError(f"{name}: input is a single number, wanted (N, K)")
    wanted = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if y.shape != wanted:
        raise ShapeError(
            f"{name}: input has shape {x.shape} and target {y.shape}, wanted a target {wanted} of "
            "class numbers"
            + ("; use target.squeeze(1)" if y.shape == (*wanted, 1) else "")
            + (
                "; a one-hot target must be float, or use target.argmax(1)"
                if y.shape == x.shape
                else ""
            )
        )
    if x.ndim > 2:
        x = np.moveaxis(x, 1, -1)
    rows = x.reshape(-1, x.shape[-1])  # (M, K)
    places = y.reshape(-1).astype(np.int64, copy=False)  # (M,)
    ignored = places == ignore_index
    if ignored.any():
        places = np.where(ignored, 0, places)
        rows = np.where(ignored[:, None], rows.dtype.type(0), rows)
    k = rows.shape[1]
    if places.size and (places.min() < 0 or places.max() >= k):
        bad = int(places.min() if places.min() < 0 else places.max())
        raise IndexError(
            f"{name}: target {bad} is not one of the {k} classes 0 to {k - 1}; count classes from "
            "0, and check the output size of the last layer"
        )
    return rows, places, (~ignored).astype(rows.dtype)


def _class_weights(name: str, weight: Any, k: int, dtype: np.dtype[Any]) -> Tensor:
    weights = as_tensor(np.ones(k, dtype) if weight is None else weight).to(dtype)
    if weights.shape != (k,):
        raise ShapeError(f"{name}: weight has shape {weights.shape}, wanted ({k},), one per class")
    return weights


def _constant(name: str, weights: Tensor) -> Array:
    """The weights of classes as an array; refused when a gradient for them is wanted."""
    if weights.requires_grad:
        raise RuntimeError(
            f"{name}: weight requires a gradient, which is not worked out for class numbers as "
            "target; pass weight.detach()"
        )
    return weights._data


def _finish(
    name: str,
    input: Tensor,
    rows: Array,
    places: Array,
    factor: Array,
    out: Array,
    reduction: str,
    rows_grad: Any,
) -> Tensor:
    """Reduce the losses (M,) of the rows and send their gradient back to the input's shape."""
    shape = input._data.shape
    per_sample = shape[:1] + shape[2:] if len(shape) > 1 else ()
    divisor = rows.dtype.type(1)
    if reduction == "mean":
        divisor = factor.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            value: Any = out.sum() / divisor
    elif reduction == "sum":
        value = out.sum()
    elif reduction == "none":
        value = out.reshape(per_sample)
    else:
        raise ValueError(f'{name}: reduction is {reduction!r}, wanted "mean", "sum" or "none"')

    def backward(g: Array) -> tuple[Array]:
        grad = rows_grad(rows, places, factor)
        if reduction == "none":
            grad *= g.reshape(-1, 1)
        else:
            grad *= g / divisor if divisor else 0  # no row counts: nan, but not for the weights
        if len(shape) > 2:
            grad = np.moveaxis(grad.reshape(*per_sample, shape[1]), -1, 1)
        return (grad.reshape(shape),)

    return record(value, name, (input,), backward, saved=(input,), fresh=True)
