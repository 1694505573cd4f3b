"""What a new version of a lesson brings, in one line: exercises first, then the rest by count."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["what_is_new"]

NAMED = re.compile(r"(?:ex|check|open)-(\d\d)-(q?\d+)")  # nbgrader's id of an exercise's cell
HEADED = re.compile(r"#+ +(?:练习|开放题) +(\d\d\.q?\d+)")  # first line of the cell above it


@dataclass(frozen=True)
class _Cell:
    source: str
    exercise: str  # the exercise it belongs to; "" for the lesson's own text and code
    answer: bool  # where the learner writes


def what_is_new(old: bytes, new: bytes, *, touched: bool) -> str:
    """Describe ``new`` to someone who has ``old``; "" if nothing can be said.

    Args:
        old: the notebook the learner has.
        new: the notebook that came.
        touched: the learner has worked in ``old``. Answers then differ anyway, and cells that
            ``new`` lacks may be the learner's own; neither is reported.

    Example:
        >>> def book(**cells):
        ...     made = [{"id": id, "source": text} for id, text in cells.items()]
        ...     return json.dumps({"cells": made}).encode()
        >>> what_is_new(
        ...     book(a="1", b="2"), book(a="1", b="3", h="### 练习 03.6 多层"), touched=False
        ... )
        '新练习 03.6；其余改了 1 格'
    """
    try:
        before, after = _cells(old), _cells(new)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # what the learner has may be anything; the delivery does not hang on it
    had, has = _exercises(before), _exercises(after)
    changed = [
        cell
        for id, cell in after.items()
        if id in before and cell.source != before[id].source and not (touched and cell.answer)
    ]
    added = [cell for id, cell in after.items() if id not in before]
    gone = [] if touched else [cell for id, cell in before.items() if id not in after]
    other = [
        f"{verb} {count} 格"
        for verb, cells in (("改了", changed), ("新增", added), ("去掉", gone))
        if (count := sum(not cell.exercise for cell in cells))
    ]
    reworked = {cell.exercise for cell in (*changed, *added, *gone)} & had & has
    parts = [
        _listed("新练习", has - had),
        _listed("改了练习", reworked),
        _listed("去掉练习", set() if touched else had - has),
        f"其余{'、'.join(other)}" if other else "",
    ]
    return "；".join(part for part in parts if part)


def _cells(raw: bytes) -> dict[str, _Cell]:
    found = {}
    for cell in json.loads(raw)["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        grading = cell.get("metadata", {}).get("nbgrader", {})
        name = NAMED.fullmatch(str(grading.get("grade_id", "")))
        head = HEADED.match(source)
        exercise = f"{name[1]}.{name[2]}" if name else head[1] if head else ""
        found[str(cell["id"])] = _Cell(source, exercise, bool(grading.get("solution")))
    return found


def _exercises(cells: dict[str, _Cell]) -> set[str]:
    return {cell.exercise for cell in cells.values()} - {""}


def _listed(what: str, ids: Iterable[str]) -> str:
    # q: an open question comes after the exercises that are judged
    inner = sorted(ids, key=lambda id: (id[:2], "q" in id, int(id[3:].lstrip("q"))))
    return f"{what} {'、'.join(inner)}" if inner else ""
