"""Kneser–Ney: a distribution after every context, equal to the formula written out naively."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course import data
from aigc_course.text.ngram import END, START, UNSEEN, KneserNey

texts = st.lists(st.text("abc", max_size=6), min_size=1, max_size=8).filter(any)
orders = st.integers(1, 5)


def naive(sequences, order, discounts):
    """P(w | c), from the definition: all n-grams of every length are listed, then counted."""
    rows = [(START, *sequence, END) for sequence in sequences]
    V = len({one for row in rows for one in row} - {START, END}) + 2

    def count(gram):
        """Plain for the longest n-grams and those at the start, else the symbols before it."""
        occurs = [
            (row[t - 1] if t else None)
            for row in rows
            for t in range(len(row) - len(gram) + 1)
            if row[t : t + len(gram)] == gram and t + len(gram) > 1
        ]
        if len(gram) == order or gram[0] == START:
            return len(occurs)
        return len({before for before in occurs if before is not None})

    symbols = {one for row in rows for one in row} - {START}

    def p(context, w, length):
        if length < 0:
            return 1 / V
        c = tuple(context[len(context) - length :])
        seen = {one: count((*c, one)) for one in symbols}
        total = sum(seen.values())
        shorter = p(context, w, length - 1)
        if not total:
            return shorter
        D = discounts[length]
        kinds = Counter(min(k, 3) for k in seen.values() if k)
        given = sum(D[k - 1] * n for k, n in kinds.items())
        k = seen.get(w, 0)
        return (max(k - (D[min(k, 3) - 1] if k else 0), 0) + given * shorter) / total

    return lambda context, w: p(context, w, min(order - 1, len(context)))


@settings(max_examples=60, deadline=None)
@given(texts, orders, st.lists(st.sampled_from("abcx"), max_size=5), st.booleans())
def test_it_is_the_formula(sequences, order, context, at_start):
    model = KneserNey(sequences, order)
    wanted = naive(sequences, order, model.discounts)
    context = [START, *context] if at_start else context
    for symbol in model.symbols:
        assert model.probability(context, symbol) == pytest.approx(wanted(context, symbol))


@settings(max_examples=100, deadline=None)
@given(texts, orders, st.lists(st.sampled_from("abcx"), max_size=5), st.booleans())
def test_after_any_context_it_is_a_distribution(sequences, order, context, at_start):
    context = [START, *context] if at_start else context
    model = KneserNey(sequences, order)
    p = model.distribution(context)
    assert p.min() > 0 and p.sum() == pytest.approx(1)
    one_by_one = [model.probability(context, symbol) for symbol in model.symbols]
    assert p == pytest.approx(one_by_one)


def test_a_word_that_follows_one_other_only_is_rare_elsewhere():
    often = ["至于"] * 8 + ["山上", "水上", "天上", "地上"]  # 于 eight times, 上 four
    model = KneserNey(often, order=2, discounts=(0.75, 0.75, 0.75))
    assert model.probability("人", "上") > 2 * model.probability("人", "于")
    assert model.probability("至", "于") > 0.8


def test_discounts_are_chen_and_goodmans():
    # single characters after the start: n1 = 4, n2 = 2, n3 = 1, n4 = 1
    sequences = [*"abcd", *"eeff", *"ggg", *"hhhh"]
    model = KneserNey(sequences, order=2)
    y = 4 / (4 + 2 * 2)
    # the longest context also counts the ends: each of the 8 characters is followed by END
    n = Counter([1, 1, 1, 1, 2, 2, 3, 4] * 2)
    wanted = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    assert model.discounts[1] == pytest.approx(tuple(wanted))


def test_bits_add_up_to_the_probability_of_the_whole():
    model = KneserNey(["abab", "aab"], order=3)
    p = 1.0
    for context, symbol in (((START,), "a"), ((START, "a"), "b"), (("a", "b"), END)):
        p *= model.probability(context, symbol)
    assert math.fsum(model.bits("ab")) == pytest.approx(-math.log2(p))
    assert model.bits_per_symbol(["ab"]) == pytest.approx(-math.log2(p) / 3)


def test_what_was_never_seen_costs_but_is_possible():
    model = KneserNey(["ab"], order=2, symbols="abc")
    assert model.probability("a", "犬") == model.probability("a", UNSEEN) > 0
    assert "c" in model.symbols and model.probability("a", "c") > 0
    assert math.isfinite(model.bits_per_symbol(["犬犬犬", ""]))


def test_a_longer_memory_helps_on_real_poems_up_to_a_point():
    poems = data.tang_jueju()
    train = ["".join(poem.lines) for poem in poems.train[:3000]]
    val = ["".join(poem.lines) for poem in poems.val[:100]]
    one, two, three = (KneserNey(train, n).bits_per_symbol(val) for n in (1, 2, 3))
    assert two < one - 0.5
    assert abs(three - two) < 0.5


def test_samples_follow_the_distribution():
    model = KneserNey(["ab"] * 3 + ["b"], order=2)
    rng = np.random.default_rng(0)
    first = [next(iter(model.sample(rng)), END) for _ in range(4000)]
    for symbol in model.symbols:
        p = model.probability([START], symbol)
        assert first.count(symbol) / 4000 == pytest.approx(p, abs=4 * (p * (1 - p) / 4000) ** 0.5)


def test_a_sample_goes_on_from_its_start_and_ends_in_time():
    model = KneserNey(["ababab"], order=3)
    assert model.sample(np.random.default_rng(0), start="ab")[:2] == ["a", "b"]
    assert len(model.sample(np.random.default_rng(0), longest=3)) <= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((["ab"], 0), "order"),
        (([], 2), "no symbol"),
        (([""], 2), "no symbol"),
        ((["ab"], 2, None, (1.5, 1, 1)), "discounts"),
        ((["ab"], 2, None, (0.5, 0, 1)), "discounts"),
    ],
)
def test_what_makes_no_model_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        KneserNey(*arguments)


def test_no_sequence_has_no_mean():
    with pytest.raises(ValueError, match="at least one"):
        KneserNey(["a"]).bits_per_symbol([])
