"""The class roll: who is in the class, read from a CSV as schools export it.

UTF-8 with or without BOM, or GBK; comma, semicolon or tab; headers in Chinese or English. A roll
is taken whole or not at all: a duplicate or unusable id stops with the numbers of the lines.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from aigc_course.errors import UserError, from_os_error

__all__ = ["Person", "Roll", "collision_key", "read_roll", "student_id"]

MAX_BYTES = 16 * 2**20
MAX_ID = 80  # characters; with a suffix it stays a legal file name in every script

_HEADERS = {
    "id": ("id", "student", "studentid", "username", "sisloginid", "学号", "学生编号", "编号"),
    "name": ("name", "fullname", "studentname", "姓名", "名字", "学生姓名"),
    "email": ("email", "mail", "emailaddress", "邮箱", "电子邮箱", "邮件", "电子邮件", "电邮"),
    "section": ("section", "class", "group", "班级", "班", "组", "分组", "教学班"),
}
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{n}{k}" for n in ("com", "lpt") for k in range(1, 10)}


@dataclass(frozen=True)
class Person:
    """One line of the roll."""

    id: str
    name: str = ""
    email: str = ""
    section: str = ""


@dataclass(frozen=True)
class Roll:
    """The class, in the roll's order; ``notes`` says what was unusual about the file."""

    people: tuple[Person, ...] = ()
    notes: tuple[str, ...] = ()

    def by_id(self) -> dict[str, Person]:
        return {person.id: person for person in self.people}


def student_id(text: str) -> str:
    """``text`` as an id that is safe as the name of a folder on every system, in form NFC.

    Letters and signs of any script are fine.

    Raises:
        ValueError: why it is not, in Chinese.

    Example:
        >>> student_id(" 张三-01 ")
        '张三-01'
        >>> student_id("../../x")
        Traceback (most recent call last):
            ...
        ValueError: 含有 /
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise ValueError("是空的")
    for char in name:
        if char in '/\\:*?"<>|':
            raise ValueError(f"含有 {char}")
        # zero-width joiners are spelling in several scripts; other format signs only mislead
        if unicodedata.category(char)[0] == "C" and char not in "\u200c\u200d":
            raise ValueError(f"含有看不见的字符 U+{ord(char):04X}")
    if name[0] in ".-~" or name[-1] in ".":
        raise ValueError("开头是 . - ~ 或结尾是 .")
    if name.split(".")[0].casefold() in _RESERVED:
        raise ValueError("是 Windows 的保留名")
    if len(name) > MAX_ID:
        raise ValueError(f"超过 {MAX_ID} 个字符")
    return name


def collision_key(name: str) -> str:
    """Equal for names that some file system takes for one: case and Unicode form do not count.

    Example:
        >>> collision_key("Ann") == collision_key("ANN")
        True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())


def read_roll(path: Path) -> Roll:
    """The class roll in ``path``.

    Args:
        path: a CSV with a header line; only the id column must be there.

    Raises:
        UserError: it cannot be read, has no id column, or ids are empty, unusable or doubled;
            the numbers of the lines are named.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"名单不在：{path}", "核对 --roll 后面的路径") from None
    except OSError as error:
        raise from_os_error(error, path) from error
    if len(raw) > MAX_BYTES:
        raise UserError(f"名单 {path.name} 超过 16 MB", "核对是不是给错了文件")
    text, notes = _decode(raw, path)
    rows = _rows(text, path)
    if not rows:
        raise UserError(f"名单 {path.name} 是空的", "第一行写表头：id,name,email,section")
    columns = _columns(rows[0][1])
    if "id" not in columns:
        found = "、".join(cell.strip() for cell in rows[0][1])[:80]
        raise UserError(
            f"名单 {path.name} 的表头里没有学号一列（有：{found}）",
            "第一行写表头：id,name,email,section 或 学号,姓名,邮箱,班级",
        )
    return Roll(_people(rows[1:], columns, path), notes)


def _decode(raw: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # what Excel calls "Unicode text"
        try:
            return raw.decode("utf-16"), (f"名单 {path.name} 是 UTF-16 编码",)
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("gb18030"), (f"名单 {path.name} 不是 UTF-8，按 GBK 读的，请核对姓名",)
    except UnicodeDecodeError:
        raise UserError(f"名单 {path.name} 的编码认不出来", "另存为 UTF-8 的 CSV") from None


def _rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Each row with the number of the line it ends on; blank ones left out."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    if not first.count(delimiter) and "，" in first:
        raise UserError(f"名单 {path.name} 用的是中文逗号", "换成英文逗号")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UserError(
            f"名单 {path.name} 第 {reader.line_num} 行读不出来（{error}）", "检查那一行的引号"
        ) from error


def _columns(header: list[str]) -> dict[str, int]:
    known = {word: field for field, words in _HEADERS.items() for word in words}
    columns: dict[str, int] = {}
    for k, cell in enumerate(header):
        word = "".join(c for c in cell.casefold() if c.isalnum())
        if word in known:
            columns.setdefault(known[word], k)
    return columns


def _people(
    rows: list[tuple[int, list[str]]], columns: dict[str, int], path: Path
) -> tuple[Person, ...]:
    people: list[Person] = []
    lines: dict[str, list[int]] = defaultdict(list)
    bad: list[str] = []
    for line, row in rows:
        cells = {field: row[k].strip() if k < len(row) else "" for field, k in columns.items()}
        try:
            person = Person(
                student_id(cells["id"]),
                cells.get("name", ""),
                cells.get("email", ""),
                cells.get("section", ""),
            )
        except ValueError as error:
            bad.append(f"第 {line} 行的学号{error}")
            continue
        people.append(person)
        lines[collision_key(person.id)].append(line)
    doubled = [where for where in lines.values() if len(where) > 1]
    bad += [f"第 {'、'.join(map(str, where))} 行是同一个学号" for where in doubled]
    if bad:
        more = f"，等 {len(bad)} 处" if len(bad) > 5 else ""
        raise UserError(
            f"名单 {path.name} 有误：{'；'.join(bad[:5])}{more}", "改好再来一次；什么都还没批改"
        )
    return tuple(people)
