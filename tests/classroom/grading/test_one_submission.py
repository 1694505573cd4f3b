"""One submission: what it earns, how it ends, and what the student may read of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aigc_course.classroom.grading import one_submission
from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.grading.one_submission import (
    case_seed,
    grade_submission,
    replace_exercise,
    settle,
)
from aigc_course.classroom.grading.redact import public_detail, public_message
from aigc_course.classroom.grading.warm_sandboxes import SubmissionWorkers, WarmSandboxes
from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.sandbox.limits import Kind, Limits
from aigc_course.classroom.submission.collect import Problem
from aigc_course.errors import UserError
from aigc_course.judging import core
from tests.support import graded_class
from tests.support.graded_class import (
    BACKPROP,
    PS1,
    RIGHT,
    RIGHT_BOOK,
    STUB,
    WRONG,
    WRONG_BOOK,
    FakeSandbox,
    notebook,
)


def grade(book: bytes | None, sandbox: Any = None, **options: Any) -> SubmissionMark:
    files = {"03_backprop": book}
    options.setdefault("report", pytest.fail)
    return grade_submission(PS1, "s1", files, 7, sandbox or FakeSandbox(), **options)


def exercises(mark: SubmissionMark) -> dict[str, Any]:
    return {ex.id: ex for book in mark.notebooks for ex in book.exercises}


def test_right_answers_earn_the_points_of_the_assignment_not_of_the_course() -> None:
    mark = grade(RIGHT_BOOK)
    assert (mark.status, mark.score, mark.max_score, mark.reason) == ("graded", 10.0, 10.0, "")
    assert {id: ex.score for id, ex in exercises(mark).items()} == {"03.1": 4.0, "03.2": 6.0}
    assert exercises(mark)["03.2"].source == RIGHT["03.2"]


def test_a_wrong_answer_earns_a_part_and_is_told_the_step_that_failed() -> None:
    ex = exercises(grade(WRONG_BOOK))["03.2"]
    assert ex.status == "failed"
    assert ex.score is not None and 0 <= ex.score < 6
    assert [step.ok for step in ex.steps][-1] is False
    assert ex.steps[-1].hint


def test_one_submission_opens_one_room() -> None:
    sandbox = FakeSandbox()
    grade(RIGHT_BOOK, sandbox)
    assert sandbox.workers == 1


def stopping(status: str) -> bytes:
    answer = RIGHT["03.1"].replace("dz = 2", f"STOP = '{status}'\n    dz = 2")
    return notebook({**RIGHT, "03.1": answer})


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("timeout", "time limit"),
        ("memory", "memory limit"),
        ("crashed", "crashed"),
        ("refused", "refused"),
    ],
)
def test_a_stop_is_the_submissions_status_and_the_next_exercise_is_still_graded(
    status: str, wanted: str
) -> None:
    sandbox = FakeSandbox()
    mark = grade(stopping(status), sandbox)
    assert mark.status == wanted
    assert sandbox.workers == 2
    assert exercises(mark)["03.1"].status == status
    assert exercises(mark)["03.1"].message == f"停于 {status}"
    assert exercises(mark)["03.2"].status == "passed"
    assert mark.score == 6.0
    assert "03.1" in mark.reason


def test_a_forbidden_call_is_refused_without_being_run() -> None:
    answer = "import torch\ndef linear_backward(dy, x, W):\n    return torch.softmax(dy, 1)\n"
    sandbox = FakeSandbox()
    mark = grade(notebook({"03.2": answer}), sandbox)
    assert mark.status == "refused"
    assert exercises(mark)["03.2"].score == 0.0
    assert "torch.softmax" in exercises(mark)["03.2"].message
    assert sandbox.workers == 0


def test_unanswered_is_zero_and_said_so() -> None:
    mark = grade(notebook({"03.1": RIGHT["03.1"]}))
    assert (mark.status, mark.score) == ("partly answered", 4.0)
    assert exercises(mark)["03.2"].status == "unanswered"
    assert grade(notebook({})).score == 0.0


def test_an_answer_that_builds_on_a_wrong_one_is_judged_with_the_right_one() -> None:
    first = "def neuron_backward(w, x, b, y):\n    return 0.0, 0.0, 0.0\n"
    second = (
        "def linear_backward(dy, x, W):\n"
        "    assert abs(neuron_backward(0.0, 2.0, 0.0, 1.0)[0] + 2.0) < 1e-9\n"
        "    return dy @ W, dy.T @ x, dy.sum(axis=0)\n"
    )
    mark = grade(notebook({"03.1": first, "03.2": second}))
    assert {id: ex.status for id, ex in exercises(mark).items()} == {
        "03.1": "failed",
        "03.2": "passed",
    }
    only = grade(notebook({"03.1": first, "03.2": second}), exercise="03.2")
    assert exercises(only)["03.2"].status == "passed"


def test_an_answer_under_another_name_is_an_error() -> None:
    mark = grade(notebook({**RIGHT, "03.2": "backward = 1\n"}))
    ex = exercises(mark)["03.2"]
    assert ex.status in ("error", "unanswered")
    assert ex.score == 0.0


def test_an_error_shows_the_students_own_line() -> None:
    answer = "def linear_backward(dy, x, W):\n    return dy / [], 1, 2\n"
    ex = exercises(grade(notebook({**RIGHT, "03.2": answer})))["03.2"]
    assert ex.status == "error"
    assert "ValueError" in ex.message


def test_nothing_handed_in_is_missing_and_not_zero() -> None:
    mark = grade(None)
    assert (mark.status, mark.score, mark.notebooks) == ("missing", None, ())


def test_one_of_two_notebooks_missing_is_partly_answered() -> None:
    other = replace(
        BACKPROP,
        name="01_forward",
        chapter="01",
        open=(),
        exercises=(graded_class.asked("01.1", "sigmoid", 5.0),),
    )
    both = replace(PS1, notebooks=(other, BACKPROP))
    mark = grade_submission(both, "s1", {"03_backprop": RIGHT_BOOK}, 7, FakeSandbox())
    assert (mark.status, mark.score, mark.max_score) == ("partly answered", 10.0, 15.0)
    assert [book.status for book in mark.notebooks] == ["missing", "graded"]
    assert exercises(mark)["01.1"].score == 0.0


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null"])
def test_a_damaged_file_is_not_a_zero(data: bytes) -> None:
    mark = grade(data)
    assert mark.status in ("damaged file", "wrong file")
    assert mark.score is None
    assert mark.reason
    assert all(ex.score is None for ex in exercises(mark).values())


def test_what_could_not_be_opened_is_said() -> None:
    mark = grade(None, problems={"": Problem("damaged file", "ZIP 文件损坏")})
    assert (mark.status, mark.reason, mark.score) == ("damaged file", "ZIP 文件损坏", None)
    mark = grade(None, problems={"03_backprop": Problem("wrong file", "是符号链接")})
    assert (mark.status, mark.score) == ("wrong file", None)


def test_the_same_bytes_and_seed_give_the_same_mark() -> None:
    first, second = grade(WRONG_BOOK), grade(WRONG_BOOK)
    timeless = [
        replace(
            m,
            seconds=0,
            notebooks=tuple(
                replace(b, exercises=tuple(replace(e, seconds=0) for e in b.exercises))
                for b in m.notebooks
            ),
        )
        for m in (first, second)
    ]
    assert timeless[0] == timeless[1]
    assert SubmissionMark.from_json(first.to_json()) == first


def test_a_class_gets_the_same_cases_and_each_exercise_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[tuple[str, int | None]] = []
    judge = core.judge

    def spy(id: str, answer: Any, seed: int | None = None) -> core.Result:
        seeds.append((id, seed))
        return judge(id, answer, seed=seed)

    monkeypatch.setattr(core, "judge", spy)
    for student in ("s1", "s2"):
        grade_submission(PS1, student, {"03_backprop": RIGHT_BOOK}, 7, FakeSandbox())
    assert seeds[:2] == seeds[2:]
    assert seeds[0][1] != seeds[1][1]
    assert dict(seeds) == {id: case_seed(7, id) for id in ("03.1", "03.2")}


# --- our own failures ----------------------------------------------------------------------------


def test_our_own_failure_leaves_one_exercise_ungraded_and_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = core.judge

    def failing(id: str, answer: Any, seed: int | None = None) -> core.Result:
        if id == "03.1":
            raise ZeroDivisionError("a bug of ours")
        return judge(id, answer, seed=seed)

    monkeypatch.setattr(core, "judge", failing)
    log: list[str] = []
    mark = grade(RIGHT_BOOK, report=log.append)
    assert exercises(mark)["03.1"].status == "ungraded"
    assert exercises(mark)["03.1"].score is None
    assert (mark.status, mark.score) == ("crashed", 6.0)
    assert len(log) == 1
    assert "a bug of ours" in log[0] and "Traceback" in log[0] and "s1 03.1" in log[0]


def test_a_judge_that_fails_its_own_reference_blames_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ex = core.get("03.2")

    def broken(answer: Any, rng: np.random.Generator) -> Iterator[core.Step]:
        yield core.that(False, "never right")

    monkeypatch.setitem(core._registry, "03.2", replace(ex, judge=broken))
    one_submission._sound.cache_clear()
    log: list[str] = []
    mark = grade(WRONG_BOOK, report=log.append)
    one_submission._sound.cache_clear()
    assert exercises(mark)["03.2"].status == "ungraded"
    assert "reference fails" in log[0]


def test_a_sandbox_that_is_gone_is_started_again_once() -> None:
    class Broken(FakeSandbox):
        def worker(self, **order: Any) -> Any:
            raise UserError("没了", "再来")

    started: list[FakeSandbox] = []

    def start(kind: Kind) -> FakeSandbox:
        started.append(FakeSandbox() if started else Broken())
        return started[-1]

    mark = grade(RIGHT_BOOK, WarmSandboxes(start))
    assert mark.status == "graded"
    assert len(started) == 2
    log: list[str] = []
    mark = grade(RIGHT_BOOK, WarmSandboxes(lambda kind: Broken()), report=log.append)
    assert {ex.status for ex in exercises(mark).values()} == {"ungraded"}
    assert mark.score is None


def test_sandboxes_are_shared_only_where_limits_and_kind_agree() -> None:
    sandbox = FakeSandbox()
    with SubmissionWorkers(sandbox) as workers:
        first = workers.worker(Kind(), Limits(), ())
        assert workers.worker(Kind(), Limits(), ()) is first
        assert workers.worker(Kind(), Limits(seconds=1), ()) is not first
        # what may be called matters only where calls are watched
        assert workers.worker(Kind(), Limits(), ("numpy.*",)) is first
        engine = Kind.of(("aigc_course.engine.*",))
        assert workers.worker(engine, Limits(), ("a.*",)) is not workers.worker(
            engine, Limits(), ()
        )


def test_a_submission_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0] + [1000.0] * 50)
    monkeypatch.setattr(one_submission.time, "monotonic", lambda: next(clock))
    mark = grade(RIGHT_BOOK, limits=LimitOptions.parse("total_seconds=5"))
    assert mark.status == "time limit"
    assert "5 秒" in exercises(mark)["03.1"].message


def test_threads_of_one_process_parse_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    read = one_submission.read_submission

    def slow(*args: Any, **options: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.01)
        inside -= 1
        return read(*args, **options)

    monkeypatch.setattr(one_submission, "read_submission", slow)
    with ThreadPoolExecutor(4) as threads:
        marks = list(threads.map(grade, [RIGHT_BOOK] * 12))
    assert {mark.score for mark in marks} == {10.0}
    assert most == 1


# --- lateness, one exercise anew -----------------------------------------------------------------


def test_settle_takes_off_the_penalty_and_can_be_done_again() -> None:
    mark = grade(RIGHT_BOOK)
    late = settle(mark, 90000, 0.25)
    assert (late.status, late.score, late.late_seconds) == ("late", 7.5, 90000)
    assert settle(late) == mark
    partly = settle(grade(notebook({"03.1": RIGHT["03.1"]})), 60, 0.5)
    assert (partly.status, partly.score) == ("partly answered", 2.0)


def test_one_exercise_is_graded_anew_and_merged() -> None:
    before = grade(WRONG_BOOK)
    fresh = grade(RIGHT_BOOK, exercise="03.2")
    assert list(exercises(fresh)) == ["03.2"]
    merged = replace_exercise(before, fresh, "03.2")
    assert (merged.status, merged.score) == ("graded", 10.0)
    assert exercises(merged)["03.1"] == exercises(before)["03.1"]


# --- what the student may read -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "y 的形状是 (3,)，应为 (3, 1)",
        "W1 的 dtype 是 float32，应为 float64",
        "x 是 None：忘了 return？",
    ],
)
def test_details_about_shapes_and_types_are_kept(text: str) -> None:
    assert public_detail(text) == text


@pytest.mark.parametrize(
    "text", ["得到 0.731", "各批大小：[8, 8, 3]", "p=1e-3", "是 7，不对", "(0.5, 1)"]
)
def test_details_with_values_are_not(text: str) -> None:
    assert public_detail(text) == ""


def test_an_answer_cannot_carry_the_cases_out_in_an_errors_text() -> None:
    answer = (
        "def linear_backward(dy, x, W):\n"
        "    raise ValueError('\\n第 1 行：' + repr(x.tolist()) + '\\n第 2 行：' + str(dy[0, 0]))\n"
    )
    ex = exercises(grade(notebook({**RIGHT, "03.2": answer})))["03.2"]
    assert ex.status == "error"
    assert not any(char.isdigit() for char in ex.message.replace("第 2 行：raise", ""))
    assert "ValueError" in ex.message


def test_a_refusal_keeps_the_line_and_the_name_and_nothing_else() -> None:
    ours = "练习要自己写：第 12 行用了 torch.nn.functional.conv2d；第 4 行改动了 sys.modules"
    assert public_message(ours, "") == ours
    assert "0.25" not in public_message("练习要自己写：第 3 行用了 x 0.25", "")


def test_messages_keep_shapes() -> None:
    text = public_message(
        "第 1 行：y = x\nValueError: shapes (3,4) and (5,) differ by 0.25", "y = x"
    )
    assert text == "第 1 行：y = x\nValueError: shapes (3,4) and (5,) differ by …"


def test_a_stub_of_the_assignment_is_not_an_answer() -> None:
    assert exercises(grade(notebook({"03.1": STUB, "03.2": WRONG})))["03.1"].status == "unanswered"


def test_the_open_question_is_kept_for_a_person() -> None:
    mark = grade(notebook(RIGHT, opened="因为链式法则。"))
    (answer,) = mark.notebooks[0].open
    assert (answer.id, answer.answered, answer.source) == ("03.q1", True, "因为链式法则。")
