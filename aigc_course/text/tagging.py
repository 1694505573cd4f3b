"""Named entities in tagged newspaper text: a row of characters, and a tag for each of them.

>>> sentence = (("江", "nr"), ("泽民", "nr"), ("在", "p"), ("北京", "ns"))
>>> characters, tags = characters_and_tags(sentence)
>>> "".join(characters), tags
('江泽民在北京', ['B-nr', 'I-nr', 'I-nr', 'O', 'B-ns', 'I-ns'])
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aigc_course.text.segmentation import bmes

__all__ = [
    "KINDS",
    "characters_and_tags",
    "marked",
    "neighbour_states",
    "tag_names",
    "tags_of_states",
    "word_states",
]

#: Person, place, organisation, as the tags of Peking University name them.
KINDS = ("nr", "ns", "nt")

Sentence = Sequence[tuple[str, str]]


def characters_and_tags(
    sentence: Sentence, kinds: Sequence[str] = KINDS
) -> tuple[list[str], list[str]]:
    """A sentence of tagged words as characters with ``B-kind``, ``I-kind`` and ``O``.

    The corpus writes a Chinese name as two words, family and given name, each ``nr``: the second
    goes on with the entity of the first. Two words are one name if the first is one character, or
    two that are a known double family name, and neither holds a ``·``; so of 江/nr 泽民/nr 李/nr
    鹏/nr two names are made.

    Args:
        sentence: words and their tags.
        kinds: the tags that are entities.

    Returns:
        Characters and tags, T each.
    """
    characters: list[str] = []
    tags: list[str] = []
    family = False  # whether the word before may be the first half of a name
    for word, tag in sentence:
        if tag not in kinds or not word:
            family = False
            places = ["O"] * len(word)
        else:
            goes_on = tag == "nr" and family and "·" not in word
            places = [f"I-{tag}"] * len(word)
            if not goes_on:
                places[0] = f"B-{tag}"
            family = tag == "nr" and not goes_on and (len(word) == 1 or word in _DOUBLE)
        characters += word
        tags += places
    return characters, tags


def tag_names(kinds: Sequence[str] = KINDS) -> list[str]:
    """``O`` and both tags of each kind, in a fixed order.

    Example:
        >>> tag_names(["nr"])
        ['O', 'B-nr', 'I-nr']
    """
    return ["O", *(f"{place}-{kind}" for kind in kinds for place in "BI")]


def marked(characters: Sequence[str], tags: Sequence[str]) -> str:
    """A sentence with its entities in brackets, to be read.

    Example:
        >>> marked("江泽民在北京", ["B-nr", "I-nr", "I-nr", "O", "B-ns", "I-ns"])
        '[江泽民 nr]在[北京 ns]'
    """
    out: list[str] = []
    kind = ""
    for character, tag in zip(characters, tags, strict=True):
        place, _, new = tag.partition("-")
        if kind and not (place == "I" and new == kind):
            out.append(f" {kind}]")
            kind = ""
        if new and not kind:
            out.append("[")
            kind = new
        out.append(character)
    return "".join(out) + (f" {kind}]" if kind else "")


def neighbour_states(sentence: Sentence) -> list[str]:
    """A state of each character: its place in an entity, or which entity it stands next to.

    Finer than the tags of :func:`characters_and_tags`, for a model that sees one state back.

    Example:
        >>> neighbour_states((("在", "p"), ("北京", "ns"), ("的", "u")))
        ['O<ns', 'B-ns', 'E-ns', 'O>ns']
    """
    tags = characters_and_tags(sentence)[1]
    out = []
    for here, after in zip(tags, [*tags[1:], "O"], strict=False):
        place = {"B": "SB", "I": "EM", "O": "OO"}[here[0]][after.startswith("I-")]
        out.append(place + here[1:])
    for t, state in enumerate(out):
        before, after = (out[k] if 0 <= k < len(out) else "O" for k in (t - 1, t + 1))
        if state == "O" and after[0] in "BS":
            out[t] = "O<" + after[2:]
        elif state == "O" and before[0] in "ES":
            out[t] = "O>" + before[2:]
    return out


def word_states(sentence: Sentence) -> list[str]:
    """A state of each character: its place in its word, and the word's tag.

    A star marks a word that goes on with the name before it.

    Example:
        >>> word_states((("江", "nr"), ("泽民", "nr"), ("在", "p")))
        ['S-nr', 'B-nr*', 'E-nr', 'S-p']
    """
    tags = characters_and_tags(sentence)[1]
    places = [f"{place}-{tag}" for word, tag in sentence for place in bmes([word])]
    return [
        place + "*" * (tag[0] == "I" and place[0] in "BS")
        for place, tag in zip(places, tags, strict=True)
    ]


def tags_of_states(states: Sequence[str], kinds: Sequence[str] = KINDS) -> list[str]:
    """What any of these states mean as ``B-kind``, ``I-kind`` and ``O``.

    Example:
        >>> tags_of_states(["S-nr", "B-nr*", "E-nr", "S-p", "O<ns", "B-ns", "E-ns"])
        ['B-nr', 'I-nr', 'I-nr', 'O', 'O', 'B-ns', 'I-ns']
        >>> tags_of_states(["B-nr", "I-nr", "O"])
        ['B-nr', 'I-nr', 'O']
    """
    out = []
    for state in states:
        place, _, kind = state.partition("-")
        name = kind.rstrip("*")
        if name not in kinds:
            out.append("O")
        else:
            begins = place in ("B", "S") and not kind.endswith("*")
            out.append(f"{'B' if begins else 'I'}-{name}")
    return out


_DOUBLE = frozenset(  # two characters each
    re.findall(
        "..",
        "欧阳司马上官诸葛东方皇甫尉迟公孙慕容令狐宇文司徒轩辕夏侯端木独孤南宫西门"
        "百里东郭呼延澹台公冶太史闻人长孙鲜于闾丘司空濮阳淳于单于申屠钟离",
    )
)
