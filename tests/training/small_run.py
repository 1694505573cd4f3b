"""A training small enough to be run a hundred times, with every source of randomness in use.

As a program it waits for lines of JSON ``{"folder": …, "kill_after": seconds or null, "die_at":
number or null}``, forks for each a process that trains in the folder, and prints how it ended.
PyTorch is imported once, before the first fork, and nothing is computed before it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from aigc_course.training.loop import TrainConfig, Trainer

# 24 rows in batches of 5 cut into 2: unequal parts, and the last batch of an epoch is smaller
CONFIG = TrainConfig(
    steps=24, batch_size=5, accumulate=2, warmup=3, final_lr=0.1, clip=0.5,
    evaluate_every=4, save_every=3, log_every=2, seed=7,
)  # fmt: skip


def build(inputs=3):
    """Dropout draws from PyTorch's global source, batch norm has buffers."""
    return nn.Sequential(
        nn.Linear(inputs, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3)
    )


def rows(N=24):
    source = torch.Generator().manual_seed(1)
    x = torch.randn(N, 3, generator=source)
    return TensorDataset(x, torch.arange(N) % 3)


def quiet(iterable, desc="", total=None):
    return iter(iterable)


def trainer(folder, config=CONFIG, *, loss=None, evaluate="loss", model=None, data=None):
    """A trainer whose model, loss and measure draw from five sources of randomness."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    noise, coin = np.random.default_rng(3), torch.Generator().manual_seed(4)
    model = build() if model is None else model
    data = rows() if data is None else data

    def noisy(model, batch):
        x, y = batch
        x = x + 0.1 * torch.from_numpy(noise.normal(size=x.shape)).to(x.dtype)
        x = x + 0.1 * torch.randn(x.shape, generator=coin) + 0.01 * random.random()
        return F.cross_entropy(model(x), y) * (1 + 0.1 * np.random.random())

    def measured(model):
        x, y = rows()[:]
        return {"loss": F.cross_entropy(model(x), y) + 0.01 * random.random()}

    return Trainer(
        model,
        torch.optim.AdamW(model.parameters(), lr=0.05),
        data,
        loss or noisy,
        config,
        folder,
        evaluate=measured if evaluate == "loss" else evaluate,
        generators={"noise": noise, "coin": coin},
        device="cpu",
    )


def weights(trainer):
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def _die_at(count):
    """End this process by SIGKILL right before file number ``count`` is moved into place."""
    move, left = os.replace, [count]

    def replace(*arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        move(*arguments)

    os.replace = replace


def serve():
    torch.set_num_threads(1)
    import_module("torch._dynamo")  # the first optimiser would import it, in each process anew
    os.fsync = lambda handle: None  # a kill, unlike a power cut, loses nothing that was written
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if order["die_at"]:
                    _die_at(order["die_at"])
                trainer(Path(order["folder"])).run(quiet)
                code = 0
            except BaseException:
                traceback.print_exc()
            os._exit(code)
        if order["kill_after"] is not None:
            time.sleep(order["kill_after"])
            os.kill(child, signal.SIGKILL)  # ended or not, the number is still the child's
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
