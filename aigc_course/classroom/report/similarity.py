"""Pairs of answers that are more alike than chance explains.

Three things make answers to one question alike without copying: the question itself, the obvious
solution, and habits of a class. So what is compared is what is left after the released stub, the
course's own solution and everything that more than 30 % of the class wrote has been taken out.
An answer with too little left proves nothing and is not compared.

The comparison is that of copydetect: all k-grams of the text as fingerprints, as in winnowing
(Schleimer, Wilkerson and Aiken 2003) with a window of one. The text is not what the student typed
but its syntax tree written out again, with their own names replaced.
"""

from __future__ import annotations

import ast
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["SimilarPair", "canonical_source", "similar_pairs"]

GRAM = 18  # characters of normalised code: about two operations, `v0 = v1 @ v2.T` and a bit
SHARED_BY = 0.30  # of the class: what more than this many wrote is no evidence
AT_LEAST = 3  # but in a small class three of a kind still are
ENOUGH = 90  # characters that must be left of an answer, and be alike
THRESHOLD = 0.75


@dataclass(frozen=True)
class SimilarPair:
    """Two students whose answers to one exercise are alike.

    Attributes:
        exercise: such as ``"03.2"``.
        first, second: the students, in the order of their ids.
        share: of the rarer code of one answer that is also in the other, the larger of the two
            shares, 0 to 1.
        common: how many characters of normalised code these are.
    """

    exercise: str
    first: str
    second: str
    share: float
    common: int


def canonical_source(source: str) -> str:
    """``source`` reduced to its structure: own names numbered, no comments, docstrings, types.

    Names are numbered in order of appearance within each statement, not within the whole answer:
    else one variable more at the top would rename everything below it. Empty if the source does
    not parse.

    Example:
        >>> print(canonical_source("def f(a: int):\\n    b = a + 1  # one more\\n    return b"))
        def v0(v1):
            v0 = v1 + 1
            return v0
    """
    try:
        tree = ast.parse(source)
        own = _own_names(tree)
        tree = ast.fix_missing_locations(_Stripped().visit(tree))
        for statement in ast.walk(tree):
            if isinstance(statement, ast.stmt):
                _number(statement, own)
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


_NAMED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler


def _own_names(tree: ast.AST) -> set[str]:
    """What the answer itself names; ``np`` and ``len`` are not among it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, _NAMED) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
    return names


class _Stripped(ast.NodeTransformer):
    """Without docstrings and other idle texts, annotations and imports."""

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._filled(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._filled(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        return self._filled(node)

    def _filled(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if not isinstance(node, ast.Module) and getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _number(statement: ast.stmt, own: set[str]) -> None:
    """Rename ``own`` names of one statement, not of the statements inside it."""
    numbers: dict[str, str] = {}

    def new(name: str) -> str:
        return numbers.setdefault(name, f"v{len(numbers)}") if name in own else name

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            node.id = new(node.id)
        elif isinstance(node, ast.arg):
            node.arg = new(node.arg)
        elif isinstance(node, _NAMED) and node.name:
            node.name = new(node.name)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.stmt):
                walk(child)

    walk(statement)


def similar_pairs(
    exercise: str,
    answers: Mapping[str, str],
    known: Sequence[str] = (),
    *,
    threshold: float = THRESHOLD,
) -> list[SimilarPair]:
    """The pairs of one exercise, most alike first.

    Args:
        exercise: its id, put into the pairs.
        answers: student -> source; leave out who did not answer.
        known: the released stub and the course's solution; what is in them is discounted.
        threshold: smallest share reported.

    Cost: one sparse product over (student, fingerprint) counts what any two have in common;
    copydetect then compares only the pairs that can reach the threshold.
    """
    from copydetect.utils import get_token_coverage  # type: ignore[import-untyped]

    prints = {}
    for student, source in sorted(answers.items()):
        text = canonical_source(source[:50_000])
        if len(text) >= ENOUGH:
            prints[student] = _fingerprint(text)
    counts = Counter(h for fp in prints.values() for h in fp.hashes)
    ceiling = max(AT_LEAST, SHARED_BY * len(prints))
    dull = {h for h, count in counts.items() if count > ceiling}
    for text in map(canonical_source, known):
        if text:
            dull |= _fingerprint(text).hashes
    left = []
    for student, fp in prints.items():
        # by hand, not by copydetect's own `boilerplate`: version 0.5 takes out the wrong places
        # where a k-gram occurs twice in one answer
        mine = {h: places for h, places in fp.hash_idx.items() if h not in dull}
        fp.hash_idx, fp.hashes = mine, set(mine)
        fp.token_coverage = get_token_coverage(mine, GRAM, len(fp.filtered_code))
        if fp.token_coverage >= ENOUGH:
            left.append((student, fp))
    return _compare(exercise, left, threshold)


def _fingerprint(text: str):  # type: ignore[no-untyped-def]  # copydetect has no types
    from copydetect import CodeFingerprint  # type: ignore[import-untyped]

    return CodeFingerprint("answer.py", GRAM, 1, filter=False, fp=io.StringIO(text))


def _compare(
    exercise: str, prints: list[tuple[str, object]], threshold: float
) -> list[SimilarPair]:
    from copydetect import compare_files
    from scipy.sparse import csr_array

    fps: list = [fp for _, fp in prints]
    if len(fps) < 2:
        return []
    column: dict[int, int] = {}
    rows, columns = [], []
    for k, fp in enumerate(fps):
        for h in fp.hashes:
            rows.append(k)
            columns.append(column.setdefault(int(h), len(column)))
    ones = np.ones(len(rows), dtype=np.int32)
    have = csr_array((ones, (rows, columns)), shape=(len(fps), len(column)))
    both = (have @ have.T).tocoo()
    pairs = []
    for i, j, shared in zip(both.row, both.col, both.data, strict=True):
        # k-grams overlap, so a share of fingerprints bounds the share of text only roughly
        smaller = min(len(fps[i].hashes), len(fps[j].hashes))
        if i >= j or shared < 0.5 * threshold * smaller:
            continue
        common, shares, _ = compare_files(fps[i], fps[j])
        if common >= ENOUGH and max(shares) >= threshold:
            share = min(1.0, float(max(shares)))
            pairs.append(SimilarPair(exercise, prints[i][0], prints[j][0], share, int(common)))
    return sorted(pairs, key=lambda pair: (-pair.share, -pair.common, pair.first, pair.second))
