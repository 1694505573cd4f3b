"""Cells of a notebook as statements. Nothing is run: cells are parsed, never compiled.

>>> cell = parse_cell("import numpy as np\\nx = np.ones(3)", "<cell 1>", 0)
>>> [(s.line, s.text, sorted(s.binds)) for s in cell.statements]
[(1, 'import numpy as np', ['np']), (2, 'x = np.ones(3)', ['x'])]
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from aigc_course.classroom.submission.magics import without_magics
from aigc_course.classroom.submission.names import COMPOUND, Names, names_used, statement_names

__all__ = [
    "MAX_CELL",
    "Cell",
    "Key",
    "Statement",
    "parse_cell",
    "syntax_tree",
    "without_docstring",
]

MAX_CELL = 64_000  # characters of code in one cell; a syntax tree takes about 300 bytes for each
EXERCISE_ID = re.compile(r"\d\d\.\d+\Z")

Key = tuple[float, int]  # place of a statement: its cell's position, its number in the cell


@dataclass(eq=False)
class Statement:
    """One statement at the top level of a cell.

    Attributes:
        key: its place in the notebook.
        text: Python.
        line: line of the cell on which it starts, from 1.
        node: its syntax tree.
        names: what it binds and changes.
        origin: the same statement in a cell taken apart earlier.
    """

    key: Key
    text: str
    line: int
    node: ast.stmt
    names: Names
    origin: Statement | None = None

    @property
    def binds(self) -> frozenset[str]:
        return self.names.binds

    @property
    def compound(self) -> bool:
        return isinstance(self.node, COMPOUND)

    @property
    def imports(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @cached_property
    def uses(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the notebook read when the statement runs, and those read in later calls."""
        return self.origin.uses if self.origin else names_used(self.text, self.node)

    @cached_property
    def canonical(self) -> str:
        """Its syntax without comments and docstrings: equal where two statements say the same."""
        return self.origin.canonical if self.origin else _canonical(self.node)


@dataclass(eq=False)
class Cell:
    """A code cell taken apart. With an ``error`` it has no statements.

    ``prevails``: what it binds counts for every cell, even for one that has its own.
    """

    source: str
    filename: str
    position: float
    statements: list[Statement] = field(default_factory=list)
    future: list[Statement] = field(default_factory=list)  # from __future__ import …
    error: str = ""
    dropped: tuple[str, ...] = ()  # magics left out, for the instructor
    prevails: bool = False

    @property
    def binds(self) -> set[str]:
        return {name for statement in self.statements for name in statement.binds}

    def last_binding(self, name: str) -> Statement | None:
        return next((s for s in reversed(self.statements) if name in s.binds), None)


def syntax_tree(source: str) -> ast.Module:
    """``ast.parse`` for text nobody vouches for: whatever is wrong becomes a SyntaxError.

    Example:
        >>> syntax_tree("-" * 60_000 + "1")
        Traceback (most recent call last):
        ...
        SyntaxError: 嵌套太深
    """
    if len(source) > MAX_CELL:
        raise SyntaxError(f"代码有 {len(source)} 个字符，上限 {MAX_CELL}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a plain string is the learner's business
            return ast.parse(source)
    except SyntaxError:
        raise
    except (RecursionError, MemoryError):
        raise SyntaxError("嵌套太深") from None
    except ValueError as error:  # NUL bytes, lone surrogates
        raise SyntaxError(str(error)) from None


def parse_cell(source: str, filename: str, position: float, *, released: bool = False) -> Cell:
    """Take a cell apart; a cell that is not Python gets an ``error`` instead of statements.

    Args:
        source: the cell's text.
        filename: what tracebacks shall call it.
        position: its place in the notebook.
        released: the course's own text, which will be met again in the next notebook: the work is
            remembered. Not for what a learner wrote, or memory would grow with the class.
    """
    if not released:
        return _taken_apart(source, filename, position)
    known = _remembered(source)
    copies = [replace(s, key=(position, row), origin=s) for row, s in enumerate(known.statements)]
    return replace(known, filename=filename, position=position, statements=copies)


@lru_cache(maxsize=2000)
def _remembered(source: str) -> Cell:
    return _taken_apart(source, "", 0)


def _taken_apart(source: str, filename: str, position: float) -> Cell:
    cell = Cell(source, filename, position)
    try:
        tree = _parse(cell)
        for statement in _statements(tree, cell):
            future = statement.imports and getattr(statement.node, "module", "") == "__future__"
            (cell.future if future else cell.statements).append(statement)
    except SyntaxError as error:
        cell.statements, cell.future = [], []
        cell.error = f"第 {error.lineno} 行：{error.msg}" if error.lineno else str(error.msg)
    except RecursionError:
        cell.statements, cell.future = [], []
        cell.error = "嵌套太深"
    return cell


def _parse(cell: Cell) -> ast.Module:
    try:
        return syntax_tree(cell.source)
    except SyntaxError:
        cleaned, dropped = without_magics(cell.source)
        if not dropped:
            raise
        tree = syntax_tree(cleaned)
        cell.source, cell.dropped = cleaned, tuple(dropped)
        return tree


def _statements(tree: ast.Module, cell: Cell) -> Iterator[Statement]:
    lines = cell.source.split("\n")
    row = 0
    before = 0  # last line of the statement before
    for node in tree.body:
        line, text = _segment(node, lines, before)
        before = node.end_lineno or node.lineno
        for part_text, part in _parts(text, node):
            key = (cell.position, row)
            yield Statement(key, part_text, line, part, statement_names(part_text, part))
            row += 1


def _segment(node: ast.stmt, lines: list[str], before: int) -> tuple[int, str]:
    """First line and text of a statement; columns of the tree count UTF-8 bytes."""
    start, end = node.lineno, node.end_lineno or node.lineno
    first = node.col_offset
    if getattr(node, "decorator_list", None):
        # the tree says where a decorator's expression is, not where its "@" is
        start = next(n for n in range(before + 1, start) if lines[n - 1].lstrip()[:1] == "@")
        first = 0
    taken = [line.encode() for line in lines[start - 1 : end]]
    taken[-1] = taken[-1][: node.end_col_offset]
    taken[0] = taken[0][first:]
    return start, b"\n".join(taken).decode()


def _parts(text: str, node: ast.stmt) -> list[tuple[str, ast.stmt]]:
    """An import of several names counts as several statements, so that one can be had alone."""
    if isinstance(node, ast.Import | ast.ImportFrom) and len(node.names) > 1:
        singles: list[ast.stmt] = []
        for alias in node.names:
            if isinstance(node, ast.Import):
                singles.append(ast.Import([alias]))
            else:
                singles.append(ast.ImportFrom(node.module, [alias], node.level))
        return [(ast.unparse(single), single) for single in singles]
    if "use(" in text:
        changed = _UseCalls()
        node = changed.visit(node)
        if changed.seen:
            text = ast.unparse(node)
            if _is_itself(node):
                return []
    return [(text, node)]


def _is_itself(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Name)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == node.value.id
    )


class _UseCalls(ast.NodeTransformer):
    """``use("04.8", Tensor, otherwise=…)`` becomes ``Tensor``: an answer is graded as it is."""

    def __init__(self) -> None:
        self.seen = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="use"), args=[ast.Constant(value=str(id)), mine]) if (
                EXERCISE_ID.match(id)
            ):
                self.seen = True
                return mine
        return node


def without_docstring(node: ast.stmt) -> list[ast.stmt]:
    """The body of a function or class without its docstring."""
    body: list[ast.stmt] = getattr(node, "body", [])
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _canonical(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inner = [_canonical(part) for part in without_docstring(node)]
        head = [ast.dump(part) for part in ast.iter_child_nodes(node) if part not in node.body]
        return f"{type(node).__name__} {node.name} {head} {inner}"
    return ast.dump(node)
