"""``aigc`` itself, and how a function becomes one of its commands."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from aigc_course.cli.chinese import Command, Group

__all__ = ["Folder", "app", "command", "prose", "say"]

app = typer.Typer(
    name="aigc",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="从零到 AIGC：一门在自己电脑上动手的课。\n\n"
    "第一次：aigc lab。它在“我的课程”里备好笔记本，打开 JupyterLab；下次还是这一条。\n\n"
    "哪里不对：aigc doctor。它逐项检查，并写明每一项怎么办。\n\n"
    "一个命令怎么用：aigc help lab，或 aigc lab -h。\n\n"
    "教课：aigc release → grade → report，见 docs/instructor.md。\n\n"
    "环境变量：AIGC_HOME 学习文件夹 · AIGC_THREADS 线程数 · AIGC_DEVICE 计算设备（cpu、cuda、mps）"
    " · AIGC_DATA 数据文件夹 · AIGC_PROGRESS=0 不记学习进度 · AIGC_NO_SOLUTIONS=1 不给看答案。",
)

Decorated = TypeVar("Decorated", bound=Callable[..., None])

Folder = Annotated[
    str | None,
    typer.Argument(
        metavar="文件夹",
        help="学习文件夹。不写：AIGC_HOME；否则当前所在的学习文件夹；再否则当前目录下的“我的课程”。",
        show_default=False,
    ),
]


def command(
    panel: str | None = None, *, name: str | None = None, of: typer.Typer = app, **settings: Any
) -> Callable[[Decorated], Decorated]:
    """Make a function a command, listed under the heading ``panel``; its docstring is its help.

    Args:
        panel: the heading, such as ``"学"``; None below a group, whose commands have none.
        name: the command's name, by default the function's.
        of: the group it belongs to, by default ``aigc`` itself.
        settings: what else ``typer.Typer.command`` takes.
    """

    def register(function: Decorated) -> Decorated:
        text = prose(function.__doc__ or "")
        of.command(name, cls=Command, help=text, rich_help_panel=panel, **settings)(function)
        return function

    return register


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="打印版本：与 aigc version 相同。")
    ] = False,
) -> None:
    """Options of ``aigc`` itself; ``--version`` is read in :mod:`.main`."""


def prose(text: str) -> str:
    """Join the lines of each paragraph: Chinese has no blank where a line ends.

    Next to a word in Latin letters there is one. Paragraphs that begin with ``\\b`` stay as they
    are.

    Example:
        >>> prose("写成成绩表、\\n    反馈页，并写进 nbgrader 的\\n    成绩册；或 LMS\\n    的表。")
        '写成成绩表、反馈页，并写进 nbgrader 的成绩册；或 LMS 的表。'
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(part if part.startswith("\b") else _joined(part) for part in paragraphs)


def _joined(lines: str) -> str:
    spaced = re.sub(r"(?<=[A-Za-z0-9])\n(?=\w)|(?<=\w)\n(?=[A-Za-z0-9])", " ", lines)
    return spaced.replace("\n", "")


def say(text: str) -> None:
    """Print a line that is seen at once, also where the output goes to a file."""
    typer.echo(text)
    sys.stdout.flush()
