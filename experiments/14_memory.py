"""Lesson 14, sections 6 and 7: which network learns to keep one symbol, by kind and by start.

python experiments/14_memory.py
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_course.authoring.experiment import Experiment, main

TITLE = "记住第一个符号：网络的种类与初始化（第 14 章）"
ABOUT = """\
问的是：记不记得住，差别在网络的种类，还是在初始化。一行 T 个符号，第一个是 0 到 3 中的一个，
其余是 4 到 7 中随机的；读完最后一个，答第一个是什么（瞎猜对 25%）。网络是 PyTorch 的 `nn.RNN`
（tanh）、`nn.LSTM`、`nn.GRU`，宽 32，接一个线性层；Adam，批 32，每步新造一批，梯度裁到 1。
`kind` 是种类，`start` 是初始化：`default` 是 PyTorch 的（−1/√32 到 1/√32 的均匀分布）；
`orthogonal` 是 W_hh 换成正交矩阵、偏置为 0；`gate` 是 LSTM 的遗忘门、GRU 的更新门的偏置加上 b，
σ(b)^T = 1/e（T = 20 时 b ≈ 2.97，T = 50 时 b ≈ 3.90），其余照 PyTorch。
`length` 是 T，`steps` 是步数，`lr`、`seed` 是学习率与种子（初始权重、数据）。

`accuracy` 是训练以后 500 行新数据上的准确率，`loss` 是最后 20 步的平均损失；
`reach_before`、`reach_after` 是训练前、后，32 行上 |∂(v·h_T)/∂x_1| 的平均与 |∂(v·h_T)/∂x_T|
的平均之比，取 log10（v 是一个随机方向）。"""

MAKE = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
K, H, B = 4, 32, 32
NETWORKS = (
    ("rnn", "default"),
    ("rnn", "orthogonal"),
    ("lstm", "default"),
    ("lstm", "gate"),
    ("gru", "default"),
    ("gru", "gate"),
)
RATES = (0.001, 0.003, 0.01, 0.03)
SETTINGS = [
    (kind, start, length, 400, lr)
    for length in (20, 50)
    for kind, start in NETWORKS
    for lr in RATES
]
POINTS = [
    {"kind": kind, "start": start, "length": length, "steps": steps, "lr": lr, "seed": seed}
    for seed in range(5)
    for kind, start, length, steps, lr in SETTINGS
]


def network(kind: str, start: str, length: int, seed: int) -> nn.ModuleDict:
    """A fresh one."""
    torch.manual_seed(seed)
    body, head = MAKE[kind](2 * K, H, batch_first=True), nn.Linear(H, K)
    with torch.no_grad():
        if start == "orthogonal":
            nn.init.orthogonal_(body.weight_hh_l0)
            body.bias_ih_l0.zero_()
            body.bias_hh_l0.zero_()
        elif start == "gate":
            body.bias_ih_l0[H : 2 * H] += -math.log(math.expm1(1 / length))
    return nn.ModuleDict({"body": body, "head": head})


def rows(n: int, length: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """One-hot (n, T, 2K), and the first symbol (n,)."""
    y = torch.randint(K, (n,), generator=g)
    symbols = torch.randint(K, (n, length), generator=g) + K
    symbols[:, 0] = y
    return F.one_hot(symbols, 2 * K).float(), y


def reach(body: nn.Module, length: int, seed: int) -> float:
    """log10 of the gradient's length at the first input against that at the last."""
    g = torch.Generator().manual_seed(10**6 + seed)
    x = rows(B, length, g)[0].requires_grad_()
    v = torch.randn(H, generator=g)
    (dx,) = torch.autograd.grad((body(x)[0][:, -1] @ v).sum(), x)
    sizes = dx.norm(dim=2).mean(dim=0)  # (T,)
    return math.log10(max(sizes[0].item(), 1e-38) / max(sizes[-1].item(), 1e-38))


def measure(
    kind: str, start: str, length: int, steps: int, lr: float, seed: int
) -> dict[str, float]:
    """Train one network."""
    net = network(kind, start, length, seed)
    body, head = net["body"], net["head"]
    before = reach(body, length, seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    g = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(steps):
        x, y = rows(B, length, g)
        loss = F.cross_entropy(head(body(x)[0][:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        x, y = rows(500, length, torch.Generator().manual_seed(2 * 10**6 + seed))
        right = (head(body(x)[0][:, -1]).argmax(dim=1) == y).double().mean().item()
    return {
        "accuracy": round(right, 3),
        "loss": round(sum(losses[-20:]) / 20, 4),
        "reach_before": round(before, 2),
        "reach_after": round(reach(body, length, seed), 2),
    }


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
