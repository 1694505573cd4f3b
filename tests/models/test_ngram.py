"""Kneser–Ney: the same numbers as counted in dictionaries; what sums to one; bad input."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course import data
from aigc_course.models.ngram import NGram

V = 4
ROWS = st.lists(st.lists(st.integers(1, V - 1), max_size=8), min_size=1, max_size=6)


def textbook(train, order, top, discount, text):
    """Probabilities in the words of the papers: a dictionary a length, a loop a place."""
    start = ["start"] * (order - 1)
    counts = defaultdict(Counter)  # length -> gram -> count
    for row in train:
        row = [*start, *row, 0]
        for i in range(order - 1, len(row)):
            for k in range(1, order + 1):
                counts[k][tuple(row[i - k + 1 : i + 1])] += 1
    used = {top: counts[top]}
    for k in range(1, top):
        before = Counter(gram[1:] for gram in counts[k + 1])
        used[k] = {g: counts[k][g] if g[0] == "start" else before[g] for g in counts[k]}

    def p(word, context):
        if context is None:
            return 1 / V
        known = {g: c for g, c in used[len(context) + 1].items() if g[:-1] == context}
        shorter = p(word, context[1:] if context else None)
        if not known:
            return shorter
        total = sum(known.values())
        D = [discount] * 3
        if discount is None:
            D = chen_goodman(Counter(used[len(context) + 1].values()))
        count = known.get((*context, word), 0)
        own = max(count - D[min(count, 3) - 1], 0) if count else 0
        return own / total + sum(D[min(c, 3) - 1] for c in known.values()) / total * shorter

    row = [*start, *text, 0]
    return [p(row[i], tuple(row[i - top + 1 : i])) for i in range(order - 1, len(row))]


def chen_goodman(n):
    if not n[1] or not n[2]:
        return (0.75,) * 3
    y = n[1] / (n[1] + 2 * n[2])
    found = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] else 0.75 for k in (1, 2, 3)]
    return [min(max(d, 0.05), k) for k, d in enumerate(found, 1)]


DISCOUNTS = st.sampled_from([0.3, 0.75, 1.0, None])


@given(ROWS, st.lists(st.integers(1, V - 1), max_size=6), DISCOUNTS)
@settings(max_examples=60, deadline=None)
def test_it_is_what_the_textbook_says(train, text, discount):
    model = NGram.fit(train, V, order=3)
    for top in (1, 2, 3):
        got = np.exp(-model.nats([text], order=top, discount=discount)[0])
        np.testing.assert_allclose(got, textbook(train, 3, top, discount, text), rtol=1e-12)


@given(ROWS, st.lists(st.integers(1, V - 1), max_size=4), DISCOUNTS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_probabilities_sum_to_one(train, before, discount, order):
    options = {"order": order, "discount": discount}
    model = NGram.fit(train, V, order=3)
    p = [np.exp(-model.nats([[*before, w]], **options)[0][len(before)]) for w in range(V)]
    assert sum(p) == pytest.approx(1) and min(p) > 0
    np.testing.assert_allclose(model.distribution(before, **options), p, rtol=1e-12)


def test_draws_follow_the_distribution_and_end_in_time():
    model = NGram.fit([[1, 2], [1, 3], [1, 2], [2]], V, order=2)
    rng = np.random.default_rng(0)
    drawn = [(*model.sample(rng, [1], longest=2), 0)[1] for _ in range(3000)]
    for one, p in enumerate(model.distribution([1])):
        share = drawn.count(one) / 3000
        assert share == pytest.approx(p, abs=4 * (p * (1 - p) / 3000) ** 0.5)
    assert all(len(model.sample(rng, longest=3)) <= 3 for _ in range(20))


def test_an_id_that_follows_one_other_only_is_rare_elsewhere():
    rows = [[1, 2]] * 8 + [[3, 4], [5, 4], [6, 4], [7, 4]]  # 2 eight times, 4 four
    p = NGram.fit(rows, 9, order=2).distribution([8])
    assert p[4] > 2 * p[2]


def test_three_discounts_an_order_are_the_better_bar_on_real_poems():
    poems = data.tang_jueju()
    train, val = (["".join(p.lines) for p in part] for part in (poems.train, poems.val[:200]))
    place = {c: k for k, c in enumerate(sorted(set("".join(train))), 1)}
    ids = [[[place.get(c, len(place) + 1) for c in text] for text in part] for part in (train, val)]
    model = NGram.fit(ids[0], len(place) + 2, order=3)
    each = {d: np.concatenate(model.nats(ids[1], discount=d)).mean() for d in (0.75, 0.9, None)}
    assert each[None] < min(each[0.75], each[0.9])


def test_texts_do_not_see_one_another():
    model = NGram.fit([[1, 2, 3], [2, 2]], V, order=3)
    alone = [model.nats([row])[0] for row in ([1, 2], [], [3, 3, 1])]
    together = model.nats([[1, 2], [], [3, 3, 1]])
    assert [len(row) for row in together] == [3, 1, 4]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.nats([]) == []


def test_another_end_is_the_same_model_renamed():
    first = NGram.fit([[1, 2], [2]], 3, order=2, end=0).nats([[2, 1]])[0]
    np.testing.assert_array_equal(
        first, NGram.fit([[1, 0], [0]], 3, order=2, end=2).nats([[0, 1]])[0]
    )


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        ([], {}),
        ([[1]], {"order": 0}),
        ([[4]], {}),
        ([[-1]], {}),
        ([[1]], {"end": 4}),
    ],
)
def test_what_cannot_be_fitted(texts, options):
    with pytest.raises(ValueError, match="got"):
        NGram.fit(texts, V, **options)


@pytest.mark.parametrize("options", [{"order": 3}, {"order": 0}, {"discount": 0}, {"discount": 2}])
def test_what_cannot_be_asked(options):
    with pytest.raises(ValueError, match="got"):
        NGram.fit([[1]], V, order=2).nats([[1]], **options)
