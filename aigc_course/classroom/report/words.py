"""The Chinese words of the reports, and student text made fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from aigc_course.classroom.marks import StepMark

__all__ = [
    "EXERCISE_STATUS",
    "NOT_YET",
    "SUBMISSION_STATUS",
    "duration_text",
    "score_text",
    "single_line",
    "steps_in_short",
    "truncate",
    "visible",
]

NOT_YET = "not graded yet"  # on the roll, handed in, but `aigc grade` has not come to it

SUBMISSION_STATUS = {
    "graded": "已批改",
    "late": "迟交",
    "partly answered": "没答完",
    "time limit": "超时",
    "memory limit": "内存超限",
    "crashed": "进程中断",
    "refused": "用了禁用函数",
    "damaged file": "文件损坏",
    "wrong file": "交错文件",
    "missing": "没交",
    NOT_YET: "还没批改",
}
EXERCISE_STATUS = {
    "passed": "通过",
    "failed": "还差一点",
    "unanswered": "没有作答",
    "error": "运行出错",
    "timeout": "超时",
    "memory": "内存超限",
    "crashed": "进程中断",
    "refused": "用了禁用函数",
    "ungraded": "没能批改",
}

# Controls, bidirectional overrides, other characters without a glyph, lone surrogates (which no
# file can hold), tag characters. The joiners U+200C and U+200D stay: Persian and Hindi need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """``text`` with everything spelt out that would be invisible or reorder what is around it.

    Example:
        >>> visible("if admin\u202e: pass")
        'if admin⟨U+202E⟩: pass'
        >>> visible("a\\r\\nb")
        'a\\nb'
    """
    text = text.replace("\r\n", "\n")
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def single_line(text: str, limit: int = 500) -> str:
    """``text`` on one line, for a cell of a table.

    Example:
        >>> single_line("第 3 行\\n  NameError")
        '第 3 行 / NameError'
    """
    text = " / ".join(part.strip() for part in visible(text[: 2 * limit]).splitlines() if part)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def truncate(text: str, chars: int = 20_000, lines: int = 400, width: int = 500) -> tuple[str, str]:
    """``text`` no longer than a page can bear, and a note if anything was left out.

    Example:
        >>> truncate("x" * 30, chars=10)
        ('xxxxxxxxxx', '太长，只显示前 10 个字符（共 30 个）')
    """
    shown, note = text, ""
    if len(shown) > chars:
        shown = shown[:chars]
        note = f"太长，只显示前 {chars:,} 个字符（共 {len(text):,} 个）"
    rows = shown.split("\n")
    if len(rows) > lines:
        rows = rows[:lines]
        note = note or f"太长，只显示前 {lines} 行"
    if any(len(row) > width for row in rows):
        rows = [row if len(row) <= width else row[:width] + "…" for row in rows]
        note = note or f"有的行太长，只显示前 {width} 个字符"
    return "\n".join(rows), note


def steps_in_short(steps: Sequence[StepMark]) -> list[StepMark]:
    """``steps`` with runs of the same one told once, as ``形状（5 次）``.

    Example:
        >>> [s.label for s in steps_in_short([StepMark(True, "形状"), StepMark(True, "形状")])]
        ['形状（2 次）']
    """
    runs = [(step, len([*same])) for step, same in groupby(steps)]
    return [replace(s, label=f"{s.label}（{n} 次）") if n > 1 else s for s, n in runs]


def score_text(value: float | None, blank: str = "—") -> str:
    """A score as people write it: at most two decimals, none without need.

    Example:
        >>> score_text(3.0), score_text(2.674), score_text(None)
        ('3', '2.67', '—')
    """
    return blank if value is None else f"{round(value, 2) + 0.0:g}"


def duration_text(seconds: float) -> str:
    """A length of time in words, two units at most.

    Example:
        >>> duration_text(59), duration_text(3700), duration_text(90_000)
        ('59 秒', '1 小时 1 分', '1 天 1 小时')
    """
    whole = int(seconds)
    units = [(86400, "天"), (3600, "小时"), (60, "分"), (1, "秒")]
    for k, (size, name) in enumerate(units):
        if whole >= size:
            text = f"{whole // size} {name}"
            if k + 1 < len(units) and (rest := whole % size // units[k + 1][0]):
                text += f" {rest} {units[k + 1][1]}"
            return text
    return "不到 1 秒"
