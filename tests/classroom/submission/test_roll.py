"""The class roll as schools export it, and which ids are safe as names of folders."""

from __future__ import annotations

import codecs
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.classroom.submission.roll import Person, collision_key, read_roll, student_id
from aigc_course.errors import UserError

CLASS = (Person("2026001", "张三", "z3@example.edu", "一班"), Person("2026002", "李四"))


def write(folder: Path, data: str | bytes) -> Path:
    path = folder / "roll.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header", ["学号,姓名,邮箱,班级", "id,name,email,section", "Student ID,Full Name,E-mail,Class"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_roll_is_read(
    tmp_path: Path, encoding: str, sign: str, header: str, newline: str
) -> None:
    lines = [header, "2026001,张三,z3@example.edu,一班", "", " 2026002 , 李四 ,,"]
    text = newline.join(lines).replace(",", sign)
    roll = read_roll(write(tmp_path, text.encode(encoding)))
    assert roll.people == CLASS
    assert bool(roll.notes) == (encoding in ("gbk", "utf-16"))


def test_columns_may_stand_in_any_order_and_be_more_or_fewer(tmp_path: Path) -> None:
    roll = read_roll(
        write(
            tmp_path,
            '备注,姓名,学号\n,张三,1\n迟到,"李,四",2\n短,王五\n,,3\n'.replace("短,王五\n", ""),
        )
    )
    assert roll.people == (Person("1", "张三"), Person("2", "李,四"), Person("3"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "是空的"),
        ("\n\n", "是空的"),
        ("姓名,邮箱\n张三,a\n", "没有学号一列"),
        ("学号，姓名\n1，张三\n", "中文逗号"),
        ("id,name\n1,a\n2,b\n1,c\n", "第 2、4 行是同一个学号"),
        ("id,name\nAnn,a\nann,b\n", "第 2、3 行是同一个学号"),
        ("id,name\nJos\u00e9,a\nJose\u0301,b\n", "第 2、3 行是同一个学号"),
        ("id,name\n,a\n", "第 2 行的学号是空的"),
        ("id,name\n1,a\n../../x,b\n", "第 3 行的学号"),
        ('id,name\n1,"a\n', "第 2 行读不出来"),
    ],
)
def test_a_roll_with_a_fault_is_not_taken_at_all(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_roll(write(tmp_path, text))
    assert said in caught.value.cause


def test_many_faults_are_counted_not_listed(tmp_path: Path) -> None:
    text = "id\n" + "".join(f"a/{k}\n" for k in range(50))
    with pytest.raises(UserError, match="等 50 处"):
        read_roll(write(tmp_path, text))


def test_no_file_a_folder_and_noise_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="名单不在"):
        read_roll(tmp_path / "none.csv")
    with pytest.raises(UserError):
        read_roll(tmp_path)
    with pytest.raises(UserError, match="编码认不出来"):
        read_roll(write(tmp_path, b"id,name\n1,\xff\xff\x80\n"))
    assert read_roll(write(tmp_path, codecs.BOM_UTF8 + b"id\n")).people == ()


@pytest.mark.parametrize(
    "name", ["2026001", "张三", "Анна", "أحمد", "राम", "a b", "José", "x.y", "名_1-2", "ক্\u200dষ"]
)
def test_names_in_any_script_are_ids(name: str) -> None:
    assert collision_key(student_id(name)) == collision_key(name)


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../../x", "a/b", "a\\b", "C:x", "a\x00b", "a\nb", "-rf", ".hidden", "x.",
     "CON", "nul.txt", "a*b", "a\u202eb", "a\ud800b", "\u200e", "x" * 200, "~root"],
)  # fmt: skip
def test_names_that_could_lead_elsewhere_are_not(name: str) -> None:
    with pytest.raises(ValueError):
        student_id(name)


@given(st.text(max_size=90))
def test_an_id_is_one_part_of_a_path_everywhere(text: str) -> None:
    try:
        name = student_id(text)
    except ValueError:
        return
    assert student_id(name) == name
    for kind in (PurePosixPath, PureWindowsPath):
        assert kind("top", name).parts == ("top", name)
        assert kind("top", name).parent == kind("top")
