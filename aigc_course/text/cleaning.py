"""Cleaning in small steps, each a function from text to text; a cleaner counts what each did.

>>> from aigc_course.text.cleaning import Cleaner, drop_html, to_halfwidth, squeeze_spaces
>>> cleaner = Cleaner([drop_html, to_halfwidth, squeeze_spaces])
>>> cleaner("<p>第１章&nbsp;　春天</p>")
'第1章春天'
>>> [(step, count.changed) for step, count in cleaner.counts.items()]
[('drop_html', 1), ('to_halfwidth', 1), ('squeeze_spaces', 1)]

The order matters, and each step says what it expects to have been done before.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser

__all__ = [
    "HAN",
    "Cleaner",
    "Count",
    "chinese_punctuation",
    "drop_html",
    "drop_invisible",
    "drop_urls",
    "simplify",
    "squeeze_repeats",
    "squeeze_spaces",
    "to_halfwidth",
]

Clean = Callable[[str], str]

#: One Chinese character, in a regular expression's brackets: the unified ideographs with all
#: extensions up to H, the compatibility ones, and 〇.
HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

EXAMPLES = 3
_EXCERPT = 60


# --- counting ----------------------------------------------------------------------------------


@dataclass
class Count:
    """What one step has done so far.

    Attributes:
        changed: texts that it changed.
        removed: characters fewer than before, over all texts that it made shorter.
        examples: the first few texts that it changed, before and after, around the place.
    """

    changed: int = 0
    removed: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def note(self, before: str, after: str) -> None:
        """Count one text."""
        if before == after:
            return
        self.changed += 1
        self.removed += max(0, len(before) - len(after))
        if len(self.examples) < EXAMPLES:
            self.examples.append(_around(before, after))

    def __iadd__(self, later: Count) -> Count:
        """Add the count of texts that came after: from another process, in the rows' order."""
        self.changed += later.changed
        self.removed += later.removed
        self.examples = (self.examples + later.examples)[:EXAMPLES]
        return self


def _around(before: str, after: str) -> tuple[str, str]:
    """Both texts from shortly before their first difference, cut to what fits on a line."""
    pairs = zip(before, after, strict=False)
    same = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(before), len(after)))
    start = max(0, same - _EXCERPT // 4)
    return before[start : start + _EXCERPT], after[start : start + _EXCERPT]


class Cleaner:
    """Several steps in a row, with a count of what each of them changed.

    Args:
        steps: functions from text to text. A step's name is its function's; one that needs
            settings is a ``functools.partial`` or an object with a ``__name__``.

    Attributes:
        seen: texts cleaned so far.
        counts: by the step's name, in their order.

    Raises:
        ValueError: two steps have the same name.

    Example:
        >>> cleaner = Cleaner([squeeze_repeats])
        >>> cleaner("太好了！！！！！！"), cleaner("太好了！")
        ('太好了！', '太好了！')
        >>> cleaner.seen, cleaner.counts["squeeze_repeats"].removed
        (2, 5)
    """

    def __init__(self, steps: Sequence[Clean]) -> None:
        self.steps = {_name(step): step for step in steps}
        if len(self.steps) < len(steps):
            names = [_name(step) for step in steps]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"steps: {', '.join(twice)} given twice; wanted each step once")
        self.seen = 0
        self.counts = {name: Count() for name in self.steps}

    def __call__(self, text: str) -> str:
        """``text`` after all steps; counted."""
        self.seen += 1
        for name, step in self.steps.items():
            cleaned = step(text)
            self.counts[name].note(text, cleaned)
            text = cleaned
        return text

    def all(self, texts: Iterable[str]) -> list[str]:
        """Every text after all steps."""
        return [self(text) for text in texts]


def _name(step: Clean) -> str:
    inner = getattr(step, "func", step)  # of a partial
    return str(getattr(step, "__name__", None) or getattr(inner, "__name__", type(step).__name__))


# --- markup ------------------------------------------------------------------------------------

# of HTML: what ends a line, what is no text at all, and the rest that is worth knowing as a tag
_BLOCKS, _UNREAD, _INLINE = (
    re.findall(r"\w+", names)
    for names in (
        """address article aside blockquote br dd div dl dt fieldset figcaption figure footer form
        h1 h2 h3 h4 h5 h6 header hr li main nav ol option p pre section table tbody td tfoot th
        thead title tr ul""",
        "head iframe math noscript object script style svg template textarea",
        """a abbr acronym b base basefont bdi bdo big body button caption center cite code col
        colgroup data del details dfn em embed font html i img input ins kbd label legend link map
        mark meta optgroup param picture q rp rt ruby s samp select small source span strike
        strong sub summary sup time tt u var video wbr""",
    )
)
_TAG = re.compile(
    rf"<(?:/?(?:{'|'.join(sorted([*_BLOCKS, *_UNREAD, *_INLINE], key=len, reverse=True))})"
    r"(?=[\s/>])|!--|!doctype)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)


class _Page(HTMLParser):
    """Gathers what can be read, with a line end where a block begins or ends."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.unread: list[str] = []  # the open elements that nobody sees

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _UNREAD and tag not in self.unread:
            self.unread.append(tag)
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unread:
            del self.unread[self.unread.index(tag) :]
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.parts.append(data)


def drop_html(text: str) -> str:
    """The text that a browser would show: tags gone, blocks on lines of their own, entities read.

    A text without a tag that HTML knows is not parsed, so ``a<b`` and ``<3`` stay as they are.
    What no one sees (scripts, styles, comments) goes, with all that is in it. Entities are read
    once more where a site had escaped them twice (``&amp;lt;``).

    Example:
        >>> drop_html("<div>很<b>好</b>看<br>3&lt;5<script>x=1</script></div>")
        '很好看\\n3<5'
        >>> drop_html("如果 a<b，那么 b>a ❤ <3")
        '如果 a<b，那么 b>a ❤ <3'
    """
    if _TAG.search(text):
        page = _Page()
        page.feed(text)
        page.close()
        text = re.sub(r"[ \t]*\n\s*", "\n", "".join(page.parts)).strip("\n")
    for _ in range(2):
        if not _ENTITY.search(text):
            break
        text = html.unescape(text)
    return text


def drop_urls(text: str) -> str:
    """Without web addresses; the Chinese right behind one, with no blank between, stays.

    Example:
        >>> drop_urls("看这里https://example.com/a?b=1，很全")
        '看这里，很全'
    """
    return re.sub(r"(?:https?://|www\.)[\w\-./?%&=#~:@+;,!$'*]+(?<![,.;:!'])", "", text, flags=re.A)


# --- characters --------------------------------------------------------------------------------

# the zero-width, the soft hyphen, the marks that turn the direction, the byte order mark
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"
)
_EMOJI = "\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff"
# joins two pictures into one, or chooses how a picture looks: nothing elsewhere
_JOINER = re.compile(
    f"(?<![{_EMOJI}\ufe0f])\u200d|\u200d(?![{_EMOJI}])|(?<![{_EMOJI}0-9#*])[\ufe00-\ufe0f]"
)


def drop_invisible(text: str) -> str:
    """Without characters that take part in no word and cannot be seen; line ends become ``\\n``.

    Zero-width blanks, marks of direction, control characters: they make two texts that look the
    same differ. The joiner inside an emoji of several pictures stays.

    Example:
        >>> drop_invisible("微\\u200b信\\ufeff：x\\x00\\r\\ny"), len(drop_invisible("👩\\u200d🚀"))
        ('微信：x\\ny', 3)
    """
    text = re.sub("\r\n?|\x85|\u2028|\u2029|\x0b|\x0c", "\n", text)
    return _JOINER.sub("", _INVISIBLE.sub("", text))


_TO_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
_TO_HALF |= {
    ord(wide): ord(half)
    for wide, half in zip("＃＄％＆＊＋－／＜＝＞＠＼＾＿｀｜", "#$%&*+-/<=>@\\^_`|", strict=True)
}
_TO_HALF |= {0x3000: 0x20, 0xA0: 0x20, 0x202F: 0x20} | dict.fromkeys(range(0x2000, 0x200B), 0x20)


def to_halfwidth(text: str) -> str:
    """Full-width letters, digits, signs and blanks as ASCII; Chinese punctuation stays.

    Not NFKC, which would also turn ① into 1, ㎏ into kg, ，into a comma and ½ into 1⁄2.

    Example:
        >>> to_halfwidth("ＧＰＴ－４，　①号（好）！")
        'GPT-4， ①号（好）！'
    """
    return text.translate(_TO_HALF)


_SIGNS = {",": "，", ".": "。", "!": "！", "?": "？", ":": "：", ";": "；", "(": "（", ")": "）"}


def chinese_punctuation(text: str) -> str:
    """ASCII punctuation right after a Chinese character, or brackets around one, as Chinese signs.

    A full stop inside a number or a Latin word is none. After :func:`to_halfwidth`, before
    :func:`squeeze_repeats`.

    Example:
        >>> chinese_punctuation("好看,真的!3.14 对吗? see a.b")
        '好看，真的！3.14 对吗？ see a.b'
    """
    after = rf"(?<=[{HAN}）】》」』”’])(?:[!?;]|[,.:](?![0-9A-Za-z]))"
    text = re.sub(after, lambda sign: _SIGNS[sign[0]], text)
    return re.sub(
        rf"(?<![0-9A-Za-z])\(([^()\n]*[{HAN}][^()\n]*)\)", lambda inner: f"（{inner[1]}）", text
    )


# --- repetition and blanks ---------------------------------------------------------------------

_SIGN = "!！?？,，;；:：、~～"
_DOTS = re.compile(r"[.。．]{3,}|…+|(?:[·・]{3,})")
_DASHES = re.compile("[—―]+|-{3,}|[－]{2,}")


def squeeze_repeats(text: str, most: int = 3) -> str:
    """A sign once, dots as ``……``, dashes as ``——``, any other character at most ``most`` times.

    ``？！`` is kept as one question and one exclamation mark. Digits are left alone: a number
    with five zeros is another than one with three.

    Args:
        text: any text.
        most: how often a letter or a Chinese character may stand in a row.

    Raises:
        ValueError: ``most`` is less than 2; doubled characters are words (谢谢, 天天).

    Example:
        >>> squeeze_repeats("哈哈哈哈哈！！！？？真的。。。。。1000000")
        '哈哈哈！？真的……1000000'
    """
    if most < 2:
        raise ValueError(f"most: got {most}, wanted at least 2")
    text = _DOTS.sub("……", text)
    text = _DASHES.sub("——", text)
    text = re.sub(f"([{_SIGN}])(?:\\s*\\1)+", r"\1", text)
    text = re.sub(r"([!！?？])(?:[!！?？])+", _asked, text)
    return re.sub(rf"([^\W\d_])\1{{{most},}}", lambda run: run[1] * most, text)


def _asked(signs: re.Match[str]) -> str:
    """Each kind of mark of a run once, in the order in which they came."""
    seen = dict.fromkeys({"!": "！", "?": "？"}.get(sign, sign) for sign in signs[0])
    return "".join(seen)


def squeeze_spaces(text: str) -> str:
    """One blank where there were several, one line end where there were several, none at the ends.

    Between two Chinese characters or signs no blank is left; between Chinese and Latin it stays as
    it was written.

    Example:
        >>> squeeze_spaces("  春 眠　不觉晓 ，\\n\\n 用 PyTorch  写 ")
        '春眠不觉晓，\\n用 PyTorch 写'
    """
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n[ \n]*", "\n", text).strip()
    wide = f"{HAN}，。！？：；、（）《》「」『』【】“”‘’…—"
    return re.sub(f"(?<=[{wide}]) (?=[{wide}])", "", text)


# --- traditional characters --------------------------------------------------------------------


def simplify(text: str) -> str:
    """Traditional Chinese as simplified, by OpenCC's phrases and characters (t2s).

    The other direction has several answers (发 is 發 or 髮), this one nearly always one. It does
    not change words that two regions call differently (軟體 becomes 软体, not 软件).

    Example:
        >>> simplify("頭髮發光，乾燥的乾坤")
        '头发发光，干燥的乾坤'
    """
    return _converter().convert(text)


@lru_cache(maxsize=1)
def _converter():  # type: ignore[no-untyped-def]
    from opencc import OpenCC

    return OpenCC("t2s")


def forms(text: str) -> str:
    """The form that comparisons use: NFKC, lower case, letters and digits of any script only.

    Example:
        >>> forms("《Ｔhe 春晓》，①！")
        'the春晓1'
    """
    text = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in text if c.isalnum())
