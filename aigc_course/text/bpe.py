"""Byte-level byte-pair encoding: learn merges from texts, encode, decode, exchange files.

Sennrich, Haddow and Birch (2016) merge, again and again, the most frequent pair of neighbouring
symbols; GPT-2 (Radford et al., 2019) starts from bytes, so that no text is unknown. What may never
be merged across (words, numbers, signs) is cut beforehand by a pattern, GPT-2's or GPT-4's.

>>> tokenizer = BPE.train(["春眠不觉晓，处处闻啼鸟。"] * 3, 270)
>>> ids = tokenizer.encode("春眠不觉晓")
>>> len("春眠不觉晓".encode()), len(ids), tokenizer.decode(ids)
(15, 8, '春眠不觉晓')

Merges and ids are those that the library ``tokenizers`` gives for the same texts and settings, and
:meth:`BPE.save` writes a file that it reads.
"""

from __future__ import annotations

import heapq
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aigc_course.errors import UserError
from aigc_course.files import write_atomically

__all__ = ["BPE", "PATTERNS", "Pattern"]

Pattern = Literal["gpt2", "gpt4"]
Ids = NDArray[np.int64]

#: Where text is cut before any merging. From GPT-2's encoder.py (OpenAI, 2019) and from tiktoken's
#: cl100k_base (OpenAI, 2022): there numbers have at most three digits, and a sign or blank may
#: begin a word.
PATTERNS: dict[Pattern, str] = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "gpt4": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+"
    ),
}


def _byte_characters() -> dict[int, str]:
    """For each byte the printable character that stands for it in GPT-2's files.

    A byte that is a printable Latin-1 character stands for itself, the others for U+0100 on.
    """
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in own]
    table = {byte: chr(byte) for byte in own}
    return table | {byte: chr(0x100 + k) for k, byte in enumerate(others)}


_CHARACTER = _byte_characters()
_BYTE = {character: byte for byte, character in _CHARACTER.items()}
#: The bytes in the order of their characters: the first 256 ids, after the special ones.
BYTES = [bytes([_BYTE[character]]) for character in sorted(_BYTE)]


def _shown(token: bytes) -> str:
    return "".join(_CHARACTER[byte] for byte in token)


# --- training ----------------------------------------------------------------------------------


class _Pairs:
    """All words as one long row of symbols, with every place of every pair known.

    A merge touches the places of its pair and their neighbours, nothing else: the whole training
    costs about as much as all merged places together, not (merges × length of the corpus). The
    places of a pair are a list of arrays that only grows; one that no longer holds the pair is
    found out when it is looked at.

    Args:
        words: byte strings with how often each occurs.
        ids: of the 256 bytes, as an array indexed by the byte.
    """

    def __init__(self, words: Counter[bytes], ids: Ids) -> None:
        kept = [word for word in words if len(word) > 1]
        lengths = np.array([len(word) + 1 for word in kept], dtype=np.int64)
        raw = np.frombuffer(b"\0".join(kept) + b"\0" if kept else b"", dtype=np.uint8)
        self.symbol = ids[raw]  # (S,)
        ends = np.cumsum(lengths) - 1
        self.symbol[ends] = -1  # between two words
        self.weight = np.repeat(
            np.array([words[word] for word in kept], dtype=np.int64), lengths
        )  # (S,)
        # a place that was merged into the one before it is skipped by these two
        self.after = np.arange(1, len(raw) + 1, dtype=np.int64)
        self.before = np.arange(-1, len(raw) - 1, dtype=np.int64)
        self.count: dict[tuple[int, int], int] = {}
        self.places: dict[tuple[int, int], list[Ids]] = {}
        self.queue: list[tuple[int, int, int]] = []
        first = np.arange(len(raw) - 1, dtype=np.int64)
        self._add(first, 1)

    def _add(self, places: Ids, sign: int) -> None:
        """Count the pairs that begin at ``places``, or (``sign`` −1) take them out of the count."""
        left, right = self.symbol[places], self.symbol[self.after[places]]
        inside = (left >= 0) & (right >= 0)
        places, keys = places[inside], (left[inside] << 32) | right[inside]
        if not len(places):
            return
        order = np.argsort(keys, kind="stable")
        places, keys = places[order], keys[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        weights = np.add.reduceat(self.weight[places], starts)
        groups = np.split(places, starts[1:]) if sign > 0 else [None] * len(starts)
        for key, weight, group in zip(keys[starts].tolist(), weights.tolist(), groups, strict=True):
            pair = key >> 32, key & 0xFFFFFFFF
            self.count[pair] = self.count.get(pair, 0) + sign * weight
            if group is not None:
                self.places.setdefault(pair, []).append(group)
                heapq.heappush(self.queue, (-self.count[pair], *pair))

    def most_frequent(self) -> tuple[tuple[int, int], int]:
        """The pair with the highest count, of equals the one with the least ids; count 0: none."""
        while self.queue:
            count, *ids = self.queue[0]
            pair = ids[0], ids[1]
            now = self.count.get(pair, 0)
            if now == -count:
                return pair, now
            heapq.heappop(self.queue)  # it has been counted down since
            if now > 0:
                heapq.heappush(self.queue, (-now, *pair))
        return (0, 0), 0

    def merge(self, pair: tuple[int, int], new: int) -> None:
        """Put ``new`` wherever ``pair`` stands, from the left in each word."""
        a, b = pair
        at = np.unique(np.concatenate(self.places.pop(pair)))
        at = at[(self.symbol[at] == a) & (self.symbol[self.after[at]] == b)]
        self.count.pop(pair)
        if a == b:  # in a run a a a the second pair has lost its first symbol
            at = at[_every_second(at, self.after)]
        left, right = self.before[at], self.after[at]
        beyond = self.after[right]
        # the pairs that go: those with a symbol of the merged ones, each once
        touched = np.unique(np.concatenate([left[left >= 0], at, right]))
        self._add(touched, -1)
        self.symbol[at] = new
        self.symbol[right] = -2  # no longer there
        self.after[at], self.before[beyond] = beyond, at
        come = np.unique(np.concatenate([left[(left >= 0) & (self.symbol[left] >= 0)], at]))
        self._add(come, 1)
        self.count.pop(pair, None)


def _every_second(at: Ids, after: Ids) -> NDArray[np.bool_]:
    """Of each chain of places that follow one another the first, third, fifth …"""
    begins = np.r_[True, after[at[:-1]] != at[1:]] if len(at) else np.zeros(0, bool)
    chain = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    return (np.arange(len(at)) - chain) % 2 == 0


# --- the tokenizer -----------------------------------------------------------------------------


@dataclass(frozen=True)
class BPE:
    """A tokenizer: text to ids and back, without loss.

    Attributes:
        tokens: the bytes of each id; of a special token the UTF-8 of its name.
        merges: in the order learnt: two ids that become one.
        specials: names with their ids, which no text's bytes give.
        pattern: where text is cut; a key of :data:`PATTERNS`.

    References:
        Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with Subword Units, 2016
        (arXiv:1508.07909). Radford et al.: Language Models are Unsupervised Multitask Learners,
        2019.
    """

    tokens: tuple[bytes, ...]
    merges: tuple[tuple[int, int], ...]
    specials: dict[str, int] = field(default_factory=dict)
    pattern: Pattern = "gpt4"

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"BPE({len(self):,} tokens, {len(self.merges):,} merges, {self.pattern})"

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        size: int,
        *,
        specials: Sequence[str] = (),
        pattern: Pattern = "gpt4",
        min_count: int = 2,
    ) -> BPE:
        """Learn merges from ``texts`` until there are ``size`` tokens.

        Args:
            texts: any number of texts; read once.
            size: of the vocabulary, at least the 256 bytes and the special tokens.
            specials: names of tokens that no text gives; they get the first ids.
            pattern: where text is cut.
            min_count: pairs that occur less often are not merged; the vocabulary stays smaller.

        Raises:
            ValueError: ``size`` is too small, a special token is given twice or empty, or the
                pattern is unknown.

        Example:
            >>> BPE.train(["aaab aaab"], 258, specials=["<结束>"]).tokens[-1]
            b'aa'
        """
        _check_pattern(pattern)
        if len(set(specials)) < len(specials) or "" in specials:
            raise ValueError(f"specials: got {list(specials)}, wanted different names, none empty")
        if size < 256 + len(specials):
            raise ValueError(
                f"size: got {size}, wanted at least 256 bytes and {len(specials)} special tokens"
            )
        words: Counter[bytes] = Counter()
        for text in texts:
            words.update(word.encode() for word in _cut(text, pattern))
        tokens = [name.encode() for name in specials] + BYTES
        id_of = {token: k + len(specials) for k, token in enumerate(BYTES)}
        ids = np.array([id_of[bytes([byte])] for byte in range(256)], dtype=np.int64)
        pairs, merges = _Pairs(words, ids), []
        while len(tokens) < size:
            pair, count = pairs.most_frequent()
            if count < max(1, min_count):
                break
            token = tokens[pair[0]] + tokens[pair[1]]
            if token not in id_of:  # ab+c may have been there already, as a+bc
                id_of[token] = len(tokens)
                tokens.append(token)
            merges.append(pair)
            pairs.merge(pair, id_of[token])
        return cls(
            tuple(tokens), tuple(merges), dict(zip(specials, range(256), strict=False)), pattern
        )

    # --- encoding ------------------------------------------------------------------------------

    @cached_property
    def _id_of(self) -> dict[bytes, int]:
        special = set(self.specials.values())
        return {token: k for k, token in enumerate(self.tokens) if k not in special}

    @cached_property
    def _rank(self) -> dict[tuple[int, int], tuple[int, int]]:
        """For each pair: the how manyth merge it is, and what it becomes."""
        return {
            (a, b): (k, self._id_of[self.tokens[a] + self.tokens[b]])
            for k, (a, b) in enumerate(self.merges)
        }

    @cached_property
    def _known(self) -> dict[str, list[int]]:
        return {}

    def encode(self, text: str, *, specials: bool = False) -> list[int]:
        """The ids of ``text``.

        Args:
            text: any text.
            specials: whether the name of a special token means that token. By default it is text
                like any other, so that nothing a user types can be taken for a command.

        Raises:
            UnicodeEncodeError: the text holds half a surrogate pair.

        Example:
            >>> tokenizer = BPE.train(["春眠"], 257, specials=["<完>"])
            >>> tokenizer.encode("a<完>", specials=True)[-1], len(tokenizer.encode("a<完>"))
            (0, 6)
        """
        if specials and self.specials:
            ids: list[int] = []
            for part in _around(tuple(self.specials)).split(text):
                ids += [self.specials[part]] if part in self.specials else self.encode(part)
            return ids
        out: list[int] = []
        known = self._known
        for word in _cut(text, self.pattern):
            found = known.get(word)
            if found is None:
                found = self._merged(word.encode())
                if len(word) <= 32:
                    if len(known) >= 100_000:
                        known.clear()
                    known[word] = found
            out += found
        return out

    def _merged(self, word: bytes) -> list[int]:
        """Ids of one word: the earliest merge that applies, leftmost first, again and again.

        With a queue of the pairs and links between the symbols: T bytes cost T log T, not T².
        """
        rank, id_of = self._rank, self._id_of
        symbol = [id_of[bytes([byte])] for byte in word]
        end = len(symbol)
        after, before = list(range(1, end + 1)), list(range(-1, end - 1))
        queue = [
            (rank[pair][0], k, *pair) for k, pair in enumerate(pairwise(symbol)) if pair in rank
        ]
        heapq.heapify(queue)
        while queue:
            _, k, a, b = heapq.heappop(queue)
            nxt = after[k]
            if symbol[k] != a or nxt >= end or symbol[nxt] != b:
                continue  # one of the two has been merged with another
            symbol[k], symbol[nxt] = rank[a, b][1], -1
            after[k] = after[nxt]
            if after[k] < end:
                before[after[k]] = k
            for left in (before[k], k):
                right = after[left] if left >= 0 else end
                if right < end and (pair := (symbol[left], symbol[right])) in rank:
                    heapq.heappush(queue, (rank[pair][0], left, *pair))
        return [one for one in symbol if one >= 0]

    def steps(self, text: str) -> Iterator[list[bytes]]:
        """``text`` from its bytes to its tokens, one merge at a time: to look at, not for speed.

        In each step the earliest merge that applies anywhere is carried out everywhere.

        Example:
            >>> for step in BPE.train(["aab aab"], 258).steps("aab"):
            ...     print(step)
            [b'a', b'a', b'b']
            [b'aa', b'b']
            [b'aab']
        """
        words = [
            [self._id_of[bytes([b])] for b in word.encode()] for word in _cut(text, self.pattern)
        ]
        while True:
            yield [self.tokens[k] for word in words for k in word]
            there = {pair for word in words for pair in pairwise(word)}
            ranked = [(self._rank[pair], pair) for pair in there if pair in self._rank]
            if not ranked:
                return
            (_, new), pair = min(ranked)
            words = [_replaced(word, pair, new) for word in words]

    def decode(self, ids: Iterable[int], errors: str = "replace") -> str:
        """The text of ``ids``.

        Args:
            ids: token ids; special ones give their names.
            errors: what to do with bytes that are no UTF-8, such as half a Chinese character: as
                for ``bytes.decode``.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        parts = []
        for one in ids:
            if not 0 <= one < len(self.tokens):
                raise ValueError(f"ids: got {one}, wanted 0 to {len(self.tokens) - 1}")
            parts.append(self.tokens[one])
        return b"".join(parts).decode("utf-8", errors)

    # --- files ---------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """What :meth:`save` writes: the form of Hugging Face's ``tokenizers``."""
        cut: dict[str, Any] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
        if self.pattern == "gpt2":
            before = cut | {"use_regex": True}
        else:
            split = {
                "type": "Split",
                "pattern": {"Regex": PATTERNS[self.pattern]},
                "behavior": "Isolated",
                "invert": False,
            }
            before = {"type": "Sequence", "pretokenizers": [split, cut | {"use_regex": False}]}
        names = {k: name for name, k in self.specials.items()}
        shown = [names.get(k) or _shown(token) for k, token in enumerate(self.tokens)]
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": k, "content": name, **flags, "special": True}
                for name, k in self.specials.items()
            ],
            "normalizer": None,
            "pre_tokenizer": before,
            "post_processor": None,
            "decoder": cut | {"use_regex": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: k for k, token in enumerate(shown)},
                "merges": [[shown[a], shown[b]] for a, b in self.merges],
            },
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ``tokenizer.json`` as a whole or not at all."""
        write_atomically(path, json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BPE:
        """Read what :meth:`save` or the library ``tokenizers`` has written.

        Raises:
            UserError: the file is missing, cut short, or holds a tokenizer that this class is not:
                another model, pattern or normaliser. The message names the file and what is in it.
        """
        path = Path(path)
        try:
            found = json.loads(path.read_bytes().decode())
        except FileNotFoundError as error:
            raise UserError(f"没有文件 {path}", "先训练一个，或看看路径") from error
        except OSError as error:
            raise UserError(
                f"读不了 {path}（{error.strerror}）", "看看它是不是文件夹，有没有权限"
            ) from error
        except ValueError as error:  # no JSON, or no UTF-8
            raise UserError(
                f"{path} 不是完整的 JSON（{error}）", "文件可能只写了一半：重新存一次"
            ) from error
        try:
            return cls._from_json(found)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise UserError(
                f"{path} 里缺了分词器该有的一项（{error}）", "它要是 tokenizers 存的 BPE"
            ) from error
        except ValueError as error:
            raise UserError(
                f"{path}：{error}", "这里只读字节级 BPE、GPT-2 或 GPT-4 的切分"
            ) from error

    @classmethod
    def _from_json(cls, found: Any) -> BPE:
        model = found["model"]
        if model["type"] != "BPE":
            raise ValueError(f"模型是 {model['type']}，不是 BPE")
        for name in ("continuing_subword_prefix", "end_of_word_suffix", "dropout", "byte_fallback"):
            if model.get(name):
                raise ValueError(f"{name} 是 {model[name]!r}，这里没有")
        if found.get("normalizer"):
            raise ValueError(f"有 normalizer {found['normalizer'].get('type')}，这里不改动文本")
        vocabulary: dict[str, int] = model["vocab"]
        specials = {one["content"]: one["id"] for one in found.get("added_tokens", [])}
        texts = {k: text for text, k in {**vocabulary, **specials}.items()}
        if sorted(texts) != list(range(len(texts))):
            raise ValueError("词表的编号不是从 0 起连续的")
        special = set(specials.values())
        tokens = tuple(
            texts[k].encode() if k in special else bytes(_BYTE[c] for c in texts[k])
            for k in range(len(texts))
        )
        pairs = [
            tuple(one.split(" ")) if isinstance(one, str) else tuple(one) for one in model["merges"]
        ]
        merges = tuple((vocabulary[a], vocabulary[b]) for a, b in pairs)
        missing = [byte for byte in BYTES if byte not in tokens]
        if missing:
            raise ValueError(f"词表里缺 {len(missing)} 个字节，不是字节级的")
        bpe = cls(tokens, merges, specials, _pattern_of(found["pre_tokenizer"]))
        _ = bpe._rank  # every merge gives a token that is there
        return bpe


def _pattern_of(before: Any) -> Pattern:
    """The pattern that a file's pre-tokeniser stands for."""
    if before and before["type"] == "ByteLevel" and before.get("use_regex", True):
        if before["add_prefix_space"]:
            raise ValueError("add_prefix_space 是 true，这里不加空格")
        return "gpt2"
    if before and before["type"] == "Sequence":
        for one in before["pretokenizers"]:
            regex = one.get("pattern", {}).get("Regex") if one["type"] == "Split" else None
            for name, pattern in PATTERNS.items():
                if regex == pattern:
                    return name
    raise ValueError(f"切分方式 {before and before['type']} 既不是 GPT-2 的，也不是 GPT-4 的")


def _replaced(word: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out: list[int] = []
    k = 0
    while k < len(word):
        if tuple(word[k : k + 2]) == pair:
            out.append(new)
            k += 2
        else:
            out.append(word[k])
            k += 1
    return out


# --- cutting -----------------------------------------------------------------------------------


def _check_pattern(pattern: str) -> None:
    if pattern not in PATTERNS:
        raise ValueError(f"pattern: got {pattern!r}, wanted one of {', '.join(PATTERNS)}")


@lru_cache(maxsize=4)
def _compiled(pattern: str) -> Any:
    import regex  # Python's own re has no \p{L}

    return regex.compile(PATTERNS[pattern])  # type: ignore[index]


def _cut(text: str, pattern: Pattern) -> list[str]:
    """``text`` in the pieces that are never merged with one another; together they are ``text``."""
    _check_pattern(pattern)
    return list(_compiled(pattern).findall(text))


@lru_cache(maxsize=16)
def _around(names: tuple[str, ...]) -> Any:
    import re

    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
