"""Chapter 01, forward propagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    array,
    exercise,
    hints,
    parts,
    sizes,
    that,
    value,
)

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


@exercise("01.1", "不会溢出的 sigmoid", points=2)
@hints(
    "exp 的参数是很大的正数时才溢出。能不能让它永远不为正？",
    "z ≥ 0 时 1/(1 + exp(−z)) 安全，z < 0 时 exp(z)/(1 + exp(z)) 安全：两支里的 exp 是同一个数。",
    "令 e = exp(−|z|)：分母两支都是 1 + e，分子在 z ≥ 0 时是 1、否则是 e，用 np.where 选。",
)
def judge_sigmoid(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, sigmoid)
    z = rng.normal(size=(4, 5)) * 2
    z[0, 0] = 0.0
    hint = "σ(z) = 1 / (1 + exp(−z))，先在 z = 0 处验 0.5"
    traps = {"σ 随 z 增大而增大：算出来的是 σ(−z)，exp 里的符号反了": sigmoid(-z)}
    form = "逐元素计算，形状与 z 相同，别求和"
    yield value(*call(z), "普通大小的 z", hint, traps, form=form, weight=3)
    hint = "z 很大时 exp(z) 是 inf，inf/inf 是 nan：两支用同一个 exp(−|z|)"
    yield value(*call(rng.uniform(720, 1000, size=6)), "很大的正 z", hint)
    hint = "z 很负时结果应是很小的正数，不是 0：1 减去一个接近 1 的数，有效位全丢了"
    yield value(*call(-rng.uniform(40, 600, size=(2, 1, 3))), "左尾的相对精度", hint, atol=0.0)
    # so small that float64 keeps only some of the digits
    tiny = call(-rng.uniform(711, 730, size=6))
    hint = "exp(−z) 在 z < −709 时溢出成 inf，再取倒数成了 0：让 exp 的参数永远不为正"
    yield value(*tiny, "exp(−z) 会溢出的 z", hint, rtol=1e-2, atol=0.0)
    yield call.untouched(weight=1)


@exercise("01.2", "按行的 softmax", points=3)
@hints(
    "先写对一行：每个分数取 exp，再除以这一行 exp 的和。然后想想 1000 的 exp 是多少。",
    "一行里每个分数减去同一个数，结果不变：减去这一行的最大值，exp 就不会溢出。",
    "最大值与和都沿 axis=1 求，并且 keepdims=True 留成 (B, 1)，这样才逐行相减、逐行相除。",
)
def judge_softmax(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, softmax)
    # square first: a sum over the wrong axis still runs here, so the hint can name it
    n = int(rng.integers(3, 6))
    got, want = call(rng.normal(size=(n, n)) * 2)
    hint = "输出与输入同形 (B, K)：求和时要 keepdims=True"
    got = yield from array(got, (n, n), "softmax(z)", hint)
    rows, columns = got.sum(axis=1), got.sum(axis=0)
    by_columns = np.allclose(columns, 1) and not np.allclose(rows, 1)
    yield that(not by_columns, "归一化的方向", "每一列和为 1，应是每一行：沿 axis=1 求和")
    hint = "整个矩阵的和为 1，应是每一行各自为 1：sum 少了 axis=1"
    yield that(not np.isclose(got.sum(), 1), "归一化的范围", hint)
    hint = "分母要用同一行的和；(B,) 会沿列广播，keepdims=True"
    yield that(np.allclose(rows, 1), "每行和为 1", hint)
    hint = "先取 exp 再除以行和；直接用分数除以和不是 softmax"
    yield value(got, want, "概率", hint, weight=2)
    B, K = sizes(rng, 2)
    hint = "样本数与类别数不等时也要对：(B, K) 沿 axis=1 归一"
    yield value(*call(rng.normal(size=(B, K)) * 2), f"B={B}, K={K}", hint, weight=0.5)
    big = rng.normal(size=(3, 5)) + 1000.0
    big[:, :2] += 2500.0  # far from the row's mean too: only its maximum will do
    yield value(*call(big), "分数很大时", "分数到 1000，exp 就溢出：先减去这一行的最大值")
    mixed = rng.normal(size=(3, 5)) + rng.permutation([-2000.0, 0.0, 2000.0])[:, None]
    hint = "各行大小悬殊时有一行成了 0/0：要减每行自己的最大值，不是整个矩阵的"
    yield value(*call(mixed), "各行大小悬殊时", hint, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise("01.3", "一批样本的线性层", points=2)
@hints(
    "先写下三个形状：x (B, D_in)、W (D_out, D_in)、输出 (B, D_out)。矩阵乘法要消去哪一维？",
    "W 的一行是一个神经元的权重，要与 x 的一行做内积：乘之前把 W 转置。",
    "x 乘 W 的转置得到 (B, D_out)；b 是 (D_out,)，直接相加就会加到每一行上。",
)
def judge_linear_forward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, linear_forward)
    # square first: every wrong transpose still runs here, so the hint can name it
    n = int(rng.integers(3, 6))
    x, W = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    b = -(x @ W.T).mean(axis=0)  # outputs of both signs, so that an activation too many shows
    got, want = call(x, W, b)
    traps = {
        "算成了 x @ W：W 的行是神经元，要 W.T": x @ W + b,
        "没有加 b": x @ W.T,
        "b 属于输出的各列 (D_out,)，被加到了各行上": x @ W.T + b[:, None],
        "结果是 (D_out, B)：样本应在行上，形状 (B, D_out)": [want.T, W @ x.T + b],
    }
    hint = "第 i 行第 j 列 = W 第 j 行 · x 第 i 行 + b[j]"
    form = "x (B, D_in)、W (D_out, D_in) → 输出 (B, D_out)"
    yield value(got, want, "输出", hint, traps, form=form, weight=1.5)
    B, D_in, D_out = sizes(rng, 3)
    x, W, b = rng.normal(size=(B, D_in)), rng.normal(size=(D_out, D_in)), rng.normal(size=D_out)
    case, hint = f"B={B}, D_in={D_in}, D_out={D_out}", "B、D_in、D_out 各不相同时也要对"
    yield value(*call(x, W, b), case, hint)
    hint = "只有一个样本时输出也是 (1, D_out)，不要 squeeze"
    yield value(*call(rng.normal(size=(1, D_in)), W, b), "B=1", hint, weight=0.5)
    yield call.untouched(weight=0.5)


def _layers(rng: Rng, x: Array, widths: Sequence[int]) -> list[tuple[Array, Array]]:
    """Random layers after which every unit is below 0 for some rows of ``x``, above for others.

    So a ReLU too many or too few always shows.
    """
    layers = []
    for d_in, d_out in pairwise(widths):
        W = rng.normal(size=(d_out, d_in))
        z = x @ W.T
        b = -z.mean(axis=0)
        layers.append((W, b))
        x = np.maximum(z + b, 0)
    return layers


# the lesson's own name for a layer, which is the library's until exercise 01.3 is done
@exercise("01.4", "任意层数的 MLP 前向", points=4, allows=[linear_forward])
@hints(
    "一个循环走过 layers：这一层的输出，就是下一层的输入。",
    "每层先做线性变换；后面还有层的话才接 ReLU，最后一层的分数原样返回。",
    "循环时用 enumerate 记下这是第几层，与 len(layers) − 1 比一比，就知道是不是最后一层。",
)
def judge_mlp_forward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, mlp_forward)
    B, D, H, K = int(rng.integers(6, 9)), *sizes(rng, 3, 3, 7)
    x = rng.normal(size=(B, D))
    layers = _layers(rng, x, [D, H, H, K])
    got, want = call(x, layers)
    hint = "输出是最后一层的分数 (B, K)：三层都走完了吗？"
    got = yield from array(got, (B, K), "输出", hint)
    hint = "每一行和为 1：这里要分数 (logits)，softmax 留给损失函数"
    yield that(not np.allclose(got.sum(axis=1), 1), "分数而不是概率", hint)
    linear = x
    for W, b in layers:
        linear = linear_forward(linear, W, b)
    early = mlp_forward(np.maximum(x, 0), layers)
    traps = {
        "层与层之间没有 ReLU：三层并成了一层": np.maximum(linear, 0),
        "输入 x 先被 ReLU 了一次：顺序是先线性、后 ReLU": np.maximum(early, 0),
    }
    hint = "每层用自己的 (W, b)，上一层的输出是下一层的输入"
    above, label = np.maximum(want, 0), "三层网络输出里的正分数"
    yield value(np.maximum(got, 0), above, label, hint, traps)
    traps = {"最后一层后面不加 ReLU：分数可以为负": above}
    yield value(got, want, "三层网络的输出", hint, traps)
    one = call(x, _layers(rng, x, [D, K]))
    yield value(*one, "只有一层", "只有一层时就是一个线性层，没有 ReLU")
    five = call(x, _layers(rng, x, [D, H, H, H, H, K]))
    yield value(*five, "五层", "五层时不对：层数要由 layers 的长度决定，不能写死")
    yield call.untouched("x", weight=0.25)
    hint = "layers 或其中的数组被修改了：不要 pop，也不要原地写"
    yield call.untouched("layers", label="没有改动 layers", hint=hint, weight=0.25)


@exercise("01.5", "参数、FLOP 与激活内存", points=3)
@hints(
    "一层一层数：相邻两个宽度决定这一层。先用 [2, 3] 这样的小网络在纸上数一遍。",
    "一层有 D_in × D_out 个权重和 D_out 个偏置；一个样本过一层，每个权重用一次，一乘一加。",
    "参数与批无关；FLOP 是 2 × B × 权重总数；输入与每层输出各存一份，每个数 4 字节。",
)
def judge_count_mlp(answer: Answer, rng: Rng) -> Steps:
    networks = [[int(n) for n in rng.integers(5, 60, size=depth)] for depth in (3, 4, 5)]
    batches = sizes(rng, 3, 5, 10)  # none is the 2 or 4 of the formulas
    counted = []
    for widths, batch in zip(networks, batches, strict=True):
        got = answer(list(widths), batch)
        counted.append((yield from parts(got, 3, "参数个数, FLOP 数, 激活字节数")))
    params, flops, memory = zip(*counted, strict=True)
    B, inputs = np.array(batches), np.array([widths[0] for widths in networks])
    weights = np.array([sum(i * o for i, o in pairwise(widths)) for widths in networks])
    units = np.array([sum(widths) for widths in networks])
    want = weights + units - inputs
    # each quantity over all three networks: a mistake in one does not cost the others
    traps = {
        "只数了权重：每个神经元还有一个偏置": weights,
        "输入层没有偏置：只数 sizes[1:]": weights + units,
        "一批样本共用同一份参数，不要乘 B": want * B,
    }
    hint = "相邻两层：D_in × D_out 个权重加 D_out 个偏置"
    yield value(params, want, "参数个数", hint, traps, rtol=0, atol=0, lists=True)
    traps = {
        "一次乘加是 2 FLOP（一乘一加）": B * weights,
        "每个样本都要算一遍：乘上 B": 2 * weights,
        "偏置不算在内：只数矩阵乘法": 2 * B * want,
    }
    hint = "只数矩阵乘法：2 × B × 权重个数"
    yield value(flops, 2 * B * weights, "FLOP 数", hint, traps, rtol=0, atol=0, lists=True)
    traps = {
        "漏了输入 x 本身：D × B 个数": 4 * B * (units - inputs),
        "float32 每个数 4 字节，不是 8": 8 * B * units,
        "要的是字节数：float32 每个数 4 字节": B * units,
        "每个样本都有自己的激活：乘上 B": 4 * units,
    }
    hint = "输入与每层输出：4 × B × sum(sizes)"
    yield value(memory, 4 * B * units, "激活字节数", hint, traps, rtol=0, atol=0, lists=True)


@exercise("01.6", "用三个 ReLU 搭一顶帽子", points=4)
@hints(
    "每个 ReLU 只在一处拐弯。帽子有三个拐点：left、peak、right，正好一个神经元管一个。",
    "第一层让三个神经元分别在 x 超过 left、peak、right 后才大于 0；"
    "第二层的权重就是每个拐点处斜率的变化。",
    "斜率依次是 0、1/(peak − left)、−1/(right − peak)、0；"
    "相邻两个相减，得到三个变化，它们的和是 0。",
)
def judge_hat(answer: Answer, rng: Rng) -> Steps:
    triangles, nets = [], []
    for _ in range(3):
        left = float(rng.uniform(-3, 2))
        peak = left + float(rng.uniform(0.5, 1.0))
        right = peak + float(rng.uniform(1.5, 3.0))
        got = yield from parts(answer(left, peak, right), 4, "W1, b1, W2, b2")
        b1 = yield from array(got[1], (3,), "b1", "三个隐藏神经元：b1 是一维的 (3,)")
        W1 = yield from array(got[0], (3, 1), "W1", "输入只有一个数、隐藏三个：W1 是 (3, 1)")
        W2 = yield from array(got[2], (1, 3), "W2", "隐藏三个、输出只有一个数：W2 是 (1, 3)")
        b2 = yield from array(got[3], (1,), "b2", "输出只有一个数：b2 是 (1,)")
        triangles.append((left, peak, right))
        nets.append([(W1, b1), (W2, b2)])

    def drawn(*at: Array) -> Array:
        """What the three networks draw: a row each, at its own places."""
        rows = zip(nets, np.stack(at, axis=1), strict=True)
        return np.stack([mlp_forward(row[:, None], net)[:, 0] for net, row in rows])

    left, peak, right = np.array(triangles).T
    kinks = [-b / np.where(W[:, 0] == 0, np.nan, W[:, 0]) for (W, b), _ in nets]
    mirrored = np.allclose(np.sort(kinks), np.stack([-right, -peak, -left], axis=1))
    hint = "拐点落在了 −left、−peak、−right：w·x + b = 0 处才拐，w = 1 时 b = −位置，符号反了"
    yield that(not mirrored, "拐点的位置", hint)
    hint = "帽子左边不是 0：第一个拐点在 left，此前所有 ReLU 都应不贡献"
    flat = drawn(left - 5, left - 1, left)
    yield value(flat, np.zeros((3, 3)), "left 左边", hint, atol=1e-6, weight=0)
    hint = "帽尖的高度要是 1：左坡的斜率是 1 / (peak − left)"
    yield value(drawn(peak), np.ones((3, 1)), "帽尖", hint, atol=1e-6)
    hint = "右坡不对：斜率是 −1 / (right − peak)，帽子不一定左右对称"
    slopes = drawn((left + peak) / 2, (peak + right) / 2, right)
    halves = np.broadcast_to([0.5, 0.5, 0.0], (3, 3))
    yield value(slopes, halves, "两个坡", hint, atol=1e-6, weight=1.5)
    hint = "过了 right 没有拉平：三个斜率变化加起来要是 0"
    yield value(drawn(right + 1, right + 50), np.zeros((3, 2)), "right 右边", hint, atol=1e-6)
