"""Whether all is well: ``aigc doctor``, ``data``, ``version``."""

from __future__ import annotations

from typing import Annotated

import typer

from aigc_course.cli.app import Folder, app, command
from aigc_course.cli.chinese import Group
from aigc_course.errors import UserError

PANEL = "检查"

data_group = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="随课程附带的数据：校验、列出、看说明。\n\n"
    "\b\n例\n  aigc data list\n  aigc data verify\n  aigc data show fashion_mnist",
)
app.add_typer(data_group, name="data", rich_help_panel=PANEL)

DATA_STATUS = {
    "missing": "文件不见了",
    "empty": "文件是空的",
    "damaged": "文件损坏",
    "unreadable": "文件读不出来",
}
DATA_KIND = {"data": "数据", "checkpoint": "检查点", "results": "结果"}


@command(PANEL)
def doctor(
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON，给程序读。")] = False,
) -> None:
    """逐项检查这台机器能不能上这门课，每一项写明怎么办。

    查 Python、软件包与锁文件、PyTorch 与计算设备、线程、字体、数据校验和、磁盘与内存、
    Jupyter 扩展、编码、学习文件夹。✓ 好；! 能用，但值得看一眼；✗ 要先解决。有 ✗ 时退出码为 1。

    \b
    例
      aigc doctor
      aigc doctor --json > 检查.json     求助时附上它
    """
    from aigc_course.classroom.workspace.learners_folder import choose_folder
    from aigc_course.cli import doctor as checks

    lines = checks.examine(choose_folder(folder))
    typer.echo(checks.as_json(lines) if as_json else checks.as_text(lines))
    raise typer.Exit(1 if any(line.level == "fail" for line in lines) else 0)


@command(PANEL)
def version() -> None:
    """打印课程版本、Python 版本和安装位置。

    \b
    例
      aigc version
    """
    from platform import python_version

    from aigc_course import __version__
    from aigc_course.places import PACKAGE

    typer.echo(f"aigc_course {__version__}，Python {python_version()}")
    typer.echo(f"安装在 {PACKAGE}")


@command(name="verify", of=data_group)
def data_verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[名字]...", help="不写就是全部。")
    ] = None,
) -> None:
    """对每个数据文件算 SHA-256，与清单比较；有坏的就写明怎么修，退出码 1。

    不写名字时也看各类文件加起来有没有超过限额。

    \b
    例
      aigc data verify
      aigc data verify fashion_mnist
    """
    from aigc_course import data

    _known_data(names or [])
    bad = 0
    for check in data.verify(names or None):
        if check.ok:
            typer.echo(f"✓ {check.item.name}  {check.item.file}  {check.found_size:,} 字节")
            continue
        bad += 1
        what = DATA_STATUS.get(check.status, check.status)
        typer.echo(
            f"✗ {check.item.name}：{what} {check.item.path}\n"
            f"  应为 sha256 {check.item.sha256}（{check.item.size:,} 字节）\n"
            f"  现为 sha256 {check.found_sha256 or '无'}（{check.found_size:,} 字节）\n"
            f"  修复：{check.item.restore}",
            err=True,
        )
    for line, over in [] if names else _usage():
        bad += over
        typer.echo(f"{'✗' if over else '✓'} {line}", err=over)
    raise typer.Exit(1 if bad else 0)


def _usage() -> list[tuple[str, bool]]:
    """For each kind of file: how much of its budget is used, and whether that is too much."""
    from aigc_course.data.manifest import usage

    return [
        (f"{DATA_KIND[kind]}共 {used / 1e6:.2f} MB，限额 {most / 1e6:.0f} MB", used > most)
        for kind, (used, most) in usage().items()
    ]


@command(name="list", of=data_group)
def data_list() -> None:
    """列出附带的文件（数据、检查点、实验结果）：名字、大小、许可证、来源。

    \b
    例
      aigc data list
    """
    from rich.console import Console
    from rich.table import Table

    from aigc_course import data

    table = Table("名字", "类别", "内容", "大小", "许可证", "来源")
    for item in data.listing():
        size = f"{item.size / 1e6:.2f} MB"
        kind = DATA_KIND[item.kind]
        table.add_row(item.name, kind, item.title, size, item.licence, item.source)
    Console().print(table)
    typer.echo("；".join(line for line, _ in _usage()))


@command(name="show", of=data_group)
def data_show(name: Annotated[str, typer.Argument(metavar="名字")]) -> None:
    """打印一份数据的说明卡：它是什么、怎么来的、能用来做什么、有什么毛病。

    \b
    例
      aigc data show fashion_mnist
    """
    from aigc_course import data

    _known_data([name])
    page = data.show(name)
    typer.echo(page.card)
    typer.echo(f"文件：{page.path}{'' if page.present else '（不在）'}")


def _known_data(names: list[str]) -> None:
    from aigc_course import data

    known = [item.name for item in data.listing()]
    for name in names:
        if name not in known:
            raise UserError(f"没有叫 {name} 的数据", f"现有：{'、'.join(known)}")
