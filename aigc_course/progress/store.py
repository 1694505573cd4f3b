"""The file behind the learner's progress: ``.aigc/progress.db``, an append-only table of events.

SQLite with a rollback journal rather than a write-ahead log, because home folders of shared hubs
often lie on network disks, where the latter does not work. A connection lives for one call, so a
kernel never holds the file while its learner thinks. Every event has a name of its own (``uid``):
one that is written twice is kept once, and a writer who is not sure may simply try again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from aigc_course.places import STATE_DIR

__all__ = ["Event", "Kind", "NewerFormat", "append", "database", "is_busy", "is_damage", "read"]

Kind = Literal["check", "hint", "solution"]
SCHEMA = 1
WAIT = 0.5  # seconds to wait for another kernel that is writing

TABLE = """CREATE TABLE IF NOT EXISTS event (
    uid TEXT PRIMARY KEY,
    at TEXT NOT NULL,          -- UTC, ISO 8601
    exercise TEXT NOT NULL,    -- 03.2
    kind TEXT NOT NULL,        -- check, hint, solution
    status TEXT NOT NULL,      -- of a check: passed, failed, …; else empty
    score REAL NOT NULL,
    points REAL NOT NULL,
    level INTEGER NOT NULL,    -- of a hint: which one
    title TEXT NOT NULL,
    course TEXT NOT NULL       -- version of the course
)"""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Event:
    """One thing a learner did with one exercise.

    Example:
        >>> Event("03.2", "hint", level=1).chapter
        '03'
    """

    exercise: str
    kind: Kind
    status: str = ""
    score: float = 0.0
    points: float = 0.0
    level: int = 0
    title: str = ""
    course: str = ""
    at: str = field(default_factory=_now)
    uid: str = field(default_factory=lambda: uuid4().hex)

    @property
    def chapter(self) -> str:
        return self.exercise.partition(".")[0]

    @property
    def when(self) -> datetime:
        """The time, aware of its zone (UTC)."""
        return datetime.fromisoformat(self.at)


COLUMNS = [column.name for column in fields(Event)]


class NewerFormat(Exception):
    """The file was written by a later version of the course; it is left alone."""


def database(folder: Path) -> Path:
    """The file of a learner's folder; it need not exist."""
    return folder / STATE_DIR / "progress.db"


def append(folder: Path, events: Sequence[Event], wait: float = WAIT) -> None:
    """Write all ``events`` or none; the file is made if there is none.

    Raises:
        NewerFormat: a later version of the course wrote the file.
        sqlite3.Error: what is wrong is told by :func:`is_busy` and :func:`is_damage`.
    """
    names = ", ".join(COLUMNS)
    marks = ", ".join(f":{name}" for name in COLUMNS)
    with closing(sqlite3.connect(database(folder), timeout=wait, isolation_level=None)) as db:
        # the lock first: two who begin a file at once must not both find it empty
        db.execute("BEGIN IMMEDIATE")
        if _version(db) == 0:
            db.execute(TABLE)
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.executemany(
            f"INSERT OR IGNORE INTO event ({names}) VALUES ({marks})", [asdict(e) for e in events]
        )
        db.execute("COMMIT")  # closing without it takes everything back


def read(folder: Path, exercise: str | None = None, wait: float = WAIT) -> list[Event]:
    """All events, or those of one exercise, in order of time; none if there is no file.

    Raises:
        NewerFormat, sqlite3.Error: as :func:`append`.
    """
    path = database(folder)
    if not path.exists():
        return []
    # not mode=ro: what a killed kernel left half written can then not be taken back
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=wait, uri=True)
    ) as db:
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        if _version(db) == 0:
            return []
        which, values = ("", ()) if exercise is None else (" WHERE exercise = ?", (exercise,))
        rows = db.execute(f"SELECT {', '.join(COLUMNS)} FROM event{which} ORDER BY at", values)
        return [event for row in rows if (event := _event(row))]


def wipe(folder: Path) -> None:
    """Delete every event, and the files that were set aside as damaged.

    The rows are overwritten, not only struck from the list. The file itself stays, empty, because
    another kernel may be about to write to it.
    """
    path = database(folder)
    for old in path.parent.glob("progress.damaged-*"):
        old.unlink(missing_ok=True)
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=2.0, isolation_level=None)) as db:
            if _version(db) == 0:
                return
            db.execute("PRAGMA secure_delete = ON")
            db.execute("DELETE FROM event")
            db.execute("VACUUM")
    except (sqlite3.Error, NewerFormat) as error:
        if not isinstance(error, NewerFormat) and not is_damage(error):
            raise
        path.unlink()


def set_aside(folder: Path, wait: float = WAIT) -> Path | None:
    """Rename a damaged file to a dated name; None if another kernel has done it already."""
    from filelock import FileLock, Timeout

    path = database(folder)
    stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    try:
        with FileLock(path.with_name("progress.lock"), timeout=wait):
            if _sound(path):
                return None
            for n in range(1, 1000):
                tail = "" if n == 1 else f"-{n}"
                aside = path.with_name(f"progress.damaged-{stamp}{tail}.db")
                if not aside.exists():
                    break
            journal = path.with_name(f"{path.name}-journal")
            if journal.exists():  # it belongs to the old file and would spoil the new one
                journal.replace(aside.with_name(f"{aside.name}-journal"))
            path.replace(aside)
            return aside
    except Timeout:
        return None


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the file."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no database, is broken, or lacks what its version says it has."""
    words = ("no such table", "no such column", "has no column", "no column named")
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or any(
        text in str(error) for text in words
    )


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # extended codes: low byte


def _version(db: sqlite3.Connection) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA:
        raise NewerFormat(f"progress.db has format {version}, this course knows {SCHEMA}")
    return version


def _sound(path: Path) -> bool:
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=WAIT, uri=True)
        ) as db:
            if _version(db):
                db.execute(f"SELECT {', '.join(COLUMNS)} FROM event LIMIT 1").fetchall()
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except NewerFormat:
        return True
    except sqlite3.Error as error:
        return not is_damage(error)


def _event(row: tuple[Any, ...]) -> Event | None:
    """The event of a row; None for one that some other program has written."""
    raw = dict(zip(COLUMNS, row, strict=True))
    try:
        event = Event(
            **{
                **raw,
                "score": float(raw["score"]),
                "points": float(raw["points"]),
                "level": int(raw["level"]),
            }
        )
        return event if event.when.tzinfo else None
    except (TypeError, ValueError):
        return None
