"""nbgrader's side of a course folder: its configuration, student versions, gradebook.

nbgrader does the work through its own Python interface, so that what lies in ``release/`` and in
``gradebook.db`` is what its exchange and its formgrader expect.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc_course.classroom.assignment.record import FILE, OLDER
from aigc_course.errors import UserError

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI

__all__ = ["Nbgrader", "own_config", "tools_on_path", "write_config"]

CONFIG = "nbgrader_config.py"
IGNORED = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", FILE, OLDER]
_TEMPLATE = '''"""nbgrader 的设置，由 aigc release 写成；可以改，不会被覆盖。"""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "{course_id}"

# 这些文件不抄进学生版
c.CourseDirectory.ignore = {ignored!r}

# 答案取走之后留下的文字；“还没作答”就是靠它认出来的
c.ClearSolutions.code_stub = {{"python": {code!r}}}
c.ClearSolutions.text_stub = {text!r}
'''


def write_config(root: Path, course_id: str = "aigc") -> bool:
    """Write ``nbgrader_config.py`` if there is none; says whether it was written."""
    from aigc_course.authoring.student import CODE_STUB, TEXT_STUB

    text = _TEMPLATE.format(course_id=course_id, ignored=IGNORED, code=CODE_STUB, text=TEXT_STUB)
    try:
        with open(root / CONFIG, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


@contextmanager
def tools_on_path() -> Iterator[None]:
    """nbgrader starts ``alembic`` by name: let it be found where this Python has its programs."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def own_config(root: Path) -> Any:
    """What ``nbgrader_config.py`` in the course folder says; empty if there is none."""
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    if not (root / CONFIG).is_file():
        return Config()
    try:
        return PyFileConfigLoader(CONFIG, path=str(root)).load_config()
    except Exception as error:  # whatever the instructor's file raises
        raise UserError(
            f"{root / CONFIG} 执行时出错（{type(error).__name__}: {error}）", "改好它再来"
        ) from error


class Nbgrader:
    """nbgrader's interface to the course in ``root``, quiet, with the course's own settings."""

    def __init__(self, root: Path) -> None:
        if any(mark in str(root) for mark in "[]*?{}"):
            raise UserError(
                f"nbgrader 用不了带 [ ] {{ }} * ? 的路径：{root}", "换一个课程文件夹：--course"
            )
        self.root = root
        self.api = self._open()

    def _open(self) -> NbGraderAPI:
        from nbgrader.apps.api import NbGraderAPI
        from traitlets.config import Config

        from aigc_course.authoring.student import CODE_STUB, TEXT_STUB

        config = Config()
        config.ClearSolutions.code_stub = {"python": CODE_STUB}
        config.ClearSolutions.text_stub = TEXT_STUB
        own = own_config(self.root)
        config.merge(own)
        config.CourseDirectory.root = str(self.root)
        ignored = own.get("CourseDirectory", {}).get("ignore", [])
        config.CourseDirectory.ignore = [*ignored, *(x for x in IGNORED if x not in ignored)]
        log = logging.getLogger("aigc_course.nbgrader")
        log.propagate = False
        log.addHandler(logging.NullHandler())
        return NbGraderAPI(config=config, log=log)

    def generate(self, name: str) -> None:
        """Make ``release/<name>/`` from ``source/<name>/`` and note it in the gradebook."""
        with tools_on_path():
            result = self.api.generate_assignment(name, force=True, create=True)
        if not result["success"]:
            log = self.root / ".aigc" / "nbgrader.log"
            log.parent.mkdir(exist_ok=True)
            text = f"{result.get('log', '')}\n{result.get('error', '')}"
            log.write_text(text, encoding="utf-8")
            raise _explain(text, name)

    def set_due(self, name: str, due: datetime | None) -> None:
        """Note the due time in the gradebook, where formgrader shows it."""
        naive = due.astimezone(UTC).replace(tzinfo=None) if due else None
        with self._gradebook() as book:
            book.update_or_create_assignment(name, duedate=naive)

    def submissions(self, name: str) -> int:
        """How many submissions of the assignment the gradebook holds."""
        if not (self.root / "gradebook.db").exists():
            return 0
        from nbgrader.api import MissingEntry

        with self._gradebook() as book:
            try:
                return len(book.assignment_submissions(name))
            except MissingEntry:
                return 0

    def _gradebook(self) -> Any:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with tools_on_path():
                return self.api.gradebook
        except SQLAlchemyError as error:
            raise _locked(str(error)) from error


def _explain(text: str, name: str) -> UserError:
    if "database is locked" in text or "readonly database" in text:
        return _locked(text)
    if "there are submissions associated" in text:
        return UserError(f"成绩册里已有 {name} 的提交，nbgrader 不许再增删题目", "换一个作业名发布")
    # nbgrader's last line only says "see above"
    causes = [
        line.strip()
        for line in text.splitlines()
        if "Error: " in line and "NbGraderException" not in line
    ]
    cause = f"：{causes[-1][:200]}" if causes else ""
    return UserError(
        f"nbgrader 没能做出 {name} 的学生版{cause}",
        f"全文在 .aigc/nbgrader.log；改好 source/{name} 再来，原来的学生版没有变",
    )


def _locked(text: str) -> UserError:
    if "readonly" in text:
        return UserError("成绩册 gradebook.db 只读", "给它写的权限，再来一次")
    return UserError("成绩册 gradebook.db 正被别的程序占用", "关掉 formgrader 或等它写完，再来一次")
