"""Quatrains: counts as the card tells, form, parts without a leak, and damage that is named."""

import lzma
import re
from collections import Counter

import pytest

from aigc_course import data
from aigc_course.data import DataError
from aigc_course.data.loaders import jueju as loader
from aigc_course.text.splitting import leaks


@pytest.fixture(scope="module")
def poems():
    return data.jueju()


def test_counts_are_those_of_the_card(poems):
    card = (data.data_root() / "cards" / "jueju.md").read_text("utf-8")
    for name in ("train", "val", "test"):
        part = getattr(poems, name)
        count = Counter(poem.dynasty for poem in part)
        assert f"| `{name}` | {len(part):,} | {count['唐']:,} | {count['宋']:,} |" in card
    assert repr(poems) == "Poems(train=89,527, val=4,869, test=5,074)"


def test_every_poem_is_of_four_lines_of_five_or_seven(poems):
    every = [*poems.train, *poems.val, *poems.test]
    lengths = Counter(len({*map(len, poem.lines)} | {len(poem.lines[0])}) for poem in every)
    assert set(lengths) == {1} and {len(poem.lines[0]) for poem in every} == {5, 7}
    assert all(len(poem.lines) == 4 for poem in every)
    assert len({poem.lines for poem in every}) == len(every) == 99_470
    odd = re.compile(r"[^\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
    assert not any(odd.search("".join(poem.lines)) for poem in every)


def test_a_poem_as_text(poems):
    assert str(poems.train[0]) == "四时运灰琯，一夕变冬春。\n送寒余雪尽，迎岁早梅新。"


def test_nothing_is_nearly_the_same_across_the_parts(poems):
    some = [("train", poems.train[::9]), ("val", poems.val), ("test", poems.test)]
    texts = ["".join(poem.lines) for _, part in some for poem in part]
    names = [name for name, part in some for _ in part]
    assert leaks(texts, names, 0.5, n=2) == []


def test_tang_is_a_part(poems):
    tang = data.tang_jueju()
    assert [len(part) for part in (tang.train, tang.val, tang.test)] == [12_639, 726, 751]
    assert set(tang.val) <= set(poems.val) and data.tang_jueju() is tang


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no archive",
        lzma.compress("train\t唐\t某\t题\t一/二/三\n".encode()),
        lzma.compress("draft\t唐\t某\t题\t一/二/三/四\n".encode()),
        lzma.compress("一行\n".encode()),
        lzma.compress("train\t唐\t某\t题\t一/二/三/四\n".encode())[:-20],
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, raw):
    path = tmp_path / "坏的.xz"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"cannot read .*坏的\.xz.*restore it with"):
        loader._load(path)
