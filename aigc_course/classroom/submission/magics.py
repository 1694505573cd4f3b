"""IPython's own syntax taken out of a cell, so that what is left is Python.

Only text is looked at: no magic is run, and none that a learner registered can have a say. Line
numbers stay as they are.
"""

from __future__ import annotations

import re

__all__ = ["without_magics"]

KEPT = frozenset({"time", "timeit", "capture", "prun"})  # cell magics that run the cell's body
_LINE = re.compile(r"(?:[%!?,;/].*|[\w.*]+\s*\?{1,2}|[\w.,\[\]'\" ]+=\s*(?:![^=]|%[a-zA-Z]).*)\Z")
_TOKEN = re.compile(
    r"""('{3}|"{3})                                   # 1: triple quotes open
    | ("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)      # 2: a string that ends on this line
    | (\#.*)                                        # 3: a comment
    | ([(\[{]) | ([)\]}])                           # 4, 5: brackets
    | (\\\Z)                                        # 6: the statement goes on in the next line
    | [^'"\#()\[\]{}\\]+ | .""",
    re.VERBOSE,
)


def without_magics(source: str) -> tuple[str, list[str]]:
    """The cell as plain Python, and the lines that were left out.

    ``%time`` keeps its statement; ``%%time``, ``%%timeit``, ``%%capture`` and ``%%prun`` keep the
    cell; any other cell magic makes the whole cell something else than Python.

    Example:
        >>> without_magics("%matplotlib inline\\nx = 1\\n!ls")
        ('pass\\nx = 1\\npass', ['%matplotlib inline', '!ls'])
        >>> without_magics("%%bash\\nls")
        ('', ['%%bash'])
    """
    lines = source.split("\n")
    dropped: list[str] = []
    at = 0
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith("%%")):
        if lines[at].strip():
            dropped.append(lines[at].strip())
            if (lines[at][2:].split() or [""])[0] not in KEPT:
                return "", dropped
            lines[at] = ""
        at += 1
    depth, quotes, continued = 0, "", False
    for number, line in enumerate(lines):
        if depth == 0 and not quotes and not continued and _LINE.match(line.strip()):
            dropped.append(line.strip())
            indent = _indent(line)
            timed = re.match(r"\s*%time\s+(?=\S)", line)
            lines[number] = indent + (line[timed.end() :] if timed else "pass")
            if not timed:
                continue
            line = lines[number]
        depth, quotes, continued = _after(line, depth, quotes)
    indent = next((_indent(line) for line in lines if line.strip()), "")
    if indent:  # IPython runs a cell that is indented as a whole
        dropped.append("整格缩进")
        lines = [line.removeprefix(indent) for line in lines]
    return "\n".join(lines), dropped


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _after(line: str, depth: int, quotes: str) -> tuple[int, str, bool]:
    """Open brackets, open triple quotes and continuation after a line."""
    at = 0
    continued = False
    while at < len(line):
        if quotes:
            end = line.find(quotes, at)
            if end < 0:
                return depth, quotes, False
            at, quotes = end + 3, ""
            continue
        token = _TOKEN.match(line, at)
        if token is None:
            break
        at = token.end()
        if token[1]:
            quotes = token[1]
        elif token[4]:
            depth += 1
        elif token[5]:
            depth = max(0, depth - 1)
        elif token[6]:
            continued = True
    return depth, quotes, continued
