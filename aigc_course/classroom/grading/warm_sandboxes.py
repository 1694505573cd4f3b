"""Warm sandboxes: one for each kind that is needed, started once and kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

from aigc_course.classroom.sandbox.limits import Kind, Limits
from aigc_course.errors import UserError

__all__ = ["Box", "Boxes", "Room", "Rooms"]


class Room(Protocol):
    """A confined child in which answers are defined and called."""

    @property
    def alive(self) -> bool: ...

    def answer(self, program: Any, name: str) -> Any: ...


class Box(Protocol):
    """What opens rooms: a ``Sandbox``, or a stand-in in tests."""

    def room(
        self, *, limits: Limits | None = None, allows: tuple[str, ...] = ()
    ) -> AbstractContextManager[Room]: ...


class Boxes:
    """The sandboxes of one grading process, by kind; one that has broken is started anew.

    Args:
        start: starts the sandbox of a kind; by default the real one.
    """

    def __init__(self, start: Callable[[Kind], AbstractContextManager[Box]]) -> None:
        self._start = start
        self._warm: dict[Kind, tuple[ExitStack, Box]] = {}

    @staticmethod
    def confined(unconfined: bool = False) -> Boxes:
        """Real sandboxes."""
        from aigc_course.classroom.sandbox.sandbox import Sandbox

        return Boxes(lambda kind: Sandbox(kind, unconfined=unconfined))

    def box(self, kind: Kind) -> Box:
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

    def __enter__(self) -> Boxes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Rooms:
    """The rooms of one submission: exercises that need the same share one while it lives.

    Opening a room costs a fork, so a submission of six exercises opens one, not six; after a stop
    the next exercise gets a new one. Use it as a context manager.
    """

    def __init__(self, boxes: Boxes | Box) -> None:
        self._boxes = boxes
        self._open: dict[tuple[Kind, Limits, tuple[str, ...]], tuple[ExitStack, Room]] = {}

    def room(self, kind: Kind, limits: Limits, allows: tuple[str, ...]) -> Room:
        """A live room of that kind with these limits."""
        if not (kind.engine or kind.torch):
            allows = ()  # nothing to call that is forbidden, so no room watches for it
        key = (kind, limits, allows)
        if key in self._open:
            stack, room = self._open[key]
            if room.alive:
                return room
            del self._open[key]
            stack.close()
        stack = ExitStack()
        try:
            room = self._enter(stack, kind, limits, allows)
        except BaseException:
            stack.close()
            raise
        self._open[key] = (stack, room)
        return room

    def _enter(self, stack: ExitStack, kind: Kind, limits: Limits, allows: tuple[str, ...]) -> Room:
        if not isinstance(self._boxes, Boxes):
            return stack.enter_context(self._boxes.room(limits=limits, allows=allows))
        try:
            return stack.enter_context(self._boxes.box(kind).room(limits=limits, allows=allows))
        except UserError:  # its warm parent is gone: once more with a new one
            self._boxes.discard(kind)
            return stack.enter_context(self._boxes.box(kind).room(limits=limits, allows=allows))

    def __enter__(self) -> Rooms:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            _, opened = self._open.popitem()
            opened[0].close()
