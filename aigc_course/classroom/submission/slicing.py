"""Program slicing: out of a notebook only the statements that one answer needs.

Nothing is run here: cells are parsed, never compiled. The notebook is taken as "Run All" would run
it up to the answer's check, and read backwards from there: the statement that binds the asked
name, what changes that object afterwards, and for every name used the statement that binds *it*.
Training loops, plots and prints are left behind because nothing asks for what they bind.

    >>> from aigc_course.classroom.submission.cells import parse_cell
    >>> cells = [
    ...     parse_cell("import numpy as np\\nprint(1)", "<单元格 1>", 0),
    ...     parse_cell("c = np.ones(3)\\ndef f(x):\\n    return c + x\\nprint(f(2))", "<答案>", 1),
    ... ]
    >>> for chunk in slice_for(cells, cells[1], "f"):
    ...     print(f"{chunk.filename} from line {chunk.first_line}: {chunk.source!r}")
    <单元格 1> from line 1: 'import numpy as np'
    <答案> from line 1: 'c = np.ones(3)\\ndef f(x):\\n    return c + x'
"""

from __future__ import annotations

import ast
import builtins
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aigc_course.classroom.submission.cells import Cell, Key, Statement

__all__ = ["Chunk", "slice_for"]

MAX_AT_ONCE = 300  # statements that one statement may need at once: more is made to cost time
BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Chunk:
    """Statements of one cell, to be executed as they stand.

    Attributes:
        source: Python, whole statements.
        filename: what a traceback shall call the cell.
        first_line: line of the cell on which ``source`` starts, from 1.
    """

    source: str
    filename: str
    first_line: int


def slice_for(
    cells: Sequence[Cell],
    root: Cell,
    name: str,
    *,
    until: float | None = None,
    owners: Mapping[str, Cell] | None = None,
) -> tuple[Chunk, ...]:
    """The statements that ``name``, as bound in ``root``, needs, in the order to run them.

    Args:
        cells: the notebook's code cells.
        root: the cell of the answer; one of ``cells``.
        name: what it defines.
        until: position of the last cell that had been run when the answer was checked; the
            answer's own cell if None. Later cells are only looked at for what is missing.
        owners: for names that other exercises ask for, the cell of that answer: it counts,
            wherever it stands.

    Returns:
        No chunks if ``root`` does not bind ``name``.
    """
    start = root.last_binding(name)
    if start is None:
        return ()
    return _Slicer(cells, root, until, owners or {}).run(start, name)


class _Needs(NamedTuple):
    now: list[Statement]
    later: list[Statement]


def _key(statement: Statement) -> Key:
    return statement.key


class _Slicer:
    def __init__(
        self, cells: Sequence[Cell], root: Cell, until: float | None, owners: Mapping[str, Cell]
    ) -> None:
        self.cells = {cell.position: cell for cell in [*cells, *owners.values()]}
        self.root, self.owners = root, owners
        horizon = root.position if until is None else max(until, root.position)
        self.horizon: Key = (horizon, 10**9)
        ordered = sorted(self.cells.values(), key=lambda cell: cell.position)
        self.bindings: dict[str, list[Statement]] = {}
        self.changes: dict[str, list[Statement]] = {}
        self.stars: list[Statement] = []
        for statement in (s for cell in ordered for s in cell.statements):
            for bound in statement.binds:
                self.bindings.setdefault(bound, []).append(statement)
            for changed in statement.names.alters | statement.names.calls:
                self.changes.setdefault(changed, []).append(statement)
            if statement.names.star:
                self.stars.append(statement)

    def run(self, start: Statement, name: str) -> tuple[Chunk, ...]:
        self.start, self.name = start, name
        needs: dict[Statement, _Needs] = {}
        waiting = [start]
        while waiting:
            statement = waiting.pop()
            if statement in needs:
                continue
            later = sorted(statement.uses[1])
            needs[statement] = found = _Needs(
                self.at_once(statement),
                [s for name in later for s in self.binding(name, statement, self.horizon)],
            )
            waiting += found.now + found.later
            for bound in statement.binds:
                waiting += self.changing(statement, bound)
        return self.chunks(_ordered(needs))

    def at_once(self, user: Statement) -> list[Statement]:
        """What has to be there when ``user`` runs.

        A function that it uses may be called at once, so what that one's body uses belongs to it,
        as it is at that time.
        """
        found: list[Statement] = []
        waiting = [s for name in sorted(user.uses[0]) for s in self.binding(name, user, user.key)]
        seen = {user}
        while waiting and len(found) < MAX_AT_ONCE:
            statement = waiting.pop()
            if statement not in seen:
                seen.add(statement)
                found.append(statement)
                for name in sorted(statement.uses[1]):
                    waiting += self.binding(name, statement, user.key)
        return found

    def binding(self, name: str, user: Statement, before: Key) -> list[Statement]:
        """What gives ``name`` its value for ``user``: the last binding before ``before``."""
        if name == self.name and before == self.horizon:
            return [self.start]  # the answer itself, though a copy of the stub may stand below it
        own = self.cells[user.key[0]]
        owner = self.owners.get(name)
        if owner is own and before == self.horizon:
            return [s for s in [owner.last_binding(name)] if s]
        if owner and owner is not own:
            last = owner.last_binding(name)
            if last and (owner.prevails or name not in own.binds | self.root.binds):
                return [last]
        found = self.bindings.get(name, [])
        at = bisect_left(found, before, key=_key)
        if at == 0:
            if name in BUILTINS:
                return []
            others = (s for s in found[:2] if s is not user or before != user.key)
            after = next(others, None)
            return [after] if after else self.stars
        if found[at - 1].names.package:
            return [
                s for s in found[:at] if s.names.package
            ]  # import a.b, import a.c: both add to a
        taken = []
        for statement in reversed(found[:at]):
            taken.append(statement)
            if not statement.compound:  # a branch may not be taken, a loop may run no time
                break
        return taken

    def changing(self, binding: Statement, name: str) -> list[Statement]:
        """Statements that change the object which ``binding`` gave ``name`` to.

        In the binding's own cell that is anything down to a loop that fills a table; in other
        cells only an assignment or what fills a container, and no loop, so that no training comes
        along; but training changes no class.
        """
        if binding.imports:
            return []
        bound = self.bindings[name]
        at = bisect_left(bound, binding.key, key=_key) + 1
        end = bound[at].key if at < len(bound) else (float("inf"), 0)
        changes = self.changes.get(name, [])
        taken = []
        for s in changes[bisect_left(changes, binding.key, key=_key) :]:
            if s.key >= end:
                break
            here = s.key[0] == binding.key[0]
            single = not s.compound or isinstance(binding.node, ast.ClassDef)
            simple = name in s.names.alters and single and s.key < self.horizon
            if s is not binding and (here or simple):
                taken.append(s)
        return taken

    def chunks(self, statements: list[Statement]) -> tuple[Chunk, ...]:
        """Neighbours of one cell in one chunk, each on its own line of the cell."""
        made: list[Chunk] = []
        position, text, first, last = None, "", 1, 0
        for s in [*statements, None]:
            joins = s is not None and s.key[0] == position and s.line >= last
            if not joins:
                if position is not None:
                    made.append(Chunk(text, self.cells[position].filename, first))
                if s is None:
                    break
                position, text, first, last = s.key[0], "", s.line, s.line
                future = self.cells[position].future
                if future and future[0].line <= s.line:
                    text, first = "; ".join(f.text for f in future), future[0].line
                    last = first + text.count("\n")
            assert s is not None
            if text and s.line == last:
                text += "; " + s.text
            else:
                text += "\n" * (s.line - last) + s.text
            last = s.line + s.text.count("\n")
        return tuple(made)


def _ordered(needs: dict[Statement, _Needs]) -> list[Statement]:
    """As in the notebook; what stands later than a statement that needs it is brought forward."""
    done: list[Statement] = []
    seen: set[Statement] = set()
    for first in sorted(needs, key=_key):
        if first in seen:
            continue
        # depth first without recursion: chains can be as long as the notebook
        seen.add(first)
        stack = [(first, iter(sorted(needs[first].now, key=_key)))]
        while stack:
            statement, rest = stack[-1]
            following = next((s for s in rest if s not in seen), None)
            if following is None:
                done.append(statement)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(sorted(needs[following].now, key=_key))))
    return done
