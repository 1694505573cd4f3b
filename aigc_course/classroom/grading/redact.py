"""What a student may read of how a hidden case went: shapes and kinds, never values.

An answer sees the inputs of the hidden cases; what it reports of them (an error's text, the type of
what it returned) could carry them out, to be built into the next attempt. So text that reaches the
student is taken from a short list of harmless forms.
"""

from __future__ import annotations

import re

__all__ = ["public_detail", "public_message"]

MAX_LINE = 200
MAX_LINES = 8

_SHAPE = re.compile(r"\(\s*(?:\d{1,6}\s*,\s*)*(?:\d{1,6})?\s*\)")
_COUNT = re.compile(r"(有 )?\d+/\d+ 个值")
_PLACE = re.compile(r"，(?:差得最多的)?在 \[[\d, ]*\]")
_NAME = re.compile(r"[A-Za-z_]\w*")
_OWN_LINE = re.compile(r"第 (\d+) 行：(.*)")
# a name may have one digit in a part of it (conv2d, log1p), not a number's worth of them
_PART = r"[A-Za-z_]{1,40}\d?[A-Za-z_]{0,40}"
_REFUSAL = re.compile(
    rf"(?:练习要自己写：)?(?:；?第 \d{{1,4}} 行(?:用|改动)了 {_PART}(?:\.{_PART}){{0,5}})+",
    re.ASCII,
)
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?j?(?![A-Za-z_])")


def public_detail(text: str) -> str:
    """``text`` if it tells shapes, types or names only, else what is left without its numbers.

    Example:
        >>> public_detail("dW 的形状是 (3, 4)，应为 (4, 3)")
        'dW 的形状是 (3, 4)，应为 (4, 3)'
        >>> public_detail("dW 有 3/12 个值不对")
        'dW 有些值不对'
        >>> public_detail("dW 有 3/12 个值不对，差得最多的在 [2, 0]")
        'dW 有些值不对'
        >>> public_detail("得到 0.73，应为 0.5")
        ''
    """
    text = _PLACE.sub("", _COUNT.sub("有些值", text))
    bare = _NAME.sub("", _SHAPE.sub("", text) if "形状" in text or "shape" in text else text)
    return "" if any(char.isdigit() for char in bare) else text[:MAX_LINE]


def public_message(text: str, source: str) -> str:
    """An error's text: own lines only if they are in ``source``, numbers only if they are shapes.

    Example:
        >>> public_message("第 2 行：y = x @ W\\nValueError: got 0.25", "def f(x):\\n  y = x @ W")
        '第 2 行：y = x @ W\\nValueError: got …'
    """
    kept = []
    for line in text.splitlines()[:MAX_LINES]:
        own = _OWN_LINE.fullmatch(line)
        if own:
            if own[2].strip() and own[2].strip() in source:
                kept.append(line[:MAX_LINE])
            continue
        if _REFUSAL.fullmatch(line):
            kept.append(line[:MAX_LINE])
            continue
        kept.append(_without_numbers(line)[:MAX_LINE])
    return "\n".join(kept)


def _without_numbers(line: str) -> str:
    pieces, at = [], 0
    for shape in _SHAPE.finditer(line):
        pieces += [_NUMBER.sub("…", line[at : shape.start()]), shape.group()]
        at = shape.end()
    pieces.append(_NUMBER.sub("…", line[at:]))
    return re.sub(r"\[[\s…,]*…[\s…,]*\]", "[…]", "".join(pieces))
