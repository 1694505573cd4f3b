"""The learner's record: complete, harmless, private, and never in the way of a check."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from aigc_course import places
from aigc_course.judging import catalogue, core
from aigc_course.progress import page as progress_page
from aigc_course.progress import record, store, summary
from aigc_course.progress.store import Event, database
from aigc_course.progress.summary import summarise

ROOT = Path(record.__file__).resolve().parents[2]


def result(id: str = "01.2", status: str = "passed", share: float = 1.0) -> core.Result:
    exercise = core.get(id)
    return exercise.result(status, score=share * exercise.points)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_memory_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_waiting", "_locked_until"):
        monkeypatch.setattr(record, name, {})
    for name in ("_told", "_left_alone"):
        monkeypatch.setattr(record, name, set())
    monkeypatch.delenv("AIGC_PROGRESS", raising=False)


def make_folder(path: Path) -> Path:
    (path / ".aigc").mkdir(parents=True)
    (path / ".aigc" / "state.json").write_text("{}", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder, and we stand in it."""
    made = make_folder(tmp_path / "我的 课程 #1%20")
    monkeypatch.chdir(made)
    return made


def noted(folder: Path) -> list[tuple[str, str, str]]:
    return [(e.exercise, e.kind, e.status) for e in store.read(folder)]


# --- what is noted, and where ----------------------------------------------------------------


def test_everything_done_is_noted_with_its_time_and_version(folder: Path) -> None:
    record.record_result(result("01.2", "failed", 0.5))
    record.record_hint("01.2", 1)
    record.record_solution("01.2")
    record.record_result(result("01.2"))
    assert noted(folder) == [
        ("01.2", "check", "failed"),
        ("01.2", "hint", ""),
        ("01.2", "solution", ""),
        ("01.2", "check", "passed"),
    ]
    first = store.read(folder)[0]
    assert (first.score, first.points) == (1.5, 3.0)
    assert first.title == core.get("01.2").title
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first.at)
    assert first.course


def test_a_folder_below_the_learners_counts_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    record.record_result(result())
    assert len(noted(folder)) == 1


def test_elsewhere_nothing_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record.record_result(result())
    record.record_hint("01.2", 1)
    record.record_solution("01.2")
    assert (record.hints_seen("01.2"), record.tries("01.2")) == (0, 0)
    assert list(tmp_path.rglob("*")) == [] and record._waiting == {}


def test_the_courses_own_notebooks_never_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path)  # a clone inside a learner's folder
    package = tmp_path / "clone" / "aigc_course"
    (tmp_path / "clone" / "notebooks").mkdir(parents=True)
    package.mkdir()
    monkeypatch.setattr(places, "PACKAGE", package)
    assert places.learners_folder(tmp_path / "clone" / "notebooks") is None
    assert places.learners_folder(tmp_path / "other") == tmp_path
    # the usual case: the learner's folder inside the clone
    inside = make_folder(tmp_path / "clone" / "我的课程")
    assert places.learners_folder(inside) == inside


def test_it_can_be_switched_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_PROGRESS", "0")
    record.record_result(result())
    assert not database(folder).exists()


def test_the_working_directory_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.name == "nt":
        pytest.skip("Windows keeps a folder that somebody stands in")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    record.record_result(result())
    assert record.hints_seen("01.2") == 0
    assert "没有记进学习进度" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners")
def test_a_folder_of_another_user_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = 12345
    real = os.stat

    def as_owned(path: object, **more: object) -> os.stat_result:
        found = list(real(path, **more))  # type: ignore[call-overload]
        return os.stat_result((*found[:4], owner, *found[5:10]))

    monkeypatch.setattr(places.os, "stat", as_owned)
    monkeypatch.setattr(places.os, "geteuid", lambda: 54321)
    assert places.learners_folder(folder) is None
    # the owner, the administrator, and disks that report everything as root's or nobody's
    for me, owner in ((54321, 54321), (0, 12345), (54321, 0), (54321, 65534)):
        monkeypatch.setattr(places.os, "geteuid", lambda me=me: me)
        assert places.learners_folder(folder) == folder, (me, owner)


# --- hints and tries -------------------------------------------------------------------------


def test_hints_and_tries_are_counted_per_exercise(folder: Path) -> None:
    for level in (1, 2, 2):
        record.record_hint("01.2", level)
    for status in ("unanswered", "failed", "error", "passed", "passed"):
        record.record_result(result("01.2", status))
    assert (record.hints_seen("01.2"), record.tries("01.2")) == (2, 3)
    assert (record.hints_seen("01.3"), record.tries("01.3")) == (0, 0)


# --- what may go wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
        (sqlite3.SQLITE_FULL, "database or disk is full"),
        (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
        (sqlite3.SQLITE_IOERR, "disk I/O error"),
    ],
)
def test_a_disk_that_refuses_is_told_once_and_made_up_for(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    message: str,
) -> None:
    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        error = sqlite3.OperationalError(message)
        error.sqlite_errorcode = code
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(store.sqlite3, "connect", refuse)
        record.record_result(result("01.2", "failed", 0))
        record.record_hint("01.2", 1)
        # what could not be written is known all the same
        assert (record.hints_seen("01.2"), record.tries("01.2")) == (1, 1)
        out = capsys.readouterr().out
        assert message in out and out.count("\n") == 1
    record.record_result(result("01.2"))
    assert len(noted(folder)) == 3
    assert not record._waiting[folder]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder(folder: Path) -> None:
    (folder / ".aigc").chmod(0o555)
    try:
        record.record_result(result())
        assert record.tries("01.2") == 1
    finally:
        (folder / ".aigc").chmod(0o755)


def test_a_locked_file_is_waited_for_once_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record.record_result(result())
    waits: list[float] = []
    real = sqlite3.connect

    def connect(path: object, *, timeout: float, **more: object) -> sqlite3.Connection:
        waits.append(timeout)
        return real(path, timeout=0.01, **more)  # type: ignore[call-overload, no-any-return]

    with closing(sqlite3.connect(database(folder), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(store.sqlite3, "connect", connect)
        record.record_result(result())
        record.record_result(result())
        assert record.tries("01.2") == 1  # from memory
        assert waits == [0.5, 0.0, 0.0]
    assert capsys.readouterr().out == ""
    record.record_result(result())
    assert len(noted(folder)) == 4


DAMAGE = {
    "not a database": lambda path: path.write_bytes(b"\x00\xff" * 3000),
    "header only": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "pages overwritten": lambda path: path.write_bytes(
        path.read_bytes()[:100] + b"\xff" * (path.stat().st_size - 100)
    ),
    "no table": lambda path: drop_the_table(path),
}


def drop_the_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE event")
        db.commit()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_kept_aside_and_begun_anew(
    folder: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    record.record_result(result())
    DAMAGE[damage](database(folder))
    broken = database(folder).read_bytes()
    assert record.hints_seen("01.2") == 0
    record.record_result(result("01.3"))
    record.record_result(result("01.4"))
    assert [id for id, _, _ in noted(folder)] == ["01.3", "01.4"]
    (aside,) = (folder / ".aigc").glob("progress.damaged-*.db")
    assert re.fullmatch(r"progress\.damaged-\d{4}-\d\d-\d\d-\d{6}\.db", aside.name)
    assert aside.read_bytes() == broken
    out = capsys.readouterr().out
    assert aside.name in out and out.count("\n") == 1


def test_two_damaged_files_within_a_second_are_both_kept(folder: Path) -> None:
    for text in (b"one " * 500, b"two " * 500):
        database(folder).write_bytes(text)
        record.record_result(result())
    kept = sorted(p.read_bytes()[:3] for p in (folder / ".aigc").glob("progress.damaged-*.db"))
    assert kept == [b"one", b"two"]


def test_a_sound_file_is_not_put_aside(folder: Path) -> None:
    # another kernel met the damage at the same time and has begun anew already
    record.record_result(result())
    assert store.set_aside(folder) is None
    assert len(noted(folder)) == 1


def test_a_later_format_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(database(folder))) as db:
        db.execute("CREATE TABLE something_new (x)")
        db.execute("PRAGMA user_version = 2")
    before = database(folder).read_bytes()
    record.record_result(result())
    record.record_hint("01.2", 1)
    assert record.hints_seen("01.2") == 1  # of this session
    record.show()
    assert database(folder).read_bytes() == before
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and set(out) == {record.NEWER}


def test_rows_that_make_no_sense_are_passed_over(folder: Path) -> None:
    record.record_result(result())
    with closing(sqlite3.connect(database(folder))) as db:
        row = "INSERT INTO event VALUES (?, ?, 'x', 'check', 'passed', ?, 1, 0, 't', 'v')"
        db.execute(row, ("1", "yesterday", 1.0))
        db.execute(row, ("2", "2026-01-31T09:30:00", 1.0))  # no zone
        db.execute(row, ("3", "2026-01-31T09:30:00+00:00", "many"))
        db.commit()
    assert len(noted(folder)) == 1


def test_an_interrupted_writer_may_write_again(folder: Path) -> None:
    event = Event("01.2", "check", "passed")
    store.append(folder, [event])
    store.append(folder, [event, Event("01.3", "check", "passed")])
    assert len(noted(folder)) == 2


# --- several processes -----------------------------------------------------------------------

WRITER = """
import sys
from aigc_course.progress import record as progress
name, count = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for k in range(count):
    progress.record_hint(name, k)
    print(k, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(count)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_two_kernels_writing_at_once_lose_nothing(folder: Path) -> None:
    writers = [writer(folder, name, 40) for name in ("01.1", "01.2")]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in writers:
        process.communicate(timeout=120)
        assert process.returncode == 0
    levels = {(e.exercise, e.level) for e in store.read(folder)}
    assert levels == {(name, k) for name in ("01.1", "01.2") for k in range(40)}


def test_a_kernel_killed_at_any_moment_loses_nothing_it_has_noted(folder: Path) -> None:
    for k, name in enumerate(("01.1", "01.2", "01.3")):
        process = writer(folder, name, 100_000)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        done = [int(process.stdout.readline()) for _ in range(3)]
        time.sleep(0.01 * k)
        process.kill()
        done += [int(line) for line in process.stdout.read().splitlines()]
        process.wait(30)
        process.stdin.close()
        process.stdout.close()
        levels = {e.level for e in store.read(folder) if e.exercise == name}
        assert levels >= set(done)
    assert not list((folder / ".aigc").glob("progress.damaged-*"))


@pytest.mark.skipif(os.name == "nt", reason="the kill is a POSIX signal")
def test_what_a_killed_kernel_left_half_written_is_taken_back(folder: Path) -> None:
    record.record_result(result())
    half = f"""
import os, signal, sqlite3
db = sqlite3.connect({str(database(folder))!r}, isolation_level=None)
db.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the end
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE event SET title = ?", ("x" * 200_000,))
db.executemany("INSERT INTO event SELECT ?, at, exercise, kind, status, score, points, level, "
               "title, course FROM event LIMIT 1", [(str(k),) for k in range(3)])
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    subprocess.run([sys.executable, "-c", half], check=False)
    assert database(folder).with_name("progress.db-journal").exists()
    assert noted(folder) == [("01.2", "check", "passed")]
    assert store.read(folder)[0].title == core.get("01.2").title


# --- points, tries, time ---------------------------------------------------------------------


def at(minute: float, day: int = 20) -> str:
    hours, rest = divmod(minute, 60)
    return f"2026-11-{day}T{int(hours):02d}:{int(rest):02d}:{int(rest * 60 % 60):02d}.000+00:00"


def check(id: str, status: str, score: float, points: float, minute: float = 0.0) -> Event:
    return Event(id, "check", status, score, points, title="题", course="0.1.0", at=at(minute))


def summary_of(*events: Event, chapter: str = "01") -> summary.ChapterProgress:
    return next(found for found in summarise(events) if found.number == chapter)


def test_the_best_check_counts() -> None:
    chapter = summary_of(
        check("01.2", "failed", 1.5, 3, 1),
        check("01.2", "passed", 3, 3, 2),
        check("01.2", "failed", 0, 3, 3),
        check("01.3", "failed", 0.5, 2, 4),
    )
    scores = {ex.id: (ex.score, ex.passed, ex.tries) for ex in chapter.exercises if ex.begun}
    assert scores == {"01.2": (3.0, True, 2), "01.3": (0.5, False, 1)}
    assert (chapter.done, chapter.score, chapter.tries) == (1, 3.5, 3)


def test_an_exercise_that_is_worth_more_now_keeps_its_share() -> None:
    now = core.get("01.2").points
    assert summary_of(check("01.2", "passed", 1, 1)).score == now
    assert summary_of(check("01.2", "failed", 0.5, 1)).score == now / 2
    # a file that was tampered with earns no more than there is
    assert summary_of(check("01.2", "passed", 99, 1)).score == now


def test_a_solution_opened_first_is_marked_and_costs_nothing() -> None:
    def opened(minute: float) -> Event:
        return Event("01.2", "solution", at=at(minute))

    first = summary_of(opened(1), check("01.2", "passed", 3, 3, 2)).exercises[1]
    assert first.opened_first and first.score == 3
    later = summary_of(check("01.2", "passed", 3, 3, 2), opened(3)).exercises[1]
    assert later.opened and not later.opened_first
    never = summary_of(opened(1)).exercises[1]
    assert never.opened_first and not never.passed
    marks = [progress_page.mark(ex) for ex in (first, later, never)]
    assert marks == ["◇", "✓", "…"]


def test_time_is_the_sum_of_short_pauses_and_no_minute_counts_for_two_chapters() -> None:
    events = [
        check("01.1", "failed", 0, 2, 0),
        check("02.1", "failed", 0, 2, 1),  # another chapter
        Event("01.2", "hint", level=1, at=at(5)),
        Event("01.2", "solution", at=at(25)),  # exactly twenty minutes: still there
        check("01.1", "passed", 2, 2, 45.02),  # a second more: away
        check("01.1", "passed", 2, 2, 46.02),
    ]
    for told in (events, events[::-1]):  # a clock put back does no harm
        assert summary_of(*told).seconds == 25 * 60
        assert summary_of(*told, chapter="02").seconds == 60


def test_exercises_no_longer_in_the_course_are_shown_but_not_counted() -> None:
    chapter = summary_of(check("01.99", "passed", 5, 5))
    (old,) = [ex for ex in chapter.exercises if not ex.current]
    assert (old.id, old.title, old.score) == ("01.99", "题", 5.0)
    assert (chapter.score, chapter.done) == (0, 0)
    assert [c.number for c in summarise([check("77.1", "passed", 1, 1)])][-1] == "77"


@pytest.mark.parametrize("chapter", catalogue.chapters())
def test_the_catalogue_is_what_the_judges_say(chapter: str) -> None:
    if not (catalogue.PACKAGE / "exercises" / f"ex{chapter}.py").exists():
        pytest.skip("a chapter without exercises")
    wanted = [(ex.id, ex.title, float(ex.points)) for ex in core.registered(chapter)]
    assert [(a.id, a.title, a.points) for a in catalogue.exercises(chapter)] == wanted
    assert catalogue.chapter_title(chapter)


def test_the_catalogue_knows_no_chapters_but_its_own() -> None:
    for odd in ("../core", "1", "", "<b>", "97"):
        assert catalogue.exercises(odd) == [] and catalogue.chapter_title(odd) == ""


# --- the page --------------------------------------------------------------------------------


def test_without_a_folder_the_page_is_always_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record.show()
    assert capsys.readouterr().out == record.NOTHING + "\n"


def test_the_page_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.append(folder, [check("01.2", "passed", 3, 3, 0), Event("01.1", "solution", at=at(2))])
    record.show()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("学习进度：通过 1/") and "3/" in lines[0] and "2 分钟" in lines[0]
    assert re.match(r"01 \[#\.{9}\] 3/18 分，2 分钟  前向传播：01\.1… 01\.2✓ 01\.3·", lines[1])


def test_the_page_in_a_notebook_is_one_output_with_both_forms(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import IPython
    import IPython.display

    shown: list[dict[str, str]] = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda bundle, raw: shown.append(bundle))
    record.record_result(result())
    record.show()
    (bundle,) = shown
    assert set(bundle) == {"text/html", "text/plain"}
    assert "前向传播" in bundle["text/html"] and "前向传播" in bundle["text/plain"]


def test_the_page_is_well_formed_and_trusts_nothing() -> None:
    from xml.etree import ElementTree

    bad = '<script>alert("1")</script>&'
    events = [
        Event("01.99", "check", bad, 1, 1, title=bad, course=bad, at=at(0)),
        Event(f"{bad}.1", "check", "passed", 1, 1, title=bad, at=at(0)),
        Event("01.2", "solution", at=at(0)),
        check("01.2", "passed", 3, 3, 1),
        check("01.3", "passed", 2, 2, 1),
    ]
    html = progress_page.as_html(summarise(events))
    page = ElementTree.fromstring(html)
    assert not [tag for tag in page.iter() if tag.tag in ("script", "style", "link", "img")]
    assert bad in "".join(page.itertext())
    bars = [tag for tag in page.iter("span") if tag.get("role") == "img"]
    assert len(bars) == len(catalogue.chapters()) + 1
    assert bars[1].get("aria-label") == "5/18 分"
    widths = re.findall(r"width:([\d.]+)%", html)
    assert widths[2:4] == [f"{100 * 2 / 18:.2f}", f"{100 * 3 / 18:.2f}"]


# --- export and delete -----------------------------------------------------------------------


def test_export_to_csv_opens_in_excel(folder: Path) -> None:
    record.record_result(result("01.2", "failed", 0.5))
    record.record_hint("01.2", 2)
    path = record.export("进度 一.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["练习"], r["事件"], r["结果"], r["得分"], r["第几条提示"]) for r in rows] == [
        ("01.2", "检查", "还差一点", "1.5", ""),
        ("01.2", "看提示", "", "", "2"),
    ]
    assert rows[0]["标题"] == core.get("01.2").title and rows[0]["章"] == "01"


def test_export_to_json_holds_everything_and_survives_a_delete(folder: Path) -> None:
    record.record_result(result("01.2", "failed", 0.5))
    record.record_solution("01.2")
    before = store.read(folder)
    whole = json.loads(record.export("p.JSON").read_text(encoding="utf-8"))
    record.delete(sure=True)
    assert store.read(folder) == []
    assert record.tries("01.2") == 0
    store.append(folder, [Event(**raw) for raw in whole["events"]])
    assert store.read(folder) == before
    (chapter,) = whole["chapters"]
    assert (chapter["chapter"], chapter["score"], chapter["points"]) == ("01", 1.5, 18)


def test_export_overwrites_nothing(folder: Path) -> None:
    (folder / "a.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError):
        record.export("a.csv")
    with pytest.raises(ValueError, match=r"wanted a name ending in \.csv or \.json"):
        record.export("a.xlsx")
    assert (folder / "a.csv").read_text(encoding="utf-8") == "mine"


def test_export_and_delete_need_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for action in (lambda: record.export("a.csv"), lambda: record.delete(sure=True)):
        with pytest.raises(FileNotFoundError, match="aigc lab"):
            action()


def test_delete_asks_first_and_leaves_no_trace(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database(folder).write_bytes(b"damaged" * 300)
    record.record_hint("01.2", 1)
    record.record_result(result("01.2", "failed"))
    record.delete()
    assert "2 条" in capsys.readouterr().out and len(noted(folder)) == 2
    title = core.get("01.2").title.encode()
    assert title in database(folder).read_bytes()
    record.delete(sure=True)
    assert noted(folder) == []
    assert title not in database(folder).read_bytes()
    assert not list((folder / ".aigc").glob("progress.damaged-*"))
    record.record_result(result())
    assert len(noted(folder)) == 1


def test_delete_removes_what_it_cannot_read(folder: Path) -> None:
    for content in (b"damaged" * 300, b""):
        database(folder).write_bytes(content)
        record.delete(sure=True)
        assert noted(folder) == []
    with closing(sqlite3.connect(database(folder))) as db:
        db.execute("PRAGMA user_version = 9")
    record.record_result(result())
    record.delete(sure=True)
    assert not database(folder).exists()
    record.record_result(result())
    assert len(noted(folder)) == 1


def test_delete_without_a_record_does_nothing(folder: Path) -> None:
    record.delete(sure=True)
    assert not database(folder).exists()
