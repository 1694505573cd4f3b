"""Hidden Markov models of tags: counted from tagged sentences, decoded by Viterbi's algorithm.

A tag depends on the tag before it, a symbol on its own tag:

    p(y, x) = π(y₁) · ∏ A(yₜ₋₁, yₜ) · ∏ B(yₜ, xₜ)

>>> model = HMM.count([[("我", "S"), ("们", "S")], [("我", "B"), ("们", "E")]] * 2, smoothing=0.1)
>>> model.tag("我们")
['B', 'E']
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["HMM", "viterbi"]

Logs = NDArray[np.float64]


def viterbi(start: Logs, transition: Logs, emission: Logs) -> tuple[NDArray[np.int64], float]:
    """The most probable row of K states for T symbols, and its log-probability.

    δ(t, j) = max over i of δ(t − 1, i) + transition(i, j), plus emission(t, j): T·K² steps for
    what would be Kᵀ rows. Of equally probable rows the one with the least states from the end
    backwards is taken.

    Args:
        start: (K,) log-probabilities of the first state; −inf is impossible.
        transition: (K, K), row: from, column: to.
        emission: (T, K) log-probabilities of each symbol under each state.

    Returns:
        States (T,) and the log-probability of states and symbols together.

    Raises:
        ValueError: shapes do not fit, or T is 0.

    Reference:
        Viterbi: Error bounds for convolutional codes, 1967.

    Example:
        >>> half = np.log([[0.5, 0.5], [0.5, 0.5]])
        >>> viterbi(half[0], half, np.log([[0.9, 0.1], [0.2, 0.8]]))[0]
        array([0, 1])
    """
    T, K = emission.shape
    if T == 0 or start.shape != (K,) or transition.shape != (K, K):
        raise ValueError(
            f"start, transition, emission: got {start.shape}, {transition.shape}, "
            f"{emission.shape}, wanted (K,), (K, K), (T, K) with T ≥ 1"
        )
    back = np.zeros((T, K), dtype=np.int64)
    best = start + emission[0]  # (K,)
    for t in range(1, T):
        paths = best[:, None] + transition  # (K, K)
        back[t] = paths.argmax(axis=0)
        best = paths[back[t], np.arange(K)] + emission[t]
    states = np.empty(T, dtype=np.int64)
    states[-1] = best.argmax()
    for t in range(T - 1, 0, -1):
        states[t - 1] = back[t, states[t]]
    return states, float(best.max())


@dataclass(frozen=True)
class HMM:
    """A model of tags and the symbols below them.

    Attributes:
        tags: K names.
        start: (K,) log π.
        transition: (K, K) log A.
        emission: by symbol, (K,) log B.
        unknown: (K,) log-probability of a symbol never seen.
    """

    tags: tuple[str, ...]
    start: Logs
    transition: Logs
    emission: dict[Hashable, Logs]
    unknown: Logs

    @classmethod
    def count(
        cls,
        sentences: Iterable[Sequence[tuple[Hashable, str]]],
        *,
        smoothing: float = 1e-3,
        tags: Sequence[str] = (),
    ) -> HMM:
        """Relative frequencies, with ``smoothing`` added to every count (Lidstone).

        A symbol never seen gets what the smoothing leaves for one: smoothing / (count of the tag
        + smoothing · (symbols + 1)).

        Args:
            sentences: pairs of symbol and tag.
            smoothing: above 0 makes everything possible; 0 forbids what was never seen.
            tags: their order; those of the sentences, sorted, if none are given.

        Raises:
            ValueError: no sentence holds anything, a tag is not in ``tags``, or the smoothing is
                negative.
        """
        if smoothing < 0:
            raise ValueError(f"smoothing: got {smoothing}, wanted 0 or more")
        rows = [sentence for sentence in sentences if sentence]
        seen = {tag for row in rows for _, tag in row}
        if not rows or (tags and not seen <= set(tags)):
            raise ValueError(
                f"sentences: got {len(rows)} with the tags {sorted(seen)}, wanted at least one"
                + (f", and no tag but {list(tags)}" if tags else "")
            )
        names = tuple(tags or sorted(seen))
        place = {tag: k for k, tag in enumerate(names)}
        K = len(names)
        first, follows = np.zeros(K), np.zeros((K, K))
        below: dict[Hashable, NDArray[np.float64]] = {}
        for row in rows:
            states = [place[tag] for _, tag in row]
            first[states[0]] += 1
            np.add.at(follows, (states[:-1], states[1:]), 1)
            for (symbol, _), state in zip(row, states, strict=True):
                if symbol not in below:
                    below[symbol] = np.zeros(K)
                below[symbol][state] += 1
        total = sum(below.values()) + smoothing * (len(below) + 1)  # (K,)
        with np.errstate(divide="ignore", invalid="ignore"):
            return cls(
                names,
                np.log((first + smoothing) / (first.sum() + K * smoothing)),
                _log_rows(follows + smoothing),
                {symbol: np.log((n + smoothing) / total) for symbol, n in below.items()},
                np.log(smoothing / total),
            )

    @cached_property
    def _everything(self) -> tuple[dict[Hashable, int], Logs]:
        symbols = {symbol: k for k, symbol in enumerate(self.emission)}
        return symbols, np.array([*self.emission.values(), self.unknown])

    def scores(self, symbols: Sequence[Hashable]) -> Logs:
        """Log-probability of each symbol under each tag, (T, K)."""
        place, table = self._everything
        return table[[place.get(symbol, len(place)) for symbol in symbols]]

    def tag(self, symbols: Sequence[Hashable]) -> list[str]:
        """The most probable tags; an empty list for no symbols."""
        if not symbols:
            return []
        states, _ = viterbi(self.start, self.transition, self.scores(symbols))
        return [self.tags[state] for state in states]


def _log_rows(counts: NDArray[np.float64]) -> Logs:
    """Logarithm of each row's shares; −inf throughout a row that was never counted."""
    total = counts.sum(axis=1, keepdims=True)
    return np.log(np.divide(counts, total, out=np.zeros_like(counts), where=total > 0))
