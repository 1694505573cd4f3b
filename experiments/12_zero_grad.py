"""Lesson 12, section 4: training with and without ``zero_grad``, each at many learning rates.

python experiments/12_zero_grad.py
"""

from pathlib import Path

import torch
from torch.nn import functional as F

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.models.mlp import MLP, MLPConfig
from aigc_course.training.batches import Batches

TITLE = "忘了 zero_grad 的代价，各挑各的学习率，Fashion-MNIST（第 12 章）"
ABOUT = """\
问的是：训练循环忘了清梯度，重新调过学习率以后还差多少。网络 784-64-10，ReLU，交叉熵，普通的 SGD，
批 128，400 步，学习率不变。`clear` 为 0 的一组从不清梯度：每一步用的是从头到这一步全部梯度之和。
同一个种子下两组的初始权重、批的次序相同。种子 0、1 用来挑学习率，100 到 104 用来报告，两份分开。

`val_accuracy`、`val_loss` 是训练完后在 5,000 张验证图上的准确率与损失；`test_accuracy` 在测试图上，
没有用来挑任何东西；损失溢出成 nan 的记作 −1。"""

RATES = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
STEPS, BATCH = 400, 128


def train(lr: float, clear: bool, seed: int, steps: int = STEPS) -> MLP:
    """The lesson's own loop: five lines, one of them left out where ``clear`` is false."""
    fm = data.fashion_mnist()
    x = torch.from_numpy(data.as_float(fm.train.x))
    y = torch.from_numpy(fm.train.y.astype("int64"))
    torch.manual_seed(seed)
    model = MLP(MLPConfig(hidden=(64,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    batches = Batches(len(x), BATCH, seed)
    for _ in range(steps):
        rows = torch.from_numpy(next(batches))
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return model


@torch.no_grad()
def score(model: MLP, part: data.Split) -> tuple[float, float]:
    """(loss, accuracy)."""
    y = torch.from_numpy(part.y.astype("int64"))
    logits = model.eval()(torch.from_numpy(data.as_float(part.x)))
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).double().mean().item()


def measure(clear: int, lr: float, seed: int) -> dict[str, float]:
    """One training; the test pictures are only looked at, nothing is chosen by them."""
    fm = data.fashion_mnist()
    model = train(lr, bool(clear), seed)
    loss, accuracy = score(model, fm.val)
    _, test = score(model, fm.test)
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        loss, accuracy, test = -1.0, -1.0, -1.0
    return {
        "val_accuracy": round(accuracy, 4),
        "val_loss": round(loss, 4),
        "test_accuracy": round(test, 4),
    }


POINTS = [
    {"clear": clear, "lr": lr, "seed": seed}
    for seed in (0, 1, *range(100, 105))
    for clear in (1, 0)
    for lr in RATES
]
EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
