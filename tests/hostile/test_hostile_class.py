"""A class in which nearly everybody attacks, graded as ``aigc grade`` grades it, in one run.

Honest classmates get full marks; no attacker gets a mark that was not earned; nothing is touched,
nobody is left behind, and the run comes to its end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.grading.options import GradeOptions
from aigc_course.classroom.grading.whole_class import Summary, grade_class
from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.sandbox import Sandbox
from aigc_course.classroom.store import Store
from tests.hostile import hostile_answers, hostile_files
from tests.hostile.attack import (
    FULL,
    REPOSITORY,
    Attack,
    Listener,
    Scene,
    children,
    enlist,
    found_course,
    hand_in,
    left_behind,
    processes_called,
    scene,
    solved,
    state_of,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # only so that a hang is a failure
    pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available()),
]
ATTACKS = [*hostile_answers.ALL, *hostile_files.ALL]
HONEST = ("a_first", "honest1", "honest2", "zz_last")  # before, among and after the others
LIMITS = (
    "seconds=15,01.1.seconds=4,total_seconds=40,memory_mib=256,frame_mib=16,tmp_mib=16,file_mib=4"
)


@dataclasses.dataclass
class Aftermath:
    """What is left when the class has been graded."""

    scene: Scene
    listener: Listener
    summary: Summary
    marks: dict[str, SubmissionMark]
    before: dict[str, object]
    outside: dict[str, object]
    course: dict[str, object]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    with scene(tmp_path_factory.mktemp("hostile")) as (where, listener):
        found_course(where.root)
        enlist(where, ATTACKS)
        for student in HONEST:
            hand_in(where.root, student, solved())
        (where.root / "submitted" / "nothing").mkdir()
        before, outside = state_of(where.root), state_of(where.outside)
        course = state_of(REPOSITORY / "aigc_course", but=("__pycache__",))
        order = GradeOptions(where.root / "submitted", workers=2, limits=LimitOptions.parse(LIMITS))
        summary = grade_class(order)
        with Store(where.root) as store:
            marks = {mark.student: mark for mark in store.marks("ps1")}
        yield Aftermath(where, listener, summary, marks, before, outside, course)


def test_there_are_enough_attacks():
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) and len(names) >= 100


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_gets_what_it_earned_and_is_called_what_it_is(graded: Aftermath, attack: Attack):
    mark = graded.marks[attack.name]
    first = mark.notebooks[0].exercises[0] if mark.notebooks else None
    assert mark.status == attack.status, (mark.status, mark.reason, first)
    if first is not None:
        assert first.score == attack.score, first
        assert attack.ends is None or first.status == attack.ends, first
    total = FULL - 2 + (attack.score or 0) if attack.total == -1 else attack.total
    assert mark.score == total


@pytest.mark.parametrize("student", HONEST)
def test_honest_classmates_get_full_marks(graded: Aftermath, student: str):
    mark = graded.marks[student]
    assert (mark.status, mark.score) == ("graded", FULL), mark.reason


def test_everyone_has_a_result_and_only_files_go_without_a_mark(graded: Aftermath):
    assert set(graded.marks) == {*(a.name for a in ATTACKS), *HONEST, "nothing"}
    assert graded.summary.ungraded == []
    for mark in graded.marks.values():
        assert (mark.score is None) == (mark.status in ("damaged file", "wrong file", "missing"))
        assert mark.score is None or 0 <= mark.score <= FULL


def test_our_own_code_did_not_fail_once(graded: Aftermath):
    log = graded.summary.log
    assert log is None, Path(log).read_text(encoding="utf-8")


def test_no_file_was_changed_made_or_taken_away(graded: Aftermath):
    assert state_of(graded.scene.root) == graded.before
    assert state_of(graded.scene.outside) == graded.outside
    assert state_of(REPOSITORY / "aigc_course", but=("__pycache__",)) == graded.course


def test_no_file_was_left_anywhere(graded: Aftermath):
    assert left_behind(graded.scene.mark, graded.scene.root, graded.scene.outside) == []
    assert not Path("/tmp/unpickled-by-the-grader").exists()


def test_no_process_was_left(graded: Aftermath):
    assert processes_called(graded.scene.mark) == []
    assert children() == []


def test_nothing_arrived_at_a_socket(graded: Aftermath):
    assert graded.listener.visits == []


def test_nobody_was_told_a_hidden_case_or_what_was_expected(graded: Aftermath):
    text = graded.marks["tells_the_hidden_case"].to_json()
    said = graded.marks["tells_the_hidden_case"].notebooks[0].exercises[0].message
    assert "ValueError" in said and "0." not in said, said
    assert "seed" in text  # the instructor's own record has it, the message has not


def test_no_mark_holds_what_no_file_can_hold(graded: Aftermath):
    for mark in graded.marks.values():
        mark.to_json().encode("utf-8")


def test_it_can_be_done_again_and_comes_out_the_same(graded: Aftermath):
    order = GradeOptions(
        graded.scene.root / "submitted",
        workers=1,
        limits=LimitOptions.parse(LIMITS),
        only=("honest1", "equal_to_everything", "os_exit", "reads_the_judge", "edited_check"),
    )
    grade_class(order)
    with Store(graded.scene.root) as store:
        for mark in store.marks("ps1"):
            was = graded.marks[mark.student]
            assert (mark.status, mark.score) == (was.status, was.score), mark.student
