"""Judging word vectors: against loops, on planted vectors, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.errors import UserError
from aigc_course.text.analogies import (
    CHARACTER_CLASSES,
    CHARACTER_RELATIONS,
    WORD_RELATIONS,
    analogy_accuracy,
    neighbour_purity,
    tag_classes,
    triple_accuracy,
    triples,
)
from aigc_course.text.embeddings import Embedding, SkipGramConfig, skip_gram_pairs
from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary

LETTERS = "abcdefghijkl"
CLASSES = {"one": "abc", "two": "defgh", "three": "ij"}
RELATIONS = {"r": [("a", "b"), ("c", "d"), ("e", "f")], "s": [("g", "h"), ("i", "j")]}


def embedding_of(vectors):
    V = len(vectors)
    whole = np.concatenate([np.zeros((2, len(vectors[0]))), vectors])
    return Embedding(Vocabulary((PAD, UNKNOWN, *LETTERS[:V])), whole)


def drawn(seed, V=12, D=3):
    return embedding_of(np.random.default_rng(seed).normal(size=(V, D)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(4, 12))
def test_purity_is_that_of_loops(seed, k, V):
    embedding = drawn(seed, V)
    there = {c: [w for w in words if w in embedding] for c, words in CLASSES.items()}
    there = {c: words for c, words in there.items() if len(words) > 1}
    if len(there) < 2:
        with pytest.raises(UserError, match="名单"):
            neighbour_purity(embedding, CLASSES, k)
        return
    every = [word for words in there.values() for word in words]
    shares = []
    for words in there.values():
        for word in words:
            others = sorted(set(every) - {word}, key=lambda o, w=word: -embedding.similarity(w, o))
            found = others[: min(k, len(words) - 1)]
            shares.append(np.mean([one in words for one in found]))
    purity = neighbour_purity(embedding, CLASSES, k)
    assert purity.value == pytest.approx(np.mean(shares)) and purity.words == len(every)
    assert set(purity.absent) == {w for w in "abcdefghij" if w not in embedding}
    size = {c: len(words) for c, words in there.items()}
    mean = sum(purity.by_class[c] * size[c] for c in size) / len(every)
    assert purity.value == pytest.approx(mean)


def test_purity_of_perfect_classes_is_one_and_of_noise_is_chance():
    at = [0] * 3 + [1] * 5 + [2] * 2 + [0, 1]
    perfect = np.eye(3)[at] + 0.01 * np.random.default_rng(0).normal(size=(12, 3))
    assert neighbour_purity(embedding_of(perfect), CLASSES, k=5).value == 1
    noise = [neighbour_purity(drawn(seed), CLASSES, k=2) for seed in range(200)]
    assert np.mean([one.value for one in noise]) == pytest.approx(noise[0].chance, abs=0.02)


def test_a_word_without_vector_takes_no_part():
    vectors = np.random.default_rng(0).normal(size=(12, 3))
    vectors[0] = 0
    purity = neighbour_purity(embedding_of(vectors), CLASSES)
    assert purity.words == 9 and purity.absent == ("a",)


def test_the_stranger_is_as_frequent_as_the_like():
    counts = dict(zip(LETTERS, [1, 10, 100, 1, 2, 11, 90, 1000, 120, 0, 7, 7], strict=True))
    found = triples(CLASSES, counts, each=9)
    assert all(one in CLASSES["one"] for word, one, _ in found if word == "a")
    far = {like: other for _, like, other in found}
    assert far["b"] == "f" and far["c"] == "g" and far["f"] == "b"
    assert "j" not in {word for triple in found for word in triple}  # never occurs
    assert len(found) == 3 * 2 + 5 * 4  # i has lost its like
    assert found == triples(CLASSES, counts, each=9) != triples(CLASSES, counts, each=9, seed=1)
    assert len(triples(CLASSES, counts, each=1)) == 8


def test_triples_are_counted_ties_by_half():
    embedding = embedding_of([[1, 0], [1, 0.1], [0, 1], [1, 0.1]])
    right, wrong, tie = ("a", "b", "c"), ("a", "c", "b"), ("a", "b", "d")
    result = triple_accuracy(embedding, [right, right, wrong, tie, ("a", "b", "z")])
    assert (result.value, result.asked, result.absent) == (2.5 / 4, 4, 1)


def test_triples_of_noise_are_one_half():
    counts = dict.fromkeys(LETTERS, 5)
    list_of = triples(CLASSES, counts)
    values = [triple_accuracy(drawn(seed), list_of).value for seed in range(200)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.03)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4))
def test_analogies_are_those_asked_one_by_one(seed, k):
    embedding = drawn(seed, D=4)
    right = plain = 0
    for couples in RELATIONS.values():
        for a, b in couples:
            for c, d in couples:
                if a == c:
                    continue
                right += d in [one for one, _ in embedding.analogy(a, b, c, k)]
                near = [one for one, _ in embedding.nearest(c) if one not in (a, b)]
                plain += d in near[:k]
    found = analogy_accuracy(embedding, RELATIONS, k)
    assert found.asked == 6 + 2
    assert found.value == pytest.approx(right / 8)
    assert found.without_offset == pytest.approx(plain / 8)
    assert found.by_relation["s"][2] == 2 and found.absent == ()


def test_a_direction_is_told_from_mere_nearness():
    rng = np.random.default_rng(0)
    bases = 3 * rng.normal(size=(3, 8))
    near = np.concatenate([[base, base + 0.1 * rng.normal(size=8)] for base in bases])
    found = analogy_accuracy(embedding_of(near), {"r": RELATIONS["r"]})
    assert found.value == found.without_offset == 1  # right for no good reason
    offset = np.array([0, 0, 0, 3])  # c is nearer to the other bases than to its own answer
    bases = np.array([[2, 1, 1, 0], [1, 2, 1, 0], [1, 1, 2, 0]])
    far = np.concatenate([[base, base + offset] for base in bases]).astype(float)
    found = analogy_accuracy(embedding_of(far), {"r": RELATIONS["r"]})
    assert found.value == 1 and found.without_offset == 0


def test_couples_that_are_not_there_are_told():
    vectors = np.random.default_rng(0).normal(size=(8, 3))
    vectors[3] = 0  # d
    found = analogy_accuracy(embedding_of(vectors), RELATIONS)
    assert found.absent == (("c", "d"), ("i", "j")) and found.asked == 2
    assert set(found.by_relation) == {"r"}


def test_classes_of_tags():
    rows = [[("京", "ns")] * 3, [("沪", "ns")] * 5, [("说", "v")] * 9 + [("说", "n")]]
    rows += [[("长", "a"), ("长", "v")] * 4, [("稀", "v")]]
    call = lambda **options: tag_classes(rows, ["v", "ns", "a", "x"], **options)
    assert call(min_count=2, share=0.9) == {"v": ("说",), "ns": ("沪", "京")}
    assert call(min_count=2) == {"ns": ("沪", "京")}
    assert call(min_count=1, share=0.9, most=1) == {"v": ("说",), "ns": ("沪",)}
    with pytest.raises(UserError, match="词性"):
        call(min_count=99)


def test_the_lists_are_in_order():
    every = [word for words in CHARACTER_CLASSES.values() for word in words]
    assert len(set(every)) == len(every) and all(len(word) == 1 for word in every)
    assert all(len(words) >= 4 for words in CHARACTER_CLASSES.values())
    for relations in (CHARACTER_RELATIONS, WORD_RELATIONS):
        for couples in relations.values():
            assert len(set(couples)) == len(couples) >= 10
            assert all(a and b and a != b for a, b in couples)
    for name in ("首都", "省会", "全称"):  # one answer each
        for column in zip(*WORD_RELATIONS[name], strict=True):
            assert len(set(column)) == len(column)


@pytest.mark.parametrize(
    "call",
    [
        lambda: neighbour_purity(drawn(0), CLASSES, 0),
        lambda: neighbour_purity(drawn(0), {"one": "ab", "two": "bc"}),
        lambda: triples({"one": "ab", "two": "bc"}, {"a": 1}),
        lambda: triples(CLASSES, {"a": 1}, each=0),
        lambda: analogy_accuracy(drawn(0), RELATIONS, 0),
        lambda: tag_classes([], ["n"], min_count=0),
        lambda: tag_classes([], ["n"], share=0.5),
        lambda: tag_classes([], ["n"], most=0),
    ],
)
def test_what_does_not_fit(call):
    with pytest.raises(ValueError, match="got"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: neighbour_purity(drawn(0), {"one": "abc", "two": "甲乙"}),
        lambda: triple_accuracy(drawn(0), [("a", "b", "甲")]),
        lambda: triple_accuracy(drawn(0), []),
        lambda: analogy_accuracy(drawn(0), {"r": [("a", "b"), ("a", "甲")]}),
        lambda: analogy_accuracy(drawn(0), {}),
    ],
)
def test_lists_that_are_not_of_the_corpus(call):
    with pytest.raises(UserError, match="名单"):
        call()


@pytest.mark.parametrize("rows", [[], [["春"]], [["不", "识"]]])
def test_pairs_of_a_corpus_without_any(rows):
    words = Vocabulary((PAD, UNKNOWN, "春", "眠"))
    with pytest.raises(UserError, match="没有一对相邻的词"):
        skip_gram_pairs(rows, words)
    with pytest.raises(UserError, match="sample"):
        skip_gram_pairs([["春", "眠"]], words, SkipGramConfig(sample=1e-12))
