"""Files handed in, on disk or in ZIPs: found and read without trusting them.

Nothing is unpacked to disk and no symbolic link is followed. What is found are
:class:`UntrustedFile` records; their bytes are read one at a time, with a limit.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aigc_course.errors import UserError

__all__ = ["IGNORED", "MAX_ENTRIES", "Unreadable", "UntrustedFile", "list_files", "read_untrusted"]

MAX_NOTEBOOK = 32 * 2**20  # bytes; a lesson with all its outputs has 2 MiB
MAX_ZIP = 256 * 2**20
MAX_MEMBERS = 2000
MAX_ENTRIES = 200_000
MAX_DEPTH = 8

IGNORED = {"__macosx", ".ipynb_checkpoints", ".git", "__pycache__", ".ds_store", ".aigc"}


class Unreadable(Exception):
    """A submission that cannot be read; the message says why, in Chinese."""


@dataclass(frozen=True)
class UntrustedFile:
    """One file below the folder of submissions.

    Attributes:
        parts: its place; a ZIP counts as a folder named like it.
        path: the file on disk, the ZIP itself for what is inside.
        members: names on the way into nested ZIPs; empty for a plain file.
        time: when it was changed. In the ZIP of a whole class the time in the ZIP, which the LMS
            wrote; in a student's ZIP that of the ZIP: the times inside are theirs to choose.
        problem: it will not be opened, and why.
    """

    parts: tuple[str, ...]
    path: Path
    members: tuple[str, ...] = ()
    time: float = 0.0
    size: int = 0
    problem: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]


# --- reading ---------------------------------------------------------------------------------


def read_untrusted(entry: UntrustedFile, limit: int = MAX_NOTEBOOK) -> bytes:
    """The bytes of a file, at most ``limit`` of them.

    Raises:
        Unreadable: it is too large, damaged, no regular file any more, or cannot be opened.
    """
    if entry.problem:
        raise Unreadable(entry.problem)
    try:
        if not entry.members:
            return _read_file(entry.path, limit)
        data = b""
        for depth, member in enumerate(entry.members):
            source: Path | io.BytesIO = io.BytesIO(data) if depth else entry.path
            last = depth == len(entry.members) - 1
            with _open_zip(source) as archive:
                data = _read_member(archive, member, limit if last else MAX_ZIP)
        return data
    except OSError as error:
        raise Unreadable(f"读不出来（{error.strerror or type(error).__name__}）") from None


def _read_file(path: Path, limit: int) -> bytes:
    # looked at once more when it is open: it may have been swapped for a link or a pipe since
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unreadable("不是普通文件")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"超过 {limit // 2**20} MB")
    return data


class _open_zip:
    """``zipfile.ZipFile`` whose failures are :class:`Unreadable`."""

    def __init__(self, source: Path | io.BytesIO) -> None:
        self.source = source

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self.archive = zipfile.ZipFile(self.source)
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
            raise Unreadable("ZIP 文件损坏") from None
        return self.archive

    def __exit__(self, *_: object) -> None:
        self.archive.close()


def _read_member(archive: zipfile.ZipFile, member: str, limit: int) -> bytes:
    try:
        # what the directory of a ZIP says of sizes proves nothing: count while unpacking
        with archive.open(member) as file:
            data = file.read(limit + 1)
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError, NotImplementedError, zlib.error):
        raise Unreadable("ZIP 里的文件损坏") from None
    except RuntimeError:  # zipfile's way to say that a password is wanted
        raise Unreadable("ZIP 加了密码") from None
    if len(data) > limit:
        raise Unreadable(f"解开后超过 {limit // 2**20} MB")
    return data


# --- listing ---------------------------------------------------------------------------------


def list_files(top: Path) -> Iterator[UntrustedFile]:
    """All files below a folder, or in a ZIP; links, pipes and bad names come with a problem."""
    if top.is_dir():
        yield from _files_in_folder(top, ())
        return
    inside = list(_files_in_zip(UntrustedFile((top.name,), top, time=top.stat().st_mtime), ()))
    whole = next((entry for entry in inside if entry.problem and not entry.parts[:-1]), None)
    if whole and whole.name == top.name:
        raise UserError(f"{top.name}：{whole.problem}", "重新下载它")
    yield from inside


def _files_in_folder(folder: Path, parts: tuple[str, ...]) -> Iterator[UntrustedFile]:
    with os.scandir(folder) as listing:
        found = sorted(listing, key=lambda item: item.name)
    for item in found:
        if item.name.casefold() in IGNORED:
            continue
        here = (*parts, item.name)
        path = Path(item.path)
        status = item.stat(follow_symlinks=False)
        entry = UntrustedFile(here, path, time=status.st_mtime, size=status.st_size)
        if stat.S_ISLNK(status.st_mode) or getattr(item, "is_junction", bool)():
            yield replace(entry, problem="是符号链接，没有打开")
        elif stat.S_ISDIR(status.st_mode):
            if len(here) > MAX_DEPTH:
                yield replace(entry, problem="文件夹套得太深")
            else:
                yield from _files_in_folder(path, here)
        elif not stat.S_ISREG(status.st_mode):
            yield replace(entry, problem="不是普通文件")
        elif item.name.lower().endswith(".zip"):
            yield from _files_in_zip(entry, (*parts, _stem(item.name)))
        else:
            yield entry


def _files_in_zip(outer: UntrustedFile, parts: tuple[str, ...]) -> Iterator[UntrustedFile]:
    """What is in a ZIP, or the ZIP itself with its problem."""
    try:
        yield from _zip_members(outer, parts)
    except Unreadable as error:
        yield replace(outer, parts=(*parts, outer.name), problem=str(error))


def _zip_members(outer: UntrustedFile, parts: tuple[str, ...]) -> list[UntrustedFile]:
    if outer.size > MAX_ZIP:
        raise Unreadable(f"超过 {MAX_ZIP // 2**20} MB")
    source: Path | io.BytesIO = outer.path
    if outer.members:
        source = io.BytesIO(read_untrusted(outer, MAX_ZIP))
    found: list[UntrustedFile] = []
    with _open_zip(source) as archive:
        infos = archive.infolist()
        if len(infos) > (MAX_ENTRIES if not parts else MAX_MEMBERS):
            raise Unreadable(f"ZIP 里有 {len(infos)} 个文件，太多了")
        names: set[str] = set()
        for info in infos:
            name = _member_name(info)
            if name.startswith("/") or re.match(r"[A-Za-z]:", name):
                raise Unreadable(f"ZIP 里有绝对路径：{name[:60]!r}")
            inside = tuple(part for part in name.split("/") if part not in ("", "."))
            if ".." in inside:
                raise Unreadable(f"ZIP 里有跳出文件夹的路径：{name[:60]!r}")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise Unreadable(f"ZIP 里有符号链接：{name[:60]!r}")
            if info.is_dir() or any(part.casefold() in IGNORED for part in inside):
                continue
            if info.filename in names:
                raise Unreadable(f"ZIP 里有两个同名文件：{name[:60]!r}")
            names.add(info.filename)
            members = (*outer.members, info.filename)
            time = outer.time if parts else _member_time(info, outer.time)
            entry = UntrustedFile((*parts, *inside), outer.path, members, time, info.file_size)
            if entry.name.lower().endswith(".zip") and len(members) < 3 and not parts:
                # a class's ZIP with the students' own ZIPs in it; no deeper
                found += _files_in_zip(entry, (*entry.parts[:-1], _stem(entry.name)))
            elif len(entry.parts) > MAX_DEPTH:
                raise Unreadable("文件夹套得太深")
            else:
                found.append(entry)
    return found


def _member_time(info: zipfile.ZipInfo, otherwise: float) -> float:
    try:
        return datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return otherwise


def _member_name(info: zipfile.ZipInfo) -> str:
    """The name with forward slashes; names written by Chinese Windows are not cp437 but GBK."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("gb18030")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/")


def _stem(name: str) -> str:
    return name[: -len(".zip")]
