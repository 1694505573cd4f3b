"""The engine beside hand-written NumPy, PyTorch and HIPS autograd, in one run on one thread each.

    python benchmarks/engine.py               # table
    python benchmarks/engine.py --json        # the same as JSON

Tasks: an MLP 784-256-128-10 (batch 128, Adam, float32), a small CNN (batch 64), and the peak
memory of one training step against the batch size. All contenders start from the same weights, see
the same batches, and take their steps in turn, so that a busy moment of the machine hits all alike.
The table shows medians of processor time: with one thread each that is wall time on an idle
machine, and unlike wall time it does not count waiting for other programs. Before timing, the
losses of all contenders are compared.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is loaded

import argparse  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
from collections.abc import Callable  # noqa: E402
from itertools import pairwise  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import autograd  # noqa: E402
import autograd.numpy as anp  # noqa: E402
import torch  # noqa: E402

from aigc_course import engine  # noqa: E402
from aigc_course.engine import functional as F  # noqa: E402

Array = Any
Step = Callable[[Array, Array], float]  # one training step on a batch -> its loss
LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
MLP_SIZES = (784, 256, 128, 10)


class NumpyAdam:
    """Adam as a careful NumPy user writes it: everything in place, scratch allocated once."""

    def __init__(self, params: list[Array]) -> None:
        self.params = params
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]
        self.a = [np.empty_like(p) for p in params]
        self.b = [np.empty_like(p) for p in params]
        self.t = 0

    def step(self, grads: list[Array]) -> None:
        self.t += 1
        c1, c2 = 1 - BETA1**self.t, 1 - BETA2**self.t
        for p, g, m, v, a, b in zip(
            self.params, grads, self.m, self.v, self.a, self.b, strict=True
        ):
            m *= BETA1
            np.multiply(g, 1 - BETA1, out=a)
            m += a
            v *= BETA2
            np.multiply(g, g, out=a)
            a *= 1 - BETA2
            v += a
            np.divide(v, c2, out=a)
            np.sqrt(a, out=a)
            a += EPS
            np.divide(m, c1, out=b)
            b /= a
            b *= LR
            p -= b


# --- MLP -------------------------------------------------------------------------------------


def mlp_weights(rng: np.random.Generator) -> list[Array]:
    """W (out, in) and b (out,) of each layer, as in PyTorch."""
    params: list[Array] = []
    for n_in, n_out in pairwise(MLP_SIZES):
        params.append((rng.normal(size=(n_out, n_in)) * (2 / n_in) ** 0.5).astype(np.float32))
        params.append(np.zeros(n_out, np.float32))
    return params


def mlp_numpy(params: list[Array]) -> Step:
    adam = NumpyAdam(params)
    w1, b1, w2, b2, w3, b3 = params

    def step(x: Array, y: Array) -> float:
        n = len(x)
        h1 = x @ w1.T
        h1 += b1
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ w2.T
        h2 += b2
        np.maximum(h2, 0, out=h2)
        z = h2 @ w3.T
        z += b3
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        rows = np.arange(n)
        loss = float((np.log(total[:, 0]) - z[rows, y]).mean())
        p /= total
        p[rows, y] -= 1
        p /= n
        dh2 = p @ w3
        dh2 *= h2 > 0
        dh1 = dh2 @ w2
        dh1 *= h1 > 0
        adam.step([dh1.T @ x, dh1.sum(0), dh2.T @ h1, dh2.sum(0), p.T @ h2, p.sum(0)])
        return loss

    return step


def mlp_engine(params: list[Array]) -> Step:
    layers: list[Any] = []
    for w, _ in zip(params[::2], params[1::2], strict=True):
        layers += [engine.Linear(w.shape[1], w.shape[0]), engine.ReLU()]
    model = engine.Sequential(*layers[:-1])
    for p, value in zip(model.parameters(), params, strict=True):
        p.data[...] = value
    optimizer = engine.Adam(model.parameters(), lr=LR)
    criterion = engine.CrossEntropyLoss()

    def step(x: Array, y: Array) -> float:
        loss = criterion(model(engine.from_numpy(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def mlp_torch(params: list[Array]) -> Step:
    layers: list[Any] = []
    for w in params[::2]:
        layers += [torch.nn.Linear(w.shape[1], w.shape[0]), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    return torch_step(model, params)


def torch_step(model: Any, params: list[Array]) -> Step:
    with torch.no_grad():
        for p, value in zip(model.parameters(), params, strict=True):
            p.copy_(torch.from_numpy(value))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)

    def step(x: Array, y: Array) -> float:
        loss = torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def hips_cross_entropy(z: Array, onehot: Array) -> Array:
    z = z - anp.max(z, axis=1, keepdims=True)
    return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - anp.sum(z * onehot, axis=1))


def hips_step(loss: Callable[..., Any], params: list[Array]) -> Step:
    value_and_grad = autograd.value_and_grad(loss)
    adam = NumpyAdam(params)
    eye = np.eye(10, dtype=np.float32)

    def step(x: Array, y: Array) -> float:
        value, grads = value_and_grad(params, x, eye[y])
        adam.step(grads)
        return float(value)

    return step


def mlp_hips(params: list[Array]) -> Step:
    def loss(params: list[Array], x: Array, onehot: Array) -> Array:
        w1, b1, w2, b2, w3, b3 = params
        h = anp.maximum(anp.dot(x, w1.T) + b1, 0)
        h = anp.maximum(anp.dot(h, w2.T) + b2, 0)
        return hips_cross_entropy(anp.dot(h, w3.T) + b3, onehot)

    return hips_step(loss, params)


# --- CNN: conv 1→8 3×3, ReLU, pool 2, conv 8→16 3×3, ReLU, pool 2, linear --------------------


def cnn_weights(rng: np.random.Generator) -> list[Array]:
    shapes = [(8, 1, 3, 3), (8,), (16, 8, 3, 3), (16,), (10, 16 * 7 * 7), (10,)]
    params = []
    for shape in shapes:
        fan = int(np.prod(shape[1:])) or 1
        scale = (2 / fan) ** 0.5 if len(shape) > 1 else 0.0
        params.append((rng.normal(size=shape) * scale).astype(np.float32))
    return params


def cnn_engine(params: list[Array]) -> Step:
    nn = engine.nn
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 7 * 7, 10),
    )  # fmt: skip
    for p, value in zip(model.parameters(), params, strict=True):
        p.data[...] = value
    optimizer = engine.Adam(model.parameters(), lr=LR)

    def step(x: Array, y: Array) -> float:
        loss = F.cross_entropy(model(engine.from_numpy(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def cnn_torch(params: list[Array]) -> Step:
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 7 * 7, 10),
    )  # fmt: skip
    return torch_step(model, params)


def im2col(x: Array, k: int) -> Array:
    """(B, C, H, W) padded by k // 2 -> (C·k·k, B·H·W)."""
    b, c, h, w = x.shape
    p = k // 2
    padded = np.zeros((c, b, h + 2 * p, w + 2 * p), x.dtype)
    padded[:, :, p : p + h, p : p + w] = x.transpose(1, 0, 2, 3)
    cols = np.empty((c, k, k, b, h, w), x.dtype)
    for i in range(k):
        for j in range(k):
            cols[:, i, j] = padded[:, :, i : i + h, j : j + w]
    return cols.reshape(c * k * k, b * h * w)


def col2im(cols: Array, shape: tuple[int, ...], k: int) -> Array:
    b, c, h, w = shape
    p = k // 2
    total = np.zeros((c, b, h + 2 * p, w + 2 * p), cols.dtype)
    parts = cols.reshape(c, k, k, b, h, w)
    for i in range(k):
        for j in range(k):
            total[:, :, i : i + h, j : j + w] += parts[:, i, j]
    return total[:, :, p : p + h, p : p + w].transpose(1, 0, 2, 3)


_im2col = autograd.extend.primitive(im2col)
_col2im = autograd.extend.primitive(col2im)
autograd.extend.defvjp(_im2col, lambda ans, x, k: lambda g: _col2im(g, x.shape, k))


def cnn_hips(params: list[Array]) -> Step:
    """The same im2col as the engine, given to HIPS autograd as a primitive."""

    def conv(x: Array, w: Array, bias: Array) -> Array:
        b, _, height, width = x.shape
        o = w.shape[0]
        out = anp.dot(anp.reshape(w, (o, -1)), _im2col(x, 3)) + bias[:, None]
        return anp.transpose(anp.reshape(out, (o, b, height, width)), (1, 0, 2, 3))

    def pool(x: Array) -> Array:
        b, c, height, width = x.shape  # reshape and max: strided slices are far slower there
        return anp.max(anp.reshape(x, (b, c, height // 2, 2, width // 2, 2)), axis=(3, 5))

    def loss(params: list[Array], x: Array, onehot: Array) -> Array:
        w1, b1, w2, b2, w3, b3 = params
        h = pool(anp.maximum(conv(x, w1, b1), 0))
        h = pool(anp.maximum(conv(h, w2, b2), 0))
        return hips_cross_entropy(anp.dot(anp.reshape(h, (len(x), -1)), w3.T) + b3, onehot)

    return hips_step(loss, params)


# --- measuring -------------------------------------------------------------------------------


def race(
    makers: dict[str, Callable[[list[Array]], Step]],
    weights: list[Array],
    shape: tuple[int, ...],
    rounds: int,
) -> dict[str, float]:
    """Median seconds a step of each contender; their losses must agree first."""
    rng = np.random.default_rng(0)
    xs = [rng.random(shape, dtype=np.float32) for _ in range(4)]
    ys = [rng.integers(0, 10, shape[0]) for _ in range(4)]
    steps = {name: make([w.copy() for w in weights]) for name, make in makers.items()}
    for i in range(5):  # warm-up, and the proof that all do the same
        losses = {name: step(xs[i % 4], ys[i % 4]) for name, step in steps.items()}
        low, high = min(losses.values()), max(losses.values())
        if not high - low < 1e-3 * high:
            raise SystemExit(f"the contenders disagree at step {i}: {losses}")
    fine = time.get_clock_info("process_time").resolution < 1e-5  # Windows counts in 16 ms
    clock = time.process_time if fine else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    gc.collect()
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:  # nobody is always first
            start = clock()
            steps[name](xs[i % 4], ys[i % 4])
            times[name].append(clock() - start)
    return {name: median(each) for name, each in times.items()}


def peak_memory(make: Callable[[list[Array]], Step], weights: list[Array], batch: int) -> float:
    """Peak MiB that NumPy allocates in one training step, beyond what is there before it."""
    rng = np.random.default_rng(0)
    x, y = rng.random((batch, 784), dtype=np.float32), rng.integers(0, 10, batch)
    step = make([w.copy() for w in weights])
    for _ in range(2):
        step(x, y)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step(x, y)
        return (tracemalloc.get_traced_memory()[1] - before) / 2**20
    finally:
        tracemalloc.stop()


def measure(rounds: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    mlp = mlp_weights(rng)
    mlp_makers = {
        "engine": mlp_engine, "numpy by hand": mlp_numpy, "torch eager": mlp_torch,
        "HIPS autograd": mlp_hips,
    }  # fmt: skip
    cnn_makers = {"engine": cnn_engine, "torch eager": cnn_torch, "HIPS autograd": cnn_hips}
    batches = (32, 128, 512, 2048)
    return {
        "mlp": race(mlp_makers, mlp, (128, 784), rounds),
        "cnn": race(cnn_makers, cnn_weights(rng), (64, 1, 28, 28), max(rounds // 5, 5)),
        "memory": {
            name: {b: peak_memory(make, mlp, b) for b in batches}
            for name, make in (
                ("engine", mlp_engine), ("numpy by hand", mlp_numpy), ("HIPS autograd", mlp_hips)
            )
        },
        "versions": {"numpy": np.__version__, "torch": torch.__version__},
    }  # fmt: skip


def table(facts: dict[str, Any]) -> str:
    lines = []
    for key, title in (
        ("mlp", "MLP 784-256-128-10, batch 128, Adam, float32"),
        ("cnn", "CNN conv8-pool-conv16-pool-linear, 28x28, batch 64, Adam, float32"),
    ):
        ours = facts[key]["engine"]
        lines += [f"{title}, one thread", f"  {'':<16}{'ms a step':>10}{'engine / it':>14}"]
        for name, seconds in facts[key].items():
            lines.append(f"  {name:<16}{seconds * 1e3:>10.2f}{ours / seconds:>14.2f}")
        lines.append("")
    lines.append("Peak MiB of one MLP training step, by batch size")
    sizes = list(next(iter(facts["memory"].values())))
    lines.append(f"  {'':<16}" + "".join(f"{b:>9}" for b in sizes))
    for name, by_batch in facts["memory"].items():
        lines.append(f"  {name:<16}" + "".join(f"{by_batch[b]:>9.2f}" for b in sizes))
    mlp = facts["mlp"]
    lines += [
        "",
        f"engine against hand-written NumPy: {mlp['engine'] / mlp['numpy by hand']:.2f} x its time "
        "(wanted: at most 1.2)",
        f"engine against HIPS autograd: {mlp['HIPS autograd'] / mlp['engine']:.2f} x faster "
        "(wanted: at least 1.6)",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=200, help="timed MLP steps of each contender")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    facts = measure(options.rounds)
    print(json.dumps(facts, indent=2) if options.json else table(facts))


if __name__ == "__main__":
    main()
