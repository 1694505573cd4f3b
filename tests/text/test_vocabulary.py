"""Vocabularies: numbers go both ways, files that are broken are named, rows become one array."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.errors import UserError
from aigc_course.text.vocabulary import PAD, UNKNOWN, Vocabulary, padded

ROWS = st.lists(
    st.lists(st.sampled_from(["春", "眠", "晓", "a", PAD, "很长的词"]), max_size=6), max_size=8
)


@given(ROWS, st.integers(1, 3), st.none() | st.integers(2, 6))
def test_frequent_tokens_come_first(rows, min_count, size):
    words = Vocabulary.count(rows, min_count=min_count, size=size)
    flat = [token for row in rows for token in row]
    kept = words.tokens[2:]
    counts = [flat.count(token) for token in kept]
    assert counts == sorted(counts, reverse=True) and all(n >= min_count for n in counts)
    if size is None:
        assert set(kept) == {t for t in flat if flat.count(t) >= min_count} - {PAD}
    else:
        assert len(words) <= size
    assert words.tokens_of(words.ids(kept)) == list(kept)
    assert all(words.ids([t]) == [1] for t in flat if t not in words)


def test_the_order_of_equals_does_not_hang_on_the_order_of_the_rows():
    one, other = (Vocabulary.count(rows, min_count=1) for rows in (["乙甲", "丙"], ["丙", "甲乙"]))
    assert one == other


def test_specials_and_shares():
    words = Vocabulary.count([["春", "春"]], specials=["<始>"])
    assert words.tokens == (PAD, UNKNOWN, "<始>", "春") and "春" in words and len(words) == 4
    assert words.known_share([["春", "夏"]]) == 0.5 and math.isnan(words.known_share([[]]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: Vocabulary(("春",)),
        lambda: Vocabulary((PAD, UNKNOWN, "春", "春")),
        lambda: Vocabulary.count([], min_count=0),
        lambda: Vocabulary.count([], size=1),
        lambda: Vocabulary.count([], specials=["a", "a"]),
        lambda: Vocabulary((PAD, UNKNOWN)).tokens_of([2]),
        lambda: Vocabulary((PAD, UNKNOWN)).tokens_of([-1]),
        lambda: padded([[1]], length=0),
    ],
)
def test_what_is_no_vocabulary(call):
    with pytest.raises(ValueError, match="got"):
        call()


def test_files(tmp_path):
    path = tmp_path / "我的 词表.json"
    words = Vocabulary.count([["春\n眠", "“晓”", "𠮷"]], min_count=1)
    words.save(path)
    assert Vocabulary.load(path) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "不是完整的 JSON"),
        ('{"format": 1, "tok', "不是完整的 JSON"),
        ("[]", "没有词表"),
        ('{"format": 1, "tokens": [1]}', "没有词表"),
        (json.dumps({"format": 1, "tokens": ["a"]}), "不对"),
        (json.dumps({"format": 99, "tokens": []}), "更新的课程"),
    ],
)
def test_files_that_are_broken(tmp_path, text, said):
    path = tmp_path / "坏.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=said):
        Vocabulary.load(path)
    with pytest.raises(UserError, match="没有文件"):
        Vocabulary.load(tmp_path / "无.json")
    with pytest.raises(UserError, match="读不了"):
        Vocabulary.load(tmp_path)


@given(st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=6), st.none() | st.integers(1, 8))
def test_rows_in_one_array(rows, length):
    array, lengths = padded(rows, length)
    T = max(map(len, rows), default=0) if length is None else length
    assert array.shape == (len(rows), T) and array.dtype == lengths.dtype == np.int64
    for row, filled, n in zip(rows, array, lengths, strict=True):
        assert filled[:n].tolist() == row[:T] and not filled[n:].any() and n == min(len(row), T)


def test_rows_without_any_number():
    assert padded([[], []])[0].shape == (2, 0) and padded([], fill=7)[1].tolist() == []
    assert padded([[]], length=2, fill=7)[0].tolist() == [[7, 7]]
