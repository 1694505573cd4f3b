"""The questions that are asked of every chapter's exercises, written once.

A chapter's test module lists its answers and takes the tests over::

    globals().update(questions("02", also_right=ALSO_RIGHT, wrong=WRONG))

An exercise whose answer is a class, or takes a model, is ``opaque``: answers made by changing what
the reference returns mean nothing there, so those questions are left out; list such answers with
the wrong ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import isclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.exercises import check, get, judge, registered
from aigc_course.judging.forbidden import static_findings
from tests.support.harness import (
    Wrong,
    assert_hint,
    assert_hints_differ,
    assert_hints_lead_without_telling,
    assert_keeps_its_secrets,
    assert_loads_only_numpy,
    assert_passes,
    assert_spoilt_fails,
    assert_survives,
    assert_unanswered,
    assert_worth_nothing,
    know_nothings,
    leaf_count,
    notebook_answer,
    notebook_source,
    odd_values,
)
from tests.support.loopback import assert_same_remotely


def questions(
    chapter: str,
    *,
    also_right: Sequence[tuple[str, Any]],
    wrong: Sequence[Wrong],
    same_hint: Sequence[Wrong] = (),
    opaque: Collection[str] = (),
    by_chance: Collection[Any] = (),
    loads: Collection[str] = (),
    let_pass: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Callable[..., None]]:
    """Tests by name.

    Args:
        chapter: ``"02"``.
        also_right: ``(number, answer)``, right answers written in other ways.
        wrong: typical mistakes, each with a hint of its own; three at least an exercise.
        same_hint: mistakes that share the hint of another one.
        opaque: exercises whose results are not plain numbers; those that ask for a class are
            anyway.
        by_chance: wrong answers that draw numbers of their own, and end differently each time.
        loads: heavy packages that the chapter's judges import.
        let_pass: by number, which of ``SPOILT`` does no harm there: ``{"05.1": ["list"]}``.
    """
    exercises = {exercise.id: exercise for exercise in registered(chapter)}
    plain = [
        number
        for number, exercise in exercises.items()
        if number not in opaque and not isclass(exercise.reference)
    ]
    mistakes = [*wrong, *same_hint]

    def test_the_exercises_are_numbered_from_1():
        assert list(exercises) == [f"{chapter}.{k}" for k in range(1, len(exercises) + 1)]

    @pytest.mark.parametrize("number", exercises)
    def test_what_an_exercise_says_of_itself(number):
        exercise = exercises[number]
        assert exercise.title and exercise.asks and exercise.points > 0
        assert 0 < exercise.limit <= 60 and exercise.reference is not None

    @pytest.mark.parametrize("number", exercises)
    def test_the_reference_earns_full_marks(number):
        assert_passes(number, exercises[number].reference, range(8))
        assert judge(number, exercises[number].reference).score == exercises[number].points

    @pytest.mark.parametrize("number", exercises)
    def test_the_notebooks_own_solution_passes(number):
        assert_passes(number, notebook_answer(number))

    @pytest.mark.parametrize("number", exercises)
    def test_nothing_the_lesson_uses_is_forbidden(number):
        assert static_findings(notebook_source(number), exercises[number].allows) == []
        assert check(number, notebook_answer(number)).passed

    @pytest.mark.parametrize(("number", "answer"), also_right)
    @given(seed=st.integers(0, 2**63))
    @settings(max_examples=25)
    def test_right_answers_pass_however_they_are_written(number, answer, seed):
        assert_passes(number, answer, [seed])

    @pytest.mark.parametrize("mistake", mistakes, ids=str)
    def test_each_mistake_gets_its_own_hint(mistake):
        assert_hint(mistake)
        if mistake.number in plain:
            assert_keeps_its_secrets(mistake.number, mistake.answer)

    def test_hints_of_different_mistakes_differ():
        assert {mistake.number for mistake in wrong} == set(exercises)
        assert_hints_differ(wrong)

    @pytest.mark.parametrize("number", plain)
    def test_answers_that_know_nothing_earn_nothing(number):
        assert_worth_nothing(number, know_nothings(get(number).reference))

    @pytest.mark.parametrize("number", plain)
    def test_results_that_spoil_what_comes_later_fail(number):
        assert_spoilt_fails(number, but=(let_pass or {}).get(number, ()))

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("number", exercises)
    @given(data=st.data())
    @settings(max_examples=40, deadline=None)
    def test_no_odd_result_passes_or_breaks_the_judge(number, data):
        leaves = range(leaf_count(number) if number in plain else 0)
        assert_survives(
            number, data.draw(odd_values()), data.draw(st.sampled_from([None, *leaves]))
        )

    @pytest.mark.parametrize("number", exercises)
    def test_answers_in_another_process_are_judged_alike(number):
        assert_same_remotely(number, notebook_answer(number), range(3))
        for answer in [answer for other, answer in also_right if other == number]:
            assert_same_remotely(number, answer)
        for mistake in mistakes:
            if mistake.number == number and mistake.answer not in by_chance:
                assert_same_remotely(number, mistake.answer, range(2))

    @pytest.mark.parametrize("number", exercises)
    def test_open_exercises_are_unanswered(number):
        assert_unanswered(number)

    @pytest.mark.parametrize("number", exercises)
    def test_hints_lead_without_telling(number):
        assert_hints_lead_without_telling(number)

    def test_only_what_is_needed_is_loaded():
        assert_loads_only_numpy(f"aigc_course.exercises.ex{chapter}", but=loads)

    return {name: test for name, test in locals().items() if name.startswith("test_")}
