"""Lesson 07, section 11: three ways to train on a class of 2 %, each trained for 8,000 steps.

python experiments/07_rare.py
"""

from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data, metrics
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import nn

TITLE = "占 2% 的类：三种训练法，学习率与预算各自选过（第 07 章）"
ABOUT = """\
问的是：从商品图里找衬衫（占 2%），不处理、过采样、类别权重，各训练到 8,000 步，差多少。
图每 2×2 取平均，缩成 14×14（省时间）。网络 196-32-2，ReLU，交叉熵，Adam，批 100，
学习率恒定。训练集 5,000 张，其中 100 件衬衫；
种子决定抽哪些图、初始权重、批的顺序，同一个种子的三种训练法用同一份训练集。
验证集 4,592 张（92 件衬衫）、报告集 9,184 张（184 件衬衫）：非衬衫全取，衬衫按种子各抽一份；
报告集取自测试图，什么也不选。种子 0 到 4 选学习率与步数（验证集的平均精确率）；
种子 100 到 109 报告，只跑选中的学习率。都走到 8,000 步。

`way`、`lr`、`seed`、`steps` 是设置。一次训练沿途在各处打分，
所以同一个 `way`、`lr`、`seed` 的几行出自同一次训练；`seconds` 记的是接着走到这一处的时间。
`val_ap` 是验证集的平均精确率，`threshold` 是验证集上 F1 最高的阈值，`val_f1` 是那个 F1；
`ap`、`f1`（用上述阈值）、`f1_half`、`recall_half`、`accuracy_half`（用 0.5）、`found_half`
（阈值 0.5 时报出的件数）在报告集上。"""

WAYS = ("不处理", "过采样", "类别权重")
RATES, STEPS, BATCH = (0.0001, 0.0003, 0.001, 0.003, 0.01), (250, 500, 1000, 2000, 4000, 8000), 100
# the highest mean validation AP over seeds 0 to 4
CHOSEN: dict[str, float] = {"不处理": 0.003, "过采样": 0.001, "类别权重": 0.001}
POINTS = [
    {"way": way, "lr": lr, "seed": seed, "steps": steps}
    for seed in range(5)
    for way in WAYS
    for lr in RATES
    for steps in STEPS
] + [
    {"way": way, "lr": lr, "seed": seed, "steps": steps}
    for seed in range(100, 110)
    for way, lr in CHOSEN.items()
    for steps in STEPS
]
SHIRT = 6


def rare(part: Any, shirts: int, others: int | None, rng: np.random.Generator) -> tuple[Any, Any]:
    """Pictures of 14 × 14 in rows, and 1 for a shirt, else 0; ``others`` None: all of them."""
    is_shirt = part.y == SHIRT
    rows = rng.choice(np.flatnonzero(is_shirt), shirts, replace=False)
    rest = np.flatnonzero(~is_shirt)
    if others is not None:
        rest = rng.choice(rest, others, replace=False)
    rows = rng.permutation(np.concatenate([rows, rest]))
    x = data.as_float(part.x[rows]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    return x, is_shirt[rows].astype(np.int64)


def sets(seed: int) -> tuple[tuple[Any, Any], ...]:
    """Training, validation and report set."""
    fm, rng = data.fashion_mnist(), np.random.default_rng(seed)
    return (
        rare(fm.train, 100, 4900, rng),
        rare(fm.val, 92, None, rng),
        rare(fm.test, 184, None, rng),
    )


def rows_of(way: str, y: Any, rng: np.random.Generator) -> Any:
    """Row numbers of one batch after the other, without end."""
    shirts, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    while True:
        if way == "过采样":  # half of each batch, drawn with replacement
            half = BATCH // 2
            yield np.concatenate([rng.choice(shirts, half), rng.choice(others, half)])
        else:
            yield from rng.permutation(len(y)).reshape(-1, BATCH)


def probability(weights: list[Any], x: Any) -> Any:
    """That each picture is a shirt, (N,)."""
    w1, b1, w2, b2 = weights
    z = np.maximum(x @ w1.T + b1, 0) @ w2.T + b2
    return 1 / (1 + np.exp((z[:, 0] - z[:, 1]).astype(np.float64)))


def best_cut(y: Any, p: Any) -> tuple[float, float]:
    """Threshold of the highest F1, and that F1."""
    precision, recall, cuts = metrics.precision_recall_curve(y, p)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    k = int(np.argmax(f1[:-1]))
    return float(cuts[k]), float(f1[k])


def score(weights: list[Any], val: tuple[Any, Any], report: tuple[Any, Any]) -> dict[str, float]:
    """The threshold is chosen on ``val``; ``report`` chooses nothing."""
    pv, pr = probability(weights, val[0]), probability(weights, report[0])
    cut, val_f1 = best_cut(val[1], pv)
    y = report[1]
    half = metrics.precision_recall_f1(y, pr >= 0.5, "binary")
    return {
        "val_ap": round(metrics.average_precision(val[1], pv), 4),
        "val_f1": round(val_f1, 4),
        "threshold": float(f"{cut:.3g}"),
        "ap": round(metrics.average_precision(y, pr), 4),
        "f1": round(metrics.precision_recall_f1(y, pr >= cut, "binary").f1, 4),
        "f1_half": round(half.f1, 4),
        "recall_half": round(half.recall, 4),
        "accuracy_half": round(metrics.accuracy(y, (pr >= 0.5).astype(np.int64)), 4),
        "found_half": int((pr >= 0.5).sum()),
    }


def gradients(weights: list[Any], x: Any, y: Any, share: Any) -> list[Any]:
    """Of the mean cross-entropy of a batch, in which a sample of class k counts ``share[k]``."""
    w1, b1, w2, b2 = weights
    hidden = np.maximum(x @ w1.T + b1, 0)
    z = hidden @ w2.T + b2
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    p *= (share[y] / share[y].sum())[:, None]
    back = (p @ w2) * (hidden > 0)
    return [back.T @ x, back.sum(axis=0), p.T @ hidden, p.sum(axis=0)]


@lru_cache(maxsize=1)
def _begun(way: str, lr: float, seed: int) -> Any:
    """A training run that waits to be carried on; plain NumPy, Adam as the engine has it."""
    (x, y), val, report = sets(seed)
    rng = np.random.default_rng(1000 + seed)
    layers = [nn.Linear(196, 32, generator=rng), nn.Linear(32, 2, generator=rng)]
    weights = [p.data.copy() for layer in layers for p in (layer.weight, layer.bias)]
    count = np.bincount(y, minlength=2)
    share = (len(y) / (2 * count) if way == "类别权重" else np.ones(2)).astype(np.float32)
    m, s = ([np.zeros_like(w) for w in weights] for _ in range(2))

    def walk() -> Any:
        for t, rows in enumerate(islice(rows_of(way, y, rng), max(STEPS)), start=1):
            rate, second = lr / (1 - 0.9**t), 1 / (1 - 0.999**t) ** 0.5
            for k, g in enumerate(gradients(weights, x[rows], y[rows], share)):
                m[k] += np.float32(0.1) * (g - m[k])
                s[k] += np.float32(0.001) * (g * g - s[k])
                weights[k] -= np.float32(rate) * m[k] / (np.sqrt(s[k]) * np.float32(second) + 1e-8)
            if t in STEPS:
                yield t, score(weights, val, report)

    return {"done": {}, "walk": walk()}


def measure(way: str, lr: float, seed: int, steps: int) -> dict[str, float]:
    """Carry the run on to ``steps``; the six budgets are points of one run."""
    run = _begun(way, lr, seed)
    while steps not in run["done"]:
        t, found = next(run["walk"])
        run["done"][t] = found
    return run["done"][steps]


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
