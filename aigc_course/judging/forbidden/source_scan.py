"""Forbidden names in the source of an answer, found without running it."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from aigc_course.judging.forbidden.names import defined_as, describe
from aigc_course.policy import ROOTS, is_closed

__all__ = ["names_of", "static_findings"]


def names_of(namespace: Mapping[str, Any]) -> dict[str, str]:
    """Dotted names of the modules, and of what could be forbidden, in ``namespace``.

    Example:
        >>> import math
        >>> names_of({"m": math, "x": 3, "__name__": "__main__"})
        {'m': 'math'}
    """
    found: dict[str, str] = {}
    for name, value in list(namespace.items()):
        if isinstance(value, ModuleType):
            found[name] = value.__name__
        elif callable(value):
            called = defined_as(value)
            if called is not None and called[0].partition(".")[0] in ROOTS:
                found[name] = ".".join(called)
    return found


def static_findings(
    source: str,
    allows: Sequence[str] = (),
    *,
    names: Mapping[str, str] | None = None,
    first_line: int = 1,
) -> list[str]:
    """What ``source`` refers to that is forbidden, in the order of its lines.

    Names are followed through imports and assignments, and through ``getattr``, ``importlib`` and
    ``__import__`` where the strings are constant. Annotations and ``isinstance`` do not count:
    naming a class is not calling it. A local variable that happens to be called ``softmax`` does
    not count either.

    Args:
        source: Python source; what cannot be parsed has no findings.
        allows: patterns of what may be used after all.
        names: dotted names of the names that are defined elsewhere, from :func:`names_of`.
        first_line: number of the first line.

    Example:
        >>> static_findings("import torch as t\\ndef f(z):\\n    return t.softmax(z, 1)")
        ['第 3 行用了 torch.softmax']
        >>> static_findings("def f(z):\\n    softmax = z.exp()\\n    return softmax")
        []
    """
    try:
        tree = ast.parse(inspect.cleandoc("\n" + source) if source[:1].isspace() else source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    scan = _Scan(tuple(allows), names or {})
    scan.run(tree)
    return [describe(line + first_line - 1, name) for line, name in sorted(scan.findings)]


_Scope = dict[str, str | None]  # the dotted path a name stands for; None: not known


class _Scan:
    """One walk over the statements of a cell."""

    def __init__(self, allows: tuple[str, ...], names: Mapping[str, str]) -> None:
        self.findings: set[tuple[int, str]] = set()
        self._allows = allows
        self._scopes: list[_Scope] = [dict(names)]
        # bodies of functions run after the cell has: they see its names as they are in the end
        self._later: list[tuple[list[_Scope], Sequence[ast.AST]]] = []

    def run(self, tree: ast.Module) -> None:
        self._later.append((self._scopes, tree.body))
        while self._later:
            scopes, body = self._later.pop(0)
            for node in body:
                self._scopes = scopes
                # one that is too deep to be looked at does not hide those after it
                with contextlib.suppress(RecursionError):
                    self._visit(node)

    def _path(self, node: ast.AST) -> str | None:
        """The dotted name an expression stands for, if that can be said without running it."""
        match node:
            case ast.Name(id=name):
                for scope in reversed(self._scopes):
                    if name in scope:
                        return scope[name]
                return f"builtins.{name}"
            case ast.NamedExpr(value=value):
                return self._path(value)
            case ast.Attribute(value=value, attr=name):
                path = self._path(value)
                return path and f"{path}.{name}"
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                called = self._path(function)
                if called == "builtins.__import__":
                    return name.partition(".")[0]
                return name if called == "importlib.import_module" else None
            case ast.Call(func=function, args=[value, ast.Constant(value=str(name)), *_]):
                path = self._path(value) if self._path(function) == "builtins.getattr" else None
                return path and f"{path}.{name}"
        return None

    def _consider(self, node: ast.expr) -> bool:
        """Note what ``node`` refers to if it is forbidden; True if that settles the node."""
        path = self._path(node) or ""
        module, _, name = path.rpartition(".")
        if not module or not is_closed(module, name, self._allows):
            return False
        thing = _loaded(path)
        if thing is _NOTHING:
            settled = not _is_module(path)
        else:
            settled = callable(thing) and not isinstance(thing, ModuleType)
            real = defined_as(thing)
            if settled and real is not None:  # torch.nn.functional.math.exp is math's
                settled = is_closed(*real, self._allows)
        if settled:
            self.findings.add((node.lineno, path))
        return settled

    # --- statements and expressions

    def _visit(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            special: Callable[[Any], None] | None = getattr(
                self, f"_on_{type(node).__name__}", None
            )
            if special is not None:
                special(node)
            elif node is not None and not (isinstance(node, ast.expr) and self._consider(node)):
                self._visit(*ast.iter_child_nodes(node))

    def _visit_within(self, scope: _Scope, *nodes: ast.AST) -> None:
        self._scopes = [*self._scopes, scope]
        self._visit(*nodes)
        self._scopes = self._scopes[:-1]

    def _on_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._consider(node)
        else:
            self._scopes[-1][node.id] = None

    def _on_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            self._scopes[-1][alias.asname or root] = alias.name if alias.asname else root

    def _on_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names if node.module and not node.level else ():
            self._scopes[-1][alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _on_assignment(self, node: Any) -> None:
        self._visit(node.value)  # and not the annotation
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self._visit(target)
            if isinstance(target, ast.Name) and node.value is not None:
                self._scopes[-1][target.id] = self._path(node.value)

    _on_Assign = _on_AnnAssign = _on_NamedExpr = _on_assignment

    def _on_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._visit(*node.body)  # naming an exception is not calling anything

    def _on_ClassDef(self, node: ast.ClassDef) -> None:
        self._scopes[-1][node.name] = None
        self._visit(*node.decorator_list, *node.bases, *node.keywords)
        self._visit_within({}, *node.body)

    def _on_function(self, node: Any) -> None:
        if not isinstance(node, ast.Lambda):
            self._scopes[-1][node.name] = None
            self._visit(*node.decorator_list)
        given = node.args
        self._visit(*given.defaults, *given.kw_defaults)
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        scope: _Scope = {argument.arg: None for argument in every if argument is not None}
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        self._later.append(([*self._scopes, scope], body))

    _on_FunctionDef = _on_AsyncFunctionDef = _on_Lambda = _on_function

    def _on_comprehension_of(self, node: Any) -> None:
        results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        self._visit_within({}, *node.generators, *results)

    _on_ListComp = _on_SetComp = _on_DictComp = _on_GeneratorExp = _on_comprehension_of

    def _on_Call(self, node: ast.Call) -> None:
        if not self._consider(node):
            checks = self._path(node.func) in ("builtins.isinstance", "builtins.issubclass")
            self._visit(node.func, *(node.args[:1] if checks else node.args), *node.keywords)


_NOTHING = object()


def _loaded(path: str) -> Any:
    """The object called ``path`` if its module is loaded; nothing is imported."""
    parts = path.split(".")
    for k in range(len(parts), 0, -1):
        thing: Any = sys.modules.get(".".join(parts[:k]), _NOTHING)
        if thing is _NOTHING:
            continue
        for part in parts[k:]:
            thing = inspect.getattr_static(thing, part, _NOTHING)
            if isinstance(thing, staticmethod | classmethod):
                thing = thing.__func__
        return thing
    return _NOTHING


@functools.lru_cache(maxsize=1024)
def _is_module(path: str) -> bool:
    """Whether ``path`` is a module that may be named without being loaded; nothing is imported."""
    root, *rest = path.split(".")
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return False
    places = [Path(folder, *rest) for folder in (spec and spec.submodule_search_locations) or ()]
    return any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)
