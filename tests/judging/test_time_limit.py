"""A runaway answer is ended, in every place it may run, and nothing is ended late."""

import contextlib
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from aigc_course.judging import core, time_limit
from aigc_course.judging.core import Stopped, check, exercise
from aigc_course.judging.forbidden import CallMonitor
from aigc_course.judging.judges import value
from aigc_course.judging.time_limit import run_with_timeout

pytestmark = pytest.mark.timeout(120)

SHORT = 0.05


def forever():
    while True:
        pass


def spin(seconds=0.3):
    """Run bytecode for a while: whatever is still on its way arrives here."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def in_python(code, seconds=90):
    """Run ``code`` in an interpreter of its own, which ends by itself with its stack printed."""
    program = f"""
import contextlib, faulthandler, sys, threading, time
faulthandler.dump_traceback_later({seconds}, exit=True)
from aigc_course.judging import time_limit
from aigc_course.judging.core import Stopped
from aigc_course.judging.forbidden import CallMonitor
from aigc_course.judging.time_limit import run_with_timeout

def forever():
    while True:
        pass

def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

{textwrap.dedent(code)}"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=seconds + 20,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


@pytest.fixture
def quickly_again(monkeypatch):
    monkeypatch.setattr(time_limit, "AGAIN_SECONDS", 0.02)


def test_an_endless_loop_is_ended_and_its_line_named():
    with pytest.raises(Stopped) as caught:
        run_with_timeout(SHORT, forever)
    assert caught.value.status == "timeout"
    line = forever.__code__.co_firstlineno
    assert "跑了 0.05 秒还没完" in caught.value.message
    assert "是不是有停不下来的循环？" in caught.value.message
    assert any(f"第 {line + k} 行" in caught.value.message for k in (1, 2))
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_what_it_returns_is_returned(quickly_again):
    assert run_with_timeout(60, lambda: sum(range(1000))) == 499500


def test_other_exceptions_pass(quickly_again):
    with pytest.raises(KeyError):
        run_with_timeout(60, lambda: {}[1])

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_with_timeout(60, interrupted)


def stubborn(times):
    """Swallows what it is sent, a few times."""
    for _ in range(times):
        with contextlib.suppress(Stopped):
            forever()
    forever()


def test_swallowing_it_does_not_help(quickly_again):
    with pytest.raises(Stopped):
        run_with_timeout(SHORT, lambda: stubborn(5))


def test_finishing_after_having_swallowed_it_is_still_late(quickly_again):
    def sly():
        try:
            forever()
        except Stopped:
            return "made it"

    with pytest.raises(Stopped):
        run_with_timeout(SHORT, sly)


def test_an_interruption_after_the_deadline_is_not_turned_into_a_timeout(quickly_again):
    def interrupted():
        try:
            forever()
        except Stopped:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        run_with_timeout(SHORT, interrupted)


@pytest.mark.parametrize("profiled", [False, True])
@pytest.mark.parametrize("where", ["main", "threads"])
def test_nothing_arrives_after_the_call(where, profiled):
    """Thousands of calls that end just when the time is up: in time or late, never afterwards."""
    outcomes = in_python(f"""
    time_limit.AGAIN_SECONDS = 0.002
    sys.setswitchinterval(1e-5)
    outcomes, wrong = set(), []

    def one(k):
        until = time.monotonic() + 0.001 * (0.7 + k % 61 / 100)
        def work():
            if k % 5 == 0:  # swallows it once
                with contextlib.suppress(BaseException):
                    while time.monotonic() < until: pass
            while time.monotonic() < until: pass
            return k
        try:
            with CallMonitor() if {profiled} else contextlib.nullcontext():
                outcomes.add("in-time" if run_with_timeout(0.001, work) == k else "lost")
        except Stopped as stopped:
            outcomes.add("late" if "还没完" in stopped.message else "bare")

    def many():
        for k in range(1500):
            try:
                one(k)
                for _ in range(200): pass
            except BaseException as error:
                wrong.append(repr(error))

    if {where!r} == "main":
        many()
    else:
        threads = [threading.Thread(target=many) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    spin(0.1)
    assert not wrong, wrong
    print(*outcomes)
    """)
    assert set(outcomes) == {"in-time", "late"}


def test_limits_inside_limits_that_end_together():
    """Both are due at about the same time, and there is room for one exception."""
    assert in_python("""
    time_limit.AGAIN_SECONDS = 0.002
    sys.setswitchinterval(1e-5)
    said = set()

    def inner(seconds):
        try:
            run_with_timeout(seconds, forever)
        except Stopped as stopped:  # the outer one's may arrive in here, too
            said.add("inner" if f"{seconds:g} 秒" in stopped.message else "outer")
        forever()

    for k in range(600):
        try:
            run_with_timeout(0.003, lambda: inner(0.001 * (1 + k % 40 / 10)))
        except Stopped as stopped:
            said.add("outer")
            assert "0.003 秒" in stopped.message, stopped.message
        for _ in range(200): pass
    spin(0.1)
    print(*sorted(said))
    """) == ["inner", "outer"]


def test_ctrl_c_comes_through_at_any_moment_and_nothing_after_it():
    assert in_python("""
    import _thread, signal
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    time_limit.AGAIN_SECONDS = 0.002
    sys.setswitchinterval(1e-5)
    begun, sent, through = [], [], 0

    def wait(done, k):  # in a frame of its own: see what time_limit says about while loops
        while len(done) <= k:
            time.sleep(0.0001)

    def interrupt():
        for k in range(300):
            wait(begun, k)
            time.sleep(0.0004 + k % 30 * 0.00005)
            _thread.interrupt_main()
            sent.append(k)

    threading.Thread(target=interrupt, daemon=True).start()
    for k in range(300):
        try:
            begun.append(k)
            try:
                run_with_timeout(0.001, forever)
            except Stopped:
                pass
            wait(sent, k)
            time.sleep(0)  # a signal that came with a change of threads is seen at the next call
        except KeyboardInterrupt:
            through += 1
        wait(sent, k)
    spin(0.1)  # a limit that still fires would end this with Stopped
    print(through)
    """) == ["300"]


def test_a_profile_function_afterwards_is_safe():
    with pytest.raises(Stopped):
        run_with_timeout(SHORT, forever)
    with CallMonitor() as monitor:
        sorted([2, 1])
    assert monitor.findings == []


def test_inside_a_profile_function():
    def busy():
        while True:
            len([])

    with pytest.raises(Stopped), CallMonitor() as monitor:
        run_with_timeout(SHORT, busy)
    # the call above is of this file and counts, as an answer's would; the expiry does not
    assert len(monitor.findings) == 1 and "run_with_timeout" in monitor.findings[0]


def test_the_outer_limit_counts_inside_the_inner(quickly_again):
    with pytest.raises(Stopped) as caught:
        run_with_timeout(SHORT, lambda: run_with_timeout(60, forever))
    assert "0.05 秒" in caught.value.message


def test_the_inner_limit_leaves_the_outer_call_running(quickly_again):
    def outer():
        with pytest.raises(Stopped):
            run_with_timeout(SHORT, forever)
        spin(0.05)
        return "went on"

    assert run_with_timeout(60, outer) == "went on"


def test_after_the_inner_the_outer_still_ends(quickly_again):
    def outer():
        with pytest.raises(Stopped):
            run_with_timeout(SHORT, forever)
        forever()

    with pytest.raises(Stopped) as caught:
        run_with_timeout(0.3, outer)
    assert "0.3 秒" in caught.value.message


def test_an_import_is_not_cut_in_half(tmp_path, monkeypatch):
    """Its time does not count either, and what comes after it is ended as ever."""
    (tmp_path / "slow_to_import").mkdir()
    for name, code in (
        ("__init__", "import slow_to_import.part\npart.done"),
        (
            "part",
            "import time\nend = time.monotonic() + 0.5\n"
            "while time.monotonic() < end:\n    pass\ndone = True",
        ),
    ):
        path = tmp_path / "slow_to_import" / f"{name}.py"
        path.write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def work():
        import slow_to_import

        return slow_to_import.part.done

    try:
        assert run_with_timeout(SHORT, work) is True
        with pytest.raises(Stopped) as caught:
            run_with_timeout(SHORT, lambda: (work(), forever()))
        assert "停不下来的循环" in caught.value.message
    finally:
        for name in [name for name in sys.modules if name.startswith("slow_to_import")]:
            del sys.modules[name]


def test_an_import_without_end_is_ended_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "endless_import.py").write_text("while True: pass", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(time_limit, "IMPORT_SECONDS", 0.3)
    with pytest.raises(Stopped) as caught:
        run_with_timeout(SHORT, lambda: __import__("endless_import"))
    assert "还在 import" in caught.value.message


def test_in_another_thread():
    seen = []

    def work():
        try:
            run_with_timeout(SHORT, forever)
        except Stopped as stopped:
            seen.append(stopped.status)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert seen == ["timeout"]


def test_a_call_that_cannot_be_interrupted_is_named_when_it_returns(monkeypatch):
    monkeypatch.setattr(time_limit, "LATE_SECONDS", 0.05)
    with pytest.raises(Stopped) as caught:
        run_with_timeout(SHORT, lambda: time.sleep(0.4))
    assert "中途停不下来" in caught.value.message


def test_what_comes_with_the_very_last_step_is_not_let_out(monkeypatch):
    """No bytecode after the product looks for a request, so it is still to come on the return."""
    monkeypatch.setattr(time_limit, "LATE_SECONDS", 0.0)
    a = np.ones((1500, 1500))
    with pytest.raises(Stopped) as caught:
        run_with_timeout(0.001, lambda: a @ a)
    assert type(caught.value) is Stopped and "中途停不下来" in caught.value.message


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_nonsense_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds"):
        run_with_timeout(seconds, int)


def test_check_keeps_the_steps_and_goes_on(monkeypatch):
    monkeypatch.setattr(core, "_registry", {})

    @exercise("98.1", title="加一", points=4, asks="inc(x)", reference=lambda x: x + 1, limit=1.0)
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


# --- a call that cannot be stopped from here ------------------------------------------------------


def test_the_learner_is_told_how_to_stop_a_call_that_does_not_come_back(monkeypatch):
    monkeypatch.setattr(time_limit, "WAITING_SECONDS", 0.1)
    monkeypatch.setattr(time_limit, "AGAIN_SECONDS", 0.05)
    told = []
    with pytest.raises(Stopped) as caught:
        run_with_timeout(SHORT, lambda: time.sleep(1.0), told.append)
    assert len(told) == 1 and told[0].startswith("跑了 0.05 秒还没完")
    assert caught.value.message.startswith(told[0])
    told.clear()
    with pytest.raises(Stopped):
        run_with_timeout(SHORT, forever, told.append)
    assert told == []


INTERRUPTED = """
import signal, threading, time
from aigc_course.judging import core, time_limit
from aigc_course.judging.core import check, exercise

time_limit.WAITING_SECONDS = 0.2
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell

@exercise("98.1", "等", points=1, asks="f()", reference=lambda: 1, limit=0.3)
def judge_f(answer, rng):
    yield core.Step(answer() == 1, "值")

def f():
    time.sleep(1000)

main = threading.main_thread().ident
threading.Timer(2.0, signal.pthread_kill, [main, signal.SIGINT]).start()
result = check("98.1", f)
print("##", result.status, "被中断" in result.message)
print(result)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_after_an_interruption_the_card_says_what_happened():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=os.environ | {"AIGC_PROGRESS": "0"},
    )
    assert "还在等一次调用返回" in done.stdout and "内核 → 中断内核" in done.stdout, done.stderr
    assert "## timeout True" in done.stdout and "✗ 练习 98.1 等：超时" in done.stdout
