"""Lesson 07, section 10: the baseline chooses its learning rate and its epochs, too.

python experiments/07_epochs.py
"""

from itertools import product
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import functional as F

LESSON = run_path(str(Path(__file__).with_name("07_strength.py")))  # the same network and training

TITLE = "学习率与轮数一起选：什么都不加，也选两个旋钮（第 07 章）"
ABOUT = """\
问的是：07_rates 里什么都不加只选了学习率，L2 与标签平滑选了学习率和强度；
轮数不给网络添任何东西，训练得短还省时间，让什么都不加也选它，还差多少？
标签干净时，平移一像素造出新图，40 轮够不够？网络、数据、训练同 07_strength，
只是学习率按余弦从 `lr` 降到 0，一共 `epochs` 轮。

两成错标：什么都不加 36 格（学习率、轮数），L2 36 格（学习率、轮数、强度），
标签平滑、平移各 48 格。
标签干净：什么都不加 12 格，平移 36 格。最好的一格在边上时，网格往外补过。
平移至多 1 像素，`strength` 是每一批里平移的图所占的份额；1 就是 07_strength 的“平移 1 像素”。
种子 0 到 4 用来选，只看 5,000 张验证图（`val_acc`），`test_acc` 空着；
种子 100 到 139 用来报告，只跑选中的一格，`test_acc` 在 10,000 张测试图上，测试图什么也不选。
别的 `strength`、`labels`、`cure`、`seed`、`fit_right`、`fit_wrong`、`saw_truth` 同 07_strength。"""

SHARES = (1.0, 0.7, 0.5)  # of the pictures of a batch that are shifted
GRID: dict[tuple[str, str], list[tuple[float, float, int]]] = {  # strength, rate, epochs
    ("两成错标", "什么都不加"): list(
        product((0.0,), (0.015, 0.03, 0.05, 0.07, 0.1, 0.15), (12, 16, 20, 24, 32, 40))
    ),
    ("两成错标", "L2"): list(product((0.003, 0.01, 0.02, 0.04), (0.03, 0.07, 0.15), (20, 40, 80))),
    ("两成错标", "标签平滑"): [
        *product((0.2, 0.4, 0.6, 0.8), (0.03, 0.07, 0.15), (20, 40, 80)),
        *product((0.4, 0.6, 0.8), (0.07, 0.15), (10,)),
        *product((0.4, 0.6, 0.8), (0.3,), (10, 20)),
    ],
    ("两成错标", "平移"): [
        (share, lr, epochs)
        for share in (*SHARES, 0.3)
        for lr, epochs in (
            *product((0.03, 0.07, 0.15), (20, 40, 80)),
            *((0.015, 80), (0.015, 160), (0.03, 160)),
        )
    ],
    ("干净", "什么都不加"): list(product((0.0,), (0.05, 0.1, 0.2), (20, 40, 80, 160))),
    ("干净", "平移"): [
        (share, lr, epochs)
        for share in SHARES
        for lr, epochs in (
            *product((0.05, 0.1, 0.2), (40, 80, 160)),
            *((0.025, 160), (0.05, 320), (0.1, 320)),
        )
    ],
}
# the highest mean validation accuracy over seeds 0 to 4
CHOSEN: dict[tuple[str, str], tuple[float, float, int]] = {
    ("两成错标", "什么都不加"): (0.0, 0.07, 20),
    ("两成错标", "L2"): (0.02, 0.07, 40),
    ("两成错标", "标签平滑"): (0.6, 0.15, 20),
    ("两成错标", "平移"): (0.5, 0.07, 40),
    ("干净", "什么都不加"): (0.0, 0.1, 40),
    ("干净", "平移"): (0.7, 0.1, 160),
}
POINTS = [
    {
        "labels": labels,
        "cure": cure,
        "strength": strength,
        "lr": lr,
        "epochs": epochs,
        "seed": seed,
    }
    for seeds, grid in (
        (range(5), GRID),
        (range(100, 140), {setting: [chosen] for setting, chosen in CHOSEN.items()}),
    )
    for (labels, cure), settings in grid.items()
    for strength, lr, epochs in settings
    for seed in seeds
]


def some_shifted(cure: str, share: float, x: Any, rng: np.random.Generator) -> Any:
    """A batch of flat pictures, ``share`` of them shifted by up to one pixel."""
    shifted = LESSON["changed"](cure, 1.0, x, rng)
    return shifted if share == 1 else np.where(rng.random((len(x), 1)) < share, shifted, x)


def measure(
    labels: str, cure: str, strength: float, lr: float, epochs: int, seed: int
) -> dict[str, Any]:
    """The test pictures are looked at by the seeds that report, and choose nothing."""
    drawn = LESSON["sample"](seed, noisy=labels != "干净")
    LESSON["trained"].__globals__.update(EPOCHS=epochs, changed=some_shifted)
    model, _ = LESSON["trained"](cure, strength, seed, drawn, lr=lr)
    found: dict[str, Any] = {}
    fm = data.fashion_mnist()
    for name, part in (("val_acc", fm.val), ("test_acc", fm.test)):
        found[name] = None
        if name == "val_acc" or seed >= 100:
            x = data.as_float(part.x)
            found[name] = round(engine.evaluate(model, x, part.y, F.cross_entropy)[1], 4)
    return {**found, **LESSON["learned"](model, drawn)}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
