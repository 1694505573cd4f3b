"""What a source notebook asks for: exercises, open questions, points."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from aigc_course.classroom.assignment.record import (
    AskedExercise,
    AskedNotebook,
    AskedOpen,
    fingerprint,
)

__all__ = ["asked_notebook", "exercise_of"]


def exercise_of(source: str) -> tuple[str, str] | None:
    """Number and asked name of a check cell; None if it is something else.

    Example:
        >>> exercise_of('check("03.2", linear_backward)')
        ('03.2', 'linear_backward')
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    for node in tree.body:
        match node:
            case ast.Expr(
                value=ast.Call(
                    func=ast.Name(id="check"),
                    args=[ast.Constant(value=str(id)), ast.Name(id=name), *_],
                )
            ):
                return id, name
    return None


def asked_notebook(
    name: str, source: Any, student: Any, titles: Mapping[str, str] | None = None
) -> AskedNotebook:
    """Read off what is asked from a source notebook and its student version.

    Args:
        name: without suffix, ``"03_backprop"``.
        source: the notebook with solutions, in nbgrader's format; points are taken from it.
        student: the same notebook as released.
        titles: of the exercises, by number.

    Raises:
        ValueError: a check cell that checks nothing, or an exercise without an answer cell.
    """
    released = {cell.id: cell for cell in student.cells}
    solutions = {cell.id: cell for cell in source.cells}
    exercises, questions = [], []
    lesson = [
        fingerprint(cell.source)
        for cell in student.cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("solution")
    ]
    for cell in source.cells:
        grading = cell.metadata.get("nbgrader") or {}
        if not grading.get("grade"):
            continue
        points = float(grading.get("points", 0))
        if grading.get("solution"):
            chapter, number = cell.id.split("-")[1:]
            starter = released[cell.id].source
            at = source.cells.index(cell)
            question = next(
                (c.source for c in reversed(source.cells[:at]) if c.cell_type == "markdown"), ""
            )
            id = f"{chapter}.{number}"
            questions.append(
                AskedOpen(id, points, cell.id, question, _rubric(cell.source), starter)
            )
            continue
        found = exercise_of(cell.source)
        if found is None:
            raise ValueError(f"{name}: cell {cell.id} has points but no check(…)")
        id, defines = found
        answer = f"ex-{id.replace('.', '-')}"
        if answer not in released:
            raise ValueError(f"{name}: exercise {id} has no cell {answer}")
        exercises.append(
            AskedExercise(
                id=id,
                title=(titles or {}).get(id, ""),
                points=points,
                answer_cell=answer,
                check_cell=cell.id,
                defines=defines,
                starter=released[answer].source,
                solution=solutions[answer].source,
            )
        )
    return AskedNotebook(name, name[:2], tuple(exercises), tuple(questions), tuple(lesson))


def _rubric(source: str) -> str:
    lines = source.splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("### ")).strip()
