"""Lesson 05, section 12: learning rate and schedule of seven optimisers on a real network.

python experiments/05_tuning.py
"""

from collections.abc import Callable
from itertools import islice
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import nn, optim

TITLE = "七个优化器的学习率与日程，Fashion-MNIST（第 05 章）"
ABOUT = """\
问的是：在第 05 章的网络上，每个优化器各用多大的学习率最好；恒定与“热身加余弦”各问一遍；
恒定时，末尾改用权重的滑动平均又如何。网络是 784-128-10，ReLU，交叉熵；批 128，500 步。
七个优化器的网格间隔相同，半个数量级一格，各取六格，最好的一格两旁再各加半格，种子 0 到 4；
同一个种子下，初始权重和批的顺序完全相同。每个优化器最好的一格都不在范围的两端。

`optimizer`、`schedule`、`lr`（日程的峰值）、`seed` 是设置；`val_loss`、`val_accuracy` 是 500 步后
在 5,000 张验证图上的损失与准确率，`train_loss` 是最后 50 步各批损失的平均，
`average_90`、`average_97`、`average_99` 是衰减 0.90、0.97、0.99 的权重滑动平均
（带偏差修正）的验证损失，只在恒定时量。学习率太大时，损失停在 2.3（瞎猜）上下。
测试集没有参与。只调了学习率：动量固定为 0.9，Adam 的两个 β、RMSprop 的 α 都用默认值。
Muon 只管第一层的矩阵（动量 0.95，衰减 0），其余参数交给学习率固定为 0.003 的 Adam；
套日程时两部分同乘一个倍数。“只归一”是 Muon 的对照：别的都一样，动量矩阵只除以自己的范数，
不做正交化。"""

STEPS, BATCH, WARMUP = 500, 128, 50
MAKERS: dict[str, Callable[..., list[optim.Optimizer]]] = {
    "SGD": lambda p, lr: [optim.SGD(p, lr=lr)],
    "Momentum": lambda p, lr: [optim.SGD(p, lr=lr, momentum=0.9)],
    "Nesterov": lambda p, lr: [optim.SGD(p, lr=lr, momentum=0.9, nesterov=True)],
    "AdaGrad": lambda p, lr: [optim.Adagrad(p, lr=lr)],
    "RMSprop": lambda p, lr: [optim.RMSprop(p, lr=lr)],
    "Adam": lambda p, lr: [optim.Adam(p, lr=lr)],
    "Muon": lambda p, lr: [
        optim.Muon(p[:1], lr=lr, weight_decay=0.0),
        optim.Adam(p[1:], lr=0.003),
    ],
    "只归一": lambda p, lr: [
        optim.Muon(p[:1], lr=lr, weight_decay=0.0, ns_steps=0),
        optim.Adam(p[1:], lr=0.003),
    ],
}
RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
TRIED = {  # from where it is plainly too small to where it is plainly too large
    "SGD": RATES[4:],
    "Momentum": RATES[3:9],
    "Nesterov": RATES[3:9],
    "AdaGrad": RATES[2:8],
    "RMSprop": RATES[:6],
    "Adam": RATES[:6],
    "Muon": RATES[3:9],
    "只归一": [0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
}
FINER = {  # half a step to both sides of the best of TRIED; constant, then with warm-up and cosine
    "SGD": ((0.2, 0.5), (0.2, 0.5)),
    "Momentum": ((0.05, 0.2), (0.05, 0.2)),
    "Nesterov": ((0.05, 0.2), (0.05, 0.2)),
    "AdaGrad": ((0.02, 0.05), (0.05, 0.2)),
    "RMSprop": ((0.002, 0.005), (0.005, 0.02)),
    "Adam": ((0.002, 0.005), (0.005, 0.02)),
    "Muon": ((0.02, 0.05), (0.05, 0.2)),
    "只归一": ((0.2, 0.5), ()),
}
CONSTANT, COSINE = "恒定", "热身加余弦"
DECAYS = (0.9, 0.97, 0.99)
POINTS = [
    {"optimizer": name, "schedule": schedule, "lr": lr, "seed": seed}
    for seed in range(5)
    for k, schedule in enumerate((CONSTANT, COSINE))
    for name, rates in TRIED.items()
    for lr in sorted((*rates, *FINER[name][k]))
    if (name, schedule) != ("只归一", COSINE)
]


def factor(schedule: str, t: int, steps: int = STEPS) -> float:
    """What the learning rate of step t, counted from 0, is multiplied by."""
    if schedule == CONSTANT:
        return 1.0
    if t < WARMUP:
        return (t + 1) / WARMUP
    return 0.5 * (1 + cos(pi * (t - WARMUP) / (steps - WARMUP)))


def train(
    optimizer: str,
    lr: float,
    seed: int,
    schedule: str = CONSTANT,
    clip: float = 0.0,
    spoilt: bool = False,
    steps: int = STEPS,
) -> tuple[Any, list[float], dict[float, list[Any]]]:
    """Train as the lesson's ``train`` does: one generator for the weights, then for the batches.

    Args:
        clip: the norm at which all gradients together are clipped; 0 for never.
        spoilt: in batches 25, 75, 125, …, the first picture has pixels up to 255 instead of 1;
            the last of them is well before the end, so that the score is not its mere echo.

    Returns:
        The model, the loss of each step, the averages of the weights for each of ``DECAYS``.
    """
    fm = data.fashion_mnist()
    x, y = data.as_float(fm.train.x), fm.train.y
    rng = np.random.default_rng(seed)
    hidden, out = nn.Linear(784, 128, generator=rng), nn.Linear(128, 10, generator=rng)
    model = nn.Sequential(hidden, nn.ReLU(), out)
    weights = list(model.parameters())
    optimizers = MAKERS[optimizer](weights, lr)
    plans = [
        optim.lr_scheduler.LambdaLR(one, lambda t: factor(schedule, t, steps)) for one in optimizers
    ]
    cross_entropy = nn.CrossEntropyLoss()
    sums = {decay: [np.zeros_like(w.detach().numpy()) for w in weights] for decay in DECAYS}

    def endless():
        while True:
            yield from engine.batches(x, y, BATCH, rng=rng)

    losses = []
    with np.errstate(all="ignore"):
        for t, (bx, by) in enumerate(islice(endless(), steps), start=1):
            if spoilt and t % 50 == 25:
                bx[0] *= 255
            for one in optimizers:
                one.zero_grad()
            loss = cross_entropy(model(engine.tensor(bx)), engine.tensor(by))
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(weights, clip)
            for one, plan in zip(optimizers, plans, strict=True):
                one.step()
                plan.step()
            losses.append(loss.item())
            for decay, kept in sums.items():
                for k, w in zip(kept, weights, strict=True):
                    k *= decay
                    k += (1 - decay) * w.detach().numpy()
    averages = {d: [k / (1 - d**steps) for k in kept] for d, kept in sums.items()}
    return model, losses, averages


def evaluate(model: Any, split: Any, weights: list[Any] | None = None) -> tuple[float, float]:
    """(loss, accuracy); with other weights if some are given, which the model then keeps."""
    for p, w in zip(model.parameters(), weights or [], strict=False):
        p.data[...] = engine.tensor(w)
    with np.errstate(all="ignore"):
        return engine.evaluate(model, data.as_float(split.x), split.y, nn.CrossEntropyLoss())


def measure(optimizer: str, schedule: str, lr: float, seed: int) -> dict[str, float | None]:
    """Only the validation pictures are looked at."""
    model, losses, averages = train(optimizer, lr, seed, schedule)
    val = data.fashion_mnist().val
    loss, accuracy = evaluate(model, val)
    found: dict[str, float | None] = {
        "val_loss": round(loss, 5),
        "val_accuracy": round(accuracy, 4),
        "train_loss": round(float(np.mean(losses[-50:])), 5),
    }
    for decay, weights in averages.items():
        name = f"average_{100 * decay:.0f}"
        constant = schedule == CONSTANT
        found[name] = round(evaluate(model, val, weights)[0], 5) if constant else None
    return found


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
