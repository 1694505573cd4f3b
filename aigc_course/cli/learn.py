"""What a learner does: ``aigc lab``, ``update``, ``reset``, ``progress``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc_course.cli.app import Folder, command, say
from aigc_course.errors import UserError

if TYPE_CHECKING:
    from aigc_course.classroom.workspace.delivery import Change

PANEL = "学"


@command(PANEL, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def lab(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="文件夹 参数",
            help="学习文件夹；其余参数交给 JupyterLab。",
            show_default=False,
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="自动打开浏览器。")
    ] = True,
    port: Annotated[
        int | None,
        typer.Option(help="一定用这个端口；不写就从 8888 起找空的。", show_default=False),
    ] = None,
) -> None:
    """备好学习文件夹，打开 JupyterLab。

    学习文件夹里是笔记本的学生版：答案已取走，随便改。再次运行时，新课会补进来，你没动过的旧课会
    换成新版，你动过的一个字节都不碰，新版放在旁边（03_backprop（新版 0.2.0）.ipynb）。
    界面默认中文，在“设置 → 语言”里可换。只监听本机 127.0.0.1。

    \b
    例
      aigc lab                           用“我的课程”
      aigc lab D:\\学习\\AIGC              用指定的文件夹
      aigc lab --no-browser --port 8899  不开浏览器，固定端口
      aigc lab --ServerApp.token=abc     其余参数交给 JupyterLab
    """
    from aigc_course.classroom.workspace import jupyter
    from aigc_course.classroom.workspace.delivery import deliver
    from aigc_course.classroom.workspace.learners_folder import choose_folder
    from aigc_course.classroom.workspace.lessons import Course

    words = list(arguments or []) + list(context.args)
    folder_name = words.pop(0) if words and not words[0].startswith("-") else None
    if words and not words[0].startswith("-"):
        raise UserError(f"多出来的参数：{words[0]}", "学习文件夹只写一个；含空格时加引号")
    if words:
        _refuse_misspelled(words)
    folder = choose_folder(folder_name)
    say(f"学习文件夹：{folder}")
    changes = deliver(folder, Course())
    _tell([change for change in changes if change.kind != "absent"])
    _warn_about_data()
    raise typer.Exit(jupyter.launch(folder, browser=browser, port=port, extra=words, say=say))


def _refuse_misspelled(words: Sequence[str]) -> None:
    """Options for JupyterLab are handed on if it has them; ``--prot 8899`` must not be ignored."""
    from difflib import get_close_matches

    from jupyterlab.labapp import LabApp

    known = {f"--{name}" for name in (*LabApp.flags, *LabApp.aliases) if len(name) > 1}
    short = {f"-{name}" for name in (*LabApp.flags, *LabApp.aliases) if len(name) == 1}
    ours = ["--browser", "--no-browser", "--port", "--help"]
    for word in words:
        name = word.partition("=")[0]
        settable = name.startswith("--") and "." in name  # --ServerApp.token=abc
        if not word.startswith("-") or settable or name in known | short:
            continue
        near = get_close_matches(name, [*ours, *sorted(known)], n=1)
        cure = f"是不是 {near[0]}；" if near else ""
        raise UserError(f"没有选项 {name}", f"{cure}全部选项：aigc lab -h")


@command(PANEL)
def update(
    folder: Folder = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="把你删掉或改了名的课也取回来。")
    ] = False,
) -> None:
    """把新课和改过的课送进学习文件夹，不碰你写过的东西。

    没改过的课直接换成新版（运行、保存不算）；哪一格改过，就原样留着，新版放在旁边，名字里带版本号。
    你删掉或改了名的课不会自己回来，要用 --restore。aigc lab 每次也会先做这一步。

    \b
    例
      aigc update
      aigc update 我的课程 --restore
    """
    from aigc_course.classroom.workspace.delivery import deliver
    from aigc_course.classroom.workspace.learners_folder import choose_folder
    from aigc_course.classroom.workspace.lessons import Course

    target = choose_folder(folder)
    changes = deliver(target, Course(), restore=restore)
    typer.echo(f"学习文件夹：{target}")
    _tell(changes)
    if not any(change.kind != "absent" for change in changes):
        typer.echo("没有新东西，已是最新。")


@command(PANEL)
def reset(
    number: Annotated[str, typer.Argument(metavar="NN", help="章号，如 03；写 03_backprop 也行。")],
    folder: Folder = None,
) -> None:
    """把一课恢复成刚拿到的样子；你写的那份改名留存。

    留存的名字里有日期和时间（03_backprop（留存 2026-01-31 093000）.ipynb），不会丢。

    \b
    例
      aigc reset 03
      aigc reset 03 我的课程
    """
    from datetime import datetime

    from aigc_course.classroom.workspace import delivery
    from aigc_course.classroom.workspace.learners_folder import choose_folder
    from aigc_course.classroom.workspace.lessons import Course

    target = choose_folder(folder)
    lesson, kept = delivery.reset(target, Course(), number, datetime.now())
    if kept:
        typer.echo(f"你写的那份留存为：{kept.name}")
    typer.echo(f"已恢复：{lesson}")
    typer.echo("如果它正在 JupyterLab 里开着，请关掉那一页再打开。")


@command(PANEL)
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
    """看学习进度：每章通过几道练习、得几分、试了几次、看了几条提示、花了多久。

    记录只在学习文件夹里（.aigc/progress.db），不出这台机器；设 AIGC_PROGRESS=0 就不记。
    分数取每道练习最好的一次；尝试算到第一次通过为止；◇ 表示通过之前看过解答。
    用时是估计：相邻两次操作（检查、看提示、看解答）相隔不超过 20 分钟的，记在后一次所在的
    那一章，只记一次；更久的当作离开了。

    笔记本里也能看：from aigc_course import progress，再 progress.show()。

    \b
    例
      aigc progress                        各章一览
      aigc progress 03                     第 03 章，逐道练习
      aigc progress 03 我的课程            指定学习文件夹
      aigc progress --export 进度.csv      导出，Excel 能直接打开；.json 给程序读
      aigc progress --delete               删掉全部记录（先问一声）
    """
    from aigc_course.cli import progress as shown

    chapter, named = _chapter_and_folder(words or [])
    folder = _learners_folder(named)
    if export is not None and delete:
        raise UserError("--export 和 --delete 不能一起用", "先导出，看过没问题再删")
    if delete:
        shown.delete(folder, yes)
    elif export is not None:
        shown.export(folder, export)
    else:
        shown.show(folder, chapter)


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
    from aigc_course.classroom.workspace.learners_folder import choose_folder
    from aigc_course.places import STATE_DIR

    folder = choose_folder(named)
    if (folder / STATE_DIR).is_dir():
        return folder
    if named:
        raise UserError(f"{folder} 不是学习文件夹", f"先建一个：aigc lab {named}；或换一个文件夹")
    looked = (
        "AIGC_HOME 说的是"
        if os.environ.get("AIGC_HOME", "").strip()
        else "看过当前文件夹、它的上级和"
    )
    raise UserError(
        f"找不到学习文件夹（{looked} {folder}）", "先 cd 进去，或写明：aigc progress 文件夹"
    )


def _tell(changes: list[Change]) -> None:
    told = {
        "new": "新课",
        "updated": "换成新版（你没动过）",
        "restored": "取回",
        "beside": "有新版，放在旁边（你那份没动）",
        "absent": "你删掉或改了名，没有取回（要的话：aigc update --restore）",
        "state": "交付记录坏了，已另存，从头建：已有的文件都按你写过的对待",
    }
    for change in changes:
        news = f"（{change.news}）" if change.news else ""
        typer.echo(f"  {told[change.kind]}：{change.path.name}{news}")


def _warn_about_data() -> None:
    from aigc_course import data
    from aigc_course.cli.check import DATA_STATUS

    try:
        broken = [check for check in data.verify() if not check.ok]
    except data.DataError as error:
        typer.echo(f"! 数据清单读不出来：{str(error).splitlines()[0]}", err=True)
        return
    for check in broken:
        what = DATA_STATUS.get(check.status, check.status)
        typer.echo(f"! 数据 {check.item.name}：{what} → {check.item.restore}", err=True)
