"""``aigc progress``: the learner's own record in the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc_course.errors import UserError, from_os_error

if TYPE_CHECKING:
    from aigc_course.progress.store import Event
    from aigc_course.progress.summary import ChapterProgress

__all__ = ["register"]

HELP = """看学习进度：每章通过几道练习、得几分、试了几次、看了几条提示、花了多久。

记录只在学习文件夹里（.aigc/progress.db），不出这台机器；设 AIGC_PROGRESS=0 就不记。\
分数取每道练习最好的一次；尝试算到第一次通过为止；◇ 表示通过之前看过解答。\
用时是估计：同一章里相邻两次操作（检查、看提示、看解答）相隔不超过 20 分钟的都算上，\
更久的当作离开了。

笔记本里也能看：from aigc_course import progress，再 progress.show()。

\b
例
  aigc progress                        各章一览
  aigc progress 03                     第 03 章，逐道练习
  aigc progress 03 我的课程            指定学习文件夹
  aigc progress --export 进度.csv      导出，Excel 能直接打开；.json 给程序读
  aigc progress --delete               删掉全部记录（先问一声）
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``aigc``."""
    app.command(name="progress", rich_help_panel="学", help=HELP)(progress)


def progress(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NN] [文件夹]",
            help="章号；学习文件夹（不写：AIGC_HOME，再是当前所在的，再是“我的课程”）。",
            show_default=False,
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="文件", help="导出到新文件，.csv 或 .json。", show_default=False),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="删掉全部学习记录。")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="与 --delete 同用：不再问。")] = False,
) -> None:
    """See :data:`HELP`, which is what the learner reads."""
    chapter, named = _chapter_and_folder(words or [])
    folder = _learners_folder(named)
    if export is not None and delete:
        raise UserError("--export 和 --delete 不能一起用", "先导出，看过没问题再删")
    if delete:
        _delete(folder, yes)
    elif export is not None:
        _export(folder, export)
    else:
        _show(folder, chapter)


def _chapter_and_folder(words: Sequence[str]) -> tuple[str | None, str | None]:
    """One or two digits are a chapter, anything else a folder; ``./03`` names such a folder.

    Example:
        >>> _chapter_and_folder(["3", "我的课程"])
        ('03', '我的课程')
    """
    chapters = [word for word in words if re.fullmatch("[0-9]{1,2}", word)]
    folders = [word for word in words if word not in chapters]
    for found in (chapters, folders):
        if len(found) > 1:
            raise UserError(f"多出来的参数：{found[1]}", "章号和文件夹各写一个；含空格时加引号")
    return (chapters[0].zfill(2) if chapters else None), (folders[0] if folders else None)


def _learners_folder(named: str | None) -> Path:
    from aigc_course.classroom.workspace.delivery import choose_folder
    from aigc_course.places import STATE_DIR

    folder = choose_folder(named)
    if named and not (folder / STATE_DIR).is_dir():
        raise UserError(f"{folder} 不是学习文件夹", f"先建一个：aigc lab {named}；或换一个文件夹")
    return folder


def _events(folder: Path) -> list[Event]:
    import sqlite3

    from aigc_course.progress import record as noted
    from aigc_course.progress.store import NewerFormat

    try:
        return noted.events(folder)
    except NewerFormat:
        raise UserError(
            "学习记录是更新版本的课程写的，这个版本读不了", "升级课程后再看；记录没有动过"
        ) from None
    except sqlite3.Error as error:
        raise _unreadable(folder, error) from error
    except OSError as error:
        raise from_os_error(error, folder) from error


def _unreadable(folder: Path, error: Exception) -> UserError:
    from aigc_course.progress.store import database

    return UserError(
        f"学习记录读写不了：{database(folder)}（{error}）", "关掉正占用它的程序，再来一次"
    )


# --- show ------------------------------------------------------------------------------------


def _show(folder: Path, chapter: str | None) -> None:
    from aigc_course.judging import catalogue
    from aigc_course.progress.record import enabled
    from aigc_course.progress.summary import summarise

    events = _events(folder)
    chapters = {found.number: found for found in summarise(events)}
    if chapter is not None and chapter not in chapters:
        raise UserError(f"没有第 {chapter} 章", f"现有：{'、'.join(catalogue.chapters())}")
    typer.echo(f"学习文件夹：{folder}")
    if not enabled():
        typer.echo("AIGC_PROGRESS=0：现在不记新的；下面是以前的。")
    if chapter is not None:
        _print_chapter(chapters[chapter])
    elif events:
        _print_chapters(list(chapters.values()))
    else:
        typer.echo("还没有学习记录。运行 aigc lab，检查过一道练习之后，这里就有了。")


def _print_chapters(chapters: Sequence[ChapterProgress]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from aigc_course.progress.page import local_time, sum_line
    from aigc_course.progress.summary import duration, number

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("章")
    for heading in ("通过", "得分", "尝试", "提示"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("用时", no_wrap=True)
    table.add_column("最近", no_wrap=True)
    for chapter in chapters:
        table.add_row(
            *_plain(
                f"{chapter.number} {chapter.short_title}",
                f"{chapter.done}/{len(chapter.asked)}",
                f"{number(chapter.score)}/{number(chapter.points)}",
                chapter.tries or "–",
                chapter.hints or "–",
                duration(chapter.seconds),
                local_time(chapter.last)[:10],
            ),
            style=None if chapter.last else "dim",
        )
    Console().print(table)
    typer.echo(f"{sum_line(chapters)}。逐道练习：aigc progress 03")


def _print_chapter(chapter: ChapterProgress) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from aigc_course.progress.page import local_time, mark, state
    from aigc_course.progress.summary import duration, number

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("练习")
    table.add_column("情况")
    for heading in ("得分", "尝试", "提示"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("最近", no_wrap=True)
    for exercise in chapter.exercises:
        table.add_row(
            *_plain(
                f"{mark(exercise)} {exercise.id} {exercise.title}",
                state(exercise) + ("" if exercise.current else "（课程里已没有）"),
                f"{number(exercise.score)}/{number(exercise.points)}",
                exercise.tries or "–",
                exercise.hints or "–",
                local_time(exercise.last)[:10],
            ),
            style=None if exercise.last else "dim",
        )
    typer.echo(f"{chapter.number} {chapter.title}")
    Console().print(table)
    typer.echo(
        f"通过 {chapter.done}/{len(chapter.asked)} 道，"
        f"{number(chapter.score)}/{number(chapter.points)} 分，用时 {duration(chapter.seconds)}"
    )


def _plain(*cells: object) -> list[str]:
    from rich.markup import escape

    return [escape(str(cell)) for cell in cells]  # a title with [brackets] is not markup


# --- export and delete -----------------------------------------------------------------------


def _export(folder: Path, target: Path) -> None:
    from aigc_course.progress.export import write

    events = _events(folder)
    try:
        write(target, events)
    except ValueError:
        raise UserError(f"不知道怎么写 {target.name}", "文件名以 .csv 或 .json 结尾") from None
    except FileExistsError:
        raise UserError(f"{target} 已经有了，不覆盖", "换一个名字，或先把它移走") from None
    except FileNotFoundError:
        raise UserError(f"没有文件夹 {target.parent}", "先建好它，或换一个地方") from None
    except OSError as error:
        raise from_os_error(error, target) from error
    typer.echo(f"已导出 {len(events)} 条记录：{target}")


def _delete(folder: Path, yes: bool) -> None:
    import sqlite3

    from aigc_course.progress import record as noted
    from aigc_course.progress.store import NewerFormat, database

    path = database(folder)
    if not path.exists() and not list(path.parent.glob("progress.damaged-*")):
        typer.echo(f"{folder} 里没有学习记录，不用删。")
        return
    if not yes:
        try:
            what = f"{len(noted.events(folder))} 条学习记录"
        except (sqlite3.Error, NewerFormat, OSError):
            what = "学习记录（这个版本读不了的）"
        if not typer.confirm(f"删掉 {folder} 里的 {what}？不能恢复。想留一份就先 --export"):
            typer.echo("没有删。")
            return
    try:
        noted.delete(folder, sure=True)
    except sqlite3.Error as error:
        raise _unreadable(folder, error) from error
    except OSError as error:
        raise from_os_error(error, folder) from error
    typer.echo("已删掉。笔记本没有动。")
