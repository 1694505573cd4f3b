"""``aigc release``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

PANEL = "教"
_HELP = """从课程的笔记本里发布一份作业：学生版、ZIP、nbgrader 的文件夹和成绩册。

课程文件夹用 nbgrader 的布局：source/作业 是带答案的原稿，release/作业 是学生版，\
release/作业.zip 发给学生。nbgrader 的 exchange 和 formgrader 可以直接接着用。

同一条命令再来一次就是重新发布：先列出与上次的不同；已经有人交了作业、而题目或分值变了时不动手，\
除非 --force。source/ 里的笔记本你可以改，重新发布时用的是你改过的那份。

\b
例
  aigc release ps1 --notebooks 01,02,03
  aigc release ps1 --notebooks 01,02,03 --due "2026-12-01 23:59"
  aigc release ps1 --points "01.1=3,02.*=2,02.q1=0"   只改分值
  aigc release ps2 --notebooks 04 --no-open --course D:\\\\2026秋
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("release", rich_help_panel=PANEL, help=_HELP)(release)


def release(
    name: Annotated[str, typer.Argument(metavar="作业", help="作业的名字，如 ps1。")],
    notebooks: Annotated[
        str,
        typer.Option(
            metavar="01,02",
            help="哪些笔记本：章号或文件名，逗号隔开。重新发布时不写就是上次那些。",
            show_default=False,
        ),
    ] = "",
    points: Annotated[
        str,
        typer.Option(
            metavar="题号=分值",
            help='改分值，如 "01.1=3,02.*=2"；不写的题用笔记本里的分值。',
            show_default=False,
        ),
    ] = "",
    due: Annotated[
        str,
        typer.Option(
            metavar="时间",
            help='截止时间，如 "2026-12-01 23:59"，按本机时区；none 表示不设。',
            show_default=False,
        ),
    ] = "",
    course: Annotated[
        Path, typer.Option(metavar="文件夹", help="课程文件夹。", show_default="当前文件夹")
    ] = Path("."),
    open_questions: Annotated[
        bool, typer.Option("--open/--no-open", help="要不要开放题（人工评分）。")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="已经有人交了，也照样改题目和分值。")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="用课程现在的笔记本换掉 source/ 里的；旧的留存。")
    ] = False,
    course_id: Annotated[
        str, typer.Option(metavar="名字", help="第一次写 nbgrader_config.py 时的课程名。")
    ] = "aigc",
) -> None:
    from aigc_course.classroom.assignment.release import Order, shown_due
    from aigc_course.classroom.assignment.release import release as make

    order = Order(name, course, notebooks, points, due, open_questions, force, refresh, course_id)
    done = make(order)
    typer.echo(f"{'已发布' if done.first else '已重新发布'} {done.assignment.name}")
    for change in done.changes:
        typer.echo(f"  与上次不同：{change}")
    if not done.first and not done.changes:
        typer.echo("  与上次相同")
    for book in done.assignment.notebooks:
        text = f"  {book.name}：{len(book.exercises)} 道练习，"
        text += f"{sum(ex.points for ex in book.exercises):g} 分"
        if book.open:
            text += f"；{len(book.open)} 道开放题，{sum(q.points for q in book.open):g} 分"
        typer.echo(text)
    typer.echo(f"  截止：{shown_due(done.assignment)}")
    for note in done.notes:
        typer.echo(f"! {note}")
    typer.echo(f"发给学生：{done.bundle}")
    typer.echo("收齐后：aigc grade submitted/")
