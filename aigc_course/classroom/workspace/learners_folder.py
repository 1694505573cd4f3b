"""Which folder is the learner's, and whether it can be."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from aigc_course.errors import UserError, from_os_error
from aigc_course.files import TEMPORARY
from aigc_course.places import PACKAGE, STATE_DIR, is_anothers, learners_folder

__all__ = ["DEFAULT_NAME", "choose_folder", "make_folder"]

DEFAULT_NAME = "我的课程"


def choose_folder(wanted: str | None) -> Path:
    """The learner's folder: as named, else ``AIGC_HOME``, else the one we stand in, else new.

    "The one we stand in" is the current folder or a parent of it that already is a learner's
    folder and not another user's; a new one is ``我的课程`` below the current folder.
    """
    named = wanted or os.environ.get("AIGC_HOME", "").strip()
    try:
        if named:
            return Path(os.path.abspath(Path(named).expanduser()))
        return learners_folder() or Path.cwd() / DEFAULT_NAME
    except FileNotFoundError as error:
        raise UserError("当前文件夹已经不在了", "cd 到别的文件夹，再来一次") from error


def make_folder(folder: Path) -> Path:
    """Make the learner's folder and its ``.aigc``, or say in one line why it cannot be.

    ``.aigc`` is closed to others: on a shared machine with a group-writable home, a classmate
    could else change the command that starts this learner's kernels.

    Raises:
        UserError: it is a file, is another user's, lies in the course's own folders, or cannot be
            written.
    """
    folder = Path(os.path.abspath(folder))
    real = folder.resolve()
    for own in (PACKAGE, PACKAGE.parent / "notebooks"):
        if own.is_dir() and real.is_relative_to(own):
            raise UserError(
                f"{folder} 在课程自己的文件夹里，那里存的是带答案的原稿",
                "换一个文件夹，或什么都不写",
            )
    if real == PACKAGE.parent and (PACKAGE.parent / "notebooks").is_dir():
        raise UserError(f"{folder} 是课程仓库本身", f"换一个文件夹，如 {DEFAULT_NAME}")
    try:
        # looked at first: mkdir on an existing file says something else on each system
        for part in (folder, *folder.parents):
            if part.exists():
                if not part.is_dir():
                    raise UserError(f"{part} 是一个文件，不是文件夹", "换一个名字，或先把它移走")
                break
        folder.mkdir(parents=True, exist_ok=True)
        ours = folder / STATE_DIR
        if is_anothers(ours):
            raise UserError(f"{folder} 是这台机器上另一位用户的学习文件夹", "换一个自己的文件夹")
        ours.mkdir(mode=0o700, exist_ok=True)
        # not tempfile: on Windows it tries for ever in a folder it may not write to
        probe = ours / f"{TEMPORARY}{secrets.token_hex(8)}"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another aigc may just have cleared it away
    except OSError as error:
        raise from_os_error(error, folder) from error
    return folder
