"""Lesson 05, section 10: clipping the gradient, with and without spoilt pictures.

python experiments/05_clipping.py
"""

from pathlib import Path
from runpy import run_path

import numpy as np

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("05_tuning.py")))  # the same network and training

TITLE = "梯度裁剪：坏数据与好数据，Fashion-MNIST（第 05 章）"
ABOUT = """\
问的是：按范数裁剪梯度，什么时候有用。网络和训练与 05_tuning 相同（784-128-10，批 128，500 步），
优化器是 Momentum（动量 0.9），学习率恒定，种子 0 到 4。

`spoilt` 为 True 时，第 25、75、125……475 批的第一张图忘了除以 255（像素到 255，不是到 1），
500 步里一共 10 张；最后一张在第 475 步，离打分还有 25 步，所以量到的不只是最后那一下；
`clip` 是全部梯度合起来的范数上限，0 表示不裁剪；裁剪与不裁剪用同样的学习率网格。
`val_loss`、`val_accuracy` 在 5,000 张（没有坏图的）验证图上，
`worst_step` 是 500 步里最大的一批损失。
测试集没有参与。"""

POINTS = [
    {"spoilt": spoilt, "clip": clip, "lr": lr, "seed": seed}
    for seed in range(5)
    for spoilt in (False, True)
    for clip in (0.0, 0.3, 1.0, 3.0)
    for lr in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
]


def measure(spoilt: bool, clip: float, lr: float, seed: int) -> dict[str, float]:
    """Only the validation pictures are looked at."""
    model, losses, _ = LESSON["train"]("Momentum", lr, seed, clip=clip, spoilt=spoilt)
    loss, accuracy = LESSON["evaluate"](model, data.fashion_mnist().val)
    return {
        "val_loss": round(loss, 5),
        "val_accuracy": round(accuracy, 4),
        "worst_step": round(float(np.max(losses)), 3),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
