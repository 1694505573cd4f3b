"""Files written as a whole or not at all, and small ones read without following links."""

from __future__ import annotations

from pathlib import Path

from aigc_course.errors import from_os_error
from aigc_course.files import write_atomically

__all__ = ["put", "small_text"]


def put(path: Path, content: str | bytes) -> Path:
    """Write ``content`` to ``path``, making its folder; unchanged files are left alone.

    Raises:
        UserError: no room, no permission, or another program holds the file.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return path
        write_atomically(path, data)
    except OSError as error:
        raise from_os_error(error, path) from error
    return path


def small_text(path: Path, limit: int = 1000) -> str:
    """The text of a small regular file; empty for anything else, a link to one included."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > limit:
            return ""
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
