"""The judges of 08_text_pipeline: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import itertools
import math
import operator
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.exercises import ex08
from aigc_course.text import duplicates, reading
from aigc_course.text.cleaning import (
    Cleaner,
    chinese_punctuation,
    drop_html,
    drop_invisible,
    drop_urls,
    simplify,
    squeeze_repeats,
    squeeze_spaces,
    to_halfwidth,
)
from aigc_course.text.private import id_card_is_valid, scrub
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def decode_at_once(chunks):
    raw = bytes(itertools.chain.from_iterable(chunks))
    try:
        text = str(raw, "utf8")
    except UnicodeError:
        return raw.decode("GB18030")  # its error is a ValueError
    return text[1:] if text[:1] == "\ufeff" else text


def decode_bit_by_bit(chunks):
    import codecs

    for name in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            text = "".join(decoder.decode(chunk) for chunk in chunks)
            return text + decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
    raise ValueError(name)


def without_faces(text):
    for face in ("(*^__^*)", "(^_^)", "(>_<)", "(T_T)"):
        text = text.replace(face, "")
    return text


def without_tags(text):
    return re.sub(r"\[/?(?:b|i|u|quote)\]", "", text)


def without_number(text):
    return re.sub(r"^\d[、.)](?!\d)", "", text)


def without_hz(text):
    return re.sub(r"~\{(.*?)~\}", lambda m: m[0].encode("ascii").decode("hz"), text)


def without_any(text):
    for step in (ex08.my_step, without_faces, without_tags, without_hz, without_number):
        text = step(text)
    return text


def unmask_one_after_another(masked):
    if "*" not in masked:
        return [masked] if id_card_is_valid(masked) else []
    tried = (unmask_one_after_another(masked.replace("*", d, 1)) for d in "0123456789X")
    return sorted(number for found in tried for number in found)


def cheapest_by_length(low, high, extra, missed, size):
    for used in range(1, size + 1):
        for r in range(1, used + 1):
            if used % r == 0:
                b = np.int64(used // r)
                if (1 - low**r) ** b >= 1 - extra and (1 - high**r) ** b <= missed:
                    return [b, r]
    return None


def cheapest_by_logarithms(low, high, extra, missed, size):
    def chance(s, b, r):
        return -math.expm1(b * math.log1p(-(s**r))) if s**r < 1 else 1.0

    for r in range(1, size + 1):  # b grows with r, so the first r that fits is the cheapest
        for b in range(1, size // r + 1):
            if chance(low, b, r) <= extra and 1 - chance(high, b, r) <= missed:
                return b, r
    return None


def groups_by_repainting(n, pairs):
    mark = np.arange(n)
    for i, j in pairs:
        if mark[i] != mark[j]:
            mark[mark == mark[j]] = mark[i]
    return mark


def groups_by_name(n, pairs):
    return [f"g{k}" for k in ex08.group_rows(n, pairs)]


ALSO_RIGHT = [
    ("08.1", decode_at_once),
    ("08.1", decode_bit_by_bit),
    ("08.2", without_faces),
    ("08.2", without_tags),
    ("08.2", without_number),
    ("08.2", without_hz),
    ("08.2", without_any),
    ("08.3", unmask_one_after_another),
    ("08.4", lambda: [8, 6, 4, 3]),
    ("08.5", cheapest_by_length),
    ("08.5", cheapest_by_logarithms),
    ("08.6", groups_by_repainting),
    ("08.6", groups_by_name),
]


# --- typical mistakes --------------------------------------------------------------------------


def decode_colleague(chunks):
    text = ""
    for chunk in chunks:
        try:
            text += chunk.decode("gbk")
        except UnicodeDecodeError:
            text += chunk.decode("utf-8", errors="ignore")
    return text.strip()


def decode_whole(*encodings, errors="strict", last=None):
    def answer(chunks):
        raw = b"".join(chunks)
        for name in encodings:
            try:
                return raw.decode(name, errors)
            except UnicodeDecodeError:
                pass
        if last is None:
            raise ValueError("?")
        return raw.decode(*last)

    return answer


def decode_each(chunks):
    return "".join(decode_whole("utf-8-sig", "gb18030", last=("gb18030",))([c]) for c in chunks)


def decode_by_head(chunks):
    raw = b"".join(chunks)
    head = raw[:2000]
    try:
        head.decode("utf-8")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start > len(head) - 4:
            return raw.decode("utf-8-sig")
        return raw.decode("gb18030") if len(raw) <= 2000 else raw.decode("utf-8", "replace")


def decode_head(chunks):
    raw = b"".join(chunks)
    name = "utf-8-sig"
    try:
        raw[:1500].decode(name)
    except UnicodeDecodeError:
        if len(raw) < 1500 or raw[:1500].isascii():
            name = "gb18030"
    return raw.decode(name)


def stripped(chunks):
    return ex08.decode_chunks(chunks).strip()


def refuses_nothing(chunks):
    if not b"".join(chunks):
        raise OSError("empty file")
    return ex08.decode_chunks(chunks)


def unmask_first(masked):
    return ex08.unmask(masked)[:1]


def unmask_digits_only(masked):
    return [n for n in ex08.unmask(masked) if "X" not in n]


def unmask_without_check(masked):
    stars = masked.count("*")
    if stars > 2:
        return ex08.unmask(masked)
    out = []
    for digits in itertools.product("0123456789", repeat=stars):
        left = iter(digits)
        out.append("".join(next(left) if c == "*" else c for c in masked))
    return out


def unmask_backwards(masked):
    return ex08.unmask(masked)[::-1]


def unmask_pieces(masked):
    return [
        "".join(d for d, c in zip(n, masked, strict=True) if c == "*") for n in ex08.unmask(masked)
    ]


def swapped_bands(*case):
    found = ex08.cheapest(*case)
    return found and found[::-1]


def first_that_fits(low, high, extra, missed, size):
    for b in range(size, 0, -1):
        for r in range(1, size // b + 1):
            if 1 - (1 - low**r) ** b <= extra and (1 - high**r) ** b <= missed:
                return b, r
    return None


def only_low(low, high, extra, missed, size):
    return next((1, r) for r in range(1, size + 1) if low**r <= extra)


def only_high(low, high, extra, missed, size):
    return next((b, 1) for b in range(1, size + 1) if (1 - high) ** b <= missed)


def bands_added_up(low, high, extra, missed, size):
    """b · sʳ for 1 − (1 − sʳ)ᵇ, which is more."""
    fitting = [
        (b * r, b, r)
        for b in range(1, size + 1)
        for r in range(1, size // b + 1)
        if b * low**r <= extra and (1 - high**r) ** b <= missed
    ]
    return min(fitting)[1:] if fitting else None


def too_long(low, high, extra, missed, size):
    return ex08.cheapest(low, high, extra, missed, size) or (1, 1)


def groups_colleague(n, pairs):
    mark = list(range(n))
    for i, j in pairs:
        mark[j] = mark[i]
    return mark


def groups_least(n, pairs):
    """Both rows get the least mark, the rest of their groups keeps the old one."""
    mark = list(range(n))
    for _ in range(2):
        for i, j in pairs:
            mark[i] = mark[j] = min(mark[i], mark[j])
    return mark


def groups_by_recursion(n, pairs):
    friends = {k: [] for k in range(n)}
    for i, j in pairs:
        friends[i].append(j)
        friends[j].append(i)
    mark = [-1] * n

    def visit(row, name):
        if mark[row] < 0:
            mark[row] = name
            for other in friends[row]:
                visit(other, name)

    for row in range(n):
        visit(row, row)
    return mark


def groups_of_lists(n, pairs):
    marks = ex08.group_rows(n, pairs)
    return [[k for k in range(n) if marks[k] == m] for m in sorted(set(marks))]


def groups_of_paired(n, pairs):
    paired = {row for pair in pairs for row in pair}
    return [m if k in paired else -1 for k, m in enumerate(ex08.group_rows(n, pairs))]


def decode_stripping_marks(chunks):
    raw = b"".join(chunks).lstrip(b"\xef\xbb\xbf")
    return ex08.decode_chunks([raw])


def decode_dropping_half(chunks):
    import codecs

    for name in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            return "".join(decoder.decode(chunk) for chunk in chunks)
        except UnicodeDecodeError:
            continue
    raise ValueError(name)


def cheapest_up_to(bands, rows, shorter=0):
    def answer(low, high, extra, missed, size):
        fitting = [
            (b * r, b, r)
            for b in range(1, min(bands, size) + 1)
            for r in range(1, rows + 1)
            if b * r <= size - shorter
            if 1 - (1 - low**r) ** b <= extra and (1 - high**r) ** b <= missed
        ]
        return min(fitting)[1:] if fitting else None

    return answer


def decode_mark_first(chunks):
    raw = b"".join(chunks).removeprefix(b"\xef\xbb\xbf")
    return decode_whole("utf-8", "gb18030")([raw])


def decode_marks_of_pieces(chunks):
    return ex08.decode_chunks([chunk.removeprefix(b"\xef\xbb\xbf") for chunk in chunks])


def decode_lines(chunks):
    """Each line by itself; a whole that nobody can read is refused first."""
    raw = b"".join(chunks)
    ex08.decode_chunks(chunks)
    return "\n".join(ex08.decode_chunks([line]) for line in raw.split(b"\n"))


def decode_as_soon_as_it_reads(chunks):
    text, tail = "", b""
    for chunk in chunks:
        try:
            text, tail = text + ex08.decode_chunks([tail + chunk]), b""
        except ValueError:
            tail += chunk
    return text + ex08.decode_chunks([tail])


def decode_normal(form):
    return lambda chunks: unicodedata.normalize(form, ex08.decode_chunks(chunks))


def without_outer_tags(text):
    return re.sub(r"\[(b|i|u|quote)\](.*?)\[/\1\]", r"\2", text)


def unmask_by_ranges(masked):
    """Months to 12 and days to 31, whatever the month."""
    weights = [2 ** (17 - k) % 11 for k in range(18)]
    out = []
    for digits in itertools.product("0123456789X", repeat=masked.count("*")):
        left = iter(digits)
        n = "".join(next(left) if c == "*" else c for c in masked)
        if not n[:17].isdigit() or not 0 < int(n[10:12]) < 13 or not 0 < int(n[12:14]) < 32:
            continue
        values = (10 if c == "X" else int(c) for c in n)
        if sum(map(operator.mul, weights, values)) % 11 == 1:
            out.append(n)
    return out


def unmask_small_x(masked):
    return [n.replace("X", "x") for n in ex08.unmask(masked)]


def unmask_both_x(masked):
    return sorted({*ex08.unmask(masked), *(unmask_small_x(masked) if masked[-1] == "*" else [])})


def cheapest_below(low, high, extra, missed, size):
    """Less than ``extra``, where equal would do."""
    fitting = [
        (b * r, b, r)
        for b in range(1, size + 1)
        for r in range(1, size // b + 1)
        if 1 - (1 - low**r) ** b < extra and (1 - high**r) ** b <= missed
    ]
    return min(fitting)[1:] if fitting else None


def cheapest_as_floats(*case):
    found = ex08.cheapest(*case)
    return found and (float(found[0]), found[1])


def groups_as_bytes(n, pairs):
    return np.array(ex08.group_rows(n, pairs)).astype(np.uint8)


# number, name, answer, words of its hint, percent of the points
WRONG = [
    Wrong("08.1", "colleague", decode_colleague, "UTF-8", 9),
    Wrong("08.1", "utf only", decode_whole("utf-8-sig"), "还要再试 GB 18030", 18),
    Wrong("08.1", "ignore", decode_whole("utf-8-sig", errors="ignore"), "errors='ignore'", 18),
    Wrong("08.1", "replace", decode_whole("utf-8-sig", errors="replace"), "换成了 �", 18),
    Wrong("08.1", "each piece", decode_each, "首尾相接", 27),
    Wrong("08.1", "mark", decode_whole("utf-8", "gb18030"), "字节顺序标记", 44),
    Wrong("08.1", "gbk", decode_whole("utf-8-sig", "gbk"), "编码名写 gb18030", 56),
    Wrong("08.1", "head", decode_head, "编码不能只看开头", 60),
    Wrong("08.1", "strip", stripped, "原样留着", 64),
    Wrong("08.1", "empty", refuses_nothing, "不是错", 69),
    Wrong("08.1", "latin", decode_whole("utf-8-sig", "gb18030", last=("latin1",)), "悄悄返回", 73),
    Wrong("08.1", "marks", decode_stripping_marks, "lstrip 会连", 49),
    Wrong(
        "08.1",
        "no FEFF",
        lambda c: ex08.decode_chunks(c).replace("\ufeff", ""),
        "正文里的要留",
        53,
    ),
    Wrong("08.1", "half", decode_dropping_half, "最后那半个字", 87),
    Wrong("08.1", "utf-16", decode_whole("utf-8-sig", "gb18030", "utf-16"), "不再试第三种", 82),
    Wrong("08.1", "mark first", decode_mark_first, "通过了 UTF-8 才去掉", 56),
    Wrong("08.1", "two marks", lambda c: ex08.decode_chunks(c).lstrip("\ufeff"), "只有一个", 56),
    Wrong("08.1", "lines", decode_lines, "不逐行试", 56),
    Wrong("08.1", "big5", decode_whole("utf-8-sig", "big5", "gb18030"), "中间不试", (18, 60)),
    Wrong("08.1", "NFC", decode_normal("NFC"), "不统一写法", 69),
    Wrong("08.1", "None", lambda c: ex08.decode_chunks(c) or None, "空文件是空字符串", 69),
    Wrong("08.2", "outer tags", without_outer_tags, "套着别的标签", 0),
    Wrong("08.2", "three faces", lambda t: without_faces(t.replace("(T_T)", "()")), "旁边的字", 0),
    Wrong("08.2", "nothing", lambda text: text, "一种也没有动", 0),
    Wrong("08.2", "too wide", lambda t: re.sub(r"\d+[、.)]?", "", t), "写得太宽", 0),
    Wrong("08.2", "part", lambda t: t.replace("(^_^)", ""), "只去掉了一部分", 0),
    Wrong(
        "08.2",
        "no blank",
        lambda t: re.sub(r"补充点评 \d+年\d+月\d+日：", "", t),
        "冒号前的空格",
        0,
    ),
    Wrong(
        "08.2",
        "once",
        lambda t: re.sub(r"补充点评 \d+年\d+月\d+日 ?：", "", t, count=1),
        "每一处",
        71,
    ),
    Wrong("08.2", "no return", lambda t: None, "忘了 return", 0),
    Wrong("08.3", "first", unmask_first, "找到第一个就停了", 20),
    Wrong("08.3", "no X", unmask_digits_only, "可能是 X", 40),
    Wrong("08.3", "no check", unmask_without_check, "过不了校验", 0),
    Wrong("08.3", "order", unmask_backwards, "从小到大", 20),
    Wrong("08.3", "pieces", unmask_pieces, "填好的 18 位", 0),
    Wrong("08.3", "count", lambda m: len(ex08.unmask(m)), "不是一个号码、个数", 0),
    Wrong("08.3", "small x", unmask_small_x, "写成大写", 40),
    Wrong("08.4", "texts", lambda: ("8", "6", "4", "3"), "不要引号", 0),
    Wrong("08.4", "all differ", lambda: (8, 8, 4, 3), "key 相同", 25),
    Wrong("08.4", "the point", lambda: (8, 7, 4, 3), "小数点也是标点", 25),
    Wrong("08.4", "clean", lambda: (8, 6, 5, 3), "仍被 key", 50),
    Wrong("08.4", "scrub", lambda: (8, 6, 4, 4), "都成了 [电话]", 75),
    Wrong("08.5", "swapped", swapped_bands, "对调了", 0),
    Wrong("08.5", "many bands", first_that_fits, "还有更省的", 4),
    Wrong("08.5", "only low", only_low, "漏掉的太多", 0),
    Wrong("08.5", "only high", only_high, "成为候选的太多", 0),
    Wrong("08.5", "added up", bands_added_up, "几条带会同时", 36),
    Wrong("08.5", "few bands", cheapest_up_to(128, 999), "却得到 None", (0, 90)),
    Wrong("08.5", "few rows", cheapest_up_to(999, 16), "却得到 None", (0, 90)),
    Wrong("08.5", "below size", cheapest_up_to(999, 999, 1), "却得到 None", (0, 90)),
    Wrong("08.5", "strict", cheapest_below, "包括正好相等", (0, 40)),
    Wrong("08.5", "floats", cheapest_as_floats, "3.0 不算", 0),
    Wrong("08.5", "never None", too_long, "返回 None", 56),
    Wrong("08.6", "colleague", groups_colleague, "只看直接的对", 17),
    Wrong("08.6", "least", groups_least, "两个已有的组", 35),
    Wrong("08.6", "recursion", groups_by_recursion, "递归", 83),
    Wrong("08.6", "uint8", groups_as_bytes, "8 位的整数", 0),
    Wrong("08.6", "lists", groups_of_lists, "n 个记号", 0),
    Wrong("08.6", "the unpaired", groups_of_paired, "其余各不相同", 0),
]

SAME_HINT = [
    Wrong("08.1", "NUL", lambda c: ex08.decode_chunks(c).replace("\0", ""), "控制字符", 69),
    Wrong("08.1", "soon", decode_as_soon_as_it_reads, "先把各段首尾相接", (18, 60)),
    Wrong("08.1", "marks of pieces", decode_marks_of_pieces, "哪怕它在一段的开头", 53),
    Wrong("08.3", "February", unmask_by_ranges, "过不了校验", (20, 70)),
    Wrong("08.3", "both x", unmask_both_x, "写成大写", 40),
    Wrong("08.3", "set", lambda m: set(ex08.unmask(m)), "也不是集合", 0),
    Wrong("08.5", "short", cheapest_up_to(999, 64), "却得到 None", (0, 90)),
    Wrong("08.5", "256 bands", cheapest_up_to(256, 999), "却得到 None", (0, 90)),
    Wrong("08.2", "strip", lambda t: ex08.my_step(t).strip(), "写得太宽", 0),
    Wrong("08.2", "letters", lambda t: re.sub(r"\[/?[biuquote]+\]", "", t), "写得太宽", 0),
    Wrong("08.2", "any label", lambda t: re.sub(r"补充点评.*?：", "", t), "写得太宽", 0),
    Wrong("08.2", "many digits", lambda t: re.sub(r"^\d+[、.)](?!\d)", "", t), "写得太宽", 0),
    Wrong("08.2", "underscore", lambda t: re.sub(r"\([^()]*_[^()]*\)", "", t), "写得太宽", 0),
    Wrong("08.2", "comma", lambda t: re.sub(r"^\d[、.)，](?!\d)", "", t), "写得太宽", 0),
    Wrong("08.2", "lower", lambda t: without_faces(t.lower()), "写得太宽", 0),
    Wrong(
        "08.2",
        "blanks",
        lambda t: re.sub(r" *\((\*\^__\^\*|\^_\^|>_<|T_T)\) *", "", t),
        "旁边的空格不动",
        0,
    ),
    Wrong("08.2", "greedy", lambda t: re.sub(r"补充点评.*", "", t), "写得太宽", 0),
    Wrong("08.2", "a half", lambda t: re.sub(r"^\d+[、.)]", "", t), "没有那五种脏", 0),
]

globals().update(
    questions(
        "08",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        let_pass={"08.4": ["stale"]},  # it takes no input
    )
)


# --- the library's versions --------------------------------------------------------------------


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\r"), max_size=40)
)
def test_decoding_beside_the_courses_own(text):
    raw = text.encode()
    if "\ufffd" not in text and "锟斤拷" not in text:
        assert ex08.decode_chunks([raw[:3], raw[3:]]) == reading.decode(raw) == text


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        )
    )
)
def test_groups_beside_the_courses_own(case):
    n, pairs = case
    assert ex08.group_rows(n, pairs) == duplicates.clusters(n, pairs).tolist()


def test_the_forecast_is_what_comes_out():
    lines = [
        *("酒店不错！", "酒店不错", "酒店不錯", "酒店&nbsp;不错!!!", "酒店不错 13900012345"),
        *("酒店不错 13800054321", "酒店评3.5分", "酒店评35分"),
    ]
    steps = (drop_html, drop_urls, drop_invisible, to_halfwidth, simplify)
    steps += (chinese_punctuation, squeeze_repeats, squeeze_spaces)
    clean = Cleaner(steps).all(lines)
    kinds = [len({duplicates.key(t) for t in some}) for some in (lines, clean, map(scrub, clean))]
    assert (len(set(lines)), *kinds) == ex08.forecast()


@pytest.mark.parametrize("case", [(0.3, 0.8, 0.05, 0.01, 128), (0.5, 0.9, 0.01, 0.01, 256)])
def test_the_cheapest_bands_do_what_is_asked(case):
    low, high, extra, missed, size = case
    b, r = ex08.cheapest(*case)
    bands = duplicates.Bands(b, r)
    assert bands.probability(low) <= extra and bands.probability(high) >= 1 - missed
    assert b * r <= size
