"""Lesson 13, section 11: moved pictures, by structure and by augmentation.

python experiments/13_shift.py
"""

from pathlib import Path
from runpy import run_path

from aigc_course.authoring.experiment import Experiment, main

REPORT = run_path(str(Path(__file__).with_name("13_report.py")))  # the networks, the training

TITLE = "移动过的测试图：结构与平移增强各补多少（第 13 章）"
ABOUT = """\
问的是：把测试图左右移动几个像素，卷积网络和全连接网络各掉多少；训练时随机平移（上下左右各至多
2 个像素）能补回多少，原样的图上又得失多少。`cnn` 是 13_report 的小卷积网络，4 轮，最高学习率
0.003；`mlp` 是第 06 章检查点的 784-256-128-10，12 轮，最高学习率 0.002。都只用训练集的前
4,000 张图，批 64，AdamW（权重衰减 0.02），学习率先升后降。设置没有逐个调：两种网络的高低不是
这张表要问的，各自掉多少才是。种子决定初始权重、批的顺序与平移；测试图没有参与任何选择。

`model`、`shift`（训练时平移至多几个像素，0 是不平移）、`seed` 是设置；`moved_s` 是前 2,000 张
测试图向左、向右各移 s 个像素、移出去的丢掉、空出来的填 0，两个方向平均的准确率，`moved_0` 是
同样 2,000 张不移。"""

POINTS = [
    {"model": model, "shift": shift, "seed": seed}
    for seed in range(5)
    for model in ("cnn", "mlp")
    for shift in (0, 2)
]


def measure(model: str, shift: int, seed: int) -> dict[str, float]:
    """Train one network, and measure it on pictures as they are, and moved."""
    epochs, lr = {"cnn": (4, 0.003), "mlp": (12, 0.002)}[model]
    net = REPORT["train"](model, 4_000, epochs, 64, lr, shift, seed)
    x, y = (column[:2000] for column in REPORT["parts"]()[2])
    found = {"moved_0": REPORT["accuracy"](net, x, y)}
    for s in (1, 2, 3, 4):
        sides = [REPORT["accuracy"](net, REPORT["moved"](x, by), y) for by in (-s, s)]
        found[f"moved_{s}"] = sum(sides) / 2
    return {name: round(value, 5) for name, value in found.items()}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
