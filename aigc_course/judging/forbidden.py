"""Has an answer been written, or does it call somebody else's?

An exercise asks for ``softmax``; ``return torch.softmax(z, 1)`` passes every numerical test and
teaches nothing. Three ways of seeing it, each with its own blind spot:

====================== ===================================== ==================================
way                    sees                                  does not see
====================== ===================================== ==================================
:func:`door`           an answer that *is* a library's       a function that calls one
:func:`static_findings` what the source names, even through   names made up at run time
                       aliases, ``getattr``, ``importlib``
:class:`Tripwire`      every call from a learner's line into  a built-in that C code calls
                       a library, however it was reached     (``map(torch.exp, xs)``)
====================== ===================================== ==================================

Only the standard library is imported, because the process in which a submitted answer runs
loads this file by itself.

What is allowed is said in patterns on dotted names, the last that fits deciding, ``!`` taking
back: ``("torch.*", "!torch.*softmax")`` is all of torch but its softmaxes. A name may be written
the way a learner writes it: ``aigc_course.engine.tensor`` also fits ``tensor`` of
``aigc_course.engine.creation``.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import inspect
import os
import sys
import sysconfig
import threading
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FrameType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    TracebackType,
    WrapperDescriptorType,
)
from typing import Any

__all__ = [
    "DEFAULT",
    "TAKEN_OFF",
    "Tripwire",
    "door",
    "explain",
    "is_own",
    "names_of",
    "static_findings",
]

DEFAULT = (
    "aigc_course.engine.*",
    "aigc_course.metrics.*",
    "aigc_course.data.augment.*",
    "aigc_course.exercises.ex[0-9]*",
    "autograd.*",
    "cupy.*",
    "jax.*",
    "keras.*",
    "paddle.*",
    "scipy.*",
    "sklearn.*",
    "tensorflow.*",
    "torch.*",
    "torchvision.*",
)
TAMPERING = (
    "sys.monitoring.*",
    "sys.setprofile",
    "sys.settrace",
    "threading.setprofile*",
    "threading.settrace*",
)
TAKEN_OFF = "改动了 sys.setprofile"  # while the answer ran, by a way that was not seen
_ROOTS = frozenset(pattern.split(".")[0] for pattern in (*DEFAULT, *TAMPERING))
_EXERCISES = "aigc_course.exercises.ex"

# modules that may be named without being loaded here; a module is not a function
_MODULES = frozenset(
    f"torch.{name}"
    for name in (
        *("autograd", "backends", "cuda", "distributions", "fft", "jit", "linalg", "nn"),
        *("nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler", "random"),
        *("special", "utils", "utils.data"),
    )
) | frozenset(
    f"aigc_course.{name}"
    for name in (
        *("data", "data.augment", "engine", "engine.functional", "engine.nn", "engine.nn.init"),
        *("engine.nn.utils", "engine.optim", "engine.optim.lr_scheduler", "exercises"),
        *("metrics", "plots"),
    )
)


# --- whose code is it -----------------------------------------------------------------------------

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_STANDARD = tuple(
    {os.path.abspath(path) for key, path in sysconfig.get_paths().items() if "stdlib" in key}
)
_INSTALLED = ("site-packages", "dist-packages")


@functools.lru_cache(maxsize=4096)
def _owner(filename: str) -> str:
    """``own`` (a learner's), ``library``, or ``through``: code that only passes calls on."""
    if filename.startswith("<"):
        return "through" if filename.startswith(("<frozen", "<__array")) else "own"
    path = os.path.abspath(filename)
    parts = path.replace("\\", "/").split("/")
    for k, part in enumerate(parts):
        if part in _INSTALLED:
            return "through" if parts[k + 1 : k + 2] == ["numpy"] else "library"
    if path.startswith(_PACKAGE + os.sep):
        return "library"
    return "through" if path.startswith(tuple(p + os.sep for p in _STANDARD)) else "own"


def is_own(filename: str) -> bool:
    """Whether a code object's file name is a learner's: not ours, installed or Python's.

    Example:
        >>> is_own("/tmp/ipykernel_1/12.py"), is_own(os.__file__), is_own(__file__)
        (True, False, False)
    """
    return _owner(filename) == "own"


# --- what may be called ---------------------------------------------------------------------------


def _spellings(module: str, name: str) -> list[str]:
    """``name`` as one may write it: from its own module and from each package around it."""
    parts = module.split(".")
    return [".".join([*parts[:k], name]) for k in range(len(parts), 0, -1)]


def _is_forbidden(module: str, name: str, allows: Sequence[str]) -> bool:
    for ending in (".__init__", ".__new__", ".__call__"):
        name = name.removesuffix(ending)
    full = f"{module}.{name}"
    if not any(fnmatchcase(full, pattern) for pattern in (*DEFAULT, *TAMPERING)):
        return False
    if module.startswith(_EXERCISES) and (
        "<locals>" in name or any(part.startswith("_") for part in name.split("."))
    ):
        return False  # a judge's own tools, handed to the answer
    forbidden, spellings = True, _spellings(module, name)
    for pattern in allows:
        bare = pattern.removeprefix("!")
        if any(fnmatchcase(spelling, bare) for spelling in spellings):
            forbidden = pattern.startswith("!")
    return forbidden


def _public(module: str, name: str) -> str:
    """How a finding is called: no private parts, no ``__init__``."""
    for ending in (".__init__", ".__new__", ".__call__"):
        name = name.removesuffix(ending)
    parts = [p for p in module.split(".") if not p.startswith("_")]
    parts += [p for p in name.split(".") if not (p.startswith("_") and len(name) > len(p))]
    return ".".join(parts)


def _named(obj: Any) -> tuple[str, str] | None:
    """Module and qualified name of a function, class or built-in; None for anything else."""
    if isinstance(obj, FunctionType):
        # not __module__: functools.wraps copies it
        return str(obj.__globals__.get("__name__", "")), obj.__code__.co_qualname
    if isinstance(obj, type):
        return obj.__module__, obj.__qualname__
    if isinstance(obj, BuiltinFunctionType):
        owner = obj.__self__
        if owner is None or isinstance(owner, ModuleType):
            module = obj.__module__ or getattr(owner, "__name__", "") or ""
            parts = [p for p in obj.__qualname__.split(".") if not p.startswith("_")]
            return ".".join(p for p in module.split(".") if not p.startswith("_")), ".".join(parts)
        kind = owner if isinstance(owner, type) else type(owner)
        where = obj.__module__ or kind.__module__
        if kind.__qualname__.startswith("_"):
            return where, obj.__name__
        return kind.__module__, f"{kind.__qualname__}.{obj.__name__}"
    if isinstance(obj, MethodDescriptorType | ClassMethodDescriptorType | WrapperDescriptorType):
        home = obj.__objclass__
        return home.__module__, f"{home.__qualname__}.{obj.__name__}"
    if callable(obj) and type(obj).__module__.startswith("torch."):  # torch.ops.aten.softmax
        return type(obj).__module__, getattr(obj, "__name__", type(obj).__name__)
    return None


def door(answer: Any, allows: Sequence[str] = ()) -> str | None:
    """The library function or class that ``answer`` is, in whatever wrapping; None if it is none.

    Looks into ``functools.partial``, bound methods, decorators, ``numpy.vectorize``, the class
    of a callable object, and base classes.

    Example:
        >>> from aigc_course.metrics import accuracy
        >>> door(functools.partial(accuracy, [1, 0]))
        'aigc_course.metrics.confusion.accuracy'
        >>> door(lambda y, p: (y == p).mean()) is None
        True
    """
    for _ in range(20):
        if isinstance(answer, functools.partial):
            answer = answer.func
        elif isinstance(answer, staticmethod | classmethod):
            answer = answer.__func__
        elif type(answer).__module__.startswith("numpy") and hasattr(answer, "pyfunc"):
            answer = answer.pyfunc
        elif isinstance(answer, MethodType):
            answer = answer.__func__
        else:
            break
    if isinstance(answer, type):
        return _forbidden_class(answer, allows)
    name = _named(answer)
    if name is None:
        return _forbidden_class(type(answer), allows) if callable(answer) else None
    if not _is_forbidden(*name, allows):
        return None
    inner = getattr(answer, "__wrapped__", None)
    if inner is not None and door(inner, allows) is None:
        return None  # a library's decorator around the learner's own function
    return _public(*name)


def _forbidden_class(kind: type, allows: Sequence[str]) -> str | None:
    for base in kind.__mro__:
        if _is_forbidden(base.__module__, base.__qualname__, allows):
            return _public(base.__module__, base.__qualname__)
    return None


def explain(findings: Sequence[str]) -> str:
    """One line for the learner.

    Example:
        >>> explain(["第 3 行用了 torch.softmax"])
        '练习要自己写：第 3 行用了 torch.softmax'
    """
    return "练习要自己写：" + "；".join(findings[:3])


# --- while it runs --------------------------------------------------------------------------------


class Tripwire:
    """Notes every call from a learner's line into a forbidden function while it is open.

    The nearest caller that is not NumPy's or Python's own decides: if it is a learner's line the
    call counts, if it is a library's or the judge's it does not. Nothing is interrupted; look at
    :attr:`findings` afterwards. Any profile function that was set is put back.

    Args:
        allows: patterns of what may be called after all.
        judge: code of the judge, for a judge that is not part of the course.

    Example:
        >>> with Tripwire() as wire:
        ...     _ = sorted([3, 1, 2])
        >>> wire.findings
        []
    """

    def __init__(self, allows: Sequence[str] = (), judge: CodeType | None = None) -> None:
        self.findings: list[str] = []
        self._allows = tuple(allows)
        self._judge = judge
        # by id, each with the object itself so that the id stays taken
        self._codes: dict[int, tuple[CodeType, str | None]] = {}
        self._types: dict[type, bool] = {}
        self._modules: dict[str | None, bool] = {}
        self._hook = self._on  # one object, so that it can be recognised
        self._before: Any = None
        self._thread_before: Any = None
        self._set = False

    def __enter__(self) -> Tripwire:
        self._before, self._thread_before = sys.getprofile(), threading.getprofile()
        # a profiler written in C cannot be put back from here: better no tripwire than no profile
        self._set = self._before is None or callable(self._before)
        if self._set:
            threading.setprofile(self._hook)
            sys.setprofile(self._hook)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if not self._set:
            return
        # an interruption that arrives inside a profile function takes it off as well, and so does
        # a recursion that has no room left to call it: whoever catches a RecursionError must
        # not hold TAKEN_OFF against the answer
        if sys.getprofile() is not self._hook and kind is None and not self.findings:
            self.findings.append(TAKEN_OFF)
        sys.setprofile(self._before)
        threading.setprofile(self._thread_before)

    def _on(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            code = frame.f_code
            known = self._codes.get(id(code))
            if known is None:
                known = self._codes[id(code)] = (code, self._of_code(frame))
            if known[1] is not None:
                self._note(known[1], frame.f_back)
        elif event == "c_call":
            owner = getattr(arg, "__self__", None)
            kind = type(owner)
            if kind is ModuleType or owner is None or kind is type:
                module = getattr(arg, "__module__", None)
                if not isinstance(module, str):  # some extensions put the module itself there
                    module = getattr(module, "__name__", "")
                watched = self._modules.get(module)
                if watched is None:
                    watched = kind is type or (module or "").partition(".")[0] in _ROOTS
                    self._modules[module] = watched
            else:
                watched = self._types.get(kind)
                if watched is None:
                    watched = kind.__module__.partition(".")[0] in _ROOTS
                    self._types[kind] = watched
            if watched:
                name = _named(arg)
                if name is not None and _is_forbidden(*name, self._allows):
                    self._note(_public(*name), frame)

    def _of_code(self, frame: FrameType) -> str | None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in _ROOTS:
            return None
        code = frame.f_code
        name = code.co_qualname
        if name.startswith("<"):  # a module being imported
            return None
        if module.startswith(_EXERCISES) and "." in name and not name.endswith(".__init__"):
            first = code.co_varnames[:1] if code.co_argcount else ()
            if first == ("self",):
                return None  # a method of something the judge handed in
        return _public(module, name) if _is_forbidden(module, name, self._allows) else None

    def _note(self, name: str, frame: FrameType | None) -> None:
        while frame is not None:
            code = frame.f_code
            if code is self._judge:
                return
            owner = _owner(code.co_filename)
            if owner == "own":
                break
            if owner == "library":
                return
            frame = frame.f_back
        if frame is None:
            return
        verb = "改动了" if name.startswith(("sys.", "threading.")) else "用了"
        finding = f"第 {frame.f_lineno} 行{verb} {name}"
        if finding not in self.findings and len(self.findings) < 20:
            self.findings.append(finding)


# --- what it says ---------------------------------------------------------------------------------


class _Ref(str):
    """A dotted name that an expression stands for, as against a plain string."""

    __slots__ = ()


def names_of(namespace: Mapping[str, Any]) -> dict[str, str]:
    """Dotted names of the modules, and of the forbidden functions and classes, in ``namespace``.

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
            called = _named(value)
            if called is not None and called[0].partition(".")[0] in _ROOTS:
                found[name] = ".".join(called)
    return found


def static_findings(
    source: str,
    allows: Sequence[str] = (),
    *,
    names: Mapping[str, str] | None = None,
    within: Collection[str] = (),
    first_line: int = 1,
) -> list[str]:
    """What ``source`` refers to that is forbidden, in the order of its lines.

    Names are followed through imports, assignments, ``getattr``, ``importlib``, ``__import__``,
    ``sys.modules``, ``vars`` and ``operator.attrgetter`` as long as the strings are constant.
    Annotations and ``isinstance`` do not count: naming a class is not calling it. A local
    variable that happens to be called ``softmax`` does not count either.

    Args:
        source: Python source; what cannot be parsed has no findings.
        allows: patterns of what may be used after all.
        names: dotted names of the names that are defined elsewhere, from :func:`names_of`.
        within: report only what these top-level definitions say; empty: everything.
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
    scan = _Scan(allows, names or {}, within)
    with contextlib.suppress(RecursionError):  # an expression thousands of levels deep
        scan.run(tree)
    return [text for _, text in sorted(scan.found(first_line - 1))]


_Value = str | None  # a _Ref, a constant string, or nothing known
_Scope = dict[str, _Value]


class _Scan:
    def __init__(
        self, allows: Sequence[str], names: Mapping[str, str], within: Collection[str]
    ) -> None:
        self._allows = tuple(allows)
        self._within = within
        self._scopes: list[_Scope] = [{name: _Ref(path) for name, path in names.items()}]
        self._later: list[tuple[list[_Scope], bool, list[ast.stmt]]] = []
        self._findings: set[tuple[int, str]] = set()
        self._report = True

    def found(self, shift: int) -> list[tuple[int, str]]:
        lines = []
        for line, name in self._findings:
            verb = "改动了" if name.startswith(("sys.", "threading.")) else "用了"
            lines.append((line + shift, f"第 {line + shift} 行{verb} {name}"))
        return lines

    def run(self, tree: ast.Module) -> None:
        for statement in tree.body:
            self._report = not self._within or bool(_bound(statement) & set(self._within))
            self._visit_each([statement])
        # bodies run after the cell has: they see its names as they are in the end
        while self._later:
            self._scopes, self._report, body = self._later.pop(0)
            self._visit_each(body)

    def _visit_each(self, statements: Sequence[ast.stmt]) -> None:
        """One that is too deep to be looked at does not hide those after it."""
        for statement in statements:
            scopes = self._scopes
            with contextlib.suppress(RecursionError):
                self._visit(statement)
            self._scopes = scopes

    # -- names

    def _lookup(self, name: str) -> _Value:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return _Ref(f"builtins.{name}") if hasattr(builtins, name) else None

    def _bind(self, target: ast.AST, value: _Value) -> None:
        if isinstance(target, ast.Name):
            self._scopes[-1][target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part, None)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, None)
        else:
            self._visit(target)

    def _value(self, node: ast.AST) -> _Value:
        """What an expression stands for, if that can be said without running it."""
        if isinstance(node, ast.Name):
            return self._lookup(node.id)
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.NamedExpr):
            return self._value(node.value)
        if isinstance(node, ast.IfExp):
            return self._value(node.body) or self._value(node.orelse)
        if isinstance(node, ast.Attribute):
            base = self._value(node.value)
            return _Ref(f"{base}.{node.attr}") if isinstance(base, _Ref) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._text(node.left), self._text(node.right)
            return None if left is None or right is None else left + right
        if isinstance(node, ast.JoinedStr):
            parts = [
                self._text(v.value if isinstance(v, ast.FormattedValue) else v) for v in node.values
            ]
            return None if None in parts else "".join(p for p in parts if p)
        if isinstance(node, ast.Subscript):
            return self._item(node)
        return self._called(node) if isinstance(node, ast.Call) else None

    def _text(self, node: ast.AST) -> str | None:
        value = self._value(node)
        return None if isinstance(value, _Ref) else value

    def _item(self, node: ast.Subscript) -> _Value:
        base, key = self._value(node.value), self._text(node.slice)
        if not isinstance(base, _Ref) or key is None:
            return None
        if base == "sys.modules":
            return _Ref(key)
        if base == "builtins.globals()":
            return self._scopes[0].get(key)
        if base.endswith(".__dict__"):
            return _Ref(f"{base.removesuffix('.__dict__')}.{key}")
        return None

    def _called(self, node: ast.Call) -> _Value:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "join" and node.args:
            glue, parts = self._text(function.value), node.args[0]
            if glue is not None and isinstance(parts, ast.List | ast.Tuple):
                texts = [self._text(part) for part in parts.elts]
                return None if None in texts else glue.join(t for t in texts if t)
        name = self._value(function)
        if not isinstance(name, _Ref):
            return None
        first = self._value(node.args[0]) if node.args else None
        if name == "builtins.globals":
            return _Ref("builtins.globals()")
        if name.startswith("attrgetter of ") and isinstance(first, _Ref):
            return _Ref(f"{first}.{name.removeprefix('attrgetter of ')}")
        if first is None:
            return None
        if name == "builtins.getattr" and isinstance(first, _Ref) and len(node.args) > 1:
            attribute = self._text(node.args[1])
            return _Ref(f"{first}.{attribute}") if attribute else None
        if name == "builtins.vars" and isinstance(first, _Ref):
            return _Ref(f"{first}.__dict__")
        if isinstance(first, _Ref):
            return None
        if name == "importlib.import_module":
            return _Ref(first)
        if name in ("builtins.__import__", "importlib.__import__"):
            whole = len(node.args) > 3 or any(k.arg == "fromlist" for k in node.keywords)
            return _Ref(first if whole else first.split(".")[0])
        if name == "operator.attrgetter":
            return _Ref(f"attrgetter of {first}")
        return None

    # -- statements and expressions

    def _visit(self, node: ast.AST) -> None:
        method = getattr(self, f"_on_{type(node).__name__}", None)
        if method is not None:
            method(node)
        else:
            for child in ast.iter_child_nodes(node):
                self._visit(child)

    def _visit_all(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node)

    def _on_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self._scopes[-1][alias.asname] = _Ref(alias.name)
            else:
                root = alias.name.split(".")[0]
                self._scopes[-1][root] = _Ref(root)

    def _on_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or not node.module:
            return
        for alias in node.names:
            if alias.name == "*":
                module = sys.modules.get(node.module)
                for name in getattr(module, "__all__", None) or vars(module or object()) or ():
                    self._scopes[-1].setdefault(name, _Ref(f"{node.module}.{name}"))
            else:
                path = _Ref(f"{node.module}.{alias.name}")
                self._scopes[-1][alias.asname or alias.name] = path

    def _on_Assign(self, node: ast.Assign) -> None:
        self._visit(node.value)
        for target in node.targets:
            pairs = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            if pairs and len(target.elts) == len(node.value.elts):  # type: ignore[attr-defined]
                for part, value in zip(target.elts, node.value.elts, strict=True):  # type: ignore[attr-defined]
                    self._bind(part, self._value(value))
            else:
                self._bind(target, self._value(node.value))

    def _on_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([node.value])
        self._bind(node.target, self._value(node.value) if node.value else None)

    def _on_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._visit(node.value)
        self._bind(node.target, self._value(node.value))

    def _on_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._visit(node.iter)
        self._bind(node.target, None)
        self._visit_all([*node.body, *node.orelse])

    _on_AsyncFor = _on_For

    def _on_withitem(self, node: ast.withitem) -> None:
        self._visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, None)

    def _on_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._visit_all(node.body)  # naming an exception is not calling anything

    def _on_ClassDef(self, node: ast.ClassDef) -> None:
        self._scopes[-1][node.name] = None
        self._visit_all([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)])
        self._scopes = [*self._scopes, {}]
        self._visit_all(node.body)
        self._scopes = self._scopes[:-1]

    def _on_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._scopes[-1][node.name] = None
        arguments = node.args
        self._visit_all([*node.decorator_list, *arguments.defaults, *arguments.kw_defaults])
        scopes = [*self._scopes, _parameters(arguments)]
        self._later.append((scopes, self._report, node.body))

    _on_AsyncFunctionDef = _on_FunctionDef

    def _on_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *node.args.kw_defaults])
        self._scopes = [*self._scopes, _parameters(node.args)]
        self._visit(node.body)
        self._scopes = self._scopes[:-1]

    def _comprehension(self, node: Any) -> None:
        self._scopes = [*self._scopes, {}]
        for part in node.generators:
            self._visit(part.iter)
            self._bind(part.target, None)
            self._visit_all(part.ifs)
        results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        self._visit_all(results)
        self._scopes = self._scopes[:-1]

    _on_ListComp = _on_SetComp = _on_DictComp = _on_GeneratorExp = _comprehension

    def _on_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._consider(node)

    def _on_Attribute(self, node: ast.Attribute) -> None:
        if not (isinstance(node.ctx, ast.Load) and self._consider(node)):
            self._visit(node.value)

    def _on_Subscript(self, node: ast.Subscript) -> None:
        if not (isinstance(node.ctx, ast.Load) and self._consider(node)):
            self._visit_all([node.value, node.slice])

    def _on_Call(self, node: ast.Call) -> None:
        if self._consider(node):
            return
        name = self._value(node.func)
        self._visit(node.func)
        if name in ("builtins.isinstance", "builtins.issubclass"):
            self._visit_all(node.args[:1])
            return
        if name in ("builtins.eval", "builtins.exec") and node.args:
            text = self._text(node.args[0])
            if text is not None:
                self._inside(text, node.lineno)
        self._visit_all([*node.args, *(k.value for k in node.keywords)])

    def _inside(self, text: str, line: int) -> None:
        try:
            tree = ast.parse(text.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                node.lineno = line
        self._visit_all(tree.body)

    def _consider(self, node: ast.expr) -> bool:
        """Note what ``node`` refers to if it is forbidden; True if that settles the node."""
        path = self._value(node)
        if not isinstance(path, _Ref):
            return False
        module, _, name = path.rpartition(".")
        if not module or not _is_forbidden(module, name, self._allows):
            return False
        thing = _loaded(path)
        if thing is _NOTHING:
            settled = path not in _MODULES
        else:
            real = _named(thing)
            settled = callable(thing) and not isinstance(thing, ModuleType)
            if settled and real is not None:  # torch.nn.functional.math.exp is math's
                settled = _is_forbidden(*real, self._allows)
        if settled and self._report:
            self._findings.add((node.lineno, path))
        return settled


def _parameters(arguments: ast.arguments) -> _Scope:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return {argument.arg: None for argument in every}


def _bound(statement: ast.stmt) -> set[str]:
    """The names a top-level statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    return set()


_NOTHING = object()


def _loaded(path: str) -> Any:
    """The object called ``path`` if its module is loaded; nothing is imported."""
    parts = path.split(".")
    for k in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:k]))
        if module is None:
            continue
        thing: Any = module
        for part in parts[k:]:
            try:
                thing = inspect.getattr_static(thing, part)
            except AttributeError:
                return _NOTHING
            if isinstance(thing, staticmethod | classmethod):
                thing = thing.__func__
        return thing
    return _NOTHING
