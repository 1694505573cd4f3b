"""No judge believes an answer: liars earn nothing, a lying part never passes, in any exercise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest

from aigc_course.classroom.assignment.from_notebook import asked_notebook
from aigc_course.classroom.sandbox import Kind, Limits, Sandbox
from aigc_course.classroom.submission.read import read_submission
from aigc_course.judging import core
from tests.hostile.attack import REPOSITORY, _source, _student, as_bytes, solved
from tests.hostile.liars import PARTS, partly, programs, with_lying_attribute

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available()),
]
BOOKS = sorted(path.stem for path in (REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EXERCISES = [ex.id for book in BOOKS for ex in core.registered(book[:2])]
ATTRIBUTES = {"04.8": ("data", "grad", "shape", "requires_grad")}
# a number that lies about comparisons arrives from its process as what it is, and one score in
# forty may be any number
HARMLESS = {("15.1", "compares equal")}
Chunks = list[tuple[str, str, int]]
Judged = Callable[[Chunks, str], core.Result]


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[Kind, Sandbox]]:
    """One sandbox for each kind of exercise."""
    found: dict[Kind, Sandbox] = {}
    yield found
    for sandbox in found.values():
        sandbox.close()


@pytest.fixture
def judged(sandboxes: dict[Kind, Sandbox], request: pytest.FixtureRequest) -> Iterator[Judged]:
    """Judges programs in one process, and in a new one when an answer has broken it."""
    exercise = core.get(request.node.callspec.params["number"])
    kind = Kind.of(exercise.allows)
    if kind not in sandboxes:
        sandboxes[kind] = Sandbox(kind, Limits(seconds=3, memory_mib=256))
    worker: Any = None

    def judge(program: Chunks, name: str) -> core.Result:
        nonlocal worker
        if worker is None or not worker.alive:
            worker = sandboxes[kind].worker(allows=exercise.allows)
        try:
            answer = worker.answer(program, name)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of NumPy about what the answer gave
                return core.judge(exercise.id, answer, seed=5)
        except core.Stopped as stopped:
            return exercise.result(stopped.status, message=stopped.message)

    yield judge
    if worker is not None:
        worker.close()


@pytest.mark.parametrize("number", EXERCISES)
def test_a_liar_earns_nothing(number: str, judged: Judged):
    for name, source in programs().items():
        result = judged([(source, "<a>", 1)], "answer")
        assert result.score == 0 and not result.passed, f"{name}\n{result}"


@pytest.mark.parametrize("number", EXERCISES)
def test_a_right_answer_with_one_lying_part_does_not_pass(number: str, judged: Judged):
    book = next(name for name in BOOKS if name[:2] == number[:2])
    source, student = (nbformat.reads(f(book), as_version=4) for f in (_source, _student))
    answer = read_submission(as_bytes(solved(book)), asked_notebook(book, source, student))
    program = [(c.source, c.filename, c.first_line) for c in answer.answers[number].program]
    name = answer.answers[number].name
    assert judged(program, name).passed
    for part in PARTS:
        lies = [partly(part, leaf) for leaf in range(6)]
        lies += [with_lying_attribute(part, name) for name in ATTRIBUTES.get(number, ())]
        for lie in lies:
            result = judged([*program, (f"right = {name}\n{lie}", "<a>", 1)], "spoiled")
            harmless = (number, part) in HARMLESS
            assert not result.passed or harmless, f"{part}\n{lie[-300:]}\n{result}"
