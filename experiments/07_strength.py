"""Lesson 07, sections 2 and 10: how strong each cure should be, on true and on spoilt labels.

python experiments/07_strength.py
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import functional as F
from aigc_course.engine import nn, optim

TITLE = "十种办法各要多强，1,000 张 Fashion-MNIST（第 07 章）"
ABOUT = """\
问的是：每一种正则化的办法各要多强。网络 784-64-10，ReLU，交叉熵；带动量 0.9 的 SGD，
学习率按余弦从 0.1 降到 0，批 100，40 轮。种子 0 到 4；种子决定抽哪 1,000 张训练图、
哪 200 张标错、初始权重、批的顺序，所以同一个种子下两个设置可以相减。
每一种的强度都扫到过了验证准确率的峰（早停、轮数、宽度是往小的一头）。只看验证集，测试集没有参与。

`labels`：“干净”，或“两成错标”；`cure` 是办法，`strength` 是它的强度：
L2、L1 的 λ（L1 用次梯度，只罚权重），dropout 的 p，标签平滑的 ε，平移的最大像素数，
两种翻转的概率，早停的耐心（轮；40 就是不提前停，只退回最好的一轮），轮数（余弦随之缩短），
宽度（隐层单元数）。
`val_acc`、`val_loss` 在 5,000 张验证图上，参数是训练交出来的那一份；
早停用其中前 1,000 张看曲线，其余办法训练时不看。
`fit_right` 是训练集里标对的图答对的份额，`fit_wrong` 是标错的图照错标签回答的份额，
`saw_truth` 是标错的图却答出真实类别的份额；标签干净时后两列空着。"""

EPOCHS, BATCH, SIZE, WRONG = 40, 100, 1000, 0.2
LABELS = ("干净", "两成错标")
GRID: dict[str, tuple[float, ...]] = {  # from where it hardly acts to where it plainly does harm
    "什么都不加": (0.0,),
    "L2": (0.001, 0.003, 0.01, 0.02, 0.04, 0.08, 0.16),
    "L1": (0.0001, 0.0003, 0.001, 0.002, 0.004, 0.01),
    "dropout": (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95),
    "标签平滑": (0.1, 0.2, 0.4, 0.6, 0.8, 0.95),
    "平移": (1.0, 2.0, 3.0, 4.0, 6.0, 8.0),
    "左右翻转": (0.1, 0.3, 0.5, 0.7, 1.0),
    "上下翻转": (0.1, 0.3, 0.5, 0.7, 1.0),
    "早停": (1.0, 2.0, 4.0, 8.0, 16.0, 40.0),
    "轮数": (1.0, 2.0, 4.0, 8.0, 16.0),
    "宽度": (2.0, 4.0, 8.0, 16.0, 32.0, 128.0, 256.0),
}
POINTS = [
    {"labels": labels, "cure": cure, "strength": strength, "seed": seed}
    for seed in range(5)
    for labels in LABELS
    for cure, strengths in GRID.items()
    for strength in strengths
]


class Sample(NamedTuple):
    """A training set: pictures, true classes, labels as given, and which of these are wrong."""

    x: Any
    truth: Any
    given: Any
    wrong: Any


def sample(seed: int, size: int = SIZE, noisy: bool = True) -> Sample:
    """``size`` pictures drawn from the 55,000; with ``noisy``, a fifth get another class."""
    rng = np.random.default_rng(seed)
    part = data.subset(data.fashion_mnist().train, size, rng)
    truth = part.y.astype(np.int64)
    given = truth.copy()
    wrong = rng.choice(size, round(WRONG * size), replace=False)
    if noisy:
        given[wrong] = (given[wrong] + rng.integers(1, 10, size=len(wrong))) % 10
    return Sample(data.as_float(part.x), truth, given, wrong)


def changed(cure: str, strength: float, x: Any, rng: np.random.Generator) -> Any:
    """A batch of flat pictures, moved or flipped."""
    pictures = x.reshape(-1, 28, 28)
    if cure == "平移":
        pictures = data.augment.random_shift(pictures, int(strength), rng)
    else:
        axis = 2 if cure == "左右翻转" else 1
        turned = rng.random(len(pictures)) < strength
        pictures = np.where(turned[:, None, None], np.flip(pictures, axis), pictures)
    return pictures.reshape(len(x), -1)


def trained(
    cure: str, strength: float, seed: int, drawn: Sample, watch: Any = None, lr: float = 0.1
) -> tuple[nn.Module, Any]:
    """Train once; ``watch`` is called with the model after each epoch.

    早停 anneals the learning rate as all the others do; 早停不退火 leaves it as it is.
    """
    rng = np.random.default_rng(1000 + seed)
    engine.manual_seed(seed)  # dropout
    width = int(strength) if cure == "宽度" else 64
    layers: list[nn.Module] = [nn.Linear(784, width, generator=rng), nn.ReLU()]
    if cure == "dropout":
        layers.append(nn.Dropout(strength))
    model = nn.Sequential(*layers, nn.Linear(width, 10, generator=rng))
    epochs = int(strength) if cure == "轮数" else EPOCHS
    decay = strength if cure == "L2" else 0.0
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=decay)
    smooth = strength if cure == "标签平滑" else 0.0
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

    def loss(output: Any, y: Any) -> Any:  # smoothed while training only
        return F.cross_entropy(output, y, label_smoothing=smooth if model.training else 0.0)

    stops, anneals = cure in ("早停", "早停不退火"), cure != "早停不退火"
    val = data.fashion_mnist().val
    curve = (data.as_float(val.x[:1000]), val.y[:1000])
    history = engine.fit(
        model,
        (drawn.x, drawn.given),
        curve if stops or watch is not None else None,
        optimizer,
        loss=loss,
        epochs=epochs,
        batch_size=BATCH,
        rng=rng,
        scheduler=schedule if anneals else None,
        patience=int(strength) if stops else None,
        l1=strength if cure == "L1" else 0.0,
        augment=(lambda x, g: changed(cure, strength, x, g))
        if cure in ("平移", "左右翻转", "上下翻转")
        else None,
        on_epoch=None if watch is None else lambda epoch, history: watch(model, history),
        progress=iter,
    )
    return model, history


def answers(model: nn.Module, x: Any) -> Any:
    """The class that the network takes for the likeliest, (N,)."""
    model.eval()
    with engine.no_grad():
        return model(engine.tensor(x)).data.argmax(axis=1)


def learned(model: nn.Module, drawn: Sample) -> dict[str, float | None]:
    """What became of the training labels: the right ones, and the wrong ones."""
    said = answers(model, drawn.x)
    right = drawn.given == drawn.truth
    found = {"fit_right": round(float((said == drawn.truth)[right].mean()), 4)}
    wrong = drawn.wrong if not right.all() else []
    got = [(said == labels)[wrong] for labels in (drawn.given, drawn.truth)]
    fit_wrong, saw_truth = (round(float(g.mean()), 4) if len(g) else None for g in got)
    return {**found, "fit_wrong": fit_wrong, "saw_truth": saw_truth}


def measure(labels: str, cure: str, strength: float, seed: int) -> dict[str, float | None]:
    """Only the validation pictures are looked at."""
    drawn = sample(seed, noisy=labels != "干净")
    model, _ = trained(cure, strength, seed, drawn)
    val = data.fashion_mnist().val
    loss, accuracy = engine.evaluate(model, data.as_float(val.x), val.y, F.cross_entropy)
    return {
        "val_acc": round(accuracy, 4),
        "val_loss": round(loss, 4),
        **learned(model, drawn),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
