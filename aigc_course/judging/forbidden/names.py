"""Whose code something is, and what it is called where it was defined."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Sequence
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Literal

import aigc_course
from aigc_course.policy import is_closed

__all__ = ["defined_as", "describe", "explain", "is_own", "library_origin", "owner", "public_name"]

_PACKAGE = os.path.dirname(os.path.abspath(aigc_course.__file__))
_STANDARD = tuple(
    {os.path.abspath(path) for key, path in sysconfig.get_paths().items() if "stdlib" in key}
)
_INSTALLED = ("site-packages", "dist-packages")


@functools.lru_cache(maxsize=4096)
def owner(filename: str) -> Literal["own", "library", "through"]:
    """``own`` (a learner's), ``library``, or ``through``: code that only passes calls on."""
    if filename.startswith("<"):
        return "through" if filename.startswith(("<frozen", "<__array", "<string>")) else "own"
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
    return owner(filename) == "own"


def defined_as(obj: Any) -> tuple[str, str] | None:
    """Module and qualified name of a function, class or built-in; None for anything else.

    A function written in a learner's file has none, whatever its module is called.
    """
    if isinstance(obj, FunctionType):
        if is_own(obj.__code__.co_filename):
            return None
        # not __module__: functools.wraps copies it
        return str(obj.__globals__.get("__name__", "")), obj.__code__.co_qualname
    if isinstance(obj, type):
        return obj.__module__, obj.__qualname__
    if isinstance(obj, BuiltinFunctionType):
        of = obj.__self__
        if of is None or isinstance(of, ModuleType):
            module = obj.__module__ or getattr(of, "__name__", "") or ""
            return _without_private(module), _without_private(obj.__qualname__)
        kind = of if isinstance(of, type) else type(of)
        if kind.__qualname__.startswith("_"):
            return obj.__module__ or kind.__module__, obj.__name__
        return kind.__module__, f"{kind.__qualname__}.{obj.__name__}"
    if isinstance(obj, MethodDescriptorType | ClassMethodDescriptorType | WrapperDescriptorType):
        home = obj.__objclass__
        return home.__module__, f"{home.__qualname__}.{obj.__name__}"
    if type(obj).__name__ == "ufunc" and type(obj).__module__ == "numpy":
        return _ufunc_home(obj), obj.__name__
    if callable(obj) and type(obj).__module__.startswith("torch."):  # torch.ops.aten.softmax
        return type(obj).__module__, getattr(obj, "__name__", type(obj).__name__)
    return None


def _ufunc_home(ufunc: Any) -> str:
    """The module that a ufunc is from, which it does not say: NumPy, or a library built on it."""
    for module in ("numpy", "scipy.special"):
        loaded = sys.modules.get(module)
        if loaded is not None and getattr(loaded, ufunc.__name__, None) is ufunc:
            return module
    public = ("torch", "sklearn", "scipy")  # a ufunc of a private corner of one of these
    for module, loaded in list(sys.modules.items()):
        if module.startswith(public) and vars(loaded).get(ufunc.__name__) is ufunc:
            return module
    return "numpy"


def _without_private(name: str) -> str:
    return ".".join(part for part in name.split(".") if not part.startswith("_"))


def public_name(module: str, name: str) -> str:
    """How a finding is called: no private parts, no ``__init__``.

    Example:
        >>> public_name("torch._C._nn", "softmax"), public_name("jax", "Array.__init__")
        ('torch.softmax', 'jax.Array')
    """
    parts = [_without_private(module), _without_private(name) or name]
    return ".".join(part for part in parts if part)


def library_origin(answer: Any, allows: Sequence[str] = ()) -> str | None:
    """The library function or class that ``answer`` is, in whatever wrapping; None if it is none.

    Looks into ``functools.partial``, bound methods, decorators, ``numpy.vectorize``, the class
    of a callable object, and base classes.

    Example:
        >>> from aigc_course.metrics import accuracy
        >>> library_origin(functools.partial(accuracy, [1, 0]))
        'aigc_course.metrics.confusion.accuracy'
        >>> library_origin(lambda y, p: (y == p).mean()) is None
        True
    """
    allows = tuple(allows)
    for _ in range(20):
        if isinstance(answer, functools.partial):
            answer = answer.func
        elif isinstance(answer, staticmethod | classmethod | MethodType):
            answer = answer.__func__
        elif type(answer).__module__.startswith("numpy") and hasattr(answer, "pyfunc"):
            answer = answer.pyfunc
        else:
            break
    if not isinstance(answer, type):
        name = defined_as(answer)
        if name is not None:
            if not is_closed(*name, allows):
                return None
            inner = getattr(answer, "__wrapped__", None)
            if inner is not None and library_origin(inner, allows) is None:
                return None  # a library's decorator around the learner's own function
            return public_name(*name)
        if not callable(answer):
            return None
        answer = type(answer)
    for base in answer.__mro__:
        if is_closed(base.__module__, base.__qualname__, allows):
            return public_name(base.__module__, base.__qualname__)
    return None


def describe(line: int, name: str) -> str:
    """One finding, as the learner reads it."""
    verb = "改动了" if name.startswith(("sys.", "threading.")) else "用了"
    return f"第 {line} 行{verb} {name}"


def explain(findings: Sequence[str]) -> str:
    """One line for the learner.

    Example:
        >>> explain(["第 3 行用了 torch.softmax"])
        '练习要自己写：第 3 行用了 torch.softmax'
    """
    return "练习要自己写：" + "；".join(findings[:3])
