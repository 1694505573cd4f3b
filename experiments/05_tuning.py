"""Lesson 05, section 10: the learning rate of six optimisers on a real network.

python experiments/05_tuning.py
"""

from itertools import islice
from pathlib import Path

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import nn, optim

TITLE = "六个优化器的学习率网格，Fashion-MNIST（第 05 章）"
ABOUT = """\
问的是：在第 05 章的网络上，每个优化器各用多大的学习率最好。
网络是 784-128-10，ReLU，交叉熵；批 128，500 步，恒定学习率。
六个优化器在同样的网格上试，半个数量级一格，种子 0 到 4；
同一个种子下，初始权重和批的顺序完全相同。每个优化器的范围都宽到两端明显变差。

`optimizer`、`lr`、`seed` 是设置；`val_loss`、`val_accuracy` 是 500 步后在 5,000 张验证图上的
损失与准确率，`train_loss` 是最后 50 步各批损失的平均。学习率太大时，损失停在 2.3（瞎猜）上下。
测试集没有参与。只调了学习率：动量固定为 0.9，Adam 的两个 β、RMSprop 的 α 都用默认值。"""

STEPS, BATCH = 500, 128
MAKERS = {
    "SGD": lambda p, lr: optim.SGD(p, lr=lr),
    "Momentum": lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9),
    "Nesterov": lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    "AdaGrad": lambda p, lr: optim.Adagrad(p, lr=lr),
    "RMSprop": lambda p, lr: optim.RMSprop(p, lr=lr),
    "Adam": lambda p, lr: optim.Adam(p, lr=lr),
}
RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
TRIED = {  # from where it is plainly too small to where it is plainly too large
    "SGD": RATES[4:],
    "Momentum": RATES[3:9],
    "Nesterov": RATES[3:9],
    "AdaGrad": RATES[2:8],
    "RMSprop": RATES[:6],
    "Adam": RATES[:6],
}
POINTS = [
    {"optimizer": name, "lr": lr, "seed": seed}
    for seed in range(5)
    for name, rates in TRIED.items()
    for lr in rates
]


def measure(optimizer: str, lr: float, seed: int) -> dict[str, float]:
    """Train as the lesson's ``train`` does: one generator for the weights, then for the batches."""
    fm = data.fashion_mnist()
    x, y = data.as_float(fm.train.x), fm.train.y
    rng = np.random.default_rng(seed)
    hidden, out = nn.Linear(784, 128, generator=rng), nn.Linear(128, 10, generator=rng)
    model = nn.Sequential(hidden, nn.ReLU(), out)
    steps = MAKERS[optimizer](model.parameters(), lr)
    cross_entropy = nn.CrossEntropyLoss()

    def endless():
        while True:
            yield from engine.batches(x, y, BATCH, rng=rng)

    losses = []
    with np.errstate(all="ignore"):
        for bx, by in islice(endless(), STEPS):
            steps.zero_grad()
            loss = cross_entropy(model(engine.tensor(bx)), engine.tensor(by))
            loss.backward()
            steps.step()
            losses.append(loss.item())
        val = engine.evaluate(model, data.as_float(fm.val.x), fm.val.y, cross_entropy)
    return {
        "val_loss": round(val[0], 5),
        "val_accuracy": round(val[1], 4),
        "train_loss": round(float(np.mean(losses[-50:])), 5),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
