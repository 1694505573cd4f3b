"""Lesson 13, section 7: with and without batch normalisation, at a swept learning rate.

python experiments/13_norm.py
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.models.cnn import CNN, CNNConfig

TITLE = "有没有批归一化，各学习率下训练得怎样（第 13 章）"
ABOUT = """\
问的是：同一个卷积网络，加不加批归一化，学习率能取多大、训练得多快。图缩成 7×7（每 4×4 取平均），
网络是 `CNN(CNNConfig(channels=(16,), blocks=3, residual=False))`：七层 3×3 卷积，
末尾取全图平均；没有归一化的一边每层带偏置，两边都用 He 初始化。带动量 0.9 的 SGD，学习率恒定，
批 32，100 步。种子决定初始权重与批的顺序；同一个种子下两边批的顺序相同，初始权重不同（补偏置的
一边多取了随机数）。只看验证集，测试集没有参与。

`norm` 是有没有批归一化，`lr` 是学习率，`seed` 是种子；`train_loss` 是最后 20 步各批损失的平均
（不是有限的数就记 99），`val_accuracy` 是 5,000 张验证图上的准确率。"""

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
POINTS = [
    {"norm": norm, "lr": lr, "seed": seed}
    for seed in range(5)
    for norm in (True, False)
    for lr in RATES
]
STEPS, BATCH = 100, 32


def images(part, side: int) -> torch.Tensor:
    """(N, 1, side, side): means of squares of 28/side pixels."""
    x = torch.from_numpy(data.as_float(part.x, flatten=False))[:, None]
    return F.avg_pool2d(x, 28 // side)


def fit(model, optimizer, x, y, steps: int, batch: int, seed: int) -> float:
    """Train; the mean loss of the last 20 steps, 99 where it is no number."""
    rng = np.random.default_rng(seed)
    losses = []
    model.train()
    while len(losses) < steps:
        order = torch.from_numpy(rng.permutation(len(x)))
        for rows in order[: len(x) // batch * batch].split(batch)[: steps - len(losses)]:
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    last = float(np.mean(losses[-20:]))
    return min(last, 99.0) if np.isfinite(last) else 99.0


def accuracy(model, x, y) -> float:
    """Share of right answers, the model in evaluation mode."""
    model.eval()
    with torch.no_grad():
        said = torch.cat([model(rows).argmax(dim=1) for rows in x.split(500)])
    return (said == y).float().mean().item()


@cache
def parts(side: int):
    """Training and validation images of this side, with their labels."""
    fm = data.fashion_mnist()
    return [(images(part, side), torch.tensor(part.y).long()) for part in (fm.train, fm.val)]


def measure(norm: bool, lr: float, seed: int) -> dict[str, float]:
    """Train one network."""
    (x, y), val = parts(7)
    torch.manual_seed(seed)
    model = CNN(CNNConfig(channels=(16,), blocks=3, residual=False, norm=norm))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    loss = fit(model, optimizer, x, y, STEPS, BATCH, seed)
    return {"train_loss": round(loss, 4), "val_accuracy": round(accuracy(model, *val), 4)}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
