"""Classification metrics against scikit-learn, over random and cornered inputs."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course import metrics

pytestmark = pytest.mark.filterwarnings("ignore:A single label was found")


@st.composite
def labelled(draw, max_classes=6):
    k = draw(st.integers(1, max_classes))
    n = draw(st.integers(1, 60))
    one = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    return np.array(draw(one)), np.array(draw(one)), k


@st.composite
def scored(draw):
    n = draw(st.integers(1, 60))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    y[draw(st.integers(0, n - 1))] = 1
    # a coarse grid, so that ties are common
    s = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    return np.array(y), np.array(s) / 4


@given(labelled())
def test_confusion_and_accuracy_equal_scikit_learn(case):
    y, p, k = case
    got = metrics.confusion_matrix(y, p, k)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, sk.confusion_matrix(y, p, labels=range(k)))
    assert metrics.accuracy(y, p) == pytest.approx(sk.accuracy_score(y, p))


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@given(case=labelled())
def test_precision_recall_f1_equal_scikit_learn(case, average):
    y, p, k = case
    want = sk.precision_recall_fscore_support(
        y, p, labels=range(k), average=average, zero_division=0
    )[:3]
    got = metrics.precision_recall_f1(y, p, average, n_classes=k)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


@given(labelled(max_classes=2))
def test_binary_equals_scikit_learn(case):
    y, p, _ = case
    want = sk.precision_recall_fscore_support(y, p, labels=[1], average="micro", zero_division=0)
    np.testing.assert_allclose(metrics.precision_recall_f1(y, p, "binary"), want[:3])


@given(labelled())
def test_micro_average_is_accuracy(case):
    y, p, _ = case
    assert metrics.precision_recall_f1(y, p, "micro").f1 == pytest.approx(metrics.accuracy(y, p))


def test_precision_is_a_column_and_recall_a_row():
    # 3 of class 1 among 10; predicted positive: 4, of which 2 right
    y = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    p = [1, 1, 0, 1, 1, 0, 0, 0, 0, 0]
    got = metrics.precision_recall_f1(y, p, "binary")
    assert got.precision == pytest.approx(2 / 4)
    assert got.recall == pytest.approx(2 / 3)


def test_macro_f1_is_the_mean_of_f1s_not_f1_of_means():
    y, p = [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 0]
    each = metrics.precision_recall_f1(y, p, None)
    macro = metrics.precision_recall_f1(y, p, "macro")
    of_means = 2 * macro.precision * macro.recall / (macro.precision + macro.recall)
    assert macro.f1 == pytest.approx(each.f1.mean())
    assert macro.f1 != pytest.approx(of_means, abs=1e-3)


@settings(deadline=None)
@given(scored())
def test_curve_and_average_precision_equal_scikit_learn(case):
    y, s = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ours, theirs in zip(
            metrics.precision_recall_curve(y, s), sk.precision_recall_curve(y, s), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        assert metrics.average_precision(y, s) == pytest.approx(sk.average_precision_score(y, s))


@given(scored())
def test_best_threshold_beats_every_other(case):
    y, s = case
    threshold, f1 = metrics.best_f1_threshold(y, s)
    all_f1 = [sk.f1_score(y, s >= t, zero_division=0) for t in np.unique(s)]
    assert f1 == pytest.approx(max(all_f1))
    assert sk.f1_score(y, s >= threshold, zero_division=0) == pytest.approx(f1)


def test_reliability_counts_and_ece_by_hand():
    confidence = np.array([0.55, 0.6, 0.95, 1.0, 0.0])
    correct = np.array([1, 0, 1, 1, 0])
    bins = metrics.reliability(confidence, correct, n_bins=10)
    assert bins.counts.tolist() == [1, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert bins.accuracy[5] == 0.5
    assert bins.confidence[9] == pytest.approx(0.975)
    gap = (1 * 0.0 + 2 * abs(0.575 - 0.5) + 2 * abs(0.975 - 1.0)) / 5
    assert metrics.expected_calibration_error(confidence, correct) == pytest.approx(gap)


def test_report_has_every_class_and_both_averages():
    text = metrics.classification_report([0, 1, 2, 2], [0, 1, 1, 2], ["裤子", "包", "T恤"])
    lines = text.splitlines()
    assert len(lines) == 6
    assert lines[2].split() == ["包", "0.500", "1.000", "0.667", "1"]
    assert lines[5].split()[1:] == ["0.750", "0.750", "0.750", "4"]


def test_report_equals_scikit_learn_numbers():
    rng = np.random.default_rng(0)
    y, p = rng.integers(4, size=200), rng.integers(4, size=200)
    want = sk.classification_report(y, p, output_dict=True)
    for k, line in enumerate(metrics.classification_report(y, p, digits=6).splitlines()[1:5]):
        name, precision, recall, f1, support = line.split()
        row = want[name]
        assert name == str(k)
        assert float(precision) == pytest.approx(row["precision"], abs=1e-6)
        assert float(recall) == pytest.approx(row["recall"], abs=1e-6)
        assert float(f1) == pytest.approx(row["f1-score"], abs=1e-6)
        assert int(support) == row["support"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: metrics.accuracy([0, 1], [0]), "2 and 1 labels"),
        (lambda: metrics.accuracy([], []), "y_true: got no labels"),
        (lambda: metrics.accuracy([0, 1], [[0.1, 0.9], [0.2, 0.8]]), "argmax"),
        (lambda: metrics.accuracy([0, 1], [0.2, 0.7]), "threshold"),
        (lambda: metrics.accuracy([0, -1], [0, 1]), "got -1"),
        (lambda: metrics.confusion_matrix([0, 3], [0, 1], 3), "label 3 occurs"),
        (lambda: metrics.precision_recall_f1([0], [0], "makro"), "got 'makro'"),
        (lambda: metrics.classification_report([0, 2], [0, 1], ["a", "b"]), "label 2 occurs"),
        (lambda: metrics.precision_recall_curve([0, 2], [0.1, 0.2]), "0 and 1 only"),
        (lambda: metrics.precision_recall_curve([0, 0], [0.1, 0.2]), "no positive sample"),
        (lambda: metrics.precision_recall_curve([0, 1], [0.1]), "one score a sample"),
        (lambda: metrics.precision_recall_curve([0, 1], [0.1, np.nan]), "NaN"),
        (lambda: metrics.reliability([1.2], [1]), "probabilities"),
        (lambda: metrics.reliability([0.5], [1, 0]), "same"),
        (lambda: metrics.reliability([0.5], [1], n_bins=0), "at least 1"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
