"""Opening nbgrader's gradebook, with its errors told in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.nbgrader_course import own_config, tools_on_path
from aigc_course.errors import UserError

__all__ = ["course_directory", "database_url", "open_gradebook"]


def course_directory(root: Path) -> Any:
    """nbgrader's ``CourseDirectory`` for ``root``, as its ``nbgrader_config.py`` says."""
    from nbgrader.coursedir import CourseDirectory

    root = root.resolve()
    return CourseDirectory(config=own_config(root), root=str(root))


def database_url(course: Any, wait: float) -> str:
    """The gradebook's address; SQLite waits ``wait`` seconds for a lock before it gives up."""
    url = str(course.db_url)
    if url.startswith("sqlite:///") and "?" not in url:
        url += f"?timeout={wait:g}"
    return url


@contextmanager
def open_gradebook(course: Any, wait: float) -> Iterator[Any]:
    """nbgrader's gradebook, its errors told as UserError; what is not committed is undone."""
    from nbgrader.api import Gradebook, InvalidEntry
    from sqlalchemy.exc import SQLAlchemyError

    log = logging.getLogger("tornado.application")
    quiet = log.disabled
    log.disabled = True  # nbgrader prints a stack trace there before it raises
    try:
        with tools_on_path():
            gradebook = Gradebook.__new__(Gradebook)
            try:  # around its making, too: one that cannot get in leaves its connection open
                gradebook.__init__(database_url(course, wait), course.course_id)
                yield gradebook
            finally:
                if "db" in vars(gradebook):
                    gradebook.close()
    except (SQLAlchemyError, InvalidEntry) as error:
        raise _explained(error, course) from error
    finally:
        log.disabled = quiet


def _explained(error: Exception, course: Any) -> UserError:
    text = str(error).casefold()
    where = str(course.db_url).removeprefix("sqlite:///")
    if "locked" in text:
        return UserError(
            f"成绩册正被别的程序写着：{where}",
            "等它写完或关掉它（formgrader、nbgrader、看数据库的程序），再来一次；已写的不会丢，也不会重复",
        )
    if "readonly" in text or "unable to open" in text:
        return UserError(f"成绩册写不进去：{where}", "检查这个文件和所在文件夹的权限")
    if "disk" in text and "full" in text:
        return UserError(f"磁盘已满，写不进 {where}", "腾出空间再来一次；已写的不会丢")
    if "no such column" in text or "no such table" in text:
        return UserError(f"成绩册是旧版 nbgrader 的：{where}", "先备份它，再 nbgrader db upgrade")
    if "not a database" in text or "malformed" in text:
        return UserError(
            f"成绩册文件坏了：{where}", "移走它并从备份取回；没有备份就再运行一次，从头建"
        )
    first = str(error).splitlines()[0]
    return UserError(f"成绩册出错（{first}）", f"备份 {where}，再来一次")
