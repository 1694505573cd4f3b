"""The labelled sample: its labels by laws that do not come from the finder."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text.cleaning import to_halfwidth
from aigc_course.text.private import id_card_is_valid, luhn_is_valid, score
from aigc_course.text.private_sample import labelled_texts

SEEDS = st.integers(0, 2**32)


def digits(text):
    return "".join(c for c in to_halfwidth(text) if c.isdigit() or c in "Xx")


@given(SEEDS)
def test_true_numbers_pass_their_checks_and_false_ones_do_not(seed):
    for one in labelled_texts(78, seed):
        if one.pieces:
            [piece] = one.pieces
            found = digits(one.text[piece.start : piece.end])
            if piece.kind == "id_card":
                assert id_card_is_valid(found)
            elif piece.kind == "bank_card":
                assert luhn_is_valid(found)
        elif one.writing == "流水号，18 位":
            assert not id_card_is_valid(digits(one.text))
        elif one.writing == "流水号，16 位":
            assert not luhn_is_valid(digits(one.text))


@given(SEEDS)
def test_the_label_is_the_piece_and_nothing_else(seed):
    for one in labelled_texts(39, seed):
        for piece in one.pieces:
            inside = one.text[piece.start : piece.end]
            assert inside == inside.strip() and len(inside) >= 6
            outside = one.text[: piece.start] + one.text[piece.end :]
            assert not digits(outside) and "@" not in outside


def test_the_writings_take_turns():
    counts = Counter(one.writing for one in labelled_texts(39 * 4))
    assert len(counts) == 39 and set(counts.values()) == {4}


def test_equal_seeds_give_equal_texts_and_others_do_not():
    assert labelled_texts(50, 1) == labelled_texts(50, 1) != labelled_texts(50, 2)
    assert labelled_texts(0) == []


@pytest.mark.parametrize(
    ("writing", "found"),
    [
        ("手机，连写", True),
        ("手机，汉字", False),
        ("座机，没有区号", False),
        ("邮箱，躲着写", False),
    ],
)
def test_what_the_finder_makes_of_some_writings(writing, found):
    sample = [one for one in labelled_texts(39 * 20) if one.writing == writing]
    scores = score((to_halfwidth(one.text), one.pieces) for one in sample)
    assert scores["all"].recall == float(found)
