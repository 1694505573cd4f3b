"""A class on a real Dask cluster of two processes: lost workers, doubled deliveries, one result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aigc_course.classroom.grading import dask_cluster
from aigc_course.classroom.grading.dask_cluster import DaskCluster
from aigc_course.classroom.grading.options import GradeOptions
from aigc_course.classroom.grading.task import Setup, Task
from aigc_course.classroom.grading.whole_class import Summary, grade_class
from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.store import Store
from aigc_course.errors import UserError
from tests.support import graded_class
from tests.support.graded_class import (
    PS1,
    RIGHT,
    RIGHT_BOOK,
    WRONG_BOOK,
    course,
    fake_sandboxes,
    notebook,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="SIGKILL"),
    # of the library: left behind when a worker is killed in the middle of a message
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SLOW = notebook(
    {
        **RIGHT,
        "03.2": RIGHT["03.2"].replace(
            "    return", "    import time; time.sleep(0.02)\n    return"
        ),
    }
)


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    root = str(Path(graded_class.__file__).parents[2])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def worker(address: str, folder: Path) -> subprocess.Popen[bytes]:
    # without a nanny: one that is killed stays away, and no process is left behind
    return start(
        "dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
        "--local-directory", str(folder), "--death-timeout", "60",
    )  # fmt: skip


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    file = folder / "scheduler.json"
    running = [
        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
              "--scheduler-file", str(file))
    ]  # fmt: skip
    try:
        for _ in range(600):
            if file.exists() and file.read_text(encoding="utf-8").rstrip().endswith("}"):
                break
            time.sleep(0.1)
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
        running += [worker(address, folder / f"w{k}") for k in range(workers)]
        yield address, running[1:]
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def grade(root: Path, address: str, listener: object = None) -> Summary:
    order = GradeOptions(root / "submitted", scheduler=address, seed=7, unconfined=True)

    def runner(setup: Setup) -> DaskCluster:
        fakes = Setup(setup.assignment, setup.seed, setup.limits, sandboxes=fake_sandboxes)
        return DaskCluster(fakes, address, wait=60)

    return grade_class(order, listener, runner)  # type: ignore[arg-type]


class Killer:
    """Kills a worker when the third result is in."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.steps: list[str] = []

    def start(self, total: int, done: object) -> None:
        self.total = total

    def note(self, text: str) -> None:
        raise AssertionError(text)

    def step(self, mark: SubmissionMark) -> None:
        self.steps.append(mark.student)
        if len(self.steps) == 3:
            self.process.send_signal(signal.SIGKILL)


def test_a_worker_killed_in_mid_run_costs_nobody_a_result(tmp_path: Path) -> None:
    students = {f"s{k:02d}": SLOW if k % 2 else WRONG_BOOK for k in range(24)}
    course(tmp_path, students)
    with cluster(tmp_path) as (address, workers):
        killer = Killer(workers[0])
        summary = grade(tmp_path, address, killer)
    assert workers[0].returncode == -signal.SIGKILL
    assert sorted(killer.steps) == sorted(students)
    assert summary.marks == {"graded": 24}
    assert summary.ungraded == []
    with Store(tmp_path) as store:
        marks = {mark.student: mark.score for mark in store.marks("ps1")}
        assert all(store.history("ps1", student) == [] for student in students)
    assert {s for s, score in marks.items() if score == 10.0} == {
        s for s, book in students.items() if book is SLOW
    }


def test_one_that_kills_its_workers_is_given_up_and_doubled_tasks_are_one(
    tmp_path: Path,
) -> None:
    kill = RIGHT["03.1"].replace("dz = 2", "KILL = 'always'\n    dz = 2")
    students = {"killer": notebook({"03.1": kill})}
    setup = Setup(PS1, 7, unconfined=True, sandboxes=fake_sandboxes)
    with cluster(tmp_path, workers=9) as (address, _):
        place = DaskCluster(setup, address, wait=60)
        same = Task("s1", {"03_backprop": RIGHT_BOOK})
        tasks = [same, Task("killer", {"03_backprop": students["killer"]})]
        outcomes = {outcome.mark.student: outcome.mark for outcome in place.run(iter(tasks))}
        keys = {
            dask_cluster._key(setup, task)
            for task in (same, Task("s1", {"03_backprop": RIGHT_BOOK}))
        }
        place.close()
    assert outcomes["s1"].score == 10.0
    assert outcomes["killer"].status == "crashed"
    assert outcomes["killer"].score is None
    assert len(keys) == 1


def test_no_scheduler_no_worker_and_another_course_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = Setup(PS1, 7, unconfined=True, sandboxes=fake_sandboxes)
    with pytest.raises(UserError, match="连不上调度器"):
        DaskCluster(setup, "tcp://127.0.0.1:9", wait=1)
    with cluster(tmp_path, workers=0) as (address, _):
        with pytest.raises(UserError, match="没有工作进程"):
            DaskCluster(setup, address, wait=1)
        late = worker(address, tmp_path / "late")
        try:
            place = DaskCluster(setup, address, wait=60)
            monkeypatch.setattr(dask_cluster, "course_fingerprint", lambda: "another")
            with pytest.raises(UserError, match="版本不同"):
                DaskCluster(setup, address, wait=60)
            # a worker that joins later is looked at before its first task
            with pytest.raises(UserError, match="版本不同"):
                list(place.run(iter([Task("s1", {"03_backprop": RIGHT_BOOK})])))
            place.close()
        finally:
            late.kill()
            late.wait()
