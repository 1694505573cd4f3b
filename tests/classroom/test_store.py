"""Results on disk: one for each student, none lost, none twice, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.classroom.marks import ExerciseMark, NotebookMark, SubmissionMark
from aigc_course.classroom.store import FOLDER, Store, exclusive, secret_seed
from aigc_course.errors import UserError


def mark(student: str = "s1", score: float | None = 3.0, seconds: float = 0.1) -> SubmissionMark:
    exercise = ExerciseMark("03.1", "题", "passed", score, 3.0, source="x", seconds=seconds)
    book = NotebookMark("03_backprop", "graded", exercises=(exercise,))
    return SubmissionMark(
        student, "ps1", "graded", score, 3.0, notebooks=(book,), digest="d", seed=5, seconds=seconds
    )


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(mark(), "settings")
        assert store.get("ps1", "s1") == mark()
        assert store.get("ps1", "s2") is None
    with Store(tmp_path) as store:
        assert store.marks("ps1") == [mark()]
        assert store.settled("ps1") == {"s1": (mark(), "settings")}
        assert store.assignments() == ["ps1"]
        assert store.marks("ps2") == []


def test_the_same_result_twice_is_one_and_no_history(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(mark())
        store.put(mark())
        store.put(mark(seconds=9.9))  # delivered twice by a cluster: only the time differs
        assert store.marks("ps1") == [mark()]
        assert store.history("ps1", "s1") == []


def test_what_is_replaced_stays_in_the_history(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for score in (1.0, 2.0, None, 3.0):
            store.put(mark(score=score))
        assert [m.score for _, m in store.history("ps1", "s1")] == [1.0, 2.0, None]
        assert [m.score for m in store.marks("ps1")] == [3.0]
        times = [time for time, _ in store.history("ps1", "s1")]
        assert times == sorted(times)


def test_other_settings_with_the_same_result_are_noted(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(mark(), "a")
        store.put(mark(), "b")
        assert store.settled("ps1")["s1"][1] == "b"


def test_forgotten_is_not_lost(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(mark())
        store.forget("ps1", ["s1", "never there"])
        assert store.marks("ps1") == []
        assert len(store.history("ps1", "s1")) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 0.0, 1.0])), max_size=12))
def test_whatever_the_order_one_result_a_student_and_nothing_lost(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[str, float | None]]
) -> None:
    with Store(tmp_path_factory.mktemp("store")) as store:
        last: dict[str, float | None] = {}
        changes = 0
        for student, score in puts:
            changes += student not in last or last[student] != score
            store.put(mark(student, score))
            last[student] = score
        assert {m.student: m.score for m in store.marks("ps1")} == last
        kept = sum(len(store.history("ps1", student)) for student in "abc")
        assert kept + len(last) == changes


def test_a_lock_of_another_program_is_waited_for_then_told(tmp_path: Path) -> None:
    with Store(tmp_path, wait=0.2) as store:
        store.put(mark())
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match=r"grades\.db 正被别的程序占用"):
            store.put(mark(score=1.0))
        other.execute("ROLLBACK")
        other.close()
        assert store.marks("ps1") == [mark()]
        store.put(mark(score=1.0))
        assert store.marks("ps1") == [mark(score=1.0)]


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(mark())
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count={pages}")
        big = replace(mark("s2"), reason="x" * 100_000)
        with pytest.raises(UserError, match="磁盘已满"):
            store.put(big)
        assert store.marks("ps1") == [mark()]
        store._db.execute("PRAGMA max_page_count=100000")
        store.put(big)
        assert len(store.marks("ps1")) == 2


def test_a_put_that_is_interrupted_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with Store(tmp_path) as store:
        store.put(mark())
        with monkeypatch.context() as patch:
            patch.setattr("aigc_course.classroom.store._same", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.put(mark(score=1.0))
        store.put(mark(score=2.0))
        assert [m.score for m in store.marks("ps1")] == [2.0]


def test_a_damaged_file_and_one_of_a_newer_course_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FOLDER / "grades.db"
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be looked at" * 30)
    with pytest.raises(UserError, match="损坏"):
        Store(tmp_path)
    assert path.read_bytes().startswith(b"not a database")
    path.unlink()
    with Store(tmp_path) as store:
        store._db.execute("PRAGMA user_version=99")
    with pytest.raises(UserError, match="更新版本"):
        Store(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_the_files_are_for_their_owner_and_never_behind_a_link(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    secret_seed(tmp_path, "ps1")
    assert stat.S_IMODE((tmp_path / FOLDER / "ps1.seed").stat().st_mode) == 0o600
    other = tmp_path / "other"
    (other / FOLDER).mkdir(parents=True)
    (other / FOLDER / "grades.db").symlink_to(store.path)
    with pytest.raises(UserError, match="符号链接"):
        Store(other)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_writer_that_is_killed_leaves_what_it_had_finished(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from aigc_course.classroom.store import Store\n"
        "from aigc_course.classroom.marks import SubmissionMark\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for k in range(10**6):\n"
        "    store.put(SubmissionMark(f's{k}', 'ps1', 'missing', None, 1.0))\n"
        "    print(k, flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(20)]
    child.send_signal(signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().split("\n") if line]
    child.wait()
    child.stdout.close()
    with Store(tmp_path) as store:
        students = {m.student for m in store.marks("ps1")}
        assert {f"s{k}" for k in said} <= students
        assert len(students) <= len(said) + 1
        store.put(mark())


def test_two_runs_on_a_course_do_not_meet(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path),
        pytest.raises(UserError, match="另一个 aigc grade"),
        exclusive(tmp_path, wait=0.05),
    ):
        pytest.fail("both are in")
    with exclusive(tmp_path):
        pass


def test_the_seed_is_drawn_once_for_each_assignment(tmp_path: Path) -> None:
    seeds = [secret_seed(tmp_path, name) for name in ("ps1", "ps1", "ps2")]
    assert seeds[0] == seeds[1] != seeds[2]
    assert all(0 <= seed < 2**53 for seed in seeds)
    (tmp_path / FOLDER / "ps1.seed").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="不是一个整数"):
        secret_seed(tmp_path, "ps1")
