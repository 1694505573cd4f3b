"""Seeds, threads, devices and progress bars."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from aigc_course import runtime


@pytest.fixture(autouse=True)
def restore_threads(monkeypatch):
    for name in (
        "AIGC_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
    ):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    monkeypatch.delenv("AIGC_THREADS")
    before = runtime._threads
    yield
    runtime.limit_threads(1)
    runtime._threads = before


def test_one_seed_settles_every_source():
    import torch

    def draw():
        rng = runtime.seed_everything(7)
        return rng.random(), random.random(), np.random.rand(), torch.rand(1).item()

    assert draw() == draw()
    first = draw()
    runtime.seed_everything(8)
    assert random.random() != first[1]


@pytest.mark.parametrize("seed", [-1, 1.5, "3", None, True])
def test_a_bad_seed_is_named(seed):
    with pytest.raises(ValueError, match=r"seed: got .* wanted a non-negative integer"):
        runtime.seed_everything(seed)


@pytest.mark.parametrize(
    ("cores", "busy", "threads"),
    [(1, 0, 1), (2, 0, 1), (4, 0, 4), (4, 3.5, 1), (16, 0, 8), (16, 12, 4), (8, 20, 1)],
)
def test_small_or_busy_machines_get_one_thread(cores, busy, threads):
    assert runtime.choose_threads(cores=cores, busy=busy) == threads


def test_the_environment_overrides_the_choice(monkeypatch):
    monkeypatch.setenv("AIGC_THREADS", "3")
    assert runtime.choose_threads(cores=2, busy=0) == 3
    monkeypatch.setenv("AIGC_THREADS", "many")
    with pytest.raises(ValueError, match="AIGC_THREADS: got 'many'"):
        runtime.choose_threads()


def test_limits_reach_torch_and_children():
    import torch

    runtime.limit_threads(1)
    assert torch.get_num_threads() == 1 and os.environ["OMP_NUM_THREADS"] == "1"
    with pytest.raises(ValueError, match="at least 1"):
        runtime.limit_threads(0)


def test_importing_and_setting_up_needs_no_torch():
    code = (
        "import sys; from aigc_course import runtime; runtime.setup(1);"
        "print([m for m in ('torch', 'matplotlib', 'tqdm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_device_can_be_forced(monkeypatch):
    monkeypatch.setenv("AIGC_DEVICE", "cpu")
    assert runtime.device().type == "cpu"
    assert "Python" in runtime.describe() and runtime.describe()["计算设备"] == "cpu"


def test_progress_yields_everything_and_is_silent_headless(monkeypatch, capsys):
    monkeypatch.setenv("AIGC_HEADLESS", "1")
    assert list(runtime.progress(range(5), "训练")) == [0, 1, 2, 3, 4]
    assert list(runtime.progress([])) == []
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("AIGC_HEADLESS", "0")
    assert list(runtime.progress(iter("ab"), "训练", total=2)) == ["a", "b"]


def test_progress_drops_to_one_thread_when_steps_get_far_slower(capsys):
    runtime._threads = 2
    for k in runtime.progress(range(30), bar=False):
        time.sleep(0.001 if k < 12 else 0.03)
    assert runtime._threads == 1
    assert "已改用 1 个线程" in capsys.readouterr().err


def test_an_even_pace_changes_nothing(capsys):
    runtime._threads = 2
    for _ in runtime.progress(range(20), bar=False):
        time.sleep(0.001)
    assert runtime._threads == 2 and capsys.readouterr().err == ""


def test_cores_follow_the_container_quota(monkeypatch):
    monkeypatch.setattr(runtime, "_cgroup_quota", lambda: 1.5)
    assert runtime.usable_cores() == 1
    monkeypatch.setattr(runtime, "_cgroup_quota", lambda: 0.5)
    assert runtime.usable_cores() == 1
    monkeypatch.setattr(runtime, "_cgroup_quota", lambda: None)
    assert runtime.usable_cores() >= 1
