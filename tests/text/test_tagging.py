"""Entities of the newspaper, character by character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course import data
from aigc_course.metrics import entities
from aigc_course.text.tagging import (
    KINDS,
    characters_and_tags,
    marked,
    neighbour_states,
    tag_names,
    tags_of_states,
    word_states,
)

words = st.tuples(st.text("甲乙丙丁", min_size=1, max_size=3), st.sampled_from(["nr", "ns", "n"]))


def names(*sentence):
    characters, tags = characters_and_tags(sentence)
    return [("".join(characters[e.start : e.stop]), e.kind) for e in entities(tags)]


def test_family_and_given_name_are_one_and_neighbours_are_two():
    four = (("江", "nr"), ("泽民", "nr"), ("李", "nr"), ("鹏", "nr"))
    assert names(*four) == [("江泽民", "nr"), ("李鹏", "nr")]
    assert names(("欧阳", "nr"), ("修", "nr")) == [("欧阳修", "nr")]
    assert names(("叶利钦", "nr"), ("李", "nr"), ("鹏", "nr")) == [("叶利钦", "nr"), ("李鹏", "nr")]
    foreign = (("李", "nr"), ("让·雅克", "nr"))
    assert names(*foreign) == [("李", "nr"), ("让·雅克", "nr")]
    assert names(("小平", "nr"), ("同志", "n")) == [("小平", "nr")]
    assert names(("王", "nr"), ("和", "c"), ("李", "nr")) == [("王", "nr"), ("李", "nr")]


def test_places_next_to_each_other_stay_two():
    assert names(("北京", "ns"), ("上海", "ns")) == [("北京", "ns"), ("上海", "ns")]


@given(st.lists(words, max_size=8))
def test_every_character_has_a_tag_and_no_inside_stands_alone(sentence):
    characters, tags = characters_and_tags(sentence)
    assert "".join(characters) == "".join(word for word, _ in sentence)
    assert len(tags) == len(characters) and set(tags) <= set(tag_names(["nr", "ns"]))
    assert entities(tags) == entities(tags, strict=False)
    covered = sum(e.stop - e.start for e in entities(tags))
    assert covered == sum(len(word) for word, tag in sentence if tag != "n")
    plain = marked(characters, tags)
    assert plain.count("[") == len(entities(tags)) == plain.count("]")


def test_the_newspaper_has_the_entities_it_is_known_for():
    paper = data.newspaper()
    found = [entities(characters_and_tags(row)[1]) for row in paper.test]
    kinds = {kind: sum(e.kind == kind for row in found for e in row) for kind in KINDS}
    assert kinds["nr"] > 1000 and kinds["ns"] > 1500 and 0 < kinds["nt"] < kinds["nr"] / 3
    first = " ".join(
        "".join(c[e.start : e.stop])
        for row in paper.train[:400]
        for c, t in [characters_and_tags(row)]
        for e in entities(t)
        if e.kind == "nr"
    )
    assert "江泽民" in first and "李鹏" in first


@pytest.mark.parametrize("states", [neighbour_states, word_states])
def test_finer_states_mean_the_same_tags(states):
    for sentence in data.newspaper().val[:300]:
        assert tags_of_states(states(sentence)) == characters_and_tags(sentence)[1]
