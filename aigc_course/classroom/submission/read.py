"""The answers in a submitted notebook that nobody vouches for.

Everything here happens in the process that also knows the marks, so nothing of the notebook is
run, imported or followed: cells are parsed, and what an answer needs is cut out of them.

A learner's answer is found by the id of its cell, and failing that by the name it defines, so it
does not matter whether cells were deleted, duplicated, moved, edited, retyped or added. What was
unusual is noted for the instructor.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from aigc_course.classroom.assignment.record import AskedExercise, AskedNotebook, fingerprint
from aigc_course.classroom.marks import OpenAnswer
from aigc_course.classroom.submission.cells import Cell, parse_cell, without_docstring
from aigc_course.classroom.submission.notebook_file import (
    Damaged,
    RawCell,
    WrongFile,
    read_cells,
)
from aigc_course.classroom.submission.slicing import Chunk, slice_for

__all__ = ["SubmittedAnswer", "SubmittedNotebook", "read_submission"]

MAX_CODE = 512_000  # characters of code in one notebook; a long lesson has 40,000
MAX_STATEMENTS = 3_000
CELL_ID = re.compile(r"(?:ex|check|open)-(\d\d)-q?\d+\Z")


@dataclass(frozen=True)
class SubmittedAnswer:
    """What a learner wrote for one exercise.

    Attributes:
        id: such as ``"03.2"``.
        name: what it has to define.
        program: statements that define ``name`` when executed in order in an empty namespace;
            for a cell that is not Python the cell itself, so that running it raises the error.
        source: the cell as the learner wrote it.
        found: whether any cell was found for it.
        stub: whether it is still as released.
        error: why the cell cannot be parsed, or "".
        needs: other exercises whose answers are part of ``program``.
        notes: what the instructor might want to know.
    """

    id: str
    name: str
    program: tuple[Chunk, ...] = ()
    source: str = ""
    found: bool = False
    stub: bool = False
    error: str = ""
    needs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmittedNotebook:
    """One notebook of one learner; ``answers`` has an entry for every exercise asked for."""

    answers: dict[str, SubmittedAnswer]
    open: tuple[OpenAnswer, ...]
    notes: tuple[str, ...] = ()
    _document: _Notebook | None = field(default=None, repr=False, compare=False)

    def answer(self, id: str, without: Collection[str] = ()) -> SubmittedAnswer:
        """The answer to ``id`` with the course's solution for each exercise in ``without``.

        A lesson goes on with an earlier answer only if it passes its check
        (``Tensor = use("04.8", Tensor, otherwise=…)``), so an answer that builds on a wrong one
        is judged with the right one.
        """
        answer = self.answers[id]
        if self._document is None or not set(without) & set(answer.needs):
            return answer
        program, needs = self._document.program(id, without)
        return replace(answer, program=program, needs=needs)


def read_submission(
    data: bytes,
    asked: AskedNotebook,
    *,
    older: Sequence[AskedNotebook] = (),
) -> SubmittedNotebook:
    """Find the answers in a notebook as it was handed in.

    Args:
        data: the file's bytes, at most :data:`.notebook_file.MAX_BYTES`.
        asked: what this notebook asks for.
        older: the same notebook in earlier releases: their stubs count as stubs, too.

    Raises:
        Damaged: it cannot be read as a notebook.
        WrongFile: it can be read, but is not this notebook.
    """
    cells, notes = read_cells(data)
    try:
        document = _Notebook(cells, asked, older)
    except RecursionError:
        raise Damaged("代码嵌套太深") from None
    document.refuse_other_notebook()
    return SubmittedNotebook(
        answers={ex.id: document.answer(ex) for ex in asked.exercises},
        open=document.open_answers(),
        notes=(*document.notes(), *notes),
        _document=document,
    )


@dataclass
class _ChosenCell:
    """The cell taken for an exercise."""

    raw: RawCell | None = None
    cell: Cell | None = None
    stub: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.cell is not None and not self.stub and not self.cell.error


class _Notebook:
    """A notebook taken apart."""

    def __init__(
        self, cells: list[RawCell], asked: AskedNotebook, older: Sequence[AskedNotebook]
    ) -> None:
        self.raw, self.asked = cells, asked
        answer_cells = {ex.answer_cell for ex in asked.exercises}
        code = [raw for raw in cells if raw.kind == "code" or raw.ids & answer_cells]
        if sum(len(raw.source) for raw in code) > MAX_CODE:
            raise Damaged(f"代码有 {sum(len(raw.source) for raw in code)} 个字符，上限 {MAX_CODE}")
        self.lesson = {print_ for book in (asked, *older) for print_ in book.lesson}
        self.cells: dict[int, Cell] = {}
        self.altered: set[str] = set()  # names whose object the learner's own cells change
        self.lessons: set[int] = set()
        total = 0
        for raw in code:
            released = fingerprint(raw.source) in self.lesson
            name = f"<单元格 {raw.number}>"
            cell = parse_cell(raw.source, name, raw.number, released=released)
            total += len(cell.statements)
            if total > MAX_STATEMENTS:
                raise Damaged(f"代码超过 {MAX_STATEMENTS} 条语句")
            if raw.kind == "code" or not cell.error:
                self.cells[raw.number] = cell
            if released:
                self.lessons.add(raw.number)
            else:
                self.altered |= {name for s in cell.statements for name in s.names.alters}
        self.starters: dict[str, list[Cell]] = {}
        for book in (asked, *older):
            for ex in book.exercises:
                starter = parse_cell(ex.starter, "<题目>", 0, released=True)
                self.starters.setdefault(ex.id, []).append(starter)
        self.exercises = {ex.id: ex for ex in asked.exercises}
        self.choices = {ex.id: self._choose(ex) for ex in asked.exercises}
        for id, choice in self.choices.items():
            if choice.cell and choice.cell.filename.startswith("<单元格"):
                choice.cell.filename = f"<练习 {id}>"

    # -- which cell

    def _choose(self, ex: AskedExercise) -> _ChosenCell:
        named = [raw for raw in self.raw if ex.answer_cell in raw.ids]
        ours = [raw for raw in named if raw.number in self.cells]
        binding = [
            raw
            for raw in self.raw
            if (cell := self.cells.get(raw.number)) and cell.last_binding(ex.defines)
        ]
        stubs = [raw for raw in binding if self._is_stub(ex, self.cells[raw.number])]
        written = [raw for raw in binding if raw not in stubs]
        by_id = [raw for raw in written if raw in ours]
        by_name = [raw for raw in written if raw not in ours and raw.number not in self.lessons]
        broken = [raw for raw in ours if self.cells[raw.number].error] or [
            raw
            for raw in self.raw
            if (cell := self.cells.get(raw.number)) and cell.error and _mentions(raw, ex.defines)
        ]
        below = self._below(ex, by_id, by_name)
        for group in (below, by_id, by_name, broken, [raw for raw in stubs if raw in ours], stubs):
            if group:
                break
        else:
            return _ChosenCell(
                notes=["没有找到作答的单元格" if not named else "单元格里没有要写的名字"]
            )
        raw = group[-1]
        cell = self.cells[raw.number]
        choice = _ChosenCell(raw, cell, stub=raw in stubs)
        if raw not in ours:
            missing = "原单元格不在" if not named else "原单元格里没有作答"
            where = "在原单元格下面又写了一次" if below else missing
            choice.notes.append(f"按名字 {ex.defines} 找到（第 {raw.number} 格；{where}）")
        if raw.kind != "code":
            choice.notes.append(f"单元格类型被改成 {raw.kind or '空'}，按代码读")
        if len(by_id) > 1:
            choice.notes.append(f"同一个单元格有 {len(named)} 份，取最后一份有作答的")
        elif len(by_id) + len(by_name) > 1:
            choice.notes.append(f"{ex.defines} 写了 {len(by_id) + len(by_name)} 次")
        if cell.dropped:
            choice.notes.append("略去 IPython 语法：" + "；".join(d[:40] for d in cell.dropped[:3]))
        if not choice.stub and _left_over(cell, ex.defines):
            choice.notes.append("还留着 raise NotImplementedError")
        return choice

    def _below(
        self, ex: AskedExercise, by_id: Sequence[RawCell], by_name: Sequence[RawCell]
    ) -> list[RawCell]:
        """Cells between the answer's and its check that define the name anew: the check sees them.

        A learner who starts over often does so in a new cell, and leaves the old one as it was.
        """
        if not by_id or not by_name:
            return []
        checked = self._check_below(ex, by_id[-1])
        if checked is None:
            return []
        return [raw for raw in by_name if by_id[-1].number < raw.number < checked]

    def _is_stub(self, ex: AskedExercise, cell: Cell) -> bool:
        statement = cell.last_binding(ex.defines)
        if statement is None or ex.defines in self.altered:
            return False
        if _only_raises(statement.node):
            return True
        return any(
            statement.canonical == starter.canonical
            for cell in self.starters[ex.id]
            if (starter := cell.last_binding(ex.defines))
        )

    # -- what it needs

    def program(
        self, id: str, without: Collection[str] = ()
    ) -> tuple[tuple[Chunk, ...], tuple[str, ...]]:
        """The statements for an exercise, and which other exercises' answers are among them."""
        ex, choice = self.exercises[id], self.choices[id]
        if choice.cell is None:
            return (), ()
        if choice.cell.error:
            return (Chunk(choice.cell.source, f"<练习 {id}>", 1),), ()
        owners: dict[str, Cell] = {}
        cells_of: dict[str, str] = {}
        for other in self.asked.exercises:
            taken = self._answer_or_solution(other.id, without)
            if other.id != id and taken is not None and taken is not choice.cell:
                owners[other.defines] = taken
                cells_of[taken.filename] = other.id
        chunks = slice_for(
            list(self.cells.values()),
            choice.cell,
            ex.defines,
            until=self._checked_at(ex),
            owners=owners,
        )
        needs = {cells_of[chunk.filename] for chunk in chunks if chunk.filename in cells_of}
        return chunks, tuple(sorted(needs))

    def _answer_or_solution(self, id: str, without: Collection[str]) -> Cell | None:
        choice = self.choices[id]
        if choice.good and id not in without:
            return choice.cell
        ex = self.exercises[id]
        if not ex.solution:
            return choice.cell
        # where the learner's own stands; before everything if there is none
        number = list(self.exercises).index(id)
        position = choice.cell.position + 0.5 if choice.cell else -1.0 - number
        solution = parse_cell(ex.solution, f"<参考 {id}>", position, released=True)
        solution.prevails = True
        return solution

    def _checked_at(self, ex: AskedExercise) -> float | None:
        return self._check_below(ex, self.choices[ex.id].raw)

    def _check_below(self, ex: AskedExercise, own: RawCell | None) -> float | None:
        """Number of the cell that checks the exercise, at or below the cell ``own``."""
        calls = re.compile(rf"check\(\s*[\"']{re.escape(ex.id)}[\"']")
        for raw in self.raw[own.number if own else 0 :]:
            if ex.check_cell in raw.ids or (raw.kind == "code" and calls.search(raw.source)):
                return raw.number
        return None

    # -- the results

    def answer(self, ex: AskedExercise) -> SubmittedAnswer:
        choice = self.choices[ex.id]
        if choice.raw is None or choice.cell is None:
            return SubmittedAnswer(ex.id, ex.defines, notes=tuple(choice.notes))
        notes, error = list(choice.notes), choice.cell.error
        program: tuple[Chunk, ...] = ()
        needs: tuple[str, ...] = ()
        try:
            program, needs = self.program(ex.id)
        except RecursionError:
            error = "嵌套太深"
        return SubmittedAnswer(
            ex.id,
            ex.defines,
            program,
            choice.raw.source,
            found=True,
            stub=choice.stub,
            error=error,
            needs=needs,
            notes=tuple(notes),
        )

    def open_answers(self) -> tuple[OpenAnswer, ...]:
        found = []
        for question in self.asked.open:
            texts = [raw.source for raw in self.raw if question.cell in raw.ids]
            given = [text for text in texts if not _same_text(text, question.starter)]
            source = (given or texts or [""])[-1]
            found.append(
                OpenAnswer(question.id, question.cell, question.points, source, bool(given))
            )
        return tuple(found)

    def notes(self) -> list[str]:
        notes = []
        for ex in self.asked.exercises:
            checks = [raw for raw in self.raw if ex.check_cell in raw.ids]
            wanted = f'check("{ex.id}", {ex.defines})'
            if not checks:
                notes.append(f"{ex.id} 的检查格不在")
            elif any(not _same_code(raw.source, wanted) for raw in checks):
                notes.append(f"{ex.id} 的检查格被改过")
        return notes

    def refuse_other_notebook(self) -> None:
        """At least one cell of this notebook has to be there, or one name and no other's cells.

        Names alone do not tell: lessons define again what earlier exercises asked for.
        """
        ids = {id for raw in self.raw for id in raw.ids}
        ours = {id for ex in self.asked.exercises for id in (ex.answer_cell, ex.check_cell)}
        ours |= {question.cell for question in self.asked.open}
        chapters = sorted({m[1] for id in ids if (m := CELL_ID.match(id))})
        named = any(choice.cell for choice in self.choices.values())
        if ids & ours or (named and not chapters):
            return
        if chapters:
            raise WrongFile(f"这是第 {'、'.join(chapters)} 章的笔记本，要的是 {self.asked.name}")
        raise WrongFile(f"里面没有 {self.asked.name} 的任何一题")


def _mentions(raw: RawCell, name: str) -> bool:
    return bool(re.search(rf"^\s*(?:(?:def|class)\s+{name}\b|{name}\s*=)", raw.source, re.M))


def _same_text(text: str, starter: str) -> bool:
    return "".join(text.split()) == "".join(starter.split()) or not text.strip()


def _same_code(source: str, wanted: str) -> bool:
    if source.strip() == wanted:
        return True
    cell, other = parse_cell(source, "", 0), parse_cell(wanted, "", 0)
    return [s.canonical for s in cell.statements] == [s.canonical for s in other.statements]


def _only_raises(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    body = without_docstring(node)
    return len(body) == 1 and _not_implemented(body[0])


def _not_implemented(node: ast.stmt) -> bool:
    match node:
        case ast.Raise(
            exc=ast.Name(id="NotImplementedError")
            | ast.Call(func=ast.Name(id="NotImplementedError"))
        ):
            return True
    return False


def _left_over(cell: Cell, name: str) -> bool:
    """A function that was written, with the stub's last line still at its top level."""
    statement = cell.last_binding(name)
    return statement is not None and any(
        _not_implemented(node) for node in without_docstring(statement.node)
    )
