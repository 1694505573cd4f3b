"""``--late`` and ``--limits``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.classroom.grading.late_rules import LatePolicy
from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.sandbox.limits import Limits
from aigc_course.errors import UserError

DAY = 86400.0
USUAL = LatePolicy.parse("grace=10m,per_day=10%,max=50%,cutoff=7d")


@pytest.mark.parametrize(
    ("seconds", "lost"),
    [(-DAY, 0), (0, 0), (600, 0), (601, 0.1), (DAY + 600, 0.1), (DAY + 601, 0.2), (6 * DAY, 0.5),
     (7 * DAY, 0.5), (7 * DAY + 1, 1.0)],
)  # fmt: skip
def test_days_begun_count_after_the_grace_up_to_the_most_and_the_cutoff(
    seconds: float, lost: float
) -> None:
    assert USUAL.penalty(seconds) == pytest.approx(lost)
    assert (USUAL.late(seconds) > 0) == (lost > 0)


def test_without_a_policy_late_is_told_but_costs_nothing() -> None:
    assert LatePolicy().penalty(30 * DAY) == 0.0
    assert LatePolicy().late(1.0) == 1.0
    assert LatePolicy.parse("") == LatePolicy()


@given(st.floats(-1e7, 1e7), st.floats(0, 1e6))
def test_later_never_costs_less(seconds: float, more: float) -> None:
    assert 0 <= USUAL.penalty(seconds) <= USUAL.penalty(seconds + more) <= 1


@pytest.mark.parametrize(
    "text",
    ["grace", "grace=10", "grace=10x", "per_day=110%", "per_day=-1", "max=2", "foo=1m",
     "grace=1m,grace=2m", "grace=2d,cutoff=1d", "per_day=nan", "cutoff=１d"],
)  # fmt: skip
def test_a_late_rule_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(UserError, match="--late"):
        LatePolicy.parse(text)


def test_limits_for_all_and_for_one() -> None:
    options = LimitOptions.parse("seconds=5,memory_mib=512,03.5.seconds=20，total_seconds=90")
    assert options.of("03.1") == Limits(seconds=5.0, memory_mib=512, total_seconds=90.0)
    assert options.of("03.5") == Limits(seconds=20.0, memory_mib=512, total_seconds=90.0)
    assert options.total_seconds == 90.0
    assert isinstance(options.of("03.1").memory_mib, int)


def test_the_authors_time_holds_unless_one_was_asked_for() -> None:
    assert LimitOptions().of("03.1", 3.0).seconds == 3.0
    assert LimitOptions.parse("seconds=5").of("03.1", 3.0).seconds == 5.0
    assert LimitOptions.parse("03.1.seconds=7").of("03.1", 3.0).seconds == 7.0
    assert LimitOptions.parse("03.1.seconds=7").of("03.2", 3.0).seconds == 3.0


@pytest.mark.parametrize(
    "text",
    ["seconds", "seconds=0", "seconds=-1", "speed=3", "3.5.seconds=2", "03.1.total_seconds=2",
     "seconds=1e3", "memory_mib=x"],
)  # fmt: skip
def test_a_limit_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(UserError):
        LimitOptions.parse(text)


def test_options_that_say_the_same_have_the_same_text() -> None:
    first, second = (
        LimitOptions.parse("seconds=5,processes=2"),
        LimitOptions.parse("processes=2,seconds=5.0"),
    )
    assert first.text() == second.text() != LimitOptions.parse("seconds=6").text()
