"""The judges of 10_bpe: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

from aigc_course.exercises import ex10
from aigc_course.text.bpe import BPE
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def run_by_list(n):
    """Symbols by how many letters they hold, from the left; only the first run is ever merged."""
    width, count, rest, merges = 1, n, [], 0
    while count - 1 >= 2:
        count, odd = divmod(count, 2)
        if odd:
            rest.append(width)
        width *= 2
        merges += 1
    return [merges, count + len(rest)]


def run_by_recursion(n):
    if n < 3:
        return 0, n
    merges, tokens = run_by_recursion(n // 2)
    return merges + 1, tokens + n % 2


def another_case():
    return ("月光", *["月光"] * 3, *["明月"] * 3, *["明", "月", "光"] * 3), "今夜明月光"


def dialogue_by_loop(turns, encode, special):
    out = []
    for turn in turns:
        name = f"<|{turn[0]}|>"
        if name == "<|end|>" or name not in special:
            raise ValueError(turn[0])
        out.append(special[name])
        out.extend(encode(turn[1], specials=False))
        out.append(special["<|end|>"])
    return tuple(out)


def numbers_by_hand(text):
    out, k = [], 0
    while k < len(text):
        end = k
        digit = text[k] in "0123456789"
        while end < len(text) and (text[end] in "0123456789") == digit:
            end += 1
        piece = text[k:end]
        while digit and len(piece) > 3:
            cut = len(piece) % 3 or 3
            out.append(piece[:cut])
            piece = piece[cut:]
        out.append(piece)
        k = end
    return out


def numbers_by_commas(text):
    out = []
    for piece in re.split(r"([0-9]+)", text):
        if re.fullmatch(r"[0-9]+", piece):
            turned = [piece[::-1][k : k + 3][::-1] for k in range(0, len(piece), 3)]
            out += turned[::-1]
        elif piece:
            out.append(piece)
    return out


def bits_by_nats(report, text):
    nats = report.get("nats_per_char", 0) * len(text)
    if "perplexity" in report:
        nats = report["tokens"] * math.log(report["perplexity"])
    if "bits_per_token" in report:
        nats = report["tokens"] * report["bits_per_token"] * math.log(2)
    return nats / math.log(2) / sum(1 for _ in text.encode("utf-8"))


ALSO_RIGHT = [
    ("10.1", run_by_list),
    ("10.1", run_by_recursion),
    ("10.2", another_case),
    ("10.3", dialogue_by_loop),
    ("10.4", numbers_by_hand),
    ("10.4", numbers_by_commas),
    ("10.5", bits_by_nats),
]


# --- typical mistakes --------------------------------------------------------------------------


def run_of_pairs(n):
    merges = odd = 0
    while n >= 4:
        odd, n, merges = odd + n % 2, n // 2, merges + 1
    return merges, n + odd


def run_to_the_end(n):
    merges = odd = 0
    while n >= 2:
        odd, n, merges = odd + n % 2, n // 2, merges + 1
    return merges, n + odd


def run_without_odd(n):
    merges = 0
    while n >= 3:
        n, merges = n // 2, merges + 1
    return merges, n


def run_with_one_odd(n):
    merges = odd = 0
    while n >= 3:
        odd, n, merges = odd or n % 2, n // 2, merges + 1
    return merges, n + odd


def run_floats(n):
    return tuple(float(one) for one in ex10.run_of_a(n))


def rounded_up(n):
    merges = 0
    while n >= 3:
        n, merges = (n + 1) // 2, merges + 1
    return merges, n


def last_twice(n):
    merges, tokens = ex10.run_of_a(n)
    return merges, tokens + (n >> merges) % 2


def case(corpus, text):
    return lambda: (corpus, text)


def joined(turns, encode, special):
    return encode("".join(f"<|{r}|>{said}<|end|>" for r, said in turns), specials=True)


def stripped(turns, encode, special):
    text = ""
    for role, said in turns:
        for name in special:
            said = said.replace(name, "")
        text += f"<|{role}|>{said}<|end|>"
    return encode(text, specials=True)


def dialogue(
    change=lambda ids: ids, roles=("user", "assistant"), said=lambda said: said, **options
):
    def answer(turns, encode, special):
        out = []
        for role, words in turns:
            if role not in roles:
                raise ValueError(role)
            out += [special[f"<|{role}|>"], *encode(said(words), **options), special["<|end|>"]]
        return change(out)

    return answer


def names_as_text(turns, encode, special):
    return encode("".join(f"<|{r}|>{said}<|end|>" for r, said in turns))


def one_end(turns, encode, special):
    out = []
    for role, said in turns:
        out += [special[f"<|{role}|>"], *encode(said)]
    return [*out, special["<|end|>"]]


def no_end(turns, encode, special):
    return one_end(turns, encode, special)[:-1]


def nested(turns, encode, special):
    return [[special[f"<|{r}|>"], *encode(said), special["<|end|>"]] for r, said in turns]


def any_role(turns, encode, special):
    return [k for r, s in turns for k in (special[f"<|{r}|>"], *encode(s), special["<|end|>"])]


def named(turns, encode, special):
    return [k for r, s in turns for k in (f"<|{r}|>", *encode(s), "<|end|>")]


def other_roles(fit):
    """Roles that should have been refused are taken for one of the two."""

    def answer(turns, encode, special):
        turns = [(fit(role), said) for role, said in turns]
        return ex10.dialogue_ids(turns, encode, special)

    return answer


def taken_out_until_none(turns, encode, special):
    text = ""
    for role, said in turns:
        if role not in ("user", "assistant"):
            raise ValueError(role)
        while any(name in said for name in special):
            for name in special:
                said = said.replace(name, "")
        text += f"<|{role}|>{said}<|end|>"
    return encode(text, specials=True)


def in_pieces(turns, encode, special):
    out = []
    for role, said in turns:
        out.append(special[f"<|{role}|>"])
        for piece in re.split("(" + "|".join(map(re.escape, special)) + ")", said):
            out += encode(piece)
        out.append(special["<|end|>"])
    return out


def silent_left_out(turns, encode, special):
    return ex10.dialogue_ids([turn for turn in turns if turn[1]], encode, special)


def names_refused(turns, encode, special):
    if any(name in said for _, said in turns for name in special):
        raise ValueError("a name")
    return ex10.dialogue_ids(turns, encode, special)


def fixed_ids(turns, encode, special):
    special = {"<|user|>": 0, "<|assistant|>": 1, "<|end|>": 2}
    return ex10.dialogue_ids(turns, encode, special)


def popped(turns, encode, special):
    out = []
    while turns:
        role, said = turns.pop(0)
        if role not in ("user", "assistant"):
            raise ValueError(role)
        out += [special[f"<|{role}|>"], *encode(said), special["<|end|>"]]
    return out


def numbers(pattern):
    return lambda text: re.findall(pattern, text)


def numbers_split(text):
    return [piece for word in text.split() for piece in ex10.cut_numbers(word)]


def numbers_with_empty(text):
    out = []
    for piece in re.findall(r"[0-9]+|[^0-9]+", text):
        if piece[0] in "0123456789":
            first = len(piece) % 3
            out += [piece[:first], *(piece[k : k + 3] for k in range(first, len(piece), 3))]
        else:
            out.append(piece)
    return out


def numbers_by_format(text):
    out = []
    for piece in re.findall(r"[0-9]+|[^0-9]+", text):
        out += f"{int(piece):,}".split(",") if piece[0] in "0123456789" else [piece]
    return out


def glued(text):
    return re.findall(r"[^0-9]*[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9]))|[^0-9]+", text)


def any_numeral(text):
    out = []
    for c in reversed(text):
        if out and c.isdigit() == out[0][0].isdigit() and (not c.isdigit() or len(out[0]) < 3):
            out[0] = c + out[0]
        else:
            out.insert(0, c)
    return out


def signs_in_numbers(text):
    out = []
    for piece in re.findall(r"[0-9][0-9,.]*|[^0-9]+", text):
        cut = [piece[max(0, k - 3) : k] for k in range(len(piece), 0, -3)][::-1]
        out += cut if piece[0] in "0123456789" else [piece]
    return out


def split_with_empty(text):
    out = []
    for piece in re.split(r"([0-9]+)", text):
        out += ex10.cut_numbers(piece) or [""]
    return out


LN2 = math.log(2)


def bits(report, text, *, per=lambda text: len(text.encode()), log=math.log2, char=1 / LN2):
    if "perplexity" in report:
        total = report["tokens"] * log(report["perplexity"])
    elif "bits_per_token" in report:
        total = report["tokens"] * report["bits_per_token"]
    else:
        total = len(text) * report["nats_per_char"] * char
    return total / per(text)


def bits_of_tokens(report, text):
    return bits(report, text) * len(text.encode()) / report.get("tokens", len(text.encode()))


def char_as_byte(report, text):
    if "nats_per_char" in report:
        return report["nats_per_char"] / math.log(2)
    return bits(report, text)


def powered(report, text):
    if "perplexity" in report:
        return math.log2(report["perplexity"] ** report["tokens"]) / len(text.encode())
    return bits(report, text)


def only_han(report, text):
    if "nats_per_char" in report:
        return bits(report, text) * len(re.findall(r"[\u3400-\u9fff]", text)) / len(text)
    return bits(report, text)


def twice_logged(report, text):
    if "bits_per_token" in report:
        return math.log2(report["bits_per_token"]) * report["tokens"] / len(text.encode())
    return bits(report, text)


WRONG = [
    Wrong("10.1", "pairs apart", run_of_pairs, "可以重叠", 0),
    Wrong("10.1", "to the end", run_to_the_end, "min_count = 2", 0),
    Wrong("10.1", "no odd", run_without_odd, "落单的那个也是", 0),
    Wrong("10.1", "one odd", run_with_one_odd, "落单的不止一个", 0),
    Wrong("10.1", "turned", lambda n: ex10.run_of_a(n)[::-1], "先合并的次数", 0),
    Wrong("10.1", "one at a time", lambda n: (max(n - 2, 0), min(n, 2)), "减半", 0),
    Wrong("10.1", "floats", run_floats, "减半用 //", 0),
    Wrong("10.1", "rounded up", rounded_up, "一长一短", 0),
    Wrong("10.1", "last twice", last_twice, "已经算在里面", 0),
    Wrong("10.2", "the same", case(["春风"] * 3, "春风"), "合成了一个词元", 0),
    Wrong("10.2", "no merges", case(["春风"], "春风"), "一次合并也没有", 0),
    Wrong("10.2", "other characters", case(["春风"] * 3, "猫"), "一对能合的也没有", 0),
    Wrong("10.2", "a text", case("春风雨", "春风雨"), "也写成 [一段]", 0),
    Wrong("10.2", "turned", case("春风雨", ["春风"] * 3), "先语料，后文本", 0),
    Wrong("10.2", "bytes", case(["春风".encode()] * 3, "春风雨"), "字节串", 0),
    Wrong("10.2", "letters", case(["bc"] * 3 + ["ab"] * 2, "abc"), "都要有汉字", 0),
    Wrong("10.2", "long", case(["春风"] * 60, "春风"), "最多 40 段", 0),
    Wrong("10.2", "agree", case(["春", "风", "雨"] * 4 + ["春风"] * 4, "春风雨"), "编出的相同", 0),
    Wrong("10.3", "one string", joined, "用户打出的名字也成了特殊词元", 24),
    Wrong("10.3", "names taken out", stripped, "可能又拼成一个名字", 24),
    Wrong("10.3", "stripped blanks", dialogue(said=str.strip), "用户的话被改了", 0),
    Wrong("10.3", "names as text", names_as_text, "名字被当成了文字", 0),
    Wrong("10.3", "one end", one_end, "不是整个对话一个", 0),
    Wrong("10.3", "no end", no_end, "每一轮末尾还要放", 0),
    Wrong("10.3", "nested", nested, "还套着列表", 0),
    Wrong("10.3", "names", named, "不放名字", 0),
    Wrong("10.3", "a colon", dialogue(said=lambda said: ": " + said), "中间多了别的东西", 0),
    Wrong("10.3", "any role", any_role, "不是角色", 82),
    Wrong("10.3", "any case", other_roles(str.lower), "一字不差", 87),
    Wrong("10.3", "in pieces", in_pieces, "不要切开来编", 24),
    Wrong("10.3", "silent turns", silent_left_out, "不能跳过", (0, 24)),
    Wrong("10.3", "names refused", names_refused, "不该报错", 24),
    Wrong("10.3", "fixed ids", fixed_ids, "从 special 里查", 0),
    Wrong("10.3", "popped", popped, "被原地修改", 94),
    Wrong("10.4", "from the left", numbers(r"[0-9]{1,3}|[^0-9]+"), "从左边三位一组", 0),
    Wrong("10.4", "one by one", numbers(r"[0-9]|[^0-9]+"), "一位一组", 0),
    Wrong("10.4", "whole", numbers(r"[0-9]+|[^0-9]+"), "没有切", 0),
    Wrong("10.4", "any digits", numbers(r"\d{1,3}(?=(?:\d{3})*(?!\d))|\D+"), "全角的", 66),
    Wrong("10.4", "split", numbers_split, "split、strip 会丢", 16),
    Wrong("10.4", "turned", lambda text: ex10.cut_numbers(text)[::-1], "次序反了", 0),
    Wrong("10.4", "an empty one", numbers_with_empty, "没有不足三位的那一组", (0, 50)),
    Wrong("10.4", "by format", numbers_by_format, "开头的 0 丢了", 0),
    Wrong("10.4", "split at the ends", split_with_empty, "re.split 在两头", 0),
    Wrong(
        "10.4",
        "no end",
        numbers(r"[^0-9]+(?=[0-9])|[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9]))"),
        "少了一截",
        16,
    ),
    Wrong("10.4", "glued", glued, "既有数字又有别的字", 16),
    Wrong("10.4", "a text", lambda text: " ".join(ex10.cut_numbers(text)), "字符串的列表", 0),
    Wrong("10.5", "characters", lambda r, t: bits(r, t, per=len), "除以的是字数", 0),
    Wrong("10.5", "tokens", bits_of_tokens, "除以的是词元数", 0),
    Wrong("10.5", "not divided", lambda r, t: bits(r, t, per=lambda t: 1), "还没有除以字节数", 0),
    Wrong("10.5", "nats", lambda r, t: bits(r, t, log=math.log), "用了自然对数", 0),
    Wrong("10.5", "no log", lambda r, t: bits(r, t, log=float), "先取 log₂", 0),
    Wrong("10.5", "log10", lambda r, t: bits(r, t, log=math.log10), "log10", 0),
    Wrong("10.5", "logged twice", twice_logged, "本来就是比特", (0, 30)),
    Wrong("10.5", "nats kept", lambda r, t: bits(r, t, char=1), "没有换成比特", (0, 40)),
    Wrong("10.5", "times ln 2", lambda r, t: bits(r, t, char=math.log(2)), "不是乘", (0, 40)),
    Wrong(
        "10.5",
        "three each",
        lambda r, t: bits(r, t, per=lambda t: 3 * len(t)),
        "不都是三个",
        (0, 60),
    ),
    Wrong(
        "10.5",
        "utf-16",
        lambda r, t: bits(r, t, per=lambda t: len(t.encode("utf-16"))),
        "按 UTF-8",
        0,
    ),
    Wrong("10.5", "turned over", lambda r, t: 1 / bits(r, t), "倒了", 0),
    Wrong("10.5", "stripped", lambda r, t: bits(r, t.strip()), "也算", (0, 60)),
    Wrong("10.5", "Han only", only_han, "不只汉字", (0, 40)),
    Wrong("10.5", "power first", powered, "先取 log₂，再乘", (70, 90)),
    Wrong("10.5", "char as byte", char_as_byte, "先乘字数", (0, 40)),
]

SAME_HINT = [
    Wrong("10.4", "numerals", any_numeral, "全角的", 66),
    Wrong("10.4", "signs", signs_in_numbers, "既有数字又有别的字", 16),
    Wrong("10.3", "blanks", other_roles(str.strip), "一字不差", 89),
    Wrong(
        "10.3",
        "part of the name",
        other_roles(lambda role: "user" if role in "user" else role),
        "一字不差",
        92,
    ),
    Wrong("10.3", "until none is left", taken_out_until_none, "用户的话被改了", 24),
    Wrong(
        "10.3", "a blank within", dialogue(said=lambda s: s.replace("<|", "<| ")), "话被改了", 24
    ),
    Wrong("10.3", "specials in each", dialogue(specials=True), "成了特殊词元", 24),
]

globals().update(
    questions(
        "10",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        opaque=["10.2", "10.3", "10.4"],
    )
)


# --- the library's versions --------------------------------------------------------------------


@pytest.mark.parametrize("n", [*range(1, 40), 127, 128, 200])
def test_the_run_is_what_the_library_makes_of_it(n):
    bpe = BPE.train(["a" * n], 1000)
    assert ex10.run_of_a(n) == (len(bpe.merges), len(bpe.encode("a" * n)))


def test_the_colleague_is_right_where_no_merges_overlap():
    bpe = BPE.train(["春", "风", "雨"] * 4, 400)
    text = "春风，雨"
    assert ex10.leftmost(bpe, text) == [bpe.tokens[k] for k in bpe.encode(text)]


def test_the_case_disagrees_and_loses_nothing():
    corpus, text = ex10.my_case()
    bpe = BPE.train(corpus, 400)
    assert b"".join(ex10.leftmost(bpe, text)).decode() == text
    assert ex10.leftmost(bpe, text) != [bpe.tokens[k] for k in bpe.encode(text)]
    assert all(a + b for a, b in pairwise(ex10.leftmost(bpe, text)))
