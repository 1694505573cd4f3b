"""An n-gram language model with interpolated Kneser–Ney smoothing: the bar for neural ones.

>>> model = KneserNey(["床前明月光", "举头望明月"], order=2, discounts=(0.5, 0.5, 0.5))
>>> round(model.probability("明", "月"), 3), round(model.probability("月", "床"), 3)
(0.772, 0.043)
>>> sum(model.probability("月", one) for one in model.symbols)
1.0

A sequence is whatever yields symbols: a text gives characters, a list gives words or tokens. Every
sequence ends with :data:`END`, which is predicted like any other symbol; it begins after
:data:`START`, which is never predicted.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["END", "START", "UNSEEN", "KneserNey"]

START, END, UNSEEN = "<始>", "<终>", "<未见>"

Symbol = Hashable
Context = tuple[Symbol, ...]
Discounts = tuple[float, float, float]


@dataclass
class _After:
    """What has been seen after one context: the counts, their sum, and how many are 1, 2, more."""

    counts: dict[Symbol, int] = field(default_factory=dict)
    total: int = 0
    kinds: tuple[int, int, int] = (0, 0, 0)

    def close(self) -> None:
        values = list(self.counts.values())
        ones, twos = values.count(1), values.count(2)
        self.total, self.kinds = sum(values), (ones, twos, len(values) - ones - twos)


class KneserNey:
    """Modified Kneser–Ney, interpolated.

    The longest context's counts are the plain ones. A shorter context's count how many different
    symbols stand before: 于 that follows only 至 is likely after 至, and unlikely elsewhere,
    however often 至于 occurs. A part of each count is taken away and given to the shorter context:

        P(w | c) = max(count(c w) − D, 0) / count(c ·) + γ(c) P(w | c without its first symbol)

    down to the same 1 / V for all. γ(c) is what makes the sum 1.

    Args:
        sequences: to count.
        order: n, the longest context has n − 1 symbols.
        symbols: all symbols that can come, :data:`END` aside; others are taken for
            :data:`UNSEEN`, which has a share of its own. Those of the sequences by default.
        discounts: D for counts of 1, 2, and 3 or more, the same for every length of context;
            by default those of Chen and Goodman for each length, from the numbers of n-grams that
            occur once, twice, three and four times.

    Attributes:
        symbols: what can be predicted, :data:`END` and :data:`UNSEEN` included: V of them.

    Raises:
        ValueError: an order below 1, no symbol at all, or discounts that are none.

    Reference:
        Kneser and Ney, 1995; modified and interpolated by Chen and Goodman, 1999 (An empirical
        study of smoothing techniques for language modeling).
    """

    def __init__(
        self,
        sequences: Iterable[Sequence[Symbol]],
        order: int = 3,
        symbols: Iterable[Symbol] | None = None,
        discounts: Discounts | None = None,
    ) -> None:
        if order < 1:
            raise ValueError(f"order: got {order}, wanted at least 1")
        if discounts is not None and not all(0 < d <= k for k, d in enumerate(discounts, 1)):
            raise ValueError(
                f"discounts: got {discounts}, wanted three numbers, above 0 and at most 1, 2, 3"
            )
        kept = [tuple(sequence) for sequence in sequences]
        known = {one for sequence in kept for one in sequence} if symbols is None else set(symbols)
        if not known:
            raise ValueError("sequences: got no symbol at all; is the training text empty?")
        self.order = order
        self.symbols = [*sorted(known - {END, UNSEEN}, key=str), END, UNSEEN]
        self._known = set(self.symbols)
        self._after = self._counted(kept)  # by the length of the context
        self.discounts = [
            _from_counts(after) if discounts is None else discounts for after in self._after
        ]

    def _counted(self, sequences: list[Context]) -> list[dict[Context, _After]]:
        # n-grams of the full length, and the shorter ones at the start, which nothing precedes
        plain: list[Counter[Context]] = [Counter() for _ in range(self.order)]
        for sequence in sequences:
            row = (START, *map(self._met, sequence), END)
            for t in range(1, len(row)):
                begin = max(0, t - self.order + 1)
                plain[t - begin][row[begin : t + 1]] += 1
        lists: list[dict[Context, _After]] = []
        longer: set[Context] = set()
        for length in reversed(range(self.order)):
            grams = plain[length]
            for gram in longer:
                grams[gram[1:]] += 1  # each different symbol before it counts once
            longer = set(grams)
            after: dict[Context, _After] = defaultdict(_After)
            for gram, count in grams.items():
                after[gram[:-1]].counts[gram[-1]] = count
            for one in after.values():
                one.close()
            lists.append(dict(after))
        return lists[::-1]

    def _met(self, symbol: Symbol) -> Symbol:
        return symbol if symbol in self._known else UNSEEN

    def probability(self, context: Sequence[Symbol], symbol: Symbol) -> float:
        """P(symbol | context); of the context the last n − 1 symbols matter.

        Args:
            context: what came before. To stand at the start it must begin with :data:`START`.
            symbol: one of ``symbols``; any other is :data:`UNSEEN`.

        Example:
            >>> model = KneserNey(["ab"], order=2)
            >>> model.probability([START], "a") > model.probability([START], "b")
            True
        """
        symbol = self._met(symbol)
        context = tuple(one if one == START else self._met(one) for one in context)
        p = 1 / len(self.symbols)
        for length in range(min(len(context), self.order - 1) + 1):
            after = self._after[length].get(context[len(context) - length :])
            if after is None:
                break  # nor has any longer one been seen
            count, D = after.counts.get(symbol, 0), self.discounts[length]
            kept = max(count - (D[min(count, 3) - 1] if count else 0.0), 0.0)
            given = sum(d * n for d, n in zip(D, after.kinds, strict=True))
            p = (kept + given * p) / after.total
        return p

    def distribution(self, context: Sequence[Symbol]) -> np.ndarray:
        """P of every symbol after ``context``, in the order of ``symbols``: (V,)."""
        context = tuple(one if one == START else self._met(one) for one in context)
        place = {symbol: k for k, symbol in enumerate(self.symbols)}
        p = np.full(len(place), 1 / len(place))
        for length in range(min(len(context), self.order - 1) + 1):
            after = self._after[length].get(context[len(context) - length :])
            if after is None:
                break
            D = self.discounts[length]
            p *= sum(d * n for d, n in zip(D, after.kinds, strict=True)) / after.total
            for symbol, count in after.counts.items():
                p[place[symbol]] += max(count - D[min(count, 3) - 1], 0.0) / after.total
        return p

    def bits(self, sequence: Sequence[Symbol]) -> list[float]:
        """−log₂ P of each symbol of ``sequence`` and of its end.

        Example:
            >>> [round(one, 2) for one in KneserNey(["aab"], order=2).bits("ab")]
            [1.36, 1.48, 1.05]
        """
        row = (START, *sequence, END)
        return [
            -math.log2(self.probability(row[max(0, t - self.order + 1) : t], row[t]))
            for t in range(1, len(row))
        ]

    def bits_per_symbol(self, sequences: Iterable[Sequence[Symbol]]) -> float:
        """Mean of :meth:`bits` over all symbols of all sequences, ends included.

        Raises:
            ValueError: no sequence.
        """
        every = [bits for sequence in sequences for bits in self.bits(sequence)]
        if not every:
            raise ValueError("sequences: got none, wanted at least one")
        return math.fsum(every) / len(every)

    def sample(
        self, rng: np.random.Generator, start: Sequence[Symbol] = (), longest: int = 200
    ) -> list[Symbol]:
        """A sequence drawn symbol by symbol, until its end or ``longest`` symbols.

        Example:
            >>> "".join(KneserNey(["abab"] * 9, order=3).sample(np.random.default_rng(0)))
            'abab'
        """
        row: list[Symbol] = [START, *start]
        while len(row) <= longest:
            p = self.distribution(row[-self.order + 1 :] if self.order > 1 else ())
            symbol = self.symbols[int(rng.choice(len(p), p=p / p.sum()))]
            if symbol == END:
                break
            row.append(symbol)
        return row[1:]


def _from_counts(after: dict[Context, _After]) -> Discounts:
    """D for counts of 1, 2, 3 or more: D_k = k − (k + 1) Y n_{k+1} / n_k, Y = n₁ / (n₁ + 2 n₂)."""
    n = Counter(count for one in after.values() for count in one.counts.values())
    if not n[1] or not n[2]:
        return 0.75, 0.75, 0.75  # too little text to tell
    y = n[1] / (n[1] + 2 * n[2])
    found = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] else 0.75 for k in (1, 2, 3)]
    # never 0: what has not been seen needs its share
    one, two, more = (min(max(d, 0.05), float(k)) for k, d in enumerate(found, 1))
    return one, two, more
