"""Lesson 05, section 12: the final comparison, with seeds and pictures that chose nothing.

python experiments/05_race.py
"""

from pathlib import Path
from runpy import run_path

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("05_tuning.py")))  # the same network and training
CONSTANT, COSINE = LESSON["CONSTANT"], LESSON["COSINE"]

TITLE = "七个优化器的正式比赛，Fashion-MNIST（第 05 章）"
ABOUT = """\
问的是：按 05_tuning 和 05_clipping 的验证损失选好设置之后，七个优化器差多少。
网络和训练与 05_tuning 相同；种子 100 到 109，没有参与过选择；
同一个种子下，初始权重和批的顺序完全相同，所以两个设置可以逐个种子相减。
`test_loss`、`test_accuracy` 在 10,000 张测试图上，测试图没有参与过任何选择。

`optimizer`、`schedule`、`lr`、`steps`、`clip`、`spoilt`、`seed` 是设置，
意思同 05_tuning、05_clipping；
`average_loss`、`average_accuracy` 是衰减 0.97 的权重滑动平均的成绩，只在恒定学习率时量。
`steps` 为 1700 的几行让 Adam 多走些步，因为 Muon 的一步更贵（贵几倍随机器变，
第 05 章现场量）；学习率没有为 1700 步重调，
05_tuning 里只看半个数量级一格时最好的和加上半格以后最好的各跑一遍。"""

# The lowest mean validation loss over seeds 0 to 4 in 05_tuning, at constant rate and with warm-up
# and cosine; nothing here is chosen by a row of this table.
CHOSEN = {
    "SGD": (0.3, 0.5),
    "Momentum": (0.05, 0.1),
    "Nesterov": (0.1, 0.2),
    "AdaGrad": (0.05, 0.05),
    "RMSprop": (0.002, 0.005),
    "Adam": (0.005, 0.02),
    "Muon": (0.03, 0.1),
}
CLIPPED = {(False, 0.0): 0.1, (False, 1.0): 0.1, (True, 0.0): 0.1, (True, 1.0): 0.1}


def _setting(optimizer: str, schedule: str, lr: float, **more: float | bool) -> dict[str, object]:
    base = {"optimizer": optimizer, "schedule": schedule, "lr": lr}
    return base | {"steps": 500, "clip": 0.0, "spoilt": False} | more


SETTINGS = [
    _setting(name, schedule, lr)
    for name, rates in CHOSEN.items()
    for schedule, lr in zip((CONSTANT, COSINE), rates, strict=True)
]
# averaged with decay 0.97, some do best at another constant rate; the others at the one above
AVERAGED = {"SGD": 0.5, "Momentum": 0.1, "RMSprop": 0.005, "Adam": 0.01}
SETTINGS += [_setting(name, CONSTANT, lr) for name, lr in AVERAGED.items()]
# nothing is tuned for 1700 steps: with the best rates of 05_tuning, and of its coarse grid alone
SETTINGS += [
    _setting("Adam", schedule, lr, steps=1700)
    for schedule, rates in ((CONSTANT, (0.003, 0.005)), (COSINE, (0.01, 0.02)))
    for lr in rates
]
SETTINGS += [
    _setting("Momentum", CONSTANT, lr, clip=clip, spoilt=spoilt)
    for (spoilt, clip), lr in CLIPPED.items()
    if (spoilt, clip) != (False, 0.0)  # that is Momentum's row above, the one for averaging
]
POINTS = [{**setting, "seed": seed} for seed in range(100, 110) for setting in SETTINGS]


def measure(
    optimizer: str, schedule: str, lr: float, steps: int, clip: float, spoilt: bool, seed: int
) -> dict[str, float | None]:
    """Scores on the test pictures; nothing is chosen by them."""
    model, _, averages = LESSON["train"](optimizer, lr, seed, schedule, clip, spoilt, steps)
    test = data.fashion_mnist().test
    loss, accuracy = LESSON["evaluate"](model, test)
    found = {"test_loss": round(loss, 5), "test_accuracy": round(accuracy, 4)}
    loss, accuracy = LESSON["evaluate"](model, test, averages[0.97])
    constant = schedule == CONSTANT
    return found | {
        "average_loss": round(loss, 5) if constant else None,
        "average_accuracy": round(accuracy, 4) if constant else None,
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
