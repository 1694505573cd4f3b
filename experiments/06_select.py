"""Lesson 06, section 9: width, epochs and learning rate, chosen on the validation pictures.

python experiments/06_select.py
"""

from pathlib import Path
from typing import Any

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import nn, optim

TITLE = "网络的宽度、轮数、学习率，线性分类器与窄网络的学习率，Fashion-MNIST（第 06 章）"
ABOUT = """\
问的是：计算时间大致一样时，第 06 章的网络取多宽、训练几轮、学习率多大最好；线性分类器用同样的
时间，学习率多大最好；窄到参数与线性分类器一样多的网络（w = 10，`model` 记作 narrow）同样训练
60 轮，学习率多大最好。网络是 784-w-w/2-10，ReLU；线性分类器是 784-10，记作 w = 0。交叉熵，Adam
（β 用默认值），批 256，学习率从 `lr` 起按余弦下降，每轮一次。宽度每加倍，轮数减半
（w × 轮数 = 2048），线性分类器训练 60 轮，为的是一次训练花的时间相近；`seconds` 是钟上的秒，
机器时忙时闲，不好比，CPU 秒见 06_report。种子 0、1；初始权重和批的顺序由种子定。

`model`、`width`、`epochs`、`lr`、`seed` 是设置；`val_accuracy`、`val_loss` 是训练完后在 5,000 张
验证图上的准确率与损失，`train_loss` 是最后一轮各批损失的平均。测试集没有参与。
批的大小、深度、优化器、日程的形状没有调。"""

BATCH = 256
RATES = [0.0005, 0.001, 0.002, 0.004, 0.008]
WIDTHS = {64: 32, 128: 16, 256: 8, 512: 4}  # width -> epochs
SETTINGS = [
    {"model": "net", "width": width, "epochs": epochs, "lr": lr}
    for width, epochs in WIDTHS.items()
    for lr in RATES
]
SETTINGS += [{"model": "linear", "width": 0, "epochs": 60, "lr": lr} for lr in RATES]
SETTINGS += [{"model": "narrow", "width": 10, "epochs": 60, "lr": lr} for lr in RATES]
POINTS = [{**setting, "seed": seed} for seed in (0, 1) for setting in SETTINGS]


def build(width: int, seed: int, relu: bool = True) -> Any:
    """The lesson's network, with or without its ReLUs; its linear classifier for ``width`` 0."""
    g = np.random.default_rng(seed)
    if width == 0:
        return nn.Linear(784, 10, generator=g)
    layers = [
        nn.Linear(784, width, generator=g),
        nn.ReLU(),
        nn.Linear(width, width // 2, generator=g),
        nn.ReLU(),
        nn.Linear(width // 2, 10, generator=g),
    ]
    return nn.Sequential(*layers[:: 1 if relu else 2])


def train(width: int, epochs: int, lr: float, seed: int, relu: bool = True) -> tuple[Any, Any]:
    """The trained model and its history, as in the lesson."""
    fm = data.fashion_mnist()
    model = build(width, seed, relu)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    history = engine.fit(
        model,
        (data.as_float(fm.train.x), fm.train.y),
        None,
        optimizer,
        loss=nn.CrossEntropyLoss(),
        epochs=epochs,
        batch_size=BATCH,
        rng=np.random.default_rng(seed),
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
    )
    if history.interrupted:  # `fit` keeps a half-trained model; a table must not
        raise KeyboardInterrupt
    return model, history


def evaluate(model: Any, split: Any) -> tuple[float, float]:
    """(loss, accuracy)."""
    return engine.evaluate(model, data.as_float(split.x), split.y, nn.CrossEntropyLoss())


def measure(model: str, width: int, epochs: int, lr: float, seed: int) -> dict[str, float]:
    """Only the validation pictures are looked at."""
    net, history = train(width, epochs, lr, seed)
    loss, accuracy = evaluate(net, data.fashion_mnist().val)
    return {
        "val_accuracy": round(accuracy, 4),
        "val_loss": round(loss, 4),
        "train_loss": round(history.train_loss[-1], 4),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
