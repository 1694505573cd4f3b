"""kill -9 at any moment, go on, and the weights are those of the run that nobody touched."""

import json
import os
import random
import subprocess
import sys
import time

import pytest
import torch

from aigc_course.training.loop import read_log
from tests.training import small_run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no fork there, and no SIGKILL")


class Server:
    """Starts processes that train; see :mod:`tests.training.small_run`."""

    def __init__(self, process):
        self.process = process

    def train(self, folder, kill_after=None, die_at=None):
        """The exit code of a new process: 0 at the end of the training, −9 after a kill."""
        order = {"folder": str(folder), "kill_after": kill_after, "die_at": die_at}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def server(repository):
    environment = {**os.environ, "AIGC_THREADS": "1", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.training.small_run"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
        cwd=repository, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        yield Server(process)
        process.stdin.close()


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """The folder of a run that nobody touched, and the seconds it took."""
    folder = tmp_path_factory.mktemp("whole")
    begun = time.perf_counter()
    assert server.train(folder) == 0
    return folder, time.perf_counter() - begun


def step_of(folder):
    """The step from which the run would go on; −1 before the first save."""
    pointer = folder / "last.json"
    return json.loads(pointer.read_text(encoding="utf-8"))["step"] if pointer.exists() else -1


def log_of(folder):
    records = read_log(folder / "log.jsonl")
    return [{k: v for k, v in one.items() if k != "seconds"} for one in records]


def same(folder, whole):
    """Bit for bit the same weights, last and best; the same log; nothing left lying about."""
    names = sorted(path.name for path in whole.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in ("last-00000024.safetensors", "best.safetensors"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert log_of(folder) == log_of(whole)


def test_killed_at_random_moments(server, whole, tmp_path):
    untouched, seconds = whole
    source, kills, from_steps, runs = random.Random(5), 0, [], 0
    while kills < 24:
        folder = tmp_path / str(runs)
        folder.mkdir()
        while True:
            from_steps.append(step_of(folder))
            ended = server.train(folder, kill_after=source.uniform(0, 0.9 * seconds))
            if ended == 0:
                break
            assert ended == -9
            kills += 1
        same(folder, untouched)
        runs += 1
    assert len(set(from_steps)) > 4, "some were killed early, some late"


def test_killed_before_each_file_is_moved(server, whole, tmp_path):
    """Also between the two files of a pair, and between a pair and what names it."""
    untouched, _ = whole
    count = 0
    while True:
        count += 1
        folder = tmp_path / str(count)
        ended = server.train(folder, die_at=count)
        if ended == 0:
            break
        assert ended == -9 and step_of(folder) < 24
        assert server.train(folder) == 0
        same(folder, untouched)
    # log, 9 pairs of which each takes 3 moves, and the best weights at least once
    assert count > 1 + 9 * 3 + 1


def test_the_process_itself_can_be_asked_in_here(whole, tmp_path):
    """What the two tests above compare is what a plain call computes."""
    one = small_run.trainer(tmp_path / "run")
    one.run(small_run.quiet)
    same(tmp_path / "run", whole[0])
    assert torch.isfinite(one.model[0].weight).all()
