"""Hidden Markov models: Viterbi against all rows of states, counts against arithmetic."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text.hmm import HMM, viterbi


@st.composite
def models(draw):
    K, T = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    start, transition, emission = (
        np.log(rng.dirichlet(np.ones(k), size=n)) for n, k in ((1, K), (K, K), (T, K))
    )
    if K > 1 and draw(st.booleans()):  # something impossible, but not everything
        transition[0, 1] = -np.inf
    return start[0], transition, emission


@given(models())
def test_the_best_row_of_all(model):
    start, transition, emission = model

    def log_probability(row):
        steps = sum(transition[i, j] for i, j in pairwise(row))
        return start[row[0]] + steps + sum(emission[t, k] for t, k in enumerate(row))

    rows = list(product(range(len(start)), repeat=len(emission)))
    best = max(map(log_probability, rows))
    states, found = viterbi(start, transition, emission)
    assert found == pytest.approx(best) and log_probability(states.tolist()) == pytest.approx(best)


def test_a_long_sentence_does_not_run_out_of_numbers():
    half = np.log([[0.9, 0.1], [0.1, 0.9]])
    states, found = viterbi(half[0], half, np.tile(half, (50_000, 1)))
    assert len(states) == 100_000 and np.isfinite(found)


@pytest.mark.parametrize(
    ("start", "transition", "emission"),
    [((2,), (2, 2), (0, 2)), ((3,), (2, 2), (4, 2)), ((2,), (2, 3), (4, 2))],
)
def test_shapes_that_do_not_fit(start, transition, emission):
    with pytest.raises(ValueError, match="got"):
        viterbi(np.zeros(start), np.zeros(transition), np.zeros(emission))


SENTENCES = [
    [("我", "r"), ("爱", "v"), ("北京", "n")],
    [("北京", "n"), ("爱", "v"), ("我", "r")],
    [],
    [("爱", "n")],
]


def test_counts_by_hand():
    model = HMM.count(SENTENCES, smoothing=0.5)
    n, r, v = (model.tags.index(tag) for tag in "nrv")
    assert model.tags == ("n", "r", "v")
    np.testing.assert_allclose(np.exp(model.start), np.array([2.5, 1.5, 0.5]) / 4.5)
    np.testing.assert_allclose(np.exp(model.transition[v]), np.array([1.5, 1.5, 0.5]) / 3.5)
    np.testing.assert_allclose(np.exp(model.transition[r, v]), 1.5 / 2.5)
    np.testing.assert_allclose(np.exp(model.emission["爱"]), [1.5 / 5, 0.5 / 4, 2.5 / 4])
    np.testing.assert_allclose(np.exp(model.unknown), [0.5 / 5, 0.5 / 4, 0.5 / 4])
    assert n == 0


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("甲乙丙丁"), st.sampled_from("ab")), max_size=5),
        min_size=1,
    ),
    st.floats(0.01, 3),
)
def test_all_that_is_possible_has_probability_one(sentences, smoothing):
    if not any(sentences):
        return
    model = HMM.count(sentences, smoothing=smoothing)
    together = sum(np.exp(row) for row in model.emission.values()) + np.exp(model.unknown)
    np.testing.assert_allclose(together, 1)
    np.testing.assert_allclose(np.exp(model.transition).sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.start).sum(), 1)


def test_without_smoothing_what_was_never_seen_is_impossible():
    model = HMM.count(SENTENCES, smoothing=0.0)
    assert model.tag(["我", "爱", "北京"]) == ["r", "v", "n"]
    assert model.transition[model.tags.index("r"), model.tags.index("r")] == -np.inf
    assert np.all(model.scores(["没见过"]) == -np.inf)


def test_tagging_nothing_and_the_unknown():
    model = HMM.count(SENTENCES, smoothing=0.1)
    assert model.tag([]) == [] and len(model.tag(["没", "见", "过"])) == 3


@pytest.mark.parametrize(
    ("sentences", "options"),
    [([], {}), ([[]], {}), (SENTENCES, {"tags": "nr"}), (SENTENCES, {"smoothing": -1})],
)
def test_what_cannot_be_counted(sentences, options):
    with pytest.raises(ValueError, match="got"):
        HMM.count(sentences, **options)
