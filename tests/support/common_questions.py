"""The questions that are asked of every chapter's exercises, written once.

A chapter's test module lists its answers and takes the tests over::

    globals().update(questions("aigc_course.exercises.ex02", NUMBERS, ALSO_RIGHT, WRONG))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.exercises import check, get, judge
from aigc_course.judging import core
from aigc_course.judging.forbidden import Tripwire, static_findings
from tests.support.harness import (
    Wrong,
    assert_hint,
    assert_hints_differ,
    assert_hints_lead_without_telling,
    assert_keeps_its_secrets,
    assert_loads_only_numpy,
    assert_passes,
    assert_survives,
    assert_unanswered,
    assert_worth_nothing,
    earned,
    know_nothings,
    leaf_count,
    notebook_answer,
    notebook_source,
    odd_values,
)
from tests.support.loopback import assert_same_remotely


def questions(
    module: str,
    numbers: Sequence[str],
    also_right: Sequence[tuple[str, Any]],
    wrong_answers: Sequence[Wrong],
    same_hint: Sequence[Wrong] = (),
) -> dict[str, Callable[..., None]]:
    """Tests by name.

    Args:
        module: of the chapter's judges.
        numbers: of its exercises.
        also_right: ``(number, answer)``, right answers written in other ways.
        wrong_answers: typical mistakes, each with a hint of its own.
        same_hint: mistakes that share the hint of another one.
    """

    @pytest.mark.parametrize("number", numbers)
    def test_the_notebooks_own_solution_passes(number):
        assert_passes(number, notebook_answer(number))
        assert check(number, notebook_answer(number)).passed

    @pytest.mark.parametrize(("number", "answer"), also_right)
    @given(seed=st.integers(0, 2**63))
    @settings(max_examples=25)
    def test_right_answers_pass_however_they_are_written(number, answer, seed):
        assert_passes(number, answer, [seed])

    @pytest.mark.parametrize("wrong", [*wrong_answers, *same_hint], ids=str)
    def test_each_mistake_gets_its_own_hint(wrong):
        assert_hint(wrong)
        assert_keeps_its_secrets(wrong.number, wrong.answer)

    def test_hints_of_different_mistakes_differ():
        assert {wrong.number for wrong in wrong_answers} == set(numbers)
        assert_hints_differ(wrong_answers)

    @pytest.mark.parametrize("number", numbers)
    def test_answers_that_know_nothing_earn_nothing(number):
        assert_worth_nothing(number, know_nothings(get(number).reference))

    @pytest.mark.parametrize("number", numbers)
    @given(data=st.data())
    @settings(max_examples=40)
    def test_no_odd_result_passes_or_breaks_the_judge(number, data):
        leaf = data.draw(st.sampled_from([None, *range(leaf_count(number))]))
        assert_survives(number, data.draw(odd_values()), leaf)

    @pytest.mark.parametrize("number", numbers)
    def test_answers_in_another_process_are_judged_alike(number):
        for answer in [
            notebook_answer(number),
            *(w.answer for w in wrong_answers if w.number == number),
        ]:
            assert_same_remotely(number, answer, range(3))

    @pytest.mark.parametrize("number", numbers)
    def test_open_exercises_are_unanswered(number):
        assert_unanswered(number)

    @pytest.mark.parametrize("number", numbers)
    def test_hints_lead_without_telling(number):
        assert_hints_lead_without_telling(number)

    def test_only_numpy_is_loaded():
        assert_loads_only_numpy(module)

    return {name: test for name, test in locals().items() if name.startswith("test_")}


def more_questions(
    right: Mapping[str, Any],
    variants: Mapping[str, Sequence[Any]],
    shares: Sequence[tuple[str, Any, float, float]],
    leaves_of: Mapping[str, int],
) -> dict[str, Callable[..., None]]:
    """Tests by name, for chapters whose answers are classes or train models.

    Args:
        right: the exercises' right answers, by number.
        variants: right answers written in other ways.
        shares: ``(number, answer, low, high)``, what an answer earns as a share of the points.
        leaves_of: how many values an answer's result has, by number.
    """

    @pytest.mark.parametrize("number", right)
    def test_the_notebooks_own_solution_passes(number):
        assert_passes(number, notebook_answer(number))

    @pytest.mark.parametrize("number", variants)
    def test_no_seed_turns_a_right_variant_away(number):
        @settings(max_examples=40, deadline=None)
        @given(st.integers(0, 2**32 - 1))
        def passes(seed):
            for variant in variants[number]:
                assert_passes(number, variant, [seed])

        passes()

    @pytest.mark.parametrize("number", right)
    def test_there_are_hints_that_lead_without_telling(number):
        assert_hints_lead_without_telling(number)

    @pytest.mark.parametrize("number", right)
    def test_nothing_the_lesson_uses_is_forbidden(number):
        exercise = core.get(number)
        assert static_findings(notebook_source(number), exercise.allows) == []
        with Tripwire(exercise.allows, judge=exercise.judge.__code__) as wire:
            assert judge(number, notebook_answer(number)).passed
        assert wire.findings == []

    @pytest.mark.parametrize(("number", "answer", "low", "high"), shares)
    def test_the_nearer_the_more(number, answer, low, high):
        for seed in range(6):
            share = earned(number, answer, seed)
            assert low <= share <= high, f"{share}\n{judge(number, answer, seed)}"

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(("number", "leaves"), leaves_of.items())
    def test_odd_results_are_wrong_and_no_more(number, leaves):
        @settings(max_examples=25, deadline=None)
        @given(odd_values())
        def survives(value):
            assert_survives(number, value)
            for leaf in range(leaves):
                assert_survives(number, value, leaf)

        survives()

    return {name: test for name, test in locals().items() if name.startswith("test_")}
