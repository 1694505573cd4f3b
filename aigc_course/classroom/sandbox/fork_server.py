"""The fork server: imports once, then forks a confined worker process for each learner.

Started by :mod:`.sandbox` inside bubblewrap as a script, with one socket. It never runs a line of
a learner's code and must stay single-threaded: a fork of a process whose numerical libraries have
threads leaves children that hang.

Between it and a worker stands a supervisor, which sees how the worker ends and ends it when asked.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import importlib.abc
import json
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from types import ModuleType
from typing import Any


def main(control: socket.socket) -> None:
    """Serve requests until the other end closes."""
    try:
        prepare(json.loads(control.recv(1 << 20)))
    except BaseException as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        raise
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader to handle
    gc.collect()
    gc.freeze()  # shared pages stay shared
    control.send(json.dumps({"ready": True}).encode())
    while True:
        message, files, _, _ = socket.recv_fds(control, 1 << 16, 2)
        if not message:
            os._exit(0)
        if len(files) == 2 and os.fork() == 0:
            try:
                control.close()
                supervise(json.loads(message), *files)
            finally:
                os._exit(70)
        for file in files:
            os.close(file)


def prepare(setup: dict[str, Any]) -> None:
    """Import what answers and the worker need, then close the rest."""
    sys.path[:] = setup["path"]
    # only a worker has a folder to write to; what asks for one on being imported is given its name
    tempfile.tempdir = "/tmp"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.tempdir)
    for name in setup["imports"]:
        importlib.import_module(name)
    tempfile.tempdir = None
    if "torch" in setup["imports"]:
        import torch

        torch.set_num_threads(1)
    from aigc_course import policy
    from aigc_course.classroom.sandbox.worker import Refused

    for name in policy.WORKER:
        importlib.import_module(f"{policy.COURSE}.{name}")
    sys.modules["aigc_course.exercises"] = _exercises(Refused)
    present = functools.partial(policy.is_present, opens=frozenset(setup["opens"]))
    sys.meta_path.insert(0, ClosedModules(present, Refused))


def _exercises(refused: type[Exception]) -> ModuleType:
    """What the set-up code of lessons imports of the exercises; nothing in it judges or answers."""

    def of_chapter(name: str, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise refused(f"练习要自己写：用了课程库的 {name}.{attribute}")

    def chapter(name: str) -> ModuleType:
        if not name.startswith("ex"):
            raise AttributeError(name)
        module = ModuleType(f"{exercises.__name__}.{name}")
        module.__getattr__ = functools.partial(of_chapter, name)  # type: ignore[method-assign]
        return module

    exercises = ModuleType("aigc_course.exercises")
    exercises.__path__ = []
    exercises.__dict__.update(
        check=lambda *a, **k: None,
        hint=lambda *a, **k: None,
        solution=lambda *a, **k: None,
        use=lambda id, mine, *, otherwise=None: mine,
        __getattr__=chapter,
    )
    return exercises


class ClosedModules(importlib.abc.MetaPathFinder):
    """Refuses to import what policy closes, and says so; the files are not there either."""

    def __init__(self, is_present: Callable[[str], bool], error: type[Exception]) -> None:
        self.is_present, self.error = is_present, error

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if not self.is_present(name):
            raise self.error(f"这道练习不能用 {name}")


def supervise(request: dict[str, Any], data: int, control: int) -> None:
    """Fork the worker, wait for its end or for the word to end it, and report how it ended.

    Args:
        request: limits, confinement and what is monitored; see ``Sandbox.worker``.
        data: socket of the conversation with the judge, for the worker.
        control: socket on which the sandbox asks for the end and is told of it.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reports = socket.socket(fileno=control)
    if request["confined"]:
        from aigc_course.classroom.sandbox import confine

        try:
            confine.separate(request["as_root"])
        except OSError as error:
            reports.send(json.dumps({"refused": str(error)}).encode())
            os._exit(71)
    worker = os.fork()
    if worker == 0:
        try:
            run_worker(request, data, reports)
        finally:
            os._exit(0)
    os.close(data)
    asked = wait_for_end(worker, reports)
    end(worker, request["confined"])
    _, status, usage = os.wait4(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    report = {"status": code, "asked": asked, "cpu": cpu, "peak_kib": usage.ru_maxrss}
    with contextlib.suppress(OSError):
        reports.send(json.dumps(report).encode())
    os._exit(0)


def wait_for_end(worker: int, reports: socket.socket) -> bool:
    """Wait until the worker has ended, or until it is to be ended: then True."""
    ended = os.pidfd_open(worker) if hasattr(os, "pidfd_open") else -1
    waiting = select.poll()
    waiting.register(reports, select.POLLIN | select.POLLHUP)
    if ended >= 0:
        waiting.register(ended, select.POLLIN)
    while True:
        events = dict(waiting.poll(None if ended >= 0 else 50))
        if ended in events or (ended < 0 and os.waitid(os.P_PID, worker, _LOOK) is not None):
            return False
        if reports.fileno() in events:
            return True


_LOOK = getattr(os, "WEXITED", 0) | getattr(os, "WNOHANG", 0) | getattr(os, "WNOWAIT", 0)


def end(worker: int, confined: bool) -> None:
    """Kill the worker; in its own namespace all it started dies with it."""
    if not confined:
        with contextlib.suppress(OSError):
            os.killpg(worker, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(worker, signal.SIGKILL)


def run_worker(request: dict[str, Any], data: int, reports: socket.socket) -> None:
    """Give up what a learner's code must not have, and serve the judge."""
    from aigc_course.classroom.sandbox import confine, worker
    from aigc_course.judging.forbidden import CallMonitor

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    null = os.open("/dev/null", os.O_RDWR)
    try:
        if request["confined"]:
            confine.enter(request)
        else:
            confine.limit(request | {"processes": 4096}, confine.address_space())
    except OSError as error:
        reports.send(json.dumps({"refused": str(error)}).encode())
        os._exit(71)
    for target in (0, 1, 2):
        os.dup2(null, target)
    if data != 3:
        os.dup2(data, 3)
    os.closerange(4, 4096)
    monitor = functools.partial(CallMonitor, tuple(request["allows"]))
    worker.serve(
        socket.socket(fileno=3),
        frame=request["frame"],
        monitor=monitor if request["monitored"] else None,
    )


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
