"""The judges of 15_sentiment_lstm: right answers pass, each typical mistake gets its own hint."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from aigc_course.exercises import ex15, judge
from aigc_course.models.sentiment import Sentiment, SentimentConfig
from aigc_course.text.vocabulary import padded
from tests.support.common_questions import questions
from tests.support.harness import Wrong

# --- other right answers -----------------------------------------------------------------------


def other_words():
    good = "不错 喜欢 推荐 方便 满意 干净 值得 漂亮 感动 热情 很 好 美 爱 快 孩子 生活 适合"
    bad = "差 失望 退 垃圾 投诉 根本 居然 不好 骗 后悔 郁闷 客服 烂 没 太 怎么"
    return {w: 2.0 for w in good.split()} | {w: np.float64(-2) for w in bad.split()}


def words_with_weights():
    words = ex15.my_words() | {"不错": 2, "很": 0.6, "好": 0.4}
    del words["什么"]
    return words | {"最": 0.2}


def pool_with_where(y, lengths, how):
    there = (np.arange(y.shape[1]) < lengths[:, None])[:, :, None]
    n = np.maximum(lengths, 1)[:, None]
    if how == "last":
        out = y[np.arange(len(y)), np.maximum(lengths - 1, 0)]
    elif how == "mean":
        out = np.where(there, y, 0).sum(axis=1) / n
    else:
        out = np.where(there, y, -np.inf).max(axis=1)
    return np.where((lengths > 0)[:, None], out, 0.0)


def pool_by_loop(y, lengths, how):
    rows = []
    for states, n in zip(y, lengths, strict=True):
        own = states[: int(n)]
        if len(own) == 0:
            rows.append(np.zeros(y.shape[2]))
        elif how == "last":
            rows.append(own[len(own) - 1])
        else:
            rows.append(np.mean(own, 0) if how == "mean" else np.max(own, 0))
    return np.stack(rows)


def flip_by_recursion(score, words, places=None, good=None):
    places = list(range(len(words))) if places is None else places
    good = score([words[k] for k in places]) > 0 if good is None else good
    if not places:
        return None
    sign = 1 if good else -1
    value, place = min((sign * score([words[k] for k in places if k != p]), p) for p in places)
    left = [k for k in places if k != place]
    if (sign * value > 0) != good:
        return [place]
    rest = flip_by_recursion(score, words, left, good)
    return None if rest is None else [place, *rest]


def flip_tuple(score, words):
    found = ex15.flip(score, words)
    return None if found is None else tuple(np.int64(k) for k in found)


def precision_by_weights(y, score, threshold, share):
    weight = np.where(y == 1, share / (y == 1).sum(), (1 - share) / (y == 0).sum())
    said = score >= threshold
    total = weight[said].sum()
    return weight[said & (y == 1)].sum() / total if total else 0.0


def precision_by_counts(y, score, threshold, share):
    tp = sum(1 for a, s in zip(y, score, strict=True) if a and s >= threshold)
    fp = sum(1 for a, s in zip(y, score, strict=True) if not a and s >= threshold)
    p, n = int(sum(y)), int(len(y) - sum(y))
    top, bottom = share * tp / p, (1 - share) * fp / n
    return np.float64(0.0) if top + bottom == 0 else top / (top + bottom)


def precision_by_odds(y, score, threshold, share):
    hits, alarms = ((score[y == k] >= threshold).mean() for k in (1, 0))
    odds = share / (1 - share)
    return odds * hits / (odds * hits + alarms) if hits else 0.0


ALSO_RIGHT = [
    ("15.1", lambda: Counter(ex15.my_words())),
    ("15.1", lambda: defaultdict(float, ex15.my_words())),
    ("15.5", precision_by_odds),
    ("15.1", other_words),
    ("15.1", words_with_weights),
    ("15.2", pool_with_where),
    ("15.2", pool_by_loop),
    ("15.3", lambda: [20, 13, 2, 5]),
    ("15.3", lambda: np.array([20, 13, 2, 5])),
    ("15.4", flip_by_recursion),
    ("15.4", flip_tuple),
    ("15.5", precision_by_weights),
    ("15.5", precision_by_counts),
]

# --- typical mistakes --------------------------------------------------------------------------

pool, flip, at = ex15.pool, ex15.flip, ex15.precision_at


def colleague_pool(y, lengths, how):
    there = np.arange(y.shape[1]) < lengths[:, None]
    y = y * there[:, :, None]
    if how == "last":
        return y[:, -1]
    if how == "mean":
        return y.mean(axis=1)
    return y.max(axis=1)


def last_mended(mean=False, maximum=False):
    def answer(y, lengths, how):
        there = (np.arange(y.shape[1]) < lengths[:, None])[:, :, None]
        if how == "last" or (how == "mean" and mean) or (how == "max" and maximum):
            return pool(y, lengths, how)
        return (y * there).mean(axis=1) if how == "mean" else (y * there).max(axis=1)

    return answer


def pool_times_zero(y, lengths, how):
    there = (np.arange(y.shape[1]) < lengths[:, None])[:, :, None]
    if how == "mean":
        return (y * there).sum(axis=1) / np.maximum(lengths, 1)[:, None]
    return pool(y, lengths, how)


def pool_without_empty(y, lengths, how):
    there = (np.arange(y.shape[1]) < lengths[:, None])[:, :, None]
    if how == "last":
        return y[np.arange(len(y)), lengths - 1]
    if how == "mean":
        return np.where(there, y, 0).sum(axis=1) / np.maximum(lengths, 1)[:, None]
    return np.where(there, y, -1e9).max(axis=1)


def pool_in_place(y, lengths, how):
    out = pool(y, lengths, how)
    y[:] = 0
    return out


def pool_off_by_one(y, lengths, how):
    if how == "last":
        return y[np.arange(len(y)), np.minimum(lengths, y.shape[1] - 1)]
    return pool(y, lengths, how)


def flip_words(score, words):
    found = flip(score, words)
    return found if found is None else [words[k] for k in found]


def flip_shifted(score, words):
    found = flip(score, words)
    if found is None:
        return None
    return [k - sum(earlier < k for earlier in found[:n]) for n, k in enumerate(found)]


def flip_never_none(score, words):
    return flip(score, words) or list(range(len(words)))


def flip_late(score, words):
    found = flip(score, words)
    if found is None or len(found) == len(words):
        return found
    rest = [k for k in range(len(words)) if k not in found]
    return [*found, rest[0]]


def slipped(slip):
    return lambda score, words: ex15._slipped(score, words, slip)


def pool_sorted(y, lengths, how):
    order = np.argsort(-lengths, kind="stable")
    return pool(y[order], lengths[order], how)


def pool_until_empty(y, lengths, how):
    out = np.zeros((y.shape[0], y.shape[2]))
    for b, n in enumerate(lengths):
        if n == 0:
            break
        out[b] = pool(y[b : b + 1], lengths[b : b + 1], how)[0]
    return out


def pool_last_times_zero(y, lengths, how):
    if how == "last":
        return y[np.arange(len(y)), lengths - 1] * (lengths > 0)[:, None]
    return pool(y, lengths, how)


def pool_without_zeros(y, lengths, how):
    own = np.where((np.arange(y.shape[1]) < lengths[:, None])[:, :, None], y, 0.0)
    if how == "mean":
        return own.sum(axis=1) / np.maximum((own != 0).sum(axis=1), 1)
    return pool(y, lengths, how)


def pool_up_to_nan(y, lengths, how):
    bad = np.isnan(y).any(axis=2)
    return pool(y, np.where(bad.any(axis=1), bad.argmax(axis=1), lengths), how)


def flip_at_zero(score, words):
    if score(words) > 0:
        return flip(score, words)
    return slipped("zero")(score, words)


def flip_few(score, words):
    found = flip(score, words)
    return found if found is None or len(found) <= 10 else None


def flip_or_stay(score, words):
    """Begins with the first word and takes another one only where that is nearer than now."""
    sign = 1 if score(words) > 0 else -1
    left, taken = list(range(len(words))), []
    while left:
        lowest, place = sign * score([words[k] for k in left]), left[0]
        for out in left:
            now = sign * score([words[k] for k in left if k != out])
            if now < lowest:
                lowest, place = now, out
        left.remove(place)
        taken.append(place)
        if (score([words[k] for k in left]) > 0) != (sign > 0):
            return taken
    return None


def flip_by_tie(of):
    def answer(score, words):
        good = score(words) > 0
        sign = 1 if good else -1
        left, taken = list(range(len(words))), []
        while left:
            tried = [(sign * score([words[k] for k in left if k != out]), out) for out in left]
            value, place = min(tried, key=lambda one: (one[0], of(words[one[1]])))
            left.remove(place)
            taken.append(place)
            if (sign * value > 0) != good:
                return taken
        return None

    return answer


def few_hits(y, s, t, share):
    return share if (s >= t).any() and not (s >= t)[y == 1].any() else at(y, s, t, share)


def no_alarm(y, s, t, share):
    said = s >= t
    right = share * said[y == 1].mean()
    wrong = (1 - share) * max(said[y == 0].mean(), 1 / len(y))
    return right / (right + wrong) if said.any() else 0.0


def never_all(y, s, t, share):
    return 0.0 if (s >= t).all() else at(y, s, t, share)


def counted(y, s, t, share):
    said = s >= t
    right, wrong = share * said[y == 1].sum(), (1 - share) * said[y == 0].sum()
    return right / (right + wrong) if right + wrong else 0.0


def strict(y, s, t, share):
    return at(y, np.where(s == t, -99.0, s), t, share)


WRONG = [
    Wrong("15.1", "upside down", lambda: {w: -s for w, s in ex15.my_words().items()}, "正负", 0),
    Wrong("15.1", "one side", lambda: {"推荐": 1.0, "喜欢": 1.0}, "只有一边", 0),
    Wrong("15.1", "many", lambda: {f"词{k}": 1.0 for k in range(41)}, "1 到 40 个", 0),
    Wrong("15.1", "list", lambda: ["不错", "失望"], "要一个字典", 0),
    Wrong("15.1", "long", lambda: {"这家酒店非常不错": 1.0, "差": -1.0}, "太长", 0),
    Wrong("15.1", "few", lambda: {"推荐": 1.0, "失望": -1.0}, "没有碰到", 0),
    Wrong("15.1", "the good one", lambda: {"好": 1.0, "的": 1.0, "烂": -1.0}, "认成好评", 0),
    Wrong("15.1", "nan", lambda: {"好": float("nan"), "差": -1.0}, "nan", 0),
    Wrong("15.2", "colleague", colleague_pool, "最后一格", 0),
    Wrong("15.2", "off by one", pool_off_by_one, "差一步", 0),
    Wrong("15.2", "mean by T", last_mended(), "除的是 T", 15),
    Wrong("15.2", "zero wins", last_mended(mean=True), "0 赢了", 31),
    Wrong("15.2", "times zero", pool_times_zero, "乘 0 还是 nan", 54),
    Wrong("15.2", "empty", pool_without_empty, "没有词的评论", 69),
    Wrong("15.2", "sorted", pool_sorted, "排回原来", 0),
    Wrong("15.2", "until empty", pool_until_empty, "不是 break", 69),
    Wrong("15.2", "in place", pool_in_place, "被原地修改", 92),
    Wrong("15.3", "texts", lambda: ("20", "13", "2", "5"), "不要引号", 0),
    Wrong("15.3", "words", lambda: (13, 13, 2, 5), "有词的格才是", 0),
    Wrong("15.3", "all cells", lambda: (20, 20, 2, 5), "没有补的格", 25),
    Wrong("15.3", "last step", lambda: (20, 13, 1, 5), "不是最后一步", 50),
    Wrong("15.3", "four alive", lambda: (20, 13, 4, 5), "已经读完", 50),
    Wrong("15.3", "all differ", lambda: (20, 13, 2, 7), "两对", 75),
    Wrong("15.3", "order", lambda: (20, 13, 2, 4), "次序不同", 75),
    Wrong("15.4", "once", ex15._by_first_ranking, "重新量", (0, 40)),
    Wrong("15.4", "one side", slipped("one side"), "往正的一边推", 20),
    Wrong("15.4", "index", slipped("index"), "words.index", 0),
    Wrong("15.4", "copies", slipped("copies"), "一次只拿掉一个位置", (0, 40)),
    Wrong("15.4", "absolute", slipped("absolute"), ("不是变得最多", "重新量"), (0, 20)),
    Wrong("15.4", "zero", slipped("zero"), "是 0 算差评", 70),
    Wrong("15.4", "must help", slipped("must help"), "接着试", 80),
    Wrong("15.4", "keeps one", slipped("keeps one"), "最后一个词也可以拿", 85),
    Wrong("15.4", "text", lambda score, words: flip(score, words) and "01", "位置的列表", 0),
    Wrong("15.4", "words", flip_words, "不是词", 0),
    Wrong("15.4", "late", flip_late, "多拿或少拿", 0),
    Wrong("15.4", "never none", flip_never_none, "应当返回 None", 60),
    Wrong("15.4", "last tie", slipped("last tie"), ("靠前的", "次序"), (0, 70)),
    Wrong("15.5", "sample", lambda y, s, t, share: at(y, s, t, y.mean()), "没有用到 share", 0),
    Wrong("15.5", "recall", lambda y, s, t, share: (s >= t)[y == 1].mean(), "召回率", 0),
    Wrong("15.5", "other way", lambda y, s, t, share: at(y, s, t, 1 - share), "用反了", 0),
    Wrong("15.5", "counts", counted, "用的是条数", 0),
    Wrong("15.5", "strict", strict, "也叫正的", 0),
    Wrong("15.1", "quoted", lambda: {"好": "1", "差": "-1"}, "不要引号", 0),
    Wrong("15.1", "nothing", lambda: None, "忘了 return", 0),
    Wrong("15.1", "patterns", lambda: {"很.好$": 1, "差$^": -1}, "一字不差", 0),
    Wrong("15.2", "last times zero", pool_last_times_zero, "只有 lengths 知道", 92),
    Wrong("15.2", "whole", lambda y, n, how: pool(y, n, how).astype(int) * 1.0, "成了整数", 0),
    Wrong("15.2", "all max", lambda y, n, how: pool(y, n, "max"), "给的是 max", 0),
    Wrong("15.4", "rounded", slipped("nearly"), "差得再少", 90),
    Wrong("15.4", "first flip", slipped("first flip"), ("推得最多", "最低的", "最高的"), (0, 90)),
    Wrong("15.4", "empty", lambda s, words: flip(s, words) if words else [], "没有词可拿", 90),
    Wrong("15.5", "no hits", few_hits, "一条也没叫对", 83),
    Wrong("15.5", "no alarm", no_alarm, "不要加小常数", 83),
    Wrong("15.5", "never all", never_all, "就是 share", 83),
    Wrong("15.5", "percent", lambda *a: 100 * at(*a), "不是百分数", 0),
]  # fmt: skip

SAME_HINT = [
    Wrong("15.2", "zeros left out", pool_without_zeros, "只有 lengths 知道", 92),
    Wrong("15.2", "up to nan", pool_up_to_nan, "只有 lengths 知道", 92),
    Wrong("15.4", "at zero", flip_at_zero, "是 0 算差评", 80),
    Wrong("15.4", "half", slipped("half"), ("不是 0.5", "多拿或少拿", "重新量", "接着试"), (0, 85)),
    Wrong("15.4", "lowest", slipped("lowest"), "往正的一边推", 20),
    Wrong("15.4", "at most ten", flip_few, "最后一个词也可以拿", 85),
    Wrong("15.4", "or stay", flip_or_stay, ("接着试", "应当返回 None"), (60, 80)),
    Wrong("15.4", "shortest", flip_by_tie(len), ("不看词的长短", "靠前的", "次序"), (0, 90)),
]  # fmt: skip

globals().update(
    questions(
        "15",
        also_right=ALSO_RIGHT,
        wrong=WRONG,
        same_hint=SAME_HINT,
        opaque={"15.1", "15.4"},
        let_pass={"15.3": ["stale"]},  # it takes no input
    )
)


# --- the library's versions --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["last", "mean", "max"])
def test_pooling_is_the_models(how):
    torch.manual_seed(0)
    model = Sentiment(SentimentConfig(9, embedding=4, hidden=3, bidirectional=False, pool=how))
    x, n = map(torch.from_numpy, padded([[2, 3, 4], [5], []]))
    model.eval()
    with torch.no_grad():
        y, _ = model.body(model.embedding(x))  # reading forwards, filling behind changes nothing
        wanted = model(x, n)
        got = model.head(torch.from_numpy(ex15.pool(y.numpy(), n.numpy(), how)).float())
    assert torch.allclose(got.squeeze(1), wanted, atol=1e-6)


def test_the_forecast_is_what_comes_out():
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.zeros(4, 5), torch.tensor([5, 2, 4, 2]), True, enforce_sorted=False
    )
    assert ex15.forecast()[:3] == (4 * 5, len(packed.data), packed.batch_sizes[2])
    torch.manual_seed(0)
    model = Sentiment(SentimentConfig(9, embedding=4, hidden=3)).eval()
    x, n = map(torch.from_numpy, padded([[], [1, 1], [1, 1], [1, 1, 1], [2, 3], [3, 2]]))
    with torch.no_grad():
        z = [round(model(x[:1, :0], n[:1]).item(), 5), *(round(v, 5) for v in model(x, n).tolist())]
    assert len(set(z)) == ex15.forecast()[3]


def test_nothing_at_all_is_no_dictionary_of_words():
    assert judge("15.1", dict).status == "failed"


def test_a_score_that_is_no_plain_number_is_refused():
    class Agreeable(float):
        __gt__ = __lt__ = lambda self, other: True

    words = ex15.my_words() | {"好": Agreeable(9.0)}
    assert judge("15.1", lambda: words).status == "failed"
