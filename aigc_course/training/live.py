"""The curves of a run's log, drawn while it is written.

A :class:`LivePlot` is a progress bar that also draws::

    trainer.run(LivePlot(trainer.folder / LOG, alt="训练损失一路下降"))

The picture stands below the cell and is replaced while training goes on; after it, the last one
stays there like any other picture.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from aigc_course import plots, runtime
from aigc_course.plots.display import check_alt, emit, png
from aigc_course.training.loop import read_log
from aigc_course.training.recipe import Progress

__all__ = ["LivePlot", "curves_of"]

Points = tuple[list[int], list[float]]


def curves_of(log: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Points]:
    """Curves from the records of a log, for :func:`aigc_course.plots.learning_curves`.

    Args:
        log: records as from :func:`~aigc_course.training.loop.read_log`.
        names: key in the records → name of the curve; a key that no record has is left out.

    Returns:
        Name → (steps, values).

    Example:
        >>> log = [{"step": 10, "loss": 2.0}, {"step": 10, "val_loss": 2.1}]
        >>> curves_of(log, {"loss": "训练", "val_loss": "验证", "lr": "学习率"})
        {'训练': ([10], [2.0]), '验证': ([10], [2.1])}
    """
    found: dict[str, Points] = {}
    for record in log:
        for key in names.keys() & record.keys():
            steps, values = found.setdefault(key, ([], []))
            steps.append(record["step"])
            values.append(record[key])
    return {names[key]: found[key] for key in names if key in found}


class LivePlot:
    """A progress bar for :meth:`aigc_course.training.loop.Trainer.run` that draws the log.

    Run by a program (``AIGC_HEADLESS=1``) it draws once, at the end; outside a notebook never.

    Args:
        log: the file that the training writes its records to.
        alt: what the finished picture shows.
        names: key in the log → name of its curve.
        title: of the finished picture: the finding. While training goes on, the step stands there.
        ylabel: of the curves.
        every: seconds from one drawing to the next, at least.
        progress: the bar inside.
        clock: tells seconds.

    Raises:
        ValueError: ``alt`` tells nothing, or ``every`` is negative.
    """

    def __init__(
        self,
        log: str | Path,
        alt: str,
        *,
        names: Mapping[str, str] | None = None,
        title: str | None = None,
        ylabel: str = "损失",
        every: float = 1.0,
        progress: Progress = runtime.progress,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if every < 0:
            raise ValueError(f"every: got {every}, wanted 0 seconds or more")
        self.log, self.alt, self.title, self.ylabel = Path(log), check_alt(alt), title, ylabel
        self.names = dict(names or {"loss": "训练", "val_loss": "验证"})
        self.every, self.progress, self.clock = every, progress, clock
        self._slot: str | None = None  # where the picture stands, once there is one

    def __call__(
        self, iterable: Iterable[Any], desc: str = "", total: int | None = None
    ) -> Iterator[Any]:
        self._slot = None
        drawn = self.clock()
        try:
            for item in self.progress(iterable, desc, total):
                yield item
                if not runtime.headless() and self.clock() - drawn >= self.every:
                    self._show(finished=False)
                    drawn = self.clock()  # drawing takes its time too
        finally:  # also when the loop is left early, by an interrupt or an error
            self._show(finished=True)

    def figure(self, finished: bool = True) -> Figure | None:
        """The curves of the log as it is now; None where there is nothing to draw yet."""
        curves = curves_of(read_log(self.log), self.names)
        if not curves:
            return None
        step = max(steps[-1] for steps, _ in curves.values())
        title = self.title if finished else f"训练中，第 {step} 步"
        return plots.learning_curves(curves, xlabel="步", ylabel=self.ylabel, title=title)

    def _show(self, finished: bool) -> None:
        fig = self.figure(finished)
        if fig is None:
            return
        first = self._slot is None
        if first and not runtime.headless():
            self._slot = uuid.uuid4().hex
        try:
            emit(png(fig), self.alt, slot=self._slot, again=not first)
        finally:
            plt.close(fig)
