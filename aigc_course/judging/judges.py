"""What a step can ask: shapes, values, gradients, errors, methods, text, numbers, choices.

Each judge takes what the answer gave, what is right, a label and a hint, and returns one
:class:`Step`. What the learner reads of the right answer is its shape, its type, and a range
where the author gives one: never a value. Values may come from a process of their own, so
nothing is ever called on them but the conversion to a NumPy array.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aigc_course.judging.describe import describe, plain
from aigc_course.judging.result import Step

__all__ = [
    "choice",
    "close",
    "dtype",
    "gradient",
    "mean_is",
    "methods",
    "number",
    "of",
    "parameters",
    "raises",
    "rate_is",
    "shape",
    "text",
    "that",
    "untouched",
]

Hints = Mapping[Any, str]


# --- anything ---------------------------------------------------------------------------------


def that(
    ok: bool | np.bool_, label: str, hint: str = "", detail: str = "", *, weight: float = 0.0
) -> Step:
    """A step for any yes-or-no question.

    It earns nothing by itself unless given a ``weight``: most such steps ask whether a certain
    mistake was made, and an answer that makes none of them is not half right for it.

    Example:
        >>> that(2 > 1, "大小").ok
        True
    """
    return Step(bool(ok), label, hint, detail, weight)


def untouched(before: np.ndarray, after: np.ndarray, label: str, *, weight: float = 0.0) -> Step:
    """Was the input left as it came?"""
    ok = np.array_equal(before, after, equal_nan=True)
    hint = f"{label} 被原地修改了：先 copy，或写成新数组"
    return Step(ok, f"没有改动输入 {label}", hint, weight=weight)


# --- arrays -----------------------------------------------------------------------------------


def shape(
    value: Any, wanted: tuple[int, ...], label: str, hint: str = "", *, weight: float = 0.0
) -> Step:
    """Is ``value`` an array of the shape ``wanted``?

    Example:
        >>> shape(np.zeros((3, 4)), (4, 3), "dW").detail
        'dW 的形状是 (3, 4)，应为 (4, 3)'
    """
    if value is None:
        detail = of(label, "是 None：忘了 return？")
        # no hint: what it warns of has not happened
        return Step(False, of(label, "的形状"), "", detail, weight, "None", f"形状 {wanted}")
    value = plain(value)
    got = np.shape(value)
    ok = tuple(got) == tuple(wanted)
    if ok:
        return Step(True, of(label, "的形状"), hint, weight=weight)
    detail = of(label, f"的形状是 {tuple(got)}，应为 {tuple(wanted)}")
    want = f"形状 {tuple(wanted)}"
    return Step(False, of(label, "的形状"), hint, detail, weight, describe(value), want)


def of(label: str, what: str) -> str:
    """``label`` followed by ``what``: a blank after Latin letters only, nothing said twice.

    Example:
        >>> of("dW", "的值"), of("输出", "的值"), of("L2 的值", "的值"), of("L2 的值", "的值不对")
        ('dW 的值', '输出的值', 'L2 的值', 'L2 的值不对')
    """
    if what.startswith("的值") and label.endswith("的值"):
        return label + what.removeprefix("的值")
    return f"{label}{' ' if label[-1:].isascii() else ''}{what}"


def close(
    value: Any,
    wanted: Any,
    label: str,
    hint: str = "",
    *,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    dtype: Any = None,
    within: tuple[float, float] | None = None,
    weight: float = 1.0,
) -> Step:
    """Are the values right? ``|value − wanted| ≤ atol + rtol·|wanted|``, NaN never equal.

    Shape is judged first, so a broadcast cannot pass by accident. Infinities must agree exactly.

    The default tolerance fits float64. A sum of n numbers in another order differs by about
    n · 1.1e-16 relative to the sum of their sizes, so 1e-6 leaves room for millions of terms and
    for some cancellation, and still tells a wrong formula from a right one: forgetting one of a
    thousand terms shows as 1e-3. ``atol`` matters only for values that should be 0. For float32
    (unit 6e-8) take ``rtol=1e-4, atol=1e-6``; for something estimated by differences take the
    error of the estimate, see :func:`gradient`.

    Args:
        value: what the answer gave: an array, nested lists, a number, a PyTorch tensor. An
            object with its own ``.data`` (a learner's Tensor) is not unwrapped: pass ``t.data``.
        wanted: the right values.
        label: name of the quantity.
        hint: the likely mistake.
        rtol, atol: tolerances.
        dtype: also ask for this dtype, such as ``"float32"`` or ``np.int64``.
        within: range that the values are known to lie in, such as ``(0, 1)``; the learner is
            told when theirs are outside.
        weight: share of the points.

    Example:
        >>> close([1.0, 2.0], [1.0, 2.5], "y").detail
        'y 有 1/2 个值不对'
    """
    first = shape(value, np.shape(wanted), label, hint)
    if not first.ok:
        return replace(first, weight=weight)
    value = plain(value)
    if dtype is not None:
        kind = _dtype_step(value, dtype, label, hint, weight)
        if not kind.ok:
            return kind
    raw = np.asarray(value)
    if raw.dtype.kind not in "biuf":  # text and objects are not read as numbers
        detail = of(label, f"不是实数：dtype 是 {raw.dtype.name}")
        return Step(False, of(label, "的值"), hint, detail, weight, describe(value), "实数")
    got, want = raw.astype(float), np.asarray(wanted, dtype=float)
    with np.errstate(invalid="ignore"):
        near = np.isfinite(want) & (np.abs(got - want) <= atol + rtol * np.abs(want))
        wrong = ~(near | (got == want))
    if not wrong.any():
        return Step(True, of(label, "的值"), weight=weight)
    bad = f"{int(wrong.sum())}/{wrong.size}" if wrong.size > 1 else ""
    detail = of(label, f"有 {bad} 个值不对" if bad else "的值不对")
    if not np.isfinite(got).all() and np.isfinite(want).all():
        detail = of(label, f"里出现了 {'nan' if np.isnan(got).any() else 'inf'}")
    expected = f"形状 {want.shape}" if want.shape else "一个数"
    if within is not None:
        low, high = within
        expected += f"，范围 [{low:g}, {high:g}]"
        outside = int(((got < low - atol) | (got > high + atol)).sum())
        if outside and np.isfinite(got).all():
            detail += f"，其中 {outside} 个不在 [{low:g}, {high:g}] 里"
    return Step(False, of(label, "的值"), hint, detail, weight, describe(value), expected)


def dtype(value: Any, wanted: Any, label: str, hint: str = "", *, weight: float = 0.0) -> Step:
    """Is ``value`` an array of the dtype ``wanted``? ``"float"``/``"int"`` mean any width.

    Example:
        >>> dtype(np.zeros(2, dtype=np.float32), "float64", "x").detail
        'x 的 dtype 是 float32，应为 float64'
        >>> dtype(np.zeros(2, dtype=np.int8), "int", "y").ok
        True
    """
    return _dtype_step(plain(value), wanted, label, hint, weight)


def _dtype_step(value: Any, wanted: Any, label: str, hint: str, weight: float) -> Step:
    got = np.asarray(value).dtype
    families = {"float": "f", "int": "iu", "bool": "b", "complex": "c"}
    if isinstance(wanted, str) and wanted in families:
        ok, name = got.kind in families[wanted], wanted
    else:
        ok, name = got == np.dtype(wanted), np.dtype(wanted).name
    detail = "" if ok else of(label, f"的 dtype 是 {got.name}，应为 {name}")
    got_text = "" if ok else describe(value)
    return Step(ok, of(label, "的 dtype"), hint, detail, weight, got_text, f"dtype {name}")


def gradient(
    fn: Callable[[np.ndarray], Any],
    x: Any,
    grad: Any,
    label: str,
    hint: str = "",
    *,
    step: float = 1e-5,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    weight: float = 1.0,
) -> Step:
    """Is ``grad`` the gradient of the scalar function ``fn`` at ``x``, by central differences?

    ``(f(x + h) − f(x − h)) / 2h`` is off by ``h²/6·f‴`` from cutting the series and by about
    ``1e-16·|f|/h`` from rounding. With ``h = 1e-5`` both are near 1e-11 for ``f`` and ``f‴`` of
    ordinary size (1e-10 and 1e-8 for a thousand times that), well inside the tolerance; a
    one-sided difference or float32 is not. The step is scaled by ``max(1, |x|)``. ``fn`` is
    called twice for each entry of ``x``, with a fresh float64 array.

    At a kink (ReLU at 0) the two sides disagree and no claim can be judged: draw ``x`` away
    from kinks.

    Example:
        >>> gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0]), [3.0, 12.0], "dx").ok
        True
        >>> gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0]), [1.0, 4.0], "dx").ok
        False
    """
    x = np.array(x, dtype=float)
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        h = step * max(1.0, abs(float(x[index])))
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        # the step as it was really taken, after rounding
        taken = float(up[index] - down[index])
        numeric[index] = (float(plain(fn(up))) - float(plain(fn(down)))) / taken
    hint = hint or "与中心差分 (f(x+h) − f(x−h)) / 2h 对不上"
    return close(grad, numeric, label, hint, rtol=rtol, atol=atol, weight=weight)


# --- behaviour --------------------------------------------------------------------------------


def raises(
    call: Callable[[], Any],
    error: type[Exception] | tuple[type[Exception], ...],
    label: str,
    hint: str = "",
    *,
    weight: float = 0.0,
) -> Step:
    """Does ``call()`` raise ``error``, as asked for bad input?

    Example:
        >>> raises(lambda: int("x"), ValueError, "不是数字的输入").ok
        True
        >>> raises(lambda: int("7"), ValueError, "不是数字的输入").detail
        '没有报错；应当 raise ValueError'
    """
    kinds = error if isinstance(error, tuple) else (error,)
    names = " 或 ".join(kind.__name__ for kind in kinds)
    wanted = f"raise {names}"
    try:
        got = call()
    except kinds:
        return Step(True, label, hint, weight=weight)
    except NotImplementedError:
        raise
    except Exception as other:
        # an error from another process may have a class of its own of the same name
        if type(other).__name__ in {kind.__name__ for kind in kinds}:
            return Step(True, label, hint, weight=weight)
        detail = f"报的是 {type(other).__name__}；应当 raise {names}"
        return Step(False, label, hint, detail, weight, type(other).__name__, wanted)
    detail = f"没有报错；应当 raise {names}"
    return Step(False, label, hint, detail, weight, describe(got), wanted)


def methods(obj: Any, names: Sequence[str], label: str = "", hint: str = "") -> Step:
    """Does the class or object have these methods?

    Example:
        >>> methods([], ["append", "push"], "栈").detail
        '栈少了 push'
    """
    label = label or getattr(obj, "__name__", type(obj).__name__)
    missing = [name for name in names if not callable(getattr(obj, name, None))]
    detail = f"{label}少了 {'、'.join(missing)}" if missing else ""
    hint = hint or f"要有 {'、'.join(names)} 这几个方法，名字和大小写都要对上"
    wanted = "方法 " + "、".join(names)
    return Step(not missing, of(label, "的方法"), hint, detail, 0.0, "", wanted)


def parameters(
    got: Any,
    shapes: Mapping[str, tuple[int, ...]],
    label: str = "参数",
    hint: str = "",
    *,
    exactly: bool = True,
    weight: float = 0.0,
) -> Step:
    """Does an object with state have the parameters asked for, each in its shape?

    Args:
        got: a mapping from names to arrays, or an object with attributes of these names.
        shapes: name → shape.
        exactly: for a mapping, further names are wrong too.

    Example:
        >>> parameters({"W": np.zeros((2, 3))}, {"W": (2, 3), "b": (2,)}).detail
        '参数少了 b'
        >>> parameters({"W": np.zeros((3, 2))}, {"W": (2, 3)}).detail
        'W 的形状是 (3, 2)，应为 (2, 3)'
    """
    wanted = "、".join(f"{name} {size}" for name, size in shapes.items())

    def step(ok: bool, detail: str = "", came: str = "") -> Step:
        return Step(ok, f"{label}的名字与形状", hint, detail, weight, came, "" if ok else wanted)

    mapping = isinstance(got, Mapping)
    values: dict[str, Any] = {}
    for name in shapes:
        value = got.get(name) if mapping else getattr(got, name, None)
        if value is not None:
            values[name] = value
    came = "、".join(f"{name} {np.shape(plain(value))}" for name, value in values.items())
    missing = [name for name in shapes if name not in values]
    if missing:
        return step(False, f"{label}少了 {'、'.join(missing)}", came)
    for name, size in shapes.items():
        actual = np.shape(plain(values[name]))
        if tuple(actual) != tuple(size):
            return step(False, f"{name} 的形状是 {tuple(actual)}，应为 {tuple(size)}", came)
    extra = [str(name) for name in got if name not in shapes] if mapping and exactly else []
    if extra:
        return step(False, f"{label}多了 {'、'.join(extra)}", came)
    return step(True)


# --- randomised answers -----------------------------------------------------------------------


def mean_is(
    samples: Any,
    mean: float,
    sd: float,
    label: str,
    hint: str = "",
    *,
    false_alarm: float = 1e-6,
    weight: float = 1.0,
) -> Step:
    """Is the mean of independent ``samples`` what it should be? A two-sided z-test.

    ``z = (x̄ − mean) · √n / sd`` is standard normal for a right answer (exactly for normal
    samples, by the central limit theorem otherwise), so ``|z| > z*`` with
    ``z* = Φ⁻¹(1 − false_alarm / 2)`` happens to a right answer once in ``1 / false_alarm`` runs:
    ``z* = 4.89`` for one in a million. A mean that is off by ``d`` is found out with probability
    ``Φ(d·√n / sd − z*)``: take ``n ≥ ((z* + 4)·sd / d)²`` samples to miss it less than once in
    30,000 runs.

    Args:
        samples: independent draws, any shape.
        mean: what they should average to.
        sd: standard deviation of one draw of a right answer.
        false_alarm: probability that a right answer fails.

    Example:
        >>> draws = np.random.default_rng(0).normal(2.0, 1.0, size=10_000)
        >>> mean_is(draws, 2.0, 1.0, "均值").ok, mean_is(draws, 2.1, 1.0, "均值").ok
        (True, False)
    """
    values = np.asarray(plain(samples), dtype=float).ravel()
    if values.size == 0:
        return Step(False, label, hint, f"{label}：一个样本也没有", weight)
    z = (float(values.mean()) - mean) * math.sqrt(values.size) / sd
    ok = bool(abs(z) <= _z_limit(false_alarm))  # False for NaN too
    detail = "" if ok else _off(label, z, values.size)
    return Step(ok, label, hint, detail, weight, "" if ok else describe(plain(samples)))


def rate_is(
    hits: Any,
    rate: float,
    label: str,
    hint: str = "",
    *,
    false_alarm: float = 1e-6,
    weight: float = 1.0,
) -> Step:
    """Do independent yes-or-no ``hits`` come true with probability ``rate``?

    :func:`mean_is` with ``sd = √(rate·(1 − rate))``; the normal approximation of the error rate
    needs ``n·rate·(1 − rate)`` of at least about 100.

    Example:
        >>> rate_is(np.arange(1000) % 4 == 0, 0.25, "丢掉的比例").ok
        True
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate: got {rate}, wanted a number between 0 and 1")
    sd = math.sqrt(rate * (1 - rate))
    values = np.asarray(plain(hits), dtype=float)
    return mean_is(values, rate, sd, label, hint, false_alarm=false_alarm, weight=weight)


def _z_limit(false_alarm: float) -> float:
    from statistics import NormalDist

    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm: got {false_alarm}, wanted a probability like 1e-6")
    return NormalDist().inv_cdf(1 - false_alarm / 2)


def _off(label: str, z: float, n: int) -> str:
    if not math.isfinite(z):
        return f"{label}：样本里有 nan 或 inf"
    side = "偏大" if z > 0 else "偏小"
    return f"{label}{side}：{n} 个样本的平均离应有的值 {abs(z):.1f} 个标准误，不是运气"


# --- text, numbers, choices -------------------------------------------------------------------


def text(
    value: Any,
    wanted: str | Collection[str],
    label: str,
    hint: str = "",
    *,
    hints: Mapping[str, str] | None = None,
    case: bool = False,
    weight: float = 1.0,
) -> Step:
    """Is it the same text, up to full-width forms, spaces and (unless ``case``) upper case?

    The learner is told where their text first goes wrong and how long it is, not what should
    stand there.

    Args:
        value: what the answer gave.
        wanted: the right text, or several that are right.
        hints: typical wrong texts → hint.
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
    for wrong, because in (hints or {}).items():
        if got == _normal(wrong, case):
            hint = because
    nearest = max(right, key=lambda one: _common(got, one)) if right else ""
    k = _common(got, nearest)
    if k >= len(got):
        detail = f"{label}到第 {len(got)} 个字都对，后面还有" if got else f"{label}是空的"
    elif k >= len(nearest):
        detail = f"{label}前 {k} 个字都对，后面多了"
    else:
        detail = f"{label}从第 {k + 1} 个字“{got[k]}”起不对"
    return Step(False, label, hint, detail, weight, describe(value), "字符串")


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
    *,
    rtol: float = 1e-3,
    atol: float = 0.0,
    hints: Mapping[float, str] | None = None,
    unit: str = "",
    weight: float = 1.0,
) -> Step:
    """Is it the right number, to ``rtol``? Typical wrong ones get their own hint.

    A string may carry thousands separators, a percent sign or the unit: ``"1,024 字节"``.
    A factor of 100 or 1000, a percent or a wrong sign is recognised by itself.

    Args:
        value: a number or a string that holds one.
        wanted: the right number, in ``unit``.
        hints: typical wrong numbers → hint.

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
    for wrong, because in (hints or {}).items():
        if is_near(wrong):
            hint = because
            break
    else:
        for factor, because in _SLIPS.items():
            if wanted and is_near(wanted * factor):
                hint = because
                break
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
    hints: Mapping[str, str] | None = None,
    label: str = "选择",
    *,
    weight: float = 1.0,
) -> Step:
    """Is it the right choice? ``"B"``, ``" b "``, ``"AC"``, ``"A, C"`` and ``{"A", "C"}`` are read.

    Args:
        value: what the learner chose.
        right: the right option, or all that have to be chosen.
        options: what there is to choose from.
        hints: wrong option → what to think of; also ``"A"`` for an option wrongly left out when
            several are right.

    Example:
        >>> choice("b", "B", "ABCD").ok
        True
        >>> choice("A", "B", "ABCD", {"A": "这是前向，不是反向"}).hint
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
    told = {_normal(key, case=False): hint for key, hint in (hints or {}).items()}
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
