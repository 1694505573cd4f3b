"""The judges of 09_segmentation_tagging: right answers pass, typical mistakes get their hints."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from itertools import pairwise, product

import numpy as np
import pytest

from aigc_course.exercises import ex09
from aigc_course.models.crf import CRF, CRFConfig
from aigc_course.text.segmentation import Segmenter
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def ways_forwards(lattice):
    reach = [1] + [0] * len(lattice)
    for start, ends in enumerate(lattice):
        for end in ends:
            reach[end] += reach[start]
    return reach[-1]


def ways_memo(lattice):
    @lru_cache(None)
    def go(start):
        return 1 if start == len(lattice) else sum(go(end) for end in lattice[start])

    return [go(start) for start in range(len(lattice), -1, -1)][-1]


def right_by_walk(truth, guess):
    i = j = a = b = right = 0
    while i < len(truth) and j < len(guess):
        if a == b and len(truth[i]) == len(guess[j]):
            right += 1
        end_a, end_b = a + len(truth[i]), b + len(guess[j])
        if end_a <= end_b:
            a, i = end_a, i + 1
        if end_b <= end_a:
            b, j = end_b, j + 1
    return right


def right_by_cumsum(truth, guess):
    def places(words):
        ends = np.cumsum([len(w) for w in words], dtype=int)
        return {(int(e) - len(w), int(e)) for e, w in zip(ends, words, strict=True)}

    return np.int64(len(places(truth) & places(guess)))


def margin_forwards(scores, unseen, sentence):
    best = [[0.0]]
    for end in range(1, len(sentence) + 1):
        found = []
        for start in range(end):
            word = sentence[start:end]
            if word in scores or end - start == 1:
                score = scores.get(word, unseen)
                found.extend(score + before for before in best[start])
        found.sort()
        best.append(found[-2:])
    last = best[-1]
    return np.float64(last[-1] - last[-2]) if len(last) == 2 else float("inf")


def another_word():
    return ["提示词", np.int64(5_000), ("好", "提示词"), ["提示", "词句", "通顺"]]


def marginal_by_rest(log_sum, scores, t, k):
    total = log_sum(scores)
    out = []
    for other in range(scores.shape[1]):
        one = np.array(scores)
        one[t, np.arange(scores.shape[1]) != other] = -np.inf
        out.append(np.exp(log_sum(one) - total))
    return out[k]


ALSO_RIGHT = [
    ("09.1", ways_forwards),
    ("09.1", ways_memo),
    ("09.2", right_by_walk),
    ("09.2", right_by_cumsum),
    ("09.3", margin_forwards),
    ("09.4", another_word),
    ("09.5", marginal_by_rest),
]

# --- typical mistakes --------------------------------------------------------------------------


def ways_in_floats(lattice):
    count = np.zeros(len(lattice) + 1)
    count[-1] = 1
    for start in range(len(lattice) - 1, -1, -1):
        count[start] = sum(count[end] for end in lattice[start])
    return int(count[0]) if len(lattice) else 1


def ways_of_something(lattice):
    return ex09.ways(lattice) if lattice else 0


def right_common(truth, guess):
    return (Counter(truth) & Counter(guess)).total()


def share(truth, guess):
    return ex09.right_words(truth, guess) / max(1, len(guess))


def popped(truth, guess):
    out = ex09.right_words(truth, guess)
    while guess:
        guess.pop()
    return out


def one_best(scores, unseen, sentence):
    return ex09._first_step(scores, unseen, sentence)


def finite(scores, unseen, sentence):
    out = ex09.margin(scores, unseen, sentence)
    return 0.0 if out == math.inf else out


def distinct(scores, unseen, sentence):
    out = ex09.margin(scores, unseen, sentence)
    return out if out else math.inf


def mine(
    word="大学城", count=1000, good=("上海", "大学城", "书店"), bad=("这所", "大学", "城建", "专业")
):
    return lambda: (word, count, list(good), list(bad))


def zeros(log_sum, scores, t, k):
    one = np.zeros_like(scores)
    one[:] = scores
    one[t] = 0
    one[t, k] = scores[t, k]
    return math.exp(log_sum(one) - log_sum(scores))


def softmax(log_sum, scores, t, k):
    e = np.exp(scores[t] - scores[t].max())
    return e[k] / e.sum()


def in_logs(log_sum, scores, t, k):
    return math.log(ex09.marginal(log_sum, scores, t, k))


def turned(log_sum, scores, t, k):
    return 1 - ex09.marginal(log_sum, scores, t, k)


def overflowing(log_sum, scores, t, k):
    one = scores.copy()
    one[t] = -np.inf
    one[t, k] = scores[t, k]
    with np.errstate(all="ignore"):
        return float(np.exp(log_sum(one)) / np.exp(log_sum(scores)))


def in_place(log_sum, scores, t, k):
    whole, kept = log_sum(scores), scores[t, k]
    scores[t] = -np.inf
    scores[t, k] = kept
    return math.exp(log_sum(scores) - whole)


def no_long_words(scores, unseen, sentence):
    return ex09.margin({w: s for w, s in scores.items() if len(w) < 5}, unseen, sentence)


def nought_is_missing(scores, unseen, sentence):
    return ex09.margin({w: s for w, s in scores.items() if s}, unseen, sentence)


def in_probabilities(scores, unseen, sentence):
    n = len(sentence)
    best = [[] for _ in range(n)] + [[1.0]]
    for i in range(n - 1, -1, -1):
        found = []
        for j in range(i + 1, n + 1):
            if sentence[i:j] in scores or j == i + 1:
                p = math.exp(scores.get(sentence[i:j], unseen))
                found += [p * rest for rest in best[j]]
        best[i] = sorted(found)[::-1][:2]
    first = best[0]
    if len(first) < 2:
        return math.inf
    return math.log(first[0] / first[1]) if first[1] else math.nan


KEPT = {}


def kept_by_sentence(scores, unseen, sentence):
    if sentence not in KEPT:
        KEPT[sentence] = ex09.margin(scores, unseen, sentence)
    return KEPT[sentence]


def every_piece(scores, unseen, sentence):
    n = len(sentence)
    pieces = {sentence[i:j]: unseen for j in range(n + 1) for i in range(j)}
    return ex09.margin(pieces | scores, unseen, sentence)


def small_mask(log_sum, scores, t, k):
    one = scores.copy()
    one[t] = -100.0
    one[t, k] = scores[t, k]
    return math.exp(log_sum(one) - log_sum(scores))


def without_the_rest(log_sum, scores, t, k):
    return math.exp(log_sum(scores)) * ex09.marginal(log_sum, scores, t, k)


def by_find(truth, guess):
    text = "".join(truth)
    return len({(text.find(w), w) for w in truth} & {(text.find(w), w) for w in guess})


WRONG = [
    Wrong("09.1", "lengths", ex09._by_length, "不是词的长度", 0),
    Wrong("09.1", "from everywhere", ex09._from_everywhere, "只数从 0 出发", 0),
    Wrong("09.1", "two to the", lambda rows: 2 ** max(len(rows) - 1, 0), "只用了字数", 0),
    Wrong("09.3", "no long words", no_long_words, "设了上限", (65, 75)),
    Wrong("09.3", "nought", nought_is_missing, "不是“没有”", (70, 90)),
    Wrong("09.3", "probabilities", in_probabilities, "别换回概率", (70, 95)),
    Wrong("09.3", "kept", kept_by_sentence, "上一次", (70, 95)),
    Wrong("09.3", "every piece", every_piece, "不是词，不能走", (0, 40)),
    Wrong("09.4", "from the lesson", mine(), "换一个你自己的词", 89),
    Wrong("09.5", "small mask", small_mask, "反而最大", (60, 90)),
    Wrong("09.5", "numerator", without_the_rest, "只有分子", 0),
    Wrong("09.1", "product", lambda rows: math.prod(map(len, rows)), "会多算", 0),
    Wrong("09.1", "edges", lambda rows: sum(map(len, rows)), "几条边", 0),
    Wrong("09.1", "greedy", ex09._greedy, "沿着最长的词", 0),
    Wrong("09.1", "less one", lambda rows: ex09.ways(rows) - 1, "少了 1", 0),
    Wrong("09.1", "floats", ways_in_floats, "装不下", 53),
    Wrong("09.1", "nothing", ways_of_something, "什么也不切", 80),
    Wrong("09.2", "common", right_common, "位置不同的也被算对", 0),
    Wrong("09.2", "sets", lambda a, b: len(set(a) & set(b)), "只算一次", 0),
    Wrong("09.2", "by number", lambda a, b: sum(x == y for x, y in zip(a, b)), "第几个词", 0),  # noqa: B905
    Wrong(
        "09.2",
        "starts",
        lambda a, b: len({s for s, _ in ex09.spans(a)} & {s for s, _ in ex09.spans(b)}),
        "只比了词的一头",
        0,
    ),
    Wrong("09.2", "a share", share, "不是比例", 0),
    Wrong("09.2", "popped", popped, "被原地修改", 91),
    Wrong("09.3", "first step", one_best, "前面相同", (0, 75)),
    Wrong("09.3", "ratio", lambda *a: math.exp(ex09.margin(*a)), "不是概率之比", (0, 40)),
    Wrong("09.3", "mean", lambda s, u, x: ex09.margin(s, u, x) / len(x), "除了字数", 0),
    Wrong("09.3", "finite", finite, "没有第二好", (70, 85)),
    Wrong("09.3", "distinct", distinct, "打平", (80, 95)),
    Wrong("09.4", "nothing to mend", mine(good=("大学城", "书店")), "没有什么可治", 0),
    Wrong("09.4", "not in good", mine(good=("上海", "大学", "城")), "应当是其中一个词", 0),
    Wrong("09.4", "in bad", mine(bad=("这所", "大学城")), "不该是一个词", 0),
    Wrong("09.4", "elsewhere", mine(bad=("今天", "天气")), "碰不到它", 0),
    Wrong("09.4", "too rare", mine(count=1), "还是没切对", 22),
    Wrong(
        "09.4", "other reading", mine(bad=("这", "所", "大学", "城建", "专业")), "不能怪这个词", 44
    ),
    Wrong("09.5", "softmax", softmax, "自己的 softmax", 0),
    Wrong("09.5", "zeros", zeros, "不是禁止", 0),
    Wrong("09.5", "logs", in_logs, "还没有取 exp", 0),
    Wrong("09.5", "turned", turned, "反了", 0),
    Wrong("09.5", "overflow", overflowing, "上溢", 67),
    Wrong("09.5", "in place", in_place, "被原地修改", 87),
]

SAME_HINT = [
    Wrong("09.2", "find", by_find, "find", 0),
    Wrong("09.4", "strings", mine(good="上海大学城书店"), "应当是其中一个词", 0),
]

globals().update(
    questions("09", also_right=ALSO_RIGHT, wrong=WRONG, same_hint=SAME_HINT, opaque=["09.4"])
)


# --- the library's versions --------------------------------------------------------------------


def paths(lattice, start=0):
    if start == len(lattice):
        return [[]]
    return [[end, *rest] for end in lattice[start] for rest in paths(lattice, end)]


@pytest.mark.parametrize("seed", range(5))
def test_ways_and_margin_are_those_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    rows = ex09._lattice(rng, 7, 0.5)
    assert ex09.ways(rows) == len(paths(rows))
    text = "".join(rng.choice(list("南京市长"), size=6).tolist())
    scores = {
        text[i : i + 2]: -float(rng.uniform(1, 5)) for i in range(0, 5, int(rng.integers(1, 3)))
    }
    rows = [[e for e in range(i + 1, 7) if e == i + 1 or text[i:e] in scores] for i in range(6)]
    totals = []
    for path in paths(rows):
        marks = [0, *path]
        words = [text[a:b] for a, b in pairwise(marks)]
        totals.append(sum(scores.get(w, -9.0) for w in words))
    first, second = sorted(totals)[::-1][:2]
    assert ex09.margin(scores, -9.0, text) == pytest.approx(first - second, abs=1e-9)


def test_the_marginal_is_that_of_all_rows():
    import torch

    crf = CRF(CRFConfig(3)).double()
    torch.nn.init.normal_(crf.step)
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 3))
    step = crf.step.detach().numpy()
    total = {}
    for row in product(range(3), repeat=4):
        score = sum(scores[t, k] for t, k in enumerate(row)) + sum(
            step[a, b] for a, b in pairwise(row)
        )
        total[row] = math.exp(score)
    want = sum(p for row, p in total.items() if row[2] == 1) / sum(total.values())

    def log_sum(s):
        least = torch.from_numpy(np.where(np.isinf(s), -1e300, s))[None]
        return crf.log_sum(least).item()

    assert ex09.marginal(log_sum, scores, 2, 1) == pytest.approx(want, rel=1e-9)


def test_words_are_cut_as_with_the_whole_dictionary():
    segmenter = Segmenter.jieba()
    texts = ("上海大学城书店", "这所大学城建专业")
    before, after = ex09.before_and_after("大学城", 1000, *texts)
    assert before == [segmenter.cut(text) for text in texts]
    segmenter.add("大学城", 1000)
    assert after == [segmenter.cut(text) for text in texts]
