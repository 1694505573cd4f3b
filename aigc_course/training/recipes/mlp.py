"""The classifier of lesson 06: a multilayer perceptron in NumPy on Fashion-MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aigc_course import data, engine
from aigc_course.engine import nn, optim
from aigc_course.training.recipe import Outcome, Progress, RunFolder

TITLE = "多层感知机，Fashion-MNIST 分类（第 06 章，NumPy）"
ABOUT = """\
第 01 章的 784-256-128-10，照第 06 章的办法训练：ReLU，Adam，学习率每轮按余弦降一次。
第 06 章后来在验证集上选出的网络窄一半、训练久一倍；这里的设置没有调过。
像素除以 255，排成 784 个数输入；输出 10 个分数，最大的一个就是预测的类别。
权重的名字是 `0.weight`、`0.bias`、`2.weight` ……，
与 `engine.Sequential` 和 `torch.nn.Sequential` 的一致，两边都能直接读。

拿来演示够用，拿来比高低不够：没有数据增强，也没有早停，训练准确率比验证高出近三个百分点；
衬衫、T恤、套头衫、外套之间仍然常错；预测的概率略偏自信。"""
DATA = ("fashion_mnist",)


@dataclass(frozen=True)
class Config:
    """Sizes of the hidden layers, and how they are trained."""

    seed: int = 6
    hidden: tuple[int, ...] = (256, 128)
    epochs: int = 8
    batch_size: int = 256
    lr: float = 2e-3
    train_rows: int = 55_000


PRESETS = {"cpu": Config()}


def build(config: Config, rng: np.random.Generator) -> nn.Sequential:
    """Linear layers with ReLU between them: 784 pixels in, 10 scores out."""
    sizes = (784, *config.hidden, 10)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, generator=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def run(config: Config, out: RunFolder, device: str, progress: Progress) -> Outcome:
    """Train epoch by epoch; the state after each is on disk, so that a stopped run goes on."""
    fm = data.fashion_mnist()
    x, y = data.as_float(fm.train.x[: config.train_rows]), fm.train.y[: config.train_rows]
    rng = np.random.default_rng(config.seed)
    model = build(config, rng)
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    plan = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.epochs)
    loss_of = nn.CrossEntropyLoss()
    done = 0
    if stored := out.load():
        model.load_state_dict(stored["model"])
        optimizer.load_state_dict(stored["optimizer"])
        plan.load_state_dict(stored["plan"])
        rng.bit_generator.state = stored["rng"]
        done = stored["epoch"]

    for epoch in progress(range(done, config.epochs), "轮"):
        model.train()
        for bx, by in engine.batches(x, y, config.batch_size, rng=rng):
            loss = loss_of(model(engine.tensor(bx)), by)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        plan.step()
        out.save(
            epoch=epoch + 1,
            model=model.state_dict(),
            optimizer=optimizer.state_dict(),
            plan=plan.state_dict(),
            rng=rng.bit_generator.state,
        )

    metrics: dict[str, float] = {}
    for name, part in (("val", fm.val), ("test", fm.test)):
        loss_value, accuracy = engine.evaluate(model, data.as_float(part.x), part.y, loss_of)
        metrics |= {f"{name}_accuracy": round(accuracy, 4), f"{name}_loss": round(loss_value, 4)}
    with engine.no_grad():
        guess = model(engine.tensor(data.as_float(fm.test.x[:10]))).numpy().argmax(axis=1)
    sample = "\n".join(
        f"测试集第 {k} 张：{fm.classes[right]}，预测为{fm.classes[said]}"
        for k, (right, said) in enumerate(zip(fm.test.y, guess, strict=False))
    )
    return Outcome(model.state_dict(), metrics, sample)
