"""What an author of lessons does: ``aigc notebooks``, ``train``, ``answers``, ``new-lesson``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aigc_course.cli.app import command
from aigc_course.errors import UserError
from aigc_course.places import PACKAGE

PANEL = "写课"


@command(PANEL)
def notebooks(
    numbers: Annotated[
        list[str] | None,
        typer.Argument(help="章号，如 03 05；不写就是全部。", metavar="NN"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="只核对已存的文件是不是规范形式，不执行。")
    ] = False,
    text: Annotated[
        bool,
        typer.Option("--text", help="把一章打印成纯文本形式（便于在编辑器里改）。"),
    ] = False,
    apply: Annotated[
        Path | None,
        typer.Option("--apply", help="把改好的纯文本写回这一章，保留仍有效的输出。"),
    ] = None,
    student: Annotated[
        Path | None, typer.Option("--student", help="把这一章的学生版写到这个文件。")
    ] = None,
    seconds: Annotated[int, typer.Option(help="一格代码最多跑多少秒。")] = 300,
) -> None:
    """执行、规范化并核对源笔记本（给写课的人）。

    自上而下执行一遍，清掉易变的元数据，核对后存回。

    \b
    例
      aigc notebooks                      全部执行一遍
      aigc notebooks 03 05                只执行第 03、05 章
      aigc notebooks 03 --text > 03.txt   取出纯文本；改好后
      aigc notebooks 03 --apply 03.txt    写回；再执行：aigc notebooks 03
      aigc notebooks --check              提交前核对
    """
    import nbformat

    from aigc_course.authoring.notebooks import normalise, repository_notebooks, store
    from aigc_course.authoring.student import write_student_version
    from aigc_course.authoring.text import apply_text, to_text

    found = repository_notebooks(_folder())
    chosen = list(found) if not numbers else [n.zfill(2) for n in numbers]
    unknown = [n for n in chosen if n not in found]
    if unknown:
        raise UserError(f"没有第 {'、'.join(unknown)} 章", f"现有：{'、'.join(found)}")
    if (text or apply or student) and len(chosen) != 1:
        raise UserError("--text、--apply、--student 一次只处理一章", "写明章号")
    if text:
        sys.stdout.write(to_text(nbformat.read(found[chosen[0]], as_version=4)))
    elif apply:
        store(normalise(apply_text(apply, found[chosen[0]])), found[chosen[0]])
    elif student:
        write_student_version(found[chosen[0]], student)
    elif check:
        _check([found[n] for n in chosen])
    else:
        _run([found[n] for n in chosen], seconds)


@command(PANEL)
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
    """训练一个模型，做成随课程附带的检查点。

    每一步的状态存在 runs/名字-档位/ 里；停了（Ctrl-C、断电）再运行同一条命令就接着训练，结果一样。
    训练完，文件夹里有权重、说明卡和清单的一项；--install 把它们放进 data/。

    \b
    例
      aigc train --list
      aigc train mlp                      用 cpu 一档
      aigc train mlp --preset cpu --install
      aigc train mlp --seed 7 --out runs/mlp-7
    """
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


@command(PANEL)
def answers(
    files: Annotated[
        list[Path], typer.Argument(metavar="文件...", help="写着 ANSWERS 的 Python 文件。")
    ],
    only: Annotated[
        str, typer.Option(metavar="NN.k", help="只试这一题。", show_default=False)
    ] = "",
    seeds: Annotated[int, typer.Option(min=0, help="除了 check，再判几个种子。")] = 10,
    brief: Annotated[bool, typer.Option("--brief", help="抓住了的只数，不列。")] = False,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="文件", help="全部结果写成 JSON。", show_default=False),
    ] = None,
) -> None:
    """拿作者没见过的答案试一道题的判题：对的有没有判错，错的有没有放过。

    文件里是 ANSWERS = [("03.2", "right" 或 "wrong", "名字", "源码"), …]，可以有 PRELUDE。
    每个答案照学习者的 check 判一次，再换种子判几次；对的每次都要通过，错的一次也不能通过。
    抓住了的列出学习者看到的卡片。有误判时退出码为 1。答案就在这个进程里运行，只试信得过的文件。

    \b
    例
      aigc answers answers_03.py
      aigc answers answers_03.py --only 03.2 --seeds 20
      aigc answers answers_*.py --brief --json 结果.json
    """
    from aigc_course.authoring import answers as trying
    from aigc_course.runtime import progress

    every = [answer for path in files for answer in trying.load(path)]
    chosen = [answer for answer in every if only in ("", answer.id)]
    if not chosen:
        raise UserError("没有要试的答案", f"文件里有：{'、'.join(sorted({a.id for a in every}))}")
    trials = trying.try_(chosen, _folder(), seeds, lambda found: progress(found, "答案"))
    typer.echo(trying.as_text(trials, brief))
    if as_json:
        as_json.write_text(trying.as_json(trials) + "\n", encoding="utf-8")
    raise typer.Exit(any(trial.verdict != "as it should be" for trial in trials))


@command(PANEL, name="new-lesson")
def new_lesson(
    number: Annotated[str, typer.Argument(metavar="NN", help="章号，两位数。")],
    slug: Annotated[str, typer.Argument(metavar="名字", help="小写字母、数字、下划线。")],
    title: Annotated[str, typer.Option(help="中文题目。", show_default=False)] = "",
    data: Annotated[
        str,
        typer.Option(metavar="名字", help="这一章带来的数据：再写它的脚本、卡和读取函数。"),
    ] = "",
    run: Annotated[bool, typer.Option("--run/--no-run", help="写好就执行笔记本。")] = True,
) -> None:
    """写出新的一章的骨架：笔记本、练习、练习的测试。

    骨架是一个完整的小例子，写出来就能跑、测试就能过；每一处要换掉的都标着〔待写〕。
    已有的文件一个也不碰，章的清单都从文件夹里读。写完了，测试会提醒加进 README 的表。

    \b
    例
      aigc new-lesson 08 text_pipeline
      aigc new-lesson 08 text_pipeline --title 文本处理流程 --data reviews
    """
    from aigc_course.authoring import new_lesson as making
    from aigc_course.authoring.notebooks import repository_notebooks

    folder = _folder()
    made = making.plan(number, slug, title=title, data=data, root=folder.parent)
    for path in making.write(made, run=run):
        typer.echo(path.relative_to(folder.parent).as_posix())
    typer.echo(
        f"接着：aigc notebooks {number} --text > {number}.txt 取出来改，--apply 写回；"
        f"pytest tests/exercises/test_ex{number}.py tests/notebooks -k {number}"
    )
    before = f"{int(number) - 1:02d}"
    if before in repository_notebooks(folder):
        typer.echo(f"第 {before} 章的结尾要提到“{number}”，没有的话测试会说")


def _folder() -> Path:
    here = PACKAGE.parent / "notebooks"
    for folder in (Path.cwd() / "notebooks", here):
        if folder.is_dir():
            return folder
    raise UserError("找不到 notebooks/ 文件夹", "在课程仓库里运行")


def _check(paths: list[Path]) -> None:
    import nbformat

    from aigc_course.authoring.notebooks import normalise, problems

    bad = 0
    for path in paths:
        stored = nbformat.read(path, as_version=4)
        wrong = problems(stored)
        if nbformat.writes(normalise(stored)) != nbformat.writes(stored):
            wrong.append("不是规范形式：请运行 aigc notebooks " + path.name[:2])
        for line in wrong:
            typer.echo(f"✗ {path.name}  {line}", err=True)
        bad += bool(wrong)
        if not wrong:
            typer.echo(f"✓ {path.name}")
    raise typer.Exit(1 if bad else 0)


def _run(paths: list[Path], seconds: int) -> None:
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from rich.console import Console
    from rich.table import Table

    from aigc_course.authoring.notebooks import (
        MAX_BYTES,
        execute,
        facts,
        normalise,
        problems,
        store,
    )

    table = Table("笔记本", "秒", "字数", "代码格", "豁免", "图", "练习", "KB", title="执行结果")
    bad = 0
    for path in paths:
        typer.echo(f"执行 {path.name} …", err=True)
        notebook = nbformat.read(path, as_version=4)
        try:
            took = execute(notebook, path.parent, seconds)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            typer.echo(f"✗ {path.name} 没有跑完，文件未改动：\n{error}", err=True)
            bad += 1
            continue
        normal = normalise(notebook)
        wrong = problems(normal)
        if wrong:
            for line in wrong:
                typer.echo(f"✗ {path.name}  {line}", err=True)
            bad += 1
        store(normal, path)
        f = facts(path)
        if f.bytes > MAX_BYTES:
            typer.echo(f"✗ {path.name}  {f.bytes:,} 字节，超过 {MAX_BYTES:,}", err=True)
            bad += 1
        table.add_row(
            path.name,
            f"{took:.0f}",
            f"{f.characters:,}",
            str(f.code_cells),
            f"{f.exempt}（{f.exempt_share:.0%}）",
            str(f.pictures),
            f"{f.exercises}+{f.open_questions}",
            f"{f.bytes // 1000:,}",
        )
    Console().print(table)
    raise typer.Exit(1 if bad else 0)
