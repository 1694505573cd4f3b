"""Lesson 05, section 12: what other pictures would have said of two models.

python experiments/05_pictures.py
"""

from functools import lru_cache
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from aigc_course import data, engine
from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("05_tuning.py")))  # the same network and training

TITLE = "换一批图，Muon 与 Adam 谁低，Fashion-MNIST（第 05 章）"
ABOUT = """\
问的是：两个设置的差，是不是比“换一批图”带来的差还大。
两个设置都用热身加余弦：Muon 走 500 步，α = 0.1；Adam 走 1700 步，α = 0.01。
网络和训练与 05_tuning 相同；种子 100 到 109，与 05_race 相同，模型也就相同。
10,000 张测试图按次序分成 10 块，5,000 张验证图分成 5 块，每块 1,000 张；
`muon`、`adam` 是那一块上的平均损失。
α = 0.1 与 0.01 是在这些验证图上、为 500 步选的，用的是别的种子；
Adam 的 0.01 是只看半个数量级一格时最好的，加上半格以后是 0.02。
先对块平均、看种子之间的差，得到的标准误只数种子；先对种子平均、看块之间的差，得到的只数图。"""

SIZE = 1000  # pictures in a block
BLOCKS = {"test": 10, "val": 5}
POINTS = [
    {"split": split, "block": block, "seed": seed}
    for seed in range(100, 110)
    for split, count in BLOCKS.items()
    for block in range(count)
]


@lru_cache(maxsize=1)
def losses(seed: int) -> dict[tuple[str, str], Any]:
    """``{(setting, split): the loss of each picture}``"""
    found = {}
    for name, lr, steps in (("muon", 0.1, 500), ("adam", 0.01, 1700)):
        optimizer, cosine = name.capitalize(), LESSON["COSINE"]
        model, _, _ = LESSON["train"](optimizer, lr, seed, cosine, steps=steps)
        for split in BLOCKS:
            part = getattr(data.fashion_mnist(), split)
            z = model(engine.tensor(data.as_float(part.x))).detach().numpy().astype(np.float64)
            z -= z.max(axis=1, keepdims=True)
            own = z[np.arange(len(z)), part.y.astype(int)]
            found[name, split] = np.log(np.exp(z).sum(axis=1)) - own
    return found


def measure(split: str, block: int, seed: int) -> dict[str, float]:
    """The mean loss of both settings on one block of pictures; nothing is chosen by it."""
    here = slice(SIZE * block, SIZE * (block + 1))
    return {
        name: round(float(losses(seed)[name, split][here].mean()), 5) for name in ("muon", "adam")
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
