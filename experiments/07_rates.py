"""Lesson 07, section 10: the learning rate as one more knob of every cure, on spoilt labels.

python experiments/07_rates.py
"""

from pathlib import Path
from runpy import run_path
from typing import Any

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.engine import functional as F

LESSON = run_path(str(Path(__file__).with_name("07_strength.py")))  # the same network and training

TITLE = "学习率也算一个旋钮：两成错标上的十种办法（第 07 章）"
ABOUT = """\
问的是：07_strength、07_cures 里学习率都从 0.1 起，没有人选过；每一种办法连同“什么都不加”
都另选学习率，还差多少。网络、数据、训练同 07_strength，标签两成错标；
学习率按余弦从 `lr` 降到 0。强度只取 07_strength 里选中的一格和旁边的几格，多为较弱的，
`lr` = 0.2 时只取选中的一格；`lr` = 0.1 的其余各格在 07_strength 里，不重算。
“早停不退火”是学习率恒为 `lr`，走满 40 轮，退回验证损失最低的一轮。

种子 0 到 4 用来选，只看 5,000 张验证图（`val_acc`），`test_acc` 空着；
种子 100 到 109 用来报告，只跑选中的一格（选中的是 `lr` = 0.1 的在 07_cures 里，不重算），
`test_acc` 在 10,000 张测试图上，测试图什么也不选。
`cure`、`strength`、`seed`、`fit_right`、`fit_wrong`、`saw_truth` 意思同 07_strength。"""

GRID: dict[str, tuple[float, ...]] = {  # the strength chosen at 0.1 comes last
    "什么都不加": (0.0,),
    "L2": (0.003, 0.01, 0.02),
    "L1": (0.0001, 0.0003, 0.001),
    "dropout": (0.1, 0.5, 0.3),
    "标签平滑": (0.2, 0.4, 0.6),
    "平移": (1.0,),
    "左右翻转": (0.1, 0.3, 0.5),
    "上下翻转": (0.1, 0.3),
    "早停": (16.0,),
    "早停不退火": (40.0,),
    "轮数": (24.0, 32.0, 16.0),
    "宽度": (128.0,),
}
SETTINGS = (
    [(cure, s, lr) for cure, grid in GRID.items() for s in grid for lr in (0.01, 0.02, 0.05)]
    + [(cure, grid[-1], 0.2) for cure, grid in GRID.items()]
    + [("轮数", float(epochs), 0.1) for epochs in (12, 20, 24, 32)]
    + [("早停不退火", 40.0, 0.1)]
)
# the highest mean validation accuracy over seeds 0 to 4, here and in 07_strength
CHOSEN = (
    ("什么都不加", 0.0, 0.02),
    ("L1", 0.0003, 0.02),
    ("dropout", 0.3, 0.05),
    ("左右翻转", 0.1, 0.02),
    ("上下翻转", 0.1, 0.02),
    ("早停", 16.0, 0.02),
    ("早停不退火", 40.0, 0.01),
    ("轮数", 24.0, 0.05),
    ("宽度", 128.0, 0.02),
)
POINTS = [
    {"cure": cure, "strength": strength, "lr": lr, "seed": seed}
    for seeds, settings in ((range(5), SETTINGS), (range(100, 110), CHOSEN))
    for seed in seeds
    for cure, strength, lr in settings
]


def measure(cure: str, strength: float, lr: float, seed: int) -> dict[str, Any]:
    """The test pictures are looked at by the seeds that report, and choose nothing."""
    drawn = LESSON["sample"](seed)
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
