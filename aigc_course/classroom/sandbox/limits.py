"""What an answer may use, and which parts of the course it may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """Limits of one room.

    Attributes:
        seconds: wall time for one exercise, the learner's code and the judge together.
        total_seconds: processor time of a room before the kernel ends it.
        memory_mib: address space beyond what the warm parent has.
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
    """What is there to be imported. Everything else that could answer for the learner is not.

    Attributes:
        engine: ``aigc_course.engine`` and the parts built on it.
        torch: PyTorch, imported before the fork.
    """

    engine: bool = False
    torch: bool = False

    @staticmethod
    def of(allows: Iterable[str]) -> Kind:
        """The least that an exercise with these ``allows`` patterns needs.

        Example:
            >>> Kind.of(("aigc_course.engine.*",))
            Kind(engine=True, torch=False)
        """
        patterns = tuple(allows)
        return Kind(
            engine=any(p.startswith(("aigc_course.engine", "aigc_course.*")) for p in patterns),
            torch=any(p.split(".")[0] in ("torch", "torch*") for p in patterns),
        )

    def hidden(self) -> tuple[str, ...]:
        """Top-level names and parts of the course that cannot be imported."""
        names = ["scipy", "sklearn", "autograd", "jax", "tensorflow", "nbgrader", "distributed"]
        names += ["aigc_course.authoring", "aigc_course.models", "aigc_course.metrics"]
        if not self.engine:
            names += ["aigc_course.engine"]
        if not self.torch:
            names += ["torch", "torchvision", "torchaudio", "transformers", "safetensors"]
        return tuple(names)


def as_message(limits: Limits) -> dict[str, Any]:
    """``limits`` as plain numbers."""
    return asdict(limits)
