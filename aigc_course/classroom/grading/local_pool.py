"""Grading on this machine: a few processes, each with its own warm sandboxes.

Not ``concurrent.futures``: there a process that dies takes every waiting task with it. Here it
takes its own submission only, which is tried again in a new process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from aigc_course.classroom.grading.task import (
    TRIES,
    Setup,
    Task,
    TaskOutcome,
    grade_task,
    ungraded_outcome,
)

__all__ = ["LocalPool", "default_workers"]

_CONTEXT = multiprocessing.get_context("spawn")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "AIGC_THREADS")


def default_workers() -> int:
    """One for each processor this process may use, at most 8."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(usable or 1, 8))


class LocalPool:
    """Processes that grade; use :meth:`run` once, then :meth:`close`.

    Args:
        setup: what is the same for all submissions.
        workers: how many processes.
    """

    def __init__(self, setup: Setup, workers: int) -> None:
        self.setup = setup
        self.size = workers
        self._workers: list[_Worker] = []

    def run(self, tasks: Iterator[Task]) -> Iterator[TaskOutcome]:
        """Each worker has one submission at a time, so no more than that are in memory."""
        again: deque[Task] = deque()
        tries: Counter[str] = Counter()
        more = True
        while True:
            for slot in range(self.size):
                if slot < len(self._workers) and self._workers[slot].task is not None:
                    continue
                task = again.popleft() if again else (next(tasks, None) if more else None)
                if task is None:
                    more = more and bool(again)
                    break
                if slot == len(self._workers):
                    self._workers.append(_Worker(self.setup))
                self._workers[slot].give(task)
            busy = [worker for worker in self._workers if worker.task is not None]
            if not busy:
                return
            wait([thing for worker in busy for thing in worker.signals()], timeout=1.0)
            for worker in busy:
                task = worker.task
                assert task is not None
                state = worker.look(self.setup.patience)
                if isinstance(state, TaskOutcome):
                    yield state
                elif state:
                    self._workers[self._workers.index(worker)] = _Worker(self.setup)
                    tries[task.student] += 1
                    if tries[task.student] < TRIES and state != "hangs":
                        again.append(task)
                    else:
                        yield ungraded_outcome(self.setup, task, _WHY[state])

    def close(self, *, at_once: bool = False) -> None:
        for worker in self._workers:
            worker.end(at_once)
        for worker in self._workers:
            worker.gone()
        self._workers.clear()


_WHY = {
    "died": f"评分进程中途没了，试了 {TRIES} 次",
    "hangs": "评分进程没有响应，已结束它",
}


class _Worker:
    """A process and the submission it has."""

    def __init__(self, setup: Setup) -> None:
        self._conn, theirs = _CONTEXT.Pipe()
        with _one_thread():
            self._process = _CONTEXT.Process(target=_serve, args=(theirs, setup), daemon=True)
            self._process.start()
        theirs.close()  # or its end would not be noticed
        self.task: Task | None = None
        self._since = 0.0

    def give(self, task: Task) -> None:
        self.task, self._since = task, time.monotonic()
        with contextlib.suppress(OSError):  # it has died: look() will see
            self._conn.send(task)

    def signals(self) -> list[Any]:
        return [self._conn, self._process.sentinel]

    def look(self, patience: float) -> TaskOutcome | str:
        """The outcome; or "died" or "hangs"; or "" while it works."""
        try:
            if self._conn.poll():
                outcome = TaskOutcome.of_bytes(self._conn.recv_bytes())
                self.task = None
                return outcome
            if self._process.is_alive():
                if time.monotonic() - self._since < patience:
                    return ""
                self.end(at_once=True)
                self.gone()
                return "hangs"
        except (OSError, EOFError):
            pass
        self.end(at_once=True)
        self.gone()
        return "died"

    def end(self, at_once: bool) -> None:
        if not at_once:
            with contextlib.suppress(OSError):
                self._conn.send(None)
        else:
            self._process.terminate()

    def gone(self) -> None:
        """Wait until it is gone, and see to it."""
        for step in (lambda: None, self._process.terminate, self._process.kill):
            step()
            self._process.join(5)
            if self._process.exitcode is not None:
                break
        self._conn.close()
        self._process.close()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Children started in here use one thread each: the processes are the parallelism."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(conn: Connection, setup: Setup) -> None:
    """The life of a worker: grade what comes, until told to end or the main process is gone."""
    # Ctrl-C goes to every process of the terminal; the main one decides what becomes of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    with setup.open_sandboxes() as sandboxes, conn:
        while True:
            try:
                task = conn.recv()
            except (EOFError, OSError):
                return
            if task is None:
                return
            outcome = grade_task(setup, task, sandboxes)
            try:
                conn.send_bytes(outcome.to_bytes())
            except OSError:
                return


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # by the way of every context manager, so that no child stays
