"""Measures by hand, by their bounds and by their laws; a sieve's books balance."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from aigc_course.text.cleaning import forms
from aigc_course.text.quality import (
    Bound,
    Sieve,
    bits_per_character,
    han_share,
    length,
    repeated_share,
    sign_share,
)

TEXTS = st.text(st.sampled_from("春眠不觉晓ab1，。! \n𠮷"), max_size=30)


@given(TEXTS)
def test_shares_lie_between_0_and_1(text):
    for measure in (han_share, sign_share, repeated_share):
        assert 0 <= measure(text) <= 1
    assert 0 <= bits_per_character(text) <= math.log2(max(1, len(forms(text)))) + 1e-12
    assert length(text) == len("".join(text.split()))


@given(TEXTS)
def test_bits_equal_scipy(text):
    counts = [forms(text).count(c) for c in set(forms(text))]
    assert bits_per_character(text) == pytest.approx(entropy(counts, base=2) if counts else 0.0)


def test_by_hand():
    assert han_share("𠮷〇ab ") == 0.5 and han_share("") == 0.0
    assert sign_share("a，b。") == 0.5 and sign_share(" ") == 0.0
    assert repeated_share("abcdabcd") == pytest.approx(1 / 5)
    assert repeated_share("啊" * 100) > 0.98 and repeated_share("", 4) == 0.0
    with pytest.raises(ValueError, match="n: got 0"):
        repeated_share("a", 0)


@given(TEXTS, st.integers(1, 5))
def test_a_text_twice_is_at_least_half_repeated(text, n):
    plain = forms(text)
    if len(plain) >= n:
        runs = 2 * len(plain) - n + 1
        assert repeated_share(plain * 2, n) >= (runs - len(plain)) / runs - 1e-12


def test_bounds():
    bound = Bound(length, 2, 3)
    assert [bound.holds(t) for t in ("a", "ab", "abc", "abcd")] == [False, True, True, False]
    assert not Bound(lambda text: math.nan, name="nan").holds("a")
    with pytest.raises(ValueError, match="low ≤ high"):
        Bound(length, 3, 2)
    with pytest.raises(ValueError, match="low ≤ high"):
        Bound(length, math.nan)


@given(st.lists(TEXTS, max_size=20))
def test_what_comes_in_is_kept_or_dropped_by_one_bound(texts):
    sieve = Sieve([Bound(length, 2), Bound(han_share, 0.3), Bound(sign_share, high=0.5)])
    kept = [text for text in texts if sieve.keeps(text)]
    dropped = sum(count.dropped for count in sieve.counts.values())
    assert (sieve.seen, sieve.kept) == (
        len(texts),
        len(kept),
    ) and sieve.kept + dropped == sieve.seen


def test_counts_of_two_processes_are_added_in_order():
    texts = ["好" * k for k in range(1, 9)]
    whole, first, second = (Sieve([Bound(length, high=3)]) for _ in range(3))
    for sieve, part in ((whole, texts), (first, texts[:5]), (second, texts[5:])):
        for text in part:
            sieve.keeps(text)
    first.counts["length"] += pickle.loads(pickle.dumps(second)).counts["length"]
    assert first.counts == whole.counts


def test_two_bounds_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        Sieve([Bound(length, 1), Bound(length, high=3)])
    assert list(Sieve([Bound(length, 1), Bound(length, high=3, name="long")]).counts)[1] == "long"
