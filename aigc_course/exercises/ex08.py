"""Chapter 08, from raw pages to clean rows: what each exercise asks, and the library's version.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Caller,
    Rng,
    Step,
    Steps,
    attempt,
    exercise,
    hints,
    number,
    parts,
    that,
)
from aigc_course.text.private import id_card_is_valid

__all__ = ["cheapest", "decode_chunks", "forecast", "group_rows", "my_step", "unmask"]


# --- the library's versions --------------------------------------------------------------------


def decode_chunks(chunks: Sequence[bytes]) -> str:
    """The text of a file that comes in pieces: UTF-8, with or without a mark, or GB 18030.

    Raises:
        ValueError: it is neither.

    Example:
        >>> raw = "春眠".encode()
        >>> decode_chunks([raw[:2], raw[2:]])
        '春眠'
    """
    raw = b"".join(chunks)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    raise ValueError("neither UTF-8 nor GB 18030")


def forecast() -> tuple[int, int, int, int]:
    """How many of the lesson's eight lines are left: as they are, by key, cleaned, scrubbed."""
    return 8, 6, 4, 3


def unmask(masked: str) -> list[str]:
    """Every valid identity number that a masked one can stand for, in order.

    Args:
        masked: 18 characters, up to four of them ``*``.

    Example:
        >>> unmask("11010519491231002*")
        ['11010519491231002X']
    """
    places = [k for k, c in enumerate(masked) if c == "*"]
    pattern = masked.replace("*", "{}")
    tried = product(*("0123456789X" if k == 17 else "0123456789" for k in places))
    found = [whole for digits in tried if id_card_is_valid(whole := pattern.format(*digits))]
    return sorted(found)


def cheapest(
    low: float, high: float, extra: float, missed: float, size: int
) -> tuple[int, int] | None:
    """Bands and rows that use the fewest numbers of a signature, or None if none will do.

    Args:
        low, high: likeness of the pairs that are not wanted and of those that are.
        extra: the most of the former that may become candidates.
        missed: the most of the latter that may not.
        size: numbers that there are.

    Example:
        >>> b, r = cheapest(0.3, 0.8, 0.05, 0.01, 128)
        >>> b, r
        (12, 5)
    """
    fitting = [
        (b * r, b, r)
        for b in range(1, size + 1)
        for r in range(1, size // b + 1)
        if 1 - (1 - low**r) ** b <= extra and (1 - high**r) ** b <= missed
    ]
    return min(fitting)[1:] if fitting else None


def group_rows(n: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each of ``n`` rows a mark, equal for rows that pairs join, directly or over others.

    Example:
        >>> group_rows(5, [(3, 4), (1, 3)])
        [0, 1, 2, 1, 1]
    """
    friends: list[list[int]] = [[] for _ in range(n)]
    for i, j in pairs:
        friends[i].append(j)
        friends[j].append(i)
    mark = [-1] * n
    for start in range(n):
        waiting = [start] if mark[start] < 0 else []
        while waiting:
            row = waiting.pop()
            if mark[row] < 0:
                mark[row] = start
                waiting += friends[row]
    return mark


def my_step(text: str) -> str:
    """Without the label that a shop's site puts before a later addition.

    Example:
        >>> my_step("补充点评 2008年7月10日 ：下次还来")
        '下次还来'
    """
    return re.sub(r"补充点评 \d{4}年\d{1,2}月\d{1,2}日 ?：", "", text)


# --- what the judges share ---------------------------------------------------------------------

_SENTENCES = (
    "酒店位置很好，走路五分钟到地铁站。",
    "房间不大，但是很干净！",
    "早餐一般，种类少了些。",
    "这本书我读了两遍，还想再读。",
    "屏幕有一个亮点，客服说不算坏。",
    "服务员态度冷淡，不会再来了。",
    "翻译得很用心，注释也全。",
    "送货比说好的晚了三天。",
)


def _sentence(rng: Rng) -> str:
    return _SENTENCES[int(rng.integers(len(_SENTENCES)))]


def _exact(
    got: Any,
    want: str,
    label: str,
    hint: str,
    traps: Mapping[str, Any] | None = None,
    weight: float = 1.0,
) -> Step:
    """Is it this text, to the last blank? (:func:`text` looks past blanks and widths.)"""
    told = next((trap for trap, wrong in (traps or {}).items() if got == wrong), hint)
    if not isinstance(got, str):
        told = "要的是文字（str）：是不是忘了 return，或者返回了字节、列表、元组？"
        if not want:
            told = f"{hint}；也看看有没有忘了 return"
    fits = isinstance(got, str) and got == want
    return that(fits, label, told, weight=weight, given=got)


def _short(rng: Rng) -> Iterator[str]:
    """A few Chinese characters, without end."""
    letters = [c for c in "".join(_SENTENCES) if c.isalpha()]
    while True:
        yield "".join(rng.choice(letters, size=4))


def _is_text(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_readable(raw: bytes) -> bool:
    try:
        decode_chunks([raw])
    except ValueError:
        return False
    return True


def _is_undecoded(error: Exception) -> bool:
    """A ValueError, or the UnicodeDecodeError of another process, which arrives as its words."""
    return isinstance(error, ValueError) or str(error).startswith("UnicodeDecodeError")


def _read(call: Callable[[], Any], label: str, hint: str) -> Generator[Step, None, Any]:
    """What ``call`` returns; a wrong step with ``hint`` if it cannot decode."""
    try:
        return call()
    except NotImplementedError:
        raise
    except Exception as error:
        if not _is_undecoded(error):
            raise
        yield that(False, label, hint, "读到一半报了错：有读不通的字节")
    return None


def _refuses(call: Callable[[], Any], label: str, hint: str, weight: float = 1.0) -> Step:
    try:
        got = call()
    except NotImplementedError:
        raise
    except Exception as error:
        good = _is_undecoded(error)
        detail = "" if good else f"报的是 {type(error).__name__}"
        return that(good, label, "读不通时要报的是 ValueError", detail, weight=weight)
    return that(False, label, hint, "没有报错", weight=weight, given=got)


def _cut(rng: Rng, raw: bytes) -> list[bytes]:
    """In pieces, one of them empty, with a cut inside a character."""
    first = next(k for k in range(1, len(raw)) if raw[k - 1] >= 0x80 and raw[k] >= 0x80)
    where = sorted({first, *rng.integers(first + 1, len(raw), size=2).tolist()})
    pieces = [raw[a:b] for a, b in zip([0, *where], [*where, len(raw)], strict=True)]
    return [*pieces[:1], b"", *pieces[1:]]


# --- 08.1 --------------------------------------------------------------------------------------


@exercise("08.1", "找错：把字节读成文字", points=3, asks="decode_chunks(chunks) -> str")
@hints(
    "一个字的几个字节可以分在两段里：先想清楚，什么时候才能开始解码？",
    "先试规矩严的 UTF-8，不通过再试 GB 18030；两种都要在整个文件上试，都不许丢字节。",
    '先 b"".join(chunks)；依次试 "utf-8-sig"、"gb18030"，UnicodeDecodeError 就换下一种；'
    "都不行，raise ValueError。",
)
def judge_decode_chunks(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, decode_chunks)
    words = f"{_sentence(rng)}A{_sentence(rng)}"
    utf, gbk = words.encode(), words.encode("gbk")
    got = yield from _read(
        lambda: call([utf])[0], "一段 UTF-8", "这是好好的 UTF-8：先试 UTF-8，GBK 放在后面"
    )
    traps = {
        "UTF-8 当成 GBK 读了，没有报错，每个字都错：先试规矩严的那一种": utf.decode(
            "gb18030", "replace"
        ),
        "UTF-8 当成 GBK 读了，还丢了读不通的：先试规矩严的那一种": utf.decode("gbk", "ignore"),
    }
    yield _exact(
        got, words, "一段 UTF-8", "UTF-8 的文件读出来不是原文：读出来以后一个字也不改", traps
    )
    both = next(w for w in _short(rng) if _is_text(w.encode(), "gbk"))
    hint = "这几个字的 UTF-8 字节恰好也是合法的 GBK：先试 GBK 就不会报错，读出来每个字都错"
    traps = {"这次的结果里有上一次的文字：缓冲留在了默认参数或全局变量里": words + both}
    yield _exact(call([both.encode()])[0], both, "两种都读得通的字节", hint, traps)
    got = yield from _read(lambda: call([gbk])[0], "一段 GBK", "UTF-8 读不通时，还要再试 GB 18030")
    traps = {
        "读不通的字节被扔掉了：errors='ignore' 让 GBK 的文件只剩字母": gbk.decode(
            "utf-8", "ignore"
        ),
        "读不通的字节换成了 �：errors='replace' 以后原来的字找不回来": gbk.decode(
            "utf-8", "replace"
        ),
    }
    yield _exact(
        got,
        words,
        "一段 GBK",
        "GBK 的文件读出来不是原文：UTF-8 不通过就是 GB 18030，中间不试别的",
        traps,
    )
    joined = "先把各段首尾相接（空的段不是结尾，中间不加东西）"
    for name, raw in (("UTF-8", utf), ("GBK", gbk)):
        got = yield from _read(
            lambda raw=raw: call(_cut(rng, raw))[0],  # type: ignore[misc]
            f"{name}，切在一个字中间",
            f"一个字的字节分在两段里，单独一段读不通：{joined}",
        )
        hint = f"一个字的字节分在两段里：逐段解码会丢字、错字，{joined}"
        yield _exact(got, words, f"{name}，切在一个字中间", hint)
    two = [utf[:2], utf[2:]]  # two of a character's three bytes are a character of GBK
    label, hint = "UTF-8，头两个字节自成一段", f"一段碰巧读得通，也不能先读：{joined}"
    got = yield from _read(lambda: call(two)[0], label, hint)
    yield _exact(got, words, label, hint, weight=0)
    got = call([b"\xef\xbb\xbf" + utf])[0]
    hint = "开头的字节顺序标记（U+FEFF）不是文字，要去掉：utf-8-sig"
    yield _exact(got, words, "带标记的 UTF-8", hint, weight=0.5)
    wide = f"！{words}"  # its first byte is one of the mark's
    hint = "只去掉最前面的一个标记，三个字节一起：lstrip 会连后面的字节也削掉"
    for mark, label in ((b"\xef\xbb\xbf", "标记后面是全角的字"), (b"", "全角的字开头")):
        raw = mark + wide.encode()
        got = yield from _read(lambda r=raw: call([r])[0], label, hint)  # type: ignore[misc]
        yield _exact(got, wide, label, hint, weight=0.25)
    inside = f"{words}\ufeff{words}"
    hint = "只有文件开头的 U+FEFF 是标记，正文里的要留，哪怕它在一段的开头"
    pieces = [utf, inside.encode()[len(utf) :]]
    yield _exact(call(pieces)[0], inside, "正文里有 U+FEFF", hint, weight=0.25)
    twice = f"\ufeff{words}"
    hint = "标记只有一个：后面的 U+FEFF 是正文"
    got = call([b"\xef\xbb\xbf" + twice.encode()])[0]
    yield _exact(got, twice, "标记后面又是 U+FEFF", hint, weight=0)
    like = f"锘客栈{words}"  # EF BB BF CD …
    label = "GBK，头三个字节是 EF BB BF"
    hint = "标记是 UTF-8 的：整个文件通过了 UTF-8 才去掉它。在 GBK 里这三个字节是字的一部分"
    got = yield from _read(lambda: call([like.encode("gbk")])[0], label, hint)
    yield _exact(got, like, label, hint, weight=0)
    short_line = f"{words}\n一\n{words}"  # GBK's D2 BB is a letter of UTF-8, too
    hint = "在整个文件上试，不逐行试：单独的一行碰巧两种都读得通"
    got = call([short_line.encode("gbk")])[0]
    yield _exact(got, short_line, "GBK，有很短的一行", hint, weight=0)
    few = next(
        w
        for w in _short(rng)
        if _is_text(w.encode("gbk"), "big5") and not _is_text(w.encode("gbk"), "utf-8")
    )
    hint = "只有两种编码：先 UTF-8，不通过就是 GB 18030，中间不试别的，也不猜"
    yield _exact(call([few.encode("gbk")])[0], few, "几个字的 GBK", hint, weight=0)
    rare = f"{_sentence(rng)}㐂{_sentence(rng)}"
    label = "有生僻字的 GB 18030"
    hint = "生僻字在 GB 18030 里占四个字节：编码名写 gb18030，GBK 读不通；也不要凭字节的样子猜"
    got = yield from _read(lambda: call([rare.encode("gb18030")])[0], label, hint)
    yield _exact(got, rare, label, hint, weight=0.5)
    late = ("x" * int(rng.integers(3000, 6000)) + words).encode("gb18030")
    got = yield from _read(
        lambda: call([late[:2000], late[2000:]])[0],
        "前几千个字节都是 ASCII 的 GBK",
        "编码不能只看开头一段：前面全是 ASCII 时两种都读得通，要在整个文件上试",
    )
    hint = "编码不能只看开头一段：前面全是 ASCII 时两种都读得通，要在整个文件上试"
    yield _exact(got, late.decode("gb18030"), "前几千个字节都是 ASCII 的 GBK", hint, weight=0.5)
    lines = f"\r\n\t {words}\r\n \u3000{words} \n"
    hint = "空白、换行要原样留着：清洗是下一步的事"
    yield _exact(call([lines.encode()])[0], lines, "空白与换行", hint, weight=0.5)
    odd = f"cafe\u0301\0①Ａ{words}\x1a"
    hint = "一个字也不改：不统一写法（NFC、NFKC），控制字符也留着"
    yield _exact(call([odd.encode()])[0], odd, "组合的字母、控制字符", hint, weight=0)
    for chunks, name in (([], "没有一段"), ([b""], "空文件")):
        hint = '空文件是空字符串 ""，不是错'
        got = yield from attempt(
            lambda chunks=chunks: call(chunks)[0],  # type: ignore[misc]
            name,
            {Exception: hint},
        )
        yield _exact(got, "", name, hint, weight=0.25)
    broken = gbk[:4] + b"\xff\xff" + gbk[4:]
    hint = "两种编码都读不通，要 raise ValueError：悄悄返回一段残缺的文字，后面再也查不出来"
    yield _refuses(lambda: answer([broken]), "坏的字节", hint)
    hint = "这是 UTF-16，不是 UTF-8，也不是 GB 18030：题目要的是报错，不再试第三种"
    other = f"\ufeff{words}".encode("utf-16-le")
    yield _refuses(lambda: answer([other]), "别的编码", hint, 0.5)
    half = next(w for w in _short(rng) if not _is_readable(f"{words}{w}".encode()[:-1]))
    hint = "文件断在一个字的中间：最后那半个字读不通，要报错，不要丢掉它"
    for name in ("utf-8", "gbk"):
        short = f"{words}{half}".encode(name)[:-1]
        step = _refuses(lambda raw=short: answer([raw]), "断在半个字", hint, 0.5)  # type: ignore[misc]
        yield step
    yield call.untouched(weight=0.5)


# --- 08.2 --------------------------------------------------------------------------------------


def _date(rng: Rng) -> str:
    return f"{rng.integers(2003, 2012)}年{rng.integers(1, 13)}月{rng.integers(1, 29)}日"


def _hz(text: str) -> str:
    """``text`` in HZ, in which Chinese is seven-bit codes between ``~{`` and ``~}``."""
    return text.encode("hz").decode("ascii")


_FACES = ("(*^__^*)", "(^_^)", "(>_<)", "(T_T)")


def _dirt(kind: str, k: int, rng: Rng) -> tuple[str, str]:
    a, b = _sentence(rng), _sentence(rng)
    if kind == "A":
        return f"{a}补充点评 {_date(rng)}{' ' * (k % 2)}：{b}", a + b
    if kind == "B":
        gap = " " * (k // 4 % 2)
        return f"{a}{gap}{_FACES[k % 4]}{gap}{b}", a + 2 * gap + b
    if kind == "C":
        tag = ("b", "i", "u", "quote")[k % 4]
        inner = f"[i]{b}[/i]" if k >= 8 and tag != "i" else b
        return f"{a}[{tag}]{inner}[/{tag}]", a + b
    if kind == "D":
        return f"{k % 9 + 1}{'、.)'[k % 3]}{a}", a
    return f"{a}{_hz(b)}", a + b


_KINDS = {
    "A": "站点加的补充点评、年月日、冒号",
    "B": "颜文字",
    "C": "论坛标签",
    "D": "行首的编号",
    "E": "HZ 码",
}
_PART = {
    "A": "月、日有一位的也有两位的，冒号前的空格时有时无，年份不止一个",
    "B": "四种样子都要，旁边的空格不动",
    "C": "四个名字都要，开与闭都要，里面还可以套着别的标签",
    "D": "1 到 9，顿号、点、半角右括号三种",
    "E": "每一处都换成原来的汉字",
}
_CLEAN = (
    "房间3.5分，早餐4.0分。",
    "2008年7月10日：入住",
    "如果 a[k] > b[j]，就交换（见第3行）",
    "3天2晚，还不错",
    "3.5分，不能再多了",
    "~~很好~~",
    "补充一点：早餐好",
    "f(x) = (x^2)",
    " 前后的空格  和中间的两个 ",
    "补充点评写得细：早餐、停车都说了",
    "见 [out] 与 [ui] 两栏",
    "12、电梯口那间最吵",
    "第 3、4 章最好",
    "(^o^)/",
    "WiFi 很快，看 (my_name) 那一行",
    "3，是我的房号",
    "",
)


@exercise("08.2", "加一步你自己的", points=3, asks="my_step(text) -> str")
@hints(
    "先挑一种，写下它一定有、正常的句子一定没有的样子。",
    "re.sub(样子, 留下什么, text)；\\d 是数字，{1,2} 是一到两个，| 是或者，^ 是开头。",
    "站点的标签最省事：补充点评，一个空格，年、月、日，可有可无的空格，一个全角冒号，整个换成空字符串。",
)
def judge_my_step(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, my_step)
    for text in (*_CLEAN, *_SENTENCES):
        got = call(text)[0]
        hint = "这一行里没有那五种脏，你的一步却改了它：样子写得太宽"
        yield _exact(got, text, "干净的文字一字不动", hint, weight=0)
        if not isinstance(got, str):
            return
    cases = {kind: [_dirt(kind, k, rng) for k in range(12)] for kind in _KINDS}
    done: dict[str, int] = {}
    touched: dict[str, tuple[str, Any]] = {}
    for kind, pairs in cases.items():
        done[kind] = 0
        for dirty, clean in pairs:
            got = call(dirty)[0]
            done[kind] += got == clean
            if got not in (dirty, clean):
                touched.setdefault(kind, (dirty, got))
    best = max(done, key=lambda kind: (done[kind], kind in touched))
    whole = done[best] == len(cases[best])
    if not any(done.values()) and not touched:
        hint = "五种脏一种也没有动：它们原样出来了"
    elif best in touched:
        hint = f"“{_KINDS[best]}”没有去干净，或把旁边的字也带走了：{_PART[best]}"
    else:
        hint = f"“{_KINDS[best]}”只去掉了一部分：{_PART[best]}"
    dirty = next((d for d, c in cases[best] if call(d)[0] != c), "")
    detail = f"{len(cases[best])} 行里对了 {done[best]} 行" + (
        f"，没对的如：{dirty}" if dirty else ""
    )
    yield that(whole, "至少一种脏全部去掉，别的字都在", hint, detail, weight=2.0)
    spoilt = [kind for kind in touched if done[kind] < len(cases[kind])]
    hint = "另一种脏被改了，却没有改对：要么去干净，要么别碰"
    detail = "、".join(_KINDS[kind] for kind in spoilt)
    given = touched[spoilt[0]][1] if spoilt else None
    yield that(not spoilt, "没有去干净的一种也不要弄残", hint, detail, weight=0.5, given=given)
    dirty, clean = cases[best][0]
    twice = call(dirty + dirty if best != "D" else dirty)[0]
    want = clean + clean if best != "D" else clean
    yield _exact(twice, want, "一行里有两处", "一行里不止一处：每一处都要去掉", weight=0.5)
    yield _exact(
        call(twice)[0],
        twice,
        "再做一遍不再变",
        "做第二遍又变了：一步清洗做两遍应与一遍相同",
        weight=0.5,
    )
    for nested in ("3、2)早餐一般", "1.2、3)三件事"):
        once = call(nested)[0]
        hint = "去掉一个编号，后面的又成了行首的编号：一次去完，或者都不碰"
        yield _exact(call(once)[0], once, "编号后面又是编号", hint, weight=0)


# --- 08.3 --------------------------------------------------------------------------------------


def _identity(rng: Rng, last: str | None = None) -> str:
    """A valid number with an area code that no person has; with ``last`` as its end."""
    while True:
        born = f"{rng.integers(1950, 2010)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}"
        front = f"{rng.choice([11, 31, 44, 51])}0000{born}{rng.integers(1000):03}"
        [whole] = unmask(f"{front}*")
        if last is None or whole[-1] == last:
            return whole


def _masked(whole: str, places: Sequence[int]) -> str:
    return "".join("*" if k in places else c for k, c in enumerate(whole))


@exercise(
    "08.3",
    "遮住几位，还剩几个",
    points=2,
    asks="unmask(masked) -> 号码的列表，从小到大",
    allows=["aigc_course.text.private.id_card_is_valid"],
)
@hints(
    "遮住的每一位都可能是哪些字符？把所有填法列出来，逐个问 id_card_is_valid。",
    "itertools.product 列出 k 个位置的所有填法；最后一位还可能是 X。",
    '对 product("0123456789X", repeat=星号的个数) 逐个填进星号的位置，留下有效的，排好序返回。',
)
def judge_unmask(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, unmask)
    earlier: set[str] = set()

    def asked(masked: str, label: str, hint: str, weight: float = 1.0) -> Steps:
        got, want = call(masked)
        listed = isinstance(got, list | tuple) and all(isinstance(one, str) for one in got)
        yield that(
            listed,
            f"{label}：一列号码",
            "要的是号码（字符串）的列表：不是一个号码、个数，也不是集合、生成器、数组",
            given=got,
        )
        got = list(got)
        told = hint
        if got and len(got[0]) != 18:
            told = "要的是填好的 18 位号码，不是填进去的那几位"
        elif any("x" in one for one in got):
            told = "校验码的 X 写成大写，x 不另算一个"
        elif (odd := {one for one, n in Counter(got).items() if n > 1 or one not in want}) and (
            odd <= earlier
        ):
            told = "混进了上一次问到的号码：列表留在了默认参数或全局变量里"
        elif len(set(got)) < len(got):
            told = "同一个号码出现了不止一次"
        elif sorted(got) == want:
            told = "号码对，次序不对：从小到大"
        elif set(got) > set(want):
            told = "有的号码过不了校验：月、日、校验码都要查，逐个问 id_card_is_valid"
        elif len(want) > 1 and len(got) == 1:
            told = "不止一个：找到第一个就停了"
        earlier.update(want)
        detail = f"{masked}：返回了 {len(got)} 个"
        yield that(got == want, label, told, detail, weight=weight, given=got)

    whole = _identity(rng, str(rng.integers(10)))
    place = int(rng.choice([14, 15, 16]))  # in the running number: nothing but the check tells
    yield from asked(_masked(whole, [place]), "遮住一位", "遮住的一位试遍 0 到 9")
    yield from asked(
        _masked(whole, range(10, 14)),
        "遮住生日的月和日",
        "四个星号，每个都要从 0 到 9 试遍，彼此无关",
    )
    ten = _masked(_identity(rng, "X"), [17])
    yield from asked(ten, "最后一位是 X", "最后一位可能是 X，也要试")
    yield from asked(_masked(_identity(rng), [3, 9, 16]), "不相邻的三位", "星号不一定连在一起", 0.5)
    february = f"{whole[:10]}02{whole[12:]}"
    hint = "二月没有 30、31 日，平年没有 29 日：日期也要查，逐个问 id_card_is_valid"
    yield from asked(_masked(february, [12, 13, 17]), "二月的日与校验码", hint, 0)
    yield from asked(whole, "没有星号", "没有星号时，号码有效就是它自己一个", 0.5)
    other = whole[:-1] + str((int(whole[-1]) + 1) % 10)
    yield from asked(other, "没有星号，无效", "号码无效，就是空的列表", 0.5)
    # of the 11 remainders one asks for the digit ten, which is none
    for k in range(100):
        swapped = _identity(rng)
        bad = [m for d in "0123456789X" if not unmask(m := _masked(swapped[:-1] + d, [16]))]
        if bad or k == 99:
            yield from asked(bad[0], "填什么都不对", "没有一种填法有效，就是空的列表", 0.5)
            break


# --- 08.4 --------------------------------------------------------------------------------------


@exercise("08.4", "先猜再跑：八行剩几行", points=2, asks="forecast() -> 四个整数")
@hints(
    "一行一行地写下它每一步以后的样子，再数有几种。",
    "key 比的是 forms：全半角、大小写、标点、空白都不算。实体、繁体、电话它不管。",
    "小数点也是标点：3.5 与 35 在 forms 里是同一串；scrub 之后，两个电话也是同一串。",
)
def judge_forecast(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, forecast)
    got = yield from parts(call()[0], 4, "a, b, c, d 四个整数")
    fits = not any(isinstance(one, str) for one in got)
    yield that(fits, "四个都是数", '写成数，不要引号：12，不是 "12"', given=got)
    names = ("a 原样", "b 直接比 key", "c 先清洗", "d 清洗、擦除")
    told: list[dict[str, Any]] = [
        {"八行两两不同：末尾多一个感叹号也是另一串": 7},
        {
            "小数点也是标点：forms 里 3.5 与 35 同一串": 7,
            "繁体的 錯 与 错 是两个字，实体 &nbsp; 里的字母也留在 forms 里": [5, 4],
            "感叹号不算：第 1、2 行的 key 相同": 8,
        },
        {
            "清洗以后 3.5 与 35 仍被 key 当成同一串": 5,
            "两个电话不同，清洗不碰它们": 3,
            "清洗以后实体、繁体都没有了，第 1 到 4 行是同一串": [6, 7, 8],
        },
        {
            "擦除以后两个电话都成了 [电话]": 4,
            "[电话] 两个字还在，与没有电话的那几行不是同一串": 2,
        },
    ]
    for value, right, name, traps in zip(got, forecast(), names, told, strict=True):
        yield number(value, right, name, "再数一遍：写下每一行在这一步以后的样子", traps, rtol=0)


# --- 08.5 --------------------------------------------------------------------------------------


def _found(likeness: float, b: int, r: int) -> float:
    return float(1 - (1 - likeness**r) ** b)


@exercise(
    "08.5", "最省的带", points=3, asks="cheapest(low, high, extra, missed, size) -> (b, r) 或 None"
)
@hints(
    "b 与 r 都是不大的整数：全部试一遍有几种？",
    "先写出相似度 s 的一对成为候选的概率：s = low 时它不超过 extra，"
    "s = high 时 1 减它不超过 missed。",
    "两层循环 b、r（b·r ≤ size），留下两条都满足的，按 b·r 取最小；一个也没有就返回 None。",
)
def judge_cheapest(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, cheapest)
    cases: list[tuple[str, tuple[float, float, float, float, int]]] = [
        ("常见的要求", (0.3, 0.8, 0.05, 0.01, 128)),
        ("宽松的要求", (0.19, 0.91, 0.2, 0.1, 64)),
        ("正好等于界", (0.5, 0.75, 0.5, 0.25, 16)),  # exact in binary
        ("很相似才要", (0.5, 0.9, 0.01, 0.01, 256)),
        ("low 一边很松", (0.3, 0.6, 0.7, 0.01, 256)),
    ]
    for name, case in (
        ("只要一条带", (0.97, 0.998, 0.05, 0.3, 128)),
        ("要很多条带", (0.0001, 0.01, 0.2, 0.01, 512)),
    ):
        b, r = cheapest(*case) or (0, 0)
        cases.append((name, case))
        cases.append((f"{name}，size 刚好够", (*case[:4], b * r)))
        cases.append((f"{name}，size 差一个", (*case[:4], b * r - 1)))
    for _ in range(3):
        low, high = rng.uniform(0.15, 0.4), rng.uniform(0.7, 0.9)
        cases.append(
            ("随机的要求", (low, high, rng.uniform(0.02, 0.1), rng.uniform(0.01, 0.05), 200))
        )
    for name, case in cases:
        low, high, extra, missed, size = case
        got, want = call(*case)
        if want is None:
            hint = "b·r ≤ size 的没有一种满足，就返回 None"
            yield that(got is None, f"{name}：做不到", hint, weight=0.0, given=got)
            continue
        if got is None:
            hint = (
                f"有满足的，却得到 None：b、r 都可以到 size，b·r 可以等于 size = {size}；"
                "也看看有没有忘了 return"
            )
            yield that(False, f"{name}：做得到", hint, given=got)
        b, r = yield from parts(got, 2, "b, r", f"{name}：返回 (b, r)")
        whole = all(
            isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= 1 for v in (b, r)
        )
        hint = "b 与 r 都是正整数（int）：3.0 不算，后面要拿它们当个数用"
        yield that(whole, f"{name}：两个正整数", hint, given=got)
        b, r = int(b), int(r)
        told = f"b = {b}，r = {r}"
        kept = _found(low, b, r) <= extra + 1e-9 and 1 - _found(high, b, r) <= missed + 1e-9
        hint = (
            "有一条要求没有满足：low 的那些成为候选的不超过 extra，high 的那些漏掉的不超过 missed"
        )
        if _found(low, r, b) <= extra and 1 - _found(high, r, b) <= missed:
            hint = "对调了：先 b（几条带），后 r（一条带里几个数）"
        elif b * r > size:
            hint = "用的数比签名还长：b·r ≤ size"
        elif _found(low, b, r) > extra and 1 - _found(high, b, r) <= missed:
            hint = "low 的那些成为候选的太多：这一条也要查"
        elif _found(low, b, r) <= extra:
            hint = "high 的那些漏掉的太多：一对漏掉，是 b 条带没有一条全等"
        yield that(kept and b * r <= size, f"{name}：满足要求", hint, told, weight=0.5, given=got)
        least = want[0] * want[1]
        hint = "满足要求，但还有更省的：b、r 都从 1 试起，比的是 b·r，不必用满 size"
        if name == "正好等于界":
            hint = "满足要求，但还有更省的：“不超过”包括正好相等"
        if name.startswith("low"):
            hint = "满足要求，但还有更省的：成为候选的概率不是 b 个 sʳ 相加，几条带会同时全等"
        yield that(b * r == least, f"{name}：最省", hint, told, weight=0.5, given=got)
    got, _ = call(0.7, 0.75, 0.01, 0.01, 64)
    yield that(got is None, "做不到", "没有一种 (b, r) 满足时返回 None", weight=0.5, given=got)


# --- 08.6 --------------------------------------------------------------------------------------


def _same_partition(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@exercise("08.6", "找错：漏网的一对", points=3, asks="group_rows(n, pairs) -> n 个记号")
@hints(
    "1 与 3 像，3 与 4 像，1 与 4 不那么像：三行该在几个组里？",
    "把行当点、对当线，要的是连通的一片。从一行出发，走遍走得到的行；没走过的行再另起一片。",
    "先给每一行记下与它成对的行；用一个列表当栈，弹出一行，没有记号就记上，再把它的邻居都放进去。",
)
def judge_group_rows(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, group_rows)

    def asked(n: int, pairs: list[tuple[int, int]], label: str, hint: str, weight: float) -> Steps:
        got = yield from attempt(
            lambda: call(n, pairs)[0],
            label,
            {RecursionError: "链很长，递归到了底：用一个列表当栈"},
        )
        marks = got.tolist() if isinstance(got, np.ndarray) else got
        good = isinstance(marks, list | tuple) and len(marks) == n
        good = good and all(isinstance(m, int | str | np.integer) for m in marks)
        hint_form = "要 n 个记号，一行一个（整数或文字），没有成对的行也有自己的记号"
        if isinstance(got, np.ndarray) and got.dtype.itemsize == 1:
            good, hint_form = False, "8 位的整数只有 256 种，行多了记号会绕回去、撞在一起"
        yield that(good, f"{label}：n 个记号", hint_form, given=got)
        detail = f"pairs = {pairs}，得到 {list(marks)}" if 0 < n < 10 else ""
        fits = _same_partition(marks, group_rows(n, pairs))
        yield that(fits, label, hint, detail, weight=weight, given=got)

    yield from asked(6, [(0, 1), (4, 5)], "互不相连的两对", "成对的记号相同，其余各不相同", 1.0)
    hint = "1–3、3–4 两对把三行连成一组：只看直接的对，1 与 4 分到了两份里"
    yield from asked(8, [(3, 4), (1, 3), (4, 6)], "经过别的行连起来", hint, 1.0)
    hint = "后来的一对把两个已有的组连成一个：两组里的每一行都要改，不只是这一对的两行"
    yield from asked(9, [(0, 1), (2, 3), (4, 5), (3, 4), (1, 5)], "两组合成一组", hint, 1.0)
    hint = "对里的两行不分先后，也可以重复，可以是自己：(5, 2) 与 (2, 5) 一样"
    yield from asked(7, [(5, 2), (2, 5), (6, 6), (2, 0)], "大的在前、重复、自己", hint, 0.5)
    n = int(rng.integers(40, 60))
    pairs = [(int(a), int(b)) for a, b in rng.integers(n, size=(n * 2 // 3, 2))]
    yield from asked(n, pairs, "随机的许多对", "有的行该在一组而不在，或不该在而在", 0.5)
    yield from asked(4, [], "没有一对", "没有对时，每一行自成一组", 0.5)
    yield from asked(0, [], "没有一行", "没有行时，是空的列表", 0.25)
    names = rng.permutation(4000)
    long = [(a, b) for a, b in pairwise(names.tolist())]
    hint = "四千行连成一条链：应是一组"
    yield from asked(4000, long, "四千行的链", hint, 0.5)
    yield call.untouched(weight=0.5)
