"""Chinese word segmentation: a dictionary's most probable path, and a model for words not in it.

All words of the dictionary that occur in a sentence make a graph of its gaps (a lattice); the
product of the words' probabilities is largest along one path, found from the end backwards. What
is left as single characters goes to a hidden Markov model, whose four states say where in a word a
character stands: Begin, Middle, End, Single.

>>> Segmenter.jieba().cut("他来到了网易杭研大厦")
['他', '来到', '了', '网易', '杭研', '大厦']

With jieba's own dictionary and model (:meth:`Segmenter.jieba`) the words are jieba's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

__all__ = ["BMES", "Dictionary", "Segmenter", "bmes", "words_of"]

# What can be cut into words; between are blanks, and signs that stand alone. As in jieba.
_BLOCK = re.compile(r"([\u4E00-\u9FD5a-zA-Z0-9+#&\._%\-]+)")
_SPACE = re.compile(r"(\r\n|\s)")
_HAN = re.compile(r"([\u4E00-\u9FD5]+)")
_LATIN = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")
_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9]")
_NONE = object()


# --- the dictionary ----------------------------------------------------------------------------


class Dictionary:
    """Words with their frequencies, and all beginnings of words, so that a search knows its end.

    Args:
        frequency: by word, above 0; a word of frequency 0 is never cut out.

    Raises:
        ValueError: a word is empty or a frequency negative.

    Example:
        >>> dictionary = Dictionary({"北京": 34, "北京大学": 5, "大学": 20, "生": 9})
        >>> dictionary.words_at("北京大学生", 0)
        ['北京', '北京大学']
    """

    def __init__(self, frequency: Mapping[str, int]) -> None:
        self._scores: dict[str, float | None] | None = None
        self._unseen = 0.0
        if bad := [word for word, count in frequency.items() if not word or count < 0]:
            raise ValueError(f"frequency: got {bad[:3]}, wanted words with 0 or more")
        self.frequency = dict(frequency)
        self.total = sum(self.frequency.values())
        self._begins = {word[:k] for word in frequency for k in range(1, len(word))}

    def __contains__(self, word: str) -> bool:
        return self.frequency.get(word, 0) > 0

    def add(self, word: str, count: int) -> None:
        """Add a word, or give a word another frequency.

        As in jieba the total grows by ``count`` even if the word was there.
        """
        if not word or count < 0:
            raise ValueError(f"word, count: got {word!r}, {count}, wanted a word and 0 or more")
        self.frequency[word] = count
        self.total += count
        self._begins.update(word[:k] for k in range(1, len(word)))
        self._scores = None

    def scores(self) -> tuple[dict[str, float | None], float]:
        """Log-probability by word, None for what only begins words; and that of one never seen."""
        if self._scores is None:
            log_total = math.log(self.total or 1)
            scores: dict[str, float | None] = dict.fromkeys(self._begins)
            scores.update(
                (word, math.log(count) - log_total if count else None)
                for word, count in self.frequency.items()
            )
            self._scores, self._unseen = scores, 0.0 - log_total
        return self._scores, self._unseen

    def words_at(self, sentence: str, start: int) -> list[str]:
        """All words that begin at ``start``, short ones first."""
        scores, _ = self.scores()
        found = []
        for end in range(start + 1, len(sentence) + 1):
            score = scores.get(sentence[start:end], _NONE)
            if score is _NONE:
                break
            if score is not None:
                found.append(sentence[start:end])
        return found

    def lattice(self, sentence: str) -> list[list[int]]:
        """For each gap before a character the gaps that one word leads to; a character at least.

        Example:
            >>> Dictionary({"研究": 9, "研究生": 5, "生命": 7, "命": 2}).lattice("研究生命")
            [[2, 3], [2], [4], [4]]
        """
        return [
            [start + len(word) for word in self.words_at(sentence, start)] or [start + 1]
            for start in range(len(sentence))
        ]

    def best_path(self, sentence: str) -> list[int]:
        """Ends of the words on the most probable path, by start; of equals the longer word.

        best(i) = max over words [i, j) of log p(word) + best(j), from the end backwards. A
        character that begins no word counts as a word of frequency 1.

        Returns:
            One number for each character: where the word ends that begins there.
        """
        scores, unseen = self.scores()
        get, n = scores.get, len(sentence)
        best, ends = [0.0] * (n + 1), [0] * n
        for start in range(n - 1, -1, -1):
            top, top_end = None, start + 1
            end = start + 1
            while end <= n:
                score = get(sentence[start:end], _NONE)
                if score is None:
                    end += 1
                    continue
                if score is _NONE:
                    break
                score += best[end]  # type: ignore[operator]
                if top is None or score >= top:
                    top, top_end = score, end
                end += 1
            best[start] = unseen + best[start + 1] if top is None else top
            ends[start] = top_end
        return ends

    @classmethod
    def jieba(cls) -> Dictionary:
        """A dictionary of one's own with jieba's 349,046 words, from the installed package."""
        shared = _jieba_dictionary()
        own = cls({})
        own.frequency, own._begins = shared.frequency.copy(), shared._begins.copy()
        own.total = shared.total
        return own


@lru_cache(maxsize=1)
def _jieba_dictionary() -> Dictionary:
    from importlib.resources import files

    lines = (files("jieba") / "dict.txt").read_text("utf-8").splitlines()
    entries = [line.split(" ") for line in lines]
    dictionary = Dictionary({word: int(count) for word, count, _ in entries})
    dictionary.total = sum(int(count) for _, count, _ in entries)  # a few words are there twice
    return dictionary


# --- the model of characters -------------------------------------------------------------------


@dataclass(frozen=True)
class BMES:
    """Log-probabilities of the four places in a word: what :func:`~BMES.cut` needs.

    Only eight steps from place to place are possible: after B comes M or E, after M too, after E
    and S comes B or S. A word begins the text, and one ends it.

    Attributes:
        start: of B, M, E, S as the first.
        step: of ``"BE"``, ``"BM"``, ``"EB"``, ``"ES"``, ``"ME"``, ``"MM"``, ``"SB"``, ``"SS"``.
        emission: by character, of it in B, M, E, S.
        unknown: of a character never seen.
    """

    start: Sequence[float]
    step: Mapping[str, float]
    emission: Mapping[str, Sequence[float]]
    unknown: Sequence[float]

    @classmethod
    def count(cls, sentences: Iterable[Sequence[str]], smoothing: float = 0.1) -> BMES:
        """Counted from sentences cut into words, with ``smoothing`` added to each count.

        Example:
            >>> model = BMES.count([["研究", "生命"], ["研究", "生命", "的", "起源"]])
            >>> model.cut("研究的起源")
            ['研究', '的', '起源']
        """
        from aigc_course.text.hmm import HMM

        rows = [list(zip("".join(words), bmes(words), strict=True)) for words in sentences]
        model = HMM.count(rows, smoothing=smoothing, tags="BMES")
        names = ("BE", "BM", "EB", "ES", "ME", "MM", "SB", "SS")
        at = {place: k for k, place in enumerate("BMES")}
        step = {a + b: float(model.transition[at[a], at[b]]) for a, b in map(tuple, names)}
        emission = {str(c): tuple(logs.tolist()) for c, logs in model.emission.items()}
        b, _, _, s = model.start.tolist()
        start = (b, -math.inf, -math.inf, s)  # a text does not begin inside a word
        return cls(start, step, emission, tuple(model.unknown.tolist()))

    def cut(self, text: str) -> list[str]:
        """``text``, characters only, in its most probable words.

        Viterbi's algorithm with the four states written out: each can be reached from two. Of
        equals the later letter is taken.
        """
        if not text:
            return []
        step, emission = self.step, self.emission
        eb, es, sb, ss = step["EB"], step["ES"], step["SB"], step["SS"]
        bm, be, mm, me = step["BM"], step["BE"], step["MM"], step["ME"]
        first = emission.get(text[0], self.unknown)
        b, m, e, s = (p + q for p, q in zip(self.start, first, strict=True))
        back: list[tuple[bool, bool, bool, bool]] = []
        for character in text[1:]:
            in_b, in_m, in_e, in_s = emission.get(character, self.unknown)
            b_e, b_s = e + eb + in_b, s + sb + in_b
            m_b, m_m = b + bm + in_m, m + mm + in_m
            e_b, e_m = b + be + in_e, m + me + in_e
            s_e, s_s = e + es + in_s, s + ss + in_s
            # whether B came from S, M from M, E from M, S from S
            came = (b_s >= b_e, m_m >= m_b, e_m >= e_b, s_s >= s_e)
            back.append(came)
            b = b_s if came[0] else b_e
            m = m_m if came[1] else m_b
            e = e_m if came[2] else e_b
            s = s_s if came[3] else s_e
        words, end, state = [], len(text), "S" if s >= e else "E"
        for t in range(len(text) - 1, -1, -1):
            if state in "BS":
                words.append(text[t:end])
                end = t
            if t:
                b_s, m_m, e_m, s_s = back[t - 1]
                if state == "B":
                    state = "S" if b_s else "E"
                elif state == "M":
                    state = "M" if m_m else "B"
                elif state == "E":
                    state = "M" if e_m else "B"
                else:
                    state = "S" if s_s else "E"
        if end:  # the text began inside a word: only where the model gives no probability at all
            words.append(text[:end])
        return words[::-1]

    @classmethod
    def jieba(cls) -> BMES:
        """jieba's model, from the installed package."""
        return _jieba_model()


_IMPOSSIBLE = -3.14e100  # as jieba has it


@lru_cache(maxsize=1)
def _jieba_model() -> BMES:
    from jieba.finalseg import prob_emit, prob_start, prob_trans

    places = "BMES"
    emit: dict[str, dict[str, float]] = prob_emit.P
    characters = {character for table in emit.values() for character in table}
    return BMES(
        tuple(prob_start.P[a] for a in places),
        {a + b: p for a, row in prob_trans.P.items() for b, p in row.items()},
        {c: tuple(emit[a].get(c, _IMPOSSIBLE) for a in places) for c in characters},
        (_IMPOSSIBLE,) * 4,
    )


def bmes(words: Iterable[str]) -> str:
    """The place of each character in its word.

    Example:
        >>> bmes(["中国人", "在", "学习"])
        'BMESBE'
    """
    return "".join("S" if len(w) == 1 else "B" + "M" * (len(w) - 2) + "E" for w in words if w)


def words_of(text: str, places: str) -> list[str]:
    """The words that places mean: one ends after E and S, and before B and S.

    Example:
        >>> words_of("中国人在学习", "BMESBE"), words_of("中国人", "MMB")
        (['中国人', '在', '学习'], ['中国', '人'])
    """
    if len(text) != len(places):
        raise ValueError(
            f"places: got {len(places)}, wanted one for each of {len(text)} characters"
        )
    words: list[str] = []
    begins = True
    for character, place in zip(text, places, strict=True):
        if begins or place in "BS":
            words.append(character)
        else:
            words[-1] += character
        begins = place in "ES"
    return words


# --- the segmenter -----------------------------------------------------------------------------


@dataclass
class Segmenter:
    """Cuts text into words.

    Attributes:
        dictionary: of words.
        model: for what the dictionary leaves as single characters; without one they stay single.
        split: words that the model never makes.
    """

    dictionary: Dictionary
    model: BMES | None = None
    split: set[str] = field(default_factory=set)

    @classmethod
    def jieba(cls) -> Segmenter:
        """With jieba's dictionary and model; adding words to it changes no other segmenter."""
        return cls(Dictionary.jieba(), BMES.jieba())

    def cut(self, text: str) -> list[str]:
        """The words, signs and blanks of ``text``; together they are ``text``.

        Example:
            >>> Segmenter(Dictionary({"研究": 9, "生命": 7})).cut("研究生命，AI 20")
            ['研究', '生命', '，', 'AI', ' ', '20']
        """
        words: list[str] = []
        inside = self._plain if self.model is None else self._modelled
        for k, block in enumerate(_BLOCK.split(text)):
            if k % 2:  # split gives what the bracket holds at every second place
                words.extend(inside(block))
            elif block:
                for n, part in enumerate(_SPACE.split(block)):
                    if n % 2:
                        words.append(part)
                    else:
                        words.extend(part)
        return words

    def add(self, word: str, count: int | None = None) -> None:
        """Let ``word`` be a word.

        Args:
            word: not empty.
            count: its frequency; by default so much that it is cut out where its parts would be.
                0 takes the word away, and the model will not make it either.

        Example:
            >>> segmenter = Segmenter.jieba()
            >>> "".join(segmenter.cut("云计算"))
            '云计算'
            >>> segmenter.add("云计算")
            >>> segmenter.cut("做云计算的人")
            ['做', '云计算', '的', '人']
        """
        if count is None:
            count = self.count_needed(word)
        self.dictionary.add(word, count)
        if count == 0:
            self.split.add(word)

    def count_needed(self, word: str) -> int:
        """The least frequency with which ``word`` is more probable than its parts together."""
        dictionary = self.dictionary
        share = 1.0
        for part in Segmenter(dictionary).cut(word):
            share *= dictionary.frequency.get(part, 1) / float(dictionary.total)
        return max(int(share * dictionary.total) + 1, dictionary.frequency.get(word, 0))

    def _plain(self, block: str) -> Iterator[str]:
        ends, start, latin = self.dictionary.best_path(block), 0, ""
        while start < len(block):
            word = block[start : ends[start]]
            start = ends[start]
            if len(word) == 1 and _ALPHANUMERIC.match(word):
                latin += word
                continue
            if latin:
                yield latin
                latin = ""
            yield word
        if latin:
            yield latin

    def _modelled(self, block: str) -> Iterator[str]:
        ends, start, single = self.dictionary.best_path(block), 0, 0
        n = len(block)
        while start < n:
            end = ends[start]
            if end - start > 1:
                if single < start:
                    yield from self._singles(block[single:start])
                yield block[start:end]
                single = end
            start = end
        if single < n:
            yield from self._singles(block[single:])

    def _singles(self, text: str) -> Iterable[str]:
        """What the model makes of a run of single characters."""
        if len(text) == 1 or text in self.dictionary:
            return text
        words: list[str] = []
        for k, part in enumerate(_HAN.split(text)):
            if k % 2:
                for word in self.model.cut(part):  # type: ignore[union-attr]
                    words.extend(word if word in self.split else [word])
            elif part:
                words.extend(one for one in _LATIN.split(part) if one)
        return words
