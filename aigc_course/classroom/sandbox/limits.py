"""What an answer may use, and which parts of the course it may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from aigc_course import policy


@dataclass(frozen=True)
class Limits:
    """Limits of one worker process.

    Attributes:
        seconds: wall time for one exercise, the learner's code and the judge together.
        total_seconds: processor time of a worker process before the kernel ends it.
        memory_mib: address space beyond what the fork server has.
        processes: processes and threads together, the first one included.
        file_mib: largest file an answer may write.
        tmp_mib: size of its private ``/tmp``.
        frame_mib: largest single value that may cross to the judge.
        traffic_mib: all that may cross in one exercise.
    """

    seconds: float = 10.0
    total_seconds: float = 60.0
    memory_mib: int = 1024
    processes: int = 4
    file_mib: int = 16
    tmp_mib: int = 64
    frame_mib: int = 64
    traffic_mib: int = 512

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"Limits.{name}: got {value!r}, wanted a number above 0")


@dataclass(frozen=True)
class Kind:
    """What is there to be imported besides what is open to every answer.

    Attributes:
        opens: packages of the course and libraries, by their dotted names.
    """

    opens: frozenset[str] = frozenset()

    @staticmethod
    def of(allows: Iterable[str], *more: str) -> Kind:
        """The least that an exercise with these ``allows`` patterns needs, and ``more``.

        Example:
            >>> Kind.of(("aigc_course.engine.*", "!aigc_course.engine.fit"))
            Kind(opens=frozenset({'aigc_course.engine'}))
        """
        return Kind(policy.opened(allows) | frozenset(more))


def as_message(limits: Limits) -> dict[str, Any]:
    """``limits`` as plain numbers."""
    return asdict(limits)
