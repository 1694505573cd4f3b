"""Words are right where both ends are: against counting places by hand, and against boundaries."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.metrics.words import spans, word_counts, word_prf, word_recall


def cut(text, ends):
    marks = [0, *sorted({e for e in ends if 0 < e < len(text)}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(marks) if a < b]


TEXTS = st.text("甲乙丙丁", min_size=1, max_size=12)
ENDS = st.lists(st.integers(1, 11))


@given(TEXTS, ENDS, ENDS)
def test_a_word_is_right_if_both_its_ends_are_and_nothing_cuts_it(text, a, b):
    truth, guess = cut(text, a), cut(text, b)
    at = {0, *np.cumsum([len(w) for w in guess])}
    right = sum(i in at and j in at and not any(i < k < j for k in at) for i, j in spans(truth))
    assert word_counts([truth], [guess]).tolist() == [[right, len(guess), len(truth)]]
    known = set("甲乙丙丁")
    in_, out = (
        word_recall([truth], [guess], f) for f in (known.__contains__, lambda w: w not in known)
    )
    assert in_[0] + out[0] == right and in_[1] + out[1] == len(truth)


@given(TEXTS, ENDS)
def test_the_truth_itself_is_all_right(text, a):
    words = cut(text, a)
    assert word_prf([words], [words]) == (1, 1, 1)


def test_precision_and_recall_are_turned_with_their_arguments():
    truth, guess = [["他", "来", "了"], ["研究", "生命"]], [["他", "来了"], ["研究生", "命"]]
    one, other = word_prf(truth, guess), word_prf(guess, truth)
    assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)
    assert one == (1 / 4, 1 / 5, 2 / 9)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="1 and 2 lines"):
        word_prf([["a"]], [["a"], ["b"]])
    with pytest.raises(ValueError, match="line 0 reads"):
        word_prf([["a", "b"]], [["ac"]])
    with pytest.raises(ValueError, match="empty word"):
        word_recall([["a", ""]], [["a"]], bool)
    assert word_prf([], []) == (0, 0, 0)
