"""An n-gram language model over ids with interpolated Kneser–Ney smoothing. Needs NumPy only.

The probability of the next id, given the n − 1 before it, is counted in the training texts. What
the discount takes from the counts goes to the model of one id less, down to the uniform
distribution. The longest grams are counted as often as they occur; a shorter one is counted once
for each id that stands before it, because it is only asked where the longer ones were not enough
(Kneser and Ney, 1995; interpolated as by Chen and Goodman, 1999, with one discount for all orders,
or with theirs: three for each order).

>>> model = NGram.fit([[1, 2, 1, 2], [1, 2]], 3, order=2)
>>> [round(float(np.exp(-x)), 2) for x in model.nats([[1, 2]])[0]]
[0.81, 0.81, 0.54]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["NGram"]

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Level:
    """The grams of one length k, each known by its key: (number of its last k − 1 ids, first id).

    Attributes:
        keys, contexts: keys of the grams and of their first k − 1 ids, sorted, int64.
        context_of: for each gram the number of its context.
        raw, spread: how often each gram occurs, and with how many ids before it (as often as it
            occurs where it begins a text).
    """

    keys: Ids
    contexts: Ids
    context_of: Ids
    raw: Ids
    spread: Ids

    @cached_property
    def of_raw(self) -> _Sums:
        """Of a level that nothing longer stands above."""
        return _Sums.of(self, self.raw)

    @cached_property
    def of_spread(self) -> _Sums:
        """Of a level that answers where a longer one was not enough."""
        return _Sums.of(self, self.spread)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is asked of a level's counts.

    Attributes:
        counts: of each gram.
        totals: for each context the sum of the counts of what follows it.
        kinds: for each context how many ids follow it once, twice and more often, (3, contexts).
        discounts: Chen and Goodman's for counts of 1, 2 and more.
    """

    counts: Ids
    totals: Ids
    kinds: Ids
    discounts: NDArray[np.float64]

    @classmethod
    def of(cls, level: _Level, counts: Ids) -> _Sums:
        n = len(level.contexts)
        totals = np.bincount(level.context_of, counts, n).astype(np.int64)
        kinds = np.array(
            [
                np.bincount(level.context_of[where], minlength=n)
                for where in (counts == 1, counts == 2, counts > 2)
            ]
        )
        return cls(counts, totals, kinds, _discounts(np.bincount(counts, minlength=5)[1:5]))


@dataclass(frozen=True, eq=False)
class NGram:
    """A language model; made by :meth:`fit`.

    Attributes:
        size: V, the number of ids; ``end`` is one of them.
        end: the id that closes every text, predicted like any other.
        order: n, the longest grams counted.

    References:
        Kneser, Ney: Improved backing-off for m-gram language modeling, ICASSP 1995. Chen, Goodman:
        An empirical study of smoothing techniques for language modeling, Computer Speech and
        Language 13, 1999.
    """

    size: int
    end: int
    order: int
    _levels: tuple[_Level, ...]

    @classmethod
    def fit(
        cls, texts: Iterable[Sequence[int]], size: int, *, order: int = 3, end: int = 0
    ) -> NGram:
        """Count the grams of all lengths up to ``order``.

        Args:
            texts: ids of each text, without ``end``: one is put behind each.
            size: V; ids are 0 … V − 1.
            order: n, at least 1. A model of order n also answers for every lower order.
            end: the id that closes a text.

        Raises:
            ValueError: an id is not below ``size``, the order is below 1, or there is no text.
        """
        if order < 1:
            raise ValueError(f"order: got {order}, wanted at least 1")
        stream, places = _stream(texts, size, order, end)
        if not len(places):
            raise ValueError("texts: got none, wanted at least one")
        levels: list[_Level] = []
        shorter = np.zeros(len(places), dtype=np.int64)  # number of the last k − 1 ids
        context = np.zeros(len(places), dtype=np.int64)  # number of the k − 1 ids before the last
        parents: list[Ids] = []
        for k in range(1, order + 1):
            first = stream[places - k + 1]
            keys, at, shorter, raw = np.unique(
                shorter * (size + 1) + first,
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            parents.append(keys // (size + 1))
            if k == 1:
                contexts = np.zeros(1, dtype=np.int64)
            else:
                contexts, context = np.unique(context * (size + 1) + first, return_inverse=True)
            opening = first[at] == size  # begins before the text
            levels.append(_Level(keys, contexts, context[at], raw, opening))
        for k, level in enumerate(levels):
            before = level.raw
            if k + 1 < order:
                before = np.bincount(parents[k + 1], minlength=len(level.keys))
            levels[k] = replace(level, spread=np.where(level.spread, level.raw, before))
        return cls(size, end, order, tuple(levels))

    def nats(
        self,
        texts: Iterable[Sequence[int]],
        *,
        order: int | None = None,
        discount: float | None = 0.75,
    ) -> list[NDArray[np.float64]]:
        """−ln p of each id, given those before it in its text; the last one is ``end``'s.

        Args:
            texts: ids of each text, without ``end``.
            order: at most that of the model; by default the same.
            discount: D, taken from every count; more than 0, at most 1. None: three for each
                order, for counts of 1, 2 and more, from the numbers of grams that occur once to
                four times (Chen and Goodman's modified smoothing).

        Returns:
            For each text of T ids an array (T + 1,).

        Raises:
            ValueError: an id, the order or the discount is out of range.
        """
        texts = [list(text) for text in texts]
        table = self.table(
            texts, orders=[self.order if order is None else order], discount=discount
        )
        ends = np.cumsum([len(text) + 1 for text in texts])[:-1]
        return np.split(table[0], ends) if texts else []

    def table(
        self,
        texts: Iterable[Sequence[int]],
        *,
        orders: Sequence[int],
        discount: float | None = 0.75,
    ) -> NDArray[np.float64]:
        """As :meth:`nats`, for several orders at once and all texts in one row: (orders, places).

        Example:
            >>> model = NGram.fit([[1, 2, 1, 2], [1, 2]], 3, order=2)
            >>> model.table([[1, 2]], orders=[1, 2]).shape
            (2, 3)
        """
        self._check(orders, discount)
        stream, places = _stream(texts, self.size, self.order, self.end)
        found = self._found(
            (stream[places - k] for k in range(self.order)),
            len(places),
            max(orders, default=0),
            discount,
        )
        return np.array([-np.log(found[n]) for n in orders]).reshape(len(orders), len(places))

    def distribution(
        self, before: Sequence[int], *, order: int | None = None, discount: float | None = 0.75
    ) -> NDArray[np.float64]:
        """Probability of every id after ``before``, the beginning of a text: (V,).

        Example:
            >>> NGram.fit([[1, 2], [1, 2]], 3, order=2).distribution([1]).argmax()
            np.int64(2)
        """
        top = self.order if order is None else order
        self._check([top], discount)
        stream, _ = _stream([before], self.size, self.order, self.end)
        last = stream[: len(stream) - 1]  # without the end
        firsts = (
            np.arange(self.size) if k == 0 else np.full(self.size, last[-k]) for k in range(top)
        )
        return self._found(firsts, self.size, top, discount)[top]

    def sample(
        self,
        rng: np.random.Generator,
        before: Sequence[int] = (),
        *,
        longest: int = 200,
        discount: float | None = 0.75,
    ) -> list[int]:
        """A text drawn id by id after ``before``, until its end or ``longest`` ids.

        Example:
            >>> NGram.fit([[1, 2]] * 9, 3, order=3).sample(np.random.default_rng(0))
            [1, 2]
        """
        text = list(before)
        while len(text) < longest:
            p = self.distribution(text, discount=discount)
            one = int(rng.choice(self.size, p=p / p.sum()))
            if one == self.end:
                break
            text.append(one)
        return text

    def _check(self, orders: Sequence[int], discount: float | None) -> None:
        if discount is not None and not 0 < discount <= 1:
            raise ValueError(f"discount: got {discount}, wanted more than 0, at most 1, or None")
        if wrong := [n for n in orders if not 1 <= n <= self.order]:
            raise ValueError(f"order: got {wrong[0]}, wanted 1 to {self.order}")

    def _found(
        self, firsts: Iterable[Ids], places: int, top: int, discount: float | None
    ) -> dict[int, NDArray[np.float64]]:
        """Probabilities of each order up to ``top``, given the ids 0, 1, … before each place."""
        p = np.full(places, 1 / self.size)
        found: dict[int, NDArray[np.float64]] = {}
        shorter = np.zeros(places, dtype=np.int64)
        context = np.zeros(places, dtype=np.int64)
        for (k, level), first in zip(enumerate(self._levels[:top], 1), firsts, strict=False):
            shorter = _number(level.keys, shorter, first, self.size)
            if k > 1:
                context = _number(level.contexts, context, first, self.size)
            found[k] = level_p = _mixed(level.of_raw, shorter, context, discount, p)
            if k < self.order:
                p = _mixed(level.of_spread, shorter, context, discount, p)
            else:
                p = level_p
        return found


def _stream(texts: Iterable[Sequence[int]], size: int, order: int, end: int) -> tuple[Ids, Ids]:
    """All texts in a row, and the places that are predicted.

    Before each text stand ``order − 1`` signs ``size``, which are never predicted.
    """
    if not 0 <= end < size:
        raise ValueError(f"end: got {end}, wanted 0 to {size - 1}")
    lead = np.full(order - 1, size, dtype=np.int64)
    rows: list[Ids] = []
    for text in texts:
        ids = np.asarray(text, dtype=np.int64).reshape(-1)
        if len(ids) and not (ids.min() >= 0 and ids.max() < size):
            bad = ids.min() if ids.min() < 0 else ids.max()
            raise ValueError(f"texts: got the id {bad}, wanted 0 to {size - 1}")
        rows += [lead, ids, np.array([end])]
    stream = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    return stream, np.flatnonzero(stream != size)


def _number(known: Ids, before: Ids, first: Ids, size: int) -> Ids:
    """The numbers of these keys among the known ones; −1: not there."""
    keys = np.where(before >= 0, before * (size + 1) + first, -1)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, at, -1)


def _mixed(
    sums: _Sums,
    gram: Ids,
    context: Ids,
    discount: float | None,
    lower: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One step of the interpolation; where the context is unknown, the shorter one answers."""
    D = sums.discounts if discount is None else np.full(3, discount)
    total = np.where(context >= 0, sums.totals[context], 1)
    count = np.where(gram >= 0, sums.counts[gram], 0)
    kept = np.maximum(count - D[np.clip(count, 1, 3) - 1], 0) / total
    passed_on = (D @ sums.kinds)[context] / total
    return np.where(context >= 0, kept + passed_on * lower, lower)


def _discounts(n: Ids) -> NDArray[np.float64]:
    """D_k = k − (k + 1) Y n_{k+1} / n_k for k = 1, 2, 3, with Y = n₁ / (n₁ + 2 n₂).

    Of the numbers n₁ … n₄ of grams that occur so often. Where there are too few to tell, 0.75; and
    never 0, for what has not been seen needs its share.
    """
    if not n[0] or not n[1]:
        return np.full(3, 0.75)
    y = n[0] / (n[0] + 2 * n[1])
    found = [k - (k + 1) * y * n[k] / n[k - 1] if n[k - 1] else 0.75 for k in (1, 2, 3)]
    return np.clip(found, 0.05, [1, 2, 3])
