"""The learner's copy: what is delivered, and above all what is never overwritten."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from aigc_course.classroom.workspace import delivery
from aigc_course.classroom.workspace.delivery import deliver, reset
from aigc_course.classroom.workspace.learners_folder import choose_folder, make_folder
from aigc_course.classroom.workspace.lessons import Course, sha256
from aigc_course.errors import UserError
from aigc_course.files import TEMPORARY

ONE, TWO = "01_one.ipynb", "02_two.ipynb"


class Fake:
    """A course held in memory."""

    def __init__(self, version: str = "0.1.0", **lessons: str) -> None:
        self.version = version
        self.lessons = {f"{name}.ipynb": text.encode() for name, text in lessons.items()}
        self.rendered: list[str] = []

    def names(self) -> list[str]:
        return sorted(self.lessons)

    def key(self, name: str) -> str:
        return sha256(self.lessons[name])

    def render(self, name: str) -> bytes:
        self.rendered.append(name)
        return self.lessons[name]


def course(one: str = "1", two: str = "2", version: str = "0.1.0") -> Fake:
    return Fake(version, **{"01_one": one, "02_two": two})


def kinds(changes: list[delivery.Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.path.name) for change in changes]


def files(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(folder.glob("*.ipynb"))}


def test_first_delivery_brings_everything(tmp_path: Path) -> None:
    folder = tmp_path / "我的 课程"
    assert kinds(deliver(folder, course())) == [("new", ONE), ("new", TWO)]
    assert files(folder) == {ONE: "1", TWO: "2"}


def test_second_delivery_does_nothing_and_renders_nothing(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    again = course()
    assert deliver(tmp_path, again) == []
    assert again.rendered == []


def test_an_untouched_lesson_is_renewed_in_place(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    assert kinds(deliver(tmp_path, course(one="1b", version="0.2.0"))) == [("updated", ONE)]
    assert files(tmp_path) == {ONE: "1b", TWO: "2"}


def test_a_changed_lesson_stays_and_the_new_one_lies_beside(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).write_text("mine")
    beside = "01_one（新版 0.2.0）.ipynb"
    assert kinds(deliver(tmp_path, course(one="1b", version="0.2.0"))) == [("beside", beside)]
    assert files(tmp_path) == {ONE: "mine", beside: "1b", TWO: "2"}
    # told once, not on every start
    assert deliver(tmp_path, course(one="1b", version="0.2.0")) == []


def test_a_lesson_that_comes_out_the_same_is_not_given_twice(tmp_path: Path) -> None:
    class Reworded(Fake):  # another solution in the source, the same learner's version
        def key(self, name: str) -> str:
            return "other " + super().key(name)

    deliver(tmp_path, course())
    (tmp_path / ONE).write_text("mine")
    assert deliver(tmp_path, Reworded(**{"01_one": "1", "02_two": "2"})) == []
    assert files(tmp_path) == {ONE: "mine", TWO: "2"}


def test_a_copy_beside_that_was_worked_on_is_kept_too(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).write_text("mine")
    deliver(tmp_path, course(one="1b"))
    (tmp_path / "01_one（新版 0.1.0）.ipynb").write_text("mine too")
    deliver(tmp_path, course(one="1c"))
    assert files(tmp_path) == {
        ONE: "mine",
        "01_one（新版 0.1.0）.ipynb": "mine too",
        "01_one（新版 0.1.0，2）.ipynb": "1c",
        TWO: "2",
    }


def test_a_copy_beside_that_was_not_touched_is_renewed(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).write_text("mine")
    deliver(tmp_path, course(one="1b"))
    deliver(tmp_path, course(one="1c"))
    assert files(tmp_path) == {ONE: "mine", "01_one（新版 0.1.0）.ipynb": "1c", TWO: "2"}


def notebook(*sources: str | list[str], **more: object) -> str:
    cells = [{"cell_type": "code", "source": one, "outputs": []} | more for one in sources]
    return json.dumps({"cells": cells, "metadata": {}})


def test_what_jupyterlab_adds_by_itself_is_no_work(tmp_path: Path) -> None:
    deliver(tmp_path, course(one=notebook("a = 1\nprint(a)", "2")))
    looked_at = json.loads(notebook(["a = 1\n", "print(a)"], "2", outputs=[{"text": "1"}]))
    looked_at["metadata"] = {"language_info": {"version": "3.11.7"}, "widgets": {}}
    (tmp_path / ONE).write_text(json.dumps(looked_at, indent=1) + "\n")
    new = course(one=notebook("a = 2", "2"), version="0.2.0")
    assert kinds(deliver(tmp_path, new)) == [("updated", ONE)]
    assert files(tmp_path)[ONE] == notebook("a = 2", "2")
    (tmp_path / ONE).write_text(notebook("a = 2", "2", outputs=[{"text": "2"}]))
    assert reset(tmp_path, new, "01", NOW) == (tmp_path / ONE, None)


@pytest.mark.parametrize(
    "mine",
    [
        notebook("a = 1", "3"),
        notebook("a = 1"),
        notebook("a = 1", "2", ""),
        notebook("2", "a = 1"),
        notebook("a = 1", "2", cell_type="markdown"),
        "[]",
        "",
    ],
)
def test_any_other_cell_is_work(tmp_path: Path, mine: str) -> None:
    deliver(tmp_path, course(one=notebook("a = 1", "2")))
    (tmp_path / ONE).write_text(mine)
    changes = deliver(tmp_path, course(one=notebook("a = 2"), version="0.2.0"))
    assert kinds(changes) == [("beside", "01_one（新版 0.2.0）.ipynb")]
    assert files(tmp_path)[ONE] == mine


def test_the_copies_stand_behind_their_chapter(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).write_text("mine")
    deliver(tmp_path, course(one="1b"))
    reset(tmp_path, course(one="1b"), "01", NOW)
    names = sorted(path.name for path in tmp_path.glob("01*"))
    assert len(names) == 3 and names[0] == ONE


def test_a_deleted_lesson_stays_away_until_asked_for(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).unlink()
    assert kinds(deliver(tmp_path, course(one="1b"))) == [("absent", ONE)]
    assert ONE not in files(tmp_path)
    assert kinds(deliver(tmp_path, course(one="1b"), restore=True)) == [("restored", ONE)]
    assert files(tmp_path)[ONE] == "1b"


def test_a_renamed_lesson_comes_back_and_is_then_renewed(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).rename(tmp_path / "我的第一课.ipynb")
    deliver(tmp_path, course(one="1b"))
    assert files(tmp_path) == {"我的第一课.ipynb": "1", TWO: "2"}
    (tmp_path / "我的第一课.ipynb").rename(tmp_path / ONE)
    assert kinds(deliver(tmp_path, course(one="1b"))) == [("updated", ONE)]


def test_a_lesson_renamed_onto_another_is_not_overwritten(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).replace(tmp_path / TWO)
    deliver(tmp_path, course(two="2b"))
    assert files(tmp_path)[TWO] == "1"


def test_a_file_of_the_learners_own_with_a_lessons_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / ONE).write_text("mine")
    assert kinds(deliver(tmp_path, course())) == [
        ("beside", "01_one（新版 0.1.0）.ipynb"),
        ("new", TWO),
    ]
    assert files(tmp_path)[ONE] == "mine"


def test_a_lesson_taken_out_of_the_course_stays_with_the_learner(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    assert deliver(tmp_path, Fake(**{"01_one": "1"})) == []
    assert files(tmp_path) == {ONE: "1", TWO: "2"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 99, "lessons": {}}', '{"format": 1, "lessons": {"a": 3}}']
)
def test_without_a_readable_record_every_file_counts_as_changed(tmp_path: Path, text: str) -> None:
    deliver(tmp_path, course())
    (tmp_path / ".aigc" / "state.json").write_text(text)
    changes = kinds(deliver(tmp_path, course(one="1b")))
    assert changes == [("state", "state.broken.json"), ("beside", "01_one（新版 0.1.0）.ipynb")]
    assert files(tmp_path)[ONE] == "1"
    assert (tmp_path / ".aigc" / "state.broken.json").read_text() == text


def test_a_link_in_a_lessons_place_is_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "f", tmp_path / "elsewhere.ipynb"
    deliver(folder, course())
    elsewhere.write_text("1")
    (folder / ONE).unlink()
    try:
        (folder / ONE).symlink_to(elsewhere)
    except OSError:
        pytest.skip("this system makes no symbolic links for us")
    deliver(folder, course(one="1b"))
    assert elsewhere.read_text() == "1"
    assert (folder / ONE).is_symlink()


def test_a_save_in_the_last_moment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(tmp_path, course())
    real = os.fsync

    def save_meanwhile(handle: int) -> None:
        real(handle)
        (tmp_path / ONE).write_text("saved by JupyterLab")

    monkeypatch.setattr(os, "fsync", save_meanwhile)
    deliver(tmp_path, course(one="1b"))
    assert files(tmp_path)[ONE] == "saved by JupyterLab"
    assert files(tmp_path)["01_one（新版 0.1.0）.ipynb"] == "1b"


# --- reset -----------------------------------------------------------------------------------

NOW = datetime(2026, 1, 31, 9, 30, 0)


def test_reset_keeps_a_dated_copy(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).write_text("mine")
    lesson, kept = reset(tmp_path, course(), "1", NOW)
    assert lesson == tmp_path / ONE
    assert kept == tmp_path / "01_one（留存 2026-01-31 093000）.ipynb"
    assert files(tmp_path) == {ONE: "1", kept.name: "mine", TWO: "2"}
    # and what reset has put there is ours again
    assert kinds(deliver(tmp_path, course(one="1b"))) == [("updated", ONE)]


def test_reset_twice_in_a_second_keeps_both(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    for text in ("a", "b"):
        (tmp_path / ONE).write_text(text)
        reset(tmp_path, course(), "01", NOW)
    assert sorted(files(tmp_path).values()) == ["1", "2", "a", "b"]


def test_reset_of_an_untouched_or_missing_lesson_keeps_nothing(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    assert reset(tmp_path, course(), "01", NOW)[1] is None
    (tmp_path / ONE).unlink()
    assert reset(tmp_path, course(), "01", NOW)[1] is None
    assert files(tmp_path) == {ONE: "1", TWO: "2"}


def test_reset_of_an_unknown_lesson_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="没有第 9 章 → 现有：01、02"):
        reset(tmp_path, course(), "9", NOW)


# --- the folder ------------------------------------------------------------------------------


def test_target_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    for target in (tmp_path / "x", tmp_path / "x" / "below"):
        with pytest.raises(UserError, match="是一个文件，不是文件夹"):
            deliver(target, course())


def test_target_in_the_courses_own_folders(repository: Path) -> None:
    for target in (repository / "notebooks", repository / "notebooks" / "a", repository):
        with pytest.raises(UserError, match=r"原稿|课程仓库本身"):
            make_folder(target)
    assert not (repository / ".aigc").exists()


@pytest.mark.parametrize(
    ("number", "cause"),
    [("ENOSPC", "磁盘已满"), ("EROFS", "只读"), ("EACCES", "没有权限"), ("EIO", "出错")],
)
def test_a_failing_disk_is_one_line_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, cause: str
) -> None:
    import errno

    deliver(tmp_path, course())
    before = files(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(getattr(errno, number), "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(UserError, match=cause) as caught:
            deliver(tmp_path, course(one="1b"))
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == before
    assert not list((tmp_path / ".aigc").glob(f"{TEMPORARY}*"))
    assert kinds(deliver(tmp_path, course(one="1b"))) == [("updated", ONE)]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(UserError, match="没有权限写"):
            deliver(tmp_path / "x", course())
    finally:
        tmp_path.chmod(0o755)


def test_choose_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert choose_folder(None) == tmp_path / "我的课程"
    assert choose_folder("a b") == tmp_path / "a b"
    deliver(tmp_path / "x", course())
    below = tmp_path / "x" / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert choose_folder(None) == tmp_path / "x"
    monkeypatch.setenv("AIGC_HOME", str(tmp_path / "home"))
    assert choose_folder(None) == tmp_path / "home"


def test_two_at_once_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    deliver(tmp_path, course())
    real = filelock.FileLock
    monkeypatch.setattr(filelock, "FileLock", lambda path, timeout: real(path, timeout=0.1))
    with real(tmp_path / ".aigc" / "lock"), pytest.raises(UserError, match="另一个 aigc 正在更新"):
        deliver(tmp_path, course())


# --- the real course -------------------------------------------------------------------------

SOURCE = """%%% md intro
# 一课

%%% answer 03.1
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

%%% check 03.1 points=1
check("03.1", double)
"""


def test_the_delivered_lesson_has_no_solution(tmp_path: Path) -> None:
    import nbformat

    from aigc_course.authoring.text import from_text

    source, folder = tmp_path / "src", tmp_path / "我的"
    source.mkdir()
    nbformat.write(from_text(SOURCE), source / "03_x.ipynb")
    (source / "notes.ipynb").write_text("not a lesson")
    assert kinds(deliver(folder, Course(source))) == [("new", "03_x.ipynb")]
    text = (folder / "03_x.ipynb").read_text(encoding="utf-8")
    assert "raise NotImplementedError" in text
    assert "return 2 * x" not in text and "BEGIN SOLUTION" not in text
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert Course(source).render("03_x.ipynb") == Course(source).render("03_x.ipynb")
