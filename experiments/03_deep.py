"""Lesson 03, sections 10 and 11: which deep networks begin to learn, and with which step.

python experiments/03_deep.py
"""

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main

TITLE = "深网络的起点：激活、权重的倍数、偏置、学习率（第 03 章）"
ABOUT = """\
问的是：50 层的 sigmoid 网络缺的是什么；梯度范数不合适的网络，换一个步长能不能训。

网络 784-64-…-64-10，`depth` 是权重矩阵的层数。权重取正态分布，标准差是 Xavier 的（ReLU 是 He 的）
`scale` 倍；sigmoid 网络的首层与末层固定为 2 倍，`tanh，首末 1 倍` 的固定为 1 倍，
只有中间各层取 `scale` 倍。`centred` 为 True 时，除首层外每层的偏置取 −½ × 这一行权重之和，
抵掉 sigmoid 输出的平均值 ½；否则偏置取 0。
sigmoid、scale = 4、centred = True 与 tanh、scale = 1 是同一个函数的两种写法。
`sigmoid − ½` 每层往后送的是 σ(z) − ½，其余同 sigmoid：scale = 4、偏置为 0 时也是那个函数。
`sigmoid，偏置跟着 W` 与 sigmoid 相同，只是每更新一步，除首层外每层的偏置再减 ½ × 这一行 ΔW 之和。
scale = 5.6、centred = True 的 sigmoid 与 scale = 1.4 的 `tanh，首末 1 倍` 是同一个函数的两种写法。
`tanh，正交` 的中间各层是正交矩阵乘 `scale`，首层与末层照 Xavier。

4,000 张训练图，每步 64 张，普通的梯度下降 `steps` 步，种子 0 到 4
（同一种子的批都相同；同一深度、不是正交的各设置，权重的方向也相同）。
`val_loss` 在 1,000 张验证图上，用来挑学习率
（`tanh，正交` 与走 100 步的 `tanh，首末 1 倍` 还挑倍数）；
`test_loss` 在 1,000 张测试图上，用来报告；超过 99 或不是有限数的记作 99。
`first`、`last` 是训练之前首层与末层 dW 的范数（128 张训练图）。"""

RATES = (0.003, 0.01, 0.03, 0.1, 0.3)


def _points() -> list[dict[str, object]]:
    cases: list[tuple[str, int, float, bool, int, tuple[float, ...]]] = []
    for steps, plain, centred in (
        (100, (1, 4, 8, 11, 16), (1, 4, 5.6, 8)),
        (300, (1, 11), (4, 5.6)),
    ):
        cases += [("sigmoid", 50, scale, False, steps, RATES) for scale in plain]
        cases += [("sigmoid", 50, scale, True, steps, RATES) for scale in centred]
        cases += [("tanh", 50, 1, False, steps, RATES)]
    for scale in (0.5, 0.7, 1, 1.4, 2, 2.8):
        cases += [("tanh", 20, scale, False, 100, (*RATES, 1.0, 3.0))]
    cases += [("tanh", 50, 1.4, False, 300, (0.003, 0.01, 0.03))]
    cases += [("tanh，首末 1 倍", 50, 1.4, False, 300, (0.003, 0.01, 0.03))]
    cases += [("sigmoid − ½", 50, 4, False, 300, (0.03, 0.1, 0.3, 1.0))]
    cases += [("sigmoid，偏置跟着 W", 50, 4, True, 300, (0.03, 0.1, 0.3, 1.0))]
    for scale in (1, 1.05, 1.1):
        cases += [("tanh，正交", 50, scale, False, 100, (0.01, 0.03, 0.1))]
    cases += [("tanh，首末 1 倍", 50, 1.1, False, 100, (0.003, 0.01, 0.03, 0.1))]
    for scale in (8, 9, 13):
        cases += [("sigmoid", 50, scale, False, 300, (0.003, 0.01, 0.03, 0.1))]
    cases += [("sigmoid", 50, 16, False, 300, (0.001, 0.003, 0.01, 0.03, 0.1))]
    for scale, rates in (
        (0.7, (0.03, 0.1, 0.3)),
        (1, (0.01, 0.03, 0.1, 0.3)),
        (2.8, (0.003, 0.01, 0.03)),
    ):
        cases += [("tanh", 20, scale, False, 400, rates)]
    for scale, rates in (
        (0.7, (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)),
        (1, RATES),
        (1.4, (1e-6, 1e-5, 1e-4, 3e-4, 1e-3)),
    ):
        cases += [("ReLU", 20, scale, False, 100, rates)]
    for scale, rates in (
        (0.7, (0.03, 0.1, 0.3)),
        (1, (0.003, 0.01, 0.03, 0.1)),
        (1.4, (1e-4, 3e-4, 1e-3)),
    ):
        cases += [("ReLU", 20, scale, False, 400, rates)]
    for scale in (1, 1.1, 1.2, 1.4):
        cases += [("tanh，正交", 20, scale, False, 100, (0.01, 0.03, 0.1, 0.3))]
    for scale in (1.2, 1.3):
        cases += [("tanh，正交", 50, scale, False, 100, (0.01, 0.03, 0.1))]
    cases += [("sigmoid", 50, 8, False, 1200, (0.01, 0.03, 0.1))]
    for scale, rates in ((1.25, (0.01, 0.02, 0.03)), (1.4, (0.003, 0.01, 0.03))):
        cases += [("tanh，首末 1 倍", 50, scale, False, 100, rates)]
    names = ("activation", "depth", "scale", "centred", "steps", "lr", "seed")
    return [
        dict(zip(names, (*case, lr, seed), strict=True))
        for seed in range(5)
        for *case, rates in cases
        for lr in rates
    ]


POINTS = _points()
FOLLOWS = "sigmoid，偏置跟着 W"  # −½ΣW moves with W
ACTIVATIONS = {
    "sigmoid": (lambda z: 0.5 + 0.5 * np.tanh(z / 2), lambda z, h: h * (1 - h)),
    FOLLOWS: (lambda z: 0.5 + 0.5 * np.tanh(z / 2), lambda z, h: h * (1 - h)),
    "sigmoid − ½": (lambda z: 0.5 * np.tanh(z / 2), lambda z, h: 0.25 - h**2),
    "tanh": (np.tanh, lambda z, h: 1 - h**2),
    "tanh，首末 1 倍": (np.tanh, lambda z, h: 1 - h**2),
    "tanh，正交": (np.tanh, lambda z, h: 1 - h**2),
    "ReLU": (lambda z: np.maximum(z, 0), lambda z, h: (z > 0) * 1.0),
}
ENDS = {"sigmoid": 2, "sigmoid − ½": 2, FOLLOWS: 2, "tanh，首末 1 倍": 1, "tanh，正交": 1}


@lru_cache(maxsize=1)
def _pictures():
    fm = data.fashion_mnist()
    parts = (data.subset(fm.train, 4000, np.random.default_rng(0)), fm.val, fm.test)
    sizes = (4000, 1000, 1000)
    return [
        ((data.as_float(part.x[:n]).astype(float) - 0.286) / 0.353, part.y[:n])
        for part, n in zip(parts, sizes, strict=True)
    ]


def make(activation: str, depth: int, scale: float, centred: bool, seed: int):
    """(W, b) of each layer."""
    r = np.random.default_rng(seed)
    sizes = [784] + [64] * (depth - 1) + [10]
    layers = []
    for k, (i, o) in enumerate(pairwise(sizes)):
        std = np.sqrt(2 / i) if activation == "ReLU" else np.sqrt(2 / (i + o))
        times = ENDS.get(activation, scale) if k in (0, depth - 1) else scale
        W = r.normal(size=(o, i)) * std * times
        if activation == "tanh，正交" and 0 < k < depth - 1:
            Q, R = np.linalg.qr(W)
            W = scale * Q * np.sign(np.diag(R))
        layers.append((W, -0.5 * W.sum(axis=1) if centred and k else np.zeros(o)))
    return layers


def forward(x, layers, f):
    hs, zs = [x], []
    for W, b in layers:
        zs.append(hs[-1] @ W.T + b)
        hs.append(f(zs[-1]))
    return hs[:-1], zs


def cross_entropy(z, y):
    m = z.max(axis=1)
    lse = m + np.log(np.exp(z - m[:, None]).sum(axis=1))
    return float(np.mean(lse - z[np.arange(len(y)), y]))


def gradients(x, y, layers, activation: str):
    f, slope = ACTIVATIONS[activation]
    hs, zs = forward(x, layers, f)
    g = np.exp(zs[-1] - zs[-1].max(axis=1, keepdims=True))
    g /= g.sum(axis=1, keepdims=True)
    g[np.arange(len(y)), y] -= 1
    g /= len(y)
    grads = []
    for k in reversed(range(len(layers))):
        grads.append((g.T @ hs[k], g.sum(axis=0)))
        if k:
            g = (g @ layers[k][0]) * slope(zs[k - 1], hs[k])
    return grads[::-1]


def measure(
    activation: str, depth: int, scale: float, centred: bool, steps: int, lr: float, seed: int
) -> dict[str, float]:
    (x, y), *others = _pictures()
    layers = make(activation, depth, scale, centred, seed)
    start = gradients(x[:128], y[:128], layers, activation)
    batches = np.random.default_rng(seed + 100)
    with np.errstate(all="ignore"):  # what overflows is recorded as 99
        for _ in range(steps):
            i = batches.choice(len(x), 64, replace=False)
            grads = gradients(x[i], y[i], layers, activation)
            layers = [
                (W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(layers, grads, strict=True)
            ]
            if activation == FOLLOWS:  # W has moved by −lr·dW, so −½ΣW by ½·lr·ΣdW
                moved = [0.5 * lr * dW.sum(axis=1) for dW, _ in grads]
                layers = [
                    (W, b + m if k else b)
                    for k, ((W, b), m) in enumerate(zip(layers, moved, strict=True))
                ]
            if not np.isfinite(layers[0][0][0, 0]):
                break
        losses = [
            cross_entropy(forward(x, layers, ACTIVATIONS[activation][0])[1][-1], y)
            for x, y in others
        ]
    val, test = (min(loss, 99.0) if np.isfinite(loss) else 99.0 for loss in losses)
    return {
        "val_loss": round(val, 4),
        "test_loss": round(test, 4),
        "first": float(f"{np.linalg.norm(start[0][0]):.3g}"),
        "last": float(f"{np.linalg.norm(start[-1][0]):.3g}"),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
