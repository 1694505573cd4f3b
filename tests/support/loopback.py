"""An answer at the other end of a socket, as in grading, but without a process or a sandbox.

The answer's end is served by a thread of this process, so tests may put any object there; what
can cross, and what comes back, is as in grading.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import numpy as np

from aigc_course.classroom.sandbox.proxies import Session
from aigc_course.classroom.sandbox.worker import AnswerServer
from aigc_course.exercises import judge
from aigc_course.judging.core import Result

_FRAME, _TRAFFIC = 64 << 20, 1 << 30
_MAX_QUESTIONS = 1_500  # both ways together; each costs a judge in another process some 0.1 ms


class Loopback:
    """One conversation.

    Attributes:
        answer: what a judge gets in place of the answer.
        session: the judge's end.
        questions: asked so far, by either side.
    """

    def __init__(self, answer: Any) -> None:
        self.questions = 0
        self._judge_end, self._answer_end = socket.socketpair()
        server = AnswerServer(self._answer_end, frame=_FRAME)
        self._thread = threading.Thread(target=self._serve, args=(server,), daemon=True)
        self._thread.start()
        self.session = Session(self._judge_end, seconds=60, frame=_FRAME, traffic=_TRAFFIC)
        connection = self.session.connection
        connection.request = self._counted(connection.request)  # type: ignore[method-assign]
        connection.serve = self._counted(connection.serve)
        self.answer = self.session.decode(server.coder.encode(answer))

    @staticmethod
    def _serve(server: AnswerServer) -> None:
        # each thread has an error state of its own; judges set theirs too
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            server.connection.run()

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any) -> Any:
            self.questions += 1
            return call(*args)

        return counting

    def close(self) -> None:
        self.session.alive = False
        self._judge_end.close()
        self._thread.join(timeout=5)
        self._answer_end.close()


@contextlib.contextmanager
def proxied(answer: Any) -> Iterator[Any]:
    """What a judge gets in place of ``answer``, whose conversation ends with the block."""
    with contextlib.closing(Loopback(answer)) as loopback:
        yield loopback.answer


def judge_remotely(number: str, answer: Any, seed: int | None = None) -> tuple[Result, int]:
    """The result of judging ``answer`` from the other side, and how many questions it took.

    A judge that hands its own generator of random numbers to the answer fails the test: the
    answer could choose its later cases.
    """
    generators: list[np.random.Generator] = []
    default_rng = np.random.default_rng

    def noted(*args: Any) -> np.random.Generator:
        generators.append(default_rng(*args))
        return generators[-1]

    with contextlib.closing(Loopback(answer)) as loopback:
        coder = loopback.session.coder
        number_of = coder.number_of

        def looked_at(value: Any) -> int | None:
            assert value is not generators[0], "the judge gave its own generator away"
            return number_of(value)

        coder.number_of = looked_at
        with mock.patch.object(np.random, "default_rng", noted):  # the first is the judge's own
            result = judge(number, loopback.answer, seed=seed)
        return result, loopback.questions


def assert_same_remotely(number: str, answer: Any, seeds: Iterable[int | None] = (0,)) -> None:
    """The judge says the same of ``answer`` from the other side, in a bearable number of asks."""
    for seed in seeds:
        here = judge(number, answer, seed=seed)
        there, questions = judge_remotely(number, answer, seed)
        told = f"seed {seed}\nhere:\n{here}\nremotely:\n{there}"
        assert (there.status, there.steps, there.score) == (here.status, here.steps, here.score), (
            told
        )
        assert questions < _MAX_QUESTIONS, told
