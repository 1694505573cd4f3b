"""A class from folder to store: resumed, graded anew in part, never twice, never lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aigc_course.classroom.grading import task
from aigc_course.classroom.grading.late_rules import LatePolicy
from aigc_course.classroom.grading.limits import LimitOptions
from aigc_course.classroom.grading.local_pool import LocalPool
from aigc_course.classroom.grading.options import GradeOptions
from aigc_course.classroom.grading.task import Runner, Setup, Task, TaskOutcome
from aigc_course.classroom.grading.warm_sandboxes import WarmSandboxes
from aigc_course.classroom.grading.whole_class import Summary, grade_class
from aigc_course.classroom.marks import SubmissionMark
from aigc_course.classroom.store import FOLDER, Store, exclusive
from aigc_course.errors import UserError
from aigc_course.judging import core
from tests.support import graded_class
from tests.support.graded_class import (
    BACKPROP,
    PS1,
    RIGHT,
    RIGHT_BOOK,
    WRONG_BOOK,
    course,
    fake_sandboxes,
    hand_in,
    notebook,
)

posix = pytest.mark.skipif(os.name == "nt", reason="signals")


class Here:
    """Grades in this process; counts what it was given and can fail after some."""

    def __init__(self, setup: Setup, seen: list[str], stop_after: int = 10**9) -> None:
        self.setup, self.seen, self.stop_after = setup, seen, stop_after
        self.closed: list[bool] = []

    def run(self, tasks: Iterator[Task]) -> Iterator[TaskOutcome]:
        with fake_sandboxes() as sandboxes:
            for k, one in enumerate(tasks):
                if k >= self.stop_after:
                    raise KeyboardInterrupt
                self.seen.append(f"{one.student}/{one.exercise}".rstrip("/"))
                yield task.grade_task(self.setup, one, sandboxes)

    def close(self, *, at_once: bool = False) -> None:
        self.closed.append(at_once)


def run(root: Path, stop_after: int = 10**9, **options: Any) -> tuple[Summary, list[str]]:
    """Grade; also which submissions were really graded."""
    seen: list[str] = []
    options.setdefault("seed", 7)
    order = GradeOptions(root / "submitted", **options)
    summary = grade_class(order, None, lambda setup: Here(setup, seen, stop_after))
    return summary, seen


def marks(root: Path) -> dict[str, SubmissionMark]:
    with Store(root) as store:
        return {mark.student: mark for mark in store.marks("ps1")}


def roll(root: Path, *lines: str) -> Path:
    path = root / "roll.csv"
    path.write_text("\n".join(["id,name", *lines]) + "\n", encoding="utf-8")
    return path


def test_everyone_on_the_roll_gets_a_status_and_others_are_listed(tmp_path: Path) -> None:
    course(tmp_path, {"s1": RIGHT_BOOK, "S2": WRONG_BOOK, "guest": RIGHT_BOOK})
    (tmp_path / "submitted" / "s4").mkdir()
    summary, seen = run(tmp_path, roll=roll(tmp_path, "s1,张三", "s2,李四", "s3,王五", "s4,赵六"))
    got = marks(tmp_path)
    assert {s: (m.status, m.name) for s, m in got.items()} == {
        "s1": ("graded", "张三"),
        "s2": ("graded", "李四"),
        "s3": ("missing", "王五"),
        "s4": ("missing", "赵六"),
        "guest": ("graded", ""),
    }
    assert got["s3"].score is None and got["s4"].score is None
    assert summary.unlisted == ["guest"]
    assert summary.marks == {"graded": 3, "missing": 2}
    assert summary.ungraded == []
    assert "s3" not in seen


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    course(tmp_path, {"s1": RIGHT_BOOK, "s2": WRONG_BOOK})
    assert run(tmp_path)[1] == ["s1", "s2"]
    summary, seen = run(tmp_path)
    assert (seen, summary.graded, summary.marks) == ([], 0, {"graded": 2})
    hand_in(tmp_path / "submitted", "s2", RIGHT_BOOK)
    assert run(tmp_path)[1] == ["s2"]
    assert run(tmp_path, again=True)[1] == ["s1", "s2"]
    assert run(tmp_path, limits=LimitOptions.parse("seconds=3"))[1] == ["s1", "s2"]
    assert run(tmp_path, seed=8)[1] == ["s1", "s2"]
    replace(PS1, notebooks=(replace(BACKPROP, exercises=BACKPROP.exercises[:1]),)).save(tmp_path)
    assert run(tmp_path, seed=8)[1] == ["s1", "s2"]
    with Store(tmp_path) as store:
        assert len(store.marks("ps1")) == 2


def test_another_course_version_grades_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course(tmp_path, {"s1": RIGHT_BOOK})
    run(tmp_path)
    monkeypatch.setattr(task, "course_fingerprint", lambda: "another")
    assert run(tmp_path)[1] == ["s1"]


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    course(tmp_path, {f"s{k}": RIGHT_BOOK for k in range(6)})
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_after=2)
    assert sorted(marks(tmp_path)) == ["s0", "s1"]
    assert run(tmp_path)[1] == ["s2", "s3", "s4", "s5"]


def test_only_a_student_an_exercise_or_both(tmp_path: Path) -> None:
    course(tmp_path, {"s1": RIGHT_BOOK, "s2": WRONG_BOOK})
    run(tmp_path)
    before = marks(tmp_path)
    assert run(tmp_path, only=("s1",))[1] == ["s1"]
    assert run(tmp_path, only=("s2/03.2",))[1] == ["s2/03.2"]
    assert run(tmp_path, only=("03.1",))[1] == ["s1/03.1", "s2/03.1"]
    assert run(tmp_path, only=("s1/03.1", "s1/03.2"))[1] == ["s1/03.1", "s1/03.2"]
    after = marks(tmp_path)
    assert {s: m.score for s, m in after.items()} == {s: m.score for s, m in before.items()}
    hand_in(tmp_path / "submitted", "s2", RIGHT_BOOK)
    hand_in(tmp_path / "submitted", "s3", RIGHT_BOOK)
    # one exercise of a changed submission: the rest is outdated, too; others stay as they are
    summary, seen = run(tmp_path, only=("s2/03.2",))
    assert seen == ["s2"]
    assert summary.marks == {"graded": 2}
    for word in ("s9", "s1/09.9", "09.9"):
        with pytest.raises(UserError):
            run(tmp_path, only=(word,))


def test_one_exercise_anew_replaces_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course(tmp_path, {"s1": WRONG_BOOK})
    run(tmp_path, roll=roll(tmp_path, "s1,张三"))
    judge = core.judge

    def kinder(id: str, answer: Any, seed: int | None = None) -> core.Result:
        result = judge(id, answer, seed=seed)
        return replace(result, status="passed", score=float(result.points))

    monkeypatch.setattr(core, "judge", kinder)
    run(tmp_path, only=("s1/03.2",))
    mark = marks(tmp_path)["s1"]
    assert (mark.score, mark.status, mark.name) == (10.0, "graded", "张三")
    with Store(tmp_path) as store:
        assert len(store.history("ps1", "s1")) == 1


def test_lateness_follows_todays_policy_without_grading_anew(tmp_path: Path) -> None:
    submitted = course(tmp_path, {"s1": RIGHT_BOOK, "s2": RIGHT_BOOK})
    stamp = submitted / "s2/ps1/timestamp.txt"
    stamp.write_text("2026-11-02 16:00:00 UTC", encoding="utf-8")
    run(tmp_path)
    assert {s: (m.status, m.score) for s, m in marks(tmp_path).items()} == {
        "s1": ("graded", 10.0),
        "s2": ("late", 10.0),
    }
    again, seen = run(tmp_path, late=LatePolicy.parse("per_day=10%"))
    assert again.notes == ["1 份的迟交扣分与上次不同，按这次的 --late 重算"]
    assert seen == []
    got = marks(tmp_path)["s2"]
    assert (got.score, got.penalty, got.late_seconds) == (8.0, 0.2, 86460.0)
    replace(PS1, due="").save(tmp_path)
    assert run(tmp_path)[1] == []
    assert marks(tmp_path)["s2"].status == "graded"


def test_a_submission_that_has_gone_keeps_its_mark(tmp_path: Path) -> None:
    submitted = course(tmp_path, {"s1": RIGHT_BOOK, "s2": RIGHT_BOOK})
    names = roll(tmp_path, "s1,a", "s2,b")
    run(tmp_path, roll=names)
    for path in sorted((submitted / "s2").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (submitted / "s2").rmdir()
    summary, _ = run(tmp_path, roll=names)
    assert marks(tmp_path)["s2"].score == 10.0
    assert any("s2 的提交不见了" in note for note in summary.notes)


def test_our_own_failure_is_counted_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course(tmp_path, {"s1": RIGHT_BOOK, "s2": RIGHT_BOOK})
    judge = core.judge

    def failing(id: str, answer: Any, seed: int | None = None) -> core.Result:
        if id == "03.1":
            raise ZeroDivisionError("a bug of ours")
        return judge(id, answer, seed=seed)

    monkeypatch.setattr(core, "judge", failing)
    summary, _ = run(tmp_path)
    assert summary.ungraded == ["s1 03.1", "s2 03.1"]
    assert summary.log is not None
    assert summary.log.read_text(encoding="utf-8").count("ZeroDivisionError: a bug of ours") == 2
    assert run(tmp_path)[0].ungraded == ["s1 03.1", "s2 03.1"]
    monkeypatch.setattr(core, "judge", judge)
    summary, seen = run(tmp_path)
    assert (seen, summary.ungraded) == (["s1", "s2"], [])


def test_damaged_and_wrong_files_are_no_failure_of_ours(tmp_path: Path) -> None:
    course(tmp_path, {"s1": b"{", "s2": RIGHT_BOOK})
    summary, _ = run(tmp_path)
    assert summary.marks == {"damaged file": 1, "graded": 1}
    assert summary.ungraded == []
    assert run(tmp_path)[1] == []


def test_failures_come_before_any_grading(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="找不到课程文件夹"):
        run(tmp_path / "elsewhere")
    submitted = course(tmp_path, {})
    with pytest.raises(UserError, match="没有 ps1 的提交"):
        run(tmp_path)
    hand_in(submitted, "s1", RIGHT_BOOK)
    with pytest.raises(UserError, match="没有叫 ps9 的作业"):
        run(tmp_path, assignment="ps9")
    with pytest.raises(UserError, match="同一个学号"):
        run(tmp_path, roll=roll(tmp_path, "s1,a", "s1,b"))
    replace(PS1, name="ps2").save(tmp_path)
    with pytest.raises(UserError, match="有 2 份作业：ps1、ps2"):
        run(tmp_path)
    with exclusive(tmp_path), pytest.raises(UserError, match="另一个 aigc grade"):
        run(tmp_path, assignment="ps1")
    assert marks(tmp_path) == {}


def test_the_secret_seed_is_used_and_never_written_into_the_answers_world(tmp_path: Path) -> None:
    course(tmp_path, {"s1": RIGHT_BOOK})
    run(tmp_path, seed=None)
    seed = int((tmp_path / FOLDER / "ps1.seed").read_text(encoding="utf-8"))
    assert marks(tmp_path)["s1"].seed == seed
    assert run(tmp_path, seed=None)[1] == []


def test_without_confinement_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aigc_course.classroom.sandbox.sandbox import Sandbox

    course(tmp_path, {"s1": RIGHT_BOOK})
    monkeypatch.setattr(Sandbox, "available", staticmethod(lambda: "没有 bubblewrap"))
    with pytest.raises(UserError, match="没有 bubblewrap"):
        grade_class(GradeOptions(tmp_path / "submitted"))
    assert marks(tmp_path) == {}


# --- local processes -----------------------------------------------------------------------------


def pool(
    setup: Setup, workers: int = 2, sandboxes: Callable[[], WarmSandboxes] = fake_sandboxes
) -> LocalPool:
    return LocalPool(replace(setup, sandboxes=sandboxes), workers)


def outcomes(books: dict[str, bytes], workers: int = 2) -> dict[str, SubmissionMark]:
    place: Runner = pool(Setup(PS1, 7), workers)
    tasks = (Task(student, {"03_backprop": book}) for student, book in books.items())
    try:
        got = [outcome.mark for outcome in place.run(tasks)]
    finally:
        place.close()
    assert Counter(mark.student for mark in got) == Counter(list(books))
    return {mark.student: mark for mark in got}


def killing(when: str) -> bytes:
    return notebook({"03.1": RIGHT["03.1"].replace("dz = 2", f"KILL = '{when}'\n    dz = 2")})


def test_processes_give_the_same_marks_as_here(tmp_path: Path) -> None:
    books = {f"s{k}": (RIGHT_BOOK, WRONG_BOOK, b"{")[k % 3] for k in range(9)}
    got = outcomes(books)
    course(tmp_path, books)
    run(tmp_path)
    assert {s: (m.status, m.score, m.digest) for s, m in got.items()} == {
        s: (m.status, m.score, m.digest) for s, m in marks(tmp_path).items()
    }


@posix
def test_a_worker_that_dies_takes_nobody_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILL_MARKER", str(tmp_path / "killed"))
    books = {
        "s0": RIGHT_BOOK,
        "once": killing("once"),
        "s1": RIGHT_BOOK,
        "always": killing("always"),
    }
    got = outcomes(books)
    assert got["s0"].score == got["s1"].score == 10.0
    assert (got["once"].status, got["once"].score) == ("partly answered", 4.0)
    assert (got["always"].status, got["always"].score) == ("crashed", None)
    assert "试了 3 次" in got["always"].reason


@posix
def test_no_process_outlives_the_run(tmp_path: Path) -> None:
    place = pool(Setup(PS1, 7))
    tasks = (Task(f"s{k}", {"03_backprop": RIGHT_BOOK}) for k in range(50))
    results = place.run(tasks)
    next(results)
    pids = [worker._process.pid for worker in place._workers]
    assert len(pids) == 2
    place.close(at_once=True)
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


PROGRAM = """
import sys
from pathlib import Path
from tests.support import graded_class
from dataclasses import replace
from aigc_course.classroom.grading.local_pool import LocalPool
from aigc_course.classroom.grading.options import GradeOptions
from aigc_course.classroom.grading.whole_class import grade_class

class Listener:
    def start(self, total, done): pass
    def note(self, text): pass
    def step(self, mark): print(mark.student, flush=True)

if __name__ == "__main__":
    options = GradeOptions(Path(sys.argv[1]) / "submitted", seed=7, unconfined=True)
    runner = lambda setup: LocalPool(replace(setup, sandboxes=graded_class.fake_sandboxes), 2)
    try:
        grade_class(options, Listener(), runner)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_is_continued_and_nothing_graded_twice(
    tmp_path: Path, number: signal.Signals
) -> None:
    students = {f"s{k:02d}": RIGHT_BOOK for k in range(40)}
    course(tmp_path, students)
    script = tmp_path / "run.py"
    script.write_text(PROGRAM, encoding="utf-8")
    paths = [str(Path(graded_class.__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    assert child.stdout is not None and child.stderr is not None
    said = [child.stdout.readline().strip() for _ in range(5)]
    if number == signal.SIGKILL:
        child.kill()
    else:
        os.killpg(child.pid, number)  # as a terminal does: to every process of the run
    said += child.stdout.read().split()
    code = child.wait(60)
    errors = child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    assert number == signal.SIGKILL or "Traceback" not in errors, errors
    assert code == (-9 if number == signal.SIGKILL else 130)
    for _ in range(200):  # the workers see that the main process is gone
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process of the run is still there")
    done = set(marks(tmp_path))
    assert set(said) <= done
    task.course_fingerprint.cache_clear()  # as the other process has just seen it
    assert run(tmp_path)[1] == sorted(set(students) - done)
    with Store(tmp_path) as store:
        assert all(store.history("ps1", student) == [] for student in students)
