"""``aigc report``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import typer

from aigc_course.errors import UserError

PANEL = "教"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    report.__doc__ = _prose(report.__doc__ or "")
    app.command(rich_help_panel=PANEL)(report)


def _prose(text: str) -> str:
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(p if p.startswith("\b") else p.replace("\n", "") for p in paragraphs)


def report(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[作业]", help="如 ps1；只有一次作业时可不写。", show_default=False),
    ] = None,
    course: Annotated[
        Path, typer.Option(metavar="文件夹", help="课程文件夹。", show_default="当前文件夹")
    ] = Path("."),
    roll: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="名单：学号、姓名、邮箱、分组。", show_default=False),
    ] = None,
    lms: Annotated[
        str | None,
        typer.Option(metavar="canvas|moodle", help="另写一份它能导入的表。", show_default=False),
    ] = None,
    lms_export: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="它自己导出的表；分数填进去，其余不动。", show_default=False
        ),
    ] = None,
    only_exercises: Annotated[
        bool, typer.Option("--only-exercises", help="给 LMS 的分数不含开放题。")
    ] = False,
    gradebook: Annotated[
        bool, typer.Option("--gradebook/--no-gradebook", help="写进 nbgrader 的成绩册。")
    ] = True,
    publish: Annotated[
        str | None,
        typer.Option(
            metavar="exchange|zip",
            help="反馈页发到 nbgrader 的交换文件夹，或打成 ZIP。",
            show_default=False,
        ),
    ] = None,
) -> None:
    """把评好的一次作业写成成绩表、反馈页、全班页，并写进 nbgrader 的成绩册。

    成绩表 reports/ps1-grades.csv 每人一行，没评出来的分数空着；反馈页在 feedback/，一人一页；全班页
    reports/ps1.html 有分布、各题难度与区分度、常见的错、写法相近的答案。开放题在 nbgrader 的
    formgrader 里批，批完再运行一次，人工的分数和评语就进了表和反馈页。可以反复运行。

    \b
    例
      aigc report                                当前文件夹里唯一的那次作业
      aigc report ps1 --roll 名单.csv            名单上每人一行，没交的也在
      aigc report ps1 --lms canvas --lms-export 导出.csv
      aigc report ps1 --publish zip              反馈页打成一个 ZIP
    """
    from aigc_course.classroom.report.run import Wanted, run

    if lms not in (None, "canvas", "moodle"):
        raise UserError(f"--lms 只能是 canvas 或 moodle，不是 {lms}", "改成其中之一")
    if publish not in (None, "exchange", "zip"):
        raise UserError(f"--publish 只能是 exchange 或 zip，不是 {publish}", "改成其中之一")
    if lms_export and not lms:
        raise UserError("写了 --lms-export，没写是哪一种", "加上 --lms canvas 或 --lms moodle")
    wanted = Wanted(lms, lms_export, not only_exercises, gradebook, publish)
    for row in run(course, name, roll, wanted):
        typer.echo(row)
