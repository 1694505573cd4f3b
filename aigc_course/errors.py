"""Every public exception of the course, and the base of all that ``aigc`` tells in one line.

::

    BaseException
        Stopped                     judging.result
    Exception
        CourseError                 errors
            UserError               errors
                NoSandbox           classroom.sandbox.sandbox
            DataError               errors (a RuntimeError too)
        ShapeError                  engine.errors (a ValueError and a RuntimeError)
        GradcheckError              engine.gradcheck (a RuntimeError)
        SafetensorsError            engine.serialise (a ValueError)
        TooDeep                     judging.handed.graph_node
        TooManyVisits               judging.handed.graph_node
        NewerFormat                 progress.store
        Damaged                     classroom.submission.notebook_file
        WrongFile                   classroom.submission.notebook_file
        Unreadable                  classroom.submission.untrusted_files
        WrongCourse                 classroom.grading.dask_cluster
        ConfinementError            classroom.sandbox.confine (an OSError)
        Malformed                   classroom.sandbox.codec (a ValueError)
        Unsendable                  classroom.sandbox.codec (a TypeError)
        ConnectionLost              classroom.sandbox.rpc
        DeadlineExceeded            classroom.sandbox.rpc
        TrafficExceeded             classroom.sandbox.rpc
        RemoteError                 classroom.sandbox.rpc
        NotDefined                  classroom.sandbox.rpc (a LookupError)
        Refused                     classroom.sandbox.rpc
        KernelDied                  authoring.nbval_plus (a RuntimeError)

A :class:`CourseError` is expected: the person at the screen can put it right, and ``aigc`` ends
with its :meth:`~CourseError.line`. Any other is a mistake in the code that calls, or is caught by
the part of the course that knows what to do. ``tests/test_errors.py`` keeps this tree true.
"""

from __future__ import annotations

import errno
import os

__all__ = ["CourseError", "DataError", "UserError", "from_os_error"]


class CourseError(Exception):
    """An expected failure. A command that meets one ends with exit code 1 and one line."""

    def line(self) -> str:
        """What the command prints about it: in Chinese, with what to do.

        Example:
            >>> CourseError("课程没有装好\\n细节").line()
            '课程没有装好'
        """
        return str(self).partition("\n")[0]


class UserError(CourseError):
    """What was asked for cannot be done as it was asked, or not on this machine as it is.

    Args:
        cause: what is wrong, naming the file, port or value.
        cure: what to do about it.

    Example:
        >>> print(UserError("端口 8888 已被占用", "换一个：aigc lab --port 8899"))
        端口 8888 已被占用 → 换一个：aigc lab --port 8899
    """

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause} → {cure}")
        self.cause, self.cure = cause, cure


class DataError(CourseError, RuntimeError):
    """A shipped data file is missing, damaged or unknown.

    The message names the file, what was found, what was wanted (both checksums where there are
    two) and the command that restores it.

    Example:
        >>> DataError("fashion_mnist.zip: damaged\\nwanted sha256 …").line()
        '数据有问题（fashion_mnist.zip: damaged） → aigc data verify 逐个检查'
    """

    def line(self) -> str:
        """The first line of the message, and the command that looks at every file."""
        return f"数据有问题（{super().line()}） → aigc data verify 逐个检查"


def from_os_error(error: OSError, where: str | os.PathLike[str]) -> UserError:
    """The :class:`UserError` behind an error of the operating system met while writing ``where``.

    Example:
        >>> from_os_error(OSError(errno.ENOSPC, "No space left on device"), "我的课程").cause
        '磁盘已满，写不进 我的课程'
    """
    where = os.fspath(where)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        cure = "腾出至少 200 MB 后再来一次；已有的文件没有变"
        return UserError(f"磁盘已满，写不进 {where}", cure)
    if error.errno == errno.EROFS:
        return UserError(f"{where} 所在的磁盘只读", "换一个可写的文件夹：aigc lab 文件夹")
    if isinstance(error, PermissionError):
        return UserError(
            f"没有权限写 {where}", "换一个自己的文件夹：aigc lab 文件夹；或关掉正占用它的程序"
        )
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
        return UserError(f"这里不能用这样的路径：{where}", "换一个短一些、不含特殊符号的文件夹")
    reason = error.strerror or type(error).__name__
    return UserError(f"读写 {where} 时出错（{reason}）", "换一个文件夹再试；已有的文件没有变")
