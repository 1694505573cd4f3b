"""What an instructor does: ``aigc release``, ``grade``, ``report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aigc_course.cli.app import command
from aigc_course.errors import UserError

PANEL = "教"


@command(PANEL)
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
    """从课程的笔记本里发布一份作业：学生版、ZIP、nbgrader 的文件夹和成绩册。

    课程文件夹用 nbgrader 的布局：source/作业 是带答案的原稿，release/作业 是学生版，
    release/作业.zip 发给学生。nbgrader 的 exchange 和 formgrader 可以直接接着用。

    同一条命令再来一次就是重新发布：先列出与上次的不同；已经有人交了作业、而题目或分值变了时不动手，
    除非 --force。source/ 里的笔记本你可以改，重新发布时用的是你改过的那份。

    \b
    例
      aigc release ps1 --notebooks 01,02,03
      aigc release ps1 --notebooks 01,02,03 --due "2026-12-01 23:59"
      aigc release ps1 --points "01.1=3,02.*=2,02.q1=0"   只改分值
      aigc release ps2 --notebooks 04 --no-open --course D:\\2026秋
    """
    from aigc_course.classroom.assignment.release import ReleaseOptions, shown_due
    from aigc_course.classroom.assignment.release import release as make

    options = ReleaseOptions(
        name, course, notebooks, points, due, open_questions, force, refresh, course_id
    )
    done = make(options)
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


@command(PANEL)
def grade(
    submitted: Annotated[Path, typer.Argument(metavar="提交", help="放提交的文件夹，或它的 ZIP。")],
    assignment: Annotated[
        str, typer.Option(metavar="名字", help="哪份作业；只有一份时可不写。", show_default=False)
    ] = "",
    course: Annotated[
        Path | None,
        typer.Option(
            metavar="文件夹",
            help="课程文件夹（里面有 source）；不写就在提交的上一级找。",
            show_default=False,
        ),
    ] = None,
    roll: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="名单，表头 学号,姓名,邮箱,班级；没交的也记下。", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="几个进程；不写按处理器数，最多 8。", min=1, show_default=False
        ),
    ] = None,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="地址", help="在 Dask 集群上批改：tcp://主机:端口。", show_default=False
        ),
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="整数",
            help="隐藏数据的种子；不写用这份作业自己的，存在 .aigc 里。",
            min=0,
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="学号/练习",
            help="只（重新）批改这些：学号、学号/练习、练习。",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="批改过的也重新批改。")] = False,
    limits: Annotated[
        str,
        typer.Option(metavar="限额", help="时间、内存等的限额，可以分练习写。", show_default=False),
    ] = "",
    late: Annotated[
        str,
        typer.Option(metavar="规则", help="迟交怎么扣分；不写只标出，不扣分。", show_default=False),
    ] = "",
    layout: Annotated[
        str,
        typer.Option(metavar="样式", help="提交怎么放的：auto、nbgrader、flat、moodle、canvas。"),
    ] = "auto",
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="不隔离：学生的代码有你的全部权限。")
    ] = False,
) -> None:
    """在隔离的进程里批改一个班，成绩存进课程文件夹的 .aigc/grades.db。

    收得下：nbgrader 的 submitted/学号/作业/*.ipynb；每人一个文件夹或一个 ZIP；
    Moodle、Canvas 的下载，解开或没解开都行。

    随时可以停：已经批改的都在，再运行同一条命令就接着做；提交、作业、种子、限额都没变的不会再批改一次。
    有练习因为评分程序自己出错而没有成绩时，退出码是 1，再运行一次会重试。

    \b
    例
      aigc grade submitted/
      aigc grade submitted/ --roll 名单.csv
      aigc grade submitted/ --late grace=10m,per_day=10%,max=50%,cutoff=7d
      aigc grade submitted/ --only 2026001          只重新批改一个人
      aigc grade submitted/ --only 2026001/03.2     只重新批改他的一题
      aigc grade submitted/ --only 03.2             全班只重新批改一题
      aigc grade submitted/ --limits "seconds=5,memory_mib=512,03.5.seconds=20"
      aigc grade Moodle下载.zip --course . --roll 名单.csv
      aigc grade submitted/ --scheduler tcp://10.0.0.5:8786
    """
    from typing import get_args

    from aigc_course.classroom.grading.late_rules import LatePolicy
    from aigc_course.classroom.grading.limits import LimitOptions
    from aigc_course.classroom.grading.options import GradeOptions
    from aigc_course.classroom.grading.whole_class import grade_class
    from aigc_course.classroom.submission.collect import Layout
    from aigc_course.cli.grading_screen import Live, Plain, show

    if scheduler and workers:
        raise typer.BadParameter("--workers 与 --scheduler 只能用一个")
    if again and only:
        raise typer.BadParameter("--again 与 --only 只能用一个")
    if layout not in get_args(Layout):
        raise typer.BadParameter(f"--layout 只能是 {'、'.join(get_args(Layout))}")
    try:
        rules, policy = LimitOptions.parse(limits), LatePolicy.parse(late)
    except UserError as error:
        raise typer.BadParameter(str(error)) from None
    options = GradeOptions(
        submitted,
        assignment,
        course,
        roll,
        workers or 0,
        scheduler,
        seed,
        tuple(only or ()),
        again,
        rules,
        policy,
        layout,  # type: ignore[arg-type]
        unconfined,
    )
    if unconfined:
        typer.echo("! 没有隔离：学生的代码能读写你能读写的一切", err=True)
    screen = Live() if sys.stdout.isatty() else Plain()
    try:
        with screen:
            summary = grade_class(options, screen)
    except KeyboardInterrupt:
        typer.echo(f"停了。这次批改的 {screen.graded} 份都在；再运行同一条命令会接着批改。")
        raise typer.Exit(130) from None
    show(summary)
    raise typer.Exit(1 if summary.ungraded else 0)


@command(PANEL)
def report(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[作业]", help="如 ps1；只有一次作业时可不写。", show_default=False),
    ] = None,
    course: Annotated[
        Path, typer.Option(metavar="文件夹", help="课程文件夹。", show_default="当前文件夹")
    ] = Path("."),
    roll: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="名单：学号、姓名、邮箱、分组。", show_default=False),
    ] = None,
    lms: Annotated[
        str | None,
        typer.Option(metavar="canvas|moodle", help="另写一份它能导入的表。", show_default=False),
    ] = None,
    lms_export: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="它自己导出的表；分数填进去，其余不动。", show_default=False
        ),
    ] = None,
    only_exercises: Annotated[
        bool, typer.Option("--only-exercises", help="给 LMS 的分数不含开放题。")
    ] = False,
    gradebook: Annotated[
        bool, typer.Option("--gradebook/--no-gradebook", help="写进 nbgrader 的成绩册。")
    ] = True,
    publish: Annotated[
        str | None,
        typer.Option(
            metavar="exchange|zip",
            help="反馈页发到 nbgrader 的交换文件夹，或打成 ZIP。",
            show_default=False,
        ),
    ] = None,
) -> None:
    """把评好的一次作业写成成绩表、反馈页、全班页，并写进 nbgrader 的成绩册。

    成绩表 reports/ps1-grades.csv 每人一行，没评出来的分数空着；反馈页在 feedback/，一人一页；全班页
    reports/ps1.html 有分布、各题难度与区分度、常见的错、写法相近的答案。开放题在 nbgrader 的
    formgrader 里批，批完再运行一次，人工的分数和评语就进了表和反馈页。可以反复运行。

    \b
    例
      aigc report                                当前文件夹里唯一的那次作业
      aigc report ps1 --roll 名单.csv            名单上每人一行，没交的也在
      aigc report ps1 --lms canvas --lms-export 导出.csv
      aigc report ps1 --publish zip              反馈页打成一个 ZIP
    """
    from aigc_course.classroom.report.run import ReportOptions, write_reports

    if lms not in (None, "canvas", "moodle"):
        raise UserError(f"--lms 只能是 canvas 或 moodle，不是 {lms}", "改成其中之一")
    if publish not in (None, "exchange", "zip"):
        raise UserError(f"--publish 只能是 exchange 或 zip，不是 {publish}", "改成其中之一")
    if lms_export and not lms:
        raise UserError("写了 --lms-export，没写是哪一种", "加上 --lms canvas 或 --lms moodle")
    options = ReportOptions(lms, lms_export, not only_exercises, gradebook, publish)
    for row in write_reports(course, name, roll, options):
        typer.echo(row)
