"""What was handed in is found in every layout people have, and nothing of it is trusted."""

from __future__ import annotations

import io
import os
import unicodedata
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from aigc_course.classroom.assignment.record import AskedNotebook, Assignment
from aigc_course.classroom.submission import untrusted_files as listing
from aigc_course.classroom.submission.collect import Layout, Submission, collect
from aigc_course.classroom.submission.roll import Person, Roll
from aigc_course.classroom.submission.untrusted_files import Unreadable, read_untrusted
from aigc_course.errors import UserError
from tests.support.graded_class import BACKPROP, PS1, RIGHT_BOOK, asked

FORWARD = AskedNotebook("01_forward", "01", (asked("01.1", "sigmoid", 5.0),), ())
BOTH = Assignment("ps1", (FORWARD, BACKPROP), due="2026-11-01T23:59:00+08:00")
ROLL = Roll((Person("2026001", "张三"), Person("2026002", "Li Ming"), Person("2026003", "王五")))
posix = pytest.mark.skipif(os.name == "nt", reason="links and pipes")


def tree(top: Path, *names: str, data: bytes = RIGHT_BOOK) -> Path:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return top


def packed(path: Path | io.BytesIO, files: dict[str, bytes]) -> Path | io.BytesIO:
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def found(
    top: Path, assignment: Assignment = PS1, roll: Roll | None = None, layout: Layout = "auto"
) -> dict[str, Submission]:
    return {one.student: one for one in collect(top, assignment, roll=roll, layout=layout)}


def the_one(top: Path, assignment: Assignment = PS1) -> Submission:
    (one,) = found(top, assignment).values()
    return one


# --- layouts -------------------------------------------------------------------------------------


def test_nbgraders_layout_takes_this_assignment_only(tmp_path: Path) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb", "s1/ps2/03_backprop.ipynb", "s2/ps2/09.ipynb")
    tree(tmp_path, "s1/ps1/.ipynb_checkpoints/03_backprop-checkpoint.ipynb")
    (tmp_path / "s3").mkdir()
    got = {s.student: s for s in collect(tmp_path, PS1, others=["ps1", "ps2"])}
    assert sorted(got) == ["s1", "s2", "s3"]
    assert got["s1"].files["03_backprop"].path == tmp_path / "s1/ps1/03_backprop.ipynb"
    assert read_untrusted(got["s1"].files["03_backprop"]) == RIGHT_BOOK
    assert got["s2"].files == {} and not got["s2"].problems
    assert got["s3"].files == {}


def test_a_folder_a_student(tmp_path: Path) -> None:
    tree(tmp_path, "张三/03_backprop.ipynb", "Анна/作业/03_backprop.ipynb", "s3/readme.md")
    got = found(tmp_path)
    assert [list(got[name].files) for name in ("张三", "Анна")] == [["03_backprop"]] * 2
    assert got["s3"].problems[""].status == "wrong file"


def test_a_zip_a_student(tmp_path: Path) -> None:
    packed(tmp_path / "2026001.zip", {"ps1/03_backprop.ipynb": RIGHT_BOOK, "__MACOSX/x": b""})
    packed(tmp_path / "s2" / "作业.zip", {"03_backprop.ipynb": RIGHT_BOOK})
    got = found(tmp_path)
    assert sorted(got) == ["2026001", "s2"]
    assert all(read_untrusted(one.files["03_backprop"]) == RIGHT_BOOK for one in got.values())


@pytest.mark.parametrize("whole", [False, True])
def test_moodles_download(tmp_path: Path, whole: bool) -> None:
    inner = io.BytesIO()
    packed(inner, {"03_backprop.ipynb": RIGHT_BOOK})
    files = {
        "张三_12345_assignsubmission_file_/03_backprop.ipynb": RIGHT_BOOK,
        "Li Ming_12346_assignsubmission_file/hw.zip": inner.getvalue(),
        "赵六_12347_assignsubmission_file_03_backprop.ipynb": RIGHT_BOOK,
    }
    if whole:
        top = tmp_path / "ps1.zip"
        packed(top, files)
    else:
        top = tmp_path / "in"
        for name, data in files.items():
            tree(top, name, data=data)
    got = found(top, roll=ROLL)
    assert sorted(got) == ["2026001", "2026002", "赵六_12347"]
    assert all(read_untrusted(one.files["03_backprop"]) == RIGHT_BOOK for one in got.values())


def test_canvas_download(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "mingli_501_9001_03_backprop.ipynb",
        "wangwu_LATE_502_9002_03_backprop-1.ipynb",
        "x_2026001_9003_03_backprop.ipynb",
    )
    got = found(tmp_path, roll=ROLL)
    assert sorted(got) == ["2026001", "2026002", "wangwu_502"]
    assert all("03_backprop" in one.files for one in got.values())


def test_two_people_behind_one_name_are_not_guessed(tmp_path: Path) -> None:
    tree(tmp_path, "张三_1_assignsubmission_file_/03_backprop.ipynb")
    tree(tmp_path, "张三_2_assignsubmission_file_/03_backprop.ipynb")
    with pytest.raises(UserError, match="都对应名单上的 2026001"):
        found(tmp_path, roll=ROLL)
    twins = Roll((Person("a", "张三"), Person("b", "张三")))
    assert sorted(found(tmp_path, roll=twins)) == ["张三_1", "张三_2"]


def test_a_layout_that_is_unclear_is_asked_for(tmp_path: Path) -> None:
    tree(tmp_path, "03_backprop.ipynb", "s1/03_backprop.ipynb")
    with pytest.raises(UserError, match="看不出"):
        found(tmp_path)
    other = tree(tmp_path / "other", "张三_1_assignsubmission_file_/a.ipynb", "s1/a.ipynb")
    with pytest.raises(UserError, match="Moodle"):
        found(other)
    assert sorted(found(other, layout="flat")) == ["s1", "张三_1_assignsubmission_file_"]


def test_no_folder_a_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="没有"):
        found(tmp_path / "none")
    with pytest.raises(UserError, match="不是文件夹"):
        found(tree(tmp_path, "x.txt") / "x.txt")
    (tmp_path / "empty").mkdir()
    assert found(tmp_path / "empty") == {}


# --- which notebook ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["03_backprop (1)", "03_backprop-1", "张三_03_backprop", "03_BACKPROP", "03_backprop的副本",
     "作业三"],
)  # fmt: skip
def test_a_renamed_notebook_is_recognised(tmp_path: Path, name: str) -> None:
    tree(tmp_path, f"s1/ps1/{name}.ipynb")
    one = the_one(tmp_path, BOTH)
    assert list(one.files) == ["03_backprop"]
    assert any("当作" in note for note in one.notes) == (name != "03_BACKPROP")


def test_of_two_copies_the_right_name_then_the_newest(tmp_path: Path) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb", "s1/ps1/03_backprop (1).ipynb")
    assert the_one(tmp_path).files["03_backprop"].name == "03_backprop.ipynb"
    other = tree(tmp_path / "o", "s1/ps1/03_backprop (1).ipynb", "s1/ps1/03_backprop (2).ipynb")
    os.utime(other / "s1/ps1/03_backprop (1).ipynb", (2e9, 2e9))
    one = the_one(other)
    assert one.files["03_backprop"].name == "03_backprop (1).ipynb"
    assert any("两份" in note for note in one.notes)


def test_another_notebook_is_the_wrong_file(tmp_path: Path) -> None:
    tree(tmp_path, "s1/ps1/07_x.ipynb", "s1/ps1/08_y.ipynb", data=b'{"cells": []}')
    one = the_one(tmp_path, BOTH)
    assert one.problems[""].status == "wrong file"


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-01 12:00:00.123456 UTC", "12:00:00.123456"),
        ("2026-11-01 12:00:00 UTC\n", "12:00:00"),
        ("2026-11-01 20:00:00 +0800", "12:00:00"),
        ("2026-11-01 20:00:00 Asia/Shanghai", "12:00:00"),
        ("2026-11-01T12:00:00+00:00", "12:00:00"),
    ],
)
def test_nbgraders_timestamp(tmp_path: Path, text: str, utc: str) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb")
    (tmp_path / "s1/ps1/timestamp.txt").write_text(text, encoding="utf-8")
    one = the_one(tmp_path)
    assert one.time == datetime.fromisoformat(f"2026-11-01T{utc}+00:00")
    assert one.notes == ()


@pytest.mark.parametrize("text", ["yesterday", "", "2026-11-01 12:00:00 Mars/Base", "\udcff"])
def test_without_one_the_files_own_time_and_a_note(tmp_path: Path, text: str) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb")
    path = tmp_path / "s1/ps1/timestamp.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    os.utime(tmp_path / "s1/ps1/03_backprop.ipynb", (1.8e9, 1.8e9))
    one = the_one(tmp_path)
    assert one.time is not None and one.time.timestamp() == 1.8e9
    assert any("修改时间" in note for note in one.notes)


def test_times_inside_a_zip_are_the_students_own_writing(tmp_path: Path) -> None:
    early = {"03_backprop.ipynb": RIGHT_BOOK, "timestamp.txt": b"2000-01-01 00:00:00 UTC"}
    packed(tmp_path / "s1.zip", early)
    os.utime(tmp_path / "s1.zip", (1.8e9, 1.8e9))
    one = the_one(tmp_path)
    assert one.time is not None and one.time.timestamp() == 1.8e9


def test_times_in_the_zip_of_a_class_are_the_lms_own(tmp_path: Path) -> None:
    inner = io.BytesIO()
    packed(inner, {"03_backprop.ipynb": RIGHT_BOOK})
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, day, data in (
            ("s1/03_backprop.ipynb", 2, RIGHT_BOOK),
            ("s2.zip", 3, inner.getvalue()),
        ):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, day, 12, 0, 0)), data)
    got = found(tmp_path / "all.zip")
    assert {s: one.time.astimezone().day for s, one in got.items() if one.time} == {
        "s1": 2,
        "s2": 3,
    }


# --- hostile -------------------------------------------------------------------------------------


@posix
def test_no_link_is_followed(tmp_path: Path) -> None:
    secret = tree(tmp_path / "secret", "03_backprop.ipynb") / "03_backprop.ipynb"
    top = tree(tmp_path / "in", "honest/ps1/03_backprop.ipynb")
    (top / "a" / "ps1").mkdir(parents=True)
    (top / "a/ps1/03_backprop.ipynb").symlink_to(secret)
    (top / "b").mkdir()
    (top / "b/ps1").symlink_to(secret.parent)
    (top / "c").symlink_to(secret.parent)
    os.mkdir(top / "d")
    os.mkfifo(top / "d" / "03_backprop.ipynb")
    got = found(top)
    assert sorted(got) == ["a", "b", "c", "d", "honest"]
    for student in "abcd":
        assert got[student].files == {}
        (problem,) = got[student].problems.values()
        assert problem.status == "wrong file"
    assert read_untrusted(got["honest"].files["03_backprop"]) == RIGHT_BOOK


@posix
def test_a_file_swapped_for_a_link_meanwhile_is_not_read(tmp_path: Path) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb", "secret/x")
    entry = found(tmp_path)["s1"].files["03_backprop"]
    entry.path.unlink()
    entry.path.symlink_to(tmp_path / "secret" / "x")
    with pytest.raises(Unreadable):
        read_untrusted(entry)


def zip_with_link() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = zipfile.ZipInfo("03_backprop.ipynb")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return data.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    packed(data, files)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zipped({"../../x.ipynb": b"{}"}), "跳出文件夹"),
        (zipped({"a/../../03_backprop.ipynb": b"{}"}), "跳出文件夹"),
        (zipped({"..\\..\\x.ipynb": b"{}"}), "跳出文件夹"),
        (zipped({"/etc/x.ipynb": b"{}"}), "绝对路径"),
        (zipped({"C:/x.ipynb": b"{}"}), "绝对路径"),
        (zip_with_link(), "符号链接"),
        (b"PK\x03\x04 not really", "损坏"),
        (b"", "损坏"),
        (zipped({f"{k}.ipynb": b"" for k in range(listing.MAX_MEMBERS + 1)}), "太多"),
        (zipped({"a/" * 20 + "03_backprop.ipynb": b"{}"}), "太深"),
    ],
)
def test_a_hostile_zip_is_one_persons_damaged_file(tmp_path: Path, data: bytes, said: str) -> None:
    tree(tmp_path, "mallory.zip", data=data)
    tree(tmp_path, "honest/ps1/03_backprop.ipynb")
    before = sorted(tmp_path.parent.rglob("*"))
    got = found(tmp_path)
    assert sorted(tmp_path.parent.rglob("*")) == before
    assert got["mallory"].files == {}
    assert got["mallory"].problems[""].status == "damaged file"
    assert said in got["mallory"].problems[""].reason
    assert "03_backprop" in got["honest"].files


def test_a_zip_bomb_is_measured_while_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zipped({"03_backprop.ipynb": b"0" * (listing.MAX_NOTEBOOK + 1)})
    assert len(bomb) < 100_000
    # a lie about the size in the ZIP's directory does not help
    small = (1000).to_bytes(4, "little")
    full = (listing.MAX_NOTEBOOK + 1).to_bytes(4, "little")
    tree(tmp_path, "s1.zip", data=bomb)
    tree(tmp_path, "s2.zip", data=bomb.replace(full, small))
    both = found(tmp_path)
    asked_for: list[int] = []
    unpack = zipfile.ZipExtFile.read

    def counting(self: zipfile.ZipExtFile, n: int = -1) -> bytes:
        asked_for.append(n)
        return unpack(self, n)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    for one in both.values():
        with pytest.raises(Unreadable):
            read_untrusted(one.files["03_backprop"])
    assert all(0 <= n <= listing.MAX_NOTEBOOK + 1 for n in asked_for)


def test_a_zip_with_a_password_is_told(tmp_path: Path) -> None:
    data = bytearray(zipped({"03_backprop.ipynb": b"{}"}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    tree(tmp_path, "s1.zip", data=bytes(data))
    with pytest.raises(Unreadable, match="密码"):
        read_untrusted(the_one(tmp_path).files["03_backprop"])


@posix
@pytest.mark.parametrize("name", ["a\\..\\x", "a\nb", "-rf", "CON", "\u202etxt", "~root", "a:b"])
def test_names_that_cannot_be_ids_stop_before_anything_is_graded(tmp_path: Path, name: str) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb")
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="不能当学号"):
        found(tmp_path)


@posix
@pytest.mark.parametrize("pair", [("Ann", "ann"), ("José", unicodedata.normalize("NFD", "José"))])
def test_names_that_some_systems_take_for_one_stop_too(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    for name in pair:
        (tmp_path / name).mkdir(exist_ok=True)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system takes them for one")
    with pytest.raises(UserError, match="分不开"):
        found(tmp_path)


def test_a_too_large_file_is_not_read(tmp_path: Path) -> None:
    tree(tmp_path, "s1/ps1/03_backprop.ipynb", data=b"x" * 1001)
    entry = the_one(tmp_path).files["03_backprop"]
    assert len(read_untrusted(entry, 1001)) == 1001
    with pytest.raises(Unreadable, match="超过"):
        read_untrusted(entry, 1000)
