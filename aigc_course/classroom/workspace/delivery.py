"""The learner's own copy of the notebooks, and how new lessons reach it without harm.

The promise: a file is overwritten only if every cell in it reads as this module once put it
there. Anything else — an edit, a new cell, a file of the learner's own that happens to have a
lesson's name — is left alone, and a changed lesson arrives beside it as
``03_backprop（新版 0.2.0）.ipynb``. Outputs and metadata do not count: JupyterLab adds to both when
a lesson is merely looked at, and another run brings outputs back.

What was delivered is kept in ``.aigc/state.json``: for each lesson every checksum ever written, of
the file (``known``) and of its cells' sources (``sources``), and the newest version that was
offered (``offered``). A checksum is noted *before* its
file is written and the offer *after*, so a crash between any two writes leaves at worst a delivery
that is made again. A missing lesson that was offered was deleted or renamed by the learner and
stays away until asked for. Without a readable state every file counts as changed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from aigc_course.classroom.workspace.learners_folder import make_folder
from aigc_course.classroom.workspace.lessons import Lessons, sha256, sources_checksum
from aigc_course.classroom.workspace.what_is_new import what_is_new
from aigc_course.errors import UserError, from_os_error
from aigc_course.files import TEMPORARY, write_atomically
from aigc_course.places import STATE_DIR

__all__ = ["Change", "deliver", "reset"]

FORMAT = 1
NOT_A_FILE = "not-a-regular-file"  # a folder or a link in a lesson's place: never ours

Kind = Literal["new", "updated", "beside", "restored", "absent", "state"]


@dataclass(frozen=True)
class Change:
    """One thing that :func:`deliver` did or found.

    Attributes:
        kind: ``new``, ``updated`` (the learner had not touched it), ``beside`` (the learner's file
            stays, the new version lies beside it), ``restored``, ``absent`` (deleted or renamed
            by the learner, left so), or ``state`` (the record was unreadable and begun anew).
        lesson: file name of the lesson.
        path: the file that was written, kept aside or is missing.
        news: what a new version brings over the one the learner has, in a few words; may be "".
    """

    kind: Kind
    lesson: str
    path: Path
    news: str = ""


# --- the record of what was delivered --------------------------------------------------------


@dataclass
class _Delivered:
    known: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    offered: str = ""
    source: str = ""
    version: str = ""

    def note(self, content: bytes) -> None:
        """``content`` is ours, from now on."""
        for all_of_them, one in (
            (self.known, sha256(content)),
            (self.sources, sources_checksum(content)),
        ):
            if one not in all_of_them:
                all_of_them.append(one)

    def untouched(self, path: Path, found: str | None) -> bool:
        """Is the file at ``path``, with the checksum ``found``, as it was delivered?"""
        if found is None or found == NOT_A_FILE:
            return False
        if found in self.known:
            return True
        try:
            content = path.read_bytes()
        except OSError:
            return False
        return sha256(content) == found and sources_checksum(content) in self.sources


@dataclass
class _State:
    path: Path
    lessons: dict[str, _Delivered] = field(default_factory=dict)
    broken: Path | None = None

    @classmethod
    def load(cls, folder: Path) -> _State:
        path = folder / STATE_DIR / "state.json"
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["format"] != FORMAT:
                raise ValueError(f"format {raw['format']}")
            lessons = {name: _Delivered(**entry) for name, entry in raw["lessons"].items()}
            for entry in lessons.values():
                lists = [entry.known, entry.sources]
                texts = [*entry.known, *entry.sources, entry.offered, entry.source, entry.version]
                if not all(isinstance(one, list) for one in lists) or not all(
                    isinstance(text, str) for text in texts
                ):
                    raise ValueError("entry of the wrong shape")
        except FileNotFoundError:
            return cls(path)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # kept, not trusted: it may still tell a person what happened
            aside = _free_name(path.with_name("state.broken.json"))
            os.replace(path, aside)
            return cls(path, broken=aside)
        return cls(path, lessons)

    def save(self) -> None:
        lessons = {name: vars(entry) for name, entry in sorted(self.lessons.items())}
        text = json.dumps({"format": FORMAT, "lessons": lessons}, ensure_ascii=False, indent=1)
        write_atomically(self.path, text)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One ``aigc`` at a time in a folder; the lock dies with its process."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / STATE_DIR / "lock", timeout=20)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"另一个 aigc 正在更新 {folder}", "等它结束再来一次") from error
    try:
        for stale in (folder / STATE_DIR).glob(f"{TEMPORARY}*"):  # left by a crash
            with suppress(OSError):  # or the probe of another aigc that is just coming up
                os.unlink(stale)
        yield
    finally:
        lock.release()


# --- delivering ------------------------------------------------------------------------------


def deliver(folder: Path, lessons: Lessons, *, restore: bool = False) -> list[Change]:
    """Bring new and changed lessons into ``folder``; nothing of the learner's is overwritten.

    Args:
        folder: the learner's folder, made if it is not there.
        lessons: usually :class:`.lessons.Course`.
        restore: also bring back lessons that the learner deleted or renamed.

    Returns:
        What was done, in the lessons' order. Nothing new gives only ``absent`` entries, if any.

    Raises:
        UserError: the folder is unusable, or the disk is full; what was there is unharmed.
    """
    folder = make_folder(folder)
    changes = []
    try:
        with _locked(folder):
            state = _State.load(folder)
            if state.broken:
                changes.append(Change("state", "", state.broken))
            for name in lessons.names():
                change = _deliver_one(folder, lessons, name, state, restore)
                if change:
                    changes.append(change)
    except OSError as error:
        raise from_os_error(error, folder) from error
    return changes


def _deliver_one(
    folder: Path, lessons: Lessons, name: str, state: _State, restore: bool
) -> Change | None:
    entry = state.lessons.get(name, _Delivered())
    target = folder / name
    found = _fingerprint(target)
    if found is None and entry.offered and not restore:
        return Change("absent", name, target)
    key = lessons.key(name)
    if found is not None and entry.source == key:
        return None
    content = lessons.render(name)
    digest = sha256(content)
    kind: Kind | None = None
    path, news = target, ""
    if found != digest and not (found is not None and digest == entry.offered):
        entry.note(content)
        state.lessons[name] = entry
        state.save()
        if found is None:
            kind = "restored" if entry.offered else "new"
        else:
            kind = "updated" if entry.untouched(target, found) else "beside"
            news = _news(target, content, touched=kind == "beside")
        if kind == "beside" or not _write(target, content, found):
            kind, path = "beside", _put_beside(target, lessons.version, content, entry)
    elif found == digest:
        entry.note(content)  # the same bytes by another way: as good as delivered
    entry.offered, entry.source, entry.version = digest, key, lessons.version
    state.lessons[name] = entry
    state.save()
    return Change(kind, name, path, news) if kind else None


def _news(target: Path, content: bytes, *, touched: bool) -> str:
    try:
        return what_is_new(target.read_bytes(), content, touched=touched)
    except OSError:  # a folder, or just deleted: nothing to compare with
        return ""


def _put_beside(target: Path, version: str, content: bytes, entry: _Delivered) -> Path:
    digest = sha256(content)
    for n in range(1, 1000):
        tail = "" if n == 1 else f"，{n}"
        # in JupyterLab, and by bytes, （ sorts behind the dot: the chapter itself stays first
        path = target.with_name(f"{target.stem}（新版 {version}{tail}）{target.suffix}")
        found = _fingerprint(path)
        if found == digest:
            return path
        free = found is None or entry.untouched(path, found)
        if free and _write(path, content, found):
            return path
    raise UserError(f"{target.name} 旁边的“新版”文件太多", "删掉不要的再来一次")


def reset(folder: Path, lessons: Lessons, number: str, now: datetime) -> tuple[Path, Path | None]:
    """Put one lesson back to its first state; the learner's file is kept under a dated name.

    Args:
        folder: the learner's folder.
        lessons: usually :class:`.lessons.Course`.
        number: the lesson's number, such as ``"03"`` or ``"3"``, or its name, ``"03_backprop"``.
        now: the time that goes into the kept copy's name.

    Returns:
        The lesson, and the dated copy or None when there was nothing to keep.

    Raises:
        UserError: no such lesson, or the folder is unusable.
    """
    names = {name[:2]: name for name in lessons.names()}
    # "3", "03", "03_backprop", "03_backprop.ipynb": the number is what stands before the name
    wanted = re.sub(r"_.*", "", Path(number.strip()).name.removesuffix(".ipynb")).zfill(2)
    if wanted not in names:
        raise UserError(f"没有第 {number} 章", f"现有：{'、'.join(names) or '还没有'}")
    folder = make_folder(folder)
    target = folder / names[wanted]
    content = lessons.render(names[wanted])
    digest = sha256(content)
    kept: Path | None = None
    try:
        with _locked(folder):
            state = _State.load(folder)
            entry = state.lessons.setdefault(names[wanted], _Delivered())
            found = _fingerprint(target)
            if found == NOT_A_FILE:
                raise UserError(f"{target} 不是普通文件", "先把它移走")
            if found not in (None, digest) and not entry.untouched(target, found):
                mine = target.read_bytes()
                found = sha256(mine)
                stamp = now.strftime("%Y-%m-%d %H%M%S")
                name = f"{target.stem}（留存 {stamp}）{target.suffix}"
                kept = _free_name(target.with_name(name))
                if not _write(kept, mine, None):
                    raise UserError(f"{kept} 刚刚被别的程序写过", "再来一次")
            entry.note(content)
            state.save()
            if found != digest and not _write(target, content, found):
                raise UserError(f"{target} 刚刚又被保存过", "在 JupyterLab 里关掉它，再来一次")
            entry.offered, entry.version = digest, lessons.version
            entry.source = lessons.key(names[wanted])
            state.save()
    except OSError as error:
        raise from_os_error(error, folder) from error
    return target, kept


# --- files -----------------------------------------------------------------------------------


def _fingerprint(path: Path) -> str | None:
    """Checksum of a regular file, None if nothing is there, :data:`NOT_A_FILE` otherwise."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return NOT_A_FILE
    try:
        return sha256(path.read_bytes())
    except FileNotFoundError:
        return None


def _write(target: Path, content: bytes, expected: str | None) -> bool:
    """Write ``target`` if it still has the checksum ``expected``; False if it changed meanwhile."""
    # asked as late as can be: JupyterLab may be saving the same file just now
    return write_atomically(
        target,
        content,
        folder=target.parent / STATE_DIR,
        only_if=lambda: _fingerprint(target) == expected,
    )


def _free_name(path: Path) -> Path:
    for n in range(1, 10_000):
        candidate = path if n == 1 else path.with_name(f"{path.stem}-{n}{path.suffix}")
        if not candidate.exists() and not candidate.is_symlink():
            return candidate
    raise UserError(f"{path.parent} 里同名的留存太多", "删掉不要的再来一次")
