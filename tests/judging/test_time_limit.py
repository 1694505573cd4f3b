"""A runaway answer is ended, in every place it may run, and nothing is ended late."""

import contextlib
import threading
import time

import pytest

from aigc_course.judging import core
from aigc_course.judging import time_limit as watch
from aigc_course.judging.core import Stopped, check, exercise
from aigc_course.judging.forbidden import CallMonitor
from aigc_course.judging.judges import value
from aigc_course.judging.time_limit import time_limit

SHORT = 0.05


def forever():
    while True:
        pass


def spin(seconds=0.3):
    """Run bytecode for a while: whatever is still on its way arrives here."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.fixture
def quickly_again(monkeypatch):
    monkeypatch.setattr(watch, "AGAIN_SECONDS", 0.02)


def test_an_endless_loop_is_ended_and_its_line_named():
    with pytest.raises(Stopped) as caught, time_limit(SHORT):
        forever()
    assert caught.value.status == "timeout"
    line = forever.__code__.co_firstlineno
    assert "跑了 0.05 秒还没完" in caught.value.message
    assert "是不是有停不下来的循环？" in caught.value.message
    assert any(f"第 {line + k} 行" in caught.value.message for k in (1, 2))


def test_a_loop_in_the_block_itself_is_ended():
    with pytest.raises(Stopped), time_limit(SHORT):
        while True:
            pass


def test_what_is_in_time_is_left_alone(quickly_again):
    with time_limit(60):
        value = sum(range(1000))
    assert value == 499500
    for _ in range(200):
        with time_limit(60):
            pass
    assert not watch._open


def test_other_exceptions_pass(quickly_again):
    with pytest.raises(KeyError), time_limit(60):
        {}[1]
    with pytest.raises(KeyboardInterrupt), time_limit(60):
        raise KeyboardInterrupt


def stubborn(times):
    """Swallows what it is sent, a few times."""
    for _ in range(times):
        with contextlib.suppress(BaseException):
            forever()
    forever()


def test_swallowing_it_does_not_help(quickly_again):
    with pytest.raises(Stopped), time_limit(SHORT):
        stubborn(5)


def test_finishing_after_having_swallowed_it_is_still_late(quickly_again):
    def sly():
        try:
            forever()
        except BaseException:
            return "made it"

    with pytest.raises(Stopped), time_limit(SHORT):
        sly()


def test_nothing_arrives_after_the_block(quickly_again):
    """Blocks that end just when the time is up: in time or not, never later."""
    outcomes = set()
    for k in range(60):
        end = time.monotonic() + 0.01 + (k % 7 - 3) * 0.0005
        try:
            with time_limit(0.01):
                while time.monotonic() < end:
                    pass
            outcomes.add("in time")
        except Stopped:
            outcomes.add("late")
        spin(0.003)
    spin(0.1)
    assert outcomes and not watch._open


def test_a_block_left_without_its_end_is_not_hit_again(quickly_again):
    limit = time_limit(SHORT)
    limit.__enter__()
    with pytest.raises(Stopped):
        forever()
    spin(0.2)  # as if the exception had hit the very start of __exit__
    with pytest.raises(Stopped):
        limit.__exit__(None, None, None)


def test_a_profile_function_afterwards_is_safe():
    with pytest.raises(Stopped), time_limit(SHORT):
        forever()
    with CallMonitor() as monitor:
        sorted([2, 1])
    assert monitor.findings == []


def test_inside_a_profile_function():
    with pytest.raises(Stopped), CallMonitor(), time_limit(SHORT):
        while True:
            len([])


def test_the_outer_limit_counts_inside_the_inner(quickly_again):
    with pytest.raises(Stopped) as caught, time_limit(SHORT), time_limit(60):
        forever()
    assert "0.05 秒" in caught.value.message


def test_the_inner_limit_leaves_the_outer_block_running(quickly_again):
    went_on = False
    with time_limit(60):
        with pytest.raises(Stopped), time_limit(SHORT):
            forever()
        spin(0.05)
        went_on = True
    assert went_on


def test_after_the_inner_the_outer_still_ends(quickly_again):
    with pytest.raises(Stopped) as caught, time_limit(0.3):
        try:
            with time_limit(SHORT):
                forever()
        except Stopped:
            pass
        forever()
    assert "0.3 秒" in caught.value.message


def test_in_another_thread():
    seen = []

    def work():
        try:
            with time_limit(SHORT):
                forever()
        except Stopped as stopped:
            seen.append(stopped.status)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert seen == ["timeout"]


def test_a_call_that_cannot_be_interrupted_is_named_when_it_returns(monkeypatch):
    monkeypatch.setattr(watch, "LATE_SECONDS", 0.05)
    with pytest.raises(Stopped) as caught, time_limit(SHORT):
        time.sleep(0.4)
    assert "中途停不下来" in caught.value.message


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_nonsense_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds"):
        time_limit(seconds)


def test_check_keeps_the_steps_and_goes_on(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", title="加一", points=4, asks="inc(x)", reference=lambda x: x + 1, limit=SHORT)
    def judge_inc(answer, rng):
        yield value(answer(1), 2, "1")
        yield value(answer(2), 3, "2")

    def inc(x):
        while x == 2:
            pass
        return x + 1

    result = check("98.1", inc)
    assert result.status == "timeout" and result.score == 2.0
    assert "超时" in str(result) and "停不下来的循环" in str(result)
    assert [step.ok for step in result.steps] == [True]
    assert ("x", "2") in result.call
