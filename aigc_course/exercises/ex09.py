"""Chapter 09, segmentation and tagging: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    exercise,
    hints,
    parts,
    that,
    value,
)
from aigc_course.metrics.words import spans
from aigc_course.text.segmentation import BMES, Dictionary, Segmenter, bmes

__all__ = ["margin", "marginal", "my_word", "right_words", "ways"]


# --- the library's versions --------------------------------------------------------------------


def ways(lattice: Sequence[Sequence[int]]) -> int:
    """How many paths lead through a lattice, from its first gap to its last.

    Args:
        lattice: T lists; the i-th holds the gaps that a word from gap i leads to.

    Example:
        >>> ways([[1, 2], [2], [3, 4], [4]]), ways([])
        (4, 1)
    """
    count = [0] * len(lattice) + [1]
    for start in range(len(lattice) - 1, -1, -1):
        count[start] = sum(count[end] for end in lattice[start])
    return count[0]


def right_words(truth: Sequence[str], guess: Sequence[str]) -> int:
    """How many words of ``guess`` are words of ``truth`` at the same place.

    Example:
        >>> right_words(["他", "的", "手", "的"], ["他的", "手", "的"])
        2
    """
    return len(set(spans(truth)) & set(spans(guess)))


def margin(scores: Mapping[str, float], unseen: float, sentence: str) -> float:
    """By how much the best way to cut a sentence beats the second, in log-probability.

    Args:
        scores: log-probability by word.
        unseen: that of a character that is not among them.
        sentence: at least one character.

    Returns:
        0 or more; inf if there is one way only.

    Example:
        >>> scores = {"研究": -1.0, "研究生": -3.0, "生": -4.0, "生命": -1.5, "命": -5.0}
        >>> round(margin(scores, -9.0, "研究生命"), 9)
        5.5
    """
    n = len(sentence)
    best: list[list[float]] = [[] for _ in range(n)] + [[0.0]]
    for start in range(n - 1, -1, -1):
        found = []
        for end in range(start + 1, n + 1):
            word = sentence[start:end]
            score = scores.get(word, unseen if end == start + 1 else None)
            if score is not None:
                found += [score + rest for rest in best[end]]
        best[start] = sorted(found, reverse=True)[:2]
    first = best[0]
    return first[0] - first[1] if len(first) > 1 else math.inf


def my_word() -> tuple[str, int, list[str], list[str]]:
    """A word, its frequency, a sentence that it mends, and one that it breaks, as a reader cuts.

    Example:
        >>> word, count, good, bad = my_word()
        >>> before_and_after(word, count, "".join(good), "".join(bad))[1]
        [['写', '提示词'], ['提示词', '句', '通顺']]
    """
    return "提示词", 10_000, ["写", "提示词"], ["提示", "词句", "通顺"]


def marginal(log_sum: Callable[[Array], float], scores: Array, t: int, k: int) -> float:
    """The probability that place ``t`` has tag ``k``, whatever the others have.

    Args:
        log_sum: of (T, K) scores, log Σ exp(score) over all rows of tags.
        scores: (T, K).

    Example:
        >>> free = lambda s: float(np.logaddexp.reduce(s, axis=1).sum())  # tags without steps
        >>> round(marginal(free, np.log([[1.0, 3.0], [1.0, 1.0]]), 0, 1), 9)
        0.75
    """
    only = scores.copy()
    only[t] = -np.inf
    only[t, k] = scores[t, k]
    return math.exp(log_sum(only) - log_sum(scores))


# --- the judges --------------------------------------------------------------------------------


def _lattice(rng: Rng, n: int, words: float) -> list[list[int]]:
    """A lattice with a way on from every gap; single characters need not be words."""
    out = []
    for start in range(n):
        ends = [end for end in range(start + 1, min(n, start + 5) + 1) if rng.random() < words]
        out.append(ends or [int(rng.integers(start + 1, min(n, start + 4) + 1))])
    return out


def _greedy(lattice: Sequence[Sequence[int]]) -> int:
    at, product = 0, 1
    while at < len(lattice):
        product *= len(lattice[at])
        at = max(lattice[at])
    return product


def _fibonacci(n: int) -> int:
    a, b = 1, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def _from_everywhere(lattice: Sequence[Sequence[int]]) -> int:
    count = [0] * len(lattice) + [1]
    for start in range(len(lattice) - 1, -1, -1):
        count[start] = sum(count[end] for end in lattice[start])
    return sum(count)


def _by_length(lattice: Sequence[Sequence[int]]) -> int:
    n = len(lattice)
    count = [0] * n + [1]
    for start in range(n - 1, -1, -1):
        count[start] = sum(count[start + k] for k in lattice[start] if start + k <= n)
    return count[0]


_ONLY_THE_LENGTH = "只用了字数，没有看 lattice：哪里有词、哪里没有，每张图不同"
_WAYS_TRAPS: dict[str, Callable[[Any], int]] = {
    "各处的岔路数乘起来会多算：走了长的词，中间那些岔路口就不经过了": lambda rows: math.prod(
        map(len, rows)
    ),
    "这是图里有几条边，不是有几条路": lambda rows: sum(map(len, rows)),
    "沿着最长的词走下去，只数了一条路上的岔口": _greedy,
    "每个空隙只看了最近的一个词尾": lambda rows: 1,
    "少了 1 或多了 1：最后一个空隙到自己，算 1 种（什么也不用切）": lambda rows: ways(rows) - 1,
    "各个空隙出发的路都加了进来：只数从 0 出发的": _from_everywhere,
    "lattice[i] 里是走得到的空隙的编号，不是词的长度": _by_length,
    _ONLY_THE_LENGTH: lambda rows: _fibonacci(len(rows)),
    _ONLY_THE_LENGTH + "；不是每一处都切得开": lambda rows: 2 ** max(len(rows) - 1, 0),
}


@exercise("09.1", "先猜再跑：有几种切法", points=2, asks="ways(lattice) -> 整数")
@hints(
    "在纸上做四个字的那张图：从最后一个空隙往回，每个空隙写上“从这里到终点有几条路”。",
    "从空隙 i 出发，第一个词走到 j，后面就有“从 j 到终点”那么多条路；各个 j 加起来。",
    "count 有 T + 1 个数，最后一个是 1；从后往前，count[i] 是 lattice[i] 里各处的 count 之和。",
)
def judge_ways(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, ways)
    small = [[[1, 2], [2], [3, 4], [4]]]
    small += [_lattice(rng, int(n), 0.5) for n in rng.integers(3, 9, size=7)]
    large = [_lattice(rng, int(n), 0.6) for n in rng.integers(150, 400, size=3)]
    for label, cases, weight in (
        ("短句子", small, 2.0),
        ("几百个字的句子", large, 1.0),
        ("一个字，一个字也没有", [[[1]], []], 0.5),
    ):
        got = [call(rows)[0] for rows in cases]
        whole = [isinstance(g, int | np.integer) and not isinstance(g, bool) for g in got]
        first = whole.index(False) if not all(whole) else 0
        hint = "要一个整数：路的条数，用 Python 的整数加，多大都准"
        yield that(all(whole), f"{label}：整数", hint, given=got[first])
        want = [ways(rows) for rows in cases]
        wrong = [k for k in range(len(cases)) if int(got[k]) != want[k]]
        hint = next(
            (
                said
                for said, trap in _WAYS_TRAPS.items()
                if wrong and [int(g) for g in got] == [trap(rows) for rows in cases]
            ),
            "从后往前，给每个空隙记下到终点有几条路",
        )
        if wrong and label.startswith("一个字"):
            hint = "没有字的句子也有一种切法：什么也不切"
        at = wrong[0] if wrong else 0
        if wrong and label.startswith("几百"):
            near = abs(int(got[at]) - want[at]) < 1e-9 * want[at]
            around = (int(got[at]) - want[at]) % 2**64 == 0
            hint = "短的对，长的不对：看看有没有写死的长度或个数"
            if near or around:
                hint = "短的对，长的不对：浮点数装不下这么大的整数，或者 64 位的整数绕回去了"
        if wrong:
            call(cases[at])  # so that the card shows the lattice that failed
        detail = f"{len(cases[at])} 个字的图，给了 {got[at]}" if wrong else ""
        yield that(not wrong, label, hint, detail, weight=weight, given=got[at])
    yield call.untouched(weight=0.25)


def _cut(rng: Rng, text: str, share: float) -> list[str]:
    words = [text[0]]
    for character in text[1:]:
        if rng.random() < share:
            words.append(character)
        else:
            words[-1] += character
    return words


_RIGHT_TRAPS: dict[str, Callable[[Any, Any], int]] = {
    "还在数两边共有的词：词相同、位置不同的也被算对了": lambda a, b: (
        Counter(a) & Counter(b)
    ).total(),
    "同一个词在集合里只算一次，位置也丢了；用 find 找位置也一样，两次都找到头一处": lambda a, b: (
        len(set(a) & set(b))
    ),
    "比的是“第几个词”：前面多切一刀，后面就全错位了；要比在第几个字": lambda a, b: sum(
        x == y for x, y in zip(a, b, strict=False)
    ),
    "只比了词的一头（从哪里开始，或到哪里结束）：两头都要对": lambda a, b: len(
        {s for s, _ in spans(a)} & {s for s, _ in spans(b)}
    ),
    "只比了词有多长，没有比在哪里": lambda a, b: (
        Counter(map(len, a)) & Counter(map(len, b))
    ).total(),
    "数的是标记相同的字，不是切对的词": lambda a, b: sum(
        x == y for x, y in zip(bmes(a), bmes(b), strict=True)
    ),
}


@exercise("09.2", "找错：换了次序还是满分", points=2, asks="right_words(truth, guess) -> 整数")
@hints(
    "truth 里第二个“的”与 guess 里第一个“的”不是同一个词。一个词除了写法，还有什么？",
    "给每个词记下它占第几个字到第几个字；两边都从头数。",
    "truth、guess 各做成 (起点, 终点) 的集合，求交集，数有几个。",
)
def judge_right_words(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, right_words)
    cases = [
        (["他", "的", "手", "的", "好"], ["他的", "手", "的", "好"]),
        (["不", "大人"], ["不大", "人"]),
        (["不", "大人"], ["不", "大人"]),
    ]
    for n in rng.integers(6, 30, size=9):
        text = "".join(rng.choice(list("的一了不人大"), size=int(n)).tolist())
        cases.append((_cut(rng, text, 0.6), _cut(rng, text, float(rng.uniform(0.4, 0.9)))))
    single = [(["好"], ["好"]), (["不", "好"], ["不好"]), ([], [])]
    for label, some, weight in (("几句话", cases, 2.0), ("很短的", single, 0.5)):
        got = [call(a, b)[0] for a, b in some]
        whole = [isinstance(g, int | np.integer) and not isinstance(g, bool) for g in got]
        first = whole.index(False) if not all(whole) else 0
        hint = "要一个整数：切对了几个词，不是比例，也不是列表"
        yield that(all(whole), f"{label}：整数", hint, given=got[first])
        want = [right_words(a, b) for a, b in some]
        wrong = [k for k in range(len(some)) if int(got[k]) != want[k]]
        hint = next(
            (
                said
                for said, trap in _RIGHT_TRAPS.items()
                if wrong and [int(g) for g in got] == [trap(a, b) for a, b in some]
            ),
            "一个词算对：它的起点和终点在另一边也是同一个词的起点和终点",
        )
        at = wrong[0] if wrong else 0
        detail = f"{'/'.join(some[at][0])} 对 {'/'.join(some[at][1])}" if wrong else ""
        if wrong:
            call(*some[at])  # so that the card shows the words that failed
        yield that(not wrong, label, hint, detail, weight=weight, given=got[at])
    yield call.untouched(weight=0.25)


def _first_step(scores: Mapping[str, float], unseen: float, sentence: str) -> float:
    """The near miss: the second best first word, each followed by its own best."""
    n = len(sentence)
    best = [-math.inf] * n + [0.0]
    options: list[float] = []
    for start in range(n - 1, -1, -1):
        options = sorted(
            score + best[end]
            for end in range(start + 1, n + 1)
            if (score := scores.get(sentence[start:end], unseen if end == start + 1 else None))
            is not None
        )
        best[start] = options[-1]
    return options[-1] - options[-2] if len(options) > 1 else math.inf


def _worst(scores: Mapping[str, float], unseen: float, sentence: str) -> float:
    """The near miss: the best way less the worst."""
    n = len(sentence)
    ends = [(0.0, 0.0)] * (n + 1)
    for start in range(n - 1, -1, -1):
        found = []
        for end in range(start + 1, n + 1):
            score = scores.get(sentence[start:end], unseen if end == start + 1 else None)
            if score is not None:
                found.append((score + ends[end][0], score + ends[end][1]))
        ends[start] = max(a for a, _ in found), min(b for _, b in found)
    return ends[0][0] - ends[0][1]


def _margin_traps(
    scores: Mapping[str, float], unseen: float, sentence: str, want: float
) -> dict[str, float]:
    n = len(sentence)
    longer = {w: s for w, s in scores.items() if len(w) > 1}
    every = {sentence[i:j]: unseen for j in range(n + 1) for i in range(j)} | dict(scores)
    traps = {
        "第二好的切法可以前面相同、后面才分开：只在第一个词上换，漏掉了它们": _first_step(
            scores, unseen, sentence
        ),
        "要的是对数概率之差，不是概率之比": math.exp(min(want, 700)),
        "还除了字数：不用除": want / n,
        "在 scores 里的单字用它自己的分，unseen 只给不在里面的": margin(longer, unseen, sentence),
        "多个字的、不在 scores 里的，不是词，不能走": margin(every, unseen, sentence),
        "不在 scores 里的单个字也能走，分是 unseen": margin(scores, -math.inf, sentence),
        "减的是最差的切法，要减第二好的": _worst(scores, unseen, sentence),
    }
    # an infinite one says no more than that ways were lost: see the judge's own hint for that
    first = next(iter(traps))
    return {said: trap for said, trap in traps.items() if said == first or math.isfinite(trap)}


@exercise("09.3", "它有多犹豫", points=3, asks="margin(scores, unseen, sentence) -> 一个数")
@hints(
    "第二好的切法不一定在第一个词上就分开：前面相同、后面不同，也是另一种切法。",
    "每个空隙只记一个最好的分不够用。记两个呢？",
    "从后往前，每个空隙留下最好的两个分：把各个词的分加上它后面那个空隙的两个分，排序，取前两个。"
    "最后在开头相减；只有一个就是无穷大。",
)
def judge_margin(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, margin)

    def words(text: str, share: float, least: float) -> dict[str, float]:
        n = len(text)
        pieces = {text[i:j] for i in range(n) for j in range(i + 1, min(n, i + 4) + 1)}
        chosen = sorted(piece for piece in pieces if rng.random() < share)
        return {w: -float(rng.uniform(least, least + 8)) for w in chosen}

    def case(
        n: int, share: float, least: float = 1.0, same: str = ""
    ) -> tuple[dict[str, float], float, str]:
        while True:  # 南/南南 and 南南/南 draw level: ties have a case of their own
            text = same or "".join(rng.choice(list("南京市长江大桥人民"), size=n).tolist())
            scores = words(text, share, least)
            unseen = -float(rng.uniform(least + 8, least + 11))
            if margin(scores, unseen, text) > 1e-6:
                return scores, unseen, text

    again = case(5, 0.7)
    cases = [(f"短句子，{n} 个字", case(n, 0.6), 1.0) for n in (4, 5, 6, 7)]
    cases += [(f"几十个字的句子，{n} 个字", case(n, 0.4), 0.5) for n in (40, 60)]
    cases += [
        ("很长的词", ({"春夏秋冬日月星辰": -3.0, "春夏": -4.0}, -6.0, "春夏秋冬日月星辰"), 0.25),
        ("分恰好是 0 的词", ({"天地": 0.0, "天": -2.0, "地": -3.0}, -9.0, "天地"), 0.25),
        ("几百个字的句子", case(300, 0.4, 20.0), 0.25),
        ("同一句，前一本词典", again, 0.0),
        ("同一句，换一本词典", case(5, 0.7, same=again[2]), 0.25),
    ]
    special = {
        "很长的词": "词可以很长：有没有给词长设了上限？",
        "分恰好是 0 的词": "分数 0 不是“没有”：用 in 或 is None 判断，别看真假",
        "几百个字的句子": "短的对，长的不对：别换回概率相乘，对数只相加",
        "同一句，换一本词典": "换了词典，同一句的结果也要换：上一次记下的分不能留到这一次",
    }
    for label, (scores, unseen, text), weight in cases:
        got, want = call(scores, unseen, text)
        traps = _margin_traps(scores, unseen, text, want) if len(text) < 100 else {}
        hint = special.get(label, "最好的一条路与第二好的一条路，对数概率之差")
        if label in special:
            traps = {}
        elif isinstance(got, float) and math.isnan(got):
            hint = "是 nan：无穷大减无穷大"
        elif isinstance(got, float | np.floating) and got == math.inf:
            hint = "这一句不止一种切法：每个空隙要留下两个最好的分，不在 scores 里的单个字也能走"
        yield value(got, want, label, hint, traps, weight=weight, form="要一个数")
    one = call({"不知道": -3.0}, -9.0, "天")[0]
    hint = "只有一种切法时没有第二好，差是无穷大：math.inf"
    alone = isinstance(one, float | np.floating) and one == math.inf
    yield that(alone, "只有一种切法", hint, given=one, weight=0.5)
    tie = call({"甲乙": -4.0, "甲": -2.0, "乙": -2.0}, -9.0, "甲乙")
    hint = "两条路打平，差是 0：相等的也是两条路，别用 set 去掉"
    yield value(*tie, "打平", hint, form="要一个数", weight=0.5)
    yield call.untouched(weight=0.25)


def before_and_after(
    word: str, count: int | None, *texts: str
) -> tuple[list[list[str]], list[list[str]]]:
    """How texts are cut by jieba's dictionary and model, and how with ``word`` added.

    Example:
        >>> before_and_after("云计算", None, "做云计算的人")
        ([['做云', '计算', '的', '人']], [['做', '云计算', '的', '人']])
    """
    whole = _jieba()
    pairs = ((t, i, j) for t in (*texts, word) for j in range(len(t) + 1) for i in range(j))
    seen = {t[i:j] for t, i, j in pairs}
    part = Dictionary({w: whole.frequency[w] for w in seen & whole.frequency.keys()})
    part.total = whole.total  # only the words that occur, with the probabilities they have
    segmenter = Segmenter(part, BMES.jieba())
    before = [segmenter.cut(text) for text in texts]
    segmenter.add(word, count)
    return before, [segmenter.cut(text) for text in texts]


@lru_cache(maxsize=1)
def _jieba() -> Dictionary:
    return Dictionary.jieba()


_LONGEST = 30
_SHOWN = ("大学城", "师生")  # by the lesson


@exercise(
    "09.4", "自己的词典：治好一句，弄坏一句", points=3, asks="my_word() -> word, count, good, bad"
)
@hints(
    "你的专业、家乡、游戏里有哪些词，jieba 切错？用 ex09.before_and_after 看加词前后怎样切。",
    "要弄坏一句：找两个相邻的词，前一个的尾加后一个的头，恰好拼出你的词。",
    "word 短一点（两个字）更容易在别的词之间拼出来：比如人名、品名里的两个字。"
    "每句都照你自己的读法写成词的列表。",
)
def judge_my_word(answer: Answer, rng: Rng) -> Steps:
    form = "return word, count, good, bad"
    got = yield from parts(answer(), 4, "word, count, good, bad", "返回四样", form)
    word, count, good, bad = got
    hint = "word 是一个词，至少两个汉字的字符串"
    fine = isinstance(word, str) and 2 <= len(word) <= 10
    fine = fine and all("\u4e00" <= c <= "\u9fff" for c in word)
    yield that(fine, "word 是一个词", hint, given=word)
    fine = count is None or bool(
        isinstance(count, int | np.integer) and not isinstance(count, bool) and 1 <= count <= 10**7
    )
    hint = "count 是次数：1 到 1000 万的整数，或者 None（照 add 的默认）"
    yield that(fine, "count 是次数", hint, given=count)
    for name, words in (("good", good), ("bad", bad)):
        listed = isinstance(words, list | tuple) and len(words) > 1
        listed = listed and all(isinstance(w, str) and w for w in words)
        hint = f"{name} 要是词的列表，照你的读法切好，至少两个词"
        yield that(listed, f"{name} 是切好的一句", hint, given=words)
        yield that(len("".join(words)) <= _LONGEST, f"{name} 不太长", f"一句至多 {_LONGEST} 个字")
    hint = "good 照你的读法切，word 应当是其中一个词"
    if word not in good and word in "".join(good):
        hint += "；它的几个字在 good 里，却没有切成一个词：good 与 bad 是不是写反了？"
    yield that(word in good, "good 里有 word", hint, given=good)
    hint = "bad 里也有 word 这个词：要的是 word 的几个字连着、却不该是一个词的句子"
    yield that(word not in bad, "bad 里没有 word", hint, given=bad)
    hint = "bad 里没有连着出现 word 的几个字，加了词也碰不到它"
    yield that(word in "".join(bad), "bad 里有这几个字", hint, given=bad)
    before, after = before_and_after(word, count, "".join(good), "".join(bad))
    detail = f"没加词时切成 {'/'.join(before[0])}"
    hint = "没加词时 good 就切对了，没有什么可治"
    yield that(before[0] != list(good), "加词以前 good 切错", hint, detail, weight=1.0)
    detail = f"加词以后切成 {'/'.join(after[0])}"
    hint = "加了词 good 还是没切对：看看是不是别的词也切得与你不同，换短一点的句子"
    yield that(after[0] == list(good), "加词以后 good 切对", hint, detail, weight=1.0)
    detail = f"没加词时切成 {'/'.join(before[1])}"
    hint = "没加词时 bad 就与你的读法不同，不能怪这个词"
    yield that(before[1] == list(bad), "加词以前 bad 切对", hint, detail, weight=1.0)
    detail = f"加词以后切成 {'/'.join(after[1])}"
    hint = "加了词 bad 仍旧切对，没有弄坏：count 再大一些，或者换两个少见些的词"
    yield that(after[1] != list(bad), "加词以后 bad 切错", hint, detail, weight=1.0)
    hint = "“大学城”“师生”正文已经试过，换一个你自己的词"
    yield that(word not in _SHOWN, "word 是自己找的", hint, given=word, weight=0.5)


def _log_sum(start: Array, step: Array, end: Array) -> Callable[[Array], float]:
    """log Σ exp(score) of a field with these scores."""

    def log_sum(scores: Array) -> float:
        alpha = start + scores[0]
        with np.errstate(invalid="ignore"):
            for row in scores[1:]:
                alpha = np.logaddexp.reduce(alpha[:, None] + step, axis=0) + row
            return float(np.logaddexp.reduce(alpha + end))

    return log_sum


def _marginal_traps(
    log_sum: Callable[[Array], float], scores: Array, t: int, k: int, want: float
) -> dict[str, float]:
    whole = log_sum(scores)

    def share(changed: Array) -> float:
        return math.exp(log_sum(changed) - whole)

    row = np.arange(scores.shape[1]) == k
    alone = np.exp(scores[t] - scores[t].max())
    zero, nought, column, nudged = scores.copy(), scores.copy(), scores.copy(), scores.copy()
    zero[t] = np.where(row, scores[t], 0.0)
    nought[t] = np.where(row, 0.0, -np.inf)
    column[:, k] = -np.inf
    column[t, k] = scores[t, k]
    nudged[t, k] += 1.0
    only = scores.copy()
    only[t] = np.where(row, scores[t], -np.inf)
    path = scores.argmax(axis=1)
    path[t] = k
    one = np.where(np.arange(scores.shape[1]) == path[:, None], scores, -np.inf)
    traps = {
        "这是第 t 行自己的 softmax，前后的字都没有管": float(alone[k] / alone.sum()),
        "别的标签写成 0 分不是禁止：0 分的路还在里面，要 −inf": share(zero),
        "还没有取 exp：这是概率的对数": math.log(want),
        "反了：这是第 t 个字不是 k 的概率": 1 - want,
        "分子分母反了": 1 / want,
        "只有分子：还要除以全部的路": math.exp(whole) * want,
        "第 t 个字是 k 的分也改成了 0：它要留着": share(nought),
        "禁止的是第 k 列：要禁止的是第 t 行里别的标签": share(column),
        "只算了一行标签：第 t 个字是 k 的每一行都要算": share(one),
        "加 1 再相减不是导数：这样得不到概率": log_sum(nudged) - whole,
    }
    if t + 1 < len(scores):
        cut = math.exp(log_sum(only[: t + 1]) - log_sum(scores[: t + 1]))
        traps["后面的字也要算：第 t 个字的标签要与它们接得上"] = cut
    if want < 0.999:
        traps["分母也是改过以后的：scores 与副本是同一个数组，先 copy"] = 1.0
    return traps


@exercise(
    "09.5",
    "这个字有几分把握",
    points=3,
    asks="marginal(log_sum, scores, t, k) -> 概率",
)
@hints(
    "概率 = 第 t 个字是 k 的那些路的 exp(分) 之和 ÷ 全部路的 exp(分) 之和。分母已经有了。",
    "分子也能用同一个 log_sum：怎样改 scores，让第 t 个字不是 k 的路都不算数？",
    "复制一份 scores，第 t 行除了第 k 个都写成 −np.inf，再 log_sum；两个对数相减，取 exp。",
)
def judge_marginal(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, marginal)
    for _ in range(5):
        T, K = int(rng.integers(2, 6)), int(rng.integers(2, 5))
        scores = rng.normal(size=(T, K)) * 2
        start, end = rng.normal(size=(2, K))
        log_sum = _log_sum(start, rng.normal(size=(K, K)) * 2, end)
        t, k = int(rng.integers(T)), int(rng.integers(K))
        got, want = call(log_sum, scores, t, k)
        traps = _marginal_traps(log_sum, scores, t, k, want)
        hint = "只留下第 t 个字是 k 的路，与全部的路比"
        yield value(got, want, f"T = {T}，K = {K}", hint, traps, form="要一个数", weight=0.5)
    big = rng.normal(size=(4, 3)) + 800.0
    log_sum = _log_sum(np.zeros(3), rng.normal(size=(3, 3)), np.zeros(3))
    got, want = call(log_sum, big, 1, 2)
    hint = "分数很大时上溢了：先把两个对数相减，再取 exp"
    yield value(got, want, "分数很大", hint, form="要一个数", weight=0.5)
    got, want = call(log_sum, big - 1600.0, 1, 2)
    hint = "禁止要用 −inf：别的分都是负几百时，写死的 −100 一类的数反而最大"
    yield value(got, want, "分数很负", hint, form="要一个数", weight=0.25)
    yield call.untouched("scores", weight=0.5)
