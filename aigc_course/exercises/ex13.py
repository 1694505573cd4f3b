"""Chapter 13, convolutional networks: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from aigc_course import data
from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    array,
    exercise,
    hints,
    no_python_loop,
    parts,
    shape_of,
    that,
    value,
)

__all__ = ["conv2d", "fold_norm", "input_gradient", "own_kernel", "reach", "says_trousers"]


# --- the library's versions --------------------------------------------------------------------


def conv2d(x: Array, w: Array, stride: int = 1, padding: int = 0) -> Array:
    """Many channels in, many out, without a loop over the places.

    Args:
        x: images, (B, C, H, W).
        w: kernels, (O, C, kH, kW).
        stride, padding: the same along both sides; the padding is zeros.

    Returns:
        (B, O, H_out, W_out).

    Example:
        >>> conv2d(np.ones((1, 2, 3, 3)), np.ones((1, 2, 2, 2)), stride=2, padding=1)[0, 0].tolist()
        [[2.0, 4.0], [4.0, 8.0]]
    """
    edge = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (B, C, H_out, W_out, kH, kW)
    y: Array = np.einsum("bchwij,ocij->bohw", windows, w, optimize=True)
    return y


def input_gradient(
    dy: Array, w: Array, size: tuple[int, int, int, int], stride: int = 1, padding: int = 0
) -> Array:
    """∂L/∂x of :func:`conv2d`.

    Args:
        dy: ∂L/∂y, (B, O, H_out, W_out).
        w: (O, C, kH, kW).
        size: (B, C, H, W) of x.
        stride, padding: as they were.

    Example:
        >>> one = np.ones((1, 1, 2, 2))
        >>> input_gradient(one, one, (1, 1, 3, 3))[0, 0].tolist()
        [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    batch, channels, height, width = size
    dx = np.zeros((batch, channels, height + 2 * padding, width + 2 * padding))
    kh, kw = w.shape[2:]
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            up, left = i * stride, j * stride
            dx[:, :, up : up + kh, left : left + kw] += np.einsum(
                "bo,ocij->bcij", dy[:, :, i, j], w
            )
    return dx[:, :, padding : padding + height, padding : padding + width]


def reach(layers: Sequence[tuple[int, int, int]]) -> int:
    """How many input pixels, along one side, one number of the last layer depends on.

    Args:
        layers: (kernel, stride, dilation) from the input on; dilation d leaves d − 1 pixels
            between two that the kernel reads.

    Example:
        >>> reach([(3, 1, 1), (3, 1, 1)]), reach([(2, 2, 1), (3, 1, 1)]), reach([(3, 1, 4)])
        (5, 6, 9)
    """
    seen, jump = 1, 1
    for kernel, stride, dilation in layers:
        seen += (kernel - 1) * dilation * jump
        jump *= stride
    return seen


def fold_norm(
    w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float = 1e-5
) -> tuple[Array, Array]:
    """Kernels and biases that do alone what a convolution and its normalisation do in evaluation.

    Args:
        w, b: of the convolution, (O, C, kH, kW) and (O,).
        gamma, beta, mean, var: of the normalisation, (O,).

    Example:
        >>> one = np.ones(1)
        >>> w, b = fold_norm(np.ones((1, 1, 1, 1)), one, 3 * one, 5 * one, 2 * one, one, 0.0)
        >>> w.item(), b.item()
        (3.0, 2.0)
    """
    scale = gamma / np.sqrt(var + eps)  # (O,)
    return w * scale[:, None, None, None], (b - mean) * scale + beta


def own_kernel() -> tuple[Array, float]:
    """A kernel that looks for the gap between two legs, and from what answer on it is one.

    Example:
        >>> own_kernel()[0].shape
        (9, 5)
    """
    return np.tile([1.0, 0.0, -2.0, 0.0, 1.0], (9, 1)) / 9, 1.01


def says_trousers(x: Array, kernel: Array, threshold: float) -> Array:
    """Whether the kernel's largest answer anywhere in the picture is above the threshold.

    Args:
        x: pictures, (N, H, W).

    Returns:
        (N,) of booleans.

    Example:
        >>> x = np.zeros((2, 3, 3))
        >>> x[1, 2, 0] = 1
        >>> says_trousers(x, np.array([[1.0, -1.0]]), 0.5).tolist()
        [False, True]
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape, axis=(1, 2))
    best: Array = np.einsum("nhwij,ij->nhw", windows, kernel, optimize=True).max(axis=(1, 2))
    return best > threshold


# --- the judges --------------------------------------------------------------------------------


@exercise("13.1", "没有位置循环的卷积", points=3, asks="conv2d(x, w, stride=1, padding=0) -> y")
@hints(
    "一个位置的输出是 C·kH·kW 个像素与同样多个权重的内积：先把每个位置的像素取出来排好。",
    "循环核里的 kH × kW 个格子，每次用切片一下取出所有位置的那一个像素；"
    "或用 np.lib.stride_tricks.sliding_window_view 取出所有的窗口。",
    "补零后沿两个轴开窗，按步长隔着取，得 (B, C, H_out, W_out, kH, kW)；"
    "再与 (O, C, kH, kW) 沿 C、kH、kW 相乘相加。",
)
def judge_conv2d(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, conv2d)
    (B, C, K), (H, W) = rng.permutation([2, 3, 4]), rng.choice(np.arange(8, 14), 2, replace=False)
    x, w = rng.normal(size=(B, C, H, W)), rng.normal(size=(K, C, 3, 2))
    turned = conv2d(x, w[:, :, ::-1, ::-1])
    traps = {
        "核转了半圈：那是数学里的卷积，这里不翻转": turned,
        "核转了一个方向：两个方向都不翻转": [
            conv2d(x, w[:, :, ::-1]),
            conv2d(x, w[:, :, :, ::-1]),
        ],
        "通道要加起来，不是取平均": conv2d(x, w) / C,
        "只读了第一个通道：每个核要读全部 C 个": conv2d(x[:, :1], w[:, :1]),
    }
    columns = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    high, wide = columns.shape[2:4]
    mixed = (w.reshape(K, -1) @ columns.reshape(B, -1, high * wide)).reshape(B, K, high, wide)
    places_first = np.moveaxis(conv2d(x, w), 1, 3).reshape(B, K, high, wide)
    traps["reshape 不换轴，只重新分段：先 transpose 到要的次序，再 reshape"] = [mixed, places_first]
    form = "y 是 (B, O, H_out, W_out)；H_out = ⌊(H + 2·padding − kH)/stride⌋ + 1，W_out 用 W 与 kW"
    said = "y[b, o] = Σ_c x[b, c] 与 w[o, c] 的互相关"
    yield value(*call(x, w), "y（步长 1，不填充）", said, traps, form=form)
    traps = {
        "没有用到 stride 与 padding": conv2d(x, w),
        "步长与填充弄反了": conv2d(x, w, 2, 3),
    }
    got, want = call(x, w, 1, 2)
    only = "四边各补 padding 圈 0"
    yield value(got, want, "y（padding=2）", only, traps, form=f"{form}；上下左右都要补")
    yield value(*call(x, w, 3, 0), "y（stride=3）", "隔 stride 个位置取一个，从 0 开始", form=form)
    got, want = call(x, w, 3, 2)
    traps = {"先取步长、后填充了：先填充": conv2d(x[:, :, ::3, ::3], w, 1, 2)}
    yield value(got, want, "y（stride=3，padding=2）", "先填充，再隔着取", traps, form=form)
    one = rng.normal(size=(1, 1, 1, 1)), rng.normal(size=(1, 1, 1, 1))
    yield value(*call(*one), "一个像素", "1×1 的图、1×1 的核，y 还是四维", form="y 是 (1, 1, 1, 1)")
    yield again(call, rng.normal(size=(B, C, H, W)), w)
    yield no_python_loop(
        answer,
        lambda n: answer(x[:1, :, :1, :6].repeat(n, 0).repeat(n, 2), w, 1, 1),
        "图变大、变多，Python 的步数不变",
        "可以循环核的 kH × kW 个格子，不要循环位置和批",
        sizes=(6, 24),
    )
    yield call.untouched(weight=0.5)


def _assigned(dy: Array, w: Array, size: Any, stride: int, padding: int) -> Array:
    """The overlaps overwritten in place of added up."""
    batch, channels, height, width = size
    dx = np.zeros((batch, channels, height + 2 * padding, width + 2 * padding))
    kh, kw = w.shape[2:]
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            up, left = i * stride, j * stride
            dx[:, :, up : up + kh, left : left + kw] = np.einsum("bo,ocij->bcij", dy[:, :, i, j], w)
    return dx[:, :, padding : padding + height, padding : padding + width]


@exercise(
    "13.2",
    "找错：卷积对输入的梯度",
    points=3,
    asks="input_gradient(dy, w, size, stride=1, padding=0) -> dx",
)
@hints(
    "一个像素被好几个位置读过；链式法则对各条路做什么？",
    "dx 的大小由 size 定：步长除不尽时，最右、最下可能有像素谁也没有读，它们的梯度是 0。",
    "先造 (B, C, H + 2·padding, W + 2·padding) 的零，逐个位置加上去，"
    "最后切 padding : padding + H（padding 是 0 时 −padding 切不出来）。",
)
def judge_input_gradient(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, input_gradient)
    B, C, K = (int(n) for n in rng.permutation([2, 3, 4]))
    w = rng.normal(size=(K, C, 3, 2))

    def case(H: int, W: int, stride: int, padding: int) -> tuple[Any, ...]:
        high = (H + 2 * padding - 3) // stride + 1
        wide = (W + 2 * padding - 2) // stride + 1
        return rng.normal(size=(B, K, high, wide)), w, (B, C, H, W), stride, padding

    H, W = (int(n) for n in rng.choice(np.arange(5, 9), 2, replace=False))
    for said, point, form in (
        ("步长 1，padding=1", case(H, W, 1, 1), "dx 与 x 同形：(B, C, H, W)"),
        (
            "步长 1，不填充",
            case(H, W, 1, 0),
            "dx 与 x 同形：padding 是 0 时，[0:-0] 是空的",
        ),
        (
            "步长 2，除不尽",
            case(8, 7, 2, 0),
            "dx 与 x 同形：步长除不尽时，右边与下边剩下的像素也要有位置，梯度是 0",
        ),
        (
            "步长 2，padding=1",
            case(8, 7, 2, 1),
            "dx 与 x 同形：步长除不尽，填充又在，也按 size 切",
        ),
    ):
        dy, _, size, stride, padding = point
        whole = (B, C, size[2] + 2 * padding, size[3] + 2 * padding)
        padded = input_gradient(dy, w, whole, stride)
        ones = (np.ones_like(dy[:1, :1]), np.ones((1, 1, 3, 2)), (1, 1, *size[2:]), stride, padding)
        rest = ((whole[2] - 3) % stride, (whole[3] - 2) % stride)
        right = input_gradient(*point)
        traps = {
            "重叠的地方覆盖了：几个位置读过同一个像素，梯度要加起来": _assigned(*point),
            "用的是转过的核：前向怎样读，梯度就怎样还回去": input_gradient(
                dy, w[:, :, ::-1, ::-1], size, stride, padding
            ),
            "梯度不取批的平均：每张图各是各的": right / B,
            "重叠的地方要相加，不是取平均": right / np.maximum(input_gradient(*ones), 1),
        }
        if padding:
            traps["切错了地方：前面也有 padding 圈，从第 padding 行、列切起"] = padded[
                :, :, : size[2], : size[3]
            ]
        if stride > 1:
            traps["没有用到步长：第 i 个位置从第 i·stride 行读起"] = input_gradient(
                dy, w, size, 1, padding
            )
            moved = np.roll(padded, rest, axis=(2, 3))
            traps["没人读的像素在右边、下边，不在左边、上边"] = moved[
                :, :, padding : padding + size[2], padding : padding + size[3]
            ]
        traps = {hint: v for hint, v in traps.items() if not np.allclose(v, right)}
        yield value(
            *call(*point), f"dx（{said}）", "每个位置把 dy·w 还给它读过的像素", traps, form=form
        )
    yield again(call, *case(H, W, 1, 1))
    yield call.untouched(weight=0.5)


@cache
def _garments() -> tuple[Array, Array]:
    """(N, 28, 28) trousers and dresses of the training part, and whether they are trousers."""
    train = data.fashion_mnist().train
    chosen = np.isin(train.y, (1, 3))
    return data.as_float(train.x[chosen], flatten=False), train.y[chosen] == 1


def _best_accuracy(images: Array, truth: Array, kernel: Array) -> float:
    """What the kernel would reach with the threshold that suits these pictures best."""
    windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape, axis=(1, 2))
    best = np.einsum("nhwij,ij->nhw", windows, kernel, optimize=True).max(axis=(1, 2))
    order = np.argsort(best)
    hits = truth.sum() + np.cumsum(np.where(truth[order], -1, 1))  # the lowest ones said no to
    last = np.append(best[order][1:] > best[order][:-1], True)  # equal answers stay together
    return float(max(truth.sum(), hits[last].max()) / len(truth))


@exercise("13.3", "你自己的核", points=3, asks="own_kernel() -> kernel, threshold", limit=20.0)
@hints(
    "裤子有而连衣裙没有的是什么？在图上它多宽、多高、两边是什么？",
    "核里正数放在该亮的地方，负数放在该暗的地方，总和为 0：一片均匀的布就得 0。",
    "一道竖缝：中间一两列负，两侧各几列正，往下重复几行。门限用训练图上两类的得分挑。",
)
def judge_own_kernel(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, own_kernel)
    got = call()[0]
    kernel, threshold = yield from parts(got, 2, "kernel, threshold")
    size = shape_of(kernel)
    flat = size is not None and len(size) == 2
    form = f"核是二维数组 (高, 宽)，现在的形状是 {size}"
    if size == ():
        form = "先返回核，再返回门限：第一个应当是二维数组 (高, 宽)，现在是一个数"
    yield that(flat, "核是二维数组", form)
    assert size is not None
    small = min(size) >= 1 and max(size) <= 9
    yield that(small, "核不超过 9×9", f"高与宽都在 1 与 9 之间，现在是 {size[0]}×{size[1]}")
    hint = f"门限是一个数，现在的形状是 {shape_of(threshold)}"
    limit = float((yield from array(threshold, (), "门限", hint)))
    kernel = np.asarray(kernel, dtype=float)
    finite = bool(np.isfinite(kernel).all() and np.isfinite(limit))
    yield that(finite, "都是有限的数", "核或门限里有 nan 或 inf")
    images, trousers = _garments()
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(trousers == kind), 500, replace=False) for kind in (True, False)]
    )
    said, truth = says_trousers(images[rows], kernel, limit), trousers[rows]
    right = float(np.mean(said == truth))
    hint = "分得开一些，还不够：缝有多高？核加高几行、左右加宽一列试试，门限也跟着重新挑"
    if said.all() or not said.any():
        kind = "裤子" if said.all() else "连衣裙"
        hint = f"一千张全说成{kind}：门限太{'低' if said.all() else '高'}，先看看两类的得分各在哪里"
    elif np.all(kernel >= 0):
        hint = "核里没有负数：它量的是亮不亮，裤子与连衣裙都亮。缝是暗的，要有负数"
    elif abs(kernel.sum()) > 0.2 * np.abs(kernel).sum():
        hint = "正负的总和离 0 很远：亮的布会把缝盖过去，或整片布都算成缝"
    if right < 0.85 and not (said.all() or not said.any()):
        able = _best_accuracy(images[rows], truth, kernel)
        if able >= 0.85 and right < able - 0.02:
            hint = "核分得开，门限没有挑好：看看两类的得分各在哪里，取中间分得最开的一个数"
        elif _best_accuracy(images[rows], truth, -kernel) >= max(0.8, able + 0.05):
            hint = "正负反了：图上亮（数大）的地方放正数，缝是暗的，放负数"
        elif _best_accuracy(images[rows], truth, kernel.T) >= max(0.8, able + 0.05):
            hint = "这个核找的是横的：裤子两腿之间的缝是竖的，行与列换一换"
        elif able < 0.7 and np.any(kernel < 0) and abs(kernel.sum()) <= 0.2 * np.abs(kernel).sum():
            hint = (
                "换哪个门限都分不太开：这个核找的图案裤子和连衣裙都有；裤子有的是两腿之间那道暗缝"
            )
    told = f"500 条裤子、500 条连衣裙，判对 {right:.1%}，要 85%"
    yield that(right >= 0.7, "判对七成", hint, told, weight=1.0)
    yield that(right >= 0.85, "判对八成半", hint, told, weight=2.0)


@exercise("13.4", "先猜再跑：看见多少像素", points=2, asks="reach(layers) -> int")
@hints(
    "从输入往上走，记两个数：一个输出看见多少像素，相邻两个输出的视野错开多少像素。",
    "视野加宽的量，是核里最左与最右两格之间隔多少个输入像素；错开的量只由步长改变。",
    "核宽 k、空洞 d 的一层，最左最右相隔 (k − 1)·d 个它的输入，每个输入错开 jump 个像素；"
    "加宽之后，再把 jump 乘上这一层自己的步长。",
)
def judge_reach(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, reach)

    def ask(layers: list[tuple[int, int, int]], said: str, hint: str, weight: float = 1.0) -> Any:
        plain = [(k, s, 1) for k, s, _ in layers]
        flat = [(k, 1, d) for k, s, d in layers]
        late, jump = 1, 1
        for k, s, d in layers:
            jump *= s
            late += (k - 1) * d * jump
        wide, step = 1, 1
        for k, s, d in layers:  # the dilated kernel taken for k·d wide
            wide, step = wide + (k * d - 1) * step, step * s
        added, jump = 1, 1  # strides added up; holes taken for strides
        for k, s, d in layers:
            added, jump = added + (k - 1) * d * jump, jump + s - 1
        hole, jump = 1, 1
        for k, s, d in layers:
            hole, jump = hole + (k - 1) * d * jump, jump * s * d
        upwards = 1  # the recurrence for going down, run upwards
        for k, s, d in layers:
            upwards = (upwards - 1) * s + (k - 1) * d + 1
        places = {0}
        for k, s, d in layers[::-1]:
            places = {i * s + u * d for i in places for u in range(k)}
        multiplied = int(np.prod([k for k, _, _ in layers]))
        want = reach(layers)
        traps = {
            "视野不是核宽的乘积：每一层只加宽一点": multiplied,
            "核宽加起来不对：每一层加的是 k − 1，再加最初的 1": sum(k for k, _, _ in layers),
            "少了最初的 1：没有层的时候，一个输出就是一个像素": want - 1,
            "没有用到步长：前面跨过的步子会把后面的核撑宽": reach(flat),
            "这一层的步长不撑宽这一层自己的核，只撑宽后面的": late,
            "步长要跨层连乘，不只是前一层的": 1
            + sum(
                (k - 1) * d * ([1] + [s for _, s, _ in layers])[i]
                for i, (k, _, d) in enumerate(layers)
            ),
            "步长是连乘，不是加起来": added,
            "层的次序反了：从输入数起，前面的步长撑宽后面的核": [upwards, reach(layers[::-1])],
            "中间跳过不读的像素也算：从最左数到最右": len(places),
            "要的是一条边上的宽，不是面积": want**2,
        }
        if any(d > 1 for _, _, d in layers):  # the others have shown by then
            traps = {
                "没有用到空洞 d：它把核撑宽": reach(plain),
                "空洞核的宽是 (k − 1)·d + 1，不是 k·d": wide,
                "空洞只撑宽这一层的核，不改变相邻两个输出错开多少": hole,
            }
        traps = {h: v for h, v in traps.items() if v != want}
        return value(*call(layers), said, hint, traps, weight=weight)

    k = [int(n) for n in rng.choice([3, 5, 7], 3)]
    yield ask([(n, 1, 1) for n in k], "三层，步长 1", "每一层加宽 k − 1")
    # the first layer skips every third pixel; with these kernels no two mistakes give one number
    strided = [(2, 3, 1), (k[0], 2, 1), (4, 2, 1), (int(rng.choice([5, 7])), 1, 1)]
    yield ask(strided, "有步长", "步长跨层连乘")
    holes = [(3, 1, 1), (k[0], 2, int(rng.integers(2, 5))), (3, 1, int(rng.integers(2, 5)))]
    yield ask(holes, "有空洞", "空洞 d：核里相邻两格隔 d 个输入")
    yield value(*call([]), "没有层", "一层也没有时，一个输出就是那一个像素：1", weight=0.5)
    yield value(*call([(1, 2, 3)]), "1×1", "1×1 的核只看一个像素，步长、空洞都不改变它", weight=0.5)
    yield again(call, strided[::-1])
    yield call.untouched(weight=0.5)


@exercise(
    "13.5",
    "把批归一化折进卷积",
    points=3,
    asks="fold_norm(w, b, gamma, beta, mean, var, eps=1e-5) -> w2, b2",
)
@hints(
    "评估时 mean、var、γ、β 都是常数：归一化只是每个输出通道的一次乘、一次加。",
    "写出 γ·(w∗x + b − mean)/√(var + ε) + β，把含 x 的与不含 x 的分开。",
    "s = γ/√(var + ε)，每个输出通道一个。w2 是 w 的第 o 个核乘 s[o]；"
    "b2 是剩下的常数：(b − mean)·s + β。",
)
def judge_fold_norm(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, fold_norm)
    for said, (K, C) in (("O ≠ C", (4, 3)), ("O = C", (3, 3))):
        w, b = rng.normal(size=(K, C, 3, 2)), rng.normal(size=K)
        gamma, beta, mean = rng.uniform(0.5, 2, size=K), rng.normal(size=K), rng.normal(size=K)
        var, eps = rng.uniform(0.05, 0.3, size=K), float(rng.uniform(0.02, 0.05))
        gamma[0] *= -1
        var[-1] *= 0.02  # a channel that hardly moves
        got, want = call(w, b, gamma, beta, mean, var, eps)
        w2, b2 = yield from parts(got, 2, "w2, b2", want=want)
        sd = np.sqrt(var + eps)
        scale = gamma / sd
        each = (slice(None), None, None, None)
        traps = {
            "没有用到 ε": w * (gamma / np.sqrt(var))[each],
            "ε 加在方差上，再开方": w * (gamma / (np.sqrt(var) + eps))[each],
            "除的是标准差，不是方差": w * (gamma / (var + eps))[each],
            "γ 没有乘进去": w / sd[each],
            "γ 可以是负的：不要取绝对值": w * np.abs(scale)[each],
            "没有除以标准差": w * gamma[each],
            "w 还是原来的：缩放也要折进去": w,
            "ε 用的是默认值，没有用参数给的": w * (gamma / np.sqrt(var + 1e-5))[each],
        }
        if K == C:
            traps["缩放乘在了输入通道上：归一化在卷积之后，管的是输出通道"] = (
                w * scale[None, :, None, None]
            )
        hint = "第 o 个核整个乘一个数：γ[o]/√(var[o] + ε)"
        yield value(w2, want[0], f"w2（{said}）", hint, traps, form="w2 与 w 同形：(O, C, kH, kW)")
        b_traps: dict[str, Any] = {
            "b 也要减去均值再缩放：归一化的是 w∗x + b": b * scale + beta,
            "b 没有缩放": [b + beta - mean * scale, b - mean + beta],
            "均值没有缩放：b 与均值一起乘 γ/√(var + ε)": b * scale - mean + beta,
            "b2 里没有乘 γ": (b - mean) / sd + beta,
            "漏了卷积自己的偏置 b": beta - mean * scale,
            "漏了 β": (b - mean) * scale,
            "均值的符号反了：是减去": [(b + mean) * scale + beta, b * scale + mean * scale],
            "β 不缩放：它在最后才加": (b - mean + beta) * scale,
        }
        yield value(
            b2, want[1], f"b2（{said}）", "不含 x 的各项收在一起", b_traps, form="b2 是 (O,)"
        )
    others = (rng.permutation(v) for v in (gamma, beta, mean))
    yield again(call, rng.normal(size=w.shape), rng.normal(size=K), *others, var, eps)
    yield call.untouched(weight=0.5)
