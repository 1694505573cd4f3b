"""An answer behind the stand-in that grading uses, without a process of its own.

The two ends of ``aigc_course.classroom.sandbox`` talk over a socket pair, the answer's end in a
thread: what can cross and what comes back is as in grading, but tests may hand over any object.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import numpy as np

from aigc_course.classroom.sandbox.proxies import Session
from aigc_course.classroom.sandbox.worker import Inside
from aigc_course.exercises import judge
from aigc_course.judging import given
from aigc_course.judging.core import Result

MiB = 1 << 20


def judge_across(number: str, answer: Any, seed: int | None = None) -> tuple[Result, int]:
    """The result of judging ``answer`` from the other side, and how many questions it took."""
    here, there = socket.socketpair()
    inside = Inside(there, frame=64 * MiB, given=given)

    def serve() -> None:
        with np.errstate(all="ignore"):  # each thread has its own; the judge sets it too
            inside.peer.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    session = Session(here, seconds=60, frame=64 * MiB, traffic=512 * MiB)
    asked = [0]

    def counted(call: Any) -> Any:
        def counting(*args: Any) -> Any:
            asked[0] += 1
            return call(*args)

        return counting

    session.peer.ask = counted(session.peer.ask)  # type: ignore[method-assign]
    session.peer.serve = counted(session.peer.serve)
    try:
        result = judge(number, session.decode(inside.coder.encode(answer)), seed=seed)
    finally:
        here.close()
        thread.join(timeout=5)
        there.close()
    return result, asked[0]


def assert_same_across(number: str, answer: Any, seed: int | None = 0) -> None:
    """The judge says the same of ``answer`` from the other side, in a bearable number of asks."""
    local = judge(number, answer, seed=seed)
    result, asked = judge_across(number, answer, seed)
    told = [(step.ok, step.label, step.hint, step.weight) for step in local.steps]
    assert result.status == local.status, f"here:\n{local}\nacross:\n{result}"
    assert [(s.ok, s.label, s.hint, s.weight) for s in result.steps] == told, str(result)
    assert result.score == local.score
    assert asked < 1_500
