"""Intervals: beside SciPy's, and by what a confidence interval promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score

from aigc_course.metrics import bootstrap, precision_recall_f1, wilson


@given(st.integers(1, 300), st.data(), st.floats(0.5, 0.999))
def test_wilson_is_scipys(trials, data, level):
    hits = data.draw(st.integers(0, trials))
    ours = wilson(hits, trials, level)
    theirs = stats.binomtest(hits, trials).proportion_ci(level, method="wilson")
    assert ours.value == hits / trials
    assert ours[1:] == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_bootstrap_is_scipys_up_to_the_draws(level):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=400)
    guess = np.where(rng.random(400) < 0.8, y, 1 - y)

    def f1(y, guess):
        return precision_recall_f1(y, guess, "macro", n_classes=2).f1

    ours = bootstrap(f1, y, guess, level=level, resamples=4000)
    theirs = stats.bootstrap(
        (y, guess),
        lambda a, b: f1_score(a, b, average="macro"),
        paired=True,
        vectorized=False,
        n_resamples=2000,
        confidence_level=level,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert ours.value == pytest.approx(f1_score(y, guess, average="macro"))
    width = theirs.high - theirs.low
    assert ours[1:] == pytest.approx(tuple(theirs), abs=0.08 * width)


def test_nineteen_in_twenty_hold_the_truth():
    rng = np.random.default_rng(0)
    held = 0
    for k in range(200):
        interval = bootstrap(np.mean, rng.random(80) < 0.7, resamples=200, seed=k)
        held += interval.low <= 0.7 <= interval.high
    assert 180 <= held <= 198  # 190 wanted; the percentile interval is a little short


def test_rows_of_one_group_are_drawn_together():
    once = np.random.default_rng(0).integers(2, size=100)
    tenfold, groups = np.repeat(once, 10), np.repeat(np.arange(100), 10)
    believed = bootstrap(np.mean, tenfold)
    honest = bootstrap(np.mean, tenfold, groups=groups)
    alone = bootstrap(np.mean, once)
    assert honest.high - honest.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert believed.high - believed.low < 0.5 * (honest.high - honest.low)


def test_groups_of_one_row_change_only_the_draws():
    x = np.random.default_rng(0).random(50)
    shuffled = np.random.default_rng(1).permutation(50)
    plain, grouped = bootstrap(np.mean, x), bootstrap(np.mean, x, groups=shuffled)
    assert grouped == pytest.approx(plain, rel=0.02)


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    x = np.random.default_rng(0).random(50)
    assert bootstrap(np.mean, x, seed=3) == bootstrap(np.mean, x, seed=3)
    assert bootstrap(np.mean, x, seed=3) != bootstrap(np.mean, x, seed=4)


def test_draws_without_a_value_are_left_out():
    y = np.array([1] + [0] * 9)

    def recall(y, guess):
        return np.nan if not y.any() else guess[y == 1].mean()

    assert bootstrap(recall, y, np.ones(10)) == (1, 1, 1)


@pytest.mark.parametrize("trials", [1, 10, 13, 15, 17, 1000, 10**15])
def test_none_and_all_lie_in_their_own_interval(trials):
    for hits in (0, trials):
        interval = wilson(hits, trials)
        assert interval.low <= interval.value <= interval.high  # bars of an error are not negative


@pytest.mark.parametrize(("drawn", "said"), [(np.nan, "NaN for every draw"), (np.inf, "infinite")])
def test_draws_that_make_no_interval_are_told(drawn, said):
    def metric(x):
        return 1.0 if list(x) == list(range(30)) else drawn

    with pytest.raises(ValueError, match=said):
        bootstrap(metric, np.arange(30))


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ([], {}, "at least one"),
        ([[]], {}, "not 0"),
        ([[1, 2], [1]], {}, "same number"),
        ([3], {}, "same number"),
        ([[1]], {}, "at least 2"),
        ([[1, 0, 1]], {"groups": ["甲"] * 3}, "at least 2"),
        ([[1, 2]], {"level": 1.0}, "level"),
        ([[1, 2]], {"resamples": 10}, "resamples"),
        ([[1, 2]], {"groups": [1]}, "groups"),
        ([[np.nan, 1]], {}, "wanted a number"),
    ],
)
def test_what_gives_no_interval_is_refused(columns, options, said):
    with pytest.raises(ValueError, match=said):
        bootstrap(np.mean, *columns, **options)


@pytest.mark.parametrize("wrong", [(0, 0), (3, 2), (-1, 2), (1, 2, 0.0)])
def test_shares_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        wilson(*wrong)
