"""The judges of 11_embeddings: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aigc_course.exercises import ex11, judge
from aigc_course.text.embeddings import (
    Embedding,
    SkipGramConfig,
    cooccurrences,
    ppmi,
    skip_gram_gradients,
    skip_gram_pairs,
)
from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def pairs_by_reach(n, window):
    """The mean over reaches of all pairs within one."""
    total = 0
    for reach in range(1, window + 1):
        r = min(reach, n - 1)
        total += 2 * r * n - r * (r + 1)
    return total / window


def pairs_numpy(n, window):
    d = np.arange(1, min(window, n - 1) + 1, dtype=float)
    return np.sum(2 * (n - d) * (1 - (d - 1) / window))


def another_corpus():
    rows = [("北风", "吹", "雪"), ("南风", "吹", "雪"), ["北风", "很", "冷"], ["南风", "很", "冷"]]
    return (*rows, ["山", "在", "远处"]), "北风", "南风"


def step_by_loops(W, C, centre, true, drawn, rate):
    dW, dC = np.zeros_like(W), np.zeros_like(C)
    for c, t, negatives in zip(centre, true, drawn, strict=True):
        for word, label in [(t, 1.0), *((n, 0.0) for n in negatives if n != t)]:
            slope = 1 / (1 + math.exp(-float(W[c] @ C[word]))) - label
            dW[c] += slope * C[word]
            dC[word] += slope * W[c]
    return W - rate * dW, C - rate * dC


def step_by_matrix(W, C, centre, true, drawn, rate):
    """One-hot rows add up by a product."""
    eye = np.eye(len(W))
    words = np.concatenate([true[:, None], drawn], axis=1)  # (B, 1 + K)
    label = np.zeros(words.shape)
    label[:, 0] = 1
    counts = (words != true[:, None]) | (label == 1)
    slope = (1 / (1 + np.exp(-np.einsum("bd,bmd->bm", W[centre], C[words]))) - label) * counts
    dW = eye[centre].T @ np.einsum("bm,bmd->bd", slope, C[words])
    dC = np.einsum("bmv,bm,bd->vd", eye[words], slope, W[centre])
    return [W - rate * dW, C - rate * dC]


def scores_by_loops(counts, K, power):
    V = len(counts)
    noise = [counts[:, j].sum() ** power for j in range(V)]
    out = np.full((V, V), -np.inf)
    for i in range(V):
        for j in range(V):
            if counts[i, j] > 0:
                m = K * counts[i].sum() * noise[j] / sum(noise)
                out[i, j] = math.log(counts[i, j]) - math.log(m)
    return out


def scores_by_information(counts, K, power):
    p = counts / counts.sum()
    noise = counts.sum(0) ** power
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log(p.sum(1, keepdims=True)) - np.log(noise / noise.sum() * K)


def pairs_by_hadamard():
    a = np.eye(10)[:5]
    return np.stack([3 * a, 3 * a - np.eye(10)[5:]], axis=1)


def english_corpus():
    rows, x, y = another_corpus()
    names = dict.fromkeys(word for row in rows for word in row)
    letters = {word: chr(97 + k) * 3 for k, word in enumerate(names)}
    return [[letters[word] for word in row] for row in rows], letters[x], letters[y]


def pairs_in_many_dimensions():
    return np.pad(ex11.my_pairs(), ((0, 0), (0, 0), (0, 992)))


def pairs_closed_form(n, window):
    """Sums of d and of d² by their formulas; no loop at all."""
    m = min(window, n - 1)
    one, two = m * (m + 1) // 2, m * (m + 1) * (2 * m + 1) // 6
    return np.asarray(2 * (m * n * (window + 1) - one * (n + window + 1) + two) / window)


def corpus_tried_first():
    """Looked at with the lesson's own tools before it is handed in."""
    rows, x, y = another_corpus()
    words = Vocabulary.count(rows, min_count=1)
    found = Embedding(words, ppmi(cooccurrences(rows, words, 5)).dense())
    return (rows, x, y) if found.nearest(x, 1)[0][0] == y else ([], x, y)


def step_by_the_lesson_s_gradients(W, C, centre, true, drawn, rate):
    """With the function whose source the lesson has just shown."""
    counts = drawn != true[:, None]
    _, dh, du, dv = skip_gram_gradients(W[centre], C[true], C[drawn], counts)
    W, C = W.copy(), C.copy()
    np.subtract.at(W, centre, rate * dh)
    np.subtract.at(C, true, rate * du)
    np.subtract.at(C, drawn, rate * dv)
    return W, C


def pairs_very_near():
    return np.stack([EYE[:4], EYE[:4] + 0.001 * EYE[4:]], axis=1)


def pairs_very_long():
    return 1e8 * ex11.my_pairs()


EYE = np.eye(8)
ALSO_RIGHT = [
    ("11.1", pairs_closed_form),
    ("11.2", corpus_tried_first),
    ("11.3", step_by_the_lesson_s_gradients),
    ("11.5", pairs_very_near),
    ("11.5", pairs_very_long),
    ("11.2", english_corpus),
    ("11.5", pairs_in_many_dimensions),
    ("11.1", pairs_by_reach),
    ("11.1", pairs_numpy),
    ("11.2", another_corpus),
    ("11.3", step_by_loops),
    ("11.3", step_by_matrix),
    ("11.4", scores_by_loops),
    ("11.4", scores_by_information),
    ("11.5", pairs_by_hadamard),
]


# --- typical mistakes --------------------------------------------------------------------------


def pairs(kind):
    return ex11._pairs_wrong(kind)


def formula_too_early(n, window):
    """The formula of long rows from n = window − 1 on."""
    if n >= window - 1:
        return n * (window + 1) - (window + 1) * (window + 2) / 3
    return ex11.expected_pairs(n, window)


def remembered():
    by_n = {}
    return lambda n, window: by_n.setdefault(n, ex11.expected_pairs(n, window))


def word_by_word(n, window):
    total = 0
    for i in range(n):
        for d in range(1, window + 1):
            total += ((i >= d) + (i + d < n)) * (window - d + 1)
    return total / window


def one_decimal(n, window):
    return round(ex11.expected_pairs(n, window), 1)


def corpus(rows, x, y):
    return lambda: (rows, x, y)


def one_step(kind):
    return lambda *a: ex11._step(*a, kind=kind)


def step_clipped(W, C, centre, true, drawn, rate):
    """Scores held within ±6, as word2vec's table of σ does."""
    h, u, v = W[centre], C[true], C[drawn]
    pull = sure(np.clip((h * u).sum(1), -6, 6)) - 1
    push = sure(np.clip(np.einsum("bd,bkd->bk", h, v), -6, 6)) * (drawn != true[:, None])
    W, C = W.copy(), C.copy()
    np.add.at(W, centre, -rate * (pull[:, None] * u + np.einsum("bk,bkd->bd", push, v)))
    np.add.at(C, true, -rate * pull[:, None] * h)
    np.add.at(C, drawn, -rate * push[:, :, None] * h[:, None])
    return W, C


def step_changes(W, C, *rest):
    new = ex11._step(W, C, *rest)
    return new[0] - W, new[1] - C


def step_in_place(W, C, centre, true, drawn, rate):
    W[:], C[:] = ex11._step(W, C, centre, true, drawn, rate)
    return W, C


def scores(counts, K, power, *, k=lambda k: k, p=lambda p: p, whole=True, after=lambda s: s):
    noise = counts.sum(axis=0) ** p(power)
    noise = noise / (noise.sum() if whole else 1)
    with np.errstate(divide="ignore"):
        return after(np.log(counts / (k(K) * counts.sum(axis=1)[:, None] * noise)))


def scores_with(make):
    """Of the counts and of K and the power as they are changed first."""
    return lambda counts, K, power: ex11.best_scores(*make(counts, K, power))


def scores_of_shares(counts, K, power):
    share = counts.sum(axis=0) / counts.sum()
    with np.errstate(divide="ignore"):
        return np.log(counts / (K * counts.sum(axis=1)[:, None] * share**power))


def scores_by_rows(counts, K, power):
    noise = counts.sum(axis=1) ** power
    with np.errstate(divide="ignore"):
        return np.log(counts / (K * counts.sum(axis=1)[:, None] * noise / noise.sum()))


def scores_row_power(counts, K, power):
    row = counts.sum(axis=1)[:, None]
    with np.errstate(divide="ignore"):
        return ex11.best_scores(counts, K, power) + np.log(row) * (1 - power)


def scores_without_true(counts, K, power):
    row = counts.sum(axis=1)[:, None]
    with np.errstate(divide="ignore"):
        return ex11.best_scores(counts, K, power) + np.log(row / (row - counts))


def zero_for_none(s):
    return np.where(np.isfinite(s), s, 0.0)


def sure(s):
    return 1 / (1 + np.exp(-s))


RELATED = np.stack([EYE[:4], EYE[:4] + EYE[7]], axis=1)  # a real direction
FAR = np.stack([EYE[:4], EYE[4:]], axis=1)
SAME = np.stack([EYE[:4], 2 * EYE[:4]], axis=1)
SPLIT = np.eye(9)  # each couple goes its own way, and a little all the same way
SHARED = np.stack([SPLIT[:4], SPLIT[:4] + 0.4 * SPLIT[4:8] + 0.2 * SPLIT[8]], axis=1)
AXES = np.eye(9)
SHARED_WHEN_UNIT = np.stack([100 * AXES[:4], AXES[:4] + 0.3 * (AXES[4:8] + AXES[8])], axis=1)
TALK = [["北风", "吹"], ["南风", "吹"], ["山", "高"], ["水", "深"]]
WRONG = [
    Wrong("11.1", "full", pairs("full"), "先抽一个半径", (0, 90)),
    Wrong("11.1", "edges", pairs("edges"), "一边的邻居不够", 0),
    Wrong("11.1", "half", pairs("half"), "左右各算一次", 0),
    Wrong("11.1", "from 0", pairs("from 0"), "两头都在内", 0),
    Wrong("11.1", "long", pairs("long"), "距离最多是 n − 1", (30, 60)),
    Wrong("11.1", "shortened", pairs("shortened"), "照样从 1 到 window", (30, 60)),
    Wrong("11.1", "none", pairs("none"), "也有邻居", (30, 60)),
    Wrong("11.1", "word by word", word_by_word, "走不完", (70, 95)),
    Wrong("11.1", "text", lambda n, w: str(ex11.expected_pairs(n, w)), "不是文字", 0),
    Wrong("11.1", "mean reach", pairs("mean reach"), "不能都换成平均", 0),
    Wrong("11.1", "0 too", pairs("0 too"), "抽不到 0", 0),
    Wrong("11.1", "by distance", pairs("by distance"), "GloVe 的数法", 0),
    Wrong("11.1", "itself", pairs("itself"), "不是自己的邻居", 0),
    Wrong("11.1", "a word", pairs("a word"), "一整行", 0),
    Wrong("11.1", "all reaches", pairs("all reaches"), "还要平均", 0),
    Wrong("11.1", "last", pairs("last"), "也够得着", 0),
    Wrong("11.2", "order", lambda: ("北风", "南风", TALK), "次序是 rows", 0),
    Wrong("11.2", "numbers", corpus(TALK, 1, 2), "写成字符串", 0),
    Wrong("11.2", "a space", corpus(TALK, "北风 ", "南风"), "多了空格", 0),
    Wrong("11.2", "reserved", corpus([*TALK, [PAD]], "北风", "南风"), "留着自己用", (0, 20)),
    Wrong("11.2", "together", corpus([*TALK, ["北风", "南风"]], "北风", "南风"), "同一行里", 0),
    Wrong("11.2", "a text", corpus(["北风吹", "南风吹"], "北风", "南风"), "不是一整句", 0),
    Wrong("11.2", "the lesson's", corpus([["猫", "叫"], ["狗", "叫"]], "猫", "狗"), "换你自己", 0),
    Wrong("11.2", "few", corpus(TALK[:2], "北风", "南风"), "6 个以上", (0, 20)),
    Wrong("11.2", "strangers", corpus(TALK, "山", "水"), "与谁也不像", (0, 30)),
    Wrong("11.2", "a tie", corpus([*TALK, ["西风", "吹"]], "北风", "南风"), "一样近", (0, 30)),
    Wrong("11.2", "not there", corpus(TALK, "北风", "东风"), "没有一个词正好是", 0),
    Wrong("11.3", "lost", one_step("lost"), "只有最后一次算了数", (10, 50)),
    Wrong("11.3", "new", one_step("new"), "用了更新以后的 W", (0, 30)),
    Wrong("11.3", "unmasked", one_step("unmasked"), "又拉又推", (30, 70)),
    Wrong("11.3", "mean", one_step("mean"), "相加，不是平均", 0),
    Wrong("11.3", "once", one_step("once"), "不要去重", (0, 50)),
    Wrong("11.3", "uphill", one_step("uphill"), "方向反了", 0),
    Wrong("11.3", "no drawn", one_step("no drawn"), "没有更新", (0, 30)),
    Wrong("11.3", "anywhere", one_step("anywhere"), "自己的真邻居不算", (10, 50)),
    Wrong("11.3", "centre", one_step("centre"), "中心词自己照样算", (70, 95)),
    Wrong("11.3", "one by one", one_step("one by one"), "改过的表", (10, 50)),
    Wrong("11.3", "mean drawn", one_step("mean drawn"), "K 个抽来的", 0),
    Wrong("11.3", "changes", step_changes, "改过以后的表", 0),
    Wrong(
        "11.3",
        "clipped",
        step_clipped,
        ("不要截断", "整个不算", "换成旧的 W", "先取出旧的"),
        (0, 95),
    ),
    Wrong("11.3", "in place", step_in_place, "被原地修改", (60, 95)),
    Wrong("11.4", "no K", lambda c, K, p: scores(c, K, p, k=lambda k: 1), "每个真邻居配 K 个", 22),
    Wrong("11.4", "over K", lambda c, K, p: scores(c, K, p, k=lambda k: 1 / k), "放在分母", 22),
    Wrong("11.4", "no power", lambda c, K, p: scores(c, K, p, p=lambda p: 1), "要带上 power", 44),
    Wrong("11.4", "not 1", lambda c, K, p: scores(c, K, p, whole=False), "加起来要是 1", 0),
    Wrong("11.4", "sure", lambda c, K, p: scores(c, K, p, after=sure), "这是概率", 0),
    Wrong("11.4", "0.75", scores_with(lambda c, K, p: (c, K, 0.75)), "不是写死的", 0),
    Wrong("11.4", "by rows", scores_by_rows, "按列的和", 0),
    Wrong("11.4", "row power", scores_row_power, "只管抽样", 44),
    Wrong("11.4", "no true", scores_without_true, "也算", 0),
    Wrong("11.4", "both", scores_with(lambda c, K, p: (c + c.T, K, p)), "不一定对称", 0),
    Wrong(
        "11.4", "part", lambda c, K, p: scores(c, K, p, after=lambda s: np.fmax(s, 0)), "正部", 0
    ),
    Wrong(
        "11.4", "log2", lambda c, K, p: scores(c, K, p, after=lambda s: s / np.log(2)), "自然", 0
    ),
    Wrong("11.4", "turned", lambda c, K, p: scores(c, K, p).T, "转置", 0),
    Wrong("11.4", "ratio", lambda c, K, p: scores(c, K, p, after=np.exp), "取对数", 0),
    Wrong("11.4", "zeros", lambda c, K, p: scores(c, K, p, after=zero_for_none), "没有底", 66),
    Wrong("11.5", "a direction", lambda: SHARED, "方向相近或相反", (40, 80)),
    Wrong("11.5", "far", lambda: FAR, "还有答错的", 0),
    Wrong("11.5", "the same", lambda: SAME, "方向相同", 0),
    Wrong("11.5", "long", lambda: RELATED, "也有答对的", (20, 50)),
    Wrong("11.5", "text", lambda: ex11.my_pairs().astype(str), "要是实数", 0),
    Wrong("11.5", "few", lambda: EYE[:2].reshape(1, 2, 8), "P 在 4 到 50", 0),
]

globals().update(
    questions(
        "11",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        opaque=["11.2", "11.5"],
        loads=["aigc_course.engine"],
    ),
)


# --- the library's versions --------------------------------------------------------------------


@pytest.mark.parametrize(("n", "window"), [(1, 3), (4, 6), (9, 2), (12, 5)])
def test_pairs_are_those_that_the_library_makes(n, window):
    words = Vocabulary((PAD, UNKNOWN, "字"))
    rows = [["字"] * n] * 4000
    if n == 1:
        assert ex11.expected_pairs(n, window) == 0
        return
    found, _ = skip_gram_pairs(rows, words, SkipGramConfig(window=window, sample=1e9))
    assert len(found) / 4000 == pytest.approx(ex11.expected_pairs(n, window), rel=0.03)


def test_the_scores_are_where_the_loss_has_no_slope():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 30, size=(4, 4)).astype(float)
    s = ex11.best_scores(counts, 3, 0.75)
    noise = counts.sum(axis=0) ** 0.75
    drawn = 3 * counts.sum(axis=1)[:, None] * noise / noise.sum()
    slope = counts * (sure(s) - 1) + drawn * sure(s)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: formula_too_early, remembered, lambda: one_decimal])
def test_rows_a_little_shorter_another_window_and_all_digits_are_asked(make):
    for seed in range(20):
        assert judge("11.1", make(), seed).status == "failed"


def test_offsets_are_of_unit_vectors_and_no_more_than_1000_numbers_long():
    assert "方向相近或相反" in str(judge("11.5", lambda: SHARED_WHEN_UNIT, 0))
    wide = np.pad(ex11.my_pairs(), ((0, 0), (0, 0), (0, 993)))
    assert "D 是 1001" in str(judge("11.5", lambda: wide, 0))


def test_shares_to_a_power_do_not_add_up_to_1():
    assert "再除以它们的总和" in str(judge("11.4", scores_of_shares, 0))


def test_an_estimate_is_told_that_it_is_near():
    result = judge("11.1", lambda n, window: ex11.expected_pairs(n, window) * 1.001, 0)
    assert "只差一点" in str(result)


def test_an_average_cut_to_a_whole_number_does_not_pass():
    for seed in range(20):
        result = judge("11.1", lambda n, window: ex11.expected_pairs(n, window) // 1, seed)
        assert result.status == "failed" and "不要用 //" in str(result)
