"""Cut out of a notebook only the statements that one answer needs.

Nothing is run here: cells are parsed, never compiled. The notebook is taken as "Run All" would run
it up to the answer's check, and read backwards from there: the statement that binds the asked
name, what changes that object afterwards, and for every name used the statement that binds *it*.
Training loops, plots and prints are left behind because nothing asks for what they bind.

    >>> cells = [
    ...     parse_cell("import numpy as np\\nprint(1)", "<单元格 1>", 0),
    ...     parse_cell("c = np.ones(3)\\ndef f(x):\\n    return c + x\\nprint(f(2))", "<答案>", 1),
    ... ]
    >>> for chunk in cut(cells, cells[1], "f"):
    ...     print(f"{chunk.filename} from line {chunk.first_line}: {chunk.source!r}")
    <单元格 1> from line 1: 'import numpy as np'
    <答案> from line 1: 'c = np.ones(3)\\ndef f(x):\\n    return c + x'
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from aigc_course.classroom.submission.magics import without_magics

__all__ = [
    "MAX_CELL",
    "Cell",
    "Chunk",
    "Statement",
    "cut",
    "parse_cell",
    "syntax_tree",
    "without_docstring",
]

MAX_CELL = 64_000  # characters of code in one cell; a syntax tree takes about 300 bytes for each
MAX_AT_ONCE = 300  # statements that one statement may need at once: more is made to cost time
EXERCISE_ID = re.compile(r"\d\d\.\d+\Z")
BUILTINS = frozenset(dir(builtins))
COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.TryStar)

#: methods that fill a container: whoever uses it needs them, in whatever cell they are called
FILLS = frozenset({"add", "append", "extend", "insert", "setdefault", "update"})

Key = tuple[float, int]  # place of a statement: its cell's position, its number in the cell


@dataclass(frozen=True)
class Chunk:
    """Statements of one cell, to be executed as they stand.

    Attributes:
        source: Python, whole statements.
        filename: what a traceback shall call the cell.
        first_line: line of the cell on which ``source`` starts, from 1.
    """

    source: str
    filename: str
    first_line: int


@dataclass(eq=False)
class Statement:
    """One statement at the top level of a cell.

    Attributes:
        binds: names it binds in the notebook's namespace.
        alters: names whose object it changes by assigning to an attribute or an item.
        calls: names it calls a method of without using what comes back (``table.append(1)``).
        package: for ``import a.b`` without ``as``: it adds to ``a`` rather than replacing it.
    """

    key: Key
    text: str
    line: int
    node: ast.stmt
    binds: frozenset[str] = frozenset()
    alters: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    package: bool = False
    star: bool = False
    origin: Statement | None = None  # the same statement in a cell taken apart earlier

    @property
    def compound(self) -> bool:
        return isinstance(self.node, COMPOUND)

    @property
    def imports(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @cached_property
    def uses(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the notebook read when the statement runs, and those read in later calls."""
        return self.origin.uses if self.origin else _uses(self)

    @cached_property
    def shape(self) -> str:
        """What it says: two statements that differ in comments and docstrings have one shape."""
        return self.origin.shape if self.origin else _shape(self.node)


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


# --- taking cells apart ------------------------------------------------------------------------


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
            statement = Statement((cell.position, row), part_text, line, part)
            _describe(statement)
            row += 1
            yield statement


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
        changed = _Mine()
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


class _Mine(ast.NodeTransformer):
    """``use("04.5", Tensor, otherwise=…)`` becomes ``Tensor``: an answer is graded as it is."""

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


def _shape(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inner = [_shape(part) for part in without_docstring(node)]
        head = [ast.dump(part) for part in ast.iter_child_nodes(node) if part not in node.body]
        return f"{type(node).__name__} {node.name} {head} {inner}"
    return ast.dump(node)


# --- what a statement binds, changes and uses --------------------------------------------------


def _describe(statement: Statement) -> None:
    node = statement.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        statement.binds = frozenset({node.name}) | _walrus(statement.text)
        statement.alters = frozenset(_patched(node))
    elif isinstance(node, ast.Import):
        name = node.names[0].asname or node.names[0].name.split(".")[0]
        statement.binds = frozenset({name})
        statement.package = node.names[0].asname is None
    elif isinstance(node, ast.ImportFrom):
        alias = node.names[0]
        statement.star = alias.name == "*"
        statement.binds = frozenset() if statement.star else frozenset({alias.asname or alias.name})
    elif isinstance(node, ast.Delete):
        statement.alters = frozenset(_roots(node.targets))
    else:
        statement.binds = _bound(statement.text, node)
        alters: set[str] = set()
        calls: set[str] = set()
        for part in _same_scope(node):
            if isinstance(part, ast.Assign | ast.Delete):
                alters |= _roots(part.targets)
            elif isinstance(part, ast.AugAssign | ast.AnnAssign):
                alters |= _roots([part.target])
            elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
                call = part.value
                if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
                    fills = call.func.attr in FILLS
                    (alters if fills else calls).add(call.func.value.id)
                elif isinstance(call.func, ast.Name) and call.func.id == "setattr" and call.args:
                    alters |= {a.id for a in call.args[:1] if isinstance(a, ast.Name)}
        statement.alters, statement.calls = frozenset(alters), frozenset(calls)


def _patched(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """Names given to decorators: ``@patch(Tensor)`` puts what it decorates into ``Tensor``."""
    calls = [d for d in node.decorator_list if isinstance(d, ast.Call)]
    return {arg.id for call in calls for arg in call.args if isinstance(arg, ast.Name)}


def _bound(text: str, node: ast.stmt) -> frozenset[str]:
    if isinstance(node, ast.Expr | ast.Assert | ast.Pass | ast.Raise | ast.Return):
        return _walrus(text)
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return frozenset()
    try:
        symbols = _table(text).get_symbols()
        return frozenset(s.get_name() for s in symbols if s.is_assigned() or s.is_imported())
    except SyntaxError:  # such as a return outside a function: parsed, but never to be run
        return frozenset()


def _walrus(text: str) -> frozenset[str]:
    if ":=" not in text:
        return frozenset()
    try:
        symbols = _table(text).get_symbols()
        return frozenset(s.get_name() for s in symbols if s.is_assigned())
    except SyntaxError:
        return frozenset()


def _table(text: str) -> symtable.SymbolTable:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return symtable.symtable(text, "<cell>", "exec")
    except (RecursionError, MemoryError, ValueError) as error:
        raise SyntaxError("嵌套太深") from error


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it, without the bodies of functions and classes."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(part))


def _roots(targets: Iterable[ast.expr]) -> set[str]:
    """``model`` of ``model.layers[0].w``, for every target that is not a plain name."""
    found, waiting = set(), list(targets)
    while waiting:
        target = waiting.pop()
        if isinstance(target, ast.Tuple | ast.List):
            waiting.extend(target.elts)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            inner: ast.expr = target
            while isinstance(inner, ast.Attribute | ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Name):
                found.add(inner.id)
    return found


def _uses(statement: Statement) -> tuple[frozenset[str], frozenset[str]]:
    try:
        top = _table(statement.text)
    except SyntaxError:
        return frozenset(), frozenset()
    now = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for part in _same_scope(statement.node):  # x += 1 reads x, which symtable does not say
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            now.add(part.target.id)
    later: set[str] = set()
    waiting = [(child, False) for child in top.get_children()]
    while waiting:
        table, deferred = waiting.pop()
        if table.get_type() == "function" and table.get_name() not in COMPREHENSIONS:
            deferred = True
        names = {s.get_name() for s in table.get_symbols() if s.is_global()}
        (later if deferred else now).update(names)
        waiting += [(child, deferred) for child in table.get_children()]
    if statement.compound:
        now -= _bound_first(statement.node)
    return frozenset(now), frozenset(later)


def _bound_first(node: ast.stmt) -> set[str]:
    """Names that a compound statement binds before it reads them, such as a loop's variable."""
    first: dict[str, bool] = {}
    for name, stored in _events(node):
        first.setdefault(name, stored)
    return {name for name, stored in first.items() if stored}


def _events(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """Reads and writes of names, roughly in the order in which they happen."""
    match node:
        case ast.Name(id=name, ctx=context):
            yield name, isinstance(context, ast.Store)
            return
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name.split(".")[0], True
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            parts: list[ast.AST] = [*node.decorator_list]
            if isinstance(node, ast.ClassDef):
                parts += [*node.bases, *node.body]
            else:
                parts += [d for d in [*node.args.defaults, *node.args.kw_defaults] if d]
            for part in parts:
                yield from _events(part)
            yield node.name, True
            return
        case ast.Lambda():
            return
        case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
            order: list[ast.AST] = [node.value] if node.value else []
            order += node.targets if isinstance(node, ast.Assign) else [node.target]
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, False
            order = [node.value]
        case ast.For() | ast.AsyncFor():
            order = [node.iter, node.target, *node.body, *node.orelse]
        case _:
            order = list(ast.iter_child_nodes(node))
    for part in order:
        yield from _events(part)


# --- the slice ---------------------------------------------------------------------------------


def cut(
    cells: Sequence[Cell],
    root: Cell,
    name: str,
    *,
    until: float | None = None,
    owners: Mapping[str, Cell] | None = None,
) -> tuple[Chunk, ...]:
    """The statements that ``name``, as bound in ``root``, needs, in the order to run them.

    Args:
        cells: the notebook's code cells.
        root: the cell of the answer; one of ``cells``.
        name: what it defines.
        until: position of the last cell that had been run when the answer was checked; the
            answer's own cell if None. Later cells are only looked at for what is missing.
        owners: for names that other exercises ask for, the cell of that answer: it counts,
            wherever it stands.

    Returns:
        No chunks if ``root`` does not bind ``name``.
    """
    start = root.last_binding(name)
    if start is None:
        return ()
    return _Cutter(cells, root, until, owners or {}).run(start, name)


class _Needs(NamedTuple):
    now: list[Statement]
    later: list[Statement]


def _key(statement: Statement) -> Key:
    return statement.key


class _Cutter:
    def __init__(
        self, cells: Sequence[Cell], root: Cell, until: float | None, owners: Mapping[str, Cell]
    ) -> None:
        self.cells = {cell.position: cell for cell in [*cells, *owners.values()]}
        self.root, self.owners = root, owners
        horizon = root.position if until is None else max(until, root.position)
        self.horizon: Key = (horizon, 10**9)
        ordered = sorted(self.cells.values(), key=lambda cell: cell.position)
        self.bindings: dict[str, list[Statement]] = {}
        self.changes: dict[str, list[Statement]] = {}
        self.stars: list[Statement] = []
        for statement in (s for cell in ordered for s in cell.statements):
            for bound in statement.binds:
                self.bindings.setdefault(bound, []).append(statement)
            for changed in statement.alters | statement.calls:
                self.changes.setdefault(changed, []).append(statement)
            if statement.star:
                self.stars.append(statement)

    def run(self, start: Statement, name: str) -> tuple[Chunk, ...]:
        self.start, self.name = start, name
        needs: dict[Statement, _Needs] = {}
        waiting = [start]
        while waiting:
            statement = waiting.pop()
            if statement in needs:
                continue
            later = sorted(statement.uses[1])
            needs[statement] = found = _Needs(
                self.at_once(statement),
                [s for name in later for s in self.binding(name, statement, self.horizon)],
            )
            waiting += found.now + found.later
            for bound in statement.binds:
                waiting += self.changing(statement, bound)
        return self.chunks(_ordered(needs))

    def at_once(self, user: Statement) -> list[Statement]:
        """What has to be there when ``user`` runs.

        A function that it uses may be called at once, so what that one's body uses belongs to it,
        as it is at that time.
        """
        found: list[Statement] = []
        waiting = [s for name in sorted(user.uses[0]) for s in self.binding(name, user, user.key)]
        seen = {user}
        while waiting and len(found) < MAX_AT_ONCE:
            statement = waiting.pop()
            if statement not in seen:
                seen.add(statement)
                found.append(statement)
                for name in sorted(statement.uses[1]):
                    waiting += self.binding(name, statement, user.key)
        return found

    def binding(self, name: str, user: Statement, before: Key) -> list[Statement]:
        """What gives ``name`` its value for ``user``: the last binding before ``before``."""
        if name == self.name and before == self.horizon:
            return [self.start]  # the answer itself, though a copy of the stub may stand below it
        own = self.cells[user.key[0]]
        owner = self.owners.get(name)
        if owner is own and before == self.horizon:
            return [s for s in [owner.last_binding(name)] if s]
        if owner and owner is not own:
            last = owner.last_binding(name)
            if last and (owner.prevails or name not in own.binds | self.root.binds):
                return [last]
        found = self.bindings.get(name, [])
        at = bisect_left(found, before, key=_key)
        if at == 0:
            if name in BUILTINS:
                return []
            others = (s for s in found[:2] if s is not user or before != user.key)
            after = next(others, None)
            return [after] if after else self.stars
        if found[at - 1].package:
            return [s for s in found[:at] if s.package]  # import a.b, import a.c: both add to a
        taken = []
        for statement in reversed(found[:at]):
            taken.append(statement)
            if not statement.compound:  # a branch may not be taken, a loop may run no time
                break
        return taken

    def changing(self, binding: Statement, name: str) -> list[Statement]:
        """Statements that change the object which ``binding`` gave ``name`` to.

        In the binding's own cell that is anything down to a loop that fills a table; in other
        cells only an assignment or what fills a container, and no loop, so that no training comes
        along; but training changes no class.
        """
        if binding.imports:
            return []
        bound = self.bindings[name]
        at = bisect_left(bound, binding.key, key=_key) + 1
        end = bound[at].key if at < len(bound) else (float("inf"), 0)
        changes = self.changes.get(name, [])
        taken = []
        for s in changes[bisect_left(changes, binding.key, key=_key) :]:
            if s.key >= end:
                break
            here = s.key[0] == binding.key[0]
            single = not s.compound or isinstance(binding.node, ast.ClassDef)
            simple = name in s.alters and single and s.key < self.horizon
            if s is not binding and (here or simple):
                taken.append(s)
        return taken

    def chunks(self, statements: list[Statement]) -> tuple[Chunk, ...]:
        """Neighbours of one cell in one chunk, each on its own line of the cell."""
        made: list[Chunk] = []
        position, text, first, last = None, "", 1, 0
        for s in [*statements, None]:
            joins = s is not None and s.key[0] == position and s.line >= last
            if not joins:
                if position is not None:
                    made.append(Chunk(text, self.cells[position].filename, first))
                if s is None:
                    break
                position, text, first, last = s.key[0], "", s.line, s.line
                future = self.cells[position].future
                if future and future[0].line <= s.line:
                    text, first = "; ".join(f.text for f in future), future[0].line
                    last = first + text.count("\n")
            assert s is not None
            if text and s.line == last:
                text += "; " + s.text
            else:
                text += "\n" * (s.line - last) + s.text
            last = s.line + s.text.count("\n")
        return tuple(made)


def _ordered(needs: dict[Statement, _Needs]) -> list[Statement]:
    """As in the notebook; what stands later than a statement that needs it is brought forward."""
    done: list[Statement] = []
    seen: set[Statement] = set()
    for first in sorted(needs, key=_key):
        if first in seen:
            continue
        # depth first without recursion: chains can be as long as the notebook
        seen.add(first)
        stack = [(first, iter(sorted(needs[first].now, key=_key)))]
        while stack:
            statement, rest = stack[-1]
            following = next((s for s in rest if s not in seen), None)
            if following is None:
                done.append(statement)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(sorted(needs[following].now, key=_key))))
    return done
