"""Feedback on its way to the students: through nbgrader's exchange, or as a ZIP to hand round."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from aigc_course.classroom.report.files import put
from aigc_course.classroom.report.nbgrader_database import course_directory
from aigc_course.errors import UserError

__all__ = ["Way", "to_exchange", "to_zip"]

Way = Literal["exchange", "zip"]


def to_zip(root: Path, assignment: str, pages: Sequence[Path]) -> Path:
    """``reports/<assignment>-feedback.zip`` with one ``<student>.html`` each.

    The same pages give the same bytes.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for page in sorted(pages):
            entry = zipfile.ZipInfo(f"{assignment}/{page.parent.parent.name}.html")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, page.read_bytes())
    return put(root / "reports" / f"{assignment}-feedback.zip", buffer.getvalue())


def to_exchange(root: Path, assignment: str) -> None:
    """What ``nbgrader release_feedback`` does.

    Raises:
        UserError: there is no exchange on this machine, or no course id, or it failed.
    """
    from nbgrader.apps.api import NbGraderAPI

    course = course_directory(root)
    if not course.course_id:
        raise UserError(
            "nbgrader_config.py 里没有课程的名字", '加一行：c.CourseDirectory.course_id = "aigc"'
        )
    api: Any = NbGraderAPI(coursedir=course, config=course.config)
    if not api.exchange_is_functional:
        raise UserError("这台机器上没有 nbgrader 的交换文件夹", "改用 --publish zip")
    done = api.release_feedback(assignment)
    if not done["success"]:
        why = (done.get("log") or done.get("error") or "").strip().splitlines()
        raise UserError(f"nbgrader 没能发出反馈（{why[-1] if why else '没有说明'}）", "按它说的改")
