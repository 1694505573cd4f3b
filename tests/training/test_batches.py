"""Every row once an epoch, an order that hangs on (seed, epoch), a place of two numbers."""

from itertools import chain, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.training.batches import Batches, order

ARGUMENTS = st.tuples(st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32), st.booleans())


def as_lists(batches, count):
    return [rows.tolist() for rows in islice(batches, count)]


@given(ARGUMENTS, st.integers(1, 3))
def test_each_epoch_holds_every_row_once(arguments, epochs):
    batches = Batches(*arguments)
    for epoch in range(epochs):
        assert (batches.epoch, batches.batch) == (epoch, 0)
        found = as_lists(batches, batches.in_epoch)
        assert sorted(chain.from_iterable(found)) == list(range(batches.rows))
        assert {len(rows) for rows in found[:-1]} <= {batches.size}
        assert 1 <= len(found[-1]) <= batches.size


@given(ARGUMENTS, st.integers(0, 50))
def test_from_its_place_the_same_batches_follow(arguments, done):
    whole, stopped, again = (Batches(*arguments) for _ in range(3))
    as_lists(stopped, done)
    again.load_state_dict(stopped.state_dict())
    assert as_lists(whole, done + 9)[done:] == as_lists(again, 9)


def test_seed_and_epoch_each_change_the_order():
    orders = [order(20, seed, epoch).tolist() for seed in range(5) for epoch in range(5)]
    assert len({tuple(one) for one in orders}) == 25
    assert order(20, 3, 7).dtype == np.int64


def test_no_order_is_likelier_than_another():
    counts = np.zeros((4, 4))
    for epoch in range(4000):
        counts[np.arange(4), order(4, 0, epoch)] += 1
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(4000 * 3 / 16)


def test_other_sources_of_randomness_have_no_say():
    np.random.seed(1)
    first = order(9, 0, 0)
    np.random.seed(2)
    assert (first == order(9, 0, 0)).all()


def test_without_shuffling_the_rows_come_in_their_order():
    assert as_lists(Batches(5, 2, shuffle=False), 4) == [[0, 1], [2, 3], [4], [0, 1]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0, 1), "rows: got 0.*empty"), ((1, 0), "size: got 0"), ((1, 1, -1), "seed: got -1")],
)
def test_what_cannot_be_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        Batches(*arguments)


@pytest.mark.parametrize("place", [{"epoch": 0, "batch": 3}, {"epoch": -1, "batch": 0}])
def test_a_place_of_other_data_is_refused(place):
    with pytest.raises(ValueError, match="wanted a batch from 0 to 2"):
        Batches(5, 2).load_state_dict(place)
