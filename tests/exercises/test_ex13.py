"""The judges of 13_cnn: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from aigc_course.exercises import ex13, judge
from tests.support.common_questions import questions
from tests.support.harness import (
    Wrong,
    assert_spoilt_fails,
    assert_worth_nothing,
    know_nothings,
)

# --- other right answers -----------------------------------------------------------------------


def conv_by_kernel_places(x, w, stride=1, padding=0):
    b, c, h, wide = x.shape
    big = np.zeros((b, c, h + 2 * padding, wide + 2 * padding))
    big[:, :, padding : padding + h, padding : padding + wide] = x
    rows = (big.shape[2] - w.shape[2]) // stride + 1
    cols = (big.shape[3] - w.shape[3]) // stride + 1
    y = 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            seen = big[:, :, i : i + stride * rows : stride, j : j + stride * cols : stride]
            y = y + np.tensordot(seen, w[:, :, i, j], axes=(1, 1))  # (B, H_out, W_out, O)
    return np.moveaxis(y, 3, 1)


def conv_by_index(x, w, stride=1, padding=0):
    x = np.pad(x, [(0, 0), (0, 0), (padding,) * 2, (padding,) * 2])
    o, c, kh, kw = w.shape
    rows = np.arange(0, x.shape[2] - kh + 1, stride)[:, None] + np.arange(kh)
    cols = np.arange(0, x.shape[3] - kw + 1, stride)[:, None] + np.arange(kw)
    seen = x[:, :, rows[:, None, :, None], cols[None, :, None, :]]  # (B, C, Ho, Wo, kh, kw)
    flat = seen.transpose(0, 2, 3, 1, 4, 5).reshape(-1, c * kh * kw)
    y = flat @ w.reshape(o, -1).T
    return y.reshape(len(x), len(rows), len(cols), o).transpose(0, 3, 1, 2)


def gradient_by_kernel_places(dy, w, size, stride=1, padding=0):
    b, c, h, wide = size
    dx = np.zeros((b, c, h + 2 * padding, wide + 2 * padding))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            back = np.einsum("bohw,oc->bchw", dy, w[:, :, i, j])
            rows = slice(i, i + stride * dy.shape[2], stride)
            dx[:, :, rows, j : j + stride * dy.shape[3] : stride] += back
    return dx[:, :, padding : h + padding, padding : wide + padding]


def gradient_pixel_by_pixel(dy, w, size, stride=1, padding=0):
    dx = np.zeros(size)
    for p, q in np.ndindex(*size[2:]):
        for i, j in np.ndindex(*dy.shape[2:]):
            u, v = p + padding - i * stride, q + padding - j * stride
            if 0 <= u < w.shape[2] and 0 <= v < w.shape[3]:
                dx[:, :, p, q] += dy[:, :, i, j] @ w[:, :, u, v]
    return dx


def reach_backwards(layers):
    seen = 1
    for kernel, stride, dilation in list(layers)[::-1]:
        seen = (seen - 1) * stride + dilation * (kernel - 1) + 1
    return seen


def reach_by_ends(layers):
    first, last = 0, 0
    for k, s, d in reversed(layers):
        first, last = first * s, last * s + d * (k - 1)
    return np.int64(last - first + 1)


def fold_with_loop(w, b, gamma, beta, mean, var, eps=1e-5):
    w2, b2 = np.empty_like(w), np.empty_like(b)
    for o in range(len(w)):
        sd = (var[o] + eps) ** 0.5
        w2[o] = gamma[o] * w[o] / sd
        b2[o] = beta[o] + gamma[o] * (b[o] - mean[o]) / sd
    return [w2, b2]


def fold_with_einsum(w, b, gamma, beta, mean, var, eps=1e-5):
    a = gamma / np.sqrt(eps + var)
    return np.einsum("ochw,o->ochw", w, a), a * b + (beta - a * mean)


def wide_gap():
    return [[1, 1, 1, -3, -3, 1, 1, 1]] * 5, 14.6


def tall_gap():
    return np.tile([1.0, 1, -2, -2, 1, 1], (9, 1)), np.float64(9 * 1.86)


ALSO_RIGHT = [
    ("13.1", conv_by_kernel_places),
    ("13.1", conv_by_index),
    ("13.2", gradient_by_kernel_places),
    ("13.2", gradient_pixel_by_pixel),
    ("13.4", reach_backwards),
    ("13.4", reach_by_ends),
    ("13.5", fold_with_loop),
    ("13.5", fold_with_einsum),
    ("13.3", wide_gap),
    ("13.3", tall_gap),
]


# --- typical mistakes --------------------------------------------------------------------------

conv, dx, fold = ex13.conv2d, ex13.input_gradient, ex13.fold_norm


def conv_by_places(x, w, stride=1, padding=0):
    x = np.pad(x, [(0, 0), (0, 0), (padding,) * 2, (padding,) * 2])
    rows = range(0, x.shape[2] - w.shape[2] + 1, stride)
    cols = range(0, x.shape[3] - w.shape[3] + 1, stride)
    y = np.empty((len(x), len(w), len(rows), len(cols)))
    for p, i in enumerate(rows):
        for q, j in enumerate(cols):
            seen = x[:, :, i : i + w.shape[2], j : j + w.shape[3]]
            y[:, :, p, q] = np.tensordot(seen, w, axes=([1, 2, 3], [1, 2, 3]))
    return y


def conv_one_side(x, w, stride=1, padding=0):
    return conv(np.pad(x, [(0, 0), (0, 0), (0, padding), (0, padding)]), w, stride)


def conv_squeezed(x, w, stride=1, padding=0):
    return conv(x, w, stride, padding).squeeze()


def conv_in_place(x, w, stride=1, padding=0):
    y = conv(x, w, stride, padding)
    x -= x.mean()
    return y


def colleague(dy, w, size, stride=1, padding=0, add=False, cut=False, whole=False):
    """The lesson's; each of its three slips can be mended."""
    b, c, h, wide = size
    _, _, rows, cols = dy.shape
    kh, kw = w.shape[2:]
    shape = (b, c, (rows - 1) * stride + kh, (cols - 1) * stride + kw)
    if whole:
        shape = (b, c, h + 2 * padding, wide + 2 * padding)
    out = np.zeros(shape)
    for i in range(rows):
        for j in range(cols):
            back = np.einsum("bo,ocij->bcij", dy[:, :, i, j], w)
            place = (..., slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
            out[place] = back + (out[place] if add else 0)
    if cut:
        return out[:, :, padding : padding + h, padding : padding + wide]
    return out[:, :, padding:-padding, padding:-padding]


def mended(**what):
    return lambda dy, w, size, stride=1, padding=0: colleague(dy, w, size, stride, padding, **what)


def reach_late(layers):
    seen, jump = 1, 1
    for kernel, stride, dilation in layers:
        jump *= stride
        seen += (kernel - 1) * dilation * jump
    return seen


def reach_last_stride(layers):
    seen, before = 1, 1
    for kernel, stride, dilation in layers:
        seen, before = seen + (kernel - 1) * dilation * before, stride
    return seen


def reach_wide_holes(layers):
    return ex13.reach([((k - 1) * d + 1 + (d > 1), s, 1) for k, s, d in layers])


def reach_popping(layers):
    seen = 1
    while layers:
        kernel, stride, dilation = layers.pop()
        seen = (seen - 1) * stride + dilation * (kernel - 1) + 1
    return seen


def reach_counting(layers):
    """Only the pixels that are read, not those skipped between them."""
    places = {0}
    for kernel, stride, dilation in layers[::-1]:
        places = {i * stride + u * dilation for i in places for u in range(kernel)}
    return len(places)


def reach_adding(layers):
    seen, jump = 1, 1
    for kernel, stride, dilation in layers:
        seen, jump = seen + (kernel - 1) * dilation * jump, jump + stride - 1
    return seen


def reach_hole_as_stride(layers):
    seen, jump = 1, 1
    for kernel, stride, dilation in layers:
        seen, jump = seen + (kernel - 1) * dilation * jump, jump * stride * dilation
    return seen


def reach_upwards(layers):
    seen = 1
    for kernel, stride, dilation in layers:
        seen = (seen - 1) * stride + (kernel - 1) * dilation + 1
    return seen


def conv_cut_anew(x, w, stride=1, padding=0):
    x = np.pad(x, [(0, 0), (0, 0), (padding,) * 2, (padding,) * 2])
    seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    seen = seen[:, :, ::stride, ::stride]
    rows, cols = seen.shape[2:4]
    flat = w.reshape(len(w), -1) @ seen.reshape(len(x), -1, rows * cols)
    return flat.reshape(len(x), len(w), rows, cols)


def gradient_averaged(dy, w, size, stride=1, padding=0):
    one = np.ones((1, 1, *w.shape[2:]))
    times = dx(np.ones_like(dy[:1, :1]), one, (1, 1, *size[2:]), stride, padding)
    return dx(dy, w, size, stride, padding) / np.maximum(times, 1)


def gradient_cut_at_0(dy, w, size, stride=1, padding=0):
    b, c, h, wide = size
    whole = (b, c, h + 2 * padding, wide + 2 * padding)
    return dx(dy, w, whole, stride)[:, :, :h, :wide]


def scaled(w, b, gamma, beta, mean, var, eps=1e-5):
    return gamma / np.sqrt(var + eps)


def fold_but(change_w=None, change_b=None):
    def answer(w, b, gamma, beta, mean, var, eps=1e-5):
        w2, b2 = fold(w, b, gamma, beta, mean, var, eps)
        s = gamma / np.sqrt(var + eps)
        each = (slice(None), None, None, None)
        given = {"w": w, "b": b, "gamma": gamma, "beta": beta, "mean": mean, "var": var}
        given |= {"eps": eps, "s": s, "each": each}
        return (change_w or (lambda **_: w2))(**given), (change_b or (lambda **_: b2))(**given)

    return answer


def fold_in_place(w, b, gamma, beta, mean, var, eps=1e-5):
    out = fold(w, b, gamma, beta, mean, var, eps)
    w *= 2
    return out


GAP = np.tile([1.0, 0, -2, 0, 1], (9, 1)) / 9

WRONG = [
    Wrong("13.1", "turned", lambda x, w, s=1, p=0: conv(x, w[:, :, ::-1, ::-1], s, p), "半圈", 0),
    Wrong("13.1", "one way", lambda x, w, s=1, p=0: conv(x, w[..., ::-1], s, p), "一个方向", 0),
    Wrong("13.1", "mean", lambda x, w, s=1, p=0: conv(x, w, s, p) / x.shape[1], "不是取平均", 0),
    Wrong("13.1", "first", lambda x, w, s=1, p=0: conv(x[:, :1], w[:, :1], s, p), "第一个通道", 0),
    Wrong("13.1", "no padding", lambda x, w, s=1, p=0: conv(x, w, s), "上下左右都要补", 18),
    Wrong("13.1", "no stride", lambda x, w, s=1, p=0: conv(x, w, 1, p), "H_out = ⌊", 36),
    Wrong("13.1", "squeezed", conv_squeezed, "(1, 1, 1, 1)", 73),
    Wrong("13.1", "places", conv_by_places, "不要循环位置", 91),
    Wrong("13.1", "in place", conv_in_place, "被原地修改", 91),
    Wrong("13.2", "colleague", colleague, "覆盖了", 0),
    Wrong("13.2", "cut by minus", mended(add=True, whole=True), "[0:-0]", 22),
    Wrong("13.2", "rest lost", mended(add=True, cut=True), "剩下的像素", 44),
    Wrong("13.2", "turned", lambda dy, w, *a: dx(dy, w[..., ::-1, ::-1], *a), "转过的核", 0),
    Wrong("13.2", "mean", lambda dy, *a: dx(dy, *a) / len(dy), "不取批的平均", 0),
    Wrong("13.1", "reshaped, not turned", conv_cut_anew, "先 transpose", 0),
    Wrong("13.2", "averaged", gradient_averaged, "不是取平均", 0),
    Wrong("13.2", "cut at 0", gradient_cut_at_0, "从第 padding 行", 0),
    Wrong("13.2", "stride unused", lambda dy, w, size, s=1, p=0:
          dx(dy, w, size, 1, p), "没有用到步长", 44),
    Wrong("13.4", "counts what is read", reach_counting, "跳过不读的像素也算", 22),
    Wrong("13.4", "strides added", reach_adding, "不是加起来", 22),
    Wrong("13.4", "upwards", reach_upwards, "次序反了", 22),
    Wrong("13.4", "hole as stride", reach_hole_as_stride, "空洞只撑宽这一层", 44),
    Wrong("13.4", "area", lambda ls: ex13.reach(ls) ** 2, "不是面积", 0),
    Wrong("13.4", "product", lambda ls: int(np.prod([k for k, _, _ in ls])), "核宽的乘积", 0),
    Wrong("13.4", "sum", lambda ls: sum(k for k, _, _ in ls), "加的是 k − 1", 0),
    Wrong("13.4", "no 1", lambda ls: ex13.reach(ls) - 1, "少了最初的 1", 0),
    Wrong("13.4", "flat", lambda ls: ex13.reach([(k, 1, d) for k, _, d in ls]), "没有用到步长", 22),
    Wrong("13.4", "late", reach_late, "只撑宽后面的", 22),
    Wrong("13.4", "last stride", reach_last_stride, "跨层连乘", 22),
    Wrong("13.4", "no hole", lambda ls: ex13.reach([(k, s, 1) for k, s, _ in ls]), "到空洞 d", 44),
    Wrong("13.4", "k d", reach_wide_holes, ("(k − 1)·d + 1", "相邻两格隔"), 44),
    Wrong("13.4", "pops", reach_popping, "被原地修改", 89),
    Wrong("13.5", "variance", fold_but(lambda w, gamma, var, eps, each, **_:
          w * (gamma / (var + eps))[each]), "除的是标准差", 0),
    Wrong("13.5", "eps outside", fold_but(lambda w, gamma, var, eps, each, **_:
          w * (gamma / (np.sqrt(var) + eps))[each]), "再开方", 0),
    Wrong("13.5", "no eps", fold_but(lambda w, gamma, var, each, **_:
          w * (gamma / np.sqrt(var))[each]), "没有用到 ε", 0),
    Wrong("13.5", "default eps", fold_but(lambda w, gamma, var, each, **_:
          w * (gamma / np.sqrt(var + 1e-5))[each]), "默认值", 0),
    Wrong("13.5", "no gamma", fold_but(lambda w, var, eps, each, **_:
          w / np.sqrt(var + eps)[each]), "γ 没有乘进去", 0),
    Wrong("13.5", "w as it was", fold_but(lambda w, **_: w), "w 还是原来的", 0),
    Wrong("13.5", "last axis", fold_but(lambda w, s, **_: w[..., :1] * s), "与 w 同形", 0),
    Wrong("13.5", "b unscaled", fold_but(None, lambda b, beta, mean, s, **_:
          b + beta - mean * s), "b 没有缩放", 22),
    Wrong("13.5", "no b", fold_but(None, lambda beta, mean, s, **_: beta - mean * s), "偏置 b", 22),
    Wrong("13.5", "no beta", fold_but(None, lambda b, mean, s, **_: (b - mean) * s), "漏了 β", 22),
    Wrong("13.5", "plus", fold_but(None, lambda b, beta, mean, s, **_:
          (b + mean) * s + beta), "符号反了", 22),
    Wrong("13.5", "beta scaled", fold_but(None, lambda b, beta, mean, s, **_:
          (b - mean + beta) * s), "β 不缩放", 22),
    Wrong("13.5", "gamma's size", fold_but(lambda w, s, each, **_: w * abs(s)[each]), "绝对值", 0),
    Wrong("13.5", "variance floored", lambda w, b, gamma, beta, mean, var, eps=1e-5:
          fold(w, b, gamma, beta, mean, np.maximum(var, 1e-2), eps), "整个乘一个数", 0),
    Wrong("13.5", "mean unscaled", fold_but(None, lambda b, beta, mean, s, **_:
          b * s - mean + beta), "均值没有缩放", 22),
    Wrong("13.5", "b without gamma", fold_but(None, lambda b, beta, mean, var, eps, **_:
          (b - mean) / np.sqrt(var + eps) + beta), "没有乘 γ", 22),
    Wrong("13.5", "in place", fold_in_place, "被原地修改", 89),
    Wrong("13.3", "bright", lambda: (np.ones((3, 3)), 8.5), "没有负数", (0, 34)),
    Wrong("13.3", "low", lambda: (GAP, -9.0), "门限太低", 0),
    Wrong("13.3", "high", lambda: (GAP, 99.0), "门限太高", 0),
    Wrong("13.3", "large", lambda: (np.ones((12, 5)), 1.0), "1 与 9 之间", 0),
    Wrong("13.3", "short", lambda: (GAP[:1] * 9, 1.42), "加高几行", 33),
    Wrong("13.3", "signs", lambda: (-GAP, 1.01), "正负反了", (0, 34)),
    Wrong("13.3", "level", lambda: (GAP.T, 1.01), "行与列换一换", 0),
    Wrong("13.3", "threshold", lambda: (GAP, 1.5), "门限没有挑好", (0, 34)),
    Wrong("13.3", "edge", lambda: (np.array([[-1.0, 0, 1]] * 3), 2.0), "换哪个门限", 0),
    Wrong("13.3", "threshold first", lambda: (1.01, GAP), "再返回门限", 0),
    Wrong("13.3", "flat", lambda: (np.ones(5), 1.0), "二维数组", 0),
    Wrong("13.3", "nan", lambda: (GAP * np.nan, 1.0), "nan", 0),
]  # fmt: skip

SAME_HINT = [
    Wrong("13.1", "one side", conv_one_side, "上下左右都要补", 18),
    Wrong("13.2", "not added", mended(cut=True, whole=True), "覆盖了", 0),
    Wrong("13.5", "w and b swapped", lambda *a: fold(*a)[::-1], "次序", 0),
]

# 13.1 counts steps of Python, and a reference that is listened to takes one for every number;
# 13.3 asks for no particular numbers
globals().update(
    questions(
        "13", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT, opaque={"13.1", "13.3"}
    )
)


def test_convolutions_that_know_nothing_or_spoil_their_result_fail():
    assert_worth_nothing("13.1", know_nothings(ex13.conv2d))
    assert_spoilt_fails("13.1")


# --- the library's versions --------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 0), (3, 1)])
def test_convolution_and_its_gradient_are_pytorchs(stride, padding):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 8, 7)), rng.normal(size=(4, 3, 3, 2))
    tx = torch.tensor(x, requires_grad=True)
    y = F.conv2d(tx, torch.tensor(w), stride=stride, padding=padding)
    assert np.allclose(conv(x, w, stride, padding), y.detach())
    dy = rng.normal(size=y.shape)
    y.backward(torch.tensor(dy))
    assert np.allclose(dx(dy, w, x.shape, stride, padding), tx.grad)


def test_a_folded_layer_answers_as_both():
    torch.manual_seed(0)
    first, norm = nn.Conv2d(3, 4, 3).double(), nn.BatchNorm2d(4).double().eval()
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.1, 2)
    nn.init.normal_(norm.weight)
    values = (first.weight, first.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var)
    w, b = fold(*(v.detach().numpy() for v in values))
    x = torch.randn(2, 3, 6, 6).double()
    wanted = norm(first(x))
    assert torch.allclose(F.conv2d(x, torch.tensor(w), torch.tensor(b)), wanted)


def test_a_kernel_for_the_gap_is_right_on_pictures_it_was_not_chosen_on():
    from aigc_course import data

    val = data.fashion_mnist().val
    chosen = np.isin(val.y, (1, 3))
    said = ex13.says_trousers(data.as_float(val.x[chosen], flatten=False), *ex13.own_kernel())
    assert np.mean(said == (val.y[chosen] == 1)) > 0.85


def test_a_kernel_of_one_pixel_is_judged_too():
    assert judge("13.3", lambda: (np.array([[1.0]]), 0.99)).status == "failed"
