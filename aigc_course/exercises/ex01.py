"""Chapter 01, forward propagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    array,
    attempt,
    exercise,
    hints,
    one_by_one,
    parts,
    sizes,
    that,
    value,
)

__all__ = ["absorb", "hat", "linear_forward", "mlp_forward", "sigmoid", "softmax", "widest"]


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


def absorb(W: Array, b: Array, m: Array, s: Array) -> tuple[Array, Array]:
    """One linear layer for ``(x − m) / s`` followed by the layer ``(W, b)``.

    Args:
        W: (D_out, D_in).
        b: (D_out,).
        m, s: (D_in,).

    Returns:
        ``(W2, b2)``, in the shapes of ``W`` and ``b``.

    Example:
        >>> W2, b2 = absorb(np.array([[6.0]]), np.array([1.0]), np.array([5.0]), np.array([2.0]))
        >>> W2.tolist(), b2.tolist()
        ([[3.0]], [-14.0])
    """
    W2 = W / s
    return W2, b - W2 @ m


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


def widest(budget: int, d_in: int, d_out: int, depth: int) -> int:
    """The largest width of ``depth`` equal hidden layers within a budget of parameters.

    Args:
        budget: weights and biases that there may be in all.
        d_in, d_out: inputs and outputs.
        depth: hidden layers, 1 at least.

    Returns:
        The width, 0 if not even width 1 fits.

    Example:
        >>> widest(235_146, 784, 10, depth=1), widest(20, 3, 2, 2), widest(19, 3, 2, 2)
        (295, 2, 1)
    """
    width = 0
    while _parameters([d_in, *[width + 1] * depth, d_out]) <= budget:
        width += 1
    return width


def _parameters(widths: Sequence[int]) -> int:
    return sum((i + 1) * o for i, o in pairwise(widths))


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
    "两种写法，一种在 z ≥ 0 时安全，一种在 z < 0 时安全；各自安全的那一边，exp 的参数是几？",
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
    hint = "z 很大时 exp(z) 是 inf，inf/inf 是 nan：让 exp 的参数永远不为正"
    yield value(
        *call(rng.uniform(720, 1000, size=6)),
        "很大的正 z",
        "z 很大时 σ 就是 1：中途把 z 夹住了？",
        nonfinite=hint,
    )
    hint = "z 很负时结果应是很小的正数，不是 0：哪一步让两个差不多的数相消了，或把 z 夹住了？"
    yield value(*call(-rng.uniform(40, 600, size=(2, 1, 3))), "左尾的相对精度", hint, atol=0.0)
    # so small that float64 keeps only some of the digits
    tiny = call(-rng.uniform(711, 730, size=6))
    hint = "exp(−z) 在 z < −709 时溢出成 inf，再取倒数成了 0：让 exp 的参数永远不为正"
    yield value(*tiny, "exp(−z) 会溢出的 z", hint, rtol=1e-2, atol=0.0)
    yield call.untouched(weight=1)


@exercise("01.2", "错在哪两处", points=3)
@hints(
    "打印 e.sum(axis=1) 的形状：(3, 3) 除以 (3,)，NumPy 从最后一维对齐，除的是哪个数？",
    "第三行的分数比第一行大一千。减去的最大值是谁的？第一行减完还剩什么？",
    "最大值与和都沿 axis=1 求，并且都用 keepdims=True 留住那一维，这样才是各减各的、各除各的。",
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
    hint = "分母要用同一行的和；(B,) 会对到列上，keepdims=True"
    if np.allclose(np.exp(got).sum(axis=1), 1):
        hint = "返回的是概率的对数：最后还要取 exp"
    elif np.allclose(rows, 1, rtol=0, atol=0.02):
        hint = "每行的和接近 1，又不正好：分母里别加小常数"
    yield that(np.allclose(rows, 1, rtol=1e-9), "每行和为 1", hint)
    hint = "先取 exp 再除以行和；直接用分数除以和不是 softmax"
    yield value(got, want, "概率", hint, weight=2)
    B, K = sizes(rng, 2)
    hint = "样本数与类别数不等时也要对：(B, K) 沿 axis=1 归一"
    yield value(*call(rng.normal(size=(B, K)) * 2), f"B={B}, K={K}", hint, weight=0.5)
    big = rng.normal(size=(3, 5)) + 1000.0
    big[:, :2] += 2500.0  # far from the row's mean too: only its maximum will do
    yield value(*call(big), "分数很大时", "分数到 1000，exp 就溢出：先减去这一行的最大值")
    mixed = rng.normal(size=(3, 5)) + rng.permutation([-2000.0, 0.0, 2000.0])[:, None]
    hint = "各行大小悬殊时有一行成了 0/0：要减每行自己的最大值，不是整个矩阵的，也不是绝对值的"
    yield value(*call(mixed), "各行大小悬殊时", hint, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise("01.3", "把预处理吃进第一层", points=2)
@hints(
    "把 (x − m)/s 代进 Wx̃ + b，拆开括号：哪些项乘着 x，哪些是常数？",
    "x 的第 j 个数前面的系数是 W 的第 j 列除以 s 的第 j 个数；W 是 (D_out, D_in)，s 怎样对齐？",
    "先得到新的 W；常数项是 b 减去新 W 与 m 的积，因为减去的 m 也除过 s。",
)
def judge_absorb(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, absorb)
    # square first: every wrong broadcast still runs here, so the hint can name it
    n = int(rng.integers(3, 6))
    for D_out, D_in in ((n, n), sizes(rng, 2), (1, n)):
        W, b = rng.normal(size=(D_out, D_in)), rng.normal(size=D_out)
        m, s = rng.normal(size=D_in) + 2, rng.uniform(0.3, 0.8, size=D_in)
        got, (W2, b2) = call(W, b, m, s)
        got = yield from parts(got, 2, "W2, b2", want=(W2, b2))
        square = D_out == D_in
        traps: dict[str, Any] = {
            "乘了 s：x 先除以 s 再进层，系数里也是除": W * s,
            "W 没有变：x 前面的系数里要有 1/s": W,
            "m 是从 x 里减的，不是从 W 里减的": [(W - m) / s, W - m],
            "每个输入有自己的 s：第 j 列除以 s 的第 j 个": [W / s.mean(), W / s[0]],
        }
        if square:
            traps |= {
                "s 对到了行上：它属于输入，W 的每一列除以一个 s": W / s[:, None],
                "转置了：W2 与 W 同形，行还是神经元": [W2.T, W.T / s],
            }
        form = "W2 与 W 同形，(D_out, D_in)"
        hint = "W2 的第 i 行第 j 列是 x_j 前面的系数，把括号拆开看"
        yield value(got[0], W2, "W2", hint, traps, form=form)
        traps = {
            "b 也要变：m 那一项是常数，归到偏置里": b,
            "m 也除过 s：要乘新的 W2，不是原来的 W": [b - W @ m, b + W @ m],
            "符号反了：x 减去 m，常数项是减": b + W2 @ m,
            "多除了一次 s": b - W2 @ (m / s),
            "b 不除以 s，也不乘：它在标准化之后才加上": [-W2 @ m, W2 @ m],
        }
        if square:
            traps["m 要与 W2 的每一行做内积：W2 @ m，不是 m @ W2"] = [b - m @ W2, b - m @ W]
            traps["b 在标准化之后才加，不要跟着除以 s"] = [(b - W @ m) / s, b / s - W2 @ m]
            traps["逐元素相减了：m 属于输入，b 属于输出，先用 W2 把 m 变到输出那一边"] = [
                b - m / s,
                b - m,
            ]
        form = "b2 与 b 同形，(D_out,)"
        yield value(
            got[1], b2, "b2", "x = m 时标准化的输入是 0，输出应是 b", traps, form=form, weight=2
        )
    yield again(call, W + 1, b - 1, m[::-1], s[::-1])
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


def _with_relus(x: Array, layers: list[tuple[Array, Array]], where: Sequence[str]) -> Array:
    """The layers, with a ReLU before layer k where ``where[k]`` is "1", and after the last."""
    for (W, b), before in zip(layers, where, strict=False):
        x = linear_forward(np.maximum(x, 0) if before == "1" else x, W, b)
    return np.maximum(x, 0) if where[-1] == "1" else x


def _with_another(
    x: Array, layers: list[tuple[Array, Array]], act: Callable[[Array], Array]
) -> Array:
    for W, b in layers[:-1]:
        x = act(linear_forward(x, W, b))
    return linear_forward(x, *layers[-1])


@exercise("01.4", "任意层数的 MLP 前向", points=4)
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
    # ReLU before layer 0, before layer 1, before layer 2, after the last: every other choice
    placed = {"".join(where): _with_relus(x, layers, where) for where in product("01", repeat=4)}
    traps = {
        "层与层之间没有 ReLU：三层并成了一层": placed["0000"],
        "最后一层后面不加 ReLU：分数可以为负": placed["0111"],
        "输入 x 先被 ReLU 了一次：顺序是先线性、后 ReLU": [placed["1110"], placed["1111"]],
        "有一层后面漏了 ReLU：除最后一层外，每层都接": [placed["0100"], placed["0010"]],
    }
    for why, act in {
        "隐藏层之后接的不是 ReLU：ReLU 是 max(0, z)，负的一律成 0": (
            np.abs,
            np.tanh,
            sigmoid,
            lambda z: np.maximum(z, 0.01 * z),
            lambda z: np.maximum(z, 0.1 * z),
            lambda z: -np.minimum(z, 0),
        ),
    }.items():
        traps[why] = [_with_another(x, layers, one) for one in act]
    traps["没有加 b"] = mlp_forward(x, [(W, 0 * b) for W, b in layers])
    others = [got for where, got in placed.items() if where != "0110"]
    traps["ReLU 放错了地方：除最后一层外，每层线性之后接一次"] = others
    hint = "每层用自己的 (W, b)，上一层的输出是下一层的输入"
    yield value(got, want, "三层网络的输出", hint, traps, weight=2)
    single = _layers(rng, x, [D, K])
    hint = "只有一层时报错了：层数由 layers 的长度决定，别写死成三层"
    one = yield from attempt(
        lambda: call(x, single), "只有一层", {ValueError: hint, IndexError: hint, TypeError: hint}
    )
    got, want = one
    yield value(got, want, "只有一层", "只有一层时就是一个线性层，没有 ReLU")
    five = call(x, _layers(rng, x, [D, H, H, H, H, K]))
    yield value(*five, "五层", "五层时不对：层数要由 layers 的长度决定，不能写死")
    yield call.untouched("x", weight=0.25)
    hint = "layers 或其中的数组被修改了：不要 pop，也不要原地写"
    yield call.untouched("layers", label="没有改动 layers", hint=hint, weight=0.25)


@exercise("01.5", "预算有限，最多能有多宽", points=3)
@hints(
    "先写出宽度是 H 时的参数个数：第一层、中间各层、最后一层，各有多少权重、多少偏置？",
    "depth 个隐藏层之间只有 depth − 1 个 H×H 的层；每个隐藏神经元和每个输出各有一个偏置。",
    "从 1 起一个个试：参数个数随 H 只增不减，第一次超过预算时，上一个就是。",
)
def judge_widest(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, widest)
    cases: list[Any] = []
    exact: list[Any] = []
    for depth in (1, 2, 4, 7):
        for _ in range(2):
            d_in, d_out, H = (int(n) for n in rng.integers([20, 3, 8], [60, 15, 40]))
            params = _parameters([d_in, *[H] * depth, d_out])
            more = _parameters([d_in, *[H + 1] * depth, d_out]) - params
            # one short of the next width, or a little more than this one
            slack = more - 1 if len(cases) % 2 else int(rng.integers(1, more // 4))
            cases.append((params + slack, d_in, d_out, depth))
            exact.append((params, d_in, d_out, depth))

    def counting(count: Callable[[int, int, int, int], int]) -> Array:
        """The widths that another count of the parameters, of (H, d_in, d_out, depth), gives."""
        widths = []
        for budget, *rest in cases:
            widths.append(sum(count(H, *rest) <= budget for H in range(1, 400)))
        return np.array(widths)

    got, want = zip(*(call(*case) for case in cases), strict=True)
    traps = {
        "这是参数的个数：要返回的是宽度": [
            np.array(
                [_parameters([i, *[H] * L, o]) for (_, i, o, L), H in zip(cases, want, strict=True)]
            )
        ],
        "得到的宽度大了 1：那个宽度已经超过预算": np.array(want) + 1,
        "得到的宽度小了 1：还能再宽": np.array(want) - 1,
        "隐藏层之间是 depth − 1 层，多数了一层": counting(
            lambda H, i, o, L: (i + 1) * H + L * (H + 1) * H + (H + 1) * o
        ),
        "只算了一个隐藏层：层数由 depth 决定": counting(
            lambda H, i, o, L: (i + 1) * H + (H + 1) * o
        ),
        "没有算偏置：每个隐藏神经元、每个输出各一个": counting(
            lambda H, i, o, L: i * H + (L - 1) * H * H + H * o
        ),
        "隐藏层之间的 H×H 只数成了 H 个": counting(
            lambda H, i, o, L: (i + 1) * H + (L - 1) * 2 * H + (H + 1) * o
        ),
    }
    hint = "把得到的 H 代回去数参数：它应不超过预算，H + 1 应超过"
    yield one_by_one(call, cases, list(got), np.array(want), "宽度", hint, traps, weight=2)
    yield that(
        all(isinstance(H, int | np.integer) and not isinstance(H, bool) for H in got),
        "是整数",
        "宽度要是整数：range(H) 要能用",
    )
    got, want = zip(*(call(*case) for case in exact), strict=True)
    traps = {"恰好等于预算也算不超过：比较用 <=": np.array(want) - 1}
    hint = "预算恰好用完时不对：若用开方求 H，小心舍入"
    yield one_by_one(call, exact, list(got), np.array(want), "恰好用完时的宽度", hint, traps)
    poor = [(1, 30, 4, 1), (38, 30, 4, 1), (2, 30, 4, 3), (int(rng.integers(3, 20)), 30, 4, 3)]
    got, want = zip(*(call(*case) for case in poor), strict=True)
    hint = "连宽度 1 都放不下时返回 0"
    yield one_by_one(call, poor, list(got), np.array(want), "放不下时的宽度", hint, weight=0.5)


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
    hint = "帽子左边不是 0：第一个拐点在 left，那里 ReLU 都不该贡献，b2 也不该留下什么"
    flat = drawn(left - 5, left - 1, left)
    yield value(flat, np.zeros((3, 3)), "left 左边", hint, weight=0, atol=1e-10)
    hint = "帽尖的高度要是 1：左坡的斜率是 1 / (peak − left)"
    yield value(drawn(peak), np.ones((3, 1)), "帽尖", hint, atol=1e-10)
    hint = "右坡不对：斜率是 −1 / (right − peak)，帽子不一定左右对称"
    slopes = drawn((left + peak) / 2, (peak + right) / 2, right)
    halves = np.broadcast_to([0.5, 0.5, 0.0], (3, 3))
    yield value(slopes, halves, "两个坡", hint, atol=1e-10, weight=1.5)
    hint = "过了 right 没有拉平：三个斜率变化加起来要是 0"
    yield value(drawn(right + 1, right + 50), np.zeros((3, 2)), "right 右边", hint, atol=1e-10)
