"""Invented texts with invented private data, labelled, and with what only looks like it.

>>> sample = labelled_texts(3, seed=0)
>>> sample == labelled_texts(3, seed=0), len(sample)
(True, 3)
>>> all(text.text[p.start : p.end].strip() for text in sample for p in text.pieces)
True

To measure :func:`~aigc_course.text.private.find` one must know what is there. Real texts with real
data may not be handed round, so these are made: every number is drawn at random, identity numbers
carry an area code that no person has, mail goes to the domains that are kept for examples. Among
the writings are some that the finder is not made for, as people use them to get past a filter.

What is measured on such a sample says which writings are found. It does not say how often each of
them occurs in the world, for here they are equally frequent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aigc_course.text.private import Found

__all__ = ["Labelled", "labelled_texts"]

Rng = np.random.Generator
Make = Callable[[Rng], str]


@dataclass(frozen=True)
class Labelled:
    """A text and what is private in it.

    Attributes:
        text: with one piece of private data, or one that only looks so.
        pieces: the private ones; empty for a look-alike.
        writing: how the piece is written, in words.
    """

    text: str
    pieces: tuple[Found, ...]
    writing: str


# --- numbers -----------------------------------------------------------------------------------


def _digits(rng: Rng, count: int) -> str:
    return "".join(map(str, rng.integers(10, size=count)))


def _one(rng: Rng, options: str) -> str:
    words = options.split()
    return words[int(rng.integers(len(words)))]


def _mobile(rng: Rng) -> str:
    return f"1{rng.integers(3, 10)}{_digits(rng, 9)}"


def _identity(rng: Rng, wrong: bool = False) -> str:
    """18 characters whose last is the check character, or with ``wrong`` another one."""
    born = f"{rng.integers(1950, 2010)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}"
    front = f"{_one(rng, '110000 310000 440000 510000')}{born}{_digits(rng, 3)}"
    total = sum(int(digit) * pow(2, 17 - k, 11) for k, digit in enumerate(front))
    check = (1 - total + (int(rng.integers(1, 11)) if wrong else 0)) % 11
    return front + ("X" if check == 10 else str(check))


def _card(rng: Rng, length: int, wrong: bool = False) -> str:
    """Digits whose last passes Luhn's check, or with ``wrong`` does not."""
    front = "620000" + _digits(rng, length - 7)
    total = sum(
        sum(divmod(int(digit) * (2 - k % 2), 10)) for k, digit in enumerate(reversed(front))
    )
    return front + str((-total + (int(rng.integers(1, 10)) if wrong else 0)) % 10)


def _spaced(number: str, *sizes: int, by: str = " ") -> str:
    parts, start = [], 0
    for size in sizes:
        parts.append(number[start : start + size])
        start += size
    return by.join([*parts, number[start:]] if start < len(number) else parts)


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_NUMERALS = str.maketrans("0123456789", "零一二三四五六七八九")


# --- what it is, how it is written, and one of them --------------------------------------------

_NAMES = "li.lei hanmeimei wang_fang zhao88 chen-jing"
_HOSTS = "example.com mail.example.cn example.org"
_STREETS = "长虹路 建设街 文昌巷 滨江大道 和平里"
_AREAS = "临江市东湖区 青山县 云海省临江市 白石镇"

_PRIVATE: list[tuple[str, str, Make]] = [
    ("mobile", "手机，连写", _mobile),
    ("mobile", "手机，3-4-4 空格", lambda r: _spaced(_mobile(r), 3, 4, 4)),
    ("mobile", "手机，3-4-4 短横", lambda r: _spaced(_mobile(r), 3, 4, 4, by="-")),
    ("mobile", "手机，+86", lambda r: f"+86 {_mobile(r)}"),
    ("mobile", "手机，全角", lambda r: _mobile(r).translate(_WIDE)),
    ("mobile", "手机，3-3-5 空格", lambda r: _spaced(_mobile(r), 3, 3, 5)),
    ("mobile", "手机，点", lambda r: _spaced(_mobile(r), 3, 4, 4, by=".")),
    ("mobile", "手机，汉字", lambda r: _mobile(r).translate(_NUMERALS)),
    ("landline", "座机，区号短横", lambda r: f"010-6{_digits(r, 7)}"),
    ("landline", "座机，括号区号", lambda r: f"(021) 6{_digits(r, 7)}"),
    ("landline", "座机，没有区号", lambda r: f"6{_digits(r, 7)}"),
    ("id_card", "身份证，连写", _identity),
    ("id_card", "身份证，6-8-4 空格", lambda r: _spaced(_identity(r), 6, 8, 4)),
    ("id_card", "身份证，全角", lambda r: _identity(r).translate(_WIDE)),
    ("bank_card", "银行卡，16 位四个一组", lambda r: _spaced(_card(r, 16), 4, 4, 4, 4)),
    ("bank_card", "银行卡，19 位连写", lambda r: _card(r, 19)),
    ("bank_card", "银行卡，全角", lambda r: _card(r, 16).translate(_WIDE)),
    ("email", "邮箱", lambda r: f"{_one(r, _NAMES)}@{_one(r, _HOSTS)}"),
    ("email", "邮箱，全角", lambda r: f"{_one(r, _NAMES)}@{_one(r, _HOSTS)}".translate(_WIDE)),
    ("email", "邮箱，躲着写", lambda r: f"{_one(r, _NAMES)} (at) {_one(r, _HOSTS)}"),
    ("address", "地址，区与门牌", lambda r: f"{_one(r, _AREAS)}{_one(r, _STREETS)}{_door(r)}"),
    ("address", "地址，只有路名门牌", lambda r: f"{_one(r, _STREETS)}{_door(r)}"),
    (
        "address",
        "地址，没有路名",
        lambda r: f"{_one(r, _AREAS)}{_one(r, '翠苑 柳园')}小区{_room(r)}",
    ),
    ("account", "账号，QQ", lambda r: f"{r.integers(1, 10)}{_digits(r, 8)}"),
    ("account", "账号，加V", lambda r: f"{_one(r, 'lilei hanmm chenj')}_{_digits(r, 4)}"),
]

_LIKE: list[tuple[str, Make]] = [
    ("订单号，13 位", lambda r: f"订单{r.integers(1, 10)}{_digits(r, 12)}"),
    ("订单号，1 开头 11 位", lambda r: f"订单号{_mobile(r)}"),
    ("快递单号", lambda r: f"单号YT{_digits(r, 13)}"),
    ("书号", lambda r: f"ISBN 9787{_digits(r, 9)}"),
    ("流水号，18 位", lambda r: f"流水{_identity(r, wrong=True)}"),
    ("流水号，16 位", lambda r: f"流水号{_card(r, 16, wrong=True)}"),
    ("流水号，16 位任意", lambda r: f"流水号{r.integers(1, 10)}{_digits(r, 15)}"),
    ("年份", lambda r: f"{r.integers(1949, 2000)}-{r.integers(2000, 2025)}年"),
    ("价格", lambda r: f"总价{r.integers(10**10, 10**11)}元"),
    ("小数", lambda r: f"读数{r.integers(100, 999)}.{_mobile(r)}"),
    ("客服电话", lambda r: f"客服{_one(r, '12306 95588 10086')}"),
    ("地铁线", lambda r: f"在建设路坐{r.integers(1, 20)}号线"),
    ("公共场所", lambda r: f"{_one(r, _STREETS)}{r.integers(1, 200)}号的博物馆"),
    ("网名", lambda r: f"@{_one(r, _NAMES)}"),
]

_BEFORE = {
    "mobile": "打 联系我： 手机 ，我是",
    "landline": "前台电话 请拨 总机：",
    "id_card": "证件 身份证号： 我的是",
    "bank_card": "请汇到 卡号 账户：",
    "email": "写信到 邮箱： 发给",
    "address": "住在 寄到 地址：",
    "account": "",
    "": "看 这是 查了",
}
_AFTER = "，谢谢。 ，明天见 。 ！房间不错。"


def _door(rng: Rng) -> str:
    return (
        f"{rng.integers(1, 400)}号{_room(rng)}"
        if rng.random() < 0.5
        else (f"{rng.integers(1, 400)}号")
    )


def _room(rng: Rng) -> str:
    return f"{rng.integers(1, 30)}号楼{rng.integers(101, 3000)}室"


def labelled_texts(count: int, seed: int = 0) -> list[Labelled]:
    """``count`` short texts: the writings take turns, private ones and look-alikes.

    Args:
        count: of texts.
        seed: another seed is other numbers.

    Example:
        >>> {len(one.pieces) for one in labelled_texts(100)}
        {0, 1}
    """
    rng = np.random.default_rng(seed)
    kinds = [*_PRIVATE, *(("", writing, make) for writing, make in _LIKE)]
    out = []
    for k in range(count):
        kind, writing, make = kinds[k % len(kinds)]
        before = _one(rng, _BEFORE[kind]) if _BEFORE[kind] else "QQ："
        if writing.endswith("加V"):
            before = "加V "
        piece, after = make(rng), _one(rng, _AFTER)
        found = Found(len(before), len(before) + len(piece), kind)
        out.append(Labelled(before + piece + after, (found,) if kind else (), writing))
    return out
