"""Lesson 06, sections 14 and 16: which pictures each training gets right, and how sure it is.

python experiments/06_pictures.py
"""

from base64 import b64encode
from pathlib import Path
from runpy import run_path

import numpy as np

from aigc_course import data, engine, metrics
from aigc_course.authoring.experiment import Experiment, main

REPORT = run_path(str(Path(__file__).with_name("06_report.py")))  # the same trainings
LESSON = REPORT["LESSON"]

TITLE = "逐张图的对错与把握，Fashion-MNIST（第 06 章）"
ABOUT = """\
问的是：06_report 里几种训练相差的准确率，换一批图会动多少；把网络训练到 2 倍的轮数，判错的图上
把握是不是更大。设置、种子与 06_report 的前五个种子相同（100 到 104，没有参与过选择），训练也相同。

`width`（0 是线性分类器，10 是窄网络）、`epochs`、`lr`、`relu`、`seed` 是设置；`val_` 开头的几列在
5,000 张验证图上：准确率、损失、平均把握（softmax 最大的那个概率）、判错的图上的平均把握、十箱的期望
校准误差。`val_right`、`test_right` 是两份图上逐张的对错：`numpy.packbits` 的 base64。
`seconds`（与上面的用时）没有把训练算进去；从头重做要训练 25 次，这 25 次在 06_report 里合起来用了
230 秒 CPU。这张表没有用来选任何东西。"""

POINTS = [{**kind, "seed": seed} for seed in range(100, 105) for kind in REPORT["SETTINGS"]]


def _packed(right: np.ndarray) -> str:
    return b64encode(np.packbits(right).tobytes()).decode()


def measure(width: int, epochs: int, lr: float, relu: bool, seed: int) -> dict[str, float | str]:
    """How sure it is on the validation pictures; right or wrong on each test picture."""
    fm = data.fashion_mnist()
    model, _ = LESSON["train"](width, epochs, lr, seed, relu)
    loss, accuracy = LESSON["evaluate"](model, fm.val)
    model.eval()

    def probabilities(x: np.ndarray) -> np.ndarray:
        with engine.no_grad():
            return np.asarray(
                engine.functional.softmax(model(engine.tensor(data.as_float(x))), 1).data
            )

    p = probabilities(fm.val.x)
    sure, right = p.max(axis=1), p.argmax(axis=1) == fm.val.y
    test_right = probabilities(fm.test.x).argmax(axis=1) == fm.test.y
    return {
        "val_accuracy": round(accuracy, 4),
        "val_loss": round(loss, 4),
        "val_confidence": round(float(np.mean(sure)), 4),
        "val_confidence_wrong": round(float(np.mean(sure[~right])), 4),
        "val_ece": round(metrics.expected_calibration_error(sure, right), 4),
        "val_right": _packed(right),
        "test_right": _packed(test_right),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
