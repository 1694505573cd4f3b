"""Lesson 12, section 10: one step of the same network in the engine, in PyTorch and compiled.

python experiments/12_speed.py        (needs a C++ compiler)
"""

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median

if __name__ == "__main__":  # read when torch is imported; what imports this keeps its own
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # its children are counted in os.times

import numpy as np
import torch
from torch.nn import functional as F

from aigc_course import engine
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.models.mlp import MLP, MLPConfig, to_engine

TITLE = "一步训练的时间：课程库、PyTorch、torch.compile（第 12 章）"
ABOUT = """\
问的是：同一个网络、同样的权重，一步训练在三种跑法里各要多久，随批的大小怎样变。`net` 为 full 的
是 784-256-128-10；为 tiny 的是 1-1-1-2，运算的个数与 full 相同，却几乎没有数可算，量到的是固定
开销（它不编译）。float32，Adam，一个线程。`gradient_us` 是清梯度、前向、损失、反向，`update_us` 是
Adam 更新一次，都以微秒计，都是 CPU 时间（别的程序占着机器时不把等待算进去）：每格先跑一次热身，
再分五段，取各段平均的中位数。`compile_seconds` 是第一次调用编译后的函数用的 CPU 秒，编译器的子进程
也算；一种批的大小编译一次，所以同一批大小的五行相同；别的跑法记 0。更新一律不编译。

2026-11-30 的这张表，编译的秒数是在磁盘缓存没有关掉时量的：批 64 的那一次用上了以前编译好的成品，
只剩追踪与生成代码的时间，另两次也可能用到，只会少算。每步的微秒不受影响。脚本后来改成在载入
PyTorch 之前关掉缓存，其余未动，表没有重量；重量一遍，三个秒数都会是从头编译的。

`seed` 是第几遍：五遍轮流量，不是连着量同一格。`loss` 是这一批的损失，三种跑法应当一样。"""

CASES = (("tiny", 1), ("full", 1), ("full", 64), ("full", 4096))
LIBRARIES = ("engine", "torch", "compiled")


def microseconds(call: Callable[[], object], seconds: float = 0.06, parts: int = 5) -> float:
    """CPU time of one call: the median of the means of so many parts."""
    call()
    times = 1
    while True:
        start = time.process_time()
        for _ in range(times):
            call()
        if time.process_time() - start > seconds / 2:
            break
        times *= 2
    means = []
    for _ in range(parts):
        start = time.process_time()
        for _ in range(times):
            call()
        means.append((time.process_time() - start) / times)
    return 1e6 * median(means)


@cache
def models(net: str) -> tuple[MLP, engine.Sequential]:  # type: ignore[name-defined]
    """The same network twice."""
    torch.manual_seed(0)
    model = MLP(MLPConfig(1, (1, 1), 2) if net == "tiny" else MLPConfig())
    return model, to_engine(model)


def rows(size: int, config: MLPConfig) -> tuple[np.ndarray, np.ndarray]:
    """Made-up pixels and classes."""
    rng = np.random.default_rng(0)
    x = rng.random((size, config.inputs), dtype=np.float32)
    return x, rng.integers(config.classes, size=size)


@cache
def step(
    library: str, name: str, size: int
) -> tuple[Callable[[], float], Callable[[], object], float]:
    """Gradients, update, and the seconds that the compiler took."""
    model, net = models(name)
    x, y = rows(size, model.config)
    if library == "engine":

        def gradient() -> float:
            net.zero_grad()
            loss = engine.functional.cross_entropy(net(engine.Tensor(x)), y)
            loss.backward()
            return float(loss.item())

        # a rate of 0: the weights stay the same for all
        return gradient, engine.optim.Adam(net.parameters(), lr=0.0).step, 0.0
    xt, yt = torch.from_numpy(x), torch.from_numpy(y)

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(model(x), y)

    call = loss_of
    if library == "compiled":
        call = torch.compile(loss_of, dynamic=False)

    def gradient() -> float:
        model.zero_grad()
        loss = call(xt, yt)
        loss.backward()
        return loss.item()

    def cpu() -> float:
        return sum(os.times()[:4])  # this process and its children

    start = cpu()
    if library == "compiled":
        gradient()
    seconds = cpu() - start
    return gradient, torch.optim.Adam(model.parameters(), lr=0.0).step, seconds


def measure(library: str, net: str, batch: int, seed: int) -> dict[str, float]:
    """One setting, once."""
    gradient, update, seconds = step(library, net, batch)
    return {
        "gradient_us": round(microseconds(gradient), 1),
        "update_us": round(microseconds(update), 1),
        "compile_seconds": round(seconds, 1),
        "loss": round(gradient(), 4),
    }


POINTS = [
    {"library": library, "net": net, "batch": batch, "seed": seed}
    for seed in range(5)
    for net, batch in CASES
    for library in LIBRARIES
    if (library, net) != ("compiled", "tiny")
]
EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
