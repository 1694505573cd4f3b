"""Something the person at the screen can put right: one line with the cause and the cure."""

from __future__ import annotations

import errno
import os

__all__ = ["Trouble", "explain"]


class Trouble(Exception):
    """An expected failure of a command, told in Chinese; the command ends with exit code 1.

    Args:
        cause: what is wrong, naming the file, port or value.
        cure: what to do about it.

    Example:
        >>> print(Trouble("端口 8888 已被占用", "换一个：aigc lab --port 8899"))
        端口 8888 已被占用 → 换一个：aigc lab --port 8899
    """

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause} → {cure}")
        self.cause, self.cure = cause, cure


def explain(error: OSError, where: str | os.PathLike[str]) -> Trouble:
    """The :class:`Trouble` behind an error of the operating system met while writing ``where``.

    Example:
        >>> explain(OSError(errno.ENOSPC, "No space left on device"), "我的课程").cause
        '磁盘已满，写不进 我的课程'
    """
    where = os.fspath(where)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Trouble(f"磁盘已满，写不进 {where}", "腾出至少 200 MB 后再来一次；已有的文件没有变")
    if error.errno == errno.EROFS:
        return Trouble(f"{where} 所在的磁盘只读", "换一个可写的文件夹：aigc lab 文件夹")
    if isinstance(error, PermissionError):
        return Trouble(
            f"没有权限写 {where}", "换一个自己的文件夹：aigc lab 文件夹；或关掉正占用它的程序"
        )
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
        return Trouble(f"这里不能用这样的路径：{where}", "换一个短一些、不含特殊符号的文件夹")
    reason = error.strerror or type(error).__name__
    return Trouble(f"读写 {where} 时出错（{reason}）", "换一个文件夹再试；已有的文件没有变")
