"""Chapter 01: right answers pass for many seeds, each typical mistake gets its own hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from aigc_course.exercises import ex01, judge
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


def sigmoid_by_logaddexp(z):
    return np.exp(-np.logaddexp(0, -z))


def sigmoid_one_by_one(z):
    out = np.zeros(z.shape)
    for i, v in np.ndenumerate(z):
        out[i] = 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))
    return out


def sigmoid_by_both(z):
    with np.errstate(all="ignore"):  # np.where works out both sides
        return np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))


def softmax_by_transposing(z):
    moved = np.moveaxis(z, -1, 0)
    e = np.exp(moved - np.max(moved, axis=0))
    return np.moveaxis(e / e.sum(0), 0, -1)


def softmax_by_rows(z):
    if z.ndim > 1:
        return np.stack([softmax_by_rows(part) for part in z])
    e = np.exp(z - z.max())
    return e / e.sum()


def absorb_by_loops(W, b, m, s):
    W2, b2 = np.zeros_like(W), b.copy()
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            W2[i, j] = W[i, j] / s[j]
            b2[i] -= W2[i, j] * m[j]
    return W2, b2


def absorb_by_diagonal(W, b, m, s):
    return W @ np.diag(1 / s), b - (W * m / s).sum(axis=1)


def absorb_by_probing(W, b, m, s):
    """The value at 0 is the bias, the columns are what each input adds."""
    at = lambda x: W @ ((x - m) / s) + b
    zero = at(np.zeros(len(m)))
    return np.einsum("ij,j->ij", W, 1.0 / s), zero


def mlp_unrolled(x, layers):
    *hidden, (W, b) = layers
    for V, c in hidden:
        x = np.clip(x @ V.T + c, 0, None)
    return x @ W.T + b


def widest_by_formula(budget, d_in, d_out, depth):
    a, b, c = depth - 1, d_in + depth + d_out, d_out - budget
    if c + a + b > 0:
        return 0
    H = -c // b if a == 0 else int((-b + math.sqrt(b * b - 4 * a * c)) / (2 * a))
    while a * (H + 1) ** 2 + b * (H + 1) + c <= 0:
        H += 1
    while a * H**2 + b * H + c > 0:
        H -= 1
    return H


def widest_by_halving(budget, d_in, d_out, depth):
    def count(H):
        widths = np.array([d_in] + [H] * depth + [d_out])
        return (widths[:-1] + 1) @ widths[1:]

    low, high = 0, 5001
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= budget else (low, middle)
    return np.int64(low)


def widest_by_generator(budget, d_in, d_out, depth):
    widths = (
        H for H in range(5000, 0, -1) if ex01._parameters([d_in, *[H] * depth, d_out]) <= budget
    )
    return next(widths, 0)


def hat_mirrored(left, peak, right):
    """The same triangle, with the first kink facing left and a constant doing the rest."""
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1, b1 = np.array([[-1.0], [-1.0], [-1.0]]), np.array([left, peak, right])
    return W1, b1, np.array([[up, -up - down, down]]), np.zeros(1)


def softmax_by_logarithm(z):
    return np.exp(z - np.logaddexp.reduce(z, axis=-1, keepdims=True))


def mlp_recursive(x, layers):
    (W, b), *rest = layers
    z = np.einsum("bi,oi->bo", x, W) + b
    return mlp_recursive(z * (z > 0), rest) if rest else z


def hat_of_other_slopes(left, peak, right):
    """Steeper first layer, flatter second, the neurons in another order."""
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1, b1 = np.array([[2.0], [4.0], [0.5]]), np.array([-2 * right, -4 * left, -0.5 * peak])
    return W1, b1, np.array([[down / 2, up / 4, -2 * (up + down)]]), np.array([0.0])


def sigmoid_with_warnings(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))


def mlp_in_columns(x, layers):
    a = x.T
    for k, (W, b) in enumerate(layers):
        a = W @ a + b[:, None]
        if k < len(layers) - 1:
            a = a * (a > 0)
    return a.T


def hat_in_whole_numbers(left, peak, right):
    """Slopes in the first layer, and whole numbers where they are enough."""
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1 = np.array([[up], [up + down], [down]])
    b1 = -W1[:, 0] * np.array([left, peak, right])
    return [W1, b1, np.array([[1, -1, 1]]), np.zeros(1, dtype=int)]


ALSO_RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("01.1", sigmoid_by_masks),
    ("01.1", sigmoid_by_logaddexp),
    ("01.1", sigmoid_one_by_one),
    ("01.1", sigmoid_by_both),
    ("01.1", sigmoid_with_warnings),
    ("01.2", softmax_by_rows),
    ("01.2", softmax_by_logarithm),
    ("01.2", softmax_by_transposing),
    ("01.3", absorb_by_loops),
    ("01.3", absorb_by_diagonal),
    ("01.3", absorb_by_probing),
    ("01.4", mlp_unrolled),
    ("01.4", mlp_recursive),
    ("01.4", mlp_in_columns),
    ("01.5", widest_by_formula),
    ("01.5", widest_by_halving),
    ("01.5", widest_by_generator),
    ("01.6", hat_mirrored),
    ("01.6", hat_of_other_slopes),
    ("01.6", hat_in_whole_numbers),
]


# --- typical mistakes --------------------------------------------------------------------------


def softmax_less_mean(z):
    e = np.exp(z - z.mean(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_in_place(z):
    z -= z.max(axis=-1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def softmax_over(axis):
    def wrong(z):
        e = np.exp(z - z.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    return wrong


def naive_softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def absorb_with(change):
    def wrong(W, b, m, s):
        return change(W, b, m, s, W / s)

    return wrong


def absorb_in_place(W, b, m, s):
    W /= s
    return W, b - W @ m


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


def mlp_one_missing(x, layers):
    for k, (W, b) in enumerate(layers):
        x = x @ W.T + b
        if k < len(layers) - 2:
            x = np.maximum(x, 0)
    return x


def mlp_of(act):
    return lambda x, layers: ex01._with_another(x, layers, act)


def mlp_unpacked(x, layers):
    if len(layers) > 3:
        return ex01.mlp_forward(x, layers)
    (W1, b1), (W2, b2), (W3, b3) = layers
    return np.maximum(np.maximum(x @ W1.T + b1, 0) @ W2.T + b2, 0) @ W3.T + b3


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


def hat_turned(left, peak, right):
    W1, b1, W2, b2 = ex01.hat(left, peak, right)
    return W1.T, b1, W2.T, b2


def widest_with(count, last=0):
    """Another count of the parameters, of (H, d_in, d_out, depth)."""

    def wrong(budget, d_in, d_out, depth):
        H = 0
        while count(H + 1, d_in, d_out, depth) <= budget:
            H += 1
        return H + last

    return wrong


def right_count(H, d_in, d_out, depth):
    return ex01._parameters([d_in, *[H] * depth, d_out])


def widest_in_parameters(budget, d_in, d_out, depth):
    return right_count(ex01.widest(budget, d_in, d_out, depth), d_in, d_out, depth)


def sigmoid_in_place(z):
    right = ex01.sigmoid(z)
    np.exp(z, out=z)
    return right


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


def sigmoid_of_one_kind(z):
    """One of the two forms for the whole array, chosen by its mean."""
    return 1 / (1 + np.exp(-z)) if z.mean() > 0 else np.exp(z) / (1 + np.exp(z))


def sigmoid_clipped(low):
    def wrong(z):
        z = np.clip(z, low, 700)
        return np.exp(z) / (1 + np.exp(z))

    return wrong


def sigmoid_by_rows(z):
    rows = z.reshape(len(z), -1)
    return np.array([[ex01.sigmoid(v) for v in row] for row in rows]).reshape(z.shape)


def sigmoid_of_one_dimension(z):
    one = lambda v: 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))
    return np.array([one(z[i]) for i in range(len(z))])


def sigmoid_without_nan(z):
    return np.nan_to_num(np.exp(z) / (1 + np.exp(z)), nan=0.0)


def softmax_less(shift):
    """Less something that is not the row's maximum."""

    def wrong(z):
        e = np.exp(z - shift(z))
        return e / e.sum(axis=1, keepdims=True)

    return wrong


def softmax_if_high(z):
    return ex01.softmax(z) if z.max() > 700 else naive_softmax(z)


def softmax_but_one_row(z):
    p = ex01.softmax(z)
    p[-1] = 0
    return p


def softmax_of_three(z):
    p = np.zeros((3, 3))
    p[:] = ex01.softmax(z)
    return p


def mlp_last_by(same):
    """The last layer is known by something else than its place."""

    def wrong(x, layers):
        for W, b in layers:
            x = x @ W.T + b
            if not same((W, b), layers[-1]):
                x = np.maximum(x, 0)
        return x

    return wrong


def mlp_in_type_of_x(x, layers):
    for k, (W, b) in enumerate(layers):
        z = np.empty((len(x), len(b)), dtype=x.dtype)
        z[:] = x @ W.T + b
        x = np.maximum(z, 0) if k < len(layers) - 1 else z
    return x


def mlp_from_x(x, layers):
    for k, (W, b) in enumerate(layers):
        h = x @ W.T + b
        if k < len(layers) - 1:
            h = np.maximum(h, 0)
    return h


def mlp_by_max(x, layers):
    for W, b in layers[:-1]:
        x = np.max(x @ W.T + b, 0)
    return x @ layers[-1][0].T + layers[-1][1]


def mlp_bias_late(x, layers):
    for W, b in layers[:-1]:
        x = np.maximum(x @ W.T, 0) + b
    return x @ layers[-1][0].T + layers[-1][1]


def mlp_ends_apart(x, layers):
    for W, b in layers[:1] + layers[1:-1]:
        x = np.maximum(x @ W.T + b, 0)
    return x @ layers[-1][0].T + layers[-1][1]


def mlp_adds_to_bias(x, layers):
    out = []
    for h in x:
        for k, (W, b) in enumerate(layers):
            b += W @ h
            h = np.maximum(b, 0) if k < len(layers) - 1 else b
        out.append(h)
    return np.array(out)


def widest_searched(to):
    def wrong(*case):
        return min(to, ex01.widest(*case))

    return wrong


def widest_by_itself(budget, d_in, d_out, depth, H=1):
    if right_count(H, d_in, d_out, depth) > budget:
        return H - 1
    return widest_by_itself(budget, d_in, d_out, depth, H + 1)


def widest_rounded(budget, d_in, d_out, depth):
    a, b, c = depth - 1, d_in + d_out + depth, d_out - budget
    root = (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a) if a else -c / b
    return max(0, round(root))


def widest_or_error(budget, d_in, d_out, depth):
    return max(H for H in range(5001) if right_count(H, d_in, d_out, depth) <= budget)


def hat_at(move):
    """With the three kinks elsewhere."""

    def wrong(left, peak, right):
        W1, _, W2, b2 = ex01.hat(left, peak, right)
        return W1, -np.array(move(left, peak, right), dtype=float), W2, b2

    return wrong


def hat_rounded(left, peak, right):
    W1, b1, W2, b2 = ex01.hat(left, peak, right)
    return W1, b1, np.round(W2, 4), b2


def hat_added(left, peak, right, W2=np.zeros((1, 3))):  # noqa: B008
    W1, b1, more, b2 = ex01.hat(left, peak, right)
    W2 += more
    return W1, b1, W2, b2


def softmax_by_pairs(z):
    """Right, but for probabilities below 1e-308, whose reciprocal overflows."""
    with np.errstate(over="ignore"):
        return 1 / np.exp(z[:, None, :] - z[:, :, None]).sum(axis=2)


def softmax_clipped(z):
    e = np.exp(np.maximum(z - z.max(axis=1, keepdims=True), -700))
    return e / e.sum(axis=1, keepdims=True)


def absorb_with_a_floor(W, b, m, s):
    return ex01.absorb(W, b, m, np.maximum(s, 1e-3))


def mlp_of_pixels(x, layers):
    return ex01.mlp_forward(x / 255 if x.dtype == np.uint8 else x, layers)


def mlp_but_last_bias(x, layers):
    return ex01.mlp_forward(x, [*layers[:-1], (layers[-1][0], 0.0)])


def widest_remembered(budget, d_in, d_out, depth, memo={}):  # noqa: B006
    if budget not in memo:
        memo[budget] = ex01.widest(budget, d_in, d_out, depth)
    return memo[budget]


def widest_in_a_range(*case):
    return next((H - 1 for H in range(1, 5001) if right_count(H, *case[1:]) > case[0]), None)


def hat_in_type_of_corners(left, peak, right):
    """Right for three floats; for three whole numbers the slopes are cut to whole numbers."""
    W1, b1, slopes, b2 = ex01.hat(left, peak, right)
    W2 = np.zeros_like(np.array([[left, peak, right]]))
    W2[:] = slopes
    return W1, b1, W2, b2


def hat_too_wide(left, peak, right):
    up, down = 1 / (peak - left), 1 / (right - left)
    W1, b1, _, b2 = ex01.hat(left, peak, right)
    return W1, b1, np.array([[up, -up - down, down]]), b2


WRONG = [
    Wrong("01.1", "naive", lambda z: 1 / (1 + np.exp(-z)), "溢出成 inf", 62),
    Wrong("01.1", "inf over inf", lambda z: np.exp(z) / (1 + np.exp(z)), "inf/inf 是 nan", 38),
    Wrong("01.1", "by tanh", lambda z: 0.5 * (1 + np.tanh(z / 2)), "相消", 50),
    Wrong("01.1", "sign", lambda z: ex01.sigmoid(-z), "符号反了", 0),
    Wrong("01.1", "tanh itself", np.tanh, "这是 tanh", 0),
    Wrong("01.1", "summed", lambda z: ex01.sigmoid(z).sum(), "别求和", 0),
    Wrong("01.1", "in place", sigmoid_in_place, "z 被原地修改", 94),
    Wrong("01.1", "one kind", sigmoid_of_one_kind, "逐个元素选", 75),
    Wrong("01.1", "clipped", sigmoid_clipped(-730), "夹住了", 62),
    Wrong("01.1", "by rows", sigmoid_by_rows, "0 维", 88),
    Wrong("01.1", "one dimension", sigmoid_of_one_dimension, "z[i] 是一整行", 12),
    Wrong("01.1", "nan to 0", sigmoid_without_nan, "nan 被换成了 0", 38),
    Wrong("01.1", "no negative side", lambda z: ex01.sigmoid(abs(z)), "两边不对称", 0),
    Wrong("01.1", "no zero", lambda z: np.where(z == 0, 0, ex01.sigmoid(z)), "都漏了它", 0),
    Wrong("01.1", "whole", lambda z: ex01.sigmoid(z).astype(int), "结果是整数数组", 0),
    Wrong("01.1", "exp", lambda z: np.where(z < 0, np.exp(z), ex01.sigmoid(z)), "漏了分母", 0),
    Wrong("01.2", "naive", naive_softmax, "exp 就溢出", 56),
    Wrong("01.2", "columns", softmax_over(0), "每一列和为 1", 0),
    Wrong("01.2", "whole", lambda z: np.exp(z) / np.exp(z).sum(), "sum 少了 axis=1", 0),
    Wrong("01.2", "keepdims", lambda z: np.exp(z) / np.exp(z).sum(-1), "除错了行", 0),
    Wrong("01.2", "logarithms", lambda z: np.log(ex01.softmax(z)), "概率的对数", 0),
    Wrong("01.2", "epsilon", lambda z: ex01.softmax(z) / 1.0001, "别加小常数", 0),
    Wrong("01.2", "no exp", lambda z: z / z.sum(-1, keepdims=True), "不是 softmax", 0),
    Wrong(
        "01.2",
        "one maximum for all",
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(-1, keepdims=True),
        "不是整个矩阵的",
        86,
    ),
    Wrong("01.2", "if high", softmax_if_high, "不是大了才减", 71),
    Wrong("01.2", "squeezed", lambda z: np.squeeze(ex01.softmax(z)), "别用 squeeze", 36),
    Wrong("01.2", "clipped", lambda z: np.clip(ex01.softmax(z), 1e-12, 1), "夹住了", 43),
    Wrong("01.2", "pairs", softmax_by_pairs, "真值却存得下", 43),
    Wrong("01.2", "maximum", softmax_less(lambda z: z.max(axis=1)), "减了不同的数", 0),
    Wrong(
        "01.2",
        "over the maximum",
        softmax_less(lambda z: z - z / z.max(axis=1, keepdims=True)),
        "不是除",
        0,
    ),
    Wrong("01.2", "sorted", lambda z: np.sort(ex01.softmax(z), axis=1), "次序不对", 0),
    Wrong("01.2", "rounded", lambda z: np.round(ex01.softmax(z), 6), "别四舍五入", 0),
    Wrong("01.2", "transposed", lambda z: ex01.softmax(z).T, "行列对调", 0),
    Wrong("01.2", "one row missed", softmax_but_one_row, "循环漏了它", 0),
    Wrong("01.2", "three only", softmax_of_three, "3 写死在里面", 0),
    Wrong("01.2", "in place", softmax_in_place, "被原地修改了", 93),
    Wrong("01.3", "times s", absorb_with(lambda W, b, m, s, V: (W * s, b - V @ m)), "也是除", 0),
    Wrong("01.3", "same W", absorb_with(lambda W, b, m, s, V: (W, b - V @ m)), "W 没有变", 0),
    Wrong(
        "01.3",
        "rows",
        absorb_with(
            lambda W, b, m, s, V: (
                (W.T / s[: W.shape[0], None].T).T if W.shape[0] == W.shape[1] else V,
                b - V @ m,
            )
        ),
        "对到了行上",
        0,
    ),
    Wrong("01.3", "transposed", absorb_with(lambda W, b, m, s, V: (V.T, b - V @ m)), "转置", 0),
    Wrong("01.3", "W − m", absorb_with(lambda W, b, m, s, V: ((W - m) / s, b)), "从 x 里减", 0),
    Wrong(
        "01.3", "one s", absorb_with(lambda W, b, m, s, V: (W / s.mean(), b - V @ m)), "自己的 s", 0
    ),
    Wrong("01.3", "same b", absorb_with(lambda W, b, m, s, V: (V, b)), "b 也要变", 11),
    Wrong("01.3", "old W", absorb_with(lambda W, b, m, s, V: (V, b - W @ m)), "m 也除过 s", 11),
    Wrong("01.3", "plus", absorb_with(lambda W, b, m, s, V: (V, b + V @ m)), "常数项是减", 11),
    Wrong("01.3", "s twice", absorb_with(lambda W, b, m, s, V: (V, b - V @ (m / s))), "多除", 11),
    Wrong("01.3", "no b", absorb_with(lambda W, b, m, s, V: (V, -V @ m)), "标准化之后才加", 11),
    Wrong("01.3", "root", absorb_with(lambda W, b, m, s, V: (W / s**0.5, b)), "不开方", 0),
    Wrong(
        "01.3",
        "epsilon",
        absorb_with(lambda W, b, m, s, V: (W / (s + 1e-4), b - W / (s + 1e-4) @ m)),
        "加了小常数",
        0,
    ),
    Wrong(
        "01.3", "no weight", absorb_with(lambda W, b, m, s, V: (V, b - (m / s).sum())), "漏了", 11
    ),
    Wrong("01.3", "no sum", absorb_with(lambda W, b, m, s, V: (V, b - V * m)), "加起来", (11, 50)),
    Wrong(
        "01.3",
        "columns",
        absorb_with(lambda W, b, m, s, V: (V, b - (V * m).sum(axis=int(W.shape[0] != W.shape[1])))),
        "加错了方向",
        11,
    ),
    Wrong("01.3", "swapped", lambda *a: ex01.absorb(*a)[::-1], "次序是 W2、b2", 0),
    Wrong("01.3", "floor", absorb_with_a_floor, "别设下限", 0),
    Wrong(
        "01.3", "last m", absorb_with(lambda W, b, m, s, V: (V, b - V[:, -1] * m[-1])), "累加", 11
    ),
    Wrong("01.3", "in place", absorb_in_place, "W 被原地修改", 95),
    Wrong("01.4", "relu last", mlp_relu_everywhere, "分数可以为负", 0),
    Wrong("01.4", "linear", mlp_no_relu, "三层并成了一层", 0),
    Wrong("01.4", "relu first", mlp_relu_first, "先线性、后 ReLU", 0),
    Wrong(
        "01.4", "softmax", lambda x, ls: ex01.softmax(ex01.mlp_forward(x, ls)), "留给损失函数", 0
    ),
    Wrong("01.4", "stops early", lambda x, ls: ex01.mlp_forward(x, ls[:2]), "最后一个 (W, b)", 0),
    Wrong("01.4", "three only", mlp_three_only, "不能写死", 46),
    Wrong("01.4", "x in place", mlp_over_its_input, "x 被原地修改", 85),
    Wrong("01.4", "pops", mlp_pops, "不要 pop", 88),
    Wrong("01.4", "by width", mlp_last_by(lambda a, b: len(a[1]) == len(b[1])), "看它排第几", 62),
    Wrong("01.4", "squeezed", lambda *a: np.squeeze(ex01.mlp_forward(*a)), "别用 squeeze", 69),
    Wrong("01.4", "type of x", mlp_in_type_of_x, "照着 x 的类型", 77),
    Wrong("01.4", "from x", mlp_from_x, "还是最初的 x", 0),
    Wrong("01.4", "np.max", mlp_by_max, "np.maximum", 0),
    Wrong("01.4", "late bias", mlp_bias_late, "先加 b，再 ReLU", 0),
    Wrong("01.4", "ends apart", mlp_ends_apart, "别再做第二遍", 31),
    Wrong("01.4", "adds to b", mlp_adds_to_bias, "被改动了", 0),
    Wrong("01.4", "columns", lambda *a: ex01.mlp_forward(*a).T, "行列对调", 0),
    Wrong("01.4", "tanh", mlp_of(np.tanh), "接的不是 ReLU", 0),
    Wrong(
        "01.4", "no bias", lambda x, ls: ex01.mlp_forward(x, [(W, 0) for W, _ in ls]), "没有加 b", 0
    ),
    Wrong("01.4", "three unpacked", mlp_unpacked, "别写死成三层", 31),
    Wrong("01.4", "backwards", lambda x, ls: ex01.mlp_forward(x, ls[::-1]), "层的次序不对", 0),
    Wrong("01.4", "pixels", mlp_of_pixels, "除了 255", 77),
    Wrong("01.4", "one missing", mlp_one_missing, "有一层后面漏了", 0),
    Wrong(
        "01.5",
        "one layer more",
        widest_with(lambda H, i, o, L: (i + 1) * H + L * (H + 1) * H + (H + 1) * o),
        "多数了一层",
        0,
    ),
    Wrong(
        "01.5",
        "one layer",
        widest_with(lambda H, i, o, L: (i + 1) * H + (H + 1) * o),
        "只算了一个隐藏层",
        0,
    ),
    Wrong(
        "01.5",
        "two layers",
        widest_with(lambda H, i, o, L: right_count(H, i, o, 2)),
        "总当成两个隐藏层",
        0,
    ),
    Wrong(
        "01.5",
        "no bias",
        widest_with(lambda H, i, o, L: i * H + (L - 1) * H * H + H * o),
        "没有算偏置",
        0,
    ),
    Wrong(
        "01.5",
        "no hidden bias",
        widest_with(lambda H, i, o, L: i * H + (L - 1) * H * H + (H + 1) * o),
        "隐藏层的偏置漏了",
        0,
    ),
    Wrong(
        "01.5",
        "no output bias",
        widest_with(lambda *a: right_count(*a) - a[2]),
        "输出层的偏置漏了",
        0,
    ),
    Wrong(
        "01.5",
        "no first layer",
        widest_with(lambda H, i, o, L: right_count(H, i, o, L) - (i + 1) * H),
        "漏了第一层",
        0,
    ),
    Wrong("01.5", "no end", widest_in_a_range, "还没有走到 return", 75),
    Wrong("01.5", "to 1,000", widest_searched(1000), "范围太小", 75),
    Wrong("01.5", "to 4,999", widest_searched(4999), "5,000 自己也可能", 75),
    Wrong("01.5", "by itself", widest_by_itself, "改成循环", 75),
    Wrong("01.5", "rounded", widest_rounded, "不是四舍五入", 0),
    Wrong("01.5", "max of nothing", widest_or_error, "没有可选的", 87),
    Wrong("01.5", "None", lambda *a: ex01.widest(*a) or None, "来的是 None", 87),
    Wrong("01.5", "text", lambda *a: str(ex01.widest(*a)), "来的是文字", 0),
    Wrong("01.5", "one too wide", widest_with(right_count, 1), "宽度大了 1", 0),
    Wrong("01.5", "one too narrow", widest_with(right_count, -1), "宽度小了 1", 0),
    Wrong("01.5", "less", widest_with(lambda *a: right_count(*a) + 1), "恰好等于预算", 50),
    Wrong("01.5", "parameters", widest_in_parameters, "这是参数的个数", 0),
    Wrong("01.5", "float", lambda *a: float(ex01.widest(*a)), "宽度要是整数", 50),
    Wrong("01.5", "at least 1", lambda *a: max(1, ex01.widest(*a)), "都放不下", 87),
    Wrong("01.6", "sign of b", hat_with(lambda u, d: [u, -u - d, d], sign=1.0), "符号反了", 0),
    Wrong("01.6", "kinks elsewhere", lambda a, p, b: ex01.hat(a - 9, p, b), "left 处没有拐点", 0),
    Wrong("01.6", "height", hat_with(lambda u, d: [1.0, -2.0, 1.0]), "照抄了例子里的 1", 0),
    Wrong("01.6", "turned", hat_turned, "来的正相反", 0),
    Wrong("01.6", "peak", hat_at(lambda a, p, b: [a, (a + b) / 2, b]), "要在 peak", 0),
    Wrong("01.6", "absolute", hat_at(lambda a, p, b: [abs(a), abs(p), abs(b)]), "不是 −|位置|", 0),
    Wrong("01.6", "whole", hat_at(lambda a, p, b: [int(a), int(p), int(b)]), "处没有拐点", 0),
    Wrong("01.6", "slopes", hat_with(lambda u, d: [u, -d, 0.0]), "斜率**改变**多少", 28),
    Wrong("01.6", "sides", hat_with(lambda u, d: [d, -u - d, u]), "对调了", 0),
    Wrong("01.6", "rounded", hat_rounded, "别用 round", 0),
    Wrong("01.6", "added", hat_added, "每次要新建", 0),
    Wrong("01.6", "symmetric", hat_with(lambda u, d: [u, -2 * u, u]), "不一定左右对称", 28),
    Wrong("01.6", "type", hat_in_type_of_corners, "建成了整数数组", 0),
    Wrong("01.6", "no third kink", hat_with(lambda u, d: [u, -u - d, 0.0]), "没有拉平", 72),
]
# one hint serves several slips of the same kind
SAME_HINT = [
    Wrong("01.1", "cut", lambda z: np.where(z < -742, 0, ex01.sigmoid(z)), "直接置了 0）", 62),
    Wrong(
        "01.2", "less the first", softmax_less(lambda z: z[:, :1]), "先减去这一行的最大值", (43, 57)
    ),
    Wrong("01.2", "less the mean", softmax_less_mean, "exp 就溢出", 56),
    Wrong("01.2", "far clipped", softmax_clipped, "夹住了", 43),
    Wrong("01.4", "no last bias", mlp_but_last_bias, "没有加 b", 0),
    Wrong("01.6", "too wide", hat_too_wide, "右坡的宽", 28),
    Wrong("01.4", "in place", mlp_in_place, "不要 pop，也不要原地写", 88),
]


# --- what differs only where one seldom looks -----------------------------------------------------


def sigmoid_of_base_two(z):
    e = np.exp2(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def sigmoid_into_a_copy(z):
    out = np.zeros_like(z)
    flat = out.reshape(-1)
    for k, one in enumerate(z.reshape(-1)):
        e = math.exp(-abs(one))
        flat[k] = (1 if one >= 0 else e) / (1 + e)
    return out


def sigmoid_plus_little(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e + 5e-10)


def softmax_of_base_two(z):
    e = np.exp2(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_plus_little(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / (e.sum(axis=1, keepdims=True) + 5e-10)


def mlp_of_the_first(x, layers):
    return ex01.mlp_forward(x[:1], layers)[0]


def widest_not_whole(budget, d_in, d_out, depth):
    a, b, c = depth - 1, d_in + d_out + depth, d_out - budget
    return -c / b if a == 0 else (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)


def widest_always_quadratic(budget, d_in, d_out, depth):
    a, b, c = depth - 1, d_in + d_out + depth, d_out - budget
    return int((-b + math.sqrt(b * b - 4 * a * c)) / (2 * a))


def widest_of_16_bits(budget, d_in, d_out, depth):
    H = np.arange(1, 5001, dtype=np.int16)
    n = (d_in + 1) * H + (depth - 1) * (H + 1) * H + (H + 1) * d_out
    return int(H[n <= budget].max(initial=0))


def widest_by_roots(budget, d_in, d_out, depth):
    roots = np.roots([depth - 1, d_in + d_out + depth, d_out - budget])
    return max(int(roots.real.max()), 0)


def widest_a_little_added(budget, d_in, d_out, depth):
    a, b, c = depth - 1, d_in + d_out + depth, d_out - budget
    if c > 0:
        return 0
    root = -c / b if a == 0 else (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)
    return int(root + 0.005)


def hat_from_zero(left, peak, right):
    W1, b1, W2, b2 = ex01.hat(left, peak, right)
    b1[0] = 0
    return W1, b1, W2, b2


WRONG += [
    Wrong("01.1", "base 2", sigmoid_of_base_two, "底数是 2", 0),
    Wrong("01.1", "hard", lambda z: np.clip(0.2 * z + 0.5, 0, 1), "几段直线", 0),
    Wrong("01.1", "into a copy", sigmoid_into_a_copy, "转置来的", 38),
    Wrong("01.1", "a little more below", sigmoid_plus_little, "多加了一个小常数", 0),
    Wrong("01.2", "base 2", softmax_of_base_two, "底数是 2", 0),
    Wrong("01.4", "the first sample", mlp_of_the_first, "只剩一个样本的分数", 0),
    Wrong("01.5", "not whole", widest_not_whole, "向下取整，返回 int", 0),
    Wrong("01.5", "quadratic at depth 1", widest_always_quadratic, "是一次方程", 0),
    Wrong("01.5", "16 bits", widest_of_16_bits, "16 位整数里绕回去了", 0),
    Wrong("01.6", "left at 0", hat_from_zero, "左边的拐点总在 0", 0),
]
SAME_HINT += [
    Wrong("01.2", "a little more below", softmax_plus_little, ("小常数", "位数不够"), 0),
    Wrong("01.5", "np.roots", widest_by_roots, "小心舍入", 50),
    Wrong("01.5", "a little added", widest_a_little_added, ("小心舍入", "放不下"), (0, 50)),
]

globals().update(questions("01", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT))


# --- what stays, and what is the same object ----------------------------------------------------


def test_layers_that_are_kept_in_a_default_are_told():
    def mlp_remembers(x, layers, hs=[]):  # noqa: B006
        hs.append(x)
        for k, (W, b) in enumerate(layers):
            z = hs[k] @ W.T + b
            hs.append(np.maximum(z, 0) if k < len(layers) - 1 else z)
        return hs[-1]

    wrong = judge("01.4", mlp_remembers).wrong
    assert wrong is not None and "hs" in wrong.here


def test_a_width_that_is_kept_by_its_budget_is_told():
    wrong = judge("01.5", widest_remembered).wrong
    assert wrong is not None and "从上一次调用留了下来" in wrong.hint


def test_the_last_layer_is_not_known_by_its_arrays():
    # in this process only: arrays that are one object here arrive as several in another
    for k in (0, 1):
        result = judge("01.4", mlp_last_by(lambda a, b, k=k: a[k] is b[k]))
        assert result.wrong is not None and "用了三次" in result.wrong.hint


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
    m, s = rng.normal(size=7), rng.uniform(0.5, 2, size=7)
    W2, b2 = ex01.absorb(W, b, m, s)
    standardised = ex01.linear_forward((x - m) / s, W, b)
    np.testing.assert_allclose(ex01.linear_forward(x, W2, b2), standardised, rtol=1e-12)


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
    assert ex01._parameters(sizes) == sum(p.numel() for p in net.parameters())
