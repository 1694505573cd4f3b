"""Exact and near duplicates: what is the same text, and what is nearly the same.

Two texts are compared as sets of shingles, all runs of ``n`` characters. Their likeness is the
sets' Jaccard index |A ∩ B| / |A ∪ B|. Comparing all pairs of N texts would take N²/2 steps; MinHash
(Broder, 1997) makes of each set a few numbers of which as many agree as the sets are alike, and
banding (locality-sensitive hashing; Indyk and Motwani, 1998) finds the pairs worth comparing
without looking at the others.

>>> texts = ["床前明月光疑是地上霜", "床前看月光疑是地上霜", "白日依山尽黄河入海流"]
>>> near_duplicates(texts, threshold=0.4, n=2)
[Pair(first=0, second=1, jaccard=0.6363636363636364)]
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from aigc_course.text.cleaning import forms

__all__ = [
    "Bands",
    "MinHash",
    "Pair",
    "bucket_pairs",
    "candidates",
    "clusters",
    "first_of_each",
    "jaccard",
    "key",
    "near_duplicates",
    "shingles",
]

Hashes = NDArray[np.uint32]
_BOOK = 1 << 16  # shingles from which on a text is hashed piece by piece
ALL_PAIRS = 32  # rows of a bucket up to which each is compared with each


# --- exact -------------------------------------------------------------------------------------


def key(text: str) -> bytes:
    """16 bytes that two texts share if they differ in width, case, punctuation or blanks only.

    Raises:
        UnicodeEncodeError: the text holds half a surrogate pair; decode it properly first.

    Example:
        >>> key("春眠不觉晓，") == key(" 春眠不觉晓。"), key("春晓") == key("春日")
        (True, False)
    """
    return hashlib.blake2b(forms(text).encode(), digest_size=16).digest()


def first_of_each(keys: Iterable[Hashable]) -> list[int]:
    """The rows whose key has not been there before, in their order.

    Example:
        >>> first_of_each("abacb")
        [0, 1, 3]
    """
    first: dict[Hashable, int] = {}
    for k, one in enumerate(keys):
        first.setdefault(one, k)
    return list(first.values())


# --- shingles ----------------------------------------------------------------------------------


def shingles(text: str, n: int = 3) -> set[str]:
    """All runs of ``n`` characters; the whole text if it is shorter.

    Example:
        >>> sorted(shingles("春春春眠")), shingles("春")
        (['春春春', '春春眠'], {'春'})
        >>> shingles("")
        set()
    """
    if n < 1:
        raise ValueError(f"n: got {n}, wanted at least 1")
    if len(text) < n:
        return {text} - {""}
    return {text[k : k + n] for k in range(len(text) - n + 1)}


def jaccard(a: str, b: str, n: int = 3) -> float:
    """Likeness of two texts: shared shingles over all shingles, 0 to 1; two empty texts are alike.

    Example:
        >>> jaccard("春眠不觉晓", "春眠不觉醒", n=2)
        0.6
    """
    one, other = shingles(a, n), shingles(b, n)
    return len(one & other) / len(one | other) if one or other else 1.0


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number all of whose bits hang on all bits of ``x``: splitmix64's end (Steele, 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _shingle_hashes(codes: NDArray[np.uint32], n: int) -> Hashes:
    """A number for each run of ``n`` characters, (T − n + 1,), repeated ones included."""
    runs = max(1, len(codes) - n + 1)
    total = np.zeros(runs, dtype=np.uint64)
    for k in range(min(n, len(codes))):
        total = _mixed(total + codes[k : k + runs] + np.uint64(0x9E3779B97F4A7C15))
    return (total >> np.uint64(32)).astype(np.uint32)


# --- MinHash -----------------------------------------------------------------------------------


class MinHash:
    """Makes signatures: of two texts' signatures, as many numbers agree as the texts are alike.

    Each number is the least value that one random function takes on the text's shingles; two sets
    have the same least value with probability |A ∩ B| / |A ∪ B|. The share that agrees is
    therefore an unbiased estimate of the Jaccard index, with standard error √(J(1 − J)/P).

    Args:
        size: P, the length of a signature.
        n: characters in a shingle.
        seed: of the functions (a·h + b) mod 2³², a odd: each shuffles the 2³² numbers, not as
            freely as the theory asks, but so that the estimate keeps its law (which is tested).

    Raises:
        ValueError: ``size`` or ``n`` is less than 1.

    Reference:
        Broder: On the resemblance and containment of documents, 1997.

    Example:
        >>> a, b = MinHash()(["春眠不觉晓处处闻啼鸟", "春眠不觉晓处处闻啼鸟夜"])
        >>> a.shape, float(np.mean(a == b)) > 0.75
        ((128,), True)
    """

    def __init__(self, size: int = 128, n: int = 3, seed: int = 1) -> None:
        if size < 1 or n < 1:
            raise ValueError(f"size, n: got {size}, {n}, wanted both at least 1")
        self.size, self.n, self.seed = size, n, seed
        rng = np.random.RandomState(seed)  # its stream never changes, so neither do signatures
        draws = rng.randint(0, 2**32, size=(2, size, 1), dtype=np.uint32)
        self._a, self._b = draws[0] | np.uint32(1), draws[1]

    def __call__(self, texts: Sequence[str], together: int = 4096) -> Hashes:
        """Signatures of ``texts``, (N, P) uint32. An empty text has the largest number P times.

        Args:
            together: texts whose shingles are hashed at once; bounds the memory, not the result.
        """
        out = np.full((len(texts), self.size), np.iinfo(np.uint32).max, dtype=np.uint32)
        for start in range(0, len(texts), together):
            self._some(texts[start : start + together], out[start : start + together])
        return out

    def _some(self, texts: Sequence[str], out: Hashes) -> None:
        held = [k for k, text in enumerate(texts) if text]
        hashes = [_shingle_hashes(_codes(texts[k]), self.n) for k in held]
        pending: list[int] = []
        total = 0
        for k, one in enumerate(hashes):
            pending.append(k)
            total += len(one)
            last = k == len(hashes) - 1
            # (P, 8192) numbers fit into the cache; a book is on its own, for _least to cut it
            if total >= 8192 or last or len(hashes[k + 1]) > _BOOK:
                h = np.concatenate([hashes[i] for i in pending])
                starts = np.cumsum([0] + [len(hashes[i]) for i in pending[:-1]])
                out[[held[i] for i in pending]] = self._least(h, starts).T
                pending, total = [], 0

    def _least(self, h: Hashes, starts: NDArray[np.intp]) -> Hashes:
        """The least of each function over each run of ``h``: (P, runs)."""
        if len(starts) == 1 and len(h) > _BOOK:  # (P, T) numbers would fill the memory
            pieces = [self._least(h[k : k + _BOOK], starts) for k in range(0, len(h), _BOOK)]
            return np.minimum.reduce(pieces)
        return np.minimum.reduceat(self._a * h + self._b, starts, axis=1)


# --- banding -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bands:
    """A signature cut into ``count`` bands of ``rows`` numbers: candidates share a whole band.

    Two texts of likeness s share one with probability 1 − (1 − sʳ)ᵇ, which climbs from 0 to 1
    around s = (1/b)^(1/r).

    Example:
        >>> bands = Bands.for_threshold(0.8)
        >>> bands, round(bands.probability(0.5), 3), round(bands.probability(0.9), 3)
        (Bands(count=9, rows=13), 0.001, 0.929)
    """

    count: int
    rows: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.rows < 1:
            raise ValueError(f"bands: got {self.count} × {self.rows}, wanted both at least 1")

    @classmethod
    def for_threshold(cls, threshold: float, size: int = 128, missed: float = 0.5) -> Bands:
        """The bands that err least around ``threshold``, of all that fit into ``size`` numbers.

        Args:
            threshold: likeness, above 0 and at most 1, from which on pairs are wanted.
            size: P, the length of the signatures.
            missed: weight of a wanted pair that is missed, 0 to 1; the rest is the weight of an
                unwanted one that is found. Both are areas under the curve of
                :meth:`probability`.

        Raises:
            ValueError: a number is out of its range.
        """
        if not 0 < threshold <= 1 or not 0 <= missed <= 1:
            raise ValueError(
                f"threshold, missed: got {threshold}, {missed}, wanted in (0, 1] and [0, 1]"
            )
        below = (np.arange(200) + 0.5) / 200 * threshold
        above = threshold + (np.arange(200) + 0.5) / 200 * (1 - threshold)

        def cost(bands: Bands) -> float:
            found = float(np.mean(bands.probability(below))) * threshold
            lost = float(np.mean(1 - bands.probability(above))) * (1 - threshold)
            return (1 - missed) * found + missed * lost

        every = (cls(b, r) for b in range(1, size + 1) for r in range(1, size // b + 1))
        return min(every, key=cost)

    def probability(self, likeness: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Chance that two texts of this likeness share a band."""
        return 1 - (1 - likeness**self.rows) ** self.count

    def keys(self, signatures: Hashes) -> NDArray[np.uint64]:
        """One number a band and text, (N, count): equal where the whole band is equal.

        Raises:
            ValueError: the signatures are shorter than ``count · rows``.
        """
        used = self.count * self.rows
        if signatures.ndim != 2 or signatures.shape[1] < used:
            raise ValueError(f"signatures: got {signatures.shape}, wanted (N, {used} or more)")
        parts = signatures[:, :used].reshape(-1, self.count, self.rows).astype(np.uint64)
        first = _mixed(np.arange(1, self.count + 1, dtype=np.uint64))
        out = np.broadcast_to(first, parts.shape[:2])
        for k in range(self.rows):
            out = _mixed(out + parts[:, :, k] + np.uint64(0x9E3779B97F4A7C15))
        return out


# --- pairs and clusters ------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Pair:
    """Two rows, ``first < second``, and how alike their texts are."""

    first: int
    second: int
    jaccard: float


def candidates(band_keys: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that share a band, each once, in order; ``band_keys`` as of Bands.keys.

    In a bucket of more than :data:`ALL_PAIRS` rows the first and the row before are paired with
    each, not each with each: 2m pairs that hold the bucket together instead of m²/2.
    """
    pairs: set[tuple[int, int]] = set()
    for column in band_keys.T:
        buckets: dict[int, list[int]] = defaultdict(list)
        for row, one in enumerate(column.tolist()):
            buckets[one].append(row)
        for rows in buckets.values():
            pairs.update(bucket_pairs(rows))
    yield from sorted(pairs)


def bucket_pairs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The pairs of one bucket that are worth comparing; see :func:`candidates`.

    Example:
        >>> list(bucket_pairs([2, 5, 7])), len(list(bucket_pairs(range(1000))))
        ([(2, 5), (2, 7), (5, 7)], 1998)
    """
    if len(rows) <= ALL_PAIRS:
        yield from combinations(rows, 2)
    else:
        yield from ((rows[0], row) for row in rows[1:])
        yield from pairwise(rows)


def near_duplicates(
    texts: Sequence[str], threshold: float = 0.8, n: int = 3, size: int = 128, seed: int = 1
) -> list[Pair]:
    """Pairs whose Jaccard index is at least ``threshold``: candidates by bands, then measured.

    Every pair that comes back is right, for its likeness is counted and not estimated. A few that
    are there do not come back: those that share no band, and some of a text that is there more
    than :data:`ALL_PAIRS` times (see :func:`candidates`); :func:`clusters` joins the latter.

    Args:
        texts: cleaned texts; compare :func:`~aigc_course.text.cleaning.forms` of them to ignore
            punctuation.
        threshold: above 0, at most 1.
        n: characters in a shingle.
        size, seed: of the signatures.

    Raises:
        ValueError: an argument is out of range.
    """
    bands = Bands.for_threshold(threshold, size, missed=0.9)
    band_keys = bands.keys(MinHash(size, n, seed)(texts))
    found = []
    for i, j in candidates(band_keys):
        likeness = jaccard(texts[i], texts[j], n)
        if likeness >= threshold:
            found.append(Pair(i, j, likeness))
    return found


def clusters(count: int, pairs: Iterable[Pair | tuple[int, int]]) -> NDArray[np.int64]:
    """For each of ``count`` rows the first row of its cluster: rows joined by pairs, in any way.

    Args:
        count: rows.
        pairs: two rows each; further fields are not looked at.

    Raises:
        ValueError: a pair names a row that is not there.

    Example:
        >>> clusters(5, [(1, 3), (3, 4)]).tolist()
        [0, 1, 2, 1, 1]
    """
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for pair in pairs:
        i, j = (pair.first, pair.second) if isinstance(pair, Pair) else pair
        if not (0 <= i < count and 0 <= j < count):
            raise ValueError(f"pairs: got rows {i}, {j}, wanted rows from 0 to {count - 1}")
        i, j = root(i), root(j)
        parent[max(i, j)] = min(i, j)
    return np.array([root(row) for row in range(count)], dtype=np.int64)
