"""What is typed after ``aigc release``: names, numbers of notebooks, points, a due time."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from aigc_course.errors import UserError

__all__ = ["check_name", "choose_notebooks", "parse_due", "parse_points", "points_of"]

RESERVED = {"con", "prn", "aux", "nul", *(f"com{k}" for k in range(10))}
RESERVED |= {f"lpt{k}" for k in range(10)}


def check_name(name: str) -> str:
    """The name of an assignment, if nbgrader, every file system and a web address can take it.

    Example:
        >>> check_name("ps1")
        'ps1'
        >>> check_name("../ps1")
        Traceback (most recent call last):
        ...
        aigc_course.errors.UserError: 作业名不能是 ../ps1 → ...
    """
    cure = "只用字母、汉字、数字、- 和 _，如 ps1"
    name = unicodedata.normalize("NFC", name)
    if not re.fullmatch(r"\w[\w-]{0,63}", name) or name.lower() in RESERVED:
        raise UserError(f"作业名不能是 {name or '空的'}", cure)
    if name.lower() in {"all", "feedback"}:  # nbgrader leaves such folders out
        raise UserError(f"作业名 {name} 另有所用", cure)
    return name


def choose_notebooks(text: str, known: Sequence[str]) -> list[str]:
    """The notebooks meant by ``"01, 3,02_losses"``, in the course's order.

    Example:
        >>> choose_notebooks("2,01", ["00_welcome", "01_forward", "02_losses"])
        ['01_forward', '02_losses']
    """
    chosen = set()
    for word in _words(text):
        word = word.removesuffix(".ipynb")
        number = word.zfill(2) if word.isascii() and word.isdigit() else None
        found = [name for name in known if name == word or name[:2] == number]
        if not found:
            raise UserError(f"没有笔记本 {word}", _meant(word, known))
        chosen.update(found)
    if not chosen:
        raise UserError("没有写哪些笔记本", "如 --notebooks 01,02,03")
    return [name for name in known if name in chosen]


def parse_points(text: str, known: Iterable[str]) -> dict[str, float]:
    """Points for exercises, from ``"02.*=2, 02.5=4"``; later ones count over earlier ones.

    Args:
        text: as typed; full-width commas and equals signs will do.
        known: numbers of the exercises and open questions there are.

    Example:
        >>> parse_points("02.*=2,02.2=3.5", ["02.1", "02.2", "02.q1"])
        {'02.1': 2.0, '02.2': 3.5, '02.q1': 2.0}
    """
    ids = list(known)
    points: dict[str, float] = {}
    for word in _words(text):
        pattern, sign, value = (part.strip() for part in word.partition("="))
        if not sign:
            raise UserError(f"看不懂分值 {word}", '写成 题号=分值，如 --points "01.1=3,02.*=2"')
        found = [id for id in ids if fnmatchcase(id, pattern)]
        if not found:
            raise UserError(f"这份作业里没有题 {pattern}", _meant(pattern, ids))
        for id in found:
            points[id] = _number(pattern, value)
    return points


def _number(what: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1000:
        raise UserError(f"{what} 的分值不能是 {value or '空的'}", "写 0 到 1000 之间的数")
    return number


def points_of(number: float) -> int | float:
    """``3`` rather than ``3.0``, as nbgrader's own editor writes it."""
    return int(number) if number == int(number) else round(number, 2)


def parse_due(text: str) -> datetime:
    """A due time with its time zone, which is the computer's own if none is given.

    ``2026-12-01 23:59``, ``2026-12-01`` (its last minute) or ISO 8601 with an offset.

    Example:
        >>> parse_due("2026-12-01 23:59+08:00").isoformat()
        '2026-12-01T23:59:00+08:00'
    """
    text = text.strip().replace("：", ":").replace("/", "-")
    try:
        due = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"看不懂截止时间 {text}", '写成 --due "2026-12-01 23:59"') from None
    if re.fullmatch(r"[\d-]+", text):
        due += timedelta(hours=23, minutes=59)
    return due.astimezone() if due.tzinfo is None else due


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).replace("、", ",")
    return [word.strip() for word in text.split(",") if word.strip()]


def _meant(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    shown = "、".join(near or list(known)[:12])
    return f"是不是 {shown}" if near else f"现有：{shown or '一个也没有'}"
