"""Finding what was handed in, whatever the folder looks like, without trusting it.

Accepted are nbgrader's ``submitted/<student>/<assignment>/*.ipynb``, one folder or one ZIP a
student, and the downloads of Moodle and Canvas, unpacked or as one ZIP. Nothing is unpacked to
disk and no symbolic link is followed: what is found are *sources*, read one submission at a time.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from aigc_course.classroom.assignment.record import AskedNotebook, Assignment
from aigc_course.classroom.marks import SubmissionStatus
from aigc_course.classroom.submission.roll import Roll, collision_key, student_id
from aigc_course.classroom.submission.untrusted_files import (
    IGNORED,
    MAX_ENTRIES,
    Unreadable,
    UntrustedFile,
    list_files,
    read_untrusted,
)
from aigc_course.errors import UserError, from_os_error

__all__ = ["Layout", "Problem", "Submission", "collect"]

Layout = Literal["auto", "nbgrader", "flat", "moodle", "canvas"]

_MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)"
)
_CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<number>\d+)_(?P<upload>\d+)_(?P<file>.+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Problem:
    """Why a notebook, or a whole submission, was not opened."""

    status: SubmissionStatus
    reason: str


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        student: id on the roll, or the folder's name.
        files: for each notebook of the assignment that is there, where its bytes are.
        problems: for each notebook that is there but was not opened, why; under ``""`` for the
            whole submission.
        time: when it was handed in, with its zone.
        notes: for the instructor.
    """

    student: str
    files: Mapping[str, UntrustedFile] = field(default_factory=dict)
    problems: Mapping[str, Problem] = field(default_factory=dict)
    time: datetime | None = None
    notes: tuple[str, ...] = ()


# --- whose is it -----------------------------------------------------------------------------


def collect(
    top: Path,
    assignment: Assignment,
    *,
    roll: Roll | None = None,
    others: Iterable[str] = (),
    layout: Layout = "auto",
) -> list[Submission]:
    """What each student handed in, by student id.

    Args:
        top: the folder ``submitted/`` or a ZIP of it.
        assignment: what was asked.
        roll: to find the id behind the names in the downloads of Moodle and Canvas.
        others: names of the course's other assignments: their folders are passed over.
        layout: how the folder is laid out; ``auto`` looks.

    Raises:
        UserError: the folder is not there, its layout is unclear, or names of students cannot be
            used or told apart.
    """
    if not top.exists():
        raise UserError(f"没有 {top}", "给出放提交的文件夹：aigc grade submitted/")
    if not top.is_dir() and top.suffix.lower() != ".zip":
        raise UserError(
            f"{top} 不是文件夹，也不是 ZIP", "给出放提交的文件夹：aigc grade submitted/"
        )
    try:
        files = []
        for entry in list_files(top):
            files.append(entry)
            if len(files) > MAX_ENTRIES:
                raise UserError(f"{top} 里的文件超过 {MAX_ENTRIES} 个", "核对是不是给错了文件夹")
        empty = _empty_folders(top) if top.is_dir() else []
    except OSError as error:
        raise from_os_error(error, error.filename or top) from error
    if layout == "auto":
        layout = _layout(files, assignment.name, top)
    owned = _owners(files, layout, roll or Roll())
    for name in empty if layout in ("nbgrader", "flat") else ():
        owned.setdefault(name, [])
    _check_names(owned, top)
    skip = {name.casefold() for name in others} - {assignment.name.casefold()}
    found = [_submission(student_id(name), own, assignment, skip) for name, own in owned.items()]
    return sorted(found, key=lambda one: one.student)


def _empty_folders(top: Path) -> list[str]:
    """Students' folders, with or without anything in them."""
    with os.scandir(top) as listing:
        return [
            item.name
            for item in listing
            if item.is_dir(follow_symlinks=False) and item.name.casefold() not in IGNORED
        ]


def _layout(found: list[UntrustedFile], assignment: str, top: Path) -> Layout:
    """The one layout that all notebooks agree with."""
    books = [entry for entry in found if entry.name.lower().endswith(".ipynb")]
    if not books:
        return "nbgrader"
    moodle = [bool(_MOODLE.fullmatch(book.parts[0])) for book in books]
    loose = [len(book.parts) == 1 for book in books]
    canvas = [
        one and bool(_CANVAS.fullmatch(book.parts[0]))
        for one, book in zip(loose, books, strict=True)
    ]
    if all(moodle):
        return "moodle"
    if all(canvas):
        return "canvas"
    if any(loose):
        stray = next(book for book, one in zip(books, loose, strict=True) if one)
        raise UserError(
            f"看不出 {top} 里的 {stray.name} 是谁的",
            "每个学生一个文件夹：submitted/学号/作业/；或用 --layout 指明 moodle、canvas",
        )
    if any(moodle):
        raise UserError(
            f"{top} 里有的像 Moodle 下载的，有的不像", "分开放；或用 --layout 指明是哪一种"
        )
    inside = any(len(b.parts) > 2 and b.parts[1].casefold() == assignment.casefold() for b in books)
    return "nbgrader" if inside else "flat"


def _owners(
    found: list[UntrustedFile], layout: Layout, roll: Roll
) -> dict[str, list[UntrustedFile]]:
    """Files by student; ``parts`` are then what is below the student's folder."""
    pattern = {"moodle": _MOODLE, "canvas": _CANVAS}.get(layout)
    owned: dict[str, list[UntrustedFile]] = defaultdict(list)
    numbers: dict[str, set[str]] = defaultdict(set)
    for entry in found:
        match = pattern.fullmatch(entry.parts[0]) if pattern else None
        if match is None:
            if len(entry.parts) > 1:
                owned[entry.parts[0]].append(replace(entry, parts=entry.parts[1:]))
            elif entry.problem:  # a link or a broken ZIP in the place of a student's folder
                name = entry.name[:-4] if entry.name.lower().endswith(".zip") else entry.name
                owned[name].append(entry)
            continue
        student = _on_roll(match["name"], match["number"], roll)
        numbers[student].add(match["number"])
        below = (match["file"], *entry.parts[1:]) if match["file"] else entry.parts[1:]
        owned[student].append(replace(entry, parts=below or entry.parts))
    doubled = [student for student, known in numbers.items() if len(known) > 1]
    if doubled:
        raise UserError(
            f"下载里有 {len(numbers[doubled[0]])} 个人都对应名单上的 {doubled[0]}",
            "给同名的人在文件夹名里写上学号，或按 submitted/学号/作业/ 摆放",
        )
    return dict(owned)


def _on_roll(name: str, number: str, roll: Roll) -> str:
    """The id on the roll for a person in an LMS's download; else their name and number."""
    people = roll.by_id()
    if number in people:
        return number
    plain = _letters(name)
    same = [p.id for p in roll.people if plain in (_letters(p.name), _letters(p.id))]
    swapped = [p.id for p in roll.people if sorted(plain) == sorted(_letters(p.name))]
    for candidates in (same, swapped):  # Canvas writes the family name first
        if len(candidates) == 1:
            return candidates[0]
    return f"{name}_{number}"


def _letters(text: str) -> str:
    return "".join(char for char in collision_key(text) if char.isalnum())


def _check_names(owned: Mapping[str, list[UntrustedFile]], top: Path) -> None:
    bad: list[str] = []
    same: dict[str, list[str]] = defaultdict(list)
    for name in owned:
        try:
            same[collision_key(student_id(name))].append(name)
        except ValueError as error:
            bad.append(f"{ascii(name)[1:-1] if not name.isprintable() else name[:60]} {error}")
    if bad:
        more = f"，等 {len(bad)} 个" if len(bad) > 5 else ""
        raise UserError(
            f"{top} 里有不能当学号的名字：{'；'.join(bad[:5])}{more}",
            "给这些文件夹改名再来一次；什么都还没批改",
        )
    doubled = ["、".join(names) for names in same.values() if len(names) > 1]
    if doubled:
        raise UserError(
            f"{top} 里有分不开的名字：{'；'.join(doubled[:5])}（只差大小写或写法）",
            "给其中一个改名再来一次；什么都还没批改",
        )


# --- which notebook is it --------------------------------------------------------------------


def _submission(
    student: str,
    found: list[UntrustedFile],
    assignment: Assignment,
    skip: set[str],
) -> Submission:
    wanted = assignment.name.casefold()
    own = [e for e in found if len(e.parts) > 1 and e.parts[0].casefold() == wanted]
    if not own:
        own = [e for e in found if len(e.parts) == 1 or e.parts[0].casefold() not in skip]
    notes: list[str] = []
    books = [e for e in own if e.name.lower().endswith(".ipynb")]
    chosen, unused = _assign(books, assignment, notes)
    files = {name: entry for name, entry in chosen.items() if not entry.problem}
    problems = {
        name: Problem("wrong file", f"{entry.name} {entry.problem}")
        for name, entry in chosen.items()
        if entry.problem
    }
    blocked = [e for e in own if e.problem and e not in chosen.values()]
    if blocked and not chosen:
        first = blocked[0]
        damaged = first.name.lower().endswith(".zip")
        problems[""] = Problem(
            "damaged file" if damaged else "wrong file", f"{first.name}：{first.problem}"
        )
    elif unused and not chosen:
        names = "、".join(entry.name for entry in unused[:3])
        problems[""] = Problem("wrong file", f"交的不是这次要的笔记本：{names}")
    elif own and not chosen and not all(e.name == "timestamp.txt" for e in own):
        names = "、".join(entry.name for entry in own[:3])
        problems[""] = Problem("wrong file", f"里面没有笔记本，只有：{names}")
    notes += [f"没用到的文件：{entry.name}" for entry in unused[:5]]
    time, how = _handed_in(own, list(chosen.values()) or blocked or books)
    if how and assignment.due:
        notes.append(how)
    return Submission(student, files, problems, time, tuple(notes))


def _assign(
    books: list[UntrustedFile], assignment: Assignment, notes: list[str]
) -> tuple[dict[str, UntrustedFile], list[UntrustedFile]]:
    """Which file is which notebook: by name, by a name that resembles it, by what is inside."""
    chosen: dict[str, UntrustedFile] = {}
    left = list(books)
    tests = (_exactly, _nearly, _by_content)
    for test in tests:
        for asked in assignment.notebooks:
            if asked.name in chosen:
                continue
            fitting = [entry for entry in left if test(entry, asked)]
            if not fitting:
                continue
            # the shallowest, then the newest: what was meant to be handed in
            best = min(fitting, key=lambda e: (len(e.parts), -e.time, e.parts))
            chosen[asked.name] = best
            left = [entry for entry in left if entry is not best]
            if test is not _exactly:
                notes.append(f"{best.name} 当作 {asked.name}.ipynb")
            for entry in fitting:
                if entry is not best:
                    notes.append(f"{asked.name} 有两份，用了 {'/'.join(best.parts)}")
                    left = [other for other in left if other is not entry]
    if len(left) == 1 and len(assignment.notebooks) == 1 and not chosen:
        asked = assignment.notebooks[0]  # one asked, one given: the reader says if it is not it
        notes.append(f"{left[0].name} 当作 {asked.name}.ipynb")
        return {asked.name: left[0]}, []
    return chosen, left


def _exactly(entry: UntrustedFile, asked: AskedNotebook) -> bool:
    return collision_key(_book(entry)) == collision_key(asked.name)


def _nearly(entry: UntrustedFile, asked: AskedNotebook) -> bool:
    """``03_backprop (1)``, ``03_backprop-1``, ``张三_03_backprop``, ``03``."""
    book, name = collision_key(_book(entry)), collision_key(asked.name)
    found = re.search(rf"(?<![0-9a-z]){re.escape(name)}(?![a-z])", book)
    return bool(found) or book.strip() == asked.chapter


def _by_content(entry: UntrustedFile, asked: AskedNotebook) -> bool:
    cells = [f'"{cell}"'.encode() for ex in asked.exercises for cell in (ex.answer_cell,)]
    try:
        data = read_untrusted(entry)
    except Unreadable:
        return False
    return any(cell in data for cell in cells)


def _book(entry: UntrustedFile) -> str:
    return entry.name[: -len(".ipynb")]


def _handed_in(
    own: list[UntrustedFile], chosen: list[UntrustedFile]
) -> tuple[datetime | None, str]:
    """When it was handed in, and a note if that is only the files' own time."""
    note = ""
    for entry in own:
        if entry.name != "timestamp.txt" or entry.members:
            continue  # one in a ZIP is the student's own writing
        try:
            text = read_untrusted(entry, 1000).decode("utf-8").strip()
            return _parse_time(text), ""
        except (Unreadable, ValueError, OverflowError):
            note = "timestamp.txt 读不懂；"
    if not chosen:
        return None, ""
    newest = max(entry.time for entry in chosen)
    time = datetime.fromtimestamp(newest, UTC)
    return time, f"{note}提交时间取自文件的修改时间"


def _parse_time(text: str) -> datetime:
    """nbgrader's ``2026-11-01 12:00:00.123456 UTC``, an offset or a place as zone, or ISO 8601.

    Example:
        >>> _parse_time("2026-11-01 20:00:00.5 +0800").isoformat()
        '2026-11-01T20:00:00.500000+08:00'
        >>> _parse_time("2026-11-01 12:00:00 UTC").isoformat()
        '2026-11-01T12:00:00+00:00'
    """
    text = text.strip()
    day, rest = text[:10], text[11:]
    clock, _, zone = rest.partition(" ")
    if zone in ("", "UTC", "GMT", "Z") or zone[0] in "+-":
        offset = zone if zone[:1] in ("+", "-") else ""
        parsed = datetime.fromisoformat(f"{day}T{clock}{offset}")
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    try:
        place = ZoneInfo(zone)
    except (KeyError, OSError):
        raise ValueError(f"unknown zone {zone[:40]!r}") from None
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=place)
