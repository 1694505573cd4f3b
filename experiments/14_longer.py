"""Lesson 14, section 7: the networks that had not learnt, longer and at a larger rate.

python experiments/14_longer.py
"""

from pathlib import Path
from runpy import run_path

from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("14_memory.py")))  # the same task and training

TITLE = "记住第一个符号：没学会的再给四倍的步数（第 14 章）"
ABOUT = """\
`14_memory` 的补充，任务、网络、列的意思都与它相同。两件事：默认初始化的 LSTM 在 400 步里没有学会，
给 1,600 步会怎样（T = 20，学习率取 400 步时平均准确率最高的 0.003）；默认初始化的 GRU 在 T = 50 时
最好的学习率在那张表的边上，再大一档会怎样。这里的设置是看过 `14_memory` 以后补的，不参加挑选；
每格五个种子，同一个种子的初始权重、数据与那张表里的相同，只是步数或学习率不同。"""

POINTS = [
    {"kind": kind, "start": "default", "length": length, "steps": steps, "lr": lr, "seed": seed}
    for seed in range(5)
    for kind, length, steps, lr in (
        ("lstm", 20, 1600, 0.003),
        ("gru", 50, 400, 0.1),
    )
]

EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, LESSON["measure"])

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
