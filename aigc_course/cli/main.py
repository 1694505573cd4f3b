"""The ``aigc`` command.

The top of this file must be readable by any Python 3, so that one that is too old can be told so
instead of stumbling over syntax: no newer syntax here, and nothing imported before the check.
"""

from __future__ import annotations

import sys


def _too_old(version):  # type: ignore[no-untyped-def]
    if tuple(version[:2]) >= (3, 11):
        return ""
    return "这是 Python %d.%d，课程要 3.11 以上 → 装一个新的，再用它：python3.11 -m aigc_course" % (
        version[0],
        version[1],
    )


if _too_old(sys.version_info):
    sys.exit("✗ " + _too_old(sys.version_info))

import importlib
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

try:
    import typer
except ModuleNotFoundError as missing:
    sys.exit(
        "✗ 缺少软件包 %s → %s -m pip install -r requirements.lock" % (missing.name, sys.executable)
    )

from aigc_course.errors import CourseError, UserError

app = typer.Typer(
    name="aigc",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="从零到 AIGC：一门在自己电脑上动手的课。\n\n"
    "第一次：aigc lab。它在“我的课程”里备好笔记本，打开 JupyterLab；下次还是这一条。\n\n"
    "哪里不对：aigc doctor。它逐项检查，并写明每一项怎么办。\n\n"
    "教课：aigc release → grade → report，见 docs/instructor.md。\n\n"
    "环境变量：AIGC_HOME 学习文件夹 · AIGC_THREADS 线程数 · AIGC_DEVICE 计算设备（cpu、cuda、mps）"
    " · AIGC_DATA 数据文件夹 · AIGC_PROGRESS=0 不记学习进度 · AIGC_NO_SOLUTIONS=1 不给看答案。",
)
data_app = typer.Typer(
    no_args_is_help=True,
    help="随课程附带的数据：校验、列出、看说明。\n\n"
    "\b\n例\n  aigc data list\n  aigc data verify\n  aigc data show fashion_mnist",
)
app.add_typer(data_app, name="data", rich_help_panel="检查")

LEARN, CHECK, WRITE = "学", "检查", "写课"
Command = TypeVar("Command", bound=Callable[..., None])


def _prose(command: Command) -> Command:
    """Join the lines of each paragraph of the help: Chinese has no blank where a line ends."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    command.__doc__ = "\n\n".join(
        text if text.startswith("\b") else text.replace("\n", "") for text in paragraphs
    )
    return command


Folder = Annotated[
    str | None,
    typer.Argument(
        metavar="[文件夹]",
        help="学习文件夹。不写：AIGC_HOME；否则当前所在的学习文件夹；再否则当前目录下的“我的课程”。",
        show_default=False,
    ),
]


@app.command(
    rich_help_panel=LEARN,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@_prose
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
    换成新版，你动过的一个字节都不碰，新版放在旁边（03_backprop.新版-0.2.0.ipynb）。
    界面默认中文，在“设置 → 语言”里可换。只监听本机 127.0.0.1。

    \b
    例
      aigc lab                           用“我的课程”
      aigc lab D:\\学习\\AIGC              用指定的文件夹
      aigc lab --no-browser --port 8899  不开浏览器，固定端口
      aigc lab --ServerApp.token=abc     其余参数交给 JupyterLab
    """
    from aigc_course.classroom.workspace import jupyter
    from aigc_course.classroom.workspace.delivery import Course, choose_folder, deliver

    words = list(arguments or []) + list(context.args)
    folder_name = words.pop(0) if words and not words[0].startswith("-") else None
    if words and not words[0].startswith("-"):
        raise UserError(f"多出来的参数：{words[0]}", "学习文件夹只写一个；含空格时加引号")
    folder = choose_folder(folder_name)
    _say(f"学习文件夹：{folder}")
    changes = deliver(folder, Course())
    _tell([change for change in changes if change.kind != "absent"])
    _warn_about_data()
    raise typer.Exit(jupyter.launch(folder, browser=browser, port=port, extra=words, say=_say))


@app.command(rich_help_panel=LEARN)
@_prose
def update(
    folder: Folder = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="把你删掉或改了名的课也取回来。")
    ] = False,
) -> None:
    """把新课和改过的课送进学习文件夹，不碰你写过的东西。

    你没动过的课直接换成新版；动过的（改过、运行后存过都算）原样留着，新版放在旁边，名字里带版本号。
    你删掉或改了名的课不会自己回来，要用 --restore。aigc lab 每次也会先做这一步。

    \b
    例
      aigc update
      aigc update 我的课程 --restore
    """
    from aigc_course.classroom.workspace.delivery import Course, choose_folder, deliver

    target = choose_folder(folder)
    changes = deliver(target, Course(), restore=restore)
    typer.echo(f"学习文件夹：{target}")
    _tell(changes)
    if not any(change.kind != "absent" for change in changes):
        typer.echo("没有新东西，已是最新。")


@app.command(rich_help_panel=LEARN)
@_prose
def reset(
    number: Annotated[str, typer.Argument(metavar="NN", help="章号，如 03。")],
    folder: Folder = None,
) -> None:
    """把一课恢复成刚拿到的样子；你写的那份改名留存。

    留存的名字里有日期和时间（03_backprop.留存-2026-01-31-093000.ipynb），不会丢。

    \b
    例
      aigc reset 03
      aigc reset 03 我的课程
    """
    from datetime import datetime

    from aigc_course.classroom.workspace import delivery

    target = delivery.choose_folder(folder)
    lesson, kept = delivery.reset(target, delivery.Course(), number, datetime.now())
    if kept:
        typer.echo(f"你写的那份留存为：{kept.name}")
    typer.echo(f"已恢复：{lesson}")
    typer.echo("如果它正在 JupyterLab 里开着，请关掉那一页再打开。")


@app.command(rich_help_panel=CHECK)
@_prose
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
    from aigc_course.classroom.workspace.delivery import choose_folder
    from aigc_course.cli import doctor as checks

    lines = checks.examine(choose_folder(folder))
    typer.echo(checks.as_json(lines) if as_json else checks.as_text(lines))
    raise typer.Exit(1 if any(line.level == "fail" for line in lines) else 0)


@data_app.command("verify")
@_prose
def data_verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[名字]...", help="不写就是全部。")
    ] = None,
) -> None:
    """对每个数据文件算 SHA-256，与清单比较；有坏的就写明怎么修，退出码 1。

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
        typer.echo(
            f"✗ {check.item.name}：{_STATUS.get(check.status, check.status)} {check.item.path}\n"
            f"  应为 sha256 {check.item.sha256}（{check.item.size:,} 字节）\n"
            f"  现为 sha256 {check.found_sha256 or '无'}（{check.found_size:,} 字节）\n"
            f"  修复：{check.item.restore}",
            err=True,
        )
    raise typer.Exit(1 if bad else 0)


def _known_data(names: list[str]) -> None:
    from aigc_course import data

    known = [item.name for item in data.listing()]
    for name in names:
        if name not in known:
            raise UserError(f"没有叫 {name} 的数据", f"现有：{'、'.join(known)}")


_STATUS = {
    "missing": "文件不见了",
    "empty": "文件是空的",
    "damaged": "文件损坏",
    "unreadable": "文件读不出来",
}


@data_app.command("list")
@_prose
def data_list() -> None:
    """列出附带的数据：名字、大小、许可证、来源。

    \b
    例
      aigc data list
    """
    from rich.console import Console
    from rich.table import Table

    from aigc_course import data

    table = Table("名字", "内容", "大小", "许可证", "来源")
    for item in data.listing():
        size = f"{item.size / 1e6:.1f} MB"
        table.add_row(item.name, item.title, size, item.licence, item.source)
    Console().print(table)


@data_app.command("show")
@_prose
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


@app.command(
    rich_help_panel=WRITE,
    context_settings={
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "help_option_names": [],
    },
)
@_prose
def notebooks(context: typer.Context) -> None:
    """执行、规范化并核对源笔记本（给写课的人）；细节见 aigc notebooks --help。

    \b
    例
      aigc notebooks                      全部执行一遍
      aigc notebooks 03 05                只执行第 03、05 章
      aigc notebooks 03 --text > 03.txt   取出纯文本来改
      aigc notebooks 03 --apply 03.txt    写回
      aigc notebooks --check              提交前核对
    """
    from aigc_course.cli import notebooks as authoring

    inner = getattr(authoring, "app", None)
    if inner is None:
        inner = typer.Typer(add_completion=False)
        inner.command(name="notebooks")(authoring.notebooks)
    inner(args=list(context.args), prog_name="aigc notebooks")


@app.command(rich_help_panel=CHECK)
@_prose
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


for _name in ("progress", "release", "grade", "report", "train"):
    importlib.import_module("aigc_course.cli.%s" % _name).register(app)


# --- words -----------------------------------------------------------------------------------


def _tell(changes: list[Any]) -> None:
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


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


def _warn_about_data() -> None:
    from aigc_course import data

    try:
        broken = [check for check in data.verify() if not check.ok]
    except data.DataError as error:
        typer.echo(f"! 数据清单读不出来：{str(error).splitlines()[0]}", err=True)
        return
    for check in broken:
        what = _STATUS.get(check.status, check.status)
        typer.echo(f"! 数据 {check.item.name}：{what} → {check.item.restore}", err=True)


def main() -> None:
    """Entry point of ``aigc``: expected failures become one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without ✓ must not stop the command
    if len(sys.argv) < 2 or {"-h", "--help"} & set(sys.argv):
        _chinese_panels()
    try:
        app(prog_name="aigc")
    except CourseError as error:
        _fail(error.line())
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "aigc_course":
            raise
        _fail(f"缺少软件包 {error.name} → {sys.executable} -m pip install -r requirements.lock")


def _chinese_panels() -> None:
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE, rich_utils.OPTIONS_PANEL_TITLE = "参数", "选项"
    rich_utils.COMMANDS_PANEL_TITLE = "命令"


def _fail(text: str) -> None:
    print(f"✗ {text}", file=sys.stderr)
    sys.stderr.flush()
    sys.exit(1)


if __name__ == "__main__":
    main()
