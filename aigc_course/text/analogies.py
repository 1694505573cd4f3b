"""How good are word vectors? Three small measures on lists that anyone can read and dispute.

:func:`neighbour_purity` asks whether words of one class lie together, :func:`triple_accuracy`
whether two words of a class are more alike than two of different classes, and
:func:`analogy_accuracy` whether a is to b as c is to d. Each comes with what it would be by chance
or without the idea that it is to test.

The classes and pairs are facts of the language and of geography in 1998, put down by hand before
anything was measured. They are short: a difference of a few hundredths between two methods is
noise, and so is one between two seeds (learn with several, and look at the spread). They say
nothing of words outside the lists, and nothing of whether the vectors serve a task.

>>> from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary
>>> words = Vocabulary((PAD, UNKNOWN, "东", "西", "梅", "柳"))
>>> vectors = np.array([[0, 0], [0, 0], [1, 0.1], [1, 0], [0, 1], [0.1, 1]])
>>> purity = neighbour_purity(Embedding(words, vectors), {"方向": "东西", "花木": "梅柳"})
>>> purity.value, round(purity.chance, 3), purity.words
(1.0, 0.333, 4)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_course.errors import UserError
from aigc_course.text.embeddings import Embedding

__all__ = [
    "CHARACTER_CLASSES",
    "CHARACTER_RELATIONS",
    "WORD_RELATIONS",
    "Analogies",
    "Purity",
    "Triples",
    "analogy_accuracy",
    "neighbour_purity",
    "tag_classes",
    "triple_accuracy",
    "triples",
]

Classes = Mapping[str, Sequence[str]]
Relations = Mapping[str, Sequence[tuple[str, str]]]
Triple = tuple[str, str, str]


def _couples(text: str) -> tuple[tuple[str, str], ...]:
    rows = [row.split(":") for row in text.split()]
    return tuple((a, b) for a, b in rows)


# For single characters, as in the quatrains: classes whose members mostly mean one thing.
CHARACTER_CLASSES: Classes = {
    "数目": "一二三四五六七八九十百千万",
    "方向": "东西南北",
    "季节": "春夏秋冬",
    "颜色": "红绿青白黄紫碧翠黑朱",
    "花木": "梅兰竹菊松柳桃李杏荷桂",
    "鸟兽": "马牛羊犬鸡猿鹤雁莺燕鹭鸥",
    "水": "江河湖海溪泉潭池",
    "天气": "风雨雪霜露云雾雷",
    "乐器": "琴瑟笛箫钟鼓笙",
    "衣物": "衣裳袍袖裙巾",
    "身体": "眉眼手足耳口鬓",
}

CHARACTER_RELATIONS: Relations = {
    "反义": _couples(
        "来:去 有:无 多:少 大:小 高:低 长:短 新:旧 轻:重 古:今 生:死 早:晚 开:闭 远:近 东:西 南:北 "
        "浅:深 冷:暖 明:暗 醉:醒 老:少 出:入 前:后"
    ),
}

# For words of the People's Daily of January 1998, names and capitals of that time.
WORD_RELATIONS: Relations = {
    "首都": _couples(
        "中国:北京 日本:东京 俄罗斯:莫斯科 英国:伦敦 法国:巴黎 意大利:罗马 美国:华盛顿 "
        "伊拉克:巴格达 伊朗:德黑兰 埃及:开罗 韩国:汉城 泰国:曼谷 越南:河内 印度:新德里 "
        "古巴:哈瓦那 加拿大:渥太华 澳大利亚:堪培拉 西班牙:马德里 奥地利:维也纳 "
        "瑞典:斯德哥尔摩 比利时:布鲁塞尔 波兰:华沙 捷克:布拉格 阿尔及利亚:阿尔及尔 "
        "菲律宾:马尼拉 巴基斯坦:伊斯兰堡 朝鲜:平壤 叙利亚:大马士革 约旦:安曼 黎巴嫩:贝鲁特"
    ),
    "省会": _couples(
        "河北:石家庄 山西:太原 辽宁:沈阳 吉林:长春 黑龙江:哈尔滨 江苏:南京 浙江:杭州 安徽:合肥 "
        "福建:福州 江西:南昌 山东:济南 河南:郑州 湖北:武汉 湖南:长沙 广东:广州 广西:南宁 "
        "海南:海口 四川:成都 贵州:贵阳 云南:昆明 西藏:拉萨 陕西:西安 甘肃:兰州 青海:西宁 "
        "宁夏:银川 新疆:乌鲁木齐"
    ),
    "全称": _couples(
        "河北:河北省 山西:山西省 辽宁:辽宁省 吉林:吉林省 黑龙江:黑龙江省 江苏:江苏省 浙江:浙江省 "
        "安徽:安徽省 福建:福建省 江西:江西省 山东:山东省 河南:河南省 湖北:湖北省 湖南:湖南省 "
        "广东:广东省 海南:海南省 四川:四川省 贵州:贵州省 云南:云南省 陕西:陕西省 甘肃:甘肃省 "
        "青海:青海省"
    ),
    "男女": _couples(
        "父亲:母亲 儿子:女儿 丈夫:妻子 哥哥:姐姐 弟弟:妹妹 爷爷:奶奶 爸爸:妈妈 他:她 他们:她们 "
        "先生:女士 小伙子:姑娘 男子:女子"
    ),
}


# --- classes out of a tagged corpus ------------------------------------------------------------


def tag_classes(
    sentences: Iterable[Iterable[tuple[str, str]]],
    tags: Iterable[str],
    *,
    min_count: int = 10,
    share: float = 0.95,
    most: int | None = None,
) -> dict[str, tuple[str, ...]]:
    """Words that nearly always carry one tag: a class for each tag, the most frequent first.

    What they can tell: whether the vectors know that a word is a place, a person's name, a time.
    What not: a part of speech is coarse, so near synonyms and mere strangers of one tag count the
    same; ambiguous words, the hard ones, are left out; the tags are the corpus's, with its errors
    (in the newspaper, organisations are often missing); and words of one tag may stand in
    one kind of text only, such as a result list, and be near each other for that alone.

    Args:
        sentences: of (word, tag).
        tags: to make a class of.
        min_count: how often a word must occur.
        share: of its occurrences that must have the tag.
        most: words in a class, so that a large one does not outweigh the others.

    Raises:
        ValueError: ``min_count`` below 1, ``share`` not above one half, or ``most`` below 1.
        UserError: no word has any of the tags.

    Example:
        >>> rows = [[("北京", "ns"), ("是", "v"), ("首都", "n")], [("上海", "ns")]]
        >>> tag_classes(rows, ["ns", "v"], min_count=1)
        {'ns': ('上海', '北京'), 'v': ('是',)}
    """
    if min_count < 1 or not 0.5 < share <= 1 or (most is not None and most < 1):
        raise ValueError(
            f"min_count, share, most: got {min_count}, {share}, {most}, wanted at least 1, "
            "above 0.5 up to 1, and at least 1 or None"
        )
    pairs: Counter[tuple[str, str]] = Counter()
    for row in sentences:
        pairs.update(row)
    of_word: Counter[str] = Counter()
    for (word, _), count in pairs.items():
        of_word[word] += count
    found: dict[str, tuple[str, ...]] = {}
    for tag in tags:
        words = [
            word
            for (word, its), count in pairs.items()
            if its == tag and of_word[word] >= min_count and count >= share * of_word[word]
        ]
        words.sort(key=lambda word: (-of_word[word], word))
        if words:
            found[tag] = tuple(words[:most])
    if not found:
        raise UserError("没有一个词够得上这些词性", "看看 tags 的写法，或把 min_count 调小")
    return found


# --- do words of a class lie together? ---------------------------------------------------------


@dataclass(frozen=True)
class Purity:
    """What :func:`neighbour_purity` found.

    Attributes:
        value: share of neighbours that are of the word's own class, mean over words.
        chance: the same for neighbours drawn at random.
        words: how many took part.
        by_class: the value of each class's words.
        absent: words of the lists that have no vector.
    """

    value: float
    chance: float
    words: int
    by_class: Mapping[str, float] = field(hash=False)
    absent: tuple[str, ...]


def neighbour_purity(embedding: Embedding, classes: Classes, k: int = 5) -> Purity:
    """Of the k nearest among the listed words, the share that are of the word's own class.

    A class with n words has only n − 1 others: there the n − 1 nearest are taken, if that is less
    than ``k``, so that 1 can be reached. A class with one word that has a vector takes no part.

    It tells whether these classes are set apart from one another. It does not tell how near
    they lie to the rest of the vocabulary, from which no neighbour is taken; frequent words can
    be near one another for their frequency alone (against that: :func:`triples`); and words are
    not independent draws, so the number of words is no measure of how sure it is.

    Args:
        embedding: of the words.
        classes: words by class; no word in two.
        k: neighbours.

    Raises:
        ValueError: ``k`` below 1, or a word in two classes.
        UserError: fewer than two classes with two words that have vectors.
    """
    if k < 1:
        raise ValueError(f"k: got {k}, wanted at least 1")
    there, absent = _there(embedding, classes)
    there = {name: words for name, words in there.items() if len(words) > 1}
    if len(there) < 2:
        raise UserError(
            "名单里至少要有两类各有两个词在词表里",
            "看看名单与语料是不是一样的单位（字还是词、简体还是繁体）",
        )
    of_class = np.repeat(np.arange(len(there)), [len(words) for words in there.values()])  # (N,)
    unit = _directions(embedding, [word for words in there.values() for word in words])  # (N, D)
    cosine = unit @ unit.T  # (N, N)
    np.fill_diagonal(cosine, -np.inf)
    others = np.bincount(of_class)[of_class] - 1  # (N,)
    share = np.zeros(len(unit))
    for i, row in enumerate(cosine):
        nearest = np.argsort(-row, kind="stable")[: min(k, others[i])]
        share[i] = np.mean(of_class[nearest] == of_class[i])
    return Purity(
        value=float(share.mean()),
        chance=float(np.mean(others / (len(unit) - 1))),
        words=len(unit),
        by_class={name: float(share[of_class == c].mean()) for c, name in enumerate(there)},
        absent=absent,
    )


def _there(embedding: Embedding, classes: Classes) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The words that have a vector, by class, and those that have none."""
    every = [word for words in classes.values() for word in words]
    twice = [word for word, count in Counter(every).items() if count > 1]
    if twice:
        raise ValueError(f"classes: got {twice[0]!r} twice, wanted each word in one place only")
    there = {name: [w for w in words if _has(embedding, w)] for name, words in classes.items()}
    return there, tuple(word for word in every if not _has(embedding, word))


def _has(embedding: Embedding, word: str) -> bool:
    return word in embedding and bool(embedding[word].any())


def _directions(embedding: Embedding, words: Iterable[str]) -> NDArray[np.float64]:
    """The words' vectors at length 1, (N, D)."""
    vectors = embedding.vectors[embedding.vocabulary.ids(words)].astype(np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


# --- is a word more like one of its class than like a stranger? --------------------------------


@dataclass(frozen=True)
class Triples:
    """What :func:`triple_accuracy` found.

    Attributes:
        value: share of triples in which the word is nearer to its like; ties count one half.
            Chance is one half.
        asked: triples of which all three words have vectors.
        absent: triples that were left out.
    """

    value: float
    asked: int
    absent: int


def triples(
    classes: Classes, counts: Mapping[str, int], *, seed: int = 0, each: int = 5
) -> list[Triple]:
    """A similarity list out of classes: (word, one of its class, a stranger as frequent as that).

    Vectors hold how frequent a word is, and words of one class are often about as frequent. The
    stranger is therefore, of all words of other classes, the one whose count is nearest to that of
    the like; so frequency alone cannot answer. Unlike lists of people's judgements it knows
    only like and not, no degrees.

    Args:
        classes: words by class.
        counts: how often each word occurs; words that do not occur are left out.
        seed: of the draws.
        each: likes drawn for each word, at most all.

    Raises:
        ValueError: ``each`` below 1, or a word in two classes.

    Example:
        >>> counts = {"东": 90, "西": 80, "梅": 70, "柳": 9}
        >>> triples({"方向": "东西", "花木": "梅柳"}, counts)[0]
        ('东', '西', '梅')
    """
    if each < 1:
        raise ValueError(f"each: got {each}, wanted at least 1")
    rng = np.random.default_rng(seed)
    of_class: dict[str, str] = {}
    for name, words in classes.items():
        for word in words:
            if word in of_class:
                raise ValueError(f"classes: got {word!r} twice, wanted each word in one place only")
            of_class[word] = name
    known = [word for word in of_class if counts.get(word, 0) > 0]
    out = []
    for word in known:
        likes = [w for w in known if w != word and of_class[w] == of_class[word]]
        strangers = [w for w in known if of_class[w] != of_class[word]]
        if not strangers:
            continue
        level = np.log([counts[w] for w in strangers])
        for at in rng.permutation(len(likes))[:each]:
            like = likes[at]
            far = strangers[int(np.abs(level - np.log(counts[like])).argmin())]
            out.append((word, like, far))
    return out


def triple_accuracy(embedding: Embedding, list_of: Sequence[Triple]) -> Triples:
    """The share of triples in which the first word is more like the second than the third.

    Args:
        embedding: of the words.
        list_of: triples, as of :func:`triples`.

    Raises:
        UserError: no triple has vectors for all three words.
    """
    whole = [triple for triple in list_of if all(_has(embedding, word) for word in triple)]
    if not whole:
        raise UserError("名单里没有一组词都在词表里", "看看名单与语料是不是一样的单位")
    word, like, far = (_directions(embedding, column) for column in zip(*whole, strict=True))
    ahead = np.sum(word * like, axis=1) - np.sum(word * far, axis=1)
    value = np.mean(np.where(np.abs(ahead) < 1e-12, 0.5, ahead > 0))
    return Triples(float(value), len(whole), len(list_of) - len(whole))


# --- a is to b as c is to d --------------------------------------------------------------------


@dataclass(frozen=True)
class Analogies:
    """What :func:`analogy_accuracy` found.

    Attributes:
        value: share of questions whose answer is among the first k.
        without_offset: the same for the neighbours of c alone, a and b not looked at.
        asked: questions, P (P − 1) for P couples of a relation.
        by_relation: for each, the value, the value without offset, and the couples P.
        absent: couples of which a word has no vector.
    """

    value: float
    without_offset: float
    asked: int
    by_relation: Mapping[str, tuple[float, float, int]] = field(hash=False)
    absent: tuple[tuple[str, str], ...]


def analogy_accuracy(embedding: Embedding, relations: Relations, k: int = 1) -> Analogies:
    """Every two couples of a relation as a question: a is to b as c is to which word?

    The answers are sought in the whole vocabulary, without a, b and c, at b − a + c as by
    :meth:`~aigc_course.text.embeddings.Embedding.analogy`. Often d is simply c's nearest neighbour
    and the offset b − a adds nothing: ``without_offset`` says how far that alone goes (Linzen:
    Issues in evaluating semantic spaces using word analogies, 2016). Only what is above it speaks
    for a direction that means the relation. Questions share their couples, so P (P − 1) questions
    are worth about P; and a rare word's vector is mostly noise, so that on a small corpus a low
    value is the corpus's, not the method's.

    Args:
        embedding: of the words.
        relations: couples by relation.
        k: how many answers may be given.

    Raises:
        ValueError: ``k`` below 1.
        UserError: no relation has two couples whose words all have vectors.

    Example:
        >>> from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary
        >>> words = Vocabulary((PAD, UNKNOWN, "男", "女", "王", "后"))
        >>> vectors = np.array([[0, 0], [0, 0], [1, 0.1], [1, 1], [3, 0.2], [3, 2.9]])
        >>> relations = {"男女": [("男", "女"), ("王", "后")]}
        >>> found = analogy_accuracy(Embedding(words, vectors), relations)
        >>> found.value, found.asked
        (1.0, 2)
    """
    if k < 1:
        raise ValueError(f"k: got {k}, wanted at least 1")
    unit = _directions(embedding, embedding.vocabulary.tokens)  # (V, D)
    by_relation, absent, right, plain, asked = {}, [], 0, 0, 0
    for name, couples in relations.items():
        known = [couple for couple in couples if all(_has(embedding, word) for word in couple)]
        absent += [couple for couple in couples if couple not in known]
        if len(known) < 2:
            continue
        ids = np.array([embedding.vocabulary.ids(couple) for couple in known])  # (P, 2)
        P = len(ids)
        first, second = np.nonzero(~np.eye(P, dtype=bool))  # (P (P − 1),) each
        (a, b), (c, d) = ids[first].T, ids[second].T
        hits = []
        for aim in (unit[b] - unit[a] + unit[c], unit[c]):
            hits.append(_hits(unit, aim, np.stack([a, b, c], axis=1), d, k))
        by_relation[name] = (hits[0] / len(a), hits[1] / len(a), P)
        right, plain, asked = right + hits[0], plain + hits[1], asked + len(a)
    if not asked:
        raise UserError("名单里没有一种关系有两对词在词表里", "看看名单与语料是不是一样的单位")
    return Analogies(right / asked, plain / asked, asked, by_relation, tuple(absent))


def _hits(
    unit: NDArray[np.float64],
    aim: NDArray[np.float64],
    without: NDArray[np.int64],
    wanted: NDArray[np.int64],
    k: int,
) -> int:
    """How many of the wanted words are among the k nearest to each aim. A tie is lost."""
    right = 0
    for at in range(0, len(aim), 256):  # (256, V) numbers at once, not all of them
        part = slice(at, at + 256)
        score = aim[part] @ unit.T  # (≤ 256, V); the aim's length changes no order
        score[:, :2] = -np.inf
        np.put_along_axis(score, without[part], -np.inf, axis=1)
        own = np.take_along_axis(score, wanted[part, None], axis=1)
        ahead = np.sum(score >= own, axis=1) - 1
        right += int(np.sum((ahead < k) & np.isfinite(own[:, 0])))
    return right
