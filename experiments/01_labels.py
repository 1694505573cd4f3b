"""Lesson 01, section 7: what training leaves in the first layer, with true and shuffled labels.

python experiments/01_labels.py
"""

from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import nn, optim
from aigc_course.training.recipes import mlp

TITLE = "第一层的权重图：起点、真标签、打乱的标签（第 01 章）"
ABOUT = """\
问的是：训练过的第一层有花纹，花纹要不要真的标签？网络与训练的办法照随课程附带的检查点
`mlp`（784-256-128-10，ReLU，Adam），只换种子；三种 `labels`：起点（没训练）、真标签、
打乱（训练图的标签在图之间随机调换一次，再照样训练）。`epochs` 是轮数：8 轮时学习率 0.002，
与检查点相同；40 轮时 0.0005。同一个种子的各行起点相同，批的顺序相同。

`dark`：有几个神经元在 5,000 张验证图上输出全是 0；其余的是亮的，下面两列只看亮的。
`smooth`：一行 784 个权重排成 28×28，左右相邻两个的相关系数，各行的中位数。
`like`：有几行与某一类的平均图（减去总平均图）相关系数的绝对值到 0.3。
`accuracy`：对训练时用的那份标签（起点按真标签算），训练图上的准确率。"""

RATES = {0: 0.0, 8: 0.002, 40: 0.0005}  # of each number of epochs
POINTS = [
    {"labels": labels, "epochs": epochs, "seed": seed}
    for seed in range(5)
    for epochs in RATES
    for labels in (("真标签", "打乱") if epochs else ("起点",))
]


def correlate(a: Any, b: Any) -> Any:
    """Of each row of a (M, D) with each of b (N, D): (M, N)."""
    a, b = (v - v.mean(axis=1, keepdims=True) for v in (a, b))
    return a @ b.T / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))


def train(model: nn.Sequential, x: Any, y: Any, epochs: int, rng: np.random.Generator) -> None:
    """As the recipe of the checkpoint does."""
    optimizer = optim.Adam(model.parameters(), lr=RATES[epochs])
    plan = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for bx, by in engine.batches(x, y, mlp.PRESETS["cpu"].batch_size, rng=rng):
            loss = loss_of(model(engine.tensor(bx)), by)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        plan.step()


def measure(labels: str, epochs: int, seed: int) -> dict[str, float]:
    """Train, or do not, and look at the first layer."""
    fm, rng = data.fashion_mnist(), np.random.default_rng(seed)
    x, y = data.as_float(fm.train.x), fm.train.y
    model = mlp.build(mlp.PRESETS["cpu"], rng)
    if labels == "打乱":
        y = np.random.default_rng(1000 + seed).permutation(y)
    if epochs:
        train(model, x, y, epochs, rng)
    W, b = (p.detach().numpy() for p in list(model.parameters())[:2])
    lit = (data.as_float(fm.val.x) @ W.T + b > 0).any(axis=0)
    pictures = W[lit].reshape(-1, 28, 28)
    beside = [np.corrcoef(one[:, :-1].ravel(), one[:, 1:].ravel())[0, 1] for one in pictures]
    means = np.stack([x[fm.train.y == k].mean(axis=0) for k in range(10)])
    like = np.abs(correlate(W[lit], means - means.mean(axis=0))).max(axis=1)
    return {
        "smooth": round(float(np.median(beside)), 3),
        "like": int((like >= 0.3).sum()),
        "dark": int((~lit).sum()),
        "accuracy": round(engine.evaluate(model, x, y, nn.CrossEntropyLoss())[1], 3),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
