"""Is the function that is being judged the one that stands in the notebook?

After a cell with a syntax error, or one that failed before its ``def``, the name still means the
function from the run before; judged in silence, that one is a riddle.
"""

from __future__ import annotations

import linecache
import re
import sys
from types import FunctionType
from typing import Any

__all__ = ["stale"]


def stale(answer: Any) -> str:
    """A sentence for the learner if a later cell was meant to define ``answer``; "" otherwise.

    Compares the last cell that defines the name at its outermost level with the cell that the
    function or class really comes from. Outside IPython there is nothing to compare.
    """
    name = getattr(answer, "__name__", "")
    if not isinstance(answer, FunctionType | type) or not str(name).isidentifier():
        return ""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    sources = getattr(shell, "user_ns", {}).get("In") or []
    own = _own_cell(answer)
    defines = re.compile(rf"^(async )?(def|class) +{re.escape(name)}\b", re.MULTILINE)
    number = next((k for k in range(len(sources) - 1, -1, -1) if defines.search(sources[k])), 0)
    if not own or not number or _same(sources[number], own, name):
        return ""
    return (
        f"这里判的是上一次的 {name}：后来改过的那一格（第 {number} 次运行）没有定义成功，"
        "先看它下面的报错"
    )


def _own_cell(answer: Any) -> str:
    code = getattr(answer, "__code__", None)
    if code is None:  # a class: by the first of its methods
        methods = (vars(answer).get(name) for name in list(vars(answer)))
        code = next((m.__code__ for m in methods if isinstance(m, FunctionType)), None)
    return "" if code is None else "".join(linecache.getlines(code.co_filename))


def _same(one: str, other: str, name: str) -> bool:
    """The two cells define ``name`` by the same text; magics and blanks aside."""
    return _definition(one, name) == _definition(other, name)


def _definition(cell: str, name: str) -> list[str]:
    """The lines of the last definition of ``name``, to the next line that is not indented."""
    lines = [line.rstrip() for line in cell.splitlines() if line.strip()]
    starts = [
        k for k, line in enumerate(lines) if re.match(rf"(async )?(def|class) +{name}\b", line)
    ]
    if not starts:
        return []
    end = starts[-1] + 1
    while end < len(lines) and lines[end][:1] in (" ", "\t", "#", ")"):
        end += 1
    return lines[starts[-1] : end]
