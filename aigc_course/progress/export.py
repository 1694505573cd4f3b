"""The learner's record as a file to keep or to hand on: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aigc_course.progress.store import Event
from aigc_course.progress.summary import summarise

__all__ = ["as_csv", "as_json", "write"]

HEADER = (
    "时间", "章", "练习", "标题", "事件", "结果", "得分", "满分", "第几条提示", "课程版本"
)  # fmt: skip
KINDS = {"check": "检查", "hint": "看提示", "solution": "看解答"}
STATUSES = {
    "passed": "通过",
    "failed": "还差一点",
    "unanswered": "没作答",
    "error": "出错",
    "timeout": "超时",
    "memory": "内存超限",
    "crashed": "进程中断",
    "refused": "用了不许用的函数",
}


def write(path: Path, events: Sequence[Event]) -> Path:
    """Write ``events`` to a new file; its suffix says how.

    Raises:
        ValueError: the name ends in neither ``.csv`` nor ``.json``.
        FileExistsError: the file exists; it is not overwritten.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise ValueError(f"path: got {path.name!r}, wanted a name ending in .csv or .json")
    # Excel takes a CSV for UTF-8 only if it begins with a byte order mark
    if suffix == ".csv":
        content = as_csv(events).encode("utf-8-sig")
    else:
        content = as_json(events).encode("utf-8")
    file = open(path, "xb")  # noqa: SIM115 - what "x" itself raises must not remove the file
    try:
        with file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)  # half a file would pass for a whole one
        raise
    return path


def as_csv(events: Sequence[Event]) -> str:
    """One line an event, in local time, headed in Chinese."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(HEADER)
    for event in events:
        table.writerow(
            (
                event.when.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                event.chapter,
                event.exercise,
                event.title,
                KINDS.get(event.kind, event.kind),
                STATUSES.get(event.status, event.status),
                event.score if event.kind == "check" else "",
                event.points if event.kind == "check" else "",
                event.level if event.kind == "hint" else "",
                event.course,
            )
        )
    return out.getvalue()


def as_json(events: Sequence[Event]) -> str:
    """All events as they are stored, and the summary of each chapter that was worked on."""
    chapters = [
        {
            "chapter": chapter.number,
            "title": chapter.title,
            "score": chapter.score,
            "points": chapter.points,
            "seconds": chapter.seconds,
            "exercises": [
                {**asdict(ex), "last": ex.last.isoformat() if ex.last else None}
                for ex in chapter.exercises
            ],
        }
        for chapter in summarise(events)
        if chapter.last
    ]
    whole = {"format": 1, "chapters": chapters, "events": [asdict(event) for event in events]}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
