"""Source code as part of a lesson: show it from where it lives instead of pasting a copy.

``inspect.getsource`` looks for a class in its module's file. A notebook cell is not in one, or
Python 3.13 takes the cell's line for that of the file that was started; here the methods' own
code objects lead to the cell.
"""

from __future__ import annotations

import ast
import html
import inspect
import io
import linecache
import textwrap
import tokenize
from types import CodeType
from typing import Any

from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

__all__ = ["code_lines", "show_source", "source_of"]


class Source:
    """A piece of Python source: highlighted in a notebook, plain text everywhere else."""

    def __init__(self, text: str, title: str) -> None:
        self.text = text
        self.title = title

    def __repr__(self) -> str:
        return f"# {self.title}\n{self.text}"

    def _repr_html_(self) -> str:
        # colours inline: a page on a code host has no style sheet of ours
        body = highlight(self.text, PythonLexer(), HtmlFormatter(noclasses=True, nobackground=True))
        return f"<p><code>{html.escape(self.title)}</code></p>{body}"


def source_of(obj: Any, *, docstring: bool = True) -> str:
    """Source text of a function, method or class, dedented.

    Args:
        obj: what to show; may come from a notebook cell.
        docstring: keep docstrings; without them only the code is left.

    Raises:
        TypeError: ``obj`` has no Python source (a built-in, a number).

    Example:
        >>> print(source_of(source_of, docstring=False).splitlines()[0])
        def source_of(obj: Any, *, docstring: bool = True) -> str:
    """
    in_cell = inspect.isclass(obj) and obj.__module__ == "__main__"
    try:
        text = _from_cell(obj) if in_cell else inspect.getsource(obj)
    except (OSError, TypeError):
        text = _from_cell(obj)
    # the marks of an answer cell say nothing to a reader
    kept = [line for line in textwrap.dedent(text).splitlines() if not _is_mark(line)]
    text = "\n".join(kept) + "\n"
    return text if docstring else _without_docstrings(text)


def show_source(*objects: Any, docstring: bool = False) -> Source:
    """Highlighted source of one or more functions or classes, for the last line of a cell.

    Example:
        >>> show_source(code_lines).text.splitlines()[0]
        'def code_lines(*objects: Any) -> int:'
    """
    if not objects:
        raise TypeError("show_source: got nothing, wanted at least one function or class")
    texts = [source_of(obj, docstring=docstring).strip() for obj in objects]
    names = [f"{obj.__module__}.{obj.__qualname__}" for obj in objects]
    return Source("\n\n\n".join(texts) + "\n", "、".join(names))


def code_lines(*objects: Any) -> int:
    """Lines of code: no blank lines, comments or docstrings.

    Example:
        >>> def f(x):
        ...     return x
        >>> code_lines(code_lines) > 3
        True
    """
    count = 0
    for obj in objects:
        text = source_of(obj, docstring=False)
        used: set[int] = set()
        skip = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in (*skip, tokenize.ENDMARKER):
                used.update(range(token.start[0], token.end[0] + 1))
        count += len(used)
    return count


def _is_mark(line: str) -> bool:
    return line.strip() in ("### BEGIN SOLUTION", "### END SOLUTION")


def _from_cell(obj: Any) -> str:
    """Source of a class from a notebook cell, found through the code of its methods."""
    if not inspect.isclass(obj):
        raise TypeError(f"source_of: got {type(obj).__name__}, wanted a function or a class")
    for member in vars(obj).values():
        code = getattr(inspect.unwrap(getattr(member, "__func__", member)), "__code__", None)
        if not isinstance(code, CodeType):
            continue
        text = "".join(linecache.getlines(code.co_filename))
        if not text:
            continue
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.ClassDef)
                and node.name == obj.__name__
                and node.lineno <= code.co_firstlineno <= (node.end_lineno or 0)
            ):
                first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
                return "".join(text.splitlines(keepends=True)[first - 1 : node.end_lineno])
    raise TypeError(f"source_of: no Python source found for the class {obj.__name__}")


def _without_docstrings(text: str) -> str:
    tree = ast.parse(text)
    drop: set[int] = set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            if len(node.body) > 1:  # a body must not become empty
                end = first.end_lineno or first.lineno
                drop.update(range(first.lineno, end + 1))
                if node.body[1].lineno > end + 1:
                    drop.add(end + 1)
    return "\n".join(line for i, line in enumerate(text.splitlines(), 1) if i not in drop) + "\n"
