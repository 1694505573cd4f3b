"""Lesson 13, section 11: moved pictures, by structure and by augmentation.

python experiments/13_shift.py
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.data.augment import random_shift

TITLE = "移动过的测试图：结构与平移增强各补多少（第 13 章）"
ABOUT = """\
问的是：把测试图左右移动几个像素，卷积网络和全连接网络各掉多少；训练时随机平移（上下左右各至多
2 个像素）能补回多少，原样的图上又得失多少。`cnn` 是第 8 节的小卷积网络，4 轮，最高学习率
0.003；`mlp` 是第 06 章检查点的 784-256-128-10，12 轮，最高学习率 0.002。都只用训练集的前
4,000 张图，批 64，AdamW（权重衰减 0.02），学习率先升后降。设置没有逐个调：两种网络的高低不是
这张表要问的，各自掉多少才是。种子决定初始权重、批的顺序与平移；测试图没有参与任何选择。

`model`、`shift`（训练时平移至多几个像素，0 是不平移）、`seed` 是设置；`moved_s` 是前 2,000 张
测试图向左、向右各移 s 个像素、移出去的丢掉、空出来的填 0，两个方向平均的准确率，`moved_0` 是
同样 2,000 张不移。"""

POINTS = [
    {"model": model, "shift": shift, "seed": seed}
    for seed in range(5)
    for model in ("cnn", "mlp")
    for shift in (0, 2)
]


def build(model: str) -> nn.Module:
    """The network, with fresh weights."""
    if model == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(),
            nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
    layers: list[nn.Module] = []
    for inputs, outputs, pool in ((1, 16, True), (16, 32, True), (32, 64, False)):
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
        layers += [nn.MaxPool2d(2)] if pool else []
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 7 * 7, 10))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@cache
def parts():
    """Images (N, 28, 28) and labels of training, validation, test."""
    fm = data.fashion_mnist()
    return [
        (data.as_float(part.x, flatten=False), torch.tensor(part.y).long())
        for part in (fm.train, fm.val, fm.test)
    ]


def as_input(x: np.ndarray) -> torch.Tensor:
    """(B, H, W) to (B, 1, H, W)."""
    return torch.from_numpy(x)[:, None].contiguous(memory_format=torch.channels_last)


def moved(x: np.ndarray, by: int) -> np.ndarray:
    """Moved to the right by so many pixels (to the left if negative), zeros coming in."""
    out = np.zeros_like(x)
    if by >= 0:
        out[:, :, by:] = x[:, :, : x.shape[2] - by]
    else:
        out[:, :, :by] = x[:, :, -by:]
    return out


def accuracy(net: nn.Module, x: np.ndarray, y: torch.Tensor) -> float:
    """Share of right answers, in evaluation mode."""
    net.eval()
    with torch.no_grad():
        pieces = [net(as_input(x[i : i + 500])).argmax(dim=1) for i in range(0, len(x), 500)]
    return (torch.cat(pieces) == y).float().mean().item()


def train(
    model: str, rows: int, epochs: int, batch: int, lr: float, shift: int, seed: int
) -> nn.Module:
    """Train one network on the first so many pictures, moved at random up to ``shift`` pixels."""
    x, y = (column[:rows] for column in parts()[0])
    torch.manual_seed(seed)
    net = build(model)
    rng = np.random.default_rng(seed)
    steps = epochs * (len(x) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.2)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            some = order[start : start + batch]
            images = random_shift(x[some], shift, rng) if shift else x[some]
            loss = F.cross_entropy(net(as_input(images)), y[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plan.step()
    return net


def measure(model: str, shift: int, seed: int) -> dict[str, float]:
    """Train one network, and measure it on pictures as they are, and moved."""
    epochs, lr = {"cnn": (4, 0.003), "mlp": (12, 0.002)}[model]
    net = train(model, 4_000, epochs, 64, lr, shift, seed)
    x, y = (column[:2000] for column in parts()[2])
    found = {"moved_0": accuracy(net, x, y)}
    for s in (1, 2, 3, 4):
        sides = [accuracy(net, moved(x, by), y) for by in (-s, s)]
        found[f"moved_{s}"] = sum(sides) / 2
    return {name: round(value, 5) for name, value in found.items()}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
