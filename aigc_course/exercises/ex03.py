"""Chapter 03, backpropagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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

__all__ = [
    "gelu_backward",
    "linear_backward",
    "mlp_backward",
    "neuron_backward",
    "numerical_gradient",
    "softmax_ce_backward",
]

_GELU = np.sqrt(2 / np.pi)


# --- the library's versions --------------------------------------------------------------------


def neuron_backward(w: float, x: float, b: float, y: float) -> tuple[float, float, float]:
    """Gradients of ``L = (σ(w·x + b) − y)²`` for one neuron with one input.

    Args:
        w, x, b, y: numbers.

    Returns:
        ``dw, dx, db``.

    Example:
        >>> neuron_backward(w=0.0, x=2.0, b=0.0, y=1.0)
        (-0.5, -0.0, -0.25)
    """
    s = 1 / (1 + np.exp(-(w * x + b)))
    dz = float(2 * (s - y) * s * (1 - s))
    return dz * x, dz * w, dz


def linear_backward(dy: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    """Backward pass of ``y = x W^T + b`` for a batch.

    Args:
        dy: gradient of the loss for the layer's output, (B, D_out).
        x: the layer's input, (B, D_in).
        W: weights, (D_out, D_in).

    Returns:
        ``dx (B, D_in), dW (D_out, D_in), db (D_out,)``.

    Example:
        >>> dx, dW, db = linear_backward(np.ones((2, 1)), np.eye(2), np.array([[3.0, 4.0]]))
        >>> dx.tolist(), dW.tolist(), db.tolist()
        ([[3.0, 4.0], [3.0, 4.0]], [[1.0, 1.0]], [2.0])
    """
    return dy @ W, dy.T @ x, dy.sum(axis=0)


def gelu_backward(dy: Array, x: Array) -> Array:
    """Backward pass of GELU in its tanh form (Hendrycks and Gimpel, 2016).

    Args:
        dy: gradient for the output, any shape.
        x: the input, same shape.

    Returns:
        Gradient for the input, same shape.

    Example:
        >>> gelu_backward(np.array([1.0, 2.0]), np.array([0.0, 0.0])).tolist()
        [0.5, 1.0]
    """
    t = np.tanh(_GELU * (x + 0.044715 * x**3))
    inner = _GELU * (1 + 3 * 0.044715 * x**2)
    return np.asarray(dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner))


def softmax_ce_backward(logits: Array, y: Array) -> Array:
    """Gradient of the mean cross-entropy of ``softmax(logits)`` for the logits.

    Args:
        logits: (B, K).
        y: class numbers, integers in [0, K), (B,).

    Returns:
        (B, K); each row sums to 0.

    Example:
        >>> softmax_ce_backward(np.zeros((2, 2)), np.array([0, 1])).tolist()
        [[-0.25, 0.25], [0.25, -0.25]]
    """
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(len(y)), y] -= 1
    return np.asarray(d / len(y))


def numerical_gradient(f: Callable[[Array], float], x: Array, eps: float = 1e-5) -> Array:
    """Central differences, one entry at a time: 2 evaluations of ``f`` for each entry.

    Args:
        f: takes an array of ``x``'s shape, returns a number.
        x: where to differentiate, float64, any shape; left as it came.
        eps: step.

    Returns:
        Same shape as ``x``.

    Example:
        >>> grad = numerical_gradient(lambda x: float((x**2).sum()), np.array([1.0, -3.0]))
        >>> grad.round(6).tolist()
        [2.0, -6.0]
    """
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        grad[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad


def mlp_backward(x: Array, y: Array, params: dict[str, Array]) -> tuple[float, dict[str, Array]]:
    """Loss and gradients of a two-layer ReLU network with mean cross-entropy.

    Args:
        x: (B, D).
        y: class numbers, (B,).
        params: ``W1 (H, D), b1 (H,), W2 (K, H), b2 (K,)``.

    Returns:
        The loss and a dictionary of gradients with the keys and shapes of ``params``.

    Example:
        >>> p = {"W1": np.eye(2), "b1": np.zeros(2), "W2": np.zeros((3, 2)), "b2": np.zeros(3)}
        >>> loss, grads = mlp_backward(np.ones((4, 2)), np.array([0, 0, 1, 2]), p)
        >>> round(loss, 4), grads["b2"].round(4).tolist()
        (1.0986, [-0.1667, 0.0833, 0.0833])
    """
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    z2 = h @ params["W2"].T + params["b2"]
    m = z2.max(axis=1, keepdims=True)
    lse = m[:, 0] + np.log(np.exp(z2 - m).sum(axis=1))
    loss = float(np.mean(lse - z2[np.arange(len(y)), y]))
    dh, dW2, db2 = linear_backward(softmax_ce_backward(z2, y), h, params["W2"])
    _, dW1, db1 = linear_backward(dh * (z1 > 0), x, params["W1"])
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


# --- the judges --------------------------------------------------------------------------------


@exercise(
    "03.1", "一个神经元的反向传播", points=2, asks="neuron_backward(w, x, b, y) -> dw, dx, db"
)
@hints(
    "把式子拆成一环一环：z = wx + b，σ = σ(z)，L = (σ − y)²。从右往左，每一环乘上自己的导数。",
    "平方那一环给 2(σ − y)，sigmoid 那一环给 σ(1 − σ)：两者相乘就是 L 对 z 的梯度。",
    "z 对 w 的导数是 x，对 x 的导数是 w，对 b 的导数是 1：各乘上 L 对 z 的梯度。",
)
def judge_neuron_backward(answer: Answer, rng: Rng) -> Steps:
    # numbers of either sign, never near 0 or 1: each slip changes the result
    cases = rng.uniform(0.3, 0.9, size=(4, 5)) * rng.choice([-1.0, 1.0], size=(4, 5))
    w, x, b, y = cases
    w[0], x[0] = abs(w[0]), -abs(x[0])
    answers = []
    for case in cases.T.tolist():
        answers.append((yield from parts(answer(*case), 3, "dw, dx, db")))
    dw, dx, db = zip(*answers, strict=True)
    s = 1 / (1 + np.exp(-(w * x + b)))
    full, no_slope = 2 * (s - y) * s * (1 - s), 2 * (s - y)
    traps = {
        "漏了 sigmoid 自己的导数 σ(1−σ)：链条上每一环都要乘": no_slope,
        "平方的导数是 2(σ−y)，少了 2": full / 2,
        "符号反了：(σ−y)² 对 σ 的导数是 2(σ−y)，不是 2(y−σ)": -full,
        "b 的局部导数是 1，可是还要乘上游传来的梯度": np.ones(5),
        "z = wx + b 对 b 的导数是 1，不是 b": full * b,
    }
    yield value(db, full, "db", "db = dL/dσ · dσ/dz · 1", traps, lists=True)
    traps = {"dw 与 dx 换了位置：wx 对 w 的导数是 x": full * w}
    yield value(dw, full * x, "dw", "dw = dz · x", traps, weight=0.5, lists=True)
    yield value(dx, full * w, "dx", "dx = dz · w", weight=0.5, lists=True)


@exercise("03.2", "线性层的反向传播", points=3, asks="linear_backward(dy, x, W) -> dx, dW, db")
@hints(
    "先写下形状：梯度与它对应的量同形。dW 与 W 都是 (D_out, D_in)，dx 与 x 都是 (B, D_in)。",
    "上一格的循环里：db 沿批相加；dW[j, k] 把样本 i 加掉；dx[i, k] 把输出 j 加掉。"
    "加掉的那一维，就是矩阵乘法消去的那一维。",
    "db 是 dy 沿 axis=0 的和；dW 是 dy 的转置乘 x；dx 是 dy 乘 W（不转置）。",
)
def judge_linear_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, linear_backward)
    # square first: every wrong transpose still runs here, so the hint can name it
    n, distinct = int(rng.integers(3, 6)), sizes(rng, 3, 2, 8)
    for shape, share in (((n, n, n), 1.0), (distinct, 0.25), ((1, *distinct[1:]), 0.25)):
        B, D_in, D_out = shape
        x, W = rng.normal(size=(B, D_in)), rng.normal(size=(D_out, D_in))
        dy = rng.normal(size=(B, D_out))
        got, (want_dx, want_dW, want_db) = call(dy, x, W)
        dx, dW, db = yield from parts(got, 3, "dx, dW, db")
        square, case = share == 1.0, f"（B={B}, D_in={D_in}, D_out={D_out}）"
        form = "b 与一批样本共用：dy 要沿批的方向（axis=0）相加成 (D_out,)"
        traps = {
            "db 是相加，不是平均：除以 B 的事已经在损失里做过了": dy.mean(axis=0),
            "求和的方向错了：沿批（axis=0）加，留下 D_out": dy.sum(axis=1),
        }
        hint, label = "db[j] = Σ_i dy[i, j]", "db" + case
        yield value(db, want_db, label, hint, traps, form=form, weight=share / 2)
        outer = "第 i 个样本贡献外积 dy[i]·x[i]：要让批那一维被乘掉，即 dy.T @ x"
        traps = {
            "dW 转置了：W 是 (D_out, D_in)，要 dy.T @ x": x.T @ dy,
            "dW 是各样本相加，不是平均：除以 B 已在损失里做过": want_dW / B,
            "dx 与 dW 换了位置：按 dx, dW, db 的次序返回": want_dx,
            outer: dy @ x if square else [],
        }
        hint = "dW[j, k] = Σ_i dy[i, j]·x[i, k]"
        form = "梯度与参数同形：dW 与 W 同形，少了一次转置？"
        yield value(dW, want_dW, "dW" + case, hint, traps, form=form, weight=share)
        traps = {"多了一次转置：前向是 x @ W.T，反向是 dy @ W": dy @ W.T if square else []}
        hint, form = "dx[i, k] = Σ_j dy[i, j]·W[j, k]", "dx 与 x 同形"
        yield value(dx, want_dx, "dx" + case, hint, traps, form=form, weight=share)
    yield call.untouched(weight=0.5)


@exercise("03.3", "GELU 的反向传播", points=3, asks="gelu_backward(dy, x) -> dx")
@hints(
    "令 u = √(2/π)(x + 0.044715x³)，GELU = ½x(1 + tanh u)：先对 x 求导，最后乘上游的 dy。",
    "乘积的导数有两项：x 变而 tanh u 不变，x 不变而 tanh u 变；第二项还要穿过 tanh，再穿过 u。",
    "tanh u 对 u 的导数是 1 − tanh²u，u 对 x 的导数是 √(2/π)(1 + 3·0.044715x²)；"
    "三个因子都在第二项里。",
)
def judge_gelu_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, gelu_backward)
    x, dy = rng.normal(size=(4, 5)) * 1.5, rng.normal(size=(4, 5)) + 2.0
    got, want = call(dy, x)
    t, du = np.tanh(_GELU * (x + 0.044715 * x**3)), _GELU * (1 + 3 * 0.044715 * x**2)
    half, bend, no_three = 0.5 * (1 + t), 0.5 * x * (1 - t**2), _GELU * (1 + 0.044715 * x**2)
    exact = 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))
    bell = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    no_inner = "tanh(u) 对 x 求导时漏了里层 du/dx = √(2/π)(1 + 3·0.044715x²)"
    traps = {
        "没有乘上游的梯度 dy：局部导数只是链条的一环": want / dy,
        "乘法法则少了一半：x 乘 tanh(u)，tanh(u) 也随 x 变": dy * half,
        no_inner: dy * (half + bend),
        "x³ 的导数是 3x²：里层少了 3": dy * (half + bend * no_three),
        "tanh 的导数是 1 − tanh²，忘了平方": dy * (half + 0.5 * x * (1 - t) * du),
        "这是 ReLU 的反向：GELU 在 0 附近是弯的，负的一侧导数也不为 0": dy * (x > 0),
        "这是把 GELU 的值当成了导数：要的是 dy · GELU′(x)": dy * x * half,
        "这是 erf 形式的 GELU 的导数：本题用 tanh 近似式": dy * (exact + x * bell),
    }
    hint = "dx = dy · [½(1+tanh u) + ½x(1−tanh²u)·du/dx]"
    form = "逐元素的函数：梯度与输入同形"
    yield value(got, want, "dx", hint, traps, form=form, weight=2)
    solid = rng.integers(2, 4, size=3)
    x, dy = rng.normal(size=solid), rng.normal(size=solid)
    hint = "dy 与 x 可以是任意形状，正负都有：逐元素计算"
    yield value(*call(dy, x), "三维的 x", hint, weight=0.5)
    far, dy = np.array([-30.0, 30.0]), rng.uniform(1, 2, size=2)
    hint = "远处：左边 0，右边 1（再乘 dy）"
    yield value(*call(dy, far), "很远的两端", hint, weight=0.5)
    yield call.untouched(weight=0.5)


@exercise(
    "03.4", "softmax + 交叉熵的反向传播", points=3, asks="softmax_ce_backward(logits, y) -> dlogits"
)
@hints(
    "不必写出雅可比矩阵：softmax 与交叉熵连起来求导，整条链化简得很短。看看上面那幅右图。",
    "一个样本的梯度是 p − y：每一类的概率，真实类别那一位再减 1。",
    "先算稳定的 softmax（减每行的最大值），再用整数下标 [第几个样本, 它的类别] 减 1；"
    "最后除以样本数。",
)
def judge_softmax_ce_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, softmax_ce_backward)
    B, K = sizes(rng, 2, 3, 9)
    logits, y = rng.normal(size=(B, K)), rng.integers(0, K, size=B)
    got, want = call(logits, y)
    onehot = np.eye(K)[y]
    p = want * B + onehot
    whole = np.exp(logits) / np.exp(logits).sum() - onehot
    diagonal = (
        "p(1−p) 只是 softmax 雅可比的对角线；要的是损失对 logits 的梯度，整条链化简后是 p − y"
    )
    traps = {
        "损失是一批的平均，梯度也要除以 B": want * B,
        "符号反了：是 p − y，不是 y − p": -want,
        "漏了减去 one-hot：真实类别那一位要减 1": p / B,
        "漏了减去 one-hot：真实类别那一位要减 1；还要除以 B": p,
        diagonal: p * (1 - p) / B,
        "这是损失对概率 p 的梯度，还没有穿过 softmax 回到 logits": -onehot / (p * B),
        "只除以样本数 B，不除以 B·K": want / K,
        "除数是样本数 B，不是类别数 K": want * B / K,
        "softmax 要逐行归一：sum 时写 axis=1, keepdims=True": whole / B,
    }
    hint, form = "(softmax(logits) − onehot(y)) / B", "每个 logit 一个梯度：与 logits 同形"
    yield value(got, want, "dlogits", hint, traps, form=form, weight=2)
    big = logits * 3000 + rng.permutation(np.linspace(-3000, 3000, B))[:, None]
    yield value(*call(big, y), "logits 上千", "exp 溢出了：softmax 前先减去每一行的最大值")
    yield call.untouched(weight=0.5)


@exercise("03.5", "数值梯度", points=3, asks="numerical_gradient(f, x, eps=1e-5) -> grad")
@hints(
    "偏导数就是：只动一个元素一点点，看 f 变了多少。每个元素各问一次。",
    "中心差分：这个元素加 eps 求一次值，减 eps 求一次值，差除以两步之间的距离。",
    "用 np.ndindex(x.shape) 走遍下标；"
    "每次另造一个只有这一处是 eps 的数组，与 x 相加、相减，x 本身不动。",
)
def judge_numerical_gradient(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, numerical_gradient)
    shape = sizes(rng, 2, 2, 5)
    A, x = rng.normal(size=shape), rng.uniform(0.5, 1.5, size=shape)

    def cubic(v: Array) -> float:
        return float((A * v**3).sum() + v[0, 0] * v[-1, -1])

    want = 3 * A * x**2
    want[0, 0] += x[-1, -1]
    want[-1, -1] += x[0, 0]
    form = "每个元素一个偏导数：与 x 同形，x 不一定是一维"
    got = yield from array(call(cubic, x)[0], x.shape, "grad", form)
    at_once = "把 eps 加到了所有元素上：得到的是各偏导之和；每次只动一个元素"
    traps = {
        "分母是 2·eps：两次求值之间隔了两步": 2 * want,
        "分母多除了 2：只有一边加 eps 时才是 eps": want / 2,
        "符号反了：f(x+eps) 减 f(x−eps)": -want,
        at_once: np.full(x.shape, want.sum()),
    }
    hint = "逐个元素做中心差分"
    yield value(got, want, "grad", hint, traps, rtol=1e-3, atol=1e-4, weight=2)
    yield call.untouched(weight=0.5)
    eps = float(rng.uniform(0.005, 0.02))
    bend, rest = 3 * A * x, A * eps**2  # exact for a cubic: the error is f''/2·eps, f'''/6·eps²
    one_sided = "误差与 eps 成正比：这是单侧差分；用 f(x+eps) 与 f(x−eps) 的中心差分，误差降到 eps²"
    sides = {one_sided: [want + bend * eps + rest, want - bend * eps + rest]}
    got, hint, label = call(cubic, x, eps)[0], "没有用到参数 eps", f"eps={eps:.2g} 时的结果"
    yield value(got, want + rest, label, hint, sides, rtol=1e-7, atol=1e-9)

    def sines(v: Array) -> float:
        return float(np.sin(v).sum())

    at, hint = rng.normal(size=(3, 1, 2)), "x 可以是任何形状"
    yield value(call(sines, at)[0], np.cos(at), "三维的 x", hint, weight=0.25)
    at = at.flatten()
    yield value(call(sines, at)[0], np.cos(at), "一维的 x", hint, weight=0.25)


@exercise(
    "03.6",
    "两层 MLP 的反向传播",
    points=4,
    asks="mlp_backward(x, y, params) -> loss, grads",
    # the lesson's own names for them, the library's until exercises 03.2 and 03.4 are done
    allows=[linear_backward, softmax_ce_backward],
)
@hints(
    "先写前向，把 z1、h、z2 都留着；损失用 log-sum-exp。反向从 dz2 出发，照计算图倒着走。",
    "dz2 由 03.4 得到；第二层用 03.2，输入是 h，得到 dW2、db2 和 dh；dh 穿过 ReLU 成为 dz1；"
    "第一层再用一次 03.2。",
    "ReLU 只让 z1 > 0 的那些位置通过；除以 B 只在 dz2 里做一次，此后都是矩阵乘法与沿批求和。",
)
def judge_mlp_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, mlp_backward)
    (D, H, K), B = sizes(rng, 3, 3, 8), int(rng.integers(8, 12))
    x, y = rng.normal(size=(B, D)), rng.integers(0, K, size=B)
    shapes = {"W1": (H, D), "b1": (H,), "W2": (K, H), "b2": (K,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    got, (want, right) = call(x, y, params)
    loss, grads = yield from parts(got, 2, "loss, grads")
    hint = "前向：线性 → ReLU → 线性 → 平均交叉熵"
    yield value(loss, want, "loss", hint, {"损失要对一批求平均": want * B})
    ok = isinstance(grads, dict) and set(grads) == set(params)
    yield that(ok, "grads 的键", 'grads 是字典，键与 params 相同："W1", "b1", "W2", "b2"')
    for name in ("b2", "W2", "b1", "W1"):
        yield from array(grads[name], shapes[name], f"grads[{name!r}]", "梯度与参数同形")
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    dz2 = softmax_ce_backward(h @ params["W2"].T + params["b2"], y)
    dh = dz2 @ params["W2"]
    traps = {
        "各层都大了 B 倍：损失是平均，dz2 要除以 B": right["b2"] * B,
        "除了两次 B：dz2 里除一次就够，后面都是相加": right["b2"] / B,
        "符号反了：dz2 是 p − y": -right["b2"],
    }
    hint = "先核对 dz2 = (p − onehot) / B"
    yield value(grads["b2"], right["b2"], "b2 的梯度", hint, traps, weight=0.75)
    traps = {"用了 ReLU 之前的 z1：第二层的输入是 h = relu(z1)": dz2.T @ z1}
    yield value(grads["W2"], right["W2"], "W2 的梯度", "dW2 = dz2.T @ h", traps, weight=0.75)
    traps = {
        "没有穿过 ReLU：dz1 = dh · (z1 > 0)": dh.sum(axis=0),
        "ReLU 的开关看前向的 z1，不看梯度 dh 的正负": np.maximum(dh, 0).sum(axis=0),
        "ReLU 的局部导数是 0 或 1，不是 z1 本身": (dh * z1).sum(axis=0),
        "ReLU 的局部导数是 0 或 1，不是 h 本身": (dh * h).sum(axis=0),
    }
    yield value(grads["b1"], right["b1"], "b1 的梯度", "dz1 沿批相加", traps, weight=0.75)
    yield value(grads["W1"], right["W1"], "W1 的梯度", "dW1 = dz1.T @ x", weight=0.75)
    huge = params | {"W2": params["W2"] * 2000}
    z2 = h @ huge["W2"].T + huge["b2"]
    # so sure and so wrong that ln p is −inf unless worked out from z2
    got, (want, right) = call(x, z2.argmin(axis=1), huge)
    loss, grads = yield from parts(got, 2, "loss, grads")
    hint = "logits 上千时溢出了：损失用 log-sum-exp，softmax 前减去每一行的最大值"
    yield value(loss, want, "logits 上千时的 loss", hint, weight=0.25)
    found = grads.get("b2") if isinstance(grads, dict) else None
    yield value(found, right["b2"], "logits 上千时 b2 的梯度", hint, weight=0.25)
    hint = "这里只算梯度，不更新参数"
    yield call.untouched("params", label="没有改动 params", hint=hint, weight=0.25)
    yield call.untouched("x", "y", weight=0.25)
