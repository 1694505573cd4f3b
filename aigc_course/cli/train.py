"""``aigc train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_course.errors import UserError

__all__ = ["register", "train"]

PANEL = "写课"
_HELP = """训练一个模型，做成随课程附带的检查点。

每一步的状态存在 runs/名字-档位/ 里；停了（Ctrl-C、断电）再运行同一条命令就接着训练，结果一样。\
训练完，文件夹里有权重、说明卡和清单的一项；--install 把它们放进 data/。

\b
例
  aigc train --list
  aigc train mlp                      用 cpu 一档
  aigc train mlp --preset cpu --install
  aigc train mlp --seed 7 --out runs/mlp-7
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("train", rich_help_panel=PANEL, help=_HELP)(train)


def train(
    name: Annotated[
        str | None, typer.Argument(metavar="名字", help="训练哪一个。", show_default=False)
    ] = None,
    preset: Annotated[str, typer.Option(metavar="cpu|gpu", help="档位。")] = "cpu",
    seed: Annotated[
        int | None, typer.Option(min=0, help="换一个种子；不写就用档位自己的。", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="文件夹", help="放在哪里；不写：runs/名字-档位。", show_default=False),
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="扔掉已有的，从头训练。")] = False,
    install: Annotated[bool, typer.Option("--install", help="训练完放进 data/。")] = False,
    listed: Annotated[bool, typer.Option("--list", help="只列出能训练什么。")] = False,
) -> None:
    """See :data:`_HELP`."""
    from aigc_course.training import recipe, run

    if listed:
        for known in recipe.names():
            found = recipe.find(known)
            typer.echo(f"{known}  {found.TITLE}  {'、'.join(found.PRESETS)}")
        return
    if name is None:
        raise UserError("没有写训练哪一个", f"现有：{'、'.join(recipe.names())}")
    try:
        trained = run.train(name, preset, seed=seed, out=out, restart=restart)
    except KeyboardInterrupt:
        typer.echo("停下了。再运行同一条命令就接着训练；从头来：加 --restart", err=True)
        raise typer.Exit(130) from None
    made = trained.entry.made
    typer.echo(
        f"训练完：{trained.weights}，{trained.entry.size:,} 字节，用时 {made['seconds']:g} 秒"
    )
    for metric, value in made["metrics"].items():
        typer.echo(f"  {metric} {value:g}")
    if install:
        typer.echo(f"放进了 {run.install(trained)}，说明卡和清单也在")
