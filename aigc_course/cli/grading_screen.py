"""What ``aigc grade`` shows while it grades, and the table at its end."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from aigc_course.classroom.report.words import NOT_YET, SUBMISSION_STATUS

if TYPE_CHECKING:
    from aigc_course.classroom.grading.whole_class import Summary
    from aigc_course.classroom.marks import SubmissionMark

__all__ = ["Live", "Plain", "show", "words"]

STATUS = {key: word for key, word in SUBMISSION_STATUS.items() if key != NOT_YET}


def words(counts: Counter[str]) -> str:
    """Counts by status in one line, in the order of :data:`STATUS`.

    Example:
        >>> words(Counter({"late": 3, "graded": 180}))
        '已批改 180 · 迟交 3'
    """
    return " · ".join(f"{STATUS[key]} {counts[key]}" for key in STATUS if counts[key])


class Plain:
    """Progress as lines, for a log: ten or so for a class, whatever its size."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.graded = self.todo = 0

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def start(self, todo: int, done: Counter[str]) -> None:
        self.todo = todo
        kept = sum(done.values()) - done["missing"]
        if kept:
            self.say(f"{kept} 份以前批改过，没有变")
        if todo:
            self.say(f"要批改 {todo} 份")

    def note(self, text: str) -> None:
        self.say(f"! {text}")

    def step(self, mark: SubmissionMark) -> None:
        self.graded += 1
        self.counts[mark.status] += 1
        if self.graded == self.todo or self.graded % max(1, self.todo // 10) == 0:
            self.say(f"{self.graded}/{self.todo}  {words(self.counts)}")

    @staticmethod
    def say(text: str) -> None:
        typer.echo(text)
        sys.stdout.flush()


class Live(Plain):
    """Progress as a bar, for a terminal."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("批改"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        self._task: Any = None

    def __enter__(self) -> Live:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, todo: int, done: Counter[str]) -> None:
        super().start(todo, done)
        if todo:
            self._task = self._bar.add_task("", total=todo)

    def step(self, mark: SubmissionMark) -> None:
        self.graded += 1
        self.counts[mark.status] += 1
        self._bar.update(self._task, advance=1, description=words(self.counts))

    def say(self, text: str) -> None:  # type: ignore[override]
        self._bar.console.print(text, markup=False, highlight=False)


def show(summary: Summary) -> None:
    """The table at the end, and what needs a look."""
    from rich.console import Console
    from rich.table import Table

    table = Table("状态", "人数", title=f"{summary.assignment}：{summary.total} 人")
    for key, word in STATUS.items():
        if summary.marks[key]:
            table.add_row(word, str(summary.marks[key]))
    Console().print(table)
    if summary.unlisted:
        typer.echo(f"不在名单上，也批改了（{len(summary.unlisted)}）：{_some(summary.unlisted)}")
    if summary.ungraded:
        typer.echo(
            f"评分程序出错，没有成绩的（{len(summary.ungraded)}）：{_some(summary.ungraded)}",
            err=True,
        )
    if summary.log:
        typer.echo(f"出错的细节在 {summary.log}", err=True)


def _some(names: list[str]) -> str:
    return "、".join(names[:8]) + (" 等" if len(names) > 8 else "")
