"""Write a file as a whole or not at all. Needs only the standard library."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

__all__ = ["TEMPORARY", "write_atomically"]

TEMPORARY = ".tmp-"  # what the name of every unfinished file begins with


def write_atomically(
    path: str | os.PathLike[str],
    data: str | bytes | Iterable[bytes],
    *,
    mode: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    only_if: Callable[[], bool] | None = None,
) -> bool:
    """Put ``data`` at ``path``: whoever looks, at any time, sees the old file or the new one.

    A temporary file is written, flushed to the disk and moved into place, so neither a crash nor a
    full disk leaves half a file. A failure leaves the old file and no temporary one; after a crash
    a file may be left whose name begins with :data:`TEMPORARY`. What has stood there is replaced
    even if it is read-only or a link (the link then, not what it points to).

    Args:
        path: the file; its folder must exist.
        data: text is written as UTF-8, its line ends as they are; pieces one after the other.
        mode: permissions of the file. By default those of the file that it replaces, and those
            of any new file (what the umask leaves of 0666) where there is none.
        folder: where the temporary file is made; on the same disk as ``path``, by default beside.
        only_if: asked last of all, when only the move is left to be done.

    Returns:
        Whether the file was written; False only if ``only_if`` said no.

    Raises:
        OSError: it could not be written; ``filename`` is ``path``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "成绩.csv")
        ...     write_atomically(path, "学号,得分\\n"), path.read_text(encoding="utf-8")
        (True, '学号,得分\\n')
    """
    path = Path(path)
    name = TEMPORARY + secrets.token_hex(8)
    temporary = os.path.join(path.parent if folder is None else folder, name)
    pieces = [data.encode("utf-8")] if isinstance(data, str) else data
    pieces = [pieces] if isinstance(pieces, bytes) else pieces
    try:
        wanted = _mode_of(path) if mode is None else mode
        try:
            # closed to others until it has its mode: its content may be private
            closed = None if wanted is None else partial(os.open, mode=0o600)
            with open(temporary, "xb", opener=closed) as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if wanted is not None:
                with suppress(OSError):  # a disk that knows no modes
                    os.chmod(temporary, wanted)
            if only_if is not None and not only_if():
                os.unlink(temporary)
                return False
            if os.name == "nt" and os.path.exists(path):
                os.chmod(path, stat.S_IWRITE)  # Windows does not replace a read-only file
            os.replace(temporary, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    except OSError as error:
        if error.errno is None or error.filename not in (None, temporary):
            raise
        # told of the file that was asked for: nobody has heard of the temporary one
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    _sync_folder(path.parent)
    return True


def _mode_of(path: Path) -> int | None:
    """Permissions of a regular file, None where there is none."""
    try:
        found = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    return found & 0o777 if stat.S_ISREG(found) and os.name == "posix" else None


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk too."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows: a folder cannot be opened, nor need it be
        return
    with suppress(OSError):  # some network file systems refuse; the file itself is safe already
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
