"""Chapter 01: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from aigc_course.exercises import check, ex01
from tests.support.common_questions import questions
from tests.support.harness import Wrong

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


def sigmoid_by_logaddexp(z):
    return np.exp(-np.logaddexp(0, -z))


def sigmoid_one_by_one(z):
    out = np.zeros(z.shape)
    for i, v in np.ndenumerate(z):
        out[i] = 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))
    return out


def softmax_by_logarithm(z):
    return np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))


def softmax_of_columns(z):
    e = np.exp(z.T - z.max(1))
    return (e / e.sum(axis=0)).T


def linear_as_one_matrix(x, W, b):
    return np.c_[x, np.ones(len(x))] @ np.c_[W, b].T


def mlp_recursive(x, layers):
    (W, b), *rest = layers
    z = np.einsum("bi,oi->bo", x, W) + b
    return mlp_recursive(z * (z > 0), rest) if rest else z


def count_by_dot(sizes, batch):
    sizes = np.array(sizes)
    weights = sizes[:-1] @ sizes[1:]
    return np.array([weights + sizes[1:].sum(), 2 * weights * batch, sizes.sum() * batch * 4])


def hat_of_other_slopes(left, peak, right):
    """Steeper first layer, flatter second, the neurons in another order."""
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1, b1 = np.array([[2.0], [4.0], [0.5]]), np.array([-2 * right, -4 * left, -0.5 * peak])
    return W1, b1, np.array([[down / 2, up / 4, -2 * (up + down)]]), np.zeros(1)


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("01.1", sigmoid_by_masks),
    ("01.1", sigmoid_by_logaddexp),
    ("01.1", sigmoid_one_by_one),
    ("01.2", softmax_by_rows),
    ("01.2", softmax_by_logarithm),
    ("01.2", softmax_of_columns),
    ("01.3", linear_by_loops),
    ("01.3", linear_as_one_matrix),
    ("01.3", lambda x, W, b: np.einsum("oi,bi->ob", W, x).T + b),
    ("01.4", mlp_unrolled),
    ("01.4", mlp_recursive),
    ("01.5", count_by_loop),
    ("01.5", count_by_dot),
    ("01.6", hat_mirrored),
    ("01.6", hat_of_other_slopes),
]


# --- typical mistakes --------------------------------------------------------------------------


def softmax_less_mean(z):
    e = np.exp(z - z.mean(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


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


def sigmoid_in_place(z):
    right = ex01.sigmoid(z)
    np.exp(z, out=z)
    return right


def linear_in_place(x, W, b):
    y = x @ W.T
    b += y[0]
    return y + (b - y[0])


def mlp_in_place(x, layers):
    for k, (W, b) in enumerate(layers):
        W *= 2.0
        x = x @ (W / 2).T + b
        if k < len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def mlp_over_its_input(x, layers):
    y = ex01.mlp_forward(x, layers)
    np.maximum(x, 0, out=x)
    return y


WRONG = [
    Wrong("01.1", "naive", lambda z: 1 / (1 + np.exp(-z)), "溢出成 inf", 72),
    Wrong("01.1", "inf over inf", lambda z: np.exp(z) / (1 + np.exp(z)), "inf/inf 是 nan", 43),
    Wrong("01.1", "by tanh", lambda z: 0.5 * (1 + np.tanh(z / 2)), "有效位全丢了", 57),
    Wrong("01.1", "sign", lambda z: ex01.sigmoid(-z), "符号反了", 0),
    Wrong("01.1", "tanh itself", np.tanh, "先在 z = 0 处验 0.5", 0),
    Wrong("01.1", "summed", lambda z: ex01.sigmoid(z).sum(), "别求和", 0),
    Wrong("01.1", "in place", sigmoid_in_place, "z 被原地修改", 86),
    Wrong("01.2", "naive", lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True), "exp 就溢出", 56),
    Wrong("01.2", "columns", lambda z: ex01.softmax(z.T).T, "每一列和为 1", 0),
    Wrong("01.2", "whole", lambda z: np.exp(z) / np.exp(z).sum(), "sum 少了 axis=1", 0),
    Wrong("01.2", "keepdims", lambda z: np.exp(z) / np.exp(z).sum(1), "会沿列广播", 0),
    Wrong("01.2", "no exp", lambda z: z / z.sum(1, keepdims=True), "不是 softmax", 0),
    Wrong(
        "01.2",
        "one maximum for all",
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(1, keepdims=True),
        "不是整个矩阵的",
        78,
    ),
    Wrong("01.2", "in place", softmax_in_place, "被原地修改了", 89),
    Wrong("01.3", "no transpose", lambda x, W, b: x @ W + b, "要 W.T", 0),
    Wrong("01.3", "no bias", lambda x, W, b: x @ W.T, "没有加 b", 0),
    Wrong("01.3", "bias by row", lambda x, W, b: x @ W.T + b[:, None], "被加到了各行上", 0),
    Wrong("01.3", "columns", lambda x, W, b: W @ x.T + b[:, None], "样本应在行上", 0),
    Wrong("01.3", "activated", lambda x, W, b: np.maximum(x @ W.T + b, 0), "第 i 行第 j 列", 0),
    Wrong("01.3", "squeezed", lambda x, W, b: np.squeeze(x @ W.T + b), "不要 squeeze", 72),
    Wrong("01.3", "in place", linear_in_place, "b 被原地修改", 86),
    Wrong("01.4", "relu last", mlp_relu_everywhere, "分数可以为负", 22),
    Wrong("01.4", "linear", mlp_no_relu, "三层并成了一层", 0),
    Wrong("01.4", "relu first", mlp_relu_first, "先线性、后 ReLU", 0),
    Wrong(
        "01.4", "softmax", lambda x, ls: ex01.softmax(ex01.mlp_forward(x, ls)), "留给损失函数", 0
    ),
    Wrong("01.4", "stops early", lambda x, ls: ex01.mlp_forward(x, ls[:2]), "三层都走完了吗", 0),
    Wrong("01.4", "three only", mlp_three_only, "不能写死", 67),
    Wrong("01.4", "x in place", mlp_over_its_input, "x 被原地修改", 89),
    Wrong("01.4", "pops", mlp_pops, "不要 pop", 94),
    Wrong("01.5", "no bias", count_with(lambda s, B, w, p, f, m: (w, f, m)), "还有一个偏置", 0),
    Wrong(
        "01.5",
        "input bias",
        count_with(lambda s, B, w, p, f, m: (w + sum(s), f, m)),
        "sizes[1:]",
        0,
    ),
    Wrong(
        "01.5",
        "params × B",
        count_with(lambda s, B, w, p, f, m: (p * B, f, m)),
        "共用同一份参数",
        0,
    ),
    Wrong("01.5", "one flop", count_with(lambda s, B, w, p, f, m: (p, f // 2, m)), "一乘一加", 33),
    Wrong(
        "01.5", "flop of one", count_with(lambda s, B, w, p, f, m: (p, 2 * w, m)), "都要算一遍", 33
    ),
    Wrong(
        "01.5",
        "no input",
        count_with(lambda s, B, w, p, f, m: (p, f, 4 * B * sum(s[1:]))),
        "漏了输入",
        67,
    ),
    Wrong(
        "01.5", "float64", count_with(lambda s, B, w, p, f, m: (p, f, 2 * m)), "4 字节，不是 8", 67
    ),
    Wrong(
        "01.5", "one sample", count_with(lambda s, B, w, p, f, m: (p, f, m // B)), "自己的激活", 67
    ),
    Wrong("01.6", "sign of b", hat_with(lambda u, d: [u, -u - d, d], sign=1.0), "符号反了", 0),
    Wrong("01.6", "kinks elsewhere", lambda a, p, b: ex01.hat(a - 9, p, b), "帽子左边不是 0", 0),
    Wrong("01.6", "height", hat_with(lambda u, d: [1.0, -2.0, 1.0]), "帽尖的高度", 0),
    Wrong("01.6", "symmetric", hat_with(lambda u, d: [u, -2 * u, u]), "不一定左右对称", 28),
    Wrong("01.6", "no third kink", hat_with(lambda u, d: [u, -u - d, 0.0]), "没有拉平", 72),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("01.2", "less the mean", softmax_less_mean, "exp 就溢出", 56),
    Wrong("01.4", "in place", mlp_in_place, "不要 pop，也不要原地写", 94),
    Wrong("01.3", "columns, bias", lambda x, W, b: W @ x.T + b, "样本应在行上", 0),
]


globals().update(
    questions(
        "01",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"01.3": ["stale"], "01.5": ["stale"], "01.6": ["nearly"]},
    )
)


def test_what_the_lesson_lends_may_be_called_and_nothing_else():
    lent, whole = ex01.linear_forward, ex01.mlp_forward

    def mlp_forward(x, layers):
        for k, (W, b) in enumerate(layers):
            x = lent(x, W, b)
            x = np.maximum(x, 0) if k < len(layers) - 1 else x
        return x

    assert check("01.4", mlp_forward).passed
    assert check("01.4", lambda x, layers: whole(x, layers)).status == "refused"


# --- the library's versions --------------------------------------------------------------------


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
