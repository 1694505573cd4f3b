"""Lesson 14, section 8: a simple recurrent network with and without clipping.

python experiments/14_clipping.py
"""

import math
from pathlib import Path
from runpy import run_path

import torch
from torch import nn
from torch.nn import functional as F

from aigc_course.authoring.experiment import Experiment, main

LESSON = run_path(str(Path(__file__).with_name("14_memory.py")))  # the same task

TITLE = "爆炸与裁剪：记住第一个符号的 RNN（第 14 章）"
ABOUT = """\
问的是：梯度裁剪换来了什么。任务与网络同 `14_memory`：20 个符号，答第一个；`nn.RNN`，宽 32，
W_hh 是正交矩阵，偏置为 0。优化器是不带动量的 SGD，批 32，250 步；按范数裁到 `clip`
（0：不裁剪），两边同一列学习率。种子决定初始权重与数据，同一个种子下两边相同。

`accuracy` 是训练以后 500 行新数据上的准确率，`loss` 是最后 20 步的平均损失；`median_norm`、
`max_norm` 是各步裁剪以前的梯度范数的中位数与最大值。损失或梯度不是有限的数时训练就停，
`steps_done` 是走了几步。"""

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
POINTS = [
    {"clip": clip, "lr": lr, "seed": seed}
    for seed in range(5)
    for lr in RATES
    for clip in (0.0, 1.0)
]
LENGTH, STEPS = 20, 250


def measure(clip: float, lr: float, seed: int) -> dict[str, float]:
    """Train one network."""
    net = LESSON["network"]("rnn", "orthogonal", LENGTH, seed)
    body, head = net["body"], net["head"]
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    g = torch.Generator().manual_seed(seed)
    losses, norms = [], []
    for _ in range(STEPS):
        x, y = LESSON["rows"](32, LENGTH, g)
        loss = F.cross_entropy(head(body(x)[0][:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), clip or math.inf).item()
        if not (math.isfinite(norm) and math.isfinite(loss.item())):
            break
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm)
    with torch.no_grad():
        x, y = LESSON["rows"](500, LENGTH, torch.Generator().manual_seed(2 * 10**6 + seed))
        right = (head(body(x)[0][:, -1]).argmax(dim=1) == y).double().mean().item()
    return {
        "accuracy": round(right, 3),
        "loss": round(sum(losses[-20:]) / len(losses[-20:]), 4),
        "median_norm": round(sorted(norms)[len(norms) // 2], 3),
        "max_norm": round(max(norms), 2),
        "steps_done": len(norms),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
