"""Run the same expression in the engine and in PyTorch, and compare values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from aigc_course import engine

TOLERANCE = {np.dtype("float32"): (2e-5, 2e-5), np.dtype("float64"): (1e-10, 1e-10)}


def arrays(seed: int, *shapes: tuple[int, ...], dtype: Any = "float64") -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def close(mine: Any, theirs: Any, dtype: Any, what: str = "") -> None:
    mine = mine.detach().numpy() if isinstance(mine, engine.Tensor) else np.asarray(mine)
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    assert mine.shape == theirs.shape, f"{what}: shape {mine.shape}, torch {theirs.shape}"
    assert mine.dtype == theirs.dtype, f"{what}: dtype {mine.dtype}, torch {theirs.dtype}"
    rtol, atol = TOLERANCE.get(np.dtype(dtype), (1e-6, 1e-6))
    np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol, err_msg=what, equal_nan=True)


def same(
    ours: Callable[..., Any],
    theirs: Callable[..., Any] | None,
    inputs: Sequence[Any],
    *,
    seed: int = 0,
) -> None:
    """Values, and gradients of a randomly weighted sum of all float outputs, agree with torch's.

    Float arrays among ``inputs`` become tensors that require a gradient; the rest is passed as
    constant tensors (integer arrays) or as it is.
    """
    theirs = ours if theirs is None else theirs
    mine, other = [], []
    for value in inputs:
        if isinstance(value, np.ndarray):
            floating = value.dtype.kind == "f"
            mine.append(engine.tensor(value, requires_grad=floating))
            other.append(torch.tensor(value, requires_grad=floating))
        else:
            mine.append(value)
            other.append(value)
    outs, wanted = ours(*mine), theirs(*other)
    outs = outs if isinstance(outs, tuple | list) else (outs,)
    wanted = wanted if isinstance(wanted, tuple | list) else (wanted,)
    assert len(outs) == len(wanted)
    rng = np.random.default_rng(seed)
    total_mine: Any = 0
    total_other: Any = 0
    for i, (a, b) in enumerate(zip(outs, wanted, strict=True)):
        close(a, b, a.dtype, f"output {i}")
        if a.requires_grad:
            assert b.requires_grad
            weight = rng.uniform(0.5, 1.5, a.shape).astype(a.dtype)
            total_mine = total_mine + (a * weight).sum()
            total_other = total_other + (b * torch.tensor(weight)).sum()
    if not isinstance(total_mine, engine.Tensor):
        return
    total_mine.backward()
    total_other.backward()
    for i, (a, b) in enumerate(zip(mine, other, strict=True)):
        if isinstance(a, engine.Tensor) and a.requires_grad:
            if b.grad is None:
                assert a.grad is None or not a.grad.numpy().any(), f"gradient {i}"
            else:
                assert a.grad is not None, f"gradient {i} is missing"
                close(a.grad, b.grad, a.dtype, f"gradient {i}")
