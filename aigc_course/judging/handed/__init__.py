"""What a judge hands to an answer as an object, rather than as plain values.

In grading the answer lives in a process of its own, and its judge in another. An object crosses
in one of two ways, which its class declares here:

* it stays with the judge, and the answer holds a proxy that can do what :func:`exposes` names;
* it is copied, together with all objects that hang together with it (:func:`copies`), and a copy
  that comes back is the judge's own object again.

An exception declared with :func:`crosses` keeps its type on the way; any other arrives as the
nearest builtin type.

Classes that are copied, and exceptions, must be known on both sides: they live in modules of this
package, which the worker process imports before any answer runs. Such a module imports nothing
but the standard library and NumPy.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NamedTuple, TypeVar

__all__ = ["copier_of", "copies", "crosses", "errors", "exposed", "exposes", "import_all"]

Kind = TypeVar("Kind", bound=type)
Error = TypeVar("Error", bound=type[Exception])


class Exposed(NamedTuple):
    """Names of an object that an answer may use; every other is refused."""

    readable: frozenset[str]
    writable: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Copier:
    """How objects of one class are copied to the other process.

    Attributes:
        name: by which the other process finds its copier.
        pack: an object -> all objects that hang together with it, itself the last, and a
            description of them. The description holds plain values, functions and objects that
            are handed over themselves.
        unpack: a description -> the copies, in the same order.
    """

    name: str
    pack: Callable[[Any], tuple[Sequence[Any], Any]]
    unpack: Callable[[Any], Sequence[Any]]


_FUNCTION = Exposed(frozenset({"__call__"}))
_exposed: dict[type, Exposed] = {
    FunctionType: _FUNCTION,
    MethodType: _FUNCTION,
    BuiltinFunctionType: _FUNCTION,
}
_copiers: dict[type | str, Copier] = {}  # by class and by name

#: The exceptions that keep their type between the two processes, by name.
errors: dict[str, type[Exception]] = {}


def exposes(*names: str, writable: Iterable[str] = ()) -> Callable[[Kind], Kind]:
    """Declare what an answer may use of the objects of a class, and of its subclasses.

    A class that is not the judge's own is declared by calling the decorator on it.

    Args:
        names: attributes and methods to read; ``"__call__"`` and operators by their own names.
        writable: those of ``names`` that may be assigned to.

    Raises:
        ValueError: a name to write is not one to read.

    Example:
        >>> @exposes("step", "rate", writable=["rate"])
        ... class Stepper: ...
        >>> sorted(exposed(Stepper()).readable), exposed(object()) is None
        (['rate', 'step'], True)
    """
    declared = Exposed(frozenset(names), frozenset(writable))
    if not declared.writable <= declared.readable:
        raise ValueError(f"writable: {sorted(declared.writable - declared.readable)} not in names")

    def declare(kind: Kind) -> Kind:
        _exposed[kind] = declared
        return kind

    return declare


def exposed(value: Any) -> Exposed | None:
    """What an answer may use of ``value``; None if it cannot be handed over."""
    return next((_exposed[kind] for kind in type(value).__mro__ if kind in _exposed), None)


def copies(
    kind: type,
    pack: Callable[[Any], tuple[Sequence[Any], Any]],
    unpack: Callable[[Any], Sequence[Any]],
) -> None:
    """Declare that the objects of ``kind`` are copied; see :class:`Copier`.

    Raises:
        ValueError: another class of that name is copied.
    """
    if kind.__name__ in _copiers:
        raise ValueError(f"{kind.__name__}: two classes of one name could not be told apart")
    _copiers[kind] = _copiers[kind.__name__] = Copier(kind.__name__, pack, unpack)


def copier_of(kind: type | str) -> Copier | None:
    """The copier of a class, or of the name under which it crossed; None if there is none."""
    return _copiers.get(kind)


def crosses(error: Error) -> Error:
    """Declare that an exception keeps its type between the two processes.

    Raises:
        ValueError: another one of that name is declared.
    """
    if errors.setdefault(error.__name__, error) is not error:
        raise ValueError(f"{error.__name__}: two exceptions of one name could not be told apart")
    return error


def import_all() -> None:
    """Import every module of this package, and so know all that can be copied."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
