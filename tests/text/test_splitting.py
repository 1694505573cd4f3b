"""Splits: groups stay whole, shares are met, order and additions do not matter, leaks are seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text.duplicates import clusters, near_duplicates
from aigc_course.text.splitting import leaks, split

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
ROWS = st.lists(st.tuples(st.text(max_size=5), st.integers(0, 6)), max_size=40)


@given(ROWS, st.integers(0, 5))
def test_a_group_is_in_one_part(rows, seed):
    parts = split([t for t, _ in rows], [g for _, g in rows], SHARES, seed)
    assert len(parts) == len(rows) and set(parts) <= set(SHARES)
    for group in {g for _, g in rows}:
        assert len({part for part, (_, g) in zip(parts, rows, strict=True) if g == group}) == 1


@given(ROWS, st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, random):
    def by_row(rows):
        return dict(
            zip(rows, split([t for t, _ in rows], [g for _, g in rows], SHARES), strict=True)
        )

    shuffled = rows[:]
    random.shuffle(shuffled)
    assert by_row(rows) == by_row(shuffled)


def test_shares_are_met_and_seeds_differ():
    texts = [f"第{k}条" for k in range(20_000)]
    one, other = (split(texts, range(20_000), SHARES, seed) for seed in (0, 1))
    for name, share in SHARES.items():
        assert abs(one.count(name) - share * 20_000) < 4 * np.sqrt(20_000 * share * (1 - share))
    agree = np.mean(np.array(one) == np.array(other))
    assert abs(agree - (0.64 + 0.02)) < 0.02


def test_what_is_added_later_moves_nothing():
    texts = [f"第{k}条" for k in range(500)]
    parts = split(texts, texts, SHARES)
    assert split([*texts, "新的"], [*texts, "新的"], SHARES)[:500] == parts


def test_near_duplicates_kept_together_do_not_leak_and_a_plain_split_does():
    rng = np.random.default_rng(0)
    han = np.array([chr(0x4E00 + k) for k in range(600)])
    texts = ["".join(row) for row in rng.choice(han, size=(300, 30))]
    texts += [text[:29] + "了！" for text in texts[:200]]
    groups = clusters(len(texts), near_duplicates(texts, 0.7)).tolist()
    assert leaks(texts, split(texts, groups, SHARES), 0.75) == []
    assert len(leaks(texts, split(texts, range(500), SHARES), 0.75)) > 30


@pytest.mark.parametrize(
    ("groups", "shares"),
    [
        ([0], SHARES),
        ([0, 1], {"train": 0.5, "test": 0.4}),
        ([0, 1], {"train": 1.0, "test": 0.0}),
        ([0, 1], {}),
    ],
)
def test_what_cannot_be_split(groups, shares):
    with pytest.raises(ValueError, match="got"):
        split(["a", "b"], groups, shares)


def test_nothing_to_split_and_parts_that_are_missing():
    assert split([], [], SHARES) == [] and leaks([], []) == []
    with pytest.raises(ValueError, match="parts: got 1"):
        leaks(["a", "b"], ["train"])
