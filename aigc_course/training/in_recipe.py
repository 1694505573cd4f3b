"""A :class:`~aigc_course.training.loop.Trainer` at work inside a recipe of ``aigc train``."""

from __future__ import annotations

from aigc_course.training.loop import Trainer, TrainResult
from aigc_course.training.recipe import Progress, RunFolder

__all__ = ["train_in"]


def train_in(out: RunFolder, trainer: Trainer, progress: Progress) -> TrainResult:
    """Train to the end in the recipe's folder, or from where it was stopped.

    The trainer keeps its own checkpoints; the run's clock is told of the time of earlier processes.

    Raises:
        KeyboardInterrupt: stopped by the user; the same command goes on from there.
    """
    result = trainer.run(progress)
    out.seconds += trainer.seconds
    if result.ended == "interrupted":
        raise KeyboardInterrupt
    return result
