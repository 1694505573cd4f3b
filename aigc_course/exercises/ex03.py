"""Chapter 03, backpropagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_course.exercises.core import Step, close, exercise, shape, that, untouched

Array = NDArray[Any]

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


def _hint(got: Any, traps: Sequence[tuple[Any, str]], otherwise: str) -> str:
    """The hint of the typical mistake that gives exactly ``got``, else a general one."""
    value = np.asarray(got, dtype=float)
    for wrong, hint in traps:
        wrong = np.asarray(wrong, dtype=float)
        if value.shape == wrong.shape and np.allclose(
            value, wrong, rtol=1e-6, atol=1e-9, equal_nan=True
        ):
            return hint
    return otherwise


def _value(
    got: Any, want: Any, label: str, traps: Sequence[tuple[Any, str]], otherwise: str
) -> Step:
    return close(got, want, label, hint=_hint(got, traps, otherwise))


def _parts(got: Any, n: int, names: str) -> Step:
    ok = isinstance(got, tuple | list) and len(got) == n
    return that(ok, f"返回 {n} 个量", f"要返回 {names}，按这个次序")


@exercise(
    "03.1", title="一个神经元的反向传播", points=2, asks="neuron_backward(w, x, b, y) -> dw, dx, db"
)
def _neuron(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    for _ in range(2):
        w, x, b, y = (float(v) for v in rng.uniform(0.3, 1.5, size=4) * [1, -1, 1, 1])
        got = answer(w, x, b, y)
        yield _parts(got, 3, "dw, dx, db")
        s = 1 / (1 + np.exp(-(w * x + b)))
        full, no_slope = 2 * (s - y) * s * (1 - s), 2 * (s - y)
        traps = [
            (no_slope, "漏了 sigmoid 自己的导数 σ(1−σ)：链条上每一环都要乘"),
            (full / 2, "平方的导数是 2(σ−y)，少了 2"),
            (-full, "符号反了：(σ−y)² 对 σ 的导数是 2(σ−y)，不是 2(y−σ)"),
            (1.0, "b 的局部导数是 1，可是还要乘上游传来的梯度"),
            (full * b, "z = wx + b 对 b 的导数是 1，不是 b"),
        ]
        yield _value(got[2], full, "db", traps, "db = dL/dσ · dσ/dz · 1")
        traps = [(full * w, "dw 与 dx 换了位置：wx 对 w 的导数是 x")]
        yield _value(got[0], full * x, "dw", traps, "dw = dz · x")
        yield _value(got[1], full * w, "dx", [], "dx = dz · w")


@exercise(
    "03.2", title="线性层的反向传播", points=3, asks="linear_backward(dy, x, W) -> dx, dW, db"
)
def _linear(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    # square first: every wrong transpose still runs here, so the hint can name it
    for B, D_in, D_out in ((4, 4, 4), (5, 3, 2), (1, 3, 6)):
        x, W, dy = (
            rng.normal(size=(B, D_in)),
            rng.normal(size=(D_out, D_in)),
            rng.normal(size=(B, D_out)),
        )
        given = [a.copy() for a in (dy, x, W)]
        got = answer(*given)
        yield _parts(got, 3, "dx, dW, db")
        dx, dW, db = got
        case = f"（B={B}, D_in={D_in}, D_out={D_out}）"
        yield shape(
            db, (D_out,), "db" + case, "b 与一批样本共用：dy 要沿批的方向（axis=0）相加成 (D_out,)"
        )
        traps = [
            (dy.mean(axis=0), "db 是相加，不是平均：除以 B 的事已经在损失里做过了"),
            (dy.sum(axis=1), "求和的方向错了：沿批（axis=0）加，留下 D_out"),
        ]
        yield _value(db, dy.sum(axis=0), "db" + case, traps, "db[j] = Σ_i dy[i, j]")
        yield shape(dW, W.shape, "dW" + case, "梯度与参数同形：dW 与 W 同形，少了一次转置？")
        right = dy.T @ x
        traps = [
            (x.T @ dy, "dW 转置了：W 是 (D_out, D_in)，要 dy.T @ x"),
            (right / B, "dW 是各样本相加，不是平均：除以 B 已在损失里做过"),
        ]
        if D_out == B:  # only then does this mistake run at all
            hint = "第 i 个样本贡献外积 dy[i]·x[i]：要让批那一维被乘掉，即 dy.T @ x"
            traps.append((dy @ x, hint))
        yield _value(dW, right, "dW" + case, traps, "dW[j, k] = Σ_i dy[i, j]·x[i, k]")
        yield shape(dx, x.shape, "dx" + case, "dx 与 x 同形")
        traps = [(right, "dx 与 dW 换了位置：按 dx, dW, db 的次序返回")]
        if D_in == D_out:
            traps.append((dy @ W.T, "多了一次转置：前向是 x @ W.T，反向是 dy @ W"))
        yield _value(dx, dy @ W, "dx" + case, traps, "dx[i, k] = Σ_j dy[i, j]·W[j, k]")
        for old, new, name in zip((dy, x, W), given, ("dy", "x", "W"), strict=True):
            yield untouched(old, new, name)


@exercise("03.3", title="GELU 的反向传播", points=3, asks="gelu_backward(dy, x) -> dx")
def _gelu(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    x, dy = rng.normal(size=(4, 5)) * 1.5, rng.normal(size=(4, 5)) + 2.0
    given = [dy.copy(), x.copy()]
    got = answer(*given)
    yield shape(got, x.shape, "dx", "逐元素的函数：梯度与输入同形")
    t = np.tanh(_GELU * (x + 0.044715 * x**3))
    du = _GELU * (1 + 3 * 0.044715 * x**2)
    right = gelu_backward(dy, x)
    traps = [
        (right / dy, "没有乘上游的梯度 dy：局部导数只是链条的一环"),
        (dy * 0.5 * (1 + t), "乘法法则少了一半：x 乘 tanh(u)，tanh(u) 也随 x 变"),
        (
            dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2)),
            "tanh(u) 对 x 求导时漏了里层 du/dx = √(2/π)(1 + 3·0.044715x²)",
        ),
        (
            dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * _GELU * (1 + 0.044715 * x**2)),
            "x³ 的导数是 3x²：里层少了 3",
        ),
        (
            dy * (0.5 * (1 + t) + 0.5 * x * (1 - t) * du),
            "tanh 的导数是 1 − tanh²，忘了平方",
        ),
        (dy * (x > 0), "这是 ReLU 的反向：GELU 在 0 附近是弯的，负的一侧导数也不为 0"),
        (dy * 0.5 * x * (1 + t), "这是把 GELU 的值当成了导数：要的是 dy · GELU′(x)"),
    ]
    yield _value(got, right, "dx", traps, "dx = dy · [½(1+tanh u) + ½x(1−tanh²u)·du/dx]")
    yield untouched(dy, given[0], "dy")
    yield untouched(x, given[1], "x")
    far = np.array([-30.0, 30.0])
    yield close(answer(np.ones(2), far), [0.0, 1.0], "很远的两端", "远处：左边 0，右边 1")


@exercise(
    "03.4",
    title="softmax + 交叉熵的反向传播",
    points=3,
    asks="softmax_ce_backward(logits, y) -> dlogits",
)
def _softmax_ce(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    B, K = 6, 4
    logits, y = rng.normal(size=(B, K)), rng.integers(0, K, size=B)
    given = logits.copy()
    got = answer(given, y)
    yield shape(got, (B, K), "dlogits", "每个 logit 一个梯度：与 logits 同形")
    right = softmax_ce_backward(logits, y)
    onehot = np.eye(K)[y]
    p = right * B + onehot
    whole = np.exp(logits) / np.exp(logits).sum() - onehot
    traps = [
        (right * B, "损失是一批的平均，梯度也要除以 B"),
        (-right, "符号反了：是 p − y，不是 y − p"),
        (p / B, "漏了减去 one-hot：真实类别那一位要减 1"),
        (p, "漏了减去 one-hot：真实类别那一位要减 1；还要除以 B"),
        (
            p * (1 - p) / B,
            "p(1−p) 只是 softmax 雅可比的对角线；要的是损失对 logits 的梯度，整条链化简后是 p − y",
        ),
        (-onehot / (p * B), "这是损失对概率 p 的梯度，还没有穿过 softmax 回到 logits"),
        (right / K, "只除以样本数 B，不除以 B·K"),
        (whole / B, "softmax 要逐行归一：sum 时写 axis=1, keepdims=True"),
    ]
    yield _value(got, right, "dlogits", traps, "(softmax(logits) − onehot(y)) / B")
    yield untouched(logits, given, "logits")
    big = logits * 1000
    yield close(
        answer(big, y),
        softmax_ce_backward(big, y),
        "logits 上千",
        "exp 溢出了：softmax 前先减去每一行的最大值",
    )


@exercise("03.5", title="数值梯度", points=3, asks="numerical_gradient(f, x, eps=1e-5) -> grad")
def _numerical(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    A, x = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))

    def cubic(v: Array) -> float:
        return float((A * v**3).sum() + (v[0, 0] * v[2, 3]))

    right = 3 * A * x**2
    right[0, 0] += x[2, 3]
    right[2, 3] += x[0, 0]
    before = x.copy()
    got = answer(cubic, x)
    yield untouched(before, x, "x")
    yield shape(got, x.shape, "grad", "每个元素一个偏导数：与 x 同形，x 不一定是一维")
    traps = [
        (2 * right, "分母是 2·eps：两次求值之间隔了两步"),
        (right / 2, "分母多除了 2：只有一边加 eps 时才是 eps"),
        (-right, "符号反了：f(x+eps) 减 f(x−eps)"),
    ]
    value = np.asarray(got, dtype=float)
    summed = np.allclose(value, right.sum(), rtol=1e-4)
    yield that(
        not summed, "一次只动一个", "把 eps 加到了所有元素上：得到的是各偏导之和；每次只动一个元素"
    )
    loose = next(
        (h for w, h in traps if np.allclose(value, w, rtol=1e-3, atol=1e-4)), "逐个元素做中心差分"
    )
    yield close(got, right, "grad", loose, rtol=1e-3, atol=1e-4)
    coarse = np.asarray(answer(cubic, x, 1e-2), dtype=float)
    central = right + A * 1e-2**2  # exact for a cubic: f''' eps² / 6 = A eps²
    one_sided = np.abs(coarse - right).max() > 50 * np.abs(central - right).max()
    yield that(
        not one_sided,
        "eps=0.01 时的误差",
        "误差与 eps 成正比：这是单侧差分；用 f(x+eps) 与 f(x−eps) 的中心差分，误差降到 eps²",
    )
    yield close(coarse, central, "eps=0.01 时的结果", "没有用到参数 eps", rtol=1e-7, atol=1e-9)
    yield close(
        answer(lambda v: float(np.sin(v).sum()), np.zeros(3)),
        np.ones(3),
        "一维的 x",
        "x 可以是任何形状",
    )


@exercise(
    "03.6",
    title="两层 MLP 的反向传播",
    points=4,
    asks="mlp_backward(x, y, params) -> loss, grads",
)
def _mlp(answer: Any, rng: np.random.Generator) -> Iterator[Step]:
    B, D, H, K = 7, 5, 6, 4
    x, y = rng.normal(size=(B, D)), rng.integers(0, K, size=B)
    params = {
        "W1": rng.normal(size=(H, D)),
        "b1": rng.normal(size=H),
        "W2": rng.normal(size=(K, H)),
        "b2": rng.normal(size=K),
    }
    given = {name: value.copy() for name, value in params.items()}
    got = answer(x.copy(), y.copy(), given)
    yield _parts(got, 2, "loss, grads")
    loss, grads = got
    right_loss, right = mlp_backward(x, y, params)
    ok = isinstance(grads, dict) and set(grads) == set(params)
    yield that(ok, "grads 的键", 'grads 是字典，键与 params 相同："W1", "b1", "W2", "b2"')
    traps: list[tuple[Any, str]] = [(right_loss * B, "损失要对一批求平均")]
    yield _value(loss, right_loss, "loss", traps, "前向：线性 → ReLU → 线性 → 平均交叉熵")
    for name in ("b2", "W2", "b1", "W1"):
        yield shape(grads[name], params[name].shape, f"grads[{name!r}]", "梯度与参数同形")
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    dz2 = softmax_ce_backward(h @ params["W2"].T + params["b2"], y)
    dh = dz2 @ params["W2"]
    traps = [
        (right["b2"] * B, "各层都大了 B 倍：损失是平均，dz2 要除以 B"),
        (right["b2"] / B, "除了两次 B：dz2 里除一次就够，后面都是相加"),
    ]
    yield _value(grads["b2"], right["b2"], "b2 的梯度", traps, "先核对 dz2 = (p − onehot) / B")
    traps = [(dz2.T @ z1, "用了 ReLU 之前的 z1：第二层的输入是 h = relu(z1)")]
    yield _value(grads["W2"], right["W2"], "W2 的梯度", traps, "dW2 = dz2.T @ h")
    mask_h = dh * (dh > 0)
    mask_x = dh * z1
    traps = [
        (dh.sum(axis=0), "没有穿过 ReLU：dz1 = dh · (z1 > 0)"),
        (mask_h.sum(axis=0), "ReLU 的开关看前向的 z1，不看梯度 dh 的正负"),
        (mask_x.sum(axis=0), "ReLU 的局部导数是 0 或 1，不是 z1 本身"),
    ]
    yield _value(grads["b1"], right["b1"], "b1 的梯度", traps, "dz1 沿批相加")
    yield _value(grads["W1"], right["W1"], "W1 的梯度", [], "dW1 = dz1.T @ x")
    same = all(np.array_equal(params[k], given[k]) for k in params)
    yield that(same, "没有改动 params", "这里只算梯度，不更新参数")
