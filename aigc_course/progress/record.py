"""What the learner has done, noted in the learner's own folder and nowhere else.

``check``, ``hint`` and ``solution`` note every use in ``.aigc/progress.db`` of the learner's folder
(the one above the working directory). Where there is none — the course's own notebooks, the tests,
a grader — nothing is noted; ``AIGC_PROGRESS=0`` switches it off everywhere. In a notebook::

    from aigc_course.exercises import progress
    progress.show()                  # the page
    progress.export("我的进度.csv")    # or .json
    progress.delete(sure=True)

Noting never raises and never makes a check wait: what cannot be written now (another kernel is
writing, the disk is full) is kept in memory, tried again with the next event and once more when
Python ends. The terminal's side of it is ``aigc progress``.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aigc_course.places import learners_folder
from aigc_course.progress import store
from aigc_course.progress.store import Event, Kind

if TYPE_CHECKING:
    from aigc_course.judging.result import Result

__all__ = [
    "delete",
    "enabled",
    "events",
    "export",
    "hints_seen",
    "record_hint",
    "record_result",
    "record_solution",
    "show",
    "tries",
]

HOLD_OFF = 30.0  # seconds for which a file that stayed locked is not waited for again

NOTHING = "这里没有学习记录。用 aigc lab 打开自己的学习文件夹，检查过一道练习之后就有了。"
NEWER = "学习记录是更新版本的课程写的，这个版本不去动它，也不往里记。升级课程后接着记。"

_waiting: dict[Path, dict[str, Event]] = {}  # by folder: events not yet written
_locked_until: dict[Path, float] = {}
_left_alone: set[Path] = set()  # folders whose file a later version of the course has written
_told: set[str] = set()


def enabled() -> bool:
    """False when ``AIGC_PROGRESS=0``."""
    return os.environ.get("AIGC_PROGRESS", "").strip() != "0"


# --- noting: never raises --------------------------------------------------------------------


def record_result(result: Result) -> None:
    """Note a finished check."""
    _note(
        result.id,
        "check",
        status=result.status,
        score=result.score,
        points=result.points,
        title=result.title,
    )


def record_hint(id: str, level: int) -> None:
    """Note that a hint was read; ``level`` tells which."""
    _note(id, "hint", level=level)


def record_solution(id: str) -> None:
    """Note that the solution was opened."""
    _note(id, "solution")


def hints_seen(id: str) -> int:
    """How many different hints of an exercise were read; 0 where nothing is noted."""
    return len({event.level for event in _known(id) if event.kind == "hint"})


def tries(id: str) -> int:
    """How many answers were checked, up to the first full pass; 0 where nothing is noted."""
    from aigc_course.progress.summary import attempts

    return attempts(_known(id))


def _note(
    exercise: str,
    kind: Kind,
    *,
    status: str = "",
    score: float = 0.0,
    points: float = 0.0,
    level: int = 0,
    title: str = "",
) -> None:
    try:
        folder = _folder()
        if folder is None:
            return
        from aigc_course import __version__

        event = Event(
            str(exercise),
            kind,
            status=str(status),
            score=float(score or 0.0),
            points=float(points),
            level=int(level),
            title=str(title),
            course=__version__,
        )
        _waiting.setdefault(folder, {})[event.uid] = event
        _write(folder)
    except Exception as error:  # whatever it is, the learner's check must still answer
        _tell(f"这次练习没有记进学习进度（{type(error).__name__}: {error}）。")


def _known(exercise: str) -> list[Event]:
    """The events of one exercise, written or waiting; none where they cannot be read."""
    try:
        folder = _folder()
        if folder is None:
            return []
        waiting = [e for e in _waiting.get(folder, {}).values() if e.exercise == exercise]
        try:
            written = store.read(folder, exercise, _patience(folder))
        except (sqlite3.Error, store.NewerFormat, OSError) as error:
            _explain(folder, error)
            written = []
        both = {event.uid: event for event in (*written, *waiting)}
        return sorted(both.values(), key=lambda event: event.at)
    except Exception:  # as in _note
        return []


def _folder() -> Path | None:
    return learners_folder() if enabled() else None


def _write(folder: Path, wait: float | None = None) -> None:
    """Write what is waiting for ``folder``, if that can be done now."""
    waiting = _waiting.get(folder, {})
    batch = list(waiting.values())
    if not batch or folder in _left_alone:
        return
    for _ in range(2):  # the second time for a file that was damaged and is begun anew
        try:
            store.append(folder, batch, _patience(folder) if wait is None else wait)
        except (sqlite3.Error, store.NewerFormat, OSError) as error:
            if _explain(folder, error):
                continue
            return
        for event in batch:
            waiting.pop(event.uid, None)
        _locked_until.pop(folder, None)
        return


def _patience(folder: Path) -> float:
    return 0.0 if time.monotonic() < _locked_until.get(folder, 0.0) else store.WAIT


def _explain(folder: Path, error: Exception) -> bool:
    """Say once what is wrong with the file; True if it was put right and may be tried again."""
    if isinstance(error, store.NewerFormat):
        _left_alone.add(folder)
        _tell(NEWER)
    elif isinstance(error, sqlite3.Error) and store.is_busy(error):
        _locked_until[folder] = time.monotonic() + HOLD_OFF
    elif isinstance(error, sqlite3.Error) and store.is_damage(error):
        aside = store.set_aside(folder)
        if aside:
            _tell(f"学习记录的文件坏了，已另存为 {aside.name}，从现在起重新记。")
        return True
    else:
        _tell(f"学习进度暂时写不进去（{error}），先记在内存里；检查照常。")
    return False


def _tell(text: str) -> None:
    # printed, not warned: a warning may be turned into an error
    if text not in _told:
        _told.add(text)
        print(text)


@atexit.register
def _write_the_rest() -> None:
    for folder in list(_waiting):
        try:
            _write(folder, wait=2.0)
        except Exception:  # Python is ending; there is nobody left to tell
            continue


# --- reading ---------------------------------------------------------------------------------


def events(folder: Path) -> list[Event]:
    """Everything noted in ``folder``, in order of time; a damaged file is set aside first.

    Raises:
        NewerFormat: a later version of the course wrote the file.
        sqlite3.Error: it cannot be read.
    """
    try:
        written = store.read(folder)
    except sqlite3.Error as error:
        if not store.is_damage(error) or not _explain(folder, error):
            raise
        written = store.read(folder)
    both = {event.uid: event for event in (*written, *_waiting.get(folder, {}).values())}
    return sorted(both.values(), key=lambda event: event.at)


def show(folder: Path | str | None = None) -> None:
    """Show the page of progress below the cell, or its text outside a notebook.

    Args:
        folder: a learner's folder; by default the one we stand in.
    """
    from aigc_course.progress import page
    from aigc_course.progress.summary import summarise

    where = learners_folder() if folder is None else Path(folder)
    try:
        noted = events(where) if where else []
    except store.NewerFormat:
        page.display_note(NEWER)
    except sqlite3.Error as error:
        page.display_note(f"学习记录读不出来（{error}）。关掉别的内核，再来一次。")
    else:
        if noted:
            page.display(summarise(noted))
        else:
            page.display_note(NOTHING)


def export(path: Path | str, folder: Path | str | None = None) -> Path:
    """Write everything noted to ``path``: ``.csv`` for a spreadsheet, ``.json`` for programs.

    Args:
        path: the new file; one that exists is not overwritten.
        folder: a learner's folder; by default the one we stand in.

    Raises:
        ValueError: the name ends in neither ``.csv`` nor ``.json``.
        FileNotFoundError: there is no learner's folder here.
        FileExistsError: the file exists.
    """
    from aigc_course.progress.export import write

    return write(Path(path), events(_required(folder)))


def delete(folder: Path | str | None = None, *, sure: bool = False) -> None:
    """Delete everything noted. Says what would go unless ``sure``.

    Raises:
        FileNotFoundError: there is no learner's folder here.
    """
    where = _required(folder)
    if not sure:
        try:
            count = f"{len(events(where))} 条"
        except store.NewerFormat:
            count = "更新版本的课程写的"
        print(f"这会删掉{count}学习记录，不能恢复。确定的话：progress.delete(sure=True)")
        return
    store.wipe(where)
    for forgotten in (_waiting, _locked_until):
        forgotten.pop(where, None)
    _left_alone.discard(where)


def _required(folder: Path | str | None) -> Path:
    where = learners_folder() if folder is None else Path(folder)
    if where is None:
        raise FileNotFoundError(
            "folder: no learner's folder at or above the working directory; "
            "work in one made by `aigc lab`, or name it"
        )
    return where
