"""Chapter 03, backpropagation: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
They take and return plain NumPy arrays, so this module needs nothing but NumPy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Step,
    Steps,
    again,
    array,
    attempt,
    exercise,
    hints,
    independent,
    parts,
    shape_of,
    sizes,
    that,
    value,
)

__all__ = [
    "gelu_backward",
    "gradient_check",
    "growth_per_layer",
    "linear_backward",
    "mlp_backward",
    "neuron_backward",
    "residual_backward",
    "softmax_ce_backward",
    "tanh_to_sigmoid",
]

_GELU = np.sqrt(2 / np.pi)


# --- the library's versions --------------------------------------------------------------------


def neuron_backward(w: float, x: float, b: float, y: float) -> tuple[float, float, float]:
    """Gradients of ``L = (z·σ(z) − y)²``, ``z = w·x + b``: one neuron that uses its z twice.

    Args:
        w, x, b, y: numbers.

    Returns:
        ``dw, dx, db``.

    Example:
        >>> neuron_backward(w=0.0, x=2.0, b=0.0, y=1.0)
        (-2.0, -0.0, -1.0)
    """
    z = w * x + b
    s = 1 / (1 + np.exp(-z))
    dz = float(2 * (z * s - y) * (s + z * s * (1 - s)))
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
    """Gradient of the mean cross-entropy of ``softmax(logits)`` over the rows that have a label.

    Args:
        logits: (B, K).
        y: class numbers, (B,): integers in [0, K), or −1 for a row without a label.

    Returns:
        (B, K); each row sums to 0, and a row without a label is 0.

    Example:
        >>> softmax_ce_backward(np.zeros((3, 2)), np.array([0, -1, 1])).tolist()
        [[-0.25, 0.25], [0.0, 0.0], [0.25, -0.25]]
    """
    known = y >= 0
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[known, y[known]] -= 1
    d[~known] = 0
    return np.asarray(d / max(known.sum(), 1))


def gradient_check(
    f: Callable[[Array], float], x: Array, grad: Array, eps: float = 1e-5
) -> tuple[float, tuple[int, ...]]:
    """How far a gradient is from central differences, and where it is farthest.

    Args:
        f: takes an array of ``x``'s shape, returns a number.
        x: where to differentiate, float64, any shape; left as it came.
        grad: what is claimed to be the gradient, same shape.
        eps: step.

    Returns:
        ``‖grad − n‖ / (‖grad‖ + ‖n‖)`` with ``n`` the central differences (0 if both are 0), and
        the index of the largest ``|grad − n|``.

    Example:
        >>> x, wrong = np.array([1.0, -3.0]), np.array([2.0, 6.0])
        >>> error, where = gradient_check(lambda v: float((v**2).sum()), x, wrong)
        >>> round(error, 3), where
        (0.949, (1,))
    """
    n = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        n[i] = (f(x + step) - f(x - step)) / (2 * eps)
    whole = float(np.linalg.norm(grad) + np.linalg.norm(n))
    far = np.unravel_index(np.abs(grad - n).argmax(), x.shape)
    error = float(np.linalg.norm(grad - n)) / whole if whole else 0.0
    return error, tuple(int(i) for i in far)


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


def residual_backward(dy: Array, x: Array, W1: Array, W2: Array) -> tuple[Array, Array, Array]:
    """Backward pass of ``y = x + relu(x W1^T) W2^T``.

    Args:
        dy: gradient for the output, (B, D).
        x: the input, (B, D).
        W1, W2: (H, D) and (D, H).

    Returns:
        ``dx (B, D), dW1 (H, D), dW2 (D, H)``.

    Example:
        >>> one = np.ones((1, 1))
        >>> [g.item() for g in residual_backward(one, 2 * one, 3 * one, 4 * one)]
        [13.0, 8.0, 6.0]
    """
    z = x @ W1.T
    dz = (dy @ W2) * (z > 0)
    return dy + dz @ W1, dz.T @ x, dy.T @ np.maximum(z, 0)


def growth_per_layer(d_in: int, d_out: int, std: float, slope: float) -> tuple[float, float]:
    """By how much a layer of Leaky ReLU multiplies the mean square of z, and that of its gradient.

    ``z' = W f(z)`` with W (d_out, d_in) of independent entries with mean 0, and z symmetric.

    Example:
        >>> forward, backward = growth_per_layer(100, 50, 0.2, slope=0.0)
        >>> round(forward, 6), round(backward, 6)
        (2.0, 1.0)
    """
    factor = std**2 * (1 + slope**2) / 2
    return d_in * factor, d_out * factor


Layers = Sequence[tuple[Array, Array]]


def tanh_to_sigmoid(layers: Layers) -> list[tuple[Array, Array]]:
    """The sigmoid network that gives the very outputs of a tanh network.

    Args:
        layers: (W (D_out, D_in), b (D_out,)) of each layer; tanh after all but the last.

    Returns:
        As many pairs of the same shapes, for a network with sigmoid in place of tanh.

    Example:
        >>> [(W, b), (V, c)] = tanh_to_sigmoid([(np.ones((1, 1)), np.zeros(1))] * 2)
        >>> W.item(), b.item(), V.item(), c.item()
        (2.0, 0.0, 2.0, -1.0)
    """
    out = []
    for k, (W, b) in enumerate(layers):
        if k > 0:  # what comes in is s, with h = 2s − 1
            W, b = 2 * W, b - W.sum(axis=1)
        if k < len(layers) - 1:  # tanh z = 2σ(2z) − 1
            W, b = 2 * W, 2 * b
        out.append((W, b))
    return out


# --- the judges --------------------------------------------------------------------------------


def _sizes_taken(
    call: Callable[[], Any], label: str, known: Sequence[int]
) -> Generator[Step, None, Any]:
    """What ``call()`` returns; an error that speaks of a size the inputs have not is told."""

    def odd(error: Exception) -> str:
        shapes = re.findall(r"\(([\d, ]+)\)|size (\d+)", str(error))
        told = {int(n) for both in shapes for n in re.findall(r"\d+", " ".join(both))}
        if not (strange := sorted(told - set(known) - {0, 1})):
            return ""
        return f"{'、'.join(map(str, strange))} 不在这次的形状里：大小写死了？从输入的 shape 里取"

    return (yield from attempt(call, label, {ValueError: odd, IndexError: odd}))


def _in_order(
    got: Any, n: int, names: str, want: Any, first: str, other: str
) -> Generator[Step, None, Sequence[Any]]:
    """Like :func:`parts`; ``other`` is a second reading of the order that begins with ``first``."""
    found = parts(got, n, names, want=want)
    step = next(found)
    yield replace(step, hint=step.hint + other) if step.hint.endswith(first) else step
    try:
        next(found)
    except StopIteration as end:
        return end.value
    raise AssertionError("parts gives one step")


TURNED = (
    "前面的对，转置来的（x = a.T）不对：它在内存里不按行排，ravel、reshape(-1) 得到的是复制，"
    "写进去改不到原来的；写 out[下标] 或 out.flat[i]"
)
NEARLY = (
    "只对上前几位：四舍五入、截断、加了小常数，或是数值差分、float32；要的是公式，用 float64 算到底"
)


def _numbers(got: Any) -> list[Array]:
    """Copies of all arrays and numbers in a result."""
    if isinstance(got, dict):
        got = list(got.values())
    if isinstance(got, tuple | list):
        return [number for one in got for number in _numbers(one)]
    return [np.array(got)]


def _same(got: Any, other: Any) -> bool:
    got, other = _numbers(got), _numbers(other)
    return len(got) == len(other) and all(map(np.array_equal, got, other))


def _again(call: Caller, got: Any, *inputs: Any) -> Steps:
    """Like :func:`again`; ``got``, which an earlier call gave, has to stay as it was."""
    before = _numbers(got)
    yield again(call, *inputs)
    hint = "下一次调用改了这一次返回的：数组（或字典）是共用的。每次都造新的，不放在函数外面"
    yield that(_same(before, got), "前一次返回的没有变", hint)


def _again_each(call: Caller, *inputs: float) -> Steps:
    """Like :func:`again`, once for each input: that one halved, the others as they were."""
    for k, one in enumerate(inputs):
        yield again(call, *inputs[:k], type(one)(one / 2), *inputs[k + 1 :])


def _exact(
    got: Any,
    want: Any,
    label: str,
    hint: str,
    traps: dict[str, Any] | None = None,
    *,
    form: str | None = None,
    weight: float = 1.0,
    lists: bool = False,
    nonfinite: str = "",
    none: str = "",
) -> Step:
    """A gradient from a formula: central differences agree to about ten digits, and do not pass."""
    if value(got, want, label, rtol=1e-3, atol=1e-4, lists=lists).ok:
        hint = NEARLY
    return value(
        got,
        want,
        label,
        hint,
        traps,
        form=form,
        rtol=1e-12,
        atol=1e-13,
        weight=weight,
        lists=lists,
        nonfinite=nonfinite,
        none=none,
    )


@exercise(
    "03.1", "一个神经元的反向传播", points=2, asks="neuron_backward(w, x, b, y) -> dw, dx, db"
)
@hints(
    "先画图：z 有两支箭头，一支进 σ，一支直接进乘法。h = z·σ(z)，L = (h − y)²。",
    "乘法那一环：对左边的因子，局部导数是右边的因子。z 从两条路各得一份梯度，相加。",
    "直接那条路给 σ(z)，绕过 σ 的那条路给 z 乘 σ 自己的导数；两份之和乘上游的 2(h − y)，"
    "就是 z 的梯度。",
)
def judge_neuron_backward(answer: Answer, rng: Rng) -> Steps:
    # numbers of either sign, never near 0 or 1: each slip changes the result
    cases = rng.uniform(0.3, 0.9, size=(4, 5)) * rng.choice([-1.0, 1.0], size=(4, 5))
    w, x, b, y = cases
    w[0], x[0], b[1] = abs(w[0]), -abs(x[0]), 6 * b[1]
    y[0] = 1 + abs(y[0])  # above h, so |h − y| is not h − y
    call = Caller(answer, neuron_backward)
    pairs = zip(cases.T[:2].tolist(), (9.6, -9.6), strict=True)
    far = [[w, x, z - w * x, y] for (w, x, _, y), z in pairs]
    for k, (w, x, b, y) in enumerate([*cases.T.tolist(), *far]):
        share = 1.0 if k < 4 else 0.0  # the last two are at the ends of what is asked for
        got, want = call(w, x, b, y)
        if k > 0 and _same(got, call(*cases.T[0].tolist())[0]):
            hint = "输入换了，返回的没有变：有东西从上一次调用留了下来，或没有用到输入"
            yield that(False, "换一组数", hint, given=got)
        other = "；或者乘错了对方：dw 要乘 x，dx 要乘 w"
        dw, dx, db = yield from _in_order(got, 3, "dw, dx, db", want, "dw 的位置上来的是 dx", other)
        traps = _neuron_traps(w, x, b, y)
        one = "三个梯度各是一个数，不是一个元素的数组"
        said = (
            "db 就是 z 的梯度：上游 2(h − y)，乘两条路之和。拿 z = 2 试：h = 1.7616，"
            "直接的那条路给 0.8808，绕过 σ 的给 2 × 0.1050"
        )
        if k >= 4:
            said = f"|z| 小的都对，z = {w * x + b:.3g} 不对：z、σ(z) 不裁剪，也不换成近似"
        yield _exact(db, want[2], "db", said, traps, weight=0.2 * share, lists=True, form=one)
        dz = want[2]
        traps = {"z = wx + b 对 w 的导数是 x，不是 w": dz * w, "还要乘 z 对 w 的局部导数": dz}
        said = "dw = z 的梯度乘 z 对 w 的局部导数"
        yield _exact(dw, want[0], "dw", said, traps, weight=0.1 * share, lists=True, form=one)
        said = "dx = z 的梯度乘 z 对 x 的局部导数"
        traps = {"z = wx + b 对 x 的导数是 w，不是 x": dz * x, "还要乘 z 对 x 的局部导数": dz}
        yield _exact(dx, want[1], "dx", said, traps, weight=0.1 * share, lists=True, form=one)
        if k == 0:
            yield from _again_each(call, w, x, b, y)


def _neuron_traps(w: float, x: float, b: float, y: float) -> dict[str, Any]:
    z = w * x + b
    s = 1 / (1 + np.exp(-z))
    up, bend = 2 * (z * s - y), s * (1 - s)
    dz = up * (s + z * bend)
    bare = w * x
    t = 1 / (1 + np.exp(-bare))
    old, h = 1 / (1 + np.exp(-1.0)), z * s
    return {
        "只走了一条路：z 还经过 σ 影响 h，那一份也要加上": up * s,
        "只走了一条路：z 还直接乘在 h 里，那一份也要加上": up * z * bend,
        "两条路的梯度要相加，不是相乘": [up * s * z * bend, up * z * s * bend],
        "绕过 σ 的那一份漏了一个因子：乘法对 σ 的局部导数是 z": up * (s + bend),
        "σ 自己的导数是 σ(1−σ)，号反了：不是 σ(σ−1)": up * (s - z * bend),
        "s 在函数里算了吗？这里用到的是上一格的 s = 0.7311，不是 σ(z)": [
            2 * (v * old - y) * (old + v * old * (1 - old)) for v in (z, 1.0)
        ],
        "这里用到的是 σ(−z)：σ(z) = 1/(1 + e^(−z))，z 不反号，也不取绝对值": (
            2 * (z * (1 - s) - y) * (1 - s + z * bend)
        ),
        "σ 自己的导数是 σ(1−σ)": [
            up * (s + z * slope) for slope in (s * (1 + s), 1 - s**2, h * (1 - h))
        ],
        "经过 σ 的那条路上，乘法对 σ 的局部导数是 z，不是 h": up * (s + z * s * bend),
        "z = wx + b：b 不见了": 2 * (bare * t - y) * (t + bare * t * (1 - t)),
        "这是 h = σ(z) 的梯度：这里 h = z·σ(z)": 2 * (s - y) * bend,
        "误差是 h − y，不是 σ − y": 2 * (s - y) * (s + z * bend),
        "误差是 h − y：y 不见了": 2 * z * s * (s + z * bend),
        "2 乘的是整个 (h − y)，不只是 h": (2 * h - y) * (s + z * bend),
        "直接的那条路给的是 σ(z)：乘法对左边的 z 的局部导数是右边的因子": [
            up * (z + one) for one in (bend, z * bend)
        ],
        "漏了上游的 2(h−y)": s + z * bend,
        "少了一半：平方的导数是 2(h−y)；两条路是相加，不是平均": dz / 2,
        "符号反了：(h−y)² 对 h 的导数是 2(h−y)，h 比 y 小时它是负的": -dz,
        "b 的局部导数是 1，可是还要乘上游传来的梯度": 1.0,
        "z = wx + b 对 b 的导数是 1，不是 b": dz * b,
    }


@exercise("03.2", "线性层的反向传播", points=3, asks="linear_backward(dy, x, W) -> dx, dW, db")
@hints(
    "先写下形状：梯度与它对应的量同形。dW 与 W 都是 (D_out, D_in)，dx 与 x 都是 (B, D_in)。",
    "一批样本共用 W 和 b，是分叉：dW 是 B 个外积之和，db 是 B 个 dy 之和；"
    "每个样本有自己的 x，所以 dx 逐行算。",
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
        both = yield from _sizes_taken(
            lambda dy=dy, x=x, W=W: call(dy, x, W),  # type: ignore[misc]
            f"B={B}, D_in={D_in}, D_out={D_out}",
            shape,
        )
        got, want = both
        dx, dW, db = yield from parts(got, 3, "dx, dW, db", want=want)
        case = f"（B={B}, D_in={D_in}, D_out={D_out}）"
        # each of the three is known without the other two
        yield from independent(
            _ask_db(db, dy, "db" + case, share / 2),
            _ask_dW(dW, dy, x, "dW" + case, share),
            _ask_dx(dx, dy, W, "dx" + case, share),
        )
        if share == 1.0:
            yield from _again(call, got, *rng.normal(size=(3, n, n)))
    yield call.untouched(weight=0.5)


def _ask_db(db: Any, dy: Array, label: str, weight: float) -> Step:
    traps = {
        "db 是相加，不是平均：除以 B 的事已经在损失里做过了": dy.mean(axis=0),
        "求和的方向错了：沿批（axis=0）加，留下 D_out": dy.sum(axis=1),
        "只剩最后一个样本的：一批要加起来，= 还是 +=？": dy[-1],
        "只用了第一个样本：一批要加起来": dy[0],
        "少了最后一个样本": dy[:-1].sum(axis=0),
        "db 没有用到 dy：b 的局部导数是 1，还要乘上游的 dy": np.full(dy.shape[1], float(len(dy))),
    }
    if len(dy) == 1:  # then one sample is all there is
        traps = {}
    hint = "db[j] = Σ_i dy[i, j]，i 走遍这一批的 B 个样本，在 float64 里加"
    form = "b 与一批样本共用：dy 要沿批的方向（axis=0）相加成 (D_out,)"
    if shape_of(db) == (1, dy.shape[1]) and len(dy) > 1:
        form = "加得对，只是多了一维：b 是 (D_out,)，不要 keepdims"
    return _exact(db, dy.sum(axis=0), label, hint, traps, form=form, weight=weight)


def _ask_dW(dW: Any, dy: Array, x: Array, label: str, weight: float) -> Step:
    want, (B, D_out) = dy.T @ x, dy.shape
    few = min(B, D_out)
    outer = "第 i 个样本贡献外积 dy[i]·x[i]：相乘时要被消掉的是批那一维"
    traps = {
        "dW 转置了：W 是 (D_out, D_in)，每行属于一个输出": x.T @ dy,
        "dW 是各样本相加，不是平均：除以 B 已在损失里做过": want / B,
        "只剩最后一个样本的外积：一批要加起来，= 还是 +=？": np.outer(dy[-1], x[-1]),
        "只用了第一个样本：每个样本的外积都要加进来": np.outer(dy[0], x[0]),
        "少了最后一个样本的外积": dy[:-1].T @ x[:-1],
        "循环走了 D_out 步，样本有 B 个": dy[:few].T @ x[:few] if few < B else [],
        outer: dy @ x if B == D_out == x.shape[1] else [],
        "逐元素相乘再加，只剩同号的下标：每个 j 都要配每个 k": (
            np.tile((dy * x).sum(axis=0), (D_out, 1)) if D_out == x.shape[1] else []
        ),
    }
    if B == 1:  # then one sample is all there is
        traps = {}
    form = "dW 与 W 同形：少了一次转置？np.outer 一次只给一个样本，整批会被它展平"
    if shape_of(dW) in {(B, *want.shape), (B, *want.T.shape)}:
        form = "多出来的一维是批：B 个样本的外积还要沿批相加"
    return _exact(
        dW, want, label, "dW[j, k] = Σ_i dy[i, j]·x[i, k]", traps, form=form, weight=weight
    )


def _ask_dx(dx: Any, dy: Array, W: Array, label: str, weight: float) -> Step:
    traps: dict[str, Any] = {
        "多了一次转置：前向里 W 转置过，反向要转回来": dy @ W.T if len(W) == len(W.T) else [],
        "dx 没有用到 dy": np.tile(W.sum(axis=0), (len(dy), 1)),
    }
    hint, form = "dx[i, k] = Σ_j dy[i, j]·W[j, k]", "dx 与 x 同形，每个样本一行"
    return _exact(dx, dy @ W, label, hint, traps, form=form, weight=weight)


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
    x = np.clip(x, -3.5, 3.5)
    x[1, 2], x[2, 1] = 3.3, -3.4
    got, want = call(dy, x)
    t, du = np.tanh(_GELU * (x + 0.044715 * x**3)), _GELU * (1 + 3 * 0.044715 * x**2)
    half, bend, no_three = 0.5 * (1 + t), 0.5 * x * (1 - t**2), _GELU * (1 + 0.044715 * x**2)
    exact = 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))
    bell = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    traps = {
        "没有乘上游的梯度 dy：局部导数只是链条的一环": want / dy,
        "乘法法则少了一半：x 乘 tanh(u)，tanh(u) 也随 x 变": dy * half,
        "乘法法则少了一半：tanh(u) 变的时候 x 不变，x 变的那一份也要": dy * bend * du,
        "tanh(u) 对 x 求导时漏了里层的 du/dx": dy * (half + bend),
        "x³ 的导数是 3x²：里层少了 3": dy * (half + bend * no_three),
        "dy 要乘整个导数，两项都乘": [dy * half + bend * du, half + dy * bend * du],
        "x³ 的导数是 3x²，不是 3x": dy * (half + bend * _GELU * (1 + 3 * 0.044715 * x)),
        "系数是 √(2/π)，不是 √(2π)，也不是 2/π": [
            _other_factor(dy, x, c) for c in (math.sqrt(2 * math.pi), 2 / math.pi)
        ],
        "√(2/π) 是整个 2/π 开方，不是 √2 除以 π": _other_factor(dy, x, math.sqrt(2) / math.pi),
        "常数抄短或抄错了：√(2/π) 写 np.sqrt(2 / np.pi)，0.044715 写全": (
            _short_constants(dy, x, got)
        ),
        "只有 |x| > 3 的地方错了：那里也照公式算": [
            gelu_backward(dy, np.clip(x, -3, 3)),
            np.where(abs(x) > 3, dy * (x > 0), want),
        ],
        "tanh 的导数是 1 − tanh²(u)，平方的是 tanh u，不是 u": dy
        * (half + 0.5 * x * (1 - (_GELU * (x + 0.044715 * x**3)) ** 2) * du),
        "du/dx 只乘在第二项上：第一项是 x 变而 tanh u 不变": dy * (half + bend) * du,
        "x³ 的导数是 3x²，不是 3x³": dy * (half + bend * _GELU * (1 + 3 * 0.044715 * x**3)),
        "第二项的 ½ 漏了：½ 管着整个乘积": dy * (half + 2 * bend * du),
        "这是另一个近似 x·σ(1.702x) 的导数：本题用 tanh 近似式": dy * _quick(x),
        "里层漏了 √(2/π)": dy * (half + bend * du / _GELU),
        "第二项漏了因子 x": dy * (half + 0.5 * (1 - t**2) * du),
        "tanh 的导数是 1 − tanh²，忘了平方": dy * (half + 0.5 * x * (1 - t) * du),
        "tanh 的导数是 1 − tanh²，号写成了加": dy * (half + 0.5 * x * (1 + t**2) * du),
        "这是 ReLU 的反向：GELU 在 0 附近是弯的，负的一侧导数也不为 0": dy * (x > 0),
        "这是把 GELU 的值当成了导数：要的是 dy · GELU′(x)": dy * x * half,
        "这是 erf 形式的 GELU 的导数：本题用 tanh 近似式": dy * (exact + x * bell),
    }
    hint = (
        "逐环核对：½(1+tanh u) 那一项、½x 乘 tanh u 的导数那一项、里层 u 的导数，"
        "最后逐元素乘 dy；x、dy 都不截断、不求和"
    )
    form = "逐元素的函数：梯度与输入同形"
    inf = "exp(u) 溢出了，inf/inf 是 nan：np.tanh 不会"
    yield _exact(got, want, "dx", hint, traps, form=form, weight=2, nonfinite=inf)
    yield from _again(call, got, *rng.normal(size=(2, 4, 5)))
    solid = rng.integers(2, 4, size=3)
    x, dy = rng.normal(size=solid), rng.normal(size=solid)
    hint = "dy 与 x 可以是任意形状，正负都有：逐元素计算"
    rigid = dict.fromkeys((IndexError, ValueError, TypeError), "维数写死了？x 可以是任何形状")
    both = yield from attempt(lambda: call(dy, x), "三维的 x", rigid)
    yield _exact(both[0], both[1], "三维的 x", hint, weight=0.5)
    turned, dy = rng.normal(size=(2, 3, 4)).T, rng.normal(size=(4, 3, 2))
    got, want = answer(dy.copy("F"), turned.copy("F")), gelu_backward(dy, turned)
    yield _exact(got, want, "转置来的 x", TURNED, weight=0)
    far, dy = np.array([-30.0, -6.2, 6.2, 30.0]), rng.uniform(1, 2, size=4)
    hint = "远处：左边趋于 0，右边趋于 1（再乘 dy），u 也不截断"
    early = {"远处趋于 0 和 1，但 |x| 是几的时候还没有到：那里也照公式算": dy * (far > 0)}
    both = yield from attempt(lambda: call(dy, far), "一维的 x", rigid)
    yield _exact(both[0], both[1], "很远的两端", hint, early, weight=0.5, nonfinite=inf)
    yield call.untouched(weight=0.5)


def _other_factor(dy: Array, x: Array, c: float, cubic: float = 0.044715) -> Array:
    """What GELU's backward pass gives with another factor in place of √(2/π)."""
    t = np.tanh(c * (x + cubic * x**3))
    inner = c * (1 + 3 * cubic * x**2)
    return np.asarray(dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner))


def _short_constants(dy: Array, x: Array, got: Any) -> list[Array]:
    """What GELU's backward pass gives with √(2/π) or 0.044715 miscopied, where ``got`` is that.

    To rounding: a difference quotient is as near to what is right as the longest of them.
    """
    if shape_of(got) != x.shape:
        return []
    cut = {math.floor(_GELU * 10**k) / 10**k for k in range(2, 12)}
    cut |= {round(float(_GELU), k) for k in range(2, 12)}
    pairs = [(c, 0.044715) for c in sorted(cut)]
    for cubic in (0.04, 0.044, 0.045, 0.0447, 0.04471, 0.04472, 0.44715):
        pairs += [(c, cubic) for c in (float(_GELU), *sorted(cut))]
    found = (_other_factor(dy, x, c, cubic) for c, cubic in pairs)
    came = np.asarray(got, dtype=float)
    return [wrong for wrong in found if np.allclose(came, wrong, rtol=3e-14, atol=3e-14)]


def _quick(x: Array) -> Array:
    """The slope of ``x·σ(1.702x)``, another approximation of GELU."""
    s = 1 / (1 + np.exp(-1.702 * x))
    return np.asarray(s + 1.702 * x * s * (1 - s))


@exercise(
    "03.4", "softmax + 交叉熵的反向传播", points=3, asks="softmax_ce_backward(logits, y) -> dlogits"
)
@hints(
    "先当每一行都有标签：一个样本的梯度是 p − y。再问：没有标签的行，损失里有它吗？",
    "没有标签的行不在平均里，所以它的梯度整行是 0，除数也不数它。"
    "下标 −1 在 NumPy 里是最后一列，不会报错。",
    "先算稳定的 softmax（减每行的最大值）；记下哪些行有标签；只在这些行减 1，其余行置 0；"
    "最后除以有标签的行数，一个也没有时不要除。",
)
def judge_softmax_ce_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, softmax_ce_backward)
    B, K = int(rng.integers(7, 10)), int(rng.integers(3, 6))
    logits, y = rng.normal(size=(B, K)), rng.integers(0, K, size=B)
    y[:2] = 0, K - 1
    both = yield from _sizes_taken(lambda: call(logits, y), "每行都有标签", (B, K))
    got, want = both
    pair = isinstance(got, tuple | list) and len(got) == 2
    yield that(not pair, "返回一个数组", "只返回梯度，不连损失一起返回", "得到 2 个", given=got)
    onehot = np.eye(K)[y]
    p, columns, rows = want * B + onehot, want * B + onehot, want * B + onehot
    columns[:, y] -= 1
    rows[y] -= 1
    whole = np.exp(logits) / np.exp(logits).sum() - onehot
    shifted = np.exp(logits - logits.max(axis=0))
    by_column = shifted / shifted.sum(axis=1, keepdims=True) - onehot
    down, some = np.exp(logits) / np.exp(logits).sum(axis=0) - onehot, (y > 0)[:, None]
    diagonal = "p(1−p) 是 softmax 雅可比的对角线；损失对 logits 的梯度化简后是 p − y"
    traps = {
        "损失是一批的平均，梯度也要除以样本数": want * B,
        "符号反了：是 p − y，不是 y − p": -want,
        "漏了减去 one-hot：真实类别那一位要减 1": p / B,
        "漏了减去 one-hot：真实类别那一位要减 1；还要除以样本数": p,
        "p[:, y] 减的是整列：每行只减自己那一格，写 p[np.arange(B), y]": [columns / B, columns],
        "p[y] 减的是第 y 行：每行只减自己那一格，写 p[np.arange(B), y]": [rows / B, rows],
        diagonal: p * (1 - p) / B,
        "这是损失对概率 p 的梯度，还没有穿过 softmax 回到 logits": -onehot / (p * B),
        "只除以样本数，不再除以类别数": want / K,
        "除数是样本数，不是类别数 K": want * B / K,
        "softmax 要逐行归一：sum 时写 axis=1, keepdims=True": [whole / B, whole, down / B, down],
        "减的是每列的最大值，softmax 就变了：每行减自己的，axis=1, keepdims=True": [
            by_column / B,
            by_column,
        ],
        "类别 0 也是标签：只有 −1 才是没有": (p - onehot) * some / max(some.sum(), 1),
        "别的类别也有梯度：它们的概率也要压下去": (p - 1) * onehot / B,
    }
    form = "每个 logit 一个梯度：与 logits 同形"
    hint = "每行都有标签时：p 减 one-hot，整个再除以样本数"
    yield _exact(got, want, "每行都有标签", hint, traps, form=form)
    yield from _again(call, got, rng.normal(size=(B, K)), y)
    y[[2, *(3 + rng.permutation(B - 3)[:2])]] = -1  # never only the last rows, never the last class
    known = y >= 0
    got, want = call(logits, y)
    last, blind = (p - np.eye(K)[y]), p - np.eye(K)[y] * known[:, None]
    n, zero = known.sum(), "没有标签的行不在损失里：它的梯度整行是 0"
    first, padded, one = last.copy(), np.zeros((B, K)), p - np.eye(K)[abs(y)]
    first[n:] = 0
    padded[:n] = want[known]
    ahead = blind.copy()
    ahead[n:] = 0
    stop = int(np.flatnonzero(~known)[0])
    stopped = np.where(np.arange(B)[:, None] < stop, want, 0)
    traps = {
        "没有标签的行不一定排在最后：按 y ≥ 0 挑行，不是前 n 行": [first / n, ahead / n],
        "各行要留在原位：没有标签的行在哪里，0 就在哪里，不是都补在末尾": padded,
        "没有标签的行不该减 1：−1 变成了第 1 类": [one / n, one / B],
        "没有标签的行不算样本：除数是有标签的行数": want * n / B,
        "y = −1 成了下标 −1，减在最后一类上：没有标签的行整行是 0": [last / B, last / n],
        zero: [blind / B, blind / n],
        "除数是有标签的行数，不是没有标签的": want * n / (B - n),
        "到第一个没有标签的行就停了：跳过它，后面的照算（continue，不是 break）": [
            stopped * n / m for m in (n, stop, B)
        ],
    }
    hint = (
        "分两处核对，各行都留在原位：有标签的行是 p 减 one-hot，除以有标签的行数；"
        "没有标签的行（在任何位置）整行是 0"
    )
    form = "没有标签的行也占一行（全是 0）：与 logits 同形"
    odd = "没有标签的行整行是 0，不是 nan：直接置 0（0 × nan 还是 nan）"
    yield _exact(got, want, "有三行没有标签", hint, traps, form=form, weight=1.5, nonfinite=odd)
    hint = "K 从 logits.shape 取：这一批的 y 里不一定每一类都有"
    wrong = dict.fromkeys((ValueError, IndexError), hint)
    for absent in (K - 1, 1):
        label, seen = f"y 里没有第 {absent} 类", np.delete(np.arange(K), absent)
        batch = logits[: K + 2], np.append(rng.permutation(seen), [seen[0], -1, seen[-1]])
        both = yield from attempt(lambda batch=batch: call(*batch), label, wrong)  # type: ignore[misc]
        yield _exact(both[0], both[1], label, hint, weight=0)
    hint = "一个标签也没有时，梯度全是 0：别拿 0 去除"
    form = "一行标签也没有，也要 (B, K) 的数组，每个都是 0"
    got, want = call(logits, np.full(B, -1))
    yield _exact(got, want, "全都没有标签", hint, form=form, weight=0.25, none=form)
    form = "只有一行，形状也是 (1, K)"
    yield _exact(*call(logits[:1], y[known][:1]), "一批只有一行", "", form=form, weight=0)
    big = logits * 3000 + rng.permutation(np.linspace(-3000, 3000, B))[:, None]
    big[0] = -rng.uniform(1500, 4000, size=K)  # a row with a label and no logit above 0
    gaps = np.array([0.0, -5.0, -9.0, -14.0, -19.0, -25.0])
    small = rng.permuted(np.tile(gaps, (3, 1)), axis=1) + rng.normal(size=(3, 1))
    hint = "很小的概率也要准：p 不裁剪（clip）、不置 0，exp 的参数也不设下限"
    got, want = call(small, rng.permutation([0, 5, -1]))
    yield _exact(got, want, "概率小到 10⁻¹¹", hint, weight=0)
    hint = "softmax 前减去的是每一行自己的最大值，这就够了：logits、p 不裁剪，nan 也不事后换掉"
    over = (
        "exp 溢出了：softmax 前先减去每一行的最大值；已经减了的，就是除以了下溢成 0 的概率（−1/p）"
    )
    own = big.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        whole, from_zero, from_size, chain = (
            np.exp(big - m) / np.exp(big - m).sum(axis=1, keepdims=True)
            for m in (big.max(), np.maximum(own, 0), abs(big).max(axis=1, keepdims=True), own)
        )
        gone = np.isinf(1 / chain[np.arange(B), y])
        cut = [
            (np.exp(v) / np.exp(v).sum(axis=1, keepdims=True) - np.eye(K)[y]) * known[:, None] / n
            for c in (20, 30, 50, 100, 200, 300, 500, 600, 700)
            for v in (np.clip(big, -c, c), np.minimum(big, c))
        ]
    for d in (whole, from_zero, from_size, chain):
        d[:] = np.where(known[:, None], (d - np.eye(K)[y]) / n, 0)
    chain[known & gone] = np.nan
    traps = {
        (
            "减去的不是一行自己的最大值（从 0 起找的、先取绝对值的都不是）："
            "exp 全成了 0，0/0 是 nan"
        ): [from_zero, from_size],
        "减的是整批的最大值：别的行 exp 全成了 0，0/0 是 nan": whole,
        "真实类别的概率下溢成 0，−1/p 是 −inf：先把两步的乘积化简，就没有除法": chain,
        "logits 被夹住了（clip）：不要裁剪，每行减自己的最大值就够": cut,
    }
    yield _exact(*call(big, y), "logits 上千", hint, traps, nonfinite=over)
    yield call.untouched(weight=0.25)


@exercise("03.5", "梯度检查", points=3, asks="gradient_check(f, x, grad, eps=1e-5) -> error, where")
@hints(
    "先把 n 算对：每个元素各做一次中心差分，别的元素不动，x 也不改。",
    "np.ndindex(x.shape) 走遍下标；相对误差的分母是两个范数之和，都是 0 时误差就是 0。",
    "np.abs(grad − n).argmax() 是展平后的位置，np.unravel_index(它, x.shape) 变回下标的元组。",
)
def judge_gradient_check(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, gradient_check)
    shape = tuple(sizes(rng, 2, 3, 6))
    A, x = rng.uniform(-1, 1, size=shape), rng.uniform(0.5, 1.5, size=shape)
    one, two, large = (
        tuple(int(i) for i in np.unravel_index(k, shape)) for k in rng.permutation(A.size)[:3]
    )
    A[large] = 15.0  # the largest gradient is not the farthest off
    A[one], A[two] = 2 / (3 * x[one] ** 2), -2 / (3 * x[two] ** 2)  # ±3 turns these gradients

    def cubic(v: Array) -> float:
        if np.shape(v) != shape:
            raise ValueError(f"f 只接受与 x 同形的数组：x 是 {shape}，来的是 {np.shape(v)}")
        return float((A * v**3).sum())

    def gap(a: Array, n: Array) -> float:
        return float(np.linalg.norm(a - n) / (np.linalg.norm(a) + np.linalg.norm(n)))

    right = 3 * A * x**2
    norm = np.linalg.norm
    for far, near, shift in ((one, two, -rng.uniform(3, 4)), (two, one, rng.uniform(3, 4))):
        grad = right.copy()
        grad[far] += shift  # the farthest once too low, once too high
        grad[near] -= shift / 3
        got, (want, _) = call(cubic, x, grad)
        error, where = yield from parts(got, 2, "error, where")
        off, sizes_of = norm(grad - right), (norm(grad), norm(right))
        skipped, sums = right.copy(), np.abs(grad).sum() + np.abs(right).sum()
        skipped.flat[-1] = 0
        traps = _about_one(call, cubic, x, right, error) | {
            "没有除以两个范数之和：这是绝对误差": off,
            "分母是两个范数之和，不是其中一个": [off / sizes_of[0], off / sizes_of[1]],
            "先各取整个数组的范数再相除，不是逐个元素相除再平均": _each(grad, right),
            "范数要开平方": off**2 / (sizes_of[0] ** 2 + sizes_of[1] ** 2),
            "中心差分的分母是 2·eps：n 大了一倍": gap(grad, 2 * right),
            "中心差分的分母是 2·eps，只除一次：n 小了一半": gap(grad, right / 2),
            "n 的符号反了：f(x+eps) 减 f(x−eps)": gap(grad, -right),
            "eps 加到了所有元素上：每次只动一个": [
                gap(grad, np.full(shape, right.sum())),
                norm(grad - right.sum()) / (norm(grad) + abs(right.sum())),
            ],
            "先相减，再取绝对值、求范数：‖grad − n‖": (
                norm(abs(grad) - abs(right)) / sum(sizes_of)
            ),
            "分子也是平方和开方，不除以元素的个数": [
                off / np.sqrt(grad.size) / sum(sizes_of),
                off**2 / sum(sizes_of),
                off**2 / grad.size / sum(sizes_of),
            ],
            "先取整个数组的范数再相除，不是逐个元素相除再取最大": _each(grad, right, np.max),
            "加过 eps 的元素没有放回去：每次只动一个": gap(grad, right.cumsum().reshape(shape)),
            "n 的最后一个元素没有算": gap(grad, skipped),
            "范数是平方和开方，不是最大值": [
                abs(shift) / (abs(grad).max() + abs(right).max()),
                abs(shift),
            ],
            "范数是平方和开方，不是绝对值之和": np.abs(grad - right).sum() / sums,
            "范数取整个数组的平方和，不是矩阵的谱范数": _spectral(grad, right),
            "分母是两个范数各自开方再相加，不是和的范数": off / norm(grad + right),
            "分母里没有别的数，只有两个范数": off / (1 + sum(sizes_of)),
            "error 不要四舍五入": [round(want, k) for k in (1, 2, 3) if round(want, k) > 0],
        }
        hint = _n_or_error(call, cubic, x, right)
        form = "先返回 error，它是一个数：整个数组的相对误差"
        yield _error(error, want, "error", hint, traps, form=form, rtol=1e-4, weight=0.5)
        yield from _where(where, far, grad, right)
    changed = "x 或 grad 被原地修改了：先 copy；加上再减去，舍入不会还原，要么存下原来的值放回去"
    yield call.untouched(hint=changed, weight=0.5)
    eps = float(rng.uniform(0.05, 0.1))
    bend, rest = 3 * A * x * eps, A * eps**2  # exact for a cubic: f''/2·eps and f'''/6·eps²
    one_sided = [gap(grad, right + s * bend + rest) for s in (1, -1)]
    varied = right + A * (eps * np.maximum(1, abs(x))) ** 2
    sides = {
        "没有用到参数 eps，或者不是两点的中心差分：eps 这么大，n 本该偏得看得出来": gap(
            grad, right
        ),
        "这是单侧差分：要 f(x+eps) 减 f(x−eps)": one_sided,
        "步长就是 eps，不随 x 变": gap(grad, varied),
    }
    (error, _), (want, _) = yield from _pair(call(cubic, x, grad, eps))
    sides["error 不要四舍五入"] = [round(want, k) for k in range(1, 7)]
    hint = "换了 eps 就不对：步长和分母都用参数 eps，n = (f(x+eps) − f(x−eps)) / (2·eps)"
    yield _error(error, want, f"eps={eps:.2g} 时的 error", hint, sides, rtol=1e-6)

    def sines(v: Array) -> float:
        return float(np.sin(v).sum())

    for at in (rng.normal(size=(3, 1, 2)), rng.normal(size=5)):
        grad = np.cos(at) + (at == at.max())
        (error, where), _ = yield from _pair(call(sines, at, np.cos(at)))
        label = f"{at.ndim} 维的 x，梯度全对时的 error"
        yield _error(error, 0.0, label, "x 可以是任何形状", atol=1e-7, weight=0.25)
        yield _place(where, at.shape)
        (_, where), (_, far) = yield from _pair(call(sines, at, grad))
        yield from _where(where, far, grad, np.cos(at))
    turned = rng.normal(size=(2, 3)).T  # not in rows: what ravel and reshape give are copies
    got = answer(sines, turned.copy("F"), np.cos(turned).copy("C"))
    error, _ = yield from parts(got, 2, "error, where")
    yield _error(error, 0.0, "转置来的 x，梯度全对时的 error", TURNED, atol=1e-7, weight=0)
    (error, where), _ = yield from _pair(call(lambda v: 1.0, x, 0 * x))
    yield _error(error, 0.0, "两个梯度都是 0 时的 error", "0/0：这时误差就是 0", weight=0.25)
    yield _place(where, shape)
    slant = rng.uniform(0.5, 1.5, size=shape) * rng.choice([-1.0, 1.0], size=shape)
    # at 0 the differences of a linear function are exact
    (error, _), (want, _) = yield from _pair(
        call(lambda v: float((slant * v).sum()), 0 * x, slant * (1 + 5.2e-12))
    )
    hint = "很小的误差也照公式报：不当作 0，不四舍五入"
    yield _error(error, want, "只差 5e-12 的梯度", hint, rtol=0.05, weight=0)
    # the quotient of max(v − x, 0)² is eps/2, and it tells at which point it was taken
    (error, _), _ = yield from _pair(
        call(lambda v: float((np.maximum(v - x, 0) ** 2).sum()), x, np.full(shape, 0.5e-5))
    )
    hint = "不写 eps 时步长是 1e-5；x 始终是 float64，差分就在 x 处做"
    yield _error(error, 0.0, "不写 eps 时的 error", hint, atol=1e-6, weight=0)

    def coupled(v: Array) -> float:  # what the other elements are does tell here
        return cubic(v) + float(v.sum()) ** 2

    (error, _), (want, _) = yield from _pair(call(coupled, x, right + 2 * x.sum(), eps))
    hint = (
        "加过 eps 的元素没有放回去，或者别的元素也动了：n 的每个元素，都从原样的 x 动起，只动一个"
    )
    label = "f 的各元素互相牵连时的 error"
    yield _error(error, want, label, hint, rtol=1e-6, weight=0)

    hint = "两个梯度都是 0 时误差才是 0；忘了写的梯度全是 0，不能算对"
    for label, f, grad in (
        ("grad 全是 0 而 n 不是", cubic, 0 * x),
        ("n 全是 0 而 grad 不是", lambda v: 1.0, right),
    ):
        (error, _), (want, _) = yield from _pair(call(f, x, grad))
        yield _error(error, want, label, hint, rtol=1e-4, weight=0)
    hint = "误差与梯度的单位无关：分母里不加别的数，也不设门槛"
    for unit, said in ((1e-14, "1e-14"), (2.0**-300, "2 的 −300 次方")):
        both = call(lambda v, unit=unit: unit * cubic(v), x, -unit / 1000 * right)
        (error, _), (want, _) = yield from _pair(both)
        yield _error(error, want, f"f 与 grad 都乘 {said}", hint, rtol=1e-4, weight=0)
    grad = right.copy()
    grad[large], grad[one] = 1.4 * grad[large], grad[one] - 3
    (_, where), (_, far) = yield from _pair(call(cubic, x, grad))
    yield from _where(where, far, grad, right, weight=0)
    yield call.untouched(hint=changed)


def _pair(both: tuple[Any, Any]) -> Generator[Step, None, tuple[Any, Any]]:
    """``got`` as two parts, and what is right."""
    found = yield from parts(both[0], 2, "error, where")
    return found, both[1]


def _error(got: Any, want: float, label: str, hint: str, *rest: Any, **named: Any) -> Step:
    if isinstance(got, bool | np.bool_):
        return that(False, label, "error 是误差本身，一个数；对不对由看的人定", given=got)
    step = value(got, want, label, hint, *rest, **named)
    return replace(step, wanted="") if shape_of(got) == () else step


def _spectral(grad: Array, right: Array) -> float:
    off, *both = (np.linalg.norm(a, 2) for a in (grad - right, grad, right))
    return float(off / sum(both))


def _each(grad: Array, right: Array, whole: Callable[[Array], Any] = np.mean) -> float:
    return float(whole(np.abs(grad - right) / (np.abs(grad) + np.abs(right))))


def _error_of(got: Any) -> float:
    """The error of a probe; nan where it is no number."""
    first = got[0] if isinstance(got, tuple | list) and len(got) == 2 else None
    return float(np.asarray(first)) if first is not None and shape_of(first) == () else math.nan


def _about_one(
    call: Caller, f: Callable[[Array], float], x: Array, right: Array, error: Any
) -> dict[str, Any]:
    """The mistakes that all give an error of about 1 here, told apart by two more questions."""
    if shape_of(error) != () or abs(float(np.asarray(error)) - 1) > 1e-6:
        return {}
    far = call(f, x, 1.5 * right, 1.0)
    if math.isclose(_error_of(far[0]), far[1][0], rel_tol=1e-6):
        return {"/ 2 * eps 是先除以 2 再乘 eps：分母要括号，(2 * eps)": error}
    if abs(_error_of(call(f, x, 1.5 * right)[0]) - 1) < 1e-6:
        return {"n 全是 0：加 eps 与减 eps 的是同一个数组？": error}
    return {"先取整个数组的范数再相除，不是逐个元素相除再取最大": error}


def _n_or_error(call: Caller, f: Callable[[Array], float], x: Array, right: Array) -> str:
    """Which half is wrong, for a mistake with no name: asked with the right gradient."""
    error = _error_of(call(f, x, right)[0])
    if error < 1e-7:
        return (
            "梯度全对时你的误差是 0，算出来的 n 都对：少算了几个元素，或者错在误差的式子 "
            "‖grad − n‖ / (‖grad‖ + ‖n‖)，"
            "每个范数都是先平方、再求和、再开方。例：grad = (3, 4)，n = (3, 0)，误差是 4 / (5 + 3)"
        )
    return (
        f"n 不准：把全对的梯度交给你，误差也有 {error:.1g}。x 变成了 float32？"
        "还是下标、步长不对？拿 f = Σv² 试，n 该是 2x"
    )


def _place(where: Any, shape: tuple[int, ...]) -> Step:
    """Is it the index of some element? Asked where any of them will do."""
    ok = isinstance(where, tuple) and len(where) == len(shape)
    ok = ok and all(isinstance(i, int | np.integer) for i in where)
    ok = ok and all(-n <= int(i) < n for i, n in zip(where, shape, strict=True))
    hint = "梯度全对、或都是 0，也总有一处差得最远（并列就任取一处）：where 仍是下标的元组"
    return that(ok, "梯度没有错时的 where", hint, f"得到 {where!r}"[:60])


def _where(
    where: Any, spot: tuple[int, ...], grad: Array, right: Array, weight: float = 0.5
) -> Steps:
    """Is it the index of the largest difference, and one that ``x[where]`` takes?"""
    hint = "展平之后的位置还要变回下标：np.unravel_index(位置, x.shape)"
    if isinstance(where, list | np.ndarray):
        hint = "列表、数组作下标取的是好几行：变成元组，x[where] 才是一个数"
    elif isinstance(where, tuple) and any(np.ndim(i) for i in where):
        hint = "元组里是数组，x[where] 就不是一个数：各取一个整数"
    detail = f"where 是 {type(where).__name__}"
    ok = isinstance(where, tuple) and len(where) == right.ndim
    ok = ok and all(isinstance(i, int | np.integer) for i in where)
    yield that(ok, "where 是下标的元组", hint, detail)
    found = tuple(int(i) for i in where)
    off = grad - right
    signed = {np.unravel_index(k, off.shape) for k in (off.argmax(), off.argmin())}
    hint = "差得最远的那一处：|grad − n| 最大的下标"
    ratio = np.abs(off) / (np.abs(grad) + np.abs(right) + 1e-30)
    if found == tuple(np.unravel_index(ratio.argmax(), ratio.shape)):
        hint = "找的是 |grad − n| 本身最大的一处：不除以梯度的大小"
    elif found in signed:
        hint = "|grad − n| 最大的一处：先取绝对值，偏大和偏小都算错；也不是第一处差得多的"
    elif found == np.unravel_index(np.abs(grad).argmax(), grad.shape):
        hint = "要找差得最远的一处，不是梯度自己最大的一处"
    elif found in {
        np.unravel_index(np.abs(off).argmax(), off.shape, order="F"),
        np.unravel_index(np.abs(off).ravel(order="F").argmax(), off.shape),
    }:
        hint = "展平与变回下标的次序不同：两步都按行（order='C'，这是默认）"
    yield that(found == spot, "where", hint, f"得到 {found}", weight=weight)


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
    y[:2] = 0, K - 1
    shapes = {"W1": (H, D), "b1": (H,), "W2": (K, H), "b2": (K,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    both = yield from _sizes_taken(lambda: call(x, y, params), "第一次调用", (B, D, H, K))
    got, (want, right) = both
    loss, grads = yield from parts(got, 2, "loss, grads")
    yield that(not isinstance(loss, dict), "返回的次序", "次序是 loss、grads：先损失，后字典")
    yield call.untouched("x", "y", label="没有改动 x、y")
    z1 = x @ params["W1"].T + params["b1"]
    h = np.maximum(z1, 0)
    z2, bare = (v @ params["W2"].T + params["b2"] for v in (h, z1))

    def mean_loss(z: Array) -> float:
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(B), y]))

    top = z2.max(axis=1).mean()
    rest = want + z2[np.arange(B), y].mean() - top  # of LSE, beside the maximum
    traps = {
        "损失要对一批求平均": want * B,
        "前向漏了 ReLU：第二层的输入是 relu(z1)": mean_loss(bare),
        "最后一层的输出 z2 不过 ReLU": mean_loss(np.maximum(z2, 0)),
        "平均是除以样本数，不再除以类别数": want / K,
        "对数以 e 为底，不是 2": [want / math.log(2), want + (1 / math.log(2) - 1) * rest],
        "LSE = m + ln Σ exp(z − m)：m 没有加回来": want - top,
        "z1 = xW1ᵀ + b1：b1 不见了": mean_loss(
            np.maximum(z1 - params["b1"], 0) @ params["W2"].T + params["b2"]
        ),
        "z2 = hW2ᵀ + b2：b2 不见了": mean_loss(z2 - params["b2"]),
    }
    form = "loss 是一个数"
    if shape_of(loss) in {(B,), (B, 1), (1, B)}:
        form = "这是每个样本的损失，还差一步：对一批取平均"
    hint = "前向：线性 → ReLU → 线性 → 平均交叉熵"
    yield _exact(loss, want, "loss", hint, traps, form=form)
    keys = set(grads) if isinstance(grads, dict) else set()
    lacks, extra = sorted(set(params) - keys), sorted(map(str, keys - set(params)))
    detail = "；".join(
        f"{said} {'、'.join(names)}" for said, names in (("少了", lacks), ("多了", extra)) if names
    )
    if not isinstance(grads, dict):
        detail = "不是字典"
    hint = 'grads 是字典，键与 params 相同："W1", "b1", "W2", "b2"'
    yield that(not detail, "grads 的键", hint, detail)
    for name in ("b2", "W2", "b1", "W1"):
        hint, shape = "梯度与参数同形", shape_of(grads[name])
        if shape in {(1, *shapes[name]), (*shapes[name], 1)}:
            hint = "值先别管，多了一维：与 b 同形，不要 keepdims"
        elif shape == shapes[name][::-1] != shapes[name]:
            hint = "少了一次转置：梯度与参数同形，行数是这一层输出的个数"
        elif shape is not None and shape[:1] == (B,):
            hint = "还留着批那一维：要沿批相加，与参数同形"
        yield from array(grads[name], shapes[name], f"grads[{name!r}]", hint)
    dz2 = softmax_ce_backward(z2, y)
    dh = dz2 @ params["W2"]
    p2 = dz2 * B + np.eye(K)[y]
    slips = _dz2_slips(p2, y)
    traps = {said: [d.sum(axis=0) / B, d.sum(axis=0)] for said, d in slips.items()}
    traps["p 被裁剪（clip）或置 0 了：照 softmax 原样用"] = [
        (one - np.eye(K)[y]).sum(axis=0) / B
        for c in (0.1, 0.05, 0.01, 1e-3, 1e-4, 1e-5)
        for one in (np.clip(p2, c, 1 - c), np.maximum(p2, c), np.where(p2 < c, 0, p2))
        if not np.array_equal(one, p2)
    ]
    traps |= {
        "各层都大了 B 倍：损失是平均，dz2 要除以 B": right["b2"] * B,
        "除了两次 B：dz2 里除一次就够，后面都是相加": right["b2"] / B,
        "符号反了：dz2 是 p − y": -right["b2"],
        "z2 后面没有 ReLU：dz2 不乘 (z2 > 0)": (dz2 * (z2 > 0)).sum(axis=0),
    }
    hint = "先核对 dz2 = (p − onehot) / B，B 取 len(y)：每一行的和是 0，只有真实类别那一格是负的"
    yield _exact(grads["b2"], right["b2"], "b2 的梯度", hint, traps, weight=0.75)
    traps = {said: [d.T @ h / B, d.T @ h] for said, d in slips.items()}
    traps |= {
        "算 dW2 时 h 已经变成 0 和 1：乘开关之前另存一份，或者写 z1 > 0": dz2.T @ (h > 0),
        "用了 ReLU 之前的 z1：第二层的输入是 h = relu(z1)": dz2.T @ z1,
        "除了两次 B：dz2 里除一次就够": right["W2"] / B,
    }
    hint = "第二层的线性反向：上游是 dz2，输入是 h，此外没有别的项"
    yield _exact(grads["W2"], right["W2"], "W2 的梯度", hint, traps, weight=0.75)
    traps = {
        "没有穿过 ReLU：dh 还要乘 (z1 > 0) 才是 dz1": dh.sum(axis=0),
        "dh 用的是还没有除以 B 的 dz2": right["b1"] * B,
        "除了两次 B：dz2 里除一次就够": right["b1"] / B,
        "ReLU 的开关看前向的 z1，不看梯度 dh 的正负": np.maximum(dh, 0).sum(axis=0),
        "ReLU 的局部导数是 0 或 1，不是 z1 本身": (dh * z1).sum(axis=0),
        "ReLU 的局部导数是 0 或 1，不是 h 本身": (dh * h).sum(axis=0),
        "h(1−h) 是 sigmoid 的导数，这里是 ReLU": (dh * h * (1 - h)).sum(axis=0),
        "开关反了：z1 > 0 的位置通过，其余挡住": (dh * (z1 <= 0)).sum(axis=0),
    }
    hint = "dh 由 dz2 和 params 里原来的 W2 得到（没有更新过的），穿过 ReLU 是 dz1，再沿批相加"
    yield _exact(grads["b1"], right["b1"], "b1 的梯度", hint, traps, weight=0.75)
    traps = {
        "W1 的梯度也要用穿过 ReLU 之后的 dz1": dh.T @ x,
        "除了两次 B：dz2 里除一次就够": right["W1"] / B,
    }
    hint = "第一层的线性反向：上游是 dz1（b1 的梯度已经对了），输入是 x，不是 h"
    yield _exact(grads["W1"], right["W1"], "W1 的梯度", hint, traps, weight=0.75)
    other = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    yield from _again(call, got, rng.normal(size=(B, D)), rng.permutation(y), other)
    level = {"W2": params["W2"] * 0.01, "b2": rng.spawn(1)[0].permutation(np.linspace(-26, 0, K))}
    found, exact = yield from _grads(call(x, y, params | level))
    hint = "很小的概率也要准：p 不裁剪（clip）、不置 0，exp 的参数也不设下限"
    yield _exact(found.get("b2"), exact["b2"], "概率小到 10⁻¹¹：b2 的梯度", hint, weight=0)
    found, exact = yield from _grads(call(9 * x, y, params | {"W2": params["W2"] / 9}))
    hint = "x 大时不对：h = max(z1, 0)，z1、h 都不封顶，dz1 只看 z1 的正负"
    yield _exact(found.get("W2"), exact["W2"], "x 大 9 倍：W2 的梯度", hint, weight=0)
    still = x.copy()
    still[0] = 0
    zeros = params | {"b1": np.zeros(H)}
    hint = "z1 恰为 0 的地方，ReLU 的导数约定取 0"
    found, right = yield from _grads(call(still, y, zeros))
    yield _exact(found.get("b1"), right["b1"], "有的 z1 恰为 0：b1 的梯度", hint, weight=0)
    hint = "K 从 W2 的形状取，y 照原样用：这一批的 y 里不一定每一类都有"
    wrong = dict.fromkeys((ValueError, IndexError), hint)
    for label, some in (("y 里没有最后一类", y % (K - 1)), ("y 里没有第 0 类", np.maximum(y, 1))):
        both = yield from attempt(lambda some=some: call(x, some, params), label, wrong)  # type: ignore[misc]
        found, right = yield from _grads(both)
        yield _exact(found.get("W2"), right["W2"], f"{label}：W2 的梯度", hint, weight=0)
    hint = "一批可以只有一行：中间的量也要保住 (B, …) 的形状"
    wrong = dict.fromkeys((ValueError, IndexError), hint)
    one = x[:1], np.array([K - 1]), params
    both = yield from attempt(lambda: call(*one), "一批只有一行", wrong)
    found, right = yield from _grads(both)
    for name in ("b2", "W2", "b1", "W1"):
        label = f"一批只有一行：{name} 的梯度"
        yield _exact(found.get(name), right[name], label, hint, weight=0)
    thin = {
        "W1": rng.normal(size=(1, 1)),
        "b1": np.zeros(1),
        "W2": rng.normal(size=(K, 1)),
        "b2": rng.normal(size=K),
    }
    found, right = yield from _grads(call(x[:, :1], y, thin))
    form = "D = H = 1 时各梯度仍与参数同形，(K, 1)、(1, 1)、(1,)：别用 squeeze"
    for name in ("W2", "W1", "b1"):
        label = f"D = H = 1：{name} 的梯度"
        yield _exact(found.get(name), right[name], label, form, form=form, weight=0)
    huge = params | {"W2": params["W2"] * 2000}
    z2 = h @ huge["W2"].T + huge["b2"]
    # so sure and so wrong that ln p is −inf unless worked out from z2
    got, (want, right) = call(x, z2.argmin(axis=1), huge)
    loss, grads = yield from parts(got, 2, "loss, grads")
    over = "logits 上千时溢出了：损失用 log-sum-exp，softmax 前减去每一行的最大值"
    hint = "损失用 log-sum-exp 从 z2 直接算：不先算概率再取对数，也不截断 z2"
    traps = {
        (
            "减的不是每行自己的最大值（整批的最大值、从 0 起找的都不是）："
            "那一行 exp 全成了 0，ln 0 是 −inf"
        ): -np.inf
    }
    label = "logits 上千时的 loss"
    yield _exact(loss, want, label, hint, traps, weight=0.25, nonfinite=over)
    last = grads.get("b2") if isinstance(grads, dict) else None
    hint, label = "softmax 前减去每一行的最大值", "logits 上千时 b2 的梯度"
    yield _exact(last, right["b2"], label, hint, weight=0.25, nonfinite=over)
    low = huge | {"b2": huge["b2"] - 2 * np.abs(z2).max() - 2000}  # no logit is above 0
    got, (want, _) = call(x, y, low)
    loss, _ = yield from parts(got, 2, "loss, grads")
    hint = "一行的 logit 全是负几千，最大值也是负的：减去的是它，不是 0"
    traps = {"最大值是从 0 起找的：一行全是负数时减的是 0，exp 全成了 0，ln 0 是 −inf": -np.inf}
    label = "logits 全是负几千时的 loss"
    yield value(loss, want, label, hint, traps, rtol=1e-9, weight=0, nonfinite=hint)
    hint = "params 被改了：这里只算梯度，不更新参数，也不往里面存别的东西；要变形就用新的变量名"
    yield call.untouched("params", label="没有改动 params", hint=hint, weight=0.25)
    yield call.untouched("x", "y", weight=0.25)


def _dz2_slips(p: Array, y: Array) -> dict[str, Array]:
    """B times dz2 with a slip in it, from the probabilities."""
    B, K = p.shape
    columns, rows, onehot = p.copy(), p.copy(), np.eye(K)[y]
    columns[:, y] -= 1
    rows[y % B] -= 1
    return {
        "dz2[:, y] 减的是整列：每行只减自己那一格，写 dz2[np.arange(B), y]": columns,
        "dz2[y] 减的是第 y 行：每行只减自己那一格，写 dz2[np.arange(B), y]": rows,
        "1 要减在真实类别 y 上，不是概率最大的那一类": p - np.eye(K)[p.argmax(axis=1)],
        "漏了减 one-hot：真实类别那一格要减 1": p,
        "这是损失对概率 p 的梯度，还没有穿过 softmax 回到 z2": -onehot / p,
    }


def _grads(both: tuple[Any, Any]) -> Generator[Step, None, tuple[dict[str, Any], Any]]:
    """The gradients of a further call, and the right ones."""
    _, found = yield from parts(both[0], 2, "loss, grads")
    return found if isinstance(found, dict) else {}, both[1][1]


@exercise(
    "03.7",
    "残差块的反向：找出两处错",
    points=3,
    asks="residual_backward(dy, x, W1, W2) -> dx, dW1, dW2",
    allows=[linear_backward],
)
@hints(
    "对着图逐行问：这一行的局部导数取决于前向的哪个量？再问：dx 与 dy 此刻是不是同一个数组？",
    "一处在 ReLU 的开关：由前向的 z 决定。另一处是 dx = dy 没有造出新数组，+= 改的是 dy 自己。",
    "dz 乘 (z > 0)；dx 写成 dy 加 dz @ W1，得到新数组；dW2 那一行的式子原来就对。",
)
def judge_residual_backward(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, residual_backward)
    several, D, H = sizes(rng, 3, 3, 8)
    for B, label, share in ((several, "", 1.0), (1, "B = 1 时的 ", 0.25)):
        dy, x = rng.normal(size=(2, B, D))
        W1, W2 = rng.normal(size=(H, D)), rng.normal(size=(D, H))
        got, want = call(dy, x, W1, W2)
        dx, dW1, dW2 = yield from parts(got, 3, "dx, dW1, dW2", want=want)
        yield call.untouched("x", "W1", "W2", label="没有改动 x、W1、W2")
        z = x @ W1.T
        dh, after = dy @ W2, dy * (x + np.maximum(z, 0) @ W2.T > 0)
        masks = {
            "最后的加法后面没有 ReLU：dy 直接用，不看输出 y 的正负": (after @ W2) * (z > 0),
            "ReLU 的开关看前向的 z，不看梯度的正负": dh * (dh > 0),
            "没有穿过 ReLU：开关没有乘上，或者写成了处处成立的 h ≥ 0": dh,
            "ReLU 的开关只看前向的 z，不再看梯度的正负": dh * ((z > 0) & (dh > 0)),
            "ReLU 的局部导数是 0 或 1，不是 z 或 h 本身": dh * np.maximum(z, 0),
            "开关反了：z > 0 的位置通过，其余挡住": dh * (z <= 0),
        }
        hint = "上游 dy 先过 W2，再过 ReLU，得到 dz；dW1 是 dz 与 x 的外积之和"
        traps = {said: wrong.T @ x for said, wrong in masks.items()}
        traps["dW1 的左边是反向的 dz，不是前向的 h"] = np.maximum(z, 0).T @ x
        traps["分叉的是 x，不是 W1：dW1 里没有直通的那一份"] = want[1] + W1
        yield _exact(dW1, want[1], label + "dW1", hint, traps, form="dW1 与 W1 同形", weight=share)
        through = want[0] - dy
        traps = {
            "漏了直通的那条路：x 分叉，dy 也直接到 dx": through,
            "直通的那条路算了两次": want[0] + dy,
            "只剩直通的那条路：还要加上穿过两层的那一份": dy,
            "直通的那条路交出的是梯度 dy，不是 x": through + x,
            "直通的那条路交出的是梯度 dy，不是局部导数 1": through + 1,
            "直通的那条路的局部导数是 1，不是 x：dy 原样加上": through + dy * x,
            "穿过两层的那一份到 dz @ W1 为止，不再乘 x": dy + through * x,
            "直通的那条路没有 ReLU：dy 原样加上": through + np.maximum(dy, 0),
        }
        traps |= {said: dy + wrong @ W1 for said, wrong in masks.items()}
        hint = "x 分叉成两条路，梯度相加：直通的那条只有 dy；穿过两层的那条最后一步乘 W1"
        yield _exact(dx, want[0], label + "dx", hint, traps, form="dx 与 x 同形", weight=share)
        late = want[0].T @ np.maximum(z, 0)
        traps = {
            "算 dW2 时用的已经不是原来的 dy：用成了 dx，或者 dx = dy 之后的 += 改到了 dy": late,
            "第二层的输入是 h = relu(z)，不是 z": dy.T @ z,
        }
        hint = "dW2 是 dy 与 h 的外积之和，用的是没被改过的 dy"
        yield _exact(dW2, want[2], label + "dW2", hint, traps, form="dW2 与 W2 同形", weight=share)
    fresh = rng.normal(size=(2, several, D)), rng.normal(size=(H, D)), rng.normal(size=(D, H))
    yield from _again(call, got, *fresh[0], *fresh[1:])
    still = fresh[0][1].copy()
    still[0] = 0
    hint = "z 恰为 0 的地方，ReLU 的导数约定取 0"
    got, want = call(fresh[0][0], still, *fresh[1:])
    yield _exact(got[0], want[0], "有一行 x 全是 0：dx", hint, weight=0)
    hint = (
        "dy 被改了：dx = dy、dx = dy[:] 都只是别名，还是同一块内存，+= 和 out= 写进去的就是 dy；"
        "先加后减也还不了原，会留下舍入。要一个新数组"
    )
    yield call.untouched("dy", label="没有改动 dy", hint=hint, weight=1.0)
    yield call.untouched(weight=0.25)


@exercise(
    "03.8",
    "每层乘多少：带泄漏的 ReLU",
    points=2,
    asks="growth_per_layer(d_in, d_out, std, slope) -> forward, backward",
)
@hints(
    "先算 E[f(z)²]：z 关于 0 对称，正的一半原样，负的一半乘了 slope，平方之后各占多少？",
    "前向每个新的 z 是 d_in 项之和；反向每个旧的梯度是 d_out 项之和，再乘 f 的导数，"
    "导数的平方平均也是那个数。",
    "E[f(z)²] = (1 + slope²)/2 · E[z²]；前向再乘 d_in 和权重的方差，反向换成 d_out。",
)
def judge_growth_per_layer(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, growth_per_layer)
    for label, slope in (
        ("slope 在 0 与 1 之间", rng.uniform(0.3, 0.8)),
        ("ReLU", 0.0),
        ("直线", 1.0),
    ):
        d_in, d_out = (int(n) for n in sizes(rng, 2, 20, 200))
        std, a = float(rng.uniform(0.05, 0.3)), float(slope)
        got, both = call(d_in, d_out, std, a)
        other = "；或者数错了项：z′ 的一个分量是 d_in 项之和，∂L/∂z 的一个分量是 d_out 项之和"
        forward, backward = yield from _in_order(
            got, 2, "forward, backward", both, "forward 的位置上来的是 backward", other
        )
        v, share = std**2, 1.0 if 0 < a < 1 else 0.25
        for got_one, right, d, name in (
            (forward, both[0], d_in, "forward"),
            (backward, both[1], d_out, "backward"),
        ):
            kept = (1 + a**2) / 2
            traps = {
                "// 是整除，得到的是整数：用 /": [0.0, math.floor(right)],
                "漏了正的一侧：那里 f(z) = z，也占一半": d * v * a**2 / 2,
                "E[f(z)²]/E[z²] 不开方：要的是均方的倍数": d * v * math.sqrt(kept),
                "E[f(z)²]/E[z²] 只乘一次": d * v * kept**2,
                "没有用到参数 std：权重的方差是 std²，不是 He、Xavier 的那个数": [
                    d * kept,
                    *(d * u * kept for u in (2 / d_in, 2 / d_out, 1 / d_in, 1 / d_out)),
                    *(d * u for u in (1 / d_in, 1 / d_out)),
                    d * 2 / (d_in + d_out) * kept,
                ],
                "E[z²] 只有一半来自正的一侧：别忘了 ½": 2 * right,
                "slope 也要平方：量的是平方的平均": d * v * (1 + a) / 2,
                "这是 ReLU 的：负的一侧没有全砍掉，还留着 slope": d * v / 2,
                "(1 + slope)/2 先平均再平方了：要先平方再平均": d * v * ((1 + a) / 2) ** 2,
                "方差是 std 的平方": d * std * (1 + a**2) / 2,
                (
                    "漏了 f：要先算 E[f(z)²] 与 E[z²] 之比"
                    if name == "forward"
                    else "反向要乘 f′(z)：它的平方平均不是 1"
                ): d * v,
                "漏了 d_in 或 d_out：那么多项独立的数相加": v * (1 + a**2) / 2,
                "两侧的平方要相加，不是相减": d * v * (1 - a**2) / 2,
                "两侧各占一半：½ 管着两项": d * v * (1 + a**2 / 2),
                "量的是平方的平均，不必开方": [math.sqrt(right), d * math.sqrt(right / d)],
                "d 个独立的数相加，方差是 d 倍，不是 √d 倍": right / math.sqrt(d),
                "两侧各占一半：负的那一侧也有 ½": d * v * (0.5 + a**2),
                "slope 只平方一次": d * v * (1 + a**4) / 2,
                "没有用到参数 slope": d * v * (1 + 0.01**2) / 2 if a else [],
                "slope = 0 也是一个值（ReLU）：`slope or …` 会把它换掉": (
                    [] if a else d * v * (1 + 0.01**2) / 2
                ),
                "是平方的平均，不减平均的平方：z′ 的均方不是 f(z) 的方差": (
                    d * v * ((1 + a**2) / 2 - (1 - a) ** 2 / (2 * math.pi))
                ),
                "不要四舍五入": [round(right, k) for k in (1, 2, 3, 4)],
                "比值的方向反了：不取倒数": 1 / right,
                "std 是标准差，不是方差，也不必除以 √d": std / math.sqrt(d) * right / v,
                "数这个和有几项：一头只有一个数，不取平均": (d_in + d_out) / 2 * right / d,
                "d_in 与 d_out 换了：数一数这个和有几项": (d_in + d_out - d) * right / d,
            }
            hint = (
                "三样相乘，逐样核对：项数（不减 1）、给定的 std 的平方、E[f(z)²]/E[z²]（反向是 "
                "E[f′(z)²]；slope = 1 时是 1，slope = 0 时是 ½）。前向、反向各算各的；要的是公式，"
                "不是模拟"
            )
            if not _same(got, call(d_in, d_out, std, a)[0]):
                hint = "同样的输入，两次的结果不同：是模拟出来的吗？要的是公式"
            same = [said for said, wrong in traps.items() if np.isclose(wrong, right).any()]
            traps = {said: wrong for said, wrong in traps.items() if said not in same}
            yield _exact(got_one, right, f"{label}：{name}", hint, traps, weight=share)
    yield from _again_each(call, d_in, d_out, std, a)


@exercise(
    "03.9", "把 tanh 网络改写成 sigmoid 网络", points=3, asks="tanh_to_sigmoid(layers) -> layers"
)
@hints(
    "记 s = σ(2z)，由 tanh z = 2σ(2z) − 1，原来的 h 就是 2s − 1。先只改一层：2z 要由谁算出来？",
    "除末层外，W 和 b 都要乘 2，σ 里面才是 2z。除首层外，进来的是 s 而不是 h：把 h = 2s − 1 "
    "代进 Wh + b，拆开括号。",
    "Wh + b = 2Ws + (b − W 每行之和)。首层只乘 2；中间的层两件事都做，所以 W 变 4 倍；"
    "末层没有激活，只代换，不乘 2。",
)
def judge_tanh_to_sigmoid(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, tanh_to_sigmoid)
    for widths, label, share in (
        ((3, 5, 4), "两层", 0.5),
        ((3, 4, 6, 5, 2), "四层", 1.5),
        ((3, 5, 4), "又一个两层", 0.0),
        ((3, 2), "只有一层", 0.25),
        ((4, 4, 4, 4), "一样宽的三层", 0.0),
        ((4, 4, 4, 4), "三层用同一对 (W, b)", 0.0),
    ):
        x = rng.normal(size=(6, widths[0]))
        layers = [(rng.normal(size=(o, i)), rng.normal(size=o)) for i, o in pairwise(widths)]
        uneven = "形状对不上：从 b 里减去的那个和，每个神经元一个数"
        if len(layers) == 1:
            uneven = "只有一层：它既是首层也是末层，没有“下一层”可拆"

        def why(error: Exception, uneven: str = uneven) -> str:
            if "unpack" in str(error) or isinstance(error, IndexError):
                return f"{error}。层数写死了？有几层由 len(layers) 定，每层一对 (W, b)"
            return uneven

        wrong: dict[type[Exception], Callable[[Exception], str]]
        wrong = {ValueError: why, IndexError: why}
        if label.startswith("三层"):  # the very same arrays: a Caller would copy them
            yield call.untouched(weight=0.25)
            layers = layers[:1] * 3
            got, want = (
                answer([(layers[0][0].copy(), layers[0][1].copy())] * 3),
                tanh_to_sigmoid(layers),
            )
        else:
            both = yield from attempt(lambda layers=layers: call(layers), label, wrong)  # type: ignore[misc]
            got, want = both
        hint = "要列表：zip、map、生成器只能走一遍，np.array 装不下形状不同的 W 和 b"
        ok = not hasattr(got, "__next__") and not isinstance(got, np.ndarray)
        yield that(ok, "返回一个列表", hint, f"来的是 {type(got).__name__}")
        hint = "进来几层就返回几层，每层一对 (W, b)；只有一层时没有激活，W、b 不用变"
        if isinstance(got, list) and len(got) > len(layers):
            hint += "。多出来的层，是上一次调用留在列表里的吗"
        columns = _as_columns(got, layers)
        said = "每一项是一层的 (W, b)；来的像是所有 W 一列、所有 b 一列"
        yield that(not columns, "一层一对 (W, b)", said, given=got)
        found = yield from parts(got, len(layers), f"{len(layers)} 层 (W, b)", "层数", hint)
        own = []
        for k, ((W, b), one) in enumerate(zip(layers, found, strict=True), 1):
            W_new, b_new = yield from parts(one, 2, "W, b", f"第 {k} 层是一对 (W, b)")
            hint = "形状不变，与原来的 W 相同"
            if shape_of(W_new) == b.shape and shape_of(b_new) == W.shape:
                hint = "次序是 (W, b)：先矩阵，后偏置"
            W_new = yield from array(W_new, W.shape, f"第 {k} 层的 W", hint)
            hint = "形状不变，与原来的 b 相同：每个神经元一个数"
            if shape_of(b_new) == (len(b), len(b)):
                hint = "(D,) 减 (D, 1) 会广播成 (D, D)：求和时去掉 keepdims"
            elif shape_of(b_new) in {(len(b), 1), (1, len(b))}:
                hint = "b 多了一维：求和时去掉 keepdims"
            own.append((W_new, (yield from array(b_new, b.shape, f"第 {k} 层的 b", hint))))
        slips: dict[str, dict[str, Any]] = {
            "平移多了一倍：−1 乘到的是原来的 W，还没有乘 2": {"shift": 2},
            "平移少了一半：−1 乘到的是整个 W": {"shift": 0.5},
            "每个神经元减自己那一行的和（axis=1），不是整个 W 的和": {"whole": True},
            "原来的偏置丢了：b 不一定是 0": {"keep": 0},
            "少了平移：h = 2s − 1 里的 −1 要并进下一层的偏置": {"shift": 0},
            "平移的符号反了：h = 2s − 1，代进去是减": {"shift": -1},
            "少了放大：sigmoid 里面要的是 2z，除末层外 W 和 b 都乘 2": {"inner": 1, "bias": 1},
            "偏置也要乘 2：sigmoid 里面是 2(Wh + b)": {"bias": 1},
            "h = 2s − 1 代进去，W 还要乘这个 2": {"inside": 1},
            "末层后面没有激活，不必再乘 2": {"last": 2},
            "首层进来的是 x，没有代换：W 和 b 只乘 2": {"everywhere": True},
            "tanh z = 2σ(2z) − 1：里面是 2z，不是 z/2": {"inner": 0.5, "bias": 0.5},
            "平移没有并进下一层的偏置，偏置也没有乘 2": {"shift": 0, "bias": 1},
        }
        said = "网络没有改：激活换成 sigmoid 之后，权重和偏置也要跟着变"
        outputs: dict[str, Any] = {said: _sigmoid_net(x, layers)} if len(layers) > 1 else {}
        alike = [(4 * W, -2 * W.sum(axis=1)) for W, _ in layers]
        outputs["首层、中间、末层各不相同：谁的输入是 s，谁的后面有 σ？"] = _sigmoid_net(x, alike)
        alike = [(4 * W, 2 * (b - W.sum(axis=1))) for W, b in layers]
        outputs["首层的输入不是 s，末层的后面没有 σ：W 都不是 4 倍"] = _sigmoid_net(x, alike)
        if len(layers) > 1:
            (W, b), (V, c) = layers[-1], want[-1]
            said = "末层也要改：它的输入也换成了 s"
            outputs[said] = _sigmoid_net(x, [*want[:-1], (W, b)])
            said = "末层的 W 乘了两次 2：它后面没有 σ"
            outputs[said] = _sigmoid_net(x, [*want[:-1], (2 * V, c)])
            bare = _slipped(layers, keep=0)[1:]
            starts = want[0], (want[0][0], layers[0][1])  # the first bias doubled, or not
            said = "后面各层原来的偏置丢了：b 不一定是 0"
            outputs[said] = [_sigmoid_net(x, [start, *bare]) for start in starts]
            for said, biases in _BIASES.items():
                outputs[said] = [
                    _sigmoid_net(x, [start, *_later(layers, want, bias)])
                    for start in starts
                    for bias in biases
                ]
            if len(layers) > 2:
                for said, bias in _MIDDLE.items():
                    outputs[said] = _sigmoid_net(x, [want[0], *_later(layers, want, bias)])
        outputs |= {said: _sigmoid_net(x, _slipped(layers, **slip)) for said, slip in slips.items()}
        right = _sigmoid_net(x, want)
        hint = (
            "与 tanh 网络的输出不等。手算两层、各一个神经元的，W 依次是 1、3，b 都是 1："
            "tanh 网络是 3 tanh(x + 1) + 1，tanh 写成 2σ(2·) − 1，再一层一层对照你的 W 和 b"
        )
        if share == 0:
            hint = "前一个两层的对，这一个不对：有东西从上一次调用留了下来"
        place = (
            "前面的都对，这里不对：认首层、末层要看排第几，不看形状、宽度，也不看是不是同一个数组"
        )
        if len(layers) > 2:
            hint = (
                "两层的已经对了，错在中间的层：前面有 σ，要把 h = 2s − 1 代进去；后面也有 σ，"
                "代完之后的 W 和整个偏置都再乘 2"
            )
        if len(set(widths)) == 1:
            hint, outputs = place, {}
        label = f"{label}（宽 {'-'.join(map(str, widths))}）：网络的输出"
        yield _exact(_sigmoid_net(x, own), right, label, hint, outputs, weight=share)


Bias = Callable[[Array, Array, int], Array]  # of W, b as they came, and 2 before a σ, else 1
_BIASES: dict[str, tuple[Bias, ...]] = {
    "平移减的是每行的和，不是平均": (lambda W, b, m: m * (b - W.mean(axis=1)),),
    "平移少了：写 −½ΣW 时，W 是乘过倍数之后的，不是原来的": (
        lambda W, b, m: b - 0.5 * W.sum(axis=1),
        lambda W, b, m: m * b - 0.5 * W.sum(axis=1),
        lambda W, b, m: -0.5 * W.sum(axis=1),
    ),
}
_MIDDLE: dict[str, Bias] = {
    "首末两层都对。中间的层：原来的 b 也要乘 2": lambda W, b, m: b - m * W.sum(axis=1),
    "首末两层都对。中间的层：先平移，整个偏置再乘 2，平移的那一份也要乘": (
        lambda W, b, m: m * b - W.sum(axis=1)
    ),
}


def _later(layers: Layers, right: Layers, bias: Bias) -> Layers:
    """The right layers after the first one, with another bias."""
    last = len(layers) - 2
    pairs = zip(layers[1:], right[1:], strict=True)
    return [(V, bias(W, b, 2 if k < last else 1)) for k, ((W, b), (V, _)) in enumerate(pairs)]


def _as_columns(got: Any, layers: Layers) -> bool:
    """Whether all W came in one list and all b in another."""
    if not isinstance(got, tuple | list) or len(got) != 2 or len(layers) < 2:
        return False
    if not all(isinstance(column, tuple | list) and len(column) == len(layers) for column in got):
        return False
    return all(
        shape_of(one) == right.shape
        for k, column in enumerate(got)
        for one, right in zip(column, (layer[k] for layer in layers), strict=True)
    )


def _slipped(
    layers: Layers,
    shift: float = 1,
    inside: float = 2,
    inner: float = 2,
    bias: float = 2,
    last: float = 1,
    everywhere: bool = False,
    whole: bool = False,
    keep: float = 1,
) -> Layers:
    """:func:`tanh_to_sigmoid` with something left out."""
    out = []
    for k, (W, b) in enumerate(layers):
        b = keep * b
        if k > 0 or everywhere:
            W, b = inside * W, b - shift * (W.sum() if whole else W.sum(axis=1))
        end = k == len(layers) - 1
        out.append((W * (last if end else inner), b * (last if end else bias)))
    return out


def _sigmoid_net(x: Array, layers: Layers) -> Array:
    for k, (W, b) in enumerate(layers):
        x = x @ W.T + b
        if k < len(layers) - 1:
            x = 0.5 + 0.5 * np.tanh(x / 2)
    return x
