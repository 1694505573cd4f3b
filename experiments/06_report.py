"""Lesson 06, section 16: the scores to report, with seeds and pictures that chose nothing.

python experiments/06_report.py
"""

import time
from pathlib import Path
from runpy import run_path

import numpy as np

from aigc_course import data, engine, metrics
from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("06_select.py")))  # the same networks and training

TITLE = "线性分类器与网络的正式成绩，Fashion-MNIST（第 06 章）"
ABOUT = """\
问的是：按 06_select 的验证准确率选好设置之后，网络比线性分类器高多少；拿掉 ReLU 还剩多少；留下
ReLU、窄到与线性分类器一样多的参数，又剩多少；再多训练一倍，高多少。训练与 06_select 相同；种子
100 到 109，没有参与过选择；同一个种子下，同样宽的网络初始权重相同，批的顺序一轮一轮都相同，
所以可以逐个种子相减。成绩在 10,000 张测试图上，测试图没有参与过任何选择。

`width`（0 是线性分类器，10 是窄网络）、`epochs`、`lr`、`relu`、`seed` 是设置；`test_accuracy`、
`test_loss` 是测试准确率与损失，`confidence` 是平均把握（softmax 最大的那个概率），`ece` 是十箱的
期望校准误差，`train_loss` 是最后一轮各批损失的平均，`cpu_seconds` 是训练用的 CPU 秒。
2 倍轮数的网络与没有 ReLU 的网络沿用选出的那一格，没有重调。"""


def best(model: str) -> dict[str, float]:
    """The setting with the highest mean validation accuracy in 06_select."""
    cells: dict[tuple[int, int, float], list[float]] = {}
    for row in data.results("06_select"):
        if row["model"] == model:
            cell = (row["width"], row["epochs"], row["lr"])
            cells.setdefault(cell, []).append(row["val_accuracy"])
    return dict(
        zip(("width", "epochs", "lr"), max(cells, key=lambda c: np.mean(cells[c])), strict=True)
    )


NET = best("net")  # nothing here is chosen by a row of this table
SETTINGS = [
    {**best("linear"), "relu": True},
    {**NET, "relu": True},
    {**NET, "relu": False},
    {**best("narrow"), "relu": True},
    {**NET, "epochs": 2 * NET["epochs"], "relu": True},
]
POINTS = [{**setting, "seed": seed} for seed in range(100, 110) for setting in SETTINGS]


def measure(width: int, epochs: int, lr: float, relu: bool, seed: int) -> dict[str, float]:
    """Scores on the test pictures; nothing is chosen by them."""
    start = time.process_time()
    model, history = LESSON["train"](width, epochs, lr, seed, relu)
    seconds = time.process_time() - start
    test = data.fashion_mnist().test
    loss, accuracy = LESSON["evaluate"](model, test)
    with engine.no_grad():
        logits = model(engine.tensor(data.as_float(test.x)))
        p = engine.functional.softmax(logits, 1).data
    right = p.argmax(axis=1) == test.y
    return {
        "test_accuracy": round(accuracy, 4),
        "test_loss": round(loss, 4),
        "confidence": round(float(np.mean(p.max(axis=1))), 4),
        "ece": round(metrics.expected_calibration_error(p.max(axis=1), right), 4),
        "train_loss": round(history.train_loss[-1], 4),
        "cpu_seconds": round(seconds, 1),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
