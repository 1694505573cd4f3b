"""A small assignment, answers to it, and sandboxes that only pretend: for the tests of grading.

Importable in the processes that the tests start, too.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.record import (
    AskedExercise,
    AskedNotebook,
    AskedOpen,
    Assignment,
)
from aigc_course.classroom.grading.warm_sandboxes import WarmSandboxes
from aigc_course.classroom.sandbox.rpc import NotDefined
from aigc_course.judging.core import Stopped

STUB = '# 在这里写你的代码，写好后删掉下一行\nraise NotImplementedError("还没作答")'

RIGHT = {
    "03.1": """import math
def neuron_backward(w, x, b, y):
    z = w * x + b
    s = 1 / (1 + math.exp(-z))
    dz = 2 * (z * s - y) * (s + z * s * (1 - s))
    return dz * x, dz * w, dz
""",
    "03.2": """def linear_backward(dy, x, W):
    return dy @ W, dy.T @ x, dy.sum(axis=0)
""",
    "01.1": """import numpy as np
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
""",
}
WRONG = "def linear_backward(dy, x, W):\n    return dy @ W, x.T @ dy, dy.sum(axis=0)\n"


def asked(id: str, defines: str, points: float) -> AskedExercise:
    dashed = id.replace(".", "-")
    return AskedExercise(
        id,
        f"练习 {id}",
        points,
        f"ex-{dashed}",
        f"check-{dashed}",
        defines,
        STUB,
        RIGHT.get(id, ""),
    )


BACKPROP = AskedNotebook(
    "03_backprop",
    "03",
    (asked("03.1", "neuron_backward", 4.0), asked("03.2", "linear_backward", 6.0)),
    (AskedOpen("03.q1", 5.0, "open-03-q1", "为什么？", "因为……", "（在这里写你的回答）"),),
)
PS1 = Assignment("ps1", (BACKPROP,), due="2026-11-01T23:59:00+08:00", course_version="0.1.0")


def notebook(answers: dict[str, str], opened: str = "（在这里写你的回答）") -> bytes:
    """A handed-in ``03_backprop``: answers by exercise, the stub where there is none."""
    cells: list[dict[str, Any]] = [_cell("intro", "# 03", "markdown")]
    for ex in BACKPROP.exercises:
        cells.append(_cell(ex.answer_cell, answers.get(ex.id, STUB)))
        cells.append(_cell(ex.check_cell, f'check("{ex.id}", {ex.defines})'))
    cells.append(_cell("open-03-q1", opened, "markdown"))
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=False).encode()


def _cell(id: str, source: str, kind: str = "code") -> dict[str, Any]:
    cell: dict[str, Any] = {"id": id, "cell_type": kind, "metadata": {}, "source": source}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


RIGHT_BOOK = notebook(RIGHT)
WRONG_BOOK = notebook({**RIGHT, "03.2": WRONG})


def course(root: Path, students: dict[str, bytes], assignment: Assignment = PS1) -> Path:
    """A course folder with submissions in nbgrader's layout; returns ``submitted/``."""
    assignment.save(root)
    submitted = root / "submitted"
    submitted.mkdir(exist_ok=True)
    for student, book in students.items():
        hand_in(submitted, student, book)
    return submitted


def hand_in(submitted: Path, student: str, book: bytes) -> Path:
    folder = submitted / student / "ps1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "timestamp.txt").write_text("2026-11-01 12:00:00 UTC", encoding="utf-8")
    path = folder / "03_backprop.ipynb"
    path.write_bytes(book)
    return path


# --- sandboxes that only pretend -----------------------------------------------------------------


class FakeWorker:
    """Runs answers right here. Comments in them say what is to happen."""

    alive = True

    def answer(self, program: Any, name: str) -> Any:
        source = "\n".join(chunk.source for chunk in program)
        for status in ("timeout", "memory", "crashed", "refused"):
            if f"STOP = '{status}'" in source:
                self.alive = False
                raise Stopped(status, f"停于 {status}")
        if "KILL = 'always'" in source:
            os.kill(os.getpid(), signal.SIGKILL)
        if "KILL = 'once'" in source:
            marker = Path(os.environ["KILL_MARKER"])
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        namespace: dict[str, Any] = {}
        for chunk in program:
            exec(compile(chunk.source, chunk.filename, "exec"), namespace)
        if name not in namespace:
            raise NotDefined(name)
        return namespace[name]


class FakeSandbox:
    """Counts the worker processes it would have started."""

    def __init__(self) -> None:
        self.workers = 0

    def __enter__(self) -> FakeSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    @contextmanager
    def worker(self, **_: Any) -> Iterator[FakeWorker]:
        self.workers += 1
        yield FakeWorker()


def fake_sandboxes() -> WarmSandboxes:
    return WarmSandboxes(lambda kind: FakeSandbox())
