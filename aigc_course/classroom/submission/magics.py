"""IPython's own syntax taken out of a cell, so that what is left is Python.

Where it stands is found by IPython's own input transformers, which look at the tokens of a text and
at nothing else. Their translations into calls are not used: no magic is run, and no transformer
that a learner registered has a say. Line numbers stay as they are.
"""

from __future__ import annotations

import re

__all__ = ["without_magics"]

KEPT = frozenset({"time", "timeit", "capture", "prun"})  # cell magics that run the cell's body
MAX_PASSES = 20  # each tokenises the cell once more
_TIMED = re.compile(r"\s*%time\s+(?=\S)")


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
    # on demand: only a cell that is not Python comes here
    from IPython.core.inputtransformer2 import classic_prompt, ipython_prompt

    lines = [line + "\n" for line in source.split("\n")]
    dropped: list[str] = []
    for at, line in enumerate(lines):
        if line.strip() and not line.startswith("%%"):
            break
        if line.strip():
            dropped.append(line.strip())
            if (line[2:].split() or [""])[0] not in KEPT:
                return "", dropped
            lines[at] = "\n"
    first = next((line for line in lines if line.strip()), "")
    if indent := first[: len(first) - len(first.lstrip())]:  # IPython runs it all the same
        dropped.append("整格缩进")
        lines = [line.removeprefix(indent) for line in lines]
    if (plain := ipython_prompt(classic_prompt(lines))) != lines:
        dropped.append("提示符")
        lines = plain
    for _ in range(MAX_PASSES):
        if not (found := _magics(lines)):
            break
        for start, end in found:
            dropped.append(lines[start].strip())
            if timed := _TIMED.match(lines[start]):
                lines[start] = _indent(lines[start]) + lines[start][timed.end() :]
                continue
            lines[start] = f"{_indent(lines[start])}pass\n"
            lines[start + 1 : end + 1] = ["\n"] * (end - start)
    return "".join(lines).removesuffix("\n"), dropped


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _magics(lines: list[str]) -> list[tuple[int, int]]:
    """First and last line of each magic, as far as the tokens can be trusted.

    A quote or bracket in a shell command makes tokens of the lines below that are none; so a magic
    with one of them ends the list, and what follows is found once it is gone.
    """
    from IPython.core import inputtransformer2 as ipython

    kinds = ipython.TransformerManager().token_transformers
    found: list[tuple[int, int]] = []
    try:
        for tokens in ipython.make_tokens_by_line(lines):
            hit = next((hit for kind in kinds if (hit := kind.find([tokens]))), None)
            if hit is None:
                continue
            start = hit.start_line
            last = max(ipython.find_end_of_continued_line(lines, start), getattr(hit, "q_line", 0))
            end = min(last, len(lines) - 1)
            found.append((start, end))
            if re.search(r"['\"()\[\]{}\\]", "".join(lines[start : end + 1])):
                break
    except (SyntaxError, IndexError):  # no Python even without its magics; a text cut short
        pass
    return found
