"""``aigc grade``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc_course.classroom.report.words import NOT_YET, SUBMISSION_STATUS

if TYPE_CHECKING:
    from aigc_course.classroom.grading.whole_class import Summary
    from aigc_course.classroom.marks import SubmissionMark

__all__ = ["register"]

PANEL = "教"
STATUS = {key: word for key, word in SUBMISSION_STATUS.items() if key != NOT_YET}
_HELP = """在隔离的进程里批改一个班，成绩存进课程文件夹的 .aigc/grades.db。

收得下：nbgrader 的 submitted/学号/作业/*.ipynb；每人一个文件夹或一个 ZIP；\
Moodle、Canvas 的下载，解开或没解开都行。

随时可以停：已经批改的都在，再运行同一条命令就接着做；提交、作业、种子、限额都没变的不会再批改一次。\
有练习因为评分程序自己出错而没有成绩时，退出码是 1，再运行一次会重试。

\b
例
  aigc grade submitted/
  aigc grade submitted/ --roll 名单.csv
  aigc grade submitted/ --late grace=10m,per_day=10%,max=50%,cutoff=7d
  aigc grade submitted/ --only 2026001          只重新批改一个人
  aigc grade submitted/ --only 2026001/03.2     只重新批改他的一题
  aigc grade submitted/ --only 03.2             全班只重新批改一题
  aigc grade submitted/ --limits "seconds=5,memory_mib=512,03.5.seconds=20"
  aigc grade Moodle下载.zip --course . --roll 名单.csv
  aigc grade submitted/ --scheduler tcp://10.0.0.5:8786
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("grade", rich_help_panel=PANEL, help=_HELP)(grade)


def grade(
    submitted: Annotated[Path, typer.Argument(metavar="提交", help="放提交的文件夹，或它的 ZIP。")],
    assignment: Annotated[
        str, typer.Option(metavar="名字", help="哪份作业；只有一份时可不写。", show_default=False)
    ] = "",
    course: Annotated[
        Path | None,
        typer.Option(
            metavar="文件夹",
            help="课程文件夹（里面有 source）；不写就在提交的上一级找。",
            show_default=False,
        ),
    ] = None,
    roll: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="名单，表头 学号,姓名,邮箱,班级；没交的也记下。", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="几个进程；不写按处理器数，最多 8。", min=1, show_default=False
        ),
    ] = None,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="地址", help="在 Dask 集群上批改：tcp://主机:端口。", show_default=False
        ),
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="整数",
            help="隐藏数据的种子；不写用这份作业自己的，存在 .aigc 里。",
            min=0,
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="学号/练习",
            help="只（重新）批改这些：学号、学号/练习、练习。",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="批改过的也重新批改。")] = False,
    limits: Annotated[
        str,
        typer.Option(metavar="限额", help="时间、内存等的限额，可以分练习写。", show_default=False),
    ] = "",
    late: Annotated[
        str,
        typer.Option(metavar="规则", help="迟交怎么扣分；不写只标出，不扣分。", show_default=False),
    ] = "",
    layout: Annotated[
        str,
        typer.Option(metavar="样式", help="提交怎么放的：auto、nbgrader、flat、moodle、canvas。"),
    ] = "auto",
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="不隔离：学生的代码有你的全部权限。")
    ] = False,
) -> None:
    from typing import get_args

    from aigc_course.classroom.grading.late_rules import LatePolicy
    from aigc_course.classroom.grading.limits import LimitOptions
    from aigc_course.classroom.grading.options import GradeOptions
    from aigc_course.classroom.grading.whole_class import grade_class
    from aigc_course.classroom.submission.collect import Layout
    from aigc_course.errors import UserError

    if scheduler and workers:
        raise typer.BadParameter("--workers 与 --scheduler 只能用一个")
    if again and only:
        raise typer.BadParameter("--again 与 --only 只能用一个")
    if layout not in get_args(Layout):
        raise typer.BadParameter(f"--layout 只能是 {'、'.join(get_args(Layout))}")
    try:
        rules, policy = LimitOptions.parse(limits), LatePolicy.parse(late)
    except UserError as error:
        raise typer.BadParameter(str(error)) from None
    order = GradeOptions(
        submitted,
        assignment,
        course,
        roll,
        workers or 0,
        scheduler,
        seed,
        tuple(only or ()),
        again,
        rules,
        policy,
        layout,  # type: ignore[arg-type]
        unconfined,
    )
    if unconfined:
        typer.echo("! 没有隔离：学生的代码能读写你能读写的一切", err=True)
    screen = Live() if sys.stdout.isatty() else Plain()
    try:
        with screen:
            summary = grade_class(order, screen)
    except KeyboardInterrupt:
        typer.echo(f"停了。这次批改的 {screen.graded} 份都在；再运行同一条命令会接着批改。")
        raise typer.Exit(130) from None
    show(summary)
    raise typer.Exit(1 if summary.ungraded else 0)


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
