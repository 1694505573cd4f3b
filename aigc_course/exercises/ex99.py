"""Exercises of no notebook: a PyTorch answer, for trying out the machinery and its speed.

The lessons that ask for PyTorch come later in the course; this one makes sure that tensors can
be judged. It is left out of the learner's progress.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aigc_course.judging.core import Step, close, exercise, shape, untouched

__all__ = ["attention"]


def attention(q: Any, k: Any, v: Any) -> Any:
    """Scaled dot-product attention (Vaswani et al., 2017) of one head.

    Args:
        q: queries, (B, T, D).
        k: keys, (B, S, D).
        v: values, (B, S, C).

    Returns:
        (B, T, C).

    Example:
        >>> import torch
        >>> q, k = torch.zeros(1, 1, 4), torch.zeros(1, 2, 4)
        >>> attention(q, k, torch.tensor([[[1.0], [3.0]]])).tolist()
        [[[2.0]]]
    """
    weights = (q @ k.transpose(-2, -1) / k.shape[-1] ** 0.5).softmax(dim=-1)  # (B, T, S)
    return weights @ v


@exercise(
    "99.1",
    title="一个头的注意力",
    points=3,
    asks="attention(q, k, v)，PyTorch 张量",
    reference=attention,
    hints=(
        "先算每个查询与每个键的点积，形状 (B, T, S)",
        "点积除以 √D，再沿键的方向做 softmax",
        "最后用这些权重对 v 加权：(B, T, S) 乘 (B, S, C)",
    ),
    allows=("torch*",),
    limit=20.0,
)
def _attention(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    import torch

    B, T, S, D, C = (int(n) for n in rng.permutation([2, 3, 4, 5, 6]))
    made = [rng.normal(size=size) for size in ((B, T, D), (B, S, D), (B, S, C))]
    q, k, v = (torch.from_numpy(a.copy()) for a in made)
    got = answer(q, k, v)
    yield shape(got, (B, T, C), "输出", hint="每个查询一行：(B, T, S) 乘 (B, S, C)")
    want = attention(*(torch.from_numpy(a) for a in made)).numpy()
    value = np.asarray(got)
    scores = np.einsum("btd,bsd->bts", made[0], made[1])
    unscaled = np.exp(scores - scores.max(-1, keepdims=True))
    hint = "softmax(q kᵀ / √D) v"
    if np.allclose(value, unscaled / unscaled.sum(-1, keepdims=True) @ made[2]):
        hint = "点积没有除以 √D"
    over = np.exp(scores / D**0.5)
    if np.allclose(value, over / over.sum(1, keepdims=True) @ made[2]):
        hint = "softmax 的方向错了：每个查询对各个键的权重之和为 1，dim=-1"
    yield close(value, want, "输出", hint=hint, rtol=1e-6)
    for name, before, after in zip("qkv", made, (q, k, v), strict=True):
        yield untouched(before, after.numpy(), name)
    big = (torch.from_numpy(a * 100) for a in made)
    yield close(
        np.asarray(answer(*big)),
        attention(*(torch.from_numpy(a * 100) for a in made)).numpy(),
        "点积很大时",
        hint="exp 溢出：用 softmax，或先减去每行的最大值",
        rtol=1e-6,
    )
