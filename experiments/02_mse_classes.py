"""Lesson 02, section 7: squared error behind a softmax against cross-entropy, both tuned.

python experiments/02_mse_classes.py
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main

TITLE = "softmax 接均方误差与接交叉熵，学习率各自调，Fashion-MNIST（第 02 章）"
ABOUT = """\
问的是：softmax 回归（784 进 10 出，一层）上，用均方误差训练比用交叉熵差多少、慢多少。
全部 55,000 张训练图，批 100，没有动量；`steps` 各练各的。`schedule` 为“降到 0”时学习率从 `lr`
线性降到 0，为“恒定”时一直是 `lr`。`scale` 是起始权重的标准差：0 是不偏不倚，1 时一开始就自信地错。
同一个种子下，起点与批的顺序完全相同。“只换长度”“只换方向”是两次干预，都从均方误差出发：
每个样本对 logits 的梯度，前者换成交叉熵的长度、方向不动，后者换成交叉熵的方向、长度不动；
只在 `scale` 为 1、步数 300 与 1000 时做。

`part` 为“调参”的行：种子 0 到 4，`accuracy` 在 5,000 张验证图上；同一个起点上，各损失试的
日程与学习率完全一样，半个数量级一格。
`part` 为“报告”的行：种子 100 到 109，没有参与过选择；`accuracy` 在 10,000 张测试图上，
测试图没有参与过任何选择。日程与学习率取“调参”里验证准确率平均最高的一格，
损失、起点、步数的每一种组合各选各的。
`part` 为“加长”的行：同报告，只是 `steps` 为 12000，日程与学习率沿用为 3000 步选的，没有重调。"""

BATCH, STEPS = 100, (300, 1000, 3000)
CROSS, SQUARED, LENGTH, DIRECTION = "交叉熵", "均方误差", "只换长度", "只换方向"
SCHEDULES = (CONSTANT, DOWN) = ("恒定", "降到 0")
RATES = {  # by the scale of the start; the same for all losses
    0.0: (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    1.0: (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
}
TUNING, REPORT, LONGER = "调参", "报告", "加长"
SETTINGS = [
    {"loss": loss, "scale": scale, "steps": steps}
    for steps in STEPS
    for scale in RATES
    for loss in (CROSS, SQUARED, LENGTH, DIRECTION)
    if loss in (CROSS, SQUARED) or (scale == 1.0 and steps < 3000)
]
# The highest mean validation accuracy of each of SETTINGS; no row of the report chose anything.
CHOSEN = [
    ("降到 0", 1.0),  # '交叉熵', 0.0, 300
    ("恒定", 0.3),  # '均方误差', 0.0, 300
    ("降到 0", 100.0),  # '交叉熵', 1.0, 300
    ("恒定", 3.0),  # '均方误差', 1.0, 300
    ("恒定", 0.3),  # '只换长度', 1.0, 300
    ("降到 0", 10.0),  # '只换方向', 1.0, 300
    ("降到 0", 1.0),  # '交叉熵', 0.0, 1000
    ("降到 0", 0.3),  # '均方误差', 0.0, 1000
    ("降到 0", 1000.0),  # '交叉熵', 1.0, 1000
    ("恒定", 3.0),  # '均方误差', 1.0, 1000
    ("恒定", 0.3),  # '只换长度', 1.0, 1000
    ("降到 0", 10.0),  # '只换方向', 1.0, 1000
    ("降到 0", 1.0),  # '交叉熵', 0.0, 3000
    ("恒定", 0.3),  # '均方误差', 0.0, 3000
    ("降到 0", 300.0),  # '交叉熵', 1.0, 3000
    ("恒定", 3.0),  # '均方误差', 1.0, 3000
]
PICKED = [
    setting | {"schedule": schedule, "lr": lr}
    for setting, (schedule, lr) in zip(SETTINGS, CHOSEN, strict=True)
]
POINTS = [
    {"part": TUNING, **setting, "schedule": schedule, "lr": lr, "seed": seed}
    for seed in range(5)
    for setting in SETTINGS
    for schedule in SCHEDULES
    for lr in RATES[setting["scale"]]
]
POINTS += [{"part": REPORT, **one, "seed": seed} for seed in range(100, 110) for one in PICKED]
POINTS += [
    {"part": LONGER, **one, "steps": 12000, "seed": seed}
    for seed in range(100, 105)
    for one in PICKED
    if one["steps"] == 3000 and one["scale"] == 1.0
]


def gradient(loss: str, z: Any, y: Any) -> Any:
    """Of each sample's loss with respect to its logits; z and the result (B, K), y (B,)."""
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    cross = p.copy()
    cross[np.arange(len(y)), y] -= 1
    if loss == CROSS:
        return cross
    squared = 2 * p * (cross - (p * cross).sum(axis=1, keepdims=True))
    if loss == SQUARED:
        return squared
    top = np.abs(squared).max(axis=1, keepdims=True)  # may be 1e-200: too small to be squared
    direction = squared / np.where(top > 0, top, 1)
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    direction /= np.where(length > 0, length, 1)
    length *= top
    cross_length = np.linalg.norm(cross, axis=1, keepdims=True)
    if loss == LENGTH:
        return direction * cross_length
    return cross / np.where(cross_length > 0, cross_length, 1) * length


@cache
def pictures(name: str) -> tuple[Any, Any]:
    """The pictures (N, 784) and labels (N,) of a split."""
    split = getattr(data.fashion_mnist(), name)
    return data.as_float(split.x), split.y


def train(
    loss: str, scale: float, steps: int, schedule: str, lr: float, seed: int
) -> tuple[Any, Any]:
    """The weights (10, 784) and biases (10,) after ``steps`` steps."""
    x, y = pictures("train")
    rng = np.random.default_rng(seed)
    W = (scale * rng.normal(size=(10, 784))).astype(np.float32)
    b = np.zeros(10, dtype=np.float32)
    for t in range(steps):
        i = rng.integers(len(x), size=BATCH)
        dz = gradient(loss, (x[i] @ W.T + b).astype(float), y[i]).astype(np.float32)
        rate = np.float32(lr * (1 - t / steps if schedule == DOWN else 1.0) / BATCH)
        W -= rate * (dz.T @ x[i])
        b -= rate * dz.sum(axis=0)
    return W, b


def measure(
    part: str, loss: str, scale: float, steps: int, schedule: str, lr: float, seed: int
) -> dict[str, float]:
    """Only the tuning looks at the validation pictures, only the report at the test pictures."""
    W, b = train(loss, scale, steps, schedule, lr, seed)
    x, y = pictures("val" if part == TUNING else "test")
    return {"accuracy": round(float(((x @ W.T + b).argmax(axis=1) == y).mean()), 4)}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
