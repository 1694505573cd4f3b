"""When one is stuck: a hint at a time, and, asked for twice, the solution."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from typing import Any

from aigc_course.judging.card import BLUE
from aigc_course.judging.core import find
from aigc_course.progress import record as progress

__all__ = ["Note", "hint", "solution"]

_seen: dict[str, int] = {}  # hints of this session; the folder remembers longer


@dataclass(frozen=True)
class Note:
    """A few lines for the learner: a quiet box in a notebook, plain text elsewhere."""

    title: str
    text: str

    def __str__(self) -> str:
        return "\n  ".join([self.title, *self.text.splitlines()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        style = f"border-left:4px solid {BLUE};padding:2px 12px"
        lines = "<br>".join(escape(line) for line in self.text.splitlines())
        return f'<div style="{style}"><b>{escape(self.title)}</b><br>{lines}</div>'


def hint(id: str, level: int | None = None) -> Note:
    """The next hint for an exercise, or a given one.

    Each call goes one further, from a nudge to nearly the answer; after the last one it stays.

    Args:
        id: the exercise's number, such as ``"03.2"``.
        level: which hint, from 1; the next one when not given.
    """
    ex, note = find(id)
    if ex is None:
        return Note(f"没有练习 {note.id}", note.message)
    id, count = ex.id, len(ex.hints)
    head = f"练习 {ex.id} {ex.title}"
    if not count:
        return Note(f"{head}：没有另写提示", f'先运行 check("{id}", …)，看它指出的第一处')
    if level is None:
        level = max(_seen.get(id, 0), progress.hints_seen(id)) + 1
    elif not 1 <= level <= count:
        return Note(f"{head}：没有第 {level} 条提示", f"一共 {count} 条，写 1 到 {count}")
    level = min(level, count)
    _seen[id] = max(level, _seen.get(id, 0))
    progress.record_hint(id, level)
    text = ex.hints[level - 1]
    if level < count:
        text += f'\n还不够：再运行一次 hint("{id}")'
    else:
        text += f'\n这是最后一条。真卡住了：solution("{id}")'
    return Note(f"{head}：提示 {level}/{count}", text)


def solution(id: str, sure: bool = False) -> Any:
    """The course's solution, if one really wants it: ``solution("03.2", sure=True)``.

    Looking it up is noted in the learner's progress. Refused where ``AIGC_NO_SOLUTIONS=1`` is
    set, as in an exam.
    """
    from aigc_course.authoring.solutions import solution_source

    ex, note = find(id)
    if ex is None:
        return Note(f"没有练习 {note.id}", note.message)
    id, head = ex.id, f"练习 {ex.id} {ex.title}"
    if os.environ.get("AIGC_NO_SOLUTIONS", "").strip() not in ("", "0"):
        return Note(f"{head}：现在不能看参考解答", f'老师关上了这一项；提示还在：hint("{id}")')
    if not sure:
        return Note(f"{head}：真的要看参考解答吗", _question(id, len(ex.hints)))
    source = solution_source(id)
    if source is None:
        return Note(f"{head}：找不到参考解答", "安装里没有源笔记本；重新安装课程：pip install .")
    progress.record_solution(id)
    from aigc_course.authoring.show import Source

    return Source(source, f"{head}：参考解答")


def _question(id: str, count: int) -> str:
    seen = max(_seen.get(id, 0), progress.hints_seen(id))
    lines = [f"已经试了 {progress.tries(id)} 次，提示看了 {min(seen, count)}/{count} 条。"]
    if seen < count:
        lines.append(f'先看下一条提示：hint("{id}")')
    lines.append(f'确定要看就运行 solution("{id}", sure=True)，会记进学习进度')
    return "\n".join(lines)
