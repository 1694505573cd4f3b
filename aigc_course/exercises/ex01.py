"""Chapter 01, forward propagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.exercises.core import Step, close, exercise, shape, that, untouched

Array = NDArray[Any]

__all__ = ["count_mlp", "hat", "linear_forward", "mlp_forward", "sigmoid", "softmax"]


# --- the library's versions --------------------------------------------------------------------


def sigmoid(z: Array) -> Array:
    """Logistic function, element by element, without overflow and exact in both tails.

    Args:
        z: any shape.

    Returns:
        Same shape as ``z``, values in [0, 1].

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    z = np.asarray(z, dtype=float)
    e = np.exp(-np.abs(z))  # the argument is never positive, so nothing overflows
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def softmax(z: Array) -> Array:
    """Softmax of each row of ``z`` (Bridle, 1990), shifted by the row's maximum.

    Args:
        z: scores, (B, K).

    Returns:
        Probabilities, (B, K); each row sums to 1.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
        [[0.5, 0.5]]
    """
    z = np.asarray(z)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def linear_forward(x: Array, W: Array, b: Array) -> Array:
    """One linear layer for a batch: ``x W^T + b``.

    Args:
        x: (B, D_in).
        W: (D_out, D_in).
        b: (D_out,).

    Returns:
        (B, D_out).

    Example:
        >>> linear_forward(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([5.0])).tolist()
        [[16.0]]
    """
    return x @ W.T + b


def mlp_forward(x: Array, layers: Sequence[tuple[Array, Array]]) -> Array:
    """Multilayer perceptron: ReLU after every layer but the last.

    Args:
        x: (B, D).
        layers: one ``(W, b)`` a layer, shapes (D_out, D_in) and (D_out,).

    Returns:
        Scores of the last layer, (B, K), without an activation.

    Example:
        >>> layers = [(np.array([[1.0], [-1.0]]), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
        >>> mlp_forward(np.array([[-3.0], [2.0]]), layers).tolist()
        [[3.0], [2.0]]
    """
    for k, (W, b) in enumerate(layers):
        x = linear_forward(x, W, b)
        if k < len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def count_mlp(sizes: Sequence[int], batch: int) -> tuple[int, int, int]:
    """Parameters, FLOPs and activation bytes of one forward pass.

    Args:
        sizes: widths from input to output, such as ``[784, 256, 128, 10]``.
        batch: number of samples B.

    Returns:
        ``(parameters, flops, bytes)``: weights and biases; 2 FLOPs for each multiply-add of the
        matrix products (bias and activation left out); 4 bytes for each input and layer output.

    Example:
        >>> count_mlp([784, 256, 128, 10], batch=1)
        (235146, 469504, 4712)
    """
    pairs = list(pairwise(sizes))
    weights = sum(i * o for i, o in pairs)
    return weights + sum(sizes[1:]), 2 * batch * weights, 4 * batch * sum(sizes)


def hat(left: float, peak: float, right: float) -> tuple[Array, Array, Array, Array]:
    """Weights of a one-hidden-layer ReLU network that draws a triangle of height 1.

    Args:
        left, peak, right: where the triangle starts, has its tip and ends; left < peak < right.

    Returns:
        ``W1 (3, 1), b1 (3,), W2 (1, 3), b2 (1,)``.

    Example:
        >>> W1, b1, W2, b2 = hat(0.0, 1.0, 3.0)
        >>> x = np.array([[-1.0], [0.5], [1.0], [2.0], [9.0]])
        >>> mlp_forward(x, [(W1, b1), (W2, b2)]).ravel().tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    up, down = 1 / (peak - left), 1 / (right - peak)
    W1 = np.ones((3, 1))
    b1 = -np.array([left, peak, right], dtype=float)
    return W1, b1, np.array([[up, -up - down, down]]), np.zeros(1)


# --- the judges --------------------------------------------------------------------------------


@exercise("01.1", title="不会溢出的 sigmoid", points=2, asks="sigmoid(z)")
def _sigmoid(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    z = rng.normal(size=(4, 5))
    before = z.copy()
    got = answer(z)
    yield shape(got, z.shape, "sigmoid(z)", hint="逐元素计算，形状与 z 相同，别求和")
    yield untouched(before, z, "z")
    flipped = np.allclose(np.asarray(got, dtype=float), sigmoid(-z), rtol=1e-6)
    yield that(not flipped, "方向", "σ 随 z 增大而增大：算出来的是 σ(−z)，exp 里的符号反了")
    yield close(
        got,
        sigmoid(z),
        "普通大小的 z",
        hint="σ(z) = 1 / (1 + exp(−z))，先在 z = 0 处验 0.5",
    )
    big = rng.uniform(720, 1000, size=6)
    hint = "z 很大时 exp(z) 是 inf，inf/inf 是 nan：两支用同一个 exp(−|z|)"
    yield close(answer(big), np.ones(6), "很大的正 z", hint=hint)
    tail = -rng.uniform(40, 600, size=6)
    hint = "z 很负时结果应是很小的正数，不是 0：1 减去一个接近 1 的数，有效位全丢了"
    yield close(answer(tail), np.exp(tail), "左尾的相对精度", hint=hint, rtol=1e-6, atol=0.0)
    edge = -rng.uniform(711, 730, size=6)
    hint = "exp(−z) 在 z < −709 时溢出成 inf，再取倒数成了 0：让 exp 的参数永远不为正"
    yield close(answer(edge), np.exp(edge), "exp(−z) 会溢出的 z", hint=hint, rtol=1e-2, atol=0.0)


@exercise("01.2", title="按行的 softmax", points=3, asks="softmax(z)")
def _softmax(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    z = rng.normal(size=(4, 4)) * 2
    before = z.copy()
    got = answer(z)
    yield shape(got, z.shape, "softmax(z)", hint="输出与输入同形 (B, K)：求和时要 keepdims=True")
    yield untouched(before, z, "z")
    got = np.asarray(got, dtype=float)
    rows, columns = got.sum(axis=1), got.sum(axis=0)
    by_columns = np.allclose(columns, 1) and not np.allclose(rows, 1)
    yield that(not by_columns, "归一化的方向", "每一列和为 1，应是每一行：沿 axis=1 求和")
    whole = np.isclose(got.sum(), 1)
    yield that(
        not whole,
        "归一化的范围",
        "整个矩阵的和为 1，应是每一行各自为 1：sum 少了 axis=1",
    )
    yield that(
        np.allclose(rows, 1),
        "每行和为 1",
        "分母要用同一行的和；(B,) 会沿列广播，keepdims=True",
    )
    yield close(
        got,
        softmax(z),
        "概率",
        hint="先取 exp 再除以行和；直接用分数除以和不是 softmax",
    )
    big = rng.normal(size=(3, 5)) + 1000.0
    hint = "分数到 1000，exp 就溢出：先减去这一行的最大值"
    yield close(answer(big), softmax(big), "分数很大时", hint=hint)
    mixed = rng.normal(size=(3, 5)) + np.array([[-2000.0], [0.0], [2000.0]])
    hint = "各行大小悬殊时有一行成了 0/0：要减每行自己的最大值，不是整个矩阵的"
    yield close(answer(mixed), softmax(mixed), "各行大小悬殊时", hint=hint)


@exercise("01.3", title="一批样本的线性层", points=2, asks="linear_forward(x, W, b)")
def _linear(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    # square first: every wrong transpose still runs here, so the hint can name it
    x, W, b = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    copies = [x.copy(), W.copy(), b.copy()]
    got = answer(x, W, b)
    yield shape(got, (4, 4), "输出", hint="x (B, D_in)、W (D_out, D_in) → 输出 (B, D_out)")
    got = np.asarray(got, dtype=float)
    yield that(
        not np.allclose(got, x @ W + b),
        "W 的转置",
        "算成了 x @ W：W 的行是神经元，要 W.T",
    )
    yield that(not np.allclose(got, x @ W.T), "偏置", "没有加 b")
    along_rows = np.allclose(got, x @ W.T + b[:, None])
    yield that(not along_rows, "偏置的方向", "b 属于输出的各列 (D_out,)，被加到了各行上")
    flipped = np.allclose(got, (x @ W.T + b).T)
    yield that(not flipped, "行与列", "结果是 (D_out, B)：样本应在行上，形状 (B, D_out)")
    yield close(
        got,
        linear_forward(x, W, b),
        "输出",
        hint="第 i 行第 j 列 = W 第 j 行 · x 第 i 行 + b[j]",
    )
    for before, after, name in zip(copies, (x, W, b), "xWb", strict=True):
        yield untouched(before, after, name)
    x, W, b = rng.normal(size=(3, 5)), rng.normal(size=(2, 5)), rng.normal(size=2)
    hint = "B、D_in、D_out 各不相同时也要对"
    yield close(answer(x, W, b), linear_forward(x, W, b), "B=3, D_in=5, D_out=2", hint=hint)
    x = rng.normal(size=(1, 5))
    hint = "只有一个样本时输出也是 (1, D_out)，不要 squeeze"
    yield close(answer(x, W, b), linear_forward(x, W, b), "B=1", hint=hint)


def _random_layers(rng: np.random.Generator, sizes: Sequence[int]) -> list[tuple[Array, Array]]:
    pairs = pairwise(sizes)
    return [(rng.normal(size=(o, i)), rng.normal(size=o)) for i, o in pairs]


@exercise("01.4", title="任意层数的 MLP 前向", points=4, asks="mlp_forward(x, layers)")
def _mlp(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    x, layers = rng.normal(size=(6, 4)), _random_layers(rng, [4, 5, 5, 3])
    given = [(W.copy(), b.copy()) for W, b in layers]
    x_given = x.copy()
    got = answer(x_given, given)
    hint = "输出是最后一层的分数 (B, K)：三层都走完了吗？"
    yield shape(got, (6, 3), "输出", hint=hint)
    got, right = np.asarray(got, dtype=float), mlp_forward(x, layers)
    hint = "最后一层后面不加 ReLU：分数可以为负"
    clipped = (right < 0).any() and np.allclose(got, np.maximum(right, 0))
    yield that(not clipped, "最后一层", hint)
    linear = x
    for W, b in layers:
        linear = linear_forward(linear, W, b)
    yield that(not np.allclose(got, linear), "非线性", "层与层之间没有 ReLU：三层并成了一层")
    hint = "每一行和为 1：这里要分数 (logits)，softmax 留给损失函数"
    yield that(not np.allclose(got.sum(axis=1), 1), "分数而不是概率", hint)
    W0, b0 = layers[0]
    hint = "输入 x 先被 ReLU 了一次：顺序是先线性、后 ReLU"
    yield that(not np.allclose(got, mlp_forward(np.maximum(x, 0), layers)), "顺序", hint)
    yield close(
        got,
        right,
        "三层网络的输出",
        hint="每层用自己的 (W, b)，上一层的输出是下一层的输入",
    )
    yield untouched(x, x_given, "x")
    same = len(given) == len(layers) and all(
        np.array_equal(W, V) and np.array_equal(b, c)
        for (W, b), (V, c) in zip(layers, given, strict=True)
    )
    yield that(same, "没有改动 layers", "layers 或其中的数组被修改了：不要 pop，也不要原地写")
    hint = "只有一层时就是一个线性层，没有 ReLU"
    yield close(answer(x, layers[:1]), linear_forward(x, W0, b0), "只有一层", hint=hint)
    deep = _random_layers(rng, [4, 3, 3, 3, 3, 2])
    hint = "五层时不对：层数要由 layers 的长度决定，不能写死"
    yield close(answer(x, deep), mlp_forward(x, deep), "五层", hint=hint)


@exercise("01.5", title="参数、FLOP 与激活内存", points=3, asks="count_mlp(sizes, batch)")
def _count(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    for _ in range(3):
        sizes = [int(n) for n in rng.integers(5, 60, size=int(rng.integers(3, 6)))]
        batch = int(rng.integers(3, 9))
        got = answer(list(sizes), batch)
        ok = isinstance(got, tuple | list) and len(got) == 3
        yield that(ok, "返回三个数", "返回 (参数个数, FLOP 数, 激活字节数)")
        params, flops, memory = got
        weights = sum(i * o for i, o in pairwise(sizes))
        right = count_mlp(sizes, batch)
        yield that(params != weights, "参数含偏置", "只数了权重：每个神经元还有一个偏置")
        yield that(
            params != weights + sum(sizes),
            "偏置的个数",
            "输入层没有偏置：只数 sizes[1:]",
        )
        yield that(
            params != right[0] * batch,
            "参数与批无关",
            "一批样本共用同一份参数，不要乘 B",
        )
        yield that(
            params == right[0],
            "参数个数",
            "相邻两层：D_in × D_out 个权重加 D_out 个偏置",
        )
        yield that(flops != batch * weights, "乘与加", "一次乘加是 2 FLOP（一乘一加）")
        yield that(flops != 2 * weights, "FLOP 与批", "每个样本都要算一遍：乘上 B")
        yield that(flops == right[1], "FLOP 数", "只数矩阵乘法：2 × B × 权重个数")
        yield that(
            memory != 4 * batch * sum(sizes[1:]),
            "输入也要存",
            "漏了输入 x 本身：D × B 个数",
        )
        yield that(memory != 8 * batch * sum(sizes), "float32", "float32 每个数 4 字节，不是 8")
        yield that(memory != 4 * sum(sizes), "激活与批", "每个样本都有自己的激活：乘上 B")
        yield that(memory == right[2], "激活字节数", "输入与每层输出：4 × B × sum(sizes)")


@exercise("01.6", title="用三个 ReLU 搭一顶帽子", points=4, asks="hat(left, peak, right)")
def _hat(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    for _ in range(3):
        left = float(rng.uniform(-3, -1))
        peak = left + float(rng.uniform(0.5, 1.0))
        right = peak + float(rng.uniform(1.5, 3.0))
        got = answer(left, peak, right)
        ok = isinstance(got, tuple | list) and len(got) == 4
        yield that(ok, "返回四个数组", "返回 W1, b1, W2, b2")
        W1, b1, W2, b2 = (np.asarray(a, dtype=float) for a in got)
        H = b1.size
        yield shape(b1, (H,), "b1", hint="b1 是一维的 (H,)")
        yield shape(W1, (H, 1), "W1", hint="输入只有一个数：W1 是 (H, 1)")
        yield shape(W2, (1, H), "W2", hint="输出只有一个数：W2 是 (1, H)")
        yield shape(b2, (1,), "b2", hint="b2 是 (1,)")

        def net(*at: float, layers: Any = ((W1, b1), (W2, b2))) -> Array:
            return mlp_forward(np.array(at)[:, None], layers)[:, 0]

        kinks = np.sort(-b1 / np.where(W1[:, 0] == 0, np.nan, W1[:, 0]))
        mirrored = H == 3 and np.allclose(kinks, [-right, -peak, -left])
        hint = "拐点落在了 −left、−peak、−right：w·x + b = 0 处才拐，w = 1 时 b = −位置，符号反了"
        yield that(not mirrored, "拐点的位置", hint)
        hint = "帽子左边不是 0：第一个拐点在 left，此前所有 ReLU 都应不贡献"
        yield close(
            net(left - 5, left - 1, left),
            np.zeros(3),
            "left 左边",
            hint=hint,
            atol=1e-6,
        )
        hint = "帽尖的高度要是 1：左坡的斜率是 1 / (peak − left)"
        yield close(net(peak), np.ones(1), "帽尖", hint=hint, atol=1e-6)
        middle = ((left + peak) / 2, (peak + right) / 2)
        hint = "右坡不对：斜率是 −1 / (right − peak)，帽子不一定左右对称"
        yield close(
            net(*middle, right),
            np.array([0.5, 0.5, 0.0]),
            "两个坡",
            hint=hint,
            atol=1e-6,
        )
        hint = "过了 right 没有拉平：三个斜率变化加起来要是 0"
        yield close(net(right + 1, right + 50), np.zeros(2), "right 右边", hint=hint, atol=1e-6)
