"""Was it something left over from an earlier call that made an answer go wrong?

A default list, a global name or an attribute that survives a call can make any later step fail,
and the hint of that step then speaks of a mistake nobody made. So it is tried: what can survive
is put back as it was before the first call, and the call that went wrong is made once more. If it
now gives something else, that is the cause, and it has a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np

from aigc_course.judging.judges.state import agree, changed_place, state_of

__all__ = ["RAISED", "Memory"]

LARGEST = 4096  # entries; something bigger is not copied, and not put back
RAISED = object()  # in place of a result: the call ended in an error


class Memory:
    """What ``answer`` could carry from call to call, as it is now.

    Example:
        >>> def mean_so_far(x, seen=[]):
        ...     seen.append(x)
        ...     return sum(seen) / len(seen)
        >>> memory = Memory(mean_so_far)
        >>> mean_so_far(1.0), mean_so_far(3.0)
        (1.0, 2.0)
        >>> memory.blame((3.0,), {}, 2.0)
        '默认参数 seen 留着上一次调用的内容：默认值只在定义时建一次，写 seen=None，进来再建'
        >>> memory.blame((3.0,), {}, 3.0)
        ''
    """

    def __init__(self, answer: FunctionType) -> None:
        self._answer = answer
        self._kept = _keep(answer)
        self._places = state_of(answer, (), {})

    def blame(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], gave: Any) -> str:
        """What the learner is told if the call gives something else without its memories.

        Args:
            args, kwargs: of the call that went wrong.
            gave: what it returned, or :data:`RAISED`.

        Returns:
            Where it stays, and what to do; "" if nothing changed, or it made no difference.
        """
        told = changed_place(self._places, state_of(self._answer, (), {}))
        drawn = any(isinstance(one, np.random.Generator) for one in (*args, *kwargs.values()))
        if not told or drawn:
            return ""
        after = _keep(self._answer)
        _put_back(self._kept)
        try:
            now = self._answer(*args, **kwargs)
        except (Exception, SystemExit):
            now = RAISED
        finally:
            _put_back(after)
        if now is RAISED or gave is RAISED:
            return told if now is not gave else ""
        return "" if agree(now, gave) else told


def _keep(function: FunctionType) -> list[tuple[Any, Any]]:
    """Holders and what they held: see :func:`_put_back`."""
    function = inspect.unwrap(function)
    kept: list[tuple[Any, Any]] = []
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for name in function.__code__.co_names:
        if name in function.__globals__:
            value = function.__globals__[name]
            if value is None or isinstance(value, _KEPT):
                kept.append(((function.__globals__, name), value))
                values.append(value)
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        kept.append(((cell, None), value))
        values.append(value)
    kept.append(((vars(function), None), dict(vars(function))))
    values += vars(function).values()
    for value in values:
        if type(value) in _HOLDERS and _entries(value) <= LARGEST:
            kept.append(((value, None), value.copy()))
    return kept


_HOLDERS = (list, dict, set, np.ndarray)
_KEPT = (bool, int, float, str, *_HOLDERS)


def _entries(value: Any) -> int:
    return value.size if isinstance(value, np.ndarray) else len(value)


def _put_back(kept: list[tuple[Any, Any]]) -> None:
    for (holder, name), value in kept:
        if name is not None:
            holder[name] = value
        elif isinstance(holder, dict | set):
            holder.clear()
            holder.update(value)
        elif isinstance(holder, list):
            holder[:] = value
        elif isinstance(holder, np.ndarray):
            if holder.flags.writeable and holder.shape == value.shape:
                holder[...] = value
        else:
            holder.cell_contents = value
