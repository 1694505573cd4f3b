"""Warm sandboxes: one for each kind that is needed, started once and kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

from aigc_course.classroom.sandbox.limits import Kind, Limits
from aigc_course.errors import UserError

__all__ = ["SandboxProtocol", "SubmissionWorkers", "WarmSandboxes", "WorkerProtocol"]


class WorkerProtocol(Protocol):
    """A confined worker process in which answers are defined and called."""

    @property
    def alive(self) -> bool: ...

    def answer(self, program: Any, name: str) -> Any: ...


class SandboxProtocol(Protocol):
    """What starts worker processes: a ``Sandbox``, or a stand-in in tests."""

    def worker(
        self, *, limits: Limits | None = None, allows: tuple[str, ...] = ()
    ) -> AbstractContextManager[WorkerProtocol]: ...


class WarmSandboxes:
    """The sandboxes of one grading process, by kind; one that has broken is started anew.

    Args:
        start: starts the sandbox of a kind; by default the real one.
    """

    def __init__(self, start: Callable[[Kind], AbstractContextManager[SandboxProtocol]]) -> None:
        self._start = start
        self._warm: dict[Kind, tuple[ExitStack, SandboxProtocol]] = {}

    @staticmethod
    def confined(unconfined: bool = False) -> WarmSandboxes:
        """Real sandboxes."""
        from aigc_course.classroom.sandbox.sandbox import Sandbox

        return WarmSandboxes(lambda kind: Sandbox(kind, unconfined=unconfined))

    def get(self, kind: Kind) -> SandboxProtocol:
        """The sandbox for ``kind``, started when it is first asked for."""
        if kind not in self._warm:
            stack = ExitStack()
            started = stack.enter_context(self._start(kind))
            self._warm[kind] = (stack, started)
        return self._warm[kind][1]

    def discard(self, kind: Kind) -> None:
        """Forget a sandbox that does not work any more; the next use starts another."""
        if kind in self._warm:
            self._warm.pop(kind)[0].close()

    def close(self) -> None:
        """End all of them."""
        while self._warm:
            _, warm = self._warm.popitem()
            warm[0].close()

    def __enter__(self) -> WarmSandboxes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SubmissionWorkers:
    """The worker processes of one submission: exercises that need the same share one.

    Starting a worker costs a fork, so a submission of six exercises starts one, not six; after a
    stop the next exercise gets a new one. Use it as a context manager.
    """

    def __init__(self, sandboxes: WarmSandboxes | SandboxProtocol) -> None:
        self._sandboxes = sandboxes
        self._open: dict[
            tuple[Kind, Limits, tuple[str, ...]], tuple[ExitStack, WorkerProtocol]
        ] = {}

    def worker(self, kind: Kind, limits: Limits, allows: tuple[str, ...]) -> WorkerProtocol:
        """A live worker of that kind with these limits."""
        if not kind.opens:
            allows = ()  # nothing to call that is forbidden, so no worker looks out for it
        key = (kind, limits, allows)
        if key in self._open:
            stack, worker = self._open[key]
            if worker.alive:
                return worker
            del self._open[key]
            stack.close()
        stack = ExitStack()
        try:
            worker = self._started(stack, kind, limits, allows)
        except BaseException:
            stack.close()
            raise
        self._open[key] = (stack, worker)
        return worker

    def _started(
        self, stack: ExitStack, kind: Kind, limits: Limits, allows: tuple[str, ...]
    ) -> WorkerProtocol:
        warm = self._sandboxes
        if not isinstance(warm, WarmSandboxes):
            return stack.enter_context(warm.worker(limits=limits, allows=allows))
        try:
            return stack.enter_context(warm.get(kind).worker(limits=limits, allows=allows))
        except UserError:  # its fork server is gone: once more with a new one
            warm.discard(kind)
            return stack.enter_context(warm.get(kind).worker(limits=limits, allows=allows))

    def __enter__(self) -> SubmissionWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            _, opened = self._open.popitem()
            opened[0].close()
