"""Exercises of no notebook: a PyTorch answer, for trying out the machinery and its speed.

The lessons that ask for PyTorch come later in the course; this one makes sure that tensors can
be judged. It is left out of the learner's progress.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import Answer, Caller, Rng, Steps, array, exercise, hints, value

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
    "99.1", "一个头的注意力", points=3, asks="attention(q, k, v)，PyTorch 张量",
    allows=["torch*"], limit=20.0,
)  # fmt: skip
@hints(
    "先算每个查询与每个键的点积，形状 (B, T, S)",
    "点积除以 √D，再沿键的方向做 softmax",
    "最后用这些权重对 v 加权：(B, T, S) 乘 (B, S, C)",
)
def judge_attention(answer: Answer, rng: Rng) -> Steps:
    import torch

    call = Caller(answer, attention)
    B, T, S, D, C = (int(n) for n in rng.permutation([2, 3, 4, 5, 6]))
    q, k, v = (rng.normal(size=size) for size in ((B, T, D), (B, S, D), (B, S, C)))
    got, want = call(*map(torch.from_numpy, (q, k, v)))
    yield from array(got, (B, T, C), "输出", "每个查询一行：(B, T, S) 乘 (B, S, C)")
    scores = np.einsum("btd,bsd->bts", q, k)
    unscaled, scaled = np.exp(scores - scores.max(-1, keepdims=True)), np.exp(scores / D**0.5)
    over_queries = scaled / scaled.sum(1, keepdims=True) @ v
    traps = {
        "点积没有除以 √D": unscaled / unscaled.sum(-1, keepdims=True) @ v,
        "softmax 的方向错了：每个查询对各个键的权重之和为 1，dim=-1": over_queries,
    }
    yield value(got, want, "输出", "softmax(q kᵀ / √D) v", traps)
    for name in "qkv":
        yield call.untouched(name, label=f"没有改动输入 {name}")
    big = call(*(torch.from_numpy(100 * a) for a in (q, k, v)))
    yield value(*big, "点积很大时", "exp 溢出：用 softmax，或先减去每行的最大值")
