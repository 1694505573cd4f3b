"""The words that chapters 03 to 07 are still written in; goes when they have moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aigc_course.judging.judges import array, parts, shape_of, that
from aigc_course.judging.judges import value as close
from aigc_course.judging.judges.arrays import Array, _form, _trapped
from aigc_course.judging.result import Step

__all__ = [
    "array",
    "close",
    "kept",
    "likely",
    "parts",
    "shape",
    "shape_of",
    "that",
    "untouched",
    "value",
]

Traps = Sequence[tuple[Any, str]]


def _by_hint(traps: Traps) -> Mapping[str, Any]:
    found: dict[str, list[Any]] = {}
    for wrong, hint in traps:
        found.setdefault(hint, []).append(wrong)
    return found


def shape(
    value: Any, wanted: tuple[int, ...], label: str, hint: str = "", *, weight: float = 0.0
) -> Step:
    return replace(_form(value, wanted, label, hint), weight=weight)


def likely(
    got: Any, traps: Traps, otherwise: str, *, rtol: float = 1e-6, atol: float = 1e-9
) -> str:
    found = np.asarray(got, dtype=float)
    return _trapped(found, _by_hint(traps), rtol, atol) or otherwise


def value(
    result: Any,
    want: Any,
    label: str,
    hint: str,
    traps: Traps = (),
    *,
    shape_hint: str | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    weight: float = 1.0,
) -> Step:
    hints, form = _by_hint(traps), shape_hint
    return close(result, want, label, hint, hints, form=form, rtol=rtol, atol=atol, weight=weight)


def kept(before: Sequence[Array], after: Sequence[Array], names: str, *, weight: float) -> Step:
    for old, new, name in zip(before, after, names.split(), strict=True):
        if not np.array_equal(old, new, equal_nan=True):
            hint = f"{name} 被原地修改了：先 copy，或写成新数组"
            return Step(False, "没有改动输入", hint, weight=weight)
    return Step(True, "没有改动输入", weight=weight)


def untouched(before: np.ndarray, after: np.ndarray, label: str, *, weight: float = 0.0) -> Step:
    ok = np.array_equal(before, after, equal_nan=True)
    hint = f"{label} 被原地修改了：先 copy，或写成新数组"
    return Step(ok, f"没有改动输入 {label}", hint, weight=weight)
