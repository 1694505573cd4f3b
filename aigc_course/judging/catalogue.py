"""What the course asks, read from its source: fast, and without loading a single library.

Importing every chapter's judges would import PyTorch too; a table of progress needs only numbers,
titles and points. They are constants in ``@exercise("03.2", "线性层的反向传播", points=3)``, so
the source is parsed instead.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass

from aigc_course.places import PACKAGE, source_notebooks

__all__ = ["Asked", "chapter_title", "chapters", "exercises"]


@dataclass(frozen=True)
class Asked:
    """One exercise of the course: number, title, points."""

    id: str
    title: str
    points: float


def chapters() -> list[str]:
    """Numbers of all chapters: those with a notebook or with exercises."""
    source = source_notebooks()
    found = {path.name[:2] for path in source.glob("[0-9][0-9]_*.ipynb")} if source else set()
    found |= {path.stem[2:] for path in (PACKAGE / "exercises").glob("ex[0-9][0-9].py")}
    return sorted(found - {"99"})  # 99 belongs to no lesson


def exercises(chapter: str) -> list[Asked]:
    """The exercises of a chapter in order; empty if it has none.

    Example:
        >>> [asked.id for asked in exercises("00")][:2]
        ['00.1', '00.2']
    """
    if not re.fullmatch("[0-9][0-9]", chapter):
        return []
    path = PACKAGE / "exercises" / f"ex{chapter}.py"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id != "exercise" or not node.args:
            continue
        given = dict(zip(("id", "title"), node.args, strict=False))
        given |= {word.arg: word.value for word in node.keywords if word.arg}
        id, title, points = (ast.literal_eval(given[name]) for name in ("id", "title", "points"))
        found.append(Asked(id, title, float(points)))
    return sorted(found, key=lambda asked: int(asked.id.split(".")[1]))


def chapter_title(chapter: str) -> str:
    """The first heading of the chapter's notebook without its number; "" if there is none.

    Only the beginning of the file is read.

    Example:
        >>> chapter_title("05")
        '优化器：往哪走，走多远'
    """
    source = source_notebooks() if re.fullmatch("[0-9][0-9]", chapter) else None
    for path in sorted(source.glob(f"{chapter}_*.ipynb")) if source else ():
        with open(path, encoding="utf-8", errors="replace") as file:
            start = file.read(4096)
        heading = re.search(r'"# (?:[^"\\]|\\.)*"', start)
        if heading:
            text = json.loads(heading.group())
            return re.sub(rf"^{chapter}\s*·\s*", "", text[2:].strip())
    return ""
