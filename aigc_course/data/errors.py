"""The one exception that everything in :mod:`aigc_course.data` raises about files."""

from __future__ import annotations

__all__ = ["DataError"]


class DataError(RuntimeError):
    """A shipped data file is missing, damaged or unknown.

    The message names the file, what was found, what was wanted (both checksums where there are
    two) and the command that restores it.
    """
