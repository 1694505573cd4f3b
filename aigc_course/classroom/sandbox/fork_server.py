"""The warm parent: imports once, then forks a confined child for each room.

Started by :mod:`.sandbox` inside bubblewrap as a script, with one socket.
It never runs a line of a learner's code and must stay single-threaded: a fork of a process whose
numerical libraries have threads leaves children that hang.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import json
import os
import select
import signal
import socket
import sys
from types import ModuleType
from typing import Any


def main(control: socket.socket) -> None:
    """Serve orders until the other end closes."""
    setup = json.loads(control.recv(1 << 20))
    try:
        inside, settings = warm(setup)
    except BaseException as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        raise
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens are reaped by the kernel
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
                warden(json.loads(message), files[0], files[1], inside, settings)
            finally:
                os._exit(70)
        for file in files:
            os.close(file)


def warm(setup: dict[str, Any]) -> tuple[ModuleType, dict[str, Any]]:
    """Import what answers need, put stubs where judges would be, hide the rest."""
    sys.path[:] = setup["path"]
    for name in setup["imports"]:
        importlib.import_module(name)
    if "torch" in setup["imports"]:
        import torch

        torch.set_num_threads(1)
    inside = importlib.import_module("aigc_course.classroom.sandbox.worker")
    exercises = ModuleType("aigc_course.exercises")
    exercises.__path__ = []
    exercises.__dict__.update(
        check=lambda *a, **k: None,
        hint=lambda *a, **k: None,
        solution=lambda *a, **k: None,
        use=lambda id, mine, *, otherwise=None: mine,
    )
    exercises.__getattr__ = _stub  # type: ignore[method-assign]
    sys.modules["aigc_course.exercises"] = exercises
    modules = {}
    for name, source in setup["modules"].items():
        module = ModuleType(f"aigc_course.judging.{name}")
        module.__file__ = os.path.join(setup["judging"], f"{name}.py")
        sys.modules[module.__name__] = module
        # under its real name, so that its own lines are not taken for a learner's
        exec(compile(source, module.__file__, "exec"), module.__dict__)
        modules[name] = module
    sys.meta_path.insert(0, Hidden(tuple(setup["hidden"]), inside.Refused))
    return inside, modules


def _stub(name: str) -> Any:
    """``ex03`` and the like: names that lessons mention and answers must not use."""
    if not name.startswith("ex"):
        raise AttributeError(name)
    module = ModuleType(f"aigc_course.exercises.{name}")

    def attribute(inner: str) -> Any:
        if inner.startswith("__"):
            raise AttributeError(inner)
        raise sys.modules["aigc_course.classroom.sandbox.worker"].Refused(
            f"练习要自己写：用了课程库的 {name}.{inner}"
        )

    module.__getattr__ = attribute  # type: ignore[method-assign]
    return module


class Hidden(importlib.abc.MetaPathFinder):
    """Refuses to import what could answer for the learner, and says so."""

    def __init__(self, names: tuple[str, ...], error: type[Exception]) -> None:
        self.names, self.error = names, error

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if any(name == hidden or name.startswith(hidden + ".") for hidden in self.names):
            raise self.error(f"这道练习不能用 {name}")


def warden(
    order: dict[str, Any], data: int, control: int, inside: Any, settings: dict[str, Any]
) -> None:
    """Fork the inmate, wait for its end or for the word to end it, and report how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line = socket.socket(fileno=control)
    if order["confined"]:
        from aigc_course.classroom.sandbox import confine

        try:
            confine.separate(order["as_root"])
        except OSError as error:
            line.send(json.dumps({"refused": str(error)}).encode())
            os._exit(71)
    inmate = os.fork()
    if inmate == 0:
        try:
            live(order, data, line, inside, settings)
        finally:
            os._exit(0)
    os.close(data)
    ended = os.pidfd_open(inmate) if hasattr(os, "pidfd_open") else -1
    waiting = select.poll()
    waiting.register(line, select.POLLIN | select.POLLHUP)
    if ended >= 0:
        waiting.register(ended, select.POLLIN)
    told = False
    while True:
        events = dict(waiting.poll(None if ended >= 0 else 50))
        if ended in events or (ended < 0 and os.waitid(os.P_PID, inmate, _LOOK) is not None):
            break
        if line.fileno() in events:
            told = True
            break
    end(inmate, order["confined"])
    _, status, usage = os.wait4(inmate, 0)
    code = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    report = {"status": code, "told": told, "cpu": cpu, "peak_kib": usage.ru_maxrss}
    with contextlib.suppress(OSError):
        line.send(json.dumps(report).encode())
    os._exit(0)


_LOOK = getattr(os, "WEXITED", 0) | getattr(os, "WNOHANG", 0) | getattr(os, "WNOWAIT", 0)


def end(inmate: int, confined: bool) -> None:
    """Kill the inmate; in its own namespace all it started dies with it."""
    if not confined:
        with contextlib.suppress(OSError):
            os.killpg(inmate, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(inmate, signal.SIGKILL)


def live(
    order: dict[str, Any], data: int, line: socket.socket, inside: Any, settings: dict[str, Any]
) -> None:
    """Become the learner's process."""
    from aigc_course.classroom.sandbox import confine

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    null = os.open("/dev/null", os.O_RDWR)
    try:
        if order["confined"]:
            confine.enter(order)
        else:
            confine.limit(order | {"processes": 4096}, confine.address_space())
    except OSError as error:
        line.send(json.dumps({"refused": str(error)}).encode())
        os._exit(71)
    for target in (0, 1, 2):
        os.dup2(null, target)
    if data != 3:
        os.dup2(data, 3)
    os.closerange(4, 4096)
    sock = socket.socket(fileno=3)
    tripwire = None
    forbidden = settings.get("forbidden")
    if forbidden is not None and order["watch"]:
        allows = tuple(order["allows"])

        def tripwire() -> Any:
            return forbidden.Tripwire(allows)

    inside.serve(sock, frame=order["frame"], monitor=tripwire)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
