"""Results on disk: one per assignment and student, in ``<root>/.aigc/grades.db``.

One process writes. Each result is one transaction, so that a run that is killed loses nothing it
had finished, and the same result delivered twice is there once. A result that is replaced stays in
the history with the time it was replaced.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from aigc_course.classroom.marks import SubmissionMark
from aigc_course.errors import UserError, from_os_error
from aigc_course.files import write_atomically

__all__ = ["FOLDER", "Store", "exclusive", "secret_seed"]

FOLDER = ".aigc"
FORMAT = 1
WAIT = 10.0  # seconds for another program to let go of the file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS marks (
    assignment TEXT NOT NULL,
    student TEXT NOT NULL,
    settings TEXT NOT NULL,
    mark TEXT NOT NULL,
    time TEXT NOT NULL,
    PRIMARY KEY (assignment, student)
);
CREATE TABLE IF NOT EXISTS history (
    assignment TEXT NOT NULL,
    student TEXT NOT NULL,
    settings TEXT NOT NULL,
    mark TEXT NOT NULL,
    time TEXT NOT NULL,
    replaced TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_of ON history (assignment, student);
"""


class Store:
    """The marks of a course. Use it as a context manager, or call :meth:`close`.

    Args:
        root: the instructor's course folder.
        wait: seconds to wait for another program that holds the file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        ...     store.put(SubmissionMark("s1", "ps1", "missing", None, 5.0))
        ...     [mark.status for mark in store.marks("ps1")]
        ['missing']
    """

    def __init__(self, root: Path, wait: float = WAIT) -> None:
        self.path = root / FOLDER / "grades.db"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink():
                raise UserError(f"{self.path} 是符号链接", "换成真正的文件，或删掉它")
            # the secret cases' seed is in it: for the owner only
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise from_os_error(error, self.path) from error
        with self._explained():
            self._db = sqlite3.connect(self.path, timeout=wait, isolation_level=None)
        try:
            with self._explained():
                self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL").fetchone()
        self._db.execute("PRAGMA synchronous=NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise UserError(f"{self.path} 是更新版本的课程写的", "更新课程后再来一次")
        if version < FORMAT:
            self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def put(self, mark: SubmissionMark, settings: str = "") -> None:
        """Keep ``mark``; what it replaces goes to the history. Doing it twice changes nothing.

        Args:
            mark: the result.
            settings: fingerprint of the limits and the course; see :meth:`settled`.

        Raises:
            UserError: the disk is full, or another program holds the file.
        """
        key = (mark.assignment, mark.student)
        text, now = mark.to_json(), datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._explained(), self._transaction():
            found = self._db.execute(
                "SELECT settings, mark, time FROM marks WHERE assignment=? AND student=?", key
            ).fetchone()
            if found and found[0] == settings and _same(found[1], mark):
                return
            if found:
                self._db.execute("INSERT INTO history VALUES (?,?,?,?,?,?)", (*key, *found, now))
            self._db.execute(
                "INSERT OR REPLACE INTO marks VALUES (?,?,?,?,?)", (*key, settings, text, now)
            )

    def marks(self, assignment: str) -> list[SubmissionMark]:
        """All results of an assignment, by student."""
        return [mark for mark, _ in self._marks(assignment)]

    def get(self, assignment: str, student: str) -> SubmissionMark | None:
        """One student's result; None if there is none."""
        with self._explained():
            row = self._db.execute(
                "SELECT mark FROM marks WHERE assignment=? AND student=?", (assignment, student)
            ).fetchone()
        return SubmissionMark.from_json(row[0]) if row else None

    def settled(self, assignment: str) -> dict[str, tuple[SubmissionMark, str]]:
        """By student: the result and the settings it was made with."""
        return {mark.student: (mark, settings) for mark, settings in self._marks(assignment)}

    def history(self, assignment: str, student: str) -> list[tuple[str, SubmissionMark]]:
        """Replaced results, oldest first, each with the time it was replaced."""
        with self._explained():
            rows = self._db.execute(
                "SELECT replaced, mark FROM history"
                " WHERE assignment=? AND student=? ORDER BY rowid",
                (assignment, student),
            ).fetchall()
        return [(time, SubmissionMark.from_json(text)) for time, text in rows]

    def assignments(self) -> list[str]:
        """Names of the assignments that have results."""
        with self._explained():
            rows = self._db.execute("SELECT DISTINCT assignment FROM marks ORDER BY assignment")
            return [name for (name,) in rows]

    def forget(self, assignment: str, students: list[str]) -> None:
        """Take out results that no longer belong to anyone; they stay in the history."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._explained(), self._transaction():
            for student in students:
                self._db.execute(
                    "INSERT INTO history SELECT *, ? FROM marks WHERE assignment=? AND student=?",
                    (now, assignment, student),
                )
                self._db.execute(
                    "DELETE FROM marks WHERE assignment=? AND student=?", (assignment, student)
                )

    def _marks(self, assignment: str) -> Iterator[tuple[SubmissionMark, str]]:
        with self._explained():
            rows = self._db.execute(
                "SELECT mark, settings FROM marks WHERE assignment=? ORDER BY student",
                (assignment,),
            ).fetchall()
        for text, settings in rows:
            yield SubmissionMark.from_json(text), settings

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite itself may have rolled back: a full disk
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors as what the person can do about them."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise UserError(
                    f"{self.path} 正被别的程序占用", "关掉打开它的程序再来一次；已有的成绩都在"
                ) from error
            if code == sqlite3.SQLITE_FULL:
                raise UserError(
                    f"磁盘已满，写不进 {self.path}",
                    "腾出空间后再来一次，会接着批改；已有的成绩都在",
                ) from error
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise UserError(
                    f"{self.path} 损坏了", "把它改名留存，从备份取回，或重新批改"
                ) from error
            if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
                raise UserError(f"没有权限写 {self.path}", "检查它和所在文件夹的权限") from error
            raise UserError(f"写 {self.path} 时出错（{error}）", "检查磁盘后再来一次") from error


def _same(text: str, mark: SubmissionMark) -> bool:
    """Is it the same result? How long it took does not count: a second delivery may differ."""
    return _timeless(SubmissionMark.from_json(text)) == _timeless(mark)


def _timeless(mark: SubmissionMark) -> SubmissionMark:
    books = tuple(
        replace(book, exercises=tuple(replace(ex, seconds=0.0) for ex in book.exercises))
        for book in mark.notebooks
    )
    return replace(mark, seconds=0.0, notebooks=books)


@contextmanager
def exclusive(root: Path, wait: float = 1.0) -> Iterator[None]:
    """One ``aigc grade`` at a time on a course; the lock dies with its process."""
    from filelock import FileLock, Timeout

    path = root / FOLDER / "grade.lock"
    lock = FileLock(path, timeout=wait)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"另一个 aigc grade 正在批改 {root}", "等它结束再来一次") from error
    except OSError as error:
        raise from_os_error(error, path) from error
    try:
        yield
    finally:
        lock.release()


def secret_seed(root: Path, assignment: str) -> int:
    """The seed of the hidden cases: drawn once for an assignment, kept for the owner's eyes.

    The same class is judged by the same cases, in every run. 53 bits, so that every JSON reader
    keeps it exactly.
    """
    path = root / FOLDER / f"{assignment}.seed"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_atomically(path, f"{secrets.randbits(53)}\n", mode=0o600)
        return int(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(
            f"{path} 里不是一个整数", "删掉它，会重新抽一个；之前的成绩要用 --again 重新批改"
        ) from None
    except OSError as error:
        raise from_os_error(error, path) from error
