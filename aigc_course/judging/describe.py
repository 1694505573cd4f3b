"""A value in small: what kind of thing it is, its shape, dtype, range and first few numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

__all__ = ["describe", "of", "plain"]

FEW = 4
_ODD: dict[str, Callable[..., Any]] = {"nan": np.isnan, "inf": np.isposinf, "−inf": np.isneginf}
WIDTH = 80


def plain(value: Any) -> Any:
    """A PyTorch tensor as a NumPy array; everything else as it is.

    An object is a tensor if it has both ``detach`` and ``numpy``, whatever library it is from.
    """
    if isinstance(value, np.ndarray | np.generic | float | int | str | list | tuple | dict):
        return value
    kind = type(value)
    if callable(getattr(kind, "detach", None)) and callable(getattr(kind, "numpy", None)):
        value = value.detach()
        on_cpu = getattr(value, "cpu", None)
        return (on_cpu() if callable(on_cpu) else value).numpy()
    return value


def describe(value: Any) -> str:
    """One short line.

    Example:
        >>> describe(np.array([[1.0, 2.5], [3.0, 4.0]]))
        '数组 (2, 2) float64，范围 [1, 4]：1 2.5 3 4'
        >>> describe([(np.ones((3, 2)), np.ones(3))])
        '列表，1 项：元组，2 项，形状 (3, 2)、(3,)'
        >>> describe((1, "a")), describe(lambda x: x)
        ("元组，2 项：1；'a'", '函数 <lambda>')
    """
    try:
        text = _describe(plain(value), 0)
    except Exception:  # a learner's object may fail in any way; it must not spoil the card
        text = type(value).__name__
    return text if len(text) <= 3 * WIDTH else text[: 3 * WIDTH - 1] + "…"


def of(label: str, what: str) -> str:
    """``label`` followed by ``what``: a blank after Latin letters only, nothing said twice.

    Example:
        >>> of("dW", "的值"), of("输出", "的值"), of("L2 的值", "的值"), of("L2 的值", "的值不对")
        ('dW 的值', '输出的值', 'L2 的值', 'L2 的值不对')
    """
    if what.startswith("的值") and label.endswith("的值"):
        return label + what.removeprefix("的值")
    return f"{label}{' ' if label[-1:].isascii() else ''}{what}"


def _describe(value: Any, depth: int) -> str:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, bool | np.bool_) or value is None:
        return str(value)
    if isinstance(value, np.generic):
        return f"{_number(value.item())}（{value.dtype.name}）"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, complex):
        return f"{value:.4g}"
    if isinstance(value, str):
        return _cut(repr(value))
    if isinstance(value, list | tuple | set | frozenset):
        return _collection(value, depth)
    if isinstance(value, Mapping):
        name = f"字典，{len(value)} 项"
        if depth or not value:
            return name
        few = list(value.items())[:FEW]
        return name + "：" + "；".join(f"{_key(k)}: {_describe(plain(v), 1)}" for k, v in few)
    if isinstance(value, type):
        return f"类 {value.__name__}"
    if isinstance(value, FunctionType | BuiltinFunctionType | MethodType):
        return f"函数 {value.__name__}"
    if not depth and type(value).__module__.startswith("aigc_course.judging.handed."):
        words = getattr(value, "in_words", None)  # a judge's own object, made for answers
        if words is not None:
            return str(words())
    # statically: an attribute of an object that lives in another process would be asked for there
    inner = inspect.getattr_static(value, "data", None)
    if isinstance(inner, np.ndarray):  # a tensor of the learner's or the engine's
        return f"{type(value).__name__}，{_array(inner)}"
    return type(value).__name__  # no repr: it may hold an address, and is the learner's code


def _key(key: Any) -> str:
    return _cut(repr(key)) if isinstance(key, str | int | float) else _describe(key, 1)


def _collection(value: Any, depth: int) -> str:
    kind = "列表" if isinstance(value, list) else "元组" if isinstance(value, tuple) else "集合"
    name = f"{kind}，{len(value)} 项"
    parts = [] if isinstance(value, set | frozenset) else [plain(one) for one in value[:FEW]]
    if depth and parts and all(isinstance(one, np.ndarray) for one in parts):
        shapes = [str(one.shape) for one in parts] + (["…"] if len(value) > FEW else [])
        return f"{name}，形状 {'、'.join(shapes)}"  # such as W and b of one layer
    if depth or not parts:
        return name
    lines = [_describe(part, depth + 1) for part in parts]
    return name + "：" + "；".join(lines) + ("；…" if len(value) > FEW else "")


def _array(value: np.ndarray) -> str:
    if value.shape == () and value.dtype.kind in "iufb":
        return f"{_number(value.item())}（0 维数组，{value.dtype.name}）"
    text = f"数组 {value.shape} {value.dtype.name}"
    if value.size == 0:
        return text + "，空"
    flat = value.reshape(-1)
    if value.dtype.kind not in "iufb":
        return text
    if value.dtype.kind == "f":
        finite = flat[np.isfinite(flat)]
        odd = [name for name, test in _ODD.items() if test(flat).any()]
        if finite.size > 1:
            text += f"，范围 [{_number(finite.min())}, {_number(finite.max())}]"
        text += "".join(f"，有 {name}" for name in odd)
    elif value.dtype.kind != "b" and value.size > 1:
        text += f"，范围 [{flat.min()}, {flat.max()}]"
    few = " ".join(_number(v) for v in flat[: 2 * FEW].tolist())
    return f"{text}：{few}{' …' if flat.size > 2 * FEW else ''}"


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | np.integer):
        digits = str(value) if abs(int(value)) < 10**18 else f"{float(value):.4g}"
        return digits
    return f"{float(value):.4g}".replace("-inf", "−inf")


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
