"""Which names one statement binds, changes and uses: read off its syntax tree and symbol table.

>>> found = statement_names("table[0] += step", ast.parse("table[0] += step").body[0])
>>> sorted(found.binds), sorted(found.alters)
([], ['table'])
"""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["COMPOUND", "Names", "names_used", "statement_names"]

COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.TryStar)

#: methods that fill a container: whoever uses it needs them, in whatever cell they are called
FILLS = frozenset({"add", "append", "extend", "insert", "setdefault", "update"})


@dataclass(frozen=True)
class Names:
    """What a statement does to the names of the notebook.

    Attributes:
        binds: names it binds in the notebook's namespace.
        alters: names whose object it changes by assigning to an attribute or an item.
        calls: names it calls a method of without using what comes back (``table.append(1)``).
        package: for ``import a.b`` without ``as``: it adds to ``a`` rather than replacing it.
        star: it is a ``from a import *``.
    """

    binds: frozenset[str] = frozenset()
    alters: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    package: bool = False
    star: bool = False


def statement_names(text: str, node: ast.stmt) -> Names:
    """What the statement ``text``, parsed as ``node``, binds and changes."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return Names(frozenset({node.name}) | _walrus(text), frozenset(_patched(node)))
        case ast.Import(names=[alias, *_]):
            name = alias.asname or alias.name.split(".")[0]
            return Names(frozenset({name}), package=alias.asname is None)
        case ast.ImportFrom(names=[ast.alias(name="*"), *_]):
            return Names(star=True)
        case ast.ImportFrom(names=[alias, *_]):
            return Names(frozenset({alias.asname or alias.name}))
        case ast.Delete():
            return Names(alters=frozenset(_roots(node.targets)))
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
    return Names(_bound(text, node), frozenset(alters), frozenset(calls))


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


def names_used(text: str, node: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the notebook read when the statement runs, and those read in later calls.

    Example:
        >>> text = "def f(x, y=a): return x + b"
        >>> [sorted(names) for names in names_used(text, ast.parse(text).body[0])]
        [['a'], ['b']]
    """
    try:
        top = _table(text)
    except SyntaxError:
        return frozenset(), frozenset()
    now = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for part in _same_scope(node):  # x += 1 reads x, which symtable does not say
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
    if isinstance(node, COMPOUND):
        now -= _bound_first(node)
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
