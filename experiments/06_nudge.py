"""Lesson 06, section 8: the same training with the last bit of one weight changed.

python experiments/06_nudge.py
"""

from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("06_report.py")))["LESSON"]  # the same training
NET = {"width": 128, "epochs": 16, "lr": 0.004}

TITLE = "一个权重的末位变一变，训练完差多少，Fashion-MNIST（第 06 章）"
ABOUT = """\
问的是：训练途中最小的一点数值差别，最后会放大到多大。换一种 CPU、换一个线程数，求和的次序变了，
每一步都可能带来这样的差别；这里只在开头带来一次：第一层里连着图正中那个像素的一个权重，改成相邻的
下一个 float32。网络、设置、种子与 06_report 的相同（784-128-64-10，16 轮，种子 100 到 109），
每个种子训练两遍，只差这一个权重的末位。

`test_accuracy`、`nudged_accuracy` 是两遍的测试准确率，`changed` 是 10,000 张测试图里两遍的答案
不同的张数，`other_seed` 是第一遍与下一个种子的第一遍之间不同的张数。这张表没有用来选任何东西。"""

POINTS = [{"seed": seed} for seed in range(100, 110)]


def _answers(seed: int, nudge: bool) -> np.ndarray:
    build = LESSON["train"].__globals__["build"]

    def nudged(*args: Any) -> Any:
        model = build(*args)
        weight = next(iter(model.parameters())).data  # (128, 784)
        centre = (0, 14 * 28 + 14)  # of the pixel in the middle
        weight[centre] = np.nextafter(weight[centre], np.float32(1))
        return model

    LESSON["train"].__globals__["build"] = nudged if nudge else build
    try:
        model, _ = LESSON["train"](NET["width"], NET["epochs"], NET["lr"], seed)
    finally:
        LESSON["train"].__globals__["build"] = build
    model.eval()
    with engine.no_grad():
        x = engine.tensor(data.as_float(data.fashion_mnist().test.x))
        return np.asarray(model(x).data.argmax(axis=1))


_seen: dict[int, np.ndarray] = {}


def measure(seed: int) -> dict[str, float]:
    """Both trainings of one seed, and the first of the next seed to compare with."""
    for one in (seed, seed + 1):
        if one not in _seen:
            _seen[one] = _answers(one, nudge=False)
    plain, other, y = _seen[seed], _seen[seed + 1], data.fashion_mnist().test.y
    nudged = _answers(seed, nudge=True)
    return {
        "test_accuracy": round(float(np.mean(plain == y)), 4),
        "nudged_accuracy": round(float(np.mean(nudged == y)), 4),
        "changed": int((plain != nudged).sum()),
        "other_seed": int((plain != other).sum()),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
