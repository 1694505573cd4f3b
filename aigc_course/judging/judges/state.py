"""Steps for what must not survive a call: the same question twice, another one after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import numpy as np

from aigc_course.judging.caller import Caller
from aigc_course.judging.describe import describe, plain
from aigc_course.judging.result import Step

__all__ = ["again", "agree", "changed_place", "same_again", "state_of"]

RTOL, ATOL = 1e-9, 1e-12
_STAYS = (
    "有东西从上一次调用留了下来：可变的默认参数（如 seen=[]）、全局变量、类的属性、"
    "记在函数或输入对象上的标记"
)


def same_again(
    call: Caller,
    *inputs: Any,
    label: str = "同样的输入，再调用一次",
    hint: str = "",
    weight: float = 0.0,
    **named: Any,
) -> Step:
    """Does the answer return the same for the same inputs, called twice?

    What stays where (a default argument, a global name, an attribute) is told in the notebook.

    Args:
        call: stands before the answer; its copies keep changed arrays from being the reason.
        inputs, named: of the call. An object that is handed over stays the same object, so
            marks left on it count.

    Example:
        >>> def counts(x, seen=[]):
        ...     seen.append(x)
        ...     return len(seen)
        >>> same_again(Caller(counts), 3).here
        '默认参数 seen 留着上一次调用的内容：默认值只在定义时建一次，写 seen=None，进来再建'
    """
    before = state_of(call.answer, inputs, named)
    first = _kept(call(*inputs, **named)[0])
    middle = state_of(call.answer, inputs, named)
    second = call(*inputs, **named)[0]
    if agree(second, first):
        return Step(True, label, weight=weight)
    after = state_of(call.answer, inputs, named)
    detail = "两次的输入一样，第二次的结果与第一次不同"
    step = Step(False, label, hint or _STAYS, detail, weight, describe(plain(second)), given=second)
    where = changed_place(middle, after) or changed_place(before, middle)
    return replace(step, here="" if hint else where)


def again(
    call: Caller,
    *inputs: Any,
    label: str = "换一组输入，再调用一次",
    hint: str = "",
    weight: float = 0.0,
    **named: Any,
) -> Step:
    """Is the answer right for fresh inputs, after all that it was asked before?

    Numbers and arrays, in tuples, lists and dictionaries, are compared as :func:`value` does;
    everything else with ``==``.

    Example:
        >>> first = []
        >>> def keeps(x):
        ...     first.append(x)
        ...     return 2 * first[0]
        >>> call = Caller(keeps, lambda x: 2 * x)
        >>> call(1.5)
        (3.0, 3.0)
        >>> again(call, 2.5).ok
        False
    """
    before = state_of(call.answer, inputs, named)
    got, want = call(*inputs, **named)
    if agree(got, want):
        return Step(True, label, weight=weight)
    after = state_of(call.answer, inputs, named)
    detail = "第一组输入对，换一组就不对了"
    step = Step(False, label, hint or _STAYS, detail, weight, describe(plain(got)), given=got)
    return replace(step, here="" if hint else changed_place(before, after))


def agree(got: Any, want: Any, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Whether two results are the same up to rounding, part by part.

    Example:
        >>> agree((np.ones(2), {"b": 1.0}), (np.ones(2), {"b": 1.0 + 1e-15}))
        True
    """
    got, want = plain(got), plain(want)
    if isinstance(want, tuple | list):
        if not isinstance(got, tuple | list | np.ndarray) or len(got) != len(want):
            return False
        return all(agree(one, other, rtol, atol) for one, other in zip(got, want, strict=True))
    if isinstance(want, dict):
        if not isinstance(got, dict) or got.keys() != want.keys():
            return False
        return all(agree(got[key], want[key], rtol, atol) for key in want)
    if isinstance(want, np.ndarray | np.generic | float | int) and not isinstance(want, bool):
        try:
            one, other = np.asarray(got), np.asarray(want)
        except Exception:
            return False
        if one.shape != other.shape:
            return False
        if one.dtype.kind not in "biuf" or other.dtype.kind not in "biuf":
            return bool(np.array_equal(one, other))
        if other.dtype == np.float32:
            rtol, atol = 1e-4, 1e-6
        return bool(np.allclose(one, other, rtol, atol, equal_nan=True))
    if want is None or isinstance(want, bool | str | np.bool_):
        return type(got) in (type(want), bool, np.bool_) and bool(got == want)
    return True


def _kept(value: Any) -> Any:
    """A copy of a result: a later call may write into what an earlier one returned."""
    value = plain(value)
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(_kept(one) for one in value)
    if type(value) is dict:
        return {key: _kept(one) for key, one in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


# --- where it stays: only looked up for an answer in this process ------------------------------


@dataclass(frozen=True)
class _Place:
    """Where something can stay, and what the learner is told if it does."""

    look: str  # how it looked, in full
    told: str


def state_of(answer: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> dict[str, _Place]:
    """All places in which ``answer``, or what it is called with, can keep something."""
    places: dict[str, _Place] = {}

    def note(key: str, value: Any, told: str) -> None:
        if isinstance(value, list | dict | set | np.ndarray | int | float | str | None):
            places[key] = _Place(_look(value), told)

    function = inspect.unwrap(answer) if isinstance(answer, FunctionType) else answer
    if isinstance(function, FunctionType):
        for name, value in _defaults(function).items():
            told = "默认值只在定义时建一次"
            told = f"默认参数 {name} 留着上一次调用的内容：{told}，写 {name}=None，进来再建"
            if isinstance(value, list | dict | set | np.ndarray):
                note(f"default {name}", value, told)
        for name in function.__code__.co_names:
            if name in function.__globals__:
                value = function.__globals__[name]
                note(f"global {name}", value, f"全局变量 {name} 留着上一次调用的内容：放进函数里")
                if isinstance(value, type):
                    _note_class(note, value)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
        for name, cell in cells:
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            note(f"cell {name}", value, f"外层函数的变量 {name} 留着上一次调用的内容：放进函数里")
        for name, value in vars(function).items():
            told = f"记在函数自己身上的 {name} 留到了下一次调用：放进函数里"
            note(f"own {name}", value, told)
    elif isinstance(function, type):
        _note_class(note, function)
    for k, one in enumerate([*inputs, *named.values()]):
        for name in list(getattr(one, "__dict__", ())):
            told = f"输入的对象上留着 {name} 这个标记：下一次调用又读到它，用自己的集合来记"
            places[f"mark {k} {name}"] = _Place("", told)
            value = vars(one)[name]
            note(f"mark {k} {name}", value, told)
    return places


def _note_class(note: Callable[[str, Any, str], None], kind: type) -> None:
    for name, value in vars(kind).items():
        if not name.startswith("__"):
            told = f"{kind.__name__}.{name} 是类的属性，所有对象和调用共用：放进 __init__ 里"
            note(f"class {kind.__name__}.{name}", value, told)


def _defaults(function: FunctionType) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def _look(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.tobytes().hex() if value.size < 10_000 else value.sum()}"
    if isinstance(value, dict):
        return f"{len(value)} {[(id(k), id(v)) for k, v in list(value.items())[:1000]]}"
    if isinstance(value, list | set):
        return f"{len(value)} {[id(one) for one in list(value)[:1000]]}"
    return repr(value)[:1000]


def changed_place(before: dict[str, _Place], after: dict[str, _Place]) -> str:
    """What the learner is told of the first place that changed; "" if none did."""
    for key, place in after.items():
        if key not in before or before[key].look != place.look:
            return place.told
    return ""
