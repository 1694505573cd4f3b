"""Entities and their F1: those of seqeval, in both of its readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from aigc_course.metrics import entities, entity_prf, entity_report

TAGS = ["O", "B-nr", "I-nr", "B-ns", "I-ns"]
rows = st.lists(st.sampled_from(TAGS), max_size=12)
pairs = st.lists(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(*[st.lists(st.sampled_from(TAGS), min_size=n, max_size=n)] * 2)
    ),
    min_size=1,
    max_size=6,
)


@given(rows)
def test_entities_are_seqevals(tags):
    loose = [(kind, start, stop + 1) for kind, start, stop in get_entities(tags)]
    assert [tuple(one) for one in entities(tags, strict=False)] == loose
    strict = [(e.tag, e.start, e.end) for e in Entities([tags], IOB2).entities[0]]
    assert [tuple(one) for one in entities(tags)] == strict


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strict", [True, False])
@given(pairs)
def test_scores_are_seqevals(strict, found):
    truth, guess = [list(t) for t, _ in found], [list(g) for _, g in found]
    options = {"mode": "strict", "scheme": IOB2} if strict else {}
    wanted = [
        score(truth, guess, zero_division=0, **options)
        for score in (precision_score, recall_score, f1_score)
    ]
    assert list(entity_prf(truth, guess, strict=strict)) == pytest.approx(wanted)


def test_all_tags_but_one_right_and_no_entity_is():
    truth, guess = [["B-nt", "I-nt", "I-nt", "I-nt"]], [["B-nt", "I-nt", "I-nt", "O"]]
    assert entity_prf(truth, guess).f1 == 0


def test_kinds_apart():
    truth = [["B-nr", "O", "B-ns"], ["B-ns", "I-ns", "O"]]
    guess = [["B-nr", "B-nr", "B-ns"], ["B-ns", "O", "O"]]
    report = entity_report(truth, guess)
    assert report["nr"] == ((0.5, 1.0, pytest.approx(2 / 3)), 1)
    assert report["ns"] == ((0.5, 0.5, 0.5), 2)
    assert entity_prf(truth, guess, kind="nr") == report["nr"][0]
    assert entity_prf(truth, guess, kind="nt") == (0, 0, 0)


def test_nothing_said_and_nothing_there():
    assert entity_prf([["O"]], [["O"]]) == (0, 0, 0)
    assert entity_prf([], []) == (0, 0, 0)
    assert entities([]) == []


@pytest.mark.parametrize(
    ("truth", "guess", "said"),
    [
        ([["O"]], [], "rows"),
        ([["O", "O"]], [["O"]], "in row 0"),
        ([["nr"]], [["O"]], "B-kind"),
        ([["B-"]], [["O"]], "B-kind"),
    ],
)
def test_what_does_not_fit_is_refused(truth, guess, said):
    with pytest.raises(ValueError, match=said):
        entity_prf(truth, guess)
