"""Steps for what is not an array: a text, a number on its own, a choice."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from aigc_course.judging.describe import describe, of, plain
from aigc_course.judging.result import Step

__all__ = ["choice", "number", "text"]


def text(
    value: Any,
    wanted: str | Collection[str],
    label: str,
    hint: str = "",
    traps: Mapping[str, Any] | None = None,
    *,
    case: bool = False,
    weight: float = 1.0,
) -> Step:
    """Is it the same text, up to full-width forms, spaces and (unless ``case``) upper case?

    The learner is told where their text first goes wrong and how long it is, not what should
    stand there.

    Args:
        value: what the answer gave.
        wanted: the right text, or several that are right.
        traps: ``{hint: wrong text}``, or a list of wrong texts that earn the same hint.
        case: upper and lower case are different.

    Example:
        >>> text("ＡＩＧＣ  课程", "aigc 课程", "标题").ok
        True
        >>> text("反向传布", "反向传播", "术语").detail
        '术语从第 4 个字“布”起不对'
    """
    if not isinstance(value, str):
        detail = of(label, f"是 {type(value).__name__}，应为字符串")
        return Step(False, label, hint, detail, weight, describe(value), "字符串")
    accepted = [wanted] if isinstance(wanted, str) else list(wanted)
    got = _normal(value, case)
    right = [_normal(one, case) for one in accepted]
    if got in right:
        return Step(True, label, weight=weight)
    hint = next((h for h, wrong in _pairs(traps) if got == _normal(wrong, case)), hint)
    nearest = max(right, key=lambda one: _common(got, one)) if right else ""
    k = _common(got, nearest)
    if k >= len(got):
        detail = f"{label}到第 {len(got)} 个字都对，后面还有" if got else f"{label}是空的"
    elif k >= len(nearest):
        detail = f"{label}前 {k} 个字都对，后面多了"
    else:
        detail = f"{label}从第 {k + 1} 个字“{got[k]}”起不对"
    return Step(False, label, hint, detail, weight, describe(value), "字符串")


def _pairs(traps: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    """``(hint, wrong)``, one for each wrong value."""
    for hint, wrongs in (traps or {}).items():
        for wrong in wrongs if isinstance(wrongs, list) else [wrongs]:
            yield hint, wrong


def _normal(value: str, case: bool) -> str:
    # cut: normalising takes time by the square of the length where accents are piled up
    value = " ".join(unicodedata.normalize("NFKC", value[:_LONGEST]).split())
    return value if case else value.casefold()


_LONGEST = 20_000  # characters of an answer that is a text


def _common(a: str, b: str) -> int:
    """Length of the common beginning."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((k for k, (x, y) in pairs if x != y), min(len(a), len(b)))


def number(
    value: Any,
    wanted: float,
    label: str,
    hint: str = "",
    traps: Mapping[str, Any] | None = None,
    *,
    rtol: float = 1e-3,
    atol: float = 0.0,
    unit: str = "",
    weight: float = 1.0,
) -> Step:
    """Is it the right number, to ``rtol``? Typical wrong ones get their own hint.

    A string may carry thousands separators, a percent sign or the unit: ``"1,024 字节"``.
    A factor of 100 or 1000, a percent or a wrong sign is recognised by itself.

    Args:
        value: a number or a string that holds one.
        wanted: the right number, in ``unit``.
        traps: ``{hint: wrong number}``, or a list of wrong numbers that earn the same hint.

    Example:
        >>> number("235,146 个", 235_146, "参数个数", unit="个").ok
        True
        >>> number(12.5, 0.125, "比例").hint
        '差 100 倍：百分数和小数混了？'
    """
    got = _as_number(value, unit)
    wanted_text = f"一个数（单位：{unit}）" if unit else "一个数"
    if got is None:
        detail = of(label, "读不成一个数")
        return Step(False, label, hint, detail, weight, describe(value), wanted_text)

    def is_near(other: float) -> bool:
        return abs(got - other) <= atol + rtol * abs(other)

    if is_near(wanted):
        return Step(True, label, weight=weight)
    slips = ((because, wanted * factor) for factor, because in _SLIPS.items() if wanted)
    told = (because for because, wrong in (*_pairs(traps), *slips) if is_near(wrong))
    hint = next(told, hint)
    detail = f"{label}是 {got:g}，不对" if math.isfinite(got) else f"{label}是 {got}"
    return Step(False, label, hint, detail, weight, describe(value), wanted_text)


_SLIPS = {
    -1.0: "正负号反了",
    100.0: "差 100 倍：百分数和小数混了？",
    0.01: "差 100 倍：百分数和小数混了？",
    1000.0: "差 1000 倍：单位换算错了？",
    0.001: "差 1000 倍：单位换算错了？",
    1024.0: "差 1024 倍：单位换算错了？",
    1 / 1024: "差 1024 倍：单位换算错了？",
}


def _as_number(value: Any, unit: str) -> float | None:
    if isinstance(value, str):
        raw = _normal(value, case=True)
        if unit:
            raw = raw.removesuffix(_normal(unit, case=True)).strip()
        scale = 1.0
        if raw.endswith("%") and unit != "%":
            raw, scale = raw[:-1], 0.01
        try:
            return float(raw.replace(",", "").replace(" ", "")) * scale
        except ValueError:
            return None
    try:
        array = np.asarray(plain(value))
        return float(array.reshape(())) if array.dtype.kind in "iufb" else None
    except (TypeError, ValueError):
        return None


def choice(
    value: Any,
    right: str | Collection[str],
    options: Collection[str],
    label: str = "选择",
    traps: Mapping[str, Any] | None = None,
    *,
    weight: float = 1.0,
) -> Step:
    """Is it the right choice? ``"B"``, ``" b "``, ``"AC"``, ``"A, C"`` and ``{"A", "C"}`` are read.

    Args:
        value: what the learner chose.
        right: the right option, or all that have to be chosen.
        options: what there is to choose from.
        traps: ``{hint: option}``: what to think of for a wrong option, or for one wrongly left
            out when several are right.

    Example:
        >>> choice("b", "B", "ABCD").ok
        True
        >>> choice("A", "B", "ABCD", traps={"这是前向，不是反向": "A"}).hint
        '这是前向，不是反向'
    """
    known = {_normal(option, case=False): option for option in options}
    wanted = _chosen(right if isinstance(right, str) else list(right), set(known))
    if wanted is None:
        raise ValueError(f"right: got {right!r}, wanted some of {list(options)!r}")
    one_of = "其中一个" if len(wanted) == 1 else "其中几个"
    expected = f"{'、'.join(options)} {one_of}"
    chosen = _chosen(value, set(known))
    if chosen is None:
        detail = f"看不懂这个选择；写成 {'、'.join(options)} {one_of}"
        return Step(False, label, "", detail, weight, describe(value), expected)
    if chosen == wanted:
        return Step(True, label, weight=weight)
    wrong, missing = sorted(chosen - wanted), sorted(wanted - chosen)
    told = {_normal(option, case=False): hint for hint, option in _pairs(traps)}
    hint = next((told[key] for key in (*wrong, *missing) if key in told), "")
    if wrong:
        detail = f"选了 {'、'.join(known[key] for key in wrong)}，不对"
    else:
        detail = "选的都对，还没有选全"
    return Step(False, label, hint, detail, weight, describe(value), expected)


def _chosen(value: Any, known: set[str]) -> set[str] | None:
    if isinstance(value, str):
        whole = _normal(value, case=False)
        if whole in known:
            return {whole}
        parts = [part for part in whole.replace("、", ",").replace(";", ",").split(",")]
        parts = [word for part in parts for word in part.split()]
        if not set(parts) <= known and all(len(one) == 1 for one in known):
            parts = [letter for part in parts for letter in part]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = [_normal(one, case=False) for one in value if isinstance(one, str)]
        if len(parts) != len(value):
            return None
    else:
        return None
    return set(parts) if parts and set(parts) <= known else None
