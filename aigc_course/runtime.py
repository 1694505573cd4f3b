"""Random state, threads, devices and progress bars: the one place where each is decided.

The first code cell of every notebook calls :func:`setup`. Nothing here imports torch unless a
caller asks for a device, so the NumPy chapters stay light.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import psutil
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

__all__ = [
    "choose_threads",
    "describe",
    "device",
    "headless",
    "limit_threads",
    "progress",
    "seed_everything",
    "setup",
    "usable_cores",
]

_threads: int | None = None


def setup(seed: int = 0) -> np.random.Generator:
    """Prepare a notebook: seed every random source, choose a thread count, and let training of the
    engine, where it is loaded, show the course's progress bar.

    Args:
        seed: any non-negative integer; the same seed gives the same notebook.

    Returns:
        A NumPy generator seeded with ``seed``. Pass it on; global state is only the safety net.

    Example:
        >>> rng = setup(seed=3)
        >>> rng.integers(10, size=3).tolist()
        [8, 0, 1]
    """
    limit_threads(choose_threads())
    if "aigc_course.engine" in sys.modules:
        from aigc_course.engine import train

        train.default_progress = partial(progress, desc="训练")
    return seed_everything(seed)


def seed_everything(seed: int) -> np.random.Generator:
    """Seed ``random``, NumPy's global state and, where loaded, the course's engine and torch.

    Raises:
        ValueError: ``seed`` is negative or not an integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed: got {seed!r}, wanted a non-negative integer such as 0 or 42")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "aigc_course.engine" in sys.modules:
        from aigc_course import engine

        engine.manual_seed(seed)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(seed)
    return np.random.default_rng(seed)


# --- threads ---------------------------------------------------------------------------------


def _cgroup_quota() -> float | None:
    """CPU quota of this container in cores, or None when there is none (or no cgroup at all)."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        base = Path("/sys/fs/cgroup/cpu")
        quota_us = int((base / "cpu.cfs_quota_us").read_text())
        return None if quota_us < 0 else quota_us / int((base / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None


def usable_cores() -> int:
    """Cores this process may really use: affinity and container quota, not what the box has."""
    try:
        cores = len(psutil.Process().cpu_affinity())
    except (AttributeError, psutil.Error):  # macOS has no affinity
        cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, int(quota)) if quota and quota >= 1 else 1 if quota else cores)


def choose_threads(cores: int | None = None, busy: float | None = None) -> int:
    """How many threads NumPy and torch should use on this machine, now.

    Two threads that have to wait for each other on a busy two-core machine are 20 to 40 times
    slower than one thread alone, so small or busy machines get exactly one.
    ``AIGC_THREADS`` in the environment overrides the choice.

    Args:
        cores: usable cores; measured when not given.
        busy: cores already busy with other work; the one-minute load when not given.

    Example:
        >>> choose_threads(cores=2, busy=0.0), choose_threads(cores=16, busy=3.0)
        (1, 8)
    """
    wanted = os.environ.get("AIGC_THREADS", "").strip()
    if wanted:
        if not wanted.isdigit() or int(wanted) < 1:
            raise ValueError(f"AIGC_THREADS: got {wanted!r}, wanted a whole number from 1 up")
        return int(wanted)
    cores = usable_cores() if cores is None else cores
    busy = psutil.getloadavg()[0] if busy is None else busy
    if cores <= 2:
        return 1
    return max(1, min(8, int(cores - busy)))


def limit_threads(n: int) -> int:
    """Use ``n`` threads in BLAS, OpenMP and torch from here on; returns ``n``."""
    global _threads
    if n < 1:
        raise ValueError(f"n: got {n}, wanted at least 1 thread")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(n)  # for libraries and child processes loaded later
    threadpool_limits(limits=n)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(n)
    _threads = n
    return n


# --- device ----------------------------------------------------------------------------------


def device() -> torch.device:
    """The best device here: ``cuda``, else ``mps``, else ``cpu``.

    ``AIGC_DEVICE`` in the environment overrides the choice (useful to compare both in class).
    """
    import torch

    wanted = os.environ.get("AIGC_DEVICE", "").strip()
    if wanted:
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe() -> dict[str, str]:
    """What this machine is, in words a learner can use: Python, cores, memory, device."""
    import platform

    memory = psutil.virtual_memory()
    facts = {
        "系统": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "可用核心": f"{usable_cores()}（使用 {_threads or choose_threads()} 个线程）",
        "内存": f"共 {memory.total / 2**30:.1f} GiB，可用 {memory.available / 2**30:.1f} GiB",
    }
    try:
        import torch
    except ImportError:
        facts["PyTorch"] = "未安装"
        return facts
    facts["PyTorch"] = torch.__version__
    where = device()
    facts["计算设备"] = str(where)
    if where.type == "cuda":
        props = torch.cuda.get_device_properties(where)
        facts["显卡"] = f"{props.name}，显存 {props.total_memory / 2**30:.0f} GiB"
    return facts


# --- progress --------------------------------------------------------------------------------


def headless() -> bool:
    """True when a notebook is run by a program (``aigc notebooks``, the tests), not a person."""
    return os.environ.get("AIGC_HEADLESS", "") not in ("", "0")


def progress(
    iterable: Iterable[T],
    desc: str = "",
    total: int | None = None,
    *,
    bar: bool | None = None,
) -> Iterator[T]:
    """Loop with a progress bar that also notices when threads start to fight each other.

    In a notebook a widget bar appears; in a terminal a text bar; in a headless run nothing, so
    that stored outputs stay the same. When steps suddenly take eight times as long as they did
    and more than one thread is in use, the loop drops to one thread and says so.

    Args:
        iterable: what to loop over.
        desc: short label left of the bar.
        total: number of steps, when ``iterable`` has no length.
        bar: force the bar on or off; by default it follows :func:`headless`.

    Example:
        >>> sum(progress(range(4), bar=False))
        6
    """
    show = not headless() if bar is None else bar
    loop: Any = iterable
    if show:
        from tqdm.auto import tqdm

        loop = tqdm(iterable, desc=desc, total=total, leave=False, dynamic_ncols=True)
    recent: deque[float] = deque(maxlen=9)
    best = float("inf")
    for item in loop:
        start = time.perf_counter()
        yield item
        recent.append(time.perf_counter() - start)
        if len(recent) == recent.maxlen:
            now = median(recent)
            best = min(best, now)
            if (_threads or 1) > 1 and now > 8 * best and now > 0.02:
                limit_threads(1)
                print(
                    "这台机器正忙：一步的时间涨到了原来的 8 倍以上。已改用 1 个线程，结果不变。",
                    file=sys.stderr,
                )
                best, recent = now, deque(maxlen=9)
