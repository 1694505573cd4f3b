"""``aigc release``: an assignment out of the course's notebooks, in nbgrader's folders.

What is written, in this order, each file whole or not at all::

    nbgrader_config.py          only if there is none
    source/ps1/*.ipynb          with solutions and this assignment's points
    release/ps1/*.ipynb         made by nbgrader, which notes the cells in gradebook.db
    source/ps1/assignment.json  what is asked (solutions and rubrics: .aigc/assignments/ps1.json)
    release/ps1.zip             the student version with a note

A run that is cut short anywhere is finished by running it again. Notebooks already in ``source/``
are the instructor's: only points are written into them.
"""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.from_notebook import asked_notebook
from aigc_course.classroom.assignment.nbgrader_course import Nbgrader, write_config
from aigc_course.classroom.assignment.options import (
    check_name,
    choose_notebooks,
    parse_due,
    parse_points,
    points_of,
)
from aigc_course.classroom.assignment.record import FILE, AskedNotebook, Assignment
from aigc_course.errors import UserError, from_os_error
from aigc_course.files import write_atomically
from aigc_course.places import PACKAGE

__all__ = ["ReleaseOptions", "Released", "differences", "release", "submitters"]


@dataclass(frozen=True)
class ReleaseOptions:
    """What to release.

    Attributes:
        name: of the assignment.
        course: the course folder; made if it is not there.
        notebooks: as typed, ``"01,02"``; "" for those released before.
        points: as typed, ``"01.1=3,02.*=2"``; others keep what the notebook says.
        due: as typed; "" keeps the due time of an earlier release, ``"none"`` takes it away.
        open: with the open questions.
        force: even though some have handed in already.
        refresh: take the notebooks from the course again; those in ``source/`` are kept aside.
        course_id: nbgrader's name of the course, used when its configuration is first written.
    """

    name: str
    course: Path
    notebooks: str = ""
    points: str = ""
    due: str = ""
    open: bool = True
    force: bool = False
    refresh: bool = False
    course_id: str = "aigc"


@dataclass(frozen=True)
class Released:
    """What was released, what differs from the time before, and what to look at."""

    assignment: Assignment
    bundle: Path
    first: bool
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _ReleasePlan:
    assignment: Assignment
    sources: dict[str, Any]  # notebook name -> notebook with solutions and points
    gone: list[str]
    notes: list[str] = field(default_factory=list)


def release(options: ReleaseOptions, now: datetime | None = None) -> Released:
    """Release an assignment; see the module's description.

    Raises:
        UserError: an option is wrong, some have handed in already, or the folder
            cannot be written. Nothing has changed, or running it again completes it.
    """
    from aigc_course.classroom.store import exclusive

    name = check_name(options.name)
    root = Path(os.path.abspath(options.course.expanduser()))
    _refuse_own_folders(root)
    now = now or datetime.now().astimezone()
    try:
        for folder in ("source", "release", "submitted"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        with exclusive(root):
            old = Assignment.load(root, name) if (root / "source" / name / FILE).exists() else None
            plan = _plan(options, name, root, old, now)
            changes = differences(old, plan.assignment) if old else []
            write_config(root, options.course_id)
            nbgrader = Nbgrader(root)
            if old:
                _refuse_late_change(options, root, old, plan.assignment, changes, nbgrader)
            _write_sources(root, name, plan, now)
            _student_version(root, name, nbgrader)
            nbgrader.set_due(name, plan.assignment.due_at)
            assignment = _as_released(root, plan)
            assignment.save(root)
            bundle = _bundle(root, assignment)
    except OSError as error:
        raise _unwritable(error, root) from error
    return Released(assignment, bundle, old is None, tuple(changes), tuple(plan.notes))


def _unwritable(error: OSError, root: Path) -> UserError:
    cause = from_os_error(error, error.filename or root).cause
    return UserError(cause, "换一个写得进去的课程文件夹（--course），或先解决它，再来一次")


def _refuse_own_folders(root: Path) -> None:
    real = root.resolve()
    own = real.is_relative_to(PACKAGE) or real.is_relative_to(PACKAGE.parent / "notebooks")
    if own or (real == PACKAGE.parent and (PACKAGE.parent / "notebooks").is_dir()):
        raise UserError(f"{root} 是课程自己的文件夹", "另建一个课程文件夹：--course 我的班")


# --- what will be released ---------------------------------------------------------------------


def _plan(
    options: ReleaseOptions, name: str, root: Path, old: Assignment | None, now: datetime
) -> _ReleasePlan:
    import nbformat

    from aigc_course import __version__
    from aigc_course.authoring.student import student_version
    from aigc_course.classroom.workspace.lessons import notebooks_source

    course = {path.stem: path for path in sorted(notebooks_source().glob("[0-9][0-9]_*.ipynb"))}
    before = [book.name for book in old.notebooks] if old else []
    if not options.notebooks and not before:
        raise UserError("没有写哪些笔记本", f"如 aigc release {name} --notebooks 01,02,03")
    known = [*course, *(book for book in before if book not in course)]
    chosen = choose_notebooks(options.notebooks, known) if options.notebooks else before
    folder = root / "source" / name
    plan = _ReleasePlan(Assignment(name, ()), {}, [book for book in before if book not in chosen])
    for book in chosen:
        kept = folder / f"{book}.ipynb"
        if kept.is_file() and not options.refresh:
            plan.sources[book] = _read(kept)
            if book in course and _differ(plan.sources[book], _read(course[book])):
                plan.notes.append(
                    f"{book}：用 source/{name} 里的，它与课程的不同；要换成课程的：--refresh"
                )
        elif book in course:
            plan.sources[book] = _read(course[book])
        else:
            raise UserError(f"{kept} 不在，课程里也没有 {book}", "放回去，或从 --notebooks 里去掉")
    if not options.open:
        for source in plan.sources.values():
            source.cells = [cell for cell in source.cells if not _is_open(cell)]
    _set_points(plan.sources, options.points)
    asked = []
    for book, source in plan.sources.items():
        nbformat.validate(source)
        asked.append(_asked(book, source, student_version(source)))
    for book_asked in asked:
        if not book_asked.exercises and not book_asked.open:
            raise UserError(f"{book_asked.name} 里没有要交的题", "从 --notebooks 里去掉它")
    due = old.due if old and not options.due else ""
    if options.due and options.due != "none":
        at = parse_due(options.due)
        due = at.isoformat(timespec="seconds")
        if at <= now:
            plan.notes.append(f"截止时间 {at:%Y-%m-%d %H:%M} 已经过去")
    foreign = sorted(p.stem for p in folder.glob("*.ipynb") if p.stem not in [*chosen, *before])
    if foreign:
        plan.notes.append(
            f"source/{name} 里还有 {'、'.join(foreign)}：nbgrader 会一起发布，aigc grade 不批改它"
        )
    plan.assignment = Assignment(
        name,
        tuple(asked),
        due=due,
        course_version=__version__,
        released=now.isoformat(timespec="seconds"),
    )
    return plan


def _read(path: Path) -> Any:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, nbformat.ValidationError, AttributeError) as error:
        raise UserError(
            f"{path} 不是完整的笔记本（{type(error).__name__}）",
            "改好它，或用 --refresh 换成课程的",
        ) from error


def _differ(one: Any, other: Any) -> bool:
    def text(notebook: Any) -> list[str]:
        return [cell.source for cell in notebook.cells if not _is_open(cell)]

    return text(one) != text(other)


def _is_open(cell: Any) -> bool:
    grading = cell.metadata.get("nbgrader") or {}
    return bool(grading.get("grade") and grading.get("solution") and cell.cell_type == "markdown")


def _id(cell: Any) -> str:
    """Number of the exercise or open question whose points a cell carries; "" for other cells."""
    parts = str(cell.get("id", "")).split("-")
    grading = cell.metadata.get("nbgrader") or {}
    return f"{parts[1]}.{parts[2]}" if grading.get("grade") and len(parts) == 3 else ""


def _set_points(sources: dict[str, Any], text: str) -> None:
    graded = {id: cell for source in sources.values() for cell in source.cells if (id := _id(cell))}
    for id, points in parse_points(text, graded).items():
        graded[id].metadata.nbgrader["points"] = points_of(points)


def _asked(book: str, source: Any, student: Any) -> AskedNotebook:
    from aigc_course.judging import catalogue

    titles = {asked.id: asked.title for asked in catalogue.exercises(book[:2])}
    try:
        return asked_notebook(book, source, student, titles)
    except ValueError as error:
        raise UserError(
            f"{book} 的题目标记不全：{error}", "按 docs/instructor.md 改好它"
        ) from error


def differences(old: Assignment, new: Assignment) -> list[str]:
    """What a learner or a mark would notice, one line each.

    Example:
        >>> a = Assignment("ps1", (), due="2026-12-01T23:59:00+08:00")
        >>> differences(a, replace(a, due=""))
        ['截止：2026-12-01 23:59 +08:00 → 没有']
    """
    found = []
    if old.due != new.due:
        found.append(f"截止：{shown_due(old)} → {shown_due(new)}")
    names = {book.name for book in old.notebooks}, {book.name for book in new.notebooks}
    found += [f"去掉 {name}" for name in sorted(names[0] - names[1])]
    found += [f"加上 {name}" for name in sorted(names[1] - names[0])]
    for book in new.notebooks:
        before = old.notebook(book.name)
        if before is None:
            continue
        for kind, was, now in (
            ("练习", before.exercises, book.exercises),
            ("开放题", before.open, book.open),
        ):
            earlier = {asked.id: asked for asked in was}
            later = {asked.id: asked for asked in now}
            found += [f"去掉{kind} {id}" for id in earlier if id not in later]
            for id, asked in later.items():
                if id not in earlier:
                    found.append(f"加上{kind} {id}（{asked.points:g} 分）")
                    continue
                if earlier[id].points != asked.points:
                    found.append(f"{id}：{earlier[id].points:g} → {asked.points:g} 分")
                if replace(earlier[id], points=0) != replace(asked, points=0):
                    found.append(f"{id}：题目或参考答案改过")
    return found


def shown_due(assignment: Assignment) -> str:
    """The due time with its zone, for people."""
    due = assignment.due_at
    if due is None:
        return "没有"
    zone = due.strftime("%z")
    return f"{due:%Y-%m-%d %H:%M} {zone[:3]}:{zone[3:]}".rstrip(" :")


def submitters(root: Path, name: str) -> list[str]:
    """Who has handed in, by the folders below ``submitted/``."""
    return sorted({path.parent.parent.name for path in root.glob(f"submitted/*/{name}/*.ipynb")})


def _refuse_late_change(
    options: ReleaseOptions,
    root: Path,
    old: Assignment,
    new: Assignment,
    changes: list[str],
    nbgrader: Nbgrader,
) -> None:
    count = nbgrader.submissions(new.name)
    if count and _cells(old) != _cells(new):
        raise UserError(
            f"成绩册里已有 {count} 份 {new.name}，nbgrader 不许再增删题目", "换一个作业名发布"
        )
    handed_in = submitters(root, new.name)
    harmful = [change for change in changes if not change.startswith("截止")]
    if handed_in and harmful and not options.force:
        listed = "；".join(harmful[:5]) + ("……" if len(harmful) > 5 else "")
        raise UserError(
            f"已有 {len(handed_in)} 人交了 {new.name}，而这次会改动：{listed}",
            "确实要改就加 --force；按旧版写的答案仍认得出来",
        )


def _cells(assignment: Assignment) -> set[str]:
    found = set()
    for book in assignment.notebooks:
        found.add(book.name)
        found |= {ex.answer_cell for ex in book.exercises} | {q.cell for q in book.open}
    return found


# --- writing -----------------------------------------------------------------------------------


def _write_sources(root: Path, name: str, plan: _ReleasePlan, now: datetime) -> None:
    from aigc_course.authoring.notebooks import store

    folder = root / "source" / name
    folder.mkdir(parents=True, exist_ok=True)
    aside = root / ".aigc" / "assignments" / f"{name}.{now:%Y%m%d-%H%M%S}"
    for book in plan.gone:
        path = folder / f"{book}.ipynb"
        if path.exists():
            aside.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside / path.name)
            plan.notes.append(f"{book}.ipynb 移到了 {aside.relative_to(root).as_posix()}")
    for book, source in plan.sources.items():
        path = folder / f"{book}.ipynb"
        if path.exists():
            there = _read_or_none(path)
            if there == source:
                continue
            if there is None or _differ(there, source):
                aside.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, aside / path.name)
                plan.notes.append(f"原来的 {book}.ipynb 留在 {aside.relative_to(root).as_posix()}")
        store(source, path)


def _read_or_none(path: Path) -> Any:
    try:
        return _read(path)
    except UserError:
        return None


def _student_version(root: Path, name: str, nbgrader: Nbgrader) -> None:
    """Let nbgrader make it; if it cannot, what was there before stays."""
    folder, old = root / "release" / name, root / "release" / f".{name}.old"
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
    try:
        nbgrader.generate(name)
    except BaseException:
        if old.exists():
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _as_released(root: Path, plan: _ReleasePlan) -> Assignment:
    """The assignment with the stubs nbgrader wrote, should its configuration want others."""
    name = plan.assignment.name
    books = []
    for book in plan.assignment.notebooks:
        student = _read(root / "release" / name / f"{book.name}.ipynb")
        books.append(_asked(book.name, plan.sources[book.name], student))
    return replace(plan.assignment, notebooks=tuple(books))


def _bundle(root: Path, assignment: Assignment) -> Path:
    """``release/<name>.zip``: the same bytes for the same release."""
    name = assignment.name
    folder = root / "release" / name
    files = {f"{name}/说明.txt": _note(assignment).encode("utf-8")}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            files[f"{name}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for inside, data in sorted(files.items()):
            info = zipfile.ZipInfo(inside)  # dated 1980, on every machine
            info.create_system, info.external_attr = 3, 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(info, data)
    target = root / "release" / f"{name}.zip"
    write_atomically(target, memory.getvalue())
    return target


def _note(assignment: Assignment) -> str:
    books = "\n".join(
        f"  {book.name}.ipynb　练习 {sum(ex.points for ex in book.exercises):g} 分"
        + (f"，开放题 {sum(q.points for q in book.open):g} 分" if book.open else "")
        for book in assignment.notebooks
    )
    due = shown_due(assignment)
    return (
        f"作业 {assignment.name}\n\n"
        f"截止：{due if due != '没有' else '老师另行通知'}\n\n"
        f"要交的笔记本：\n{books}\n\n"
        "怎么做\n"
        f"  1. 解压到自己的学习文件夹里，照常运行 aigc lab，打开 {assignment.name} 里的笔记本。\n"
        "  2. 在“在这里写你的代码”处作答，运行下面的检查格，看它说什么。\n"
        "  3. 保存，交 .ipynb 文件。文件名不要改。\n\n"
        f"课程版本 {assignment.course_version}\n"
    )
