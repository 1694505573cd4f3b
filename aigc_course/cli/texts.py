"""``aigc corpus``: the text pipeline of lesson 08 on a learner's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc_course.cli.app import command
from aigc_course.errors import UserError

if TYPE_CHECKING:
    from aigc_course.text.pipeline import Funnel, Pipeline

PANEL = "做数据"
STEPS = {  # what --steps can name, in the order in which they are taken
    "drop_html": "去网页标签和实体",
    "drop_urls": "去网址",
    "drop_invisible": "去看不见的字符",
    "to_halfwidth": "全角字母数字改半角",
    "chinese_punctuation": "汉字旁的标点改全角",
    "squeeze_repeats": "压短重复的标点",
    "squeeze_spaces": "压缩空白",
    "simplify": "繁体改简体",
}
_NAMES = {
    **STEPS,
    "empty": "清洗后为空",
    "length": "长度不合",
    "han_share": "汉字太少",
    "private": "盖住私人信息",
    "exact": "重复",
    "near": "近似重复",
}


@command(PANEL)
def corpus(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="文件...", help="文本文件，一行一条；或有 text 一列的 .parquet。按写的次序读。"
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="文件.parquet", help="写到哪里。", show_default=False)
    ],
    workers: Annotated[int, typer.Option(min=1, help="这台机器上用几个进程。")] = 1,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="地址", help="改用 Dask 集群，如 tcp://10.0.0.5:8786。", show_default=False
        ),
    ] = "",
    steps: Annotated[
        str,
        typer.Option(metavar="步骤,步骤…", help=f"清洗哪几步：{'、'.join(STEPS)}；none 不清洗。"),
    ] = "drop_html,drop_invisible,to_halfwidth,squeeze_repeats,squeeze_spaces",
    shortest: Annotated[int, typer.Option(min=1, help="清洗后至少几个字。")] = 1,
    longest: Annotated[int, typer.Option(min=1, help="至多几个字。")] = 100_000,
    han: Annotated[float, typer.Option(min=0.0, max=1.0, help="汉字至少占几成；0 不管。")] = 0.0,
    private: Annotated[
        bool, typer.Option("--private/--no-private", help="盖住电话、身份证号、邮箱、银行卡号。")
    ] = True,
    near: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="相似到多少算近似重复；0 不找。"),
    ] = 0.8,
    keep: Annotated[
        str,
        typer.Option(metavar="first|all", help="近似重复：只留第一条，或都留在同一份里。"),
    ] = "first",
    seed: Annotated[int, typer.Option(min=0, help="划分的种子。")] = 0,
) -> None:
    """把自己的文本做成能训练的数据：清洗、过滤、去重、划分，写成一个 Parquet 文件。

    划分是训练 80 %、验证 10 %、测试 10 %；近似重复的不会分到两份里。
    几个进程、哪台机器都一样：同样的文件、同样的选项，写出的字节相同。内存有上限，文件可以比内存大。
    中途停下，已有的结果文件不动。

    \b
    例
      aigc corpus 网页.txt 评论.txt --out 语料.parquet
      aigc corpus 大文件.parquet --out 语料.parquet --workers 8
      aigc corpus 诗.txt --out 诗.parquet --steps simplify,squeeze_spaces --near 0
    """
    if workers > 1 and cluster:
        raise UserError("--workers 和 --cluster 只能写一个", "用集群就去掉 --workers")
    pipeline = _pipeline(steps, shortest, longest, han, private, near, keep, seed)
    funnel = pipeline.run(files, out, workers=workers, cluster=cluster)
    _show(funnel)
    typer.echo(f"写好了：{out}，{out.stat().st_size:,} 字节")


def _pipeline(
    steps: str,
    shortest: int,
    longest: int,
    han: float,
    private: bool,
    near: float,
    keep: str,
    seed: int,
) -> Pipeline:
    from aigc_course.text import cleaning, quality
    from aigc_course.text.pipeline import Near, Pipeline

    names = [] if steps == "none" else [name.strip() for name in steps.split(",") if name.strip()]
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise UserError(f"没有叫 {'、'.join(unknown)} 的步骤", f"现有：{'、'.join(STEPS)}")
    if shortest > longest:
        raise UserError(f"--shortest {shortest} 比 --longest {longest} 大", "对调，或改一个")
    if keep not in ("first", "all"):
        raise UserError(f"--keep 不能是 {keep}", "写 first 或 all")
    bounds = [quality.Bound(quality.length, shortest, longest)]
    if han:
        bounds.append(quality.Bound(quality.han_share, low=han))
    return Pipeline(
        clean=tuple(getattr(cleaning, name) for name in STEPS if name in names),
        bounds=tuple(bounds),
        private=private,
        near=Near(threshold=near, keep=keep) if near else None,
        seed=seed,
    )


def _show(funnel: Funnel) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("步骤", "剩下", "去掉", "改动", title=f"读入 {funnel.read:,} 条")
    for stage in funnel.stages:
        name = _NAMES.get(stage.name, stage.name)
        numbers = (stage.left, stage.dropped, stage.changed)
        table.add_row(name, *(f"{n:,}" if n else "·" for n in numbers))
    Console().print(table)
    parts = {"train": "训练", "val": "验证", "test": "测试"}
    typer.echo("，".join(f"{parts.get(name, name)} {n:,}" for name, n in funnel.parts.items()))
