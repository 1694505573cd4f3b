"""Named entities: from tags to spans, and precision, recall and F1 of whole entities.

>>> truth = [["B-nr", "I-nr", "O", "B-ns"]]
>>> guess = [["B-nr", "O", "O", "B-ns"]]
>>> entity_prf(truth, guess)
PRF(precision=0.5, recall=0.5, f1=0.5)

An entity counts if its kind and both its ends are right: half a name is no name. Three of the
four tags above are right, half of the entities are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from aigc_course.metrics.precision_recall import PRF

__all__ = ["Entity", "entities", "entity_prf", "entity_report"]


class Entity(NamedTuple):
    """One entity: its kind, and the places start … stop − 1."""

    kind: str
    start: int
    stop: int


def entities(tags: Sequence[str], strict: bool = True) -> list[Entity]:
    """The entities of one row of tags ``B-kind``, ``I-kind``, ``O`` (IOB2).

    Args:
        tags: T of them.
        strict: whether an ``I-kind`` that follows neither its ``B-kind`` nor its ``I-kind`` is
            none of any entity; otherwise it begins one, as the script of CoNLL-2000 has it.

    Raises:
        ValueError: a tag of another form.

    Example:
        >>> entities(["B-nr", "I-nr", "B-nr", "O", "I-ns"])
        [Entity(kind='nr', start=0, stop=2), Entity(kind='nr', start=2, stop=3)]
        >>> entities(["O", "I-ns"], strict=False)
        [Entity(kind='ns', start=1, stop=2)]
    """
    found: list[Entity] = []
    kind, start = "", 0  # of the entity that is open; no kind: none is
    for t, tag in enumerate([*tags, "O"]):
        place, _, new = tag.partition("-")
        if tag != "O" and not (place in ("B", "I") and new):
            raise ValueError(f"tags: got {tag!r} at {t}, wanted B-kind, I-kind or O")
        if place == "I" and new == kind:
            continue
        if kind:
            found.append(Entity(kind, start, t))
        kind, start = (new if place == "B" or not strict else ""), t
    return found


def entity_prf(
    truth: Sequence[Sequence[str]],
    guess: Sequence[Sequence[str]],
    *,
    kind: str | None = None,
    strict: bool = True,
) -> PRF:
    """Precision, recall and F1 of all entities together (micro), or of one kind.

    Args:
        truth, guess: N rows of tags, each as long as its partner.
        kind: of entities to look at; all by default.
        strict: see :func:`entities`.

    Raises:
        ValueError: another number of rows or of tags in a row, or a tag of another form.

    Reference:
        Tjong Kim Sang and De Meulder: Introduction to the CoNLL-2003 Shared Task, 2003.
    """
    counts = _counts(truth, guess, strict)
    chosen = [key for key in counts if kind is None or key[0] == kind]
    right, said, there = (
        sum(counts[key] for key in chosen if key[1] == what) for what in ("right", "said", "there")
    )
    return _prf(right, said, there)


def entity_report(
    truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]], *, strict: bool = True
) -> dict[str, tuple[PRF, int]]:
    """:func:`entity_prf` of each kind, and how many there are in ``truth``; kinds in order.

    Example:
        >>> entity_report([["B-nr", "B-ns"]], [["B-nr", "O"]])["ns"]
        (PRF(precision=0.0, recall=0.0, f1=0.0), 1)
    """
    counts = _counts(truth, guess, strict)
    return {
        kind: (
            _prf(counts[kind, "right"], counts[kind, "said"], counts[kind, "there"]),
            counts[kind, "there"],
        )
        for kind in sorted({kind for kind, _ in counts})
    }


def _counts(
    truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]], strict: bool
) -> Counter[tuple[str, str]]:
    if len(truth) != len(guess):
        raise ValueError(f"truth, guess: got {len(truth)} and {len(guess)} rows, wanted as many")
    counts: Counter[tuple[str, str]] = Counter()
    for n, (wanted, got) in enumerate(zip(truth, guess, strict=True)):
        if len(wanted) != len(got):
            raise ValueError(
                f"truth, guess: got {len(wanted)} and {len(got)} tags in row {n}, wanted as many"
            )
        there, said = set(entities(wanted, strict)), set(entities(got, strict))
        for what, some in (("there", there), ("said", said), ("right", there & said)):
            counts.update((entity.kind, what) for entity in some)
    return counts


def _prf(right: int, said: int, there: int) -> PRF:
    precision, recall = right / said if said else 0.0, right / there if there else 0.0
    return PRF(precision, recall, 2 * right / (said + there) if said + there else 0.0)
