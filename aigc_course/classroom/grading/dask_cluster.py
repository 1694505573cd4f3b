"""Grading on a Dask cluster: the same function, the same marks, other machines.

Dask may run a task twice and may lose a worker in the middle of one. Neither matters: a task is a
pure function of its key, and the store keeps one result for each student. What a task must not do
is kill its worker; answers therefore run in the sandbox of the worker, never in the worker.

Between the machines everything is pickled, so the cluster must be your own: scheduler and workers
can run what they like as each other. The answers' processes have no network.
"""

from __future__ import annotations

import atexit
import hashlib
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aigc_course.classroom.grading.one_submission import digest_of
from aigc_course.classroom.grading.task import (
    Setup,
    Task,
    TaskOutcome,
    course_fingerprint,
    grade_task,
    ungraded_outcome,
)
from aigc_course.classroom.grading.warm_sandboxes import WarmSandboxes
from aigc_course.dask_client import connect
from aigc_course.errors import UserError

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["DaskCluster", "WrongCourse"]

KILLED_TRIES = 2  # each of them already means several workers lost under the same task
PER_THREAD = 3  # submissions on their way for each thread of the cluster
NO_WORKERS = 60.0  # seconds to wait for a worker to come back


class WrongCourse(Exception):
    """A worker has another version of the course, or no confinement."""


class DaskCluster:
    """A running Dask cluster as a place to grade.

    Args:
        setup: what is the same for all submissions.
        address: of the scheduler, such as ``tcp://10.0.0.5:8786``.
        wait: seconds to wait for the scheduler and its first worker.

    Raises:
        UserError: no scheduler or no worker answers, or a worker has another course.
    """

    def __init__(self, setup: Setup, address: str, wait: float = 15.0) -> None:
        self.setup = setup
        self.address = address
        self.client = connect(address, wait)
        try:
            self._check_workers(wait)
        except BaseException:
            self.client.close()
            raise

    def run(self, tasks: Iterator[Task]) -> Iterator[TaskOutcome]:
        """Outcomes as they come; a bounded number of submissions is on its way at a time."""
        from distributed import wait
        from distributed.client import FuturesCancelledError

        in_flight: dict[str, tuple[Future[bytes], Task]] = {}
        killed: Counter[str] = Counter()
        more, heard = True, time.monotonic()
        while True:
            capacity = PER_THREAD * max(1, self._threads())
            while more and len(in_flight) < capacity:
                task = next(tasks, None)
                if task is None:
                    more = False
                    break
                self._send(in_flight, task)
            if not in_flight:
                return
            try:
                with self.client.as_current():
                    futures = [future for future, _ in in_flight.values()]
                    done = wait(futures, timeout=2, return_when="FIRST_COMPLETED").done
            except FuturesCancelledError:
                raise self._connection_lost() from None
            except TimeoutError:
                self._check_progress(heard)
                continue
            heard = time.monotonic()
            for future in done:
                _, task = in_flight.pop(future.key)
                outcome = self._outcome(future, task, killed)
                if outcome is None:
                    self._send(in_flight, task)
                else:
                    yield outcome

    def close(self, *, at_once: bool = False) -> None:
        """Leave the cluster; what is still on its way is cancelled."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.client.close(timeout=2 if at_once else 10)

    def _send(self, in_flight: dict[str, tuple[Future[bytes], Task]], task: Task) -> None:
        key = _key(self.setup, task)
        future = self.client.submit(
            _grade, self.setup, task, course_fingerprint(), key=key, retries=2, pure=True
        )
        in_flight[key] = (future, task)

    def _outcome(
        self, future: Future[bytes], task: Task, killed: Counter[str]
    ) -> TaskOutcome | None:
        """The outcome of a finished task; None if it is to be sent again."""
        from distributed import CancelledError, KilledWorker

        try:
            return TaskOutcome.of_bytes(future.result(timeout=30))
        except KilledWorker:
            killed[task.student] += 1
            if killed[task.student] < KILLED_TRIES:
                return None
            return ungraded_outcome(self.setup, task, "评分进程一再中途没了")
        except WrongCourse as error:
            raise UserError(
                str(error), "在每台机器上装同一版课程，重启那里的 dask worker"
            ) from None
        except CancelledError:
            raise self._connection_lost() from None
        except Exception as error:
            return ungraded_outcome(self.setup, task, f"评分程序出错（{type(error).__name__}）")
        finally:
            future.release()

    def _threads(self) -> int:
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return sum(worker["nthreads"] for worker in workers.values())

    def _check_progress(self, heard: float) -> None:
        """Raises UserError when waiting on makes no sense."""
        silent = time.monotonic() - heard
        if self.client.status != "running" and silent > NO_WORKERS / 2:
            raise self._connection_lost()
        if silent > NO_WORKERS and not self._threads():
            raise UserError(
                f"集群 {self.address} 里没有工作进程了",
                "启动 dask worker 后再运行同一条命令，会接着批改；已有的成绩都在",
            )
        if silent > self.setup.patience * PER_THREAD:
            raise UserError(
                f"集群 {self.address} 已 {silent:.0f} 秒没有进展",
                "重启工作进程后再运行同一条命令，会接着批改；已有的成绩都在",
            )

    def _connection_lost(self) -> UserError:
        return UserError(
            f"与调度器 {self.address} 的连接断了",
            "调度器恢复后再运行同一条命令，会接着批改；已有的成绩都在",
        )

    def _check_workers(self, wait: float) -> None:
        """Do all workers have this course, and confinement?"""
        from distributed import TimeoutError as Late

        try:
            self.client.wait_for_workers(1, timeout=wait)
        except (Late, TimeoutError):
            raise UserError(
                f"集群 {self.address} 里没有工作进程", f"启动一个：dask worker {self.address}"
            ) from None
        try:
            answers = self.client.run(_worker_problem, course_fingerprint(), self.setup.unconfined)
        except Exception as error:
            raise UserError(
                f"集群的工作进程用不了这门课（{type(error).__name__}）",
                "在每台机器上装同一版课程，重启那里的 dask worker",
            ) from error
        for worker, problem in answers.items():
            if problem:
                raise UserError(
                    f"工作进程 {worker}：{problem}",
                    "在每台机器上装同一版课程，重启那里的 dask worker",
                )


def _key(setup: Setup, task: Task) -> str:
    """The same submission under the same settings has the same key, so it is done once."""
    asked = (setup.assignment.digest, task.exercise, setup.seed, setup.limits.text())
    parts = [task.student, digest_of(task.files, task.problems), *asked]
    return "aigc-grade-" + hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


# --- on the worker ---------------------------------------------------------------------------

_of_this_thread = threading.local()  # a conversation with a sandbox belongs to one thread
_opened: list[WarmSandboxes] = []


@atexit.register
def _close_all() -> None:
    while _opened:
        _opened.pop().close()


def _worker_problem(fingerprint: str, unconfined: bool) -> str:
    """What is wrong with this worker, or ""."""
    if course_fingerprint() != fingerprint:
        return f"课程的版本不同（{course_fingerprint()}，这里是 {fingerprint}）"
    if not unconfined:
        from aigc_course.classroom.sandbox.sandbox import Sandbox

        return Sandbox.available()
    return ""


def _grade(setup: Setup, task: Task, fingerprint: str) -> bytes:
    """Grade one submission in a Dask worker; its sandboxes stay warm for the next."""
    sandboxes: Any = getattr(_of_this_thread, "sandboxes", None)
    if sandboxes is None:
        # workers may join late: each is looked at before its first task
        problem = _worker_problem(fingerprint, setup.unconfined or setup.sandboxes is not None)
        if problem:
            raise WrongCourse(problem)
        sandboxes = _of_this_thread.sandboxes = setup.open_sandboxes()
        _opened.append(sandboxes)
    return grade_task(setup, task, sandboxes).to_bytes()
