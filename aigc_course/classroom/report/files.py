"""Files written as a whole or not at all, and small ones read without following links."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from aigc_course.errors import from_os_error

__all__ = ["put", "small_text"]


def put(path: Path, content: str | bytes) -> Path:
    """Write ``content`` to ``path``, making its folder; unchanged files are left alone.

    Raises:
        UserError: no room, no permission, or another program holds the file.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return path
        try:
            temporary.write_bytes(data)
            if os.name == "nt" and path.exists():
                path.chmod(0o644)  # nbgrader leaves read-only files, which Windows won't replace
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
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
