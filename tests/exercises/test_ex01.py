"""Chapter 01: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from aigc_course.exercises import ex01, judge, registered

RIGHT: dict[str, Callable[..., Any]] = {
    "01.1": ex01.sigmoid,
    "01.2": ex01.softmax,
    "01.3": ex01.linear_forward,
    "01.4": ex01.mlp_forward,
    "01.5": ex01.count_mlp,
    "01.6": ex01.hat,
}


# --- other right answers -----------------------------------------------------------------------


def sigmoid_by_masks(z):
    out = np.empty_like(z)
    pos = z >= 0
    out[pos] = 1 / (1 + np.exp(-z[pos]))
    e = np.exp(z[~pos])
    out[~pos] = e / (1 + e)
    return out


def softmax_by_rows(z):
    return np.stack([np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in z])


def linear_by_loops(x, W, b):
    return np.array([[w @ row + c for w, c in zip(W, b, strict=True)] for row in x])


def mlp_unrolled(x, layers):
    *hidden, (W, b) = layers
    for V, c in hidden:
        x = np.clip(x @ V.T + c, 0, None)
    return x @ W.T + b


def count_by_loop(sizes, batch):
    params = flops = 0
    memory = sizes[0]
    for k in range(1, len(sizes)):
        params += (sizes[k - 1] + 1) * sizes[k]
        flops += 2 * batch * sizes[k - 1] * sizes[k]
        memory += sizes[k]
    return [params, flops, 4 * batch * memory]


def hat_mirrored(left, peak, right):
    """The same triangle, with the first kink facing left and a constant doing the rest."""
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1, b1 = np.array([[-1.0], [-1.0], [-1.0]]), np.array([left, peak, right])
    return W1, b1, np.array([[up, -up - down, down]]), np.zeros(1)


ALSO_RIGHT = {
    "01.1": sigmoid_by_masks,
    "01.2": softmax_by_rows,
    "01.3": linear_by_loops,
    "01.4": mlp_unrolled,
    "01.5": count_by_loop,
    "01.6": hat_mirrored,
}


# --- typical mistakes --------------------------------------------------------------------------


def softmax_in_place(z):
    z -= z.max(axis=1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def mlp_pops(x, layers):
    while len(layers) > 1:
        W, b = layers.pop(0)
        x = np.maximum(x @ W.T + b, 0)
    return x @ layers[0][0].T + layers[0][1]


def mlp_relu_everywhere(x, layers):
    for W, b in layers:
        x = np.maximum(x @ W.T + b, 0)
    return x


def mlp_no_relu(x, layers):
    for W, b in layers:
        x = x @ W.T + b
    return x


def mlp_relu_first(x, layers):
    for W, b in layers:
        x = np.maximum(x, 0) @ W.T + b
    return x


def mlp_three_only(x, layers):
    for W, b in layers[:2]:
        x = np.maximum(x @ W.T + b, 0) if len(layers) > 1 else x @ W.T + b
    return x @ layers[-1][0].T + layers[-1][1] if len(layers) > 1 else x


def hat_with(slopes, sign=-1.0):
    def wrong(left, peak, right):
        up, down = 1 / (peak - left), 1 / (right - peak)
        b1 = sign * np.array([left, peak, right])
        return np.ones((3, 1)), b1, np.array([slopes(up, down)]), np.zeros(1)

    return wrong


def count_with(change):
    def wrong(sizes, batch):
        weights = sum(sizes[k] * sizes[k + 1] for k in range(len(sizes) - 1))
        params, flops, memory = ex01.count_mlp(sizes, batch)
        return change(sizes, batch, weights, params, flops, memory)

    return wrong


WRONG: list[tuple[str, str, Callable[..., Any], str]] = [
    ("01.1", "naive", lambda z: 1 / (1 + np.exp(-z)), "溢出成 inf"),
    ("01.1", "inf over inf", lambda z: np.exp(z) / (1 + np.exp(z)), "inf/inf 是 nan"),
    ("01.1", "by tanh", lambda z: 0.5 * (1 + np.tanh(z / 2)), "有效位全丢了"),
    ("01.1", "sign", lambda z: ex01.sigmoid(-z), "符号反了"),
    ("01.1", "tanh itself", np.tanh, "先在 z = 0 处验 0.5"),
    ("01.1", "summed", lambda z: ex01.sigmoid(z).sum(), "别求和"),
    (
        "01.2",
        "naive",
        lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True),
        "exp 就溢出",
    ),
    ("01.2", "columns", lambda z: ex01.softmax(z.T).T, "每一列和为 1"),
    ("01.2", "whole", lambda z: np.exp(z) / np.exp(z).sum(), "sum 少了 axis=1"),
    ("01.2", "keepdims", lambda z: np.exp(z) / np.exp(z).sum(1), "会沿列广播"),
    ("01.2", "no exp", lambda z: z / z.sum(1, keepdims=True), "不是 softmax"),
    (
        "01.2",
        "one maximum for all",
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(1, keepdims=True),
        "不是整个矩阵的",
    ),
    ("01.2", "in place", softmax_in_place, "被原地修改了"),
    ("01.3", "no transpose", lambda x, W, b: x @ W + b, "要 W.T"),
    ("01.3", "no bias", lambda x, W, b: x @ W.T, "没有加 b"),
    ("01.3", "bias by row", lambda x, W, b: x @ W.T + b[:, None], "被加到了各行上"),
    ("01.3", "columns", lambda x, W, b: W @ x.T + b[:, None], "样本应在行上"),
    ("01.3", "activated", lambda x, W, b: np.maximum(x @ W.T + b, 0), "第 i 行第 j 列"),
    ("01.3", "squeezed", lambda x, W, b: np.squeeze(x @ W.T + b), "不要 squeeze"),
    ("01.4", "relu last", mlp_relu_everywhere, "分数可以为负"),
    ("01.4", "linear", mlp_no_relu, "三层并成了一层"),
    ("01.4", "relu first", mlp_relu_first, "先线性、后 ReLU"),
    (
        "01.4",
        "softmax",
        lambda x, ls: ex01.softmax(ex01.mlp_forward(x, ls)),
        "留给损失函数",
    ),
    (
        "01.4",
        "stops early",
        lambda x, ls: ex01.mlp_forward(x, ls[:2]),
        "三层都走完了吗",
    ),
    ("01.4", "three only", mlp_three_only, "不能写死"),
    ("01.4", "pops", mlp_pops, "不要 pop"),
    ("01.5", "no bias", count_with(lambda s, B, w, p, f, m: (w, f, m)), "还有一个偏置"),
    (
        "01.5",
        "input bias",
        count_with(lambda s, B, w, p, f, m: (w + sum(s), f, m)),
        "sizes[1:]",
    ),
    (
        "01.5",
        "params × B",
        count_with(lambda s, B, w, p, f, m: (p * B, f, m)),
        "共用同一份参数",
    ),
    (
        "01.5",
        "one flop",
        count_with(lambda s, B, w, p, f, m: (p, f // 2, m)),
        "一乘一加",
    ),
    (
        "01.5",
        "flop of one",
        count_with(lambda s, B, w, p, f, m: (p, 2 * w, m)),
        "都要算一遍",
    ),
    (
        "01.5",
        "no input",
        count_with(lambda s, B, w, p, f, m: (p, f, 4 * B * sum(s[1:]))),
        "漏了输入",
    ),
    (
        "01.5",
        "float64",
        count_with(lambda s, B, w, p, f, m: (p, f, 2 * m)),
        "4 字节，不是 8",
    ),
    (
        "01.5",
        "one sample",
        count_with(lambda s, B, w, p, f, m: (p, f, m // B)),
        "自己的激活",
    ),
    ("01.6", "sign of b", hat_with(lambda u, d: [u, -u - d, d], sign=1.0), "符号反了"),
    (
        "01.6",
        "kinks elsewhere",
        lambda a, p, b: ex01.hat(a - 9, p, b),
        "帽子左边不是 0",
    ),
    ("01.6", "height", hat_with(lambda u, d: [1.0, -2.0, 1.0]), "帽尖的高度"),
    ("01.6", "symmetric", hat_with(lambda u, d: [u, -2 * u, u]), "不一定左右对称"),
    ("01.6", "no third kink", hat_with(lambda u, d: [u, -u - d, 0.0]), "没有拉平"),
]


def test_every_exercise_is_tested():
    ids = {ex.id for ex in registered("01")}
    assert ids == set(RIGHT) == {number for number, *_ in WRONG}
    for number in ids:
        assert sum(n == number for n, *_ in WRONG) >= 3


@pytest.mark.parametrize("number", RIGHT)
@pytest.mark.parametrize("answers", [RIGHT, ALSO_RIGHT], ids=["library", "another way"])
def test_right_answers_pass_whatever_the_seed(number, answers):
    for seed in range(20):
        result = judge(number, answers[number], seed=seed)
        assert result.passed, str(result)


@pytest.mark.parametrize(
    ("number", "name", "answer", "hint"),
    WRONG,
    ids=[f"{n} {name}" for n, name, *_ in WRONG],
)
def test_each_mistake_gets_its_own_hint(number, name, answer, hint):
    for seed in range(5):
        result = judge(number, answer, seed=seed)
        assert result.status == "failed", str(result)
        assert hint in result.steps[-1].hint, str(result)


def test_hints_of_different_mistakes_differ():
    for number in RIGHT:
        hints = [judge(n, answer).steps[-1].hint for n, _, answer, _ in WRONG if n == number]
        assert len(set(hints)) == len(hints)


@pytest.mark.parametrize("number", RIGHT)
def test_open_exercises_are_unanswered(number):
    def stub(*args):
        raise NotImplementedError

    assert judge(number, None).status == "unanswered"
    assert judge(number, stub).status == "unanswered"
    assert judge(number, lambda *args: None).status in ("failed", "error")


def test_library_versions_equal_torch():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(64, 10)) * 30
    t = torch.from_numpy(z)
    np.testing.assert_allclose(ex01.sigmoid(z), torch.sigmoid(t).numpy(), rtol=1e-12)
    np.testing.assert_allclose(ex01.softmax(z), torch.softmax(t, dim=1).numpy(), rtol=1e-12)
    x, W, b = rng.normal(size=(5, 7)), rng.normal(size=(3, 7)), rng.normal(size=3)
    wanted = torch.nn.functional.linear(*map(torch.from_numpy, (x, W, b))).numpy()
    np.testing.assert_allclose(ex01.linear_forward(x, W, b), wanted, rtol=1e-12)


def test_library_mlp_and_count_equal_a_torch_network():
    sizes = [12, 9, 7, 4]
    torch.manual_seed(0)
    parts: list[torch.nn.Module] = []
    for i, o in pairwise(sizes):
        parts += [torch.nn.Linear(i, o, dtype=torch.float64), torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1])
    linears = [m for m in net if isinstance(m, torch.nn.Linear)]
    layers = [(m.weight.detach().numpy(), m.bias.detach().numpy()) for m in linears]
    x = np.random.default_rng(1).normal(size=(6, 12))
    wanted = net(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ex01.mlp_forward(x, layers), wanted, rtol=1e-12)
    assert ex01.count_mlp(sizes, 6)[0] == sum(p.numel() for p in net.parameters())
