"""What ``aigc progress`` prints, exports and deletes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aigc_course.errors import UserError, from_os_error

if TYPE_CHECKING:
    from aigc_course.progress.store import Event
    from aigc_course.progress.summary import ChapterProgress

__all__ = ["delete", "export", "show"]


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


def show(folder: Path, chapter: str | None) -> None:
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


def export(folder: Path, target: Path) -> None:
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


def delete(folder: Path, yes: bool) -> None:
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
