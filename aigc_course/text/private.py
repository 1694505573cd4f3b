"""Private data in Chinese text: found by form, proved by check digits where there are any.

>>> from aigc_course.text.private import scrub
>>> scrub("请打 138 0013 8000 或写信到 li.lei@example.com，别打 13800138000123。")
'请打 [电话] 或写信到 [邮箱]，别打 13800138000123。'

What has a check digit (identity cards, bank cards) is hardly ever found by mistake; a number
without one is taken by its form alone, and an address by the words that addresses are made of.
How well that works is measured on labelled text by :func:`score`, kind by kind.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aigc_course.text.cleaning import HAN

__all__ = ["KINDS", "Found", "Score", "find", "id_card_is_valid", "luhn_is_valid", "score", "scrub"]


@dataclass(frozen=True, order=True)
class Found:
    """A piece of private data: ``text[start:end]``, and which of :data:`KINDS` it is."""

    start: int
    end: int
    kind: str


# --- check digits ------------------------------------------------------------------------------

_PROVINCES = frozenset(
    map(str, [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55)])
) | frozenset(map(str, [*range(61, 66), 71, 81, 82, 83]))
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_card_is_valid(number: str) -> bool:
    """Whether 18 characters are a Chinese identity number: province, date of birth, check digit.

    The last character is chosen so that Σ weight · digit ≡ 1 (mod 11), with X for ten: it finds
    every single wrong digit and every swap of two neighbours (ISO 7064, MOD 11-2; GB 11643-1999).

    Args:
        number: the characters, without blanks; a small x is taken for X.

    Example:
        >>> id_card_is_valid("11010519491231002X"), id_card_is_valid("110105194912310021")
        (True, False)
    """
    if not re.fullmatch(r"\d{17}[\dXx]", number, re.ASCII) or number[:2] not in _PROVINCES:
        return False
    try:
        born = datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(w * int(digit) for w, digit in zip(_WEIGHTS, number[:17], strict=True))
    return born.year >= 1850 and "10X98765432"[total % 11] == number[17].upper()


def luhn_is_valid(number: str) -> bool:
    """Whether digits pass Luhn's check (ISO/IEC 7812-1), as the numbers of bank cards do.

    From the right, every second digit is doubled and its digits added; the sum must end in 0. One
    random number in ten passes, so the check alone proves little.

    Args:
        number: digits only; anything else is not valid.

    Example:
        >>> luhn_is_valid("4111111111111111"), luhn_is_valid("4111111111111112")
        (True, False)
    """
    if not re.fullmatch(r"\d+", number, re.ASCII):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = [2 * digit for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(d if d < 10 else d - 9 for d in doubled)) % 10 == 0


# --- forms -------------------------------------------------------------------------------------

_GAP = r"[ \-]?"
_NUMBER = r"(?<![\dA-Za-z.])"  # what comes before is no part of it …
_ENDS = r"(?![\dA-Za-z]|\.\d)"  # … nor what comes after
# a place has no such word in its name, so what stands before one is not part of an address
_PLACE = rf"(?:(?![我你您他她它们在住到去是了的那这个条把被给寄])[{HAN}])"
_AREA = re.compile(
    rf"(?:{_PLACE}{{2,7}}?(?:省|自治区|特别行政区))?"
    rf"(?:{_PLACE}{{2,9}}?(?:市|自治州|地区|盟))?"
    rf"(?:{_PLACE}{{1,8}}?(?:区|县|旗|市))?"
    rf"(?:{_PLACE}{{1,8}}?(?:街道|镇|乡|村|社区))?"
    rf"{_PLACE}{{1,8}}"
)
_LONGEST_AREA = 40
_DOOR = re.compile(  # the street's last word, its number, and what is inside the house
    r"(?:路|街|道|巷|弄|胡同|里)(?:[东南西北中]段)?[ ]?\d{1,5}(?:-\d{1,4})?号(?!线)"
    r"(?:院|之[一二三四五六七八九十])?"
    rf"(?:[ ]?(?:{_PLACE}{{1,8}}?(?:小区|花园|苑|大厦|广场|公寓|中心))?"
    r"(?:[ ]?(?:[A-Za-z]|[A-Za-z]?\d{1,4}(?:-\d{1,4})*)(?:号楼|栋|幢|座|单元|层|楼|室|号))*)"
)
_CARD = re.compile(rf"{_NUMBER}\d(?:{_GAP}\d){{14,18}}{_ENDS}", re.ASCII)
_ID = re.compile(rf"{_NUMBER}\d{{6}}[ ]?\d{{8}}[ ]?\d{{3}}[\dXx]{_ENDS}", re.ASCII)
_MOBILE = re.compile(
    rf"{_NUMBER}(?:(?:\+|00)86{_GAP})?1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}{_ENDS}", re.ASCII
)
_LANDLINE = re.compile(
    rf"{_NUMBER}(?:\(0\d{{2,3}}\)[ ]?|(?:(?:\+|00)86{_GAP})?0\d{{2,3}}[ \-])[2-9]\d{{6,7}}"
    rf"(?:[\-转]\d{{1,6}})?{_ENDS}",
    re.ASCII,
)
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9\-])"
)
_ACCOUNT = re.compile(
    r"(?:(?<![A-Za-z])(?:qq|vx|wx)|微信|扣扣)(?:群|号|号码)?[ ]?[:：是][ ]?"
    r"([A-Za-z][A-Za-z0-9_\-]{5,19}|[1-9]\d{4,10})(?![\dA-Za-z_\-])",
    re.IGNORECASE | re.ASCII,
)

#: What is looked for, and what stands in its place. An earlier kind has the first word.
KINDS = {
    "id_card": "[证件]",
    "mobile": "[电话]",
    "landline": "[电话]",
    "bank_card": "[银行卡]",
    "email": "[邮箱]",
    "account": "[账号]",
    "address": "[地址]",
}


def _candidates(text: str) -> Iterator[Found]:
    for match in _ID.finditer(text):
        if id_card_is_valid(match[0].replace(" ", "")):
            yield Found(*match.span(), "id_card")
    for match in _MOBILE.finditer(text):
        yield Found(*match.span(), "mobile")
    for match in _LANDLINE.finditer(text):
        yield Found(*match.span(), "landline")
    for match in _CARD.finditer(text):
        digits = re.sub("[ -]", "", match[0])
        if luhn_is_valid(digits) and len(set(digits)) > 1:
            yield Found(*match.span(), "bank_card")
    for match in _EMAIL.finditer(text):
        yield Found(*match.span(), "email")
    for match in _ACCOUNT.finditer(text):
        yield Found(*match.span(1), "account")
    for door in _DOOR.finditer(text):
        # from the longest on: the first that reads as areas and the name of a street
        for start in range(max(0, door.start() - _LONGEST_AREA), door.start()):
            if _AREA.fullmatch(text, start, door.start()):
                yield Found(start, door.end(), "address")
                break


def find(text: str) -> list[Found]:
    """Every piece of private data in ``text``, in its order, none overlapping another.

    Write full-width digits as ASCII first (:func:`~aigc_course.text.cleaning.to_halfwidth`).

    Example:
        >>> find("住在北京市海淀区中关村大街27号1101室，身份证11010519491231002X")
        [Found(start=2, end=21, kind='address'), Found(start=25, end=43, kind='id_card')]
    """
    taken: list[Found] = []
    for one in _candidates(text):
        if all(one.end <= other.start or other.end <= one.start for other in taken):
            taken.append(one)
    return sorted(taken)


def scrub(text: str) -> str:
    """``text`` with the name of its kind in the place of each piece; see :data:`KINDS`.

    Example:
        >>> scrub("QQ：123456789，卡号 6222 0000 0000 0000 129")
        'QQ：[账号]，卡号 [银行卡]'
    """
    parts, end = [], 0
    for found in find(text):
        parts += [text[end : found.start], KINDS[found.kind]]
        end = found.end
    return "".join([*parts, text[end:]])


# --- how well it works -------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """Of one kind: pieces found that are there, found that are not, and there but not found."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right; nan if nothing was found."""
        found = self.right + self.wrong
        return self.right / found if found else float("nan")

    @property
    def recall(self) -> float:
        """Share of what is there that was found; nan if nothing is there."""
        there = self.right + self.missed
        return self.right / there if there else float("nan")


def score(labelled: Iterable[tuple[str, Sequence[Found]]]) -> dict[str, Score]:
    """Precision and recall of :func:`find`, kind by kind, and of all together as ``"all"``.

    A piece counts as right when kind, start and end are those of the label: half an address that
    is left standing is still an address.

    Args:
        labelled: texts with the pieces that are in them.

    Example:
        >>> text = "电话13800138000，订单13900139000"
        >>> score([(text, [Found(2, 13, "mobile")])])["mobile"]
        Score(right=1, wrong=1, missed=0)
    """
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for text, pieces in labelled:
        found, there = set(find(text)), set(pieces)
        right.update(one.kind for one in found & there)
        wrong.update(one.kind for one in found - there)
        missed.update(one.kind for one in there - found)
    scores = {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in KINDS}
    return scores | {"all": Score(right.total(), wrong.total(), missed.total())}
